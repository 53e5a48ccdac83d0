"""Markdown tables of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zsar_kit.errors import DataError
from zsar_kit.evaluation.statistics import Summary
from zsar_kit.reprs import plain_markdown


def format_value(value: Any, *, digits: int = 1) -> str:
    """One cell: ``mean ± half-width`` for a Summary, ``low – high`` for an interval, nothing for None.

    Texts are escaped by :func:`~zsar_kit.reprs.plain_markdown`.
    """
    if value is None:
        return ""
    if isinstance(value, Summary):
        mean = f"{value.mean:.{digits}f}"
        return mean if value.half_width is None else f"{mean} ± {value.half_width:.{digits}f}"
    if isinstance(value, tuple | list) and len(value) == 2:
        return f"{value[0]:.{digits}f} – {value[1]:.{digits}f}"
    if isinstance(value, float | np.floating):
        return f"{value:.{digits}f}"
    return plain_markdown(value)


def format_table(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | Mapping[str, str], *, digits: int = 1
) -> str:
    """A Markdown table, text aligned left and numbers right, padded so that it is readable as plain text too.

    Args:
        rows: one mapping per row; a missing key or None gives an empty cell (a run that did not finish).
        columns: the keys to show, in order; a mapping also gives their headings.
        digits: decimals of numbers.

    Raises:
        DataError: there is no column.
    """
    headings = dict(columns) if isinstance(columns, Mapping) else {c: c for c in columns}
    if not headings:
        raise DataError("a table needs at least one column, got none", where="columns")
    cells = [[format_value(row.get(key), digits=digits) for key in headings] for row in rows]
    numeric = [
        any(row.get(k) is not None for row in rows) and not any(isinstance(row.get(k), str) for row in rows)
        for k in headings
    ]
    titles = [format_value(title) for title in headings.values()]
    widths = [max(3, len(t), *(len(line[i]) for line in cells)) for i, t in enumerate(titles)]

    def line(entries: Sequence[str]) -> str:
        padded = [e.rjust(w) if n else e.ljust(w) for e, w, n in zip(entries, widths, numeric, strict=True)]
        return f"| {' | '.join(padded)} |"

    rule = [f"{'-' * (w - 1)}:" if n else "-" * w for w, n in zip(widths, numeric, strict=True)]
    return "\n".join([line(titles), f"| {' | '.join(rule)} |", *map(line, cells)]) + "\n"
