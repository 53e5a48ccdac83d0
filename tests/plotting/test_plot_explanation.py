"""What explanations draw, by structure."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from zsar_kit.data.joints import layout
from zsar_kit.errors import DataError
from zsar_kit.plotting import style
from zsar_kit.plotting.explanation import COLOURS, LevelPanel, plot_explanation, plot_levels, plot_pose

NTU = layout("ntu25")
POSE = np.random.default_rng(0).normal(size=(1, 25, 3))


def panel(levels=(0.2, 0.25, 1.0)) -> LevelPanel:
    return LevelPanel("height", POSE, (3, 4), "at 1.0 s", levels, ("0.1 T", "0.2 T", "1.0 T"), ("low", "half", "high"))


def test_bars_have_the_levels_in_their_order_and_colours():
    axes = plot_levels(panel(), ("squat", "lunge"))
    assert [bar.get_width() for bar in axes.patches] == [0.2, 0.25, 1.0]
    assert [to_hex(bar.get_facecolor()).upper() for bar in axes.patches] == list(COLOURS)
    assert [t.get_text() for t in axes.get_yticklabels()] == ["measured", "squat expects", "lunge expects"]
    assert [t.get_text() for t in axes.texts] == ["0.1 T", "0.2 T", "1.0 T"]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["low", "half", "high"]


def test_what_a_class_leaves_open_has_no_bar():
    axes = plot_levels(panel((0.2, float("nan"), 1.0)), ("squat", "lunge"))
    assert len(axes.patches) == 2
    assert [t.get_text().strip() for t in axes.texts] == ["0.1 T", "leaves it open", "1.0 T"]


def test_the_performers_right_is_on_the_viewers_left():
    pose = np.zeros((1, 25, 3))
    pose[0, NTU.index("hand_right"), 0], pose[0, NTU.index("hand_left"), 0] = 1.0, -1.0
    pose[0, :, 2] = np.arange(25)
    axes = plot_pose(pose, NTU.bones, (NTU.index("hand_right"),))
    offsets = np.asarray(axes.collections[-1].get_offsets())
    assert offsets[NTU.index("hand_right"), 0] < 0 < offsets[NTU.index("hand_left"), 0]
    colours = [to_hex(c).upper() for c in axes.collections[-1].get_facecolors()]
    assert [i for i, c in enumerate(colours) if c == style.RED] == [NTU.index("hand_right")]


def test_one_row_a_reason_and_none_is_refused():
    figure = plot_explanation([panel(), panel()], NTU.bones, ("squat", "lunge"), "why")
    assert len(figure.axes) == 4
    with pytest.raises(DataError, match="no attribute to draw"):
        plot_explanation([], NTU.bones, ("squat", "lunge"), "why")
