"""Forms filled by a language model: each question asked twice, and what the two answers agree on.

A question is about the attributes of one or more topics of one class. All answers are kept in a folder beside the form,
so that an interrupted run resumes where it stopped: run the same command again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from zsar_kit.errors import ConfigError, TextError
from zsar_kit.primitives.attributes import Attribute, attribute_names, attributes
from zsar_kit.primitives.form_prompt import (
    answer_faults,
    answer_schema,
    attributes_of,
    form_question,
    question_parts,
)
from zsar_kit.primitives.form_writer import equal_classes, form_text, write_form
from zsar_kit.primitives.forms import UNKNOWN, Form
from zsar_kit.reprs import counted
from zsar_kit.semantics.answer_store import AnswerStore, ClassRecord
from zsar_kit.semantics.answers import AnswerError, object_in
from zsar_kit.semantics.asking import Asking
from zsar_kit.semantics.estimate import Cost, Estimate, GenerateConfig, estimated
from zsar_kit.semantics.generate import answers_folder, checked_names
from zsar_kit.semantics.text_files import load_texts
from zsar_kit.semantics.text_models import TextModel

log = logging.getLogger("zsar_kit")
#: answers to each question, and the greatest difference of levels that is still agreement
SAMPLES, STEP = 2, 0.25
#: text sets from which a question quotes how the action is done
QUOTED = ("definition", "motion", "phases")
#: bytes of an attribute in an answer
_ANSWER_BYTES = 30


@dataclass(frozen=True)
class FormReport:
    """The outcome of :func:`generate_form`.

    Attributes:
        out: the form; None while a question has no acceptable answer.
        answers: the folder of answers.
        classes: number of classes.
        failed: questions without an acceptable answer, each with the faults of the last one.
        undecided: share of levels that became unknown because the two answers differ by more than a step.
        findings: classes that nothing tells apart.
        cost: of this run, as reported by the endpoint.
    """

    out: Path | None
    answers: Path
    classes: int
    failed: tuple[tuple[str, str], ...]
    undecided: float
    findings: tuple[str, ...]
    cost: Cost

    def __str__(self) -> str:
        lines = [f"{counted(self.classes, 'class')}. This run: {self.cost}."]
        lines += [f"{name}: no answer passed; the last one: {fault}" for name, fault in self.failed]
        if self.out is None:
            remedy = "Run the same command again to ask for these alone, with more attempts or another model."
            return "\n".join([*lines, f"No form yet; all answers are kept in {self.answers}. {remedy}"])
        lines += [f"{self.undecided:.1%} of the levels are unknown because the two answers disagree.", *self.findings]
        return "\n".join([*lines, f"Form: {self.out}", f"Answers: {self.answers}"])


@dataclass(frozen=True)
class _Question:
    """One question about one class, asked for the ``sample``-th time."""

    class_id: int
    asked: tuple[Attribute, ...]
    sample: int
    record: ClassRecord


def estimate_form(
    names: Sequence[str],
    model: TextModel,
    config: GenerateConfig,
    out: str | Path,
    *,
    texts: str = "",
    longest: int = 16000,
) -> Estimate:
    """What :func:`generate_form` would still have to ask, and what it would cost; nothing is sent.

    Raises:
        ConfigError, TextError: as :func:`generate_form`.
    """
    return _estimate(_questions(checked_names(names), _store(Path(out)), texts, longest), config, model)


def generate_form(
    names: Sequence[str],
    model: TextModel,
    config: GenerateConfig,
    out: str | Path,
    *,
    dataset: str,
    texts: str = "",
    longest: int = 16000,
    progress: bool = True,
    on_note: Callable[[str], None] | None = None,
) -> FormReport:
    """Have a language model fill the form of every class, twice, and write what both answers agree on.

    Levels of the two answers that are equal are taken, of two that differ by one step the mean; where they differ by
    more, or only one of them is unknown, the level is unknown.

    Args:
        names: class names in label order.
        model: the model to ask.
        config: settings of the run; a temperature of 0 is refused, since both answers would be one.
        out: the form, ``.toml``; the folder ``.answers`` beside it keeps all answers. It is written once every question
            is answered; an earlier file with other content is renamed to end in ``.old``.
        dataset: name of the data set.
        texts: data set or file with texts of the classes, quoted in the questions; classes are found by name.
        longest: longest question in bytes; a form that needs more is asked for topic by topic.
        progress: show a bar.
        on_note: receives the estimate before anything is sent; by default it is logged.

    Raises:
        ConfigError: the run could cost more than ``max_price``, the temperature is 0, the data set has no name, or
            ``out`` is not a ``.toml`` path or a file that was not generated exists there; nothing was sent.
        TextError: the names are unusable, a class has no text, or a stored answer is damaged; nothing was sent.
        MissingModelError: the model cannot be reached: earlier answers are kept.
    """
    names, out = checked_names(names), Path(out)
    if not dataset.strip() or not dataset.isprintable():
        raise ConfigError(f"the data set must have a name, got {dataset!r}", remedy="Give it with `--dataset NAME`.")
    if config.temperature == 0.0:
        problem = "two answers at temperature 0 are the same, so that they would always agree"
        raise ConfigError(problem, where="temperature", remedy="Take one above 0, such as 0.7.")
    store = _store(out)
    questions = _questions(names, store, texts, longest)
    estimate = _estimate(questions, config, model)
    estimate.require_price(config.max_price)
    (on_note or log.info)(str(estimate))
    cost = _ask(questions, store, model, config, progress)
    failed = tuple((q.record.name, "; ".join(q.record.answers[-1].faults)) for q in questions if q.record.table is None)
    if failed:
        return FormReport(None, store.folder, len(names), failed, 0.0, (), cost)
    levels, undecided = _agreed(questions, len(names))
    form = Form(dataset, "language model", tuple(range(len(names))), names, levels)
    models = sorted({q.record.answers[-1].model for q in questions})
    comment = f"Levels by the language model {', '.join(models)}, two answers each; they are in {store.folder.name}."
    if out.exists() and out.read_text(encoding="utf-8") != form_text(form, comment):
        out.replace(out.with_name(f"{out.name}.old"))
    write_form(form, out, comment)
    return FormReport(out, store.folder, len(names), (), undecided, tuple(equal_classes(form)), cost)


def _store(out: Path) -> AnswerStore:
    return AnswerStore(answers_folder(out), _check_table)


def _check_table(table: dict[str, Any], place: str) -> None:
    asked = tuple(a for a in attributes() if a.name in table)
    if faults := answer_faults(table, asked):
        raise TextError("; ".join(faults), where=place)


def _questions(names: Sequence[str], store: AnswerStore, texts: str, longest: int) -> list[_Question]:
    sentences = _sentences(names, texts)
    parts = question_parts(longest)
    found = []
    for class_id, name in enumerate(names):
        for number, topics in enumerate(parts, start=1):
            asked = attributes_of(topics)
            prompt = form_question(name, asked, sentences[class_id])
            for sample in range(1, SAMPLES + 1):
                part = f"part {number} of {len(parts)}, " if len(parts) > 1 else ""
                record = store.record(f"{name} ({part}answer {sample})", prompt)
                found.append(_Question(class_id, asked, sample, record))
    return found


def _sentences(names: Sequence[str], source: str) -> list[list[str]]:
    """Sentences that describe each class; none without a source."""
    if not source:
        return [[] for _ in names]
    texts = load_texts(source)
    known = {name.casefold(): entry for name, entry in zip(texts.names, texts.by_class, strict=True)}
    if missing := [name for name in names if name.casefold() not in known]:
        remedy = "Generate its texts first, or leave out --texts."
        raise TextError(f"the texts have no class called {missing[0]!r}", where=texts.source, remedy=remedy)
    return [[s for text_set in QUOTED for s in known[name.casefold()].get(text_set, ())] for name in names]


def _estimate(questions: Sequence[_Question], config: GenerateConfig, model: TextModel) -> Estimate:
    waiting = [q for q in questions if q.record.table is None]
    size = _ANSWER_BYTES * max((len(q.asked) for q in waiting), default=1)
    resumed = [q.record.last is not None for q in waiting]
    prompts = [q.record.prompt for q in waiting]
    return estimated(prompts, resumed, config, model.retries, answer_bytes=size, what="question")


def _ask(
    questions: Sequence[_Question], store: AnswerStore, model: TextModel, config: GenerateConfig, progress: bool
) -> Cost:
    spent: list[tuple[int, int]] = []
    with tqdm(questions, disable=not progress, unit="question", leave=False) as bar:
        for question in bar:
            if question.record.table is None:
                seeded = replace(config, seed=config.seed + 1000 * (question.sample - 1))
                asking = Asking(store, model, seeded, _reader(question.asked), answer_schema(question.asked), spent)
                asking.ask(question.class_id, question.record, [])
    return Asking(store, model, config, _reader(()), None, spent).cost


def _reader(asked: tuple[Attribute, ...]) -> Callable[[str, int, str, Sequence[dict[str, Any]]], dict[str, Any]]:
    """Reads the levels of some attributes from an answer."""

    def read(text: str, class_id: int, name: str, others: Sequence[dict[str, Any]]) -> dict[str, Any]:
        del others
        place = f"the answer for class {class_id}, {name!r}"
        answer = object_in(text, place, [a.name for a in asked])
        if faults := answer_faults(answer, asked):
            raise AnswerError(faults, place)
        return {a.name: answer[a.name] for a in asked}

    return read


def _agreed(questions: Sequence[_Question], classes: int) -> tuple[np.ndarray, float]:
    """Levels ``[class, attribute]`` by both answers, and the share that is unknown because they differ."""
    both = np.full((SAMPLES, classes, len(attribute_names())), np.nan, dtype=np.float64)
    for question in questions:
        for name, level in (question.record.table or {}).items():
            if level != UNKNOWN:
                both[question.sample - 1, question.class_id, attribute_names().index(name)] = level
    return agreed(both[0], both[1])


def agreed(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, float]:
    """What two answers agree on.

    ``(a + b) / 2`` where both know and ``abs(a - b)`` is at most :data:`STEP`, else NaN.

    Returns:
        The levels in float32, and the share of levels that at least one answer knows and both together do not.
    """
    near = np.abs(first - second) <= STEP + 1e-6
    levels = np.where(near, 0.5 * (first + second), np.nan).astype(np.float32)
    some = np.isfinite(first) | np.isfinite(second)
    return levels, float((some & ~near).mean())
