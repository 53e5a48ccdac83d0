"""The answers of ``zsar predict``: a run asked about a clip, a folder of clips, or a stream."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

from zsar_kit.cli.answers.recognition import frames_of_lines
from zsar_kit.cli.common import say
from zsar_kit.errors import DataError
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.own_clip import OwnClip, asked_layout, clips_of, open_clip
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.doctor_line import doctor_line, doctor_says
from zsar_kit.experiments.runs.recogniser import Prediction, Recogniser
from zsar_kit.experiments.runs.windows import suspect_in_window, windows
from zsar_kit.primitives.measure import KINECT_RATE
from zsar_kit.reprs import counted, csv_cell, one_line, plain_markdown

if TYPE_CHECKING:
    from zsar_kit.cli.runs import PredictOptions

COLUMNS = ("clip", "class", "probability", "runner_up", "none_of_these", "doctor")


def predict_clip(workspace: Workspace, asked: PredictOptions) -> str:
    """The answer for one clip: a ranking, the doctor's line, and what a run of SkeletonContext reads from it."""
    recogniser = Recogniser.load(asked.run, workspace)
    clip = _open(Path(asked.clip), recogniser, asked)
    answer = _classified(recogniser, clip, asked)
    told = doctor_says(clip, answer.lost, asked.clip, **asked.reading.how())
    if asked.form != "table":
        rows = [_row(clip.name, answer, told)]
        return json.dumps(_as_json(clip.name, answer, told)) if asked.form == "json" else _csv(rows, header=True)
    text = f"{answer} (The first call of a process warms up.)"
    if note := _competing(recogniser, asked):
        text += f"\n\n{note}"
    if told:
        text += f"\n\nThe data doctor: {plain_markdown(told)}"
    if not recogniser.reads_contexts:
        return text
    found = recogniser.contexts(clip.joints, k=5, layout=clip.layout)
    rows = [
        {"slot": slot, "words": ", ".join(f"{w} {100 * p:.0f} %" for w, p in words)} for slot, words in found.items()
    ]
    return f"{text}\n\nRead from the motion alone:\n{format_table(rows, ['slot', 'words'])}"


def predict_folder(workspace: Workspace, asked: PredictOptions) -> int:
    """Answer for every clip of a folder, each as soon as it is there; returns how many were refused or not readable."""
    paths, _ = clips_of(Path(asked.clip))
    recogniser = Recogniser.load(asked.run, workspace)
    broken = 0
    _head(recogniser, asked)
    for path in tqdm(paths, unit="clip", disable=None):
        name = path.relative_to(asked.clip).as_posix()
        try:
            clip = _open(path, recogniser, asked)
            answer = _classified(recogniser, clip, asked)
        except DataError as error:
            broken += 1
            _say_problem(name, one_line(error), asked)
            continue
        _say(name, answer, doctor_line(clip, answer.lost), asked)
    return broken


def predict_stream(workspace: Workspace, asked: PredictOptions) -> None:
    """Answer for the stream on standard input, once for each window, as frames arrive."""
    recogniser = Recogniser.load(asked.run, workspace)
    recogniser.require_dimensions(flat=False, where="standard input")
    layout = asked_layout(asked.reading.layout or "ntu25")
    assert layout is not None
    _head(recogniser, asked)
    frames = frames_of_lines(sys.stdin)
    rate = asked.reading.rate or KINECT_RATE
    for start, end, clip in windows(frames, window=asked.window, hop=asked.hop, layout=layout.name, rate=rate):
        name = f"{start:.1f} to {end:.1f} s"
        try:
            told = suspect_in_window(clip, layout.name, rate)
            answer = recogniser.classify(clip, asked.classes, layout=layout.name, rate=rate)
        except DataError as error:
            _say_problem(name, one_line(error.problem), asked)
            continue
        _say(name, answer, told, asked)


def _open(path: Path, recogniser: Recogniser, asked: PredictOptions) -> OwnClip:
    """A clip, fit for the run: points of a picture are for runs that were trained on such points."""
    clip = open_clip(path, **asked.reading.how())
    recogniser.require_dimensions(clip.flat, path)
    return clip


def _classified(recogniser: Recogniser, clip: OwnClip, asked: PredictOptions) -> Prediction:
    how = {"layout": clip.layout, "rate": clip.rate, "missing": clip.missing, "flat": clip.flat}
    try:
        return recogniser.classify(clip.joints, asked.classes, **how)
    except DataError as error:  # of joints, which have no name
        raise DataError(error.problem, where=clip.name, remedy=error.remedy) from None


def _row(name: str, answer: Prediction, told: str) -> list[str]:
    first, second = answer.ranked[:2]
    return [name, first[0], f"{first[1]:.4f}", second[0], f"{answer.none_of_these:.4f}", told]


def _as_json(name: str, answer: Prediction, told: str) -> dict[str, Any]:
    ranked = [{"class": label, "probability": round(p, 6)} for label, p in answer.ranked]
    none = round(answer.none_of_these, 6)
    return {"clip": name, "label": answer.label, "ranked": ranked, "none_of_these": none, "doctor": told}


def _csv(rows: list[list[str]], *, header: bool = False) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(([list(COLUMNS)] if header else []) + [[csv_cell(cell) for cell in row] for row in rows])
    return text.getvalue().rstrip("\n")


def _competing(recogniser: Recogniser, asked: PredictOptions) -> str:
    """Which classes were chosen among, where none were named; Markdown."""
    if asked.classes:
        return ""
    classes = counted(len(names := recogniser.unseen_names), "unseen class")
    return f"Chosen among the {classes} of the run: {', '.join(map(plain_markdown, names))} (others: --classes)."


def _head(recogniser: Recogniser, asked: PredictOptions) -> None:
    if asked.form == "csv":
        say(_csv([], header=True))
    elif asked.form == "table":
        if note := _competing(recogniser, asked):
            say(f"{note}\n")
        say(f"| {' | '.join(COLUMNS)} |\n| --- | --- | ---: | --- | ---: | --- |")


def _say(name: str, answer: Prediction, told: str, asked: PredictOptions) -> None:
    if asked.form == "json":
        say(json.dumps(_as_json(name, answer, told)))
    elif asked.form == "csv":
        say(_csv([_row(name, answer, told)]))
    else:
        say(f"| {' | '.join(map(plain_markdown, _row(name, answer, told)))} |")


def _say_problem(name: str, problem: str, asked: PredictOptions) -> None:
    if asked.form == "json":
        say(json.dumps({"clip": name, "label": None, "problem": problem}))
    elif asked.form == "csv":
        say(_csv([[name, "", "", "", "", problem]]))
    else:
        say(f"| {plain_markdown(name)} | ({plain_markdown(problem)}) | | | | |")
