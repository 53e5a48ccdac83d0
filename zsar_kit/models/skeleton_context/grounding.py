"""Semantic context grounding of skeleton and masked prompt (SkeletonContext, section 3.3.3, Eq. 2-5).

Both attend to each other: the skeleton takes context from the language model's hidden states, and these take motion
from the skeleton. The masked words are then predicted from the hidden states.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from zsar_kit.errors import ConfigError
from zsar_kit.models.blocks import seeded_linear
from zsar_kit.models.skeleton_context.layers import AttentionBlock, FeedForwardBlock
from zsar_kit.reprs import ShownByShape


@dataclass(frozen=True)
class Grounded(ShownByShape):
    """Both modalities after cross-attention.

    Attributes:
        skeleton: context-augmented skeleton tokens F_ctx (Eq. 2).
        text: contextualised hidden states H_ctx of the prompt (Eq. 3), zero at padding; or those at the requested
            places only.
    """

    skeleton: Float[Tensor, "batch token dim"]
    text: Float[Tensor, "batch place dim"]


@dataclass(frozen=True)
class GroundingShape:
    """Sizes of the cross-attention blocks.

    Attributes:
        dim: width of the blocks; a linear layer adapts a modality of another width.
        heads: attention heads.
        layers: number of :class:`GroundingLayer`; the paper has one.
        hidden: hidden width of the feed-forward blocks; ``4 * dim`` by default, as in BERT.
        shared_directions: both directions of the cross-attention share weights, as in LXMERT, whose layer the released
            code uses. By default each direction has its own weights, as in the paper.
        dropout: share that training drops, of attention weights and of each block's output; the paper names none,
            LXMERT's layer has 0.1.

    Raises:
        ConfigError: layers is not positive.
    """

    dim: int
    heads: int
    layers: int = 1
    hidden: int | None = None
    shared_directions: bool = False
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise ConfigError(
                f"context grounding needs at least one layer, got layers={self.layers}",
                where="layers",
                remedy="To train without grounding, leave the module out.",
            )


class GroundingLayer(nn.Module):
    """One bi-directional cross-attention block, then a self-attention and a feed-forward block for each modality.

    Args:
        shape: sizes and variants of the blocks; ``layers`` does not matter here.
        generator: source of the initial weights.

    Raises:
        ConfigError: heads is not positive or does not divide dim, or a width is not positive.
    """

    def __init__(self, shape: GroundingShape, *, generator: torch.Generator):
        super().__init__()
        dim, hidden = shape.dim, 4 * shape.dim if shape.hidden is None else shape.hidden
        attention = partial(AttentionBlock, dim, shape.heads, dropout=shape.dropout, generator=generator)
        feed_forward = partial(FeedForwardBlock, dim, hidden, dropout=shape.dropout, generator=generator)
        # Stored once if both directions share it, so that checkpoints hold no tensor under two names.
        self.cross = nn.ModuleList(attention() for _ in range(1 if shape.shared_directions else 2))
        self.skeleton_self, self.text_self = attention(), attention()
        self.skeleton_feed, self.text_feed = feed_forward(), feed_forward()

    def forward(
        self,
        skeleton: Float[Tensor, "batch token dim"],
        text: Float[Tensor, "batch length dim"],
        mask: Bool[Tensor, "batch length"],
        places: list[int] | None = None,
    ) -> tuple[Float[Tensor, "batch token dim"], Float[Tensor, "batch place dim"]]:
        """Skeleton and text tokens; both directions attend to the inputs, not to each other's result.

        With ``places`` the text is computed at these positions only; the last layer needs no others.
        """
        x = self.cross[0](skeleton, text, mask)
        t = self.cross[-1](text, skeleton)
        x, t = self.skeleton_self(x, x), self.text_self(t if places is None else t[:, places], t, mask)
        return self.skeleton_feed(x), self.text_feed(t)


class ContextGrounding(nn.Module):
    """CrossAttn in both directions (SkeletonContext, Eq. 2-3).

    Args:
        skeleton_dim: width of the skeleton tokens.
        text_dim: width d of the language model's hidden states.
        shape: sizes of the blocks.
        project: replaces the linear layer that adapts the skeleton to ``shape.dim``.
        generator: source of the initial weights.

    Raises:
        ConfigError: heads is not positive or does not divide dim, or a width is not positive.

    Note:
        The residual connection comes before the norm (post-norm), as in BERT and LXMERT: the paper has both in each
        block and does not order them. Skeleton tokens have no positional encoding. The released code passes one
        token, the feature averaged over joints; Eq. 2 as printed passes one per joint. Both work here.
    """

    def __init__(
        self,
        skeleton_dim: int,
        text_dim: int,
        shape: GroundingShape,
        *,
        project: nn.Module | None = None,
        generator: torch.Generator,
    ):
        super().__init__()
        self.from_skeleton = _adapter(skeleton_dim, shape.dim, generator) if project is None else project
        self.from_text = _adapter(text_dim, shape.dim, generator)
        self.layers = nn.ModuleList(GroundingLayer(shape, generator=generator) for _ in range(shape.layers))

    def forward(
        self,
        f_diff: Float[Tensor, "batch token skeleton_dim"],
        h_t: Float[Tensor, "batch length text_dim"],
        mask: Bool[Tensor, "batch length"],
        places: list[int] | None = None,
    ) -> Grounded:
        """Skeleton with context, and prompt with motion.

        Args:
            f_diff: skeleton tokens, such as one per joint from the differential joint encoder.
            h_t: hidden states of the (masked) prompt.
            mask: True at tokens of the prompt, False at padding. Values at padding have no effect.
            places: token positions of the prompt to return, none of them padding; None for all.

        Raises:
            ConfigError: a prompt has no token.
        """
        if not bool(mask.any(dim=-1).all()):
            empty = (~mask.any(dim=-1)).nonzero().flatten().tolist()
            raise ConfigError(
                f"each prompt needs at least one token, but those of the samples at {empty} are all padding",
                where="mask",
                remedy="Set mask to True at tokens and False at padding.",
            )
        # Zero the values too: attention weights of zero would let non-finite values through.
        x, t = self.from_skeleton(f_diff), self.from_text(h_t.masked_fill(~mask[..., None], 0.0))
        for number, layer in enumerate(self.layers, start=1):
            x, t = layer(x, t, mask, places if number == len(self.layers) else None)
        return Grounded(skeleton=x, text=t.masked_fill(~mask[..., None], 0.0) if places is None else t)


class ContextDecoder(nn.Module):
    """f_MLM: maps a hidden state at a masked place to a score for each word (SkeletonContext, section 3.3.3).

    Dense layer, GELU, LayerNorm, and the dot product with the language model's word embeddings, plus a bias per word,
    as in BERT's head.

    Args:
        dim: width of the hidden states.
        embedding: word embeddings, one row per word (30 522 x 768 for BERT-base). They are frozen, and checkpoints do
            not store them. Pass a subset of the rows to restrict the vocabulary permanently.
        generator: source of the initial weights; move the module to another device afterwards.

    Raises:
        ConfigError: the embedding has no row or no column, or dim is not positive.

    Note:
        The paper does not say whether the embeddings are tied. Tied and frozen embeddings save training 23 million
        weights, and words of unseen classes keep their pretrained embeddings. The released code initialises its whole
        head randomly, embeddings included.
    """

    embedding: Tensor

    def __init__(self, dim: int, embedding: Float[Tensor, "word d"], *, generator: torch.Generator):
        super().__init__()
        words, width = embedding.shape
        if words == 0 or width == 0:
            raise ConfigError(
                f"the word embedding needs at least one row and one column, got shape {tuple(embedding.shape)}",
                where="embedding",
                remedy="Pass the language model's input embeddings, one row per word.",
            )
        self.dense = seeded_linear(dim, width, generator=generator)
        self.norm = nn.LayerNorm(width, device=generator.device)
        self.bias = nn.Parameter(torch.zeros(words, device=generator.device))
        self.register_buffer("embedding", embedding.detach().to(generator.device), persistent=False)

    def forward(
        self, hidden: Float[Tensor, "n dim"], candidates: Int[Tensor, " k"] | None = None
    ) -> Float[Tensor, "n words"]:
        """Logits of the words at n masked places.

        Args:
            hidden: hidden states ``H_ctx[masked]``, at masked places only, since the vocabulary is large.
            candidates: the words (rows of the embedding) to score, in the order of the result; None for all. A
                softmax over the result is the probability given that the word is one of them.
        """
        h = self.norm(nn.functional.gelu(self.dense(hidden)))
        rows, bias = self.embedding, self.bias
        if candidates is not None:
            rows, bias = rows[candidates], bias[candidates]
        return nn.functional.linear(h, rows, bias)


def reconstruction_loss(
    logits: Float[Tensor, "n words"], targets: Int[Tensor, " n"], weights: Float[Tensor, " n"] | None = None
) -> Float[Tensor, ""]:
    """L_ccr: mean cross entropy of the masked words (SkeletonContext, Eq. 4-5).

    Args:
        logits: scores of the words at each masked place.
        targets: the true word at each place, as a column of the logits.
        weights: weight of each place, at least 0 and not all 0; the result is the weighted mean. ``1 / m`` at each
            of a sample's m places gives samples equal weight, as in the released code; None gives places equal weight.

    Returns:
        A number of at least 0 (nats).

    Raises:
        ConfigError: there is no place, a target is not a column of the logits, or the weights are out of range.

    Note:
        Eq. 4 takes the logarithm of Eq. 5, which is already a logarithm, and the sum in Eq. 5 runs over a C' that its
        terms do not contain; we read both as cross entropy. Eq. 4 also sums over a sample's places; we average, so
        that the weight of this loss does not grow with the masking ratio.
    """
    n, words = logits.shape
    if n == 0:
        raise ConfigError(
            "the reconstruction loss needs at least one masked place, got none",
            where="logits",
            remedy="Mask at least one slot of each prompt.",
        )
    # PyTorch would silently ignore some negative targets ("ignore_index").
    if bool(((targets < 0) | (targets >= words)).any()):
        raise ConfigError(
            f"targets must be columns of the logits, 0 to {words - 1}, got {int(targets.min())} to "
            f"{int(targets.max())}",
            where="targets",
            remedy="With candidates, a target is a position among the candidates.",
        )
    if weights is None:
        return nn.functional.cross_entropy(logits, targets.long())
    if not bool((weights >= 0).all() & (weights.sum() > 0) & weights.isfinite().all()):
        raise ConfigError("weights must be finite, at least 0 and not all 0", where="weights")
    each = nn.functional.cross_entropy(logits, targets.long(), reduction="none")
    return (weights * each).sum() / weights.sum()


def _adapter(inputs: int, outputs: int, generator: torch.Generator) -> nn.Module:
    return nn.Identity() if inputs == outputs else seeded_linear(inputs, outputs, generator=generator)
