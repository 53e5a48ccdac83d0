"""The contents of a data set as figures: lengths, samples per class, and who was recorded by which camera."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from zsar_kit.errors import DataError
from zsar_kit.plotting import style
from zsar_kit.plotting.results import NAMED_COLUMNS

BINS = 40
#: without the palette's second colour, which highlights names
BAR_COLOURS = (style.BLUE, style.SKY, style.GREEN, style.PURPLE)


def plot_lengths(
    lengths: Mapping[str, np.ndarray], *, ax: Axes | None = None, title: str | None = None, x: str = "length, frames"
) -> Axes:
    """Distributions of sequence lengths, outlined over common bins; the last bin includes the longest 1 %.

    Args:
        lengths: name of a part to the number of frames of its samples, ``[sample]``.
        ax: where to draw; None makes a figure.
        title: above it.
        x: label of the horizontal axis.

    Raises:
        DataError: there are no samples.
    """
    parts = {name: np.asarray(values) for name, values in lengths.items() if len(values)}
    if not parts:
        raise DataError("expected the length of at least one sample, got none", where="lengths")
    together = np.concatenate(list(parts.values()))
    low, high = float(together.min()), float(np.quantile(together, 0.99))
    # One bin per frame if there are few, with a margin around a single one.
    edges = np.arange(low - 1.5, high + 2.5) if high - low < BINS else np.linspace(low, high, BINS + 1)
    axes = style.ensure_axes(ax, width=6.4, height=3.4)
    for (name, values), colour in zip(parts.items(), style.PALETTE, strict=False):
        label = f"{name}: {len(values)} samples, median {np.median(values):.0f}"
        axes.hist(
            np.minimum(values, edges[-1]),
            bins=edges.tolist(),
            histtype="step",
            color=colour,
            linewidth=1.6,
            label=label,
        )
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=style.TICK_SIZE, frameon=False)
    style.label_axes(axes, x=x, y="samples", title=title)
    return axes


def plot_class_balance(
    counts: np.ndarray,
    names: Sequence[str],
    parts: Sequence[str],
    *,
    highlight: Collection[int] = (),
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Samples of each class as bars, stacked by part; the largest class spans the axes.

    Args:
        counts: ``[class, part]``.
        names: of the classes.
        parts: names of the parts, in the order of the columns.
        highlight: class ids whose names are highlighted, say the unseen ones.
        ax: where to draw; None makes a figure of suitable size.
        title: above it.

    Raises:
        DataError: the numbers of names and rows, or of parts and columns, differ.
    """
    table = np.atleast_2d(np.asarray(counts))
    labels = [f"{i} {style.shorten(name)}" for i, name in enumerate(style.check_names(names, len(table), "class"))]
    heads = style.check_names(parts, table.shape[1], "part")
    axes = style.ensure_axes(ax, width=7.2, height=max(0.17 * len(table) + 1.2, 2.4))
    left = np.zeros(len(table))
    for column, head, colour in zip(table.T, heads, BAR_COLOURS, strict=False):
        axes.barh(np.arange(len(table)), column, left=left, color=colour, height=0.75, label=head)
        left += column
    axes.set_yticks(
        range(len(table)), labels, fontsize=style.SMALL_SIZE if len(table) > NAMED_COLUMNS else style.TICK_SIZE
    )
    for i, tick in enumerate(axes.get_yticklabels()):
        tick.set_color(style.RED if i in highlight else style.INK)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.legend(
        fontsize=style.TICK_SIZE,
        frameon=False,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=len(heads),
        borderaxespad=0,
    )
    style.label_axes(axes, x="samples")
    axes.set_title(title or "", fontsize=style.TITLE_SIZE, color=style.INK, loc="left", pad=20)
    return axes


def plot_coverage(
    rows: np.ndarray,
    columns: np.ndarray,
    *,
    y: str,
    x: str,
    train: np.ndarray | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Number of samples for each pair of values, say of subject and camera, as an image with the counts.

    Args:
        rows: the row of each sample, e.g. its subject, ``[sample]``.
        columns: the column of each sample, e.g. its camera, ``[sample]``.
        y: label of the rows.
        x: label of the columns.
        train: ``[sample]``, true for training samples; rows and columns in both parts are highlighted.
        ax: where to draw; None makes a figure of suitable size.
        title: above it.

    Raises:
        DataError: the arrays are empty or of different lengths.
    """
    first, second = np.asarray(rows), np.asarray(columns)
    if not len(first) or first.shape != second.shape or (train is not None and len(train) != len(first)):
        problem = f"expected a row and a column for each sample, got {first.shape} and {second.shape}"
        raise DataError(problem, where="rows")
    heights, at_row = np.unique(first, return_inverse=True)
    widths, at_column = np.unique(second, return_inverse=True)
    counts = np.zeros((len(heights), len(widths)), dtype=np.int64)
    np.add.at(counts, (at_row, at_column), 1)
    axes = style.ensure_axes(ax, width=max(0.42 * len(widths) + 2.2, 3.6), height=max(0.2 * len(heights) + 1.2, 2.4))
    axes.imshow(counts, cmap=style.SEQUENTIAL, vmin=0, vmax=1.6 * counts.max(), aspect="auto")
    for i, j in np.argwhere(np.ones_like(counts)):
        axes.text(j, i, str(counts[i, j]), ha="center", va="center", fontsize=style.SMALL_SIZE, color=style.INK)
    axes.set_xticks(range(len(widths)), [str(v) for v in widths])
    axes.set_yticks(range(len(heights)), [str(v) for v in heights], fontsize=style.SMALL_SIZE)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if train is not None:
        for ticks, values, column in (
            (axes.get_yticklabels(), heights, first),
            (axes.get_xticklabels(), widths, second),
        ):
            for tick, value in zip(ticks, values, strict=True):
                both = len(set(np.asarray(train)[column == value].tolist())) > 1
                tick.set_color(style.RED if both else style.INK)
    style.label_axes(axes, x=x, y=y, title=title)
    return axes
