"""Each fault is found, by its check, with the right numbers; clean clips are left in peace."""

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.doctor_faults import FAULTS
from tests.bodies import in_layout
from zsar_kit.data.doctor import CHECKS, Clip, examine_clip, examine_set, examine_skeletons, line
from zsar_kit.data.doctor.body_checks import doubt_order, judge_up
from zsar_kit.data.doctor.findings import KEPT
from zsar_kit.data.joints import JointLayout, layout, other_orders
from zsar_kit.data.puppet.raw_ntu import TROUBLES, skeleton_file
from zsar_kit.data.puppet.world import PuppetConfig, build_puppet
from zsar_kit.data.readers.clips import read_clip
from zsar_kit.errors import ConfigError, DataError

BODY = layout("ntu25")
LOUD = ("refuse", "warn")
SPINE, WRIST = BODY.index("spine_mid"), BODY.index("wrist_left")


def loud(findings):
    return {f.check for f in findings if f.severity in LOUD}


def only(findings, check):
    (found,) = [f for f in findings if f.check == check]
    return found


def as_set(clips, **more):
    return [Clip(clip, f"clip{i}", **more) for i, clip in enumerate(clips)]


# --- clean data


def test_clean_clips_have_no_finding(sequences):
    for sequence in sequences:
        assert loud(examine_clip(sequence.joints, "ntu25", sample=sequence.sample)) == set(), sequence.sample


def test_a_clean_set_is_green(tmp_path):
    skeletons = build_puppet(tmp_path / "puppet", PuppetConfig.tiny())
    report = examine_skeletons(skeletons.select(np.flatnonzero(skeletons.index.subject <= 4)))
    assert not report.red
    assert report.refused == ()
    assert report.clips == len(skeletons)
    assert 1.2 < report.measured["height"] < 1.8
    assert report.measured["missing"] == 0.0


def test_what_is_measured_does_not_depend_on_place_or_heading(clips):
    turn = np.array([[0.6, 0, 0.8], [0, 1, 0], [-0.8, 0, 0.6]], dtype=np.float32)
    first = examine_set(as_set(clips), BODY).measured
    second = examine_set(as_set([clip @ turn.T + np.float32([1, 0.5, -2]) for clip in clips]), BODY).measured
    assert first == pytest.approx(second, abs=2e-3)


@pytest.mark.parametrize("shift", ["first frame", "each frame"])
def test_clips_that_are_centred_have_no_missing_joint(clips, shift):
    """The origin of centred data is a joint at exactly zero, and legitimate."""
    for clip in clips:
        origin = clip[:, :1, SPINE] if shift == "first frame" else clip[:, :, SPINE]
        centred = clip - origin[:, :, None]
        assert not centred[0, 0, SPINE].any()
        assert "missing" not in {f.check for f in examine_clip(centred, BODY)}


def test_an_absent_person_does_not_change_what_the_origin_is(clip):
    centred = clip - clip[:, :1, [SPINE]]
    assert "missing" not in {f.check for f in examine_clip(np.concatenate([centred, np.zeros_like(clip)]), BODY)}
    # Far from its body a spine at the origin is missing, whoever else is there.
    lost = clip.copy()
    lost[0, 0, SPINE] = 0.0
    assert "missing" in {f.check for f in examine_clip(np.concatenate([lost, np.zeros_like(clip)]), BODY)}


# --- every fault


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_found(name, clips):
    fault, rng = FAULTS[name], np.random.default_rng(7)
    bad = [fault.make(clip, BODY, rng) for clip in clips]
    if fault.alone:
        hits = [fault.check in {f.check for f in examine_clip(b.joints, BODY, rate=b.rate, times=b.times)} for b in bad]
        assert np.mean(hits) >= 0.9, f"{sum(hits)} of {len(hits)}"
    report = examine_set(bad, BODY)
    assert fault.check in {check for check, _ in report.affected}


def test_every_check_about_clips_has_a_fault():
    beside = {"readable", "shape", "finite", "empty", "labels", "class names", "parts", "twice"}
    assert {fault.check for fault in FAULTS.values()} == set(CHECKS) - beside


# --- single checks


