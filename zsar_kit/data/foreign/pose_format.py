"""Reader of ``.pose``, the binary format of the library ``pose-format``, through that library.

A file has components (body, face, hands), each with named points. Those of MediaPipe Holistic bring the body twice: as
places in the picture, and as world landmarks, which MediaPipe gives in metres from the hips. The library's own
conversion multiplies x and y of both by the picture's width and height (``findings/pose_world_landmarks.sh``), other
writers leave metres alone, and the file does not say. No joint is five metres from its own hips, so the numbers tell.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zsar_kit.data.foreign.points import (
    CAMERA,
    CAMERA_SAID,
    MOST_VALUES,
    ORDER_IS_NOT_IDENTITY,
    PICTURE_SAID,
    PIXELS,
    picture,
    recorded,
    turned,
)
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError, nearest_name
from zsar_kit.reprs import listed

WORLD = "POSE_WORLD_LANDMARKS"
#: components that are a body, in the order in which they are looked for; else the first of the file is taken
BODIES = (WORLD, "POSE_LANDMARKS", "pose_keypoints_2d", "BODY_25", "BODY_135", "BODY_136", "BODY")
#: metres from the hips that no joint of a person reaches
REACH = 5.0
_AGAIN = "The file may be cut short, or be of another format under this suffix: write it again."
#: what the library raises on files that are cut short or of another format
_BROKEN = (
    struct.error, ValueError, TypeError, IndexError, KeyError, ZeroDivisionError, OverflowError, MemoryError, EOFError,
    NotImplementedError, AttributeError, AssertionError,
)  # fmt: skip
#: names of Halpe's joints in the library that are other words for those of the kit
_OTHER_WORDS = {"head_top": "head", "pelvis": "hip"}


@dataclass(frozen=True)
class _Content:
    """What the library read: points ``[frame, person, point, axis]`` with NaN for masked ones, and its header."""

    version: float
    size: tuple[int, int, int]
    components: tuple[tuple[str, tuple[str, ...], str], ...]
    points: np.ndarray
    confidence: np.ndarray
    rate: float

    def slice_of(self, name: str) -> tuple[slice, tuple[str, ...], str]:
        """Where a component's points are, their names, and the format of one (``"XYZC"``)."""
        start = 0
        for component, names, form in self.components:
            if component == name:
                return slice(start, start + len(names)), names, form
            start += len(names)
        raise KeyError(name)


def read_pose(path: str | Path, *, component: str = "", rate: float = 0.0) -> Recording:
    """One component of a ``.pose`` file.

    Args:
        path: the file.
        component: which one, by its name in the file. By default the world landmarks, in metres; else the body's places
            in the picture; else the first.
        rate: frames a second, in place of the file's.

    Returns:
        Three axes for world landmarks, else the picture's two: a depth in a picture is no length. Masked points, which
        are those of confidence 0, are NaN.

    Raises:
        DataError: the library is missing; the file is cut short or of another format; it has no such component; or
            world landmarks are neither metres nor metres times the picture's size.
    """
    path = Path(path)
    content = _read(path)
    names = [name for name, _, _ in content.components]
    if component and component not in names:
        raise DataError(f"the file has no component {component!r}", where=path, remedy=nearest_name(component, names))
    chosen = component or next((name for name in BODIES if name in names), names[0])
    place, points, form = content.slice_of(chosen)
    axes = len(form) - 1 if form.upper().endswith("C") else len(form)
    if axes < 2 or axes > content.points.shape[-1] or not points:
        problem = f"its points are {form!r} and {len(points)} in number; x, y and a confidence are needed"
        raise DataError(problem, where=f"{path}, component {chosen!r}")
    values = content.points[:, :, place].transpose(1, 0, 2, 3)
    confidence = content.confidence[:, :, place].transpose(1, 0, 2)
    if chosen == WORLD and axes >= 3:
        metres, unit_said = _in_metres(values[..., :3], content.size, path)
        joints, axes_said, origin = turned(metres, 1.0, CAMERA, path), CAMERA_SAID, "the middle of the hips, each frame"
    else:
        joints, axes_said = picture(values[..., :2], path), PICTURE_SAID
        unit_said = PIXELS + ("; the depth is no length and is left out" if axes > 2 else "")
        origin = "upper left corner of the picture"
    others = [name for name in names if name != chosen]
    stated = (
        ("format", f".pose, component {chosen}" + (f"; left out: {listed(others)}" if others else "")),
        ("version", f"{content.version:g}" + (", whose rate is a whole number" if content.version < 0.15 else "")),
        ("picture", f"{content.size[0]} x {content.size[1]}"),
        ("unit", unit_said),
        ("axes", axes_said),
        ("origin", origin),
        ("persons", _persons(content)),
    )
    other = tuple(_OTHER_WORDS.get(name, name) for name in points)
    return recorded(path, joints, other, stated, confidence=confidence, rate=rate or content.rate)


