"""The files of a feature set: everything is checked, whoever wrote it, and pickled objects are never loaded."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Protocol, runtime_checkable

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from zsar_kit.data.catalogue import PROTOCOL_PARTS
from zsar_kit.errors import ArtefactError, DataError, nearest_name
from zsar_kit.reprs import csv_cell, csv_text

COLUMNS = ("sample", "label", "part", "subject", "camera")
_PICKLE_PROTOCOLS = range(2, 6)


@runtime_checkable
class SampleIndex(Protocol):
    """Columns of equal length, one value per sample; a ``SkeletonIndex`` is one."""

    @property
    def sample(self) -> np.ndarray:
        """Names."""
        ...

    @property
    def label(self) -> np.ndarray:
        """0-based class ids."""
        ...

    @property
    def subject(self) -> np.ndarray:
        """Subjects, as the data set numbers them."""
        ...

    @property
    def camera(self) -> np.ndarray:
        """Cameras; -1 where the data set has none."""
        ...


def looks_pickled(path: str | Path) -> bool:
    """Whether a file is a pickle, a zip around pickles (as torch writes it), or an array of objects."""
    with open(path, "rb") as stream:
        head = stream.read(8)
        if head[:6] == b"\x93NUMPY":
            stream.seek(0)
            return _header_has_objects(stream)
    return head[:4] == b"PK\x03\x04" or (len(head) > 1 and head[0] == 0x80 and head[1] in _PICKLE_PROTOCOLS)


def _header_has_objects(stream: IO[bytes]) -> bool:
    try:
        version = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            header = np.lib.format.read_array_header_2_0
        return bool(header(stream)[2].hasobject)
    except ValueError:
        return False


def load_array(path: str | Path, *, memory_map: bool = False) -> np.ndarray:
    """Read one ``.npy`` file without ever unpickling.

    Args:
        path: the file.
        memory_map: leave the values on disk, read-only.

    Raises:
        ArtefactError: the file is absent, truncated, no ``.npy``, or contains pickled objects.
    """
    path = Path(path)
    if not path.is_file():
        raise ArtefactError("file not found", where=path)
    if looks_pickled(path):
        raise ArtefactError(
            "the file contains pickled objects, which are never loaded",
            where=path,
            remedy="Pickles can run code. Save the array with a numeric dtype, or as safetensors.",
        )
    try:
        loaded = np.load(path, mmap_mode="r" if memory_map else None, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ArtefactError(f"not a complete .npy array: {error}", where=path) from None
    return loaded


class _MapFile:
    """An ``.npy`` of float16 maps, written chunk by chunk; the number of samples is known beforehand."""

    def __init__(self, stream: IO[bytes], samples: int):
        self.stream, self.samples, self.shape = stream, samples, None

    def append(self, values: np.ndarray, where: Path) -> None:
        if self.shape is None:
            self.shape = values.shape[1:]
            header = {"descr": "<f2", "fortran_order": False, "shape": (self.samples, *self.shape)}
            np.lib.format.write_array_header_1_0(self.stream, header)
        if values.shape[1:] != self.shape:
            raise DataError(f"maps of shape {values.shape[1:]} after {self.shape}", where=where)
        self.stream.write(np.ascontiguousarray(values).tobytes())


def write_chunks(
    folder: Path, chunks: Iterable[Mapping[str, np.ndarray]], samples: np.ndarray, where: Path
) -> dict[str, np.ndarray]:
    """Stream ``maps`` to ``maps.npy`` and return ``pooled`` and ``logits`` of all samples, float32.

    Raises:
        DataError: keys, row counts or shapes disagree, or a value is not finite in its type on disk.
    """
    parts: dict[str, list[np.ndarray]] = {"pooled": [], "logits": []}
    done, keys = 0, None
    with open(folder / "maps.npy", "wb") as stream:
        maps = _MapFile(stream, len(samples))
        for chunk in chunks:
            keys = keys or set(chunk)
            if set(chunk) != keys or "pooled" not in keys or keys - {"pooled", "logits", "maps"}:
                problem = f"every chunk needs the same keys of pooled, logits, maps; got {sorted(chunk)}"
                raise DataError(problem, where=f"{where}, samples from {done}")
            count = len(chunk["pooled"])
            for key, values in chunk.items():
                if len(values) != count:
                    raise DataError(f"{key!r} has {len(values)} rows, 'pooled' {count}", where=where)
                with np.errstate(over="ignore"):
                    stored = np.asarray(values).astype("<f2" if key == "maps" else np.float32)
                check_finite(key, stored, samples[done : done + count], where)
                if key == "maps":
                    maps.append(stored, where)
                else:
                    parts[key].append(stored)
            done += count
    if maps.shape is None:
        (folder / "maps.npy").unlink()
    if done != len(samples) or not done:
        raise DataError(f"got features of {done} samples, but the index has {len(samples)}", where=where)
    if any(len({v.shape[1:] for v in values}) > 1 for values in parts.values()):
        raise DataError("the chunks have features of different widths", where=where)
    return {key: np.concatenate(values) for key, values in parts.items() if values}


def check_finite(key: str, values: np.ndarray, samples: np.ndarray, where: Path) -> None:
    """Refuse values that are not finite; the first such sample is named."""
    finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if not finite.all():
        bad = int(np.argmin(finite))
        name = str(samples[bad]) if bad < len(samples) else f"number {bad}"
        raise DataError(f"{key!r} has a value that is not finite", where=f"{where}, sample {name!r}")


def read_tensors(path: Path, where: Path) -> dict[str, np.ndarray]:
    """Read ``features.safetensors``; messages name ``where``."""
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError, KeyError) as error:
        if looks_pickled(path):
            raise ArtefactError(
                "the file contains pickled objects, which are never loaded",
                where=where,
                remedy="Pickles can run code. Save the arrays as safetensors, or extract again.",
            ) from None
        raise ArtefactError(f"not a readable safetensors file: {error}", where=where) from None
    if "pooled" not in tensors:
        raise ArtefactError(f"no tensor 'pooled', only {sorted(tensors)}", where=where)
    return tensors


def write_index(path: Path, index: SampleIndex, train: np.ndarray) -> None:
    """Write ``index.csv``; ``train`` is true where a sample belongs to the train part."""
    with open(path, "w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(COLUMNS)
        for i, name in enumerate(index.sample):
            part = PROTOCOL_PARTS[0 if train[i] else 1]
            numbers = [int(index.subject[i]), int(index.camera[i])]
            table.writerow([csv_cell(str(name)), int(index.label[i]), part, *numbers])


def read_index(path: Path, where: Path, classes: int) -> dict[str, np.ndarray]:
    """Read and check ``index.csv``: the columns of a feature set by name."""
    with open(path, newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    if not rows or tuple(rows[0]) != COLUMNS:
        raise ArtefactError(f"the columns must be {', '.join(COLUMNS)}", where=where, remedy="Extract again.")
    seen: set[str] = set()
    for line, row in enumerate(rows[1:], start=2):
        place = f"{where}, line {line}"
        if len(row) != len(COLUMNS) or not all(row[k].removeprefix("-").isdecimal() for k in (1, 3, 4)):
            raise DataError(f"a row is sample, label, part, subject, camera; got {row}", where=place)
        if not 0 <= int(row[1]) < classes:
            raise DataError(f"label {row[1]} is not one of the classes 0..{classes - 1}", where=place)
        if row[2] not in PROTOCOL_PARTS:
            raise DataError(f"unknown part {row[2]!r}", where=place, remedy=nearest_name(row[2], PROTOCOL_PARTS))
        if row[0] in seen:
            raise DataError(f"sample {row[0]!r} occurs twice", where=place)
        seen.add(row[0])
    name, label, part, subject, camera = zip(*rows[1:], strict=True) if len(rows) > 1 else ((),) * 5
    return {
        "samples": np.array([csv_text(cell) for cell in name], dtype=str),
        "labels": np.array(label, dtype=np.int64),
        "train": np.array(part, dtype=str) == "train",
        "subjects": np.array(subject, dtype=np.int64),
        "cameras": np.array(camera, dtype=np.int64),
    }
