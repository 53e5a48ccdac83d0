"""Alignment of skeleton features with class semantics (SkeletonContext, section 3.5, Eq. 8-9).

Context and parts are aligned in the same way, each with its own projections and its own semantics.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from zsar_kit.errors import ConfigError
from zsar_kit.models.blocks import seeded_linear

NORM_FLOOR = 1e-8
"""Vectors shorter than this are divided by it instead of by their length, so that zero stays zero."""


class ProjectionHead(nn.Module):
    """A projection phi or psi of Eq. 8-9 into the common space of skeletons and texts.

    Args:
        inputs: width of a feature.
        outputs: width of the common space.
        normalise: scale the result to unit length, so that dot products are cosines.
        relu: apply a ReLU after the linear map (before normalisation), as the released code does for skeletons.
        generator: source of the initial weights.

    Raises:
        ConfigError: a width is not positive.

    Note:
        The paper only calls them "project functions". The released code uses a linear layer with a ReLU and unit
        length for skeletons, and only unit length for texts.
    """

    def __init__(self, inputs: int, outputs: int, *, normalise: bool, relu: bool = False, generator: torch.Generator):
        super().__init__()
        self.normalise, self.relu = normalise, relu
        self.linear = seeded_linear(inputs, outputs, generator=generator)

    def forward(self, x: Float[Tensor, "*rows inputs"]) -> Float[Tensor, "*rows outputs"]:
        """Projected features, of unit length if ``normalise`` is set."""
        projected = self.linear(x).relu() if self.relu else self.linear(x)
        return nn.functional.normalize(projected, dim=-1, eps=NORM_FLOOR) if self.normalise else projected


class UnitLength(nn.Module):
    """Scaling to unit length, for features that are in the common space already.

    Args:
        enabled: False passes features on unchanged.
    """

    def __init__(self, *, enabled: bool = True):
        super().__init__()
        self.enabled = enabled

    def forward(self, x: Float[Tensor, "*rows d"]) -> Float[Tensor, "*rows d"]:
        """Features of unit length if ``enabled`` is set."""
        return nn.functional.normalize(x, dim=-1, eps=NORM_FLOOR) if self.enabled else x


def alignment_scores(
    features: Float[Tensor, "batch d"],
    semantics: Float[Tensor, "class d"] | Float[Tensor, "class sentence d"],
    *,
    temperature: float = 1.0,
) -> Float[Tensor, "batch class"]:
    """Dot products of samples and classes over the temperature: the logits of Eq. 8-9 and scores of Eq. 11-12.

    Args:
        features: projected skeleton features.
        semantics: projected semantics of the classes; with several sentences per class, its score is their mean.
        temperature: divisor of the dot products. The paper has none (1); the released code multiplies cosines by 0.1,
            a temperature of 10.

    Returns:
        Scores, larger is better; in ``[-1, 1] / temperature`` if both sides have unit length.

    Raises:
        ConfigError: the temperature is not positive and finite, or a class has no sentence.
    """
    if not 0 < temperature < float("inf"):
        raise ConfigError(f"temperature must be positive and finite, got {temperature}", where="temperature")
    if semantics.ndim == 3:
        if semantics.shape[1] == 0:
            raise ConfigError("each class needs at least one sentence, got none", where="semantics")
        # The dot product is linear: its mean over sentences is the product with their mean.
        semantics = semantics.mean(dim=1)
    return features @ semantics.mT / temperature


def alignment_loss(
    features: Float[Tensor, "batch d"],
    semantics: Float[Tensor, "class d"] | Float[Tensor, "class sentence d"],
    labels: Int[Tensor, " batch"],
    *,
    temperature: float = 1.0,
) -> Float[Tensor, ""]:
    """One of the two terms of L_align: cross entropy over the seen classes (SkeletonContext, Eq. 8 or 9).

    Args:
        features: projected skeleton features.
        semantics: projected semantics of the seen classes only; see :func:`alignment_scores`.
        labels: row of each sample's class in ``semantics``.
        temperature: see :func:`alignment_scores`.

    Returns:
        The mean over the batch, at least 0 (nats).

    Raises:
        ConfigError: the batch is empty, a label is not a row of the semantics, or the temperature is out of range.
    """
    if len(labels) == 0:
        raise ConfigError("alignment needs at least one sample, got an empty batch", where="labels")
    classes = len(semantics)
    # PyTorch would silently ignore some negative labels ("ignore_index").
    if bool(((labels < 0) | (labels >= classes)).any()):
        raise ConfigError(
            f"labels must be rows of the semantics, 0 to {classes - 1}, got {int(labels.min())} to {int(labels.max())}",
            where="labels",
            remedy="Translate class ids into positions among the seen classes.",
        )
    return nn.functional.cross_entropy(alignment_scores(features, semantics, temperature=temperature), labels.long())
