"""NTU RGB+D: the format against a slow reading of it, its two chains against their rules, plans, and damaged files."""

from __future__ import annotations

import collections
import pickle
import shutil
import tomllib
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.ntu_fuzz import damaged, outcome, whole_files
from tests.data import ntu_oracle
from zsar_kit.data.catalogue import ntu_ids, resource
from zsar_kit.data.puppet import raw_ntu
from zsar_kit.data.puppet.raw_ntu import TROUBLES, ntu_name, skeleton_file, write_ntu
from zsar_kit.data.puppet.world import PuppetConfig, generate
from zsar_kit.data.readers.decimals import decimals
from zsar_kit.data.readers.ntu import misfit, missing_samples, plan_ntu
from zsar_kit.data.readers.ntu_audit import CountRow, audit_counts
from zsar_kit.data.readers.ntu_chains import CHAINS, NoBody
from zsar_kit.data.readers.ntu_format import parse_ntu
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.errors import DataError
from zsar_kit.seeding import numpy_generator

SEQUENCES = list(generate(PuppetConfig.tiny()))[::3]  # twenty of one person, four of two
ORACLES = {"ctrgcn": ntu_oracle.ctrgcn, "shift_gcn": ntu_oracle.shift_gcn}
each_chain = pytest.mark.parametrize("chain", CHAINS)
each_trouble = pytest.mark.parametrize("trouble", TROUBLES)


def text_of(frames: list[list[tuple[int, np.ndarray]]], end: str = "\n") -> bytes:
    """A file, written from the description of the format."""
    lines = [str(len(frames))]
    for bodies in frames:
        lines.append(str(len(bodies)))
        for tracking_id, pose in bodies:
            lines += [f"{tracking_id} 0 1 1 0 0 0 0.02764709 -0.0574508 2", "25"]
            lines += [
                " ".join([*map(repr, map(float, joint)), "1", "2", "-3", "4", "0", "0", "0", "0", "2"])
                for joint in pose
            ]
    return (end.join(lines) + end).encode()


def pose_at(seed: int, width: float = 0.4) -> np.ndarray:
    """A random pose, in float32 numbers, ``width`` times as wide as high."""
    size, place = np.array([width, 1.0, 0.5]), [0.3, -0.2, 3.0]
    pose = np.random.default_rng(seed).uniform(-0.5, 0.5, size=(25, 3)) * size + place
    pose[20], pose[21] = place - size / 2, place + size / 2
    return pose.astype(np.float32).astype(np.float64)


def streams_to_frames(count: int, streams: dict[int, dict[int, np.ndarray]]) -> list[list[tuple[int, np.ndarray]]]:
    """Frames from ``{tracking id: {frame: pose}}``; within a frame the order is that of the dictionary."""
    return [[(number, poses[frame]) for number, poses in streams.items() if frame in poses] for frame in range(count)]


def still(seed: int, frames, width: float = 0.4, stride: float = 0.01) -> dict[int, np.ndarray]:
    """A body that drifts by ``stride`` metres a frame; a larger stride is more motion."""
    return {frame: pose_at(seed, width) + stride * frame for frame in frames}


