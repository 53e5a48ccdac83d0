"""One run: from a config to a folder with scores and results.

The order of things keeps the test set out of every choice: pseudo-unseen folds choose what a method's config leaves
open and fit gamma; only then is the real split fitted, scored and evaluated. Where a run is traced, the same folder
also says what other selections would have given, ``test_oracle`` among them, which never makes the headline.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from zsar_kit import __version__
from zsar_kit.artefacts import read_json, write_json
from zsar_kit.checkpoints import load_module, load_tensors, save_tensors
from zsar_kit.config import Config
from zsar_kit.data.feature_set import FeatureSet
from zsar_kit.encoders.pretrain import TrainedEncoder, load_encoder
from zsar_kit.errors import ArtefactError
from zsar_kit.evaluation.calibration import Gate, fit_gamma, make_gate, restore_gate
from zsar_kit.evaluation.protocol import Evaluation, evaluate
from zsar_kit.evaluation.scores import Scores
from zsar_kit.experiments.config import RunConfig
from zsar_kit.experiments.fits import Candidate, Fits, FoldData
from zsar_kit.experiments.given import with_caveat
from zsar_kit.experiments.inputs import gather
from zsar_kit.experiments.stages import (
    Workspace,
    prepare_skeletons,
    semantics_for,
    store_contexts,
    store_semantics,
)
from zsar_kit.methods.base import GateChoice, Method, TrainingSet
from zsar_kit.methods.registry import entry
from zsar_kit.seeding import torch_generator
from zsar_kit.semantics.context_bank import ContextBank
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.semantics.text_files import load_texts


@dataclass(frozen=True)
class RunFolder:
    """A run on disk: ``config.json``, ``metrics.jsonl``, ``env.json``, ``model.safetensors``, ``scores.safetensors``,
    ``folds/`` with the scores of pseudo-unseen folds, and, written last, ``result.json``.
    """

    path: Path

    @property
    def finished(self) -> bool:
        """Whether the run has a result."""
        return (self.path / "result.json").is_file()

    def result(self) -> dict:
        """The evaluation and what it was made with.

        Raises:
            ArtefactError: the run has not finished, or is none.
        """
        return read_json(self.path / "result.json")

    def config(self) -> RunConfig:
        """The run's configuration.

        Raises:
            ArtefactError: this is no run folder.
        """
        if not (self.path / "config.json").is_file():
            raise ArtefactError("not a run folder: config.json is missing", where=self.path)
        return RunConfig.from_dict(read_json(self.path / "config.json")["run"])

    def scores(self) -> Scores:
        """Scores of all test samples."""
        return Scores.load(self.path / "scores.safetensors")

    def test_samples(self, workspace: Workspace) -> tuple[np.ndarray, np.ndarray]:
        """Labels and subjects of the test samples, in the order of the scores; the data set is asked for them."""
        config = self.config()
        if config.features_from:
            features = FeatureSet.load(config.features_from)
            if features.digest != self.result()["features"]:
                raise ArtefactError("these are not the features that the run was made with", where=features.path)
            samples, labels, subjects = features.samples, features.labels, features.subjects
        else:
            index = prepare_skeletons(workspace, config.dataset).index
            samples, labels, subjects = index.sample, index.label, index.groups
        rows = {name: i for i, name in enumerate(samples.tolist())}
        chosen = np.array([rows[name] for name in self.scores().samples])
        return labels[chosen], subjects[chosen]

    def gate(self) -> Gate:
        """The gate with the gamma that the run chose."""
        return restore_gate(self.result()["evaluation"]["calibration"])

    def folds(self) -> list[tuple[Scores, np.ndarray, tuple[int, ...]]]:
        """For each pseudo-unseen fold the scores of its test samples, their labels, and its (pseudo-)seen classes."""
        about = read_json(self.path / "folds" / "folds.json")
        return [
            (Scores.load(self.path / "folds" / f"scores-{k}.safetensors"), np.array(f["labels"]), tuple(f["seen"]))
            for k, f in enumerate(about)
        ]

    def metrics(self) -> list[dict]:
        """The logged losses, one entry per logged step (a resumed run logs some steps again; the last entry counts)."""
        path = self.path / "metrics.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        entries = [json.loads(line) for line in lines]
        return list({(e["fit"], e["phase"], e["step"]): e for e in entries}.values())

    def semantics(self, workspace: Workspace) -> dict[str, Semantics]:
        """The class texts that the run was made with.

        Raises:
            ArtefactError: they are not in the workspace.
        """
        return {name: Semantics.read(workspace.root / place) for name, place in self.result()["semantics"].items()}

    def changed_texts(self, workspace: Workspace) -> tuple[str, ...]:
        """The text sets of the run that read otherwise today; those that are not in the workspace can't be compared."""
        texts, changed = load_texts(self.config().dataset), []
        for name, place in self.result().get("semantics", {}).items():
            if (workspace.root / place / "meta.json").is_file():
                then = read_json(workspace.root / place / "meta.json")
                if [list(texts.sentences(name, c)) for c in then["class_ids"]] != then["texts"]:
                    changed.append(name)
        return tuple(changed)

    def encoder(self, workspace: Workspace) -> TrainedEncoder:
        """The skeleton encoder that the run was made with.

        Raises:
            ArtefactError: it is not in the workspace, or the run was made of given features.
        """
        if not self.result()["encoder_folder"]:
            raise ArtefactError(
                "the run was made of given features, so there is no encoder to read clips with",
                where=self.path,
                remedy="Train a run from skeletons.",
            )
        return load_encoder(workspace.root / self.result()["encoder_folder"], device=workspace.device)

    def method(self, workspace: Workspace) -> Method:
        """The trained method, ready to score; no training data are needed.

        Raises:
            ArtefactError: the run has no result, or its model or texts are missing.
        """
        result = self.result()
        method_type = entry(result["method"]).method
        config = method_type.config_type.from_dict(result["method_config"])
        seen = tuple(result["classes"]["seen"])
        # The stand-ins only give the right sizes; every number that was learnt is read from the file.
        stand_ins = np.zeros((len(seen), *result["feature_shape"]), dtype=np.float32)
        contexts = ContextBank.read(workspace.root / result["contexts"]) if result.get("contexts") else None
        training = TrainingSet(stand_ins, np.array(seen), seen, self.semantics(workspace), contexts)
        method = method_type(config, training, torch_generator(0, "restore"))
        tensors, _ = load_tensors(self.path / "model.safetensors")
        load_module(method, tensors, where=self.path / "model.safetensors")
        method.to(workspace.device).requires_grad_(False)
        method.eval()
        method.prepare()
        return method


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
    method_type = entry(config.method).method
    main, folds = gather(config, workspace)
    folder.path.mkdir(parents=True, exist_ok=True)
    write_json(folder.path / "config.json", {"run": config.to_dict(), "digest": config.digest()})
    write_json(folder.path / "env.json", environment(workspace))

    configs = method_type.grid(config.method_config())
    names = sorted({name for c in configs for name in method_type.text_sets(c)})
    semantics = {name: semantics_for(workspace, config.dataset, name, config.language_model) for name in names}
    fits = Fits(config, workspace, folder.path, method_type, semantics)
    outcomes = choose(fits, configs, main, folds)
    zsl_configs = [method_type.zsl_config(c) for c in configs]
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
        "text_use": method_type.text_use(method_config),
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


