"""The answers of ``zsar data list`` and ``zsar split``; they need only the kit's own lists."""

from __future__ import annotations

from pathlib import Path

from zsar_kit.artefacts import exists
from zsar_kit.data.splits import (
    class_count,
    class_names,
    dataset_names,
    load_split,
    make_split,
    split_names,
    write_split,
)
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.workspace import Workspace


def list_data(workspace: Workspace) -> str:
    """A table of the data sets that the kit knows."""
    rows = []
    for name in dataset_names():
        prepared = exists(workspace.skeletons_folder(name))
        rows.append(
            {
                "data set": name,
                "classes": str(class_count(name)),
                "splits": ", ".join(split_names(name)),
                "prepared": "yes" if prepared else "",
            }
        )
    return format_table(rows, list(rows[0]))


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
    """Draw a class split and write it to a file."""
    split = make_split(dataset, unseen, seed, name)
    write_split(out, split)
    names = class_names(dataset)
    return f"{out}: unseen {', '.join(f'{c} {names[c]}' for c in split.unseen)}"
