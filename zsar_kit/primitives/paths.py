"""Attributes of the shape of the lead hand's path. Planes are the performer's own: right, forward, up."""

from __future__ import annotations

import numpy as np

from zsar_kit.primitives.bodies import AWAY, STILL, Bodies
from zsar_kit.primitives.hands import gap
from zsar_kit.primitives.registry import measures
from zsar_kit.primitives.signals import (
    TINY,
    Mask,
    PerClip,
    Signal,
    at,
    dot,
    first_true,
    last_true,
    length,
    masked_max,
    masked_mean,
    masked_range,
    reversals,
    turning,
    unit,
    velocity,
)

#: hysteresis of reversals of a hand, and the radius below which turning counts less, in T
BACK, RADIUS = 0.25, 0.2
#: seconds before and after a moment over which a corner is judged, its least angle, and least length of its arms in T
REACH, SHARP, LEG = 0.17, 60.0, 0.12
# Directions in which the extent of a path is measured: axes and diagonals of a cube.
_DIRECTIONS = np.array(
    [(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if (x, y, z) > (0, 0, 0)], dtype=float
)
_DIRECTIONS /= np.linalg.norm(_DIRECTIONS, axis=1, keepdims=True)


def _axis(b: Bodies, axis: int) -> Signal:
    return b.hands[:, 0, :, axis]


@measures
def extent_lateral(b: Bodies) -> PerClip:
    """Right to left, while away from rest."""
    return masked_range(_axis(b, 0), b.away[:, 0])


@measures
def extent_vertical(b: Bodies) -> PerClip:
    """Up and down, while away from rest."""
    return masked_range(_axis(b, 2), b.away[:, 0])


@measures
def extent_depth(b: Bodies) -> PerClip:
    """Forward and back, while away from rest."""
    return masked_range(_axis(b, 1), b.away[:, 0])


def _turns(b: Bodies, across: Signal) -> PerClip:
    """Turns from up towards ``across`` while away from rest: positive is up, across, down.

    About the middle of the whole path or of what is drawn while up, whichever the path winds about more: the way from
    a hanging hand to a small circle before the chest moves the middle of the whole out of the circle, and a circle of
    the whole arm is not drawn while up alone.
    """
    away = b.away[:, 0]
    turns = [np.nan_to_num(turning(_axis(b, 2), across, away, RADIUS, around)) for around in (away, b.drawn)]
    return np.where(np.abs(turns[0]) >= np.abs(turns[1]), *turns)


@measures
def winding(b: Bodies) -> PerClip:
    """Frontal plane as the performer sees it: top, right, bottom, left is clockwise."""
    return _turns(b, _axis(b, 0))


@measures
def winding_size(b: Bodies) -> PerClip:
    """The same without its sign."""
    return np.abs(winding(b))


@measures
def winding_side(b: Bodies) -> PerClip:
    """Seen from the right side: top, front, bottom, back."""
    return _turns(b, _axis(b, 1))


@measures
def sweep(b: Bodies) -> PerClip:
    """The greater of the top velocities to right and left, with its sign; falls to 0 as they become alike."""
    lateral = velocity(_axis(b, 0), b.rate)
    right, left = masked_max(lateral, b.mask), masked_max(-lateral, b.mask)
    top = np.maximum(np.maximum(right, left), TINY)
    return top * np.clip((right - left) / (0.3 * top), -1.0, 1.0)


@measures
def sweep_net(b: Bodies) -> PerClip:
    """Last place while up minus first place while up; 0 where it is never up."""
    lateral = _axis(b, 0)
    moved = at(lateral, last_true(b.drawn)) - at(lateral, first_true(b.drawn))
    return np.where(b.drawn.any(1), moved, 0.0)


@measures
def reversals_lateral(b: Bodies) -> PerClip:
    """Turning points, beyond the one of going out and coming back."""
    return np.maximum(reversals(_axis(b, 0), BACK) - 1.0, 0.0)


@measures
def reversals_vertical(b: Bodies) -> PerClip:
    """Turning points."""
    return reversals(_axis(b, 2), BACK)


@measures
def reversals_depth(b: Bodies) -> PerClip:
    """Turning points."""
    return reversals(_axis(b, 1), BACK)


def _fastest_direction(b: Bodies, axis: int) -> PerClip:
    part = unit(velocity(b.hands[:, 0], b.rate))[..., axis]
    return np.where(masked_max(b.hand_speed[:, 0], b.mask) > 2 * STILL, masked_mean(part, b.fastest), np.nan)


@measures
def velocity_forward(b: Bodies) -> PerClip:
    """Forward part of the direction at top speed, on average where strokes are alike; missing where it stands still."""
    return _fastest_direction(b, 1)


@measures
def velocity_up(b: Bodies) -> PerClip:
    """Upward part of the direction at top speed, on average where strokes are alike; missing where it stands still."""
    return _fastest_direction(b, 2)


def extent(b: Bodies) -> PerClip:
    """Greatest extent of the path while up, over the axes and diagonals; NaN where the hand is never up."""
    return np.max([masked_range(dot(b.hands[:, 0], direction), b.drawn) for direction in _DIRECTIONS], axis=0)


def _drawn_length(b: Bodies) -> PerClip:
    steps = length(np.diff(b.hands[:, 0], axis=1))
    return np.where(b.drawn[:, 1:] & b.drawn[:, :-1], steps, 0.0).sum(1)


@measures
def closed(b: Bodies) -> PerClip:
    """1 - distance from first to last place while up / extent; missing where nothing is drawn."""
    size = extent(b)
    ends = length(at(b.hands[:, 0], last_true(b.drawn)) - at(b.hands[:, 0], first_true(b.drawn)))
    return np.where(size > AWAY, 1.0 - ends / np.maximum(size, AWAY), np.nan)


@measures
def straight(b: Bodies) -> PerClip:
    """Extent over length of the path while up; missing where nothing is drawn."""
    size, drawn = extent(b), _drawn_length(b)
    return np.where(size > AWAY, np.minimum(size / np.maximum(drawn, TINY), 1.0), np.nan)


@measures
def corners(b: Bodies) -> PerClip:
    """Moments, while up, at which the path before and after meet at more than 60 degrees."""
    step = max(1, round(REACH * b.rate))
    hand = b.hands[:, 0]
    if hand.shape[1] <= 2 * step:
        return np.zeros(len(hand))
    before, after = hand[:, step:-step] - hand[:, : -2 * step], hand[:, 2 * step :] - hand[:, step:-step]
    lengths = length(before), length(after)
    cosine = (before * after).sum(-1) / np.maximum(lengths[0] * lengths[1], TINY)
    sharp = (cosine < np.cos(np.radians(SHARP))) & (np.minimum(*lengths) > LEG) & b.drawn[:, step:-step]
    sharp &= b.mask[:, 2 * step :]  # what comes after is real
    return (sharp[:, 1:] & ~sharp[:, :-1]).sum(1) + sharp[:, 0].astype(float)


@measures
def repetitions(b: Bodies) -> PerClip:
    """The most peaks of any signal that the body makes: hand, gap of the hands, hips, feet, trunk, head.

    A peak counts if the signal falls and rises by 40 % of its range about it, and the range is large enough to be an
    act.
    """
    hand = b.hands[:, 0]
    nod = (b.seen_from("spine_shoulder", "head")[:, 0, :, 1]) * 2.0
    hips = b.height("spine_base") * 2.0
    signals = [
        hand[..., 0],
        hand[..., 1],
        hand[..., 2],
        gap(b),
        hips,
        *b.foot_heights.swapaxes(0, 1),
        b.spine[..., 1],
        nod,
    ]
    stacked = np.concatenate(signals)
    peaks = _peaks(stacked, np.tile(b.mask, (len(signals), 1))).reshape(len(signals), -1)
    return np.maximum(peaks.max(0), 1.0)


def _peaks(signal: Signal, mask: Mask) -> PerClip:
    size = masked_range(signal, mask)
    turns = reversals(signal, np.maximum(0.4 * size, 0.15))
    return np.where(size > 0.3, np.ceil(turns / 2.0), 0.0)


@measures
def windup(b: Bodies) -> PerClip:
    """Before the fastest forward stroke: distance behind the shoulders plus half the height above its place at rest.

    Only while the hand is not before the trunk; 0 for strokes slower than 2 T/s.
    """
    hand = b.hands[:, 0]
    forward = np.where(b.mask, velocity(hand[..., 1], b.rate), -np.inf)
    fastest = forward.argmax(1)
    before = np.arange(hand.shape[1]) <= fastest[:, None]
    drawn_back = np.maximum(-hand[..., 1], 0.0) + 0.5 * np.maximum(hand[..., 2] - b.rest[:, :1, 2], 0.0)
    best = masked_max(drawn_back, before & (hand[..., 1] < 0.4))
    return np.where(at(forward, fastest) > 2.0, np.nan_to_num(best), 0.0)
