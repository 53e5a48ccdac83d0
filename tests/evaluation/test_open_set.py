"""Confidence: a known temperature comes back, noise gives coin flips, and nothing depends on the order of classes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from zsar_kit.errors import DataError
from zsar_kit.evaluation import open_set
from zsar_kit.evaluation.open_set import (
    OpenSet,
    auroc,
    expected_calibration_error,
    fit_open_set,
    measure_open_set,
)
from zsar_kit.evaluation.scores import Scores

SEEN, UNSEEN = (0, 1, 2, 3), (4, 5, 6)


def world(signal: float, *, seed: int = 0, samples: int = 3000, temperature: float = 1.0, errors: bool = False):
    """Scores = signal on the label's column + Gumbel noise, so that softmax(signal / temperature) is exactly right."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 7, samples)
    values = signal * (labels[:, None] == np.arange(7)) + rng.normal(size=(samples, 7))
    values *= temperature
    names = tuple(map(str, range(samples)))
    if errors:
        return Scores({"flow": -np.exp(-values)}, tuple(range(7)), names, {"flow": np.exp(-values)}), labels
    return Scores({"cosine": values}, tuple(range(7)), names), labels


def test_a_known_temperature_comes_back():
    """Normal noise with a shift d has log-odds d * (x_i - x_j): the right temperature is scale / d."""
    for scale, signal in ((1.0, 2.0), (5.0, 1.5)):
        scores, labels = world(signal, samples=20_000, temperature=scale)
        fitted = fit_open_set([(scores, labels, SEEN)])
        assert fitted.temperature == pytest.approx(scale / signal, rel=0.06)


def test_signal_is_told_from_none_and_noise_is_not():
    for signal, low, high in ((4.0, 0.9, 1.0), (0.0, 0.45, 0.55)):
        fitted = fit_open_set([(*world(signal, seed=1), SEEN)])
        found = measure_open_set(fitted, *world(signal, seed=2), SEEN)
        assert low < found["auroc"] < high, (signal, found)
        assert found["calibration_error"] < 0.05
    noise = fit_open_set([(*world(0.0, seed=1), SEEN)])
    known = noise.confidence(world(0.0, seed=3)[0], UNSEEN, SEEN).known
    assert known.mean() == pytest.approx(0.5, abs=0.1)


def test_a_statistic_that_is_constant_in_the_folds_gets_no_weight(monkeypatch):
    """Divided by its tiny spread, rounding alone would decide at test time."""
    real = open_set._Arena.statistics

    def constant(arena):
        lead = real(arena)[:, 0]
        return np.column_stack([lead, np.full(len(lead), 0.3) + 1e-12 * (lead > 1)])

    monkeypatch.setattr(open_set._Arena, "statistics", constant)
    fitted = fit_open_set([(*world(3.0), SEEN)])
    assert fitted.weights[0] > 0
    assert fitted.weights[1] == 0


def test_errors_count_as_their_logarithm():
    plain, logged = world(2.0), world(2.0, errors=True)
    a, b = fit_open_set([(*plain, SEEN)]), fit_open_set([(*logged, SEEN)])
    assert a.temperature == pytest.approx(b.temperature, rel=1e-4)
    np.testing.assert_allclose(
        a.confidence(plain[0], UNSEEN, SEEN).known, b.confidence(logged[0], UNSEEN, SEEN).known, rtol=1e-4
    )


def test_probabilities_by_definition_and_in_any_order():
    scores, _ = world(2.0, samples=5)
    open_set = OpenSet(0.7, (1.5, 0.5), -0.3, 10, 10)
    found = open_set.confidence(scores, UNSEEN, SEEN)
    values = scores.heads["cosine"]
    np.testing.assert_allclose(found.classes, softmax(values[:, 4:] / 0.7, axis=1))
    for i in range(5):
        top = np.sort(values[i, 4:])
        linear = 1.5 * (top[-1] - top[-2]) + 0.5 * (top[-1] - values[i, :4].max()) - 0.3
        assert found.known[i] == pytest.approx(1 / (1 + np.exp(-linear)))
    turned = open_set.confidence(scores, (6, 4, 5), (3, 1, 0, 2, 6))  # a candidate is no reference
    np.testing.assert_allclose(turned.known, found.known)
    np.testing.assert_allclose(turned.classes, found.classes[:, [2, 0, 1]])
    assert OpenSet.from_dict(open_set.to_dict()) == open_set


