"""One protocol for every method: zero-shot and generalised zero-shot accuracy, from scores and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zsar_kit.data.class_split import ClassSplit
from zsar_kit.data.splits import twin_groups
from zsar_kit.errors import DataError, SplitError
from zsar_kit.evaluation import metrics
from zsar_kit.evaluation.calibration import CalibratedStacking, Gate, calibration_curve
from zsar_kit.evaluation.result import Accuracies, Evaluation
from zsar_kit.evaluation.scores import Scores
from zsar_kit.evaluation.statistics import bootstrap_totals, cluster_bootstrap, percentile_interval
from zsar_kit.seeding import numpy_generator

DRAWS = 1000
LEVEL = 0.95


def evaluate(
    scores: Scores,
    labels: np.ndarray,
    subjects: Sequence[Any] | np.ndarray,
    split: ClassSplit,
    *,
    calibration: Gate | None = None,
    seed: int = 0,
    zsl: Scores | None = None,
) -> Evaluation:
    """Measure a method on the test samples of a split.

    Args:
        scores: every test sample against all seen and unseen classes. Columns and samples of excluded classes
            are dropped.
        labels: ``[sample]`` original class ids.
        subjects: ``[sample]`` who performed the action; the unit of the bootstrap.
        split: the seen, unseen and excluded classes.
        calibration: the gate of GZSL, fitted beforehand; None leaves the scores uncalibrated (gamma = 0).
        seed: of the bootstrap.
        zsl: scores of the same samples that tell unseen classes apart, where these are not the columns of ``scores``.

    Raises:
        DataError: lengths or samples differ, or there is no test sample of seen or none of unseen classes.
        SplitError: a label or a column belongs to no class of the split, or a class of the split has no column.
    """
    gate = CalibratedStacking() if calibration is None else calibration
    if zsl is not None and zsl.samples != scores.samples:
        raise DataError("scores for ZSL must be of the same samples in the same order", where="zsl")
    zsl = scores if zsl is None else zsl
    zsl_rows = np.isin(labels, split.unseen)
    scores, labels, subjects = _test_samples(scores, np.asarray(labels), np.asarray(subjects), split)
    is_seen = np.isin(labels, split.seen)
    seen_mask = np.isin(scores.classes, split.seen)

    zsl_scores = zsl.restrict(split.unseen).select(zsl_rows)
    zsl_labels = labels[~is_seen]
    zsl_predicted = metrics.top1(zsl_scores)
    predicted = gate.predict(scores, seen_mask)
    averages = {}
    for name, accuracy in (("micro", metrics.micro_accuracy), ("macro", metrics.macro_accuracy)):
        seen, unseen = (100 * accuracy(predicted[m], labels[m]) for m in (is_seen, ~is_seen))
        curve = calibration_curve(gate, scores, labels, split.seen, macro=name == "macro")
        averages[name] = Accuracies(
            zsl=100 * accuracy(zsl_predicted, zsl_labels),
            seen=seen,
            unseen=unseen,
            harmonic=metrics.harmonic_mean(seen, unseen),
            ausuc=100 * metrics.area_under(curve),
        )
    zsl_interval = cluster_bootstrap(
        100.0 * (zsl_predicted == zsl_labels),
        subjects[~is_seen],
        generator=numpy_generator(seed, "bootstrap", "zsl"),
        draws=DRAWS,
        level=LEVEL,
    )
    candidates = sorted((*split.seen, *split.unseen))
    merged_seen, merged_harmonic = _twin_merged(predicted, labels, is_seen, split.dataset)
    return Evaluation(
        dataset=split.dataset,
        split=split.name,
        micro=averages["micro"],
        macro=averages["macro"],
        chance=100 / len(split.unseen),
        n_unseen_test=int((~is_seen).sum()),
        n_seen_test=int(is_seen.sum()),
        n_subjects=len(np.unique(subjects)),
        zsl_interval=zsl_interval,
        harmonic_interval=_harmonic_interval(predicted == labels, is_seen, subjects, seed),
        per_class=_per_class(zsl_predicted, zsl_labels, split.unseen),
        per_class_gzsl=_per_class(predicted, labels, candidates),
        confusion=metrics.confusion_matrix(zsl_predicted, zsl_labels, split.unseen),
        unseen_classes=tuple(split.unseen),
        calibration=gate.describe(),
        oracle_union=_oracle_union(zsl_scores, zsl_labels),
        seen_twin_merged=merged_seen,
        harmonic_twin_merged=merged_harmonic,
    )


def class_differences(method: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[int, float]]:
    """ZSL accuracy of one method minus that of another for each class, the largest gain first.

    Args:
        method: an evaluation, as ``to_dict`` records it.
        other: that of the other method on the same split; classes without samples are left out.

    Raises:
        DataError: the two have different splits.
    """
    for key in ("dataset", "split"):
        if method[key] != other[key]:
            raise DataError(f"the evaluations are of {method[key]!r} and {other[key]!r}", where=key)
    a, b = method["per_class"], other["per_class"]
    found = [(int(c), a[c] - b[c]) for c in a if a[c] is not None and b.get(c) is not None]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))


def _test_samples(
    scores: Scores, labels: np.ndarray, subjects: np.ndarray, split: ClassSplit
) -> tuple[Scores, np.ndarray, np.ndarray]:
    """Check that scores, labels and split agree, and drop excluded classes."""
    where = f"split {split.name!r} of {split.dataset}"
    for name, values in (("labels", labels), ("subjects", subjects)):
        if values.shape != (len(scores),):
            raise DataError(f"expected one entry per sample, {len(scores)}, got shape {values.shape}", where=name)
    if not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"labels must be integer class ids, got {labels.dtype}", where="labels")
    candidates = (*split.seen, *split.unseen)
    if missing := sorted(set(candidates) - set(scores.classes)):
        raise SplitError(
            f"the scores have no column for class {missing[0]} ({len(missing)} of {len(candidates)} are missing)",
            where=where,
            remedy="Score the test samples against all seen and unseen classes.",
        )
    known = {*candidates, *split.excluded}
    if foreign := sorted(set(scores.classes) - known):
        raise SplitError(f"the scores have a column for class {foreign[0]}, which is not in the split", where=where)
    if foreign := sorted(set(labels.tolist()) - known):
        raise SplitError(
            f"a sample has label {foreign[0]}, which is not in the split",
            where=where,
            remedy="Labels are original 0-based class ids.",
        )
    kept = ~np.isin(labels, split.excluded)
    scores, labels, subjects = scores.restrict(candidates).select(kept), labels[kept], subjects[kept]
    for kind in ("seen", "unseen"):
        if not np.isin(labels, getattr(split, kind)).any():
            raise DataError(f"no test sample of the {kind} classes", where=where, remedy="Pass the whole test part.")
    return scores, labels, subjects


def _harmonic_interval(
    hit: np.ndarray, is_seen: np.ndarray, subjects: np.ndarray, seed: int
) -> tuple[float, float] | None:
    """Bootstrap interval of micro H; draws without seen or without unseen samples are left out."""
    if len(np.unique(subjects)) < 2:
        return None
    columns = np.stack([hit & is_seen, is_seen, hit & ~is_seen, ~is_seen], axis=1).astype(np.float64)
    generator = numpy_generator(seed, "bootstrap", "harmonic")
    totals = bootstrap_totals(columns, subjects, draws=DRAWS, generator=generator)
    whole = (totals[:, 1] > 0) & (totals[:, 3] > 0)
    seen, unseen = 100 * totals[whole, 0] / totals[whole, 1], 100 * totals[whole, 2] / totals[whole, 3]
    harmonic = np.divide(2 * seen * unseen, seen + unseen, out=np.zeros_like(seen), where=seen + unseen > 0)
    return percentile_interval(harmonic, level=LEVEL)


def _twin_merged(
    predicted: np.ndarray, labels: np.ndarray, is_seen: np.ndarray, dataset: str
) -> tuple[float | None, float | None]:
    """S and H with twins merged into one class; both None without twins."""
    groups = twin_groups(dataset)
    if not groups:
        return None, None
    size = int(max(predicted.max(), labels.max(), *(c for group in groups.values() for c in group))) + 1
    merged = np.arange(size)
    for group in groups.values():
        merged[list(group)] = min(group)
    hit = merged[predicted] == merged[labels]
    seen, unseen = (100 * float(hit[m].mean()) for m in (is_seen, ~is_seen))
    return seen, metrics.harmonic_mean(seen, unseen)


def _per_class(predicted: np.ndarray, labels: np.ndarray, classes: Sequence[int]) -> dict[int, float | None]:
    accuracy = 100 * metrics.per_class_accuracy(predicted, labels, classes)
    return {int(c): None if np.isnan(a) else float(a) for c, a in zip(classes, accuracy, strict=True)}


def _oracle_union(scores: Scores, labels: np.ndarray) -> float | None:
    if len(scores.heads) != 2:
        return None
    first, second = (metrics.top1(scores.single_head(name)) for name in scores.heads)
    return 100 * metrics.oracle_union(first, second, labels)
