"""Class splits: which classes are seen and which unseen, and which samples are train and test.

Unseen classes are stored, seen ones derived, because published seen lists are partly wrong. Class ids are
0-based and in the data set's official label order. Every random draw here orders ids by a hash of the seed
and the id, so that it stays the same for any version of NumPy and on any machine.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zsar_kit.data.catalogue import (
    class_count,
    class_names,
    dataset_facts,
    dataset_names,
    ntu_ids,
    part_mask,
    part_protocols,
    twin_groups,
)
from zsar_kit.data.class_split import FORMATS, ClassSplit, read_split, write_split
from zsar_kit.errors import DataError, SplitError, nearest_name
from zsar_kit.reprs import counted
from zsar_kit.seeding import derived_seed

__all__ = [
    "ClassSplit",
    "FoldGroup",
    "class_count",
    "class_names",
    "dataset_names",
    "gating_fold",
    "holdout_samples",
    "holdout_subjects",
    "load_split",
    "make_split",
    "ntu_ids",
    "part_mask",
    "part_protocols",
    "pseudo_unseen_folds",
    "pseudo_unseen_groups",
    "read_split",
    "split_names",
    "twin_groups",
    "write_split",
]

#: encoders that are trained without some seen classes, and the folds that each of them serves
FOLD_ENCODERS, FOLDS_PER_ENCODER = 2, 4
#: without two unseen classes there is nothing to tell apart, without four seen ones no pseudo-unseen fold
FEWEST_UNSEEN, FEWEST_SEEN = 2, 4


def split_names(dataset: str) -> tuple[str, ...]:
    """Names of the splits the kit has for a data set, the most common ones first."""
    return tuple(dataset_facts("splits.toml", dataset)["splits"])


def _stored(dataset: str, name: str) -> dict[str, Any]:
    splits = dataset_facts("splits.toml", dataset)["splits"]
    if name not in splits:
        raise SplitError(f"{dataset} has no split {name!r}", remedy=nearest_name(name, splits))
    return splits[name]


def load_split(dataset: str, name: str) -> ClassSplit:
    """A split by name, or from a user's file where ``name`` ends in ``.toml`` or ``.json``.

    Raises:
        SplitError: the data set or the name is unknown (the nearest is offered), or the file is inconsistent.
    """
    if Path(name).suffix in FORMATS:
        split = read_split(name)
        if split.dataset != dataset:
            raise SplitError(f"the split is for {split.dataset!r}, not for {dataset!r}", where=name)
        return split
    stored = _stored(dataset, name)
    return ClassSplit(dataset, name, class_count(dataset), tuple(stored["unseen"]), source=stored["source"])


def gating_fold(dataset: str, name: str) -> ClassSplit:
    """The fold inside a SynSE split whose pseudo-unseen classes its authors used to fit their gate.

    Raises:
        SplitError: none is published for this split.
    """
    split, stored = load_split(dataset, name), _stored(dataset, name)
    if "validation_unseen" not in stored:
        have = [n for n, s in dataset_facts("splits.toml", dataset)["splits"].items() if "validation_unseen" in s]
        advice = f"It has them for: {', '.join(have)}." if have else "Use pseudo_unseen_folds."
        raise SplitError(f"{dataset} {name!r} has no published validation classes", remedy=advice)
    source = f"{stored['source']}, validation classes of the gate"
    return _fold(split, stored["validation_unseen"], f"{name} gating", source)


def _shuffled(ids: Iterable[int], seed: int, *names: object) -> list[int]:
    return sorted(ids, key=lambda i: (derived_seed(seed, *names, i), i))


def make_split(
    dataset: str, unseen_count: int, seed: int, name: str | None = None, *, classes: int | None = None
) -> ClassSplit:
    """Draw a random split; the same arguments give the same split everywhere.

    Args:
        dataset: a data set the kit knows, or any name if ``classes`` is given.
        unseen_count: how many classes are unseen; 2 to the number of classes minus four.
        seed: seed of the draw, recorded in ``source`` and in the default name.
        name: name of the split; by default ``"seed<seed> <seen>/<unseen>"``.
        classes: number of classes of a data set the kit does not know.

    Raises:
        SplitError: the data set is unknown or the count out of range.
    """
    total = class_count(dataset) if classes is None else classes
    if not FEWEST_UNSEEN <= unseen_count <= total - FEWEST_SEEN:
        raise SplitError(
            f"{unseen_count} unseen classes asked for; at least {FEWEST_UNSEEN} must be unseen and {FEWEST_SEEN} seen, "
            f"and {dataset} has {counted(total, 'class', 'classes')}"
        )
    unseen = _shuffled(range(total), seed, "split", dataset, unseen_count)[:unseen_count]
    source = f"random: make_split({dataset!r}, {unseen_count}, seed={seed})"
    name = name or f"seed{seed} {total - unseen_count}/{unseen_count}"
    return ClassSplit(dataset, name, total, tuple(unseen), source=source)


def _fold(split: ClassSplit, unseen: Iterable[int], name: str, source: str, others: Iterable[int] = ()) -> ClassSplit:
    """A split of the seen classes; ``others`` are excluded from it as the real unseen classes are."""
    excluded = (*split.unseen, *split.excluded, *others)
    return ClassSplit(split.dataset, name, split.classes, tuple(unseen), excluded, source, fold_of=split.name)


@dataclass(frozen=True)
class FoldGroup:
    """The pseudo-unseen folds that share an encoder.

    Attributes:
        encoder: the split by which that encoder is trained; its unseen classes are all classes that it must not see.
        folds: pseudo-unseen classes are some of those. The rest of them is excluded: neither trained on nor scored.
    """

    encoder: ClassSplit
    folds: tuple[ClassSplit, ...]

    def __repr__(self) -> str:
        lacks, folds = counted(len(self.encoder.unseen), "class"), counted(len(self.folds), "fold")
        return f"FoldGroup({self.encoder.name!r} lacks {lacks}: {folds})"


def pseudo_unseen_groups(split: ClassSplit, seed: int = 0) -> tuple[FoldGroup, ...]:
    """Folds in which some seen classes stand in for unseen ones, for calibration and selection, by their encoder.

    Two groups of seen classes are drawn, and an encoder is trained without each. A fold's pseudo-unseen classes are
    some classes of one group. Its pseudo-seen classes are all that the encoder has seen, as in the real setting; what
    the encoder lacks would look unseen in the features and is left out. So all folds of a group learn from the same
    samples.

    A fold has the split's unseen/seen ratio and at least two pseudo-unseen and two pseudo-seen classes, and excludes
    the split's real unseen classes. A group has four folds, in which each of its classes occurs about equally often,
    and about one and a half times as many classes as a fold; where four folds need more, it has more, as long as half
    of the seen classes remain. There are eight folds with seven seen classes or more, at least six with five or six,
    and two with four. The groups share classes only if they must. Classes with a twin (:func:`twin_groups`) are not
    drawn while there are enough others, as in the official splits.

    Raises:
        SplitError: fewer than four classes are seen.
    """
    seen = split.seen
    if len(seen) < FEWEST_SEEN:
        raise SplitError(
            f"split {split.name!r} has {len(seen)} seen classes; pseudo-unseen folds, which choose settings and gamma, "
            f"need at least {FEWEST_SEEN}",
            remedy="Use a split with more seen classes, or recognise by words without training: zsar recognise.",
        )
    held = _held_out_count(len(seen), len(split.unseen))
    count, number = _fold_size(len(seen), len(split.unseen), held), _folds_of(len(seen), len(split.unseen), held)
    twins = {i for group in twin_groups(split.dataset).values() for i in group}
    drawable = [i for i in seen if i not in twins]
    order = _shuffled(drawable if len(drawable) > held else seen, seed, "fold", split.digest())
    groups, drawn = [], set()
    for g in range(FOLD_ENCODERS):
        members = [order[(g * held + j) % len(order)] for j in range(held)]
        source = f"fold encoder {g + 1} of {FOLD_ENCODERS} of {split.name!r}, seed {seed}"
        encoder = _fold(split, members, f"{split.name} fold encoder {g + 1}", source)
        folds = []
        for k in range(number):
            chosen = next(c for c in _neighbours(members, k * held // number, count) if frozenset(c) not in drawn)
            drawn.add(frozenset(chosen))
            place = FOLD_ENCODERS * k + g + 1
            source = f"pseudo-unseen fold {place} of {FOLD_ENCODERS * number} of {split.name!r}, seed {seed}"
            others = [i for i in members if i not in chosen]
            folds.append(_fold(split, chosen, f"{split.name} fold{place}", source, others))
        groups.append(FoldGroup(encoder, tuple(folds)))
    return tuple(groups)


def pseudo_unseen_folds(split: ClassSplit, seed: int = 0) -> tuple[ClassSplit, ...]:
    """The folds of :func:`pseudo_unseen_groups` in one row, their encoders in turn.

    Raises:
        SplitError: fewer than four classes are seen.
    """
    groups = pseudo_unseen_groups(split, seed)
    return tuple(fold for together in zip(*(g.folds for g in groups), strict=True) for fold in together)


def _neighbours(members: Sequence[int], start: int, count: int) -> Iterator[Sequence[int]]:
    """``count`` members in a row, in a circle from ``start`` on; then any others, for groups that share classes."""
    size = len(members)
    for first in range(start, start + size):
        yield [members[(first + j) % size] for j in range(count)]
    yield from itertools.combinations(members, count)


def _fold_size(seen: int, unseen: int, held: int) -> int:
    """Pseudo-unseen classes of a fold, at the split's ratio to the classes left for the encoder; halves go down.

    One class fewer than the encoder lacks, at most, so that there are several folds.
    """
    return min(max(2, math.ceil((seen - held) * unseen / seen - 0.5)), max(2, held - 1))


def _folds_of(seen: int, unseen: int, held: int) -> int:
    """Distinct folds of one encoder; a fold of all classes that it lacks is the only one."""
    return min(FOLDS_PER_ENCODER, held) if _fold_size(seen, unseen, held) < held else 1


def _held_out_count(seen: int, unseen: int) -> int:
    """Seen classes that a fold encoder is trained without, see :func:`pseudo_unseen_groups`."""
    # h = 1.5 f, where a fold of f classes has the ratio f / (seen - h) = unseen / seen.
    spread = 1.5 * unseen
    held = min(max(2, math.ceil(spread * seen / (seen + spread) - 0.5)), seen - 2)
    while _folds_of(seen, unseen, held) < FOLDS_PER_ENCODER and seen - held - 1 >= max(2, seen // 2):
        held += 1
    return held


def holdout_subjects(
    subjects: Iterable[int] | np.ndarray, fraction: float = 0.25, seed: int = 0, turn: int = 0
) -> tuple[int, ...]:
    """Whole subjects to hold out as a fold's pseudo-test part: at least one, and never all.

    Args:
        subjects: subject of each sample, or the subjects; repeats do not matter.
        fraction: share of the subjects to hold out, in (0, 1).
        seed: seed of the draw.
        turn: further turns give other subjects, until all have had theirs.

    Raises:
        DataError: fewer than two subjects, or a fraction out of range.
    """
    distinct = sorted({int(s) for s in subjects})
    if not 0.0 < fraction < 1.0:
        raise DataError(f"the fraction of held-out subjects must lie in (0, 1), got {fraction}")
    if len(distinct) < 2:
        raise DataError(f"holding out subjects needs at least two, got {len(distinct)}")
    count = min(max(1, round(fraction * len(distinct))), len(distinct) - 1)
    order = _shuffled(distinct, seed, "holdout")
    return tuple(sorted(order[(turn * count + j) % len(order)] for j in range(count)))


def holdout_samples(
    labels: np.ndarray, rows: Iterable[int] | np.ndarray, fraction: float = 0.25, seed: int = 0, turn: int = 0
) -> np.ndarray:
    """Samples to hold out where subjects are not known: a share of each class, and never all of it.

    A weaker test than :func:`holdout_subjects`: the same people are on both sides.

    Args:
        labels: class ids of all samples ``[sample]``.
        rows: the samples to hold out from.
        fraction: share of each class to hold out, in (0, 1); of a class with two samples or more at least one.
        seed: seed of the draw.
        turn: further turns give other samples, until all have had theirs.

    Returns:
        Their rows, sorted; none of a class that has one sample.
    """
    if not 0.0 < fraction < 1.0:
        raise DataError(f"the fraction of held-out samples must lie in (0, 1), got {fraction}")
    rows = np.sort(np.asarray(list(rows), dtype=np.int64))
    held: list[int] = []
    for label in np.unique(labels[rows]).tolist():
        members = rows[labels[rows] == label].tolist()
        count = min(max(1, round(fraction * len(members))), len(members) - 1)
        order = _shuffled(members, seed, "holdout samples", label)
        held += [order[(turn * count + j) % len(order)] for j in range(count)]
    return np.array(sorted(held), dtype=np.int64)
