"""Rules of the second edition for context descriptions: English sentences that show the action and its object."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from zsar_kit.semantics.context_sentences import context_sentence
from zsar_kit.semantics.editions import Edition
from zsar_kit.semantics.english import (
    indefinite_article,
    known_places,
    place_phrase,
    stem,
    stems,
    takes_no_article,
    words_of,
)
from zsar_kit.semantics.texts import NOTHING, Context

SHOWN, SHOWN_BY_VERB = 6, 3
"""Fewest rows with the stem of the class's verb or noun, and with that of its verb."""

Fault = tuple[str, str, str]
"""Kind, problem and remedy."""


def row_faults(row: Context, edition: Edition) -> Iterator[Fault]:
    """What is wrong with one description, as the edition renders it."""
    place = f"{place_phrase(row.environment)},".casefold()
    sentence = context_sentence(row, edition).casefold()
    if row.environment not in known_places():
        remedy = "Take a place of zsar_kit/semantics/resources/english.toml, or add it there."
        yield "preposition", f"no preposition is known for the place {row.environment!r}", remedy
    elif not sentence.startswith(place):
        found = sentence.partition(",")[0]
        yield "preposition", f"the sentence begins {found!r}, not {place[:-1]!r}", "Use the second edition's form."
    if row.target_object != NOTHING and "~" not in row.sub_action:
        yield "target", f"the sub-action {row.sub_action!r} has no place for its target", "Write ~ where it belongs."
    yield from _order_faults(row)
    yield from _determiner_faults(row)


def _order_faults(row: Context) -> Iterator[Fault]:
    remedy = "Begin with the verb's base form, and keep normal word order."
    sub_action = row.sub_action.casefold().replace(",", "").split()
    first = sub_action[0]
    inflected = len(first) > 4 and first.endswith(("ing", "ed")) and first not in words_of("like_participles")
    if inflected or first == "~" or first in words_of("determiners") or first in words_of("prepositions"):
        yield "word order", f"the sub-action must begin with its verb, got {row.sub_action!r}", remedy
    if row.target_object != NOTHING and "~" not in sub_action and _phrase_before_object(sub_action):
        yield "word order", f"something stands between the verb and its object: {row.action!r}", remedy
    words = row.action.casefold().replace(",", "").split()
    for word, after in pairwise([*words, ""]):
        if word in ("the", "a", "an", "his") and (not after or after in words_of("never_nouns")):
            yield "word order", f"the determiner {word!r} has no noun: {row.action!r}", remedy


def _phrase_before_object(words: Sequence[str]) -> bool:
    """Whether a whole phrase, such as "before dinner", stands before the determiner of an object that comes last."""
    if words[-1] not in words_of("determiners") or len(words) < 4:
        return False
    inner = words[1:-1]
    starts = [i for i, word in enumerate(inner) if word in words_of("prepositions")]
    return bool(starts) and starts[-1] < len(inner) - 1


def _determiner_faults(row: Context) -> Iterator[Fault]:
    action = row.action.casefold()
    for match in re.finditer(r"\b(a|an) ([a-z]+)", action):
        if match[1] != (right := indefinite_article(match[2])):
            yield "determiner", f"{match[0]!r} must be '{right} {match[2]}'", "Mend the article."
    if row.target_object == NOTHING or takes_no_article(row.target_object):
        return
    marked = row.sub_action if "~" in row.sub_action else f"{row.sub_action} ~"
    before = re.findall(r"[a-z']+", marked.casefold().partition("~")[0])[-3:]
    for word in reversed(before):
        if word in words_of("determiners") or word.endswith("'s"):
            return
        if word in words_of("prepositions"):
            break
    remedy = "Write 'the', 'a' or another determiner before it."
    yield "determiner", f"the target {row.target_object!r} has no determiner in {action!r}", remedy


def class_faults(
    name: str, verb: str, noun: str, rows: Sequence[Context], things: Collection[str], vocabulary: Collection[str]
) -> Iterator[Fault]:
    """What is wrong with the descriptions of a class, taken together.

    Args:
        name: the class's official name.
        verb, noun: its main verb and noun.
        rows: its descriptions.
        things: words that any class uses as an object or a target.
        vocabulary: words that a slot may have.
    """
    said = [stems(" ".join((row.environment, row.used_object, row.action))) for row in rows]
    by_verb = sum(bool(stems(verb) & words) for words in said)
    by_either = sum(bool((stems(verb) | stems(noun)) & words) for words in said)
    remedy = "Show the action itself, done with its object, and not its purpose."
    if by_verb < min(SHOWN_BY_VERB, len(rows)):
        yield "coverage", f"{by_verb} rows have the verb {verb!r}, at least {SHOWN_BY_VERB} are needed", remedy
    if by_either < min(SHOWN, len(rows)):
        problem = f"{by_either} rows have the verb {verb!r} or the noun {noun!r}, at least {SHOWN} are needed"
        yield "coverage", problem, remedy
    is_thing = noun in things or stem(noun) in stems(name)
    if is_thing and noun in vocabulary and noun not in words_of("body"):
        used = [stem(noun) in stems(f"{row.used_object} {row.action}") for row in rows]
        if not any(used):
            yield "object", f"no row uses the class's object, {noun!r}", "Let some rows use it."
