"""Flora on toy worlds: it learns, it transfers, it does not when texts are shuffled, and it keeps its promises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from zsar_kit.errors import ConfigError, TextError
from zsar_kit.methods.base import Batch
from zsar_kit.methods.flora import Flora
from zsar_kit.methods.flora.config import AlignConfig, FloraConfig, FlowConfig, TextConfig, presets
from zsar_kit.seeding import torch_generator
from zsar_kit.training.loop import Bookkeeping, TrainingLoop, fit

TINY = FloraConfig(
    TextConfig(sets=("motion",), k=1, tau=0.1, scale="rms"),
    AlignConfig(latent_dim=32, steps=120, learning_rate=5e-3, batch_size=32),
    FlowConfig(heads=2, mlp_ratio=1.0, steps=60, learning_rate=5e-3, batch_size=32),
)
SHORT = TINY.override({"align.steps": 6, "flow.steps": 5, "align.latent_dim": 8})


def train(training, config=TINY, seed=0, **options):
    return fit(Flora, config, training, seed=seed, **{"progress": False, **options})


def made(config, training, seed=0):
    """A method as it is before its first step."""
    method = Flora(config, training.task, torch_generator(seed))
    method.observe(training)
    return method


def scores_of(method, features, classes):
    return method.class_scores(torch.from_numpy(features), classes).heads["flow"]


def same(one, other, skip="table."):
    a, b = one.state_dict(), other.state_dict()
    return all(torch.equal(a[k], b[k]) for k in a if not (skip and k.startswith(skip)))


@pytest.fixture(scope="module")
def fitted(toy):
    return train(toy.training)


@pytest.mark.slow
def test_transfers_to_unseen_classes_unless_texts_are_shuffled(make_toy, toy, fitted):
    right, wrong = [toy.accuracy(scores_of(fitted, toy.features, toy.unseen))], []
    for seed in (1, 2):
        world = make_toy(seed)
        right.append(world.accuracy(scores_of(train(world.training, seed=seed), world.features, world.unseen)))
    for seed in range(3):
        world = make_toy(seed, shuffle=True)
        wrong.append(world.accuracy(scores_of(train(world.training, seed=seed), world.features, world.unseen)))
    # Ten unseen classes: chance is 0.1. One seed with shuffled texts has a standard deviation of about 0.1.
    assert np.mean(right) > 0.7, right
    assert np.mean(wrong) < 0.25, wrong


def test_one_batch_is_learnt(toy):
    """With one batch and the same draws in every step, either phase's loss falls to less than a fifth."""
    rows = np.arange(0, 400, 25)
    batch = Batch(torch.from_numpy(toy.training.features[rows]), torch.from_numpy(toy.training.labels[rows]))
    method = made(TINY, toy.training)
    losses = {}
    for phase in method.phases():
        method.train()
        optimizer = phase.optimizer(list(phase.parameters()))
        losses[phase.name] = []
        for _ in range(100):
            output = method.training_step(batch, phase.name, torch_generator(0, phase.name))
            optimizer.zero_grad()
            output.loss.backward()
            optimizer.step()
            losses[phase.name].append({k: v.item() for k, v in output.losses.items()})
    for steps in losses.values():
        assert sum(steps[-1].values()) < 0.2 * sum(steps[0].values())
    assert set(losses["align"][0]) == {
        "reconstruct_ss", "reconstruct_aa", "reconstruct_sa", "reconstruct_as", "geometric"
    }  # fmt: skip
    assert set(losses["flow"][0]) == {"flow", "contrast"}
    assert all(step["contrast"] < 0 < step["flow"] for step in losses["flow"])


@pytest.mark.parametrize("error", ["per_token", "mean_square", "total"])
def test_scores_are_negative_positive_errors(toy, fitted, error):
    method = made(TINY.override({"flow.error": error}), toy.training)
    method.load_state_dict(fitted.state_dict())
    found = method.eval().class_scores(torch.from_numpy(toy.features[:7]), toy.unseen)
    assert found.heads.keys() == found.errors.keys() == {"flow"}
    assert found.errors["flow"].shape == (7, len(toy.unseen))
    assert (found.errors["flow"] > 0).all()
    assert torch.equal(found.heads["flow"], -found.errors["flow"])


