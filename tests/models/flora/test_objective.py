"""Training the flow: times, the contrast, and the objective as the equations have it (Eq. 12-13)."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.flora.fields import Nothing, dit, randn, seeded
from zsar_kit.errors import ConfigError
from zsar_kit.models.flora.objective import FlowBatch, contrast_indices, flow_loss, sample_times
from zsar_kit.models.flora.path import SIGMA_MIN, StraightPath

PATH = StraightPath()


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
    losses = flow_loss(model, FlowBatch(**pairs), contrast=contrast, lambda_flow=0.3)
    z_t = PATH.interpolate(pairs["z_0"], pairs["z_1"], pairs["t"])
    pull, push, count = 0.0, 0.0, 0
    for i in range(4):
        n = int(pairs["mask"][i].sum())
        v = model(z_t[i : i + 1, :n], pairs["t"][i : i + 1])[0]
        for m in range(n):
            count += 6
            pull += ((v[m] - PATH.velocity(pairs["z_0"], pairs["z_1"])[i, m]) ** 2).sum().item()
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
        losses = flow_loss(Constant(value), FlowBatch(**pairs), contrast=torch.tensor([[1, 0, 1, 2]]), lambda_flow=0.99)
        return sum(losses.values()).item()

    assert objective(1e4) > objective(0.0)
    assert objective(1e5) > objective(1e4)


def test_no_contrast_without_another_class_or_weight(pairs):
    model = dit()
    batch = FlowBatch(**pairs)
    assert flow_loss(model, batch, contrast=None)["contrast"].item() == 0
    assert flow_loss(model, batch, contrast=torch.tensor([[1, 0, 1, 2]]), lambda_flow=0.0)["contrast"].item() == 0


def test_what_stands_at_padding_does_not_reach_the_loss(pairs):
    model, contrast = dit(), torch.tensor([[1, 0, 1, 2]])
    clean = flow_loss(model, FlowBatch(**pairs), contrast=contrast)
    for name in ("z_0", "z_1"):
        pairs[name] = pairs[name].masked_fill(~pairs["mask"][..., None], 1e6)
    other = flow_loss(model, FlowBatch(**pairs), contrast=contrast)
    for name in clean:
        torch.testing.assert_close(other[name], clean[name])


@pytest.mark.parametrize("weight", [1.0, 2.0, -0.1, float("nan")])
def test_weight_of_the_contrast_out_of_range_is_refused(pairs, weight):
    with pytest.raises(ConfigError, match=r"lambda_flow must be in \[0, 1\)"):
        flow_loss(dit(), FlowBatch(**pairs), lambda_flow=weight)


def test_loss_passes_the_condition_on(pairs):
    model, condition = dit(condition_dim=4), randn(4, 4, seed=9)
    whole = flow_loss(model, FlowBatch(**pairs, condition=condition))["flow"]
    changed = flow_loss(model, FlowBatch(**pairs, condition=condition.flip(0)))["flow"]
    assert whole.item() != pytest.approx(changed.item())
    for network, wrong in ((model, None), (dit(), condition)):
        with pytest.raises(ConfigError, match="a conditioned network needs a condition and a condition-free one takes"):
            flow_loss(network, FlowBatch(**pairs, condition=wrong))


def test_contrast_moves_the_optimum_away_from_the_other_pair():
    """With one token a pair, Eq. 13 is least at (v* - lambda v-hat) / (1 - lambda)."""
    z_0, z_1 = torch.zeros(2, 1, 2).double(), randn(2, 1, 2)
    v = torch.zeros(2, 1, 2, dtype=torch.float64, requires_grad=True)

    class Free(Nothing):
        def forward(self, z_t, t, mask=None, condition=None):
            return v

    batch = FlowBatch(z_0, z_1, torch.ones(2, 1, dtype=torch.bool), torch.full((2,), 0.5).double())
    losses = flow_loss(Free(2), batch, contrast=torch.tensor([[1, 0]]), lambda_flow=0.25)
    gradient = torch.autograd.grad(sum(losses.values()), v)[0]
    optimum = (z_1 - 0.25 * z_1.flip(0)) / 0.75
    # The objective is a parabola of curvature 2 (1 - lambda) / 4 in each of the four values.
    torch.testing.assert_close(-gradient / (2 * 0.75 / 4), optimum)
