"""The table of Flora's candidate classes: their texts, attuned by neighbours and scaled, one row per class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from zsar_kit.data.standardisation import divisors
from zsar_kit.errors import TextError
from zsar_kit.methods.base import class_rows
from zsar_kit.methods.flora.config import TextConfig
from zsar_kit.models.flora.attunement import Neighbours, neighbours, spread_to_neighbours
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.semantics.tokens import TokenTexts, join_tokens


class ClassTable(nn.Module):
    """Attuned and scaled token features O_a of classes (Eq. 7-8); classes described in words can be added.

    Args:
        config: which texts to use, and how to attune and scale them.
        texts: the text sets named in ``config.sets``, for all classes of a run.
        seen: ids of the seen classes; scale and mean are those of their attuned texts, in which unseen neighbours take
            part if ``pool`` is ``"all"``.
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
        self._kept: TokenTexts = joined
        is_seen = torch.from_numpy(np.isin(joined.class_ids, seen))
        attuned = self._attune(joined, is_seen if config.pool == "seen" else None)
        mask = torch.from_numpy(joined.mask)
        # Unseen classes take part in mean and scale only as neighbours of seen ones.
        pooled, empty = self._kinds(joined)
        offset, divisor = self._statistics(attuned[is_seen], mask[is_seen], (pooled | empty)[is_seen])
        for name, value in {
            "raw": torch.from_numpy(joined.tokens),
            "mask": mask,
            "pooled": torch.from_numpy(joined.pooled),
            "offset": offset,
            "divisor": divisor,
            "tokens": _scaled(attuned, mask, pooled, empty, offset, divisor),
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
        seen, device = self.rows(self.seen), self.raw.device
        together = _stacked(self._kept, seen, new)
        attuned = self._attune(together, None)[len(seen) :].to(device)
        mask = torch.from_numpy(together.mask[len(seen) :]).to(device)
        pooled, empty = (kind[len(seen) :].to(device) for kind in self._kinds(together))
        tokens = _scaled(attuned, mask, pooled, empty, self.offset, self.divisor)
        self._kept = _stacked(self._kept, range(len(self.class_ids)), new)
        self.class_ids = (*self.class_ids, *new.class_ids)
        self.raw = torch.from_numpy(self._kept.tokens).to(device)
        self.pooled = torch.from_numpy(self._kept.pooled).to(device)
        width = self.raw.shape[1]
        self.mask = torch.cat([_widen(self.mask, width), _widen(mask, width)])
        self.tokens = torch.cat([_widen(self.tokens, width), _widen(tokens, width)])
        self.row_of = _row_of(self.class_ids).to(device)

    def _join(self, texts: Sequence[Semantics]) -> TokenTexts:
        config = self.config
        return join_tokens(
            list(texts),
            config.max_tokens,
            keep_padding=config.keep_padding,
            padding_states=config.padding_states,
            tail=config.tail,
        )

    def _attune(self, texts: TokenTexts, candidates: Bool[Tensor, " class"] | None) -> Float[Tensor, "class token d"]:
        """Token features after attunement (Eq. 7-8).

        A pooled feature is attuned by pooled features, not by the words at the same position of longer texts, and words
        by words.
        """
        tokens, mask = torch.from_numpy(texts.tokens), torch.from_numpy(texts.mask)
        if self.config.k == 0:
            return tokens
        found = neighbours(self._compared(texts), self.config.k, candidates)
        pooled = spread_to_neighbours(torch.from_numpy(texts.pooled), found, self.config.tau)
        is_pooled, is_empty = self._kinds(texts)
        if self.config.statistics == "joint":  # only the last token counts as pooled
            is_pooled = _last(mask)[..., None].expand_as(tokens)
        nothing = is_empty | ~mask[..., None]
        words = tokens.masked_fill(is_pooled | nothing, 0.0)
        attuned = spread_to_neighbours(words, found, self.config.tau)
        return torch.where(is_pooled, pooled[:, None], attuned).masked_fill(nothing, 0.0)

    def neighbours(self, k: int) -> Neighbours:
        """The k neighbours of each class (Eq. 7), whether or not the texts were attuned by as many.

        Raises:
            ConfigError: k is out of range.
        """
        is_seen = torch.from_numpy(np.isin(self.class_ids, self.seen))
        return neighbours(self._compared(self._kept), k, is_seen if self.config.pool == "seen" else None)

    def _compared(self, texts: TokenTexts) -> Float[Tensor, "class d"]:
        """f_a of Eq. 7."""
        return torch.from_numpy(texts.mean if self.config.neighbours_by == "mean" else texts.pooled)

    def _kinds(self, texts: TokenTexts) -> tuple[Bool[Tensor, "class token d"], Bool[Tensor, "class token d"]]:
        """True where a feature of a token belongs to a pooled feature, and where it belongs to no text."""
        pooled, empty = (torch.from_numpy(kind) for kind in (texts.is_pooled, texts.is_empty))
        return _by_feature(pooled, texts.widths), _by_feature(empty, texts.widths)

    def _statistics(
        self,
        attuned: Float[Tensor, "class token d"],
        mask: Bool[Tensor, "class token"],
        is_no_word: Bool[Tensor, "class token d"],
    ) -> tuple[Tensor, Tensor]:
        """Offset and divisor: ``[kind, d]`` for words and pooled features, or ``[d]`` and ``[]`` for all together."""
        config = self.config
        if config.scale == "none":
            return torch.zeros(attuned.shape[2]), torch.ones(())
        if config.statistics == "joint":
            offset, divisor = _moments([attuned[mask]], config.scale)
            return offset, divisor[0]
        widths, last = list(self._kept.widths), _last(mask)
        blocks, others = attuned.split(widths, 2), is_no_word.split(widths, 2)
        words = [block[mask & ~other[..., 0]] for block, other in zip(blocks, others, strict=True)]
        # A class's pooled feature counts once, however long a tail it fills.
        found = [_moments(parts, config.scale) for parts in (words, [block[last] for block in blocks])]
        return torch.stack([o for o, _ in found]), torch.stack([d for _, d in found])


def _moments(parts: Sequence[Tensor], scale: str) -> tuple[Float[Tensor, " d"], Float[Tensor, " d"]]:
    """Mean token (zero for ``rms``) and root mean square around it of each text set, spread over its features."""
    offsets, found = [], []
    for part in parts:
        width = part.shape[1]
        if not len(part):
            offsets.append(torch.zeros(width))
            found.append(torch.full((width,), torch.inf))
            continue
        offset = part.mean(0) if scale == "standard" else torch.zeros(width)
        spread, size = (x.square().mean().sqrt().view(1).numpy() for x in (part - offset, part))
        offsets.append(offset)
        found.append(torch.full((width,), float(divisors(spread, size)[0])))
    return torch.cat(offsets), torch.cat(found)


def _scaled(
    tokens: Float[Tensor, "class token d"],
    mask: Bool[Tensor, "class token"],
    is_pooled: Bool[Tensor, "class token d"],
    is_empty: Bool[Tensor, "class token d"],
    offset: Tensor,
    divisor: Tensor,
) -> Float[Tensor, "class token d"]:
    if offset.ndim == 2:
        offset, divisor = (torch.where(is_pooled, x[1], x[0]) for x in (offset, divisor))
    return ((tokens - offset) / divisor).masked_fill(is_empty | ~mask[..., None], 0.0)


def _by_feature(is_pooled: Bool[Tensor, "class token set"], widths: Sequence[int]) -> Bool[Tensor, "class token d"]:
    return is_pooled.repeat_interleave(torch.tensor(widths), dim=2)


def _last(mask: Bool[Tensor, "class token"]) -> Bool[Tensor, "class token"]:
    """True at the last token of each class."""
    return torch.arange(mask.shape[1]) == mask.sum(1, keepdim=True) - 1


def _stacked(old: TokenTexts, rows: Sequence[int], new: TokenTexts) -> TokenTexts:
    """Some classes and new ones in one table."""
    chosen, width = list(rows), max(old.tokens.shape[1], new.tokens.shape[1])

    def both(name: str, *, by_token: bool) -> np.ndarray:
        parts = [getattr(old, name)[chosen], getattr(new, name)]
        if by_token:
            parts = [np.pad(x, [(0, 0), (0, width - x.shape[1])] + [(0, 0)] * (x.ndim - 2)) for x in parts]
        return np.concatenate(parts)

    arrays = {name: both(name, by_token=True) for name in ("tokens", "mask", "is_pooled", "is_empty")}
    arrays |= {name: both(name, by_token=False) for name in ("pooled", "mean")}
    return TokenTexts((*(old.class_ids[r] for r in chosen), *new.class_ids), widths=old.widths, **arrays)


def _widen(values: Tensor, width: int) -> Tensor:
    """Append zeros (or False) until the token axis has the given width."""
    missing = width - values.shape[1]
    return torch.cat([values, values.new_zeros(len(values), missing, *values.shape[2:])], dim=1) if missing else values


def _row_of(class_ids: Sequence[int]) -> Tensor:
    table = torch.full((max(class_ids) + 1,), -1)
    table[list(class_ids)] = torch.arange(len(class_ids))
    return table
