"""One run: from a config to a folder with scores and results.

The order of things keeps the test set out of every choice: pseudo-unseen folds choose what a method's config leaves
open and fit gamma; only then is the real split fitted, scored and evaluated, once.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from zsar_kit import __version__
from zsar_kit.artefacts import read_json, write_json
from zsar_kit.checkpoints import save_tensors
from zsar_kit.config import Config
from zsar_kit.data.feature_set import FeatureSet, check_training_labels
from zsar_kit.errors import ArtefactError
from zsar_kit.evaluation.calibration import fit_gamma
from zsar_kit.evaluation.protocol import evaluate
from zsar_kit.evaluation.scores import Scores
from zsar_kit.experiments.config import RunConfig
from zsar_kit.experiments.stages import (
    Fold,
    Workspace,
    features_for,
    prepare_skeletons,
    semantics_for,
    split_and_folds,
)
from zsar_kit.methods.base import Method, TrainingSet
from zsar_kit.methods.registry import entry
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.training.loop import fit

SCORE_BATCH = 256


@dataclass(frozen=True)
class RunFolder:
    """A run on disk: ``config.json``, ``metrics.jsonl``, ``env.json``, ``model.safetensors``, ``scores.safetensors``
    and, written last, ``result.json``.
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

    def metrics(self) -> list[dict]:
        """The logged losses, one entry per logged step (a resumed run logs some steps again; the last entry counts)."""
        path = self.path / "metrics.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        entries = [json.loads(line) for line in lines]
        return list({(e["fit"], e["phase"], e["step"]): e for e in entries}.values())


@dataclass(frozen=True)
class FoldData:
    """A fold with its features."""

    fold: Fold
    features: FeatureSet
    encoder_mark: str

    def training_set(self, semantics: dict[str, Semantics]) -> TrainingSet:
        """What a method may learn from; every label passes the leak guard."""
        labels = self.features.labels[self.fold.train]
        check_training_labels(labels, self.fold.split)
        return TrainingSet(self.features.pooled[self.fold.train], labels, self.fold.split.seen, semantics)

    def scores(self, method: Method) -> Scores:
        """Scores of the fold's test samples over its candidate classes."""
        rows = np.flatnonzero(self.fold.test)
        return score(method, self.features, rows, self.fold.split.candidates)

    @property
    def test_labels(self) -> np.ndarray:
        """Labels of the fold's test samples."""
        return self.features.labels[self.fold.test]


@torch.inference_mode()
def score(method: Method, features: FeatureSet, rows: np.ndarray, classes: tuple[int, ...]) -> Scores:
    """Ask a method for the scores of some samples, in batches."""
    device = next((t.device for t in (*method.parameters(), *method.buffers())), torch.device("cpu"))
    heads: dict[str, list[np.ndarray]] = {}
    errors: dict[str, list[np.ndarray]] = {}
    for start in range(0, len(rows), SCORE_BATCH):
        batch = torch.from_numpy(np.array(features.pooled[rows[start : start + SCORE_BATCH]])).to(device)
        output = method.class_scores(batch, classes)
        for store, values in ((heads, output.heads), (errors, output.errors)):
            for name, value in values.items():
                store.setdefault(name, []).append(value.float().cpu().numpy())
    return Scores(
        heads={k: np.concatenate(v) for k, v in heads.items()},
        classes=classes,
        samples=tuple(str(name) for name in features.samples[rows]),
        errors={k: np.concatenate(v) for k, v in errors.items()},
    )


