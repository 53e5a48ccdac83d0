"""The training loop of all methods. It handles phases and steps, and does not depend on any particular loss.

Random generators are derived from the phase and the step, so that a run resumed from a checkpoint draws the same
numbers as an uninterrupted one. On a CPU both end with the same bytes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

from zsar_kit.checkpoints import load_module, load_tensors, optimizer_tensors, restore_optimizer, save_tensors
from zsar_kit.device import has_room, precision_of, synchronise
from zsar_kit.errors import ArtefactError, ZsarError
from zsar_kit.methods.base import Batch, Method, MethodConfig, Phase
from zsar_kit.methods.task import MapRows, TrainingSet, sample_features
from zsar_kit.seeding import numpy_generator, seeded_globally, torch_generator

OnStep = Callable[[str, int, dict[str, float]], None]


@dataclass(frozen=True, eq=False)
class Bookkeeping:
    """What is saved, logged and shown during training; it does not affect the result.

    Attributes:
        checkpoint: file for the state; written every ``every`` steps, and read at the start if it exists.
        every: steps between checkpoints; 0 writes none.
        on_step: called with the phase, the step (1-based) and the losses as floats, every ``log_every`` steps.
        log_every: steps between two calls of ``on_step``, which is also called at the last step of a phase.
        probe: called with the method, ready to score, and the step, at ``trace`` evenly spaced steps of the last phase,
            except at its end; it must not change the method.
        trace: number of these steps, the end included; 0 for none.
        progress: show a progress bar.
    """

    checkpoint: Path | None = None
    every: int = 200
    on_step: OnStep | None = None
    log_every: int = 20
    probe: Callable[[Method, int], None] | None = None
    trace: int = 0
    progress: bool = True


class TrainingLoop:
    """Trains a method through its phases.

    Args:
        method: the method, on the device to train on.
        training: features and labels of seen classes.
        seed: the run's seed.
        clip: maximum norm of the gradient; ``None`` for no clipping.
        precision: of the steps: ``float32``, or ``bfloat16`` where torch can.
        bookkeeping: what is saved, logged and shown; by default only a progress bar.
    """

    def __init__(
        self,
        method: Method,
        training: TrainingSet,
        *,
        seed: int,
        clip: float | None = None,
        precision: str = "float32",
        bookkeeping: Bookkeeping | None = None,
    ):
        self.precision = precision
        self.method, self.training, self.seed, self.clip = method, training, seed, clip
        kept = bookkeeping or Bookkeeping()
        self.probe, self.trace, self.progress = kept.probe, kept.trace, kept.progress
        self.checkpoint, self.every = kept.checkpoint, kept.every
        self.on_step, self.log_every = kept.on_step, kept.log_every
        self.device = next((p.device for p in method.parameters()), torch.device("cpu"))
        self.views = len(training.features.views) if isinstance(training.features, MapRows) else 1
        self.resident = _resident(training.features, self.device)
        self.labels = torch.from_numpy(np.asarray(training.labels, dtype=np.int64)).to(self.device)

    def run(self) -> Method:
        """Train all phases, resuming from the checkpoint if there is one, and prepare the method for scoring."""
        done_phase, done_step, state = self._resume()
        phases = self.method.phases()
        steps = sum(p.steps for p in phases)
        with tqdm(total=steps, disable=not (self.progress and steps), leave=False, unit="step") as bar:
            for number, phase in enumerate(phases):
                if number < done_phase:
                    bar.update(phase.steps)
                    continue
                start = done_step if number == done_phase else 0
                bar.set_description(phase.name)
                bar.update(start)
                self._run_phase(number, phase, start, state if start else None, bar)
        self.method.requires_grad_(False)
        self.method.eval()
        self.method.prepare()
        return self.method

    def time_steps(self, count: int) -> dict[str, float]:
        """Seconds of a step of each phase, by its name: the mean of ``count`` steps, after one that is not timed.

        The method is changed by the steps, so it should be used for nothing else.
        """
        seconds = {}
        with tqdm(disable=True) as bar:
            for number, phase in enumerate(self.method.phases()):
                self._run_phase(number, replace(phase, steps=1), 0, None, bar)
                synchronise(self.device)
                start = time.perf_counter()
                self._run_phase(number, replace(phase, steps=count), 0, None, bar)
                synchronise(self.device)
                seconds[phase.name] = (time.perf_counter() - start) / count
        return seconds

    def _run_phase(self, number: int, phase: Phase, start: int, state: tuple | None, bar: tqdm) -> None:
        self.method.train()
        parameters = _trainable(self.method, phase)
        optimizer = phase.optimizer(parameters)
        schedule = phase.schedule(optimizer) if phase.schedule else None
        if state is not None:
            restore_optimizer(optimizer, *state[0])
            if schedule is not None:
                schedule.load_state_dict(state[1])
        probed = self._probed_steps(number, phase.steps)
        for step in range(start + 1, phase.steps + 1):
            generator = torch_generator(self.seed, "step", phase.name, step, device=self.device)
            # Layers of torch.nn, which a method may use as they are, draw from the global generators.
            layers = seeded_globally(self.seed, "layers", phase.name, step)
            with precision_of(self.device, self.precision), layers:
                output = self.method.training_step(self._batch(phase, step), phase.name, generator)
                loss = output.loss
            if not torch.isfinite(loss):
                named = ", ".join(f"{k} = {float(v.detach()):.3g}" for k, v in output.losses.items())
                raise ZsarError(
                    f"the loss is not finite at step {step} of phase {phase.name!r}: {named}",
                    remedy="Lower the learning rate, or check the features for extreme values.",
                )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if self.clip is not None:
                nn.utils.clip_grad_norm_(parameters, self.clip)
            optimizer.step()
            if schedule is not None:
                schedule.step()
            bar.update()
            if step in probed:
                self._show(step)
            if self.on_step and (step % self.log_every == 0 or step == phase.steps):
                self.on_step(phase.name, step, {k: float(v.detach()) for k, v in output.losses.items()})
            if self.checkpoint and self.every and (step % self.every == 0 or step == phase.steps):
                self._save(number, step, optimizer, schedule)

    def _probed_steps(self, number: int, steps: int) -> set[int]:
        if self.probe is None or number != len(self.method.phases()) - 1:
            return set()
        return {round(steps * i / self.trace) for i in range(1, self.trace)} - {0, steps}

    def _show(self, step: int) -> None:
        """Let the probe score the method in its current state, then continue training."""
        assert self.probe is not None
        self.method.eval()
        with torch.no_grad():
            self.method.prepare()
            self.probe(self.method, step)
        self.method.train()

    def _batch(self, phase: Phase, step: int) -> Batch:
        """The batch of a step: a slice of the epoch's permutation; an incomplete last batch is dropped."""
        count = len(self.labels)
        size = min(phase.batch_size, count)
        per_epoch = count // size
        epoch, place = divmod(step - 1, per_epoch)
        order = numpy_generator(self.seed, "batches", phase.name, epoch).permutation(count)
        positions = order[place * size : (place + 1) * size]
        view = int(numpy_generator(self.seed, "views", phase.name, step).integers(self.views)) if self.views > 1 else 0
        chosen = torch.from_numpy(positions).to(self.device)
        if self.resident is not None:
            return Batch(self.resident[view][chosen].float(), self.labels[chosen])
        features = torch.from_numpy(sample_features(self.training.features, positions, view))
        return Batch(features.to(self.device), self.labels[chosen])

    def _save(self, number: int, step: int, optimizer: torch.optim.Optimizer, schedule: object | None) -> None:
        assert self.checkpoint is not None
        slots, rest = optimizer_tensors(optimizer)
        tensors = {f"method.{k}": v for k, v in self.method.state_dict().items()} | slots
        rate = schedule.state_dict() if isinstance(schedule, torch.optim.lr_scheduler.LRScheduler) else {}
        meta = {"phase": number, "step": step, "optimizer": rest, "schedule": _plain(rate), "seed": self.seed}
        save_tensors(self.checkpoint, tensors, meta)

    def _resume(self) -> tuple[int, int, tuple | None]:
        if self.checkpoint is None or not self.checkpoint.is_file():
            return 0, 0, None
        tensors, meta = load_tensors(self.checkpoint)
        if meta.get("seed") != self.seed:
            raise ArtefactError(
                f"the checkpoint belongs to a run with seed {meta.get('seed')}, not {self.seed}",
                where=self.checkpoint,
                remedy="Remove it to start over.",
            )
        weights = {k.removeprefix("method."): v for k, v in tensors.items() if k.startswith("method.")}
        load_module(self.method, weights, where=self.checkpoint)
        return meta["phase"], meta["step"], ((tensors, meta["optimizer"]), meta["schedule"])


