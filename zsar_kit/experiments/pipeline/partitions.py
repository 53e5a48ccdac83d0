"""Partitions of a data set into training and test samples, for the real split and for its calibration folds."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from zsar_kit.data.parts import train_part
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.splits import (
    ClassSplit,
    class_names,
    holdout_samples,
    holdout_subjects,
    pseudo_unseen_groups,
)
from zsar_kit.errors import DataError

log = logging.getLogger("zsar_kit")
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
        few: what the encoder's folder is told apart by, if it is trained on few samples of each class only.
    """

    split: ClassSplit
    train: np.ndarray
    test: np.ndarray
    few: str = ""

    def __repr__(self) -> str:
        counts = f"{int(self.train.sum())} training, {int(self.test.sum())} test samples"
        return f"Partition({self.split.dataset} {self.split.name}: {counts})"


@dataclass(frozen=True, eq=False)
class PartitionGroup:
    """The calibration folds that share an encoder.

    Attributes:
        encoder: what that encoder is trained on. Its unseen classes are all that the folds treat as unseen.
        folds: all with the encoder's training samples.
    """

    encoder: Partition
    folds: tuple[Partition, ...]


def in_turn(groups: Sequence[PartitionGroup]) -> tuple[tuple[int, Partition], ...]:
    """The folds of all groups, each with the position of its group: the first of each group, then the second, ..."""
    together = zip(*(group.folds for group in groups), strict=True)
    return tuple((g, fold) for folds in together for g, fold in enumerate(folds))


def without_untrained(split: ClassSplit, trained: np.ndarray) -> ClassSplit:
    """The split without those seen classes that have no training sample: nothing can learn them.

    They are excluded: neither seen nor unseen, and no candidates.

    Args:
        split: a class split.
        trained: labels of the training samples of its seen classes.
    """
    present = set(np.unique(trained).tolist())
    if not (lacking := [c for c in split.seen if c not in present]):
        return split
    return replace(split, excluded=(*split.excluded, *lacking))


def untrained_note(named: ClassSplit, used: ClassSplit) -> str:
    """What is said of seen classes without a training sample; empty if there are none.

    Args:
        named: the split as it was asked for.
        used: the same without those classes.
    """
    if not (lacking := [c for c in named.seen if c not in used.seen]):
        return ""
    names = class_names(named.dataset)
    listed = ", ".join(f"{c} ({names[c]})" for c in lacking)
    return f"no training sample of class {listed}: neither seen nor unseen here, and no candidate"


def main_partition(skeletons: SkeletonSet, split: ClassSplit, protocol: str) -> Partition:
    """The partition of the real split: trains on the train part's seen classes, tests on all classes of the test part.

    A seen class without a training sample is excluded (:func:`without_untrained`), and the log says so.

    Raises:
        DataError: there are no training samples of two seen classes.
    """
    index = skeletons.index
    train = train_part(skeletons, protocol)
    seen = np.isin(index.label, split.seen)
    if len(np.unique(index.label[train & seen])) < 2:
        few = (
            "a single seen class has training samples" if (train & seen).any() else "no training sample of a seen class"
        )
        problem = f"{few} of {split.dataset} {split.name!r} ({protocol})"
        raise DataError(problem, where=skeletons.path, remedy=AUDIT_HINT)
    used = without_untrained(split, index.label[train & seen])
    if note := untrained_note(split, used):
        log.warning("%s %s: %s", split.dataset, split.name, note)
    return Partition(used, train & seen, ~train & np.isin(index.label, used.candidates))


def calibration_groups(
    skeletons: SkeletonSet, split: ClassSplit, protocol: str, seed: int
) -> tuple[PartitionGroup, ...]:
    """Folds of pseudo-unseen classes within the train part, by the encoder that they share.

    Some subjects of the train part are held out as well, others for each encoder, so that a fold's *seen* test samples
    come from new subjects, as in the real test. Samples of pseudo-unseen classes come from all subjects of the train
    part: there are few of them, and the fold's encoder has never seen their classes.

    Args:
        skeletons: the data set.
        split: the split of the main partition.
        protocol: how samples are divided into train and test.
        seed: seed of both draws: of pseudo-unseen classes, and of held-out subjects or samples.
    """
    index = skeletons.index
    return groups_within(index.label, index.groups, train_part(skeletons, protocol), split, seed)


def groups_within(
    labels: np.ndarray, subjects: np.ndarray, train: np.ndarray, split: ClassSplit, seed: int
) -> tuple[PartitionGroup, ...]:
    """The groups of :func:`calibration_groups`, made from the columns of any index.

    If subjects are unknown (imported sets give all samples the same number), a quarter of each class's samples is held
    out instead.

    Args:
        labels: class ids ``[sample]``.
        subjects: subject numbers ``[sample]``.
        train: true for the train part ``[sample]``.
        split: class split whose seen classes are divided.
        seed: seed of both draws: of pseudo-unseen classes, and of held-out subjects or samples.
    """
    groups = []
    for turn, group in enumerate(pseudo_unseen_groups(split, seed)):
        held = np.zeros(len(labels), dtype=bool)
        if len(np.unique(subjects[train])) < 2:
            held[holdout_samples(labels, np.flatnonzero(train), seed=seed, turn=turn)] = True
        else:
            held = np.isin(subjects, holdout_subjects(subjects[train], seed=seed, turn=turn))
        learnt = train & ~held & np.isin(labels, group.encoder.seen)
        encoder, *folds = (without_untrained(one, labels[learnt]) for one in (group.encoder, *group.folds))
        scored = train & held & np.isin(labels, encoder.seen)
        parts = [Partition(one, learnt, scored | (train & np.isin(labels, one.unseen))) for one in (encoder, *folds)]
        groups.append(PartitionGroup(parts[0], tuple(parts[1:])))
    return tuple(groups)


def partitions_of(
    skeletons: SkeletonSet, split: ClassSplit, protocol: str, folds_seed: int
) -> tuple[Partition, tuple[PartitionGroup, ...]]:
    """The main partition and the calibration folds of a run.

    Raises:
        DataError: there is no training sample of a seen class, or no test sample of an unseen one.
    """
    main = main_partition(skeletons, split, protocol)
    if not np.isin(skeletons.index.label[main.test], split.unseen).any():
        problem = f"no test sample of an unseen class of {split.dataset} {split.name!r} ({protocol})"
        raise DataError(problem, where=skeletons.path, remedy=AUDIT_HINT)
    return main, calibration_groups(skeletons, main.split, protocol, folds_seed)
