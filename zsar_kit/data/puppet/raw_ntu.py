"""Puppet as NTU RGB+D ``.skeleton`` files: for trying readers without the recordings, which only registered users get.

The files have the form of real ones and, if asked for, their troubles, by a fixed rule: see :data:`TROUBLES`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Int64

from zsar_kit.data.catalogue import ntu_ids
from zsar_kit.data.orientation import present
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.errors import DataError
from zsar_kit.seeding import numpy_generator

FIRST_ID = 72057594037931101  # tracking ids of Kinect v2 are large
MOST_BODIES, SHORT_FRAMES = 6, 8
ARCHIVE = "more.zip"
#: Focal length, and the place of the middle, of the depth and the colour picture, in pixels.
_PICTURES = ((365.0, 256.0, 212.0), (1060.0, 960.0, 540.0))


@dataclass(frozen=True, eq=False)
class _Stream:
    """What is tracked under one id: frame numbers, and the joints in them."""

    number: int
    frames: Int64[np.ndarray, " seen"]
    joints: Float32[np.ndarray, "seen 25 3"]

    def part(self, chosen: slice | np.ndarray, number: int | None = None) -> _Stream:
        return _Stream(self.number if number is None else number, self.frames[chosen], self.joints[chosen])

    def ghost(self, number: int, count: int, rng: np.random.Generator) -> _Stream:
        """Something beside the body that is mistaken for another body for ``count`` frames."""
        start = int(rng.integers(0, max(len(self.frames) - count, 0) + 1))
        near = self.part(slice(start, start + count), number)
        place = rng.uniform(0.5, 1.5, size=3) * np.array([rng.choice([-1.0, 1.0]), 0.1, 0.3])
        noise = rng.normal(0.0, 0.02, size=near.joints.shape)
        return _Stream(number, near.frames, (near.joints + place + noise).astype(np.float32))


Streams = list[_Stream]
Trouble = Callable[[Streams, np.random.Generator], Streams]


def _six_bodies(streams: Streams, rng: np.random.Generator) -> Streams:
    base = streams[0].part(slice(0, SHORT_FRAMES))
    return streams + [base.ghost(FIRST_ID + 100 + k, SHORT_FRAMES, rng) for k in range(MOST_BODIES - len(streams))]


def _interrupted(streams: Streams, rng: np.random.Generator) -> Streams:
    first, count = streams[0], len(streams[0].frames)
    gap = slice(count // 3, count // 3 + int(rng.integers(2, 8)))
    kept = np.ones(count, dtype=bool)
    kept[gap] = False
    return [first.part(kept), *streams[1:]]


def _new_id(streams: Streams, rng: np.random.Generator) -> Streams:
    first = streams[0]
    cut = int(rng.integers(1, max(len(first.frames) // 2, 2)))
    return [first.part(slice(0, cut)), *streams[1:], first.part(slice(cut, None), FIRST_ID + 200)]


def _empty_frames(streams: Streams, rng: np.random.Generator) -> Streams:
    """Three at the start and a few in the middle."""
    middle, more = int(streams[0].frames[len(streams[0].frames) // 2]), int(rng.integers(1, 6))
    return [
        _Stream(stream.number, stream.frames + 3 + more * (stream.frames >= middle), stream.joints)
        for stream in streams
    ]


def _wide_noise(streams: Streams, rng: np.random.Generator) -> Streams:
    """A lying body, as when furniture is mistaken for a person, listed before the real one."""
    ghost = streams[0].ghost(FIRST_ID + 300, 3 * len(streams[0].frames) // 4, rng)
    return [_Stream(ghost.number, ghost.frames, ghost.joints[..., [1, 0, 2]]), *streams]


def _short_noise(streams: Streams, rng: np.random.Generator) -> Streams:
    """A body of a few frames, listed before the real one."""
    return [streams[0].ghost(FIRST_ID + 400, SHORT_FRAMES, rng), *streams]


#: The troubles of real recordings that files get in turn. Besides, every second file ends its lines with CRLF, every
#: third has blanks and blank lines at its end, and every fourth is in a zip archive.
TROUBLES: dict[str, Trouble] = {
    "none": lambda streams, rng: streams,
    "six bodies": _six_bodies,
    "interrupted body": _interrupted,
    "new tracking id": _new_id,
    "empty frames": _empty_frames,
    "wide noise body": _wide_noise,
    "short noise body": _short_noise,
}


def ntu_name(sequence: SkeletonSequence, dataset: str = "puppet") -> str:
    """The NTU name of a sequence, ``SsssCcccPpppRrrrAaaa``; its class by :func:`~zsar_kit.data.catalogue.ntu_ids`.

    Raises:
        DataError: it lacks a setup, camera, subject or replication in 1..999.
        SplitError: the classes of the data set have no NTU ids.
    """
    numbers = (sequence.setup, sequence.camera, sequence.subject, sequence.replication)
    if not all(1 <= number <= 999 for number in numbers):
        problem = f"a name of NTU needs setup, camera, subject and replication in 1..999, got {numbers}"
        raise DataError(problem, where=f"sample {sequence.sample!r}")
    action = ntu_ids(dataset)[sequence.label] + 1
    return "S{:03d}C{:03d}P{:03d}R{:03d}A{:03d}".format(*numbers, action)


def write_ntu(
    target: str | Path,
    sequences: Iterable[SkeletonSequence],
    *,
    seed: int = 0,
    nasty: bool = True,
    dataset: str = "puppet",
) -> dict[str, str]:
    """Write sequences as ``.skeleton`` files.

    Args:
        target: a folder, or a new zip archive if its name ends in ``.zip``.
        sequences: in layout ``ntu25``.
        seed: of the troubles.
        nasty: give the files :data:`TROUBLES`, and put some in the archive ``more.zip``.
        dataset: the data set whose class ids the labels are.

    Returns:
        Name of each sample to its trouble.
    """
    target = Path(target)
    whole = target.suffix == ".zip"
    (target.parent if whole else target).mkdir(parents=True, exist_ok=True)
    written, archived = {}, {}
    for i, sequence in enumerate(sequences):
        name = ntu_name(sequence, dataset)
        trouble = list(TROUBLES)[i % len(TROUBLES)] if nasty else "none"
        content = skeleton_file(
            sequence.joints,
            trouble=trouble,
            rng=numpy_generator(seed, "raw ntu", name),
            crlf=nasty and i % 2 == 1,
            trailing=nasty and i % 3 == 2,
        )
        written[name] = trouble
        if whole or (nasty and i % 4 == 3):
            archived[f"nturgb+d_skeletons/{name}.skeleton"] = content
        else:
            (target / f"{name}.skeleton").write_bytes(content)
    if archived:
        with zipfile.ZipFile(target if whole else target / ARCHIVE, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, content in archived.items():
                archive.writestr(member, content)
    return written


def skeleton_file(
    joints: Float32[np.ndarray, "person frame 25 3"],
    *,
    trouble: str = "none",
    rng: np.random.Generator,
    crlf: bool = False,
    trailing: bool = False,
) -> bytes:
    """The content of one file: each person present in a frame is one of its bodies.

    Args:
        joints: metres, in camera coordinates.
        trouble: a key of :data:`TROUBLES`.
        rng: draws the details of the trouble.
        crlf: end lines with CRLF.
        trailing: blanks at the end of each line, and blank lines at the end.
    """
    there = present(joints)
    streams = [
        _Stream(FIRST_ID + person, np.flatnonzero(there[person]), joints[person, there[person]])
        for person in range(len(joints))
        if there[person].any()
    ]
    if streams:
        streams = [stream for stream in TROUBLES[trouble](streams, rng) if len(stream.frames)]
    frames = max([joints.shape[1], *(int(stream.frames[-1]) + 1 for stream in streams)])
    bodies: list[list[list[str]]] = [[] for _ in range(frames)]
    for stream in streams:
        for frame, text in zip(stream.frames.tolist(), _bodies(stream), strict=True):
            bodies[frame].append(text)
    lines = [str(frames)]
    for in_frame in bodies:
        lines += [str(len(in_frame)), *(line for body in in_frame for line in body)]
    blanks, end = (" " if trailing else ""), ("\r\n" if crlf else "\n")
    return (end.join(line + blanks for line in lines) + end * (3 if trailing else 1)).encode("ascii")


def _bodies(stream: _Stream) -> list[list[str]]:
    """The lines of a body in each of its frames."""
    values = _values(stream.joints).astype("U16")  # the shortest text that gives the same float32
    head = [f"{stream.number} 0 1 1 1 1 0 0 0 2", str(values.shape[1])]
    return [[*head, *(" ".join((*joint, "0 0 0 0 2")) for joint in frame)] for frame in values.tolist()]


def _values(joints: Float32[np.ndarray, "seen 25 3"]) -> Float32[np.ndarray, "seen 25 7"]:
    """Coordinates and their places in both pictures. Orientations are not known and stay zero."""
    depth = np.maximum(joints[..., 2], 0.1)
    places: list[Float[np.ndarray, "seen 25"]] = []
    for focal, x, y in _PICTURES:
        places += [x + focal * joints[..., 0] / depth, y - focal * joints[..., 1] / depth]
    return np.concatenate([joints, np.stack(places, axis=-1)], axis=-1).astype(np.float32)
