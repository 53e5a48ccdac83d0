"""Figures of suites, runs and data, from folders on disk; each is saved as PNG and PDF with the runs it shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zsar_kit.data.joints import layout
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.splits import class_names, load_split
from zsar_kit.experiments.config import slug
from zsar_kit.experiments.results import ResultRow
from zsar_kit.experiments.run import RunFolder
from zsar_kit.experiments.stages import Workspace, semantics_for
from zsar_kit.plotting.history import plot_losses
from zsar_kit.plotting.results import plot_confusion, plot_per_class, plot_score_table
from zsar_kit.plotting.semantics import plot_neighbours, plot_similarity
from zsar_kit.plotting.skeleton import plot_film_strip
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
        floors=[row.title for row in rows if row.floor],
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


def loss_figure(run: RunFolder) -> Axes:
    """Losses of the fit on the real split (not of the folds' fits)."""
    result = run.result()
    title = f"{result['method']}, {case_title(result['dataset'], result['split'], result['synthetic'])}"
    return plot_losses([entry for entry in run.metrics() if entry["fit"] == "main"], title=title)


def film_strip(skeletons: SkeletonSet, sample: int, frames: int = 8) -> Figure:
    """One sequence of a data set as a row of poses."""
    sequence = skeletons.sequence(sample)
    name = skeletons.class_names[sequence.label]
    note = ", synthetic" if skeletons.dataset == "puppet" else ""
    return plot_film_strip(
        np.asarray(sequence.joints),
        layout(skeletons.layout).bones,
        frames=frames,
        title=f"{name} ({skeletons.dataset}{note}: {sequence.sample})",
    )


def neighbour_figures(
    workspace: Workspace, dataset: str, split: str, text_set: str = "motion", language_model: str = "offline"
) -> tuple[Axes, Axes]:
    """Text similarity of all classes, and the nearest classes by text of each unseen class."""
    semantics = semantics_for(workspace, dataset, text_set, language_model)
    unit = semantics.pooled / np.linalg.norm(semantics.pooled, axis=1, keepdims=True)
    similarity = (unit @ unit.T).astype(float)
    names = list(semantics.class_names)
    rows = [semantics.class_ids.index(c) for c in load_split(dataset, split).unseen]
    return (
        plot_similarity(similarity, names, highlight=rows, title=f"{dataset}: cosine of {text_set} texts"),
        plot_neighbours(
            similarity,
            names,
            classes=rows,
            highlight=rows,
            title=f"Nearest by {text_set} text (orange: unseen)",
        ),
    )


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


def draw_data(skeletons: SkeletonSet, workspace: Workspace, split: str, folder: Path) -> list[Path]:
    """A film strip of one sequence per unseen class, and the text neighbours."""
    dataset, paths = skeletons.dataset, []
    for label in load_split(dataset, split).unseen:
        sample = int(np.flatnonzero(skeletons.index.label == label)[1])
        stem = folder / f"{slug(dataset)}_film_{slug(skeletons.class_names[label])}"
        paths += save_figure(film_strip(skeletons, sample), stem, runs=[])
    for name, axes in zip(("similarity", "neighbours"), neighbour_figures(workspace, dataset, split), strict=True):
        paths += save_figure(figure_of(axes), folder / f"{slug(dataset)}_text_{name}", runs=[])
    return paths
