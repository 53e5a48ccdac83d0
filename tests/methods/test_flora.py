"""Flora on toy worlds: it learns, it transfers, it does not when texts are shuffled, and it keeps its promises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from zsar_kit.errors import ConfigError, TextError
from zsar_kit.methods.base import Batch
from zsar_kit.methods.flora import Flora
from zsar_kit.methods.flora.config import AS_RELEASED, AlignConfig, FloraConfig, FlowConfig, TextConfig, presets
from zsar_kit.models.flora.cross_vae import CrossVAE
from zsar_kit.models.flora.velocity import TimeCode, VelocityMLP
from zsar_kit.seeding import torch_generator
from zsar_kit.semantics.text_encoding import TextEncoding
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
            expected = (v - (z_1 - (1 - 1e-5) * z_a)).square().sum().sqrt()
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
    last = method.table.mask.sum(1) - 1
    pooled = method.table.condition[:20]
    is_word = method.table.mask & (torch.arange(method.table.mask.shape[1]) < last[:, None])
    for tokens in (method.table.tokens[:20][is_word[:20]], pooled):
        torch.testing.assert_close(tokens.mean(0), torch.zeros(8), atol=1e-5, rtol=0)
        assert float(tokens.square().mean()) == pytest.approx(1.0, rel=1e-5)
    assert (method.table.tokens[~method.table.mask] == 0).all()
    # Unseen texts act neither through the mean nor through the spread.
    inductive = config.override({"text.k": 0})
    tables = [made(inductive, t).table for t in (toy.training, other_unseen_texts(toy))]
    assert torch.equal(tables[0].tokens[:20], tables[1].tokens[:20])


def words_and_pooled(toy):
    """A training set whose pooled features are a fifth in size and elsewhere, and whose label text is a short one."""
    motion = toy.text
    label = replace(
        motion,
        text_set="label",
        tokens=(3 * motion.tokens[:, ::-1, ::-1] + 1).astype(np.float32)[:, :3],
        mask=np.ones((30, 3), dtype=bool) & (np.arange(3) < 1 + np.arange(30)[:, None] % 3),
        pooled=(0.2 * motion.pooled[::-1] + 5).astype(np.float32),
    )
    return toy.with_semantics({"motion": replace(motion, pooled=0.05 * motion.pooled - 0.3), "label": label})


def test_words_and_pooled_features_of_each_text_are_scaled_by_their_own_statistics(toy):
    """Of each text set: every word has zero mean and unit mean square over seen classes, every pooled feature too."""
    training = words_and_pooled(toy)
    config = SHORT.override({"text.sets": ["label", "motion"], "text.scale": "standard", "text.k": 2})
    table = made(config, training).table
    width = toy.text.pooled.shape[1]
    label, motion = (training.task.semantics[name] for name in ("label", "motion"))
    for part, text in ((slice(0, width), label), (slice(width, None), motion)):
        words, pooled = [], []
        for row in range(20):
            own = int(text.mask[row].sum())
            words += list(table.tokens[row, :own, part])
            pooled += [table.tokens[row, int(table.mask[row].sum()) - 1, part]]
        for kind in (torch.stack(words), torch.stack(pooled)):
            torch.testing.assert_close(kind.mean(0), torch.zeros(width), atol=1e-5, rtol=0)
            assert float(kind.square().mean()) == pytest.approx(1.0, rel=1e-4)
    row = next(r for r in range(20) if label.mask[r].sum() < motion.mask[r].sum())
    last, own = int(table.mask[row].sum()) - 1, int(label.mask[row].sum())
    for place in range(own, last):  # the tail of the shorter text is its pooled feature
        torch.testing.assert_close(table.tokens[row, place, :width], table.tokens[row, last, :width])
    # A pooled feature carries as much of what tells classes apart whatever its size.
    louder = training.task.semantics["motion"]
    louder = replace(louder, pooled=20 * louder.pooled)
    again = made(config, toy.with_semantics({"motion": louder, "label": label})).table
    torch.testing.assert_close(again.condition[:, width:], table.condition[:, width:], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scale", ["none", "standard"])
def test_an_empty_tail_stays_empty(toy, scale):
    """Nothing comes into it: not from longer neighbours, not by the mean; and it takes no part in mean and spread."""
    training = words_and_pooled(toy)
    config = SHORT.override({"text.sets": ["label", "motion"], "text.scale": scale, "text.k": 3, "text.tau": 1.0})
    filled, table = (made(config.override({"text.tail": tail}), training).table for tail in ("pooled", "empty"))
    width = toy.text.pooled.shape[1]
    changed = torch.zeros_like(table.tokens, dtype=torch.bool)
    for part, name in ((slice(0, width), "label"), (slice(width, None), "motion")):
        for row, own in enumerate(training.task.semantics[name].mask.sum(1).tolist()):
            changed[row, own : int(table.mask[row].sum()) - 1, part] = True
    assert changed.any()
    assert (table.tokens[changed] == 0).all()
    assert (filled.tokens[changed] != 0).any()
    # All else is as with a filled tail, whose copies take no part in the statistics either.
    torch.testing.assert_close(table.tokens[~changed], filled.tokens[~changed])
    assert torch.equal(table.condition, filled.condition)
    # A class that comes later is laid out as one of the run is (its neighbours are others: so none here).
    table = made(config.override({"text.tail": "empty", "text.k": 0}), training).table
    texts = [training.task.semantics[name] for name in ("label", "motion")]
    table.extend([replace(t.select([27, 28]), class_ids=(101, 102)) for t in texts])
    before, after = (table.tokens[table.rows(ids)] for ids in ([27, 28], [101, 102]))
    torch.testing.assert_close(after, before)


def test_joint_statistics_leave_a_small_pooled_feature_small(toy):
    training = words_and_pooled(toy)
    config = SHORT.override({"text.scale": "standard", "text.statistics": "joint", "text.neighbours_by": "pooled"})
    table = made(config, training).table
    assert float(table.condition[:20].var(0).mean()) < 0.01 < 0.5 < float(table.tokens[:20, 0].var(0).mean())


def test_neighbours_are_those_of_the_mean_token(toy):
    """Eq. 7 in a loop; the language model's pooled feature can name others."""
    pooled = toy.text.pooled[::-1].copy()
    config = SHORT.override({"text.k": 1, "text.tau": 0.5, "text.scale": "none"})
    table = made(config, toy.with_text(pooled=pooled)).table
    means = np.stack([t[m].mean(0) for t, m in zip(toy.text.tokens, toy.text.mask, strict=True)])
    for features, option in ((means, "mean"), (pooled, "pooled")):
        table = made(config.override({"text.neighbours_by": option}), toy.with_text(pooled=pooled)).table
        unit = features / np.linalg.norm(features, axis=1, keepdims=True)
        similarity = unit @ unit.T
        np.fill_diagonal(similarity, -2)
        for c in range(30):
            best = int(similarity[c].argmax())
            expected = pooled[c] + 0.5 * similarity[c, best] * pooled[best]
            np.testing.assert_allclose(table.condition[c].numpy(), expected, rtol=1e-4, atol=1e-5)