def random_frames(seed: int) -> list[list[tuple[int, np.ndarray]]]:
    """Up to six bodies, short and long, narrow and wide, with gaps, in any order within a frame."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 60))
    streams: dict[int, dict[int, np.ndarray]] = {}
    for body in range(int(rng.integers(0, 5)) + 1):
        start = int(rng.integers(count))
        stop = int(rng.integers(start, count)) + 1
        there = [frame for frame in range(start, stop) if rng.random() < rng.choice([1.0, 0.8])]
        step, wide = rng.normal(0, rng.choice([0.002, 0.05]), size=3), rng.random() < 0.3
        base = rng.normal(0, 0.3, size=(25, 3)) * [1.2 if wide else 0.5, 1.0, 0.4] + rng.normal(0, 0.5, 3) + [0, 0, 3]
        streams[100 - body] = {
            frame: (base * [rng.uniform(0.7, 1.6), 1, 1] + step * frame).astype(np.float32).astype(np.float64)
            for frame in there
        }
    return [[bodies[i] for i in rng.permutation(len(bodies))] for bodies in streams_to_frames(count, streams)]


def parsed(frames: list[list[tuple[int, np.ndarray]]]):
    return parse_ntu(text_of(frames), "made")


def same_recordings(first, second) -> bool:
    return first.frames == second.frames and all(
        a.tracking_id == b.tracking_id
        and all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("frames", "slots", "joints"))
        for a, b in zip(first.bodies, second.bodies, strict=True)
    )


# --- decimal numbers


@given(
    st.lists(
        st.one_of(
            st.floats(allow_nan=False, allow_infinity=False, width=32).map(repr),
            st.floats(-9, 9).map(lambda value: f"{value:.7g}"),
            st.floats(-9, 9).map(lambda value: f"{value:.9f}"),
            st.from_regex(r"[-+]?[0-9]{0,9}\.?[0-9]{0,18}(e-?[0-9]{1,3})?", fullmatch=True),
            st.text("0123456789.-+e_naif:/", min_size=1, max_size=20),
            st.floats(-9, 9).map(lambda value: f"{value:.3f}  "),
        ).filter(bool),
        min_size=1,
    )
)
@settings(max_examples=150, deadline=None)
def test_decimals_are_what_float_makes_of_them(texts):
    content = " ".join(texts).encode()
    lengths = np.array([len(text) for text in texts])
    starts = np.cumsum([0, *(lengths[:-1] + 1)])
    wanted = []
    for text in texts:
        try:
            wanted.append(float("nan") if "_" in text else float(text))
        except ValueError:
            wanted.append(float("nan"))
    got = decimals(content, starts, starts + lengths)
    np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(np.signbit(got[~np.isnan(got)]), np.signbit(np.array(wanted)[~np.isnan(wanted)]))


@pytest.mark.parametrize("digits", range(6, 18))
def test_decimals_round_once_whatever_the_number_of_digits(digits):
    texts = [f"{value:.{digits}f}" for value in np.random.default_rng(digits).uniform(-12, 12, size=2000)]
    lengths = np.array([len(text) for text in texts])
    starts = np.cumsum([0, *(lengths[:-1] + 1)])
    got = decimals(" ".join(texts).encode(), starts, starts + lengths)
    assert got.tolist() == [float(text) for text in texts]


# --- the format


@each_trouble
@pytest.mark.parametrize("crlf", [False, True])
def test_parse_is_the_slow_reading(trouble, crlf):
    content = skeleton_file(
        SEQUENCES[22].joints, trouble=trouble, rng=np.random.default_rng(5), crlf=crlf, trailing=trouble == "none"
    )
    recording, frames = parse_ntu(content, "made"), ntu_oracle.parse(content)
    assert recording.frames == len(frames)
    met = [tracking_id for bodies in frames for tracking_id, _ in bodies]
    assert [body.tracking_id for body in recording.bodies] == list(dict.fromkeys(met))
    assert sum(len(body.frames) for body in recording.bodies) == len(met)
    for body in recording.bodies:
        for frame, slot, joints in zip(body.frames, body.slots, body.joints, strict=True):
            tracking_id, pose = frames[frame][slot]
            assert tracking_id == body.tracking_id
            np.testing.assert_array_equal(joints, pose)


@pytest.mark.parametrize("persons", [1, 2])
def test_what_is_written_is_read(persons):
    sequence = next(sequence for sequence in SEQUENCES if len(sequence.joints) == persons)
    recording = parse_ntu(skeleton_file(sequence.joints, rng=np.random.default_rng(0)), "made")
    assert recording.frames == sequence.joints.shape[1]
    np.testing.assert_array_equal(np.stack([body.joints for body in recording.bodies]), sequence.joints)


@each_trouble
def test_line_ends_and_trailing_blanks_do_not_matter(trouble):
    def written(**style):
        return skeleton_file(SEQUENCES[3].joints, trouble=trouble, rng=np.random.default_rng(9), **style)

    plain = parse_ntu(written(), "made")
    for other in (written(crlf=True), written(trailing=True), written(crlf=True, trailing=True), written().strip()):
        assert other != written()
        assert same_recordings(parse_ntu(other, "made"), plain)


def test_bodies_that_come_and_go_and_come_back():
    a, b = still(1, [1, 2, 5]), still(2, [0, 1, 5])
    recording = parsed(streams_to_frames(7, {72057594037931101: a, 18446744073709551615: b}))
    assert recording.frames == 7
    first, second = recording.bodies
    assert (first.tracking_id, second.tracking_id) == (18446744073709551615, 72057594037931101)
    assert (first.frames.tolist(), first.slots.tolist()) == ([0, 1, 5], [0, 1, 1])
    assert (second.frames.tolist(), second.slots.tolist()) == ([1, 2, 5], [0, 0, 0])
    np.testing.assert_array_equal(second.joints, np.stack([a[1], a[2], a[5]]).astype(np.float32))


def test_numbers_in_all_their_forms_are_float32_of_the_text():
    texts = [
        "1.5e-05",
        "-2.25E+00",
        "9.094947e-013",
        "0.1234567890123456789",
        "-.5",
        "3",
        "-0",
        "1.00000011920929",
        "2.",
    ]
    lines = text_of(streams_to_frames(1, {1: still(1, [0])})).decode().split("\n")
    for line, start in zip(range(4, 7), range(0, 9, 3), strict=True):
        rest = lines[line].split()[3:]
        lines[line] = "\t " + "   ".join([*texts[start : start + 3], *rest])
    joints = parse_ntu("\n".join(lines).encode(), "made").bodies[0].joints
    np.testing.assert_array_equal(joints[0, :3].ravel(), np.array([float(text) for text in texts], dtype=np.float32))


GOOD = text_of(streams_to_frames(3, {1: still(1, range(3)), 2: still(2, [1])})).decode().split("\n")[:-1]
# Lines of GOOD, from 0: 0 frames; frame one 1, 2, 3, 4..28; frame two 29, 30, 31, 32..56 and 57, 58, 59..83; then 84.


def changed(line: int, text: str | None) -> bytes:
    """GOOD with another text in a line, or without the line."""
    lines = list(GOOD)
    lines[line : line + 1] = [] if text is None else [text]
    return "\n".join(lines).encode()


def joint(line: int, place: int, text: str) -> bytes:
    values = GOOD[line].split()
    values[place : place + 1] = text.split()
    return changed(line, " ".join(values))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b" \r\n\r\n", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "the file is not text"),
        ("\n".join(GOOD).encode("utf-16"), "the file is not text"),
        (changed(0, "3").replace(b" ", b"\x00", 1), "the file is not text"),
        (changed(0, "three"), "number of frames must be a whole number, got 'three'.*line 1"),
        (changed(0, "3 4"), "number of frames must be a whole number.*line 1"),
        (changed(0, "-3"), "number of frames must be a whole number.*line 1"),
        (changed(0, "0"), "no frame.*line 1"),
        (changed(0, "2"), "continues after its 2 frames.*line 85"),
        (changed(0, "4"), "ends where the number of bodies must follow.*line 112"),
        (changed(1, ""), "number of bodies must be a whole number, got ''.*line 2"),
        (changed(1, "1.0"), "number of bodies must be a whole number.*line 2"),
        (changed(1, "7"), "at most 6 bodies, got 7.*line 2"),
        (changed(1, "2"), "a line of 10 values, got 1.*line 30"),
        (changed(2, "1 0 0"), "a line of 10 values, got 3.*line 3"),
        (changed(2, "1.5" + " 0" * 9), "tracking id must be a whole number, got '1.5'.*line 3"),
        (changed(3, "24"), "25 joints, got 24.*line 4"),
        (changed(3, "x"), "number of joints must be a whole number.*line 4"),
        (changed(10, None), "a line of 12 values, got 1.*line 29"),
        (changed(10, " ".join(GOOD[10].split()[:11])), "a line of 12 values, got 11.*line 11"),
        (changed(10, GOOD[10] + " 1"), "a line of 12 values, got 13.*line 11"),
        (changed(57, GOOD[30]), "body 1 occurs twice in frame 2.*line 58"),
        (joint(10, 1, "nan"), "y of a joint must be a finite number, got 'nan'.*line 11"),
        (joint(60, 2, "-inf"), "z of a joint must be a finite number, got '-inf'.*line 61"),
        (joint(60, 0, "1e39"), "x of a joint must be a finite number, got '1e39'.*line 61"),
        (joint(60, 0, "1,5"), "x of a joint must be a finite number, got '1,5'.*line 61"),
        (joint(60, 0, "1_0"), "x of a joint must be a finite number"),
        ("\n".join(GOOD[:70]).encode(), "ends where joint 12 of 25 must follow.*line 70"),
        ("\n".join(GOOD[:57]).encode(), "ends where a body must follow.*line 57"),
        ("\n".join(GOOD[:3]).encode(), "ends where the number of joints must follow.*line 3"),
        ("\n".join([*GOOD, "", "0"]).encode(), "continues after its 3 frames.*line 113"),
        ("\r".join(GOOD).encode(), "number of frames must be a whole number.*line 1"),
    ],
)
def test_broken_files_are_refused_with_the_place(content, message):
    with pytest.raises(DataError, match=message) as caught:
        parse_ntu(content, "S001C001P001R001A001.skeleton")
    assert "S001C001P001R001A001.skeleton" in str(caught.value)
    assert "Fetch the file again" in str(caught.value)


def test_damaged_files_give_an_error_or_a_recording():
    whole = whole_files(1, 14)
    assert {outcome(content) for content in whole} == {"recording"}
    met = collections.Counter(outcome(damaged(whole[i % 14], numpy_generator(1, "damage", i))) for i in range(400))
    assert set(met) == {"error", "recording"}
    assert met["error"] > 300


# --- the chains against their rules


@each_chain
@each_trouble
def test_chain_is_its_rules_on_puppet(chain, trouble):
    for i in (0, 21):  # of one person, of two
        rng = np.random.default_rng(i)
        content = skeleton_file(SEQUENCES[i].joints[:, :45], trouble=trouble, rng=rng, crlf=True)
        got, wanted = CHAINS[chain](parse_ntu(content, "made")), ORACLES[chain](ntu_oracle.parse(content))
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, wanted, atol=2e-6)


@pytest.mark.parametrize(("chain", "cases"), [("ctrgcn", 120), ("shift_gcn", 12)])
def test_chain_is_its_rules_on_random_recordings(chain, cases):
    met: collections.Counter[object] = collections.Counter()
    for seed in range(cases):
        content = text_of(random_frames(seed))
        wanted = ORACLES[chain](ntu_oracle.parse(content))
        recording = parse_ntu(content, "made")
        if wanted is None:
            met["nobody"] += 1
            with pytest.raises(NoBody):
                CHAINS[chain](recording)
            continue
        got = CHAINS[chain](recording)
        assert got.shape == wanted.shape
        np.testing.assert_allclose(got, wanted, atol=5e-6)
        met[len(got)] += 1
        met["absent"] += int((~(got != 0).any(axis=(2, 3))).any())
    # The recordings reach the branches that matter.
    assert met[1] > cases // 10
    assert met[2] > cases // 10
    if chain == "ctrgcn":
        assert met["nobody"] > 3
        assert met["absent"] > 10


def run(chain: str, count: int, **streams: dict[int, np.ndarray]) -> np.ndarray:
    numbered = {number: stream for number, stream in enumerate(streams.values(), start=1)}
    return CHAINS[chain](parsed(streams_to_frames(count, numbered)))


def test_ctrgcn_closes_the_gap_of_a_body_that_comes_back():
    companion, body = still(1, range(40), stride=0.001), still(2, [*range(5, 15), *range(30, 35)], stride=0.1)
    joints = run("ctrgcn", 40, companion=companion, body=body)
    there = (joints[0] != 0).any(axis=(1, 2))
    assert np.flatnonzero(there).tolist() == list(range(5, 20))  # 15 frames in a row
    np.testing.assert_allclose(joints[0, 15] - joints[0, 14], body[30] - body[14], atol=1e-6)


def test_ctrgcn_origin_is_the_first_actors_spine_and_absence_is_zero():
    joints = run("ctrgcn", 40, quiet=still(1, range(40), stride=0.0), lively=still(2, range(10, 30), stride=0.1))
    assert joints.shape == (2, 40, 25, 3)
    assert (joints[0, :10] == 0).all()
    assert (joints[0, 10, 1] == 0).all()
    np.testing.assert_allclose(joints[1, 0, 7], pose_at(1)[7] - still(2, [10], stride=0.1)[10][1], atol=1e-6)


def test_ctrgcn_one_common_frame_is_no_overlap_and_the_later_body_takes_it():
    a, b = still(1, range(20), stride=0.1), still(2, range(19, 39), stride=0.05)
    joints = run("ctrgcn", 39, a=a, b=b)
    assert joints.shape == (2, 39, 25, 3)
    assert (joints[1] == 0).all()
    np.testing.assert_allclose(joints[0, 19] - joints[0, 0], b[19] - a[0], atol=1e-6)
    assert (run("ctrgcn", 39, a=a, b=still(2, range(18, 38), stride=0.05))[1] != 0).any()


def test_ctrgcn_second_actors_time_is_counted_from_the_first_frame():
    long, late, early = still(1, range(60), stride=0.1), still(2, range(40, 60), stride=0.05), still(3, range(20))
    joints = run("ctrgcn", 60, long=long, late=late, early=early)
    assert (joints[1, 40:] != 0).any(axis=(1, 2)).all()
    assert (joints[1, :40] == 0).all()  # the early one is left out, although nobody was in its frames


@pytest.mark.parametrize("other", [range(0, 19), range(45, 60)])
def test_ctrgcn_an_actors_time_has_no_holes(other):
    """A third body that overlaps only the first actor's earliest body is the second actor, whoever came between."""
    first, quiet = still(1, range(20, 40), stride=0.2), still(3, range(22, 38), stride=0.01)
    joints = run("ctrgcn", 60, first=first, other=still(2, other, stride=0.1), quiet=quiet)
    taken = np.flatnonzero((joints[1] != 0).any(axis=(1, 2)))
    np.testing.assert_allclose(joints[1, taken[-1]] - joints[1, taken[0]], quiet[37] - quiet[22], atol=1e-6)


