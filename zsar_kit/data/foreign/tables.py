"""Tables of numbers as text: rows of one length, each bad cell named."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from zsar_kit.data.foreign.shared import read_text
from zsar_kit.errors import DataError


def csv_rows(path: Path, heads: int = 1) -> list[tuple[int, list[str]]]:
    """The rows of a CSV file that are not empty, with their line numbers; all as long as the first.

    Args:
        path: the file.
        heads: rows of the header, after which at least one more is needed.

    Raises:
        DataError: the file is empty or not text, has nothing but its header, or a row of another length.
    """
    try:
        lines = list(csv.reader(read_text(path).split("\n")))
    except csv.Error as error:
        raise DataError(f"not a CSV file: {error}", where=path) from None
    rows = [(number, cells) for number, cells in enumerate(lines, start=1) if any(cell.strip() for cell in cells)]
    for number, cells in rows:
        if len(cells) != len(rows[0][1]):
            problem = f"{len(cells)} cells, but {len(rows[0][1])} columns"
            raise DataError(
                problem, where=f"{path}, line {number}", remedy="The file may be cut short: write it again."
            )
    if len(rows) <= heads:
        raise DataError("there is no row after the header", where=path)
    return rows


def number(text: str, where: str) -> float:
    """The number in a cell; NaN where it is empty.

    Raises:
        DataError: it is none, or infinite.
    """
    if not text.strip():
        return np.nan
    try:
        value = float(text)
    except ValueError:
        raise DataError(f"{text.strip()!r} is not a number", where=where) from None
    if np.isinf(value):
        raise DataError("an infinite number", where=where)
    return value


def frame_number(text: str, where: str) -> int:
    """The number of a frame, which may be written as ``12.0``.

    Raises:
        DataError: it is none.
    """
    value = number(text, where)
    if np.isnan(value) or value != int(value) or not 0 <= value < 2**53:
        raise DataError(f"{text.strip()!r} is not the number of a frame", where=where)
    return int(value)
