"""The architectures: how a configuration becomes a model, and how a model is rebuilt from its record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from zsar_kit.encoders.base import EncoderOutput, SkeletonEncoder
from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.encoders.shift_gcn import ShiftGCN, ShiftGCNConfig
from zsar_kit.encoders.st_gcn import STGCN, STGCNConfig
from zsar_kit.errors import ArtefactError, nearest_name


@dataclass(frozen=True)
class Architecture:
    """One kind of encoder.

    Attributes:
        sizes: makes the sizes of the model, as stored in ``encoder.json``, from encoder settings and number of classes.
        build: makes a model from these sizes.
    """

    sizes: Callable[[EncoderConfig, int], dict[str, Any]]
    build: Callable[[Mapping[str, Any]], SkeletonEncoder]


def _shift_gcn_sizes(config: EncoderConfig, classes: int) -> dict[str, Any]:
    return {"classes": classes, "width": config.width, "persons": config.persons}


def _st_gcn_sizes(config: EncoderConfig, classes: int) -> dict[str, Any]:
    return asdict(STGCNConfig(classes=classes, width=config.width, graph=config.graph, dropout=config.dropout))


ARCHITECTURES: dict[str, Architecture] = {
    "shift_gcn": Architecture(_shift_gcn_sizes, lambda sizes: ShiftGCN(ShiftGCNConfig(**sizes))),
    "st_gcn": Architecture(_st_gcn_sizes, lambda sizes: STGCN(STGCNConfig.from_dict(sizes))),
}


class StreamFusion(SkeletonEncoder):
    """Encoders of several streams as one: their features averaged or concatenated, their class scores summed.

    Args:
        parts: stream to encoder, in the order of the streams on the last axis of a clip.
        how: ``"mean"`` or ``"concat"``, for pooled features and maps.
    """

    def __init__(self, parts: Mapping[str, SkeletonEncoder], how: Literal["mean", "concat"]):
        super().__init__()
        self.parts = nn.ModuleDict(dict(parts))
        self.how = how

    @property
    def dim(self) -> int:
        """Length d of a feature."""
        dims = [part.dim for part in self._parts()]
        return dims[0] if self.how == "mean" else sum(dims)

    def forward(self, clip: Tensor, *, maps: bool = False) -> EncoderOutput:
        """Encode clips ``[batch, person, frame, joint, stream * xyz]`` (see ``encoders.inputs.encoder_clips``)."""
        streams = clip.chunk(len(self.parts), dim=-1)
        outputs = [part(x.contiguous(), maps=maps) for part, x in zip(self._parts(), streams, strict=True)]
        kept = [o.maps for o in outputs if o.maps is not None]
        return EncoderOutput(
            pooled=self._fuse([o.pooled for o in outputs]),
            logits=torch.stack([o.logits for o in outputs]).sum(0),
            maps=self._fuse(kept) if kept else None,
        )

    def _fuse(self, values: list[Tensor]) -> Tensor:
        return torch.stack(values).mean(0) if self.how == "mean" else torch.cat(values, -1)

    def _parts(self) -> list[SkeletonEncoder]:
        return [part for part in self.parts.values() if isinstance(part, SkeletonEncoder)]


def restore_model(about: Mapping[str, Any], where: str | Path) -> SkeletonEncoder:
    """A model with the sizes given in ``encoder.json``, whose weights still have to be loaded.

    Raises:
        ArtefactError: it names an architecture that this version does not know.
    """
    name = about["record"]["name"]
    if name not in ARCHITECTURES:
        raise ArtefactError(
            f"the encoder is a {name!r}, which this version does not know",
            where=where,
            remedy=nearest_name(name, ARCHITECTURES),
        )
    build = ARCHITECTURES[name].build
    if "streams" not in about:
        return build(about["model"])
    return StreamFusion({stream: build(about["model"]) for stream in about["streams"]}, about["fusion"])
