"""OpenPose's JSON: frames in a folder or a file, people who come and go, and every kind of broken file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from zsar_kit.data.foreign import read_openpose
from zsar_kit.data.foreign.openpose import COCO_18
from zsar_kit.data.joints import layout
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError

RNG = np.random.default_rng(3)
PLACES = RNG.uniform(10, 500, size=(4, 2, 25, 3)).round(3)  # frame, person, key point, x y c
PLACES[..., 2] = RNG.uniform(0.1, 1, size=(4, 2, 25)).round(3)


def person(points: np.ndarray, key: str = "pose_keypoints_2d", **others) -> dict:
    empty = {"pose_keypoints_2d": [], "pose_keypoints_3d": []}
    return empty | {"person_id": [-1], key: points.ravel().tolist()} | others


def frame(*people: dict) -> dict:
    return {"version": 1.3, "people": list(people)}


def write_folder(folder: Path, frames: dict[int, dict], clip: str = "walk") -> Path:
    folder.mkdir(exist_ok=True)
    for number, content in frames.items():
        (folder / f"{clip}_{number:012d}_keypoints.json").write_text(json.dumps(content))
    return folder


def write(folder: Path, content: object, name: str = "walk.json") -> Path:
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return folder / name


def said(recording: Recording, term: str) -> str:
    return dict(recording.stated)[term]


def refused(path: Path, message: str, **options) -> None:
    with pytest.raises(DataError, match=message):
        read_openpose(path, **options)


def test_a_folder_is_one_clip_in_the_order_of_frame_numbers(tmp_path):
    numbers = [9, 10, 11, 100]  # as text, 100 would come before 11 without the zeros
    frames = {n: frame(*(person(PLACES[i, p]) for p in range(2))) for i, n in enumerate(numbers)}
    folder = tmp_path / "clip"
    folder.mkdir()
    for number, content in frames.items():
        write(folder, content, f"walk_{number}_keypoints.json")
    read = read_openpose(folder, rate=30.0)
    assert read.joints.shape == (2, 92, 25, 2)
    expected = np.full((2, 92, 25, 2), np.nan)
    for i, number in enumerate(numbers):
        expected[:, number - 9] = PLACES[i, :, :, :2] * [1, -1]
    np.testing.assert_allclose(read.joints, expected, rtol=1e-6)
    assert read.confidence is not None
    np.testing.assert_allclose(read.confidence[:, 0], PLACES[0, :, :, 2], rtol=1e-6)
    assert (read.layout, read.joint_names, read.rate) == ("openpose_25", layout("openpose_25").joints, 30.0)
    assert said(read, "first frame") == "9"
    assert said(read, "frames without a file") == "88 (nobody is in them)"
    assert said(read, "version") == "1.3"
    assert said(read, "persons").startswith("nothing is tracked")


def test_a_point_of_confidence_zero_is_missing(tmp_path):
    points = PLACES[0, 0].copy()
    points[4] = 0
    read = read_openpose(write(tmp_path, frame(person(points))))
    assert np.isnan(read.joints[0, 0, 4]).all()
    assert np.isfinite(np.delete(read.joints[0, 0], 4, axis=0)).all()
    assert said(read, "missing points") == "1 of 25 (NaN here)"


def test_people_come_and_go_by_their_place_in_the_frame(tmp_path):
    frames = [frame(person(PLACES[0, 0])), frame(person(PLACES[1, 0]), person(PLACES[1, 1])), frame()]
    read = read_openpose(write(tmp_path, frames))
    there = ~np.isnan(read.joints[..., 0]).all(axis=2)
    assert there.tolist() == [[True, True, False], [False, True, False]]


def test_identities_count_only_where_everyone_has_one(tmp_path):
    a, b = PLACES[0]
    tracked = [frame(person(a, person_id=[7]), person(b, person_id=[3])), frame(person(b, person_id=[3]))]
    read = read_openpose(write(tmp_path, tracked))
    np.testing.assert_allclose(read.joints[1, 0], read.joints[1, 1])  # person 3 keeps the second row
    assert np.isnan(read.joints[0, 1]).all()
    assert said(read, "persons") == "by the identities in the file"
    tracked[1]["people"][0]["person_id"] = [-1]
    assert said(read_openpose(write(tmp_path, tracked)), "persons").startswith("nothing is tracked")
    twice = [frame(person(a, person_id=[3]), person(b, person_id=[3]))]
    assert read_openpose(write(tmp_path, twice)).joints.shape[0] == 2  # nobody is lost


def test_eighteen_key_points_become_coco_without_the_neck(tmp_path):
    points = PLACES[0, 0, :18]
    read = read_openpose(write(tmp_path, frame(person(points))))
    assert read.layout == "coco_17"
    for name in layout("coco_17").joints:
        place = points[COCO_18.index(name)]
        np.testing.assert_allclose(read.joints[0, 0, read.joint_names.index(name)], place[:2] * [1, -1], rtol=1e-6)
    assert "neck" in said(read, "format")


def test_three_axes_make_a_half_turn_and_need_a_unit(tmp_path):
    points = np.column_stack([RNG.normal(size=(25, 3)) * 1000, np.ones(25)])
    path = write(tmp_path, frame(person(points, "pose_keypoints_3d")))
    refused(path, r"OpenPose does not state the unit of its 3-D points .* Say it, as --unit mm, in Python unit='mm'")
    read = read_openpose(path, unit="mm")
    np.testing.assert_allclose(read.joints[0, 0], points[:, :3] / 1000 * [1, -1, -1], rtol=1e-5)
    assert read.dimensions == 3


def test_kinetics_skeleton_is_shares_of_the_picture(tmp_path):
    places, scores = RNG.random((18, 2)).round(3), RNG.uniform(0.1, 1, 18).round(3)
    scores[2] = 0
    skeleton = {"pose": places.ravel().tolist(), "score": scores.tolist()}
    rows = [{"frame_index": 1, "skeleton": [skeleton]}, {"frame_index": 3, "skeleton": []}]
    read = read_openpose(write(tmp_path, {"data": rows, "label": "waving", "label_index": 0}))
    assert read.joints.shape == (1, 3, 17, 2)
    nose = read.joint_names.index("nose")
    np.testing.assert_allclose(read.joints[0, 0, nose], places[0] * [1, -1], rtol=1e-6)
    assert np.isnan(read.joints[0, 0, read.joint_names.index("shoulder_right")]).all()
    assert said(read, "unit") == "shares of the picture's width and height"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ('{"people": [', "not a complete JSON file"),
        ([[1, 2]], r"an object with the key 'people' is needed, got a list of 2 \(in .*frame 0"),
        ({"persons": []}, r"the key 'people' is missing; there is an object with the keys persons \(in .*frame 0"),
        ({"people": {}}, "key 'people'"),
        ({"people": [3]}, r"an object with key points is needed, got 3 \(in .*person 0"),
        ({"people": [{}]}, "the key 'pose_keypoints_2d' is missing"),
        ({"people": [{"pose_keypoints_2d": ["a"]}]}, r"not a list of numbers \(in .*frame 0, person 0, key"),
        ({"people": [{"pose_keypoints_2d": [1.0] * 74}]}, "3 numbers a key point are needed, got 74 in all"),
        ({"people": [{"pose_keypoints_2d": [1.0] * 45}]}, "15 key points; 25 or 18 are known"),
        ({"people": [{"pose_keypoints_2d": [1e999] * 75}]}, "an infinite number"),
        ({"people": [{"pose_keypoints_2d": [1e300, 1, 1] * 25}]}, "a coordinate is too large"),
        ({"people": []}, "there is nobody in any of the 1 frames"),
        ([], "there is no frame"),
        ({"data": 3}, "a list of frames is needed"),
        ({"data": []}, "there is no frame"),
        ({"data": [{"skeleton": []}]}, "'frame_index' must be a new number"),
        ({"data": [{"frame_index": 1, "skeleton": [{"pose": [1], "score": [1]}]}]}, "36 numbers and 'score' 18"),
    ],
)
def test_broken_files(tmp_path, content, message):
    refused(write(tmp_path, content), message)


def test_another_number_of_key_points_later_is_named(tmp_path):
    frames = [frame(person(PLACES[0, 0])), frame(person(PLACES[0, 0, :18]))]
    refused(write(tmp_path, frames), r"18 key points after 25 in earlier frames \(in .*frame 1, person 0")


def test_broken_folders(tmp_path):
    refused(tmp_path, "no file of the folder is a frame of OpenPose")
    folder = write_folder(tmp_path / "two", {0: frame(person(PLACES[0, 0]))})
    write_folder(folder, {0: frame(person(PLACES[0, 0]))}, clip="run")
    refused(folder, "frames of 2 clips: run, walk")
    folder = write_folder(tmp_path / "twice", {7: frame(person(PLACES[0, 0]))})
    write(folder, frame(person(PLACES[0, 0])), "walk_7_keypoints.json")
    refused(folder, "are both frame 7")
    folder = write_folder(tmp_path / "far", {0: frame(person(PLACES[0, 0])), 10**10: frame()})
    refused(folder, "frames 0 to 10000000000 are too many")
    folder = write_folder(tmp_path / "short", {0: frame(person(PLACES[0, 0]))})
    write(folder, '{"people": [', "walk_000000000001_keypoints.json")
    refused(folder, r"not a complete JSON file.*walk_000000000001_keypoints.json")
