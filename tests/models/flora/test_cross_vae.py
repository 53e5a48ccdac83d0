"""The learning phase against Eq. 9-11 written as loops, with the same noise."""

from __future__ import annotations

import math

import pytest
import torch

from zsar_kit.errors import ConfigError, DataError
from zsar_kit.models.flora.cross_vae import (
    LOG_VARIANCE_RANGE,
    AlignObjective,
    CrossVAE,
    Gaussian,
    divergence,
    geometric_consistency,
    pair_latents,
)

BATCH, CLASSES, TOKENS, D_S, D_A, LATENT = 5, 4, 6, 3, 7, 2


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def vae() -> CrossVAE:
    return CrossVAE(D_S, D_A, LATENT, generator=seeded()).double()


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    g = seeded(1)
    lengths = torch.tensor([2, 5, 1, 4])
    return {
        "x_s": torch.randn(BATCH, D_S, generator=g, dtype=torch.float64),
        "class_index": torch.tensor([3, 0, 3, 1, 0]),
        "x_a": torch.randn(CLASSES, TOKENS, D_A, generator=g, dtype=torch.float64),
        "mask": torch.arange(TOKENS) < lengths[:, None],
    }


def slow_losses(vae, x_s, class_index, x_a, mask, generator, *, lambda_align, log_variance, reduction):
    """Eq. 9-11 for one (sample, token) after the other, the skeleton encoded anew at each token."""
    pairs = [(i, m) for i in range(len(x_s)) for m in range(mask.shape[1]) if mask[class_index[i], m]]
    noise = [torch.randn(len(pairs), LATENT, generator=generator, dtype=x_s.dtype) for _ in range(2)]
    sums = dict.fromkeys(["ss", "aa", "sa", "as", "mu", "spread"], 0.0)
    for row, (i, m) in enumerate(pairs):
        s, a = x_s[i], x_a[class_index[i], m]
        q_s, q_a = vae.encode_skeleton(s[None]), vae.encode_text(a[None])
        z_s = q_s.mu[0] + torch.exp(q_s.log_variance[0]).sqrt() * noise[0][row]
        z_a = q_a.mu[0] + torch.exp(q_a.log_variance[0]).sqrt() * noise[1][row]
        sums["ss"] += ((vae.decode_skeleton(z_s) - s) ** 2).sum().item()
        sums["aa"] += ((vae.decode_text(z_a) - a) ** 2).sum().item()
        sums["sa"] += ((vae.decode_skeleton(z_a) - s) ** 2).sum().item()
        sums["as"] += ((vae.decode_text(z_s) - a) ** 2).sum().item()
        sums["mu"] += ((q_s.mu - q_a.mu) ** 2).sum().item()
        for j in range(LATENT):
            v_s, v_a = q_s.log_variance[0, j].item(), q_a.log_variance[0, j].item()
            sums["spread"] += (v_s - v_a) ** 2 if log_variance else (math.exp(v_s) - math.exp(v_a)) ** 2
    if reduction == "sum":
        terms = {f"reconstruct_{name}": sums[name] / len(x_s) for name in ("ss", "aa", "sa", "as")}
        return {**terms, "geometric": lambda_align * (sums["mu"] + sums["spread"]) / len(x_s)}
    n = len(pairs)
    widths = {"ss": D_S, "aa": D_A, "sa": D_S, "as": D_A}
    terms = {f"reconstruct_{name}": sums[name] / (n * width) / 4 for name, width in widths.items()}
    return {**terms, "geometric": lambda_align * (sums["mu"] + sums["spread"]) / (n * LATENT)}


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("log_variance", [False, True])
def test_losses_equal_the_equations(vae, batch, reduction, log_variance):
    options = {"lambda_align": 0.3, "log_variance": log_variance, "reduction": reduction}
    fast = vae.losses(**batch, generator=seeded(2), objective=AlignObjective(**options))
    slow = slow_losses(vae, **batch, generator=seeded(2), **options)
    assert fast.keys() == slow.keys()
    for name, value in fast.items():
        assert value.item() == pytest.approx(slow[name], rel=1e-10), name


def test_encoding_once_equals_encoding_the_expanded_feature(vae, batch):
    once = vae.encode_skeleton(batch["x_s"])
    expanded = vae.encode_skeleton(batch["x_s"][:, None].expand(-1, TOKENS, -1))
    for m in range(TOKENS):
        torch.testing.assert_close(expanded.mu[:, m], once.mu)
        torch.testing.assert_close(expanded.log_variance[:, m], once.log_variance)


def test_padding_and_absent_classes_take_no_part(vae, batch):
    spoiled = batch["x_a"].masked_fill(~batch["mask"][..., None], float("nan"))
    spoiled[2] = float("nan")
    clean = vae.losses(**batch, generator=seeded(2))
    other = vae.losses(**{**batch, "x_a": spoiled}, generator=seeded(2))
    assert all(torch.equal(clean[name], other[name]) for name in clean)


