"""Partitions of a data set into training and test samples, for the real split and for its calibration folds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zsar_kit.data.parts import train_part
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.splits import (
    ClassSplit,
    holdout_samples,
    holdout_subjects,
    pseudo_unseen_folds,
)
from zsar_kit.errors import DataError

AUDIT_HINT = "Is the data set complete? Check with: zsar data audit."


@dataclass(frozen=True, eq=False, repr=False)
class Partition:
    """Training and test samples of one class split.

    The main partition is that of the real split. A calibration fold is a partition within the train part; its unseen
    classes are pseudo-unseen.

    Attributes:
        split: seen and unseen classes.
        train: mask ``[sample]`` of the samples that encoder and method are trained on.
        test: mask ``[sample]`` of the samples that are scored.
    """

    split: ClassSplit
    train: np.ndarray
    test: np.ndarray

    def __repr__(self) -> str:
        counts = f"{int(self.train.sum())} training, {int(self.test.sum())} test samples"
        return f"Partition({self.split.dataset} {self.split.name}: {counts})"


def main_partition(skeletons: SkeletonSet, split: ClassSplit, protocol: str) -> Partition:
    """The partition of the real split: trains on the train part's seen classes, tests on all classes of the test part.

    Raises:
        DataError: there is no training sample of a seen class.
    """
    index = skeletons.index
    train = train_part(skeletons, protocol)
    seen = np.isin(index.label, split.seen)
    if not (train & seen).any():
        problem = f"no training sample of a seen class of {split.dataset} {split.name!r} ({protocol})"
        raise DataError(problem, where=skeletons.path, remedy=AUDIT_HINT)
    return Partition(split, train & seen, ~train & np.isin(index.label, split.candidates))


def calibration_folds(skeletons: SkeletonSet, split: ClassSplit, protocol: str, seed: int) -> tuple[Partition, ...]:
    """Folds of pseudo-unseen classes within the train part.

    Some subjects of the train part are held out as well, so that a fold's *seen* test samples come from new subjects,
    as in the real test. Samples of pseudo-unseen classes come from all subjects of the train part: there are few of
    them, and the fold's encoder has never seen their classes.
    """
    index = skeletons.index
    return folds_within(index.label, index.groups, train_part(skeletons, protocol), split, seed)


def folds_within(
    labels: np.ndarray, subjects: np.ndarray, train: np.ndarray, split: ClassSplit, seed: int
) -> tuple[Partition, ...]:
    """The folds of :func:`calibration_folds`, made from the columns of any index.

    If subjects are unknown (imported sets give all samples the same number), a quarter of each class's samples is held
    out instead.

    Args:
        labels: class ids ``[sample]``.
        subjects: subject numbers ``[sample]``.
        train: true for the train part ``[sample]``.
        split: class split whose seen classes are divided.
        seed: seed of both draws: of pseudo-unseen classes, and of held-out subjects or samples.
    """
    held = np.zeros(len(labels), dtype=bool)
    if len(np.unique(subjects[train])) < 2:
        held[holdout_samples(labels, np.flatnonzero(train), seed=seed)] = True
    else:
        held = np.isin(subjects, holdout_subjects(subjects[train], seed=seed))
    folds = []
    for fold in pseudo_unseen_folds(split, seed):
        seen, unseen = np.isin(labels, fold.seen), np.isin(labels, fold.unseen)
        folds.append(Partition(fold, train & seen & ~held, train & ((seen & held) | unseen)))
    return tuple(folds)


def partitions_of(
    skeletons: SkeletonSet, split: ClassSplit, protocol: str, folds_seed: int
) -> tuple[Partition, tuple[Partition, ...]]:
    """The main partition and the calibration folds of a run.

    Raises:
        DataError: there is no training sample of a seen class, or no test sample of an unseen one.
    """
    main = main_partition(skeletons, split, protocol)
    if not np.isin(skeletons.index.label[main.test], split.unseen).any():
        problem = f"no test sample of an unseen class of {split.dataset} {split.name!r} ({protocol})"
        raise DataError(problem, where=skeletons.path, remedy=AUDIT_HINT)
    return main, calibration_folds(skeletons, split, protocol, folds_seed)
