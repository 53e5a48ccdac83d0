"""What a clip or a layout lacks: no number where there is nothing to measure, and clear errors for what is no clip."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bodies import in_layout
from tests.primitives.stick import NTU, circle, puppets, stick, values, wave
from zsar_kit.data.joints import layout_names
from zsar_kit.errors import DataError
from zsar_kit.primitives.attributes import attribute_names, attributes
from zsar_kit.primitives.clips import available
from zsar_kit.primitives.measure import measure, packed
from zsar_kit.primitives.reads import joints_asked


def moves() -> np.ndarray:
    hand = wave(3)
    return stick(len(hand), right=hand)


@pytest.mark.parametrize("name", [n for n in layout_names() if n != "ntu25"])
def test_every_layout_has_numbers_for_what_it_has_and_nothing_for_the_rest(name):
    clip = in_layout(moves(), name)
    found = dict(zip(attribute_names(), values(clip, layout=name), strict=True))
    reference = dict(zip(attribute_names(), values(moves()), strict=True))
    lacking = {a.name for a in attributes() if set(a.needs) - {"two"} - available(name)}
    assert all(np.isnan(found[n]) for n in lacking)
    assert {n for n, v in found.items() if np.isnan(v)} <= lacking | {n for n, v in reference.items() if np.isnan(v)}
    levels = measure([clip], name).levels[0], measure([moves()]).levels[0]
    assert np.nanmean(np.abs(levels[0] - levels[1])) < 0.05


def test_what_each_layout_has():
    without_hands = {"coco_17", "openpose_25", "halpe_26", "h36m_17"}
    for name in layout_names():
        assert available(name) == ({"head"} if name in without_hands else {"head", "hands"}), name


def test_without_hands_what_needs_them_is_missing():
    found = dict(zip(attribute_names(), values(in_layout(moves(), "coco_17"), layout="coco_17"), strict=True))
    assert np.isnan([found[n] for n in ("hand_mouth", "hand_chest", "hand_ear")]).all()
    assert np.isfinite([found[n] for n in ("lead_hand_highest", "winding", "lead_hand_head", "hips_down")]).all()


def test_missing_values_never_leave_the_packed_levels():
    clips = [in_layout(clip, "coco_17") for clip in (moves(), *puppets((0, 9), 1))]
    whole = packed(measure(clips, "coco_17").levels)
    assert np.isfinite(whole).all()
    known = whole[:, len(attribute_names()) :]
    assert set(np.unique(known)) == {0.0, 1.0}


def test_a_joint_that_is_lost_in_some_frames_keeps_its_last_place():
    clip = moves()
    for joint, frames in (("elbow_right", slice(20, 24)), ("head", slice(0, 5)), ("ankle_left", slice(-4, None))):
        clip[0, frames, NTU[joint]] = 0
    levels = measure([clip]).levels[0], measure([moves()]).levels[0]
    assert np.nanmax(np.abs(levels[0] - levels[1])) < 0.2
    assert np.nanmean(np.abs(levels[0] - levels[1])) < 0.01


def both_arms() -> np.ndarray:
    hand = wave(3)
    return stick(len(hand), right=hand, left=hand * [-1, 1, 1])


@pytest.mark.parametrize("filled_in", [False, True])
def test_nothing_is_measured_by_a_joint_that_was_never_seen(filled_in):
    """Zeros and marks of a joint that was filled in say the same; all other attributes are those of the whole clip."""
    clip, missing = both_arms(), np.zeros((1, both_arms().shape[1], 25), dtype=bool)
    lost = [NTU[f"{joint}_left"] for joint in ("hand", "wrist", "hand_tip", "thumb")]
    missing[:, :, lost] = True
    clip[:, :, lost] = clip[:, :, [NTU["elbow_left"]]] if filled_in else 0
    found = measure([clip], missing=[missing] if filled_in else None).values[0]
    whole = measure([both_arms()]).values[0]
    reads = np.array([joints_asked(name)[0][lost].any() for name in attribute_names()])
    named = dict(zip(attribute_names(), found, strict=True))
    assert np.isnan([named[n] for n in ("lead_hand_highest", "other_hand_highest", "hand_mouth", "energy")]).all()
    assert np.isfinite([named[n] for n in ("hips_down", "turn", "two_persons", "lead_knee_bend")]).all()
    assert np.isnan(found[reads]).all()
    np.testing.assert_allclose(found[~reads], whole[~reads], atol=1e-5)


def test_a_joint_that_is_missing_for_most_of_the_clip_counts_and_for_half_of_it_does_not():
    clip = both_arms()
    frames = clip.shape[1]
    for share, gone in ((0.4, False), (0.6, True)):
        missing = np.zeros((1, frames, 25), dtype=bool)
        missing[0, : round(share * frames), NTU["head"]] = True
        found = dict(zip(attribute_names(), measure([clip], missing=[missing]).values[0], strict=True))
        assert bool(np.isnan(found["hand_ear"])) is gone


def test_legs_that_were_never_seen_do_not_tilt_the_body():
    """Somebody behind a desk: arms and trunk have the values of the whole body."""
    clip = both_arms()
    lost = [NTU[f"{joint}_{side}"] for joint in ("knee", "ankle", "foot") for side in ("left", "right")]
    clip[:, :, lost] = 0
    found = dict(zip(attribute_names(), measure([clip]).values[0], strict=True))
    whole = dict(zip(attribute_names(), measure([both_arms()]).values[0], strict=True))
    assert np.isnan([found[n] for n in ("hips_down", "lead_knee_bend", "lead_knee_bend_at_top")]).all()
    for name in ("lead_hand_highest", "other_hand_highest", "hand_mouth", "turn"):
        assert found[name] == pytest.approx(whole[name], abs=0.03), name


def test_a_body_that_is_centred_in_each_frame_lacks_nothing():
    clip = both_arms()
    moved = clip - clip[:, :, [NTU["spine_base"]]]
    assert not moved[:, :, NTU["spine_base"]].any()
    unknown = np.isnan(measure([moved]).values[0])
    np.testing.assert_array_equal(unknown, np.isnan(measure([clip]).values[0]))


def test_what_the_second_person_lacks_concerns_two_persons_alone():
    clip = np.concatenate([both_arms(), stick(both_arms().shape[1]) + np.float32([0, 0, 1.5])])
    whole = measure([clip]).values[0]
    missing = np.zeros(clip.shape[:3], dtype=bool)
    missing[1, :, NTU["head"]] = True
    found = measure([clip], missing=[missing]).values[0]
    lacking = {n for n, a, b in zip(attribute_names(), found, whole, strict=True) if np.isnan(a) and not np.isnan(b)}
    assert lacking == {n for n in attribute_names() if joints_asked(n)[1][NTU["head"]]}
    assert "hand_to_other_head" in lacking


def test_marks_of_another_shape_are_refused():
    with pytest.raises(DataError, match=r"marks of missing joints must be \[1, 30, 25\]"):
        measure([stick(30)], missing=[np.zeros((1, 29, 25), dtype=bool)])


def test_frames_without_anybody_keep_the_last_pose():
    clip = moves()
    clip[:, 40:43] = 0
    levels = measure([clip]).levels[0], measure([moves()]).levels[0]
    assert np.nanmean(np.abs(levels[0] - levels[1])) < 0.03


@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_few_frames_are_a_body_that_stands_still(frames):
    found = dict(zip(attribute_names(), values(stick(90)[:, :frames]), strict=True))
    reference = dict(zip(attribute_names(), values(stick(90)), strict=True))
    assert {n for n, v in found.items() if np.isnan(v)} == {n for n, v in reference.items() if np.isnan(v)}
    off = {n: v for n, v in found.items() if n != "duration" and abs(v - reference[n]) > 0.02}
    assert off == {}
    assert found["duration"] == pytest.approx(frames / 30)


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        (np.zeros((1, 30, 25, 3)), "there is nobody in this clip"),
        (np.zeros((1, 0, 25, 3)), "there is nobody in this clip"),
        (np.zeros((0, 30, 25, 3)), "there is nobody in this clip"),
        (np.full((1, 30, 25, 3), 0.7), "at one place"),
        (np.where(np.arange(25)[:, None] == 3, np.nan, stick(30)), "not finite"),
        (np.where(np.arange(25)[:, None] == 3, np.inf, stick(30)), "not finite"),
        (stick(30)[0], r"must be \[person, frame, 25, 3\], got \[30, 25, 3\]"),
        (stick(30)[..., :2], r"got \[1, 30, 25, 2\]"),
        (stick(30)[:, :, :20], r"got \[1, 30, 20, 3\]"),
        (np.zeros(3), r"got \[3\]"),
    ],
)
def test_what_is_no_clip_is_refused_by_name(clip, message):
    with pytest.raises(DataError, match=message) as error:
        measure([stick(30), clip.astype(np.float32)], names=["good", "bad one"])
    assert "bad one" in str(error.value)


@pytest.mark.parametrize("rate", [0.0, -30.0, float("nan"), float("inf")])
def test_a_rate_that_is_no_rate_is_refused(rate):
    with pytest.raises(DataError, match="frame rate"):
        measure([stick(30)], rate=rate)


def test_no_clip_at_all_is_refused():
    with pytest.raises(DataError, match="no clip"):
        measure([])


def test_an_attribute_is_missing_only_where_its_condition_is():
    """Nothing is drawn by who stands; nothing sinks; no foot is lifted."""
    standing = dict(zip(attribute_names(), values(stick(60)), strict=True))
    conditional = {"lead_hand_away_height", "other_hand_away_height", "extent_lateral", "extent_vertical"}
    conditional |= {"extent_depth", "closed", "straight", "top_time", "bottom_time", "fast_time", "both_hands"}
    conditional |= {"leg_share", "lead_knee_bend_at_top", "velocity_forward", "velocity_up"}
    two = {a.name for a in attributes() if "two" in a.needs}
    assert {n for n, v in standing.items() if np.isnan(v)} == conditional | two
    neutral = {a.name: a.neutral for a in attributes()}
    assert [n for n in conditional if neutral[n] is not None] == []
    circles = circle(2, 2.4)
    assert np.isnan(values(stick(len(circles), right=circles))).sum() < len(two | conditional)


def test_measuring_leaves_the_clips_alone():
    clip = puppets((9,), 1)[0]
    before = clip.copy()
    measure([clip])
    np.testing.assert_array_equal(clip, before)
