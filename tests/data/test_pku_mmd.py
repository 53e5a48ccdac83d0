"""PKU-MMD: the formats by their rules, the released chain by a literal oracle, puppet there and back, broken input."""

from __future__ import annotations

import math
import pickle
import re
import shutil
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zsar_kit.data.catalogue import class_names, resource
from zsar_kit.data.leakage import EncoderRecord, check_encoder
from zsar_kit.data.puppet.raw_pku import WrittenPku, pku_label, write_pku_mmd
from zsar_kit.data.puppet.world import PuppetConfig
from zsar_kit.data.readers.pku_chains import shoulders_along_x, star_chain
from zsar_kit.data.readers.pku_files import video_files
from zsar_kit.data.readers.pku_format import (
    Label,
    check_range,
    convert_lines,
    parse_labels,
    parse_lists,
    skeleton_lines,
)
from zsar_kit.data.readers.pku_mmd import SAMPLE, plan_pku_mmd, sample_name, video_of
from zsar_kit.data.readers.plan import Reading, ReadPlan, find_sources
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import SkeletonSequence, check_sequence
from zsar_kit.data.splits import load_split
from zsar_kit.data.timing import resize_time
from zsar_kit.errors import DataError, LeakageError

DATASETS = ("pku_mmd", "pku_mmd_2")
each_dataset = pytest.mark.parametrize("dataset", DATASETS)
VIDEOS = {"pku_mmd": ("0002-L", "0002-M", "0003-R"), "pku_mmd_2": ("A01N01-L", "A01N01-M", "A26N13-R")}
LISTS_AT = {"pku_mmd": "Split/cross-{}.txt", "pku_mmd_2": "Split/cross_{}_v2.txt"}


def bodies(frames: int, seed: int = 0, persons: int = 2) -> np.ndarray:
    """Random joints [2, frame, 25, 3] that a file's six decimals hold exactly."""
    joints = np.round(np.random.default_rng(seed).normal(size=(2, frames, 25, 3)), 4).astype(np.float32)
    joints[persons:] = 0.0
    return joints


def skeleton_text(joints: np.ndarray, front: str = "", end: str = "\n") -> bytes:
    """A file by its rule: a line a frame, the first body's joints, the second's; x y z each."""
    lines = []
    for frame in range(joints.shape[1]):
        words = [f"{joints[b, frame, j, a]:.6f}" for b in range(2) for j in range(25) for a in range(3)]
        lines.append(front + " ".join(words) + end)
    return "".join(lines).encode()


def write(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def lists_text(train: str, test: str) -> str:
    return f"Training videos:\n{train}\nTest videos:\n{test}\n"


def small_download(root: Path, dataset: str = "pku_mmd", labels: str = "3,2,9,1\n51,10,20,2\n") -> Path:
    """Three videos of 20 frames with two actions each."""
    one, two, three = VIDEOS[dataset]
    for i, video in enumerate(VIDEOS[dataset]):
        write(root / "Skeleton" / f"{video}.txt", skeleton_text(bodies(20, i)))
        write(root / "Label" / f"{video}.txt", labels)
    write(root / LISTS_AT[dataset].format("subject"), lists_text(f"{one}, {two},", f"{three}"))
    write(root / LISTS_AT[dataset].format("view"), lists_text(f"{two},{three}", f"{one}, "))
    return root


def read_all(plan: ReadPlan) -> Reading:
    readings = [plan.read(item) for item in plan.items]
    sequences = tuple(sequence for reading in readings for sequence in reading.sequences)
    return Reading(sequences, tuple(left for reading in readings for left in reading.left_out))


def same(first: SkeletonSequence, second: SkeletonSequence) -> bool:
    numbers = ("sample", "label", "subject", "camera", "setup", "replication")
    equal = all(getattr(first, name) == getattr(second, name) for name in numbers)
    return equal and first.joints.dtype == second.joints.dtype and np.array_equal(first.joints, second.joints)


# --- formats


def parse_skeletons(content: bytes, where: str) -> np.ndarray:
    """All joints of a skeleton file, as the reader takes them action by action."""
    return convert_lines(skeleton_lines(content, where), where)


@pytest.mark.parametrize("front", ["", " ", "\t  "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("tail", [b"", b"\n", b"\r\n  \n\n"])
def test_a_skeleton_file_is_its_numbers(front, end, tail):
    joints = bodies(7)
    assert np.array_equal(parse_skeletons(skeleton_text(joints, front, end) + tail, "f"), joints)
    assert np.array_equal(parse_skeletons(skeleton_text(joints, front, end).rstrip(), "f"), joints)


def test_a_skeleton_file_of_one_frame_and_of_one_body():
    joints = bodies(1, persons=1)
    read = parse_skeletons(skeleton_text(joints), "f")
    assert (read.shape, read.dtype) == ((2, 1, 25, 3), np.float32)
    assert np.array_equal(read, joints)
    assert not read[1].any()


def with_word(word: str) -> bytes:
    """Five frames with one value replaced: the fourth of the third line."""
    lines = skeleton_text(bodies(5)).decode().split("\n")
    words = lines[2].split(" ")
    lines[2] = " ".join([*words[:3], word, *words[4:]])
    return "\n".join(lines).encode()


def without_line_end(values: int) -> bytes:
    text = skeleton_text(bodies(5)).decode().rstrip("\n")
    return " ".join(text.split(" ")[:-values]).encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"the file is empty \(in f\)"),
        (b" \r\n\n", r"the file is empty \(in f\)"),
        (with_word("nan"), r"finite numbers, got 'nan' as value 4 \(in f, line 3\)"),
        (with_word("inf"), r"finite numbers, got 'inf' as value 4 \(in f, line 3\)"),
        (with_word("-1e39"), r"finite numbers, got '-1e39' as value 4 \(in f, line 3\)"),
        (with_word("0.1.2"), r"finite numbers, got '0.1.2' as value 4 \(in f, line 3\)"),
        (with_word("0.1,2"), r"finite numbers, got '0.1,2' as value 4 \(in f, line 3\)"),
        (with_word("x"), r"finite numbers, got 'x' as value 4 \(in f, line 3\)"),
        (with_word("1 2"), r"150 values \(2 bodies x 25 joints x xyz\), got 151 \(in f, line 3 of 5\)"),
        (with_word(""), r"150 values .* got 149 \(in f, line 3 of 5\)"),
        (with_word("1\n2"), r"150 values .* got 4 \(in f, line 3 of 6\)"),
        (with_word("\n\n"), r"a line in the middle is blank \(in f, line 4\)"),
        (with_word("0.1\xb5"), r"characters must be ASCII \(in f, line 3\)"),
        (without_line_end(1), r"150 values .* got 149 \(in f, line 5 of 5\)"),
        (without_line_end(100), r"150 values .* got 50 \(in f, line 5 of 5\)"),
        (b"\x00\xff" * 50, r"characters must be ASCII \(in f, line 1\)"),
        (b"3,2,9,1\n", r"150 values .* got 1 \(in f, line 1 of 1\)"),
    ],
)
def test_a_broken_skeleton_file_is_told_by_its_line(content, message):
    with pytest.raises(DataError, match=message):
        parse_skeletons(content, "f")


