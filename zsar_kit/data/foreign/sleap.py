"""Reader of SLEAP's files: the analysis export ``.h5`` and the project or predictions ``.slp``, both HDF5.

A track is a person. In a ``.slp`` file people may have no track: each is then kept, by his or her place in the frame. A
frame's instance that a user placed stands for the predicted one that it corrects.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from zsar_kit.data.foreign.hdf5 import array, from_json, numeric, opened, texts
from zsar_kit.data.foreign.points import (
    MOST_VALUES,
    ORDER_IS_NOT_IDENTITY,
    PICTURE_SAID,
    PIXELS,
    People,
    a_list,
    an_object,
    gathered,
    picture,
    recorded,
)
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError
from zsar_kit.reprs import listed

ANALYSIS, LABELS = ("tracks", "node_names"), ("frames", "instances")
#: the order of the axes of exports without the attribute ``dims``, and of older ones that were not transposed
_USUAL, _OLD = ("track", "xy", "node", "frame"), ("frame", "node", "xy", "track")
#: newer ones keep their points otherwise
_NEWEST = 3.0
_USER, _PREDICTED = 0, 1


def read_sleap(path: str | Path, *, rate: float = 0.0) -> Recording:
    """The tracks of a SLEAP file, in 2-D.

    Args:
        path: the analysis export, or a ``.slp`` file.
        rate: frames a second, which the file does not say.

    Returns:
        A track a person; NaN where a point is not visible or the track is absent. Scores of points are the confidence.
        Frames count from the video's first one.

    Raises:
        DataError: h5py is missing; the file is cut short, of another format or newer than 2; it has several skeletons
            or labels of several videos; nobody is in it.
    """
    path = Path(path)
    with opened(path) as file:
        if all(name in file for name in ANALYSIS):
            return _analysis(file, path, rate)
        if all(name in file for name in LABELS):
            return _labels(file, path, rate)
        problem = f"neither an analysis export of SLEAP nor its labels; there are {listed(list(file)) or 'no arrays'}"
        raise DataError(problem, where=path)


def _stated(form: str, version: str, persons: str) -> tuple[tuple[str, str], ...]:
    return (
        ("format", f"SLEAP, {form}"),
        ("version", version),
        ("unit", PIXELS),
        ("axes", PICTURE_SAID),
        ("origin", "upper left corner of the picture"),
        ("first frame", "0"),
        ("persons", persons),
    )


def _analysis(file: Any, path: Path, rate: float) -> Recording:
    tracks = numeric(array(file, "tracks", path), 4, "tracks", path)
    order = _axes_of(file, path)
    if tracks.shape[order.index("xy")] != 2:
        problem = f"an axis of x and y is needed, got {list(tracks.shape)} as {', '.join(order)}"
        raise DataError(problem, where=f"{path}, 'tracks'")
    points = tracks.transpose([order.index(axis) for axis in ("track", "frame", "node", "xy")])
    nodes = texts(array(file, "node_names", path), "node_names", path)
    if len(nodes) != points.shape[2] or not points.size:
        problem = f"{len(nodes)} names of nodes, but {points.shape[2]} nodes in an array of {points.size} numbers"
        raise DataError(problem, where=f"{path}, 'tracks'")
    names = texts(array(file, "track_names", path), "track_names", path) if "track_names" in file else ()
    confidence = None
    if "point_scores" in file:
        scores = numeric(array(file, "point_scores", path), 3, "point_scores", path)
        flat = [axis for axis in order if axis != "xy"]
        confidence = scores.transpose([flat.index(axis) for axis in ("track", "frame", "node")])
        if confidence.shape != points.shape[:3]:
            raise DataError(f"shape {list(scores.shape)} does not fit 'tracks'", where=f"{path}, 'point_scores'")
    stated = _stated("analysis export", "not stated", listed(names) if names else "one, not tracked")
    return recorded(path, picture(points, path), nodes, stated, confidence=confidence, rate=rate)


def _axes_of(file: Any, path: Path) -> tuple[str, ...]:
    said = file["tracks"].attrs.get("dims")
    if said is None:
        return _USUAL if bool(file.attrs.get("transpose", True)) else _OLD
    where = f"{path}, 'tracks', attribute 'dims'"
    dims = tuple(str(axis) for axis in a_list(from_json(said, where), where, "axes"))
    if sorted(dims) != sorted(_USUAL):
        raise DataError(f"the axes {', '.join(_USUAL)} are needed, got {listed(dims)}", where=where)
    return dims


def _labels(file: Any, path: Path, rate: float) -> Recording:
    version, nodes = _project(file, path)
    tracks = [
        str(from_json(text, f"{path}, 'tracks_json'")[1])
        for text in (texts(array(file, "tracks_json", path), "tracks_json", path) if "tracks_json" in file else ())
    ]
    frames = _fields(file, "frames", ("video", "frame_idx", "instance_id_start", "instance_id_end"), path)
    names = ("instance_id", "instance_type", "skeleton", "track", "from_predicted", "point_id_start", "point_id_end")
    instances = _fields(file, "instances", names, path)
    if len(np.unique(frames["video"])) > 1:
        problem = f"labels of {len(np.unique(frames['video']))} videos"
        raise DataError(
            problem, where=path, remedy="Export the analysis of each video: sleap-convert --format analysis."
        )
    if len(np.unique(instances["skeleton"])) > 1:
        raise DataError("instances of several skeletons", where=path)
    # Before 1.1 a pixel's corner was at whole numbers, since then its middle is.
    shift = 0.5 if version < 1.1 else 0.0
    points = {
        _USER: _points(file, "points", shift, path),
        _PREDICTED: _points(file, "pred_points", shift, path),
    }
    if int(frames["frame_idx"].max(initial=0)) > MOST_VALUES // max(1, len(nodes)):
        raise DataError(f"frame {int(frames['frame_idx'].max())} is too far from the first", where=path)
    people: list[People] = [{} for _ in range(int(frames["frame_idx"].max(initial=-1)) + 1)]
    untracked = False
    for i in range(len(frames["frame_idx"])):
        place = f"{path}, frame {int(frames['frame_idx'][i])}"
        rows = range(int(frames["instance_id_start"][i]), int(frames["instance_id_end"][i]))
        if rows and rows[-1] >= len(instances["track"]):
            raise DataError(f"instance {rows[-1]} of {len(instances['track'])}", where=place)
        chosen = _chosen(instances, rows)
        found: dict[Any, np.ndarray] = {}
        for order, row in enumerate(chosen):
            track = int(instances["track"][row])
            untracked = untracked or track < 0
            start, end = int(instances["point_id_start"][row]), int(instances["point_id_end"][row])
            values = points[int(instances["instance_type"][row])]
            if end - start != len(nodes) or end > len(values):
                raise DataError(f"{len(nodes)} points are needed, got {min(end, len(values)) - start}", where=place)
            key = ("track", track) if track >= 0 else ("place", order)
            found[key] = values[start:end]
        people[int(frames["frame_idx"][i])] = found
    content, confidence = gathered(people, len(nodes), 2, path)
    persons = listed(tracks) if tracks else "no tracks"
    stated = _stated("labels", f"{version:g}", f"{persons}; {ORDER_IS_NOT_IDENTITY}" if untracked else persons)
    return recorded(path, picture(content, path), nodes, stated, confidence=confidence, rate=rate)


def _project(file: Any, path: Path) -> tuple[float, tuple[str, ...]]:
    """Version of the file's format, and names of the skeleton's nodes."""
    where = f"{path}, 'metadata'"
    attributes = file["metadata"].attrs if "metadata" in file else {}
    if "json" not in attributes:
        raise DataError("the description of the project is missing", where=where)
    version = float(np.ravel(attributes.get("format_id", 1.0))[0])
    if not version < _NEWEST:
        remedy = "Export the analysis: sleap-convert --format analysis."
        raise DataError(f"version {version:g} of the format; {_NEWEST:g} is too new", where=where, remedy=remedy)
    content = an_object(from_json(attributes["json"], where), where, "nodes and skeletons")
    every = a_list(content.get("nodes"), f"{where}, key 'nodes'", "nodes")
    skeletons = a_list(content.get("skeletons"), f"{where}, key 'skeletons'", "skeletons")
    if len(skeletons) != 1:
        raise DataError(f"{len(skeletons)} skeletons; one is needed", where=where)
    rows = a_list(an_object(skeletons[0], where, "nodes").get("nodes"), f"{where}, skeleton", "nodes")
    names: list[str] = []
    for row in rows:
        place = an_object(row, f"{where}, skeleton", "'id'").get("id")
        if not isinstance(place, int) or not 0 <= place < len(every):
            raise DataError(f"node {place!r} of {len(every)}", where=f"{where}, skeleton")
        names.append(str(an_object(every[place], where, "'name'").get("name")))
    if not names:
        raise DataError("the skeleton has no nodes", where=where)
    return version, tuple(names)


def _fields(file: Any, name: str, wanted: tuple[str, ...], path: Path) -> dict[str, np.ndarray]:
    """Whole numbers of a table, by field."""
    table = array(file, name, path)
    fields = table.dtype.names or ()
    if lacking := [field for field in wanted if field not in fields]:
        raise DataError(f"the field {lacking[0]!r} is missing", where=f"{path}, {name!r}")
    result = {field: numeric(table[field], 1, f"{name}/{field}", path) for field in wanted}
    if any(np.isnan(values).any() or (np.abs(values) > 2**53).any() for values in result.values()):
        raise DataError("a number that counts nothing", where=f"{path}, {name!r}")
    least = {"track": -1, "from_predicted": -1}
    for field, values in result.items():
        if (values < least.get(field, 0)).any():
            raise DataError(f"{field!r} is negative", where=f"{path}, {name!r}")
    if wanted[1] == "instance_type" and not np.isin(result["instance_type"], (_USER, _PREDICTED)).all():
        raise DataError("an instance that is neither a user's nor predicted", where=f"{path}, {name!r}")
    return {field: values.astype(np.int64) for field, values in result.items()}


def _points(file: Any, name: str, shift: float, path: Path) -> np.ndarray:
    """``[point, x y score]`` with NaN for points that are not visible; a user's points have no score."""
    if name not in file:
        return np.empty((0, 3))
    table = array(file, name, path)
    fields = table.dtype.names or ()
    if not {"x", "y", "visible"} <= set(fields):
        raise DataError("the fields 'x', 'y' and 'visible' are needed", where=f"{path}, {name!r}")
    columns = [numeric(table[axis], 1, f"{name}/{axis}", path) - shift for axis in ("x", "y")]
    score = numeric(table["score"], 1, f"{name}/score", path) if "score" in fields else np.full(len(table), np.nan)
    points = np.column_stack([*columns, score])
    points[~table["visible"].astype(bool), :2] = np.nan
    return points


def _chosen(instances: dict[str, np.ndarray], rows: range) -> list[int]:
    """Instances of a frame without predicted ones that a user corrected, and a user's before another of the track."""
    corrected = {int(instances["from_predicted"][row]) for row in rows} - {-1}
    kept = [row for row in rows if int(instances["instance_id"][row]) not in corrected]
    by_user = {int(instances["track"][row]) for row in kept if instances["instance_type"][row] == _USER} - {-1}
    return [
        row for row in kept if instances["instance_type"][row] == _USER or int(instances["track"][row]) not in by_user
    ]
