"""Gates against their equations, and the choice of gamma against a grid."""

from __future__ import annotations

import json

import numpy as np
import pytest

from zsar_kit.errors import ConfigError, DataError
from zsar_kit.evaluation import metrics
from zsar_kit.evaluation.calibration import (
    CalibratedStacking,
    LogisticGate,
    RatioGate,
    calibration_curve,
    fit_gamma,
    make_gate,
    restore_gate,
)
from zsar_kit.evaluation.scores import Scores


def mask_of(problem):
    return np.isin(problem.scores.classes, problem.split.seen)


def fold_of(problem):
    return problem.scores, problem.labels, problem.split


def harmonic_at(gate, problem):
    predicted = gate.predict(problem.scores, mask_of(problem))
    is_seen = np.isin(problem.labels, problem.split.seen)
    s, u = (metrics.micro_accuracy(predicted[m], problem.labels[m]) for m in (is_seen, ~is_seen))
    return metrics.harmonic_mean(s, u)


@pytest.mark.parametrize("gamma", [-0.7, 0.0, 0.4, 1.3])
def test_stacking_subtracts_gamma_from_seen_scores(problem, gamma):
    penalised = problem.scores.fused() - gamma * mask_of(problem)
    expected = np.asarray(problem.scores.classes)[penalised.argmax(axis=1)]
    assert np.array_equal(CalibratedStacking(gamma).predict(problem.scores, mask_of(problem)), expected)


@pytest.mark.parametrize("gamma", [0.3, 0.8, 1.0, 2.5])
def test_ratio_gate_is_equation_15_and_its_limit(problem, gamma):
    errors, mask = problem.scores.errors["velocity"], mask_of(problem)
    expected = []
    for row in errors:
        ratio = row[mask].min() / row[~mask].min()
        penalty = [1e3 * (is_seen != (ratio <= gamma)) for is_seen in mask]
        expected.append(problem.scores.classes[int(np.argmin(row + penalty))])
    assert np.array_equal(RatioGate(gamma, alpha=1e3).predict(problem.scores, mask), expected)
    assert np.array_equal(RatioGate(gamma).predict(problem.scores, mask), expected)


def test_ratio_gate_without_penalty_is_the_smallest_error(problem):
    errors = problem.scores.errors["velocity"]
    expected = np.asarray(problem.scores.classes)[errors.argmin(axis=1)]
    for gamma in (0.1, 10.0):
        gate = RatioGate(gamma, alpha=0.0)
        assert np.array_equal(gate.predict(problem.scores, mask_of(problem)), expected)


def test_ratio_gate_ignores_the_unit_of_the_errors(problem):
    scaled = Scores(
        problem.scores.heads,
        problem.scores.classes,
        problem.scores.samples,
        {"velocity": 1000 * problem.scores.errors["velocity"]},
    )
    gate, mask = RatioGate(0.7), mask_of(problem)
    assert np.array_equal(gate.predict(scaled, mask), gate.predict(problem.scores, mask))


@pytest.mark.parametrize("kind", ["stacking", "ratio", "logistic"])
def test_the_curve_of_a_gate_is_what_the_gate_predicts(kind, build_problem):
    problem = build_problem(samples=45)
    gate = LogisticGate.fit([fold_of(problem)]) if kind == "logistic" else make_gate(kind, 0.0)
    curve = calibration_curve(gate, problem.scores, problem.labels, problem.split.seen)
    for gamma, s, u in zip(*curve, strict=True):
        assert harmonic_at(gate.with_gamma(gamma), problem) == pytest.approx(metrics.harmonic_mean(s, u))


@pytest.mark.parametrize("kind", ["stacking", "ratio"])
def test_fitted_gamma_is_the_best_of_a_dense_grid(kind, build_problem):
    folds = [build_problem(seed=s, samples=40) for s in range(3)]
    fit = fit_gamma(kind, [fold_of(p) for p in folds])

    def mean_h(gamma):
        return np.mean([harmonic_at(make_gate(kind, gamma), p) for p in folds])

    assert mean_h(fit.gamma) == pytest.approx(fit.best)
    grid = np.linspace(fit.gammas.min(), fit.gammas.max(), 400)
    assert max(mean_h(g) for g in grid) <= fit.best + 1e-12
    for gamma, h in list(zip(fit.gammas, fit.harmonic, strict=True))[::7]:
        assert mean_h(gamma) == pytest.approx(h)


