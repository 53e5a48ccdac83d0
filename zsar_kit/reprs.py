"""How objects and names show themselves in a console, in a notebook, in a table: short, and never as markup.

Names come from files that others wrote. Each place where they are shown has one function that keeps them plain text:
:func:`visible` and :func:`one_line` a terminal, :func:`escaped` Markdown that is rendered as HTML,
:func:`plain_markdown` a table that is also read as it is, :func:`figure_markup` plotly, :func:`csv_cell` a spreadsheet.
"""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

_MARKDOWN = re.compile(r"([\\`*_\[\]#|~$])")
#: control characters but for tab and line feed, what reverses the direction of text, and halves of surrogate pairs
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
#: what Markdown could take for markup, apart from underscores inside a word, lists of numbers and single asterisks
_COULD_BE_MARKUP = re.compile(r"([\\`|$]|\*(?=\S)|(?<=\S)\*|~(?=~)|(?<!\w)_|_(?!\w)|(?<=\])[(\[:])")
_ENTITY = re.compile(r"&(?=#?\w+;)")
#: first characters by which a spreadsheet tells a formula, or which it drops before it looks
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@runtime_checkable
class HasShape(Protocol):
    """An array or a tensor."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        ...

    @property
    def dtype(self) -> Any:
        """Type of the elements."""
        ...


def shape_of(array: HasShape) -> str:
    """The shape of an array or tensor, e.g. ``[60, 384]``."""
    return str(list(array.shape))


def described(value: Any) -> str:
    """An array as its type and shape, such as ``float32[64, 256]``; a mapping by its keys; anything else as it is."""
    if isinstance(value, HasShape):
        return f"{str(value.dtype).removeprefix('torch.')}{shape_of(value)}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {described(v)}" for key, v in value.items()) + "}"
    return repr(value)


class ShownByShape:
    """Base class of dataclasses that hold arrays: their ``repr`` is one line."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__repr__" not in vars(cls):
            cls.__repr__ = ShownByShape.__repr__  # the dataclass decorator leaves a class's own methods alone

    def __repr__(self) -> str:
        assert dataclasses.is_dataclass(self)
        values = ", ".join(f"{f.name}={described(getattr(self, f.name))}" for f in dataclasses.fields(self) if f.repr)
        return f"{type(self).__name__}({values})"


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number and its noun: ``1 class``, ``2 classes``, ``2 sequences``; ``plural`` for irregular ones."""
    ending = "es" if noun.endswith(("s", "x")) else "s"
    return f"{number} {noun if number == 1 else plural or noun + ending}"


def listed(names: Sequence[object], most: int = 5) -> str:
    """``a, b, c and 4 more``.

    Args:
        names: what to list.
        most: how many are named before the others are only counted.
    """
    shown, more = ", ".join(str(name) for name in names[:most]), len(names) - most
    return f"{shown} and {more} more" if more > 0 else shown


def shortened(text: object, most: int = 80) -> str:
    """The beginning of a text in one line, with ``...`` where something is left out."""
    line = " ".join(str(text).split())
    return line if len(line) <= most else f"{line[: most - 3]}..."


def short_path(path: str | Path, most: int = 80) -> str:
    """The end of a path, quoted, with ``...`` where something is left out."""
    text = str(path)
    return repr(text if len(text) <= most else f"...{text[3 - most :]}")


def visible(text: object) -> str:
    """A text without characters that steer a terminal or hide what is there; a replacement character stands for each.

    Tabs and line ends stay.
    """
    return _INVISIBLE.sub("\ufffd", str(text))


def one_line(text: object) -> str:
    """A :func:`visible` text on one line."""
    return " ".join(visible(" ".join(str(text).split())).split())


def escaped(text: object) -> str:
    """A text on one line, safe in Markdown that is rendered as HTML."""
    return _MARKDOWN.sub(r"\\\1", html.escape(one_line(text), quote=False))


class Marked(str):
    """A text that is Markdown already, made of parts that are escaped; :func:`plain_markdown` leaves it alone."""

    __slots__ = ()


def plain_markdown(text: object) -> str:
    """A text on one line for Markdown that people also read unrendered: only what could become markup is escaped.

    ``linear_cosine``, ``[3, 4]`` and ``a & b`` stay as they are; ``<``, ``|``, backticks, emphasis and links do not.
    """
    if isinstance(text, Marked):
        return text
    return _COULD_BE_MARKUP.sub(r"\\\1", _ENTITY.sub("&amp;", one_line(text)).replace("<", "&lt;"))


def as_code(text: object) -> str:
    """A text in Markdown's code style, between more backticks than it has in a row."""
    line = one_line(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{space}{line}{space}{fence}"


def figure_markup(text: object) -> str:
    """A text on one line that plotly shows as it is: neither tags, nor links, nor formulas between dollar signs."""
    return html.escape(one_line(text), quote=False).replace("$", "&#36;").replace("%{", "%&#123;")


def csv_cell(text: str) -> str:
    """A text cell of a CSV file that no spreadsheet takes for a formula; :func:`csv_text` gives the text back.

    An apostrophe is put before a text that starts with ``=``, ``+``, ``-``, ``@``, a tab or a line end, perhaps behind
    apostrophes of its own. Numbers are written as they are.
    """
    return f"'{text}" if text.lstrip("'").startswith(_FORMULA) else text


def csv_text(cell: str) -> str:
    """The text behind :func:`csv_cell`."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA) else cell


def markdown_table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; every cell is escaped."""
    lines = [[escaped(cell) for cell in header], ["---"] * len(header)]
    lines += [[escaped(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
