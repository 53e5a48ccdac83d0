"""What result figures draw, by structure."""

from __future__ import annotations

import numpy as np
import pytest

from zsar_kit.errors import DataError
from zsar_kit.evaluation.metrics import SeenUnseenCurve
from zsar_kit.evaluation.statistics import Summary
from zsar_kit.plotting.results import (
    plot_class_differences,
    plot_confusion,
    plot_per_class,
    plot_score_table,
    plot_seen_unseen_curve,
)

LONG = "Swipe across an imaginary screen in front of you from left to right"


def texts(labels):
    return [label.get_text() for label in labels]


def test_confusion_shows_shares_of_rows_and_their_sizes():
    axes = plot_confusion(np.array([[3, 1], [0, 0]]), ["wave", "bow"], title="t")
    assert np.array_equal(axes.images[0].get_array(), [[75, 25], [0, 0]])
    assert texts(axes.texts) == ["75", "25"]
    assert texts(axes.get_yticklabels()) == ["wave (4)", "bow (0)"]
    assert texts(axes.get_xticklabels()) == ["wave", "bow"]
    assert (axes.get_xlabel(), axes.get_title(loc="left")) == ("predicted class", "t")


def test_long_or_many_names_are_numbered():
    axes = plot_confusion(np.eye(2, dtype=int), [LONG, "bow"])
    assert texts(axes.get_xticklabels()) == ["1", "2"]
    assert texts(axes.get_yticklabels())[1] == "bow (1)  2"
    many = plot_confusion(np.eye(58, dtype=int), [f"class {i}" for i in range(58)])
    assert not many.texts
    assert len(many.get_yticklabels()) == 58


def test_the_curve_is_drawn_in_percent_with_area_and_point():
    curve = SeenUnseenCurve(np.array([0.0, 1.0, 2.0]), np.array([0.8, 0.8, 0.0]), np.array([0.0, 0.5, 0.5]))
    axes = plot_seen_unseen_curve(curve, (80.0, 50.0), label="Flora")
    labels = texts(axes.get_legend().get_texts())
    assert labels == ["Flora, AUSUC 40.0 %", "chosen gamma: H 61.5 %"]
    line = next(x for x in axes.lines if x.get_label() == labels[0])
    assert np.allclose(line.get_xydata(), [[80, 0], [80, 50], [0, 50]])
    before = len(axes.lines)
    assert plot_seen_unseen_curve(curve, ax=axes, label="floor") is axes
    assert len(axes.lines) == before + 1


def test_lines_of_equal_h_have_that_h():
    curve = SeenUnseenCurve(np.array([0.0, 1.0]), np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    axes = plot_seen_unseen_curve(curve)
    found = []
    for line in axes.lines[:-1]:
        s, u = line.get_xydata().T
        h = 2 * s * u / (s + u)
        assert np.allclose(h, h[0])
        found.append(round(float(h[0])))
    assert found == [20, 40, 60, 80]


def test_scores_stand_at_their_means_with_their_intervals_and_baselines_are_hollow():
    rows = [
        {"method": "flora", "a": Summary(60.0, 5.0, 5), "b": None},
        {"method": "ridge", "a": 40.0, "b": 30.0},
    ]
    axes = plot_score_table(rows, {"a": "UTD 22/5", "b": "UTD 18/9"}, baselines=["ridge"], chance={"a": 20.0})
    assert texts(axes.get_yticklabels()) == ["UTD 22/5", "UTD 18/9"]
    by_name = {c.get_label(): c for c in axes.containers}
    flora, ridge = by_name["flora"], by_name["ridge"]
    assert np.array_equal(flora.lines[0].get_xdata(), [60, np.nan], equal_nan=True)
    assert np.allclose(flora.lines[2][0].get_segments()[0][:, 0], [55, 65])
    assert np.allclose(ridge.lines[0].get_xdata(), [40, 30])
    assert ridge.lines[0].get_markerfacecolor() == "white"
    assert flora.lines[0].get_markerfacecolor() != "white"
    chance = [line for line in axes.lines if line.get_label() == "chance"]
    assert [set(line.get_xdata()) for line in chance] == [{20.0}]
    assert texts(axes.get_legend().get_texts()).count("chance") == 1


def test_chance_of_a_later_column_alone_is_in_the_legend():
    axes = plot_score_table([{"method": "m", "a": 1.0, "b": 2.0}], ["a", "b"], chance={"b": 50.0})
    assert "chance" in texts(axes.get_legend().get_texts())


def test_classes_are_sorted_and_missing_ones_say_so():
    axes = plot_per_class([10.0, None, 90.0], ["a", "b", "c"], counts=[5, 0, 7], chance=33.3)
    assert texts(axes.get_yticklabels()) == ["c (7)", "a (5)", "b (0)"]
    assert [bar.get_width() for bar in axes.patches] == [90, 10, 0]
    assert texts(axes.texts) == ["no samples"]
    assert texts(axes.get_legend().get_texts()) == ["chance, 33.3 %"]
    unsorted = plot_per_class([10.0, 20.0], ["a", "b"], sort=False)
    assert texts(unsorted.get_yticklabels()) == ["a", "b"]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plot_confusion(np.ones((2, 3)), ["a", "b"]), r"square matrix, got shape \(2, 3\)"),
        (lambda: plot_confusion(np.ones((2, 2)), ["a"]), "one name per class, 2, got 1"),
        (lambda: plot_per_class([1.0], ["a"], counts=[1, 2]), "expected 1 counts, got 2"),
        (lambda: plot_score_table([], ["a"]), "needs rows and columns"),
        (lambda: plot_score_table([{"a": 1.0}], ["a"]), "a name under the key 'method'"),
        (lambda: plot_score_table([{"method": "m"}], ["a"], baselines=["x"]), "baseline 'x' is not among the rows"),
    ],
)
def test_bad_input_is_refused(draw, message):
    with pytest.raises(DataError, match=message):
        draw()


def test_class_differences_point_to_the_better_method_and_say_by_how_much():
    axes = plot_class_differences([40.0, -12.5], ["wave", "bow"], counts=[3, 8], method="Flora", other="floor")
    assert [bar.get_width() for bar in axes.patches] == [40.0, -12.5]
    assert axes.patches[0].get_facecolor() != axes.patches[1].get_facecolor()
    assert texts(axes.get_yticklabels()) == ["wave (3)", "bow (8)"]
    assert texts(axes.texts) == ["+40", "-12"]
    assert axes.get_xlabel() == "accuracy of Flora minus floor, points"
    with pytest.raises(DataError, match="counts"):
        plot_class_differences([1.0], ["wave"], counts=[1, 2])
