"""A run on disk, and its workspace."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zsar_kit.artefacts import PROVENANCE, read_json, write_json
from zsar_kit.data.feature_set import FeatureSet
from zsar_kit.data.splits import ClassSplit, load_split
from zsar_kit.errors import ArtefactError
from zsar_kit.evaluation.calibration import Gate, restore_gate
from zsar_kit.evaluation.scores import Scores
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig, RunPlan, content_of
from zsar_kit.experiments.runs.result import RunResult
from zsar_kit.reprs import as_code
from zsar_kit.semantics.text_files import load_texts

if TYPE_CHECKING:
    from zsar_kit.encoders.pretrain import TrainedEncoder
    from zsar_kit.methods.base import Method
    from zsar_kit.semantics.embeddings import Semantics


@dataclass(frozen=True)
class FoldScores:
    """Scores of one pseudo-unseen fold.

    Attributes:
        scores: scores of its test samples.
        labels: labels of these samples.
        seen, unseen: the fold's seen and pseudo-unseen classes.
    """

    scores: Scores
    labels: np.ndarray
    seen: tuple[int, ...]
    unseen: tuple[int, ...]


@dataclass(frozen=True, init=False, repr=False)
class RunFolder:
    """A run on disk: ``config.json``, ``metrics.jsonl``, ``env.json``, ``model.safetensors``, ``scores.safetensors``,
    ``folds/`` with the scores of pseudo-unseen folds, and, written last, ``result.json``.

    Attributes:
        path: the folder.
        workspace: where its encoder, texts and data are; default: the workspace that contains the folder.
    """

    path: Path
    workspace: Workspace = field(compare=False)

    def __init__(self, path: str | Path, workspace: Workspace | None = None):
        object.__setattr__(self, "path", Path(path))
        object.__setattr__(self, "workspace", workspace or Workspace(self.path.parent.parent))

    @classmethod
    def of(cls, config: RunConfig, workspace: Workspace) -> RunFolder:
        """The folder of a configuration's run, whether or not it exists yet."""
        return cls(workspace.runs / config.folder_name(), workspace)

    def __repr__(self) -> str:
        state = "finished" if self.finished else "not finished"
        return f"RunFolder({str(self.path)!r}, {state})"

    def _repr_markdown_(self) -> str:
        if not self.finished:
            return f"{as_code(self.path)}: not finished"
        return f"{as_code(self.path)}\n\n{self.result().evaluation._repr_markdown_()}"

    @property
    def finished(self) -> bool:
        """Whether the run has a result."""
        return (self.path / "result.json").is_file()

    def result(self) -> RunResult:
        """The stored result.

        Raises:
            ArtefactError: the run is not finished, or this is no run folder.
        """
        return RunResult.read(self.path / "result.json")

    def config(self) -> RunConfig:
        """The run's configuration; its names are not resolved.

        Raises:
            ArtefactError: this is no run folder.
        """
        return RunConfig.from_record(self._record()["run"])

    def split(self) -> ClassSplit:
        """The run's class split."""
        config = self.config()
        return load_split(config.dataset, config.split)

    def begin(self, plan: RunPlan, environment: dict[str, Any]) -> None:
        """Create the folder, with the run's configuration and environment."""
        self.path.mkdir(parents=True, exist_ok=True)
        record = {"run": plan.config.to_dict(), "digest": plan.config.digest(), "resolved": plan.resolved()}
        write_json(self.path / "config.json", record)
        write_json(self.path / "env.json", environment)

    def content(self) -> dict[str, Any]:
        """Everything that determines the run except its seed.

        Unlike the run's digest, it needs no file outside the run folder, so it works for imported runs too.
        """
        config = self.config()
        record = self._record()
        # The first runs did not store what their names resolve to.
        resolved = record["resolved"] if "resolved" in record else config.resolve().resolved()
        features = self.result().features_digest if config.features_from else ""
        content = content_of(config, resolved, features)
        return content | {"seed": 0}

    def _record(self) -> dict[str, Any]:
        if not (self.path / "config.json").is_file():
            raise ArtefactError("not a run folder: config.json is missing", where=self.path)
        return read_json(self.path / "config.json")

    def scores(self) -> Scores:
        """Scores of all test samples."""
        return Scores.load(self.path / "scores.safetensors")

    def test_samples(self) -> tuple[np.ndarray, np.ndarray]:
        """Labels and subjects of the test samples, in the order of the scores; read from the data set.

        Raises:
            ArtefactError: the data set is not prepared, or the imported features are not those of the run.
        """
        from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons

        config = self.config()
        if config.features_from:
            features = FeatureSet.load(config.features_from)
            if features.digest != self.result().features_digest:
                raise ArtefactError("these are not the features that the run was made with", where=features.path)
            samples, labels, subjects = features.samples, features.labels, features.subjects
        else:
            index = prepare_skeletons(self.workspace, config.dataset).index
            samples, labels, subjects = index.sample, index.label, index.groups
        rows = {name: i for i, name in enumerate(samples.tolist())}
        chosen = np.array([rows[name] for name in self.scores().samples])
        return labels[chosen], subjects[chosen]

    def gate(self) -> Gate:
        """The gate with the gamma that the run chose."""
        return restore_gate(self.result().evaluation.calibration)

    def folds(self) -> list[FoldScores]:
        """The scores of each pseudo-unseen fold."""
        about = read_json(self.path / "folds" / "folds.json")
        return [
            FoldScores(
                Scores.load(self.path / "folds" / f"scores-{k}.safetensors"),
                np.array(fold["labels"]),
                tuple(fold["seen"]),
                tuple(fold["unseen"]),
            )
            for k, fold in enumerate(about)
        ]

    def store_folds(self, folds: Sequence[FoldScores]) -> None:
        """Store what :meth:`folds` reads."""
        place = self.path / "folds"
        place.mkdir(exist_ok=True)
        for k, fold in enumerate(folds):
            fold.scores.save(place / f"scores-{k}.safetensors")
        about = [{"seen": list(f.seen), "unseen": list(f.unseen), "labels": f.labels.tolist()} for f in folds]
        write_json(place / "folds.json", about)

    def metrics(self) -> list[dict[str, Any]]:
        """The logged losses, one entry per logged step (a resumed run logs some steps again; the last entry counts)."""
        path = self.path / "metrics.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        logged = [json.loads(line) for line in lines]
        return list({(step["fit"], step["phase"], step["step"]): step for step in logged}.values())

    def semantics(self) -> dict[str, Semantics]:
        """The class texts that the run was made with.

        Raises:
            ArtefactError: they are not in the workspace.
        """
        from zsar_kit.semantics.embeddings import Semantics

        folders = self.result().semantics_folders
        return {name: Semantics.read(self.workspace.root / folder) for name, folder in folders.items()}

    def changed_texts(self) -> tuple[str, ...]:
        """The run's text sets whose wording has changed since; those missing from the workspace can't be compared."""
        texts, changed = load_texts(self.config().dataset), []
        for name, folder in self.result().semantics_folders.items():
            if (self.workspace.root / folder / "meta.json").is_file():
                then = read_json(self.workspace.root / folder / "meta.json")
                if [list(texts.sentences(name, c)) for c in then["class_ids"]] != then["texts"]:
                    changed.append(name)
        return tuple(changed)

    def encoder(self) -> TrainedEncoder:
        """The skeleton encoder that the run was made with.

        Raises:
            ArtefactError: it is not in the workspace, or the run used imported features.
        """
        from zsar_kit.encoders.pretrain import load_encoder

        folder = self.result().encoder_folder
        if not folder:
            raise ArtefactError(
                "the run used imported features, so it has no encoder to read clips with",
                where=self.path,
                remedy="Train a run on skeletons.",
            )
        return load_encoder(self.workspace.root / folder, device=self.workspace.torch_device)

    def method(self) -> Method:
        """The trained method, ready to score; no training data are needed.

        Raises:
            ArtefactError: the run has no result, or its model or texts are missing.
        """
        from zsar_kit.checkpoints import load_module, load_tensors
        from zsar_kit.methods.registry import method_entry
        from zsar_kit.methods.task import Task
        from zsar_kit.seeding import torch_generator
        from zsar_kit.semantics.context_bank import ContextBank

        result = self.result()
        method_type = method_entry(result.method).method
        config = method_type.config_type.from_dict(result.method_config)
        contexts = ContextBank.read(self.workspace.root / result.contexts_folder) if result.contexts_folder else None
        task = Task(result.feature_shape, result.seen, self.semantics(), contexts)
        method = method_type(config, task, torch_generator(0, "restore"))
        tensors, _ = load_tensors(self.path / "model.safetensors")
        load_module(method, tensors, where=self.path / "model.safetensors")
        method.to(self.workspace.torch_device).requires_grad_(False)
        method.eval()
        method.prepare()
        return method

    def needed_folders(self) -> list[str]:
        """Folders that the run needs to classify clips, relative to the workspace.

        Raises:
            ArtefactError: one of them is missing.
        """
        result = self.result()
        folders = [result.encoder_folder, *result.semantics_folders.values(), result.contexts_folder]
        for folder in (found := [f for f in folders if f]):
            if not (self.workspace.root / folder / PROVENANCE).is_file():
                raise ArtefactError("a part of the run is missing", where=self.workspace.root / folder)
        return found
