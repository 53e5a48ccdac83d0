"""Data sets of one's own: rules for parts, names of subjects, facts beside the skeletons, and the catalogue."""

from __future__ import annotations

import copy
import json
import logging

import numpy as np
import pytest

from zsar_kit.data import catalogue
from zsar_kit.data.class_split import ClassSplit, write_split
from zsar_kit.data.own_sets import FACTS, OwnSet, numbered, part_rule
from zsar_kit.data.own_writing import part_masks, require_class_names
from zsar_kit.data.readers.arrays import from_arrays
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.splits import load_split, split_names, twin_groups
from zsar_kit.errors import ArtefactError, DataError, SplitError
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.semantics.text_files import load_texts

SAMPLES = ["a", "b", "c", "d"]
BODY = np.random.default_rng(0).normal(size=(5, 25, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("text", "name", "train"),
    [
        ("subject:odd", "xsub", [1, 0, 1, 0]),
        ("subject:1,4", "xsub", [1, 0, 0, 1]),
        ("subject:2-4", "xsub", [0, 1, 1, 1]),
        ("mine=camera:1", "mine", [1, 0, 0, 1]),
    ],
)
def test_rules_for_parts(text, name, train):
    columns = {"subject": [1, 2, 3, 4], "camera": [1, 2, 2, 1]}
    (found,) = part_masks([text], SAMPLES, columns, {}).items()
    assert found[0] == name
    assert found[1].tolist() == [bool(one) for one in train]


def test_rules_by_names_and_by_lists(tmp_path):
    (tmp_path / "train.txt").write_text("b\nd\n", encoding="utf-8")
    rules = ["subject:ben", f"train:{tmp_path / 'train.txt'}"]
    masks = part_masks(rules, SAMPLES, {"subject": [0, 1, 0, 1]}, {"subject": ("anna", "ben")})
    assert {name: mask.tolist() for name, mask in masks.items()} == {
        "xsub": [False, True, False, True],
        "list": [False, True, False, True],
    }


@pytest.mark.parametrize(
    ("rules", "error", "message"),
    [
        (["subject"], SplitError, "not a rule for parts: 'subject'"),
        (["person:odd"], SplitError, "not a rule"),
        (["subject:"], SplitError, "not a rule"),
        (["subject:5-2"], SplitError, "not a range: '5-2'.*smaller number first"),
        (["subject:1-9999999"], SplitError, "not a range: '1-9999999'.*at most 100000 numbers"),
        (["=subject:1"], SplitError, "not a rule for parts: '=subject:1'"),
        (["subjekt:1"], SplitError, "Did you mean 'subject'"),
        (["xsub=subject:1", "xsub=camera:2"], DataError, "two rules are called 'xsub'"),
        (["subject:1,,2"], SplitError, "a value is missing"),
        (["subject:9"], DataError, r"no sample has subject '9'.*There are: 1, 2, 3, 4"),
        (["subject:1-4"], DataError, "all 4 samples would be for training"),
        (["camera:1"], DataError, r"no camera is known of sample 'b'.*Give every clip its camera"),
        (["setup:odd"], DataError, "no setup is known of sample 'a'"),
        (["subject:odd", "subject:1"], DataError, "two rules are called 'xsub'.*NAME=subject:1"),
        (["train:nowhere.txt"], SplitError, "list of training samples does not exist"),
    ],
)
def test_rules_that_cannot_hold(rules, error, message):
    with pytest.raises(error, match=message):
        part_masks(rules, SAMPLES, {"subject": [1, 2, 3, 4], "camera": [1, -1, 2, 2]}, {})


def test_a_list_with_a_name_that_no_sample_has(tmp_path):
    (tmp_path / "train.txt").write_text("a\nbb\n", encoding="utf-8")
    with pytest.raises(DataError, match="no sample 'bb'"):
        part_masks([f"train:{tmp_path / 'train.txt'}"], SAMPLES, {}, {})


def test_ranges_of_names_that_look_like_numbers():
    """Once one subject has a name, all are names, and a range names those between its ends."""
    (mask,) = part_masks(["subject:1-2"], SAMPLES, {"subject": [0, 1, 2, 0]}, {"subject": ("1", "2", "x")}).values()
    assert mask.tolist() == [True, True, False, True]


@pytest.mark.parametrize("column", ["subject", "camera", "setup", "replication"])
def test_odd_is_of_numbers(column):
    """The place of a name in the alphabet is no number."""
    with pytest.raises(
        DataError, match=rf"'odd' needs {column}s that are numbers or end in one, got anna, ben.*as in {column}:anna\."
    ):
        part_masks([f"{column}:odd"], SAMPLES, {column: [0, 1, 0, 1]}, {column: ("anna", "ben")})


@pytest.mark.parametrize("names", [("P02", "P07"), ("subject 10", "subject 9"), ("4", "11")])
def test_odd_is_of_the_numbers_that_names_end_in(names):
    """Not of their places in the alphabet, of which the first is even and the second odd."""
    (mask,) = part_masks(["subject:odd"], SAMPLES, {"subject": [0, 1, 0, 1]}, {"subject": names}).values()
    assert mask.tolist() == [False, True, False, True]
    turned = {"subject": [1, 0, 1, 0]}
    (mask,) = part_masks(["subject:odd"], SAMPLES, turned, {"subject": names[::-1]}).values()
    assert mask.tolist() == [False, True, False, True]
    with pytest.raises(DataError, match="or end in one, got P02, Q07"):
        part_masks(["subject:odd"], SAMPLES, {"subject": [0, 1, 0, 1]}, {"subject": ("P02", "Q07")})


def test_odd_and_names(tmp_path):
    with pytest.raises(DataError, match=r"no sample has subject 'eve'.*There are: anna, ben"):
        part_masks(["subject:eve"], SAMPLES, {"subject": [0, 1, 0, 1]}, {"subject": ("anna", "ben")})
    (tmp_path / "train.txt").write_text("\n \n", encoding="utf-8")
    with pytest.raises(SplitError, match="the list of training samples is empty"):
        part_rule(f"train:{tmp_path / 'train.txt'}")


def test_the_default_name_of_a_rule_can_be_replaced():
    assert [part_rule(text).name for text in ("replication:1", "day=setup:1")] == ["xrep", "day"]


def test_names_become_numbers_in_the_order_of_the_alphabet():
    assert numbered(["ben", "anna", "ben"], "subjects") == ([1, 0, 1], ("anna", "ben"))
    assert numbered([3, 1.0, np.int64(2)], "subjects") == ([3, 1, 2], ())
    assert numbered(["3", "-1"], "subjects") == ([3, -1], ())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, None], r"got None \(in subjects\[1\]\)"),
        ([1.5], r"got 1\.5 \(in subjects\[0\]\)"),
        (["anna", ""], r"got '' \(in subjects\[1\]\)"),
        (["anna", 2], "'anna' is a name and 2 a number"),
        ([True], r"got True \(in subjects\[0\]\)"),
        ([float("nan")], r"got nan \(in subjects\[0\]\)"),
        ([-2], r"got -2 \(in subjects\[0\]\)"),
        ([2**31], r"got 2147483648 \(in subjects\[0\]\)"),
        (["1", "9" * 30], r"at most 18 digits.*in subjects\[1\]"),
    ],
)
def test_neither_numbers_nor_names(values, message):
    with pytest.raises(DataError, match=message):
        numbered(values, "subjects")


