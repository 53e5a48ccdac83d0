"""The answers folder next to a generated text file: one JSON file per class, written atomically, so a run can resume.

A file keeps every raw answer that the model gave about its class, with its faults, the question and the cost, and the
accepted table, if any. A class is found by its name, whatever its position in the list.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from zsar_kit.artefacts import read_json, write_json
from zsar_kit.config import digest_of
from zsar_kit.errors import ArtefactError, TextError
from zsar_kit.reprs import counted, shortened
from zsar_kit.semantics.text_files import class_table

SCHEMA = 1
CheckTable = Callable[[dict[str, Any], str], None]


@dataclass(frozen=True)
class Answer:
    """One answer of a model.

    Args:
        text: the answer, raw.
        faults: what is wrong with it; empty where it was accepted.
        model: name of the model.
        prompt: digest of the question.
        options: temperature, seed and longest answer that were asked for.
        prompt_tokens: tokens that were read, as reported; None where the endpoint does not say.
        answer_tokens: tokens that were written; None likewise.
    """

    text: str
    faults: tuple[str, ...]
    model: str
    prompt: str
    options: dict[str, Any]
    prompt_tokens: int | None
    answer_tokens: int | None

    def __repr__(self) -> str:
        state = counted(len(self.faults), "fault") if self.faults else "accepted"
        return f"Answer({shortened(self.text, 40)!r}, {state}, by {shortened(self.model, 40)!r})"


@dataclass
class ClassRecord:
    """What is known about one class.

    Args:
        name: official name.
        prompt: the question.
        answers: all answers, oldest first.
        table: the accepted table.
        path: its file; None before it is written.
    """

    name: str
    prompt: str
    answers: list[Answer] = field(default_factory=list)
    table: dict[str, Any] | None = None
    path: Path | None = None

    def __repr__(self) -> str:
        state = "without accepted texts" if self.table is None else "with accepted texts"
        return f"ClassRecord({shortened(self.name, 40)!r}, {counted(len(self.answers), 'answer')}, {state})"

    @property
    def digest(self) -> str:
        """Twelve digits that identify the question."""
        return digest_of(self.prompt)

    @property
    def last(self) -> Answer | None:
        """The last answer to this question, if any."""
        return self.answers[-1] if self.answers and self.answers[-1].prompt == self.digest else None


class AnswerStore:
    """The records of a folder.

    Args:
        folder: the folder; it is created with the first answer.
        check: raises where a kept table cannot be used, from the table and its place; by default it must hold the texts
            of a class.

    Raises:
        TextError: a file in it is damaged or was written by another version.
    """

    def __init__(self, folder: Path, check: CheckTable | None = None):
        self.folder = folder
        known = (_read(path, check or _check_texts) for path in sorted(folder.glob("*.json")))
        self._known = {r.name: r for r in known}

    def __repr__(self) -> str:
        return f"AnswerStore({shortened(str(self.folder), 120)!r}, {counted(len(self._known), 'class', 'classes')})"

    def record(self, name: str, prompt: str) -> ClassRecord:
        """The record of a class, a new one if there is none; its table is kept only if the question is the same."""
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = ClassRecord(name, prompt)
        elif known.prompt != prompt:
            known.prompt, known.table = prompt, None
        return known

    def save(self, class_id: int, record: ClassRecord) -> None:
        """Write one record atomically."""
        record.path = record.path or self._free_path(class_id, record.name)
        content = {
            "schema": SCHEMA,
            "class": {"id": class_id, "name": record.name},
            "prompt": {"digest": record.digest, "text": record.prompt},
            "answers": [asdict(answer) for answer in record.answers],
            "table": record.table,
        }
        write_json(record.path, content)

    def _free_path(self, class_id: int, name: str) -> Path:
        """The path of a class: its id and name, and a number if a class of an earlier list already uses that path."""
        taken = {r.path for r in self._known.values()}
        slug = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:60].strip("-") or "class"
        names = (f"{class_id:03d}-{slug}{suffix}.json" for suffix in ("", *(f"-{n}" for n in range(2, len(taken) + 3))))
        return next(self.folder / n for n in names if self.folder / n not in taken)


def _check_texts(table: dict[str, Any], place: str) -> None:
    class_table(table, place)


def _read(path: Path, check: CheckTable) -> ClassRecord:
    remedy = "Remove the file to have the class asked again, or restore it."
    try:
        content = read_json(path)
    except ArtefactError as error:
        raise TextError(f"the kept answers are damaged: {error.problem}", where=path, remedy=remedy) from None
    try:
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']!r} instead of {SCHEMA}")
        answers = [Answer(**{**a, "faults": tuple(a["faults"])}) for a in content["answers"]]
        record = ClassRecord(content["class"]["name"], content["prompt"]["text"], answers, content["table"], path)
        if record.table is not None:
            check(record.table, str(path))
    except (KeyError, TypeError, ValueError, TextError) as error:
        raise TextError(f"the kept answers are damaged: {error}", where=path, remedy=remedy) from None
    return record
