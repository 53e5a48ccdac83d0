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
from jaxtyping import Float, Float32, Int
from torch import Tensor, nn

from zsar_kit.config import Config
from zsar_kit.errors import DataError, TextError
from zsar_kit.semantics.context_bank import ContextBank
from zsar_kit.semantics.context_request import ContextRequest
from zsar_kit.semantics.embeddings import Semantics


@dataclass(frozen=True, eq=False)
class MapRows:
    """Un-pooled maps of some samples, read from disk only when they are asked for.

    Attributes:
        views: memory-mapped ``[all samples, T', joint, d]``, float16; the first is the clip as it is at test time,
            any others are augmented views of the same samples.
        rows: the samples' rows.
    """

    views: tuple[np.ndarray, ...]
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """``[sample, T', joint, d]``."""
        return (len(self.rows), *self.views[0].shape[1:])

    def take(self, positions: np.ndarray, view: int = 0) -> Float32[np.ndarray, "sample frame joint d"]:
        """The maps of the samples at some positions, float32."""
        return self.views[view][self.rows[positions]].astype(np.float32)


def sample_features(features: np.ndarray | MapRows, positions: np.ndarray, view: int = 0) -> np.ndarray:
    """Features of the samples at some positions: pooled ``[sample, d]``, or maps ``[sample, T', joint, d]``."""
    return features.take(positions, view) if isinstance(features, MapRows) else features[positions]


@dataclass(frozen=True)
class Batch:
    """Skeleton features of some samples, pooled or as maps ``[batch, T', joint, d]``, and their original class ids."""

    features: Float[Tensor, "batch ..."]
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


def find_text_set(semantics: Mapping[str, Semantics], name: str) -> Semantics:
    """The semantics of one text set.

    Raises:
        TextError: it is not among those that were given.
    """
    if name not in semantics:
        raise TextError(f"the text set {name!r} is needed; there are {', '.join(semantics) or 'none'}")
    return semantics[name]


@dataclass(frozen=True, eq=False)
class Task:
    """What is known before any sample is seen: it decides the sizes of a method, and which classes it can name.

    Attributes:
        feature_shape: shape of one sample's features, ``[d]`` pooled or ``[T', joint, d]`` for un-pooled maps.
        seen: ids of the seen classes.
        semantics: text set name to semantics of all candidate classes. Unseen classes' *texts* are there: whether a
            method uses them in training is its own matter, and marked (transductive text).
        contexts: encoded context descriptions of the seen classes, for methods that read them.
    """

    feature_shape: tuple[int, ...]
    seen: tuple[int, ...]
    semantics: Mapping[str, Semantics]
    contexts: ContextBank | None = None

    @property
    def pooled_width(self) -> int:
        """The width d of a method that learns from pooled features.

        Raises:
            DataError: they are un-pooled maps.
        """
        if len(self.feature_shape) != 1:
            shape = ["sample", *self.feature_shape]
            raise DataError(f"this method learns from pooled features [sample, d], got [{', '.join(map(str, shape))}]")
        return self.feature_shape[0]

    def text_set(self, name: str) -> Semantics:
        """The semantics of one text set.

        Raises:
            TextError: the run did not provide it.
        """
        return find_text_set(self.semantics, name)


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Everything a method may learn from: features and labels of seen classes, and the task they belong to.

    Attributes:
        features: pooled features of the training samples, ``[sample, d]`` float32, or their un-pooled maps.
        labels: their original class ids.
        task: what was known before.

    Raises:
        DataError: the features have another shape than the task's, or there is not one label for each sample.
    """

    features: np.ndarray | MapRows
    labels: np.ndarray
    task: Task

    def __post_init__(self) -> None:
        shape = tuple(self.features.shape)
        if shape[1:] != self.task.feature_shape or len(self.labels) != shape[0]:
            raise DataError(
                f"features {list(shape)} and {len(self.labels)} labels do not fit a task with features of shape "
                f"{list(self.task.feature_shape)}",
                where="TrainingSet",
                remedy="There is one label a sample, and the task has the shape of one sample's features.",
            )

    @property
    def pooled(self) -> np.ndarray:
        """The features of a method that learns from pooled ones, ``[sample, d]``.

        Raises:
            DataError: they are un-pooled maps.
        """
        if isinstance(self.features, MapRows) or self.features.ndim != 2:
            raise DataError(f"this method learns from pooled features [sample, d], got {list(self.features.shape)}")
        return self.features


@dataclass(frozen=True)
class GateChoice:
    """How a method is calibrated for GZSL.

    Attributes:
        kind: ``stacking`` (any scores), ``ratio`` (positive errors) or ``logistic``.
        gamma: its threshold, by hand; ``None`` lets pseudo-unseen folds choose it.
    """

    kind: str = "stacking"
    gamma: float | None = None


@dataclass(frozen=True)
class MethodConfig(Config):
    """Base class of the configurations of methods: what a method with these settings reads, and how it is used.

    Runs ask the configuration, before there is any method. Every configuration defines :meth:`text_sets`; the other
    answers are those of a simple method on pooled features.
    """

    def text_sets(self) -> tuple[str, ...]:
        """Names of the text sets that the method reads."""
        raise NotImplementedError(f"{type(self).__name__} does not define text_sets()")

    def text_use(self) -> str:
        """The tables' remark on unseen classes' texts in training: ``"inductive"`` or ``"transductive text"``."""
        return "inductive"

    def gate(self) -> GateChoice:
        """How the method is calibrated for GZSL."""
        return GateChoice()

    def grid(self) -> Sequence[MethodConfig]:
        """Configurations among which pseudo-unseen folds choose; just this one unless it leaves something open."""
        return [self]

    def map_views(self) -> int:
        """Views of un-pooled maps that the method learns from; 0 for pooled features."""
        return 0

    def contexts(self) -> ContextRequest | None:
        """The bank of context prompts that the method reads; ``None`` for none."""
        return None

    def zsl_config(self) -> MethodConfig | None:
        """Settings of a second model for the ZSL setting, where a method has one for each; ``None`` where not."""
        return None


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

    Life: constructed from its config, a task and a generator that initialises its parameters; shown the training set
    once (:meth:`observe`); trained phase by phase; :meth:`prepare`-d; then asked for :meth:`class_scores`. A stored
    method is constructed and then reads from its file what it had observed and learnt.
    """

    config_type: ClassVar[type[MethodConfig]]

    def __init__(self, config: MethodConfig, task: Task, generator: torch.Generator):
        super().__init__()
        del config, task, generator

    def observe(self, training: TrainingSet) -> None:
        """Compute what comes from training features without steps: means, scales, closed-form solutions.

        It draws no random number, and fills buffers that the constructor made, so that checkpoints hold the result.
        """

    @abstractmethod
    def phases(self) -> tuple[Phase, ...]:
        """The stages of training, in order; empty where :meth:`observe` solved everything in closed form."""

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
    def class_scores(self, features: Float[Tensor, "batch ..."], classes: tuple[int, ...]) -> ClassScores:
        """Scores of ``features`` over ``classes`` (original ids, one column each), deterministic."""