@pytest.mark.parametrize("text", ["3,2,9,1\n51,10,20,2\n", "3,2,9,1\r\n51,10,20,2\r\n\r\n", " 3, 2,9.0,1 \n51,10,20,2"])
def test_a_label_file_is_its_rows(text):
    assert parse_labels(text.encode(), "f") == (Label(3, 2, 9, 1, line=1), Label(51, 10, 20, 2, line=2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"the file is empty \(in f\)"),
        ("\n\n", r"the file is empty \(in f\)"),
        ("3,2,9,1\n4,10,20\n", r"four whole numbers 'action,start,end,confidence', got '4,10,20' \(in f, line 2\)"),
        ("3,2,9,1,1", r"four whole numbers .* got '3,2,9,1,1' \(in f, line 1\)"),
        ("3 2 9 1", r"four whole numbers .* got '3 2 9 1'"),
        ("3,2,9.5,1", r"four whole numbers .* got '3,2,9.5,1'"),
        ("3,2,nan,1", r"four whole numbers"),
        ("3,2,,1", r"four whole numbers"),
        ("3,2,1e400,1", r"four whole numbers"),
        ("3,2,9,1\n\n4,10,20,1", r"a line in the middle is blank \(in f, line 2\)"),
        ("0,2,9,1", r"actions must be 1\.\.51, got 0 \(in f, line 1\)"),
        ("1,2,9,1\n52,2,9,1", r"actions must be 1\.\.51, got 52 \(in f, line 2\)"),
        ("-3,2,9,1", r"actions must be 1\.\.51, got -3"),
        ("3,2,9,\u0661", r"characters must be ASCII \(in f, line 1\)"),
    ],
)
def test_a_broken_label_file_is_told_by_its_line(text, message):
    with pytest.raises(DataError, match=message):
        parse_labels(text.encode(), "f")


@given(st.integers(-2, 12), st.integers(-2, 12), st.integers(1, 10))
def test_an_action_lies_in_its_video(start, end, frames):
    label = Label(1, start, end, 1, line=4)
    wanted = list(range(start, end + 1))
    if wanted and set(wanted) <= set(range(1, frames + 1)):
        check_range(label, frames, "f")
    else:
        with pytest.raises(DataError, match=rf"{start} to {end} \(in f, line 4\)"):
            check_range(label, frames, "f")


def test_lists_are_four_lines():
    read = parse_lists(b"Training videos:\r\n0002-L, 0002-M,0003-R,\r\nTest:\r\n0004-L, \r\n", "f")
    assert read.train == {"0002-L", "0002-M", "0003-R"}
    assert read.test == {"0004-L"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"the file is empty"),
        ("Training:\n0002-L\nTest:\n", r"four lines|must have 4 lines .* got 3"),
        ("Training:\n0002-L\nTest:\n0003-L\n0004-L", r"must have 4 lines .* got 5"),
        ("0002-L\nx\n0003-L\ny", r"a heading is needed here, got a list \(in f, line 1\)"),
        ("Training:\n0002-L\n0003-L\n0004-L", r"a heading is needed here, got a list \(in f, line 3\)"),
        ("Training:\n0002-L\nTest:\n0003-L,0002-L", r"'0002-L' is listed both for training and for test \(1 are\)"),
        ("Training:\n0002-L;0003-L\nTest:\n0004-L", r"like 0002-L or A01N01-L, got '0002-L;0003-L' \(in f, line 2\)"),
        ("Training:\n0002-L\nTest:\n0003-Q", r"got '0003-Q' \(in f, line 4\)"),
        ("Training:\n,,\nTest:\n0004-L", r"the list has no video \(in f, line 2\)"),
    ],
)
def test_broken_lists_are_told_by_their_line(text, message):
    with pytest.raises(DataError, match=message):
        parse_lists(text.encode(), "f")


# --- the released chain, by a literal oracle: each number by a loop, after the rules in the module's text


def oracle_at(series: list[float], i: int, out: int) -> float:
    """One value of a resampled series: pixels are intervals, and beyond the outer middles nothing changes."""
    place = (i + 0.5) * len(series) / out - 0.5
    low = math.floor(place)
    share = place - low
    if low < 0:
        return series[0]
    if low >= len(series) - 1:
        return series[-1]
    return (1 - share) * series[low] + share * series[low + 1]


