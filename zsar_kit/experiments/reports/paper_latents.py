"""Flora's figures of its latent space: the flow (its Fig. 5), t-SNE (6), similarity of classes (7), and failures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator

from zsar_kit.evaluation.statistics import summarize
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.reports.figure_data import PaperFigure, Runs, data_said, main_runs, results_of
from zsar_kit.experiments.reports.flow_figures import FlowField
from zsar_kit.experiments.reports.latents import LatentReader, latent_axes
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.plotting import style
from zsar_kit.plotting.latent import (
    Agreement,
    Projection,
    class_pair_similarities,
    explain_marks,
    plot_class_similarity,
)
from zsar_kit.plotting.results import plot_confusion
from zsar_kit.plotting.semantics import plot_neighbours

STAGES = {"before training": False, "after training": True}
VARIANT_COLORS = {"KL": style.BLUE, "geometric": style.GREEN, "full": style.ORANGE}
NEAREST, LISTED = 3, 8


def flow_figure(runs: Runs, workspace: Workspace) -> PaperFigure:
    """Fig. 5: velocities of four semantics against one skeleton class, along the path."""
    results_of(runs)
    return FlowField(_first(runs, workspace)).drawn()


def projection_figure(runs: Runs, workspace: Workspace, kind: str = "auto", *, every: bool = False) -> PaperFigure:
    """Fig. 6: skeletons and texts of the unseen classes in one projection, before and after training.

    Before training, both are mapped by the initial weights of the same run.

    Args:
        runs: of the method; the first run is drawn.
        workspace: of the runs.
        kind: see :class:`Projection`.
        every: draw the seen classes too, pale.
    """
    results_of(runs)
    run = _first(runs, workspace)
    projection = Projection(kind, run.result().seed)
    fig = style.figure(style.PAGE, 9.4 if every else 3.7)
    grid = fig.subplots(2, 1) if every else fig.subplots(1, 2)
    rows: list[dict[str, object]] = []
    axis = ""
    for axes, (stage, trained) in zip(grid, STAGES.items(), strict=True):
        reader = LatentReader(run, trained=trained)
        classes = reader.split.candidates if every else reader.split.unseen
        latent_axes(reader, classes, projection=projection, legend=False, ax=axes, title=stage)
        rows += _drawn_points(axes, reader.named(classes), stage)
        axis = axes.get_xlabel()
    which, first, then = ("all classes", "Above", "below") if every else ("unseen classes", "Left", "right")
    explain_marks(fig, unseen=every)
    fig.suptitle(style.literal(f"{reader.caption()}, {which}"), fontsize=style.LABEL_SIZE, x=0.01, ha="left")
    caption = (
        f"Latent means of the test samples of {which} and of their texts (averaged over tokens), projected together; "
        f"{reader.caption()}, {reader.result.method} of seed {reader.result.seed}. {first}: by the initial "
        f"weights of the same run, {then}: after training. {axis}. A projection, not the latent space itself: "
        "distances between groups mean little."
    )
    return PaperFigure(fig, rows, caption)


def similarity_figure(runs: Runs, workspace: Workspace) -> PaperFigure:
    """Fig. 7: similarity of pairs of classes among skeletons and among texts, a panel for each variant.

    Skeletons of a class are represented by the mean latent of its test samples, texts by their latent mean.
    """
    results = results_of(runs)
    fig = style.figure(style.PAGE, 3.2)
    grid = np.atleast_1d(fig.subplots(1, len(runs), sharex=True, sharey=True))
    rows, said, drawn = [], [], []
    for number, (axes, (name, folders)) in enumerate(zip(grid, runs.items(), strict=True)):
        color, agreements, touched = VARIANT_COLORS.get(name.split()[0], style.PALETTE[number % 6]), [], []
        for run in folders:
            reader = LatentReader(RunFolder(run.path, workspace))
            found = reader.latents(reader.split.candidates)
            pairs = class_pair_similarities(found.class_means(), found.texts)
            agreements.append(Agreement.of(*pairs))
            touched.append(Agreement.of(*(side[_with_unseen(found.classes, reader.split.unseen)] for side in pairs)))
            if run is folders[0]:
                unseen = [found.classes.index(c) for c in reader.split.unseen]
                look = {"color": color, "unseen": unseen, "legend": False, "ax": axes}
                plot_class_similarity(found.class_means(), found.texts, **look)
                axes.set_title(f"{style.literal(name)}\n{_short(agreements[0])}", fontsize=style.TICK_SIZE, loc="left")
                axes.set(xlabel="", ylabel="")
                rows += _pair_rows(reader, name, pairs)
                drawn.append(np.concatenate(pairs))
        said.append(f"{name} r {_over_seeds([a.pearson for a in agreements])}")
        said[-1] += f" ({_over_seeds([a.pearson for a in touched])} over pairs with an unseen class)"
        said[-1] += f", RMS {_over_seeds([a.distance for a in agreements])}"
    low, high = float(np.concatenate(drawn).min()), float(np.concatenate(drawn).max())
    margin = 0.05 * (high - low)
    grid[0].set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin))
    for axis in (grid[0].xaxis, grid[0].yaxis):
        axis.set_major_locator(MultipleLocator(0.5))
    fig.supxlabel("cosine of two classes' mean skeleton latents", fontsize=style.LABEL_SIZE)
    fig.supylabel("cosine of their text latents", fontsize=style.LABEL_SIZE)
    first = next(iter(results.values()))[0]
    fig.suptitle(style.literal(data_said(first)), fontsize=style.LABEL_SIZE, x=0.01, ha="left")
    caption = (
        f"Each dot is a pair of the {len(first.seen) + len(first.unseen)} classes of {data_said(first)}: cosine of "
        "their mean skeleton latents (test samples) and of their text latents; on the dashed diagonal both agree. "
        f"Pairs with an unseen class have a dark rim. Dots: seed {first.seed}. Pearson's r, Spearman's ρ and root mean "
        f"square of the difference over the pairs; mean over the seeds: {'; '.join(said)}."
    )
    return PaperFigure(fig, rows, caption)


def failure_figure(runs: Runs, workspace: Workspace) -> PaperFigure:
    """What the method confuses: unseen classes with each other, beside the classes nearest in the latent space."""
    results = results_of(runs)
    folders = main_runs(runs)
    evaluations = [run.result().evaluation for run in folders]
    unseen, counts = evaluations[0].unseen_classes, np.sum([e.confusion for e in evaluations], axis=0)
    reader = LatentReader(RunFolder(folders[0].path, workspace))
    found = reader.latents(reader.split.candidates)
    skeleton, text = cosines(found.class_means()), cosines(found.texts)
    worst = np.argsort(np.diag(counts) / np.maximum(counts.sum(1), 1), kind="stable")[:LISTED]
    listed = [found.classes.index(unseen[i]) for i in np.sort(worst)]
    positions, every = [found.classes.index(c) for c in unseen], reader.named(found.classes)
    # The matrix is square, and class names and the colour bar take more than half of the page's width.
    heights = min(0.36 * len(unseen), 0.4 * style.PAGE) + 1.2, 0.17 * (NEAREST + 1) * len(listed) + 1.2
    fig = style.figure(style.PAGE, sum(heights) + 0.2)
    parts: Any = fig.subfigures(2, 1, height_ratios=heights)
    upper, lower = parts
    plot_confusion(counts, reader.named(unseen), ax=upper.subplots(), title="ZSL predictions")
    plot_neighbours(
        skeleton,
        every,
        classes=listed,
        k=NEAREST,
        highlight=positions,
        other=text,
        labels=("skeleton latents", "text latents"),
        x="cosine to the class above",
        ax=lower.subplots(),
        title="nearest classes among skeletons",
    )
    first = next(iter(results.values()))[0]
    fig.suptitle(style.literal(data_said(first)), fontsize=style.LABEL_SIZE, x=0.01, ha="left")
    rows = _failure_rows(counts, reader.named(unseen)) + _nearest_rows(skeleton, text, every, listed)
    seeds = ", ".join(str(run.result().seed) for run in folders)
    which = "each unseen class" if len(listed) == len(unseen) else f"the {len(listed)} least accurate unseen classes"
    caption = (
        f"Failures of {first.method} on {data_said(first)}. Above: ZSL predictions of unseen test samples in percent "
        f"of the true class, seeds {seeds} together. Below, for {which} (bold): the {NEAREST} classes, seen or unseen "
        f"(red), whose mean skeleton latent is most similar (test samples, seed {folders[0].result().seed}); hollow: "
        "how similar the latents of their texts are."
    )
    return PaperFigure(fig, rows, caption)


def cosines(vectors: np.ndarray) -> np.ndarray:
    """Cosine of each pair of rows, ``[row, row]``."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit @ unit.T


