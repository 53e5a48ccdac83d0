"""Attributes of trunk and head."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from zsar_kit.primitives.bodies import Bodies
from zsar_kit.primitives.registry import measures
from zsar_kit.primitives.signals import PerClip, held, length, masked_max, masked_mean, masked_range, reversals, smooth

#: hysteresis of reversals of the trunk and of the head, degrees
TRUNK_BACK, HEAD_BACK = 8.0, 8.0
#: further smoothing of the head before its reversals are counted, in seconds: a centimetre of noise is two degrees
HEAD_STEADY = 0.06


@measures
def lean_forward(b: Bodies) -> PerClip:
    """Largest."""
    return masked_max(b.lean_forward, b.mask)


@measures
def lean_back(b: Bodies) -> PerClip:
    """Largest."""
    return masked_max(-b.lean_forward, b.mask)


@measures
def lean_side(b: Bodies) -> PerClip:
    """Largest, to either side."""
    return masked_max(np.abs(b.lean_side), b.mask)


@measures
def lean_reversals(b: Bodies) -> PerClip:
    """Turning points."""
    return reversals(b.lean_side, TRUNK_BACK)


@measures
def lean_end(b: Bodies) -> PerClip:
    """Angle between trunk and vertical over the last tenth of a second."""
    up = b.spine[..., 2] / np.maximum(length(b.spine), 1e-6)
    angle = np.degrees(np.arccos(np.clip(up, -1.0, 1.0)))
    return b.last_few(angle).mean(0)


@measures
def twist(b: Bodies) -> PerClip:
    """Range of the shoulders' heading against that of the hips."""
    shoulders, hips = b.yaw("shoulder_left", "shoulder_right"), b.yaw("hip_left", "hip_right")
    return np.minimum(masked_range(shoulders - hips, b.mask), 180.0)


@measures
def turn(b: Bodies) -> PerClip:
    """Range of the shoulders' heading."""
    return masked_range(b.yaw("shoulder_left", "shoulder_right"), b.mask)


@measures
def head_drop(b: Bodies) -> PerClip:
    """Standing height minus lowest height of the head."""
    height = b.height("head")
    standing = np.maximum(masked_mean(height, b.tall), b.standing_hips + 1.2)
    return standing + masked_max(-height, b.mask)


def _head(b: Bodies, axis: int) -> Float[np.ndarray, "clip frame"]:
    """Tilt of the head against the trunk in degrees: axis 1 forward, axis 0 to the right."""
    head = b.seen_from("spine_shoulder", "head")[:, 0]
    lean = b.lean_forward if axis == 1 else b.lean_side
    return np.degrees(np.arctan2(head[..., axis], np.maximum(head[..., 2], 0.05))) - lean


@measures
def head_nod(b: Bodies) -> PerClip:
    """Range of the forward tilt."""
    return masked_range(_head(b, 1), b.mask)


@measures
def head_tilt(b: Bodies) -> PerClip:
    """Range of the sideways tilt."""
    return masked_range(_head(b, 0), b.mask)


@measures
def head_reversals(b: Bodies) -> PerClip:
    """Turning points of either tilt."""
    tilts = [held(smooth(_head(b, axis), HEAD_STEADY, b.rate), b.frames) for axis in (1, 0)]
    return np.max([reversals(tilt, HEAD_BACK) for tilt in tilts], axis=0)