def oracle_chain(joints: np.ndarray) -> list[np.ndarray] | None:
    total = joints.shape[1]
    kept = range((total - 300) // 2, (total - 300) // 2 + 300) if total > 300 else range(total)
    length = sum(any(joints[0, frame, 0, axis] != 0 for axis in range(3)) for frame in kept)
    if length == 0:
        return None
    found = []
    for body in range(2):
        poses = [joints[body, frame].astype(float) - joints[body, frame, 20].astype(float) for frame in kept][:length]
        if not any(pose.any() for pose in poses):
            continue
        clip = np.zeros((64, 25, 3))
        for i in range(64):
            for joint in range(25):
                for axis in range(3):
                    clip[i, joint, axis] = oracle_at([pose[joint, axis] for pose in poses], i, 64)
        depth = sum(clip[i, 8, 2] - clip[i, 4, 2] for i in range(64))
        for i in range(64):
            x, z = clip[i, 8, 0] - clip[i, 4, 0], clip[i, 8, 2] - clip[i, 4, 2]
            angle = math.acos(x / (math.sqrt(x * x + z * z) + 0.0001)) * (-1 if depth >= 0 else 1)
            matrix = np.array(
                [[math.cos(angle), 0, -math.sin(angle)], [0, 1, 0], [math.sin(angle), 0, math.cos(angle)]]
            )
            for joint in range(25):
                clip[i, joint] = matrix @ clip[i, joint]
        found.append(clip)
    return found


def gappy(frames: int, seed: int, lost: tuple[tuple[int, int, int], ...] = (), persons: int = 2) -> np.ndarray:
    joints = bodies(frames, seed, persons) + np.float32(2.0) * (bodies(frames, seed, persons) != 0)
    for body, start, stop in lost:
        joints[body, start:stop] = 0.0
    return joints


@pytest.mark.parametrize(
    "joints",
    [
        gappy(1, 1),
        gappy(2, 2),
        gappy(23, 3, persons=1),
        gappy(64, 4),
        gappy(90, 5, ((1, 20, 40),)),
        gappy(90, 6, ((0, 0, 13), (0, 50, 60), (1, 85, 90))),
        gappy(128, 7, ((1, 0, 128),)),
        gappy(300, 8),
        gappy(301, 9, ((1, 0, 100),)),
        gappy(417, 10, ((0, 50, 60), (0, 200, 210))),
    ],
    ids=lambda joints: str(joints.shape[1]),
)
def test_the_chain_does_what_was_released(joints):
    expected = oracle_chain(joints)
    assert expected is not None
    result = star_chain(joints)
    assert result.dtype == np.float32
    assert result.shape == (len(expected), 64, 25, 3)
    np.testing.assert_allclose(result, np.stack(expected), atol=2e-5)


def test_the_chain_has_no_frame_without_the_first_body():
    assert star_chain(gappy(40, 1, ((0, 0, 40),))) is None
    assert star_chain(gappy(400, 1, ((0, 40, 360),))) is None  # it is there only in frames that are not kept
    assert star_chain(gappy(400, 1, ((0, 51, 349),))) is not None


def test_resizing_time_has_the_half_pixel_convention():
    series = np.arange(128, dtype=np.float32)[None, :, None, None] * np.ones((1, 1, 25, 3), np.float32)
    assert np.array_equal(resize_time(series[:, :64], 64), series[:, :64])
    pairs = 0.5 * (series[:, 0::2] + series[:, 1::2])  # two frames a place: their middle
    np.testing.assert_allclose(resize_time(series, 64), pairs)
    doubled = resize_time(series[:, :32], 64)[0, :, 0, 0]
    np.testing.assert_allclose(doubled[:5], [0.0, 0.25, 0.75, 1.25, 1.75])
    np.testing.assert_allclose(doubled[-3:], [30.25, 30.75, 31.0])


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 300), st.integers(1, 100))
def test_resizing_time_is_symmetric_and_keeps_to_the_range(frames, out):
    joints = bodies(frames, seed=frames)
    result = resize_time(joints, out)
    assert result.shape == (2, out, 25, 3)
    np.testing.assert_allclose(resize_time(joints[:, ::-1], out), result[:, ::-1], atol=1e-4)
    assert result.max() <= joints.max() + 1e-6
    assert result.min() >= joints.min() - 1e-6


def test_shoulders_come_to_lie_along_x_where_all_frames_face_one_side():
    person = bodies(50, 3)[0]
    person[:, 8, 2] = person[:, 4, 2] + 1.0  # the right shoulder is always the farther one
    turned = shoulders_along_x(person)
    across = turned[:, 8] - turned[:, 4]
    assert np.abs(across[:, 2]).max() < 0.02  # released code adds 0.1 mm to the length it divides by
    assert (across[:, 0] > 0.9).all()
    assert np.array_equal(turned[..., 1], person[..., 1])
    np.testing.assert_allclose(np.linalg.norm(turned, axis=-1), np.linalg.norm(person, axis=-1), rtol=1e-5)


def test_a_frame_that_faces_the_other_side_is_turned_away():
    """The oddity: one sense for all frames. By twice its angle the odd frame's shoulders miss the x axis."""
    person = np.zeros((3, 25, 3), np.float32)
    for frame, angle in enumerate((0.3, 0.3, -0.1)):
        person[frame, 8] = 0.2 * math.cos(angle), 0.0, 0.2 * math.sin(angle)
        person[frame, 4] = -person[frame, 8]
    across = shoulders_along_x(person)[:, 8]
    angles = np.arctan2(across[:, 2], across[:, 0])
    np.testing.assert_allclose(angles, [0.0, 0.0, -0.2], atol=3e-3)


# --- names


@pytest.mark.parametrize(
    ("video", "action", "number", "name"),
    [
        ("0043-L", 1, 21, "F043V001C001L021"),
        ("0089-M", 23, 1, "F089V002C023L001"),
        ("0364-R", 51, 3, "F364V003C051L003"),
        ("A01N03-L", 30, 1, "A001N003V001C030L001"),
        ("A26N13-R", 7, 12, "A026N013V003C007L012"),
    ],
)
def test_samples_have_the_published_names(video, action, number, name):
    assert sample_name(video, action, number) == name
    assert video_of(name) == video


