"""Motions that show the attributes of two persons. The first one acts, the second one is drawn in another colour."""

from __future__ import annotations

from dataclasses import replace

from zsar_kit.primitives.motions import Motion, draws, mix
from zsar_kit.primitives.pose import STANDING, Pose, Poses, Vector, between, hold, swing

HIPS = ("spine_base",)


def _facing(distance: float, yaw: float = 180.0) -> Pose:
    """The second person, ``distance`` T ahead of the first, face to face."""
    return replace(STANDING, hips=(0.0, distance, 0.0), yaw=yaw)


def _meeting(first: Poses, second: Poses, *marked: str, ghost: int | None = None, shown: int = -1) -> Motion:
    length = max(len(first), len(second))
    padded = [poses + [poses[-1]] * (length - len(poses)) for poses in (first, second)]
    return Motion(padded[0], marked, shown, ghost, partner=padded[1])


@draws("two_persons")
def _one_or_two(much: float) -> Motion:
    arm = replace(STANDING, right=swing(60.0))
    first = hold(STANDING, 0.3) + between(STANDING, arm, 0.8)
    return Motion(first, ()) if much < 0.5 else _meeting(first, hold(_facing(2.0), 1.1))


@draws("persons_near")
def _near(much: float) -> Motion:
    second = _facing(3.6 - 3.1 * much)
    first = hold(STANDING, 0.4) + between(STANDING, replace(STANDING, right=swing(15.0)), 0.6)
    return _meeting(first, hold(second, 1.0), *HIPS)


@draws("persons_approach")
def _approach(much: float) -> Motion:
    change = 6.6 * (much - 0.5)
    end = replace(STANDING, hips=(0.0, 0.5 * change, 0.0))
    second_start, second_end = _facing(3.6 if change > 0 else 0.9), _facing((3.6 if change > 0 else 0.9) - 0.5 * change)
    first = hold(STANDING, 0.3) + between(STANDING, end, 1.5) + hold(end, 0.3)
    second = hold(second_start, 0.3) + between(second_start, second_end, 1.5) + hold(second_end, 0.3)
    return replace(_meeting(first, second, *HIPS, ghost=0), traced=HIPS)


@draws("persons_facing")
def _faced(much: float) -> Motion:
    first = hold(STANDING, 0.4) + between(STANDING, replace(STANDING, right=swing(15.0)), 0.6)
    return _meeting(first, hold(_facing(1.7, 180.0 * much), 1.0), "head")


def _hand_at(target: Vector, distance: float) -> Motion:
    """The hand goes to a place against the shoulders; the second person stands at ``distance``."""
    reached = replace(STANDING, right=target, right_elbow=(0.6, -0.2, -0.6))
    first = hold(STANDING, 0.3) + between(STANDING, reached, 0.8) + hold(reached, 0.5)
    return _meeting(first, hold(_facing(distance), 1.6), "hand_right", ghost=0)


@draws("persons_hands")
def _hands_meet(much: float) -> Motion:
    distance = 3.0 - 1.2 * much
    near = replace(STANDING, right=mix(STANDING.right, (0.25, 0.9, -0.5), much))
    first = hold(STANDING, 0.3) + between(STANDING, near, 0.8) + hold(near, 0.5)
    there = _facing(distance)
    reply = replace(there, right=near.right, left=there.left)
    crossed = replace(reply, right=mix(there.right, (-0.25, 0.9, -0.5), much))
    second = hold(there, 0.3) + between(there, crossed, 0.8) + hold(crossed, 0.5)
    return _meeting(first, second, "hand_right", ghost=0)


@draws("hand_to_other_head")
def _to_head(much: float) -> Motion:
    return _hand_at(mix(STANDING.right, (0.05, 1.25, 0.35), much), 2.2 - 0.85 * much)


@draws("hand_to_other_trunk")
def _to_trunk(much: float) -> Motion:
    return _hand_at(mix(STANDING.right, (0.15, 1.2, -0.25), much), 2.4 - 1.0 * much)


@draws("hand_to_other_back")
def _to_back(much: float) -> Motion:
    return _hand_at((0.35 + 0.4 * (1 - abs(2 * much - 1)), 0.1 + 1.25 * much, -0.4), 0.7)


@draws("hand_to_other_hip")
def _to_hip(much: float) -> Motion:
    return _hand_at(mix(swing(60.0), (0.3, 0.95, -0.8), much), 2.9 - 1.8 * much)


@draws("foot_to_other")
def _kicked(much: float) -> Motion:
    kick = replace(STANDING, right_foot=(0.15, 0.5 + 0.8 * much, 0.25 + 0.4 * much))
    first = hold(STANDING, 0.3) + between(STANDING, kick, 0.6) + hold(kick, 0.3)
    return _meeting(first, hold(_facing(3.0 - 1.2 * much), 1.2), "foot_right", ghost=0)


@draws("other_pushed")
def _pushed(much: float) -> Motion:
    push = replace(STANDING, right=(0.25, 1.1, -0.3), left=(-0.25, 1.1, -0.3))
    near, away = _facing(1.45), _facing(1.45 + 1.5 * much)
    start = replace(STANDING, hips=(0.0, -2.2, 0.0))
    first = hold(start, 0.2) + between(start, push, 1.2) + hold(push, 0.6)
    second = hold(near, 1.4) + between(near, away, 0.6)
    return replace(_meeting(first, second, "hand_right", "hand_left", ghost=0), traced=HIPS)
