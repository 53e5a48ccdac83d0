"""Networks for the velocity field v_theta(z_t, t) of Flora's flow (section 4.3, Tables 4 and 14).

All take latent tokens and the time. A conditioned network (Table 4's ablation with the pooled text) also adds its
condition to the time embedding. All return exactly zero before training: their last layer is initialised to zero, so
that the first steps are not spent on undoing a random field.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from zsar_kit.errors import ConfigError
from zsar_kit.models.blocks import seeded_linear, sinusoidal_embedding
from zsar_kit.models.flora.dit import DiTBlock, PackedTokens, SumWeights


@dataclass(frozen=True)
class TimeCode:
    """The sinusoidal code of the time.

    Attributes:
        scale: times in [0, 1] are multiplied by this; 1000 gives diffusion's step numbers, which the sinusoids'
            frequencies are made for.
        frequencies: width of the code: half of it sines, half of it cosines.

    Raises:
        ConfigError: the scale is not positive, or there is not a frequency.
    """

    scale: float = 1000.0
    frequencies: int = 128

    def __post_init__(self) -> None:
        if not 0 < self.scale < float("inf") or self.frequencies < 2:
            raise ConfigError(
                f"a time code needs a positive scale and a width of at least 2, got {self.scale} and "
                f"{self.frequencies}",
                where="TimeCode",
            )


class VelocityField(nn.Module, ABC):
    """Base class of velocity networks: a velocity for each latent token.

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
            mask: True at real tokens; None if all are real. Values at padding never affect real tokens, and the output
                at padding is meaningless.
            condition: input of a conditioned network; None for a condition-free one.

        Raises:
            ConfigError: a condition is missing, or given to a condition-free network.
        """

    def prepare(self, t: Float[Tensor, " one"]) -> SumWeights | None:
        """Weights at time ``t`` that :meth:`at_sums` can reuse over many calls; None if there are none."""
        return None

    def at_sums(
        self,
        x: Float[Tensor, "column token dim"],
        y: Float[Tensor, "row place dim"],
        t: Float[Tensor, " one"],
        mask: Bool[Tensor, "column token"],
        condition: Float[Tensor, "column condition"] | None = None,
        prepared: SumWeights | None = None,
    ) -> Float[Tensor, "row column token dim"]:
        """The velocity at each sum ``x[column] + y[row]``, the form of z_t when all classes meet all samples.

        Args:
            x: one term for each column, such as the text term of z_t.
            y: the other term for each row, one for all tokens or one per token.
            t: time, the same for all.
            mask: True at real tokens of the columns.
            condition: condition of each column; see :meth:`forward`.
            prepared: result of :meth:`prepare` at the same time; without it each pair is computed separately.
        """
        rows, columns = len(y), len(x)
        z_t = (x[None] + y[:, None]).flatten(0, 1)
        every = mask[None].expand(rows, -1, -1).flatten(0, 1)
        given = None if condition is None else condition[None].expand(rows, -1, -1).flatten(0, 1)
        return self.forward(z_t, t, every, given).unflatten(0, (rows, columns))

    @abstractmethod
    def activation_floats(self, tokens: int) -> int:
        """Approximate number of floats in memory at once, per sample of ``tokens`` tokens, without gradients."""


class VelocityDiT(VelocityField):
    """Diffusion-transformer blocks with adaLN-zero on the time (the paper's choice: one block).

    Args:
        dim: width of the latent tokens.
        depth: number of blocks.
        heads: attention heads; must divide ``width``.
        mlp_ratio: hidden width of a block's MLP over ``width``.
        width: width of the blocks; ``dim`` by default.
        positions: add a sinusoidal positional encoding. Text tokens carry some order from the language model; the
            skeleton term of z_t carries none. The paper does not say.
        condition_dim: width of the condition; None, the paper's choice, is condition-free.
        time: the code of the time.
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
        time: TimeCode | None = None,
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
        self.time = TimeEmbedding(width, condition_dim, time, generator=generator)
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
        tokens = PackedTokens(z_t, mask)
        h = self.embed(tokens.pack(z_t))
        if self.positions:
            h = h + sinusoidal_embedding(tokens.places.float(), self.width).to(h.dtype)
        return self._end(h, self.time(t, condition), tokens, self.blocks)

    def prepare(self, t: Float[Tensor, " one"]) -> SumWeights | None:
        """See :meth:`VelocityField.prepare`; None for a conditioned network, whose blocks differ by condition."""
        if self.time.condition is not None:
            return None
        block = self.blocks[0]
        assert isinstance(block, DiTBlock)
        return block.prepare(self.time(t))

    def at_sums(
        self,
        x: Float[Tensor, "column token dim"],
        y: Float[Tensor, "row place dim"],
        t: Float[Tensor, " one"],
        mask: Bool[Tensor, "column token"],
        condition: Float[Tensor, "column condition"] | None = None,
        prepared: SumWeights | None = None,
    ) -> Float[Tensor, "row column token dim"]:
        """See :meth:`VelocityField.at_sums`; exact, but most of the first block is computed once per row or column.

        The first block's LayerNorm of a sum a + s of centred vectors is ``(a + s) / sqrt(|a|^2 + |s|^2 + 2 a.s)``, up
        to a constant: queries, keys and values are linear in a and s except for this one factor r per token. Attention
        then mixes the columns' values with weights w r. The linear maps that follow, its output projection and the
        MLP's first layer, can therefore be applied once to the few values of each column instead of to each token of
        each pair. This saves work as long as a text has fewer tokens than a head has features.
        """
        short = self.heads * (x.shape[1] + 1) < self.width
        if prepared is None or condition is not None or y.shape[1] > 1 or not short:
            return super().at_sums(x, y, t, mask, condition)
        a, s = self.embed(x), nn.functional.linear(y[:, 0], self.embed.weight)
        if self.positions:
            a = a + sinusoidal_embedding(torch.arange(x.shape[1], device=x.device), self.width).to(a.dtype)
        block = self.blocks[0]
        assert isinstance(block, DiTBlock)
        rows, columns = len(y), len(x)
        h = block.at_sums(a, s, mask, prepared).flatten(0, 1)
        tokens = PackedTokens(h, mask[None].expand(rows, -1, -1).flatten(0, 1))
        return self._end(tokens.pack(h), prepared.embedded, tokens, self.blocks[1:]).unflatten(0, (rows, columns))

    def _end(
        self, h: Float[Tensor, "*tokens width"], embedded: Float[Tensor, "#batch width"], tokens: PackedTokens, blocks
    ) -> Float[Tensor, "batch token dim"]:
        """The remaining blocks and the head."""
        for block in blocks:
            h = block(h, embedded, tokens)
        shift, scale = (tokens.spread(part) for part in self.modulation(embedded).chunk(2, dim=-1))
        return tokens.unpack(self.head(self.norm(h) * (1 + scale) + shift))

    def activation_floats(self, tokens: int) -> int:
        """See :meth:`VelocityField.activation_floats`."""
        # z_t, target and output; residual, its norm and the modulated copy; q, k, v and attention's result,
        # or the MLP.
        per_token = 4 * self.dim + 4 * self.width + max(5 * self.width, 2 * self.hidden)
        return tokens * (per_token + self.heads * tokens)


class VelocityMLP(VelocityField):
    """Two linear layers on each token by itself, the time added in between (Flora, Table 14).

    Args:
        dim: width of the latent tokens.
        hidden: width between the layers; ``4 * dim`` by default.
        condition_dim: width of the condition; None is condition-free.
        time: the code of the time.
        generator: source of the initial weights.

    Raises:
        ConfigError: a size is not positive.
    """

    def __init__(
        self,
        dim: int,
        hidden: int | None = None,
        *,
        condition_dim: int | None = None,
        time: TimeCode | None = None,
        generator: torch.Generator,
    ):
        super().__init__()
        self.dim, self.hidden = dim, 4 * dim if hidden is None else hidden
        self.embed = seeded_linear(dim, self.hidden, generator=generator)
        self.time = TimeEmbedding(self.hidden, condition_dim, time, generator=generator)
        self.head = seeded_linear(self.hidden, dim, generator=generator, gain=0.0)

    def forward(
        self,
        z_t: Float[Tensor, "batch token dim"],
        t: Float[Tensor, "#batch"],
        mask: Bool[Tensor, "batch token"] | None = None,
        condition: Float[Tensor, "#batch condition"] | None = None,
    ) -> Float[Tensor, "batch token dim"]:
        """See :meth:`VelocityField.forward`; tokens do not interact, so the mask is not needed."""
        return self.head(nn.functional.gelu(self.embed(z_t) + self.time(t, condition)[:, None]))

    def activation_floats(self, tokens: int) -> int:
        """See :meth:`VelocityField.activation_floats`."""
        return tokens * (4 * self.dim + 3 * self.hidden)


class TimeEmbedding(nn.Module):
    """Sinusoids of the time, then two linear layers with SiLU; a condition is added before the last SiLU.

    Args:
        width: width of the embedding.
        condition_dim: width of the condition; None for none.
        code: the sinusoidal code; the defaults of :class:`TimeCode` if None.
        generator: source of the initial weights.
    """

    def __init__(
        self, width: int, condition_dim: int | None = None, code: TimeCode | None = None, *, generator: torch.Generator
    ):
        super().__init__()
        self.code = code or TimeCode()
        self.layers = nn.Sequential(
            seeded_linear(self.code.frequencies, width, generator=generator),
            nn.SiLU(),
            seeded_linear(width, width, generator=generator),
        )
        given = condition_dim is not None
        self.condition = seeded_linear(condition_dim, width, generator=generator) if given else None

    def forward(
        self, t: Float[Tensor, " n"], condition: Float[Tensor, "m condition"] | None = None
    ) -> Float[Tensor, "_ width"]:
        """The embedding of times in [0, 1], plus that of the condition if the network has one."""
        if (condition is None) != (self.condition is None):
            raise ConfigError(
                "a conditioned network needs a condition and a condition-free one takes none, got "
                f"{'none' if condition is None else 'one'}",
                where="condition",
                remedy="Build the network with condition_dim to condition it.",
            )
        embedded = self.layers(sinusoidal_embedding(t * self.code.scale, self.code.frequencies))
        if condition is not None and self.condition is not None:
            embedded = embedded + self.condition(condition)
        return nn.functional.silu(embedded)
