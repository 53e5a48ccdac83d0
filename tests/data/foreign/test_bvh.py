"""BVH files: angles to places against closed forms, SciPy and a slow loop; units; rigs; every kind of broken file."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from zsar_kit.data.foreign import read_bvh, rig_joints
from zsar_kit.data.foreign.bvh import about_axis, longest_chain, place_joints
from zsar_kit.data.foreign.bvh_text import Animation, parse_bvh
from zsar_kit.data.joints import layout
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError

ARM = """HIERARCHY
ROOT Hips
{{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Arm
  {{
    OFFSET 2 0 0
    CHANNELS 3 {order}
    End Site
    {{
      OFFSET 1 0 0
    }}
  }}
}}
MOTION
Frames: {frames}
Frame Time: 0.025
{rows}
"""
ORDERS = ["".join(order) for order in itertools.permutations("XYZ")]


def arm(rows: list[list[float]], order: str = "ZXY", **changes: str) -> str:
    channels = " ".join(f"{axis}rotation" for axis in order)
    text = ARM.format(
        order=channels, frames=len(rows), rows="\n".join(" ".join(f"{value:.9g}" for value in row) for row in rows)
    )
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


STILL = [[0.0] * 9]


def write(folder: Path, text: str, name: str = "walk.bvh") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def said(recording: Recording, term: str) -> str:
    return dict(recording.stated)[term]


def refused(path: Path, message: str, **options) -> None:
    with pytest.raises(DataError, match=message):
        read_bvh(path, **options)


# --- places


def test_a_quarter_turn_by_hand(tmp_path):
    # The root turns x to y; the arm turns about the z that the root left as it was, once more.
    rows = [[10, 20, 30, 90, 0, 0, 0, 0, 0], [0, 0, 0, 90, 0, 0, 90, 0, 0], [0, 0, 0, 0, 0, 90, 0, 0, 0]]
    read = read_bvh(write(tmp_path, arm(rows)), unit="m")
    expected = [
        [[10, 20, 30], [10, 22, 30], [10, 23, 30]],
        [[0, 0, 0], [0, 2, 0], [-1, 2, 0]],
        [[0, 0, 0], [0, 0, -2], [0, 0, -3]],  # about y, x goes to -z
    ]
    np.testing.assert_allclose(read.joints[0], expected, atol=1e-6)
    assert read.joint_names == ("Hips", "Arm", "Arm_end")
    assert read.rate == pytest.approx(40)
    assert read.times is None


@pytest.mark.parametrize("order", ORDERS)
def test_rotations_follow_the_order_of_the_channels(tmp_path, order):
    angles = np.random.default_rng(1).uniform(-180, 180, size=(7, 3)).round(3)
    rows = [[0.0] * 6 + list(row) for row in angles]
    read = read_bvh(write(tmp_path, arm(rows, order)), unit="m")
    expected = Rotation.from_euler(order, angles, degrees=True).apply([1, 0, 0]) + np.array([2, 0, 0])
    np.testing.assert_allclose(read.joints[0, :, 2], expected, atol=1e-6)


@pytest.mark.parametrize("axis", range(3))
def test_a_rotation_about_one_axis_is_scipys(axis):
    angles = np.linspace(-7, 7, 15)
    expected = Rotation.from_euler("xyz"[axis], angles[:, None]).as_matrix()
    np.testing.assert_allclose(about_axis(axis, angles), expected, atol=1e-15)


def slow_places(animation: Animation, positions: str) -> np.ndarray:
    """A loop over frames and joints with 4 x 4 matrices, by the format's description."""
    result = np.zeros((len(animation.values), len(animation.joints), 3))
    for frame, row in enumerate(animation.values):
        world: list[np.ndarray] = []
        for i, joint in enumerate(animation.joints):
            local, move = np.eye(4), np.array(joint.offset)
            for k, channel in enumerate(joint.channels):
                value = row[joint.first + k]
                if channel.moves:
                    move[channel.axis] = value + (move[channel.axis] if positions == "add" else 0)
                    continue
                step = np.eye(4)
                step[:3, :3] = Rotation.from_euler("xyz"[channel.axis], value, degrees=True).as_matrix()
                local = local @ step
            local[:3, 3] = move
            world.append(local if joint.parent < 0 else world[joint.parent] @ local)
            result[frame, i] = world[i][:3, 3]
    return result


