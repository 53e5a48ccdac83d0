"""Checks of what is beside the clips of a set: labels, class names, train and test parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from zsar_kit.data.content import identical_groups
from zsar_kit.data.doctor.findings import Finding
from zsar_kit.reprs import counted, listed


def check_labels(labels: np.ndarray, class_names: Sequence[str]) -> list[Finding]:
    """Labels that are out of range or start at 1, and classes without samples.

    Args:
        labels: ``[sample]``; -1 where a clip has none.
        class_names: in label order; empty where they are not known.
    """
    known = labels[labels >= 0]
    if not len(known):
        return []
    found: list[Finding] = []
    low, high, classes = int(known.min()), int(known.max()), len(class_names) or int(known.max()) + 1
    numbers = {"lowest": low, "highest": high, "classes": classes}
    if low >= 1 and high >= classes:
        problem = f"labels are {low}..{high} for {counted(classes, 'class')}, which are 0..{classes - 1}"
        cause, remedy = "They count from 1.", "Subtract 1 from every label."
        return [Finding("labels", "refuse", problem, cause, remedy, numbers=numbers)]
    if high >= classes:
        problem = f"the label {high} occurs, but there are {counted(classes, 'class')}, 0..{classes - 1}"
        remedy = "Name all classes."
        return [Finding("labels", "refuse", problem, "Class names are missing.", remedy, numbers=numbers)]
    if low == high:
        problem, cause = f"every clip has the label {low}", "The labels were not read."
        remedy = "Check where they come from: nothing can be told apart."
        found.append(Finding("labels", "warn", problem, cause, remedy, numbers=numbers))
    elif empty := sorted(set(range(classes)) - set(known.tolist())):
        names = listed([f"{i} ({class_names[i]})" if class_names else str(i) for i in empty], 4)
        problem = f"{counted(len(empty), 'class')} without a sample: {names}"
        shifted = empty == [0] and low == 1
        cause = "Labels may count from 1." if shifted else "The set is a part of a larger one."
        remedy = "Look at a clip and its class." if shifted else "Leave these classes out of the names, if so."
        numbers = {**numbers, "without": empty}
        found.append(Finding("labels", "warn" if shifted else "note", problem, cause, remedy, numbers=numbers))
    return found


def check_class_names(class_names: Sequence[str]) -> list[Finding]:
    """Names that two classes have, apart from case and spaces; and empty ones."""
    plain = [" ".join(str(name).casefold().split()) for name in class_names]
    found: list[Finding] = []
    if twice := [name for name, number in Counter(plain).items() if number > 1 and name]:
        ids = {name: [i for i, other in enumerate(plain) if other == name] for name in twice}
        problem = f"classes have the same name: {listed([f'{name!r} ({_ids(ids[name])})' for name in twice], 3)}"
        cause = "A class was listed twice; texts cannot tell them apart."
        remedy = "Join the classes, or say in the names how they differ."
        found.append(Finding("class names", "refuse", problem, cause, remedy, numbers={"names": twice}))
    if empty := [i for i, name in enumerate(plain) if not name]:
        problem = f"{counted(len(empty), 'class')} without a name: {_ids(empty)}"
        cause, remedy = "The list of names has empty lines.", "Name them: texts are looked up by name."
        found.append(Finding("class names", "refuse", problem, cause, remedy, numbers={"without": empty}))
    return found


def _ids(ids: Sequence[int]) -> str:
    return listed([str(i) for i in ids], 5)


def check_parts(
    labels: np.ndarray, subjects: np.ndarray | None, class_names: Sequence[str], parts: Mapping[str, np.ndarray]
) -> list[Finding]:
    """Per protocol: classes that only one part has, empty parts, and subjects in both parts.

    Args:
        labels: ``[sample]``.
        subjects: ``[sample]``, -1 where not known; None where none is.
        class_names: in label order; empty where they are not known.
        parts: protocol to a mask ``[sample]``, true for train.
    """
    found: list[Finding] = []
    for protocol, train in parts.items():
        place = f"protocol {protocol}"
        if train.all() or not train.any():
            problem = f"all {len(train)} samples are in the {'train' if train.all() else 'test'} part of {protocol}"
            cause, remedy = "The rule of the protocol does not fit the samples' numbers.", "Check subjects and cameras."
            found.append(Finding("parts", "warn", problem, cause, remedy, place=place))
            continue
        only_test = sorted(set(labels[~train].tolist()) - set(labels[train].tolist()) - {-1})
        if only_test:
            names = listed([class_names[i] if i < len(class_names) else str(i) for i in only_test], 4)
            problem = f"{counted(len(only_test), 'class')} of {protocol} without a training sample: {names}"
            cause, remedy = "The parts divide classes too.", "Count them as unseen in every split, or divide otherwise."
            numbers = {"classes": only_test}
            found.append(Finding("parts", "warn", problem, cause, remedy, place=place, numbers=numbers))
        if subjects is not None and (subjects >= 0).all():
            both = sorted(set(subjects[train].tolist()) & set(subjects[~train].tolist()))
            if both:
                problem = f"{counted(len(both), 'subject')} in both parts of {protocol}: {_ids(both)}"
                cause, remedy = "The protocol divides cameras or recordings.", "Say so beside its numbers."
                numbers = {"subjects": both}
                found.append(Finding("parts", "note", problem, cause, remedy, place=place, numbers=numbers))
    return found


def check_twice(
    content: Sequence[str], samples: Sequence[str], labels: np.ndarray, parts: Mapping[str, np.ndarray]
) -> list[Finding]:
    """Sequences with the same coordinates: in both parts of a protocol, with different labels, or just twice.

    Args:
        content: digest of the coordinates of each clip.
        samples: names.
        labels: ``[sample]``.
        parts: protocol to a mask ``[sample]``, true for train.
    """
    groups = identical_groups(np.array(content))
    if not groups:
        return []
    found: list[Finding] = []
    remedy = "Keep one of each."
    for protocol, train in parts.items():
        both = [group for group in groups if 0 < train[group].sum() < len(group)]
        if both:
            names = listed([samples[i] for i in both[0]], 3)
            problem = (
                f"{counted(len(both), 'sequence')} in both the train and the test part of {protocol}, first {names}"
            )
            numbers = {"sequences": len(both), "samples": [samples[i] for i in both[0]]}
            cause, place = "The same recording was stored twice.", f"protocol {protocol}"
            found.append(Finding("twice", "warn", problem, cause, remedy, place=place, numbers=numbers))
    more = sum(len(group) - 1 for group in groups)
    torn = [group for group in groups if len(set(labels[group].tolist())) > 1]
    names = listed([samples[i] for i in (torn or groups)[0]], 3)
    problem = f"{counted(len(groups), 'sequence')} more than once ({counted(more, 'copy', 'copies')}), first {names}"
    if torn:
        problem = f"{problem}; {len(torn)} of them with different labels"
    numbers = {"sequences": len(groups), "copies": more, "different labels": len(torn)}
    cause = "The same recording was stored twice."
    found.append(Finding("twice", "warn" if torn else "note", problem, cause, remedy, numbers=numbers))
    return found
