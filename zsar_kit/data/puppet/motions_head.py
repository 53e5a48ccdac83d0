"""Motion programs whose hands work at the head, and those of the head itself.

Each program writes trunk and head, settles, and moves the hands; units are metres of a person of 1.72 m, and
radians.
"""

from __future__ import annotations

import numpy as np

from zsar_kit.data.puppet.body import Array
from zsar_kit.data.puppet.performer import Performer, bump, ease


def _ready(p: Performer, hand: int, side_offset: float = 0.12) -> None:
    """Now and then an object is already held in front of the belly when the clip begins."""
    if p.chance(0.45):
        place = p.trunk.chest(p.side(hand) * side_offset, p.between(-0.34, -0.24), p.between(0.22, 0.32))
        p.reach(hand, place, np.ones(p.frames), aim=(-0.4, 0.1, 1.0), swivel=p.between(-0.1, 0.2), arc=0.0)


def drink(p: Performer) -> None:
    """A cup goes to the mouth and is tilted: head back, elbow and hand rising while the mouth stays."""
    if p.chance(0.35):
        p.sit()
    arrive = p.envelope(0.8, 0.7)
    sips = 1 if p.duration < 2.6 or p.chance(0.6) else 2
    tilt = arrive * (p.pulses(sips, 1.1) if sips > 1 else p.envelope(0.6, 0.6, lag=0.45))
    p.pose.head[:, 0] += 0.08 * arrive - p.between(0.15, 0.42) * p.amplitude * tilt
    p.lean(-0.06 * tilt)
    p.settle()
    _ready(p, p.hand)
    sign, away = p.side(p.hand), 0.05 * (arrive - tilt) if sips > 1 else 0.0
    cup = p.trunk.face(sign * p.between(0.02, 0.06), -0.09 + 0.05 * tilt - away, p.between(0.13, 0.17) + away)
    lift = p.between(0.15, 0.6) * tilt
    swivel = lift + p.between(-0.1, 0.3)
    p.reach(p.hand, cup, arrive, aim=(-1.0, 0.2, 0.2), aim_weight=0.7, thumb=(-0.2, 0.6, -0.8), swivel=swivel)
    if p.chance(0.15):
        p.reach(p.other, p.trunk.face(-sign * 0.05, -0.12, 0.15), arrive, aim=(-0.9, 0.4, 0.2))


def eat(p: Performer) -> None:
    """Morsels go from a plate to the mouth, one short touch each; the head comes to meet the hand."""
    if p.chance(0.45):
        p.sit()
    on = p.envelope(0.6, 0.6)
    bites = int(np.clip(round(p.duration * p.between(0.4, 0.9)), 1, 3))
    bite = on * p.pulses(bites, p.between(0.9, 1.2))
    p.pose.head[:, 0] += on * (0.12 + 0.10 * bite + 0.025 * p.strokes(1.6))
    p.lean(p.between(0, 0.1) * on)
    p.settle()
    sign = p.side(p.hand)
    height, depth = p.between(-0.32, -0.22), p.between(0.24, 0.34)
    plate = p.trunk.chest(-0.06 * sign, height, depth)
    if p.chance(0.65):
        p.reach(p.other, plate, on, aim=(-0.5, 0.0, 0.8), thumb=(0.0, 1.0, 0.2))
    p.reach(p.hand, plate + p.trunk.body.scale * np.array([0.07 * sign, 0.05, 0.0]), on, aim=(-0.5, -0.1, 0.8))
    mouth = p.trunk.face(sign * p.between(0.0, 0.04), -0.09, p.between(0.10, 0.15))
    p.reach(
        p.hand,
        mouth,
        bite,
        aim=(-0.8, 0.4, -0.2),
        thumb=(-0.3, 0.3, -0.8),
        swivel=p.between(-0.1, 0.35),
        arc=0.03,
    )


