"""Writing a data set of one's own: its skeletons, its parts, and what it says about itself, in one step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from zsar_kit.artefacts import exists
from zsar_kit.data.catalogue import is_published
from zsar_kit.data.own_sets import OwnSet, part_rule
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.errors import ArtefactError, DataError


def write_own_set(
    path: str | Path,
    sequences: Iterable[SkeletonSequence],
    facts: OwnSet,
    *,
    layout: str,
    samples: Sequence[str],
    columns: Mapping[str, Sequence[int]],
    parts: Sequence[str],
    named: Mapping[str, Sequence[str]] = MappingProxyType({}),
    inputs: Mapping[str, str],
    config: Mapping[str, Any],
    note: str,
    beside: Callable[[Path], None] | None = None,
    replace_set: bool = False,
) -> SkeletonSet:
    """Write a data set of one's own, and make it known.

    Args:
        path: the folder to make.
        sequences: one after the other; of the ``samples`` some may be missing.
        facts: what it says about itself; protocols are filled in. A name of a published data set is allowed for
            someone's arrays of it, which then have the facts of the catalogue.
        layout: of the joints.
        samples: names of all samples.
        columns: numbers of subjects, cameras, setups, replications ``[sample]``, where they are known.
        parts: rules by which samples are for training; see :func:`~zsar_kit.data.own_sets.part_rule`.
        named: names of setups and replications, where they have some, for the rules alone; ``facts`` has the others.
        inputs, config, note, beside: see :meth:`SkeletonSet.write`.
        replace_set: replace a set that is already there.

    Raises:
        DataError: a broken sequence, a class name that occurs twice, or a rule that leaves a part empty.
        ArtefactError: there is already a set, and it is not to be replaced.
        SplitError: a rule is not written as one.
    """
    if exists(path) and not replace_set:
        remedy = "Replace it with --replace (replace=True), or take another name."
        raise ArtefactError("there is already a data set here", where=path, remedy=remedy)
    require_class_names(facts.class_names)
    masks = part_masks(parts, samples, columns, {**named, "subject": facts.subjects, "camera": facts.cameras})
    names = np.asarray(samples)
    training: dict[str, Callable[[str], bool]] = {
        protocol: frozenset(names[train].tolist()).__contains__ for protocol, train in masks.items()
    }
    facts = replace(facts, protocols=tuple(training))
    published = is_published(facts.dataset)

    def with_facts(folder: Path) -> None:
        if not published:
            facts.write(folder)
        if beside is not None:
            beside(folder)

    made = SkeletonSet.write(
        path,
        sequences,
        dataset=facts.dataset,
        layout=layout,
        class_names=facts.class_names,
        inputs=inputs,
        config=config,
        note=note,
        parts=training,
        beside=with_facts,
    )
    if not published:
        facts.make_known()
    return made


def part_masks(
    parts: Sequence[str],
    samples: Sequence[str],
    columns: Mapping[str, Sequence[int]],
    named: Mapping[str, Sequence[str]],
) -> dict[str, np.ndarray]:
    """Protocol to a mask ``[sample]``, true for train, by rules as they are written.

    Args:
        parts: the rules.
        samples: names of the samples.
        columns: numbers of subjects and so on ``[sample]``, where they are known.
        named: names of those numbers, where they have some.

    Raises:
        DataError: a rule leaves a part empty, names a value that no sample has, or is called as another one.
        SplitError: a rule is not written as one.
    """
    masks: dict[str, np.ndarray] = {}
    for rule in map(part_rule, parts):
        if rule.name in masks:
            remedy = f"Give one another name: NAME={rule.text}."
            raise DataError(f"two rules are called {rule.name!r}", where="--parts", remedy=remedy)
        column = np.asarray(columns.get(rule.column, [-1] * len(samples)))
        masks[rule.name] = rule.mask(samples, column, named.get(rule.column, ()))
    return masks


def require_class_names(names: Sequence[str]) -> None:
    """Refuse class names of which one is empty or occurs twice.

    Raises:
        DataError: it says which one, and where.
    """
    folded: dict[str, int] = {}
    for i, name in enumerate(names):
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise DataError(f"a class name must be printable words, got {name!r}", where=f"class_names[{i}]")
        if (first := folded.setdefault(name.casefold(), i)) != i:
            remedy = "Give each class one name, and merge the labels of the two."
            raise DataError(f"the class {name!r} occurs twice, as {first} and {i}", where="class_names", remedy=remedy)
