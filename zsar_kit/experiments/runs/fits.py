"""Fits of one run: its method on the main partition and on each fold, with the scores of every candidate."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Sequence
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
        self, configs: Sequence[MethodConfig], data: FoldData, name: str, chosen: int | None = None
    ) -> tuple[dict[Candidate, Scores], dict[int, Method]]:
        """Fit each config (or only the chosen one) and score the test samples at the end and, if traced, on the way.

        Returns:
            Scores by candidate, the end of each fit before its traced points; and fitted methods by position.
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
        """Train the method on a partition's training samples."""
        run = self.plan.config
        return fit(
            self.plan.method,
            config,
            data.training_set(self.semantics, low_shot=run.low_shot, low_shot_seed=run.folds_seed),
            seed=run.seed,
            device=self.workspace.torch_device,
            checkpoint=self.folder / f"checkpoint-{label}.safetensors",
            on_step=self._logger(label),
            probe=lambda method, step: data.scores(method).save(self._probe_file(label, self._point(method, step))),
            trace=run.trace,
            progress=self.workspace.progress,
        )

    def _point(self, method: Method, step: int) -> int:
        return round(self.plan.config.trace * step / method.phases()[-1].steps)

    def _probe_file(self, label: str, point: int) -> Path:
        return self.folder / f"probe-{label}-{point}.safetensors"

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
