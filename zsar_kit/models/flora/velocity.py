"""Networks for the velocity field v_theta(z_t, t) of Flora's flow (section 4.3, Tables 4 and 14).

All of them see latent tokens and the time, and no other condition unless they are built for one (the pooled text of
Table 4's ablation), which then joins the time embedding. All of them return exactly zero before training: their last
layer starts at zero, so that the first steps are not spent on undoing a random field.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

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

    def prepare(self, t: Float[Tensor, " one"]) -> SumWeights | None:
        """What :meth:`at_sums` can compute of the weights at time ``t`` once for many calls."""
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
        """The velocity at each sum ``x[column] + y[row]``: the shape of z_t when all classes meet all samples.

        Args:
            x: one addend for each column, such as the texts' share of z_t.
            y: the other for each row, one for all tokens or one a token.
            t: time, one for all.
            mask: True at real tokens of the columns.
            condition: of each column; see :meth:`forward`.
            prepared: from :meth:`prepare` at the same time; without it the pairs are made one by one.
        """
        rows, columns = len(y), len(x)
        z_t = (x[None] + y[:, None]).flatten(0, 1)
        every = mask[None].expand(rows, -1, -1).flatten(0, 1)
        given = None if condition is None else condition[None].expand(rows, -1, -1).flatten(0, 1)
        return self.forward(z_t, t, every, given).unflatten(0, (rows, columns))

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
        tokens = _Tokens(z_t, mask)
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
        to a constant: queries, keys and values are linear in a and s but for that one number r a token. Attention then
        mixes the columns' values with weights w r. Everything linear that follows it, its output projection and the
        MLP's first layer, is therefore applied to the few values of each column beforehand, and not to each token of
        each pair. That saves work while a text has fewer tokens than a head has features.
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
        tokens = _Tokens(h, mask[None].expand(rows, -1, -1).flatten(0, 1))
        return self._end(tokens.pack(h), prepared.embedded, tokens, self.blocks[1:]).unflatten(0, (rows, columns))

    def _end(
        self, h: Float[Tensor, "*tokens width"], embedded: Float[Tensor, "#batch width"], tokens: _Tokens, blocks
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
        h: Float[Tensor, "*tokens width"],
        condition: Float[Tensor, "#batch width"],
        tokens: _Tokens,
    ) -> Float[Tensor, "*tokens width"]:
        """One block; keys at padding are never attended to."""
        # Cut first and spread then: the gradient is never as wide as all six together.
        shift, scale, *rest = (tokens.spread(part) for part in self.modulation(condition).chunk(6, dim=-1))
        gate_1, shift_2, scale_2, gate_2 = rest
        qkv = tokens.unpack(self.qkv(self.norm_1(h) * (1 + scale) + shift))
        q, k, v = rearrange(qkv, "b t (three heads d) -> three b heads t d", three=3, heads=self.heads)
        keys = None if tokens.mask is None else tokens.mask[:, None, None, :]
        found = scaled_dot_product_attention(q, k, v, attn_mask=keys)
        h = h + gate_1 * self.project(tokens.pack(rearrange(found, "b h t d -> b t (h d)")))
        return h + gate_2 * self.mlp(self.norm_2(h) * (1 + scale_2) + shift_2)

    def prepare(self, embedded: Float[Tensor, "one width"]) -> SumWeights:
        """The block's weights at one time, with what is linear between attention and GELU multiplied out."""
        width = embedded.shape[-1]
        shift_1, scale_1, gate_1, shift_2, scale_2, gate_2 = self.modulation(embedded).chunk(6, dim=-1)
        first = self.mlp[0]
        assert isinstance(first, nn.Linear)
        inner = first.weight * (1 + scale_2)
        both = torch.cat([torch.eye(width).to(inner), inner - inner.mean(-1, keepdim=True)])
        of_v = nn.functional.linear(shift_1, self.qkv.weight, self.qkv.bias)
        return SumWeights(
            embedded=embedded,
            qkv=self.qkv.weight * (1 + scale_1),
            qk_shift=of_v[0, : 2 * width],
            both=both,
            values=rearrange(both @ (self.project.weight * gate_1.T), "o (h d) -> h d o", h=self.heads),
            attended=gate_1[0] * nn.functional.linear(of_v[0, 2 * width :], self.project.weight, self.project.bias),
            hidden_shift=nn.functional.linear(shift_2, first.weight, first.bias)[0],
            gate=gate_2[0],
        )

    def at_sums(
        self,
        a: Float[Tensor, "column token width"],
        s: Float[Tensor, "row width"],
        mask: Bool[Tensor, "column token"],
        w: SumWeights,
    ) -> Float[Tensor, "row column token width"]:
        """The block at each sum ``a[column] + s[row]``; see :meth:`VelocityDiT.at_sums`."""
        linear, width = nn.functional.linear, a.shape[-1]
        a_0, s_0 = a - a.mean(-1, keepdim=True), s - s.mean(-1, keepdim=True)
        squares = a_0.square().sum(-1) + s_0.square().sum(-1)[:, None, None] + 2 * torch.einsum("cmw,rw->rcm", a_0, s_0)
        r = (squares / width + self.norm_1.eps).rsqrt()[..., None]
        qk_a, v_a = linear(a_0, w.qkv).split((2 * width, width), -1)
        qk_s, v_s = linear(s_0, w.qkv).split((2 * width, width), -1)
        qk = (qk_a + qk_s[:, None, None]).mul_(r).add_(w.qk_shift)
        q, k = rearrange(qk, "r c m (two h d) -> two r c h m d", two=2, h=self.heads)
        logits = (q @ k.mT) / q.shape[-1] ** 0.5
        weights = logits.masked_fill_(~mask[None, :, None, None], -torch.inf).softmax(-1) * r[..., None, None, :, 0]
        # From here on, [residual stream ; the MLP before its GELU, but for LayerNorm's scale and shift] at once.
        of_a = torch.einsum("cmhd,hdo->chmo", v_a.unflatten(-1, (self.heads, -1)), w.values).flatten(1, 2)
        of_s = torch.einsum("rhd,hdo->rho", v_s.unflatten(-1, (self.heads, -1)), w.values)
        sums = rearrange(weights.sum(-1), "r c h i -> r (c i) h")
        found = torch.baddbmm(linear(s, w.both)[:, None], sums, of_s).unflatten(1, a.shape[:2])
        found += linear(a + w.attended, w.both)
        found += torch.einsum("rchij,chjo->rcio", weights, of_a.unflatten(1, (self.heads, -1)))
        h, hidden = found.split((width, found.shape[-1] - width), -1)
        spread = (h.var(-1, correction=0, keepdim=True) + self.norm_2.eps).rsqrt()
        return h + w.gate * self.mlp[1:](torch.addcmul(w.hidden_shift, hidden, spread))