def test_a_feature_that_is_constant_in_training_does_not_act(toy):
    """The same scores whatever it becomes at test time; divided by a tiny number it would decide alone."""
    constant = np.full((400, 1), 0.25, dtype=np.float32)
    wide = np.concatenate([toy.training.features, constant], axis=1)
    training = replace(toy.training, features=wide, task=replace(toy.training.task, feature_shape=(17,)))
    method = train(training, SHORT.override({"text.scale": "standard"}))
    silent = np.concatenate([toy.features, np.full((len(toy.features), 1), 0.25, dtype=np.float32)], axis=1)
    loud = silent.copy()
    loud[::2, -1] = 0.5
    assert torch.equal(scores_of(method, loud, toy.unseen), scores_of(method, silent, toy.unseen))


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
        (
            {"text.tail": "empty", "text.keep_padding": True},
            "'tail' must be 'pooled' with joint statistics or keep_pad",
        ),
        ({"text.tail": "empty", "text.statistics": "joint"}, "'tail' must be 'pooled' with joint statistics"),
        ({"align.lambda_align": -1.0}, "'lambda_align' must be at least 0"),
        ({"align.learning_rate": "1e-4"}, r"'learning_rate' must be float, got '1e-4' \(str\)"),
        ({"align.steps": 0}, "'steps' must be at least 1"),
        ({"text.k": -1}, "'k' must be at least 0"),
        ({"text.tau": -0.5}, "'tau' must be at least 0"),
        ({"text.sets": []}, "'sets' must be at least one text set"),
        ({"text.pool": "unseen"}, "'pool' must be one of 'all', 'seen'"),
        ({"text.tau_zsl": -1.0}, "'tau_zsl' must be at least 0, or None"),
        ({"text.padding_states": True}, "'padding_states' must be False without keep_padding"),
        ({"align.activation": "tanh"}, "'activation' must be one of 'gelu', 'relu'"),
        ({"flow.time_scale": 0.0}, "'time_scale' must be positive and finite"),
        ({"flow.frequencies": 1}, "'frequencies' must be at least 2"),
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
    {"text.statistics": "joint", "text.neighbours_by": "pooled", "text.scale": "standard"},
    {"align.hidden_dim": 12, "align.activation": "relu", "flow.time_scale": 1.0, "flow.frequencies": 256},
    {"flow.error": "per_token"},
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


