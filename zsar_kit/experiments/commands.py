"""What the commands of ``zsar`` do, as functions that return the text to show."""

from __future__ import annotations

import ast
import logging
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from zsar_kit.artefacts import write_json
from zsar_kit.data.parts import known_protocols, train_part
from zsar_kit.data.readers.prepare import LEFT_OUT
from zsar_kit.data.skeleton_set import made_with
from zsar_kit.data.splits import (
    class_count,
    class_names,
    dataset_names,
    load_split,
    make_split,
    part_protocols,
    split_names,
    write_split,
)
from zsar_kit.device import resolve_device
from zsar_kit.encoders.distributed import launched_processes
from zsar_kit.errors import ArtefactError, ConfigError, MissingModelError, ZsarError
from zsar_kit.evaluation.protocol import evaluate
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments import figures as drawing
from zsar_kit.experiments.ablation import (
    ablation_names,
    ablation_table,
    effects,
    load_ablation,
    run_ablation,
    write_effects,
)
from zsar_kit.experiments.config import RunConfig, slug
from zsar_kit.experiments.contexts import context_report, context_table, examples_table, nothing_table
from zsar_kit.experiments.heads import head_table
from zsar_kit.experiments.pack import export_run, import_run
from zsar_kit.experiments.predict import Recogniser
from zsar_kit.experiments.results import markdown_table, result_rows, suite_tables, write_between, write_tables
from zsar_kit.experiments.run import RunFolder, environment, run
from zsar_kit.experiments.stages import (
    Workspace,
    prepare_skeletons,
    read_raw,
)
from zsar_kit.experiments.sweep import finished_runs, load_suite, sweep
from zsar_kit.experiments.titles import rows_of_runs
from zsar_kit.methods.registry import entry
from zsar_kit.semantics.offline import install_offline_model, offline_model_folder

LISTED_FAULTS = 20
log = logging.getLogger("zsar_kit")


def open_workspace(root: Path, device: str, *, progress: bool) -> Workspace:
    """The workspace at ``root`` on a device by name.

    Raises:
        ConfigError: ``torchrun`` started several processes, and this command is not ``features``.
    """
    if launched_processes() > 1:
        raise ConfigError(
            "of all commands only `features` shares its work among processes",
            where="torchrun",
            remedy="Make the features with torchrun, then run this command alone.",
        )
    return Workspace(root, resolve_device(device), progress)


def list_data(workspace: Workspace) -> str:
    """A table of the data sets that the kit knows."""
    rows = []
    for name in dataset_names():
        prepared = (workspace.skeletons_folder(name) / "provenance.json").is_file()
        rows.append(
            {
                "data set": name,
                "classes": str(class_count(name)),
                "splits": ", ".join(split_names(name)),
                "prepared": "yes" if prepared else "",
            }
        )
    return format_table(rows, list(rows[0]))


def prepare_data(
    workspace: Workspace,
    dataset: str,
    root: Path | None,
    chain: str,
    strict: bool,
    replace_set: bool,
    processes: int,
) -> tuple[str, bool]:
    """Prepare a data set; what was read and what was not, and whether it is whole."""
    if root is None or dataset == "puppet":
        if chain or strict or replace_set:
            raise ConfigError("--chain, --strict and --replace are for reading raw files", remedy="Name them: --root.")
        skeletons = prepare_skeletons(workspace, dataset)
        return f"{len(skeletons)} sequences of {dataset} stand in {skeletons.path}", True
    count = processes or os.cpu_count() or 1
    made = read_raw(workspace, dataset, root, chain=chain, strict=strict, replace_set=replace_set, processes=count)
    lines = [f"{len(made.skeletons)} sequences of {dataset} stand in {made.skeletons.path}", *made.notes]
    if made.missing:
        lines.append(f"{made.missing} raw files of the whole data set are missing.")
    rules = Counter(entry.reason for entry in made.left_out if entry.expected)
    lines += [f"left out by rule: {count} x {reason}" for reason, count in rules.items()]
    faults = [
        f"left out, {entry.reason}: {entry.sample}: {entry.detail}" for entry in made.left_out if not entry.expected
    ]
    lines += faults[:LISTED_FAULTS]
    if len(faults) > LISTED_FAULTS:
        lines.append(f"... and {len(faults) - LISTED_FAULTS} more")
    if made.left_out:
        lines.append(f"Every sample left out, with the reason: {made.skeletons.path / LEFT_OUT}")
    return "\n".join(lines), made.whole


def show_data(workspace: Workspace, dataset: str, protocol: str) -> str:
    """Counts of a prepared data set."""
    skeletons = prepare_skeletons(workspace, dataset)
    index = skeletons.index
    train = train_part(skeletons, protocol or next(iter(known_protocols(skeletons)), part_protocols(dataset)[0]))
    rows = [
        {
            "part": name,
            "samples": str(mask.sum()),
            "classes": str(len(np.unique(index.label[mask]))),
            "subjects": str(len(np.unique(index.subject[mask]))) if (index.subject >= 0).any() else "not known",
            "frames, median (range)": _median_and_range(index.frames[mask]),
            "two persons": str((index.persons[mask] > 1).sum()),
        }
        for name, mask in (("train", train), ("test", ~train))
    ]
    note = "These data are synthetic.\n" if dataset == "puppet" else ""
    if chain := made_with(skeletons.path).get("chain"):
        note += f"Read by the chain {chain}.\n"
    return note + format_table(rows, list(rows[0]))


