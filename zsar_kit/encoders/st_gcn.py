"""ST-GCN (Yan et al., AAAI 2018), one stream, in plain PyTorch, at the size used in zero-shot work.

A block mixes each joint with its neighbours (a graph convolution whose weights depend on the subset that a neighbour is
in, times a learnable importance of every edge), then frames (a convolution over 9), and adds its input. Ten
blocks, strides at the fifth and the eighth. SMIE and its successors use 16 channels where the paper has 64, and 256
features.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from zsar_kit.config import Config
from zsar_kit.data.joints import JointLayout
from zsar_kit.data.joints import layout as joint_layout
from zsar_kit.encoders.base import EncoderOutput, SkeletonEncoder, StepNoise, check_clip
from zsar_kit.encoders.column_norm import shared_norm
from zsar_kit.encoders.distributed import world_size
from zsar_kit.errors import ConfigError

#: channels of the first nine blocks, as multiples of ``hidden``; the tenth has ``features``
GROWTH = (1, 1, 1, 1, 2, 2, 2, 4, 4)
STRIDES = (1, 1, 1, 1, 2, 1, 1, 2, 1, 1)
TEMPORAL_KERNEL = 9
SUBSETS = 3


@dataclass(frozen=True)
class STGCNConfig(Config):
    """Size of an ST-GCN.

    Attributes:
        classes: number of classes of the linear classifier on top.
        width: factor on ``hidden`` and ``features``; each is rounded to a multiple of 4.
        hidden: channels of the first block; 16 in SMIE, 64 in the paper.
        features: channels of the last block.
        layout: joint layout; its bones are the edges.
        centre: the joint that serves as the body's centre of gravity.
        graph: see :func:`spatial_adjacency`.
        dropout: rate at the end of the temporal units, except that of the first block.
        in_channels: coordinates of a joint.
    """

    classes: int
    width: float = 1.0
    hidden: int = 16
    features: int = 256
    layout: str = "ntu25"
    centre: str = "spine_shoulder"
    graph: Literal["paper", "released"] = "paper"
    dropout: float = 0.0
    in_channels: int = 3

    def validate(self) -> None:
        """Check ranges and names."""
        for name in ("classes", "hidden", "features", "in_channels"):
            self.require(getattr(self, name) >= 1, name, "at least 1")
        self.require(0 < self.width <= 16, "width", "above 0 and at most 16")
        self.require(0 <= self.dropout < 1, "dropout", "in [0, 1)")
        joint_layout(self.layout).index(self.centre)

    @property
    def channels(self) -> tuple[int, ...]:
        """Output channels of the ten blocks."""
        sizes = (*(self.hidden * growth for growth in GROWTH), self.features)
        return tuple(max(4, 4 * round(size * self.width / 4)) for size in sizes)


def hops_from(layout: JointLayout, centre: int) -> tuple[int, ...]:
    """For each joint the number of bones between it and the joint ``centre``."""
    hops, reached = {centre: 0}, [centre]
    for joint in reached:  # breadth first: the list grows while it is read
        beyond = [b if a == joint else a for a, b in layout.bones if joint in (a, b)]
        for other in beyond:
            if other not in hops:
                hops[other] = hops[joint] + 1
                reached.append(other)
    return tuple(hops[joint] for joint in range(len(layout)))


def spatial_adjacency(
    layout: JointLayout, centre: int, graph: Literal["paper", "released"] = "paper"
) -> Float[Tensor, "subset source target"]:
    """Weights of the neighbours of each joint, by subset ("spatial configuration").

    A joint's neighbours are itself (first subset), the joints one bone nearer to the centre (second), and those one
    bone further away (third).

    Args:
        layout: joints and bones.
        centre: index of the central joint.
        graph: ``"paper"``: each subset is averaged. ``"released"``: every neighbour has the weight one over the number
            of all neighbours, the joint itself included; and distances from the centre are distinguished up to the
            first bone only, so that beyond it all neighbours are in the third subset.
    """
    hops = hops_from(layout, centre)
    if graph == "released":
        hops = tuple(min(h, 2) for h in hops)
    weights = torch.zeros(SUBSETS, len(layout), len(layout))
    for target in range(len(layout)):
        weights[0, target, target] = 1.0
        for source in (b if a == target else a for a, b in layout.bones if target in (a, b)):
            weights[1 if hops[source] < hops[target] else 2, source, target] = 1.0
    per_subset = weights.sum(1, keepdim=True)
    return weights / (per_subset if graph == "paper" else per_subset.sum(0, keepdim=True)).clamp(min=1.0)


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm over channels; in training its statistics are those of the whole batch, over all processes."""

    def forward(self, input: Float[Tensor, "row channel frame joint"]) -> Float[Tensor, "row channel frame joint"]:
        """Normalise each channel."""
        if not self.training or world_size() == 1:
            return super().forward(input)
        last = input.permute(0, 2, 3, 1)
        flat = last.flatten(0, 2)
        out, mean, variance, length = shared_norm(flat, self.weight, self.bias, self.eps)
        with torch.no_grad():
            momentum = 0.1 if self.momentum is None else self.momentum
            for running, new in ((self.running_mean, mean), (self.running_var, variance * (length / (length - 1)))):
                if running is not None:
                    running.lerp_(new, momentum)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
        return out.view(last.shape).permute(0, 3, 1, 2)


