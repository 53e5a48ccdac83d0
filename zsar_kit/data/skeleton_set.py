"""``SkeletonSet``: the sequences of a data set in one memory-mapped array with an index."""

from __future__ import annotations

import csv
import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from zsar_kit.artefacts import (
    artefact_digest,
    atomic_folder,
    read_json,
    read_provenance,
    write_json,
    write_provenance,
)
from zsar_kit.data.catalogue import PROTOCOL_PARTS, is_synthetic
from zsar_kit.data.joints import kit_layout_names
from zsar_kit.data.joints import layout as joint_layout
from zsar_kit.data.own_layouts import LAYOUT_FILE, read_layout, register_layout, write_layout
from zsar_kit.data.parts import known_protocols, train_part
from zsar_kit.data.skeletons import SkeletonSequence, check_sequence
from zsar_kit.errors import ArtefactError, DataError
from zsar_kit.reprs import counted, csv_cell, csv_text, escaped, markdown_table, short_path

KIND, SCHEMA = "SkeletonSet", 1
PARTS_FILE = "parts.csv"
COLUMNS = ("sample", "label", "subject", "camera", "setup", "replication", "start", "frames", "persons")
# Iteration maps the file again after this many bytes, so that pages already read are released and memory stays flat.
WINDOW_BYTES = 16 * 2**20


@dataclass(frozen=True, eq=False)
class SkeletonIndex:
    """One row for each sequence, as NumPy columns of equal length.

    Attributes:
        sample: names.
        label: 0-based class ids.
        subject, camera, setup, replication: as the data set numbers them; -1 where it does not.
        start: first row of the sequence in ``frames.npy``.
        frames, persons: its extent; it has ``frames * persons`` rows, person by person.
    """

    sample: np.ndarray
    label: np.ndarray
    subject: np.ndarray
    camera: np.ndarray
    setup: np.ndarray
    replication: np.ndarray
    start: np.ndarray
    frames: np.ndarray
    persons: np.ndarray

    def __len__(self) -> int:
        return len(self.sample)

    def __repr__(self) -> str:
        return f"SkeletonIndex({counted(len(self), 'sequence')}, {counted(int(self.frames.sum()), 'frame')})"

    @property
    def groups(self) -> np.ndarray:
        """Which samples belong together when some are held out or resampled.

        Those of one subject, or of one recording (``setup``) where subjects are not known (PKU-MMD, part I).
        """
        return self.subject if (self.subject >= 0).any() else self.setup

    def take(self, chosen: np.ndarray) -> SkeletonIndex:
        """The rows ``chosen`` (a mask or indices), in that order."""
        return SkeletonIndex(**{name: getattr(self, name)[chosen] for name in COLUMNS})


