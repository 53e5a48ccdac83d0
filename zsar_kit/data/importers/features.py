"""Import published features as a :class:`FeatureSet`, and export a :class:`FeatureSet` in the layouts of others.

>>> fold = load_split("ntu60", "55/5")  # doctest: +SKIP
>>> made = import_features("sk_feats/shift_5_r", "synse", fold, "imported/synse_5")  # doctest: +SKIP
>>> export_features(made, "flora", fold, "for_flora/synse_5.npz")  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from zsar_kit.artefacts import read_json
from zsar_kit.config import digest_of
from zsar_kit.data.class_split import ClassSplit
from zsar_kit.data.feature_files import load_array
from zsar_kit.data.feature_set import FeatureSet
from zsar_kit.data.importers.formats import read_published, write_published
from zsar_kit.data.importers.published import TEST_ROWS, PublishedFeatures, Samples
from zsar_kit.data.importers.streams import refuse_existing, write_npy
from zsar_kit.data.leakage import EncoderRecord
from zsar_kit.data.splits import class_names
from zsar_kit.errors import DataError, SplitError, nearest_name

TEST_LOGITS = "test_logits.npy"
ENCODER_CLASSES = ("unknown", "seen", "all")


@dataclass(frozen=True)
class SampleColumns:
    """The index of imported features: subjects and cameras are not known and stored as -1."""

    sample: np.ndarray
    label: np.ndarray
    subject: np.ndarray
    camera: np.ndarray

    def __repr__(self) -> str:
        return f"SampleColumns({len(self.sample)} samples)"


def import_features(
    path: str | Path,
    form: str,
    split: ClassSplit,
    out: str | Path,
    *,
    test: str = "both",
    encoder: str = "unknown",
    encoder_classes: str | Collection[int] = "unknown",
) -> FeatureSet:
    """Make a feature set from published features.

    Samples are named by set and row (``train_000001``, ``test_000001``); subjects and cameras are -1. Logits of the
    test samples, where published, are kept in a file beside them; see :func:`published_logits`.

    Args:
        path: the file or folder.
        form: ``synse``, ``flora`` or ``smie``; see :mod:`zsar_kit.data.importers.formats`.
        split: the class split they were made for; of validation features (``shift_val_*``) the
            :func:`~zsar_kit.data.splits.gating_fold`.
        out: the folder to make.
        test: which test samples count where files have those of unseen classes twice, see
            :meth:`PublishedFeatures.test_samples`.
        encoder: name of the encoder, for people.
        encoder_classes: which classes the encoder was trained on: ``unknown``, ``seen`` (the split's), ``all``, or
            class ids. No file says so: anything but ``unknown`` is recorded as declared by whoever imports.

    Raises:
        DataError: see :func:`~zsar_kit.data.importers.formats.read_published`, :meth:`PublishedFeatures.check`; or
            something exists at ``out``.
        LeakageError: a training sample is of an unseen class.
    """
    return features_of(
        read_published(path, form),
        form,
        split,
        out,
        test=test,
        encoder=encoder,
        encoder_classes=encoder_classes,
    )


def features_of(
    published: PublishedFeatures,
    form: str,
    split: ClassSplit,
    out: str | Path,
    *,
    test: str = "both",
    encoder: str = "unknown",
    encoder_classes: str | Collection[int] = "unknown",
) -> FeatureSet:
    """The same for features that are in memory already."""
    if test not in TEST_ROWS:
        raise DataError(f"unknown choice of test samples {test!r}", remedy=nearest_name(test, TEST_ROWS))
    refuse_existing(out)
    published.check(split)
    names, rows = published.test_samples(split, test)
    train, inputs = published.train, published.inputs or {}
    names = (*(f"train_{i:06d}" for i in range(1, len(train) + 1)), *names)
    labels = np.concatenate([train.labels, rows.labels])
    nobody = np.full(len(labels), -1)
    classes = _declared(encoder_classes, split)

    def keep_logits(folder: Path) -> None:
        if rows.logits is not None:
            _check_logits(rows, split)
            write_npy(folder / TEST_LOGITS, rows.logits)

    return FeatureSet.write(
        out,
        chunks=[{"pooled": np.concatenate([train.features, rows.features])}],
        skeleton_index=SampleColumns(np.array(names), labels, nobody, nobody),
        train=np.arange(len(labels)) < len(train),
        dataset=split.dataset,
        class_names=class_names(split.dataset),
        encoder=EncoderRecord(
            name=encoder,
            digest=f"features {digest_of(inputs)}",
            stream="unknown",
            width=0.0,
            dataset="" if classes is None else split.dataset,
            classes=classes,
        ),
        inputs=inputs,
        config={
            "importer": form,
            "test": test,
            "split": split.name,
            "split_digest": split.digest(),
            "fold_of": split.fold_of,
            "encoder_classes": "unknown" if classes is None else "declared by whoever imported the features",
        },
        beside=keep_logits,
    )


def _declared(encoder_classes: str | Collection[int], split: ClassSplit) -> tuple[int, ...] | None:
    if isinstance(encoder_classes, str):
        if encoder_classes not in ENCODER_CLASSES:
            advice = nearest_name(encoder_classes, ENCODER_CLASSES)
            raise DataError(f"unknown choice of encoder classes {encoder_classes!r}", remedy=advice)
        return {"unknown": None, "seen": split.seen, "all": tuple(range(split.classes))}[encoder_classes]
    ids = tuple(sorted({int(i) for i in encoder_classes}))
    if not ids or ids[0] < 0 or ids[-1] >= split.classes:
        problem = f"classes of {split.dataset} are 0..{split.classes - 1}, got {ids}"
        raise DataError(problem, where="argument 'encoder_classes'")
    return ids


def _check_logits(rows: Samples, split: ClassSplit) -> None:
    if rows.logits is not None and rows.logits.shape[1] != split.classes:
        problem = f"logits need a column for each of {split.classes} classes, got {rows.logits.shape[1]}"
        raise DataError(problem, where=rows.where)


def import_record(features: FeatureSet) -> dict[str, Any]:
    """How a feature set was imported (``importer``, ``test``, ``split``, ``split_digest``, ``fold_of``,
    ``encoder_classes``); empty if it was not.
    """
    config = read_json(features.path / "provenance.json").get("config", {})
    return config if "importer" in config else {}


def published_logits(features: FeatureSet) -> np.ndarray | None:
    """The published logits of the test samples of an imported set, ``[test sample, class]`` over all classes of the
    data set, including those that the encoder was not trained on; ``None`` where there are none.

    Raises:
        ArtefactError: the file is damaged. DataError: it does not fit the set.
    """
    path = features.path / TEST_LOGITS
    if not path.is_file():
        return None
    logits = load_array(path)
    if logits.shape != (shape := (int((~features.train).sum()), len(features.class_names))):
        raise DataError(f"logits of shape {shape} are required, got {logits.shape}", where=path)
    return logits


def published_of(features: FeatureSet, split: ClassSplit) -> PublishedFeatures:
    """The sets that papers divide a data set into, in the order of the samples.

    Raises:
        SplitError: the split is for another data set.
        DataError: a set has no sample.
    """
    if (split.dataset, split.classes) != (features.dataset, len(features.class_names)):
        problem = f"the split is for {split.dataset}, the features are of {features.dataset}"
        raise SplitError(problem, where=features.path)
    logits = published_logits(features)
    of_test = np.cumsum(~features.train) - 1  # the row of a test sample among the test samples

    def some(name: str, train: bool, classes: tuple[int, ...]) -> Samples:
        rows = np.flatnonzero((features.train == train) & np.isin(features.labels, classes))
        if not len(rows):
            raise DataError(f"there is no sample for the set {name!r}", where=features.path)
        kept = None if logits is None or train else logits[of_test[rows]]
        return Samples(str(features.path), features.pooled[rows], features.labels[rows], kept)

    train, zsl = some("train", True, split.seen), some("zsl", False, split.unseen)
    seen = np.isin(features.labels[~features.train], split.seen).any()
    if split.fold_of:
        return PublishedFeatures(train, zsl, seen=some("seen", False, split.seen))
    # What test logits there are belong to `gzsl`: test features have none for `zsl` alone.
    alone = replace(zsl, logits=None)
    return PublishedFeatures(train, alone, some("gzsl", False, split.candidates) if seen else None)


def export_features(features: FeatureSet, form: str, split: ClassSplit, out: str | Path) -> None:
    """Write a feature set in a layout of others; importing it again gives the same samples, labels and features.

    Subjects, cameras, names, maps and the record of the encoder have no place in these formats and are left out. So
    are logits, unless the set was imported with logits of all classes.

    Args:
        features: the set; only seen classes of its train part and all classes of its test part are written.
        form: ``synse``, ``flora`` or ``smie``; see :mod:`zsar_kit.data.importers.formats`.
        split: which classes are seen and unseen; a fold gives validation features.
        out: the file or folder to make.

    Raises:
        DataError: a set has no sample, the format has no place for it, or something exists at ``out``.
        SplitError: the split is for another data set.
    """
    write_published(out, form, published_of(features, split))
