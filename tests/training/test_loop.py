"""The loop: what is interrupted ends with the same bytes, what is not trained stays, each epoch sees each sample."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
import pytest
import torch

from zsar_kit.checkpoints import load_tensors
from zsar_kit.errors import ArtefactError, ZsarError
from zsar_kit.methods.base import ClassScores, Method, MethodConfig, Phase, StepOutput
from zsar_kit.methods.task import Task, TrainingSet
from zsar_kit.models.blocks import seeded_linear
from zsar_kit.seeding import torch_generator
from zsar_kit.training.loop import Bookkeeping, TrainingLoop, fit

STEPS = {"first": 7, "second": 9}


def momentum(parameters):
    return torch.optim.SGD(parameters, lr=0.05, momentum=0.9)


def adamw(parameters):
    return torch.optim.AdamW(parameters, lr=0.05)


@dataclass(frozen=True)
class ToyConfig(MethodConfig):
    """What the tests vary."""

    batch_size: int = 4
    nan_at: int = 0

    def text_sets(self):
        return ()


class ToyMethod(Method):
    """Two linear layers, trained one after the other with another optimiser each; its steps draw noise."""

    config_type = ToyConfig

    def __init__(self, config, task, generator):
        super().__init__(config, task, generator)
        self.config = config
        self.one = seeded_linear(3, 3, generator=generator)
        self.two = seeded_linear(3, 2, generator=generator)
        self.register_buffer("seen_steps", torch.zeros((), dtype=torch.int64))
        self.watched: list[tuple] = []
        self.streams: list[int] = []
        self.prepared = 0

    def phases(self):
        size = self.config.batch_size

        def cosine(optimizer):
            return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS["first"])

        def halving(optimizer):
            return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)

        return (
            Phase("first", STEPS["first"], size, self.one.parameters, momentum, cosine),
            Phase("second", STEPS["second"], size, self.two.parameters, adamw, halving),
        )

    def training_step(self, batch, phase, generator):
        self.seen_steps += 1
        frozen = {name for name, p in self.named_parameters() if not p.requires_grad}
        self.watched.append((phase, batch.labels.tolist(), batch.features.clone(), frozen, self.training))
        self.streams.append(generator.initial_seed())
        noise = torch.randn(batch.features.shape, generator=generator)
        out = self.two(torch.tanh(self.one(batch.features + 0.1 * noise)))
        loss = (out - batch.labels[:, None]).square().mean()
        scale = float("nan") if self.config.nan_at == len(self.watched) else 1.0
        return StepOutput({"square": scale * loss, "size": 0.01 * out.abs().mean()})

    def prepare(self):
        self.prepared += 1

    def class_scores(self, features, classes):
        return ClassScores({"two": self.two(self.one(features))[:, list(classes)]})


@pytest.fixture
def training():
    features = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
    return TrainingSet(features, np.arange(10), Task((3,), tuple(range(10)), {}))


def run(training, *, seed=0, config=None, **options):
    return fit(ToyMethod, config or ToyConfig(), training, seed=seed, progress=False, **options)


def same(one, other):
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


class Stop:
    """Interrupts at one step of one phase; remembers what was told."""

    def __init__(self, phase=None, step=None):
        self.at, self.log = (phase, step), []

    def __call__(self, phase, step, losses):
        self.log.append((phase, step, losses))
        if (phase, step) == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize(
    ("phase", "step"), [("first", 2), ("first", 5), ("first", 7), ("second", 1), ("second", 6), ("second", 9)]
)
def test_resumed_run_ends_with_the_same_bytes(tmp_path, training, phase, step, every):
    whole, told = Stop(), {"log_every": 1, "every": every, "clip": 1.0}
    expected = run(training, on_step=whole, **told)
    checkpoint = tmp_path / "c.safetensors"
    with pytest.raises(KeyboardInterrupt):
        run(training, on_step=Stop(phase, step), checkpoint=checkpoint, **told)
    rest = Stop()
    resumed = run(training, on_step=rest, checkpoint=checkpoint, **told)
    assert same(resumed, expected)
    assert resumed.prepared == 1
    assert rest.log == whole.log[len(whole.log) - len(rest.log) :]
    done = list(STEPS).index(phase) * STEPS["first"] + (step - 1) // every * every
    assert len(whole.log) - len(rest.log) == done  # what the last checkpoint held is not done again


def test_finished_checkpoint_is_only_read(tmp_path, training):
    checkpoint = tmp_path / "c.safetensors"
    expected = run(training, checkpoint=checkpoint)
    again = run(training, checkpoint=checkpoint)
    assert same(again, expected)
    assert again.watched == []
    assert not again.training


def test_checkpoint_holds_phase_step_and_seed(tmp_path, training):
    run(training, seed=5, checkpoint=tmp_path / "c", every=4)
    _, meta = load_tensors(tmp_path / "c")
    assert (meta["phase"], meta["step"], meta["seed"]) == (1, STEPS["second"], 5)
    run(training, checkpoint=tmp_path / "none", every=0)
    assert not (tmp_path / "none").exists()


def test_checkpoint_of_another_run_is_refused(tmp_path, training):
    run(training, seed=5, checkpoint=tmp_path / "c")
    with pytest.raises(ArtefactError, match=r"run with seed 5, not 6.*Remove it to start over"):
        run(training, seed=6, checkpoint=tmp_path / "c")
    (tmp_path / "c").write_bytes((tmp_path / "c").read_bytes()[:-5])
    with pytest.raises(ArtefactError, match="not a readable safetensors file"):
        run(training, seed=5, checkpoint=tmp_path / "c")


def test_seeds(training):
    assert same(run(training, seed=1), run(training, seed=1))
    assert not same(run(training, seed=1), run(training, seed=2))
    state = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    run(training)
    assert torch.equal(torch.random.get_rng_state(), state[0])
    assert (np.random.get_state()[1] == state[1]).all()  # noqa: NPY002


def test_each_phase_trains_its_parameters_and_nothing_else(training):
    method = ToyMethod(ToyConfig(), training.task, torch_generator(0))
    snapshots = [copy.deepcopy(method.state_dict())]

    def watch(phase, step, losses):
        if step == STEPS[phase]:
            snapshots.append(copy.deepcopy(method.state_dict()))

    TrainingLoop(method, training, seed=0, bookkeeping=Bookkeeping(on_step=watch, progress=False)).run()
    frozen = {phase: held for phase, _, _, held, _ in method.watched}
    assert frozen == {"first": {"two.weight", "two.bias"}, "second": {"one.weight", "one.bias"}}
    for name in ("one.weight", "one.bias", "two.weight", "two.bias"):
        changes = [not torch.equal(a[name], b[name]) for a, b in pairwise(snapshots)]
        assert changes == [name.startswith("one"), name.startswith("two")]
    assert all(training_mode for *_, training_mode in method.watched)


def test_trained_method_is_ready_to_score(training):
    method = run(training)
    assert not method.training
    assert method.prepared == 1
    assert not any(p.requires_grad for p in method.parameters())
    assert not method.class_scores(torch.ones(1, 3), (0, 1)).heads["two"].requires_grad


@pytest.mark.parametrize(("size", "per_epoch"), [(5, 2), (2, 5), (4, 2), (3, 3), (10, 1), (64, 1)])
def test_each_epoch_is_a_new_order_of_distinct_samples(training, size, per_epoch):
    method = run(training, config=ToyConfig(batch_size=size))
    batches = [labels for phase, labels, *_ in method.watched if phase == "first"]
    epochs = [list(chain(*batches[i : i + per_epoch])) for i in range(0, len(batches) - per_epoch + 1, per_epoch)]
    assert len(epochs) == STEPS["first"] // per_epoch
    for epoch in epochs:
        assert len(set(epoch)) == len(epoch) == per_epoch * min(size, 10)
    assert len({tuple(e) for e in epochs}) == len(epochs)
    second = [labels for phase, labels, *_ in method.watched if phase == "second"]
    assert second[0] != batches[0]  # phases have streams of their own


def test_each_step_has_a_random_stream_of_its_own(training):
    method = run(training)
    assert len(set(method.streams)) == len(method.streams) == sum(STEPS.values())


class PlainLayers(ToyMethod):
    """As a newcomer writes it: layers that start and drop out from torch's own stream."""

    def __init__(self, config, task, generator):
        super().__init__(config, task, generator)
        self.extra, self.drop = torch.nn.Linear(3, 3), torch.nn.Dropout(0.5)

    def training_step(self, batch, phase, generator):
        output = super().training_step(batch, phase, generator)
        return StepOutput({name: loss * self.drop(torch.ones(8)).mean() for name, loss in output.losses.items()})


