"""Motions that show the attributes of trunk, legs, the whole body, and of the start and end of a clip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zsar_kit.primitives.drawn_arms import bent_down
from zsar_kit.primitives.motions import Motion, as_other, draws, held, to
from zsar_kit.primitives.pose import SHIN, STANDING, THIGH, Pose, between, hold, swing

KNEES, FEET = ("knee_right", "knee_left"), ("ankle_right", "ankle_left")
SHOULDERS = ("shoulder_right", "shoulder_left")


def _there(motion: Motion) -> Motion:
    """The motion without a trace."""
    return replace(motion, traced=())


def _to_and_fro(low: Pose, high: Pose, ways: int, joint: str, seconds: float = 0.5) -> Motion:
    """Several ways between two postures; drawn at the end of the first, and pale at the end of the second."""
    poses = hold(STANDING, 0.3)
    ends = [len(poses) - 1]
    for way in range(ways):
        poses += between(poses[-1], high if way % 2 == 0 else low, seconds)
        ends.append(len(poses) - 1)
    shown, ghost = ends[min(1, ways)], ends[min(2, ways)]
    return Motion(poses + hold(poses[-1], 0.3), (joint,), shown=shown, ghost=ghost, traced=(joint,))


# ---------------------------------------------------------------- trunk
@draws("lean_forward")
def _bow(much: float) -> Motion:
    return _there(to(replace(bent_down(0.0), lean=100.0 * much, hips=(0.0, -0.3 * much, 0.0)), "spine_shoulder"))


@draws("lean_back")
def _lean_back(much: float) -> Motion:
    return _there(to(replace(STANDING, lean=-28.0 * much), "spine_shoulder"))


@draws("lean_side")
def _lean_side(much: float) -> Motion:
    return _there(to(replace(STANDING, side=38.0 * much), "spine_shoulder"))


@draws("lean_reversals")
def _sway(much: float) -> Motion:
    right, left = replace(STANDING, side=16.0), replace(STANDING, side=-16.0)
    return _to_and_fro(left, right, round(7.0 * much), "head")


@draws("lean_end")
def _bent_at_end(much: float) -> Motion:
    return _there(to(replace(STANDING, lean=75.0 * much), "spine_shoulder"))


@draws("twist")
def _twist(much: float) -> Motion:
    start = replace(STANDING, twist=0.0)
    return to(replace(STANDING, twist=-62.0 * much), *SHOULDERS, start=start)


@draws("turn")
def _turn(much: float) -> Motion:
    return to(replace(STANDING, yaw=-140.0 * much), *SHOULDERS)


@draws("head_drop")
def _head_down(much: float) -> Motion:
    low = min(1.0, 1.3 * much)
    pose = replace(
        bent_down(low), lean=110.0 * low, hips=(0.0, -0.4 * low, -0.6 * low - 0.6 * max(0.0, much - 0.7) / 0.3)
    )
    return _there(to(pose, "head"))


@draws("head_nod")
def _nod(much: float) -> Motion:
    return _there(to(replace(STANDING, nod=55.0 * much), "head"))


@draws("head_tilt")
def _tilt(much: float) -> Motion:
    return _there(to(replace(STANDING, tilt=45.0 * much), "head"))


@draws("head_reversals")
def _nods(much: float) -> Motion:
    down, up = replace(STANDING, nod=26.0), replace(STANDING, nod=-6.0)
    return _to_and_fro(up, down, round(9.0 * much), "head", 0.35)


# ---------------------------------------------------------------- legs
def squat(depth: float) -> Pose:
    """Hips sunk by ``depth`` T and somewhat back, the trunk leaning to keep the balance."""
    back = 0.35 * depth
    feet = {"right_foot": (0.25, back, 0.0), "left_foot": (-0.25, back, 0.0)}
    hands = {"right": (0.45, 0.6 * depth, -1.3 + 0.4 * depth), "left": (-0.45, 0.6 * depth, -1.3 + 0.4 * depth)}
    return replace(STANDING, hips=(0.0, -back, -depth), lean=28.0 * depth, **feet, **hands)


@draws("hips_down")
def _squat(much: float) -> Motion:
    return _there(to(squat(1.25 * much), "spine_base"))


@draws("lead_knee_bend", "other_knee_bend")
def _knees(much: float) -> Motion:
    return _there(to(squat(1.25 * much), *KNEES))


@draws("hips_net")
def _up_or_down(much: float) -> Motion:
    start, end = squat(max(0.0, 2.0 * much - 1.0)), squat(max(0.0, 1.0 - 2.0 * much))
    poses = hold(start, 0.4) + between(start, end, 0.9) + hold(end, 0.5)
    return Motion(poses, ("spine_base",), ghost=0, traced=("spine_base",))


@draws("hips_up", "air")
def _jump(much: float) -> Motion:
    high = 0.8 * much
    down = 0.12 * high
    feet = {"right_foot": (0.2, -0.2 * high, high + down), "left_foot": (-0.2, -0.2 * high, high + down)}
    top = replace(STANDING, hips=(0.0, 0.0, high), **feet)
    poses = hold(STANDING, 0.8) + between(STANDING, top, 0.3)
    shown = len(poses) - 1
    poses += [*hold(top, 0.15), *between(top, STANDING, 0.3), *hold(STANDING, 0.8)]
    return Motion(poses, ("spine_base", *FEET), shown=shown, ghost=0)


@draws("hips_reversals")
def _bounces(much: float) -> Motion:
    return _to_and_fro(STANDING, squat(0.45), round(8.5 * much), "spine_base", 0.45)


@draws("knees_start")
def _from_crouch(much: float) -> Motion:
    low = squat(1.0 * much)
    poses = hold(low, 0.4) + between(low, STANDING, 0.9) + hold(STANDING, 0.5)
    return Motion(poses, KNEES, shown=0, ghost=-1)


@draws("knees_end")
def _to_crouch(much: float) -> Motion:
    return _there(to(squat(1.0 * much), *KNEES))


def _lifted(height: float) -> Pose:
    return replace(STANDING, right_foot=(0.2, 0.25 * min(1.0, height), height))


@draws("lead_foot_lift")
def _foot_up(much: float) -> Motion:
    return to(_lifted(1.4 * much), "ankle_right")


def _in_turn(first: Pose, second: Pose, *marked: str) -> Motion:
    """The right leg, then the left one in its own way."""
    poses = hold(STANDING, 0.3) + between(STANDING, first, 0.5) + between(first, STANDING, 0.5)
    ghost = 9 + 14
    return Motion(poses + between(STANDING, second, 0.5) + hold(second, 0.3), marked, ghost=ghost, traced=marked)


@draws("other_foot_lift")
def _other_foot_up(much: float) -> Motion:
    left = replace(STANDING, left_foot=(-0.2, 0.25 * min(1.0, 1.3 * much), 1.3 * much))
    return _in_turn(_lifted(1.3 * much + 0.1), left, "ankle_left")


def _thigh(degrees: float, bend: float | None = None) -> tuple[float, float, float]:
    """The right ankle for a thigh ``degrees`` from hanging, the shin hanging down or bent back by ``bend``."""
    up = np.radians(degrees)
    shin = 0.0 if bend is None else np.radians(degrees - bend)
    forward, down = np.sin(up) * THIGH + np.sin(shin) * SHIN, np.cos(up) * THIGH + np.cos(shin) * SHIN
    return (0.2, float(forward), float(max(THIGH + SHIN - 0.005 - down, 0.0)))


@draws("lead_knee_raise")
def _knee_up(much: float) -> Motion:
    return to(replace(STANDING, right_foot=_thigh(95.0 * much)), "knee_right")


@draws("other_knee_raise")
def _other_knee_up(much: float) -> Motion:
    x, y, z = _thigh(95.0 * much)
    first = replace(STANDING, right_foot=_thigh(min(95.0 * much + 8.0, 100.0)))
    return _in_turn(first, replace(STANDING, left_foot=(-x, y, z)), "knee_left")


@draws("lead_knee_bend_at_top")
def _kick_or_march(much: float) -> Motion:
    return to(replace(STANDING, right_foot=_thigh(55.0, 5.0 + 115.0 * much)), "knee_right", traced=False)


@draws("feet_in_turn")
def _march(much: float) -> Motion:
    right, left = _lifted(0.45), replace(STANDING, left_foot=(-0.2, 0.12, 0.45))
    poses = hold(STANDING, 0.3)
    for step in range(round(9.0 * much)):
        poses += between(poses[-1], right if step % 2 == 0 else left, 0.4)
    return Motion(poses + hold(poses[-1], 0.3), FEET, traced=FEET)


@draws("feet_split_forward")
def _lunge(much: float) -> Motion:
    feet = {"right_foot": (0.2, 1.15 * much, 0.0), "left_foot": (-0.2, -1.0 * much, 0.0)}
    return _there(to(replace(STANDING, **feet), *FEET))


@draws("feet_split_side")
def _straddle(much: float) -> Motion:
    return _there(
        to(replace(STANDING, right_foot=(0.2 + 0.9 * much, 0.0, 0.0), left_foot=(-0.2 - 0.9 * much, 0.0, 0.0)), *FEET)
    )


@draws("stance")
def _stance(much: float) -> Motion:
    out = 0.18 + 0.47 * much
    return held(replace(STANDING, right_foot=(out, 0.0, 0.0), left_foot=(-out, 0.0, 0.0)), *FEET)


@draws("lead_foot_forward")
def _kick(much: float) -> Motion:
    return to(replace(STANDING, right_foot=(0.2, 1.4 * much, 0.05 + 0.5 * much**2)), "ankle_right")


@draws("lead_foot_back")
def _leg_back(much: float) -> Motion:
    return to(replace(STANDING, right_foot=(0.2, -1.1 * much, 0.05 + 0.3 * much**2)), "ankle_right")


@draws("lead_foot_outward")
def _leg_out(much: float) -> Motion:
    return to(replace(STANDING, right_foot=(0.2 + 1.45 * much, 0.0, 0.05 + 0.6 * much**2)), "ankle_right")


@draws("right_leg")
def _which_leg(much: float) -> Motion:
    right, left = min(1.0, 2 * much), min(1.0, 2 - 2 * much)
    first = _lifted(0.7 * right)
    second = replace(STANDING, left_foot=(-0.2, 0.2 * left, 0.7 * left))
    poses = hold(STANDING, 0.3) + between(STANDING, first, 0.5) + between(first, STANDING, 0.5)
    poses += between(STANDING, second, 0.5) + between(second, STANDING, 0.5)
    shown = 9 + 14 if much >= 0.5 else 9 + 30 + 14
    return Motion(poses, FEET, shown=shown, traced=FEET)


@draws("leg_share")
def _arms_or_legs(much: float) -> Motion:
    hands = {"right": swing(80.0 * (1 - much)), "left": swing(80.0 * (1 - much), side=-1)}
    first = replace(_lifted(1.0 * much), **hands)
    poses = hold(STANDING, 0.3) + between(STANDING, first, 0.7) + between(first, STANDING, 0.7)
    return Motion(
        poses, ("hand_right", "ankle_right"), shown=30, ghost=0, traced=("hand_right", "hand_left", "ankle_right")
    )


# ---------------------------------------------------------------- whole body
@draws("travel")
def _walk(much: float) -> Motion:
    """On a circle, so that eight torso lengths fit into a picture."""
    length = 1.15 * np.expm1(np.log1p(0.2) + much * (np.log1p(8.0) - np.log1p(0.2)))
    angle = np.linspace(0.0, length / 1.2, max(3, round(length / 2.0 * 30)))
    poses = [replace(STANDING, hips=(float(1.2 - 1.2 * np.cos(a)), float(1.2 * np.sin(a)), 0.0)) for a in angle]
    return Motion(hold(poses[0], 0.3) + poses + hold(poses[-1], 0.3), ("spine_base",), ghost=0, traced=("spine_base",))


@draws("net_forward")
def _ahead(much: float) -> Motion:
    return to(replace(STANDING, hips=(0.0, 5.0 * (much - 0.5), 0.0)), "spine_base", seconds=1.5)


@draws("net_side")
def _sidewards(much: float) -> Motion:
    return to(replace(STANDING, hips=(5.0 * (much - 0.5), 0.0, 0.0)), "spine_base", seconds=1.5)


# ---------------------------------------------------------------- start and end
def _at_height(much: float) -> Pose:
    return replace(STANDING, right=(0.45, 0.05 + 0.5 * min(1.0, 3 * much), -1.38 + 2.1 * much))


@draws("lead_hand_start")
def _starts_up(much: float) -> Motion:
    up = _at_height(much)
    return Motion(
        hold(up, 0.4) + between(up, STANDING, 0.9) + hold(STANDING, 0.6), shown=0, ghost=-1, traced=("hand_right",)
    )


@draws("lead_hand_end")
def _ends_up(much: float) -> Motion:
    return to(_at_height(much))


@draws("other_hand_end")
def _other_ends_up(much: float) -> Motion:
    return as_other(_ends_up(much))
