"""Networks for the velocity field v_theta(z_t, t) of Flora's flow (section 4.3, Tables 4 and 14).

All of them see latent tokens and the time, and no other condition unless they are built for one (the pooled text of
Table 4's ablation), which then joins the time embedding. All of them return exactly zero before training: their last
layer starts at zero, so that the first steps are not spent on undoing a random field.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from zsar_kit.errors import ConfigError
from zsar_kit.models.blocks import seeded_linear, sinusoidal_embedding

TIME_SCALE = 1000.0
"""Times in [0, 1] are stretched to the scale of the sinusoidal frequencies (diffusion's step numbers)."""


class VelocityField(nn.Module, ABC):
    """What the flow asks of a network: a velocity for each latent token.

    Attributes:
        dim: width of the latent tokens.
    """

    dim: int

    @abstractmethod
    def forward(
        self,
        z_t: Float[Tensor, "batch token dim"],
        t: Float[Tensor, "#batch"],
        mask: Bool[Tensor, "batch token"] | None = None,
        condition: Float[Tensor, "#batch condition"] | None = None,
    ) -> Float[Tensor, "batch token dim"]:
        """The velocity at ``z_t``.

        Args:
            z_t: latent tokens between source and target (Eq. 5).
            t: time of each sample in [0, 1], or a single one for all.
            mask: True at real tokens; None says that all are real. Values at padding never reach real tokens;
                what comes out at padding means nothing.
            condition: what a conditioned network is conditioned on; None for a condition-free one.

        Raises:
            ConfigError: a condition is missing, or given to a condition-free network.
        """

    @abstractmethod
    def activation_floats(self, tokens: int) -> int:
        """About how many numbers are alive at once, per sample of ``tokens`` tokens, without gradients."""


class VelocityDiT(VelocityField):
    """Diffusion-transformer blocks with adaLN-zero on the time (the paper's choice: one block).

    Args:
        dim: width of the latent tokens.
        depth: number of blocks.
        heads: attention heads; must divide ``width``.
        mlp_ratio: hidden width of a block's MLP over ``width``.
        width: width of the blocks; ``dim`` by default.
        positions: add a sinusoidal code of the token's place. Text tokens bring some of their order from the
            language model; the skeleton's side of z_t brings none. The paper is silent on it.
        condition_dim: width of the condition; None, the paper's choice, is condition-free.
        generator: source of the initial weights.

    Raises:
        ConfigError: a size is not positive, or heads do not divide the width.
    """

    def __init__(
        self,
        dim: int,
        depth: int = 1,
        heads: int = 8,
        mlp_ratio: float = 4.0,
        *,
        width: int | None = None,
        positions: bool = True,
        condition_dim: int | None = None,
        generator: torch.Generator,
    ):
        super().__init__()
        width = dim if width is None else width
        if depth < 1 or heads < 1 or width % heads or mlp_ratio <= 0:
            raise ConfigError(
                "a DiT needs a positive depth and mlp_ratio, and a number of heads that divides its width; "
                f"got depth={depth}, heads={heads}, mlp_ratio={mlp_ratio}, width={width}",
                where="VelocityDiT",
            )
        self.dim, self.width, self.heads, self.positions = dim, width, heads, positions
        self.hidden = hidden = max(1, round(mlp_ratio * width))
        self.embed = seeded_linear(dim, width, generator=generator)
        self.time = TimeEmbedding(width, condition_dim, generator=generator)
        self.blocks = nn.ModuleList(DiTBlock(width, heads, hidden, generator=generator) for _ in range(depth))
        self.norm = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.modulation = seeded_linear(width, 2 * width, generator=generator, gain=0.0)
        self.head = seeded_linear(width, dim, generator=generator, gain=0.0)

    def forward(
        self,
        z_t: Float[Tensor, "batch token dim"],
        t: Float[Tensor, "#batch"],
        mask: Bool[Tensor, "batch token"] | None = None,
        condition: Float[Tensor, "#batch condition"] | None = None,
    ) -> Float[Tensor, "batch token dim"]:
        """See :meth:`VelocityField.forward`."""
        h = self.embed(z_t)
        if self.positions:
            places = torch.arange(h.shape[1], device=h.device, dtype=torch.float32)
            h = h + sinusoidal_embedding(places, self.width).to(h.dtype)
        embedded = self.time(t, condition)
        for block in self.blocks:
            h = block(h, embedded, mask)
        shift, scale = self.modulation(embedded)[:, None].chunk(2, dim=-1)
        return self.head(self.norm(h) * (1 + scale) + shift)

    def activation_floats(self, tokens: int) -> int:
        """See :meth:`VelocityField.activation_floats`."""
        # z_t, target and output; residual, its norm and the modulated copy; q, k, v and attention's result,
        # or the MLP.
        per_token = 4 * self.dim + 4 * self.width + max(5 * self.width, 2 * self.hidden)
        return tokens * (per_token + self.heads * tokens)


class DiTBlock(nn.Module):
    """Self-attention and MLP, each scaled, shifted and gated by the time; the gates start at zero.

    Args:
        width: width of the tokens.
        heads: attention heads.
        hidden: hidden width of the MLP.
        generator: source of the initial weights.
    """

    def __init__(self, width: int, heads: int, hidden: int, *, generator: torch.Generator):
        super().__init__()
        self.heads = heads
        self.norm_1 = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.norm_2 = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.qkv = seeded_linear(width, 3 * width, generator=generator)
        self.project = seeded_linear(width, width, generator=generator)
        self.mlp = nn.Sequential(
            seeded_linear(width, hidden, generator=generator),
            nn.GELU(approximate="tanh"),
            seeded_linear(hidden, width, generator=generator),
        )
        self.modulation = seeded_linear(width, 6 * width, generator=generator, gain=0.0)

    def forward(
        self,
        h: Float[Tensor, "batch token width"],
        condition: Float[Tensor, "#batch width"],
        mask: Bool[Tensor, "batch token"] | None,
    ) -> Float[Tensor, "batch token width"]:
        """One block; keys at padding are never attended to."""
        shift_1, scale_1, gate_1, shift_2, scale_2, gate_2 = self.modulation(condition)[:, None].chunk(6, dim=-1)
        h = h + gate_1 * self.attend(self.norm_1(h) * (1 + scale_1) + shift_1, mask)
        return h + gate_2 * self.mlp(self.norm_2(h) * (1 + scale_2) + shift_2)

    def attend(
        self, h: Float[Tensor, "batch token width"], mask: Bool[Tensor, "batch token"] | None
    ) -> Float[Tensor, "batch token width"]:
        """Multi-head self-attention."""
        q, k, v = rearrange(self.qkv(h), "b t (three heads d) -> three b heads t d", three=3, heads=self.heads)
        keys = None if mask is None else mask[:, None, None, :]
        return self.project(rearrange(scaled_dot_product_attention(q, k, v, attn_mask=keys), "b h t d -> b t (h d)"))


class VelocityMLP(VelocityField):
    """Two linear layers on each token by itself, the time added in between (Flora, Table 14).

    Args:
        dim: width of the latent tokens.
        hidden: width between the layers; ``4 * dim`` by default.
        condition_dim: width of the condition; None is condition-free.
        generator: source of the initial weights.

    Raises:
        ConfigError: a size is not positive.
    """

    def __init__(
        self, dim: int, hidden: int | None = None, *, condition_dim: int | None = None, generator: torch.Generator
    ):
        super().__init__()
        self.dim, self.hidden = dim, 4 * dim if hidden is None else hidden
        self.embed = seeded_linear(dim, self.hidden, generator=generator)
        self.time = TimeEmbedding(self.hidden, condition_dim, generator=generator)
        self.head = seeded_linear(self.hidden, dim, generator=generator, gain=0.0)

    def forward(
        self,
        z_t: Float[Tensor, "batch token dim"],
        t: Float[Tensor, "#batch"],
        mask: Bool[Tensor, "batch token"] | None = None,
        condition: Float[Tensor, "#batch condition"] | None = None,
    ) -> Float[Tensor, "batch token dim"]:
        """See :meth:`VelocityField.forward`; tokens do not meet, so the mask is not needed."""
        return self.head(nn.functional.gelu(self.embed(z_t) + self.time(t, condition)[:, None]))

    def activation_floats(self, tokens: int) -> int:
        """See :meth:`VelocityField.activation_floats`."""
        return tokens * (4 * self.dim + 3 * self.hidden)


class TimeEmbedding(nn.Module):
    """Sinusoids of the time, then two linear layers with SiLU; a condition joins before the last SiLU.

    Args:
        width: width of the embedding.
        condition_dim: width of the condition; None for none.
        frequencies: width of the sinusoidal code.
        generator: source of the initial weights.
    """

    def __init__(
        self, width: int, condition_dim: int | None = None, frequencies: int = 128, *, generator: torch.Generator
    ):
        super().__init__()
        self.frequencies = frequencies
        self.layers = nn.Sequential(
            seeded_linear(frequencies, width, generator=generator),
            nn.SiLU(),
            seeded_linear(width, width, generator=generator),
        )
        given = condition_dim is not None
        self.condition = seeded_linear(condition_dim, width, generator=generator) if given else None

    def forward(
        self, t: Float[Tensor, " n"], condition: Float[Tensor, "m condition"] | None = None
    ) -> Float[Tensor, "_ width"]:
        """The embedding of times in [0, 1], with that of the condition where the network has one."""
        if (condition is None) != (self.condition is None):
            raise ConfigError(
                "a conditioned network needs a condition and a condition-free one takes none, got "
                f"{'none' if condition is None else 'one'}",
                where="condition",
                remedy="Build the network with condition_dim to condition it.",
            )
        embedded = self.layers(sinusoidal_embedding(t * TIME_SCALE, self.frequencies))
        if condition is not None and self.condition is not None:
            embedded = embedded + self.condition(condition)
        return nn.functional.silu(embedded)
