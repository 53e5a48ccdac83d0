"""The table of Flora's candidate classes: their texts, attuned by neighbours and scaled, one row per class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from zsar_kit.errors import TextError
from zsar_kit.methods.base import class_rows
from zsar_kit.methods.flora.config import TextConfig
from zsar_kit.models.flora.attunement import attune
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.semantics.tokens import TokenTexts, join_tokens


class ClassTable(nn.Module):
    """Attuned and scaled token features O_a of classes (Eq. 7-8); classes described in words can be added.

    Args:
        config: which texts to use, and how to attune and scale them.
        texts: the text sets named in ``config.sets``, for all classes of a run.
        seen: ids of the seen classes; scale and mean are computed from their texts alone.
    """

    raw: Tensor
    mask: Tensor
    pooled: Tensor
    tokens: Tensor
    offset: Tensor
    divisor: Tensor
    row_of: Tensor

    def __init__(self, config: TextConfig, texts: Sequence[Semantics], seen: tuple[int, ...]):
        super().__init__()
        self.config, self.seen = config, seen
        joined = self._join(texts)
        self.class_ids = joined.class_ids
        mask, is_seen = torch.from_numpy(joined.mask), torch.from_numpy(np.isin(joined.class_ids, seen))
        attuned = self._attune(joined, is_seen if config.pool == "seen" else None)
        offset, divisor = torch.zeros(attuned.shape[2]), torch.ones(())
        words = attuned[is_seen][mask[is_seen]]  # mean and scale must not depend on unseen texts
        if config.scale == "standard":
            offset = words.mean(0)
        if config.scale != "none":
            divisor = (words - offset).square().mean().sqrt()
        for name, value in {
            "raw": torch.from_numpy(joined.tokens),
            "mask": mask,
            "pooled": torch.from_numpy(joined.pooled),
            "tokens": (attuned - offset) / divisor * mask[..., None],
            "offset": offset,
            "divisor": divisor,
            "row_of": _row_of(joined.class_ids),
        }.items():
            self.register_buffer(name, value)

    def rows(self, classes: Sequence[int]) -> list[int]:
        """Rows of the given classes."""
        return class_rows(self.class_ids, classes)

    @property
    def condition(self) -> Float[Tensor, "class d"]:
        """The pooled text of each class: its last token, attuned and scaled like all others."""
        return self.tokens[torch.arange(len(self.mask), device=self.mask.device), self.mask.sum(1) - 1]

    def extend(self, texts: Sequence[Semantics]) -> None:
        """Add classes that are described by their texts alone.

        Their neighbours are the seen classes and one another. Existing rows stay unchanged, since the model was trained
        with them.

        Raises:
            TextError: a class id is taken.
        """
        new = self._join(texts)
        if taken := sorted(set(new.class_ids) & set(self.class_ids)):
            raise TextError(f"class id {taken[0]} is taken", remedy=f"Choose ids above {max(self.class_ids)}.")
        seen = self.rows(self.seen)
        width = max(new.tokens.shape[1], self.raw.shape[1])
        raw = torch.cat([_widen(self.raw[seen].cpu(), width), _widen(torch.from_numpy(new.tokens), width)])
        mask = torch.cat([_widen(self.mask[seen].cpu(), width), _widen(torch.from_numpy(new.mask), width)])
        pooled = torch.cat([self.pooled[seen].cpu(), torch.from_numpy(new.pooled)])
        together = TokenTexts((*self.seen, *new.class_ids), raw.numpy(), mask.numpy(), pooled.numpy())
        attuned = self._attune(together, None)[len(seen) :]
        device, mask = self.raw.device, mask[len(seen) :]
        tokens = (attuned.to(device) - self.offset) / self.divisor * mask[..., None].to(device)
        self.class_ids = (*self.class_ids, *new.class_ids)
        self.raw = torch.cat([_widen(self.raw, width), raw[len(seen) :].to(device)])
        self.mask = torch.cat([_widen(self.mask, width), mask.to(device)])
        self.pooled = torch.cat([self.pooled, pooled[len(seen) :].to(device)])
        self.tokens = torch.cat([_widen(self.tokens, width), tokens])
        self.row_of = _row_of(self.class_ids).to(device)

    def _join(self, texts: Sequence[Semantics]) -> TokenTexts:
        return join_tokens(list(texts), self.config.max_tokens, keep_padding=self.config.keep_padding)

    def _attune(self, texts: TokenTexts, candidates: Bool[Tensor, " class"] | None) -> Float[Tensor, "class token d"]:
        """Token features after attunement (Eq. 7-8)."""
        tokens = torch.from_numpy(texts.tokens)
        if self.config.k == 0:
            return tokens
        mask, pooled = torch.from_numpy(texts.mask), torch.from_numpy(texts.pooled)
        # The last token of each class is its pooled feature, which is attuned by pooled features, not by the words
        # at the same position of longer texts.
        rows, last = torch.arange(len(mask)), mask.sum(1) - 1
        words = mask.clone()
        words[rows, last] = False
        attuned = attune(tokens, words, pooled, k=self.config.k, tau=self.config.tau, candidates=candidates)
        result = attuned.tokens.clone()
        result[rows, last] = attuned.pooled
        return result


def _widen(values: Tensor, width: int) -> Tensor:
    """Append zeros (or False) until the token axis has the given width."""
    missing = width - values.shape[1]
    return torch.cat([values, values.new_zeros(len(values), missing, *values.shape[2:])], dim=1) if missing else values


def _row_of(class_ids: Sequence[int]) -> Tensor:
    table = torch.full((max(class_ids) + 1,), -1)
    table[list(class_ids)] = torch.arange(len(class_ids))
    return table
