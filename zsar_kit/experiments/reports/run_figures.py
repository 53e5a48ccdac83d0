"""Figures of suites and runs, from run folders; each is saved as PNG and PDF with the names of its runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from zsar_kit.data.splits import class_names
from zsar_kit.evaluation.calibration import calibration_curve
from zsar_kit.evaluation.protocol import class_differences
from zsar_kit.experiments.pipeline.workspace import slug
from zsar_kit.experiments.reports.rows import ResultRow
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.result import RunResult
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
    """A case in figure titles, with synthetic data marked as such."""
    return f"{dataset}{' (synthetic data)' if synthetic else ''}, split {split}"


def run_caption(result: RunResult) -> str:
    """Method and case of a run, for figure titles."""
    return f"{result.method}, {case_title(result.dataset, result.split, result.synthetic)}"


def score_figure(rows: Sequence[ResultRow]) -> Axes:
    """ZSL and H of the methods of one case beside baselines and chance.

    Args:
        rows: rows of one case.
    """
    case = rows[0].case
    return plot_score_table(
        [{"method": row.title, "zsl": row.zsl, "harmonic": row.harmonic} for row in rows],
        {"zsl": "ZSL", "harmonic": "GZSL, H"},
        baselines=[row.title for row in rows if row.baseline],
        chance={"zsl": rows[0].chance},
        title=case_title(case.dataset, case.split, rows[0].synthetic),
    )


def confusion_figure(result: RunResult) -> Axes:
    """Confusion among the unseen classes of one run (ZSL)."""
    evaluation, names = result.evaluation, class_names(result.dataset)
    return plot_confusion(
        evaluation.confusion,
        [names[c] for c in evaluation.unseen_classes],
        title=f"{run_caption(result)}, seed {result.seed}",
    )


def per_class_figure(result: RunResult) -> Axes:
    """ZSL accuracy of each unseen class of one run."""
    evaluation, names = result.evaluation, class_names(result.dataset)
    return plot_per_class(
        [evaluation.per_class[c] for c in evaluation.unseen_classes],
        [names[c] for c in evaluation.unseen_classes],
        chance=evaluation.chance,
        title=run_caption(result),
    )


def curve_figure(run: RunFolder) -> Axes:
    """U over S for every gamma: on the test samples, with the chosen gamma, and on the folds that chose it."""
    result, gate = run.result(), run.gate()
    labels, _ = run.test_samples()
    split = run.split()
    kept = ~np.isin(labels, split.excluded)
    scores = run.scores().restrict((*split.seen, *split.unseen)).select(kept)
    micro, title = result.evaluation.micro, run_caption(result)
    curve = calibration_curve(gate, scores, labels[kept], split.seen)
    axes = plot_seen_unseen_curve(curve, (micro.seen, micro.unseen), label="test", title=title)
    for k, fold in enumerate(run.folds(), start=1):
        curve = calibration_curve(gate, fold.scores, fold.labels, fold.seen)
        hue = style.PALETTE[k % len(style.PALETTE)]
        plot_seen_unseen_curve(curve, ax=axes, label=f"pseudo-unseen fold {k}", color=hue, width=1.0)
    return axes


def difference_figure(runs: Sequence[RunFolder], others: Sequence[RunFolder], method: str, other: str) -> Axes:
    """ZSL accuracy of one method minus another's, class by class, averaged over seeds.

    Args:
        runs: runs of the method, one per seed.
        others: runs of the method it is compared with, on the same split.
        method: name of the method on the axis.
        other: name of the method that is subtracted.

    Raises:
        DataError: the runs are on different splits.
    """
    mine, theirs = ([run.result() for run in group] for group in (runs, others))
    differences = class_differences(_mean_per_class(mine), _mean_per_class(theirs))
    first, names = mine[0], class_names(mine[0].dataset)
    counts = dict(zip(first.evaluation.unseen_classes, first.evaluation.confusion.sum(axis=1).tolist(), strict=True))
    return plot_class_differences(
        [value for _, value in differences],
        [names[c] for c, _ in differences],
        counts=[counts[c] for c, _ in differences],
        method=method,
        other=other,
        title=case_title(first.dataset, first.split, first.synthetic),
    )


def _mean_per_class(results: Sequence[RunResult]) -> dict:
    """The input of :func:`class_differences`, averaged over seeds."""
    found = [{str(c): a for c, a in r.evaluation.per_class.items()} for r in results]
    mean = {c: float(np.mean([f[c] or 0.0 for f in found])) if a is not None else None for c, a in found[0].items()}
    return {"dataset": results[0].dataset, "split": results[0].split, "per_class": mean}


def loss_figure(run: RunFolder) -> Axes:
    """Losses of the fit on the real split that gave the result (not of the folds' fits, nor of others of its grid).

    A method that is solved without steps, as ridge regression, has none, and the figure says so.
    """
    result, logged = run.result(), run.metrics()
    fits = list(dict.fromkeys(step["fit"] for step in logged if step["fit"].startswith("main-")))
    chosen = result.selections.get(result.selection.partition(",")[0])
    fit = f"main-{chosen.candidate.config}" if chosen is not None else (fits or [""])[-1]
    steps = [step for step in logged if step["fit"] == fit]
    axes = plot_losses(steps, title=run_caption(result))
    if not steps:
        axes.text(0.5, 0.5, "no training steps", transform=axes.transAxes, ha="center", va="center")
    return axes


def draw_suite(rows: Sequence[ResultRow], runs: Sequence[RunFolder], folder: Path, label: str) -> list[Path]:
    """The score figure of each case of a suite, and the confusion of its last method's first seed."""
    paths: list[Path] = []
    results = [(run, run.result()) for run in runs]
    for case in dict.fromkeys(row.case for row in rows):
        members = [row for row in rows if row.case == case]
        mine = [(run, r) for run, r in results if (r.dataset, r.split) == (case.dataset, case.split)]
        stem = f"{label}_{slug(case.dataset)}_{slug(case.split)}"
        paths += save_figure(
            figure_of(score_figure(members)),
            folder / f"{stem}_scores",
            runs=[run.path.name for run, _ in mine],
        )
        last = mine[-1][1]
        run, result = next((run, r) for run, r in mine if (r.method, r.preset) == (last.method, last.preset))
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
    folder: Path,
    titles: tuple[str, str],
) -> list[Path]:
    """Scores, trade-off, confusion and class differences of a method and a baseline on one split.

    Args:
        rows: rows of all methods on the split.
        runs: runs of the method; curve and confusion are drawn for its first seed.
        others: runs of the baseline.
        folder: folder for the figures.
        titles: titles of the method and of the baseline.
    """
    case, paths = rows[0].case, []
    drawn = {
        "scores": score_figure(rows),
        "curve": curve_figure(runs[0]),
        "confusion": confusion_figure(runs[0].result()),
        "differences": difference_figure(runs, others, *titles),
    }
    for name, axes in drawn.items():
        shown = runs[:1] if name in ("curve", "confusion") else [*runs, *others]
        stem = folder / f"evaluate_{slug(case.dataset)}_{slug(case.split)}_{name}"
        paths += save_figure(figure_of(axes), stem, runs=[run.path.name for run in shown])
    return paths
