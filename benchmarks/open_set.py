"""How far the "none of these" of finished runs can be trusted, on the unseen test classes of their splits.

    python -m benchmarks.open_set workspace/runs/utd-mhad_22-5_*

Each run's probability is fitted on its own pseudo-unseen folds, as ``zsar predict`` does. Test clips of unseen classes
are then scored with their own class among the candidates and without it (one class is away in either case). A split
with two unseen classes is left out, since none could be away. Nothing is chosen by these numbers.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zsar_kit.evaluation.open_set import fit_open_set, measure_open_set
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.reprs import markdown_table

#: so that one class can be away and two still compete
FEWEST_CANDIDATES = 3


def measure(folder: RunFolder) -> dict[str, float] | None:
    """AUROC and calibration error of one finished run; None if its split has too few unseen classes."""
    result = folder.result()
    if len(result.unseen) < FEWEST_CANDIDATES:
        return None
    open_set = fit_open_set([(fold.scores, fold.labels, fold.seen) for fold in folder.folds()])
    return measure_open_set(open_set, folder.scores(), folder.test_samples()[0], result.seen)


def table(paths: Sequence[Path]) -> str:
    """Means over the runs of each data set, split, method and preset, with their range."""
    found = defaultdict(list)
    for path in paths:
        folder = RunFolder(path)
        if folder.finished and (one := measure(folder)):
            result = folder.result()
            found[result.dataset, result.split, result.encoder_mark, result.method, result.preset].append(one)
    rows = []
    for key, runs in found.items():
        auroc, error = (np.array([run[name] for run in runs]) for name in ("auroc", "calibration_error"))
        spread = f"{auroc.mean():.2f} ({auroc.min():.2f} to {auroc.max():.2f})"
        rows.append((*key, len(runs), spread, f"{100 * error.mean():.0f}"))
    titles = ("data", "split", "encoder", "method", "preset", "runs", "AUROC", "classes' probabilities off by, points")
    return markdown_table(titles, rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of finished runs")
    sys.stdout.write(table(parser.parse_args(arguments).runs) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
