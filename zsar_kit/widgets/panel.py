"""A panel of readings beside a stage: messages, bars, tables, a confusion matrix and plots, drawn in the browser.

``sections`` is a list of plain dictionaries; the functions of this module make them. A new list replaces the old one:
changing it in place sends nothing. Words are shown as text, whatever they are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import anywidget
import numpy as np
import traitlets

from zsar_kit.errors import ZsarError
from zsar_kit.reprs import one_line, shortened
from zsar_kit.widgets.page import Part, resource

LONGEST = 120
Section = dict[str, Any]


class Panel(anywidget.AnyWidget):
    """Sections of readings.

    Attributes:
        sections: what is shown; see :func:`bars`, :func:`table`, :func:`matrix`, :func:`plot`, :func:`words` and
            :func:`message`.
        picked: the last row or cell that was chosen: ``section``, ``row``, ``column`` and the number of ``clicks``.
    """

    _esm = resource("panel.js")
    _css = resource("panel.css")
    sections = traitlets.List(traitlets.Dict()).tag(sync=True)
    picked = traitlets.Dict().tag(sync=True)

    def __init__(self, sections: Sequence[Section] = ()) -> None:
        super().__init__(sections=list(sections))
        self.layout.width = "100%"

    def __repr__(self) -> str:
        return f"Panel({', '.join(section['kind'] for section in self.sections) or 'empty'})"

    def part(self) -> Part:
        """The panel as a part of a page without a kernel."""
        return Part("panel", {"sections": [section | {"picks": False} for section in self.sections]})


def text_of(value: object, longest: int = LONGEST) -> str:
    """What others wrote, on one line and of bounded length."""
    return shortened(one_line(value), longest)


def message(problem: ZsarError | str) -> Section:
    """What is wrong and what to do."""
    return {"kind": "message", "text": text_of(problem, 1000)}


def words(title: str, lines: Sequence[str], *, wide: bool = False) -> Section:
    """Lines of words."""
    return {"kind": "words", "title": text_of(title), "lines": [text_of(x, 600) for x in lines], "wide": wide}


def bars(
    title: str,
    shares: Sequence[tuple[str, float]],
    *,
    own: Collection[str] = (),
    before: Mapping[str, float] | None = None,
    note: str = "",
) -> Section:
    """Bars of shares in percent.

    Args:
        title: above them.
        shares: label and share in [0, 1], in order.
        own: labels that are marked as right.
        before: label to the share before a change, drawn as a thin grey bar.
        note: below them.
    """
    rows = [
        {
            "label": text_of(label),
            "value": float(share),
            "text": f"{100 * share:.1f} %" if share >= 0.0005 else "<0.1 %",
            "own": label in own,
            "before": None if before is None or label not in before else float(before[label]),
        }
        for label, share in shares
    ]
    return {"kind": "bars", "title": text_of(title), "rows": rows, "note": text_of(note, 600)}


def numbers(title: str, values: Sequence[tuple[str, float]], *, own: Collection[str] = (), note: str = "") -> Section:
    """Bars of numbers of any size, at least 0; see :func:`bars`."""
    section = bars(title, values, own=own, note=note)
    for row in section["rows"]:
        row["text"] = f"{row['value']:.3g}"
    return section


def table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    marked: Sequence[int] = (),
    picks: bool = False,
    wide: bool = False,
) -> Section:
    """A table; ``marked`` rows are green, and with ``picks`` a row can be chosen."""
    cells = [[text_of(cell) for cell in row] for row in rows]
    head = {"kind": "table", "title": text_of(title), "columns": [text_of(c) for c in columns]}
    return head | {"rows": cells, "marked": list(marked), "picks": picks, "wide": wide}


def matrix(title: str, names: Sequence[str], counts: np.ndarray, chosen: tuple[int, int] | None = None) -> Section:
    """Counts ``[true, predicted]`` whose cells can be chosen."""
    shown = {"names": [text_of(n, 60) for n in names], "counts": counts.astype(int).tolist()}
    return {"kind": "matrix", "title": text_of(title), "chosen": chosen and list(chosen), "wide": True} | shown


def plot(
    title: str,
    items: Sequence[Section],
    *,
    x: str = "",
    y: str = "",
    rule: float | int | None = None,
    limits: Mapping[str, Sequence[float]] | None = None,
    frameless: bool = False,
) -> Section:
    """Lines, dots and arrows over two axes.

    Args:
        title: above it.
        items: from :func:`item`.
        x: the horizontal axis, with its unit.
        y: the vertical axis.
        rule: where a dashed vertical line stands.
        limits: axis (``x`` or ``y``) to its two ends.
        frameless: without axes, where their numbers mean nothing.
    """
    section: Section = {"kind": "plot", "title": text_of(title), "items": list(items), "x": x, "y": y}
    if rule is not None:
        section["rule"] = float(rule)
    if limits is not None:
        section["limits"] = {axis: [float(v) for v in ends] for axis, ends in limits.items()}
    return section | {"frameless": frameless}


def item(
    kind: str,
    points: np.ndarray,
    *,
    colour: str,
    name: str = "",
    size: float | int = 3,
    ends: np.ndarray | None = None,
    names: Sequence[str] = (),
    **look: Any,
) -> Section:
    """``line``, ``dots`` or ``arrows`` through points ``[n, 2]``; arrows lead to ``ends``."""
    found: Section = {"kind": kind, "points": np.round(points, 5).tolist(), "colour": colour, "size": size, **look}
    if name:
        found["name"] = text_of(name, 60)
    if ends is not None:
        found["ends"] = np.round(ends, 5).tolist()
    if names:
        found["names"] = [text_of(n, 60) for n in names]
    return found