def test_gamma_is_the_middle_of_the_plateau():
    values = np.array([[5.0, 0.0, 1.0], [5.0, 0.0, 1.0], [3.0, 2.0, 0.0], [3.0, 2.0, 0.0]])
    scores = Scores({"h": values}, (0, 1, 2), tuple("abcd"))
    fit = fit_gamma("stacking", [(scores, np.array([0, 0, 1, 1]), (0,))])
    assert fit.best == 1
    assert fit.gamma == pytest.approx((1 + 4) / 2)


def test_gamma_does_not_care_how_samples_are_ordered(problem):
    order = np.random.default_rng(1).permutation(len(problem.scores))
    shuffled = (problem.scores.select(order), problem.labels[order], problem.split.seen)
    assert fit_gamma("stacking", [shuffled]).gamma == fit_gamma("stacking", [fold_of(problem)]).gamma


def test_logistic_gate_separates_domains_that_its_features_tell_apart():
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2, 3], 25)
    values = generator.normal(scale=0.3, size=(100, 4)) + 4 * np.eye(4)[labels]
    scores = Scores({"h": values}, (0, 1, 2, 3), tuple(map(str, range(100))))
    gate = fit_gamma("logistic", [(scores, labels, (0, 1))]).gate
    assert isinstance(gate, LogisticGate)
    assert 0 < gate.gamma < 1
    assert metrics.micro_accuracy(gate.predict(scores, np.array([True, True, False, False])), labels) == 1


def test_every_gate_describes_itself_in_json(problem):
    for kind in ("stacking", "ratio", "logistic"):
        record = fit_gamma(kind, [fold_of(problem)]).gate.describe()
        assert json.loads(json.dumps(record))["kind"] == kind


def test_ratio_gate_needs_positive_errors(problem):
    bare = problem.scores.single_head("head_0")
    with pytest.raises(DataError, match=r"ratio gate divides positive errors.*calibrated stacking"):
        RatioGate(0.5).predict(bare, mask_of(problem))
    with pytest.raises(DataError, match=r"no errors named 'velocty'.*'velocity'"):
        RatioGate(0.5, head="velocty").predict(problem.scores, mask_of(problem))


def test_bad_input_is_refused(problem):
    with pytest.raises(DataError, match="got 7 seen of 7"):
        CalibratedStacking().predict(problem.scores, np.ones(7, bool))
    with pytest.raises(DataError, match="boolean mask over the 7 classes"):
        CalibratedStacking().predict(problem.scores, np.ones(5, bool))
    with pytest.raises(DataError, match="at least one pseudo-unseen fold"):
        fit_gamma("stacking", [])
    with pytest.raises(DataError, match="label 99, which has no column"):
        fit_gamma("stacking", [(problem.scores, np.full(60, 99), problem.split)])
    with pytest.raises(ConfigError, match=r"unknown gate 'stackin'.*'stacking'"):
        fit_gamma("stackin", [fold_of(problem)])
    with pytest.raises(DataError, match="5 largest probabilities"):
        LogisticGate((1.0,) * 10, 0.0).predict(problem.scores, mask_of(problem))


@pytest.mark.parametrize("kind", ["stacking", "ratio", "logistic"])
def test_a_gate_comes_back_from_its_record(build_problem, kind):
    problem = build_problem(seed=3)
    options = {"top": 2} if kind == "logistic" else {}
    gate = fit_gamma(kind, [(problem.scores, problem.labels, problem.split.seen)], **options).gate
    again = restore_gate(json.loads(json.dumps(gate.describe())))
    mask = np.isin(problem.scores.classes, problem.split.seen)
    assert again == gate
    assert np.array_equal(again.predict(problem.scores, mask), gate.predict(problem.scores, mask))
