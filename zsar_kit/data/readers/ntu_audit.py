"""Does a prepared NTU RGB+D have as many samples in each part as is published?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zsar_kit.data.catalogue import part_mask, part_protocols, resource
from zsar_kit.data.readers.ntu import DATASETS
from zsar_kit.data.skeleton_set import SkeletonIndex
from zsar_kit.errors import DataError, nearest_name


@dataclass(frozen=True)
class CountRow:
    """Samples of a part.

    Attributes:
        part: ``total``, or a protocol and its part, e.g. ``xsub train``.
        published: without the recordings that the authors list as missing.
        found: in the index.
    """

    part: str
    published: int
    found: int

    @property
    def agrees(self) -> bool:
        """Whether both numbers are the same."""
        return self.found == self.published


def audit_counts(dataset: str, index: SkeletonIndex) -> tuple[CountRow, ...]:
    """Compare a set with the published numbers of samples.

    Args:
        dataset: ``ntu60`` or ``ntu120``.
        index: of the set.

    Returns:
        The total, then train and test of each protocol.

    Raises:
        DataError: another data set, or a camera or setup that is in no part.
    """
    if dataset not in DATASETS:
        raise DataError(f"no published counts of {dataset!r}", remedy=nearest_name(dataset, DATASETS))
    published = resource("ntu.toml")[dataset]["counts"]
    rows = [CountRow("total", published["total"], len(index))]
    columns = {"subject": index.subject, "camera": index.camera, "setup": index.setup}
    for protocol in part_protocols(dataset):
        train = part_mask(dataset, protocol, columns)
        for part, mask in (("train", train), ("test", ~train)):
            rows.append(CountRow(f"{protocol} {part}", published[f"{protocol}_{part}"], int(np.count_nonzero(mask))))
    return tuple(rows)
