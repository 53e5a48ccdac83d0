"""What to do about an array whose shape is not that of a skeleton sequence: advice for errors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np

from zsar_kit.data.joints import JointLayout, as_layout, fitting_layouts
from zsar_kit.errors import DataError
from zsar_kit.reprs import described, listed

NEEDED = "numbers [frame, joint, xyz] or [person, frame, joint, xyz] are needed"


def require_shape(array: np.ndarray, layout: JointLayout | str, where: str) -> np.ndarray:
    """An array as ``[person, frame, joint, xyz]``; one without an axis for persons gets it.

    Args:
        array: numbers of any shape.
        layout: the joint layout it must have.
        where: the file or argument, for the message.

    Raises:
        DataError: it has another shape, or another number of joints; what its axes may be instead is in the remedy.
    """
    if array.dtype.kind not in "fiu" or array.ndim not in (3, 4) or array.shape[-1] != 3:
        problem = f"{NEEDED}, got {described(array)}"
        raise DataError(problem, where=where, remedy=shape_advice(array.shape, layout))
    body = as_layout(layout)
    if array.shape[-2] != len(body):
        problem = f"layout {body.name!r} has {len(body)} joints, the sequence has {array.shape[-2]}"
        raise DataError(problem, where=where, remedy=shape_advice(array.shape, layout))
    return array[None] if array.ndim == 3 else array


def shape_advice(shape: Sequence[int], layout: JointLayout | str) -> str:
    """What an array may be that is not of the shape of a sequence, and what to do; empty if nothing is likely.

    Args:
        shape: of the array.
        layout: the joint layout it should have.
    """
    joints = len(as_layout(layout))
    if len(shape) == 2 and shape[1] == 3 * joints:
        return f"One row a frame? Then give each joint its axis: np.reshape(array, (-1, {joints}, 3))."
    if len(shape) not in (3, 4):
        return ""
    if order := _other_order(shape, joints):
        there = [shape[axis] for axis in order]
        return f"Are its axes in another order? np.transpose(array, {order}) has the shape {there}."
    if shape[-1] == 2:
        return (
            "Are they points of a picture, [frame, joint, xy]? Those are read from the files of OpenPose, MMPose, "
            "AlphaPose, DeepLabCut, SLEAP and MediaPipe, not from arrays."
        )
    return layout_advice(shape[-2]) if shape[-1] == 3 else ""


def layout_advice(joints: int) -> str:
    """Which layouts have so many joints, and how one is named."""
    if fitting := fitting_layouts(joints):
        has = "has" if len(fitting) == 1 else "have"
        which = f"{listed(fitting, len(fitting))} {has} {joints} joints"
        return f"Name the layout that these data have (--layout, in Python layout=): {which}."
    return (
        f"No layout of the kit has {joints} joints: describe yours in a .toml file (docs/data.md, joint layouts) and "
        "name it (--layout, in Python layout=)."
    )


def _other_order(shape: Sequence[int], joints: int) -> tuple[int, ...]:
    """The order of axes in which a shape is that of a sequence; empty if there is none.

    The layout that was asked for is looked for first, then any other. There are fewer persons than frames.
    """
    orders = [order for order in permutations(range(len(shape))) if shape[order[-1]] == 3]
    fitting = [order for order in orders if shape[order[-2]] == joints]
    if shape[-1] != 3 or not fitting_layouts(shape[-2]):
        fitting = fitting or [order for order in orders if fitting_layouts(shape[order[-2]])]
    if not fitting:
        return ()
    return min(fitting, key=lambda order: (len(shape) == 4 and shape[order[0]] > shape[order[1]], order))
