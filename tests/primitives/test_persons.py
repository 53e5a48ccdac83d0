"""Two persons: distance, approach, facing, hands that meet, whoever comes first in the array."""

from __future__ import annotations

import numpy as np
import pytest

from tests.primitives.stick import (
    HANGING,
    RATE,
    STANDING,
    X,
    Y,
    Z,
    mirrored_place,
    over,
    puppets,
    stick,
    turned,
    values,
)
from zsar_kit.data.puppet.motions import NTU_LABELS, PAIRS
from zsar_kit.primitives.attributes import attribute_names, attributes
from zsar_kit.primitives.bodies import Bodies
from zsar_kit.primitives.measure import measure

T = 0.5
TWO = [a.name for a in attributes() if "two" in a.needs]


def pair(first: np.ndarray, second: np.ndarray, apart: float | np.ndarray, *, facing: bool = True) -> np.ndarray:
    """Two clips of one person as one of two: the second stands ``apart`` T before the first, looking at it or away."""
    other = turned(second, 180.0) if facing else second
    move = np.broadcast_to(apart, second.shape[1])[:, None, None] * T * Y
    return np.concatenate([first, (other + move).astype(np.float32)])


def reaching(place: np.ndarray) -> np.ndarray:
    """Stands and reaches with the right hand."""
    hand = over([(0.0, HANGING), (0.5, HANGING), (1.5, place), (2.0, place), (3.0, HANGING)], 3.0)
    return stick(len(hand), right=hand)


@pytest.mark.parametrize("apart", [1.2, 2.5])
def test_distance_and_facing(apart):
    clip = pair(reaching(np.array([0.4, 0.8, 0.2])), stick(90), apart)
    names = ("two_persons", "persons_near", "persons_approach", "persons_facing")
    np.testing.assert_allclose(values(clip, *names), [1, -apart, 0, 1], atol=0.02)
    same_way = pair(reaching(np.array([0.4, 0.8, 0.2])), stick(90), apart, facing=False)
    assert values(same_way, "persons_facing") == pytest.approx(-1, abs=0.02)


def test_one_walks_up_to_the_other_or_away():
    gap = over([(0.0, 4.0), (0.5, 4.0), (2.5, 1.0), (3.0, 1.0)], 3.0)
    near, approach = values(pair(stick(90), stick(90), gap), "persons_near", "persons_approach")
    assert near == pytest.approx(-1.0, abs=0.02)
    assert approach == pytest.approx(3.0, abs=0.05)
    assert values(pair(stick(90), stick(90), gap[::-1]), "persons_approach") == pytest.approx(-3.0, abs=0.05)


def test_hands_that_meet_half_way():
    place = np.array([0.0, 1.0, -0.2])
    clip = pair(reaching(place), reaching(place), 2.0)
    assert values(clip, "persons_hands") > -0.1
    assert values(clip, "persons_alike") == pytest.approx(0.5, abs=0.02)
    apart = pair(reaching(place), reaching(place), 4.0)
    assert values(apart, "persons_hands") == pytest.approx(-2.0, abs=0.1)


def test_a_hand_at_the_others_head_trunk_hip_and_back():
    def reached(place: np.ndarray, name: str) -> float:
        return float(values(pair(reaching(place), stick(90), 1.0), name))

    assert reached(0.9 * Y + 0.4 * Z, "hand_to_other_head") > -0.2
    assert reached(0.9 * Y - 0.3 * Z, "hand_to_other_trunk") > -0.3
    assert reached(0.9 * Y - 0.9 * Z + 0.2 * X, "hand_to_other_hip") > -0.2
    assert reached(0.1 * X + 1.2 * Y - 0.5 * Z, "hand_to_other_back") > 0.05
    assert reached(0.3 * X + 0.5 * Y - 0.1 * Z, "hand_to_other_back") == pytest.approx(-0.5, abs=0.08)


def test_only_one_acts():
    assert values(pair(reaching(0.8 * Y), stick(90), 2.0), "persons_alike") < 0.02


