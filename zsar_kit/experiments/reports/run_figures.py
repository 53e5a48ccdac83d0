"""Figures of suites and runs, from folders on disk; each is saved as PNG and PDF with the runs it shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from zsar_kit.data.splits import class_names, load_split
from zsar_kit.evaluation.calibration import calibration_curve
from zsar_kit.evaluation.protocol import class_differences
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.reports.rows import ResultRow
from zsar_kit.experiments.runs.config import slug
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.plotting import style
from zsar_kit.plotting.history import plot_losses
from zsar_kit.plotting.results import (
    plot_class_differences,
    plot_confusion,
    plot_per_class,
    plot_score_table,
    plot_seen_unseen_curve,
)
from zsar_kit.plotting.style import figure_of, save_figure


def case_title(dataset: str, split: str, synthetic: bool) -> str:
    """How figures name a case; synthetic data say so."""
    return f"{dataset}{' (synthetic data)' if synthetic else ''}, split {split}"


def score_figure(rows: Sequence[ResultRow]) -> Axes:
    """ZSL and H of the methods of one case beside floors and chance.

    Args:
        rows: of one case.
    """
    case = rows[0].case
    return plot_score_table(
        [{"method": row.title, "zsl": row.zsl, "harmonic": row.harmonic} for row in rows],
        {"zsl": "ZSL", "harmonic": "GZSL, H"},
        baselines=[row.title for row in rows if row.floor],
        chance={"zsl": rows[0].chance},
        title=case_title(case.dataset, case.split, rows[0].synthetic),
    )


def confusion_figure(result: dict) -> Axes:
    """Confusion among the unseen classes of one run (ZSL)."""
    confusion, names = result["evaluation"]["confusion"], class_names(result["dataset"])
    title = case_title(result["dataset"], result["split"], result["synthetic"])
    return plot_confusion(
        np.array(confusion["counts"]),
        [names[c] for c in confusion["classes"]],
        title=f"{result['method']}, {title}, seed {result['seed']}",
    )


def per_class_figure(result: dict) -> Axes:
    """ZSL accuracy of each unseen class of one run."""
    evaluation, names = result["evaluation"], class_names(result["dataset"])
    classes = evaluation["confusion"]["classes"]
    return plot_per_class(
        [evaluation["per_class"][str(c)] for c in classes],
        [names[c] for c in classes],
        chance=evaluation["chance"],
        title=f"{result['method']}, {case_title(result['dataset'], result['split'], result['synthetic'])}",
    )


def curve_figure(run: RunFolder, workspace: Workspace) -> Axes:
    """U over S for every gamma: on the test samples, with the gamma that was used, and on the folds that chose it."""
    result, gate = run.result(), run.gate()
    labels, _ = run.test_samples(workspace)
    split = load_split(result["dataset"], result["split"])
    kept = ~np.isin(labels, split.excluded)
    scores = run.scores().restrict((*split.seen, *split.unseen)).select(kept)
    micro = result["evaluation"]["micro"]
    title = f"{result['method']}, {case_title(result['dataset'], result['split'], result['synthetic'])}"
    curve = calibration_curve(gate, scores, labels[kept], split.seen)
    axes = plot_seen_unseen_curve(curve, (micro["seen"], micro["unseen"]), label="test", title=title)
    for k, (fold_scores, fold_labels, seen) in enumerate(run.folds(), start=1):
        curve = calibration_curve(gate, fold_scores, fold_labels, seen)
        hue = style.PALETTE[k % len(style.PALETTE)]
        plot_seen_unseen_curve(curve, ax=axes, label=f"pseudo-unseen fold {k}", color=hue, width=1.0)
    return axes


def difference_figure(runs: Sequence[RunFolder], others: Sequence[RunFolder], method: str, other: str) -> Axes:
    """ZSL accuracy class by class, of one method minus another's, seeds averaged.

    Args:
        runs: of the method, one for each seed.
        others: of what it is compared with, on the same split.
        method: its name on the axis.
        other: of what is subtracted.

    Raises:
        DataError: the runs are of different splits.
    """
    mine, theirs = ([run.result() for run in group] for group in (runs, others))
    differences = class_differences(_mean_per_class(mine), _mean_per_class(theirs))
    names, confusion = class_names(mine[0]["dataset"]), mine[0]["evaluation"]["confusion"]
    counts = dict(zip(confusion["classes"], np.sum(confusion["counts"], axis=1).tolist(), strict=True))
    return plot_class_differences(
        [value for _, value in differences],
        [names[c] for c, _ in differences],
        counts=[counts[c] for c, _ in differences],
        method=method,
        other=other,
        title=case_title(mine[0]["dataset"], mine[0]["split"], mine[0]["synthetic"]),
    )


def _mean_per_class(results: Sequence[dict]) -> dict:
    """What :func:`class_differences` reads, averaged over the seeds."""
    found = [r["evaluation"]["per_class"] for r in results]
    mean = {c: None if a is None else float(np.mean([f[c] for f in found])) for c, a in found[0].items()}
    return {"dataset": results[0]["dataset"], "split": results[0]["split"], "per_class": mean}


def loss_figure(run: RunFolder) -> Axes:
    """Losses of the fit on the real split (not of the folds' fits)."""
    result = run.result()
    title = f"{result['method']}, {case_title(result['dataset'], result['split'], result['synthetic'])}"
    return plot_losses([entry for entry in run.metrics() if entry["fit"] == "main"], title=title)


def draw_suite(rows: Sequence[ResultRow], runs: Sequence[RunFolder], folder: Path, label: str) -> list[Path]:
    """The score figure of each case of a suite, and the confusion of its last method's first seed."""
    paths: list[Path] = []
    results = [(run, run.result()) for run in runs]
    for case in dict.fromkeys(row.case for row in rows):
        members = [row for row in rows if row.case == case]
        mine = [(run, r) for run, r in results if (r["dataset"], r["split"]) == (case.dataset, case.split)]
        stem = f"{label}_{slug(case.dataset)}_{slug(case.split)}"
        paths += save_figure(
            figure_of(score_figure(members)),
            folder / f"{stem}_scores",
            runs=[run.path.name for run, _ in mine],
        )
        last = [
            (run, r) for run, r in mine if (r["method"], r["preset"]) == (mine[-1][1]["method"], mine[-1][1]["preset"])
        ]
        run, result = last[0]
        paths += save_figure(figure_of(confusion_figure(result)), folder / f"{stem}_confusion", runs=[run.path.name])
    return paths


def draw_runs(runs: Sequence[RunFolder], folder: Path) -> list[Path]:
    """Confusion and per-class accuracy of each run."""
    paths: list[Path] = []
    for run in runs:
        result = run.result()
        for name, axes in (("confusion", confusion_figure(result)), ("per_class", per_class_figure(result))):
            paths += save_figure(figure_of(axes), folder / f"{run.path.name}_{name}", runs=[run.path.name])
    return paths


def draw_evaluation(
    rows: Sequence[ResultRow],
    runs: Sequence[RunFolder],
    others: Sequence[RunFolder],
    workspace: Workspace,
    folder: Path,
    titles: tuple[str, str],
) -> list[Path]:
    """Scores, trade-off, confusion and class differences of a method and a floor on one split.

    Args:
        rows: of all methods on the split.
        runs: of the method; its first seed has its curve and confusion drawn.
        others: of the floor.
        workspace: of the runs.
        folder: for the figures.
        titles: of the method and of the floor.
    """
    case, paths = rows[0].case, []
    drawn = {
        "scores": score_figure(rows),
        "curve": curve_figure(runs[0], workspace),
        "confusion": confusion_figure(runs[0].result()),
        "differences": difference_figure(runs, others, *titles),
    }
    for name, axes in drawn.items():
        shown = runs[:1] if name in ("curve", "confusion") else [*runs, *others]
        stem = folder / f"evaluate_{slug(case.dataset)}_{slug(case.split)}_{name}"
        paths += save_figure(figure_of(axes), stem, runs=[run.path.name for run in shown])
    return paths