@pytest.mark.parametrize(("frames", "persons"), [(11, 1), (12, 2)])
def test_ctrgcn_length_decides_at_eleven_frames(frames, persons):
    assert len(run("ctrgcn", 40, a=still(1, range(40)), b=still(2, range(frames)))) == persons


def test_ctrgcn_keeps_a_short_body_that_is_alone_but_not_several():
    assert run("ctrgcn", 5, a=still(1, range(5))).shape == (1, 5, 25, 3)
    with pytest.raises(NoBody, match="none of 2 bodies is in 12 frames or more"):
        run("ctrgcn", 12, a=still(1, range(11)), b=still(2, range(5)))


@pytest.mark.parametrize(("wide_frames", "persons"), [(69, 2), (70, 1)])
def test_ctrgcn_spread_decides_at_its_share(wide_frames, persons):
    """69 of 100 wide frames stay below 0.69754, 70 do not."""
    body = still(2, range(wide_frames), width=0.9) | still(2, range(wide_frames, 100), width=0.5)
    assert len(run("ctrgcn", 100, a=still(1, range(100)), b=body)) == persons


def test_ctrgcn_never_drops_the_last_body_for_its_spread():
    wide = still(2, range(30), width=1.5, stride=0.001)
    joints = run("ctrgcn", 30, a=still(1, range(30), width=1.5), b=wide)
    wanted = np.stack(list(wide.values())) - wide[0][1]
    np.testing.assert_allclose(joints, wanted[None], atol=1e-6)


