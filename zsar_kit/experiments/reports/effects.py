"""Tables of ablations, and measured effects written into the table of departures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from zsar_kit.artefacts import write_atomic
from zsar_kit.errors import ArtefactError
from zsar_kit.evaluation.statistics import Summary
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.studies.ablation import METRICS, Effect
from zsar_kit.reprs import plain_markdown


def ablation_table(rows: Sequence[Effect]) -> str:
    """A Markdown table: the base and, for each variant, the paired differences with Student-t intervals over seeds."""
    lines: list[Mapping[str, object]] = []
    for case in dict.fromkeys(row.case for row in rows):
        members = [row for row in rows if row.case == case]
        shared: dict[str, object] = {"case": case_name(members[0]), "n": f"{members[0].n_unseen} / {members[0].n_seen}"}
        widest = max(members, key=lambda row: row.base["zsl"].n)
        lines.append({**shared, "variant": "base", "seeds": str(widest.base["zsl"].n), **widest.base})
        for row in members:
            seeds = str(row.difference["zsl"].n)
            lines.append({**shared, "variant": row.variant, "seeds": seeds, "zsl": row.value["zsl"]})
            lines[-1] = {**lines[-1], **{f"{m} difference": row.difference[m] for m in METRICS}}
    columns = {"case": "data, split", "n": "n unseen / seen", "variant": "variant", "seeds": "seeds", "zsl": "ZSL"}
    columns |= {f"{m} difference": f"{title} minus base" for m, title in METRICS.items()}
    return format_table(lines, columns)


def case_name(row: Effect) -> str:
    """Data set and split, with synthetic data marked as such."""
    return f"{row.case.dataset}{' (synthetic)' if row.synthetic else ''} {row.case.split}"


def effect_text(row: Effect) -> str:
    """A short cell: what the variant does to ZSL and H, with the half-widths of the 95 % intervals."""

    def signed(summary: Summary) -> str:
        spread = "" if summary.half_width is None else f" ± {summary.half_width:.1f}"
        return f"{summary.mean:+.1f}{spread}"

    difference = row.difference
    return f"{plain_markdown(case_name(row))}: ZSL {signed(difference['zsl'])}, H {signed(difference['harmonic'])}"


def write_effects(path: str | Path, rows: Sequence[Effect]) -> None:
    """Write measured effects into a Markdown table: into the last column of the rows that their topics name.

    What stands there of other variants, data sets and splits stays; any other text is replaced.

    Raises:
        ArtefactError: the file is missing, or a topic is not the first cell of exactly one row.
    """
    path = Path(path)
    if not path.is_file():
        raise ArtefactError("there is no file to write effects to", where=path)
    lines = path.read_text(encoding="utf-8").splitlines()
    for topic in dict.fromkeys(row.departure for row in rows if row.departure):
        places = [i for i, line in enumerate(lines) if line.startswith(f"| {topic} |")]
        if len(places) != 1:
            raise ArtefactError(f"{len(places)} rows begin with {topic!r}, one is needed", where=path)
        before, _, cell = lines[places[0]].rstrip().removesuffix("|").rstrip().rpartition(" | ")
        by_variant = _effects_in(cell)
        for row in (row for row in rows if row.departure == topic):
            case, _, effect = effect_text(row).partition(": ")
            by_variant.setdefault(plain_markdown(row.variant), {})[case] = effect
        told = (f"{name}: {', '.join(map(': '.join, cases.items()))}" for name, cases in by_variant.items())
        lines[places[0]] = f"{before} | {'; '.join(told)} |"
    write_atomic(path, "\n".join(lines) + "\n")


def _effects_in(cell: str) -> dict[str, dict[str, str]]:
    """The effects that a cell tells, by variant and by data set and split, see :func:`effect_text`."""
    number = r"[+-]\d+\.\d(?: ± \d+\.\d)?"
    found = {}
    for part in cell.split("; "):
        name, _, told = part.partition(": ")
        if cases := dict(re.findall(rf"([^:,]+): (ZSL {number}, H {number})(?:, |$)", told)):
            found[name.strip()] = cases
    return found
