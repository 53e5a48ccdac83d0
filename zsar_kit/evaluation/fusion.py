"""Fusion of two methods' scores: one scale, and one weight that pseudo-unseen folds choose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from zsar_kit.errors import DataError
from zsar_kit.evaluation.gates import ScoredFold, parse_fold
from zsar_kit.evaluation.metrics import micro_accuracy, top1
from zsar_kit.evaluation.scores import Scores

#: weights of the second method that are tried; 0 is the first method alone, 1 the second
WEIGHTS = np.linspace(0.0, 1.0, 21)
TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Fusion:
    """``f = (1 - w) f_1 / s_1 + w f_2 / s_2``, with the weight w and the scales s that folds gave.

    A method of several heads takes their softmax over the candidate classes, so that its scores against all classes and
    among unseen ones are two things, with scales of their own.

    Attributes:
        weight: w, in [0, 1].
        scales: s, positive: the root mean square over the folds' samples and classes of a score around the mean over
            the sample's classes. What is added to all classes of a sample decides nothing, so no mean is subtracted.
        zsl_scales: the same, over samples of unseen classes and scores among unseen classes.
        accuracy: the folds' mean ZSL accuracy in percent at each of :data:`WEIGHTS`.
    """

    weight: float
    scales: tuple[float, float]
    zsl_scales: tuple[float, float]
    accuracy: Float[np.ndarray, " weight"]

    def __repr__(self) -> str:
        return f"Fusion(weight {self.weight:g} of the second, ZSL {self.accuracy.max():.1f} % on the folds)"

    def apply(self, first: Scores, second: Scores, *, among: Iterable[int] | None = None) -> Scores:
        """The fused scores, one head.

        Args:
            first, second: scores of both methods.
            among: the unseen classes, to tell them apart; default: all classes.

        Raises:
            DataError: samples or classes of the two differ.
        """
        _require_same(first, second)
        if among is None:
            return _mixed(first, second, self.scales, self.weight)
        among = tuple(among)
        return _mixed(first.restrict(among), second.restrict(among), self.zsl_scales, self.weight)


def fit_fusion(first: Sequence[ScoredFold], second: Sequence[ScoredFold]) -> Fusion:
    """Choose the weight of largest mean ZSL accuracy over pseudo-unseen folds; no test sample takes part.

    Of all stretches of weights that have it, the longest is taken, and its middle: two equal methods get 0.5.

    Args:
        first, second: for each fold a method's scores of held-out samples, their labels, and the fold's seen classes.

    Raises:
        DataError: there is no fold, or samples, labels or classes of the folds differ; a method's scores never differ
            between classes.
    """
    if not first or len(first) != len(second):
        problem = f"both methods need scores on the same folds, got {len(first)} and {len(second)} folds"
        raise DataError(problem, where="folds", remedy="Train both with the same folds and folds_seed.")
    pairs = [(parse_fold(a), parse_fold(b)) for a, b in zip(first, second, strict=True)]
    for (a, labels, _, seen), (b, others, _, also) in pairs:
        _require_same(a, b)
        if set(seen) != set(also) or not np.array_equal(labels, others):
            raise DataError("the folds of both methods must have the same labels and seen classes", where="folds")
    accuracy, apart = np.zeros(len(WEIGHTS)), []
    for (a, labels, mask, seen), (b, *_) in pairs:
        unseen, rows = np.asarray(a.classes)[~mask].tolist(), ~np.isin(labels, seen)
        apart.append((*(one.restrict(unseen).select(rows) for one in (a, b)), labels[rows]))
    scales = _scale([a for (a, *_), _ in pairs]), _scale([b for _, (b, *_) in pairs])
    zsl_scales = _scale([a for a, _, _ in apart]), _scale([b for _, b, _ in apart])
    for a, b, labels in apart:
        for i, weight in enumerate(WEIGHTS):
            accuracy[i] += 100 * micro_accuracy(top1(_mixed(a, b, zsl_scales, weight)), labels) / len(apart)
    return Fusion(_middle_of_best(accuracy), scales, zsl_scales, accuracy)


def _mixed(first: Scores, second: Scores, scales: tuple[float, float], weight: float) -> Scores:
    values = (1 - weight) * first.fused() / scales[0] + weight * second.fused() / scales[1]
    return Scores({"fused": values}, first.classes, first.samples)


def _scale(folds: Sequence[Scores]) -> float:
    around = [one.fused() - one.fused().mean(1, keepdims=True) for one in folds]
    scale = float(np.sqrt(sum(np.square(x).sum() for x in around) / sum(x.size for x in around)))
    if scale <= 0:
        raise DataError("a method has the same score for every class, so nothing can be fused with it", where="folds")
    return scale


def _middle_of_best(accuracy: Float[np.ndarray, " weight"]) -> float:
    best = accuracy >= accuracy.max() - TOLERANCE
    edges = np.diff(best.astype(int), prepend=0, append=0)
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    longest = int(np.argmax(stops - starts))
    return float((WEIGHTS[starts[longest]] + WEIGHTS[stops[longest]]) / 2)


def _require_same(first: Scores, second: Scores) -> None:
    for name in ("samples", "classes"):
        if getattr(first, name) != getattr(second, name):
            raise DataError(
                f"both methods must have scored the same {name} in the same order",
                where=name,
                remedy="Fuse runs of the same data set, class split, protocol and folds.",
            )
