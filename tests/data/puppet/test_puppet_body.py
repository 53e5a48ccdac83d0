"""Bodies: constant bones, inverse kinematics against its definition, anatomical limits."""

from __future__ import annotations

import numpy as np
import pytest

from zsar_kit.data.joints import layout
from zsar_kit.data.puppet.body import (
    ARM,
    LEFT,
    LEG,
    RIGHT,
    STRAIGHT,
    Pose,
    euler,
    plant,
    rotation,
    solve,
    subject_body,
    trunk,
    two_bone,
)

BODY = subject_body(0, 1)


def random_pose(seed: int, frames: int = 40) -> Pose:
    rng = np.random.default_rng(seed)
    pose = Pose(BODY, frames, stance=0.2, splay=0.1)
    for channel in (pose.hips_turn, pose.spine, pose.head):
        channel += rng.normal(0, 0.3, channel.shape)
    pose.hand += rng.normal(0, 0.4, pose.hand.shape) + np.array([0.0, 1.2, 0.2])
    pose.aim += rng.normal(size=pose.aim.shape)
    pose.thumb += rng.normal(size=pose.thumb.shape)
    pose.aim_weight += rng.random(pose.aim_weight.shape)
    pose.swivel += rng.normal(0, 0.4, pose.swivel.shape)
    pose.curl += rng.random(pose.curl.shape)
    return pose


def test_bones_keep_their_length_whatever_the_pose():
    joints = solve(BODY, random_pose(0))
    for first, second in layout("ntu25").bones:
        lengths = np.linalg.norm(joints[:, first] - joints[:, second], axis=-1)
        assert np.ptp(lengths) < 1e-9, (first, second)
    assert len({j for bone in layout("ntu25").bones for j in bone}) == 25


def test_two_bones_reach_what_is_in_reach_with_both_lengths_kept():
    rng = np.random.default_rng(1)
    start = rng.normal(size=(200, 3))
    direction = rng.normal(size=(200, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    target = start + direction * rng.uniform(0.1, 0.54, (200, 1))
    middle, end = two_bone(start, target, 0.3, 0.25, rng.normal(size=(200, 3)))
    np.testing.assert_allclose(end, target, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(middle - start, axis=1), 0.3, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(end - middle, axis=1), 0.25, atol=1e-12)


def test_two_bones_stretch_towards_what_is_out_of_reach():
    start, target = np.zeros((1, 3)), np.array([[0.0, 0.0, 2.0]])
    _, end = two_bone(start, target, 0.3, 0.25, np.array([[0.0, -1.0, 0.0]]))
    np.testing.assert_allclose(end, [[0.0, 0.0, STRAIGHT * 0.55]], atol=1e-12)


def test_middle_joint_lies_on_the_side_it_bends_to():
    rng = np.random.default_rng(2)
    start, target, bend = np.zeros((100, 3)), rng.normal(0, 0.3, (100, 3)), rng.normal(size=(100, 3))
    middle, _ = two_bone(start, target, 0.3, 0.25, bend)
    axis = target / np.linalg.norm(target, axis=1, keepdims=True)
    offset = middle - (middle * axis).sum(1, keepdims=True) * axis
    side = bend - (bend * axis).sum(1, keepdims=True) * axis
    cosine = (offset * side).sum(1) / np.linalg.norm(offset, axis=1) / np.linalg.norm(side, axis=1)
    np.testing.assert_allclose(cosine, 1.0, atol=1e-9)


@pytest.mark.parametrize("side", [LEFT, RIGHT])
def test_elbows_point_back_down_and_forward_as_the_arm_rises(side):
    pose = Pose(BODY, 3, stance=0.2, splay=0.1)
    shoulder = trunk(BODY, pose).shoulder[side][0]
    reach = 0.8 * BODY.arm
    pose.hand[side] = shoulder + reach * np.array([[0.0, -1, 0], [0, 0, 1], [0, 1, 0]])
    pose.hand[1 - side] = trunk(BODY, pose).shoulder[1 - side] - np.array([0.0, reach, 0.0])
    elbow = solve(BODY, pose)[:, ARM[side][1]] - shoulder
    hanging, forward, overhead = elbow
    assert hanging[2] < -0.05
    assert forward[1] < -0.05
    assert overhead[2] > 0.05


def test_knees_bend_forward_and_never_backward():
    pose = random_pose(3)
    pose.hips_turn[:] = 0.0
    pose.pelvis[:, 1] -= np.linspace(0, 0.45, pose.frames)
    joints = solve(BODY, pose)
    for hip, knee, ankle, _ in LEG:
        ahead = joints[:, knee, 2] - 0.5 * (joints[:, hip, 2] + joints[:, ankle, 2])
        assert (ahead > 0).all()


def test_planted_feet_stay_where_the_leg_alone_would_not_reach():
    pose = random_pose(4)
    pose.pelvis[:, 1] += 0.3
    ankles = pose.ankle.copy()
    assert np.abs(solve(BODY, pose)[:, 14] - ankles[LEFT]).max() > 0.1
    plant(BODY, pose)
    joints = solve(BODY, pose)
    np.testing.assert_allclose(joints[:, 14], ankles[LEFT], atol=1e-9)
    np.testing.assert_allclose(joints[:, 18], ankles[RIGHT], atol=1e-9)


def test_euler_is_turn_then_pitch_then_lean():
    angles = np.random.default_rng(5).normal(size=(6, 3))
    product = rotation(1, angles[:, 1]) @ rotation(0, angles[:, 0]) @ rotation(2, angles[:, 2])
    np.testing.assert_allclose(euler(angles), product, atol=1e-12)
    leaning = euler(np.array([[0.3, 0.0, 0.0]]))[0] @ np.array([0.0, 1.0, 0.0])
    assert leaning[2] > 0, "a positive pitch leans forward"


def test_bodies_differ_between_subjects_and_seeds_and_are_of_human_size():
    bodies = [subject_body(0, s) for s in range(1, 13)]
    assert len({b.stature for b in bodies}) == 12
    assert subject_body(0, 1) == BODY != subject_body(1, 1)
    for body in bodies:
        assert 1.5 <= body.stature <= 1.95
        assert 0.26 < body.arm / body.stature < 0.36
        assert 0.42 < body.leg / body.stature < 0.52
