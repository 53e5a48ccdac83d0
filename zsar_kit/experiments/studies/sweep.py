"""One loop over many runs, for suites and ablations; finished runs are not repeated."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from tqdm.auto import tqdm

from zsar_kit.errors import DiskError, ZsarError
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.studies.suite import Suite, SuiteRun
from zsar_kit.experiments.studies.workers import carry_out_in_processes, worker_count

log = logging.getLogger("zsar_kit")

OnFailure = Callable[[RunConfig, ZsarError], None]


def run_all(
    configs: Iterable[RunConfig], workspace: Workspace, on_failure: OnFailure | None = None, processes: int = 1
) -> list[RunFolder | None]:
    """Carry out all missing runs, with a progress bar.

    Args:
        configs: configurations of the runs.
        workspace: workspace of the runs.
        on_failure: called for each failed run, and the others continue; ``None`` stops at the first failure.
        processes: how many processes share the work, with one thread each; 0 means one a core. A single one is this
            process, with the threads that it has. Methods that were registered here only are unknown to others.

    Returns:
        For each configuration its finished run, or ``None`` if it failed.

    Raises:
        ZsarError: a run failed, and ``on_failure`` is ``None``.
        DiskError: the disk is full, or the workspace may not be written.
    """
    from zsar_kit.experiments.runs.run import run

    configs = list(configs)
    missing = sum(not RunFolder.of(config, workspace).finished for config in configs)
    if missing and (count := worker_count(processes, workspace, len(configs))) > 1:
        return _in_processes(configs, workspace, on_failure, count)
    found: list[RunFolder | None] = []
    with tqdm(configs, disable=not workspace.progress, unit="run") as bar:
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


def _in_processes(
    configs: list[RunConfig], workspace: Workspace, on_failure: OnFailure | None, processes: int
) -> list[RunFolder | None]:
    found: list[RunFolder | None] = []
    for config, one in zip(configs, carry_out_in_processes(configs, workspace, processes), strict=True):
        if isinstance(one, ZsarError):
            if on_failure is None:
                raise one
            on_failure(config, one)
        found.append(None if isinstance(one, ZsarError) else one)
    return found


def sweep(
    suite: Suite, workspace: Workspace, on_failure: OnFailure | None = None, processes: int = 1
) -> list[SuiteRun]:
    """Carry out all missing runs of a suite.

    Args:
        suite: the suite.
        workspace: workspace of the runs.
        on_failure, processes: see :func:`run_all`.

    Returns:
        The finished runs.

    Raises:
        ZsarError: a run failed, and ``on_failure`` is ``None``.
    """
    cells = list(suite.configs())
    folders = run_all([config for _, _, config in cells], workspace, on_failure, processes)
    return [
        SuiteRun(case, row, folder) for (case, row, _), folder in zip(cells, folders, strict=True) if folder is not None
    ]


def finished_runs(suite: Suite, workspace: Workspace) -> list[SuiteRun]:
    """The finished runs of a suite in the workspace; nothing is computed, and stale runs are left out."""
    found = [SuiteRun(case, row, RunFolder.of(config, workspace)) for case, row, config in suite.configs()]
    return [one for one in found if is_current(one.folder)]


def is_current(folder: RunFolder) -> bool:
    """Whether a run is finished and nothing that it was made from was replaced since; the log names stale runs."""
    if not folder.finished:
        return False
    if replaced := folder.replaced_inputs():
        log.info("stale, as %s was replaced since: %s", replaced[0], folder.path)
    return not replaced
