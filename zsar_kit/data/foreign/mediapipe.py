"""Reader of MediaPipe Pose's landmarks, as people save them: JSON, CSV, or arrays of NumPy.

MediaPipe has two kinds of 33 landmarks. World landmarks are metres from the middle of the hips. Picture landmarks are
shares of the picture's width and height with a depth of no fixed unit, so that only two of their coordinates mean
something here. There is no file format for either; the common forms are known, and where a file does not say which kind
it holds, the hips tell: of world landmarks their middle is the origin.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zsar_kit.data.foreign.points import (
    CAMERA,
    MOST_VALUES,
    ORDER_IS_NOT_IDENTITY,
    PICTURE_SAID,
    SHARES,
    People,
    a_list,
    gathered,
    kind,
    numbers,
    picture,
    read_json,
    recorded,
    turned,
)
from zsar_kit.data.foreign.tables import csv_rows, number
from zsar_kit.data.joints import layout as joint_layout
from zsar_kit.data.joints import plain_joint_name
from zsar_kit.data.readers.clips import BROKEN_ARRAYS
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError
from zsar_kit.reprs import described, listed

LAYOUT, COUNT = "mediapipe_33", 33
WORLD_KEYS = ("poseWorldLandmarks", "pose_world_landmarks", "worldLandmarks", "world_landmarks")
PICTURE_KEYS = ("poseLandmarks", "pose_landmarks", "landmarks", "keypoints")
FRAME_KEYS = ("frames", "data", "results")
#: metres along each axis within which the middle of the hips of world landmarks lies from the origin
HIPS_NEAR = 0.05
WORLD_AXES_SAID = (
    "file: x right, y down, z away from the camera; here a half turn about x (y and z negated): y up, z towards it"
)
#: columns with the axis before the landmark and behind it
_COLUMNS = (
    re.compile(r"(?P<axis>visibility|vis|[xyzv])[_.\s-]?(?P<joint>.+)"),
    re.compile(r"(?P<joint>.+?)[_.\s-]?(?P<axis>visibility|vis|[xyzv])"),
)
_AXES = {"x": 0, "y": 1, "z": 2, "v": 3, "vis": 3, "visibility": 3}
_WORLD_REMEDY = (
    "Save the world landmarks (pose_world_landmarks), or read these as 2-D: --format mediapipe_2d, in Python "
    "format='mediapipe_2d' or read_mediapipe(path, flat=True)."
)


@dataclass(frozen=True)
class _Clip:
    """Landmarks ``[frame, 33, x y z visibility]`` of each person, and what was said about them."""

    frames: list[People]
    form: str
    world: bool | None


def read_mediapipe(path: str | Path, *, rate: float = 0.0, flat: bool = False) -> Recording:
    """World landmarks of MediaPipe Pose, or, if asked for, the picture's.

    Args:
        path: a ``.json`` file with a list of frames, each 33 landmarks (objects with x, y, z and visibility, or lists
            of 3 or 4 numbers), a list of people with such, nothing, or an object with ``pose_world_landmarks`` or
            ``poseWorldLandmarks``; a ``.csv`` file with a row a frame and columns such as ``x0, y0, z0, v0``,
            ``nose_x`` or ``x_nose``; or a ``.npz`` or ``.npy`` file with an array ``[frame, 33, 3 or 4]``, or with an
            axis for persons in front.
        rate: frames a second, which the file does not say.
        flat: read the picture's landmarks, in 2-D. Without it they are refused, since they are not metres.

    Returns:
        Layout ``mediapipe_33``; visibility is the confidence. Metres from the middle of the hips, which therefore do
        not move: where the body is in the room is not in the file.

    Raises:
        DataError: a broken file, other than 33 landmarks, or landmarks of the other kind than was asked for.
    """
    path = Path(path)
    form = path.suffix.casefold()
    clip = _arrays(path) if form in (".npz", ".npy") else _csv(path) if form == ".csv" else _json(path, flat)
    points, visibility = gathered(clip.frames, COUNT, 3, path)
    world = _hips_are_origin(points) if clip.world is None else clip.world
    told = "by the file's own name for them" if clip.world is not None else "by the hips: the file does not say"
    if not flat:
        _check_world(points, world, path)
        joints = turned(points, 1.0, CAMERA, path)
    elif world:
        problem = "these are world landmarks, in metres from the hips, not places in the picture"
        remedy = "Leave out --format mediapipe_2d, in Python format='mediapipe_2d' or flat=True."
        raise DataError(problem, where=path, remedy=remedy)
    else:
        joints = picture(points[..., :2], path)
    stated = (
        ("format", f"MediaPipe Pose, {clip.form}"),
        ("landmarks", f"of the {'picture' if flat else 'world'}, {told}"),
        ("unit", SHARES if flat else "m, as MediaPipe defines them"),
        ("axes", PICTURE_SAID if flat else WORLD_AXES_SAID),
        ("origin", "upper left corner of the picture" if flat else "the middle of the hips in each frame"),
        ("persons", ORDER_IS_NOT_IDENTITY if len(joints) > 1 else "one"),
    )
    names = joint_layout(LAYOUT).joints
    return recorded(path, joints, names, stated, layout=LAYOUT, confidence=visibility, rate=rate)


def _hips_are_origin(points: np.ndarray) -> bool:
    layout = joint_layout(LAYOUT)
    middle = points[:, :, [layout.index("hip_left"), layout.index("hip_right")]].mean(axis=2)
    off = np.abs(middle[~np.isnan(middle).any(axis=-1)]).max(axis=-1)
    return bool(off.size) and float(np.median(off)) < HIPS_NEAR


def _check_world(points: np.ndarray, world: bool, path: Path) -> None:
    if not world:
        problem = (
            "these are places in the picture (shares of its width and height), whose depth is no length, so they "
            "are 2-D; three-dimensional ones have the middle of the hips as their origin"
        )
        raise DataError(problem, where=path, remedy=_WORLD_REMEDY)
    if not _hips_are_origin(points):
        problem = "they are called world landmarks, but the middle of the hips is not their origin"
        raise DataError(problem, where=path, remedy=f"Were they moved, scaled, or mistaken? {_WORLD_REMEDY}")


# --- JSON


def _json(path: Path, flat: bool) -> _Clip:
    content = read_json(path)
    if isinstance(content, dict):
        for key in FRAME_KEYS:
            if isinstance(content.get(key), list):
                content = content[key]
                break
        else:
            content = _from_columns(content, path, flat)
    rows = a_list(content, str(path), "frames")
    if len(rows) == COUNT and _is_landmark(rows[0]):
        rows = [rows]  # one frame
    frames: list[People] = []
    kinds: set[bool | None] = set()
    for i, row in enumerate(rows):
        where = f"{path}, frame {i}"
        landmarks, world = _landmarks_of(row, where, flat)
        kinds |= {world} if landmarks else set()
        frames.append({j: _person(person, w) for j, person, w in _people(landmarks, where)})
    if len(kinds) > 1:
        raise DataError("some frames have world landmarks and some the picture's", where=path, remedy=_WORLD_REMEDY)
    return _Clip(frames, "JSON", next(iter(kinds), None))


def _from_columns(content: dict[str, Any], path: Path, flat: bool) -> Any:
    """An object of the whole clip under a key, or of one frame."""
    key = _chosen_key(content, flat)
    if key is None:
        raise DataError(f"no landmarks here, but {kind(content)}", where=path, remedy=f"Known: {listed(WORLD_KEYS)}.")
    value = content[key]
    first = next((v for v in value if v), None) if isinstance(value, list) else None
    is_clip = isinstance(first, list) and not _is_landmark(first)
    # One frame of several people and a clip look alike: a clip is taken, which then has a person a frame.
    return [{key: frame} for frame in value] if is_clip else [content]


def _chosen_key(content: dict[str, Any], flat: bool) -> str | None:
    """World landmarks before the picture's, the other way round if those are asked for."""
    keys = (*PICTURE_KEYS, *WORLD_KEYS) if flat else (*WORLD_KEYS, *PICTURE_KEYS)
    return next((key for key in keys if key in content), None)


