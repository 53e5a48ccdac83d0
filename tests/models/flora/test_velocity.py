"""Velocity networks: silent at the start, deaf to padding, and what each of them may depend on."""

from __future__ import annotations

import pytest
import torch

from zsar_kit.errors import ConfigError, DataError
from zsar_kit.models.flora.dit import DiTBlock, PackedTokens
from zsar_kit.models.flora.velocity import VelocityDiT, VelocityField, VelocityMLP

DIM, TOKENS, BATCH = 8, 5, 3


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def fields(**options) -> list[VelocityField]:
    return [
        VelocityDiT(DIM, depth=2, heads=2, mlp_ratio=2.0, generator=seeded(), **options),
        VelocityMLP(DIM, 12, generator=seeded()),
    ]


def stirred(model: torch.nn.Module) -> torch.nn.Module:
    g = seeded(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=g) / parameter.shape[-1] ** 0.5)
    return model


@pytest.fixture
def inputs():
    mask = torch.arange(TOKENS) < torch.tensor([[5], [2], [3]])
    return torch.randn(BATCH, TOKENS, DIM, generator=seeded(2)), torch.tensor([0.1, 0.5, 0.9]), mask


@pytest.mark.parametrize("model", fields(), ids=["dit", "mlp"])
def test_untrained_field_is_exactly_zero_but_can_learn(model, inputs):
    v = model(*inputs)
    assert torch.equal(v, torch.zeros_like(v))
    (v - 1).square().mean().backward()
    assert model.head.bias.grad.abs().min() > 0


def test_untrained_block_is_the_identity(inputs):
    z, _, mask = inputs
    block = DiTBlock(DIM, 2, 16, generator=seeded())
    condition = torch.randn(BATCH, DIM, generator=seeded(3))
    for places in (None, mask):
        tokens = PackedTokens(z, places)
        assert torch.equal(block(tokens.pack(z), condition, tokens), tokens.pack(z))


def test_packing_keeps_real_tokens_and_their_places(inputs):
    z, _, mask = inputs
    tokens = PackedTokens(z, mask)
    assert tokens.pack(z).shape == (int(mask.sum()), DIM)
    assert torch.equal(tokens.unpack(tokens.pack(z)), z * mask[..., None])
    assert torch.equal(PackedTokens(z, torch.ones_like(mask)).pack(z), z)


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("positions", [True, False])
@pytest.mark.parametrize("tokenwise", [True, False])
def test_velocities_at_sums_are_those_of_the_sums(depth, positions, tokenwise):
    """What is computed once per row and column, against one forward pass for each pair."""
    g = seeded(5)
    field = stirred(VelocityDiT(6, depth, heads=2, mlp_ratio=2.0, positions=positions, generator=seeded())).double()
    x = torch.randn(4, 5, 6, generator=g, dtype=torch.float64)
    y = torch.randn(3, 5 if tokenwise else 1, 6, generator=g, dtype=torch.float64)
    mask = torch.arange(5) < torch.tensor([[5], [2], [1], [4]])
    t = torch.tensor([0.3], dtype=torch.float64)
    found = field.at_sums(x, y, t, mask)
    assert found.shape == (3, 4, 5, 6)
    for row in range(3):
        for column, n in enumerate(mask.sum(1).tolist()):
            total = x[column, :n] + y[row].expand(5, -1)[:n]
            torch.testing.assert_close(found[row, column, :n], field(total[None], t)[0])


@pytest.mark.parametrize("model", fields(), ids=["dit", "mlp"])
def test_values_at_padding_do_not_reach_real_tokens(model, inputs):
    z, t, mask = inputs
    model = stirred(model)
    spoiled = torch.where(mask[..., None], z, 1e3 * torch.randn(z.shape, generator=seeded(4)))
    torch.testing.assert_close(model(spoiled, t, mask)[mask], model(z, t, mask)[mask])
    for i, n in enumerate([5, 2, 3]):
        torch.testing.assert_close(model(z[i : i + 1, :n], t[i : i + 1])[0], model(z, t, mask)[i, :n])


def test_a_sample_without_a_token_is_refused(inputs):
    """Attention over nothing is NaN or zero, depending on the backend."""
    z_t, t, mask = inputs
    mask = mask.clone()
    mask[1] = False
    with pytest.raises(DataError, match="each sample needs at least one real token, but sample 1 has none"):
        fields()[0](z_t, t, mask)


def test_attention_lets_tokens_meet_and_the_mlp_does_not(inputs):
    z, t, _ = inputs
    moved = z.clone()
    moved[:, 4] += 1
    network, mlp = (stirred(model) for model in fields())
    assert (network(moved, t) - network(z, t))[:, 0].abs().max() > 1e-3
    assert torch.equal(mlp(moved, t)[:, :4], mlp(z, t)[:, :4])


def test_without_positions_the_order_of_tokens_does_not_matter(inputs):
    z, t, _ = inputs
    order = torch.tensor([3, 0, 4, 2, 1])
    unordered = stirred(fields(positions=False)[0])
    torch.testing.assert_close(unordered(z[:, order], t), unordered(z, t)[:, order])
    ordered = stirred(fields()[0])
    assert (ordered(z[:, order], t) - ordered(z, t)[:, order]).abs().max() > 1e-3


@pytest.mark.parametrize("model", fields(), ids=["dit", "mlp"])
def test_time_matters_and_one_time_serves_a_batch(model, inputs):
    z, t, mask = inputs
    model = stirred(model)
    assert (model(z, t, mask) - model(z, t.flip(0), mask))[0].abs().max() > 1e-3
    torch.testing.assert_close(model(z, t[:1], mask), model(z, t[:1].expand(BATCH), mask))


def test_weights_come_from_the_generator_alone():
    state = torch.get_rng_state()
    first, second = fields()[0], fields()[0]
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    other = VelocityDiT(DIM, depth=2, heads=2, mlp_ratio=2.0, generator=seeded(9))
    assert not torch.equal(first.embed.weight, other.embed.weight)


@pytest.mark.parametrize(
    "sizes", [{"heads": 3}, {"heads": 0}, {"depth": 0}, {"mlp_ratio": 0.0}, {"width": 9, "heads": 2}]
)
def test_sizes_that_do_not_fit_are_refused(sizes):
    with pytest.raises(ConfigError, match="heads that divides its width"):
        VelocityDiT(DIM, **sizes, generator=seeded())