@pytest.mark.parametrize(
    ("joints", "message"),
    [
        (np.zeros((1, 9, 25, 2)), "no depth"),
        (np.zeros((1, 25, 9, 3)), "Axis 1 has the 25 joints"),
        (np.zeros((9, 25, 3)), "another form"),
        (np.array([["a"]]), "another form"),
    ],
)
def test_arrays_of_another_shape_are_refused(joints, message):
    (found,) = examine_clip(joints, BODY)
    assert (found.check, found.severity) == ("shape", "refuse")
    assert message in found.cause


def test_exchanged_axes_say_so(clip):
    (found,) = examine_clip(np.swapaxes(clip, 0, 1), BODY, sample="a")
    assert found.check == "axes"
    assert found.problem == f"{clip.shape[1]} persons in 1 frame; at most 6 are expected"
    assert found.sample == "a"


def test_infinite_and_empty_clips_are_refused(clip):
    bad = clip.copy()
    bad[0, 3, WRIST, 1] = np.inf
    (found,) = examine_clip(bad, BODY)
    assert (found.check, found.place) == ("finite", "person 0, frame 3, joint wrist_left")
    for nothing in (np.zeros_like(clip), np.full_like(clip, np.nan), clip[:, :0]):
        (found,) = examine_clip(nothing, BODY)
        assert (found.check, found.severity) == ("empty", "refuse")


@pytest.mark.parametrize("padded", [False, True])
def test_a_single_frame_is_no_movement(clip, padded):
    alone = clip.copy()
    alone[:, 1:] = 0
    found = only(examine_clip(alone if padded else clip[:, :1], BODY), "empty")
    assert (found.severity, found.place, found.frames) == ("warn", "frame 0", (0,))
    assert not [f for f in examine_clip(clip[:, :2], BODY) if f.check == "empty"]


@pytest.mark.parametrize(
    ("factor", "looks"), [(1000, "millimetres"), (100, "centimetres"), (39.37, "inches"), (0.1, "normalised")]
)
def test_units_are_told_apart(clip, factor, looks):
    found = only(examine_clip(clip * np.float32(factor), BODY), "units")
    assert found.severity == "refuse"
    assert looks in found.cause
    clean = examine_set([Clip(clip)], BODY).measured["height"]
    assert found.numbers["height"] == pytest.approx(clean * factor, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "looks"),
    [
        ("pixels and scores", "pixels with a confidence"),
        ("shares of a picture and scores", "shares of a picture with a confidence"),
        ("pixels without depth", "without depth"),
    ],
)
def test_pictures_are_told_apart(clip, name, looks):
    bad = FAULTS[name].make(clip, BODY, np.random.default_rng(0)).joints
    assert looks in only(examine_clip(bad, BODY), "units").cause


def test_missing_joints_are_counted_and_named(clip):
    zeros, unknown = clip.copy(), clip.copy()
    zeros[0, 4:9, WRIST] = 0.0
    unknown[0, 4:9, WRIST] = np.nan
    found = only(examine_clip(zeros, BODY), "missing")
    assert found.severity == "warn"
    assert "5 points" in found.problem
    assert "wrist_left (5)" in found.problem
    assert found.frames == (4, 5, 6, 7, 8)
    assert found.joints == (WRIST,)
    # Marked as missing, and few: nothing to worry about.
    marked = only(examine_clip(unknown, BODY), "missing")
    assert marked.severity == "note"
    unknown[0, :, WRIST] = np.nan
    never = only(examine_clip(unknown, BODY), "missing")
    assert never.severity == "warn"
    assert never.numbers["never"] == ["wrist_left"]


def test_padding_says_where_it_starts(clip):
    frames = clip.shape[1]
    held = np.concatenate([clip, clip[:, -1:].repeat(5, axis=1)], axis=1)
    found = only(examine_clip(held, BODY), "padding")
    assert found.frames == tuple(range(frames, frames + 5))
    assert found.numbers["kind"] == "last pose"
    looped = only(examine_clip(np.concatenate([clip, clip[:, :9]], axis=1), BODY), "padding")
    assert looped.numbers == {"frames": 9, "kind": "looped"}
    empty = only(examine_clip(np.pad(clip, ((0, 0), (0, 4), (0, 0), (0, 0))), BODY), "padding")
    assert (empty.severity, empty.numbers["kind"], empty.numbers["frames"]) == ("note", "empty", 4)


