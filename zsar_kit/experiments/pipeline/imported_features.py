"""Runs on given features, such as published ones: no skeletons, no encoder, and marks on every number.

The features are the same for the real split and for its folds. The encoder behind them was trained on all seen classes,
or nobody knows on what; so it has seen, or may have seen, the pseudo-unseen classes that gamma is fitted on. That can't
be helped without an encoder for each fold, and is said wherever the numbers stand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from zsar_kit.data.feature_set import FeatureSet, check_encoder
from zsar_kit.data.importers.features import import_record
from zsar_kit.data.splits import ClassSplit, holdout_samples, load_split
from zsar_kit.errors import ConfigError, DataError, LeakageError, SplitError
from zsar_kit.experiments.pipeline.partitions import Fold, folds_within
from zsar_kit.experiments.runs.config import RunConfig

#: what a mark of a fold's encoder adds to the name of a calibration
CAVEATS = {"leak": "encoder has seen them", "unknown": "encoder may have seen them"}


@dataclass(frozen=True)
class GivenFeatures:
    """The features of a run, and its division of them.

    Attributes:
        features: the set.
        main: the real split.
        folds: for calibration, inside the train part.
        mark: what is known of the encoder, as every table says it.
    """

    features: FeatureSet
    main: Fold
    folds: tuple[Fold, ...]
    mark: str

    def mark_of(self, fold: Fold) -> str:
        """What a fold's encoder has seen; it is the same encoder for all of them."""
        if fold is self.main:
            return self.mark
        return check_encoder(self.features.encoder, fold.split, allow_encoder_leak=True).name


def given_features(config: RunConfig) -> GivenFeatures:
    """Open the features that a run names, check them against its split, and divide them.

    Raises:
        ArtefactError: there is no feature set.
        SplitError: they are of another data set, or were imported for another split.
        LeakageError: the encoder has seen an unseen class, or nobody knows, and the config doesn't allow it.
        DataError: a seen class has no training sample, or an unseen one no test sample.
    """
    features = FeatureSet.load(config.features_from)
    split, record = load_split(config.dataset, config.split), import_record(features)
    if record and record["split_digest"] != split.digest():
        problem = f"the features were imported for {record['split']!r}, the run is of {split.name!r}"
        raise SplitError(problem, where=features.path, remedy="Import them for this split, or run that one.")
    try:
        mark = features.guard(split, config.allow_encoder_leak).name
    except LeakageError as error:
        remedy = (
            "If you know that the encoder saw seen classes only, import with --encoder-classes seen. Otherwise use "
            f"--allow-encoder-leak (RunConfig.allow_encoder_leak), and every table marks the numbers as {error.kind}."
        )
        raise LeakageError(error.problem, where=features.path, remedy=remedy, kind=error.kind) from None
    _check_samples(features, split)
    main, borrowed = _main_fold(features, split, config.folds_seed)
    part = features.train & ~main.test if borrowed else features.train
    folds = folds_within(features.labels, features.subjects, part, split, config.folds_seed)
    return GivenFeatures(features, main, folds, _mark(mark, record, borrowed))


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
            raise DataError(problem, where=features.path, remedy="Name the split that the features were made for.")


def _main_fold(features: FeatureSet, split: ClassSplit, seed: int) -> tuple[Fold, bool]:
    """The main fold, and whether its seen test samples had to be taken from the train part.

    Some published files have test samples of unseen classes only (SMIE, TDSM). ZSL needs no others. For GZSL a quarter
    of each seen class's training samples is held out then; the encoder has learnt from these, so S comes out high.
    """
    train = features.train & np.isin(features.labels, split.seen)
    test = ~features.train & np.isin(features.labels, split.candidates)
    if np.isin(features.labels[test], split.seen).any():
        return Fold(split, train, test), False
    held = np.zeros(len(features), dtype=bool)
    held[holdout_samples(features.labels, np.flatnonzero(train), seed=seed)] = True
    return Fold(split, train & ~held, test | held), True


def refuse_maps(config: RunConfig, views: int) -> None:
    """Refuse a method that learns from un-pooled maps, which given features don't have.

    Raises:
        ConfigError: it does.
    """
    if views:
        raise ConfigError(
            f"the method {config.method!r} learns from un-pooled maps, given features are pooled",
            where=config.features_from,
            remedy="Take a method that learns from pooled features (ridge, linear, flora), or run it on skeletons.",
        )


def with_caveat(name: str, fold_marks: Iterable[str]) -> str:
    """``pseudo_unseen`` with what must be said of it where the folds' encoder knows the pseudo-unseen classes."""
    marks = set(fold_marks)
    caveats = [caveat for mark, caveat in CAVEATS.items() if mark in marks]
    return f"{name}, {caveats[0]}" if name == "pseudo_unseen" and caveats else name
