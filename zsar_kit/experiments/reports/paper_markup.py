"""A paper's table as Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from zsar_kit.evaluation.statistics import Summary
from zsar_kit.evaluation.tables import format_table, format_value
from zsar_kit.experiments.reports.paper_tables import Cell, Line, PaperTable
from zsar_kit.experiments.studies.papers import load_entry
from zsar_kit.reprs import csv_cell, one_line, plain_markdown

#: what LaTeX takes for markup, and letters that a plain font lacks
_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "−": r"$-$",
    "τ": r"$\tau$",
    "γ": r"$\gamma$",
    "λ": r"$\lambda$",
    "Δ": r"$\Delta$",
}


def markdown(table: PaperTable) -> str:
    """The table with a heading and notes; what was printed on other data stands below, apart."""
    entry = load_entry(table.identifier)
    parts = [f"**{plain_markdown(f'{table.identifier}: {entry.caption}')}**", "", _where(table), ""]
    columns, rows = _beside(table)
    parts.append(format_table(rows, columns))
    parts += [f"- {plain_markdown(note)}" for note in table.notes]
    if table.apart:
        columns, rows = _apart(table)
        parts += ["", "Printed in the paper, on other data (not comparable with the numbers above):", ""]
        parts.append(format_table(rows, columns))
    return "\n".join(parts).rstrip() + "\n"


def _where(table: PaperTable) -> str:
    synthetic = ", SYNTHETIC data" if table.synthetic else ""
    beside = "; printed numbers stand beside ours" if table.beside else ""
    return plain_markdown(f"Ours on {table.dataset}{synthetic}, percent{beside}.")


def _beside(table: PaperTable) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Headings and rows; with a column for what was printed where there is such a number, and for differences."""
    columns: dict[str, str] = {"method": "method"}
    kinds = (("published", "printed"), ("ours", "ours"), ("difference", f"minus {table.base}"))
    for label in table.columns:
        for metric, title in table.metrics.items():
            for kind, word in kinds:
                if any(getattr(line.cells.get((label, metric), Cell()), kind) is not None for line in table.lines):
                    word = "" if kind == "ours" and not table.beside else f", {word}"
                    columns[f"{label}|{metric}|{kind}"] = f"{label} {title}{word}"
    return columns, [_row(line, columns) for line in table.lines]


def _apart(table: PaperTable) -> tuple[dict[str, str], list[dict[str, Any]]]:
    columns: dict[str, str] = {"method": "method"}
    for label, metric in dict.fromkeys(key for line in table.apart for key in line.cells):
        columns[f"{label}|{metric}|published"] = f"{label} {table.metrics.get(metric, metric)}"
    return columns, [_row(line, columns) for line in table.apart]


def _row(line: Line, columns: Mapping[str, str]) -> dict[str, Any]:
    row: dict[str, Any] = {"method": line.title}
    for key in columns:
        if key != "method":
            label, metric, kind = key.split("|")
            row[key] = getattr(line.cells.get((label, metric), Cell()), kind)
    return row


def csv_table(table: PaperTable) -> str:
    """One line a number: method, column, metric, what was printed, mean, half-width and count of ours, difference."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    names = ["table", "method", "column", "metric", "printed", "ours", "half_width", "n", "difference"]
    writer.writerow([*names, "difference_half_width", "data", "synthetic"])
    for line in (*table.lines, *table.apart):
        for (label, metric), cell in line.cells.items():
            if cell == Cell():
                continue
            data = [table.dataset, table.synthetic] if line in table.lines else ["as printed", False]
            found = [*_numbers(cell.ours, 3), *_numbers(cell.difference, 2)]
            texts = [csv_cell(one_line(text)) for text in (table.identifier, line.title, label, metric)]
            writer.writerow([*texts, "" if cell.published is None else cell.published, *found, *data])
    return stream.getvalue()


def _numbers(summary: Summary | None, count: int) -> list[object]:
    if summary is None:
        return [""] * count
    width = "" if summary.half_width is None else round(summary.half_width, 3)
    return [round(summary.mean, 3), width, summary.n][:count]


def latex(table: PaperTable) -> str:
    """A ``table`` of the package booktabs; what was printed on other data is a second one."""
    entry, parts = load_entry(table.identifier), []
    columns, rows = _beside(table)
    parts.append(_tabular(columns, rows, f"{entry.caption}. {_where(table)}", table.identifier))
    if table.apart:
        columns, rows = _apart(table)
        caption = f"{entry.caption}. As printed in the paper, on other data."
        parts.append(_tabular(columns, rows, caption, f"{table.identifier} printed"))
    return "\n".join(parts)


def _tabular(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]], caption: str, label: str) -> str:
    lines = [r"\begin{table}", r"  \centering", rf"  \caption{{{latex_text(caption)}}}"]
    lines += [rf"  \label{{tab:{label.replace('/', ':').replace(' ', '-')}}}"]
    lines += [rf"  \begin{{tabular}}{{l{'r' * (len(columns) - 1)}}}", r"    \toprule"]
    lines.append(rf"    {' & '.join(map(latex_text, columns.values()))} \\")
    lines.append(r"    \midrule")
    for row in rows:
        cells = [latex_text(row["method"]), *(latex_text(format_value(row.get(k))) for k in list(columns)[1:])]
        lines.append(rf"    {' & '.join(cells)} \\")
    lines += [r"    \bottomrule", r"  \end{tabular}", r"\end{table}", ""]
    return "\n".join(lines)


def latex_text(text: object) -> str:
    """A text on one line that LaTeX shows as it is."""
    return "".join(_LATEX.get(letter, letter) for letter in one_line(text))