@dataclass(frozen=True, eq=False)
class SkeletonSet:
    """Sequences of different lengths, read from disk on demand.

    Attributes:
        path: the folder of the artefact.
        dataset: name of the data set, as splits name it.
        layout: name of the joint layout.
        class_names: in label order.
        index: what sequences there are; a subset after :meth:`select`.
        note: where the data come from.
        frames: memory-mapped float32 ``[row, joint, xyz]`` in metres.
        parts: protocol to a mask ``[sample]``, true for train, where the data set comes with lists of its own
            (PKU-MMD); empty where the catalogue knows the rule.
    """

    path: Path
    dataset: str
    layout: str
    class_names: tuple[str, ...]
    index: SkeletonIndex
    note: str
    frames: np.ndarray = dataclasses.field(repr=False)
    parts: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.index)

    def __repr__(self) -> str:
        people = len(np.unique(self.index.subject[self.index.subject >= 0]))
        subjects = counted(people, "subject") if people else "subjects not known"
        made = "synthetic, " if self.synthetic else ""
        size = f"{counted(len(self), 'sequence')}, {counted(len(self.class_names), 'class')}, {subjects}"
        return f"SkeletonSet({self.dataset}: {made}{size}, layout {self.layout}, {short_path(self.path)})"

    def _repr_markdown_(self) -> str:
        index, rows = self.index, []
        for protocol in known_protocols(self):
            train = train_part(self, protocol)
            for part, mask in zip(PROTOCOL_PARTS, (train, ~train), strict=True):
                classes, two = len(np.unique(index.label[mask])), int((index.persons[mask] > 1).sum())
                frames = int(np.median(index.frames[mask])) if mask.any() else 0
                rows.append((protocol, part, int(mask.sum()), classes, frames, two))
        header = ("protocol", "part", "sequences", "classes", "median frames", "of two persons")
        note = f"\n\n{escaped(self.note)}" if self.note else ""
        return f"{escaped(repr(self))}{note}\n\n" + (markdown_table(header, rows) if rows else "")

    def __iter__(self) -> Iterator[SkeletonSequence]:
        """All sequences in order, in memory that does not grow with the data."""
        seen, frames = 0, _map(self.path / "frames.npy")
        for i in range(len(self)):
            sequence = self._cut(frames, i)
            seen += sequence.joints.nbytes
            yield sequence
            if seen > WINDOW_BYTES:
                seen, frames = 0, _map(self.path / "frames.npy")

    @property
    def digest(self) -> str:
        """Content digest of the artefact on disk (of all of it, also after :meth:`select`)."""
        return artefact_digest(self.path)

    @property
    def synthetic(self) -> bool:
        """Whether the data were computed rather than recorded; see :func:`~zsar_kit.data.catalogue.is_synthetic`."""
        return is_synthetic(self.dataset)

    def sequence(self, i: int) -> SkeletonSequence:
        """Sequence ``i``; its joints are a read-only view of the file."""
        return self._cut(self.frames, i)

    def _cut(self, frames: np.ndarray, i: int) -> SkeletonSequence:
        index = self.index
        persons, length, start = int(index.persons[i]), int(index.frames[i]), int(index.start[i])
        joints = np.asarray(frames[start : start + persons * length]).reshape(persons, length, -1, 3)
        numbers = {name: int(getattr(index, name)[i]) for name in COLUMNS[1:6]}
        return SkeletonSequence(sample=str(index.sample[i]), joints=joints, **numbers)

    def select(self, chosen: np.ndarray | Sequence[int]) -> SkeletonSet:
        """The same set with only the sequences ``chosen``: a boolean mask or indices.

        Raises:
            DataError: a mask of another length, or an index out of range.
        """
        chosen = np.asarray(chosen)
        if chosen.dtype == bool and chosen.shape != (len(self),):
            raise DataError(f"a mask must have {len(self)} entries, got {chosen.shape}", where=self.path)
        if chosen.dtype != bool:
            chosen = chosen.astype(np.int64)
            if chosen.size and not (chosen.min() >= 0 and chosen.max() < len(self)):
                raise DataError(
                    f"indices must be 0..{len(self) - 1}, got {chosen.min()}..{chosen.max()}", where=self.path
                )
        parts = {protocol: train[chosen] for protocol, train in self.parts.items()}
        return dataclasses.replace(self, index=self.index.take(chosen), parts=parts)

    @classmethod
    def write(
        cls,
        path: str | Path,
        sequences: Iterable[SkeletonSequence],
        *,
        dataset: str,
        layout: str,
        class_names: Sequence[str],
        inputs: Mapping[str, str],
        config: Mapping[str, Any] | None = None,
        note: str = "",
        parts: Mapping[str, Callable[[str], bool]] | None = None,
        beside: Callable[[Path], None] | None = None,
    ) -> SkeletonSet:
        """Write sequences as they come, one in memory at a time, and open the result.

        Args:
            path: the folder to make; an existing one is replaced once the new one is complete.
            sequences: from a reader or a generator; each is checked.
            dataset: name of the data set.
            layout: name of the joint layout; one that is not the kit's is written beside the sequences.
            class_names: in label order.
            inputs: name to content digest of what the sequences were made from.
            config: how they were made.
            note: where the data come from, for people.
            parts: protocol to a function that tells, by its name, whether a sample is for training; see the attribute.
            beside: called with the folder when everything else is written, to add more files.

        Raises:
            DataError: a broken sequence, a sample name that occurs twice, or no sequence at all. Nothing is
                written then.
        """
        joints = len(joint_layout(layout))
        with atomic_folder(path) as folder:
            with (
                open(folder / "frames.npy", "wb") as stream,
                open(folder / "index.csv", "w", newline="", encoding="utf-8") as table,
            ):
                body = _write_header(stream, 0, joints)
                rows = _append_all(sequences, stream, csv.writer(table), layout, len(class_names), Path(path))
                stream.seek(0)
                # NumPy pads headers so that the first axis can grow in place; a version that did not would
                # shift the data.
                if _write_header(stream, rows, joints) != body:
                    raise ArtefactError("this NumPy writes headers of varying length", where=path)
            meta = {"dataset": dataset, "layout": layout, "class_names": list(class_names), "note": note}
            write_json(folder / "meta.json", meta)
            if parts:
                samples = _read_index(folder / "index.csv").sample
                _write_parts(folder / PARTS_FILE, samples, parts)
            if layout not in kit_layout_names():
                write_layout(folder / LAYOUT_FILE, joint_layout(layout))
            if beside is not None:
                beside(folder)
            write_provenance(folder, KIND, version=SCHEMA, inputs=inputs, config=config)
        return cls.load(path)

    @classmethod
    def load(cls, path: str | Path) -> SkeletonSet:
        """Open a set; the coordinates stay on disk. A joint layout of its own is registered.

        Raises:
            ArtefactError: it is missing, of another schema, truncated, or its files contradict each other.
            DataError: its joint layout is not known, is broken, or another one is registered under its name.
        """
        path = Path(path)
        read_provenance(path, KIND, version=SCHEMA)
        meta = read_json(path / "meta.json")
        if missing := sorted({"dataset", "layout", "class_names", "note"} - set(meta)):
            raise ArtefactError(f"the key {missing[0]!r} is missing", where=path / "meta.json")
        if meta["layout"] not in kit_layout_names() and (path / LAYOUT_FILE).is_file():
            _register_own(path / LAYOUT_FILE, meta["layout"])
        frames = _map(path / "frames.npy")
        index = _read_index(path / "index.csv")
        loaded = cls(
            path=path,
            dataset=meta["dataset"],
            layout=meta["layout"],
            class_names=tuple(meta["class_names"]),
            index=index,
            note=meta["note"],
            frames=frames,
            parts=_read_parts(path / PARTS_FILE, index.sample) if (path / PARTS_FILE).is_file() else {},
        )
        _check_agreement(loaded)
        return loaded