def test_two_last_frames_alike_are_no_padding(clip):
    assert "padding" not in {f.check for f in examine_clip(clip[:, [*range(clip.shape[1]), -1]], BODY)}


def test_few_repeated_frames_are_a_note(clip):
    few = np.insert(clip, 5, clip[:, 5], axis=1)
    assert only(examine_clip(few, BODY), "repeats").severity == "note"
    many = only(examine_clip(clip.repeat(2, axis=1), BODY), "repeats")
    assert many.severity == "warn"
    assert many.numbers["share"] == pytest.approx(0.5, abs=0.01)


def test_exchanged_persons_are_found_at_their_frame(clip):
    two = np.concatenate([clip, clip[:, ::-1] + np.float32([1.2, 0, 0])])
    assert "swap" not in loud(examine_clip(two, BODY))
    two[:, 20:] = two[::-1, 20:].copy()
    assert only(examine_clip(two, BODY), "swap").frames == (20,)


def test_a_teleport_is_found_at_its_joint(clip):
    bad = clip.copy()
    bad[0, 10:14, WRIST] += [0, 2, 0]
    found = only(examine_clip(bad, BODY), "teleport")
    assert WRIST in found.joints
    assert set(found.frames) == {10, 11, 12, 13}


@pytest.mark.parametrize(
    ("times", "severity", "message"),
    [
        ([0, 0.1, 0.05, 0.2], "refuse", "times fall 1 time, first from 0.1 to 0.05 s"),
        ([0, 0.1, 0.2, 0.9], "warn", "more than 2.5 times the usual 0.1 s"),
        ([0, 0, 0, 0], "warn", "most frames have the time"),
        ([0, 0.1], "refuse", "4 finite times are needed"),
        ([0, 0.1, 0.2, 0.3], "warn", "stated as 30/s, the times say 10/s"),
    ],
)
def test_times(clip, times, severity, message):
    rate = 30.0 if "stated" in message else 0.0
    found = only(examine_clip(clip[:, :4], BODY, rate=rate, times=np.array(times)), "times")
    assert found.severity == severity
    assert message in found.problem


def test_even_times_are_right(clip):
    times = np.arange(clip.shape[1]) / 30 + 17
    assert loud(examine_clip(clip, BODY, rate=30.0, times=times)) == set()


# --- bodies


def other_order(name, order):
    """A layout of the same joints in another order."""
    at = {old: new for new, old in enumerate(order)}
    return JointLayout(
        name,
        tuple(BODY.joints[i] for i in order),
        tuple(at[BODY.parents[i]] for i in order),
        {part: tuple(sorted(at[i] for i in joints)) for part, joints in BODY.parts.items()},
        {role: tuple(at[i] for i in joints) for role, joints in BODY.roles.items()},
    )


def test_the_layout_that_fits_is_named(clips, monkeypatch):
    import zsar_kit.data.doctor.body_checks as checks

    order = np.random.default_rng(3).permutation(25).tolist()
    theirs = other_order("theirs", order)
    monkeypatch.setattr(checks, "layout_names", lambda: ("ntu25", "theirs"))
    monkeypatch.setattr(checks, "layout", {"ntu25": BODY, "theirs": theirs}.__getitem__)
    checks.orders.cache_clear()
    checks.bones_of.cache_clear()
    try:
        report = examine_set(as_set([clip[:, :, order] for clip in clips]), BODY)
    finally:
        checks.orders.cache_clear()
        checks.bones_of.cache_clear()
    found = only(report.findings, "joint order")
    assert found.severity == "warn"
    assert found.remedy == "Name the layout 'theirs'."
    assert found.numbers["theirs"] < 1.6 < found.numbers["tree"]
    # The same data under their own name are fine.
    assert "joint order" not in {c for c, _ in examine_set(as_set([c[:, :, order] for c in clips]), theirs).affected}


