"""One loop over many runs, for suites and ablations; finished runs are not repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tqdm.auto import tqdm

from zsar_kit.errors import DiskError, ZsarError
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.studies.suite import Suite, SuiteRun

OnFailure = Callable[[RunConfig, ZsarError], None]


def run_all(
    configs: Iterable[RunConfig], workspace: Workspace, on_failure: OnFailure | None = None
) -> list[RunFolder | None]:
    """Carry out all missing runs, with a progress bar.

    Args:
        configs: configurations of the runs.
        workspace: workspace of the runs.
        on_failure: called for each failed run, and the others continue; ``None`` stops at the first failure.

    Returns:
        For each configuration its finished run, or ``None`` if it failed.

    Raises:
        ZsarError: a run failed, and ``on_failure`` is ``None``.
        DiskError: the disk is full, or the workspace may not be written.
    """
    from zsar_kit.experiments.runs.run import run

    found: list[RunFolder | None] = []
    with tqdm(list(configs), disable=not workspace.progress, unit="run") as bar:
        for config in bar:
            bar.set_description(f"{config.dataset} {config.split}: {config.method} {config.preset}, seed {config.seed}")
            try:
                found.append(run(config, workspace))
            except ZsarError as error:
                if on_failure is None or isinstance(error, DiskError):  # a full disk is full for the next run too
                    raise
                on_failure(config, error)
                found.append(None)
    return found


def sweep(suite: Suite, workspace: Workspace, on_failure: OnFailure | None = None) -> list[SuiteRun]:
    """Carry out all missing runs of a suite.

    Args:
        suite: the suite.
        workspace: workspace of the runs.
        on_failure: see :func:`run_all`.

    Returns:
        The finished runs.

    Raises:
        ZsarError: a run failed, and ``on_failure`` is ``None``.
    """
    cells = list(suite.configs())
    folders = run_all([config for _, _, config in cells], workspace, on_failure)
    return [
        SuiteRun(case, row, folder) for (case, row, _), folder in zip(cells, folders, strict=True) if folder is not None
    ]


def finished_runs(suite: Suite, workspace: Workspace) -> list[SuiteRun]:
    """The finished runs of a suite in the workspace; nothing is computed."""
    found = [SuiteRun(case, row, RunFolder.of(config, workspace)) for case, row, config in suite.configs()]
    return [one for one in found if one.folder.finished]
