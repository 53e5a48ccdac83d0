"""Kinematic primitives as methods: measured levels of a clip against expected levels of a class, attribute by
attribute.

* :class:`Primitives` (training-free): the distance over the attributes that both know. Settings that folds choose are
  about how levels are brought to one scale; the preset ``fixed`` has none left.
* :class:`CalibratedPrimitives`: what each attribute really measures in a class of a given level is learnt from the seen
  classes, and shrunk towards the training-free method, so that few seen classes can't lead it far astray.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zsar_kit.errors import DataError, TextError
from zsar_kit.methods.base import ClassScores, ComparesLevels, GateChoice, MethodConfig, Phase, class_rows
from zsar_kit.methods.registry import register
from zsar_kit.methods.task import Task, TrainingSet, find_text_set
from zsar_kit.primitives.attributes import HIGHEST, LOWEST, attribute_names
from zsar_kit.semantics.embeddings import Semantics

Gating = Literal["stacking", "ratio", "logistic"]
Norm = Literal["none", "offset", "noise", "standard"]
#: a spread below this, in levels, is taken for this: no attribute is measured or expected more finely
FINEST = 0.1
#: prior spread of expected levels over classes; and the most imagined classes that shrink offsets of a joint fit
PRIOR_SPREAD, JOINT_OFFSET = 0.3, 8.0
#: the square of the longest way between two levels
FARTHEST = (HIGHEST - LOWEST) ** 2
#: added to every distance, so that errors are positive, as the ratio gate needs them
LEAST_ERROR = 1e-3


@dataclass(frozen=True)
class LevelConfig(MethodConfig):
    """What both methods have.

    Attributes:
        text_set: expected levels: ``levels`` (mean of the authors), ``levels_first``, ``levels_second`` or
            ``levels_foretold``.
        gate_kind, gamma: calibration for GZSL, see :class:`GateChoice`.
    """

    text_set: str = "levels"
    gate_kind: Gating = "stacking"
    gamma: float | None = None

    def reads(self) -> str:
        """Attributes."""
        return "primitives"

    def text_sets(self) -> tuple[str, ...]:
        """The expected levels."""
        return (self.text_set,)

    def gate(self) -> GateChoice:
        """As set."""
        return GateChoice(self.gate_kind, self.gamma)


@dataclass(frozen=True)
class PrimitivesConfig(LevelConfig):
    """Training-free comparison of levels.

    Attributes:
        norm: how levels are scaled: not at all (``none``); measured and expected levels each without their mean over
            the seen classes (``offset``), and divided by their own spread as well (``standard``); differences divided
            by the spread of the attribute within seen classes (``noise``). ``None`` lets the folds choose.
        power: the exponent p of ``sum |m - e|^p``; ``None`` lets the folds choose between 1 and 2.
    """

    norm: Norm | None = "none"
    power: float | None = 1.0

    def validate(self) -> None:
        """Check ranges."""
        self.require(self.power is None or 0 < self.power <= 4, "power", "in (0, 4], or None")

    def grid(self) -> Sequence[PrimitivesConfig]:
        """All norms and both exponents, where they are not given."""
        norms: tuple[Norm, ...] = ("none", "offset", "noise", "standard") if self.norm is None else (self.norm,)
        powers = (1.0, 2.0) if self.power is None else (self.power,)
        return [replace(self, norm=norm, power=power) for norm in norms for power in powers]


class _LevelMethod(ComparesLevels):
    """What both methods share: levels and what is known of them, and distances over what both sides know."""

    expected: Tensor
    expected_known: Tensor

    def __init__(self, config: LevelConfig, task: Task, generator: torch.Generator):
        super().__init__(config, task, generator)
        self.count = len(attribute_names())
        if task.pooled_width != 2 * self.count:
            raise DataError(
                f"this method reads the levels of {self.count} attributes, got features of width {task.pooled_width}",
                remedy="Leave RunConfig.features at its default, 'primitives' for this method.",
            )
        self.text_set = config.text_set
        semantics = task.text_set(config.text_set)
        self.class_ids = semantics.class_ids
        self.seen_rows = class_rows(self.class_ids, task.seen)
        self.seen = task.seen
        levels, known = self._unpacked(torch.from_numpy(semantics.pooled))
        self.register_buffer("expected", levels)
        self.register_buffer("expected_known", known)

    def _unpacked(self, packed: Float[Tensor, "row w"]) -> tuple[Float[Tensor, "row a"], Bool[Tensor, "row a"]]:
        return packed[:, : self.count], packed[:, self.count :] > 0.5

    def phases(self) -> tuple[Phase, ...]:
        """No phases: nothing is trained by steps."""
        return ()

    def add_classes(self, semantics: Mapping[str, Semantics]) -> None:
        """See :meth:`Method.add_classes`."""
        new = find_text_set(semantics, self.text_set)
        if taken := sorted(set(new.class_ids) & set(self.class_ids)):
            raise TextError(f"class id {taken[0]} is taken", remedy=f"Choose ids above {max(self.class_ids)}.")
        levels, known = self._unpacked(torch.from_numpy(new.pooled).to(self.expected.device))
        self.class_ids = (*self.class_ids, *new.class_ids)
        self.expected = torch.cat([self.expected, levels])
        self.expected_known = torch.cat([self.expected_known, known])

    def _class_statistics(
        self, training: TrainingSet
    ) -> tuple[Float[Tensor, "seen a"], Float[Tensor, "seen a"], Float[Tensor, " a"]]:
        """Mean of the measured levels of each seen class (NaN where none is known), clips behind it, spread within."""
        levels, known = self._unpacked(torch.from_numpy(training.pooled))
        levels = levels.double().where(known, 0.0)
        place = {c: i for i, c in enumerate(self.seen)}
        rows = torch.tensor([place[c] for c in training.labels.tolist()])
        shape = (len(self.seen), self.count)
        count = torch.zeros(shape, dtype=torch.double).index_add_(0, rows, known.double())
        mean = torch.zeros(shape, dtype=torch.double).index_add_(0, rows, levels) / count
        squares = ((levels - mean[rows]) ** 2).where(known, 0.0).sum(0)
        free = (count - 1).clamp(min=0).sum(0)
        within = (squares / free.clamp(min=1)).sqrt()
        return mean, count, within

    def class_scores(self, features: Float[Tensor, "batch w"], classes: tuple[int, ...]) -> ClassScores:
        """Minus the weighted mean distance over the attributes that clip and class both know."""
        distance, weight = self.attribute_distances(features, classes)
        total = weight.sum(2)
        error = (distance * weight).sum(2) / total.clamp(min=1e-9) + LEAST_ERROR
        # Nothing in common tells nothing: such a class is farther than any attribute puts it. Not as far as the
        # farthest of the batch, which would make a clip's scores depend on other clips.
        error = error.where(total > 0, distance.amax(2).clamp(min=FARTHEST) + LEAST_ERROR)
        return ClassScores({"levels": -error}, {"levels": error})

    def _rows(self, classes: tuple[int, ...]) -> list[int]:
        return class_rows(self.class_ids, classes)


class Primitives(_LevelMethod):
    """``d(x, c) = mean_a |m_a(x) - e_a(c)|^p`` over the attributes a that are known of both; the smallest distance
    wins.

    With ``norm="noise"`` each difference is divided by the spread within seen classes, with ``"standard"`` m and e are
    each standardised over the seen classes first.
    """

    config_type = PrimitivesConfig
    measured_mean: Tensor
    measured_scale: Tensor
    expected_mean: Tensor
    expected_scale: Tensor

    def __init__(self, config: PrimitivesConfig, task: Task, generator: torch.Generator):
        super().__init__(config, task, generator)
        self.norm = config.norm if config.norm is not None else "none"
        self.power = config.power if config.power is not None else 1.0
        for side in ("measured", "expected"):
            self.register_buffer(f"{side}_mean", torch.zeros(self.count))
            self.register_buffer(f"{side}_scale", torch.ones(self.count))

    def observe(self, training: TrainingSet) -> None:
        """Means and spreads, where the norm asks for them; nothing else is learnt."""
        if self.norm == "none":
            return
        mean, count, within = self._class_statistics(training)
        if self.norm == "noise":
            scale = within.clamp(min=FINEST).float()
            self.measured_scale, self.expected_scale = scale, scale.clone()
            return
        known = self.expected_known[self.seen_rows]
        both = (count > 0) & known  # the same classes on both sides, so that their means are means of the same
        measured = mean.where(both, torch.nan)
        expected = self.expected[self.seen_rows].double().where(both, torch.nan)
        self.measured_mean, self.measured_scale = _centre_and_spread(measured)
        self.expected_mean, self.expected_scale = _centre_and_spread(expected)
        if self.norm == "offset":
            self.measured_scale, self.expected_scale = torch.ones(self.count), torch.ones(self.count)

    def attribute_distances(
        self, features: Float[Tensor, "batch w"], classes: tuple[int, ...]
    ) -> tuple[Float[Tensor, "batch class a"], Float[Tensor, "batch class a"]]:
        """See the base class; all weights are 1."""
        rows = self._rows(classes)
        levels, known = self._unpacked(features)
        measured = (levels - self.measured_mean) / self.measured_scale
        expected = (self.expected[rows] - self.expected_mean) / self.expected_scale
        weight = (known[:, None] & self.expected_known[rows]).float()
        return (measured[:, None] - expected).abs() ** self.power, weight

    def expected_levels(self, classes: tuple[int, ...]) -> Float[Tensor, "class a"]:
        """See the base class."""
        rows = self._rows(classes)
        scaled = (self.expected[rows] - self.expected_mean) / self.expected_scale
        return (scaled * self.measured_scale + self.measured_mean).where(self.expected_known[rows], torch.nan)


def _centre_and_spread(table: Float[Tensor, "class a"]) -> tuple[Float[Tensor, " a"], Float[Tensor, " a"]]:
    """Mean and standard deviation of each column over its known rows; 0 and 1 for a column with fewer than two."""
    known = table.isfinite()
    count = known.sum(0)
    mean = table.where(known, 0.0).sum(0) / count.clamp(min=1)
    spread = (((table - mean) ** 2).where(known, 0.0).sum(0) / (count - 1).clamp(min=1)).sqrt().clamp(min=FINEST)
    enough = count > 1
    return mean.where(enough, 0.0).float(), spread.where(enough, 1.0).float()


Fit = Literal["weights", "all", "joint"]


@dataclass(frozen=True)
class CalibratedConfig(LevelConfig):
    """Levels calibrated on seen classes.

    Attributes:
        fit: what the seen classes fit: the weight of each attribute (``weights``); slope, offset and weight of each
            (``all``); or offsets, and weights of all attributes together, so that what errs together counts once
            (``joint``, with exponent 2). ``None`` lets the folds choose.
        shrinkage: number of imagined classes that behave as the form says (slope 1, offset 0, equal weights) and are
            added to the seen ones; ``None`` lets the folds choose among ``shrinkages``.
        shrinkages: the candidates, in rising order.
        power: as for :class:`PrimitivesConfig`; ``joint`` has none but 2.
    """

    fit: Fit | None = None
    shrinkage: float | None = None
    shrinkages: tuple[float, ...] = (2.0, 8.0, 32.0, 128.0, 512.0)
    power: float | None = None

    def validate(self) -> None:
        """Check ranges."""
        finite = self.shrinkage is None or 0 < self.shrinkage < math.inf
        self.require(finite, "shrinkage", "positive and finite, or None")
        rising = sorted(set(self.shrinkages)) == list(self.shrinkages) and min(self.shrinkages, default=0) > 0
        self.require(rising, "shrinkages", "positive numbers in rising order")
        self.require(self.power is None or 0 < self.power <= 4, "power", "in (0, 4], or None")
        self.require(self.fit != "joint" or self.power in (None, 2.0), "power", "2, or None, for a joint fit")

    def grid(self) -> Sequence[CalibratedConfig]:
        """All combinations of what is not given."""
        fits: tuple[Fit, ...] = ("weights", "all", "joint") if self.fit is None else (self.fit,)
        shrinkages = self.shrinkages if self.shrinkage is None else (self.shrinkage,)
        powers = (1.0, 2.0) if self.power is None else (self.power,)
        combined = [(f, p) for f in fits for p in ((2.0,) if f == "joint" else powers)]
        return [replace(self, fit=f, shrinkage=s, power=p) for f, p in combined for s in shrinkages]


class CalibratedPrimitives(_LevelMethod):
    """Class means of the measured levels against the expected ones, attribute by attribute or jointly.

    With n seen classes c, their mean measured levels ``M_c`` and expected levels ``E_c``, shrinkage k and trust
    ``t = n / (n + k)``:

    * ``all``: ``slope b = (cov(E, M) + (k/n) v) / (var(E) + (k/n) v)`` with prior spread ``v = 0.3^2``, ``offset
      o = t (mean M - b mean E)``; ``weights``: b = 1, o = 0. ``r^2 = t (mean (M - b E - o)^2 + within^2) + (1 - t)
      r_0^2`` with ``r_0^2`` the mean of the first term over attributes; ``d(x, c) = sum_a w_a |m_a - b_a e_a - o_a|^p
      / sum_a w_a`` with ``w_a = r_a^(-p)``.
    * ``joint``: b = 1, o as above with at most eight imagined classes; ``S`` is the covariance of measured levels
      within classes plus the second moment of ``M - E - o``, and ``d(x, c) = (m - e - o)' (t S + (1 - t) s_0 I)^-1 (m
      - e - o)`` over the number of known attributes, with ``s_0`` the mean of the diagonal of S.
    """

    config_type = CalibratedConfig
    slope: Tensor
    offset: Tensor
    weight: Tensor
    precision: Tensor

    def __init__(self, config: CalibratedConfig, task: Task, generator: torch.Generator):
        super().__init__(config, task, generator)
        self.shrinkage = config.shrinkage if config.shrinkage is not None else config.shrinkages[-1]
        self.fit: Fit = config.fit if config.fit is not None else "weights"
        self.power = config.power if config.power is not None else 2.0
        self.register_buffer("slope", torch.ones(self.count))
        self.register_buffer("offset", torch.zeros(self.count))
        self.register_buffer("weight", torch.ones(self.count))
        self.register_buffer("precision", torch.eye(self.count))

    def observe(self, training: TrainingSet) -> None:
        """Fit what is to be fitted, in closed form."""
        mean, count, within = self._class_statistics(training)
        known = self.expected_known[self.seen_rows] & (count > 0)
        measured = mean.where(known, 0.0)
        expected = self.expected[self.seen_rows].double().where(known, 0.0)
        classes = known.sum(0).double()
        some = classes.clamp(min=1)
        centre_m, centre_e = measured.sum(0) / some, expected.sum(0) / some
        slope, offset = torch.ones_like(centre_m), torch.zeros_like(centre_m)
        trust = classes / (classes + self.shrinkage)
        if self.fit == "all":
            dm, de = (measured - centre_m).where(known, 0.0), (expected - centre_e).where(known, 0.0)
            prior = self.shrinkage / some * PRIOR_SPREAD**2
            slope = ((dm * de).sum(0) / some + prior) / ((de * de).sum(0) / some + prior)
            offset = trust * (centre_m - slope * centre_e)
        if self.fit == "joint":
            offset = classes / (classes + min(self.shrinkage, JOINT_OFFSET)) * (centre_m - centre_e)
        self.slope, self.offset = slope.float(), offset.float()
        residual = (measured - slope * expected - offset).where(known, 0.0)
        if self.fit == "joint":
            self.precision = self._joint_precision(training, mean, residual)
            return
        spread = (residual**2).sum(0) / some + within**2
        usual = spread[classes > 0].mean() if (classes > 0).any() else torch.tensor(1.0).double()
        spread = trust * spread + (1 - trust) * usual
        self.weight = (spread.sqrt().clamp(min=FINEST) ** -self.power).float()

    def _joint_precision(
        self, training: TrainingSet, mean: Float[Tensor, "seen a"], residual: Float[Tensor, "seen a"]
    ) -> Float[Tensor, "a a"]:
        """The inverse of the shrunk covariance of what levels err by, within classes and between class and form."""
        levels, known = self._unpacked(torch.from_numpy(training.pooled))
        place = {c: i for i, c in enumerate(self.seen)}
        rows = torch.tensor([place[c] for c in training.labels.tolist()])
        within = (levels.double() - mean[rows]).where(known, 0.0)
        covariance = within.T @ within / len(within) + residual.T @ residual / len(residual)
        trust = len(residual) / (len(residual) + self.shrinkage)
        usual = covariance.diagonal().mean().clamp(min=FINEST**2)
        identity = torch.eye(self.count, dtype=torch.double)
        # In units of the usual spread, so that errors have the size of the other fits'.
        return (usual * torch.linalg.inv(trust * covariance + (1 - trust) * usual * identity)).float()

    def attribute_distances(
        self, features: Float[Tensor, "batch w"], classes: tuple[int, ...]
    ) -> tuple[Float[Tensor, "batch class a"], Float[Tensor, "batch class a"]]:
        """See the base class; the parts of a joint distance may be negative, their sum is not."""
        rows = self._rows(classes)
        levels, known = self._unpacked(features)
        expected = self.slope * self.expected[rows] + self.offset
        both = (known[:, None] & self.expected_known[rows]).float()
        difference = (levels[:, None] - expected) * both
        if self.fit == "joint":
            return difference * (difference @ self.precision), both
        return difference.abs() ** self.power, both * self.weight

    def expected_levels(self, classes: tuple[int, ...]) -> Float[Tensor, "class a"]:
        """See the base class."""
        rows = self._rows(classes)
        return (self.slope * self.expected[rows] + self.offset).where(self.expected_known[rows], torch.nan)


register(
    "primitives",
    Primitives,
    {
        "fixed": PrimitivesConfig(),
        "folds": PrimitivesConfig(norm=None, power=None),
        "foretold": PrimitivesConfig(text_set="levels_foretold", norm=None, power=None),
    },
)
register(
    "primitives_calibrated",
    CalibratedPrimitives,
    {"folds": CalibratedConfig(), "foretold": CalibratedConfig(text_set="levels_foretold")},
)
