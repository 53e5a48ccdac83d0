"""From tracked bodies to persons: the two preprocessing chains behind the field's NTU RGB+D arrays, rule by rule.

``ctrgcn`` made the arrays that most methods use today, ``shift_gcn`` those behind the released Shift-GCN weights and
the features of the SynSE family. Both are reproduced with their quirks, because published numbers rest on these arrays;
each quirk is named where it occurs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float32

from zsar_kit.data.orientation import Skeleton, align, by_energy, centre, present
from zsar_kit.data.readers.ntu_format import JOINTS, NtuRecording
from zsar_kit.data.timing import loop
from zsar_kit.errors import DataError

Chain = Callable[[NtuRecording], Skeleton]
Person = Float32[np.ndarray, "frame 25 3"]
SHORTEST_BODY = 12  # frames
WIDE = 0.8  # a frame whose x-spread exceeds this share of its y-spread is noise
NOISY_SHARE = 0.69754  # a body with this share of such frames is noise
CLIP_FRAMES, SLOTS, PERSONS = 300, 4, 2


class NoBody(DataError):
    """The rules of a chain leave no body in a recording."""


@dataclass(frozen=True, eq=False)
class _Track:
    """One body on the time line of the frames that have any body: without gaps from ``start`` on."""

    start: int
    joints: Person
    motion: float

    @property
    def last(self) -> int:
        return self.start + len(self.joints) - 1


def ctrgcn(recording: NtuRecording) -> Skeleton:
    """The chain of CTR-GCN (and of SGN before it).

    Frames without a body are dropped. Where there are two bodies or more, short and implausibly wide ones are dropped,
    the others are sorted by motion and assigned to two actors, and frames without an actor are dropped. The origin is
    the middle of the spine in the first frame of the first actor; an absent actor is zero.

    Args:
        recording: of any number of frames.

    Returns:
        float32 ``[person, frame, 25, xyz]`` in metres. One person where one body was left after cleaning; otherwise
        two, even if the second is zero everywhere because all bodies went to the first actor. Padding to 300 frames,
        and the copy of a single person that the chain's NTU-120 arrays have as the second, are left to whoever writes
        arrays.

    Raises:
        NoBody: there is none, or all of several are shorter than 12 frames.
    """
    tracks = _tracks(recording)
    if len(tracks) == 1:
        actors = tracks[0].joints[None]
    else:
        kept = _denoised(tracks)
        actors = _two_actors(kept) if len(kept) > 1 else kept[0].joints[None]
        actors = actors[:, present(actors).any(axis=0)]
    if not present(actors).any():
        raise NoBody("all joints are zero in all frames")
    return centre(actors)


def _motion(joints: Person) -> float:
    """Variance over all joints and frames, summed over the axes; in float32, as released, because it decides."""
    return float(np.var(joints.reshape(-1, 3), axis=0).sum())


def _tracks(recording: NtuRecording) -> list[_Track]:
    """All bodies.

    Quirk: a body that vanishes and comes back is placed on consecutive frames from its first one on, so its later part
    comes too early.
    """
    if not recording.bodies:
        raise NoBody(f"no body in any of {recording.frames} frames")
    taken = np.unique(np.concatenate([body.frames for body in recording.bodies]))
    starts = np.searchsorted(taken, [body.frames[0] for body in recording.bodies]).tolist()
    return [
        _Track(start, body.joints, _motion(body.joints)) for start, body in zip(starts, recording.bodies, strict=True)
    ]


def _wide(joints: Person) -> Bool[np.ndarray, " frame"]:
    """Frames in which a body is wide for its height, as furniture is; compared in float64, as released."""
    width, height = np.ptp(joints[:, :, :2], axis=1).T.astype(np.float64)
    return width > WIDE * height


def _denoised(tracks: Sequence[_Track]) -> list[_Track]:
    """Without short and noisy bodies, the most moving first; the last body is never dropped for being noisy."""
    kept = [track for track in tracks if len(track.joints) >= SHORTEST_BODY]
    if not kept:
        # The released chain stops with an error here.
        raise NoBody(f"none of {len(tracks)} bodies is in {SHORTEST_BODY} frames or more")
    judged: list[_Track] = []
    for number, track in enumerate(kept, start=1):
        alone = not judged and number == len(kept)
        noisy = np.zeros(1, dtype=bool) if alone else _wide(track.joints)
        if noisy.mean() >= NOISY_SHARE:
            continue
        if noisy.any():
            track = dataclasses.replace(track, motion=min(track.motion, _motion(track.joints[~noisy])))
        judged.append(track)
    return sorted(judged, key=lambda track: track.motion, reverse=True)


def _two_actors(tracks: Sequence[_Track]) -> Skeleton:
    """Assign each body to the first actor whose time it does not overlap, or leave it out.

    Quirks: an actor's time is everything from its first to its last frame; one common frame does not count as overlap
    and goes to the later body; the second actor's time is counted from frame 0, whenever its first body comes.
    """
    frames = max(track.last for track in tracks) + 1
    actors = np.zeros((PERSONS, frames, JOINTS, 3), dtype=np.float32)
    times = [[tracks[0].start, tracks[0].last], [0, 0]]
    actors[0, tracks[0].start : tracks[0].last + 1] = tracks[0].joints
    for track in tracks[1:]:
        for actor, time in zip(actors, times, strict=True):
            if min(time[1], track.last) - max(time[0], track.start) <= 0:
                actor[track.start : track.last + 1] = track.joints
                time[:] = min(time[0], track.start), max(time[1], track.last)
                break
    return actors


def shift_gcn(recording: NtuRecording) -> Skeleton:
    """The chain of Shift-GCN (and of 2s-AGCN before it).

    A person is a slot, the place among the bodies of a frame, whatever the tracking id; the first four slots count.
    The two of the largest energy are kept (standard deviation over all joints and real frames, summed over the axes),
    filled up to 300 frames by repeating them from their start, and centred in each frame at the first person's spine
    of that frame. Then everything is rotated so that in the first frame the first person's line from hip to spine
    points to +z, and rotated again so that the shoulders point to +x.

    Quirks: empty frames are removed only from a person who is absent in the first frame, so that this person starts at
    frame 0; where the first person is absent, the second stays in sensor coordinates; the second rotation tilts the
    spine again unless the shoulders are level. Frames beyond 300, where the released chain stops with an error, are
    left out.

    Returns:
        float32 ``[person, 300, 25, xyz]`` in metres, one or two persons.

    Raises:
        NoBody: there is none in the first 300 frames.
    """
    slots = np.zeros((SLOTS, CLIP_FRAMES, JOINTS, 3), dtype=np.float32)
    for body in recording.bodies:
        kept = (body.slots < SLOTS) & (body.frames < CLIP_FRAMES)
        slots[body.slots[kept], body.frames[kept]] = body.joints[kept]
    persons = loop(by_energy(slots, PERSONS), CLIP_FRAMES)
    if not present(persons).any():
        raise NoBody(f"no body in the first {min(recording.frames, CLIP_FRAMES)} frames")
    return align(centre(persons, by="each_frame", as_released=True), as_released=True)


#: Chain name to chain.
CHAINS: MappingProxyType[str, Chain] = MappingProxyType({"ctrgcn": ctrgcn, "shift_gcn": shift_gcn})
