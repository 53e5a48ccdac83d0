"""Reader of what the library ``movement`` reads and writes: DeepLabCut, SLEAP, Anipose, and its own netCDF files.

The library itself is not needed. It brings some seventy packages, reads DeepLabCut's HDF5 by unpickling, sorts
Anipose's points by their names, and keeps one individual of a SLEAP file whose people have no tracks
(``findings/movement_people_and_points.sh``). What only it reads, comes here by ``dataset.to_netcdf("clip.nc")``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from zsar_kit.data.foreign.anipose import point_names, read_anipose
from zsar_kit.data.foreign.deeplabcut import HEADS, KEY, read_deeplabcut
from zsar_kit.data.foreign.hdf5 import array, numeric, opened, text, texts
from zsar_kit.data.foreign.points import PICTURE_SAID, PIXELS, picture, recorded, stated_unit, turned
from zsar_kit.data.foreign.shared import turn_by_up
from zsar_kit.data.foreign.sleap import ANALYSIS, LABELS, read_sleap
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError
from zsar_kit.reprs import listed

#: names of an axis: newer releases use the singular
_AXES = {"time": ("time",), "space": ("space",), "keypoint": ("keypoints", "keypoint")}
_INDIVIDUAL = ("individuals", "individual")


def read_movement(path: str | Path, *, unit: str = "", up: str = "", rate: float = 0.0) -> Recording:
    """Points of DeepLabCut, SLEAP, Anipose or ``movement``, told apart by their content.

    Args:
        path: a ``.csv`` of DeepLabCut or Anipose, a ``.h5`` of DeepLabCut or SLEAP, a ``.slp``, or a ``.nc`` that
            ``movement`` saved.
        unit: unit of 3-D points, which none of them states.
        up: the direction that is up in 3-D; by default ``"-y"``.
        rate: frames a second, in place of the file's (only ``.nc`` has one).

    Returns:
        Each individual as a person; two axes or three.

    Raises:
        DataError: as the reader of the format has it, or the file is of none of them.
    """
    path = Path(path)
    software = software_of(path)
    if software == "deeplabcut":
        return read_deeplabcut(path, unit=unit, up=up, rate=rate)
    if software == "anipose":
        return read_anipose(path, unit=unit, up=up, rate=rate)
    if software == "sleap":
        return read_sleap(path, rate=rate)
    if software == "movement":
        return _dataset(path, unit, up, rate)
    remedy = "Known: tables of DeepLabCut and Anipose, files of SLEAP, and .nc files of movement."
    raise DataError("neither DeepLabCut, SLEAP, Anipose nor movement wrote this", where=path, remedy=remedy)


def software_of(path: Path) -> str:
    """``deeplabcut``, ``sleap``, ``anipose`` or ``movement``; empty for anything else.

    Raises:
        DataError: the file cannot be read, or is HDF5 by its suffix and not by its content.
    """
    suffix = path.suffix.casefold()
    if suffix == ".csv":
        try:
            with path.open(encoding="utf-8-sig", errors="replace") as file:
                line = file.readline(2**20)
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror or error}", where=path) from None
        cells = [cell.strip() for cell in line.split(",")]
        if cells[0].casefold() == HEADS[0]:
            return "deeplabcut"
        names = point_names(cells)
        return "anipose" if any(f"{name}_{term}" in cells for name in names for term in ("ncams", "error")) else ""
    if suffix not in (".h5", ".hdf5", ".slp", ".nc"):
        return ""
    with opened(path) as file:
        if KEY in file:
            return "deeplabcut"
        if any(all(name in file for name in names) for names in (ANALYSIS, LABELS)):
            return "sleap"
        return "movement" if "position" in file else ""


def _dataset(path: Path, unit: str, up: str, rate: float) -> Recording:
    """A data set of ``movement``, in netCDF-4, which is HDF5 with named axes."""
    with opened(path) as file:
        position = numeric(array(file, "position", path), file["position"].ndim, "position", path)
        order = _axis_names(file, "position", path)
        wanted = ("individual", "time", "keypoint", "space")
        points = _ordered(position, order, wanted, f"{path}, 'position'")
        confidence = None
        if "confidence" in file:
            scores = numeric(array(file, "confidence", path), file["confidence"].ndim, "confidence", path)
            confidence = _ordered(scores, _axis_names(file, "confidence", path), wanted[:3], f"{path}, 'confidence'")
        names = _names(file, _AXES["keypoint"], path)
        individuals = _names(file, _INDIVIDUAL, path) or ("not named",)
        space = _names(file, _AXES["space"], path)
        software = _attribute(file, "source_software", path)
        rate = rate or _rate(file)
        seconds = _attribute(file, "time_unit", path) == "seconds" and "time" in file
        times = numeric(array(file, "time", path), 1, "time", path) if seconds else None
    if space not in (("x", "y"), ("x", "y", "z")) or len(space) != points.shape[3]:
        raise DataError(f"the axes x, y and perhaps z are needed, got {listed(space) or 'none'}", where=path)
    fits = len(names) == points.shape[2] and (confidence is None or confidence.shape == points.shape[:3])
    if not fits or not points.size or (times is not None and len(times) != points.shape[1]):
        problem = f"names, times and confidence do not fit the positions {list(position.shape)}"
        raise DataError(problem, where=path)
    if len(space) == 3:
        metres, unit_said = stated_unit(unit, "movement", path)
        joints = turned(points, metres, turn_by_up(up or "-y", path), path)
        axes_said = f"the file does not say; {up or '-y, as a camera sees it,'} taken to be up"
    else:
        unit_said, axes_said, joints = PIXELS, PICTURE_SAID, picture(points, path)
    stated = (
        ("format", f"movement, netCDF, {len(space)}-D"),
        ("version", f"points of {software or 'an unknown program'}"),
        ("unit", unit_said),
        ("axes", axes_said),
        ("origin", "as the program has it"),
        ("persons", listed(individuals)),
    )
    return recorded(path, joints, names, stated, confidence=confidence, rate=rate, times=times)


def _axis_names(file: Any, name: str, path: Path) -> tuple[str, ...]:
    """Names of an array's axes, in the singular."""
    plain = {every: axis for axis, names in (*_AXES.items(), ("individual", _INDIVIDUAL)) for every in names}
    result: list[str] = []
    for axis in file[name].dims:
        scale = str(axis[0].name).rsplit("/", 1)[-1] if len(axis) else ""
        if scale not in plain:
            raise DataError(
                f"an axis is called {scale!r}; {listed(list(plain), 6)} are known", where=f"{path}, {name!r}"
            )
        result.append(plain[scale])
    return tuple(result)


def _ordered(values: np.ndarray, axes: tuple[str, ...], wanted: tuple[str, ...], where: str) -> np.ndarray:
    """The array with its axes in that order; one of a single individual may lack that axis."""
    if "individual" not in axes:
        values, axes = values[None], ("individual", *axes)
    if sorted(axes) != sorted(wanted):
        raise DataError(f"the axes {', '.join(wanted)} are needed, got {listed(axes)}", where=where)
    return values.transpose([axes.index(axis) for axis in wanted])


def _names(file: Any, names: tuple[str, ...], path: Path) -> tuple[str, ...]:
    for name in names:
        if name in file:
            values = array(file, name, path)
            return texts(values.reshape(1) if values.ndim == 0 else values, name, path)
    return ()


def _attribute(file: Any, name: str, path: Path) -> str:
    value = file.attrs.get(name)
    return text(value, f"{path}, attribute {name!r}") if isinstance(value, str | bytes) else ""


def _rate(file: Any) -> float:
    values = np.ravel(file.attrs.get("fps", 0.0))
    number = float(values[0]) if values.size and values.dtype.kind in "fiu" else 0.0
    return number if np.isfinite(number) and number > 0 else 0.0
