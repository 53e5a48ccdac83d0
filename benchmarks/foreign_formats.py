"""What is lost when a set is written as files of other software and read back as data of one's own.

    python -m benchmarks.foreign_formats --write docs/own_data.md

Puppet (synthetic), read from arrays with all joints or 15, from MediaPipe's world landmarks, from OpenPose's 3-D key
points: ZSL of two baselines, from attributes of primitives to the motion text, on the split 23/5 and nine drawn ones.
One split has so few clips that it says nothing about 3 points; the mean of paired differences does.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.foreign_clips import LAYOUTS, plain, write_class_list, write_clips, write_texts
from zsar_kit.data.class_split import ClassSplit, write_split
from zsar_kit.data.parts import train_part
from zsar_kit.data.puppet.world import build_puppet
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.splits import load_split
from zsar_kit.evaluation.statistics import paired_difference, summarize
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.new_set import NewSet, new_set
from zsar_kit.experiments.pipeline.own_texts import use_own_texts
from zsar_kit.experiments.pipeline.workspace import Workspace, slug
from zsar_kit.experiments.reports.markdown import write_between
from zsar_kit.experiments.runs.run import run
from zsar_kit.experiments.studies.suite import Case, run_config, suite_encoder
from zsar_kit.seeding import numpy_generator

METHODS = ("ridge", "linear_cosine")
#: splits that are drawn beside the known one, and clips of each class and subject
DRAWN, EACH = 9, 4
TITLES = {
    "copy": "arrays, all joints",
    "arrays": "arrays, 15 joints",
    "mediapipe": "MediaPipe's world landmarks",
    "openpose": "OpenPose's 3-D key points",
}


def class_splits() -> list[ClassSplit]:
    """The known split of puppet, and others with as many unseen classes, drawn by a fixed seed."""
    known = load_split("puppet", "23/5")
    draw, count = numpy_generator(0, "splits of foreign formats"), len(known.unseen)
    drawn = [tuple(sorted(draw.choice(known.classes, count, replace=False).tolist())) for _ in range(DRAWN)]
    named = [(f"drawn-{k + 1}", unseen) for k, unseen in enumerate(drawn)]
    return [known, *(ClassSplit("puppet", name, known.classes, unseen, source="drawn") for name, unseen in named)]


def read_back(workspace: Workspace, puppet: SkeletonSet, software: str, scratch: Path) -> str:
    """Write puppet as files, read them as a data set of one's own; returns its name."""
    dataset, classes = f"own-{software}", range(len(puppet.class_names))
    folder = scratch / software
    write_clips(folder / "clips", puppet, software, classes, each=EACH)
    write_class_list(folder / "classes.txt", puppet, classes)
    write_texts(folder / "texts.toml", dataset, puppet, classes)
    train = sorted(set(puppet.index.subject[train_part(puppet, "xsub")].tolist()))
    asked = NewSet(
        dataset,
        folder / "clips",
        classes=folder / "classes.txt",
        layout=LAYOUTS[software],
        names="{label}_{subject}_{}",
        parts=(f"subject:{','.join(map(str, train))}",),
        rate=30.0 if software not in ("copy", "arrays") else 0.0,
        unit="m" if software == "openpose" else "",
        synthetic=True,
    )
    made = new_set(workspace, asked)
    use_own_texts(workspace, dataset, folder / "texts.toml")
    assert list(made.skeletons.class_names) == [plain(name) for name in puppet.class_names]
    for split in class_splits():
        place = workspace.splits_folder(dataset) / f"{slug(split.name)}.toml"
        place.parent.mkdir(parents=True, exist_ok=True)
        write_split(place, replace(split, dataset=dataset))
    replace(workspace)  # opening it again makes the split known
    return dataset


def accuracies(workspace: Workspace, dataset: str, method: str) -> list[float]:
    """ZSL accuracy on each split."""
    encoder = suite_encoder("demo", "puppet")  # asked for by every configuration; attributes need none
    return [
        run(
            run_config(Case(dataset, split.name), encoder, method=method, preset="motion", features="primitives"),
            workspace,
        )
        .result()
        .evaluation.micro.zsl
        for split in class_splits()
    ]


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", type=Path, help="Markdown file with the markers <!-- foreign_formats -->")
    options = parser.parse_args()
    rows, original = [], dict[str, list[float]]()
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Workspace(Path(scratch) / "workspace", progress=False)
        puppet = build_puppet(workspace.skeletons_folder("puppet"))
        for software in LAYOUTS:
            dataset = read_back(workspace, puppet, software, Path(scratch))
            row: dict[str, object] = {"read from": TITLES[software], "layout": LAYOUTS[software]}
            for method in METHODS:
                found = accuracies(workspace, dataset, method)
                base = original.setdefault(method, found)
                row[f"{method}, ZSL"] = summarize(found).mean
                row[f"{method}, minus the first row"] = None if found is base else paired_difference(found, base)
            rows.append(row)
    table = format_table(rows, list(rows[0]))
    sys.stdout.write(table)
    if options.write:
        write_between(options.write, "foreign_formats", table)


if __name__ == "__main__":
    main()
