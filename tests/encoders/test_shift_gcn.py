"""Shift-GCN against slow loops written from its definition, and against the released checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zsar_kit.encoders.column_norm import ColumnNorm
from zsar_kit.encoders.shift import (
    convolve,
    kernel_mass,
    linear_relu,
    shift_columns,
    shift_kernel,
    shifted_linear,
    temporal_shift,
)
from zsar_kit.encoders.shift_gcn import STRIDES, ShiftGCN, ShiftGCNConfig, load_released
from zsar_kit.errors import ConfigError, DataError, MissingModelError

CHECKPOINT = "weights/ntu60_xsub_shift_gcn_joint.pt"


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed))


# --- the definitions, as loops ---------------------------------------------------------------------------


def slow_temporal_shift(x: Tensor, position: Tensor, stride: int) -> Tensor:
    """One output frame and channel of ``x[sample, frame, joint, channel]`` after the other; zeros outside the clip."""
    position = position.detach() + (0.5 if stride == 2 else 0.0)
    frames = x.shape[1]

    def frame(c: int, t: int) -> Tensor:
        return x[:, t, :, c] if 0 <= t < frames else torch.zeros_like(x[:, 0, :, c])

    channels = []
    for c in range(x.shape[3]):
        k = int(torch.floor(position[c]))
        f = position[c] - k
        out = [(1 - f) * frame(c, t * stride + k) + f * frame(c, t * stride + k + 1) for t in range(frames // stride)]
        channels.append(torch.stack(out, 1))
    return torch.stack(channels, 3)


def slow_spatial_shift(x: Tensor, sign: int) -> Tensor:
    """``x[sample, frame, joint, channel]``; joint ``v`` reads channel ``c`` of joint ``v + sign * c``."""
    joints, channels = x.shape[2:]
    rows = [torch.stack([x[:, :, (v + sign * c) % joints, c] for c in range(channels)], -1) for v in range(joints)]
    return torch.stack(rows, 2)


def slow_norm(x: Tensor, norm: ColumnNorm, per_joint: bool) -> Tensor:
    """Batch norm of ``x[sample, frame, joint, channel]`` over all axes but the channel (and the joint)."""
    axes = (0, 1) if per_joint else (0, 1, 2)
    shape = x.shape[2:] if per_joint else x.shape[3:]
    mean = x.mean(axes) if norm.training else norm.running_mean.view(shape)
    variance = x.var(axes, correction=0) if norm.training else norm.running_var.view(shape)
    return (x - mean) / torch.sqrt(variance + norm.eps) * norm.weight.view(shape) + norm.bias.view(shape)


def slow_linear(x: Tensor, linear: Any) -> Tensor:
    return x @ linear.weight.flatten(1).t() + linear.bias


def slow_block(x: Tensor, block: Any, stride: int) -> Tensor:
    gcn, tcn = block.gcn1, block.tcn1
    h = slow_spatial_shift(x, +1) * (torch.tanh(gcn.Feature_Mask[0]) + 1)
    h = slow_spatial_shift(h @ gcn.Linear_weight + gcn.Linear_bias[0, 0], -1)
    h = slow_norm(h, gcn.bn, per_joint=True)
    h = torch.relu(h + (x if gcn.down is None else slow_norm(slow_linear(x, gcn.down[0]), gcn.down[1], False)))
    h = slow_temporal_shift(slow_norm(h, tcn.bn, False), tcn.shift_in.ypos, 1)
    h = slow_temporal_shift(torch.relu(slow_linear(h, tcn.temporal_linear)), tcn.shift_out.ypos, stride)
    h = slow_norm(h, tcn.bn2, False)
    if block.skip and block.residual is None:
        h = h + x
    elif block.skip:
        h = h + slow_norm(slow_linear(x[:, ::stride], block.residual.conv), block.residual.bn, False)
    return torch.relu(h)


def slow_model(model: ShiftGCN, clip: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    batch, persons, frames, joints, axes = clip.shape
    rows = clip.permute(1, 3, 4, 0, 2).reshape(persons * joints * axes, -1).t()
    x = slow_norm(rows[:, None, None], model.data_bn, per_joint=False)[:, 0, 0].t()
    x = x.reshape(persons, joints, axes, batch, frames).permute(3, 0, 4, 1, 2).reshape(-1, frames, joints, axes)
    for number, stride in enumerate(STRIDES, start=1):
        x = slow_block(x, getattr(model, f"l{number}"), stride)
    maps = x.view(batch, persons, *x.shape[1:]).mean(1)
    pooled = maps.mean((1, 2))
    return pooled, maps, pooled @ model.fc.weight.t() + model.fc.bias


def tiny_model(*, persons: int = 2, joints: int = 5, seed: int = 0) -> ShiftGCN:
    """A model in float64 with every parameter and statistic away from its initial value."""
    config = ShiftGCNConfig(classes=3, width=1 / 16, joints=joints, persons=persons)
    source = generator(seed)
    model = ShiftGCN(config, source).double()
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.endswith("ypos"):
                value.uniform_(-3, 3, generator=source)
            elif name.endswith("running_var"):
                value.uniform_(0.5, 2, generator=source)
            elif value.is_floating_point() and not name.endswith("xpos"):
                value.add_(torch.randn(value.shape, dtype=value.dtype, generator=source), alpha=0.2)
    return model


# --- operators -------------------------------------------------------------------------------------------


def different_layouts(x: Tensor) -> list[Tensor]:
    """The same values, contiguous and in two other orders in memory."""
    return [x, x.transpose(0, 1).contiguous().transpose(0, 1), x.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)]


@pytest.mark.parametrize("stride", [1, 2])
def test_temporal_shift_equals_the_loop_forward_and_backward(stride):
    position = torch.tensor([0.0, 1.0, -1.0, 0.25, -0.75, 2.5, -3.2, 7.9, -20.0, 30.5], dtype=torch.float64)
    values = draw(2, 8, 3, 10)
    upstream = draw(2, 8 // stride, 3, 10, seed=1)
    for x in different_layouts(values):
        x.requires_grad_()
        fast, slow = temporal_shift(x, position, stride=stride), slow_temporal_shift(x, position, stride)
        torch.testing.assert_close(fast, slow, rtol=0, atol=1e-14)
        ours, theirs = (torch.autograd.grad(out, x, upstream)[0] for out in (fast, slow))
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-14)


def test_temporal_shift_by_whole_frames_moves_and_pads_with_zeros():
    x = torch.arange(1.0, 5.0).view(1, 4, 1, 1).repeat(1, 1, 1, 4)
    moved = temporal_shift(x, torch.tensor([0.0, 1.0, -2.0, 9.0]))[0, :, 0]
    assert moved.t().tolist() == [[1, 2, 3, 4], [2, 3, 4, 0], [0, 0, 1, 2], [0, 0, 0, 0]]


def test_stride_two_reads_between_the_two_frames():
    x = torch.tensor([1.0, 3.0, 5.0, 9.0, 20.0]).view(1, 5, 1, 1)
    assert temporal_shift(x[:, :4], torch.zeros(1), stride=2).flatten().tolist() == [2, 7]
    assert temporal_shift(x, torch.zeros(1), stride=2).flatten().tolist() == [2, 7]


@pytest.mark.parametrize("stride", [1, 2])
def test_temporal_shift_passes_gradcheck_for_its_input(stride):
    position = torch.tensor([0.3, -1.6, 2.0], dtype=torch.float64)
    x = draw(2, 6, 2, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: temporal_shift(x, position, stride=stride), (x,))


@pytest.mark.parametrize("stride", [1, 2])
def test_position_gradient_is_the_sign_of_the_true_one(stride):
    position = torch.tensor([0.3, -1.6, 2.2, 0.7, 1.0], dtype=torch.float64, requires_grad=True)
    x, upstream = draw(2, 8, 3, 5), draw(2, 8 // stride, 3, 5, seed=2)
    upstream[..., 3] = 0.0
    (ours,) = torch.autograd.grad(temporal_shift(x, position, stride=stride), position, upstream)
    h = 1e-4
    forward, here = (slow_temporal_shift(x, position + d, stride) for d in (h, 0))  # at a whole frame, the right slope
    true = ((forward - here) / h * upstream).sum((0, 1, 2))
    assert torch.equal(ours[[0, 1, 2, 4]], 0.01 * true[[0, 1, 2, 4]].sign())
    assert true[3] == 0
    assert ours[3] == 1e-4


@pytest.mark.parametrize("stride", [1, 2])
def test_kernel_mass_is_the_shift_of_ones(stride):
    kernel = shift_kernel(torch.tensor([0.3, -1.6, 2.2, 20.0]), stride, 6)
    shifted = convolve(torch.ones(1, 6, 1, 4), kernel)
    torch.testing.assert_close(kernel_mass(kernel, 6), shifted[0, :, 0])


@pytest.mark.parametrize(("channels", "joints"), [(3, 25), (64, 25), (7, 5)])
def test_spatial_shift_equals_the_loop(channels, joints):
    x = draw(2, 3, joints, channels)
    for outward, sign in ((False, 1), (True, -1)):
        shifted = x.flatten(2)[..., shift_columns(channels, joints, outward=outward)]
        assert torch.equal(shifted.view_as(x), slow_spatial_shift(x, sign))


def test_shifting_out_undoes_shifting_in():
    inward, outward = (shift_columns(64, 25, outward=o) for o in (False, True))
    assert torch.equal(inward[outward], torch.arange(1600))
    assert torch.equal(inward.argsort(), outward)


def shifts(inputs: int, outputs: int, joints: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    pairs = [(shift_columns(c, joints, outward=o), shift_columns(c, joints, outward=not o))
             for c, o in ((inputs, False), (outputs, True))]  # fmt: skip
    return (pairs[0][0], pairs[1][0]), (pairs[0][1], pairs[1][1])


def test_shifted_linear_equals_its_three_steps_and_passes_gradcheck():
    inputs, outputs, joints = 4, 7, 5
    values, weight, bias = (
        draw(2, 3, joints, inputs),
        draw(joints, inputs, outputs, seed=1),
        draw(joints, outputs, seed=2),
    )
    steps = slow_spatial_shift(torch.einsum("ntvc,vco->ntvo", slow_spatial_shift(values, 1), weight) + bias, -1)
    for x in different_layouts(values):
        torch.testing.assert_close(shifted_linear(x, weight, bias, *shifts(inputs, outputs, joints)), steps)
    tensors = [value.requires_grad_() for value in (values, weight, bias)]
    assert torch.autograd.gradcheck(lambda *t: shifted_linear(*t, *shifts(inputs, outputs, joints)), tensors)
    assert torch.autograd.gradcheck(lambda *t: shifted_linear(*t, None, *shifts(inputs, outputs, joints)), tensors[:2])


def test_linear_relu_equals_its_steps_and_passes_gradcheck():
    values, weight, bias = draw(2, 4, 3, 5), draw(6, 5, seed=1), draw(4, 6, seed=2)
    steps = torch.relu(values @ weight.t() + bias[:, None])
    for x in different_layouts(values):
        torch.testing.assert_close(linear_relu(x, weight, bias), steps)
    tensors = [value.requires_grad_() for value in (values, weight, bias)]
    assert torch.autograd.gradcheck(linear_relu, tensors)


# --- norm ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axes", [(20,), (5, 4)])
def test_column_norm_is_batch_norm(axes):
    ours, theirs = ColumnNorm(12).double(), nn.BatchNorm1d(12).double()
    for module in (ours, theirs):
        module.weight.data.copy_(draw(12, seed=1))
        module.bias.data.copy_(draw(12, seed=2))
    x, upstream = (100 + 3 * draw(20, 12)).requires_grad_(), draw(20, 12, seed=3)
    results = []
    for module, out in ((ours, ours(x.view(*axes, 12)).view(20, 12)), (theirs, theirs(x))):
        grads = torch.autograd.grad(out, (x, module.weight, module.bias), upstream)
        results.append((out, *grads, module.running_mean, module.running_var, module.num_batches_tracked))
    for mine, reference in zip(*results, strict=True):
        torch.testing.assert_close(mine, reference)
    ours.eval()
    theirs.eval()
    torch.testing.assert_close(ours(x), theirs(x))


@pytest.mark.parametrize("training", [True, False])
def test_an_offset_is_as_good_as_adding_it(training):
    offset, upstream = draw(4, seed=1).requires_grad_(), draw(6, 4, seed=2)
    results = []
    for added in (True, False):
        norm, x = ColumnNorm(4).double().train(training), draw(6, 4).requires_grad_()
        norm.running_var.fill_(2.5)
        out = norm(x + offset) if added else norm(x, offset)
        results.append((out, *torch.autograd.grad(out, (x, offset, norm.bias), upstream), norm.running_mean))
    for added, given in zip(*results, strict=True):
        torch.testing.assert_close(given, added, rtol=1e-7, atol=1e-13)


def test_norm_skip_and_relu_equal_their_steps():
    x, skip, upstream = draw(3, 4, 5).requires_grad_(), draw(3, 4, 5, seed=1).requires_grad_(), draw(3, 4, 5, seed=2)
    norm, plain = ColumnNorm(5).double(), nn.BatchNorm1d(5).double()
    norm.weight.data.copy_(draw(5, seed=3))
    plain.weight.data.copy_(norm.weight)
    fused = norm.training_norm(x, skip, relu=True)
    steps = torch.relu(plain(x.flatten(0, 1)).view(x.shape) + skip)
    torch.testing.assert_close(fused, steps)
    mine = torch.autograd.grad(fused, (x, skip, norm.weight, norm.bias), upstream)
    reference = torch.autograd.grad(steps, (x, skip, plain.weight, plain.bias), upstream)
    for one, other in zip(mine, reference, strict=True):
        torch.testing.assert_close(one, other)


def test_scale_and_shift_of_training_are_differentiable():
    x = draw(2, 3, 4, 5).requires_grad_()

    def normed(x: Tensor) -> Tensor:
        scale, shift = ColumnNorm(5).double().training_scale_and_shift(x)
        return x * scale + shift

    reference = nn.functional.batch_norm(x.flatten(0, 2), None, None, training=True).view(x.shape)
    torch.testing.assert_close(normed(x), reference)
    assert torch.autograd.gradcheck(normed, (x,))


def test_column_norm_is_about_as_precise_as_torch_far_from_zero():
    x = (1000 + 0.1 * draw(5000, 2)).float()
    expected = nn.functional.batch_norm(x.double(), None, None, training=True)
    theirs = nn.functional.batch_norm(x, None, None, training=True)
    ours = ColumnNorm(2)(x)
    assert (ours - expected).abs().max() < 2 * (theirs - expected).abs().max()


def test_a_single_row_teaches_a_norm_nothing():
    with pytest.raises(DataError, match="at least two frames"):
        ColumnNorm(3)(torch.zeros(1, 3))


# --- the whole model -------------------------------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False])
def test_model_equals_the_definition_forward_and_backward(training):
    model = tiny_model().train(training)
    clip = draw(3, 2, 16, 5, 3).requires_grad_()
    output = model(clip, maps=True)
    pooled, maps, logits = slow_model(model, clip)
    torch.testing.assert_close(output.pooled, pooled)
    torch.testing.assert_close(output.maps, maps)
    torch.testing.assert_close(output.logits, logits)
    values = {n: p for n, p in model.named_parameters() if "ypos" not in n}
    weight = draw(*logits.shape, seed=4)
    ours = torch.autograd.grad((output.logits * weight).sum(), (clip, *values.values()))
    theirs = torch.autograd.grad((logits * weight).sum(), (clip, *values.values()))
    for name, mine, reference in zip(("clip", *values), ours, theirs, strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-7, atol=1e-10, msg=lambda m, n=name: f"{n}: {m}")


def test_evaluation_treats_each_clip_alone_and_leaves_no_trace():
    model = tiny_model().eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    clip = draw(4, 2, 8, 5, 3)
    together = model(clip, maps=True)
    alone = [model(clip[i : i + 1], maps=True) for i in range(4)]
    torch.testing.assert_close(together.pooled, torch.cat([o.pooled for o in alone]))
    torch.testing.assert_close(together.maps, torch.cat([o.maps for o in alone]))
    assert torch.equal(together.logits, model(clip).logits)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize(("width", "first", "dim"), [(1.0, 64, 256), (0.5, 32, 128), (0.25, 16, 64), (0.03, 4, 8)])
def test_width_scales_channels(width, first, dim):
    config = ShiftGCNConfig(classes=7, width=width, persons=1)
    assert (config.channels[0], config.dim) == (first, dim)
    assert all(c % 4 == 0 for c in config.channels)
    output = ShiftGCN(config, generator()).eval()(torch.zeros(2, 1, 8, 25, 3), maps=True)
    assert output.pooled.shape == (2, dim)
    assert output.logits.shape == (2, 7)
    assert output.maps is not None
    assert output.maps.shape == (2, 2, 25, dim)


def test_pooled_is_the_mean_of_the_maps_and_maps_are_optional():
    model = tiny_model().eval()
    clip = draw(2, 2, 12, 5, 3)
    output = model(clip, maps=True)
    assert output.maps is not None
    torch.testing.assert_close(output.maps.mean((1, 2)), output.pooled)
    assert output.pooled.min() >= 0
    assert model(clip).maps is None


def test_training_reduces_the_loss_and_moves_positions():
    model = ShiftGCN(ShiftGCNConfig(classes=2, width=0.125, persons=1), generator())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    clip = torch.randn(8, 1, 16, 25, 3, generator=generator(1))
    target = torch.tensor([0, 1] * 4)
    positions = model.get_parameter("l1.tcn1.shift_in.ypos")
    before, losses = positions.detach().clone(), []
    for _ in range(15):
        loss = nn.functional.cross_entropy(model(clip).logits, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 * losses[0]
    assert (positions - before).abs().min() > 0


@pytest.mark.parametrize("training", [True, False])
def test_autocast_in_bfloat16_is_near_single_precision(training):
    model = ShiftGCN(ShiftGCNConfig(classes=3, width=0.25, joints=5, persons=1), generator()).train(training)
    clip = torch.randn(8, 1, 16, 5, 3, generator=generator(1))
    exact = model(clip).logits
    exact.square().sum().backward()
    before = {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}
    model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        rough = model(clip).logits
    rough.float().square().sum().backward()
    assert rough.dtype == torch.bfloat16
    assert (rough - exact).abs().max() < 0.1 * exact.abs().max()
    for name in ("fc.weight", "l10.tcn1.bn2.weight", "l10.tcn1.temporal_linear.weight", "l9.gcn1.Linear_weight"):
        gradient = model.get_parameter(name).grad
        assert gradient is not None
        assert gradient.dtype == torch.float32
        assert torch.cosine_similarity(gradient.flatten(), before[name].flatten(), dim=0) > 0.9


def test_a_training_step_gives_the_same_bytes_again():
    clip, results = torch.randn(4, 1, 16, 25, 3, generator=generator(1)), []
    for layout in (clip, clip, clip.transpose(2, 3).contiguous().transpose(2, 3)):
        model = ShiftGCN(ShiftGCNConfig(classes=2, width=0.25, persons=1), generator())
        model(layout).logits.square().sum().backward()
        results.append([value.grad for value in model.parameters()] + list(model.buffers()))
    for other in results[1:]:
        assert all(torch.equal(one, two) for one, two in zip(results[0], other, strict=True))


def test_weights_come_from_the_generator_alone():
    config = ShiftGCNConfig(classes=2, width=0.1, persons=1)
    torch_state = torch.get_rng_state()
    states = [ShiftGCN(config, generator(s)).state_dict() for s in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])
    assert not torch.equal(states[0]["fc.weight"], states[2]["fc.weight"])


# --- bad input -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 2, 8, 20, 3), "built for 5 joints, but the clip .* has 20 on axis 3"),
        ((2, 1, 8, 5, 3), r"built for 2 persons.*ShiftGCNConfig\(persons=1\)"),
        ((2, 2, 8, 5, 2), "3 coordinates, got 2"),
        ((2, 2, 10, 5, 3), "multiple of 4, got 10"),
        ((0, 2, 8, 5, 3), "clip batch must be"),
    ],
)
def test_unfit_clips_are_refused(shape, message):
    with pytest.raises(DataError, match=message):
        tiny_model()(torch.zeros(shape, dtype=torch.float64))


@pytest.mark.parametrize(("field", "value"), [("classes", 0), ("width", 0.0), ("width", -1.0), ("persons", 0)])
def test_unfit_sizes_are_refused(field, value):
    with pytest.raises(ConfigError, match=field):
        ShiftGCNConfig(**({"classes": 2} | {field: value}))


# --- checkpoints -----------------------------------------------------------------------------------------


def test_a_saved_model_comes_back(tmp_path):
    model = ShiftGCN(ShiftGCNConfig(classes=3, width=0.25, joints=5, persons=1), generator()).eval()
    torch.save({f"module.{k}": v for k, v in model.state_dict().items()}, tmp_path / "model.pt")
    loaded = load_released(tmp_path / "model.pt")
    assert loaded.config == model.config
    assert not loaded.training
    clip = draw(1, 1, 8, 5, 3).float()
    assert torch.equal(loaded(clip).logits, model(clip).logits)


def test_wrong_checkpoints_are_refused(tmp_path):
    path = tmp_path / "model.pt"
    with pytest.raises(MissingModelError, match="the Shift-GCN checkpoint does not exist"):
        load_released(path)
    path.write_text("version https://git-lfs.github.com/spec/v1")
    with pytest.raises(MissingModelError, match="cannot be read"):
        load_released(path)
    state = ShiftGCN(ShiftGCNConfig(classes=3, width=0.25, persons=1), generator()).state_dict()
    wrong = {
        "sizes cannot be read": {"weight": torch.zeros(2)},
        "1 tensors are missing": {k: v for k, v in state.items() if k != "l3.tcn1.bn.weight"},
        "1 are unknown": state | {"l11.extra": torch.zeros(1)},
        "1 have another shape": state | {"l2.gcn1.Linear_weight": torch.zeros(3, 3)},
        "another permutation": state | {"l2.gcn1.shift_in": state["l2.gcn1.shift_in"].flip(0)},
        "not a flat table": {"epoch": 3, "state_dict": state},
    }
    for message, content in wrong.items():
        torch.save(content, path)
        with pytest.raises(MissingModelError, match=message):
            load_released(path)


@pytest.mark.shared
def test_the_released_checkpoint_loads_whole(shared_dir: Path):
    path = shared_dir / CHECKPOINT
    stored = torch.load(path, weights_only=True)
    model = load_released(path)
    state = model.state_dict()
    assert len(stored) == len(state) == 302
    assert all(torch.equal(state[k], v) for k, v in stored.items())
    assert model.config == ShiftGCNConfig(classes=60)
    clip = torch.randn(2, 2, 16, 25, 3, generator=generator()) * 0.3
    with torch.inference_mode():
        output = model(clip, maps=True)
        pooled, maps, logits = slow_model(model, clip)
    torch.testing.assert_close(output.pooled, pooled, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(output.maps, maps, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(output.logits, logits, rtol=1e-4, atol=1e-4)