@pytest.mark.parametrize(
    ("names", "message"),
    [(["wave", "Wave"], "'Wave' occurs twice, as 0 and 1"), (["wave", " "], r"got ' ' \(in class_names\[1\]\)")],
)
def test_class_names_that_cannot_be(names, message):
    with pytest.raises(DataError, match=message):
        require_class_names(names)


def _made(folder, dataset="dances", **more):
    given = {"labels": [0, 1, 1, 0], "class_names": ["bow", "turn"], "subjects": ["anna", "ben", "anna", "ben"]}
    return from_arrays(folder / "skeletons" / dataset, [BODY + i for i in range(4)], dataset=dataset, **(given | more))


def test_a_set_of_ones_own_is_known_once_its_workspace_is_open(tmp_path):
    _made(tmp_path, parts=["subject:anna"])
    catalogue._OWN["classes.toml"].clear()
    with pytest.raises(SplitError, match=r"unknown data set 'dances'.*zsar data new dances"):
        catalogue.class_names("dances")
    workspace = Workspace(tmp_path)
    assert catalogue.class_names("dances") == ("bow", "turn")
    assert catalogue.part_protocols("dances") == ("xsub",)
    assert catalogue.customary_protocol("dances") == "xsub"
    assert "dances" in catalogue.dataset_names()
    assert not catalogue.is_published("dances")
    assert (split_names("dances"), twin_groups("dances")) == ((), {})
    loaded = SkeletonSet.load(workspace.skeletons_folder("dances"))
    assert loaded.parts["xsub"].tolist() == [True, False, True, False]
    assert OwnSet.read(loaded.path).subjects == ("anna", "ben")


