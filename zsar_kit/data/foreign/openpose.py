"""Reader of OpenPose's JSON: a folder with a file a frame, a single file, or a clip of Kinetics-skeleton.

OpenPose numbers people anew in each frame, writes (0, 0) with confidence 0 for a key point that it did not find, and
writes a file for each frame of a video, which it names by the frame's number. So two people may change places between
frames without a word, and a number that is missing is a frame that was lost or removed.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
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
    SHARES,
    TRACKED,
    People,
    a_list,
    an_object,
    gathered,
    kind,
    numbers,
    picture,
    read_json,
    recorded,
    stated_unit,
    turned,
)
from zsar_kit.data.joints import layout as joint_layout
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError
from zsar_kit.reprs import counted, listed

FRAME_FILE = re.compile(r"(?P<clip>.*?)_?(?P<number>\d+)_keypoints\.json")
KEY_2D, KEY_3D = "pose_keypoints_2d", "pose_keypoints_3d"
#: the older body model, with which Kinetics-skeleton was made; "neck" has no place in COCO's 17
COCO_18 = (
    "nose", "neck",
    "shoulder_right", "elbow_right", "wrist_right", "shoulder_left", "elbow_left", "wrist_left",
    "hip_right", "knee_right", "ankle_right", "hip_left", "knee_left", "ankle_left",
    "eye_right", "eye_left", "ear_right", "ear_left",
)  # fmt: skip
_LEFT_OUT_NECK = "COCO, 18 key points, in the order of COCO's 17; the neck, which is between the shoulders, is left out"
_AGAIN = "Run OpenPose again with --model_pose BODY_25, or name the points in a layout of your own."


@dataclass(frozen=True)
class _Clip:
    """Frames as read: people with key points, and what holds for all of them."""

    frames: list[People]
    axes: int
    count: int
    first: int
    lost: int
    tracked: bool
    version: str
    normalised: bool = False


def read_openpose(path: str | Path, *, unit: str = "", rate: float = 0.0) -> Recording:
    """The people of a folder of OpenPose's frames, or of one file.

    Args:
        path: a folder with one clip's ``NAME_000000000012_keypoints.json``, a frame each; one such file; a list of
            such frames in one file; or a file of Kinetics-skeleton (18 key points in shares of the picture).
        unit: unit of 3-D key points, which is that of the camera calibration and is not in the file.
        rate: frames a second, which the files do not say.

    Returns:
        25 key points are ``openpose_25``, 18 become ``coco_17``. Three axes if there are 3-D key points, else two.
        A key point of confidence 0 is NaN, as is a frame whose number is missing.

    Raises:
        DataError: the folder holds no frames or several clips; a file is cut short or is nested otherwise; a person
            has another number of key points; nobody is in any frame; 3-D key points without ``unit``.
    """
    path = Path(path)
    clip = _folder(path) if path.is_dir() else _file(path)
    points, confidence = gathered(clip.frames, clip.count, clip.axes, path)
    points[confidence == 0] = np.nan
    if clip.axes == 3:
        metres, unit_said = stated_unit(unit, "OpenPose", path)
        joints = turned(points, metres, CAMERA, path)
    else:
        unit_said = SHARES if clip.normalised else PIXELS
        joints = picture(points, path)
    names, layout, form = joint_layout("openpose_25").joints, "openpose_25", "BODY_25"
    if clip.count == len(COCO_18):
        chosen = [COCO_18.index(joint) for joint in joint_layout("coco_17").joints]
        joints, confidence = joints[:, :, chosen], confidence[:, :, chosen]
        names, layout, form = joint_layout("coco_17").joints, "coco_17", _LEFT_OUT_NECK
    stated = (
        ("format", f"OpenPose JSON, {form}" + (", as Kinetics-skeleton has it" if clip.normalised else "")),
        ("version", clip.version or "not stated"),
        ("unit", unit_said),
        ("axes", CAMERA_SAID if clip.axes == 3 else PICTURE_SAID),
        ("origin", "as the cameras are calibrated" if clip.axes == 3 else "upper left corner of the picture"),
        ("first frame", str(clip.first)),
        ("frames without a file", f"{clip.lost} (nobody is in them)" if clip.lost else "none"),
        ("persons", TRACKED if clip.tracked else ORDER_IS_NOT_IDENTITY),
    )
    return recorded(path, joints, names, stated, layout=layout, confidence=confidence, rate=rate)


def frame_files(folder: Path) -> dict[str, list[tuple[int, Path]]]:
    """Frames of OpenPose in a folder: name of the clip -> frame number and file, in the order of the numbers.

    Raises:
        DataError: two files have one number.
    """
    clips: dict[str, list[tuple[int, Path]]] = {}
    for file in sorted(folder.iterdir()):
        if match := FRAME_FILE.fullmatch(file.name):
            clips.setdefault(match["clip"], []).append((int(match["number"]), file))
    for files in clips.values():
        files.sort()
        for (number, file), (next_number, next_file) in pairwise(files):
            if number == next_number:
                raise DataError(f"{file.name} and {next_file.name} are both frame {number}", where=folder)
    return clips


def _folder(folder: Path) -> _Clip:
    clips = frame_files(folder)
    if not clips:
        remedy = "Frames are called NAME_000000000012_keypoints.json, as OpenPose --write_json does."
        raise DataError("no file of the folder is a frame of OpenPose", where=folder, remedy=remedy)
    if len(clips) > 1:
        problem = f"the folder has frames of {len(clips)} clips: {listed(list(clips))}"
        raise DataError(problem, where=folder, remedy="Give each clip a folder of its own.")
    files = next(iter(clips.values()))
    first, last = files[0][0], files[-1][0]
    if (last - first) > MOST_VALUES // len(COCO_18):
        raise DataError(f"frames {first} to {last} are too many", where=folder)
    raw: list[list[Any]] = [[] for _ in range(last - first + 1)]
    wheres = [str(folder)] * len(raw)
    version = ""
    for number, file in files:
        content = an_object(read_json(file), str(file), "the key 'people'")
        raw[number - first], wheres[number - first] = _people(content, str(file)), str(file)
        version = str(content.get("version", version))
    return _clip(raw, wheres, first=first, lost=len(raw) - len(files), version=version)


def _file(path: Path) -> _Clip:
    content = read_json(path)
    if isinstance(content, dict) and "data" in content:
        return _kinetics(content, path)
    frames = content if isinstance(content, list) else [content]
    wheres = [f"{path}, frame {i}" for i in range(len(frames))]
    objects = [an_object(frame, where, "the key 'people'") for frame, where in zip(frames, wheres, strict=True)]
    raw = [_people(frame, where) for frame, where in zip(objects, wheres, strict=True)]
    version = str(objects[0].get("version", "")) if objects else ""
    return _clip(raw, wheres, first=0, lost=0, version=version)


def _people(frame: Mapping[str, Any], where: str) -> list[Any]:
    if "people" not in frame:
        raise DataError(f"the key 'people' is missing; there is {kind(frame)}", where=where)
    return a_list(frame["people"], f"{where}, key 'people'", "people")


def _clip(raw: Sequence[list[Any]], wheres: Sequence[str], *, first: int, lost: int, version: str) -> _Clip:
    """People of all frames; 3-D key points if anyone has them."""
    people = [
        [an_object(person, f"{where}, person {i}", "key points") for i, person in enumerate(frame)]
        for frame, where in zip(raw, wheres, strict=True)
    ]
    axes = 3 if any(person.get(KEY_3D) for frame in people for person in frame) else 2
    key = KEY_3D if axes == 3 else KEY_2D
    ids = [[_identity(person) for person in frame] for frame in people]
    tracked = all(-1 not in frame and len(set(frame)) == len(frame) for frame in ids) and any(ids)
    frames: list[People] = []
    count = 0
    for frame, identities, where in zip(people, ids, wheres, strict=True):
        found: dict[Hashable, np.ndarray] = {}
        for i, person in enumerate(frame):
            place = f"{where}, person {i}, key {key!r}"
            points = _key_points(person, key, axes, place)
            if points is None:
                continue
            if count and len(points) != count:
                raise DataError(f"{len(points)} key points after {count} in earlier frames", where=place)
            count = len(points)
            found[identities[i] if tracked else i] = points
        frames.append(found)
    return _Clip(frames, axes, count, first=first, lost=lost, tracked=tracked, version=version)


def _identity(person: Mapping[str, Any]) -> int:
    """The person's number where OpenPose tracked people, else -1."""
    value = person.get("person_id", -1)
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    return int(value) if isinstance(value, int | float) and value == value and abs(value) < 2**31 else -1


