"""A run on disk, and its workspace."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zsar_kit.artefacts import (
    PROVENANCE,
    artefact_digest,
    exists,
    json_text,
    read_json,
    read_provenance,
    write_atomic,
    write_json,
    write_provenance,
)
from zsar_kit.config import digest_of
from zsar_kit.data.feature_set import KIND as FEATURES
from zsar_kit.data.feature_set import FeatureSet
from zsar_kit.data.own_sets import FACTS
from zsar_kit.data.splits import ClassSplit, load_split, write_split
from zsar_kit.errors import ArtefactError, ConfigError
from zsar_kit.evaluation.calibration import Gate, restore_gate
from zsar_kit.evaluation.scores import Scores
from zsar_kit.experiments.pipeline.own_workspace import SPLIT
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig, RunPlan, content_of
from zsar_kit.experiments.runs.result import RunResult
from zsar_kit.reprs import as_code
from zsar_kit.semantics.text_files import load_texts

if TYPE_CHECKING:
    from zsar_kit.encoders.pretrain import TrainedEncoder
    from zsar_kit.methods.base import Method
    from zsar_kit.semantics.embeddings import Semantics


log = logging.getLogger("zsar_kit")

KIND, SCHEMA = "Run", 1
RESULT, INPUTS = "result.json", "inputs.json"


def input_digest(folder: Path) -> str:
    """What identifies an input of a run: its content, or for features what they were made from.

    Un-pooled maps may join pooled features later, which leaves these as they were.
    """
    record = read_json(folder / PROVENANCE)
    return digest_of(record["inputs"]) if record.get("kind") == FEATURES else artefact_digest(folder)


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
    ``folds/`` with the scores of pseudo-unseen folds, ``inputs.json`` with the digests of what it was made from, and,
    written last, ``provenance.json`` and ``result.json``. What is read of a finished run is compared with its record
    first; the first runs have none.

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
        return (self.path / RESULT).is_file()

    def result(self) -> RunResult:
        """The stored result.

        Raises:
            ArtefactError: the run is not finished, this is no run folder, or a file is not what was written.
        """
        self._check()
        return RunResult.read(self.path / RESULT)

    def store_result(self, result: RunResult) -> None:
        """Store the result, after the record of the other files; from then on the run is finished."""
        content = json_text(result.to_dict()).encode()
        inputs = self.inputs()
        write_provenance(self.path, KIND, version=SCHEMA, inputs=inputs, last={RESULT: content})
        write_atomic(self.path / RESULT, content)

    def inputs(self) -> dict[str, str]:
        """What the run was made from: places in the workspace and their content digests; the first runs do not say."""
        return read_json(self.path / INPUTS) if (self.path / INPUTS).is_file() else {}

    def replaced_inputs(self) -> tuple[str, ...]:
        """Places in the workspace that hold something else now than what the run was made from.

        What is no longer in the workspace can't be compared.
        """
        there = {place: digest for place, digest in self.inputs().items() if exists(self.workspace.root / place)}
        return tuple(p for p, digest in there.items() if input_digest(self.workspace.root / p) != digest)

    def require_current(self) -> None:
        """Refuse a run whose inputs were replaced.

        Raises:
            ArtefactError: the run is stale.
        """
        if replaced := self.replaced_inputs():
            problem = f"this run is stale: what it was made from was replaced since, {', '.join(replaced[:3])}"
            remedy = "Move the folder away to run it with what is there now."
            raise ArtefactError(problem, where=self.path, remedy=remedy)

    def require_scores_for_zsl(self) -> None:
        """Refuse a run whose scores are not those of its ZSL numbers.

        Raises:
            ConfigError: the run had a separate model for ZSL, whose scores are not stored.
        """
        config = self.config().resolve().method.config_type.from_record(self.result().method_config)
        if config.zsl_config() is not None:
            raise ConfigError(
                "this run had a separate model for ZSL (text.tau_zsl), whose scores are not stored",
                where=self.path,
                remedy="Read its result.json, or train it without text.tau_zsl.",
            )

    def _check(self) -> None:
        """Compare a finished run's files with its record."""
        if self.finished and (self.path / PROVENANCE).is_file():
            read_provenance(self.path, KIND, version=SCHEMA)

    def config(self) -> RunConfig:
        """The run's configuration; its names are not resolved.

        Raises:
            ArtefactError: this is no run folder.
        """
        return RunConfig.from_record(self._record()["run"])

    def split(self) -> ClassSplit:
        """The run's class split; a seen class without training samples is excluded, as it was in the run."""
        config = self.config()
        split = load_split(config.dataset, config.split)
        used = self.result().seen if self.finished else ()
        lacking = tuple(c for c in split.seen if used and c not in used)
        return replace(split, excluded=split.excluded + lacking)

    def begin(self, plan: RunPlan, environment: dict[str, Any], inputs: dict[str, str]) -> None:
        """Create the folder, with the run's configuration, environment and inputs.

        The remains of an interrupted run that was made from other inputs are removed.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        if self.inputs() not in ({}, inputs):
            log.info("the inputs of this run were replaced since it was interrupted, it starts again: %s", self.path)
            for pattern in ("checkpoint-*.safetensors", "probe-*.safetensors", "metrics.jsonl"):
                for leftover in self.path.glob(pattern):
                    leftover.unlink()
        write_json(self.path / INPUTS, inputs)
        record = {"run": plan.config.to_dict(), "digest": plan.config.digest(), "resolved": plan.resolved()}
        write_json(self.path / "config.json", record)
        write_json(self.path / "env.json", environment)
        if (facts := self.workspace.skeletons_folder(plan.config.dataset) / FACTS).is_file():
            # A run on data of one's own goes to a colleague without the data; what its names mean goes with it.
            write_atomic(self.path / FACTS, facts.read_bytes())
            write_split(self.path / SPLIT, plan.split)

    def content(self) -> dict[str, Any]:
        """Everything that determines the run except its seed.

        Unlike the run's digest, it needs no file outside the run folder, so it works for imported runs too.
        """
        config = self.config()
        record = self._record()
        resolved = record["resolved"] if "resolved" in record else self._resolved(config)
        features = self.result().features_digest if config.features_from else ""
        content = content_of(config, resolved, features)
        # Runs from before there were several folds are not repetitions of later ones.
        content["folds"] = record["run"].get("folds", 0)
        return content | {"seed": 0}

    def _resolved(self, config: RunConfig) -> dict[str, Any]:
        """What the names of one of the first runs resolve to, which did not store it.

        A preset may have other values by now; the result tells those of the run, unless a grid was searched.
        """
        plan = config.resolve()
        resolved = plan.resolved()
        if len(plan.method_config.grid()) == 1:
            used = plan.method.config_type.from_record(self.result().method_config)
            resolved["method_config"] = used.identity()
        return resolved

    def _record(self) -> dict[str, Any]:
        if not (self.path / "config.json").is_file():
            raise ArtefactError("not a run folder: config.json is missing", where=self.path)
        self._check()
        return read_json(self.path / "config.json")

    def scores(self) -> Scores:
        """Scores of all test samples."""
        self._check()
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
        self._check()
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
        self._check()
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
        from zsar_kit.experiments.pipeline.primitives import is_level_set, levels_digest

        config = self.config()
        texts, changed = load_texts(config.dataset, config.edition), []
        for name, folder in self.result().semantics_folders.items():
            if (self.workspace.root / folder / "meta.json").is_file():
                then = read_json(self.workspace.root / folder / "meta.json")
                if is_level_set(name):
                    if (
                        levels_digest(config.dataset, name, self.result().unseen, config.edition)
                        != then["language"]["weights"]
                    ):
                        changed.append(name)
                elif [list(texts.sentences(name, c)) for c in then["class_ids"]] != then["texts"]:
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

    def method(self, *, trained: bool = True) -> Method:
        """The trained method, ready to score; no training data are needed.

        Args:
            trained: False gives it as it was before training: the initial weights of the run's seed. What was observed
                instead of trained, such as the scale of the features, is kept.

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
        config = method_type.config_type.from_record(result.method_config)
        contexts = ContextBank.read(self.workspace.root / result.contexts_folder) if result.contexts_folder else None
        task = Task(result.feature_shape, result.seen, self.semantics(), contexts)
        method = method_type(config, task, torch_generator(result.seed, "initialisation"))
        tensors, _ = load_tensors(self.path / "model.safetensors")
        if not trained:
            tensors |= dict(method.named_parameters())
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
            if not exists(self.workspace.root / folder):
                raise ArtefactError("a part of the run is missing", where=self.workspace.root / folder)
        return found
