"""Checks of single clips that need no knowledge of bodies: shape, gaps, padding, repeats, persons, times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zsar_kit.data.doctor.findings import Finding
from zsar_kit.data.doctor.measures import length
from zsar_kit.data.doctor.presence import Presence
from zsar_kit.data.joints import JointLayout
from zsar_kit.reprs import counted, listed

#: More persons than a tracker follows at once: Kinect v2 follows six.
MOST_PERSONS = 6
#: So many last frames that are the same digit by digit are padding; a sensor's noise never repeats. Of the 2760 clean
#: clips that thresholds were chosen on none repeats a frame anywhere.
PADDED_FRAMES = 3
#: More repeated frames than this are no accident: a camera that hangs now and then is left with a note.
REPEATED_SHARE = 0.1
#: More missing points than this, and results suffer.
MISSING_SHARE = 0.2
#: A change of places: exchanging two persons makes them move at most this share of what they moved before,
EXCHANGED = 0.5
#: and they moved at least so many metres, on average, from one frame to the next.
EXCHANGED_METRES = 0.3
#: A time step is uneven beyond this multiple of the usual one.
UNEVEN = 2.5
#: A stated rate may differ from that of the times by this share.
RATE_SHARE = 0.1
#: Frames were sorted by name if undoing it shortens the way of the joints to this share. In clean clips it makes it
#: longer: at least 1.06 times, in the half that thresholds were chosen on.
SORTED_SHARE = 0.9
#: Frames are in no order if, from one to the next, joints go at least this share of the way between frames far apart.
#: In the clean clips that it was chosen on at most 0.67 (a body that stands still trembles), in shuffled ones about 1.
SHUFFLED_SHARE = 0.75
#: far apart: these shares of the clip
FAR_APART = (1 / 6, 1 / 4, 1 / 3)
#: Two persons take turns if in so many frames the whole body is elsewhere than just before and just after. At most
#: 0.007 in the clean paths that it was chosen on, but for one of two persons.
TURNS_SHARE = 0.15
#: Fewer frames do not tell.
ORDERED_FRAMES = 12


def spans(frames: Sequence[int] | np.ndarray) -> str:
    """Frame numbers for people: ``3..9, 12``."""
    numbers = np.asarray(frames, dtype=np.int64)
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1) if len(numbers) else []
    return listed([str(run[0]) if len(run) == 1 else f"{run[0]}..{run[-1]}" for run in runs], 4)


def check_shape(joints: Any, layout: JointLayout, most_persons: int, sample: str) -> list[Finding]:
    """Whether the array can be a clip at all; nothing else is looked at if it cannot."""
    if not isinstance(joints, np.ndarray) or joints.dtype.kind not in "fiu" or joints.ndim != 4:
        came = f"{joints.dtype} {list(joints.shape)}" if isinstance(joints, np.ndarray) else type(joints).__name__
        problem = f"numbers [person, frame, joint, 3] are needed, got {came}"
        return [Finding("shape", "refuse", problem, "The array has another form.", "Rearrange its axes.", sample)]
    persons, frames, count, axes = (int(n) for n in joints.shape)
    numbers = {"persons": persons, "frames": frames, "joints": count, "axes": axes}
    needed = len(layout)
    if axes != 3 or count != needed:
        problem = f"[person, frame, {needed} joints of {layout.name}, 3] is needed, got {list(joints.shape)}"
        where = sorted({axis for axis, length in enumerate(joints.shape) if length == needed and axis != 2})
        cause = "The axes are in another order, or the joints are those of another layout."
        if axes == 2:
            cause = "The points are those of a picture: they have no depth."
        elif where and count != needed:
            cause = f"Axis {where[0]} has the {needed} joints."
        remedy = "Rearrange the axes with np.transpose, or name the layout that the data have."
        return [Finding("shape", "refuse", problem, cause, remedy, sample, numbers=numbers)]
    if frames == 0 or persons == 0:
        problem = f"the clip has {counted(frames, 'frame')} of {counted(persons, 'person')}"
        cause = "The file is empty."
        return [Finding("empty", "refuse", problem, cause, "Leave it out.", sample, numbers=numbers)]
    if persons > max(most_persons, 1) or (persons > frames and persons > 2):
        problem = f"{counted(persons, 'person')} in {counted(frames, 'frame')}; at most {most_persons} are expected"
        cause = "The axes of frames and persons are exchanged."
        remedy = "Exchange them: np.swapaxes(joints, 0, 1)."
        return [Finding("axes", "refuse", problem, cause, remedy, sample, numbers=numbers)]
    if np.isinf(joints).any():
        person, frame, joint = (int(i) for i in np.argwhere(np.isinf(joints).any(axis=-1))[0])
        place = f"person {person}, frame {frame}, joint {layout.joints[joint]}"
        problem, cause = f"a coordinate is infinite at {place}", "A division by zero, or a depth that was not measured."
        remedy = "Write NaN where a joint was not found."
        found = Finding("finite", "refuse", problem, cause, remedy, sample, place, numbers, (frame,), (joint,), person)
        return [found]
    return []


def check_empty(seen: Presence, sample: str) -> list[Finding]:
    """Whether anybody is there, for longer than a single frame."""
    frames = np.flatnonzero(seen.there.any(axis=0))
    if len(frames) == 1:
        problem, cause = "a single frame has a body: that is a pose, not a movement", "The recording broke off."
        remedy, place = "Leave the clip out, or record it again.", f"frame {frames[0]}"
        return [Finding("empty", "warn", problem, cause, remedy, sample, place, frames=tuple(frames.tolist()))]
    if len(frames):
        return []
    problem, cause = "no frame has a body: every joint is missing", "Nothing was tracked."
    return [Finding("empty", "refuse", problem, cause, "Leave the clip out.", sample)]


def check_missing(seen: Presence, layout: JointLayout, sample: str) -> list[Finding]:
    """Joints that were not found: how many, which, and whether they are marked by NaN or left at the origin."""
    found: list[Finding] = []
    bodies = int(seen.there.sum()) * len(layout)
    for mask, zero in ((seen.zero, True), (seen.unknown, False)):
        count = int(mask.sum())
        if not count:
            continue
        share, by_joint = count / bodies, mask.sum(axis=(0, 1))
        worst = [int(j) for j in np.argsort(-by_joint, kind="stable")[:4] if by_joint[j]]
        names = listed([f"{layout.joints[j]} ({by_joint[j]})" for j in worst])
        frames = np.flatnonzero(mask.any(axis=(0, 2)))
        never = [layout.joints[j] for j in np.flatnonzero(by_joint == seen.there.sum())]
        gone = f"; never found: {listed(never, 3)}" if never else ""
        where = "at exactly (0, 0, 0)" if zero else "missing"
        problem = f"{counted(count, 'point')}, {share:.1%}, {where}: {names}{gone}"
        cause = "The tracker did not find them" + (" and wrote zeros." if zero else ".")
        # Gaps that are marked and few are mended without loss; zeros would be taken for positions.
        severe = zero or share > MISSING_SHARE or bool(never)
        remedy = "Mend the clip: gaps are filled in, and marked."
        numbers = {"points": count, "share": round(share, 4), "never": never}
        joints = tuple(int(j) for j in np.flatnonzero(by_joint))
        place = f"frames {spans(frames)}"
        found.append(
            Finding(
                "missing",
                "warn" if severe else "note",
                problem,
                cause,
                remedy,
                sample,
                place,
                numbers,
                tuple(frames.tolist()),
                joints,
            )
        )
    return found


def same_as_before(joints: np.ndarray) -> np.ndarray:
    """Frames that repeat the one before digit by digit, in all persons ``[frame]``; never the first."""
    flat = np.moveaxis(joints, 1, 0).reshape(joints.shape[1], -1)
    same = np.zeros(len(flat), dtype=bool)
    same[1:] = ((flat[1:] == flat[:-1]) | (np.isnan(flat[1:]) & np.isnan(flat[:-1]))).all(axis=1)
    return same


def padded_from(seen: Presence, same: np.ndarray) -> int:
    """The first of the last frames that are padding; the number of frames if none is.

    Padding is: nobody there, all joints in one point, or the last pose again and again.
    """
    somebody = np.asarray(seen.there.any(axis=0))
    end = len(somebody) - int(np.argmax(somebody[::-1])) if somebody.any() else len(somebody)
    start = end
    while start > 1 and same[start - 1]:
        start -= 1
    return start if end - start >= PADDED_FRAMES else end


def looped_from(joints: np.ndarray, end: int) -> int:
    """The frame from which a clip repeats its beginning digit by digit, up to its end; ``end`` if it does not."""
    flat = np.moveaxis(joints, 1, 0).reshape(joints.shape[1], -1)
    if end < 2 or (flat[1] == flat[0]).all():  # neighbours alike are a pose that is held
        return end
    for start in np.flatnonzero((flat[1:end] == flat[0]).all(axis=1)) + 1:
        count = end - int(start)
        if count >= PADDED_FRAMES and (flat[start:end] == flat[:count]).all():
            return int(start)
    return end


def check_padding(joints: np.ndarray, seen: Presence, same: np.ndarray, sample: str) -> list[Finding]:
    """Frames at the end that are no recording, and empty ones that were moved along with the body."""
    found: list[Finding] = []
    frames = joints.shape[1]
    if seen.collapsed.any():
        at = np.flatnonzero(seen.collapsed.any(axis=0))
        problem = f"in {counted(len(at), 'frame')} all joints lie in one point that is not the origin"
        cause = "Empty frames were moved along when the clip was centred."
        remedy = "Centre only frames with a body; trimming and mending take these for empty."
        numbers = {"frames": len(at), "kind": "moved"}
        place = f"frames {spans(at)}"
        found.append(Finding("padding", "warn", problem, cause, remedy, sample, place, numbers, tuple(at.tolist())))
    somebody = np.asarray(seen.there.any(axis=0))
    end = frames - int(np.argmax(somebody[::-1]))
    start = padded_from(seen, same)
    if start < end:
        problem = f"the last {end - start} of {frames} frames repeat the one before digit by digit"
        cause = "The clip was padded with its last pose to a common length."
        numbers, at = {"frames": end - start, "kind": "last pose"}, tuple(range(start, end))
        remedy = "Trim it; the encoder brings clips to its length itself."
        found.append(Finding("padding", "warn", problem, cause, remedy, sample, f"frames {spans(at)}", numbers, at))
    elif (again := looped_from(joints, end)) < end:
        problem = f"from frame {again} on, the clip starts again from its first frame"
        cause, at = "The clip was repeated to a common length.", tuple(range(again, end))
        numbers = {"frames": end - again, "kind": "looped"}
        remedy = "Trim it; the encoder brings clips to its length itself."
        found.append(Finding("padding", "warn", problem, cause, remedy, sample, f"frames {spans(at)}", numbers, at))
    empty = np.flatnonzero(~somebody & ~seen.collapsed.any(axis=0))
    if len(empty):
        problem = f"{counted(len(empty), 'frame')} of {frames} have nobody"
        numbers = {"frames": len(empty), "kind": "empty"}
        cause, remedy = "The clip was padded, or the body was lost.", "Nothing: such frames are left out."
        place = f"frames {spans(empty)}"
        found.append(Finding("padding", "note", problem, cause, remedy, sample, place, numbers, tuple(empty.tolist())))
    return found


def check_repeats(seen: Presence, same: np.ndarray, sample: str) -> list[Finding]:
    """Frames within the clip that repeat the one before: a sensor that hung, or a rate that was raised by copying."""
    end = padded_from(seen, same)
    inside = np.flatnonzero(same[:end] & seen.there[:, :end].any(axis=0))
    if not len(inside):
        return []
    share = len(inside) / max(end - 1, 1)
    problem = f"{counted(len(inside), 'frame')}, {share:.1%}, repeat the one before digit by digit"
    cause = "The rate was raised by copying frames, or the recording hung."
    remedy = "Keep one of each, and state the true rate." if share > REPEATED_SHARE else "Nothing: they are few."
    severity = "warn" if share > REPEATED_SHARE else "note"
    numbers = {"frames": len(inside), "share": round(share, 4)}
    at, place = tuple(inside.tolist()), f"frames {spans(inside)}"
    return [Finding("repeats", severity, problem, cause, remedy, sample, place, numbers, at)]


def copies(joints: np.ndarray) -> list[tuple[int, int]]:
    """(person, the earlier one that it repeats in every frame)."""
    found: list[tuple[int, int]] = []
    for person in range(1, len(joints)):
        for other in range(person):
            if np.array_equal(joints[person], joints[other], equal_nan=True):
                found.append((person, other))
                break
    return found


def check_copies(joints: np.ndarray, seen: Presence, sample: str) -> list[Finding]:
    """Persons who are another one again."""
    found: list[Finding] = []
    for person, other in copies(joints):
        if seen.there[person].any():
            problem = f"person {person} repeats person {other} digit by digit"
            cause = "The place of a second person was filled with the only one."
            remedy = "Nothing: the copy is dropped."
            numbers = {"person": person, "of": other}
            place = f"person {person}"
            found.append(Finding("copy", "note", problem, cause, remedy, sample, place, numbers, person=person))
    return found


def check_swaps(seen: Presence, height: float, sample: str) -> list[Finding]:
    """Two persons who exchange their places in the array from one frame to the next."""
    found: list[Finding] = []
    persons = [p for p in range(len(seen.there)) if seen.there[p].any()][:MOST_PERSONS]
    # In data of another unit, what is far is measured by the body.
    far = EXCHANGED_METRES * (height / 1.5 if height > 0 else 1.0)
    for i, first in enumerate(persons):
        for second in persons[i + 1 :]:
            pair = seen.joints[[first, second]]
            same, crossed = _way(pair, pair), _way(pair, pair[::-1])
            at = np.flatnonzero((same > far) & (crossed < EXCHANGED * same)) + 1
            if len(at):
                problem = f"persons {first} and {second} exchange places {counted(len(at), 'time')}"
                cause = "The tracker took one body for the other."
                remedy = "Follow bodies by their place: exchange the two from there on."
                numbers = {"times": len(at), "persons": [first, second]}
                place = f"at frame {spans(at)}"
                at = tuple(at.tolist())
                found.append(Finding("swap", "warn", problem, cause, remedy, sample, place, numbers, at))
    return found


def _way(start: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Mean way of the joints of both persons from each frame of ``start`` to the next of ``goal``; 0 if unknown."""
    steps = length(goal[:, 1:] - start[:, :-1])
    known = ~np.isnan(steps)
    counts = known.sum(axis=(0, 2))
    both = known.any(axis=2).all(axis=0)
    return np.where(both, np.where(known, steps, 0.0).sum(axis=(0, 2)) / np.maximum(counts, 1), 0.0)


