"""Layouts of one's own: read, checked, derived, registered, written beside a data set and read again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from zsar_kit.data import skeletons as sk
from zsar_kit.data.joints import (
    BODY_PARTS,
    OWN,
    ROLES,
    JointLayout,
    fitting_layouts,
    kit_layout_names,
    layout,
    layout_names,
    layout_of_names,
    to_ntu25,
)
from zsar_kit.data.own_layouts import DERIVED, LAYOUT_FILE, read_layout, register_layout, write_layout
from zsar_kit.data.recording import Recording
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.errors import ArtefactError, DataError
from zsar_kit.plotting.skeleton import plot_skeleton
from zsar_kit.plotting.skeleton_3d import pose_coordinates

NTU = layout("ntu25")
LIMBS = ("Shoulder", "Elbow", "Hand", "Hip", "Knee", "Foot")
SUIT = """
name = "suit"
about = "A suit with \\"14\\" sensors.\\nTwo lines."
joints = [
  "Chest", "Head",
  "LeftShoulder", "LeftElbow", "LeftHand", "RightShoulder", "RightElbow", "RightHand",
  "LeftHip", "LeftKnee", "LeftFoot", "RightHip", "RightKnee", "RightFoot",
]
parents = [
  "Chest", "Chest",
  "Chest", "LeftShoulder", "LeftElbow", "Chest", "RightShoulder", "RightElbow",
  "Chest", "LeftHip", "LeftKnee", "Chest", "RightHip", "RightKnee",
]
[parts]
head = ["Head"]
hand = ["LeftHand", "RightHand"]
arm = ["LeftShoulder", "LeftElbow", "RightShoulder", "RightElbow"]
hip = ["Chest", "LeftHip", "RightHip"]
leg = ["LeftKnee", "RightKnee"]
foot = ["LeftFoot", "RightFoot"]
[to_ntu25]
spine_mid = { Chest = 0.75, LeftHip = 0.125, RightHip = 0.125 }
spine_shoulder = ["Chest", "LeftShoulder", "RightShoulder"]
"""


@pytest.fixture(autouse=True)
def nothing_registered() -> Iterator[None]:
    known = dict(OWN)
    OWN.clear()
    yield
    OWN.clear()
    OWN.update(known)


def read(folder: Path, text: str = SUIT) -> JointLayout:
    (folder / "suit.toml").write_text(text, encoding="utf-8")
    return read_layout(folder / "suit.toml")


def with_bones() -> str:
    """The suit's joints with bones in another order and direction, the knees last."""
    start, end = SUIT.index("parents"), SUIT.index("[parts]")
    chains = [("Shoulder", "Elbow"), ("Hand", "Elbow"), ("Knee", "Foot"), ("Hip", "Knee")]
    pairs = [(side + a, side + b) for side in ("Left", "Right") for a, b in chains]
    pairs += [(side + name, "Chest") for side in ("Left", "Right") for name in ("Hip", "Shoulder")]
    listed = ", ".join(f'["{a}", "{b}"]' for a, b in [*pairs, ("Chest", "Head")])
    return SUIT[:start] + f"bones = [{listed}]\n" + SUIT[end:]


def test_a_layout_is_what_its_file_says(tmp_path):
    own = read(tmp_path)
    assert (own.name, len(own), own.joints[own.root]) == ("suit", 14, "Chest")
    assert own.about == 'A suit with "14" sensors.\nTwo lines.'
    assert own.joints[own.parents[own.index("LeftHand")]] == "LeftElbow"
    assert tuple(own.parts) == BODY_PARTS
    assert own.parts["leg"] == (own.index("LeftKnee"), own.index("RightKnee"))
    assert tuple(own.ntu_rules) == NTU.joints
    assert own.ntu_rules["spine_shoulder"] == dict.fromkeys(("Chest", "LeftShoulder", "RightShoulder"), 1 / 3)


def test_what_is_not_said_is_derived(tmp_path):
    rules = read(tmp_path).ntu_rules
    assert rules["elbow_left"] == {"LeftElbow": 1.0}  # by its name
    assert rules["wrist_left"] == {"LeftHand": 0.75, "LeftElbow": 0.25}
    assert rules["hand_tip_right"] == rules["thumb_right"] == rules["hand_right"] == {"RightHand": 1.0}
    assert rules["ankle_right"] == rules["foot_right"] == {"RightFoot": 1.0}
    assert rules["spine_base"] == {"LeftHip": 0.5, "RightHip": 0.5}
    assert rules["neck"] == {"Head": 0.5} | dict.fromkeys(("Chest", "LeftShoulder", "RightShoulder"), 1 / 6)
    roles = read(tmp_path).roles
    named = {role: [read(tmp_path).joints[i] for i in roles[role]] for role in ROLES}
    assert named == {
        "spine": ["Chest", "LeftHip", "RightHip"],
        "hip_centre": ["LeftHip", "RightHip"],
        "shoulder_centre": ["Chest", "LeftShoulder", "RightShoulder"],
        "shoulder_left": ["LeftShoulder"],
        "shoulder_right": ["RightShoulder"],
    }


