"""Classes whose names are close to a word that no class is called: ``hug`` and *hugging other person*."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from zsar_kit.primitives.known import folded

#: words that tell no action from another
_SMALL = frozenset([
    "a", "an", "and", "at", "by", "for", "from", "in", "into", "of", "off", "on", "one", "or", "other", "out", "s",
    "someone", "something", "the", "to", "up", "with",
])  # fmt: skip
#: likeness of letters from which on one word is a misspelling of another: ``sqat``, ``yawnning``
MISSPELT = 0.85
ENDINGS = ("ing", "ed", "es", "s")


def near_names(label: str, names: Iterable[str], most: int = 3) -> list[str]:
    """Names that have all telling words of a label, or whose telling words the label has all; the likest first.

    Words count without their endings, so that *yawning* is *yawn*. Where no name shares its words so, names that differ
    by a few letters.
    """
    wanted, known = stems(label), dict.fromkeys(names)
    likeness: dict[str, float] = {}
    for name in known:
        its = stems(name)
        if wanted and its and (wanted <= its or its <= wanted):
            likeness[name] = len(wanted & its) / len(wanted | its)
    if likeness:
        return sorted(likeness, key=lambda name: (-likeness[name], len(name)))[:most]
    spelt = {folded(name): name for name in known if folded(name)[:1] == folded(label)[:1]}
    return [spelt[found] for found in get_close_matches(folded(label), spelt, most, MISSPELT)]


def stems(name: str) -> frozenset[str]:
    """The telling words of a name without their endings: *waving* and *wave* are one."""
    return frozenset(_stem(word) for word in folded(name).split() if word not in _SMALL)


def _stem(word: str) -> str:
    ending = next((e for e in ENDINGS if word.endswith(e) and len(word) - len(e) >= 3), "")
    stem = word.removesuffix(ending)
    if stem[-2:-1] == stem[-1:]:
        stem = stem[:-1]  # hugging, falling, fall
    stem = stem.removesuffix("e") if len(stem) > 3 else stem  # waving, wave
    return f"{stem[:-1]}i" if stem.endswith("y") else stem  # carries, carry
