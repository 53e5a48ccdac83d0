"""Do the runs of a suite. Runs that are finished in the workspace are not done again."""

from __future__ import annotations

from collections.abc import Callable

from tqdm.auto import tqdm

from zsar_kit.errors import ZsarError
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.run import run
from zsar_kit.experiments.studies.suite import Case, MethodRow, Suite


def sweep(
    suite: Suite, workspace: Workspace, on_failure: Callable[[RunConfig, ZsarError], None] | None = None
) -> list[tuple[Case, MethodRow, RunFolder]]:
    """Do all runs of a suite that have not been done.

    Args:
        suite: what to run.
        workspace: where runs stand or go.
        on_failure: told of each run that fails, and the sweep goes on; None stops at the first.

    Returns:
        The finished runs.

    Raises:
        ZsarError: a run failed, and there is no ``on_failure``.
    """
    finished = []
    cells = list(suite.configs())
    with tqdm(cells, disable=not workspace.progress, unit="run") as bar:
        for case, row, config in bar:
            bar.set_description(f"{case.dataset} {case.split}: {row.title}, seed {config.seed}")
            try:
                finished.append((case, row, run(config, workspace)))
            except ZsarError as error:
                if on_failure is None:
                    raise
                on_failure(config, error)
    return finished


def finished_runs(suite: Suite, workspace: Workspace) -> list[tuple[Case, MethodRow, RunFolder]]:
    """The runs of a suite that stand finished in the workspace; nothing is computed."""
    cells = ((c, r, RunFolder(workspace.runs / config.folder_name())) for c, r, config in suite.configs())
    return [(case, row, folder) for case, row, folder in cells if folder.finished]
