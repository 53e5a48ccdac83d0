"""Results as figures: confusion matrix, seen-unseen curve, methods against baselines, accuracy per class."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator

from zsar_kit.errors import DataError
from zsar_kit.evaluation.metrics import SeenUnseenCurve, area_under, harmonic_mean
from zsar_kit.evaluation.statistics import Summary
from zsar_kit.plotting import style

CELL_LIMIT = 14
NAMED_COLUMNS, NAME_LIMIT = 12, 22


def plot_confusion(
    matrix: np.ndarray, names: Sequence[str], *, ax: Axes | None = None, title: str | None = None
) -> Axes:
    """A confusion matrix in percent of each row, with numbers where they fit.

    Args:
        matrix: ``[true, predicted]`` counts.
        names: of the classes; columns are numbered like the rows if names would not fit.
        ax: where to draw; None makes a figure of suitable size.
        title: above it.

    Raises:
        DataError: the matrix is not square, or a name is missing.
    """
    counts = style.check_square(matrix)
    labels = style.check_names(names, len(counts), "class")
    n = len(counts)
    total = counts.sum(axis=1, keepdims=True)
    percent = np.divide(100 * counts, total, out=np.zeros(counts.shape), where=total > 0)
    cell = 0.62 if n <= CELL_LIMIT else 0.2
    axes = style.ensure_axes(ax, width=max(n * cell + 3.8, 5.0), height=max(n * cell + 1.3, 3.4))
    image = axes.imshow(percent, cmap=style.SEQUENTIAL, vmin=0, vmax=100, aspect="equal")
    if n <= CELL_LIMIT:
        for row, column in np.argwhere(counts > 0):
            shade = "white" if percent[row, column] > 55 else style.INK
            text = f"{percent[row, column]:.0f}"
            axes.text(column, row, text, ha="center", va="center", fontsize=style.TICK_SIZE, color=shade)
    counted = [f"{style.shorten(name)} ({int(k)})" for name, k in zip(labels, total[:, 0], strict=True)]
    number_ticks(axes, labels, rows=counted)
    axes.spines[:].set_visible(False)
    style.add_colorbar(axes, image, "share of the true class, %")
    style.label_axes(axes, x="predicted class", y="true class (number of samples)", title=title)
    return axes


def plot_seen_unseen_curve(
    curve: SeenUnseenCurve,
    point: tuple[float, float] | None = None,
    *,
    ax: Axes | None = None,
    label: str | None = None,
    color: str = style.BLUE,
    width: float = 1.8,
    title: str | None = None,
) -> Axes:
    """Unseen over seen accuracy for all gamma, its area, lines of equal H, and the chosen point.

    Call it again with the same axes to add another curve.

    Args:
        curve: in fractions, as from :func:`~zsar_kit.evaluation.calibration.calibration_curve`.
        point: S and U in percent at the chosen gamma, as in ``Evaluation.micro``.
        ax: where to draw; None makes a figure.
        label: name of the curve in the legend, which also shows its area.
        color: of curve and point.
        width: of the line, in points.
        title: above it.
    """
    fresh = ax is None
    axes = style.ensure_axes(ax, width=4.6, height=4.4)
    if fresh or not axes.lines:
        _draw_equal_harmonic(axes)
    text = f"{label + ', ' if label else ''}AUSUC {100 * area_under(curve):.1f} %"
    axes.plot(100 * curve.seen, 100 * curve.unseen, color=color, linewidth=width, label=text)
    if point is not None:
        caption = f"chosen gamma: H {harmonic_mean(*point):.1f} %"
        axes.plot(*point, "o", color=color, markersize=7, markeredgecolor="white", label=caption, clip_on=False)
    axes.set(xlim=(0, 100), ylim=(0, 100))
    axes.set_aspect("equal")
    axes.legend(fontsize=style.TICK_SIZE, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    style.label_axes(axes, x="seen accuracy S, %", y="unseen accuracy U, %", title=title)
    return axes


def plot_score_table(
    rows: Sequence[Mapping[str, Any]],
    columns: Mapping[str, str] | Sequence[str],
    *,
    label: str = "method",
    baselines: Collection[str] = (),
    chance: Mapping[str, float] | None = None,
    ax: Axes | None = None,
    title: str | None = None,
    x: str = "accuracy, %",
) -> Axes:
    """Methods against baselines: for each column of a table, scores as dots with their intervals.

    Takes the rows and columns of :func:`~zsar_kit.evaluation.tables.format_table`.

    Args:
        rows: one mapping per method; a value is a Summary, a number in percent, or None (left out).
        columns: the keys to show (say one per split); a mapping also gives headings.
        label: the key of a row's name.
        baselines: names of the rows drawn in grey with hollow markers.
        chance: the level of chance for a column, a dashed line.
        ax: where to draw; None makes a figure of suitable size.
        title: above it.
        x: label of the horizontal axis.

    Raises:
        DataError: there is nothing to draw, a row has no name, or a baseline is not among the rows.
    """
    headings = dict(columns) if isinstance(columns, Mapping) else {c: c for c in columns}
    if not rows or not headings:
        raise DataError("a score plot needs rows and columns", where="rows" if not rows else "columns")
    if any(label not in row for row in rows):
        raise DataError(f"every row needs a name under the key {label!r}", where="rows")
    names = [str(row[label]) for row in rows]
    if unknown := sorted(set(baselines) - set(names)):
        raise DataError(f"the baseline {unknown[0]!r} is not among the rows {names}", where="baselines")
    pitch = 0.8 / len(rows)
    axes = style.ensure_axes(ax, width=6.8, height=max(len(headings) * (0.2 * len(rows) + 0.16) + 1.2, 2.6))
    looks = _looks(names, baselines)
    for index, (row, name) in enumerate(zip(rows, names, strict=True)):
        y = np.arange(len(headings)) - 0.4 + pitch * (index + 0.5)
        _draw_scores(axes, [row.get(key) for key in headings], y, name, looks[name])
    labelled = False
    for position, key in enumerate(headings):
        if position:
            axes.axhline(position - 0.5, color=style.LIGHT, linewidth=0.8, zorder=0)
        if chance and chance.get(key) is not None:
            axes.plot(
                [chance[key]] * 2,
                [position - 0.48, position + 0.48],
                color=style.INK,
                linestyle=(0, (2, 2)),
                linewidth=1.1,
                label="_" if labelled else "chance",
                zorder=1,
            )
            labelled = True
    axes.set_yticks(range(len(headings)), [style.wrap(h, 26) for h in headings.values()], fontsize=style.LABEL_SIZE)
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, 100), ylim=(len(headings) - 0.5, -0.5))
    axes.xaxis.set_major_locator(MultipleLocator(20))
    axes.grid(axis="x", color=style.LIGHT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(fontsize=style.TICK_SIZE, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    style.label_axes(axes, x=x, title=title)
    return axes


def plot_per_class(
    accuracies: Sequence[float | None],
    names: Sequence[str],
    *,
    counts: Sequence[int] | None = None,
    chance: float | None = None,
    sort: bool = True,
    ax: Axes | None = None,
    title: str | None = None,
    color: str = style.BLUE,
) -> Axes:
    """Accuracy of each class as a bar, the best on top; classes without samples are marked.

    Args:
        accuracies: percent; None without samples.
        names: of the classes.
        counts: test samples of each class, shown after its name.
        chance: percent, drawn as a dashed line.
        sort: sort by accuracy; otherwise keep the given order.
        ax: where to draw; None makes a figure of suitable size.
        title: above it.
        color: of the bars.

    Raises:
        DataError: names or counts do not fit the accuracies.
    """
    values = np.array([np.nan if a is None else a for a in accuracies], dtype=np.float64)
    labels = _counted(names, counts, len(values))
    order = np.argsort(-np.nan_to_num(values, nan=-1.0), kind="stable") if sort else np.arange(len(values))
    axes = style.ensure_axes(ax, width=6.8, height=max(0.2 * len(values) + 1.0, 2.2))
    axes.barh(np.arange(len(values)), np.nan_to_num(values[order]), color=color, height=0.68)
    for position in np.flatnonzero(np.isnan(values[order])).tolist():
        axes.text(1, position, "no samples", va="center", fontsize=style.SMALL_SIZE, color=style.GREY)
    if chance is not None:
        axes.axvline(chance, color=style.INK, linestyle=(0, (2, 2)), linewidth=1.1, label=f"chance, {chance:.1f} %")
        axes.legend(fontsize=style.TICK_SIZE, frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderpad=0)
    axes.set_yticks(range(len(values)), [labels[i] for i in order], fontsize=style.TICK_SIZE)
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, 100), ylim=(len(values) - 0.4, -0.6))
    style.label_axes(axes, x="accuracy, %", title=title)
    return axes


def plot_class_differences(
    differences: Sequence[float],
    names: Sequence[str],
    *,
    counts: Sequence[int] | None = None,
    method: str = "method",
    other: str = "other",
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Accuracy of one method minus that of another for each class: bars to the right if the first is better.

    Args:
        differences: percentage points, in the order to draw, best first.
        names: of the classes.
        counts: test samples of each class, shown after its name.
        method: name of the first method, for the axis.
        other: name of the method that is subtracted.
        ax: where to draw; None makes a figure of suitable size.
        title: above it.

    Raises:
        DataError: names or counts do not fit the differences.
    """
    values = np.asarray(differences, dtype=np.float64)
    labels = _counted(names, counts, len(values))
    axes = style.ensure_axes(ax, width=6.8, height=max(0.2 * len(values) + 1.0, 2.2))
    colors = [style.BLUE if v > 0 else style.ORANGE for v in values]
    axes.barh(np.arange(len(values)), values, color=colors, height=0.68)
    axes.axvline(0, color=style.INK, linewidth=0.9)
    for position, value in enumerate(values.tolist()):
        beside = {"ha": "left" if value >= 0 else "right", "xytext": (3 if value >= 0 else -3, 0)}
        text = {"va": "center", "fontsize": style.SMALL_SIZE, "color": style.GREY}
        axes.annotate(f"{value:+.0f}", (value, position), textcoords="offset points", **beside, **text)
    axes.set_yticks(range(len(values)), labels, fontsize=style.TICK_SIZE)
    axes.tick_params(axis="y", length=0)
    reach = max(float(np.abs(values).max(initial=0.0)) * 1.15, 5.0)
    axes.set(xlim=(-reach, reach), ylim=(len(values) - 0.4, -0.6))
    style.label_axes(axes, x=f"accuracy of {method} minus {other}, points", title=title)
    return axes


