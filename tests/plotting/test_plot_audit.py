"""What figures of an audit draw, by structure."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from zsar_kit.errors import DataError
from zsar_kit.plotting import style
from zsar_kit.plotting.audit import plot_class_balance, plot_coverage, plot_lengths


def test_every_sample_is_in_a_bin_and_the_longest_are_in_the_last():
    lengths = {"train": np.arange(1, 301), "test": np.array([5, 5, 9000]), "none": np.array([], dtype=int)}
    axes = plot_lengths(lengths, title="t")
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["train: 300 samples, median 150", "test: 3 samples, median 5"]
    outlines = [patch.get_xy() for patch in axes.patches]
    assert [max(xy[:, 1]) > 0 for xy in outlines] == [True, True]
    assert outlines[1][:, 0].max() < 400
    assert axes.get_xlabel() == "length, frames"


def test_one_length_can_be_drawn_and_none_is_refused():
    assert plot_lengths({"all": np.array([7, 7])}).get_ylim()[0] == 0
    with pytest.raises(DataError, match="at least one sample, got none"):
        plot_lengths({"all": np.array([])})


def test_bars_of_a_class_stand_end_to_end():
    counts = np.array([[3, 1], [0, 4], [2, 2]])
    axes = plot_class_balance(counts, ["wave", "bow", "kick"], ["train", "test"], highlight=[1])
    bars = [(b.get_x(), b.get_width()) for c in axes.containers for b in c]
    assert bars == [(0, 3), (0, 0), (0, 2), (3, 1), (0, 4), (2, 2)]
    names = axes.get_yticklabels()
    assert [n.get_text() for n in names] == ["0 wave", "1 bow", "2 kick"]
    assert [n.get_color() == style.RED for n in names] == [False, True, False]
    with pytest.raises(DataError, match="one name per class, 3, got 1"):
        plot_class_balance(counts, ["wave"], ["train", "test"])
    with pytest.raises(DataError, match="one name per part, 2, got 1"):
        plot_class_balance(counts, ["wave", "bow", "kick"], ["train"])


def test_coverage_counts_pairs_and_marks_what_is_in_both_parts():
    subjects, cameras = np.array([1, 1, 2, 7, 7, 7]), np.array([1, 2, 1, 1, 1, 2])
    train = np.array([True, True, False, True, False, True])
    axes = plot_coverage(subjects, cameras, y="subject", x="camera", train=train)
    assert axes.images[0].get_array().tolist() == [[1, 1], [1, 0], [2, 1]]
    assert [t.get_text() for t in axes.texts] == ["1", "1", "1", "0", "2", "1"]
    marked = {t.get_text() for t in axes.get_yticklabels() if to_hex(t.get_color()) == style.RED.lower()}
    assert marked == {"7"}
    marked = {t.get_text() for t in axes.get_xticklabels() if to_hex(t.get_color()) == style.RED.lower()}
    assert marked == {"1"}
    with pytest.raises(DataError, match="a row and a column for each sample"):
        plot_coverage(subjects, cameras[:3], y="subject", x="camera")
