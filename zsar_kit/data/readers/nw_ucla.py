"""Reader of NW-UCLA's skeletons: 1484 JSON files, 10 actions, 10 subjects, 3 views, one person.

90 sequences have fewer than 16 frames and some a single one; they are kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from zsar_kit.data.readers.files import FETCH_AGAIN, RawFormat, read_files
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.errors import DataError

# Raw action numbers of the file names; the position is the class id.
ACTIONS = (1, 2, 3, 4, 5, 6, 8, 9, 11, 12)


def _parse(path: Path, match: re.Match[str]) -> SkeletonSequence:
    action, subject, episode, view = (int(group) for group in match.groups())
    if action not in ACTIONS:
        raise DataError(f"NW-UCLA has no action {action}; it has {ACTIONS}", where=path, remedy="Rename or remove it.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"not whole JSON: {error}", where=path, remedy=FETCH_AGAIN) from None
    if not isinstance(content, dict) or "skeletons" not in content:
        raise DataError("the key 'skeletons' is missing", where=path, remedy=FETCH_AGAIN)
    label = ACTIONS.index(action)
    if content.get("label", label + 1) != label + 1:
        problem = f"the name says action {action} (label {label + 1}), the file says label {content['label']!r}"
        raise DataError(problem, where=f"{path}, key 'label'", remedy="One of both is wrong; repair or remove it.")
    try:
        joints = np.array(content["skeletons"], dtype=np.float32)
    except (ValueError, TypeError) as error:
        problem = f"'skeletons' must be numbers [frame][20][3]: {error}"
        raise DataError(problem, where=f"{path}, key 'skeletons'", remedy=FETCH_AGAIN) from None
    if joints.ndim != 3 or joints.shape[1:] != (20, 3):
        problem = f"'skeletons' must be numbers [frame][20 joints][3], got {list(joints.shape)}"
        raise DataError(problem, where=f"{path}, key 'skeletons'", remedy=FETCH_AGAIN)
    return SkeletonSequence(path.stem, joints[None], label=label, subject=subject, camera=view, replication=episode)


NW_UCLA = RawFormat(
    dataset="nw_ucla",
    layout="kinect_v1_20",
    suffix=".json",
    name=re.compile(r"a(\d+)_s(\d+)_e(\d+)_v(\d+)\.json"),
    shown="aAA_sSS_eEE_vVV.json",
    complete=1484,
    parse=_parse,
)


def read_nw_ucla(
    root: str | Path, *, strict: bool = True, report: list[DataError] | None = None
) -> Iterator[SkeletonSequence]:
    """Sequences of NW-UCLA in layout ``kinect_v1_20``, the view as ``camera``.

    See :func:`zsar_kit.data.readers.files.read_files` for arguments and errors.
    """
    return read_files(NW_UCLA, root, strict=strict, report=report)
