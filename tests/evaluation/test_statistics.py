"""Intervals against closed forms and published sampling theory."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from zsar_kit.errors import DataError
from zsar_kit.evaluation.statistics import bootstrap_totals, cluster_bootstrap, paired_difference, summarize


def test_interval_of_three_seeds_is_the_students_t_one():
    values = [50.0, 53.0, 47.0]
    summary = summarize(values)
    assert summary.mean == 50
    assert summary.n == 3
    assert summary.half_width == pytest.approx(4.302653 * 3 / np.sqrt(3), rel=1e-6)
    low, high = ttest_1samp(values, 0).confidence_interval(0.95)
    assert summary.interval == pytest.approx((low, high))


def test_one_seed_has_no_interval():
    summary = summarize([50.0])
    assert summary.half_width is None
    assert summary.interval is None


def test_interval_covers_the_mean_as_often_as_it_says():
    generator = np.random.default_rng(0)
    draws = generator.normal(10, 2, size=(2000, 5))
    covered = [s.interval[0] <= 10 <= s.interval[1] for s in map(summarize, draws.tolist()) if s.interval]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.015)


def test_paired_difference_removes_what_seeds_share():
    base = [10.0, 50.0, 90.0]
    assert paired_difference([11.0, 51.0, 91.0], base).half_width == pytest.approx(0, abs=1e-12)
    assert paired_difference(base, [9.0, 51.0, 90.0]).mean == pytest.approx(0)


def test_bootstrap_draws_are_sums_over_whole_clusters():
    clusters = np.array(["x", "y", "x", "z", "z"])
    columns = np.stack([np.array([1.0, 10, 2, 100, 200]), np.ones(5)], axis=1)
    draws = bootstrap_totals(columns, clusters, draws=200, generator=np.random.default_rng(0))
    sums, sizes = {"x": 3, "y": 10, "z": 300}, {"x": 2, "y": 1, "z": 2}
    possible = {(sums[a] + sums[b] + sums[c], sizes[a] + sizes[b] + sizes[c]) for a in sums for b in sums for c in sums}
    assert {tuple(row) for row in draws.tolist()} == possible


def test_bootstrap_of_one_sample_clusters_is_the_binomial_interval():
    hits = np.repeat([1.0, 0.0], [120, 280])
    interval = cluster_bootstrap(hits, np.arange(400), generator=np.random.default_rng(0), draws=4000)
    half_width = 1.96 * np.sqrt(0.3 * 0.7 / 400)
    assert interval == pytest.approx((0.3 - half_width, 0.3 + half_width), abs=0.006)


def test_subjects_that_differ_widen_the_interval():
    hits = np.repeat([1.0, 1.0, 0.0, 0.0, 1.0, 0.0], 50)
    subjects = np.repeat(np.arange(6), 50)
    generator = np.random.default_rng
    by_subject = cluster_bootstrap(hits, subjects, generator=generator(0))
    by_sample = cluster_bootstrap(hits, np.arange(300), generator=generator(0))
    assert by_subject is not None
    assert by_sample is not None
    assert by_subject[1] - by_subject[0] > 4 * (by_sample[1] - by_sample[0])


def test_the_seed_decides_the_bootstrap_and_one_cluster_has_none():
    hits, clusters = np.array([1.0, 0, 1, 1, 0]), np.array([0, 1, 2, 3, 4])
    first, again = (cluster_bootstrap(hits, clusters, generator=np.random.default_rng(3)) for _ in range(2))
    assert first == again
    assert cluster_bootstrap(hits, np.zeros(5), generator=np.random.default_rng(3)) is None


def test_bad_input_is_refused():
    with pytest.raises(DataError, match="at least one finite value"):
        summarize([])
    with pytest.raises(DataError, match="at least one finite value"):
        summarize([1.0, float("nan")])
    with pytest.raises(DataError, match="same seeds on both sides, got 2 and 3"):
        paired_difference([1.0, 2.0], [1.0, 2.0, 3.0])
