"""Attention and feed-forward blocks with the residual connection and LayerNorm of SkeletonContext (section 3.3.3).

Each block is ``LN(x + f(x))``: the norm comes last, as in BERT and LXMERT, whose blocks the paper describes.
"""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from zsar_kit.errors import ConfigError
from zsar_kit.models.blocks import seeded_linear


def seeded_matrix(inputs: int, outputs: int, *, generator: torch.Generator) -> nn.Linear:
    """A learnable matrix W, applied as ``x W^T``: a seeded linear layer without a bias.

    Args:
        inputs: width of the input.
        outputs: width of the output.
        generator: source of the weights (Xavier uniform).

    Raises:
        ConfigError: a width is not positive.
    """
    layer = seeded_linear(inputs, outputs, generator=generator)
    layer.register_parameter("bias", None)
    return layer


class MultiHeadAttention(nn.Module):
    """Scaled dot-product attention in several heads, from one set of tokens to another.

    Args:
        dim: width of the tokens of both sets.
        heads: number of heads; each has ``dim / heads`` features.
        generator: source of the initial weights.

    Raises:
        ConfigError: heads is not positive or does not divide dim.
    """

    def __init__(self, dim: int, heads: int, *, generator: torch.Generator):
        super().__init__()
        if dim < 1 or heads < 1 or dim % heads:
            raise ConfigError(
                f"attention needs a positive number of heads that divides its width, got heads={heads}, dim={dim}",
                where="heads",
                remedy="BERT's width of 768 has 12 heads; one head fits any width.",
            )
        self.heads = heads
        self.query = seeded_linear(dim, dim, generator=generator)
        # A bias of the keys would shift all scores of a query equally, which the softmax cancels.
        self.key = seeded_matrix(dim, dim, generator=generator)
        self.value = seeded_linear(dim, dim, generator=generator)
        self.project = seeded_linear(dim, dim, generator=generator)

    def forward(
        self,
        x: Float[Tensor, "batch token dim"],
        y: Float[Tensor, "batch other dim"],
        mask: Bool[Tensor, "batch other"] | None = None,
    ) -> Float[Tensor, "batch token dim"]:
        """Attention of each token of x over the tokens of y.

        Args:
            x: source of the queries.
            y: source of the keys and values.
            mask: True at the tokens of y that can be attended to, at least one per sample; None for all.
        """
        q, k, v = (
            rearrange(part, "b n (h d) -> b h n d", h=self.heads)
            for part in (self.query(x), self.key(y), self.value(y))
        )
        found = scaled_dot_product_attention(q, k, v, attn_mask=None if mask is None else mask[:, None, None, :])
        return self.project(rearrange(found, "b h n d -> b n (h d)"))


class AttentionBlock(nn.Module):
    """``LN(x + attention(x, y))``.

    Args:
        dim: width of the tokens.
        heads: number of heads.
        generator: source of the initial weights.

    Raises:
        ConfigError: heads is not positive or does not divide dim.
    """

    def __init__(self, dim: int, heads: int, *, generator: torch.Generator):
        super().__init__()
        self.attention = MultiHeadAttention(dim, heads, generator=generator)
        self.norm = nn.LayerNorm(dim, device=generator.device)

    def forward(
        self,
        x: Float[Tensor, "batch token dim"],
        y: Float[Tensor, "batch other dim"],
        mask: Bool[Tensor, "batch other"] | None = None,
    ) -> Float[Tensor, "batch token dim"]:
        """See :meth:`MultiHeadAttention.forward`; self-attention is the case ``y = x``."""
        return self.norm(x + self.attention(x, y, mask))


class FeedForwardBlock(nn.Module):
    """``LN(x + W_2 GELU(W_1 x))`` for each token separately.

    Args:
        dim: width of the tokens.
        hidden: hidden width between the layers.
        generator: source of the initial weights.

    Raises:
        ConfigError: a width is not positive.
    """

    def __init__(self, dim: int, hidden: int, *, generator: torch.Generator):
        super().__init__()
        self.inner = seeded_linear(dim, hidden, generator=generator)
        self.outer = seeded_linear(hidden, dim, generator=generator)
        self.norm = nn.LayerNorm(dim, device=generator.device)

    def forward(self, x: Float[Tensor, "*tokens dim"]) -> Float[Tensor, "*tokens dim"]:
        """The transformed tokens."""
        return self.norm(x + self.outer(nn.functional.gelu(self.inner(x))))
