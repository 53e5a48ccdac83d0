"""Bodies whose motion is known: what is measured is what was done."""

from __future__ import annotations

import numpy as np
import pytest

from tests.primitives.stick import (
    BELLY,
    HANGING,
    HIP,
    RATE,
    STANDING,
    X,
    Y,
    Z,
    circle,
    mirrored,
    mirrored_place,
    over,
    puppets,
    stick,
    values,
    wave,
)
from zsar_kit.data.catalogue import ntu_ids
from zsar_kit.primitives.attributes import attribute
from zsar_kit.primitives.bodies import Bodies
from zsar_kit.primitives.measure import measure

SHOULDERS = STANDING + 1.0


def right(*points: tuple[float, object], seconds: float) -> np.ndarray:
    """A clip in which the right hand alone moves."""
    hand = over(list(points), seconds)
    return stick(len(hand), right=hand)


def raised(place: np.ndarray, *, rest: np.ndarray = HANGING) -> np.ndarray:
    """Up to a place, held for a second, and down again."""
    return right((0.0, rest), (0.5, rest), (1.5, place), (2.5, place), (3.5, rest), (4.0, rest), seconds=4.0)


@pytest.mark.parametrize("height", [-0.6, 0.0, 0.45, 1.2])
def test_a_hand_raised_to_a_known_height(height):
    place = np.array([0.4, 0.4, height])
    clip = raised(place)
    names = ("lead_hand_highest", "lead_hand_rise", "lead_hand_forward", "lead_hand_end", "other_hand_highest")
    np.testing.assert_allclose(
        values(clip, *names), [height, height - HANGING[2], 0.4, HANGING[2], HANGING[2]], atol=0.03
    )
    assert values(clip, "lead_hand_reach") == pytest.approx(np.linalg.norm(place - HANGING), abs=0.03)
    assert values(clip, "top_time") == pytest.approx(0.5, abs=0.03)
    assert values(clip, "right_arm") > 0.6 > -0.6 > values(mirrored(clip), "right_arm")


def test_a_hand_held_up_a_quarter_of_the_time():
    share = values(raised(np.array([0.4, 0.4, 0.5])), "lead_hand_hold")
    assert share == pytest.approx(0.25, abs=0.08)


def test_arms_straight_forward_aside_back_and_across():
    clip = raised(np.array([0.4, 1.395, 0.0]))
    assert values(clip, "lead_hand_forward") == pytest.approx(1.395, abs=0.05)
    assert values(clip, "lead_elbow_bend_at_top") < 15
    assert values(raised(np.array([1.75, 0.0, 0.0])), "lead_hand_outward") == pytest.approx(1.75, abs=0.05)
    assert values(raised(np.array([0.5, -0.6, -1.0])), "lead_hand_back") == pytest.approx(0.6, abs=0.05)
    assert values(raised(np.array([-0.5, 0.5, -0.2])), "lead_hand_inward") == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("turns", [1, 2])
@pytest.mark.parametrize("hand", ["right", "left"])
@pytest.mark.parametrize(("clockwise", "sign"), [(True, 1.0), (False, -1.0)])
def test_circles_turn_as_the_performer_sees_them(clockwise, sign, hand, turns):
    """Clockwise: from the top to the right, whichever hand draws."""
    moves = circle(turns, 1.4 * turns, clockwise=clockwise)
    clip = stick(len(moves), **{hand: moves if hand == "right" else moves - 0.6 * X})
    assert sign * values(clip, "winding") == pytest.approx(turns, abs=0.25)
    assert values(clip, "winding_size") == pytest.approx(turns, abs=0.25)
    assert sign * values(mirrored(clip), "winding") == pytest.approx(-turns, abs=0.25)