def test_what_is_no_sample_has_no_video():
    with pytest.raises(DataError, match="is named like F043V001C001L021, got 'S001C001P001R001A001'"):
        video_of("S001C001P001R001A001")


@pytest.mark.parametrize(("dataset", "count"), [("pku_mmd", 4), ("pku_mmd_2", 47)])
def test_the_missing_samples_are_samples(dataset, count):
    samples = resource("pku_missing.toml")[dataset]["samples"]
    assert len(set(samples)) == len(samples) == count
    assert samples == sorted(samples)
    assert all(SAMPLE.fullmatch(sample) and (sample[0] == "A") == (dataset == "pku_mmd_2") for sample in samples)
    assert all(1 <= int(sample[-7:-4]) <= 51 for sample in samples)
    if dataset == "pku_mmd":
        assert {"F043V001C001L021", "F089V001C023L001", "F089V002C023L001"} < set(samples)


# --- puppet there and back


@pytest.fixture(scope="module", params=[(d, z) for d in DATASETS for z in (False, True)], ids=str)
def written(request, tmp_path_factory) -> tuple[str, Path, WrittenPku]:
    dataset, zipped = request.param
    root = tmp_path_factory.mktemp("pku")
    config = PuppetConfig(subjects=2, replications=1, classes=(0, 16, 25))
    return dataset, root, write_pku_mmd(root, config, dataset=dataset, zipped=zipped)


def test_puppet_comes_back_as_it_was_written(written):
    dataset, root, truth = written
    plan = plan_pku_mmd(dataset, root, chain="raw")
    assert (plan.left_out, plan.notes, plan.layout, plan.dataset) == ((), (), "ntu25", dataset)
    assert plan.class_names == class_names("pku_mmd")
    read = read_all(plan)
    assert len(read.sequences) == len(truth.sequences) == 18
    assert all(same(a, b) for a, b in zip(read.sequences, truth.sequences, strict=True))
    assert {len(sequence.joints) for sequence in read.sequences} == {1, 2}
    (left,) = read.left_out
    assert (left.sample, left.reason, left.expected) == (truth.nobody[0], "no body", True)
    assert "every body is absent in all frames" in left.detail


def test_the_default_chain_is_that_of_the_fields_arrays(written):
    dataset, root, truth = written
    plan = plan_pku_mmd(dataset, root)
    assert plan.config["chain"] == "star"
    read = read_all(plan)
    assert [s.sample for s in read.sequences] == [s.sample for s in truth.sequences]
    sequence, original = read.sequences[0], truth.sequences[0]
    both = np.zeros((2, *original.joints.shape[1:]), np.float32)
    both[: len(original.joints)] = original.joints
    np.testing.assert_allclose(sequence.joints, np.stack(oracle_chain(both)), atol=2e-5)
    assert all(s.joints.shape[1:] == (64, 25, 3) and not s.joints[:, :, 20].any() for s in read.sequences)


def test_parts_are_those_of_the_lists_also_in_the_prepared_set(written, tmp_path):
    dataset, root, truth = written
    plan = plan_pku_mmd(dataset, root, chain="raw")
    made = SkeletonSet.write(
        tmp_path / "set",
        read_all(plan).sequences,
        dataset=plan.dataset,
        layout=plan.layout,
        class_names=plan.class_names,
        inputs={},
        parts=plan.parts,
    )
    assert sorted(made.parts) == ["xsub", "xview"]
    subject = np.array([s.setup - 1 if dataset == "pku_mmd" else s.subject for s in truth.sequences])
    assert np.array_equal(made.parts["xsub"], subject % 2 == 1)
    assert np.array_equal(made.parts["xview"], made.index.camera != 1)
    assert set(made.index.subject.tolist()) == ({-1} if dataset == "pku_mmd" else {1, 2})


def test_what_reads_goes_to_other_processes(written):
    dataset, root, _ = written
    plan = plan_pku_mmd(dataset, root, chain="raw")
    read, parts = pickle.loads(pickle.dumps((plan.read, plan.parts)))
    first, second = read(plan.items[0]), plan.read(plan.items[0])
    assert all(same(a, b) for a, b in zip(first.sequences, second.sequences, strict=True))
    name = second.sequences[0].sample
    assert all(parts[protocol](name) == plan.parts[protocol](name) for protocol in plan.parts)


def test_written_puppet_is_the_same_each_time_and_all_videos_are_untidy_in_their_way(tmp_path):
    config = PuppetConfig(subjects=1, replications=1, classes=(0,))
    for folder in ("a", "b"):
        write_pku_mmd(tmp_path / folder, config, zipped=True)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) == 4
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files)
    with zipfile.ZipFile(tmp_path / "a/Data/PKU_Skeleton_Renew.zip") as archive:
        texts = [archive.read(name) for name in sorted(archive.namelist())]
    assert [text[:1] == b" " for text in texts] == [False, True, False]
    assert [b"\r\n" in text for text in texts] == [False, True, False]
    assert [text.endswith(b"\n\n") for text in texts] == [False, False, True]


def test_puppet_classes_have_their_names_in_pku_mmd():
    puppet, pku = class_names("puppet"), class_names("pku_mmd")
    for label, name in enumerate(puppet):
        if name == "touch other person's pocket":
            with pytest.raises(DataError, match='PKU-MMD has no class "touch other person\'s pocket"'):
                pku_label(label)
        elif name in pku:
            assert pku[pku_label(label)] == name
        else:
            assert pku[pku_label(label)] in name


# --- the plan


