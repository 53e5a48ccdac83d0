"""Token features of several texts of a class as one sequence, as Flora joins label and description.

Flora describes a class by two texts. Their token features are concatenated along the feature axis; a shorter text is
filled up with its pooled feature, and one more token at the end has the pooled features of both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from zsar_kit.errors import ConfigError, TextError
from zsar_kit.reprs import counted, shape_of
from zsar_kit.semantics.embeddings import Semantics


@dataclass(frozen=True, eq=False)
class TokenTexts:
    """Token sequences of classes, as a token-level method reads them.

    Attributes:
        class_ids: original class ids of the rows.
        tokens: token features, zero at padding.
        mask: True at real tokens.
        pooled: one feature per class.
    """

    class_ids: tuple[int, ...]
    tokens: Float32[np.ndarray, "class token d"]
    mask: Bool[np.ndarray, "class token"]
    pooled: Float32[np.ndarray, "class d"]

    def __repr__(self) -> str:
        classes = counted(len(self.class_ids), "class", "classes")
        return f"TokenTexts({classes}, tokens {shape_of(self.tokens)}, pooled {shape_of(self.pooled)})"


def join_tokens(texts: list[Semantics], max_tokens: int, *, keep_padding: bool = False) -> TokenTexts:
    """Join the token features of one or more text sets along the feature axis.

    A class has ``max(tokens of each of its texts)`` tokens, at most ``max_tokens``, and one pooled token after them.

    Args:
        texts: text sets of the same classes, in the order in which their features are joined.
        max_tokens: longer sequences are cut (the pooled token does not count).
        keep_padding: give every class ``max_tokens`` tokens, zeros after the end of its texts, and treat these as
            tokens of the text, as Flora's released code does; the pooled token comes after them.

    Raises:
        ConfigError: ``max_tokens`` is below 1, or no text set is given.
        TextError: the text sets have different classes.
    """
    if max_tokens < 1 or not texts:
        raise ConfigError(f"max_tokens must be at least 1 and a text set is needed, got {max_tokens} and {len(texts)}")
    ids = texts[0].class_ids
    for other in texts[1:]:
        if other.class_ids != ids:
            raise TextError(
                f"the text sets {texts[0].text_set!r} and {other.text_set!r} have different classes",
                remedy="Select the same classes from both.",
            )
    lengths = np.stack([t.mask.sum(1) for t in texts]).clip(max=max_tokens)
    joined = np.full(len(ids), max_tokens) if keep_padding else lengths.max(0)
    width = int(joined.max()) + 1
    place = np.arange(width)
    parts = []
    for text, length in zip(texts, lengths, strict=True):
        part = np.repeat(text.pooled[:, None], width, axis=1)
        for row, count in enumerate(length):
            part[row, lengths[:, row].max() : joined[row]] = 0.0
            part[row, :count] = text.tokens[row][text.mask[row]][:count]
        parts.append(part)
    mask = place <= joined[:, None]
    tokens = np.concatenate(parts, axis=2).astype(np.float32) * mask[..., None]
    pooled = np.concatenate([t.pooled for t in texts], axis=1).astype(np.float32)
    return TokenTexts(ids, tokens, mask, pooled)
