"""Fits of one run: its method on the main partition and on the folds, with the scores of every candidate."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from zsar_kit.evaluation.scores import Scores
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunPlan
from zsar_kit.experiments.runs.inputs import FoldData
from zsar_kit.experiments.runs.result import Candidate
from zsar_kit.faults import naming
from zsar_kit.methods.base import Method, MethodConfig
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.training.loop import fit


@dataclass(frozen=True)
class Fits:
    """Fits of one run, each with its own checkpoint and its part of the log.

    Attributes:
        plan: the run's plan.
        workspace: the run's workspace.
        folder: the run folder.
        semantics: text sets by name.
        prefix: prefix of the fits' names.
    """

    plan: RunPlan
    workspace: Workspace
    folder: Path
    semantics: dict[str, Semantics]
    prefix: str = ""

    def with_prefix(self, prefix: str) -> Fits:
        """The same run's fits for another setting, with a prefix in their file names."""
        return replace(self, prefix=prefix)

    def candidates(
        self, configs: Mapping[int, MethodConfig], sets: Sequence[FoldData], name: str
    ) -> tuple[list[dict[Candidate, Scores]], dict[int, Method]]:
        """Fit each config and score the test samples at the end and, if traced, on the way.

        Args:
            configs: by position in the grid.
            sets: one partition, or folds with the same training samples: they share each fit.
            name: of the fits.

        Returns:
            For each set, scores by candidate, the end of each fit before its traced points; and fitted methods by
            position.
        """
        found: list[dict[Candidate, Scores]] = [{} for _ in sets]
        methods: dict[int, Method] = {}
        for number, config in configs.items():
            label = f"{self.prefix}{name}-{number}"
            methods[number] = self._fit(config, sets, label)
            for k, data in enumerate(sets):
                found[k][Candidate(number)] = data.scores(methods[number])
                files = self.folder.glob(f"probe-{label}-{k}-*")
                for point in sorted((int(path.stem.rpartition("-")[2]) for path in files), reverse=True):
                    found[k][Candidate(number, point)] = Scores.load(self._probe_file(label, k, point))
        return found, methods

    def on_folds(self, configs: Mapping[int, MethodConfig], folds: Sequence[FoldData]) -> list[dict[Candidate, Scores]]:
        """Scores of each fold by candidate; the folds of one encoder have the same training samples and share fits."""
        found: list[dict[Candidate, Scores]] = [{} for _ in folds]
        for group in dict.fromkeys(data.group for data in folds):
            places = [k for k, data in enumerate(folds) if data.group == group]
            scores, _ = self.candidates(configs, [folds[k] for k in places], f"folds{group}")
            for k, one in zip(places, scores, strict=True):
                found[k] = one
        return found

    def _fit(self, config: MethodConfig, sets: Sequence[FoldData], label: str) -> Method:
        """Train the method on the training samples that the sets share."""
        run = self.plan.config

        def probe(method: Method, step: int) -> None:
            for k, data in enumerate(sets):
                data.scores(method).save(self._probe_file(label, k, self._point(method, step)))

        return fit(
            self.plan.method,
            config,
            sets[0].training_set(self.semantics, run),
            seed=run.seed,
            device=self.workspace.torch_device,
            precision=run.precision,
            checkpoint=self.folder / f"checkpoint-{label}.safetensors",
            on_step=self._logger(label),
            probe=probe,
            trace=run.trace,
            progress=self.workspace.progress,
        )

    def _point(self, method: Method, step: int) -> int:
        return round(self.plan.config.trace * step / method.phases()[-1].steps)

    def _probe_file(self, label: str, k: int, point: int) -> Path:
        return self.folder / f"probe-{label}-{k}-{point}.safetensors"

    def clean(self) -> None:
        """Remove files that only an unfinished run needs."""
        for pattern in ("checkpoint-*.safetensors", "probe-*.safetensors"):
            for leftover in self.folder.glob(pattern):
                leftover.unlink()

    def _logger(self, name: str) -> Callable[[str, int, dict[str, float]], None]:
        path = self.folder / "metrics.jsonl"

        def log(phase: str, step: int, losses: dict[str, float]) -> None:
            line = (json.dumps({"fit": name, "phase": phase, "step": step, **losses}) + "\n").encode()
            with naming(path), path.open("ab", buffering=0) as stream:
                end = path.stat().st_size
                try:
                    if stream.write(line) < len(line):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                except OSError:
                    stream.truncate(end)  # half a line could not be read again
                    raise

        return log
