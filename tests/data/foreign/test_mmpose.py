"""MMPose's predictions: key points by name or number, the mirrored 3-D, and every kind of broken file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from zsar_kit.data.foreign import read_mmpose
from zsar_kit.data.joints import layout
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError

RNG = np.random.default_rng(4)
POINTS = RNG.uniform(0, 400, size=(3, 17, 2)).round(2)
SCORES = RNG.uniform(0, 1, size=(3, 17)).round(3)
H36M = (
    "root", "right_hip", "right_knee", "right_foot", "left_hip", "left_knee", "left_foot", "spine", "thorax",
    "neck_base", "head", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist",
)  # fmt: skip


def instance(points: np.ndarray, scores: np.ndarray | None = None, **others) -> dict:
    score = {} if scores is None else {"keypoint_scores": scores.tolist()}
    return {"keypoints": points.tolist(), "bbox": [[0, 0, 1, 1]], "bbox_score": 0.9} | score | others


def frames(points: np.ndarray = POINTS, scores: np.ndarray | None = SCORES) -> list[dict]:
    return [
        {"frame_id": i, "instances": [instance(frame, None if scores is None else scores[i])]}
        for i, frame in enumerate(points)
    ]


def named(names) -> dict:
    return {"dataset_name": "mine", "keypoint_id2name": {str(i): name for i, name in enumerate(names)}}


def write(folder: Path, content: object) -> Path:
    path = folder / "walk.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def said(recording: Recording, term: str) -> str:
    return dict(recording.stated)[term]


def refused(path: Path, message: str, **options) -> None:
    with pytest.raises(DataError, match=message):
        read_mmpose(path, **options)


def test_a_list_of_frames_is_coco_by_its_count(tmp_path):
    read = read_mmpose(write(tmp_path, frames()), rate=25.0)
    np.testing.assert_allclose(read.joints[0], POINTS * [1, -1], rtol=1e-6)
    assert read.confidence is not None
    np.testing.assert_allclose(read.confidence[0], SCORES, rtol=1e-6)
    assert (read.layout, read.rate, read.dimensions) == ("coco_17", 25.0, 2)
    assert said(read, "layout").startswith("guessed")


def test_names_are_followed_whatever_their_order(tmp_path):
    names = [f"{j.split('_')[-1]}_{j.rsplit('_', 1)[0]}" if "_" in j else j for j in layout("coco_17").joints]
    order = RNG.permutation(17)
    content = {"meta_info": named([names[i] for i in order]), "instance_info": frames(POINTS[:, order])}
    read = read_mmpose(write(tmp_path, content))
    assert read.layout == "coco_17"
    np.testing.assert_allclose(read.joints[0], POINTS * [1, -1], rtol=1e-6)
    assert said(read, "layout") == "by the names in 'meta_info'"


def test_halpe_by_count_and_unknown_names_as_they_are(tmp_path):
    points = RNG.uniform(0, 400, size=(2, 26, 2))
    assert read_mmpose(write(tmp_path, frames(points, None))).layout == "halpe_26"
    content = {"meta_info": named(["tip", "top"]), "instance_info": frames(points[:, :2], None)}
    read = read_mmpose(write(tmp_path, content))
    assert (read.layout, read.joint_names, read.confidence) == ("", ("tip", "top"), None)


@pytest.mark.parametrize("meta", [True, False])
def test_the_mirroring_of_the_3d_inferencer_is_undone(tmp_path, meta):
    camera = RNG.normal(size=(3, 17, 3))  # x right, y down, z away
    written = camera[..., [0, 2, 1]] * [-1, 1, -1]  # as the inferencer documents it
    written[..., 2] -= written[..., 2].min(axis=-1, keepdims=True)
    content = {"meta_info": named(H36M), "instance_info": frames(written)} if meta else frames(written)
    path = write(tmp_path, content)
    refused(path, "MMPose does not state the unit")
    read = read_mmpose(path, unit="m")
    assert read.layout == "h36m_17"
    expected = camera * [1, -1, -1]  # a half turn about x, so handedness is the camera's
    expected[..., 1] -= expected[..., 1].min(axis=-1, keepdims=True)
    np.testing.assert_allclose(read.joints[0], expected, atol=1e-6)
    assert "jumps are lost" in said(read, "origin")


def test_a_picture_and_identities(tmp_path):
    both = [instance(POINTS[0], track_id=5), instance(POINTS[1], track_id=2)]
    assert read_mmpose(write(tmp_path, both)).joints.shape == (2, 1, 17, 2)
    content = [{"frame_id": 0, "instances": both}, {"frame_id": 2, "instances": both[1:]}]
    read = read_mmpose(write(tmp_path, content))
    np.testing.assert_allclose(read.joints[1, 2], POINTS[1] * [1, -1], rtol=1e-6)
    assert np.isnan(read.joints[:, 1]).all()
    assert np.isnan(read.joints[0, 2]).all()
    del content[1]["instances"][0]["track_id"]
    read = read_mmpose(write(tmp_path, content))
    np.testing.assert_allclose(read.joints[0, 2], POINTS[1] * [1, -1], rtol=1e-6)
    assert said(read, "persons").startswith("nothing is tracked")


def test_scores_beyond_one_are_cut_off_and_said(tmp_path):
    read = read_mmpose(write(tmp_path, frames(scores=SCORES + 0.5)))
    assert read.confidence is not None
    np.testing.assert_allclose(read.confidence[0], np.minimum(SCORES + 0.5, 1), rtol=1e-6)
    beyond = int((SCORES + 0.5 > 1).sum())
    assert said(read, "confidence") == f"in the file; {beyond} values outside 0..1 cut off"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("[1", "not a complete JSON file"),
        ({"instances": []}, "the key 'instance_info' is missing"),
        ([3], r"an object with 'instances' is needed, got 3 \(in .*frame 0"),
        ([{"frame_id": 0}], "the key 'instances' is missing"),
        ([{"frame_id": -1, "instances": []}], "a frame's number is needed, got -1"),
        ([{"frame_id": 0, "instances": [{}]}], r"the key 'keypoints' is missing; .*frame 0, person 0"),
        ([{"frame_id": 0, "instances": [{"keypoints": [1, 2]}]}], r"a list of \[x, y\] or \[x, y, z\] is needed"),
        ([{"frame_id": 0, "instances": [{"keypoints": [[1, 2], [3]]}]}], "not a list of numbers"),
        ([{"frame_id": 0, "instances": [{"keypoints": [[1, 2]], "keypoint_scores": [1, 1]}]}], "1 key points, but 2"),
        ([{"frame_id": 0, "instances": []}], "there is nobody in any of the 1 frames"),
        ([{"frame_id": 0, "instances": [{"keypoints": [[1, 2]]}]}], "the file does not name its 1 key points"),
        (
            [{"frame_id": i, "instances": [{"keypoints": [[1, 2]] * (17 + i)}]} for i in range(2)],
            r"18 key points of 2 axes after 17 of 2 \(in .*frame 1",
        ),
        ([{"frame_id": 1, "instances": frames()[0]["instances"]}] * 2, "frame 1 is followed by one that is not later"),
        ({"meta_info": named("ab"), "instance_info": frames()}, "names 2 key points, but people have 17"),
        ({"meta_info": {"keypoint_id2name": {"1": "a"}}, "instance_info": frames()}, "key point 0 has no name"),
    ],
)
def test_broken_files(tmp_path, content, message):
    refused(write(tmp_path, content), message)


def test_the_callers_layout_must_fit(tmp_path):
    path = write(tmp_path, frames())
    refused(path, "the layout 'halpe_26' has 26 joints, the file 17 key points", layout="halpe_26")
    assert read_mmpose(path, layout="h36m_17").layout == "h36m_17"
