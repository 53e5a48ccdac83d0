"""Class texts as figures: their similarity, and the nearest neighbours of classes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes

from zsar_kit.errors import DataError
from zsar_kit.plotting import style
from zsar_kit.plotting.results import NAMED_COLUMNS, number_ticks


def plot_similarity(
    matrix: np.ndarray,
    names: Sequence[str],
    *,
    highlight: Collection[int] = (),
    label: str = "cosine similarity",
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Similarity of class texts as an image; the colours span the values off the diagonal.

    Args:
        matrix: ``[class, class]``, e.g. cosine similarity of the pooled texts.
        names: of the classes.
        highlight: positions whose names are highlighted, say the unseen classes.
        label: of the colour bar.
        ax: where to draw; None makes a figure of suitable size.
        title: above it.

    Raises:
        DataError: the matrix is not square or not finite, or names are missing.
    """
    values = style.check_square(matrix)
    labels = style.check_names(names, len(values), "class")
    n = len(values)
    cell = 0.45 if n <= NAMED_COLUMNS else 0.19
    axes = style.ensure_axes(ax, width=max(n * cell + 4.0, 5.0), height=max(n * cell + 1.1, 3.4))
    others = values[~np.eye(n, dtype=bool)]
    low, high = (others.min(), others.max()) if others.size else (0.0, 1.0)
    image = axes.imshow(values, cmap=style.SEQUENTIAL, vmin=low, vmax=high, aspect="equal")
    number_ticks(axes, labels)
    _emphasise(axes, highlight)
    axes.spines[:].set_visible(False)
    style.add_colorbar(axes, image, label, extend="max")
    style.label_axes(axes, title=title)
    return axes