def test_a_workspace_that_is_sent_to_another_process_is_opened_there(tmp_path):
    _made(tmp_path)
    workspace = Workspace(tmp_path, progress=False)
    catalogue._OWN["classes.toml"].clear()  # as in a new process
    assert copy.copy(workspace) == workspace  # goes the way of a pickle
    assert "dances" in catalogue.dataset_names()


def test_splits_in_the_workspace_are_known_by_name(tmp_path):
    _made(tmp_path, labels=[0, 1, 2, 3], class_names=["bow", "turn", "leap", "clap"])
    folder = tmp_path / "splits" / "dances"
    folder.mkdir(parents=True)
    (folder / "hands.toml").write_text('dataset = "dances"\nname = "hands"\nunseen = ["clap", 0]\n', encoding="utf-8")
    Workspace(tmp_path)
    assert split_names("dances") == ("hands",)
    assert load_split("dances", "hands").unseen == (0, 3)


def test_what_is_damaged_is_passed_over_and_said(tmp_path, caplog):
    _made(tmp_path)
    _made(tmp_path, dataset="sports")
    (tmp_path / "skeletons" / "sports" / FACTS).write_text("{}", encoding="utf-8")
    catalogue._OWN["classes.toml"].clear()
    with caplog.at_level(logging.WARNING, logger="zsar_kit"):
        Workspace(tmp_path)
    assert "not the facts of a data set" in caplog.text
    assert "dances" in catalogue.dataset_names()
    assert "sports" not in catalogue.dataset_names()


@pytest.mark.parametrize(
    "change",
    [
        {"class_names": 5},
        {"class_names": "abc"},
        {"class_names": [1, 2]},
        {"class_names": []},
        {"dataset": 7},
        {"persons": "two"},
        {"dimensions": None},
        {"synthetic": "no"},
        {"accepted": None},
        {"protocols": [{}]},
        {"twins": [1]},
        {"twins": {"bows": 3}},
        {"twins": {"bows": [0, 99]}},
        {"colour": "red"},
    ],
)
def test_facts_that_are_json_but_no_facts(tmp_path, caplog, change):
    """Whatever stands in the file, the workspace opens, and the other sets in it are usable."""
    _made(tmp_path)
    file = _made(tmp_path, dataset="sports").path / FACTS
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | change), encoding="utf-8")
    with pytest.raises(ArtefactError, match=f"{next(iter(change))}|not the facts.*Make the set again"):
        OwnSet.read(file.parent)
    catalogue._OWN["classes.toml"].clear()
    with caplog.at_level(logging.WARNING, logger="zsar_kit"):
        Workspace(tmp_path)
    assert str(file) in caplog.text
    assert "dances" in catalogue.dataset_names()
    assert "sports" not in catalogue.dataset_names()


def test_a_damaged_split_hides_neither_the_other_splits_nor_the_texts(tmp_path, caplog):
    _made(tmp_path, labels=[0, 1, 2, 3], class_names=["bow", "turn", "leap", "clap"])
    folder = tmp_path / "splits" / "dances"
    folder.mkdir(parents=True)
    (folder / "broken.toml").write_text("dataset =", encoding="utf-8")
    (folder / "folder.toml").mkdir()
    (folder / "hands.toml").write_text('dataset = "dances"\nunseen = ["clap"]\n', encoding="utf-8")
    (folder / "old.toml").write_text('dataset = "dances"\nunseen = ["jump"]\n', encoding="utf-8")
    (folder / "other.toml").write_text('dataset = "sports"\nclasses = 5\nunseen = [1]\n', encoding="utf-8")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "dances.toml").write_text(
        'dataset = "dances"\n[[class]]\nid = 0\nname = "bow"\n', encoding="utf-8"
    )
    with caplog.at_level(logging.WARNING, logger="zsar_kit"):
        Workspace(tmp_path)
    for said in ("broken.toml", "folder.toml", "no class named 'jump'"):
        assert said in caplog.text
    assert split_names("dances") == ("hands",)
    assert load_texts("dances").names == ("bow",)


