"""Your own skeletons: arrays in memory, or a folder of ``.npz`` files, become a :class:`SkeletonSet`.

>>> import numpy as np, tempfile
>>> waves = [np.random.default_rng(i).normal(size=(30 + i, 17, 3)) for i in range(4)]
>>> own = from_arrays(tempfile.mkdtemp() + "/mine", waves, [0, 1, 0, 1], ["wave", "bow"], layout="coco_17")
>>> len(own), own.sequence(2).joints.shape
(4, (1, 32, 17, 3))
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zsar_kit.data.array_shape import require_shape
from zsar_kit.data.own_sets import OwnSet, number_or_name, numbered
from zsar_kit.data.own_writing import write_own_set
from zsar_kit.data.readers.files import folder_digest
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import SkeletonSequence, check_sequence
from zsar_kit.errors import DataError, nearest_name

_NUMBERS = ("subject", "camera", "setup", "replication")


def from_arrays(
    path: str | Path,
    sequences: Iterable[Any],
    labels: Sequence[Any] | np.ndarray,
    class_names: Sequence[str],
    layout: str = "ntu25",
    subjects: Sequence[Any] | np.ndarray | None = None,
    cameras: Sequence[Any] | np.ndarray | None = None,
    samples: Sequence[str] | None = None,
    dataset: str = "mine",
    parts: str | Sequence[str] = (),
    replace: bool = False,
) -> SkeletonSet:
    """Write arrays as a :class:`SkeletonSet`.

    Args:
        path: the folder to make; ``workspace/skeletons/mine`` makes it one of a workspace's data sets.
        sequences: each ``[frame, joint, xyz]`` or ``[person, frame, joint, xyz]`` in metres, y up, of any
            number of frames, 30 a second where speeds matter (kinematic primitives); zeros where a person is absent.
        labels: a 0-based class id, or the class name, for each.
        class_names: in label order.
        layout: the joint layout; see :func:`zsar_kit.data.joints.layout_names`.
        subjects, cameras: for each sequence a whole number, -1 where it is not known, or a name; needed only for parts
            that go by them.
        samples: names; by default ``000000``, ``000001`` and so on.
        dataset: name of the data set, as your splits name it.
        parts: how samples are divided into train and test, the default first: ``subject:odd``,
            ``xview=camera:1,2``, ``train:FILE``; see :func:`~zsar_kit.data.own_sets.part_rule`.
        replace: replace a set that is already there.

    Raises:
        DataError: lists of different lengths, a subject or camera that is neither a whole number nor a name (None, a
            fraction), or a broken sequence (named by its position); or a class name that occurs twice.
        ArtefactError: there is already a set, and it is not to be replaced.
    """
    if isinstance(parts, str):
        parts = (parts,)
    if not len(labels):
        raise DataError("at least one sequence with its label is needed, got none", where="argument 'labels'")
    for name, column in (("subjects", subjects), ("cameras", cameras), ("samples", samples)):
        if column is not None and len(column) != len(labels):
            raise DataError(f"{len(labels)} labels need as many {name}, got {len(column)}", where=f"argument {name!r}")
    given = {"subject": subjects, "camera": cameras}
    found = {name: numbered(list(column), f"{name}s") for name, column in given.items() if column is not None}
    numbers = {name: column for name, (column, _) in found.items()}
    names = [f"{i:06d}" for i in range(len(labels))] if samples is None else [str(sample) for sample in samples]

    def stream() -> Iterator[SkeletonSequence]:
        count = 0
        for count, joints in enumerate(sequences, start=1):
            i = count - 1
            if i >= len(labels):
                raise DataError(f"there are {len(labels)} labels but more sequences", where="argument 'labels'")
            yield array_sequence(
                joints,
                class_id(labels[i], class_names, f"labels[{i}]"),
                layout,
                len(class_names),
                where=f"sequences[{i}]",
                sample=names[i],
                **{name: column[i] for name, column in numbers.items()},
            )
        if count < len(labels):
            raise DataError(f"there are {len(labels)} labels but {count} sequences", where="argument 'labels'")

    named = {column: names_of for column, (_, names_of) in found.items()}
    facts = OwnSet(dataset, tuple(class_names), subjects=named.get("subject", ()), cameras=named.get("camera", ()))
    return write_own_set(
        path,
        stream(),
        facts,
        layout=layout,
        samples=names,
        columns=numbers,
        parts=parts,
        inputs={},
        config={"reader": "arrays"},
        note="made from arrays",
        replace_set=replace,
    )


def from_npz_folder(
    path: str | Path,
    folder: str | Path,
    class_names: Sequence[str],
    layout: str = "ntu25",
    dataset: str = "mine",
    parts: Sequence[str] = (),
    replace: bool = False,
) -> SkeletonSet:
    """Write a folder of ``.npz`` files, one a sequence, as a :class:`SkeletonSet`.

    Each file has ``joints`` (as in :func:`from_arrays`), ``label`` (class id or name) and, optionally, the whole
    numbers ``subject``, ``camera``, ``setup``, ``replication``. The file name is the sample name. Pickled objects are
    refused.

    Args:
        path, class_names, layout, dataset, parts, replace: see :func:`from_arrays`.
        folder: of the files.

    Raises:
        DataError: no such file, or a broken one (named).
        ArtefactError: there is already a set, and it is not to be replaced.
    """
    found = sorted(Path(folder).glob("*.npz"))
    if not found:
        raise DataError(
            "no .npz file here", where=folder, remedy="Save each with np.savez(path, joints=..., label=...)."
        )
    columns: dict[str, list[int]] = {}
    if parts:
        read = [_read_npz(file, class_names, layout) for file in found]
        columns = {name: [getattr(sequence, name) for sequence in read] for name in _NUMBERS}
    return write_own_set(
        path,
        (_read_npz(file, class_names, layout) for file in found),
        OwnSet(dataset, tuple(class_names)),
        layout=layout,
        samples=[file.stem for file in found],
        columns=columns,
        parts=parts,
        inputs={"raw files": folder_digest(found, folder)},
        config={"reader": "npz folder"},
        note="made from a folder of .npz files",
        replace_set=replace,
    )


def _read_npz(file: Path, class_names: Sequence[str], layout: str) -> SkeletonSequence:
    try:
        with np.load(file, allow_pickle=False) as content:
            arrays = {name: content[name] for name in ("joints", "label", *_NUMBERS) if name in content}
    except ValueError as error:
        if "allow_pickle" in str(error):
            remedy = "Save plain arrays of numbers; pickles can run code and are never read."
            raise DataError("the file holds pickled objects", where=file, remedy=remedy) from None
        raise DataError(f"not a complete .npz file: {error}", where=file) from None
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise DataError(f"not a complete .npz file: {error}", where=file) from None
    if missing := [name for name in ("joints", "label") if name not in arrays]:
        raise DataError(f"the array {missing[0]!r} is missing", where=file)
    if wrong := [name for name in ("label", *_NUMBERS) if name in arrays and arrays[name].size != 1]:
        raise DataError(f"{wrong[0]!r} must be a single value, got shape {arrays[wrong[0]].shape}", where=file)
    label = class_id(arrays["label"].item(), class_names, f"{file}, array 'label'")
    numbers = {name: _number(arrays[name].item(), f"{file}, array {name!r}") for name in _NUMBERS if name in arrays}
    return array_sequence(
        arrays["joints"], label, layout, len(class_names), where=str(file), sample=file.stem, **numbers
    )


def _number(value: Any, where: str) -> int:
    """The number of a subject, camera, setup or replication; a file by itself cannot number names."""
    number = number_or_name(value, where)
    if isinstance(number, str):
        remedy = "Number the names: np.unique(names, return_inverse=True)[1]."
        raise DataError(f"a whole number is needed, got the text {value!r}", where=where, remedy=remedy)
    return number


def class_id(label: Any, class_names: Sequence[str], where: str) -> int:
    """A label as a 0-based class id; a name is looked up.

    Raises:
        DataError: there is no class of that name, or the label is neither a name nor a whole number.
    """
    if isinstance(label, str):
        if label not in class_names:
            raise DataError(f"unknown class {label!r}", where=where, remedy=nearest_name(label, class_names))
        return list(class_names).index(label)
    if isinstance(label, bool) or not isinstance(label, int | np.integer):
        raise DataError(f"a label is a class id or a class name, got {label!r}", where=where)
    return int(label)


def array_sequence(
    joints: Any, label: int, layout: str, classes: int, *, where: str, sample: str, **numbers: int
) -> SkeletonSequence:
    """A checked sequence from one array, with or without an axis for persons.

    Raises:
        DataError: the array has another shape, or is broken; see :func:`check_sequence`.
    """
    try:
        array = np.asarray(joints)
    except ValueError as error:
        raise DataError(f"the frames differ in shape: {error}", where=where) from None
    array = require_shape(array, layout, where)
    with np.errstate(over="ignore"):
        sequence = SkeletonSequence(sample, np.ascontiguousarray(array, dtype=np.float32), label, **numbers)
    check_sequence(sequence, layout, classes, where=where)
    return sequence
