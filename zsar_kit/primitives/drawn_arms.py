"""Motions that show the attributes of arms, of hands at places, and of the two hands together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from zsar_kit.primitives.clips import NTU
from zsar_kit.primitives.motions import Motion, along, as_other, draws, held, mix, strokes, to
from zsar_kit.primitives.places import BACK, CROWN, EAR, EYES, FRONT, MOUTH, NECK
from zsar_kit.primitives.pose import BELOW, HEAD, HIP, STANDING, TORSO, Pose, Vector, bent_arm, hold, joints_of, swing

BOTH = ("hand_right", "hand_left")
HANGING = STANDING.right


def bent_down(much: float) -> Pose:
    """Bent double over bent knees, hands straight below the shoulders."""
    pose = replace(STANDING, lean=100.0 * much, hips=(0.0, -0.4 * much, -0.6 * much))
    feet = {"right_foot": (0.2, 0.4 * much, 0.0), "left_foot": (-0.2, 0.4 * much, 0.0)}
    hands = {"right": mix(HANGING, (0.3, 0.1, -1.38), much), "left": mix(STANDING.left, (-0.3, 0.1, -1.38), much)}
    return replace(pose, **feet, **hands)


def both(place: Vector, elbow: Vector | None = None) -> Pose:
    """Both hands at a place and its mirror image."""
    found = replace(STANDING, right=place, left=(-place[0], place[1], place[2]))
    return found if elbow is None else replace(found, right_elbow=elbow, left_elbow=(-elbow[0], elbow[1], elbow[2]))


# ---------------------------------------------------------------- arms, of the lead and of the other hand
def _limb(attribute: str) -> Callable[[Callable[[float], Motion]], Callable[[float], Motion]]:
    """Register a family of the lead hand, and its mirror image for the other hand."""

    def register(family: Callable[[float], Motion]) -> Callable[[float], Motion]:
        draws(f"lead_{attribute}")(family)
        draws(f"other_{attribute}")(lambda much: as_other(family(much)))
        return family

    return register


@_limb("hand_highest")
@_limb("hand_rise")
@_limb("hand_reach")
def _raised(much: float) -> Motion:
    return to(replace(STANDING, right=swing(180.0 * much)))


@_limb("hand_mean_height")
def _kept_up(much: float) -> Motion:
    forward = 0.05 + 0.45 * min(1.0, 3 * much)
    return held(replace(STANDING, right=(0.5 - 0.15 * much, forward, -1.38 + 1.9 * much)))


@_limb("hand_away_height")
def _away(much: float) -> Motion:
    return to(replace(STANDING, right=(0.4, 0.75, -1.3 + 2.0 * much)), traced=False, seconds=0.3)


@_limb("hand_lowest")
def _lowered(much: float) -> Motion:
    return to(bent_down(much), traced=False)


@_limb("hand_forward")
def _forward(much: float) -> Motion:
    return to(replace(STANDING, right=swing(92.0 * much)))


@_limb("hand_outward")
def _outward(much: float) -> Motion:
    return to(replace(STANDING, right=swing(92.0 * much, across=0.0)))


@_limb("hand_back")
def _behind(much: float) -> Motion:
    return to(replace(STANDING, right=swing(-50.0 * much)))


@_limb("hand_inward")
def _across(much: float) -> Motion:
    return to(replace(STANDING, right=mix(HANGING, (-0.75, 0.55, -0.45), much)))


def _folded(much: float) -> Motion:
    bend = np.radians(160.0 * much)
    return to(replace(STANDING, **bent_arm((0.14, 0.03, -1.0), (0.1, float(np.sin(bend)), -float(np.cos(bend))))))


_limb("elbow_bend")(_folded)
draws("lead_elbow_bend_range")(_folded)


@draws("lead_elbow_bend_at_top")
def _folded_at_top(much: float) -> Motion:
    first, second = np.radians(105.0), np.radians(105.0 + 135.0 * much)
    upper = (0.1, float(np.sin(first)), -float(np.cos(first)))
    fore = (0.05, float(np.sin(second)), -float(np.cos(second)))
    return to(replace(STANDING, **bent_arm(upper, fore)), "elbow_right", traced=False)


@_limb("elbow_highest")
def _elbow_up(much: float) -> Motion:
    angle, drop = np.radians(170.0 * much), 1.0 - 0.6 * much
    arm = bent_arm((float(np.sin(angle)) + 0.1, 0.05, -float(np.cos(angle))), (-0.1, 0.5, -drop))
    return to(replace(STANDING, **arm), "elbow_right")


@_limb("hand_path")
def _many_strokes(much: float) -> Motion:
    if much < 0.2:
        return to(replace(STANDING, right=swing(475.0 * much)))
    up_and_down = strokes(1.0 + 24.0 * (much - 0.2), HANGING, (0.15, 0.95, 0.0), (0.6, 0.0, 0.0), 0.45)
    return Motion([*hold(STANDING, 0.5), *along(up_and_down)], traced=("hand_right",))


@draws("right_arm")
def _which_arm(much: float) -> Motion:
    right, left = min(1.0, 2 * much), min(1.0, 2 - 2 * much)
    return to(replace(STANDING, right=swing(95.0 * right), left=swing(95.0 * left, side=-1)), *BOTH)


# ---------------------------------------------------------------- places
def _touch(place: Vector, elbow: Vector = STANDING.right_elbow, start: Vector = HANGING) -> Callable[[float], Motion]:
    return lambda much: to(replace(STANDING, right=mix(start, place, much), right_elbow=elbow))


def _at(origin: Vector, offset: Vector) -> Vector:
    return (origin[0] + offset[0], origin[1] + offset[1], origin[2] + offset[2])


_HEAD, _SIDE = (0.0, 0.0, HEAD), (1.0, 0.2, -0.3)
_limb("hand_head")(_touch(_at(_HEAD, (0.1, 0.2, 0.0))))
draws("hand_mouth")(_touch(_at(_HEAD, MOUTH)))
draws("hand_ear")(_touch(_at(_HEAD, EAR), _SIDE))
draws("hand_eyes")(_touch(_at(_HEAD, EYES), _SIDE))
draws("hand_crown")(_touch(_at(_HEAD, CROWN), _SIDE))
draws("hand_neck")(_touch(_at((0.0, 0.0, 0.15), NECK), (0.8, 0.6, 0.3)))
draws("hand_chest")(_touch(_at((0.0, 0.0, -0.3), FRONT), (1.0, -0.2, -0.4)))
draws("hand_belly")(_touch(_at((0.0, 0.0, -0.75), FRONT), (1.0, -0.5, -0.2)))
draws("hand_back_place")(_touch(_at((0.0, 0.0, -0.7), BACK), (1.0, -0.6, 0.0), (0.6, 0.3, -1.2)))
draws("hand_other_arm")(_touch((-0.42, 0.15, -0.6), (1.0, 0.3, -0.3)))


@draws("hand_pocket")
def _to_hip(much: float) -> Motion:
    start = both((0.45, 0.8, -0.35))
    hip = (HIP + 0.15, 0.0, -1.0 - BELOW + 0.1)
    return to(replace(start, right=mix(start.right, hip, much), right_elbow=(0.8, -1.0, 0.0)), start=start)


def _to_joint(joint: str, bend: float, much: float) -> Motion:
    """Hands before the chest, then hanging, then bending down until the right one is at a joint of the leg."""
    raised = both((0.35, 0.7, -0.3))
    down = max(0.0, (much - 0.4) / 0.6)
    pose = bent_down(bend * down)
    body = joints_of([pose])[0] / TORSO
    place = body[NTU[joint]] - body[NTU["spine_shoulder"]] + [0.05, 0.12, 0.0]
    hand = mix(raised.right, HANGING, min(1.0, much / 0.4)) if much < 0.4 else mix(HANGING, tuple(place), down)
    pose = replace(pose, right=hand, left=(-hand[0], hand[1], hand[2]))
    return to(pose, "hand_right", joint, traced=False, start=raised)


@draws("hand_knee")
def _to_knee(much: float) -> Motion:
    return _to_joint("knee_right", 0.55, much)


@draws("hand_foot")
def _to_foot(much: float) -> Motion:
    return _to_joint("ankle_right", 1.0, much)


# ---------------------------------------------------------------- both hands
@draws("both_hands")
def _second_hand(much: float) -> Motion:
    return to(replace(STANDING, right=swing(100.0), left=swing(100.0 * much, side=-1)), *BOTH)


def _in_phase(axis: int, size: float, centre: Vector, together: float) -> Callable[[float], Motion]:
    """Both hands to and fro along an axis; the left one against, not at all, or with the right one."""

    def family(much: float) -> Motion:
        wave = np.sin(2 * np.pi * np.arange(75) / 30.0)
        poses = []
        for value in wave:
            right, left = list(centre), [-centre[0], centre[1], centre[2]]
            right[axis] += size * value
            left[axis] += size * value * together * (2 * much - 1)
            poses.append(replace(STANDING, right=tuple(right), left=tuple(left)))
        return Motion(poses, BOTH, shown=37, ghost=22, traced=BOTH)

    return family


draws("hands_vertical")(_in_phase(2, 0.4, (0.35, 0.75, -0.3), 1.0))
draws("hands_lateral")(_in_phase(0, 0.4, (0.75, 0.6, -0.3), -1.0))
draws("hands_depth")(_in_phase(1, 0.35, (0.4, 0.7, -0.3), 1.0))


@draws("hands_close")
def _nearer(much: float) -> Motion:
    return to(both((0.85 - 0.8 * much, 0.6 * min(1.0, 2 * much), -1.3 + 0.8 * min(1.0, 2 * much))), *BOTH)


@draws("hands_far")
def _spread(much: float) -> Motion:
    return to(both(swing(92.0 * much, across=0.0)), *BOTH)


@draws("hands_reversals")
def _clapping(much: float) -> Motion:
    path = strokes(1.0 + 7.4 * much, (0.6, 0.65, -0.2), (0.08, 0.65, -0.2), (0.0, 0.0, 0.5), 0.35)
    clap = [both(tuple(place)) for place in path.tolist()]
    if much < 0.05:
        return Motion(hold(clap[0], 1.0), BOTH, traced=BOTH)
    poses = hold(clap[0], 0.3) + clap + hold(clap[-1], 0.2)
    return Motion(poses, BOTH, traced=BOTH)


@draws("hands_crossed")
def _crossed(much: float) -> Motion:
    out = 0.5 - 1.0 * much
    pose = replace(STANDING, right=(out, 0.7, -0.35), left=(-out, 0.62, -0.45))
    return to(pose, *BOTH, traced=False)


@draws("hands_height_difference")
def _uneven(much: float) -> Motion:
    pose = replace(STANDING, right=(0.5, 0.05 + 0.6 * min(1.0, 2 * much), -1.38 + 1.3 * much))
    return held(pose, *BOTH)
