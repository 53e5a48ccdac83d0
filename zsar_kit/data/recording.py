"""``Recording``: one clip as somebody's file holds it, in the kit's terms but before any judgement."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from zsar_kit.data.joints import JointLayout, matched_joints
from zsar_kit.errors import DataError, nearest_name
from zsar_kit.reprs import counted, short_path


@dataclass(frozen=True, eq=False)
class Recording:
    """What a reader found in a file.

    Attributes:
        sample: a name, usually the file's without its suffix.
        joints: float32 ``[person, frame, joint, axis]``; NaN where a joint was not found, and in all joints of a person
            who is absent. Three axes are metres, y up, right-handed as bodies are: with x to the right of a picture,
            z points towards its camera. Two axes are what the file has (pixels, or shares of the picture), with y up.
        joint_names: as the file has them, or those of ``layout``.
        layout: name of the joint layout; empty where the file does not say and the caller has to.
        rate: frames a second; 0 where the file does not say.
        times: seconds of each frame ``[frame]``, where the file has a time column; else None.
        confidence: ``[person, frame, joint]`` in 0..1, where the file has it; else None.
        stated: what was read from the file: format, unit, axes, origin, first frame, missing points, and the like, for
            people; a term and what the file says.
    """

    sample: str
    joints: np.ndarray
    joint_names: tuple[str, ...]
    layout: str = ""
    rate: float = 0.0
    times: np.ndarray | None = None
    confidence: np.ndarray | None = None
    stated: tuple[tuple[str, str], ...] = ()

    @property
    def dimensions(self) -> int:
        """3, or 2 for points of a picture."""
        return self.joints.shape[-1]

    def __repr__(self) -> str:
        persons, frames, joints = self.joints.shape[:3]
        extent = f"{counted(persons, 'person')}, {counted(frames, 'frame')}, {counted(joints, 'joint')}"
        rate = f", {self.rate:g} frames/s" if self.rate else ""
        flat = ", 2-D" if self.dimensions == 2 else ""
        return f"Recording({short_path(self.sample)}: {extent}{flat}{rate}, layout {self.layout or 'not known'})"

    def in_layout(self, layout: JointLayout, where: str) -> Recording:
        """The joints of a layout, in its order, found by their names; other points are left out.

        Spellings may differ as in :func:`~zsar_kit.data.joints.plain_joint_name`.

        Args:
            layout: what is wanted.
            where: the file, for the message.

        Raises:
            DataError: a joint of the layout is not among the names.
        """
        if self.layout == layout.name:
            return self
        places = matched_joints(self.joint_names, layout.joints)
        if lacking := [joint for joint, place in zip(layout.joints, places, strict=True) if place is None]:
            came = f"the file has {len(self.joint_names)} points, among them {', '.join(self.joint_names[:6])}"
            problem = f"no point is called {lacking[0]!r}, which the layout {layout.name!r} needs; {came}"
            remedy = f"{nearest_name(lacking[0], self.joint_names)} Write a layout with the names of the file."
            raise DataError(problem, where=where, remedy=remedy)
        chosen = [place for place in places if place is not None]
        confidence = None if self.confidence is None else self.confidence[:, :, chosen]
        joints = np.ascontiguousarray(self.joints[:, :, chosen])
        return replace(self, joints=joints, joint_names=layout.joints, layout=layout.name, confidence=confidence)