def test_error_is_the_papers(toy, fitted):
    """Eq. 14 for a few pairs, written out: the means as latents, the time as configured, real tokens only."""
    x = torch.from_numpy(toy.features[::50])
    z_s = fitted.vae.encode_skeleton(x / fitted.feature_scale).mu
    classes, t = (25, 3), TINY.flow.t
    found = fitted.class_scores(x, classes).errors["flow"]
    for column, c in enumerate(classes):
        z_a = fitted.vae.encode_text(fitted.table.tokens[c][fitted.table.mask[c]]).mu
        for row in range(len(x)):
            z_1 = z_s[row].expand_as(z_a)
            z_t = (1 - (1 - 1e-5) * t) * z_a + t * z_1
            v = fitted.field(z_t[None], torch.tensor([t]))[0]
            expected = (v - (z_1 - (1 - 1e-5) * z_a)).square().sum(1).mean().sqrt()
            torch.testing.assert_close(found[row, column], expected, rtol=1e-4, atol=1e-5)


def test_scores_do_not_depend_on_the_batch_or_on_other_classes(toy, fitted):
    scores = scores_of(fitted, toy.features, toy.unseen)
    assert torch.equal(scores, scores_of(fitted, toy.features, toy.unseen))  # nothing is drawn
    rows = [3, 77, 150]
    torch.testing.assert_close(scores_of(fitted, toy.features[rows], toy.unseen), scores[rows], rtol=1e-4, atol=1e-5)
    order = np.random.default_rng(0).permutation(len(toy.unseen))
    permuted = tuple(np.array(toy.unseen)[order].tolist())
    torch.testing.assert_close(scores_of(fitted, toy.features, permuted), scores[:, order], rtol=1e-4, atol=1e-5)
    every = scores_of(fitted, toy.features, toy.training.task.seen + toy.unseen)
    torch.testing.assert_close(every[:, 20:], scores, rtol=1e-4, atol=1e-5)
    with pytest.raises(TextError, match="class 99 has no text"):
        scores_of(fitted, toy.features, (0, 99))


def test_training_is_deterministic(toy):
    one = train(toy.training, SHORT)
    assert same(one, train(toy.training, SHORT), skip=None)
    other = train(toy.training, SHORT, seed=1)
    for part in ("vae.encode_text.mu.weight", "field.head.weight"):
        assert not torch.equal(one.state_dict()[part], other.state_dict()[part])


@pytest.mark.parametrize(("phase", "step"), [("align", 4), ("flow", 1), ("flow", 3)])
def test_resumed_training_ends_with_the_same_bytes(tmp_path, toy, phase, step):
    def stop(at_phase, at_step, losses):
        if (at_phase, at_step) == (phase, step):
            raise KeyboardInterrupt

    options = {"checkpoint": tmp_path / "c", "every": 2, "log_every": 1}
    with pytest.raises(KeyboardInterrupt):
        train(toy.training, SHORT, on_step=stop, **options)
    resumed, whole = train(toy.training, SHORT, **options), train(toy.training, SHORT)
    assert same(resumed, whole, skip=None)
    assert torch.equal(scores_of(resumed, toy.features[:9], toy.unseen), scores_of(whole, toy.features[:9], toy.unseen))


def test_flow_leaves_the_alignment_alone(toy):
    aligned = {}

    def keep(phase, step, losses):
        if phase == "align" and step == SHORT.align.steps:
            aligned.update({k: v.clone() for k, v in method.vae.state_dict().items()})

    method = made(SHORT, toy.training)
    TrainingLoop(method, toy.training, seed=0, bookkeeping=Bookkeeping(on_step=keep, progress=False)).run()
    assert aligned
    assert all(torch.equal(v, aligned[k]) for k, v in method.vae.state_dict().items())
    torch.testing.assert_close(method._texts().mu, method.vae.encode_text(method.table.tokens).mu)


def test_scores_after_more_training_use_the_new_text_latents(toy, fitted):
    method = made(TINY, toy.training, seed=1).eval()
    scores_of(method, toy.features[:5], toy.unseen)  # text latents are kept from now on
    method.train()
    method.load_state_dict(fitted.state_dict())
    method.eval()
    expected = scores_of(fitted, toy.features[:5], toy.unseen)
    assert torch.equal(scores_of(method, toy.features[:5], toy.unseen), expected)


def other_unseen_texts(toy):
    """The training set with wholly other texts of unseen classes."""
    rows, rng = list(toy.unseen), np.random.default_rng(9)
    tokens, pooled = toy.text.tokens.copy(), toy.text.pooled.copy()
    tokens[rows] = 5 * rng.normal(size=tokens[rows].shape) * toy.text.mask[rows][..., None]
    pooled[rows] = toy.text.pooled[: len(rows)]  # each is now the nearest neighbour of a seen class
    return toy.with_text(tokens=tokens, pooled=pooled)


