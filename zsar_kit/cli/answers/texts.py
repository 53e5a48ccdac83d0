"""What the commands ``zsar texts ...`` do, as functions that return the text to show."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zsar_kit.data.splits import class_names, dataset_names
from zsar_kit.errors import ConfigError, TextError, nearest_name
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.semantics import text_similarity
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.reports.markdown import write_between
from zsar_kit.experiments.reports.text_figures import slot_figure
from zsar_kit.plotting.style import figure_of, save_figure
from zsar_kit.semantics.check import check_texts, reading_ease
from zsar_kit.semantics.generate import GenerateConfig, estimate_texts, generate_texts, read_class_list
from zsar_kit.semantics.local_models import LocalModel
from zsar_kit.semantics.slots import all_slots
from zsar_kit.semantics.text_files import builtin_texts, load_texts
from zsar_kit.semantics.text_models import EndpointModel
from zsar_kit.semantics.texts import BASIC_SETS, GROUPS, ClassTexts

log = logging.getLogger("zsar_kit")
REPORTED = ("ntu120", "pku_mmd", "utd_mhad", "nw_ucla", "kinder_gator")


def check_text_files(sources: Sequence[str], class_list: Path | None) -> tuple[str, bool]:
    """Check texts by data set name or path; all of the kit's where none is named.

    Returns:
        The findings, one a line, and whether there were none.

    Raises:
        TextError: a file is malformed or missing.
        ConfigError: a class list is given for none or several of them.
    """
    if class_list is not None and len(sources) != 1:
        raise ConfigError(f"a class list belongs to one text file, got {len(sources)}", where="--classes")
    lines, fit = [], True
    for source in sources or builtin_texts():
        texts = load_texts(source)
        names = class_names(texts.dataset) if texts.dataset in dataset_names() else None
        if class_list is not None:
            names = read_class_list(class_list)
        findings = check_texts(texts, names=names)
        fit = fit and not findings
        lines += [str(finding) for finding in findings]
        against = "" if names is not None else " (no class list to compare with)"
        lines.append(f"{texts.source}: {len(texts.ids)} classes, {len(findings) or 'no'} findings{against}")
    return "\n".join(lines), fit


def report_texts(
    workspace: Workspace, sources: Sequence[str], language_model: str, write: Path | None, figure_folder: Path | None
) -> str:
    """How the words of each data set are shared, and which classes are nearest by them.

    Args:
        workspace: where encoded texts are kept.
        sources: data set names or paths; the five data sets of the kit where none is named.
        language_model: with which the texts are compared.
        write: a Markdown file whose marks ``<!-- texts -->`` and ``<!-- nearest -->`` enclose the tables' places.
        figure_folder: folder for the figure; none is drawn without it.
    """
    known = [load_texts(source) for source in sources or REPORTED]
    tables = {"texts": report_table(known), "nearest": nearest_table(workspace, sources or REPORTED, language_model)}
    if write is not None:
        for name, table in tables.items():
            write_between(write, name, table)
    if figure_folder is not None:
        save_figure(figure_of(slot_figure(known)), figure_folder / "texts_slots", runs=[])
    return "\n".join(tables.values())


def report_table(known: Sequence[ClassTexts]) -> str:
    """One row for each data set and slot."""
    rows = []
    for texts in known:
        ease = reading_ease(texts.of("motion", c) for c in texts.ids)
        for s in all_slots(texts):
            rows.append(
                {
                    "data set": f"{texts.dataset} ({len(texts.ids)})",
                    "reading ease": f"{ease:.0f}",
                    "slot": s.slot,
                    "words": str(s.words),
                    "of one class only": str(s.unique),
                    "rows with none, %": f"{100 * s.nothing:.0f}",
                    "rows with a shared word, %": f"{100 * s.shared:.0f}",
                    "information on the class, bits": f"{s.information:.2f}",
                    "above chance": f"{s.information - s.by_chance:.2f}",
                }
            )
    return format_table(rows, list(rows[0]))


def nearest_table(workspace: Workspace, sources: Sequence[str], language_model: str, pairs: int = 4) -> str:
    """The most alike pairs of classes of each data set by their motion texts and by their contexts."""
    rows = []
    for source in sources:
        for text_set in ("motion", "contexts"):
            names, matrix = text_similarity(workspace, source, text_set, language_model)
            upper = np.triu(matrix, 1)
            # Classes that share all their texts on purpose are alike by construction.
            upper[upper > 1 - 1e-6] = 0.0
            best = np.argsort(-upper, axis=None, kind="stable")[:pairs]
            for i, j in (np.unravel_index(k, upper.shape) for k in best):
                rows.append(
                    {
                        "data set": source,
                        "texts": text_set,
                        "nearest classes": f"{names[i]} ~ {names[j]}",
                        "cosine": float(upper[i, j]),
                    }
                )
    return format_table(rows, list(rows[0]), digits=2)


def show_texts(source: str, classes: Sequence[str], write: Path | None) -> str:
    """Everything the texts say of some classes, as Markdown.

    Args:
        source: data set name or path.
        classes: class ids or names; all where none is named.
        write: a Markdown file whose marks ``<!-- classes -->`` and ``<!-- /classes -->`` enclose the place.
    """
    texts = load_texts(source)
    text = "\n".join(class_page(texts, c) for c in [_class_id(texts, c) for c in classes] or texts.ids)
    if write is not None:
        write_between(write, "classes", text)
    return text


def class_page(texts: ClassTexts, class_id: int) -> str:
    """One class as Markdown."""
    entry = texts.by_class[texts.position(class_id)]
    lines = [f"### {texts.dataset} {class_id}: {texts.names[texts.position(class_id)]}", ""]
    lines += [f"- **{s}**: {' '.join(entry[s])}" for s in BASIC_SETS[1:] if s in entry]
    if "noun" in entry and "verb" in entry:
        lines.append(f"- **noun, verb**: {entry['noun'][0]}, {entry['verb'][0]}")
    if texts.key_parts and texts.key_parts[texts.position(class_id)]:
        lines.append(f"- **key parts**: {', '.join(texts.key_parts_of(class_id))}")
    for group, members in GROUPS.items():
        if group in entry:
            lines.append(f"- **{group}**: " + " ".join(f"*{m}*: {entry[f'{group}.{m}'][0]}" for m in members))
    if "contexts" in entry:
        rows = [{**vars(c), "sentence": c.sentence} for c in texts.contexts_of(class_id)]
        titles = {"environment": "environment", "used_object": "used object", "target_object": "target object"}
        lines += ["", format_table(rows, {**titles, "sentence": "sentence"})]
    return "\n".join(lines) + "\n"


def _class_id(texts: ClassTexts, wanted: str) -> int:
    """A class by id or by name."""
    if wanted.isdigit():
        return texts.ids[texts.position(int(wanted))]
    folded = [name.casefold() for name in texts.names]
    if wanted.casefold() not in folded:
        raise TextError(f"no class is called {wanted!r}", where=texts.source, remedy=nearest_name(wanted, texts.names))
    return texts.ids[folded.index(wanted.casefold())]


def write_texts(
    class_list: Path,
    out: Path,
    config: GenerateConfig,
    *,
    dataset: str,
    base_url: str,
    key_env: str,
    timeout: float,
    retries: int,
    device: str,
    progress: bool,
    estimate_only: bool,
) -> tuple[str, bool]:
    """Have the texts of a class list written by a language model.

    Returns:
        What came out, and whether every class has its texts now.

    Raises:
        ConfigError: the run could cost more than is allowed.
        MissingModelError: the model is missing, silent, or refuses.
    """
    names = read_class_list(class_list)
    if base_url:
        model = EndpointModel(base_url, config.model, key_env=key_env, timeout=timeout, retries=retries)
    else:
        model = LocalModel(config.model, device)
    if estimate_only:
        return str(estimate_texts(names, model, config, out)), True
    done = generate_texts(
        names,
        model,
        config,
        out,
        dataset=dataset or out.stem,
        progress=progress,
        on_note=lambda text: log.info("%s", text),
    )
    return str(done), done.out is not None
