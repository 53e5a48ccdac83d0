"""Carry out a reading plan: in several processes, over several attempts, in constant memory.

Items are read in chunks; each finished chunk is a file in ``<out>.partial``, written completely or not at all. Whatever
interrupts the work, the next attempt reads only what is missing, and the result is the same to the byte for any number
of processes and attempts. At the end the chunks are joined into the set.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from tqdm import tqdm

from zsar_kit.artefacts import exists, write_atomic
from zsar_kit.config import digest_of
from zsar_kit.data.readers.plan import Item, LeftOut, Reading, ReadPlan
from zsar_kit.data.skeleton_set import COLUMNS, SkeletonSet, made_with
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.errors import ArtefactError, DataError
from zsar_kit.faults import disk_fault, error_number
from zsar_kit.processes import interrupts_held_back, worker_pool
from zsar_kit.reprs import csv_cell, csv_text, escaped, markdown_table

CHUNK_ITEMS, CHUNK_BYTES = 64, 64 * 2**20
LEFT_OUT = "left_out.csv"
_FIELDS = ("sample", "reason", "detail", "expected")
_NUMBERS = COLUMNS[1:6]  # label, subject, camera, setup, replication


@dataclass(frozen=True)
class Prepared:
    """A prepared data set, with a report of how it was made.

    Attributes:
        skeletons: the set.
        left_out: samples that are not in it, and why.
        missing: number of raw files of the complete data set that were not found.
        notes: remarks of the reader, one line each.
    """

    skeletons: SkeletonSet
    left_out: tuple[LeftOut, ...]
    missing: int
    notes: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether it is complete: nothing was broken, and no file is missing."""
        return self.missing <= 0 and all(entry.expected for entry in self.left_out)

    def __repr__(self) -> str:
        state = "whole" if self.whole else "not whole"
        return f"Prepared({self.skeletons!r}, {len(self.left_out)} left out, {self.missing} missing: {state})"

    def _repr_markdown_(self) -> str:
        reasons = Counter((entry.reason, "yes" if entry.expected else "no") for entry in self.left_out)
        rows = [(reason, rule, count) for (reason, rule), count in sorted(reasons.items())]
        table = markdown_table(("left out because", "expected", "samples"), rows) if rows else ""
        notes = "".join(f"- {escaped(note)}\n" for note in self.notes)
        return f"{escaped(repr(self))}\n\n{notes}\n{table}"


def carry_out(
    plan: ReadPlan,
    out: str | Path,
    *,
    root: str | Path,
    strict: bool = False,
    processes: int = 1,
    progress: bool = False,
) -> Prepared:
    """Read everything that a plan lists into a :class:`SkeletonSet` at ``out``.

    Args:
        plan: what to read.
        out: the folder to make; finished chunks are kept in ``<out>.partial`` meanwhile.
        root: the folder of the raw files; reports name places relative to it.
        strict: stop at the first broken file, and require the whole data set. Otherwise broken files are left out
            and reported.
        processes: how many processes read at once.
        progress: show a bar.

    Raises:
        DataError: ``strict`` and something is broken or missing; or nothing at all can be read.
        ArtefactError: the disk is full or refuses to write, or a reading process was killed; what has been read is
            kept.
    """
    out = Path(out)
    if strict:
        _require_whole(plan, root)
    partial = partial_folder(out)
    chunks = _chunks(plan, partial)
    try:
        _read_chunks(chunks, strict, processes, progress)
        _join_chunks(plan, chunks, out, root)
    except OSError as error:
        if error_number(error) is None:
            raise
        raise disk_fault(error, error.filename or out.parent) from None
    except BrokenProcessPool:
        remedy = (
            "Memory may have run out. Run the same command again, with fewer processes: it continues where it stopped."
        )
        raise ArtefactError("a reading process was killed", where=partial, remedy=remedy) from None
    shutil.rmtree(partial)
    return open_prepared(out)


def open_prepared(folder: str | Path) -> Prepared:
    """Open a prepared set, with the report of how it was made."""
    config = made_with(folder)
    missing = max(0, config.get("complete", 0) - config.get("found", 0))
    return Prepared(SkeletonSet.load(folder), read_left_out(folder), missing, tuple(config.get("notes", ())))


def partial_folder(out: str | Path) -> Path:
    """Where finished chunks are kept while a set is being made."""
    return Path(out).with_name(f"{Path(out).name}.partial")


