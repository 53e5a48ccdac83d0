"""What must not change an attribute: place, heading, size, unit, other clips; and what may change it a little."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from tests.primitives.stick import HIP, RATE, STANDING, X, Z, mirrored, over, puppets, resampled, stick, wave
from zsar_kit.primitives.attributes import attribute_names, attributes
from zsar_kit.primitives.measure import Measured, measure

NAMES = np.array(attribute_names())
#: attributes of the whole clip's time, which a longer rest before the act changes as it should
OF_TIME = {a.name for a in attributes() if a.about.startswith(("share of the time", "mean "))} | {"energy"}
some = settings(max_examples=8, deadline=None)


@cache
def clips() -> tuple[np.ndarray, ...]:
    """All 28 classes of puppet by one performer, as a noisy sensor sees them, and a hand-made wave and step."""
    moves = wave(3)
    side = over([(0.0, 0.0), (0.5, 0.0), (2.0, 1.5), (2.5, 1.5)], 2.5)[:, None] * X
    feet = (side + HIP * X, side - HIP * X)
    aside = stick(len(side), hips=side + STANDING * Z, feet=feet)
    return (*puppets((), 1), stick(len(moves), right=moves), aside)


@cache
def reference() -> Measured:
    return measure(clips())


def changed(change: Callable[[np.ndarray], np.ndarray]) -> list[np.ndarray]:
    """Every clip changed where somebody is; who is absent stays absent."""
    return [np.where((clip != 0).any((2, 3), keepdims=True), change(clip), 0).astype(np.float32) for clip in clips()]


def assert_equal(levels: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(np.isnan(levels), np.isnan(expected))
    worst = np.nanmax(np.abs(levels - expected), axis=0)
    assert not (bad := {n: float(w) for n, w in zip(NAMES, worst, strict=True) if w > 2e-3}), bad


def assert_near(levels: np.ndarray, *, mean: float, most: float) -> None:
    """The mean difference of levels, and that of 95 % of the cells; few attributes come or go at their thresholds."""
    difference = np.abs(levels - reference().levels)
    assert np.nanmean(difference) < mean
    assert np.nanpercentile(difference, 95) < most
    assert (np.isnan(levels) != np.isnan(reference().levels)).mean() < 0.01


@given(place=st.tuples(*[st.floats(-3, 3)] * 3))
@some
def test_where_somebody_stands_does_not_matter(place):
    assert_equal(measure(changed(lambda clip: clip + np.array(place))).levels, reference().levels)


@given(degrees=st.floats(-180, 180))
@some
def test_where_somebody_looks_does_not_matter(degrees):
    """About the vertical of the camera, y."""
    turn = Rotation.from_euler("y", degrees, degrees=True).as_matrix()
    assert_equal(measure(changed(lambda clip: clip @ turn.T)).levels, reference().levels)


def test_how_the_camera_is_held_does_not_matter():
    turn = Rotation.from_euler("xz", [35, -20], degrees=True).as_matrix()
    assert_equal(measure(changed(lambda clip: clip @ turn.T)).levels, reference().levels)


@given(size=st.floats(0.3, 3))
@some
def test_the_size_of_the_body_does_not_matter(size):
    assert_equal(measure(changed(lambda clip: size * clip)).levels, reference().levels)


@pytest.mark.parametrize("unit", [100.0, 1000.0, 39.37])
def test_the_unit_of_length_does_not_matter(unit):
    assert_equal(measure(changed(lambda clip: unit * clip)).levels, reference().levels)


def test_the_mirror_reverses_what_names_a_side_and_nothing_else():
    levels = measure(changed(mirrored)).levels
    reversed_ = np.array([a.reversed_in_mirror for a in attributes()])
    assert_equal(np.where(reversed_, 1 - levels, levels), reference().levels)
    moved = np.nanmax(np.abs(levels - reference().levels), axis=0)
    assert (moved[reversed_] > 0.1).all()


def test_a_clip_alone_is_the_clip_among_others():
    """Batches are padded; padding must not be seen, nor what else is in the batch."""
    alone = np.concatenate([measure([clip]).values for clip in clips()])
    np.testing.assert_allclose(alone, reference().values, atol=1e-5, rtol=1e-5)
    short = clips()[0][:, :2], clips()[3][:, :7]
    together = measure([*short, clips()[5]]).values[:2]
    np.testing.assert_allclose(np.concatenate([measure([c]).values for c in short]), together, atol=1e-5, rtol=1e-5)


@given(order=st.permutations(range(12)))
@some
def test_the_order_of_clips_is_kept(order):
    np.testing.assert_allclose(
        measure([clips()[i] for i in order]).values, reference().values[list(order)], atol=1e-5, rtol=1e-5
    )


def test_many_batches_are_one(monkeypatch):
    monkeypatch.setattr("zsar_kit.primitives.measure.READ_AHEAD", 5)
    monkeypatch.setattr("zsar_kit.primitives.measure.BATCH_FRAMES", 150)
    np.testing.assert_allclose(measure(iter(clips())).values, reference().values, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("rate", "mean", "most"),
    [(15.0, 0.02, 0.08), (20.0, 0.012, 0.05), (25.0, 0.01, 0.04), (45.0, 0.006, 0.03), (60.0, 0.006, 0.03)],
)
def test_the_frame_rate_hardly_matters(rate, mean, most):
    """Down to 15 frames a second, strokes of puppet's small hand motions begin to be missed."""
    levels = measure([resampled(clip, rate) for clip in clips()], rate=rate).levels
    assert_near(levels, mean=mean, most=most)


@given(seed=st.integers(0, 2**32 - 1))
@some
def test_a_centimetre_of_sensor_noise_hardly_matters(seed):
    rng = np.random.default_rng(seed)
    levels = measure(changed(lambda clip: clip + rng.normal(0, 0.01, clip.shape))).levels
    assert_near(levels, mean=0.025, most=0.1)


def test_noise_alone_is_no_act():
    """One who stands still before a sensor that errs by a centimetre: no strokes, no nods, no steps."""
    rng = np.random.default_rng(0)
    still = [stick(90) + rng.normal(0, 0.01, (1, 90, 25, 3)).astype(np.float32) for _ in range(10)]
    levels = measure(still).levels.mean(0)
    counts = {a.name: round(float(x), 2) for a, x in zip(attributes(), levels, strict=True) if a.unit == "count"}
    assert max(counts.values()) < 0.1, counts


@given(seconds=st.floats(0.1, 1.0))
@some
def test_a_longer_rest_before_the_act_changes_the_shares_of_time_alone(seconds):
    def starts_with_rest(hand: np.ndarray) -> np.ndarray:
        before = over([(0.0, hand[0]), (seconds, hand[0])], seconds)
        return np.concatenate([before, hand])

    hand = wave(3)
    first = measure([stick(len(hand), right=hand)]).levels[0]
    later = starts_with_rest(hand)
    second = measure([stick(len(later), right=later)]).levels[0]
    off = {n: abs(a - b) for n, a, b in zip(NAMES, first, second, strict=True) if abs(a - b) > 0.02}
    assert set(off) <= OF_TIME | {"moving"}, off


@given(seconds=st.floats(0.05, 0.4))
@some
def test_a_recording_that_starts_a_bit_later_or_ends_earlier_hardly_matters(seconds):
    hand = wave(3)
    cut = round(seconds * RATE)
    whole = measure([stick(len(hand), right=hand)]).levels
    part = measure([stick(len(hand), right=hand)[:, cut:-cut]]).levels
    assert np.nanmean(np.abs(whole - part)) < 0.02
