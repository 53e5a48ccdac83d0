"""Shift-GCN (Cheng et al., CVPR 2020), one stream, in plain PyTorch: no extension, no device assumed.

The encoder that most of the zero-shot literature extracts features with. A block is a spatial shift unit (shift
in, joint and channel mask, linear map, shift out, batch norm, skip, ReLU), then a temporal shift unit
(batch norm, shift, linear map, ReLU, shift with stride, batch norm), then the block's skip and a ReLU. Ten
blocks, strides at the fifth and the eighth, so T frames become T/4.

Inference equals the released CUDA model; its checkpoints load by name. Training follows the released
gradients, in which shift positions receive only the sign (see :mod:`zsar_kit.encoders.shift`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from zsar_kit.encoders.base import EncoderOutput, SkeletonEncoder, check_clip
from zsar_kit.encoders.column_norm import ColumnNorm
from zsar_kit.encoders.shift import (
    add_relu,
    convolve,
    kernel_mass,
    linear_relu,
    shift_columns,
    shift_kernel,
    shifted_linear,
)
from zsar_kit.errors import ConfigError, MissingModelError

BASE_CHANNELS = (64, 64, 64, 64, 128, 128, 128, 256, 256, 256)
STRIDES = (1, 1, 1, 1, 2, 1, 1, 2, 1, 1)
TEMPORAL_REDUCTION = 4


@dataclass(frozen=True)
class ShiftGCNConfig:
    """Size of a Shift-GCN.

    Args:
        classes: number of classes of the linear classifier on top.
        width: factor on the channels 64 x 4, 128 x 3, 256 x 3; each is rounded to a multiple of 4.
        joints: joints of a skeleton.
        persons: persons in a clip; fixed per model, as the input norm has statistics for each.
        in_channels: coordinates of a joint.

    Raises:
        ConfigError: a size is not a positive number.
    """

    classes: int
    width: float = 1.0
    joints: int = 25
    persons: int = 2
    in_channels: int = 3

    def __post_init__(self) -> None:
        for name in ("classes", "joints", "persons", "in_channels"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                problem = f"{name} must be a whole number of at least 1, got {value!r}"
                raise ConfigError(problem, where="ShiftGCNConfig")
        width = self.width
        if isinstance(width, bool) or not isinstance(width, (int, float)) or not 0 < width <= 16:
            raise ConfigError(
                f"width must be a number above 0 and at most 16, got {width!r}",
                where="ShiftGCNConfig",
                remedy="1.0 is the released size, 0.5 a quarter of its cost.",
            )

    @property
    def channels(self) -> tuple[int, ...]:
        """Output channels of the ten blocks."""
        return tuple(max(4, 4 * round(base * self.width / 4)) for base in BASE_CHANNELS)

    @property
    def dim(self) -> int:
        """Length d of a feature, 256 at full width."""
        return self.channels[-1]


class Pointwise(nn.Module):
    """A linear map over channels, stored as a 1x1 convolution or a linear layer stores it."""

    def __init__(self, inputs: int, outputs: int, *, kernel_axes: int = 2):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, *[1] * kernel_axes))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Float[Tensor, "*position channel"]) -> Float[Tensor, "*position channel_out"]:
        """Map the channels at every position."""
        return functional.linear(x, self.weight.flatten(1), self.bias)


def normed_linear(
    linear: Pointwise, norm: ColumnNorm, x: Float[Tensor, "*position channel"]
) -> Float[Tensor, "*position channel_out"]:
    """A linear map and the norm after it; in evaluation they are one linear map."""
    weight = linear.weight.flatten(1)
    if norm.training:
        return norm(functional.linear(x, weight), linear.bias)
    scale, shift = norm.scale_and_shift(linear.bias)
    return functional.linear(x, weight * scale[:, None], shift)


class LinearNorm(nn.Sequential):
    """Linear map and batch norm, where a spatial unit changes the channels."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(Pointwise(inputs, outputs), ColumnNorm(outputs))

    def forward(self, input: Float[Tensor, "*position channel"]) -> Float[Tensor, "*position channel_out"]:
        """Map the channels, norm."""
        linear, norm = self
        assert isinstance(linear, Pointwise)
        assert isinstance(norm, ColumnNorm)
        return normed_linear(linear, norm, input)


