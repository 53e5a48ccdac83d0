"""The differential joint encoder against Eq. 1 written as loops, and the symmetries of that equation."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zsar_kit.errors import ConfigError
from zsar_kit.models.skeleton_context.joint_differences import (
    ACTIVATIONS,
    DifferentialJointEncoder,
    Heard,
    pool_time,
)

DIM, JOINTS, BATCH = 6, 5, 3


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def encoder(seed: int = 0, **options) -> DifferentialJointEncoder:
    """An encoder in float64 whose LayerNorm is no longer the identity."""
    model = DifferentialJointEncoder(DIM, generator=seeded(seed), **options).double()
    g = seeded(seed + 100)
    with torch.no_grad():
        for parameter in model.norm.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=g, dtype=parameter.dtype))
    return model


def joints(batch: int = BATCH, seed: int = 1) -> torch.Tensor:
    return torch.randn(batch, JOINTS, DIM, generator=seeded(seed), dtype=torch.float64)


def layer_norm(x: list[float], norm: torch.nn.LayerNorm) -> list[float]:
    mean = sum(x) / len(x)
    spread = math.sqrt(sum((v - mean) ** 2 for v in x) / len(x) + norm.eps)
    gain, shift = norm.weight.tolist(), norm.bias.tolist()
    return [(v - mean) / spread * g + s for v, g, s in zip(x, gain, shift, strict=True)]


def times(matrix: list[list[float]], x: list[float]) -> list[float]:
    return [sum(w * v for w, v in zip(row, x, strict=True)) for row in matrix]


PHI = {"tanh": math.tanh, "sigmoid": lambda d: 1 / (1 + math.exp(-d)), "relu": lambda d: max(d, 0.0)}


def slow_encoder(model: DifferentialJointEncoder, pooled: torch.Tensor) -> torch.Tensor:
    """Eq. 1, one number at a time."""
    w_q, w_k, w_v = (m.weight.tolist() for m in (model.query, model.key, model.value))
    samples = []
    for sample in pooled.tolist():
        n_joints = len(sample)
        normed = [layer_norm(joint, model.norm) for joint in sample]
        h_q, h_k, v = ([times(w, x) for x in normed] for w in (w_q, w_k, w_v))
        rows = []
        for n in range(n_joints):
            heard = []
            for c in range(len(v[0])):
                differences = [h_q[n][c] - h_k[m][c] for m in range(n_joints)]
                if model.activation == "softmax":
                    powers = [math.exp(max(d, 0.0)) for d in differences]
                    gates = [p / sum(powers) for p in powers]
                else:
                    gates = [PHI[model.activation](d) / n_joints for d in differences]
                heard.append(sum(gates[m] * v[m][c] for m in range(n_joints)))
            if isinstance(model.project, torch.nn.Linear):
                heard = [
                    h + b
                    for h, b in zip(
                        times(model.project.weight.tolist(), heard), model.project.bias.tolist(), strict=True
                    )
                ]
            rows.append([h + x for h, x in zip(heard, sample[n], strict=True)])
        samples.append(rows)
    return torch.tensor(samples, dtype=torch.float64)


@pytest.mark.parametrize("hidden", [None, 4, 9])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_equals_the_equation(activation, hidden):
    model = encoder(activation=activation, hidden=hidden)
    if hidden is not None:
        torch.nn.init.ones_(model.project.bias)
    torch.testing.assert_close(model(joints()), slow_encoder(model, joints()))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_copies_of_a_joint_hear_what_one_tells_itself(activation):
    """An average (or a softmax) over joints: it does not grow with their number."""
    model, single = encoder(activation=activation), joints()[:, :1]
    copies = single.expand(-1, JOINTS, -1)
    torch.testing.assert_close(model(copies), model(single).expand_as(copies))


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(JOINTS)), st.sampled_from(ACTIVATIONS), st.integers(0, 3))
def test_permuted_joints_give_permuted_features(order, activation, seed):
    model, pooled = encoder(seed, activation=activation), joints(seed=seed)
    order = torch.tensor(order)
    torch.testing.assert_close(model(pooled[:, order]), model(pooled)[:, order])
    assert (model(pooled)[:, 0] - model(pooled)[:, 1]).abs().max() > 1e-3


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_no_difference_says_nothing(activation):
    """With one matrix for queries and keys, equal joints differ by zero, and the residual is all that is left."""
    model = encoder(activation=activation)
    model.key = model.query
    same = joints()[:, :1].expand(-1, JOINTS, -1)
    assert torch.equal(model(same), same)
    assert (model(joints()) - joints()).abs().max() > 1e-3


def test_no_difference_is_half_the_mean_value_with_sigmoid_and_the_mean_with_softmax():
    for activation, share in (("sigmoid", 0.5), ("softmax", 1.0)):
        model = encoder(activation=activation)
        model.key = model.query
        same = joints()[:, :1].expand(-1, JOINTS, -1)
        torch.testing.assert_close(model(same), same + share * model.value(model.norm(same)))


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "softmax"])
def test_expanding_the_other_axes_is_the_same_model_with_the_matrices_exchanged(activation):
    """T_1 and T_2 of the paper may be read in two ways; -W_K and -W_Q turn one into the other."""
    model, pooled = encoder(activation=activation), joints()
    normed = model.norm(pooled)
    h_q, h_k, v = model.query(normed), model.key(normed), model.value(normed)
    other = h_q[:, None, :, :] - h_k[:, :, None, :]  # [batch, n, m]: the query now belongs to m
    exchanged = encoder(activation=activation)
    with torch.no_grad():
        exchanged.query.weight.copy_(-model.key.weight)
        exchanged.key.weight.copy_(-model.query.weight)
    if activation == "softmax":
        expected = (other.relu().softmax(dim=2) * v[:, None]).sum(dim=2)
    else:
        expected = (getattr(torch, activation)(other) * v[:, None]).mean(dim=2)
    torch.testing.assert_close(exchanged(pooled), expected + pooled)


def test_a_softmax_of_differences_without_the_relu_would_be_deaf_to_the_query():
    """Why ``softmax`` starts with a ReLU: where all differences are positive, every joint hears the same."""
    model = encoder(activation="softmax")
    with torch.no_grad():
        model.norm.weight.zero_()
        model.norm.bias.fill_(1.0)
        model.norm.weight[0] = 1.0
        model.query.weight.fill_(0.0)
        model.query.weight[:, 0] = 0.1
        model.query.weight[:, 1:] = 10.0
    heard = model(joints()) - joints()
    torch.testing.assert_close(heard, heard[:, :1].expand_as(heard))


def test_pooling_over_time_is_the_mean_of_frames():
    feature_map = torch.randn(2, 7, JOINTS, DIM, generator=seeded(3), dtype=torch.float64)
    by_hand = sum(feature_map[:, t] for t in range(7)) / 7
    torch.testing.assert_close(pool_time(feature_map), by_hand)
    with pytest.raises(ConfigError, match="at least one frame"):
        pool_time(feature_map[:, :0])


@pytest.mark.parametrize("hidden", [None, 4])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_reach_every_parameter_and_are_those_of_the_function(activation, hidden):
    model, pooled = encoder(activation=activation, hidden=hidden), joints()
    weights = torch.randn(pooled.shape, generator=seeded(4), dtype=torch.float64)
    (model(pooled) * weights).sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 1e-9 for p in model.parameters())
    # The activation overwrites the difference; the derivative must not notice.
    assert torch.autograd.gradcheck(model, (joints(1).requires_grad_(),))


def test_weights_come_from_the_generator_alone_and_evaluation_repeats():
    state = torch.get_rng_state()
    first, second = (DifferentialJointEncoder(DIM, hidden=4, generator=seeded()) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    other = DifferentialJointEncoder(DIM, hidden=4, generator=seeded(9))
    assert not torch.equal(first.query.weight, other.query.weight)
    assert not torch.equal(first.query.weight, first.key.weight)
    x = joints().float()
    assert torch.equal(first.eval()(x), first(x))
    assert torch.equal(first.eval()(x), first.train()(x))
    assert torch.equal(state, torch.get_rng_state())


def test_wrong_options_are_refused():
    with pytest.raises(ConfigError, match=r"got 'sigmod' \(in activation\). Did you mean 'sigmoid'"):
        DifferentialJointEncoder(DIM, activation="sigmod", generator=seeded())
    with pytest.raises(ConfigError, match="positive widths, got 0"):
        DifferentialJointEncoder(0, generator=seeded())
    with pytest.raises(ConfigError, match="positive widths"):
        DifferentialJointEncoder(DIM, hidden=0, generator=seeded())


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu"])
def test_the_gradient_is_that_of_the_equation(activation):
    """Against numerical differences, and against what autograd makes of all pairs at once."""
    generator = torch.Generator().manual_seed(3)
    q, k, v = (torch.randn(2, 5, 3, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(3))
    assert torch.autograd.gradcheck(lambda *x: Heard.apply(*x, activation), (q, k, v))
    phi = {"tanh": torch.tanh, "sigmoid": torch.sigmoid, "relu": torch.relu}[activation]
    plain = (phi(q[:, :, None] - k[:, None]) * v[:, None]).sum(2)
    found = Heard.apply(q, k, v, activation)
    assert torch.allclose(found, plain)
    weights = torch.randn(plain.shape, generator=generator, dtype=torch.float64)
    for one, other in zip(
        torch.autograd.grad((found * weights).sum(), (q, k, v)),
        torch.autograd.grad((plain * weights).sum(), (q, k, v)),
        strict=True,
    ):
        assert torch.allclose(one, other)
