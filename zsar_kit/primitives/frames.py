"""A batch of clips in the performer's own axes: up, forward and right, in torso lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from zsar_kit.data.joints import to_ntu25
from zsar_kit.data.orientation import SHORTEST_DIRECTION
from zsar_kit.errors import DataError
from zsar_kit.primitives.clips import (
    NTU,
    acting_first,
    after_calibration,
    available,
    lost_joints,
    not_seen,
    require_shape,
    with_legs_drawn_in,
    without_gaps,
)
from zsar_kit.primitives.signals import (
    Mask,
    PerClip,
    Signal,
    at,
    dot,
    held,
    length,
    masked_mean,
    masked_percentile,
    smooth,
    unit,
)

#: smoothing of joints and of headings, standard deviations in seconds
SMOOTHING, HEADING_SMOOTHING = 0.06, 0.15

#: the class that clips are made into
Made = TypeVar("Made", bound="Frames")

Points = Float[np.ndarray, "clip frame 3"]
Limbs = Float[np.ndarray, "clip 2 frame"]
LimbPoints = Float[np.ndarray, "clip 2 frame 3"]


@dataclass(frozen=True, eq=False)
class Frames:
    """Clips of one frame rate, padded to one length by repeating their last frame.

    Attributes:
        joints: positions of the acting person in the joints of NTU RGB+D, smoothed, in metres, ``[clip, frame, 25,
            3]``.
        partner: the same of a second person; NaN in clips without one.
        frames: number of real frames of each clip.
        rate: frames a second.
        has: what the layout has (see :func:`available`).
        lost, partner_lost: joints that were not found for most of the clip, ``[clip, 25]``; no attribute that reads one
            has a value.
    """

    joints: Float32[np.ndarray, "clip frame 25 3"]
    partner: Float32[np.ndarray, "clip frame 25 3"]
    frames: Int[np.ndarray, " clip"]
    rate: float
    has: frozenset[str]
    lost: Bool[np.ndarray, "clip 25"]
    partner_lost: Bool[np.ndarray, "clip 25"]

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({len(self.joints)} clips, up to {self.joints.shape[1]} frames at {self.rate:g} Hz)"
        )

    @classmethod
    def of(
        cls: type[Made],
        clips: Sequence[np.ndarray],
        layout: str,
        rate: float,
        names: list[str] | None = None,
        missing: Sequence[np.ndarray] | None = None,
    ) -> Made:
        """Pad, smooth and bring clips to the joints of NTU RGB+D.

        Args:
            clips: each ``[person, frame, joint, xyz]`` in any length unit, zeros where a person or joint is absent.
            layout: their joint layout.
            rate: frames a second.
            names: names for messages.
            missing: which joints were not found, each ``[person, frame, joint]``, where their places in ``clips`` are
                filled in; default: those at zero.

        Raises:
            DataError: a clip of another shape than the layout's, without a body, with a value that is not finite, or
                with a trunk of no length; or a rate that is not positive.
        """
        if not (np.isfinite(rate) and rate > 0):
            raise DataError(f"the frame rate must be a positive number of frames a second, got {rate}")
        places = names if names is not None else [f"clip {i}" for i in range(len(clips))]
        for clip, place in zip(clips, places, strict=True):
            require_shape(clip, layout, place)
        frames = np.array([clip.shape[1] for clip in clips])
        shape = (len(clips), int(frames.max()), len(NTU), 3)
        main, partner = np.zeros(shape, dtype=np.float32), np.full(shape, np.nan, dtype=np.float32)
        weights, starts = to_ntu25(layout), np.zeros(len(clips), dtype=int)
        lost, partner_lost = np.zeros((2, len(clips), len(NTU)), dtype=bool)
        for i, clip in enumerate(clips):
            persons = acting_first(clip, places[i])
            gaps = not_seen(clip, layout) if missing is None else _same_shape(missing[i], clip, places[i])
            for target, gone, person in zip((main, partner), (lost, partner_lost), persons, strict=False):
                body = without_gaps(clip[person])
                body = body if layout == "ntu25" else np.tensordot(body, weights, axes=(1, 1)).swapaxes(1, 2)
                if target is main:
                    starts[i] = after_calibration(body, rate)
                body = body[starts[i] :]
                if gaps[person].any():
                    gone[i] = lost_joints(clip[person], gaps[person], layout)
                    body = with_legs_drawn_in(body, gone[i])
                target[i, : len(body)] = body
                target[i, len(body) :] = body[-1]
        frames = frames - starts
        main = held(smooth(main, SMOOTHING, rate), frames)
        two = np.isfinite(partner[:, 0, 0, 0])
        partner[two] = held(smooth(partner[two], SMOOTHING, rate), frames[two])
        made = cls(main, partner, frames, rate, available(layout), lost, partner_lost)
        flat = np.flatnonzero(~(made.torso > SHORTEST_DIRECTION))
        if len(flat):
            problem = "hips and shoulders are at one place, so the body has no size"
            raise DataError(problem, where=places[flat[0]], remedy="Check the joint layout and the coordinates.")
        return made

    @cached_property
    def two(self) -> Bool[np.ndarray, " clip"]:
        """Which clips have a second person."""
        return np.isfinite(self.partner[:, 0, 0, 0])

    @cached_property
    def mask(self) -> Mask:
        """Real frames."""
        return np.arange(self.joints.shape[1]) < self.frames[:, None]

    @cached_property
    def last(self) -> Int[np.ndarray, " clip"]:
        """The last real frame."""
        return self.frames - 1

    @property
    def few(self) -> int:
        """Number of frames in a tenth of a second."""
        return max(1, round(0.1 * self.rate))

    def first_few(self, signal: np.ndarray) -> np.ndarray:
        """Signals ``[clip, frame, ...]`` in the first tenth of a second, ``[k, clip, ...]``."""
        return np.stack([at(signal, np.minimum(k, self.last)) for k in range(self.few)])

    def last_few(self, signal: np.ndarray) -> np.ndarray:
        """Signals ``[clip, frame, ...]`` in the last tenth of a second, ``[k, clip, ...]``."""
        return np.stack([at(signal, np.maximum(self.last - k, 0)) for k in range(self.few)])

    def joint(self, name: str) -> Points:
        """Positions of a joint in metres."""
        return self._by_joint[NTU[name]]

    @cached_property
    def _by_joint(self) -> Float[np.ndarray, "25 clip frame 3"]:
        return np.ascontiguousarray(np.moveaxis(self.joints, 2, 0))

    def other(self, name: str) -> Points:
        """Positions of a joint of the second person in metres; NaN in clips without one."""
        return self.partner[:, :, NTU[name]]

    def body(self) -> Float32[np.ndarray, "clip frame 25 3"]:
        """All joints of the acting person, for attributes that are about all of them."""
        return self.joints

    def other_body(self) -> Float32[np.ndarray, "clip frame 25 3"]:
        """All joints of the second person."""
        return self.partner

    @cached_property
    def torso(self) -> PerClip:
        """T: the median distance from hip centre to shoulder centre, in metres."""
        return masked_percentile(length(self.joint("spine_shoulder") - self.joint("spine_base")), self.mask, 50.0)

    @cached_property
    def tall(self) -> Mask:
        """The fifth of the frames in which the body is longest from shoulders to ankles: it stands, if it ever does."""
        ankles = 0.5 * (self.joint("ankle_left") + self.joint("ankle_right"))
        span = length(self.joint("spine_shoulder") - ankles)
        span = np.where(self.mask, span, -np.inf)
        kept = np.maximum(1, np.ceil(0.2 * self.frames)).astype(int)
        least = at(-np.sort(-span, axis=1), kept - 1)
        return span >= least[:, None]

    @cached_property
    def up(self) -> Float[np.ndarray, "clip 3"]:
        """The vertical: mean direction of trunk and legs in the :attr:`tall` frames; of the trunk alone if seated."""
        trunk = unit(self._mean_of_tall(self.joint("spine_shoulder") - self.joint("spine_base")))
        ankles = 0.5 * (self.joint("ankle_left") + self.joint("ankle_right"))
        whole = unit(self._mean_of_tall(self.joint("spine_shoulder") - ankles))
        bend = masked_mean(self._bend("hip", "knee", "ankle", (0, 1)).mean(1), self.tall)
        return unit(np.where((bend < 40.0)[:, None], trunk + whole, trunk))

    def _mean_of_tall(self, vectors: Points) -> Float[np.ndarray, "clip 3"]:
        return np.where(self.tall[:, :, None], vectors, 0.0).sum(1) / self.tall.sum(1)[:, None]

    @cached_property
    def right(self) -> Points:
        """The performer's right in each frame: from left to right shoulder and hip, level, smoothed."""
        across = self.joint("shoulder_right") - self.joint("shoulder_left")
        across = across + self.joint("hip_right") - self.joint("hip_left")
        return held(unit(smooth(self._level(across), HEADING_SMOOTHING, self.rate)), self.frames)

    def _level(self, vectors: Points) -> Points:
        up = self.up[:, None]
        return vectors - dot(vectors, up)[..., None] * up

    @cached_property
    def axes(self) -> Float[np.ndarray, "clip frame 3 3"]:
        """Rows right, forward (up x right) and up."""
        up = np.broadcast_to(self.up[:, None], self.right.shape)
        return np.stack([self.right, np.cross(up, self.right), up], axis=2)

    def own(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors ``[clip, frame, 3]`` as (right, forward, up) in torso lengths."""
        across, along, up = (dot(self.axes[:, :, i], vectors) for i in range(3))
        return np.stack([across, along, up], axis=-1) / self.torso[:, None, None]

    def seen_from(self, origin: str, *names: str) -> Float[np.ndarray, "clip k frame 3"]:
        """Joints relative to another joint, as (right, forward, up) in torso lengths."""
        start = self.joint(origin)
        return np.stack([self.own(self.joint(name) - start) for name in names], axis=1)

    def height(self, name: str) -> Signal:
        """Height of a joint above the floor, in T."""
        return dot(self.joint(name), self.up[:, None]) / self.torso[:, None] - self.floor[:, None]

    @cached_property
    def floor(self) -> PerClip:
        """Height of the floor, at the ankles: the 5th percentile of the lower ankle, in T along the vertical."""
        ankles = [dot(self.joint(f"ankle_{side}"), self.up[:, None]) for side in ("left", "right")]
        lower = np.minimum(*ankles) / self.torso[:, None]
        return masked_percentile(lower, self.mask, 5.0)

    @cached_property
    def standing_hips(self) -> PerClip:
        """Height of the hips when standing, in T: as seen in the tall frames, at least what the bones make of it."""
        seen = masked_mean(self.height("spine_base"), self.tall)
        bones = [
            length(self.joint(f"{a}_{side}") - self.joint(f"{b}_{side}"))
            for side in ("left", "right")
            for a, b in (("hip", "knee"), ("knee", "ankle"))
        ]
        leg = masked_mean(0.5 * np.sum(bones, axis=0), self.mask) / self.torso
        return np.maximum(seen, 0.93 * leg)

    @cached_property
    def hanging(self) -> PerClip:
        """Height of a hanging hand against the shoulders, in T (negative): drop to the joint and the arm's bones."""
        lengths = []
        for side in ("right", "left"):
            chain = [self.joint(f"{name}_{side}") for name in ("shoulder", "elbow", "wrist", "hand")]
            bones = np.sum([length(b - a) for a, b in pairwise(chain)], axis=0)
            drop = dot(self.joint("spine_shoulder") - chain[0], self.up[:, None])
            lengths.append(masked_mean(bones, self.mask) + masked_mean(drop, self.tall))
        return -np.mean(lengths, axis=0) / self.torso

    def _bend(self, a: str, b: str, c: str, sides: tuple[int, ...]) -> Limbs:
        angles = []
        for side in sides:
            name = ("right", "left")[side]
            first = unit(self.joint(f"{b}_{name}") - self.joint(f"{a}_{name}"))
            second = unit(self.joint(f"{c}_{name}") - self.joint(f"{b}_{name}"))
            angles.append(np.degrees(np.arccos(np.clip(dot(first, second), -1.0, 1.0))))
        return np.stack(angles, axis=1)


def _same_shape(missing: np.ndarray, clip: np.ndarray, name: str) -> np.ndarray:
    if missing.shape != clip.shape[:3]:
        problem = f"marks of missing joints must be {list(clip.shape[:3])}, got {list(missing.shape)}"
        raise DataError(problem, where=name)
    return missing
