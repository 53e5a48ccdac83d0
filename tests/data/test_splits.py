"""Class splits: stored ones agree with their names and the official lists; draws and folds keep promises."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zsar_kit.data import splits
from zsar_kit.data.catalogue import is_generated, is_synthetic
from zsar_kit.data.splits import (
    ClassSplit,
    holdout_samples,
    holdout_subjects,
    load_split,
    pseudo_unseen_folds,
    pseudo_unseen_groups,
)
from zsar_kit.errors import ConfigError, DataError, SplitError

ALL = [(d, n) for d in splits.dataset_names() for n in splits.split_names(d)]


@pytest.mark.parametrize(("dataset", "name"), ALL)
def test_stored_split_agrees_with_its_name(dataset, name):
    split = load_split(dataset, name)
    seen, unseen = map(int, name.split()[-1].split("/"))
    assert (len(split.seen), len(split.unseen)) == (seen, unseen)
    assert split.source
    assert not set(split.seen) & set(split.unseen)
    assert split.candidates == tuple(range(splits.class_count(dataset)))
    assert split.ratio == pytest.approx(unseen / seen)
    assert ClassSplit.from_dict(json.loads(json.dumps(split.to_dict()))) == split


def test_every_published_family_is_there():
    counts = {d: len(splits.split_names(d)) for d in splits.dataset_names()}
    assert counts == {
        "ntu60": 10,
        "ntu120": 10,
        "pku_mmd": 11,
        "pku_mmd_2": 11,  # those of part I: the ids are the same
        "utd_mhad": 8,  # three published, five drawn here
        "nw_ucla": 2,
        "uwa3d_ii": 3,
        "kinder_gator": 5,
        "kinetics200": 4,
        "kinetics400": 4,
        "puppet": 6,
    }


def test_some_published_lists_by_class_name():
    def unseen(dataset, name):
        names = splits.class_names(dataset)
        return [names[i] for i in load_split(dataset, name).unseen]

    expected = ["reading", "writing", "put on a hat/cap", "jump up", "touch other person's pocket"]
    assert unseen("ntu60", "55/5") == expected
    assert unseen("nw_ucla", "8/2") == ["pick up with two hands", "sit down"]
    assert load_split("pku_mmd", "46/5").unseen == load_split("pku_mmd", "smie7 46/5").unseen


def test_the_parts_of_pku_mmd_share_classes_and_splits():
    assert splits.class_names("pku_mmd_2") == splits.class_names("pku_mmd")
    assert splits.split_names("pku_mmd_2") == splits.split_names("pku_mmd")
    for name in splits.split_names("pku_mmd"):
        first, second = load_split("pku_mmd", name), load_split("pku_mmd_2", name)
        assert (second.dataset, second.unseen, second.classes) == ("pku_mmd_2", first.unseen, 51)


def test_puppet_follows_ntu():
    names, ids = splits.class_names("puppet"), splits.ntu_ids("puppet")
    assert len(names) == len(set(ids)) == 28
    assert names == tuple(splits.class_names("ntu60")[i] for i in ids)
    unseen = {ids[i] for i in load_split("puppet", "23/5").unseen}
    assert unseen == set(load_split("ntu60", "55/5").unseen)
    assert splits.class_names("ntu120")[:60] == splits.class_names("ntu60")


def test_the_catalogue_says_which_data_are_synthetic():
    assert [name for name in splits.dataset_names() if is_synthetic(name)] == ["puppet"]
    assert [name for name in splits.dataset_names() if is_generated(name)] == ["puppet"]
    assert not is_synthetic("mine")
    assert not is_generated("mine")


def test_second_puppet_split_is_the_recorded_draw():
    # It pins the draw itself: another way to draw would change every split that users made before.
    assert load_split("puppet", "18/10").unseen == splits.make_split("puppet", 10, seed=0).unseen


@pytest.mark.parametrize("dataset", ["ntu60", "ntu120"])
def test_gating_folds_lie_inside_the_seen_classes(dataset):
    for name in splits.split_names(dataset)[:2]:
        split, fold = load_split(dataset, name), splits.gating_fold(dataset, name)
        assert set(fold.unseen) <= set(split.seen)
        assert len(fold.unseen) == len(split.unseen)
        assert fold.excluded == split.unseen
        assert fold.fold_of == name


def test_twins_stay_together_in_the_official_splits():
    twins = {i for group in splits.twin_groups("kinder_gator").values() for i in group}
    for name in splits.split_names("kinder_gator"):
        assert not twins & set(load_split("kinder_gator", name).unseen)
    assert splits.twin_groups("ntu60") == {}


@pytest.mark.parametrize(("dataset", "name"), ALL)
def test_folds_lie_within_what_their_encoder_held_out(dataset, name):
    split = load_split(dataset, name)
    groups = pseudo_unseen_groups(split, seed=3)
    assert len({g.encoder.unseen for g in groups}) == len(groups) == 2
    for group in groups:
        assert group.encoder.excluded == split.unseen
        assert set(group.encoder.unseen) | set(group.encoder.seen) == set(split.seen)
        for fold in group.folds:
            assert set(fold.unseen) < set(group.encoder.unseen)
            assert fold.seen == group.encoder.seen
            assert fold.fold_of == name
            assert set(split.unseen) <= set(fold.excluded)
            assert len(fold.unseen) >= 2
            assert len(fold.seen) >= 2
            # The nearest whole number to the split's ratio, but never below two.
            assert abs(len(fold.unseen) - max(2.0, len(fold.seen) * split.ratio)) <= 0.5


@pytest.mark.parametrize(("dataset", "name"), ALL)
def test_every_split_has_eight_distinct_folds_where_its_classes_allow(dataset, name):
    split = load_split(dataset, name)
    folds = pseudo_unseen_folds(split)
    few = (dataset, name) == ("nw_ucla", "5/5")  # five seen classes: three pairs of three classes for each encoder
    assert len({fold.unseen for fold in folds}) == len(folds) == (6 if few else 8)
    for g, group in enumerate(pseudo_unseen_groups(split)):
        assert folds[g::2] == group.folds  # fold k uses encoder k mod 2
        times = [sum(c in fold.unseen for fold in group.folds) for c in group.encoder.unseen]
        assert min(times) >= 1
        assert max(times) - min(times) <= 2


@pytest.mark.parametrize(
    ("dataset", "name", "held", "size"),
    [
        ("utd_mhad", "22/5", 6, 4),
        ("utd_mhad", "18/9", 8, 5),
        ("utd_mhad", "14/13", 8, 6),
        ("nw_ucla", "8/2", 4, 2),
        ("nw_ucla", "5/5", 3, 2),
        ("kinder_gator", "48/10", 11, 8),
        ("kinder_gator", "40/18", 16, 11),
        ("puppet", "23/5", 6, 4),
        ("puppet", "18/10", 8, 6),
        ("ntu60", "55/5", 7, 4),
        ("ntu60", "48/12", 13, 9),
        ("ntu60", "40/20", 17, 11),
        ("ntu60", "30/30", 18, 12),
        ("ntu120", "110/10", 13, 9),
        ("ntu120", "96/24", 26, 17),
        ("ntu120", "80/40", 34, 23),
        ("ntu120", "60/60", 36, 24),
    ],
)
def test_counts_of_the_published_splits(dataset, name, held, size):
    for group in pseudo_unseen_groups(load_split(dataset, name)):
        assert len(group.encoder.unseen) == held
        assert {len(fold.unseen) for fold in group.folds} == {size}


def test_encoders_share_held_out_classes_only_if_they_must():
    for dataset, name in ALL:
        split = load_split(dataset, name)
        one, other = (set(g.encoder.unseen) for g in pseudo_unseen_groups(split))
        assert len(one & other) == max(0, 2 * len(one) - len(split.seen))


def test_folds_leave_twins_alone_while_they_can():
    twins = {i for group in splits.twin_groups("kinder_gator").values() for i in group}
    for seed in range(20):
        for group in pseudo_unseen_groups(load_split("kinder_gator", "48/10"), seed):
            assert not twins & set(group.encoder.unseen)


@settings(max_examples=100, deadline=None)
@given(
    classes=st.integers(6, 130),
    share=st.floats(0.02, 0.98),
    seed=st.integers(0, 2**40),
)
def test_any_split_has_sound_folds(classes, share, seed):
    split = splits.make_split("toy", max(2, min(classes - 4, int(share * classes))), seed, classes=classes)
    groups, folds = pseudo_unseen_groups(split, seed), pseudo_unseen_folds(split, seed)
    assert folds == pseudo_unseen_folds(split, seed)
    assert len({fold.unseen for fold in folds}) == len(folds)
    number = len(split.seen)
    assert len(folds) >= (8 if number >= 7 else 6 if number >= 5 else 2)
    for group in groups:
        assert len(group.encoder.seen) >= 2
        assert not set(group.encoder.unseen + group.encoder.seen) & set(split.unseen)
        for fold in group.folds:
            assert set(fold.unseen) <= set(group.encoder.unseen)
            assert fold.seen == group.encoder.seen
            assert len(fold.unseen) >= 2


def test_draws_depend_on_seed_only():
    draws = [splits.make_split("ntu60", 5, seed) for seed in range(30)]
    assert draws == [splits.make_split("ntu60", 5, seed) for seed in range(30)]
    assert len({d.unseen for d in draws}) > 25


def test_draws_are_uniform_over_classes():
    times = np.zeros(10)
    for seed in range(400):
        times[list(splits.make_split("nw_ucla", 2, seed).unseen)] += 1
    # Binomial(400, 0.2): mean 80, deviation 8; five deviations.
    assert (abs(times - 80) < 40).all()


def test_digest_is_of_the_meaning():
    split = load_split("pku_mmd", "46/5")
    assert split.digest() == load_split("pku_mmd", "smie7 46/5").digest()
    fold = pseudo_unseen_folds(split)[0]
    same_unseen = ClassSplit("pku_mmd", "x", 51, fold.unseen)
    assert len({split.digest(), fold.digest(), same_unseen.digest()}) == 3


@pytest.mark.parametrize("suffix", [".toml", ".json"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_user_file_round_trip(tmp_path_factory, suffix, data):
    classes = data.draw(st.integers(4, 80))
    unseen = data.draw(st.sets(st.integers(0, classes - 1), min_size=1, max_size=classes - 2))
    text = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=12)
    split = ClassSplit("mine", data.draw(text), classes, tuple(unseen), source=data.draw(text))
    path = tmp_path_factory.mktemp("split") / f"split{suffix}"
    splits.write_split(path, split)
    assert splits.read_split(path) == split
    assert load_split("mine", str(path)) == split


def test_user_file_may_name_classes(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('dataset = "nw_ucla"\nunseen = ["throw", 0]\n')
    assert splits.read_split(path) == ClassSplit("nw_ucla", "mine", 10, (0, 8))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"dataset": "ntu60", "name": "synse_5", "unseen": [61]},
            "'synse_5' lists class 61, but ntu60 has classes 0..59",
        ),
        ({"dataset": "ntu60", "unseen": [60]}, "key 'unseen'). Did you mean 0-based ids?"),
        ({"dataset": "ntu60", "unseen": [-1]}, "lists class -1"),
        ({"dataset": "ntu60", "unseen": [3, 4, 3]}, "lists class 3 more than once"),
        ({"dataset": "ntu60", "unseen": []}, "has no unseen class"),
        ({"dataset": "ntu60", "unseen": list(range(59))}, "leaves 1 seen classes; at least 2 are needed"),
        ({"dataset": "ntu60", "unseen": [1], "excluded": [1]}, "class 1 as unseen and as excluded"),
        ({"dataset": "ntu60", "unseen": ["readin"]}, "no class named 'readin' (in"),
        ({"dataset": "ntu60", "unseen": ["readin"]}, "Did you mean 'reading'?"),
        ({"dataset": "uwa3d_ii", "unseen": ["sitting down"]}, "more than one class named 'sitting down'"),
        ({"dataset": "ntu60", "unseen": [1.5]}, "a class is an id or a name, got 1.5"),
        ({"dataset": "ntu60", "unseen": [True]}, "a class is an id or a name, got True"),
        ({"dataset": "ntu60", "unseen": 3}, "must be a list, got 3"),
        ({"dataset": "ntu60", "unsen": [3]}, "unknown key 'unsen'"),
        ({"dataset": "ntu60", "unsen": [3]}, "Did you mean 'unseen'?"),
        ({"dataset": "ntu60"}, "missing key 'unseen'"),
        ({"unseen": [1]}, "missing key 'dataset'"),
        ({"dataset": "ntu60", "classes": 61, "unseen": [1]}, "ntu60 has 60 classes, not 61"),
        ({"dataset": "ntu6", "unseen": [1]}, "Did you mean 'ntu60'?"),
        ({"dataset": "mine", "unseen": [1]}, "For your own data add 'classes'"),
        ([1, 2], "holds keys and values"),
    ],
)
def test_bad_split_file(tmp_path, content, message):
    path = tmp_path / "split.json"
    path.write_text(json.dumps(content))
    with pytest.raises(SplitError) as caught:
        splits.read_split(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("name", "content"), [("a.json", "{"), ("a.toml", "x ="), ("b.json", "\xff")])
def test_unreadable_split_file(tmp_path, name, content):
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(SplitError, match=r"not readable as (JSON|TOML)"):
        splits.read_split(tmp_path / name)


def test_other_bad_splits(tmp_path):
    with pytest.raises(SplitError, match="split file not found"):
        splits.read_split(tmp_path / "absent.toml")
    with pytest.raises(SplitError, match=r"ntu60 has no split '55/6'\. Did you mean '55/5'\?"):
        load_split("ntu60", "55/6")
    with pytest.raises(SplitError, match=r"unknown data set 'utd-mhad'\. Did you mean 'utd_mhad'\?"):
        load_split("utd-mhad", "22/5")
    with pytest.raises(SplitError, match=r"57 unseen .* 2 must be unseen and 4 seen, and ntu60 has 60"):
        splits.make_split("ntu60", 57, 0)
    with pytest.raises(SplitError, match="1 unseen classes asked for"):
        splits.make_split("ntu60", 1, 0)
    with pytest.raises(SplitError, match="not its class names"):
        splits.class_names("kinetics200")
    with pytest.raises(SplitError, match="no published validation classes"):
        splits.gating_fold("nw_ucla", "8/2")
    with pytest.raises(SplitError, match="need at least 4"):
        pseudo_unseen_folds(ClassSplit("toy", "3/2", 5, (0, 1)))
    with pytest.raises(SplitError, match=r"is \.toml or \.json"):
        splits.write_split(tmp_path / "a.yaml", load_split("ntu60", "55/5"))
    splits.write_split(tmp_path / "a.toml", load_split("ntu60", "55/5"))
    with pytest.raises(SplitError, match="is for 'ntu60', not for 'ntu120'"):
        load_split("ntu120", str(tmp_path / "a.toml"))
    with pytest.raises(ConfigError, match="'unseen' must be"):
        ClassSplit("toy", "x", 5, ("1",))  # pyright: ignore[reportArgumentType]


def test_parts():
    subject = np.arange(1, 9)
    assert (splits.part_mask("utd_mhad", None, {"subject": subject}) == (subject % 2 == 1)).all()
    camera = np.array([1, 2, 3])
    assert splits.part_mask("nw_ucla", "xview", {"camera": camera}).tolist() == [True, True, False]
    assert splits.part_mask("ntu60", "xview", {"camera": camera}).tolist() == [False, True, True]
    assert splits.part_mask("puppet", "xview", {"camera": camera}).tolist() == [False, True, True]
    setup = np.arange(1, 33)
    assert (splits.part_mask("ntu120", "xset", {"setup": setup}) == (setup % 2 == 0)).all()
    assert splits.part_mask("ntu60", None, {"subject": np.arange(1, 41)}).sum() == 20
    assert splits.part_mask("ntu120", "xsub", {"subject": np.arange(1, 107)}).sum() == 53
    assert splits.part_protocols("ntu120") == ("xsub", "xset")
    assert splits.part_protocols("pku_mmd") == splits.part_protocols("pku_mmd_2") == ("xsub", "xview")
    assert splits.part_protocols("uwa3d_ii") == ()


def test_bad_parts():
    with pytest.raises(DataError, match=r"subject 9 is in neither part of utd_mhad xsub \(in sample 1\)"):
        splits.part_mask("utd_mhad", "xsub", {"subject": np.array([1, 9])})
    with pytest.raises(DataError, match="divides by 'camera', but the index lacks it"):
        splits.part_mask("nw_ucla", None, {"subject": np.array([1])})
    with pytest.raises(SplitError, match=r"ntu60 has no protocol 'xsubj'\. Did you mean 'xsub'\?"):
        splits.part_mask("ntu60", "xsubj", {"subject": np.array([1])})
    with pytest.raises(SplitError, match="knows no train and test parts of 'uwa3d_ii'"):
        splits.part_mask("uwa3d_ii", None, {"subject": np.array([1])})
    for dataset in ("pku_mmd", "pku_mmd_2"):
        with pytest.raises(SplitError, match=rf"xsub parts of {dataset} are lists .* the prepared set has them"):
            splits.part_mask(dataset, None, {"subject": np.array([1])})
        with pytest.raises(SplitError, match=rf"{dataset} has no protocol 'xset'"):
            splits.part_mask(dataset, "xset", {"setup": np.array([1])})


@settings(deadline=None)
@given(st.sets(st.integers(0, 999), min_size=2, max_size=40), st.floats(0.01, 0.99), st.integers(0, 99))
def test_holdout_subjects(subjects, fraction, seed):
    held = splits.holdout_subjects(np.repeat(sorted(subjects), 3), fraction, seed)
    assert held == splits.holdout_subjects(subjects, fraction, seed)
    assert 1 <= len(held) < len(subjects)
    assert set(held) <= subjects
    assert abs(len(held) - fraction * len(subjects)) <= 1


def test_bad_holdout():
    with pytest.raises(DataError, match="needs at least two, got 1"):
        splits.holdout_subjects([4, 4])
    with pytest.raises(DataError, match=r"must lie in \(0, 1\), got 1.0"):
        splits.holdout_subjects([1, 2], 1.0)


@pytest.mark.shared
def test_names_are_the_official_ones(shared_dir):
    official = json.loads((shared_dir / "semantics/class_names.json").read_text(encoding="utf-8"))
    ours = {
        "ntu120": "ntu120",
        "pku51": "pku_mmd",
        "utd_mhad": "utd_mhad",
        "nw_ucla": "nw_ucla",
        "uwa3dii": "uwa3d_ii",
    }
    for theirs, dataset in ours.items():
        assert list(splits.class_names(dataset)) == official[theirs]


@pytest.mark.shared
def test_kinder_gator_is_as_fixed_beforehand(shared_dir):
    fixed = json.loads((shared_dir / "data/kinder_gator/splits.json").read_text(encoding="utf-8"))
    assert list(splits.class_names("kinder_gator")) == fixed["classes"]
    assert {k: list(v) for k, v in splits.twin_groups("kinder_gator").items()} == fixed["twin_groups"]
    ours = {n: list(load_split("kinder_gator", n).unseen) for n in splits.split_names("kinder_gator")}
    assert ours == fixed["unseen"]
    subjects = np.array(fixed["subjects"]["train"] + fixed["subjects"]["test"])
    train = splits.part_mask("kinder_gator", None, {"subject": subjects})
    assert subjects[train].tolist() == fixed["subjects"]["train"]


@pytest.mark.shared
def test_ntu_parts_are_the_official_ones(shared_dir):
    facts = json.loads((shared_dir / "facts/ntu.json").read_text(encoding="utf-8"))
    for dataset, people in (("ntu60", 40), ("ntu120", 106)):
        subjects = np.arange(1, people + 1)
        train = splits.part_mask(dataset, "xsub", {"subject": subjects})
        assert subjects[train].tolist() == facts[f"xsub_train_subjects_{dataset}"]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("dataset", "name"), [k for k in ALL if k[0] not in ("kinder_gator", "puppet") and "random" not in k[1]]
)
def test_unseen_lists_are_the_published_ones(shared_dir, dataset, name):
    page = (shared_dir / "docs/REFERENCES.md").read_text(encoding="utf-8")
    section = page[page.index("### 1.5") : page.index("### 1.6")].replace(" ", "")
    published = {tuple(sorted(json.loads(part.split("]")[0] + "]"))) for part in _lists(section)}
    assert load_split(dataset, name).unseen in published


def _lists(section):
    return ["[" + part for part in section.split("[")[1:] if part[0].isdigit()]


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_our_random_splits_are_what_their_source_says(seed):
    stored = load_split("utd_mhad", f"random{seed} 22/5")
    assert stored.unseen == splits.make_split("utd_mhad", 5, seed).unseen
    assert stored.source.startswith(f"make_split('utd_mhad', 5, seed={seed})")


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(0, 5))
def test_held_out_samples_are_a_quarter_of_each_class_and_never_all(labels, seed):
    labels = np.array(labels)
    rows = np.flatnonzero(np.arange(len(labels)) % 3 != 1)  # the others are not to be touched
    held = holdout_samples(labels, rows, seed=seed)
    assert set(held.tolist()) <= set(rows.tolist())
    assert held.tolist() == sorted(set(held.tolist())) == holdout_samples(labels, rows[::-1], seed=seed).tolist()
    for label in set(labels[rows].tolist()):
        members, gone = (labels[rows] == label).sum(), (labels[held] == label).sum()
        assert gone == (0 if members == 1 else min(max(1, round(members / 4)), members - 1))


def test_held_out_samples_depend_on_the_seed_and_on_nothing_else_of_the_set():
    labels, rows = np.repeat([0, 1], 40), np.arange(80)
    assert holdout_samples(labels, rows, seed=0).tolist() != holdout_samples(labels, rows, seed=1).tolist()
    # another class that goes does not change who is held out of this one
    assert holdout_samples(labels, rows[:40], seed=0).tolist() == holdout_samples(labels, rows, seed=0)[:10].tolist()
    with pytest.raises(DataError, match=r"must lie in \(0, 1\), got 1\.0"):
        holdout_samples(labels, rows, 1.0)


def test_further_turns_hold_out_others():
    assert len({holdout_subjects(range(4), 0.25, seed=5, turn=turn) for turn in range(4)}) == 4
    assert holdout_subjects(range(4), 0.25, seed=5, turn=4) == holdout_subjects(range(4), 0.25, seed=5)
    labels = np.repeat([0, 1], [8, 4])
    parts = [holdout_samples(labels, range(12), 0.25, turn=turn).tolist() for turn in range(4)]
    assert sorted(i for part in parts for i in part) == list(range(12))
