"""One clip from anything: arrays and files give the same, and faults name the file."""

from __future__ import annotations

import numpy as np
import pytest

from zsar_kit.data.puppet.raw_ntu import skeleton_file
from zsar_kit.data.puppet.world import PuppetConfig, generate
from zsar_kit.data.readers.clips import read_clip
from zsar_kit.data.readers.registry import plan_dataset
from zsar_kit.errors import DataError


@pytest.fixture
def joints():
    return np.random.default_rng(0).normal(size=(12, 25, 3)).astype(np.float32)


def test_an_array_and_its_files_are_the_same_clip(tmp_path, joints):
    np.save(tmp_path / "a.npy", joints)
    np.savez(tmp_path / "a.npz", joints=joints[None])
    for source in (joints, tmp_path / "a.npy", str(tmp_path / "a.npz")):
        sequence, layout = read_clip(source)
        np.testing.assert_array_equal(sequence.joints, joints[None])
        assert layout == "ntu25"


def test_a_file_of_ntu_is_what_its_chain_makes_of_it(tmp_path):
    clip = next(generate(PuppetConfig.tiny()))
    path = tmp_path / "S001C001P001R001A001.skeleton"
    path.write_bytes(skeleton_file(clip.joints, rng=np.random.default_rng(0)))
    sequence, layout = read_clip(path)
    assert (sequence.sample, layout) == (path.stem, "ntu25")
    centred = clip.joints - clip.joints[:, :1, 1:2]
    np.testing.assert_allclose(sequence.joints[0], centred[0], atol=1e-5)
    path.write_bytes(b"1\n0\n")
    with pytest.raises(DataError, match="body"):
        read_clip(path)


@pytest.mark.shared
def test_a_raw_file_is_what_its_data_set_reads(shared_dir):
    root = shared_dir / "data" / "nw_ucla"
    file = sorted(root.rglob("a*_s*_e*_v*.json"))[0]
    sequence, layout = read_clip(file)
    plan = plan_dataset("nw_ucla", root)
    (known,) = plan.read(next(item for item in plan.items if item.name == file.name)).sequences
    np.testing.assert_array_equal(sequence.joints, known.joints)
    assert layout == plan.layout


def test_faults_name_the_file(tmp_path, joints):
    def saved(array, name):
        np.save(tmp_path / name, array, allow_pickle=array.dtype == object)
        return tmp_path / name

    bad = joints.copy()
    bad[3, 2, 1] = np.nan
    (tmp_path / "broken.npz").write_bytes(b"PK no zip")
    np.savez(tmp_path / "other.npz", wrong=joints, label=0)
    (tmp_path / "clip.bvh").write_text("x")
    for source, message in (
        (tmp_path / "gone.npy", "there is no such clip"),
        (tmp_path / "clip.bvh", "no reader recognises this file by its name"),
        (tmp_path / "broken.npz", "not a plain array file"),
        (tmp_path / "other.npz", "the array 'joints' is missing; there are wrong, label"),
        (saved(np.zeros_like(joints), "1.npy"), "every joint is missing"),
        (saved(bad, "2.npy"), "coordinates must be finite, got nan at frame 3"),
        (saved(joints[:0], "3.npy"), "the sequence has no frame"),
        (saved(joints[:, :20], "4.npy"), "has 25 joints, the sequence has 20"),
        (saved(np.array([{}], dtype=object), "5.npy"), "pickles are never read"),
        (saved(joints[0], "6.npy"), r"numbers \[frame, joint, xyz\]"),
    ):
        with pytest.raises(DataError, match=message):
            read_clip(source)
    with pytest.raises(DataError, match="every joint is missing"):
        read_clip(np.zeros_like(joints))
