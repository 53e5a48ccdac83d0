"""The choice among candidates by accuracy on the folds: the mean decides, ties go to the middle of the plateau."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from zsar_kit.config import digest_of
from zsar_kit.experiments.runs.result import Candidate
from zsar_kit.methods.base import MethodConfig

#: accuracies of a candidate, percent, one per fold
Accuracies = Mapping[Candidate, np.ndarray]
#: means closer than this are equal
_ROUNDING = 1e-9


def plateau_middle(accuracy: Float[np.ndarray, "candidate fold"]) -> int:
    """The position to choose among ordered candidates.

    The plateau of the best mean is the run of neighbours around it that are no worse than it by more than one standard
    error of the difference over the folds (with a single fold: not worse at all). Its middle is chosen, the lower one
    of two. Of several equal best means, the one on the widest plateau counts, else the first.
    """
    mean = accuracy.mean(axis=1)
    widest = (0, -1)
    for best in np.flatnonzero(mean >= mean.max() - _ROUNDING).tolist():
        behind = accuracy[best] - accuracy
        folds = accuracy.shape[1]
        noise = behind.std(axis=1, ddof=1) / np.sqrt(folds) if folds > 1 else np.zeros(len(accuracy))
        tied = behind.mean(axis=1) <= noise + _ROUNDING
        low = high = best
        while low > 0 and tied[low - 1]:
            low -= 1
        while high < len(tied) - 1 and tied[high + 1]:
            high += 1
        if high - low > widest[1] - widest[0]:
            widest = (low, high)
    return sum(widest) // 2


def choose_candidate(configs: Sequence[MethodConfig], accuracy: Accuracies) -> Candidate:
    """The candidate that the folds choose: on the line with the best mean, the middle of the plateau.

    A line is what can be ordered: the configs of a grid that differ in its axis alone, or the traced points of a fit.
    Of equal lines the first is taken.
    """
    line = _best_line(configs, accuracy)
    return line[plateau_middle(np.stack([accuracy[c] for c in line]))]


def grid_extension(configs: Sequence[MethodConfig], accuracy: Accuracies) -> list[MethodConfig]:
    """The next configs beyond an end of the grid at which the best mean lies; none if it is interior.

    A grid goes on as it began: by the factor of two steps earlier, so that 1, 3, 10 is continued by 30.
    """
    axis = configs[0].axis()
    line = _best_line(configs, accuracy)
    if axis is None or len(line) < 2:
        return []
    mean = np.array([accuracy[c].mean() for c in line])
    top = mean >= mean.max() - _ROUNDING
    if top[1:-1].any():
        return []
    values = [getattr(configs[c.config], axis.field) for c in line]
    found = [_continued(values[::-1])] * bool(top[0]) + [_continued(values)] * bool(top[-1])
    base = configs[line[0].config]
    return [replace(base, **{axis.field: v}) for v in found if axis.lowest <= v <= axis.highest]


def end_note(configs: Sequence[MethodConfig], accuracy: Accuracies) -> str:
    """What is said where the best mean lies at an end of the grid only; empty if not."""
    axis = configs[0].axis()
    line = _best_line(configs, accuracy)
    if axis is None or len(line) < 2:
        return ""
    mean = np.array([accuracy[c].mean() for c in line])
    top = np.flatnonzero(mean >= mean.max() - _ROUNDING)
    if ((top > 0) & (top < len(line) - 1)).any():
        return ""
    values = [getattr(configs[c.config], axis.field) for c in line]
    best = " and ".join(f"{values[i]:g}" for i in top.tolist())
    return f"the best {axis.field} on the folds, {best}, is an end of the grid {values[0]:g} to {values[-1]:g}"


def choice_records(configs: Sequence[MethodConfig], accuracy: Accuracies) -> tuple[dict[str, Any], ...]:
    """What was chosen among, for ``result.json``: fields that differ, the point, and ZSL on each fold in percent."""
    values = [config.to_dict() for config in configs]
    names = [n for n in values[0] if len({digest_of(v[n]) for v in values}) > 1]
    return tuple(
        {
            "config": {n: values[c.config][n] for n in names},
            "point": c.point,
            "folds": [round(float(a), 3) for a in per_fold],
        }
        for c, per_fold in accuracy.items()
    )


def _best_line(configs: Sequence[MethodConfig], accuracy: Accuracies) -> list[Candidate]:
    lines = _lines(configs, list(accuracy))
    return max(lines, key=lambda line: round(max(float(accuracy[c].mean()) for c in line), 9))


def _lines(configs: Sequence[MethodConfig], candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    """Ordered candidates; a fit's end comes after its traced points."""
    if len(configs) == 1:
        return [sorted(candidates, key=lambda c: (c.point is None, c.point or 0))]
    if (axis := configs[0].axis()) is None:
        return [[c] for c in candidates]
    name = axis.field
    lines: dict[str, list[Candidate]] = {}
    for c in candidates:
        others = {k: v for k, v in configs[c.config].to_dict().items() if k != name}
        lines.setdefault(digest_of(others), []).append(c)
    return [sorted(line, key=lambda c: getattr(configs[c.config], name)) for line in lines.values()]


def _continued(values: Sequence[float]) -> float:
    """The value after the last."""
    factor = values[-2] / values[-3] if len(values) > 2 else values[-1] / values[-2]
    return float(f"{values[-1] * factor:.12g}")
