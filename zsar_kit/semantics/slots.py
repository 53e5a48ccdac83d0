"""How classes share context words: which words can transfer, and which give a class away.

A slot transfers from seen to unseen classes as far as several classes use its words; a word that only one class uses
identifies that class and nothing else (SkeletonContext section 3.2: "cup" for drinking and for pouring).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from zsar_kit.seeding import numpy_generator
from zsar_kit.semantics.texts import NOTHING, SLOTS, ClassTexts

SHUFFLES = 20


@dataclass(frozen=True)
class SlotStatistics:
    """Statistics of one slot over all classes that have texts of their own.

    Attributes:
        slot: its name, of :data:`~zsar_kit.semantics.texts.SLOTS`.
        rows: context descriptions.
        words: distinct words, ``none`` among them.
        nothing: share of the rows with ``none``.
        unique: words that only one class uses.
        reach: for each row the number of classes that use its word, ``[row]``; rows with ``none`` are left out.
        information: mutual information of word and class from the counts, bits. With few rows per word it is large
            even if words say nothing about the class.
        by_chance: its mean over :data:`SHUFFLES` shuffles of the words over the rows; the excess is real.
        entropy: of the word, bits; the upper limit of the information.
        class_entropy: of the class, bits.
    """

    slot: str
    rows: int
    words: int
    nothing: float
    unique: int
    reach: np.ndarray
    information: float
    by_chance: float
    entropy: float
    class_entropy: float

    def __repr__(self) -> str:
        return (
            f"SlotStatistics({self.slot!r}, {self.rows} rows, {self.words} words, {self.unique} of a single class, "
            f"{self.information:.2f} bits of information, {self.by_chance:.2f} by chance)"
        )

    @property
    def shared(self) -> float:
        """Share of the rows with an object whose word another class uses too."""
        return float((self.reach > 1).mean()) if len(self.reach) else 0.0


def slot_statistics(texts: ClassTexts, slot: str) -> SlotStatistics:
    """Count one slot; classes that take all their contexts from another class of the file count once.

    Raises:
        TextError: a class has no contexts.
    """
    banks = {texts.contexts_of(c) for c in texts.ids}
    pairs = [(number, row.slot(slot)) for number, bank in enumerate(sorted(banks, key=str)) for row in bank]
    owners: dict[str, set[int]] = {}
    for number, word in pairs:
        owners.setdefault(word, set()).add(number)
    joint = Counter(pairs)
    word_entropy = entropy(Counter(word for _, word in pairs).values())
    class_entropy = entropy(Counter(number for number, _ in pairs).values())
    return SlotStatistics(
        slot=slot,
        rows=len(pairs),
        words=len(owners),
        nothing=sum(word == NOTHING for _, word in pairs) / len(pairs),
        unique=sum(len(classes) == 1 for classes in owners.values()),
        reach=np.array([len(owners[word]) for _, word in pairs if word != NOTHING], dtype=int),
        information=word_entropy + class_entropy - entropy(joint.values()),
        by_chance=word_entropy + class_entropy - _shuffled_entropy(pairs),
        entropy=word_entropy,
        class_entropy=class_entropy,
    )


def _shuffled_entropy(pairs: list[tuple[int, str]]) -> float:
    """Mean joint entropy of class and word if words are assigned to the rows at random."""
    classes, words = (np.unique(np.array(x), return_inverse=True)[1] for x in zip(*pairs, strict=True))
    drawn = []
    for shuffle in range(SHUFFLES):
        order = numpy_generator(shuffle, "slot statistics").permutation(len(words))
        drawn.append(entropy(np.unique(classes * len(words) + words[order], return_counts=True)[1]))
    return float(np.mean(drawn))


def all_slots(texts: ClassTexts) -> list[SlotStatistics]:
    """The statistics of the three slots."""
    return [slot_statistics(texts, slot) for slot in SLOTS]


def entropy(counts: Iterable[int] | np.ndarray) -> float:
    """Entropy of an empirical distribution, bits: ``-sum p log2 p``."""
    values = np.array(list(counts), dtype=float)
    share = values / values.sum()
    return float(-(share * np.log2(share)).sum())


def slot_words(texts: ClassTexts, class_id: int, slot: str) -> tuple[str, ...]:
    """The distinct words of one class in one slot, in the order of its descriptions.

    Raises:
        TextError: the class is absent or has no contexts.
    """
    return tuple(dict.fromkeys(row.slot(slot) for row in texts.contexts_of(class_id)))


def shared_words(texts: ClassTexts) -> np.ndarray:
    """Similarity of the contexts of classes: the Jaccard index of their word sets, averaged over the slots.

    Returns:
        ``[class, class]``, symmetric, in [0, 1], ones on the diagonal; ``none`` does not count, and a slot in which
        neither class has a word counts as 0 off the diagonal.
    """
    total = np.zeros((len(texts.ids), len(texts.ids)))
    for slot in SLOTS:
        sets = [set(slot_words(texts, c, slot)) - {NOTHING} for c in texts.ids]
        words = sorted(set().union(*sets))
        member = np.array([[w in s for w in words] for s in sets], dtype=float).reshape(len(sets), len(words))
        both = member @ member.T
        size = member.sum(1)
        either = size[:, None] + size[None] - both
        total += np.divide(both, either, out=np.zeros_like(both), where=either > 0)
    total /= len(SLOTS)
    np.fill_diagonal(total, 1.0)
    return total
