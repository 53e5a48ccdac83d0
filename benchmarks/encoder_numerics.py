"""How far do results move by numerics alone? The same training of the skeleton encoder under other CPU instructions.

PyTorch chooses its kernels by what the processor can do (``ATEN_CPU_CAPABILITY``), and they differ in the last bits of
their sums; training amplifies that. Each level that the processor has runs in a process of its own: it trains the
encoders of the pseudo-unseen folds with the same data, settings and seed, and reports ZSL of ridge regression to the
motion texts on every fold. The unseen classes take no part. The first level runs twice, to show that it repeats.

``python -m benchmarks.encoder_numerics --workspace WORKSPACE`` prints one JSON record; the data set must be prepared
there (puppet is made if it is not). Encoders go to a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from zsar_kit.artefacts import file_digest
from zsar_kit.experiments.pipeline.semantics import semantics_for
from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.inputs import build_folds
from zsar_kit.experiments.studies.suite import suite_encoder
from zsar_kit.methods.baselines import RidgeToText
from zsar_kit.training.loop import fit

LEVELS = ("default", "avx2", "avx512")
RIDGE = {"penalty": 0.3, "centred": False}


def train_here(workspace: Workspace, dataset: str, split: str, epochs: int) -> dict:
    """ZSL of ridge regression on each fold, percent, and digests of the trained encoders."""
    encoder = suite_encoder("", dataset)
    encoder = replace(encoder, epochs=epochs) if epochs else encoder
    plan = RunConfig(dataset, split, method="ridge", preset="motion", overrides=RIDGE, encoder=encoder).resolve()
    folds = build_folds(plan, workspace)
    semantics = {"motion": semantics_for(workspace, dataset, "motion", "offline")}
    methods = {}
    for data in folds:
        if data.group not in methods:
            methods[data.group] = fit(
                RidgeToText, plan.method_config, data.training_set(semantics), seed=0, progress=False
            )
    folders = dict.fromkeys(data.encoder_folder for data in folds)
    return {
        "capability": torch.backends.cpu.get_cpu_capability(),
        "epochs": encoder.epochs,
        "weights": [file_digest(workspace.root / folder / "weights.safetensors")[:12] for folder in folders],
        "zsl": [round(data.accuracy(data.scores(methods[data.group])), 2) for data in folds],
    }


def in_process(level: str, arguments: argparse.Namespace) -> dict:
    """The same in a process of its own with one level of instructions."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "skeletons").symlink_to((arguments.workspace / "skeletons").resolve())
        command = [sys.executable, "-m", "benchmarks.encoder_numerics", "--workspace", folder, "--here"]
        command += ["--dataset", arguments.dataset, "--split", arguments.split, "--epochs", str(arguments.epochs)]
        environment = os.environ | {"ATEN_CPU_CAPABILITY": level}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        sys.exit(done.stderr or f"The process with the level {level} ended with code {done.returncode} and no message.")
    return json.loads(done.stdout)


def levels_up_to(highest: str, wanted: Sequence[str]) -> list[str]:
    """The wanted levels that a processor has whose highest one is given; other processes would die without a word."""
    most = LEVELS.index(highest) if highest in LEVELS else 0
    return [level for level in wanted if LEVELS.index(level) <= most]


def compare(arguments: argparse.Namespace) -> dict:
    """All levels that this processor has, the first one twice."""
    highest = torch.backends.cpu.get_cpu_capability().casefold()
    levels = levels_up_to(highest, arguments.levels)
    if not levels:
        sys.exit(f"None of the levels {', '.join(arguments.levels)} is on this processor; its highest is {highest}.")
    prepare_skeletons(Workspace(arguments.workspace, "cpu", False), arguments.dataset)
    found: dict[str, dict] = {}
    for level in (*levels, levels[0]):
        name = level if level not in found else f"{level}, again"
        found[name] = in_process(level, arguments)
    zsl = np.array([one["zsl"] for name, one in found.items() if not name.endswith("again")])
    means = zsl.mean(axis=1)
    return {
        "benchmark": "encoder_numerics",
        "data": f"{arguments.dataset} {arguments.split}",
        "threads": torch.get_num_threads(),
        "levels": found,
        "mean_over_folds": {name: round(float(np.mean(one["zsl"])), 2) for name, one in found.items()},
        "range_of_means": round(float(np.ptp(means)), 2),
        "deviation_of_means": round(float(means.std(ddof=1)), 2) if len(means) > 1 else None,
        "largest_range_on_a_fold": round(float(np.ptp(zsl, axis=0).max()), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="puppet")
    parser.add_argument("--split", default="23/5")
    parser.add_argument("--epochs", type=int, default=0, help="instead of those of the data set's suite")
    parser.add_argument("--levels", nargs="+", default=list(LEVELS), choices=LEVELS)
    parser.add_argument("--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--here", action="store_true", help="train in this process, with the instructions it has")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.here:
        workspace = Workspace(arguments.workspace, "cpu", False)
        record = train_here(workspace, arguments.dataset, arguments.split, arguments.epochs)
    else:
        record = compare(arguments)
    sys.stdout.write(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
