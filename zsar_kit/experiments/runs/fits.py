"""Fits of one run: a method on the main split and on its folds, with the scores of every candidate for selection."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from zsar_kit.data.feature_set import FeatureSet, check_training_labels
from zsar_kit.evaluation.scores import Scores
from zsar_kit.experiments.pipeline.partitions import Fold
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.methods.base import MapRows, Method, MethodConfig, Task, TrainingSet, sample_features
from zsar_kit.seeding import numpy_generator
from zsar_kit.semantics.context_bank import ContextBank
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.training.loop import fit

SCORE_BATCH = 256


@dataclass(frozen=True)
class Candidate:
    """What selection chooses among.

    Attributes:
        config: position in the method's grid.
        point: of the trace through the last phase, from 1 on; ``None`` is its end. A point is a share of the phase and
            not a step: a fold with fewer samples may have fewer steps.
    """

    config: int
    point: int | None = None


@dataclass(frozen=True)
class FoldData:
    """A fold with its features.

    Attributes:
        fold: what is learnt from and what is scored.
        features: of all samples, by the fold's own encoder.
        encoder_mark: what that encoder has seen.
        encoder_folder: where it lies in the workspace.
        views: the same with un-pooled maps, one for each view, for methods that learn from these.
        contexts: encoded context prompts of the fold's seen classes, for methods that read them.
    """

    fold: Fold
    features: FeatureSet
    encoder_mark: str
    encoder_folder: str = ""
    views: tuple[FeatureSet, ...] = ()
    contexts: ContextBank | None = None

    def training_set(
        self, semantics: dict[str, Semantics], *, low_shot: float = 1.0, low_shot_seed: int = 0
    ) -> TrainingSet:
        """What a method may learn from; every label passes the leak guard."""
        rows = np.flatnonzero(self.fold.train)
        if low_shot < 1:
            rows = rows[few_shots(self.features.labels[rows], low_shot, low_shot_seed)]
        labels = self.features.labels[rows]
        check_training_labels(labels, self.fold.split)
        features = self._inputs(rows, self.views)
        shape = tuple(int(n) for n in features.shape[1:])
        return TrainingSet(features, labels, Task(shape, self.fold.split.seen, semantics, self.contexts))

    def _inputs(self, rows: np.ndarray, views: tuple[FeatureSet, ...]) -> np.ndarray | MapRows:
        """Pooled features of some samples, or their maps."""
        return MapRows(tuple(v.maps() for v in views), rows) if views else self.features.pooled[rows]

    def scores(self, method: Method) -> Scores:
        """Scores of the fold's test samples over its candidate classes."""
        rows = np.flatnonzero(self.fold.test)
        return score(method, self.inputs(rows), self.features.samples[rows], self.fold.split.candidates)

    def inputs(self, rows: np.ndarray) -> np.ndarray | MapRows:
        """What a method is asked about: features of some samples as at test time."""
        return self._inputs(rows, self.views[:1])

    @property
    def test_labels(self) -> np.ndarray:
        """Labels of the fold's test samples."""
        return self.features.labels[self.fold.test]

    def accuracy(self, scores: Scores) -> float:
        """ZSL accuracy: test samples of (pseudo-)unseen classes among these classes, percent."""
        unseen = self.fold.split.unseen
        rows = np.isin(self.test_labels, unseen)
        predicted = np.array(unseen)[scores.restrict(unseen).select(rows).fused().argmax(1)]
        return 100.0 * float((predicted == self.test_labels[rows]).mean())


