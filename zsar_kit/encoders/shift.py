"""The two shift operators of Shift-GCN (Cheng et al., CVPR 2020), as exact row operations.

Everything inside the encoder has one layout, ``[channel, joint, frame, column]`` with a column per
(person, sample). In it both shifts move whole contiguous rows and every pointwise linear map is a single
matrix product without a transpose, so no step of the network copies data to change the layout:

- the *spatial* shift permutes the rows (channel, joint): channel ``c`` of joint ``v`` comes from joint
  ``v + c`` (mod joints) on the way in and from ``v - c`` on the way out;
- the *temporal* shift makes each row (channel, joint, frame) a weighted sum of two rows, the frames on both
  sides of the channel's fractional position. A weighted sum of few rows is what ``embedding_bag`` computes
  in one pass.

Adjoints are the same operations with other indices. They are written out here because the generic backward of a
gather is a slow scatter-add.
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


def spatial_shift_rows(channels: int, joints: int, *, outward: bool) -> Int[Tensor, " row"]:
    """Source row of every row ``channel * joints + joint`` under the spatial shift.

    Args:
        channels: number of channels.
        joints: number of joints.
        outward: False for the shift before the linear map (source joint ``v + c``), True for the one after
            it (source joint ``v - c``), both modulo ``joints``. With equal channels one is the inverse of the other.
    """
    channel = torch.arange(channels)[:, None]
    joint = torch.arange(joints)[None, :]
    source_joint = (joint - channel if outward else joint + channel) % joints
    return (channel * joints + source_joint).flatten()


def released_shift_index(channels: int, joints: int, *, outward: bool) -> Int[Tensor, " row"]:
    """The same permutation in the flat order ``joint * channels + channel`` of the released checkpoints."""
    rows = spatial_shift_rows(channels, joints, outward=outward).view(channels, joints)
    source_channel, source_joint = rows // joints, rows % joints
    return (source_joint * channels + source_channel).t().flatten()


class _PermuteRows(torch.autograd.Function):
    """``out[r] = x[source[r]]``; the adjoint reads with the inverse permutation."""

    @staticmethod
    def forward(ctx, x: Tensor, source: Tensor, inverse: Tensor) -> Tensor:
        ctx.save_for_backward(inverse)
        return x.index_select(0, source)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        (inverse,) = ctx.saved_tensors
        return grad.contiguous().index_select(0, inverse), None, None


class _PermuteScaleRows(torch.autograd.Function):
    """``out[r] = scale[r] * x[source[r]]``, read, scaled and written in one pass."""

    @staticmethod
    def forward(ctx, x: Tensor, scale: Tensor, source: Tensor, inverse: Tensor) -> Tensor:
        ctx.save_for_backward(x, scale, source, inverse)
        return _bag(x, source[:, None], scale[:, None])

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        x, scale, source, inverse = ctx.saved_tensors
        grad_x = grad.contiguous().index_select(0, inverse)
        grad_scale = torch.linalg.vecdot(grad_x, x)[source] if ctx.needs_input_grad[1] else None
        return grad_x.mul_(scale[inverse][:, None]), grad_scale, None, None


def permute_rows(
    x: Float[Tensor, "row length"], source: Int[Tensor, " row"], inverse: Int[Tensor, " row"]
) -> Float[Tensor, "row length"]:
    """Row ``r`` of the result is row ``source[r]`` of ``x``; ``inverse`` is the inverse permutation."""
    return _PermuteRows.apply(x, source, inverse)


def permute_scale_rows(
    x: Float[Tensor, "row length"],
    scale: Float[Tensor, " row"],
    source: Int[Tensor, " row"],
    inverse: Int[Tensor, " row"],
) -> Float[Tensor, "row length"]:
    """Row ``r`` of the result is ``scale[r]`` times row ``source[r]`` of ``x``."""
    return _PermuteScaleRows.apply(x, scale, source, inverse)


def temporal_shift(
    x: Float[Tensor, "channel joint frame column"], position: Float[Tensor, " channel"], *, stride: int = 1
) -> Float[Tensor, "channel joint frame_out column"]:
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
    return _TemporalShift.apply(x, position if stride == 1 else position + 0.5, stride)


class _TemporalShift(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, position: Tensor, stride: int) -> Tensor:
        x = x.contiguous()
        ctx.save_for_backward(x, position)
        ctx.stride = stride
        frames = x.shape[2]
        start, fraction = _split_position(position)
        source = _frames_read(start, frames, stride)
        return _temporal_bag(x, source, torch.stack((1 - fraction, fraction), -1)[:, None], frames)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        x, position = ctx.saved_tensors
        grad = grad.contiguous()
        frames, frames_out, stride = x.shape[2], grad.shape[2], ctx.stride
        start, fraction = _split_position(position)
        grad_x = grad_position = None
        if ctx.needs_input_grad[0]:
            # Output t read frame s as its left neighbour where t*stride = s - k and as its right one where
            # t*stride = s - k - 1; with stride 2 only one of the two is a whole t.
            steps = torch.arange(frames, device=x.device)[None, :, None] - start[:, None, None] - _pair(x.device)
            source = torch.where(steps % stride == 0, steps.div(stride, rounding_mode="floor"), -1)
            grad_x = _temporal_bag(grad, source, torch.stack((1 - fraction, fraction), -1)[:, None], frames_out)
        if ctx.needs_input_grad[1]:
            slope = torch.tensor([-1.0, 1.0], dtype=x.dtype, device=x.device).expand(x.shape[0], 1, 2)
            difference = _temporal_bag(x, _frames_read(start, frames, stride), slope, frames)
            # The sign is that of the whole batch, shared among all processes; their gradients are added up later.
            exact = sum_over_processes(difference.mul_(grad).flatten(1).sum(1))
            step = torch.where(exact == 0, POSITION_STEP_AT_ZERO, POSITION_STEP * exact.sign())
            grad_position = step / world_size()
        return grad_x, grad_position, None


def _split_position(position: Tensor) -> tuple[Tensor, Tensor]:
    start = position.detach().floor()
    return start.long(), position.detach() - start


def _pair(device: torch.device) -> Tensor:
    return torch.arange(2, device=device)


def _frames_read(start: Tensor, frames: int, stride: int) -> Int[Tensor, "channel frame_out 2"]:
    first = torch.arange(frames // stride, device=start.device) * stride
    return first[None, :, None] + start[:, None, None] + _pair(start.device)


def _temporal_bag(x: Tensor, source: Tensor, weight: Tensor, frames: int) -> Tensor:
    """Sum over the last axis of ``weight * x[source frame]``; a source outside the clip counts as zero."""
    channels, joints, _, columns = x.shape
    weight = (weight * ((source >= 0) & (source < frames))).to(x.dtype)
    sequence = torch.arange(channels * joints, device=x.device).view(channels, joints, 1, 1) * frames
    rows = sequence + source.clamp(0, frames - 1)[:, None]
    weights = weight[:, None].expand(rows.shape)
    out = _bag(x.view(-1, columns), rows.view(-1, 2), weights.reshape(-1, 2))
    return out.view(channels, joints, source.shape[1], columns)


def _bag(
    x: Float[Tensor, "row length"], rows: Int[Tensor, "out bag"], weights: Float[Tensor, "out bag"]
) -> Float[Tensor, "out length"]:
    return functional.embedding_bag(rows, x, mode="sum", per_sample_weights=weights)
