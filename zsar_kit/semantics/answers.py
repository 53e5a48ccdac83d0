"""A language model's answer about one class, checked against the schema; all faults are listed for the model to fix."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from zsar_kit.errors import TextError
from zsar_kit.semantics.check import check_texts
from zsar_kit.semantics.text_files import class_table
from zsar_kit.semantics.texts import BODY_PARTS, GROUPS, Context

WORDS = ("label", "definition", "motion", "noun", "verb")
KEYS = (*WORDS, "key_parts", *GROUPS, "contexts")
"""Keys of an answer, in the order of our text files."""

_COLUMNS = tuple(Context.__dataclass_fields__)
_PLACE = "the answer"


class AnswerError(TextError):
    """An answer cannot be used.

    Args:
        faults: everything that is wrong with it, a sentence each.
        where: the class.
    """

    def __init__(self, faults: Iterable[str], where: str):
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults), where=where)


def answer_table(
    answer: str,
    class_id: int,
    name: str,
    *,
    others: Iterable[Mapping[str, Any]] = (),
    vocabulary: Collection[str] | None = None,
) -> dict[str, Any]:
    """The ``[[class]]`` table in an answer.

    Args:
        answer: what the model said; the object may be inside a code fence or surrounded by other text.
        class_id: id of the class.
        name: official name of the class.
        others: tables of other classes, none of whose sentences may be repeated.
        vocabulary: see :func:`~zsar_kit.semantics.check.check_texts`.

    Raises:
        TextError: no JSON object, a missing, unknown or repeated key, a value of the wrong form, or texts
            that are not fit for use; an :class:`AnswerError`, whose ``faults`` list everything that was found.
        MissingModelError: as in :func:`~zsar_kit.semantics.check.check_texts`.
    """
    place = f"the answer for class {class_id} ({name!r})"
    content = object_in(answer, place, ("label", "motion", "contexts"))
    if faults := _form_faults(content):
        raise AnswerError(faults, place)
    table: dict[str, Any] = {"id": class_id, "name": name, **{key: _clean(content[key]) for key in KEYS}}
    table["contexts"] = [[row[column] for column in _COLUMNS] for row in table["contexts"]]
    try:
        texts = class_table(table, _PLACE)
    except TextError as error:
        raise AnswerError([_told(str(error.where), error.problem, error.remedy or "")], place) from None
    faults = [_told(f.where, f.problem, f.remedy) for f in check_texts(texts, vocabulary=vocabulary)]
    if faults := [*faults, *_repeats(table, others)]:
        raise AnswerError(faults, place)
    return table


def object_in(answer: str, place: str, keys: Collection[str]) -> dict[str, Any]:
    """The JSON object in an answer: the first with one of some top-level keys, which nested objects do not have.

    Args:
        answer: what the model said; the object may be inside a code fence or surrounded by other text.
        place: for messages.
        keys: some keys of the object.

    Raises:
        AnswerError: there is no such object, or it is malformed.
    """
    text = re.sub(r"<think>.*?</think>", "", answer, flags=re.DOTALL)
    decoder = json.JSONDecoder(object_pairs_hook=_without_repeats)
    first_fault, start = "", text.find("{")
    if start < 0:
        raise AnswerError(["there is no JSON object in the answer"], place)
    while start >= 0:
        end = start + 1
        try:
            found, end = decoder.raw_decode(text, start)
            if set(found) & set(keys):
                return found
        except (ValueError, RecursionError) as error:
            first_fault = first_fault or str(error)
        start = text.find("{", end)
    raise AnswerError([f"the JSON object is malformed: {first_fault or 'it has none of the keys asked for'}"], place)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise ValueError(f"the key {twice[0][:80]!r} occurs twice")
    return dict(pairs)


def _form_faults(content: Mapping[str, Any]) -> list[str]:
    """What is wrong with keys and types."""
    faults = _key_faults(content, KEYS, "")
    faults += [f for key in WORDS if key in content for f in _string_faults(content[key], f"'{key}'")]
    for group, members in GROUPS.items():
        faults += _record_faults(content[group], members, f"'{group}'") if group in content else []
    chosen = content.get("key_parts", ["hand"])
    if not isinstance(chosen, list) or not chosen or not all(isinstance(p, str) and p in BODY_PARTS for p in chosen):
        faults.append(f"'key_parts' must be a list of some of {list(BODY_PARTS)}, got {_shown(chosen)}")
    elif len(set(chosen)) < len(chosen):
        faults.append(f"'key_parts' names a body part twice: {_shown(chosen)}")
    rows = content.get("contexts", [])
    if not isinstance(rows, list):
        return [*faults, f"'contexts' must be a list of objects, got {_shown(rows)}"]
    return faults + [f for i, row in enumerate(rows, 1) for f in _record_faults(row, _COLUMNS, f"'contexts' row {i}")]


def _record_faults(value: Any, members: tuple[str, ...], place: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{place} must be an object with the keys {list(members)}, got {_shown(value)}"]
    faults = _key_faults(value, members, f" of {place}")
    return faults + [f for m in members if m in value for f in _string_faults(value[m], f"'{m}' of {place}")]


def _key_faults(value: Mapping[str, Any], known: tuple[str, ...], place: str) -> list[str]:
    missing = [f"the key {key!r}{place} is missing" for key in known if key not in value]
    return missing + [f"the key {_shown(key)}{place} was not asked for" for key in value if key not in known]


def _string_faults(value: Any, place: str) -> list[str]:
    if not isinstance(value, str) or not value.strip():
        return [f"{place} must be a string with a text, got {_shown(value)}"]
    return [] if _clean(value).isprintable() else [f"{place} holds characters that cannot be printed: {_shown(value)}"]


def _clean(value: Any) -> Any:
    """The value, with runs of white space in its strings collapsed to one blank."""
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, dict):
        return {key: _clean(member) for key, member in value.items()}
    return [_clean(member) for member in value]


def _repeats(table: Mapping[str, Any], others: Iterable[Mapping[str, Any]]) -> list[str]:
    return [
        f"'{key}' is word for word that of the class {other['name']!r}. Say what differs"
        for other in others
        for key in ("definition", "motion")
        if other["name"] != table["name"] and other[key] == table[key]
    ]


def _told(where: str, problem: str, remedy: str) -> str:
    """A finding as told to the model: of its place, only the row means anything there."""
    row = re.search(r"(\w+) row (\d+)$", where)
    return f"{f'{row[1]!r} row {row[2]}: ' if row else ''}{problem}. {remedy}".strip()


def _shown(value: Any) -> str:
    # ascii(), because an answer may contain characters that cannot be written to a file.
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
