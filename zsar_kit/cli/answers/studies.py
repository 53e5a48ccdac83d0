"""The answers of the commands on suites and ablations."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from zsar_kit.config import require_once
from zsar_kit.errors import ConfigError, ZsarError
from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.reports.data_figures import draw_data
from zsar_kit.experiments.reports.effects import ablation_table, write_effects
from zsar_kit.experiments.reports.fusions import fusion_table
from zsar_kit.experiments.reports.heads import variant_heads
from zsar_kit.experiments.reports.input_study import trials_table
from zsar_kit.experiments.reports.markdown import write_tables, write_where_marked
from zsar_kit.experiments.reports.rows import result_rows
from zsar_kit.experiments.reports.run_figures import draw_suite
from zsar_kit.experiments.reports.tables import suite_tables
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.studies.ablation import Ablation, ablation_names
from zsar_kit.experiments.studies.encoder_input import InputStudy
from zsar_kit.experiments.studies.engines import Engine
from zsar_kit.experiments.studies.suite import Suite
from zsar_kit.experiments.studies.sweep import finished_runs, fused_pairs, sweep

log = logging.getLogger("zsar_kit")
PROCESSES = Engine("processes")


def sweep_suite(
    workspace: Workspace,
    name: str,
    table_only: bool,
    write: Sequence[Path],
    figure_folder: Path | None,
    encoder_from: str = "",
    engine: Engine = PROCESSES,
) -> tuple[str, int]:
    """Carry out a suite; returns its tables and the number of failed runs."""
    suite, failures = replace(Suite.load(name), encoder_from=encoder_from), []

    def failed(config: RunConfig, error: ZsarError) -> None:
        failures.append(config)
        log.error("%s %s, %s, seed %d failed: %s", config.dataset, config.split, config.method, config.seed, error)

    cells = finished_runs(suite, workspace) if table_only else sweep(suite, workspace, failed, engine)
    if not cells:
        return "No run of this suite is finished.", len(failures)
    by_training = result_rows(cells)
    rows = result_rows(cells, over_trainings=True) if suite.encoder_seeds else by_training
    seen_only = finished_runs(replace(suite, encoder_from=""), workspace) if encoder_from else []
    others = result_rows(seen_only, over_trainings=bool(suite.encoder_seeds))
    tables = suite_tables(rows, suite.reference, others=others, by_training=by_training)
    if pairs := fused_pairs(suite, cells):
        tables["fusions"] = fusion_table(pairs, suite)
    label = Path(name).stem + ("_cross" if encoder_from else "")
    for path in write:
        write_tables(path, label, tables)
    if figure_folder is not None:
        draw_suite(rows, [one.folder for one in cells], figure_folder, label)
    return "\n\n".join([suite.title, *tables.values()]), len(failures)


def run_ablations(
    workspace: Workspace,
    names: Sequence[str],
    table_only: bool,
    write: Sequence[Path],
    effects_file: Path | None,
    engine: Engine = PROCESSES,
) -> tuple[str, int]:
    """Carry out ablations; returns their tables and the number of failed runs.

    Raises:
        ConfigError: no ablation is named, one is named twice, or a name is unknown.
    """
    if not names:
        raise ConfigError("name at least one ablation", remedy=f"Known ablations: {', '.join(ablation_names())}.")
    require_once(names, "ablations", where="the command line")
    failures: list[RunConfig] = []
    texts, every = [], []

    def failed(config: RunConfig, error: ZsarError) -> None:
        failures.append(config)
        log.error("%s %s, %s, seed %d failed: %s", config.dataset, config.split, config.overrides, config.seed, error)

    for name, ablation in [(name, Ablation.load(name)) for name in names]:
        if not table_only:
            ablation.run(workspace, failed, engine)
        rows = ablation.effects(workspace)
        if not rows:
            texts.append(f"{ablation.title}: no pair of runs is finished.")
            continue
        tables = {Path(name).stem: ablation_table(rows)}
        if ablation.heads:
            tables[f"{Path(name).stem}_by_head"] = variant_heads(ablation, workspace)
        for marker, table in tables.items() if write else ():
            write_where_marked(write, marker, table)
        texts.append("\n\n".join([ablation.title, *tables.values()]))
        every += rows
    if effects_file is not None and every:
        write_effects(effects_file, every)
    return "\n".join(texts), len(failures)


def run_input_study(workspace: Workspace, name: str, dataset: str, write: Sequence[Path]) -> str:
    """Carry out a study of encoder inputs; returns its table.

    Raises:
        ConfigError: the study is unknown, or has no such data set.
    """
    study = InputStudy.load(name)
    study = study.only(dataset) if dataset else study
    table = trials_table(study, list(study.run(workspace)))
    if write:
        write_where_marked(write, Path(name).stem, table)
    return f"{study.title}\n\n{table}"


def run_demo(workspace: Workspace, figure_folder: Path) -> tuple[str, int]:
    """The suite ``demo`` with its figures."""
    case = Suite.load("demo").cases[0]
    skeletons = prepare_skeletons(workspace, case.dataset)  # first: processes of the sweep would wait for it
    text, failures = sweep_suite(workspace, "demo", False, (), figure_folder)
    draw_data(skeletons, workspace, case.split, figure_folder)
    return f"{text}\nRun folders: {workspace.runs}\nFigures: {figure_folder}", failures
