"""The answers of ``zsar data prepare``, ``show`` and ``audit``."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np

from zsar_kit.data.catalogue import is_generated, is_synthetic
from zsar_kit.data.doctor import examine_skeletons, line
from zsar_kit.data.parts import known_protocols, train_part
from zsar_kit.data.readers.prepare import LEFT_OUT
from zsar_kit.data.skeleton_set import SkeletonSet, made_with
from zsar_kit.data.splits import (
    part_protocols,
)
from zsar_kit.errors import ConfigError
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons, read_raw
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.reports.audit import audit_tables
from zsar_kit.experiments.reports.audit_scan import audit_skeletons
from zsar_kit.reprs import listed, plain_markdown

LISTED_FAULTS = 20
#: clips of a newly prepared set that the doctor looks at: all, or so many
EXAMINED = 3000


def prepare_data(
    workspace: Workspace,
    dataset: str,
    root: Path | None,
    chain: str,
    strict: bool,
    replace_set: bool,
    processes: int,
) -> tuple[str, bool]:
    """Prepare a data set; returns what was read and what was left out, and whether the set is complete."""
    if root is None or is_generated(dataset):
        if chain or strict or replace_set:
            raise ConfigError(
                "--chain, --strict and --replace are for reading raw files", remedy="Name their folder with --root."
            )
        skeletons = prepare_skeletons(workspace, dataset)
        return f"{len(skeletons)} sequences of {dataset} are in {skeletons.path}", True
    count = processes or os.cpu_count() or 1
    made = read_raw(workspace, dataset, root, chain=chain, strict=strict, replace_set=replace_set, processes=count)
    lines = [f"{len(made.skeletons)} sequences of {dataset} are in {made.skeletons.path}", *made.notes]
    if made.missing:
        lines.append(f"{made.missing} raw files of the complete data set are missing.")
    rules = Counter(entry.reason for entry in made.left_out if entry.expected)
    lines += [f"left out by rule: {count} x {reason}" for reason, count in rules.items()]
    faults = [
        f"left out, {entry.reason}: {entry.sample}: {entry.detail}" for entry in made.left_out if not entry.expected
    ]
    lines += faults[:LISTED_FAULTS]
    if len(faults) > LISTED_FAULTS:
        lines.append(f"... and {len(faults) - LISTED_FAULTS} more")
    if made.left_out:
        lines.append(f"All left-out samples with their reasons: {made.skeletons.path / LEFT_OUT}")
    lines.append(doctor_line(made.skeletons, workspace.progress))
    return "\n".join(lines), made.whole


def doctor_line(skeletons: SkeletonSet, progress: bool) -> str:
    """What the data doctor says of a prepared set, in one line; of a large one a part is looked at, evenly spread."""
    chosen = np.unique(np.linspace(0, len(skeletons) - 1, min(len(skeletons), EXAMINED)).astype(int))
    report = examine_skeletons(skeletons.select(chosen), progress=progress)
    part = f" (of {len(skeletons)})" if len(chosen) < len(skeletons) else ""
    return f"doctor{part}: {line(report)}. More: zsar data doctor {skeletons.dataset}"


def show_data(workspace: Workspace, dataset: str, protocol: str) -> str:
    """Counts of a prepared data set."""
    skeletons = prepare_skeletons(workspace, dataset)
    index = skeletons.index
    protocol = protocol or next(iter(known_protocols(skeletons)), next(iter(part_protocols(skeletons.dataset)), ""))
    masks = {"all": np.ones(len(skeletons), dtype=bool)}  # nothing is known that would divide a set of one's own
    if protocol:
        train = train_part(skeletons, protocol)
        masks = {"train": train, "test": ~train}
    rows = [
        {
            "part": name,
            "samples": str(mask.sum()),
            "classes": str(len(np.unique(index.label[mask]))),
            "subjects": str(len(np.unique(index.subject[mask]))) if (index.subject >= 0).any() else "not known",
            "frames, median (range)": _median_and_range(index.frames[mask]),
            "two persons": str((index.persons[mask] > 1).sum()),
            "named": listed([plain_markdown(name) for name in index.sample[mask].tolist()], 2),
        }
        for name, mask in masks.items()
    ]
    note = "These data are synthetic.\n" if is_synthetic(dataset) else ""
    if chain := made_with(skeletons.path).get("chain"):
        note += f"Read by the chain {chain}.\n"
    return note + format_table(rows, list(rows[0]))


def _median_and_range(values: np.ndarray) -> str:
    return f"{np.median(values):.0f} ({values.min()}-{values.max()})" if len(values) else ""


def audit_report(workspace: Workspace, dataset: str, split: str) -> str:
    """Every audit table of a prepared data set under its heading."""
    audit = audit_skeletons(prepare_skeletons(workspace, dataset), progress=workspace.progress)
    note = "These data are synthetic.\n\n" if is_synthetic(dataset) else ""
    return note + "\n".join(f"## {name}\n\n{table}" for name, table in audit_tables(audit, split).items())
