"""Forms written and changed, in the TOML that :func:`~zsar_kit.primitives.forms.read_form` reads back as the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from zsar_kit.artefacts import write_atomic
from zsar_kit.errors import TextError, ids_told, nearest_name
from zsar_kit.primitives.attributes import TOPICS, Attribute, attribute_names, attributes
from zsar_kit.primitives.forms import MEAN, UNKNOWN, Form, equal_rows, form_datasets, levels_from, load_form
from zsar_kit.reprs import listed, one_line


def form_text(form: Form, comment: str = "") -> str:
    """A form as a TOML file: for each class its id, its name, and by topic the levels that are not neutral."""
    lines = [f"# {one_line(comment)}"] if comment else []
    lines.append(f"dataset = {_string(form.dataset)}")
    for class_id, name, levels in zip(form.class_ids, form.class_names, form.levels, strict=True):
        lines += ["", "[[class]]", f"id = {class_id}", f"name = {_string(name)}"]
        for topic in TOPICS:
            named = [
                f"{a.name} = {written(level)}"
                for a, level in zip(attributes(), levels.tolist(), strict=True)
                if a.topic == topic and not is_neutral(a, level)
            ]
            if named:
                lines.append(f"{topic} = {{ {', '.join(named)} }}")
    return "\n".join(lines) + "\n"


def is_neutral(attribute: Attribute, level: float) -> bool:
    """Whether a level is the one of somebody who stands still, so that a form need not name it."""
    return bool(np.isnan(level)) if attribute.neutral is None else level == attribute.neutral


def written(level: float) -> str:
    """A level as a form names it: the shortest number that reads back as the same, or ``"?"``."""
    if np.isnan(level):
        return f'"{UNKNOWN}"'
    return np.format_float_positional(np.float32(level), trim="-")


def _string(text: str) -> str:
    """A JSON string is a TOML string, except that TOML escapes one more control character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def write_form(form: Form, path: str | Path, comment: str = "") -> Path:
    """Write a form, whole or not at all.

    Raises:
        TextError: the path does not end in ``.toml``; or a class name has characters that cannot be printed.
    """
    path = Path(path)
    if path.suffix != ".toml":
        raise TextError(f"a form is a .toml file, got {path.name!r}", where=path.parent, remedy="Name it so.")
    for name in form.class_names:
        checked_name(name)
    write_atomic(path, form_text(form, comment))
    return path


def checked_name(name: str) -> str:
    """A class name on one line.

    Raises:
        TextError: it is empty or not printable.
    """
    line = " ".join(name.split())
    if not line or not line.isprintable():
        raise TextError(f"a class name must be printable words, got {name!r}", remedy="Type its words.")
    return line


def class_of(source: str, author: str = MEAN) -> tuple[str, Float32[np.ndarray, " attribute"]]:
    """Name and levels of a class of the kit, named as ``ntu120:22`` or ``ntu120:hand waving``.

    Raises:
        TextError: there is no such data set or class; the nearest name is offered.
    """
    dataset, _, wanted = source.partition(":")
    if dataset not in form_datasets():
        raise TextError(f"the kit has no form of data set {dataset!r}", remedy=nearest_name(dataset, form_datasets()))
    form = load_form(dataset, author)
    class_id = find_class(form, wanted)
    return form.class_names[form.class_ids.index(class_id)], form.of(class_id)


def find_class(form: Form, wanted: str) -> int:
    """The id of a class by its id or its name.

    Raises:
        TextError: there is none; the nearest name is offered.
    """
    text = wanted.strip()
    if text.isdecimal() and int(text) in form.class_ids:
        return int(text)
    names = [name.casefold() for name in form.class_names]
    if text.casefold() not in names:
        place = f"form of {form.dataset}"
        if text.isdecimal():
            raise TextError(f"no class has the id {text}", where=place, remedy=ids_told(form.class_ids))
        raise TextError(f"no class is called {wanted!r}", where=place, remedy=nearest_name(text, form.class_names))
    return form.class_ids[names.index(text.casefold())]


def with_class(form: Form | None, name: str, levels: Float32[np.ndarray, " attribute"], dataset: str = "") -> Form:
    """A form with one more class, or a new form of this class alone.

    Args:
        form: the form so far, or None.
        name: of the class.
        levels: of the class.
        dataset: name of a new form.

    Raises:
        TextError: the name is no name, or the form has it already.
    """
    name, row = checked_name(name), np.asarray(levels, dtype=np.float32)[None]
    if form is None:
        return Form(dataset or "mine", MEAN, (0,), (name,), row)
    if name.casefold() in [other.casefold() for other in form.class_names]:
        raise TextError(f"the form has a class {name!r} already", where=form.dataset, remedy="Set its levels instead.")
    ids = (*form.class_ids, max(form.class_ids) + 1)
    return replace(
        form, class_ids=ids, class_names=(*form.class_names, name), levels=np.concatenate([form.levels, row])
    )


def with_levels(form: Form, class_id: int, levels: Mapping[str, float]) -> Form:
    """A form with other levels of a class; attributes that are not named keep theirs.

    Args:
        form: the form.
        class_id: the class.
        levels: attribute to level from 0 to 1; NaN is unknown.

    Raises:
        TextError: there is no such class or attribute, or a level is out of range.
    """
    row = form.of(class_id).copy()
    for name, level in levels.items():
        place = f"class {class_id}, {name}"
        if name not in attribute_names():
            raise TextError(f"unknown attribute {name!r}", where=place, remedy=nearest_name(name, attribute_names()))
        if not (np.isnan(level) or 0.0 <= level <= 1.0):
            raise TextError(f"a level is a number from 0 to 1, or '?', got {level:g}", where=place)
        row[attribute_names().index(name)] = level
    changed = form.levels.copy()
    changed[form.class_ids.index(class_id)] = row
    return replace(form, levels=changed)


def read_settings(settings: tuple[str, ...]) -> dict[str, float]:
    """Levels from words such as ``lead_hand_highest=0.75``, ``duration=?`` and ``twist=neutral``.

    Raises:
        TextError: a word is no such setting.
    """
    found = {}
    neutral = dict(zip(attribute_names(), levels_from({}).tolist(), strict=True))
    for setting in settings:
        name, sign, level = (part.strip() for part in setting.partition("="))
        remedy = "Write attribute=level, with a level from 0 to 1, `?` for unknown, or `neutral`."
        if not sign or not level:
            raise TextError(f"expected attribute=level, got {setting!r}", remedy=remedy)
        if name not in neutral:
            raise TextError(f"unknown attribute {name!r}", remedy=nearest_name(name, attribute_names()))
        try:
            found[name] = float("nan") if level == UNKNOWN else neutral[name] if level == "neutral" else _number(level)
        except ValueError:
            raise TextError(f"{level!r} is no level of {name!r}", remedy=remedy) from None
    return found


def _number(text: str) -> float:
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise ValueError
    return value


def equal_classes(form: Form) -> list[str]:
    """Groups of classes that a form does not tell apart, as sentences."""
    groups = ([repr(form.class_names[row]) for row in group] for group in equal_rows(form.levels))
    return [f"nothing tells these classes apart: {listed(names)}" for names in groups]
