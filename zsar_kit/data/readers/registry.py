"""The data sets whose raw files the kit reads, by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zsar_kit.data.catalogue import class_names
from zsar_kit.data.readers.files import RawFormat, find_files, folder_digest, read_files
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.errors import DataError, nearest_name


def raw_formats() -> dict[str, RawFormat]:
    """Data set name to file format."""
    from zsar_kit.data.readers.kinder_gator import KINDER_GATOR
    from zsar_kit.data.readers.nw_ucla import NW_UCLA
    from zsar_kit.data.readers.utd_mhad import UTD_MHAD

    return {raw.dataset: raw for raw in (UTD_MHAD, NW_UCLA, KINDER_GATOR)}


@dataclass(frozen=True)
class RawDataset:
    """A folder of raw files, ready to be read.

    Attributes:
        name: of the data set.
        layout: the joint layout of its sequences.
        class_names: in label order.
        sequences: an iterator over all of them, in sorted file order.
        report: after the iteration, the errors of the files that were left out (``strict=False``).
        digest: SHA-256 over names and contents of the files.
    """

    name: str
    layout: str
    class_names: tuple[str, ...]
    sequences: Iterator[SkeletonSequence]
    report: list[DataError]
    digest: str


def open_dataset(name: str, root: str | Path, *, strict: bool = True) -> RawDataset:
    """Open the raw files of a data set.

    Args:
        name: ``utd_mhad``, ``nw_ucla`` or ``kinder_gator``.
        root: the folder that holds its files, at any depth.
        strict: require the whole data set and stop at the first broken file; otherwise go on and report.

    Raises:
        DataError: unknown name, wrong folder, or (while iterating) a broken file.
    """
    formats = raw_formats()
    if name not in formats:
        raise DataError(f"no reader for the data set {name!r}", remedy=nearest_name(name, formats))
    raw, report = formats[name], []
    files = find_files(raw, root, strict=strict)
    return RawDataset(
        name=name,
        layout=raw.layout,
        class_names=class_names(name),
        sequences=read_files(raw, root, strict=strict, report=report),
        report=report,
        digest=folder_digest(files, root),
    )


def prepare_dataset(
    name: str, root: str | Path, out: str | Path, *, strict: bool = True, progress: bool = False
) -> tuple[SkeletonSet, list[DataError]]:
    """Read the raw files of a data set into a :class:`SkeletonSet` at ``out``.

    Returns:
        The set, and the errors of the files that were left out (always empty if ``strict``).
    """
    raw = open_dataset(name, root, strict=strict)
    sequences = raw.sequences
    if progress:
        from tqdm import tqdm

        sequences = tqdm(sequences, desc=f"reading {name}", unit=" files")
    made = SkeletonSet.write(
        out,
        sequences,
        dataset=name,
        layout=raw.layout,
        class_names=raw.class_names,
        inputs={"raw files": raw.digest},
        config={"reader": name, "strict": strict},
        note=f"read from the published files of {name}",
    )
    return made, raw.report