def test_who_is_pushed_away():
    back = over([(0.0, 1.5), (1.5, 1.5), (2.2, 2.4), (3.0, 2.4)], 3.0)
    hand = over([(0.0, HANGING), (0.5, HANGING), (1.5, 1.2 * Y), (2.0, 1.2 * Y), (3.0, HANGING)], 3.0)
    lean = over([(0.0, 0.0), *[(0.3 * k, 60.0 * (k % 2)) for k in range(1, 10)]], 3.0)
    pushing = stick(90, right=hand, left=mirrored_place(hand), lean=lean)  # the first is who moves more
    assert values(pair(pushing, stick(90), back), "other_pushed") == pytest.approx(0.9, abs=0.08)
    assert values(pair(pushing, stick(90), 1.5), "other_pushed") < 0.05


def test_a_kick_at_the_other():
    lift = over([(0.0, 0.0), (0.8, 0.0), (1.2, 1.0), (1.6, 0.0), (2.0, 0.0)], 2.0)
    feet = (0.2 * X + lift[:, None] * (1.2 * Y + 0.8 * Z), np.broadcast_to(-0.2 * X, (len(lift), 3)))
    kick = stick(len(lift), hips=(STANDING - 0.05) * Z, feet=feet)
    assert values(pair(kick, stick(60), 1.4), "foot_to_other") > -0.6
    assert values(pair(reaching(Y)[:, :60], stick(60), 1.4), "foot_to_other") == -2.0


@pytest.mark.parametrize("both", [[np.array([0.1, 1.0, 0.0])] * 2, [np.array([0.1, 1.0, 0.0]), HANGING]])
def test_the_order_of_the_persons_does_not_matter(both):
    clip = pair(reaching(both[0]), reaching(both[1]), 2.2)
    np.testing.assert_allclose(values(clip), values(clip[::-1]), atol=2e-3)


def test_the_order_of_the_persons_of_puppets_pairs_does_not_matter():
    clips = puppets(tuple(sorted(NTU_LABELS.index(label) for label in PAIRS)), 3)
    assert {len(clip) for clip in clips} == {2}
    swapped = [clip[::-1] for clip in clips]
    np.testing.assert_allclose(measure(clips).values, measure(swapped).values, atol=1e-5)


def test_one_person_has_none_of_the_attributes_of_two():
    levels = dict(zip(attribute_names(), values(reaching(Y)), strict=True))
    assert all(np.isnan(levels[name]) for name in TWO)
    assert levels["two_persons"] == 0
    alone, together = values(reaching(Y)), values(pair(reaching(Y), stick(90), 2.5))
    same = [i for i, name in enumerate(attribute_names()) if name not in (*TWO, "two_persons")]
    np.testing.assert_allclose(together[same], alone[same], atol=1e-5)


def test_a_copy_of_the_only_person_and_an_empty_place_are_no_second_person():
    one = reaching(Y)
    for clip in (np.concatenate([one, one]), np.concatenate([one, 0 * one]), np.concatenate([0 * one, one])):
        np.testing.assert_array_equal(values(clip), values(one))


def test_of_three_persons_the_two_that_move_most_are_measured():
    still, wave, walk = stick(90), reaching(Y), stick(90, hips=np.linspace(0, 2, 90)[:, None] * Y + STANDING * Z)
    clip = np.concatenate([still + 2, wave + 1, walk]).astype(np.float32)
    np.testing.assert_allclose(values(clip), values(clip[1:]), atol=1e-5)


def test_the_calibration_pose_of_the_first_is_cut_for_both():
    spread, frames = np.array([1.78, 0.0, 0.0]), 45
    down = over([(0.0, spread), (0.3, spread), (1.1, HANGING), (1.5, HANGING)], 1.5)
    begin = stick(frames, right=down, left=mirrored_place(down))
    first = np.concatenate([begin, reaching(Y)], axis=1)
    clip = pair(first, stick(first.shape[1]), np.linspace(2.0, 2.5, first.shape[1]))
    bodies = Bodies.of([clip], "ntu25", RATE)
    cut = clip.shape[1] - bodies.frames[0]
    assert 30 <= cut <= frames
    np.testing.assert_allclose(bodies.partner[0, 0], clip[1, cut], atol=0.01)
    assert values(clip, "persons_approach") == pytest.approx(-0.5 * bodies.frames[0] / clip.shape[1], abs=0.02)
