"""Attributes of the arms: heights, reaches, bends, paths. Limb 0 is the lead arm, limb 1 the other one."""

from __future__ import annotations

import numpy as np

from zsar_kit.primitives.bodies import LEVEL, STILL, WAIST, Bodies
from zsar_kit.primitives.registry import measures, measures_of
from zsar_kit.primitives.signals import PerClip, at, masked_max, masked_mean, masked_range, near_top, share


@measures_of("lead", "other")
def hand_highest(b: Bodies, limb: int) -> PerClip:
    """Greatest height above the shoulders."""
    return masked_max(b.hands[:, limb, :, 2], b.mask)


@measures_of("lead", "other")
def hand_mean_height(b: Bodies, limb: int) -> PerClip:
    """Mean height above the shoulders."""
    return masked_mean(b.hands[:, limb, :, 2], b.mask)


@measures_of("lead", "other")
def hand_away_height(b: Bodies, limb: int) -> PerClip:
    """Mean height while away from rest; missing where it never is."""
    return masked_mean(b.hands[:, limb, :, 2], b.away[:, limb])


@measures_of("lead", "other")
def hand_lowest(b: Bodies, limb: int) -> PerClip:
    """How far below the place where it hangs in standing, measured from the floor."""
    both = np.stack([b.height("hand_right"), b.height("hand_left")], axis=1)
    height = at(both, b.arm_order[:, limb])
    hanging = b.standing_hips + 1.0 + b.hanging
    return hanging + masked_max(-height, b.mask)


@measures_of("lead", "other")
def hand_forward(b: Bodies, limb: int) -> PerClip:
    """Furthest forward of the shoulders."""
    return masked_max(b.hands[:, limb, :, 1], b.mask)


@measures_of("lead", "other")
def hand_outward(b: Bodies, limb: int) -> PerClip:
    """Furthest out to its own side."""
    return masked_max(b.outward[:, limb], b.mask)


@measures_of("lead", "other")
def hand_back(b: Bodies, limb: int) -> PerClip:
    """Furthest behind the trunk's line, at the hand's own height."""
    hand = b.hands[:, limb]
    along = np.clip(-hand[..., 2], 0.0, 1.0)
    trunk = -along * b.spine[..., 1]
    return masked_max(trunk - hand[..., 1], b.mask)


@measures_of("lead", "other")
def hand_inward(b: Bodies, limb: int) -> PerClip:
    """Furthest across to the opposite side."""
    return masked_max(-b.outward[:, limb], b.mask)


@measures_of("lead", "other")
def elbow_bend(b: Bodies, limb: int) -> PerClip:
    """Largest bend."""
    return masked_max(b.elbow_bend[:, limb], b.mask)


@measures_of("lead")
def elbow_bend_range(b: Bodies, limb: int) -> PerClip:
    """Largest minus smallest bend."""
    return masked_range(b.elbow_bend[:, limb], b.mask)


@measures_of("lead")
def elbow_bend_at_top(b: Bodies, limb: int) -> PerClip:
    """Mean bend while the hand is highest."""
    return masked_mean(b.elbow_bend[:, limb], near_top(b.hands[:, limb, :, 2], b.mask, LEVEL))


@measures_of("lead", "other")
def elbow_highest(b: Bodies, limb: int) -> PerClip:
    """Greatest height of the elbow above the shoulders."""
    return masked_max(b.elbows[:, limb, :, 2], b.mask)


@measures_of("lead", "other")
def hand_path(b: Bodies, limb: int) -> PerClip:
    """Length of the path."""
    return at(b.arm_paths, b.arm_order[:, limb])


@measures_of("lead", "other")
def hand_speed(b: Bodies, limb: int) -> PerClip:
    """Top speed."""
    return masked_max(b.hand_speed[:, limb], b.mask)


@measures_of("lead", "other")
def hand_raised(b: Bodies, limb: int) -> PerClip:
    """Share of the time above the waist."""
    return share(b.hands[:, limb, :, 2] > WAIST, b.mask)


@measures_of("lead", "other")
def hand_hold(b: Bodies, limb: int) -> PerClip:
    """Share of the time above the waist and still."""
    still = b.hand_speed[:, limb] < 2 * STILL
    return share((b.hands[:, limb, :, 2] > WAIST) & still, b.mask)


@measures_of("lead", "other")
def hand_rise(b: Bodies, limb: int) -> PerClip:
    """Greatest height above its place at rest."""
    return masked_max(b.hands[:, limb, :, 2], b.mask) - b.rest[:, limb, 2]


@measures_of("lead", "other")
def hand_reach(b: Bodies, limb: int) -> PerClip:
    """Furthest distance from its place at rest."""
    return masked_max(b.from_rest[:, limb], b.mask)


@measures
def right_arm(b: Bodies) -> PerClip:
    """(right - left) / (right + left) of the paths; both nearly still counts as alike."""
    right, left = b.arm_paths.T
    return (right - left) / (right + left + 0.3)
