"""Sharing of context words: closed forms on tiny banks, and oracles that count row by row."""

from __future__ import annotations

import math

import numpy as np
import pytest

from zsar_kit.errors import TextError
from zsar_kit.semantics.context_sentences import context_sentence
from zsar_kit.semantics.slots import all_slots, entropy, shared_words, slot_statistics, slot_words
from zsar_kit.semantics.text_files import class_table, load_texts
from zsar_kit.semantics.texts import SLOTS, ClassTexts, Context


def bank(*classes: list[tuple[str, str, str]]) -> ClassTexts:
    """Classes by their (environment, used object, target object) rows."""
    contexts = tuple(tuple(Context(e, "hand", u, "do", t) for e, u, t in rows) for rows in classes)
    names = tuple(f"class {i}" for i in range(len(classes)))
    entries = tuple(
        {"name": (n,), "contexts": tuple(context_sentence(c) for c in rows)}
        for n, rows in zip(names, contexts, strict=True)
    )
    return ClassTexts("mine", tuple(range(len(classes))), names, ("name", "contexts"), entries, "here", contexts)


def test_a_word_of_its_own_for_each_class_tells_the_class() -> None:
    s = slot_statistics(bank([("a", "x", "x")] * 2, [("b", "x", "x")] * 2, [("c", "x", "x")] * 2), "environment")
    assert s.information == pytest.approx(s.class_entropy) == pytest.approx(math.log2(3))
    assert (s.words, s.unique, s.shared) == (3, 3, 0.0)


def test_the_same_words_in_each_class_tell_nothing() -> None:
    rows = [("a", "x", "none"), ("b", "x", "none")]
    texts = bank(rows, [*rows[::-1]])
    s = slot_statistics(texts, "environment")
    assert s.information == pytest.approx(0.0, abs=1e-12)
    assert (s.words, s.unique, s.shared) == (2, 0, 1.0)
    assert slot_statistics(texts, "target_object").nothing == 1.0
    assert len(slot_statistics(texts, "target_object").reach) == 0


def test_classes_with_the_same_bank_count_once() -> None:
    rows = [("a", "x", "x"), ("b", "y", "y")]
    assert slot_statistics(bank(rows, rows, [("c", "x", "x")]), "environment").rows == 3


@pytest.mark.parametrize("dataset", ["utd_mhad", "kinder_gator"])
def test_information_of_real_banks_by_counting(dataset: str) -> None:
    texts = load_texts(dataset)
    banks = sorted({texts.contexts_of(c) for c in texts.ids}, key=str)
    for s in all_slots(texts):
        pairs = [(i, getattr(row, s.slot)) for i, rows in enumerate(banks) for row in rows]
        n = len(pairs)
        total = 0.0
        for i, word in set(pairs):
            joint = pairs.count((i, word)) / n
            total += joint * math.log2(
                joint / (sum(c == i for c, _ in pairs) / n * sum(w == word for _, w in pairs) / n)
            )
        assert s.information == pytest.approx(total)
        assert 0 <= s.information <= min(s.entropy, s.class_entropy) + 1e-9
        assert s.unique == sum(len({i for i, w in pairs if w == word}) == 1 for word in {w for _, w in pairs})


def test_what_comes_by_chance_is_told_apart() -> None:
    rng = np.random.default_rng(0)
    random = bank(*[[(f"w{rng.integers(40)}", "x", "x") for _ in range(10)] for _ in range(20)])
    s = slot_statistics(random, "environment")
    assert s.information > 1.0  # of 4.3 bits, though words are dealt at random
    assert abs(s.information - s.by_chance) < 0.15
    telling = slot_statistics(bank(*[[(f"w{c}", "x", "x")] * 10 for c in range(20)]), "environment")
    assert telling.information - telling.by_chance > 2.5


def test_entropy() -> None:
    assert entropy([1, 1, 1, 1]) == pytest.approx(2.0)
    assert entropy([5]) == 0.0


def test_shared_words_are_mean_jaccard_indices() -> None:
    texts = bank([("a", "none", "x"), ("b", "none", "y")], [("a", "none", "x"), ("c", "cup", "x")])
    matrix = shared_words(texts)
    # environment 1/3, used object 0 of {cup}, target 1/2
    assert matrix[0, 1] == pytest.approx((1 / 3 + 0 + 1 / 2) / 3)
    assert np.array_equal(matrix, matrix.T)
    assert np.array_equal(np.diag(matrix), np.ones(2))


def test_slot_words_keep_their_order_and_missing_contexts_are_told() -> None:
    texts = load_texts("ntu120")
    for slot in SLOTS:
        words = slot_words(texts, 0, slot)
        assert len(words) == len(set(words))
        assert set(words) == {getattr(row, slot) for row in texts.contexts_of(0)}
    bare = class_table({"id": 0, "name": "wave"}, "here")
    with pytest.raises(TextError, match="has no 'contexts' text"):
        slot_statistics(bare, "environment")
