"""Points that were not found and are filled in: the marks that a data set of one's own keeps beside its skeletons."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool

from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.errors import ArtefactError

#: beside the skeletons, ``[row, joint]`` in the order of their rows
MISSING_FILE = "missing.npy"


def has_marks(skeletons: SkeletonSet) -> bool:
    """Whether a set says which of its points were not found."""
    return (skeletons.path / MISSING_FILE).is_file()


def missing_points(skeletons: SkeletonSet) -> Iterator[Bool[np.ndarray, "person frame joint"]]:
    """Which joints were not found and are filled in, sequence by sequence, of a set that :func:`has_marks`.

    Raises:
        ArtefactError: the marks cannot be read, or are not those of the set.
    """
    path = skeletons.path / MISSING_FILE
    try:
        marks = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ArtefactError(f"not a complete array: {error}", where=path, remedy="Make the set again.") from None
    wanted = skeletons.frames.shape[:2]
    if marks.dtype != bool or marks.shape != wanted:
        problem = f"marks {list(wanted)} are needed, got {marks.dtype} {list(marks.shape)}"
        raise ArtefactError(problem, where=path, remedy="Make the set again.")
    index = skeletons.index
    for start, persons, frames in zip(index.start, index.persons, index.frames, strict=True):
        yield np.array(marks[start : start + persons * frames]).reshape(persons, frames, -1)
