"""What the data doctor found in a clip: the body with the suspect joints marked, and when each finding holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from zsar_kit.data.doctor.findings import Finding
from zsar_kit.data.joints import JointLayout
from zsar_kit.errors import DataError
from zsar_kit.plotting import style

#: the worst is the most conspicuous
SEVERITY_COLOURS = {"refuse": style.RED, "warn": style.ORANGE, "note": style.SKY}
#: A joint farther from the middle of the body than so many times the usual distance is not in the picture.
IN_VIEW = 6.0


def plot_findings(
    joints: np.ndarray,
    layout: JointLayout,
    findings: Iterable[Finding],
    *,
    frame: int | None = None,
    rate: float = 0.0,
    title: str | None = None,
) -> Figure:
    """Draw one frame of a clip from the front, with the joints of its findings marked, beside a time line.

    The line has a row for each check, the worst on top, with a bar over the frames it is about; a finding about the
    whole clip spans all of it, lightly.

    Args:
        joints: ``[person, frame, joint, xyz]`` in metres, best mended: joints that are NaN are not drawn.
        layout: the joint layout.
        findings: about this clip.
        frame: which one to draw; by default one in which most findings with joints hold.
        rate: frames a second, to show times; 0 shows frame numbers.
        title: above it.

    Raises:
        DataError: the shape is wrong, or there is no such frame.
    """
    clip = np.asarray(joints)
    if clip.ndim != 4 or clip.shape[2:] != (len(layout), 3) or not clip.size:
        problem = f"[person, frame, {len(layout)} joints, 3] is needed, got {list(clip.shape)}"
        raise DataError(problem, where="joints")
    found = sorted(findings, key=lambda one: list(SEVERITY_COLOURS).index(one.severity))
    frames = clip.shape[1]
    shown = _telling_frame(found, frames) if frame is None else frame
    if not 0 <= shown < frames:
        raise DataError(f"the clip has frames 0..{frames - 1}, not {shown}", where="frame")
    rows = list(dict.fromkeys(one.check for one in found))
    fig = style.figure(7.2, max(0.32 * len(rows) + 1.1, 3.2))
    body, line = fig.subplots(1, 2, width_ratios=(1.0, 2.2))
    _draw_body(body, clip[:, shown], layout, _marked(found, shown))
    style.label_axes(body, x="x, m", y="y, m", title=_when(shown, rate))
    _draw_line(line, found, rows, frames, shown, rate)
    if title:
        fig.suptitle(style.literal(style.shorten(title, 80)), fontsize=style.TITLE_SIZE, color=style.INK)
    return fig


def _when(frame: int, rate: float) -> str:
    return f"{frame / rate:.2f} s" if rate > 0 else f"frame {frame}"


def _holds(finding: Finding, frame: int) -> bool:
    return not finding.frames or frame in finding.frames


def _telling_frame(findings: Sequence[Finding], frames: int) -> int:
    """The first frame in which most findings hold; those that name joints count more."""
    weight = np.zeros(frames)
    for one in findings:
        at = [frame for frame in one.frames if 0 <= frame < frames]
        weight[at] += 2.0 if one.joints else 1.0
    return int(weight.argmax())


def _marked(findings: Sequence[Finding], frame: int) -> dict[int, str]:
    """Joint to the colour of its worst finding in that frame."""
    marked: dict[int, str] = {}
    for one in findings:
        if one.joints and _holds(one, frame):
            for joint in one.joints:
                marked.setdefault(joint, SEVERITY_COLOURS[one.severity])
    return marked


def _draw_body(ax: Axes, poses: np.ndarray, layout: JointLayout, marked: dict[int, str]) -> None:
    ax = style.ensure_axes(ax, width=2.6, height=3.4)
    for pose, hue in zip(poses[..., :2].astype(np.float64), (style.BLUE, style.GREEN, style.PURPLE), strict=False):
        if not np.isfinite(pose).any() or not np.nan_to_num(pose).any():
            continue
        lines = [pose[[a, b]] for a, b in layout.bones if np.isfinite(pose[[a, b]]).all()]
        ax.add_collection(LineCollection(lines, colors=hue, linewidths=1.6, capstyle="round"))
        ax.scatter(pose[:, 0], pose[:, 1], s=5, c=hue, zorder=3)
        for joint, colour in marked.items():
            ax.scatter(*pose[joint], s=70, facecolors="none", edgecolors=colour, linewidths=1.8, zorder=4)
    points = poses[..., :2][np.isfinite(poses).all(axis=-1) & (poses != 0).any(axis=-1)].astype(np.float64)
    if len(points):
        middle = np.median(points, axis=0)
        reach = np.abs(points - middle).max(axis=1)
        half = 1.15 * max(reach[reach <= IN_VIEW * np.median(reach)].max(), 1e-6)
        ax.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half, middle[1] + half))
        for point in points[reach > half]:
            # Off the picture: an arrow at its edge.
            way = (point - middle) / np.abs(point - middle).max()
            end, start = middle + 0.97 * half * way, middle + 0.8 * half * way
            ax.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": style.RED, "linewidth": 1.6})
    ax.set_aspect("equal")


def _draw_line(
    ax: Axes, findings: Sequence[Finding], rows: Sequence[str], frames: int, shown: int, rate: float
) -> None:
    ax = style.ensure_axes(ax, width=4.6, height=3.2)
    scale = 1 / rate if rate > 0 else 1.0
    for one in findings:
        row, colour = rows.index(one.check), SEVERITY_COLOURS[one.severity]
        bars = [((frame - 0.5) * scale, scale) for frame in one.frames] or [(-0.5 * scale, frames * scale)]
        ax.broken_barh(bars, (row - 0.3, 0.6), facecolors=colour, alpha=1.0 if one.frames else 0.25)
    ax.axvline(shown * scale, color=style.INK, linewidth=0.8, linestyle=":")
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set(xlim=(-0.5 * scale, (frames - 0.5) * scale), ylim=(max(len(rows), 1) - 0.5, -0.5))
    ax.tick_params(axis="y", length=0)
    if rate <= 0:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    style.label_axes(ax, x="time, s" if rate > 0 else "frame")
    severities = [s for s in SEVERITY_COLOURS if any(one.severity == s for one in findings)]
    handles = [Line2D([], [], color=SEVERITY_COLOURS[s], linewidth=6, label=s) for s in severities]
    if handles:
        place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": len(handles), "borderaxespad": 0.2}
        ax.legend(handles=handles, fontsize=style.TICK_SIZE, frameon=False, **place)
    else:
        ax.text(0.5, 0.5, "nothing wrong found", transform=ax.transAxes, ha="center", color=style.INK)
