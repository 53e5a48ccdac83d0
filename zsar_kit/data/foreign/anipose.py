"""Reader of Anipose's triangulated points: a CSV with columns ``NAME_x, NAME_y, NAME_z, NAME_score`` and others."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zsar_kit.data.foreign.points import recorded, spread, stated_unit, turned
from zsar_kit.data.foreign.shared import turn_by_up
from zsar_kit.data.foreign.tables import csv_rows, frame_number, number
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError
from zsar_kit.reprs import listed

_AXES = ("x", "y", "z")


def read_anipose(path: str | Path, *, unit: str = "", up: str = "", rate: float = 0.0) -> Recording:
    """The points of Anipose's ``pose-3d`` folder.

    Args:
        path: the file.
        unit: of the calibration board, which the file does not state: needed.
        up: the direction that is up; by default ``"-y"``, as the first camera sees it, which is right unless Anipose
            was told axes.
        rate: frames a second, which the file does not say.

    Returns:
        One person, points in the order of the file's columns, with ``fnum`` as frame numbers if it is there: frames
        between them that are missing are NaN.

    Raises:
        DataError: the file is cut short or of another format, a point lacks a coordinate, or ``unit`` is missing.
    """
    path = Path(path)
    (_, header), *rows = csv_rows(path)
    columns = {cell.strip(): i for i, cell in enumerate(header)}
    if len(columns) != len(header):
        raise DataError("two columns have one name", where=path)
    points = point_names(list(columns))
    if not points:
        problem = f"no column is called NAME_x; there are {listed(header)}"
        raise DataError(problem, where=path, remedy="Is it a file of Anipose's pose-3d?")
    if lacking := [f"{p}_{axis}" for p in points for axis in _AXES if f"{p}_{axis}" not in columns]:
        raise DataError(f"the column {lacking[0]!r} is missing", where=path)
    wanted = [f"{p}_{term}" for p in points for term in (*_AXES, "score")]
    values = np.full((len(rows), len(wanted)), np.nan)
    for i, (line, cells) in enumerate(rows):
        for j, name in enumerate(wanted):
            if name in columns:
                values[i, j] = number(cells[columns[name]], f"{path}, line {line}, column {name!r}")
    frames = list(range(len(rows)))
    if "fnum" in columns:
        frames = [frame_number(cells[columns["fnum"]], f"{path}, line {line}, 'fnum'") for line, cells in rows]
    metres, unit_said = stated_unit(unit, "Anipose", path)
    content = spread(values.reshape(len(rows), len(points), 4), frames, path)[None]
    joints = turned(content[..., :3], metres, turn_by_up(up or "-y", path), path)
    stated = (
        ("format", "Anipose CSV, 3-D"),
        ("version", "not stated"),
        ("unit", unit_said),
        ("axes", f"the file does not say; {up or '-y, as the first camera sees it,'} taken to be up"),
        ("origin", "as the cameras are calibrated"),
        ("first frame", str(frames[0])),
        ("persons", "one"),
    )
    return recorded(path, joints, points, stated, confidence=content[..., 3], rate=rate)


def point_names(columns: list[str]) -> list[str]:
    """Names of the points by their columns ``NAME_x``, in the order of the file."""
    return [column[:-2] for column in columns if column.endswith("_x") and column[:-2]]
