""".pose files, written byte by byte from the documented format: world landmarks, masks, versions, broken files."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.extras import needs
from zsar_kit.data.foreign import read_pose
from zsar_kit.data.joints import layout
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError

pytestmark = needs("pose_format", "mocap")

RNG = np.random.default_rng(6)
WIDTH, HEIGHT = 640, 480
OPENPOSE = (
    "Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist", "MidHip", "RHip", "RKnee",
    "RAnkle", "LHip", "LKnee", "LAnkle", "REye", "LEye", "REar", "LEar", "LBigToe", "LSmallToe", "LHeel", "RBigToe",
    "RSmallToe", "RHeel",
)  # fmt: skip
NAMES = tuple(  # as MediaPipe calls them: LEFT_EYE_INNER
    "_".join([name.rsplit("_", 1)[1], name.rsplit("_", 1)[0]]).upper()
    if name.endswith(("left", "right")) and not name.startswith("mouth")
    else name.upper()
    for name in layout("mediapipe_33").joints
)
WORLD = RNG.normal(scale=0.4, size=(5, 1, 33, 3)).astype(np.float32)
PICTURE = RNG.uniform(0, 400, size=(5, 1, 33, 3)).astype(np.float32)
SURE = RNG.uniform(0.1, 1, size=(5, 1, 33)).astype(np.float32)


def text(name: str) -> bytes:
    raw = name.encode()
    return struct.pack("<H", len(raw)) + raw


def header(components: dict[str, tuple[tuple[str, ...], str]], version: float = 0.2) -> bytes:
    parts = [struct.pack("<fHHHH", version, WIDTH, HEIGHT, 0, len(components))]
    for name, (points, form) in components.items():
        parts += [text(name), text(form), struct.pack("<HHH", len(points), 1, 1), *map(text, points)]
        parts += [struct.pack("<HH", 0, 1), struct.pack("<HHH", 255, 0, 0)]
    return b"".join(parts)


def body(
    data: np.ndarray, sure: np.ndarray, version: float = 0.2, rate: float = 25.0, frames: int | None = None
) -> bytes:
    count = len(data) if frames is None else frames
    if version == 0.2:
        head = struct.pack("<fIH", rate, count, data.shape[1])
    else:
        head = struct.pack("<HHH", int(rate), count, data.shape[1])
    return head + data.astype("<f4").tobytes() + sure.astype("<f4").tobytes()


def holistic(world: np.ndarray = WORLD, *, sure: np.ndarray = SURE, version: float = 0.2) -> bytes:
    components = {"POSE_LANDMARKS": (NAMES, "XYZC"), "POSE_WORLD_LANDMARKS": (NAMES, "XYZC")}
    data = np.concatenate([PICTURE, world], axis=2)
    return header(components, version) + body(data, np.concatenate([SURE, sure], axis=2), version)


def write(folder: Path, content: bytes) -> Path:
    (folder / "walk.pose").write_bytes(content)
    return folder / "walk.pose"


def said(recording: Recording, term: str) -> str:
    return dict(recording.stated)[term]


def refused(path: Path, message: str, **options) -> None:
    with pytest.raises(DataError, match=message):
        read_pose(path, **options)


@pytest.mark.parametrize("scaled", [True, False])
def test_world_landmarks_come_out_in_metres(tmp_path, scaled):
    stored = WORLD * (np.array([WIDTH, HEIGHT, 1], dtype=np.float32) if scaled else 1)
    read = read_pose(write(tmp_path, holistic(stored)))
    np.testing.assert_allclose(read.joints, WORLD.swapaxes(0, 1) * [1, -1, -1], rtol=1e-5)
    assert read.confidence is not None
    np.testing.assert_allclose(read.confidence, SURE.swapaxes(0, 1), rtol=1e-6)
    assert (read.layout, read.rate, read.dimensions) == ("mediapipe_33", 25.0, 3)
    assert ("640 x 480" in said(read, "unit")) is scaled
    assert "left out: POSE_LANDMARKS" in said(read, "format")


def test_neither_metres_nor_scaled_is_refused(tmp_path):
    refused(write(tmp_path, holistic(WORLD * 1e5)), "neither is metres from the hips.*component='POSE_LANDMARKS'")


def test_masked_points_are_missing(tmp_path):
    sure = SURE.copy()
    sure[2, 0, 4] = 0
    read = read_pose(write(tmp_path, holistic(sure=sure)))
    missing = np.isnan(read.joints[0]).all(axis=-1)
    assert missing.sum() == 1
    assert missing[2, 4]


def test_the_pictures_points_are_2d(tmp_path):
    path = write(tmp_path, holistic())
    read = read_pose(path, component="POSE_LANDMARKS", rate=50.0)
    np.testing.assert_allclose(read.joints, PICTURE.swapaxes(0, 1)[..., :2] * [1, -1], rtol=1e-6)
    assert (read.layout, read.rate) == ("mediapipe_33", 50.0)
    assert "the depth is no length" in said(read, "unit")
    refused(path, "the file has no component 'FACE'.*Known: POSE_LANDMARKS", component="FACE")


def test_other_bodies_are_known_by_their_names(tmp_path):
    data, sure = RNG.uniform(1, 9, size=(2, 3, 26, 2)), np.ones((2, 3, 26))
    components = {"hand_left_keypoints_2d": (("a",), "XYC"), "pose_keypoints_2d": (OPENPOSE, "XYC")}
    read = read_pose(write(tmp_path, header(components) + body(data, sure)))
    assert (read.layout, read.joints.shape) == ("openpose_25", (3, 2, 25, 2))
    np.testing.assert_allclose(read.joints, data.swapaxes(0, 1)[:, :, 1:] * [1, -1], rtol=1e-6)
    data = data[:, :, :2]
    read = read_pose(write(tmp_path, header({"x": (("a", "b"), "XYC")}) + body(data, sure[:, :, :2])))
    assert (read.layout, read.joint_names) == ("", ("a", "b"))


def test_version_0_1_and_its_count_of_frames(tmp_path):
    whole = holistic(version=0.1)
    read = read_pose(write(tmp_path, whole))
    np.testing.assert_allclose(read.joints, WORLD.swapaxes(0, 1) * [1, -1, -1], rtol=1e-5)
    assert "whole number" in said(read, "version")
    frame = 2 * 33 * 4 * 4
    # The library reads this as four frames, with confidences among the coordinates.
    refused(write(tmp_path, whole[:-frame]), "the file counts 5 frames and has bytes for 4")


def test_version_0_has_the_first_person_of_each_frame(tmp_path):
    people = RNG.uniform(1, 9, size=(2, 2, 2, 3)).astype("<f4")  # frame, person, point, x y c
    content = header({"BODY": (("a", "b"), "XYC")}, 0.0) + struct.pack("<HH", 25, 2)
    for frame in people:
        content += struct.pack("<H", 2) + b"".join(struct.pack("<h", i) + p.tobytes() for i, p in enumerate(frame))
    read = read_pose(write(tmp_path, content))
    np.testing.assert_allclose(read.joints[0], people[:, 0, :, :2] * [1, -1], rtol=1e-6)
    assert said(read, "persons").startswith("the first of each frame")


def test_broken_files(tmp_path):
    whole = holistic()
    refused(write(tmp_path, b""), "the file is empty")
    for cut in (3, 9, 40, len(whole) // 2, len(whole) - 1):
        refused(write(tmp_path, whole[:cut]), "not a complete .pose file")
    refused(write(tmp_path, whole + b"\0"), "1 bytes are left over")
    refused(write(tmp_path, b'{"people": []}' * 50), "not a complete .pose file")
    refused(write(tmp_path, header({}) + body(WORLD, SURE)), "the file has no points")
    refused(write(tmp_path, header({"a": (NAMES, "XYC")}, 7.5)), "not a complete .pose file: Unknown version")
    huge = header({"a": (NAMES, "XYZC")}) + body(WORLD, SURE, frames=2**32 - 1)
    refused(write(tmp_path, huge), "not a complete .pose file")
    refused(write(tmp_path, header({"a": (NAMES, "XYZC")}) + body(WORLD[:0], SURE[:0])), "its points have the shape")
    refused(
        write(tmp_path, header({"a": (NAMES, "XC")}) + body(WORLD[..., :1], SURE)), "x, y and a confidence are needed"
    )
    refused(tmp_path / "none.pose", "cannot be read")


def test_a_missing_library_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pose_format.numpy", None)
    refused(write(tmp_path, holistic()), r'pip install "zsar_kit\[mocap\]"')
