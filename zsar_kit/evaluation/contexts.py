"""Is the context real? Words read from the skeleton against the words of the class's descriptions (SkeletonContext).

A slot is named right if one of the k likeliest words is among the words that the class's descriptions have there. The
word ``none`` (no object) is left out of both, or guessing it would be the best strategy, and is counted apart. The most
frequent words, and the model on the mean of all clips, are judged alike. Training shows only words of seen classes: the
share of clips whose class has one of these is a ceiling for whoever names nothing else, and the accuracy inside and
outside it is part of the answer.
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
    """How often one slot is named right for some samples.

    Attributes:
        n: samples whose class has a word other than ``none`` in the slot.
        hit: percent of them with a right word among the first k; ``None`` without samples.
        ceiling: percent of them whose class has a word that the seen classes have too.
        inside: hits, percent, where the class has such a word.
        outside: hits, percent, where it has none: words that no description in training has.
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
        words: for each class the words of its descriptions in this slot, without ``none``; they may hold words that
            are no candidates, which are missed.
        known: words that the seen classes' descriptions have in this slot.

    Raises:
        DataError: a label has no entry in ``words``, or shapes disagree.
    """
    if ranked.ndim != 2 or len(ranked) != len(labels):
        raise DataError(f"expected ranked words [sample, k] of {len(labels)} samples, got {list(ranked.shape)}")
    if missing := sorted(set(labels.tolist()) - set(words)):
        raise DataError(f"class {missing[0]} has no words to judge by", where="words")
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
    """The k words that most descriptions of the seen classes have, ties by the word's number."""
    order = sorted(counts, key=lambda word: (-counts[word], word))
    return np.array(order[:k], dtype=np.int64)


def agreement(ranked: Int[np.ndarray, "sample k"], labels: Int[np.ndarray, " sample"]) -> tuple[float, float]:
    """Percent of pairs of clips that share their likeliest word other than ``none``: of one class, and of two classes.

    A context that is read from the motion agrees within classes and differs between them; one that ignores the clip
    agrees always.
    """
    classes, words = (np.unique(x, return_inverse=True)[1] for x in (labels, ranked[:, 0]))
    counts = np.zeros((classes.max() + 1, words.max() + 1))
    np.add.at(counts, (classes, words), 1)
    # Ordered pairs, counted from the table of class and word: n samples would make n^2 of them.
    own, alike = counts.sum(1), (counts * (counts - 1)).sum()
    within, every = (own * (own - 1)).sum(), (counts.sum(0) ** 2).sum() - len(labels)
    between = len(labels) * (len(labels) - 1) - within
    return _share(alike, within), _share(every - alike, between)


def word_sets(rows: Mapping[int, Sequence[str]], index: Mapping[str, int], nothing: str) -> dict[int, set[int]]:
    """Class to the words of its descriptions as numbers, ``nothing`` left out.

    Args:
        rows: class to its words in one slot.
        index: word to its number; a word that is no candidate gets a number below zero, its own for each word.
        nothing: the word that stands for no object.
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
