"""What the commands on runs say, as functions that return the text to show."""

from __future__ import annotations

import ast
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from zsar_kit.artefacts import write_json
from zsar_kit.data.splits import (
    load_split,
)
from zsar_kit.errors import ArtefactError, ConfigError
from zsar_kit.evaluation.protocol import evaluate
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.reports.contexts import context_report, context_table, examples_table, nothing_table
from zsar_kit.experiments.reports.heads import head_table
from zsar_kit.experiments.reports.markdown import write_tables
from zsar_kit.experiments.reports.rows import result_rows
from zsar_kit.experiments.reports.run_figures import draw_runs
from zsar_kit.experiments.reports.tables import markdown_table
from zsar_kit.experiments.reports.titles import rows_of_runs
from zsar_kit.experiments.runs.config import RunConfig, slug
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.pack import export_run, import_run
from zsar_kit.experiments.runs.recogniser import Recogniser
from zsar_kit.experiments.runs.run import run
from zsar_kit.methods.registry import method_entry

log = logging.getLogger("zsar_kit")


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
    """Do runs that differ in the seed, and show them."""
    folders = [run(config, workspace) for config in configs]
    paths = "\n".join(str(folder.path) for folder in folders)
    return f"{show_runs([folder.path for folder in folders], None)}\n{paths}"


def evaluate_run(path: Path, gamma: float | None, workspace: Workspace) -> str:
    """Evaluate stored scores again: with the fitted gamma the stored result is renewed, with another only shown.

    Raises:
        ConfigError: the run had a model of its own for ZSL, whose scores are not stored.
    """
    folder = RunFolder(path)
    config, result = folder.config(), folder.result()
    method_type = method_entry(config.method).method
    if method_type.config_type.from_dict(result["method_config"]).zsl_config() is not None:
        raise ConfigError(
            "this run had a model of its own for ZSL (text.tau_zsl), and keeps the scores of the other only",
            where=path,
            remedy="Read its result.json, or train it without text.tau_zsl.",
        )
    split = load_split(config.dataset, config.split)
    gate = folder.gate() if gamma is None else folder.gate().with_gamma(gamma)
    labels, subjects = folder.test_samples(workspace)
    evaluation = evaluate(folder.scores(), labels, subjects, split, calibration=gate, seed=config.seed).to_dict()
    if gamma is None:
        write_json(path / "result.json", result | {"evaluation": evaluation})
    micro, macro = evaluation["micro"], evaluation["macro"]
    lines = [{"average": n, **a} for n, a in (("over samples", micro), ("over classes", macro))]
    head = f"{config.dataset} {config.split}, {config.method}, gamma = {gate.describe()['gamma']:.4g}"
    return f"{head}{'' if gamma is None else ' (given by hand)'}\n{format_table(lines, list(lines[0]))}"


def show_runs(paths: Sequence[Path], figure_folder: Path | None) -> str:
    """A table of finished runs; runs that differ only in the seed share a row."""
    if not paths:
        raise ConfigError("name at least one run folder")
    folders = [RunFolder(path) for path in paths]
    for folder in folders:
        folder.config()  # what is no run is an error, what is not finished is passed over
        if not folder.finished:
            log.info("not finished, passed over: %s", folder.path)
    if not (folders := [folder for folder in folders if folder.finished]):
        raise ArtefactError("none of these runs is finished", where=paths[0], remedy="Do them: zsar train.")
    cells = rows_of_runs(folders)
    if figure_folder is not None:
        draw_runs([folder for _, _, folder in cells], figure_folder)
    return markdown_table(result_rows(cells))


def predict_clip(workspace: Workspace, run_folder: Path, clip: str, classes: str, layout: str) -> str:
    """Rank classes given as words for one clip."""
    recogniser = Recogniser.load(run_folder, workspace)
    text = f"{recogniser.classify(clip, classes, layout=layout)} (The first call of a process warms up.)"
    if not recogniser.reads_contexts:
        return text
    found = recogniser.contexts(clip, k=5, layout=layout)
    rows = [
        {"slot": slot, "words": ", ".join(f"{w} {100 * p:.0f} %" for w, p in words)} for slot, words in found.items()
    ]
    return f"{text}\n\nRead from the motion alone:\n{format_table(rows, ['slot', 'words'])}"


def judge_contexts(workspace: Workspace, paths: Sequence[Path], k: int, write: Path | None) -> str:
    """Judge what runs of SkeletonContext read from the test clips; runs should differ in the seed alone."""
    if not paths:
        raise ConfigError("name at least one run folder")
    folders = [RunFolder(path) for path in paths]
    configs = [folder.config() for folder in folders]
    first, seeds = configs[0], {config.seed for config in configs}
    if len({replace(config, seed=0).digest() for config in configs}) > 1 or len(seeds) < len(configs):
        raise ConfigError(
            "the runs must differ in the seed alone, each seed once",
            where=" ".join(str(p) for p in paths[:3]),
            remedy="Name the runs of one method, preset and split.",
        )
    reports = [context_report(folder, workspace, k) for folder in folders]
    tables = {
        "contexts": context_table(reports),
        "contexts_none": nothing_table(reports),
        "contexts_examples": examples_table(folders[0], workspace),
        "heads": head_table(folders, workspace),
    }
    tables = {name: table for name, table in tables.items() if table}
    if write is not None:
        write_tables(write, f"{first.dataset}_{slug(first.split)}", tables)
    synthetic = " (synthetic)" if first.dataset == "puppet" else ""
    head = f"{first.dataset}{synthetic} {first.split}, {len(folders)} seeds: right if one of the {k} likeliest words is"
    return "\n".join([head, *tables.values()])


def pack_run(workspace: Workspace, run_folder: Path, out: Path) -> str:
    """Pack a run and say what went in."""
    names = export_run(run_folder, workspace, out)
    text = f"{out}: {len(names)} files, {out.stat().st_size / 2**20:.1f} MiB, no data"
    if RunFolder(run_folder).result()["encoder"] == "cross-dataset":
        text += "\nIt holds an encoder made from somebody else's checkpoint, whose licence applies."
    return text


def unpack_run(workspace: Workspace, file: Path) -> str:
    """Unpack a run."""
    return str(import_run(file, workspace).path)
