"""Attributes of hands at places of the body: minus the least distance, in T.

The face looks where the trunk does: no layout in use has a reliable direction of the head itself.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from zsar_kit.primitives.bodies import Bodies
from zsar_kit.primitives.registry import measures, measures_of
from zsar_kit.primitives.signals import PerClip, length, masked_max, share

SIDES = ("right", "left")
#: offsets from joints to places, in T: (right, forward, up); of the right side where there are two
MOUTH, EYES, CROWN, EAR = (0.0, 0.2, -0.1), (0.0, 0.2, 0.08), (0.0, 0.0, 0.25), (0.18, 0.0, 0.0)
NECK, FRONT, BACK = (0.0, -0.18, 0.0), (0.0, 0.22, 0.0), (0.0, -0.25, 0.0)
#: a hand this near is at a place
AT = 0.45


def place(b: Bodies, start: np.ndarray, offset: tuple[float, float, float]) -> Float[np.ndarray, "clip frame 3"]:
    """Positions at an offset, in the body's axes and torso lengths, from given ones in metres."""
    away = sum(part * b.axes[:, :, i] for i, part in enumerate(offset) if part)
    return start + away * b.torso[:, None, None]


def along_trunk(b: Bodies, part: float) -> Float[np.ndarray, "clip frame 3"]:
    """The place at ``part`` of the way from shoulder centre (0) to hip centre (1), in metres."""
    return (1 - part) * b.joint("spine_shoulder") + part * b.joint("spine_base")


def distance(b: Bodies, side: str, target: np.ndarray) -> Float[np.ndarray, "clip frame"]:
    """Distance of a hand, or of its tip if that is nearer, from positions in metres, in T."""
    ends = [length(b.joint(f"{end}_{side}") - target) for end in ("hand", "hand_tip")]
    return np.minimum(*ends) / b.torso[:, None]


def closest(b: Bodies, *targets: np.ndarray) -> PerClip:
    """Minus the least distance of either hand from any target."""
    distances = [distance(b, side, target) for side in SIDES for target in targets]
    return masked_max(-np.min(distances, axis=0), b.mask)


@measures_of("lead", "other")
def hand_head(b: Bodies, limb: int) -> PerClip:
    """To the centre of the head."""
    head = b.seen_from("spine_shoulder", "head")[:, 0]
    return masked_max(-length(b.hands[:, limb] - head), b.mask)


@measures
def hand_mouth(b: Bodies) -> PerClip:
    """To the mouth."""
    return closest(b, place(b, b.joint("head"), MOUTH))


@measures
def hand_ear(b: Bodies) -> PerClip:
    """Each hand to the ear of its own side."""
    right, left = place(b, b.joint("head"), EAR), place(b, b.joint("head"), (-EAR[0], EAR[1], EAR[2]))
    nearest = np.minimum(distance(b, "right", right), distance(b, "left", left))
    return masked_max(-nearest, b.mask)


@measures
def hand_eyes(b: Bodies) -> PerClip:
    """To eyes and forehead."""
    return closest(b, place(b, b.joint("head"), EYES))


@measures
def hand_crown(b: Bodies) -> PerClip:
    """To the top of the head."""
    return closest(b, place(b, b.joint("head"), CROWN))


@measures
def hand_neck(b: Bodies) -> PerClip:
    """To the back of the neck."""
    return closest(b, place(b, b.joint("neck"), NECK))


@measures
def hand_chest(b: Bodies) -> PerClip:
    """To the breastbone."""
    return closest(b, place(b, along_trunk(b, 0.3), FRONT))


@measures
def hand_belly(b: Bodies) -> PerClip:
    """To the front of the belly."""
    return closest(b, place(b, along_trunk(b, 0.75), FRONT))


@measures
def hand_back_place(b: Bodies) -> PerClip:
    """To the lower back."""
    return closest(b, place(b, along_trunk(b, 0.7), BACK))


def _hip_distance(b: Bodies, side: str) -> Float[np.ndarray, "clip frame"]:
    """Distance of a hand from the outside of its own hip while its elbow is bent; far where it is straight."""
    sign = 1.0 if side == "right" else -1.0
    far = distance(b, side, place(b, b.joint(f"hip_{side}"), (0.15 * sign, 0.0, 0.1)))
    bend = b.elbow_bend[np.arange(len(far)), b.arm_order.argmax(1) if side == "left" else b.arm_order.argmin(1)]
    return np.where(bend >= 30.0, far, np.inf)


@measures
def hand_pocket(b: Bodies) -> PerClip:
    """To the hip of its own side, with a bent elbow."""
    nearest = masked_max(-np.minimum(_hip_distance(b, "right"), _hip_distance(b, "left")), b.mask)
    return np.where(np.isnan(nearest), -2.0, nearest)  # never bent: as far as a hand can be


@measures
def on_hips(b: Bodies) -> PerClip:
    """Share of the time both are there."""
    both = np.maximum(_hip_distance(b, "right"), _hip_distance(b, "left"))
    return share(both < AT + 0.1, b.mask)


@measures
def hand_other_arm(b: Bodies) -> PerClip:
    """Each hand to the elbow of the opposite arm."""
    pairs = [distance(b, side, b.joint(f"elbow_{other}")) for side, other in (SIDES, SIDES[::-1])]
    return masked_max(-np.minimum(*pairs), b.mask)


@measures
def hand_knee(b: Bodies) -> PerClip:
    """To the nearer knee."""
    return closest(b, b.joint("knee_right"), b.joint("knee_left"))


@measures
def hand_foot(b: Bodies) -> PerClip:
    """To the nearer ankle."""
    return closest(b, b.joint("ankle_right"), b.joint("ankle_left"))
