"""A moving body, as a stage shows it: coordinates, values of its joints, and frames worth a look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zsar_kit.data.joints import JointLayout, as_layout
from zsar_kit.errors import ConfigError, DataError
from zsar_kit.reprs import counted, shortened

UPS = ("y", "z")


@dataclass(frozen=True, eq=False)
class Body:
    """One moving body of a stage, or several persons of one clip.

    Attributes:
        joints: ``[frame, joint, xyz]`` or ``[person, frame, joint, xyz]`` in metres. A person is hidden in frames where
            all coordinates are zero or one is NaN.
        layout: of the joints, by name or as an object.
        up: the vertical axis of the data, ``"y"`` (raw sensors) or ``"z"`` (aligned clips).
        title: above it.
        weights: a value for each joint over time, ``[frame or coarse frame, joint]``, shown as colour and size; coarse
            frames divide the clip evenly. None draws body parts in their colours.
        weights_label: what the values are.
        top: the value of the brightest colour; default: the largest value.
        marks: frames worth a look, with words: ``(frame, text)``.

    Raises:
        DataError: the shape is not that of the layout, no frame has a person, or values or marks do not fit.
        ConfigError: ``up`` is neither ``"y"`` nor ``"z"``.
    """

    joints: np.ndarray
    layout: JointLayout | str = "ntu25"
    up: str = "y"
    title: str = ""
    weights: np.ndarray | None = None
    weights_label: str = "importance"
    top: float | None = None
    marks: Sequence[tuple[int, str]] = ()

    def __post_init__(self) -> None:
        form = as_layout(self.layout)
        object.__setattr__(self, "layout", form)
        if self.up not in UPS:
            raise ConfigError(f"'up' must be 'y' or 'z', got {self.up!r}", where="Body")
        joints = np.array(self.joints, dtype=np.float32)
        if joints.ndim not in (3, 4) or joints.shape[-2:] != (len(form), 3) or not joints.size:
            shapes = f"[frame, {len(form)}, 3] or [person, frame, {len(form)}, 3]"
            raise DataError(f"layout {form.name!r} needs {shapes}, got shape {joints.shape}", where="joints")
        joints = joints if joints.ndim == 4 else joints[None]
        absent = (joints == 0).all(axis=(2, 3)) | ~np.isfinite(joints).all(axis=(2, 3))
        if absent.all():
            raise DataError(
                "no frame of the clip has a body (all zeros or NaN)", where="joints", remedy="Choose another clip."
            )
        joints[absent] = np.nan
        joints.flags.writeable = False  # a change in place would not be seen
        object.__setattr__(self, "joints", joints)
        self._check_weights(len(form))
        frames = joints.shape[1]
        if bad := [frame for frame, _ in self.marks if not 0 <= frame < frames]:
            raise DataError(f"frames are 0 to {frames - 1}, a mark is at {bad[0]}", where="marks")

    def _check_weights(self, joints: int) -> None:
        if self.weights is None:
            return
        weights = np.array(self.weights, dtype=np.float32)
        if weights.ndim != 2 or weights.shape[1] != joints or not len(weights) or not np.isfinite(weights).all():
            problem = f"expected finite values [frame, {joints}], got shape {weights.shape}"
            raise DataError(
                problem, where="weights", remedy="One value for each joint of the layout and (coarse) frame."
            )
        weights.flags.writeable = False
        object.__setattr__(self, "weights", weights)

    def __repr__(self) -> str:
        persons, frames, joints = self.joints.shape[:3]
        size = f"{counted(persons, 'person')}, {counted(frames, 'frame')}, {counted(joints, 'joint')}"
        return f"Body({shortened(self.title, 60)!r}: {size})"

    @property
    def frames(self) -> int:
        """Number of frames."""
        return self.joints.shape[1]

    def scene_points(self) -> np.ndarray:
        """Coordinates ``[person, frame, joint, (right, up, towards the viewer)]`` as seen from the front."""
        # The sensor looks along +z and its x points to its left; an aligned body faces +y. Both are turns, no mirrors.
        if self.up == "y":
            return self.joints * np.array([-1, 1, -1], dtype=np.float32)
        return self.joints[..., [0, 2, 1]] * np.array([-1, 1, 1], dtype=np.float32)