@pytest.mark.parametrize("change", [{"text.pool": "seen"}, {"text.k": 0}, {"text.pool": "seen", "text.k": 3}])
def test_inductive_training_never_uses_unseen_texts(toy, change):
    config = SHORT.override(change)
    assert config.text_use() == "inductive"
    one, other = train(toy.training, config), train(other_unseen_texts(toy), config)
    assert same(one, other)
    assert torch.equal(one.table.tokens[:20], other.table.tokens[:20])
    assert not torch.equal(one.table.tokens[20:], other.table.tokens[20:])


def test_neighbours_among_all_classes_are_marked_and_used(toy):
    config = SHORT.override({"text.pool": "all"})
    assert config.text_use() == "transductive text"
    assert FloraConfig().text_use() == "transductive text"
    one, other = train(toy.training, config), train(other_unseen_texts(toy), config)
    assert not torch.equal(one.table.tokens[:20], other.table.tokens[:20])


def test_scale_of_features_and_texts_does_not_matter(toy):
    louder = toy.with_text(tokens=8 * toy.text.tokens, pooled=8 * toy.text.pooled)
    louder = replace(louder, features=4 * louder.features)
    quiet, loud = train(toy.training, SHORT), train(louder, SHORT)
    torch.testing.assert_close(
        scores_of(loud, 4 * toy.features[:20], toy.unseen),
        scores_of(quiet, toy.features[:20], toy.unseen),
        rtol=1e-4,
        atol=1e-5,
    )
    unscaled = SHORT.override({"text.scale": "none"})
    assert (made(unscaled, louder).feature_scale == 1).all()
    assert made(SHORT, louder).feature_scale.numpy() == pytest.approx(
        np.sqrt(np.mean(louder.features.astype(np.float64) ** 2)), rel=1e-6
    )


def test_standard_scale_takes_the_seen_classes_mean_and_spread(toy):
    shifted = replace(toy.training, features=toy.training.features * 3 + np.arange(16, dtype=np.float32))
    config = SHORT.override({"text.scale": "standard"})
    method = made(config, shifted)
    scaled = method._scaled(torch.from_numpy(shifted.features))
    torch.testing.assert_close(scaled.mean(0), torch.zeros(16), atol=1e-4, rtol=0)
    torch.testing.assert_close(scaled.std(0, correction=0), torch.ones(16), atol=1e-4, rtol=0)
    words = method.table.tokens[:20][method.table.mask[:20]]
    torch.testing.assert_close(words.mean(0), torch.zeros(8), atol=1e-5, rtol=0)
    assert float(words.square().mean()) == pytest.approx(1.0, rel=1e-5)
    assert (method.table.tokens[~method.table.mask] == 0).all()
    # Unseen texts act neither through the mean nor through the spread.
    inductive = config.override({"text.k": 0})
    tables = [made(inductive, t).table for t in (toy.training, other_unseen_texts(toy))]
    assert torch.equal(tables[0].tokens[:20], tables[1].tokens[:20])


