"""Skeletons in the workspace: generated, read from raw files, or opened."""

from __future__ import annotations

import shutil
from pathlib import Path

from zsar_kit.artefacts import exists, made_once
from zsar_kit.data.catalogue import is_generated, is_published
from zsar_kit.data.puppet.world import build_puppet
from zsar_kit.data.readers.plan import ReadPlan
from zsar_kit.data.readers.prepare import Prepared, carry_out, is_up_to_date, open_prepared, partial_folder
from zsar_kit.data.readers.registry import plan_dataset
from zsar_kit.data.skeleton_set import SkeletonSet, made_with
from zsar_kit.data.splits import (
    dataset_names,
)
from zsar_kit.errors import ArtefactError, DataError, nearest_name
from zsar_kit.experiments.pipeline.workspace import Workspace


def prepare_skeletons(workspace: Workspace, dataset: str) -> SkeletonSet:
    """The skeletons of a data set; a generated one is made here, any other must be read first (:func:`read_raw`).

    Raises:
        DataError: the data set is unknown.
        ArtefactError: the data set is not prepared.
    """
    folder = workspace.skeletons_folder(dataset)
    if is_generated(dataset):
        with made_once(folder):
            return build_puppet(folder)
    if exists(folder):
        return SkeletonSet.load(folder)
    if dataset not in dataset_names():
        raise DataError(f"unknown data set {dataset!r}", remedy=nearest_name(dataset, dataset_names()))
    raise ArtefactError(
        f"the data set {dataset!r} is not prepared",
        where=folder,
        remedy=f"Run: zsar data prepare {dataset} --root FOLDER_OF_ITS_RAW_FILES"
        if is_published(dataset)
        else f"Run: zsar data new {dataset} --from FOLDER",
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
    """Read a data set's raw files into the workspace; files that were already read are not read again.

    Args:
        workspace: where the skeletons are written.
        dataset: name of a data set that :func:`zsar_kit.data.readers.registry.plan_dataset` knows.
        root: folder of the raw files or archives, or one archive.
        chain: how raw bodies become a sequence; default: the data set's customary chain.
        strict: stop at the first broken file, and require the complete data set.
        replace_set: replace an existing set that was read differently or from more files.
        processes: number of reading processes.

    Raises:
        DataError: the folder holds something else; or ``strict`` and a file is broken or missing.
        ArtefactError: the disk is full, a reading process was killed, or an existing set would be lost.
    """
    folder = workspace.skeletons_folder(dataset)
    plan = plan_dataset(dataset, root, chain=chain)
    with made_once(folder):
        if is_up_to_date(plan, folder) and ((found := open_prepared(folder)).whole or not strict):
            # The partial folder was left by an attempt that was killed at its very end.
            shutil.rmtree(partial_folder(folder), ignore_errors=True)
            return found
        if not replace_set and exists(folder):
            _require_no_loss(folder, plan)
        return carry_out(plan, folder, root=root, strict=strict, processes=processes, progress=workspace.progress)


def _require_no_loss(folder: Path, plan: ReadPlan) -> None:
    """Refuse to replace an existing set, unless by one that is read in the same way from at least as many files."""
    stored = made_with(folder)
    same = all(stored.get(key) == value for key, value in plan.config.items() if key in ("reader", "chain"))
    if same and stored.get("found", 0) <= plan.found:
        return
    how = f"by chain {stored['chain']!r}" if "chain" in stored else "differently"
    of = f"from {stored['found']} files" if "found" in stored else "from other files"
    asked = f", to be read by chain {plan.config['chain']!r}" if "chain" in plan.config and not same else ""
    now = f"now there are {plan.found} files{asked}"
    raise ArtefactError(
        f"there is already another set of {plan.dataset} here, read {'' if same else how + ' '}{of}; {now}",
        where=folder,
        remedy="Overwrite it with --replace, or keep both with --workspace ANOTHER.",
    )