@dataclass(frozen=True)
class SumWeights:
    """A block's weights at one time, multiplied out for :meth:`DiTBlock.at_sums`.

    Attributes:
        embedded: the time embedding.
        qkv: to queries, keys and values of a centred token, before LayerNorm's scale.
        qk_shift: what the modulation adds to queries and keys.
        both: from the residual stream to itself and to the MLP's first layer.
        values: from the values of each head, through attention's projection, to both.
        attended: what the modulation's share of the values and the projection's bias add to the residual stream.
        hidden_shift: what the modulation and the bias add before the GELU.
        gate: of the MLP.
    """

    embedded: Float[Tensor, "one width"]
    qkv: Float[Tensor, "triple width"]
    qk_shift: Float[Tensor, " double"]
    both: Float[Tensor, "both width"]
    values: Float[Tensor, "head d both"]
    attended: Float[Tensor, " width"]
    hidden_shift: Float[Tensor, " hidden"]
    gate: Float[Tensor, " width"]


class _Tokens:
    """Where the real tokens of a batch are, so that everything but attention runs on these alone.

    Without padding tokens stay ``[batch, token, width]``; with padding the real ones are one flat axis.

    Args:
        z_t: tokens of the batch.
        mask: True at real tokens; None says that all are real.
    """

    def __init__(self, z_t: Float[Tensor, "batch token dim"], mask: Bool[Tensor, "batch token"] | None):
        self.mask = None if mask is None or bool(mask.all()) else mask
        if self.mask is None:
            self.places = torch.arange(z_t.shape[1], device=z_t.device)
        else:
            self.samples, self.places = self.mask.nonzero(as_tuple=True)

    def pack(self, x: Float[Tensor, "batch token d"]) -> Float[Tensor, "*tokens d"]:
        """The real tokens."""
        return x if self.mask is None else x[self.samples, self.places]

    def unpack(self, x: Float[Tensor, "*tokens d"]) -> Float[Tensor, "batch token d"]:
        """Back to their places, zeros at padding."""
        if self.mask is None:
            return x
        return x.new_zeros(*self.mask.shape, x.shape[-1]).index_put((self.samples, self.places), x)

    def spread(self, x: Float[Tensor, "#batch d"]) -> Float[Tensor, "*rows d"]:
        """What a sample has, for each of its tokens (or for all, where all samples share it)."""
        if self.mask is None:
            return x[:, None]
        return x if len(x) == 1 else x.index_select(0, self.samples)


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