@dataclass(frozen=True)
class Outcome:
    """What one way of selecting gives.

    Attributes:
        candidate: what it chose.
        method: the fitted method (at its end, if a step was chosen).
        scores: of the test samples.
        fold_scores: of the folds' test samples.
        evaluation: of the scores, calibrated.
        calibration: how gamma came about.
        seconds: of the main fit.
    """

    candidate: Candidate
    method: Method
    scores: Scores
    fold_scores: list[Scores]
    evaluation: Evaluation
    calibration: str
    seconds: float

    def summary(self) -> dict[str, Any]:
        """The JSON-ready record in ``result.json``."""
        return {
            "candidate": {"config": self.candidate.config, "point": self.candidate.point},
            "gamma": self.evaluation.calibration["gamma"],
            "calibration": self.calibration,
            "evaluation": self.evaluation.to_dict(),
        }

    def with_zsl(self, other: Outcome) -> Outcome:
        """The same with the ZSL numbers of the model for that setting."""
        mine, theirs = self.evaluation, other.evaluation
        evaluation = replace(
            mine,
            micro=replace(mine.micro, zsl=theirs.micro.zsl),
            macro=replace(mine.macro, zsl=theirs.macro.zsl),
            **{k: getattr(theirs, k) for k in ("zsl_interval", "per_class", "confusion", "oracle_union")},
        )
        return replace(self, evaluation=evaluation)


