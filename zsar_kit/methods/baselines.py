"""Baselines: the simplest methods that transfer from seen to unseen classes. Every other method has to beat them.

* :class:`RidgeToText`: ridge regression from skeleton features to the text embedding of the class, then cosine.
* :class:`LinearCosine`: a linear map trained with cross-entropy over cosines to the seen classes' texts.

Chance needs no code here: it is 100 % divided by the number of candidate classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zsar_kit.data.standardisation import divisors
from zsar_kit.errors import TextError
from zsar_kit.methods.base import Batch, ClassScores, GridAxis, Method, MethodConfig, Phase, StepOutput, class_rows
from zsar_kit.methods.registry import register
from zsar_kit.methods.task import Task, TrainingSet, find_text_set
from zsar_kit.models.blocks import seeded_linear
from zsar_kit.semantics.embeddings import Semantics


def unit_text(semantics: Semantics) -> Float[Tensor, "class d"]:
    """Pooled text embeddings of all classes at unit length."""
    return nn.functional.normalize(torch.from_numpy(semantics.pooled), dim=1)


class _TextBaseline(Method):
    """Common part of the baselines: standardised features, and cosines to unit-length text embeddings as scores.

    Centred, all texts and what is mapped to them lose the mean over the seen classes' texts before the cosine, so that
    what all texts have in common does not count. Texts of unseen classes have no part in that mean.
    """

    mean: Tensor
    scale: Tensor
    text: Tensor
    centre: Tensor
    text_set: str

    def __init__(self, config: RidgeConfig | LinearCosineConfig, task: Task, generator: torch.Generator):
        super().__init__(config, task, generator)
        text_set, self.centred = config.text_set, bool(config.centred)
        self.register_buffer("mean", torch.zeros(task.pooled_width))
        self.register_buffer("scale", torch.ones(task.pooled_width))
        self.text_set, semantics = text_set, task.text_set(text_set)
        self.class_ids = semantics.class_ids
        self.register_buffer("text", unit_text(semantics))
        seen = self.text[class_rows(self.class_ids, task.seen)]
        # Known from the texts alone, so it need not be stored.
        self.register_buffer("centre", seen.double().mean(0).float() * self.centred, persistent=False)

    def targets(self, rows: Sequence[int]) -> Float[Tensor, "class text"]:
        """Directions of the texts, of unit length; centred if the method is."""
        text = self.text[rows]
        return nn.functional.normalize(text - self.centre, dim=1) if self.centred else text

    def observe(self, training: TrainingSet) -> None:
        """Compute the mean and standard deviation of each feature; see :func:`.divisors` for constant ones."""
        features = torch.from_numpy(training.pooled).double()
        mean = features.mean(0)
        self.mean = mean.float()
        self.scale = torch.from_numpy(divisors(features.std(0).numpy(), mean.numpy())).float()

    def add_classes(self, semantics: Mapping[str, Semantics]) -> None:
        """See :meth:`Method.add_classes`."""
        new = find_text_set(semantics, self.text_set)
        if taken := sorted(set(new.class_ids) & set(self.class_ids)):
            raise TextError(f"class id {taken[0]} is taken", remedy=f"Choose ids above {max(self.class_ids)}.")
        self.class_ids = (*self.class_ids, *new.class_ids)
        self.text = torch.cat([self.text, unit_text(new).to(self.text.device)])

    def standardised(self, features: Float[Tensor, "batch d"]) -> Float[Tensor, "batch d"]:
        """Features at zero mean and unit variance on the training set."""
        return (features - self.mean) / self.scale

    def embed(self, features: Float[Tensor, "batch d"]) -> Float[Tensor, "batch text"]:
        """Features mapped to the space of the texts, centred if the method is."""
        raise NotImplementedError

    def class_scores(self, features: Float[Tensor, "batch d"], classes: tuple[int, ...]) -> ClassScores:
        """Cosine of the mapped feature and each class's text."""
        rows = class_rows(self.class_ids, classes)
        mapped = nn.functional.normalize(self.embed(features), dim=1)
        return ClassScores({"cosine": mapped @ self.targets(rows).T})


@dataclass(frozen=True)
class RidgeConfig(MethodConfig):
    """Ridge regression to text.

    Attributes:
        text_set: the texts to regress to.
        penalty: the ridge penalty per training sample on standardised features; ``None`` selects one of ``penalties``
            on pseudo-unseen folds.
        penalties: the candidate penalties, in rising order; extended on the folds where the best is the first or last.
        centred: subtract the mean text of the seen classes before the cosine; ``None`` lets the folds choose (a method
            that is built with it is not centred).
    """

    text_set: str = "motion"
    penalty: float | None = None
    penalties: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
    centred: bool | None = None

    def accepts_flat(self) -> bool:
        """True: features are whatever the encoder made of the set's own clips."""
        return True

    def validate(self) -> None:
        """Check ranges."""
        self.require(self.penalty is None or self.penalty > 0, "penalty", "positive, or None")
        rising = all(a < b for a, b in pairwise(self.penalties))
        positive = len(self.penalties) > 0 and min(self.penalties) > 0
        self.require(positive and rising, "penalties", "positive numbers in rising order")

    def text_sets(self) -> tuple[str, ...]:
        """The text set that the features are regressed to."""
        return (self.text_set,)

    def grid(self) -> Sequence[RidgeConfig]:
        """One configuration for each penalty, centred or not; what is given is kept."""
        penalties = self.penalties if self.penalty is None else (self.penalty,)
        return [replace(self, penalty=p, centred=c) for c in _centrings(self.centred) for p in penalties]

    def axis(self) -> GridAxis | None:
        """The penalty, unless it is given; beyond the bounds it changes nothing, or leaves nothing of the features."""
        return None if len(self.penalties) < 2 else GridAxis("penalty", 1e-6, 1e3)


