"""The two other classifiers of Table 5: cosines by the definition, draws of the right distribution, separation."""

from __future__ import annotations

import pytest
import torch

from zsar_kit.models.flora.classifiers import similarity, synthesise, train_linear
from zsar_kit.models.flora.cross_vae import Gaussian


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_similarity_is_the_cosine_with_the_mean_of_real_tokens():
    z_s, z_a = torch.randn(3, 4, generator=seeded()), torch.randn(2, 5, 4, generator=seeded(1))
    mask = torch.arange(5) < torch.tensor([[2], [5]])
    z_a[~mask] = 1e4
    found = similarity(z_s, z_a, mask)
    for i in range(3):
        for c, length in enumerate((2, 5)):
            mean = z_a[c, :length].mean(0)
            expected = (z_s[i] @ mean) / (z_s[i].norm() * mean.norm())
            assert found[i, c].item() == pytest.approx(expected.item(), rel=1e-5)


def test_draws_have_the_mean_and_variance_of_the_mixture_of_tokens():
    mu = torch.tensor([[[0.0, 2.0], [4.0, 2.0], [99.0, 99.0]]])
    texts = Gaussian(mu, torch.full_like(mu, 0.25).log())
    latents, rows = synthesise(texts, torch.tensor([[True, True, False]]), 20_000, seeded())
    assert rows.tolist() == [0] * 20_000
    torch.testing.assert_close(latents.mean(0), torch.tensor([2.0, 2.0]), atol=0.06, rtol=0)
    torch.testing.assert_close(latents.var(0), torch.tensor([4.25, 0.25]), atol=0.06, rtol=0)


def test_linear_classifier_separates_what_is_separable_and_leaves_no_gradient():
    mu = torch.tensor([[[3.0, 0.0]], [[-3.0, 0.0]], [[0.0, 4.0]]])
    texts = Gaussian(mu, torch.full_like(mu, 0.01).log())
    latents, rows = synthesise(texts, torch.ones(3, 1, dtype=torch.bool), 50, seeded())
    with torch.inference_mode():  # as when it is asked for during scoring
        weight, bias = train_linear(latents, rows, steps=200, learning_rate=0.05, generator=seeded(1))
    assert (weight.shape, bias.shape) == ((3, 2), (3,))
    assert not weight.requires_grad
    assert ((mu[:, 0] @ weight.T + bias).argmax(1) == torch.arange(3)).all()