def few_shots(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Positions of ``max(1, int(share * n))`` samples of each class, drawn once for a seed (Flora, Table 1)."""
    chosen = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        order = numpy_generator(seed, "low-shot", int(label)).permutation(members)
        chosen.append(order[: max(1, int(share * len(members)))])
    return np.sort(np.concatenate(chosen))


@torch.inference_mode()
def score(
    method: Method, features: np.ndarray | MapRows, samples: Sequence[str] | np.ndarray, classes: tuple[int, ...]
) -> Scores:
    """Ask a method for the scores of some samples, in batches."""
    heads: dict[str, list[np.ndarray]] = {}
    errors: dict[str, list[np.ndarray]] = {}
    for batch in in_batches(method, features):
        output = method.class_scores(batch, classes)
        for store, values in ((heads, output.heads), (errors, output.errors)):
            for name, value in values.items():
                store.setdefault(name, []).append(value.float().cpu().numpy())
    return Scores(
        heads={k: np.concatenate(v) for k, v in heads.items()},
        classes=classes,
        samples=tuple(str(name) for name in samples),
        errors={k: np.concatenate(v) for k, v in errors.items()},
    )


def in_batches(method: Method, features: np.ndarray | MapRows) -> Iterator[torch.Tensor]:
    """Features of some samples, some at a time, on the method's device."""
    device = next((t.device for t in (*method.parameters(), *method.buffers())), torch.device("cpu"))
    for start in range(0, len(features), SCORE_BATCH):
        positions = np.arange(start, min(start + SCORE_BATCH, len(features)))
        yield torch.from_numpy(np.array(sample_features(features, positions))).to(device)


@dataclass(frozen=True)
class Fits:
    """Fits of one run, each with its own checkpoint and its part of the log.

    Attributes:
        config: the run's.
        workspace: where it works.
        folder: the run's folder.
        method_type: what is fitted.
        semantics: text sets by name.
        prefix: of the fits' names.
    """

    config: RunConfig
    workspace: Workspace
    folder: Path
    method_type: type[Method]
    semantics: dict[str, Semantics]
    prefix: str = ""

    def named(self, prefix: str) -> Fits:
        """The same for another setting, whose files bear a prefix."""
        return replace(self, prefix=prefix)

    def candidates(
        self, configs: Sequence[MethodConfig], data: FoldData, name: str, chosen: int | None = None
    ) -> tuple[dict[Candidate, Scores], dict[int, Method]]:
        """Fit each config (or the chosen one) and score the fold's test samples at its end and, traced, on the way.

        Returns:
            The scores, the end of a fit before the points on its way; and the fitted methods by position.
        """
        found: dict[Candidate, Scores] = {}
        methods: dict[int, Method] = {}
        for number, config in enumerate(configs):
            if chosen is not None and number != chosen:
                continue
            label = f"{self.prefix}{name}-{number}"
            methods[number] = self._fit(config, data, label)
            found[Candidate(number)] = data.scores(methods[number])
            points = sorted(int(path.stem.rpartition("-")[2]) for path in self.folder.glob(f"probe-{label}-*"))
            for point in reversed(points):
                found[Candidate(number, point)] = Scores.load(self._probe_file(label, point))
        return found, methods

    def _fit(self, config: MethodConfig, data: FoldData, label: str) -> Method:
        """Train the method on a fold's training samples."""
        training = data.training_set(
            self.semantics, low_shot=self.config.low_shot, low_shot_seed=self.config.folds_seed
        )
        return fit(
            self.method_type,
            config,
            training,
            seed=self.config.seed,
            device=self.workspace.device,
            checkpoint=self.folder / f"checkpoint-{label}.safetensors",
            on_step=self._logger(label),
            probe=lambda method, step: data.scores(method).save(self._probe_file(label, self._point(method, step))),
            trace=self.config.trace,
            progress=self.workspace.progress,
        )

    def _point(self, method: Method, step: int) -> int:
        return round(self.config.trace * step / method.phases()[-1].steps)

    def _probe_file(self, label: str, point: int) -> Path:
        return self.folder / f"probe-{label}-{point}.safetensors"

    def clean(self) -> None:
        """Remove what only an unfinished run needs."""
        for pattern in ("checkpoint-*.safetensors", "probe-*.safetensors"):
            for leftover in self.folder.glob(pattern):
                leftover.unlink()

    def _logger(self, name: str) -> Callable[[str, int, dict[str, float]], None]:
        path = self.folder / "metrics.jsonl"

        def log(phase: str, step: int, losses: dict[str, float]) -> None:
            with path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps({"fit": name, "phase": phase, "step": step, **losses}) + "\n")

        return log
