"""The answers of the commands on runs."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from zsar_kit.config import require_once
from zsar_kit.data.catalogue import is_synthetic
from zsar_kit.errors import ConfigError
from zsar_kit.evaluation.protocol import evaluate
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.workspace import Workspace, slug
from zsar_kit.experiments.reports.contexts import context_report, context_table, examples_table, nothing_table
from zsar_kit.experiments.reports.heads import head_table
from zsar_kit.experiments.reports.markdown import write_tables
from zsar_kit.experiments.reports.rows import result_rows
from zsar_kit.experiments.reports.tables import markdown_table
from zsar_kit.experiments.reports.titles import rows_of_runs
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.fusion import fuse
from zsar_kit.experiments.runs.pack import export_run, import_run
from zsar_kit.experiments.runs.run import run
from zsar_kit.semantics.editions import CURRENT


def parse_overrides(assignments: Sequence[str]) -> dict[str, Any]:
    """``["align.steps=300", "text.pool=seen"]`` as a dictionary; values are Python literals, or else strings.

    Raises:
        ConfigError: an entry has no ``=``.
    """
    values: dict[str, Any] = {}
    for text in assignments:
        name, sign, value = text.partition("=")
        if not sign:
            raise ConfigError(f"expected NAME=VALUE, got {text!r}", where="--set")
        try:
            values[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            values[name] = value
    return values


def train_runs(configs: Sequence[RunConfig], workspace: Workspace) -> str:
    """Carry out runs that differ only in the seed; returns their table and folders.

    Raises:
        ConfigError: there is no run, or a seed is named twice.
    """
    if not configs:
        raise ConfigError("name at least one seed", where="--seeds")
    require_once([config.seed for config in configs], "--seeds", where="the command line")
    folders = [run(config, workspace) for config in configs]
    paths = "\n".join(str(folder.path) for folder in folders)
    return f"{markdown_table(result_rows(rows_of_runs(folders)))}\n{paths}"


def evaluate_run(path: Path, gamma: float | None, workspace: Workspace) -> str:
    """Evaluate stored scores again; with the fitted gamma the stored result is updated, with another it is not.

    Raises:
        ConfigError: the run had a separate model for ZSL, whose scores are not stored.
    """
    folder = RunFolder(path, workspace)
    config, result = folder.config(), folder.result()
    folder.require_scores_for_zsl()
    gate = folder.gate() if gamma is None else folder.gate().with_gamma(gamma)
    labels, subjects = folder.test_samples()
    evaluation = evaluate(folder.scores(), labels, subjects, folder.split(), calibration=gate, seed=config.seed)
    if gamma is None:
        folder.store_result(replace(result, evaluation=evaluation))
    averages = {"over samples": evaluation.micro, "over classes": evaluation.macro}
    lines = [{"average": name, **vars(accuracies)} for name, accuracies in averages.items()]
    head = f"{config.dataset} {config.split}, {config.method}, gamma = {gate.describe()['gamma']:.4g}"
    return f"{head}{'' if gamma is None else ' (given by hand)'}\n{format_table(lines, list(lines[0]))}"


def judge_contexts(workspace: Workspace, paths: Sequence[Path], k: int, write: Sequence[Path]) -> str:
    """Judge the context words that runs of SkeletonContext read from test clips; the runs differ only in the seed."""
    if not paths:
        raise ConfigError("name at least one run folder")
    folders = [RunFolder(path, workspace) for path in paths]
    configs = [folder.config() for folder in folders]
    first, seeds = configs[0], {config.seed for config in configs}
    if len({replace(config, seed=0).digest() for config in configs}) > 1 or len(seeds) < len(configs):
        raise ConfigError(
            "the runs must differ only in the seed, with each seed once",
            where=" ".join(str(p) for p in paths[:3]),
            remedy="Name the runs of one method, preset and split.",
        )
    reports = [context_report(folder, k) for folder in folders]
    tables = {
        "contexts": context_table(reports),
        "contexts_none": nothing_table(reports),
        "contexts_examples": examples_table(folders[0]),
        "heads": head_table(folders),
    }
    tables = {name: table for name, table in tables.items() if table}
    label = f"{first.dataset}_{slug(first.split)}" + ("" if first.edition == CURRENT else f"_{first.edition}")
    for path in write:
        write_tables(path, label, tables)
    synthetic = " (synthetic)" if is_synthetic(first.dataset) else ""
    head = f"{first.dataset}{synthetic} {first.split}, {len(folders)} seeds: right if one of the {k} likeliest words is"
    return "\n".join([head, *tables.values()])


def pack_run(workspace: Workspace, run_folder: Path, out: Path) -> str:
    """Pack a run; returns the number and size of the packed files."""
    names = export_run(run_folder, workspace, out)
    text = f"{out}: {len(names)} files, {out.stat().st_size / 2**20:.1f} MiB, no data"
    if RunFolder(run_folder, workspace).result().encoder_mark == "cross-dataset":
        text += "\nIt contains an encoder made from a released checkpoint, whose licence applies."
    return text


def unpack_run(workspace: Workspace, file: Path, max_gib: float) -> str:
    """Unpack a run.

    Raises:
        ConfigError: the size is not above 0.
    """
    if not 0 < max_gib < 2**20:
        raise ConfigError(f"a size in GiB must be above 0, got {max_gib:g}", where="--max-gib")
    return str(import_run(file, workspace, limit=int(max_gib * 2**30)).path)


def fuse_runs(first: Path, second: Path, workspace: Workspace) -> str:
    """The table of two runs and their fusion, and where its record is."""
    fused = fuse(RunFolder(first, workspace), RunFolder(second, workspace))
    return f"{fused}\n{fused.path}"