def check_times(times: Any, rate: float, frames: int, sample: str) -> list[Finding]:
    """Times of frames that fall, stand still, jump, or contradict the stated rate."""
    if times is None:
        return []
    seconds = np.asarray(times, dtype=np.float64)
    if seconds.shape != (frames,) or not np.isfinite(seconds).all():
        problem = f"{frames} finite times are needed, got {list(seconds.shape)}"
        return [Finding("times", "refuse", problem, "The time column is incomplete.", "Repair or drop it.", sample)]
    steps = np.diff(seconds)
    if not len(steps):
        return []
    if (steps < 0).any():
        at = np.flatnonzero(steps < 0) + 1
        problem = f"times fall {counted(len(at), 'time')}, first from {seconds[at[0] - 1]:g} to {seconds[at[0]]:g} s"
        cause, remedy = "Frames are out of order, or recordings were joined.", "Sort the frames by time, or part them."
        numbers, place = {"falls": len(at)}, f"at frame {spans(at)}"
        return [Finding("times", "refuse", problem, cause, remedy, sample, place, numbers, tuple(at.tolist()))]
    usual = float(np.median(steps))
    if usual == 0:
        problem = "most frames have the time of the one before"
        return [Finding("times", "warn", problem, "Times were rounded.", "State the rate instead.", sample)]
    found: list[Finding] = []
    far = np.flatnonzero((steps > UNEVEN * usual) | (steps == 0)) + 1
    if len(far):
        uneven = counted(len(far), "step")
        problem = f"{uneven} between frames of 0 or more than {UNEVEN:g} times the usual {usual:.3g} s"
        cause, remedy = "Frames were lost, or doubled.", "Resample the clip to even times."
        numbers = {"steps": len(far), "usual": round(usual, 6), "largest": round(float(steps.max()), 6)}
        place = f"at frame {spans(far)}"
        found.append(Finding("times", "warn", problem, cause, remedy, sample, place, numbers, tuple(far.tolist())))
    if rate > 0 and abs(rate * usual - 1) > RATE_SHARE:
        problem = f"the rate is stated as {rate:g}/s, the times say {1 / usual:.4g}/s"
        numbers = {"stated": rate, "measured": round(1 / usual, 4)}
        remedy = "State the rate of the times."
        found.append(Finding("times", "warn", problem, "One of them is wrong.", remedy, sample, numbers=numbers))
    return found


