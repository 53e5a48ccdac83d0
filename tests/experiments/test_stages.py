"""What a run learns from and is scored on: parts, folds, and data sets that cannot serve."""

from __future__ import annotations

import numpy as np
import pytest

from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.data.splits import class_names, load_split
from zsar_kit.errors import DataError
from zsar_kit.experiments.config import RunConfig
from zsar_kit.experiments.stages import calibration_folds, main_fold, split_and_folds

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
    main = main_fold(skeletons, split, "xsub")
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
        split_and_folds(skeletons, RunConfig(dataset="pku_mmd", split="46/5", method="ridge", preset="motion"))
