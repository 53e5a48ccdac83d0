"""What figures of class texts draw, by structure."""

from __future__ import annotations

import numpy as np
import pytest

from zsar_kit.errors import DataError
from zsar_kit.plotting.semantics import plot_neighbours, plot_similarity, plot_slot_sharing

MATRIX = np.array([[1.0, 0.8, 0.1, 0.3], [0.8, 1.0, 0.2, 0.4], [0.1, 0.2, 1.0, 0.6], [0.3, 0.4, 0.6, 1.0]])
NAMES = ["wave", "salute", "kick", "jump"]


def texts(labels):
    return [label.get_text() for label in labels]


def test_colours_span_the_values_off_the_diagonal():
    axes = plot_similarity(MATRIX, NAMES, highlight=[2])
    assert axes.images[0].get_clim() == (0.1, 0.8)
    weights = [tick.get_fontweight() for tick in axes.get_yticklabels()]
    assert weights == ["normal", "normal", "bold", "normal"]


def test_neighbours_are_listed_in_order_without_the_class_itself():
    axes = plot_neighbours(MATRIX, NAMES, classes=[0, 2], k=2)
    assert texts(axes.get_yticklabels()) == ["wave", "salute", "jump", "kick", "jump", "salute"]
    dots = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
    assert dots == [0.8, 0.3, 0.6, 0.2]


def test_highlighted_classes_are_the_default_and_k_is_capped():
    axes = plot_neighbours(MATRIX, NAMES, highlight={3}, k=9)
    assert texts(axes.get_yticklabels()) == ["jump", "kick", "salute", "wave"]


def test_bad_input_is_refused():
    with pytest.raises(DataError, match=r"position 9 is out of range 0\.\.3"):
        plot_neighbours(MATRIX, NAMES, classes=[9])
    with pytest.raises(DataError, match="finite values"):
        plot_similarity(np.full((2, 2), np.nan), ["a", "b"])
    with pytest.raises(DataError, match="one name per class, 4, got 3"):
        plot_neighbours(MATRIX, NAMES[:3])


def test_slot_sharing_fills_each_bar_and_groups_data_sets():
    reach = {
        "a": {"environment": np.array([1, 2, 5, 20]), "used_object": np.array([1, 1])},
        "b": {"environment": np.array([9])},
    }
    axes = plot_slot_sharing(reach)
    bars = [[c.patches[i].get_width() for c in axes.containers] for i in range(3)]
    assert bars == [[25, 25, 25, 0, 25], [100, 0, 0, 0, 0], [0, 0, 0, 100, 0]]
    assert texts(axes.get_yticklabels()) == ["a: environment", "a: used object", "b: environment"]
    with pytest.raises(DataError, match="expected rows"):
        plot_slot_sharing({"a": {"environment": np.array([])}})


def test_labels_say_what_the_matrix_holds():
    axes = plot_similarity(MATRIX, NAMES, label="rank correlation")
    assert "rank correlation" in [a.get_ylabel() for a in axes.figure.axes]
    assert plot_neighbours(MATRIX, NAMES, x="words in common").get_xlabel() == "words in common"
