"""Levels of attributes as pictures: a stick body at a level, all levels of a topic, and forms as a matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from zsar_kit.data.joints import layout as joint_layout
from zsar_kit.errors import DataError
from zsar_kit.plotting import style
from zsar_kit.primitives.attributes import Attribute
from zsar_kit.primitives.drawings import Drawing, drawing
from zsar_kit.primitives.spoken import meaning

#: the reader stands behind the body, to its left, and looks down a little: degrees
TURN, DOWN = 40.0, 14.0
#: radius of the head and length of the nose in metres
HEAD, NOSE = 0.1, 0.1
#: attributes side by side in a figure of a topic
SIDE_BY_SIDE = 3
_LAYOUT = joint_layout("ntu25")
_LEVELS = (0.0, 0.5, 1.0)


def seen(points: np.ndarray) -> np.ndarray:
    """Places ``[..., (right, forward, up)]`` as the reader sees them, ``[..., (x, y)]``: right is right."""
    turn, down = math.radians(TURN), math.radians(DOWN)
    right, forward, up = np.moveaxis(np.asarray(points, dtype=np.float64), -1, 0)
    depth = forward * math.cos(turn) - right * math.sin(turn)
    return np.stack(
        [right * math.cos(turn) + forward * math.sin(turn), up * math.cos(down) + depth * math.sin(down)], -1
    )


def plot_drawing(shown: Drawing, ax: Axes | None = None, *, limits: np.ndarray | None = None) -> Axes:
    """A level as a stick body, seen from behind and from its left, so that the reader's right is the body's right.

    The joints that the attribute reads are orange, the start of the motion is pale, paths are thin lines that end in a
    dot. A second person is green.

    Args:
        shown: the drawing.
        ax: where to draw; None makes a figure.
        limits: ``[(x, y) low, (x, y) high]`` of what is seen; by default what this drawing needs.
    """
    axes = style.ensure_axes(ax, width=2.6, height=2.6)
    marked = {_LAYOUT.index(name) for name in shown.marked}
    if shown.ghost is not None:
        for person in shown.joints:
            _body(axes, person[shown.ghost], style.LIGHT, frozenset(), 1.2)
    for person, colour in zip(shown.joints, (style.BLUE, style.GREEN), strict=False):
        for name in shown.traced:
            _trace(axes, seen(person[: shown.shown + 1 or None, _LAYOUT.index(name)]))
        _body(axes, person[shown.shown], colour, frozenset(marked) if colour == style.BLUE else frozenset(), 1.6)
    low, high = seen_limits([shown]) if limits is None else limits
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xticks=[], yticks=[])
    axes.set_aspect("equal")
    axes.spines[:].set_visible(False)
    return axes


def seen_limits(drawings: Sequence[Drawing]) -> np.ndarray:
    """What all of some drawings need, with a margin: ``[(x, y) low, (x, y) high]``."""
    frames = []
    for shown in drawings:
        wanted = [shown.shown, *([] if shown.ghost is None else [shown.ghost])]
        frames.append(seen(shown.joints[:, wanted]).reshape(-1, 2))
        frames += [seen(shown.joints[:, :, _LAYOUT.index(name)]).reshape(-1, 2) for name in shown.traced]
    places = np.concatenate(frames)
    low, high = places.min(0) - np.array([0.12, 0.08]), places.max(0) + np.array([0.12, 0.16])
    short = np.maximum(1.15 - (high - low), 0.0) * [0.5, 0.0]
    return np.stack([low - short, high + short])


def _body(ax: Axes, joints: np.ndarray, colour: str, marked: frozenset[int], width: float) -> None:
    places = seen(joints)
    head = _LAYOUT.index("head")
    for joint, parent in _LAYOUT.bones:
        if joint != head:
            ax.plot(*places[[joint, parent]].T, color=colour, linewidth=width, solid_capstyle="round", zorder=3)
    across = joints[_LAYOUT.index("shoulder_right")] - joints[_LAYOUT.index("shoulder_left")]
    forward = np.array([-across[1], across[0], 0.0])
    nose = seen(joints[head] + np.outer([HEAD * 0.8, HEAD * 0.8 + NOSE], forward / max(np.linalg.norm(forward), 1e-6)))
    ax.plot(*nose.T, color=colour, linewidth=width, solid_capstyle="round", zorder=3)
    face = style.ORANGE if head in marked else "white"
    ax.add_patch(Circle(tuple(places[head]), HEAD, facecolor=face, edgecolor=colour, linewidth=width, zorder=4))
    for joint in marked - {head}:
        ax.plot(*places[joint], "o", color=style.RED, markersize=4.5, zorder=5)


def _trace(ax: Axes, path: np.ndarray) -> None:
    if np.ptp(path, axis=0).max() > 0.02:
        ax.plot(*path.T, color=style.RED, linewidth=0.7, alpha=0.8, zorder=2)
        ax.plot(*path[-1], "o", color=style.RED, markersize=2.5, zorder=5)


def plot_topic(attributes: Sequence[Attribute]) -> Figure:
    """Levels 0, 0.5 and 1 of some attributes, each with the meaning in words below it.

    Raises:
        DataError: there is no attribute.
    """
    if not attributes:
        raise DataError("there is no attribute to draw", where="attributes")
    rows = -(-len(attributes) // SIDE_BY_SIDE)
    fig = style.figure(SIDE_BY_SIDE * 3.3, rows * 2.15)
    fig.set_layout_engine("constrained", w_pad=0.01, h_pad=0.03, wspace=0.0, hspace=0.0)
    blocks = fig.subfigures(rows, SIDE_BY_SIDE, squeeze=False, wspace=0.02, hspace=0.02).ravel()
    for block, attribute in zip(blocks, attributes, strict=False):
        drawings = [drawing(attribute.name, level) for level in _LEVELS]
        limits = seen_limits(drawings)
        block.suptitle(attribute.name, fontsize=style.TICK_SIZE, color=style.INK, fontweight="bold")
        for axes, shown, level in zip(block.subplots(1, 3), drawings, _LEVELS, strict=True):
            plot_drawing(shown, axes, limits=limits)
            words = style.wrap(f"{level:g}: {meaning(attribute, level)}", 19, 3)
            axes.set_xlabel(words, fontsize=style.SMALL_SIZE - 1, color=style.INK, linespacing=1.0)
    return fig


def plot_forms(levels: np.ndarray, names: Sequence[str], attributes: Sequence[Attribute], title: str) -> Figure:
    """Expected levels as a matrix: a row a class, a column an attribute, topics side by side; grey where unknown.

    Args:
        levels: ``[class, attribute]``, NaN where unknown.
        names: of the classes.
        attributes: of the columns, in the order of their topics.
        title: above it.

    Raises:
        DataError: names or attributes do not fit the levels.
    """
    array = np.asarray(levels, dtype=np.float64)
    labels = [style.shorten(name, 34) for name in style.check_names(names, len(array), "class")]
    if array.ndim != 2 or array.shape[1] != len(attributes):
        raise DataError(f"expected {len(attributes)} levels a class, got shape {array.shape}", where="levels")
    fig = style.figure(15.0, 0.155 * len(array) + 2.6)
    axes = fig.add_subplot()
    axes.set_facecolor("#C9C9C9")
    image = axes.imshow(array, cmap="viridis", vmin=0.0, vmax=1.0, aspect="auto", interpolation="nearest")
    axes.set_yticks(range(len(labels)), labels, fontsize=style.SMALL_SIZE)
    axes.set_xticks(range(len(attributes)), [a.name for a in attributes], rotation=90, fontsize=6)
    topics = [a.topic for a in attributes]
    for topic in dict.fromkeys(topics):
        columns = [i for i, other in enumerate(topics) if other == topic]
        axes.axvline(columns[-1] + 0.5, color="white", linewidth=1.5)
        where = (columns[0] + columns[-1]) / 2
        axes.text(where, -0.9, topic, ha="center", va="bottom", fontsize=style.TICK_SIZE, color=style.INK)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize=style.TITLE_SIZE, color=style.INK, loc="left", pad=18)
    bar = fig.colorbar(image, ax=axes, shrink=min(1.0, 12.0 / len(array) + 0.2), pad=0.008, aspect=25)
    bar.set_label("expected level (grey: unknown)", fontsize=style.TICK_SIZE)
    bar.outline.set_visible(False)
    return fig
