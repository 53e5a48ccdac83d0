"""Motion programs of two persons: kick, push, touch a pocket, shake hands.

The pair shares the acting person's frame; the other one stands in it at a :class:`Place`. Arms and legs move
by the same primitives as in the programs of one person, towards points of the other's body.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zsar_kit.data.puppet.body import LEFT, RIGHT, Array
from zsar_kit.data.puppet.motions_whole import balance_arms, swing_kick
from zsar_kit.data.puppet.performer import Performer, bump, ease


@dataclass(frozen=True)
class Place:
    """Where a person stands: turned left by ``turn`` radians, origin at ``x``, ``z`` metres."""

    turn: float = 0.0
    x: float = 0.0
    z: float = 0.0

    def _matrix(self) -> Array:
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        return np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])

    def outward(self, points: Array) -> Array:
        """Points ``[..., 3]`` of the person's frame in the common frame."""
        return points @ self._matrix().T + np.array([self.x, 0.0, self.z])

    def inward(self, points: Array) -> Array:
        """Points ``[..., 3]`` of the common frame in the person's frame."""
        return (points - np.array([self.x, 0.0, self.z])) @ self._matrix()


def _facing(a: Performer, near: float, far: float) -> Place:
    """Opposite the acting person, at a distance in metres, a little aside and askew."""
    return Place(np.pi + a.between(-0.2, 0.2), a.between(-0.06, 0.06), a.between(near, far) * a.scale)


def _recoil(b: Performer, moment: float, strength: float) -> None:
    """Give way after a contact: lean back, a step back if it was strong, and find balance again."""
    back = bump(b.time, moment - 0.03, moment + 0.3, moment + 1.1)
    b.lean(-0.30 * strength * back, shift=0.0)
    b.pose.pelvis[:, 2] -= 0.07 * strength * back
    b.pose.head[:, 0] += 0.25 * strength * back
    if strength > 0.6:
        foot = b.hand if b.chance(0.5) else b.other
        b.step(foot, moment + 0.05, 0.4, -b.between(0.15, 0.35))


def _startled_arms(b: Performer, moment: float, strength: float) -> None:
    for hand in (LEFT, RIGHT):
        lift = strength * b.between(0.2, 0.8) * bump(b.time, moment, moment + 0.3, moment + 1.0)
        b.reach(hand, b.trunk.chest(b.side(hand) * 0.28, -0.30, 0.25), lift, aim=(0.1, 0.2, 1.0), arc=0.0)


def _contact(a: Performer, low: float, high: float) -> float:
    begin, stop = a.active()
    return begin + a.between(low, high) * max(stop - begin, 0.4)


def kick_other(a: Performer, b: Performer) -> Place:
    """A foot is swung at the other's leg or hip; the other gives way."""
    place = _facing(a, 0.75, 1.0)
    foot = a.hand if a.chance(0.9) else a.other
    moment = _contact(a, 0.25, 0.5)
    forth = swing_kick(a, foot, a.between(0.5, 1.15) * a.amplitude, moment)
    a.settle()
    balance_arms(a, foot, forth * a.between(0.3, 0.9))
    strength = b.between(0.2, 1.0)
    _recoil(b, moment, strength)
    b.settle()
    _startled_arms(b, moment, strength)
    return place


def push(a: Performer, b: Performer) -> Place:
    """Both hands, or one, shove the other's chest or shoulders; the other leans or steps back."""
    place = _facing(a, 0.62, 0.80)
    moment = _contact(a, 0.25, 0.5)
    draw, shove, home = 0.55 / a.tempo, 0.25 / a.tempo, 0.7 / a.tempo
    ready = ease(a.time, moment - shove - draw, moment - shove) * (1 - ease(a.time, moment + 0.15, moment + home))
    thrust = bump(a.time, moment - shove, moment, moment + 0.15 + 0.8 * home)
    if a.chance(0.4):
        a.step(a.other, moment - shove - 0.2, 0.4, a.between(0.10, 0.25))
    a.lean(0.22 * a.amplitude * thrust - 0.05 * ready, shift=-0.15)
    a.settle()
    strength = b.between(0.5, 1.1)
    _recoil(b, moment, strength)
    b.settle()
    _startled_arms(b, moment, strength)
    spread, height = a.between(0.08, 0.15), a.between(-0.14, -0.02)
    for hand in (a.hand, a.other) if a.chance(0.75) else (a.hand,):
        sign = a.side(hand)
        contact = _still_after(place.outward(b.trunk.chest(-sign * spread, height, 0.12)), a.time, moment)
        a.reach(hand, a.trunk.chest(sign * 0.15, height - 0.04, 0.20), ready, aim=(0.0, 0.8, 0.5), arc=0.02)
        a.reach(hand, contact, thrust, aim=(0.0, 0.8, 0.5), swivel=a.between(0.0, 0.3), arc=0.0)
    return place


