"""A run on disk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zsar_kit.artefacts import read_json
from zsar_kit.checkpoints import load_module, load_tensors
from zsar_kit.data.feature_set import FeatureSet
from zsar_kit.encoders.pretrain import TrainedEncoder, load_encoder
from zsar_kit.errors import ArtefactError
from zsar_kit.evaluation.calibration import Gate, restore_gate
from zsar_kit.evaluation.scores import Scores
from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.methods.base import Method, Task
from zsar_kit.methods.registry import method_entry
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
        method_type = method_entry(result["method"]).method
        config = method_type.config_type.from_dict(result["method_config"])
        seen = tuple(result["classes"]["seen"])
        contexts = ContextBank.read(workspace.root / result["contexts"]) if result.get("contexts") else None
        task = Task(tuple(result["feature_shape"]), seen, self.semantics(workspace), contexts)
        method = method_type(config, task, torch_generator(0, "restore"))
        tensors, _ = load_tensors(self.path / "model.safetensors")
        load_module(method, tensors, where=self.path / "model.safetensors")
        method.to(workspace.device).requires_grad_(False)
        method.eval()
        method.prepare()
        return method
