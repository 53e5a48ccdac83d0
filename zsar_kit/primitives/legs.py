"""Attributes of hips, legs and feet. Limb 0 is the lead leg, limb 1 the other one."""

from __future__ import annotations

import numpy as np

from zsar_kit.primitives.bodies import LEVEL, Bodies
from zsar_kit.primitives.registry import measures, measures_of
from zsar_kit.primitives.signals import (
    PerClip,
    Signal,
    alternations,
    length,
    masked_max,
    masked_mean,
    masked_percentile,
    near_top,
    reversals,
    velocity,
)

#: hysteresis of hip reversals, and height difference by which a foot is the higher one, in T
HIP_BACK, STEP = 0.1, 0.08
#: a lower ankle below this height is on the floor, in T
GROUND = 0.12


def _hips(b: Bodies) -> Signal:
    return b.height("spine_base")


@measures
def hips_down(b: Bodies) -> PerClip:
    """Standing height minus lowest."""
    return b.standing_hips + masked_max(-_hips(b), b.mask)


@measures
def hips_net(b: Bodies) -> PerClip:
    """Height at the end minus height at the start."""
    return b.last_few(_hips(b)).mean(0) - b.first_few(_hips(b)).mean(0)


@measures
def hips_up(b: Bodies) -> PerClip:
    """Highest minus standing height: what nine of ten frames with a foot on the floor stay below.

    So who stands up from a seat does not jump, and the moment of toes leaving the floor does not count as standing.
    """
    grounded = b.mask & (b.foot_heights.min(1) < GROUND)
    return masked_max(_hips(b), b.mask) - masked_percentile(_hips(b), grounded, 90.0)


@measures
def hips_reversals(b: Bodies) -> PerClip:
    """Turning points of the height."""
    return reversals(_hips(b), HIP_BACK)


@measures
def air(b: Bodies) -> PerClip:
    """Greatest height of the lower foot."""
    return masked_max(b.foot_heights.min(1), b.mask)


@measures_of("lead", "other")
def knee_bend(b: Bodies, limb: int) -> PerClip:
    """Largest."""
    return masked_max(b.knee_bend[:, limb], b.mask)


@measures
def knees_start(b: Bodies) -> PerClip:
    """Mean of both at the start."""
    return b.first_few(b.knee_bend.mean(1)).mean(0)


@measures
def knees_end(b: Bodies) -> PerClip:
    """Mean of both at the end."""
    return b.last_few(b.knee_bend.mean(1)).mean(0)


@measures_of("lead", "other")
def foot_lift(b: Bodies, limb: int) -> PerClip:
    """Greatest height above the floor."""
    return masked_max(b.foot_heights[:, limb], b.mask)


@measures_of("lead", "other")
def knee_raise(b: Bodies, limb: int) -> PerClip:
    """Greatest height above the hips."""
    return masked_max(b.knees[:, limb, :, 2], b.mask)


@measures
def feet_in_turn(b: Bodies) -> PerClip:
    """How often a foot becomes the higher one after the other one, or neither, was."""
    return alternations(b.foot_heights[:, 0] - b.foot_heights[:, 1], STEP)


@measures
def feet_split_forward(b: Bodies) -> PerClip:
    """Front to back."""
    return masked_max(np.abs(b.feet[:, 0, :, 1] - b.feet[:, 1, :, 1]), b.mask)


@measures
def feet_split_side(b: Bodies) -> PerClip:
    """Sideways."""
    return masked_max(b.feet_both[:, 0, :, 0] - b.feet_both[:, 1, :, 0], b.mask)


@measures
def stance(b: Bodies) -> PerClip:
    """Mean sideways distance."""
    return masked_mean(b.feet_both[:, 0, :, 0] - b.feet_both[:, 1, :, 0], b.mask)


@measures_of("lead")
def foot_forward(b: Bodies, limb: int) -> PerClip:
    """Furthest forward of the hips."""
    return masked_max(b.feet[:, limb, :, 1], b.mask)


@measures_of("lead")
def foot_back(b: Bodies, limb: int) -> PerClip:
    """Furthest behind the hips."""
    return masked_max(-b.feet[:, limb, :, 1], b.mask)


@measures_of("lead")
def foot_outward(b: Bodies, limb: int) -> PerClip:
    """Furthest out to its own side."""
    sign = np.where(b.leg_order[:, limb] == 0, 1.0, -1.0)[:, None]
    return masked_max(sign * b.feet[:, limb, :, 0], b.mask)


@measures_of("lead")
def knee_bend_at_top(b: Bodies, limb: int) -> PerClip:
    """Mean bend while the foot is highest; missing where it is never lifted."""
    height = b.foot_heights[:, limb]
    bend = masked_mean(b.knee_bend[:, limb], near_top(height, b.mask, LEVEL))
    return np.where(masked_max(height, b.mask) > 0.15, bend, np.nan)


@measures
def foot_speed(b: Bodies) -> PerClip:
    """Top speed of the lead foot relative to the hips."""
    return masked_max(length(velocity(b.feet[:, 0], b.rate)), b.mask)


@measures
def leg_share(b: Bodies) -> PerClip:
    """Feet over feet and hands; missing where nothing moves."""
    feet, hands = b.leg_paths.sum(1), b.arm_paths.sum(1)
    return np.where(feet + hands > 0.5, feet / np.maximum(feet + hands, 0.5), np.nan)


@measures
def right_leg(b: Bodies) -> PerClip:
    """(right - left) / (right + left) of the paths; both nearly still counts as alike."""
    right, left = b.leg_paths.T
    return (right - left) / (right + left + 0.3)
