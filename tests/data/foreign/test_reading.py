"""The one door: formats are told by suffix and content, and a folder gives its clips."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.extras import needs
from zsar_kit.data.foreign import FORMATS, read_recording, recordings_in
from zsar_kit.data.joints import layout
from zsar_kit.errors import DataError

RNG = np.random.default_rng(8)
BVH = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  End Site
  {
    OFFSET 0 10 0
  }
}
MOTION
Frames: 1
Frame Time: 0.04
0 0 0 0 0 0
"""
TRC = (
    "PathFileType\t4\t(X/Y/Z)\twalk.trc\n"
    "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames\n"
    "50\t50\t1\t1\tmm\t50\t1\t1\nFrame#\tTime\tA\t\t\n\t\tX1\tY1\tZ1\n\n1\t0\t1000\t2000\t3000\n"
)
WORLD = RNG.normal(scale=0.3, size=(3, 33, 3))
HIPS = [layout("mediapipe_33").index(f"hip_{side}") for side in ("left", "right")]
WORLD -= WORLD[:, HIPS].mean(axis=1, keepdims=True)
FRAME = {"people": [{"pose_keypoints_2d": [1.0] * 75}]}
MMPOSE = [{"frame_id": 0, "instances": [{"keypoints": [[1, 2]] * 17, "keypoint_scores": [1] * 17}]}]
DLC = "scorer,a,a,a\nbodyparts,nose,nose,nose\ncoords,x,y,likelihood\n0,1,2,0.5\n"
ANIPOSE = "nose_x,nose_y,nose_z,nose_error,nose_ncams,nose_score\n1,2,3,0,2,1\n"