def test_derived_rules_are_means(tmp_path):
    assert {joint for joint, _ in DERIVED} | {s for _, sources in DERIVED for s in sources} <= set(NTU.joints)
    assert all(sum(sources.values()) == 1.0 for _, sources in DERIVED)
    weights = to_ntu25(read(tmp_path))
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-6)
    assert (weights >= 0).all()
    assert not weights.flags.writeable


def test_roles_may_be_said(tmp_path):
    own = read(tmp_path, SUIT + '[roles]\nspine = "Chest"\nhip_centre = ["Chest", "LeftHip"]\n')
    assert own.roles["spine"] == (own.index("Chest"),)
    assert own.roles["hip_centre"] == (own.index("Chest"), own.index("LeftHip"))
    assert own.roles["shoulder_left"] == (own.index("LeftShoulder"),)


def test_bones_in_any_order_are_the_same_tree(tmp_path):
    own, listed = read(tmp_path, with_bones()), read(tmp_path)
    assert own.same_as(listed)
    turned = read(tmp_path, with_bones().replace("bones =", 'root = "Head"\nbones ='))
    assert turned.joints[turned.root] == "Head"
    assert {frozenset(bone) for bone in turned.bones} == {frozenset(bone) for bone in listed.bones}


def test_parents_may_be_a_table(tmp_path):
    listed = read(tmp_path)
    pairs = ", ".join(f'{listed.joints[a]} = "{listed.joints[b]}"' for a, b in listed.bones)
    start, end = SUIT.index("parents"), SUIT.index("[parts]")
    assert read(tmp_path, SUIT[:start] + f"parents = {{ {pairs} }}\n" + SUIT[end:]).same_as(listed)


