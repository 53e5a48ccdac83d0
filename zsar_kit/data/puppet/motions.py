"""The 28 classes of puppet and their motion programs.

Puppet is synthetic: its motions are programs written from how people move, with the names of NTU RGB+D
classes, and nothing in it was fitted to recordings or to any model's results. Class ids 0..27 follow
:data:`NTU_LABELS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from zsar_kit.data.puppet import motions_hands, motions_head, motions_pairs, motions_whole
from zsar_kit.data.puppet.body import Array, Body, solve
from zsar_kit.data.puppet.motions_pairs import Place
from zsar_kit.data.puppet.performer import RATE, Habits, Performer

Solo = Callable[[Performer], None]
Pair = Callable[[Performer, Performer], Place]

#: NTU label (0-based) to the program of a class of one person and its shortest and longest duration in
#: seconds.
SOLO: dict[int, tuple[Solo, float, float]] = {
    0: (motions_head.drink, 2.2, 4.0),
    1: (motions_head.eat, 2.0, 4.0),
    2: (motions_head.brush_teeth, 2.2, 4.0),
    3: (motions_head.brush_hair, 2.2, 4.0),
    5: (motions_whole.pick_up, 1.8, 3.2),
    6: (motions_hands.throw, 1.8, 3.0),
    7: (motions_whole.sit_down, 1.6, 3.0),
    8: (motions_whole.stand_up, 1.6, 3.0),
    9: (motions_hands.clap, 1.6, 3.2),
    10: (motions_hands.read, 2.2, 4.0),
    11: (motions_hands.write, 2.2, 4.0),
    19: (motions_head.put_on_hat, 2.0, 3.8),
    21: (motions_hands.cheer, 1.6, 3.4),
    22: (motions_head.wave, 1.6, 3.4),
    23: (motions_whole.kick, 1.8, 3.2),
    25: (motions_whole.hop, 1.8, 3.4),
    26: (motions_whole.jump, 1.7, 3.4),
    27: (motions_head.phone_call, 2.2, 4.0),
    28: (motions_hands.play_with_phone, 2.2, 4.0),
    29: (motions_hands.type_keys, 2.2, 4.0),
    34: (motions_head.nod_or_bow, 1.6, 3.2),
    37: (motions_head.salute, 1.6, 3.2),
    39: (motions_hands.cross_hands, 1.6, 3.2),
    43: (motions_head.touch_head, 1.8, 4.0),
}
#: The same for the classes of two persons.
PAIRS: dict[int, tuple[Pair, float, float]] = {
    50: (motions_pairs.kick_other, 1.8, 3.2),
    51: (motions_pairs.push, 1.7, 3.0),
    56: (motions_pairs.touch_pocket, 1.8, 3.6),
    57: (motions_pairs.shake_hands, 1.8, 3.4),
}
#: NTU's 0-based label of each puppet class, in puppet's order.
NTU_LABELS: tuple[int, ...] = tuple(sorted({**SOLO, **PAIRS}))


def _frames(rng: np.random.Generator, tempo: float, shortest: float, longest: float) -> int:
    seconds = np.clip(rng.uniform(shortest, longest) / np.sqrt(tempo), 1.5, 4.0)
    return round(RATE * float(seconds))


def perform(ntu_label: int, people: Sequence[tuple[Body, Habits]], rng: np.random.Generator) -> Array:
    """One instance of a class, in world coordinates before the sensor.

    Args:
        ntu_label: one of :data:`NTU_LABELS`.
        people: body and habits of the acting person, and of the other one for a class of two.
        rng: draws everything that varies.

    Returns:
        ``[person, frame, 25, 3]`` in metres, 45 to 120 frames at 30 Hz. World: y up from the floor, z towards
        the frontal camera, x to the left of a person who faces it. A person alone faces the frontal camera up
        to 20 degrees; two persons face each other across its view.
    """
    (body, habits), *others = people
    if ntu_label in SOLO:
        program, shortest, longest = SOLO[ntu_label]
        performer = Performer(body, habits, rng, _frames(rng, habits.tempo, shortest, longest))
        program(performer)
        place = Place(float(np.clip(rng.normal(0, 0.12), -0.35, 0.35)), rng.normal(0, 0.12), rng.normal(0, 0.12))
        return place.outward(solve(body, performer.pose))[None]
    pair_program, shortest, longest = PAIRS[ntu_label]
    other_body, other_habits = others[0]
    frames = _frames(rng, habits.tempo, shortest, longest)
    actor, partner = Performer(body, habits, rng, frames), Performer(other_body, other_habits, rng, frames)
    place = pair_program(actor, partner)
    joints = np.stack([solve(body, actor.pose), place.outward(solve(other_body, partner.pose))])
    joints -= 0.5 * np.array([place.x, 0.0, place.z])
    side = 1.0 if rng.random() < 0.5 else -1.0
    stage = Place(
        side * np.pi / 2 + float(np.clip(rng.normal(0, 0.15), -0.4, 0.4)),
        rng.normal(0, 0.1),
        rng.normal(0, 0.1),
    )
    return stage.outward(joints)
