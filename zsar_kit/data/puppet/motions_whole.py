"""Motion programs of the whole body: pick up, sit down, stand up, kick, hop, jump."""

from __future__ import annotations

import numpy as np

from zsar_kit.data.puppet.body import LEFT, RIGHT, Array, trunk
from zsar_kit.data.puppet.performer import Performer, bump, ease


def pick_up(p: Performer) -> None:
    """Bend or squat until a hand is at the floor, grasp, and come up with the object in front of the body."""
    begin, stop = p.begin, min(p.end, p.duration) - 0.05
    low = begin + p.between(0.40, 0.55) * (stop - begin)
    down = ease(p.time, begin, low) * (1 - ease(p.time, low + 0.1, max(stop, low + 0.6)))
    squat = p.between(0.1, 0.9)
    p.crouch(down * p.body.leg * (0.12 + 0.42 * squat))
    p.lean(down * (1.75 - 0.75 * squat), shift=0.10)
    p.pose.head[:, 0] -= down * p.between(0.2, 0.5)
    sign = p.side(p.hand)
    floor = np.array([p.between(0.02, 0.22) * sign, p.between(0.11, 0.20), p.between(0.18, 0.30)]) * p.scale
    for _ in range(2):  # what bending left out of reach, the knees give
        shoulder = trunk(p.body, p.pose).shoulder[p.hand][np.argmax(down)]
        lacking = np.linalg.norm(shoulder - floor) - 0.95 * (p.body.arm + p.body.palm)
        p.crouch(1.2 * max(lacking, 0.0) * down)
    p.settle()
    grasp = ease(p.time, begin, low)
    p.reach(
        p.hand,
        np.broadcast_to(floor, (p.frames, 3)),
        grasp,
        aim=np.tile([0.0, -1.0, 0.3], (p.frames, 1)),
        arc=0.03,
    )
    held = p.trunk.chest(0.12 * sign, p.between(-0.36, -0.2), p.between(0.22, 0.32))
    p.reach(p.hand, held, ease(p.time, low + 0.15, max(stop, low + 0.6)), aim=(-0.3, 0.1, 1.0), arc=0.0)
    if p.chance(0.5):
        knee = 0.5 * (p.trunk.hip[p.other] + p.pose.ankle[p.other]) + np.array([0, 0.1, 0.18]) * p.scale
        p.reach(p.other, knee, down * 0.9, arc=0.02)


def _support_hands(p: Performer, weight: Array) -> None:
    """Hands press on the thighs while the seat is low and the trunk leans."""
    both = p.chance(0.6)
    for hand in (p.hand, p.other) if both else (p.hand,):
        thigh = p.trunk.hip[hand] + 0.35 * (p.pose.ankle[hand] - p.trunk.hip[hand]) * np.array([1.0, 0.0, 1.6])
        p.reach(hand, thigh + np.array([0.0, 0.08, 0.0]) * p.scale, weight, aim=(0.0, -0.4, 0.9), arc=0.04)


def sit_down(p: Performer) -> None:
    """From standing, pelvis back and down on a seat, the trunk leaning on the way and righting itself."""
    stop = min(p.end, p.duration) - p.between(0.05, 0.3)
    begin = max(p.begin, stop - p.between(1.1, 2.2) / p.tempo)
    down = ease(p.time, begin, stop)
    p.sit(down)
    p.pose.head[:, 0] += p.between(-0.1, 0.25) * 4 * down * (1 - down)
    p.settle()
    _support_hands(p, ease(p.time, begin, stop) * p.between(0.7, 1.0))


def stand_up(p: Performer) -> None:
    """From a seat, lean well forward, rise and straighten."""
    begin = p.begin
    stop = min(begin + p.between(1.0, 2.0) / p.tempo, p.duration - 0.1)
    lead = ease(p.time, begin, begin + 0.5 * (stop - begin))
    rise = ease(p.time, begin + 0.2 * (stop - begin), stop)
    p.sit(1 - rise)
    p.lean(p.between(0.15, 0.4) * lead * (1 - rise), shift=-0.1)
    p.settle()
    _support_hands(p, (1 - ease(p.time, begin + 0.5 * (stop - begin), stop)) * p.between(0.7, 1.0))


def swing_kick(p: Performer, foot: int, height: float, moment: float) -> Array:
    """One kick: leg back, swung forward with the knee opening, and down; returns the impact's envelope.

    Args:
        foot: the kicking foot. height: thigh angle at the impact, radians. moment: seconds of the impact.
    """
    back_time, swing, down = 0.45 / p.tempo, 0.26 / p.tempo, 0.6 / p.tempo
    back = bump(p.time, moment - swing - back_time, moment - swing, moment)
    forth = bump(p.time, moment - swing, moment, moment + down)
    amount = ease(p.time, moment - swing - back_time, moment - swing) * (1 - ease(p.time, moment, moment + down))
    support = ease(p.time, moment - swing - 1.6 * back_time, moment - swing - 0.6 * back_time)
    support = support * (1 - ease(p.time, moment + 0.6 * down, moment + 1.5 * down))
    p.shift_weight(1 - foot, support)
    p.pose.pelvis[:, 1] -= 0.02 * support
    p.lean(0.10 * back - 0.22 * forth, turn=-0.2 * p.side(foot) * forth, shift=0.1)
    p.swing_leg(foot, height * forth - 0.45 * back, 1.0 * back + 0.12, amount, outward=p.between(0.0, 0.08))
    return forth


