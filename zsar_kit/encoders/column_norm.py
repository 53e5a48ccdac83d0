"""Batch norm over the last axis, with statistics over all processes, in few passes over memory.

Training on a CPU is bound by memory traffic, so a norm here is divided: its statistics are one pass
(:func:`moments`), and what they amount to, a scale and a shift for each feature, goes into the operations beside it
wherever that is possible.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from zsar_kit.encoders.distributed import differentiable_sum, sum_over_processes, world_size
from zsar_kit.errors import DataError


class Moments(NamedTuple):
    """What a batch norm knows of its input, over all processes: per feature mean and variance, and the count."""

    mean: Float[Tensor, " feature"]
    variance: Float[Tensor, " feature"]
    length: int


class ColumnNorm(nn.Module):
    """Batch norm of ``x + offset`` over the last axis, where the sum is never formed.

    State and arithmetic are those of ``torch.nn.BatchNorm1d`` (names, momentum 0.1, biased variance in the
    output, unbiased in the running estimate), so checkpoints load by name. A linear map in front of a norm has a bias
    that the norm takes away again: given here as ``offset`` it costs nothing. In training it moves the running mean and
    has the gradient zero, which it has in theory; in evaluation it is part of the affine map.

    Args:
        features: length of the last axis.
        momentum: weight of the newest batch in the running statistics.
        eps: added to the variance.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, features: int, *, momentum: float = 0.1, eps: float = 1e-5):
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(
        self, x: Float[Tensor, "*row feature"], offset: Float[Tensor, " feature"] | None = None
    ) -> Float[Tensor, "*row feature"]:
        """Normalise each feature, with its own statistics in training and the running ones otherwise."""
        if self.training:
            return self.training_norm(x, None, offset, relu=False)
        scale, shift = self.scale_and_shift(offset)
        return torch.addcmul(shift, x, scale).to(x.dtype)

    def training_norm(
        self,
        x: Float[Tensor, "*row feature"],
        skip: Float[Tensor, "*row feature"] | None,
        offset: Float[Tensor, " feature"] | None = None,
        *,
        relu: bool,
    ) -> Float[Tensor, "*row feature"]:
        """The norm in training, then plus ``skip``, then a ReLU; the statistics are kept."""
        bias = self.bias if offset is None else self.bias + 0.0 * offset
        if world_size() > 1:  # statistics of all processes: the operations one by one
            flat = x.flatten(0, -2)
            out, mean, variance, length = shared_norm(flat, self.weight, bias, self.eps)
            self.track(Moments(mean, variance, length), offset)
            out = out.view(x.shape) if skip is None else out.view(x.shape) + skip
            return torch.relu(out) if relu else out
        with torch.no_grad():
            found = moments(x, self.weight.numel())
        self.track(found, offset)
        inverse = torch.rsqrt(found.variance + self.eps)
        return _NormSkipReLU.apply(x, skip, self.weight, bias, found.mean, inverse, relu)

    def training_scale_and_shift(self, x: Float[Tensor, "*row feature"]) -> tuple[Tensor, Tensor]:
        """The affine map that the norm of ``x`` is in training, differentiable in ``x``; the statistics are kept."""
        found = moments(x, self.weight.numel())
        self.track(found)
        scale = self.weight * torch.rsqrt(found.variance + self.eps)
        return scale, self.bias - scale * found.mean

    def scale_and_shift(self, offset: Float[Tensor, " feature"] | None = None) -> tuple[Tensor, Tensor]:
        """The affine map of evaluation; linear maps beside the norm can include it."""
        scale = self.weight * torch.rsqrt(self.running_var + self.eps)
        return scale, self.bias + scale * (-self.running_mean if offset is None else offset - self.running_mean)

    @torch.no_grad()
    def track(self, found: Moments, offset: Float[Tensor, " feature"] | None = None) -> None:
        """Bring the running statistics up to date."""
        mean = found.mean if offset is None else found.mean + offset
        unbiased = found.variance * (found.length / max(found.length - 1, 1))
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)
        self.num_batches_tracked.add_(1)