@each_dataset
@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (
            "0,2,9,1\n50,10,20,2\n",
            r"3 videos with 0 and none with 51, .* number them 0\.\.50.*Add 1 to",
        ),
        ("52,2,9,1\n2,10,20,2\n", r"3 videos with 52 and none with 1, .* 2\.\.52.*Subtract 1 from"),
    ],
)
def test_labels_that_are_shifted_are_refused(tmp_path, dataset, labels, told):
    """Every action but those at the end would be taken for the next class."""
    with pytest.raises(DataError, match=told) as caught:
        plan_pku_mmd(dataset, small_download(tmp_path, dataset, labels))
    assert f"Label/{VIDEOS[dataset][0]}.txt" in str(caught.value)


@each_dataset
def test_puppet_with_shifted_labels_is_refused(tmp_path, dataset):
    write_pku_mmd(tmp_path, dataset=dataset)
    files = [p for p in tmp_path.rglob("*.txt") if "abel" in str(p.parent.relative_to(tmp_path))]
    assert len(files) > 3
    plan_pku_mmd(dataset, tmp_path)
    for path in files:
        rows = [line.split(",") for line in path.read_text("utf-8-sig").splitlines() if line.strip()]
        path.write_text("".join(f"{int(float(row[0])) - 1},{','.join(row[1:])}\n" for row in rows))
    with pytest.raises(DataError, match=r"number them 0\.\.50"):
        plan_pku_mmd(dataset, tmp_path)


@each_dataset
def test_one_wrong_action_is_a_fault_of_its_video(tmp_path, dataset):
    small_download(tmp_path, dataset)
    write(tmp_path / "Label" / f"{VIDEOS[dataset][1]}.txt", "0,2,9,1\n51,10,20,2\n")
    plan = plan_pku_mmd(dataset, tmp_path)
    with pytest.raises(DataError, match=r"actions must be 1\.\.51, got 0"):
        plan.read(plan.items[1])
    assert len(plan.read(plan.items[0]).sequences) == 2


@each_dataset
def test_a_small_download(tmp_path, dataset):
    plan = plan_pku_mmd(dataset, small_download(tmp_path, dataset), chain="raw")
    assert [item.name for item in plan.items] == sorted(VIDEOS[dataset])
    read = read_all(plan)
    assert not read.left_out
    joints = bodies(20, 1)  # of the second video
    cut = [joints[:, 1:9], joints[:, 9:20]]  # frames 2..9 and 10..20, both ends included
    for sequence, expected in zip(read.sequences[2:4], cut, strict=True):
        assert np.array_equal(sequence.joints, expected)
    assert [s.label for s in read.sequences] == [2, 50] * 3
    assert [s.camera for s in read.sequences] == [1, 1, 2, 2, 3, 3]
    assert [s.replication for s in read.sequences] == [1, 2] * 3
    assert [s.setup for s in read.sequences] == ([2, 2, 2, 2, 3, 3] if dataset == "pku_mmd" else [1, 1, 1, 1, 26, 26])
    assert [s.subject for s in read.sequences] == ([-1] * 6 if dataset == "pku_mmd" else [1, 1, 1, 1, 13, 13])
    trains = {protocol: [train(s.sample) for s in read.sequences] for protocol, train in plan.parts.items()}
    assert trains == {"xsub": [True] * 4 + [False] * 2, "xview": [False] * 2 + [True] * 4}


def test_both_parts_may_lie_in_one_folder(tmp_path):
    for dataset in DATASETS:
        small_download(tmp_path / dataset, dataset)
    for dataset in DATASETS:
        plan = plan_pku_mmd(dataset, tmp_path)
        assert [item.name for item in plan.items] == sorted(VIDEOS[dataset])
        assert plan.left_out == plan.notes == ()


