"""Reader of TRC, the table of markers of Motion Analysis and OpenSim.

Five lines of header, an empty line, and a row a frame: number, time, and three cells a marker, all separated by tabs.
An empty cell is a marker that was not seen, and writers may drop empty cells at the end of a row. So a row must be
split at tabs, one by one. The package for this format that is kept up (trc-data-reader 0.4.1) splits at white space,
which gives the columns after an empty cell to other markers; hence the parser here. See
``findings/trc_empty_cells.sh``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zsar_kit.data.foreign.shared import (
    distinct,
    in_metres,
    joints_of_markers,
    metres_of,
    missing_points,
    read_text,
    turn_by_up,
)
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError
from zsar_kit.reprs import counted, shortened

_WHOLE = "The file may be cut short: export it again."
_HEADER_LINES, _NAMES_LINE = 5, 4


@dataclass(frozen=True)
class _Header:
    fields: Mapping[str, str]
    names: tuple[str, ...]


def read_trc(
    path: str | Path, *, unit: str = "", up: str = "", joints: Mapping[str, Sequence[str]] | None = None
) -> Recording:
    """The markers of a TRC file.

    Args:
        path: the file.
        unit: unit of the coordinates, where the file does not state one or states it wrongly; see
            :func:`zsar_kit.data.foreign.shared.metres_of`.
        up: the direction that is up, ``"y"``, ``"z"``, ``"-z"`` and so on. The format has no word for it; by default y,
            as OpenSim has it.
        joints: makes joints of the markers; see :func:`zsar_kit.data.foreign.joints_of_markers`.

    Returns:
        One person; a marker is NaN where a cell of it is empty. ``times`` is the time column as it is, ``rate`` is
        DataRate.

    Raises:
        DataError: the file is cut short, is of another format, lacks its unit, or a cell is no number (named by line
            and marker).
    """
    lines = read_text(path).rstrip("\n").split("\n")
    header = _header(lines, path)
    metres, unit_stated = _unit(header, unit, path)
    turn = turn_by_up(up or "y", path)
    numbered = list(enumerate(lines[_HEADER_LINES:], start=_HEADER_LINES + 1))
    rows = [(number, line) for number, line in numbered if line.strip()]
    _check_count(header, len(rows), path)
    table = np.array([_row(line, number, header.names, path) for number, line in rows])
    points = table[:, 2:].reshape(len(rows), len(header.names), 3)
    # A marker of which only some cells are there has no place.
    points[np.isnan(points).any(axis=-1)] = np.nan
    rate = _positive(header, "DataRate", path)
    recording = Recording(
        sample=Path(path).stem,
        joints=in_metres(points, metres, turn, path),
        joint_names=distinct(header.names),
        rate=rate,
        times=table[:, 1].copy(),
        stated=(
            ("format", "TRC"),
            ("unit", unit_stated),
            ("axes", f"{up} up, as asked for" if up else "assumed y up, as OpenSim has it; the format does not say"),
            ("origin", "the file's"),
            ("rate", f"{rate:g} frames/s (DataRate)" if rate else "not stated"),
            ("camera rate", header.fields.get("CameraRate", "") or "not stated"),
            ("first frame", f"{table[0, 0]:g}, at {table[0, 1]:g} s"),
            ("missing points", missing_points(points)),
        ),
    )
    return recording if joints is None else joints_of_markers(recording, joints)


def _header(lines: Sequence[str], path: str | Path) -> _Header:
    if not lines[0].strip().startswith("PathFileType"):
        problem = f"line 1 must begin with 'PathFileType', it is {shortened(lines[0].strip(), 40)!r}"
        raise DataError(problem, where=path, remedy="Is it of another format under this suffix?")
    if len(lines) < _HEADER_LINES:
        raise DataError(f"the header ends after line {len(lines)}", where=path, remedy=_WHOLE)
    keys, values = lines[1].split("\t"), lines[2].split("\t")
    fields = {key.strip(): value.strip() for key, value in zip(keys, values, strict=False) if key.strip()}
    for key in ("NumFrames", "NumMarkers"):
        if not fields.get(key, "").isdecimal():
            problem = f"{key} must be a whole number, it is {fields.get(key, '')!r}"
            remedy = "Line 2 has the names and line 3 the values, separated by tabs."
            raise DataError(problem, where=f"{path}, line 3", remedy=remedy)
    cells = lines[_NAMES_LINE - 1].rstrip("\t ").split("\t")
    names = tuple(cell.strip() for cell in cells[2::3])
    strays = [cell.strip() for place, cell in enumerate(cells[2:]) if place % 3 and cell.strip()]
    where = f"{path}, line {_NAMES_LINE}"
    if strays or not all(names):
        stray = strays[0] if strays else ""
        problem = f"each marker has its name in the first of three cells, {stray!r} is in another"
        raise DataError(problem, where=where, remedy="The cells must be separated by single tabs.")
    if len(names) != int(fields["NumMarkers"]) or not names:
        problem = f"NumMarkers is {fields['NumMarkers']}, and there are {counted(len(names), 'name')}"
        raise DataError(problem, where=where, remedy="The cells must be separated by single tabs.")
    return _Header(fields, names)


def _check_count(header: _Header, rows: int, path: str | Path) -> None:
    frames = int(header.fields["NumFrames"])
    if not rows:
        raise DataError("there is no frame", where=path, remedy=_WHOLE)
    if rows != frames:
        raise DataError(f"NumFrames is {frames}, and there are {counted(rows, 'row')}", where=path, remedy=_WHOLE)


def _unit(header: _Header, unit: str, path: str | Path) -> tuple[float, str]:
    found = header.fields.get("Units", "")
    if unit:
        told = f", the file says {found}" if found else ""
        return metres_of(unit, path), f"{unit}, as asked for{told}"
    if not found:
        raise DataError(
            "the file does not state its unit", where=path, remedy="Give it: --unit mm, in Python unit='mm'."
        )
    return metres_of(found, f"{path}, line 3"), f"{found}, as the file says"


def _positive(header: _Header, key: str, path: str | Path) -> float:
    text = header.fields.get(key, "")
    try:
        number = float(text or 0)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise DataError(f"{key} must be a number, it is {text!r}", where=f"{path}, line 3")
    return number


def _row(line: str, number: int, names: Sequence[str], path: str | Path) -> list[float]:
    """Numbers of one frame: frame number, time, and three coordinates a marker."""
    width = 2 + 3 * len(names)
    cells = [cell.strip() for cell in line.split("\t")]
    where = f"{path}, line {number}"
    if extra := [cell for cell in cells[width:] if cell]:
        problem = f"{counted(len(names), 'marker')} fill {width} cells, and there is {shortened(extra[0], 20)!r} beyond"
        raise DataError(problem, where=where)
    if len(cells) < 2 or not cells[0] or not cells[1]:
        remedy = "The cells must be separated by tabs."
        raise DataError("a frame begins with its number and its time", where=where, remedy=remedy)
    cells = cells[:width] + [""] * (width - len(cells))
    try:
        values = [float(cell) if cell else math.nan for cell in cells]
    except ValueError:
        values = []
    if values and not any(map(math.isinf, values)) and not math.isnan(values[0] + values[1]):
        return values
    place = next(place for place, cell in enumerate(cells) if not _is_number(cell, absent=place > 1))
    column = ("the frame number", "the time")[place] if place < 2 else f"marker {names[(place - 2) // 3]!r}"
    raise DataError(f"{column} has {shortened(cells[place], 20)!r}, which is not a finite number", where=where)


def _is_number(cell: str, absent: bool) -> bool:
    try:
        value = float(cell or "nan")
    except ValueError:
        return False
    return math.isfinite(value) or (absent and math.isnan(value))
