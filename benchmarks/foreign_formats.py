"""What is lost when a set is written as files of other software and read back as data of one's own.

    python -m benchmarks.foreign_formats --write docs/own_data.md

Puppet (synthetic), split 23/5: ridge regression to the motion text, from attributes of primitives and from features of
an encoder that is trained on the clips as they were read (mean over trainings), on arrays with all joints or 15, on
MediaPipe's world landmarks, and on OpenPose's 3-D key points.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from tests.foreign_clips import LAYOUTS, plain, write_class_list, write_clips, write_texts
from zsar_kit.data.class_split import ClassSplit, write_split
from zsar_kit.data.parts import train_part
from zsar_kit.data.puppet.world import build_puppet
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.splits import load_split
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.new_set import NewSet, new_set
from zsar_kit.experiments.pipeline.own_texts import use_own_texts
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.reports.markdown import write_between
from zsar_kit.experiments.runs.run import run
from zsar_kit.experiments.studies.suite import Case, run_config, suite_encoder

SPLIT = "23/5"
TITLES = {
    "copy": "arrays, all joints",
    "arrays": "arrays, 15 joints",
    "mediapipe": "MediaPipe's world landmarks",
    "openpose": "OpenPose's 3-D key points",
}


def read_back(workspace: Workspace, puppet: SkeletonSet, software: str, scratch: Path) -> str:
    """Write puppet as files, read them as a data set of one's own; returns its name."""
    dataset, classes = f"own-{software}", range(len(puppet.class_names))
    folder = scratch / software
    write_clips(folder / "clips", puppet, software, classes, each=2)
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
    known = load_split("puppet", SPLIT)
    names = [plain(name) for name in puppet.class_names]
    assert list(made.skeletons.class_names) == names
    split = ClassSplit(dataset, SPLIT, known.classes, known.unseen, source="puppet's")
    place = workspace.splits_folder(dataset) / "23-5.toml"
    place.parent.mkdir(parents=True, exist_ok=True)
    write_split(place, split)
    replace(workspace)  # opening it again makes the split known
    return dataset


def accuracies(workspace: Workspace, dataset: str, features: str, seeds: range) -> dict[str, str]:
    """Mean accuracies over trainings of the encoder; attributes need none."""
    found = []
    for seed in seeds:
        encoder = replace(suite_encoder("demo", "puppet", seed), centring="each_frame")
        asked = run_config(Case(dataset, SPLIT), encoder, method="ridge", preset="motion", features=features)
        found.append(run(asked, workspace).result().evaluation.micro)
    return {
        f"{features}, ZSL": f"{fmean(f.zsl for f in found):.1f}",
        f"{features}, H": f"{fmean(f.harmonic for f in found):.1f}",
    }


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", type=Path, help="Markdown file with the markers <!-- foreign_formats -->")
    parser.add_argument("--trainings", type=int, default=3, help="of the encoder, for each format")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Workspace(Path(scratch) / "workspace", progress=False)
        puppet = build_puppet(workspace.skeletons_folder("puppet"))
        for software in LAYOUTS:
            dataset = read_back(workspace, puppet, software, Path(scratch))
            row = {"read from": TITLES[software], "layout": LAYOUTS[software]}
            row |= accuracies(workspace, dataset, "primitives", range(1))
            row |= accuracies(workspace, dataset, "encoder", range(options.trainings))
            rows.append(row)
    table = format_table(rows, list(rows[0]))
    sys.stdout.write(table)
    if options.write:
        write_between(options.write, "foreign_formats", table)


if __name__ == "__main__":
    main()
