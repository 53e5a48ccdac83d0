"""The answers of ``zsar paper``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zsar_kit.errors import ArtefactError, ConfigError, ZsarError
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.studies.engines import Engine
from zsar_kit.experiments.studies.paper_plan import EntryPlan, Request, plans, possible_plans
from zsar_kit.experiments.studies.papers import load_entry, paper_ids
from zsar_kit.reprs import counted

log = logging.getLogger("zsar_kit")


@dataclass(frozen=True)
class How:
    """What ``zsar paper run`` does.

    Attributes:
        out: folder of figures.
        table_only: compute nothing.
        estimate: only say what it would take.
        other_code: allow runs that were made with other code.
    """

    out: Path
    table_only: bool = False
    estimate: bool = False
    other_code: bool = False


def list_papers(workspace: Workspace, request: Request) -> str:
    """A table of all ids with their state on a data set."""
    possible, refused = possible_plans(request)
    found = {plan.identifier: _state(plan, workspace) for plan in possible}
    rows = [
        {"id": name, "shows": load_entry(name).caption, "state": found.get(name, f"not on {request.dataset}")}
        for name in paper_ids()
    ]
    heading = f"On {request.dataset}, preset {request.preset}, seeds {', '.join(map(str, request.seeds))}"
    lines = [f"- {name}: {reason}" for name, reason in refused.items()]
    return "\n".join([heading, "", format_table(rows, ["id", "state", "shows"]), *lines])


def _state(plan: EntryPlan, workspace: Workspace) -> str:
    done, wanted = plan.state(workspace)
    if not wanted:
        return "no run needed"
    return "whole" if done == wanted else f"partly, {done} of {wanted}" if done else f"never run, 0 of {wanted}"


def run_papers(
    workspace: Workspace, ids: Sequence[str], everything: bool, request: Request, how: How, engine: Engine
) -> tuple[str, int]:
    """Carry out tables and figures; returns what was written, and how many runs or figures failed.

    Raises:
        ConfigError: no id is given, one is unknown or given twice.
        DataError: the data set is unknown, or lacks what a table needs.
    """
    from zsar_kit.experiments.reports.papers import carry_out, require_this_code, write_entry

    wanted, skipped = _plans(tuple(ids), everything, request)
    if not (how.other_code or how.estimate):
        require_this_code(wanted, workspace)
    if how.estimate or not how.table_only:
        from zsar_kit.experiments.studies.estimate import estimate

        expected = estimate(wanted, workspace, engine)
        if how.estimate:
            return str(expected), 0
        log.info("%s", expected)
    failures = {} if how.table_only else carry_out(wanted, workspace, engine)
    texts = []
    for plan in wanted:
        try:
            written = write_entry(plan, workspace, how.out, other_code=how.other_code)
        except ZsarError as error:
            if len(wanted) == 1 and not failures:
                raise
            failures[plan.identifier] = str(error)
            continue
        texts.append(f"{written.text}\n{', '.join(map(str, written.paths))}")
    told = [f"failed: {name}: {reason}" for name, reason in failures.items()]
    told += [f"left out: {name}: {reason}" for name, reason in skipped.items()]
    return "\n\n".join([*texts, "\n".join(told)] if told else texts), len(failures)


def _plans(ids: tuple[str, ...], everything: bool, request: Request) -> tuple[list[EntryPlan], dict[str, str]]:
    if everything == bool(ids):
        raise ConfigError("name tables or figures, or give --all", remedy="`zsar paper list` names them.")
    return possible_plans(request) if everything else (plans(ids, request), {})


def execute_notebooks(workspace: Workspace, file: Path, out: Path, engine: Engine) -> tuple[str, int]:
    """Execute the notebooks of a batch file; returns where they are and what failed, and how many failed.

    Raises:
        ConfigError: the file is missing or malformed, or a notebook lacks a parameter.
    """
    from zsar_kit.experiments.studies.notebook_jobs import NotebookBatch

    paths, failures = NotebookBatch.load(file).run(out, workspace, engine)
    told = [f"failed: {name}: {reason}" for name, reason in failures.items()]
    return "\n".join([*map(str, paths), *told]), len(failures)


def report_papers(out: Path, page: Path) -> str:
    """Write the page of all tables and figures in a folder.

    Raises:
        ArtefactError: there are none.
    """
    from zsar_kit.experiments.reports.paper_page import write_page

    count = write_page(out, page)
    if not count:
        raise ArtefactError("no table or figure of a paper", where=out / "papers", remedy="Run: zsar paper run ID")
    return f"{page}: {counted(count, 'table or figure', 'tables and figures')}"
