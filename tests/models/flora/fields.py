"""Velocity fields and random numbers for the tests of Flora's flow."""

from __future__ import annotations

import torch

from zsar_kit.models.flora.velocity import VelocityDiT, VelocityField


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def stirred(model: VelocityField, seed: int = 0) -> VelocityField:
    """The model with random weights everywhere, so that no layer is silent."""
    g = seeded(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=g) / parameter.shape[-1] ** 0.5)
    return model.double()


def dit(dim: int = 6, **options) -> VelocityField:
    return stirred(VelocityDiT(dim, heads=2, mlp_ratio=2.0, generator=seeded(), **options))


class Nothing(VelocityField):
    """The field that is zero everywhere."""

    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim

    def forward(self, z_t, t, mask=None, condition=None):
        return torch.zeros_like(z_t)

    def activation_floats(self, tokens: int) -> int:
        return tokens * self.dim
