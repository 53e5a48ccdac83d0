"""SkeletonContext on toy worlds: it reads the words behind the motion, transfers, and keeps its promises."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from zsar_kit.data.joints import BODY_PARTS, layout
from zsar_kit.errors import ConfigError, DataError, TextError, ZsarError
from zsar_kit.methods.base import Batch, ReadsContexts, WeighsKeyParts
from zsar_kit.methods.skeleton_context import SkeletonContext
from zsar_kit.methods.skeleton_context.config import AS_RELEASED, SkeletonContextConfig
from zsar_kit.methods.skeleton_context.method import _map_statistics
from zsar_kit.methods.task import MapRows, Task, TrainingSet
from zsar_kit.seeding import torch_generator
from zsar_kit.semantics.context_bank import ContextBank
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.semantics.text_encoder import LanguageRecord
from zsar_kit.semantics.text_files import load_texts
from zsar_kit.training.loop import Bookkeeping, TrainingLoop, fit

SLOTS = ("environment", "used_object", "target_object")
WIDTH, JOINTS, FRAMES, TEXT, LENGTH, DESCRIPTIONS = 12, 25, 4, 16, 9, 5
RECORD = LanguageRecord("toy", "0", "", TEXT, None, "mean")
TINY = SkeletonContextConfig().override(
    {
        "grounding.dim": 16,
        "grounding.heads": 2,
        "parts.hidden": 8,
        "space.dim": 16,
        "space.normalise": True,
        "space.temperature": 0.1,
        "training.optimiser": "adamw",
        "training.learning_rate": 3e-3,
        "training.epochs": 60,
        "training.milestones": [45],
        "training.batch_size": 32,
    }
)
SHORT = TINY.override({"training.epochs": 1, "training.milestones": [1]})


def test_a_map_feature_without_spread_in_training_is_set_to_zero():
    maps = np.random.default_rng(0).normal(size=(6, FRAMES, JOINTS, 3)).astype(np.float32)
    maps[..., 1] = 0.37
    offset, scale = _map_statistics(maps, "standard")
    scaled = (torch.from_numpy(maps) - offset) / scale
    torch.testing.assert_close(scaled.std((0, 1, 2), correction=0), torch.tensor([1.0, 0.0, 1.0]), rtol=1e-4, atol=1e-5)
    assert (((torch.tensor([0.0, 0.8, 0.0]) - offset) / scale)[1] == 0).all()


@dataclass(frozen=True)
class World:
    """Classes that differ in their motion, in the words of their contexts and in the part that moves."""

    training: TrainingSet
    maps: np.ndarray
    labels: np.ndarray
    unseen: tuple[int, ...]
    words: np.ndarray
    """[class, slot]: the one word that a class has there"""
    parts: np.ndarray


def build_world(seed: int = 1, *, seen: int = 20, unseen: int = 5, per_class: int = 12, shuffle: bool = False) -> World:
    """Maps are linear in two meanings: one decides the words (and is the texts'), the other which part moves."""
    rng = np.random.default_rng(seed)
    count = seen + unseen
    words = np.stack([rng.permutation(count) % 6 + 6 * s for s in range(len(SLOTS))], axis=1)
    word_meaning = rng.normal(size=(18, WIDTH))
    meaning = word_meaning[words].sum(1)
    part = np.arange(count) % len(BODY_PARTS)
    labels = np.repeat(np.arange(count), per_class)
    maps = rng.normal(scale=0.4, size=(len(labels), FRAMES, JOINTS, WIDTH)) + meaning[labels][:, None, None]
    signal = rng.normal(size=WIDTH)
    for i, c in enumerate(labels):
        maps[i][:, list(layout("ntu25").parts[BODY_PARTS[part[c]]])] += 2 * signal
    mixing = rng.normal(size=(WIDTH, TEXT))
    order = rng.permutation(count) if shuffle else np.arange(count)
    pooled = (meaning @ mixing)[order].astype(np.float32)
    sentences = pooled[:, None] + 0.1 * rng.normal(size=(count, DESCRIPTIONS, TEXT)).astype(np.float32)
    semantics = Semantics(
        dataset="toy",
        text_set="contexts",
        class_ids=tuple(range(count)),
        class_names=tuple(f"class {i}" for i in range(count)),
        texts=((),) * count,
        tokens=pooled[:, None],
        mask=np.ones((count, 1), dtype=bool),
        pooled=pooled,
        language=RECORD,
        sentences=sentences.astype(np.float32),
    )
    motion = replace(semantics, text_set="motion", sentences=None)
    chosen = labels < seen
    training = TrainingSet(
        maps[chosen].astype(np.float32),
        labels[chosen],
        Task(
            maps.shape[1:],
            tuple(range(seen)),
            {"contexts": semantics, **{name: replace(motion, text_set=name) for name in ("motion", "phases", "parts")}},
            build_bank(words[order][:seen], part[:seen], rng),
        ),
    )
    return World(training, maps[~chosen].astype(np.float32), labels[~chosen], tuple(range(seen, count)), words, part)


def build_bank(words: np.ndarray, part: np.ndarray, rng: np.random.Generator) -> ContextBank:
    """Each class has one word a slot in all its descriptions; hidden states are drawn anew for each prompt."""
    classes, patterns = len(words), 2 ** len(SLOTS)
    prompts = np.full((classes, DESCRIPTIONS, patterns), -1)
    prompts[:, :, 1:-1] = 1 + np.arange(classes * (patterns - 2)).reshape(classes, 1, patterns - 2)
    prompts[:, :, -1] = 0
    hidden = rng.normal(size=(prompts.max() + 1, LENGTH, TEXT)).astype(np.float32)
    mask = np.ones(hidden.shape[:2], dtype=bool)
    body = np.zeros((classes, DESCRIPTIONS, len(BODY_PARTS)), dtype=bool)
    body[np.arange(classes), :, part] = True
    return ContextBank(
        dataset="toy",
        class_ids=tuple(range(classes)),
        slots=SLOTS,
        vocabulary=tuple(f"word{i}" for i in range(18)),
        words=np.repeat(words[:, None], DESCRIPTIONS, axis=1),
        embedding=rng.normal(size=(18, TEXT)).astype(np.float32),
        hidden=hidden,
        mask=mask,
        prompts=prompts,
        places=np.array([2, 5, 8]),
        body_parts=body,
        key_parts=np.roll(body.any(1), 1, axis=1),
        language=RECORD,
    )


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


def train(training, config=TINY, seed=0, **options):
    return fit(SkeletonContext, config, training, seed=seed, **{"progress": False, **options})


@pytest.fixture(scope="module")
def fitted(world) -> SkeletonContext:
    return train(world.training)


def fresh(training, config=SHORT) -> SkeletonContext:
    method = SkeletonContext(config, training.task, torch_generator(0, "initialisation"))
    method.observe(training)
    return method


def with_task(training, **changes) -> TrainingSet:
    """The training set with another task."""
    return replace(training, task=replace(training.task, **changes))


def accuracy(world: World, method: SkeletonContext, head: str) -> float:
    with torch.inference_mode():
        scores = method.class_scores(torch.from_numpy(world.maps), world.unseen).heads[head].numpy()
    return float((np.array(world.unseen)[scores.argmax(1)] == world.labels).mean())


def named_right(method: SkeletonContext, maps: np.ndarray, labels: np.ndarray, words: np.ndarray) -> float:
    """Share of clips and slots whose likeliest word is the class's."""
    with torch.inference_mode():
        best = method.context_log_probabilities(torch.from_numpy(maps)).argmax(-1).numpy()
    return float((best == words[labels]).mean())


@pytest.mark.slow
def test_it_transfers_unless_texts_are_shuffled(world, fitted):
    right = {head: accuracy(world, fitted, head) for head in ("context", "part")}
    wrong = []
    for seed in range(3):
        other = build_world(seed, shuffle=True)
        wrong.append(accuracy(other, train(other.training, seed=seed), "context"))
    # Five unseen classes: chance is 0.2.
    assert min(right.values()) > 0.6, right
    assert np.mean(wrong) < 0.35, wrong


@pytest.mark.slow
def test_it_transfers_to_levels_of_one_row_a_class(world):
    """Expected levels have neither sentences nor the texts' width; the rest of the method reads the contexts."""
    texts = world.training.task.semantics
    own = texts["motion"]
    wide = {name: np.concatenate([getattr(own, name)] * 2, axis=-1) for name in ("pooled", "tokens")}
    language = replace(own.language, width=2 * own.language.width)
    levels = replace(own, text_set="levels", sentences=None, language=language, **wide)
    training = with_task(world.training, semantics={**texts, "levels": levels})
    method = train(training, TINY.override({"space.context_set": "levels", "space.part_set": "levels"}))
    assert min(accuracy(world, method, head) for head in ("context", "part")) > 0.5  # chance: 0.2


@pytest.mark.slow
def test_words_are_read_from_the_motion_even_of_classes_never_seen(world, fitted):
    seen = named_right(fitted, world.training.features, world.training.labels, world.words)
    unseen = named_right(fitted, world.maps, world.labels, world.words)
    shuffled = train(build_world(shuffle=True).training)
    # Six words a slot: chance is 1/6.
    assert seen > 0.9
    assert unseen > 0.3
    assert named_right(shuffled, world.maps, world.labels, world.words) < unseen - 0.15


@pytest.mark.slow
def test_another_clips_motion_changes_the_context(world, fitted):
    with torch.inference_mode():
        best = fitted.context_log_probabilities(torch.from_numpy(world.maps)).argmax(-1).numpy()
        again = fitted.context_log_probabilities(torch.from_numpy(world.maps[::-1].copy())).argmax(-1).numpy()
    assert np.array_equal(best[::-1], again)
    assert len({tuple(row) for row in best}) > 2


@pytest.mark.slow
def test_key_joints_are_those_of_the_part_that_moves(world, fitted):
    with torch.inference_mode():
        importance = fitted.key_parts(torch.from_numpy(world.training.features)).numpy()
    assert importance.sum(2) == pytest.approx(np.ones(importance.shape[:2]), abs=1e-5)
    mean = importance.mean(1)
    own = [
        mean[world.training.labels == c][:, list(layout("ntu25").parts[BODY_PARTS[world.parts[c]]])].mean()
        for c in world.training.task.seen
    ]
    assert np.mean(own) > 2 / JOINTS


def test_the_prior_is_that_of_the_descriptions_or_of_the_class(world):
    ntu = layout("ntu25")
    for source, shift in (("descriptions", 0), ("key_parts", 1)):
        prior = fresh(world.training, SHORT.override({"parts.prior": source})).prior.numpy()
        for c in world.training.task.seen:
            joints = ntu.parts[BODY_PARTS[(world.parts[c] + shift) % len(BODY_PARTS)]]
            expected = np.zeros(JOINTS)
            expected[list(joints)] = 1 / len(joints)
            assert prior[c] == pytest.approx(expected)


def test_losses_are_those_of_the_equation(world):
    method = fresh(world.training)
    batch = Batch(torch.from_numpy(world.training.features[:40]), torch.from_numpy(world.training.labels[:40]))
    output = method.training_step(batch, "train", torch_generator(0, "t"))
    assert set(output.losses) == {"align_context", "align_part", "context", "key_parts"}
    assert all(float(v.detach()) > 0 for v in output.losses.values())
    assert float(output.loss.detach()) == pytest.approx(sum(float(v.detach()) for v in output.losses.values()))
    weighted = fresh(world.training, SHORT.override({"training.context_weight": 0.5, "training.part_weight": 0.0}))
    halved = weighted.training_step(batch, "train", torch_generator(0, "t")).losses
    assert float(halved["context"].detach()) == pytest.approx(0.5 * float(output.losses["context"].detach()))
    assert "key_parts" not in halved


@pytest.mark.parametrize(
    ("changes", "losses", "heads"),
    [
        ({"joints.enabled": False}, {"align_context", "align_part", "context", "key_parts"}, {"context", "part"}),
        ({"grounding.enabled": False}, {"align_context", "align_part", "key_parts"}, {"context", "part"}),
        ({"parts.enabled": False}, {"align_context", "context"}, {"context"}),
        ({"joints.enabled": False, "grounding.enabled": False, "parts.enabled": False}, {"align_context"}, {"context"}),
        ({"training.context_weight": 0.0}, {"align_context", "align_part", "key_parts"}, {"context", "part"}),
        ({"masking.slots": ["used_object"]}, None, {"context", "part"}),
        ({"grounding.warmup": 2}, {"align_context", "align_part", "context", "key_parts"}, {"context", "part"}),
        ({"grounding.dropout": 0.1}, {"align_context", "align_part", "context", "key_parts"}, {"context", "part"}),
        ({"space.projection": "before"}, {"align_context", "align_part", "context", "key_parts"}, {"context", "part"}),
        (AS_RELEASED, {"align_context", "align_part", "context", "key_parts"}, {"context", "part"}),
    ],
)
def test_each_switch_leaves_a_method_that_trains_and_scores(world, changes, losses, heads):
    config = SHORT.override(changes)
    training = world.training
    if config.masking.slots != SLOTS:
        bank = training.task.contexts
        # The prompt of the second slot alone: one pattern besides that with nothing masked.
        bank = replace(
            bank,
            slots=("used_object",),
            words=bank.words[..., 1:2],
            prompts=bank.prompts[..., [0, 7]],
            places=bank.places[1:2],
        )
        training = with_task(training, contexts=bank)
    logged: dict[str, set[str]] = {}
    method = train(training, config, on_step=lambda p, _, values: logged.setdefault(p, set()).update(values))
    assert losses is None or logged["train"] == losses
    assert ("warmup" in logged) == bool(config.grounding.warmup)
    with torch.inference_mode():
        scores = method.class_scores(torch.from_numpy(world.maps[:5]), world.unseen)
    assert set(scores.heads) == heads
    assert all(s.shape == (5, len(world.unseen)) and torch.isfinite(s).all() for s in scores.heads.values())


def test_masking_grows_to_all_slots_and_its_step_is_kept(world):
    method = fresh(world.training, TINY)
    total = method.phases()[-1].steps
    rows = torch.zeros(50, dtype=torch.long)

    def masked(step: int) -> float:
        return float(method.reader.draw(rows, step, total, torch_generator(step, "draw")).masked.sum(1).float().mean())

    assert [masked(s) for s in (0, total // 2, total)] == [1.0, 2.0, 3.0]
    off = fresh(world.training, TINY.override({"masking.progressive": False}))
    assert off.reader.draw(rows, 0, total, torch_generator(0, "draw")).masked.all()
    batch = Batch(torch.from_numpy(world.training.features[:8]), torch.from_numpy(world.training.labels[:8]))
    method.training_step(batch, "train", torch_generator(0, "t"))
    assert int(method.step) == 1
    assert "step" in method.state_dict()


def test_a_description_is_of_the_samples_own_class(world):
    bank = world.training.task.contexts
    method = fresh(world.training)
    rows = torch.arange(20).repeat(3)
    drawn = method.reader.draw(rows, 0, 10, torch_generator(1, "draw"))
    for row, prompt, masked, target in zip(rows, drawn.rows, drawn.masked, drawn.targets, strict=True):
        pattern = int((masked.long() << torch.arange(3)).sum())
        assert int(prompt) in bank.prompts[int(row), :, pattern]
        assert target.tolist() == bank.words[int(row), 0].tolist()
    random = fresh(world.training, SHORT.override({"masking.description": "random_class"}))
    strange = random.reader.draw(rows, 0, 10, torch_generator(1, "draw")).targets
    assert not torch.equal(strange, drawn.targets)


def test_one_description_a_class_and_step_unless_one_a_sample(world):
    training = world.training
    marked = np.arange(DESCRIPTIONS)[None, :, None] + np.zeros_like(training.task.contexts.words)
    training = with_task(training, contexts=replace(training.task.contexts, words=marked))
    rows = torch.zeros(64, dtype=torch.long)
    for kind, distinct in (("class", 1), ("sample", DESCRIPTIONS)):
        method = fresh(training, SHORT.override({"masking.description": kind}))
        drawn = method.reader.draw(rows, 0, 10, torch_generator(2, "draw")).targets
        assert len(set(drawn[:, 0].tolist())) == distinct


def test_scores_depend_on_the_clip_and_the_texts_alone(world, fitted):
    maps = torch.from_numpy(world.maps)
    with torch.inference_mode():
        whole = fitted.class_scores(maps, world.unseen).heads
        alone = fitted.class_scores(maps[3:4], world.unseen).heads
        turned = fitted.class_scores(maps, world.unseen[::-1]).heads
    for head in whole:
        assert alone[head][0] == pytest.approx(whole[head][3].numpy(), abs=1e-4)
        assert torch.allclose(turned[head].flip(1), whole[head], atol=1e-5)


def test_resume_equals_an_uninterrupted_run(world, tmp_path):
    config = SHORT.override({"training.epochs": 2, "grounding.warmup": 3})

    class Stop(Exception):
        pass

    def stop(phase, step, losses):
        if phase == "train" and step == 8:
            raise Stop

    whole = train(world.training, config)
    options = {"checkpoint": tmp_path / "c.safetensors", "every": 2, "log_every": 1}
    with pytest.raises(Stop):
        train(world.training, config, on_step=stop, **options)
    resumed = train(world.training, config, **options)
    for key, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key]), key


def test_dropout_follows_the_steps_generator_and_is_off_in_recognition(world):
    method = fresh(world.training, SHORT.override({"grounding.dropout": 0.3})).train()
    batch = Batch(torch.from_numpy(world.training.features[:16]), torch.from_numpy(world.training.labels[:16]))
    losses = []
    for stream in ("a", "a", "b"):
        method.step.zero_()
        torch.manual_seed(len(losses))  # must not matter
        before = torch.get_rng_state()
        output = method.training_step(batch, "train", torch_generator(0, stream))
        losses.append(float(output.losses["align_context"].detach()))
        assert torch.equal(torch.get_rng_state(), before)
    assert losses[0] == losses[1] != losses[2]
    plain = fresh(world.training).eval()
    maps = torch.from_numpy(world.maps[:4])
    with torch.inference_mode():
        dropped, whole = (m.class_scores(maps, world.unseen).heads for m in (method.eval(), plain))
    assert all(torch.equal(dropped[head], whole[head]) for head in whole)


@pytest.mark.parametrize("text_width", [0, 20])
def test_projection_before_grounding_leaves_only_the_scaling_after_it(world, text_width):
    """Grounding is as wide as the common space; nothing but the length changes between F_ctx and the dot product."""
    changes = {"space.projection": "before", "grounding.dim": 6, "space.project_texts": bool(text_width)}
    config = SHORT.override({**changes, "space.dim": text_width or 1, "space.relu": True})
    method = fresh(world.training, config).eval()
    maps = torch.from_numpy(world.maps[:5])
    with torch.inference_mode():
        f_x = (maps - method.map_offset) / method.map_scale
        grounded = method.reader(method.joints(f_x.mean(1)))
        scores = method.class_scores(maps, world.unseen).heads["context"]
        texts = method.spaces["context"].texts(world.unseen).mean(1)
        feature = grounded.skeleton.mean(1)
        expected = (feature / feature.norm(dim=1, keepdim=True)) @ texts.T / config.space.temperature
        projected = method.reader.grounding.from_skeleton(f_x.mean(1))
    assert feature.shape[1] == (text_width or TEXT)
    assert torch.allclose(scores, expected, atol=1e-5)
    assert bool((projected >= 0).all())
    assert not list(method.spaces["context"].skeleton.parameters())


@pytest.mark.parametrize(
    ("context_set", "part_set"), [("motion", "contexts"), ("phases", "parts"), ("levels", "levels_first")]
)
def test_each_head_is_aligned_with_its_own_target(world, context_set, part_set):
    own = dict(world.training.task.semantics)
    own |= {name: replace(own["motion"], text_set=name) for name in ("levels", "levels_first")}
    own = {name: replace(s, pooled=s.pooled + i, sentences=None) for i, (name, s) in enumerate(own.items())}
    config = SHORT.override({"space.context_set": context_set, "space.part_set": part_set, "space.scale": "none"})
    method = fresh(with_task(world.training, semantics=own), config)
    assert config.text_sets() == (context_set, part_set)
    for head, name in (("context", context_set), ("part", part_set)):
        assert torch.equal(method.spaces[head].get_buffer("table")[:, 0], torch.from_numpy(own[name].pooled))


def test_parts_as_released_overlap_and_leave_out_the_upper_spine(world):
    method = fresh(world.training, SHORT.override({"parts.joints": "released"}))
    bank = world.training.task.contexts
    released = {"head": 2, "hand": 6, "arm": 6, "hip": 4, "leg": 6, "foot": 4}
    for row, part in zip(method.prior, bank.body_parts.any(1).argmax(1), strict=True):
        count = released[BODY_PARTS[part]]
        assert sorted(row[row > 0].tolist()) == pytest.approx([1 / count] * count)
    assert float(method.prior[:, 20].max()) == 0.0
    hips = [row[12] > 0 for row in method.prior]
    named = [BODY_PARTS[part] in ("hip", "leg") for part in bank.body_parts.any(1).argmax(1)]
    assert hips == named


@pytest.mark.parametrize("room", [False, True])
def test_maps_from_disk_give_what_maps_in_memory_give(world, tmp_path, monkeypatch, room):
    sizes = []
    monkeypatch.setattr("zsar_kit.training.loop.has_room", lambda device, size: sizes.append(size) or room)
    half = world.training.features.astype(np.float16)
    np.save(tmp_path / "maps.npy", half)
    mapped = np.load(tmp_path / "maps.npy", mmap_mode="r", allow_pickle=False)
    rows = np.arange(len(half))
    on_disk = replace(world.training, features=MapRows((mapped,), rows))
    in_memory = replace(world.training, features=half.astype(np.float32))
    one, other = train(on_disk, SHORT), train(in_memory, SHORT)
    assert sizes == [half.nbytes]
    assert all(torch.equal(v, other.state_dict()[k]) for k, v in one.state_dict().items())
    assert MapRows((mapped,), rows[5:]).take(np.array([1]))[0] == pytest.approx(half[6].astype(np.float32))


@pytest.mark.parametrize("room", [False, True])
def test_each_step_takes_one_of_the_views(world, monkeypatch, room):
    monkeypatch.setattr("zsar_kit.training.loop.has_room", lambda device, size: room)
    views = tuple(np.full((240, 1, JOINTS, WIDTH), v, dtype=np.float16) for v in range(3))
    features = MapRows(views, np.arange(240))
    task = replace(world.training.task, feature_shape=features.shape[1:])
    training = replace(world.training, features=features, task=task)
    loop = TrainingLoop(fresh(training), training, seed=0, bookkeeping=Bookkeeping(progress=False))
    phase = loop.method.phases()[0]
    seen = [{float(x) for x in loop._batch(phase, step).features.flatten()} for step in range(1, 30)]
    assert all(len(values) == 1 for values in seen)
    assert set.union(*seen) == {0.0, 1.0, 2.0}


def test_new_classes_by_their_texts_alone(world, fitted):
    text = world.training.task.semantics["motion"]
    last = max(text.class_ids)
    # Classes in words have one sentence, not ten.
    new = {n: replace(text.select(world.unseen), text_set=n) for n in ("contexts", "motion")}
    new = {n: replace(s, class_ids=tuple(last + 1 + i for i in range(len(world.unseen)))) for n, s in new.items()}
    method = fit(SkeletonContext, SHORT, world.training, seed=0, progress=False)
    method.add_classes(new)
    with torch.inference_mode():
        added = method.class_scores(torch.from_numpy(world.maps), tuple(new["motion"].class_ids)).heads["part"]
        own = method.class_scores(torch.from_numpy(world.maps), world.unseen).heads["part"]
    assert torch.allclose(added, own, atol=1e-5)
    with pytest.raises(TextError, match="is taken"):
        method.add_classes(new)


def test_predicted_contexts_are_the_likeliest_words(world, fitted):
    maps = torch.from_numpy(world.maps[:3])
    with torch.inference_mode():
        logs = fitted.context_log_probabilities(maps)
        found = fitted.predict_contexts(maps, 4)
    assert logs.exp().sum(-1) == pytest.approx(torch.ones(3, 3).numpy(), abs=1e-5)
    assert [list(f) for f in found] == [list(SLOTS)] * 3
    for sample, row in zip(found, logs, strict=True):
        for slot, of_slot in zip(sample.values(), row, strict=True):
            assert [w for w, _ in slot] == [f"word{i}" for i in of_slot.topk(4).indices.tolist()]
            assert [p for _, p in slot] == sorted((p for _, p in slot), reverse=True)


def test_what_it_can_do_follows_its_settings(world):
    method = fresh(world.training)
    assert isinstance(method, ReadsContexts)
    assert isinstance(method, WeighsKeyParts)
    assert method.reads_contexts
    assert not fresh(world.training, SHORT.override({"grounding.enabled": False})).reads_contexts


@pytest.mark.parametrize("source", ["descriptions", "key_parts"])
def test_language_says_which_joints_count_of_any_class(world, source):
    texts, ntu = load_texts("puppet"), layout("ntu25")
    method = fresh(world.training, SHORT.override({"parts.prior": source}))
    for c in (0, 5, 27):
        named = {row.body_part for row in texts.contexts_of(c)} if source == "descriptions" else texts.key_parts_of(c)
        expected = np.zeros(JOINTS)
        for part in named:
            expected[list(ntu.parts[part])] = 1
        assert method.language_prior(texts, c) == pytest.approx(expected / expected.sum())
    with pytest.raises(TextError, match="99"):
        method.language_prior(texts, 99)


def test_bad_input_is_told(world):
    training = world.training
    with pytest.raises(DataError, match="un-pooled maps"):
        SkeletonContext(SHORT, replace(training.task, feature_shape=(WIDTH,)), torch_generator(0))
    with pytest.raises(TextError, match="needs encoded context descriptions"):
        fresh(with_task(training, contexts=None))
    with pytest.raises(TextError, match="the context bank must hold the seen classes"):
        fresh(with_task(training, contexts=replace(training.task.contexts, class_ids=tuple(range(1, 21)))))
    with pytest.raises(TextError, match="text set 'motion' is needed"):
        fresh(with_task(training, semantics={"contexts": training.task.semantics["contexts"]}))
    blind = fresh(training, SHORT.override({"grounding.enabled": False, "parts.enabled": False}))
    maps = torch.from_numpy(world.maps[:2])
    with pytest.raises(ConfigError, match="its grounding is off"):
        blind.predict_contexts(maps)
    with pytest.raises(ConfigError, match="has no part head"):
        blind.key_parts(maps)
    with pytest.raises(ConfigError, match="words per slot must be at least 1"):
        fresh(training).predict_contexts(maps, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"masking.total": 0}, "'total' must be at least 1, or None"),
        ({"masking.slots": ["place"]}, "'slots' must be one or more of"),
        ({"masking.slots": ["environment", "environment"]}, "each once"),
        ({"grounding.heads": 3}, "a divisor of dim"),
        ({"space.temperature": 0.0}, "positive and finite"),
        ({"space.context_set": "contxts"}, "'context_set' must be one of"),
        ({"training.views": 0}, "'views' must be at least 1"),
        ({"joints.activation": "elu"}, "'activation' must be"),
        ({"grounding.dropout": 1.0}, r"'dropout' must be in \[0, 1\)"),
        ({"masking.used_title": "Object used"}, "'used_title' must be one of"),
        ({"parts.joints": "kinect"}, "'joints' must be one of 'layout', 'released'"),
    ],
)
def test_bad_settings_are_told(changes, message):
    with pytest.raises(ConfigError, match=message):
        TINY.override(changes)


def test_a_rate_that_is_too_high_is_told_by_the_loop(world):
    config = SHORT.override(
        {"training.optimiser": "sgd", "training.learning_rate": 1e6, "space.normalise": False, "training.epochs": 20}
    )
    with pytest.raises(ZsarError, match=r"the loss is not finite at step .* of phase 'train'"):
        train(world.training, config)


def test_the_prompts_it_asks_for_follow_its_settings():
    request = TINY.contexts()
    assert (request.slots, request.shuffled, request.own_head) == (SLOTS, False, False)
    assert TINY.override({"masking.shuffle_slots": True}).contexts().shuffled
    assert TINY.override({"masking.used_title": "Manipulable object"}).contexts().used_title == "Manipulable object"
    assert TINY.override({"masking.slots": ["used_object"]}).contexts().slots == ("used_object",)
    assert TINY.override({"grounding.enabled": False, "parts.enabled": False}).contexts() is None
