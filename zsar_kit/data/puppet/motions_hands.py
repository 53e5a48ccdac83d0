"""Motion programs whose hands work in front of the body: desk work, clap, cross, throw, cheer.

The four desk-like actions share posture and place and differ in what the hands do: in reading both hold
still, in writing one strokes small and fast over the other's page, in typing both tap in turn, with a phone
the thumbs move.
"""

from __future__ import annotations

import numpy as np

from zsar_kit.data.puppet.body import Array
from zsar_kit.data.puppet.performer import Performer, bump, ease


def _work_place(p: Performer, seated: float, low: float, high: float) -> tuple[Array, float, float]:
    """Sit or stand, bow the head; returns the envelope and the height and depth of the work."""
    if p.chance(seated):
        p.sit()
    on = np.ones(p.frames) if p.chance(0.35) else p.envelope(0.8, 0.8)
    height = p.between(low, high)
    p.pose.head[:, 0] += on * (p.between(0.25, 0.50) - 0.4 * (height + 0.25))
    p.lean(p.between(0.0, 0.18) * on)
    return on, height, p.between(0.25, 0.36)


def read(p: Performer) -> None:
    """Both hands hold a book, now and then one turns a page; head bowed, following the lines."""
    on, height, depth = _work_place(p, 0.35, -0.32, -0.14)
    p.pose.head[:, 1] += on * p.between(0.01, 0.05) * p.strokes(p.between(0.3, 0.7))
    p.settle()
    gap = p.between(0.07, 0.15)
    sway = p.drift(0.006, 0.2, 0.8)
    alone = p.chance(0.15)
    for hand in (p.hand, p.other):
        sign = p.side(hand)
        if alone and hand == p.other:
            continue
        cover = p.trunk.chest(sign * (0.03 if alone else gap), height + sway, depth)
        p.reach(hand, cover, on, aim=(-0.35, 0.25, 1.0), thumb=(-0.4, 1.0, 0.1), swivel=p.between(-0.1, 0.25))
    if p.chance(0.65):
        begin, stop = p.active()
        moment = p.between(begin, max(begin + 0.05, stop - 0.8))
        turner = p.hand if not alone else p.other
        sign = p.side(turner)
        turn = bump(p.time, moment, moment + 0.45 / p.tempo, moment + 1.0 / p.tempo)
        leaf = p.trunk.chest(-sign * gap * p.between(0.2, 0.9), height + 0.05, depth - 0.02)
        p.reach(turner, leaf, turn * on, aim=(-0.7, 0.1, 0.7), arc=0.0)


def write(p: Performer) -> None:
    """One hand strokes small and fast along a line, jumps back and goes on; the other holds the pad still."""
    on, height, depth = _work_place(p, 0.55, -0.36, -0.18)
    sign = p.side(p.hand)
    p.pose.head[:, 2] += 0.05 * sign * on
    p.settle()
    line = p.time * p.between(0.35, 0.7) * p.tempo + p.between(0, 1)
    along = p.between(0.05, 0.10) * (np.mod(line, 1.0) - 0.5)
    along = np.convolve(np.pad(along, 3, mode="edge"), np.full(7, 1 / 7), mode="valid")
    size = p.between(0.006, 0.013) * p.amplitude
    frequency = p.between(2.6, 4.2)
    up = size * p.strokes(frequency, 0.25)
    across = 0.6 * size * p.strokes(1.3 * frequency, 0.25)
    pen = p.trunk.chest(0.05 * sign - along + across, height + 0.5 * up, depth + up)
    pad = p.trunk.chest(-sign * p.between(0.06, 0.13), height - 0.02, depth - 0.02)
    p.reach(p.hand, pen, on, aim=(-0.5, -0.35, 0.9), thumb=(-0.9, 0.4, 0.2), swivel=p.between(0.0, 0.35))
    p.reach(p.other, pad, on, aim=(-0.5, 0.1, 0.9), thumb=(-0.3, 1.0, 0.0), swivel=p.between(-0.1, 0.25))
    p.pose.curl[p.hand] += 0.6 * on


