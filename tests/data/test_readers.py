"""Readers: real folders in full, every kind of broken file by its message, anyone's arrays."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zsar_kit.cli import main
from zsar_kit.data.catalogue import class_names, customary_protocol
from zsar_kit.data.joints import layout
from zsar_kit.data.published_checks import check_files
from zsar_kit.data.readers import utd_mhad
from zsar_kit.data.readers.arrays import from_arrays, from_npz_folder
from zsar_kit.data.readers.files import read_file
from zsar_kit.data.readers.registry import RAW_FORMATS, plan_dataset, prepare_dataset
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.errors import DataError, SplitError

V1 = layout("kinect_v1_20")
RNG = np.random.default_rng(11)
JOINTS = RNG.normal(size=(6, 20, 3)).astype(np.float32)  # frames in the canonical order
KG_COLUMNS = [
    joint.replace("_", " ").title().replace(" ", "").replace("Centre", "Center") + axis
    for joint in V1.joints
    for axis in "XYZ"
]


# --- files as the data sets have them, written from their documented formats


def utd_file(folder: Path, joints: np.ndarray = JOINTS, name: str = "a3_s4_t2_skeleton.mat", key: str = "d_skel"):
    order = [V1.index(joint) for joint in utd_mhad.FILE_ORDER]
    scipy.io.savemat(folder / name, {key: joints[:, order].transpose(1, 2, 0)}, do_compression=True)
    return folder / name


def ucla_file(folder: Path, joints=None, name: str = "a08_s02_e01_v03.json", **changes):
    content = {"file_name": name[:-5], "label": 7, "skeletons": JOINTS.tolist() if joints is None else joints}
    (folder / name).write_text(json.dumps(content | changes))
    return folder / name


def gator_file(folder: Path, joints: np.ndarray = JOINTS, action: str = "Throw-a-ball-", rows=None):
    name = f"POSE-p970_33-{action}-1455122996461.csv"
    if rows is None:
        rows = [[40.5 + t, *frame.ravel(), 970, action, ""] for t, frame in enumerate(joints)]
    header = ["Timestamp", *KG_COLUMNS, "User-ID", "Action", ""]
    lines = [",".join(str(field) for field in row) for row in [header, *rows]]
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


def parse(dataset: str, path: Path):
    return read_file(RAW_FORMATS[dataset], path)


# --- good files


def test_utd_mhad_file(tmp_path):
    read = parse("utd_mhad", utd_file(tmp_path))
    np.testing.assert_array_equal(read.joints[0], JOINTS)
    assert (read.sample, read.label, read.subject, read.replication) == ("a3_s4_t2", 2, 4, 2)


def test_nw_ucla_file(tmp_path):
    read = parse("nw_ucla", ucla_file(tmp_path))
    np.testing.assert_array_equal(read.joints[0], JOINTS)
    assert (read.label, read.subject, read.camera, read.replication) == (6, 2, 3, 1)


def test_nw_ucla_of_one_frame(tmp_path):
    assert parse("nw_ucla", ucla_file(tmp_path, JOINTS[:1].tolist())).joints.shape == (1, 1, 20, 3)


def test_kinder_gator_file(tmp_path):
    read = parse("kinder_gator", gator_file(tmp_path))
    np.testing.assert_allclose(read.joints[0], JOINTS, rtol=1e-6)
    assert (read.subject, read.replication) == (970, 33)
    assert class_names("kinder_gator")[read.label] == "Throw-a-ball-"


def test_kinder_gator_joints_follow_the_header(tmp_path):
    """Columns in another order give the same joints: the header says which is which."""
    path = gator_file(tmp_path)
    lines = [line.split(",") for line in path.read_text().splitlines()]
    order = [0, *(1 + RNG.permutation(60)), 61, 62, 63]
    path.write_text("\n".join(",".join(line[i] for i in order) for line in lines))
    np.testing.assert_allclose(parse("kinder_gator", path).joints[0], JOINTS, rtol=1e-6)


# --- broken files: each one error that names the file


def broken_utd(folder: Path, fault: str) -> Path:
    if fault == "name":
        return utd_file(folder, name="action3.mat")
    if fault == "joints":
        path = folder / "a3_s4_t2_skeleton.mat"
        scipy.io.savemat(path, {"d_skel": np.ones((15, 3, 4))})
        return path
    if fault == "text":
        path = folder / "a3_s4_t2_skeleton.mat"
        scipy.io.savemat(path, {"d_skel": "walk"})
        return path
    if fault == "label":
        return utd_file(folder, name="a28_s1_t1_skeleton.mat")
    joints = JOINTS.copy()
    if fault == "nan":
        joints[2, 5, 1] = np.nan
    path = utd_file(folder, joints, key="skel" if fault == "key" else "d_skel")
    if fault in ("empty", "header", "half"):
        whole = path.read_bytes()
        path.write_bytes(whole[: {"empty": 0, "header": 100, "half": len(whole) // 2}[fault]])
    if fault == "scrambled":
        path.write_bytes(b"this is no MATLAB file" * 40)
    return path


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("name", r"must look like aA_sS_tT_skeleton\.mat"),
        ("empty", "the file is empty"),
        ("header", "not a complete MATLAB file"),
        ("half", "not a complete MATLAB file"),
        ("scrambled", "not a complete MATLAB file"),
        ("key", "the variable 'd_skel' is missing"),
        ("joints", r"shape \(20 joints, 3, frames\), got float64 \(15, 3, 4\)"),
        ("text", "must be numeric"),
        ("nan", "finite, got nan at frame 2, joint 5, y"),
        ("label", r"labels must be 0\.\.26, got 27"),
    ],
)
def test_broken_utd_mhad(tmp_path, fault, message):
    path = broken_utd(tmp_path, fault)
    with pytest.raises(DataError, match=message) as caught:
        parse("utd_mhad", path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("keep", range(0, 100, 4))
def test_no_truncation_of_a_mat_file_goes_unnoticed(tmp_path, keep):
    path = utd_file(tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * keep // 100])
    with pytest.raises(DataError, match=r"empty|not a complete MATLAB file|missing"):
        parse("utd_mhad", path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "a08_s02.json"}, r"must look like aAA_sSS_eEE_vVV\.json"),
        ({"name": "a07_s02_e01_v03.json"}, "no action 7"),
        ({"label": 3}, r"action 8 \(label 7\), the file says label 3.*key 'label'"),
        ({"joints": [[[0.1, 0.2]] * 20]}, r"got \[1, 20, 2\]"),
        ({"joints": [[[0.1, 0.2, 0.3]] * 19]}, r"got \[1, 19, 3\]"),
        ({"joints": [[[0.1, 0.2, 0.3]] * 20, [[0.1, 0.2, 0.3]] * 19]}, "must be numbers"),
        ({"joints": [[["a", 0.2, 0.3]] * 20]}, "must be numbers.*could not convert"),
        ({"joints": [[[float("nan"), 0.2, 0.3]] * 20]}, "finite, got nan at frame 0, joint 0, x"),
        ({"joints": []}, r"got \[0\]"),
    ],
)
def test_broken_nw_ucla(tmp_path, change, message):
    path = ucla_file(tmp_path, **change)
    with pytest.raises(DataError, match=message) as caught:
        parse("nw_ucla", path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b'{"skeletons": [[[0.1', b"[1, 2]", b"\xff\xfe\x00"])
def test_truncated_nw_ucla(tmp_path, content):
    path = tmp_path / "a08_s02_e01_v03.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"empty|not complete JSON|'skeletons' is missing"):
        parse("nw_ucla", path)


def good_row(action: str = "Throw-a-ball-") -> list:
    return [40.5, *JOINTS[0].ravel().tolist(), 970, action, ""]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (good_row()[:40], "64 fields, got 40.*line 3"),
        ([*good_row()[:20], "left", *good_row()[21:]], "must be numbers: could not convert string 'left'"),
        ([*good_row()[:20], "", *good_row()[21:]], "must be numbers: could not convert string ''"),
        ([*good_row()[:20], "nan", *good_row()[21:]], "finite, got nan at frame 1, joint 6, y"),
        ([*good_row()[:61], 103, "Throw-a-ball-", ""], r"',970,Throw-a-ball-,', the row ends .*line 3"),
        (good_row("Bow"), "the row ends .*line 3"),
    ],
)
def test_broken_kinder_gator(tmp_path, row, message):
    path = gator_file(tmp_path, rows=[good_row(), row])
    with pytest.raises(DataError, match=message) as caught:
        parse("kinder_gator", path)
    assert str(path) in str(caught.value)


def test_kinder_gator_without_frames_columns_or_known_action(tmp_path):
    with pytest.raises(DataError, match="a header but no frame"):
        parse("kinder_gator", gator_file(tmp_path, rows=[]))
    path = gator_file(tmp_path)
    path.write_text(path.read_text().replace("KneeLeftY", "KneeY"))
    with pytest.raises(DataError, match=r"the column 'KneeLeftY' is missing.*line 1"):
        parse("kinder_gator", path)
    with pytest.raises(DataError, match=r"unknown action 'Throw-a-bal-'.*Did you mean 'Throw-a-ball-'"):
        parse("kinder_gator", gator_file(tmp_path, action="Throw-a-bal-"))


def with_times(folder: Path, times: list) -> Path:
    rows = [[t, *frame.ravel(), 970, "Throw-a-ball-", ""] for t, frame in zip(times, JOINTS, strict=True)]
    return gator_file(folder, rows=rows)


@pytest.mark.parametrize(
    ("times", "line", "told"),
    [
        ([1, 2, 4, 3, 5, 6], 5, "must not go back, got 3.0000 after 4.0000 in column 'Timestamp'"),
        ([6, 5, 4, 3, 2, 1], 3, "must not go back, got 5.0000 after 6.0000"),
        ([36794471.6016, 36794471.6015, 36794480, 36794481, 36794482, 36794483], 3, "got 36794471.6015 after"),
        ([1, 2, 3, 4, 5, "nan"], 7, "must not go back, got nan in column"),
        ([1, 2, "soon", 4, 5, 6], None, "could not convert string 'soon'"),
    ],
)
def test_rows_of_kinder_gator_are_in_order(tmp_path, times, line, told):
    path = with_times(tmp_path, times)
    with pytest.raises(DataError, match=told) as caught:
        parse("kinder_gator", path)
    assert (f"{path}, line {line}" if line else str(path)) in str(caught.value)


def test_a_time_of_kinder_gator_may_repeat(tmp_path):
    """As in 55 of the published files."""
    read = parse("kinder_gator", with_times(tmp_path, [1.5, 1.5, 2, 2, 2, 9]))
    np.testing.assert_allclose(read.joints[0], JOINTS, rtol=1e-6)


def test_kinder_gator_without_times(tmp_path):
    path = gator_file(tmp_path)
    path.write_text(path.read_text().replace("Timestamp", "Frame"))
    with pytest.raises(DataError, match=r"the column 'Timestamp' is missing.*line 1"):
        parse("kinder_gator", path)


def test_sensors_of_utd_mhad_that_are_no_skeletons_are_passed_over(tmp_path):
    """With a note, whatever they hold; but a folder of nothing else is none of skeletons."""
    raw = tmp_path / "raw"
    raw.mkdir()
    for name in ("a3_s4_t2_inertial.mat", "a3_s4_t2_depth.mat"):
        scipy.io.savemat(raw / name, {"d_iner": np.zeros((5, 6))})
    with pytest.raises(DataError, match=r"found 0 of them; 2 files aA_sS_tT_inertial\.mat or .* are no skeletons"):
        plan_dataset("utd_mhad", raw)
    utd_file(raw)
    (raw / "a3_s4_t2_other.mat").write_bytes(b"x")
    made = prepare_dataset("utd_mhad", raw, tmp_path / "set")
    assert made.skeletons.index.sample.tolist() == ["a3_s4_t2"]
    assert [entry.sample for entry in made.left_out] == ["a3_s4_t2_other.mat"]  # a name that nothing explains
    assert [note for note in made.notes if "2 files aA_sS_tT_inertial.mat" in note]
    report = check_files("utd_mhad", raw)
    assert report.found == 1
    assert "1 .mat files are not named" in " ".join(report.problems)


@pytest.mark.parametrize("cut", [1, 3, 20, 200])
def test_kinder_gator_cut_in_its_last_row(tmp_path, cut):
    path = gator_file(tmp_path)
    path.write_bytes(path.read_bytes().rstrip()[:-cut])
    with pytest.raises(DataError, match=r"line 7"):
        parse("kinder_gator", path)


# --- folders


@pytest.mark.parametrize("dataset", ["utd_mhad", "nw_ucla", "kinder_gator"])
def test_wrong_folders(tmp_path, dataset):
    complete = RAW_FORMATS[dataset].complete
    with pytest.raises(DataError, match=f"needs {complete} files .* found 0"):
        plan_dataset(dataset, tmp_path)
    with pytest.raises(DataError, match="there is no such folder"):
        plan_dataset(dataset, tmp_path / "nowhere")


@pytest.mark.parametrize("dataset", RAW_FORMATS)
def test_a_format_and_the_reader_bound_to_it_travel_to_other_processes(dataset, tmp_path):
    raw = RAW_FORMATS[dataset]
    again = pickle.loads(pickle.dumps(raw))
    assert again == raw
    assert again.parse is raw.parse
    (tmp_path / {"utd_mhad": "x.mat", "nw_ucla": "x.json", "kinder_gator": "x.csv"}[dataset]).write_bytes(b"")
    plan = plan_dataset(dataset, tmp_path)
    with pytest.raises(DataError, match="a file name must look like"):
        pickle.loads(pickle.dumps(plan.read))(plan.items[0])


def test_unknown_data_sets_and_chains():
    with pytest.raises(DataError, match=r"no reader for the data set 'utd_mhda'.*Did you mean 'utd_mhad'"):
        plan_dataset("utd_mhda", ".")
    with pytest.raises(DataError, match=r"utd_mhad is read in one way only, got the chain 'ctrgcn'"):
        plan_dataset("utd_mhad", ".", chain="ctrgcn")


# --- arrays


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_arrays_round_trip(tmp_path_factory, data):
    shape = st.tuples(st.integers(1, 2), st.integers(1, 6), st.just(17), st.just(3))
    values = st.floats(-90, 90, width=32)
    count = data.draw(st.integers(1, 4))
    arrays = [data.draw(hnp.arrays(np.float32, shape, elements=values)) for _ in range(count)]
    for array in arrays:
        array[0, 0, 0, 0] = 1.0  # someone is there
    labels = data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    subjects = data.draw(st.lists(st.integers(0, 99), min_size=count, max_size=count))
    path = tmp_path_factory.mktemp("arrays") / "set"
    from_arrays(path, arrays, labels, ["a", "b", "c"], layout="coco_17", subjects=subjects)
    loaded = SkeletonSet.load(path)
    assert loaded.index.label.tolist() == labels
    assert loaded.index.subject.tolist() == subjects
    for read, array in zip(loaded, arrays, strict=True):
        np.testing.assert_array_equal(read.joints, array)


def test_arrays_without_persons_lists_and_class_names(tmp_path):
    frames = JOINTS.astype(np.float64)
    own = from_arrays(tmp_path / "set", [frames, frames.tolist()], ["bow", 0], ["wave", "bow"], layout="kinect_v1_20")
    assert own.index.label.tolist() == [1, 0]
    for read in own:
        np.testing.assert_array_equal(read.joints, JOINTS[None])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [0]}, "1 labels but more sequences"),
        ({"labels": [0, 1, 0]}, "3 labels but 2 sequences"),
        ({"labels": [0, 2]}, r"0\.\.1, got 2 \(in sequences\[1\]\)"),
        ({"labels": [0, 0.5]}, r"class id or a class name, got 0\.5 \(in labels\[1\]\)"),
        ({"labels": [0, "bowl"]}, "unknown class 'bowl'.*Did you mean 'bow'"),
        ({"subjects": [1]}, "2 labels need as many subjects, got 1"),
        ({"subjects": [1, "anna"]}, r"'anna' is a name and 1 a number \(in subjects\[0\]\).*names or numbers for all"),
        ({"subjects": ["anna", " "]}, r"whole number or a name is needed, got ' ' \(in subjects\[1\]\)"),
        ({"subjects": [1, None]}, r"got None \(in subjects\[1\]\)\. .*-1 stands for what is not known"),
        ({"subjects": [1, 1.5]}, r"got 1\.5 \(in subjects\[1\]\)"),
        ({"subjects": np.array([0.25, 1])}, r"got .*0\.25.*\(in subjects\[0\]\)"),
        ({"subjects": [1, float("nan")]}, r"got nan \(in subjects\[1\]\)"),
        ({"subjects": [1, float("inf")]}, r"got inf \(in subjects\[1\]\)"),
        ({"subjects": [1, True]}, r"got True \(in subjects\[1\]\)"),
        ({"subjects": [1, -2]}, r"got -2 \(in subjects\[1\]\)"),
        ({"subjects": [1, 2**40]}, r"whole number or a name is needed, got 1099511627776"),
        ({"cameras": [1, "left"]}, r"'left' is a name and 1 a number \(in cameras\[0\]\)"),
        ({"class_names": ["wave", "Wave"]}, r"the class 'Wave' occurs twice, as 0 and 1"),
        ({"parts": ["camera:1"]}, r"no camera is known of sample '000000' \(in --parts camera:1\)"),
        ({"sequences": [JOINTS, JOINTS * 0]}, r"no frame .* every joint is missing \(in sequences\[1\]\)"),
        ({"sequences": [JOINTS, JOINTS * np.nan]}, r"no frame .* every joint is missing \(in sequences\[1\]\)"),
        ({"layout": "coco_17"}, r"17 joints, the sequence has 20 \(in sequences\[0\]\)"),
        ({"sequences": [JOINTS, JOINTS * 1000]}, r"must be metres.*sequences\[1\]"),
        ({"sequences": [JOINTS, [["a"]]]}, r"numbers \[frame, joint, xyz\].*sequences\[1\]"),
        ({"sequences": [JOINTS, [[[1, 2, 3]], [[1, 2]]]]}, r"differ in shape.*sequences\[1\]"),
        (
            {"sequences": [JOINTS, JOINTS[..., :2]]},
            r"got float32\[6, 20, 2\] \(in sequences\[1\]\).*points of a picture",
        ),
    ],
)
def test_broken_arrays(tmp_path, change, message):
    good = {
        "sequences": [JOINTS, JOINTS],
        "labels": [0, 1],
        "class_names": ["wave", "bow"],
        "layout": "kinect_v1_20",
    }
    with pytest.raises(DataError, match=message):
        from_arrays(tmp_path / "set", **(good | change))
    assert list(tmp_path.iterdir()) == []


def test_whole_numbers_are_subjects_whatever_their_type(tmp_path):
    """A column of a table may be floats."""
    for i, subjects in enumerate(([3, -1], np.array([3.0, -1.0]), np.array([3, -1], np.int8), (np.float32(3), -1))):
        own = from_arrays(tmp_path / str(i), [JOINTS, JOINTS], [0, 1], ["a", "b"], "kinect_v1_20", subjects=subjects)
        assert own.index.subject.tolist() == [3, -1]


def test_a_set_of_ones_own_is_shown_and_audited(tmp_path, capsys):
    """Nothing is known that divides it, so it is one part."""
    path = tmp_path / "skeletons" / "mine"
    from_arrays(
        path, [JOINTS, JOINTS, JOINTS[:4]], [0, 1, 1], ["<b>wave</b>", "=bow"], "kinect_v1_20", subjects=[0, 1, 1]
    )
    place = ["--workspace", str(tmp_path)]
    assert main(["data", "show", "mine", *place]) == 0
    row = capsys.readouterr().out.splitlines()[-1]
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        *("all", "3", "2", "2", "6 (4-6)", "0"),
        "000000, 000001 and 1 more",
    ]
    assert main(["data", "show", "mine", "--protocol", "xsub", *place]) == 2
    err = capsys.readouterr().err
    assert "the kit knows no train and test parts of 'mine'" in err
    assert "zsar data new mine ... --parts RULE --replace" in err
    with pytest.raises(SplitError, match="zsar data new mine ") as refused:
        customary_protocol("mine")
    assert "--protocol" not in str(refused.value)  # there is none to name
    assert main(["data", "audit", "mine", "--quiet", *place]) == 0
    shown = capsys.readouterr().out
    assert "identical sequences" in shown
    assert "<b>" not in shown


def test_npz_folder(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    np.savez(raw / "b.npz", joints=JOINTS, label=1, subject=4)
    np.savez_compressed(raw / "a.npz", joints=JOINTS[None, :2], label="wave", camera=2)
    own = from_npz_folder(tmp_path / "set", raw, ["wave", "bow"], layout="kinect_v1_20")
    assert own.index.sample.tolist() == ["a", "b"]
    assert own.index.label.tolist() == [0, 1]
    assert own.index.subject.tolist() == [-1, 4]
    assert own.index.camera.tolist() == [2, -1]
    np.testing.assert_array_equal(own.sequence(1).joints[0], JOINTS)


def test_broken_npz_files(tmp_path):
    def refused(message: str) -> None:
        with pytest.raises(DataError, match=message):
            from_npz_folder(tmp_path / "set", tmp_path / "raw", ["wave", "bow"], layout="kinect_v1_20")
        assert not (tmp_path / "set").exists()

    file = tmp_path / "raw" / "a.npz"
    file.parent.mkdir()
    refused(r"no \.npz file here")
    np.savez(file, joints=np.array([{"x": 1}], dtype=object), label=0)
    refused(r"pickled objects .*a\.npz.*never read")
    np.savez(file, joints=JOINTS)
    refused("the array 'label' is missing")
    np.savez(file, joints=JOINTS, label=[0, 1])
    refused(r"'label' must be a single value, got shape \(2,\)")
    np.savez(file, joints=JOINTS, label=0, subject="anna")
    refused(r"got the text 'anna' \(in .*a\.npz, array 'subject'\)")
    np.savez(file, joints=JOINTS, label=0, camera=0.5)
    refused(r"whole number or a name is needed, got 0\.5 \(in .*a\.npz, array 'camera'\)")
    np.savez(file, joints=np.zeros_like(JOINTS), label=0)
    refused(r"every joint is missing \(in .*a\.npz\)")
    np.savez(file, joints=JOINTS, label=0)
    file.write_bytes(file.read_bytes()[:300])
    refused(r"not a complete \.npz file.*a\.npz")
    file.write_bytes(b"")
    refused(r"not a complete \.npz file")


# --- the real data sets

REAL = {
    "utd_mhad": {"count": 861, "rows": 58299, "classes": 27, "subjects": 8, "views": [-1], "short": (0, 0)},
    "nw_ucla": {
        "count": 1484,
        "rows": 58534,
        "classes": 10,
        "subjects": 10,
        "views": [1, 2, 3],
        "short": (90, 2),
    },
    "kinder_gator": {
        "count": 1159,
        "rows": 194523,
        "classes": 58,
        "subjects": 20,
        "views": [-1],
        "short": (0, 0),
    },
}


@pytest.mark.shared
@pytest.mark.parametrize("dataset", REAL)
def test_real_data(shared_dir, tmp_path, dataset):
    expected = REAL[dataset]
    prepared = prepare_dataset(dataset, shared_dir / "data" / dataset, tmp_path / "set", strict=True)
    made, index = prepared.skeletons, prepared.skeletons.index
    assert prepared.whole
    assert prepared.left_out == ()
    assert (len(made), len(made.frames)) == (expected["count"], expected["rows"])
    assert np.unique(index.label).tolist() == list(range(expected["classes"]))
    assert len(made.class_names) == expected["classes"]
    assert len(np.unique(index.subject)) == expected["subjects"]
    assert np.unique(index.camera).tolist() == expected["views"]
    assert (int((index.frames < 16).sum()), int((index.frames == 1).sum())) == expected["short"]
    # Heads are above hips in the first frame of nearly everyone: the joint order is right.
    poses = made.frames[index.start]
    above = poses[:, V1.index("head"), 1] > poses[:, V1.index("hip_centre"), 1]
    assert above.mean() > 0.99
    if dataset == "kinder_gator":
        counts = np.bincount(index.label)
        missing_one = class_names(dataset).index("Jump-as-high-as-you-can")
        assert (np.flatnonzero(counts != 20).tolist(), counts[missing_one]) == ([missing_one], 19)
