"""Fusion of scores: the folds find the better method, and no test sample takes part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zsar_kit.errors import DataError
from zsar_kit.evaluation.fusion import WEIGHTS, fit_fusion
from zsar_kit.evaluation.metrics import zsl_accuracy
from zsar_kit.evaluation.scores import Scores

SEEN, UNSEEN = (0, 1, 2), (3, 4, 5, 6)


def folds(quality: float, seed: int, *, size: float = 1.0) -> list:
    """Scores that are the truth times a quality, and noise; the labels do not depend on the seed."""
    rng, found = np.random.default_rng(seed), []
    labels = np.tile(np.arange(7), 20)
    for _ in range(3):
        truth = np.eye(7)[labels]
        values = size * (quality * truth + rng.normal(size=truth.shape)) + 100 * rng.normal(size=(len(labels), 1))
        scores = Scores({"any": values}, (*SEEN, *UNSEEN), tuple(f"s{i}" for i in range(len(labels))))
        found.append((scores, labels, SEEN))
    return found


@pytest.mark.parametrize("size", [0.01, 1.0, 1000.0])
def test_the_folds_find_the_better_method_whatever_its_scale(size):
    good, noise = folds(6.0, 0), folds(0.0, 1, size=size)
    assert fit_fusion(good, noise).weight < 0.4
    assert fit_fusion(noise, good).weight > 0.6
    assert fit_fusion(good, noise).accuracy[0] > 95
    assert fit_fusion(noise, good).accuracy[0] < 45


def test_two_halves_are_better_than_either():
    fusion = fit_fusion(folds(2.0, 0), folds(2.0, 1, size=50.0))
    assert 0.2 < fusion.weight < 0.8
    assert fusion.accuracy.max() > max(fusion.accuracy[0], fusion.accuracy[-1]) + 5


def test_equal_methods_change_nothing():
    one = folds(1.5, 0)
    fusion = fit_fusion(one, one)
    assert fusion.weight == 0.5
    assert np.ptp(fusion.accuracy) == 0
    scores = one[0][0]
    fused = fusion.apply(scores, scores).fused()
    np.testing.assert_allclose(fused * fusion.scales[0], scores.fused())


def test_the_definition():
    one, two = folds(2.0, 0), folds(2.0, 1)
    fusion = fit_fusion(one, two)
    centred = np.concatenate([s.fused() - s.fused().mean(1, keepdims=True) for s, *_ in one])
    assert fusion.scales[0] == pytest.approx(np.sqrt((centred**2).mean()))
    (a, *_), (b, *_) = one[0], two[0]
    w, (s, t) = fusion.weight, fusion.scales
    np.testing.assert_allclose(fusion.apply(a, b).fused(), (1 - w) * a.fused() / s + w * b.fused() / t)
    assert len(fusion.accuracy) == len(WEIGHTS)


def test_a_method_of_two_heads_is_itself_among_unseen_classes():
    """Its softmax is over the candidates: one head that prefers seen classes counts for nothing in GZSL only."""
    rng, two_heads = np.random.default_rng(5), []
    for scores, labels, seen in folds(2.0, 0):
        lured = rng.normal(size=scores.fused().shape) + 9.0 * np.isin(scores.classes, seen)
        two_heads.append((replace(scores, heads={"a": scores.fused(), "b": 3 * lured}), labels, seen))
    other = folds(1.0, 1)
    fusion = fit_fusion(two_heads, other)
    own = [zsl_accuracy(scores, labels, UNSEEN) for scores, labels, _ in two_heads]
    assert fusion.accuracy[0] == pytest.approx(np.mean(own))
    assert fit_fusion(other, two_heads).accuracy[-1] == pytest.approx(np.mean(own))
    (first, labels, _), (second, *_) = two_heads[0], other[0]
    alone = replace(fusion, weight=0.0)
    assert zsl_accuracy(alone.apply(first, second, among=UNSEEN), labels, UNSEEN) == pytest.approx(own[0])
    np.testing.assert_allclose(alone.apply(first, second).fused(), first.fused() / fusion.scales[0])
    among = alone.apply(first, second, among=UNSEEN).fused()
    np.testing.assert_allclose(among, first.restrict(UNSEEN).fused() / fusion.zsl_scales[0])
    assert zsl_accuracy(alone.apply(first, second), labels, UNSEEN) != pytest.approx(own[0])


def test_what_does_not_fit_together_is_refused():
    one, two = folds(1.0, 0), folds(1.0, 1)
    scores, labels, seen = two[0]
    with pytest.raises(DataError, match="the same folds, got 3 and 2 folds"):
        fit_fusion(one, two[:2])
    with pytest.raises(DataError, match="scored the same samples"):
        fit_fusion(one[:1], [(replace(scores, samples=tuple(reversed(scores.samples))), labels, seen)])
    with pytest.raises(DataError, match="scored the same classes"):
        fit_fusion(one[:1], [(replace(scores, classes=(6, 5, 4, 3, 2, 1, 0)), labels, seen)])
    with pytest.raises(DataError, match="same labels and seen classes"):
        fit_fusion(one[:1], [(scores, labels, (0, 1))])
    flat = replace(scores, heads={"any": np.ones_like(scores.fused())})
    with pytest.raises(DataError, match="the same score for every class"):
        fit_fusion(one[:1], [(flat, labels, seen)])
