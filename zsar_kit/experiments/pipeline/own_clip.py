"""One clip of any format, looked at by the doctor and mended, ready for whoever recognises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from zsar_kit.data.doctor import Clip, Report, examine_set, line, mend
from zsar_kit.data.foreign import read_recording
from zsar_kit.data.readers.clips import ARRAY_SUFFIXES
from zsar_kit.experiments.pipeline.new_set import asked_layout, at_rate, in_trunks, own_layout, refuse
from zsar_kit.primitives.measure import KINECT_RATE


@dataclass(frozen=True, eq=False)
class OwnClip:
    """A clip that is fit to be recognised.

    Attributes:
        name: of the clip.
        joints: float32 ``[person, frame, joint, xyz]`` in metres, finite, at ``rate``.
        layout: name of the joint layout.
        rate: frames a second: 30 where the clip's was known, and taken for 30 where it was not.
        flat: the joints are points of a picture.
        report: what the doctor found; its line is :attr:`told`.
    """

    name: str
    joints: Float32[np.ndarray, "person frame joint 3"]
    layout: str
    rate: float
    flat: bool
    report: Report

    @property
    def told(self) -> str:
        """What the doctor says in one line; empty if nothing is wrong."""
        return line(self.report) if self.report.findings else ""


def open_clip(
    path: str | Path,
    *,
    layout: str = "",
    rate: float = 0.0,
    format: str = "",
    unit: str = "",
    up: str = "",
    accept: Sequence[str] = (),
) -> OwnClip:
    """Read a clip, have the doctor look at it, mend what can be mended, and bring it to 30 frames a second.

    Args:
        path: a file, or a folder with a file for each frame.
        layout: a joint layout by name or a .toml file; default: as the file says, and ``ntu25`` for a plain array.
        rate, format, unit, up: of a file that does not say them.
        accept: checks of the doctor whose findings are accepted.

    Raises:
        DataError: the clip cannot be read, or the doctor refuses it.
    """
    where = str(path)
    asked = asked_layout(layout or ("ntu25" if Path(path).suffix in ARRAY_SUFFIXES else ""))
    name = asked.name if asked else ""
    recording = read_recording(Path(path), layout=name, format=format, unit=unit, up=up, rate=rate)
    body = asked or own_layout(recording, where)
    recording = recording.in_layout(body, where)
    flat = recording.dimensions == 2
    joints = in_trunks(recording.joints, body, where) if flat else recording.joints
    hertz = recording.rate or rate
    report = examine_set([Clip(joints, recording.sample, rate=hertz, times=recording.times)], body, accept=accept)
    if report.red:
        refuse(report, where)
    mended = mend(joints, body, rate=hertz or KINECT_RATE, where=where)
    ready, _ = at_rate(mended.joints, mended.missing, hertz)
    return OwnClip(recording.sample, ready, body.name, KINECT_RATE, flat, report)
