"""Blocks of the diffusion transformer for Flora's velocity field (section 4.3), on packed tokens.

A block computes everything except attention on real tokens only. For scoring, its linear parts can be multiplied out
over the sums of all classes and all samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from zsar_kit.errors import DataError
from zsar_kit.models.blocks import seeded_linear
from zsar_kit.reprs import ShownByShape


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
        tokens: PackedTokens,
    ) -> Float[Tensor, "*tokens width"]:
        """Apply the block; padding is never attended to."""
        # Split first, then spread: the gradient never has the width of all six together.
        shift, scale, *rest = (tokens.spread(part) for part in self.modulation(condition).chunk(6, dim=-1))
        gate_1, shift_2, scale_2, gate_2 = rest
        qkv = tokens.unpack(self.qkv(self.norm_1(h) * (1 + scale) + shift))
        q, k, v = rearrange(qkv, "b t (three heads d) -> three b heads t d", three=3, heads=self.heads)
        keys = None if tokens.mask is None else tokens.mask[:, None, None, :]
        found = scaled_dot_product_attention(q, k, v, attn_mask=keys)
        h = h + gate_1 * self.project(tokens.pack(rearrange(found, "b h t d -> b t (h d)")))
        return h + gate_2 * self.mlp(self.norm_2(h) * (1 + scale_2) + shift_2)

    def prepare(self, embedded: Float[Tensor, "one width"]) -> SumWeights:
        """The block's weights at one time, with all linear maps between attention and GELU multiplied out."""
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
        """The block at each sum ``a[column] + s[row]``; ``VelocityDiT.at_sums`` explains why this is exact."""
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
        # From here on jointly: [residual stream ; MLP input to GELU, without LayerNorm's scale and shift].
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
class SumWeights(ShownByShape):
    """A block's weights at one time, multiplied out for :meth:`DiTBlock.at_sums`.

    Attributes:
        embedded: the time embedding.
        qkv: maps a centred token to queries, keys and values, before LayerNorm's scale.
        qk_shift: shift of queries and keys by the modulation.
        both: maps the residual stream to itself and to the MLP's first layer.
        values: maps the values of each head, through attention's projection, to both.
        attended: shift of the residual stream by the modulation of the values and by the projection's bias.
        hidden_shift: shift before the GELU by the modulation and the bias.
        gate: gate of the MLP.
    """

    embedded: Float[Tensor, "one width"]
    qkv: Float[Tensor, "triple width"]
    qk_shift: Float[Tensor, " double"]
    both: Float[Tensor, "both width"]
    values: Float[Tensor, "head d both"]
    attended: Float[Tensor, " width"]
    hidden_shift: Float[Tensor, " hidden"]
    gate: Float[Tensor, " width"]


class PackedTokens:
    """Positions of the real tokens of a batch, so that everything except attention runs on these only.

    Without padding, tokens keep the shape ``[batch, token, width]``; with padding, the real ones form one flat axis.

    Args:
        z_t: tokens of the batch.
        mask: True at real tokens; None if all are real.

    Raises:
        DataError: a sample has no real token.
    """

    def __init__(self, z_t: Float[Tensor, "batch token dim"], mask: Bool[Tensor, "batch token"] | None):
        self.mask = None if mask is None or bool(mask.all()) else mask
        if self.mask is not None and not bool(self.mask.any(dim=1).all()):
            raise DataError(  # attention over nothing is NaN or zero, depending on the backend
                f"each sample needs at least one real token, but sample {int((~self.mask.any(dim=1)).nonzero()[0])} "
                "has none",
                where="mask",
            )
        if self.mask is None:
            self.places = torch.arange(z_t.shape[1], device=z_t.device)
        else:
            self.samples, self.places = self.mask.nonzero(as_tuple=True)

    def pack(self, x: Float[Tensor, "batch token d"]) -> Float[Tensor, "*tokens d"]:
        """Select the real tokens."""
        return x if self.mask is None else x[self.samples, self.places]

    def unpack(self, x: Float[Tensor, "*tokens d"]) -> Float[Tensor, "batch token d"]:
        """Put tokens back to their positions, with zeros at padding."""
        if self.mask is None:
            return x
        return x.new_zeros(*self.mask.shape, x.shape[-1]).index_put((self.samples, self.places), x)

    def spread(self, x: Float[Tensor, "#batch d"]) -> Float[Tensor, "*rows d"]:
        """Repeat a value per sample at each of its tokens, or broadcast a value that all samples share."""
        if self.mask is None:
            return x[:, None]
        return x if len(x) == 1 else x.index_select(0, self.samples)
