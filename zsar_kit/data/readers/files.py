"""What all readers of raw files share: finding the files, and turning every fault into one clear error."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from zsar_kit.artefacts import file_digest
from zsar_kit.data.catalogue import class_count
from zsar_kit.data.skeletons import SkeletonSequence, check_sequence
from zsar_kit.errors import DataError

FETCH_AGAIN = "Fetch the file again, or leave it out with strict=False (zsar: --no-strict)."


@dataclass(frozen=True)
class RawFormat:
    """How a public data set lies on disk, one file a sequence.

    Attributes:
        dataset: its name in the kit.
        layout: the joint layout its reader yields.
        suffix: of the files.
        name: pattern that a file name must match in full; its groups are for ``parse``.
        shown: the same pattern for people.
        complete: number of files of the whole data set.
        parse: makes a sequence of one file and the match of its name; raises DataError.
    """

    dataset: str
    layout: str
    suffix: str
    name: re.Pattern[str]
    shown: str
    complete: int
    parse: Callable[[Path, re.Match[str]], SkeletonSequence]


def find_files(raw: RawFormat, root: str | Path, *, strict: bool = True) -> list[Path]:
    """All files of the format under ``root``, at any depth, sorted by path.

    Raises:
        DataError: there is no such folder, it has no such file, or (if ``strict``) not the number that makes
            it whole.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"{raw.dataset} needs a folder of {raw.shown} files, there is no folder", where=root)
    found = sorted(root.rglob(f"*{raw.suffix}"), key=lambda path: path.relative_to(root).as_posix())
    if not found or (strict and len(found) != raw.complete):
        remedy = (
            "Name the folder that holds them."
            if not found
            else "Go on with what is there: strict=False (zsar: --no-strict)."
        )
        problem = f"{raw.dataset} needs {raw.complete} files {raw.shown}, found {len(found)} {raw.suffix} files"
        raise DataError(problem, where=root, remedy=remedy)
    return found


def read_file(raw: RawFormat, path: Path) -> SkeletonSequence:
    """Read and check one file.

    Raises:
        DataError: its name is not of the format, or its content is broken.
    """
    match = raw.name.fullmatch(path.name)
    if match is None:
        raise DataError(f"a file name must look like {raw.shown}", where=path, remedy="Rename or remove it.")
    if path.stat().st_size == 0:
        raise DataError("the file is empty", where=path, remedy=FETCH_AGAIN)
    sequence = raw.parse(path, match)
    check_sequence(sequence, raw.layout, class_count(raw.dataset), where=path)
    return sequence


def read_files(
    raw: RawFormat, root: str | Path, *, strict: bool = True, report: list[DataError] | None = None
) -> Iterator[SkeletonSequence]:
    """Read a folder, file by file, in sorted order.

    Args:
        raw: the format.
        root: the folder.
        strict: stop at the first broken file, and require the complete data set. Otherwise broken files are
            left out.
        report: gets the errors of the files left out.

    Raises:
        DataError: see :func:`find_files` and, if ``strict``, :func:`read_file`.
    """
    for path in find_files(raw, root, strict=strict):
        try:
            sequence = read_file(raw, path)
        except DataError as error:
            if strict:
                raise
            if report is not None:
                report.append(error)
            continue
        yield sequence


def folder_digest(files: list[Path], root: str | Path) -> str:
    """SHA-256 over the names and contents of the files."""
    total = hashlib.sha256()
    for path in files:
        total.update(f"{path.relative_to(root).as_posix()} {file_digest(path)}\n".encode())
    return total.hexdigest()
