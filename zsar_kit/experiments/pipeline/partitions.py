"""Partitions of a data set: what is learnt from and what is scored, for the real split and for calibration folds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zsar_kit.data.parts import train_part
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.splits import (
    ClassSplit,
    holdout_samples,
    holdout_subjects,
    load_split,
    pseudo_unseen_folds,
)
from zsar_kit.errors import DataError
from zsar_kit.experiments.runs.config import RunConfig

WHOLE = "Is the data set whole? See: zsar data audit."


@dataclass(frozen=True)
class Fold:
    """One division of samples into what is learnt from and what is scored.

    Attributes:
        split: seen and unseen classes; for calibration the unseen ones are pseudo-unseen.
        train: mask of the samples that encoder and method learn from.
        test: mask of the samples that are scored.
    """

    split: ClassSplit
    train: np.ndarray
    test: np.ndarray


def main_fold(skeletons: SkeletonSet, split: ClassSplit, protocol: str) -> Fold:
    """The real thing: seen classes of the train part to learn from, all classes of the test part to score.

    Raises:
        DataError: there is nothing to learn from.
    """
    index = skeletons.index
    train = train_part(skeletons, protocol)
    seen = np.isin(index.label, split.seen)
    if not (train & seen).any():
        problem = f"no training sample of a seen class of {split.dataset} {split.name!r} ({protocol})"
        raise DataError(problem, where=skeletons.path, remedy=WHOLE)
    return Fold(split, train & seen, ~train & np.isin(index.label, split.candidates))


def calibration_folds(skeletons: SkeletonSet, split: ClassSplit, protocol: str, seed: int) -> tuple[Fold, ...]:
    """Folds of pseudo-unseen classes inside the train part (docs/architecture.md).

    Some subjects of the train part are held out as well, so that a fold's *seen* test samples are of new people, as in
    the real test. Samples of pseudo-unseen classes come from all subjects of the train part: they are few, and no
    encoder of the fold has met their class.
    """
    index = skeletons.index
    return folds_within(index.label, index.groups, train_part(skeletons, protocol), split, seed)


def folds_within(
    labels: np.ndarray, subjects: np.ndarray, train: np.ndarray, split: ClassSplit, seed: int
) -> tuple[Fold, ...]:
    """The folds of :func:`calibration_folds` from the columns of any index.

    Where nobody knows the subjects (imported sets number them all alike), a quarter of each class's samples is held
    out in the place of people.

    Args:
        labels: class ids ``[sample]``.
        subjects: ``[sample]``.
        train: true for the train part ``[sample]``.
        split: whose seen classes are divided.
        seed: of both draws.
    """
    held = np.zeros(len(labels), dtype=bool)
    if len(np.unique(subjects[train])) < 2:
        held[holdout_samples(labels, np.flatnonzero(train), seed=seed)] = True
    else:
        held = np.isin(subjects, holdout_subjects(subjects[train], seed=seed))
    folds = []
    for fold in pseudo_unseen_folds(split, seed):
        seen, unseen = np.isin(labels, fold.seen), np.isin(labels, fold.unseen)
        folds.append(Fold(fold, train & seen & ~held, train & ((seen & held) | unseen)))
    return tuple(folds)


def split_and_folds(skeletons: SkeletonSet, config: RunConfig) -> tuple[Fold, tuple[Fold, ...]]:
    """The main fold and the calibration folds of a run.

    Raises:
        DataError: there is nothing to learn from, or no sample of an unseen class to score.
    """
    split, protocol = load_split(config.dataset, config.split), config.part_protocol()
    main = main_fold(skeletons, split, protocol)
    if not np.isin(skeletons.index.label[main.test], split.unseen).any():
        problem = f"no test sample of an unseen class of {split.dataset} {split.name!r} ({protocol})"
        raise DataError(problem, where=skeletons.path, remedy=WHOLE)
    return main, calibration_folds(skeletons, split, protocol, config.folds_seed)