def test_circles_of_the_whole_arm_turn_too():
    angle = np.linspace(0, 4 * np.pi, 90)
    hand = 0.4 * X + 1.38 * np.stack([np.sin(angle), 0 * angle, -np.cos(angle)], -1)
    still = np.broadcast_to(hand[0], (15, 3))
    hand = np.concatenate([still, hand, still])
    assert values(stick(len(hand), right=hand), "winding") == pytest.approx(-2.0, abs=0.3)
    swing = np.stack([0.5 + 0 * angle, 1.3 * np.sin(angle), -1.3 * np.cos(angle)], -1)
    swing = np.concatenate([np.broadcast_to(swing[0], (15, 3)), swing])
    assert values(stick(len(swing), right=swing), "winding_side") == pytest.approx(-2.0, abs=0.4), "up in front"


def test_a_hand_that_comes_back_the_same_way_does_not_turn():
    assert values(raised(np.array([0.6, 0.6, 0.5])), "winding_size") < 0.1


def test_a_round_path_has_no_corners_and_ends_where_it_began_and_a_square_has_corners():
    # From the left, upwards, to the right, downwards: where the hand comes and goes there is no corner either.
    moves = circle(1.5, 2.0, start=-0.25)
    assert values(stick(len(moves), right=moves), "corners") == 0
    moves = circle(1, 2.0)
    closed, straight = values(stick(len(moves), right=moves), "closed", "straight")
    assert closed > 0.6
    assert straight < 0.45
    a, b, c, d = (np.array([x, 0.7, z]) for x, z in ((0.0, 0.5), (0.8, 0.5), (0.8, -0.3), (0.0, -0.3)))
    path = [
        (0.0, HANGING),
        (0.5, HANGING),
        (1.2, a),
        (1.8, b),
        (2.4, c),
        (3.0, d),
        (3.6, a),
        (4.3, HANGING),
        (4.6, HANGING),
    ]
    assert values(right(*path, seconds=4.6), "corners") >= 3


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_wave_is_counted(count):
    hand = wave(count)
    clip = stick(len(hand), right=hand)
    assert values(clip, "repetitions") == count
    assert values(clip, "reversals_lateral") == pytest.approx(2 * count - 1, abs=1)
    assert values(clip, "extent_lateral") == pytest.approx(0.8, abs=0.15)


def test_a_wave_has_a_rhythm_and_one_reach_has_none():
    found = [values(stick(len(hand), right=hand), "rhythm") for hand in (wave(2), wave(3), wave(5))]
    assert sorted(found) == found
    assert found[-1] > 3 * values(raised(np.array([0.4, 0.4, 0.5])), "rhythm")


def test_a_sweep_to_the_right_and_to_the_left():
    left, right_ = np.array([-0.5, 0.8, 0.0]), np.array([1.2, 0.8, 0.0])
    path = [(0.0, HANGING), (0.4, HANGING), (1.6, left), (1.8, left), (2.2, right_), (2.4, right_)]
    clip = right(*path, (3.8, HANGING), (4.0, HANGING), seconds=4.0)
    assert values(clip, "sweep") == pytest.approx(1.5 * 1.7 / 0.4, rel=0.15)
    assert values(clip, "sweep_net") > 0.5
    assert values(mirrored(clip), "sweep") == pytest.approx(-values(clip, "sweep"), abs=1e-3)


def legs(hips: np.ndarray, *lifts: np.ndarray) -> np.ndarray:
    """A clip of hips at heights, feet lifted by heights."""
    feet = [
        sign * HIP * X + (lift[:, None] * Z if len(lifts) else 0 * Z)
        for sign, lift in zip((1, -1), lifts or (0, 0), strict=True)
    ]
    feet = [np.broadcast_to(foot, (len(hips), 3)) for foot in feet]
    return stick(len(hips), hips=hips[:, None] * Z, feet=(feet[0], feet[1]))


@pytest.mark.parametrize("depth", [0.3, 0.7, 1.0])
def test_a_squat_of_known_depth(depth):
    clip = legs(STANDING - over([(0.0, 0.0), (0.5, 0.0), (1.5, depth), (2.0, depth), (3.0, 0.0), (3.5, 0.0)], 3.5))
    names = ("hips_down", "hips_net", "hips_up", "hips_reversals", "air")
    np.testing.assert_allclose(values(clip, *names), [depth, 0, 0, 1, 0], atol=0.04)
    assert values(clip, "head_drop") == pytest.approx(depth, abs=0.04)
    half = 0.5 * (STANDING - depth) / 0.85
    assert values(clip, "lead_knee_bend") == pytest.approx(2 * np.degrees(np.arccos(half)), abs=4)
    assert values(clip, "bottom_time") == pytest.approx(0.5, abs=0.05)


