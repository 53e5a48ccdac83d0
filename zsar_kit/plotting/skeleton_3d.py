"""Skeletons in three dimensions that can be rotated and played: plotly figures."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import plotly.graph_objects as go

from zsar_kit.artefacts import write_atomic
from zsar_kit.data.joints import BODY_PARTS, JointLayout, as_layout
from zsar_kit.errors import ConfigError, DataError
from zsar_kit.plotting import style
from zsar_kit.plotting.skeleton import VERTICAL
from zsar_kit.reprs import figure_markup

PART_COLOURS = dict(
    zip(BODY_PARTS, (style.PURPLE, style.RED, style.ORANGE, style.GREEN, style.BLUE, style.SKY), strict=True)
)
#: line widths: the first person is drawn bold, others thinner
WIDTHS, OPACITIES = (7, 4), (1.0, 0.55)
#: length of the longest axis in plotly's units; smaller is further away
SCALE = 1.5


def animate_skeleton(
    joints: np.ndarray, layout: JointLayout | str, *, title: str, rate: float | int = 30.0, up: str = "y"
) -> go.Figure:
    """A sequence in three dimensions with a play button and a slider over its frames.

    It is seen from the position of the sensor (from the front, for aligned data) and can be rotated with the mouse.
    Each body part has a colour and can be hidden by a click on its name. All axes have one scale.

    Args:
        joints: ``[frame, joint, xyz]`` or ``[person, frame, joint, xyz]`` in metres. A person is hidden in frames where
            all coordinates are zero or one is NaN.
        layout: of the joints, by name or as an object.
        title: above it.
        rate: frames per second during playback.
        up: the vertical axis of the data, ``"y"`` (raw sensors) or ``"z"`` (aligned clips).

    Raises:
        DataError: the shape is not that of the layout, or no frame has a person.
        ConfigError: ``up`` or ``rate`` is out of range.
    """
    if not (math.isfinite(rate) and rate > 0):
        raise ConfigError(f"'rate' must be frames per second above 0, got {rate}", where="animate_skeleton")
    figure = pose_figure(joints, layout, 0, title=title, up=up)
    form = as_layout(layout)
    persons = _scene_coordinates(joints, form, up)
    traces = list(range(len(persons) * len(BODY_PARTS)))
    frames = range(persons.shape[1])
    figure.frames = [
        go.Frame(name=str(t), traces=traces, data=[go.Scatter3d(**xyz) for xyz in _lines(persons[:, t], form)])
        for t in frames
    ]
    figure.update_layout(updatemenus=[_buttons(rate)], sliders=[_slider(len(frames), rate)])
    return figure


def pose_figure(joints: np.ndarray, layout: JointLayout | str, frame: int, *, title: str, up: str = "y") -> go.Figure:
    """One frame of a sequence, with the axes of the whole sequence.

    Args:
        joints: as for :func:`animate_skeleton`.
        layout: of the joints.
        frame: position of the frame.
        title: above it.
        up: the vertical axis of the data.

    Raises:
        DataError: the shape is not that of the layout, no frame has a person, or there is no such frame.
        ConfigError: ``up`` is neither ``"y"`` nor ``"z"``.
    """
    form = as_layout(layout)
    persons = _scene_coordinates(joints, form, up)
    drawn = pose_coordinates(joints, form, frame, up=up)
    depth = "z" if up == "y" else "y"
    # Scene axes are x, depth and height; the tooltip uses the names of the data.
    tip = f"%{{text}}<br>x %{{x:.2f}} m, {depth} %{{y:.2f}} m, {up} %{{z:.2f}} m"
    traces = []
    for k, xyz in enumerate(drawn):
        person, part = divmod(k, len(BODY_PARTS))
        name = f"{BODY_PARTS[part]}, person {person + 1}" if len(persons) > 1 else BODY_PARTS[part]
        traces.append(
            go.Scatter3d(
                **xyz,
                mode="lines+markers",
                name=BODY_PARTS[part],
                legendgroup=BODY_PARTS[part],
                showlegend=person == 0,
                opacity=OPACITIES[min(person, 1)],
                line={"color": PART_COLOURS[BODY_PARTS[part]], "width": WIDTHS[min(person, 1)]},
                marker={"color": PART_COLOURS[BODY_PARTS[part]], "size": 3},
                text=_tips(form, BODY_PARTS[part], name),
                hovertemplate=tip + "<extra></extra>",
            )
        )
    figure = go.Figure(traces)
    figure.update_layout(_layout(persons, title, up))
    return figure


def pose_coordinates(
    joints: np.ndarray, layout: JointLayout | str, frame: int, *, up: str = "y"
) -> list[dict[str, np.ndarray]]:
    """The coordinates of a frame in the traces of :func:`pose_figure`: ``x``, ``y`` and ``z`` of each, in order.

    A trace is a body part of a person: its bones one after the other (joint, parent, gap), NaN in the gaps and where
    the person is absent.

    Args:
        joints: as for :func:`animate_skeleton`.
        layout: of the joints.
        frame: position of the frame.
        up: the vertical axis of the data.

    Raises:
        DataError: the shape is not that of the layout, no frame has a person, or there is no such frame.
    """
    form = as_layout(layout)
    persons = _scene_coordinates(joints, form, up)
    if not 0 <= frame < persons.shape[1]:
        raise DataError(f"frames are 0 to {persons.shape[1] - 1}, got {frame}", where="frame")
    return _lines(persons[:, frame], form)


def save_animation(figure: go.Figure, path: str | Path) -> Path:
    """Write a figure as one HTML page that needs neither a network nor Python; it does not start by itself.

    Args:
        figure: from :func:`animate_skeleton`.
        path: ends in ``.html``.

    Raises:
        ConfigError: the path has another suffix.
    """
    path = Path(path)
    if path.suffix != ".html":
        raise ConfigError(f"expected a path that ends in .html, got {path.name!r}", where="path")
    page = figure.to_html(include_plotlyjs=True, full_html=True, auto_play=False, div_id="skeleton")
    write_atomic(path, page)
    return path


def _bones(layout: JointLayout, part: str) -> list[tuple[int, int]]:
    """Bones whose far joint belongs to the part; a part with the root only has none."""
    return [(joint, parent) for joint, parent in layout.bones if joint in layout.parts[part]]


def _lines(poses: np.ndarray, layout: JointLayout) -> list[dict[str, np.ndarray]]:
    """The coordinates of each trace from those of one frame, ``[person, joint, (x, depth, height)]``."""
    found = []
    for pose in poses:
        for part in BODY_PARTS:
            bones = _bones(layout, part)
            line = np.full((len(bones), 3, 3), np.nan, dtype=np.float32)
            if bones:
                line[:, :2] = pose[np.array(bones)]
            found.append({axis: line.reshape(-1, 3)[:, i] for i, axis in enumerate("xyz")})
    return found


def _tips(layout: JointLayout, part: str, name: str) -> list[str]:
    """The tooltip of each point of a trace."""
    names = [figure_markup(joint) for joint in layout.joints]
    pairs = ((names[joint], names[parent]) for joint, parent in _bones(layout, part))
    return [text for far, near in pairs for text in (f"{far} ({name})", f"{near} ({name})", "")]


def _scene_coordinates(joints: np.ndarray, layout: JointLayout, up: str) -> np.ndarray:
    """``[person, frame, joint, (x, depth, height)]``, absent persons as NaN."""
    array = np.asarray(joints)
    if up not in VERTICAL:
        raise ConfigError(f"'up' must be 'y' or 'z', got {up!r}", where="plotting.skeleton_3d")
    if array.ndim not in (3, 4) or array.shape[-2:] != (len(layout), 3) or not array.size:
        raise DataError(
            f"layout {layout.name!r} needs [frame, {len(layout)}, 3] or [person, frame, {len(layout)}, 3], "
            f"got shape {array.shape}",
            where="joints",
        )
    array = array if array.ndim == 4 else array[None]
    absent = (array == 0).all(axis=(2, 3)) | ~np.isfinite(array).all(axis=(2, 3))
    if absent.all():
        raise DataError("no frame of the sequence has a person (all zeros or NaN)", where="joints")
    oriented = array[..., [0, 2, 1] if up == "y" else [0, 1, 2]].astype(np.float64)
    oriented[absent] = np.nan
    return oriented


def _layout(persons: np.ndarray, title: str, up: str) -> dict:
    """Axes of one scale around everything, and the camera in front of the body."""
    low, high = np.nanmin(persons, axis=(0, 1, 2)), np.nanmax(persons, axis=(0, 1, 2))
    margin = 0.05 * float((high - low).max()) + 1e-3
    low, high = low - margin, high + margin
    # Exchanging y and z mirrors the body; a depth axis that runs backwards mirrors it back. The camera is at the
    # sensor (low depth) in raw data, and in front of an aligned body, which faces towards positive depth.
    ranges = [[low[0], high[0]], [high[1], low[1]] if up == "y" else [low[1], high[1]], [low[2], high[2]]]
    titles = ("x, m", "z, m", "y, m") if up == "y" else ("x, m", "y, m", "z, m")
    size = SCALE * (high - low) / (high - low).max()
    axis = {"backgroundcolor": "white", "gridcolor": style.LIGHT, "color": style.INK, "showspikes": False}
    scene = {
        f"{name}axis": {**axis, "range": [float(v) for v in ends], "title": {"text": text}, "autorange": False}
        for name, ends, text in zip("xyz", ranges, titles, strict=True)
    }
    scene |= {
        "aspectmode": "manual",
        "aspectratio": {name: float(s) for name, s in zip("xyz", size, strict=True)},
        "camera": {"eye": {"x": 0.7, "y": 2.2, "z": 0.45}, "up": {"x": 0, "y": 0, "z": 1}},
        "dragmode": "turntable",
    }
    return {
        "scene": scene,
        # Below plotly's own buttons, which appear at the top right.
        "title": {"text": figure_markup(title), "font": {"size": 15, "color": style.INK}, "y": 0.945, "yanchor": "top"},
        "legend": {"title": {"text": "body part"}, "itemsizing": "constant"},
        "margin": {"l": 0, "r": 0, "t": 72, "b": 0},
        "width": 820,
        "height": 700,
        "paper_bgcolor": "white",
        "uirevision": "skeleton",
    }


def _move(duration: float | int) -> dict:
    """How plotly moves to a frame; three-dimensional scenes need a full redraw."""
    return {
        "frame": {"duration": duration, "redraw": True},
        "transition": {"duration": 0},
        "mode": "immediate",
        "fromcurrent": True,
    }


def _buttons(rate: float | int) -> dict:
    play = {"label": "Play", "method": "animate", "args": [None, _move(1000 / rate)]}
    pause = {"label": "Pause", "method": "animate", "args": [[None], _move(0)]}
    place = {"x": 0.0, "y": 0.0, "xanchor": "left", "yanchor": "top", "pad": {"t": 44, "r": 8}}
    return {"type": "buttons", "direction": "left", "showactive": False, "buttons": [play, pause], **place}


def _slider(frames: int, rate: float | int) -> dict:
    steps = [
        {"label": f"{t / rate:.2f} s", "method": "animate", "args": [[str(t)], _move(0)], "value": str(t)}
        for t in range(frames)
    ]
    place = {"x": 0.2, "len": 0.8, "y": 0.0, "yanchor": "top", "pad": {"t": 36, "b": 8}}
    return {"active": 0, "steps": steps, "currentvalue": {"prefix": "time "}, **place}
