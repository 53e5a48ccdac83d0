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
from zsar_kit.errors import ConfigError, TextError
from zsar_kit.methods.task import MapRows, Task, TrainingSet, find_text_set, sample_features
from zsar_kit.reprs import ShownByShape
from zsar_kit.semantics.context_request import ContextRequest
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.semantics.texts import ClassTexts

__all__ = [
    "Batch",
    "ClassScores",
    "ContextRequest",
    "GateChoice",
    "MapRows",
    "Method",
    "MethodConfig",
    "Phase",
    "ReadsContexts",
    "StepOutput",
    "Task",
    "TrainingSet",
    "WeighsKeyParts",
    "class_rows",
    "find_text_set",
    "sample_features",
]


@dataclass(frozen=True)
class Batch(ShownByShape):
    """Skeleton features of some samples, pooled or as maps ``[batch, T', joint, d]``, and their original class ids."""

    features: Float[Tensor, "batch ..."]
    labels: Int[Tensor, " batch"]

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return Batch(self.features.to(device), self.labels.to(device))


@dataclass(frozen=True)
class StepOutput(ShownByShape):
    """The weighted losses of one step; their sum is minimised, each is logged."""

    losses: dict[str, Tensor]

    @property
    def loss(self) -> Tensor:
        """The sum of all losses."""
        return torch.stack(list(self.losses.values())).sum()


@dataclass(frozen=True)
class ClassScores(ShownByShape):
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

    def __repr__(self) -> str:
        return f"Phase({self.name!r}, {self.steps} steps of {self.batch_size} samples)"


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

    def __repr__(self) -> str:
        count = sum(p.numel() for p in self.parameters())
        return f"{type(self).__name__}({count:,} parameters)"

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


class ReadsContexts(Method):
    """A method that reads context words (environment, used object and so on) from the motion alone."""

    @property
    @abstractmethod
    def slots(self) -> tuple[str, ...]:
        """The slots of the prompt; none where this model was built without its context reader."""

    @property
    @abstractmethod
    def vocabulary(self) -> tuple[str, ...]:
        """Candidate words of the slots."""

    @property
    def reads_contexts(self) -> bool:
        """Whether this model can be asked: its settings may leave the context reader out."""
        return bool(self.slots)

    @abstractmethod
    def context_log_probabilities(self, features: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch slot word"]:
        """Of each word of the :attr:`vocabulary` in each slot, all slots masked.

        Raises:
            ConfigError: this model was built without its context reader.
        """

    def predict_contexts(
        self, features: Float[Tensor, "batch ..."], k: int = 5
    ) -> list[dict[str, list[tuple[str, float]]]]:
        """For each clip the k likeliest words of each slot with their probabilities.

        Args:
            features: of the clips, as for :meth:`class_scores`.
            k: words a slot.

        Raises:
            ConfigError: this model was built without its context reader, or k is not positive.
        """
        if k < 1:
            raise ConfigError(f"at least one word a slot must be asked for, got k = {k}", where="k")
        best = self.context_log_probabilities(features).exp().topk(min(k, len(self.vocabulary)))
        found = []
        for words, shares in zip(best.indices.tolist(), best.values.tolist(), strict=True):
            named = [[self.vocabulary[w] for w in slot] for slot in words]
            pairs = [list(zip(*pair, strict=True)) for pair in zip(named, shares, strict=True)]
            found.append(dict(zip(self.slots, pairs, strict=True)))
        return found


class WeighsKeyParts(Method):
    """A method that weighs joints by their importance for the action."""

    @abstractmethod
    def key_parts(self, features: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch frame joint"]:
        """Importance of each joint at each (coarse) frame; over the joints of a frame it sums to one.

        Raises:
            ConfigError: this model was built without that module.
        """

    @abstractmethod
    def language_prior(self, texts: ClassTexts, class_id: int) -> Float[np.ndarray, " joint"]:
        """Importance of the joints by what language says of a class, also of one that training never saw.

        Raises:
            TextError: the texts have no such class, or not what the prior is made of.
        """
