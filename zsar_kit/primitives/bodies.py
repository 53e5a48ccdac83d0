"""What attributes read of a batch of clips: limbs, rest posture, act and trunk.

Every attribute reads from :class:`Bodies`. What several of them need is computed once, when it is first asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from zsar_kit.primitives.frames import Frames, LimbPoints, Limbs
from zsar_kit.primitives.signals import (
    TINY,
    Mask,
    PerClip,
    Signal,
    dot,
    first_true,
    last_true,
    length,
    masked_max,
    masked_mean,
    near_top,
    velocity,
)

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


@dataclass(frozen=True, eq=False)
class Bodies(Frames):
    """A batch of clips with what attributes read of them."""

    @cached_property
    def pairs(self) -> Bodies:
        """The clips with a second person."""
        two = self.two
        return Bodies(
            self.joints[two],
            self.partner[two],
            self.frames[two],
            self.rate,
            self.has,
            self.lost[two],
            self.partner_lost[two],
        )

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
