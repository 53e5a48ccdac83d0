"""Why one class is ahead of another: the body where an attribute is read, beside what was measured and expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zsar_kit.errors import DataError
from zsar_kit.plotting import style
from zsar_kit.plotting.skeleton import Bones, plot_skeleton

#: from which side a performer is seen: turned by this from the front, degrees, so that depth shows
TURN = 35.0
#: colours of measured, winner and runner-up
COLOURS = (style.BLUE, style.GREEN, style.ORANGE)
#: levels that the axis of an attribute shows
LOW, HIGH = -0.27, 1.27


@dataclass(frozen=True, eq=False)
class LevelPanel:
    """One attribute to be drawn.

    Attributes:
        title: what is measured.
        pose: ``[person, joint, (right, forward, up)]``, in torso lengths.
        joints: positions of the joints to mark.
        when: the moment in words.
        levels: of measured, winner and runner-up; NaN where a class leaves it open.
        amounts: the same three with their units, as texts.
        meanings: what levels 0, 0.5 and 1 mean.
        names: of the two classes, where they are not those of the other panels.
    """

    title: str
    pose: np.ndarray
    joints: tuple[int, ...]
    when: str
    levels: tuple[float, float, float]
    amounts: tuple[str, str, str]
    meanings: tuple[str, str, str]
    names: tuple[str, str] | None = None


def plot_pose(pose: np.ndarray, bones: Bones, joints: Sequence[int], ax: Axes | None = None) -> Axes:
    """A body in its own axes, seen from the front and a bit from its left, with some joints marked.

    Args:
        pose: ``[person, joint, (right, forward, up)]``.
        bones: pairs of joint positions.
        joints: those to mark.
        ax: where to draw; None makes a figure.
    """
    turn = np.radians(TURN)
    across = -np.cos(turn) * pose[..., 0] + np.sin(turn) * pose[..., 1]
    seen = np.stack([across, np.zeros_like(across), pose[..., 2]], axis=-1)
    axes = plot_skeleton(seen, bones, ax, highlight=joints, up="z", color=style.GREY)
    axes.set(xticks=[], yticks=[], xlabel="", ylabel="")
    axes.spines[:].set_visible(False)
    axes.margins(0.08)
    return axes


def plot_levels(panel: LevelPanel, names: tuple[str, str], ax: Axes | None = None) -> Axes:
    """Measured and expected levels of one attribute as bars from level 0, with their amounts.

    Args:
        panel: the attribute.
        names: of winner and runner-up.
        ax: where to draw; None makes a figure.
    """
    axes = style.ensure_axes(ax, width=4.6, height=1.8)
    rows = ("measured", *(f"{style.shorten(name, 26)} expects" for name in names))
    for y, (level, amount, colour) in enumerate(zip(panel.levels, panel.amounts, COLOURS, strict=True)):
        if np.isnan(level):
            axes.text(0.0, y, "  leaves it open", va="center", fontsize=style.TICK_SIZE, color=style.GREY)
            continue
        axes.barh(y, level, height=0.5, color=colour, zorder=2)
        axes.plot(level, y, "o", markersize=5, color=colour, zorder=3)
        side = "left" if level >= 0 else "right"
        shift = 0.035 if level >= 0 else -0.035
        axes.text(level + shift, y, amount, va="center", ha=side, fontsize=style.TICK_SIZE, color=style.INK)
    axes.spines["left"].set_visible(False)
    axes.tick_params(left=False)
    axes.axvline(0.0, color=style.GREY, linewidth=0.8)
    axes.set_yticks(range(3), rows, fontsize=style.TICK_SIZE)
    axes.invert_yaxis()
    axes.set_xlim(LOW, HIGH + 0.2)
    axes.set_xticks([0.0, 0.5, 1.0], [style.wrap(m, 22, 3) for m in panel.meanings], fontsize=style.SMALL_SIZE)
    style.label_axes(axes, title="")
    axes.set_title(style.wrap(panel.title, 62, 2), fontsize=style.LABEL_SIZE, color=style.INK, loc="left")
    return axes


def plot_explanation(panels: Sequence[LevelPanel], bones: Bones, names: tuple[str, str], title: str) -> Figure:
    """All reasons of one decision, one a row.

    Args:
        panels: the attributes that decided, most important first.
        bones: pairs of joint positions of the poses.
        names: of winner and runner-up; a panel may have its own.
        title: above.

    Raises:
        DataError: there is no reason to draw.
    """
    if not panels:
        raise DataError("there is no attribute to draw", where="panels")
    figure = style.figure(7.4, 2.35 * len(panels) + 0.5)
    grid = figure.subplots(len(panels), 2, width_ratios=[1.0, 2.6], squeeze=False)
    for (left, right), panel in zip(grid, panels, strict=True):
        plot_pose(panel.pose, bones, panel.joints, left)
        left.set_title(panel.when, fontsize=style.TICK_SIZE, color=style.INK)
        plot_levels(panel, panel.names or names, right)
    figure.suptitle(style.wrap(title, 84, 3), fontsize=style.TITLE_SIZE, color=style.INK)
    return figure
