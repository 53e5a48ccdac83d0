"""Features without spread in training carry no information, so they must not act at test time."""

from __future__ import annotations

import numpy as np
import pytest

from zsar_kit.data.standardisation import divisors


def test_a_spread_is_the_divisor_and_a_constant_feature_becomes_zero():
    spread = divisors(np.array([0.5, 2.0, 0.0]))
    assert spread.tolist() == [0.5, 2.0, np.inf]
    assert ((np.array([1.0, 4.0, 0.5]) - 0.0) / spread).tolist() == [2.0, 2.0, 0.0]


@pytest.mark.parametrize(
    ("spread", "size", "expected"),
    [
        ([1.0, 1.0, 1.0, 4e-4], None, [1.0, 1.0, 1.0, np.inf]),  # 4e-4 is below 1e-3 times the root mean square 0.87
        ([1.0, 1.0, 1.0, 2e-3], None, [1.0, 1.0, 1.0, 2e-3]),
        ([3e-9, 4e-9], None, [3e-9, 4e-9]),  # the unit does not matter
        ([3e-5, 1e-4], [1e3, 0.0], [np.inf, 1e-4]),  # single precision cannot tell 1000.00003 from 1000
        ([np.nan, 1.0], None, [np.inf, 1.0]),  # one sample has no standard deviation
        ([0.0], [5.0], [np.inf]),
        ([0.0, 0.0], None, [np.inf, np.inf]),
    ],
)
def test_what_is_negligible(spread, size, expected):
    found = divisors(np.array(spread), None if size is None else np.array(size))
    assert found.tolist() == expected


def test_scaling_all_features_scales_the_divisors():
    spread = np.random.default_rng(0).random(20) ** 6
    np.testing.assert_allclose(divisors(64 * spread), 64 * divisors(spread))