def random_tree(seed: int, joints: int = 24, frames: int = 5) -> str:
    """A tree with any parents, channels of any kind and order, and as many values as they need."""
    rng = np.random.default_rng(seed)
    children: dict[int, list[int]] = {i: [] for i in range(joints)}
    for i in range(1, joints):
        children[int(rng.integers(0, i))].append(i)
    columns = 0

    def lines(i: int) -> list[str]:
        nonlocal columns
        names = [f"{axis}{kind}" for kind in ("position", "rotation") for axis in "XYZ"]
        chosen = rng.permutation(names)[: rng.integers(0, 7)] if i else rng.permutation(names)
        columns += len(chosen)
        offset = " ".join(f"{value:.4f}" for value in rng.normal(size=3))
        body = [f"OFFSET {offset}", f"CHANNELS {len(chosen)} {' '.join(chosen)}"]
        for child in children[i]:
            body += lines(child)
        if not children[i]:
            body += ["End Site", "{", "OFFSET 0.5 0.25 -1", "}"]
        return [f"{'JOINT' if i else 'ROOT'} joint{i}", "{", *body, "}"]

    tree = lines(0)
    rows = [" ".join(f"{value:.4f}" for value in rng.normal(size=columns) * 90) for _ in range(frames)]
    return "\n".join(["HIERARCHY", *tree, "MOTION", f"Frames: {frames}", "Frame Time: 0.01", *rows]) + "\n"


@pytest.mark.parametrize("positions", ["replace", "add"])
@pytest.mark.parametrize("seed", range(5))
def test_places_equal_a_slow_loop(tmp_path, seed, positions):
    animation = parse_bvh(write(tmp_path, random_tree(seed)))
    np.testing.assert_allclose(place_joints(animation, positions), slow_places(animation, positions), atol=1e-9)


def test_bones_keep_their_length(tmp_path):
    rows = np.random.default_rng(2).uniform(-180, 180, size=(50, 9))
    joints = read_bvh(write(tmp_path, arm(rows.tolist())), unit="m").joints[0]
    np.testing.assert_allclose(np.linalg.norm(joints[:, 1] - joints[:, 0], axis=-1), 2, rtol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(joints[:, 2] - joints[:, 1], axis=-1), 1, rtol=1e-4)


SIX = {
    "CHANNELS 3 Zrotation Xrotation Yrotation": "CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation"
}


def test_position_channels_replace_the_offset_or_are_added_to_it(tmp_path):
    row = [5.0, 0, 0, 0, 0, 0, 2.5, 0, 0, 0, 0, 0]
    file = write(tmp_path, arm([row], **SIX, **{"ROOT Hips\n{\n  OFFSET 0 0 0": "ROOT Hips\n{\n  OFFSET 1 0 0"}))
    replaced, added = read_bvh(file, unit="m"), read_bvh(file, unit="m", positions="add")
    assert replaced.joints[0, 0, :, 0].tolist() == [5, 7.5, 8.5]
    assert added.joints[0, 0, :, 0].tolist() == [6, 10.5, 11.5]
    assert said(replaced, "position channels") == "1 joint below the root; they replace OFFSET"
    assert said(added, "position channels") == "1 joint below the root; they are added to OFFSET"
    refused(file, "'sum' is not a way to read positions", positions="sum")


def test_position_channels_of_zero_are_refused_unless_added(tmp_path):
    file = write(tmp_path, arm([[0.0] * 12, [0.0] * 12], **SIX))
    refused(file, "position channels of 'Arm' are 0 in every frame, and its OFFSET is not.*positions='add'", unit="m")
    assert read_bvh(file, unit="m", positions="add").joints[0, 1, :, 0].tolist() == [0, 2, 3]


def test_one_position_channel_leaves_the_other_offsets(tmp_path):
    text = arm(STILL, **{"CHANNELS 3 Zrotation Xrotation Yrotation": "CHANNELS 3 Yposition Xrotation Yrotation"})
    text = text.replace("\n0 0 0 0 0 0 0 0 0\n", "\n0 0 0 0 0 0 7 0 0\n")
    assert read_bvh(write(tmp_path, text), unit="m").joints[0, 0, 1].tolist() == [2, 7, 0]


