"""Why clips are confused: the cells of a confusion matrix, nearest class texts, and nearest training clips."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from zsar_kit.errors import DataError
from zsar_kit.experiments.reports.inspection import Inspection


@dataclass(frozen=True, eq=False)
class Confusions:
    """Counts of test clips.

    Attributes:
        classes: class ids of rows and columns.
        counts: ``[true, read as]``.
    """

    classes: tuple[int, ...]
    counts: np.ndarray


def confusions(inspection: Inspection, candidates: str, most: int = 30) -> Confusions:
    """The confusion matrix of the stored test scores.

    Args:
        inspection: the run.
        candidates: among which classes clips are classified.
        most: with more classes than this, those of the most frequent confusions are kept.
    """
    classes = inspection.classes(candidates)
    place = {c: i for i, c in enumerate(classes)}
    predicted, _ = inspection.judged(candidates)
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    for true, read in zip(inspection.labels.tolist(), predicted.tolist(), strict=True):
        if true in place:
            counts[place[true], place[read]] += 1
    if len(classes) > most:
        off = counts - np.diag(np.diag(counts))
        order = np.argsort(-(off.sum(0) + off.sum(1)), kind="stable")[:most]
        kept = np.sort(order)
        return Confusions(tuple(classes[i] for i in kept), counts[np.ix_(kept, kept)])
    return Confusions(tuple(classes), counts)


def nearest_texts(inspection: Inspection, class_id: int, most: int = 6) -> list[tuple[int, float]]:
    """The classes whose texts are most similar to a class's, with their cosine similarity, by the run's first text set.

    Raises:
        DataError: the class has no text in the run.
    """
    ids, similarity = _text_similarity(inspection)
    if class_id not in ids:
        raise DataError(f"class {class_id} has no text in the run", where=inspection.run.path.name)
    row = similarity[ids.index(class_id)]
    order = [i for i in np.argsort(-row, kind="stable") if ids[i] != class_id][:most]
    return [(ids[i], float(row[i])) for i in order]


@lru_cache(maxsize=8)
def _text_similarity(inspection: Inspection) -> tuple[list[int], np.ndarray]:
    known = inspection.run.semantics()
    if not known:
        raise DataError("the run's classes have no texts to compare", where=inspection.run.path.name)
    semantics = next(iter(known.values()))
    unit = semantics.pooled / np.linalg.norm(semantics.pooled, axis=1, keepdims=True).clip(1e-12)
    return list(semantics.class_ids), unit @ unit.T


def nearest_clips(inspection: Inspection, clip: int, most: int = 6) -> list[tuple[int, float]]:
    """The training clips of most similar features: positions in the data set, and cosine similarity.

    Similarity is that of pooled features around their mean over training clips.
    """
    rows, unit, mean = _training_features(inspection)
    own = inspection.data.features.pooled[inspection.rows[clip]] - mean
    near = unit @ (own / max(float(np.linalg.norm(own)), 1e-12))
    order = np.argsort(-near, kind="stable")[:most]
    return [(int(rows[i]), float(near[i])) for i in order]


@lru_cache(maxsize=8)
def _training_features(inspection: Inspection) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = inspection.data.training_rows()
    pooled = inspection.data.features.pooled[rows]
    mean = pooled.mean(0)
    centred = pooled - mean
    return rows, centred / np.linalg.norm(centred, axis=1, keepdims=True).clip(1e-12), mean
