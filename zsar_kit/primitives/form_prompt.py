"""The question by which somebody, or a language model, fills a form: written from the list of attributes alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from zsar_kit.primitives.attributes import LEVELS, TOPICS, Attribute, attributes
from zsar_kit.primitives.forms import UNKNOWN

_TASK = """You fill in a form about a human action, as it would be measured from the places of 25 body joints over time.
The action is called {name}.
{texts}
Imagine an ordinary performance by an adult who stands with both arms hanging before and after, unless the action
says otherwise; with a second person only where the action is between two. For each attribute below, say at which level
it is expected: 0, 0.25, 0.5, 0.75 or 1. Levels 0, 0.5 and 1 are explained; 0.25 and 0.75 lie between. Write "?" only
where the action leaves it open. "Neutral" is the level of somebody who merely stands still.

Words: the lead hand (arm) is the one that moves more, the other hand is the other one; so for the legs. Forward, right
and up are the performer's own. T is the torso length, from hips to shoulders. Hanging hands are 1.4 T below the
shoulders. The rest posture is that before or after the action.

Attributes:
{attributes}

Answer with one JSON object and nothing else. Its keys are the names of the attributes above, all {count} of them, each
with a level: {{"{first}": 0.5, ...}}"""


def form_question(name: str, asked: Sequence[Attribute], texts: Sequence[str] = ()) -> str:
    """The question about some attributes of a class.

    Args:
        name: of the class.
        asked: the attributes.
        texts: sentences that describe the class.
    """
    lines = []
    for a in asked:
        neutral = '"?"' if a.neutral is None else f"{a.neutral:g}"
        lines.append(f"- {a.name}: {a.about}. 0: {a.zero}; 0.5: {a.half}; 1: {a.one}. Neutral: {neutral}.")
    described = "".join(f"{sentence}\n" for sentence in texts)
    return _TASK.format(
        name=json.dumps(name, ensure_ascii=False),
        texts=f"This is how it is done:\n{described}" if described else "",
        attributes="\n".join(lines),
        count=len(asked),
        first=asked[0].name,
    )


def question_parts(longest: int) -> tuple[tuple[str, ...], ...]:
    """Topics that are asked about together: as many as fit into a question of ``longest`` bytes, at least one."""
    parts: list[list[str]] = []
    for topic in TOPICS:
        together = [*parts[-1], topic] if parts else []
        if together and len(form_question("", attributes_of(together)).encode()) <= longest:
            parts[-1].append(topic)
        else:
            parts.append([topic])
    return tuple(map(tuple, parts))


def attributes_of(topics: Sequence[str]) -> tuple[Attribute, ...]:
    """The attributes of some topics, in the order of the list."""
    return tuple(a for a in attributes() if a.topic in topics)


def answer_schema(asked: Sequence[Attribute]) -> dict[str, Any]:
    """JSON schema of an answer: each attribute, with one of the levels."""
    level = {"enum": [*LEVELS, UNKNOWN]}
    return {
        "type": "object",
        "properties": {a.name: level for a in asked},
        "required": [a.name for a in asked],
        "additionalProperties": False,
    }


def answer_faults(answer: Mapping[str, Any], asked: Sequence[Attribute]) -> list[str]:
    """What in an answer is off the schema, a sentence each."""
    names = [a.name for a in asked]
    faults = [f"the key {name!r} is missing" for name in names if name not in answer]
    faults += [f"the key {str(key)[:60]!r} was not asked for" for key in answer if key not in names]
    for name in names:
        if name in answer and not _is_level(answer[name]):
            shown = ascii(answer[name])[:40]
            faults.append(f'{name!r} must be one of 0, 0.25, 0.5, 0.75, 1 and "?", got {shown}')
    return faults


def _is_level(value: Any) -> bool:
    return value == UNKNOWN if isinstance(value, str) else not isinstance(value, bool) and value in LEVELS
