"""The faults that the doctor should find, put into clean clips: for measuring how many it finds.

Every function takes a clip ``[person, frame, joint, 3]`` in metres without gaps, its layout and a generator, and
returns a :class:`~zsar_kit.data.doctor.examine.Clip` with the fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from zsar_kit.data.doctor.anatomy import pairs_of
from zsar_kit.data.doctor.clip_checks import sorted_by_name
from zsar_kit.data.doctor.examine import Clip
from zsar_kit.data.joints import JointLayout

Fault = Callable[[np.ndarray, JointLayout, np.random.Generator], Clip]


@dataclass(frozen=True)
class Injected:
    """A fault and the check that should find it.

    Attributes:
        make: puts the fault into a clip.
        check: name of the check.
        alone: whether one clip is enough to tell; otherwise a set is needed.
    """

    make: Fault
    check: str
    alone: bool = True


def _axes_exchanged(joints: np.ndarray, layout: JointLayout, rng: np.random.Generator) -> Clip:
    return Clip(np.swapaxes(joints, 0, 1))


def _some_zeros(joints: np.ndarray, layout: JointLayout, rng: np.random.Generator) -> Clip:
    """One to three joints undetected for 1 to 20 frames each."""
    result = joints.copy()
    for joint in rng.choice(len(layout), size=int(rng.integers(1, 4)), replace=False):
        start = int(rng.integers(0, joints.shape[1]))
        result[0, start : start + int(rng.integers(1, 21)), joint] = 0.0
    return Clip(result)


def _spine_first(joints: np.ndarray, layout: JointLayout, rng: np.random.Generator) -> Clip:
    result = joints.copy()
    result[0, 0, layout.roles["spine"][0]] = 0.0
    return Clip(result)


def _never_found(joints: np.ndarray, layout: JointLayout, rng: np.random.Generator) -> Clip:
    result = joints.copy()
    result[0, :, rng.choice([j for pair in pairs_of(layout.joints) for j in pair])] = 0.0
    return Clip(result)


def _centred(joints: np.ndarray, layout: JointLayout) -> np.ndarray:
    return joints - joints[:1, :1, list(layout.roles["spine"])].mean(axis=2, keepdims=True)


def _moved_zeros(joints: np.ndarray, layout: JointLayout, rng: np.random.Generator) -> Clip:
    return Clip(_centred(_some_zeros(joints, layout, rng).joints, layout))


def _moved_padding(joints: np.ndarray, layout: JointLayout, rng: np.random.Generator) -> Clip:
    padding = ((0, 0), (0, int(rng.integers(1, joints.shape[1] + 1))), (0, 0), (0, 0))
    return Clip(_centred(np.pad(joints, padding), layout))


def _last_pose(joints: np.ndarray, layout: JointLayout, rng: np.random.Generator) -> Clip:
    return Clip(np.pad(joints, ((0, 0), (0, int(rng.integers(3, 60))), (0, 0), (0, 0)), mode="edge"))


def _looped(joints: np.ndarray, layout: JointLayout, rng: np.random.Generator) -> Clip:
    more = int(rng.integers(3, joints.shape[1] + 1))
    return Clip(np.concatenate([joints, joints[:, :more]], axis=1))


def _scaled(factor: float) -> Fault:
    return lambda joints, layout, rng: Clip(joints * np.float32(factor))


def _picture(joints: np.ndarray, rng: np.random.Generator, *, shares: bool, score: bool) -> Clip:
    """Points of a pinhole camera's picture, y down, with a confidence or a constant as third column."""
    depth = joints[..., 2] - joints[..., 2].min() + rng.uniform(2.0, 4.0)
    centre = joints.reshape(-1, 3).mean(axis=0)
    focal = 1060.0
    x = 960 + focal * (joints[..., 0] - centre[0]) / depth
    y = 540 - focal * (joints[..., 1] - centre[1]) / depth
    third = rng.beta(8, 2, size=x.shape) if score else np.zeros_like(x)
    if shares:
        x, y = (x / 1920).clip(0, 1), (y / 1080).clip(0, 1)
    return Clip(np.stack([x, y, third], axis=-1).astype(np.float32))


def _repeated(joints: np.ndarray, layout: JointLayout, rng: np.random.Generator) -> Clip:
    """A rate that was doubled by copying frames, or three in ten frames twice."""
    frames = joints.shape[1]
    times = np.full(frames, 2) if rng.random() < 0.5 else 1 + (rng.random(frames) < 0.3)
    return Clip(np.repeat(joints, times, axis=1))


def _teleported(joints: np.ndarray, layout: JointLayout, rng: np.random.Generator) -> Clip:
    """One joint 1 to 3 m away for 1 to 10 frames."""
    result = joints.copy()
    start, joint = int(rng.integers(1, joints.shape[1] - 1)), int(rng.integers(len(layout)))
    way = rng.normal(size=3)
    result[0, start : start + int(rng.integers(1, 11)), joint] += rng.uniform(1.0, 3.0) * way / np.linalg.norm(way)
    return Clip(result)


