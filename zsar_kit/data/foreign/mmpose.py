"""Reader of the predictions that MMPose's inferencers write as JSON.

A video gives a list of frames with ``instances``, in recent versions under ``instance_info`` beside ``meta_info``; a
picture gives the list of instances alone. Nobody is tracked in them. Key points of the 3-D inferencer are its lifting
network's camera coordinates after it exchanged y and z and negated x and z: z is up, and what is left and right of the
camera's view is mirrored, for that is no rotation. It is undone here. Unless told otherwise, the inferencer also puts
the lowest key point of each frame at height 0, so that a jump is not in the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zsar_kit.data.foreign.points import (
    ORDER_IS_NOT_IDENTITY,
    PICTURE_SAID,
    PIXELS,
    TRACKED,
    People,
    a_list,
    an_object,
    gathered,
    kind,
    layout_by_count,
    numbers,
    picture,
    read_json,
    recorded,
    spread,
    stated_unit,
    turned,
)
from zsar_kit.data.joints import layout_of_names
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError, nearest_name

#: undoes the inferencer's exchange: camera (x right, y down, z away) was written as (-x, z, -y)
UNDO = np.array([[-1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
_AXES_SAID = (
    "file: as the 3-D inferencer writes them, z up and mirrored; here the mirroring is undone: x right, y up, "
    "z towards the camera"
)
_GROUND_SAID = "the file's lowest key point of each frame is at height 0, so jumps are lost: disable_rebase_keypoint"
#: names of Human3.6M's joints in MMPose that are other words for those of the kit
_OTHER_WORDS = {"root": "hip", "right_foot": "ankle_right", "left_foot": "ankle_left", "neck_base": "nose"}


@dataclass(frozen=True)
class _Clip:
    frames: list[People]
    numbers: list[int]
    axes: int
    count: int
    tracked: bool


def read_mmpose(path: str | Path, *, unit: str = "", rate: float = 0.0, layout: str = "") -> Recording:
    """The people of a file of predictions.

    Args:
        path: the JSON file.
        unit: unit of 3-D key points, which depends on the network: metres for those trained on Human3.6M in metres.
        rate: frames a second, which the file does not say.
        layout: what the key points are, where ``meta_info`` with their names is missing. By default 17 in 2-D are
            ``coco_17``, 26 are ``halpe_26`` and 17 in 3-D ``h36m_17``, and it is said that this is a guess.

    Returns:
        Two axes, or three of the 3-D inferencer; scores are the confidence.

    Raises:
        DataError: the file is cut short or nested otherwise, people differ in their key points, nobody is in any
            frame, the layout cannot be told, or 3-D key points come without ``unit``.
    """
    path = Path(path)
    content = read_json(path)
    meta: Mapping[str, Any] = {}
    if isinstance(content, dict):
        meta = an_object(content.get("meta_info", {}), f"{path}, key 'meta_info'", "names of key points")
        if "instance_info" not in content:
            raise DataError(f"the key 'instance_info' is missing; there is {kind(content)}", where=path)
        content = content["instance_info"]
    clip = _read(a_list(content, str(path), "frames"), path)
    points, confidence = gathered(clip.frames, clip.count, clip.axes, path)
    points, confidence = _at_numbers(points, clip.numbers, path), _at_numbers(confidence, clip.numbers, path)
    names, found, names_said = _names(meta, clip, layout, path)
    if clip.axes == 3:
        metres, unit_said = stated_unit(unit, "MMPose", path)
        joints = turned(points, metres, UNDO, path)
    else:
        unit_said, joints = PIXELS, picture(points, path)
    stated = (
        ("format", f"MMPose predictions, {clip.axes}-D"),
        ("version", str(meta.get("dataset_name", "not stated"))),
        ("unit", unit_said),
        ("axes", _AXES_SAID if clip.axes == 3 else PICTURE_SAID),
        ("origin", _origin(joints) if clip.axes == 3 else "upper left corner of the picture"),
        ("first frame", str(clip.numbers[0])),
        ("persons", TRACKED if clip.tracked else ORDER_IS_NOT_IDENTITY),
        ("layout", names_said),
    )
    return recorded(path, joints, names, stated, layout=found, confidence=confidence, rate=rate)


def _origin(joints: np.ndarray) -> str:
    lowest = np.nanmin(joints[..., 1], axis=-1)[~np.isnan(joints[..., 1]).all(axis=-1)]
    return f"the hips; {_GROUND_SAID}" if (np.abs(lowest) < 1e-6).all() else "the hips"


def _at_numbers(content: np.ndarray, frame_numbers: Sequence[int], path: Path) -> np.ndarray:
    return spread(content.swapaxes(0, 1), frame_numbers, path).swapaxes(0, 1)


def _read(rows: list[Any], path: Path) -> _Clip:
    if rows and all(isinstance(row, dict) and "keypoints" in row for row in rows):
        rows = [{"frame_id": 0, "instances": rows}]  # a picture's file has no frames
    frames: list[People] = []
    frame_numbers: list[int] = []
    axes = count = 0
    everyone_tracked = True
    for i, row in enumerate(rows):
        where = f"{path}, frame {i}"
        frame = an_object(row, where, "'instances'")
        if "instances" not in frame:
            raise DataError(f"the key 'instances' is missing; there is {kind(frame)}", where=where)
        instances = a_list(frame["instances"], f"{where}, key 'instances'", "people")
        frame_numbers.append(_number(frame.get("frame_id", i), f"{where}, key 'frame_id'"))
        found: dict[Any, np.ndarray] = {}
        for j, instance in enumerate(instances):
            place = f"{where}, person {j}"
            person = an_object(instance, place, "'keypoints'")
            points = _key_points(person, place)
            if count and points.shape != (count, axes + 1):
                problem = f"{len(points)} key points of {points.shape[1] - 1} axes after {count} of {axes}"
                raise DataError(problem, where=place)
            count, axes = len(points), points.shape[1] - 1
            identity = person.get("track_id")
            everyone_tracked = everyone_tracked and isinstance(identity, int) and ("id", identity) not in found
            found[("id", identity) if isinstance(identity, int) and everyone_tracked else j] = points
        frames.append(found)
    tracked = everyone_tracked and any(frames)
    if not tracked:  # some were: their order is all that is left
        frames = [dict(enumerate(frame.values())) for frame in frames]
    return _Clip(frames, frame_numbers or [0], axes, count, tracked)


def _number(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise DataError(f"a frame's number is needed, got {kind(value)}", where=where)
    return value


def _key_points(person: Mapping[str, Any], where: str) -> np.ndarray:
    """``[key point, axes + 1]`` of an instance."""
    if "keypoints" not in person:
        raise DataError(f"the key 'keypoints' is missing; there is {kind(person)}", where=where)
    points = numbers(person["keypoints"], f"{where}, key 'keypoints'")
    if points.ndim == 3 and len(points) == 1:
        points = points[0]
    if points.ndim != 2 or not len(points) or points.shape[1] not in (2, 3):
        problem = f"a list of [x, y] or [x, y, z] is needed, got the shape {list(points.shape)}"
        raise DataError(problem, where=f"{where}, key 'keypoints'")
    scores = np.full(len(points), np.nan)
    if "keypoint_scores" in person:
        scores = numbers(person["keypoint_scores"], f"{where}, key 'keypoint_scores'").ravel()
    if len(scores) != len(points):
        problem = f"{len(points)} key points, but {len(scores)} scores"
        raise DataError(problem, where=f"{where}, key 'keypoint_scores'")
    return np.column_stack([points, scores])


def _names(meta: Mapping[str, Any], clip: _Clip, layout: str, path: Path) -> tuple[tuple[str, ...], str, str]:
    """Names of the key points, their layout (empty: to be found by the names), and how that was told."""
    if layout:
        return layout_by_count(clip.count, clip.axes, layout, path)
    if named := _meta_names(meta, path):
        if len(named) != clip.count:
            problem = f"'meta_info' names {len(named)} key points, but people have {clip.count}"
            raise DataError(problem, where=path)
        other = tuple(_OTHER_WORDS.get(name, name) for name in named)
        return (other if layout_of_names(other) == "h36m_17" else named), "", "by the names in 'meta_info'"
    return layout_by_count(clip.count, clip.axes, "", path)


def _meta_names(meta: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    """Names of key points by number, from ``keypoint_id2name``; empty where there are none."""
    if "keypoint_id2name" not in meta:
        return ()
    where = f"{path}, key 'meta_info', key 'keypoint_id2name'"
    table = an_object(meta["keypoint_id2name"], where, "a name for each number")
    keys = [str(i) for i in range(len(table))]
    if lacking := [key for key in keys if not isinstance(table.get(key), str)]:
        raise DataError(f"key point {lacking[0]} has no name", where=where, remedy=nearest_name(lacking[0], table))
    return tuple(table[key] for key in keys)
