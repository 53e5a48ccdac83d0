"""Reader of Kinder-Gator: 1159 CSV files, 58 actions, 10 adults and 10 children, one person."""

from __future__ import annotations

import re

import numpy as np

from zsar_kit.data.catalogue import class_names
from zsar_kit.data.joints import layout
from zsar_kit.data.readers.files import FETCH_AGAIN, RawFormat
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.errors import DataError, nearest_name

FIELDS = 64
TIME = "Timestamp"


def _columns() -> list[str]:
    """Header names of the coordinates in the order of the layout: ``hip_centre`` gives ``HipCenterX``."""
    joints = layout(KINDER_GATOR.layout).joints
    names = [joint.title().replace("_", "").replace("Centre", "Center") for joint in joints]
    return [name + axis for name in names for axis in "XYZ"]


def _label(action: str, where: str) -> int:
    names = class_names("kinder_gator")
    if action not in names:
        raise DataError(f"unknown action {action!r}", where=where, remedy=nearest_name(action, names))
    return names.index(action)


def _parse(content: bytes, match: re.Match[str], where: str) -> SkeletonSequence:
    subject, order, action = int(match[1]), int(match[2]), match[3]
    label = _label(action, where)
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"not text: {error}", where=where, remedy=FETCH_AGAIN) from None
    header = lines[0].split(",")
    if missing := [name for name in (TIME, *_columns()) if name not in header]:
        raise DataError(f"the column {missing[0]!r} is missing", where=f"{where}, line 1", remedy=FETCH_AGAIN)
    if len(lines) < 2:
        raise DataError("a header but no frame", where=where, remedy=FETCH_AGAIN)
    ids = f",{match[1]},{action},"
    for number, line in enumerate(lines[1:], start=2):
        if line.count(",") != FIELDS - 1:
            problem = f"a row has {FIELDS} fields, got {line.count(',') + 1}"
            raise DataError(problem, where=f"{where}, line {number}", remedy=FETCH_AGAIN)
        if not line.endswith(ids):
            problem = f"the name says {ids!r}, the row ends with {line[-len(ids) :]!r}"
            raise DataError(problem, where=f"{where}, line {number}", remedy="Repair or remove it.")
    _check_times(_numbers(lines[1:], [header.index(TIME)], where, np.float64)[:, 0], where)
    chosen = [header.index(name) for name in _columns()]
    joints = _numbers(lines[1:], chosen, where, np.float32).reshape(1, len(lines) - 1, -1, 3)
    return SkeletonSequence(match.string.removesuffix(".csv"), joints, label=label, subject=subject, replication=order)


def _check_times(times: np.ndarray, where: str) -> None:
    """Refuse rows that are out of order. Published files repeat a time here and there, but never go back.

    Args:
        times: milliseconds ``[row]``.
        where: the file.
    """
    wrong = ~np.isfinite(times)
    wrong[1:] |= times[1:] < times[:-1]
    if wrong.any():
        row = int(np.argmax(wrong))
        before = f" after {times[row - 1]:.4f}" if row and np.isfinite(times[row]) else ""
        problem = f"the time of a frame must not go back, got {times[row]:.4f}{before} in column {TIME!r}"
        raise DataError(problem, where=f"{where}, line {row + 2}", remedy=FETCH_AGAIN)


def _numbers(lines: list[str], chosen: list[int], where: str, dtype: type[np.floating]) -> np.ndarray:
    """The chosen fields ``[row, field]``; DataError names the first that is not a number."""
    try:
        return np.loadtxt(lines, delimiter=",", usecols=chosen, dtype=dtype, ndmin=2, comments=None)
    except ValueError as error:
        # NumPy counts rows from 0 and without the header.
        problem = f"times and coordinates must be numbers: {error}"
        raise DataError(problem, where=f"{where}, rows below the header", remedy=FETCH_AGAIN) from None


KINDER_GATOR = RawFormat(
    dataset="kinder_gator",
    layout="kinect_v1_20",
    suffix=".csv",
    name=re.compile(r"POSE-p?(\d+)_(\d+)-(.+)-(\d+)\.csv"),
    shown="POSE-p<subject>_<order>-<Action-name>-<ms>.csv",
    complete=1159,
    parse=_parse,
)
