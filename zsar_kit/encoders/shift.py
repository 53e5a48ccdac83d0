"""The two shift operators of Shift-GCN (Cheng et al., CVPR 2020), exact and in few passes over memory.

Everything inside the encoder has one layout, ``[row, frame, joint, channel]`` with a row per (sample, person). In it
every linear map over channels is a matrix product on the features as they lie, and no step copies data only to change
the layout:

- the *spatial* shift permutes the columns (joint, channel) of a frame: channel ``c`` of joint ``v`` comes from joint
  ``v + c`` (mod joints) on the way in and from ``v - c`` on the way out. It is done together with the linear map
  between the two, which is a batch of products, one for each joint;
- the *temporal* shift interpolates each channel between the two frames beside its own fractional position. That is a
  depthwise convolution over time whose kernel, a triangle of width two sampled at whole frames, has two
  entries that are not zero.

Adjoints of permutations are written out here, because the generic backward of a gather is a slow scatter-add.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from zsar_kit.encoders.distributed import sum_over_processes, world_size

POSITION_STEP = 0.01
POSITION_STEP_AT_ZERO = 1e-4


def shift_columns(channels: int, joints: int, *, outward: bool) -> Int[Tensor, " column"]:
    """Source column of every column ``joint * channels + channel`` under the spatial shift, as in released checkpoints.

    Args:
        channels: number of channels.
        joints: number of joints.
        outward: False for the shift before the linear map (source joint ``v + c``), True for the one after
            it (source joint ``v - c``), both modulo ``joints``. With equal channels one is the inverse of the other.
    """
    channel = torch.arange(channels)[None, :]
    joint = torch.arange(joints)[:, None]
    source_joint = (joint - channel if outward else joint + channel) % joints
    return (source_joint * channels + channel).flatten()


def shifted_linear(
    x: Float[Tensor, "row frame joint channel"],
    weight: Float[Tensor, "joint channel channel_out"],
    bias: Float[Tensor, "joint channel_out"] | None,
    columns: tuple[Int[Tensor, " column"], Int[Tensor, " column_out"]],
    inverses: tuple[Int[Tensor, " column"], Int[Tensor, " column_out"]],
) -> Float[Tensor, "row frame joint channel_out"]:
    """Spatial shift in, a linear map for each joint, spatial shift out.

    Args:
        x: the features.
        weight, bias: of each joint's map; no bias adds nothing.
        columns: source columns of the shifts in and out (:func:`shift_columns`).
        inverses: the inverse permutations.
    """
    weight, bias = weight.to(x.dtype), None if bias is None else bias.to(x.dtype)
    return _ShiftedLinear.apply(x, weight, bias, columns, inverses)


class _ShiftedLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor | None, columns, inverses) -> Tensor:
        joints, channels, outputs = weight.shape
        shifted = x.reshape(-1, joints * channels).index_select(1, columns[0]).view(-1, joints, channels)
        ctx.save_for_backward(shifted, weight, *inverses)
        mixed = _by_joint(shifted, weight, bias).view(-1, joints * outputs)
        return mixed.index_select(1, columns[1]).view(*x.shape[:3], outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        shifted, weight, inverse_in, inverse_out = ctx.saved_tensors
        joints, channels, outputs = weight.shape
        grad_mixed = grad.reshape(-1, joints * outputs).index_select(1, inverse_out).view(-1, joints, outputs)
        grad_x = grad_weight = grad_bias = None
        if ctx.needs_input_grad[0]:
            grad_shifted = _by_joint(grad_mixed, weight.transpose(1, 2), None).view(-1, joints * channels)
            grad_x = grad_shifted.index_select(1, inverse_in).view(*grad.shape[:3], channels)
        if ctx.needs_input_grad[1]:
            grad_weight = torch.bmm(shifted.permute(1, 2, 0), grad_mixed.transpose(0, 1))
        if ctx.needs_input_grad[2]:
            grad_bias = grad_mixed.sum(0)
        return grad_x, grad_weight, grad_bias, None, None


def _by_joint(
    x: Float[Tensor, "position joint channel"],
    weight: Float[Tensor, "joint channel channel_out"],
    bias: Float[Tensor, "joint channel_out"] | None,
) -> Float[Tensor, "position joint channel_out"]:
    """A linear map for each joint, written in place of a product that would come back with joints in front."""
    out = x.new_empty(*x.shape[:2], weight.shape[2])
    if bias is None:
        torch.bmm(x.transpose(0, 1), weight, out=out.transpose(0, 1))
    else:
        torch.baddbmm(bias[:, None], x.transpose(0, 1), weight, out=out.transpose(0, 1))
    return out


def temporal_shift(
    x: Float[Tensor, "row frame joint channel"], position: Float[Tensor, " channel"], *, stride: int = 1
) -> Float[Tensor, "row frame_out joint channel"]:
    """Shift every channel along time by its own learnable, fractional number of frames.

    With ``k = floor(position)`` and ``f = position - k``,
    ``out[t] = (1 - f) x[t*stride + k] + f x[t*stride + k + 1]``, and frames outside the clip are zero.

    Args:
        x: the features.
        position: frames to look ahead (negative: behind), any real number.
        stride: 1, or 2 to halve the frames; then half a frame is added to ``position``, which centres the
            read between the two frames that become one.

    Returns:
        ``frame // stride`` frames.

    Note:
        The gradient for ``x`` is the exact adjoint. The gradient for ``position`` is, as in the released
        training code, only the sign of the true one: ``0.01 * sign``, and ``1e-4`` where that is exactly
        zero.
    """
    return convolve(x, shift_kernel(position, stride, x.shape[1]), stride)


def convolve(
    x: Float[Tensor, "row frame joint channel"],
    kernel: Float[Tensor, "channel tap"],
    stride: int = 1,
    bias: Float[Tensor, " channel"] | None = None,
) -> Float[Tensor, "row frame_out joint channel"]:
    """A depthwise convolution over time; beyond the clip are as many zeros as the kernel reaches."""
    channels, taps = kernel.shape
    padding = (taps // 2, 0)
    kernel = kernel.view(channels, 1, taps, 1)
    out = functional.conv2d(x.permute(0, 3, 1, 2), kernel, bias, (stride, 1), padding, groups=channels)
    return out.permute(0, 2, 3, 1)[:, : x.shape[1] // stride].contiguous()


def kernel_mass(kernel: Float[Tensor, "channel tap"], frames: int) -> Float[Tensor, "frame channel"]:
    """What the convolution with ``kernel`` makes of ones: at each frame the sum of the taps within the clip."""
    radius = kernel.shape[1] // 2
    frame = torch.arange(frames, device=kernel.device)[:, None] + torch.arange(
        -radius, radius + 1, device=kernel.device
    )
    return ((frame >= 0) & (frame < frames)).to(kernel.dtype) @ kernel.t()


def linear_relu(
    x: Float[Tensor, "row frame joint channel"],
    weight: Float[Tensor, "channel_out channel"],
    bias: Float[Tensor, "frame channel_out"],
) -> Float[Tensor, "row frame joint channel_out"]:
    """A linear map over channels with a bias for each frame, then a ReLU."""
    return _LinearReLU.apply(x, weight.to(x.dtype), bias.to(x.dtype))


class _LinearReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        out = torch.mm(x.reshape(-1, x.shape[3]), weight.t()).view(*x.shape[:3], -1)
        out.add_(bias[:, None]).relu_()
        ctx.save_for_backward(x, weight, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        x, weight, out = ctx.saved_tensors
        grad = torch.ops.aten.threshold_backward(grad, out, 0)
        flat = grad.reshape(-1, len(weight))
        grad_bias = grad.sum(0).sum(1) if ctx.needs_input_grad[2] else None
        grad_weight = torch.mm(flat.t(), x.reshape(-1, x.shape[3])) if ctx.needs_input_grad[1] else None
        return torch.mm(flat, weight).view(x.shape), grad_weight, grad_bias


def add_relu(x: Float[Tensor, "*shape"], skip: Float[Tensor, "*shape"] | None) -> Float[Tensor, "*shape"]:
    """``relu(x + skip)``; in place of ``x`` where no gradient is wanted."""
    if torch.is_grad_enabled():
        return functional.relu(x if skip is None else x + skip)
    return functional.relu_(x if skip is None else x.add_(skip))


def shift_kernel(position: Float[Tensor, " channel"], stride: int, frames: int) -> Float[Tensor, "channel tap"]:
    """The temporal shift of each channel as a kernel over time; its middle tap is the frame itself.

    Args:
        position: see :func:`temporal_shift`.
        stride: 1 or 2.
        frames: length of a clip; taps beyond it would read nothing but zeros and are left out.
    """
    position = position if stride == 1 else position + 0.5
    first, last = torch.stack(position.detach().floor().aminmax()).tolist()
    return _ShiftKernel.apply(position, int(min(max(-first, last + 1, 0), frames - 1)))


class _ShiftKernel(torch.autograd.Function):
    """``kernel[c, radius + k] = 1 - f`` and ``kernel[c, radius + k + 1] = f``, where those entries exist."""

    @staticmethod
    def forward(ctx, position: Tensor, radius: int) -> Tensor:
        taps = torch.arange(-radius, radius + 1, device=position.device, dtype=position.dtype)
        distance = taps - position[:, None]
        ctx.save_for_backward(distance)
        return (1 - distance.abs()).clamp_(min=0)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        (distance,) = ctx.saved_tensors
        # d kernel / d position is -1 at k and +1 at k + 1. A whole position (distance zero) counts as k.
        slope = ((distance > 0) & (distance <= 1)).to(grad.dtype) - ((distance > -1) & (distance <= 0)).to(grad.dtype)
        # The sign is that of the whole batch, shared among all processes; their gradients are added up later.
        exact = sum_over_processes((grad * slope).sum(1))
        step = torch.where(exact == 0, POSITION_STEP_AT_ZERO, POSITION_STEP * exact.sign())
        return step / world_size(), None