class SpatialShiftUnit(nn.Module):
    """Shift in, mask, linear map, shift out, batch norm, skip, ReLU; the released ``Shift_gcn``."""

    shift_in: Tensor
    shift_out: Tensor
    shift_in_inverse: Tensor
    shift_out_inverse: Tensor

    def __init__(self, inputs: int, outputs: int, joints: int):
        super().__init__()
        self.Linear_weight = nn.Parameter(torch.empty(inputs, outputs))
        self.Linear_bias = nn.Parameter(torch.zeros(1, 1, outputs))
        self.Feature_Mask = nn.Parameter(torch.zeros(1, joints, inputs))
        for name, channels, outward in (("shift_in", inputs, False), ("shift_out", outputs, True)):
            self.register_buffer(name, shift_columns(channels, joints, outward=outward))
            inverse = shift_columns(channels, joints, outward=not outward)
            self.register_buffer(f"{name}_inverse", inverse, persistent=False)
        self.bn = ColumnNorm(joints * outputs)
        self.down = LinearNorm(inputs, outputs) if inputs != outputs else None

    def forward(self, x: Float[Tensor, "row frame joint channel"]) -> Float[Tensor, "row frame joint channel_out"]:
        """Mix joints and channels within each frame."""
        joints = x.shape[2]
        # The mask scales what a joint's weights are multiplied with, so that it can as well scale the weights.
        weight = (torch.tanh(self.Feature_Mask[0]) + 1)[:, :, None] * self.Linear_weight
        columns, inverses = (self.shift_in, self.shift_out), (self.shift_in_inverse, self.shift_out_inverse)
        offset = self.Linear_bias.view(1, -1).expand(joints, -1).reshape(-1)
        skip = x if self.down is None else self.down(x)
        if self.training:
            mixed = shifted_linear(x, weight, None, columns, inverses)
            frames = (-1, mixed.shape[2] * mixed.shape[3])
            out = self.bn.training_norm(mixed.reshape(frames), skip.reshape(frames), offset, relu=True)
            return out.view(mixed.shape)
        scale, shift = (value[self.shift_out_inverse].view(joints, -1) for value in self.bn.scale_and_shift(offset))
        mixed = shifted_linear(x, weight * scale[:, None], shift, columns, inverses)
        return add_relu(mixed, skip)


class TemporalPosition(nn.Module):
    """Learnable positions of a temporal shift; ``xpos`` is zero and exists only for the checkpoints."""

    def __init__(self, channels: int, stride: int):
        super().__init__()
        self.stride = stride
        self.ypos = nn.Parameter(torch.empty(channels))
        self.register_buffer("xpos", torch.zeros(channels))

    def kernel(self, frames: int) -> Float[Tensor, "channel tap"]:
        """The shift as a kernel over time."""
        return shift_kernel(self.ypos, self.stride, frames)


class TemporalShiftUnit(nn.Module):
    """Batch norm, shift, linear map, ReLU, shift with stride, batch norm; the released ``Shift_tcn``."""

    def __init__(self, channels: int, stride: int):
        super().__init__()
        self.bn = ColumnNorm(channels)
        self.shift_in = TemporalPosition(channels, 1)
        self.temporal_linear = Pointwise(channels, channels)
        self.shift_out = TemporalPosition(channels, stride)
        self.bn2 = ColumnNorm(channels)

    def forward(
        self,
        x: Float[Tensor, "row frame joint channel"],
        skip: Float[Tensor, "row frame_out joint channel"] | None = None,
    ) -> Float[Tensor, "row frame_out joint channel"]:
        """Mix frames and channels of each joint; then skip and ReLU of the block."""
        scale, shift = self.bn.training_scale_and_shift(x) if self.training else self.bn.scale_and_shift()
        # The shifts are linear: the scale of the norm goes into the kernel. Its shift is the same for all clips and
        # joints, but not for all frames, as zeros follow the norm at both ends of a clip.
        linear, kernel = self.temporal_linear.weight.flatten(1), self.shift_in.kernel(x.shape[1])
        bias = functional.linear(kernel_mass(kernel, x.shape[1]) * shift, linear, self.temporal_linear.bias)
        x = linear_relu(convolve(x, kernel * scale[:, None]), linear, bias)
        kernel, stride = self.shift_out.kernel(x.shape[1]), self.shift_out.stride
        if self.training:
            return self.bn2.training_norm(convolve(x, kernel, stride), skip, relu=True)
        scale, shift = self.bn2.scale_and_shift()
        return add_relu(convolve(x, kernel * scale[:, None], stride, shift), skip)


