"""Train and test parts of a prepared set: by lists of its own where it has some, otherwise by the catalogue's rule."""

from __future__ import annotations

import numpy as np

from zsar_kit.data.catalogue import part_column, part_mask, part_protocols
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.errors import DataError


def known_protocols(skeletons: SkeletonSet) -> tuple[str, ...]:
    """Protocols that divide these samples, the customary one first.

    Those of the catalogue count where the set has their lists, or knows the column that they divide by of every sample
    (an imported set may know neither subjects nor cameras).
    """
    names = dict.fromkeys([*part_protocols(skeletons.dataset), *skeletons.parts])
    return tuple(name for name in names if name in skeletons.parts or _column_known(skeletons, name))


def _column_known(skeletons: SkeletonSet, protocol: str) -> bool:
    column = part_column(skeletons.dataset, protocol)
    return bool(column) and bool((getattr(skeletons.index, column) >= 0).all())


def train_part(skeletons: SkeletonSet, protocol: str) -> np.ndarray:
    """Which samples are for training, ``[sample]``; the others are for testing.

    Raises:
        SplitError: the data set has no such protocol.
        DataError: this set has not what it takes to divide it so, or a sample is in neither part.
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
