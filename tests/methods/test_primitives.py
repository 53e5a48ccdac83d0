"""Primitives as methods: minus the mean distance over what both sides know, and what seen classes may change of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from zsar_kit.errors import ConfigError, DataError, TextError
from zsar_kit.evaluation.calibration import fit_gamma
from zsar_kit.evaluation.scores import Scores
from zsar_kit.methods.primitives import (
    FINEST,
    LEAST_ERROR,
    CalibratedConfig,
    CalibratedPrimitives,
    Primitives,
    PrimitivesConfig,
)
from zsar_kit.methods.registry import preset
from zsar_kit.methods.task import Task, TrainingSet
from zsar_kit.primitives.attributes import attribute_names
from zsar_kit.primitives.measure import packed
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.semantics.text_encoder import LanguageRecord
from zsar_kit.training.loop import fit

COUNT = len(attribute_names())
NORMS = ("none", "offset", "noise", "standard")
METHODS = {
    "primitives": (Primitives, PrimitivesConfig()),
    **{norm: (Primitives, PrimitivesConfig(norm=norm, power=2.0)) for norm in NORMS[1:]},
    "calibrated": (CalibratedPrimitives, CalibratedConfig(fit="all", shrinkage=2.0, power=1.0)),
    "weights": (CalibratedPrimitives, CalibratedConfig(fit="weights", shrinkage=2.0, power=2.0)),
}
each_method = pytest.mark.parametrize(("method", "config"), METHODS.values(), ids=METHODS.keys())


def semantics_of(expected: np.ndarray, first: int = 0) -> Semantics:
    """Expected levels, NaN where unknown, as the text set ``levels`` of classes with ids from ``first``."""
    pooled = packed(expected.astype(np.float32))
    ids = tuple(range(first, first + len(expected)))
    return Semantics(
        dataset="toy",
        text_set="levels",
        class_ids=ids,
        class_names=tuple(f"class {i}" for i in ids),
        texts=((),) * len(ids),
        tokens=pooled[:, None],
        mask=np.ones((len(ids), 1), dtype=bool),
        pooled=pooled,
        language=LanguageRecord("toy", "0", "", 2 * COUNT, None, "levels"),
    )


@dataclass(frozen=True)
class World:
    """Ten seen and five unseen classes whose clips measure slope * expected + offset + noise."""

    expected: np.ndarray
    measured: np.ndarray
    labels: np.ndarray
    training: TrainingSet
    unseen: tuple[int, ...]

    @property
    def features(self) -> torch.Tensor:
        """Packed levels of the clips of unseen classes."""
        return torch.from_numpy(packed(self.measured[np.isin(self.labels, self.unseen)]))

    @property
    def truth(self) -> np.ndarray:
        return self.labels[np.isin(self.labels, self.unseen)]


def build(
    seed: int = 0,
    *,
    slope: np.ndarray | float = 1.0,
    offset: np.ndarray | float = 0.0,
    noise: np.ndarray | float = 0.1,
    missing: float = 0.2,
    seen: int = 10,
) -> World:
    rng = np.random.default_rng(seed)
    expected = rng.choice([0.0, 0.25, 0.5, 0.75, 1.0], size=(seen + 5, COUNT))
    labels = np.repeat(np.arange(seen + 5), 12)
    measured = slope * expected[labels] + offset + noise * rng.normal(size=(len(labels), COUNT))
    measured[rng.random(measured.shape) < missing] = np.nan
    expected[rng.random(expected.shape) < missing] = np.nan
    measured = measured.astype(np.float32)
    mine = labels < seen
    task = Task((2 * COUNT,), tuple(range(seen)), {"levels": semantics_of(expected)})
    training = TrainingSet(packed(measured[mine]), labels[mine], task)
    return World(expected, measured, labels, training, tuple(range(seen, seen + 5)))


def scores_of(method, features, classes) -> np.ndarray:
    return method.class_scores(features, classes).heads["levels"].numpy()


def accuracy(method, world: World) -> float:
    scores = scores_of(method, world.features, world.unseen)
    return float((np.array(world.unseen)[scores.argmax(1)] == world.truth).mean())


def trained(method, config, world: World):
    return fit(method, config, world.training, seed=0, progress=False)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_score_is_minus_the_mean_distance_over_what_both_know(power):
    world = build()
    method = trained(Primitives, PrimitivesConfig(power=power), world)
    found = scores_of(method, world.features[:7], world.unseen)
    clips = world.measured[np.isin(world.labels, world.unseen)][:7].astype(np.float64)
    for i, clip in enumerate(clips):
        for k, c in enumerate(world.unseen):
            parts = [abs(m - e) ** power for m, e in zip(clip, world.expected[c], strict=True) if m == m and e == e]
            assert found[i, k] == pytest.approx(-sum(parts) / len(parts) - LEAST_ERROR, abs=1e-5)


@each_method
def test_errors_are_minus_the_scores_and_positive(method, config):
    world = build()
    scores = trained(method, config, world).class_scores(world.features, world.unseen)
    assert torch.equal(scores.errors["levels"], -scores.heads["levels"])
    assert float(scores.errors["levels"].min()) > 0


@each_method
def test_it_finds_unseen_classes(method, config):
    world = build(noise=0.3)
    assert accuracy(trained(method, config, world), world) > 0.95


@each_method
def test_unknown_attributes_on_either_side_play_no_part(method, config):
    """Whatever stands in the place of a level that is not known."""
    world = build()
    fitted = trained(method, config, world)
    features = world.features.clone()
    hidden = features[:, COUNT:] < 0.5
    features[:, :COUNT][hidden] = 77.0
    task, text = world.training.task, world.training.task.semantics["levels"]
    pooled = text.pooled.copy()
    pooled[:, :COUNT][pooled[:, COUNT:] < 0.5] = -33.0
    pooled_training = world.training.features.copy()
    pooled_training[:, :COUNT][pooled_training[:, COUNT:] < 0.5] = 55.0
    task = replace(task, semantics={"levels": replace(text, pooled=pooled)})
    other = fit(method, config, TrainingSet(pooled_training, world.training.labels, task), seed=0, progress=False)
    scores = [scores_of(m, f, world.unseen) for m, f in ((fitted, world.features), (other, features))]
    np.testing.assert_allclose(*scores, atol=1e-5)


@each_method
def test_nothing_in_common_gives_a_finite_score_that_does_not_win(method, config):
    world = build(noise=0.05, missing=0.0)
    expected = world.expected.copy()
    expected[12] = np.nan
    task = replace(world.training.task, semantics={"levels": semantics_of(expected)})
    training = replace(world.training, task=task)
    fitted = fit(method, config, training, seed=0, progress=False)
    features = world.features.clone()
    scores = scores_of(fitted, features, world.unseen)
    assert np.isfinite(scores).all()
    of_others = world.truth != 12
    assert (scores[of_others].argmax(1) != 2).all()
    features[0, COUNT:] = 0
    assert np.isfinite(scores_of(fitted, features, world.unseen)).all()
    alone = scores_of(fitted, features[:1], world.unseen)
    np.testing.assert_allclose(alone, scores_of(fitted, features, world.unseen)[:1], atol=1e-6)


@each_method
def test_order_of_classes_and_batch_do_not_matter(method, config):
    world = build()
    fitted = trained(method, config, world)
    scores = scores_of(fitted, world.features, world.unseen)
    backwards = scores_of(fitted, world.features, world.unseen[::-1])
    np.testing.assert_allclose(backwards, scores[:, ::-1], atol=1e-6)
    np.testing.assert_allclose(scores_of(fitted, world.features[4:5], world.unseen), scores[4:5], atol=1e-6)
    every = tuple(range(15))
    np.testing.assert_allclose(scores_of(fitted, world.features, every)[:, 10:], scores, atol=1e-6)


@each_method
def test_the_order_of_training_samples_does_not_matter_nor_what_unseen_classes_expect(method, config):
    world = build()
    order = np.random.default_rng(1).permutation(len(world.training.labels))
    shuffled = TrainingSet(world.training.features[order], world.training.labels[order], world.training.task)
    one, other = trained(method, config, world), fit(method, config, shuffled, seed=5, progress=False)
    np.testing.assert_allclose(
        scores_of(one, world.features, world.unseen), scores_of(other, world.features, world.unseen), atol=1e-5
    )
    expected = world.expected.copy()
    expected[list(world.unseen)] = 1 - expected[list(world.unseen)]
    changed = replace(world.training, task=replace(world.training.task, semantics={"levels": semantics_of(expected)}))
    blind = fit(method, config, changed, seed=0, progress=False)
    seen = world.training.task.seen
    np.testing.assert_array_equal(scores_of(blind, world.features, seen), scores_of(one, world.features, seen))


@each_method
def test_classes_can_be_added_by_their_levels_alone(method, config):
    world = build()
    short = replace(
        world.training, task=replace(world.training.task, semantics={"levels": semantics_of(world.expected[:10])})
    )
    late = fit(method, config, short, seed=0, progress=False)
    late.add_classes({"levels": semantics_of(world.expected[10:], first=10)})
    whole = trained(method, config, world)
    np.testing.assert_allclose(
        scores_of(late, world.features, world.unseen), scores_of(whole, world.features, world.unseen), atol=1e-6
    )
    with pytest.raises(TextError, match="class id 14 is taken"):
        late.add_classes({"levels": semantics_of(world.expected[:1], first=14)})
    with pytest.raises(TextError, match="levels"):
        late.add_classes({"motion": semantics_of(world.expected[:1], first=20)})
    with pytest.raises(TextError, match="class 99 has no text"):
        late.class_scores(world.features, (99,))


@each_method
def test_a_stored_state_scores_the_same(method, config):
    world = build(slope=0.7, offset=0.1)
    fitted = trained(method, config, world)
    again = method(config, world.training.task, torch.Generator())
    again.load_state_dict({name: tensor.clone() for name, tensor in fitted.state_dict().items()})
    np.testing.assert_array_equal(
        scores_of(again, world.features, world.unseen), scores_of(fitted, world.features, world.unseen)
    )


def test_training_free_is_free_of_training():
    """Other training samples, the same scores: nothing but the form and the clip takes part."""
    world = build()
    other = replace(world.training, features=np.flip(world.training.features, axis=0).copy())
    one, two = (fit(Primitives, PrimitivesConfig(), t, seed=0, progress=False) for t in (world.training, other))
    np.testing.assert_array_equal(
        scores_of(one, world.features, world.unseen), scores_of(two, world.features, world.unseen)
    )
    assert one.phases() == ()


@pytest.mark.parametrize("norm", NORMS)
def test_each_norm_is_what_it_says(norm):
    """Against plain numpy, over the seen classes; no level is missing here."""
    world = build(slope=0.6, offset=0.2, missing=0.0)
    method = trained(Primitives, PrimitivesConfig(norm=norm, power=1.0), world)
    mine = world.labels < 10
    clips, labels = world.measured[mine].astype(np.float64), world.labels[mine]
    means = np.stack([clips[labels == c].mean(0) for c in range(10)])
    within = np.sqrt(((clips - means[labels]) ** 2).sum(0) / (len(labels) - 10)).clip(FINEST)
    m, e = world.measured[~mine].astype(np.float64), world.expected[list(world.unseen)]
    if norm == "noise":
        m, e = m / within, e / within
    elif norm != "none":
        m, e = m - means.mean(0), e - world.expected[:10].mean(0)
    if norm == "standard":
        m = m / means.std(0, ddof=1).clip(FINEST)
        e = e / world.expected[:10].std(0, ddof=1).clip(FINEST)
    distance = np.abs(m[:, None] - e).mean(2)
    np.testing.assert_allclose(scores_of(method, world.features, world.unseen), -distance - LEAST_ERROR, atol=1e-4)


def test_an_attribute_that_only_one_side_knows_in_seen_classes_is_not_shifted():
    """Centred on one side alone, it would be off by its mean."""
    world = build(missing=0.0, offset=0.4)
    expected = world.expected.copy()
    expected[:10, :5] = np.nan
    task = replace(world.training.task, semantics={"levels": semantics_of(expected)})
    method = fit(
        Primitives, PrimitivesConfig(norm="offset"), replace(world.training, task=task), seed=0, progress=False
    )
    assert (method.measured_mean[:5] == 0).all()
    assert (method.expected_mean[:5] == 0).all()
    assert (method.measured_mean[5:] != 0).any()


def planted(seed: int = 0, **changes) -> tuple[World, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed + 100)
    slope, offset = rng.uniform(0.3, 1.2, COUNT), rng.uniform(-0.3, 0.3, COUNT)
    return build(seed, slope=slope, offset=offset, **changes), slope, offset


def test_calibration_recovers_planted_slopes_and_offsets_with_little_shrinkage():
    world, slope, offset = planted(noise=0.02, seen=30)
    config = CalibratedConfig(fit="all", shrinkage=1e-3, power=1.0)
    method = trained(CalibratedPrimitives, config, world)
    np.testing.assert_allclose(method.slope.numpy(), slope, atol=0.05)
    np.testing.assert_allclose(method.offset.numpy(), offset, atol=0.05)


def test_calibration_helps_where_the_form_is_off():
    free, calibrated = [], []
    config = CalibratedConfig(fit="all", shrinkage=2.0, power=1.0)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        slope, offset = rng.uniform(-0.2, 1.0, COUNT), rng.uniform(-0.6, 0.6, COUNT)
        world = build(seed, slope=slope, offset=offset, noise=rng.choice([0.3, 2.0], COUNT), seen=30)
        free.append(accuracy(trained(Primitives, PrimitivesConfig(), world), world))
        calibrated.append(accuracy(trained(CalibratedPrimitives, config, world), world))
    assert np.mean(calibrated) > np.mean(free) + 0.1


def test_attributes_that_follow_the_form_weigh_more():
    noise = np.where(np.arange(COUNT) % 2 == 0, 0.05, 1.0)
    world = build(noise=noise)
    method = trained(CalibratedPrimitives, CalibratedConfig(fit="all", shrinkage=2.0, power=1.0), world)
    weight = method.weight.numpy()
    assert weight[::2].min() > weight[1::2].max()


@pytest.mark.parametrize("fitted", ["all", "weights"])
@pytest.mark.parametrize("power", [1.0, 2.0])
def test_calibration_with_endless_shrinkage_is_the_training_free_method(power, fitted):
    world, _, _ = planted(noise=0.2)
    config = CalibratedConfig(fit=fitted, shrinkage=1e12, power=power)
    method = trained(CalibratedPrimitives, config, world)
    np.testing.assert_allclose(method.slope.numpy(), 1.0, atol=1e-6)
    np.testing.assert_allclose(method.offset.numpy(), 0.0, atol=1e-6)
    np.testing.assert_allclose(method.weight.numpy(), method.weight.numpy().mean(), rtol=1e-5)
    free = trained(Primitives, PrimitivesConfig(power=power), world)
    np.testing.assert_allclose(
        scores_of(method, world.features, world.unseen), scores_of(free, world.features, world.unseen), atol=1e-5
    )


def test_weights_alone_leave_the_levels_as_they_are():
    world, _, _ = planted()
    method = trained(CalibratedPrimitives, CalibratedConfig(fit="weights", shrinkage=2.0, power=1.0), world)
    assert (method.slope == 1).all()
    assert (method.offset == 0).all()
    assert method.weight.std() > 0


def test_one_seen_class_and_an_attribute_that_nobody_knows_are_no_trouble():
    world = build(seen=1, missing=0.0)
    features = world.training.features.copy()
    features[:, COUNT] = 0
    training = TrainingSet(features, world.training.labels, world.training.task)
    for method, config in METHODS.values():
        fitted = fit(method, config, training, seed=0, progress=False)
        assert np.isfinite(scores_of(fitted, world.features, world.unseen)).all()


@each_method
@pytest.mark.parametrize("kind", ["stacking", "ratio", "logistic"])
def test_every_gate_reads_its_scores(method, config, kind):
    """Fitted on one world of these classes, a gate recognises most of another world's seen and unseen samples."""
    config = replace(config, gate_kind=kind)
    assert config.gate().kind == kind
    worlds = [build(noise=0.4), build(1, noise=0.4)]
    folds = []
    for world in worlds:
        fitted, classes = trained(method, config, world), tuple(range(15))
        scores = fitted.class_scores(torch.from_numpy(packed(world.measured)), classes)
        parts = ({n: t.numpy() for n, t in group.items()} for group in (scores.heads, scores.errors))
        heads, errors = parts
        samples = tuple(f"clip {i}" for i in range(len(world.labels)))
        folds.append((Scores(heads, classes, samples, errors), world.labels, world.training.task.seen))
    gate = fit_gamma(kind, folds[:1]).gate
    scores, labels, seen = folds[1]
    predicted = gate.predict(scores, np.isin(scores.classes, seen))
    for part in (np.isin(labels, seen), ~np.isin(labels, seen)):
        assert (predicted == labels)[part].mean() > 0.7