def test_a_jump_of_known_height():
    up = over([(0.0, 0.0), (1.0, 0.0), (1.2, -0.4), (1.5, 0.6), (1.8, -0.2), (2.1, 0.0), (3.0, 0.0)], 3.0)
    clip = legs(STANDING + up, np.maximum(up, 0), np.maximum(up, 0))
    names = ("hips_up", "air", "lead_foot_lift")
    np.testing.assert_allclose(values(clip, *names), [0.6, 0.6, 0.6], atol=0.12)
    assert values(clip, "hips_down") == pytest.approx(0.4, abs=0.1)


def test_who_stands_up_from_a_seat_does_not_jump():
    low = over([(0.0, 0.8), (2.0, 0.8), (3.0, 0.0), (3.5, 0.0)], 3.5)
    up, net, start, end = values(legs(STANDING - low), "hips_up", "hips_net", "knees_start", "knees_end")
    assert up < 0.05
    assert net == pytest.approx(0.8, abs=0.03)
    assert start > 80
    assert end < 15


def steps(count: int, *, length: float = 0.8, same_leg: bool = False) -> np.ndarray:
    """Walks ``count`` steps forward, right foot first; or lifts the right foot ``count`` times on the spot."""
    seconds = 0.6 * count + 1.0
    lifts, places = [], []
    for side in (0, 1):
        up, along = [(0.0, 0.0), (0.5, 0.0)], [(0.0, 0.0), (0.5, 0.0)]
        for step in range(count):
            begin = 0.5 + 0.6 * step
            moves = side == 0 if same_leg else step % 2 == side
            up += [(begin + 0.3, 0.5 * moves), (begin + 0.6, 0.0)]
            along += [(begin + 0.6, along[-1][1] + 2 * length * moves * (0.5 if step in (0, count - 1) else 1.0))]
        lifts.append(over([*up, (seconds, 0.0)], seconds))
        places.append(over([*along, (seconds, along[-1][1])], seconds))
    if same_leg:
        return legs(np.full(len(lifts[0]), STANDING), *lifts)
    feet = [s * HIP * X + p[:, None] * Y + u[:, None] * Z for s, p, u in zip((1, -1), places, lifts, strict=True)]
    hips = 0.5 * (places[0] + places[1])[:, None] * Y + (STANDING - 0.1) * Z
    return stick(len(hips), hips=hips, feet=(feet[0], feet[1]))


def test_steps_are_counted_and_go_where_they_go():
    clip = steps(4)
    travelled = values(clip, "net_forward")
    assert values(clip, "feet_in_turn") == 4
    assert travelled > 1.5
    assert values(clip, "travel") == pytest.approx(travelled - 0.25 * 2.4, rel=0.1), "without a sway of 0.25 T/s"
    assert abs(values(clip, "net_side")) < 0.02
    assert values(clip, "leg_share") == pytest.approx(1.0)
    assert values(clip, "feet_split_forward") > 0.5


def test_one_foot_lifted_again_and_again_is_no_walk():
    """The higher foot does not change."""
    assert values(steps(4, same_leg=True), "feet_in_turn") <= 1
    assert values(steps(4, same_leg=True), "repetitions") == 4


def test_a_walk_to_the_side():
    side = over([(0.0, 0.0), (0.5, 0.0), (2.0, 1.5), (2.5, 1.5)], 2.5)[:, None] * X
    clip = stick(len(side), hips=side + STANDING * Z, feet=(side + HIP * X, side - HIP * X))
    assert values(clip, "net_side") == pytest.approx(1.5, abs=0.02)


