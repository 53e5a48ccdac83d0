"""Reader of DeepLabCut's tables: CSV with three or four header rows, or HDF5 as pandas writes it.

Columns are found by their names, each of (individual, body part, coordinate), since multi-animal projects have body
parts that only some individuals have. Of the two HDF5 forms of pandas only ``fixed`` is read: in the other one,
``table``, the names of the columns are a pickle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zsar_kit.data.foreign.hdf5 import array, numeric, opened, texts
from zsar_kit.data.foreign.points import (
    PICTURE_SAID,
    PIXELS,
    picture,
    recorded,
    spread,
    stated_unit,
    turned,
)
from zsar_kit.data.foreign.shared import turn_by_up
from zsar_kit.data.foreign.tables import csv_rows, frame_number, number
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError
from zsar_kit.reprs import listed

HEADS = ("scorer", "individuals", "bodyparts", "coords")
KEY = "df_with_missing"
NOBODY = "individual"  # the name of the only one, where the file names none


@dataclass(frozen=True)
class _Table:
    """Columns named (scorer, individual, body part, coordinate), and rows numbered by frame."""

    columns: list[tuple[str, str, str, str]]
    values: np.ndarray
    frames: list[int]
    form: str


def read_deeplabcut(path: str | Path, *, unit: str = "", up: str = "", rate: float = 0.0) -> Recording:
    """The body parts of a file of predictions of DeepLabCut.

    Args:
        path: ``.csv``, or ``.h5`` with ``df_with_missing`` in the form ``fixed``.
        unit: unit of 3-D points, which is that of the calibration and is not in the file.
        up: the direction that is up in 3-D; by default ``"-y"``, as the first camera sees it.
        rate: frames a second, which the file does not say.

    Returns:
        An individual a person, NaN where he or she lacks a body part or the cell is empty. The network places each
        body part in each frame, seen or not: likelihood is the confidence, and nothing is left out for it.

    Raises:
        DataError: the file is cut short, of another format, labels of single pictures, or has two columns of one name;
            3-D points without ``unit``; an ``.h5`` in the form ``table``.
    """
    path = Path(path)
    table = _from_csv(path) if path.suffix.casefold() == ".csv" else _from_hdf5(path)
    individuals = list(dict.fromkeys(name for _, name, _, _ in table.columns))
    parts = list(dict.fromkeys(part for _, _, part, _ in table.columns))
    coordinates = {coordinate for _, _, _, coordinate in table.columns}
    if not {"x", "y"} <= coordinates <= {"x", "y", "z", "likelihood"}:
        raise DataError(f"coordinates are x, y, z and likelihood, got {listed(sorted(coordinates))}", where=path)
    axes = 3 if "z" in coordinates else 2
    axis = {"x": 0, "y": 1, "z": 2, "likelihood": axes}
    rows = np.full((len(table.frames), len(individuals), len(parts), axes + 1), np.nan)
    for column, (_, name, part, coordinate) in enumerate(table.columns):
        rows[:, individuals.index(name), parts.index(part), axis[coordinate]] = table.values[:, column]
    content = spread(rows, table.frames, path).swapaxes(0, 1)
    if axes == 3:
        metres, unit_said = stated_unit(unit, "DeepLabCut", path)
        joints = turned(content[..., :3], metres, turn_by_up(up or "-y", path), path)
        axes_said = f"the file does not say; {up or '-y, as the first camera sees it,'} taken to be up"
    else:
        unit_said, axes_said, joints = PIXELS, PICTURE_SAID, picture(content[..., :2], path)
    scorers = sorted({scorer for scorer, _, _, _ in table.columns})
    stated = (
        ("format", f"DeepLabCut {table.form}, {axes}-D"),
        ("version", f"network {listed(scorers)}"),
        ("unit", unit_said),
        ("axes", axes_said),
        ("origin", "as the cameras are calibrated" if axes == 3 else "upper left corner of the picture"),
        ("first frame", str(table.frames[0])),
        ("persons", "one, not named" if individuals == [NOBODY] else listed(individuals)),
    )
    return recorded(path, joints, parts, stated, confidence=content[..., axes], rate=rate)


def _from_csv(path: Path) -> _Table:
    rows = csv_rows(path, heads=3)
    heads = [[cell.strip() for cell in cells] for _, cells in rows[:4]]
    named = [cells[0].casefold() for cells in heads]
    levels = 4 if named == list(HEADS) else 3
    if named[:levels] not in ([*HEADS], [HEADS[0], *HEADS[2:]]):
        problem = f"the first rows are called {listed(named[:3])}; {', '.join(HEADS)} are needed"
        raise DataError(problem, where=path, remedy="Is it a table of DeepLabCut? 'individuals' may be left out.")
    body = rows[levels:]
    if not body:
        raise DataError("there is no row after the header", where=path)
    names = [_full(tuple(head[i] for head in heads[:levels])) for i in range(1, len(heads[0]))]
    _check_once(names, path)
    frames: list[int] = []
    values = np.empty((len(body), len(names)))
    for i, (line, cells) in enumerate(body):
        frames.append(_frame(cells[0], f"{path}, line {line}"))
        values[i] = [
            number(cell, f"{path}, line {line}, {' '.join(names[j][1:])!r}") for j, cell in enumerate(cells[1:])
        ]
    return _Table(names, values, frames, "CSV")


def _frame(text: str, where: str) -> int:
    if text.strip().casefold().endswith((".png", ".jpg", ".jpeg")):
        remedy = "Take the file that analyze_videos wrote."
        raise DataError("rows are labelled pictures, not frames of a video", where=where, remedy=remedy)
    return frame_number(text, where)


def _full(name: Sequence[str]) -> tuple[str, str, str, str]:
    """Name of a column with its individual."""
    scorer, *rest = name
    individual, part, coordinate = rest if len(rest) == 3 else (NOBODY, *rest)
    return scorer, individual, part, coordinate


def _check_once(names: Sequence[tuple[str, str, str, str]], path: Path) -> None:
    seen: set[tuple[str, ...]] = set()
    for name in names:
        if name[1:] in seen:
            raise DataError(f"two columns are called {' '.join(name[1:])!r}", where=path)
        seen.add(name[1:])


def _from_hdf5(path: Path) -> _Table:
    with opened(path) as file:
        if KEY not in file:
            raise DataError(f"{KEY!r} is missing; there are {listed(list(file))}", where=path)
        if f"{KEY}/table" in file:
            problem = (
                "the names of its columns are a pickle, which can run any code when it is loaded, so it is not read"
            )
            remedy = "Take the .csv of the same predictions: deeplabcut.analyze_videos_converth5_to_csv(folder)."
            raise DataError(problem, where=path, remedy=remedy)
        names, values, frames = _fixed(file, path)
    if values.shape != (len(frames), len(names)) or not values.size:
        problem = f"{len(names)} columns and {len(frames)} frames, but an array {list(values.shape)}"
        raise DataError(problem, where=f"{path}, {KEY!r}")
    _check_once(names, path)
    return _Table(names, values, frames, "HDF5")


def _fixed(file: Any, path: Path) -> tuple[list[tuple[str, str, str, str]], np.ndarray, list[int]]:
    """The form "fixed" of pandas: levels of the names and the places of each column in them."""
    depth = next((i for i in range(5) if f"{KEY}/block0_items_level{i}" not in file), 5)
    if depth not in (3, 4):
        raise DataError(f"names of 3 or 4 levels are needed, got {depth}", where=f"{path}, {KEY!r}")
    columns: list[list[str]] = []
    for i in range(depth):
        level = f"{KEY}/block0_items_level{i}"
        known = texts(array(file, level, path), level, path)
        places = numeric(array(file, f"{KEY}/block0_items_label{i}", path), 1, level, path).astype(int)
        if ((places < 0) | (places >= len(known))).any():
            raise DataError("a column has no name", where=f"{path}, {level!r}")
        columns.append([known[place] for place in places])
    if len({len(column) for column in columns}) > 1:
        raise DataError("levels of the names differ in length", where=f"{path}, {KEY!r}")
    values = numeric(array(file, f"{KEY}/block0_values", path), 2, f"{KEY}/block0_values", path)
    frames = _frames(array(file, f"{KEY}/axis1", path), f"{path}, '{KEY}/axis1'")
    return [_full(name) for name in zip(*columns, strict=True)], values, frames


def _frames(index: np.ndarray, where: str) -> list[int]:
    if index.dtype.kind not in "iu" or index.ndim != 1 or (index < 0).any():
        remedy = "Take the file that analyze_videos wrote."
        raise DataError("rows are not numbered as frames of a video", where=where, remedy=remedy)
    return [int(i) for i in index]