def plot_neighbours(
    matrix: np.ndarray,
    names: Sequence[str],
    *,
    classes: Sequence[int] | None = None,
    k: int = 5,
    highlight: Collection[int] = (),
    other: np.ndarray | None = None,
    labels: tuple[str, str] = ("", ""),
    x: str = "cosine similarity",
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """The k most similar classes of some classes, as a list with dots at their similarity.

    Args:
        matrix: ``[class, class]`` similarity.
        names: of the classes.
        classes: the positions to list neighbours of; None takes ``highlight``, or the first three.
        k: neighbours of each class.
        highlight: positions in another colour, say the unseen classes.
        other: a second similarity of the same classes, ``[class, class]``, as hollow dots; it orders nothing.
        labels: names of the two similarities in a legend, if there are two.
        x: label of the axis: what the matrix contains.
        ax: where to draw; None makes a figure of suitable size.
        title: above it.

    Raises:
        DataError: a matrix is not square, they differ in size, names are missing, or a class is out of range.
    """
    values = style.check_square(matrix)
    beside = None if other is None else style.check_square(other)
    if beside is not None and beside.shape != values.shape:
        raise DataError(f"expected a matrix of {len(values)} classes, got {len(beside)}", where="other")
    shown_names = [style.shorten(name, 60) for name in style.check_names(names, len(values), "class")]
    queries = list(classes if classes is not None else (sorted(highlight) or range(min(3, len(values)))))
    if bad := [c for c in (*queries, *highlight) if not 0 <= c < len(values)]:
        raise DataError(f"position {bad[0]} is out of range 0..{len(values) - 1}", where="classes")
    k = min(k, len(values) - 1)
    lines: list[tuple[str, float | None, bool]] = []
    hollow: list[float | None] = []
    for query in queries:
        lines.append((shown_names[query], None, query in highlight))
        ranked = sorted((c for c in range(len(values)) if c != query), key=lambda c, q=query: -values[q, c])
        lines += [(shown_names[c], float(values[query, c]), c in highlight) for c in ranked[:k]]
        hollow += [None, *(None if beside is None else float(beside[query, c]) for c in ranked[:k])]
    axes = style.ensure_axes(ax, width=7.2, height=max(0.19 * len(lines) + 1.0, 2.2))
    shown = [s for s in (*(s for _, s, _ in lines), *hollow) if s is not None]
    # A stem's length says how similar two classes are, so it begins at zero.
    lowest = min(shown, default=0.0)
    low = 0.0 if lowest >= 0 else lowest - 0.06 * np.ptp([0.0, *shown])
    for y, (_, similarity, special) in enumerate(lines):
        if similarity is not None:
            axes.plot([0.0, similarity], [y, y], color=style.LIGHT, linewidth=1.2, zorder=1)
            hue, second = style.RED if special else style.BLUE, hollow[y]
            axes.plot(similarity, y, "o", color=hue, markersize=5, zorder=2)
            if second is not None:
                axes.plot(second, y, "o", color=hue, markerfacecolor="white", markersize=5, zorder=2)
    if beside is not None:
        for name, face in zip(labels, (style.GREY, "white"), strict=True):
            axes.plot([], [], "o", color=style.GREY, markerfacecolor=face, markersize=5, label=name)
        style.legend_below(axes, columns=2)
    axes.set_yticks(range(len(lines)), [text for text, _, _ in lines], fontsize=style.TICK_SIZE)
    for tick, (_, similarity, special) in zip(axes.get_yticklabels(), lines, strict=True):
        tick.set_color(style.RED if special else style.INK)
        if similarity is None:
            tick.set_fontweight("bold")
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.set_xlim(left=low)
    style.label_axes(axes, x=x, title=title)
    return axes


def _emphasise(ax: Axes, positions: Collection[int]) -> None:
    for index, tick in enumerate(ax.get_yticklabels()):
        if index in positions:
            tick.set_color(style.RED)
            tick.set_fontweight("bold")


def plot_slot_sharing(
    reach: Mapping[str, Mapping[str, np.ndarray]], *, ax: Axes | None = None, title: str | None = None
) -> Axes:
    """For each data set and slot, how many classes share the words of its context descriptions.

    Args:
        reach: data set to slot to the number of classes that use a row's word, ``[row]``.
        ax: where to draw; None makes a figure of suitable size.
        title: above it.

    Raises:
        DataError: there is nothing to draw.
    """
    bars = [(dataset, slot, np.asarray(rows)) for dataset, slots in reach.items() for slot, rows in slots.items()]
    if not bars or not all(len(rows) for _, _, rows in bars):
        raise DataError("expected rows for each data set and slot, got none", where="reach")
    axes = style.ensure_axes(ax, width=7.6, height=0.3 * len(bars) + 0.18 * len(reach) + 1.5)
    bounds = [(1, 1), (2, 3), (4, 7), (8, 15), (16, None)]
    labels = ["1 (its own)", "2–3", "4–7", "8–15", "16 or more"]
    colours = [style.RED, *(colormaps[style.SEQUENTIAL](x) for x in (0.3, 0.5, 0.7, 0.95))]
    places = [i + 0.6 * list(reach).index(dataset) for i, (dataset, _, _) in enumerate(bars)]
    left = np.zeros(len(bars))
    for (low, high), label, colour in zip(bounds, labels, colours, strict=True):
        share = np.array([100 * ((r >= low) & (r <= (high or r.max()))).mean() for _, _, r in bars])
        axes.barh(places, share, left=left, color=colour, label=label, height=0.82)
        left += share
    named = [f"{dataset}: {slot.replace('_', ' ')}" for dataset, slot, _ in bars]
    axes.set_yticks(places, named, fontsize=style.TICK_SIZE)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(places[-1] + 0.6, -0.6)
    axes.set_xlim(0, 100)
    style.figure_of(axes).legend(
        *axes.get_legend_handles_labels(),
        title="classes that use the word",
        title_fontsize=style.TICK_SIZE,
        fontsize=style.TICK_SIZE,
        frameon=False,
        ncols=len(bounds),
        loc="outside lower center",
        columnspacing=1.2,
        handlelength=1.2,
    )
    style.label_axes(axes, x="share of the context descriptions with a word in the slot, %", title=title)
    return axes