def test_ctrgcn_motion_of_wide_frames_does_not_count():
    """Both move; one only in frames in which it is wide, which leaves it behind the other."""
    jumps = {t: pose_at(1, 1.5) + np.array([0, 0, 0.5 * (t % 2)]) for t in range(10)} | {
        t: pose_at(1) for t in range(10, 40)
    }
    calm = still(2, range(40), stride=0.0)
    joints = run("ctrgcn", 40, jumps=jumps, calm=calm)
    np.testing.assert_allclose(joints[0, 0], calm[0] - calm[0][1], atol=1e-6)
    assert ntu_oracle.motion(list(jumps.values())) > ntu_oracle.motion(list(calm.values()))


@given(st.integers(0, 10**6), st.tuples(*[st.floats(-2, 2)] * 3))
@settings(max_examples=20, deadline=None)
def test_ctrgcn_does_not_know_where_the_sensor_stands(seed, place):
    frames = streams_to_frames(30, {1: still(seed, range(30)), 2: still(seed + 1, range(30), stride=0.03)})
    moved = [[(number, pose + place) for number, pose in bodies] for bodies in frames]
    np.testing.assert_allclose(CHAINS["ctrgcn"](parsed(moved)), CHAINS["ctrgcn"](parsed(frames)), atol=1e-5)


