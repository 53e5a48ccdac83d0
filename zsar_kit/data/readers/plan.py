"""Plans for reading a data set: which files there are, in folders and zip archives, and what each of them yielded.

Planning is quick because it looks at names only; :mod:`zsar_kit.data.readers.prepare` carries a plan out, in several
processes and over several attempts.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.errors import DataError
from zsar_kit.reprs import counted, short_path, shortened


@dataclass(frozen=True)
class Source:
    """One raw file, on its own or as a member of a zip archive.

    Attributes:
        path: the file, or the archive.
        member: its name inside the archive; empty for a file on its own.
        size: bytes of its content.
        stamp: changes when the content does: the time of the file's last change, or the member's checksum.
        content: the bytes, if they have been read already.
    """

    path: Path
    member: str = ""
    size: int = 0
    stamp: int = 0
    content: bytes | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """File name without folders."""
        return self.member.rsplit("/", 1)[-1] if self.member else self.path.name

    def __str__(self) -> str:
        return f"{self.path}, member {self.member}" if self.member else str(self.path)

    def __repr__(self) -> str:
        inside = f", member {short_path(self.member)}" if self.member else ""
        return f"Source({short_path(self.path)}{inside}, {self.size} bytes)"

    def read(self) -> bytes:
        """The content.

        Raises:
            DataError: the file cannot be read, or the archive is damaged there.
        """
        if self.content is not None:
            return self.content
        try:
            return _member(self) if self.member else self.path.read_bytes()
        except (
            zipfile.BadZipFile,
            zlib.error,
            OSError,
            EOFError,
            KeyError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            remedy = "Fetch the archive again." if self.member else "Fetch the file again or remove it."
            raise DataError(f"this file cannot be read: {error}", where=str(self), remedy=remedy) from None

    def loaded(self) -> Source:
        """A copy with its content in memory, for readers that need it more than once."""
        return replace(self, content=self.read())


def _member(source: Source) -> bytes:
    about = source.path.stat()
    return _archive(source.path, about.st_mtime_ns, about.st_size).read(source.member)


@lru_cache(maxsize=8)
def _archive(path: Path, changed: int, size: int) -> zipfile.ZipFile:
    """Archives stay open in each process: reading the directory of one takes longer than reading a member."""
    return zipfile.ZipFile(path)


@dataclass(frozen=True)
class Item:
    """What is read in one go: a clip of one file, or a long video with its labels.

    Attributes:
        name: unique in the plan; items are read and stored in the order of the plan.
        sources: the files it is made of.
    """

    name: str
    sources: tuple[Source, ...]

    def __repr__(self) -> str:
        return f"Item({self.name!r}: {counted(len(self.sources), 'file')}, {sum(s.size for s in self.sources)} bytes)"


@dataclass(frozen=True)
class LeftOut:
    """A sample that is not in the set, and why.

    Attributes:
        sample: its name, or the file's where the sample has none.
        reason: why, in one of a few fixed words.
        detail: what was found, and where.
        expected: true if a rule of the data set or of the chain leaves it out and nothing is wrong with the files;
            otherwise the set is incomplete or faulty.
    """

    sample: str
    reason: Literal["broken", "duplicate", "unknown", "listed as missing", "no body", "not in the split lists"]
    detail: str
    expected: bool = False

    def __repr__(self) -> str:
        rule = ", as expected" if self.expected else ""
        return f"LeftOut({short_path(self.sample)}: {self.reason}{rule}; {shortened(self.detail, 120)})"


@dataclass(frozen=True)
class Reading:
    """What an item yielded."""

    sequences: tuple[SkeletonSequence, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    def __repr__(self) -> str:
        return f"Reading({counted(len(self.sequences), 'sequence')}, {len(self.left_out)} left out)"


@dataclass(frozen=True)
class ReadPlan:
    """Everything that determines a prepared data set.

    Attributes:
        dataset: its name in the kit.
        layout: the joint layout of its sequences.
        class_names: in label order.
        items: in the order in which they are stored.
        read: reads one item. A function of a module, so that other processes can have it; it raises DataError where
            the whole item is broken.
        config: reader, chain and their settings, for the record.
        left_out: what was left out because of its name alone.
        complete: number of raw files of the whole data set; 0 where it is not known.
        found: number of raw files there are.
        version: of the reader; raised when it makes a different set from the same files, so that nothing outdated is
            reused.
        notes: what else is worth knowing, one line each.
        parts: protocol to a function that tells, by its name, whether a sample is for training, where the data set
            comes with lists of its own; see :attr:`zsar_kit.data.skeleton_set.SkeletonSet.parts`. Functions, because
            the samples of long videos are known only once they are read.
    """

    dataset: str
    layout: str
    class_names: tuple[str, ...]
    items: tuple[Item, ...]
    read: Callable[[Item], Reading]
    config: Mapping[str, Any]
    left_out: tuple[LeftOut, ...] = ()
    complete: int = 0
    found: int = 0
    version: int = 1
    notes: tuple[str, ...] = ()
    parts: Mapping[str, Callable[[str], bool]] = field(default_factory=dict)

    def __repr__(self) -> str:
        files = f"{self.found} of {self.complete} files" if self.complete else counted(self.found, "file")
        chain = f", chain {self.config['chain']}" if "chain" in self.config else ""
        todo = f"{counted(len(self.items), 'item')} to read, {len(self.left_out)} left out"
        return f"ReadPlan({self.dataset}: {files} found, {todo}, layout {self.layout}{chain})"


def same_content(sources: Sequence[Source]) -> bool:
    """Whether files hold the same bytes (an archive and what was unpacked of it), by size and checksum."""
    return len({source.size for source in sources}) == 1 and len({_checksum(source) for source in sources}) == 1


def _checksum(source: Source) -> int:
    return source.stamp if source.member else zlib.crc32(source.path.read_bytes())


def twice_note(count: int) -> tuple[str, ...]:
    """The note about files that exist more than once with the same content."""
    return (f"{count} files exist more than once with the same content; one of each was read.",) * bool(count)


def find_sources(root: str | Path, suffix: str) -> tuple[list[Source], list[LeftOut]]:
    """All raw files under ``root`` at any depth, those inside zip archives too, sorted by name and place.

    Args:
        root: a folder, or one zip archive.
        suffix: of the raw files, e.g. ``".skeleton"``.

    Returns:
        The files, and one entry for each archive that cannot be opened.

    Raises:
        DataError: there is nothing at ``root``.
    """
    root = Path(os.path.abspath(root))
    if not root.exists():
        remedy = "Name the folder that holds the raw files or their archives, or one archive."
        raise DataError("there is no such folder or archive", where=root, remedy=remedy)
    found, damaged = [], []
    for path in [root] if root.is_file() else _files(root):
        if path.name.endswith(suffix):
            about = path.stat()
            found.append(Source(path, size=about.st_size, stamp=about.st_mtime_ns))
        elif path.suffix == ".zip":
            try:
                with zipfile.ZipFile(path) as archive:
                    members = archive.infolist()
            except (zipfile.BadZipFile, OSError, EOFError) as error:
                damaged.append(LeftOut(path.name, "broken", f"the archive {path} cannot be opened: {error}"))
                continue
            kept = (member for member in members if member.filename.endswith(suffix) and not _hidden(member.filename))
            found += [Source(path, member.filename, member.file_size, member.CRC) for member in kept]
    return sorted(found, key=lambda source: (source.name, str(source))), damaged


def _files(root: Path) -> list[Path]:
    """Every file at any depth, linked folders included, sorted."""
    files, seen = [], set()
    for folder, below, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link to a folder above
            below.clear()
            continue
        seen.add(real)
        files += [Path(folder, name) for name in names if not _hidden(name)]
    return sorted(files)


def _hidden(name: str) -> bool:
    """What macOS leaves beside files and in archives."""
    return name.startswith("__MACOSX/") or name.rsplit("/", 1)[-1].startswith("._")
