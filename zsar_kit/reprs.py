"""Short views of objects: the pieces of a ``repr`` of one line, and small Markdown tables for notebooks."""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import Protocol, runtime_checkable


@runtime_checkable
class HasShape(Protocol):
    """An array or a tensor."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        ...


def shape_of(array: HasShape) -> str:
    """The shape of an array or tensor, e.g. ``[60, 384]``."""
    return str(list(array.shape))


def clipped(text: str, width: int = 40) -> str:
    """The text, cut to ``width`` characters."""
    return text if len(text) <= width else f"{text[: width - 3]}..."


def counted(number: int, one: str, many: str = "") -> str:
    """A number and its noun, e.g. ``1 class`` or ``60 classes``; ``many`` is ``one`` with an s unless given."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def listed(names: Collection[object], limit: int = 3) -> str:
    """The first names in quotes, and how many more there are."""
    shown = ", ".join(repr(clipped(str(name), 24)) for name in islice(names, limit))
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; headings and cells are escaped, so that no text becomes markup.

    Args:
        headings: of the columns.
        rows: the cells of each row, as many as there are headings.
    """
    lines = [map(_cell, headings), ["---"] * len(headings), *(map(_cell, row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cell(value: object) -> str:
    text = html.escape(" ".join(str(value).split()))
    for mark in "\\`*_|[]~$":
        text = text.replace(mark, f"\\{mark}")
    return text
