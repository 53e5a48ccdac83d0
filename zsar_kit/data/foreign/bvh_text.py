"""The text of a BVH file: its tree of joints, and the values of its channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from zsar_kit.data.foreign.shared import distinct, read_text
from zsar_kit.errors import DataError, nearest_name
from zsar_kit.reprs import counted, shortened

CHANNELS = tuple(f"{axis}{kind}" for kind in ("position", "rotation") for axis in "XYZ")
#: joints within joints; a body has some ten, and Python's own limit is far above
DEEPEST = 200
_WHOLE = "The file may be cut short: export it again."


@dataclass(frozen=True)
class Channel:
    """A number a frame: a place along an axis, or an angle about it in degrees; axis 0, 1, 2 for x, y, z."""

    moves: bool
    axis: int


@dataclass(frozen=True)
class Joint:
    """A joint, or the end of a chain.

    Attributes:
        name: of the joint; that of its parent and ``_end`` for an end.
        parent: index of the joint it hangs from; -1 for the root.
        offset: from its parent, in the file's unit.
        channels: in their order in the file.
        first: column of the first channel in a row of values.
        is_end: it is an ``End Site``.
    """

    name: str
    parent: int
    offset: tuple[float, float, float]
    channels: tuple[Channel, ...]
    first: int
    is_end: bool


@dataclass(frozen=True, eq=False)
class Animation:
    """What a BVH file holds.

    Attributes:
        joints: parents come before their children.
        values: of all channels, a row a frame.
        frame_time: seconds from frame to frame; 0 where the file has 0.
    """

    joints: tuple[Joint, ...]
    values: Float64[np.ndarray, "frame channel"]
    frame_time: float


@dataclass
class _Words:
    """Words of the tree with their lines, read from the front."""

    words: list[tuple[str, int]]
    path: str | Path
    place: int = 0
    columns: int = 0
    joints: list[Joint] = field(default_factory=list[Joint])

    @property
    def line(self) -> int:
        """Line of the word that comes next, or of the last one."""
        return self.words[min(self.place, len(self.words) - 1)][1]

    def next(self, wanted: str) -> str:
        if self.place >= len(self.words):
            raise DataError(f"the tree of joints ends where {wanted} should come", where=self.path, remedy=_WHOLE)
        self.place += 1
        return self.words[self.place - 1][0]

    def expect(self, word: str) -> None:
        line = self.line
        if (found := self.next(repr(word))).casefold() != word.casefold():
            raise DataError(
                f"{word!r} should come, and {shortened(found, 30)!r} does", where=f"{self.path}, line {line}"
            )

    def number(self, wanted: str) -> float:
        line = self.line
        word = self.next(wanted)
        try:
            value = float(word)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            problem = f"{wanted} must be a finite number, it is {shortened(word, 30)!r}"
            raise DataError(problem, where=f"{self.path}, line {line}")
        return value

    def rest_of_line(self) -> str:
        """The words up to the end of the line or to a brace, as the name of a joint that may hold blanks."""
        words: list[str] = []
        line = self.words[self.place - 1][1]
        while self.place < len(self.words) and self.words[self.place][1] == line and self.words[self.place][0] != "{":
            words.append(self.next("a name"))
        return " ".join(words)


def parse_bvh(path: str | Path) -> Animation:
    """Read a file.

    Raises:
        DataError: see :func:`zsar_kit.data.foreign.read_bvh`.
    """
    lines = read_text(path).split("\n")
    begin = next(i for i, line in enumerate(lines) if line.strip())
    if lines[begin].split()[0].casefold() != "hierarchy":
        problem = f"the file must begin with 'HIERARCHY', it begins with {shortened(lines[begin], 40)!r}"
        raise DataError(problem, where=path, remedy="Is it of another format under this suffix?")
    motion = next((i for i, line in enumerate(lines) if line.split()[:1] in (["MOTION"], ["Motion"])), None)
    if motion is None:
        raise DataError("the line 'MOTION' is missing", where=path, remedy=_WHOLE)
    joints = _tree(lines[:motion], path)
    return _motion(joints, lines, motion, path)


def _tree(lines: Sequence[str], path: str | Path) -> tuple[Joint, ...]:
    spaced = ((number, line.replace("{", " { ").replace("}", " } ")) for number, line in enumerate(lines, start=1))
    words = _Words([(word, number) for number, line in spaced for word in line.split()], path)
    words.expect("HIERARCHY")
    words.expect("ROOT")
    _joint(words, parent=-1)
    if words.place < len(words.words):
        line, found = words.line, words.next("the end")
        problem = f"one tree of joints is read, and {shortened(found, 30)!r} follows it"
        raise DataError(problem, where=f"{path}, line {line}", remedy="Save each skeleton in a file of its own.")
    names = distinct([joint.name for joint in words.joints])
    if repeated := [joint.name for joint, name in zip(words.joints, names, strict=True) if joint.name != name]:
        raise DataError(f"two joints are called {repeated[0]!r}", where=path, remedy="Rename one of them in the file.")
    return tuple(words.joints)


def _joint(words: _Words, parent: int, depth: int = 0) -> None:
    """A joint whose keyword has been read, with all that is within its braces."""
    line = words.words[words.place - 1][1]
    name = words.rest_of_line()
    where = f"{words.path}, line {line}"
    if not name:
        raise DataError("a joint has no name", where=where)
    if depth > DEEPEST:
        raise DataError(f"joints are nested more than {DEEPEST} deep", where=where)
    words.expect("{")
    offset = _offset(words)
    channels = _channels(words)
    index = len(words.joints)
    words.joints.append(Joint(name, parent, offset, channels, words.columns, is_end=False))
    words.columns += len(channels)
    while True:
        line = words.line
        word = words.next("'JOINT', 'End Site' or '}'").casefold()
        if word == "}":
            return
        if word == "joint":
            _joint(words, index, depth + 1)
        elif word == "end":
            _end(words, index)
        else:
            problem = f"'JOINT', 'End Site' or '}}' should come, and {shortened(word, 30)!r} does"
            raise DataError(problem, where=f"{words.path}, line {line}")


def _end(words: _Words, parent: int) -> None:
    words.rest_of_line()  # "Site", and a name that some writers give
    words.expect("{")
    offset = _offset(words)
    words.expect("}")
    ends = sum(joint.is_end and joint.parent == parent for joint in words.joints)
    name = f"{words.joints[parent].name}_end" + (f"{ends + 1}" if ends else "")
    words.joints.append(Joint(name, parent, offset, (), words.columns, is_end=True))


def _offset(words: _Words) -> tuple[float, float, float]:
    words.expect("OFFSET")
    x, y, z = (words.number("a number of OFFSET") for _ in range(3))
    return x, y, z


def _channels(words: _Words) -> tuple[Channel, ...]:
    words.expect("CHANNELS")
    count = words.number("the number of channels")
    known = {name.casefold(): name for name in CHANNELS}
    if count not in range(7):
        raise DataError(f"a joint has up to 6 channels, not {count:g}", where=f"{words.path}, line {words.line}")
    channels: list[Channel] = []
    for _ in range(int(count)):
        line = words.line
        word = words.next("a channel")
        if word.casefold() not in known:
            problem = f"{shortened(word, 30)!r} is not a channel"
            raise DataError(problem, where=f"{words.path}, line {line}", remedy=nearest_name(word, CHANNELS))
        channel = Channel(word.casefold().endswith("position"), "xyz".index(word[0].casefold()))
        if channel in channels:
            raise DataError(f"the channel {word!r} comes twice", where=f"{words.path}, line {line}")
        channels.append(channel)
    return tuple(channels)


def _motion(joints: tuple[Joint, ...], lines: Sequence[str], motion: int, path: str | Path) -> Animation:
    rows = [(number, line) for number, line in enumerate(lines[motion + 1 :], start=motion + 2) if line.strip()]
    frames = _after(rows, 0, "Frames:", path)
    frame_time = _after(rows, 1, "Frame Time:", path)
    if not frames.is_integer() or frames < 1:
        raise DataError(
            f"'Frames:' must be a whole number from 1, it is {frames:g}", where=f"{path}, line {rows[0][0]}"
        )
    if frame_time < 0:
        raise DataError(f"'Frame Time:' is {frame_time:g}", where=f"{path}, line {rows[1][0]}")
    columns = sum(len(joint.channels) for joint in joints)
    table = rows[2:]
    values = np.empty((len(table), columns))
    for i, (number, line) in enumerate(table):
        values[i] = _row(line, columns, f"{path}, line {number}")
    if len(values) != frames:
        problem = f"'Frames:' is {frames:g}, and there are {counted(len(values), 'row')}"
        raise DataError(problem, where=path, remedy=_WHOLE)
    return Animation(joints, values, frame_time)


def _after(rows: Sequence[tuple[int, str]], place: int, label: str, path: str | Path) -> float:
    """The number that stands after a label, in the row where it must be."""
    if place >= len(rows):
        raise DataError(f"the file ends before {label!r}", where=path, remedy=_WHOLE)
    number, line = rows[place]
    words, wanted = line.replace(":", ": ").split(), label.split()
    try:
        if [word.casefold() for word in words[:-1]] != [word.casefold() for word in wanted]:
            raise ValueError
        value = float(words[-1])
    except (ValueError, IndexError):
        value = math.nan
    if not math.isfinite(value):
        problem = f"{label!r} and a number should come, and {shortened(line, 40)!r} does"
        raise DataError(problem, where=f"{path}, line {number}")
    return value


def _row(line: str, columns: int, where: str) -> np.ndarray:
    words = line.split()
    if len(words) != columns:
        problem = f"a row has as many values as there are channels, {columns}, and this one has {len(words)}"
        raise DataError(problem, where=where, remedy=_WHOLE if len(words) < columns else None)
    try:
        row = np.array(words, dtype=np.float64)
    except ValueError:
        row = np.full(columns, np.nan)
    if not np.isfinite(row).all():
        wrong = next(word for word in words if not _is_finite(word))
        raise DataError(f"{shortened(wrong, 30)!r} is not a finite number", where=where)
    return row


def _is_finite(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False
