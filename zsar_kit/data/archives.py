"""Unpacking somebody else's zip archive without trusting it."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from zsar_kit.errors import DataError
from zsar_kit.faults import disk_fault

_BLOCK = 2**18
_BROKEN = (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError)


def unpack(archive: Path, to: Path, wanted: Callable[[str], bool], *, limit: int) -> int:
    """Unpack some members of a zip archive into a folder, in the folders that they have in the archive.

    Nothing is written before all names and sizes have been looked at.

    Args:
        archive: the archive.
        to: the folder, which is there.
        wanted: takes a file name without folders, says whether the member is unpacked.
        limit: bytes that the unpacked members may have together.

    Returns:
        The number of files.

    Raises:
        DataError: it is not a complete zip archive, a member is damaged, encrypted, a link, or would be written outside
            of the folder or over another member, or the members have more than ``limit`` bytes.
        ArtefactError: the disk is full or refuses the files for another reason; the archive is not to blame.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            chosen = _chosen(opened, archive, wanted, limit)
            for place, member in chosen.items():
                _write(opened, member, to / place, archive)
    except zipfile.BadZipFile as error:
        raise DataError(f"not a complete zip archive: {error}", where=archive, remedy="Fetch it again.") from None
    return len(chosen)


def _chosen(
    opened: zipfile.ZipFile, archive: Path, wanted: Callable[[str], bool], limit: int
) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """Place in the folder to member. One suspicious name is enough to refuse the archive."""
    chosen: dict[PurePosixPath, zipfile.ZipInfo] = {}
    seen: set[str] = set()
    for member in opened.infolist():
        place = _place(member, archive)
        if member.is_dir() or not wanted(place.name):
            continue
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG) or member.flag_bits & 1:
            raise DataError("a member is a link, or encrypted", where=f"{archive}, member {member.filename}")
        if str(place).casefold() in seen:
            raise DataError("two members have the same name", where=f"{archive}, member {member.filename}")
        seen.add(str(place).casefold())
        chosen[place] = member
    for place, member in chosen.items():
        if any(str(folder).casefold() in seen for folder in place.parents):
            raise DataError("a member is inside another one", where=f"{archive}, member {member.filename}")
    size = sum(member.file_size for member in chosen.values())
    if size > limit:
        raise DataError(f"its files have {size} bytes unpacked, at most {limit} were expected", where=archive)
    return chosen


def _place(member: zipfile.ZipInfo, archive: Path) -> PurePosixPath:
    """Where a member belongs below the folder; some programs write ``\\`` between folders."""
    place = PurePosixPath(member.filename.replace("\\", "/"))
    if place.is_absolute() or ".." in place.parts or ":" in str(place) or not place.parts:
        raise DataError("a member would be written outside of the folder", where=f"{archive}, member {member.filename}")
    return place


def _write(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, archive: Path) -> None:
    """Write one member; the checksum is compared on the way, and no more than the declared size is read."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as stream:
            for block in _blocks(opened, member, archive):
                stream.write(block)
    except OSError as error:
        raise disk_fault(error, path) from None
    if path.stat().st_size != member.file_size:
        problem = f"this member has {path.stat().st_size} bytes instead of {member.file_size}"
        raise DataError(problem, where=f"{archive}, member {member.filename}", remedy="Fetch it again.")


def _blocks(opened: zipfile.ZipFile, member: zipfile.ZipInfo, archive: Path) -> Iterator[bytes]:
    """The content of one member. Only what goes wrong in reading is the archive's fault."""
    try:
        with opened.open(member) as source:
            while block := source.read(_BLOCK):
                yield block
    except _BROKEN as error:
        problem = f"this member cannot be unpacked: {error}"
        raise DataError(problem, where=f"{archive}, member {member.filename}", remedy="Fetch it again.") from None