def _counted(names: Sequence[str], counts: Sequence[int] | None, n: int) -> list[str]:
    """Shortened class names, each with its number of samples."""
    labels = [style.shorten(name) for name in style.check_names(names, n, "class")]
    if counts is None:
        return labels
    if len(counts) != n:
        raise DataError(f"expected {n} counts, got {len(counts)}", where="counts")
    return [f"{text} ({k})" for text, k in zip(labels, counts, strict=True)]


def number_ticks(ax: Axes, names: Sequence[str], *, rows: Sequence[str] | None = None) -> None:
    """Ticks of a class-by-class image: columns have names if these fit, otherwise the number of the row.

    Args:
        ax: the axes of the image.
        names: of the classes.
        rows: labels of the rows, if they say more than the name.
    """
    n = len(names)
    size = style.TICK_SIZE if n <= 30 else style.SMALL_SIZE
    texts = [style.shorten(name) for name in names] if rows is None else list(rows)
    if max(map(len, names)) <= NAME_LIMIT and n <= NAMED_COLUMNS:
        ax.set_xticks(range(n), list(names), rotation=40, ha="right", rotation_mode="anchor", fontsize=size)
    else:
        step = 1 if n <= 30 else 2
        ax.set_xticks(range(0, n, step), [str(i + 1) for i in range(0, n, step)], fontsize=size)
        texts = [f"{text}  {i + 1}" for i, text in enumerate(texts)]
    ax.set_yticks(range(n), texts, fontsize=size)
    ax.tick_params(length=0)


