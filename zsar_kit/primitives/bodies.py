"""A batch of clips in the performer's own axes: up, forward and right, in torso lengths.

Every attribute reads from :class:`Bodies`. What several of them need (hands relative to the trunk, the rest posture,
the floor) is computed once, when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from zsar_kit.data.joints import layout as joint_layout
from zsar_kit.data.joints import to_ntu25
from zsar_kit.data.orientation import SHORTEST_DIRECTION, distinct_persons, present
from zsar_kit.errors import DataError
from zsar_kit.primitives.signals import (
    TINY,
    Mask,
    PerClip,
    Signal,
    at,
    dot,
    first_true,
    held,
    last_true,
    length,
    masked_max,
    masked_mean,
    masked_percentile,
    near_top,
    smooth,
    unit,
    velocity,
)

NTU = {name: i for i, name in enumerate(joint_layout("ntu25").joints)}
#: smoothing of joints and of headings, standard deviations in seconds
SMOOTHING, HEADING_SMOOTHING = 0.06, 0.15
#: a hand farther than this from its place at rest is away, in T
AWAY = 0.35
#: a hand or foot slower than this stands still, in T/s
STILL = 0.25
#: a body whose fastest hand, foot, head or hip is faster than this moves, in T/s
MOVES = 1.0
#: a hand, foot or head within this of its greatest height is highest, in T
LEVEL = 0.05
#: speeds that differ by less than this share of the top speed are alike
ALIKE = 0.02
#: height of the waist against the shoulders, in T
WAIST = -0.9

Points = Float[np.ndarray, "clip frame 3"]
Limbs = Float[np.ndarray, "clip 2 frame"]
LimbPoints = Float[np.ndarray, "clip 2 frame 3"]


def available(layout: str) -> frozenset[str]:
    """What a layout has of ``head`` and ``hands``: places of their own, not those of wrists or shoulders."""
    weights = to_ntu25(layout)
    hands = not np.array_equal(weights[NTU["hand_left"]], weights[NTU["wrist_left"]])
    head = not np.array_equal(weights[NTU["head"]], weights[NTU["spine_shoulder"]])
    return frozenset(name for name, there in (("hands", hands), ("head", head)) if there)


@dataclass(frozen=True, eq=False)
class Bodies:
    """Clips of one frame rate, padded to one length by repeating their last frame.

    Attributes:
        joints: positions of the acting person in the joints of NTU RGB+D, smoothed, in metres, ``[clip, frame, 25,
            3]``.
        partner: the same of a second person; NaN in clips without one.
        frames: number of real frames of each clip.
        rate: frames a second.
        has: what the layout has (see :func:`available`).
    """

    joints: Float32[np.ndarray, "clip frame 25 3"]
    partner: Float32[np.ndarray, "clip frame 25 3"]
    frames: Int[np.ndarray, " clip"]
    rate: float
    has: frozenset[str]

    def __repr__(self) -> str:
        return f"Bodies({len(self.joints)} clips, up to {self.joints.shape[1]} frames at {self.rate:g} Hz)"

    @classmethod
    def of(cls, clips: Sequence[np.ndarray], layout: str, rate: float, names: list[str] | None = None) -> Bodies:
        """Pad, smooth and bring clips to the joints of NTU RGB+D.

        Args:
            clips: each ``[person, frame, joint, xyz]`` in any length unit, zeros where a person or joint is absent.
            layout: their joint layout.
            rate: frames a second.
            names: names for messages.

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
        for i, clip in enumerate(clips):
            for target, person in zip((main, partner), acting_first(clip, places[i]), strict=False):
                body = without_gaps(person)
                body = body if layout == "ntu25" else np.tensordot(body, weights, axes=(1, 1)).swapaxes(1, 2)
                if target is main:
                    starts[i] = after_calibration(body, rate)
                body = body[starts[i] :]
                target[i, : len(body)] = body
                target[i, len(body) :] = body[-1]
        frames = frames - starts
        main = held(smooth(main, SMOOTHING, rate), frames)
        two = np.isfinite(partner[:, 0, 0, 0])
        partner[two] = held(smooth(partner[two], SMOOTHING, rate), frames[two])
        made = cls(main, partner, frames, rate, available(layout))
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
    def pairs(self) -> Bodies:
        """The clips with a second person."""
        return Bodies(self.joints[self.two], self.partner[self.two], self.frames[self.two], self.rate, self.has)

    # -------------------------------------------------------------- the body's own axes
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

    # -------------------------------------------------------------- limbs, the leading one first
    @cached_property
    def hands_both(self) -> LimbPoints:
        """Right and left hand relative to the shoulder centre; a layout without hands has them at the wrists.

        Forward is measured from the line that the trunk has in standing: the hip centre of some sensors lies before the
        body's middle, which would put hanging hands before the trunk.
        """
        hands = self.seen_from("spine_shoulder", "hand_right", "hand_left")
        slope = self.standing_spine[:, 1] / self.standing_spine[:, 2]
        hands[..., 1] -= slope[:, None, None] * hands[..., 2]
        return hands

    @cached_property
    def arm_paths(self) -> Float[np.ndarray, "clip 2"]:
        """Paths of right and left hand relative to the trunk, in T; slower motion than :data:`STILL` does not count."""
        return self._paths(self.hands_both)

    def _paths(self, points: LimbPoints) -> Float[np.ndarray, "clip 2"]:
        speed = length(np.diff(points, axis=2)) * self.rate
        return np.maximum(speed - STILL, 0.0).sum(2) / self.rate

    @cached_property
    def right_leads(self) -> Bool[np.ndarray, " clip"]:
        """Whether the right hand has the longer path."""
        return self.arm_paths[:, 0] >= self.arm_paths[:, 1]

    @cached_property
    def arm_order(self) -> Int[np.ndarray, "clip 2"]:
        """Sides (0 right, 1 left) of the lead and the other arm."""
        return np.where(self.right_leads[:, None], [0, 1], [1, 0])

    def _ordered(self, both: np.ndarray, order: Int[np.ndarray, "clip 2"]) -> np.ndarray:
        return np.take_along_axis(both, order.reshape(*order.shape, *[1] * (both.ndim - 2)), axis=1)

    @cached_property
    def hands(self) -> LimbPoints:
        """Lead and other hand relative to the shoulder centre: (right, forward, up)."""
        return self._ordered(self.hands_both, self.arm_order)

    @cached_property
    def outward(self) -> Limbs:
        """How far each hand is out to its own side, lead and other."""
        both = np.stack([self.hands_both[:, 0, :, 0], -self.hands_both[:, 1, :, 0]], axis=1)
        return self._ordered(both, self.arm_order)

    @cached_property
    def elbows(self) -> LimbPoints:
        """Lead and other elbow relative to the shoulder centre."""
        return self._ordered(self.seen_from("spine_shoulder", "elbow_right", "elbow_left"), self.arm_order)

    @cached_property
    def elbow_bend(self) -> Limbs:
        """Bend of lead and other elbow in degrees: 0 straight."""
        return self._ordered(self._bend("shoulder", "elbow", "wrist", (0, 1)), self.arm_order)

    def _bend(self, a: str, b: str, c: str, sides: tuple[int, ...]) -> Limbs:
        angles = []
        for side in sides:
            name = ("right", "left")[side]
            first = unit(self.joint(f"{b}_{name}") - self.joint(f"{a}_{name}"))
            second = unit(self.joint(f"{c}_{name}") - self.joint(f"{b}_{name}"))
            angles.append(np.degrees(np.arccos(np.clip(dot(first, second), -1.0, 1.0))))
        return np.stack(angles, axis=1)

    @cached_property
    def feet_both(self) -> LimbPoints:
        """Right and left ankle relative to the hip centre; in standing, their middle is straight below it."""
        feet = self.seen_from("spine_base", "ankle_right", "ankle_left")
        middle = feet.mean(1)[..., :2]
        standing = np.where(self.tall[..., None], middle, 0.0).sum(1) / self.tall.sum(1)[:, None]
        feet[..., :2] -= standing[:, None, None]
        return feet

    @cached_property
    def leg_paths(self) -> Float[np.ndarray, "clip 2"]:
        """Paths of right and left ankle relative to the hips, in T."""
        return self._paths(self.feet_both)

    @cached_property
    def leg_order(self) -> Int[np.ndarray, "clip 2"]:
        """Sides (0 right, 1 left) of the lead and the other leg: the one that is lifted higher leads, then by path."""
        both = np.stack([self.height("ankle_right"), self.height("ankle_left")], axis=1)
        lifts = np.where(self.mask[:, None], both, -np.inf).max(2)
        score = lifts + 0.05 * self.leg_paths
        return np.where((score[:, 0] >= score[:, 1])[:, None], [0, 1], [1, 0])

    @cached_property
    def feet(self) -> LimbPoints:
        """Lead and other ankle relative to the hip centre."""
        return self._ordered(self.feet_both, self.leg_order)

    @cached_property
    def foot_heights(self) -> Limbs:
        """Heights of lead and other ankle above the floor."""
        both = np.stack([self.height("ankle_right"), self.height("ankle_left")], axis=1)
        return self._ordered(both, self.leg_order)

    @cached_property
    def knee_bend(self) -> Limbs:
        """Bend of lead and other knee in degrees."""
        return self._ordered(self._bend("hip", "knee", "ankle", (0, 1)), self.leg_order)

    @cached_property
    def knees(self) -> LimbPoints:
        """Lead and other knee relative to the hip centre."""
        return self._ordered(self.seen_from("spine_base", "knee_right", "knee_left"), self.leg_order)

    # -------------------------------------------------------------- rest, act, path
    @cached_property
    def rest(self) -> Float[np.ndarray, "clip 2 3"]:
        """The hands' places at rest: those of the first or of the last tenth of a second, whichever are held longer."""
        hands = self.hands.swapaxes(1, 2)
        start, end = np.median(self.first_few(hands), axis=0), np.median(self.last_few(hands), axis=0)
        held = [((length(self.hands - place[:, :, None]) < AWAY) & self.mask[:, None]).sum(2) for place in (start, end)]
        return np.where((held[0] >= held[1])[..., None], start, end)

    @cached_property
    def from_rest(self) -> Limbs:
        """Distance of each hand from its place at rest, in T."""
        return length(self.hands - self.rest[:, :, None])

    @cached_property
    def away(self) -> Bool[np.ndarray, "clip 2 frame"]:
        """Whether each hand is away from its place at rest."""
        return (self.from_rest > AWAY) & self.mask[:, None]

    @cached_property
    def hand_speed(self) -> Limbs:
        """Speed of each hand relative to the trunk, T/s."""
        return length(velocity(self.hands.swapaxes(1, 2), self.rate)).swapaxes(1, 2)

    @cached_property
    def fastest(self) -> Mask:
        """Frames in which the lead hand is at its top speed; several where strokes are alike."""
        speed = self.hand_speed[:, 0]
        return near_top(speed / np.maximum(masked_max(speed, self.mask), TINY)[:, None], self.mask, ALIKE)

    @cached_property
    def drawn(self) -> Mask:
        """Frames in which the lead hand is up: above half-way between its place at rest and its highest."""
        height = self.hands[:, 0, :, 2]
        rest, top = self.rest[:, 0, 2], masked_max(height, self.mask)
        return (height >= 0.5 * (rest + top)[:, None]) & self.away[:, 0]

    @cached_property
    def moving(self) -> Mask:
        """Frames in which a hand, a foot, the head or the hips move faster than :data:`MOVES`."""
        names = ("hand_right", "hand_left", "ankle_right", "ankle_left", "head", "spine_base")
        fastest = np.max([self._speed(name) for name in names], axis=0)
        return (fastest > MOVES) & self.mask

    def _speed(self, name: str) -> Signal:
        return length(velocity(self.joint(name), self.rate)) / self.torso[:, None]

    @cached_property
    def act(self) -> tuple[Int[np.ndarray, " clip"], Int[np.ndarray, " clip"]]:
        """First and last frame of the act: of clear motion, or of a hand away from rest; else of the clip."""
        active = self.moving | self.away.any(1)
        some = active.any(1)
        return np.where(some, first_true(active), 0), np.where(some, last_true(active), self.last)

    def moment(self, frames: Mask) -> PerClip:
        """Where some frames lie on average within the act: 0 first, 1 last."""
        start, end = self.act
        mean = masked_mean(np.broadcast_to(np.arange(frames.shape[1], dtype=float), frames.shape), frames)
        return (mean - start) / np.maximum(end - start, 1)

    # -------------------------------------------------------------- trunk
    @cached_property
    def standing_spine(self) -> Float[np.ndarray, "clip 3"]:
        """The trunk in the :attr:`tall` frames: what counts as upright."""
        spine = self._mean_of_tall(self.spine)
        spine[:, 2] = np.maximum(spine[:, 2], 0.3)
        return spine

    @cached_property
    def spine(self) -> Float[np.ndarray, "clip frame 3"]:
        """The trunk from hip centre to shoulder centre: (right, forward, up)."""
        return self.own(self.joint("spine_shoulder") - self.joint("spine_base"))

    @cached_property
    def lean_forward(self) -> Signal:
        """Forward lean of the trunk against its standing posture, in degrees; negative backward."""
        standing = np.degrees(np.arctan2(self.standing_spine[:, 1], self.standing_spine[:, 2]))
        return np.degrees(np.arctan2(self.spine[..., 1], self.spine[..., 2])) - standing[:, None]

    @cached_property
    def lean_side(self) -> Signal:
        """Sideways lean of the trunk against its standing posture, in degrees, positive to the right."""
        standing = np.degrees(np.arctan2(self.standing_spine[:, 0], self.standing_spine[:, 2]))
        lean = np.degrees(np.arctan2(self.spine[..., 0], np.hypot(self.spine[..., 1], self.spine[..., 2])))
        return lean - standing[:, None]

    def yaw(self, left: str, right: str) -> Signal:
        """Heading of a line between two joints against the first frame's right, in degrees, unwrapped."""
        across = self._level(self.joint(right) - self.joint(left))
        first = self.axes[:, :1]
        x, y = dot(across, first[:, :, 0]), dot(across, first[:, :, 1])
        return np.degrees(np.unwrap(np.arctan2(y, np.where(np.hypot(x, y) > TINY, x, 1.0)), axis=1))


def require_shape(clip: np.ndarray, layout: str, name: str) -> None:
    """Raise a :class:`DataError` unless a clip is ``[person, frame, joint, xyz]`` with the joints of its layout."""
    joints = len(joint_layout(layout))
    if clip.ndim != 4 or clip.shape[2:] != (joints, 3):
        problem = f"a clip of layout {layout} must be [person, frame, {joints}, 3], got {list(clip.shape)}"
        raise DataError(problem, where=name, remedy="Check the joint layout, and the order of the axes.")


def acting_first(clip: np.ndarray, name: str) -> list[Float32[np.ndarray, "frame joint 3"]]:
    """The one or two persons of a clip, the one with the longer path of all joints first.

    Raises:
        DataError: nobody is there, or a coordinate is not finite.
    """
    if not np.isfinite(clip).all():
        raise DataError("a coordinate is not finite", where=name, remedy="Write 0, 0, 0 for a joint that was not seen.")
    there = present(clip)
    persons = [person for person in distinct_persons(clip[there.any(1)])]
    if not persons:
        raise DataError("there is nobody in this clip", where=name, remedy="Leave it out.")
    if len(persons) == 1:
        return persons
    moved = [float(length(np.diff(without_gaps(p), axis=0)).sum()) for p in persons]
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
