"""The interface of recognition methods, which the training loop and the evaluation protocol rely on.

A method sees skeleton features, class ids and class semantics. It never sees files or test samples and, in training,
no unseen label. It returns scores over any set of classes for which it has semantics.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from zsar_kit.config import Config
from zsar_kit.errors import ConfigError, TextError
from zsar_kit.methods.task import Task, TrainingSet
from zsar_kit.reprs import ShownByShape
from zsar_kit.semantics.context_request import ContextRequest
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.semantics.text_encoding import TextEncoding
from zsar_kit.semantics.texts import ClassTexts


@dataclass(frozen=True)
class Batch(ShownByShape):
    """Skeleton features of a batch, pooled or as maps ``[batch, T', joint, d]``, and the original class ids."""

    features: Float[Tensor, "batch ..."]
    labels: Int[Tensor, " batch"]

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return Batch(self.features.to(device), self.labels.to(device))


@dataclass(frozen=True)
class StepOutput(ShownByShape):
    """The weighted losses of one step. Their sum is minimised and each is logged."""

    losses: dict[str, Tensor]

    @property
    def loss(self) -> Tensor:
        """The sum of all losses."""
        return torch.stack(list(self.losses.values())).sum()


@dataclass(frozen=True)
class ClassScores(ShownByShape):
    """Scores ``[batch, class]`` of one or more heads (larger is better), and positive errors if a gate needs them."""

    heads: dict[str, Float[Tensor, "batch classes"]]
    errors: dict[str, Float[Tensor, "batch classes"]] = field(default_factory=dict)


@dataclass(frozen=True)
class Phase:
    """One stage of training.

    Attributes:
        name: passed to :meth:`Method.training_step`; also names the phase in logs and random streams.
        steps: number of optimiser steps.
        batch_size: samples per step.
        parameters: the parameters that this phase trains; all others are frozen.
        optimizer: builds the optimiser from those parameters.
        schedule: builds a learning-rate schedule, updated at every step; ``None`` keeps the rate constant.
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
        gamma: a fixed threshold; ``None`` fits it on pseudo-unseen folds.
    """

    kind: str = "stacking"
    gamma: float | None = None


@dataclass(frozen=True)
class GridAxis:
    """The number along which a grid is ordered, so that it has ends, and can be extended where the best is an end.

    Attributes:
        field: name of the configuration's field.
        lowest, highest: bounds of an extension.
    """

    field: str
    lowest: float
    highest: float


@dataclass(frozen=True)
class MethodConfig(Config):
    """Base class of method configurations: the inputs that a method with these settings needs, and how it is used.

    Runs query the configuration before they build the method. Every configuration defines :meth:`text_sets`; the
    defaults of the other methods suit a simple method on pooled features.
    """

    def text_sets(self) -> tuple[str, ...]:
        """Names of the text sets that the method reads."""
        raise NotImplementedError(f"{type(self).__name__} does not define text_sets()")

    def text_encoding(self) -> TextEncoding:
        """How its texts are encoded; the same for all configurations of a :meth:`grid`."""
        return TextEncoding()

    def reads(self) -> str:
        """Which features of a clip it is made for: ``"encoder"`` or ``"primitives"``; a run may give it others."""
        return "encoder"

    def accepts_flat(self) -> bool:
        """Whether points of a picture, without depth, make sense to it; a method that says so learns what they mean."""
        return False

    def text_use(self) -> str:
        """Whether training uses texts of unseen classes: ``"transductive text"`` if so, else ``"inductive"``."""
        return "inductive"

    def gate(self) -> GateChoice:
        """How the method is calibrated for GZSL."""
        return GateChoice()

    def grid(self) -> Sequence[MethodConfig]:
        """Candidate configurations for selection on pseudo-unseen folds; only this one by default."""
        return [self]

    def axis(self) -> GridAxis | None:
        """The axis of the grid; ``None`` if its configurations have no order."""
        return None

    def map_views(self) -> int:
        """Number of views of un-pooled maps that the method trains on; 0 for pooled features."""
        return 0

    def contexts(self) -> ContextRequest | None:
        """The context bank that the method needs; ``None`` if it needs none."""
        return None

    def zsl_config(self) -> MethodConfig | None:
        """Settings of a separate model for ZSL; ``None`` if one model serves ZSL and GZSL."""
        return None


def class_rows(known: Sequence[int], wanted: Sequence[int]) -> list[int]:
    """Rows of the classes ``wanted`` in a table with one row for each class in ``known``.

    Raises:
        TextError: a wanted class is not in ``known``.
    """
    place = {c: row for row, c in enumerate(known)}
    if missing := [c for c in wanted if c not in place]:
        raise TextError(f"class {missing[0]} has no text, so it can't be scored", remedy=f"There are {list(known)}.")
    return [place[c] for c in wanted]


class Method(nn.Module, ABC):
    """A zero-shot recognition method.

    Life cycle: the constructor takes a config, a task and a generator that initialises the parameters. Then
    :meth:`observe` sees the training set once, the training loop runs the :meth:`phases`, :meth:`prepare` is called,
    and :meth:`class_scores` scores clips. A stored method is constructed in the same way and loads its state from file.
    """

    config_type: ClassVar[type[MethodConfig]]

    def __init__(self, config: MethodConfig, task: Task, generator: torch.Generator):
        super().__init__()
        del config, task, generator

    def __repr__(self) -> str:
        count = sum(p.numel() for p in self.parameters())
        return f"{type(self).__name__}({count:,} parameters)"

    def observe(self, training: TrainingSet) -> None:
        """Compute whatever needs no gradient steps from the training features: means, scales, closed-form solutions.

        It draws no random numbers, and fills buffers that the constructor made, so that checkpoints hold the result.
        """

    @abstractmethod
    def phases(self) -> tuple[Phase, ...]:
        """The phases of training, in order; empty if :meth:`observe` solves everything in closed form."""

    def training_step(self, batch: Batch, phase: str, generator: torch.Generator) -> StepOutput:
        """The losses of one step of ``phase``; every random draw comes from ``generator``."""
        raise NotImplementedError(f"{type(self).__name__} has no phase {phase!r}")

    def prepare(self) -> None:
        """Called once after training, for example to fit a classifier on synthesised latents."""

    def add_classes(self, semantics: Mapping[str, Semantics]) -> None:
        """Add classes that are described by their texts alone (open vocabulary); nothing is trained.

        Args:
            semantics: text set name to semantics of the new classes, whose ids must be new.

        Raises:
            TextError: a text set is missing, or an id is taken.
        """
        raise NotImplementedError(f"{type(self).__name__} can't add classes after training")

    @abstractmethod
    def class_scores(self, features: Float[Tensor, "batch ..."], classes: tuple[int, ...]) -> ClassScores:
        """Scores of ``features`` over ``classes`` (original ids, one column each), deterministic."""


class ReadsContexts(Method):
    """A method that reads context words (environment, used object and so on) from the motion alone."""

    @property
    @abstractmethod
    def slots(self) -> tuple[str, ...]:
        """The slots of the prompt; empty if this model was built without its context reader."""

    @property
    @abstractmethod
    def vocabulary(self) -> tuple[str, ...]:
        """Candidate words of the slots."""

    @property
    def reads_contexts(self) -> bool:
        """Whether this model has a context reader; its settings may switch it off."""
        return bool(self.slots)

    @abstractmethod
    def context_log_probabilities(self, features: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch slot word"]:
        """Log-probability of each word of the :attr:`vocabulary` in each slot, with all slots masked.

        Raises:
            ConfigError: this model was built without its context reader.
        """

    @contextmanager
    def prompted(self, hidden: Float[Tensor, "1 token d"], mask: Bool[Tensor, "1 token"]) -> Iterator[None]:
        """Within this context the model reads another prompt than the one with all slots masked: *what if* a slot were
        known?

        Args:
            hidden: the language model's hidden states of the prompt; its slots stand where they do in the masked one.
            mask: true at its tokens.

        Raises:
            ConfigError: this model reads no prompt.
        """
        raise ConfigError(f"{type(self).__name__} reads no prompt that could be changed")
        yield

    def predict_contexts(
        self, features: Float[Tensor, "batch ..."], k: int = 5
    ) -> list[dict[str, list[tuple[str, float]]]]:
        """The k likeliest words of each slot with their probabilities, for each clip.

        Args:
            features: features of the clips, as for :meth:`class_scores`.
            k: number of words per slot.

        Raises:
            ConfigError: this model was built without its context reader, or k is not positive.
        """
        if k < 1:
            raise ConfigError(f"the number of words per slot must be at least 1, got k = {k}", where="k")
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
        """Importance of each joint at each (coarse) frame; it sums to one over the joints of a frame.

        Raises:
            ConfigError: this model was built without its key-part module.
        """

    @abstractmethod
    def language_prior(self, texts: ClassTexts, class_id: int) -> Float[np.ndarray, " joint"]:
        """Importance of the joints according to the texts of a class, which may be an unseen one.

        Raises:
            TextError: the texts lack the class, or the fields that the prior is computed from.
        """


class ComparesLevels(Method):
    """A method that compares measured levels of attributes with expected ones, and can say which of them decided."""

    @abstractmethod
    def attribute_distances(
        self, features: Float[Tensor, "batch w"], classes: tuple[int, ...]
    ) -> tuple[Float[Tensor, "batch class a"], Float[Tensor, "batch class a"]]:
        """What each attribute adds to the distance of each clip from each class, and its weight (0 where unknown).

        The distance is the weighted mean of the first over the attributes.
        """

    @abstractmethod
    def expected_levels(self, classes: tuple[int, ...]) -> Float[Tensor, "class a"]:
        """The level at which each attribute would be measured if it were exactly as expected; NaN where unknown."""
