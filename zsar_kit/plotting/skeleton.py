"""Skeletons as drawings: one frame, or a film strip of a sequence, seen from the front."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from zsar_kit.errors import ConfigError, DataError
from zsar_kit.plotting import style

VERTICAL = {"y": 1, "z": 2}
Bones = Sequence[tuple[int, int]]


def plot_skeleton(
    frame: np.ndarray,
    bones: Bones,
    ax: Axes | None = None,
    *,
    highlight: Iterable[int] | None = None,
    up: str = "y",
    color: str = style.BLUE,
) -> Axes:
    """Draw one pose of one or more persons from the front: x to the right, ``up`` upwards.

    Args:
        frame: ``[joint, xyz]`` or ``[person, joint, xyz]`` in metres; a person that is all zeros or has NaN
            is absent and not drawn.
        bones: pairs of joint indices.
        ax: where to draw; None makes a figure.
        highlight: joints to mark in another colour, with the bones between two of them.
        up: the vertical axis of the data, ``"y"`` (raw sensors) or ``"z"`` (aligned clips).
        color: of the first person; a second takes the next colour of the palette.

    Raises:
        DataError: the shape is wrong, or a bone names a joint that does not exist.
        ConfigError: ``up`` is neither ``"y"`` nor ``"z"``.
    """
    persons = _front_view(np.asarray(frame)[..., None, :, :], bones, up)[:, 0]
    axes = style.ensure_axes(ax, width=2.6, height=3.4)
    _draw(axes, persons, bones, frozenset(highlight or ()), color)
    axes.set_aspect("equal")
    style.label_axes(axes, x="x, m", y=f"{up}, m")
    return axes


def plot_film_strip(
    joints: np.ndarray,
    bones: Bones,
    *,
    frames: int = 8,
    highlight: Iterable[int] | None = None,
    title: str | None = None,
    up: str = "y",
    fps: float | int | None = None,
) -> Figure:
    """Draw evenly spaced frames of a sequence side by side, all at one scale.

    Args:
        joints: ``[frame, joint, xyz]`` or ``[person, frame, joint, xyz]`` in metres. Frames without any
            person (all zeros) are padding and skipped.
        bones: pairs of joint indices.
        frames: maximum number of frames shown, including the first and the last.
        highlight: joints to mark, as in :func:`plot_skeleton`.
        title: above the strip.
        up: the vertical axis of the data, ``"y"`` or ``"z"``.
        fps: frames per second; if given, times are shown instead of frame numbers.

    Raises:
        DataError: the shape is wrong, no frame has a person, or a bone names a joint that does not exist.
        ConfigError: ``up`` or ``frames`` is out of range.
    """
    if frames < 1:
        raise ConfigError(f"'frames' must be at least 1, got {frames}", where="plot_film_strip")
    front = _front_view(np.asarray(joints), bones, up)
    real = np.flatnonzero(np.isfinite(front).all(axis=(2, 3)).any(axis=0))
    if not real.size:
        raise DataError("no frame of the sequence has a person (all zeros or NaN)", where="joints")
    shown = real[np.unique(np.linspace(0, len(real) - 1, min(frames, len(real))).round().astype(int))]
    low, high = _limits(front[:, shown])
    width, height = (high - low) / (high - low)[1]
    panel = 2.3
    fig = style.figure(max(len(shown) * max(width, 0.35) * panel + 0.7, 3.0), height * panel + 0.75)
    fig.set_layout_engine("constrained", w_pad=0.0, wspace=0.0)
    grid = np.atleast_1d(fig.subplots(1, len(shown), sharex=True, sharey=True))
    marked = frozenset(highlight or ())
    for axes, index in zip(grid, shown, strict=True):
        _draw(axes, front[:, index], bones, marked, style.BLUE)
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xticks=[])
        axes.set_aspect("equal")
        axes.spines[:].set_visible(False)
        axes.tick_params(left=False, labelleft=False)
        caption = f"{index}" if fps is None else f"{index / fps:.1f} s"
        axes.set_xlabel(caption, fontsize=style.TICK_SIZE, color=style.INK)
    first = grid[0]
    first.spines["left"].set_visible(True)
    first.spines["left"].set_color(style.GREY)
    first.yaxis.set_major_locator(MaxNLocator(4))
    first.tick_params(left=True, labelleft=True, labelsize=style.TICK_SIZE, color=style.GREY)
    first.set_ylabel(f"{up}, m", fontsize=style.LABEL_SIZE, color=style.INK)
    fig.supxlabel("frame" if fps is None else "time", fontsize=style.LABEL_SIZE, color=style.INK)
    if title:
        fig.suptitle(style.wrap(title, int(fig.get_figwidth() * 11), 2), fontsize=style.TITLE_SIZE, color=style.INK)
    return fig


def _front_view(joints: np.ndarray, bones: Bones, up: str) -> np.ndarray:
    """``[person, frame, joint, 2]`` with absent persons as NaN."""
    if up not in VERTICAL:
        raise ConfigError(f"'up' must be 'y' or 'z', got {up!r}", where="plotting.skeleton")
    if joints.ndim not in (3, 4) or joints.shape[-1] != 3 or not joints.size:
        raise DataError(
            f"expected [frame, joint, xyz] or [person, frame, joint, xyz], got shape {joints.shape}",
            where="joints",
        )
    joints = joints if joints.ndim == 4 else joints[None]
    if (top := max((max(pair) for pair in bones), default=0)) >= joints.shape[2]:
        raise DataError(
            f"a bone names joint {top}, but the skeleton has joints 0..{joints.shape[2] - 1}",
            where="bones",
            remedy="Use the bones of the same joint layout.",
        )
    front = joints[..., [0, VERTICAL[up]]].astype(np.float64)
    absent = (joints == 0).all(axis=(2, 3)) | ~np.isfinite(joints).all(axis=(2, 3))
    front[absent] = np.nan
    return front


def _limits(front: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corner of everything shown, with a margin of 4 % of the height."""
    low, high = np.nanmin(front, axis=(0, 1, 2)), np.nanmax(front, axis=(0, 1, 2))
    margin = 0.04 * max(float(high[1] - low[1]), 1e-3)
    return low - margin, high + margin


def _draw(ax: Axes, persons: np.ndarray, bones: Bones, highlight: frozenset[int], color: str) -> None:
    others = [c for c in style.PALETTE if c not in (color, style.RED)]
    for pose, hue in zip(persons, [color, *others], strict=False):
        if not np.isfinite(pose).all():
            continue
        colors = [style.RED if {a, b} <= highlight else hue for a, b in bones]
        lines = LineCollection([pose[[a, b]] for a, b in bones], colors=colors, linewidths=1.8, capstyle="round")
        ax.add_collection(lines)
        dots = [style.RED if i in highlight else hue for i in range(len(pose))]
        ax.scatter(
            pose[:, 0],
            pose[:, 1],
            s=[14 if i in highlight else 5 for i in range(len(pose))],
            c=dots,
            zorder=3,
        )
