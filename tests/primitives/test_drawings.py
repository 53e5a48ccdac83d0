"""Drawings of levels: what is drawn has the level, as measured anew; the stick body keeps its bones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zsar_kit.data.joints import layout
from zsar_kit.errors import ConfigError
from zsar_kit.primitives.attributes import TOPICS, attribute, attribute_names
from zsar_kit.primitives.clips import NTU
from zsar_kit.primitives.drawings import drawable, drawing
from zsar_kit.primitives.measure import measure
from zsar_kit.primitives.pose import RATE, STANDING, TORSO, bent_arm, between, hold, joints_of, mirrored, swing

#: counts come in whole numbers and shapes of paths are coarse; all other levels are met closely
COARSE = {"corners": 0.16, "closed": 0.16, "straight": 0.1, "hands_close": 0.15}
CLOSE, EXTREME = 0.09, 0.14


def levels_of(name: str) -> tuple[float, ...]:
    return (0.0, 1.0) if name == "two_persons" else (0.0, 0.5, 1.0)


#: attributes that are checked without `slow`: an arm, a place, two hands, a path, trunk, legs, two persons
QUICK = ("lead_hand_highest", "other_hand_forward", "hand_crown", "hands_far", "winding", "lean_forward", "hips_down")


def shown_as(names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Attribute to the levels of its drawings, all of them measured together as a data set is."""
    wanted = [(name, level) for name in names for level in levels_of(name)]
    rows = np.clip(measure((drawing(*one).joints for one in wanted), rate=RATE).levels, 0.0, 1.0)
    column = {name: attribute_names().index(name) for name in names}
    return {name: rows[[i for i, (other, _) in enumerate(wanted) if other == name], column[name]] for name in names}


def wrong(found: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """Attributes whose drawings have other levels than they show."""

    def limit(name: str, level: float) -> float:
        return max(COARSE.get(name, 0.0), CLOSE if level == 0.5 else EXTREME)

    limits = {name: np.array([limit(name, level) for level in levels_of(name)]) for name in found}
    return {n: v.tolist() for n, v in found.items() if np.any(np.abs(v - levels_of(n)) > limits[n])}


def test_a_drawing_has_the_level_that_it_shows():
    assert wrong(shown_as(QUICK)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("topic", TOPICS)
def test_every_drawing_has_the_level_that_it_shows(topic):
    assert wrong(shown_as(tuple(name for name in drawable() if attribute(name).topic == topic))) == {}


def test_the_level_of_a_drawing_is_the_measured_one():
    shown = drawing("lead_hand_highest", 0.75)
    measured = measure([shown.joints], rate=RATE).levels[0, attribute_names().index("lead_hand_highest")]
    assert shown.level == pytest.approx(measured, abs=1e-3)


def test_every_attribute_is_drawn_or_said_in_words():
    in_words = set(attribute_names()) - set(drawable())
    assert set(drawable()) < set(attribute_names())
    units = {attribute(name).unit for name in in_words}
    assert units <= {"share", "s", "T/s"}, "only times, speeds and shares are without a picture"


def test_an_attribute_in_words_and_an_unknown_level_show_a_standing_body():
    for shown in (drawing("duration", 0.5), drawing("hips_down", float("nan"))):
        assert np.isnan(shown.level)
        assert np.allclose(shown.joints[0], joints_of([STANDING])[0])


@pytest.mark.parametrize(
    ("name", "level", "message"), [("hips_dwn", 0.5, "Did you mean"), ("hips_down", 2.0, "0 to 1")]
)
def test_what_cannot_be_drawn_is_refused(name, level, message):
    with pytest.raises(ConfigError, match=message):
        drawing(name, level)


@pytest.mark.parametrize("name", ["lead_hand_highest", "hips_down", "feet_split_forward", "winding", "other_hand_back"])
def test_bones_keep_their_length_whatever_the_body_does(name):
    parents = [(a, b) for a, b in layout("ntu25").bones if "thumb" not in layout("ntu25").joints[a]]
    free = {NTU[f"shoulder_{side}"] for side in ("right", "left")} | {NTU["neck"], NTU["head"]}
    joints = drawing(name, 1.0).joints[0]
    for joint, parent in parents:
        if joint not in free:
            lengths = np.linalg.norm(joints[:, joint] - joints[:, parent], axis=-1)
            assert np.ptp(lengths) < 2e-3, layout("ntu25").joints[joint]


def test_a_hand_is_where_it_was_put_if_it_is_in_reach():
    for place in ((0.3, 0.8, -0.2), (0.0, 0.2, 0.3), (-0.4, 0.4, -0.6)):
        joints = joints_of([replace(STANDING, right=place)])[0] / TORSO
        assert np.allclose(joints[NTU["hand_right"]] - joints[NTU["spine_shoulder"]], place, atol=1e-3)


def test_a_place_out_of_reach_is_approached_with_a_straight_arm():
    joints = joints_of([replace(STANDING, right=(0.4, 9.0, 0.0))])[0]
    upper = joints[NTU["elbow_right"]] - joints[NTU["shoulder_right"]]
    fore = joints[NTU["wrist_right"]] - joints[NTU["elbow_right"]]
    cosine = upper @ fore / np.linalg.norm(upper) / np.linalg.norm(fore)
    assert cosine > 0.999


def test_the_trunk_leans_by_the_angle():
    joints = joints_of([replace(STANDING, lean=30.0)])[0]
    spine = joints[NTU["spine_shoulder"]] - joints[NTU["spine_base"]]
    assert np.degrees(np.arctan2(spine[1], spine[2])) == pytest.approx(30.0, abs=1e-3)


def test_a_bent_arm_has_the_directions_that_were_given():
    joints = joints_of([replace(STANDING, **bent_arm((0.2, 0.1, -1.0), (0.0, 1.0, 0.2)))])[0]
    upper = joints[NTU["elbow_right"]] - joints[NTU["shoulder_right"]]
    fore = joints[NTU["wrist_right"]] - joints[NTU["elbow_right"]]
    for found, wanted in ((upper, (0.2, 0.1, -1.0)), (fore, (0.0, 1.0, 0.2))):
        assert np.allclose(found / np.linalg.norm(found), np.array(wanted) / np.linalg.norm(wanted), atol=5e-3)


def test_a_mirrored_pose_is_the_mirror_image():
    pose = replace(STANDING, right=(0.3, 0.8, 0.1), side=20.0, twist=15.0, left_foot=(-0.6, 0.3, 0.2), yaw=10.0)
    swapped = [NTU[n.replace("left", "#").replace("right", "left").replace("#", "right")] for n in NTU]
    once, back = joints_of([pose])[0], joints_of([mirrored(pose)])[0]
    assert np.allclose(once * [-1, 1, 1], back[swapped], atol=1e-5)


def test_a_motion_begins_and_ends_where_it_should_and_swings_the_arm():
    up = replace(STANDING, right=swing(180.0))
    poses = hold(STANDING, 0.2) + between(STANDING, up, 1.0)
    hand = joints_of(poses)[:, NTU["hand_right"]]
    assert np.allclose(hand[-1], joints_of([up])[0, NTU["hand_right"]], atol=1e-4)
    shoulder = joints_of(poses)[:, NTU["shoulder_right"]]
    assert np.linalg.norm(hand - shoulder, axis=-1).min() > 1.2 * TORSO, "a straight arm stays straight on its way"