def test_joined_texts_and_names_of_text_sets(toy):
    config = SHORT.override({"text.sets": ["label", "motion"], "text.max_tokens": 3})
    assert config.text_sets() == ("label", "motion")
    method = made(config, toy.training)
    assert method.table.tokens.shape == (30, 4, 16)
    with pytest.raises(TextError, match="the text set 'sign' is needed"):
        made(SHORT.override({"text.sets": ["sign"]}), toy.training)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flow.lambda_flow": 1.0}, r"'lambda_flow' must be in \[0, 1\): .*no lower bound, got 1.0"),
        ({"flow.lambda_flow": -0.1}, r"'lambda_flow' must be in \[0, 1\)"),
        ({"flow.t": 1.01}, r"'t' must be in \[0, 1\], got 1.01"),
        ({"flow.t": -0.01}, r"'t' must be in \[0, 1\]"),
        ({"flow.heads": 5}, "flow.heads must divide align.latent_dim, got 5 and 768"),
        ({"flow.heads": 0}, "'heads' must be at least 1"),
        ({"flow.depth": 0}, "'depth' must be at least 1"),
        ({"flow.mlp_ratio": 0.0}, "'mlp_ratio' must be positive"),
        ({"flow.times": "normal"}, "'times' must be one of 'logit_normal', 'uniform', got 'normal'"),
        ({"flow.direction": "up"}, "'direction' must be one of"),
        ({"flow.error": "rms"}, "'error' must be one of"),
        ({"flow.batch_size": 1}, "'batch_size' must be at least 2"),
        ({"flow.weight_decay": -1.0}, "'weight_decay' must be at least 0"),
        ({"align.lambda_align": -1.0}, "'lambda_align' must be at least 0"),
        ({"align.learning_rate": "1e-4"}, r"'learning_rate' must be float, got '1e-4' \(str\)"),
        ({"align.steps": 0}, "'steps' must be at least 1"),
        ({"text.k": -1}, "'k' must be at least 0"),
        ({"text.tau": -0.5}, "'tau' must be at least 0"),
        ({"text.sets": []}, "'sets' must be at least one text set"),
        ({"text.pool": "unseen"}, "'pool' must be one of 'all', 'seen'"),
        ({"text.tau_zsl": -1.0}, "'tau_zsl' must be at least 0, or None"),
        ({"text.scale": "unit"}, "'scale' must be one of"),
        ({"align.regularizer": "mmd"}, "'regularizer' must be one of"),
        ({"align.beta": -0.1}, "'beta' must be at least 0"),
        ({"align.hidden_dim": 0}, "'hidden_dim' must be at least 1, or None"),
        ({"flow.pairs": 0}, "'pairs' must be at least 1"),
        ({"flow.source_noise": -1.0}, "'source_noise' must be at least 0"),
        ({"gamma": 0.0}, "'gamma' must be positive for a ratio"),
        ({"gamma": 1.0, "gate_kind": "logistic"}, "'gamma' must be None for a logistic gate"),
        ({"linear.draws": 0}, "'draws' must be at least 1"),
        ({"text.neighbours": 2}, "unknown key 'text.neighbours'"),
    ],
)
def test_ranges(changes, message):
    with pytest.raises(ConfigError, match=message):
        FloraConfig().override(changes)


VARIANTS = [
    {"text.keep_padding": True, "text.max_tokens": 7},
    {"text.scale": "standard"},
    {"align.regularizer": "kl"},
    {"align.regularizer": "none", "align.hidden_dim": 12, "align.decoder_relu": True},
    {"align.spread": "log_variance", "align.reduction": "sum", "align.lambda_align": 0.01},
    {"align.shared_noise": True},
    {"flow.network": "mlp", "flow.pairs": 3},
    {"flow.source_noise": 0.5},
    {"flow.condition": True, "flow.positions": False},
    {"flow.sample_at_test": True},
    {"flow.centre": True},
    {"flow.direction": "skeleton_to_text", "flow.times": "uniform"},
    {"classifier": "linear", "linear.draws": 20},
    {"classifier": "similarity"},
]


@pytest.mark.slow
@pytest.mark.parametrize("change", VARIANTS, ids=lambda c: ",".join(c))
def test_every_variant_transfers(toy, change):
    """Each ablation is still a method: well above chance (0.1) with texts that mean something."""
    method = train(toy.training, TINY.override(change))
    features = torch.from_numpy(toy.features)
    found = method.class_scores(features, toy.unseen)
    (scores,) = found.heads.values()
    assert torch.isfinite(scores).all()
    assert toy.accuracy(scores) > 0.25, toy.accuracy(scores)
    again = method.class_scores(features, toy.unseen)
    assert torch.equal(scores, next(iter(again.heads.values())))  # also where draws are part of the prediction
    assert found.errors.keys() == (found.heads.keys() if TINY.override(change).classifier == "flow" else set())
    assert all((e > 0).all() for e in found.errors.values())


def test_digests_and_files_of_before_the_gate_was_renamed_are_still_good():
    """Runs are found by digest, and their files say ``gate``."""
    before = {
        "cpu": "efb45850d505",
        "paper": "c197886f5ccf",
        "synse_ntu60_55_5": "c197886f5ccf",
        "synse_ntu60_55_5_as_released": "9455d09e899e",
    }
    assert {name: presets()[name].digest() for name in before} == before
    other = FloraConfig().override({"gate_kind": "stacking"})
    assert other.digest() == "93ec6a9c4e42"
    assert other.identity()["gate"] == "stacking"
    assert other.to_dict()["gate_kind"] == "stacking"
    stored = {**FloraConfig().to_dict(), "gate": "stacking"}
    del stored["gate_kind"]
    assert FloraConfig.from_dict(stored) == FloraConfig().override({"gate": "stacking"}) == other


