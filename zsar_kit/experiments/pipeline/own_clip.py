"""One clip of any format, looked at by the doctor and mended, ready for whoever recognises; and the steps there."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32

from zsar_kit.data.clip_list import TABLE
from zsar_kit.data.doctor import Clip, Finding, Report, examine_set, line, mend
from zsar_kit.data.foreign import FORMATS, read_recording, recordings_in
from zsar_kit.data.foreign.refused import PICKLES, refuse_unreadable
from zsar_kit.data.joints import JointLayout, layout_names, layout_of_names
from zsar_kit.data.joints import layout as joint_layout
from zsar_kit.data.own_layouts import read_layout, register_layout
from zsar_kit.data.readers.clips import ARRAY_SUFFIXES
from zsar_kit.data.recording import Recording
from zsar_kit.data.skeletons import FARTHEST_METRES
from zsar_kit.data.timing import resample
from zsar_kit.errors import DataError
from zsar_kit.primitives.measure import KINECT_RATE

#: points of a picture are scaled so that the trunk, from hips to shoulders, has this length in metres
TRUNK = 0.5
#: units as the doctor calls them -> as ``--unit`` does
UNITS = {"millimetres": "mm", "centimetres": "cm", "inches": "inch"}


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
        missing: which joints were not found and are filled in.
    """

    name: str
    joints: Float32[np.ndarray, "person frame joint 3"]
    layout: str
    rate: float
    flat: bool
    report: Report
    missing: Bool[np.ndarray, "person frame joint"]

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
    if flat:
        report = report.without("units")
    if report.red:
        refuse(report, where)
    mended = mend(joints, body, rate=hertz or KINECT_RATE, where=where)
    ready, missing = at_rate(mended.joints, mended.missing, hertz)
    return OwnClip(recording.sample, ready, body.name, KINECT_RATE, flat, report, missing)


def clips_of(source: Path) -> tuple[list[Path], dict[str, int]]:
    """The clips of a folder, or the one that a file is; and how many files are none, by suffix.

    Raises:
        DataError: there is no clip.
    """
    if not source.exists():
        raise DataError("there is no such file or folder", where=source, remedy="Check the path.")
    if source.is_file():
        refuse_unreadable(source)
        return [source], {}
    clips, passed_over = recordings_in(source)
    clips = [path for path in clips if path != source / TABLE]
    if not clips:
        for path in sorted(path for path in source.rglob("*") if path.suffix.casefold() in PICKLES)[:1]:
            refuse_unreadable(path)
        seen = (
            ", ".join(f"{number} {suffix or 'without suffix'}" for suffix, number in passed_over.items()) or "no files"
        )
        known = ", ".join(f"{name} ({', '.join(form.suffixes)})" for name, form in FORMATS.items())
        problem = f"no clip of a known format here; there are {seen}"
        raise DataError(problem, where=source, remedy=f"Known: {known}.")
    return clips, passed_over


def is_one_clip(folder: Path) -> bool:
    """Whether a folder is a single clip: one file for each frame, as OpenPose writes them.

    Raises:
        DataError: there is no clip.
    """
    return clips_of(folder)[0] == [folder]


def asked_layout(text: str) -> JointLayout | None:
    """The layout that was asked for, by name or from a file; None if the files are to say."""
    if not text:
        return None
    if Path(text).suffix == ".toml":
        found = read_layout(text)
        return register_layout(found, replace=True)
    return joint_layout(text)


def own_layout(recording: Recording, where: str) -> JointLayout:
    """The layout of a file that says, or whose joints have the names of one."""
    name = recording.layout or layout_of_names(recording.joint_names)
    if not name:
        problem = f"nothing says which joint is which of {len(recording.joint_names)} points"
        remedy = f"Name a layout with --layout: {', '.join(layout_names())}, or a .toml file of your own."
        raise DataError(problem, where=where, remedy=remedy)
    return joint_layout(name)


