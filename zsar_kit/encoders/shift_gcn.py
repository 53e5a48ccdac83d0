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
from zsar_kit.encoders.row_norm import RowNorm
from zsar_kit.encoders.shift import (
    permute_rows,
    permute_scale_rows,
    released_shift_index,
    spatial_shift_rows,
    temporal_shift,
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

    def forward(self, x: Float[Tensor, "channel position"]) -> Float[Tensor, "channel_out position"]:
        """Map the channels at every position."""
        return torch.addmm(self.bias[:, None], self.weight.flatten(1), x)


class SpatialShiftUnit(nn.Module):
    """Shift in, mask, linear map, shift out, batch norm, skip, ReLU; the released ``Shift_gcn``."""

    rows_in: Tensor
    rows_in_inverse: Tensor
    rows_out: Tensor
    rows_out_inverse: Tensor

    def __init__(self, inputs: int, outputs: int, joints: int):
        super().__init__()
        self.Linear_weight = nn.Parameter(torch.empty(inputs, outputs))
        self.Linear_bias = nn.Parameter(torch.zeros(1, 1, outputs))
        self.Feature_Mask = nn.Parameter(torch.zeros(1, joints, inputs))
        self.register_buffer("shift_in", released_shift_index(inputs, joints, outward=False))
        self.register_buffer("shift_out", released_shift_index(outputs, joints, outward=True))
        for name, width, outward in (("in", inputs, False), ("out", outputs, True)):
            rows = spatial_shift_rows(width, joints, outward=outward)
            self.register_buffer(f"rows_{name}", rows, persistent=False)
            self.register_buffer(f"rows_{name}_inverse", rows.argsort(), persistent=False)
        self.bn = RowNorm(joints * outputs, grid=(joints, outputs))
        self.down = nn.Sequential(Pointwise(inputs, outputs), RowNorm(outputs)) if inputs != outputs else None

    def forward(
        self, x: Float[Tensor, "channel joint frame column"]
    ) -> Float[Tensor, "channel_out joint frame column"]:
        """Mix joints and channels within each frame."""
        channels, joints, frames, columns = x.shape
        mask = (torch.tanh(self.Feature_Mask[0]) + 1).t().reshape(-1)
        shifted = permute_scale_rows(x.view(channels * joints, -1), mask, self.rows_in, self.rows_in_inverse)
        mixed = torch.addmm(self.Linear_bias.view(-1, 1), self.Linear_weight.t(), shifted.view(channels, -1))
        shifted = permute_rows(mixed.view(-1, frames * columns), self.rows_out, self.rows_out_inverse)
        normed = self.bn(shifted)
        skip = x if self.down is None else self.down(x.view(channels, -1))
        # In place on the norm's own output: on a view of it, autograd would copy the whole gradient.
        return functional.relu_(normed.add_(skip.view(normed.shape))).view(-1, joints, frames, columns)


class TemporalPosition(nn.Module):
    """Learnable positions of a temporal shift; ``xpos`` is zero and exists only for the checkpoints."""

    def __init__(self, channels: int, stride: int):
        super().__init__()
        self.stride = stride
        self.ypos = nn.Parameter(torch.empty(channels))
        self.register_buffer("xpos", torch.zeros(channels))

    def forward(
        self, x: Float[Tensor, "channel joint frame column"]
    ) -> Float[Tensor, "channel joint frame_out column"]:
        """Shift each channel along time by its own position."""
        return temporal_shift(x, self.ypos, stride=self.stride)


class TemporalShiftUnit(nn.Module):
    """Batch norm, shift, linear map, ReLU, shift with stride; the released ``Shift_tcn``.

    Its last norm ``bn2`` is defined here so that names match, but the block applies it, followed by skip and
    ReLU in place.
    """

    def __init__(self, channels: int, stride: int):
        super().__init__()
        self.bn = RowNorm(channels)
        self.shift_in = TemporalPosition(channels, 1)
        self.temporal_linear = Pointwise(channels, channels)
        self.shift_out = TemporalPosition(channels, stride)
        self.bn2 = RowNorm(channels)

    def forward(
        self, x: Float[Tensor, "channel joint frame column"]
    ) -> Float[Tensor, "channel joint frame_out column"]:
        """Mix frames and channels of each joint; ``bn2`` is left to the block."""
        x = self.shift_in(self.bn(x.flatten(1)).view(x.shape))
        x = functional.relu_(self.temporal_linear(x.flatten(1))).view(x.shape)
        return self.shift_out(x)


class StridedSkip(nn.Module):
    """Linear map and batch norm on every ``stride``-th frame, where a block changes its shape."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.stride = stride
        self.conv = Pointwise(inputs, outputs)
        self.bn = RowNorm(outputs)

    def forward(
        self, x: Float[Tensor, "channel joint frame column"]
    ) -> Float[Tensor, "channel_out joint frame_out column"]:
        """Drop frames, map the channels, norm."""
        x = x[:, :, :: self.stride]
        return self.bn(self.conv(x.flatten(1))).view(-1, *x.shape[1:])


class ShiftBlock(nn.Module):
    """One of the ten blocks: spatial unit, temporal unit, skip, ReLU."""

    def __init__(self, inputs: int, outputs: int, joints: int, stride: int, *, skip: bool):
        super().__init__()
        self.gcn1 = SpatialShiftUnit(inputs, outputs, joints)
        self.tcn1 = TemporalShiftUnit(outputs, stride)
        self.skip = skip
        reshapes = inputs != outputs or stride != 1
        self.residual = StridedSkip(inputs, outputs, stride) if skip and reshapes else None

    def forward(
        self, x: Float[Tensor, "channel joint frame column"]
    ) -> Float[Tensor, "channel_out joint frame_out column"]:
        """Run the block."""
        shifted = self.tcn1(self.gcn1(x))
        out = self.tcn1.bn2(shifted.flatten(1))
        if self.skip:
            out = out.add_((x if self.residual is None else self.residual(x)).view(out.shape))
        return functional.relu_(out).view(shifted.shape)


class ShiftGCN(SkeletonEncoder):
    """Shift-GCN of one stream.

    Args:
        config: the sizes.
        generator: source of the initial weights, drawn from the distributions of the released code; None
            means torch's own, as in ``torch.nn`` (see :func:`zsar_kit.seeding.seeded_initialisation`).

    Note:
        Absent persons are zeros and count in the mean over persons, as in the released model.
    """

    def __init__(self, config: ShiftGCNConfig, generator: torch.Generator | None = None):
        super().__init__()
        self.config = config
        self.data_bn = RowNorm(config.persons * config.joints * config.in_channels)
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
        x = clip.permute(1, 3, 4, 2, 0).reshape(persons * joints * axes, frames * batch)
        x = self.data_bn(x).view(persons, joints, axes, frames, batch)
        x = x.permute(2, 1, 3, 0, 4).reshape(axes, joints, frames, persons * batch).contiguous()
        for number in range(1, len(STRIDES) + 1):
            x = self.get_submodule(f"l{number}")(x)
        x = x.view(config.dim, joints, frames // TEMPORAL_REDUCTION, persons, batch)
        pooled = x.mean((1, 2, 3))
        return EncoderOutput(
            pooled=pooled.t(),
            logits=self.fc(pooled).t(),
            maps=x.mean(3).permute(3, 2, 1, 0) if maps else None,
        )


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
