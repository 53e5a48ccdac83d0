"""Reader of C3D, the binary format of marker-based motion capture, through ``ezc3d``.

Four things are settled here, because readers of the format differ in them (``findings/c3d_two_libraries.sh``): an
occluded point (residual -1) is NaN, whatever coordinates are stored with it; frames are numbered from 1, as stored;
the number of frames is the one that the file states, also beyond 65535, where it stands in parameters of its own; and
what a modelling program stores as if it were points (angles, forces, moments, powers) is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from zsar_kit.data.foreign.c3d_blocks import BLOCK, WHOLE, Header, read_header
from zsar_kit.data.foreign.shared import (
    distinct,
    in_metres,
    joints_of_markers,
    metres_of,
    missing_points,
    turn_by_up,
    turn_to_y_up,
)
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError
from zsar_kit.reprs import shortened

#: the most that the header's 16 bits hold; longer files state their frames elsewhere
MOST_IN_HEADER = 65535
#: parameters of POINT that list what is stored like a point and is none
_NO_POINTS = ("ANGLES", "FORCES", "MOMENTS", "POWERS", "SCALARS")


@dataclass(frozen=True)
class _Frames:
    """Which frames a file has.

    Attributes:
        first: number of the first frame, from 1.
        count: as stated; None where the file is too long for its header and states it nowhere else.
        most: how many the file has room for.
    """

    first: int
    count: int | None
    most: int


class _Parameters:
    """Parameters of the file by group and name, in the few forms that are needed here."""

    def __init__(self, content: Any):
        self._groups = cast(Mapping[str, Mapping[str, Any]], content["parameters"])

    def values(self, group: str, name: str) -> list[Any]:
        """The values in a flat list; empty where the file lacks the parameter."""
        value = self._groups.get(group, {}).get(name, {}).get("value", [])
        return list(np.asarray(value).ravel().tolist())

    def text(self, group: str, name: str) -> str:
        return str(next(iter(self.values(group, name)), "")).strip(" \0")

    def texts(self, group: str, name: str) -> list[str]:
        """Texts of NAME, NAME2, NAME3 and so on: a parameter holds at most 255."""
        texts: list[str] = []
        number = 1
        while found := self.values(group, name if number == 1 else f"{name}{number}"):
            texts += [str(text).strip(" \0") for text in found]
            number += 1
        return texts


def read_c3d(
    path: str | Path, *, unit: str = "", up: str = "", joints: Mapping[str, Sequence[str]] | None = None
) -> Recording:
    """The points of a C3D file.

    Args:
        path: the file.
        unit: unit of the coordinates, where POINT:UNITS is missing or wrong; see
            :func:`zsar_kit.data.foreign.shared.metres_of`.
        up: the direction that is up: ``"z"``, ``"y"``, ``"-x"`` and so on. By default POINT:X_SCREEN and Y_SCREEN say
            which directions are right and up; where they are missing, z is taken to be up.
        joints: makes joints of the points; see :func:`zsar_kit.data.foreign.joints_of_markers`.

    Returns:
        One person, with all points of the file under their labels; where several people were captured, their labels
        differ in a prefix (``"A:LASI"``), and ``joints`` picks one. Points without a label are ``point_7`` and so on,
        from 1. ``times`` counts from the first frame of the capture, so that a trimmed clip does not begin at 0.

    Raises:
        DataError: ``ezc3d`` is not installed; the file is broken, cut short, or of another format; it has no points;
            or it does not state its unit.
    """
    header = read_header(path)
    content = _open(path)
    parameters = _Parameters(content)
    frames = _frames(header, parameters)
    points, names, others = _points(content, parameters, frames, path)
    metres, unit_stated = _unit(parameters, unit, path)
    turn, axes_stated = _axes(parameters, up, path)
    rate = float(next(iter(parameters.values("POINT", "RATE")), 0.0))
    if not 0 <= rate < np.inf:
        raise DataError(f"POINT:RATE is {rate:g}", where=path, remedy=WHOLE)
    times = (frames.first - 1 + np.arange(len(points))) / rate if rate else None
    began = f", at {(frames.first - 1) / rate:g} s" if rate else ""
    recording = Recording(
        sample=Path(path).stem,
        joints=in_metres(points, metres, turn, path),
        joint_names=names,
        rate=rate,
        times=times,
        stated=(
            ("format", "C3D"),
            ("unit", unit_stated),
            ("axes", axes_stated),
            ("origin", "the laboratory's"),
            ("rate", f"{rate:g} frames/s (POINT:RATE)" if rate else "not stated"),
            ("first frame", f"{frames.first}, counted from 1{began}"),
            ("frames", f"{len(points)}" + ("" if frames.count else ", up to the end of the file, which does not say")),
            ("missing points", missing_points(points)),
            ("left out", f"{others} that are no points (angles, forces and the like)" if others else "nothing"),
        ),
    )
    return recording if joints is None else joints_of_markers(recording, joints)


def _open(path: str | Path) -> Any:
    try:
        import ezc3d  # of the extra [mocap], and slow to load
    except ImportError:
        remedy = 'Install it: pip install "zsar_kit[mocap]"'
        raise DataError("reading C3D needs the package ezc3d", where=path, remedy=remedy) from None
    reader = cast(Callable[[str], Any], ezc3d.c3d)
    try:
        return reader(str(path))
    except (OSError, ValueError, RuntimeError, IndexError, KeyError, TypeError, OverflowError, MemoryError) as error:
        problem = f"not a complete C3D file: {shortened(error, 100)}"
        raise DataError(problem, where=path, remedy=WHOLE) from None


def _frames(header: Header, parameters: _Parameters) -> _Frames:
    """First frame and number of frames, of the parameters for long files where they are, else of the header."""
    # A negative scale says that numbers are stored in 4 bytes, not in 2.
    width = 4 if float(next(iter(parameters.values("POINT", "SCALE")), -1.0)) < 0 else 2
    most = header.room // (width * (4 * header.points + header.analog))
    start, end = (_long(parameters.values("TRIAL", f"ACTUAL_{name}_FIELD")) for name in ("START", "END"))
    first = start or header.first
    if start and end >= start:
        return _Frames(first, end - start + 1, most)
    if long := _long(parameters.values("POINT", "LONG_FRAMES")):
        return _Frames(first, long, most)
    stated = header.last < MOST_IN_HEADER
    return _Frames(first, header.last - header.first + 1 if stated else None, most)


def _long(values: Sequence[Any]) -> int:
    """A number of one value, or of two words of 16 bits, the low one first; 0 where it is missing."""
    if len(values) == 2:
        return (int(values[0]) & 0xFFFF) | (int(values[1]) & 0xFFFF) << 16
    return int(values[0]) if len(values) == 1 else 0


def _points(
    content: Any, parameters: _Parameters, frames: _Frames, path: str | Path
) -> tuple[np.ndarray, tuple[str, ...], int]:
    """Points ``[frame, point, 3]`` in the file's unit and axes, their names, and how many were no points."""
    read = np.asarray(content["data"]["points"], dtype=np.float64)[:3].transpose(2, 1, 0)
    residuals = np.asarray(content["data"]["meta_points"]["residuals"])[0].T
    count = _read_frames(read, residuals, frames, path)
    labels = parameters.texts("POINT", "LABELS")[: read.shape[1]]
    labels += [""] * (read.shape[1] - len(labels))
    no_points = {label for name in _NO_POINTS for label in parameters.texts("POINT", name) if label}
    kept = [i for i, label in enumerate(labels) if label not in no_points]
    if not kept:
        raise DataError("the file has angles, forces and the like, but no points", where=path)
    points = np.where(residuals[:count, kept, None] < 0, np.nan, read[:count, kept])
    if np.isinf(points).any():
        frame, point, _ = np.argwhere(np.isinf(points))[0]
        problem = f"frame {frames.first + frame}: {labels[kept[point]]!r} is not finite"
        raise DataError(problem, where=path)
    names = distinct([labels[i] or f"point_{i + 1}" for i in kept])
    return points, names, len(labels) - len(kept)


