"""The common style of all figures, without changing matplotlib's global state."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from zsar_kit import __version__
from zsar_kit.artefacts import write_atomic, write_json
from zsar_kit.errors import ConfigError, DataError

# The palette of Okabe and Ito, distinguishable with every common colour vision; its yellow is too light on white.
BLUE, ORANGE, GREEN, PURPLE, SKY, RED = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"
PALETTE = (BLUE, RED, GREEN, PURPLE, SKY, ORANGE)
INK, GREY, LIGHT = "#222222", "#8A8A8A", "#DDDDDD"
SEQUENTIAL = "Blues"  # light at zero, so that empty cells of a matrix do not stand out
TITLE_SIZE, LABEL_SIZE, TICK_SIZE, SMALL_SIZE = 11, 9.5, 8.5, 7
DPI = 150
COLUMN, PAGE = 3.5, 7.2
"""Widths of a column and of both columns of a paper, in inches: figures of these widths are not scaled in print."""

_DOLLAR = re.compile(r"(?<!\\)\$")


def figure(width: float = 6.4, height: float = 4.0) -> Figure:
    """An empty figure (inches) with automatic layout; it is not registered globally, so it need not be closed."""
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")


def ensure_axes(ax: Axes | None, *, width: float, height: float) -> Axes:
    """The given axes, or new ones in a new figure, in the common style."""
    axes = figure(width, height).add_subplot() if ax is None else ax
    axes.spines[["top", "right"]].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GREY)
    axes.tick_params(labelsize=TICK_SIZE, color=GREY)
    return axes


def label_axes(ax: Axes, *, x: str = "", y: str = "", title: str | None = None) -> None:
    """Set axis labels, with units, and a left-aligned title."""
    ax.set_xlabel(x, fontsize=LABEL_SIZE, color=INK)
    ax.set_ylabel(y, fontsize=LABEL_SIZE, color=INK)
    if title:
        ax.set_title(literal(title), fontsize=TITLE_SIZE, color=INK, loc="left")


def figure_of(ax: Axes) -> Figure:
    """The figure of an axes."""
    found = ax.get_figure(root=True)
    if not isinstance(found, Figure):
        raise DataError("these axes belong to no figure", where="ax")
    return found


def add_colorbar(ax: Axes, image: ScalarMappable, label: str, *, extend: str = "neither") -> None:
    """Add a slim, frameless colour bar next to ``ax``."""
    bar = figure_of(ax).colorbar(image, ax=ax, shrink=0.7, pad=0.02, extend=extend)
    bar.set_label(label, fontsize=LABEL_SIZE)
    bar.ax.tick_params(labelsize=TICK_SIZE)
    bar.outline.set_visible(False)


def legend_below(ax: Axes, *, columns: int, labelled: bool = True) -> None:
    """A frameless legend below the axes, whatever their height; lines come first, without their error bars.

    Args:
        ax: the axes.
        columns: entries in a row.
        labelled: whether the horizontal axis has tick labels and a label, below which the legend goes.
    """
    handles, names = ax.get_legend_handles_labels()
    found = sorted(zip(handles, names, strict=True), key=lambda pair: not isinstance(pair[0], ErrorbarContainer))
    points = TICK_SIZE + LABEL_SIZE + 10 if labelled else 6
    below = ax.transAxes + ScaledTranslation(0, -points / 72, figure_of(ax).dpi_scale_trans)
    ax.legend(
        [h[0] if isinstance(h, ErrorbarContainer) else h for h, _ in found],
        [name for _, name in found],
        fontsize=TICK_SIZE,
        frameon=False,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        bbox_transform=below,
        ncols=min(columns, max(len(found), 1)),
        columnspacing=0.9,
        handlelength=1.7,
        handletextpad=0.4,
        borderaxespad=0.3,
    )


def shorten(name: str, width: int = 46) -> str:
    """A class name in at most ``width`` characters, cut in the middle between words.

    Names of look-alike classes often differ in their last words ("... from left to right"), so both ends
    are kept.

    >>> shorten("Swipe across an imaginary screen in front of you from left to right", 40)
    'Swipe across an … you from left to right'
    """
    text = " ".join(str(name).split())
    if len(text) <= width:
        return text
    tail = text[-(width // 2 + 3) :].partition(" ")[2]
    head = textwrap.shorten(text, width - len(tail) - 1, placeholder=" …")
    return f"{head} {tail}" if tail else f"{text[: width - 1]}…"


def wrap(name: str, width: int = 18, lines: int = 3) -> str:
    """A class name over at most ``lines`` lines of ``width`` characters."""
    return "\n".join(textwrap.wrap(str(name), width, max_lines=lines, placeholder=" …"))


def check_names(names: Sequence[str], count: int, what: str) -> list[str]:
    """The names as a list, as :func:`literal` text.

    Raises:
        DataError: there are not ``count`` of them.
    """
    if len(names) != count:
        raise DataError(f"expected one name per {what}, {count}, got {len(names)}", where="names")
    return [literal(name) for name in names]


def literal(text: object) -> str:
    """A text that matplotlib shows as it is: dollar signs in it do not enclose a formula."""
    return _DOLLAR.sub(r"\\$", str(text))


def check_square(matrix: np.ndarray) -> np.ndarray:
    """The matrix as an array.

    Raises:
        DataError: it is not square, is empty, or is not finite.
    """
    array = np.asarray(matrix)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or not array.size:
        raise DataError(f"expected a square matrix, got shape {array.shape}", where="matrix")
    if not np.isfinite(array).all():
        raise DataError("expected finite values, got NaN or infinity", where="matrix")
    return array


def save_figure(fig: Figure, stem: str | Path, *, runs: Sequence[str], **record: Any) -> list[Path]:
    """Write ``stem.png``, ``stem.pdf`` and ``stem.json``, each atomically.

    Args:
        fig: the figure.
        stem: path without suffix.
        runs: ids of the run folders whose numbers it shows; empty only for figures that show no run.
        record: further JSON-ready fields (data set, split, seeds).

    Returns:
        The three paths.

    Raises:
        ConfigError: the stem has the suffix of an image file.
    """
    stem = Path(stem)
    if stem.suffix in {".png", ".pdf", ".json", ".svg"}:
        raise ConfigError(f"expected a path without suffix, got {stem.name!r}", where="stem")
    paths = [stem.with_name(f"{stem.name}.{suffix}") for suffix in ("png", "pdf", "json")]
    # Without this metadata the same figure always gives the same bytes.
    undated = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Producer": None, "Creator": None}}
    for path in paths[:2]:
        kind = path.suffix[1:]
        buffer = io.BytesIO()
        fig.savefig(buffer, format=kind, dpi=DPI, metadata=undated[kind], bbox_inches="tight", pad_inches=0.08)
        write_atomic(path, buffer.getvalue())
    write_json(paths[2], {"figure": stem.name, "runs": list(runs), "zsar_kit": __version__, **record})
    return paths
