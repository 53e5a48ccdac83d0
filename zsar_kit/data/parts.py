"""Train and test parts of a prepared set: from lists of its own where it has some, otherwise by the catalogue's
rule."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from zsar_kit.data.catalogue import part_column, part_mask, part_protocols
from zsar_kit.errors import DataError


@runtime_checkable
class NumberedSamples(Protocol):
    """The columns that protocols divide samples by, as the data set numbers them; -1 where it does not."""

    @property
    def subject(self) -> np.ndarray:
        """Subjects ``[sample]``."""
        ...

    @property
    def camera(self) -> np.ndarray:
        """Cameras ``[sample]``."""
        ...

    @property
    def setup(self) -> np.ndarray:
        """Setups or recordings ``[sample]``."""
        ...


@runtime_checkable
class DividedSet(Protocol):
    """What is needed of a prepared set to divide it; a :class:`~zsar_kit.data.skeleton_set.SkeletonSet` is one."""

    @property
    def path(self) -> Path:
        """Its folder, for messages."""
        ...

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        ...

    @property
    def index(self) -> NumberedSamples:
        """Its samples."""
        ...

    @property
    def parts(self) -> Mapping[str, np.ndarray]:
        """Protocol to a mask ``[sample]``, true for train, where the set has lists of its own."""
        ...


def known_protocols(skeletons: DividedSet) -> tuple[str, ...]:
    """Protocols that can divide these samples, the most common one first.

    A protocol of the catalogue is among them if the set has its lists, or knows the column it divides by for every
    sample (an imported set may know neither subjects nor cameras).
    """
    names = dict.fromkeys([*part_protocols(skeletons.dataset), *skeletons.parts])
    return tuple(name for name in names if name in skeletons.parts or _column_known(skeletons, name))


def _column_known(skeletons: DividedSet, protocol: str) -> bool:
    column = part_column(skeletons.dataset, protocol)
    return bool(column) and bool((getattr(skeletons.index, column) >= 0).all())


def train_part(skeletons: DividedSet, protocol: str) -> np.ndarray:
    """Which samples are for training, ``[sample]``; the others are for testing.

    Raises:
        SplitError: the data set has no such protocol.
        DataError: this set lacks what the protocol divides by, or a sample is in neither part.
    """
    if protocol in skeletons.parts:
        return skeletons.parts[protocol]
    known = known_protocols(skeletons)
    if protocol in part_protocols(skeletons.dataset) and protocol not in known:
        column = part_column(skeletons.dataset, protocol)
        lacking = f"the {column} of every sample" if column else "the official lists of training and test videos"
        remedy = f"Name a protocol that it can be divided by: {', '.join(known)}." if known else ""
        if not column:
            remedy = f"{remedy} Or put the lists beside the raw files and prepare it again.".strip()
        raise DataError(f"the protocol {protocol!r} needs {lacking}", where=skeletons.path, remedy=remedy)
    index = skeletons.index
    columns = {"subject": index.subject, "camera": index.camera, "setup": index.setup}
    return part_mask(skeletons.dataset, protocol, columns)
