"""Velocity errors against a loop over pairs, and a flow that has learnt to tell two classes apart (Eq. 14)."""

from __future__ import annotations

import math

import pytest
import torch

from tests.models.flora.fields import Nothing, dit, randn, seeded, stirred
from zsar_kit.errors import ConfigError, DataError
from zsar_kit.models.flora.objective import FlowBatch, flow_loss, sample_times
from zsar_kit.models.flora.path import SIGMA_MIN, StraightPath
from zsar_kit.models.flora.scoring import ScoringOptions, velocity_errors
from zsar_kit.models.flora.velocity import VelocityDiT, VelocityMLP

PATH = StraightPath()


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
        fast = velocity_errors(model, **world, options=ScoringOptions(t, error), path=StraightPath(direction))
        torch.testing.assert_close(fast, slow_errors(model, **world, t=t, direction=direction, error=error))


@torch.no_grad()
def test_skeleton_latents_may_differ_by_token(world):
    model = dit()
    world["z_s"] = randn(5, 8, 6, seed=5)
    expected = slow_errors(model, **world, t=0.5, direction="text_to_skeleton", error="total")
    torch.testing.assert_close(velocity_errors(model, **world), expected)


@torch.no_grad()
def test_conditions_and_source_noise_reach_every_pair(world):
    """Each class brings its own condition; one noise is added to the source of all pairs."""
    condition, noise = randn(6, 4, seed=7), randn(8, 6, seed=8)
    for model in (dit(condition_dim=4), stirred(VelocityMLP(6, 9, condition_dim=4, generator=seeded()))):
        fast = velocity_errors(
            model, **world, options=ScoringOptions(budget_bytes=5_000), condition=condition, source_noise=noise
        )
        for i in range(5):
            for c in range(6):
                text = world["z_a"][c][world["mask"][c]]
                z_0, z_1 = text + noise[: len(text)], world["z_s"][i].expand_as(text)
                z_t = PATH.interpolate(z_0[None], z_1[None], torch.tensor([0.5]).double())
                v = model(z_t, torch.tensor([0.5]).double(), None, condition[c : c + 1])[0]
                expected = (v - (z_1 - (1 - SIGMA_MIN) * z_0)).square().sum().sqrt()
                torch.testing.assert_close(fast[i, c], expected)


@pytest.mark.parametrize(("batch", "budgets"), [(1, [1, 3_000, 10_000]), (5, [1, 10_000]), (400, [200_000, 1_000_000])])
def test_budget_does_not_change_scores(world, batch, budgets):
    model = dit()
    world["z_s"] = randn(batch, 6, seed=6)
    plenty = velocity_errors(model, **world, options=ScoringOptions(budget_bytes=2**28))
    for budget in budgets:
        torch.testing.assert_close(velocity_errors(model, **world, options=ScoringOptions(budget_bytes=budget)), plenty)


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
        velocity_errors(model, **world, options=ScoringOptions(budget_bytes=budget))
        assert max(model.calls) <= budget
    # At most one call for each distinct length, and at most a tenth of what is computed is padding.
    assert len(model.calls) <= 5
    real = int(world["mask"].sum()) * 4000 * 6 * 8
    assert real <= sum(model.calls) <= real / 0.9


def test_holes_in_a_mask_are_left_out(world):
    model = dit(positions=False)
    world["mask"][1, 2] = False
    expected = slow_errors(model, **world, t=0.5, direction="text_to_skeleton", error="total")
    torch.testing.assert_close(velocity_errors(model, **world), expected)


def test_a_short_text_does_not_win_by_being_short():
    """The same token once, and five times: only the plain norm prefers the short text."""
    z_s, z_a = randn(3, 6), randn(1, 1, 6, seed=1).expand(2, 5, 6)
    mask = torch.arange(5) < torch.tensor([[1], [5]])
    for error in ("per_token", "mean_square"):
        short, long = velocity_errors(Nothing(6), z_s, z_a, mask, ScoringOptions(error=error)).T
        torch.testing.assert_close(short, long)
    short, long = velocity_errors(Nothing(6), z_s, z_a, mask, ScoringOptions(error="total")).T
    torch.testing.assert_close(long, short * math.sqrt(5))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"t": 1.5}, r"t must be in \[0, 1\]"),
        ({"error": "max"}, "error must be one of"),
        ({"budget_bytes": 0}, "budget_bytes must be positive"),
    ],
)
def test_bad_scoring_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        ScoringOptions(**options)


def test_a_class_without_text_is_refused(world):
    world["mask"][2] = False
    with pytest.raises(DataError, match=r"those at \[2\] have none"):
        velocity_errors(dit(), **world)


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
        losses = flow_loss(model, FlowBatch(z_0, z_1, mask[labels], t), lambda_flow=0.0)
        optimiser.zero_grad()
        sum(losses.values()).backward()
        optimiser.step()
    errors = velocity_errors(model, z_s, z_a, mask)
    assert errors.diagonal().max() < 0.02
    assert errors.argmin(dim=1).tolist() == [0, 1]
    assert min(errors[0, 1], errors[1, 0]) > 10 * errors.diagonal().max()