def _landmarks_of(row: object, where: str, flat: bool) -> tuple[list[Any], bool | None]:
    """The landmarks of a frame, and whether they are called world landmarks (None: not called anything)."""
    world: bool | None = None
    while isinstance(row, dict):
        key = _chosen_key(row, flat)
        if key is None and "landmark" in row:  # as protocol buffers are printed
            key = "landmark"
        if key is None:
            problem = f"no landmarks here, but {kind(row)}"
            raise DataError(problem, where=where, remedy=f"Known keys: {listed(WORLD_KEYS)}.")
        if key != "landmark" and not (world and key == "landmarks"):
            world = key in WORLD_KEYS
        row, where = row[key], f"{where}, key {key!r}"
    return ([] if row is None else a_list(row, where, "landmarks")), world


def _is_landmark(value: object) -> bool:
    if isinstance(value, dict):
        return "x" in value
    return isinstance(value, list) and bool(value) and isinstance(value[0], int | float)


def _people(landmarks: list[Any], where: str) -> list[tuple[int, list[Any], str]]:
    if not landmarks or _is_landmark(landmarks[0]):
        return [(0, landmarks, where)] if landmarks else []
    people: list[tuple[int, list[Any], str]] = []
    for j, person in enumerate(landmarks):
        place = f"{where}, person {j}"
        if isinstance(person, dict):
            person = _landmarks_of(person, place, False)[0]
        people.append((j, a_list(person, place, "landmarks"), place))
    return [(j, person, place) for j, person, place in people if person]


