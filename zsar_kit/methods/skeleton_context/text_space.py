"""SkeletonContext's alignments of skeleton features with class texts (section 3.5, Eq. 8-9)."""

from __future__ import annotations

import torch
from einops import repeat
from jaxtyping import Float
from torch import Tensor, nn

from zsar_kit.data.standardisation import divisors
from zsar_kit.errors import TextError
from zsar_kit.methods.base import class_rows
from zsar_kit.methods.skeleton_context.config import SpaceConfig
from zsar_kit.models.skeleton_context.alignment import ProjectionHead, UnitLength
from zsar_kit.semantics.embeddings import Semantics


class TextSpace(nn.Module):
    """One alignment: projections of skeletons and texts, and the texts of all classes (Eq. 8 or 9).

    Args:
        settings: settings of the common space.
        semantics: its text set, of all candidate classes.
        seen: the seen classes; their texts determine offset and scale.
        inputs: width of the skeleton feature; ``None`` if it was projected to :func:`common_width` before.
        generator: source of the initial weights.
    """

    offset: Tensor
    scale: Tensor

    def __init__(
        self,
        settings: SpaceConfig,
        semantics: Semantics,
        seen: tuple[int, ...],
        inputs: int | None,
        generator: torch.Generator,
    ):
        super().__init__()
        self.text_set = semantics.text_set
        table = _sentences(semantics)
        own = table[class_rows(semantics.class_ids, seen)]
        offset = own.mean((0, 1)) if settings.scale == "standard" else torch.zeros(own.shape[2])
        spread = (own - offset).square().mean().sqrt() if settings.scale == "standard" else torch.ones(())
        self.register_buffer("offset", offset)
        divisor = divisors(spread.view(1).numpy(), own.square().mean().sqrt().view(1).numpy())[0]
        self.register_buffer("scale", torch.tensor(divisor, dtype=torch.float32))
        self.class_ids: tuple[int, ...] = semantics.class_ids
        self.register_buffer("table", table, persistent=False)
        width = common_width(settings, semantics)
        self.skeleton = (
            UnitLength(enabled=settings.normalise)
            if inputs is None
            else ProjectionHead(inputs, width, normalise=settings.normalise, relu=settings.relu, generator=generator)
        )
        self.project = None
        if settings.project_texts:
            self.project = ProjectionHead(table.shape[2], width, normalise=settings.normalise, generator=generator)
        self.normalise = settings.normalise

    def texts(self, classes: tuple[int, ...]) -> Float[Tensor, "class sentence d"]:
        """Projected sentences of some classes."""
        chosen = self.get_buffer("table")[class_rows(self.class_ids, classes)]
        chosen = (chosen - self.offset) / self.scale
        if self.project is not None:
            return self.project(chosen)
        return nn.functional.normalize(chosen, dim=-1) if self.normalise else chosen

    def extend(self, semantics: Semantics) -> None:
        """Add classes that are described by their texts.

        Raises:
            TextError: an id is taken.
        """
        if taken := sorted(set(semantics.class_ids) & set(self.class_ids)):
            raise TextError(f"class id {taken[0]} is taken", remedy=f"Choose ids above {max(self.class_ids)}.")
        table, more = self.get_buffer("table"), _sentences(semantics)
        if more.shape[1] != table.shape[1]:  # a class described in words has one sentence, the kit's have ten
            more = repeat(more.mean(1), "c d -> c s d", s=table.shape[1])
        self.class_ids = (*self.class_ids, *semantics.class_ids)
        self.register_buffer("table", torch.cat([table, more.to(table.device)]), persistent=False)


def common_width(settings: SpaceConfig, semantics: Semantics) -> int:
    """Width of the common space: that of the projections, or that of the texts if these stay as they are."""
    return settings.dim if settings.project_texts else semantics.pooled.shape[1]


def _sentences(semantics: Semantics) -> Float[Tensor, "class sentence d"]:
    """Pooled features of each sentence; the sentence axis has length one for text sets with one sentence per class."""
    if semantics.sentences is not None and semantics.sentences.ndim == 3:
        return torch.from_numpy(semantics.sentences)
    return torch.from_numpy(semantics.pooled)[:, None]
