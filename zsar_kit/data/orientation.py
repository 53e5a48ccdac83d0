"""Position and orientation of skeletons: who is present, the origin at the spine, the body upright.

Arrays have the shape that :mod:`zsar_kit.data.skeletons` describes.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float32

from zsar_kit.data.joints import JointLayout, layout_name
from zsar_kit.data.joints import layout as joint_layout

Skeleton = Float32[np.ndarray, "person frame joint 3"]
# Below this length, in metres, a direction is only noise.
SHORTEST_DIRECTION = 1e-5


def present(joints: Skeleton) -> Bool[np.ndarray, "person frame"]:
    """Whether a person is in a frame: some coordinate differs from zero."""
    return (joints != 0).any(axis=(2, 3))


def _first_pose(joints: Skeleton) -> Float32[np.ndarray, "joint 3"] | None:
    """The first pose of the first person who appears at all."""
    there = present(joints)
    for person in np.flatnonzero(there.any(axis=1)):
        return joints[person, int(np.argmax(there[person]))]
    return None


def _place(pose: Float32[np.ndarray, "joint 3"], layout: JointLayout | str, role: str) -> Float[np.ndarray, " xyz"]:
    return pose[list(joint_layout(layout_name(layout)).roles[role])].mean(axis=0, dtype=np.float64)


def centre(joints: Skeleton, layout: JointLayout | str = "ntu25") -> Skeleton:
    """Move all persons so that the spine joint of the first person's first real frame is the origin."""
    result = np.array(joints, dtype=np.float32)
    pose = _first_pose(joints)
    if pose is not None:
        result -= _place(pose, layout, "spine").astype(np.float32)
        result[~present(joints)] = 0.0
    return result


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
    """Rotate all frames by the :func:`body_frame` of the first real frame of the first person."""
    pose = _first_pose(joints)
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
