"""Motion programs: all classes, plausible kinematics, and the mechanics that tell look-alikes apart."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from zsar_kit.data.catalogue import ntu_ids
from zsar_kit.data.joints import layout
from zsar_kit.data.puppet.body import ARM, subject_body
from zsar_kit.data.puppet.motions import NTU_LABELS, PAIRS, SOLO, perform
from zsar_kit.data.puppet.motions_whole import flight
from zsar_kit.data.puppet.performer import Performer, bump, ease, subject_habits
from zsar_kit.seeding import numpy_generator

READ, WRITE, PHONE, TYPE = 10, 11, 28, 29
PLANTED = [c for c in SOLO if c not in (6, 23, 25, 26)]


def person(number: int):
    return subject_body(0, number), subject_habits(0, number)


@cache
def instances(label: int) -> tuple[np.ndarray, ...]:
    subjects = (1, 4, 8)
    return tuple(perform(label, (person(s), person(1000 + s)), numpy_generator(0, "test", label, s)) for s in subjects)


def hand_speed(world: np.ndarray, joint: int) -> np.ndarray:
    """Metres a second relative to the trunk, in the middle third."""
    track = world[0, :, joint] - world[0, :, 20]
    third = len(track) // 3
    return np.linalg.norm(np.diff(track[third:-third], axis=0), axis=-1) * 30


def test_programs_cover_the_28_classes_of_the_catalogue():
    assert ntu_ids("puppet") == NTU_LABELS
    assert len(NTU_LABELS) == 28
    assert not set(SOLO) & set(PAIRS)


@pytest.mark.parametrize("label", NTU_LABELS)
def test_every_class_moves_like_a_body(label):
    for world in instances(label):
        assert len(world) == (2 if label in PAIRS else 1)
        assert 45 <= world.shape[1] <= 120
        assert world.shape[2:] == (25, 3)
        assert np.isfinite(world).all()
        for first, second in layout("ntu25").bones:
            lengths = np.linalg.norm(world[:, :, first] - world[:, :, second], axis=-1)
            assert np.ptp(lengths, axis=1).max() < 1e-9
        speed = np.linalg.norm(np.diff(world, axis=1), axis=-1) * 30
        assert speed.max() < 20, "no joint is faster than a thrown hand or a kicking foot"
        assert world[..., 1].min() > -0.06, "nobody sinks into the floor"
        assert np.abs(world[..., [0, 2]]).max() < 2.5
        for arm in ARM:
            assert np.linalg.norm(world[:, :, arm[3]] - world[:, :, 3], axis=-1).min() > 0.07, (
                "hands stay outside the head"
            )


@pytest.mark.parametrize("label", PLANTED)
def test_feet_stay_planted_where_nobody_walks(label):
    for world in instances(label):
        for joint in (14, 15, 18, 19):
            assert np.ptp(world[0, :, joint], axis=0).max() < 1e-9


@pytest.mark.parametrize("label", sorted(SOLO))
def test_a_single_person_faces_the_frontal_camera_with_left_on_the_left(label):
    for world in instances(label):
        across = world[0, 0, 4] - world[0, 0, 8]
        toes = world[0, 0, 15] - world[0, 0, 14]
        assert across[0] > 0.2
        assert toes[2] > 0


def test_feet_leave_the_floor_together_in_a_jump_and_one_stays_up_in_hopping():
    for world in instances(26):
        assert np.minimum(world[0, :, 14, 1], world[0, :, 18, 1]).max() > 0.12
    for world in instances(25):
        lower, upper = np.sort(world[0, :, [14, 18], 1], axis=0)
        assert lower.max() > 0.08
        assert np.mean(upper - lower > 0.1) > 0.4


def test_a_flight_is_ballistic():
    body, habits = person(3)
    performer = Performer(body, habits, np.random.default_rng(0), 90)
    height = flight(performer, 1.0, 0.5)
    flying = slice(32, 44)
    np.testing.assert_allclose(np.diff(height[flying], 2) * 900, -9.81, atol=1e-6)
    assert height.max() == pytest.approx(9.81 * 0.5**2 / 8, rel=0.02)


def test_look_alikes_differ_as_they_do_in_life():
    def median(label: int, pick) -> float:
        return float(np.median([pick(hand_speed(w, 7).mean(), hand_speed(w, 11).mean()) for w in instances(label)]))

    assert median(WRITE, max) > 3 * median(WRITE, min), "one hand writes, the other rests"
    assert median(TYPE, min) > 2 * median(WRITE, min), "both hands type"

    def height(label: int) -> float:
        halfway = [w[0, w.shape[1] // 2] for w in instances(label)]
        return float(np.median([pose[11, 1] - pose[20, 1] for pose in halfway]))

    assert np.ptp([height(label) for label in (READ, WRITE, PHONE, TYPE)]) < 0.35, (
        "all four happen before the belly or chest"
    )


def test_hands_meet_in_a_handshake_and_reach_the_pocket():
    for world in instances(57):
        gap = min(np.linalg.norm(world[0, :, h] - world[1, :, h], axis=-1).min() for h in (7, 11))
        assert gap < 0.15
    for world in instances(56):
        gap = min(np.linalg.norm(world[0, :, h] - world[1, :, k], axis=-1).min() for h in (7, 11) for k in (12, 16))
        assert gap < 0.25


def test_the_same_draws_give_the_same_motion_and_others_another():
    people = (person(1), person(1001))
    first, again = (perform(0, people, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = perform(0, people, np.random.default_rng(8))
    assert other.shape != first.shape or np.abs(other - first).max() > 0.01


def test_ease_is_minimum_jerk():
    time = np.linspace(0, 1, 1001)
    rise = ease(time, 0.0, 1.0)
    assert rise[0] == 0
    assert rise[-1] == 1
    assert rise[500] == pytest.approx(0.5)
    assert np.gradient(rise, time).max() == pytest.approx(15 / 8, abs=1e-3)
    hill = bump(time, 0.2, 0.5, 0.9)
    assert hill[0] == hill[-1] == 0
    assert time[hill.argmax()] == pytest.approx(0.5, abs=0.01)
