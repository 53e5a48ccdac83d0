"""Who is where in a clip: persons, frames, and joints that were found or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from zsar_kit.data.doctor.anatomy import anatomy
from zsar_kit.data.joints import JointLayout

#: A body whose joints all lie within this share of its usual extent is no body: empty frames that were moved along.
COLLAPSED = 1e-3
#: A joint of the trunk at the exact origin in so many frames is the origin of the clip.
ORIGIN_SHARE = 0.9
#: The origin is within a body if some joint is nearer to it than this share of the body's extent.
WITHIN = 0.4
#: A joint is in its place if the bones to its neighbours are at most so many times their usual length.
IN_PLACE = 2.0


@dataclass(frozen=True, eq=False)
class Presence:
    """What of a clip is really there.

    Attributes:
        joints: the clip ``[person, frame, joint, 3]``, NaN where nothing was found.
        there: somebody is in this frame ``[person, frame]``.
        zero: of a person who is there, joints at exactly (0, 0, 0) that are not the origin of the clip.
        unknown: of a person who is there, joints that are NaN.
        collapsed: frames in which all joints of a person lie in one point other than the origin ``[person, frame]``;
            nobody counts as there.
        centred: joints that are the origin of the clip in all frames, or in the first one.
    """

    joints: Float[np.ndarray, "person frame joint 3"]
    there: Bool[np.ndarray, "person frame"]
    zero: Bool[np.ndarray, "person frame joint"]
    unknown: Bool[np.ndarray, "person frame joint"]
    collapsed: Bool[np.ndarray, "person frame"]
    centred: tuple[int, ...]

    @property
    def missing(self) -> Bool[np.ndarray, "person frame joint"]:
        """Joints of persons who are there that were not found."""
        return self.zero | self.unknown


def presence(joints: Float[np.ndarray, "person frame joint 3"], layout: JointLayout) -> Presence:
    """Tell persons from padding, and joints that were found from those that were not."""
    # Coordinate by coordinate: reducing an axis of three numbers is slow.
    x, y, z = joints[..., 0], joints[..., 1], joints[..., 2]
    unknown = np.isnan(x) | np.isnan(y) | np.isnan(z)
    zero = (x == 0) & (y == 0) & (z == 0)
    there = ~(unknown | zero).all(axis=2)
    collapsed = _collapsed(joints, there)
    there = there & ~collapsed
    zero, unknown = zero & there[..., None], unknown & there[..., None]
    centred = _origin(joints, there, zero, unknown, layout) if zero.any() else ()
    for joint in centred:
        zero[:, :, joint] &= ~_in_place(joints, zero, joint, layout)
    known = joints
    if zero.any() or unknown.any() or not there.all():
        known = joints.copy()
        known[zero | unknown | ~there[..., None]] = np.nan
    return Presence(known, there, zero, unknown, collapsed, centred)


def _collapsed(joints: np.ndarray, there: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        extent = (joints.max(axis=2) - joints.min(axis=2)).max(axis=-1)
    extent = np.where(np.isnan(extent), np.inf, extent)
    usual = extent[there & np.isfinite(extent)]
    if not usual.size:
        return np.zeros_like(there)
    # Of frames that are mostly padding the median is small, the largest extent is not.
    return there & (extent < COLLAPSED * usual.max())


def _neighbours(joint: int, layout: JointLayout) -> list[int]:
    return [b if a == joint else a for a, b in layout.bones if joint in (a, b)]


def _origin(
    joints: np.ndarray, there: np.ndarray, zero: np.ndarray, unknown: np.ndarray, layout: JointLayout
) -> tuple[int, ...]:
    """Joints of the trunk at which the clip is centred, of some person."""
    shares = zero.sum(axis=1) / np.maximum(there.sum(axis=1), 1)[:, None]
    first = there.argmax(axis=1)
    found: list[int] = []
    for joint in anatomy(layout).trunk:
        always = (shares[:, joint] >= ORIGIN_SHARE).any()
        at_first = any(there[p].any() and zero[p, first[p], joint] for p in range(len(joints)))
        if always or at_first:
            found.append(joint)
    return tuple(found)


def _in_place(joints: np.ndarray, zero: np.ndarray, joint: int, layout: JointLayout) -> np.ndarray:
    """Frames in which a joint at the origin is where its neighbours leave room for it ``[person, frame]``.

    The origin must be within the body, and bones from there to the joint's neighbours at most :data:`IN_PLACE` times as
    long as usual. The usual length comes from frames in which the joint is not at the origin, or, if it always is, from
    the origin itself: the clip is centred there, and a body that moves about does not keep its distance from a point in
    the room.
    """
    at = zero[:, :, joint]
    ok = at & _within(joints)
    for other in _neighbours(joint, layout):
        with np.errstate(invalid="ignore"):
            length = np.linalg.norm(joints[:, :, other] - joints[:, :, joint], axis=-1)
        length[zero[:, :, other] | np.isnan(length)] = np.nan
        for person in range(len(at)):
            apart = length[person][~at[person] & np.isfinite(length[person])]
            here = length[person][at[person] & np.isfinite(length[person])]
            if not here.size:
                continue
            usual = np.median(apart) if apart.size and apart.any() else np.median(here)
            ok[person] &= ~(length[person] > IN_PLACE * usual)
    return ok


def _within(joints: np.ndarray) -> np.ndarray:
    """Whether the origin is near some joint that was found ``[person, frame]``; persons who are absent have none."""
    x, y, z = (joints[..., axis] for axis in range(3))
    apart = np.sqrt(x * x + y * y + z * z)
    lost = np.isnan(apart) | (apart == 0)
    nearest = np.where(lost, np.inf, apart).min(axis=2)
    bodies = joints[~lost.all(axis=2)]  # [frames of all persons, joint, xyz]
    bodies = np.where(lost[~lost.all(axis=2)][..., None], np.nan, bodies)
    extents = np.nanmax(bodies, axis=1) - np.nanmin(bodies, axis=1) if len(bodies) else np.zeros((1, 3))
    return nearest <= WITHIN * float(np.median(extents.max(axis=1)))
