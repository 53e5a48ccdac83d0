"""Mending: straight lines in short gaps, whole bodies in long ones, nothing at the origin, everything said."""

import numpy as np
import pytest

from benchmarks.doctor_faults import FAULTS
from zsar_kit.data.doctor import mend
from zsar_kit.data.joints import layout
from zsar_kit.errors import DataError

BODY = layout("ntu25")
WRIST, ELBOW, SPINE = BODY.index("wrist_left"), BODY.index("elbow_left"), BODY.index("spine_mid")


def gap(clip, frames, joint, value=np.nan):
    bad = clip.copy()
    bad[0, frames, joint] = value
    return bad


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_short_gaps_are_straight_lines(clip, value):
    mended = mend(gap(clip, slice(10, 14), WRIST, value), BODY)
    for k, frame in enumerate(range(10, 14), start=1):
        expected = clip[0, 9, WRIST] + (clip[0, 14, WRIST] - clip[0, 9, WRIST]) * k / 5
        np.testing.assert_allclose(mended.joints[0, frame, WRIST], expected, atol=1e-6)
    assert mended.missing.sum() == 4
    assert not mended.held.any()
    assert mended.done == ("4 points filled in gaps of at most 15 frames.",)


@pytest.mark.parametrize(("rate", "longest"), [(0.0, 15), (30.0, 15), (20.0, 10)])
def test_the_longest_bridged_gap_is_half_a_second(clip, rate, longest):
    assert not mend(gap(clip, slice(5, 5 + longest), WRIST), BODY, rate=rate).held.any()
    assert mend(gap(clip, slice(5, 6 + longest), WRIST), BODY, rate=rate).held.sum() == longest + 1


def test_in_long_gaps_the_body_stays_whole(clip):
    frames = slice(5, 35)
    mended = mend(gap(gap(clip, frames, WRIST), frames, ELBOW), BODY)
    assert mended.held[0, frames][:, [WRIST, ELBOW]].all()
    assert mended.held.sum() == 60
    for joint in (WRIST, ELBOW):
        parent = BODY.parents[joint]
        bone = mended.joints[0, :, joint] - mended.joints[0, :, parent]
        before, after = (clip[0, t, joint] - clip[0, t, parent] for t in (4, 35))
        # The nearer sighting counts; of two as near the earlier.
        np.testing.assert_allclose(bone[5:20], np.broadcast_to(before, (15, 3)), atol=1e-5)
        np.testing.assert_allclose(bone[20:35], np.broadcast_to(after, (15, 3)), atol=1e-5)
    kept = np.ones(clip.shape[1:3], dtype=bool)
    kept[frames, [[WRIST], [ELBOW]]] = False
    np.testing.assert_array_equal(mended.joints[0][kept], clip[0][kept])
    assert "60 points held in their place on the body: elbow_left (30), wrist_left (30)." in mended.done


def test_before_the_first_sighting_and_after_the_last_joints_are_held(clip):
    bad = gap(gap(clip, slice(0, 3), WRIST), slice(-3, None), WRIST)
    mended = mend(bad, BODY)
    bone = mended.joints[0, :, WRIST] - mended.joints[0, :, ELBOW]
    np.testing.assert_allclose(bone[:3], np.broadcast_to(bone[3], (3, 3)), atol=1e-5)
    np.testing.assert_allclose(bone[-3:], np.broadcast_to(bone[-4], (3, 3)), atol=1e-5)
    assert mended.held.sum() == 6


def test_a_root_that_is_lost_stays_within_its_body(clip):
    root = BODY.root
    mended = mend(gap(clip, slice(5, 40), root), BODY)
    assert mended.held[0, 5:40, root].all()
    assert np.linalg.norm(mended.joints[0, 5:40, root] - clip[0, 5:40, root], axis=-1).max() < 0.25


@pytest.mark.parametrize("joint", [WRIST, BODY.root])
def test_a_joint_that_was_never_seen_is_somewhere_on_the_body(clip, joint):
    mended = mend(gap(clip, slice(None), joint), BODY)
    assert np.isfinite(mended.joints).all()
    low, high = clip.min(axis=2), clip.max(axis=2)
    assert ((mended.joints[:, :, joint] >= low) & (mended.joints[:, :, joint] <= high)).all()
    assert mended.held[0, :, joint].all()


def test_nothing_is_ever_put_at_the_origin(clips):
    rng = np.random.default_rng(5)
    for clip in clips:
        bad = clip.copy()
        bad[rng.random(clip.shape[:3]) < 0.3] = rng.choice([0.0, np.nan])
        mended = mend(bad, BODY)
        assert np.isfinite(mended.joints).all()
        assert mended.joints.any(axis=-1).all()
        again = mend(mended.joints, BODY)
        np.testing.assert_array_equal(again.joints, mended.joints)
        assert again.done == ()


def test_a_clean_clip_stays_as_it_is(clip):
    mended = mend(clip, BODY)
    np.testing.assert_array_equal(mended.joints, clip)
    assert (mended.missing.any(), mended.trimmed, mended.done) == (False, (), ())


def test_a_centred_clip_keeps_its_origin(clip):
    centred = clip - clip[:, :1, [SPINE]]
    np.testing.assert_array_equal(mend(centred, BODY).joints, centred)


def test_mending_commutes_with_moving(clip):
    bad, way = gap(clip, slice(5, 40), WRIST), np.float32([1, 2, 3])
    np.testing.assert_allclose(mend(bad + way, BODY).joints, mend(bad, BODY).joints + way, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["padding moved by centring", "padded with the last pose", "padded by repeating the clip"]
)
def test_padding_is_trimmed(clip, name):
    padded = FAULTS[name].make(clip, BODY, np.random.default_rng(1)).joints
    mended = mend(padded, BODY)
    frames = clip.shape[1]
    assert mended.joints.shape[1] == frames
    assert mended.trimmed == tuple(range(frames, padded.shape[1]))
    assert len(mended.done) == 1
    assert mend(padded, BODY, trim=False).joints.shape == padded.shape


def test_a_copy_is_dropped_and_absence_stays(clip):
    two = np.concatenate([clip, clip])
    mended = mend(two, BODY)
    assert len(mended.joints) == 1
    assert mended.done == ("Person 1 repeated person 0 and was dropped.",)
    other = clip + np.float32([1, 0, 0])
    other[0, 10:20] = 0.0
    both = mend(np.concatenate([clip, other]), BODY)
    assert not both.joints[1, 10:20].any()
    assert not both.missing.any()


def test_points_can_be_named_as_missing(clip):
    also = np.zeros(clip.shape[:3], dtype=bool)
    also[0, 10, WRIST] = True
    expected = (clip[0, 9, WRIST] + clip[0, 11, WRIST]) / 2
    np.testing.assert_allclose(mend(clip, BODY, also=also).joints[0, 10, WRIST], expected, atol=1e-6)
    with pytest.raises(DataError, match="'also' must be"):
        mend(clip, BODY, also=also[:, 1:])


def test_what_cannot_be_mended_is_refused(clip):
    with pytest.raises(DataError, match=r"every joint is missing.*in a\.npy"):
        mend(np.zeros_like(clip), BODY, where="a.npy")
    with pytest.raises(DataError, match="joints of ntu25, 3"):
        mend(clip[:, :, :20], BODY)
    bad = clip.copy()
    bad[0, 0, 0] = np.inf
    with pytest.raises(DataError, match="infinite"):
        mend(bad, BODY)
