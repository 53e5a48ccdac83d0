"""C3D files, written byte by byte: what is stored where, what libraries differ in, and every kind of broken file."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.data.foreign.c3d_bytes import BLOCK, c3d_bytes
from tests.extras import needs
from zsar_kit.data.foreign import read_c3d
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError

pytestmark = needs("ezc3d", "mocap")
POINTS = np.arange(5 * 3 * 3, dtype=np.float64).reshape(5, 3, 3) * 8 - 100
Z_UP = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])


def write(folder: Path, content: bytes, name: str = "walk.c3d") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def said(recording: Recording, term: str) -> str:
    return dict(recording.stated)[term]


def refused(path: Path, message: str, **options) -> None:
    with pytest.raises(DataError, match=message):
        read_c3d(path, **options)


def test_a_file_is_read_in_metres_with_y_up(tmp_path):
    read = read_c3d(write(tmp_path, c3d_bytes(POINTS, ["LASI", "RASI", "SACR"])))
    np.testing.assert_allclose(read.joints, POINTS[None] @ Z_UP.T / 1000, rtol=1e-6)
    assert read.joint_names == ("LASI", "RASI", "SACR")
    assert (read.sample, read.layout, read.rate) == ("walk", "", 100.0)
    np.testing.assert_allclose(read.times, np.arange(5) / 100)
    assert said(read, "unit") == "mm, as the file says"
    assert said(read, "axes") == "+X right, +Z up, as the file says (X_SCREEN, Y_SCREEN)"
    assert said(read, "missing points") == "none"


def test_analog_channels_between_the_points_change_nothing(tmp_path):
    alone, beside = (read_c3d(write(tmp_path, c3d_bytes(POINTS, analog=n), f"{n}.c3d")).joints for n in (0, 3))
    np.testing.assert_array_equal(alone, beside)


def test_coordinates_stored_as_scaled_whole_numbers(tmp_path):
    read = read_c3d(
        write(tmp_path, c3d_bytes(POINTS, whole_numbers=0.5, point={"UNITS": "m", "X_SCREEN": None}), "i.c3d")
    )
    np.testing.assert_allclose(read.joints, POINTS[None] @ Z_UP.T)


@pytest.mark.parametrize("stored", ["zeros", "the last place"])
@pytest.mark.parametrize("whole_numbers", [0.0, 8.0])
def test_an_occluded_point_is_nan_whatever_is_stored_with_it(tmp_path, stored, whole_numbers):
    points, residuals = POINTS.copy(), np.zeros((5, 3))
    residuals[2:4, 1] = -1
    points[2:4, 1] = 0 if stored == "zeros" else points[1, 1]
    read = read_c3d(write(tmp_path, c3d_bytes(points, residuals=residuals, whole_numbers=whole_numbers)))
    expected = np.zeros((5, 3), dtype=bool)
    expected[2:4, 1] = True
    np.testing.assert_array_equal(np.isnan(read.joints[0]), np.repeat(expected[..., None], 3, axis=-1))
    assert said(read, "missing points") == "2 of 15 (NaN here)"


def test_a_point_at_the_origin_that_was_seen_stays(tmp_path):
    read = read_c3d(write(tmp_path, c3d_bytes(np.zeros((4, 2, 3)))))
    assert not read.joints.any()
    assert read.joints.shape == (1, 4, 2, 3)


@pytest.mark.parametrize("trial", [True, False])
def test_frames_are_numbered_from_1_as_stored(tmp_path, trial):
    read = read_c3d(write(tmp_path, c3d_bytes(POINTS, first=41, rate=50.0, trial=trial)))
    np.testing.assert_allclose(read.times, (40 + np.arange(5)) / 50)
    assert said(read, "first frame") == "41, counted from 1, at 0.8 s"


def test_a_clip_that_begins_beyond_the_header(tmp_path):
    read = read_c3d(write(tmp_path, c3d_bytes(POINTS, first=70001, trial=True)))
    np.testing.assert_allclose(read.times, 700 + np.arange(5) / 100)
    assert len(read.joints[0]) == 5


LONG = 70003
TALL = np.arange(LONG, dtype=np.float64)[:, None, None] * np.ones(3) + 1


@pytest.mark.parametrize("options", [{"trial": True}, {"point": {"LONG_FRAMES": float(LONG)}}, {}])
def test_more_frames_than_the_header_can_state(tmp_path, options):
    content = c3d_bytes(TALL, **options)
    assert len(content) % BLOCK == 0
    read = read_c3d(write(tmp_path, content), unit="m", up="y")
    np.testing.assert_array_equal(read.joints[0], TALL.astype(np.float32))
    assert said(read, "frames") == (f"{LONG}" if options else f"{LONG}, up to the end of the file, which does not say")


def test_a_long_file_that_the_library_reads_in_part_is_refused(tmp_path):
    import ezc3d

    made = ezc3d.c3d()  # with room for rotations, after which it stops at 65535 frames
    made["parameters"]["POINT"]["RATE"]["value"] = [100.0]
    made["parameters"]["POINT"]["LABELS"]["value"] = ["A"]
    made["data"]["points"] = np.ones((4, 1, LONG))
    made.write(str(tmp_path / "long.c3d"))
    message = "has room for 70[0-9]+ frames, and 65535 could be read.*Export the clip in shorter parts"
    refused(tmp_path / "long.c3d", message, unit="mm")


def test_zeros_at_the_end_of_a_long_file_are_frames_where_it_says_so(tmp_path):
    tall = TALL.copy()
    tall[-3:] = 0
    read = read_c3d(write(tmp_path, c3d_bytes(tall, trial=True)))
    assert read.joints.shape == (1, LONG, 1, 3)


def test_labels_of_more_than_255_points(tmp_path):
    labels = [f"P{i}" for i in range(300)]
    points = np.arange(2 * 300 * 3, dtype=np.float64).reshape(2, 300, 3)
    read = read_c3d(write(tmp_path, c3d_bytes(points, labels)), up="y", unit="m")
    assert read.joint_names == tuple(labels)
    np.testing.assert_array_equal(read.joints[0, :, 299], points[:, 299])


def test_points_without_a_label_and_labels_that_repeat(tmp_path):
    assert read_c3d(write(tmp_path, c3d_bytes(POINTS, ["A"]))).joint_names == ("A", "point_2", "point_3")
    assert read_c3d(write(tmp_path, c3d_bytes(POINTS, ["A", "A", "B"]))).joint_names == ("A", "A (2)", "B")
    none = c3d_bytes(POINTS, point={"LABELS": None})
    assert read_c3d(write(tmp_path, none)).joint_names == ("point_1", "point_2", "point_3")


def test_angles_and_forces_are_no_points(tmp_path):
    content = c3d_bytes(POINTS, ["LKNE", "LKneeAngles", "LGRF"], point={"ANGLES": ["LKneeAngles"], "FORCES": ["LGRF"]})
    read = read_c3d(write(tmp_path, content))
    assert read.joint_names == ("LKNE",)
    np.testing.assert_allclose(read.joints[0, :, 0], POINTS[:, 0] @ Z_UP.T / 1000, rtol=1e-6)
    assert said(read, "left out").startswith("2 that are no points")
    refused(write(tmp_path, c3d_bytes(POINTS, ["A", "B", "C"], point={"POWERS": ["A", "B", "C"]})), "but no points")


@pytest.mark.parametrize(("unit", "metres"), [("m", 1.0), ("cm ", 0.01), ("MM", 0.001)])
def test_units_of_the_file(tmp_path, unit, metres):
    read = read_c3d(write(tmp_path, c3d_bytes(POINTS, point={"UNITS": unit})), up="y")
    np.testing.assert_allclose(read.joints[0], POINTS * metres, rtol=1e-6)


@pytest.mark.parametrize("units", [None, "    "])
def test_a_missing_unit_is_asked_for(tmp_path, units):
    file = write(tmp_path, c3d_bytes(POINTS, point={"UNITS": units}))
    refused(file, r"does not state its unit \(POINT:UNITS\).*unit='mm'")
    read = read_c3d(file, unit="mm", up="y")
    np.testing.assert_allclose(read.joints[0], POINTS / 1000, rtol=1e-6)
    assert said(read, "unit") == "mm, as asked for"


def directions() -> list[str]:
    return [sign + axis for sign in "+-" for axis in "XYZ"]


@pytest.mark.parametrize("right", directions())
@pytest.mark.parametrize("up", directions())
def test_screen_axes_turn_without_a_mirror(tmp_path, right, up):
    points = np.random.default_rng(3).normal(size=(1, 3, 3)).round(3)
    file = write(tmp_path, c3d_bytes(points, point={"UNITS": "m", "X_SCREEN": right, "Y_SCREEN": up}))
    if right[1] == up[1]:
        refused(file, "are along one axis.*up='z'")
        return
    read = read_c3d(file).joints[0, 0].astype(np.float64)
    for place, direction in enumerate((right, up)):
        sign = 1 if direction[0] == "+" else -1
        np.testing.assert_allclose(read[:, place], sign * points[0, :, "XYZ".index(direction[1])], rtol=1e-6)
    assert np.linalg.det(read) == pytest.approx(np.linalg.det(points[0]), rel=1e-5)


def test_missing_axes_are_assumed_and_said_or_given(tmp_path):
    file = write(tmp_path, c3d_bytes(POINTS, point={"X_SCREEN": None, "Y_SCREEN": None}))
    assert said(read_c3d(file), "axes") == "assumed z up; the file does not say"
    np.testing.assert_allclose(read_c3d(file).joints[0], POINTS @ Z_UP.T / 1000, rtol=1e-6)
    assert said(read_c3d(file, up="y"), "axes") == "y up, as asked for"
    np.testing.assert_allclose(read_c3d(file, up="y").joints[0], POINTS / 1000, rtol=1e-6)
    bad = write(tmp_path, c3d_bytes(POINTS, point={"Y_SCREEN": "up"}))
    refused(bad, "'up' is not a direction.*X_SCREEN and Y_SCREEN.*Directions are")


def test_no_rate_is_no_time(tmp_path):
    read = read_c3d(write(tmp_path, c3d_bytes(POINTS, rate=0.0)))
    assert (read.rate, read.times, said(read, "rate")) == (0.0, None, "not stated")


def test_joints_of_markers_by_argument(tmp_path):
    file = write(tmp_path, c3d_bytes(POINTS, ["LASI", "RASI", "SACR"]))
    read = read_c3d(file, unit="m", up="y", joints={"pelvis": ["LASI", "SACR"]})
    np.testing.assert_allclose(read.joints[0, :, 0], POINTS[:, [0, 2]].mean(axis=1))
    refused(file, "has no marker 'LASIS'.*Did you mean 'LASI'", joints={"pelvis": ["LASIS"]})


# --- broken files


MANY = c3d_bytes(np.ones((400, 2, 3)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"HIERARCHY\nROOT Hips\n" * 50, "not a C3D file: the second byte must be 0x50.*another format"),
        (MANY[:300], "not a C3D file"),
        (MANY[:BLOCK], "ends before its parameters.*cut short"),
        (MANY[: 2 * BLOCK], "the file ends before its frames, 1 to 400.*cut short"),
        (MANY[:-3000], "the file states 400 frames, and 306 could be read.*cut short"),
        (c3d_bytes(np.zeros((5, 0, 3)), [], analog=2, point={"LABELS": None}), "no points, only analog channels"),
        (c3d_bytes(np.full((2, 1, 3), np.inf)), "frame 1: 'M0' is not finite"),
        (c3d_bytes(POINTS, rate=-5.0), "POINT:RATE is -5"),
        (c3d_bytes(POINTS, point={"UNITS": "furlong"}), "'furlong' is not a unit of length.*POINT:UNITS"),
        (c3d_bytes(POINTS * 1e36, point={"UNITS": "1e9"}), "a coordinate is too large"),
    ],
)
def test_broken_files(tmp_path, content, message):
    refused(write(tmp_path, content), message)


def test_no_byte_of_the_first_blocks_can_end_the_process(tmp_path):
    content = c3d_bytes(POINTS[:2], analog=2)
    used = max(i for i in range(2 * BLOCK) if content[i]) + 4
    for place in (*range(24), *range(BLOCK, used)):
        for value in {0, 255} - {content[place]}:
            broken = bytearray(content)
            broken[place] = value
            file = write(tmp_path, bytes(broken))
            try:
                read_c3d(file, unit="mm", up="z")
            except DataError:
                continue


@pytest.mark.parametrize("name", ["SCALE", "OFFSET"])
def test_analog_channels_without_what_they_need(tmp_path, name):
    content = c3d_bytes(POINTS, analog=2)
    place = content.index(name.encode())  # that of ANALOG comes first, behind GEN_SCALE
    place = content.index(name.encode(), place + 1) if name == "SCALE" else place
    broken = content[:place] + b"X" + content[place + 1 :]
    refused(write(tmp_path, broken), f"has analog channels and lacks ANALOG:{name}.*without analog channels")


def test_parameters_that_lead_nowhere(tmp_path):
    content = c3d_bytes(POINTS)
    place = content.index(b"LABELS") + len("LABELS")
    broken = content[:place] + b"\xff\x7f" + content[place + 2 :]
    refused(write(tmp_path, broken), "a length among its parameters leads nowhere")
    place = content.index(b"UNITS") + len("UNITS")
    letter = content[: place + 3] + b"\0m\0" + content[place + 6 :]
    refused(write(tmp_path, letter), "the parameter UNITS is a letter without a length")
    refused(write(tmp_path, c3d_bytes(POINTS, point={"USED": None})), "POINT:USED is missing")


def test_parameters_that_are_none(tmp_path):
    content = c3d_bytes(POINTS)
    refused(write(tmp_path, content[:BLOCK] + b"\xff" * BLOCK + content[2 * BLOCK :]), "not a complete C3D file")


def test_no_file(tmp_path):
    refused(tmp_path / "none.c3d", "cannot be read: No such file")


def test_without_the_library(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ezc3d", None)
    refused(write(tmp_path, c3d_bytes(POINTS)), r'needs the package ezc3d.*pip install "zsar_kit\[mocap\]"')
