"""The first blocks of a C3D file, checked before the library sees them.

``ezc3d`` trusts the lengths in a file: where one leads out of it, or where what analog channels need is missing, the
whole process ends, and with it the other files of a folder. So the header and the chain of parameters are walked here
first, and a file in which they do not hold is an error like any other.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zsar_kit.errors import DataError

BLOCK, KEY = 512, 0x50
WHOLE = "The file may be cut short: export it again."
_MIPS = 86
#: bytes of a value by the type of a parameter: text, byte, whole number, float
_WIDTHS = {-1: 1, 1: 1, 2: 2, 4: 4}


@dataclass(frozen=True)
class Header:
    """What the first block says.

    Attributes:
        points: how many there are in a frame.
        analog: values of analog channels in a frame.
        first, last: frames as stored, from 1.
        room: bytes from where the frames begin to the end of the file.
    """

    points: int
    analog: int
    first: int
    last: int
    room: int


@dataclass(frozen=True)
class _Entry:
    """A group or a parameter.

    Attributes:
        name: in capitals.
        owner: number of the parameter's group; of a group its own, negative.
        values: how many a parameter has.
        letter: it is a single letter without a length, which the format allows and the library does not bear.
    """

    name: str
    owner: int
    values: int
    letter: bool


def read_header(path: str | Path) -> Header:
    """The header of a file whose first blocks hold together.

    Raises:
        DataError: the file is broken, cut short, or of another format, or has no points.
    """
    try:
        with Path(path).open("rb") as file:
            first = file.read(BLOCK)
            size = file.seek(0, 2)
            if not size:
                raise DataError("the file is empty", where=path)
            if len(first) < BLOCK or first[1] != KEY or first[0] < 2:
                problem = f"not a C3D file: the second byte must be 0x50, and a block has {BLOCK} bytes"
                raise DataError(problem, where=path, remedy="Is it of another format under this suffix?")
            begin = (first[0] - 1) * BLOCK
            file.seek(begin)
            opening = file.read(4)
            if len(opening) < 4:
                raise DataError("the file ends before its parameters", where=path, remedy=WHOLE)
            order = ">" if opening[3] == _MIPS else "<"
            points, analog, first_frame, last_frame = struct.unpack_from(f"{order}4H", first, 2)
            start = (struct.unpack_from(f"{order}H", first, 16)[0] - 1) * BLOCK
            section = file.read(max(start - begin - 4, 0))
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=path) from None
    if not points:
        problem = "the file has no points, only analog channels at most"
        raise DataError(problem, where=path, remedy="Choose the file that holds the markers.")
    if last_frame < first_frame or start >= size:
        problem = f"the file ends before its frames, {first_frame} to {last_frame}"
        raise DataError(problem, where=path, remedy=WHOLE)
    _check_parameters(section, order, analog, path)
    return Header(points, analog, first_frame, last_frame, size - start)


def _check_parameters(section: bytes, order: str, analog: int, path: str | Path) -> None:
    try:
        entries = list(_entries(section, order))
    except (struct.error, IndexError, KeyError, ValueError):
        problem = "not a complete C3D file: a length among its parameters leads nowhere"
        raise DataError(problem, where=path, remedy=WHOLE) from None
    if letters := [entry.name for entry in entries if entry.letter]:
        problem = f"the parameter {letters[0]} is a letter without a length, which ezc3d cannot read"
        raise DataError(problem, where=path, remedy="Export the clip with another program.")
    groups = {entry.name: -entry.owner for entry in entries if entry.owner < 0}
    lengths = {(entry.owner, entry.name): entry.values for entry in entries if entry.owner > 0}
    if "POINT" not in groups or (groups["POINT"], "USED") not in lengths:
        raise DataError("not a complete C3D file: POINT:USED is missing", where=path, remedy=WHOLE)
    if not analog:
        return
    for name in ("USED", "SCALE", "OFFSET"):
        if not lengths.get((groups.get("ANALOG", 0), name), 0):
            problem = f"the file has analog channels and lacks ANALOG:{name}, without which it cannot be read"
            raise DataError(problem, where=path, remedy="Export the clip without analog channels.")


def _entries(section: bytes, order: str) -> Iterator[_Entry]:
    """Groups and parameters, each with the place of the next one, up to the one without a name or a next one.

    Raises:
        struct.error, IndexError, KeyError, ValueError: a length leads out of the section, or a type is none.
    """
    place = 0
    while True:
        length, owner = struct.unpack_from("<bb", section, place)  # a negative length: the entry is locked
        if not length:
            return
        name = section[place + 2 : place + 2 + abs(length)].decode("latin-1").upper().strip()
        place += 2 + abs(length)
        (step,) = struct.unpack_from(f"{order}h", section, place)
        end, values, letter = place + 2, 0, False
        if owner > 0:
            kind, axes = struct.unpack_from("<bB", section, end)
            sizes = struct.unpack_from(f"<{axes}B", section, end + 2)
            values, letter = math.prod(sizes), kind == -1 and not axes
            end += 2 + axes + _WIDTHS[kind] * values
        end += 1 + section[end]  # the description
        if not owner or step < 0 or (step and place + step < end) or end > len(section):
            raise ValueError
        yield _Entry(name, owner, values, letter)
        if not step:
            return
        place += step