def is_up_to_date(plan: ReadPlan, folder: str | Path) -> bool:
    """Whether ``folder`` already holds the set of exactly these raw files, read in this way."""
    folder = Path(folder)
    if not exists(folder):
        return False
    return made_with(folder).get("plan") == _identity(plan)


def _identity(plan: ReadPlan) -> str:
    """Changes with anything that determines the set, as far as it can be seen without reading the files."""
    names = [entry.sample for entry in plan.left_out]
    reader = {"config": dict(plan.config), "layout": plan.layout, "version": plan.version}
    return digest_of({**reader, "files": _stamps(plan.items), "not": names})


def _stamps(items: Iterable[Item]) -> list:
    return [(item.name, [(source.name, source.size, source.stamp) for source in item.sources]) for item in items]


@dataclass(frozen=True)
class _Chunk:
    """Consecutive items and the file that holds what they yielded."""

    path: Path
    plan: ReadPlan
    items: tuple[Item, ...]

    @property
    def identity(self) -> str:
        """Changes with anything that determines the content; a chunk of another identity is read again."""
        return _identity(replace(self.plan, items=self.items))

    def done(self) -> bool:
        """Whether the file exists, complete and of this identity."""
        try:
            return self.path.is_file() and _about(self.path)["identity"] == self.identity
        except (SafetensorError, OSError):
            return False


def _chunks(plan: ReadPlan, partial: Path) -> list[_Chunk]:
    groups: list[list[Item]] = []
    size = 0
    for item in plan.items:
        if not groups or len(groups[-1]) == CHUNK_ITEMS or size >= CHUNK_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(item)
        size += sum(source.size for source in item.sources)
    # Each chunk takes a copy of the plan to its process, but without the plan's items and lists, which are large.
    bare = replace(plan, items=(), left_out=(), parts={})
    return [_Chunk(partial / f"chunk-{n:06d}.safetensors", bare, tuple(group)) for n, group in enumerate(groups)]


def _read_chunks(chunks: list[_Chunk], strict: bool, processes: int, progress: bool) -> None:
    waiting = []
    for chunk in chunks:
        if not chunk.done():
            waiting.append(chunk)
        elif strict:  # the attempt that read it may not have been strict
            _require_no_fault([LeftOut(**entry) for entry in _content(chunk)["left_out"]])
    total = sum(len(chunk.items) for chunk in chunks)
    before = total - sum(len(chunk.items) for chunk in waiting)
    with tqdm(total=total, initial=before, unit=" files", desc="reading", disable=not progress) as bar:
        for chunk in _each(waiting, strict, processes):
            bar.update(len(chunk.items))


def _each(waiting: list[_Chunk], strict: bool, processes: int) -> Iterator[_Chunk]:
    """Read the chunks and yield each when it is done, in order."""
    if processes <= 1 or len(waiting) <= 1:
        for chunk in waiting:
            _read_chunk(chunk, strict)
            yield chunk
        return
    with worker_pool(min(processes, len(waiting))) as pool:
        with interrupts_held_back():
            futures = [pool.submit(_read_chunk, chunk, strict) for chunk in waiting]
        for chunk, future in zip(waiting, futures, strict=True):
            future.result()
            yield chunk


def _read_chunk(chunk: _Chunk, strict: bool) -> None:
    """Read the items of a chunk and write its file."""
    joints, rows, left_out, digests = [], [], [], []
    for item in chunk.items:
        reading, digest = _read_item(chunk.plan, item, strict)
        digests.append(f"{item.name} {digest}")
        left_out += [asdict(entry) for entry in reading.left_out]
        for sequence in reading.sequences:
            joints.append(sequence.joints.reshape(-1, *sequence.joints.shape[2:]))
            numbers = [int(getattr(sequence, name)) for name in _NUMBERS]
            rows.append([sequence.sample, *numbers, sequence.joints.shape[1], sequence.joints.shape[0]])
    content = {"rows": rows, "left_out": left_out, "digests": digests}
    about = {"identity": chunk.identity, "content": json.dumps(content)}
    frames = np.concatenate(joints) if joints else np.zeros((0, 1, 3), dtype=np.float32)
    write_atomic(chunk.path, save({"frames": np.ascontiguousarray(frames, dtype=np.float32)}, about))


