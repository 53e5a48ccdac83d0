"""The answers of ``zsar recognise`` and ``zsar explain``."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from tqdm.auto import tqdm

from zsar_kit.cli.common import say
from zsar_kit.errors import DataError
from zsar_kit.experiments.pipeline.own_clip import asked_layout, clips_of
from zsar_kit.experiments.runs.candidates import Candidates, choose_candidates
from zsar_kit.experiments.runs.doctor_line import doctor_says
from zsar_kit.experiments.runs.recognition import (
    Recognition,
    left_out_note,
    open_in_space,
    recognise_opened,
    recognise_stream,
)
from zsar_kit.primitives.measure import KINECT_RATE
from zsar_kit.reprs import counted, one_line, plain_markdown

if TYPE_CHECKING:
    from zsar_kit.cli.reading import ReadingOptions
    from zsar_kit.cli.recognise import RecogniseOptions
    from zsar_kit.experiments.pipeline.workspace import Workspace
    from zsar_kit.primitives.why import Explanation

log = logging.getLogger("zsar_kit")


def recognise_clip(options: RecogniseOptions) -> str:
    """The answer for one file."""
    candidates = _candidates(options)  # first, so that words are refused before a file is read
    clip = open_in_space(options.clip, **options.reading.how())
    why = options.why or bool(options.figures)
    answer = recognise_opened(clip, candidates, why=why, two_persons=options.two_persons)
    answer = replace(answer, doctor=doctor_says(clip, answer.lost, options.clip, **options.reading.how()))
    drawn = _drawn(answer, options, set())
    return json.dumps(answer.to_dict()) if options.json else f"{answer}{drawn}"


def recognise_folder(options: RecogniseOptions) -> int:
    """Answer for every clip of a folder, each as soon as it is there; returns how many were refused or not readable.

    Raises:
        DataError: the folder has no clip.
    """
    root = Path(options.clip)
    files, passed_over = clips_of(root)
    candidates, problems, left_out = _candidates(options), list[str](), 0
    drawings: set[str] = set()
    if not options.json:
        for note in candidates.notes:
            say(note)
        columns = ("clip", "class", "probability, %", "runner-up", "none of these, %", "doctor")
        say(f"| {' | '.join(columns)} |\n| --- | --- | ---: | --- | ---: | --- |")
    for path in tqdm(files, unit="clip", disable=None):
        name = path.relative_to(root).as_posix()
        try:
            answer = _of_file(path, candidates, options, name)
        except DataError as error:
            problems.append(f"{name}: {one_line(error.told_beside(path))}")
            told = {"clip": name, "label": None, "problem": one_line(error)}
            say(json.dumps(told) if options.json else f"| {plain_markdown(name)} | no answer, see below | | | | |")
            continue
        left_out = max(left_out, answer.left_out)
        drawn = _drawn(answer, options, drawings)
        say(json.dumps(answer.to_dict()) if options.json else _row(answer) + drawn)
    if left_out and not options.json:
        say(f"\n{left_out_note(left_out, 'Where a clip has one person,')}")
    if problems and not options.json:
        say("\n" + "\n".join(f"- {problem}" for problem in problems))
    for suffix, number in passed_over.items():
        log.warning("passed over: %s %s, no clips", counted(number, "file"), suffix or "without suffix")
    return len(problems)


def _row(answer: Recognition) -> str:
    first, second = answer.ranked[:2]
    cells = [answer.clip, first.name, f"{100 * first.probability:.1f}", second.name]
    row = [plain_markdown(cell) for cell in [*cells, f"{100 * answer.none_of_these:.1f}", answer.doctor]]
    why = f"\n{answer.explanation}" if answer.explanation is not None else ""
    return f"| {' | '.join(row)} |{why}"


def recognise_input(options: RecogniseOptions) -> None:
    """Answer for the stream on standard input, one line a window, as frames arrive."""
    layout, left_out = asked_layout(options.reading.layout or "ntu25"), 0
    assert layout is not None
    drawings: set[str] = set()
    windows = recognise_stream(
        frames_of_lines(sys.stdin),
        _candidates(options),
        window=options.window,
        hop=options.hop,
        layout=layout.name,
        rate=options.reading.rate or KINECT_RATE,
        why=options.why or bool(options.figures),
        two_persons=options.two_persons,
    )
    for start, end, answer in windows:
        if options.json:
            times = {"start": round(start, 3), "end": round(end, 3)}
            found = {"label": None, "problem": one_line(answer)} if isinstance(answer, DataError) else answer.to_dict()
            say(json.dumps(times | found))
        elif isinstance(answer, DataError):
            say(f"{start:.1f} to {end:.1f} s: nothing recognised: {one_line(answer.problem)}")
        else:
            first = answer.ranked[0]
            sure = f"{100 * first.probability:.1f} %, none of these {100 * answer.none_of_these:.1f} %"
            doctor = f"; the data doctor: {answer.doctor}" if answer.doctor else ""
            say(f"{start:.1f} to {end:.1f} s: {first.name} ({sure}){doctor}")
            if answer.left_out > left_out:  # said once, not for every window
                left_out = answer.left_out
                say(left_out_note(left_out))
            if answer.explanation is not None:
                say(str(answer.explanation))
        if not isinstance(answer, DataError):
            _drawn(answer, options, drawings)


def frames_of_lines(lines: Iterable[str]) -> Iterator[np.ndarray]:
    """Frames of a stream: each line is JSON, ``[person, joint, xyz]`` or ``[joint, xyz]``; blank lines are skipped.

    That no frame came is said when the stream ends.

    Raises:
        DataError: a line is no such list of numbers; its number is named.
    """
    came = False
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            frame = np.array(json.loads(line))
        except ValueError as error:
            raise DataError(f"not a frame in JSON: {error}", where=f"standard input, line {number}") from None
        if frame.size and frame.dtype.kind not in "fiu":
            raise DataError("a frame is a list of numbers", where=f"standard input, line {number}")
        came = True
        yield frame
    if not came:
        log.warning("no frame came on standard input, so there is no answer; write one a line: [person, joint, xyz]")


def _candidates(options: RecogniseOptions) -> Candidates:
    return choose_candidates(
        options.classes, dataset=options.dataset, form=options.form, language_model=options.language_model
    )


def _of_file(path: Path, candidates: Candidates, options: RecogniseOptions, name: str = "") -> Recognition:
    clip = open_in_space(path, **options.reading.how())
    why = options.why or bool(options.figures)
    return recognise_opened(clip, candidates, name=name, why=why, two_persons=options.two_persons)


def _drawn(answer: Recognition, options: RecogniseOptions, drawings: set[str]) -> str:
    if not options.figures or answer.explanation is None:
        return ""
    return "\n" + _saved(answer.explanation, Path(options.figures), taken=drawings)


def _saved(explanation: Explanation, folder: Path, runs: tuple[str, ...] = (), taken: set[str] | None = None) -> str:
    from zsar_kit.experiments.reports.explanations import save_explanation

    if not explanation.reasons:
        return "Nothing to draw: no attribute decided.\n"
    return "\n".join(str(path) for path in save_explanation(explanation, folder, runs, taken)) + "\n"


def explain_run(
    workspace: Workspace,
    run: Path,
    clip: str,
    among: Literal["", "unseen", "all"],
    reading: ReadingOptions,
    figures: str,
) -> str:
    """The explanation of a clip, or the attributes that a run's errors hang on."""
    from zsar_kit.experiments.runs.explanation import confusion_by_attribute, explain
    from zsar_kit.experiments.runs.folder import RunFolder

    folder = RunFolder(run, workspace)
    if not clip:
        return str(confusion_by_attribute(folder))
    explanation = explain(folder, clip, among=among, **reading.how())
    saved = "\n" + _saved(explanation, Path(figures), (folder.path.name,)) if figures else ""
    return f"{explanation}{saved}"
