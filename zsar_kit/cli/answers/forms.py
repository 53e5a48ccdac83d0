"""The answers of ``zsar form``."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zsar_kit.artefacts import write_atomic
from zsar_kit.errors import ConfigError, TextError
from zsar_kit.evaluation.tables import format_table
from zsar_kit.primitives.attributes import TOPICS, attributes
from zsar_kit.primitives.form_writer import (
    class_of,
    equal_classes,
    find_class,
    form_text,
    is_neutral,
    read_settings,
    with_class,
    with_levels,
    write_form,
    written,
)
from zsar_kit.primitives.forms import Form, levels_from, load_form, read_form
from zsar_kit.primitives.spoken import amount, meaning
from zsar_kit.reprs import counted, one_line, plain_markdown


def show_form(source: str, classes: Sequence[str], author: str, every: bool) -> str:
    """What a form expects of some classes, or which classes it has, as Markdown.

    Args:
        source: data set of the kit, or path.
        classes: ids or names.
        author: of the kit's forms.
        every: neutral levels too.
    """
    form = load_form(source, author)
    if not classes:
        return form._repr_markdown_()
    return "\n".join(_class_page(form, find_class(form, wanted), every) for wanted in classes)


def _class_page(form: Form, class_id: int, every: bool) -> str:
    name = form.class_names[form.class_ids.index(class_id)]
    rows = [
        {
            "topic": a.topic,
            "attribute": a.name,
            "level": "?" if np.isnan(level) else f"{level:.3g}",
            "in units": "" if np.isnan(level) else amount(a, a.value(level)),
            "in words": meaning(a, level),
        }
        for a, level in zip(attributes(), form.of(class_id).tolist(), strict=True)
        if every or not is_neutral(a, level)
    ]
    title = f"### {plain_markdown(f'{form.dataset} {class_id}: {name}')} ({plain_markdown(form.author)})"
    rest = "" if every else "\nThe other attributes are neutral: as of somebody who stands still with hanging arms."
    return f"{title}\n\n{format_table(rows, ['topic', 'attribute', 'level', 'in units', 'in words'])}{rest}\n"


def new_class(path: Path, name: str, like: str, dataset: str) -> str:
    """Add a class to a form, or begin a form; see ``zsar form new``."""
    form = read_form(path) if path.exists() else None
    source, levels = class_of(like) if like else ("somebody who stands still", levels_from({}))
    made = with_class(form, name, levels, dataset or path.stem)
    write_form(made, path)
    class_id = made.class_ids[-1]
    told = f"Class {class_id} ({made.class_names[-1]!r}) has the levels of {source!r} now."
    return f"{path}: {told} Change them with `zsar form set` or `zsar form edit`."


def set_levels(path: Path, wanted: str, settings: Sequence[str]) -> str:
    """Set levels of a class; see ``zsar form set``."""
    form = read_form(path)
    class_id = find_class(form, wanted)
    levels = read_settings(tuple(settings))
    if not levels:
        raise TextError("no level is given", remedy="Write attribute=level, such as lead_hand_highest=0.75.")
    write_form(with_levels(form, class_id, levels), path)
    known = {a.name: a for a in attributes()}
    told = [f"{name} = {written(level)}: {meaning(known[name], level)}" for name, level in levels.items()]
    return "\n".join([f"{path}, class {class_id}:", *told])


def check_forms(paths: Sequence[Path]) -> tuple[str, bool]:
    """Check forms of one's own.

    Returns:
        The findings, and whether there are none.

    Raises:
        TextError: a form cannot be read: the message names class and attribute.
    """
    if not paths:
        raise ConfigError("no form is given", where="zsar form check", remedy="Name one or more .toml files.")
    lines, fit = [], True
    for path in paths:
        form = read_form(path)
        findings = equal_classes(form)
        fit = fit and not findings
        lines += [f"{path}: {one_line(finding)}" for finding in findings]
        lines.append(f"{path}: {counted(len(form.class_ids), 'class')}, {len(findings) or 'no'} findings")
    return "\n".join(lines), fit


def edit_class(path: Path, wanted: str, editor: str) -> str:
    """Have a class edited as text; see ``zsar form edit``.

    Raises:
        ConfigError: there is no editor, or it fails.
        TextError: what was saved is no form of one class; the draft is kept.
    """
    form = read_form(path)
    class_id = find_class(form, wanted)
    command = editor or os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    if not command:
        raise ConfigError("no editor is known", where="zsar form edit", remedy="Set EDITOR, or give it with --editor.")
    draft = path.with_name(f"{path.stem}.class{class_id}.draft.toml")
    if not draft.exists():
        write_atomic(draft, _draft_text(form, class_id))
    try:
        subprocess.run([*shlex.split(command), str(draft)], check=True)
    except (OSError, subprocess.CalledProcessError, ValueError) as error:
        raise ConfigError(f"the editor failed: {error}", where=command, remedy=f"The draft is {draft}.") from None
    changed = read_form(draft)
    if changed.class_ids != (class_id,):
        raise TextError(f"the draft must hold class {class_id} alone", where=draft)
    before, after = form.of(class_id), changed.of(class_id)
    same = (before == after) | (np.isnan(before) & np.isnan(after))
    levels = {a.name: float(after[i]) for i, a in enumerate(attributes()) if not same[i]}
    write_form(with_levels(form, class_id, levels), path)
    draft.unlink()
    return f"{path}, class {class_id}: {counted(len(levels), 'level')} changed"


def _draft_text(form: Form, class_id: int) -> str:
    """A class as TOML with every attribute named, and the meaning of its levels above it."""
    name = form.class_names[form.class_ids.index(class_id)]
    single = Form(form.dataset, form.author, (class_id,), (name,), form.of(class_id)[None])
    lines = form_text(single).splitlines()[:5]
    lines.insert(0, '# Levels are 0 to 1; "?" is unknown. Save and close; an empty topic is neutral throughout.')
    for topic in TOPICS:
        lines += ["", f"[class.{topic}]"]
        for a, level in zip(attributes(), form.of(class_id).tolist(), strict=True):
            if a.topic == topic:
                lines.append(f"# {a.about} | 0: {a.zero} | 0.5: {a.half} | 1: {a.one}")
                lines.append(f"{a.name} = {written(level)}")
    return "\n".join(lines) + "\n"


def attribute_pages(write: Path | None, figures: Path | None) -> str:
    """The list of attributes and the agreement of the authors, as Markdown; see ``zsar form attributes``."""
    from zsar_kit.experiments.reports import form_tables
    from zsar_kit.experiments.reports.markdown import write_between

    pictures = ""
    if figures is not None:
        form_tables.level_figures(figures)
        form_tables.form_figures(figures)
    if write is not None:
        folder = figures or Path("figures/primitives")
        pictures = os.path.relpath(folder, write.parent).replace(os.sep, "/")
    tables = {
        "attributes": form_tables.attribute_page(pictures),
        "agreement": form_tables.agreement_by_dataset(),
        "agreement_by_attribute": form_tables.agreement_by_attribute(),
        "agreement_by_class": form_tables.agreement_by_class(),
    }
    if write is not None:
        for name, table in tables.items():
            write_between(write, name, table)
    return "\n".join(tables.values())
