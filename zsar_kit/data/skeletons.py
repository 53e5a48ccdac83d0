"""Skeleton sequences and pure transforms on them.

All arrays are float32 of shape ``[person, frame, joint, xyz]`` in metres. A person who is absent from a frame
has zeros there, as NTU RGB+D arrays have it; such frames stay zero under every transform. Transforms return
new arrays.

The route of a sequence into an encoder is :func:`preprocess` (deterministic, worth caching) and then
:func:`sample_clips` (cheap, once per step); :func:`clip` is both for one sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from zsar_kit.data.array_shape import shape_advice
from zsar_kit.data.joints import JointLayout, as_layout, layout_name, to_ntu25
from zsar_kit.data.orientation import (
    Skeleton,
    align,
    by_energy,
    centre,
    distinct_persons,
    present,
    random_rotations,
)
from zsar_kit.data.timing import fit_frames, loop, random_crop
from zsar_kit.errors import DataError, nearest_name
from zsar_kit.reprs import counted, short_path

# No body is farther from its sensor, in metres; larger coordinates are millimetres or pixels.
FARTHEST_METRES = 100.0
#: what an encoder may see of a clip
STREAMS = ("joint", "bone", "motion", "bone_motion")


@dataclass(frozen=True, eq=False)
class SkeletonSequence:
    """One recorded action.

    Attributes:
        sample: a name that is unique in its data set.
        joints: float32 ``[person, frame, joint, xyz]`` in metres; zeros where a person is absent.
        label: 0-based class id.
        subject, camera, setup, replication: as the data set numbers them; -1 where it does not.
    """

    sample: str
    joints: np.ndarray
    label: int
    subject: int = -1
    camera: int = -1
    setup: int = -1
    replication: int = -1

    def __repr__(self) -> str:
        persons, frames, joints = self.joints.shape[:3]
        numbers = {"subject": self.subject, "camera": self.camera, "setup": self.setup, "replication": self.replication}
        known = "".join(f", {name} {number}" for name, number in numbers.items() if number >= 0)
        extent = f"{counted(persons, 'person')}, {counted(frames, 'frame')}, {counted(joints, 'joint')}"
        return f"SkeletonSequence({short_path(self.sample)}: class {self.label}, {extent}{known})"


def check_sequence(sequence: SkeletonSequence, layout: JointLayout | str, classes: int, where: str | Path) -> None:
    """Refuse a broken sequence.

    Args:
        sequence: what a reader made.
        layout: name of the joint layout it must have.
        classes: number of classes; labels are ``0..classes-1``.
        where: the file it came from, for the message.

    Raises:
        DataError: wrong shape or type, no frame, no body in any frame, a value that is not finite or not in metres, a
            label out of range, a number of a subject, camera, setup or replication that is not whole or is below -1.
    """
    joints, needed = sequence.joints, len(as_layout(layout))
    if not isinstance(joints, np.ndarray) or joints.ndim != 4 or joints.shape[-1] != 3 or joints.dtype != np.float32:
        came = f"{joints.dtype} {joints.shape}" if isinstance(joints, np.ndarray) else type(joints).__name__
        raise DataError(f"joints must be float32 [person, frame, joint, 3], got {came}", where=where)
    if joints.shape[2] != needed:
        raise DataError(
            f"layout {layout_name(layout)!r} has {needed} joints, the sequence has {joints.shape[2]}",
            where=where,
            remedy=shape_advice(joints.shape, layout),
        )
    if joints.shape[0] == 0 or joints.shape[1] == 0:
        raise DataError("the sequence has no frame", where=where, remedy="Fetch the file again or remove it.")
    if np.isnan(joints).all() or not joints.any():
        remedy = "Remove it: there is nothing to recognise."
        raise DataError("no frame of the sequence has a body: every joint is missing", where=where, remedy=remedy)
    if not np.isfinite(joints).all():
        person, frame, joint, axis = np.argwhere(~np.isfinite(joints))[0]
        value = joints[person, frame, joint, axis]
        place = f"frame {frame}, joint {joint}, {'xyz'[axis]}"
        raise DataError(
            f"coordinates must be finite, got {value} at {place}", where=where, remedy="Repair or remove it."
        )
    if (peak := float(np.abs(joints).max())) > FARTHEST_METRES:
        raise DataError(
            f"coordinates must be metres, got {peak:g}",
            where=where,
            remedy="Divide millimetres by 1000 first.",
        )
    for name in ("label", "subject", "camera", "setup", "replication"):
        value = getattr(sequence, name)
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < -1:
            problem = f"{name!r} must be a whole number from 0 on, or -1 where it is not known; got {value!r}"
            raise DataError(problem, where=where)
    if not 0 <= sequence.label < classes:
        raise DataError(
            f"labels must be 0..{classes - 1}, got {sequence.label}",
            where=where,
            remedy="Class ids are 0-based.",
        )


def convert(joints: Skeleton, layout: JointLayout | str) -> Float32[np.ndarray, "person frame 25 3"]:
    """Map any joint layout to the 25 joints of NTU (see :func:`zsar_kit.data.joints.to_ntu25`)."""
    if layout_name(layout) == "ntu25":
        return np.array(joints, dtype=np.float32)
    return np.matmul(to_ntu25(layout), joints, dtype=np.float32)


def bone(joints: Skeleton, layout: JointLayout | str = "ntu25") -> Skeleton:
    """The bone stream: each joint minus its parent; zero at the root."""
    return joints - joints[:, :, list(as_layout(layout).parents)]


def motion(joints: Skeleton) -> Skeleton:
    """Motion stream: next frame minus this one; zero in the last frame and where a person appears or disappears."""
    result = np.zeros_like(joints, dtype=np.float32)
    result[:, :-1] = joints[:, 1:] - joints[:, :-1]
    there = present(joints)
    result[:, :-1][~(there[:, 1:] & there[:, :-1])] = 0.0
    return result


def bone_motion(joints: Skeleton, layout: JointLayout | str = "ntu25") -> Skeleton:
    """The bone motion stream: motion of the bones."""
    return bone(motion(joints), layout)


def stream_clips(
    clips: Float32[np.ndarray, "batch person frame 25 3"], stream: str
) -> Float32[np.ndarray, "batch person frame 25 3"]:
    """What an encoder of one stream sees of clips: joints, bones, or the motion of either.

    Streams are made of finished clips, after cropping, resampling and rotating, as the field's feeders make them: a
    motion is that between two frames of the clip. Persons who are absent stay zero.

    Raises:
        DataError: there is no such stream.
    """
    if stream not in STREAMS:
        raise DataError(f"unknown stream {stream!r}", remedy=nearest_name(stream, STREAMS))
    if stream == "joint":
        return clips
    flat = clips.reshape(-1, *clips.shape[2:])
    return {"bone": bone, "motion": motion, "bone_motion": bone_motion}[stream](flat).reshape(clips.shape)


def most_moving(joints: Skeleton, persons: int) -> Float32[np.ndarray, "kept frame joint 3"]:
    """At most ``persons`` persons, the most moving first: by variance over real frames, over all joints."""
    if len(joints) == 1:
        return joints
    there = present(joints)
    movement = [
        float(person[real].var(axis=0).sum()) if real.any() else -1.0
        for person, real in zip(joints, there, strict=True)
    ]
    order = np.argsort(-np.array(movement), kind="stable")[:persons]
    return joints[[i for i in order if movement[i] >= 0.0]] if max(movement) >= 0.0 else joints[:1]


def preprocess(
    joints: Skeleton,
    layout: JointLayout | str,
    *,
    persons: int = 2,
    centring: str = "first_frame",
    turn: str = "upright",
    loop_to: int = 0,
) -> Float32[np.ndarray, "kept real_frame 25 3"]:
    """The deterministic part of a clip: NTU joints, distinct persons, no empty frames, centred, turned.

    Args:
        joints: a raw sequence.
        layout: its joint layout.
        persons: at most so many are kept; there may be fewer.
        centring: see :func:`~zsar_kit.data.orientation.centre`; ``"none"`` leaves positions as they come.
        turn: ``"upright"``; ``"released"``, the two turns that Shift-GCN was released with (see :func:`body_frame`),
            with persons ordered by that code's energy and, in frames without the first person, nothing moved; or
            ``"none"``. With neither centring nor turn, persons keep their order unless there are too many.
        loop_to: before centring, repeat each person up to so many frames (see :func:`~zsar_kit.data.timing.loop`); 0
            keeps the frames that somebody is in.

    Returns:
        float32 ``[person, frame, 25, xyz]``; with as many persons and, unless looped, frames as there really are.

    Raises:
        DataError: there is no frame with a person.
    """
    result, released = distinct_persons(convert(joints, layout)), turn == "released"
    if not present(result).any():
        problem = "no frame of the clip has a body: every joint is missing"
        raise DataError(problem, where="the clip", remedy="Leave it out.")
    if released:
        result = by_energy(result, persons)
    elif (centring, turn) != ("none", "none") or len(result) > persons:
        result = most_moving(result, persons)
    real = present(result).any(axis=0)
    if loop_to:
        result = loop(result, loop_to)
    elif not real.all():
        result = result[:, real]
    if centring != "none":
        result = centre(result, by=centring, as_released=released)
    return np.ascontiguousarray(result if turn == "none" else align(result, as_released=released))


def sample_clips(
    sequences: Sequence[Float32[np.ndarray, "_ _ joint 3"]],
    *,
    frames: int = 64,
    persons: int = 2,
    rng: np.random.Generator | None = None,
    crop: tuple[float, float] = (0.5, 1.0),
    rotation: float = 0.3,
    kept: range | None = None,
    fit: str = "resampled",
) -> Float32[np.ndarray, "batch {persons} {frames} joint 3"]:
    """Clips of fixed length from preprocessed sequences.

    Without ``rng`` they are deterministic: the whole duration, not rotated. With it each sequence is cropped
    to a random interval and rotated by a random rotation, the same for all its frames and persons.

    Args:
        sequences: results of :func:`preprocess`, of any number of frames.
        frames: frames of a clip.
        persons: persons of a clip; those a sequence lacks are zeros.
        rng: draws crops and rotations.
        crop: bounds of the share of the duration that is kept.
        rotation: the largest angle about each axis, in radians.
        kept: positions of the sequences whose clips are wanted, all by default; the others draw from ``rng`` too, so
            that a part of a batch is the same as in the whole.
        fit: how a sequence gets its frames; see :func:`~zsar_kit.data.timing.fit_frames`.
    """
    batch, joints, kept = len(sequences), sequences[0].shape[2], range(len(sequences)) if kept is None else kept
    spans = [None if rng is None else random_crop(crop, rng) for _ in sequences]
    clips = np.zeros((len(kept), persons, frames, joints, 3), dtype=np.float32)
    for row, i in enumerate(kept):
        there = sequences[i][:persons]
        clips[row, : len(there)] = fit_frames(there, frames, fit, spans[i])
    if rng is not None and rotation > 0.0:
        rotations = random_rotations(batch, rotation, rng)[kept.start : kept.stop]
        clips = (clips.reshape(len(kept), -1, 3) @ rotations.transpose(0, 2, 1)).reshape(clips.shape)
    return clips


def clip(
    sequence: SkeletonSequence,
    *,
    layout: JointLayout | str,
    frames: int = 64,
    persons: int = 2,
    rng: np.random.Generator | None = None,
    crop: tuple[float, float] = (0.5, 1.0),
    rotation: float = 0.3,
) -> Float32[np.ndarray, "{persons} {frames} 25 3"]:
    """One raw sequence as a clip of fixed length: :func:`preprocess`, then :func:`sample_clips`."""
    ready = preprocess(sequence.joints, layout, persons=persons)
    return sample_clips([ready], frames=frames, persons=persons, rng=rng, crop=crop, rotation=rotation)[0]
