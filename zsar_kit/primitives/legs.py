"""Attributes of hips, legs and feet. Limb 0 is the lead leg, limb 1 the other one."""

from __future__ import annotations

import numpy as np

from zsar_kit.primitives.bodies import Bodies
from zsar_kit.primitives.registry import measures, measures_of
from zsar_kit.primitives.signals import PerClip, Signal, at, masked_max, masked_mean, reversals, velocity

#: hysteresis of hip reversals, and height difference by which a foot is the higher one, in T
HIP_BACK, STEP = 0.1, 0.08


def _hips(b: Bodies) -> Signal:
    return b.height("spine_base")


def _at_start(b: Bodies, signal: Signal) -> PerClip:
    return signal[:, : max(1, round(0.1 * b.rate))].mean(1)


def _at_end(b: Bodies, signal: Signal) -> PerClip:
    few = max(1, round(0.1 * b.rate))
    return np.mean([at(signal, np.maximum(b.last - k, 0)) for k in range(few)], axis=0)


@measures
def hips_down(b: Bodies) -> PerClip:
    """Standing height minus lowest."""
    return b.standing_hips + masked_max(-_hips(b), b.mask)


@measures
def hips_net(b: Bodies) -> PerClip:
    """Height at the end minus height at the start."""
    return _at_end(b, _hips(b)) - _at_start(b, _hips(b))


@measures
def hips_up(b: Bodies) -> PerClip:
    """Highest minus the height in which it stands most: the median of the upper half."""
    hips = np.where(b.mask, _hips(b), np.nan)
    usual = np.nanpercentile(hips, 60, axis=1)
    return np.nanmax(hips, axis=1) - usual


@measures
def hips_reversals(b: Bodies) -> PerClip:
    """Turning points of the height, beyond one."""
    return np.maximum(reversals(_hips(b), HIP_BACK) - 1.0, 0.0)


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
    return _at_start(b, b.knee_bend.mean(1))


@measures
def knees_end(b: Bodies) -> PerClip:
    """Mean of both at the end."""
    return _at_end(b, b.knee_bend.mean(1))


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
    """Turning points of the difference of heights."""
    return reversals(b.foot_heights[:, 0] - b.foot_heights[:, 1], 2 * STEP)


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
    """Bend when the foot is highest; missing where it is never lifted."""
    height = np.where(b.mask, b.foot_heights[:, limb], -np.inf)
    return np.where(height.max(1) > 0.15, at(b.knee_bend[:, limb], height.argmax(1)), np.nan)


@measures
def foot_speed(b: Bodies) -> PerClip:
    """Top speed of the lead foot relative to the hips."""
    return masked_max(np.linalg.norm(velocity(b.feet[:, 0], b.rate), axis=-1), b.mask)


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