def test_grids_are_what_is_left_open():
    assert PrimitivesConfig().grid() == [PrimitivesConfig()]
    assert len(PrimitivesConfig(norm=None, power=None).grid()) == 8
    assert len(CalibratedConfig().grid()) == 25
    assert len(CalibratedConfig(fit="all", power=1.0).grid()) == 5
    for config in (*PrimitivesConfig(norm=None, power=None).grid(), *CalibratedConfig().grid()):
        assert config.grid() == [config]
    shrinkages = [c.shrinkage for c in CalibratedConfig(fit="all", power=1.0).grid()]
    assert shrinkages == sorted(shrinkages)


def test_presets_read_attributes_and_levels():
    for name, presets in (
        ("primitives", ("fixed", "folds", "foretold")),
        ("primitives_calibrated", ("folds", "foretold")),
    ):
        for one in presets:
            config = preset(name, one)
            assert config.reads() == "primitives"
            assert config.text_sets() == ("levels_foretold" if one == "foretold" else "levels",)
    assert len(preset("primitives", "fixed").grid()) == 1


@pytest.mark.parametrize(
    ("config", "changes", "message"),
    [
        (PrimitivesConfig, {"power": 0.0}, "power"),
        (PrimitivesConfig, {"power": 9.0}, "power"),
        (CalibratedConfig, {"shrinkage": 0.0}, "shrinkage"),
        (CalibratedConfig, {"shrinkage": float("inf")}, "shrinkage"),
        (CalibratedConfig, {"shrinkage": float("nan")}, "shrinkage"),
        (CalibratedConfig, {"shrinkages": (2.0, 1.0)}, "shrinkages"),
        (CalibratedConfig, {"shrinkages": ()}, "shrinkages"),
        (CalibratedConfig, {"shrinkages": (0.0, 1.0)}, "shrinkages"),
    ],
)
def test_settings_out_of_range_are_refused(config, changes, message):
    with pytest.raises(ConfigError, match=message):
        config(**changes)


@each_method
def test_features_that_are_no_levels_are_refused(method, config):
    world = build()
    task = replace(world.training.task, feature_shape=(64,))
    with pytest.raises(DataError, match="levels of 138 attributes, got features of width 64"):
        method(config, task, torch.Generator())
