"""HDF5 files of others, read with care: no pickle, nothing from outside the file, no bomb.

The HDF5 library itself is not hardened against damaged files, so another process reads each of them first
(:mod:`~zsar_kit.data.foreign.hdf5_trial`).
"""

from __future__ import annotations

import json
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from zsar_kit.data.foreign.hdf5_trial import try_reading
from zsar_kit.data.foreign.points import MOST_VALUES
from zsar_kit.errors import DataError
from zsar_kit.reprs import listed

_AGAIN = "The file may be cut short, or be of another format under this suffix: write it again."
_HEAP = b"GCOL\x01\0\0\0"


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The file, open for reading.

    Raises:
        DataError: h5py is missing, or the file is cut short or no HDF5, also where that shows only while it is read; or
            the library breaks down over it.
    """
    try:
        import h5py
    except ImportError:
        remedy = 'Install it: pip install "zsar_kit[mocap]".'
        raise DataError(f"{path.suffix} files need the library h5py", where=path, remedy=remedy) from None
    try:
        _check_heaps(path)
        try_reading(path)
        with h5py.File(path, "r") as file:
            yield file
    except DataError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        problem = f"not a complete HDF5 file: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        raise DataError(problem, where=path, remedy=_AGAIN) from None


def _check_heaps(path: Path) -> None:
    """Refuse heaps of texts whose objects do not follow each other: HDF5 goes round in them for ever.

    A heap begins with ``GCOL``, version 1 and its size, and then has objects, each with a number, a count and its own
    size; number 0 is the rest that is free, whose size counts its head.
    """
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            raise DataError("the file is empty", where=path)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
            at = raw.find(_HEAP)
            while at >= 0:
                end = min(at + int.from_bytes(raw[at + 8 : at + 16], "little"), len(raw))
                place = at + 16
                while place + 16 <= end:
                    number, _, _, size = struct.unpack_from("<HHIQ", raw, place)
                    place += 16 + -(-size // 8) * 8 if number else size
                    if place > end or not (number or size):
                        raise DataError("not a complete HDF5 file: a text is damaged", where=path, remedy=_AGAIN)
                at = raw.find(_HEAP, at + 8)


def array(group: Any, name: str, path: Path) -> np.ndarray:
    """A data set of the file itself, as an array.

    Raises:
        DataError: there is none of that name, it lies in another file, or it is larger than a clip can be.
    """
    import h5py

    where = f"{path}, {name!r}"
    parts = name.split("/")
    for i, part in enumerate(parts):
        link = group.get(part, getlink=True) if part in group else None
        if link is None:
            raise DataError(f"{'/'.join(parts[: i + 1])!r} is missing; there are {listed(list(group))}", where=path)
        if not isinstance(link, h5py.HardLink):
            raise DataError("it is a link to somewhere else, which is not followed", where=where)
        group = group[part]
        if i < len(parts) - 1 and not isinstance(group, h5py.Group):
            raise DataError("a group is needed", where=f"{path}, {part!r}")
    if not isinstance(group, h5py.Dataset):
        raise DataError("an array is needed, not a group", where=where)
    if group.is_virtual or group.external:
        raise DataError("its numbers lie in another file, which is not opened", where=where)
    if group.shape is None or int(group.size or 0) > MOST_VALUES:
        raise DataError(f"{group.size} values; {MOST_VALUES} are the most", where=where)
    return np.asarray(group[()])


def numeric(values: np.ndarray, axes: int, name: str, path: Path) -> np.ndarray:
    """The array as float64.

    Raises:
        DataError: it is not numeric, has another number of axes, or an infinite number.
    """
    if values.dtype.kind not in "fiub" or values.ndim != axes:
        problem = f"numbers with {axes} axes are needed, got {values.dtype} {list(values.shape)}"
        raise DataError(problem, where=f"{path}, {name!r}")
    values = values.astype(np.float64)
    if np.isinf(values).any():
        raise DataError("an infinite number", where=f"{path}, {name!r}")
    return values


def texts(values: np.ndarray, name: str, path: Path) -> tuple[str, ...]:
    """Texts of a data set with one axis.

    Raises:
        DataError: they are none.
    """
    if values.ndim != 1 or (values.size and values.dtype.kind not in "SUO"):
        raise DataError(
            f"a list of names is needed, got {values.dtype} {list(values.shape)}", where=f"{path}, {name!r}"
        )
    return tuple(text(value, f"{path}, {name!r}") for value in values.tolist())


def text(value: object, where: str) -> str:
    """A text, which may be stored as bytes.

    Raises:
        DataError: it is none.
    """
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise DataError("a text that is not UTF-8", where=where) from None
    if not isinstance(value, str):
        raise DataError(f"a text is needed, got {type(value).__name__}", where=where)
    return value


def from_json(value: object, where: str) -> Any:
    """What a text of JSON in the file says.

    Raises:
        DataError: it is no JSON.
    """
    try:
        return json.loads(text(value, where))
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"not JSON: {error}", where=where) from None
