"""Attention and feed-forward blocks with the residual connection and LayerNorm of SkeletonContext (section 3.3.3).

Each block is ``LN(x + f(x))``: the norm comes last, as in BERT and LXMERT, whose blocks the paper describes. These have
dropout at the attention weights and at the output of each block; here it is off unless a rate is given. It draws from
torch's global generator, so training steps run inside :func:`zsar_kit.seeding.seeded_draws`.
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
        dropout: share of the attention weights that training drops.
        generator: source of the initial weights.

    Raises:
        ConfigError: heads is not positive or does not divide dim, or dropout is outside [0, 1).
    """

    def __init__(self, dim: int, heads: int, *, dropout: float = 0.0, generator: torch.Generator):
        super().__init__()
        _check_dropout(dropout)
        if dim < 1 or heads < 1 or dim % heads:
            raise ConfigError(
                f"attention needs a positive number of heads that divides its width, got heads={heads}, dim={dim}",
                where="heads",
                remedy="BERT's width of 768 has 12 heads; one head fits any width.",
            )
        self.heads, self.dropout = heads, dropout
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

        Raises:
            ConfigError: there is nothing to attend to: y has no token, or a sample's tokens are all masked.
        """
        # The softmax over no key is NaN in some of torch's kernels and zero in others; neither is an answer.
        if y.shape[1] == 0 or not (mask is None or bool(mask.any(dim=-1).all())):
            empty = list(range(len(y))) if mask is None else (~mask.any(dim=-1)).nonzero().flatten().tolist()
            raise ConfigError(
                f"attention needs at least one token to attend to, but the samples at {empty} have none",
                where="mask",
                remedy="Leave such samples out.",
            )
        q, k, v = (
            rearrange(part, "b n (h d) -> b h n d", h=self.heads)
            for part in (self.query(x), self.key(y), self.value(y))
        )
        keys = None if mask is None else mask[:, None, None, :]
        dropout = self.dropout if self.training else 0.0
        found = scaled_dot_product_attention(q, k, v, attn_mask=keys, dropout_p=dropout)
        return self.project(rearrange(found, "b h n d -> b n (h d)"))


class AttentionBlock(nn.Module):
    """``LN(x + drop(attention(x, y)))``.

    Args:
        dim: width of the tokens.
        heads: number of heads.
        dropout: share that training drops, of the attention weights and of the block's output.
        generator: source of the initial weights.

    Raises:
        ConfigError: heads is not positive or does not divide dim, or dropout is outside [0, 1).
    """

    def __init__(self, dim: int, heads: int, *, dropout: float = 0.0, generator: torch.Generator):
        super().__init__()
        self.attention = MultiHeadAttention(dim, heads, dropout=dropout, generator=generator)
        self.drop = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(dim, device=generator.device)

    def forward(
        self,
        x: Float[Tensor, "batch token dim"],
        y: Float[Tensor, "batch other dim"],
        mask: Bool[Tensor, "batch other"] | None = None,
    ) -> Float[Tensor, "batch token dim"]:
        """See :meth:`MultiHeadAttention.forward`; self-attention is the case ``y = x``."""
        return self.norm(x + self.drop(self.attention(x, y, mask)))


class FeedForwardBlock(nn.Module):
    """``LN(x + drop(W_2 GELU(W_1 x)))`` for each token separately.

    Args:
        dim: width of the tokens.
        hidden: hidden width between the layers.
        dropout: share of the block's output that training drops.
        generator: source of the initial weights.

    Raises:
        ConfigError: a width is not positive, or dropout is outside [0, 1).
    """

    def __init__(self, dim: int, hidden: int, *, dropout: float = 0.0, generator: torch.Generator):
        super().__init__()
        _check_dropout(dropout)
        self.inner = seeded_linear(dim, hidden, generator=generator)
        self.outer = seeded_linear(hidden, dim, generator=generator)
        self.drop = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(dim, device=generator.device)

    def forward(self, x: Float[Tensor, "*tokens dim"]) -> Float[Tensor, "*tokens dim"]:
        """The transformed tokens."""
        return self.norm(x + self.drop(self.outer(nn.functional.gelu(self.inner(x)))))


def _check_dropout(dropout: float) -> None:
    if not 0 <= dropout < 1:
        raise ConfigError(f"dropout must be in [0, 1), got {dropout}", where="dropout")
