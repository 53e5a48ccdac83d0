"""What all readers of raw files share: finding the files, and turning every fault into one clear error."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from zsar_kit.artefacts import file_digest
from zsar_kit.data.catalogue import class_count, class_names
from zsar_kit.data.readers.plan import (
    Item,
    LeftOut,
    Reading,
    ReadPlan,
    Source,
    find_sources,
    same_content,
    twice_note,
)
from zsar_kit.data.skeletons import SkeletonSequence, check_sequence
from zsar_kit.errors import DataError
from zsar_kit.reprs import counted

FETCH_AGAIN = "Fetch the file again or remove it."


@dataclass(frozen=True)
class RawFormat:
    """The raw files of a public data set with one file per sequence.

    Attributes:
        dataset: its name in the kit.
        layout: the joint layout its reader yields.
        suffix: of the files.
        name: pattern that a file name must match in full; its groups are for ``parse``.
        shown: the same pattern in readable form.
        complete: number of files of the whole data set.
        others: pattern of files of the same suffix that belong to the data set but are no skeletons; None if there are
            none. They are passed over, with a note.
        others_shown: the same pattern in readable form.
        parse: makes a sequence from a file's content, the match of its name, and its place for messages; raises
            DataError.
    """

    dataset: str
    layout: str
    suffix: str
    name: re.Pattern[str]
    shown: str
    complete: int
    parse: Callable[[bytes, re.Match[str], str], SkeletonSequence]
    others: re.Pattern[str] | None = None
    others_shown: str = ""

    def is_other(self, source: Source) -> bool:
        """Whether a file belongs to the data set but is no skeleton."""
        return self.others is not None and self.others.fullmatch(source.name) is not None

    def __repr__(self) -> str:
        return f"RawFormat({self.dataset}: {self.complete} files {self.shown}, layout {self.layout})"


def plan_files(raw: RawFormat, root: str | Path, *, chain: str = "") -> ReadPlan:
    """Plan to read all files of a format under ``root``, at any depth or in zip archives, sorted by path.

    Args:
        raw: the format of the files.
        root: a folder, or one zip archive.
        chain: must be empty: these data sets are read in one way only.

    Raises:
        DataError: a chain was named, there is no such folder, or it has no such file.
    """
    if chain:
        problem = f"{raw.dataset} is read in one way only, got the chain {chain!r}"
        raise DataError(problem, remedy="Leave the chain out.")
    found, damaged = find_sources(root, raw.suffix)
    sources = [source for source in found if not raw.is_other(source)]
    passed = len(found) - len(sources)
    note = f"{counted(passed, 'file')} {raw.others_shown} are no skeletons and were passed over."
    if not sources:
        came = f"0 of them; {note.rstrip('.')}" if passed else f"0 {raw.suffix} files"
        came += "".join(f"; {archive.detail}" for archive in damaged)
        problem = f"{raw.dataset} needs {raw.complete} files {raw.shown}, found {came}"
        raise DataError(problem, where=root, remedy="Name the folder that holds them.")
    sources.sort(key=lambda source: (source.path.as_posix(), source.member))
    places: dict[str, list[Source]] = {}
    for source in sources:
        places.setdefault(source.name, []).append(source)
    again = {name: found for name, found in places.items() if len(found) > 1}
    unclear = {name: found for name, found in again.items() if not same_content(found)}
    left_out = [*damaged, *(_twice(name, unclear[name]) for name in sorted(unclear))]
    return ReadPlan(
        dataset=raw.dataset,
        layout=raw.layout,
        class_names=class_names(raw.dataset),
        items=tuple(Item(name, (found[0],)) for name, found in places.items() if name not in unclear),
        read=partial(read_item, raw),
        config={"reader": raw.dataset},
        left_out=tuple(left_out),
        complete=raw.complete,
        found=len(places),
        notes=(*twice_note(len(again) - len(unclear)), *([note] if passed else [])),
    )


def _twice(name: str, sources: list[Source]) -> LeftOut:
    places = " and ".join(str(source) for source in sources)
    return LeftOut(name, "duplicate", f"there are {len(sources)} files that differ for this sample: {places}; keep one")


def read_item(raw: RawFormat, item: Item) -> Reading:
    """Read one planned file.

    A plan holds this function bound to its format, and both travel to other processes: a :class:`RawFormat` pickles as
    long as ``parse`` is a function of a module.
    """
    source = item.sources[0]
    return Reading((_read(raw, source.name, source.read(), str(source)),))


def read_file(raw: RawFormat, path: Path) -> SkeletonSequence:
    """Read and check one file.

    Raises:
        DataError: its name is not of the format, or its content is broken.
    """
    return _read(raw, path.name, path.read_bytes(), str(path))


def _read(raw: RawFormat, name: str, content: bytes, where: str) -> SkeletonSequence:
    match = raw.name.fullmatch(name)
    if match is None:
        raise DataError(f"a file name must look like {raw.shown}", where=where, remedy="Rename or remove it.")
    if not content:
        raise DataError("the file is empty", where=where, remedy=FETCH_AGAIN)
    sequence = raw.parse(content, match, where)
    check_sequence(sequence, raw.layout, class_count(raw.dataset), where=where)
    return sequence


def folder_digest(files: list[Path], root: str | Path) -> str:
    """SHA-256 over the names and contents of the files."""
    total = hashlib.sha256()
    for path in files:
        total.update(f"{path.relative_to(root).as_posix()} {file_digest(path)}\n".encode())
    return total.hexdigest()
