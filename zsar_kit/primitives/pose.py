"""A stick body that can be posed: joints of NTU RGB+D from hand and foot places, leans and turns, by simple kinematics.

It exists to show what a level of an attribute means (:mod:`zsar_kit.primitives.drawings`). Lengths are in torso lengths
T, in the proportions that the list of attributes describes: hanging hands 1.4 T below the shoulders, a straight arm of
1.35 T from the shoulder joint. Axes are the performer's own: right, forward, up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Float, Float32

from zsar_kit.primitives.clips import NTU
from zsar_kit.primitives.signals import dot, unit

#: T in metres, and frames a second
TORSO, RATE = 0.5, 30.0
UPPER_ARM, FOREARM, HAND, TIP = 0.62, 0.55, 0.18, 0.12
THIGH, SHIN = 0.9, 0.85
SHOULDER, HIP = 0.38, 0.2
#: how far shoulder and hip joints lie below their centre, and height of the head's centre above the shoulders
BELOW, HEAD = 0.05, 0.4
#: height of the hips above the ankles when standing, and how far a raised arm takes its shoulder along
STANDING_HIPS, SHRUG = BELOW + THIGH + SHIN - 0.005, 0.14

Vector = tuple[float, float, float]
Rows = Float[np.ndarray, "frame 3"]


@dataclass(frozen=True)
class Pose:
    """One posture.

    Attributes:
        right, left: places of the hands against the shoulder centre, as (right, forward, up) in T.
        right_elbow, left_elbow: directions in which the elbows point.
        right_foot, left_foot: places of the ankles against the ground below the hips.
        hips: where the hips are above the ground: (right, forward) of the start, and how far they are above their
            standing height (negative: sunk).
        lean, side: lean of the trunk forward and to the right, degrees.
        twist, yaw: turn of the shoulders against the hips, and of the whole body, to the left, degrees.
        nod, tilt: tilt of the head against the trunk forward and to the right, degrees.
    """

    right: Vector = (0.58, 0.05, -1.38)
    left: Vector = (-0.58, 0.05, -1.38)
    right_elbow: Vector = (0.6, -0.5, -0.6)
    left_elbow: Vector = (-0.6, -0.5, -0.6)
    right_foot: Vector = (0.2, 0.0, 0.0)
    left_foot: Vector = (-0.2, 0.0, 0.0)
    hips: Vector = (0.0, 0.0, 0.0)
    lean: float = 0.0
    side: float = 0.0
    twist: float = 0.0
    yaw: float = 0.0
    nod: float = 0.0
    tilt: float = 0.0


Poses = list[Pose]
STANDING = Pose()


def hold(pose: Pose, seconds: float) -> Poses:
    """The same posture for a while."""
    return [pose] * max(1, round(seconds * RATE))


def between(start: Pose, end: Pose, seconds: float) -> Poses:
    """From one posture to another, slowly at both ends; hands swing about their shoulders, as arms do.

    With ``u`` from 0 to 1 in equal steps, all values are at ``3 u^2 - 2 u^3`` of the way.
    """
    count = max(2, round(seconds * RATE))
    steps = np.linspace(0.0, 1.0, count + 1)[1:]
    share = (3 * steps**2 - 2 * steps**3)[:, None]
    columns = {}
    for f in fields(Pose):
        first, last = np.atleast_1d(getattr(start, f.name)), np.atleast_1d(getattr(end, f.name))
        if f.name in ("right", "left"):
            mixed = _swung(first, last, share, SHOULDER if f.name == "right" else -SHOULDER)
        else:
            mixed = (1 - share) * first + share * last
        columns[f.name] = mixed[:, 0].tolist() if mixed.shape[1] == 1 else list(map(tuple, mixed.tolist()))
    return [Pose(*row) for row in zip(*columns.values(), strict=True)]


def _swung(a: np.ndarray, b: np.ndarray, share: np.ndarray, shoulder: float) -> np.ndarray:
    """A hand on its way about the shoulder: direction along the great circle, distance in proportion."""
    middle = np.array([shoulder, 0.0, -BELOW])
    near, far = np.linalg.norm(a - middle), np.linalg.norm(b - middle)
    first, last = (a - middle) / max(near, 1e-6), (b - middle) / max(far, 1e-6)
    angle = min(float(np.arccos(np.clip(first @ last, -1.0, 1.0))), 3.1)
    direction = unit(first + share * (last - first))
    if angle > 1e-3:
        direction = unit((np.sin((1 - share) * angle) * first + np.sin(share * angle) * last) / np.sin(angle))
    return middle + ((1 - share) * near + share * far) * direction


def swing(degrees: float, across: float = 90.0, side: int = 1) -> Vector:
    """The place of a straight arm's hand, ``degrees`` up from hanging; a raised arm takes its shoulder along.

    Args:
        degrees: 0 hanging, 90 level, 180 straight up; negative behind.
        across: the plane of the swing: 90 forward, 0 outward.
        side: 1 the right arm, -1 the left one.
    """
    up, plane = np.radians(degrees), np.radians(across)
    outward = np.sin(up) * np.cos(plane) + 0.14 * np.cos(up) ** 2
    direction = np.array([outward, np.sin(up) * np.sin(plane), -np.cos(up)])
    length = UPPER_ARM + FOREARM + HAND - 0.005 + 0.5 * SHRUG * (1.0 - np.cos(up))
    place = np.array([SHOULDER, 0.0, -BELOW]) + length * direction / np.linalg.norm(direction)
    return (side * float(place[0]), float(place[1]), float(place[2]))


def bent_arm(upper: Vector, fore: Vector) -> dict[str, Vector]:
    """The right arm from the directions of upper arm and forearm: the fields ``right`` and ``right_elbow``."""
    first, second = (np.array(v) / np.linalg.norm(v) for v in (upper, fore))
    place = np.array([SHOULDER, 0.0, -BELOW]) + UPPER_ARM * first + (FOREARM + HAND) * second
    return {"right": tuple(place.tolist()), "right_elbow": tuple(first.tolist())}


def mirrored(pose: Pose) -> Pose:
    """The posture with right and left exchanged."""

    def flip(place: Vector) -> Vector:
        return (-place[0], place[1], place[2])

    pairs = (("right", "left"), ("right_elbow", "left_elbow"), ("right_foot", "left_foot"))
    swapped = {a: flip(getattr(pose, b)) for pair in pairs for a, b in (pair, pair[::-1])}
    turned = {name: -getattr(pose, name) for name in ("side", "twist", "yaw", "tilt")}
    return replace(pose, **swapped, **turned, hips=flip(pose.hips))


def joints_of(poses: Sequence[Pose]) -> Float32[np.ndarray, "frame 25 3"]:
    """The joints of some postures in metres: x right, y forward, z up, the floor at the ankles of standing feet.

    Arms and legs are two bones each, bent in the plane of the given elbow direction and of the knees' forward. A place
    out of reach is approached as far as the bones go. Hips sink as far as feet on the ground need it.
    """
    field = {f.name: np.array([getattr(p, f.name) for p in poses], dtype=np.float64) for f in fields(Pose)}
    axes = _turned(field["yaw"])
    shoulder_axes = _turned(field["yaw"] + field["twist"])
    lean, side = np.radians(field["lean"]), np.radians(field["side"])
    spine = _in(axes, np.stack([np.sin(side), np.cos(side) * np.sin(lean), np.cos(side) * np.cos(lean)], axis=1))
    nod, tilt = lean + np.radians(field["nod"]), side + np.radians(field["tilt"])
    head = _in(axes, np.stack([np.sin(tilt), np.cos(tilt) * np.sin(nod), np.cos(tilt) * np.cos(nod)], axis=1))
    hips = _hips(field)
    shoulders = hips + spine
    across = shoulder_axes[:, 0] * np.cos(side)[:, None] - np.array([0.0, 0.0, 1.0]) * np.sin(side)[:, None]
    places = {
        "spine_base": hips,
        "spine_mid": hips + 0.5 * spine,
        "spine_shoulder": shoulders,
        "neck": shoulders + 0.15 * unit(spine + head),
        "head": shoulders + HEAD * head,
    }
    for name, sign in (("right", 1.0), ("left", -1.0)):
        target = shoulders + _in(axes, field[name])
        start = shoulders + sign * SHOULDER * across - BELOW * spine
        places |= _arm(name, start, target, _in(axes, field[f"{name}_elbow"]), axes)
        hip = hips + sign * HIP * axes[:, 0] - [0.0, 0.0, BELOW]
        ground = hips * [1.0, 1.0, 0.0]
        places |= _leg(name, hip, ground + _in(axes, field[f"{name}_foot"]), axes)
    joints = np.zeros((len(poses), len(NTU), 3), dtype=np.float32)
    for name, place in places.items():
        joints[:, NTU[name]] = place * TORSO
    return joints


def _turned(degrees: Float[np.ndarray, " frame"]) -> Float[np.ndarray, "frame 3 3"]:
    """Rows right, forward, up of a body that is turned to its left."""
    c, s, o = np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), np.zeros(len(degrees))
    return np.stack([np.stack([c, s, o], 1), np.stack([-s, c, o], 1), np.stack([o, o, o + 1], 1)], axis=1)


def _in(axes: Float[np.ndarray, "frame 3 3"], own: Rows) -> Rows:
    return np.einsum("fi,fij->fj", own, axes)


def _hips(field: dict[str, np.ndarray]) -> Rows:
    """Places of the hips: as high as wanted, but so that feet on the ground can be reached."""
    place = field["hips"].copy()
    height = STANDING_HIPS + place[:, 2]
    for name, sign in (("right_foot", 1.0), ("left_foot", -1.0)):
        away = np.hypot(field[name][:, 0] - sign * HIP, field[name][:, 1])
        reach = np.sqrt(np.maximum((THIGH + SHIN - 0.005) ** 2 - away**2, 0.04)) + BELOW
        height = np.where(field[name][:, 2] <= 1e-6, np.minimum(height, reach), height)
    place[:, 2] = height
    return place


def _arm(name: str, start: Rows, target: Rows, hint: Rows, axes: np.ndarray) -> dict[str, Rows]:
    direction = unit(target - start)
    short = np.linalg.norm(target - start, axis=1, keepdims=True) - (UPPER_ARM + FOREARM + HAND - 0.005)
    start = start + np.clip(short, 0.0, SHRUG * 0.5 * (1.0 + direction[:, 2:])) * direction
    elbow, end = _two_bones(start, target, UPPER_ARM, FOREARM + HAND, hint)
    along = unit(end - elbow)
    inward = -axes[:, 0] if name == "right" else axes[:, 0]
    thumb = unit(inward - dot(inward, along)[:, None] * along + 0.5 * along)
    return {
        f"shoulder_{name}": start,
        f"elbow_{name}": elbow,
        f"wrist_{name}": end - HAND * along,
        f"hand_{name}": end,
        f"hand_tip_{name}": end + TIP * along,
        f"thumb_{name}": end - 0.08 * along + 0.1 * thumb,
    }


def _leg(name: str, hip: Rows, target: Rows, axes: np.ndarray) -> dict[str, Rows]:
    knee, ankle = _two_bones(hip, target, THIGH, SHIN, axes[:, 1] + 0.05 * axes[:, 2])
    foot = ankle + 0.28 * axes[:, 1] - [0.0, 0.0, 0.06]
    return {f"hip_{name}": hip, f"knee_{name}": knee, f"ankle_{name}": ankle, f"foot_{name}": foot}


def _two_bones(start: Rows, target: Rows, first: float, second: float, hint: Rows) -> tuple[Rows, Rows]:
    """Middle joint and end of two bones that reach for a target, bent towards ``hint``.

    With ``d`` the distance, the middle joint lies at ``x = (l1^2 - l2^2 + d^2) / 2d`` along the line and
    ``sqrt(l1^2 - x^2)`` beside it.
    """
    line = target - start
    longest, shortest = first + second - 1e-4, abs(first - second) + 0.02
    length = np.clip(np.linalg.norm(line, axis=1, keepdims=True), shortest, longest)
    line = unit(line)
    beside = hint - dot(hint, line)[:, None] * line
    spare = np.cross(line, [1.0, 0.3, 0.2])
    beside = unit(np.where(np.linalg.norm(beside, axis=1, keepdims=True) > 0.05, beside, spare))
    along = (first**2 - second**2 + length**2) / (2 * length)
    out = np.sqrt(np.maximum(first**2 - along**2, 0.0))
    return start + along * line + out * beside, start + length * line