def two_heads(signal: float, *, seed: int = 0):
    """The world of above seen by a second head, too, in other units and with noise of its own."""
    (first, labels), (second, _) = world(signal, seed=seed), world(signal, seed=seed + 100)
    values = signal * (labels[:, None] == np.arange(7)) + 0.1 * second.heads["cosine"]
    return Scores({**first.heads, "parts": 3.0 * values}, first.classes, first.samples), labels


def test_candidates_and_reference_classes_of_several_heads_share_one_softmax():
    """Shares of the candidates alone know nothing of the reference: raising it by 50 left P(known) as it was."""
    scores, labels = two_heads(3.0)
    fitted = fit_open_set([(*two_heads(3.0, seed=1), SEEN)])
    known = fitted.confidence(scores, UNSEEN, SEEN).known
    raised = {name: head + 50.0 * (np.arange(7) < 4) for name, head in scores.heads.items()}
    higher = fitted.confidence(Scores(raised, scores.classes, scores.samples), UNSEEN, SEEN).known
    assert auroc(known[labels > 3], known[labels < 4]) > 0.95
    assert higher.max() < known[labels > 3].mean() - 0.3

    weights = np.array(fitted.weights)
    for i in range(20):
        shares = np.mean([softmax(head[i]) for head in scores.heads.values()], axis=0)
        among = np.sort(np.mean([softmax(head[i, 4:]) for head in scores.heads.values()], axis=0))
        leads = among[-1] - among[-2], shares[4:].max() - shares[:4].max()
        assert known[i] == pytest.approx(1 / (1 + np.exp(-(leads @ weights + fitted.bias))))


def test_a_class_that_is_away_does_not_act():
    """What a removed class scores must not matter, in any head and not by way of the softmax either."""
    scores, labels = two_heads(2.0)
    arena = open_set._Arena.of(scores, UNSEEN, SEEN)
    own = arena.column(labels)
    wild = {name: head + 30.0 * (labels[:, None] == np.arange(7)) for name, head in scores.heads.items()}
    other = open_set._Arena.of(Scores(wild, scores.classes, scores.samples), UNSEEN, SEEN)
    np.testing.assert_allclose(arena.without(own).statistics(), other.without(own).statistics())
    assert np.abs(arena.statistics() - other.statistics()).max() > 0.1


def test_two_pseudo_unseen_classes_are_enough_to_fit():
    scores, labels = world(3.0)
    fitted = fit_open_set([(scores, labels, (0, 1, 2, 3, 4))])
    assert fitted.positives == int((labels > 4).sum())
    assert fitted.negatives == int((labels <= 4).sum())  # samples of seen classes only


def test_auroc_is_the_share_of_ordered_pairs():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, 40).astype(float), rng.integers(0, 5, 30).astype(float)
    slow = np.mean([[1.0 if x > y else 0.5 if x == y else 0.0 for y in b] for x in a])
    assert auroc(a, b) == pytest.approx(slow)
    with pytest.raises(DataError, match="AUROC needs values on both sides"):
        auroc(a, b[:0])


def test_calibration_error_by_example():
    confidence = np.array([0.05, 0.05, 0.95, 0.95])
    assert expected_calibration_error(confidence, np.array([False, False, True, True])) == pytest.approx(0.05)
    assert expected_calibration_error(confidence, np.array([True, True, True, False])) == pytest.approx(0.7)


def test_bad_input():
    scores, labels = world(1.0, samples=50)
    with pytest.raises(DataError, match="confidence needs a fold"):
        fit_open_set([(scores, labels, (0, 1, 2, 3, 4, 5))])
    with pytest.raises(DataError, match="two candidates or more and a reference class are needed, got 1 and 4"):
        OpenSet(1.0, (1.0, 1.0), 0.0, 1, 1).confidence(scores, (4,), SEEN)
    with pytest.raises(DataError, match="three unseen classes"):
        measure_open_set(OpenSet(1.0, (1.0, 1.0), 0.0, 1, 1), scores, labels, (0, 1, 2, 3, 4))
