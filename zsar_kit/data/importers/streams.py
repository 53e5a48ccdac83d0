"""Arrays from unknown sources: ``.npy`` files and members of ``.npz`` archives, read in pieces and never unpickled.

``numpy.load`` reads a whole member of an archive into memory. The skeletons of NTU RGB+D 120 take more than twenty
gigabytes in one archive, so members are read and written a few rows at a time here.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import IO, cast

import numpy as np

from zsar_kit.errors import DataError, nearest_name
from zsar_kit.faults import naming
from zsar_kit.reprs import short_path

FETCH_AGAIN = "Fetch it again."
_BROKEN = (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError)
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@dataclass(frozen=True)
class ArrayStream:
    """An array that is read on demand, once.

    Attributes:
        where: file and member, for messages.
        shape: ``[row, ...]``.
        dtype: of the file.
        fortran: whether it is stored column by column.
        stream: positioned at the first value.
    """

    where: str
    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool
    stream: BufferedIOBase

    def __repr__(self) -> str:
        return f"ArrayStream({self.dtype} {list(self.shape)} of {short_path(self.where)})"

    def whole(self) -> np.ndarray:
        """All of it.

        Raises:
            DataError: the file is damaged.
        """
        flat = self._read(math.prod(self.shape))
        return flat.reshape(self.shape[::-1]).T if self.fortran else flat.reshape(self.shape)

    def rows(self, count: int) -> Iterator[np.ndarray]:
        """Consecutive rows, at most ``count`` at a time.

        Raises:
            DataError: the file is damaged, or stored column by column, so that rows cannot be read one by one.
        """
        if self.fortran:
            problem = "the array is stored column by column, so its rows cannot be read one after another"
            raise DataError(problem, where=self.where, remedy="Save numpy.ascontiguousarray(array).")
        width = math.prod(self.shape[1:])
        for start in range(0, self.shape[0], count):
            some = min(count, self.shape[0] - start)
            yield self._read(some * width).reshape(some, *self.shape[1:])

    def _read(self, values: int) -> np.ndarray:
        try:
            content = self.stream.read(values * self.dtype.itemsize)
        except _BROKEN as error:
            raise _damaged(error, self.where) from None
        if len(content) != values * self.dtype.itemsize:
            raise _damaged("it ends too early", self.where)
        return np.frombuffer(content, dtype=self.dtype)


def _damaged(problem: object, where: str | Path) -> DataError:
    return DataError(f"not a complete array file: {problem}", where=where, remedy=FETCH_AGAIN)


def _array(stream: BufferedIOBase, size: int, where: str) -> ArrayStream:
    """The array behind a ``.npy`` header; ``size`` is of the whole file, in bytes."""
    try:
        version = np.lib.format.read_magic(stream)
        if version not in _HEADERS:
            raise ValueError(f"the .npy format {version[0]}.{version[1]} is not read")
        shape, fortran, dtype = _HEADERS[version](stream)
        left = size - stream.tell()
    except _BROKEN as error:
        raise _damaged(error, where) from None
    if dtype.hasobject:
        raise DataError(
            "the file holds pickled objects, which can run code when they are read",
            where=where,
            remedy="Save the plain numbers instead, e.g. `numpy.save(file, array.astype('float32'))`.",
        )
    # Before anything is read: a header that promises more than there is must not cost memory.
    if (needed := math.prod(shape) * dtype.itemsize) != left:
        raise _damaged(f"{dtype} {list(shape)} needs {needed} bytes, there are {left}", where)
    return ArrayStream(where, shape, dtype, fortran, stream)


@contextmanager
def open_npy(path: Path) -> Iterator[ArrayStream]:
    """Open one ``.npy`` file.

    Raises:
        DataError: it is absent, damaged, or holds pickles.
    """
    if not path.is_file():
        raise DataError("the file does not exist", where=path, remedy="Check the path.")
    with open(path, "rb") as stream:
        yield _array(stream, os.path.getsize(path), str(path))


@contextmanager
def open_npz(path: Path, names: Sequence[str]) -> Iterator[Callable[[str], ArrayStream]]:
    """Open a ``.npz`` archive that has certain arrays; calling the result with a name opens that array.

    Raises:
        DataError: it is absent or damaged, or lacks an array.
    """
    if not path.is_file():
        raise DataError("the file does not exist", where=path, remedy="Check the path.")
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
        except _BROKEN as error:
            raise _damaged(error, path) from None
        held = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        if missing := [name for name in names if name not in held]:
            remedy = f"It has {', '.join(held) or 'none'}. {nearest_name(missing[0], held)}"
            raise DataError(f"the array {missing[0]!r} is missing", where=path, remedy=remedy)

        def open_member(name: str) -> ArrayStream:
            where = f"{path}, array {name!r}"
            try:
                stream = cast(BufferedIOBase, stack.enter_context(archive.open(held[name])))
            except (*_BROKEN, RuntimeError) as error:  # RuntimeError: it is encrypted
                raise _damaged(error, where) from None
            return _array(stream, held[name].file_size, where)

        yield open_member


@dataclass(frozen=True)
class ArrayRows:
    """An array to write a few rows at a time.

    Attributes:
        shape: of the whole array.
        dtype: as it is stored.
        chunks: its rows, in order.
    """

    shape: tuple[int, ...]
    dtype: str
    chunks: Iterable[np.ndarray]

    def __repr__(self) -> str:
        return f"ArrayRows({self.dtype} {list(self.shape)})"


def write_npz(path: Path, arrays: Mapping[str, np.ndarray | ArrayRows]) -> None:
    """Write a ``.npz`` archive as NumPy does, completely or not at all; the same content gives the same bytes.

    Raises:
        DataError: something exists at ``path``.
    """
    refuse_existing(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    try:
        with naming(path, scratch), zipfile.ZipFile(scratch, "w", zipfile.ZIP_STORED) as archive:
            for name, array in arrays.items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as stream:
                    _write_array(cast(BufferedIOBase, stream), array)
        with naming(path, scratch):
            scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def write_npy(path: Path, array: np.ndarray) -> None:
    """Write a ``.npy`` file, as ``np.save`` does, but with every byte accounted for.

    NumPy writes through a buffer of its own and does not look whether the last of it reached the disk: on a full one it
    leaves a short file and says nothing.
    """
    with open(path, "wb") as stream:
        _write_array(stream, array)


def _write_array(stream: IO[bytes] | BufferedIOBase, array: np.ndarray | ArrayRows) -> None:
    if isinstance(array, np.ndarray):
        array = ArrayRows(array.shape, array.dtype.str, (array,))
    header = {"descr": array.dtype, "fortran_order": False, "shape": array.shape}
    np.lib.format.write_array_header_1_0(stream, header)
    for chunk in array.chunks:
        stream.write(np.ascontiguousarray(chunk, dtype=array.dtype).tobytes())


def refuse_existing(path: str | Path) -> None:
    """Refuse to overwrite what exists at ``path``.

    Raises:
        DataError: something does.
    """
    if Path(path).exists():
        raise DataError("something exists there already", where=path, remedy="Move it away, or name another place.")
