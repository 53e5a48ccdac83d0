"""Hand-made bodies whose motion is known: a stick person in torso lengths, and ways to change a clip."""

from __future__ import annotations

from functools import cache

import numpy as np

from zsar_kit.data.joints import layout
from zsar_kit.data.puppet.world import PuppetConfig, generate
from zsar_kit.primitives.attributes import attribute_names
from zsar_kit.primitives.measure import measure

T, RATE = 0.5, 30.0  # metres, frames a second
ARM, LEG = (0.65, 0.6, 0.15), (0.85, 0.85)  # bones in torso lengths
HIP, SHOULDER, STANDING = 0.2, 0.4, 1.69  # half widths and height of the hips
HANGING, BELLY = np.array([0.55, 0.0, -1.38]), np.array([0.1, 0.35, -0.75])
X, Y, Z = np.eye(3)
NTU = {name: i for i, name in enumerate(layout("ntu25").joints)}
PAIRS = [(NTU[n], NTU[n.replace("left", "right")]) for n in NTU if n.endswith("left")]


def unit(v: np.ndarray) -> np.ndarray:
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)


def middle(start: np.ndarray, end: np.ndarray, first: float, second: float, bend: np.ndarray) -> np.ndarray:
    """Where a limb of two bones bends, and its end, pulled into reach."""
    far = np.clip(np.linalg.norm(end - start, axis=-1, keepdims=True), 1e-6, 0.9995 * (first + second))
    axis = unit(end - start)
    side = unit(bend - (bend * axis).sum(-1, keepdims=True) * axis)
    along = (first**2 - second**2 + far**2) / (2 * far)
    return start + along * axis + np.sqrt(np.maximum(first**2 - along**2, 0)) * side


def over(points: list[tuple[float, object]], seconds: float, rate: float = RATE) -> np.ndarray:
    """Values ``[frame, ...]`` that go smoothly from one of (second, value) to the next."""
    time = np.arange(round(seconds * rate)) / rate
    moments = np.array([moment for moment, _ in points])
    values = np.array([value for _, value in points], dtype=float)
    after = np.clip(np.searchsorted(moments, time, side="right"), 1, len(points) - 1)
    s = np.clip((time - moments[after - 1]) / (moments[after] - moments[after - 1]), 0, 1)
    s = (s * s * (3 - 2 * s)).reshape(-1, *[1] * (values.ndim - 1))
    return (1 - s) * values[after - 1] + s * values[after]


def mirrored_place(place: np.ndarray) -> np.ndarray:
    return np.asarray(place, dtype=float) * [-1, 1, 1]


def stick(
    frames: int,
    *,
    right: np.ndarray | None = None,
    left: np.ndarray | None = None,
    hips: np.ndarray | None = None,
    lean: np.ndarray | float = 0.0,
    feet: tuple[np.ndarray, np.ndarray] | None = None,
    turn: np.ndarray | float = 0.0,
    nod: np.ndarray | float = 0.0,
) -> np.ndarray:
    """A clip ``[1, frame, 25, 3]`` in metres; x to the performer's right, y forward, z up.

    Args:
        frames: how many.
        right, left: hands from the shoulder centre, in T, ``[3]`` or ``[frame, 3]``; they hang if not given.
        hips: of the hip centre above the floor, ``[frame, 3]``.
        lean, turn, nod: degrees forward, to the left, and of the head forward.
        feet: right and left ankle on the floor.
    """
    wide = lambda v: np.broadcast_to(np.asarray(v, dtype=float), (frames, 3))  # noqa: E731
    hips = wide([0, 0, STANDING]) if hips is None else wide(hips)
    angle, nodding = (np.radians(np.broadcast_to(v, frames).astype(float)) for v in (lean, nod))
    trunk = np.stack([0 * angle, np.sin(angle), np.cos(angle)], -1)
    neck = np.stack([0 * angle, np.sin(angle + nodding), np.cos(angle + nodding)], -1)
    x = np.array([1.0, 0, 0])
    p = {"spine_base": hips, "spine_mid": hips + 0.55 * trunk, "spine_shoulder": hips + trunk}
    p |= {"neck": hips + trunk + 0.2 * neck, "head": hips + trunk + 0.45 * neck}
    floor = feet if feet is not None else (wide([HIP, 0, 0]), wide([-HIP, 0, 0]))
    hanging = (HANGING, mirrored_place(HANGING))
    for n, (side, sign) in enumerate((("right", 1.0), ("left", -1.0))):
        shoulder = p["spine_shoulder"] + sign * SHOULDER * x
        hand = p["spine_shoulder"] + wide((right, left)[n] if (right, left)[n] is not None else hanging[n])
        bend = wide([0.3 * sign, -0.6, -0.4])
        elbow = middle(shoulder, hand, ARM[0], ARM[1] + ARM[2], bend)
        along = unit(hand - elbow)
        wrist = elbow + ARM[1] * along
        p |= {f"shoulder_{side}": shoulder, f"elbow_{side}": elbow, f"wrist_{side}": wrist}
        p |= {f"hand_{side}": wrist + ARM[2] * along, f"hand_tip_{side}": wrist + 0.27 * along}
        p[f"thumb_{side}"] = wrist + ARM[2] * along + 0.05 * x * -sign
        hip, ankle = hips + sign * HIP * x, wide(floor[n])
        knee = middle(hip, ankle, *LEG, wide([0, 1.0, 0]))
        p |= {f"hip_{side}": hip, f"knee_{side}": knee, f"ankle_{side}": ankle}
        p[f"foot_{side}"] = ankle + 0.2 * Y
    joints = np.stack([p[name] for name in NTU], axis=1) * T
    return turned(joints[None], np.broadcast_to(turn, frames)).astype(np.float32)


