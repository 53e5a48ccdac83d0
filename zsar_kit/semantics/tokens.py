"""Token features of several texts of a class as one sequence, as Flora joins label and description.

Flora describes a class by two texts. Their token features are concatenated along the feature axis; one more token at
the end has the pooled features of both. What a shorter text has where the longer one goes on is a choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
        mean: rho(F_a), the mean over all tokens of each text, cut or not.
        widths: width of each text set's features.
        is_pooled: True where a text set's part of a token is its pooled feature instead of a word.
        is_empty: True where a text set has no part in a token that another one has.
    """

    class_ids: tuple[int, ...]
    tokens: Float32[np.ndarray, "class token d"]
    mask: Bool[np.ndarray, "class token"]
    pooled: Float32[np.ndarray, "class d"]
    mean: Float32[np.ndarray, "class d"]
    widths: tuple[int, ...]
    is_pooled: Bool[np.ndarray, "class token set"]
    is_empty: Bool[np.ndarray, "class token set"]

    def __repr__(self) -> str:
        classes = counted(len(self.class_ids), "class", "classes")
        return f"TokenTexts({classes}, tokens {shape_of(self.tokens)}, pooled {shape_of(self.pooled)})"


def join_tokens(
    texts: list[Semantics],
    max_tokens: int,
    *,
    keep_padding: bool = False,
    padding_states: bool = False,
    tail: Literal["pooled", "empty"] = "pooled",
) -> TokenTexts:
    """Join the token features of one or more text sets along the feature axis.

    A class has ``max(tokens of each of its texts)`` tokens, at most ``max_tokens``, and one pooled token after them.

    Args:
        texts: text sets of the same classes, in the order in which their features are joined.
        max_tokens: longer sequences are cut (the pooled token does not count).
        keep_padding: give every class ``max_tokens`` tokens, zeros after the end of its texts, and treat these as
            tokens of the text; the pooled token comes after them.
        padding_states: with ``keep_padding``, what a text has at padding are the language model's states there, as in
            Flora's released code, and not its pooled feature or zeros.
        tail: what a text has where a longer one goes on: its pooled feature again, or nothing (zeros).

    Raises:
        ConfigError: ``max_tokens`` is below 1, or no text set is given.
        TextError: the text sets have different classes, or were encoded without as many states at padding.
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
    mask = place <= joined[:, None]
    padded = [_states_at_padding(t, max_tokens) if padding_states else None for t in texts]
    parts, is_pooled = [], np.zeros((*mask.shape, len(texts)), dtype=bool)
    is_empty = np.zeros_like(is_pooled)
    for k, (text, length) in enumerate(zip(texts, lengths, strict=True)):
        is_pooled[..., k] = place == joined[:, None]
        if not padding_states:
            rest = (place >= length[:, None]) & (place < lengths.max(0)[:, None])
            (is_pooled if tail == "pooled" else is_empty)[..., k] |= rest
        part = np.where(is_pooled[..., k, None], text.pooled[:, None], 0.0)
        for row, count in enumerate(length):
            if (states := padded[k]) is not None:
                part[row, count:max_tokens] = states[row, count:max_tokens]
            part[row, :count] = text.tokens[row][text.mask[row]][:count]
        parts.append(part)
    return TokenTexts(
        ids,
        np.concatenate(parts, axis=2).astype(np.float32),
        mask,
        np.concatenate([t.pooled for t in texts], axis=1).astype(np.float32),
        np.concatenate([_mean(t) for t in texts], axis=1),
        tuple(t.pooled.shape[1] for t in texts),
        is_pooled,
        is_empty,
    )


def _mean(text: Semantics) -> Float32[np.ndarray, "class d"]:
    """The mean over the tokens of each text."""
    return np.stack([tokens[keep].mean(0) for tokens, keep in zip(text.tokens, text.mask, strict=True)])


def _states_at_padding(text: Semantics, max_tokens: int) -> Float32[np.ndarray, "class token d"]:
    """The language model's states where it read padding.

    Raises:
        TextError: there are none, or the texts were padded to fewer tokens.
    """
    if text.padding is None or text.padded_to < max_tokens:
        raise TextError(
            f"the text set {text.text_set!r} needs states at padding up to token {max_tokens}, it has {text.padded_to}",
            remedy="Encode the texts with padding (pad_to), lower max_tokens, or do without these states.",
        )
    return text.padding