def _persons(content: _Content) -> str:
    if content.version == 0:
        return "the first of each frame: the library reads no other of version 0"
    return ORDER_IS_NOT_IDENTITY if content.points.shape[1] > 1 else "one"


def _in_metres(values: np.ndarray, size: Sequence[int], path: Path) -> tuple[np.ndarray, str]:
    """World landmarks in metres, whether or not x and y were multiplied by the picture's size."""

    def reach(points: np.ndarray) -> float:
        known = np.abs(points[~np.isnan(points).any(axis=-1)])
        return float(known.max()) if known.size else 0.0

    if reach(values) <= REACH:
        return values, "m"
    divided = values / [max(size[0], 1), max(size[1], 1), 1]
    if reach(divided) <= REACH:
        return divided, f"file: m times the picture's size, {size[0]} x {size[1]} (z: m); here divided by it"
    problem = (
        f"world landmarks reach {reach(values):.4g}, and {reach(divided):.4g} once divided by the picture's size "
        f"({size[0]} x {size[1]}): neither is metres from the hips"
    )
    remedy = f"Was the file normalised? Read the picture's points: read_pose(path, component={BODIES[1]!r})."
    raise DataError(problem, where=path, remedy=remedy)


def _library() -> tuple[Any, Any, Any]:
    try:
        from pose_format.numpy import NumPyPoseBody
        from pose_format.pose_header import PoseHeader
        from pose_format.utils.reader import BufferReader
    except ImportError:
        remedy = 'Install it: pip install "zsar_kit[mocap]".'
        raise DataError(".pose files need the library pose-format", remedy=remedy) from None
    return BufferReader, PoseHeader, NumPyPoseBody


def _read(path: Path) -> _Content:
    reader_of, header_of, body_of = _library()
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=path) from None
    if not raw:
        raise DataError("the file is empty", where=path)
    reader: Any = reader_of(raw)
    try:
        header: Any = header_of.read(reader)
        start = reader.read_offset
        components = tuple((c.name, tuple(c.points), c.format) for c in header.components)
        if not components or not any(names for _, names, _ in components):
            raise DataError("the file has no points", where=path, remedy=_AGAIN)
        body: Any = body_of.read(header, reader)
    except _BROKEN as error:
        problem = f"not a complete .pose file: {str(error) or type(error).__name__}"
        raise DataError(problem, where=path, remedy=_AGAIN) from None
    data = np.ma.asarray(body.data)
    if data.ndim != 4 or not data.size or data.size > MOST_VALUES:
        raise DataError(f"its points have the shape {list(data.shape)}", where=path, remedy=_AGAIN)
    _check_length(float(header.version), raw, start, reader.read_offset, len(data), path)
    with np.errstate(invalid="ignore"):  # a signalling NaN in a damaged file
        points = np.where(np.ma.getmaskarray(data), np.nan, data.data.astype(np.float64))
        confidence = np.asarray(body.confidence, dtype=np.float64)
    if np.isinf(points).any() or not np.isfinite(body.fps) or body.fps < 0:
        raise DataError("an infinite number", where=path, remedy=_AGAIN)
    size = (int(header.dimensions.width), int(header.dimensions.height), int(header.dimensions.depth))
    return _Content(float(header.version), size, components, points, confidence, float(body.fps))


def _check_length(version: float, raw: bytes, start: int, end: int, frames: int, path: Path) -> None:
    """Refuse bytes that are left over, and in version 0.1 a file whose frames are not those that it counts.

    Of version 0.1 the library takes as many frames as there are bytes for, since the count has 16 bits only. A file
    that was cut short would be read with confidences for coordinates.
    """
    if end != len(raw):
        raise DataError(f"{len(raw) - end} bytes are left over after the last frame", where=path, remedy=_AGAIN)
    if round(version, 3) == 0.1:
        stored = struct.unpack_from("<HHH", raw, start)[1]
        if stored != frames % 2**16:
            problem = f"the file counts {stored} frames and has bytes for {frames}"
            raise DataError(problem, where=path, remedy=_AGAIN)