def _second(joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Somebody who does the same later, 0.6 to 2 m beside."""
    way = rng.normal(size=3) * [1.0, 0.0, 1.0]
    place = rng.uniform(0.6, 2.0) * way / np.linalg.norm(way)
    return (np.roll(joints[0], int(rng.integers(1, joints.shape[1])), axis=0) + place).astype(np.float32)


def _swapped(joints: np.ndarray, layout: JointLayout, rng: np.random.Generator) -> Clip:
    result = np.stack([joints[0], _second(joints, rng)])
    at = int(rng.integers(1, joints.shape[1]))
    result[:, at:] = result[::-1, at:].copy()
    return Clip(result)


def _turns(joints: np.ndarray, layout: JointLayout, rng: np.random.Generator) -> Clip:
    result, other = joints.copy(), _second(joints, rng)
    result[0, 1::2] = other[1::2]
    return Clip(result)


def _copied(joints: np.ndarray, layout: JointLayout, rng: np.random.Generator) -> Clip:
    return Clip(np.concatenate([joints[:1], joints[:1]]))


def _times(change: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Fault:
    def fault(joints: np.ndarray, layout: JointLayout, rng: np.random.Generator) -> Clip:
        return Clip(joints, rate=30.0, times=change(np.arange(joints.shape[1]) / 30.0, rng))

    return fault


def _falling(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    result = times.copy()
    at = int(rng.integers(1, len(times)))
    result[[at - 1, at]] = result[[at, at - 1]]
    return result


def _jumping(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    result = times.copy()
    result[int(rng.integers(1, len(times))) :] += rng.uniform(0.1, 2.0)
    return result


def _by_name(joints: np.ndarray, layout: JointLayout, rng: np.random.Generator) -> Clip:
    return Clip(joints[:, sorted_by_name(joints.shape[1], int(rng.integers(0, 2)))])


def _shuffled(joints: np.ndarray, layout: JointLayout, rng: np.random.Generator) -> Clip:
    return Clip(joints[:, rng.permutation(joints.shape[1])])


def _any_order(joints: np.ndarray, layout: JointLayout, rng: np.random.Generator) -> Clip:
    return Clip(joints[:, :, rng.permutation(len(layout))])


def _by_alphabet(joints: np.ndarray, layout: JointLayout, rng: np.random.Generator) -> Clip:
    return Clip(joints[:, :, np.argsort(np.array(layout.joints))])


def _sides_exchanged(joints: np.ndarray, layout: JointLayout, rng: np.random.Generator) -> Clip:
    order = np.arange(len(layout))
    for left, right in pairs_of(layout.joints):
        order[[left, right]] = right, left
    return Clip(joints[:, :, order])


def _turned(matrix: tuple[tuple[int, int, int], ...]) -> Fault:
    return lambda joints, layout, rng: Clip(joints @ np.array(matrix, dtype=np.float32).T)


#: name to fault, in the order of the checks
FAULTS: Mapping[str, Injected] = MappingProxyType(
    {
        "frames and persons exchanged": Injected(_axes_exchanged, "axes"),
        "millimetres": Injected(_scaled(1000.0), "units"),
        "centimetres": Injected(_scaled(100.0), "units"),
        "inches": Injected(_scaled(1 / 0.0254), "units"),
        "body height of 0.2": Injected(_scaled(0.15), "units"),
        "pixels and scores": Injected(lambda j, layout, rng: _picture(j, rng, shares=False, score=True), "units"),
        "shares of a picture and scores": Injected(
            lambda j, layout, rng: _picture(j, rng, shares=True, score=True), "units"
        ),
        "pixels without depth": Injected(lambda j, layout, rng: _picture(j, rng, shares=False, score=False), "units"),
        "joints at zero": Injected(_some_zeros, "missing"),
        "a spine at zero in the first frame": Injected(_spine_first, "missing"),
        "a joint that is never found": Injected(_never_found, "missing"),
        "zeros moved by centring": Injected(_moved_zeros, "teleport"),
        "padding moved by centring": Injected(_moved_padding, "padding"),
        "padded with the last pose": Injected(_last_pose, "padding"),
        "padded by repeating the clip": Injected(_looped, "padding"),
        "repeated frames": Injected(_repeated, "repeats"),
        "a joint that teleports": Injected(_teleported, "teleport"),
        "persons who exchange places": Injected(_swapped, "swap"),
        "two persons taking turns": Injected(_turns, "frame order"),
        "a copy as second person": Injected(_copied, "copy"),
        "times that fall": Injected(_times(_falling), "times"),
        "times that jump": Injected(_times(_jumping), "times"),
        "frames sorted by name": Injected(_by_name, "frame order"),
        "frames shuffled": Injected(_shuffled, "frame order"),
        "joints in random order": Injected(_any_order, "joint order"),
        "joints in alphabetic order": Injected(_by_alphabet, "joint order"),
        "z up": Injected(_turned(((1, 0, 0), (0, 0, -1), (0, 1, 0))), "upright", alone=False),
        "x up": Injected(_turned(((0, 1, 0), (-1, 0, 0), (0, 0, 1))), "upright", alone=False),
        "y down": Injected(_turned(((1, 0, 0), (0, -1, 0), (0, 0, -1))), "upright", alone=False),
        "x negated": Injected(_turned(((-1, 0, 0), (0, 1, 0), (0, 0, 1))), "mirrored", alone=False),
        "z negated": Injected(_turned(((1, 0, 0), (0, 1, 0), (0, 0, -1))), "mirrored", alone=False),
        "left and right exchanged": Injected(_sides_exchanged, "mirrored", alone=False),
    }
)