def test_geometric_consistency_is_zero_only_for_equal_distributions():
    g = seeded(3)
    p = Gaussian(torch.randn(4, 3, generator=g), torch.randn(4, 3, generator=g))
    assert geometric_consistency(p, p, 4).item() == 0
    for moved in (Gaussian(p.mu + 1e-2, p.log_variance), Gaussian(p.mu, p.log_variance + 1e-2)):
        for log_variance in (False, True):
            assert geometric_consistency(p, moved, 4, log_variance=log_variance).item() > 0


def test_geometric_consistency_in_numbers():
    p = Gaussian(torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 4.0]]).log())
    q = Gaussian(torch.tensor([[3.0, 0.0]]), torch.tensor([[1.0, 1.0]]).log())
    assert geometric_consistency(p, q, 1, reduction="sum").item() == pytest.approx(4 + 1 + 9, rel=1e-6)
    assert geometric_consistency(p, q, 1).item() == pytest.approx((4 + 1 + 9) / 2, rel=1e-6)
    released = geometric_consistency(p, q, 1, log_variance=True, reduction="sum").item()
    assert released == pytest.approx(4 + math.log(2) ** 2 + math.log(4) ** 2, rel=1e-6)


def test_every_parameter_learns(vae, batch):
    sum(vae.losses(**batch, generator=seeded(2)).values()).backward()
    for name, parameter in vae.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_reparametrised_draws_have_the_stated_moments():
    q = Gaussian(torch.tensor([2.0]), torch.tensor([math.log(9.0)]))
    draws = q.sample(torch.randn(20_000, 1, generator=seeded(4)))
    assert draws.mean().item() == pytest.approx(2, abs=0.1)
    assert draws.std().item() == pytest.approx(3, abs=0.1)


def test_log_variance_stays_in_its_range(vae, batch):
    wild = vae.encode_skeleton(batch["x_s"] * 1e6).log_variance
    low, high = LOG_VARIANCE_RANGE
    assert (wild.min().item(), wild.max().item()) == (low, high)
    assert all(value.isfinite() for value in vae.losses(**batch, generator=seeded(2)).values())


def test_hidden_layer_is_an_option(batch):
    vae = CrossVAE(D_S, D_A, LATENT, hidden_dim=8, generator=seeded()).double()
    assert vae.encode_text.trunk[0].out_features == 8
    sum(vae.losses(**batch, generator=seeded(2)).values()).backward()
    assert all(p.grad is not None for p in vae.parameters())


def test_weights_and_noise_come_from_the_generator_alone(batch):
    state = torch.get_rng_state()
    first, second = (CrossVAE(D_S, D_A, LATENT, generator=seeded(7)).double() for _ in range(2))
    torch.randn(3, generator=seeded(8))
    losses = [m.losses(**batch, generator=seeded(9))["geometric"] for m in (first, second)]
    assert torch.equal(losses[0], losses[1])
    assert torch.equal(state, torch.get_rng_state())
    other = CrossVAE(D_S, D_A, LATENT, generator=seeded(8)).double()
    assert not torch.equal(first.decode_text.weight, other.decode_text.weight)


def test_pairs_are_means_without_a_generator_and_cut_to_the_longest_text(vae, batch):
    skeleton, text = vae.encode_skeleton(batch["x_s"]), vae.encode_text(batch["x_a"])
    pairs = pair_latents(skeleton, text, batch["class_index"], batch["mask"], None)
    assert pairs.mask.sum(dim=1).tolist() == [4, 2, 4, 5, 2]
    assert pairs.z_s.shape == pairs.z_a.shape == (BATCH, 5, LATENT)
    for i, c in enumerate(batch["class_index"].tolist()):
        torch.testing.assert_close(pairs.z_a[i], text.mu[c, :5])
        torch.testing.assert_close(pairs.z_s[i], skeleton.mu[i].expand(5, -1))


def test_noise_of_pairs_differs_by_token_and_modality(vae, batch):
    skeleton, text = vae.encode_skeleton(batch["x_s"]), vae.encode_text(batch["x_a"])
    means = pair_latents(skeleton, text, batch["class_index"], batch["mask"], None)
    drawn = pair_latents(skeleton, text, batch["class_index"], batch["mask"], seeded(5))
    noise_s = (drawn.z_s - means.z_s) / (0.5 * skeleton.log_variance).exp()[:, None]
    noise_a = (drawn.z_a - means.z_a) / (0.5 * text.log_variance[batch["class_index"], :5]).exp()
    g = seeded(5)
    expected = [torch.randn(BATCH, 5, LATENT, generator=g, dtype=torch.float64) for _ in range(2)]
    torch.testing.assert_close(noise_s, expected[0])
    torch.testing.assert_close(noise_a, expected[1])


