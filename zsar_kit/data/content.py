"""Sequences by their content: which ones are the same recording, whatever they are called."""

from __future__ import annotations

import hashlib

import numpy as np

from zsar_kit.data.orientation import present


def content_digest(joints: np.ndarray) -> str:
    """SHA-256 of the coordinates of a sequence, independent of the order of its persons.

    Args:
        joints: ``[person, frame, joint, xyz]``; persons who never appear are ignored.
    """
    there = joints[present(joints).any(axis=1)]
    # Adding zero makes -0.0 and 0.0 the same bytes.
    persons = sorted(hashlib.sha256(np.ascontiguousarray(p + np.float32(0), "<f4").tobytes()).digest() for p in there)
    shape = "x".join(str(n) for n in there.shape[1:]).encode()
    return hashlib.sha256(shape + b"".join(persons)).hexdigest()


def identical_groups(content: np.ndarray) -> list[np.ndarray]:
    """Positions of sequences with the same coordinates, in groups of two or more."""
    _, inverse = np.unique(content, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(inverse[order])) + 1)
    return sorted((group for group in groups if len(group) > 1), key=lambda group: int(group[0]))
