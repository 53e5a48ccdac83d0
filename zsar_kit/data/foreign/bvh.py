"""Reader of BVH, the skeleton animation of Biovision: a tree of joints and their angles in each frame.

No library was found that reads it in full and can be relied on: of the two with a recent release, bvhtools 1.6.0 takes
no account of position channels below the root and splits at single blanks, and bvhio 1.5.4 keeps places in float32 and
goes through frames one by one. So the text is parsed here, and joints are placed in float64, all frames at once.

**Position channels and OFFSET.** The format's description of the University of Wisconsin knows position channels at
the root only, and adds them to its OFFSET, which "is usually zero" there. Files of today have them at every joint, or a
root with an OFFSET other than zero, and hold the whole distance to the parent in the channels: Blender's importer and
bvhio put the channel in the place of OFFSET. So does this reader; ``positions="add"`` has the other way. See
``findings/bvh_position_channels.sh``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from zsar_kit.data.foreign.bvh_text import Animation, Joint, parse_bvh
from zsar_kit.data.foreign.shared import in_metres, metres_of, turn_by_up
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError, nearest_name
from zsar_kit.reprs import counted

Places = Float[np.ndarray, "frame joint 3"]

#: the longest chain of bones of a person, from foot to hand or head, in metres, between a child and a tall adult
CHAIN_OF_A_PERSON = (1.2, 3.2)
#: what position channels do to OFFSET, for people
POSITIONS = MappingProxyType({"replace": "replace OFFSET", "add": "are added to OFFSET"})
_GUESSES = ("m", "cm", "mm")


def read_bvh(
    path: str | Path, *, unit: str = "", up: str = "", positions: str = "replace", ends: bool = True
) -> Recording:
    """The joints of a BVH file, placed by its angles.

    Args:
        path: the file.
        unit: unit of its lengths; see :func:`zsar_kit.data.foreign.shared.metres_of`. The format states none. By
            default m, cm or mm is taken where the longest chain of bones then suits a person (1.2 to 3.2 m); that it is
            a guess is in ``stated``.
        up: the direction that is up; by default y, as nearly all files have it.
        positions: whether a joint's position channels ``"replace"`` its OFFSET or ``"add"`` to it.
        ends: keep the points at ``End Site``, under the name of their joint with ``_end``. They are the top of a head
            or the tip of a hand or foot.

    Returns:
        One person. Joints are in the file's order.

    Raises:
        DataError: the file is cut short, is of another format, has a channel that is none, a row of the wrong length or
            a number that is not finite (named by line); or its unit can neither be told nor guessed.
    """
    if positions not in POSITIONS:
        advice = nearest_name(positions, POSITIONS)
        raise DataError(f"{positions!r} is not a way to read positions", where="argument 'positions'", remedy=advice)
    animation = parse_bvh(path)
    if positions == "replace":
        _refuse_collapsed(animation, path)
    turn = turn_by_up(up or "y", path)
    places = place_joints(animation, positions)
    metres, unit_stated = _unit(places, animation.joints, unit, path)
    kept = [i for i, joint in enumerate(animation.joints) if ends or not joint.is_end]
    moved = [joint.name for joint in animation.joints if joint.parent >= 0 and any(c.moves for c in joint.channels)]
    stood = f"{counted(len(moved), 'joint')} below the root; they {POSITIONS[positions]}"
    rate = 1 / animation.frame_time if animation.frame_time else 0.0
    return Recording(
        sample=Path(path).stem,
        joints=in_metres(places[:, kept], metres, turn, path),
        joint_names=tuple(animation.joints[i].name for i in kept),
        rate=rate,
        stated=(
            ("format", "BVH"),
            ("unit", unit_stated),
            ("axes", f"{up} up, as asked for" if up else "assumed y up; the format does not say"),
            ("origin", "the file's"),
            ("rate", f"{rate:g} frames/s (Frame Time)" if rate else "not stated"),
            ("first frame", "not stated"),
            ("missing points", "none; the format has no word for them"),
            ("position channels", stood if moved else f"at the root only; they {POSITIONS[positions]}"),
            ("end sites", f"{'kept' if ends else 'left out'}: {sum(joint.is_end for joint in animation.joints)}"),
        ),
    )


def place_joints(animation: Animation, positions: str = "replace") -> Places:
    """Places of all joints, in the unit and axes of the file.

    A joint turns by the product of its rotations in the order of its channels, ``R = R1 R2 R3``, each about an axis of
    the frame that the earlier ones turned, in degrees and right-handed; its children stand at ``p + R t``, where ``t``
    is their translation.
    """
    frames = len(animation.values)
    places = np.empty((frames, len(animation.joints), 3))
    turns: list[np.ndarray] = []
    for i, joint in enumerate(animation.joints):
        values = animation.values[:, joint.first : joint.first + len(joint.channels)]
        step = np.tile(np.asarray(joint.offset, dtype=np.float64), (frames, 1))
        turn = np.broadcast_to(np.eye(3), (frames, 3, 3))
        for channel, value in zip(joint.channels, values.T, strict=True):
            if channel.moves:
                step[:, channel.axis] = value + (joint.offset[channel.axis] if positions == "add" else 0.0)
            else:
                turn = turn @ about_axis(channel.axis, np.radians(value))
        if joint.parent < 0:
            places[:, i] = step
            turns.append(turn)
        else:
            parent = turns[joint.parent]
            places[:, i] = places[:, joint.parent] + np.einsum("fij,fj->fi", parent, step)
            turns.append(parent @ turn)
    return places


def about_axis(axis: int, angles: Float[np.ndarray, " frame"]) -> Float[np.ndarray, "frame 3 3"]:
    """Right-handed rotations about an axis, 0 for x, 1 for y, 2 for z, by angles in radians."""
    turn = np.zeros((len(angles), 3, 3))
    first, second = (axis + 1) % 3, (axis + 2) % 3
    turn[:, axis, axis] = 1
    turn[:, first, first] = turn[:, second, second] = np.cos(angles)
    turn[:, second, first] = np.sin(angles)
    turn[:, first, second] = -turn[:, second, first]
    return turn


def _refuse_collapsed(animation: Animation, path: str | Path) -> None:
    """Refuse channels that are all 0 where OFFSET is not: they were meant to be added."""
    for joint in animation.joints:
        moves = [k for k, channel in enumerate(joint.channels) if channel.moves]
        if joint.parent < 0 or len(moves) < 3 or not any(joint.offset):
            continue
        if not animation.values[:, [joint.first + k for k in moves]].any():
            problem = f"the position channels of {joint.name!r} are 0 in every frame, and its OFFSET is not"
            raise DataError(problem, where=path, remedy="They seem to be added to OFFSET: positions='add'.")


def longest_chain(places: Places, joints: Sequence[Joint]) -> float:
    """Length of the longest way along bones between two joints, with the median length of each bone over the frames."""
    parents = [joint.parent for joint in joints]
    below = [0.0] * len(joints)  # from each joint to its farthest descendant
    longest = 0.0
    for i in range(len(joints) - 1, 0, -1):
        if parents[i] < 0:
            continue
        bone = float(np.median(np.linalg.norm(places[:, i] - places[:, parents[i]], axis=-1)))
        longest = max(longest, below[parents[i]] + bone + below[i])
        below[parents[i]] = max(below[parents[i]], bone + below[i])
    return longest


def _unit(places: Places, joints: Sequence[Joint], unit: str, path: str | Path) -> tuple[float, str]:
    if unit:
        return metres_of(unit, path), f"{unit}, as asked for"
    chain = longest_chain(places, joints)
    least, most = CHAIN_OF_A_PERSON
    for name in _GUESSES:
        metres = metres_of(name, path)
        if least <= chain * metres <= most:
            return (
                metres,
                f"looks like {name}: the longest chain of bones is {chain:.4g} (a guess; the format is silent)",
            )
    remedy = "Give it: --unit in, or the metres of a unit, --unit 0.0254; in Python unit='in'."
    if not math.isfinite(chain):
        remedy = "Its numbers are too large."
    problem = f"the format does not state its unit, and the longest chain of bones, {chain:.4g}, suits no usual one"
    raise DataError(problem, where=path, remedy=remedy)
