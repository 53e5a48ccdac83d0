"""Imported features, such as published ones, instead of skeletons and an encoder; every result from them is marked.

The real split and its folds share the same features. Their encoder was trained on all seen classes, or on unknown
classes, so it has seen, or may have seen, the pseudo-unseen classes on which gamma is fitted. Only a separate encoder
for each fold would avoid this, so every result says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zsar_kit.artefacts import artefact_digest, read_provenance
from zsar_kit.data.feature_set import KIND, SCHEMA, FeatureSet, check_encoder
from zsar_kit.data.importers.features import import_record
from zsar_kit.data.splits import ClassSplit, holdout_samples
from zsar_kit.errors import DataError, LeakageError, SplitError
from zsar_kit.experiments.pipeline.partitions import Partition, PartitionGroup, groups_within


@dataclass(frozen=True)
class ImportedFeatures:
    """An imported feature set and its partitions for one run.

    Attributes:
        features: the feature set.
        main: the partition of the real split.
        groups: the calibration folds, within the train part.
        mark: what is known about the encoder, as every table shows it.
    """

    features: FeatureSet
    main: Partition
    groups: tuple[PartitionGroup, ...]
    mark: str

    def mark_of(self, partition: Partition) -> str:
        """Which of a partition's classes the encoder has seen, as a mark; all partitions share one encoder."""
        if partition is self.main:
            return self.mark
        return check_encoder(self.features.encoder, partition.split, allow_encoder_leak=True).name


def open_imported_features(
    folder: str | Path, split: ClassSplit, *, folds_seed: int = 0, allow_encoder_leak: bool = False
) -> ImportedFeatures:
    """Open imported features, check them against a class split, and divide them.

    Args:
        folder: folder of a feature set written by ``zsar import``.
        split: class split of the run.
        folds_seed: seed that draws pseudo-unseen classes and held-out samples.
        allow_encoder_leak: accept an encoder that has seen unseen classes, or whose training classes are unknown.

    Raises:
        ArtefactError: the folder holds no feature set.
        SplitError: the features are of another data set, or were imported for another split.
        LeakageError: the encoder has seen an unseen class or may have seen one, and ``allow_encoder_leak`` is off.
        DataError: a seen class has no training sample, or an unseen one no test sample.
    """
    features = FeatureSet.load(folder)
    record = import_record(features)
    if record and record["split_digest"] != split.digest():
        problem = f"the features were imported for {record['split']!r}, but the run uses {split.name!r}"
        raise SplitError(problem, where=features.path, remedy="Import them for this split, or run the other one.")
    try:
        mark = features.guard(split, allow_encoder_leak).name
    except LeakageError as error:
        remedy = (
            "If you know that the encoder saw seen classes only, import with --encoder-classes seen. Otherwise use "
            f"--allow-encoder-leak (RunConfig.allow_encoder_leak), and every table marks the results as {error.kind}."
        )
        raise LeakageError(error.problem, where=features.path, remedy=remedy, kind=error.kind) from None
    _check_samples(features, split)
    main, borrowed = _main_partition(features, split, folds_seed)
    part = features.train & ~main.test if borrowed else features.train
    groups = groups_within(features.labels, features.subjects, part, split, folds_seed)
    return ImportedFeatures(features, main, groups, _mark(mark, record, borrowed))


def _mark(mark: str, record: dict, borrowed: bool) -> str:
    declared = record and record["encoder_classes"] != "unknown"
    notes = [f"{mark} as declared" if declared else mark]
    notes += ["imported"] if record else []
    notes += ["S of held-out training samples"] if borrowed else []
    return ", ".join(notes)


def _check_samples(features: FeatureSet, split: ClassSplit) -> None:
    for kind, classes, part in (("seen", split.seen, "train"), ("unseen", split.unseen, "test")):
        have = set(features.labels[features.train == (part == "train")].tolist())
        if missing := [c for c in classes if c not in have]:
            names = features.class_names
            problem = f"{kind} class {missing[0]} ({names[missing[0]]!r}) has no sample in the {part} part"
            raise DataError(problem, where=features.path, remedy="Use the split that the features were made for.")


def _main_partition(features: FeatureSet, split: ClassSplit, seed: int) -> tuple[Partition, bool]:
    """The main partition, and whether its seen test samples had to be taken from the train part.

    Some published files have test samples of unseen classes only (SMIE, TDSM), which is enough for ZSL. For GZSL, a
    quarter of each seen class's training samples is then held out; the encoder was trained on them, so S is too high.
    """
    train = features.train & np.isin(features.labels, split.seen)
    test = ~features.train & np.isin(features.labels, split.candidates)
    if np.isin(features.labels[test], split.seen).any():
        return Partition(split, train, test), False
    held = np.zeros(len(features), dtype=bool)
    held[holdout_samples(features.labels, np.flatnonzero(train), seed=seed)] = True
    return Partition(split, train & ~held, test | held), True


def features_digest(folder: str | Path) -> str:
    """Content digest of a feature set.

    Raises:
        ArtefactError: the folder holds no feature set.
    """
    read_provenance(folder, KIND, version=SCHEMA)
    return artefact_digest(folder)
