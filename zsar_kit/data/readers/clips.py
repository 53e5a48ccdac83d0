"""One clip from whatever holds it: a raw file of a known data set, an array file, an array."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zsar_kit.data.readers.arrays import array_sequence
from zsar_kit.data.readers.files import read_file
from zsar_kit.data.readers.ntu import SHOWN, SUFFIX
from zsar_kit.data.readers.ntu_chains import CHAINS
from zsar_kit.data.readers.ntu_format import parse_ntu
from zsar_kit.data.readers.registry import RAW_FORMATS
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.errors import DataError
from zsar_kit.reprs import listed

ARRAY_SUFFIXES = (".npy", ".npz")
#: what NumPy raises on files of arrays that are damaged, apart from ValueError
BROKEN_ARRAYS = (
    zipfile.BadZipFile, zlib.error, tokenize.TokenError, struct.error, OSError, EOFError, NotImplementedError,
    RuntimeError, KeyError, TypeError, OverflowError, MemoryError,
)  # fmt: skip


def read_clip(source: str | Path | np.ndarray, layout: str = "ntu25") -> tuple[SkeletonSequence, str]:
    """Read one clip.

    Args:
        source: a file of a public data set with one clip per file, recognised by its name (those of NTU RGB+D go
            through the chain ``ctrgcn``); a ``.npy`` file, or a ``.npz`` file with the array ``joints`` or only one;
            or an array. Arrays are ``[frame, joint, xyz]`` or ``[person, frame, joint, xyz]`` in metres, y up.
        layout: the joint layout of an array; a data set's file has its own.

    Returns:
        The sequence (its label means nothing), and the name of its joint layout.

    Raises:
        DataError: there is no such file, or it is of no known kind, broken, empty, not finite, or without a body.
    """
    if isinstance(source, np.ndarray):
        return array_sequence(source, 0, layout, 1, where="the array", sample="clip"), layout
    path = Path(source)
    if not path.is_file():
        raise DataError("there is no such clip", where=path, remedy="Check the path.")
    if path.suffix in ARRAY_SUFFIXES:
        return array_sequence(array_of(path), 0, layout, 1, where=str(path), sample=path.stem), layout
    if path.suffix == SUFFIX:
        joints = CHAINS["ctrgcn"](parse_ntu(path.read_bytes(), str(path)))
        return array_sequence(joints, 0, "ntu25", 1, where=str(path), sample=path.stem), "ntu25"
    for raw in RAW_FORMATS.values():
        if raw.name.fullmatch(path.name):
            return read_file(raw, path), raw.layout
    known = ", ".join((*ARRAY_SUFFIXES, SHOWN, *(raw.shown for raw in RAW_FORMATS.values())))
    raise DataError("no reader recognises this file by its name", where=path, remedy=f"Known names: {known}.")


def array_key(keys: Sequence[str], path: Path) -> str:
    """Which array of a ``.npz`` file has the joints: ``joints``, or the only one.

    Raises:
        DataError: there are several, or none.
    """
    if "joints" not in keys and len(keys) != 1:
        problem = f"the array 'joints' is missing; there are {listed(keys) or 'none'}"
        raise DataError(problem, where=path, remedy="Save it by this name: np.savez(path, joints=array).")
    return "joints" if "joints" in keys else keys[0]


def array_of(path: Path) -> np.ndarray:
    """The array of a ``.npy`` file, or the one of a ``.npz`` file that :func:`array_key` finds.

    Raises:
        DataError: it is no complete array file, holds pickles, or has several arrays and none is ``joints``.
    """
    try:
        content = np.load(path, allow_pickle=False)
        if path.suffix == ".npy":
            return content
        with content:
            return content[array_key(content.files, path)]
    except ValueError as error:
        pickled = "allow_pickle" in str(error)  # NumPy says so of any file that is not an array
        problem = "not a plain array file; pickles are never read" if pickled else f"not a complete file: {error}"
        raise DataError(problem, where=path, remedy="Save a plain array of numbers with np.save.") from None
    except BROKEN_ARRAYS as error:
        raise DataError(f"not a complete file: {error}", where=path, remedy="Save it again with np.save.") from None