def test_shift_gcn_does_not_know_how_the_sensor_stands():
    """If the shoulders are level; otherwise the second turn depends on where the first left them."""
    frames = streams_to_frames(30, {1: still(1, range(30)), 2: still(2, range(5, 30), stride=0.03)})
    for bodies in frames:
        for _, pose in bodies:
            pose[[0, 1, 4, 8]] = pose[1] + [[0, -0.3, 0], [0, 0, 0], [-0.2, 0.4, 0.1], [0.2, 0.4, -0.1]]
    turn, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    moved = [[(number, pose @ turn.T + [1.0, -0.5, 2.0]) for number, pose in bodies] for bodies in frames]
    plain, other = CHAINS["shift_gcn"](parsed(frames)), CHAINS["shift_gcn"](parsed(moved))
    assert plain.shape == other.shape == (2, 300, 25, 3)
    np.testing.assert_allclose(plain, other, atol=2e-5)


def test_shift_gcn_stands_the_first_person_upright_and_repeats_it():
    body = still(1, range(40))
    for pose in body.values():
        pose[[0, 1, 4, 8]] = pose[1] + [[0, -0.3, 0], [0, 0, 0], [-0.2, 0.4, 0.1], [0.2, 0.4, -0.1]]
    joints = run("shift_gcn", 40, a=body)
    assert joints.shape == (1, 300, 25, 3)
    assert (joints[0, :, 1] == 0).all()  # the spine, in every frame
    np.testing.assert_allclose(joints[0, 0, 0], [0, 0, -0.3], atol=1e-6)
    assert joints[0, 0, 8, 0] > joints[0, 0, 4, 0]
    np.testing.assert_allclose(joints[0, 0, 8, 1:] - joints[0, 0, 4, 1:], 0, atol=1e-6)
    np.testing.assert_array_equal(joints[0, 40:80], joints[0, :40])
    np.testing.assert_array_equal(joints[0, 280:], joints[0, :20])


def test_shift_gcn_closes_gaps_only_where_the_start_is_empty():
    late = run("shift_gcn", 40, a=still(1, [*range(3, 10), *range(20, 40)]))
    assert (late != 0).any(axis=(2, 3)).all()
    on_time = run("shift_gcn", 40, a=still(1, [*range(0, 10), *range(20, 40)]))
    absent = ~(on_time[0] != 0).any(axis=(1, 2))
    assert np.flatnonzero(absent)[:10].tolist() == list(range(10, 20))
    assert absent[50:60].all()  # and again in the repetition


