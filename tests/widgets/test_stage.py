"""The stage's state is its traits, and what it sends is what it shows, also without a front end or a kernel."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest

from zsar_kit.data.joints import layout
from zsar_kit.errors import ConfigError, DataError
from zsar_kit.plotting.skeleton_3d import _layout, _scene_coordinates
from zsar_kit.widgets.body import Body
from zsar_kit.widgets.kept import read_view
from zsar_kit.widgets.page import Part, bundle, framed, standing
from zsar_kit.widgets.stage import Stage

NASTY = '<img src=x onerror="window.hacked=1">' + "</script><script>window.hacked=2</script>" + "x" * 500


def moving(persons: int = 1, frames: int = 6, joints: int = 25, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(persons, frames, joints, 3)).astype(np.float32)


def sent(stage: Stage, number: int = 0) -> np.ndarray:
    """The coordinates that a browser reads out of the buffer."""
    spec, floats = stage.scene["bodies"][number], np.frombuffer(stage.data, dtype="<f4")
    shape = [spec["persons"], spec["frames"], spec["joints"], 3]
    return floats[spec["at"] : spec["at"] + np.prod(shape)].reshape(shape)


def weights_sent(stage: Stage, number: int = 0) -> np.ndarray:
    spec, floats = stage.scene["bodies"][number], np.frombuffer(stage.data, dtype="<f4")
    at, frames = spec["weights"]["at"], spec["weights"]["frames"]
    return floats[at : at + frames * spec["joints"]].reshape(frames, -1)


@pytest.mark.parametrize("up", ["y", "z"])
def test_a_body_is_turned_and_not_mirrored(up):
    joints = moving()
    turned = sent(Stage(joints, up=up)).reshape(-1, 3).astype(float)
    change, *_ = np.linalg.lstsq(joints.reshape(-1, 3).astype(float), turned, rcond=None)
    np.testing.assert_allclose(change @ change.T, np.eye(3), atol=1e-5)
    assert np.linalg.det(change) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("up", ["y", "z"])
def test_left_and_right_are_those_of_the_figures(up):
    joints = moving()
    points = sent(Stage(joints, up=up))
    scene = _scene_coordinates(joints, layout("ntu25"), up)
    # The camera of the figures stands at positive depth of its own axes, so that x runs to the left.
    ends = _layout(scene, "", up)["scene"]["yaxis"]["range"]
    depth = scene[..., 1] * (-1 if ends[0] > ends[1] else 1)
    np.testing.assert_allclose(points[..., 0], -scene[..., 0], atol=1e-5)
    np.testing.assert_allclose(points[..., 1], scene[..., 2], atol=1e-5)
    np.testing.assert_allclose(points[..., 2], depth, atol=1e-5)


def test_absent_persons_are_not_numbers_and_present_ones_are_as_they_were():
    joints = moving(2)
    joints[1, 2:4] = 0
    joints[0, 5, 3, 1] = np.nan
    points = sent(Stage(joints))
    assert np.isnan(points[1, 2:4]).all()
    assert np.isnan(points[0, 5]).all()
    np.testing.assert_array_equal(points[0, :5, :, 1], joints[0, :5, :, 1])


def test_two_bodies_share_the_buffer_and_the_scale_of_their_values():
    weights = [np.full((3, 25), 0.1), np.linspace(0, 0.5, 100).reshape(4, 25)]
    bodies = [Body(moving(seed=i, frames=4 + i), weights=weights[i], title=f"b{i}") for i in range(2)]
    stage = Stage()
    stage.show(*bodies)
    for i, body in enumerate(bodies):
        np.testing.assert_array_equal(sent(stage, i), body.scene_points())
        np.testing.assert_allclose(weights_sent(stage, i), weights[i], rtol=1e-6)
    scales = [spec["weights"]["high"] for spec in stage.scene["bodies"]]
    assert scales == [pytest.approx(0.5)] * 2
    assert len(stage.data) == 4 * (25 * 3 * (4 + 5) + 25 * (3 + 4))


def test_a_new_clip_is_another_scene_and_keeps_the_frame_where_it_can():
    stage = Stage(moving(frames=9))
    stage.frame = 7
    version = stage.scene["version"]
    stage.joints = moving(frames=5, seed=1)
    assert (stage.frame, stage.scene["version"]) == (4, version + 1)
    np.testing.assert_array_equal(sent(stage)[0, :, :, 1], stage.joints[0, :, :, 1])
    stage.weights = np.ones((2, 25))
    assert weights_sent(stage).shape == (2, 25)
    stage.joints = moving(frames=5, seed=2)
    assert stage.weights is None, "values belonged to the old clip"


def test_what_is_on_the_stage_can_not_be_changed_behind_its_back():
    mine = moving()
    stage = Stage(mine)
    mine[:] = 0
    assert (sent(stage) != 0).any()
    with pytest.raises(ValueError, match="read-only"):
        stage.joints[0, 0, 0, 0] = 1.0


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Stage(moving(joints=20)), DataError, "layout 'ntu25' needs .* got shape"),
        (lambda: Stage(np.zeros((4, 25, 3))), DataError, "no frame of the clip has a body"),
        (lambda: Stage(moving(), up="x"), ConfigError, "'up' must be 'y' or 'z'"),
        (lambda: Stage(moving(), rate=0), ConfigError, "above 0"),
        (lambda: Stage(moving(), height=10), ConfigError, "120 to 4000"),
        (lambda: Stage(moving(), weights=np.ones((2, 7))), DataError, r"expected finite values \[frame, 25\]"),
        (lambda: Stage(moving(), weights=np.full((2, 25), np.nan)), DataError, "expected finite values"),
        (lambda: Stage(moving(), marks=[(6, "past the end")]), DataError, "frames are 0 to 5, a mark is at 6"),
        (lambda: Stage().joints, DataError, "the stage is empty"),
        (lambda: Stage().show(), ConfigError, "one body or two, got 0"),
    ],
)
def test_what_can_not_be_shown_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_frames_out_of_range_are_refused():
    stage = Stage(moving())
    with pytest.raises(DataError, match="frames are 0 to 5, got 6"):
        stage.frame = 6
    assert stage.frame == 0


def test_words_of_others_are_short_and_on_one_line_and_end_no_script():
    stage = Stage(moving(), title="a\nb\x1b[31m " + NASTY, marks=[(0, NASTY)])
    title = stage.scene["bodies"][0]["title"]
    assert len(title) <= 200
    assert "\n" not in title
    page = stage.html()
    assert "<img src=x" not in page
    assert page.count("</script>") == 1


def test_a_page_holds_everything_it_needs():
    stage = Stage(moving(), title="wave")
    page = stage.html()
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    modules = re.search(r"const sources = (\{.*?\});\n", page).group(1)
    source = base64.b64decode(json.loads(modules)["stage"].partition(",")[2]).decode()
    assert "export function mount" in source
    assert "import " not in source.replace("important", "")
    states = json.loads(re.search(r"of (\[.*\])\) \{\n", page).group(1))
    assert base64.b64decode(states[0]["data"]) == stage.data


def test_an_output_without_a_front_end_is_an_image_and_a_page_and_no_widget():
    found = Stage(moving(), title="wave")._repr_mimebundle_()
    assert set(found) == {"text/plain", "text/html", "image/png"}
    assert base64.b64decode(found["image/png"]).startswith(b"\x89PNG")
    assert "srcdoc" in found["text/html"]
    assert "zs-still" in found["text/html"]


def test_an_output_in_a_front_end_is_the_widget_too(monkeypatch):
    monkeypatch.setattr("zsar_kit.widgets.page.watched", lambda: True)
    stage = Stage(moving())
    assert "application/vnd.jupyter.widget-view+json" in stage._repr_mimebundle_()
    assert bundle(None, "x", lambda: b"", lambda: "")["text/plain"] == "x"


def test_a_frame_keeps_a_page_apart():
    inside = standing([Part("stage", {"scene": {}})], title='"><b>')
    outside = framed(inside, b"", "a stage", 300)
    assert outside.count("<iframe") == 1
    assert "<script" not in outside.replace(outside[outside.index("srcdoc=") :], "")


def test_a_saved_view_is_seen_again():
    view = {"yaw": 1.0, "pitch": 0.2, "zoom": 2, "speed": 0.5, "follow": True, "traces": [3], "frame": 9}
    kept = read_view({"kind": "zsar view", "version": 1, "stage": view, "chosen": {"sample": "s"}})
    stage = Stage(moving(frames=6))
    kept.apply(stage)
    assert stage.frame == 5, "the last frame, as the clip is shorter"
    assert stage.view == {k: v for k, v in view.items() if k != "frame"}
    assert kept.chosen == {"sample": "s"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "not a saved view"),
        ({"kind": "zsar view", "version": 2}, "not a saved view of version 1"),
        ({"kind": "zsar view", "version": 1, "stage": [], "chosen": {}}, "needs 'stage' and 'chosen'"),
        ({"kind": "zsar view", "version": 1, "stage": {"yaw": "x"}, "chosen": {}}, "must be numbers"),
        ({"kind": "zsar view", "version": 1, "stage": {"frame": -1}, "chosen": {}}, "must be numbers"),
        ({"kind": "zsar view", "version": 1, "stage": {"traces": ["a"]}, "chosen": {}}, "must be numbers"),
    ],
)
def test_what_is_no_saved_view_is_refused(content, message):
    with pytest.raises(DataError, match=message):
        read_view(content)
