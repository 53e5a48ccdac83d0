"""Neighbour-aware semantic attunement (Flora, section 4.2, Eq. 7-8).

Each class text is moved towards the most similar texts, so that its neighbours correct a slightly wrong description.
Nothing is trained here: attunement is computed once, before the learning phase.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from zsar_kit.errors import ConfigError, DataError
from zsar_kit.reprs import ShownByShape


@dataclass(frozen=True)
class Neighbours(ShownByShape):
    """The k most similar other classes of each class, in order of decreasing similarity (Eq. 7).

    Attributes:
        indices: positions of the neighbours along the class axis.
        similarity: their cosine similarity w_i, in [-1, 1].
    """

    indices: Int[Tensor, "class k"]
    similarity: Float[Tensor, "class k"]


@dataclass(frozen=True)
class Attuned(ShownByShape):
    """Neighbour-aware semantics O_a (Eq. 8).

    Attributes:
        tokens: attuned token features; zero at padding.
        pooled: pooled features attuned with the same weights.
        neighbours: the neighbours of each class and their similarity.
    """

    tokens: Float[Tensor, "class token d"]
    pooled: Float[Tensor, "class d"]
    neighbours: Neighbours


def neighbours(
    pooled: Float[Tensor, "class d"], k: int, candidates: Bool[Tensor, " class"] | None = None
) -> Neighbours:
    """The k nearest other classes by cosine similarity of pooled text features (Flora, Eq. 7).

    Args:
        pooled: pooled features f_a, one row per class.
        k: number of neighbours, at least 1.
        candidates: which classes can be neighbours; all by default, as in the paper, which includes the texts of
            unseen classes (*transductive text*). Classes that are not candidates still get neighbours.

    Returns:
        Neighbours, never the class itself. Ties are ordered by class position.

    Raises:
        ConfigError: k is below 1, or some class has fewer than k candidates besides itself.
        DataError: a pooled feature is not finite, or zero (without a direction).
    """
    n = len(pooled)
    if candidates is None:
        candidates = torch.ones(n, dtype=torch.bool, device=pooled.device)
    available = int((candidates.sum() - candidates.long()).min()) if n else 0
    if not 1 <= k <= available:
        raise ConfigError(
            f"attunement needs k between 1 and the number of candidate classes besides the class itself, "
            f"got k={k} with {available} of {n} classes available",
            where="k",
            remedy="Lower k, allow more candidates, or switch attunement off.",
        )
    norm = pooled.norm(dim=-1, keepdim=True)
    if not bool((norm.isfinite() & (norm > 0)).all()):
        bad = (~(norm.isfinite() & (norm > 0))).flatten().nonzero().flatten().tolist()
        raise DataError(
            f"pooled text features must be finite and not zero, but those of the classes at {bad} are not",
            where="pooled",
            remedy="Check that each of these classes has a text, and encode the texts again.",
        )
    unit = pooled / norm
    # Rounding may give parallel texts a similarity slightly above 1.
    similarity = (unit @ unit.T).clamp(-1.0, 1.0)
    allowed = candidates[None, :] & ~torch.eye(n, dtype=torch.bool, device=pooled.device)
    ranked = similarity.masked_fill(~allowed, -torch.inf).sort(dim=-1, descending=True, stable=True)
    return Neighbours(indices=ranked.indices[:, :k], similarity=ranked.values[:, :k])


def attune(
    tokens: Float[Tensor, "class token d"],
    mask: Bool[Tensor, "class token"],
    pooled: Float[Tensor, "class d"],
    *,
    k: int,
    tau: float,
    candidates: Bool[Tensor, " class"] | None = None,
) -> Attuned:
    """Add the neighbours' tokens to each class's own, position by position (Flora, Eq. 8).

    ``O_a = F_a + (tau / k) * sum_i w_i F_i`` over the k neighbours, with w_i their cosine similarity (Eq. 7).

    Args:
        tokens: token features F_a of each class text.
        mask: True at real tokens, False at padding.
        pooled: pooled features f_a, which determine the neighbours.
        k: number of neighbours (the paper's presets use 1 to 3).
        tau: weight of the neighbours, at least 0; 0 leaves the texts unchanged. Presets use 0.1 to 1.
        candidates: which classes can be neighbours; all by default.

    Returns:
        Attuned tokens and pooled features, and the neighbours. The mask does not change.

    Raises:
        ConfigError: tau is negative or not finite, or k is out of range.
        DataError: a pooled feature is zero or not finite.

    Note:
        The paper does not say what happens if texts differ in length. Here padding has no effect in either
        direction: a neighbour adds nothing at positions where it has padding, and where the class has padding
        the result is zero and stays masked. The divisor is always k. A mask of all True treats padding as text,
        as the released code does.
    """
    found = neighbours(pooled, k, candidates)
    own = tokens.masked_fill(~mask[..., None], 0.0)
    return Attuned(
        tokens=spread_to_neighbours(own, found, tau).masked_fill(~mask[..., None], 0.0),
        pooled=spread_to_neighbours(pooled, found, tau),
        neighbours=found,
    )


def spread_to_neighbours(features: Float[Tensor, "class ..."], found: Neighbours, tau: float) -> Tensor:
    """``F_a + (tau / k) * sum_i w_i F_i`` for features of any shape (Flora, Eq. 8).

    Args:
        features: features F_a, one row per class.
        found: the neighbours of each class.
        tau: weight of the neighbours, at least 0.

    Raises:
        ConfigError: tau is negative or not finite.
    """
    if not (tau >= 0 and tau < float("inf")):
        raise ConfigError(f"tau must be finite and at least 0, got {tau}", where="tau")
    # One matrix product over classes: with few classes it is cheaper than k row gathers.
    weights = torch.zeros(len(features), len(features), dtype=features.dtype, device=features.device)
    weights.scatter_(1, found.indices, (found.similarity * (tau / found.indices.shape[1])).to(features.dtype))
    return features + (weights @ features.flatten(1)).view_as(features)