def test_the_order_of_a_known_data_set_is_named_and_its_axes_are_not_judged(clips):
    """In UTD-MHAD's order heads are where hips are expected, so that bodies seem to stand on their heads, mirrored."""
    kinect = layout("kinect_v1_20")
    (theirs,) = other_orders("kinect_v1_20").values()
    assert sorted(theirs) == sorted(kinect.joints)
    bodies = [in_layout(clip, "kinect_v1_20") for clip in clips]
    turned = [body[:, :, [kinect.joints.index(name) for name in theirs]] for body in bodies]
    report = examine_set(as_set(turned), kinect)
    found = only(report.findings, "joint order")
    assert found.severity == "warn"
    assert "UTD-MHAD's files" in found.cause
    assert not {"upright", "mirrored"} & {check for check, _ in report.affected}
    assert "joint order" not in {check for check, _ in examine_set(as_set(bodies), kinect).affected}


def test_findings_about_axes_doubt_the_order_where_bones_are_long():
    found = judge_up(np.array([0.0, -0.9, 0.1]), "", single=False)
    assert doubt_order(found, 1.3) == found
    assert "look at the order of the joints: their bones are 1.70 times" in doubt_order(found, 1.7)[0].remedy


def test_an_unknown_order_is_refused_and_alphabet_is_named(clips):
    rng = np.random.default_rng(0)
    order = rng.permutation(25)
    assert only(examine_set(as_set([c[:, :, order] for c in clips]), BODY).findings, "joint order").severity == "refuse"
    order = np.argsort(np.array(BODY.joints))
    found = only(examine_set(as_set([c[:, :, order] for c in clips]), BODY).findings, "joint order")
    assert "sorted by alphabet" in found.cause


@pytest.mark.parametrize("flip", [(-1, 1, 1), (1, 1, -1)])
def test_mirrored_sets(clips, flip):
    bad = as_set([clip * np.float32(flip) for clip in clips])
    found = only(examine_set(bad, BODY).findings, "mirrored")
    assert found.severity == "warn"
    assert found.sample == ""
    # Two mirrors are a turn.
    twice = [
        replace(clip, joints=clip.joints * np.float32([-1, 1, 1]) * np.float32([1, 1, -1])) for clip in as_set(clips)
    ]
    assert "mirrored" not in {check for check, _ in examine_set(twice, BODY).affected}


@pytest.mark.parametrize("source", ["coco_17", "mediapipe_33"])
def test_a_face_tells_left_from_right_where_there_are_no_feet(source):
    from zsar_kit.data.doctor.measures import measure

    body = layout(source)
    pose = np.zeros((1, len(body), 3))
    for i, name in enumerate(body.joints):
        side = 0.2 * (name.endswith("right") - name.endswith("left"))
        height = next(
            (h for w, h in {"ankle": 0.1, "heel": 0.0, "foot": 0.0, "knee": 0.5, "hip": 0.9}.items() if w in name), 1.4
        )
        pose[0, i] = [side, height + 0.3 * ("nose" in name or "ear" in name), -0.1 * ("nose" in name or "foot" in name)]
    assert measure(pose, body, {}).ahead > 0.5
    assert measure(pose * [-1, 1, 1], body, {}).ahead < -0.5


def test_somebody_who_lies_is_no_warning(clip):
    turn = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]], dtype=np.float32)
    found = examine_clip(clip @ turn.T, BODY)
    assert only(found, "upright").severity == "note"
    assert loud(found) == set()


# --- beside the clips


def labelled(clips, labels, subjects=None):
    count = len(labels)
    subjects = [-1] * count if subjects is None else subjects
    rows = zip(labels, subjects, strict=True)
    # Not the same clip twice.
    return [
        Clip(clips[i % len(clips)] + np.float32(0.01 * i), f"c{i}", label, subject)
        for i, (label, subject) in enumerate(rows)
    ]


@pytest.mark.parametrize(
    ("labels", "names", "severity", "message"),
    [
        ([1, 2, 3], ["a", "b", "c"], "refuse", "labels are 1..3 for 3 classes, which are 0..2"),
        ([0, 5], ["a", "b"], "refuse", "the label 5 occurs"),
        ([1, 1, 1], ["a", "b"], "warn", "every clip has the label 1"),
        ([0, 2], ["a", "b", "c"], "note", "1 class without a sample: 1 (b)"),
        ([1, 2], ["a", "b", "c"], "warn", "1 class without a sample: 0 (a)"),
    ],
)
def test_labels(clips, labels, names, severity, message):
    found = only(examine_set(labelled(clips, labels), BODY, class_names=names).findings, "labels")
    assert found.severity == severity
    assert message in found.problem


