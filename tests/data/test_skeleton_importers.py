"""Skeletons in one archive: row for row what a loop over frames, persons and joints says, and back."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from zsar_kit.data.importers.skeletons import export_skeletons, import_skeletons
from zsar_kit.data.importers.streams import ArrayRows, open_npz, write_npz
from zsar_kit.data.readers.arrays import from_arrays
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.splits import class_names
from zsar_kit.data.timing import resample
from zsar_kit.errors import DataError, SplitError

Arrays = dict[str, np.ndarray]


def bodies(rng: np.random.Generator, persons: int, frames: int) -> np.ndarray:
    return rng.normal(size=(persons, frames, 25, 3)).astype(np.float32)


def ctrgcn_row(joints: np.ndarray, frames: int = 300) -> np.ndarray:
    """A row as CTR-GCN's preparation fills it: frame by frame person 1 and person 2, joint by joint x, y, z."""
    row = np.zeros((frames, 150), dtype=np.float32)
    for person in range(joints.shape[0]):
        for frame in range(joints.shape[1]):
            for joint in range(25):
                for axis in range(3):
                    row[frame, person * 75 + joint * 3 + axis] = joints[person, frame, joint, axis]
    return row


def pku_row(joints: np.ndarray) -> np.ndarray:
    row = np.zeros((3, joints.shape[1], 25, 2), dtype=np.float32)
    for person in range(joints.shape[0]):
        for axis in range(3):
            row[axis, :, :, person] = joints[person, :, :, axis]
    return row


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def sequences(rng: np.random.Generator) -> list[np.ndarray]:
    return [bodies(rng, 1, 12), bodies(rng, 2, 7), bodies(rng, 1, 1), bodies(rng, 2, 30)]


def ntu_arrays(sequences: list[np.ndarray]) -> Arrays:
    """Two training and two test rows of the classes 0, 59, 7, 7."""
    one_hot, rows = np.eye(60), [ctrgcn_row(s) for s in sequences]
    return {
        "x_train": np.stack(rows[:2]),
        "y_train": one_hot[[0, 59]],
        "x_test": np.stack(rows[2:]),
        "y_test": one_hot[[7, 7]],
    }


def imported(tmp_path: Path, arrays: Arrays, form: str = "ctrgcn", **options) -> SkeletonSet:
    np.savez(tmp_path / "theirs.npz", **arrays)
    options = {"dataset": "ntu60" if form == "ctrgcn" else "pku_mmd", "protocol": "xsub"} | options
    return import_skeletons(tmp_path / "theirs.npz", form, tmp_path / "ours", **options)


def test_padding_and_absent_persons_are_removed_and_nothing_else(tmp_path: Path, sequences):
    skeletons = imported(tmp_path, ntu_arrays(sequences))
    for i, wanted in enumerate(sequences):
        assert np.array_equal(skeletons.sequence(i).joints, wanted)
    assert skeletons.index.label.tolist() == [0, 59, 7, 7]
    assert skeletons.index.sample.tolist() == ["train_000001", "train_000002", "test_000001", "test_000002"]
    assert skeletons.parts["xsub"].tolist() == [True, True, False, False]
    assert (skeletons.dataset, skeletons.layout, set(skeletons.index.subject)) == ("ntu60", "ntu25", {-1})


def test_empty_frames_inside_stay_and_a_second_person_alone_becomes_the_first(tmp_path: Path, rng):
    gap = bodies(rng, 1, 9)
    gap[0, 3:5] = 0
    second = np.concatenate([np.zeros((1, 6, 25, 3), np.float32), bodies(rng, 1, 6)])
    skeletons = imported(tmp_path, ntu_arrays([gap, second, gap, gap]))
    assert np.array_equal(skeletons.sequence(0).joints, gap)
    assert np.array_equal(skeletons.sequence(1).joints, second[1:])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_is_exported_is_theirs(tmp_path: Path, sequences, save):
    arrays = ntu_arrays(sequences)
    save(tmp_path / "theirs.npz", **arrays)
    names = {"dataset": "ntu60", "protocol": "xsub"}
    skeletons = import_skeletons(tmp_path / "theirs.npz", "ctrgcn", tmp_path / "ours", **names)
    export_skeletons(skeletons, skeletons.parts["xsub"], "ctrgcn", tmp_path / "again.npz")
    with np.load(tmp_path / "again.npz", allow_pickle=False) as again:
        assert set(again) == set(arrays)
        for name, array in arrays.items():
            assert np.array_equal(again[name], array)
            assert again[name].dtype == array.dtype
    second = import_skeletons(tmp_path / "again.npz", "ctrgcn", tmp_path / "second", **names)
    assert (second.path / "frames.npy").read_bytes() == (skeletons.path / "frames.npy").read_bytes()
    assert (second.path / "index.csv").read_bytes() == (skeletons.path / "index.csv").read_bytes()


