"""Class splits: which classes are seen and which unseen, and which samples are train and test.

Unseen classes are stored, seen ones derived, because published seen lists are partly wrong. Class ids are
0-based and in the data set's official label order. Every random draw here orders ids by a hash of the seed
and the id, so that it stays the same for any version of NumPy and on any machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
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
from zsar_kit.seeding import derived_seed

__all__ = [
    "ClassSplit",
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
    "read_split",
    "split_names",
    "twin_groups",
    "write_split",
]


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
        unseen_count: how many classes are unseen; 1 to the number of classes minus two.
        seed: seed of the draw, recorded in ``source`` and in the default name.
        name: name of the split; by default ``"seed<seed> <seen>/<unseen>"``.
        classes: number of classes of a data set the kit does not know.

    Raises:
        SplitError: the data set is unknown or the count out of range.
    """
    total = class_count(dataset) if classes is None else classes
    if not 1 <= unseen_count <= total - 2:
        raise SplitError(f"{unseen_count} unseen classes asked for, but {dataset} allows 1..{total - 2}")
    unseen = _shuffled(range(total), seed, "split", dataset, unseen_count)[:unseen_count]
    source = f"random: make_split({dataset!r}, {unseen_count}, seed={seed})"
    name = name or f"seed{seed} {total - unseen_count}/{unseen_count}"
    return ClassSplit(dataset, name, total, tuple(unseen), source=source)


def _fold(split: ClassSplit, unseen: Iterable[int], name: str, source: str) -> ClassSplit:
    excluded = split.unseen + split.excluded
    return ClassSplit(split.dataset, name, split.classes, tuple(unseen), excluded, source, fold_of=split.name)


def pseudo_unseen_folds(split: ClassSplit, seed: int = 0) -> tuple[ClassSplit, ...]:
    """Folds in which some seen classes stand in for unseen ones, for calibration and selection.

    A fold has the split's unseen/seen ratio, at least two pseudo-unseen and two pseudo-seen classes, and
    excludes the split's real unseen classes. One fold is drawn; where fewer than six classes are seen, folds
    rotate until every seen class was pseudo-unseen (the last reuses classes of the first where they do not divide
    evenly). Classes with a twin (:func:`twin_groups`) are not drawn while there are enough others, as in the official
    splits.

    Raises:
        SplitError: fewer than four classes are seen.
    """
    seen = split.seen
    if len(seen) < 4:
        raise SplitError(
            f"split {split.name!r} has {len(seen)} seen classes; a pseudo-unseen fold needs at least 4",
            remedy="Choose gamma by hand, or use a split with more seen classes.",
        )
    # The fold's unseen share equals the split's; halves are rounded down, to leave more to learn from.
    share = len(seen) * len(split.unseen) / (len(seen) + len(split.unseen))
    count = min(max(2, math.ceil(share - 0.5)), len(seen) - 2)
    twins = {i for group in twin_groups(split.dataset).values() for i in group}
    drawable = [i for i in seen if i not in twins]
    order = _shuffled(drawable if len(drawable) >= count else seen, seed, "fold", split.digest())
    number = math.ceil(len(order) / count) if len(seen) < 6 else 1
    folds = []
    for k in range(number):
        chosen = [order[(k * count + j) % len(order)] for j in range(count)]
        source = f"pseudo-unseen fold {k + 1} of {number} of {split.name!r}, seed {seed}"
        folds.append(_fold(split, chosen, f"{split.name} fold{k + 1}", source))
    return tuple(folds)


def holdout_subjects(subjects: Iterable[int] | np.ndarray, fraction: float = 0.25, seed: int = 0) -> tuple[int, ...]:
    """Whole subjects to hold out as a fold's pseudo-test part: at least one, and never all.

    Args:
        subjects: subject of each sample, or the subjects; repeats do not matter.
        fraction: share of the subjects to hold out, in (0, 1).
        seed: seed of the draw.

    Raises:
        DataError: fewer than two subjects, or a fraction out of range.
    """
    distinct = sorted({int(s) for s in subjects})
    if not 0.0 < fraction < 1.0:
        raise DataError(f"the fraction of held-out subjects must lie in (0, 1), got {fraction}")
    if len(distinct) < 2:
        raise DataError(f"holding out subjects needs at least two, got {len(distinct)}")
    count = min(max(1, round(fraction * len(distinct))), len(distinct) - 1)
    return tuple(sorted(_shuffled(distinct, seed, "holdout")[:count]))


def holdout_samples(
    labels: np.ndarray, rows: Iterable[int] | np.ndarray, fraction: float = 0.25, seed: int = 0
) -> np.ndarray:
    """Samples to hold out where subjects are not known: a share of each class, and never all of it.

    A weaker test than :func:`holdout_subjects`: the same people are on both sides.

    Args:
        labels: class ids of all samples ``[sample]``.
        rows: the samples to hold out from.
        fraction: share of each class to hold out, in (0, 1); of a class with two samples or more at least one.
        seed: seed of the draw.

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
        held += _shuffled(members, seed, "holdout samples", label)[:count]
    return np.array(sorted(held), dtype=np.int64)