def turned(clip: np.ndarray, degrees: np.ndarray | float) -> np.ndarray:
    """A clip turned to the left about the vertical z through the origin."""
    a = np.radians(np.asarray(degrees, dtype=float))
    c, s, zero = np.cos(a), np.sin(a), 0 * a
    matrix = np.stack(
        [np.stack([c, -s, zero], -1), np.stack([s, c, zero], -1), np.stack([zero, zero, zero + 1], -1)], -2
    )
    matrix = np.broadcast_to(matrix, (clip.shape[1], 3, 3))
    return np.einsum("fij,pfkj->pfki", matrix, clip).astype(np.float32)


def mirrored(clip: np.ndarray) -> np.ndarray:
    """Left and right joints exchanged, the lateral coordinate negated; absent persons stay absent."""
    order = np.arange(25)
    for a, b in PAIRS:
        order[[a, b]] = b, a
    return (clip[:, :, order] * [-1, 1, 1]).astype(np.float32)


def resampled(clip: np.ndarray, rate: float, source: float = RATE) -> np.ndarray:
    """The clip at another frame rate, by linear interpolation."""
    frames = max(2, round(clip.shape[1] * rate / source))
    time = np.linspace(0, clip.shape[1] - 1, frames)
    low = np.minimum(time.astype(int), clip.shape[1] - 2)
    part = (time - low)[None, :, None, None]
    return ((1 - part) * clip[:, low] + part * clip[:, low + 1]).astype(np.float32)


def values(clip: np.ndarray, *names: str, rate: float = RATE, layout: str = "ntu25") -> np.ndarray | float:
    """Attributes of one clip: those named, or all."""
    row = measure([clip], layout, rate=rate).values[0]
    found = row if not names else row[[attribute_names().index(n) for n in names]]
    return float(found[0]) if len(names) == 1 else found


def circle(
    turns: float, seconds: float, *, radius: float = 0.4, clockwise: bool = True, start: float = 0.0
) -> np.ndarray:
    """The right hand goes up, draws circles in the frontal plane as the performer sees them, and comes down.

    ``start`` is where on the circle: 0 the top, -0.25 the left.
    """
    middle_, side = np.array([0.3, 0.7, 0.1]), 1 if clockwise else -1
    angle = 2 * np.pi * (start + np.linspace(0, turns, round(seconds * RATE)))
    ring = middle_ + radius * np.stack([side * np.sin(angle), 0 * angle, np.cos(angle)], -1)
    rise, fall = (over([(0.0, HANGING), (0.5, HANGING), (1.2, end)], 1.2) for end in (ring[0], ring[-1]))
    return np.concatenate([rise, ring, fall[::-1]])


def wave(count: int, seconds: float = 0.8, *, size: float = 0.8, rest: np.ndarray = HANGING) -> np.ndarray:
    """The right hand goes up and swings sideways ``count`` times."""
    top = np.array([0.6, 0.4, 0.4])
    angle = np.linspace(0, 2 * np.pi * count, round(count * seconds * RATE))
    swings = top + 0.5 * size * np.sin(angle)[:, None] * [1, 0, 0]
    rise = over([(0.0, rest), (0.5, rest), (1.2, top)], 1.2)
    return np.concatenate([rise, swings, rise[::-1]])


@cache
def puppets(classes: tuple[int, ...] = (), subjects: int = 2) -> tuple[np.ndarray, ...]:
    """Clips of puppet: one of each class and subject, seen by one camera with its noise."""
    config = PuppetConfig(subjects=subjects, replications=1, cameras=1, classes=classes)
    return tuple(sequence.joints for sequence in generate(config))
