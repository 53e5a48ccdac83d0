"""What the data doctor says beside an answer: one line for a table of clips, the whole for a single clip."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from zsar_kit.data.readers.clips import ARRAY_SUFFIXES
from zsar_kit.experiments.pipeline.own_clip import OwnClip
from zsar_kit.reprs import counted

#: findings of a single clip that are told in full
TOLD = 3


def doctor_line(clip: OwnClip, lost: int = 0) -> str:
    """The doctor's line with the number of attributes that are left out; empty if nothing is wrong.

    Args:
        clip: a clip that was opened.
        lost: number of attributes that read joints which were not found for most of the clip.
    """
    return "; ".join(part for part in (clip.told, _left_out(lost)) if part)


def doctor_says(clip: OwnClip, lost: int, source: str | Path, **reading: Any) -> str:
    """The same for a single clip: also what was found, with joints and numbers, and the command that shows all.

    Args:
        clip, lost: see :func:`doctor_line`.
        source: the file, or the folder with a file for each frame.
        reading: what was said of it; see :func:`~zsar_kit.experiments.pipeline.own_clip.open_clip`.
    """
    if not doctor_line(clip, lost):
        return ""
    problems = [f.problem.rstrip(".") for f in clip.report.findings if f.check not in clip.report.accepted]
    found = f"Found: {'; '.join(problems[:TOLD])}" if problems else ""
    sentences = [clip.told, found, _left_out(lost), f"More: {doctor_command(clip, source, **reading)}"]
    return ". ".join(sentence for sentence in sentences if sentence)


def doctor_command(clip: OwnClip, source: str | Path, **reading: Any) -> str:
    """The command that shows all that the doctor finds in a clip, to paste."""
    said = {name: value for name, value in reading.items() if value}
    if Path(source).suffix in ARRAY_SUFFIXES:
        said.setdefault("layout", clip.layout)  # an array does not say
    options: list[str] = []
    for name, value in said.items():
        values = list(map(str, value if isinstance(value, (list, tuple)) else [value]))
        # The parser would take a value that begins with a dash for an option.
        options += [f"--{name}={values[0]}"] if values[0].startswith("-") else [f"--{name}", *values]
    return shlex.join(["zsar", "data", "doctor", str(source), *options])


def _left_out(lost: int) -> str:
    return f"{counted(lost, 'attribute')} left out, as their joints were not found" if lost else ""