class NamedDropout(nn.Module):
    """Dropout that draws for the whole batch from the generator of the step, and uses this process's part."""

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate
        self.noise: StepNoise | None = None

    def forward(self, x: Float[Tensor, "row channel frame joint"]) -> Float[Tensor, "row channel frame joint"]:
        """Drop single values, in training only.

        Raises:
            ConfigError: ``begin_step`` was not called.
        """
        if not self.training or self.rate == 0:
            return x
        if self.noise is None:
            raise ConfigError(
                "dropout draws from the generator of a training step, but none was given",
                where="ST-GCN",
                remedy="Call begin_step before each training step.",
            )
        persons = x.shape[0] // len(self.noise.kept)
        size = (self.noise.batch * persons, *x.shape[1:])
        draw = torch.rand(size, generator=self.noise.generator, device=x.device, dtype=x.dtype)
        mine = draw[self.noise.kept.start * persons : self.noise.kept.stop * persons]
        return x * (mine >= self.rate) / (1.0 - self.rate)


class STGCNBlock(nn.Module):
    """Graph convolution, norm, ReLU, temporal convolution, norm, dropout, plus the input; then ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int, joints: int, dropout: float, *, skip: bool):
        super().__init__()
        self.importance = nn.Parameter(torch.ones(SUBSETS, joints, joints))
        self.graph = nn.Conv2d(inputs, SUBSETS * outputs, 1)
        self.graph_norm = SharedBatchNorm(outputs)
        padding = (TEMPORAL_KERNEL // 2, 0)
        self.temporal = nn.Conv2d(outputs, outputs, (TEMPORAL_KERNEL, 1), (stride, 1), padding)
        self.temporal_norm = SharedBatchNorm(outputs)
        self.dropout = NamedDropout(dropout)
        self.skip = skip
        reshapes = skip and (inputs != outputs or stride != 1)
        self.reshape = nn.Conv2d(inputs, outputs, 1, (stride, 1)) if reshapes else None
        self.reshape_norm = SharedBatchNorm(outputs) if reshapes else None

    def forward(
        self, x: Float[Tensor, "row channel frame joint"], adjacency: Float[Tensor, "subset joint joint"]
    ) -> Float[Tensor, "row channel_out frame_out joint"]:
        """Run the block."""
        by_subset = self.graph(x).unflatten(1, (SUBSETS, -1))
        mixed = torch.einsum("nkctv,kvw->nctw", by_subset, adjacency * self.importance)
        out = self.temporal(functional.relu(self.graph_norm(mixed.contiguous())))
        out = self.dropout(self.temporal_norm(out))
        if self.reshape is not None and self.reshape_norm is not None:
            out = out + self.reshape_norm(self.reshape(x))
        elif self.skip:
            out = out + x
        return functional.relu(out)


class STGCN(SkeletonEncoder):
    """ST-GCN of one stream; any number of frames and persons, T frames become T/4 (rounded up twice).

    Initial weights are torch's own, which come from the global generator (see
    :func:`zsar_kit.seeding.seeded_globally`).

    Note:
        Absent persons are zeros and count in the mean over persons, as in the released model.
    """

    adjacency: Tensor

    def __init__(self, config: STGCNConfig):
        super().__init__()
        self.config = config
        layout = joint_layout(config.layout)
        joints = len(layout)
        adjacency = spatial_adjacency(layout, layout.index(config.centre), config.graph)
        self.register_buffer("adjacency", adjacency, persistent=False)
        self.input_norm = SharedBatchNorm(joints * config.in_channels)
        inputs, blocks = config.in_channels, []
        for number, (outputs, stride) in enumerate(zip(config.channels, STRIDES, strict=True)):
            dropout = config.dropout if number else 0.0
            blocks.append(STGCNBlock(inputs, outputs, stride, joints, dropout, skip=number > 0))
            inputs = outputs
        self.blocks = nn.ModuleList(blocks)
        self.classifier = nn.Linear(self.dim, config.classes)
        nn.init.xavier_normal_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    @property
    def dim(self) -> int:
        """Length d of a feature, 256 at full width."""
        return self.config.channels[-1]

    def begin_step(self, noise: StepNoise) -> None:
        """Pass the generator on to the dropouts."""
        for dropout in self._dropouts():
            dropout.noise = noise

    def forward(self, clip: Float[Tensor, "batch person frame joint xyz"], *, maps: bool = False) -> EncoderOutput:
        """Encode clips.

        Args:
            clip: joint positions (or another stream), preprocessed as in training.
            maps: also return the features per frame and joint.

        Raises:
            DataError: the joints or coordinates of the clip are not the model's.
        """
        config = self.config
        check_clip(clip, "STGCN", joints=self.adjacency.shape[1], in_channels=config.in_channels)
        batch, persons, frames, joints, axes = clip.shape
        x = clip.permute(0, 1, 3, 4, 2).reshape(batch * persons, joints * axes, frames, 1)
        x = self.input_norm(x).view(batch * persons, joints, axes, frames).permute(0, 2, 3, 1).contiguous()
        for block in self.blocks:
            x = block(x, self.adjacency)
        by_person = x.view(batch, persons, *x.shape[1:])
        pooled = by_person.mean((1, 3, 4))
        return EncoderOutput(
            pooled=pooled,
            logits=self.classifier(pooled),
            maps=by_person.mean(1).permute(0, 2, 3, 1) if maps else None,
        )

    def _dropouts(self) -> Iterator[NamedDropout]:
        return (module for module in self.modules() if isinstance(module, NamedDropout))
