"""Unpacking somebody else's zip archive without trusting it."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from zsar_kit.errors import DataError

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
        DataError: it is no whole zip archive, a member is damaged, encrypted, a link, or would land outside of the
            folder or on another member, or they are more than ``limit`` bytes.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            chosen = _chosen(opened, archive, wanted, limit)
            for place, member in chosen.items():
                _write(opened, member, to / place, archive)
    except zipfile.BadZipFile as error:
        raise DataError(f"not a whole zip archive: {error}", where=archive, remedy="Fetch it again.") from None
    return len(chosen)


def _chosen(
    opened: zipfile.ZipFile, archive: Path, wanted: Callable[[str], bool], limit: int
) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """Place in the folder to member. A suspicious name of any member refuses the archive: none comes by chance."""
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
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with opened.open(member) as source, open(path, "wb") as stream:
            while block := source.read(_BLOCK):
                stream.write(block)
    except _BROKEN as error:
        problem = f"this member cannot be unpacked: {error}"
        raise DataError(problem, where=f"{archive}, member {member.filename}", remedy="Fetch it again.") from None
    if path.stat().st_size != member.file_size:
        problem = f"this member has {path.stat().st_size} bytes instead of {member.file_size}"
        raise DataError(problem, where=f"{archive}, member {member.filename}", remedy="Fetch it again.")
