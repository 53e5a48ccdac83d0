"""Rules of the second edition for sentences about the body: motion, parts and phases tell one story, in definite words.

The rules work on words, without grammar, so they approximate: they find the faults that a reader found in the first
edition, and stay silent where words alone can't tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from zsar_kit.semantics.texts import GROUPS

BODY_SETS = ("motion", *(f"{group}.{member}" for group, members in GROUPS.items() for member in members))
"""Text sets that describe the body, a sentence or more each."""

Fault = tuple[str, str, str, str]
"""Kind, text set, problem and remedy."""

_HEDGE = re.compile(
    r"\b(or|may|might|maybe|perhaps|possibly|probably|sometimes|usually|often|can|could|about|almost|nearly|roughly"
    r"|somewhat|a little|a bit|some way|several times|a few times)\b",
    re.IGNORECASE,
)
_DURATION = re.compile(
    r"\b(for a (long )?(time|while)|again and again|over and over|on and on|many times|continuously|continually"
    r"|endlessly|without end)\b",
    re.IGNORECASE,
)
_REFERS = {
    "other": r"\b(one|each|either|both|two|right|left|person)\b",
    "opposite": r"\b(one|each|both|two|right|left|own|person|partner)\b",
    "same": r"\b(at|one|each|both|two|right|left)\b",
    "first": r"\bthen\b",
    "second": r"\b(first|one)\b",
    "another": r"\b(one|person)\b",
}
"""Words that refer, with what they may refer to in their own sentence."""

_REFERS_BACK = re.compile(r"\b(again|also|instead|as before|like that)\b", re.IGNORECASE)
_LIMBS = {
    "hand": "hand|arm|forearm|upper arm|wrist|elbow|fist|palm",
    "leg": "leg|foot|knee|thigh|ankle|heel|shin",
}
_PLURALS = {"hand": "hands|arms|forearms", "leg": "legs|feet|knees"}
_AT_REST = r"(hangs?|keeps? still|stands?|stays?|rests?|is held still|carries)\b"
_CLOCKWISE = ("top", "right", "bottom", "left")


def body_faults(name: str, sets: Mapping[str, Sequence[str]]) -> Iterator[Fault]:
    """What is wrong with the sentences of one class.

    Args:
        name: the class's official name.
        sets: text set to sentences.
    """
    for text_set in BODY_SETS:
        for text in sets.get(text_set, ()):
            for sentence in re.split(r"(?<=\.)\s+", text):
                for kind, problem, remedy in _word_faults(sentence):
                    yield kind, text_set, problem, remedy
    yield from _story_faults({s: " ".join(sets[s]) for s in BODY_SETS if s in sets})
    yield from _path_faults(name, " ".join(sets.get("motion", ())))


def _word_faults(sentence: str) -> Iterator[tuple[str, str, str]]:
    for found in _matches(_HEDGE, sentence):
        yield "hedge", f"{found!r} leaves open what happens", "Decide on what is typical, and say it."
    for found in _matches(_DURATION, sentence):
        yield "duration", f"{found!r} is more than a clip of a few seconds shows", "Say how often, or 'to and fro'."
    remedy = "Name what is meant: 'one hand ... the other hand', 'the left leg'."
    for found in _matches(_REFERS_BACK, sentence):
        yield "referent", f"{found!r} refers to what is not in the sentence", remedy
    for word, anchor in _REFERS.items():
        for match in re.finditer(rf"\b{word}\b", sentence, re.IGNORECASE):
            rest = sentence[match.end() :] if word == "first" else sentence[: match.start()]
            if not re.search(anchor, rest, re.IGNORECASE):
                yield "referent", f"{match[0]!r} refers to what is not in the sentence", remedy


def _matches(pattern: re.Pattern[str], sentence: str) -> Iterable[str]:
    return dict.fromkeys(match[0].casefold() for match in pattern.finditer(sentence))


def _story_faults(texts: Mapping[str, str]) -> Iterator[Fault]:
    """Limbs and sides of parts and phases that are not those of the motion."""
    motion = texts.get("motion", "").casefold()
    if re.search(r"\b(people|persons|person|partner)\b", motion):
        return  # the sides and hands are those of two bodies
    remedy = "Tell the same story everywhere: the same limbs, the same sides."
    for limb, members in _LIMBS.items():
        single, both = _number(motion, limb)
        sides = _sides(motion, members)
        for text_set, text in texts.items():
            if text_set == "motion":
                continue
            named = _sides(text, members)
            if sides and named and not sides & named:
                problem = f"the motion moves the {_or(sides)} {limb}, {text_set!r} the {_or(named)} one"
                yield "hands and sides", text_set, problem, remedy
            elif single and not both and _several(text.casefold(), limb):
                problem = f"the motion moves one {limb}, {text_set!r} speaks of several"
                yield "hands and sides", text_set, problem, remedy


def _number(motion: str, limb: str) -> tuple[bool, bool]:
    """Whether the motion moves one limb, and whether it moves both."""
    members, plurals = _LIMBS[limb], _PLURALS[limb]
    # A limb that hangs takes no part: "while the other arm hangs", "the arm on the far side hangs still".
    moving = re.sub(rf"\b(other|right|left|the) ({members})( on the [a-z ]+?)? (hangs|keeps still)\b", "", motion)
    single = re.search(rf"\b(right|left|one) ({members})\b", moving)
    one_side = {m[1] for m in re.finditer(rf"\b(right|left) ({members})\b", moving)}
    both = re.search(rf"\b({plurals})\b|\b(both|two|other|each) ({members})", moving) or len(one_side) > 1
    return single is not None, bool(both)


def _several(text: str, limb: str) -> bool:
    """Whether a text moves more than one limb of a kind."""
    plurals = rf"\b(the|both|two) ({_PLURALS[limb]})\b"
    return re.search(rf"{plurals}(?! {_AT_REST})", text) is not None


def _sides(text: str, members: str) -> set[str]:
    """Sides of the limbs that move; those that only hang, stand, keep still or take the weight are left out."""
    limb = rf"\b(right|left) ({members})s?\b"
    moving = re.sub(rf"{limb} {_AT_REST}|weight \w+ to the {limb}", "", text.casefold())
    return {m[1] for m in re.finditer(limb, moving)}


def _or(words: Iterable[str]) -> str:
    return " and ".join(sorted(words))


def _path_faults(name: str, motion: str) -> Iterator[Fault]:
    """A path told in the wrong order, and a side of the class name that the motion does not say."""
    text, name = motion.casefold(), re.sub(r"[^a-z]+", " ", name.casefold())
    remedy = "Tell the path as the performer sees it, in its order."
    if "clockwise" in name:
        counter = "counter" in name or "anti" in name
        wanted = ("top", "left", "bottom", "right") if counter else _CLOCKWISE
        places = [text.find(word) for word in wanted]
        found = [m[0] for m in re.finditer(r"\b(top|right|bottom|left)\b(?! (hand|arm|forearm|shoulder|elbow))", text)]
        order = tuple(dict.fromkeys(found))
        if -1 in places or order != wanted:
            problem = f"the path must go {', '.join(wanted)}; the motion says {', '.join(order) or 'nothing of it'}"
            yield "path", "motion", problem, remedy
        return
    asked = [side for side in re.findall(r"\b(left|right)\b", name) if side]
    said = [side for side in re.findall(r"\b(left|right)\b", text)]
    if asked and not _subsequence(asked, said):
        problem = f"the class name says {' to '.join(asked)}, the motion {', '.join(said) or 'no side'}"
        yield "path", "motion", problem, remedy


def _subsequence(wanted: Sequence[str], given: Sequence[str]) -> bool:
    rest = iter(given)
    return all(word in rest for word in wanted)
