"""Choosing a gate's threshold gamma on pseudo-unseen folds, and the whole trade-off as a curve."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from zsar_kit.errors import DataError
from zsar_kit.evaluation.gates import (
    CalibratedStacking,
    Gate,
    LogisticGate,
    RatioGate,
    ScoredFold,
    checked_mask,
    make_gate,
    parse_fold,
    restore_gate,
)
from zsar_kit.evaluation.metrics import SeenUnseenCurve, gate_curve
from zsar_kit.evaluation.scores import Scores

__all__ = [
    "CalibratedStacking",
    "Gate",
    "GammaFit",
    "LogisticGate",
    "RatioGate",
    "calibration_curve",
    "fit_gamma",
    "make_gate",
    "restore_gate",
]

PLATEAU_TOLERANCE = 1e-12


def calibration_curve(
    gate: Gate, scores: Scores, labels: np.ndarray, seen: Iterable[int], *, macro: bool = False
) -> SeenUnseenCurve:
    """S and U of a gate over all values of its gamma, exactly; the gate's own gamma is not used.

    Args:
        gate: any gate; its other parameters are used.
        scores: samples of seen and unseen classes against both.
        labels: original class ids.
        seen: ids of the seen classes.
        macro: average over classes instead of samples.
    """
    seen = list(seen)
    mask = checked_mask(scores, np.isin(scores.classes, seen))
    compared = gate.compare(scores, mask)
    classes = np.asarray(scores.classes)
    hits = classes[compared.best_seen] == labels, classes[compared.best_unseen] == labels
    curve = gate_curve(compared.margin, *hits, labels, np.isin(labels, seen), macro=macro)
    return curve._replace(gammas=gate.direction * curve.gammas)


@dataclass(frozen=True, eq=False)
class GammaFit:
    """A gate fitted on pseudo-unseen folds, and the curve that gamma was chosen on.

    Attributes:
        gate: ready to predict.
        gammas: every value at which the folds' mean H can change, from "always seen" to "always unseen".
        harmonic: the folds' mean H at each of them, a fraction.
        best: the largest mean H.
    """

    gate: Gate
    gammas: Float[np.ndarray, " step"]
    harmonic: Float[np.ndarray, " step"]
    best: float

    def __repr__(self) -> str:
        return f"GammaFit({self.gate!r}, best H {100 * self.best:.1f} % over {len(self.gammas)} thresholds)"

    @property
    def gamma(self) -> float:
        """The chosen threshold."""
        return self.gate.gamma


def fit_gamma(kind: str, folds: Sequence[ScoredFold], *, macro: bool = False, **options: Any) -> GammaFit:
    """Choose the gamma of the largest mean H over pseudo-unseen folds; no test sample takes part.

    H is a step function of gamma. Of all intervals with the largest mean, the widest is taken, and gamma is
    its middle: the choice farthest from a drop.

    Args:
        kind: the gate.
        folds: for each fold the scores of held-out samples, their labels, and the classes that are seen in it
            (ids, or an object with ``.seen``, such as the fold's ``ClassSplit``).
        macro: maximise the H of class-averaged accuracies.
        options: further arguments of the gate (``head``; ``temperature`` and ``top`` of the logistic gate).

    Raises:
        DataError: no fold, or a fold without seen or without unseen samples.
        ConfigError: the kind is unknown.
    """
    if not folds:
        raise DataError("gamma needs at least one pseudo-unseen fold, got none", where="folds")
    gate = LogisticGate.fit(folds, **options) if kind == "logistic" else make_gate(kind, 0.0, **options)
    curves = [calibration_curve(gate, s, y, seen, macro=macro) for s, y, _, seen in map(parse_fold, folds)]
    thresholds = [gate.direction * curve.gammas for curve in curves]
    steps = np.unique(np.concatenate([t[:-1] for t in thresholds]))
    steps = np.append(steps, max(t[-1] for t in thresholds))
    harmonic = np.zeros(len(steps))
    for curve, t in zip(curves, thresholds, strict=True):
        at = np.searchsorted(t[:-1], steps, side="left")
        total = curve.seen + curve.unseen
        h = np.divide(2 * curve.seen * curve.unseen, total, out=np.zeros_like(total), where=total > 0)
        harmonic += h[at] / len(curves)
    fitted = gate.with_gamma(gate.direction * _middle_of_best_plateau(steps, harmonic))
    return GammaFit(fitted, gate.direction * steps, harmonic, float(harmonic.max()))


def _middle_of_best_plateau(steps: np.ndarray, height: np.ndarray) -> float:
    """Middle of the widest interval of largest height; ``height[i]`` holds on (steps[i - 1], steps[i]]."""
    best = height >= height.max() - PLATEAU_TOLERANCE
    edges = np.diff(best.astype(np.int8), prepend=0, append=0)
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    low = np.where(starts > 0, steps[starts - 1], steps[0])
    high = steps[stops]
    widest = int(np.argmax(high - low))
    middle = (low[widest] + high[widest]) / 2
    return float(middle if middle > low[widest] else high[widest])
