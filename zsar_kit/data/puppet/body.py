"""A body of 25 joints: bone lengths by subject, forward kinematics, and two-bone inverse kinematics.

A *person frame* has x to the person's left, y up from the floor and z forward (right-handed, metres), its
origin on the floor between the feet of the rest pose. Trunk and head follow from joint angles; hands and
ankles are given as targets and reached by the closed form for two bones. Every joint is placed at a fixed
distance from its parent, so bone lengths are constant over time by construction. Joint order is NTU-25
(Kinect v2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zsar_kit.seeding import numpy_generator

Array = NDArray[np.float64]

JOINTS = 25
LEFT, RIGHT = 0, 1
#: Joint ids (shoulder, elbow, wrist, hand, tip, thumb) of the left and the right arm.
ARM = ((4, 5, 6, 7, 21, 22), (8, 9, 10, 11, 23, 24))
#: Joint ids (hip, knee, ankle, foot) of the left and the right leg.
LEG = ((12, 13, 14, 15), (16, 17, 18, 19))
WRIST = 0.87  # largest flexion of a wrist, radians
STRAIGHT = 0.998  # largest reach of a limb as a part of its length: no limb is ever locked or bent backwards


@dataclass(frozen=True)
class Body:
    """Bone lengths of one subject, in metres (``shoulder`` and ``hip`` are half widths)."""

    stature: float
    waist: float
    chest: float
    neck: float
    head: float
    shoulder: float
    shoulder_drop: float
    upper_arm: float
    forearm: float
    palm: float
    tip: float
    thumb: float
    hip: float
    hip_drop: float
    thigh: float
    shank: float
    foot: float
    ankle: float

    @property
    def arm(self) -> float:
        """Length from shoulder to wrist."""
        return self.upper_arm + self.forearm

    @property
    def leg(self) -> float:
        """Length from hip to ankle."""
        return self.thigh + self.shank

    @property
    def scale(self) -> float:
        """Size relative to a person of 1.72 m."""
        return self.stature / 1.72


#: Mean bone lengths as parts of stature, as a Kinect places its joints.
PROPORTIONS = {
    "waist": 0.165, "chest": 0.122, "neck": 0.040, "head": 0.088, "shoulder": 0.101, "shoulder_drop": 0.018,
    "upper_arm": 0.164, "forearm": 0.146, "palm": 0.045, "tip": 0.048, "thumb": 0.030, "hip": 0.046,
    "hip_drop": 0.020, "thigh": 0.238, "shank": 0.232, "foot": 0.070, "ankle": 0.045,
}  # fmt: skip


def subject_body(seed: int, subject: int) -> Body:
    """The body of a subject: stature 1.70 +- 0.09 m, proportions within about 4 % of the mean."""
    rng = numpy_generator(seed, "body", subject)
    stature = float(np.clip(rng.normal(1.70, 0.09), 1.50, 1.95))
    lengths = {name: float(stature * part * np.exp(rng.normal(0, 0.04))) for name, part in PROPORTIONS.items()}
    return Body(stature=stature, **lengths)


def rotation(axis: int, angle: Array) -> Array:
    """``[frame, 3, 3]`` about x (0: pitch forward), y (1: turn left) or z (2: lean right)."""
    matrix = np.zeros((len(angle), 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix[:, axis, axis] = 1.0
    matrix[:, i, i] = matrix[:, j, j] = np.cos(angle)
    matrix[:, j, i] = np.sin(angle)
    matrix[:, i, j] = -np.sin(angle)
    return matrix


def euler(angles: Array) -> Array:
    """Turn (y), then pitch (x), then lean (z) from ``[frame, (pitch, turn, lean)]``, as ``[frame, 3, 3]``."""
    (a, b, c), (sa, sb, sc) = np.cos(angles).T, np.sin(angles).T
    rows = [
        [b * c + sb * sa * sc, sb * sa * c - b * sc, sb * a],
        [a * sc, a * c, -sa],
        [b * sa * sc - sb * c, sb * sc + b * sa * c, b * a],
    ]
    return np.array(rows).transpose(2, 0, 1)


def rotate(matrix: Array, vector: Array | Sequence[float]) -> Array:
    """Apply ``[frame, 3, 3]`` to a vector ``[3]`` or to vectors ``[frame, 3]``."""
    return np.einsum("tij,tj->ti", matrix, np.broadcast_to(np.asarray(vector, dtype=float), (len(matrix), 3)))


def unit(vector: Array) -> Array:
    """Vectors of length one along the last axis."""
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9)


def two_bone(start: Array, target: Array, first: float, second: float, bend: Array) -> tuple[Array, Array]:
    """Two-bone inverse kinematics by the law of cosines.

    The middle joint lies in the half plane of ``bend``; as its side never changes, the limb cannot
    hyperextend. A target out of reach is approached at (nearly) full extension along its direction.

    Args:
        start: ``[frame, 3]`` root of the limb. target: ``[frame, 3]`` wished end.
        first, second: bone lengths. bend: ``[frame, 3]`` direction towards which the middle joint points.

    Returns:
        Middle and end joint, each ``[frame, 3]``.
    """
    offset = target - start
    distance = np.linalg.norm(offset, axis=-1, keepdims=True)
    axis = offset / np.maximum(distance, 1e-9)
    reach = np.clip(distance, abs(first - second) + 0.02, STRAIGHT * (first + second))
    side = unit(bend - (bend * axis).sum(-1, keepdims=True) * axis)
    cosine = np.clip((first**2 + reach**2 - second**2) / (2 * first * reach), -1, 1)
    middle = start + first * (cosine * axis + np.sqrt(1 - cosine**2) * side)
    return middle, start + reach * axis


class Pose:
    """Channels of one person's motion: motion programs write them, :func:`solve` reads them.

    Attributes:
        pelvis: ``[frame, 3]`` pelvis position. hips_turn, spine, head: ``[frame, (pitch, turn, lean)]`` in
            radians, each relative to the segment below.
        shrug: ``[side, frame]`` raised shoulders, radians.
        hand: ``[side, frame, 3]`` target of the hand's centre. aim: wished direction of the fingers, blended
            with the forearm's by ``aim_weight``. thumb: direction towards which the thumb lies. curl: finger
            bend, radians.
        swivel: ``[side, frame]`` elbow turned outwards about the line from shoulder to hand, radians.
        ankle: ``[side, frame, 3]`` ankle target. toe: foot pitch (positive: toes down). splay: ``[side]``
            toe-out.
        planted: ``[side, frame]`` the foot carries weight: the pelvis sinks rather than let it slide.
    """

    def __init__(self, body: Body, frames: int, stance: float, splay: float):
        self.frames = frames
        self.pelvis = np.zeros((frames, 3))
        self.hips_turn, self.spine, self.head = (np.zeros((frames, 3)) for _ in range(3))
        self.shrug = np.zeros((2, frames))
        self.hand, self.aim, self.thumb = (np.zeros((2, frames, 3)) for _ in range(3))
        self.aim_weight, self.curl, self.swivel = (np.zeros((2, frames)) for _ in range(3))
        self.ankle = np.zeros((2, frames, 3))
        self.ankle[:, :, 1] = body.ankle
        self.ankle[LEFT, :, 0], self.ankle[RIGHT, :, 0] = stance / 2, -stance / 2
        self.toe = np.zeros((2, frames))
        self.splay = np.array([splay, -splay])
        self.planted = np.ones((2, frames), dtype=bool)
        slant = stance / 2 - body.hip
        self.pelvis[:, 1] = body.ankle + body.hip_drop + np.sqrt((0.985 * body.leg) ** 2 - slant**2)


@dataclass(frozen=True)
class Trunk:
    """Positions and orientations of trunk and head over time, from which targets of the hands are taken."""

    body: Body
    base: Array
    middle: Array
    shoulders: Array
    neck: Array
    head: Array
    shoulder: Array
    hip: Array
    upper: Array
    skull: Array
    lower: Array

    def chest(self, x: float | Array, y: float | Array, z: float | Array) -> Array:
        """A point ``[frame, 3]`` given from the spine's shoulder joint, in metres of a person of 1.72 m."""
        return self.shoulders + rotate(self.upper, self._offset(x, y, z))

    def face(self, x: float | Array, y: float | Array, z: float | Array) -> Array:
        """A point ``[frame, 3]`` given from the head's centre, in metres of a person of 1.72 m."""
        return self.head + rotate(self.skull, self._offset(x, y, z))

    def _offset(self, *xyz: float | Array) -> Array:
        columns = [np.broadcast_to(np.asarray(c, dtype=float), (len(self.base),)) for c in xyz]
        return self.body.scale * np.stack(columns, axis=-1)