@pytest.mark.parametrize("angle", [15.0, 45.0, 80.0])
def test_a_lean_of_known_angle(angle):
    lean = over([(0.0, 0.0), (1.0, 0.0), (2.0, angle), (3.0, angle)], 3.0)
    clip = stick(len(lean), lean=lean)
    assert values(clip, "lean_forward") == pytest.approx(angle, abs=1.5)
    assert values(clip, "lean_end") == pytest.approx(angle, abs=1.5)
    assert values(clip, "lean_side") < 1.5
    back = stick(len(lean), lean=-0.25 * lean)
    assert values(back, "lean_back") == pytest.approx(0.25 * angle, abs=1.5)


def test_a_turn_and_a_nod_of_known_angle():
    turn = over([(0.0, 0.0), (0.5, 0.0), (2.0, 90.0), (2.5, 90.0)], 2.5)
    assert values(stick(len(turn), turn=turn), "turn") == pytest.approx(90, abs=2)
    assert values(stick(len(turn), turn=turn), "twist") < 3
    nod = over([(0.0, 0.0), *[(0.4 * k, 25.0 * (k % 2)) for k in range(1, 8)], (3.0, 0.0)], 3.0)
    clip = stick(len(nod), nod=nod)
    assert values(clip, "head_nod") == pytest.approx(25, abs=6)
    assert values(clip, "head_reversals") == 7
    assert values(clip, "head_tilt") < 2


def test_hands_that_touch_spread_and_cross():
    def both(place: np.ndarray, other: np.ndarray | None = None) -> np.ndarray:
        ends = [place, mirrored_place(place) if other is None else other]
        rest = [HANGING, mirrored_place(HANGING)]
        hands = [
            over([(0.0, r), (0.5, r), (1.5, e), (2.5, e), (3.5, r), (4.0, r)], 4.0)
            for r, e in zip(rest, ends, strict=True)
        ]
        return stick(len(hands[0]), right=hands[0], left=hands[1])

    touching = both(np.array([0.02, 0.8, -0.1]))
    close, share, crossed = values(touching, "hands_close", "hands_close_share", "hands_crossed")
    assert close == pytest.approx(-0.04, abs=0.03)
    assert share > 0.25
    assert crossed == pytest.approx(-0.04, abs=0.03)
    alike = ("both_hands", "hands_vertical", "hands_lateral", "hands_depth")
    assert min(values(touching, *alike)) > 0.6  # slow motion counts as less related
    spread = both(np.array([1.75, 0.0, 0.0]))
    assert values(spread, "hands_far") == pytest.approx(3.5, abs=0.1)
    over_ = both(np.array([-0.35, 0.6, -0.2]))
    assert values(over_, "hands_crossed") == pytest.approx(0.7, abs=0.05)
    one = both(np.array([0.4, 0.5, 0.5]), mirrored_place(HANGING))
    assert values(one, "both_hands") < 0.05


def test_claps_are_reversals_of_the_distance():
    gap = over([(0.0, 0.4), *[(0.3 * k, 0.4 if k % 2 == 0 else 0.03) for k in range(1, 8)], (2.4, 0.4)], 2.4)
    hands = [np.stack([s * gap, 0 * gap + 0.7, 0 * gap - 0.2], -1) for s in (1, -1)]
    clip = stick(len(gap), right=hands[0], left=hands[1])
    assert values(clip, "hands_reversals") == pytest.approx(7, abs=1)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("hand_mouth", [0.1, 0.2, 0.35]),
        ("hand_eyes", [0.1, 0.2, 0.53]),
        ("hand_crown", [0.05, 0.0, 0.7]),
        ("hand_ear", [0.2, 0.0, 0.45]),
        ("hand_chest", [0.05, 0.22, -0.3]),
        ("hand_belly", [0.05, 0.22, -0.75]),
    ],
)
def test_a_hand_at_a_place_is_at_that_place_more_than_a_hand_that_hangs(name, place):
    one = attribute(name)
    at_it, away = values(raised(np.array(place)), name), values(stick(60), name)
    levels = one.level(np.array([at_it, away]))
    assert levels[0] > 0.9
    assert levels[1] < 0.3


