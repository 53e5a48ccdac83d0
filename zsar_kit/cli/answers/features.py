"""The answer of ``zsar features``: encoders and features of one class split or of all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zsar_kit.data.catalogue import customary_protocol
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.splits import load_split, split_names
from zsar_kit.device import resolve_device
from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.encoders.distributed import is_main, main_first, session
from zsar_kit.encoders.pretrain import describe
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.features import EncoderSource, encoder_folder, features_for
from zsar_kit.experiments.pipeline.partitions import Partition, calibration_groups, main_partition
from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
from zsar_kit.experiments.pipeline.workspace import Workspace

EVERY_SPLIT = "all"


@contextmanager
def shared_workspace(root: Path, device: str, *, progress: bool) -> Iterator[Workspace]:
    """The workspace at ``root`` for all processes that ``torchrun`` started; each has its own device."""
    with session(resolve_device(device)) as own:
        yield Workspace(root, str(own), progress and is_main())


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
    """Train the missing encoders of a split, extract the missing features, and report how good the encoders are.

    Args:
        workspace: where encoders and features are looked up and stored.
        dataset: a prepared data set.
        split_name: a class split, a split file, or ``"all"`` for every split of the data set.
        encoder: settings of the encoder.
        protocol: how samples are divided into train and test; default: the data set's customary protocol.
        folds: also process the encoders of the pseudo-unseen folds.
        maps: also keep un-pooled maps.

    Returns:
        A table with one row per encoder; an empty text in processes that do not print.
    """
    with main_first():
        skeletons = prepare_skeletons(workspace, dataset)
    protocol = protocol or customary_protocol(dataset)
    rows = []
    for name in split_names(dataset) if split_name == EVERY_SPLIT else (split_name,):
        split = load_split(dataset, name)
        todo = [main_partition(skeletons, split, protocol)]
        if folds:
            todo += [group.encoder for group in calibration_groups(skeletons, todo[0].split, protocol, 0)]
        for partition in todo:
            rows += _rows_of(workspace, skeletons, partition, protocol, encoder, maps)
    return format_table(rows, list(rows[0])) if is_main() else ""


def _rows_of(
    workspace: Workspace,
    skeletons: SkeletonSet,
    partition: Partition,
    protocol: str,
    encoder: EncoderConfig,
    maps: bool,
) -> Sequence[dict[str, Any]]:
    """The table's rows for one partition: one per encoder that was trained for its features."""
    encoded = features_for(workspace, skeletons, partition, protocol, EncoderSource(encoder), views=int(maps))
    pooled = encoded.feature_sets[0].pooled
    rows = []
    for part in encoder.single_streams():
        about = describe(encoder_folder(workspace, partition, protocol, part))
        rows.append(
            {
                "encoder of": partition.split.name,
                "stream": part.stream,
                "seen classes": str(len(partition.split.seen)),
                "training samples": str(about["training_samples"]),
                "epochs": f"{about['epochs']} (best {about['best_epoch'] + 1})",
                "held-out seen accuracy": about["holdout_accuracy"],
                "has seen": encoded.mark.name,
                "features": f"{pooled.shape[0]} x {pooled.shape[1]}",
            }
        )
    return rows
