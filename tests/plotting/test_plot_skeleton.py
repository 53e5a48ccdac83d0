"""What a skeleton figure draws, by structure."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

from zsar_kit.errors import ConfigError, DataError
from zsar_kit.plotting import style
from zsar_kit.plotting.skeleton import plot_film_strip, plot_skeleton

BONES = ((0, 1), (1, 2), (1, 3))


@pytest.fixture
def walk():
    """20 frames of 4 joints: x, y and z differ, so that a wrong axis shows."""
    joints = np.random.default_rng(0).normal(size=(20, 4, 3))
    return joints * [1.0, 10.0, 100.0]


def bones_of(ax):
    return [c for c in ax.collections if isinstance(c, LineCollection)]


def test_a_pose_is_drawn_from_the_front(walk):
    for up, column in (("y", 1), ("z", 2)):
        axes = plot_skeleton(walk[0], BONES, up=up)
        (lines,) = bones_of(axes)
        expected = [walk[0][list(pair)][:, [0, column]] for pair in BONES]
        assert np.allclose(lines.get_segments(), expected)
        assert axes.get_ylabel() == f"{up}, m"
        assert axes.get_xlabel() == "x, m"


def test_a_strip_shows_the_first_the_last_and_evenly_spaced_frames(walk):
    fig = plot_film_strip(walk, BONES, frames=5, title="wave")
    assert [ax.get_xlabel() for ax in fig.axes] == ["0", "5", "10", "14", "19"]
    last = bones_of(fig.axes[-1])[0].get_segments()
    assert np.allclose(last[0], walk[19][[0, 1]][:, :2])
    assert fig.get_suptitle() == "wave"


def test_all_frames_share_one_scale(walk):
    fig = plot_film_strip(walk, BONES, frames=6)
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in fig.axes}) == 1
    low, high = fig.axes[0].get_ylim()
    shown = walk[[0, 4, 8, 11, 15, 19]][..., 1]
    assert low < shown.min()
    assert high > shown.max()


def test_padding_is_skipped_and_short_sequences_shown_whole(walk):
    padded = np.concatenate([walk[:3], np.zeros((10, 4, 3))])
    fig = plot_film_strip(padded, BONES, frames=8, fps=30)
    assert [ax.get_xlabel() for ax in fig.axes] == ["0.0 s", "0.0 s", "0.1 s"]


def test_two_persons_have_two_colours_and_an_absent_one_is_not_drawn(walk):
    two = np.stack([walk, walk + 1])
    two[1, :10] = 0
    fig = plot_film_strip(two, BONES, frames=2)
    assert [len(bones_of(ax)) for ax in fig.axes] == [1, 2]
    colors = {to_hex(c.get_colors()[0]) for c in bones_of(fig.axes[1])}
    assert len(colors) == 2


def test_highlighted_joints_and_the_bones_between_them_stand_out(walk):
    (lines,) = bones_of(plot_skeleton(walk[0], BONES, highlight=[1, 2]))
    assert [to_hex(c) == style.RED.lower() for c in lines.get_colors()] == [False, True, False]


def test_a_pose_goes_into_axes_that_are_given(walk):
    axes = style.ensure_axes(None, width=2.0, height=2.0)
    assert plot_skeleton(walk[0], BONES, axes) is axes


def test_bad_input_is_refused(walk):
    with pytest.raises(DataError, match=r"got shape \(20, 4, 2\)"):
        plot_film_strip(walk[..., :2], BONES)
    with pytest.raises(DataError, match=r"bone names joint 7, but the skeleton has joints 0\.\.3"):
        plot_film_strip(walk, ((0, 7),))
    with pytest.raises(DataError, match="no frame of the sequence has a person"):
        plot_film_strip(np.zeros((5, 4, 3)), BONES)
    with pytest.raises(ConfigError, match="'up' must be 'y' or 'z', got 'x'"):
        plot_skeleton(walk[0], BONES, up="x")
    with pytest.raises(ConfigError, match="'frames' must be at least 1"):
        plot_film_strip(walk, BONES, frames=0)