# --- units, axes, ends


def test_scaling_is_the_same_at_every_depth(tmp_path):
    file = write(tmp_path, random_tree(7))
    metres, half = (read_bvh(file, unit=unit).joints for unit in ("m", "0.5"))
    np.testing.assert_allclose(half, metres * 0.5, rtol=1e-6)


@pytest.mark.parametrize(("scale", "unit"), [(0.5, "m"), (50, "cm"), (500, "mm")])
def test_a_unit_is_guessed_from_the_chain_of_bones_and_said(tmp_path, scale, unit):
    text = arm(STILL, **{"OFFSET 2 0 0": f"OFFSET {2 * scale} 0 0", "OFFSET 1 0 0": f"OFFSET 0 {scale} 0"})
    read = read_bvh(write(tmp_path, text))
    np.testing.assert_allclose(read.joints[0, 0, -1], [1, 0.5, 0], rtol=1e-6)
    assert said(read, "unit").startswith(f"looks like {unit}: the longest chain of bones is {3 * scale:g} (a guess")


def test_a_unit_that_cannot_be_guessed_is_asked_for(tmp_path):
    text = arm(STILL, **{"OFFSET 2 0 0": "OFFSET 39 0 0"})
    refused(write(tmp_path, text), "does not state its unit, and the longest chain of bones, 40, suits no.*unit='in'")
    read = read_bvh(write(tmp_path, text), unit="in")
    np.testing.assert_allclose(read.joints[0, 0, -1, 0], 40 * 0.0254, rtol=1e-6)
    assert said(read, "unit") == "in, as asked for"


def test_the_longest_chain_does_not_depend_on_the_pose(tmp_path):
    rows = np.random.default_rng(5).uniform(-180, 180, size=(9, 9)).tolist()
    for name, values in (("still", STILL), ("moved", rows)):
        animation = parse_bvh(write(tmp_path, arm(values), f"{name}.bvh"))
        assert longest_chain(place_joints(animation), animation.joints) == pytest.approx(3)


def test_the_longest_chain_goes_from_branch_to_branch(tmp_path):
    leg = "JOINT Leg {\nOFFSET 0 -4 0\nCHANNELS 0\nEnd Site { OFFSET 0 -0.5 0 }\n}"
    animation = parse_bvh(write(tmp_path, arm(STILL, **{"}\n}\nMOTION": "}\n" + leg + "\n}\nMOTION"})))
    assert longest_chain(place_joints(animation), animation.joints) == pytest.approx(2 + 1 + 4 + 0.5)


def test_z_up_is_turned_without_a_mirror(tmp_path):
    row = [[1.0, 2, 3, 0, 0, 0, 0, 0, 0]]
    read = read_bvh(write(tmp_path, arm(row)), unit="m", up="z")
    assert read.joints[0, 0, 0].tolist() == [1, 3, -2]
    assert said(read, "axes") == "z up, as asked for"
    assert said(read_bvh(write(tmp_path, arm(row)), unit="m"), "axes").startswith("assumed y up")


def test_end_sites_may_be_left_out(tmp_path):
    read = read_bvh(write(tmp_path, arm(STILL)), unit="m", ends=False)
    assert read.joint_names == ("Hips", "Arm")
    assert said(read, "end sites") == "left out: 1"


def test_forms_that_writers_use(tmp_path):
    text = arm(STILL).replace("ROOT Hips\n{", "ROOT My Hips {").replace("Frames: 1", "Frames:\t1").replace("\n", "\r\n")
    text = text.replace("Xrotation", "XROTATION").replace("  ", "\t")
    (tmp_path / "odd.bvh").write_bytes(b"\xef\xbb\xbf" + text.encode())
    read = read_bvh(tmp_path / "odd.bvh", unit="m")
    assert read.joint_names == ("My Hips", "Arm", "Arm_end")
    assert read_bvh(write(tmp_path, arm(STILL, **{"0.025": "0"})), unit="m").rate == 0


# --- broken files


