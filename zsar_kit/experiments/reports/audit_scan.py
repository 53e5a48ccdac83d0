"""The data of an audit: one pass over all sequences, the train and test parts, and the list of left-out samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zsar_kit.data.content import content_digest
from zsar_kit.data.orientation import present
from zsar_kit.data.parts import known_protocols, train_part
from zsar_kit.data.readers.plan import LeftOut
from zsar_kit.data.readers.prepare import read_left_out
from zsar_kit.data.skeleton_set import SkeletonSet


@dataclass(frozen=True, eq=False)
class Scan:
    """Results of one pass over all sequences, ``[sample]`` each.

    Attributes:
        content: digest of the coordinates; equal for sequences with the same persons, whatever their order.
        bodies: number of persons who appear at all.
        together: largest number of persons in one frame.
        empty: number of frames without any person.
        still: number of frames that repeat the one before digit by digit: a tracker that hung, or padding.
    """

    content: np.ndarray
    bodies: np.ndarray
    together: np.ndarray
    empty: np.ndarray
    still: np.ndarray


@dataclass(frozen=True, eq=False)
class Audit:
    """A data set with everything that its audit tables need.

    Attributes:
        skeletons: the prepared set.
        parts: for each protocol a mask ``[sample]``, true for train; empty if no protocol is known.
        scan: results of the pass over its sequences.
        left_out: samples that were left out; empty if no list was kept.
    """

    skeletons: SkeletonSet
    parts: Mapping[str, np.ndarray]
    scan: Scan
    left_out: tuple[LeftOut, ...]

    def masks(self, protocol: str) -> dict[str, np.ndarray]:
        """Masks ``[sample]`` of the train and the test part."""
        return {"train": self.parts[protocol], "test": ~self.parts[protocol]}


def audit_skeletons(skeletons: SkeletonSet, *, progress: bool = False) -> Audit:
    """Read a set once, sequence by sequence, and collect what the tables need.

    Args:
        skeletons: the prepared set.
        progress: show a progress bar.

    Raises:
        ArtefactError: ``left_out.csv`` is malformed.
        DataError: a sample is in neither part of a protocol.
    """
    return Audit(
        skeletons=skeletons,
        parts={protocol: train_part(skeletons, protocol) for protocol in known_protocols(skeletons)},
        scan=scan_sequences(skeletons, progress=progress),
        left_out=read_left_out(skeletons.path),
    )


def scan_sequences(skeletons: SkeletonSet, *, progress: bool = False) -> Scan:
    """One pass over all sequences; memory does not grow with the data."""
    sequences = iter(skeletons)
    if progress:
        from tqdm import tqdm

        sequences = tqdm(sequences, total=len(skeletons), desc=f"auditing {skeletons.dataset}", unit=" sequences")
    content, numbers = [], np.zeros((4, len(skeletons)), dtype=np.int64)
    for i, sequence in enumerate(sequences):
        there = present(sequence.joints)
        occupied = np.asarray(there.any(axis=0))
        repeats = ~np.diff(sequence.joints, axis=1).any(axis=(0, 2, 3)) & occupied[1:]
        content.append(content_digest(sequence.joints))
        numbers[:, i] = there.any(axis=1).sum(), there.sum(axis=0).max(), (~occupied).sum(), repeats.sum()
    return Scan(np.array(content), *numbers)
