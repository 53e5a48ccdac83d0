"""The answers of ``zsar data list`` and ``zsar split``; they need only the kit's own lists."""

from __future__ import annotations

from pathlib import Path

from zsar_kit.artefacts import exists
from zsar_kit.data.catalogue import is_published
from zsar_kit.data.class_split import read_split
from zsar_kit.data.splits import (
    class_count,
    class_names,
    dataset_names,
    load_split,
    make_split,
    split_names,
    write_split,
)
from zsar_kit.errors import SplitError
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.workspace import Workspace, slug


def list_data(workspace: Workspace) -> str:
    """A table of the data sets that the kit knows, and of one's own in the workspace."""
    rows = []
    for name in dataset_names():
        prepared = exists(workspace.skeletons_folder(name))
        rows.append(
            {
                "data set": name,
                "classes": str(class_count(name)),
                "splits": ", ".join(split_names(name)),
                "prepared": "yes" if prepared else "",
                "whose": "" if is_published(name) else "own",
            }
        )
    return format_table(rows, list(rows[0]))


def list_splits(dataset: str) -> str:
    """A table of the splits of a data set."""
    if not split_names(dataset):
        return f"{dataset} has no class split yet. Draw one: zsar split make {dataset} --unseen 2.\n"
    rows, names = [], class_names(dataset)
    for name in split_names(dataset):
        split = load_split(dataset, name)
        rows.append(
            {
                "split": name,
                "seen": str(len(split.seen)),
                "source": split.source,
                "unseen": ", ".join(f"{c} {names[c]}" for c in split.unseen),
            }
        )
    return format_table(rows, list(rows[0]))


def make_split_file(
    workspace: Workspace, dataset: str, unseen: int, seed: int, out: Path | None, name: str | None
) -> str:
    """Draw a class split and write it to a file; without one, a data set of one's own keeps it under its name.

    Raises:
        SplitError: the workspace has another split of that name.
    """
    names = class_names(dataset)
    if out is None and not is_published(dataset):
        name = name or f"{len(names) - unseen}/{unseen}" + (f" seed{seed}" if seed else "")
        out = workspace.splits_folder(dataset) / f"{slug(name)}.toml"
        split = make_split(dataset, unseen, seed, name)
        if out.is_file():
            there = read_split(out)
            if (there.name, there.digest()) != (split.name, split.digest()):
                problem = f"there is another split {there.name!r}"
                raise SplitError(problem, where=out, remedy="Give this one another name: --name.")
    else:
        out = out or Path("split.toml")
        split = make_split(dataset, unseen, seed, name)
    write_split(out, split)
    return f"{out}: split {split.name!r}, unseen {', '.join(f'{c} {names[c]}' for c in split.unseen)}"
