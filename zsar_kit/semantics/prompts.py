"""The question that a language model is asked about a class (SkeletonContext section 3.2).

The paper asks for *In environment, body part uses object to perform sub-action on target object*, several times per
class, with elements that classes may share; our question asks for the same, by the rules of the second edition, and for
the other text sets as well. Each question names its own class only, so no text of a seen class can depend on which
classes are unseen.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from string import Template

from zsar_kit.semantics.check import CONTEXTS, DISTINCT, LONGEST
from zsar_kit.semantics.context_rules import SHOWN, SHOWN_BY_VERB
from zsar_kit.semantics.english import known_places
from zsar_kit.semantics.texts import BODY_PARTS, NOTHING, PHASES, TEXT_REGIONS

QUOTED_ANSWER, QUOTED_FAULTS = 8000, 2000
"""Upper bounds, in bytes, of what is quoted of an answer and of its faults when the model is asked again."""

_AGAIN = "That answer cannot be used:\n{faults}\nAnswer again: the whole JSON object, mended, and nothing else."

Messages = list[dict[str, str]]
"""A conversation: ``role`` and ``content`` of each message, in order."""


def class_prompt(name: str) -> str:
    """The question for one class."""
    text = (files("zsar_kit.semantics") / "resources" / "prompts" / "class_texts.txt").read_text(encoding="utf-8")
    return Template(text).substitute(
        name=json.dumps(name, ensure_ascii=False),
        contexts=CONTEXTS,
        distinct=DISTINCT,
        nothing=NOTHING,
        places=", ".join(sorted(known_places())),
        shown=SHOWN,
        shown_by_verb=SHOWN_BY_VERB,
        body_parts=", ".join(BODY_PARTS),
        parts=", ".join(f'"{p}": "..."' for p in TEXT_REGIONS),
        phases=", ".join(f'"{p}": "..."' for p in PHASES),
        definition=LONGEST["definition"],
        motion=LONGEST["motion"],
        part=LONGEST["parts"],
        phase=LONGEST["phases"],
        sentence=LONGEST["contexts"],
    )


def first_messages(prompt: str) -> Messages:
    """The conversation of the first request."""
    return [{"role": "user", "content": prompt}]


def next_messages(prompt: str, answer: str, faults: Sequence[str]) -> Messages:
    """The conversation of a repeated request, with the last answer and its faults; earlier ones are left out."""
    listed = shortened("\n".join(f"- {fault}" for fault in faults), QUOTED_FAULTS)
    return [
        *first_messages(prompt),
        # Some endpoints refuse an empty message.
        {"role": "assistant", "content": shortened(answer, QUOTED_ANSWER).strip() or "(no answer)"},
        {"role": "user", "content": _AGAIN.format(faults=listed)},
    ]


def next_messages_bytes(prompt: str) -> int:
    """Upper bound of the length of :func:`next_messages` in bytes, for any answer."""
    return len(prompt.encode()) + QUOTED_ANSWER + QUOTED_FAULTS + len(_AGAIN.encode())


def shortened(text: str, limit: int) -> str:
    """The beginning of a text in at most ``limit`` bytes of UTF-8."""
    return text.encode()[:limit].decode(errors="ignore")