def _first(runs: Runs, workspace: Workspace) -> RunFolder:
    return RunFolder(main_runs(runs)[0].path, workspace)


def _short(found: Agreement) -> str:
    if found.pearson is None or found.spearman is None:
        return f"RMS {found.distance:.2f}"
    return f"r {found.pearson:.2f}, ρ {found.spearman:.2f}, RMS {found.distance:.2f}"


def _with_unseen(classes: Sequence[int], unseen: Sequence[int]) -> np.ndarray:
    """True for each pair, in the order of :func:`class_pair_similarities`, of which a class is unseen."""
    i, j = np.triu_indices(len(classes), k=1)
    is_unseen = np.isin(classes, unseen)
    return is_unseen[i] | is_unseen[j]


def _over_seeds(values: Sequence[float | None]) -> str:
    """Mean and half-width over the seeds; those without a correlation are left out."""
    known = [v for v in values if v is not None]
    if not known:
        return "undefined"
    summary = summarize(known)
    return f"{summary.mean:.2f}" + ("" if summary.half_width is None else f" ± {summary.half_width:.2f}")


def _drawn_points(axes: Axes, names: Sequence[str], stage: str) -> list[dict[str, object]]:
    """The projected points, class by class, as :func:`plot_latents` draws them: samples, then the text."""
    rows: list[dict[str, object]] = []
    for number, name in enumerate(names):
        samples, text = axes.collections[2 * number : 2 * number + 2]
        for kind, part in (("skeleton", samples), ("text", text)):
            places = np.asarray(part.get_offsets())
            rows += [{"stage": stage, "class": name, "kind": kind, "x": float(x), "y": float(y)} for x, y in places]
    return rows


