"""Encoders and features of a partition; each is computed once and then looked up by content."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zsar_kit.artefacts import file_digest
from zsar_kit.data.feature_set import EncoderMark, FeatureSet, check_encoder
from zsar_kit.data.parts import train_part
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.encoders.config import FOUR_STREAMS, EncoderConfig
from zsar_kit.encoders.distributed import made_together
from zsar_kit.encoders.extract import extract_features
from zsar_kit.encoders.fuse import fuse_encoders, fuse_features
from zsar_kit.encoders.pretrain import TrainedEncoder, pretrain
from zsar_kit.encoders.protocol import RELEASED
from zsar_kit.encoders.released import import_released
from zsar_kit.experiments.pipeline.partitions import Partition
from zsar_kit.experiments.pipeline.workspace import Workspace, slug


def encoder_folder(workspace: Workspace, partition: Partition, protocol: str, config: EncoderConfig) -> Path:
    """The folder of a partition's encoder."""
    name = f"{slug(partition.split.name)}_{protocol}_{partition.split.digest()}_{config.digest()}"
    name += f"_{partition.few}" if partition.few else ""
    return workspace.root / "encoders" / slug(partition.split.dataset) / name


@dataclass(frozen=True)
class EncoderSource:
    """Where a partition's encoder comes from.

    Attributes:
        config: training settings; of a released encoder only the stream, as it brings its own input protocol.
        released: a released checkpoint to use instead of training an encoder; empty for none.
        allow_leak: accept an encoder that has seen unseen classes; its mark says so.
    """

    config: EncoderConfig
    released: str = ""
    allow_leak: bool = False


@dataclass(frozen=True)
class EncodedPartition:
    """Features of all samples from one partition's encoder.

    Attributes:
        feature_sets: one per augmented view; a single one if no un-pooled maps are kept.
        mark: the leak guard's mark of the encoder.
        encoder_folder: the encoder's folder.
    """

    feature_sets: tuple[FeatureSet, ...]
    mark: EncoderMark
    encoder_folder: Path


def encoder_for(
    workspace: Workspace, skeletons: SkeletonSet, partition: Partition, protocol: str, source: EncoderSource
) -> TrainedEncoder:
    """The encoder of a partition: trained on its training samples only, or a released checkpoint if one is named.

    Raises:
        MissingModelError: the checkpoint is missing or of an unknown kind.
        ConfigError: a checkpoint is named, but the settings are not for one stream of its architecture.
    """
    config = source.config
    if source.released:
        name = [
            file_digest(source.released)[:12],
            RELEASED.digest(),
            *([] if config.stream == "joint" else [config.stream]),
        ]
        folder = workspace.root / "encoders" / "released" / "_".join(name)
        with made_together(folder):
            return import_released(source.released, folder, config)
    if config.stream == FOUR_STREAMS:
        parts = [encoder_for(workspace, skeletons, partition, protocol, one) for one in _single_streams(source)]
        folder = encoder_folder(workspace, partition, protocol, config)
        with made_together(folder):
            return fuse_encoders(parts, folder, how=config.fusion)
    folder = encoder_folder(workspace, partition, protocol, config)
    with made_together(folder):
        return pretrain(
            skeletons,
            np.flatnonzero(partition.train),
            partition.split,
            config,
            folder,
            device=workspace.torch_device,
            progress=workspace.progress,
        )


def features_for(
    workspace: Workspace,
    skeletons: SkeletonSet,
    partition: Partition,
    protocol: str,
    source: EncoderSource,
    *,
    views: int = 0,
) -> EncodedPartition:
    """Features of all samples from a partition's encoder; features of four streams are fused from those of each stream.

    Args:
        workspace: where encoders and features are looked up and stored.
        skeletons: the data set.
        partition: the partition whose encoder is used.
        protocol: how samples are divided into train and test.
        source: where the encoder comes from.
        views: number of augmented views whose un-pooled maps are kept; 0 keeps pooled features only.

    Raises:
        LeakageError: the encoder has seen an unseen class, and ``source`` does not allow it.
    """
    encoder = encoder_for(workspace, skeletons, partition, protocol, source)
    mark = check_encoder(encoder.record, partition.split, source.allow_leak)
    encoder.model.to(workspace.torch_device)
    name = f"{protocol}_{encoder.folder.name}" if source.released else encoder.folder.name
    place = workspace.root / "features" / slug(skeletons.dataset)
    folders = [place / (f"{name}_view{view}" if view else name) for view in range(max(1, views))]
    config = source.config
    if config.stream == FOUR_STREAMS:
        streams = [
            features_for(workspace, skeletons, partition, protocol, one, views=views).feature_sets
            for one in _single_streams(source)
        ]

        def make(view: int, folder: Path) -> FeatureSet:
            parts = [stream[view] for stream in streams]
            return fuse_features(parts, folder, how=config.fusion, record=encoder.record)
    else:
        train = train_part(skeletons, protocol)

        def make(view: int, folder: Path) -> FeatureSet:
            options = {"maps": views > 0, "view": view, "progress": workspace.progress}
            return extract_features(skeletons, train, encoder, folder, **options)

    features = []
    for view, folder in enumerate(folders):
        with made_together(folder):
            features.append(make(view, folder))
    return EncodedPartition(tuple(features), mark, encoder.folder)


def _single_streams(source: EncoderSource) -> list[EncoderSource]:
    """Sources of the four encoders of a fusion, one per stream; none of them may have seen an unseen class."""
    return [EncoderSource(one) for one in source.config.single_streams()]
