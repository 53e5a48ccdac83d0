"""The two classifiers that Flora's flow is compared with (Table 5); both use latents and no velocity."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from zsar_kit.models.blocks import seeded_linear
from zsar_kit.models.flora.cross_vae import Gaussian


def similarity(
    z_s: Float[Tensor, "batch latent"],
    z_a: Float[Tensor, "class token latent"],
    mask: Bool[Tensor, "class token"],
) -> Float[Tensor, "batch class"]:
    """Cosine between a skeleton's latent and the mean latent of a class text's real tokens, in [-1, 1].

    Args:
        z_s: latent means of the samples.
        z_a: latent means of the class tokens.
        mask: True at real tokens.
    """
    weights = mask[..., None].to(z_a.dtype)
    pooled = (z_a * weights).sum(1) / weights.sum(1)
    return nn.functional.normalize(z_s, dim=-1) @ nn.functional.normalize(pooled, dim=-1).T


def synthesise(
    texts: Gaussian, mask: Bool[Tensor, "class token"], draws: int, generator: torch.Generator
) -> tuple[Float[Tensor, "sample latent"], Int[Tensor, " sample"]]:
    """Sample ``draws`` latents for each class from its text; returns the latents and their class rows.

    Each draw picks one of the class's real tokens uniformly and samples its distribution.
    """
    device = generator.device
    rows = torch.arange(len(mask), device=device).repeat_interleave(draws)
    tokens = torch.multinomial(
        mask.to(device=device, dtype=torch.float32), draws, replacement=True, generator=generator
    )
    drawn = texts[rows.to(mask.device), tokens.flatten().to(mask.device)]
    noise = torch.randn(drawn.mu.shape, generator=generator, device=device, dtype=drawn.mu.dtype)
    return drawn.sample(noise.to(drawn.mu.device)), rows.to(mask.device)


@torch.inference_mode(False)
@torch.enable_grad()
def train_linear(
    latents: Float[Tensor, "sample latent"],
    rows: Int[Tensor, " sample"],
    *,
    steps: int,
    learning_rate: float,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "class latent"], Float[Tensor, " class"]]:
    """Softmax regression on synthesised latents with full-batch Adam.

    Args:
        latents: latents from :func:`synthesise`.
        rows: their classes, 0 to the number of classes minus one.
        steps: number of Adam steps.
        learning_rate: learning rate of Adam.
        generator: source of the initial weights.

    Returns:
        Weight and bias, without gradients.
    """
    layer = seeded_linear(latents.shape[1], int(rows.max()) + 1, generator=generator).to(latents.device)
    latents, rows = latents.detach().clone(), rows.clone()
    optimizer = torch.optim.Adam(layer.parameters(), lr=learning_rate)
    for _ in range(steps):
        loss = nn.functional.cross_entropy(layer(latents), rows)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return layer.weight.detach(), layer.bias.detach()
