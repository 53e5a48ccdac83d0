"""AlphaPose's results: key points, identities, frames without anybody, and every kind of broken file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from zsar_kit.data.foreign import read_alphapose, read_recording
from zsar_kit.errors import DataError

RNG = np.random.default_rng(4)


def entries(count: int, frames=(0, 1, 3), persons=(7,)) -> tuple[list[dict], np.ndarray]:
    """Entries as AlphaPose writes them, and ``[frame, person, key point, x y score]``."""
    points = RNG.uniform(0, 1, size=(len(frames), len(persons), count, 3)).round(4) * [400, 300, 1]
    rows = [
        {"image_id": f"{frame}.jpg", "category_id": 1, "keypoints": points[i, j].ravel().tolist(), "score": 2.9,
         "box": [0, 0, 9, 9], "idx": [identity]}
        for i, frame in enumerate(frames)
        for j, identity in enumerate(persons)
    ]  # fmt: skip
    return rows, points


def write(folder: Path, content: object) -> Path:
    path = folder / "alphapose-results.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(("count", "body", "name"), [(17, 17, "coco_17"), (26, 26, "halpe_26"), (136, 26, "halpe_26")])
def test_key_points_are_told_by_their_number(tmp_path, count, body, name):
    rows, points = entries(count)
    read = read_recording(write(tmp_path, rows), rate=25.0)
    assert (read.layout, read.rate, read.joints.shape) == (name, 25.0, (1, 4, body, 2))
    kept = [0, 1, 3]  # nobody is in the picture 2
    np.testing.assert_allclose(read.joints[0, kept], points[:, 0, :body, :2] * [1, -1], rtol=1e-6)
    assert read.confidence is not None
    np.testing.assert_allclose(read.confidence[0, kept], points[:, 0, :body, 2], rtol=1e-6)
    assert np.isnan(read.joints[0, 2]).all()


def test_people_keep_their_rows_by_identity(tmp_path):
    rows, points = entries(17, persons=(7, 3))
    rows[2], rows[3] = rows[3], rows[2]  # the second picture has them in the other order
    read = read_alphapose(write(tmp_path, rows))
    np.testing.assert_allclose(read.joints[:, 1], points[1, :, :, :2] * [1, -1], rtol=1e-6)
    assert "identities" in dict(read.stated)["persons"]
    for row in rows:
        del row["idx"]
    read = read_alphapose(write(tmp_path, rows))
    np.testing.assert_allclose(read.joints[::-1, 1], points[1, :, :, :2] * [1, -1], rtol=1e-6)
    assert "nothing is tracked" in dict(read.stated)["persons"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[1].pop("keypoints"), "'keypoints' is missing.*entry 1"),
        (lambda rows: rows[1]["keypoints"].pop(), "x, y, score of 17 key points are needed, got 50 numbers"),
        (lambda rows: rows[1].update(image_id="start.jpg"), "a picture with a frame number"),
        (lambda rows: rows[1].update(keypoints=["a"] * 51), "not a list of numbers"),
        (lambda rows: rows.clear(), "there is no frame"),
        (lambda rows: rows[2].update(image_id="999999999999.jpg"), "too many"),
    ],
)  # fmt: skip
def test_broken_files_are_refused_by_name(tmp_path, change, message):
    rows, _ = entries(17)
    change(rows)
    with pytest.raises(DataError, match=message):
        read_recording(write(tmp_path, rows), format="alphapose")


def test_another_number_of_key_points_needs_a_layout(tmp_path):
    path = write(tmp_path, entries(20)[0])
    with pytest.raises(DataError, match="does not name its 20 key points"):
        read_recording(path)
    assert read_recording(path, layout="kinect_v1_20").layout == "kinect_v1_20"
