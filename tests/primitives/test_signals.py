"""Operations on signals against slow loops over clips and frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zsar_kit.primitives.signals import (
    alternations,
    at,
    correlation,
    first_true,
    held,
    last_true,
    masked_max,
    masked_mean,
    masked_range,
    near_top,
    reversals,
    share,
    strongest_rhythm,
    turning,
    velocity,
)

seeds = st.integers(0, 2**32 - 1)
many = settings(max_examples=40, deadline=None)


def drawn(seed: int, frames: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Random walks of five clips, and masks of which one is empty and one is full."""
    rng = np.random.default_rng(seed)
    mask = rng.random((5, frames)) < 0.6
    mask[0], mask[1] = False, True
    return rng.normal(size=(5, frames)).cumsum(1), mask


def slow_reversals(signal: np.ndarray, threshold: float) -> int:
    """Turning points of the zigzag: an extremum counts once the signal has come back from it by the threshold."""
    turns, direction, low, high = 0, 0, signal[0], signal[0]
    for x in signal[1:]:
        low, high = min(low, x), max(high, x)
        if direction >= 0 and high - x > threshold:
            turns += direction == 1
            direction, low, high = -1, x, x
        elif direction <= 0 and x - low > threshold:
            turns += direction == -1
            direction, low, high = 1, x, x
    return turns


@given(seed=seeds, threshold=st.floats(0.1, 5))
@many
def test_reversals_are_those_of_a_slow_loop(seed, threshold):
    signal, _ = drawn(seed)
    found = reversals(signal, threshold)
    assert found.tolist() == [slow_reversals(row, threshold) for row in signal]
    limits = np.linspace(0.2, 4, 5)
    assert reversals(signal, limits).tolist() == [slow_reversals(*pair) for pair in zip(signal, limits, strict=True)]


@given(seed=seeds)
@many
def test_reversals_are_the_same_upside_down_and_backwards_and_with_the_last_value_repeated(seed):
    signal, _ = drawn(seed)
    found = reversals(signal, 1.0)
    np.testing.assert_array_equal(reversals(-signal, 1.0), found)
    np.testing.assert_array_equal(reversals(signal + 7.0, 1.0), found)
    np.testing.assert_array_equal(reversals(np.repeat(signal, 2, axis=1), 1.0), found)
    np.testing.assert_array_equal(reversals(np.pad(signal, ((0, 0), (0, 9)), mode="edge"), 1.0), found)


def test_reversals_of_known_zigzags():
    time = np.linspace(0, 1, 400)
    signals = np.stack(
        [0 * time, time, 1 - np.abs(2 * time - 1), np.sin(2 * np.pi * 3 * time), 0.2 * np.sin(40 * time)]
    )
    assert reversals(signals, 0.5).tolist() == [0, 0, 1, 6, 0]


def test_alternations_count_the_sides_in_turn():
    signals = np.zeros((5, 12))
    signals[1, 2:4] = 1
    signals[2, 2:4] = signals[2, 6:8] = 1  # the same side twice
    signals[3, [1, 3, 5, 7]] = [1, -1, 1, -1]
    signals[4] = 0.1 * np.sin(np.arange(12))
    assert alternations(signals, 0.5).tolist() == [0, 1, 1, 4, 0]


@given(seed=seeds)
@many
def test_masked_statistics_are_those_of_the_frames_of_the_mask(seed):
    signal, mask = drawn(seed)
    rows = [row[m] for row, m in zip(signal, mask, strict=True)]
    assert np.isnan([f(signal, mask)[0] for f in (masked_mean, masked_max, masked_range)]).all()
    for i in range(1, 5):
        if mask[i].any():
            assert masked_mean(signal, mask)[i] == pytest.approx(rows[i].mean())
            assert masked_max(signal, mask)[i] == rows[i].max()
            assert masked_range(signal, mask)[i] == pytest.approx(np.ptp(rows[i]))
            assert share(signal > 0, mask)[i] == pytest.approx((rows[i] > 0).mean(), abs=1e-6)
            top = near_top(signal, mask, 0.5)[i]
            assert top.tolist() == [
                bool(m) and x >= rows[i].max() - 0.5 for x, m in zip(signal[i], mask[i], strict=True)
            ]
    assert not near_top(signal, mask, 0.5)[0].any()


