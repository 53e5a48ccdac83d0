"""What readers of pose estimators share: JSON, people who come and go, pictures and cameras, confidence."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32

from zsar_kit.data.array_shape import layout_advice
from zsar_kit.data.foreign.shared import Stated, distinct, in_metres, metres_of, read_text
from zsar_kit.data.joints import layout as joint_layout
from zsar_kit.data.joints import layout_of_names, matched_joints
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError
from zsar_kit.reprs import listed, shortened

#: people of one frame: who -> ``[joint, axes + 1]``, the last column is confidence (NaN: not said)
People = Mapping[Hashable, np.ndarray]

_2D_BY_COUNT = {17: "coco_17", 26: "halpe_26"}
_3D_BY_COUNT = {17: "h36m_17"}
#: the most numbers of a clip, so that a wrong frame number or a bomb ends in a message and not in a full memory
MOST_VALUES = 2**28
#: a half turn about x: x to the right, y down and z away become x to the right, y up and z towards the camera
CAMERA = np.diag([1.0, -1.0, -1.0])
CAMERA_SAID = "file: x right, y down, z away from the camera; here a half turn about x: y up, z towards it"
PICTURE_SAID = "2-D, file: x right, y down; here y is negated and so up"
PIXELS, SHARES = "pixels of the picture", "shares of the picture's width and height"
ORDER_IS_NOT_IDENTITY = "nothing is tracked: the order of the people in a frame, which need not be the same one"
TRACKED = "by the identities in the file"


def read_json(path: str | Path) -> Any:
    """The content of a JSON file.

    Raises:
        DataError: the file is empty, cut short, or no JSON.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        remedy = "The file may be cut short, or be of another format: write it again."
        raise DataError(f"not a complete JSON file: {error.msg} at {place}", where=path, remedy=remedy) from None
    except RecursionError:
        raise DataError("the JSON is nested too deeply to be poses", where=path) from None


def kind(value: object) -> str:
    """What a JSON value is, for messages: ``a list of 3``, ``an object with the keys a, b``, ``the text 'x'``."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object with the keys {shortened(listed(list(value)))}" if value else "an empty object"
    if isinstance(value, str):
        return f"the text {shortened(value, 40)!r}"
    return "nothing" if value is None else f"{shortened(value, 40)}"


def a_list(value: object, where: str, of: str) -> list[Any]:
    """The value, which must be a list.

    Raises:
        DataError: it is not; ``where`` names file, frame and key, ``of`` what the list should hold.
    """
    if not isinstance(value, list):
        raise DataError(f"a list of {of} is needed, got {kind(value)}", where=where)
    return value


def an_object(value: object, where: str, of: str) -> dict[str, Any]:
    """The value, which must be a JSON object.

    Raises:
        DataError: it is not; ``where`` names file, frame and key, ``of`` what it should describe.
    """
    if not isinstance(value, dict):
        raise DataError(f"an object with {of} is needed, got {kind(value)}", where=where)
    return value


def numbers(value: object, where: str) -> np.ndarray:
    """A list of numbers, or of lists of numbers of one length, as float64; null is NaN.

    Raises:
        DataError: something else, or an infinite number.
    """
    rows = a_list(value, where, "numbers")
    try:
        array = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        remedy = "Lists of numbers must be of one length, without texts or objects between them."
        raise DataError("not a list of numbers", where=where, remedy=remedy) from None
    if np.isinf(array).any():
        raise DataError("an infinite number", where=where)
    return array


def gathered(
    frames: Sequence[People], joints: int, axes: int, where: str | Path
) -> tuple[Float[np.ndarray, "person frame joint axis"], Float[np.ndarray, "person frame joint"]]:
    """People of each frame in one array, each person in a row of his or her own, in order of first appearance.

    Args:
        frames: who is in each frame.
        joints, axes: of each person's points.
        where: the file, for the message.

    Returns:
        Points and confidence; NaN where a person is absent.

    Raises:
        DataError: nobody is in any frame, or so many people or frames that the array would not fit.
    """
    rows: dict[Hashable, int] = {}
    for people in frames:
        for person in people:
            rows.setdefault(person, len(rows))
    if not rows:
        problem = f"there is nobody in any of the {len(frames)} frames" if frames else "there is no frame"
        raise DataError(problem, where=where)
    if (size := len(rows) * len(frames) * joints * (axes + 1)) > MOST_VALUES:
        problem = f"{len(rows)} persons in {len(frames)} frames make {size} numbers; {MOST_VALUES} are the most"
        raise DataError(problem, where=where, remedy="Cut the clip, or keep the people who matter.")
    content = np.full((len(rows), len(frames), joints, axes + 1), np.nan)
    for i, people in enumerate(frames):
        for person, points in people.items():
            content[rows[person], i] = points
    return content[..., :axes], content[..., axes]


def spread(rows: np.ndarray, frame_numbers: Sequence[int], where: str | Path) -> np.ndarray:
    """Rows ``[frame, ...]`` put at their frame numbers, counted from the first; frames that are missing are NaN.

    Raises:
        DataError: a number comes twice or not in ascending order, or the array would not fit.
    """
    steps = np.diff(np.asarray(frame_numbers, dtype=np.int64))
    if (steps < 1).any():
        after = frame_numbers[int(np.argmax(steps < 1))]
        raise DataError(f"frame {after} is followed by one that is not later", where=where)
    count = int(frame_numbers[-1]) - int(frame_numbers[0]) + 1
    if count * max(1, rows[0].size) > MOST_VALUES:
        raise DataError(f"frames {frame_numbers[0]} to {frame_numbers[-1]} are too many", where=where)
    result = np.full((count, *rows.shape[1:]), np.nan)
    result[np.asarray(frame_numbers, dtype=np.int64) - int(frame_numbers[0])] = rows
    return result


def stated_unit(unit: str, form: str, where: str | Path) -> tuple[float, str]:
    """Metres of the unit of 3-D points in a format that does not state it, and the words for ``Recording.stated``.

    Raises:
        DataError: no unit, or not one.
    """
    if not unit:
        remedy = "Say it, as --unit mm, in Python unit='mm': m, cm, mm, in, ft, or the metres of one unit, as 0.0254."
        raise DataError(f"{form} does not state the unit of its 3-D points", where=where, remedy=remedy)
    return metres_of(unit, where), f"{unit}, as the caller says; the file does not say"


def turned(
    points: Float[np.ndarray, "person frame joint 3"], metres: float, turn: Float[np.ndarray, "3 3"], where: str | Path
) -> Float32[np.ndarray, "person frame joint 3"]:
    """:func:`zsar_kit.data.foreign.shared.in_metres` for several persons.

    Raises:
        DataError: a coordinate is too large for float32.
    """
    flat = points.reshape(-1, *points.shape[2:])
    return in_metres(flat, metres, turn, where)[0].reshape(points.shape)


def picture(
    points: Float[np.ndarray, "person frame joint 2"], where: str | Path
) -> Float32[np.ndarray, "person frame joint 2"]:
    """Points of a picture, where y runs downwards, with y up.

    Raises:
        DataError: a coordinate is too large for float32.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        flipped = (points * [1.0, -1.0]).astype(np.float32)
    if np.isinf(flipped).any():
        raise DataError("a coordinate is too large", where=where)
    return flipped