def balance_arms(p: Performer, foot: int, amount: Array) -> None:
    """Arms go out, the one opposite to the leg forward."""
    for hand in (LEFT, RIGHT):
        sign, forward = p.side(hand), p.between(0.1, 0.3) * (1 if hand != foot else -0.8)
        place = p.trunk.chest(sign * p.between(0.28, 0.42), p.between(-0.36, -0.22), forward)
        p.reach(hand, place, amount, aim=(0.3, -0.7, 0.3), arc=0.0)


def kick(p: Performer) -> None:
    """A foot is swung at an object ahead, once or twice."""
    foot = p.hand if p.chance(0.9) else p.other
    height = p.between(0.5, 1.15) * p.amplitude
    begin, stop = p.active()
    first = begin + p.between(0.2, 0.45) * max(stop - begin, 0.5)
    forth = swing_kick(p, foot, height, first)
    p.settle()
    balance_arms(p, foot, forth * p.between(0.3, 0.9))


def flight(p: Performer, takeoff: float, seconds: float) -> Array:
    """A ballistic arc in metres, zero outside the flight."""
    s = np.clip((p.time - takeoff) / seconds, 0, 1)
    return 0.5 * 9.81 * seconds**2 * s * (1 - s)


def hop(p: Performer) -> None:
    """Hops on one foot, the other held up behind or in front; arms half raised for balance."""
    foot = p.hand if p.chance(0.7) else p.other
    lifted = 1 - foot
    start = p.begin + 0.45
    period = p.between(0.42, 0.62) / p.tempo
    count = max(int((min(p.end, p.duration) - 0.2 - start) / period), 2)
    air = 0.5 * period * p.between(0.85, 1.1)
    up = ease(p.time, p.begin, p.begin + 0.35) * (1 - ease(p.time, p.end - 0.3, p.end))
    p.shift_weight(foot, up)
    height, travel = np.zeros(p.frames), p.between(-0.02, 0.12)
    for k in range(count):
        takeoff = start + k * period
        height += flight(p, takeoff, air)
        p.crouch(p.between(0.03, 0.07) * bump(p.time, takeoff - 0.5 * (period - air), takeoff - 0.08, takeoff + 0.03))
        forward = travel * ease(p.time, takeoff, takeoff + air)
        for side in (LEFT, RIGHT):
            p.pose.ankle[side][:, 2] += forward
        p.pose.pelvis[:, 2] += forward
    p.pose.ankle[foot][:, 1] += height
    p.pose.pelvis[:, 1] += height - 0.03 * up
    p.pose.toe[foot] += 0.6 * np.minimum(height / 0.05, 1.0)
    p.pose.planted[foot] &= height <= 0
    thigh = p.between(-0.15, 0.5)
    p.swing_leg(lifted, np.full(p.frames, thigh), np.full(p.frames, p.between(0.9, 1.5)), up)
    p.lean(0.12 * up)
    p.settle()
    for hand in (LEFT, RIGHT):
        sign = p.side(hand)
        place = p.trunk.chest(sign * p.between(0.24, 0.38), p.between(-0.36, -0.12), p.between(0.05, 0.25))
        p.reach(hand, place, up * p.between(0.5, 1.0), aim=(0.2, 0.0, 1.0), arc=0.02)


def jump(p: Performer) -> None:
    """Crouch with the arms back, leap from both feet with the arms swung up, land softly; once or twice."""
    air = p.between(0.30, 0.48) * np.sqrt(p.amplitude)
    cycle = 1.25 / p.tempo + air
    count = 2 if p.duration > 2 * cycle + 0.3 and p.chance(0.5) else 1
    arms_high = p.between(-0.1, 0.4)
    swing_back, swing_up = np.zeros(p.frames), np.zeros(p.frames)
    height = np.zeros(p.frames)
    for k in range(count):
        takeoff = p.begin + 0.6 / p.tempo + k * cycle
        landing = takeoff + air
        height += flight(p, takeoff, air)
        deep = bump(p.time, takeoff - 0.6 / p.tempo, takeoff - 0.14, takeoff + 0.02)
        soft = bump(p.time, landing - 0.02, landing + 0.12, landing + 0.6 / p.tempo)
        p.crouch(p.between(0.14, 0.26) * deep + p.between(0.08, 0.16) * soft)
        p.lean(0.45 * deep + 0.2 * soft, shift=0.05)
        swing_back += bump(p.time, takeoff - 0.6 / p.tempo, takeoff - 0.2, takeoff)
        swing_up += bump(p.time, takeoff - 0.2, takeoff + 0.5 * air, landing + 0.45 / p.tempo)
    travel = p.between(-0.05, 0.1) * ease(p.time, p.begin + 0.6 / p.tempo, p.begin + 0.6 / p.tempo + air)
    for side in (LEFT, RIGHT):
        p.pose.ankle[side][:, 1] += height
        p.pose.ankle[side][:, 2] += travel
        p.pose.toe[side] += 0.7 * np.minimum(height / 0.05, 1.0)
        p.pose.planted[side] &= height <= 0
    p.pose.pelvis[:, 1] += height + 0.012 * (height > 0)
    p.pose.pelvis[:, 2] += travel
    p.settle()
    for hand in (LEFT, RIGHT):
        sign = p.side(hand)
        p.reach(hand, p.trunk.chest(sign * 0.24, -0.42, -0.28), np.clip(swing_back, 0, 1) * 0.9, arc=0.0)
        raised = p.trunk.chest(sign * p.between(0.18, 0.30), arms_high, p.between(0.15, 0.35))
        p.reach(hand, raised, np.clip(swing_up, 0, 1), aim=(0.0, 0.8, 0.5))
