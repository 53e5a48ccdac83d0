"""SkeletonSet: what is written is what is read, and a damaged one is refused."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from tests.resealed import reseal
from zsar_kit.data import skeleton_set
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.errors import ArtefactError, DataError

CLASSES = ("wave", "bow", "kick, high")


def sequences(count: int = 7, joints: int = 20) -> list[SkeletonSequence]:
    rng = np.random.default_rng(3)
    return [
        SkeletonSequence(
            sample=f"s{i:02d}",
            joints=rng.normal(size=(1 + i % 2, 1 + 3 * i, joints, 3)).astype(np.float32),
            label=i % 3,
            subject=i % 4,
            camera=i % 2,
            setup=-1,
            replication=i,
        )
        for i in range(count)
    ]


def write(path: Path, items=None, **changes) -> SkeletonSet:
    options = {"dataset": "demo", "layout": "kinect_v1_20", "class_names": CLASSES, "inputs": {"raw": "abc"}}
    return SkeletonSet.write(path, sequences() if items is None else items, **(options | changes))


@pytest.fixture
def stored(tmp_path) -> SkeletonSet:
    return write(tmp_path / "set", note="by hand")


def test_round_trip(stored):
    loaded = SkeletonSet.load(stored.path)
    assert (loaded.dataset, loaded.layout, loaded.class_names) == ("demo", "kinect_v1_20", CLASSES)
    assert loaded.note == "by hand"
    assert len(loaded) == 7
    for i, (original, iterated) in enumerate(zip(sequences(), loaded, strict=True)):
        for read in (iterated, loaded.sequence(i)):
            np.testing.assert_array_equal(read.joints, original.joints)
            for name in ("sample", "label", "subject", "camera", "setup", "replication"):
                assert getattr(read, name) == getattr(original, name)


def test_names_that_a_spreadsheet_would_compute_come_back(tmp_path):
    """No cell of text starts as a formula does; numbers stay numbers."""
    names = ["=1+1", "+a", "-a", "@a", "'=x", "'plain", "\ttab", "a,b"]
    items = [dataclasses.replace(s, sample=n) for s, n in zip(sequences(8), names, strict=True)]
    made = write(tmp_path / "set", items, parts={"=p": lambda name: name.startswith("=")})
    assert made.index.sample.tolist() == names
    assert {p: mask.tolist() for p, mask in made.parts.items()} == {"=p": [True] + [False] * 7}
    for file in ("index.csv", "parts.csv"):
        with open(made.path / file, newline="", encoding="utf-8") as stream:
            rows = list(csv.reader(stream))
        assert len(rows) == 9
        for row in rows:
            assert not row[0].startswith(("=", "+", "-", "@", "\t", "\r"))
            assert not any(cell.startswith("'") for cell in row[1:] if cell != "'=p")
    assert made.index.setup.tolist() == [-1] * 8  # -1 is a number, and written as one


@pytest.mark.parametrize(("name", "value"), [("subject", 1.5), ("subject", "anna"), ("camera", None), ("setup", -2)])
def test_numbers_of_a_sequence_are_whole(tmp_path, name, value):
    items = sequences()[:1]
    object.__setattr__(items[0], name, value)  # as where types are not checked
    with pytest.raises(DataError, match=f"'{name}' must be a whole number .*got {value!r} .*sample 's00'"):
        write(tmp_path / "set", items)
    assert not list(tmp_path.iterdir())


def test_coordinates_are_a_read_only_view_of_the_file(stored):
    view = stored.sequence(4).joints
    assert np.shares_memory(view, stored.frames)
    assert not view.flags.writeable
    plain = np.load(stored.path / "frames.npy", allow_pickle=False)
    np.testing.assert_array_equal(stored.frames, plain)


def test_iteration_is_the_same_when_the_file_is_mapped_anew(stored, monkeypatch):
    monkeypatch.setattr(skeleton_set, "WINDOW_BYTES", 1)
    kept = list(stored)
    for read, original in zip(kept, sequences(), strict=True):
        np.testing.assert_array_equal(read.joints, original.joints)


def test_content_decides_the_digest_and_not_the_place(tmp_path):
    first, again = write(tmp_path / "a"), write(tmp_path / "b")
    assert first.digest == again.digest
    assert write(tmp_path / "c", sequences(6)).digest != first.digest


def test_writing_takes_a_stream_one_sequence_at_a_time(tmp_path):
    alive: list[str] = []

    def stream():
        for sequence in sequences():
            alive.append(sequence.sample)
            yield sequence
            alive.remove(sequence.sample)

    write(tmp_path / "set", stream())
    assert alive == []


def test_select_by_mask_and_by_indices(stored):
    mask = stored.index.label == 1
    chosen = stored.select(mask)
    assert [s.sample for s in chosen] == ["s01", "s04"]
    assert [s.sample for s in stored.select([4, 1])] == ["s04", "s01"]
    assert [s.sample for s in chosen.select([1])] == ["s04"]
    np.testing.assert_array_equal(chosen.sequence(1).joints, stored.sequence(4).joints)
    assert len(stored.select([])) == 0


def test_select_refuses_what_is_not_there(stored):
    with pytest.raises(DataError, match=r"7 entries, got \(3,\)"):
        stored.select(np.array([True, False, True]))
    with pytest.raises(DataError, match=r"indices must be 0\.\.6, got 2\.\.7"):
        stored.select([2, 7])


# --- broken input leaves nothing behind


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (SkeletonSequence("x", np.full((1, 2, 20, 3), np.inf, np.float32), 0), "finite.*sample 'x'"),
        (SkeletonSequence("x", np.full((1, 2, 20, 3), np.nan, np.float32), 0), "every joint is missing.*sample 'x'"),
        (SkeletonSequence("x", np.ones((1, 2, 25, 3), np.float32), 0), "20 joints, the sequence has 25"),
        (SkeletonSequence("x", np.ones((1, 2, 20, 3), np.float32), 3), r"0\.\.2, got 3"),
        (SkeletonSequence("s00", np.ones((1, 2, 20, 3), np.float32), 0), "'s00' occurs twice"),
    ],
)
def test_a_broken_sequence_leaves_nothing_half_written(tmp_path, last, message):
    with pytest.raises(DataError, match=message):
        write(tmp_path / "set", [*sequences(), last])
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_what_stood_there(tmp_path):
    digest = write(tmp_path / "set").digest
    with pytest.raises(DataError, match="no sequence to write"):
        write(tmp_path / "set", [])
    assert SkeletonSet.load(tmp_path / "set").digest == digest


def test_unknown_layout(tmp_path):
    with pytest.raises(DataError, match=r"Did you mean 'ntu25'"):
        write(tmp_path / "set", layout="ntu_25")


# --- damaged artefacts


def truncate(path: Path, keep: int) -> None:
    path.write_bytes(path.read_bytes()[:keep])


@pytest.mark.parametrize("keep", [0, 50, 2000])
def test_truncated_array(stored, keep):
    truncate(stored.path / "frames.npy", keep)
    reseal(stored.path)
    with pytest.raises(ArtefactError, match=r"not a complete array .*frames\.npy.*It was truncated"):
        SkeletonSet.load(stored.path)


def test_array_of_other_length_or_joints(stored):
    frames = np.array(stored.frames)
    np.save(stored.path / "frames.npy", frames[:-1])
    reseal(stored.path)
    with pytest.raises(ArtefactError, match=r"the index describes \d+ rows, the array has \d+"):
        SkeletonSet.load(stored.path)
    np.save(stored.path / "frames.npy", frames[:, :17])
    reseal(stored.path)
    with pytest.raises(ArtefactError, match=r"needs float32 \[row, 20, 3\], got float32 \(\d+, 17, 3\)"):
        SkeletonSet.load(stored.path)


def test_pickled_array_is_not_read(stored):
    np.save(stored.path / "frames.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    reseal(stored.path)
    with pytest.raises(ArtefactError, match=r"not a complete array.*Python objects"):
        SkeletonSet.load(stored.path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("sample,label", "sample,class", "the columns must be"),
        ("s01,1,", "s01,one,", r"eight whole numbers .*line 3"),
        ("s01,1,", "s01,7,", "'s01' has label 7 of 3 classes"),
        ("s01,1,1,1,-1,1,1,", "s01,1,1,1,-1,1,2,", "the index describes"),
    ],
)
def test_damaged_index(stored, old, new, message):
    table = stored.path / "index.csv"
    text = table.read_text()
    assert old in text
    table.write_text(text.replace(old, new))
    reseal(stored.path)
    with pytest.raises(ArtefactError, match=message):
        SkeletonSet.load(stored.path)


def test_truncated_index(stored):
    table = stored.path / "index.csv"
    truncate(table, table.stat().st_size - 12)
    reseal(stored.path)
    with pytest.raises(ArtefactError, match=r"eight whole numbers|the index describes"):
        SkeletonSet.load(stored.path)


def test_missing_file_wrong_kind_and_no_set_at_all(stored, tmp_path):
    with pytest.raises(ArtefactError, match="no SkeletonSet here"):
        SkeletonSet.load(tmp_path / "nowhere")
    record = json.loads((stored.path / "provenance.json").read_text())
    (stored.path / "provenance.json").write_text(json.dumps(record | {"schema": 99}))
    with pytest.raises(ArtefactError, match=r"expected a SkeletonSet of schema 1, found .* schema 99"):
        SkeletonSet.load(stored.path)
    (stored.path / "provenance.json").write_text(json.dumps(record))
    (stored.path / "index.csv").unlink()
    with pytest.raises(ArtefactError, match=r"'index\.csv' of this SkeletonSet is missing"):
        SkeletonSet.load(stored.path)


def test_metadata_without_a_key(stored):
    (stored.path / "meta.json").write_text('{"dataset": "demo"}')
    reseal(stored.path)
    with pytest.raises(ArtefactError, match=r"the key 'class_names' is missing.*meta\.json"):
        SkeletonSet.load(stored.path)


def test_parts_of_its_own_travel_with_the_samples(tmp_path):
    early = {"xsub": lambda name: name < "s03", "xview": lambda name: name == "s06"}
    stored = write(tmp_path / "set", parts=early)
    np.testing.assert_array_equal(stored.parts["xsub"], [True, True, True, False, False, False, False])
    np.testing.assert_array_equal(stored.select([6, 0]).parts["xview"], [True, False])
    assert stored.digest != write(tmp_path / "plain").digest
    assert write(tmp_path / "plain").parts == {}


def test_parts_that_do_not_fit_the_index_are_refused(tmp_path):
    stored = write(tmp_path / "set", parts={"xsub": lambda name: True})
    table = stored.path / skeleton_set.PARTS_FILE
    table.write_text(table.read_text().replace("s04,train", "s04,perhaps"))
    reseal(stored.path)
    with pytest.raises(ArtefactError, match=r"'train' or 'test'.*line 6"):
        SkeletonSet.load(stored.path)
    table.write_text("sample,xsub\ns00,train\n")
    reseal(stored.path)
    with pytest.raises(ArtefactError, match="not those of the index"):
        SkeletonSet.load(stored.path)


def test_samples_of_one_subject_belong_together_or_of_one_recording(stored, tmp_path):
    np.testing.assert_array_equal(stored.index.groups, stored.index.subject)
    nobody = [dataclasses.replace(s, subject=-1, setup=i // 2) for i, s in enumerate(sequences())]
    np.testing.assert_array_equal(write(tmp_path / "b", nobody).index.groups, [0, 0, 1, 1, 2, 2, 3])
