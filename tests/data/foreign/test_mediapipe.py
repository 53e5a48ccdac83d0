"""MediaPipe's landmarks in the forms that people save, and which of the two kinds they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from zsar_kit.data.foreign import read_mediapipe
from zsar_kit.data.joints import layout
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError

LAYOUT = layout("mediapipe_33")
HIPS = [LAYOUT.index("hip_left"), LAYOUT.index("hip_right")]
RNG = np.random.default_rng(5)
WORLD = RNG.normal(scale=0.4, size=(4, 33, 3))
WORLD -= WORLD[:, HIPS].mean(axis=1, keepdims=True)  # as MediaPipe defines the origin
WORLD = WORLD.round(6)
SEEN = RNG.random((4, 33)).round(4)
PICTURE = np.concatenate([RNG.uniform(0.2, 0.9, size=(4, 33, 2)), RNG.normal(size=(4, 33, 1))], axis=2).round(5)
TURNED = WORLD * [1, -1, -1]


def landmarks(points: np.ndarray, seen: np.ndarray | None = None) -> list[dict]:
    rows = [dict(zip("xyz", map(float, point), strict=True)) for point in points]
    return rows if seen is None else [row | {"visibility": float(v)} for row, v in zip(rows, seen, strict=True)]


def write(folder: Path, content: object, name: str = "walk.json") -> Path:
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return folder / name


def said(recording: Recording, term: str) -> str:
    return dict(recording.stated)[term]


def refused(path: Path, message: str, **options) -> None:
    with pytest.raises(DataError, match=message):
        read_mediapipe(path, **options)


def check(read: Recording, *, seen: bool = True) -> None:
    np.testing.assert_allclose(read.joints[0], TURNED, atol=1e-6)
    assert (read.layout, read.joint_names) == ("mediapipe_33", LAYOUT.joints)
    if seen:
        assert read.confidence is not None
        np.testing.assert_allclose(read.confidence[0], SEEN, rtol=1e-6)
    else:
        assert read.confidence is None


FRAMES = [landmarks(points, seen) for points, seen in zip(WORLD, SEEN, strict=True)]


@pytest.mark.parametrize(
    "content",
    [
        FRAMES,
        [[frame] for frame in FRAMES],  # a list of people
        [np.column_stack([points, seen]).tolist() for points, seen in zip(WORLD, SEEN, strict=True)],
        [{"poseWorldLandmarks": frame, "poseLandmarks": landmarks(PICTURE[0])} for frame in FRAMES],
        [{"worldLandmarks": [frame], "landmarks": [landmarks(PICTURE[0])]} for frame in FRAMES],
        [{"pose_world_landmarks": {"landmark": frame}} for frame in FRAMES],
        {"frames": [{"pose_world_landmarks": frame} for frame in FRAMES], "fps": 30},
        {"pose_world_landmarks": FRAMES},
    ],
)
def test_json_of_world_landmarks(tmp_path, content):
    check(read_mediapipe(write(tmp_path, content)))


def test_directions_are_those_of_a_half_turn(tmp_path):
    read = read_mediapipe(write(tmp_path, FRAMES), rate=30.0)
    np.testing.assert_allclose(np.linalg.det(np.linalg.lstsq(WORLD[0], read.joints[0, 0], rcond=None)[0]), 1, rtol=1e-4)
    assert "z negated" in said(read, "axes")
    assert said(read, "landmarks").startswith("of the world, by the hips")
    assert read.rate == 30.0


@pytest.mark.parametrize("shape", ["{a}{i}", "{a}{j}", "{n}_{a}", "{s}_{a}", "{a}_{S}", "{i}_{a}", "landmark_{i}_{a}"])
@pytest.mark.parametrize("sure", ["v", "visibility", ""])
def test_csv_columns_by_number_or_name(tmp_path, shape, sure):
    sided = [
        f"{n.rsplit('_', 1)[1]}_{n.rsplit('_', 1)[0]}" if n.endswith(("left", "right")) else n for n in LAYOUT.joints
    ]
    header, columns = ["frame", "label"], []
    for i, name in enumerate(LAYOUT.joints):
        for k, axis in enumerate(("x", "y", "z", sure)):
            if axis:
                names = {"i": i, "j": i + 1, "n": name, "s": sided[i], "S": sided[i].upper()}
                header.append(shape.format(a=axis, **names))
                columns.append(WORLD[:, i, k] if k < 3 else SEEN[:, i])
    rows = [",".join([str(t), "wave", *(f"{column[t]:.6f}" for column in columns)]) for t in range(4)]
    path = write(tmp_path, "\n".join([",".join(header), *rows]), "walk.csv")
    check(read_mediapipe(path), seen=bool(sure))


def test_an_empty_cell_and_a_frame_without_anybody(tmp_path):
    header = [f"{axis}{i}" for i in range(33) for axis in "xyz"]
    cells = [[f"{value:.6f}" for value in frame.ravel()] for frame in WORLD]
    cells[0][4] = ""  # y of landmark 1
    cells[1] = [""] * 99
    rows = [",".join(["time", *header]), *(",".join([f"{t / 30:.3f}", *row]) for t, row in enumerate(cells))]
    read = read_mediapipe(write(tmp_path, "\n".join(rows), "walk.csv"))
    assert np.isnan(read.joints[0, 0]).all(axis=1).tolist() == [i == 1 for i in range(33)]
    assert np.isnan(read.joints[0, 1]).all()
    read = read_mediapipe(write(tmp_path, [FRAMES[0], None, [], FRAMES[3]]))
    assert np.isnan(read.joints[0, :, 0, 0]).tolist() == [False, True, True, False]


@pytest.mark.parametrize("suffix", ["npz", "npy"])
def test_arrays_with_and_without_persons_and_visibility(tmp_path, suffix):
    path = tmp_path / f"walk.{suffix}"
    with_sight = np.concatenate([WORLD, SEEN[..., None]], axis=2)
    for array, seen in ((WORLD, False), (with_sight, True), (with_sight[None], True)):
        np.savez(path, landmarks_of_all=array) if suffix == "npz" else np.save(path, array)
        check(read_mediapipe(path), seen=seen)


def test_picture_landmarks_are_2d(tmp_path):
    frames = [landmarks(points, seen) for points, seen in zip(PICTURE, SEEN, strict=True)]
    for content in (frames, [{"poseLandmarks": frame} for frame in frames]):
        path = write(tmp_path, content)
        refused(path, "places in the picture .* so they are 2-D.*format='mediapipe_2d'")
        read = read_mediapipe(path, flat=True)
        np.testing.assert_allclose(read.joints[0], PICTURE[..., :2] * [1, -1], rtol=1e-6)
    refused(write(tmp_path, FRAMES), "these are world landmarks", flat=True)
    both = [{"pose_landmarks": a, "pose_world_landmarks": b} for a, b in zip(frames, FRAMES, strict=True)]
    path = write(tmp_path, both)
    assert (read_mediapipe(path).dimensions, read_mediapipe(path, flat=True).dimensions) == (3, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("[[{", "not a complete JSON file"),
        ("[" * 10**5, "nested too deeply"),
        ("3", "a list of frames is needed, got 3"),
        ({"a": 1}, "no landmarks here, but an object with the keys a"),
        ([{"hands": []}], r"no landmarks here, but an object with the keys hands \(in .*frame 0"),
        ([FRAMES[0][:32]], r"33 landmarks of MediaPipe are needed, got 32 \(in .*frame 0.*np\.save"),
        ([[{"x": 1, "y": 2}] * 33] * 2, "'z' is missing .*frame 0, landmark 0"),
        ([[[1, 2]] * 33], "3 or 4 numbers are needed, got 2"),
        ([[{"x": "a", "y": 2, "z": 3}] * 33], "not a list of numbers .*frame 0"),
        ([None, []], "there is nobody in any of the 2 frames"),
        ([{"pose_world_landmarks": FRAMES[0]}, {"pose_landmarks": FRAMES[0]}], "some frames have world landmarks"),
        ([{"pose_world_landmarks": landmarks(PICTURE[0])}], "the middle of the hips is not their origin"),
    ],
)
def test_broken_json(tmp_path, content, message):
    refused(write(tmp_path, content), message)


def test_broken_csv_and_arrays(tmp_path):
    header = ",".join(f"{axis}{i}" for i in range(33) for axis in "xyz")
    row = ",".join("0.1" for _ in range(99))
    for text, message in (
        (header, "there is no row after the header"),
        (f"{header}\n{row},1", "100 cells, but 99 columns .*line 2"),
        (f"{header}\n{row[:-3]}a", "'a' is not a number .*line 2, column 'z32'"),
        (f"{header}\n{row[:-3]}inf", "an infinite number"),
        (f"{header.replace('y7', 'w7')}\n{row}", r"no single column has y of landmark 7 \(ear_left\)"),
        (f"{header.replace('y7', 'x7')}\n{row}", "no single column"),
    ):
        refused(write(tmp_path, text, "walk.csv"), message)
    path = tmp_path / "walk.npz"
    np.savez(path, a=WORLD, b=WORLD)
    refused(path, "which array holds the landmarks")
    np.savez(path, pose_world_landmarks=WORLD[:, :32])
    refused(path, r"got float64\[4, 32, 3\] .*--format array")
    np.savez(path, pose_world_landmarks=np.array([{}], dtype=object))
    refused(path, "pickles are never read")
    path.write_bytes(path.read_bytes()[:100])
    refused(path, "not a complete file|never read")