@pytest.mark.parametrize(
    ("skeletons", "labels"),
    [
        ("Data/PKU_Skeleton_Renew", "Label/Train_Label_PKU_final"),
        ("v1/skeleton", "v1/label"),
        ("PKUMMD", "LABELS"),
        ("labelled/skeletons", "labelled"),
        ("joints", "annot"),
        ("a", "b"),
    ],
)
@pytest.mark.parametrize("packed", ["no", "each", "one"])
def test_folders_and_archives_of_all_sorts(tmp_path, skeletons, labels, packed):
    small = small_download(tmp_path / "from")
    root = tmp_path / "label_work" / "to"  # what is above the folder says nothing
    files = [(path, f"{skeletons if path.parent.name == 'Skeleton' else labels}/{path.name}")
             for folder in ("Skeleton", "Label") for path in (small / folder).iterdir()]  # fmt: skip
    files += [(path, path.name) for path in (small / "Split").iterdir()]
    for path, name in files:
        if packed == "no" or (packed == "each" and "cross" in name):
            write(root / name, path.read_bytes())
            continue
        archive = "all" if packed == "one" else re.sub(r"\W", "_", name.rsplit("/", 1)[0])
        inside = name if packed == "one" else path.name  # only the archive's name tells
        root.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(root / f"{archive}.zip", "a") as opened:
            opened.write(path, inside)
    if packed == "each" and skeletons == "labelled/skeletons":
        (root / "labelled_skeletons.zip").rename(root / "skeletons.zip")
    plan = plan_pku_mmd("pku_mmd", root / "all.zip" if packed == "one" else root, chain="raw")
    expected = read_all(plan_pku_mmd("pku_mmd", small, chain="raw")).sequences
    found = read_all(plan).sequences
    assert len(expected) == 6
    assert all(same(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize(
    "name", ["cross_subject.txt", "cross-subject.txt", "Cross_Subject_v1.txt", "cross-subjects.txt"]
)
def test_lists_have_several_names(tmp_path, name):
    root = small_download(tmp_path)
    (root / "Split/cross-subject.txt").rename(root / name)
    assert sorted(plan_pku_mmd("pku_mmd", root).parts) == ["xsub", "xview"]


def test_one_list_is_enough_and_the_other_is_missed(tmp_path):
    root = small_download(tmp_path)
    (root / "Split/cross-view.txt").unlink()
    plan = plan_pku_mmd("pku_mmd", root)
    assert list(plan.parts) == ["xsub"]
    said = "no {} list was found: this protocol will be missing; put {} beside the other list and prepare again"
    assert plan.notes == (said.format("xview", "cross-view.txt"),)
    root = small_download(tmp_path / "2", "pku_mmd_2")
    (root / "Split/cross_subject_v2.txt").unlink()
    assert plan_pku_mmd("pku_mmd_2", root).notes == (said.format("xsub", "cross_subject_v2.txt"),)


def test_the_lists_count_for_what_was_prepared(tmp_path):
    root = small_download(tmp_path)
    before = plan_pku_mmd("pku_mmd", root).config
    write(root / "Split/cross-view.txt", lists_text("0003-R", "0002-L,0002-M"))
    after = plan_pku_mmd("pku_mmd", root).config
    assert before["lists"]["xsub"] == after["lists"]["xsub"]
    assert before["lists"]["xview"] != after["lists"]["xview"]


def test_videos_that_are_listed_and_absent_are_noted(tmp_path):
    root = small_download(tmp_path)
    write(root / "Split/cross-view.txt", lists_text("0002-M,0003-R,0007-M,0007-R", "0002-L,0007-L"))
    write(root / "Split/cross-subject.txt", lists_text("0002-M,0003-R,0002-L", "0007-L,0007-M,0007-R"))
    (note,) = plan_pku_mmd("pku_mmd", root).notes
    assert note == "3 of the 6 videos that the lists of pku_mmd name are absent: 0007-L, 0007-M, 0007-R"


def test_videos_without_partner_or_list_are_left_out(tmp_path):
    root = small_download(tmp_path)
    write(root / "Skeleton/0005-L.txt", skeleton_text(bodies(3)))
    write(root / "Label/0006-L.txt", "1,1,2,1\n")
    for folder, content in (("Skeleton", skeleton_text(bodies(3))), ("Label", "1,1,2,1\n")):
        write(root / folder / "0007-R.txt", content)
        write(root / folder / "0008-R.txt", content)
    write(root / "Split/cross-subject.txt", lists_text("0002-L,0002-M,0008-R", "0003-R"))
    plan = plan_pku_mmd("pku_mmd", root)
    assert [item.name for item in plan.items] == ["0002-L", "0002-M", "0003-R"]
    told = {left.sample: (left.reason, left.expected) for left in plan.left_out}
    assert told == {
        "0005-L": ("unknown", False),
        "0006-L": ("unknown", False),
        "0007-R": ("not in the split lists", False),
        "0008-R": ("not in the split lists", False),
    }
    details = {left.sample: left.detail for left in plan.left_out}
    assert "has no label file" in details["0005-L"]
    assert "has no skeleton file" in details["0006-L"]
    assert details["0007-R"].endswith("of xsub, xview")
    assert details["0008-R"].endswith("of xview")


def test_a_video_that_is_there_twice_is_read_once(tmp_path):
    root = small_download(tmp_path)
    write(root / "Skeleton/copy/0002-L.txt", (root / "Skeleton/0002-L.txt").read_bytes())
    write(root / "Skeleton/copy/0002-M.txt", skeleton_text(bodies(9)))
    plan = plan_pku_mmd("pku_mmd", root)
    assert [(left.sample, left.reason, left.expected) for left in plan.left_out] == [
        ("0002-L", "duplicate", True),
        ("0002-M", "duplicate", False),
    ]
    assert len(read_all(plan).sequences) == 6


def test_an_archive_that_does_not_open_is_left_out(tmp_path):
    root = small_download(tmp_path)
    write(root / "more.zip", b"PK\x03\x04 and no more")
    (left,) = plan_pku_mmd("pku_mmd", root).left_out
    assert (left.sample, left.reason, left.expected) == ("more.zip", "broken", False)


def test_no_plan_without_what_it_needs(tmp_path):
    root = small_download(tmp_path / "whole")
    with pytest.raises(DataError, match=r"knows no data set 'pku'\. Did you mean 'pku_mmd'"):
        plan_pku_mmd("pku", root)
    with pytest.raises(DataError, match=r"no chain 'stars'\. Did you mean 'star'\?"):
        plan_pku_mmd("pku_mmd", root, chain="stars")
    with pytest.raises(DataError, match="there is no such folder or archive"):
        plan_pku_mmd("pku_mmd", tmp_path / "nowhere")
    with pytest.raises(
        DataError, match=r"pku_mmd_2 needs skeleton files A01N01-L\.txt, found none \(in .*that holds all"
    ):
        plan_pku_mmd("pku_mmd_2", root)
    shutil.rmtree(root / "Label")
    with pytest.raises(DataError, match=r"needs label files 0002-L\.txt, found none \(in .* that holds all"):
        plan_pku_mmd("pku_mmd", root)
    write(root / "Label_PKUMMD.7z", b"7z")
    with pytest.raises(DataError, match=r"needs label files .*Unpack Label_PKUMMD\.7z first: 7z x Label_PKUMMD\.7z\."):
        plan_pku_mmd("pku_mmd", root)


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("Label", r"needs label files 0002-L\.txt, found none"),
        ("Skeleton", r"needs skeleton files 0002-L\.txt, found none"),
        ("Split", r"needs the official lists .*cross-subject\.txt and cross-view\.txt\), found none"),
    ],
)
def test_what_is_absent_may_be_in_a_damaged_archive(tmp_path, gone, message):
    root = small_download(tmp_path)
    shutil.rmtree(root / gone)
    for name in ("first", "second"):
        write(root / f"{name}.zip", b"PK\x03\x04 and no more")
    both = r"; the archive .*first\.zip cannot be opened: .*; the archive .*second\.zip cannot be opened"
    with pytest.raises(DataError, match=message + both + r".*Fetch what is damaged again\."):
        plan_pku_mmd("pku_mmd", root)