def sorted_by_name(frames: int, base: int) -> np.ndarray:
    """The order that frame numbers take when they are sorted as texts: 1, 10, 11, 2."""
    return np.array(sorted(range(base, base + frames), key=str)) - base


def check_frame_order(seen: Presence, height: float, sample: str) -> list[Finding]:
    """Whether frames were sorted by name, or lost their order otherwise; by the way that joints go."""
    person = int(seen.there.sum(axis=1).argmax())
    path = seen.joints[person][seen.there[person]]
    count = len(path)
    if count < ORDERED_FRAMES:
        return []
    if taken := _taking_turns(path, EXCHANGED_METRES * (height / 1.5 if height > 0 else 1.0)):
        problem = f"in {taken} of {count} frames the body is elsewhere, and back in the next"
        cause, remedy = "Two persons take turns in the place of one.", "Part them, or leave the clip out."
        return [Finding("frame order", "warn", problem, cause, remedy, sample, numbers={"frames": taken})]
    step = _mean_step(path)
    if not step > 0:
        return []
    far = float(np.mean([_mean_step(path, lag=int(count * share) + 1) for share in FAR_APART]))
    if step > SHUFFLED_SHARE * far:
        problem = f"from frame to frame joints move {step:.3g}, between frames far apart {far:.3g}"
        numbers = {"step": round(step, 4), "far apart": round(far, 4)}
        cause, remedy = "Frames are in no order of time.", "Sort the frames by time."
        return [Finding("frame order", "refuse", problem, cause, remedy, sample, numbers=numbers)]
    for base in (0, 1):
        undone = _mean_step(path[np.argsort(sorted_by_name(count, base))])
        if undone < SORTED_SHARE * step:
            times = f"{step / max(undone, 1e-12):.1f} times as far as in the order of their numbers"
            problem = f"joints move as if frames 1, 10, 11, 2 followed each other, {times}"
            cause, remedy = "Frame files were sorted by name.", "Sort them by number."
            numbers = {"step": round(step, 4), "in order": round(undone, 4)}
            return [Finding("frame order", "refuse", problem, cause, remedy, sample, numbers=numbers)]
    return []


def _mean_step(path: np.ndarray, lag: int = 1) -> float:
    """Mean way of the joints from a frame to the one ``lag`` later; 0 if it is not known."""
    steps = length(path[lag:] - path[:-lag])
    known = steps[~np.isnan(steps)]
    return float(known.mean()) if known.size else 0.0


def _taking_turns(path: np.ndarray, far: float) -> int:
    """Number of frames between two in which the body is as it was, but at least ``far`` away; 0 where they are few."""
    step, over = _steps(path, 1), _steps(path, 2)
    near = np.minimum(step[:-1], step[1:])
    elsewhere = (near > far) & (over < EXCHANGED * near)
    return int(elsewhere.sum()) if elsewhere.mean() > TURNS_SHARE else 0


def _steps(path: np.ndarray, lag: int) -> np.ndarray:
    """Mean way of the joints from each frame to the one ``lag`` later; NaN where no joint was found in both."""
    steps = length(path[lag:] - path[:-lag])
    known = ~np.isnan(steps)
    counts = known.sum(axis=1)
    return np.where(counts, np.where(known, steps, 0.0).sum(axis=1) / np.maximum(counts, 1), np.nan)
