"""How artefacts show themselves in a console and in a notebook: short lines and small tables, never whole arrays."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

_MARKDOWN = re.compile(r"([\\`*_\[\]#|~$])")


def listed(names: Sequence[object], most: int = 5) -> str:
    """``a, b, c and 4 more``.

    Args:
        names: what to list.
        most: how many are named before the others are only counted.
    """
    shown, more = ", ".join(str(name) for name in names[:most]), len(names) - most
    return f"{shown} and {more} more" if more > 0 else shown


def counted(number: int, noun: str) -> str:
    """``1 class``, ``2 classes``, ``2 sequences``."""
    ending = "" if number == 1 else "es" if noun.endswith(("s", "x")) else "s"
    return f"{number} {noun}{ending}"


def shortened(text: object, most: int = 80) -> str:
    """The beginning of a text in one line, with ``...`` where something is left out."""
    line = " ".join(str(text).split())
    return line if len(line) <= most else f"{line[: most - 3]}..."


def short_path(path: str | Path, most: int = 80) -> str:
    """The end of a path, quoted, with ``...`` where something is left out."""
    text = str(path)
    return repr(text if len(text) <= most else f"...{text[3 - most :]}")


def escaped(text: object) -> str:
    """A text on one line, safe in Markdown that is rendered as HTML."""
    return _MARKDOWN.sub(r"\\\1", html.escape(" ".join(str(text).split()), quote=False))


def markdown_table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; every cell is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    cells = (["---"] * len(line) if line is lines[1] else [escaped(cell) for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"
