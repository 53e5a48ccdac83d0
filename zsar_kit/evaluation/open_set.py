"""How certain is a prediction, and is it any of the classes at all? Both are learnt on pseudo-unseen folds only.

A classifier always names some class. Two statistics of its scores indicate whether it should: the lead of the best
candidate over the second, and over the best *training* class. Logistic regression turns them into the
probability that the sample is one of the candidates; a temperature turns scores into probabilities among these.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from zsar_kit.config import Config
from zsar_kit.data.standardisation import divisors
from zsar_kit.errors import DataError
from zsar_kit.evaluation.gates import ScoredFold, parse_fold
from zsar_kit.evaluation.scores import Scores

LOG_TEMPERATURES = (-8.0, 8.0)


class Confidence(NamedTuple):
    """Probabilities for some samples.

    Attributes:
        known: probability that a sample belongs to one of the candidates.
        classes: probability of each candidate, given that the sample belongs to one of them; rows sum to one.
    """

    known: Float[np.ndarray, " sample"]
    classes: Float[np.ndarray, "sample candidate"]

    def __repr__(self) -> str:
        return f"Confidence({len(self.known)} samples, {self.classes.shape[1]} candidates)"


@dataclass(frozen=True)
class OpenSet(Config):
    """A calibrated probability of "none of these", and a temperature.

    Attributes:
        temperature: divides scores (or minus log errors) before the softmax over candidates.
        weights: of the two statistics, in their own units.
        bias: of the regression.
        positives, negatives: numbers of samples that it was fitted on.
    """

    temperature: float
    weights: tuple[float, ...]
    bias: float
    positives: int
    negatives: int

    def confidence(self, scores: Scores, candidates: Sequence[int], reference: Iterable[int]) -> Confidence:
        """Probabilities for samples scored against candidates and reference classes.

        Args:
            scores: with a column for each candidate and each reference class.
            candidates: the competing classes, two or more.
            reference: training classes, which do not compete; candidates among them are left out.

        Raises:
            DataError: fewer than two candidates, or no reference class.
        """
        from scipy.special import softmax  # slow to import; so are those below

        arena = _Arena.of(scores, candidates, reference)
        return Confidence(self._known(arena), softmax(arena.values() / self.temperature, axis=1))

    def _known(self, arena: _Arena) -> Float[np.ndarray, " sample"]:
        from scipy.special import expit

        return expit(arena.statistics() @ np.array(self.weights) + self.bias)


def fit_open_set(folds: Sequence[ScoredFold]) -> OpenSet:
    """Fit on pseudo-unseen folds.

    A sample of a pseudo-unseen class is *known* among the fold's pseudo-unseen classes, and *none of these* once its
    own class is removed. A held-out sample of a seen class is *none of these* too; its own class then is not a
    reference. One class is removed in each case (for known samples a wrong one), since the statistics depend on the
    number of candidates; with two pseudo-unseen classes none is removed, and only samples of seen classes are none of
    these. Both sides have equal weight.

    Args:
        folds: scores of a fold's test samples against all its classes, their labels, and its seen classes.

    Raises:
        DataError: there is no fold, or none has two pseudo-unseen classes with samples.
    """
    from sklearn.linear_model import LogisticRegression  # takes two seconds to import

    known: list[np.ndarray] = []
    unknown: list[np.ndarray] = []
    logits: list[tuple[np.ndarray, np.ndarray]] = []
    for scores, labels, _, seen in map(parse_fold, folds):
        unseen = [c for c in scores.classes if c not in set(seen)]
        if len(unseen) < 2:
            continue
        of_unseen = np.isin(labels, unseen)
        inside = _Arena.of(scores.select(of_unseen), unseen, seen)
        outside = _Arena.of(scores.select(~of_unseen), unseen, seen)
        own = inside.column(labels[of_unseen])
        logits.append((inside.values(), own))
        outside = outside.without(outside.column(labels[~of_unseen]))
        if len(unseen) > 2:
            unknown.append(inside.without(own).statistics())
            inside = inside.without((own + 1) % len(unseen))
            outside = outside.without(np.arange(len(labels[~of_unseen])) % len(unseen))
        known.append(inside.statistics())
        unknown.append(outside.statistics())
    if not known or not sum(map(len, known)) or not sum(map(len, unknown)):
        raise DataError(
            "confidence needs a fold with samples of two or more pseudo-unseen classes and of seen classes",
            where="folds",
            remedy="Use a run whose split has at least four seen classes.",
        )
    x = np.concatenate([*known, *unknown])
    y = np.repeat([True, False], [sum(map(len, known)), sum(map(len, unknown))])
    scale = divisors(x.std(0), np.abs(x).mean(0))
    model = LogisticRegression(class_weight="balanced", max_iter=1000).fit(x / scale, y)
    return OpenSet(
        temperature=_temperature(logits),
        weights=tuple((model.coef_[0] / scale).tolist()),
        bias=float(model.intercept_[0]),
        positives=int(y.sum()),
        negatives=int((~y).sum()),
    )


def auroc(positive: Float[np.ndarray, " p"], negative: Float[np.ndarray, " n"]) -> float:
    """Probability that a positive has a larger value than a negative; ties count half.

    Raises:
        DataError: one side is empty.
    """
    if not len(positive) or not len(negative):
        raise DataError("AUROC needs values on both sides", where=f"{len(positive)} and {len(negative)} values")
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left") + np.searchsorted(ordered, positive, side="right")
    return float(below.mean() / (2 * len(negative)))


def expected_calibration_error(
    confidence: Float[np.ndarray, " sample"], hit: Bool[np.ndarray, " sample"], bins: int = 10
) -> float:
    """Mean gap between accuracy and confidence over equally wide bins of confidence, weighted by their samples."""
    place = np.minimum((np.asarray(confidence) * bins).astype(int), bins - 1)
    gaps = [abs(hit[place == b].mean() - confidence[place == b].mean()) * (place == b).mean() for b in np.unique(place)]
    return float(np.sum(gaps))


def measure_open_set(open_set: OpenSet, scores: Scores, labels: np.ndarray, seen: Sequence[int]) -> dict[str, float]:
    """How reliable it is on samples of unseen classes, with their own class among the candidates and without it.

    Returns:
        ``auroc`` of known against none of these, and ``calibration_error`` of the best class's probability.

    Raises:
        DataError: there are fewer than three unseen classes, or no samples of them.
    """
    from scipy.special import softmax

    unseen = [c for c in scores.classes if c not in set(seen)]
    rows = np.flatnonzero(np.isin(labels, unseen))
    if len(unseen) < 3 or not len(rows):
        raise DataError("three unseen classes with samples are needed, so that one can be removed", where="scores")
    arena = _Arena.of(scores.select(rows), unseen, seen)
    own = arena.column(labels[rows])
    known, unknown = (open_set._known(arena.without(gone)) for gone in ((own + 1) % len(unseen), own))
    classes = softmax(arena.values() / open_set.temperature, axis=1)
    return {
        "auroc": auroc(known, unknown),
        "calibration_error": expected_calibration_error(classes.max(1), classes.argmax(1) == own),
    }


@dataclass(frozen=True, eq=False)
class _Arena:
    """Samples against candidates, which come first, and reference classes, some of which may be away for a sample.

    With several heads a value is a share of all classes that are present, so that what is compared must be computed
    together: values of the candidates alone say how these compare, not how they compare with a reference class.
    """

    scores: Scores
    candidates: int
    present: Bool[np.ndarray, "sample class"]

    @classmethod
    def of(cls, scores: Scores, candidates: Sequence[int], reference: Iterable[int]) -> _Arena:
        background = [c for c in scores.classes if c in set(reference) and c not in set(candidates)]
        if len(set(candidates)) < 2 or not background:
            raise DataError(
                f"two candidates or more and a reference class are needed, got {len(set(candidates))} and "
                f"{len(background)}",
                where="candidates",
            )
        part = scores.restrict([*candidates, *background])
        return cls(part, len(candidates), np.ones((len(part), len(part.classes)), dtype=bool))

    def column(self, labels: Int[np.ndarray, " sample"]) -> Int[np.ndarray, " sample"]:
        """The column of each sample's class."""
        return (labels[:, None] == np.array(self.scores.classes)).argmax(1)

    def without(self, gone: Int[np.ndarray, " sample"]) -> _Arena:
        """One class of each sample is away, its column given."""
        columns = np.arange(self.present.shape[1])
        return replace(self, present=self.present & (columns != gone[:, None]))

    def values(self, *, reference: bool = False) -> Float[np.ndarray, "sample column"]:
        """Minus the log errors if there are errors, otherwise the fused scores; minus infinity for what is away.

        Args:
            reference: the reference classes take part and have columns, too.
        """
        there = self.present if reference else self.present[:, : self.candidates]
        part = self.scores.restrict(self.scores.classes[: there.shape[1]])
        if not part.errors:
            return part.fused(there)
        errors = next(iter(part.errors.values())).astype(np.float64)
        return np.where(there, -np.log(errors.clip(min=1e-30)), -np.inf)

    def statistics(self) -> Float[np.ndarray, "sample 2"]:
        """The lead of the best candidate over the second, and over the best reference class."""
        top = np.sort(self.values(), axis=1)
        together = self.values(reference=True)
        best, background = together[:, : self.candidates].max(1), together[:, self.candidates :].max(1)
        return np.stack([top[:, -1] - top[:, -2], best - background], axis=1)


def _temperature(logits: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """The temperature with the smallest log loss on known samples."""
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    def loss(log_temperature: float) -> float:
        scaled = [log_softmax(v / np.exp(log_temperature), axis=1)[np.arange(len(v)), own] for v, own in logits]
        return -float(np.concatenate(scaled).mean())

    found: Any = minimize_scalar(loss, bounds=LOG_TEMPERATURES, method="bounded")
    return float(np.exp(found.x))
