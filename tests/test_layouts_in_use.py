"""A clip in each joint layout goes the whole way: to NTU's joints, into attributes, onto paper and onto the stage."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.bodies import in_layout
from tests.primitives.stick import puppets
from zsar_kit.data import skeletons as sk
from zsar_kit.data.joints import OWN, JointLayout, kit_layout_names, layout
from zsar_kit.data.own_layouts import register_layout
from zsar_kit.plotting.skeleton import plot_skeleton
from zsar_kit.plotting.skeleton_3d import animate_skeleton
from zsar_kit.primitives.measure import measure
from zsar_kit.widgets.body import Body
from zsar_kit.widgets.stage import Stage

CLASSES = (0, 9, 20)


def clips(name: str) -> list[np.ndarray]:
    """Puppet's clips in a layout; one's own has NTU's joints under other names and in another order."""
    found = puppets(CLASSES, 1)
    return [clip[:, :, ::-1] for clip in found] if name == "mine" else [in_layout(clip, name) for clip in found]


@pytest.fixture(params=[*kit_layout_names(), "mine"])
def form(request: pytest.FixtureRequest) -> Iterator[JointLayout]:
    if request.param != "mine":
        yield layout(request.param)
        return
    ntu, known = layout("ntu25"), dict(OWN)
    flip = lambda places: tuple(sorted(24 - i for i in places))  # noqa: E731
    mine = JointLayout(
        name="mine",
        joints=tuple(joint.title().replace("_", " ") for joint in ntu.joints[::-1]),
        parents=tuple(24 - parent for parent in ntu.parents[::-1]),
        parts={part: flip(joints) for part, joints in ntu.parts.items()},
        roles={},
    )
    yield register_layout(mine)
    OWN.clear()
    OWN.update(known)


def test_ntus_joints_come_out_where_they_were(form):
    for clip, original in zip(clips(form.name), puppets(CLASSES, 1), strict=True):
        off = np.linalg.norm(sk.convert(clip, form.name) - original, axis=-1)
        assert off.mean() < (1e-6 if form.name in ("ntu25", "mine") else 0.06)
        common = [layout("ntu25").index(joint) for joint in ("hip_left", "shoulder_right", "elbow_left", "knee_left")]
        assert off[:, :, common].max() < 1e-6
        ready = sk.preprocess(clip, form.name)
        assert ready.shape[2:] == (25, 3)
        assert np.isfinite(ready).all()


def test_attributes_are_those_of_the_same_motion(form):
    """Also without hands, feet or a spine what can be measured is near what NTU's joints give."""
    levels, original = measure(clips(form.name), form.name).levels, measure(list(puppets(CLASSES, 1))).levels
    off = np.nanmean(np.abs(levels - original), axis=1)
    assert np.isfinite(off).all()
    assert off.max() < (1e-6 if form.name in ("ntu25", "mine") else 0.2)
    assert off.mean() < (1e-6 if form.name in ("ntu25", "mine") else 0.1)


def test_bones_are_drawn(form):
    clip = clips(form.name)[0]
    axes = plot_skeleton(clip[0, 0], form.bones)
    assert (
        sum(len(lines.get_segments()) for lines in axes.collections if hasattr(lines, "get_segments")) == len(form) - 1
    )
    figure = animate_skeleton(clip[:, :2], form.name, title="t")
    assert sum(len([text for text in trace.text if text]) for trace in figure.data) == 2 * (len(form) - 1)


def test_the_stage_shows_it(form):
    clip = clips(form.name)[0]
    stage = Stage(clip, layout=form.name)
    body = stage.scene["bodies"][0]
    assert body["joints"] == len(form)
    np.testing.assert_allclose(
        np.frombuffer(stage.data, "<f4")[: clip.size].reshape(clip.shape), Body(clip, form).scene_points()
    )
