"""The answer of ``zsar show``: a table of finished runs; needs neither a model nor torch."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from zsar_kit.errors import ArtefactError, ConfigError
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.reports.rows import result_rows
from zsar_kit.experiments.reports.tables import markdown_table
from zsar_kit.experiments.reports.titles import distinct_runs, rows_of_runs
from zsar_kit.experiments.runs.folder import RunFolder

log = logging.getLogger("zsar_kit")


def show_runs(paths: Sequence[Path], figure_folder: Path | None, workspace: Workspace | None = None) -> str:
    """A table of finished runs; runs that differ only in the seed share a row.

    A run that is named twice, or of which there is a copy, counts once; a line below the table says so. Each run is
    looked at in its own workspace unless one is given.
    """
    if not paths:
        raise ConfigError("name at least one run folder")
    folders = [RunFolder(path, workspace) for path in paths]
    for folder in folders:
        folder.config()  # refuses a folder that is no run; unfinished runs are skipped
        if not folder.finished:
            log.info("not finished, skipped: %s", folder.path)
        elif replaced := folder.replaced_inputs():
            log.info("stale, as %s was replaced since: %s", replaced[0], folder.path)
    if not (folders := [folder for folder in folders if folder.finished]):
        raise ArtefactError("none of these runs is finished", where=paths[0], remedy="Finish them with zsar train.")
    folders, copies = distinct_runs(folders)
    cells = rows_of_runs(folders)
    if figure_folder is not None:
        from zsar_kit.experiments.reports.run_figures import draw_runs

        draw_runs([one.folder for one in cells], figure_folder)
    table = markdown_table(result_rows(cells))
    if not copies:
        return table
    listed = ", ".join(f"{copy} ({'again' if copy == first else f'as {first}'})" for copy, first in copies)
    return f"{table}\nNamed more than once, counted once: {listed}.\n"