def plant(body: Body, pose: Pose) -> None:
    """Lower the pelvis where a planted foot would otherwise be out of the leg's reach."""
    lower = euler(pose.hips_turn)
    for side, sign in ((LEFT, 1.0), (RIGHT, -1.0)):
        hip = pose.pelvis + rotate(lower, (sign * body.hip, -body.hip_drop, 0.0))
        gap = hip - pose.ankle[side]
        level = np.sqrt(np.maximum((0.995 * body.leg) ** 2 - gap[:, 0] ** 2 - gap[:, 2] ** 2, 0.01))
        excess = np.maximum(gap[:, 1] - level, 0.0)
        pose.pelvis[:, 1] -= np.where(pose.planted[side], excess, 0.0)


def trunk(body: Body, pose: Pose) -> Trunk:
    """Forward kinematics of trunk and head."""
    lower = euler(pose.hips_turn)
    upper = lower @ euler(pose.spine)
    skull = upper @ euler(pose.head)
    base = pose.pelvis
    middle = base + rotate(lower @ euler(0.35 * pose.spine), (0.0, body.waist, 0.0))
    shoulders = middle + rotate(lower @ euler(0.8 * pose.spine), (0.0, body.chest, 0.0))
    neck = shoulders + rotate(upper @ euler(0.2 * pose.head), (0.0, body.neck, 0.0))
    head = neck + rotate(upper @ euler(0.8 * pose.head), (0.0, 0.98 * body.head, 0.2 * body.head))
    arms, hips = [], []
    for side, sign in ((LEFT, 1.0), (RIGHT, -1.0)):
        shrugged = upper @ rotation(2, sign * pose.shrug[side])
        arms.append(shoulders + rotate(shrugged, (sign * body.shoulder, -body.shoulder_drop, 0.0)))
        hips.append(base + rotate(lower, (sign * body.hip, -body.hip_drop, 0.0)))
    return Trunk(body, base, middle, shoulders, neck, head, np.stack(arms), np.stack(hips), upper, skull, lower)


