"""Shift-GCN against a literal implementation of its definition, one channel at a time.

Run ``python -m benchmarks.shift_gcn``. Both networks share one set of weights. The run fails unless outputs and
gradients agree and the kit's training step is at least ``--required`` times as fast.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from zsar_kit.encoders.column_norm import ColumnNorm
from zsar_kit.encoders.extract import CPU_BATCH
from zsar_kit.encoders.shift_gcn import STRIDES, ShiftGCN, ShiftGCNConfig

TOLERANCE = 1e-5


def plain_spatial_shift(x: Tensor, sign: int) -> Tensor:
    """``x[sample, channel, frame, joint]``: joint ``v`` reads channel ``c`` of joint ``v + sign * c``."""
    return torch.stack([x[:, c].roll(-sign * c, -1) for c in range(x.shape[1])], 1)


def plain_temporal_shift(x: Tensor, position: Tensor, stride: int) -> Tensor:
    """Linear interpolation between the two frames around each channel's position, by gathering indices."""
    frames = x.shape[2]
    base = torch.arange(frames // stride) * stride
    channels = []
    for c in range(x.shape[1]):
        start = int(torch.floor(position[c]))
        fraction = position[c] - start
        total = torch.zeros(())
        for offset, weight in ((start, 1 - fraction), (start + 1, fraction)):
            inside = ((base + offset >= 0) & (base + offset < frames)).to(x.dtype)[:, None]
            total = total + weight * inside * x[:, c, (base + offset).clamp(0, frames - 1)]
        channels.append(total)
    return torch.stack(channels, 1)


def plain_norm(x: Tensor, norm: ColumnNorm) -> Tensor:
    """Batch norm over axis 1 with the weights of the kit's layer."""
    if norm.training:
        return nn.functional.batch_norm(x, None, None, norm.weight, norm.bias, True, 0.0, norm.eps)
    mean, variance = norm.running_mean, norm.running_var
    return nn.functional.batch_norm(x, mean, variance, norm.weight, norm.bias, False, 0.0, norm.eps)


def plain_block(x: Tensor, block: Any, stride: int) -> Tensor:
    """One block on ``x[sample, channel, frame, joint]``."""
    gcn, tcn = block.gcn1, block.tcn1
    h = plain_spatial_shift(x, +1) * (torch.tanh(gcn.Feature_Mask[0]) + 1).t()[None, :, None]
    h = torch.einsum("nctv,cd->ndtv", h, gcn.Linear_weight) + gcn.Linear_bias.view(-1, 1, 1)
    h = plain_spatial_shift(h, -1).permute(0, 2, 3, 1)
    h = plain_norm(h.flatten(0, 1).flatten(1), gcn.bn).view(h.shape).permute(0, 3, 1, 2)
    skip = x
    if gcn.down is not None:
        conv, norm = gcn.down
        skip = plain_norm(nn.functional.conv2d(x, conv.weight, conv.bias), norm)
    h = plain_temporal_shift(plain_norm(torch.relu(h + skip), tcn.bn), tcn.shift_in.ypos, 1)
    h = torch.relu(nn.functional.conv2d(h, tcn.temporal_linear.weight, tcn.temporal_linear.bias))
    position = tcn.shift_out.ypos if stride == 1 else tcn.shift_out.ypos + 0.5
    h = plain_norm(plain_temporal_shift(h, position, stride), tcn.bn2)
    if block.skip:
        side = block.residual
        if side is not None:
            x = plain_norm(nn.functional.conv2d(x, side.conv.weight, side.conv.bias, stride=(stride, 1)), side.bn)
        h = h + x
    return torch.relu(h)


def plain_forward(model: ShiftGCN, clip: Tensor) -> Tensor:
    """Logits of ``clip[batch, person, frame, joint, xyz]``."""
    batch, persons, frames, joints, axes = clip.shape
    x = plain_norm(clip.permute(0, 1, 3, 4, 2).reshape(batch, -1, frames), model.data_bn)
    x = x.view(batch * persons, joints, axes, frames).permute(0, 2, 3, 1)
    for number, stride in enumerate(STRIDES, start=1):
        x = plain_block(x, model.get_submodule(f"l{number}"), stride)
    pooled = x.mean((2, 3)).view(batch, persons, -1).mean(1)
    return nn.functional.linear(pooled, model.fc.weight, model.fc.bias)


def gradients(forward: Callable[[], Tensor], model: ShiftGCN, target: Tensor) -> dict[str, Tensor]:
    """Gradients of the cross entropy for all weights except positions, whose gradient follows a special rule."""
    model.zero_grad(set_to_none=True)
    nn.functional.cross_entropy(forward(), target).backward()
    return {n: p.grad for n, p in model.named_parameters() if p.grad is not None and not n.endswith("ypos")}


def worst_difference(ours: dict[str, Tensor], plain: dict[str, Tensor]) -> float:
    """Largest difference over all tensors, relative to the largest value of any."""
    scale = max(float(value.abs().max()) for value in plain.values())
    return max(float((ours[name] - plain[name]).abs().max()) for name in plain) / scale


def gradient_difference(width: float) -> float:
    """Compare gradients in float64: in float32, rounding flips single ReLUs, and each flip changes a gradient."""
    source = torch.Generator().manual_seed(1)
    model = ShiftGCN(ShiftGCNConfig(classes=20, width=width, persons=1), source).double()
    clip = torch.randn(2, 1, 16, 25, 3, generator=source, dtype=torch.float64)
    target = torch.tensor([0, 1])
    kit = gradients(lambda: model(clip).logits, model, target)
    return worst_difference(kit, gradients(lambda: plain_forward(model, clip), model, target))


def interleaved(works: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each work, in turn, ``repeats`` times after one round that warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats + 1):
        for name, work in works.items():
            begin = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - begin)
    return {name: values[1:] for name, values in seconds.items()}


