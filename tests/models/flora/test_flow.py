"""The flow's algebra, its objective, its contrast, and scoring against a loop over pairs."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zsar_kit.errors import ConfigError, DataError
from zsar_kit.models.flora.flow import (
    SIGMA_MIN,
    contrast_indices,
    endpoints,
    flow_loss,
    interpolate,
    sample_times,
    velocity,
    velocity_errors,
)
from zsar_kit.models.flora.velocity import VelocityDiT, VelocityField, VelocityMLP


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


# --- Eq. 5 and 6 ----------------------------------------------------------------------------------


def test_velocity_carries_any_point_of_the_path_to_its_end():
    z_0, z_1, t = randn(4, 3, 2), randn(4, 3, 2, seed=1), torch.tensor([0.0, 0.3, 0.9, 1.0]).double()
    z_t, v = interpolate(z_0, z_1, t), velocity(z_0, z_1)
    torch.testing.assert_close(z_t + (1 - t[:, None, None]) * v, z_1 + SIGMA_MIN * z_0)
    torch.testing.assert_close(z_t - t[:, None, None] * v, z_0)


def test_ends_of_the_path():
    z_0, z_1 = randn(2, 3, 2), randn(2, 3, 2, seed=1)
    assert torch.equal(interpolate(z_0, z_1, torch.zeros(2).double()), z_0)
    torch.testing.assert_close(interpolate(z_0, z_1, torch.ones(2).double()), z_1 + SIGMA_MIN * z_0)
    assert torch.equal(interpolate(z_0, z_1, torch.ones(2).double(), sigma_min=0.0), z_1)


def test_velocity_is_the_derivative_of_the_path():
    z_0, z_1, t = randn(2, 3, 2), randn(2, 3, 2, seed=1), torch.tensor([0.2, 0.7]).double()
    slope = (interpolate(z_0, z_1, t + 1e-4) - interpolate(z_0, z_1, t - 1e-4)) / 2e-4
    torch.testing.assert_close(slope, velocity(z_0, z_1), rtol=1e-7, atol=1e-9)


def test_direction_swaps_the_ends():
    z_s, z_a = randn(1, 2, 2), randn(1, 2, 2, seed=1)
    assert endpoints(z_s, z_a, "text_to_skeleton") == (z_a, z_s)
    assert endpoints(z_s, z_a, "skeleton_to_text") == (z_s, z_a)
    with pytest.raises(ConfigError, match="direction must be"):
        endpoints(z_s, z_a, "sideways")


@pytest.mark.parametrize(
    ("kind", "variance"),
    # The variance of a logistic-normal with unit scale is 0.0433 (numerical integral).
    [("uniform", 1 / 12), ("logit_normal", 0.0433)],
)
def test_times(kind, variance):
    t = sample_times(40_000, seeded(), kind)
    assert t.min() >= 0
    assert t.max() <= 1
    assert t.mean().item() == pytest.approx(0.5, abs=0.005)
    assert t.var().item() == pytest.approx(variance, abs=0.002)
    assert torch.equal(t, sample_times(40_000, seeded(), kind))


def test_unknown_times_are_refused():
    with pytest.raises(ConfigError, match="kind must be one of"):
        sample_times(3, seeded(), "cosine")


# --- the contrast ---------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(-2, 4), min_size=2, max_size=30).filter(lambda y: len(set(y)) > 1),
    st.integers(0, 99),
)
def test_contrast_is_never_of_the_same_class(labels, seed):
    labels = torch.tensor(labels)
    other = contrast_indices(labels, seeded(seed), 3)
    assert other is not None
    assert other.shape == (3, len(labels))
    assert bool((labels[other] != labels).all())


def test_contrast_is_uniform_over_the_other_samples():
    labels = torch.tensor([1, 0, 1, 2, 1, 0])
    draws = contrast_indices(labels, seeded(), 3000)
    for i, y in enumerate(labels.tolist()):
        others = (labels != y).nonzero().flatten()
        share = torch.bincount(draws[:, i], minlength=6) / len(draws)
        assert set(draws[:, i].tolist()) == set(others.tolist())
        torch.testing.assert_close(share[others], torch.full((len(others),), 1 / len(others)), atol=0.04, rtol=0)


@pytest.mark.parametrize("labels", [[3], [2, 2, 2]])
def test_one_class_has_nothing_to_contrast_with(labels):
    assert contrast_indices(torch.tensor(labels), seeded()) is None


# --- the objective --------------------------------------------------------------------------------


@pytest.fixture
def pairs():
    lengths = torch.tensor([4, 2, 3, 4])
    return {
        "z_0": randn(4, 4, 6, seed=1),
        "z_1": randn(4, 4, 6, seed=2),
        "mask": torch.arange(4) < lengths[:, None],
        "t": torch.tensor([0.1, 0.4, 0.5, 0.8]).double(),
    }


@pytest.mark.parametrize("contrast", [None, [[1, 0, 1, 2]], [[1, 0, 1, 2], [2, 3, 3, 0], [1, 3, 0, 2]]])
def test_loss_equals_the_equation(pairs, contrast):
    model = dit()
    contrast = None if contrast is None else torch.tensor(contrast)
    losses = flow_loss(model, **pairs, contrast=contrast, lambda_flow=0.3)
    z_t = interpolate(pairs["z_0"], pairs["z_1"], pairs["t"])
    pull, push, count = 0.0, 0.0, 0
    for i in range(4):
        n = int(pairs["mask"][i].sum())
        v = model(z_t[i : i + 1, :n], pairs["t"][i : i + 1])[0]
        for m in range(n):
            count += 6
            pull += ((v[m] - velocity(pairs["z_0"], pairs["z_1"])[i, m]) ** 2).sum().item()
            for other in [] if contrast is None else [row[i] for row in contrast]:
                if pairs["mask"][other, m]:
                    v_hat = pairs["z_1"][other, m] - (1 - SIGMA_MIN) * pairs["z_0"][other, m]
                    push += ((v[m] - v_hat) ** 2).sum().item() / len(contrast)
    assert losses["flow"].item() == pytest.approx(pull / count)
    assert losses["contrast"].item() == pytest.approx(-0.3 * push / count)


def test_objective_is_bounded_below_for_a_weight_close_to_one(pairs):
    """Along any ray of velocities the objective must rise in the end, whatever the lengths of the texts."""

    class Constant(Nothing):
        def __init__(self, value: float):
            super().__init__(6)
            self.value = value

        def forward(self, z_t, t, mask=None, condition=None):
            return torch.full_like(z_t, self.value)

    def objective(value: float) -> float:
        losses = flow_loss(Constant(value), **pairs, contrast=torch.tensor([[1, 0, 1, 2]]), lambda_flow=0.99)
        return sum(losses.values()).item()

    assert objective(1e4) > objective(0.0)
    assert objective(1e5) > objective(1e4)


def test_no_contrast_without_another_class_or_weight(pairs):
    model = dit()
    assert flow_loss(model, **pairs, contrast=None)["contrast"].item() == 0
    assert flow_loss(model, **pairs, contrast=torch.tensor([[1, 0, 1, 2]]), lambda_flow=0.0)["contrast"].item() == 0


def test_what_stands_at_padding_does_not_reach_the_loss(pairs):
    model, contrast = dit(), torch.tensor([[1, 0, 1, 2]])
    clean = flow_loss(model, **pairs, contrast=contrast)
    for name in ("z_0", "z_1"):
        pairs[name] = pairs[name].masked_fill(~pairs["mask"][..., None], 1e6)
    other = flow_loss(model, **pairs, contrast=contrast)
    for name in clean:
        torch.testing.assert_close(other[name], clean[name])


@pytest.mark.parametrize("weight", [1.0, 2.0, -0.1, float("nan")])
def test_weight_of_the_contrast_out_of_range_is_refused(pairs, weight):
    with pytest.raises(ConfigError, match=r"lambda_flow must be in \[0, 1\)"):
        flow_loss(dit(), **pairs, lambda_flow=weight)


# --- scoring --------------------------------------------------------------------------------------


@pytest.fixture
def world():
    lengths = torch.tensor([3, 7, 1, 7, 5, 2])
    return {
        "z_s": randn(5, 6, seed=3),
        "z_a": randn(6, 8, 6, seed=4),
        "mask": torch.arange(8) < lengths[:, None],
    }


def slow_errors(model, z_s, z_a, mask, t, direction, error):
    """Eq. 14 for one pair after the other, without padding."""
    errors = torch.zeros(len(z_s), len(z_a), dtype=z_s.dtype)
    for i in range(len(z_s)):
        for c in range(len(z_a)):
            text = z_a[c][mask[c]]
            skeleton = z_s[i].expand_as(text) if z_s.ndim == 2 else z_s[i][mask[c]]
            z_0, z_1 = (text, skeleton) if direction == "text_to_skeleton" else (skeleton, text)
            z_t = (1 - (1 - SIGMA_MIN) * t) * z_0 + t * z_1
            v = model(z_t[None], torch.tensor([t], dtype=z_s.dtype))[0]
            squared = ((v - (z_1 - (1 - SIGMA_MIN) * z_0)) ** 2).sum().item()
            errors[i, c] = {
                "per_token": math.sqrt(squared / len(text)),
                "mean_square": squared / text.numel(),
                "total": math.sqrt(squared),
            }[error]
    return errors


@pytest.mark.parametrize("direction", ["text_to_skeleton", "skeleton_to_text"])
@pytest.mark.parametrize("error", ["per_token", "mean_square", "total"])
@pytest.mark.parametrize("t", [0.0, 0.5, 1.0])
@torch.no_grad()
def test_batched_scores_equal_a_loop_over_pairs(world, direction, error, t):
    for model in (dit(), stirred(VelocityMLP(6, 9, generator=seeded()))):
        fast = velocity_errors(model, **world, t=t, direction=direction, error=error)
        torch.testing.assert_close(fast, slow_errors(model, **world, t=t, direction=direction, error=error))


@torch.no_grad()
def test_skeleton_latents_may_differ_by_token(world):
    model = dit()
    world["z_s"] = randn(5, 8, 6, seed=5)
    expected = slow_errors(model, **world, t=0.5, direction="text_to_skeleton", error="per_token")
    torch.testing.assert_close(velocity_errors(model, **world), expected)


@torch.no_grad()
def test_conditions_and_source_noise_reach_every_pair(world):
    """Each class brings its own condition; one noise is added to the source of all pairs."""
    condition, noise = randn(6, 4, seed=7), randn(8, 6, seed=8)
    for model in (dit(condition_dim=4), stirred(VelocityMLP(6, 9, condition_dim=4, generator=seeded()))):
        fast = velocity_errors(model, **world, condition=condition, source_noise=noise, budget_bytes=5_000)
        for i in range(5):
            for c in range(6):
                text = world["z_a"][c][world["mask"][c]]
                z_0, z_1 = text + noise[: len(text)], world["z_s"][i].expand_as(text)
                z_t = interpolate(z_0[None], z_1[None], torch.tensor([0.5]).double())
                v = model(z_t, torch.tensor([0.5]).double(), None, condition[c : c + 1])[0]
                expected = (v - (z_1 - (1 - SIGMA_MIN) * z_0)).square().sum(-1).mean().sqrt()
                torch.testing.assert_close(fast[i, c], expected)


def test_loss_passes_the_condition_on(pairs):
    model, condition = dit(condition_dim=4), randn(4, 4, seed=9)
    whole = flow_loss(model, **pairs, condition=condition)["flow"]
    changed = flow_loss(model, **pairs, condition=condition.flip(0))["flow"]
    assert whole.item() != pytest.approx(changed.item())
    for network, wrong in ((model, None), (dit(), condition)):
        with pytest.raises(ConfigError, match="a conditioned network needs a condition and a condition-free one takes"):
            flow_loss(network, **pairs, condition=wrong)


@pytest.mark.parametrize(("batch", "budgets"), [(1, [1, 3_000, 10_000]), (5, [1, 10_000]), (400, [200_000, 1_000_000])])
def test_budget_does_not_change_scores(world, batch, budgets):
    model = dit()
    world["z_s"] = randn(batch, 6, seed=6)
    plenty = velocity_errors(model, **world, budget_bytes=2**28)
    for budget in budgets:
        torch.testing.assert_close(velocity_errors(model, **world, budget_bytes=budget), plenty)


def test_calls_respect_the_budget_and_are_few(world):
    class Recording(Nothing):
        calls: list[int]

        def forward(self, z_t, t, mask=None, condition=None):
            self.calls.append(z_t.numel() * z_t.element_size())
            return torch.zeros_like(z_t)

    model = Recording(6)
    world["z_s"] = randn(4000, 6, seed=6)
    for budget in (2**16, 2**20, 2**28):
        model.calls = []
        velocity_errors(model, **world, budget_bytes=budget)
        assert max(model.calls) <= budget
    # At most one call for each distinct length, and at most a tenth of what is computed is padding.
    assert len(model.calls) <= 5
    real = int(world["mask"].sum()) * 4000 * 6 * 8
    assert real <= sum(model.calls) <= real / 0.9


def test_holes_in_a_mask_are_left_out(world):
    model = dit(positions=False)
    world["mask"][1, 2] = False
    expected = slow_errors(model, **world, t=0.5, direction="text_to_skeleton", error="per_token")
    torch.testing.assert_close(velocity_errors(model, **world), expected)


def test_a_short_text_does_not_win_by_being_short():
    """The same token once, and five times: only the plain norm prefers the short text."""
    z_s, z_a = randn(3, 6), randn(1, 1, 6, seed=1).expand(2, 5, 6)
    mask = torch.arange(5) < torch.tensor([[1], [5]])
    for error in ("per_token", "mean_square"):
        short, long = velocity_errors(Nothing(6), z_s, z_a, mask, error=error).T
        torch.testing.assert_close(short, long)
    short, long = velocity_errors(Nothing(6), z_s, z_a, mask, error="total").T
    torch.testing.assert_close(long, short * math.sqrt(5))


def test_bad_scoring_input_is_refused(world):
    for options, message in (
        ({"t": 1.5}, r"t must be in \[0, 1\]"),
        ({"error": "max"}, "error must be one of"),
        ({"budget_bytes": 0}, "budget_bytes must be positive"),
        ({"direction": "up"}, "direction must be"),
    ):
        with pytest.raises(ConfigError, match=message):
            velocity_errors(dit(), **world, **options)
    world["mask"][2] = False
    with pytest.raises(DataError, match=r"those at \[2\] have none"):
        velocity_errors(dit(), **world)


# --- learning -------------------------------------------------------------------------------------


def test_two_point_masses_are_learnt_exactly_and_told_apart():
    """Texts and skeletons of two classes are points of the plane: the field is v*, and its error decides."""
    z_a = torch.tensor([[[1.0, 0.0]], [[-1.0, 0.0]]]).expand(2, 3, 2)
    z_s = torch.tensor([[1.0, 1.0], [-1.0, -1.0]])
    mask = torch.tensor([[True, True, True], [True, False, False]])
    model = VelocityDiT(2, heads=2, mlp_ratio=2.0, width=16, generator=seeded())
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    labels, g = torch.tensor([0, 1] * 8), seeded(1)
    for step in range(300):
        optimiser.param_groups[0]["lr"] = 1e-2 * (1 - step / 300)
        z_0, z_1 = z_a[labels], z_s[labels][:, None].expand(-1, 3, -1)
        t = sample_times(16, g)
        losses = flow_loss(model, z_0, z_1, mask[labels], t, lambda_flow=0.0)
        optimiser.zero_grad()
        sum(losses.values()).backward()
        optimiser.step()
    errors = velocity_errors(model, z_s, z_a, mask, 0.5)
    assert errors.diagonal().max() < 0.02
    assert errors.argmin(dim=1).tolist() == [0, 1]
    assert min(errors[0, 1], errors[1, 0]) > 10 * errors.diagonal().max()


def test_contrast_moves_the_optimum_away_from_the_other_pair():
    """With one token a pair, Eq. 13 is least at (v* - lambda v-hat) / (1 - lambda)."""
    z_0, z_1 = torch.zeros(2, 1, 2).double(), randn(2, 1, 2)
    v = torch.zeros(2, 1, 2, dtype=torch.float64, requires_grad=True)

    class Free(Nothing):
        def forward(self, z_t, t, mask=None, condition=None):
            return v

    losses = flow_loss(
        Free(2),
        z_0,
        z_1,
        torch.ones(2, 1, dtype=torch.bool),
        torch.full((2,), 0.5).double(),
        contrast=torch.tensor([[1, 0]]),
        lambda_flow=0.25,
    )
    gradient = torch.autograd.grad(sum(losses.values()), v)[0]
    optimum = (z_1 - 0.25 * z_1.flip(0)) / 0.75
    # The objective is a parabola of curvature 2 (1 - lambda) / 4 in each of the four values.
    torch.testing.assert_close(-gradient / (2 * 0.75 / 4), optimum)
