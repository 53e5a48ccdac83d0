"""The three kinds of text file of PKU-MMD: skeletons of a long video, its labels, and the lists of a protocol.

All are ASCII with LF or CRLF line ends; blank lines at the end are ignored, others are errors. Messages name the line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from zsar_kit.data.readers.files import FETCH_AGAIN
from zsar_kit.errors import DataError
from zsar_kit.reprs import counted

BODIES, JOINTS = 2, 25
VALUES = BODIES * JOINTS * 3
CLASSES = 51
LIST_LINES = 4
ANY_VIDEO = re.compile(r"\w+-[LMR]")


@dataclass(frozen=True)
class Label:
    """One row of a label file.

    Attributes:
        action: class as the files number it, 1..51.
        start, end: first and last frame, counted from 1, both included.
        confidence: of the annotators, as they gave it (1 or 2).
        line: its line in the file, counted from 1; the running number of the action in its video.
    """

    action: int
    start: int
    end: int
    confidence: int
    line: int


@dataclass(frozen=True)
class VideoLists:
    """The content of a protocol's file: names of videos (``0002-L``) to train on and to test on."""

    train: frozenset[str]
    test: frozenset[str]

    def __repr__(self) -> str:
        return f"VideoLists({counted(len(self.train), 'video')} to train on, {len(self.test)} to test on)"


def text_lines(content: bytes, where: str | Path) -> list[str]:
    """Lines of a file without those that are blank at its end.

    Raises:
        DataError: nothing is left, a line in the middle is blank, or a character is not ASCII.
    """
    lines = content.removeprefix(b"\xef\xbb\xbf").splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise DataError("the file is empty", where=where, remedy=FETCH_AGAIN)
    try:
        text = b"\n".join(lines).decode("ascii").split("\n")
    except UnicodeDecodeError:
        wrong = next(i for i, line in enumerate(lines, start=1) if not line.isascii())
        raise DataError("characters must be ASCII", where=f"{where}, line {wrong}", remedy=FETCH_AGAIN) from None
    for number, line in enumerate(text, start=1):
        if not line.strip():
            raise DataError("a line in the middle is blank", where=f"{where}, line {number}", remedy=FETCH_AGAIN)
    return text


def skeleton_lines(content: bytes, where: str | Path) -> list[str]:
    """Lines of a skeleton file, one per frame, counted but not yet converted.

    Raises:
        DataError: see :func:`text_lines`; or a line does not have 150 values, for example because the file is
            truncated.
    """
    lines = text_lines(content, where)
    for number, line in enumerate(lines, start=1):
        if (count := len(line.split())) != VALUES:
            problem = f"a line must have {VALUES} values ({BODIES} bodies x {JOINTS} joints x xyz), got {count}"
            raise DataError(problem, where=f"{where}, line {number} of {len(lines)}", remedy=FETCH_AGAIN)
    return lines


def convert_lines(lines: list[str], where: str | Path, first: int = 1) -> Float32[np.ndarray, "2 frame 25 3"]:
    """Joints of some lines of :func:`skeleton_lines`, at least one; metres, zeros where a body is absent.

    Args:
        lines: of 150 values each.
        where: the file, for messages.
        first: number of the first line in its file, for messages.

    Raises:
        DataError: a value is not a finite number in the range of float32.
    """
    try:
        with np.errstate(over="ignore"):
            values = np.loadtxt(lines, dtype=np.float64, comments=None, ndmin=2).astype(np.float32)
    except ValueError as error:
        raise _no_number(lines, where, first, str(error)) from None
    if not np.isfinite(values).all():
        raise _no_number(lines, where, first, "a value is not finite")
    return np.ascontiguousarray(values.reshape(len(lines), BODIES, JOINTS, 3).swapaxes(0, 1))


