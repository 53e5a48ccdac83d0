"""Small building blocks that several models share."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from zsar_kit.errors import ConfigError


def seeded_linear(inputs: int, outputs: int, *, generator: torch.Generator, gain: float = 1.0) -> nn.Linear:
    """A linear layer whose weights come from ``generator`` (Xavier uniform) and whose bias is zero.

    The layer is first created on the meta device, so that the global random state is neither read nor advanced.

    Args:
        inputs: width of the input.
        outputs: width of the output.
        generator: source of the weights; the layer is on its device.
        gain: factor on the Xavier bound; with 0 the layer returns zero until it is trained.

    Raises:
        ConfigError: a width is not positive.
    """
    if inputs < 1 or outputs < 1:
        raise ConfigError(f"a linear layer needs positive widths, got {inputs} -> {outputs}")
    layer = nn.Linear(inputs, outputs, device="meta").to_empty(device=generator.device)
    if gain == 0:
        nn.init.zeros_(layer.weight)
    else:
        nn.init.xavier_uniform_(layer.weight, gain, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


def sinusoidal_embedding(
    values: Float[Tensor, " n"] | Int[Tensor, " n"], dim: int, *, max_period: float = 10_000.0
) -> Float[Tensor, "n {dim}"]:
    """Sines and cosines of ``values`` at geometrically spaced frequencies, as in Transformers.

    Args:
        values: positions, or times scaled to some hundreds.
        dim: width of the embedding; if it is odd, the last column is zero.
        max_period: the longest wavelength divided by 2 pi.
    """
    half = dim // 2
    values = values if values.is_floating_point() else values.to(torch.get_default_dtype())
    exponents = torch.arange(half, device=values.device, dtype=values.dtype) / max(half, 1)
    angles = values[:, None] * torch.exp(-math.log(max_period) * exponents)
    return nn.functional.pad(torch.cat([angles.sin(), angles.cos()], dim=-1), (0, dim - 2 * half))