def test_shift_gcn_follows_slots_and_not_ids():
    """One body whose id changes is one person; the fifth body of a frame is nobody."""
    body = still(1, range(40), stride=0.05)
    same = run("shift_gcn", 40, before={t: body[t] for t in range(20)}, after={t: body[t] for t in range(20, 40)})
    np.testing.assert_array_equal(same, run("shift_gcn", 40, a=body))
    calm = {name: still(i, range(20), stride=0.0) for i, name in enumerate("abcd")}
    with_fifth = run("shift_gcn", 20, **calm, wild=still(9, range(20), stride=1.0))
    np.testing.assert_array_equal(with_fifth, run("shift_gcn", 20, **calm))


def test_shift_gcn_takes_the_first_300_frames():
    body = still(1, range(320))
    first = run("shift_gcn", 300, a={t: body[t] for t in range(300)})
    np.testing.assert_array_equal(run("shift_gcn", 320, a=body), first)


@each_chain
def test_nobody_is_said(chain):
    with pytest.raises(NoBody, match="no body"):
        CHAINS[chain](parsed([[], [], []]))
    zero = {frame: np.zeros((25, 3)) for frame in range(3)}
    with pytest.raises(NoBody):
        run(chain, 3, a=zero)


# --- plans


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ntu")
    write_ntu(root, SEQUENCES, seed=3)
    return root


@each_chain
def test_a_folder_with_archives_is_read_in_full(folder, chain):
    plan = plan_ntu("ntu60", folder, chain=chain)
    assert (plan.dataset, plan.layout, len(plan.class_names)) == ("ntu60", "ntu25", 60)
    assert plan.config == {"reader": "ntu60", "chain": chain}
    assert [item.name for item in plan.items] == sorted(ntu_name(sequence) for sequence in SEQUENCES)
    assert sum(bool(item.sources[0].member) for item in plan.items) == len(SEQUENCES) // 4
    assert plan.left_out == ()
    assert (plan.complete, plan.found, plan.notes) == (56880, len(SEQUENCES), ())
    read = pickle.loads(pickle.dumps(plan.read))  # for other processes
    by_name = {ntu_name(sequence): sequence for sequence in SEQUENCES}
    for item in plan.items[::2]:
        [got], truth = read(item).sequences, by_name[item.name]
        assert got.sample == item.name
        assert got.label == ntu_ids("puppet")[truth.label]
        assert [got.subject, got.camera, got.setup, got.replication] == [
            truth.subject, truth.camera, truth.setup, truth.replication,
        ]  # fmt: skip


def test_reading_gives_puppets_motion_back(tmp_path):
    """Without troubles the chain of CTR-GCN moves puppet and does nothing else, but for the order of two persons."""
    write_ntu(tmp_path, SEQUENCES, nasty=False)
    plan = plan_ntu("ntu60", tmp_path)
    by_name = {ntu_name(sequence): sequence for sequence in SEQUENCES}
    alone = [item for item in plan.items if len(by_name[item.name].joints) == 1]
    assert len(alone) == 20
    for item in alone:
        truth, [got] = by_name[item.name].joints, plan.read(item).sequences
        np.testing.assert_allclose(got.joints, truth - truth[0, 0, 1], atol=1e-6)


def test_an_archive_is_read_as_a_folder_is(tmp_path):
    write_ntu(tmp_path / "folder", SEQUENCES[:8], nasty=False)
    write_ntu(tmp_path / "all.zip", SEQUENCES[:8], nasty=False)
    loose, packed = plan_ntu("ntu120", tmp_path / "folder"), plan_ntu("ntu120", tmp_path / "all.zip")
    for a, b in zip(loose.items, packed.items, strict=True):
        assert a.name == b.name
        np.testing.assert_array_equal(loose.read(a).sequences[0].joints, packed.read(b).sequences[0].joints)


def named(root: Path, *names: str, content: bytes | None = None) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for name in names:
        (root / name).write_bytes(
            text_of(streams_to_frames(2, {1: still(1, range(2))})) if content is None else content
        )


