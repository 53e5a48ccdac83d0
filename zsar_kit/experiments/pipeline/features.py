"""Encoders and features of a partition, each computed once and found again by content."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zsar_kit.artefacts import file_digest
from zsar_kit.data.feature_set import EncoderMark, FeatureSet, check_encoder
from zsar_kit.data.parts import train_part
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.encoders.config import FOUR_STREAMS, EncoderConfig
from zsar_kit.encoders.extract import extract_features
from zsar_kit.encoders.fuse import fuse_encoders, fuse_features
from zsar_kit.encoders.pretrain import TrainedEncoder, pretrain
from zsar_kit.encoders.released import import_released
from zsar_kit.experiments.pipeline.partitions import Fold
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import slug


def encoder_folder(workspace: Workspace, fold: Fold, protocol: str, config: EncoderConfig) -> Path:
    """Where the encoder of a fold lies."""
    name = f"{slug(fold.split.name)}_{protocol}_{fold.split.digest()}_{config.digest()}"
    return workspace.root / "encoders" / slug(fold.split.dataset) / name


def encoder_for(
    workspace: Workspace,
    skeletons: SkeletonSet,
    fold: Fold,
    protocol: str,
    config: EncoderConfig,
    encoder_from: str = "",
) -> TrainedEncoder:
    """The encoder of a fold: trained on its training samples only, or a released checkpoint where one is named.

    Raises:
        MissingModelError: the checkpoint is absent or of no known kind.
        ConfigError: there is a checkpoint, and the settings are not of one stream of its architecture.
    """
    if encoder_from:
        view = [str(config.frames), *([] if config.stream == "joint" else [config.stream])]
        view += [] if config.align else ["as-they-come"]
        folder = workspace.root / "encoders" / "released" / "_".join([file_digest(encoder_from)[:12], *view])
        return import_released(encoder_from, folder, config)
    if config.stream == FOUR_STREAMS:
        parts = [encoder_for(workspace, skeletons, fold, protocol, part) for part in config.single_streams()]
        return fuse_encoders(parts, encoder_folder(workspace, fold, protocol, config), how=config.fusion)
    return pretrain(
        skeletons,
        np.flatnonzero(fold.train),
        fold.split,
        config,
        encoder_folder(workspace, fold, protocol, config),
        device=workspace.device,
        progress=workspace.progress,
    )


def features_for(
    workspace: Workspace,
    skeletons: SkeletonSet,
    fold: Fold,
    protocol: str,
    config: EncoderConfig,
    encoder_from: str = "",
    *,
    views: int = 0,
    allow_encoder_leak: bool = False,
) -> tuple[tuple[FeatureSet, ...], EncoderMark, Path]:
    """Features of all samples by the encoder of a fold; those of four streams are fused from the streams' own.

    Args:
        workspace: where they stand or go.
        skeletons: the data set.
        fold: whose encoder is asked.
        protocol: which samples are the train part.
        config: of the encoder.
        encoder_from: a released checkpoint in the place of a trained encoder.
        views: how many views to keep un-pooled maps of; 0 keeps pooled features alone.
        allow_encoder_leak: accept an encoder that has seen unseen classes; its mark says so.

    Returns:
        The feature set of each view (without maps, of the one), the leak guard's mark of the encoder, and its folder.
    """
    encoder = encoder_for(workspace, skeletons, fold, protocol, config, encoder_from)
    mark = check_encoder(encoder.record, fold.split, allow_encoder_leak)
    encoder.model.to(workspace.device)
    name = f"{protocol}_{encoder.folder.name}" if encoder_from else encoder.folder.name
    place = workspace.root / "features" / slug(skeletons.dataset)
    folders = [place / (f"{name}_view{view}" if view else name) for view in range(max(1, views))]
    if config.stream == FOUR_STREAMS:
        parts = [
            features_for(workspace, skeletons, fold, protocol, part, views=views)[0] for part in config.single_streams()
        ]
        fused = (
            fuse_features([part[view] for part in parts], folder, how=config.fusion, record=encoder.record)
            for view, folder in enumerate(folders)
        )
        return tuple(fused), mark, encoder.folder
    train = train_part(skeletons, protocol)
    features = (
        extract_features(skeletons, train, encoder, folder, maps=views > 0, view=view, progress=workspace.progress)
        for view, folder in enumerate(folders)
    )
    return tuple(features), mark, encoder.folder
