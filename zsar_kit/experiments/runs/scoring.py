"""Scores of samples from a method, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from zsar_kit.evaluation.scores import Scores
from zsar_kit.methods.base import Method
from zsar_kit.methods.task import MapRows, sample_features

SCORE_BATCH = 256


@torch.inference_mode()
def score(
    method: Method, features: np.ndarray | MapRows, samples: Sequence[str] | np.ndarray, classes: tuple[int, ...]
) -> Scores:
    """Scores of some samples over some classes.

    Args:
        method: a trained method.
        features: features of the samples, pooled or as maps.
        samples: names of the samples.
        classes: class ids, one per score column.
    """
    heads: dict[str, list[np.ndarray]] = {}
    errors: dict[str, list[np.ndarray]] = {}
    for batch in in_batches(method, features):
        output = method.class_scores(batch, classes)
        for store, values in ((heads, output.heads), (errors, output.errors)):
            for name, value in values.items():
                store.setdefault(name, []).append(value.float().cpu().numpy())
    return Scores(
        heads={k: np.concatenate(v) for k, v in heads.items()},
        classes=classes,
        samples=tuple(str(name) for name in samples),
        errors={k: np.concatenate(v) for k, v in errors.items()},
    )


def in_batches(method: Method, features: np.ndarray | MapRows) -> Iterator[torch.Tensor]:
    """Batches of the samples' features, on the method's device."""
    device = next((t.device for t in (*method.parameters(), *method.buffers())), torch.device("cpu"))
    for start in range(0, len(features), SCORE_BATCH):
        positions = np.arange(start, min(start + SCORE_BATCH, len(features)))
        yield torch.from_numpy(np.array(sample_features(features, positions))).to(device)