def write(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def refused(path: Path, message: str, **options) -> None:
    with pytest.raises(DataError, match=message):
        read_recording(path, **options)


@pytest.mark.parametrize(
    ("name", "content", "options", "form"),
    [
        ("walk.bvh", BVH, {"unit": "cm"}, "BVH"),
        ("walk.trc", TRC, {}, "TRC"),
        ("walk.TRC", TRC, {}, "TRC"),
        ("walk.json", FRAME, {}, "OpenPose JSON"),
        (
            "walk.json",
            {"data": [{"frame_index": 1, "skeleton": [{"pose": [0.5] * 36, "score": [1] * 18}]}]},
            {},
            "OpenPose",
        ),
        ("walk.json", MMPOSE, {}, "MMPose predictions"),
        ("walk.json", {"meta_info": {}, "instance_info": MMPOSE}, {}, "MMPose predictions"),
        ("walk.json", MMPOSE[0]["instances"], {}, "MMPose predictions"),
        ("walk.json", WORLD.tolist(), {}, "MediaPipe Pose, JSON"),
        ("walk.json", [{"pose_world_landmarks": frame} for frame in WORLD.tolist()], {}, "MediaPipe Pose, JSON"),
        ("walk.json", [{"poseLandmarks": [[0.5, 0.5, 0]] * 33}], {"format": "mediapipe_2d"}, "MediaPipe Pose"),
        ("walk.csv", DLC, {}, "DeepLabCut CSV"),
        ("walk.csv", ANIPOSE, {"unit": "mm"}, "Anipose CSV"),
    ],
)
def test_formats_are_told_by_their_content(tmp_path, name, content, options, form):
    read = read_recording(write(tmp_path, name, content), **options)
    assert dict(read.stated)["format"].startswith(form)
    assert read.sample == "walk"


def test_landmarks_in_a_table_and_in_an_array(tmp_path):
    header = ",".join(f"{axis}{i}" for i in range(33) for axis in "xyz")
    rows = [",".join(f"{value:.6f}" for value in frame.ravel()) for frame in WORLD]
    table = read_recording(write(tmp_path, "walk.csv", "\n".join([header, *rows])))
    np.savez(tmp_path / "walk.npz", world_landmarks=WORLD)
    array = read_recording(tmp_path / "walk.npz")
    np.testing.assert_allclose(table.joints, array.joints, atol=1e-6)
    assert (table.layout, array.layout) == ("mediapipe_33", "mediapipe_33")


def test_arrays_and_files_of_known_data_sets(tmp_path):
    joints = RNG.normal(size=(2, 5, 25, 3)).astype(np.float32)
    joints[1, 3:] = 0
    np.savez(tmp_path / "walk.npz", joints=joints, label=0)
    np.save(tmp_path / "walk.npy", joints[0])
    refused(tmp_path / "walk.npz", "which joint layout is this.*--layout, .*ntu25.* have 25 joints", format="array")
    read = read_recording(tmp_path / "walk.npz", layout="ntu25", rate=30.0)
    np.testing.assert_array_equal(read.joints[:, :3], joints[:, :3])
    assert np.isnan(read.joints[1, 3:]).all()
    assert (read.layout, read.rate) == ("ntu25", 30.0)
    assert read_recording(tmp_path / "walk.npy", layout="openpose_25").layout == "openpose_25"
    np.save(tmp_path / "walk.npy", joints[0, :, :7])
    refused(tmp_path / "walk.npy", "No layout of the kit has 7 joints: describe")
    skeletons = RNG.normal(size=(4, 20, 3)).tolist()
    content = {"file_name": "a08_s02_e01_v03", "label": 7, "skeletons": skeletons}
    read = read_recording(write(tmp_path, "a08_s02_e01_v03.json", content))
    assert (read.layout, read.joints.shape) == ("kinect_v1_20", (1, 4, 20, 3))


@pytest.mark.parametrize(("up", "head"), [("", (1, 2, 3)), ("y", (1, 2, 3)), ("z", (1, 3, -2)), ("-y", (1, -2, -3))])
def test_an_array_is_turned_by_the_direction_that_is_up(tmp_path, up, head):
    """Its file says nothing of axes: y is up unless another direction is named."""
    joints = np.zeros((2, 2, 20, 3))
    joints[0, :, :] = (1000, 2000, 3000)
    joints[0, 1, 4, 0] = np.inf  # of the doctor's business, and of this coordinate alone
    np.savez(tmp_path / "walk.npz", joints=joints)
    read = read_recording(tmp_path / "walk.npz", layout="kinect_v1_20", unit="mm", up=up)
    np.testing.assert_array_equal(read.joints[0, 0], [head] * 20)
    assert np.isinf(read.joints[0, 1, 4]).sum() == 1
    assert np.isnan(read.joints[1]).all()
    assert dict(read.stated)["axes"] == (f"{up} up, as asked for" if up else "assumed y up; the format does not say")
    refused(tmp_path / "walk.npz", "'w' is not a direction", layout="kinect_v1_20", up="w")


def test_the_wanted_layout_is_found_by_names(tmp_path):
    columns = [(f"{joint}", coord) for joint in (*layout("coco_17").joints, "tail") for coord in ("x", "y")]
    lines = ["scorer" + ",a" * 36, "bodyparts," + ",".join(c[0] for c in columns)]
    lines += ["coords," + ",".join(c[1] for c in columns), "0," + ",".join(map(str, range(36)))]
    path = write(tmp_path, "walk.csv", "\n".join(lines))
    assert read_recording(path).layout == ""
    read = read_recording(path, layout="coco_17")
    assert (read.layout, read.joints.shape) == ("coco_17", (1, 1, 17, 2))
    refused(path, "which the layout 'ntu25' needs", layout="ntu25")
    refused(path, "unknown joint layout 'coco'", layout="coco")


def test_what_is_refused_at_the_door(tmp_path):
    refused(tmp_path / "none.json", "there is no such file")
    refused(tmp_path, "the folder has no frames of OpenPose")
    refused(write(tmp_path, "walk.pkl", "x"), "a pickle can run any code")
    refused(write(tmp_path, "notes.txt", "x"), "no reader knows this file.*Known suffixes: .bvh")
    refused(write(tmp_path, "walk.json", {"a": [1]}), "no reader knows this file")
    refused(write(tmp_path, "walk.csv", "a,b\n1,2"), "no reader knows this file")
    refused(write(tmp_path, "walk.json", ""), "the file is empty")
    refused(write(tmp_path, "walk.csv", DLC), "unknown format 'deeplab'.*'deeplabcut'", format="deeplab")
    refused(write(tmp_path, "walk.csv", DLC), "the file is not one of anipose but of deeplabcut", format="anipose")
    landmarks = write(tmp_path, "walk.json", WORLD.tolist())
    refused(landmarks, "the unit of the format 'mediapipe' is fixed.*'mm'.*Leave unit out", unit="mm")
    refused(landmarks, "the direction that is up of the format 'mediapipe' is fixed.*Leave up out", up="z")


def test_every_format_says_what_it_is():
    for name, form in FORMATS.items():
        assert form.suffixes, name
        assert all(suffix.startswith(".") for suffix in form.suffixes), name
        assert form.about, name
        assert set(form.asks) <= {"unit", "up"}, name


@needs("h5py", "mocap")
def test_a_folder_gives_its_clips_and_counts_the_rest(tmp_path):
    import h5py

    expected = [
        write(tmp_path, "a/walk.bvh", BVH),
        write(tmp_path, "a/walk.csv", DLC),
        write(tmp_path, "b/landmarks.json", WORLD.tolist()),
        write(tmp_path, "broken.h5", "x"),
    ]
    for i in (9, 10):
        write(tmp_path, f"c/walk_{i}_keypoints.json", FRAME)
    expected.append(tmp_path / "c")
    for name in (
        "notes.txt",
        "b/labels.csv",
        "c/video.mp4",
        "settings.json",
        "README",
        ".hidden/walk.bvh",
        ".walk.bvh",
    ):
        write(tmp_path, name, {"a": 1} if name.endswith(".json") else "a,b\n1,2")
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file["layer"] = np.zeros(3)
    clips, others = recordings_in(tmp_path)
    assert clips == sorted(expected)
    assert others == {"": 1, ".csv": 1, ".h5": 1, ".json": 1, ".mp4": 1, ".txt": 1}
    with pytest.raises(DataError, match="there is no such folder"):
        recordings_in(tmp_path / "none")