def _elbow_side(axis: Array, side: int, swivel: Array) -> Array:
    """Where an elbow points: back when the arm hangs, down when it reaches out, forward when raised."""
    sign = 1.0 if side == LEFT else -1.0
    # The offsets keep the two directions without an answer (any field on a sphere has some) where hands
    # hardly go.
    natural = np.stack([np.full(len(axis), 0.4 * sign), -axis[:, 2] - 0.6, axis[:, 1]], axis=-1)
    natural = unit(natural - (natural * axis).sum(-1, keepdims=True) * axis)
    outward = sign * np.cross(axis, natural)
    return np.cos(swivel)[:, None] * natural + np.sin(swivel)[:, None] * outward


def _within(axis: Array, direction: Array, limit: float) -> Array:
    """Unit vectors turned back towards ``axis`` where they are more than ``limit`` radians away from it."""
    cosine = np.clip((axis * direction).sum(-1, keepdims=True), -1, 1)
    rim = np.cos(limit) * axis + np.sin(limit) * unit(direction - cosine * axis)
    return np.where(cosine < np.cos(limit), rim, direction)


def _arm(body: Body, pose: Pose, torso: Trunk, side: int, joints: Array) -> None:
    """Place one arm: the hand's centre reaches its target, with the wrist flexed towards ``aim``."""
    shoulder, target = torso.shoulder[side], pose.hand[side]
    local = unit(np.einsum("tji,tj->ti", torso.upper, target - shoulder))
    bend = rotate(torso.upper, _elbow_side(local, side, pose.swivel[side]))
    elbow, end = two_bone(shoulder, target, body.upper_arm, body.forearm + body.palm, bend)
    weight = pose.aim_weight[side][:, None]
    straight = unit(end - elbow)
    fingers = _within(straight, unit((1 - weight) * straight + weight * unit(pose.aim[side] + 1e-6)), WRIST)
    elbow, wrist = two_bone(shoulder, target - body.palm * fingers, body.upper_arm, body.forearm, bend)
    reference = pose.thumb[side]
    across = unit(reference - (reference * fingers).sum(-1, keepdims=True) * fingers)
    palm_side = np.cross(across, fingers)
    curl = pose.curl[side][:, None]
    hand = wrist + body.palm * fingers
    tip = hand + body.tip * (np.cos(curl) * fingers + np.sin(curl) * palm_side)
    thumb = hand + body.thumb * (0.45 * fingers + np.sqrt(1 - 0.45**2) * across)
    for joint, place in zip(ARM[side], (shoulder, elbow, wrist, hand, tip, thumb), strict=True):
        joints[:, joint] = place


def _leg(body: Body, pose: Pose, torso: Trunk, side: int, joints: Array) -> None:
    splay = pose.splay[side] + pose.hips_turn[:, 1]
    heading = np.stack([np.sin(splay), np.zeros(pose.frames), np.cos(splay)], axis=-1)
    upward = np.array([0.0, 1.0, 0.0])
    knee, ankle = two_bone(torso.hip[side], pose.ankle[side], body.thigh, body.shank, heading + 0.15 * upward)
    pitch = (pose.toe[side] + 0.25)[:, None]
    foot = ankle + body.foot * (np.cos(pitch) * heading - np.sin(pitch) * upward)
    for joint, place in zip(LEG[side], (torso.hip[side], knee, ankle, foot), strict=True):
        joints[:, joint] = place


def solve(body: Body, pose: Pose) -> Array:
    """Joint positions ``[frame, 25, 3]`` in the person frame; :func:`plant` the feet before."""
    torso = trunk(body, pose)
    joints = np.empty((pose.frames, JOINTS, 3))
    for joint, place in (
        (0, torso.base),
        (1, torso.middle),
        (20, torso.shoulders),
        (2, torso.neck),
        (3, torso.head),
    ):
        joints[:, joint] = place
    for side in (LEFT, RIGHT):
        _arm(body, pose, torso, side, joints)
        _leg(body, pose, torso, side, joints)
    return joints
