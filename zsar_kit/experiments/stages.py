"""The stages before a method: skeletons, encoder, features, semantics. Each is computed once and reused by content.

A workspace is a folder; what a stage makes lies in a place named after what determines it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import torch

from zsar_kit.artefacts import PROVENANCE, file_digest
from zsar_kit.data.feature_set import EncoderMark, FeatureSet, check_encoder
from zsar_kit.data.parts import train_part
from zsar_kit.data.puppet.world import build_puppet
from zsar_kit.data.readers.plan import ReadPlan
from zsar_kit.data.readers.prepare import Prepared, carry_out, open_prepared, partial_folder, stands
from zsar_kit.data.readers.registry import plan_dataset
from zsar_kit.data.skeleton_set import SkeletonSet, made_with
from zsar_kit.data.splits import (
    ClassSplit,
    dataset_names,
    holdout_samples,
    holdout_subjects,
    load_split,
    pseudo_unseen_folds,
)
from zsar_kit.encoders.config import FOUR_STREAMS, EncoderConfig
from zsar_kit.encoders.extract import extract_features
from zsar_kit.encoders.fuse import fuse_encoders, fuse_features
from zsar_kit.encoders.pretrain import TrainedEncoder, pretrain
from zsar_kit.encoders.released import import_released
from zsar_kit.errors import ArtefactError, DataError, nearest_name
from zsar_kit.experiments.config import RunConfig, slug
from zsar_kit.methods.base import ContextRequest
from zsar_kit.semantics.context_bank import ContextBank
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.semantics.language import TextEncoder, load_text_encoder
from zsar_kit.semantics.masked_language import MaskedLanguage
from zsar_kit.semantics.text_files import load_texts

DEFAULT_WORKSPACE = Path("workspace")
WHOLE = "Is the data set whole? See: zsar data audit."


@dataclass(frozen=True)
class Fold:
    """One division of samples into what is learnt from and what is scored.

    Attributes:
        split: seen and unseen classes; for calibration the unseen ones are pseudo-unseen.
        train: mask of the samples that encoder and method learn from.
        test: mask of the samples that are scored.
    """

    split: ClassSplit
    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Workspace:
    """A folder of artefacts, and the device on which they are made.

    Attributes:
        root: the folder.
        device: where encoders and methods run.
        progress: show bars.
    """

    root: Path = DEFAULT_WORKSPACE
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    progress: bool = True

    def skeletons_folder(self, dataset: str) -> Path:
        """Where the skeletons of a data set lie."""
        return self.root / "skeletons" / slug(dataset)

    @property
    def runs(self) -> Path:
        """Where run folders lie."""
        return self.root / "runs"


def prepare_skeletons(workspace: Workspace, dataset: str) -> SkeletonSet:
    """The skeletons of a data set: ``puppet`` is generated, every other must have been read (:func:`read_raw`).

    Raises:
        DataError: no such data set.
        ArtefactError: it is not prepared yet.
    """
    folder = workspace.skeletons_folder(dataset)
    if dataset == "puppet":
        return build_puppet(folder)
    if (folder / PROVENANCE).is_file():
        return SkeletonSet.load(folder)
    if dataset not in dataset_names():
        raise DataError(f"unknown data set {dataset!r}", remedy=nearest_name(dataset, dataset_names()))
    raise ArtefactError(
        f"the data set {dataset!r} is not prepared",
        where=folder,
        remedy=f"Run: zsar data prepare {dataset} --root FOLDER_OF_ITS_RAW_FILES",
    )


def read_raw(
    workspace: Workspace,
    dataset: str,
    root: str | Path,
    *,
    chain: str = "",
    strict: bool = False,
    replace_set: bool = False,
    processes: int = 1,
) -> Prepared:
    """Read a data set's raw files into the workspace; files that were read already are not read again.

    Args:
        workspace: where to put it.
        dataset: name of a data set of :func:`zsar_kit.data.readers.registry.plan_dataset`.
        root: folder of the raw files or archives, or one archive.
        chain: how raw bodies become a sequence; the customary way if empty.
        strict: stop at the first broken file, and require the whole data set.
        replace_set: replace a set that stands there and was made in another way, or of more files.
        processes: how many read at once.

    Raises:
        DataError: the folder holds something else; or ``strict`` and a file is broken or missing.
        ArtefactError: the disk is full, a reading process was killed, or another set stands there.
    """
    folder = workspace.skeletons_folder(dataset)
    plan = plan_dataset(dataset, root, chain=chain)
    if stands(plan, folder) and ((found := open_prepared(folder)).whole or not strict):
        shutil.rmtree(partial_folder(folder), ignore_errors=True)  # of an attempt that was killed at its very end
        return found
    if not replace_set and (folder / PROVENANCE).is_file():
        _require_no_loss(folder, plan)
    return carry_out(plan, folder, root=root, strict=strict, processes=processes, progress=workspace.progress)


def _require_no_loss(folder: Path, plan: ReadPlan) -> None:
    """A set that stands there may be replaced by one that is read in the same way of no fewer files."""
    stored = made_with(folder)
    same = all(stored.get(key) == value for key, value in plan.config.items() if key in ("reader", "chain"))
    if same and stored.get("found", 0) <= plan.found:
        return
    how = f"by chain {stored['chain']!r}" if "chain" in stored else "in another way"
    of = f"of {stored['found']} files" if "found" in stored else "of other files"
    asked = f", asked for: {plan.config['chain']!r}" if "chain" in plan.config and not same else ""
    now = f"now there are {plan.found} files{asked}"
    raise ArtefactError(
        f"another set of {plan.dataset} stands here, made {'' if same else how + ' '}{of}; {now}",
        where=folder,
        remedy="Say --replace to lose it, or keep both: --workspace ANOTHER.",
    )


def main_fold(skeletons: SkeletonSet, split: ClassSplit, protocol: str) -> Fold:
    """The real thing: seen classes of the train part to learn from, all classes of the test part to score.

    Raises:
        DataError: there is nothing to learn from.
    """
    index = skeletons.index
    train = train_part(skeletons, protocol)
    seen = np.isin(index.label, split.seen)
    if not (train & seen).any():
        problem = f"no training sample of a seen class of {split.dataset} {split.name!r} ({protocol})"
        raise DataError(problem, where=skeletons.path, remedy=WHOLE)
    return Fold(split, train & seen, ~train & np.isin(index.label, split.candidates))


def calibration_folds(skeletons: SkeletonSet, split: ClassSplit, protocol: str, seed: int) -> tuple[Fold, ...]:
    """Folds of pseudo-unseen classes inside the train part (DESIGN section 6).

    Some subjects of the train part are held out as well, so that a fold's *seen* test samples are of new people, as in
    the real test. Samples of pseudo-unseen classes come from all subjects of the train part: they are few, and no
    encoder of the fold has met their class.
    """
    index = skeletons.index
    return folds_within(index.label, index.groups, train_part(skeletons, protocol), split, seed)


def folds_within(
    labels: np.ndarray, subjects: np.ndarray, train: np.ndarray, split: ClassSplit, seed: int
) -> tuple[Fold, ...]:
    """The folds of :func:`calibration_folds` from the columns of any index.

    Where nobody knows the subjects (imported sets number them all alike), a quarter of each class's samples is held
    out in the place of people.

    Args:
        labels: class ids ``[sample]``.
        subjects: ``[sample]``.
        train: true for the train part ``[sample]``.
        split: whose seen classes are divided.
        seed: of both draws.
    """
    held = np.zeros(len(labels), dtype=bool)
    if len(np.unique(subjects[train])) < 2:
        held[holdout_samples(labels, np.flatnonzero(train), seed=seed)] = True
    else:
        held = np.isin(subjects, holdout_subjects(subjects[train], seed=seed))
    folds = []
    for fold in pseudo_unseen_folds(split, seed):
        seen, unseen = np.isin(labels, fold.seen), np.isin(labels, fold.unseen)
        folds.append(Fold(fold, train & seen & ~held, train & ((seen & held) | unseen)))
    return tuple(folds)


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


def semantics_for(workspace: Workspace, dataset: str, text_set: str, language_model: str) -> Semantics:
    """Token and pooled features of one text set of all classes; encoded once, then read from the cache."""
    encoder = _text_encoder(language_model, str(workspace.device))
    return Semantics.build(load_texts(dataset), text_set, encoder, cache=workspace.root / "text-cache")


def text_similarity(
    workspace: Workspace, dataset: str, text_set: str, language_model: str = "offline"
) -> tuple[tuple[str, ...], np.ndarray]:
    """Class names, and the cosine similarity ``[class, class]`` of the pooled texts of one text set."""
    semantics = semantics_for(workspace, dataset, text_set, language_model)
    unit = semantics.pooled / np.linalg.norm(semantics.pooled, axis=1, keepdims=True)
    return semantics.class_names, (unit @ unit.T).astype(float)


def context_bank_for(
    workspace: Workspace, dataset: str, seen: tuple[int, ...], request: ContextRequest, language_model: str
) -> ContextBank:
    """Encoded context prompts of the seen classes; encoded once, then read from the cache."""
    return ContextBank.build(
        load_texts(dataset),
        seen,
        MaskedLanguage(_text_encoder(language_model, str(workspace.device))),
        request.slots,
        vocabulary=request.vocabulary,
        own_head=request.own_head,
        shuffled=request.shuffled,
        cache=workspace.root / "text-cache",
        progress=workspace.progress,
    )


def store_contexts(workspace: Workspace, bank: ContextBank) -> str:
    """Keep what recognition reads of a context bank; the place is relative to the workspace."""
    kept = bank.for_inference()
    place = f"contexts/{slug(kept.dataset)}_{kept.digest()}"
    if not (workspace.root / place / "provenance.json").is_file():
        kept.write(workspace.root / place)
    return place


def store_semantics(workspace: Workspace, semantics: Semantics) -> str:
    """Keep the texts of a run where it can find them again; the place is relative to the workspace."""
    place = f"semantics/{slug(semantics.dataset)}_{slug(semantics.text_set)}_{semantics.digest()}"
    if not (workspace.root / place / "provenance.json").is_file():
        semantics.write(workspace.root / place)
    return place


@cache
def _text_encoder(name: str, device: str) -> TextEncoder:
    """Loading a language model takes seconds and a sweep asks for it in each run."""
    return load_text_encoder(name, device=device)


def split_and_folds(skeletons: SkeletonSet, config: RunConfig) -> tuple[Fold, tuple[Fold, ...]]:
    """The main fold and the calibration folds of a run.

    Raises:
        DataError: there is nothing to learn from, or no sample of an unseen class to score.
    """
    split, protocol = load_split(config.dataset, config.split), config.part_protocol()
    main = main_fold(skeletons, split, protocol)
    if not np.isin(skeletons.index.label[main.test], split.unseen).any():
        problem = f"no test sample of an unseen class of {split.dataset} {split.name!r} ({protocol})"
        raise DataError(problem, where=skeletons.path, remedy=WHOLE)
    return main, calibration_folds(skeletons, split, protocol, config.folds_seed)
