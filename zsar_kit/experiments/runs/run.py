"""One run: from a config to a folder with scores and results.

The order of things keeps the test set out of every choice: pseudo-unseen folds choose what a method's config leaves
open and fit gamma; only then is the real split fitted, scored and evaluated. Where a run is traced, the same folder
also says what other selections would have given, ``test_oracle`` among them, which never makes the headline.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from zsar_kit import __version__
from zsar_kit.artefacts import write_json
from zsar_kit.checkpoints import save_tensors
from zsar_kit.errors import ArtefactError
from zsar_kit.evaluation.scores import Scores
from zsar_kit.experiments.pipeline.imported_features import with_caveat
from zsar_kit.experiments.pipeline.semantics import semantics_for, store_contexts, store_semantics
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.fits import Fits, FoldData
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.inputs import gather
from zsar_kit.experiments.runs.selection import choose
from zsar_kit.methods.registry import method_entry


def _require_todays_texts(folder: RunFolder, workspace: Workspace) -> None:
    if changed := folder.changed_texts(workspace):
        problem = f"this run was made with another wording of the class texts {', '.join(changed)}"
        raise ArtefactError(problem, where=folder.path, remedy="Move the folder away to run it with today's texts.")


def run(config: RunConfig, workspace: Workspace) -> RunFolder:
    """Do a run, or return it if it has been done; an interrupted one goes on from its last checkpoint.

    Raises:
        ArtefactError: it has been done, with class texts that have changed since.
        ZsarError: something that the run needs is missing or broken.
    """
    folder = RunFolder(workspace.runs / config.folder_name())
    if folder.finished:
        _require_todays_texts(folder, workspace)
        return folder
    method_type = method_entry(config.method).method
    main, folds = gather(config, workspace)
    folder.path.mkdir(parents=True, exist_ok=True)
    write_json(folder.path / "config.json", {"run": config.to_dict(), "digest": config.digest()})
    write_json(folder.path / "env.json", environment(workspace))

    configs = config.method_config().grid()
    names = sorted({name for c in configs for name in c.text_sets()})
    semantics = {name: semantics_for(workspace, config.dataset, name, config.language_model) for name in names}
    fits = Fits(config, workspace, folder.path, method_type, semantics)
    outcomes = choose(fits, configs, main, folds)
    zsl_configs = [c.zsl_config() for c in configs]
    if all(c is not None for c in zsl_configs):  # as released: one model for each setting
        zsl = choose(fits.named("zsl-"), [c for c in zsl_configs if c is not None], main, folds)
        outcomes = {k: o.with_zsl(zsl[k]) for k, o in outcomes.items()}
    headline = "last" if "last" in outcomes else "pseudo_unseen"
    chosen = outcomes[headline]
    method_config = configs[chosen.candidate.config]
    save_tensors(folder.path / "model.safetensors", chosen.method.state_dict(), method_config.to_dict())
    chosen.scores.save(folder.path / "scores.safetensors")
    _save_folds(folder.path / "folds", chosen.fold_scores, folds)
    write_json(folder.path / "timing.json", {"fit_seconds": chosen.seconds})
    result = {
        "dataset": config.dataset,
        "synthetic": config.dataset == "puppet",
        "split": config.split,
        "protocol": config.part_protocol(),
        "method": config.method,
        "preset": config.preset,
        "seed": config.seed,
        "digest": config.digest(),
        "method_config": method_config.to_dict(),
        "selection": with_caveat(headline, (data.encoder_mark for data in folds)),
        "calibration": chosen.calibration,
        "folds": [list(data.fold.split.unseen) for data in folds],
        "text_use": method_config.text_use(),
        "encoder": main.encoder_mark,
        "encoder_folder": main.encoder_folder,
        "semantics": {k: store_semantics(workspace, s) for k, s in semantics.items()},
        "language_model": config.language_model,
        "classes": {"seen": list(main.fold.split.seen), "unseen": list(main.fold.split.unseen)},
        "contexts": "" if main.contexts is None else store_contexts(workspace, main.contexts),
        "feature_shape": [int(n) for n in main.inputs(np.arange(1)).shape[1:]],
        "training_samples": len(main.training_set({}, low_shot=config.low_shot).labels),
        "evaluation": chosen.evaluation.to_dict(),
    }
    if config.features_from:
        result["features"] = main.features.digest
    if config.trace:
        result["selections"] = {name: outcome.summary() for name, outcome in outcomes.items()}
    write_json(folder.path / "result.json", result)
    fits.clean()
    return folder


def _save_folds(folder: Path, scores: Sequence[Scores], folds: Sequence[FoldData]) -> None:
    folder.mkdir(exist_ok=True)
    for k, fold_scores in enumerate(scores):
        fold_scores.save(folder / f"scores-{k}.safetensors")
    about = [
        {"seen": list(d.fold.split.seen), "unseen": list(d.fold.split.unseen), "labels": d.test_labels.tolist()}
        for d in folds
    ]
    write_json(folder / "folds.json", about)


def environment(workspace: Workspace) -> dict:
    """What ``env.json`` says: versions, device, threads; no path and no name of the machine."""
    return {
        "zsar_kit": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(terse=True),
        "cores": os.cpu_count(),
        "device": str(workspace.device),
        "threads": torch.get_num_threads(),
    }
