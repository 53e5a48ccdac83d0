"""Attributes of trunk and head."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from zsar_kit.primitives.bodies import Bodies
from zsar_kit.primitives.registry import measures
from zsar_kit.primitives.signals import PerClip, at, masked_max, masked_mean, masked_range, reversals

#: hysteresis of reversals of the trunk and of the head, degrees
TRUNK_BACK, HEAD_BACK = 8.0, 6.0


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
    """Turning points, beyond the one of going there and coming back."""
    return np.maximum(reversals(b.lean_side, TRUNK_BACK) - 1.0, 0.0)


@measures
def lean_end(b: Bodies) -> PerClip:
    """Angle between trunk and vertical over the last tenth of a second."""
    up = b.spine[..., 2] / np.maximum(np.linalg.norm(b.spine, axis=-1), 1e-6)
    angle = np.degrees(np.arccos(np.clip(up, -1.0, 1.0)))
    few = max(1, round(0.1 * b.rate))
    return np.mean([at(angle, np.maximum(b.last - k, 0)) for k in range(few)], axis=0)


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
    """Turning points of either tilt, beyond one."""
    turns = np.maximum(reversals(_head(b, 1), HEAD_BACK), reversals(_head(b, 0), HEAD_BACK))
    return np.maximum(turns - 1.0, 0.0)