def refuse(report: Report, where: str) -> None:
    """Refuse data of which the doctor says that nothing computed from them means anything.

    Raises:
        DataError: with the first of its reasons.
    """
    refused = [found for found in report.findings if found.check in report.refused and found.severity == "refuse"]
    worst = refused[0]
    number = report.affected[worst.check, "refuse"]
    others = [check for check in report.refused if check != worst.check]
    remedy = [worst.cause, worst.remedy]
    if worst.check == "units":
        remedy = _unit_advice([found for found in refused if found.check == "units"], number, report.clips)
    if others:
        remedy.append(f"Also: {', '.join(others)}.")
    if all(found.acceptable and not _too_far(found) for found in refused):
        names = list(report.refused)
        remedy.append(f"To use the data as they are: --accept {shlex.join(names)}, in Python accept={names}.")
    sample = f"{worst.sample}: " if worst.sample else ""
    problem = f"the data doctor refuses ({worst.check}): {sample}{worst.problem.rstrip('.')}"
    if report.clips > 1 and number:
        problem += f"; {number} of {report.clips} clips {'is' if number == 1 else 'are'} refused so"
    raise DataError(problem, where=where, remedy=" ".join(remedy))


def _too_far(found: Finding) -> bool:
    """Whether no set of skeletons holds such coordinates."""
    if found.check != "units":
        return False
    return max(abs(value) for end in ("low", "high") for value in found.numbers[end]) > FARTHEST_METRES


def _unit_advice(refused: Sequence[Finding], number: int, clips: int) -> list[str]:
    """The unit to name, where all clips look alike; others have to be told apart, as one unit holds for all."""
    causes = {found.cause for found in refused}
    worst = refused[0]
    if number == clips and len(causes) == 1:
        unit = next((short for name, short in UNITS.items() if name in worst.cause), "")
        named = [f"Or name the unit: --unit {unit}, in Python unit={unit!r}."] if unit else []
        return [worst.cause, worst.remedy, *named]
    shared = "--unit (in Python unit=) holds for every clip: bring all clips to one unit, or make a set of each."
    if len(causes) == 1:
        return [worst.cause, f"The other {clips - number} of {clips} clips do not.", shared]
    return [worst.cause, "Other clips look otherwise.", shared]


def in_trunks(
    joints: Float32[np.ndarray, "person frame joint 2"], layout: JointLayout, where: str
) -> Float32[np.ndarray, "person frame joint 3"]:
    """Points of a picture at the scale of bodies: the median trunk, from hips to shoulders, is :data:`TRUNK` long.

    The third coordinate is 0, and the origin is the middle of the hips in the first frame that has them.

    Raises:
        DataError: there is no frame with both hips and shoulders, or they are in one place.
    """
    roles = {role: list(layout.roles[role]) for role in ("hip_centre", "shoulder_centre")}
    hips, shoulders = (joints[:, :, roles[role]].mean(axis=2) for role in ("hip_centre", "shoulder_centre"))
    trunks = np.linalg.norm(shoulders - hips, axis=-1)
    known = trunks[np.isfinite(trunks) & (trunks > 0)]
    if not known.size:
        raise DataError("no frame has hips and shoulders, so the size of the body is not known", where=where)
    origin = hips[np.isfinite(hips).all(axis=-1)][0]
    flat = ((joints - origin) * (TRUNK / float(np.median(known)))).astype(np.float32)
    absent = np.isnan(flat[..., :1])
    return np.concatenate([flat, np.where(absent, np.float32(np.nan), np.float32(0))], axis=-1)


def at_rate(
    joints: Float32[np.ndarray, "person frame joint 3"], missing: np.ndarray, rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """A clip at 30 frames a second, by linear interpolation; one whose rate is 30 or not known stays as it is.

    Args:
        joints: the clip.
        missing: which joints were not found ``[person, frame, joint]``; of two frames the nearer one counts.
        rate: frames a second; 0 if not known.
    """
    frames = joints.shape[1]
    wanted = max(1, round((frames - 1) * KINECT_RATE / rate) + 1) if rate else frames
    if not rate or abs(rate / KINECT_RATE - 1) < 0.01 or wanted == frames:
        return joints, missing
    nearest = np.round(np.linspace(0, frames - 1, wanted)).astype(int)
    return resample(joints, wanted), missing[:, nearest]