def _still_after(points: Array, time: Array, moment: float) -> Array:
    """A point that moves until ``moment`` and then stays where it was."""
    last = int(np.clip(np.searchsorted(time, moment), 0, len(time) - 1))
    return points[np.minimum(np.arange(len(time)), last)]


def touch_pocket(a: Performer, b: Performer) -> Place:
    """A hand goes to the other's trouser pocket, from behind, the side or the front, and comes back."""
    view = a.rng.random()
    if view < 0.6:
        place = Place(a.between(-0.35, 0.35), a.between(-0.12, 0.12), a.between(0.46, 0.60) * a.scale)
    else:
        place = _facing(a, 0.56, 0.70)
    on = a.envelope(0.9, 0.8)
    if a.chance(0.35):
        a.step(a.hand, a.begin, 0.6, a.between(0.08, 0.2))
    a.lean(a.between(0.2, 0.45) * on, turn=-a.side(a.hand) * 0.15 * on, shift=-0.05)
    a.pose.head[:, 0] += a.between(0.1, 0.35) * on
    a.settle()
    b.pose.head[:, 1] += b.between(-0.4, 0.4) * b.envelope(0.8, 0.6)
    b.settle()
    same = np.cos(place.turn) > 0
    pocket_side = a.hand if same else 1 - a.hand
    sign = b.side(pocket_side)
    behind = -0.07 if same else 0.05
    pocket = b.trunk.hip[pocket_side] + np.array([0.07 * sign, 0.02, behind]) * b.scale
    fumble = 0.01 * np.stack([a.strokes(1.2), a.strokes(1.6), a.strokes(1.0)], axis=-1)
    a.reach(
        a.hand, place.outward(pocket) + fumble, on, aim=(-0.1, -0.5, 0.9), thumb=(-0.6, 0.7, 0.2),
        swivel=a.between(-0.1, 0.3), arc=0.03,
    )  # fmt: skip
    return place


def shake_hands(a: Performer, b: Performer) -> Place:
    """Both reach out their right hands, clasp them midway and shake them up and down."""
    place = _facing(a, 0.72, 0.98)
    if a.chance(0.97):
        a.hand, a.other = RIGHT, LEFT
    b.hand, b.other = a.hand, a.other
    b.begin, b.end = a.begin + a.between(-0.1, 0.2), a.end + a.between(-0.05, 0.05)
    on_a, on_b = a.envelope(0.7, 0.6), b.envelope(0.7, 0.6)
    for p, on in ((a, on_a), (b, on_b)):
        p.lean(p.between(0.02, 0.22) * on, shift=0.0)
        p.pose.head[:, 0] += p.between(-0.05, 0.25) * on
        p.settle()
    together = on_a * on_b
    shake = a.between(0.015, 0.05) * a.amplitude * a.strokes(a.between(1.6, 3.0)) * together
    sign = a.side(a.hand)
    shoulders = 0.5 * (a.trunk.shoulders + place.outward(b.trunk.shoulders))
    middle = shoulders + np.array([0.05 * sign, -a.between(0.34, 0.46), 0.0]) * a.scale
    middle = middle + np.stack([np.zeros(a.frames), shake, np.zeros(a.frames)], axis=-1)
    ahead = place.outward(np.array([[0.0, 0.0, 1.0]])) - place.outward(np.zeros((1, 3)))
    a.reach(a.hand, middle + 0.03 * ahead, on_a, aim=(-0.15, 0.0, 1.0), thumb=(0.0, 1.0, 0.2))
    b.reach(b.hand, place.inward(middle - 0.03 * ahead), on_b, aim=(-0.15, 0.0, 1.0), thumb=(0.0, 1.0, 0.2))
    if a.chance(0.12):
        a.reach(a.other, middle + np.array([0.0, 0.06, -0.02]), together, aim=(-0.4, 0.0, 1.0))
    return place
