"""Attributes of the two hands together."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from zsar_kit.primitives.bodies import Bodies
from zsar_kit.primitives.registry import measures
from zsar_kit.primitives.signals import (
    PerClip,
    correlation,
    length,
    masked_max,
    masked_mean,
    reversals,
    share,
    velocity,
)

#: root mean square velocity of a hand that counts as still in correlations, T/s
SLOW = 0.3
NEAR = 0.45


def gap(b: Bodies) -> Float[np.ndarray, "clip frame"]:
    """Distance between the hands, in T."""
    return length(b.hands[:, 0] - b.hands[:, 1])


def _together(b: Bodies, lead: np.ndarray, other: np.ndarray) -> PerClip:
    return correlation(velocity(lead, b.rate), velocity(other, b.rate), b.mask, SLOW)


@measures
def both_hands(b: Bodies) -> PerClip:
    """Shorter over longer path; missing where neither moves."""
    longer, shorter = b.arm_paths.max(1), b.arm_paths.min(1)
    return np.where(longer > 0.3, shorter / np.maximum(longer, 0.3), np.nan)


@measures
def hands_vertical(b: Bodies) -> PerClip:
    """Correlation of the vertical velocities."""
    return _together(b, b.hands[:, 0, :, 2], b.hands[:, 1, :, 2])


@measures
def hands_lateral(b: Bodies) -> PerClip:
    """Correlation of the outward velocities."""
    return _together(b, b.outward[:, 0], b.outward[:, 1])


@measures
def hands_depth(b: Bodies) -> PerClip:
    """Correlation of the forward velocities."""
    return _together(b, b.hands[:, 0, :, 1], b.hands[:, 1, :, 1])


@measures
def hands_close(b: Bodies) -> PerClip:
    """Minus the least distance."""
    return masked_max(-gap(b), b.mask)


@measures
def hands_close_share(b: Bodies) -> PerClip:
    """Share of the time within a hand's length."""
    return share(gap(b) < NEAR, b.mask)


@measures
def hands_far(b: Bodies) -> PerClip:
    """Greatest distance."""
    return masked_max(gap(b), b.mask)


@measures
def hands_reversals(b: Bodies) -> PerClip:
    """Turning points of the distance."""
    return reversals(gap(b), 0.25)


@measures
def hands_crossed(b: Bodies) -> PerClip:
    """How far the right hand is to the left of the left hand."""
    return masked_max(b.hands_both[:, 1, :, 0] - b.hands_both[:, 0, :, 0], b.mask)


@measures
def hands_height_difference(b: Bodies) -> PerClip:
    """Mean difference of heights."""
    return masked_mean(np.abs(b.hands[:, 0, :, 2] - b.hands[:, 1, :, 2]), b.mask)
