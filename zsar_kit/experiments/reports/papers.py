"""Tables and figures of the papers from finished runs, written with the runs behind them.

:func:`carry_out` does what is missing; :func:`write_entry` writes one table or figure; the notebooks and
``zsar paper run`` call both.
"""

from __future__ import annotations

import csv
import io
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from zsar_kit import __version__
from zsar_kit.artefacts import read_json, write_atomic, write_json
from zsar_kit.data.catalogue import is_synthetic
from zsar_kit.errors import ArtefactError, ZsarError
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.workspace import Workspace, slug
from zsar_kit.experiments.reports.paper_markup import csv_table, latex, markdown
from zsar_kit.experiments.reports.paper_tables import Cell, accuracy_table, case_run, entry_notes, splits_table
from zsar_kit.experiments.reports.similar_classes import cluster_table
from zsar_kit.experiments.runs.code import code_digest, commit
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.studies.engines import Engine
from zsar_kit.experiments.studies.paper_plan import EntryPlan, distinct
from zsar_kit.experiments.studies.papers import describe
from zsar_kit.experiments.studies.suite import SuiteRun
from zsar_kit.experiments.studies.workers import run_name
from zsar_kit.plotting.results import plot_score_table
from zsar_kit.plotting.style import figure_of
from zsar_kit.reprs import csv_cell, plain_markdown

log = logging.getLogger("zsar_kit")


@dataclass(frozen=True)
class Written:
    """One table or figure that was written.

    Attributes:
        identifier: such as ``flora/table3``.
        text: Markdown to show.
        paths: the files.
    """

    identifier: str
    text: str
    paths: tuple[Path, ...]


def carry_out(plans: Sequence[EntryPlan], workspace: Workspace, engine: Engine) -> dict[str, str]:
    """Carry out what is missing of some tables and figures, in one batch: runs that they share are made once.

    Returns:
        The runs that failed, by name, and why.
    """
    failures: dict[str, str] = {}

    def failed(config: RunConfig, error: ZsarError) -> None:
        failures[run_name(config)] = str(error)

    engine.map(distinct(config for plan in plans for _, _, config in plan.configs()), workspace, failed)
    return failures


def require_this_code(plans: Sequence[EntryPlan], workspace: Workspace) -> None:
    """Refuse a batch that would reuse runs that were made with other code.

    Raises:
        ArtefactError: there are some; the message says how many, and names one.
    """
    _code_note([one.folder for plan in plans for one in plan.finished(workspace)], allowed=False)


def write_entry(plan: EntryPlan, workspace: Workspace, out: Path, *, other_code: bool = False) -> Written:
    """Write one table or figure from its finished runs.

    A table is ``.md``, ``.csv`` and ``.tex``; a figure ``.png``, ``.pdf`` and ``.csv`` of the data behind it; beside
    either is a ``.json`` with its runs and what they were made with. Files are in ``out/papers/DATASET/``.

    Args:
        plan: the table or figure on a data set.
        workspace: of the runs.
        out: the folder of figures.
        other_code: allow runs that were made with other code than this; the table then says so.

    Raises:
        ArtefactError: no run is finished, or runs were made with other code and ``other_code`` is False.
    """
    runs = plan.finished(workspace)
    stem = stem_of(plan, out)
    if plan.entry.kind == "splits":
        return _write_splits(plan, stem)
    if not runs:
        raise ArtefactError(f"no run of {plan.identifier} on {plan.request.dataset} is finished", where=workspace.runs)
    note = _code_note([one.folder for one in runs], allowed=other_code)
    record = _record(plan, runs, note)
    if plan.entry.kind == "figure":
        return _write_figures(plan, runs, workspace, stem, record)
    table = cluster_table(plan, runs) if plan.entry.kind == "clusters" else accuracy_table(plan, runs)
    text = markdown(table) + (f"- {note}\n" if note else "")
    contents = {"md": text, "csv": csv_table(table), "tex": latex(table)}
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        write_atomic(path, content)
    paths.append(_write_record(stem, record))
    return Written(plan.identifier, text, tuple(paths))


def stem_of(plan: EntryPlan, out: Path) -> Path:
    """Path without suffix of an entry's files."""
    preset = "" if plan.request.preset == "cpu" else f"_{slug(plan.request.preset)}"
    return out / "papers" / slug(plan.request.dataset) / f"{plan.identifier.replace('/', '_')}{preset}"


