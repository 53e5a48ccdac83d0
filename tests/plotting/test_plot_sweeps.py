"""Curves over a setting and over a threshold: every number is where it belongs."""

from __future__ import annotations

import numpy as np
import pytest

from zsar_kit.errors import DataError
from zsar_kit.evaluation.statistics import Summary, summarize
from zsar_kit.plotting.sweeps import plot_sweep, plot_threshold

X = [0.5, 0.1, 1.0]


def lines(axes, name):
    return next(c for c in axes.containers if c.get_label() == name)


def test_scores_are_drawn_over_their_values_in_rising_order():
    zsl = [summarize([50.0, 52.0, 54.0]), summarize([40.0, 41.0, 45.0]), summarize([60.0, 60.0, 63.0])]
    axes = plot_sweep(X, {"ZSL": zsl, "H": [10.0, None, 30.0]}, label="t", levels={"chance": 20.0})
    line, _, (bars,) = lines(axes, "ZSL")
    np.testing.assert_allclose(line.get_xdata(), [0.1, 0.5, 1.0])
    np.testing.assert_allclose(line.get_ydata(), [42.0, 52.0, 61.0])
    for segment, summary in zip(bars.get_segments(), (zsl[1], zsl[0], zsl[2]), strict=True):
        np.testing.assert_allclose(segment[:, 1], summary.interval)
    np.testing.assert_allclose(lines(axes, "H")[0].get_ydata(), [np.nan, 10.0, 30.0])
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["ZSL", "H", "chance"]


def test_intervals_from_two_seeds_are_not_drawn():
    two, axes = [summarize([50.0, 90.0])] * 3, None
    assert two[0].half_width is not None
    axes = plot_sweep(X, {"ZSL": two}, label="t")
    assert not lines(axes, "ZSL")[2]
    assert axes.get_ylim()[1] < 80


def test_all_that_is_drawn_is_inside_the_axes_and_percent_stays_percent():
    wide = [Summary(95.0, 30.0, 3), Summary(50.0, 2.0, 3), Summary(3.0, 20.0, 3)]
    axes = plot_sweep(X, {"S": wide}, label="t")
    low, high = axes.get_ylim()
    assert low == 0.0
    assert 100 <= high < 104
    left, right = axes.get_xlim()
    assert left < 0.1 < 1.0 < right


@pytest.mark.parametrize(
    ("values", "scale"),
    [([0.1, 0.5, 1.0], "linear"), ([0.001, 0.1, 10.0], "log"), ([0.0, 0.001, 10.0], "symlog")],
)
def test_values_of_several_magnitudes_get_a_logarithmic_axis(values, scale):
    axes = plot_sweep(values, {"H": [1.0, 2.0, 3.0]}, label="lambda", base=values[1])
    assert axes.get_xscale() == scale
    assert [text.get_text() for text in axes.get_xticklabels()] == [f"{v:g}" for v in values]


def test_crowded_ticks_lose_their_names_not_their_marks():
    values = [0.0, 0.03, 0.05, 0.5, 1.0]
    axes = plot_sweep(values, {"H": [1.0] * 5}, label="t")
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "", "", "0.5", "1"]
    np.testing.assert_allclose(axes.get_xticks(), values)


@pytest.mark.parametrize(
    ("x", "series", "message"),
    [
        ([0.5], {"H": [1.0]}, "two or more different values"),
        ([0.5, 0.5], {"H": [1.0, 2.0]}, "two or more different values"),
        ([0.5, np.nan], {"H": [1.0, 2.0]}, "two or more different values"),
        ([0.5, 1.0], {"H": [1.0]}, "a score per value, 2, got 1"),
    ],
)
def test_scores_that_do_not_fit_their_values_are_refused(x, series, message):
    with pytest.raises(DataError, match=message):
        plot_sweep(x, series, label="t")


def test_a_threshold_curve_is_the_mean_of_the_runs_with_what_they_chose():
    gammas, values = np.linspace(0, 1, 5), np.random.default_rng(0).random((3, 5)) * 100
    axes = plot_threshold(gammas, {"H": values}, chosen=[0.4, 0.6])
    mean, *marks = axes.lines
    np.testing.assert_allclose(mean.get_ydata(), values.mean(0))
    assert [line.get_xdata()[0] for line in marks[:2]] == [0.4, 0.6]
    with pytest.raises(DataError, match="rising thresholds"):
        plot_threshold(gammas[::-1], {"H": values})
    with pytest.raises(DataError, match=r"expected \[run, 5\]"):
        plot_threshold(gammas, {"H": values[0]})