def test_what_is_left_out_by_name(tmp_path):
    listed = "S001C002P005R002A008"
    named(tmp_path, "S001C001P001R001A001.skeleton", "S017C003P040R002A060.skeleton", f"{listed}.skeleton")
    named(tmp_path / "copy", "S001C001P001R001A001.skeleton", content=text_of([[]]))
    named(tmp_path / "copy", "S017C003P040R002A060.skeleton")  # the same content
    named(tmp_path, "S018C001P041R001A061.skeleton", "S032C003P106R002A120.skeleton")  # of the extension
    named(tmp_path, "S001C004P001R001A001.skeleton", "S001C001P001R001A121.skeleton", "S033C001P001R001A001.skeleton")
    named(tmp_path, "S001C001P001R001A000.skeleton", "mine.skeleton", "S001C001P041R001A001.skeleton")
    named(tmp_path, "S018C001P107R001A061.skeleton", "S001C001P001R003A001.skeleton", "S018C001P041R001A060.skeleton")
    plan = plan_ntu("ntu60", tmp_path)
    assert [item.name for item in plan.items] == ["S017C003P040R002A060"]
    reasons = {entry.sample: (entry.reason, entry.expected) for entry in plan.left_out}
    assert reasons == {
        "S001C001P001R001A001": ("duplicate", False),
        listed: ("listed as missing", True),
        "S001C004P001R001A001": ("unknown", False),
        "S001C001P001R001A121": ("unknown", False),
        "S033C001P001R001A001": ("unknown", False),
        "S001C001P001R001A000": ("unknown", False),
        "mine": ("unknown", False),
        "S001C001P041R001A001": ("unknown", False),
        "S018C001P107R001A061": ("unknown", False),
        "S001C001P001R003A001": ("unknown", False),
        "S018C001P041R001A060": ("unknown", False),
    }
    details = {entry.sample: entry.detail for entry in plan.left_out}
    for place in (tmp_path / "S001C001P001R001A001.skeleton", tmp_path / "copy" / "S001C001P001R001A001.skeleton"):
        assert str(place) in details["S001C001P001R001A001"]
    assert "its name has camera 4, which is not in setup 1's 1..3" in details["S001C004P001R001A001"]
    assert "its name has performer 41, which is not in setup 1's 1..40" in details["S001C001P041R001A001"]
    assert "its name has replication 3, which is not in setup 1's 1..2" in details["S001C001P001R003A001"]
    assert "its name has setup 18, which is not in ntu60's 1..17" in details["S018C001P041R001A060"]
    assert "must look like SsssCcccPpppRrrrAaaa.skeleton" in details["mine"]
    assert plan.notes == (
        "2 files belong to NTU RGB+D's extension, not to ntu60, and were skipped.",
        "1 files exist more than once with the same content; one of each was read.",
    )
    assert plan.found == 3
    larger = plan_ntu("ntu120", tmp_path)
    assert [item.name for item in larger.items] == [
        "S017C003P040R002A060", "S018C001P041R001A061", "S032C003P106R002A120",
    ]  # fmt: skip
    details = {entry.sample: entry.detail for entry in larger.left_out}
    assert "its name has performer 107, which is not in setup 18's 1..106" in details["S018C001P107R001A061"]
    assert "its name has action 60, which is not in setup 18's 61..120" in details["S018C001P041R001A060"]
    assert "its name has performer 41, which is not in setup 1's 1..40" in details["S001C001P041R001A001"]
    assert (larger.complete, larger.found, len(larger.notes)) == (114480, 5, 1)


def test_a_damaged_archive_is_reported_and_the_rest_read(tmp_path):
    named(tmp_path, "S001C001P001R001A001.skeleton")
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    [entry] = plan_ntu("ntu60", tmp_path).left_out
    assert (entry.sample, entry.reason) == ("broken.zip", "broken")


