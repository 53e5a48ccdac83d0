"""One door for all readers: a file or folder becomes a recording, by its suffix and its content."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from zsar_kit.data.array_shape import layout_advice, require_shape, shape_advice
from zsar_kit.data.foreign.alphapose import read_alphapose
from zsar_kit.data.foreign.mediapipe import COUNT as LANDMARKS
from zsar_kit.data.foreign.mediapipe import PICTURE_KEYS, WORLD_KEYS, has_landmark_columns, read_mediapipe
from zsar_kit.data.foreign.mmpose import read_mmpose
from zsar_kit.data.foreign.movement import read_movement, software_of
from zsar_kit.data.foreign.openpose import FRAME_FILE, frame_files, read_openpose
from zsar_kit.data.foreign.pose_format import read_pose
from zsar_kit.data.foreign.refused import refuse_unreadable
from zsar_kit.data.foreign.shared import metres_of, turn_by_up
from zsar_kit.data.joints import fitting_layouts
from zsar_kit.data.joints import layout as joint_layout
from zsar_kit.data.readers.clips import ARRAY_SUFFIXES, BROKEN_ARRAYS, array_key, array_of, read_clip
from zsar_kit.data.readers.ntu import SUFFIX as NTU_SUFFIX
from zsar_kit.data.readers.registry import RAW_FORMATS
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError, nearest_name


@dataclass(frozen=True)
class Format:
    """A kind of file that is read.

    Attributes:
        suffixes: of its files; a folder has none.
        about: what it is, in a few words.
        asks: which of ``unit`` and ``up`` may be said of it.
    """

    suffixes: tuple[str, ...]
    about: str
    asks: tuple[str, ...] = ()


_3D = ("unit", "up")
#: what may be said of a format -> its name in a message
_OWN = {"unit": "the unit", "up": "the direction that is up"}
#: name of a format, as ``format=`` takes it -> what it is
FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "c3d": Format((".c3d",), "motion capture, markers", _3D),
        "bvh": Format((".bvh",), "motion capture, a hierarchy of joints", _3D),
        "trc": Format((".trc",), "motion capture, markers of OpenSim and Motion Analysis", _3D),
        "pose": Format((".pose",), "pose-format: MediaPipe Holistic, OpenPose and others"),
        "openpose": Format(
            (".json",), "OpenPose, a folder with a file a frame, or one file; Kinetics-skeleton", ("unit",)
        ),
        "mmpose": Format((".json",), "predictions of MMPose", ("unit",)),
        "alphapose": Format((".json",), "results of AlphaPose: COCO's 17 or Halpe's 26 key points"),
        "mediapipe": Format((".json", ".csv", ".npz", ".npy"), "world landmarks of MediaPipe Pose"),
        "mediapipe_2d": Format((".json", ".csv", ".npz", ".npy"), "picture landmarks of MediaPipe Pose"),
        "deeplabcut": Format((".csv", ".h5"), "tables of DeepLabCut", _3D),
        "sleap": Format((".h5", ".slp"), "analysis exports and labels of SLEAP"),
        "anipose": Format((".csv",), "triangulated points of Anipose", _3D),
        "movement": Format((".nc",), "data sets that the library movement saved", _3D),
        "array": Format(ARRAY_SUFFIXES, "an array [frame, joint, xyz] or [person, frame, joint, xyz]", _3D),
        "raw": Format((NTU_SUFFIX, ".mat", ".json", ".csv"), "a file of a data set that the kit knows by its name"),
    }
)
_BY_SUFFIX = {".c3d": "c3d", ".bvh": "bvh", ".trc": "trc", ".pose": "pose", ".npy": "array", NTU_SUFFIX: "raw"}
_HDF5 = (".h5", ".hdf5", ".slp", ".nc")
#: how much of a JSON file is looked at to tell what it is
_HEAD = 2**18
_JSON_KEYS: Mapping[str, str] = {
    **dict.fromkeys(("people", "frame_index"), "openpose"),
    "image_id": "alphapose",
    **dict.fromkeys(("meta_info", "instance_info", "instances", "keypoint_scores"), "mmpose"),
    **dict.fromkeys((*WORLD_KEYS, *(key for key in PICTURE_KEYS if key != "keypoints"), "visibility"), "mediapipe"),
}
_JSON_KEY = re.compile(rf'"({"|".join(_JSON_KEYS)})"\s*:')
#: two lists in each other and a number: landmarks without a key
_JSON_NUMBERS = re.compile(r"\s*\[\s*\[\s*(\[\s*)*-?\d|\s*\[\s*\[\s*(\[\s*)*\{\s*\"x\"")


def read_recording(
    path: str | Path,
    *,
    format: str = "",
    unit: str = "",
    rate: float = 0.0,
    up: str = "",
    layout: str = "",
) -> Recording:
    """Read a clip of any format that is known.

    Args:
        path: a file, or a folder with OpenPose's frames.
        format: a name of :data:`FORMATS`; by default told by suffix and content.
        unit, up: unit of the coordinates and the direction that is up, where the format does not state them or states
            them wrongly. Formats that define both themselves refuse them.
        rate: frames a second, in place of the file's.
        layout: the joint layout that is wanted, found by the names of the joints; for an array without names, what its
            joints are.

    Raises:
        DataError: there is no such file, no reader knows it, or it is broken; the rate is none; or something that the
            file does not state has to be said.
    """
    path = Path(path)
    if not path.exists():
        raise DataError("there is no such file", where=path, remedy="Check the path.")
    if not 0 <= rate < math.inf:
        raise DataError(f"a rate is a positive number of frames a second, got {rate:g}", where=path)
    refuse_unreadable(path)
    if format and format not in FORMATS:
        raise DataError(f"unknown format {format!r}", where="the format", remedy=nearest_name(format, FORMATS))
    name = format or format_of(path)
    if not name:
        known = ", ".join(sorted({suffix for every in FORMATS.values() for suffix in every.suffixes}))
        problem = "the folder has no frames of OpenPose" if path.is_dir() else "no reader knows this file"
        raise DataError(
            problem, where=path, remedy=f"Known suffixes: {known}. Or name the format (--format, in Python format=)."
        )
    for term, value in (("unit", unit), ("up", up)):
        if value and term not in FORMATS[name].asks:
            problem = f"{_OWN[term]} of the format {name!r} is fixed, so {value!r} cannot be told of it"
            remedy = f"Leave {term} out (--{term}, in Python {term}=)."
            raise DataError(problem, where=path, remedy=remedy)
    recording = _read(name, path, unit, rate, up, layout)
    if rate:
        recording = replace(recording, rate=float(rate))
    return recording.in_layout(joint_layout(layout), str(path)) if layout else recording


def _read(name: str, path: Path, unit: str, rate: float, up: str, layout: str) -> Recording:
    if name in ("c3d", "bvh", "trc"):
        return _motion_capture(name, path, unit, up)
    if name == "pose":
        return read_pose(path, rate=rate)
    if name == "openpose":
        return read_openpose(path, unit=unit, rate=rate)
    if name == "mmpose":
        return read_mmpose(path, unit=unit, rate=rate, layout=layout)
    if name == "alphapose":
        return read_alphapose(path, rate=rate, layout=layout)
    if name.startswith("mediapipe"):
        return read_mediapipe(path, rate=rate, flat=name == "mediapipe_2d")
    if name in ("array", "raw"):
        return _array(path, layout, unit, up) if path.suffix.casefold() in ARRAY_SUFFIXES else _clip(path)
    if (found := software_of(path)) != name:
        problem = f"the file is not one of {name}" + (f" but of {found}" if found else "")
        raise DataError(problem, where=path)
    return read_movement(path, unit=unit, up=up, rate=rate)


def _motion_capture(name: str, path: Path, unit: str, up: str) -> Recording:
    from zsar_kit.data.foreign import read_bvh, read_c3d, read_trc  # their libraries are not needed for the others

    if name == "c3d":
        return read_c3d(path, unit=unit, up=up)
    return read_bvh(path, unit=unit, up=up) if name == "bvh" else read_trc(path, unit=unit, up=up)


def _clip(path: Path) -> Recording:
    """A file of a known data set."""
    sequence, found = read_clip(path)
    return _as_kept(path, sequence.joints.astype(np.float32), found, "a file of a known data set", "m")


def _array(path: Path, layout: str, unit: str, up: str) -> Recording:
    """An array; what its numbers are like is for the doctor to judge."""
    body = joint_layout(layout or _layout_of_array(path) or "ntu25")
    values = require_shape(array_of(path), body, str(path))
    scale = metres_of(unit, path) if unit else 1.0
    with np.errstate(over="ignore"):
        joints = (values * scale).astype(np.float32)
    said = "assumed y up; the format does not say"
    if up:
        # As the rotation only exchanges axes, a coordinate that is not a number leaves its fellows alone.
        turn = turn_by_up(up, path)
        joints = joints[..., np.abs(turn).argmax(axis=1)] * turn.sum(axis=1, dtype=np.float32)
        said = f"{up} up, as asked for"
    return _as_kept(path, joints, body.name, "an array", f"{unit}, as asked for" if unit else "m, assumed", said)


def _as_kept(
    path: Path, joints: np.ndarray, layout: str, form: str, unit: str, axes: str = "y up, those of the kit"
) -> Recording:
    """A clip in the axes of the kit; a person of zeros is absent."""
    absent = ~joints.any(axis=(2, 3))
    joints[absent] = np.nan
    stated = (
        ("format", form),
        ("unit", unit),
        ("axes", axes),
        ("missing points", f"{int(absent.sum())} frames of absent persons (NaN here)" if absent.any() else "none"),
    )
    return Recording(path.stem, joints, joint_layout(layout).joints, layout=layout, stated=stated)


def _layout_of_array(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content: Any = np.load(file, allow_pickle=False)
            if not isinstance(content, np.ndarray):
                content = content[array_key(content.files, path)]
    except (DataError, ValueError, *BROKEN_ARRAYS):
        return ""  # the reader says what is wrong with it
    joints = content.shape[-2] if content.ndim in (3, 4) and content.shape[-1] == 3 else 0
    fitting = fitting_layouts(joints)
    if len(fitting) != 1 and joints:
        remedy = layout_advice(joints) if fitting else shape_advice(content.shape, "ntu25")
        raise DataError(f"which joint layout is this? It has {joints} joints", where=path, remedy=remedy)
    return fitting[0] if fitting else ""


def format_of(path: Path) -> str:
    """The format of a file or folder, by suffix and content; empty if it is none that is read.

    Raises:
        DataError: the content has to be looked at and cannot be.
    """
    if path.is_dir():
        return "openpose" if frame_files(path) else ""
    suffix = path.suffix.casefold()
    if any(raw.name.fullmatch(path.name) for raw in RAW_FORMATS.values()):
        return "raw"
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    if suffix in _HDF5:
        return software_of(path)
    if suffix == ".csv":
        return software_of(path) or ("mediapipe" if has_landmark_columns(_head(path).split("\n")[0].split(",")) else "")
    if suffix == ".npz":
        return "mediapipe" if _has_landmarks(path) else "array"
    return _json_format(_head(path)) if suffix == ".json" else ""


def _head(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return file.read(_HEAD)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=path) from None


def _json_format(head: str) -> str:
    if not head.strip():
        return "openpose"  # whose reader says that it is empty
    if key := _JSON_KEY.search(head):
        return _JSON_KEYS[key[1]]
    return "mediapipe" if _JSON_NUMBERS.match(head) else ""


def _has_landmarks(path: Path) -> bool:
    """Whether an ``.npz`` file is of MediaPipe: by the name of an array, or by its only one, which has 33 joints."""
    try:
        with path.open("rb") as file:
            content: Any = np.load(file, allow_pickle=False)
            if "joints" in content:
                return False
            if len(content.files) > 1:
                return any(key in content for key in (*WORLD_KEYS, *PICTURE_KEYS))
            return any(content[key].shape[-2:-1] == (LANDMARKS,) for key in content.files)
    except (ValueError, AttributeError, TypeError, *BROKEN_ARRAYS):
        return False  # the reader says what is wrong with it


def recordings_in(folder: str | Path) -> tuple[list[Path], dict[str, int]]:
    """The clips of a folder and its subfolders, in the order of their paths.

    A folder with OpenPose's frames is one clip. Files and folders whose names begin with a dot are left out, and links
    to folders are not followed.

    Args:
        folder: where to look.

    Returns:
        The clips, and how many files of other kinds there are, by suffix (``""`` for none). A file that is of a known
        kind by its suffix and cannot be read is among the clips, so that reading it says what is wrong.

    Raises:
        DataError: there is no such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise DataError("there is no such folder", where=root, remedy="Check the path.")
    clips: list[Path] = []
    others: Counter[str] = Counter()
    for place, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        here = sorted(Path(place) / name for name in files if not name.startswith("."))
        frames = [file for file in here if FRAME_FILE.fullmatch(file.name)]
        if frames:
            clips.append(Path(place))
        for file in here:
            if file in frames:
                continue
            if _is_clip(file):
                clips.append(file)
            else:
                others[file.suffix.casefold()] += 1
    return sorted(clips), dict(sorted(others.items()))


def _is_clip(file: Path) -> bool:
    try:
        return bool(format_of(file))
    except DataError:
        return True