ROWS = [[0.0] * 9] * 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("PathFileType\t4", "must begin with 'HIERARCHY', it begins with 'PathFileType 4'.*another format"),
        (arm(ROWS).split("MOTION")[0], "the line 'MOTION' is missing.*cut short"),
        (
            arm(ROWS, **{"  }\n}\nMOTION": "MOTION"}),
            "the tree of joints ends where 'JOINT', 'End Site' or '}'.*cut short",
        ),
        (arm(ROWS).split("Frame Time")[0], "the file ends before 'Frame Time:'"),
        ("\n".join(arm(ROWS).split("\n")[:-2]) + "\n", "'Frames:' is 3, and there are 2 rows.*cut short"),
        (arm(ROWS)[:-3], "as many values as there are channels, 9, and this one has 8.*line 21.*cut short"),
        (arm([*ROWS, [0.0] * 10]), "9, and this one has 10.*line 22"),
        (arm(ROWS, **{"Frames: 3": "Frames: 4"}), "'Frames:' is 4, and there are 3 rows"),
        (arm(ROWS, **{"Frames: 3": "Frames: 0"}), "must be a whole number from 1, it is 0.*line 17"),
        (arm(ROWS, **{"Frames: 3": "Frames: many"}), "'Frames:' and a number should come, and 'Frames: many' does"),
        (arm(ROWS, **{"0.025": "-1"}), "'Frame Time:' is -1.*line 18"),
        (arm([[np.nan] * 9]), "'nan' is not a finite number.*line 19"),
        (arm(STILL, **{"\n0 0 0 0": "\n0 x 0 0"}), "'x' is not a finite number.*line 19"),
        (arm(STILL, **{"OFFSET 2 0 0": "OFFSET 2 inf 0"}), "must be a finite number, it is 'inf'.*line 8"),
        (arm(STILL, **{"OFFSET 2 0 0": "OFFSET 2 0"}), "a number of OFFSET must be a finite number, it is 'CHANNELS'"),
        (
            arm(STILL, **{"CHANNELS 3 Zrotation": "CHANNELS 3 Zrotatoin"}),
            "'Zrotatoin' is not a channel.*line 9.*'Zrotation'",
        ),
        (arm(STILL, **{"CHANNELS 3 Zrotation": "CHANNELS 3 Xrotation"}), "the channel 'Xrotation' comes twice.*line 9"),
        (arm(STILL, **{"CHANNELS 3": "CHANNELS 9"}), "up to 6 channels, not 9"),
        (arm(STILL, **{"CHANNELS 3": "CHANNELS 2"}), "'JOINT', 'End Site' or '}' should come, and 'yrotation' does"),
        (arm(STILL, **{"JOINT Arm": "JOINT"}), "a joint has no name.*line 6"),
        (arm(STILL, **{"JOINT Arm": "JOINT Hips"}), "two joints are called 'Hips'"),
        (
            arm(STILL, **{"}\n}\nMOTION": "}\n}\nROOT Two\n{\n}\nMOTION"}),
            "one tree of joints is read, and 'ROOT'.*its own",
        ),
        (arm(STILL, **{"ROOT": "JOINT"}), "'ROOT' should come, and 'JOINT' does.*line 2"),
        (arm([[1e300] * 9]), "a coordinate is too large"),
    ],
)
def test_broken_files(tmp_path, text, message):
    refused(write(tmp_path, text), message, unit="m")


def test_no_end_of_nesting(tmp_path):
    deep = "".join("JOINT j{ OFFSET 0 0 0\nCHANNELS 0\n".replace("j{", f"j{i} {{") for i in range(3000))
    refused(
        write(tmp_path, "HIERARCHY\nROOT r {\nOFFSET 0 0 0\nCHANNELS 0\n" + deep + "\nMOTION\n"), "more than 200 deep"
    )


# --- rigs


MIXAMO = [
    "Hips", "Spine", "Spine1", "Spine2", "Neck", "Head", "HeadTop_End",
    *(f"{side}{part}" for side in ("Left", "Right") for part in (
        "Shoulder", "Arm", "ForeArm", "Hand", "HandMiddle1", "HandMiddle4", "HandThumb4",
        "UpLeg", "Leg", "Foot", "ToeBase",
    )),
]  # fmt: skip
LAFAN = [name for name in MIXAMO if "End" not in name and "Middle" not in name and "Thumb" not in name]
BIOVISION = [
    "Hips", "Chest", "Neck", "Head", "Head_end",
    *(f"{side}{part}" for side in ("Left", "Right") for part in (
        "Collar", "Shoulder", "Elbow", "Wrist", "Wrist_end", "Hip", "Knee", "Ankle", "Ankle_end",
    )),
]  # fmt: skip


