"""Standardisation by the spread of the training data, for every part of the kit that divides by one.

A feature that is constant in training says nothing about it. Divided by a tiny number instead of its spread, any value
that it takes at test time would drown all others. Such a feature is set to zero: its divisor is infinite.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

NEGLIGIBLE = 1e-3
"""A spread is negligible below this share of the root mean square of all spreads."""

ROUNDING = 1e-6
"""A spread below this share of the values' size is the rounding of single precision."""


def divisors(spread: Float[np.ndarray, " d"], size: Float[np.ndarray, " d"] | None = None) -> Float[np.ndarray, " d"]:
    """What each feature is divided by: its spread in training, or infinity where training showed none.

    A feature has no spread if it is zero or not finite (a single sample), at most :data:`NEGLIGIBLE` times the root
    mean square of the spreads of all features, or at most :data:`ROUNDING` times the feature's size.
    ``(x - offset) / divisor`` is then exactly zero for every finite x. The features must have comparable units.

    Args:
        spread: standard deviation (or root mean square deviation) of each feature over the training data, at least 0.
        size: magnitude of each feature, such as the absolute mean; the rule on rounding is left out without it.
    """
    known = np.where(np.isfinite(spread), spread, 0.0).astype(np.float64)
    floor = np.full(known.shape, NEGLIGIBLE * float(np.sqrt(np.mean(np.square(known)))))
    if size is not None:
        floor = np.maximum(floor, ROUNDING * np.abs(size))
    return np.where(known > floor, known, np.inf)
