"""Fused pairs of a suite's methods as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zsar_kit.evaluation.statistics import Summary
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.reports.rows import summary_over_trainings
from zsar_kit.experiments.reports.tables import case_name
from zsar_kit.experiments.runs.fusion import FusedRuns
from zsar_kit.experiments.studies.suite import Case, Suite
from zsar_kit.experiments.studies.sweep import FusedPair
from zsar_kit.reprs import plain_markdown

#: what a row of :meth:`FusedRuns.rows` has, and how the table says it
MEASURED = {"folds": "ZSL on folds", "zsl": "ZSL", "h": "H"}
MEMBERS = ("first", "second", "fused")


def fusion_table(pairs: Sequence[FusedPair], suite: Suite) -> str:
    """A Markdown table: for each case and pair the weight, and what the first, the second and both reach.

    Means and Student-t intervals as in :func:`result_rows`: over seeds, or over the trainings of the encoder after the
    mean over seeds. A value that all runs share, as without random draws, has no interval.
    """
    groups: dict[tuple[Case, str, str], dict[int | None, list[FusedRuns]]] = {}
    for case, row, fused in pairs:
        place = replace(case, encoder_seed=None) if suite.encoder_seeds else case
        of_pair = groups.setdefault((place, row.first, row.second), {})
        of_pair.setdefault(case.encoder_seed, []).append(fused)
    lines = []
    for (case, first, second), by_training in groups.items():
        fused = list(by_training.values())
        name = case_name(case, synthetic=fused[0][0].members[0].synthetic)
        lines.append({"case": name, "first": first, "second": second, **_cells(fused)})
    columns = {"case": "data, split", "first": "first", "second": "second", "weight": "weight of the second"}
    for key, title in MEASURED.items():
        columns |= {f"{key}_{member}": f"{title}: {member}" for member in MEMBERS}
    return f"{format_table(lines, columns)}\n{_marks([pair.fused for pair in pairs])}\n"


def _cells(by_training: Sequence[Sequence[FusedRuns]]) -> dict[str, Summary | str]:
    cells: dict[str, Summary | str] = {"weight": _range([one.fusion.weight for of in by_training for one in of])}
    rows = [[dict(zip(MEMBERS, one.rows(), strict=True)) for one in of] for of in by_training]
    for key in MEASURED:
        for member in MEMBERS:
            values = [[row[member][key] for row in of] for of in rows]
            same = len({value for of in values for value in of}) == 1
            cells[f"{key}_{member}"] = summary_over_trainings([values[0][:1]] if same else values)
    return cells


def _range(weights: Sequence[float]) -> str:
    low, high = min(weights), max(weights)
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"


def _marks(fused: Sequence[FusedRuns]) -> str:
    """What stands beside every number of the members."""
    found: dict[str, dict[str, None]] = {}
    for one in fused:
        for name, marks in one.marks().items():
            found.setdefault(name, {}).update(dict.fromkeys(marks))
    return " ".join(f"{name.capitalize()}: {plain_markdown(', '.join(marks))}." for name, marks in found.items())