def _median_and_range(values: np.ndarray) -> str:
    return f"{np.median(values):.0f} ({values.min()}-{values.max()})" if len(values) else ""


def list_splits(dataset: str) -> str:
    """A table of the splits of a data set."""
    rows = []
    for name in split_names(dataset):
        split = load_split(dataset, name)
        rows.append(
            {
                "split": name,
                "seen": str(len(split.seen)),
                "unseen": str(list(split.unseen)),
                "source": split.source,
            }
        )
    return format_table(rows, list(rows[0]))


def make_split_file(dataset: str, unseen: int, seed: int, out: Path, name: str | None) -> str:
    """Draw a split and write it."""
    split = make_split(dataset, unseen, seed, name)
    write_split(out, split)
    names = class_names(dataset)
    return f"{out}: unseen {', '.join(f'{c} {names[c]}' for c in split.unseen)}"


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


def train(configs: Sequence[RunConfig], workspace: Workspace) -> str:
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
    method_type = entry(config.method).method
    if method_type.zsl_config(method_type.config_type.from_dict(result["method_config"])) is not None:
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
        drawing.draw_runs([folder for _, _, folder in cells], figure_folder)
    return markdown_table(result_rows(cells))


def sweep_suite(
    workspace: Workspace,
    name: str,
    table_only: bool,
    write: Path | None,
    figure_folder: Path | None,
    encoder_from: str = "",
) -> tuple[str, int]:
    """Do a suite, and return its tables and the number of runs that failed."""
    suite, failures = replace(load_suite(name), encoder_from=encoder_from), []

    def failed(config: RunConfig, error: ZsarError) -> None:
        failures.append(config)
        log.error("%s %s, %s, seed %d failed: %s", config.dataset, config.split, config.method, config.seed, error)

    cells = finished_runs(suite, workspace) if table_only else sweep(suite, workspace, failed)
    if not cells:
        return "No run of this suite is finished.", len(failures)
    rows = result_rows(cells)
    seen_only = finished_runs(replace(suite, encoder_from=""), workspace) if encoder_from else []
    tables = suite_tables(rows, suite.reference, others=result_rows(seen_only))
    label = Path(name).stem + ("_cross" if encoder_from else "")
    if write is not None:
        write_tables(write, label, tables)
    if figure_folder is not None:
        drawing.draw_suite(rows, [folder for _, _, folder in cells], figure_folder, label)
    return "\n\n".join([suite.title, *tables.values()]), len(failures)


def ablate(
    workspace: Workspace, names: Sequence[str], table_only: bool, write: Path | None, effects_file: Path | None
) -> tuple[str, int]:
    """Do ablations, and return their tables and the number of runs that failed.

    Raises:
        ConfigError: none is named, or there is none of that name.
    """
    if not names:
        raise ConfigError("name at least one ablation", remedy=f"There are {', '.join(ablation_names())}.")
    failures: list[RunConfig] = []
    texts, every = [], []

    def failed(config: RunConfig, error: ZsarError) -> None:
        failures.append(config)
        log.error("%s %s, %s, seed %d failed: %s", config.dataset, config.split, config.overrides, config.seed, error)

    for name, ablation in [(name, load_ablation(name)) for name in names]:
        if not table_only:
            run_ablation(ablation, workspace, failed)
        rows = effects(ablation, workspace)
        if not rows:
            texts.append(f"{ablation.title}: no pair of runs is finished.")
            continue
        table = ablation_table(rows)
        if write is not None:
            write_between(write, Path(name).stem, table)
        texts.append(f"{ablation.title}\n\n{table}")
        every += rows
    if effects_file is not None and every:
        write_effects(effects_file, every)
    return "\n".join(texts), len(failures)


def predict(workspace: Workspace, run_folder: Path, clip: str, classes: str, layout: str) -> str:
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


def contexts(workspace: Workspace, paths: Sequence[Path], k: int, write: Path | None) -> str:
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


def export(workspace: Workspace, run_folder: Path, out: Path) -> str:
    """Pack a run and say what went in."""
    names = export_run(run_folder, workspace, out)
    text = f"{out}: {len(names)} files, {out.stat().st_size / 2**20:.1f} MiB, no data"
    if RunFolder(run_folder).result()["encoder"] == "cross-dataset":
        text += "\nIt holds an encoder made from somebody else's checkpoint, whose licence applies."
    return text


def import_(workspace: Workspace, file: Path) -> str:
    """Unpack a run."""
    return str(import_run(file, workspace).path)


def demo(workspace: Workspace, figure_folder: Path) -> tuple[str, int]:
    """The suite ``demo`` with its figures."""
    text, failures = sweep_suite(workspace, "demo", False, None, figure_folder)
    case = load_suite("demo").cases[0]
    drawing.draw_data(prepare_skeletons(workspace, case.dataset), workspace, case.split, figure_folder)
    return f"{text}\nRun folders: {workspace.runs}\nFigures: {figure_folder}", failures


def doctor(device: str, install_lm: bool) -> tuple[str, bool]:
    """What is installed, and whether it is enough."""
    if install_lm:
        install_offline_model()
    lines = [f"{k}: {v}" for k, v in environment(open_workspace(Path(), device, progress=False)).items()]
    try:
        offline_model_folder()
        lines.append("offline language model: installed and verified")
        healthy = True
    except MissingModelError as error:
        lines.append(f"offline language model: {error}")
        healthy = False
    return "\n".join(lines), healthy
