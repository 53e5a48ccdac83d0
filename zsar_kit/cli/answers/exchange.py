"""The answers of ``zsar import`` and ``zsar export``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from zsar_kit.artefacts import read_json
from zsar_kit.data.feature_set import KIND as FEATURES
from zsar_kit.data.feature_set import FeatureSet, check_encoder
from zsar_kit.data.importers.features import export_features, features_of, import_record
from zsar_kit.data.importers.formats import FORMATS, read_published
from zsar_kit.data.importers.skeletons import FORMS, export_skeletons, import_skeletons
from zsar_kit.data.parts import train_part
from zsar_kit.data.skeleton_set import KIND as SKELETONS
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.splits import gating_fold, load_split
from zsar_kit.errors import ArtefactError, ConfigError, DataError, LeakageError, nearest_name
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.workspace import Workspace

#: options for features only, with their defaults
FEATURE_DEFAULTS = {"split": "", "test": "both", "encoder": "", "encoder_classes": "unknown"}


def _kind(form: str) -> str:
    if form in FORMATS:
        return FEATURES
    if form in FORMS:
        return SKELETONS
    raise DataError(f"unknown format {form!r}", remedy=nearest_name(form, (*FORMATS, *FORMS)))


def _required(value: str, option: str, form: str) -> str:
    if not value:
        raise ConfigError(f"the format {form!r} needs {option}", where="the command line")
    return value


def _refuse_other_kind(options: dict[str, str], form: str) -> None:
    """Refuse options for the other kind of data instead of ignoring them silently."""
    mine, other = ("skeletons", "features") if _kind(form) == SKELETONS else ("features", "skeletons")
    if given := [f"--{name.replace('_', '-')} {value}" for name, value in options.items() if value]:
        raise ConfigError(
            f"{given[0]} is an option for {other}, but {form!r} is a format of {mine}",
            where="the command line",
            remedy="Leave it out.",
        )


def import_published(
    form: str, path: Path, workspace: Workspace, *, dataset: str, out: Path | None, **options: str
) -> str:
    """Import features or skeletons.

    Args:
        form: ``synse``, ``flora``, ``smie``, ``ctrgcn`` or ``pku``.
        path: the file or folder.
        workspace: where skeletons are written without ``out``.
        dataset: name of the data set.
        out: folder to write.
        options: ``split``, ``test``, ``encoder``, ``encoder_classes`` for features, ``protocol`` for skeletons; see
            :func:`~zsar_kit.data.importers.features.import_features` and
            :func:`~zsar_kit.data.importers.skeletons.import_skeletons`.

    Raises:
        ConfigError: an option is missing, or belongs to the other kind of data.
        ZsarError: what the importers raise.
    """
    _required(dataset, "--dataset", form)
    if _kind(form) == SKELETONS:
        of_features = {name: value for name, value in options.items() if value != FEATURE_DEFAULTS.get(name, value)}
        _refuse_other_kind(of_features, form)
        protocol = _required(options["protocol"], "--protocol (such as xsub)", form)
        folder = out or workspace.skeletons_folder(dataset)
        made = import_skeletons(path, form, folder, dataset=dataset, protocol=protocol)
        lines = _counts(made.index.label, made.parts[protocol], made.index.frames)
        return f"{lines}{len(made)} sequences of {dataset} written to {made.path}"
    name = _required(options.pop("split"), "--split", form)
    _refuse_other_kind({"protocol": options.pop("protocol")}, form)
    folder = Path(_required(str(out or ""), "--out", form))
    published = read_published(path, form)
    split = gating_fold(dataset, name) if published.validation else load_split(dataset, name)
    features = features_of(published, form, split, folder, **_choices(options))
    classes = features.encoder.classes
    known = "unknown which classes their encoder was trained on"
    if classes is not None:
        known = f"declared: their encoder was trained on {len(classes)} of {split.classes} classes"
    kind = " (validation features)" if published.validation else ""
    width = features.pooled.shape[1]
    table = _counts(features.labels, features.train, None)
    return f"{table}{len(features)} x {width} features of {dataset} {split.name!r}{kind} written to {folder}; {known}."


def _choices(options: dict[str, str]) -> dict[str, Any]:
    """Options that were given; encoder classes may be ids, separated by commas."""
    chosen: dict[str, Any] = {k: v for k, v in options.items() if v}
    ids = [part.strip() for part in options.get("encoder_classes", "").split(",")]
    if all(part.isdecimal() for part in ids):
        chosen["encoder_classes"] = [int(part) for part in ids]
    return chosen


def _counts(labels: np.ndarray, train: np.ndarray, frames: np.ndarray | None) -> str:
    rows = []
    for part, chosen in (("train", train), ("test", ~train)):
        row = {"part": part, "samples": str(chosen.sum()), "classes": str(len(np.unique(labels[chosen])))}
        if frames is not None and chosen.any():
            row["frames"] = f"{frames[chosen].min()}-{frames[chosen].max()}"
        rows.append(row)
    return format_table(rows, list(rows[0]))


def export_published(form: str, folder: Path, out: Path, *, split: str, protocol: str) -> str:
    """Write a feature set or a skeleton set in a published format.

    Args:
        form: as for :func:`import_published`.
        folder: folder of the set.
        out: file or folder to write.
        split: for features: class split, which says which classes are seen and unseen.
        protocol: for skeletons: how samples are divided into train and test.

    Raises:
        ConfigError: an option is missing, or belongs to the other kind of data.
        LeakageError: the encoder has seen a class that the split counts as unseen; the file could not say so.
        ZsarError: the folder holds another artefact, or what the exporters raise.
    """
    kind = _kind(form)
    found = read_json(folder / "provenance.json").get("kind") if (folder / "provenance.json").is_file() else None
    if found != kind:
        have = f"a {found}" if found else "no artefact of the kit"
        raise ArtefactError(f"the format {form!r} is made from a {kind}, but the folder holds {have}", where=folder)
    if kind == SKELETONS:
        _refuse_other_kind({"split": split}, form)
        skeletons = SkeletonSet.load(folder)
        protocol = _required(protocol, "--protocol (such as xsub)", form)
        export_skeletons(skeletons, train_part(skeletons, protocol), form, out)
        return f"{len(skeletons)} sequences of {skeletons.dataset} written to {out}"
    _refuse_other_kind({"protocol": protocol}, form)
    features = FeatureSet.load(folder)
    name = _required(split, "--split", form)
    validation = import_record(features).get("fold_of") == name
    chosen = gating_fold(features.dataset, name) if validation else load_split(features.dataset, name)
    if check_encoder(features.encoder, chosen, allow_encoder_leak=True).name == "leak":
        problem = f"the encoder was trained on classes that {features.dataset} {split!r} counts as unseen"
        remedy = "The file could not say so. Export features of an encoder trained on this split's seen classes."
        raise LeakageError(problem, where=folder, remedy=remedy)
    export_features(features, form, chosen, out)
    return f"features of {features.dataset} {split!r} written to {out}"