AS_BEFORE = {"text.statistics": "joint", "text.neighbours_by": "pooled", "flow.error": "per_token"}


def test_files_of_before_tokens_had_statistics_of_their_own_are_read_as_they_were():
    """Runs are found by digest; what is made with the defaults of today gets another one."""
    before = {"cpu": "efb45850d505", "paper": "c197886f5ccf", "synse_ntu60_55_5": "c197886f5ccf"}
    assert {name: presets()[name].override(AS_BEFORE).digest() for name in before} == before
    assert not {presets()[name].digest() for name in before} & set(before.values())
    stored = presets()["cpu"].override(AS_BEFORE).to_dict()
    del stored["choose_k"]
    for part, names in {
        "text": ("padding_states", "statistics", "neighbours_by", "projected"),
        "align": ("activation",),
        "flow": ("time_scale", "frequencies"),
    }.items():
        for name in names:
            del stored[part][name]
    read = FloraConfig.from_record(stored)
    assert read == presets()["cpu"].override(AS_BEFORE)
    assert read.digest() == "efb45850d505"


def test_files_of_before_the_gate_was_renamed_are_still_good():
    """Runs are found by digest, and their files say ``gate``."""
    other = FloraConfig().override({"gate_kind": "stacking", **AS_BEFORE})
    assert other.digest() == "93ec6a9c4e42"
    assert other.identity()["gate"] == "stacking"
    assert other.to_dict()["gate_kind"] == "stacking"
    stored = {**FloraConfig().override(AS_BEFORE).to_dict(), "gate": "stacking"}
    del stored["gate_kind"]
    assert FloraConfig.from_dict(stored) == FloraConfig().override({"gate": "stacking", **AS_BEFORE}) == other


@pytest.mark.parametrize("shared", [True, False])
def test_draws_at_test_are_as_in_training(toy, monkeypatch, shared):
    """(z - mu) / sigma is one number per token with shared noise, and one per dimension without."""
    seen = []

    def keep(field, z_s, z_a, mask, options, **rest):
        seen.append((z_s, z_a))
        return torch.ones(len(z_s), len(z_a))

    monkeypatch.setattr("zsar_kit.methods.flora.method.velocity_errors", keep)
    method = made(SHORT.override({"flow.sample_at_test": True, "align.shared_noise": shared}), toy.training).eval()
    method.class_scores(torch.from_numpy(toy.features[:3]), toy.unseen)
    texts = method._texts()[torch.tensor(method.table.rows(toy.unseen))]
    own = method.vae.encode_skeleton(method._scaled(torch.from_numpy(toy.features[:3])))
    for z, mu, log_variance in (
        (seen[0][1], texts.mu, texts.log_variance),
        (seen[0][0], own.mu[:, None], own.log_variance[:, None]),
    ):
        noise = (z - mu) / (0.5 * log_variance).exp()
        assert (float(noise.std(2).max()) < 1e-4) == shared
        assert float(noise.mean(2).std()) > 0.1


