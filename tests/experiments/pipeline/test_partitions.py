"""What a run learns from and is scored on: parts, folds, and data sets that cannot serve."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.io

from zsar_kit.data.parts import known_protocols, train_part
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.data.splits import class_names, load_split, part_mask
from zsar_kit.errors import ArtefactError, DataError
from zsar_kit.experiments.pipeline.partitions import calibration_groups, in_turn, main_partition, partitions_of
from zsar_kit.experiments.pipeline.skeletons import read_raw
from zsar_kit.experiments.pipeline.workspace import Workspace

UNSEEN = load_split("pku_mmd", "46/5").unseen


def pku(path, labels, train: str) -> SkeletonSet:
    """A set like part I of PKU-MMD: lists of its own, nobody knows the subjects, three views of a recording."""
    joints = np.ones((1, 4, 25, 3), dtype=np.float32)
    clips = (
        SkeletonSequence(
            f"{'tr' if i % 6 < 3 else 'te'}{i:03d}", joints * (1 + 0.01 * i), label, camera=1 + i % 3, setup=i // 3
        )
        for i, label in enumerate(labels)
    )
    return SkeletonSet.write(
        path,
        clips,
        dataset="pku_mmd",
        layout="ntu25",
        class_names=class_names("pku_mmd"),
        inputs={},
        parts={"xsub": lambda name: name.startswith(train)},
    )


def test_a_set_of_its_own_lists_is_divided_by_them_and_its_folds_by_recordings(tmp_path):
    labels = [c for c in range(51) for _ in range(6)] * 2  # every class in two training recordings
    skeletons, split = pku(tmp_path / "set", labels, "tr"), load_split("pku_mmd", "46/5")
    main = main_partition(skeletons, split, "xsub")
    assert set(skeletons.index.label[main.train]) == set(split.seen)
    assert all(name.startswith("tr") for name in skeletons.index.sample[main.train])
    assert all(name.startswith("te") for name in skeletons.index.sample[main.test])
    for _, fold in in_turn(calibration_groups(skeletons, split, "xsub", seed=0)):
        seen_test = fold.test & np.isin(skeletons.index.label, fold.split.seen)
        assert seen_test.any()
        assert not set(skeletons.index.setup[fold.train]) & set(skeletons.index.setup[seen_test])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            [c for c in range(51) if c not in UNSEEN for _ in range(6)],
            "no test sample of an unseen class of pku_mmd '46/5'",
        ),
        ([c for c in UNSEEN for _ in range(6)], "no training sample of a seen class of pku_mmd '46/5'"),
    ],
)
def test_a_set_that_lacks_one_side_is_told_before_anything_is_computed(tmp_path, labels, message):
    skeletons = pku(tmp_path / "set", labels, "tr")
    with pytest.raises(DataError, match=message):
        partitions_of(skeletons, load_split("pku_mmd", "46/5"), "xsub", 0)


def imported(path, **known) -> SkeletonSet:
    """Like an imported set of NTU RGB+D 60: nobody knows what is not given."""
    joints = np.ones((1, 2, 25, 3), dtype=np.float32)
    clips = [
        SkeletonSequence(f"s{i}", joints, i, **{name: values[i] for name, values in known.items()}) for i in (0, 1)
    ]
    return SkeletonSet.write(
        path,
        clips,
        dataset="ntu60",
        layout="ntu25",
        class_names=class_names("ntu60"),
        inputs={},
        parts={"xview": lambda name: name == "s0"},
    )


def test_a_protocol_that_the_set_knows_nothing_of_is_refused_and_the_others_are_named(tmp_path):
    skeletons = imported(tmp_path / "set")
    assert known_protocols(skeletons) == ("xview",)
    assert train_part(skeletons, "xview").tolist() == [True, False]
    with pytest.raises(DataError, match=r"'xsub' needs the subject of every sample.*divided by: xview"):
        train_part(skeletons, "xsub")
    assert known_protocols(imported(tmp_path / "more", subject=(1, 3))) == ("xsub", "xview")
    with pytest.raises(DataError, match="subject -1 is in neither part"):
        part_mask("ntu60", "xsub", {"subject": np.array([1, -1])})


def test_lists_that_are_not_there_are_asked_for(tmp_path):
    skeletons = pku(tmp_path / "set", [0, 1], "tr")
    assert known_protocols(skeletons) == ("xsub",)
    with pytest.raises(DataError, match=r"'xview' needs the official lists.*put the lists beside the raw files"):
        train_part(skeletons, "xview")


def mat(root, name: str) -> None:
    scipy.io.savemat(root / name, {"d_skel": np.random.default_rng(len(name)).normal(size=(20, 3, 5))})


def test_a_prepared_set_is_not_lost_by_reading_something_else(tmp_path):
    workspace, raw = Workspace(tmp_path / "w", progress=False), tmp_path / "raw"
    raw.mkdir()
    for trial in (1, 2):
        mat(raw, f"a1_s1_t{trial}_skeleton.mat")
    folder = read_raw(workspace, "utd_mhad", raw).skeletons.path
    (folder.parent / "utd-mhad.partial").mkdir()
    assert read_raw(workspace, "utd_mhad", raw).skeletons.path == folder
    assert not (folder.parent / "utd-mhad.partial").exists()
    mat(raw, "a1_s1_t3_skeleton.mat")
    assert len(read_raw(workspace, "utd_mhad", raw).skeletons) == 3
    (tmp_path / "less").mkdir()
    mat(tmp_path / "less", "a2_s1_t1_skeleton.mat")
    with pytest.raises(ArtefactError, match=r"another set of utd_mhad here, read from 3 files; now there are 1"):
        read_raw(workspace, "utd_mhad", tmp_path / "less")
    assert len(read_raw(workspace, "utd_mhad", tmp_path / "less", replace_set=True).skeletons) == 1


def few(path, labels, subjects, cameras) -> SkeletonSet:
    """Like NW-UCLA, whose cameras 1 and 2 are for training."""
    joints = np.ones((1, 4, 25, 3), dtype=np.float32)
    columns = enumerate(zip(labels, subjects, cameras, strict=True))
    return SkeletonSet.write(
        path,
        (
            SkeletonSequence(f"s{i:03d}", joints * (1 + 0.01 * i), label, subject=subject, camera=camera)
            for i, (label, subject, camera) in columns
        ),
        dataset="nw_ucla",
        layout="ntu25",
        class_names=class_names("nw_ucla"),
        inputs={},
    )


def test_folds_learn_nothing_of_what_they_treat_as_unseen_nor_of_unseen_classes(tmp_path):
    labels = np.repeat(np.arange(10), 12)
    skeletons = few(tmp_path / "set", labels.tolist(), [i % 4 for i in range(120)], [1 + i % 3 for i in range(120)])
    split = load_split("nw_ucla", "8/2")
    main, groups = partitions_of(skeletons, split, "xview", 0)
    folds = in_turn(groups)
    assert [g for g, _ in folds] == [0, 1] * 4
    index = skeletons.index
    held_out = []
    for g, fold in folds:
        encoder = groups[g].encoder
        assert np.array_equal(fold.train, encoder.train)
        assert set(index.label[encoder.train]) == set(encoder.split.seen) == set(fold.split.seen)
        learnt, scored = set(index.label[fold.train]), set(index.label[fold.test])
        assert not learnt & set(fold.split.unseen)
        assert not (learnt | scored) & set(split.unseen)
        assert scored == set(fold.split.candidates)  # nothing of what the encoder lacks besides
        assert not (fold.test & main.test).any()
        assert not (fold.train & fold.test).any()
        seen_test = fold.test & np.isin(index.label, fold.split.seen)
        assert not set(index.groups[seen_test]) & set(index.groups[fold.train])
        held_out.append(frozenset(index.groups[seen_test].tolist()))
    assert len(set(held_out)) == 2  # each encoder is tested on people of its own


def test_a_seen_class_without_training_samples_is_neither_seen_nor_a_candidate(tmp_path, caplog):
    split = load_split("nw_ucla", "8/2")
    lost = split.seen[3]
    labels = np.repeat(np.arange(10), 12)
    cameras = [3 if label == lost else 1 + i % 3 for i, label in enumerate(labels.tolist())]
    skeletons = few(tmp_path / "set", labels.tolist(), [i % 4 for i in range(120)], cameras)
    main, groups = partitions_of(skeletons, split, "xview", 0)
    assert f"no training sample of class {lost} ({class_names('nw_ucla')[lost]})" in caplog.text
    for partition in (main, *(p for group in groups for p in (group.encoder, *group.folds))):
        assert lost in partition.split.excluded
        assert set(skeletons.index.label[partition.train]) == set(partition.split.seen)
        assert lost not in skeletons.index.label[partition.test]
    # A class that only held-out people perform is lost to their encoder alone.
    subjects = [0 if label == split.seen[0] else i % 4 for i, label in enumerate(labels.tolist())]
    skeletons = few(tmp_path / "other", labels.tolist(), subjects, [1 + i % 3 for i in range(120)])
    main, groups = partitions_of(skeletons, split, "xview", 0)
    assert main.split == split
    for group in groups:
        for partition in (group.encoder, *group.folds):
            assert set(skeletons.index.label[partition.train]) == set(partition.split.seen)
