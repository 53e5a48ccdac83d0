"""TRC files: cells between tabs, what is missing, what the header says, and every kind of broken file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zsar_kit.data.foreign import joints_of_markers, read_trc
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError

NAMES = ("LASI", "RASI", "SACR")
POINTS = np.arange(4 * 3 * 3, dtype=np.float64).reshape(4, 3, 3) * 10 + 1


def trc_text(points: np.ndarray = POINTS, names=NAMES, *, blank: bool = True, end: str = "\n", **fields: str) -> str:
    header = {
        "DataRate": "50.00",
        "CameraRate": "100.00",
        "NumFrames": str(len(points)),
        "NumMarkers": str(len(names)),
        "Units": "mm",
        "OrigDataRate": "50.00",
        "OrigDataStartFrame": "1",
        "OrigNumFrames": str(len(points)),
    } | fields
    lines = [
        "PathFileType\t4\t(X/Y/Z)\twalk.trc",
        "\t".join(header),
        "\t".join(header.values()),
        "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t",
        "\t\t" + "\t".join(f"{axis}{i + 1}" for i in range(len(names)) for axis in "XYZ"),
        *([""] if blank else []),
    ]
    for i, frame in enumerate(points):
        cells = ["" if np.isnan(value) else f"{value:.5f}" for value in frame.ravel()]
        lines.append("\t".join([str(i + 1), f"{i / 50:.3f}", *cells]))
    return end.join(lines) + end


def write(folder: Path, text: str, name: str = "walk.trc") -> Path:
    (folder / name).write_text(text)
    return folder / name


def said(recording: Recording, term: str) -> str:
    return dict(recording.stated)[term]


def refused(path: Path, message: str, **options) -> None:
    with pytest.raises(DataError, match=message):
        read_trc(path, **options)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("blank", [True, False])
def test_a_file_is_read_in_metres_with_y_up(tmp_path, blank, end):
    read = read_trc(write(tmp_path, trc_text(blank=blank, end=end)))
    np.testing.assert_allclose(read.joints, POINTS[None] / 1000, rtol=1e-6)
    assert (read.sample, read.joint_names, read.layout, read.rate) == ("walk", NAMES, "", 50.0)
    assert read.times is not None
    np.testing.assert_allclose(read.times, [0, 0.02, 0.04, 0.06])
    assert said(read, "axes").startswith("assumed y up")
    assert said(read, "unit") == "mm, as the file says"
    assert said(read, "camera rate") == "100.00"
    assert said(read, "missing points") == "none"


def test_an_empty_cell_is_that_marker_and_no_other(tmp_path):
    points = POINTS.copy()
    points[1, 0] = np.nan  # a split at white space would give RASI's numbers to LASI
    points[2, 1, 2] = np.nan  # of a point with two coordinates nothing is known
    expected = points.copy()
    expected[2, 1] = np.nan
    read = read_trc(write(tmp_path, trc_text(points)))
    np.testing.assert_allclose(read.joints[0], expected / 1000, rtol=1e-6)
    assert said(read, "missing points") == "2 of 12 (NaN here)"


def test_writers_may_drop_empty_cells_at_the_end_of_a_row(tmp_path):
    points = POINTS.copy()
    points[3, 1:] = np.nan
    text = trc_text(points)
    last = text.rstrip("\n").split("\n")[-1]
    short = text.replace(last, last.rstrip("\t"))
    assert short != text
    np.testing.assert_array_equal(
        read_trc(write(tmp_path, short)).joints, read_trc(write(tmp_path, text, "full.trc")).joints
    )


@pytest.mark.parametrize(("unit", "metres"), [("m", 1.0), ("cm", 0.01), ("mm", 0.001), ("Meters", 1.0), ("IN", 0.0254)])
def test_units_of_the_file(tmp_path, unit, metres):
    read = read_trc(write(tmp_path, trc_text(Units=unit)))
    np.testing.assert_allclose(read.joints[0], POINTS * metres, rtol=1e-6)


def test_a_unit_that_is_asked_for_comes_first_and_both_are_said(tmp_path):
    read = read_trc(write(tmp_path, trc_text()), unit="0.5")
    np.testing.assert_allclose(read.joints[0], POINTS * 0.5, rtol=1e-6)
    assert said(read, "unit") == "0.5, as asked for, the file says mm"


@pytest.mark.parametrize("up", ["x", "y", "z", "-x", "-y", "-z"])
def test_any_direction_turns_up_without_a_mirror(tmp_path, up):
    read = read_trc(write(tmp_path, trc_text(Units="m")), up=up).joints[0].astype(np.float64)
    sign = -1 if up.startswith("-") else 1
    np.testing.assert_allclose(read[..., 1], sign * POINTS[..., "xyz".index(up[-1])])
    # A rotation keeps the signed volume that three vectors span; a mirror turns its sign.
    before = np.random.default_rng(0).normal(size=(3, 3))
    after = read_trc(write(tmp_path, trc_text(before[None], Units="m"), "box.trc"), up=up).joints[0, 0]
    assert np.linalg.det(after) == pytest.approx(np.linalg.det(before.round(5)), rel=1e-4)


def test_times_are_left_as_they_are(tmp_path):
    text = trc_text().replace("0.040", "0.010")
    assert read_trc(write(tmp_path, text)).times.tolist() == [0.0, 0.02, 0.01, 0.06]


def test_two_markers_of_one_name_stay_two(tmp_path):
    read = read_trc(write(tmp_path, trc_text(names=("A", "A", "A (2)"))))
    assert read.joint_names == ("A", "A (2)", "A (2) (2)")


def test_no_data_rate_is_no_rate(tmp_path):
    read = read_trc(write(tmp_path, trc_text(DataRate="")))
    assert read.rate == 0
    assert said(read, "rate") == "not stated"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        (" \n\n", "the file is empty"),
        ("HIERARCHY\nROOT Hips\n", "line 1 must begin with 'PathFileType', it is 'HIERARCHY'.*another format"),
        ("\n".join(trc_text().split("\n")[:3]), "the header ends after line 3.*cut short"),
        ("\n".join(trc_text().split("\n")[:6]), "there is no frame"),
        ("\n".join(trc_text().split("\n")[:8]), "NumFrames is 4, and there are 2 rows.*cut short"),
        (trc_text(NumFrames="9"), "NumFrames is 9, and there are 4 rows"),
        (trc_text(NumMarkers="4"), "NumMarkers is 4, and there are 3 names.*walk.trc, line 4"),
        (trc_text(NumMarkers="many"), "NumMarkers must be a whole number, it is 'many'.*line 3"),
        (trc_text(Units=""), "does not state its unit.*unit='mm'"),
        (trc_text(Units="furlong"), "'furlong' is not a unit of length.*line 3"),
        (trc_text(DataRate="fast"), "DataRate must be a number, it is 'fast'"),
        (trc_text(DataRate="-5"), "DataRate must be a number, it is '-5'"),
        (trc_text().replace("101.00000", "1O1.0"), "marker 'LASI' has '1O1.0', which is not a finite number.*line 8"),
        (trc_text().replace("101.00000", "inf"), "marker 'LASI' has 'inf'"),
        (trc_text().replace("0.020", "nan"), "the time has 'nan', which is not a finite number.*line 8"),
        (trc_text().replace("2\t0.020", "2\t"), "a frame begins with its number and its time.*line 8"),
        (trc_text().replace("81.00000", "81.0\t5"), "3 markers fill 11 cells, and there is '5' beyond.*line 7"),
        (trc_text().replace("LASI\t\t\t", "LASI\t"), "each marker has its name in the first of three cells"),
        (trc_text().replace("\t", "  "), "NumFrames must be a whole number, it is ''.*separated by tabs"),
        (trc_text(Units="m").replace("81.00000", "1e300"), "a coordinate is too large"),
    ],
)
def test_broken_files(tmp_path, text, message):
    refused(write(tmp_path, text), message)


def test_a_binary_file_and_no_file(tmp_path):
    (tmp_path / "bin.trc").write_bytes(b"\x02P\0\0")
    refused(tmp_path / "bin.trc", "the file is not text.*another format under this suffix")
    refused(tmp_path / "none.trc", "cannot be read: No such file")


def test_an_unknown_direction(tmp_path):
    refused(write(tmp_path, trc_text()), "'w' is not a direction.*Give one of x, y, z, -x", up="w")


# --- joints made of markers


def made(points: np.ndarray = POINTS, confidence: np.ndarray | None = None) -> Recording:
    return Recording("clip", points[None].astype(np.float32), NAMES, confidence=confidence)


def test_a_joint_is_the_mean_of_its_markers():
    joints = joints_of_markers(made(), {"pelvis": ["LASI", "RASI", "SACR"], "back": ["SACR"]})
    np.testing.assert_allclose(joints.joints[0, :, 0], POINTS.mean(axis=1))
    np.testing.assert_allclose(joints.joints[0, :, 1], POINTS[:, 2])
    assert joints.joint_names == ("pelvis", "back")


def test_a_missing_marker_moves_the_mean_or_takes_the_joint_away():
    points = POINTS.copy()
    points[0, 0] = np.nan
    points[1] = np.nan
    mapping = {"pelvis": ["LASI", "RASI"]}
    mean, whole = joints_of_markers(made(points), mapping), joints_of_markers(made(points), mapping, whole=True)
    np.testing.assert_allclose(mean.joints[0, 0, 0], POINTS[0, 1])
    assert np.isnan(mean.joints[0, 1]).all()
    assert np.isnan(whole.joints[0, :2]).all()
    np.testing.assert_array_equal(mean.joints[0, 2:], whole.joints[0, 2:])
    assert said(mean, "joints with some markers missing") == "1 (means of those that are there)"
    assert said(whole, "joints with some markers missing") == "1 (left out)"


def test_a_joint_is_as_sure_as_its_least_sure_marker():
    confidence = np.tile(np.array([0.5, 0.9, 0.2]), (1, 4, 1))
    joints = joints_of_markers(made(confidence=confidence), {"front": ["LASI", "RASI"]})
    np.testing.assert_array_equal(joints.confidence, np.full((1, 4, 1), 0.5))


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({}, "no joint is named"),
        ({"hip": []}, r"a list of markers is needed, got \[\].*joint 'hip'"),
        ({"hip": "LASI"}, "a list of markers is needed, got 'LASI'"),
        ({"hip": ["LASIS"]}, "'walk' has no marker 'LASIS'.*joint 'hip'.*Did you mean 'LASI'"),
        ({"hip": ["C7"]}, "has no marker 'C7'.*It has LASI, RASI, SACR"),
    ],
)
def test_a_mapping_that_does_not_fit(tmp_path, mapping, message):
    refused(write(tmp_path, trc_text()), message, joints=mapping)