@pytest.mark.parametrize("change", VARIANTS, ids=lambda c: ",".join(c))
def test_a_score_depends_on_nothing_else_that_is_scored(toy, change):
    """Neither on the other classes or their order, nor on the other clips."""
    method = made(TINY.override(change), toy.training).eval()
    features, classes = torch.from_numpy(toy.features[:6]), (*toy.unseen, *toy.training.task.seen)
    (every,) = method.class_scores(features, classes).heads.values()
    (turned,) = method.class_scores(features, classes[::-1]).heads.values()
    (few,) = method.class_scores(features[4:], classes[1:3]).heads.values()
    torch.testing.assert_close(turned.flip(1), every)
    torch.testing.assert_close(few, every[4:, 1:3])


def test_as_released_is_what_the_released_code_fixes():
    config = presets()["synse_ntu60_55_5_as_released"]
    found = {k: config.to_dict()[k.split(".")[0]][k.split(".")[1]] for k in AS_RELEASED}
    assert found == AS_RELEASED
    assert config.text_encoding() == TextEncoding(projected=False, pad_to=60)
    assert config.text.neighbours_by == "mean"
    assert presets()["synse_ntu60_55_5"].text_encoding() == TextEncoding()
    vae = CrossVAE(4, 5, 6, hidden_dim=7, activation="relu", generator=torch_generator(0))
    for module in (vae.encode_skeleton.trunk, vae.encode_text.trunk, vae.decode_skeleton[0], vae.decode_text[0]):
        assert isinstance(module[1], torch.nn.ReLU)
    field = VelocityMLP(4, 8, time=TimeCode(1.0, 256), generator=torch_generator(0))
    code = torch.cat([torch.sin(t := 0.3 * 1e4 ** (-torch.arange(128) / 128)), torch.cos(t)])
    layers = field.time.layers
    expected = torch.nn.functional.silu(layers[2](torch.nn.functional.silu(layers[0](code))))
    torch.testing.assert_close(field.time(torch.tensor([0.3]))[0], expected, rtol=1e-5, atol=1e-6)


def test_everything_of_the_released_code_at_once_trains_scores_and_adds_classes(toy):
    """States at padding are real tokens: all texts have one length, and what the model says there counts."""
    states = np.random.default_rng(3).normal(size=(30, 7, toy.text.pooled.shape[1])).astype(np.float32)
    small = {"align.hidden_dim": 12, "text.max_tokens": 7, "text.k": 1}
    config = SHORT.override({**AS_RELEASED, **small})
    method = train(toy.with_text(padding=states), config)
    assert method.table.mask.all()
    assert method.table.mask.shape == (30, 8)
    assert method.table.tokens[:, 6].abs().min() > 0
    scores = scores_of(method, toy.features[:5], toy.unseen)
    assert torch.isfinite(scores).all()
    new = replace(toy.text, padding=states).select([28, 29])
    known = replace(toy.text, padding=states).select(range(28))
    late = train(toy.with_semantics({"motion": known, "label": known}), config)
    late.add_classes({"motion": new})
    assert torch.isfinite(scores_of(late, toy.features[:5], (3, 28, 29))).all()
    with pytest.raises(TextError, match="needs states at padding up to token 7, it has 0"):
        made(config, toy.training)


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


def test_folds_may_choose_the_number_of_neighbours():
    config = presets()["folds"]
    assert [(c.text.k, c.choose_k) for c in config.grid()] == [(k, ()) for k in (0, 1, 2, 3)]
    assert [c.text_use() for c in config.grid()] == ["inductive", *["transductive text"] * 3]
    assert config.grid()[2] == presets()["cpu"]
    assert config.text_use() == "transductive text"
    assert FloraConfig(choose_k=(0,)).text_use() == "inductive"
    assert presets()["cpu"].grid() == [presets()["cpu"]]
    for wrong in ((0, 0), (-1,)):
        with pytest.raises(ConfigError, match="choose_k"):
            FloraConfig(choose_k=wrong)


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
    config = SHORT.override({"text.k": 1, "text.tau": 0.5, "text.scale": "none", "text.neighbours_by": "pooled"})
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
