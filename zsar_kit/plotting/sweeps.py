"""Accuracy over one setting of a method, and over the gate's threshold (Flora, Fig. 3, 4 and 8 to 12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator
from matplotlib.transforms import ScaledTranslation

from zsar_kit.errors import DataError
from zsar_kit.evaluation.statistics import Summary
from zsar_kit.plotting import style

LOOKS: tuple[dict[str, Any], ...] = (
    {"color": style.BLUE, "marker": "o", "linestyle": "-"},
    {"color": style.RED, "marker": "s", "linestyle": "-"},
    {"color": style.GREEN, "marker": "^", "linestyle": (0, (4, 1.5))},
    {"color": style.PURPLE, "marker": "v", "linestyle": (0, (1.2, 1.2))},
)
"""Lines differ in colour, marker and dashes, so that they can be told apart in print without colour."""
FEWEST = 3
"""Seeds from which on intervals are drawn."""
BESIDE = 1.6
"""Points between the markers of two lines at one value."""
WIDE_RANGE = 50.0
"""From this ratio of the largest to the smallest positive value on, the axis is logarithmic."""


def plot_sweep(
    x: Sequence[float],
    series: Mapping[str, Sequence[Summary | float | None]],
    *,
    label: str,
    base: float | None = None,
    levels: Mapping[str, float] | None = None,
    y: str = "accuracy, %",
    bounds: tuple[float, float] = (0.0, 100.0),
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Scores as lines over one setting, with intervals where there are three seeds or more.

    The axis is logarithmic if positive values span more than a factor of 50; a zero among them then stands at its left
    end, on a linear piece.

    Args:
        x: the values of the setting.
        series: name of a line to its scores, one per value; None is left out.
        label: of the horizontal axis, with the unit.
        base: the value of the base configuration, marked by a thin vertical line.
        levels: names and heights of dashed horizontal lines, such as chance.
        y: label of the vertical axis.
        bounds: the lowest and the highest value that there can be; bars that reach farther are cut.
        ax: where to draw; None makes a figure of a column's width.
        title: above it.

    Raises:
        DataError: there are fewer than two values, a value occurs twice, or a line has another number of scores.
    """
    places = np.asarray(x, dtype=np.float64)
    if places.ndim != 1 or len(places) < 2 or len(np.unique(places)) < len(places) or not np.isfinite(places).all():
        raise DataError(f"expected two or more different values, got {list(x)}", where="x")
    order, ends = np.argsort(places), list((levels or {}).values())
    axes = style.ensure_axes(ax, width=style.COLUMN, height=2.7)
    for number, ((name, scores), look) in enumerate(zip(series.items(), LOOKS * 3, strict=False)):
        if len(scores) != len(places):
            raise DataError(f"expected a score per value, {len(places)}, got {len(scores)}", where=f"series[{name!r}]")
        found = [(s.mean, _bar(s)) if isinstance(s, Summary) else (s, 0.0) for s in scores]
        mean = np.array([np.nan if m is None else m for m, _ in found], dtype=np.float64)[order]
        half = np.array([h for _, h in found])[order]
        lines: dict[str, Any] = {
            "linewidth": 1.3,
            "markersize": 3.6,
            "elinewidth": 0.8,
            "capsize": 1.6,
            "capthick": 0.8,
        }
        ends += [float(v) for v in (*(mean - half), *(mean + half)) if np.isfinite(v)]
        # Moved by points on paper, not in the data, so that bars at one value do not cover each other.
        aside = ScaledTranslation(
            (number - (len(series) - 1) / 2) * BESIDE / 72, 0, style.figure_of(axes).dpi_scale_trans
        )
        lines["transform"] = axes.transData + aside
        axes.errorbar(places[order], mean, yerr=half if half.any() else None, label=name, zorder=3, **lines, **look)
    for name, height in (levels or {}).items():
        axes.axhline(height, color=style.GREY, linewidth=0.9, linestyle=(0, (3, 2)), label=name, zorder=1)
    if base is not None:
        axes.axvline(base, color=style.LIGHT, linewidth=3.0, zorder=0)
    _scale(axes, places[order])
    _limit(axes, places, ends, bounds)
    axes.grid(axis="y", color=style.LIGHT, linewidth=0.5)
    axes.set_axisbelow(True)
    style.legend_below(axes, columns=5, labelled=bool(label))
    style.label_axes(axes, x=label, y=y, title=title)
    return axes