@given(seed=seeds)
@many
def test_first_last_at_velocity_and_padding(seed):
    signal, mask = drawn(seed)
    for i in range(1, 5):
        frames = np.flatnonzero(mask[i])
        if len(frames):
            assert (first_true(mask)[i], last_true(mask)[i]) == (frames[0], frames[-1])
    assert (first_true(mask)[0], last_true(mask)[0]) == (0, 39)
    frame = np.array([3, 0, 39, 7, 8])
    assert at(signal, frame).tolist() == [signal[i, f] for i, f in enumerate(frame)]
    speed = velocity(signal, 30.0)
    assert (speed[:, 0] == 0).all()
    np.testing.assert_allclose(speed[:, 1:], (signal[:, 1:] - signal[:, :-1]) * 30)
    kept = held(signal, frame + 1)
    for i, f in enumerate(frame):
        np.testing.assert_array_equal(kept[i], [*signal[i, : f + 1], *[signal[i, f]] * (39 - f)])


def slow_turning(a: np.ndarray, b: np.ndarray, mask: np.ndarray, radius: float) -> float:
    if not mask.any():
        return float("nan")
    x = a - 0.5 * (a[mask].max() + a[mask].min())
    y = b - 0.5 * (b[mask].max() + b[mask].min())
    total = 0.0
    for t in range(1, len(a)):
        if mask[t] and mask[t - 1]:
            before, after = complex(x[t - 1], y[t - 1]), complex(x[t], y[t])
            step = np.angle(after * before.conjugate())
            total += step * min(abs(before) / radius, abs(after) / radius, 1.0)
    return total / (2 * np.pi)


@given(seed=seeds)
@many
def test_turning_is_that_of_a_slow_loop(seed):
    (a, mask), (b, _) = drawn(seed), drawn(seed + 1)
    found = turning(a, b, mask, 0.7)
    expected = [slow_turning(*row, 0.7) for row in zip(a, b, mask, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-9)
    np.testing.assert_allclose(turning(b, a, mask, 0.7), -found, atol=1e-9)
    np.testing.assert_allclose(turning(a[:, ::-1], b[:, ::-1], mask[:, ::-1], 0.7), -found, atol=1e-9)


def test_turning_counts_turns_from_the_first_axis_to_the_second():
    angle = np.linspace(0, 2 * np.pi * 2.5, 200)[None]
    mask = np.ones((1, 200), dtype=bool)
    assert turning(np.cos(angle), np.sin(angle), mask, 0.2)[0] == pytest.approx(2.5, abs=1e-3)
    noise = 0.01 * np.random.default_rng(0).normal(size=(2, 1, 200))
    assert abs(turning(noise[0], noise[1], mask, 0.2)[0]) < 0.3, "noise about the middle hardly turns"


def slow_rhythm(signal: np.ndarray, rate: float, shortest: float, longest: float) -> float:
    power = float((signal**2).sum())
    best, fell = 0.0, False
    if power <= 1e-6:
        return 0.0
    for lag in range(1, len(signal)):
        if lag > int(longest * rate) or lag > len(signal) - 1:
            break
        value = sum(float(signal[t] @ signal[t + lag]) for t in range(len(signal) - lag)) / power
        fell = fell or value < 0
        if fell and lag >= shortest * rate:
            best = max(best, value)
    return best


@given(seed=seeds)
@settings(max_examples=15, deadline=None)
def test_the_strongest_rhythm_is_that_of_a_slow_loop(seed):
    rng = np.random.default_rng(seed)
    signals = rng.normal(size=(3, 30, 2)) + np.sin(np.arange(30) * rng.uniform(0.3, 1.5))[None, :, None]
    signals[2] = 0
    found = strongest_rhythm(signals, 20.0, 0.2, 1.0)
    np.testing.assert_allclose(found, [slow_rhythm(row, 20.0, 0.2, 1.0) for row in signals], atol=1e-9)
    padded = np.pad(signals, ((0, 0), (0, 25), (0, 0)))
    np.testing.assert_allclose(strongest_rhythm(padded, 20.0, 0.2, 1.0), found, atol=1e-9)


def test_a_sine_is_its_own_rhythm_and_a_slow_ramp_has_none():
    time = np.arange(120) / 30
    signals = np.stack([np.sin(2 * np.pi * 2 * time), time / 4 + 0.1])[..., None]
    found = strongest_rhythm(signals, 30.0, 0.2, 1.5)
    assert found[0] == pytest.approx(1 - 15 / 120, abs=0.02), "one of eight periods has no partner"
    assert found[1] == 0


@given(seed=seeds)
@many
def test_correlation_is_that_of_a_slow_loop(seed):
    (a, mask), (b, _) = drawn(seed), drawn(seed + 1)
    found = correlation(a, b, mask, 0.3)
    for i in range(1, 5):
        x, y, n = a[i][mask[i]], b[i][mask[i]], max(int(mask[i].sum()), 1)
        floor = n * 0.09
        assert found[i] == pytest.approx((x @ y) / np.sqrt((x @ x + floor) * (y @ y + floor)))
    assert found[0] == 0
    np.testing.assert_allclose(correlation(a, -b, mask, 0.3), -found)
