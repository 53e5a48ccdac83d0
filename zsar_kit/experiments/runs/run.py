"""One run: from a config to a folder with scores and results.

The order of the steps keeps the test set out of every choice: pseudo-unseen folds choose what a method's config leaves
open and fit gamma; only then is the real split fitted, scored and evaluated. The folder of a traced run also says what
other ways of selecting would have given; ``test_oracle`` is one of them, and never the headline result.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from zsar_kit import __version__
from zsar_kit.artefacts import write_json
from zsar_kit.checkpoints import save_tensors
from zsar_kit.data.catalogue import is_synthetic
from zsar_kit.errors import ArtefactError
from zsar_kit.experiments.pipeline.semantics import semantics_for, store_contexts, store_semantics
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig, RunPlan
from zsar_kit.experiments.runs.fits import Fits
from zsar_kit.experiments.runs.folder import FoldScores, RunFolder
from zsar_kit.experiments.runs.inputs import FoldData, build_fold_data
from zsar_kit.experiments.runs.result import RunResult
from zsar_kit.experiments.runs.selection import Outcome, choose, with_caveat
from zsar_kit.methods.base import MethodConfig


def run(config: RunConfig, workspace: Workspace) -> RunFolder:
    """Carry out a run, or return its folder if it is finished; an interrupted run resumes from its last checkpoint.

    Raises:
        ArtefactError: the run is finished, but its class texts have changed since.
        ZsarError: something that the run needs is missing or broken.
    """
    folder = RunFolder.of(config, workspace)
    if folder.finished:
        _require_unchanged_texts(folder)
        return folder
    plan = config.resolve()
    main, folds = build_fold_data(plan, workspace)
    folder.begin(plan, environment(workspace))
    configs = plan.method_config.grid()
    names = sorted({name for c in configs for name in c.text_sets()})
    encoding = configs[0].text_encoding()
    semantics = {
        name: semantics_for(workspace, config.dataset, name, config.language_model, encoding) for name in names
    }
    fits = Fits(plan, workspace, folder.path, semantics)
    outcomes = choose(fits, configs, main, folds)
    zsl_configs = [c.zsl_config() for c in configs]
    if all(c is not None for c in zsl_configs):  # as released: one model for each setting
        zsl = choose(fits.with_prefix("zsl-"), [c for c in zsl_configs if c is not None], main, folds)
        outcomes = {k: o.with_zsl(zsl[k]) for k, o in outcomes.items()}
    headline = "last" if "last" in outcomes else "pseudo_unseen"
    _store(folder, outcomes[headline], configs, folds)
    result = _result(plan, main, folds, outcomes, headline, configs)
    texts = {name: store_semantics(workspace, one) for name, one in semantics.items()}
    prompts = "" if main.contexts is None else store_contexts(workspace, main.contexts)
    replace(result, semantics_folders=texts, contexts_folder=prompts).write(folder.path / "result.json")
    fits.clean()
    return folder


def _require_unchanged_texts(folder: RunFolder) -> None:
    if changed := folder.changed_texts():
        problem = f"this run used another wording of the class texts {', '.join(changed)}"
        raise ArtefactError(problem, where=folder.path, remedy="Move the folder away to run it with the current texts.")


def _store(folder: RunFolder, chosen: Outcome, configs: Sequence[MethodConfig], folds: Sequence[FoldData]) -> None:
    """Store the chosen model, its scores, and the scores of the folds."""
    config = configs[chosen.candidate.config].to_dict()
    save_tensors(folder.path / "model.safetensors", chosen.method.state_dict(), config)
    chosen.scores.save(folder.path / "scores.safetensors")
    folder.store_folds(
        [
            FoldScores(scores, data.test_labels, data.partition.split.seen, data.partition.split.unseen)
            for scores, data in zip(chosen.fold_scores, folds, strict=True)
        ]
    )
    write_json(folder.path / "timing.json", {"fit_seconds": chosen.seconds})


def _result(
    plan: RunPlan,
    main: FoldData,
    folds: Sequence[FoldData],
    outcomes: Mapping[str, Outcome],
    headline: str,
    configs: Sequence[MethodConfig],
) -> RunResult:
    """The result, still without the folders of stored texts."""
    config, split, chosen = plan.config, main.partition.split, outcomes[headline]
    method_config = configs[chosen.candidate.config]
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
        text_use=method_config.text_use(),
        encoder_mark=main.encoder_mark,
        encoder_folder=main.encoder_folder,
        semantics_folders={},
        contexts_folder="",
        language_model=config.language_model,
        seen=split.seen,
        unseen=split.unseen,
        feature_shape=main.feature_shape,
        training_samples=len(main.training_rows(low_shot=config.low_shot)),
        evaluation=chosen.evaluation,
        features_digest=main.features.digest if config.features_from else "",
        selections={name: outcome.summary() for name, outcome in outcomes.items()} if config.trace else {},
    )


def environment(workspace: Workspace) -> dict[str, Any]:
    """The content of ``env.json``: versions, device and threads, but no path and no machine name."""
    return {
        "zsar_kit": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(terse=True),
        "cores": os.cpu_count(),
        "device": str(workspace.torch_device),
        "threads": torch.get_num_threads(),
    }