def rig(names: list[str], prefix: str = "") -> Recording:
    joints = np.random.default_rng(4).normal(size=(1, 6, len(names), 3)).astype(np.float32)
    return Recording("clip", joints, tuple(prefix + name for name in names))


def check(recording: Recording, made: Recording, **pairs: str) -> None:
    for target, source in pairs.items():
        names = [name.split(":")[-1] for name in recording.joint_names]
        expected = recording.joints[:, :, [names.index(name) for name in source.split("+")]].mean(axis=2)
        found = made.joints[:, :, made.joint_names.index(target)]
        np.testing.assert_allclose(found, expected, atol=1e-6, err_msg=target)


@pytest.mark.parametrize("prefix", ["", "mixamorig:", "mixamorig1_", "Armature|mixamorig:", "MIXAMORIG:"])
def test_a_rig_named_after_limbs(prefix):
    made = rig_joints(rig(MIXAMO, prefix))
    assert (made.layout, made.joint_names) == ("ntu25", layout("ntu25").joints)
    check(
        rig(MIXAMO), made, spine_base="Hips", spine_mid="Spine1", shoulder_left="LeftArm", elbow_right="RightForeArm",
        wrist_left="LeftHand", hand_left="LeftHand+LeftHandMiddle1", hand_tip_right="RightHandMiddle4",
        thumb_left="LeftHandThumb4", hip_left="LeftUpLeg", knee_right="RightLeg", ankle_left="LeftFoot",
        foot_right="RightToeBase", head="Head+HeadTop_End", neck="Neck+Head", spine_shoulder="LeftArm+RightArm",
    )  # fmt: skip
    assert said(made, "joints that the rig lacks") == "none"


def test_a_rig_without_fingers_says_what_stands_in():
    made = rig_joints(rig(LAFAN))
    check(rig(LAFAN), made, head="Head", hand_left="LeftHand", thumb_right="RightHand", foot_left="LeftToeBase")
    lacking = said(made, "joints that the rig lacks")
    assert lacking.startswith("head, hand_left, hand_right, hand_tip_left")
    assert "foot" not in lacking


def test_a_shoulder_is_a_shoulder_where_joints_are_named():
    made = rig_joints(rig(BIOVISION))
    check(rig(BIOVISION), made, shoulder_left="LeftShoulder", wrist_right="RightWrist", foot_left="LeftAnkle_end")
    collars = rig_joints(rig(MIXAMO))
    check(rig(MIXAMO), collars, shoulder_left="LeftArm")  # there, LeftShoulder is the collar bone


def test_upper_and_lower_limbs_are_names_too():
    changed = {"Arm": "UpArm", "ForeArm": "LowArm", "Leg": "LowLeg"}
    new = {side + old: side + changed[old] for side in ("Left", "Right") for old in changed}
    names = [new.get(name, name) for name in LAFAN]
    check(
        rig(names), rig_joints(rig(names)), shoulder_left="LeftUpArm", elbow_right="RightLowArm", knee_left="LeftLowLeg"
    )


def test_an_unknown_rig_names_the_joint_it_lacks():
    lacking = [name for name in MIXAMO if name != "LeftForeArm"]
    with pytest.raises(
        DataError, match=r"can be 'elbow_left' of ntu25: LeftForeArm or LeftLowArm is needed.*joints_of_markers"
    ):
        rig_joints(rig(lacking))
    with pytest.raises(DataError, match=r"no joint of the rig can be 'spine_base'.*it has 2 points, among them A, B"):
        rig_joints(rig(["A", "B"]))


def test_every_rig_names_every_joint():
    from zsar_kit.data.foreign.rigs import known_rigs

    for known in known_rigs():
        assert set(known.joints) == set(layout("ntu25").joints), known.name
        assert set(known.stand_ins) <= set(known.joints), known.name
