"""Pickles and body models are refused with the lines that convert them, and are not opened."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from zsar_kit.data.foreign import refuse_unreadable
from zsar_kit.errors import DataError


class Bomb:
    """Leaves a file when it is loaded."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("suffix", [".pkl", ".pickle", ".PKL", ".pk"])
def test_a_pickle_is_refused_unopened(tmp_path, suffix):
    file = tmp_path / f"ntu60_2d{suffix}"
    file.write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    with pytest.raises(DataError, match=r"so it is not read.*numpy\.savez"):
        refuse_unreadable(file)
    assert not (tmp_path / "ran").exists()


def test_the_lines_that_convert_a_pickle_work(tmp_path, monkeypatch):
    clip = {"frame_dir": "S001", "label": 3, "keypoint": np.ones((1, 5, 17, 2), dtype=np.float32)}
    (tmp_path / "set.pkl").write_bytes(pickle.dumps({"split": {}, "annotations": [clip]}))
    with pytest.raises(DataError) as raised:
        refuse_unreadable(tmp_path / "set.pkl")
    lines = re.search(r"(import csv, pickle.*) - that is", str(raised.value))
    assert lines is not None
    monkeypatch.chdir(tmp_path)
    exec(lines[1], {})  # as they are shown, on one line
    with np.load(tmp_path / "S001.npz", allow_pickle=False) as made:
        np.testing.assert_array_equal(made["joints"], clip["keypoint"])
    assert (tmp_path / "labels.csv").read_text(encoding="utf-8").splitlines() == ["sample,label", "S001,3"]


def test_the_parameters_of_a_body_model(tmp_path):
    file = tmp_path / "walk_poses.npz"
    np.savez(file, poses=np.zeros((9, 156)), trans=np.zeros((9, 3)), betas=np.zeros(16), mocap_framerate=120.0)
    with pytest.raises(DataError, match=r"body model \(AMASS\), not joints.*smpl_24"):
        refuse_unreadable(file)


def test_what_may_be_read_passes(tmp_path):
    np.savez(tmp_path / "clip.npz", joints=np.zeros((9, 24, 3)), label=0)
    np.savez(tmp_path / "both.npz", joints=np.zeros((9, 24, 3)), poses=[0], trans=[0], betas=[0])
    (tmp_path / "broken.npz").write_bytes(b"PK")
    for name in ("clip.npz", "both.npz", "broken.npz", "none.npz", "clip.c3d"):
        refuse_unreadable(tmp_path / name)