def test_layers_of_torch_are_seeded_too_and_the_global_stream_is_left_alone(training):
    found = []
    for outside in (1, 2):
        torch.manual_seed(outside)
        before = torch.get_rng_state()
        found.append(fit(PlainLayers, ToyConfig(), training, seed=5, progress=False))
        assert torch.equal(torch.get_rng_state(), before)
    assert same(*found)
    other = fit(PlainLayers, ToyConfig(), training, seed=6, progress=False)
    assert not torch.equal(other.extra.weight, found[0].extra.weight)


def test_features_stay_with_their_labels(training):
    method = run(training)
    for _, labels, features, *_ in method.watched:
        assert (features.numpy() == training.features[labels]).all()


def test_losses_are_told_as_floats_at_the_promised_steps(training):
    told = Stop()
    run(training, on_step=told, log_every=3)
    assert [(p, s) for p, s, _ in told.log] == [
        ("first", 3), ("first", 6), ("first", 7), ("second", 3), ("second", 6), ("second", 9)
    ]  # fmt: skip
    assert all(set(losses) == {"square", "size"} for *_, losses in told.log)
    assert all(type(v) is float for *_, losses in told.log for v in losses.values())


def test_loss_that_is_not_finite_names_step_phase_and_term(training):
    told = Stop()
    with pytest.raises(ZsarError, match=r"not finite at step 3 of phase 'second': square = nan, size = 0\.\d+") as e:
        run(training, config=ToyConfig(nan_at=STEPS["first"] + 3), on_step=told, log_every=1)
    assert "Lower the learning rate" in str(e.value)
    assert told.log[-1][:2] == ("second", 2)