def _read_item(plan: ReadPlan, item: Item, strict: bool) -> tuple[Reading, str]:
    """What the item yielded, and the digest of its raw content."""
    digest = hashlib.sha256()
    try:
        loaded = replace(item, sources=tuple(source.loaded() for source in item.sources))
        for source in loaded.sources:
            digest.update(hashlib.sha256(source.read()).digest())
        reading = plan.read(loaded)
    except DataError as error:
        if strict:
            raise
        reading = Reading(left_out=(LeftOut(item.name, "broken", str(error)),))
    if strict:
        _require_no_fault(reading.left_out)
    return reading, digest.hexdigest()


def _about(path: Path) -> dict[str, str]:
    with safe_open(path, framework="numpy") as stream:
        return stream.metadata() or {"identity": ""}


def _content(chunk: _Chunk) -> dict:
    return json.loads(_about(chunk.path)["content"])


def _sequences(chunks: Iterable[_Chunk]) -> Iterator[SkeletonSequence]:
    for chunk in chunks:
        with safe_open(chunk.path, framework="numpy") as stream:
            frames = stream.get_tensor("frames")
        start = 0
        for sample, *numbers, length, persons in _content(chunk)["rows"]:
            joints = frames[start : start + persons * length].reshape(persons, length, -1, 3)
            start += persons * length
            yield SkeletonSequence(sample, joints, **dict(zip(_NUMBERS, numbers, strict=True)))


def _join_chunks(plan: ReadPlan, chunks: list[_Chunk], out: Path, root: str | Path) -> None:
    left_out, digest = list(plan.left_out), hashlib.sha256()
    for chunk in chunks:
        content = _content(chunk)
        left_out += [LeftOut(**entry) for entry in content["left_out"]]
        digest.update("".join(f"{line}\n" for line in content["digests"]).encode())
    # Places are named relative to the raw files, so that the set does not depend on where they are.
    place = Path(os.path.abspath(root))
    long, short = (str(place), place.name) if place.is_file() else (f"{place}{os.sep}", "")
    left_out = [replace(entry, detail=entry.detail.replace(long, short)) for entry in left_out]

    def report(folder: Path) -> None:
        if left_out:
            write_left_out(folder / LEFT_OUT, left_out)

    record = {"found": plan.found, "complete": plan.complete, "notes": list(plan.notes), "plan": _identity(plan)}
    SkeletonSet.write(
        out,
        _sequences(chunks),
        dataset=plan.dataset,
        layout=plan.layout,
        class_names=plan.class_names,
        inputs={"raw files": digest.hexdigest()},
        config={**plan.config, **record},
        note=f"read from the published files of {plan.dataset}",
        parts=plan.parts,
        beside=report,
    )


def _require_whole(plan: ReadPlan, root: str | Path) -> None:
    _require_no_fault(plan.left_out)
    if plan.complete and plan.found != plan.complete:
        problem = f"{plan.dataset} has {plan.complete} raw files, found {plan.found}"
        remedy = "Add what is missing, or continue with what is there: without --strict (strict=False)."
        raise DataError(problem, where=root, remedy=remedy)


def _require_no_fault(left_out: Iterable[LeftOut]) -> None:
    bad = next((entry for entry in left_out if not entry.expected), None)
    if bad is not None:
        raise DataError(
            f"left out as {bad.reason}: {bad.detail}", where=bad.sample, remedy="Or continue without --strict."
        )


def write_left_out(path: Path, entries: Iterable[LeftOut]) -> None:
    """Write the report of what is not in a set, one row per sample."""
    with open(path, "w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(_FIELDS)
        for entry in entries:
            cells = (entry.sample, entry.reason, entry.detail, "yes" if entry.expected else "no")
            table.writerow([csv_cell(cell) for cell in cells])


def read_left_out(folder: str | Path) -> tuple[LeftOut, ...]:
    """What was left out of a prepared set; empty where nothing was.

    Raises:
        ArtefactError: the report is not one.
    """
    path = Path(folder) / LEFT_OUT
    if not path.is_file():
        return ()
    with open(path, newline="", encoding="utf-8") as stream:
        header, *rows = list(csv.reader(stream)) or [[]]
    if tuple(header) != _FIELDS or any(len(row) != len(_FIELDS) for row in rows):
        raise ArtefactError(f"the columns must be {', '.join(_FIELDS)}", where=path, remedy="Make the set again.")
    for number, row in enumerate(rows, start=2):
        if row[3] not in ("yes", "no"):
            raise ArtefactError(f"'expected' must be yes or no, got {row[3]!r}", where=f"{path}, line {number}")
    return tuple(
        LeftOut(csv_text(sample), cast(Any, reason), csv_text(detail), rule == "yes")
        for sample, reason, detail, rule in rows
    )
