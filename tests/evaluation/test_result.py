"""What was measured reads its own record, and nothing else."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from zsar_kit.errors import ArtefactError
from zsar_kit.evaluation.calibration import CalibratedStacking, RatioGate, fit_gamma
from zsar_kit.evaluation.protocol import evaluate
from zsar_kit.evaluation.result import Accuracies, Evaluation


def measured(problem, gate=None):
    return evaluate(problem.scores, problem.labels, problem.subjects, problem.split, calibration=gate)


def record_of(problem, gate=None):
    return json.loads(json.dumps(measured(problem, gate).to_dict()))


@pytest.mark.parametrize("kind", ["none", "stacking", "ratio", "logistic"])
def test_a_record_reads_back_to_an_equal_evaluation(kind, build_problem):
    problem = build_problem(heads=2)
    folds = [(problem.scores, problem.labels, problem.split)]
    gate = None if kind == "none" else fit_gamma(kind, folds).gate
    first = measured(problem, gate)
    again = Evaluation.from_dict(record_of(problem, gate))
    assert again == first
    assert json.dumps(again.to_dict()) == json.dumps(first.to_dict())
    assert {type(v) for v in again.per_class} == {int}
    assert type(again.zsl_interval) is tuple
    assert again.confusion.dtype == np.int64
    assert again != measured(problem, CalibratedStacking(9.0))
    assert Accuracies.from_dict(asdict(first.micro)) == first.micro


def test_missing_samples_and_intervals_stay_null(problem):
    kept = problem.labels != 2
    scores, labels = problem.scores.select(kept), problem.labels[kept]
    first = evaluate(scores, labels, np.zeros(len(labels)), problem.split)
    again = Evaluation.from_dict(json.loads(json.dumps(first.to_dict())))
    assert again == first
    assert again.zsl_interval is None
    assert again.per_class[2] is None


def test_records_from_before_the_twins_still_load(problem):
    record = record_of(problem)
    del record["seen_twin_merged"], record["harmonic_twin_merged"]
    assert Evaluation.from_dict(record) == measured(problem)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("chanse",), 1.0, r"unknown key 'chanse'.*result\.json.*Did you mean 'chance'"),
        (("unseen_classes",), [1], "unknown key 'unseen_classes'"),
        (("micro", "recall"), 1.0, r"unknown key 'recall' in a record of Accuracies \(in result\.json, micro\)"),
        (("micro", "zsl"), None, "'zsl' must be a number, got None"),
        (("macro",), 3.0, "'macro' must be a record"),
        (("chance",), "33", r"'chance' must be a number, got '33' \(str\)"),
        (("chance",), True, "'chance' must be a number"),
        (("dataset",), 3, "'dataset' must be a string"),
        (("n_subjects",), 6.0, "'n_subjects' must be an integer"),
        (("zsl_interval",), [1.0], "'zsl_interval' must be null or a lower and an upper end"),
        (("per_class", "walk"), 1.0, "'per_class' must be keyed by class ids, got 'walk'"),
        (("per_class", "2"), "x", r"'per_class\.2' must be a number"),
        (("confusion", "order"), [], "'confusion' must be a record of 'classes' and 'counts'"),
        (("confusion", "counts"), [[1, 2]], r"'confusion\.counts' must be 3 rows of 3 counts"),
        (("confusion", "counts"), [[0.5] * 3] * 3, r"'confusion\.counts' must be an integer"),
        (("confusion", "classes"), 3, r"'confusion\.classes' must be a list"),
        (("calibration", "kind"), "stakking", "'calibration' describes no gate: unknown gate 'stakking'"),
        (("calibration", "gama"), 1.0, "a ratio gate has no 'gama'"),
        (("calibration", "gamma"), "1", "'gamma' of a ratio gate cannot be '1'"),
        (("oracle_union",), "much", "'oracle_union' must be a number"),
    ],
)
def test_a_record_of_another_form_is_refused_with_the_key_and_the_place(problem, path, value, message):
    record = record_of(problem, RatioGate(0.7))
    *way, last = path
    node = record
    for key in way:
        node = node[key]
    node[last] = value
    with pytest.raises(ArtefactError, match=message) as caught:
        Evaluation.from_dict(record, where="result.json")
    assert "result.json" in str(caught.value)


@pytest.mark.parametrize("path", [("chance",), ("confusion",), ("micro", "harmonic"), ("calibration", "kind")])
def test_a_missing_key_is_named(problem, path):
    record = record_of(problem)
    *way, last = path
    node = record
    for key in way:
        node = node[key]
    del node[last]
    with pytest.raises(ArtefactError, match=f"'{last}' is missing|unknown gate None"):
        Evaluation.from_dict(record)


def test_a_logistic_gate_without_its_weights_is_no_gate(problem):
    record = record_of(problem)
    record["calibration"] = {"kind": "logistic", "gamma": 0.5, "bias": 0.0}
    with pytest.raises(ArtefactError, match="a logistic gate needs 'weights'"):
        Evaluation.from_dict(record)