def test_wrong_places_are_refused(tmp_path):
    with pytest.raises(DataError, match="no such folder or archive"):
        plan_ntu("ntu60", tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(DataError, match=r"ntu60 needs \.skeleton files, found none.*SsssCcccPpppRrrrAaaa"):
        plan_ntu("ntu60", tmp_path)
    named(tmp_path, "S018C001P041R001A062.skeleton")
    with pytest.raises(DataError, match=r"none of 1 .skeleton files can be read as a sample of ntu60.*other data set"):
        plan_ntu("ntu60", tmp_path)
    with pytest.raises(DataError, match=r"no data set 'ntu61'.*Did you mean 'ntu60'"):
        plan_ntu("ntu61", tmp_path)
    with pytest.raises(DataError, match=r"no chain 'ctr_gcn'.*Did you mean 'ctrgcn'"):
        plan_ntu("ntu120", tmp_path, chain="ctr_gcn")


def test_reading_an_item(tmp_path):
    name = "S001C002P003R002A005.skeleton"
    named(tmp_path, name, content=text_of([[], [], []]))
    plan = plan_ntu("ntu60", tmp_path)
    [entry] = plan.read(plan.items[0]).left_out
    assert (entry.sample, entry.reason, entry.expected) == (name[:-9], "no body", True)
    assert str(tmp_path / name) in entry.detail
    named(tmp_path, name, content=b"3\n1\n")
    with pytest.raises(DataError, match=r"cut off.*S001C002P003R002A005\.skeleton, line 2"):
        plan.read(plan.items[0])
    named(tmp_path, name, content=text_of(streams_to_frames(2, {1: {0: pose_at(1) * 1000, 1: pose_at(2)}})))
    with pytest.raises(DataError, match="must be metres"):
        plan.read(plan.items[0])


# --- published facts, and whether a set has them


@pytest.mark.parametrize(("dataset", "setups", "missing"), [("ntu60", 17, 302), ("ntu120", 32, 535)])
def test_published_numbers_agree_with_each_other(dataset, setups, missing):
    facts = resource("ntu.toml")[dataset]
    listed = [name for name in missing_samples() if int(name[1:4]) <= setups]
    assert len(listed) == missing
    counts = facts["counts"]
    assert facts["recordings"] - missing == counts["total"]
    for protocol in {name.rsplit("_", 1)[0] for name in counts} - {"total"}:
        assert counts[f"{protocol}_train"] + counts[f"{protocol}_test"] == counts["total"]


def test_every_listed_name_is_one_of_the_data_set():
    toml = tomllib.loads((Path(raw_ntu.__file__).parents[1] / "resources" / "ntu.toml").read_text(encoding="utf-8"))
    for part, setups, actions in (("setups_1_to_17", range(1, 18), 60), ("setups_18_to_32", range(18, 33), 120)):
        names = toml["missing"][part]
        assert len(set(names)) == len(names)
        for name in names:
            assert int(name[1:4]) in setups
            assert 1 <= int(name[5:8]) <= 3
            assert 1 <= int(name[17:20]) <= actions
            assert misfit("ntu120", name) is None
            assert (misfit("ntu60", name) is None) == (part == "setups_1_to_17")


def test_counts_are_audited(tmp_path):
    joints = np.ones((1, 1, 25, 3), dtype=np.float32)
    rows = [(subject, camera, setup) for subject in (1, 2, 3) for camera in (1, 2, 3) for setup in (1, 2)]
    made = SkeletonSet.write(
        tmp_path / "set",
        [
            SkeletonSequence(f"s{i}", joints, label=0, subject=subject, camera=camera, setup=setup, replication=1)
            for i, (subject, camera, setup) in enumerate(rows)
        ],
        dataset="ntu60",
        layout="ntu25",
        class_names=["one"],
        inputs={},
    )
    audited = audit_counts(made)
    assert audited == (
        CountRow("total", 56578, 18),
        CountRow("xsub train", 40091, 12),
        CountRow("xsub test", 16487, 6),
        CountRow("xview train", 37646, 12),
        CountRow("xview test", 18932, 6),
    )
    assert not any(row.agrees for row in audited)
    assert CountRow("total", 7, 7).agrees
    found = {row.part: row.found for row in audit_counts(replace(made, dataset="ntu120"))}
    assert (found["xset train"], found["xset test"]) == (9, 9)
    with pytest.raises(DataError, match="no published counts of 'puppet'"):
        audit_counts(replace(made, dataset="puppet"))


# --- puppet as raw files


def test_troubles_are_what_they_say():
    def recording(trouble):
        return parse_ntu(skeleton_file(SEQUENCES[0].joints, trouble=trouble, rng=np.random.default_rng(2)), "made")

    count = SEQUENCES[0].joints.shape[1]
    in_frames = {
        name: collections.Counter(f for b in recording(name).bodies for f in b.frames.tolist()) for name in TROUBLES
    }
    assert set(in_frames["none"].values()) == {1}
    assert max(in_frames["six bodies"].values()) == 6
    assert len(in_frames["interrupted body"]) < count
    assert max(np.diff(recording("interrupted body").bodies[0].frames)) > 1
    assert len(recording("new tracking id").bodies) == 2
    assert max(in_frames["new tracking id"].values()) == 1
    assert 0 not in in_frames["empty frames"]
    assert recording("empty frames").frames > count + 3
    wide = next(body for body in recording("wide noise body").bodies if body.tracking_id != raw_ntu.FIRST_ID)
    spread = np.ptp(wide.joints, axis=1)
    assert (spread[:, 0] > 0.8 * spread[:, 1]).mean() > 0.7
    assert sorted(len(body.frames) for body in recording("short noise body").bodies) == [8, count]


def test_writing_is_repeatable_and_in_turn(tmp_path, folder):
    written = write_ntu(tmp_path, SEQUENCES, seed=3)
    assert set(written.values()) == set(TROUBLES)
    assert list(written) == [ntu_name(sequence) for sequence in SEQUENCES]
    files = sorted(path.name for path in tmp_path.glob("*.skeleton"))
    assert files == sorted(path.name for path in folder.glob("*.skeleton"))
    assert all((tmp_path / name).read_bytes() == (folder / name).read_bytes() for name in files)
    with zipfile.ZipFile(tmp_path / "more.zip") as first, zipfile.ZipFile(folder / "more.zip") as second:
        assert [first.read(name) for name in first.namelist()] == [second.read(name) for name in second.namelist()]
    shutil.rmtree(tmp_path)


def test_a_name_of_ntu_needs_its_numbers():
    sequence = SkeletonSequence("mine", np.ones((1, 1, 25, 3), dtype=np.float32), label=0)
    with pytest.raises(DataError, match=r"needs setup, camera, subject and replication.*'mine'"):
        ntu_name(sequence)
