"""Writes class texts in the form that :mod:`zsar_kit.semantics.text_files` reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from zsar_kit.semantics.texts import GROUPS, PLAIN_SETS


def toml_text(dataset: str, tables: Iterable[Mapping[str, Any]], comment: str) -> str:
    """A text file: a comment, the data set's name, and a ``[[class]]`` table per class, with one context row per line.

    Args:
        dataset: name of the data set.
        tables: the tables, each as :func:`~zsar_kit.semantics.text_files.class_table` takes it.
        comment: the first line, without the leading ``#``.
    """
    lines = [f"# {' '.join(comment.split())}", f"dataset = {_string(dataset)}"]
    for table in tables:
        lines += ["", "[[class]]", f"id = {table['id']:d}"]
        lines += [f"{key} = {_value(table[key])}" for key in (*PLAIN_SETS, "key_parts") if key in table]
        for group, members in GROUPS.items():
            if group in table:
                lines += [f"{group}.{m} = {_value(table[group][m])}" for m in members]
        if "contexts" in table:
            lines += ["contexts = [", *(f"  {_value(row)}," for row in table["contexts"]), "]"]
    return "\n".join(lines) + "\n"


def _value(value: str | list[str]) -> str:
    return _string(value) if isinstance(value, str) else f"[{', '.join(_string(v) for v in value)}]"


def _string(text: str) -> str:
    """A JSON string is a TOML string, except that TOML escapes one more control character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