def median_ratio(slow: list[float], fast: list[float]) -> float:
    """Median over the rounds of how much faster the second was."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


def measure(width: float, batch: int, frames: int, repeats: int) -> dict[str, float]:
    """Times and differences of inference and of a gradient step."""
    source = torch.Generator().manual_seed(0)
    model = ShiftGCN(ShiftGCNConfig(classes=20, width=width, persons=1), source)
    clip = torch.randn(batch, 1, frames, 25, 3, generator=source)
    target = torch.randint(0, 20, (batch,), generator=source)
    networks = {"kit": lambda: model(clip).logits, "plain": lambda: plain_forward(model, clip)}
    result = {"gradient_difference": gradient_difference(width)}
    steps = {name: lambda work=work: gradients(work, model, target) for name, work in networks.items()}
    timed = {"train": interleaved(steps, repeats)}
    model.eval()
    with torch.inference_mode():
        logits = {name: {"logits": work()} for name, work in networks.items()}
        result["output_difference"] = worst_difference(logits["kit"], logits["plain"])
        timed["infer"] = interleaved(networks, repeats)
    for task, seconds in timed.items():
        result |= {f"{task}_{name}_s": statistics.median(values) for name, values in seconds.items()}
        result[f"{task}_ratio"] = median_ratio(seconds["plain"], seconds["kit"])
    return result | measure_extraction(repeats)


@torch.inference_mode()
def measure_extraction(repeats: int) -> dict[str, float]:
    """The released size on 64 clips of two persons: as extraction passes them, against all in one pass."""
    source = torch.Generator().manual_seed(0)
    model = ShiftGCN(ShiftGCNConfig(classes=20), source).eval()
    clip = torch.randn(64, 2, 64, 25, 3, generator=source)
    works = {"few": lambda: [model(part) for part in clip.split(CPU_BATCH)], "whole": lambda: model(clip)}
    seconds = interleaved(works, repeats)
    result = {f"extract_{name}_s": statistics.median(values) for name, values in seconds.items()}
    return result | {"extract_ratio": median_ratio(seconds["whole"], seconds["few"])}


def main(argv: list[str] | None = None) -> int:
    """Measure, write JSON, and return 1 if the kit is too slow or differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=float, default=0.5)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--required", type=float, default=5.0, help="least ratio of the training step")
    arguments = parser.parse_args(argv)
    result = measure(arguments.width, arguments.batch, arguments.frames, arguments.repeats)
    rounded = {name: float(f"{value:.4g}") for name, value in sorted(result.items())}
    sys.stdout.write(json.dumps({"benchmark": "shift_gcn", "threads": torch.get_num_threads(), **rounded}) + "\n")
    equal = max(result["gradient_difference"], result["output_difference"]) < TOLERANCE
    return 0 if equal and result["train_ratio"] >= arguments.required else 1


if __name__ == "__main__":
    sys.exit(main())