def test_as_released_has_a_model_for_each_setting_and_its_gamma():
    config = presets()["synse_ntu60_55_5_as_released"]
    assert (config.text.max_tokens, config.text.k, config.text.tau, config.gamma) == (60, 2, 0.4, 0.75)
    zsl = config.zsl_config()
    assert zsl is not None
    assert zsl.to_dict() == config.override({"text.tau": 1.0, "text.tau_zsl": None}).to_dict()
    assert zsl.zsl_config() is None
    assert presets()["synse_ntu60_55_5"].zsl_config() is None
    assert (config.gate().kind, config.gate().gamma) == ("ratio", 0.75)
    assert FloraConfig().override({"classifier": "similarity"}).gate().kind == "stacking"


def test_centred_errors_are_the_definition(toy, fitted):
    """Log error minus its mean over the mean skeletons of the other seen classes; one loop entry at a time."""
    method = made(TINY.override({"flow.centre": True}), toy.training)
    method.load_state_dict(fitted.state_dict())
    method.eval()
    x, classes = torch.from_numpy(toy.features[:4]), (2, 25)
    found = method.class_scores(x, classes).errors["flow"]
    plain = fitted.class_scores(x, classes).errors["flow"]
    for column, c in enumerate(classes):
        logs = []
        for other in toy.training.task.seen:
            if other == c:
                continue
            mean = toy.training.features[toy.training.labels == other].mean(0)
            error = fitted.class_scores(torch.from_numpy(mean[None]), (c,)).errors["flow"]
            logs.append(float(error.log()))
        expected = (plain[:, column].log() - float(np.mean(logs))).exp()
        torch.testing.assert_close(found[:, column], expected, rtol=1e-4, atol=1e-5)


def split_semantics(toy, new):
    """The toy's semantics without the classes ``new``, and of these alone."""
    old = [c for c in toy.text.class_ids if c not in new]
    return toy.text.select(old), toy.text.select(new)


def test_added_classes_are_scored_like_classes_that_were_there(toy):
    """With attunement among seen classes and one another only, it makes no difference when a class came."""
    config = SHORT.override({"text.pool": "seen", "text.k": 2})
    known, new = split_semantics(toy, (28, 29))
    late = train(toy.with_semantics({"motion": known}), config)
    early = train(toy.training, config.override({"text.k": 0}))
    classes, x = (5, 28, 29, 21), toy.features[:6]
    before = scores_of(late, x, (5, 21))
    late.add_classes({"motion": new})
    assert late.table.class_ids[-2:] == (28, 29)
    after = scores_of(late, x, classes)
    torch.testing.assert_close(after[:, [0, 3]], before)  # what was there stays as it was
    plain = train(toy.with_semantics({"motion": known}), config.override({"text.k": 0}))
    plain.add_classes({"motion": new})
    torch.testing.assert_close(scores_of(plain, x, classes), scores_of(early, x, classes), rtol=1e-4, atol=1e-5)
    with pytest.raises(TextError, match="class id 28 is taken"):
        late.add_classes({"motion": new})
    with pytest.raises(TextError, match="the text set 'motion' is needed; there are label"):
        late.add_classes({"label": new})


def test_added_classes_attune_against_seen_classes_and_one_another(toy):
    """Their neighbours by Eq. 7-8 in a loop: unseen classes of the run are no candidates."""
    config = SHORT.override({"text.k": 1, "text.tau": 0.5, "text.scale": "none"})
    known, new = split_semantics(toy, (27, 28, 29))
    method = made(config, toy.with_semantics({"motion": known}))
    method.add_classes({"motion": new})
    pooled = toy.text.pooled / np.linalg.norm(toy.text.pooled, axis=1, keepdims=True)
    for c in (27, 28, 29):
        others = [o for o in (*toy.training.task.seen, 27, 28, 29) if o != c]
        similarity = pooled[others] @ pooled[c]
        best = others[int(np.argmax(similarity))]
        expected = toy.text.pooled[c] + 0.5 * similarity.max() * toy.text.pooled[best]
        row = method.table.class_ids.index(c)
        last = int(method.table.mask[row].sum()) - 1
        np.testing.assert_allclose(method.table.tokens[row, last].numpy(), expected, rtol=1e-5, atol=1e-6)
