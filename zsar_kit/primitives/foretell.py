"""Levels foretold from texts: regression from text embeddings to the levels of forms, for words that have no form."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float32

from zsar_kit.primitives.attributes import HIGHEST, LOWEST

#: ridge penalty in units of the kernel's mean diagonal; chosen by leaving out each NTU class in turn, on forms alone
PENALTY = 0.3


def foretell(
    texts: Float[np.ndarray, "known d"],
    levels: Float[np.ndarray, "known attribute"],
    new_texts: Float[np.ndarray, "new d"],
    *,
    penalty: float = PENALTY,
) -> Float32[np.ndarray, "new attribute"]:
    """Kernel ridge regression of levels on unit text embeddings, with each attribute's mean as offset.

    ``L(t) = mean + k(t, T) (K + penalty * tr(K)/n I)^-1 (L - mean)`` with ``k`` the inner product of embeddings from
    which the mean embedding is subtracted. Unknown levels take part as the mean; an attribute that most of the texts
    near a new one leave unknown (regression of "known" below 0.5) is unknown.

    Args:
        texts: embeddings of classes with a form.
        levels: their levels, NaN where unknown.
        new_texts: embeddings of classes without one.
        penalty: see the equation.
    """
    known = np.isfinite(levels)
    mean = np.where(known, levels, 0.0).sum(0) / np.maximum(known.sum(0), 1)
    target = np.concatenate([np.where(known, levels - mean, 0.0), known - known.mean(0)], axis=1)
    centre = _unit(texts).mean(0)
    x, new = _unit(texts) - centre, _unit(new_texts) - centre
    kernel = x @ x.T
    ridge = penalty * np.trace(kernel) / len(x) * np.eye(len(x))
    found = new @ x.T @ np.linalg.solve(kernel + ridge, target)
    count = levels.shape[1]
    told = np.clip(mean + found[:, :count], LOWEST, HIGHEST).clip(0.0, 1.0)
    sure = known.mean(0) + found[:, count:] >= 0.5
    return np.where(sure, told, np.nan).astype(np.float32)


def foretell_each(
    texts: Float[np.ndarray, "row d"],
    levels: Float[np.ndarray, "row attribute"],
    wanted: Float[np.ndarray, "new d"],
    allowed: Bool[np.ndarray, "new row"],
) -> Float32[np.ndarray, "new attribute"]:
    """Foretell each wanted class from the rows that it may learn from."""
    rows = [foretell(texts[may], levels[may], text[None])[0] for text, may in zip(wanted, allowed, strict=True)]
    return np.stack(rows)


def _unit(vectors: Float[np.ndarray, "row d"]) -> Float[np.ndarray, "row d"]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