def first_line_cases() -> dict[str, tuple[bytes, bool]]:
    skeleton = skeleton_text(bodies(2))
    return {
        "labels": (b"3,2,9,1\n4,10,12,2\n", True),
        "labels without confidence": (b"3,2,9\n", True),
        "one row, no line end": (b"51,10,20,2", True),
        "blanks, CRLF, byte order mark": (b"\xef\xbb\xbf 3, 2, 9, 1 \r\n4,10,12,2\r\n", True),
        "a label and then skeletons": (b"3,2,9,1\n" + skeleton, True),
        "skeletons": (skeleton, False),
        "skeletons of few bytes": (b" ".join([b"0"] * 150) + b"\n", False),
        "a label line late": (skeleton + b"3,2,9,1\n", False),
        "empty": (b"", False),
        "two numbers": (b"3,2\n", False),
        "five numbers": (b"3,2,9,1,1\n", False),
        "decimal commas": (b"0,25 1,5 2,5\n", False),
        "no text": (bytes(range(256)), False),
    }


@pytest.mark.parametrize("case", first_line_cases())
@pytest.mark.parametrize("packed", [False, True])
def test_where_no_folder_tells_the_first_line_does(tmp_path, case, packed):
    content, is_label = first_line_cases()[case]
    for folder in ("plain", "skeletons", "labels"):
        if packed:
            (tmp_path / folder).mkdir()
            with zipfile.ZipFile(tmp_path / folder / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("y/0002-L.txt", content)
        else:
            write(tmp_path / folder / "0002-L.txt", content)
        found, _ = find_sources(tmp_path / folder, ".txt")
        assert video_files("pku_mmd", tmp_path / folder, found) == (([], found) if is_label else (found, []))
        found = [source for source in find_sources(tmp_path, ".txt")[0] if folder in str(source)]
        told = folder == "labels" or (folder == "plain" and is_label)
        assert video_files("pku_mmd", tmp_path, found) == (([], found) if told else (found, []))


def test_files_are_opened_only_where_names_do_not_tell(tmp_path):
    write(tmp_path / "a/0002-L.txt", b"3,2,9,1\n")
    write(tmp_path / "labels/0002-M.txt", b"3,2,9,1\n")
    write(tmp_path / "b/0002-R.txt", skeleton_text(bodies(100)))
    found, _ = find_sources(tmp_path, ".txt")
    for path in tmp_path.rglob("*.txt"):
        path.unlink()
    skeletons, labels = video_files("pku_mmd", tmp_path, found)
    assert [source.name for source in labels] == ["0002-M.txt"]
    assert [source.name for source in skeletons] == ["0002-L.txt", "0002-R.txt"], "reading tells that they are gone"


def test_the_official_lists_must_be_there_and_agree(tmp_path):
    root = small_download(tmp_path)
    write(root / "again/cross_view.txt", (root / "Split/cross-view.txt").read_bytes())
    assert len(plan_pku_mmd("pku_mmd", root).parts) == 2  # the same twice
    write(root / "again/cross_view.txt", lists_text("0003-R", "0002-L,0002-M"))
    with pytest.raises(
        DataError, match=r"two files list the xview videos of pku_mmd differently \(in .*cross.view\.txt and"
    ):
        plan_pku_mmd("pku_mmd", root)
    write(root / "again/cross_view.txt", lists_text("0003-R", "A01N01-L"))
    with pytest.raises(DataError, match="the lists name videos of pku_mmd and others"):
        plan_pku_mmd("pku_mmd", root)
    write(root / "again/cross_view.txt", lists_text("0003-R", "0003-R"))
    with pytest.raises(DataError, match="'0003-R' is listed both for training and for test"):
        plan_pku_mmd("pku_mmd", root)
    for path in root.rglob("cross*.txt"):
        path.unlink()
    with pytest.raises(DataError, match=r"needs the official lists .*found none \(in .* folder Split of the official"):
        plan_pku_mmd("pku_mmd", root)


# --- reading what is not as it should be


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("7,15,21,1", "must lie in the video's frames 1 to 20, got 15 to 21"),
        ("7,0,5,1", "must lie in the video's frames 1 to 20, got 0 to 5"),
        ("7,9,8,1", "must start before it ends, got frames 9 to 8"),
    ],
)
def test_one_bad_range_does_not_spoil_the_video(tmp_path, row, problem):
    plan = plan_pku_mmd("pku_mmd", small_download(tmp_path, labels=f"3,2,9,1\n{row}\n4,1,1,2\n"))
    reading = plan.read(plan.items[0])
    assert [sequence.sample for sequence in reading.sequences] == ["F002V001C003L001", "F002V001C004L003"]
    (left,) = reading.left_out
    assert (left.sample, left.reason, left.expected) == ("F002V001C007L002", "broken", False)
    assert problem in left.detail
    assert "0002-L.txt, line 2" in left.detail


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("labels", ["23,2,9,1\n", "23,2,99,1\n"], ids=["fine", "beyond the video"])
def test_listed_samples_are_missing_from_the_arrays_only(tmp_path, dataset, labels):
    video, sample = {"pku_mmd": ("0089-L", "F089V001C023L001"), "pku_mmd_2": ("A21N06-L", "A021N006V001C023L002")}[
        dataset
    ]
    rows = labels if dataset == "pku_mmd" else f"1,1,3,1\n{labels}"
    write(tmp_path / "Skeleton" / f"{video}.txt", skeleton_text(bodies(20)))
    write(tmp_path / "Label" / f"{video}.txt", rows)
    write(tmp_path / "cross-view.txt", lists_text(video, VIDEOS[dataset][0]))
    star = read_all(plan_pku_mmd(dataset, tmp_path))
    assert sample not in [sequence.sample for sequence in star.sequences]
    (left,) = star.left_out
    assert (left.sample, left.reason, left.expected) == (sample, "listed as missing", True)
    raw = read_all(plan_pku_mmd(dataset, tmp_path, chain="raw"))
    if "99" in labels:
        (left,) = raw.left_out
        assert (left.sample, left.reason, left.expected) == (sample, "broken", True)
    else:
        assert raw.sequences[-1].sample == sample
        assert not raw.left_out


