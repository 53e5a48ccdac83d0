"""What figures of class texts draw, by structure."""

from __future__ import annotations

import numpy as np
import pytest

from zsar_kit.errors import DataError
from zsar_kit.plotting.semantics import plot_neighbours, plot_similarity

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
