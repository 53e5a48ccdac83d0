"""The answers of ``zsar texts check`` and ``zsar texts show``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zsar_kit.data.splits import class_names, dataset_names
from zsar_kit.errors import ConfigError, TextError, nearest_name
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.reports.markdown import write_between
from zsar_kit.reprs import plain_markdown
from zsar_kit.seeding import numpy_generator
from zsar_kit.semantics.check import check_texts, counts_by_kind
from zsar_kit.semantics.context_sentences import context_sentence
from zsar_kit.semantics.editions import CURRENT, EDITIONS, Edition
from zsar_kit.semantics.findings import KINDS
from zsar_kit.semantics.generate import read_class_list
from zsar_kit.semantics.text_files import builtin_texts, load_texts, own_classes
from zsar_kit.semantics.texts import BASIC_SETS, GROUPS, ClassTexts

REPORTED = ("ntu120", "pku_mmd", "utd_mhad", "nw_ucla", "kinder_gator")
"""Data sets in tables; the kit's other texts are taken over from these."""


def check_text_files(
    sources: Sequence[str], class_list: Path | None, edition: Edition, rules: Edition | None
) -> tuple[str, bool]:
    """Check texts by data set name or path; default: all data sets of the kit.

    Returns:
        The findings, one per line, and whether there are none.

    Raises:
        TextError: a file is malformed or missing.
        ConfigError: a class list is given, but not exactly one text file.
    """
    if class_list is not None and len(sources) != 1:
        raise ConfigError(f"a class list belongs to one text file, got {len(sources)}", where="--classes")
    lines, fit = [], True
    for source in sources or builtin_texts():
        texts = load_texts(source, edition)
        names = _official_names(texts) if class_list is None else read_class_list(class_list)
        findings = check_texts(texts, names=names, rules=rules)
        fit = fit and not findings
        lines += [str(finding) for finding in findings]
        against = "" if names is not None else " (no class list to compare with)"
        lines.append(f"{texts.source}: {len(texts.ids)} classes, {len(findings) or 'no'} findings{against}")
    return "\n".join(lines), fit


def _official_names(texts: ClassTexts) -> Sequence[str] | None:
    return class_names(texts.dataset) if texts.dataset in dataset_names() else None


def count_faults(sources: Sequence[str], write: Path | None) -> str:
    """Faults of each kind in every edition of some data sets' texts, by the current rules, as Markdown.

    Args:
        sources: data set names; default: :data:`REPORTED`.
        write: Markdown file with the markers ``<!-- faults -->`` and ``<!-- /faults -->``, for the table.
    """
    rows = {kind: {"fault": kind, "what": about} for kind, about in KINDS.items()}
    for source in sources or REPORTED:
        counts = []
        for edition in EDITIONS:
            texts = load_texts(source, edition)
            counts.append(counts_by_kind(check_texts(texts, names=_official_names(texts), rules=CURRENT)))
        for kind, row in rows.items():
            row[source] = " → ".join(str(count[kind]) for count in counts)
    table = format_table(list(rows.values()), ["fault", "what", *(sources or REPORTED)])
    if write is not None:
        write_between(write, "faults", table)
    return table


def show_texts(source: str, classes: Sequence[str], edition: Edition, write: Path | None) -> str:
    """Everything that the texts say about some classes, as Markdown.

    Args:
        source: data set name or path.
        classes: class ids or names; default: all.
        edition: edition of the kit's texts.
        write: Markdown file with the markers ``<!-- classes -->`` and ``<!-- /classes -->``, for the pages.
    """
    texts = load_texts(source, edition)
    text = "\n".join(class_page(texts, c) for c in [_class_id(texts, c) for c in classes] or texts.ids)
    if write is not None:
        write_between(write, "classes", text)
    return text


def draw_texts(source: str, count: int, seed: int, edition: Edition) -> str:
    """Pages of classes drawn at random, for a second reader; the same seed draws the same classes in every edition.

    Args:
        source: data set name or path; ``all`` draws from all data sets, leaving out classes that share their texts with
            another by their files.
        count: classes to draw.
        seed: of the drawing.
        edition: edition of the kit's texts.

    Raises:
        ConfigError: there are fewer classes.
    """
    known = [load_texts(name, edition) for name in (REPORTED if source == "all" else [source])]
    # Which classes share their texts must not depend on the edition, or the drawing would.
    kept = {texts.dataset: own_classes(texts.dataset) if source == "all" else texts.ids for texts in known}
    pool = [(texts, c) for texts in known for c in kept[texts.dataset]]
    if not 1 <= count <= len(pool):
        raise ConfigError(f"between 1 and {len(pool)} classes can be drawn, got {count}", where="--draw")
    chosen = numpy_generator(seed, "second reader").permutation(len(pool))[:count]
    return "\n".join(class_page(*pool[i]) for i in sorted(chosen.tolist()))


def class_page(texts: ClassTexts, class_id: int) -> str:
    """One class as Markdown."""
    entry = texts.by_class[texts.position(class_id)]
    lines = [f"### {plain_markdown(f'{texts.dataset} {class_id}: {texts.names[texts.position(class_id)]}')}", ""]
    lines += [f"- **{s}**: {plain_markdown(' '.join(entry[s]))}" for s in BASIC_SETS[1:] if s in entry]
    if "noun" in entry and "verb" in entry:
        lines.append(f"- **noun, verb**: {plain_markdown(', '.join((entry['noun'][0], entry['verb'][0])))}")
    if texts.key_parts and texts.key_parts[texts.position(class_id)]:
        lines.append(f"- **key parts**: {', '.join(texts.key_parts_of(class_id))}")
    for group, members in GROUPS.items():
        if group in entry:
            told = (f"*{m}*: {plain_markdown(entry[f'{group}.{m}'][0])}" for m in members)
            lines.append(f"- **{group}**: {' '.join(told)}")
    if "contexts" in entry:
        rows = [{**vars(c), "sentence": context_sentence(c, texts.edition)} for c in texts.contexts_of(class_id)]
        titles = {"environment": "environment", "used_object": "used object", "target_object": "target object"}
        lines += ["", format_table(rows, {**titles, "sentence": "sentence"})]
    return "\n".join(lines) + "\n"


def _class_id(texts: ClassTexts, wanted: str) -> int:
    """A class by id or by name."""
    if wanted.isdecimal():
        return texts.ids[texts.position(int(wanted))]
    folded = [name.casefold() for name in texts.names]
    if wanted.casefold() not in folded:
        raise TextError(f"no class is called {wanted!r}", where=texts.source, remedy=nearest_name(wanted, texts.names))
    return texts.ids[folded.index(wanted.casefold())]
