"""Clusters of classes that a reference confuses, and how other methods do on them (SkeletonContext, section 4.4).

Each unseen class is an anchor; with the three classes that the reference takes it for most often it is a cluster. The
clusters are ordered by the reference's accuracy within them and divided into easy, medium and hard ones. They come from
the reference's errors on test samples, as in the paper: they are a way to look at methods, and choose nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zsar_kit.data.catalogue import class_names
from zsar_kit.errors import DataError
from zsar_kit.evaluation.calibration import Gate
from zsar_kit.evaluation.metrics import harmonic_mean, zsl_accuracy
from zsar_kit.evaluation.scores import Scores
from zsar_kit.evaluation.statistics import summarize
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.reports.paper_tables import Cell, Line, PaperTable, assembled
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.studies.paper_plan import CLUSTER_CLASSES, EntryPlan
from zsar_kit.experiments.studies.suite import SuiteRun

LEVELS = ("easy", "medium", "hard")
#: classes of a cluster besides its anchor
NEIGHBOURS = 3
METRICS = {
    "zsl": "ZSL",
    "harmonic": "H",
    "zsl_all": "ZSL among all",
    "harmonic_all": "H among all",
}


@dataclass(frozen=True)
class Cluster:
    """An anchor and the classes that it is taken for.

    Attributes:
        classes: the anchor first.
        accuracy: of the reference within the cluster, percent.
        level: easy, medium or hard.
    """

    classes: tuple[int, ...]
    accuracy: float
    level: str = ""


@dataclass(frozen=True, eq=False)
class ScoredRun:
    """A finished run with what its test samples are.

    Attributes:
        scores: of the test samples over all classes.
        labels: of these samples.
        seen, unseen: the split's classes.
        gate: between seen and unseen classes, as the run fitted it.
        where: its folder.
    """

    scores: Scores
    labels: np.ndarray
    seen: tuple[int, ...]
    unseen: tuple[int, ...]
    gate: Gate
    where: Path

    @classmethod
    def read(cls, run: RunFolder) -> ScoredRun:
        """A run from its folder."""
        split, (labels, _) = run.split(), run.test_samples()
        kept = np.isin(labels, split.candidates)
        scores = run.scores().restrict(split.candidates).select(kept)
        return cls(scores, labels[kept], split.seen, split.unseen, run.gate(), run.path)

    def zsl(self, of: Sequence[int], among: Sequence[int]) -> float:
        """Accuracy in percent of the samples of some unseen classes, among some unseen classes."""
        return zsl_accuracy(self.scores, self.labels, among, of=of)

    def harmonic(self, of: Sequence[int], among: Sequence[int]) -> float:
        """H of all seen test samples and of those of some unseen classes, among the seen and some unseen classes."""
        classes = tuple(sorted((*self.seen, *among)))
        rows = np.isin(self.labels, (*self.seen, *of))
        scores, labels = self.scores.restrict(classes).select(rows), self.labels[rows]
        predicted = self.gate.predict(scores, np.isin(scores.classes, self.seen))
        right, seen = predicted == labels, np.isin(labels, self.seen)
        return 100.0 * harmonic_mean(float(right[seen].mean()), float(right[~seen].mean()))


def similar_clusters(reference: ScoredRun) -> list[Cluster]:
    """The clusters of a reference, from easy to hard.

    Classes that an anchor is taken for equally often are ordered by their mean rank in its samples' scores.

    Raises:
        DataError: there are too few unseen classes with test samples.
    """
    unseen = [c for c in reference.unseen if (reference.labels == c).any()]
    if len(unseen) < CLUSTER_CLASSES:
        problem = f"clusters of similar classes need {CLUSTER_CLASSES} unseen classes, got {len(unseen)}"
        raise DataError(problem, where=reference.where, remedy="Take a split with more of them.")
    clusters = []
    for anchor in unseen:
        scores = reference.scores.restrict(unseen).select(reference.labels == anchor).fused()
        taken = np.bincount(scores.argmax(1), minlength=len(unseen))
        rank = (-scores).argsort(1, kind="stable").argsort(1, kind="stable").mean(0)
        others = sorted((k for k, c in enumerate(unseen) if c != anchor), key=lambda k: (-taken[k], rank[k], unseen[k]))
        classes = (anchor, *(unseen[k] for k in others[:NEIGHBOURS]))
        clusters.append(Cluster(classes, reference.zsl(classes, classes)))
    ordered = sorted(clusters, key=lambda one: (-one.accuracy, one.classes))
    parts = np.array_split(np.arange(len(ordered)), len(LEVELS))
    level = {k: name for name, part in zip(LEVELS, parts, strict=True) for k in part.tolist()}
    return [Cluster(one.classes, one.accuracy, level[k]) for k, one in enumerate(ordered)]


def cluster_table(plan: EntryPlan, runs: Sequence[SuiteRun]) -> PaperTable:
    """How each row does on the clusters of each level: within the cluster's four classes, and among all.

    The clusters of a column come from the reference's run of the first seed.
    """
    results = [one.folder.result() for one in runs]
    found: dict[str, dict[tuple[str, str], Cell]] = {row.title: {} for row in plan.rows}
    columns: list[str] = []
    for case in plan.cases:
        columns += (mine := [f"{case.label} {level}" for level in LEVELS])
        here = [one for one in runs if one.case.split == case.split]
        tested = {(one.row.title, one.folder.result().seed): ScoredRun.read(one.folder) for one in here}
        reference = [one for (title, _), one in tested.items() if title == plan.entry.reference]
        if not reference:
            continue
        clusters = similar_clusters(reference[0])
        for row in plan.rows:
            per_seed = [_means(one, clusters) for (title, _), one in tested.items() if title == row.title]
            for label, level in zip(mine, LEVELS, strict=True):
                for metric in METRICS if per_seed else ():
                    printed = None
                    if plan.own_data and plan.entry.published is not None:
                        printed = plan.entry.published.value(row.title, label, metric)
                    found[row.title][label, metric] = Cell(printed, summarize(v[level, metric] for v in per_seed))
    lines = [Line(title, True, cells) for title, cells in found.items()]
    table = assembled(plan, columns, METRICS, lines, results)
    about = f"Clusters from the confusions of {plan.entry.reference}, whose own row is biased by that."
    return PaperTable(**{**vars(table), "notes": (about, *table.notes)})


def _means(tested: ScoredRun, clusters: Sequence[Cluster]) -> dict[tuple[str, str], float]:
    """Means over the clusters of each level, by level and metric, percent."""
    found: dict[tuple[str, str], list[float]] = {}
    for one in clusters:
        values: Mapping[str, float] = {
            "zsl": tested.zsl(one.classes, one.classes),
            "harmonic": tested.harmonic(one.classes, one.classes),
            "zsl_all": tested.zsl(one.classes, tested.unseen),
            "harmonic_all": tested.harmonic(one.classes, tested.unseen),
        }
        for metric, value in values.items():
            found.setdefault((one.level, metric), []).append(value)
    return {place: float(np.mean(values)) for place, values in found.items()}


def clusters_of(plan: EntryPlan, runs: Sequence[SuiteRun]) -> dict[str, list[Cluster]]:
    """The clusters of each column, for a list of their classes."""
    found = {}
    for case in plan.cases:
        for one in runs:
            if one.row.title == plan.entry.reference and one.case.split == case.split:
                found.setdefault(case.label, similar_clusters(ScoredRun.read(one.folder)))
    return found


def clusters_table(plan: EntryPlan, runs: Sequence[SuiteRun]) -> str:
    """The clusters of each column as Markdown, with the names of their classes."""
    rows = []
    for label, clusters in clusters_of(plan, runs).items():
        names = class_names(plan.request.dataset)
        for one in clusters:
            anchor, *others = (names[c] for c in one.classes)
            where = {"data, split": label, "level": one.level}
            rows.append({**where, "anchor": anchor, "taken for": ", ".join(others), "ZSL within": one.accuracy})
    return format_table(rows, ["data, split", "level", "anchor", "taken for", "ZSL within"])