def _no_number(lines: list[str], where: str | Path, first: int, otherwise: str) -> DataError:
    """The error for the first bad value, which is searched for only once something is known to be wrong."""
    for number, line in enumerate(lines, start=first):
        for position, word in enumerate(line.split(), start=1):
            try:
                fine = abs(float(word)) <= float(np.finfo(np.float32).max)
            except ValueError:
                fine = False
            if not fine:
                problem = f"values must be finite numbers, got {word!r} as value {position}"
                return DataError(problem, where=f"{where}, line {number}", remedy=FETCH_AGAIN)
    return DataError(f"not a table of numbers: {otherwise}", where=where, remedy=FETCH_AGAIN)


def parse_labels(content: bytes, where: str | Path) -> tuple[Label, ...]:
    """The rows ``action,start,end,confidence`` of a label file, in its order.

    Whether a range lies in the video is for :func:`check_range`, since one bad range does not spoil the others.

    Raises:
        DataError: the file is empty, or a row is not four whole numbers, or its action is not in 1..51.
    """
    labels = []
    for number, line in enumerate(text_lines(content, where), start=1):
        place, fields = f"{where}, line {number}", line.split(",")
        numbers = [_whole(field) for field in fields]
        if len(fields) != 4 or None in numbers:
            problem = f"a row must be four whole numbers 'action,start,end,confidence', got {line.strip()[:80]!r}"
            raise DataError(problem, where=place, remedy=FETCH_AGAIN)
        action, start, end, confidence = (int(value) for value in numbers if value is not None)
        if not 1 <= action <= CLASSES:
            raise DataError(f"actions must be 1..{CLASSES}, got {action}", where=place, remedy=FETCH_AGAIN)
        labels.append(Label(action, start, end, confidence, number))
    return tuple(labels)


def _whole(text: str) -> int | None:
    """A whole number, also one written with a decimal point; None for anything else."""
    match = re.fullmatch(r"\s*(-?\d{1,12})(?:\.0*)?\s*", text)
    return None if match is None else int(match[1])


def check_range(label: Label, frames: int, where: str | Path) -> None:
    """Refuse an action that is not inside its video of so many frames.

    Raises:
        DataError: the first frame comes after the last, or one of them is not in ``1..frames``.
    """
    place = f"{where}, line {label.line}"
    if label.start > label.end:
        problem = f"an action must start before it ends, got frames {label.start} to {label.end}"
        raise DataError(problem, where=place, remedy=FETCH_AGAIN)
    if label.start < 1 or label.end > frames:
        problem = f"an action must lie in the video's frames 1 to {frames}, got {label.start} to {label.end}"
        raise DataError(problem, where=place, remedy=FETCH_AGAIN)


def parse_lists(content: bytes, where: str | Path) -> VideoLists:
    """The training and test videos of a protocol: a heading, training videos, a heading, test videos.

    Raises:
        DataError: the file does not have these four lines, a heading is a list, a list is empty or has an entry that is
            not the name of a video, or a video is in both.
    """
    lines = text_lines(content, where)
    if len(lines) != LIST_LINES:
        problem = (
            f"lists must have {LIST_LINES} lines (heading, training videos, heading, test videos), got {len(lines)}"
        )
        raise DataError(problem, where=where, remedy=FETCH_AGAIN)
    for number in (1, 3):
        if ANY_VIDEO.fullmatch(lines[number - 1].split(",")[0].strip()):
            raise DataError("a heading is needed here, got a list", where=f"{where}, line {number}")
    train, test = (_videos(lines[number - 1], f"{where}, line {number}") for number in (2, 4))
    if both := sorted(train & test):
        problem = f"the video {both[0]!r} is listed both for training and for test ({len(both)} are)"
        raise DataError(problem, where=where, remedy=FETCH_AGAIN)
    return VideoLists(train, test)


def _videos(line: str, place: str) -> frozenset[str]:
    names = [name.strip() for name in line.split(",")]
    names = [name for name in names if name]
    for name in names:
        if not ANY_VIDEO.fullmatch(name):
            raise DataError(f"a video's name is like 0002-L or A01N01-L, got {name[:40]!r}", where=place)
    if not names:
        raise DataError("the list has no video", where=place, remedy=FETCH_AGAIN)
    return frozenset(names)
