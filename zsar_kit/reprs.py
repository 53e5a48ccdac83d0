"""How objects show themselves in a console and in a notebook: short lines and small tables, never whole arrays."""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

_MARKDOWN = re.compile(r"([\\`*_\[\]#|~$])")


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


def escaped(text: object) -> str:
    """A text on one line, safe in Markdown that is rendered as HTML."""
    return _MARKDOWN.sub(r"\\\1", html.escape(" ".join(str(text).split()), quote=False))


def markdown_table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; every cell is escaped."""
    lines = [[escaped(cell) for cell in header], ["---"] * len(header)]
    lines += [[escaped(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