class StridedSkip(nn.Module):
    """Linear map and batch norm on every ``stride``-th frame, where a block changes its shape."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.stride = stride
        self.conv = Pointwise(inputs, outputs)
        self.bn = ColumnNorm(outputs)

    def forward(self, x: Float[Tensor, "row frame joint channel"]) -> Float[Tensor, "row frame_out joint channel_out"]:
        """Drop frames, map the channels, norm."""
        return normed_linear(self.conv, self.bn, x[:, :: self.stride].contiguous())


class ShiftBlock(nn.Module):
    """One of the ten blocks: spatial unit, temporal unit, skip, ReLU."""

    def __init__(self, inputs: int, outputs: int, joints: int, stride: int, *, skip: bool):
        super().__init__()
        self.gcn1 = SpatialShiftUnit(inputs, outputs, joints)
        self.tcn1 = TemporalShiftUnit(outputs, stride)
        self.skip = skip
        reshapes = inputs != outputs or stride != 1
        self.residual = StridedSkip(inputs, outputs, stride) if skip and reshapes else None

    def forward(self, x: Float[Tensor, "row frame joint channel"]) -> Float[Tensor, "row frame_out joint channel_out"]:
        """Run the block."""
        skip = None if not self.skip else x if self.residual is None else self.residual(x)
        return self.tcn1(self.gcn1(x), skip)


class ShiftGCN(SkeletonEncoder):
    """Shift-GCN of one stream.

    Args:
        config: the sizes.
        generator: source of the initial weights, drawn from the distributions of the released code; None
            means torch's own, as in ``torch.nn`` (see :func:`zsar_kit.seeding.seeded_globally`).

    Note:
        Absent persons are zeros and count in the mean over persons, as in the released model.
    """

    def __init__(self, config: ShiftGCNConfig, generator: torch.Generator | None = None):
        super().__init__()
        self.config = config
        self.data_bn = ColumnNorm(config.persons * config.joints * config.in_channels)
        inputs = config.in_channels
        for number, (outputs, stride) in enumerate(zip(config.channels, STRIDES, strict=True), start=1):
            self.add_module(f"l{number}", ShiftBlock(inputs, outputs, config.joints, stride, skip=number > 1))
            inputs = outputs
        self.fc = Pointwise(config.dim, config.classes, kernel_axes=0)
        _initialise(self, generator)

    @property
    def dim(self) -> int:
        """Length d of a feature."""
        return self.config.dim

    def forward(self, clip: Float[Tensor, "batch person frame joint xyz"], *, maps: bool = False) -> EncoderOutput:
        """Encode clips whose number of frames is a multiple of 4.

        Args:
            clip: joint positions, preprocessed as in training (centred, turned; metres).
            maps: also return the features per frame and joint.

        Raises:
            DataError: the joints, persons or coordinates of the clip are not the model's, or its number of frames is
            unsuitable.
        """
        config = self.config
        check_clip(
            clip,
            "ShiftGCN",
            persons=config.persons,
            joints=config.joints,
            in_channels=config.in_channels,
            frame_multiple=TEMPORAL_REDUCTION,
        )
        batch, persons, frames, joints, axes = clip.shape
        x = self.data_bn(clip.transpose(1, 2).reshape(batch * frames, persons * joints * axes))
        x = x.view(batch, frames, persons, joints, axes).transpose(1, 2).reshape(-1, frames, joints, axes)
        for number in range(1, len(STRIDES) + 1):
            x = self.get_submodule(f"l{number}")(x)
        x = x.view(batch, persons, *x.shape[1:])
        pooled = x.mean((1, 2, 3))
        return EncoderOutput(pooled=pooled, logits=self.fc(pooled), maps=x.mean(1) if maps else None)


def _initialise(model: ShiftGCN, generator: torch.Generator | None) -> None:
    """Draw the weights from the distributions of the released code."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, Pointwise):
                # Normal with the variance 2 / fan-out, as for every convolution and the classifier there.
                module.weight.normal_(0, math.sqrt(2 / module.weight.shape[0]), generator=generator)
            elif isinstance(module, SpatialShiftUnit):
                weight = module.Linear_weight
                weight.normal_(0, math.sqrt(1 / weight.shape[1]), generator=generator)
            elif isinstance(module, TemporalPosition):
                module.ypos.uniform_(-1, 1, generator=generator)