def test_pku_rows_are_read_and_written(tmp_path: Path, rng):
    whole = [bodies(rng, 2, 64), bodies(rng, 1, 64), bodies(rng, 2, 64)]
    arrays = {
        "x_train": np.stack([pku_row(s) for s in whole[:2]]),
        "y_train": np.array([[50], [0]]),
        "x_test": np.stack([pku_row(s) for s in whole[2:]]),
        "y_test": np.array([[3]]),
    }
    skeletons = imported(tmp_path, arrays, "pku")
    for i, wanted in enumerate(whole):
        assert np.array_equal(skeletons.sequence(i).joints, wanted)
    assert skeletons.index.label.tolist() == [50, 0, 3]
    export_skeletons(skeletons, skeletons.parts["xsub"], "pku", tmp_path / "again.npz")
    with np.load(tmp_path / "again.npz", allow_pickle=False) as again:
        for name, array in arrays.items():
            assert np.array_equal(again[name], array)
        assert (again["x_train"].dtype, again["y_train"].dtype) == (np.float32, np.int64)


def test_pku_rows_that_end_in_zeros_come_back(tmp_path: Path, rng):
    """They were resampled to their length, not filled up: no frame may go, or the others would move on export."""
    still, whole = bodies(rng, 2, 64), bodies(rng, 1, 64)
    still[:, 50:] = 0
    x, y = np.stack([pku_row(still), pku_row(whole)]), np.array([[1], [2]])
    skeletons = imported(tmp_path, {"x_train": x, "y_train": y, "x_test": x, "y_test": y}, "pku")
    assert skeletons.index.frames.tolist() == [64] * 4
    assert np.array_equal(skeletons.sequence(0).joints, still)
    export_skeletons(skeletons, skeletons.parts["xsub"], "pku", tmp_path / "again.npz")
    with np.load(tmp_path / "again.npz", allow_pickle=False) as again:
        assert np.array_equal(again["x_train"], x)


def own(tmp_path: Path, sequences: list[np.ndarray], dataset: str = "pku_mmd", layout: str = "ntu25") -> SkeletonSet:
    names = class_names(dataset)
    return from_arrays(tmp_path / "own", sequences, [0] * len(sequences), names, dataset=dataset, layout=layout)


def test_export_to_pku_resamples(tmp_path: Path, sequences):
    train = np.array([True, False, False, False])
    export_skeletons(own(tmp_path, sequences), train, "pku", tmp_path / "o.npz")
    with np.load(tmp_path / "o.npz", allow_pickle=False) as again:
        assert np.array_equal(again["x_train"][0], pku_row(resample(sequences[0], 64)))
        assert again["x_test"].shape == (3, 3, 64, 25, 2)


def test_export_keeps_the_two_most_moving_of_three(tmp_path: Path, rng):
    three = bodies(rng, 3, 5)
    three[1] *= 0.01
    three[2] *= 3
    export_skeletons(own(tmp_path, [three, three], "ntu60"), np.array([True, False]), "ctrgcn", tmp_path / "o.npz")
    with np.load(tmp_path / "o.npz", allow_pickle=False) as again:
        assert np.array_equal(again["x_train"][0], ctrgcn_row(three[[2, 0]]))