def test_a_class_without_text_is_refused(vae, batch):
    batch["mask"][1] = False
    with pytest.raises(DataError, match=r"those at \[1\] have none"):
        vae.losses(**batch, generator=seeded())
    skeleton, text = vae.encode_skeleton(batch["x_s"]), vae.encode_text(batch["x_a"])
    with pytest.raises(DataError, match=r"those at \[1\] have none"):
        pair_latents(skeleton, text, batch["class_index"], batch["mask"], None)


def test_unknown_reduction_is_refused():
    with pytest.raises(ConfigError, match=r"reduction must be one of \('mean', 'sum'\), got 'median'"):
        AlignObjective(reduction="median")
    q = Gaussian(torch.zeros(1, 2), torch.zeros(1, 2))
    with pytest.raises(ConfigError, match="'mean' or 'sum', got 'median'"):
        geometric_consistency(q, q, 1, reduction="median")


@pytest.mark.parametrize("lambda_align", [-1.0, float("nan"), float("inf")])
def test_lambda_align_out_of_range_is_refused(lambda_align):
    with pytest.raises(ConfigError, match="lambda_align must be"):
        AlignObjective(lambda_align=lambda_align)


def test_sizes_must_be_positive():
    with pytest.raises(ConfigError, match="positive widths"):
        CrossVAE(D_S, D_A, 0, generator=seeded())


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_divergence_is_that_of_two_normals(reduction):
    """Against torch's closed form, summed by hand; zero for the standard normal only."""
    g = seeded(5)
    q = Gaussian(torch.randn(6, 3, generator=g), torch.randn(6, 3, generator=g))
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(q.mu, (0.5 * q.log_variance).exp()), normal(0.0, 1.0))
    expected = expected.mean() if reduction == "mean" else expected.sum() / 4
    torch.testing.assert_close(divergence(q, 4, reduction), expected)
    assert divergence(Gaussian(torch.zeros(2, 3), torch.zeros(2, 3)), 2).item() == 0


def test_baseline_pulls_to_the_prior_in_place_of_each_other(vae, batch):
    plain = vae.losses(**batch, generator=seeded(2), objective=AlignObjective("none"))
    kl = vae.losses(**batch, generator=seeded(2), objective=AlignObjective("kl", beta=0.3))
    assert "geometric" not in kl
    assert {k: v.item() for k, v in kl.items() if k != "kl"} == {k: v.item() for k, v in plain.items()}
    pairs = [(i, m) for i, c in enumerate(batch["class_index"]) for m in range(TOKENS) if batch["mask"][c, m]]
    skeleton = vae.encode_skeleton(torch.stack([batch["x_s"][i] for i, _ in pairs]))
    text = vae.encode_text(torch.stack([batch["x_a"][batch["class_index"][i], m] for i, m in pairs]))
    expected = 0.3 * (divergence(skeleton, BATCH) + divergence(text, BATCH))
    assert kl["kl"].item() == pytest.approx(expected.item(), rel=1e-9)


def test_shared_noise_is_one_number_for_all_latent_dimensions(batch):
    """With means of zero and one variance for all dimensions, draws are constant along the latent axis."""
    skeleton = Gaussian(torch.zeros(2, 4), torch.zeros(2, 4))
    text = Gaussian(torch.zeros(3, 5, 4), torch.zeros(3, 5, 4))
    mask = torch.ones(3, 5, dtype=torch.bool)
    rows = torch.tensor([0, 2])
    shared = pair_latents(skeleton, text, rows, mask, seeded(), shared_noise=True)
    apart = pair_latents(skeleton, text, rows, mask, seeded())
    for z in (shared.z_s, shared.z_a):
        assert torch.equal(z, z[..., :1].expand_as(z))
        assert len(z[..., 0].unique()) == 10  # one number for each sample and token
    assert apart.z_s.std(-1).min() > 0


def test_decoders_may_end_in_a_relu():
    vae = CrossVAE(D_S, D_A, LATENT, decoder_relu=True, generator=seeded())
    z = torch.randn(50, LATENT, generator=seeded(1))
    assert (vae.decode_skeleton(z) >= 0).all()
    assert (vae.decode_skeleton(z) == 0).any()
    assert (CrossVAE(D_S, D_A, LATENT, generator=seeded()).decode_skeleton(z) < 0).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"regularizer": "mmd"}, "regularizer must be one of .*'kl'.*got 'mmd'"),
        ({"beta": -1.0}, "beta must be finite and at least 0, got -1.0"),
    ],
)
def test_unknown_regularizer_and_negative_weight(options, message):
    with pytest.raises(ConfigError, match=message):
        AlignObjective(**options)
