"""The runs of suites: what is missing is carried out, and what is finished is found."""

from __future__ import annotations

import logging

from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.studies.engines import Engine, OnFailure
from zsar_kit.experiments.studies.suite import Suite, SuiteRun

log = logging.getLogger("zsar_kit")

SERIAL = Engine()


def sweep(
    suite: Suite, workspace: Workspace, on_failure: OnFailure | None = None, engine: Engine = SERIAL
) -> list[SuiteRun]:
    """Carry out all missing runs of a suite.

    Args:
        suite: the suite.
        workspace: workspace of the runs.
        on_failure: see :meth:`Engine.map`.
        engine: where the runs are carried out; default: in this process.

    Returns:
        The finished runs.

    Raises:
        ZsarError: a run failed, and ``on_failure`` is ``None``.
    """
    cells = list(suite.configs())
    folders = engine.map([config for _, _, config in cells], workspace, on_failure)
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
