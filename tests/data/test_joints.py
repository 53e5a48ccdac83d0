"""Joint layouts: the tables agree with each other, and maps to NTU joints are affine."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bodies import exchanged, t_pose
from zsar_kit.data import skeletons as sk
from zsar_kit.data.joints import (
    BODY_PARTS,
    as_layout,
    fitting_layouts,
    kit_layout_names,
    layout,
    layout_names,
    layout_of_names,
    matched_joints,
    plain_joint_name,
    to_ntu25,
)
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError

COUNTS = {
    "ntu25": 25, "kinect_v1_20": 20, "coco_17": 17, "mediapipe_33": 33, "openpose_25": 25, "halpe_26": 26,
    "h36m_17": 17, "smpl_24": 24, "azure_kinect_32": 32, "openni_15": 15,
}  # fmt: skip
NAMES = list(COUNTS)
NTU = layout("ntu25")


def test_layouts_have_their_number_of_joints():
    assert {name: len(layout(name)) for name in kit_layout_names()} == COUNTS
    assert layout_names()[: len(NAMES)] == tuple(NAMES)
    assert all(layout(name).about.endswith(".") for name in NAMES)


@pytest.mark.parametrize(
    ("name", "anchors"),
    [
        ("openpose_25", {0: "nose", 1: "neck", 4: "wrist_right", 7: "wrist_left", 8: "mid_hip", 11: "ankle_right",
                         14: "ankle_left", 15: "eye_right", 18: "ear_left", 19: "big_toe_left", 20: "small_toe_left",
                         21: "heel_left", 24: "heel_right"}),
        ("halpe_26", {0: "nose", 5: "shoulder_left", 10: "wrist_right", 16: "ankle_right", 17: "head", 18: "neck",
                      19: "hip", 20: "big_toe_left", 21: "big_toe_right", 22: "small_toe_left", 25: "heel_right"}),
        ("h36m_17", {0: "hip", 1: "hip_right", 3: "ankle_right", 6: "ankle_left", 7: "spine", 8: "thorax", 10: "head",
                     11: "shoulder_left", 13: "wrist_left", 14: "shoulder_right", 16: "wrist_right"}),
        ("smpl_24", {0: "pelvis", 1: "hip_left", 2: "hip_right", 3: "spine1", 7: "ankle_left", 10: "foot_left",
                     12: "neck", 13: "collar_left", 15: "head", 17: "shoulder_right", 22: "hand_left"}),
        ("azure_kinect_32", {0: "pelvis", 2: "spine_chest", 4: "clavicle_left", 9: "hand_tip_left", 10: "thumb_left",
                             11: "clavicle_right", 18: "hip_left", 22: "hip_right", 26: "head", 29: "ear_left",
                             31: "ear_right"}),
        ("openni_15", {0: "head", 1: "neck", 2: "shoulder_left", 3: "shoulder_right", 7: "hand_right", 8: "torso",
                       9: "hip_left", 14: "foot_right"}),
    ],
)  # fmt: skip
def test_orders_are_the_published_ones(name, anchors):
    assert {i: layout(name).joints[i] for i in anchors} == anchors
    coco = layout("coco_17").joints
    assert name != "halpe_26" or layout(name).joints[:17] == coco


def test_smpl_bones_are_those_of_the_model():
    published = (0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
    assert layout("smpl_24").parents == published


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


@pytest.mark.parametrize("name", NAMES)
def test_left_and_right_are_made_alike(name):
    """Mirroring a body and then mapping it is mapping it and then mirroring: the weights are symmetric."""
    weights, source = to_ntu25(name), layout(name)
    np.testing.assert_array_equal(weights[exchanged(NTU.joints)][:, exchanged(source.joints)], weights)
    other = exchanged(source.joints)
    assert [other[p] for p in source.parents] == [source.parents[other[j]] for j in range(len(source))]


@pytest.mark.parametrize("name", NAMES)
def test_a_t_pose_becomes_that_of_ntu(name):
    body, ntu = to_ntu25(name) @ t_pose(name), t_pose("ntu25")
    at = {joint: body[i] for i, joint in enumerate(NTU.joints)}
    trunk = ("spine_base", "spine_mid", "spine_shoulder", "neck", "head")
    assert np.all(np.diff([at[joint][1] for joint in trunk]) > 0)
    assert all(abs(at[joint][0]) < 1e-6 for joint in trunk)
    for side, sign in (("left", 1), ("right", -1)):
        outwards = [sign * at[f"{joint}_{side}"][0] for joint in ("shoulder", "elbow", "wrist", "hand", "hand_tip")]
        assert outwards[0] > 0.1
        assert np.all(np.diff(outwards) >= 0)
        assert np.all(np.diff(outwards[:3]) > 0.1)
        downwards = [at[f"{joint}_{side}"][1] for joint in ("hip", "knee", "ankle", "foot")]
        assert np.all(np.diff(downwards[:3]) < -0.3)
        assert downwards[3] <= downwards[2]
        assert sign * at[f"hip_{side}"][0] > 0.05
    off = dict(zip(NTU.joints, np.linalg.norm(body - ntu, axis=1), strict=True))
    assert max(off[joint] for joint in trunk) < 0.07, off  # half-way from the nose is before the head
    # What is taken from a neighbour is as far as that is: a hand tip from the wrist, a foot from the ankle.
    assert max(off.values()) < 0.18, off


@pytest.mark.parametrize("name", NAMES)
def test_clips_of_a_layout_reach_the_encoder_upright(name):
    pose = t_pose(name) @ np.diag([-1, 1, -1]).astype(np.float32)  # a sensor's axes, facing it
    clip = np.repeat(pose[None, None] + [0.3, -0.8, 2.5], 6, axis=1).astype(np.float32)
    converted = sk.convert(clip, name)
    np.testing.assert_allclose(converted, sk.convert(clip, layout(name)))
    ready = sk.preprocess(clip, name)
    assert ready.shape == (1, 6, 25, 3)
    first = dict(zip(NTU.joints, ready[0, 0], strict=True))
    assert first["head"][2] > first["spine_mid"][2] + 0.3 > first["foot_left"][2] + 1.0
    across = first["shoulder_left"] - first["shoulder_right"]
    np.testing.assert_allclose(np.abs(across), [0.4, 0, 0], atol=1e-5)
    lengths = [np.linalg.norm(sk.bone(c, "ntu25"), axis=-1) for c in (converted, ready)]
    np.testing.assert_allclose(*lengths, atol=1e-5)


def test_a_layout_object_is_as_good_as_its_name():
    assert as_layout("smpl_24") is as_layout(layout("smpl_24")) is layout("smpl_24")
    assert to_ntu25(layout("smpl_24")) is to_ntu25("smpl_24")


@pytest.mark.parametrize(
    ("names", "plain"),
    [
        (("LBigToe", "left_big_toe", "Big Toe Left", "BIG_TOE_LEFT", "big_toe_l", "leftBigToe"), "bigtoe|left"),
        (("REye", "right-eye", "Eye.R", "r_eye"), "eye|right"),
        (("Spine1", "SPINE_1", "spine 1"), "spine1"),
        (("L_Bip_L",), "bip|left|left"),
        (("Lower", "LOWER"), "lower"),
        (("Kopf links", "kopf_Links"), "kopflinks"),
        (("--",), ""),
    ],
)
def test_plain_names(names, plain):
    assert {plain_joint_name(name) for name in names} == {plain}


def test_joints_are_matched_exactly_first_and_else_only_without_doubt():
    assert matched_joints(["hip left", "hip_left"], ["hip_left", "LeftHip"]) == [1, None]
    assert matched_joints(["LKnee", "RKnee"], ["knee_right", "knee_left", "knee"]) == [1, 0, None]


@pytest.mark.parametrize("name", NAMES)
def test_a_layout_is_known_by_its_names_in_other_spellings(name):
    joints = layout(name).joints
    assert len({plain_joint_name(joint) for joint in joints}) == len(joints)
    assert layout_of_names(joints) == layout_of_names(joints[::-1]) == name
    assert layout_of_names([joint.upper().replace("_", " ") for joint in joints]) == name
    assert layout_of_names(joints[:-1]) == layout_of_names([*joints, joints[0]]) == layout_of_names([]) == ""
    assert layout_of_names([*joints[:-1], "tail"]) == ""


def test_public_names_are_known():
    coco = "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow left_wrist "
    coco += "right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle"
    assert layout_of_names(coco.split()) == "coco_17"
    body_25 = "Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist MidHip RHip RKnee RAnkle LHip LKnee LAnkle "
    body_25 += "REye LEye REar LEar LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel"
    assert layout_of_names(body_25.split()) == "openpose_25"
    smpl = "Pelvis L_Hip R_Hip Spine1 L_Knee R_Knee Spine2 L_Ankle R_Ankle Spine3 L_Foot R_Foot Neck L_Collar R_Collar "
    smpl += "Head L_Shoulder R_Shoulder L_Elbow R_Elbow L_Wrist R_Wrist L_Hand R_Hand"
    assert layout_of_names(smpl.split()) == "smpl_24"


def test_what_an_array_without_names_could_be():
    assert fitting_layouts(25) == ("ntu25", "openpose_25")
    assert fitting_layouts(17) == ("coco_17", "h36m_17")
    assert fitting_layouts(32) == ("azure_kinect_32",)
    assert fitting_layouts(18) == ()


def test_a_recording_is_brought_to_a_layout_by_names_in_other_spellings():
    form = layout("h36m_17")
    names = ("extra", *(joint.title().replace("_", "") for joint in form.joints[::-1]))
    joints = np.arange(len(names) * 3, dtype=np.float32).reshape(1, 1, -1, 3)
    found = Recording("a", joints, names).in_layout(form, "a.trc")
    np.testing.assert_array_equal(found.joints, joints[:, :, :0:-1])
    assert (found.joint_names, found.layout) == (form.joints, "h36m_17")
    with pytest.raises(DataError, match=r"no point is called 'head'.*a\.trc"):
        Recording("a", joints[:, :, :5], names[:5]).in_layout(layout("openni_15"), "a.trc")


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