def layout_by_count(count: int, axes: int, layout: str, where: str | Path) -> tuple[tuple[str, ...], str, str]:
    """Names of key points that a file does not name, their layout, and how that was told.

    Args:
        count, axes: of the key points. 17 in 2-D are ``coco_17``, 26 are ``halpe_26`` and 17 in 3-D ``h36m_17``.
        layout: what they are, as the caller says; empty to guess.
        where: the file, for the message.

    Raises:
        DataError: the layout has another number of joints, or none is usual for so many key points.
    """
    if layout:
        joints = joint_layout(layout).joints
        if len(joints) != count:
            problem = f"the layout {layout!r} has {len(joints)} joints, the file {count} key points"
            raise DataError(problem, where=where, remedy=layout_advice(count))
        return joints, layout, "as the caller says"
    guess = (_3D_BY_COUNT if axes == 3 else _2D_BY_COUNT).get(count)
    if guess is None:
        problem = f"the file does not name its {count} key points"
        raise DataError(problem, where=where, remedy=layout_advice(count))
    return joint_layout(guess).joints, guess, f"guessed by the number of key points, {count}: the file names none"


def recorded(
    path: str | Path,
    joints: np.ndarray,
    names: Sequence[str],
    stated: Stated,
    *,
    layout: str = "",
    confidence: np.ndarray | None = None,
    rate: float = 0.0,
    times: np.ndarray | None = None,
) -> Recording:
    """A recording of what was read, in a layout of the kit if the names are those of one.

    Args:
        path: the file, whose name is the sample's.
        joints: float32 ``[person, frame, joint, axis]``, in the kit's directions. Of a point with only some
            coordinates nothing is kept.
        names: of the joints, as the file has them, in the order of the array.
        stated: what the file says.
        layout: the layout that ``joints`` are in already; by default it is found by the names, in any order.
        confidence: ``[person, frame, joint]``; None, or all NaN, where the file has none. Estimators may go a little
            beyond 1, which is cut off and said.
        rate, times: see :class:`Recording`.

    Raises:
        DataError: the rate is negative or not finite, or no joint is there at all.
    """
    if not 0 <= rate < np.inf:
        raise DataError(f"a rate is a number of frames a second, got {rate:g}", where=path)
    joints = joints.copy()
    joints[np.isnan(joints).any(axis=-1)] = np.nan
    if np.isnan(joints[..., 0]).all():
        raise DataError(f"no joint was found in any of the {joints.shape[1]} frames", where=path)
    sureness, sureness_said = _confidence(confidence)
    kept, order = distinct(names), np.arange(len(names))
    found = layout or layout_of_names(kept)
    if found and not layout:
        order = np.array(matched_joints(kept, joint_layout(found).joints), dtype=np.int64)
    missing = int(np.isnan(joints[..., 0]).sum())
    return Recording(
        sample=Path(path).stem,
        joints=np.ascontiguousarray(joints[:, :, order]),
        joint_names=joint_layout(found).joints if found else kept,
        layout=found,
        rate=float(rate),
        times=times,
        confidence=None if sureness is None else np.ascontiguousarray(sureness[:, :, order]),
        stated=(
            *stated,
            ("rate", f"{rate:g} frames/s" if rate else "not known"),
            ("joint names", f"{listed(names)} ({found or 'no layout of the kit'})"),
            ("missing points", f"{missing} of {joints[..., 0].size} (NaN here)" if missing else "none"),
            ("confidence", sureness_said),
        ),
    )


def _confidence(confidence: np.ndarray | None) -> tuple[np.ndarray | None, str]:
    """Confidence in 0..1 and the words for it; 0 where it is not known, as where nobody is."""
    if confidence is None or np.isnan(confidence).all():
        return None, "none"
    outside = int(((confidence < 0) | (confidence > 1)).sum())
    said = f"in the file; {outside} values outside 0..1 cut off" if outside else "in the file"
    return np.clip(np.nan_to_num(confidence, nan=0.0), 0, 1).astype(np.float32), said
