"""The interface of skeleton encoders: input, output, and the random numbers of a training step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zsar_kit.errors import DataError
from zsar_kit.reprs import shape_of


@dataclass(frozen=True)
class EncoderOutput:
    """The output of an encoder for a batch of clips.

    Args:
        pooled: mean over persons, frames and joints; never negative, since the last step is a ReLU.
        logits: class scores of the linear classifier.
        maps: features per reduced frame and joint, mean over persons; None unless requested.
    """

    pooled: Float[Tensor, "batch dim"]
    logits: Float[Tensor, "batch classes"]
    maps: Float[Tensor, "batch frame joint dim"] | None = None

    def __repr__(self) -> str:
        maps = "" if self.maps is None else f", maps {shape_of(self.maps)}"
        return f"EncoderOutput(pooled {shape_of(self.pooled)}, logits {shape_of(self.logits)}{maps})"


@dataclass(frozen=True)
class StepNoise:
    """The source of random numbers in one training step.

    Attributes:
        generator: named after the step; on the device of the model.
        batch: samples of the step, in all processes together.
        kept: positions in the batch of this process's samples.
    """

    generator: torch.Generator
    batch: int
    kept: range

    def __repr__(self) -> str:
        return f"StepNoise({len(self.kept)} of {self.batch} samples)"


class SkeletonEncoder(nn.Module):
    """Base class: ``encoder(clip, maps=False)`` gives an :class:`EncoderOutput`, ``encoder.dim`` its feature length."""

    @property
    def dim(self) -> int:
        """Length d of a feature."""
        raise NotImplementedError

    def begin_step(self, noise: StepNoise) -> None:
        """Called before each training step; encoders without random draws ignore it."""


def check_clip(
    clip: Tensor, model: str, *, persons: int | None = None, joints: int, in_channels: int, frame_multiple: int = 1
) -> None:
    """Refuse a clip that does not fit a model.

    Args:
        clip: what should be ``[batch, person, frame, joint, xyz]``.
        model: the model's name, for the message.
        persons: how many it must have; any number if None.
        joints, in_channels: how many it must have.
        frame_multiple: what the number of frames must be a multiple of.

    Raises:
        DataError: joints, persons or coordinates are not the model's, or the number of frames is unsuitable.
    """
    where = f"{model} input"
    required = f"[batch, {'person' if persons is None else persons}, frame, {joints}, {in_channels}]"
    if clip.ndim != 5 or clip.shape[0] == 0:
        raise DataError(f"a clip batch must be {required}, got {list(clip.shape)}", where=where)
    for axis, name, size in ((1, "persons", persons), (3, "joints", joints)):
        if size is not None and clip.shape[axis] != size:
            raise DataError(
                f"this {model} was built for {size} {name}, but the clip {list(clip.shape)} has "
                f"{clip.shape[axis]} on axis {axis} of {required}",
                where=where,
                remedy=f"Convert the clip, or build {model}Config({name}={clip.shape[axis]}).",
            )
    if clip.shape[4] != in_channels:
        raise DataError(f"joints must have {in_channels} coordinates, got {clip.shape[4]}", where=where)
    if clip.shape[2] == 0 or clip.shape[2] % frame_multiple:
        raise DataError(
            f"the number of frames must be a multiple of {frame_multiple}, got {clip.shape[2]}",
            where=where,
            remedy="Resample or pad the clip, for example to 64 frames.",
        )
