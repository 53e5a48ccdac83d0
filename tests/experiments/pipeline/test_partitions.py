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
from zsar_kit.experiments.pipeline.partitions import calibration_folds, main_partition, partitions_of
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
    labels = [c for c in range(51) for _ in range(6)]
    skeletons, split = pku(tmp_path / "set", labels, "tr"), load_split("pku_mmd", "46/5")
    main = main_partition(skeletons, split, "xsub")
    assert set(skeletons.index.label[main.train]) == set(split.seen)
    assert all(name.startswith("tr") for name in skeletons.index.sample[main.train])
    assert all(name.startswith("te") for name in skeletons.index.sample[main.test])
    for fold in calibration_folds(skeletons, split, "xsub", seed=0):
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
