"""Selection: which candidate makes the result, and with which gamma."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zsar_kit.evaluation.calibration import Gate, fit_gamma, make_gate
from zsar_kit.evaluation.protocol import Evaluation, evaluate
from zsar_kit.evaluation.scores import Scores
from zsar_kit.experiments.pipeline.imported_features import with_caveat
from zsar_kit.experiments.runs.fits import Candidate, Fits, FoldData
from zsar_kit.methods.base import GateChoice, Method, MethodConfig


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


def choose(
    fits: Fits, configs: Sequence[MethodConfig], main: FoldData, folds: Sequence[FoldData]
) -> dict[str, Outcome]:
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
            kind = method_config.gate().kind
            gate = fit_gamma(kind, [(found[candidate], main.test_labels, main.fold.split.seen)]).gate
            calibration = "test_oracle"
        else:
            gate, calibration = fitted_gate(method_config.gate(), fold_scores, folds)
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