def test_class_names(clips):
    report = examine_set(labelled(clips, [0, 1, 2]), BODY, class_names=["Wave", " wave ", ""])
    found = [f for f in report.findings if f.check == "class names"]
    assert [f.severity for f in found] == ["refuse", "refuse"]
    assert "'wave' (0, 1)" in found[0].problem + found[1].problem


def test_parts(clips):
    train = np.array([True, True, False, False])
    some = labelled(clips, [0, 1, 0, 2], [1, 2, 1, 3])
    report = examine_set(some, BODY, class_names=["a", "b", "c"], parts={"mine": train, "all": np.ones(4, bool)})
    problems = [f.problem for f in report.findings if f.check == "parts"]
    assert "1 class of mine without a training sample: c" in problems
    assert "all 4 samples are in the train part of all" in problems
    assert "1 subject in both parts of mine: 1" in problems
    with pytest.raises(DataError, match="4 clips need a mask of as many, got \\[3\\]"):
        examine_set(some, BODY, parts={"mine": train[:3]})


def test_sequences_that_occur_twice(clip, clips):
    some = [Clip(clip, "a", 0), Clip(clips[1], "b", 1), Clip(clip, "c", 1)]
    report = examine_set(some, BODY, class_names=["x", "y"], parts={"mine": np.array([True, True, False])})
    problems = " ".join(f.problem for f in report.findings if f.check == "twice")
    assert "1 sequence in both the train and the test part of mine, first a, c" in problems
    assert "1 of them with different labels" in problems


# --- the report


def test_a_red_report_can_be_accepted_and_keeps_the_names(clips):
    bad = as_set([clip * np.float32(1000) for clip in clips])
    report = examine_set(bad, BODY)
    assert report.red
    assert report.refused == ("units",)
    accepted = report.accept(["units"])
    assert not accepted.red
    assert accepted.to_json()["accepted"] == ["units"]
    assert examine_set(bad, BODY, accept=("units",)).refused == ()
    assert {row[0] for row in accepted.rows()} == {"refuse, accepted"}
    with pytest.raises(ConfigError, match=r"no check 'unit'.*Did you mean 'units'"):
        report.accept(["unit"])
    with pytest.raises(ConfigError, match="no check 'unit'"):
        examine_set(bad, BODY, accept=["unit"])


def test_the_report_as_json_line_and_rows(clips):
    count = KEPT + 5
    zeros = [clips[i % len(clips)].copy() + np.float32(0.001 * i) for i in range(count)]
    for clip in zeros:
        clip[0, 4, WRIST] = 0.0
    report = examine_set(as_set(zeros), BODY)
    assert report.affected["missing", "warn"] == count
    assert len([f for f in report.findings if f.check == "missing"]) == KEPT
    told = json.loads(json.dumps(report.to_json()))
    assert set(told) == {"clips", "red", "refused", "accepted", "measured", "affected", "findings"}
    keys = {"check", "severity", "sample", "place", "problem", "cause", "remedy", "numbers"}
    assert all(set(found) == keys for found in told["findings"])
    assert line(report) == f"{count} clips; suspect: missing ({count} clips)"
    ((severity, check, number, _, _),) = report.rows()
    assert (severity, check, number) == ("warn", "missing", f"{count} of {count}")
    assert report.counts() == {"refuse": 0, "warn": 1, "note": 0}


def test_the_line_of_a_clean_set(clips):
    assert line(examine_set(as_set(clips[:2]), BODY)) == "2 clips, nothing wrong found"


def test_a_set_without_clips_is_refused():
    with pytest.raises(DataError, match="no clip to look at"):
        examine_set([], BODY)


@pytest.mark.parametrize("trouble", list(TROUBLES))
def test_raw_files_of_ntu_raise_no_alarm_once_they_are_read(tmp_path, sequences, trouble):
    for i, sequence in enumerate(sequences[:12]):
        path = tmp_path / f"S001C001P001R001A{i + 1:03d}.skeleton"
        path.write_bytes(skeleton_file(sequence.joints, trouble=trouble, rng=np.random.default_rng(i)))
        read, name = read_clip(path)
        assert loud(examine_clip(read.joints, name)) == set(), sequence.sample