def _resident(features: np.ndarray | MapRows, device: torch.device) -> tuple[torch.Tensor, ...] | None:
    """Features on the device, one tensor a view; None for maps where it has no room, which are read batch by batch."""
    if not isinstance(features, MapRows):
        return (torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32)).to(device),)
    if not has_room(device, len(features.views) * math.prod(features.shape) * features.views[0].itemsize):
        return None
    return tuple(torch.from_numpy(view[features.rows]).to(device) for view in features.views)


def _plain(state: dict) -> dict:
    """The JSON-ready part of a schedule's state (its functions are rebuilt from the config)."""
    return {k: v for k, v in state.items() if isinstance(v, int | float | str | list | bool)}


def _trainable(method: Method, phase: Phase) -> list[nn.Parameter]:
    """Freeze everything except the phase's parameters, and return those."""
    method.requires_grad_(False)
    parameters = list(phase.parameters())
    for parameter in parameters:
        parameter.requires_grad_(True)
    return parameters


def fit(
    method_type: type[Method],
    config: MethodConfig,
    training: TrainingSet,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    clip: float | None = None,
    precision: str = "float32",
    **bookkeeping: Any,
) -> Method:
    """Construct a method, train it, and return it ready to score.

    Args:
        method_type: class of the method.
        config: its configuration.
        training: the training set.
        seed: the run's seed.
        device: device for training and scoring.
        clip, precision: see :class:`TrainingLoop`.
        bookkeeping: fields of :class:`Bookkeeping`.
    """
    with seeded_globally(seed, "layers"):
        method = method_type(config, training.task, torch_generator(seed, "initialisation"))
    method.observe(training)
    kept = Bookkeeping(**bookkeeping)
    return TrainingLoop(method.to(device), training, seed=seed, clip=clip, precision=precision, bookkeeping=kept).run()