def test_clipping_bounds_the_step(training):
    """With plain SGD at rate r, a parameter moves by at most r times the bound of the gradient's norm."""

    class Plain(ToyMethod):
        def phases(self):
            return (Phase("only", 1, 4, self.parameters, lambda p: torch.optim.SGD(p, lr=1.0)),)

    start = Plain(ToyConfig(), training.task, torch_generator(0, "initialisation"))
    moved = {}
    for clip in (None, 1e-3):
        end = fit(Plain, ToyConfig(), training, seed=0, clip=clip, progress=False)
        moved[clip] = torch.cat(
            [(a - b).flatten() for a, b in zip(start.parameters(), end.parameters(), strict=True)]
        ).norm()
    assert moved[None] > 0.01
    assert moved[1e-3].item() == pytest.approx(1e-3, rel=1e-2)


def test_method_solved_in_closed_form_has_no_phase(training):
    class Solved(ToyMethod):
        def phases(self):
            return ()

    method = fit(Solved, ToyConfig(), training, seed=0, progress=False)
    assert method.prepared == 1
    assert not method.training


def test_a_probe_sees_the_method_at_its_steps_and_changes_nothing(tmp_path, training):
    shown, plain = [], run(training)

    def probe(method, step):
        assert not method.training
        assert not torch.is_grad_enabled()
        shown.append((step, {k: v.clone() for k, v in method.state_dict().items()}))

    probed = run(training, probe=probe, trace=3)
    assert [step for step, _ in shown] == [3, 6]  # of nine; the end is the caller's
    assert same(probed, plain)
    whole = dict(shown)
    with pytest.raises(KeyboardInterrupt):  # stopped after step 7, the last checkpoint is that of step 6
        run(training, on_step=Stop("second", 7), checkpoint=tmp_path / "c", log_every=1, every=6)
    at_six = load_tensors(tmp_path / "c")[0]
    assert torch.equal(at_six["method.two.weight"], whole[6]["two.weight"])
    assert not torch.equal(whole[3]["two.weight"], whole[6]["two.weight"])
    assert torch.equal(whole[3]["one.weight"], whole[6]["one.weight"])  # only the last phase is probed


def test_mixed_precision_trains_float32_weights_that_are_close(training):
    one, other = run(training), run(training, precision="bfloat16")
    assert all(p.dtype == torch.float32 for p in other.parameters())
    assert not same(one, other)
    for p, q in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(p, q, atol=0.05, rtol=0.1)


def test_a_step_of_each_phase_is_timed_and_leaves_no_checkpoint(training, tmp_path):
    method = ToyMethod(ToyConfig(), training.task, torch_generator(0, "initialisation"))
    checkpoint = tmp_path / "c.safetensors"
    loop = TrainingLoop(method, training, seed=0, bookkeeping=Bookkeeping(checkpoint=checkpoint, every=0))
    seconds = loop.time_steps(3)
    assert list(seconds) == ["first", "second"]
    assert all(value > 0 for value in seconds.values())
    assert method.seen_steps == 2 * (1 + 3)
    assert not checkpoint.exists()