def _key_points(person: Mapping[str, Any], key: str, axes: int, where: str) -> np.ndarray | None:
    """``[key point, axes + 1]`` of a person; None if he or she has none, as a person of the other number of axes."""
    if key not in person:
        raise DataError(f"the key {key!r} is missing; there is {kind(person)}", where=where)
    flat = numbers(person[key], where)
    if not flat.size:
        return None
    if flat.ndim != 1 or flat.size % (axes + 1):
        raise DataError(f"{axes + 1} numbers a key point are needed, got {flat.size} in all", where=where)
    points = flat.reshape(-1, axes + 1)
    if len(points) not in (25, len(COCO_18)):
        raise DataError(f"{counted(len(points), 'key point')}; 25 or 18 are known", where=where, remedy=_AGAIN)
    return points


def _kinetics(content: Mapping[str, Any], path: Path) -> _Clip:
    """A clip of Kinetics-skeleton: a list of frames with places and scores apart, numbered from 1."""
    rows = a_list(content["data"], f"{path}, key 'data'", "frames")
    numbered: dict[int, People] = {}
    for i, row in enumerate(rows):
        where = f"{path}, frame {i}"
        frame = an_object(row, where, "'frame_index' and 'skeleton'")
        number = frame.get("frame_index")
        if not isinstance(number, int) or number < 0 or number in numbered:
            raise DataError(f"'frame_index' must be a new number from 0, got {kind(number)}", where=where)
        skeletons = a_list(frame.get("skeleton"), f"{where}, key 'skeleton'", "people")
        numbered[number] = {j: _kinetics_person(s, f"{where}, person {j}") for j, s in enumerate(skeletons)}
    if not numbered:
        raise DataError("there is no frame", where=f"{path}, key 'data'")
    first, last = min(numbered), max(numbered)
    if (last - first) > MOST_VALUES // len(COCO_18):
        raise DataError(f"frames {first} to {last} are too many", where=path)
    frames = [numbered.get(i, {}) for i in range(first, last + 1)]
    lost = len(frames) - len(numbered)
    return _Clip(frames, 2, len(COCO_18), first=first, lost=lost, tracked=False, version="", normalised=True)


def _kinetics_person(skeleton: object, where: str) -> np.ndarray:
    person = an_object(skeleton, where, "'pose' and 'score'")
    places = numbers(person.get("pose"), f"{where}, key 'pose'")
    scores = numbers(person.get("score"), f"{where}, key 'score'")
    if places.shape != (2 * len(COCO_18),) or scores.shape != (len(COCO_18),):
        came = f"{places.size} and {scores.size}"
        raise DataError(f"'pose' has 36 numbers and 'score' 18, got {came}", where=where)
    return np.column_stack([places.reshape(-1, 2), scores])