def _person(landmarks: list[Any], where: str) -> np.ndarray:
    if len(landmarks) != COUNT:
        problem = f"{COUNT} landmarks of MediaPipe are needed, got {len(landmarks)}"
        remedy = "Are they other joints, [frame, joint, xyz]? Save them as an array: np.save('clip.npy', array)."
        raise DataError(problem, where=where, remedy=remedy)
    rows: list[list[Any]] = []
    for i, landmark in enumerate(landmarks):
        if isinstance(landmark, dict):
            if lacking := [axis for axis in "xyz" if axis not in landmark]:
                raise DataError(f"{lacking[0]!r} is missing", where=f"{where}, landmark {i}")
            rows.append([*(landmark[axis] for axis in "xyz"), landmark.get("visibility")])
        else:
            values = a_list(landmark, f"{where}, landmark {i}", "x, y, z and visibility")
            if len(values) not in (3, 4):
                raise DataError(f"3 or 4 numbers are needed, got {len(values)}", where=f"{where}, landmark {i}")
            rows.append(values if len(values) == 4 else [*values, None])
    return numbers(rows, where)


# --- CSV


def _csv(path: Path) -> _Clip:
    (_, header), *rows = csv_rows(path)
    places = _columns(header, path)
    frames: list[People] = []
    for line, cells in rows:
        landmarks = np.full((COUNT, 4), np.nan)
        for column, (joint, axis) in places.items():
            landmarks[joint, axis] = number(cells[column], f"{path}, line {line}, column {header[column].strip()!r}")
        frames.append({} if np.isnan(landmarks[:, :3]).all() else {0: landmarks})
    world = True if any("world" in cell.casefold() for cell in header) else None
    return _Clip(frames, "CSV", world)


def has_landmark_columns(header: Sequence[str]) -> bool:
    """Whether the columns of a table are those of 33 landmarks."""
    try:
        return bool(_columns(header, Path("table")))
    except DataError:
        return False


