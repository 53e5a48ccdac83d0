"""Reader of NW-UCLA's skeletons: 1484 JSON files, 10 actions, 10 subjects, 3 views, one person.

90 sequences have fewer than 16 frames and some a single one; they are kept.
"""

from __future__ import annotations

import json
import re

import numpy as np

from zsar_kit.data.readers.files import FETCH_AGAIN, RawFormat
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.errors import DataError

# Raw action numbers of the file names; the position is the class id.
ACTIONS = (1, 2, 3, 4, 5, 6, 8, 9, 11, 12)


def _parse(content: bytes, match: re.Match[str], where: str) -> SkeletonSequence:
    action, subject, episode, view = (int(group) for group in match.groups())
    if action not in ACTIONS:
        raise DataError(f"NW-UCLA has no action {action}; it has {ACTIONS}", where=where, remedy="Rename or remove it.")
    try:
        clip = json.loads(content)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"not complete JSON: {error}", where=where, remedy=FETCH_AGAIN) from None
    if not isinstance(clip, dict) or "skeletons" not in clip:
        raise DataError("the key 'skeletons' is missing", where=where, remedy=FETCH_AGAIN)
    label = ACTIONS.index(action)
    if clip.get("label", label + 1) != label + 1:
        problem = f"the name says action {action} (label {label + 1}), the file says label {clip['label']!r}"
        raise DataError(problem, where=f"{where}, key 'label'", remedy="One of them is wrong; repair or remove it.")
    try:
        joints = np.array(clip["skeletons"], dtype=np.float32)
    except (ValueError, TypeError) as error:
        problem = f"'skeletons' must be numbers [frame][20][3]: {error}"
        raise DataError(problem, where=f"{where}, key 'skeletons'", remedy=FETCH_AGAIN) from None
    sample = match.string.removesuffix(".json")
    if joints.ndim != 3 or joints.shape[1:] != (20, 3):
        problem = f"'skeletons' must be numbers [frame][20 joints][3], got {list(joints.shape)}"
        raise DataError(problem, where=f"{where}, key 'skeletons'", remedy=FETCH_AGAIN)
    return SkeletonSequence(sample, joints[None], label=label, subject=subject, camera=view, replication=episode)


NW_UCLA = RawFormat(
    dataset="nw_ucla",
    layout="kinect_v1_20",
    suffix=".json",
    name=re.compile(r"a(\d+)_s(\d+)_e(\d+)_v(\d+)\.json"),
    shown="aAA_sSS_eEE_vVV.json",
    complete=1484,
    parse=_parse,
)