def test_export_refuses_what_does_not_fit(tmp_path: Path, rng, sequences):
    skeletons = own(tmp_path, [bodies(rng, 1, 301), *sequences], "ntu60")
    out, train = tmp_path / "o.npz", np.arange(5) < 2
    with pytest.raises(DataError, match=r"at most 300 frames is required, got 301.*sample '000000'"):
        export_skeletons(skeletons, train, "ctrgcn", out)
    for mask in (train[:4], np.ones(5, dtype=bool), train.astype(int)):
        with pytest.raises(DataError, match="must be a boolean for each of 5 samples, with both parts"):
            export_skeletons(skeletons, mask, "ctrgcn", out)
    with pytest.raises(DataError, match="Did you mean 'ctrgcn'"):
        export_skeletons(skeletons, train, "ctr-gcn", out)
    assert [p.name for p in tmp_path.iterdir()] == ["own"]
    out.write_bytes(b"mine")
    with pytest.raises(DataError, match="something exists there already"):
        export_skeletons(skeletons, train, "ctrgcn", out)
    assert out.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("x_train", lambda a: a[:, :, :149], r"sample shape \[frame, 150\] are required, got float32 \[2, 300, 149\]"),
        ("x_train", lambda a: a.astype(int), r"floating-point numbers .* got int64"),
        ("x_test", lambda a: a[0], r"got float32 \[300, 150\].*x_test"),
        ("x_test", lambda a: a[:1], "1 sequences need as many labels, got 2.*x_test"),
        ("x_test", lambda a: a * np.nan, r"every joint is missing.*test_000001"),
        ("x_test", lambda a: a * 1000, r"must be metres.*test_000001"),
        ("x_test", lambda a: a * 0, r"every joint is missing.*test_000001"),
        ("x_train", np.asfortranarray, "the array is stored column by column.*ascontiguousarray"),
        ("y_train", lambda a: a * 2, "row 0 is not one-hot.*y_train"),
        ("y_train", lambda a: a + np.roll(a, 1, axis=1), "row 0 is not one-hot"),
        ("y_train", lambda a: a[:, :51], r"one-hot numbers \[sample, 60\] are required, got float64 \[2, 51\]"),
        ("y_train", lambda a: a.argmax(1), r"one-hot numbers \[sample, 60\] are required, got int64 \[2\]"),
        ("y_train", lambda a: a.astype(object), "pickled objects"),
    ],
)
def test_wrong_arrays_are_refused(tmp_path: Path, sequences, name, change, message):
    arrays = ntu_arrays(sequences)
    with pytest.raises(DataError, match=message):
        imported(tmp_path, arrays | {name: change(arrays[name])})
    assert not (tmp_path / "ours").exists()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("x_train", np.ones((1, 3, 64, 25, 3), np.float32), r"sample shape \[3, frame, 25, 2\] are required"),
        ("y_train", np.array([[51]]), r"must be 0\.\.50, got 51\.\.51"),
        ("y_train", np.array([[1.0]]), r"whole numbers \[sample\] or \[sample, 1\] are required, got float64"),
    ],
)
def test_wrong_pku_arrays_are_refused(tmp_path: Path, name, value, message):
    x, y = np.ones((1, 3, 64, 25, 2), np.float32), np.array([[1]])
    with pytest.raises(DataError, match=message):
        imported(tmp_path, {"x_train": x, "y_train": y, "x_test": x, "y_test": y} | {name: value}, "pku")


def test_absent_things_are_named(tmp_path: Path, sequences):
    arrays = ntu_arrays(sequences)
    with pytest.raises(DataError, match=r"'y_test' is missing.*It has x_train"):
        imported(tmp_path, {k: v for k, v in arrays.items() if k != "y_test"})
    with pytest.raises(DataError, match="does not exist"):
        import_skeletons(tmp_path / "no.npz", "ctrgcn", tmp_path / "ours", dataset="ntu60", protocol="xsub")
    with pytest.raises(SplitError, match="Did you mean 'ntu60'"):
        imported(tmp_path, arrays, dataset="ntu6")
    with pytest.raises(DataError, match="Known: ctrgcn, pku"):
        imported(tmp_path, arrays, "npz", dataset="ntu60")
    skeletons = imported(tmp_path, arrays)
    with pytest.raises(DataError, match="something exists there already"):
        imported(tmp_path, arrays)
    assert len(SkeletonSet.load(skeletons.path)) == 4


def test_an_archive_is_written_and_read_in_pieces(tmp_path: Path):
    """Forty megabytes pass through a few hundred kilobytes."""
    count, width = 10_000, 1_000
    tracemalloc.start()
    rows = ArrayRows((count, width), "<f4", (np.full((10, width), i, np.float32) for i in range(count // 10)))
    write_npz(tmp_path / "big.npz", {"x": rows})
    total = 0.0
    with open_npz(tmp_path / "big.npz", ["x"]) as member:
        for chunk in member("x").rows(10):
            total += float(chunk[:, 0].sum())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 10 * sum(range(count // 10))
    assert peak < 2**21
