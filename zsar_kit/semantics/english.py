"""The little English that sentences of context descriptions need: prepositions, articles, and stems of words."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

_SINGULAR_ENDINGS = ("ss", "us", "is")
_SUFFIXES = ("ing", "ed", "es", "s")


@cache
def _table() -> dict[str, Any]:
    """The resource with places, articles and irregular forms."""
    return tomllib.loads((files("zsar_kit.semantics") / "resources" / "english.toml").read_text(encoding="utf-8"))


@cache
def known_places() -> dict[str, str]:
    """Places, each with its phrase: ``beach`` to ``on the beach``, ``home`` to ``at home``."""
    return {
        place: f"{preposition.replace('_', ' ')} {place}"
        for preposition, places in _table()["places"].items()
        for place in places
    }


@cache
def words_of(kind: str) -> frozenset[str]:
    """Words of a kind: ``determiners``, ``prepositions``, ``never_nouns``, ``like_participles``, ``body``."""
    return frozenset(_table()["words"][kind])


def place_phrase(place: str) -> str:
    """The place with its preposition and article; ``in the ...`` for an unknown one."""
    return known_places().get(place, f"in the {place}")


def takes_no_article(noun: str) -> bool:
    """Whether a noun is a mass noun or a plural, which the indefinite article does not go with."""
    table = _table()["articles"]
    if noun in table["none"]:
        return True
    return noun.endswith("s") and not noun.endswith(_SINGULAR_ENDINGS) and noun not in table["singular"]


def indefinite_article(word: str) -> str:
    """``a`` or ``an``, by the sound of the word's beginning, estimated by its first letter; ``an X``, ``a U``."""
    table = _table()["articles"]
    if len(word) == 1:
        return "an" if word.casefold() in "aefhilmnorsx" else "a"
    if word in table["an"] or (word[:1] in "aeiou" and word not in table["a"]):
        return "an"
    return "a"


def with_article(noun: str) -> str:
    """The noun with its indefinite article, without one if it is a mass noun or a plural."""
    return noun if takes_no_article(noun) else f"{indefinite_article(noun)} {noun}"


@cache
def _irregular() -> dict[str, str]:
    return {form: base for base, forms in _table()["irregular"].items() for form in forms}


def stem(word: str) -> str:
    """What the inflected forms of a word share: ``writ`` of write, writes, writing and written.

    Irregular forms are looked up; of others, an ending of inflection, the doubled consonant before it, and a silent e
    are removed.
    """
    word = word.casefold()
    word = _irregular().get(word, word)
    if word in _table()["irregular"]:
        return word.removesuffix("e")
    if word.endswith(("ies", "ied")) and len(word) > 4:
        return f"{word[:-3]}y"
    for suffix in _SUFFIXES:
        rest = word.removesuffix(suffix)
        if rest != word and len(rest) >= 3 and re.search("[aeiouy]", rest) and not (suffix == "s" and rest[-1] == "s"):
            doubled = suffix in ("ing", "ed") and rest[-1] == rest[-2] and rest[-1] not in "lsz"
            return (rest[:-1] if doubled else rest).removesuffix("e")
    return word.removesuffix("e") if len(word) > 3 else word


def stems(text: str) -> set[str]:
    """The stems of all words of a text."""
    return {stem(word) for word in re.findall(r"[a-z]+", text.casefold())}
