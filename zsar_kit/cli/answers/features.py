"""What ``zsar features`` does: encoders and features of one class split or of all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.splits import load_split, part_protocols, split_names
from zsar_kit.device import resolve_device
from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.encoders.distributed import is_main, main_first, session
from zsar_kit.encoders.presets import encoder_preset
from zsar_kit.encoders.pretrain import describe
from zsar_kit.errors import ConfigError
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.features import encoder_folder, features_for
from zsar_kit.experiments.pipeline.partitions import Fold, calibration_folds, main_fold
from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.studies.suite import suite_encoder

EVERY_SPLIT = "all"


@contextmanager
def shared_workspace(root: Path, device: str, *, progress: bool) -> Iterator[Workspace]:
    """The workspace at ``root`` for all processes that ``torchrun`` started; each has a device of its own."""
    with session(resolve_device(device)) as own:
        yield Workspace(root, own, progress and is_main())


def chosen_encoder(workspace: Workspace, dataset: str, suite: str, preset: str = "", stream: str = "") -> EncoderConfig:
    """The encoder settings that a command line asks for.

    Args:
        workspace: where the data set is prepared; a preset takes the number of persons from it.
        dataset: its name.
        suite: the suite whose settings are used where no preset is named; the data set's customary one if empty.
        preset: name of a preset, or empty.
        stream: replaces the settings' own stream unless empty.

    Raises:
        ConfigError: an unknown name.
        ArtefactError: the data set is not prepared.
    """
    if not preset:
        config = suite_encoder(suite, dataset)
    else:
        config = encoder_preset(preset)
        with main_first():
            skeletons = prepare_skeletons(workspace, dataset)
        config = replace(config, persons=min(config.persons, int(skeletons.index.persons.max())))
    return config.override({"stream": stream}) if stream else config


def encoder_of_run(
    workspace: Workspace, dataset: str, suite: str, preset: str, stream: str, *, features_from: str
) -> EncoderConfig:
    """The same for a run, which trains no encoder where features are given.

    Raises:
        ConfigError: an unknown name, or settings of an encoder beside given features.
        ArtefactError: the data set is not prepared.
    """
    if not features_from:
        return chosen_encoder(workspace, dataset, suite, preset, stream)
    for option, value in (("--suite", suite), ("--encoder", preset), ("--stream", stream)):
        if value:
            raise ConfigError(
                f"{option} {value} says how an encoder is trained, and none is where features are given",
                where="the command line",
                remedy=f"Leave out {option}, or --features-from.",
            )
    return EncoderConfig()


def make_features(
    workspace: Workspace,
    dataset: str,
    split_name: str,
    encoder: EncoderConfig,
    protocol: str = "",
    *,
    folds: bool = True,
    maps: bool = False,
) -> str:
    """Train the missing encoders of a split, extract the missing features, and say how the encoders did.

    Args:
        workspace: where they stand or go.
        dataset: a prepared data set.
        split_name: a class split, a split file, or ``"all"`` for every split of the data set.
        encoder: settings of the encoder.
        protocol: how samples are divided into train and test; the customary one if empty.
        folds: also the pseudo-unseen folds.
        maps: also keep un-pooled maps.

    Returns:
        A table, with a row for each encoder; nothing in processes that do not write.
    """
    with main_first():
        skeletons = prepare_skeletons(workspace, dataset)
    protocol = protocol or part_protocols(dataset)[0]
    rows = []
    for name in split_names(dataset) if split_name == EVERY_SPLIT else (split_name,):
        split = load_split(dataset, name)
        todo = [main_fold(skeletons, split, protocol)]
        if folds:
            todo += calibration_folds(skeletons, split, protocol, 0)
        for fold in todo:
            rows += _fold_rows(workspace, skeletons, fold, protocol, encoder, maps)
    return format_table(rows, list(rows[0])) if is_main() else ""


def _fold_rows(
    workspace: Workspace, skeletons: SkeletonSet, fold: Fold, protocol: str, encoder: EncoderConfig, maps: bool
) -> Sequence[dict[str, Any]]:
    """The table's rows for one fold: one for each encoder that was trained for its features."""
    (features,), mark, _ = features_for(workspace, skeletons, fold, protocol, encoder, views=int(maps))
    rows = []
    for part in encoder.single_streams():
        about = describe(encoder_folder(workspace, fold, protocol, part))
        rows.append(
            {
                "encoder of": fold.split.name,
                "stream": part.stream,
                "seen classes": str(len(fold.split.seen)),
                "training samples": str(about["training_samples"]),
                "epochs": f"{about['epochs']} (best {about['best_epoch'] + 1})",
                "held-out seen accuracy": about["holdout_accuracy"],
                "has seen": mark.name,
                "features": f"{features.pooled.shape[0]} x {features.pooled.shape[1]}",
            }
        )
    return rows
