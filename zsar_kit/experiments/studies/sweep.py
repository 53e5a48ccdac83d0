"""The runs of suites: what is missing is carried out, and what is finished is found."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.fusion import FusedRuns, fuse
from zsar_kit.experiments.studies.engines import Engine, OnFailure
from zsar_kit.experiments.studies.suite import Case, FusionRow, Suite, SuiteRun

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


class FusedPair(NamedTuple):
    """Two runs of a suite, fused: the case with the training of its encoder, the pair of rows, and the outcome."""

    case: Case
    row: FusionRow
    fused: FusedRuns


def fused_pairs(suite: Suite, runs: Sequence[SuiteRun]) -> list[FusedPair]:
    """Fuse what a suite says, case by case and pair by pair.

    Runs with the same training of the encoder and the same seed belong together. A row that reads no encoder stands
    for every training, and a row with a single seed for every seed of the other.

    Args:
        suite: the suite.
        runs: its finished runs; a pair of which one is missing is left out.

    Raises:
        ConfigError: two runs do not have the same folds.
    """
    fused = []
    for case in suite.cases:
        for row in suite.fusions:
            first, second = (_runs_of(case, title, runs) for title in (row.first, row.second))
            pairs = {(a.folder.path, b.folder.path): (a, b) for a in first for b in second if _belong(a, b)}
            for a, b in pairs.values():
                training = b.case.encoder_seed if a.case.encoder_seed is None else a.case.encoder_seed
                place = replace(case, encoder_seed=training)
                fused.append(FusedPair(place, row, fuse(a.folder, b.folder)))
    return fused


def _runs_of(case: Case, title: str, runs: Sequence[SuiteRun]) -> list[SuiteRun]:
    """The runs of a row: of all trainings, unless the case has one of its own."""
    titled = [one for one in runs if one.row.title == title]
    if case.encoder_seed is not None:
        return [one for one in titled if one.case in (case, replace(case, encoder_seed=None))]
    return [one for one in titled if replace(one.case, encoder_seed=None) == case]


def _belong(one: SuiteRun, other: SuiteRun) -> bool:
    trainings = {one.case.encoder_seed, other.case.encoder_seed} - {None}
    seeds = {member.folder.result().seed for member in (one, other) if len(member.row.seeds) > 1}
    return len(trainings) < 2 and len(seeds) < 2