def test_what_a_killed_process_left_behind_is_no_set(tmp_path):
    made = _made(tmp_path)
    left = made.path.with_name("dances.tmp-host-1-abcd")
    left.mkdir()
    OwnSet("dances", ("left", "behind")).write(left)
    Workspace(tmp_path)
    assert catalogue.class_names("dances") == ("bow", "turn")


def test_texts_of_two_workspaces_with_a_set_of_one_name(tmp_path):
    for folder in ("one", "two"):
        _made(tmp_path / folder)
        (tmp_path / folder / "texts").mkdir()
        text = f'dataset = "dances"\n[[class]]\nid = 0\nname = "bow"\nmotion = "The {folder} way."\n'
        (tmp_path / folder / "texts" / "dances.toml").write_text(text, encoding="utf-8")
    for folder in ("one", "two", "one"):
        Workspace(tmp_path / folder)
        assert load_texts("dances").sentences("motion", 0) == (f"The {folder} way.",)


def test_two_workspaces_with_a_set_of_one_name(tmp_path):
    _made(tmp_path / "one")
    _made(tmp_path / "two", labels=[0, 1, 2, 2], class_names=["bow", "turn", "leap"])
    for folder, classes in (("one", 2), ("two", 3), ("one", 2)):
        Workspace(tmp_path / folder)
        assert catalogue.class_count("dances") == classes


def test_names_of_published_data_sets_are_taken(tmp_path):
    with pytest.raises(SplitError, match="'utd_mhad' is the name of a published data set"):
        catalogue.make_known("utd_mhad", {"names": ["a"]}, {})
    made = _made(tmp_path, dataset="ntu60", labels=[0, 0, 1, 1], class_names=list(catalogue.class_names("ntu60")))
    assert not (made.path / FACTS).exists()  # somebody's arrays of it have the facts of the catalogue


def test_an_existing_set_stays_unless_it_is_to_be_replaced(tmp_path):
    made = _made(tmp_path)
    with pytest.raises(ArtefactError, match=r"already a data set here.*replace=True"):
        _made(tmp_path)
    before = made.digest
    with pytest.raises(DataError):
        _made(tmp_path, replace=True, labels=[0, 1, 5, 0])
    assert SkeletonSet.load(made.path).digest == before
    assert len(_made(tmp_path, replace=True, class_names=["bow", "spin"]).class_names) == 2


def test_facts_come_back_as_they_were_written(tmp_path, caplog):
    facts = OwnSet(
        "dances",
        ("bow", "turn"),
        persons=1,
        dimensions=2,
        synthetic=True,
        subjects=("anna",),
        protocols=("xsub",),
        twins={"bows": (0, 1)},
        accepted=("units",),
    )
    facts.write(tmp_path)
    assert OwnSet.read(tmp_path) == facts
    facts.make_known()
    assert catalogue.is_flat("dances")
    assert catalogue.is_synthetic("dances")
    assert catalogue.accepted_findings("dances") == ("units",)
    assert catalogue.most_persons("dances") == 1
    assert twin_groups("dances") == {"bows": (0, 1)}
    write_split(tmp_path / "s.toml", ClassSplit("dances", "x", 4, (0,)))
    with caplog.at_level(logging.WARNING, logger="zsar_kit"):
        facts.make_known([tmp_path / "s.toml"])
    assert "dances has 2 classes, not 4" in caplog.text
    assert split_names("dances") == ()


def test_one_rule_for_parts_is_as_good_as_a_list_and_no_sequence_is_said(tmp_path):
    clips = [np.random.default_rng(i).normal(size=(9, 25, 3)).astype(np.float32) for i in range(4)]
    given = {"class_names": ("a", "b"), "subjects": [1, 2, 1, 2]}
    one, listed = (
        from_arrays(tmp_path / name, clips, [0, 0, 1, 1], parts=parts, **given)
        for name, parts in (("one", "subject:odd"), ("listed", ["subject:odd"]))
    )
    assert one.parts.keys() == listed.parts.keys() == {"xsub"}
    with pytest.raises(DataError, match="at least one sequence with its label is needed, got none"):
        from_arrays(tmp_path / "none", [], [], class_names=("a", "b"))
