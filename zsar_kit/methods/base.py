"""What a recognition method is: the contract between methods, the one training loop, and the one protocol.

A method sees skeleton features, class ids and class semantics; it never sees files, test samples or, in training,
an unseen label. It answers with scores over any set of classes that its semantics name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from zsar_kit.config import Config
from zsar_kit.errors import TextError
from zsar_kit.semantics.embeddings import Semantics


@dataclass(frozen=True)
class Batch:
    """Skeleton features of some samples and their original class ids."""

    features: Float[Tensor, "batch d"]
    labels: Int[Tensor, " batch"]

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return Batch(self.features.to(device), self.labels.to(device))


@dataclass(frozen=True)
class StepOutput:
    """The weighted losses of one step; their sum is minimised, each is logged."""

    losses: dict[str, Tensor]

    @property
    def loss(self) -> Tensor:
        """The sum of all losses."""
        return torch.stack(list(self.losses.values())).sum()


@dataclass(frozen=True)
class ClassScores:
    """One or more heads of scores ``[batch, class]``, larger is better, and positive errors where a gate needs them."""

    heads: dict[str, Float[Tensor, "batch classes"]]
    errors: dict[str, Float[Tensor, "batch classes"]] = field(default_factory=dict)


@dataclass(frozen=True)
class Phase:
    """One stage of training.

    Attributes:
        name: passed to :meth:`Method.training_step`, and the stage's name in logs and random streams.
        steps: number of optimiser steps.
        batch_size: samples per step.
        parameters: what this phase trains; everything else is frozen meanwhile.
        optimizer: builds the optimiser from those parameters.
        schedule: builds a learning-rate schedule, stepped once a step; ``None`` keeps the rate.
    """

    name: str
    steps: int
    batch_size: int
    parameters: Callable[[], Iterable[nn.Parameter]]
    optimizer: Callable[[list[nn.Parameter]], torch.optim.Optimizer]
    schedule: Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler] | None = None


@dataclass(frozen=True)
class TrainingSet:
    """Everything a method may learn from: features and labels of seen classes, and texts.

    Attributes:
        features: pooled features of the training samples, ``[sample, d]`` float32.
        labels: their original class ids.
        seen: ids of the seen classes.
        semantics: text set name to semantics of all candidate classes. Unseen classes' *texts* are there: whether a
            method uses them in training is its own matter, and marked (transductive text).
    """

    features: np.ndarray
    labels: np.ndarray
    seen: tuple[int, ...]
    semantics: Mapping[str, Semantics]

    def text_set(self, name: str) -> Semantics:
        """The semantics of one text set.

        Raises:
            TextError: the run did not provide it.
        """
        if name not in self.semantics:
            raise TextError(f"the text set {name!r} is needed; there are {', '.join(self.semantics) or 'none'}")
        return self.semantics[name]


@dataclass(frozen=True)
class GateChoice:
    """How a method is calibrated for GZSL.

    Attributes:
        kind: ``stacking`` (any scores), ``ratio`` (positive errors) or ``logistic``.
        gamma: its threshold, by hand; ``None`` lets pseudo-unseen folds choose it.
    """

    kind: str = "stacking"
    gamma: float | None = None


def class_rows(known: Sequence[int], wanted: Sequence[int]) -> list[int]:
    """Rows of the classes ``wanted`` in a table whose rows are the classes ``known``.

    Raises:
        TextError: a wanted class is not among them.
    """
    place = {c: row for row, c in enumerate(known)}
    if missing := [c for c in wanted if c not in place]:
        raise TextError(f"class {missing[0]} has no text, so it can't be scored", remedy=f"There are {list(known)}.")
    return [place[c] for c in wanted]


class Method(nn.Module, ABC):
    """A zero-shot recognition method.

    Life: constructed from its config, the training set and a generator that initialises its parameters; trained phase
    by phase; :meth:`prepare`-d; then asked for :meth:`class_scores`.
    """

    config_type: ClassVar[type[Config]]

    def __init__(self, config: Config, training: TrainingSet, generator: torch.Generator):
        super().__init__()
        del training, generator

    @staticmethod
    def text_use(config: Config) -> str:
        """The tables' remark on unseen classes' texts in training: ``"inductive"`` or ``"transductive text"``."""
        return "inductive"

    @staticmethod
    def gate(config: Config) -> GateChoice:
        """How a method with this config is calibrated for GZSL."""
        return GateChoice()

    @staticmethod
    def zsl_config(config: Config) -> Config | None:
        """The config of a second model for the ZSL setting, where a method has one for each; ``None`` where not."""
        return None

    @staticmethod
    def text_sets(config: Config) -> tuple[str, ...]:
        """Names of the text sets that a method with this config needs."""
        raise NotImplementedError

    @staticmethod
    def grid(config: Config) -> Sequence[Config]:
        """Configs among which pseudo-unseen folds choose; just this one unless the config leaves something open."""
        return [config]

    @abstractmethod
    def phases(self) -> tuple[Phase, ...]:
        """The stages of training, in order; empty where the constructor solved everything in closed form."""

    def training_step(self, batch: Batch, phase: str, generator: torch.Generator) -> StepOutput:
        """The losses of one step of ``phase``; every random draw comes from ``generator``."""
        raise NotImplementedError(f"{type(self).__name__} has no phase {phase!r}")

    def prepare(self) -> None:
        """Called once after training; classifiers on synthesised latents live here."""

    def add_classes(self, semantics: Mapping[str, Semantics]) -> None:
        """Make further classes scorable, known by their texts alone (open vocabulary); nothing is trained.

        Args:
            semantics: text set name to semantics of the new classes, whose ids are not in use yet.

        Raises:
            TextError: a text set is missing, or an id is taken.
        """
        raise NotImplementedError(f"{type(self).__name__} can't take classes after training")

    @abstractmethod
    def class_scores(self, features: Float[Tensor, "batch d"], classes: tuple[int, ...]) -> ClassScores:
        """Scores of ``features`` over ``classes`` (original ids, one column each), deterministic."""
