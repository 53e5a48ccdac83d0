"""Changes of a clip, to ask *what if*: a body part taken away, a pose held, another clip's motion.

All work on sequences ``[person, frame, joint, xyz]`` in metres, in which an absent person is all zeros.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from zsar_kit.data.joints import JointLayout
from zsar_kit.data.orientation import present
from zsar_kit.errors import ConfigError, DataError, nearest_name

Clip = Float32[np.ndarray, "person frame joint 3"]


def without_part(joints: Clip, layout: JointLayout, part: str) -> Clip:
    """The clip with a body part drawn into the rest of the body: each of its joints is at its nearest other ancestor.

    Args:
        joints: the sequence.
        layout: of its joints.
        part: one of :data:`~zsar_kit.data.joints.BODY_PARTS`.

    Raises:
        ConfigError: there is no such part.
        DataError: the part holds the root of the layout, which has no ancestor.
    """
    if part not in layout.parts:
        raise ConfigError(f"no body part {part!r}", where="part", remedy=nearest_name(part, layout.parts))
    gone = set(layout.parts[part])
    changed = joints.copy()
    for joint in gone:
        kept = joint
        while kept in gone:
            if layout.parents[kept] == kept:
                raise DataError(
                    f"the part {part!r} holds the root of the layout {layout.name!r}, so it can't be taken away",
                    where="part",
                    remedy="Choose another part.",
                )
            kept = layout.parents[kept]
        changed[:, :, joint] = joints[:, :, kept]
    return changed


def held(joints: Clip, frame: int) -> Clip:
    """The clip with the pose of a frame held from there on.

    Raises:
        ConfigError: there is no such frame.
    """
    frames = joints.shape[1]
    if not 0 <= frame < frames:
        raise ConfigError(f"frames are 0 to {frames - 1}, got {frame}", where="frame")
    changed = joints.copy()
    changed[:, frame:] = joints[:, frame : frame + 1]
    return changed


def with_motion_of(
    joints: Clip, other: Float32[np.ndarray, "other_person other_frame joint 3"], layout: JointLayout
) -> Float32[np.ndarray, "other_person other_frame joint 3"]:
    """The body of one clip in the motion of another: its bone lengths, the other's bone directions and path.

    Bone lengths are medians over the frames in which a person is there. Persons are paired in order; one whom the first
    clip does not have keeps the other's lengths.

    Args:
        joints: whose body.
        other: whose motion; the result has its persons and frames.
        layout: of both.
    """
    changed = other.copy()
    parents = np.array(layout.parents)
    for person in range(min(len(joints), len(other))):
        own = joints[person][present(joints[person : person + 1])[0]]
        if not len(own):
            continue
        lengths = np.median(np.linalg.norm(own - own[:, parents], axis=-1), axis=0)
        there = present(other[person : person + 1])[0]
        bones = other[person] - other[person][:, parents]
        sizes = np.linalg.norm(bones, axis=-1, keepdims=True)
        bones = np.divide(bones, sizes, out=np.zeros_like(bones), where=sizes > 0) * lengths[:, None]
        for joint in _outwards(layout):
            changed[person, :, joint] = changed[person, :, parents[joint]] + bones[:, joint]
        changed[person, ~there] = 0.0
    return changed


def _outwards(layout: JointLayout) -> list[int]:
    """All joints but the root, each after its parent."""
    found, waiting = [], [layout.root]
    while waiting:
        near = waiting.pop()
        children = [j for j, parent in layout.bones if parent == near]
        found += children
        waiting += children
    return found
