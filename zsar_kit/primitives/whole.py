"""Attributes of the whole body, and of the phases of a clip."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from zsar_kit.primitives.bodies import LEVEL, STILL, Bodies
from zsar_kit.primitives.registry import measures
from zsar_kit.primitives.signals import (
    PerClip,
    at,
    dot,
    length,
    masked_max,
    masked_mean,
    masked_range,
    near_top,
    share,
    smooth,
    strongest_rhythm,
    velocity,
)

#: lags of the rhythm, in seconds; smoothing of the hips before their path is measured
SHORTEST, LONGEST, STEADY = 0.2, 1.5, 0.15


def _ground(b: Bodies) -> Float[np.ndarray, "clip frame 3"]:
    """Level position of the hips, in T, smoothed."""
    hips = b.joint("spine_base") / b.torso[:, None, None]
    level = hips - dot(hips, b.up[:, None])[..., None] * b.up[:, None]
    return smooth(level, STEADY, b.rate)


@measures
def travel(b: Bodies) -> PerClip:
    """Level path of the hips, faster than standing sways."""
    speed = length(velocity(_ground(b), b.rate))
    return np.where(b.mask, np.maximum(speed - STILL, 0.0), 0.0).sum(1) / b.rate


def _net(b: Bodies, axis: int) -> PerClip:
    ground = _ground(b)
    return dot(at(ground, b.last) - ground[:, 0], b.axes[:, 0, axis])


@measures
def net_forward(b: Bodies) -> PerClip:
    """Along the heading at the start."""
    return _net(b, 1)


@measures
def net_side(b: Bodies) -> PerClip:
    """To the right of the heading at the start."""
    return _net(b, 0)


@measures
def energy(b: Bodies) -> PerClip:
    """Mean speed over all joints and frames."""
    speed = length(velocity(b.body(), b.rate)).mean(2) / b.torso[:, None]
    return masked_mean(speed, b.mask)


@measures
def moving(b: Bodies) -> PerClip:
    """Share of the frames with clear motion."""
    return share(b.moving, b.mask)


@measures
def rhythm(b: Bodies) -> PerClip:
    """Of the velocities of hands and feet."""
    points = np.concatenate([b.hands_both, b.feet_both], axis=1)
    moves = np.where(b.mask[:, None, :, None], np.diff(points, axis=2, prepend=points[:, :, :1]), 0.0)
    return strongest_rhythm(moves.swapaxes(1, 2).reshape(*b.mask.shape, -1), b.rate, SHORTEST, LONGEST)


@measures
def duration(b: Bodies) -> PerClip:
    """From first to last frame of the act."""
    start, end = b.act
    return (end - start + 1) / b.rate


@measures
def lead_hand_start(b: Bodies) -> PerClip:
    """Mean height over the first tenth of a second."""
    return b.first_few(b.hands[:, 0, :, 2]).mean(0)


@measures
def lead_hand_end(b: Bodies) -> PerClip:
    """Mean height over the last tenth of a second."""
    return b.last_few(b.hands[:, 0, :, 2]).mean(0)


@measures
def other_hand_end(b: Bodies) -> PerClip:
    """Mean height over the last tenth of a second."""
    return b.last_few(b.hands[:, 1, :, 2]).mean(0)


@measures
def top_time(b: Bodies) -> PerClip:
    """Mean moment of the greatest height; missing where the hand is never away from rest."""
    top = near_top(b.hands[:, 0, :, 2], b.mask, LEVEL)
    return np.where(b.away[:, 0].any(1), b.moment(top), np.nan)


@measures
def bottom_time(b: Bodies) -> PerClip:
    """Mean moment at which the head is lowest; missing where it sinks less than 0.15 T."""
    height = b.height("head")
    return np.where(masked_range(height, b.mask) > 0.15, b.moment(near_top(-height, b.mask, LEVEL)), np.nan)


@measures
def fast_time(b: Bodies) -> PerClip:
    """Moment of the greatest speed, on average where several are alike; missing where the hand stands still."""
    return np.where(masked_max(b.hand_speed[:, 0], b.mask) > 2 * STILL, b.moment(b.fastest), np.nan)
