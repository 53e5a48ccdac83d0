"""The primitives that all motion programs share: timing, posture, reaching, oscillation, leaning, stepping.

A :class:`Performer` is one person during one clip. A program first writes trunk and feet, then calls
:meth:`Performer.settle` (sway, breath, resting hands), then lets the hands reach for points of its own or of
another body. Classes are compositions of these few primitives, so that an unseen class shares its parts with
seen ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zsar_kit.data.puppet.body import LEFT, RIGHT, Array, Body, Pose, Trunk, plant, rotate, trunk
from zsar_kit.seeding import numpy_generator

RATE = 30.0  # frames a second
Point = Sequence[int | float]


@dataclass(frozen=True)
class Habits:
    """How a subject moves whatever the action: handedness, tempo, reach of movements, posture, sway."""

    left_handed: bool
    tempo: float
    amplitude: float
    slump: float
    stance: float
    splay: float
    swivel: float
    sway: float
    head: float


def subject_habits(seed: int, subject: int) -> Habits:
    """The habits of a subject (one in seven is left-handed)."""
    rng = numpy_generator(seed, "habits", subject)
    return Habits(
        left_handed=bool(rng.random() < 0.15),
        tempo=float(np.exp(rng.normal(0, 0.12))),
        amplitude=float(np.exp(rng.normal(0, 0.10))),
        slump=float(rng.normal(0.06, 0.05)),
        stance=float(rng.uniform(0.16, 0.30)),
        splay=float(rng.uniform(0.05, 0.30)),
        swivel=float(rng.normal(0, 0.12)),
        sway=float(rng.uniform(0.5, 1.5)),
        head=float(rng.normal(0.05, 0.06)),
    )


def ease(time: Array, begin: float | Array, end: float | Array) -> Array:
    """Minimum-jerk rise from 0 to 1 between two moments, as people reach (Flash & Hogan 1985)."""
    s = np.clip((time - begin) / np.maximum(np.asarray(end) - begin, 1e-6), 0, 1)
    return s**3 * (10 - 15 * s + 6 * s**2)


def bump(time: Array, begin: float, peak: float, end: float) -> Array:
    """Rise from 0 to 1 at ``peak`` and fall back to 0."""
    return ease(time, begin, peak) * (1 - ease(time, peak, end))


class Performer:
    """One person during one clip.

    Attributes:
        time: seconds ``[frame]``. begin, end: the action's window in seconds; ``end`` may lie after the clip.
        hand: the acting hand (:data:`LEFT` or :data:`RIGHT`), ``other`` the other one.
        tempo, amplitude: the subject's habit times this clip's mood.
        trunk: set by :meth:`settle`.
    """

    def __init__(self, body: Body, habits: Habits, rng: np.random.Generator, frames: int):
        self.body, self.habits, self.rng, self.frames = body, habits, rng, frames
        self.time = np.arange(frames) / RATE
        self.duration = frames / RATE
        self.tempo = habits.tempo * float(np.exp(rng.normal(0, 0.12)))
        self.amplitude = habits.amplitude * float(np.exp(rng.normal(0, 0.12)))
        preferred = LEFT if habits.left_handed else RIGHT
        self.hand = preferred if self.chance(0.9) else 1 - preferred
        self.other = 1 - self.hand
        self.begin = self.duration * self.between(0.02, 0.15)
        self.end = self.duration * (self.between(0.85, 1.0) if self.chance(0.85) else 1.5)
        self.seated = False
        self.scale = body.scale
        self.pose = Pose(body, frames, habits.stance * self.between(0.85, 1.2) * self.scale, habits.splay)
        self.pose.spine[:, 0] += habits.slump + rng.normal(0, 0.02)
        self.pose.head[:, 0] += habits.head - 0.5 * habits.slump
        self.trunk: Trunk = trunk(body, self.pose)

    def between(self, low: int | float, high: int | float) -> float:
        """A uniform draw."""
        return float(self.rng.uniform(low, high))

    def chance(self, probability: float) -> bool:
        """A weighted coin."""
        return bool(self.rng.random() < probability)

    def side(self, hand: int) -> float:
        """+1 for left and -1 for right: the sign of x on that side."""
        return 1.0 if hand == LEFT else -1.0

    def envelope(self, rise: float = 0.6, fall: float = 0.6, lag: float = 0.0) -> Array:
        """0 at rest, 1 while acting, rising and falling in the given seconds over the tempo."""
        rise, fall = (min(d / self.tempo, 0.36 * self.duration) for d in (rise, fall))
        up = ease(self.time, self.begin + lag, self.begin + lag + rise)
        return up * (1 - ease(self.time, self.end - fall, self.end))

    def active(self) -> tuple[float, float]:
        """Begin and end, in seconds, of the part in which an action is fully on."""
        rise = min(0.6 / self.tempo, 0.36 * self.duration)
        return self.begin + rise, min(self.end, self.duration) - rise * (self.end < self.duration)

    def drift(self, scale: float, slowest: float = 0.12, fastest: float = 0.8) -> Array:
        """A smooth random wandering ``[frame]`` of about ``scale``: four sinusoids, bounds in Hz."""
        frequency = self.rng.uniform(slowest, fastest, (4, 1))
        start = self.rng.uniform(0, 2 * np.pi, (4, 1))
        return scale / np.sqrt(2) * np.sin(2 * np.pi * frequency * self.time + start).sum(0)

    def phase(self, frequency: float, wander: float = 0.12) -> Array:
        """A running phase ``[frame]`` in radians, ``frequency`` Hz times the tempo, of uneven pace."""
        pace = np.maximum(1 + self.drift(wander, 0.3, 1.5), 0.3)
        return self.rng.uniform(0, 2 * np.pi) + 2 * np.pi * frequency * self.tempo * np.cumsum(pace) / RATE

    def strokes(self, frequency: float, wander: float = 0.12) -> Array:
        """A small repeated movement in -1..1, ``[frame]``."""
        return np.sin(self.phase(frequency, wander))

    def pulses(self, count: int, width: float = 1.0, shortest: float = 0.5) -> Array:
        """``count`` bumps in 0..1 spread over the active part; ``width`` 1 lets neighbours touch.

        Where the active part has no room for bumps of ``shortest`` seconds, the whole window is used, with
        fewer bumps.
        """
        start, stop = self.active()
        if stop - start < count * shortest:
            start, stop = self.begin, min(self.end, self.duration)
        count = max(min(count, int((stop - start) / shortest)), 1)
        length = (stop - start) / count
        jitter = self.rng.uniform(-0.08, 0.08, count) * length
        middles = start + length * (np.arange(count) + 0.5) + jitter
        half = 0.5 * width * length
        return np.max([bump(self.time, m - half, m, m + half) for m in middles], axis=0)

    def sit(self, amount: Array | float = 1.0) -> None:
        """Sit on a seat behind (``amount`` 1), or be on the way down to it with the trunk leaning."""
        amount = np.broadcast_to(np.asarray(amount, dtype=float), (self.frames,))
        body, pose = self.body, self.pose
        seat = body.ankle + body.shank * self.between(0.98, 1.12)
        depth = body.thigh * self.between(0.85, 1.02)
        pose.pelvis[:, 2] -= depth * ease(amount, 0.0, 0.9)
        pose.pelvis[:, 1] += (seat - pose.pelvis[:, 1]) * amount
        self.lean(self.between(0.55, 0.9) * 4 * amount * (1 - amount), shift=0.0)
        pose.spine[:, 0] += self.between(-0.05, 0.15) * amount
        self.seated = bool(np.all(amount == 1))

    def lean(self, angle: Array | float, turn: Array | float = 0.0, shift: float = 0.16) -> None:
        """Bend the trunk forward by ``angle`` radians, half in the hips, and balance with the pelvis."""
        angle = np.broadcast_to(np.asarray(angle, dtype=float), (self.frames,))
        self.pose.hips_turn[:, 0] += 0.5 * angle
        self.pose.spine[:, 0] += 0.5 * angle
        self.pose.spine[:, 1] += turn
        self.pose.pelvis[:, 2] -= shift * self.scale * np.sin(angle)

    def crouch(self, depth: Array) -> None:
        """Lower the pelvis by ``depth`` metres, knees going forward."""
        self.pose.pelvis[:, 1] -= depth
        self.pose.pelvis[:, 2] -= 0.25 * depth

    def step(self, foot: int, begin: float, seconds: float, forward: float, lateral: float = 0.0) -> None:
        """Move one foot along an arc and keep it there; the pelvis follows by half."""
        s = ease(self.time, begin, begin + seconds)
        move = np.stack([lateral * s, 0.35 * abs(forward) * 4 * s * (1 - s), forward * s], axis=-1)
        self.pose.ankle[foot] += move
        self.pose.toe[foot] += 0.5 * 4 * s * (1 - s)
        self.pose.planted[foot] &= (s <= 0) | (s >= 1)
        self.pose.pelvis[:, [0, 2]] += 0.5 * move[:, [0, 2]]

    def shift_weight(self, foot: int, amount: Array) -> None:
        """Move the pelvis over ``foot`` (``amount`` 1: fully)."""
        target = self.pose.ankle[foot][:, [0, 2]]
        self.pose.pelvis[:, [0, 2]] += 0.85 * amount[:, None] * (target - self.pose.pelvis[:, [0, 2]])
        self.pose.hips_turn[:, 2] += 0.06 * self.side(foot) * amount

    def swing_leg(self, foot: int, thigh: Array, knee: Array, amount: Array, outward: float = 0.0) -> None:
        """Lift a leg (angles of thigh and knee in radians), blended with the ground by ``amount``."""
        body, pose = self.body, self.pose
        pose.planted[foot] &= amount <= 1e-6
        plant(body, pose)
        hip = trunk(body, pose).hip[foot]
        shank = thigh - np.maximum(knee, 0.0)
        side = np.full(self.frames, outward * self.side(foot))
        drop = np.stack([side, -np.cos(thigh), np.sin(thigh)], -1) * body.thigh
        drop += np.stack([side, -np.cos(shank), np.sin(shank)], -1) * body.shank
        pose.ankle[foot] += amount[:, None] * (hip + drop - pose.ankle[foot])
        pose.ankle[foot][:, 1] = np.maximum(pose.ankle[foot][:, 1], body.ankle)
        pose.toe[foot] += amount * (0.35 - 0.8 * np.clip(thigh, 0, 1))

    def settle(self) -> None:
        """Add sway and breath, keep planted feet in reach, and let the hands rest."""
        pose, sway = self.pose, self.habits.sway * (0.4 if self.seated else 1.0)
        pose.pelvis[:, 0] += self.drift(0.006 * sway)
        pose.pelvis[:, 2] += self.drift(0.006 * sway)
        breath = np.sin(2 * np.pi * self.between(0.2, 0.35) * self.time + self.between(0, 6.28))
        pose.spine[:, 0] += self.drift(0.012 * sway) - 0.006 * breath
        pose.spine[:, 1] += self.drift(0.015 * sway)
        pose.spine[:, 2] += self.drift(0.010 * sway)
        pose.shrug += 0.012 * breath
        pose.head += np.stack([self.drift(0.02), self.drift(0.04), self.drift(0.015)], axis=-1)
        pose.swivel += self.habits.swivel + self.rng.normal(0, 0.12, (2, 1))
        plant(self.body, pose)
        self.trunk = trunk(self.body, pose)
        self._rest_hands()

    def _rest_hands(self) -> None:
        pose, torso, body = self.pose, self.trunk, self.body
        clasped = not self.seated and self.chance(0.08)
        slack = self.between(0.94, 0.985)
        for hand in (LEFT, RIGHT):
            sign = self.side(hand)
            length = slack * (body.arm + body.palm)
            hang = torso.shoulder[hand] + np.array([sign * 0.05, -1.0, 0.06 + self.between(-0.03, 0.05)]) * length
            if self.seated:
                knee_side = pose.ankle[hand] - torso.hip[hand]
                hang = torso.hip[hand] + np.array([0.0, 0.09, 0.0]) * self.scale
                hang = hang + knee_side * np.array([0.6, 0.0, self.between(0.45, 0.8)])
            elif clasped:
                hang = torso.base + np.array([sign * 0.025, 0.04, 0.17]) * self.scale
            wander = np.stack([self.drift(0.006), self.drift(0.004), self.drift(0.008)], axis=-1)
            pose.hand[hand] = hang + wander
            pose.aim[hand] = rotate(torso.upper, (0.0, -0.3 if self.seated else -1.0, 0.8 if self.seated else 0.15))
            pose.aim_weight[hand] = 0.3
            pose.thumb[hand] = rotate(torso.upper, (-0.5 * sign, 0.5, 1.0))

    def reach(
        self,
        hand: int,
        target: Array,
        weight: Array,
        *,
        aim: Point | Array | None = None,
        aim_weight: float = 0.5,
        thumb: Point | None = None,
        swivel: float | Array = 0.0,
        arc: float | None = None,
    ) -> None:
        """Blend a hand from where it is towards ``target`` by ``weight``; calls can be chained.

        Args:
            target: ``[frame, 3]`` point for the hand's centre in the person frame.
            aim: direction of the fingers, and ``thumb`` of the thumb: three numbers in the chest's axes (x is
                taken outwards: mirrored for the right hand) or ``[frame, 3]`` in the person frame.
            swivel: the elbow turned outwards, radians. arc: how far the path bows out to the front, in
                metres; by itself more for a hand that is raised, which otherwise would pass through the
                shoulder.
        """
        pose, sign = self.pose, self.side(hand)
        w = weight[:, None]
        if arc is None:
            top = int(np.argmax(weight))
            arc = 0.05 + 0.25 * float(np.clip((target[top, 1] - pose.hand[hand][top, 1]) / 0.6, 0, 1))
        bow = rotate(self.trunk.upper, (0.4 * sign, 0.0, 1.0)) * (arc * self.scale * 4 * w * (1 - w))
        pose.hand[hand] = (1 - w) * pose.hand[hand] + w * target + bow
        if aim is not None:
            pose.aim[hand] = (1 - w) * pose.aim[hand] + w * self._direction(aim, sign)
            pose.aim_weight[hand] = (1 - weight) * pose.aim_weight[hand] + weight * aim_weight
        if thumb is not None:
            pose.thumb[hand] = (1 - w) * pose.thumb[hand] + w * self._direction(thumb, sign)
        pose.swivel[hand] += weight * swivel

    def _direction(self, direction: Point | Array, sign: float) -> Array:
        vector = np.asarray(direction, dtype=float)
        return vector if vector.ndim == 2 else rotate(self.trunk.upper, vector * np.array([sign, 1.0, 1.0]))
