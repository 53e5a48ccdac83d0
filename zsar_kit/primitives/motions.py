"""Short motions that show an attribute: a function of a number from 0 to 1 that goes from little to much of it.

The families are in ``drawn_arms``, ``drawn_paths``, ``drawn_body`` and ``drawn_persons``. None needs an exact scale:
:mod:`zsar_kit.primitives.drawings` measures the members of a family and takes the one that has the wanted level.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from zsar_kit.primitives.pose import STANDING, Pose, Poses, Vector, between, hold, mirrored


@dataclass(frozen=True)
class Motion:
    """A motion, and what of it is drawn.

    Attributes:
        poses: one a frame.
        marked: joints that the attribute reads.
        shown: the frame in which it is read.
        ghost: a frame that is drawn pale behind it; None for none.
        traced: joints whose paths are drawn.
        partner: poses of a second person.
    """

    poses: Poses
    marked: tuple[str, ...] = ("hand_right",)
    shown: int = -1
    ghost: int | None = None
    traced: tuple[str, ...] = ()
    partner: Poses | None = None


Family = Callable[[float], Motion]
_FAMILIES: dict[str, Family] = {}


def draws(*names: str) -> Callable[[Family], Family]:
    """Register a family as the drawing of some attributes."""

    def register(family: Family) -> Family:
        for name in names:
            _FAMILIES[name] = family
        return family

    return register


def registered() -> dict[str, Family]:
    """Attribute name to family, of the modules that have been imported."""
    return _FAMILIES


def to(pose: Pose, *marked: str, traced: bool = True, start: Pose = STANDING, seconds: float = 0.9) -> Motion:
    """From standing to a posture that is then held."""
    joints = marked or ("hand_right",)
    poses = hold(start, 0.9) + between(start, pose, seconds) + hold(pose, 0.5)
    return Motion(poses, joints, ghost=0, traced=joints if traced else ())


def held(pose: Pose, *marked: str) -> Motion:
    """A posture that is held all the time."""
    return Motion(hold(pose, 2.0), marked or ("hand_right",))


def mix(a: Vector, b: Vector, share: float) -> Vector:
    """The place at ``share`` of the way from ``a`` to ``b``."""
    place = (1 - share) * np.array(a) + share * np.array(b)
    return (float(place[0]), float(place[1]), float(place[2]))


def along(points: np.ndarray, base: Pose = STANDING) -> Poses:
    """The right hand along places ``[frame, 3]``, one a frame."""
    return [replace(base, right=tuple(place)) for place in np.asarray(points).tolist()]


def draw_path(points: np.ndarray, base: Pose = STANDING, seconds: float = 0.9) -> Motion:
    """The right hand rises from rest to the first place, and goes along the path."""
    path = along(points, base)
    poses = hold(STANDING, 0.5) + between(STANDING, path[0], seconds) + path + hold(path[-1], 0.2)
    return Motion(poses, ("hand_right",), traced=("hand_right",))


def strokes(count: float, start: Vector, end: Vector, drift: Vector, seconds: float = 0.4) -> np.ndarray:
    """Places of a hand that goes to and fro ``count`` times a way, drifting a little so that its trace can be seen."""
    frames = max(2, round(max(count, 0.05) * seconds * 30.0))
    phase = np.linspace(0.0, count, frames)
    share = 0.5 - 0.5 * np.cos(np.pi * phase)
    shift = np.linspace(0.0, 1.0, frames)[:, None] * np.array(drift) * min(1.0, count / 8.0)
    return (1 - share)[:, None] * np.array(start) + share[:, None] * np.array(end) + shift


def as_other(motion: Motion) -> Motion:
    """The same as a motion of the other, left hand: the right one leads by many small strokes before the belly."""
    poses = [mirrored(pose) for pose in motion.poses]
    time = np.arange(len(poses)) / 30.0
    ready = np.minimum(time / 0.5, 1.0)[:, None]
    busy = np.stack([0.35 + 0.45 * np.sin(9.0 * time), 0 * time + 0.45, 0 * time - 0.75], axis=1)
    places = (1 - ready) * np.array(STANDING.right) + ready * busy
    poses = [replace(pose, right=tuple(place)) for pose, place in zip(poses, places.tolist(), strict=True)]
    left = tuple(name.replace("right", "left") for name in motion.marked)
    traced = tuple(name.replace("right", "left") for name in motion.traced)
    return replace(motion, poses=poses, marked=left, traced=traced)
