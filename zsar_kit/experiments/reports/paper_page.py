"""One static page of all tables and figures of the papers that were written, with where each comes from.

It holds everything that it shows, so it works offline and can be sent as one file.
"""

from __future__ import annotations

import base64
import csv
import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zsar_kit.artefacts import read_json, write_atomic
from zsar_kit.experiments.reports.paper_tables import TITLES
from zsar_kit.experiments.reports.similar_classes import METRICS as OF_CLUSTERS
from zsar_kit.experiments.studies.papers import load_entry, misprints, paper_ids
from zsar_kit.reprs import csv_text, one_line

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; font-size: 14px; margin: 0.5rem 0; display: block; overflow-x: auto; }
td, th { padding: 0.15rem 0.6rem; border-bottom: 1px solid #ddd; text-align: right; vertical-align: bottom; }
td:first-child, th:first-child { text-align: left; }
img { max-width: 100%; } details { font-size: 13px; color: #555; } code { overflow-wrap: anywhere; }
.texts td, .texts th { text-align: left; }
.synthetic { color: #8a3300; } .note { font-size: 14px; color: #444; }
"""
METRICS = TITLES | OF_CLUSTERS
#: what the details of an entry show of its record
SHOWN = (
    *("dataset", "preset", "precision", "overrides", "seeds", "splits"),
    *("selection", "encoder", "language_model", "commit", "code", "zsar_kit"),
)


def write_page(out: Path, page: Path) -> int:
    """Write the page of all entries in ``out/papers``; returns how many there are."""
    records = [(path, read_json(path)) for path in sorted((out / "papers").glob("*/*.json"))]
    records = [(path, record) for path, record in records if record.get("id") in paper_ids()]
    datasets = list(dict.fromkeys(record["dataset"] for _, record in records))
    order = {identifier: k for k, identifier in enumerate(paper_ids())}
    parts = [_head(datasets)]
    for dataset in datasets:
        mine = sorted((r for r in records if r[1]["dataset"] == dataset), key=lambda r: (order[r[1]["id"]], r[0].name))
        synthetic = any(record["synthetic"] for _, record in mine)
        mark = ' <span class="synthetic">(synthetic data)</span>' if synthetic else ""
        parts.append(f'<h2 id="{_text(dataset)}">{_text(dataset)}{mark}</h2>')
        parts += [_entry(path, record) for path, record in mine]
    parts.append(_misprints())
    if records:
        write_atomic(page, "\n".join(parts) + "</body></html>\n")
    return len(records)


def _head(datasets: Sequence[str]) -> str:
    links = ", ".join(f'<a href="#{_text(name)}">{_text(name)}</a>' for name in datasets)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tables and figures of the papers</title>'
        f"<style>{STYLE}</style></head><body><h1>Tables and figures of the papers</h1>"
        "<p>Percent; numbers printed in a paper stand beside ours on the paper's data and apart from them on any "
        f"other. Data: {links}. <a href='#misprints'>Misprints</a>.</p>"
    )


def _entry(path: Path, record: dict[str, Any]) -> str:
    identifier = record["id"]
    parts = [f"<h3>{_text(identifier)}: {_text(load_entry(identifier).caption)}</h3>"]
    picture = path.with_suffix(".png")
    if picture.is_file():
        coded = base64.b64encode(picture.read_bytes()).decode("ascii")
        caption = _text(record.get("caption", ""))
        parts.append(f'<figure><img alt="{caption}" src="data:image/png;base64,{coded}">')
        parts.append(f"<figcaption>{caption}</figcaption></figure>")
    elif (table := path.with_suffix(".csv")).is_file():
        parts.append(_table(table, record["kind"]))
    notes = [
        record.get("differs", ""),
        record.get("note", ""),
        *(f"Misprint in the paper: {text}" for text in record.get("misprints", [])),
    ]
    if (missing := record.get("wanted", 0) - len(record["runs"])) > 0 and record["kind"] != "figure":
        notes.append(f"{missing} of {record['wanted']} runs are missing.")
    parts += [f'<p class="note">{_text(note)}</p>' for note in notes if note]
    about = "".join(f"<dt>{_text(k)}</dt><dd>{_text(_listed(record.get(k)))}</dd>" for k in SHOWN if record.get(k))
    runs = "<br>".join(f"<code>{_text(run)}</code>" for run in record["runs"])
    files = ", ".join(_text(one.name) for one in sorted(path.parent.glob(f"{path.stem}.*")))
    parts.append(
        f"<details><summary>{len(record['runs'])} runs, commit {_text(record.get('commit') or 'unknown')}</summary>"
        f"<dl>{about}<dt>files</dt><dd>{files}</dd><dt>runs</dt><dd>{runs}</dd></dl></details>"
    )
    return "\n".join(parts)


def _table(path: Path, kind: str) -> str:
    """The numbers of a table's CSV file, one row a method, what was printed apart."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = [{k: csv_text(v) for k, v in row.items()} for row in csv.DictReader(stream)]
    if kind == "splits":
        return _html([list(rows[0]), *[list(row.values()) for row in rows]], "texts") if rows else ""
    ours = [row for row in rows if row["data"] != "as printed"]
    apart = [row for row in rows if row["data"] == "as printed"]
    text = _html(_matrix(ours))
    return f"{text}<p>As printed in the paper, on other data:</p>{_html(_matrix(apart))}" if apart else text


def _matrix(rows: Sequence[dict[str, str]]) -> list[list[str]]:
    columns = list(dict.fromkeys((row["column"], row["metric"]) for row in rows))
    values = {(row["method"], row["column"], row["metric"]): _cell(row) for row in rows}
    header = ["", *(f"{column} {METRICS.get(metric, metric)}" for column, metric in columns)]
    methods = dict.fromkeys(row["method"] for row in rows)
    return [header, *[[m, *(values.get((m, *c), "") for c in columns)] for m in methods]]


def _cell(row: dict[str, str]) -> str:
    """What was printed, and ours with its half-width, rounded to a tenth."""
    ours = f"{float(row['ours']):.1f}" if row["ours"] else ""
    ours += f" ± {float(row['half_width']):.1f}" if row["half_width"] else ""
    printed = f"printed {float(row['printed']):.1f}" if row["printed"] else ""
    if row["data"] == "as printed":
        return printed.removeprefix("printed ")
    return "; ".join(filter(None, (ours, printed)))


def _html(rows: Sequence[Sequence[str]], kind: str = "numbers") -> str:
    if not rows:
        return ""
    head, *body = rows
    lines = ["".join(f"<th>{_text(cell)}</th>" for cell in head)]
    lines += ["".join(f"<td>{_text(cell)}</td>" for cell in row) for row in body]
    return f'<table class="{kind}">' + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def _misprints() -> str:
    found = "".join(f"<li>{_text(repr(one))}</li>" for one in misprints())
    return (
        '<h2 id="misprints">Misprints</h2><p>Printed numbers that the numbers beside them contradict, recomputed from '
        f"them as they are rounded.</p><ul>{found}</ul>"
    )


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _text(value: object) -> str:
    return html.escape(one_line(value))