def _pair_rows(reader: LatentReader, name: str, pairs: tuple[np.ndarray, np.ndarray]) -> list[dict[str, object]]:
    classes = reader.split.candidates
    i, j = np.triu_indices(len(classes), k=1)
    return [
        {
            "variant": name,
            "class": reader.names[classes[a]],
            "other": reader.names[classes[b]],
            "unseen classes": int(classes[a] in reader.split.unseen) + int(classes[b] in reader.split.unseen),
            "skeleton cosine": float(x),
            "text cosine": float(y),
        }
        for a, b, x, y in zip(i, j, *pairs, strict=True)
    ]


def _failure_rows(counts: np.ndarray, names: Sequence[str]) -> list[dict[str, object]]:
    return [
        {"kind": "prediction", "class": names[i], "other": names[j], "count": int(counts[i, j])}
        for i, j in np.ndindex(*counts.shape)
    ]


def _nearest_rows(
    skeleton: np.ndarray, text: np.ndarray, names: Sequence[str], positions: Sequence[int]
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for i in positions:
        ranked = sorted((j for j in range(len(names)) if j != i), key=lambda j, i=i: -skeleton[i, j])
        for j in ranked[:NEAREST]:
            similar = {"skeleton cosine": float(skeleton[i, j]), "text cosine": float(text[i, j])}
            rows.append({"kind": "nearest", "class": names[i], "other": names[j], **similar})
    return rows