def _centrings(given: bool | None) -> tuple[bool, ...]:
    return (False, True) if given is None else (given,)


class RidgeToText(_TextBaseline):
    """``W = argmin sum_i ||t_{y_i} - W x_i||^2 + n * penalty * ||W||^2`` on standardised features, solved exactly.

    The regression has an intercept, the mean target of the training samples. Scores are the cosines of the prediction
    and each class's text; centred, of both without the mean text of the seen classes.
    """

    config_type = RidgeConfig
    weight: Tensor
    offset: Tensor

    def __init__(self, config: RidgeConfig, task: Task, generator: torch.Generator):
        super().__init__(config, task, generator)
        self.penalty = config.penalty if config.penalty is not None else config.penalties[len(config.penalties) // 2]
        # The same memory layout as the solver's result, so that a restored model gives the same bits.
        self.register_buffer("weight", torch.zeros(self.text.shape[1], task.pooled_width).T)
        self.register_buffer("offset", torch.zeros(self.text.shape[1]))

    def observe(self, training: TrainingSet) -> None:
        """Solve the regression."""
        super().observe(training)
        x = self.standardised(torch.from_numpy(training.pooled)).double()
        rows = class_rows(self.class_ids, training.labels.tolist())
        target = self.text[rows].double()
        offset = target.mean(0)
        gram = x.T @ x + self.penalty * len(x) * torch.eye(x.shape[1], dtype=x.dtype)
        self.weight = torch.linalg.solve(gram, x.T @ (target - offset)).float()
        self.offset = offset.float()

    def phases(self) -> tuple[Phase, ...]:
        """No phases: the regression is solved in closed form."""
        return ()

    def embed(self, features: Float[Tensor, "batch d"]) -> Float[Tensor, "batch text"]:
        """The ridge prediction."""
        return self.standardised(features) @ self.weight + self.offset - self.centre


@dataclass(frozen=True)
class LinearCosineConfig(MethodConfig):
    """A linear map and a cosine classifier.

    Attributes:
        text_set: the texts to map to.
        temperature: divides the cosines in the cross-entropy.
        steps, batch_size, learning_rate, weight_decay: settings of AdamW.
        centred: as for :class:`RidgeConfig`.
    """

    text_set: str = "motion"
    temperature: float = 0.1
    steps: int = 500
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    centred: bool | None = None

    def accepts_flat(self) -> bool:
        """True: features are whatever the encoder made of the set's own clips."""
        return True

    def validate(self) -> None:
        """Check ranges."""
        self.require(self.temperature > 0, "temperature", "positive")
        self.require(self.steps >= 1, "steps", "at least 1")
        self.require(self.batch_size >= 1, "batch_size", "at least 1")
        self.require(self.learning_rate > 0, "learning_rate", "positive")
        self.require(self.weight_decay >= 0, "weight_decay", "at least 0")

    def text_sets(self) -> tuple[str, ...]:
        """The text set that the features are mapped to."""
        return (self.text_set,)

    def grid(self) -> Sequence[LinearCosineConfig]:
        """Not centred and centred, unless that is given."""
        return [replace(self, centred=c) for c in _centrings(self.centred)]


class LinearCosine(_TextBaseline):
    """Cross-entropy over cosines between a linear map of the feature and the texts of the seen classes.

    Centred, the feature is mapped to texts without the mean text of the seen classes.
    """

    config_type = LinearCosineConfig

    def __init__(self, config: LinearCosineConfig, task: Task, generator: torch.Generator):
        super().__init__(config, task, generator)
        self.settings = config
        self.linear = seeded_linear(task.pooled_width, self.text.shape[1], generator=generator)
        self.seen_rows = class_rows(self.class_ids, task.seen)
        column = torch.full((max(task.seen) + 1,), -1)
        column[list(task.seen)] = torch.arange(len(task.seen))
        self.register_buffer("column", column)

    def phases(self) -> tuple[Phase, ...]:
        """One phase of AdamW."""
        c = self.settings
        return (
            Phase(
                "linear",
                c.steps,
                c.batch_size,
                self.linear.parameters,
                lambda p: torch.optim.AdamW(p, lr=c.learning_rate, weight_decay=c.weight_decay),
            ),
        )

    def embed(self, features: Float[Tensor, "batch d"]) -> Float[Tensor, "batch text"]:
        """The linear map."""
        return self.linear(self.standardised(features))

    def training_step(self, batch: Batch, phase: str, generator: torch.Generator) -> StepOutput:
        """Cross-entropy over the seen classes."""
        mapped = nn.functional.normalize(self.embed(batch.features), dim=1)
        logits = mapped @ self.targets(self.seen_rows).T / self.settings.temperature
        target = self.get_buffer("column")[batch.labels]
        return StepOutput({"cross_entropy": nn.functional.cross_entropy(logits, target)})


register(
    "ridge",
    RidgeToText,
    {
        "motion": RidgeConfig(),
        "label": RidgeConfig(text_set="label"),
        "definition": RidgeConfig(text_set="definition"),
    },
)
register(
    "linear_cosine",
    LinearCosine,
    {"motion": LinearCosineConfig(), "label": LinearCosineConfig(text_set="label")},
)