def _draw_equal_harmonic(ax: Axes) -> None:
    for h in (20, 40, 60, 80):
        seen = np.geomspace(h * 100 / (200 - h), 100, 200)
        ax.plot(seen, h * seen / (2 * seen - h), color=style.LIGHT, linewidth=0.9, zorder=0)
        ax.text(100, h * 100 / (200 - h), f" H {h}", fontsize=style.SMALL_SIZE, color=style.GREY, va="center")


def _looks(names: Sequence[str], baselines: Collection[str]) -> dict[str, dict[str, Any]]:
    """Colour and mark of each row: methods in colours, baselines hollow, grey and distinguished by shape."""
    marks, colors = iter("sD^vPX<>*" * 4), iter(style.PALETTE * 6)
    looks: dict[str, dict[str, Any]] = {}
    for name in names:
        hollow = name in baselines
        hue = style.GREY if hollow else next(colors)
        fill = "white" if hollow else hue
        looks[name] = {"color": hue, "marker": next(marks) if hollow else "o", "markerfacecolor": fill}
    return looks


def _draw_scores(ax: Axes, values: Sequence[Any], y: np.ndarray, name: str, look: Mapping[str, Any]) -> None:
    parsed = [(v.mean, v.half_width or 0.0) if isinstance(v, Summary) else (v, 0.0) for v in values]
    mean = np.array([np.nan if m is None else m for m, _ in parsed], dtype=np.float64)
    half_width = np.array([h for _, h in parsed])
    ax.errorbar(mean, y, xerr=half_width, linestyle="", markersize=5.5, elinewidth=1.3, label=name, zorder=3, **look)
