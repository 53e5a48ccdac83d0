"""What an audit finds in sets that were made to hold it."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from zsar_kit.cli import main
from zsar_kit.data.catalogue import class_names
from zsar_kit.data.content import content_digest, identical_groups
from zsar_kit.data.puppet.world import PuppetConfig, build_puppet
from zsar_kit.data.readers.prepare import read_left_out
from zsar_kit.data.readers.registry import prepare_dataset
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.errors import ArtefactError, ConfigError, SplitError
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.reports import audit as rows
from zsar_kit.experiments.reports.audit_scan import audit_skeletons
from zsar_kit.experiments.reports.data_figures import audit_figures, prepared_sets

HEADER = "sample,reason,detail,expected\n"


def motion(seed: int, persons: int = 1, frames: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(persons, frames, 20, 3)).astype(np.float32)


def sequence(name: str, joints: np.ndarray, label: int = 0, **numbers) -> SkeletonSequence:
    return SkeletonSequence(name, joints, label, **numbers)


def stored(path, sequences, dataset="mine", names=("wave", "bow", "kick"), **options) -> SkeletonSet:
    return SkeletonSet.write(
        path, sequences, dataset=dataset, layout="kinect_v1_20", class_names=names, inputs={}, **options
    )


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """Ten samples: 'copy' and 'swapped' repeat others; one has an empty and a still frame."""
    two, broken = motion(9, persons=2), motion(5, persons=2, frames=8)
    broken[:, 2] = 0
    broken[:, 5] = broken[:, 4]
    broken[1, :4] = 0
    numbers = {"setup": 1, "replication": 1}
    sequences = [
        sequence("a", motion(0), 0, subject=1, camera=1, **numbers),
        sequence("b", motion(1), 0, subject=1, camera=2, **numbers),
        sequence("copy", motion(0), 1, subject=2, camera=1, **numbers),
        sequence("two", two, 1, subject=2, camera=2, **numbers),
        sequence("swapped", two[::-1], 1, subject=3, camera=2, **numbers),
        sequence("broken", broken, 0, subject=3, camera=1, **numbers),
    ]
    path = tmp_path_factory.mktemp("audit") / "set"
    parts = {"half": lambda name: name in ("a", "b", "two"), "camera": lambda name: name in ("a", "copy", "broken")}
    return audit_skeletons(stored(path, sequences, parts=parts))


@pytest.fixture(scope="module")
def puppet(tmp_path_factory):
    return audit_skeletons(build_puppet(tmp_path_factory.mktemp("audit") / "puppet", PuppetConfig.tiny()))


def test_a_digest_does_not_depend_on_the_order_of_persons_nor_on_absent_ones():
    two = motion(0, persons=2)
    assert content_digest(two) == content_digest(two[::-1])
    assert content_digest(two) == content_digest(np.concatenate([two, np.zeros_like(two)]))
    negative = two * np.float32(1)
    negative[0, 0, 0, 0], two[0, 0, 0, 0] = -0.0, 0.0
    assert content_digest(two) == content_digest(negative)


def test_a_digest_changes_with_a_digit_a_frame_and_a_person():
    two = motion(0, persons=2)
    nudged = two.copy()
    nudged[1, 3, 7, 2] = np.nextafter(nudged[1, 3, 7, 2], np.float32(9))
    others = [nudged, two[:, :-1], two[:1], np.stack([two[0], two[0]]), two[:, ::-1], two.reshape(2, 12, 10, 3)]
    assert len({content_digest(o) for o in [two, *others]}) == 7


def test_identical_sequences_are_those_that_a_comparison_of_all_pairs_finds(known):
    content, n = known.scan.content, len(known.skeletons)
    pairs = {(i, j) for i, j in itertools.combinations(range(n), 2) if content[i] == content[j]}
    found = {pair for g in identical_groups(content) for pair in itertools.combinations(g.tolist(), 2)}
    assert found == pairs == {(0, 2), (3, 4)}
    assert identical_groups(np.array(["x", "y", "z"])) == []


def test_identical_sequences_across_parts_and_labels_are_counted(known):
    half, camera = rows.identical_rows(known)
    assert half["groups of identical sequences"] == 2
    assert half["sequences in them"] == 4
    assert half["groups of several classes"] == 1
    assert (half["groups in both parts"], half["test sequences also in train"]) == (2, 2)
    assert half["of classes"] == "1 bow: 2"
    assert (camera["groups in both parts"], camera["test sequences also in train"], camera["of classes"]) == (0, 0, "")
    by_name = rows.identical_samples(known)
    assert [row["samples"] for row in by_name] == ["a, copy", "two, swapped"]
    assert [row["half"] for row in by_name] == ["train and test", "train and test"]
    assert [row["camera"] for row in by_name] == ["train", "test"]


def test_bodies_empty_and_still_frames_are_counted(known):
    scan, at = known.scan, known.skeletons.index.sample.tolist().index("broken")
    assert (scan.bodies[at], scan.together[at], scan.empty[at], scan.still[at]) == (2, 2, 1, 1)
    assert scan.bodies.tolist() == [1, 1, 1, 2, 2, 2]
    assert scan.empty.sum() == scan.still.sum() == 1
    test = rows.length_rows(known)[1]
    assert test["frames without a body, %"] == pytest.approx(100 / 20)
    assert (test["shortest"], test["longest"]) == (6, 8)
    assert rows.body_rows(known)[0] == {
        "protocol": "half",
        "part": "train",
        "1 body": 2,
        "2 bodies": 1,
        "most at once": 2,
    }


def test_what_parts_share_is_what_a_loop_over_samples_finds(known):
    index = known.skeletons.index
    for row in rows.sharing_rows(known):
        train = known.parts[row["protocol"]]
        keys = ("label", "subject", "setup", "replication") if row["what"] == "performance" else (row["what"],)
        there = [set(), set()]
        for i in range(len(index)):
            there[int(train[i])].add(tuple(int(getattr(index, k)[i]) for k in keys))
        assert row["in train"], row["in test"] == (len(there[1]), len(there[0]))
        assert int(row["in both"].split()[0]) == len(there[0] & there[1])
    shared = {(row["protocol"], row["what"]): row["in both"] for row in rows.sharing_rows(known)}
    assert shared["half", "subject"] == "1 (2)"
    assert shared["camera", "camera"] == "0"
    assert shared["camera", "performance"] == "2"


def test_puppet_shares_nobody_across_subjects_and_every_performance_across_views(puppet):
    shared = {(row["protocol"], row["what"]): row["in both"] for row in rows.sharing_rows(puppet)}
    assert shared["xsub", "subject"] == "0"
    assert shared["xsub", "performance"] == "0"
    assert shared["xview", "camera"] == "0"
    assert shared["xview", "performance"] == str(6 * 4)
    counts = {(r["protocol"], r["part"]): r["samples"] for r in rows.part_rows(puppet)}
    assert counts == {("xsub", "train"): 36, ("xsub", "test"): 36, ("xview", "train"): 48, ("xview", "test"): 24}


def test_class_splits_count_seen_and_unseen_samples(puppet):
    row = rows.split_rows(puppet)[0]
    unseen = [c in (9, 10, 16, 26) for c in puppet.skeletons.index.label]
    test = ~puppet.parts["xsub"]
    assert (row["split"], row["seen"], row["unseen"]) == ("23/5", 23, 5)
    assert row["xsub: test, unseen"] == int((test & unseen).sum()) == 24
    assert row["xsub: test, seen"] + row["xsub: test, unseen"] == test.sum()


def test_balance_names_the_smallest_class_and_counts_the_absent_ones(known, puppet):
    train = rows.balance_rows(known)[0]
    assert train["smallest class"] == "0 (2 kick)"
    assert train["largest class"] == "2 (0 wave)"
    assert train["classes without a sample"] == 1
    assert rows.class_counts(known, "half").tolist() == [[2, 1], [1, 2], [0, 0]]
    assert rows.class_counts(known, "").tolist() == [[3], [3], [0]]
    assert rows.balance_rows(puppet)[0]["classes without a sample"] == 28 - 6


def test_twins_are_together_in_official_splits_and_seen_where_torn(tmp_path):
    names = class_names("kinder_gator")
    items = [sequence(f"s{c}", motion(c), c, subject=1 + c % 2) for c in range(len(names))]
    made = stored(tmp_path / "set", items, dataset="kinder_gator", names=names, parts={"xsub": lambda n: n != "s0"})
    audit = audit_skeletons(made)
    assert {row["in 48/10"] for row in rows.twin_rows(audit, "48/10")} <= {"seen", "unseen"}
    user = tmp_path / "mine.toml"
    user.write_text('dataset = "kinder_gator"\nunseen = [0, 16, 17]\n', encoding="utf-8")
    torn = {row["twins"]: row[f"in {user}"] for row in rows.twin_rows(audit, str(user))}
    assert (torn["bend knee"], torn["jump"], torn["wave"]) == ("torn apart", "unseen", "seen")


def test_what_was_left_out_is_counted_and_the_unexpected_comes_first(tmp_path):
    path = tmp_path / "set"

    def beside(folder):
        lines = ["x,listed as missing,,yes", 'y,broken,"line 3, no number",no', "z,listed as missing,,yes"]
        (folder / "left_out.csv").write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")

    audit = audit_skeletons(stored(path, [sequence("a", motion(0))], beside=beside))
    assert [(r["reason"], r["samples"], r["expected"], r["which"]) for r in rows.left_out_rows(audit)] == [
        ("broken", 1, "NO", "y"),
        ("listed as missing", 2, "yes", "x, z"),
    ]
    assert audit.left_out[1].detail == "line 3, no number"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("sample,reason\nx,broken\n", "the columns must be sample, reason, detail, expected"),
        ("", "the columns must be"),
        (HEADER + "x,broken,\n", "the columns must be"),
        (HEADER + "x,broken,why,perhaps\n", "'expected' must be yes or no, got 'perhaps'.*line 2"),
    ],
)
def test_a_malformed_list_of_what_was_left_out_is_refused(tmp_path, content, message):
    (tmp_path / "left_out.csv").write_text(content, encoding="utf-8")
    with pytest.raises(ArtefactError, match=message):
        read_left_out(tmp_path)


def test_data_of_ones_own_without_parts_have_tables_and_figures_too(tmp_path):
    audit = audit_skeletons(stored(tmp_path / "set", [sequence("a", motion(0)), sequence("b", motion(1), 2)]))
    tables = rows.audit_tables(audit)
    assert "| all" in tables["Parts"]
    assert tables["In both parts"] == "No protocol is known for these data.\n"
    assert tables["Class splits"] == "No class split is known for these data.\n"
    assert tables["Left out"].startswith("Nothing was left out")
    drawn = audit_figures(audit)
    assert drawn["coverage"].get_ylabel() == "label"
    with pytest.raises(ConfigError, match=r"no protocol 'xsub'.*These data are not divided"):
        audit_figures(audit, "xsub")


def test_figures_follow_the_protocol_and_the_split(puppet):
    drawn = audit_figures(puppet, "xview", "18/10")
    assert set(drawn) == {"lengths", "classes", "coverage"}
    assert drawn["classes"].get_title(loc="left") == "puppet (synthetic data), xview; orange: unseen classes of 18/10"
    assert (drawn["coverage"].get_ylabel(), drawn["coverage"].get_xlabel()) == ("subject", "camera")
    with pytest.raises(ConfigError, match=r"no protocol 'xveiw'.*Did you mean 'xview'"):
        audit_figures(puppet, "xveiw")
    with pytest.raises(SplitError, match="puppet has no split"):
        audit_figures(puppet, "xview", "1/1")


def test_prepared_sets_are_found(tmp_path, puppet):
    folder = tmp_path / "skeletons" / "puppet"
    build_puppet(folder, PuppetConfig.tiny())
    (tmp_path / "skeletons" / "unfinished").mkdir()
    assert list(prepared_sets(Workspace(tmp_path))) == ["puppet"]


def test_the_command_prints_every_table(tmp_path, capsys):
    folder = tmp_path / "skeletons" / "mine"
    stored(folder, [sequence("a", motion(0)), sequence("b", motion(0), 2)])
    (tmp_path / "skeletons" / "utd-mhad").symlink_to(folder)
    assert main(["data", "audit", "utd_mhad", "--workspace", str(tmp_path), "--quiet"]) == 0
    shown = capsys.readouterr().out
    assert [line[3:] for line in shown.splitlines() if line.startswith("## ")] == [
        "Parts",
        "Published counts",
        "Left out",
        "Lengths, in frames",
        "Bodies",
        "Classes",
        "In both parts",
        "Identical sequences",
        "Identical sequences, by name",
        "Class splits",
        "Twin classes",
    ]
    assert "a, b" in shown


def test_the_third_view_of_two_actions_of_nw_ucla_is_a_copy_of_the_second(tmp_path, shared_dir):
    """Of the published files: 95 test sequences of the cross-view protocol are training sequences."""
    skeletons = prepare_dataset("nw_ucla", shared_dir / "data" / "nw_ucla", tmp_path / "set").skeletons
    audit = audit_skeletons(skeletons)
    (row,) = rows.identical_rows(audit)
    assert row["test sequences also in train"] == 95
    assert row["of classes"] == "1 pick up with two hands: 50, 2 drop trash: 45"
    for group in identical_groups(audit.scan.content):
        assert [name[-3:] for name in skeletons.index.sample[group]] == ["v02", "v03"]


def test_counts_of_ntu_stand_beside_the_published_ones(tmp_path):
    numbers = {"camera": 1, "setup": 1}
    clips = [sequence("a", motion(0), subject=1, **numbers), sequence("b", motion(1), subject=3, **numbers)]
    index = stored(tmp_path / "set", clips)
    audit = audit_skeletons(dataclasses.replace(index, dataset="ntu60"))
    found = {row["part"]: (row["published"], row["here"], row["agrees"]) for row in rows.published_rows(audit)}
    assert found["total"] == (56578, 2, "no")
    assert found["xsub train"] == (40091, 1, "no")
    assert rows.published_rows(audit_skeletons(index)) == []