def _columns(header: Sequence[str], path: Path) -> dict[int, tuple[int, int]]:
    """Column -> landmark and axis; columns of something else, such as a time or a label, are passed over."""
    named = {plain_joint_name(joint): i for i, joint in enumerate(joint_layout(LAYOUT).joints)}
    found: dict[int, tuple[str, int]] = {}
    for i, cell in enumerate(header):
        plain = cell.strip().casefold().replace("world", "").replace("landmark", "").strip("_. -")
        for match in filter(None, (pattern.fullmatch(plain) for pattern in _COLUMNS)):
            joint = match["joint"].strip("_. -")
            if joint.isdecimal() or plain_joint_name(joint) in named:
                found[i] = (joint, _AXES[match["axis"]])
    # Some number the landmarks from 0 and some from 1.
    counted = sorted({int(joint) for joint, _ in found.values() if joint.isdecimal()})
    start = 1 if counted and counted[0] == 1 and counted[-1] == COUNT else 0
    placed = {
        i: (int(joint) - start if joint.isdecimal() else named[plain_joint_name(joint)], axis)
        for i, (joint, axis) in found.items()
    }
    there = set(placed.values())
    lacking = [(j, axis) for j in range(COUNT) for axis in range(3) if (j, axis) not in there]
    if lacking or len(there) != len(placed) or any(j >= COUNT for j, _ in there):
        joint, axis = lacking[0] if lacking else (0, 0)
        named_joint = f"{joint} ({joint_layout(LAYOUT).joints[joint]})"
        problem = f"no single column has {'xyz'[axis]} of landmark {named_joint}; there are {listed(header)}"
        remedy = "Columns are called x0, y0, z0, v0 and so on, or nose_x, nose_y, nose_z, nose_visibility."
        raise DataError(problem, where=f"{path}, header", remedy=remedy)
    return placed


# --- arrays


def _arrays(path: Path) -> _Clip:
    try:
        with path.open("rb") as file:
            content: Any = np.load(file, allow_pickle=False)
            key = "" if isinstance(content, np.ndarray) else _array_key(content.files, path)
            array = content[key] if key else content
    except (ValueError, *BROKEN_ARRAYS) as error:
        pickled = "allow_pickle" in str(error)  # NumPy says so of any file that is not an array
        problem = "not a plain array file; pickles are never read" if pickled else f"not a complete file: {error}"
        raise DataError(problem, where=path, remedy="Save it again with np.savez.") from None
    where = f"{path}, array {key!r}" if key else str(path)
    came = described(array)
    array = array[None] if array.ndim == 3 else array
    if array.dtype.kind not in "fiu" or array.ndim != 4 or array.shape[2] != COUNT or array.shape[3] not in (3, 4):
        problem = "MediaPipe has numbers [frame, 33, 3 or 4] or [person, frame, 33, 3 or 4]"
        remedy = "If these are other joints: --format array, in Python format='array'."
        raise DataError(f"{problem}, got {came}", where=where, remedy=remedy)
    if array.size > MOST_VALUES or not array.size:
        raise DataError(f"{array.size} numbers; 1 to {MOST_VALUES} are read", where=where)
    array = array.astype(np.float64)
    if np.isinf(array).any():
        raise DataError("an infinite number", where=where)
    full: np.ndarray = np.full((*array.shape[:3], 4), np.nan)
    full[..., : array.shape[3]] = array
    world = key in WORLD_KEYS or (None if key not in PICTURE_KEYS else False)
    frames: list[People] = [
        {j: full[j, i] for j in range(len(full)) if not np.isnan(full[j, i, :, :3]).all()} for i in range(full.shape[1])
    ]
    return _Clip(frames, "array", world)


def _array_key(keys: Sequence[str], path: Path) -> str:
    for key in (*WORLD_KEYS, *PICTURE_KEYS):
        if key in keys:
            return key
    if len(keys) != 1:
        problem = f"which array holds the landmarks? There are {listed(keys) or 'none'}"
        raise DataError(problem, where=path, remedy=f"Call it {WORLD_KEYS[1]!r}.")
    return keys[0]