def load_released(path: str | Path, *, device: torch.device | str = "cpu") -> ShiftGCN:
    """Load a joint-stream checkpoint of the released CUDA Shift-GCN; sizes are read from the file.

    Every tensor of the file is used, none may be missing, and the stored shift indices must be those of Shift-GCN.

    Args:
        path: a ``state_dict`` saved by ``torch.save``; keys may have the prefix ``module.`` of data
            parallel training.
        device: where the model goes.

    Returns:
        The model in evaluation mode.

    Raises:
        MissingModelError: the file is absent, cannot be read, or is not a Shift-GCN.
    """
    state = _read_state(Path(path))
    config = _config_of(state, path)
    model = ShiftGCN(config, torch.Generator().manual_seed(0))  # overwritten; leaves the global stream alone
    own = model.state_dict()
    missing, unknown = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    shared = sorted(own.keys() & state.keys())
    wrong = [f"{k} {list(state[k].shape)}" for k in shared if state[k].shape != own[k].shape]
    if missing or unknown or wrong:
        raise _not_shift_gcn(
            path,
            f"{len(missing)} tensors are missing {missing[:3]}, {len(unknown)} are unknown {unknown[:3]}, "
            f"{len(wrong)} have another shape {wrong[:3]}",
        )
    for key, expected in own.items():
        if key.endswith(("shift_in", "shift_out")) and not torch.equal(state[key].long(), expected):
            raise _not_shift_gcn(path, f"{key} is another permutation of joints")
    model.load_state_dict(state, strict=True)
    return model.to(device).eval()


def _read_state(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise MissingModelError("the Shift-GCN checkpoint does not exist", where=path, remedy="Check the path.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises all kinds of errors for other files; they mean the same to the user
        raise MissingModelError(
            "a checkpoint written by torch.save is required, but this file cannot be read as one",
            where=path,
            remedy="Fetch it again; it may be a web page or a Git LFS pointer instead.",
        ) from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise _not_shift_gcn(path, "it is not a flat table of named tensors")
    return {str(key).removeprefix("module."): value for key, value in state.items()}


def _config_of(state: dict[str, Tensor], path: str | Path) -> ShiftGCNConfig:
    try:
        classes, dim = state["fc.weight"].shape
        _, joints, in_channels = state["l1.gcn1.Feature_Mask"].shape
        persons = state["data_bn.weight"].numel() // (joints * in_channels)
        return ShiftGCNConfig(
            classes=classes,
            width=dim / BASE_CHANNELS[-1],
            joints=joints,
            persons=persons,
            in_channels=in_channels,
        )
    except (KeyError, ValueError, ZeroDivisionError, ConfigError) as error:
        raise _not_shift_gcn(path, f"its sizes cannot be read ({error})") from error


def _not_shift_gcn(path: str | Path, detail: str) -> MissingModelError:
    return MissingModelError(
        f"a joint-stream Shift-GCN checkpoint is required, but {detail}",
        where=path,
        remedy="Use the state_dict that the released training code saves.",
    )