def made_with(path: str | Path) -> dict[str, Any]:
    """How a stored set was made: the ``config`` of :meth:`SkeletonSet.write`.

    Raises:
        ArtefactError: there is no set.
    """
    return read_provenance(path, KIND, version=SCHEMA)["config"]


def _register_own(path: Path, name: str) -> None:
    own = read_layout(path)
    if own.name != name:
        problem = f"the set has the layout {name!r}, the file describes {own.name!r}"
        raise ArtefactError(problem, where=path, remedy="Make the set again.")
    register_layout(own)


def _write_header(stream: IO[bytes], rows: int, joints: int) -> int:
    """Write the ``.npy`` header and return where the data begin."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (rows, joints, 3)}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.tell()


def _append_all(
    sequences: Iterable[SkeletonSequence],
    stream: IO[bytes],
    table: Any,
    layout: str,
    classes: int,
    where: Path,
) -> int:
    """Append each sequence to the array and its row to the index; returns the number of array rows."""
    table.writerow(COLUMNS)
    names: set[str] = set()
    start = 0
    for sequence in sequences:
        check_sequence(sequence, layout, classes, where=f"sample {sequence.sample!r}")
        if sequence.sample in names:
            raise DataError(
                f"sample {sequence.sample!r} occurs twice", where=where, remedy="Sample names must be unique."
            )
        names.add(sequence.sample)
        persons, frames = sequence.joints.shape[:2]
        stream.write(np.ascontiguousarray(sequence.joints, dtype="<f4").tobytes())
        numbers = [getattr(sequence, name) for name in COLUMNS[1:6]]
        table.writerow([csv_cell(sequence.sample), *numbers, start, frames, persons])
        start += persons * frames
    if not names:
        raise DataError("no sequence to write", where=where, remedy="Is the folder of raw files the right one?")
    return start


def _map(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        size = os.path.getsize(path) if path.exists() else 0
        raise ArtefactError(
            f"not a complete array ({size} bytes): {error}",
            where=path,
            remedy="It was truncated; make the set again.",
        ) from None


def _read_index(path: Path) -> SkeletonIndex:
    with open(path, newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    if not rows or tuple(rows[0]) != COLUMNS:
        raise ArtefactError(f"the columns must be {', '.join(COLUMNS)}", where=path, remedy="Make the set again.")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(COLUMNS) or not all(_is_whole(value) for value in row[1:]):
            raise ArtefactError("a row is not a name and eight whole numbers", where=f"{path}, line {number}")
    columns = list(zip(*rows[1:], strict=True)) or [()] * len(COLUMNS)
    numbers = {name: np.array(column, dtype=np.int64) for name, column in zip(COLUMNS[1:], columns[1:], strict=True)}
    return SkeletonIndex(sample=np.array([csv_text(name) for name in columns[0]], dtype=str), **numbers)


def _write_parts(path: Path, samples: np.ndarray, parts: Mapping[str, Callable[[str], bool]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["sample", *map(csv_cell, parts)])
        for sample in samples.tolist():
            table.writerow([csv_cell(sample), *(PROTOCOL_PARTS[0 if train(sample) else 1] for train in parts.values())])


def _read_parts(path: Path, samples: np.ndarray) -> dict[str, np.ndarray]:
    with open(path, newline="", encoding="utf-8") as stream:
        header, *rows = list(csv.reader(stream)) or [[]]
    if header[:1] != ["sample"] or [[csv_text(cell) for cell in row[:1]] for row in rows] != [
        [name] for name in samples.tolist()
    ]:
        raise ArtefactError("the samples are not those of the index", where=path, remedy="Make the set again.")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header) or not set(row[1:]) <= set(PROTOCOL_PARTS):
            raise ArtefactError(
                "a row is a sample and 'train' or 'test' for each protocol", where=f"{path}, line {number}"
            )
    protocols = [csv_text(cell) for cell in header]
    return {name: np.array([row[i] == "train" for row in rows], dtype=bool) for i, name in enumerate(protocols) if i}


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _check_agreement(loaded: SkeletonSet) -> None:
    """Refuse a set whose array, index and metadata contradict each other."""
    index, shape = loaded.index, (len(joint_layout(loaded.layout)), 3)
    remedy = "Make the set again."
    if loaded.frames.dtype != np.float32 or loaded.frames.ndim != 3 or loaded.frames.shape[1:] != shape:
        came = f"{loaded.frames.dtype} {loaded.frames.shape}"
        problem = f"layout {loaded.layout!r} needs float32 [row, {shape[0]}, 3], got {came}"
        raise ArtefactError(problem, where=loaded.path / "frames.npy", remedy=remedy)
    rows = index.frames * index.persons
    starts = np.concatenate([[0], np.cumsum(rows)])
    if (rows <= 0).any() or starts[-1] != len(loaded.frames) or (starts[:-1] != index.start).any():
        problem = f"the index describes {starts[-1]} rows, the array has {len(loaded.frames)}"
        raise ArtefactError(problem, where=loaded.path / "frames.npy", remedy=remedy)
    bad = (index.label < 0) | (index.label >= len(loaded.class_names))
    if bad.any():
        i = int(np.argmax(bad))
        problem = f"sample {str(index.sample[i])!r} has label {index.label[i]} of {len(loaded.class_names)} classes"
        raise ArtefactError(problem, where=loaded.path / "index.csv", remedy=remedy)
