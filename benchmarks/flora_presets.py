"""Accuracy and training time of Flora's CPU preset against the paper's preset, in one run.

Measured on a *pseudo-unseen* fold: some seen classes of the train part are treated as unseen, so no official test
sample is used. The features must be in the workspace (``zsar features DATASET SPLIT``). The paper's preset takes at
least half an hour on a CPU.

``python -m benchmarks.flora_presets --dataset utd_mhad --split 22/5`` prints one JSON record.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

from zsar_kit.experiments.pipeline.semantics import semantics_for
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.inputs import build_folds
from zsar_kit.experiments.studies.suite import Suite
from zsar_kit.methods.flora import Flora
from zsar_kit.methods.registry import preset
from zsar_kit.training.loop import fit


def measure(workspace: Workspace, dataset: str, split: str, names: list[str], seed: int) -> dict:
    """Fold accuracy and seconds of each preset."""
    config = RunConfig(dataset=dataset, split=split, encoder=Suite.load("real").encoder(dataset))
    fold = build_folds(config.resolve(), workspace)[0]
    record = {
        "benchmark": "flora_presets",
        "fold": f"{dataset} {fold.partition.split.name}",
        "threads": torch.get_num_threads(),
        "seed": seed,
        "pseudo_unseen_classes": len(fold.partition.split.unseen),
        "pseudo_unseen_samples": int(np.isin(fold.test_labels, fold.partition.split.unseen).sum()),
    }
    for name in names:
        settings = preset("flora", name)
        semantics = {s: semantics_for(workspace, dataset, s, "offline") for s in settings.text_sets()}
        start = time.perf_counter()
        method = fit(Flora, settings, fold.training_set(semantics), seed=seed)
        record[f"{name}_fit_s"] = round(time.perf_counter() - start, 1)
        record[f"{name}_zsl"] = round(fold.accuracy(fold.scores(method)), 1)
    return record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="utd_mhad")
    parser.add_argument("--split", default="22/5")
    parser.add_argument("--presets", nargs="+", default=["cpu", "paper"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workspace", type=Path, default=Path("workspace"))
    options = parser.parse_args()
    workspace = Workspace(options.workspace)
    record = measure(workspace, options.dataset, options.split, options.presets, options.seed)
    sys.stdout.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
