"""Metrics as pure functions of predictions and labels. Accuracies are fractions in [0, 1].

Micro accuracy gives every sample the same weight (what papers of this field print); macro accuracy is the
mean over classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from zsar_kit.errors import DataError
from zsar_kit.evaluation.scores import Scores, column_indices

# The axis has no name: different lengths are a user's error, which _check_pair reports.
Labels = Int[np.ndarray, " _"]


class SeenUnseenCurve(NamedTuple):
    """Seen and unseen accuracy as a gate moves from "always seen" to "always unseen": step functions of gamma.

    Attributes:
        gammas: one value of the gate's threshold per step, ordered from "always seen" to "always unseen".
        seen: S at each step, never rising.
        unseen: U at each step, never falling.
    """

    gammas: Float[np.ndarray, " step"]
    seen: Float[np.ndarray, " step"]
    unseen: Float[np.ndarray, " step"]

    def __repr__(self) -> str:
        return f"SeenUnseenCurve({len(self.gammas)} steps, area {100 * area_under(self):.1f} %)"


def top1(scores: Scores) -> Labels:
    """The class id with the largest fused score of each sample; the first column wins a tie."""
    return np.asarray(scores.classes)[scores.fused().argmax(axis=1)]


def micro_accuracy(predicted: Labels, labels: Labels) -> float:
    """The share of correct samples.

    Raises:
        DataError: there is no sample, or the lengths differ.
    """
    _check_pair(predicted, labels)
    return float(np.mean(predicted == labels))


def zsl_accuracy(scores: Scores, labels: Labels, among: Iterable[int], *, of: Iterable[int] | None = None) -> float:
    """ZSL accuracy in percent: the samples of some classes, told apart among some classes.

    Args:
        scores: scores of all samples, with a column for each class of ``among`` at least.
        labels: class id of each sample.
        among: the candidates, such as a split's unseen classes.
        of: whose samples count; those of ``among`` if None.

    Raises:
        DataError: there is no sample of these classes.
    """
    among = tuple(among)
    rows = np.isin(labels, among if of is None else tuple(of))
    return 100.0 * micro_accuracy(top1(scores.restrict(among).select(rows)), labels[rows])


def per_class_accuracy(predicted: Labels, labels: Labels, classes: Iterable[int]) -> Float[np.ndarray, " class"]:
    """The accuracy on the samples of each class; NaN for a class without samples."""
    _check_pair(predicted, labels)
    members = labels[None, :] == np.asarray(list(classes))[:, None]
    count = members.sum(axis=1)
    right = (members & (predicted == labels)).sum(axis=1)
    return np.divide(right, count, out=np.full(len(count), np.nan), where=count > 0)


def macro_accuracy(predicted: Labels, labels: Labels) -> float:
    """The mean, over the classes that have samples, of the accuracy on each."""
    return float(per_class_accuracy(predicted, labels, np.unique(labels).tolist()).mean())


def confusion_matrix(predicted: Labels, labels: Labels, classes: Iterable[int]) -> Int[np.ndarray, "true predicted"]:
    """Numbers of samples of the row's class that were predicted as the column's class.

    Raises:
        DataError: a label or a prediction is not among ``classes``.
    """
    _check_pair(predicted, labels)
    order = tuple(classes)
    matrix = np.zeros((len(order), len(order)), dtype=np.int64)
    np.add.at(matrix, (column_indices(order, labels.tolist()), column_indices(order, predicted.tolist())), 1)
    return matrix


def harmonic_mean(seen: float, unseen: float) -> float:
    """H = 2 S U / (S + U), and 0 where both are 0; the unit is that of the arguments."""
    return 2.0 * seen * unseen / (seen + unseen) if seen + unseen > 0 else 0.0


def sample_weights(labels: Labels, *, macro: bool) -> Float[np.ndarray, " sample"]:
    """Weights that sum to one; the weighted mean of hits is the micro or the macro accuracy."""
    if not macro:
        return np.full(len(labels), 1.0 / max(len(labels), 1))
    _, index, count = np.unique(labels, return_inverse=True, return_counts=True)
    return 1.0 / (count[index] * len(count))


def gate_curve(
    margin: Float[np.ndarray, " sample"],
    hit_seen: Bool[np.ndarray, " sample"],
    hit_unseen: Bool[np.ndarray, " sample"],
    labels: Labels,
    is_seen: Bool[np.ndarray, " sample"],
    *,
    macro: bool = False,
) -> SeenUnseenCurve:
    """All pairs (S, U) that a gate with one number per sample can reach, computed exactly from sorted thresholds.

    The gate calls a sample unseen iff ``margin < threshold``. S and U are constant between neighbouring
    margins, so one threshold at every distinct margin and one above the largest give every step.

    Args:
        margin: the number that the gate compares.
        hit_seen: whether the best seen class of the sample is its label.
        hit_unseen: whether the best unseen class of the sample is its label.
        labels: original class ids.
        is_seen: whether the label is a seen class.
        macro: average over classes instead of samples.

    Raises:
        DataError: there is no seen or no unseen sample.
    """
    for mask, kind in ((is_seen, "seen"), (~is_seen, "unseen")):
        if not mask.any():
            raise DataError(f"a seen-unseen curve needs test samples of {kind} classes, got none", where="labels")
    weight = np.empty(len(labels))
    weight[is_seen] = sample_weights(labels[is_seen], macro=macro)
    weight[~is_seen] = sample_weights(labels[~is_seen], macro=macro)
    levels, level = np.unique(margin, return_inverse=True)
    lost = np.bincount(level, weight * (is_seen & hit_seen), minlength=len(levels))
    gained = np.bincount(level, weight * (~is_seen & hit_unseen), minlength=len(levels))
    seen = np.append(np.cumsum(lost[::-1])[::-1], 0.0)
    unseen = np.insert(np.cumsum(gained), 0, 0.0)
    beyond = levels[-1] + max(1.0, abs(levels[-1]))
    return SeenUnseenCurve(np.append(levels, beyond), seen, unseen)


def seen_unseen_curve(scores: Scores, labels: Labels, seen: Iterable[int], *, macro: bool = False) -> SeenUnseenCurve:
    """The curve of calibrated stacking: argmax of score - gamma [class is seen] (Chao et al. 2016, Eq. 2).

    Args:
        scores: test samples of seen and unseen classes against both.
        labels: original class ids of the samples.
        seen: ids of the seen classes; the other columns are unseen.
        macro: average over classes instead of samples.
    """
    seen = tuple(seen)
    mask = np.isin(scores.classes, seen)
    margin, best_seen, best_unseen = stacking_margin(scores.fused(), mask)
    classes = np.asarray(scores.classes)
    hits = classes[best_seen] == labels, classes[best_unseen] == labels
    return gate_curve(margin, *hits, labels, np.isin(labels, seen), macro=macro)


def stacking_margin(
    fused: Float[np.ndarray, "sample class"], seen_mask: Bool[np.ndarray, " class"]
) -> tuple[Float[np.ndarray, " sample"], Int[np.ndarray, " sample"], Int[np.ndarray, " sample"]]:
    """Best seen minus best unseen score, and the columns of both."""
    best_seen = np.where(seen_mask, fused, -np.inf).argmax(axis=1)
    best_unseen = np.where(seen_mask, -np.inf, fused).argmax(axis=1)
    rows = np.arange(len(fused))
    return fused[rows, best_seen] - fused[rows, best_unseen], best_seen, best_unseen


def area_under(curve: SeenUnseenCurve) -> float:
    """AUSUC: the area under U over S for all thresholds (Chao et al. 2016), a fraction of the unit square.

    One sample moves S or U, never both, so the steps are axis-parallel and the trapezoid rule is exact;
    samples with equal margins move together along a diagonal.
    """
    return float(np.trapezoid(curve.unseen[::-1], curve.seen[::-1]))


def ausuc(scores: Scores, labels: Labels, seen: Iterable[int], *, macro: bool = False) -> float:
    """The area under :func:`seen_unseen_curve`."""
    return area_under(seen_unseen_curve(scores, labels, seen, macro=macro))


def oracle_union(predicted_a: Labels, predicted_b: Labels, labels: Labels) -> float:
    """The share of samples that at least one of two heads gets right.

    The label picks the head, so this is an upper bound and not an accuracy, although released code of this field
    reports it as one. Always call it by this name.
    """
    _check_pair(predicted_a, labels)
    _check_pair(predicted_b, labels)
    return float(np.mean((predicted_a == labels) | (predicted_b == labels)))


def _check_pair(predicted: np.ndarray, labels: np.ndarray) -> None:
    if len(predicted) != len(labels):
        raise DataError(f"expected one prediction per label, got {len(predicted)} for {len(labels)} labels")
    if not len(labels):
        raise DataError("an accuracy needs at least one sample, got none", where="labels")
