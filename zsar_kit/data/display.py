"""Samples to look at: found by name or class, shown as stored or as an encoder receives them."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

import numpy as np

from zsar_kit.data.joints import JointLayout
from zsar_kit.data.joints import layout as joint_layout
from zsar_kit.data.orientation import present
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import preprocess
from zsar_kit.errors import DataError, nearest_name
from zsar_kit.reprs import counted, shortened

LAYERS = ("raw", "preprocessed")
#: how many samples of a set vote on its vertical axis
ASKED = 15


@dataclass(frozen=True, eq=False)
class DisplaySample:
    """One sequence, ready to be drawn.

    Attributes:
        joints: float32 ``[person, frame, joint, xyz]`` in metres; zeros where a person is absent.
        layout: of its joints.
        up: the vertical axis.
        title: class, data set, sample and layer in words.
    """

    joints: np.ndarray
    layout: JointLayout
    up: Literal["y", "z"]
    title: str

    def __repr__(self) -> str:
        persons, frames, joints = self.joints.shape[:3]
        size = f"{counted(persons, 'person')}, {counted(frames, 'frame')}, {counted(joints, 'joint')}"
        return f"DisplaySample({shortened(self.title, 160)}: {size}, {self.up} up)"


def find_sample(skeletons: SkeletonSet, sample: str = "", action: int | str = 0, number: int = 0) -> int:
    """The position of a sample in a set.

    Args:
        skeletons: the set.
        sample: its name; where it is empty, class and number count.
        action: class id or class name.
        number: which sample of the class, counted from 0.

    Raises:
        DataError: there is no such sample or class; the nearest name is offered.
    """
    names = skeletons.index.sample
    if sample:
        if not (names == sample).any():
            like = (get_close_matches(sample, names.tolist(), n=1) or [str(names[0])])[0]
            raise DataError(f"no sample {sample!r}", where=skeletons.path, remedy=f"Names look like {like!r}.")
        return int(np.argmax(names == sample))
    rows = np.flatnonzero(skeletons.index.label == class_id(skeletons, action))
    if not 0 <= number < len(rows):
        has = f"0 to {len(rows) - 1}" if len(rows) else "none"
        raise DataError(f"class {action!r} has no sample number {number}, it has {has}", where=skeletons.path)
    return int(rows[number])


def class_id(skeletons: SkeletonSet, action: int | str) -> int:
    """The id of a class given by id or by name.

    Raises:
        DataError: there is no such class; the nearest name is offered.
    """
    names = skeletons.class_names
    if isinstance(action, str) and action not in names:
        raise DataError(f"no class {action!r}", where=skeletons.path, remedy=nearest_name(action, names))
    found = names.index(action) if isinstance(action, str) else action
    if not 0 <= found < len(names):
        raise DataError(f"classes are 0 to {len(names) - 1}, got {found}", where=skeletons.path)
    return found


def vertical_axis(skeletons: SkeletonSet) -> Literal["y", "z"]:
    """The vertical axis of a set: y as sensors have it, z in aligned data sets.

    Some samples spread over the set vote by the line from hips to shoulders, since a single body may be lying.
    """
    layout = joint_layout(skeletons.layout)
    hips, shoulders = list(layout.roles["hip_centre"]), list(layout.roles["shoulder_centre"])
    votes = []
    for i in np.unique(np.linspace(0, len(skeletons) - 1, ASKED).astype(int)):
        joints = skeletons.sequence(int(i)).joints
        poses = joints[present(joints)]
        if not len(poses):
            continue
        spines = np.abs(poses[:, shoulders].mean(axis=1) - poses[:, hips].mean(axis=1))
        votes.append(bool((spines[:, 2] > spines[:, 1]).mean() > 0.5))
    return "z" if votes and np.mean(votes) > 0.5 else "y"


def sample_for_display(
    skeletons: SkeletonSet, i: int, layer: str = "raw", *, up: Literal["y", "z"] | None = None
) -> DisplaySample:
    """A sample as it is stored (``raw``), or as an encoder receives it before it is cut to length (``preprocessed``).

    Args:
        skeletons: the set.
        i: position of the sample.
        layer: one of :data:`LAYERS`; ``preprocessed`` has NTU's 25 joints, the most moving persons, no empty frame,
            and a body that is centred and upright along z.
        up: the vertical axis of the stored data; found by :func:`vertical_axis` if None.

    Raises:
        DataError: there is no such layer.
    """
    if layer not in LAYERS:
        raise DataError(f"no layer {layer!r}", where="layer", remedy=nearest_name(layer, LAYERS))
    sequence = skeletons.sequence(i)
    synthetic = ", synthetic" if skeletons.synthetic else ""
    title = f"{skeletons.class_names[sequence.label]} ({skeletons.dataset}{synthetic}: {sequence.sample}, {layer})"
    if layer == "preprocessed":
        return DisplaySample(preprocess(sequence.joints, skeletons.layout), joint_layout("ntu25"), "z", title)
    axis = vertical_axis(skeletons) if up is None else up
    return DisplaySample(np.asarray(sequence.joints), joint_layout(skeletons.layout), axis, title)
