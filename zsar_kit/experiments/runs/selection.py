"""Selection: which candidate gives the result, and with which gamma."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zsar_kit.evaluation.calibration import Gate, fit_gamma, make_gate
from zsar_kit.evaluation.protocol import Evaluation, evaluate
from zsar_kit.evaluation.scores import Scores
from zsar_kit.experiments.runs.fits import Fits
from zsar_kit.experiments.runs.grid import choice_records, choose_candidate, end_note, grid_extension
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
        config: its configuration.
        method: the fitted method; as it is at the end of its fit, even if an earlier step was chosen.
        scores: scores of the test samples.
        fold_scores: scores of the folds' test samples.
        evaluation: calibrated evaluation of the scores.
        calibration: how gamma was chosen.
        seconds: duration of the fits on the main partition.
        zsl_config: configuration of the model behind the ZSL numbers, where that is another one.
    """

    candidate: Candidate
    config: MethodConfig
    method: Method
    scores: Scores
    fold_scores: list[Scores]
    evaluation: Evaluation
    calibration: str
    seconds: float
    zsl_config: MethodConfig | None = None

    @property
    def text_use(self) -> str:
        """``"inductive"`` if no model behind these numbers was trained with texts of unseen classes."""
        uses = [config.text_use() for config in (self.config, self.zsl_config) if config is not None]
        return next((use for use in uses if use != "inductive"), "inductive")

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
        return replace(self, evaluation=evaluation, zsl_config=other.config)


@dataclass(frozen=True)
class Selection:
    """What the folds chose.

    Attributes:
        outcomes: the outcome of each way of selecting, by name.
        choices: what was chosen among, see :func:`~zsar_kit.experiments.runs.grid.choice_records`; empty if there was
            no choice.
        note: said where the best candidate is an end of its grid.
    """

    outcomes: dict[str, Outcome]
    choices: tuple[dict[str, Any], ...]
    note: str

    def with_zsl(self, other: Selection) -> Selection:
        """The same, with the ZSL numbers of models that were fitted for ZSL."""
        outcomes = {name: outcome.with_zsl(other.outcomes[name]) for name, outcome in self.outcomes.items()}
        return replace(self, outcomes=outcomes)


def choose(fits: Fits, grid: Sequence[MethodConfig], main: FoldData, folds: Sequence[FoldData]) -> Selection:
    """Fit the folds and the main partition, and select by ``last``, ``pseudo_unseen`` and, if traced, ``test_oracle``.

    ``last`` needs a grid with a single config; ``pseudo_unseen`` needs more than one candidate: the mean over the folds
    decides (:mod:`zsar_kit.experiments.runs.grid`), and the grid is extended while its best is an end.
    """
    traced = fits.plan.config.trace > 0
    configs, of_folds, accuracy = _fitted_folds(fits, list(grid), folds)
    best = choose_candidate(configs, accuracy)
    wanted = dict(enumerate(configs)) if traced else {best.config: configs[best.config]}
    started = time.perf_counter()
    (found,), methods = fits.candidates(wanted, [main], "main")
    seconds = time.perf_counter() - started
    picked = {"last": Candidate(0)} if len(configs) == 1 else {}
    if len(accuracy) > 1:
        picked["pseudo_unseen"] = best
    if traced:
        shared = [c for c in found if all(c in scores for scores in of_folds)]
        picked["test_oracle"] = max(shared, key=lambda c: main.accuracy(found[c]))
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
        config, method = configs[candidate.config], methods[candidate.config]
        outcomes[name] = Outcome(candidate, config, method, scores, fold_scores, evaluation, calibration, seconds)
    several = len(accuracy) > 1
    choices = choice_records(configs, accuracy) if several else ()
    return Selection(outcomes, choices, end_note(configs, accuracy) if several else "")


def _fitted_folds(
    fits: Fits, configs: list[MethodConfig], folds: Sequence[FoldData]
) -> tuple[list[MethodConfig], list[dict[Candidate, Scores]], dict[Candidate, np.ndarray]]:
    """The grid, extended while its best is an end; the scores of each fold by candidate; and ZSL on each fold."""
    of_folds: list[dict[Candidate, Scores]] = [{} for _ in folds]
    new = dict(enumerate(configs))
    while True:
        for mine, more in zip(of_folds, fits.on_folds(new, folds), strict=True):
            mine |= more
        shared = [c for c in of_folds[0] if all(c in scores for scores in of_folds)]
        # Steps are candidates only if there is one config: a method is kept as it is at the end of its fit.
        candidates = [c for c in shared if c.point is None or len(configs) == 1]
        accuracy = {
            c: np.array([data.accuracy(s[c]) for s, data in zip(of_folds, folds, strict=True)]) for c in candidates
        }
        if not (extension := grid_extension(configs, accuracy)):
            return configs, of_folds, accuracy
        new = dict(enumerate(extension, start=len(configs)))
        configs = [*configs, *extension]


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