def moments(x: Float[Tensor, "*row feature"], features: int) -> Moments:
    """Mean and (biased) variance of each feature over all rows of all processes; differentiable.

    Raises:
        DataError: there is a single row.
    """
    own = x.numel() // features
    length = int(sum_over_processes(torch.tensor(float(own), dtype=torch.float64, device=x.device)))
    if length < 2:
        raise DataError("a batch norm needs at least two frames to learn from, got one", remedy="Use longer clips.")
    mean, variance = _Moments.apply(x, features)
    if world_size() > 1:
        # The spread of all rows is that within the processes and that among their means.
        total = differentiable_sum(mean * own) / length
        variance = differentiable_sum((variance + (mean - total).square()) * own) / length
        mean = total
    return Moments(mean, variance, length)


class _Moments(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, features: int) -> tuple[Tensor, Tensor]:
        # The last two axes as one: longer rows are faster, and shorter columns lose less to rounding.
        flat = x.reshape(-1, x.shape[-2] * x.shape[-1]) if x.ndim > 2 else x
        mean, variance = torch.batch_norm_update_stats(flat.to(_wide(x.dtype)), None, None, 0.0)
        if len(mean) != features:
            means, mean = mean.view(-1, features), mean.view(-1, features).mean(0)
            variance = variance.view(-1, features).mean(0) + (means - mean).square().mean(0)
        ctx.save_for_backward(x, mean)
        return mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_mean: Tensor, grad_variance: Tensor):
        x, mean = ctx.saved_tensors
        count = x.numel() // len(mean)
        slope = 2 / count * grad_variance
        return torch.addcmul(grad_mean / count - slope * mean, x, slope).to(x.dtype), None


class _NormSkipReLU(torch.autograd.Function):
    """Norm with given statistics of ``x`` itself, plus skip, then ReLU; the backward passes are two."""

    @staticmethod
    def forward(ctx, x: Tensor, skip: Tensor | None, weight, bias, mean, inverse, relu: bool) -> Tensor:
        flat = x.reshape(-1, x.shape[-2] * x.shape[-1]) if x.ndim > 2 else x
        scale, repeats = weight * inverse, flat.shape[1] // len(weight)
        out = torch.addcmul((bias - scale * mean).repeat(repeats), flat, scale.repeat(repeats))
        out = out.to(x.dtype).view(x.shape)
        if skip is not None:
            out.add_(skip)
        if relu:
            out.relu_()
        ctx.save_for_backward(x, weight, mean, inverse, *((out,) if relu else ()))
        ctx.skip = None if skip is None else skip.dtype
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        x, weight, mean, inverse, *out = ctx.saved_tensors
        if out:
            grad = torch.ops.aten.threshold_backward(grad, out[0], 0)
        flat = [value.reshape(-1, len(weight)) for value in (grad, x)]
        # With the inverse deviation given, eps plays no part.
        grad_x, grad_weight, grad_bias = torch.ops.aten.native_batch_norm_backward(
            *flat, weight, None, None, mean, inverse, True, 0.0, [True, True, True]
        )
        skip = None if ctx.skip is None else grad.to(ctx.skip)
        return grad_x.view(x.shape), skip, grad_weight, grad_bias, None, None, None


def shared_norm(
    x: Float[Tensor, "row column"], weight: Float[Tensor, " column"], bias: Float[Tensor, " column"], eps: float
) -> tuple[Float[Tensor, "row column"], Float[Tensor, " column"], Float[Tensor, " column"], int]:
    """Batch norm of columns whose rows are spread over the processes: statistics are those of the whole batch.

    Returns:
        The normalised share of this process, mean and (biased) variance of the whole columns, and their whole length.
    """
    length = int(sum_over_processes(torch.tensor(float(x.shape[0]), dtype=torch.float64, device=x.device)))
    mean = differentiable_sum(x.sum(0)) / length
    centred = x - mean
    variance = differentiable_sum(centred.square().sum(0)) / length
    out = centred * (weight * torch.rsqrt(variance + eps)) + bias
    return out, mean.detach(), variance.detach(), length


def _wide(dtype: torch.dtype) -> torch.dtype:
    """The type of statistics: at least single precision."""
    return torch.promote_types(dtype, torch.float32)
