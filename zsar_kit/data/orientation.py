"""Position and orientation of skeletons: who is present, the origin at the spine, the body upright.

Arrays have the shape that :mod:`zsar_kit.data.skeletons` describes.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64

from zsar_kit.data.joints import JointLayout, as_layout
from zsar_kit.errors import DataError, nearest_name

Skeleton = Float32[np.ndarray, "person frame joint 3"]
# Below this length, in metres, a direction is only noise.
SHORTEST_DIRECTION = 1e-5
# A joint at the exact origin that is farther than this from every other joint, in metres, was not found: no bone is as
# long. In a clip that is centred already the origin is a joint of the body, and near the others.
FARTHEST_JOINT = 1.0
#: centring to the role of the joint that becomes the origin
PLACES = MappingProxyType({"first_frame": "spine", "each_frame": "spine", "hip": "hip_centre"})


def present(joints: Skeleton) -> Bool[np.ndarray, "person frame"]:
    """Whether a person is in a frame: some coordinate differs from zero."""
    return (joints != 0).any(axis=(2, 3))


def _first_pose(
    joints: Skeleton, layout: JointLayout | str = "ntu25", roles: Sequence[str] = ()
) -> Float32[np.ndarray, "joint 3"] | None:
    """The first pose of the first person who appears at all, in which the joints of some roles were found.

    Where there is none, the first pose.
    """
    there = present(joints)
    needed = [joint for role in roles for joint in as_layout(layout).roles[role]]
    for person in np.flatnonzero(there.any(axis=1)):
        poses = joints[person][there[person]]
        found = ~not_found(poses, needed).any(axis=1)
        return poses[int(np.argmax(found))]
    return None


def not_found(poses: Float32[np.ndarray, "frame joint 3"], joints: Sequence[int]) -> Bool[np.ndarray, "frame chosen"]:
    """Which of some joints lie at the exact origin, far from the rest of the body: a tracker wrote zeros for them."""
    zero = np.asarray(~poses.any(axis=-1))
    lost = np.zeros((len(poses), len(joints)), dtype=bool)
    frames = np.flatnonzero(zero[:, list(joints)].any(axis=1))
    if len(frames):
        apart = np.where(zero[frames], np.inf, np.linalg.norm(poses[frames].astype(np.float64), axis=-1))
        lost[frames] = zero[frames][:, list(joints)] & (apart.min(axis=1) > FARTHEST_JOINT)[:, None]
    return lost


def _place(pose: Float32[np.ndarray, "joint 3"], layout: JointLayout | str, role: str) -> Float[np.ndarray, " xyz"]:
    return pose[list(as_layout(layout).roles[role])].mean(axis=0, dtype=np.float64)


def distinct_persons(joints: Skeleton) -> Float32[np.ndarray, "kept frame joint 3"]:
    """Without persons who repeat an earlier one in every frame.

    Some published arrays fill the place of a second person with a copy of the only one: that is still one person.
    """
    kept = distinct_places(joints)
    return joints if len(kept) == len(joints) else joints[kept]


def distinct_places(joints: Skeleton) -> list[int]:
    """Numbers of the persons that :func:`distinct_persons` keeps."""
    kept: list[int] = []
    for person in range(len(joints)):
        if not any(np.array_equal(joints[person], joints[other]) for other in kept):
            kept.append(person)
    return kept


def by_energy(joints: Skeleton, persons: int) -> Float32[np.ndarray, "kept frame joint 3"]:
    """At most ``persons`` persons, by the order of the pre-normalisation that Shift-GCN was released with.

    The energy of a person is the standard deviation over all joints and real frames, summed over the axes; of equal
    ones the later person comes first. Persons who never appear are left out, unless nobody appears.
    """
    there = present(joints)
    energy = [
        float(person[real].astype(np.float64).std(axis=(0, 1)).sum()) if real.any() else -1.0
        for person, real in zip(joints, there, strict=True)
    ]
    order = sorted(range(len(joints)), key=lambda i: (energy[i], i), reverse=True)[:persons]
    return joints[[i for i in order if energy[i] >= 0.0] or order[:1]]


def centre(
    joints: Skeleton, layout: JointLayout | str = "ntu25", *, by: str = "first_frame", as_released: bool = False
) -> Skeleton:
    """Move all persons, by a place on the body of the first person.

    A frame in which a tracker wrote zeros for the joint of that place, far from the body, does not count: the first
    frame with the joint does, or each such frame moves with the nearest one that has it.

    Args:
        joints: the sequence.
        layout: its joint layout.
        by: ``"first_frame"``: the spine joint in that person's first real frame becomes the origin, so that where
            people go stays visible. ``"each_frame"``: the spine joint in each frame. ``"hip"``: the hip centre in each
            frame.
        as_released: in frames without the first person nothing is moved, as in the pre-normalisation that Shift-GCN was
            released with, and joints count wherever they are. Otherwise, frame by frame, the first person who is there
            counts.

    Raises:
        DataError: there is no such centring.
    """
    if by not in PLACES:
        raise DataError(f"unknown centring {by!r}", remedy=nearest_name(by, PLACES))
    result, role = np.array(joints, dtype=np.float32), PLACES[by]
    if by == "first_frame":
        pose = _first_pose(joints, layout, () if as_released else (role,))
        if pose is not None:
            result -= _place(pose, layout, role).astype(np.float32)
            result[~present(joints)] = 0.0
        return result
    there = present(joints)
    leader = np.zeros(joints.shape[1], dtype=np.int64) if as_released else there.argmax(axis=0)
    poses = joints[leader, np.arange(joints.shape[1])]
    places = poses[:, list(as_layout(layout).roles[role])].mean(axis=1, dtype=np.float64)
    if not as_released:
        places = places[_nearest_with(poses, layout, role, np.asarray(there.any(axis=0)))]
    result -= places.astype(np.float32)[:, None]
    # The released code leaves single joints at the origin, too.
    result[~(joints != 0).any(axis=-1) if as_released else ~there] = 0.0
    return result


def _nearest_with(
    poses: Float32[np.ndarray, "frame joint 3"], layout: JointLayout | str, role: str, there: Bool[np.ndarray, " frame"]
) -> Int64[np.ndarray, " frame"]:
    """For each frame the nearest one in which the joints of a role were found: itself, in a clip without zeros."""
    lost = not_found(poses, as_layout(layout).roles[role]).any(axis=1) & there
    own, known = np.arange(len(poses)), np.flatnonzero(there & ~lost)
    if not lost.any() or not len(known):
        return own
    return np.where(lost, known[np.abs(own[:, None] - known[None]).argmin(axis=1)], own)


def _unit(vector: Float[np.ndarray, " xyz"]) -> Float[np.ndarray, " xyz"] | None:
    length = np.linalg.norm(vector)
    return vector / length if length > SHORTEST_DIRECTION else None


def _shortest_rotation(start: Float[np.ndarray, " xyz"], goal: Float[np.ndarray, " xyz"]) -> Float[np.ndarray, "3 3"]:
    """The rotation by the smallest angle that takes the unit vector ``start`` to ``goal`` (Rodrigues)."""
    cross, cosine = np.cross(start, goal), float(start @ goal)
    if cosine < -1.0 + 1e-9:
        helper = np.eye(3)[int(np.argmin(np.abs(start)))]
        axis = np.cross(start, helper) / np.linalg.norm(np.cross(start, helper))
        return 2.0 * np.outer(axis, axis) - np.eye(3)
    skew = np.array([[0, -cross[2], cross[1]], [cross[2], 0, -cross[0]], [-cross[1], cross[0], 0]])
    return np.eye(3) + skew + skew @ skew / (1.0 + cosine)


def body_frame(
    pose: Float32[np.ndarray, "joint 3"], layout: JointLayout | str = "ntu25", *, as_released: bool = False
) -> Float[np.ndarray, "3 3"]:
    """The rotation that stands a pose upright: spine along +z, left to right shoulder along +x, facing +y.

    The spine is the line from hip centre to shoulder centre. Kinect v1 puts its spine joint a hand's breadth
    above the hips, which makes the shorter line from hip to spine joint noisy. The shoulder line is projected
    on the plane across the spine, so the result does not depend on how the body stood before.

    Args:
        pose: one frame of one person.
        layout: its joint layout.
        as_released: the two turns of the pre-normalisation that Shift-GCN was released with: the line from
            hip to spine joint to +z by the shortest rotation, then the unprojected shoulder line to +x by the
            shortest rotation.

    Returns:
        ``R`` with ``aligned = R @ xyz``. A pose without spine gives the identity; one without shoulders is
        only set upright.
    """
    hip = _place(pose, layout, "hip_centre")
    top = _place(pose, layout, "spine" if as_released else "shoulder_centre")
    across = _place(pose, layout, "shoulder_right") - _place(pose, layout, "shoulder_left")
    up = _unit(top - hip)
    if up is None:
        return np.eye(3)
    x, z = np.eye(3)[0], np.eye(3)[2]
    upright = _shortest_rotation(up, z)
    if as_released:
        right = _unit(upright @ across)
        return upright if right is None else _shortest_rotation(right, x) @ upright
    right = _unit(across - (across @ up) * up)
    return upright if right is None else np.stack([right, np.cross(up, right), up])


def align(joints: Skeleton, layout: JointLayout | str = "ntu25", *, as_released: bool = False) -> Skeleton:
    """Rotate all frames by the :func:`body_frame` of the first real frame of the first person.

    As in :func:`centre`, a frame in which zeros stand for hips or shoulders does not count.
    """
    roles = () if as_released else ("hip_centre", "shoulder_centre", "shoulder_left", "shoulder_right")
    pose = _first_pose(joints, layout, roles)
    if pose is None:
        return np.array(joints, dtype=np.float32)
    return rotate(joints, body_frame(pose, layout, as_released=as_released))


def rotate(joints: Skeleton, rotation: Float[np.ndarray, "3 3"]) -> Skeleton:
    """Rotate every joint about the origin: ``R @ xyz``."""
    return np.asarray(joints, dtype=np.float32) @ rotation.astype(np.float32).T


def random_rotations(count: int, largest: float, rng: np.random.Generator) -> Float32[np.ndarray, "count 3 3"]:
    """Small random rotations: angles about x, y and z, each uniform in ``[-largest, largest]`` radians."""
    angles = rng.uniform(-largest, largest, size=(3, count))
    cos, sin = np.cos(angles), np.sin(angles)
    turns = np.zeros((3, count, 3, 3))
    for axis in range(3):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        turns[axis, :, axis, axis] = 1.0
        turns[axis, :, first, first] = turns[axis, :, second, second] = cos[axis]
        turns[axis, :, first, second], turns[axis, :, second, first] = -sin[axis], sin[axis]
    return (turns[2] @ turns[1] @ turns[0]).astype(np.float32)
