"""The sensor: geometry of the views and the statistics that its configuration promises."""

from __future__ import annotations

import numpy as np
import pytest

from zsar_kit.data.puppet.sensor import NOISE_MM, SensorConfig, observe, to_camera
from zsar_kit.errors import ConfigError

QUIET = SensorConfig(noise=0.0, jitter=0.0, dropouts=0.0, lost=0.0)
STAND = {"distance": 3.0, "height": 1.2, "tilt": 5.0}


def standing(frames: int, persons: int = 1) -> np.ndarray:
    """A still figure three metres away: joints in a plane, so that nothing hides anything."""
    rng = np.random.default_rng(0)
    figure = np.concatenate([rng.uniform(-0.8, 0.8, (25, 2)), np.full((25, 1), 3.0)], axis=1)
    return np.broadcast_to(figure, (persons, frames, 25, 3))


def test_a_quiet_sensor_reports_the_truth_to_a_tenth_of_a_millimetre():
    truth = np.random.default_rng(1).normal(size=(2, 50, 25, 3)) + np.array([0, 0, 5.0])
    seen = observe(truth, QUIET, np.random.default_rng(0))
    assert seen.dtype == np.float32
    assert seen.shape == truth.shape
    np.testing.assert_allclose(seen, truth, atol=6e-5)


def test_noise_has_the_stated_deviation_by_joint_and_memory():
    config = SensorConfig(jitter=0.0, dropouts=0.0, lost=0.0)
    truth = standing(400, persons=40)
    error = observe(truth, config, np.random.default_rng(0)) - truth
    np.testing.assert_allclose(error.std(axis=(0, 1, 3)) * 1000, NOISE_MM, rtol=0.05)
    unit = error / error.std(axis=(0, 1, 3))[:, None]
    assert (unit[:, 1:] * unit[:, :-1]).mean() == pytest.approx(config.memory, abs=0.02)


def test_noise_grows_with_the_square_of_the_distance():
    config = SensorConfig(jitter=0.0, dropouts=0.0, lost=0.0, memory=0.0)
    near, far = (standing(400, 5) + np.array([0, 0, extra]) for extra in (0.0, 1.5))
    spread = [(observe(t, config, np.random.default_rng(0)) - t).std() for t in (near, far)]
    assert spread[1] / spread[0] == pytest.approx(2.25, rel=0.05)


def test_joints_behind_the_trunk_are_noisier():
    truth = standing(300, 20).copy()
    truth[:, :, 20, :], truth[:, :, 0, :] = (0.0, 0.3, 3.0), (0.0, -0.3, 3.0)
    truth[:, :, 7, :], truth[:, :, 11, :] = (0.0, 0.0, 3.3), (0.5, 0.0, 3.3)
    config = SensorConfig(jitter=0.0, dropouts=0.0, lost=0.0)
    error = observe(truth, config, np.random.default_rng(0)) - truth
    assert error[:, :, 7].std() / error[:, :, 11].std() == pytest.approx(config.occluded, rel=0.05)


def test_lost_frames_are_as_frequent_as_stated_and_never_the_ends():
    config = SensorConfig(noise=0.0, jitter=0.0, dropouts=0.0, lost=0.1)
    truth = standing(1000).copy()
    truth[..., 0] += np.arange(1000)[None, :, None]
    seen = observe(truth, config, np.random.default_rng(0))
    assert 870 < seen.shape[1] < 930
    np.testing.assert_allclose(seen[0, [0, -1]], truth[0, [0, -1]], atol=1e-3)


def test_a_dropout_freezes_an_outer_joint_for_three_to_ten_frames():
    truth = standing(200, 30).copy()
    truth[..., 0] += 0.01 * np.arange(200)[None, :, None]
    seen = observe(truth, SensorConfig(noise=0.0, jitter=0.0, dropouts=1.0, lost=0.0), np.random.default_rng(0))
    frozen = (np.diff(seen[..., 0], axis=1) == 0).sum(axis=1)
    assert not frozen[:, [0, 1, 2, 3, 4, 8, 12, 16, 20]].any()
    lengths = frozen[frozen > 0]
    assert 10 < len(lengths) < 60
    assert np.mean((lengths >= 3) & (lengths <= 10)) > 0.85


def test_spikes_strike_limbs_as_often_as_stated():
    truth = standing(500, 20)
    config = SensorConfig(noise=0.0, jitter=0.05, dropouts=0.0, lost=0.0)
    seen = observe(truth, config, np.random.default_rng(0))
    moved = np.abs(seen - truth).max(axis=-1) > 1e-3
    assert not moved[:, :, [0, 1, 2, 3, 20]].any()
    assert moved[:, :, 7].mean() == pytest.approx(0.05, abs=0.01)
    assert (seen - truth)[moved].std() == pytest.approx(config.spike, rel=0.1)


def test_views_are_rigid_and_right_handed():
    world = np.random.default_rng(2).normal(size=(1, 3, 25, 3))
    for azimuth in (-45.0, 0.0, 45.0):
        camera = to_camera(world, azimuth=azimuth, **STAND)
        before = np.linalg.norm(world[:, :, :, None] - world[:, :, None], axis=-1)
        after = np.linalg.norm(camera[:, :, :, None] - camera[:, :, None], axis=-1)
        np.testing.assert_allclose(after, before, atol=1e-12)
    figure = np.zeros((1, 1, 25, 3))
    figure[0, 0, :3] = np.eye(3)
    axes = to_camera(figure, azimuth=30.0, **STAND)[0, 0]
    assert np.linalg.det(axes[:3] - axes[3]) == pytest.approx(1.0)


def test_a_person_facing_the_camera_has_the_left_at_smaller_x():
    figure = np.zeros((1, 1, 25, 3))
    figure[0, 0, :4] = [[0.3, 1.2, 0.0], [-0.3, 1.2, 0.0], [0.0, 1.5, 0.0], [0.0, 1.2, 0.3]]
    left, right, high, front = to_camera(figure, azimuth=0.0, distance=3.0, height=1.2, tilt=0.0)[0, 0, :4]
    np.testing.assert_allclose(left, [-0.3, 0, 3], atol=1e-12)
    np.testing.assert_allclose(right, [0.3, 0, 3], atol=1e-12)
    np.testing.assert_allclose(high, [0, 0.3, 3], atol=1e-12)
    np.testing.assert_allclose(front, [0, 0, 2.7], atol=1e-12)


@pytest.mark.parametrize("change", [{"noise": -1.0}, {"lost": 1.0}, {"memory": 1.5}, {"jitter": -0.1}])
def test_impossible_sensors_are_refused(change):
    with pytest.raises(ConfigError, match=next(iter(change))):
        SensorConfig(**change)
