"""Clips as people give them: checked, without gaps, and without a calibration pose at the start."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32

from zsar_kit.data.doctor.presence import presence
from zsar_kit.data.joints import layout as joint_layout
from zsar_kit.data.joints import to_ntu25
from zsar_kit.data.orientation import distinct_places, present
from zsar_kit.errors import DataError
from zsar_kit.primitives.signals import (
    dot,
    length,
    unit,
)

#: a joint that was not found in more than this share of a person's frames is lost: nothing is measured by it
LOST_SHARE = 0.5
NTU = {name: i for i, name in enumerate(joint_layout("ntu25").joints)}


def available(layout: str) -> frozenset[str]:
    """What a layout has of ``head`` and ``hands``: places of their own, not those of wrists or shoulders."""
    weights = to_ntu25(layout)
    hands = not np.array_equal(weights[NTU["hand_left"]], weights[NTU["wrist_left"]])
    head = not np.array_equal(weights[NTU["head"]], weights[NTU["spine_shoulder"]])
    return frozenset(name for name, there in (("hands", hands), ("head", head)) if there)


def require_shape(clip: np.ndarray, layout: str, name: str) -> None:
    """Raise a :class:`DataError` unless a clip is ``[person, frame, joint, xyz]`` with the joints of its layout."""
    joints = len(joint_layout(layout))
    if clip.ndim != 4 or clip.shape[2:] != (joints, 3):
        problem = f"a clip of layout {layout} must be [person, frame, {joints}, 3], got {list(clip.shape)}"
        raise DataError(problem, where=name, remedy="Check the joint layout, and the order of the axes.")


def acting_first(clip: np.ndarray, name: str) -> list[int]:
    """Numbers of the one or two persons of a clip, the one with the longer path of all joints first.

    Raises:
        DataError: nobody is there, or a coordinate is not finite.
    """
    if not np.isfinite(clip).all():
        raise DataError("a coordinate is not finite", where=name, remedy="Write 0, 0, 0 for a joint that was not seen.")
    there = present(clip)
    somebody = np.flatnonzero(there.any(1))
    persons = somebody[distinct_places(clip[somebody])].tolist()
    if not persons:
        raise DataError("there is nobody in this clip", where=name, remedy="Leave it out.")
    if len(persons) == 1:
        return persons
    moved = [float(length(np.diff(without_gaps(clip[p]), axis=0)).sum()) for p in persons]
    order = np.argsort(moved, kind="stable")[::-1][:2]
    return [persons[i] for i in order]


def after_calibration(body: Float32[np.ndarray, "frame 25 3"], rate: float) -> int:
    """The first frame after a calibration pose: recordings of some systems begin with both arms spread straight out.

    Only where the first frame shows that pose and both arms hang within 1.5 seconds; the clip then begins where they
    hang most. An act that begins with spread arms goes on with them.
    """
    shoulder, hip = body[:, NTU["spine_shoulder"]], body[:, NTU["spine_base"]]
    for side in ("right", "left"):
        start = body[:1, NTU[f"shoulder_{side}"]]
        arm, upper = (unit(body[:1, NTU[f"{end}_{side}"]] - start) for end in ("wrist", "elbow"))
        if dot(arm, unit(start - shoulder[:1])).item() < 0.75 or dot(arm, upper).item() < 0.85:
            return 0
    early = slice(0, max(2, round(1.5 * rate)))
    down = unit(hip[early] - shoulder[early])
    arms = [body[early, NTU[f"hand_{side}"]] - body[early, NTU[f"shoulder_{side}"]] for side in ("right", "left")]
    hanging = np.min([dot(unit(arm), down) for arm in arms], axis=0)
    return int(hanging.argmax()) if hanging.max() > 0.85 else 0


def without_gaps(person: Float32[np.ndarray, "frame joint 3"]) -> Float32[np.ndarray, "frame joint 3"]:
    """Joints at exactly (0, 0, 0) while others are not were not seen: they keep their last place (or get their first).

    A joint that is never seen stays at the origin of what is there.
    """
    missing = ~(person != 0).any(-1)
    if not missing.any():
        return person
    frame = np.arange(len(person))[:, None]
    last = np.maximum.accumulate(np.where(missing, -1, frame), axis=0)
    first = np.where(missing.all(0), 0, (~missing).argmax(0))
    source = np.where(last >= 0, last, first)
    return np.take_along_axis(person, source[..., None], axis=0)


def not_seen(clip: np.ndarray, layout: str) -> Bool[np.ndarray, "person frame joint"]:
    """Joints at exactly (0, 0, 0) of persons who are there; a clip that is centred on a joint keeps it."""
    if not (clip == 0).all(axis=-1).any():
        return np.zeros(clip.shape[:3], dtype=bool)
    return presence(clip, joint_layout(layout)).missing


def lost_joints(
    person: Float32[np.ndarray, "frame joint 3"], missing: Bool[np.ndarray, "frame joint"], layout: str
) -> Bool[np.ndarray, " 25"]:
    """Which joints of NTU RGB+D were not found for most of a person's frames.

    A joint that is made of several was found where all of them were.
    """
    made_of = to_ntu25(layout) > 0
    lacking = (missing[present(person[None])[0]].astype(np.float32) @ made_of.T.astype(np.float32)) > 0
    return np.asarray(lacking.mean(axis=0) > LOST_SHARE)


def with_legs_drawn_in(
    body: Float32[np.ndarray, "frame 25 3"], lost: Bool[np.ndarray, " 25"]
) -> Float32[np.ndarray, "frame 25 3"]:
    """The body with a leg that was not seen at its hip, so that a made-up leg does not say which way is up."""
    body = body.copy()
    for side in ("left", "right"):
        leg = [NTU[f"{joint}_{side}"] for joint in ("knee", "ankle", "foot")]
        if lost[leg[:2]].any():
            body[:, leg] = body[:, NTU[f"hip_{side}"]][:, None]
    return body