def _read_frames(read: np.ndarray, residuals: np.ndarray, frames: _Frames, path: str | Path) -> int:
    """How many of the frames that were read are the file's.

    The library reads a long file up to its end, where zeros fill the last block; it stops at 65535 frames where the
    file can hold rotations; and it reads what there is of a file that was cut short.
    """
    wanted = frames.most if frames.count is None else frames.count
    if len(read) < wanted:
        verb = "has room for" if frames.count is None else "states"
        problem = f"the file {verb} {wanted} frames, and {len(read)} could be read"
        stopped = len(read) == MOST_IN_HEADER and frames.most > MOST_IN_HEADER
        remedy = "Export the clip in shorter parts." if stopped else WHOLE
        raise DataError(problem, where=path, remedy=remedy)
    if frames.count is not None:
        return frames.count
    # A frame takes at least 8 bytes a point, so the rest of the last block can hold no more than these.
    rest = (BLOCK - 1) // (8 * read.shape[1])
    blank = (np.nan_to_num(read, nan=1.0) == 0).all(axis=(1, 2)) & (residuals == 0).all(axis=1)
    count = len(read)
    while count > len(read) - rest and count > 1 and blank[count - 1]:
        count -= 1
    return count


def _unit(parameters: _Parameters, unit: str, path: str | Path) -> tuple[float, str]:
    found = parameters.text("POINT", "UNITS")
    if unit:
        told = f", the file says {found}" if found else ""
        return metres_of(unit, path), f"{unit}, as asked for{told}"
    if not found:
        problem = "the file does not state its unit (POINT:UNITS)"
        raise DataError(problem, where=path, remedy="Give it: --unit mm, in Python unit='mm'.")
    return metres_of(found, f"{path}, POINT:UNITS"), f"{found}, as the file says"


def _axes(parameters: _Parameters, up: str, path: str | Path) -> tuple[np.ndarray, str]:
    right, above = parameters.text("POINT", "X_SCREEN"), parameters.text("POINT", "Y_SCREEN")
    if up:
        return turn_by_up(up, path), f"{up} up, as asked for"
    if right and above:
        where = f"{path}, POINT:X_SCREEN and Y_SCREEN"
        return turn_to_y_up(right, above, where), f"{right} right, {above} up, as the file says (X_SCREEN, Y_SCREEN)"
    return turn_by_up("z", path), "assumed z up; the file does not say"