def plot_threshold(
    gammas: np.ndarray,
    series: Mapping[str, np.ndarray],
    *,
    chosen: Sequence[float] = (),
    label: str = "threshold γ",
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Accuracies over the threshold of a gate, as steps; the mean over runs and the range between the runs.

    Args:
        gammas: values of the threshold, rising, ``[value]``.
        series: name of a line to percent, ``[run, value]``.
        chosen: thresholds that the runs chose, marked below the axis.
        label: of the horizontal axis, with the unit.
        ax: where to draw; None makes a figure of a column's width.
        title: above it.

    Raises:
        DataError: the thresholds do not rise, or a line does not fit them.
    """
    if gammas.ndim != 1 or len(gammas) < 2 or not (np.diff(gammas) > 0).all():
        raise DataError("expected two or more rising thresholds", where="gammas")
    axes = style.ensure_axes(ax, width=style.COLUMN, height=2.7)
    for (name, values), look in zip(series.items(), LOOKS[1:] + LOOKS[:1], strict=False):
        if values.ndim != 2 or values.shape[1] != len(gammas):
            raise DataError(f"expected [run, {len(gammas)}], got shape {values.shape}", where=f"series[{name!r}]")
        line: dict[str, Any] = {"color": look["color"], "linestyle": look["linestyle"]}
        axes.plot(gammas, values.mean(0), linewidth=1.3, label=name, zorder=3, **line)
        if len(values) > 1:
            axes.fill_between(gammas, values.min(0), values.max(0), color=look["color"], alpha=0.15, linewidth=0)
    for gamma in chosen:
        axes.axvline(gamma, color=style.INK, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
    if len(chosen):
        axes.plot([], [], color=style.INK, linewidth=0.8, linestyle=(0, (1, 2)), label="chosen on folds")
    axes.set(xlim=(gammas[0], gammas[-1]), ylim=(0, 100))
    axes.grid(axis="y", color=style.LIGHT, linewidth=0.5)
    style.legend_below(axes, columns=4)
    style.label_axes(axes, x=label, y="accuracy, %", title=title)
    return axes


def _bar(summary: Summary) -> float:
    """Half-width of the bar: an interval from fewer than three values says nothing but that they are few."""
    return (summary.half_width or 0.0) if summary.n >= FEWEST else 0.0


def _limit(ax: Axes, places: np.ndarray, ends: Sequence[float], bounds: tuple[float, float]) -> None:
    """Limits by the data: matplotlib's own do not see lines that were moved by points."""
    scale = ax.xaxis.get_transform()
    low, high = scale.transform(np.array([places.min(), places.max()]))
    margin = 0.05 * (high - low)
    ax.set_xlim(*scale.inverted().transform(np.array([low - margin, high + margin])))
    bottom, top = min(ends), max(ends)
    margin = 0.06 * max(top - bottom, 1e-3)
    ax.set_ylim(max(bottom - margin, bounds[0]), min(top + margin, bounds[1] + 0.02 * (bounds[1] - bounds[0])))


def _scale(ax: Axes, places: np.ndarray) -> None:
    """A tick at each value, on a linear or a logarithmic axis."""
    positive = places[places > 0]
    if places.min() >= 0 and len(positive) > 1 and positive.max() / positive.min() > WIDE_RANGE:
        if places.min() == 0:
            ax.set_xscale("symlog", linthresh=positive.min(), linscale=0.5)
        else:
            ax.set_xscale("log")
    ax.xaxis.set_minor_locator(NullLocator())
    shown = _room(ax.xaxis.get_transform().transform(places), places)
    ax.set_xticks(places.tolist(), [f"{p:g}" if keep else "" for p, keep in zip(places, shown, strict=True)])


def _room(at: np.ndarray, places: np.ndarray) -> list[bool]:
    """Which ticks, at these positions along the axis, can have a label: those not too close to the one before."""
    width, kept = max(float(np.ptp(at)), 1e-9), []
    last, before = -np.inf, 0
    for x, place in zip(at.tolist(), places.tolist(), strict=True):
        letters = len(f"{place:g}")
        # A letter is about 2.4 % of a column's axes wide.
        kept.append((x - last) / width > 0.012 * (letters + before) + 0.02)
        if kept[-1]:
            last, before = x, letters
    return kept