def test_hands_on_the_hips():
    hand = np.array([0.4, 0.05, -0.9])
    clip = stick(60, right=hand, left=mirrored_place(hand))
    assert values(clip, "on_hips") == 1.0
    assert values(stick(60), "on_hips") == 0.0


def test_a_performer_who_rests_with_both_hands_before_the_belly_and_waves():
    """What is measured while the hand is away is the wave, not the rest; reach and rise are from that rest."""
    hand = wave(3, rest=BELLY)
    clip = stick(len(hand), right=hand, left=mirrored_place(BELLY))
    top = np.array([0.6, 0.4, 0.4])
    assert values(clip, "lead_hand_away_height") == pytest.approx(top[2], abs=0.25)
    assert values(clip, "lead_hand_rise") == pytest.approx(top[2] - BELLY[2], abs=0.05)
    farthest = np.linalg.norm(hand - BELLY, axis=1).max()
    assert values(clip, "lead_hand_reach") == pytest.approx(farthest, abs=0.06)
    assert np.isnan(values(clip, "other_hand_away_height"))
    assert values(clip, "repetitions") == 3


def test_the_rest_is_what_is_held_longer_before_or_after():
    """Who begins with a raised hand and lets it hang rests with a hanging hand."""
    high = np.array([0.5, 0.5, 0.3])
    clip = right((0.0, high), (0.5, high), (1.5, HANGING), (4.0, HANGING), seconds=4.0)
    assert values(clip, "lead_hand_rise") == pytest.approx(0.3 - HANGING[2], abs=0.05)


def test_a_calibration_pose_at_the_start_is_cut():
    spread = np.array([1.78, 0.0, 0.0])
    down = over([(0.0, spread), (0.3, spread), (1.1, HANGING), (1.3, HANGING)], 1.3)
    hand = np.concatenate(
        [down, raised_path := over([(0.0, HANGING), (0.5, HANGING), (1.5, [0.4, 0.5, 0.3]), (2.5, HANGING)], 2.8)]
    )
    left = mirrored_place(np.concatenate([down, np.broadcast_to(HANGING, raised_path.shape)]))
    clip = stick(len(hand), right=hand, left=left)
    names = ("lead_hand_outward", "other_hand_outward", "hands_far", "other_hand_path", "lead_hand_highest")
    plain = stick(len(raised_path), right=raised_path)
    np.testing.assert_allclose(values(clip, *names), values(plain, *names), atol=0.15)


def test_an_act_that_begins_with_spread_arms_is_kept():
    spread = np.array([1.78, 0.0, 0.0])
    hand = over([(0.0, spread), (2.0, spread), (2.6, HANGING), (3.0, HANGING)], 3.0)
    clip = stick(len(hand), right=hand, left=mirrored_place(hand))
    assert values(clip, "hands_far") == pytest.approx(3.5, abs=0.1)


@pytest.mark.parametrize(
    ("action", "name", "least"),
    [
        (22, "lead_hand_away_height", 0.3),  # hand waving
        (26, "air", 0.3),  # jump up
        (25, "lead_foot_lift", 0.1),  # hopping
        (9, "hands_close", 0.5),  # clapping
        (7, "hips_down", 0.5),  # sitting down
    ],
)
def test_puppet_does_what_its_classes_say(action, name, least):
    clips = puppets((ntu_ids("puppet").index(action),), 4)
    levels = attribute(name).level(np.array([values(clip, name) for clip in clips]))
    assert np.nanmedian(levels) > least


def test_puppet_hand_heights_are_those_of_its_joints():
    """An oracle by plain arithmetic on the world's vertical, for clean standing clips."""
    clip = raised(np.array([0.4, 0.4, 0.6]))
    joints = clip[0].astype(np.float64)
    height = (joints[:, 11, 2] - joints[:, 20, 2]) / 0.5
    bodies = Bodies.of([clip], "ntu25", RATE)
    np.testing.assert_allclose(bodies.hands[0, 0, :, 2], height, atol=0.03)
    assert measure([clip]).values.shape == (1, 138)
