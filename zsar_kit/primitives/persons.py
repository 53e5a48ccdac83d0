"""Attributes of two persons. The first is the more active one; clips of one person have none of them but the count."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from zsar_kit.primitives.bodies import Bodies
from zsar_kit.primitives.registry import measures
from zsar_kit.primitives.signals import PerClip, at, dot, length, masked_max, smooth, unit, velocity

HANDS = ("hand_right", "hand_left")


def _two(b: Bodies) -> Bool[np.ndarray, " clip"]:
    return b.two


def _distance(b: Bodies, first: np.ndarray, second: np.ndarray) -> Float[np.ndarray, "clip frame"]:
    return length(first - second) / b.torso[:, None]


def _closest(b: Bodies, pairs: list[tuple[np.ndarray, np.ndarray]]) -> PerClip:
    """Minus the least distance of any pair of places; NaN for one person."""
    nearest = np.min([_distance(b, *pair) for pair in pairs], axis=0)
    return masked_max(-nearest, b.mask & _two(b)[:, None])


def _both_ways(b: Bodies, mine: str, theirs: str) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(b.joint(mine), b.other(theirs)), (b.other(mine), b.joint(theirs))]


def _level_distance(b: Bodies) -> Float[np.ndarray, "clip frame"]:
    away = b.other("spine_base") - b.joint("spine_base")
    return length(away - dot(away, b.up[:, None])[..., None] * b.up[:, None]) / b.torso[:, None]


@measures
def two_persons(b: Bodies) -> PerClip:
    """0 or 1."""
    return _two(b).astype(float)


@measures
def persons_near(b: Bodies) -> PerClip:
    """Minus the least level distance of the hips."""
    return masked_max(-_level_distance(b), b.mask & _two(b)[:, None])


@measures
def persons_approach(b: Bodies) -> PerClip:
    """Level distance at the start minus at the end."""
    far = _level_distance(b)
    return far[:, 0] - at(far, b.last)


@measures
def persons_facing(b: Bodies) -> PerClip:
    """Minus the mean cosine between the headings."""
    across = b.other("shoulder_right") - b.other("shoulder_left")
    theirs = unit(across - dot(across, b.up[:, None])[..., None] * b.up[:, None])
    cosine = dot(theirs, b.right)
    return -np.where(_two(b), np.where(b.mask, cosine, 0.0).sum(1) / b.frames, np.nan)


@measures
def persons_hands(b: Bodies) -> PerClip:
    """A hand of one to a hand of the other."""
    return _closest(b, [(b.joint(mine), b.other(theirs)) for mine in HANDS for theirs in HANDS])


@measures
def hand_to_other_head(b: Bodies) -> PerClip:
    """To the other's head, from either person."""
    return _closest(b, [pair for hand in HANDS for pair in _both_ways(b, hand, "head")])


@measures
def hand_to_other_trunk(b: Bodies) -> PerClip:
    """To the other's chest or shoulders, from either person."""
    places = ("spine_shoulder", "spine_mid", "shoulder_right", "shoulder_left")
    return _closest(b, [pair for hand in HANDS for place in places for pair in _both_ways(b, hand, place)])


@measures
def hand_to_other_back(b: Bodies) -> PerClip:
    """Along the line between the two, how far the first's nearest hand is beyond the other's trunk."""
    trunk = 0.5 * (b.other("spine_shoulder") + b.other("spine_base"))
    away = trunk - 0.5 * (b.joint("spine_shoulder") + b.joint("spine_base"))
    line = unit(away - dot(away, b.up[:, None])[..., None] * b.up[:, None])
    far = np.stack([_distance(b, b.joint(hand), trunk) for hand in HANDS], axis=1)
    beyond = np.stack([dot(b.joint(hand) - trunk, line) for hand in HANDS], axis=1) / b.torso[:, None, None]
    far = np.where(b.mask[:, None] & np.isfinite(far), far, np.inf).reshape(len(far), -1)
    return np.where(_two(b), at(beyond.reshape(far.shape), far.argmin(1)), np.nan)


@measures
def hand_to_other_hip(b: Bodies) -> PerClip:
    """To the other's hips, from either person."""
    places = ("hip_right", "hip_left")
    return _closest(b, [pair for hand in HANDS for place in places for pair in _both_ways(b, hand, place)])


@measures
def foot_to_other(b: Bodies) -> PerClip:
    """A lifted foot of the first to the other's knees, ankles or hips; far away if none is lifted."""
    lifted = b.foot_heights.max(1) > 0.2
    targets = [
        b.other(name) for name in ("hip_right", "hip_left", "knee_right", "knee_left", "ankle_right", "ankle_left")
    ]
    feet = [b.joint("foot_right"), b.joint("foot_left")]
    nearest = np.min([_distance(b, foot, target) for foot in feet for target in targets], axis=0)
    best = masked_max(-nearest, b.mask & lifted & _two(b)[:, None])
    return np.where(_two(b), np.where(np.isnan(best), -2.0, best), np.nan)


def _effort(b: Bodies, joints: np.ndarray) -> PerClip:
    speed = length(velocity(joints, b.rate)).mean(2)
    return np.where(b.mask, speed, 0.0).sum(1)


@measures
def persons_alike(b: Bodies) -> PerClip:
    """Path of the second over the path of both."""
    mine, theirs = _effort(b, b.body()), _effort(b, b.other_body())
    return theirs / np.maximum(mine + theirs, 1e-6)


@measures
def other_pushed(b: Bodies) -> PerClip:
    """How far the second gets from where it is when the two are nearest, away from the first, until the end."""
    near = np.where(b.mask & _two(b)[:, None], _level_distance(b), np.inf)
    moment = near.argmin(1)
    theirs = smooth(b.other("spine_base"), 0.15, b.rate)
    away = at(b.other("spine_base") - b.joint("spine_base"), moment)
    line = unit(away - dot(away, b.up)[:, None] * b.up)
    moved = dot(theirs - at(theirs, moment)[:, None], line[:, None]) / b.torso[:, None]
    after = b.mask & (np.arange(near.shape[1]) >= moment[:, None]) & _two(b)[:, None]
    return masked_max(moved, after)
