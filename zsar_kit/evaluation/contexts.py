"""Is the context real? Words read from the skeleton, compared with the class's descriptions (SkeletonContext).

A slot is right if one of the k likeliest words occurs in that slot of the class's descriptions. The word ``none`` (no
object) is left out on both sides, because guessing it would be the best strategy. The most frequent words, and the
model on the mean of all clips, are judged in the same way. Training shows only words of seen classes: the share of
clips whose class has one of these words is a ceiling for any model that names no others, so the accuracy is also given
inside and outside this share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from zsar_kit.errors import DataError

ClassWords = Mapping[int, Set[int]]


@dataclass(frozen=True)
class SlotAccuracy:
    """How often one slot is right for some samples.

    Attributes:
        n: samples whose class has a word other than ``none`` in the slot.
        hit: percent of them with a right word among the first k; ``None`` without samples.
        ceiling: percent of them whose class shares a word with the seen classes.
        inside: percent of hits where the class has such a word.
        outside: percent of hits where it has none, so that training never showed a right word.
    """

    n: int
    hit: float | None
    ceiling: float | None
    inside: float | None
    outside: float | None


def slot_accuracy(ranked: np.ndarray, labels: np.ndarray, words: ClassWords, known: Set[int]) -> SlotAccuracy:
    """Judge the first k words of each sample.

    Args:
        ranked: the likeliest words, without ``none``; ``[sample, k]``, integers.
        labels: class of each sample, ``[sample]``.
        words: for each class the words of its descriptions in this slot, without ``none``; words that are not
            candidates may occur and cannot be hit.
        known: words in this slot of the seen classes' descriptions.

    Raises:
        DataError: a label is not in ``words``, or shapes disagree.
    """
    if ranked.ndim != 2 or len(ranked) != len(labels):
        raise DataError(f"expected ranked words [sample, k] of {len(labels)} samples, got {list(ranked.shape)}")
    if missing := sorted(set(labels.tolist()) - set(words)):
        raise DataError(f"class {missing[0]} has no words to compare with", where="words")
    judged = np.array([bool(words[c]) for c in labels.tolist()], dtype=bool)
    hits = np.array(
        [bool(words[c] & set(r)) for c, r in zip(labels.tolist(), ranked.tolist(), strict=True)], dtype=bool
    )
    reachable = np.array([bool(words[c] & known) for c in labels.tolist()], dtype=bool)
    return SlotAccuracy(
        n=int(judged.sum()),
        hit=_percent(hits[judged]),
        ceiling=_percent(reachable[judged]),
        inside=_percent(hits[judged & reachable]),
        outside=_percent(hits[judged & ~reachable]),
    )


def most_frequent(counts: Mapping[int, int], k: int) -> Int[np.ndarray, " k"]:
    """The k words that occur in most descriptions of the seen classes; ties go to the smaller number."""
    order = sorted(counts, key=lambda word: (-counts[word], word))
    return np.array(order[:k], dtype=np.int64)


def agreement(ranked: Int[np.ndarray, "sample k"], labels: Int[np.ndarray, " sample"]) -> tuple[float, float]:
    """Percent of pairs of clips with the same likeliest word: pairs within one class, and pairs of two classes.

    The word ``none`` is left out. Contexts that are read from the motion agree within classes and differ between them;
    those that ignore the clip always agree.
    """
    classes, words = (np.unique(x, return_inverse=True)[1] for x in (labels, ranked[:, 0]))
    counts = np.zeros((classes.max() + 1, words.max() + 1))
    np.add.at(counts, (classes, words), 1)
    # Ordered pairs, counted from the table of class and word instead of one by one: n samples have n^2 of them.
    own, alike = counts.sum(1), (counts * (counts - 1)).sum()
    within, every = (own * (own - 1)).sum(), (counts.sum(0) ** 2).sum() - len(labels)
    between = len(labels) * (len(labels) - 1) - within
    return _share(alike, within), _share(every - alike, between)


def word_sets(rows: Mapping[int, Sequence[str]], index: Mapping[str, int], nothing: str) -> dict[int, set[int]]:
    """The words of each class's descriptions as numbers, without ``nothing``.

    Args:
        rows: class to its words in one slot.
        index: word to its number; each word that is not a candidate gets a negative number of its own.
        nothing: the word that means no object.
    """
    strange: dict[str, int] = {}
    found = {}
    for c, words in rows.items():
        kept = [w for w in words if w != nothing]
        found[c] = {index[w] if w in index else strange.setdefault(w, -1 - len(strange)) for w in kept}
    return found


def _share(part: float, whole: float) -> float:
    return float(100 * part / whole) if whole else float("nan")


def _percent(values: np.ndarray) -> float | None:
    return float(100 * values.mean()) if values.size else None
