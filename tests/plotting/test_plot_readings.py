"""What figures of readings draw, by structure."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from zsar_kit.data.joints import PARTS, layout
from zsar_kit.errors import DataError
from zsar_kit.plotting import style
from zsar_kit.plotting.readings import plot_contexts, plot_hits, plot_key_parts

NTU = layout("ntu25")
RNG = np.random.default_rng(0)
CLIP = RNG.normal(size=(20, 25, 3))
CONTEXTS = {"environment": [("park", 0.5), ("gym", 0.25)], "used object": [("bat", 0.75), ("none", 0.125)]}
BY_PART = {part: NTU.parts[part] for part in PARTS}


def axes_titled(figure, title):
    (found,) = [a for f in figure.subfigs for a in f.axes if a.get_title("left") == title]
    return found


def test_words_their_shares_and_the_classes_own():
    figure = plot_contexts(CLIP, NTU.bones, CONTEXTS, truth={"environment": {"gym"}}, title="a clip", poses=4)
    assert len(figure.subfigs[0].axes) == 4
    axes = axes_titled(figure, "environment")
    assert [t.get_text() for t in axes.get_yticklabels()] == ["park", "gym"]
    assert [b.get_width() for b in axes.patches] == [50.0, 25.0]
    assert [to_hex(b.get_facecolor()).upper() for b in axes.patches] == [style.BLUE, style.GREEN]
    assert [t.get_fontweight() for t in axes.get_yticklabels()] == ["normal", "bold"]
    assert [t.get_text() for t in axes.texts] == ["50", "25"]


def test_joints_take_the_importance_of_their_coarse_frame():
    importance = np.zeros((4, 25))
    importance[0, 3], importance[1, 7], importance[2, 11], importance[3, 15] = 1.0, 1.0, 1.0, 1.0
    figure = plot_key_parts(CLIP, NTU.bones, importance, parts=BY_PART, poses=4)
    poses = [a for a in figure.subfigs[0].axes if a.get_xlabel().startswith("frame")]
    assert [a.get_xlabel() for a in poses] == ["frame 0", "frame 6", "frame 13", "frame 19"]
    for axes, frame, joint in zip(poses, (0, 6, 13, 19), (3, 7, 11, 15), strict=True):
        dots = axes.collections[-1]
        biggest = np.argmax(dots.get_sizes())
        assert np.allclose(dots.get_offsets()[biggest], CLIP[frame, joint, :2])


def test_part_sums_over_time_and_of_the_prior():
    importance = RNG.dirichlet(np.ones(25), size=5)
    prior = np.full(25, 1 / 25)
    figure = plot_key_parts(CLIP, NTU.bones, importance, prior=prior, parts=BY_PART)
    over_time, of_prior = (a.images[0].get_array() for a in figure.subfigs[1].axes if a.images)
    assert over_time.shape == (6, 5)
    assert np.allclose(over_time.sum(0), 1.0)
    assert np.allclose(over_time[1], importance[:, list(NTU.parts["hand"])].sum(1))
    assert np.allclose(of_prior[:, 0], [len(NTU.parts[p]) / 25 for p in PARTS])
    captions = [a.get_xlabel() for a in figure.subfigs[0].axes]
    assert "language prior" in captions
    assert "predicted, mean" in captions


def test_hits_seen_filled_and_unseen_hollow():
    rows = [
        {"slot": "environment", "who": "model", "seen": 80.0, "unseen": 40.0},
        {"slot": "environment", "who": "ceiling", "seen": None, "unseen": 90.0},
    ]
    axes = plot_hits(rows)
    dots = [(line.get_xdata()[0], line.get_markerfacecolor()) for line in axes.lines if len(line.get_xdata()) == 1]
    assert [x for x, _ in dots] == [80.0, 40.0, 90.0]
    assert [face == "white" for _, face in dots] == [False, True, True]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["environment: model", "environment: ceiling"]


def test_bad_input_is_told():
    with pytest.raises(DataError, match="at least one slot and a word in each"):
        plot_contexts(CLIP, NTU.bones, {"environment": []})
    with pytest.raises(DataError, match=r"must lie in \[0, 1\], got 50"):
        plot_contexts(CLIP, NTU.bones, {"environment": [("park", 50.0)]})
    with pytest.raises(DataError, match="for each of 25 joints, got 20"):
        plot_key_parts(CLIP, NTU.bones, np.ones((4, 20)), parts=BY_PART)
    with pytest.raises(DataError, match="for each of 25 joints, got 3"):
        plot_key_parts(CLIP, NTU.bones, np.ones((4, 25)), prior=np.ones(3), parts=BY_PART)
    with pytest.raises(DataError, match="no frame of the clip holds a body"):
        plot_contexts(np.zeros((4, 25, 3)), NTU.bones, CONTEXTS)
    with pytest.raises(DataError, match="at least one row"):
        plot_hits([])
