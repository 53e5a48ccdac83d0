"""The answers of ``zsar data new``, ``zsar data doctor``, ``zsar data layouts`` and ``zsar texts use``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from zsar_kit.data.catalogue import dataset_names
from zsar_kit.data.doctor import Clip, Report, examine_set, examine_skeletons, line
from zsar_kit.data.doctor.findings import HEADER
from zsar_kit.data.foreign import read_recording
from zsar_kit.data.joints import JointLayout, layout_names
from zsar_kit.data.joints import layout as joint_layout
from zsar_kit.data.own_sets import OwnSet
from zsar_kit.data.splits import FEWEST_SEEN, FEWEST_UNSEEN
from zsar_kit.errors import DataError
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.new_set import (
    MadeSet,
    NewSet,
    new_set,
)
from zsar_kit.experiments.pipeline.own_clip import asked_layout, clips_of, in_trunks, own_layout
from zsar_kit.experiments.pipeline.own_texts import (
    check_own_texts,
    use_own_form,
    use_own_texts,
    write_names_as_texts,
)
from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.reprs import counted, plain_markdown
from zsar_kit.semantics.text_files import load_texts

if TYPE_CHECKING:
    from zsar_kit.cli.own_data import DoctorOptions, NewOptions

LISTED_FAULTS = 20


def make_data(workspace: Workspace, dataset: str, given: NewOptions) -> tuple[str, bool]:
    """Make a data set of one's own; returns what was read, found and mended, and whether every clip is in it."""
    shared = ("source", "classes", "layout", "labels", "names", "parts", "format", "unit", "up", "rate", "synthetic")
    options = {name: getattr(given, name) for name in (*shared, "accept")}
    if given.texts is not None and given.classes is not None:
        from zsar_kit.semantics.generate import read_class_list

        check_own_texts(dataset, read_class_list(given.classes), given.texts)  # before the long work, not after it
    made = new_set(workspace, NewSet(dataset, **options, replace_set=given.replace))
    lines = [*_told(made), *_texts_told(workspace, dataset, given.texts)]
    if not made.skeletons.parts:
        lines.append(
            f"No train and test parts yet; name some before training: zsar data new ... --parts {_some_rule(made)} "
            "--replace."
        )
    if len(made.skeletons.class_names) < FEWEST_SEEN + FEWEST_UNSEEN:
        needed = f"{FEWEST_SEEN + FEWEST_UNSEEN} classes, {FEWEST_SEEN} seen and {FEWEST_UNSEEN} unseen"
        lines.append(f"A class split needs {needed}. `zsar recognise` needs none.")
    else:
        preset = "" if "motion" in load_texts(dataset).common_sets else " --preset label"
        split = f"zsar split make {dataset} --unseen {FEWEST_UNSEEN}"
        lines.append(f"Next: {split}; zsar train {dataset} SPLIT --method ridge{preset}.")
    return "\n".join(lines), not made.left_out


def _some_rule(made: MadeSet) -> str:
    """A rule for parts that can hold for a set: by its people or else its cameras, or by a list."""
    facts, index = OwnSet.read(made.skeletons.path), made.skeletons.index
    for column, names in (("subject", facts.subjects), ("camera", facts.cameras)):
        known = getattr(index, column)
        if (known >= 0).all() and len(set(known.tolist())) > 1:
            return f"{column}:{names[0] if names else min(known.tolist())}"
    return "train:FILE"


def _told(made: MadeSet) -> Iterator[str]:
    skeletons = made.skeletons
    size = f"{counted(len(skeletons), 'clip')} of {counted(len(skeletons.class_names), 'class')}"
    yield f"{size}, layout {skeletons.layout}, are in {skeletons.path}"
    for term, said in made.stated:
        yield f"as read: {term}: {said}"
    if made.flat:
        yield "2-D points: only methods that accept them can be trained on this set; its unit is a trunk of 0.5."
    for suffix, number in made.passed_over.items():
        yield f"passed over: {counted(number, 'file')} {suffix or 'without suffix'}, no clips"
    if made.unlisted:
        yield f"passed over: {counted(made.unlisted, 'clip')} that the table of labels does not name"
    for sentence, number in made.mended.items():
        yield f"mended in {counted(number, 'clip')}: {sentence}"
    for where, why in made.left_out[:LISTED_FAULTS]:
        yield f"left out: {where}: {why}"
    if len(made.left_out) > LISTED_FAULTS:
        yield f"... and {len(made.left_out) - LISTED_FAULTS} more"
    yield f"doctor: {line(made.report)}"
    for found in made.report.findings:
        if found.check == "labels" and found.severity == "warn":
            yield f"labels: {found.problem}. {found.cause} {found.remedy}"


