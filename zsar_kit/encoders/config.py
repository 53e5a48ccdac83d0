"""How a skeleton encoder is trained: architecture, stream, sizes, schedule."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from zsar_kit.config import LATER, Config
from zsar_kit.data.skeletons import STREAMS
from zsar_kit.data.timing import Fit
from zsar_kit.encoders.protocol import Centring, InputProtocol, Turn
from zsar_kit.errors import ConfigError

#: the name of all four streams together, each with its own encoder, and their fusion
FOUR_STREAMS = "4s"
#: tolerance for rounding when an epoch is compared with a milestone (60/110 of 110 epochs are 60)
_ROUNDING = 1e-9


@dataclass(frozen=True)
class EncoderConfig(Config):
    """How a skeleton encoder is trained; the defaults are for a Shift-GCN on the joint stream.

    Attributes:
        width: factor on the channels; 1.0 is the size used in the literature (see the architecture's own config).
        frames: length of a clip; for a Shift-GCN a multiple of 4.
        persons: bodies per clip; 1 for data sets with a single person.
        epochs: maximum number of epochs.
        batch: samples per step, in all processes together.
        learning_rate: initial value; it is divided by 10 at each of ``milestones`` (fractions of ``epochs``), or
            follows half a cosine, according to ``schedule``.
        momentum: Nesterov momentum of SGD; Adam ignores it.
        warmup: epochs over which the rate grows linearly from near zero.
        holdout: fraction of each class's training samples kept for choosing the epoch.
        patience: stop after this many epochs without a better holdout accuracy.
        rotation: largest random rotation about each axis in training, radians.
        crop: smallest fraction of the sequence that a random crop keeps.
        seed: seed of all random draws.
        architecture: ``"shift_gcn"`` or ``"st_gcn"``.
        stream: the input: joints, bones, or the motion of either; ``"4s"`` means all four, each with its own encoder,
            fused.
        centring, turn, fit: with ``frames`` and ``persons`` the encoder's input protocol; see
            :class:`~zsar_kit.encoders.protocol.InputProtocol`. ``align=false`` in older files means neither centring
            nor turn.
        optimiser: SGD with Nesterov momentum, or Adam.
        schedule: how the rate falls: ``"steps"`` at the milestones, or ``"cosine"`` epoch by epoch to zero.
        dropout: rate inside the temporal units of an ST-GCN.
        graph: how an ST-GCN partitions and weights neighbours: as in its paper, or as in the released code (see
            :func:`zsar_kit.encoders.st_gcn.spatial_adjacency`).
        precision: of training steps; ``bfloat16`` computes what allows it with 8 bits of mantissa. Features are always
            extracted in float32.
        fusion: for ``"4s"``: features are averaged, or concatenated (then four times as long).
    """

    width: float = 1.0
    frames: int = 64
    persons: int = 2
    epochs: int = 110
    batch: int = 64
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    milestones: tuple[float, ...] = (0.55, 0.73, 0.91)
    warmup: int = 0
    holdout: float = 0.1
    patience: int = 30
    rotation: float = 0.3
    crop: float = 0.5
    seed: int = 0
    architecture: Literal["shift_gcn", "st_gcn"] = field(default="shift_gcn", metadata=LATER)
    stream: Literal["joint", "bone", "motion", "bone_motion", "4s"] = field(default="joint", metadata=LATER)
    optimiser: Literal["sgd", "adam"] = field(default="sgd", metadata=LATER)
    schedule: Literal["steps", "cosine"] = field(default="steps", metadata=LATER)
    dropout: float = field(default=0.0, metadata=LATER)
    graph: Literal["paper", "released"] = field(default="paper", metadata=LATER)
    fusion: Literal["mean", "concat"] = field(default="mean", metadata=LATER)
    centring: Centring = field(default="first_frame", metadata=LATER)
    turn: Turn = field(default="upright", metadata=LATER)
    fit: Fit = field(default="resampled", metadata=LATER)
    precision: Literal["float32", "bfloat16"] = field(default="float32", metadata=LATER)

    def validate(self) -> None:
        """Check ranges."""
        self.require(self.width > 0, "width", "positive")
        if self.architecture == "shift_gcn":
            self.require(self.frames >= 4 and self.frames % 4 == 0, "frames", "a positive multiple of 4")
            self.require(self.dropout == 0, "dropout", "0 for a Shift-GCN, which has none")
            self.require(self.graph == "paper", "graph", "'paper' for a Shift-GCN, which has no graph")
        self.protocol.validate()
        self.require(self.epochs >= 1, "epochs", "at least 1")
        self.require(self.batch >= 2, "batch", "at least 2")
        self.require(self.learning_rate > 0, "learning_rate", "positive")
        self.require(0 <= self.momentum < 1, "momentum", "in [0, 1)")
        self.require(self.weight_decay >= 0, "weight_decay", "at least 0")
        self.require(all(0 < m < 1 for m in self.milestones), "milestones", "fractions in (0, 1)")
        self.require(0 < self.holdout < 0.5, "holdout", "in (0, 0.5)")
        self.require(self.patience >= 1, "patience", "at least 1")
        self.require(0 < self.crop <= 1, "crop", "in (0, 1]")
        self.require(0 <= self.dropout < 1, "dropout", "in [0, 1)")

    @property
    def protocol(self) -> InputProtocol:
        """The input protocol."""
        return InputProtocol(self.centring, self.turn, self.frames, self.fit, self.persons)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EncoderConfig:
        """See :meth:`Config.from_dict`; ``align`` of older files is understood."""
        return super().from_dict(_without_align(values))

    def override(self, changes: Mapping[str, Any]) -> EncoderConfig:
        """See :meth:`Config.override`; ``align`` of older files is understood."""
        return super().override(_without_align(changes))

    def identity(self) -> dict[str, Any]:
        """See :meth:`Config.identity`; an input that is neither centred nor turned is known by its former name."""
        content = super().identity()
        if (self.centring, self.turn) == ("none", "none"):
            del content["centring"], content["turn"]
            content["align"] = False
        return content

    def rate(self, epoch: int | float) -> float:
        """The learning rate at a (fractional, 0-based) epoch."""
        warm = min(1.0, (epoch + 0.1) / self.warmup) if self.warmup else 1.0
        if self.schedule == "cosine":
            return self.learning_rate * warm * 0.5 * (1.0 + math.cos(math.pi * int(epoch) / self.epochs))
        return self.learning_rate * warm * 0.1 ** sum(epoch >= m * self.epochs - _ROUNDING for m in self.milestones)

    @property
    def augments(self) -> bool:
        """Whether crops or rotations change a clip in training; without them all views of a clip are one."""
        return self.crop < 1 or self.rotation > 0

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams that the encoder sees: one, or all four."""
        return STREAMS if self.stream == FOUR_STREAMS else (self.stream,)

    def single_streams(self) -> tuple[EncoderConfig, ...]:
        """The configurations of the encoders that are trained for this one: itself, or one for each stream."""
        if self.stream != FOUR_STREAMS:
            return (self,)
        return tuple(replace(self, stream=stream, fusion="mean") for stream in STREAMS)


def _without_align(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that stand for ``align`` today in its place: true was centred and upright, false neither."""
    current = dict(values)
    if "align" not in current:
        return current
    align, where = current.pop("align"), "EncoderConfig"
    if not isinstance(align, bool):
        raise ConfigError(f"'align' must be true or false, got {align!r}", where=where, remedy="Use centring and turn.")
    if given := [name for name in ("centring", "turn") if name in current]:
        problem = f"{given[0]!r} is given twice, once under the former name 'align'"
        raise ConfigError(problem, where=where, remedy=f"Keep {given[0]!r} only.")
    default = InputProtocol()
    return current | {name: getattr(default, name) if align else "none" for name in ("centring", "turn")}
