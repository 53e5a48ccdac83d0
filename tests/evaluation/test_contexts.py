"""Contexts judged: closed forms, a loop written from the definition, and what may not help."""

from __future__ import annotations

import numpy as np
import pytest

from zsar_kit.errors import DataError
from zsar_kit.evaluation.contexts import agreement, most_frequent, slot_accuracy, word_sets

WORDS = {0: {1, 2}, 1: {3}, 2: set(), 3: {-1}}
KNOWN = {1, 4}


def test_hits_ceiling_inside_and_outside():
    ranked = np.array([[1, 9], [9, 2], [8, 9], [3, 1], [5, 6], [7, 7]])
    labels = np.array([0, 0, 0, 1, 2, 3])
    found = slot_accuracy(ranked, labels, WORDS, KNOWN)
    assert found.n == 5  # class 2 has no object, so it is not judged
    assert found.hit == pytest.approx(100 * 3 / 5)
    assert found.ceiling == pytest.approx(100 * 3 / 5)  # class 0 alone has a word that the seen classes have
    assert found.inside == pytest.approx(100 * 2 / 3)
    assert found.outside == pytest.approx(100 * 1 / 2)


def test_by_the_definition():
    rng = np.random.default_rng(0)
    labels, ranked = rng.integers(0, 4, 200), rng.integers(0, 12, (200, 3))
    words = {c: set(rng.integers(0, 12, 3).tolist()) for c in range(4)}
    hits = sum(any(w in words[c] for w in row) for c, row in zip(labels.tolist(), ranked.tolist(), strict=True))
    found = slot_accuracy(ranked, labels, words, set(range(6)))
    assert found.hit == pytest.approx(100 * hits / 200)
    assert found.ceiling == pytest.approx(100 * np.mean([bool(words[c] & set(range(6))) for c in labels.tolist()]))
    inside = found.ceiling / 100
    assert found.hit == pytest.approx(
        inside * (found.inside or 0) + (1 - inside) * (found.outside if found.outside is not None else 0)
    )


def test_more_words_never_hit_less():
    rng = np.random.default_rng(1)
    labels, ranked = rng.integers(0, 3, 50), np.stack([rng.permutation(9) for _ in range(50)])
    words = {c: {c, c + 3} for c in range(3)}
    hits = [slot_accuracy(ranked[:, :k], labels, words, set()).hit for k in range(1, 10)]
    assert hits == sorted(hits)
    assert hits[-1] == 100.0


def test_none_does_not_count_and_strange_words_are_apart():
    index = {"cup": 0, "none": 1, "ball": 2}
    found = word_sets({5: ["cup", "none", "sphinx"], 6: ["none"], 7: ["sphinx", "ball"]}, index, "none")
    assert found == {5: {0, -1}, 6: set(), 7: {-1, 2}}


def test_most_frequent_words():
    assert most_frequent({4: 3, 2: 5, 9: 3, 1: 1}, 3).tolist() == [2, 4, 9]


def test_agreement_tells_reading_from_ignoring():
    labels = np.array([0, 0, 1, 1])
    assert agreement(np.array([[1], [1], [2], [2]]), labels) == (100.0, 0.0)
    assert agreement(np.array([[1]] * 4), labels) == (100.0, 100.0)
    assert agreement(np.array([[1], [2], [1], [2]]), labels) == (0.0, 50.0)


def test_agreement_by_looking_at_each_pair():
    rng = np.random.default_rng(2)
    labels, ranked = rng.integers(0, 4, 60), rng.integers(0, 5, (60, 2))
    pairs = [(i, j) for i in range(60) for j in range(60) if i != j]
    for found, same in zip(agreement(ranked, labels), (True, False), strict=True):
        chosen = [(i, j) for i, j in pairs if (labels[i] == labels[j]) == same]
        assert found == pytest.approx(100 * np.mean([ranked[i, 0] == ranked[j, 0] for i, j in chosen]))


def test_nothing_to_judge_and_bad_input():
    empty = slot_accuracy(np.array([[1]]), np.array([2]), WORDS, KNOWN)
    assert (empty.n, empty.hit, empty.ceiling) == (0, None, None)
    with pytest.raises(DataError, match=r"\[sample, k\] of 2 samples"):
        slot_accuracy(np.array([[1]]), np.array([0, 1]), WORDS, KNOWN)
    with pytest.raises(DataError, match="class 8 has no words"):
        slot_accuracy(np.array([[1]]), np.array([8]), WORDS, KNOWN)