def _write_splits(plan: EntryPlan, stem: Path) -> Written:
    rows = splits_table(plan)
    columns = [name for name in rows[0] if any(row[name] for row in rows)]
    heading = f"**{plain_markdown(f'{plan.identifier}: {plan.entry.caption}')}**"
    notes = [f"- {plain_markdown(note)}" for note in entry_notes(plan)]
    text = "\n".join([heading, "", format_table(rows, columns), *notes]).rstrip() + "\n"
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in ("md", "csv")]
    write_atomic(paths[0], text)
    write_atomic(paths[1], _csv(rows))
    return Written(plan.identifier, text, (*paths, _write_record(stem, _record(plan, [], ""))))


def _write_figures(
    plan: EntryPlan, runs: Sequence[SuiteRun], workspace: Workspace, stem: Path, record: dict[str, Any]
) -> Written:
    """One figure a column: figures of several data sets or splits would be unlike those of the papers."""
    from zsar_kit.experiments.reports.paper_figures import draw

    paths, texts = [], [f"**{plain_markdown(f'{plan.identifier}: {plan.entry.caption}')}**"]
    for case in plan.cases:
        mine = case_run(plan, case, runs)
        if not mine:
            continue
        drawn = draw(plan.identifier, mine, workspace)
        place = stem.with_name(f"{stem.name}_{slug(case.split)}")
        about = {key: value for key, value in record.items() if key not in ("caption", "runs", "zsar_kit")}
        paths += drawn.save(place, [one for folders in mine.values() for one in folders], **about, split=case.split)
        texts.append(f"{plain_markdown(case.label)}: {plain_markdown(drawn.caption)} ({place.name}.png)")
    texts += [plain_markdown(" ".join(plan.entry.differs.split()))] if plan.entry.differs else []
    texts += [record["note"]] if record["note"] else []
    return Written(plan.identifier, "\n\n".join(texts) + "\n", tuple(paths))


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    stream = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: csv_cell(v) if isinstance(v, str) else v for k, v in row.items()})
    return stream.getvalue()


def column_figures(plan: EntryPlan, workspace: Workspace) -> list[Figure]:
    """ZSL and H of each row of a table, a figure a column; rows without a finished run are left out."""
    table, figures = accuracy_table(plan, plan.finished(workspace)), []
    shown = {m: t for m, t in table.metrics.items() if m in ("zsl", "harmonic")}
    for label in table.columns:
        rows = []
        for line in table.lines:
            found = {m: line.cells.get((label, m), Cell()).ours for m in shown}
            if line.title != "chance" and all(value is not None for value in found.values()):
                rows.append({"method": line.title, **found})
        if rows:
            title = f"{plan.identifier} on {label}{' (synthetic data)' if table.synthetic else ''}"
            figures.append(figure_of(plot_score_table(rows, shown, title=title)))
    return figures


# -------------------- where it comes from
def _record(plan: EntryPlan, runs: Sequence[SuiteRun], note: str) -> dict[str, Any]:
    """What is stored beside a table or figure."""
    request, results = plan.request, [one.folder.result() for one in runs]
    return {
        "id": plan.identifier,
        "kind": plan.entry.kind,
        **describe(plan.identifier),
        "dataset": request.dataset,
        "synthetic": is_synthetic(request.dataset),
        "preset": request.preset,
        "overrides": request.overrides,
        "precision": request.precision,
        "seeds": list(request.seeds),
        "splits": list(dict.fromkeys(case.label for case in plan.cases)),
        "rows": [row.title for row in plan.rows],
        "runs": sorted({one.folder.path.name for one in runs}),
        "wanted": len(distinct(config for _, _, config in plan.configs())),
        "selection": sorted({r.selection for r in results}),
        "encoder": sorted({r.encoder_mark for r in results}),
        "language_model": sorted({r.language_model for r in results}),
        "commit": commit(),
        "code": code_digest(),
        "note": note,
    }


def _write_record(stem: Path, record: dict[str, Any]) -> Path:
    path = stem.with_name(f"{stem.name}.json")
    write_json(path, {"zsar_kit": __version__, **record})
    return path


def _code_note(folders: Sequence[RunFolder], *, allowed: bool) -> str:
    """What is said of runs that were made with other code than this; empty if there are none.

    Raises:
        ArtefactError: there are some, and they are not allowed.
    """
    codes = Counter(_code(folder) for folder in {one.path: one for one in folders}.values())
    others = sum(count for code, count in codes.items() if code != code_digest())
    if not others:
        return ""
    note = f"{others} of {sum(codes.values())} runs were made with other code than this ({code_digest()})"
    if not allowed:
        named = next(f.path for f in folders if _code(f) != code_digest())
        remedy = "Move them away to make them anew, or allow it with --other-code: the table then says so."
        raise ArtefactError(note, where=named, remedy=remedy)
    return f"{note}."


def _code(folder: RunFolder) -> str:
    """The digest of the code that a run was made with; the first runs do not say."""
    return str(read_json(folder.path / "env.json").get("code", "unknown"))
