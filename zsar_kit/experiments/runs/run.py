"""One run: from a config to a folder with scores and results.

The order of the steps keeps the test set out of every choice: pseudo-unseen folds choose what a method's config leaves
open and fit gamma; only then is the real split fitted, scored and evaluated. The folder of a traced run also says what
other ways of selecting would have given; ``test_oracle`` is one of them, and never the headline result.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from zsar_kit import __version__
from zsar_kit.artefacts import exists, made_once, write_json
from zsar_kit.checkpoints import save_tensors
from zsar_kit.config import digest_of
from zsar_kit.data.catalogue import accepted_findings, is_flat, is_synthetic
from zsar_kit.errors import ArtefactError
from zsar_kit.experiments.pipeline.partitions import untrained_note
from zsar_kit.experiments.pipeline.semantics import require_texts, semantics_for, store_contexts, store_semantics
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.code import code_digest
from zsar_kit.experiments.runs.config import RunConfig, RunPlan
from zsar_kit.experiments.runs.fits import Fits
from zsar_kit.experiments.runs.folder import FoldScores, RunFolder, input_digest
from zsar_kit.experiments.runs.inputs import FoldData, build_fold_data
from zsar_kit.experiments.runs.result import RunResult
from zsar_kit.experiments.runs.selection import Outcome, Selection, choose, with_caveat


def run(config: RunConfig, workspace: Workspace) -> RunFolder:
    """Carry out a run, or return its folder if it is finished; an interrupted run resumes from its last checkpoint.

    Another process that needs the same run waits for it.

    Raises:
        ArtefactError: the run is finished, but its class texts, features or data set were replaced since.
        ZsarError: something that the run needs is missing or broken.
    """
    folder = RunFolder.of(config, workspace)
    with made_once(folder.path):
        if folder.finished:
            _require_unchanged_texts(folder)
            folder.require_current()
        else:
            _carry_out(folder, config.resolve(), workspace)
    return folder


def _carry_out(folder: RunFolder, plan: RunPlan, workspace: Workspace) -> None:
    config, configs = plan.config, plan.method_config.grid()
    names = sorted({name for c in configs for name in c.text_sets()})
    prompted = [] if plan.method_config.contexts() is None else ["contexts"]
    require_texts(config.dataset, [*names, *prompted], config.edition)
    main, folds = build_fold_data(plan, workspace)
    words = (config.language_model, config.edition)
    encoding = configs[0].text_encoding()
    unseen = main.partition.split.unseen
    semantics = {n: semantics_for(workspace, config.dataset, n, *words, encoding, unseen=unseen) for n in names}
    texts = {name: store_semantics(workspace, one) for name, one in semantics.items()}
    prompts = "" if main.contexts is None else store_contexts(workspace, main.contexts)
    folder.begin(plan, environment(workspace), _inputs(workspace, (main, *folds), [*texts.values(), prompts]))
    fits = Fits(plan, workspace, folder.path, semantics)
    selection = choose(fits, configs, main, folds)
    zsl_configs = [c.zsl_config() for c in configs]
    if all(c is not None for c in zsl_configs):  # as released: one model for each setting
        zsl = choose(fits.with_prefix("zsl-"), [c for c in zsl_configs if c is not None], main, folds)
        selection = selection.with_zsl(zsl)
    headline = "last" if "last" in selection.outcomes else "pseudo_unseen"
    _store(folder, selection.outcomes[headline], folds)
    result = _result(plan, main, folds, selection, headline)
    fits.clean()
    folder.store_result(replace(result, semantics_folders=texts, contexts_folder=prompts))


def _inputs(workspace: Workspace, data: Sequence[FoldData], texts: Sequence[str]) -> dict[str, str]:
    """Content digests of all that a run is made from, by place in the workspace."""
    places = {place for place in texts if place} | {one.encoder_folder for one in data if one.encoder_folder}
    sets = [features for one in data if one.encoder_folder for features in (one.features, *one.maps)]
    sets += [one.measured for one in data if one.measured is not None]
    places |= {features.path.relative_to(workspace.root).as_posix() for features in sets}
    skeletons = workspace.skeletons_folder(data[0].features.dataset)
    if sets and exists(skeletons):
        places.add(skeletons.relative_to(workspace.root).as_posix())
    found = {place: input_digest(workspace.root / place) for place in sorted(places)}
    # Folds have prompts of their own, which no folder holds.
    prompts = [one.contexts.digest() for one in data if one.contexts is not None]
    return found | ({"context prompts": digest_of(prompts)} if prompts else {})


def _require_unchanged_texts(folder: RunFolder) -> None:
    if changed := folder.changed_texts():
        problem = f"this run used another wording of the class texts {', '.join(changed)}"
        raise ArtefactError(problem, where=folder.path, remedy="Move the folder away to run it with the current texts.")


def _store(folder: RunFolder, chosen: Outcome, folds: Sequence[FoldData]) -> None:
    """Store the chosen model, its scores, and the scores of the folds."""
    save_tensors(folder.path / "model.safetensors", chosen.method.state_dict(), chosen.config.to_dict())
    chosen.scores.save(folder.path / "scores.safetensors")
    folder.store_folds(
        [
            FoldScores(scores, data.test_labels, data.partition.split.seen, data.partition.split.unseen)
            for scores, data in zip(chosen.fold_scores, folds, strict=True)
        ]
    )
    write_json(folder.path / "timing.json", {"fit_seconds": chosen.seconds})


def _result(plan: RunPlan, main: FoldData, folds: Sequence[FoldData], selection: Selection, headline: str) -> RunResult:
    """The result, still without the folders of stored texts."""
    config, split, chosen = plan.config, main.partition.split, selection.outcomes[headline]
    method_config = chosen.config
    return RunResult(
        dataset=config.dataset,
        split=config.split,
        protocol=plan.protocol,
        synthetic=is_synthetic(config.dataset),
        method=config.method,
        preset=config.preset,
        seed=config.seed,
        digest=config.digest(),
        method_config=method_config.to_dict(),
        selection=with_caveat(headline, (data.encoder_mark for data in folds)),
        calibration=chosen.calibration,
        folds=tuple(data.partition.split.unseen for data in folds),
        text_use=chosen.text_use,
        encoder_mark=main.encoder_mark,
        encoder_folder=main.encoder_folder,
        semantics_folders={},
        contexts_folder="",
        language_model=config.language_model,
        seen=split.seen,
        unseen=split.unseen,
        feature_shape=main.feature_shape,
        training_samples=len(main.training_rows(config)),
        evaluation=chosen.evaluation,
        features_digest=main.features.digest if config.features_from else "",
        selections={name: one.summary() for name, one in selection.outcomes.items()} if config.trace else {},
        fold_encoders=len({data.group for data in folds}),
        choices=selection.choices,
        notes=_notes(plan, main, folds, selection),
    )


def _notes(plan: RunPlan, main: FoldData, folds: Sequence[FoldData], selection: Selection) -> tuple[str, ...]:
    """What has to be said beside the numbers."""
    split, notes = main.partition.split, [untrained_note(plan.split, main.partition.split)]
    if is_flat(plan.config.dataset):
        notes.append("the joints are points of a picture: their third coordinate is not known")
    if accepted := accepted_findings(plan.config.dataset):
        notes.append(f"made of data in which the doctor found {', '.join(accepted)}, which was accepted")
    if plan.config.shots or plan.config.low_shot < 1:
        notes.append("few samples are for training alone: the folds that choose score all of the training part")
    if plan.config.encoder_shots:
        notes.append(f"the encoder, too, was trained on {plan.config.shots} samples a class")
    if len(folds) < plan.config.folds:
        notes.append(f"{len(folds)} pseudo-unseen folds: {len(split.seen)} seen classes allow no more")
    return tuple(note for note in (*notes, selection.note) if note)


def environment(workspace: Workspace) -> dict[str, Any]:
    """The content of ``env.json``: versions, device and threads, but no path and no machine name."""
    return {
        "zsar_kit": __version__,
        "code": code_digest(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(terse=True),
        "cores": os.cpu_count(),
        "device": str(workspace.torch_device),
        "threads": torch.get_num_threads(),
    }
