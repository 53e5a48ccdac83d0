"""Transforms of skeletons: invariances, closed forms, and bad input."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from zsar_kit.data import skeletons as sk
from zsar_kit.data import timing
from zsar_kit.data.joints import kit_layout_names, layout, to_ntu25
from zsar_kit.data.orientation import body_frame, present, rotate
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.errors import DataError

NTU = layout("ntu25")


def body(rng: np.random.Generator, persons: int = 1, frames: int = 9, joints: int = 25) -> np.ndarray:
    """An upright random body that faces the sensor."""
    array = rng.normal(scale=0.2, size=(persons, frames, joints, 3)).astype(np.float32)
    if joints == 25:
        array[:, :, NTU.index("spine_shoulder"), 1] += 1.0
        array[:, :, NTU.index("shoulder_left"), 0] -= 1.0
        array[:, :, NTU.index("shoulder_right"), 0] += 1.0
    return array


def turn(axis: int, angle: float) -> np.ndarray:
    first, second = (axis + 1) % 3, (axis + 2) % 3
    result = np.eye(3)
    result[first, first] = result[second, second] = np.cos(angle)
    result[first, second], result[second, first] = -np.sin(angle), np.sin(angle)
    return result


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


# --- centre and align


def test_centre_puts_the_first_spine_at_the_origin_and_removes_translation(rng):
    joints = body(rng, persons=2)
    centred = sk.centre(joints)
    np.testing.assert_allclose(centred[0, 0, 1], 0.0, atol=1e-7)
    np.testing.assert_allclose(sk.centre(joints + np.float32([3.0, -1.0, 2.0])), centred, atol=1e-5)
    np.testing.assert_allclose(centred[1] - centred[0], joints[1] - joints[0], atol=1e-6)


def test_centre_uses_the_first_real_frame_and_leaves_absence_zero(rng):
    joints = body(rng, persons=2)
    joints[0, :3] = 0.0
    joints[1, 5:] = 0.0
    centred = sk.centre(joints)
    np.testing.assert_allclose(centred[0, 3, 1], 0.0, atol=1e-7)
    np.testing.assert_array_equal(present(centred), present(joints))


@pytest.mark.parametrize("name", kit_layout_names())
def test_align_stands_the_first_pose_upright(rng, name):
    joints = body(rng, joints=len(layout(name)))
    pose = sk.align(joints, name)[0, 0]
    roles = {role: pose[list(where)].mean(axis=0) for role, where in layout(name).roles.items()}
    up, across = (
        roles["shoulder_centre"] - roles["hip_centre"],
        roles["shoulder_right"] - roles["shoulder_left"],
    )
    np.testing.assert_allclose(up[:2], 0.0, atol=1e-5)
    assert up[2] > 0
    np.testing.assert_allclose(across[1], 0.0, atol=1e-5)
    assert across[0] > 0


def test_align_does_not_depend_on_how_the_body_stood(rng):
    joints = body(rng)
    expected = sk.align(joints)
    for axis, angle in ((1, 0.7), (0, -1.1), (2, 3.0), (1, np.pi)):
        np.testing.assert_allclose(sk.align(rotate(joints, turn(axis, angle))), expected, atol=1e-5)


def test_align_keeps_lengths_and_handedness(rng):
    joints = body(rng)
    frame = body_frame(joints[0, 0])
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-6)
    assert np.linalg.det(frame) == pytest.approx(1.0)
    lengths = np.linalg.norm(sk.bone(joints), axis=-1)
    np.testing.assert_allclose(np.linalg.norm(sk.bone(sk.align(joints)), axis=-1), lengths, atol=1e-5)


def test_released_alignment_puts_shoulders_on_x_and_ignores_yaw_only(rng):
    pose = body(rng)[0, 0]
    for yaw in (0.0, 0.9):
        turned = pose @ turn(1, yaw).T.astype(np.float32)
        aligned = turned @ body_frame(turned, as_released=True).T
        across = aligned[NTU.index("shoulder_right")] - aligned[NTU.index("shoulder_left")]
        np.testing.assert_allclose(across / np.linalg.norm(across), [1.0, 0.0, 0.0], atol=1e-6)


@pytest.mark.parametrize("as_released", [False, True])
def test_degenerate_poses_stay_finite(rng, as_released):
    spineless = body(rng)
    spineless[:, :, NTU.index("spine_shoulder")] = spineless[:, :, 1] = spineless[:, :, 0]
    shoulderless = body(rng)
    shoulderless[:, :, NTU.index("shoulder_left")] = shoulderless[:, :, NTU.index("shoulder_right")]
    upside_down = np.zeros((1, 2, 25, 3), dtype=np.float32)
    upside_down[:, :, [1, 20], 2] = [-0.5, -1.0]
    for joints in (spineless, shoulderless, upside_down):
        done = sk.preprocess(joints, "ntu25", turn="released" if as_released else "upright")
        assert np.isfinite(done).all()
    nobody = np.zeros((2, 3, 25, 3), dtype=np.float32)
    with pytest.raises(DataError, match="no frame of the clip has a body: every joint is missing"):
        sk.preprocess(nobody, "ntu25", turn="released" if as_released else "upright")
    np.testing.assert_array_equal(sk.align(spineless, as_released=as_released), spineless)
    flipped = sk.align(upside_down, as_released=as_released)
    np.testing.assert_allclose(flipped[0, 0, 20], [0.0, 0.0, 1.0], atol=1e-6)


# --- time


@pytest.mark.parametrize("frames", [1, 2, 7, 64, 200])
def test_resample_is_exact_on_linear_motion(rng, frames):
    start, speed = rng.normal(size=(2, 25, 3))
    time = np.arange(11)[:, None, None]
    joints = (start + 5.0 + speed * time)[None].astype(np.float32)
    for first, last in ((0.0, 1.0), (0.21, 0.83)):
        expected = start + 5.0 + speed * np.linspace(first * 10, last * 10, frames)[:, None, None]
        made = timing.resample(joints, frames, start=first, stop=last)
        np.testing.assert_allclose(made[0], expected, atol=1e-5)


def test_resample_to_the_same_length_changes_nothing(rng):
    joints = body(rng, persons=2, frames=64)
    np.testing.assert_array_equal(timing.resample(joints, 64), joints)


def test_resample_repeats_a_single_frame(rng):
    joints = body(rng, frames=1)
    np.testing.assert_array_equal(timing.resample(joints, 5), np.repeat(joints, 5, axis=1))


def test_resample_does_not_drag_a_person_to_the_origin(rng):
    joints = np.ones((2, 4, 25, 3), dtype=np.float32)
    joints[1, 2:] = 0.0
    values = timing.resample(joints, 40)[1]
    assert set(np.unique(values)) == {0.0, 1.0}


def test_random_crop_stays_inside(rng):
    crops = np.array([timing.random_crop((0.5, 1.0), rng) for _ in range(500)])
    share = crops[:, 1] - crops[:, 0]
    assert crops.min() >= 0
    assert crops.max() <= 1
    assert share.min() >= 0.5 - 1e-9
    assert share.max() - share.min() > 0.4


# --- streams


def test_bones_sum_to_the_way_from_the_root(rng):
    joints = body(rng)
    bones = sk.bone(joints)
    for i in range(25):
        total, j = np.zeros((1, 9, 3)), i
        while j != NTU.root:
            total, j = total + bones[:, :, j], NTU.parents[j]
        np.testing.assert_allclose(total, joints[:, :, i] - joints[:, :, NTU.root], atol=1e-5)


def test_motion_sums_to_the_displacement_and_is_zero_at_rest(rng):
    joints = body(rng)
    np.testing.assert_allclose(sk.motion(joints).sum(axis=1), joints[:, -1] - joints[:, 0], atol=1e-5)
    assert not sk.motion(np.repeat(joints[:, :1], 6, axis=1)).any()
    assert not sk.motion(joints)[:, -1].any()


def test_motion_is_zero_where_a_person_comes_or_goes(rng):
    joints = body(rng)
    joints[0, 4] = 0.0
    moved = sk.motion(joints)[0]
    assert np.flatnonzero(~moved.any(axis=(1, 2))).tolist() == [3, 4, 8]


def test_bone_motion_commutes_for_a_person_who_is_there(rng):
    joints = body(rng)
    np.testing.assert_allclose(sk.bone_motion(joints), sk.motion(sk.bone(joints)), atol=1e-6)


# --- conversion, persons, clips


@pytest.mark.parametrize("name", kit_layout_names())
def test_convert_commutes_with_translation_and_keeps_absence(rng, name):
    joints = body(rng, persons=2, joints=len(layout(name)))
    moved = sk.convert(joints + np.float32([1.0, 2.0, 3.0]), name)
    np.testing.assert_allclose(moved, sk.convert(joints, name) + np.float32([1.0, 2.0, 3.0]), atol=1e-5)
    np.testing.assert_allclose(sk.convert(joints, name)[1, 3], to_ntu25(name) @ joints[1, 3], atol=1e-6)
    joints[1, 2] = 0.0
    assert present(sk.convert(joints, name))[1].tolist() == [t != 2 for t in range(9)]


def test_the_most_moving_person_comes_first(rng):
    joints = body(rng, persons=3)
    joints[0], joints[2] = joints[0, :1], joints[2] * 2
    joints[1, 4:] = 0.0
    chosen = sk.most_moving(joints, 2)
    np.testing.assert_array_equal(chosen, joints[[2, 1]])


def test_preprocess_drops_empty_frames_and_absent_persons(rng):
    joints = body(rng, persons=2, frames=6)
    joints[1] = 0.0
    joints[0, [0, 3]] = 0.0
    assert sk.preprocess(joints, "ntu25").shape == (1, 4, 25, 3)


def test_preprocess_takes_a_layout_by_name_or_as_an_object(rng):
    joints = body(rng, joints=20)
    by_name = sk.preprocess(joints, "kinect_v1_20")
    np.testing.assert_array_equal(by_name, sk.preprocess(joints, layout("kinect_v1_20")))


def test_clip_without_generator_ignores_place_and_orientation(rng):
    joints = body(rng, frames=30)
    moved = rotate(joints, turn(1, 1.0)) + np.float32([0.5, 0.1, 2.0])
    clips = [sk.clip(SkeletonSequence("s", j, 0), layout="ntu25") for j in (joints, joints, moved)]
    assert clips[0].shape == (2, 64, 25, 3)
    assert clips[0].dtype == np.float32
    np.testing.assert_array_equal(clips[0], clips[1])
    np.testing.assert_allclose(clips[0], clips[2], atol=1e-5)
    assert not clips[0][1].any()


def test_batched_clips_equal_single_ones(rng):
    ready = [sk.preprocess(body(rng, persons=p, frames=t), "ntu25") for p, t in ((1, 1), (2, 20), (1, 90))]
    batch = sk.sample_clips(ready, frames=16)
    for made, sequence in zip(batch, ready, strict=True):
        np.testing.assert_array_equal(made, sk.sample_clips([sequence], frames=16)[0])


def test_augmentation_is_reproducible_and_rigid(rng):
    ready = [sk.preprocess(body(rng, frames=40), "ntu25") for _ in range(4)]
    first, again, other = (sk.sample_clips(ready, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01
    # With the whole duration kept, only a rotation by at most the given angle about each axis is left.
    turned = sk.sample_clips(ready, rng=rng, crop=(1.0, 1.0), rotation=0.3)
    plain = sk.sample_clips(ready)
    np.testing.assert_allclose(np.linalg.norm(turned, axis=-1), np.linalg.norm(plain, axis=-1), atol=1e-5)
    assert np.abs(turned - plain).max() > 0.01


def test_random_rotations_are_proper_and_small(rng):
    turns = sk.random_rotations(200, 0.3, rng).astype(np.float64)
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), np.broadcast_to(np.eye(3), turns.shape), atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(turns), 1.0, atol=1e-6)
    angles = np.arccos(np.clip((np.trace(turns, axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert 0.2 < angles.max() <= 0.9
    # The product of turns about x, then y, then z has these entries in closed form.
    assert np.abs(np.arcsin(-turns[:, 2, 0])).max() <= 0.3 + 1e-6


# --- bad input

GOOD = SkeletonSequence("s", np.ones((1, 4, 25, 3), dtype=np.float32), 0)


def damaged(**changes) -> SkeletonSequence:
    joints = GOOD.joints.copy()
    if "value" in changes:
        joints[0, 2, 7, 1] = changes.pop("value")
    return dataclasses.replace(GOOD, **({"joints": joints} | changes))


@pytest.mark.parametrize(
    ("sequence", "message"),
    [
        (damaged(value=np.nan), r"finite, got nan at frame 2, joint 7, y \(in a\.mat\)"),
        (damaged(value=np.inf), "finite, got inf"),
        (damaged(value=900.0), "metres, got 900.*Divide millimetres by 1000"),
        (
            damaged(joints=np.ones((1, 4, 20, 3), dtype=np.float32)),
            "'ntu25' has 25 joints, the sequence has 20",
        ),
        (damaged(joints=np.ones((1, 0, 25, 3), dtype=np.float32)), "has no frame"),
        (damaged(joints=np.zeros((1, 4, 25, 3), dtype=np.float32)), "no frame .* every joint is missing"),
        (damaged(joints=np.full((1, 4, 25, 3), np.nan, dtype=np.float32)), "no frame .* every joint is missing"),
        (damaged(joints=np.ones((1, 4, 25, 3))), r"must be float32 .* got float64 \(1, 4, 25, 3\)"),
        (damaged(joints=np.ones((4, 25, 3), dtype=np.float32)), r"got float32 \(4, 25, 3\)"),
        (damaged(label=5), r"labels must be 0\.\.4, got 5.*0-based"),
        (damaged(label=-1), "got -1"),
    ],
)
def test_broken_sequences_are_refused_by_name(sequence, message):
    with pytest.raises(DataError, match=message):
        sk.check_sequence(sequence, "ntu25", 5, where="a.mat")


def test_a_sound_sequence_passes():
    sk.check_sequence(GOOD, "ntu25", 5, where="a.mat")
