"""Compare the sample counts of a prepared NTU RGB+D with the published ones, part by part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zsar_kit.data.catalogue import resource
from zsar_kit.data.parts import known_protocols, train_part
from zsar_kit.data.readers.ntu import DATASETS
from zsar_kit.data.skeleton_set import SkeletonSet
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


def audit_counts(skeletons: SkeletonSet) -> tuple[CountRow, ...]:
    """Compare a set with the published numbers of samples.

    Returns:
        The total, then train and test of each protocol that divides the set (an imported one may not know them all).

    Raises:
        DataError: it is a set of other data, or a camera or setup is in no part.
    """
    dataset = skeletons.dataset
    if dataset not in DATASETS:
        raise DataError(f"no published counts of {dataset!r}", remedy=nearest_name(dataset, DATASETS))
    published = resource("ntu.toml")[dataset]["counts"]
    rows = [CountRow("total", published["total"], len(skeletons))]
    for protocol in known_protocols(skeletons):
        train = train_part(skeletons, protocol)
        for part, mask in (("train", train), ("test", ~train)):
            rows.append(CountRow(f"{protocol} {part}", published[f"{protocol}_{part}"], int(np.count_nonzero(mask))))
    return tuple(rows)
