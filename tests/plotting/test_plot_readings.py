"""What figures of readings draw, by structure."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from zsar_kit.data.joints import BODY_PARTS, layout
from zsar_kit.errors import ConfigError, DataError
from zsar_kit.evaluation.statistics import Summary
from zsar_kit.plotting import style
from zsar_kit.plotting.readings import GAP, _apart, plot_contexts, plot_hits, plot_key_parts

NTU = layout("ntu25")
RNG = np.random.default_rng(0)
CLIP = RNG.normal(size=(20, 25, 3))
CONTEXTS = {"environment": [("park", 0.5), ("gym", 0.25)], "used object": [("bat", 0.75), ("none", 0.125)]}
BY_PART = {part: NTU.parts[part] for part in BODY_PARTS}


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
    assert np.allclose(of_prior[:, 0], [len(NTU.parts[p]) / 25 for p in BODY_PARTS])
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
    with pytest.raises(DataError, match="no frame of the clip has a body"):
        plot_contexts(np.zeros((4, 25, 3)), NTU.bones, CONTEXTS)
    with pytest.raises(DataError, match="at least one row"):
        plot_hits([])


def poses_of(figure):
    return [a for f in figure.subfigs[:1] for a in f.axes if a.get_xlabel().startswith("frame")]


@pytest.mark.parametrize("absent", [0.0, np.nan])
@pytest.mark.parametrize("place", [0, 1])
def test_an_absent_person_takes_no_room_and_no_marks(absent, place):
    far = CLIP + np.array([50.0, 50.0, 0.0])
    two = np.stack([far, np.full_like(far, absent)][:: 1 if place else -1])
    importance = np.full((4, 25), 1 / 25)
    for axes in poses_of(plot_key_parts(two, NTU.bones, importance, parts=BY_PART)):
        assert axes.get_xlim()[0] > 40
        assert axes.collections[-1].get_offsets().min() > 40


def test_each_person_who_is_there_has_the_importance():
    importance = np.full((4, 25), 1 / 25)
    figure = plot_key_parts(np.stack([CLIP, CLIP + 50]), NTU.bones, importance, parts=BY_PART, poses=1)
    (axes,) = poses_of(figure)
    first, second = (c.get_offsets() for c in axes.collections if c.get_zorder() == 4)
    assert np.allclose(second, first + 50)


def test_joints_that_count_the_same_stand_in_the_middle_of_the_scale():
    figure = plot_key_parts(CLIP, NTU.bones, np.full((4, 25), 1 / 25), parts=BY_PART)
    (bar,) = [a for a in figure.subfigs[0].axes if a.get_ylabel().startswith("importance")]
    assert np.allclose(bar.get_ylim(), (0, 2 / 25))
    assert bar.get_ylabel().endswith("(uniform: 0.04)")


def test_hits_over_seeds_have_their_interval():
    axes = plot_hits([{"slot": "a", "who": "model", "seen": Summary(60.0, 5.0, 5), "unseen": Summary(40.0, None, 1)}])
    intervals = [c.get_segments()[0][:, 0].tolist() for c in axes.collections if len(c.get_segments()[0]) == 2]
    assert [55.0, 65.0] in intervals
    assert to_hex(axes.lines[0].get_color()).upper() == style.BLUE


def test_a_share_that_rounds_to_nothing_says_so():
    axes = axes_titled(plot_contexts(CLIP, NTU.bones, {"environment": [("park", 0.5), ("gym", 0.004)]}), "environment")
    assert [t.get_text() for t in axes.texts] == ["50", "<1"]


def test_more_bad_input_is_told():
    importance = np.full((4, 25), 1 / 25)
    with pytest.raises(DataError, match="no slot 'Environment'"):
        plot_contexts(CLIP, NTU.bones, CONTEXTS, truth={"Environment": {"gym"}})
    with pytest.raises(ConfigError, match="'poses' must be at least 1, got 0"):
        plot_contexts(CLIP, NTU.bones, CONTEXTS, poses=0)
    with pytest.raises(DataError, match=r"got shape \(25, 3\)"):
        plot_contexts(CLIP[0], NTU.bones, CONTEXTS)
    with pytest.raises(DataError, match=r"expected \[coarse frame, joint\], got shape \(25,\)"):
        plot_key_parts(CLIP, NTU.bones, importance[0], parts=BY_PART)
    with pytest.raises(DataError, match="finite and not negative"):
        plot_key_parts(CLIP, NTU.bones, importance * np.nan, parts=BY_PART)
    with pytest.raises(DataError, match=r"joints of 0\.\.24, got \(99,\)"):
        plot_key_parts(CLIP, NTU.bones, importance, parts={"hand": (99,)})
    with pytest.raises(DataError, match="at least one body part"):
        plot_key_parts(CLIP, NTU.bones, importance, parts={})
    with pytest.raises(DataError, match="every row needs the key 'unseen'"):
        plot_hits([{"slot": "a", "who": "model", "seen": 1.0}])
    with pytest.raises(DataError, match=r"'seen' must be percent, 0\.\.100, got 4000"):
        plot_hits([{"slot": "a", "who": "model", "seen": 4000.0, "unseen": None}])


def test_green_is_explained_where_there_is_a_truth():
    explained = plot_contexts(CLIP, NTU.bones, CONTEXTS, truth={"environment": {"gym"}}, poses=2)
    assert "green" in explained.subfigs[1].get_supxlabel()
    assert not plot_contexts(CLIP, NTU.bones, CONTEXTS, poses=2).subfigs[1].get_supxlabel()


def test_figures_of_a_series_share_one_scale():
    faint, strong = np.full((2, 25), 0.01), np.full((2, 25), 0.3)
    scales = []
    for importance in (faint, strong):
        figure = plot_key_parts(CLIP, NTU.bones, importance, parts=BY_PART, poses=2, top=0.3)
        (bar,) = [a for a in figure.subfigs[0].axes if "importance of a joint" in a.get_ylabel()]
        scales.append(bar.get_ylim())
    assert scales[0] == pytest.approx(scales[1])
    assert scales[0][1] == pytest.approx(0.3)


def test_two_bodies_are_drawn_apart_and_keep_their_sides():
    walk = np.random.default_rng(1).normal(scale=0.2, size=(1, 6, 25, 3))
    pair = np.concatenate([walk, walk + np.array([0.1, 0, 0])])
    for order in ([0, 1], [1, 0]):
        moved = _apart(pair[order])
        left, right = (moved[order.index(0)], moved[order.index(1)])
        gaps = right[..., 0].min(-1) - left[..., 0].max(-1)
        assert gaps.min() == pytest.approx(GAP)
        np.testing.assert_array_equal(left, pair[0])
    far = np.concatenate([walk, walk + np.array([9.0, 0, 0])])
    np.testing.assert_array_equal(_apart(far), far)
    np.testing.assert_array_equal(_apart(walk), walk)