def play_with_phone(p: Performer) -> None:
    """A phone held in one hand or two, near the chest, head bowed; thumbs or one finger tap and swipe."""
    on, height, depth = _work_place(p, 0.3, -0.26, -0.06)
    p.settle()
    both = p.chance(0.55)
    depth -= 0.03
    centre = 0.0 if both else p.side(p.hand) * p.between(0.0, 0.10)
    sway = p.drift(0.005, 0.2, 0.8)
    for hand in (p.hand, p.other):
        sign = p.side(hand)
        taps = np.maximum(p.strokes(p.between(1.5, 3.2), 0.4), 0) * p.between(0.4, 1.0)
        if both or hand == p.hand:
            grip = p.trunk.chest(sign * 0.05 if both else centre, height + sway, depth + 0.004 * taps)
            p.reach(hand, grip, on, aim=(-0.3, 0.5, 0.9), thumb=(-0.9, 0.7, -0.2), swivel=p.between(-0.1, 0.2))
            p.pose.curl[hand] += on * 0.5 * taps
        elif p.chance(0.6):
            swipe = 0.02 * p.strokes(p.between(0.8, 1.8), 0.3)
            finger = p.trunk.chest(centre + sign * 0.05, height + 0.03 + swipe, depth - 0.02 + 0.015 * taps)
            p.reach(hand, finger, on, aim=(-0.8, 0.1, 0.6), swivel=p.between(0.0, 0.3))


def type_keys(p: Performer) -> None:
    """Both hands hover palm down over a keyboard and tap in turn, wandering a little sideways."""
    on, height, depth = _work_place(p, 0.65, -0.42, -0.28)
    p.pose.head[:, 0] -= 0.10 * on
    p.settle()
    depth += 0.05
    tap = p.phase(p.between(2.2, 3.8), 0.3)
    for k, hand in enumerate((p.hand, p.other)):
        sign = p.side(hand)
        beat = np.sin(tap + np.pi * k + 0.5 * p.drift(1.0, 0.3, 1.2))
        lift = p.between(0.007, 0.016) * p.amplitude * np.maximum(beat, -0.3)
        x = sign * (p.between(0.09, 0.14) + p.drift(0.010, 0.3, 1.0))
        p.reach(
            hand, p.trunk.chest(x, height + lift, depth), on,
            aim=(-0.2, -0.15, 1.0), thumb=(-1.0, -0.1, 0.2), swivel=p.between(0.0, 0.3),
        )  # fmt: skip
        p.pose.curl[hand] += on * (0.3 + 0.3 * np.maximum(-beat, 0))


def clap(p: Performer) -> None:
    """Both hands meet and part in front of the chest, again and again."""
    on = p.envelope(0.5, 0.5)
    p.settle()
    beat = p.phase(p.between(1.6, 3.2))
    gap = 0.025 + p.between(0.06, 0.13) * p.amplitude * (0.5 - 0.5 * np.cos(beat))
    height, depth = p.between(-0.22, 0.02), p.between(0.24, 0.38)
    uneven = p.between(0.2, 0.8)
    for hand, part in ((p.hand, uneven), (p.other, 1 - uneven)):
        sign = p.side(hand)
        x = sign * (0.025 + 2 * part * (gap - 0.025))
        p.reach(
            hand, p.trunk.chest(x, height + 0.02 * np.cos(beat), depth), on,
            aim=(-0.4, 0.6, 0.8), thumb=(-0.1, 0.6, -0.8), swivel=p.between(0.0, 0.35),
        )  # fmt: skip


def cross_hands(p: Performer) -> None:
    """Say stop: both forearms cross into an X in front of the chest or the face, held or shown twice."""
    count = 1 if p.chance(0.7) else 2
    on = p.envelope(0.5, 0.5) if count == 1 else p.pulses(2, 1.1, shortest=0.8)
    p.lean(-0.04 * on)
    p.settle()
    height, depth = p.between(-0.08, 0.14), p.between(0.26, 0.40)
    spread = p.between(0.09, 0.17)
    swivel = p.between(0.1, 0.45)
    for k, hand in enumerate((p.hand, p.other)):
        sign = p.side(hand)
        crossed = p.trunk.chest(-sign * spread, height, depth - 0.05 * k)
        p.reach(hand, crossed, on, aim=(-0.5, 0.9, 0.2), thumb=(0.2, 0.3, -1.0), swivel=swivel, arc=0.15)


