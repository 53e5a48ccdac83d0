"""Metrics against closed forms and brute force."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score
from sklearn.metrics import confusion_matrix as sklearn_confusion

from zsar_kit.errors import DataError
from zsar_kit.evaluation import metrics
from zsar_kit.evaluation.scores import Scores


def brute_point(problem, gamma, macro=False):
    """S and U of argmax(score - gamma [seen]) by a loop; ties at the gate go to the seen class."""
    values, classes = problem.scores.fused(), problem.scores.classes
    hits = {}
    for row, label in zip(values, problem.labels, strict=True):
        best_seen = max(v for v, c in zip(row, classes, strict=True) if c in problem.split.seen)
        best_unseen = max(v for v, c in zip(row, classes, strict=True) if c in problem.split.unseen)
        pool = problem.split.unseen if best_seen - best_unseen < gamma else problem.split.seen
        best = best_unseen if pool is problem.split.unseen else best_seen
        winner = next(c for v, c in zip(row, classes, strict=True) if c in pool and v == best)
        hits.setdefault(label, []).append(winner == label)
    result = []
    for domain in (problem.split.seen, problem.split.unseen):
        groups = [hits[c] for c in domain if c in hits]
        result.append(np.mean([np.mean(g) for g in groups]) if macro else np.mean(np.concatenate(groups)))
    return tuple(result)


@pytest.mark.parametrize("macro", [False, True])
@pytest.mark.parametrize("decimals", [None, 0])
def test_the_curve_is_what_a_loop_finds_at_and_between_its_steps(macro, decimals, build_problem):
    problem = build_problem(samples=53, decimals=decimals)
    curve = metrics.seen_unseen_curve(problem.scores, problem.labels, problem.split.seen, macro=macro)
    for gamma, seen, unseen in zip(*curve, strict=True):
        assert brute_point(problem, gamma, macro) == pytest.approx((seen, unseen))
    middles = (curve.gammas[1:] + curve.gammas[:-1]) / 2
    for gamma, seen, unseen in zip(middles, curve.seen[1:], curve.unseen[1:], strict=True):
        assert brute_point(problem, gamma, macro) == pytest.approx((seen, unseen))


def test_the_curve_runs_from_always_seen_to_always_unseen(problem):
    curve = metrics.seen_unseen_curve(problem.scores, problem.labels, problem.split.seen)
    assert curve.unseen[0] == 0
    assert curve.seen[-1] == 0
    assert (np.diff(curve.gammas) > 0).all()
    assert (np.diff(curve.seen) <= 1e-15).all()
    assert (np.diff(curve.unseen) >= -1e-15).all()
    is_unseen = np.isin(problem.labels, problem.split.unseen)
    zsl = problem.scores.restrict(problem.split.unseen).select(is_unseen)
    assert curve.unseen[-1] == pytest.approx(metrics.micro_accuracy(metrics.top1(zsl), problem.labels[is_unseen]))


@pytest.mark.parametrize("seed", range(3))
def test_ausuc_is_the_area_of_a_fine_grid(seed, build_problem):
    problem = build_problem(seed=seed, samples=25)
    margins, _, _ = metrics.stacking_margin(problem.scores.fused(), np.isin(problem.scores.classes, problem.split.seen))
    grid = np.linspace(margins.min() - 1e-3, margins.max() + 1e-3, 500)
    points = [brute_point(problem, gamma) for gamma in grid]
    area = sum((a[0] - b[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(points))
    assert metrics.ausuc(problem.scores, problem.labels, problem.split.seen) == pytest.approx(area, abs=4e-3)


def test_ausuc_of_perfect_and_of_hopeless_scores():
    labels = np.array([0, 1, 2, 3])
    perfect = Scores({"h": np.eye(4)}, (0, 1, 2, 3), tuple("abcd"))
    assert metrics.ausuc(perfect, labels, (0, 1)) == pytest.approx(1)
    hopeless = Scores({"h": np.eye(4)[[1, 0, 3, 2]]}, (0, 1, 2, 3), tuple("abcd"))
    assert metrics.ausuc(hopeless, labels, (0, 1)) == 0


def test_ausuc_ignores_a_bias_shared_by_all_seen_classes(problem):
    seen_columns = np.isin(problem.scores.classes, problem.split.seen)
    shifted = Scores({"h": problem.scores.fused() + 3.0 * seen_columns}, problem.scores.classes, problem.scores.samples)
    before, after = (metrics.ausuc(s, problem.labels, problem.split.seen) for s in (problem.scores, shifted))
    assert after == pytest.approx(before)


def test_accuracies_agree_with_scikit_learn(problem):
    predicted = metrics.top1(problem.scores)
    assert metrics.micro_accuracy(predicted, problem.labels) == np.mean(predicted == problem.labels)
    expected = balanced_accuracy_score(problem.labels, predicted)
    assert metrics.macro_accuracy(predicted, problem.labels) == pytest.approx(expected)
    order = problem.scores.classes
    matrix = metrics.confusion_matrix(predicted, problem.labels, order)
    assert np.array_equal(matrix, sklearn_confusion(problem.labels, predicted, labels=list(order)))
    per_class = metrics.per_class_accuracy(predicted, problem.labels, order)
    assert per_class == pytest.approx(np.diag(matrix) / matrix.sum(axis=1))


def test_micro_and_macro_differ_as_they_should_on_unequal_classes():
    labels, predicted = np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0])
    assert metrics.micro_accuracy(predicted, labels) == 0.75
    assert metrics.macro_accuracy(predicted, labels) == 0.5


def test_zsl_accuracy_is_a_loop_over_the_samples_of_some_classes_among_some_classes(problem):
    scores, labels, unseen = problem.scores, problem.labels, problem.split.unseen
    for among, of in ((unseen, None), (unseen, unseen[:1]), (scores.classes, unseen)):
        right = []
        for row, label in zip(scores.fused(), labels, strict=True):
            if label in (among if of is None else of):
                best = max(among, key=lambda c, row=row: row[scores.classes.index(c)])
                right.append(best == label)
        assert metrics.zsl_accuracy(scores, labels, among, of=of) == pytest.approx(100 * sum(right) / len(right))
    with pytest.raises(DataError):
        metrics.zsl_accuracy(scores, labels, unseen, of=())


def test_a_class_without_samples_has_no_accuracy():
    accuracy = metrics.per_class_accuracy(np.array([0, 1]), np.array([0, 0]), (0, 1))
    assert accuracy[0] == 0.5
    assert np.isnan(accuracy[1])


@pytest.mark.parametrize(("s", "u", "h"), [(0.0, 0.0, 0), (1.0, 0.0, 0), (0.6, 0.6, 0.6), (0.5, 1.0, 2 / 3)])
def test_harmonic_mean(s, u, h):
    assert metrics.harmonic_mean(s, u) == pytest.approx(h)


def test_oracle_union_is_never_below_its_heads_and_can_exceed_any_fusion():
    labels = np.array([0, 1, 2, 0])
    a, b = np.array([0, 0, 0, 0]), np.array([1, 1, 0, 1])
    assert metrics.oracle_union(a, b, labels) == 0.75
    assert metrics.oracle_union(a, a, labels) == metrics.micro_accuracy(a, labels)


def test_bad_input_is_refused(problem):
    with pytest.raises(DataError, match="got 2 for 3 labels"):
        metrics.micro_accuracy(np.zeros(2, int), np.zeros(3, int))
    with pytest.raises(DataError, match="at least one sample"):
        metrics.micro_accuracy(np.zeros(0, int), np.zeros(0, int))
    with pytest.raises(DataError, match="test samples of unseen classes, got none"):
        metrics.seen_unseen_curve(problem.scores, problem.labels, problem.scores.classes)
    with pytest.raises(DataError, match="no scores for class 9"):
        metrics.confusion_matrix(np.array([9]), np.array([1]), (1, 2))
