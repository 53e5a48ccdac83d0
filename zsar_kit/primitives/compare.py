"""Measured levels against expected ones, in numpy: what the method ``primitives`` with preset ``fixed`` computes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from zsar_kit.primitives.attributes import HIGHEST, LOWEST

#: distance of a clip from a class with which it has no known attribute in common: as far as levels can be apart
FARTHEST = HIGHEST - LOWEST


def shares_of_distance(
    measured: Float[np.ndarray, " a"], expected: Float[np.ndarray, "class a"]
) -> Float[np.ndarray, "class a"]:
    """What each attribute adds to the distance of one clip from each class: ``|m - e| / n`` over the n known of both.

    Args:
        measured: levels of the clip, NaN where missing.
        expected: levels of the classes, NaN where unknown.
    """
    difference = np.abs(measured.astype(np.float64) - expected)
    known = np.isfinite(difference)
    return np.where(known, difference, 0.0) / np.maximum(known.sum(1), 1)[:, None]


def distances(measured: Float[np.ndarray, " a"], expected: Float[np.ndarray, "class a"]) -> Float[np.ndarray, " class"]:
    """``mean_a |m_a - e_a(c)|`` over the attributes that clip and class both know."""
    common = np.isfinite(measured + expected).any(1)
    return np.where(common, shares_of_distance(measured, expected).sum(1), FARTHEST)
