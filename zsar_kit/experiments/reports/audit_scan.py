"""What an audit of a prepared data set reads: its sequences once, its parts, and the list of what was left out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zsar_kit.data.orientation import present
from zsar_kit.data.parts import known_protocols, train_part
from zsar_kit.data.readers.plan import LeftOut
from zsar_kit.data.readers.prepare import read_left_out
from zsar_kit.data.skeleton_set import SkeletonSet


@dataclass(frozen=True, eq=False)
class Scan:
    """What one pass over all sequences finds, ``[sample]`` each.

    Attributes:
        content: digest of the coordinates; two sequences that hold the same persons, in whatever order, have the same.
        bodies: persons who are ever there.
        together: most persons in one frame.
        empty: frames without anybody.
        still: frames that repeat the one before, digit by digit: a tracker that hung, or padding.
    """

    content: np.ndarray
    bodies: np.ndarray
    together: np.ndarray
    empty: np.ndarray
    still: np.ndarray


@dataclass(frozen=True, eq=False)
class Audit:
    """A data set with all that its tables are made of.

    Attributes:
        skeletons: the prepared set.
        parts: protocol to a mask ``[sample]``, true for train; empty where nobody knows any.
        scan: of its sequences.
        left_out: what is not in it; empty where nobody wrote it down.
    """

    skeletons: SkeletonSet
    parts: Mapping[str, np.ndarray]
    scan: Scan
    left_out: tuple[LeftOut, ...]

    def masks(self, protocol: str) -> dict[str, np.ndarray]:
        """Part to mask ``[sample]``."""
        return {"train": self.parts[protocol], "test": ~self.parts[protocol]}


def audit_skeletons(skeletons: SkeletonSet, *, progress: bool = False) -> Audit:
    """Read a set once, sequence by sequence, and gather what the tables need.

    Args:
        skeletons: the prepared set.
        progress: show a bar.

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


def content_digest(joints: np.ndarray) -> str:
    """SHA-256 of the coordinates of a sequence, whatever the order of its persons.

    Args:
        joints: ``[person, frame, joint, xyz]``; persons who are never there do not count.
    """
    there = joints[present(joints).any(axis=1)]
    # Adding zero makes -0.0 and 0.0 the same bytes.
    persons = sorted(hashlib.sha256(np.ascontiguousarray(p + np.float32(0), "<f4").tobytes()).digest() for p in there)
    shape = "x".join(str(n) for n in there.shape[1:]).encode()
    return hashlib.sha256(shape + b"".join(persons)).hexdigest()


def scan_sequences(skeletons: SkeletonSet, *, progress: bool = False) -> Scan:
    """One pass over all sequences, in memory that does not grow with the data."""
    sequences = iter(skeletons)
    if progress:
        from tqdm import tqdm

        sequences = tqdm(sequences, total=len(skeletons), desc=f"auditing {skeletons.dataset}", unit=" sequences")
    content, numbers = [], np.zeros((4, len(skeletons)), dtype=np.int64)
    for i, sequence in enumerate(sequences):
        there = present(sequence.joints)
        somebody = np.asarray(there.any(axis=0))
        repeats = ~np.diff(sequence.joints, axis=1).any(axis=(0, 2, 3)) & somebody[1:]
        content.append(content_digest(sequence.joints))
        numbers[:, i] = there.any(axis=1).sum(), there.sum(axis=0).max(), (~somebody).sum(), repeats.sum()
    return Scan(np.array(content), *numbers)


def identical_groups(content: np.ndarray) -> list[np.ndarray]:
    """Positions of the sequences that hold the same coordinates, group by group; each group has two or more."""
    _, inverse = np.unique(content, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(inverse[order])) + 1)
    return sorted((group for group in groups if len(group) > 1), key=lambda group: int(group[0]))