def test_bodies(tmp_path):
    """Without any body there is no clip; the second alone is one only where nothing is done to it."""
    joints = bodies(20)
    joints[1, :10] = 0.0
    joints[0, 15:] = 0.0
    joints[:, 10:12] = 0.0
    root = small_download(tmp_path, labels="1,1,9,1\n2,11,12,1\n3,16,20,1\n4,1,20,1\n")
    write(root / "Skeleton/0002-L.txt", skeleton_text(joints))
    raw, star = (plan_pku_mmd("pku_mmd", root, chain=chain) for chain in ("raw", "star"))
    reading = raw.read(raw.items[0])
    expected = [joints[:1, :9], joints[1:, 15:], joints]
    assert [s.sample[-7:-4] for s in reading.sequences] == ["001", "003", "004"]
    assert all(np.array_equal(s.joints, e) for s, e in zip(reading.sequences, expected, strict=True))
    assert [(left.sample[-7:-4], left.reason, left.expected) for left in reading.left_out] == [("002", "no body", True)]
    reading = star.read(star.items[0])
    assert [s.sample[-7:-4] for s in reading.sequences] == ["001", "004"]
    assert [left.sample[-7:-4] for left in reading.left_out] == ["002", "003"]
    assert "the first body is absent in all frames 16 to 20" in reading.left_out[1].detail


def test_faults_of_a_whole_file_and_of_a_clip(tmp_path):
    root = small_download(tmp_path)
    plan = plan_pku_mmd("pku_mmd", root, chain="raw")
    lines = skeleton_text(bodies(20)).decode().splitlines()
    write(root / "Skeleton/0002-L.txt", "\n".join([*lines[:4], "nan" + lines[4][lines[4].index(" ") :], *lines[5:]]))
    reading = plan.read(plan.items[0])
    assert [s.sample for s in reading.sequences] == ["F002V001C051L002"]
    assert "got 'nan' as value 1" in reading.left_out[0].detail
    assert "0002-L.txt, line 5" in reading.left_out[0].detail
    write(root / "Skeleton/0002-L.txt", skeleton_text(1000.0 * bodies(20)))
    assert [left.reason for left in plan.read(plan.items[0]).left_out] == ["broken", "broken"]
    assert "coordinates must be metres" in plan.read(plan.items[0]).left_out[0].detail
    write(root / "Skeleton/0002-L.txt", "\n".join([*lines[:19], lines[19][:500]]))
    with pytest.raises(DataError, match=r"150 values .*0002-L\.txt, line 20 of 20"):
        plan.read(plan.items[0])
    write(root / "Label/0002-M.txt", "3,2,9,1\n52,10,20,2\n")
    with pytest.raises(DataError, match=r"actions must be 1\.\.51, got 52 \(in .*Label.*0002-M\.txt, line 2\)"):
        plan.read(plan.items[1])


def test_a_root_may_be_relative(tmp_path, monkeypatch):
    root = small_download(tmp_path / "pku")
    monkeypatch.chdir(tmp_path)
    far, near = plan_pku_mmd("pku_mmd", root), plan_pku_mmd("pku_mmd", "pku")
    assert near.items == far.items
    assert len(near.items) == 3


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """One small accident."""
    at, length = (int(rng.integers(0, len(content))) for _ in range(2))
    span = content[at : at + 1 + length % 40]
    kind = int(rng.integers(0, 6))
    if kind == 0:
        return content[:at]
    if kind == 1:
        return content[:at] + content[at + len(span) :]
    if kind == 2:
        return content[:at] + span + content[at:]
    if kind == 3:
        return content[:at] + bytes([int(rng.integers(0, 256))]) + content[at + 1 :]
    if kind == 4:
        word = [b"nan", b"-inf", b"1e999", b" ", b"\n", b"\r\n\r\n", b",", b"-", b"9999999999999999", b"\x00"]
        return content[:at] + word[int(rng.integers(0, len(word)))] + content[at:]
    return content[at:]


def test_mutations_are_errors_or_sound(tmp_path):
    root = small_download(tmp_path)
    plan = plan_pku_mmd("pku_mmd", root, chain="raw")
    places = ("Skeleton/0002-L.txt", "Label/0002-L.txt", "Split/cross-view.txt")
    whole = {place: (root / place).read_bytes() for place in places}
    outcomes: Counter[tuple[str, str]] = Counter()
    for case in range(300):
        rng = np.random.default_rng(case)
        place = places[case % 3]
        write(root / place, mutated(whole[place], rng))
        try:
            if place.startswith("Split"):
                read = parse_lists((root / place).read_bytes(), place)
                assert read.train
                assert read.test
                assert not read.train & read.test
            else:
                reading = plan.read(plan.items[0])
                for sequence in reading.sequences:
                    check_sequence(sequence, "ntu25", 51, where="a mutation")
                assert len(reading.sequences) + len(reading.left_out) >= 1
            outcomes[place, "sound"] += 1
        except DataError as error:
            outcomes[place, "error"] += Path(place).name in str(error.where)
        write(root / place, whole[place])
    assert outcomes.total() == 300
    assert all(outcomes[place, end] >= 3 for place in places for end in ("sound", "error")), outcomes


# --- the leak guard


def test_an_encoder_of_one_part_has_seen_the_classes_of_the_other():
    split = load_split("pku_mmd_2", "46/5")
    record = EncoderRecord("shift_gcn", "0" * 12, "joint", 1.0, "pku_mmd", tuple(range(51)))
    with pytest.raises(LeakageError, match=r"trained on 1 \('brushing hair'\).*of pku_mmd"):
        check_encoder(record, split)
    seen = EncoderRecord("shift_gcn", "0" * 12, "joint", 1.0, "pku_mmd", split.seen)
    assert check_encoder(seen, split).name == "seen-only"
