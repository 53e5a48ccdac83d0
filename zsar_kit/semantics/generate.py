"""Class texts for any class list, written by a language model (SkeletonContext section 3.2), checked, and kept.

The model is asked about one class after another. Every answer is kept in a folder next to the text file, so an
interrupted run resumes where it stopped: run the same command again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from zsar_kit.artefacts import write_atomic
from zsar_kit.errors import ConfigError, TextError
from zsar_kit.reprs import counted, shortened
from zsar_kit.semantics.answer_store import AnswerStore, ClassRecord
from zsar_kit.semantics.answers import answer_table
from zsar_kit.semantics.asking import Asking
from zsar_kit.semantics.check import bert_vocabulary
from zsar_kit.semantics.estimate import Cost, Estimate, GenerateConfig, estimated
from zsar_kit.semantics.prompts import class_prompt
from zsar_kit.semantics.text_models import TextModel
from zsar_kit.semantics.text_writer import toml_text

__all__ = ["Estimate", "GenerateConfig", "GenerateReport", "estimate_texts", "generate_texts", "read_class_list"]

log = logging.getLogger("zsar_kit")


def read_class_list(path: str | Path) -> tuple[str, ...]:
    """Class names, one per line; blank lines and lines that begin with ``#`` are skipped.

    Raises:
        TextError: there is no such file, it is not UTF-8, it has no name, or a name is duplicated or unprintable.
    """
    path = Path(path)
    if not path.is_file():
        raise TextError("the class list does not exist", where=path, remedy="Check the path.")
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        problem = f"a class list must be UTF-8, found byte 0x{content[error.start]:02x}"
        raise TextError(problem, where=f"{path}, line {line}", remedy="Save the file as UTF-8.") from None
    named = [(number, " ".join(line.split())) for number, line in enumerate(text.split("\n"), start=1)]
    named = [(number, name) for number, name in named if name and not name.startswith("#")]
    return checked_names([name for _, name in named], [f"{path}, line {number}" for number, _ in named], str(path))


@dataclass(frozen=True)
class GenerateReport:
    """The outcome of :func:`generate_texts`.

    Args:
        out: the text file; None while a class has no texts.
        answers: the folder of answers.
        classes: number of classes in the list.
        accepted: classes that have their texts.
        failed: classes without an acceptable answer, each with the faults of the last one.
        cost: of this run, as reported by the endpoint.
    """

    out: Path | None
    answers: Path
    classes: int
    accepted: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    cost: Cost

    def __repr__(self) -> str:
        return (
            f"GenerateReport({len(self.accepted)} of {counted(self.classes, 'class', 'classes')}, "
            f"{len(self.failed)} failed, out {shortened(str(self.out), 80)!r})"
        )

    def __str__(self) -> str:
        lines = [f"{len(self.accepted)} of {self.classes} classes have their texts. This run: {self.cost}."]
        lines += [f"{name!r}: no answer passed; the last one: {fault}" for name, fault in self.failed]
        if self.out is not None:
            return "\n".join([*lines, f"Texts: {self.out}", f"Answers: {self.answers}"])
        remedy = "Run the same command again to ask for these alone, with more attempts or another model."
        return "\n".join([*lines, f"No text file yet; all answers are kept in {self.answers}. {remedy}"])


def estimate_texts(names: Sequence[str], model: TextModel, config: GenerateConfig, out: str | Path) -> Estimate:
    """What :func:`generate_texts` would still have to ask, and what it would cost; nothing is sent.

    Raises:
        ConfigError: ``out`` is not a ``.toml`` path, or a file that was not generated exists there.
        TextError: the names are unusable, or a stored answer is damaged.
    """
    store = AnswerStore(answers_folder(Path(out)))
    records = [store.record(name, class_prompt(name)) for name in checked_names(names)]
    return _estimate(records, config, model)


def generate_texts(
    names: Sequence[str],
    model: TextModel,
    config: GenerateConfig,
    out: str | Path,
    *,
    dataset: str,
    vocabulary: Collection[str] | None = None,
    progress: bool = True,
    on_note: Callable[[str], None] | None = None,
) -> GenerateReport:
    """Ask a language model for the texts of every class and write them as one text file.

    Args:
        names: class names in label order, see :func:`read_class_list`.
        model: the model to ask.
        config: settings of the run.
        out: the text file, ``.toml``; the folder ``.answers`` next to it keeps all answers. It is written once every
            class has its texts; an earlier file with other content is renamed to end in ``.old``.
        dataset: name of the data set.
        vocabulary: see :func:`~zsar_kit.semantics.check.check_texts`.
        progress: show a bar.
        on_note: receives the estimate before anything is sent; by default it is logged.

    Raises:
        ConfigError: the run could cost more than ``max_price``, ``out`` is not a ``.toml`` path or a file that was not
            generated exists there, or the data set has no name; nothing was sent.
        TextError: the names are unusable, or a stored answer is damaged; nothing was sent.
        MissingModelError: the offline language model, whose vocabulary is used to check answers, is not installed; or
            the model cannot be reached, or writes more than allowed: earlier answers are kept.
    """
    names, out = checked_names(names), Path(out)
    if not dataset.strip() or not dataset.isprintable():
        raise ConfigError(f"the data set must have a name, got {dataset!r}", remedy="Give it with `--dataset NAME`.")
    folder = answers_folder(out)
    words = bert_vocabulary() if vocabulary is None else vocabulary

    def read(text: str, class_id: int, name: str, others: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return answer_table(text, class_id, name, others=others, vocabulary=words)

    job = Asking(AnswerStore(folder), model, config, read)
    records = [job.store.record(name, class_prompt(name)) for name in names]
    estimate = _estimate(records, config, model)
    estimate.require_price(config.max_price)
    (on_note or log.info)(str(estimate))
    with tqdm(records, disable=not progress, unit="class", leave=False) as bar:
        for class_id, record in enumerate(bar):
            if record.table is None:
                job.ask(class_id, record, [r.table for r in records if r.table is not None])
    failed = tuple((r.name, "; ".join(r.answers[-1].faults)) for r in records if r.table is None)
    if not failed:
        _write(out, dataset, records)
    accepted = tuple(r.name for r in records if r.table is not None)
    return GenerateReport(None if failed else out, folder, len(names), accepted, failed, job.cost)


def _estimate(records: Iterable[ClassRecord], config: GenerateConfig, model: TextModel) -> Estimate:
    open_ones = [r for r in records if r.table is None]
    resumed = [r.last is not None for r in open_ones]
    return estimated([r.prompt for r in open_ones], resumed, config, model.retries)


def checked_names(names: Sequence[str], places: Sequence[str] = (), source: str = "") -> tuple[str, ...]:
    """The names, if they can be class names."""
    if not names:
        raise TextError("there is no class name", where=source or None, remedy="Write one class name per line.")
    places = places or [f"class {i}" for i in range(len(names))]
    seen: dict[str, str] = {}
    for name, place in zip(names, places, strict=True):
        if not name.strip() or not name.isprintable():
            raise TextError(f"a class name must be printable words, got {name!r}", where=place)
        if (other := seen.setdefault(name.casefold(), place)) != place:
            raise TextError(
                f"the class {name!r} occurs twice, first in {other}", where=place, remedy="Remove one of the two."
            )
    return tuple(names)


def answers_folder(out: Path) -> Path:
    """The answers folder of a text file, after a check that the file may be written."""
    if out.suffix != ".toml":
        raise ConfigError(f"class texts are written as a .toml file, got {str(out)!r}", remedy="Name it so.")
    folder = out.with_suffix(".answers")
    if out.exists() and not folder.is_dir():
        raise ConfigError(
            f"the file exists, but there is no folder {folder.name} next to it, so it was not generated",
            where=out,
            remedy="Choose another name, or move the file away.",
        )
    return folder


def _write(out: Path, dataset: str, records: Sequence[ClassRecord]) -> None:
    models = sorted({r.answers[-1].model for r in records})
    comment = f"Class texts by the language model {', '.join(models)}; its answers are in {answers_folder(out).name}."
    # A class keeps its table when the list is reordered; its id is its position in the current list.
    tables = [{**(r.table or {}), "id": class_id} for class_id, r in enumerate(records)]
    text = toml_text(dataset, tables, comment)
    if out.exists() and out.read_text(encoding="utf-8") != text:
        out.replace(out.with_name(f"{out.name}.old"))
    write_atomic(out, text)
