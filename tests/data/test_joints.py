"""Joint layouts: the tables agree with each other, and maps to NTU joints are affine."""

from __future__ import annotations

import numpy as np
import pytest

from zsar_kit.data.joints import BODY_PARTS, layout, layout_names, to_ntu25
from zsar_kit.errors import DataError

NAMES = ["ntu25", "kinect_v1_20", "coco_17", "mediapipe_33"]


def test_the_four_layouts_have_their_number_of_joints():
    assert {name: len(layout(name)) for name in layout_names()} == dict(zip(NAMES, [25, 20, 17, 33], strict=True))


def test_ntu_order_is_the_official_one():
    ntu = layout("ntu25")
    anchors = {"spine_base": 0, "spine_mid": 1, "neck": 2, "head": 3, "hand_left": 7, "hand_right": 11}
    anchors |= {
        "foot_left": 15,
        "foot_right": 19,
        "spine_shoulder": 20,
        "hand_tip_left": 21,
        "thumb_right": 24,
    }
    assert {joint: ntu.index(joint) for joint in anchors} == anchors


@pytest.mark.parametrize("name", NAMES)
def test_bones_are_a_tree_with_one_root(name):
    joints = layout(name)
    assert len(joints.bones) == len(joints) - 1
    for joint in range(len(joints)):
        seen = [joint]
        while seen[-1] != joints.root:
            seen.append(joints.parents[seen[-1]])
            assert len(seen) <= len(joints), "a cycle"


@pytest.mark.parametrize("name", NAMES)
def test_six_parts_cover_every_joint_once_and_are_symmetric(name):
    joints = layout(name)
    assert tuple(joints.parts) == BODY_PARTS
    assert sorted(i for part in joints.parts.values() for i in part) == list(range(len(joints)))
    for part in joints.parts.values():
        names = {joints.joints[i] for i in part}
        assert {n.replace("left", "right") for n in names if "left" in n} == {n for n in names if "right" in n}


@pytest.mark.parametrize("name", NAMES)
def test_maps_to_ntu_are_convex(name):
    weights = to_ntu25(name)
    assert weights.shape == (25, len(layout(name)))
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-7)
    assert (weights >= 0).all()
    assert not weights.flags.writeable


def test_map_of_ntu_is_the_identity():
    np.testing.assert_array_equal(to_ntu25("ntu25"), np.eye(25, dtype=np.float32))


@pytest.mark.parametrize("name", NAMES)
def test_roles_are_where_the_map_puts_them(name):
    """A role of a layout is the same place as that role of the NTU skeleton made from it."""
    source, ntu = layout(name), layout("ntu25")
    joints = np.random.default_rng(0).normal(size=(len(source), 3))
    mapped = to_ntu25(name) @ joints
    for role, places in ntu.roles.items():
        expected = mapped[list(places)].mean(axis=0)
        np.testing.assert_allclose(joints[list(source.roles[role])].mean(axis=0), expected, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_left_stays_left(name):
    source, ntu = layout(name), layout("ntu25")
    for i, joint in enumerate(ntu.joints):
        origins = [source.joints[j] for j in np.flatnonzero(to_ntu25(name)[i])]
        if "left" in joint:
            assert all("left" in origin for origin in origins)


def test_kinect_v1_hands_and_neck():
    weights, v1 = to_ntu25("kinect_v1_20"), layout("kinect_v1_20")
    for side in ("left", "right"):
        for joint in ("hand", "hand_tip", "thumb"):
            row = weights[layout("ntu25").index(f"{joint}_{side}")]
            assert np.flatnonzero(row).tolist() == [v1.index(f"hand_{side}")]
    neck = weights[layout("ntu25").index("neck")]
    assert {v1.joints[j]: float(neck[j]) for j in np.flatnonzero(neck)} == {
        "shoulder_centre": 0.5,
        "head": 0.5,
    }


def test_unknown_layout_offers_the_nearest():
    with pytest.raises(DataError, match=r"unknown joint layout 'ntu_25'.*Did you mean 'ntu25'\?"):
        layout("ntu_25")
    with pytest.raises(DataError, match=r"no joint 'spine_bas'.*spine_base"):
        layout("ntu25").index("spine_bas")