def brush_teeth(p: Performer) -> None:
    """A fist at the mouth makes fast, small strokes along the teeth; the head hangs a little."""
    on = p.envelope(0.7, 0.6)
    p.pose.head[:, 0] += p.between(0.05, 0.25) * on
    p.lean(p.between(0.0, 0.2) * on)
    p.pose.head[:, 1] += 0.06 * on * p.drift(1.0, 0.2, 0.6)
    p.settle()
    _ready(p, p.hand)
    sign = p.side(p.hand)
    stroke = p.between(0.015, 0.032) * p.amplitude * p.strokes(p.between(2.8, 4.6))
    along = p.between(0.0, 0.5)
    side = sign * (p.between(0.06, 0.12) + p.drift(0.012, 0.2, 0.6))
    mouth = p.trunk.face(side + sign * stroke, -0.09 + along * stroke, p.between(0.11, 0.15) + 0.2 * stroke)
    p.reach(p.hand, mouth, on, aim=(-0.9, 0.3, -0.1), thumb=(-0.2, 0.4, -0.9), swivel=p.between(0.1, 0.6))
    if p.chance(0.3):
        p.reach(p.other, p.trunk.chest(-sign * 0.12, -0.28, 0.26), on, aim=(-0.3, 0.1, 1.0), thumb=(0.0, 1.0, 0.0))


def brush_hair(p: Performer) -> None:
    """The hand strokes from the forehead down and back over the side of the head, again and again."""
    on = p.envelope(0.7, 0.6)
    sign = p.side(p.hand)
    phase = p.phase(p.between(0.8, 1.6))
    down = 0.5 - 0.5 * np.cos(phase)
    off = 0.025 * (1 + np.cos(phase + np.pi / 2))
    p.pose.head[:, 2] += -sign * p.between(-0.05, 0.3) * on
    p.pose.head[:, 0] += p.between(-0.05, 0.15) * on
    p.settle()
    length = p.between(0.6, 1.2) * p.amplitude
    x = sign * (0.07 + 0.05 * np.sin(np.pi * np.clip(down, 0, 1)) + off)
    side = p.trunk.face(x, 0.14 - 0.20 * length * down + off, 0.08 - 0.14 * length * down)
    p.reach(p.hand, side, on, aim=(-0.7, 0.5, -0.5), swivel=p.between(0.2, 0.6))
    if p.chance(0.2):
        p.reach(p.other, p.trunk.face(-sign * 0.12, 0.02, 0.02), on, aim=(-0.5, 0.8, -0.2), swivel=0.3)


def phone_call(p: Performer) -> None:
    """A phone is held to the ear; the head leans towards it and nods in talk."""
    if p.chance(0.2):
        p.sit()
    on = p.envelope(0.9, 0.7)
    sign = p.side(p.hand)
    p.pose.head[:, 2] += -sign * p.between(0.0, 0.18) * on
    p.pose.head[:, 0] += on * (p.between(-0.05, 0.15) + 0.03 * p.strokes(p.between(0.5, 1.2)))
    p.pose.head[:, 1] += p.between(-0.25, 0.25) * on
    p.settle()
    _ready(p, p.hand)
    ear = p.trunk.face(sign * p.between(0.10, 0.125), p.between(-0.05, 0.01), p.between(0.01, 0.06))
    p.reach(p.hand, ear, on, aim=(-0.25, 0.9, -0.15), thumb=(-0.2, 0.5, -0.8), swivel=p.between(-0.25, 0.45))
    if p.chance(0.25):
        talk = on * (0.5 + 0.5 * p.strokes(0.7))
        p.reach(p.other, p.trunk.chest(-sign * 0.18, -0.25, 0.28), talk, aim=(0.0, 0.3, 1.0))
    elif p.chance(0.2):
        p.reach(p.other, p.trunk.chest(sign * 0.10, -0.22, 0.16), on, aim=(-1.0, 0.1, 0.1))


def put_on_hat(p: Performer) -> None:
    """The hands take a hat from in front of the body over the head, press it down and adjust it."""
    on = p.envelope(0.9, 0.6)
    begin, stop = p.active()
    press = ease(p.time, begin - 0.05, begin + 0.25)
    p.pose.head[:, 0] += p.between(0.05, 0.3) * on * (1 - 0.5 * press)
    p.settle()
    both = p.chance(0.65)
    waist, depth = p.between(-0.38, -0.18), p.between(0.22, 0.32)
    ready = ease(p.time, 0.0, p.begin + 0.15) * (1 - ease(p.time, stop, stop + 0.8))
    settle_hat = 0.012 * p.strokes(p.between(1.0, 2.0)) * press
    height = 0.17 - 0.06 * press + settle_hat
    for hand in (p.hand, p.other) if both else (p.hand,):
        sign = p.side(hand)
        brim = 0.11 if both else p.between(0.0, 0.05)
        p.reach(hand, p.trunk.chest(sign * 0.11, waist, depth), ready, aim=(-0.3, 0.2, 1.0), arc=0.02)
        crown = p.trunk.face(sign * brim, height, p.between(-0.01, 0.04) if both else 0.06)
        p.reach(hand, crown, on, aim=(-0.6, 0.2, -0.5), swivel=p.between(0.1, 0.5))