def run(config: RunConfig, workspace: Workspace) -> RunFolder:
    """Do a run, or return it if it has been done; an interrupted one goes on from its last checkpoint.

    Raises:
        ZsarError: something that the run needs is missing or broken.
    """
    folder = RunFolder(workspace.runs / config.folder_name())
    if folder.finished:
        return folder
    chosen_method = entry(config.method)
    folder.path.mkdir(parents=True, exist_ok=True)
    write_json(folder.path / "config.json", {"run": config.to_dict(), "digest": config.digest()})
    write_json(folder.path / "env.json", environment(workspace))

    main, folds = gather(config, workspace)
    method_type = chosen_method.method
    configs = method_type.grid(config.method_config())
    names = {name for c in configs for name in method_type.text_sets(c)}
    semantics = {name: semantics_for(workspace, config.dataset, name, config.language_model) for name in sorted(names)}
    trainer = _Fits(config, workspace, folder, method_type, semantics)
    method_config, fold_scores = trainer.choose(configs, folds)
    fitted = fit_gamma(
        method_type.calibration,
        [(scores, data.test_labels, data.fold.split.seen) for scores, data in zip(fold_scores, folds, strict=True)],
    )
    started = time.perf_counter()
    method = trainer.fit(method_config, main, "main")
    seconds = time.perf_counter() - started
    scores = main.scores(method)
    save_tensors(folder.path / "model.safetensors", method.state_dict(), method_config.to_dict())
    scores.save(folder.path / "scores.safetensors")
    evaluation = evaluate(
        scores,
        main.test_labels,
        main.features.subjects[main.fold.test],
        main.fold.split,
        calibration=fitted.gate,
        seed=config.seed,
    )
    write_json(folder.path / "timing.json", {"fit_seconds": seconds})
    write_json(
        folder.path / "result.json",
        {
            "dataset": config.dataset,
            "synthetic": config.dataset == "puppet",
            "split": config.split,
            "protocol": config.part_protocol(),
            "method": config.method,
            "preset": config.preset,
            "seed": config.seed,
            "digest": config.digest(),
            "method_config": method_config.to_dict(),
            "selection": "last" if len(configs) == 1 else "pseudo_unseen",
            "calibration": "pseudo_unseen",
            "folds": [list(data.fold.split.unseen) for data in folds],
            "text_use": method_type.text_use(method_config),
            "encoder": main.encoder_mark,
            "training_samples": int(main.fold.train.sum()),
            "evaluation": evaluation.to_dict(),
        },
    )
    for leftover in folder.path.glob("checkpoint-*.safetensors"):
        leftover.unlink()
    return folder


def gather(config: RunConfig, workspace: Workspace) -> tuple[FoldData, list[FoldData]]:
    """Features of the main split and of its calibration folds, each by its own encoder; made where missing."""
    skeletons = prepare_skeletons(workspace, config.dataset)
    main, folds = split_and_folds(skeletons, config)
    data = []
    for fold in (main, *folds):
        features, mark = features_for(workspace, skeletons, fold, config.part_protocol(), config.encoder)
        data.append(FoldData(fold, features, mark.name))
    return data[0], data[1:]


@dataclass(frozen=True)
class _Fits:
    """Fits of one run, each with its own checkpoint and its part of the log."""

    config: RunConfig
    workspace: Workspace
    folder: RunFolder
    method_type: type[Method]
    semantics: dict[str, Semantics]

    def choose(self, configs: Sequence[Config], folds: list[FoldData]) -> tuple[Config, list[Scores]]:
        """The config with the best mean ZSL accuracy on the folds (the first among equals), and its fold scores."""
        best: tuple[float, Config, list[Scores]] | None = None
        for number, candidate in enumerate(configs):
            scores = [data.scores(self.fit(candidate, data, f"fold{k}-{number}")) for k, data in enumerate(folds)]
            accuracy = float(np.mean([fold_accuracy(s, d) for s, d in zip(scores, folds, strict=True)]))
            if best is None or accuracy > best[0]:
                best = (accuracy, candidate, scores)
        assert best is not None
        return best[1], best[2]

    def fit(self, config: Config, data: FoldData, name: str) -> Method:
        """Train the method on a fold's training samples."""
        return fit(
            self.method_type,
            config,
            data.training_set(self.semantics),
            seed=self.config.seed,
            device=self.workspace.device,
            checkpoint=self.folder.path / f"checkpoint-{name}.safetensors",
            on_step=self._logger(name),
            progress=self.workspace.progress,
        )

    def _logger(self, name: str) -> Callable[[str, int, dict[str, float]], None]:
        path = self.folder.path / "metrics.jsonl"

        def log(phase: str, step: int, losses: dict[str, float]) -> None:
            with path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps({"fit": name, "phase": phase, "step": step, **losses}) + "\n")

        return log


def fold_accuracy(scores: Scores, data: FoldData) -> float:
    """ZSL accuracy on a fold: pseudo-unseen samples among pseudo-unseen classes, percent."""
    unseen = data.fold.split.unseen
    rows = np.isin(data.test_labels, unseen)
    predicted = np.array(unseen)[scores.restrict(unseen).select(rows).fused().argmax(1)]
    return 100.0 * float((predicted == data.test_labels[rows]).mean())


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