def _texts_told(workspace: Workspace, dataset: str, file: Path | None) -> Iterator[str]:
    if file is not None:
        use_own_texts(workspace, dataset, file)
        yield f"texts: those of {file}"
        return
    place = write_names_as_texts(workspace, dataset)
    yield f"texts: {place}, at first the class names alone; take others with: zsar texts use {dataset} FILE"


def take_form(workspace: Workspace, dataset: str, file: Path) -> str:
    """Take the form of a file for a data set of one's own; says what it has."""
    form = use_own_form(workspace, dataset, file)
    place = workspace.form_file(dataset)
    return f"{dataset}: expected levels of {counted(len(form.class_ids), 'class')}, kept in {place}"


def take_texts(workspace: Workspace, dataset: str, file: Path) -> str:
    """Take texts for a data set of one's own."""
    texts = use_own_texts(workspace, dataset, file)
    sets = ", ".join(texts.common_sets)
    return f"{dataset}: texts of {counted(len(texts.ids), 'class')} ({sets}), kept in {workspace.texts_file(dataset)}"


def list_layouts() -> str:
    """A table of the joint layouts."""
    rows = [
        {"layout": name, "joints": str(len(joint_layout(name))), "whose order": joint_layout(name).about}
        for name in layout_names()
    ]
    return format_table(rows, list(rows[0]))


def examine(workspace: Workspace, source: str, asked: DoctorOptions) -> tuple[str, bool]:
    """What is wrong with a prepared set, a folder of clips, or a clip; and whether it can be used."""
    if source in dataset_names() and not Path(source).exists():
        skeletons = prepare_skeletons(workspace, source)
        report = examine_skeletons(skeletons, accept=asked.accept, progress=workspace.progress)
        layout, clips = joint_layout(skeletons.layout), None
    else:
        layout, clips, flat, unread = _clips(Path(source), asked)
        report = Report(0, (), {}, accepted=asked.accept)
        if clips:
            report = examine_set(clips, layout, accept=asked.accept)
        report = report.without("units") if flat else report
        report = report.with_unread(unread)
    drawn = _drawn(report, workspace, source, layout, clips, Path(asked.figures)) if asked.figures else []
    if asked.json:
        return json.dumps(report.to_json()), not report.red
    rows: list[dict[str, str]] = [dict(zip(HEADER, map(plain_markdown, row), strict=True)) for row in report.rows()]
    table = format_table(rows, list(HEADER)) if rows else ""
    return "\n".join([line(report), "", table, *drawn]).rstrip(), not report.red


def _clips(source: Path, asked: DoctorOptions) -> tuple[JointLayout, list[Clip], bool, list[tuple[str, DataError]]]:
    """The clips of a folder or file, in the layout that was asked for or that the first one says; whether any are
    points of a picture; and the files of a folder that could not be read, with the reason.

    Raises:
        DataError: there is no clip; or the one that was asked for cannot be read.
    """
    if not source.exists():
        problem = "neither a prepared data set nor a file or folder"
        raise DataError(problem, where=source, remedy="See `zsar data list`, or check the path.")
    paths, _ = clips_of(source)
    layout, clips, flat = asked_layout(asked.layout), [], False
    unread: list[tuple[str, DataError]] = []
    how = {"format": asked.format, "unit": asked.unit, "up": asked.up, "rate": asked.rate}
    for path in paths:
        try:
            recording = read_recording(path, layout=layout.name if layout else "", **how)
            body = layout or own_layout(recording, str(path))
            recording = recording.in_layout(body, str(path))
            joints = recording.joints
            if recording.dimensions == 2:
                joints, flat = in_trunks(joints, body, str(path)), True
        except DataError as error:
            if path == source:
                raise
            unread.append((path.relative_to(source).as_posix(), error))
            continue
        layout = body
        clips.append(Clip(joints, path.stem, rate=recording.rate or asked.rate, times=recording.times))
    if layout is None:  # no file says it, and without clips none is needed
        layout = joint_layout("ntu25")
    return layout, clips, flat, unread


def _drawn(
    report: Report, workspace: Workspace, source: str, layout: JointLayout, clips: list[Clip] | None, folder: Path
) -> list[str]:
    """Paths of the pictures of the first clips with findings."""
    from zsar_kit.experiments.reports.doctor_figures import save_findings

    wanted = list(dict.fromkeys(found.sample for found in report.findings if found.sample))
    if clips is None:
        skeletons = prepare_skeletons(workspace, source)
        rows = {str(sample): i for i, sample in enumerate(skeletons.index.sample)}
        known = {name: skeletons.sequence(rows[name]).joints for name in wanted if name in rows}
    else:
        known = {clip.sample: clip.joints for clip in clips}
    return [str(path) for path in save_findings(report, {n: known[n] for n in wanted if n in known}, layout, folder)]