def salute(p: Performer) -> None:
    """A flat hand snaps to the temple, elbow out to the side, held still; the trunk straightens."""
    on = p.envelope(p.between(0.3, 0.6), 0.4)
    p.pose.spine[:, 0] -= 0.06 * on
    p.pose.head[:, 0] -= 0.04 * on
    p.settle()
    sign = p.side(p.hand)
    temple = p.trunk.face(sign * p.between(0.09, 0.13), p.between(0.03, 0.07), p.between(0.06, 0.11))
    p.reach(
        p.hand,
        temple,
        on,
        aim=(-0.75, 0.55, 0.15),
        aim_weight=0.8,
        thumb=(-0.3, -0.4, -0.6),
        swivel=p.between(0.5, 0.95),
    )


def _rubbing(p: Performer, on: Array) -> tuple[Array, Array]:
    size = p.between(0.0, 0.02) * p.amplitude
    phase = p.phase(p.between(0.8, 1.8))
    return size * np.cos(phase) * on, size * np.sin(phase) * on


def touch_head(p: Performer) -> None:
    """A headache: one hand or both hold temple or forehead and rub slowly, head and trunk bow."""
    on = p.envelope(0.7, 0.7)
    p.pose.head[:, 0] += p.between(0.1, 0.45) * on
    p.pose.head[:, 2] += p.between(-0.15, 0.15) * on
    p.pose.head[:, 1] += 0.06 * on * p.strokes(0.8)
    p.lean(p.between(0.0, 0.25) * on)
    p.settle()
    high, forward = p.between(0.03, 0.12), p.between(0.0, 0.10)
    for hand in (p.hand, p.other) if p.chance(0.45) else (p.hand,):
        a, b = _rubbing(p, on)
        sign = p.side(hand)
        spot = p.trunk.face(sign * (0.115 - 0.5 * forward), high + a, forward + 0.03 + b)
        p.reach(hand, spot, on, aim=(-0.6, 0.7, -0.2), swivel=p.between(-0.1, 0.45))


def wave(p: Performer) -> None:
    """A raised hand swings from side to side about the elbow."""
    on = p.envelope(0.6, 0.6)
    sign = p.side(p.hand)
    p.pose.head[:, 2] += 0.05 * sign * on
    p.settle()
    swing = p.between(0.07, 0.16) * p.amplitude * p.strokes(p.between(1.3, 2.6))
    reach, high = p.between(0.26, 0.42), p.between(0.05, 0.40)
    palm = p.trunk.chest(sign * reach + swing, high - 0.35 * swing**2, p.between(0.12, 0.30))
    lateral = np.stack([1.2 * swing, np.ones(p.frames), np.full(p.frames, 0.1)], axis=-1)
    p.reach(p.hand, palm, on, aim=lateral, thumb=(-1.0, 0.3, 0.0), swivel=p.between(-0.1, 0.4))


def nod_or_bow(p: Performer) -> None:
    """Nods of the head, or one bow from the hips with the arms at the sides."""
    if p.chance(0.45):
        count = int(p.rng.integers(1, 4))
        p.pose.head[:, 0] += p.between(0.25, 0.5) * p.amplitude * p.pulses(count, 1.1)
        p.lean(p.between(0.0, 0.06) * p.envelope())
    else:
        begin, stop = p.active()
        hold = p.between(0.3, 0.7)
        bow = bump(p.time, p.begin, begin + hold * (stop - begin), stop + 0.5)
        p.lean(p.between(0.35, 0.95) * p.amplitude * bow)
        p.pose.head[:, 0] += p.between(0.1, 0.4) * bow
    p.settle()