BAD = {
    "not toml": (lambda s: s + "[[[", r"not valid TOML"),
    "unknown key": (lambda s: s.replace("parents =", "parrents ="), r"unknown key 'parrents'.*Did you mean 'parents'"),
    "no name": (lambda s: s.replace('name = "suit"', ""), r"'name' must be text, but it is missing"),
    "name a number": (lambda s: s.replace('"suit"', "7"), r"'name' must be text, got 7"),
    "name a path": (lambda s: s.replace('"suit"', '"../suit"'), r"'name' must be letters, digits.*got '\.\./suit'"),
    "about": (lambda s: s.replace("about = ", "about = 3 # "), r"'about' must be text, got 3"),
    "no joints": (lambda s: "name = 'a'\n", r"'joints' must be a list of names, but it is missing"),
    "joints empty": (lambda s: "name = 'a'\njoints = []\n", r"'joints' must be a list of names, got \[\]"),
    "joints numbers": (lambda s: "name = 'a'\njoints = [1, 2]\n", r"'joints' must be a list of names, got \[1, 2\]"),
    "joint blank": (lambda s: s.replace('"Head"', '" Head"'), r"a joint is called ' Head'"),
    "joint twice": (lambda s: s.replace('"Chest", "Head",', '"Chest", "Chest",'), r"'Chest' is listed twice"),
    "unknown parent": (
        lambda s: s.replace('"Chest", "LeftHip", "LeftKnee",', '"Chest", "LeftHipp", "LeftKnee",'),
        r"'parents' names 'LeftHipp', which is not in 'joints'.*Did you mean 'LeftHip'",
    ),
    "too few parents": (lambda s: s.replace('"Chest", "Chest",\n', '"Chest",\n', 1), r"has 13 names for 14 joints"),
    "neither": (
        lambda s: s[: s.index("parents")] + s[s.index("[parts]") :],
        r"a layout has either 'parents' or 'bones', got neither",
    ),
    "both": (lambda s: s.replace("[parts]", 'bones = [["Head", "Chest"]]\n[parts]'), r"'bones', got both"),
    "root beside parents": (lambda s: 'root = "Chest"\n' + s, r"'root' belongs to 'bones'"),
    "two roots": (
        lambda s: s.replace('"Chest", "RightHip", "RightKnee",\n]\n[', '"RightHip", "RightHip", "RightKnee",\n]\n['),
        r"'parents' has 2 roots: 'Chest', 'RightHip' name themselves",
    ),
    "circle": (
        lambda s: s.replace('"Chest", "RightHip", "RightKnee",\n]\n[', '"RightFoot", "RightHip", "RightKnee",\n]\n['),
        r"'parents' go in a circle: RightHip -> RightFoot -> RightKnee -> RightHip",
    ),
    "no root": (
        lambda s: s.replace('parents = [\n  "Chest"', 'parents = [\n  "Head"'),
        r"circle: Chest -> Head -> Chest.*Let the root, usually the hips, name itself",
    ),
    "unknown part": (lambda s: s.replace("foot =", "feet ="), r"unknown key 'feet' in \[parts\].*Did you mean|Known"),
    "key below": (
        lambda s: s.replace('name = "suit"', "").replace("[to_ntu25]", 'name = "suit"\n[to_ntu25]'),
        r"'name' must be text, but it is missing",
    ),
    "part of nobody": (
        lambda s: s.replace('["LeftFoot", "R', '["LeftFot", "R'),
        r"'parts\.foot' names 'LeftFot', which is not in 'joints'.*Did you mean 'LeftFoot'",
    ),
    "in no part": (lambda s: s.replace('head = ["Head"]', "head = []"), r"'Head' is in no body part.*head, hand, arm"),
    "in two parts": (lambda s: s.replace("leg = [", 'leg = ["Head", '), r"'Head' is in two body parts, 'head' and"),
    "twice in a part": (lambda s: s.replace('["Head"]', '["Head", "Head"]'), r"in two body parts, 'head' and 'head'"),
    "parts a list": (lambda s: s[: s.index("[parts]")] + "parts = []\n", r"'parts' must be a table, got \[\]"),
    "part a number": (lambda s: s.replace('head = ["Head"]', "head = 3"), r"'parts\.head' must be names of .*got 3"),
    "unknown ntu joint": (lambda s: s + 'spine_middle = "Chest"', r"unknown key 'spine_middle' in \[to_ntu25\]"),
    "unknown own joint": (lambda s: s + 'neck = { Chest = 0.5, Hed = 0.5 }', r"'to_ntu25\.neck' names 'Hed'.*'Head'"),
    "sum": (
        lambda s: s + "neck = { Chest = 0.5, Head = 0.4 }",
        r"weights of 'to_ntu25\.neck' sum to 0\.9, not to 1.*\[\"Chest\", \"Head\"\]",
    ),
    "too large": (lambda s: s + "neck = { Chest = 1.5, Head = -0.5 }", r"weight 1\.5 for 'Chest'; weights are from 0"),
    "negative": (lambda s: s + "neck = { Head = -0.5, Chest = 1.5 }", r"weight -0\.5 for 'Head'; weights are from 0"),
    "nan": (lambda s: s + "neck = { Head = nan }", r"weight nan for 'Head'"),
    "text weight": (lambda s: s + 'neck = { Head = "1" }', r"weight '1' for 'Head'"),
    "true weight": (lambda s: s + "neck = { Head = true }", r"weight True for 'Head'"),
    "empty rule": (lambda s: s + "neck = []", r"'to_ntu25\.neck' must name one joint or several different ones"),
    "doubled rule": (lambda s: s + 'neck = ["Head", "Head"]', r"several different ones, got \['Head', 'Head'\]"),
    "number as rule": (lambda s: s + "neck = 3", r"'to_ntu25\.neck' must be names of joints, got 3"),
    "no rule": (
        lambda s: s.replace('"Head"', '"Skull"'),
        r"nothing says what NTU's 'head' is made of.*head = \"Chest\"",
    ),
    "unknown role": (lambda s: s + '[roles]\nspin = "Chest"', r"unknown key 'spin' in \[roles\].*Did you mean 'spine'"),
    "role of nobody": (lambda s: s + '[roles]\nspine = "Chst"', r"'roles\.spine' names 'Chst'.*'Chest'"),
    "empty role": (lambda s: s + "[roles]\nspine = []", r"'roles\.spine' names no joint.*derived"),
    "the kit's": (lambda s: s.replace('"suit"', '"coco_17"'), r"the kit has a layout 'coco_17'.*with other joints"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_said(tmp_path, change, message):
    text = change(SUIT)
    assert text != SUIT
    with pytest.raises(DataError, match=message) as error:
        read(tmp_path, text)
    assert str(error.value.where).endswith("suit.toml")
    assert OWN == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.replace('["Chest", "Head"]', '["Chest", "Hed"]'), r"'bones' names 'Hed'.*'Head'"),
        (lambda s: s.replace(', ["Chest", "Head"]', ""), r"no chain of 'bones' joins 'Head' to the root 'Chest'"),
        (lambda s: s.replace('["Chest", "Head"]', '["Chest", "Head"], ["Head", "LeftHip"]'), r"14 pairs.* a circle"),
        (lambda s: s.replace('["Chest", "Head"]', '["Chest"]'), r"'bones' must be pairs of joints, got \['Chest'\]"),
        (lambda s: s.replace("bones =", 'root = "Tail"\nbones ='), r"'root' names 'Tail'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_bones_is_said(tmp_path, change, message):
    text = change(with_bones())
    assert text != with_bones()
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


def test_keys_below_a_section_are_told_where_to_go(tmp_path):
    moved = SUIT.replace("[to_ntu25]", '[to_ntu25]\nabout = "x"')
    with pytest.raises(DataError, match=r"'about' stands in \[to_ntu25\].*Move it above the first line in square"):
        read(tmp_path, moved)


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(DataError, match=r"the layout cannot be read: No such file.*nothing\.toml"):
        read_layout(tmp_path / "nothing.toml")
    (tmp_path / "a.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(DataError, match="must be UTF-8"):
        read_layout(tmp_path / "a.toml")
    (tmp_path / "b.toml").write_bytes(b"\xef\xbb\xbf" + SUIT.encode())
    assert read_layout(tmp_path / "b.toml").name == "suit"


@pytest.mark.parametrize("name", [*kit_layout_names(), "suit", "odd"])
def test_written_and_read_again_it_is_the_same(tmp_path, name):
    made = layout(name) if name in kit_layout_names() else read(tmp_path)
    if name == "odd":
        names = tuple(f'{joint} "é\\ß" = [{i}]' for i, joint in enumerate(made.joints))
        new = dict(zip(made.joints, names, strict=True))
        rules = {ntu: {new[own]: share for own, share in rule.items()} for ntu, rule in made.ntu_rules.items()}
        made = dataclasses.replace(made, joints=names, ntu_rules=rules, about="\x7f\t#")
    again = read_layout(write_layout(tmp_path / "written.toml", made))
    assert again.same_as(made)
    assert again.about == made.about
    np.testing.assert_array_equal(to_ntu25(again), to_ntu25(made))
    first = (tmp_path / "written.toml").read_bytes()
    assert write_layout(tmp_path / "second.toml", again).read_bytes() == first


def test_registered_it_is_found_by_its_name(tmp_path):
    own = read(tmp_path)
    with pytest.raises(DataError, match="unknown joint layout 'suit'"):
        layout("suit")
    assert register_layout(own) is layout("suit")
    assert layout_names() == (*kit_layout_names(), "suit")
    assert fitting_layouts(14) == ("suit",)
    assert layout_of_names([f"{side}_{limb}" for limb in LIMBS for side in ("L", "R")] + ["head", "CHEST"]) == "suit"
    np.testing.assert_array_equal(to_ntu25("suit"), to_ntu25(own))


def test_a_name_stands_for_one_layout(tmp_path):
    own = register_layout(read(tmp_path))
    assert (
        register_layout(read(tmp_path, SUIT.replace("sensors", "markers"))) is own
    )  # what is said about it may differ
    other = read(tmp_path, SUIT + 'neck = "Chest"\n')
    before = to_ntu25("suit")
    with pytest.raises(DataError, match=r"another layout is registered as 'suit': other to_ntu25.*replace=True"):
        register_layout(other)
    assert layout("suit") is own
    assert register_layout(other, replace=True).same_as(other)
    assert not np.array_equal(to_ntu25("suit"), before)


def test_the_kits_layouts_stay_the_kits():
    assert register_layout(dataclasses.replace(layout("smpl_24"))) is layout("smpl_24")
    changed = dataclasses.replace(layout("smpl_24"), parents=(0,) * 24)
    for replace in (False, True):
        with pytest.raises(DataError, match="the kit has a layout 'smpl_24' of its own, with other parents"):
            register_layout(changed, replace=replace)
    assert OWN == {}


def test_a_layout_made_in_python_is_checked_and_completed(tmp_path):
    own = read(tmp_path)
    bare = JointLayout("bare", own.joints, own.parents, own.parts, {})
    assert register_layout(bare).ntu_rules["spine_mid"] == dict.fromkeys(
        ("LeftHip", "RightHip", "LeftShoulder", "RightShoulder"), 0.25
    )
    with pytest.raises(DataError, match="no rule makes NTU's 'spine_base'"):
        to_ntu25(bare)
    with pytest.raises(DataError, match="'parents' names 'number 99'"):
        register_layout(dataclasses.replace(bare, name="other", parents=(99, *own.parents[1:])))


# ------------------------------------------------------------------ in use
def suit_clip(own: JointLayout, frames: int = 5) -> np.ndarray:
    """Someone in the suit who stands with spread arms; a sensor's axes."""
    x = {"Shoulder": 0.2, "Elbow": 0.5, "Hand": 0.8, "Hip": 0.1, "Knee": 0.1, "Foot": 0.1}
    y = {"Shoulder": 1.5, "Elbow": 1.5, "Hand": 1.5, "Hip": 0.95, "Knee": 0.5, "Foot": 0.05}
    at = {side + limb: (s * x[limb], y[limb], 2.0) for side, s in (("Left", -1), ("Right", 1)) for limb in LIMBS}
    at |= {"Chest": (0, 1.35, 2.0), "Head": (0, 1.7, 2.0)}
    return np.repeat(np.array([at[joint] for joint in own.joints], np.float32)[None, None], frames, axis=1)


def test_an_object_need_not_be_registered(tmp_path):
    own = read(tmp_path)
    ready = sk.preprocess(suit_clip(own), own)
    assert ready.shape == (1, 5, 25, 3)
    assert ready[0, 0, NTU.index("head")][2] > ready[0, 0, NTU.index("foot_left")][2] + 1.5
    sk.check_sequence(SkeletonSequence("a", suit_clip(own), 0), own, 1, "a")
    drawn = pose_coordinates(suit_clip(own), own, 0)
    assert sum(np.isfinite(line["x"]).sum() // 2 for line in drawn) == len(own.bones)
    assert plot_skeleton(suit_clip(own)[0, 0], own.bones).collections
    recording = Recording("a", suit_clip(own), tuple(joint.lower() for joint in own.joints))
    with pytest.raises(DataError, match="which the layout 'suit' needs"):
        recording.in_layout(own, "a.bvh")  # "leftshoulder" does not show where its words end
    spaced = dataclasses.replace(recording, joint_names=tuple(j.replace("t", "t ", 1) for j in own.joints))
    assert spaced.in_layout(own, "a.bvh").joint_names == own.joints


def stored(folder: Path, own: JointLayout) -> SkeletonSet:
    sequences = [SkeletonSequence(f"s{i}", suit_clip(own), 0) for i in range(2)]
    return SkeletonSet.write(folder, sequences, dataset="mine", layout=own.name, class_names=("stand",), inputs={})


def test_a_data_set_keeps_its_layout_beside_it(tmp_path):
    own = register_layout(read(tmp_path))
    folder = stored(tmp_path / "set", own).path
    assert read_layout(folder / LAYOUT_FILE).same_as(own)
    OWN.clear()  # as in another process
    loaded = SkeletonSet.load(folder)
    assert layout(loaded.layout).same_as(own)
    assert sk.preprocess(loaded.sequence(1).joints, loaded.layout).shape == (1, 5, 25, 3)
    assert SkeletonSet.load(folder).layout == "suit"


def test_a_data_set_of_a_known_layout_has_no_such_file(tmp_path):
    clip = np.ones((1, 2, 25, 3), dtype=np.float32)
    made = SkeletonSet.write(
        tmp_path / "set", [SkeletonSequence("a", clip, 0)], dataset="mine", layout="ntu25", class_names="a", inputs={}
    )
    assert not (made.path / LAYOUT_FILE).exists()


def test_a_data_set_of_another_layout_of_that_name_is_refused(tmp_path):
    folder = stored(tmp_path / "set", register_layout(read(tmp_path))).path
    OWN.clear()
    register_layout(read(tmp_path, SUIT + 'neck = "Chest"\n'))
    with pytest.raises(DataError, match=r"another layout is registered as 'suit': other to_ntu25"):
        SkeletonSet.load(folder)


def test_a_data_set_whose_layout_was_changed_or_lost_is_refused(tmp_path):
    folder = stored(tmp_path / "set", register_layout(read(tmp_path))).path
    OWN.clear()
    text = (folder / LAYOUT_FILE).read_text(encoding="utf-8")
    (folder / LAYOUT_FILE).write_text(text.replace('"suit"', '"coat"'), encoding="utf-8")
    with pytest.raises(ArtefactError):
        SkeletonSet.load(folder)
    (folder / LAYOUT_FILE).unlink()
    with pytest.raises(ArtefactError):
        SkeletonSet.load(folder)
    assert OWN == {}
