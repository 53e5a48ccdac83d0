"""The ``.skeleton`` text format of NTU RGB+D: read strictly, and fast because only what is kept is converted.

A file is a number of frames; each frame a number of bodies; each body a line of ten values (tracking id, lean, states
of the hands, ...), a number of joints (25) and a line of twelve values for each joint, of which the first three are x,
y, z in metres. The structure is checked line by line; nine of the twelve values are never looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, Int64

from zsar_kit.data.readers.decimals import decimals
from zsar_kit.errors import DataError
from zsar_kit.reprs import counted

JOINTS = 25
MOST_BODIES = 6  # as many as Kinect v2 tracks
BODY_VALUES, JOINT_VALUES = 10, 12
_BREAKS = np.frombuffer(b"\t\n\r", dtype=np.uint8)
_JOINT_BLOCK = [JOINT_VALUES] * JOINTS
FETCH_AGAIN = "Fetch the file again."


@dataclass(frozen=True, eq=False)
class NtuBody:
    """What the sensor tracked under one id.

    Attributes:
        tracking_id: as the file has it.
        frames: 0-based numbers of the frames it is in, rising; there may be gaps.
        slots: its 0-based place among the bodies of each of these frames.
        joints: x, y, z in metres.
    """

    tracking_id: int
    frames: Int64[np.ndarray, " seen"]
    slots: Int64[np.ndarray, " seen"]
    joints: Float32[np.ndarray, "seen 25 3"]

    def __repr__(self) -> str:
        return f"NtuBody({self.tracking_id}: in {counted(len(self.frames), 'frame')})"


@dataclass(frozen=True, eq=False)
class NtuRecording:
    """The content of one file.

    Attributes:
        frames: how many there are, including those without a body.
        bodies: in order of first appearance.
    """

    frames: int
    bodies: tuple[NtuBody, ...]

    def __repr__(self) -> str:
        bodies = f"{len(self.bodies)} {'body' if len(self.bodies) == 1 else 'bodies'}"
        return f"NtuRecording({counted(self.frames, 'frame')}, {bodies})"


@dataclass
class _Found:
    """Where a body was found: frames, slots, and the rows of its joints among all joints of the file."""

    frames: list[int] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)


class _Lines:
    """The lines of a text and the places of their values."""

    def __init__(self, content: bytes, where: str):
        self.content, self.where = content, where
        characters = np.frombuffer(content, dtype=np.uint8)
        controls = np.flatnonzero(characters < ord(" "))
        kinds = characters[controls]
        if not content.isascii() or not np.isin(kinds, _BREAKS).all():
            raise DataError("the file is not text", where=where, remedy=FETCH_AGAIN)
        ends = controls[kinds == ord("\n")]
        if not content.endswith(b"\n"):
            ends = np.append(ends, len(content))
        blank = characters <= ord(" ")
        begins = np.empty(len(characters), dtype=bool)
        begins[0] = not blank[0]
        np.greater(blank[:-1], blank[1:], out=begins[1:])
        self.starts = np.flatnonzero(begins)
        stops = np.searchsorted(self.starts, ends)
        counts = np.diff(stops, prepend=0)
        self.first = stops - counts
        # Blank lines at the end do not count.
        self.counts: list[int] = counts[: int(np.flatnonzero(counts)[-1]) + 1].tolist()
        self._ends: list[int] = [-1, *ends.tolist()]

    def __len__(self) -> int:
        return len(self.counts)

    def text(self, line: int) -> bytes:
        return self.content[self._ends[line] + 1 : self._ends[line + 1]].strip()

    def fail(self, line: int, problem: str) -> DataError:
        return DataError(problem, where=f"{self.where}, line {line + 1}", remedy=FETCH_AGAIN)

    def cut_off(self, needed: str) -> DataError:
        return self.fail(len(self) - 1, f"the file ends where {needed} must follow: it is cut off")

    def number(self, line: int, of: str) -> int:
        """The single whole number of a line."""
        if line >= len(self):
            raise self.cut_off(f"the number of {of}")
        text = self.content[self._ends[line] + 1 : self._ends[line + 1]].strip()
        if text.isdigit() and len(text) <= 9:
            return int(text)
        raise self.fail(line, f"the number of {of} must be a whole number, got {shown(text)}")

    def coordinates(self, lines: Int64[np.ndarray, " line"]) -> Float32[np.ndarray, "line 3"]:
        """The first three values of lines that have more, as float32; not finite where they are not numbers."""
        values = self.first[lines][:, None] + np.arange(3)
        # Up to the blank before the next value; extra blanks only send the number down the slow path.
        starts, stops = self.starts[values].ravel(), self.starts[values + 1].ravel() - 1
        with np.errstate(over="ignore"):
            return decimals(self.content, starts, stops).astype(np.float32).reshape(-1, 3)


def shown(text: bytes) -> str:
    """A piece of a raw file for a message."""
    return repr(text[:40].decode("ascii", "replace") + ("..." if len(text) > 40 else ""))


def parse_ntu(content: bytes, where: str) -> NtuRecording:
    """Read one ``.skeleton`` file.

    Lines may end in LF or CRLF; blanks at the end of lines and blank lines at the end of the file do not matter.

    Args:
        content: of the file.
        where: its name, for messages.

    Raises:
        DataError: the file is not text, is cut off, or continues after its last frame; a count is not a number or
            impossible; a body occurs twice in a frame; a line has the wrong number of values; or a coordinate is not a
            finite number. The message names the line, counted from one.
    """
    if not content.strip():
        raise DataError("the file is empty", where=where, remedy=FETCH_AGAIN)
    lines = _Lines(content, where)
    frames = lines.number(0, "frames")
    if frames == 0:
        raise lines.fail(0, "the file has no frame")
    found: dict[int, _Found] = {}
    blocks: list[int] = []  # the first joint line of each body in each frame
    line = 1
    for frame in range(frames):
        line = _read_frame(lines, line, frame, found, blocks)
    if line < len(lines):
        raise lines.fail(line, f"the file continues after its {frames} frames")
    joints = _read_joints(lines, np.array(blocks, dtype=np.int64))
    return NtuRecording(frames, tuple(_body(number, place, joints) for number, place in found.items()))


def _read_frame(lines: _Lines, line: int, frame: int, found: dict[int, _Found], blocks: list[int]) -> int:
    """Note where the bodies of a frame are; returns the line after it."""
    bodies = lines.number(line, "bodies")
    if bodies > MOST_BODIES:
        raise lines.fail(line, f"a frame has at most {MOST_BODIES} bodies, got {bodies}")
    line += 1
    for slot in range(bodies):
        tracking_id = _read_tracking_id(lines, line)
        body = found.setdefault(tracking_id, _Found())
        if body.frames and body.frames[-1] == frame:
            raise lines.fail(line, f"body {tracking_id} occurs twice in frame {frame + 1}")
        if (joints := lines.number(line + 1, "joints")) != JOINTS:
            raise lines.fail(line + 1, f"a body has {JOINTS} joints, got {joints}")
        line += 2
        _check_joint_lines(lines, line)
        body.frames.append(frame)
        body.slots.append(slot)
        body.rows.append(len(blocks))
        blocks.append(line)
        line += JOINTS
    return line


def _read_tracking_id(lines: _Lines, line: int) -> int:
    if line >= len(lines):
        raise lines.cut_off("a body")
    if lines.counts[line] != BODY_VALUES:
        raise lines.fail(line, f"a body has a line of {BODY_VALUES} values, got {lines.counts[line]}")
    text = lines.text(line).split(None, 1)[0]
    if not text.isdigit() or len(text) > 20:
        raise lines.fail(line, f"a tracking id must be a whole number, got {shown(text)}")
    return int(text)


def _check_joint_lines(lines: _Lines, line: int) -> None:
    counts = lines.counts[line : line + JOINTS]
    if counts == _JOINT_BLOCK:
        return
    for offset, count in enumerate(counts):
        if count != JOINT_VALUES:
            raise lines.fail(line + offset, f"a joint has a line of {JOINT_VALUES} values, got {count}")
    raise lines.cut_off(f"joint {len(counts) + 1} of {JOINTS}")


def _read_joints(lines: _Lines, blocks: Int64[np.ndarray, " block"]) -> Float32[np.ndarray, "block 25 3"]:
    numbers = (blocks[:, None] + np.arange(JOINTS)).ravel()
    joints = lines.coordinates(numbers)
    finite = np.isfinite(joints)
    if not finite.all():
        row, axis = np.argwhere(~finite)[0]
        line = int(numbers[row])
        value = shown(lines.text(line).split()[axis])
        raise lines.fail(line, f"{'xyz'[axis]} of a joint must be a finite number, got {value}")
    return joints.reshape(-1, JOINTS, 3)


def _body(tracking_id: int, found: _Found, joints: Float32[np.ndarray, "block 25 3"]) -> NtuBody:
    frames, slots = np.array(found.frames, dtype=np.int64), np.array(found.slots, dtype=np.int64)
    return NtuBody(tracking_id, frames, slots, joints[found.rows])