def choose(fits: Fits, configs: Sequence[Config], main: FoldData, folds: Sequence[FoldData]) -> dict[str, Outcome]:
    """Fit folds and main split, and select: ``last``, ``pseudo_unseen`` and, for traced runs, ``test_oracle``.

    ``last`` is there unless the grid leaves a choice of configs; ``pseudo_unseen`` wherever there is a choice.
    """
    traced = fits.config.trace > 0
    of_folds = [fits.candidates(configs, data, f"fold{k}")[0] for k, data in enumerate(folds)]
    # Steps are a choice only where there is one config: a method is kept as it stands at the end of its fit.
    shared = [c for c in of_folds[0] if all(c in scores for scores in of_folds)]
    candidates = [c for c in shared if c.point is None or len(configs) == 1]
    accuracy = [
        float(np.mean([data.accuracy(s[c]) for s, data in zip(of_folds, folds, strict=True)])) for c in candidates
    ]
    best = candidates[int(np.argmax(accuracy))]  # the first among equals; a fit's end comes before its steps
    started = time.perf_counter()
    found, methods = fits.candidates(configs, main, "main", None if traced else best.config)
    seconds = time.perf_counter() - started
    picked = {"last": Candidate(0)} if len(configs) == 1 else {}
    if len(candidates) > 1:
        picked["pseudo_unseen"] = best
    if traced:
        picked["test_oracle"] = max((c for c in found if c in shared), key=lambda c: main.accuracy(found[c]))
    outcomes = {}
    for name, candidate in picked.items():
        method_config, fold_scores = configs[candidate.config], [scores[candidate] for scores in of_folds]
        if name == "test_oracle":
            kind = fits.method_type.gate(method_config).kind
            gate = fit_gamma(kind, [(found[candidate], main.test_labels, main.fold.split.seen)]).gate
            calibration = "test_oracle"
        else:
            gate, calibration = fitted_gate(fits.method_type.gate(method_config), fold_scores, folds)
        evaluation = evaluate(
            found[candidate],
            main.test_labels,
            main.features.subjects[main.fold.test],
            main.fold.split,
            calibration=gate,
            seed=fits.config.seed,
        )
        outcomes[name] = Outcome(
            candidate, methods[candidate.config], found[candidate], fold_scores, evaluation, calibration, seconds
        )
    return outcomes


def fitted_gate(choice: GateChoice, fold_scores: Sequence[Scores], folds: Sequence[FoldData]) -> tuple[Gate, str]:
    """The gate with gamma by hand where the config has one, or from the folds; and which it was."""
    if choice.gamma is not None:
        return make_gate(choice.kind, choice.gamma), "by_hand"
    parts = [(s, data.test_labels, data.fold.split.seen) for s, data in zip(fold_scores, folds, strict=True)]
    return fit_gamma(choice.kind, parts).gate, with_caveat("pseudo_unseen", (d.encoder_mark for d in folds))


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
