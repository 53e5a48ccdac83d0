"""Reader of AlphaPose's results: one list of people, each with the picture that he or she was found in.

An entry has ``image_id`` (``"12.jpg"`` of a video), ``keypoints`` as ``x, y, score`` in one row, the person's
``score``, and, where AlphaPose tracked, ``idx``. Pictures in which nobody was found have no entry. COCO's results have
this form too.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np

from zsar_kit.data.foreign.points import (
    ORDER_IS_NOT_IDENTITY,
    PICTURE_SAID,
    PIXELS,
    TRACKED,
    a_list,
    an_object,
    gathered,
    kind,
    layout_by_count,
    numbers,
    picture,
    read_json,
    recorded,
    spread,
)
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError

#: Halpe's whole body: the 26 of ``halpe_26``, then 68 of the face and 21 of each hand
WHOLE_BODY, BODY = 136, 26
_NUMBER = re.compile(r"\d+")


def read_alphapose(path: str | Path, *, rate: float = 0.0, layout: str = "") -> Recording:
    """The people of a file of results.

    Args:
        path: the JSON file.
        rate: frames a second, which the file does not say.
        layout: what the key points are. By default 17 are ``coco_17`` and 26 are ``halpe_26``, and of the 136 of
            Halpe's whole body the first 26 are taken.

    Returns:
        Two axes, pixels with y up; scores of the key points are the confidence.

    Raises:
        DataError: the file is cut short or nested otherwise, people differ in their key points, nobody is in it, a
            picture has no number, or the layout cannot be told.
    """
    path = Path(path)
    frames: dict[int, dict[Hashable, np.ndarray]] = {}
    tracked, count = True, 0
    for i, row in enumerate(a_list(read_json(path), str(path), "people")):
        where = f"{path}, entry {i}"
        entry = an_object(row, where, "'image_id' and 'keypoints'")
        if lacking := [key for key in ("image_id", "keypoints") if key not in entry]:
            raise DataError(f"the key {lacking[0]!r} is missing; there is {kind(entry)}", where=where)
        points = numbers(entry["keypoints"], f"{where}, key 'keypoints'").ravel()
        if not len(points) or len(points) % 3 or (count and len(points) != 3 * count):
            problem = f"x, y, score of {count or 'each of the'} key points are needed, got {len(points)} numbers"
            raise DataError(problem, where=f"{where}, key 'keypoints'")
        count = len(points) // 3
        people = frames.setdefault(_frame(entry["image_id"], f"{where}, key 'image_id'"), {})
        identity = _identity(entry.get("idx"))
        tracked = tracked and identity is not None and ("id", identity) not in people
        people[("id", identity) if tracked else ("order", len(people))] = points.reshape(-1, 3)
    if not tracked:  # some were: their order is all that is left
        frames = {number: dict(enumerate(people.values())) for number, people in frames.items()}
    order = sorted(frames)
    body = BODY if count == WHOLE_BODY and not layout else count
    people = [{who: points[:body] for who, points in frames[number].items()} for number in order]
    points, confidence = gathered(people, body, 2, path)
    points, confidence = (spread(one.swapaxes(0, 1), order, path).swapaxes(0, 1) for one in (points, confidence))
    names, found, names_said = layout_by_count(body, 2, layout, path)
    stated = (
        ("format", "AlphaPose results, 2-D"),
        ("unit", PIXELS),
        ("axes", PICTURE_SAID),
        ("origin", "upper left corner of the picture"),
        ("first frame", str(order[0])),
        ("persons", TRACKED if tracked else ORDER_IS_NOT_IDENTITY),
        ("layout", f"{names_said}; of {count} key points those of the body" if body < count else names_said),
    )
    return recorded(path, picture(points, path), names, stated, layout=found, confidence=confidence, rate=rate)


def _frame(image: object, where: str) -> int:
    """The last number in the name of a picture."""
    if isinstance(image, int) and not isinstance(image, bool) and image >= 0:
        return image
    found = _NUMBER.findall(Path(image).stem) if isinstance(image, str) else []
    if not found or len(found[-1]) > 18:
        remedy = "Name pictures by their frame: 0.jpg, 1.jpg, ..."
        raise DataError(f"a picture with a frame number is needed, got {kind(image)}", where=where, remedy=remedy)
    return int(found[-1])


def _identity(value: Any) -> int | None:
    """The number of a person who was tracked; some versions write it as a list of one."""
    values = np.ravel(np.asarray(value, dtype=object)) if isinstance(value, list) else [value]
    one = values[0] if len(values) == 1 else None
    if isinstance(one, bool) or not isinstance(one, int | float) or not float(one).is_integer():
        return None
    return int(one)