def throw(p: Performer) -> None:
    """Wind up beside the head, trunk turned, then a quick forward stroke and a slow follow-through."""
    sign, overarm = p.side(p.hand), p.chance(0.75)
    begin = p.begin
    wind = p.between(0.5, 0.8) / p.tempo
    fling = p.between(0.20, 0.32) / p.tempo
    release = begin + wind + fling
    back = bump(p.time, begin, begin + wind, release)
    forth = ease(p.time, begin + wind, release)
    follow = ease(p.time, release, release + 0.35)
    rest = ease(p.time, release + 0.35, release + 1.1)
    turn = p.between(0.25, 0.6) * p.amplitude
    p.pose.hips_turn[:, 1] += sign * 0.3 * turn * (forth * (1 - rest) - back)
    p.lean(0.28 * forth * (1 - rest) - 0.10 * back, turn=sign * turn * (0.8 * forth * (1 - rest) - back))
    if p.chance(0.5):
        p.step(p.other, begin + 0.6 * wind, wind * 0.4 + fling, p.between(0.2, 0.4))
    else:
        p.pose.pelvis[:, 2] += 0.05 * (forth * (1 - rest) - back)
    p.settle()
    high = p.between(0.12, 0.24) if overarm else -0.42
    cocked = p.trunk.chest(sign * p.between(0.26, 0.36), high, -0.12 if overarm else -0.32)
    ahead = p.trunk.chest(sign * 0.12, p.between(0.06, 0.22) if overarm else -0.05, 0.52)
    low = p.trunk.chest(-0.02 * sign, -0.32, 0.38) if overarm else ahead
    p.reach(
        p.hand,
        cocked,
        ease(p.time, begin, begin + 0.9 * wind),
        aim=(0.1, 1.0, -0.4) if overarm else (0.0, -1.0, -0.3),
    )
    p.reach(p.hand, ahead, forth, aim=(0.0, 0.1, 1.0), swivel=0.3 if overarm else 0.0, arc=0.02)
    p.reach(p.hand, low, follow * (0.8 if overarm else 0.0), aim=(-0.2, -0.7, 0.7), arc=0.0)
    relaxed = p.trunk.shoulder[p.hand] + np.array([0.05 * sign, -0.96, 0.08]) * (p.body.arm + p.body.palm)
    p.reach(p.hand, relaxed, rest, aim=(0.0, -1.0, 0.2))
    if p.chance(0.5):
        p.reach(p.other, p.trunk.chest(-sign * 0.25, -0.15, 0.35), back, aim=(0.0, 0.0, 1.0))


def cheer(p: Performer) -> None:
    """Fists go up beside the head and are pumped, the trunk stretches; sometimes with a small bounce."""
    on = p.envelope(0.5, 0.6)
    pump = p.pulses(int(p.rng.integers(1, 4)), 1.1) if p.chance(0.8) else np.zeros(p.frames)
    p.pose.spine[:, 0] -= 0.10 * on
    p.pose.head[:, 0] -= p.between(0.0, 0.2) * on
    if p.chance(0.35):
        p.crouch(p.between(0.03, 0.08) * on * (1 - pump))
    p.pose.shrug += 0.15 * on
    p.settle()
    wide, high, depth = p.between(0.20, 0.38), p.between(0.28, 0.50), p.between(0.0, 0.15)
    lift = p.between(0.08, 0.18) * p.amplitude
    for hand in (p.hand, p.other) if p.chance(0.7) else (p.hand,):
        sign = p.side(hand)
        fist = p.trunk.chest(sign * wide, high + lift * (pump - 0.5), depth)
        p.reach(hand, fist, on, aim=(-0.1, 1.0, 0.1), thumb=(-0.4, 0.2, -0.9), swivel=p.between(-0.1, 0.3))
