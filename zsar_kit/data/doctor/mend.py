"""Mending: gaps filled, padding and copies taken away, and each step said. What was filled in stays marked."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from zsar_kit.data.doctor.clip_checks import (
    MOST_PERSONS,
    check_shape,
    copies,
    looped_from,
    padded_from,
    same_as_before,
    spans,
)
from zsar_kit.data.doctor.presence import presence
from zsar_kit.data.joints import JointLayout
from zsar_kit.data.joints import layout as joint_layout
from zsar_kit.errors import DataError
from zsar_kit.reprs import counted, listed, shape_of

#: Gaps of one joint up to so many seconds are bridged by a straight line; nobody knows what happened in longer ones.
GAP_SECONDS = 0.5
#: frames a second where the rate is not known: that of Kinect and of most cameras
USUAL_RATE = 30.0


@dataclass(frozen=True, eq=False)
class Mended:
    """A clip without holes.

    Attributes:
        joints: float32 ``[person, frame, joint, 3]``, finite everywhere; a person who is absent from a frame is all 0.
        missing: joints of persons who are there that were not found, and were filled in ``[person, frame, joint]``.
        held: those of them that were not between two sightings close in time, but held in their place relative to the
            neighbouring joint.
        trimmed: frames of the original that are left out.
        done: what was done, as sentences; empty if nothing was.
    """

    joints: Float32[np.ndarray, "person frame joint 3"]
    missing: Bool[np.ndarray, "person frame joint"]
    held: Bool[np.ndarray, "person frame joint"]
    trimmed: tuple[int, ...]
    done: tuple[str, ...]

    def __repr__(self) -> str:
        filled = counted(int(self.missing.sum()), "joint")
        return (
            f"Mended(joints {shape_of(self.joints)}, {filled} filled in, {counted(len(self.trimmed), 'frame')} trimmed)"
        )


def mend(
    joints: np.ndarray,
    layout: JointLayout | str,
    *,
    rate: float = 0.0,
    also: Bool[np.ndarray, "person frame joint"] | None = None,
    trim: bool = True,
    where: str = "the clip",
) -> Mended:
    """Fill what a tracker did not find, and take away what is no recording.

    A joint that is missing between two sightings at most :data:`GAP_SECONDS` apart is put on the straight line between
    them. In longer gaps, and before the first or after the last sighting, it keeps its place relative to the joint it
    hangs from, as last or next seen, whichever is nearer in time: its bone keeps its length and the body stays whole. A
    joint that was never seen lies on the joint that it hangs from. Nothing is put at the origin.

    Args:
        joints: ``[person, frame, joint, 3]``, NaN or 0 where a joint was not found.
        layout: the joint layout.
        rate: frames a second; 0 where it is not known, and 30 is taken.
        also: points to take for missing too, say those off their body.
        trim: take away padding at the end and frames without anybody at either end.
        where: the clip, for messages.

    Raises:
        DataError: the array has another shape, infinite values, or nobody in it.
    """
    body = layout if isinstance(layout, JointLayout) else joint_layout(layout)
    if refused := check_shape(joints, body, max(MOST_PERSONS, len(joints) if joints.ndim else 0), ""):
        raise DataError(refused[0].problem, where=where, remedy=f"{refused[0].cause} {refused[0].remedy}")
    source = np.array(joints, dtype=np.float32)
    if also is not None:
        if also.shape != source.shape[:3]:
            raise DataError(f"'also' must be {list(source.shape[:3])}, got {list(also.shape)}", where=where)
        source[also] = np.nan
    done: list[str] = []
    source = _distinct(source, done)
    kept = _kept_frames(source, body, done) if trim else np.arange(source.shape[1])
    trimmed = tuple(sorted(set(range(source.shape[1])) - set(kept.tolist())))
    seen = presence(source[:, kept], body)
    if not seen.there.any():
        remedy = "Leave it out."
        raise DataError("no frame has a body: every joint is missing", where=where, remedy=remedy)
    filled, held = seen.joints.astype(np.float32), np.zeros(seen.missing.shape, dtype=bool)
    steps = _hanging(body)
    longest = int(GAP_SECONDS * (rate if rate > 0 else USUAL_RATE))
    for person in np.flatnonzero(seen.missing.any(axis=(1, 2))):
        at = np.flatnonzero(seen.there[person])
        path, lost = _filled(filled[person, at], at, steps, longest)
        filled[person, at], held[person, at] = path, lost
    filled[~seen.there] = 0.0
    _say(seen.missing, held, body, longest, done)
    return Mended(filled, seen.missing, held, trimmed, tuple(done))


def _distinct(joints: np.ndarray, done: list[str]) -> np.ndarray:
    """Without persons who repeat another, or never appear; the first stays."""
    again = dict(copies(joints))
    somebody = (np.isfinite(joints) & (joints != 0)).any(axis=(1, 2, 3))
    for person, other in again.items():
        if somebody[person]:
            done.append(f"Person {person} repeated person {other} and was dropped.")
    kept = [p for p in range(len(joints)) if p not in again and somebody[p]]
    return joints[kept or [0]]


def _kept_frames(joints: np.ndarray, body: JointLayout, done: list[str]) -> np.ndarray:
    """Frames between the first and the last with somebody in it, without padding."""
    seen = presence(joints, body)
    somebody = np.asarray(seen.there.any(axis=0))
    frames = len(somebody)
    if not somebody.any():
        return np.arange(frames)
    start, last = int(somebody.argmax()), frames - int(somebody[::-1].argmax())
    end = padded_from(seen, same_as_before(joints))
    end = looped_from(joints, end) if end == last else end
    if start or last < frames:
        empty = [*range(start), *range(last, frames)]
        done.append(f"{counted(len(empty), 'frame')} without anybody trimmed: {spans(empty)}.")
    if end < last:
        padding = counted(last - end, "frame")
        done.append(f"{padding} of padding trimmed from the end: {spans(range(end, last))}.")
    return np.arange(start, end)


def _hanging(body: JointLayout) -> list[tuple[int, int]]:
    """(joint, the joint it hangs from) from the root outwards; the root hangs from its first child, and comes last."""
    depth = {body.root: 0}
    while len(depth) < len(body):
        depth |= {joint: depth[parent] + 1 for joint, parent in body.bones if parent in depth}
    return sorted(body.bones, key=lambda bone: depth[bone[0]])


def _filled(
    path: np.ndarray, at: np.ndarray, bones: list[tuple[int, int]], longest: int
) -> tuple[np.ndarray, np.ndarray]:
    """One person's path without holes, and which points were held rather than bridged.

    Args:
        path: frames in which the person is there ``[frame, joint, 3]``, NaN where a joint was not found.
        at: numbers of these frames.
        bones: see :func:`_hanging`.
        longest: bridged gaps are at most so many frames.
    """
    unknown = np.asarray(np.isnan(path).any(axis=-1))
    result = path.copy()
    result[unknown] = np.nan
    for joint in np.flatnonzero(unknown.any(axis=0)):
        _bridge(result[:, joint], at, longest)
    held = np.asarray(np.isnan(result).any(axis=-1))
    if held.any():
        root = bones[0][1]
        if held[:, root].any():
            _hold_root(result, path, root, bones)
        for joint, parent in bones:
            if held[:, joint].any():
                _hold(result, joint, parent)
    return result, held


def _bridge(way: np.ndarray, at: np.ndarray, longest: int) -> None:
    """Fill short gaps of one joint ``[frame, 3]`` by straight lines, in place."""
    known = np.flatnonzero(~np.isnan(way).any(axis=-1))
    for before, after in itertools.pairwise(known.tolist()):
        if after - before > 1 and at[after] - at[before] - 1 <= longest:
            share = ((at[before + 1 : after] - at[before]) / (at[after] - at[before]))[:, None]
            way[before + 1 : after] = (1 - share) * way[before] + share * way[after]


def _nearest(known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """For each wanted position the nearest known one; of two as near the earlier."""
    after = np.searchsorted(known, wanted).clip(0, len(known) - 1)
    before = (after - 1).clip(0)
    earlier = np.abs(wanted - known[before]) <= np.abs(known[after] - wanted)
    return np.where(earlier, known[before], known[after])


def _hold(result: np.ndarray, joint: int, parent: int) -> None:
    """Put a joint where it was relative to its parent at the nearest sighting, in place."""
    lost = np.flatnonzero(np.isnan(result[:, joint]).any(axis=-1))
    offset = result[:, joint] - result[:, parent]
    known = np.flatnonzero(~np.isnan(offset).any(axis=-1))
    result[lost, joint] = result[lost, parent] + (offset[_nearest(known, lost)] if len(known) else 0.0)


def _hold_root(result: np.ndarray, path: np.ndarray, root: int, bones: list[tuple[int, int]]) -> None:
    """Put the root where it was relative to the joints that are seen, nearest to it along the bones, in place."""
    order = [joint for joint, _ in bones]
    for joint in order:
        lost = np.isnan(result[:, root]).any(axis=-1)
        if not lost.any():
            return
        offset = result[:, root] - result[:, joint]
        known = np.flatnonzero(~np.isnan(offset).any(axis=-1))
        here = np.flatnonzero(lost & ~np.isnan(result[:, joint]).any(axis=-1))
        if len(known) and len(here):
            result[here, root] = result[here, joint] + offset[_nearest(known, here)]
    # Never seen together with a joint that is seen now: the middle of what is.
    lost = np.flatnonzero(np.isnan(result[:, root]).any(axis=-1))
    if len(lost):
        result[lost, root] = np.nanmean(result[lost], axis=1)


def _say(missing: np.ndarray, held: np.ndarray, body: JointLayout, longest: int, done: list[str]) -> None:
    bridged = int((missing & ~held).sum())
    if bridged:
        done.append(f"{counted(bridged, 'point')} filled in gaps of at most {longest} frames.")
    if held.any():
        counts = held.sum(axis=(0, 1))
        names = listed([f"{body.joints[j]} ({counts[j]})" for j in np.argsort(-counts, kind="stable") if counts[j]], 4)
        done.append(f"{counted(int(held.sum()), 'point')} held in their place on the body: {names}.")
