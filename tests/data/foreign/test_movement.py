"""DeepLabCut, SLEAP, Anipose and movement's netCDF, each written from its documented form."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.extras import needs
from zsar_kit.data.foreign import read_anipose, read_deeplabcut, read_movement, read_sleap
from zsar_kit.data.joints import layout
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError

pytestmark = needs("h5py", "mocap")

RNG = np.random.default_rng(7)
PEOPLE, PARTS = ("ann", "bob"), ("tail", "nose", "ear")
POINTS = RNG.uniform(0, 300, size=(2, 4, 3, 2)).round(3)  # person, frame, part, x y
SURE = RNG.random((2, 4, 3)).round(3)
FLIP = np.array([1, -1])


def said(recording: Recording, term: str) -> str:
    return dict(recording.stated)[term]


def refused(path: Path, message: str, read=read_movement, **options) -> None:
    with pytest.raises(DataError, match=message):
        read(path, **options)


def check(read: Recording, points: np.ndarray = POINTS, sure: np.ndarray | None = SURE, names=PARTS) -> None:
    np.testing.assert_allclose(read.joints, points * FLIP, rtol=1e-6)
    assert read.joint_names == names
    if sure is None:
        assert read.confidence is None
    else:
        assert read.confidence is not None
        np.testing.assert_allclose(read.confidence, sure, rtol=1e-6)


# --- DeepLabCut


def dlc_columns(people=PEOPLE, parts=PARTS, coords=("x", "y", "likelihood")) -> list[tuple[str, ...]]:
    return [("net", person, part, coord) for person in people for part in parts for coord in coords]


def dlc_values(points: np.ndarray = POINTS, sure: np.ndarray = SURE) -> np.ndarray:
    content = np.concatenate([points, sure[..., None]], axis=3)
    return content.transpose(1, 0, 2, 3).reshape(content.shape[1], -1)


def dlc_csv(folder: Path, columns, values: np.ndarray, *, index=None) -> Path:
    levels = (
        ("scorer", "individuals", "bodyparts", "coords") if len(columns[0]) == 4 else ("scorer", "bodyparts", "coords")
    )
    lines = [",".join([level, *(column[i] for column in columns)]) for i, level in enumerate(levels)]
    for i, row in enumerate(values):
        cells = ["" if np.isnan(value) else repr(float(value)) for value in row]
        lines.append(",".join([str(i if index is None else index[i]), *cells]))
    path = folder / "walk.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def dlc_fixed(folder: Path, columns, values: np.ndarray) -> Path:
    import h5py

    path = folder / "walk.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("df_with_missing")
        for i, level in enumerate(zip(*columns, strict=True)):
            known = sorted(set(level))
            group[f"block0_items_level{i}"] = np.array([name.encode() for name in known])
            group[f"block0_items_label{i}"] = np.array([known.index(name) for name in level], dtype=np.int8)
        group["block0_values"], group["axis1"] = values, np.arange(len(values))
    return path


@pytest.mark.parametrize("write", [dlc_csv, dlc_fixed])
def test_deeplabcut_individuals_are_persons(tmp_path, write):
    read = read_movement(write(tmp_path, dlc_columns(), dlc_values()), rate=30.0)
    check(read)
    assert (said(read, "persons"), said(read, "version"), read.rate) == ("ann, bob", "network net", 30.0)


@pytest.mark.parametrize("write", [dlc_csv, dlc_fixed])
def test_deeplabcut_columns_are_found_by_their_names(tmp_path, write):
    order = RNG.permutation(18)
    columns = dlc_columns()
    read = read_movement(write(tmp_path, [columns[i] for i in order], dlc_values()[:, order]))
    assert set(said(read, "persons").split(", ")) == set(PEOPLE)
    people = [said(read, "persons").split(", ").index(person) for person in PEOPLE]
    parts = [read.joint_names.index(part) for part in PARTS]
    np.testing.assert_allclose(read.joints[people][:, :, parts], POINTS * FLIP, rtol=1e-6)


def test_deeplabcut_of_one_animal_and_of_parts_that_only_some_have(tmp_path):
    single = [(scorer, part, coord) for scorer, _, part, coord in dlc_columns(("ann",))]
    check(read_movement(dlc_csv(tmp_path, single, dlc_values()[:, :9])), POINTS[:1], SURE[:1])
    kept = [i for i, (_, person, part, _) in enumerate(dlc_columns()) if (person, part) != ("bob", "ear")]
    read = read_movement(dlc_csv(tmp_path, [dlc_columns()[i] for i in kept], dlc_values()[:, kept]))
    assert np.isnan(read.joints[1, :, 2]).all()
    assert np.isfinite(read.joints[0]).all()


def test_deeplabcut_names_of_a_layout_and_frames_by_their_numbers(tmp_path):
    joints = layout("coco_17").joints[::-1]
    columns = [("net", joint, coord) for joint in joints for coord in ("x", "y", "likelihood")]
    values = RNG.random((2, 51))
    values[1, 0] = np.nan
    read = read_movement(dlc_csv(tmp_path, columns, values, index=[5, 7]))
    assert read.layout == "coco_17"
    assert said(read, "first frame") == "5"
    np.testing.assert_allclose(read.joints[0, 0, ::-1], values[0].reshape(17, 3)[:, :2] * FLIP, rtol=1e-6)
    assert np.isnan(read.joints[0, 1]).all()
    assert np.isnan(read.joints[0, 2, 16]).all()


def test_deeplabcut_in_3d_needs_a_unit(tmp_path):
    columns = [("net", part, axis) for part in PARTS for axis in "xyz"]
    values = RNG.normal(size=(4, 9))
    path = dlc_csv(tmp_path, columns, values)
    refused(path, "DeepLabCut does not state the unit of its 3-D points")
    read = read_movement(path, unit="cm")
    np.testing.assert_allclose(read.joints[0], values.reshape(4, 3, 3) / 100 * [1, -1, -1], rtol=1e-5)
    read = read_movement(path, unit="cm", up="y")
    np.testing.assert_allclose(read.joints[0], values.reshape(4, 3, 3) / 100, rtol=1e-5)


def test_broken_deeplabcut_csv(tmp_path):
    columns, values = dlc_columns(), dlc_values()
    path = dlc_csv(tmp_path, columns, values)
    whole = path.read_text()
    for text, message in (
        ("scorer,net\n", "there is no row after the header"),
        (whole[: len(whole) // 2], "cells, but 19 columns|not a number"),
        ("\n".join(whole.split("\n")[:4]), "there is no row after the header"),
        (whole.replace("bodyparts", "parts"), "the first rows are called scorer, individuals, parts"),
        (whole.replace("likelihood", "w"), "coordinates are x, y, z and likelihood, got w, x, y"),
        (whole.replace("nose", "ear"), "two columns are called 'ann ear x'"),
        (whole.replace("\n2,", "\nlabeled-data/a/img2.png,"), "rows are labelled pictures, .*line 7"),
        (whole.replace("\n2,", "\nx,"), "'x' is not a number .*line 7"),
        (whole.replace("\n2,", "\n1,"), "frame 1 is followed by one that is not later"),
        (whole.replace("\n3,", "\n9000000000,"), "are too many"),
        (whole.replace("\n2,", "\n2.5,"), "'2.5' is not the number of a frame"),
    ):
        path.write_text(text)
        refused(path, message)


def test_names_of_columns_that_are_a_pickle_are_not_read(tmp_path):
    import h5py

    path = tmp_path / "walk.h5"
    with h5py.File(path, "w") as file:
        file["df_with_missing/table"] = np.zeros(4, dtype=[("index", "<i8"), ("values_block_0", "<f8", (18,))])
    refused(path, "names of its columns are a pickle.*so it is not read.*analyze_videos_converth5_to_csv")


def test_broken_deeplabcut_h5(tmp_path):
    import h5py

    refused(dlc_fixed(tmp_path, dlc_columns()[:-1], dlc_values()), "17 columns and 4 frames, but an array")
    refused(dlc_fixed(tmp_path, [("a", "b")], dlc_values()), "names of 3 or 4 levels are needed, got 2")
    path = dlc_fixed(tmp_path, dlc_columns(), dlc_values())
    path.write_bytes(path.read_bytes()[:-3000])
    refused(path, "not a complete HDF5 file")
    path.write_text("scorer,net")
    refused(path, "not a complete HDF5 file")
    with h5py.File(path, "w") as file:
        file["weights"] = np.zeros(3)
    refused(path, "neither DeepLabCut, SLEAP, Anipose nor movement wrote this")


def test_numbers_in_another_file_are_not_followed(tmp_path):
    import h5py

    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["tracks"] = POINTS.transpose(0, 3, 2, 1)
    path = tmp_path / "walk.h5"
    with h5py.File(path, "w") as file:
        file["node_names"] = np.array([part.encode() for part in PARTS])
        file["tracks"] = h5py.ExternalLink(tmp_path / "secret.h5", "tracks")
    refused(path, "a link to somewhere else, which is not followed")
    source = h5py.VirtualSource(str(tmp_path / "secret.h5"), "tracks", shape=(2, 2, 3, 4))
    virtual = h5py.VirtualLayout(shape=(2, 2, 3, 4), dtype="f8")
    virtual[:] = source
    with h5py.File(path, "w") as file:
        file["node_names"] = np.array([part.encode() for part in PARTS])
        file.create_virtual_dataset("tracks", virtual)
    refused(path, "its numbers lie in another file")
    with h5py.File(path, "w") as file:  # a bomb: no number of it is stored
        file["node_names"] = np.array([part.encode() for part in PARTS])
        file.create_dataset("tracks", shape=(10**4, 2, 3, 10**8), chunks=(1, 2, 3, 1000), dtype="f8")
    refused(path, "are the most")


def test_a_damaged_text_ends_in_a_message(tmp_path):
    path = labels(tmp_path, {0: [(POINTS[0, 0], 0, False, -1)]})
    raw = bytearray(path.read_bytes())
    heap = raw.index(b"GCOL")
    raw[heap + 24 : heap + 32] = (57).to_bytes(8, "little")  # HDF5 itself would never come back from this
    path.write_bytes(raw)
    refused(path, "not a complete HDF5 file: a text is damaged")


# --- Anipose


def anipose(folder: Path, points: np.ndarray, **columns) -> Path:
    table: dict[str, np.ndarray] = {}
    for i, part in enumerate(PARTS):
        table |= {f"{part}_{axis}": points[:, i, k] for k, axis in enumerate("xyz")}
        table |= {f"{part}_error": np.ones(len(points)), f"{part}_ncams": np.full(len(points), 2.0)}
        table |= {f"{part}_score": SURE[0, : len(points), i]}
    table |= {"M_00": np.ones(len(points)), "fnum": np.arange(len(points))} | columns
    rows = [",".join("" if np.isnan(v[t]) else repr(float(v[t])) for v in table.values()) for t in range(len(points))]
    path = folder / "walk.csv"
    path.write_text("\n".join([",".join(table), *rows]))
    return path


def test_anipose_keeps_the_files_order_and_needs_a_unit(tmp_path):
    points = RNG.normal(size=(4, 3, 3)) * 100
    path = anipose(tmp_path, points)
    refused(path, "Anipose does not state the unit")
    read = read_movement(path, unit="mm")
    assert read.joint_names == PARTS  # not sorted
    np.testing.assert_allclose(read.joints[0], points / 1000 * [1, -1, -1], rtol=1e-5)
    assert read.confidence is not None
    np.testing.assert_allclose(read.confidence[0], SURE[0], rtol=1e-6)
    np.testing.assert_allclose(
        read_anipose(path, unit="mm", up="z").joints[0, ..., 1], points[..., 2] / 1000, rtol=1e-5
    )


def test_anipose_gaps_and_missing_points(tmp_path):
    points = RNG.normal(size=(3, 3, 3))
    points[1, 2, 1] = np.nan
    read = read_movement(anipose(tmp_path, points, fnum=np.array([2, 3, 6])), unit="m")
    assert np.isnan(read.joints[0, :, :, 0]).tolist() == [
        [False] * 3, [False, False, True], [True] * 3, [True] * 3, [False] * 3,
    ]  # fmt: skip
    assert said(read, "first frame") == "2"


def test_broken_anipose(tmp_path):
    path = anipose(tmp_path, RNG.normal(size=(2, 3, 3)))
    whole = path.read_text()
    for text, message in (
        (whole.replace("nose_y", "nose_w"), "the column 'nose_y' is missing"),
        (whole.replace("nose_y", "nose_x"), "two columns have one name"),
        (whole.rsplit(",", 3)[0], "cells, but"),
        (whole.rsplit(",", 1)[0] + ",x", "'x' is not a number"),
        ("a,b\n1,2", "neither DeepLabCut, SLEAP, Anipose nor movement"),
    ):
        path.write_text(text)
        refused(path, message, unit="m")
    refused(path, "no column is called NAME_x", read=read_anipose, unit="m")


# --- SLEAP


def analysis(folder: Path, points: np.ndarray = POINTS, order=("track", "xy", "node", "frame"), **changes) -> Path:
    import h5py

    axes = ("track", "frame", "node", "xy")
    flat = tuple(axis for axis in order if axis != "xy")
    content = {
        "tracks": points.transpose([axes.index(axis) for axis in order]),
        "point_scores": SURE.transpose([axes.index(axis) for axis in flat]),
        "node_names": np.array([part.encode() for part in PARTS]),
        "track_names": np.array([person.encode() for person in PEOPLE]),
    } | changes
    with h5py.File(folder / "walk.h5", "w") as file:
        for name, value in content.items():
            if value is not None:
                file[name] = value
        if order != ("track", "xy", "node", "frame"):
            file["tracks"].attrs["dims"] = json.dumps(order)
    return folder / "walk.h5"


@pytest.mark.parametrize(
    "order", [("track", "xy", "node", "frame"), ("frame", "track", "node", "xy"), ("node", "xy", "frame", "track")]
)
def test_sleap_analysis_in_any_order_of_axes(tmp_path, order):
    points = POINTS.copy()
    points[1, 2] = np.nan
    read = read_movement(analysis(tmp_path, points, order))
    check(read, points)
    assert said(read, "persons") == "ann, bob"
    read = read_sleap(analysis(tmp_path, points, order, track_names=None, point_scores=None), rate=20.0)
    check(read, points, None)
    assert (said(read, "persons"), read.rate) == ("one, not tracked", 20.0)


def test_broken_sleap_analysis(tmp_path):
    import h5py

    refused(analysis(tmp_path, node_names=np.array([b"a"])), "1 names of nodes, but 3 nodes")
    refused(analysis(tmp_path, node_names=np.zeros(3)), "a list of names is needed, got float64")
    refused(analysis(tmp_path, tracks=np.zeros((2, 3))), r"numbers with 4 axes are needed, got float64 \[2, 3\]")
    refused(analysis(tmp_path, tracks=np.zeros((2, 3, 3, 4))), "an axis of x and y is needed")
    refused(analysis(tmp_path, point_scores=np.zeros((1, 3, 4))), "does not fit 'tracks'")
    refused(analysis(tmp_path, tracks=np.full((2, 2, 3, 4), np.inf)), "an infinite number")
    refused(analysis(tmp_path, tracks=np.full((2, 2, 3, 4), np.nan)), "no joint was found in any of the 4 frames")
    path = analysis(tmp_path)
    with h5py.File(path, "a") as file:
        file["tracks"].attrs["dims"] = json.dumps(["frame", "node"])
    refused(path, "the axes track, xy, node, frame are needed, got frame, node")


INSTANCE = np.dtype(
    [("instance_id", "i8"), ("instance_type", "u1"), ("frame_id", "u8"), ("skeleton", "u4"), ("track", "i4"),
     ("from_predicted", "i8"), ("score", "f4"), ("point_id_start", "u8"), ("point_id_end", "u8")]
)  # fmt: skip
FRAME = np.dtype(
    [("frame_id", "u8"), ("video", "u4"), ("frame_idx", "u8"), ("instance_id_start", "u8"), ("instance_id_end", "u8")]
)
POINT = [("x", "f8"), ("y", "f8"), ("visible", "?"), ("complete", "?")]


def labels(folder: Path, frames: dict[int, list[tuple]], *, tracks=PEOPLE, version: float = 1.2, video=None) -> Path:
    """A ``.slp`` file: frame number -> instances of (points, track, by a user, predicted one that it corrects)."""
    import h5py

    rows: dict[bool, list[tuple]] = {True: [], False: []}
    instances: list[tuple] = []
    frame_rows: list[tuple] = []
    for i, (number, people) in enumerate(frames.items()):
        start = len(instances)
        for points, track, by_user, corrects in people:
            at = len(rows[by_user])
            for x, y in points:
                seen = not np.isnan(x)
                rows[by_user].append((x, y, seen, True) if by_user else (x, y, seen, True, 0.5))
            kind = 0 if by_user else 1
            instances.append((len(instances), kind, i, 0, track, corrects, 1.0, at, at + len(points)))
        frame_rows.append((i, 0 if video is None else video[i], number, start, len(instances)))
    nodes = [{"name": part, "weight": 1.0} for part in PARTS]
    project = {"version": "2.0.0", "nodes": nodes, "skeletons": [{"nodes": [{"id": i} for i in range(len(PARTS))]}]}
    with h5py.File(folder / "walk.slp", "w") as file:
        file["frames"], file["instances"] = np.array(frame_rows, dtype=FRAME), np.array(instances, dtype=INSTANCE)
        file["points"] = np.array(rows[True], dtype=POINT)
        file["pred_points"] = np.array(rows[False], dtype=[*POINT, ("score", "f8")])
        file["tracks_json"] = np.array([json.dumps([0, name]).encode() for name in tracks], dtype=h5py.string_dtype())
        file.create_group("metadata").attrs["format_id"] = version
        file["metadata"].attrs["json"] = np.bytes_(json.dumps(project).encode())
    return folder / "walk.slp"


def test_sleap_labels_by_track(tmp_path):
    a, b = POINTS[:, 0]
    hidden = b.copy()
    hidden[1] = np.nan
    read = read_movement(labels(tmp_path, {1: [(a, 0, False, -1), (b, 1, False, -1)], 3: [(hidden, 1, False, -1)]}))
    expected = np.full((2, 4, 3, 2), np.nan)
    expected[0, 1], expected[1, 1], expected[1, 3] = a, b, hidden
    np.testing.assert_allclose(read.joints, expected * FLIP, rtol=1e-6)
    assert read.joint_names == PARTS
    assert said(read, "persons") == "ann, bob"
    assert read.confidence is not None
    assert read.confidence[0, 1].tolist() == [0.5] * 3


def test_sleap_people_without_tracks_are_all_kept(tmp_path):
    a, b = POINTS[:, 0]
    read = read_movement(labels(tmp_path, {0: [(a, -1, False, -1), (b, -1, False, -1)]}, tracks=()))
    np.testing.assert_allclose(read.joints[:, 0], np.stack([a, b]) * FLIP, rtol=1e-6)
    assert "nothing is tracked" in said(read, "persons")


def test_sleap_a_users_instance_stands_for_the_predicted_one(tmp_path):
    a, b = POINTS[:, 0]
    read = read_movement(labels(tmp_path, {0: [(a, -1, False, -1), (b, -1, True, 0)]}, tracks=()))
    np.testing.assert_allclose(read.joints[:, 0], b[None] * FLIP, rtol=1e-6)
    read = read_movement(labels(tmp_path, {0: [(a, 0, False, -1), (b, 0, True, -1)]}))
    np.testing.assert_allclose(read.joints[:, 0], b[None] * FLIP, rtol=1e-6)


def test_sleap_older_files_count_from_a_pixels_corner(tmp_path):
    a = POINTS[0, 0]
    read = read_movement(labels(tmp_path, {0: [(a, 0, False, -1)]}, version=1.0))
    np.testing.assert_allclose(read.joints[0, 0], (a - 0.5) * FLIP, rtol=1e-6)


def test_broken_sleap_labels(tmp_path):
    import h5py

    a = POINTS[0, 0]
    frames = {0: [(a, 0, False, -1)], 1: [(a, 0, False, -1)]}
    refused(labels(tmp_path, frames, video=[0, 1]), "labels of 2 videos.*sleap-convert")
    refused(labels(tmp_path, frames, version=3.0), "version 3 of the format; 3 is too new")
    refused(labels(tmp_path, {0: [(a[:2], 0, False, -1)]}), "3 points are needed, got 2 .*frame 0")
    refused(labels(tmp_path, {0: []}), "there is nobody in any of the 1 frames")
    refused(labels(tmp_path, {10**15: [(a, 0, False, -1)]}), "frame 1000000000000000 is too far from the first")
    for name, value, message in (
        ("instances", np.zeros(2, dtype=[("track", "i4")]), "the field 'instance_id' is missing"),
        ("frames", np.zeros((2, 2)), "the field 'video' is missing"),
        ("frames", np.array([(0, 0, 0, 0, 9)], dtype=FRAME), "instance 8 of 2"),
        ("pred_points", np.zeros(6), "the fields 'x', 'y' and 'visible' are needed"),
    ):
        path = labels(tmp_path, frames)
        with h5py.File(path, "a") as file:
            del file[name]
            file[name] = value
        refused(path, message)
    for attribute, message in (
        ("{", "not JSON"),
        ("{}", "a list of nodes is needed"),
        (None, "description of the project"),
    ):
        path = labels(tmp_path, frames)
        with h5py.File(path, "a") as file:
            del file["metadata"].attrs["json"]
            if attribute is not None:
                file["metadata"].attrs["json"] = attribute
        refused(path, message)


# --- movement's own files


def netcdf(
    folder: Path, points: np.ndarray, sure: np.ndarray | None, *, singular: bool = False, fps: float = 0
) -> Path:
    import h5py

    keypoint, individual = ("keypoint", "individual") if singular else ("keypoints", "individuals")
    scales = {
        "time": np.arange(points.shape[1]) / (fps or 1),
        "space": np.array([b"x", b"y", b"z"][: points.shape[3]], dtype=h5py.string_dtype()),
        keypoint: np.array([part.encode() for part in PARTS], dtype=h5py.string_dtype()),
        individual: np.array([person.encode() for person in PEOPLE[: len(points)]], dtype=h5py.string_dtype()),
    }
    with h5py.File(folder / "walk.nc", "w") as file:
        for name, value in scales.items():
            file[name] = value
            file[name].make_scale(name)
        file["position"] = points.transpose(1, 3, 2, 0)
        arrays = {"position": ("time", "space", keypoint, individual)}
        if sure is not None:
            file["confidence"] = sure.transpose(1, 2, 0)
            arrays["confidence"] = ("time", keypoint, individual)
        for name, axes in arrays.items():
            for i, axis in enumerate(axes):
                file[name].dims[i].attach_scale(file[axis])
        file.attrs["source_software"] = np.bytes_(b"LightningPose")
        if fps:
            file.attrs["fps"], file.attrs["time_unit"] = np.array([fps]), np.bytes_(b"seconds")
    return folder / "walk.nc"


@pytest.mark.parametrize("singular", [True, False])
def test_movements_own_files(tmp_path, singular):
    read = read_movement(netcdf(tmp_path, POINTS, SURE, singular=singular, fps=50.0))
    check(read)
    assert read.rate == 50.0
    assert read.times is not None
    np.testing.assert_allclose(read.times, np.arange(4) / 50)
    assert (said(read, "persons"), said(read, "version")) == ("ann, bob", "points of LightningPose")
    space = RNG.normal(size=(1, 4, 3, 3))
    path = netcdf(tmp_path, space, np.full((1, 4, 3), np.nan))
    refused(path, "movement does not state the unit")
    read = read_movement(path, unit="m")
    np.testing.assert_allclose(read.joints, space * [1, -1, -1], rtol=1e-5)
    assert (read.times, read.rate, read.confidence) == (None, 0.0, None)


def test_broken_files_of_movement(tmp_path):
    import h5py

    path = netcdf(tmp_path, POINTS, SURE)
    with h5py.File(path, "a") as file:
        del file["keypoints"]
    refused(path, "do not fit the positions|an axis is called|not a complete")
    path = netcdf(tmp_path, POINTS, SURE)
    with h5py.File(path, "a") as file:
        file["space"][0] = b"u"
    refused(path, "the axes x, y and perhaps z are needed, got u, y")
    with h5py.File(path, "w") as file:
        file["position"] = np.zeros((2, 2, 3, 4))
    refused(path, "an axis is called ''")


def test_a_missing_library_is_said(tmp_path, monkeypatch):
    path = analysis(tmp_path)
    monkeypatch.setitem(sys.modules, "h5py", None)
    refused(path, r'need the library h5py .*pip install "zsar_kit\[mocap\]"')


def test_deeplabcut_by_its_own_door(tmp_path):
    check(read_deeplabcut(dlc_csv(tmp_path, dlc_columns(), dlc_values())))
    refused(analysis(tmp_path), "'df_with_missing' is missing", read=read_deeplabcut)
