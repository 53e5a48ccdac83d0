"""Changes of a clip: a part taken away, a pose held, another clip's motion."""

from __future__ import annotations

import numpy as np
import pytest

from zsar_kit.data.changes import held, with_motion_of, without_part
from zsar_kit.data.joints import layout
from zsar_kit.errors import ConfigError, DataError

NTU = layout("ntu25")


def clip(persons=1, frames=7, seed=0):
    return np.random.default_rng(seed).normal(size=(persons, frames, 25, 3)).astype(np.float32)


def lengths(joints):
    return np.linalg.norm(joints - joints[:, :, list(NTU.parents)], axis=-1)


def test_a_part_is_drawn_to_where_it_begins_and_nothing_else_moves():
    joints = clip()
    changed = without_part(joints, NTU, "hand")
    gone = list(NTU.parts["hand"])
    kept = [j for j in range(25) if j not in gone]
    np.testing.assert_array_equal(changed[:, :, kept], joints[:, :, kept])
    ends = {tuple(changed[0, 0, j]) for j in gone}
    starts = {tuple(joints[0, 0, NTU.parents[j]]) for j in gone if NTU.parents[j] not in gone}
    assert ends == starts


def test_a_part_with_the_root_and_an_unknown_one_are_refused():
    rooted = next(part for part, members in NTU.parts.items() if NTU.root in members)
    with pytest.raises(DataError, match="holds the root"):
        without_part(clip(), NTU, rooted)
    with pytest.raises(ConfigError, match=r"no body part .hnad.*Did you mean"):
        without_part(clip(), NTU, "hnad")


def test_a_pose_is_held_from_its_frame_on():
    joints = clip()
    changed = held(joints, 3)
    np.testing.assert_array_equal(changed[:, :4], joints[:, :4])
    assert (changed[:, 3:] == joints[:, 3:4]).all()
    with pytest.raises(ConfigError, match="frames are 0 to 6, got 7"):
        held(joints, 7)


def test_the_motion_of_a_clip_itself_is_the_clip_where_bones_are_rigid():
    pose = clip(frames=1)
    shift = np.linspace(0, 1, 5, dtype=np.float32)[None, :, None, None]
    joints = pose + shift
    np.testing.assert_allclose(with_motion_of(joints, joints, NTU), joints, atol=1e-5)


def test_a_body_in_anothers_motion_keeps_its_bones_and_takes_the_directions():
    mine, other = clip(seed=1), clip(frames=4, seed=2)
    changed = with_motion_of(mine, other, NTU)
    assert changed.shape == other.shape
    np.testing.assert_allclose(lengths(changed)[0, 0], np.median(lengths(mine)[0], axis=0), rtol=1e-4)
    np.testing.assert_array_equal(changed[:, :, NTU.root], other[:, :, NTU.root])
    bones = [x - x[:, :, list(NTU.parents)] for x in (changed, other)]
    units = [np.delete(b / np.linalg.norm(b, axis=-1, keepdims=True).clip(1e-9), NTU.root, axis=2) for b in bones]
    np.testing.assert_allclose(*units, atol=1e-4)


def test_who_is_absent_stays_absent():
    mine, other = clip(2, seed=1), clip(2, seed=2)
    other[1, 2:] = 0
    changed = with_motion_of(mine, other, NTU)
    assert (changed[1, 2:] == 0).all()
    assert (changed[1, :2] != 0).any()
