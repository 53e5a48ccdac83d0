"""What readers of motion capture share: units, axes, names, and joints made of markers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, Float32

from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError, nearest_name
from zsar_kit.reprs import listed

Stated = tuple[tuple[str, str], ...]

#: metres of each unit, by its names in files
METRES = MappingProxyType(
    {name: 1.0 for name in ("m", "meter", "meters", "metre", "metres")}
    | {name: 0.01 for name in ("cm", "centimeter", "centimeters", "centimetre", "centimetres")}
    | {name: 0.001 for name in ("mm", "millimeter", "millimeters", "millimetre", "millimetres")}
    | {name: 0.0254 for name in ("in", "inch", "inches")}
    | {name: 0.3048 for name in ("ft", "foot", "feet")}
)
#: direction that is up in a file -> the file's directions that become x, to the right, and y, up
AXES = MappingProxyType(
    {
        "x": ("-Y", "+X"),
        "y": ("+X", "+Y"),
        "z": ("+X", "+Z"),
        "-x": ("+Y", "-X"),
        "-y": ("+X", "-Y"),
        "-z": ("+X", "-Z"),
    }
)


def metres_of(unit: str, where: str | Path) -> float:
    """Length of a unit in metres.

    Args:
        unit: m, cm, mm, in or ft, also written out and in capitals; or the number of metres itself, as ``"0.0254"``.
        where: the file, for the message.

    Raises:
        DataError: not a unit.
    """
    name = unit.strip().casefold()
    if name in METRES:
        return METRES[name]
    try:
        length = float(name)
    except ValueError:
        length = math.nan
    if not 0 < length < math.inf:
        remedy = "Give one of m, cm, mm, in, ft, or the metres of a unit, as 0.0254 (--unit, in Python unit=)."
        raise DataError(f"{unit!r} is not a unit of length", where=where, remedy=remedy)
    return length


def turn_to_y_up(right: str, up: str, where: str | Path) -> Float[np.ndarray, "3 3"]:
    """The rotation ``R`` by which ``points @ R.T`` has x to the right, y up and z so that nothing is mirrored.

    Args:
        right, up: directions of the file, a sign and an axis: ``"+X"``, ``"-Z"``, ``"y"``.
        where: the file, for the message.

    Raises:
        DataError: not a direction, or both along one axis.
    """
    rows: list[np.ndarray] = []
    for direction in (right, up):
        sign, axis = (-1.0, direction[1:]) if direction.startswith("-") else (1.0, direction.removeprefix("+"))
        if axis.casefold() not in ("x", "y", "z"):
            remedy = "Directions are +X, -X, +Y, -Y, +Z, -Z."
            raise DataError(f"{direction!r} is not a direction", where=where, remedy=remedy)
        rows.append(sign * np.eye(3)["xyz".index(axis.casefold())])
    if rows[0] @ rows[1]:
        problem = f"right ({right}) and up ({up}) are along one axis"
        raise DataError(problem, where=where, remedy="Say which direction is up: --up z, in Python up='z'.")
    return np.stack([rows[0], rows[1], np.cross(rows[0], rows[1])])


def turn_by_up(up: str, where: str | Path) -> Float[np.ndarray, "3 3"]:
    """:func:`turn_to_y_up` where only the direction that is up is known; x stays x wherever it is not up itself.

    Raises:
        DataError: not a direction.
    """
    name = up.casefold().removeprefix("+")
    if name not in AXES:
        raise DataError(f"{up!r} is not a direction", where=where, remedy=f"Give one of {', '.join(AXES)}.")
    return turn_to_y_up(*AXES[name], where)


def in_metres(
    points: Float[np.ndarray, "frame point 3"], metres: float, turn: Float[np.ndarray, "3 3"], where: str | Path
) -> Float32[np.ndarray, "1 frame point 3"]:
    """Points of one person in a file's unit and axes, as a recording has them.

    Args:
        points: finite, or NaN where a point was not found.
        metres: length of the file's unit.
        turn: of :func:`turn_to_y_up`.
        where: the file, for the message.

    Raises:
        DataError: a coordinate is too large for float32.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        turned = np.ascontiguousarray(((points * metres) @ turn.T)[None], dtype=np.float32)
    # An infinite coordinate makes NaN of its fellows when it is turned, so the points are compared as wholes.
    if (np.isnan(turned).any(axis=-1) != np.isnan(points).any(axis=-1)).any() or np.isinf(turned).any():
        raise DataError("a coordinate is too large", where=where, remedy="Is the unit right?")
    return turned


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names, each once: a second ``"A"`` is ``"A (2)"``."""
    seen: set[str] = set()
    result: list[str] = []
    for name in names:
        unique, number = name, 1
        while unique in seen:
            number += 1
            unique = f"{name} ({number})"
        seen.add(unique)
        result.append(unique)
    return tuple(result)


def missing_points(points: np.ndarray) -> str:
    """How many points ``[..., 3]`` are NaN, of how many, for people."""
    missing = int(np.isnan(points).any(axis=-1).sum())
    return f"{missing} of {points[..., 0].size} (NaN here)" if missing else "none"


def read_text(path: str | Path) -> str:
    """The text of a file, in UTF-8 or else in Latin-1, with line feeds only.

    Raises:
        DataError: the file is empty, is not text, or cannot be read.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=path) from None
    if not content.strip():
        raise DataError("the file is empty", where=path)
    if b"\0" in content:
        raise DataError("the file is not text", where=path, remedy="Is it of another format under this suffix?")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def joints_of_markers(recording: Recording, mapping: Mapping[str, Sequence[str]], *, whole: bool = False) -> Recording:
    """Joints made of markers: each the mean of the markers named for it.

    Markers sit on the skin, so that a joint between two of them needs both sides: ``{"knee_left": ["LKNE", "LKNM"]}``.
    With the names of a layout, :meth:`Recording.in_layout` then makes it that layout.

    Args:
        recording: with markers as its points.
        mapping: name of a joint -> names of its markers, at least one.
        whole: a joint is there only where all its markers are. By default it is the mean of those that are there,
            which moves towards them while one is missing; how often that happens is in ``stated``.

    Returns:
        The joints in the order of the mapping; NaN where none of a joint's markers was found. A joint's confidence is
        the least of its markers'.

    Raises:
        DataError: no mapping, a joint without a marker, or a marker that the recording lacks.
    """
    if not mapping:
        raise DataError("no joint is named", where="argument 'joints'", remedy="Give {joint: [marker, ...]}.")
    points: list[np.ndarray] = []
    sureness: list[np.ndarray] = []
    partial = 0
    for joint, markers in mapping.items():
        chosen = _marker_indices(recording, joint, markers)
        group = recording.joints[:, :, chosen].astype(np.float64)
        there = ~np.isnan(group).any(axis=-1, keepdims=True)
        found = there.sum(axis=2)
        partial += int(((found > 0) & (found < len(chosen))).sum())
        least = len(chosen) if whole else 1
        mean = np.where(there, group, 0).sum(axis=2) / np.maximum(found, 1)
        points.append(np.where(found >= least, mean, np.nan))
        if recording.confidence is not None:
            sureness.append(recording.confidence[:, :, chosen].min(axis=2))
    term = "left out" if whole else "means of those that are there"
    stated = (
        *recording.stated,
        ("joints", f"{len(mapping)} made of {len(recording.joint_names)} markers"),
        ("joints with some markers missing", f"{partial} ({term})" if partial else "none"),
    )
    return replace(
        recording,
        joints=np.stack(points, axis=2).astype(np.float32),
        joint_names=tuple(mapping),
        layout="",
        confidence=np.stack(sureness, axis=2) if sureness else None,
        stated=stated,
    )


def _marker_indices(recording: Recording, joint: str, markers: Sequence[str]) -> list[int]:
    where = f"argument 'joints', joint {joint!r}"
    if isinstance(markers, str) or not markers:
        raise DataError(f"a list of markers is needed, got {markers!r}", where=where)
    for marker in markers:
        if marker not in recording.joint_names:
            advice = nearest_name(marker, recording.joint_names)
            if advice.startswith("Known"):
                advice = f"It has {listed(recording.joint_names)}."
            raise DataError(f"{recording.sample!r} has no marker {marker!r}", where=where, remedy=advice)
    return [recording.joint_names.index(marker) for marker in markers]
