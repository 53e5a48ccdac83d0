"""Selection: which candidate gives the result, and with which gamma."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from zsar_kit.evaluation.calibration import Gate, fit_gamma, make_gate
from zsar_kit.evaluation.protocol import Evaluation, evaluate
from zsar_kit.evaluation.scores import Scores
from zsar_kit.experiments.runs.fits import Fits
from zsar_kit.experiments.runs.inputs import FoldData
from zsar_kit.experiments.runs.result import Candidate, SelectionResult
from zsar_kit.methods.base import GateChoice, Method, MethodConfig

#: encoder mark of a fold to the caveat that it adds to a selection or calibration
CAVEATS = {"leak": "encoder has seen them", "unknown": "encoder may have seen them"}


@dataclass(frozen=True)
class Outcome:
    """The outcome of one way of selecting.

    Attributes:
        candidate: the chosen candidate.
        method: the fitted method; as it is at the end of its fit, even if an earlier step was chosen.
        scores: scores of the test samples.
        fold_scores: scores of the folds' test samples.
        evaluation: calibrated evaluation of the scores.
        calibration: how gamma was chosen.
        seconds: duration of the fits on the main partition.
    """

    candidate: Candidate
    method: Method
    scores: Scores
    fold_scores: list[Scores]
    evaluation: Evaluation
    calibration: str
    seconds: float

    def summary(self) -> SelectionResult:
        """The record in ``result.json``."""
        gamma = self.evaluation.calibration["gamma"]
        return SelectionResult(self.candidate, gamma, self.calibration, self.evaluation)

    def with_zsl(self, other: Outcome) -> Outcome:
        """The same outcome, with the ZSL numbers of another one whose model was fitted for ZSL."""
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
    """Fit the folds and the main partition, and select by ``last``, ``pseudo_unseen`` and, if traced, ``test_oracle``.

    ``last`` needs a grid with a single config; ``pseudo_unseen`` needs more than one candidate.
    """
    traced = fits.plan.config.trace > 0
    of_folds = [fits.candidates(configs, data, f"fold{k}")[0] for k, data in enumerate(folds)]
    # Steps are candidates only if there is one config: a method is kept as it is at the end of its fit.
    shared = [c for c in of_folds[0] if all(c in scores for scores in of_folds)]
    candidates = [c for c in shared if c.point is None or len(configs) == 1]
    accuracy = [
        float(np.mean([data.accuracy(s[c]) for s, data in zip(of_folds, folds, strict=True)])) for c in candidates
    ]
    best = candidates[int(np.argmax(accuracy))]  # ties go to the first; a fit's end comes before its steps
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
        gate_choice, fold_scores = configs[candidate.config].gate(), [scores[candidate] for scores in of_folds]
        scores = found[candidate]
        if name == "test_oracle":
            gate = fit_gamma(gate_choice.kind, [(scores, main.test_labels, main.partition.split.seen)]).gate
            calibration = "test_oracle"
        else:
            gate, calibration = fitted_gate(gate_choice, fold_scores, folds)
        evaluation = evaluate(
            scores,
            main.test_labels,
            main.test_subjects,
            main.partition.split,
            calibration=gate,
            seed=fits.plan.config.seed,
        )
        method = methods[candidate.config]
        outcomes[name] = Outcome(candidate, method, scores, fold_scores, evaluation, calibration, seconds)
    return outcomes


def fitted_gate(choice: GateChoice, fold_scores: Sequence[Scores], folds: Sequence[FoldData]) -> tuple[Gate, str]:
    """The gate, with the config's own gamma if it has one or else fitted on the folds, and how gamma was chosen."""
    if choice.gamma is not None:
        return make_gate(choice.kind, choice.gamma), "by_hand"
    parts = [(s, data.test_labels, data.partition.split.seen) for s, data in zip(fold_scores, folds, strict=True)]
    return fit_gamma(choice.kind, parts).gate, with_caveat("pseudo_unseen", (d.encoder_mark for d in folds))


def with_caveat(name: str, fold_marks: Iterable[str]) -> str:
    """A selection's name; ``pseudo_unseen`` with a caveat if the folds' encoder has or may have seen them."""
    marks = set(fold_marks)
    caveats = [caveat for mark, caveat in CAVEATS.items() if mark in marks]
    return f"{name}, {caveats[0]}" if name == "pseudo_unseen" and caveats else name
