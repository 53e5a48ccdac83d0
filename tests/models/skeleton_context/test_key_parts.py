"""Key part decoupling against Eq. 6-7 written as loops, priors counted by hand, and closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zsar_kit.errors import ConfigError
from zsar_kit.models.skeleton_context.key_parts import (
    SOFTMAX_OVER,
    KeyPartDecoupling,
    key_part_loss,
    key_part_prior,
    pool_key_parts,
)

BATCH, FRAMES, JOINTS, DIM, HIDDEN = 3, 4, 5, 6, 7

PARTS = torch.tensor(
    [
        [True, False, False, False, False],  # head
        [False, True, True, False, False],  # arm
        [False, False, True, True, False],  # hand, which shares a joint with the arm
        [False, False, False, False, False],  # fingers, which this layout lacks
    ]
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def feature_map(seed: int = 1) -> torch.Tensor:
    return torch.randn(BATCH, FRAMES, JOINTS, DIM, generator=seeded(seed), dtype=torch.float64)


def decoupling(softmax_over: str = "joints") -> KeyPartDecoupling:
    model = KeyPartDecoupling(DIM, HIDDEN, softmax_over=softmax_over, generator=seeded()).double()
    with torch.no_grad():
        model.inner.bias.add_(0.5)
        model.score.weight.mul_(3)
    return model


def slow_scores(model: KeyPartDecoupling, joint: list[float]) -> float:
    inner = [
        max(0.0, sum(w * x for w, x in zip(row, joint, strict=True)) + b)
        for row, b in zip(model.inner.weight.tolist(), model.inner.bias.tolist(), strict=True)
    ]
    return sum(w * h for w, h in zip(model.score.weight[0].tolist(), inner, strict=True))


def slow_importance(model: KeyPartDecoupling, sample: list) -> list[list[float]]:
    powers = [[math.exp(slow_scores(model, joint)) for joint in frame] for frame in sample]
    if model.softmax_over == "joints":
        return [[p / sum(frame) for p in frame] for frame in powers]
    total = sum(sum(frame) for frame in powers)
    return [[len(sample) * p / total for p in frame] for frame in powers]


@pytest.mark.parametrize("softmax_over", SOFTMAX_OVER)
def test_importance_and_features_equal_the_equations(softmax_over):
    model, f_x = decoupling(softmax_over), feature_map()
    result = model(f_x)
    k_out = [slow_importance(model, sample) for sample in f_x.tolist()]
    torch.testing.assert_close(result.importance, torch.tensor(k_out, dtype=torch.float64))
    pooled = torch.zeros(BATCH, DIM, dtype=torch.float64)
    for b in range(BATCH):
        for t in range(FRAMES):
            for v in range(JOINTS):
                for c in range(DIM):
                    pooled[b, c] += k_out[b][t][v] * f_x[b, t, v, c] / FRAMES
    torch.testing.assert_close(result.pooled, pooled)


@pytest.mark.parametrize("softmax_over", SOFTMAX_OVER)
def test_importances_are_shares_of_the_joints(softmax_over):
    k_out = decoupling(softmax_over).importance(feature_map())
    assert bool((k_out > 0).all())
    per_frame = k_out.sum(dim=-1)
    torch.testing.assert_close(per_frame.mean(dim=-1), torch.ones(BATCH, dtype=torch.float64))
    even = torch.allclose(per_frame, torch.ones_like(per_frame))
    assert even is (softmax_over == "joints")


@pytest.mark.parametrize("softmax_over", SOFTMAX_OVER)
def test_equal_importance_is_the_plain_mean(softmax_over):
    model, f_x = decoupling(softmax_over), feature_map()
    torch.nn.init.zeros_(model.score.weight)
    result = model(f_x)
    torch.testing.assert_close(result.importance, torch.full_like(result.importance, 1 / JOINTS))
    torch.testing.assert_close(result.pooled, f_x.mean(dim=(1, 2)))


def test_all_importance_on_a_joint_is_that_joints_mean_over_time():
    f_x = feature_map()
    lone = torch.zeros(BATCH, FRAMES, JOINTS, dtype=torch.float64)
    lone[..., 2] = 1
    torch.testing.assert_close(pool_key_parts(lone, f_x), f_x[:, :, 2].mean(dim=1))


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(JOINTS)), st.permutations(range(FRAMES)), st.sampled_from(SOFTMAX_OVER))
def test_order_of_joints_and_frames_does_not_matter(joints, frames, softmax_over):
    model, f_x = decoupling(softmax_over), feature_map()
    straight, moved = model(f_x), model(f_x[:, torch.tensor(frames)][:, :, torch.tensor(joints)])
    torch.testing.assert_close(
        moved.importance, straight.importance[:, torch.tensor(frames)][:, :, torch.tensor(joints)]
    )
    torch.testing.assert_close(moved.pooled, straight.pooled)


def test_softmax_over_joints_keeps_frames_apart_and_over_frames_lets_them_compete():
    f_x = feature_map()
    changed = f_x.clone()
    changed[:, 0] += torch.randn(BATCH, JOINTS, DIM, generator=seeded(5), dtype=torch.float64)
    for softmax_over, apart in (("joints", True), ("frames_joints", False)):
        model = decoupling(softmax_over)
        assert torch.equal(model.importance(changed)[:, 1:], model.importance(f_x)[:, 1:]) is apart


def test_prior_counts_each_joint_of_the_chosen_parts_once():
    chosen = torch.tensor([[1, 0, 0, 0], [0, 1, 1, 0], [1, 0, 1, 1]], dtype=torch.bool)
    third = 1 / 3
    expected = [[1, 0, 0, 0, 0], [0, third, third, third, 0], [third, 0, third, third, 0]]
    torch.testing.assert_close(key_part_prior(PARTS, chosen), torch.tensor(expected))
    printed = key_part_prior(PARTS, chosen, normalise="max")
    assert printed.tolist() == [[1, 0, 0, 0, 0], [0, 1, 1, 1, 0], [1, 0, 1, 1, 0]]


@pytest.mark.parametrize("nothing", [[0, 0, 0, 0], [0, 0, 0, 1]])
def test_without_a_joint_the_prior_favours_none(nothing):
    chosen = torch.tensor([nothing], dtype=torch.bool)
    assert key_part_prior(PARTS, chosen).tolist() == [pytest.approx([1 / JOINTS] * JOINTS)]
    assert key_part_prior(PARTS, chosen, normalise="max").tolist() == [[1] * JOINTS]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=5))
def test_priors_are_distributions_and_maxima_are_one(chosen):
    chosen = torch.tensor(chosen)
    torch.testing.assert_close(key_part_prior(PARTS, chosen).sum(dim=-1), torch.ones(len(chosen)))
    largest = key_part_prior(PARTS, chosen, normalise="max")
    assert bool((largest.amax(dim=-1) == 1).all())
    assert bool(((largest == 0) | (largest == 1)).all())


def test_loss_equals_the_equation():
    k_out = decoupling().importance(feature_map()).detach()
    k_gt = key_part_prior(PARTS, torch.tensor([[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]], dtype=torch.bool)).double()
    total = 0.0
    for b in range(BATCH):
        for t in range(FRAMES):
            total += sum((float(k_out[b, t, v]) - float(k_gt[b, v])) ** 2 for v in range(JOINTS))
    for reduction, divisor in (("sum", BATCH), ("frames", BATCH * FRAMES), ("mean", BATCH * FRAMES * JOINTS)):
        assert math.isclose(key_part_loss(k_out, k_gt, reduction=reduction).item(), total / divisor)
    assert key_part_loss(k_out, k_gt) == key_part_loss(k_out, k_gt, reduction="sum")


def test_loss_is_zero_only_at_the_prior():
    k_gt = key_part_prior(PARTS, torch.tensor([[0, 1, 1, 0]], dtype=torch.bool))
    at_prior = k_gt[:, None].expand(-1, FRAMES, -1)
    assert key_part_loss(at_prior, k_gt).item() == 0
    off = at_prior.clone()
    off[0, 2, 1] += 0.5
    assert math.isclose(key_part_loss(off, k_gt).item(), 0.25, rel_tol=1e-6)


def test_the_loss_teaches_the_importance_its_prior():
    """Gradient steps on Eq. 7 alone bring the importance to parts that the features can tell."""
    model = KeyPartDecoupling(JOINTS, 16, generator=seeded())
    f_x = torch.eye(JOINTS).expand(2, FRAMES, -1, -1)
    k_gt = key_part_prior(PARTS, torch.tensor([[0, 1, 1, 0]] * 2, dtype=torch.bool))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    first = key_part_loss(model.importance(f_x), k_gt).item()
    for _ in range(150):
        optimizer.zero_grad()
        key_part_loss(model.importance(f_x), k_gt).backward()
        optimizer.step()
    assert key_part_loss(model.importance(f_x), k_gt).item() < 1e-2 * first


@pytest.mark.parametrize("softmax_over", SOFTMAX_OVER)
def test_gradients_reach_every_parameter(softmax_over):
    model = decoupling(softmax_over)
    result = model(feature_map())
    (result.pooled.square().sum() + key_part_loss(result.importance, torch.eye(BATCH, JOINTS))).backward()
    assert all(p.grad is not None and p.grad.abs().max() > 1e-9 for p in model.parameters())


def test_weights_come_from_the_generator_alone_and_evaluation_repeats():
    state = torch.get_rng_state()
    first, second = (KeyPartDecoupling(DIM, HIDDEN, generator=seeded()) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not torch.equal(first.inner.weight, KeyPartDecoupling(DIM, HIDDEN, generator=seeded(9)).inner.weight)
    f_x = feature_map().float()
    runs = [m(f_x).pooled for m in (first.train(), first.eval(), first.eval())]
    assert all(torch.equal(r, runs[0]) for r in runs)
    assert torch.equal(state, torch.get_rng_state())


def test_wrong_options_are_refused():
    with pytest.raises(ConfigError, match=r"softmax_over must be one of .*'frames_joints'\), got 'joint' .*'joints'\?"):
        KeyPartDecoupling(DIM, HIDDEN, softmax_over="joint", generator=seeded())
    with pytest.raises(ConfigError, match="positive widths"):
        KeyPartDecoupling(DIM, 0, generator=seeded())
    chosen = torch.zeros(1, 4, dtype=torch.bool)
    with pytest.raises(ConfigError, match=r"normalise must be one of .* got 'maximum'"):
        key_part_prior(PARTS, chosen, normalise="maximum")
    with pytest.raises(ConfigError, match="at least one joint, got none"):
        key_part_prior(PARTS[:, :0], chosen)
    with pytest.raises(ConfigError, match=r"reduction must be one of .* got 'frame'"):
        key_part_loss(torch.ones(1, 2, 3), torch.ones(1, 3), reduction="frame")
    with pytest.raises(ConfigError, match="at least one frame"):
        pool_key_parts(torch.ones(1, 0, 3), torch.ones(1, 0, 3, 2))
