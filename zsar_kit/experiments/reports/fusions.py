"""Fused pairs of a suite's methods as a table."""

from __future__ import annotations

from collections.abc import Sequence

from zsar_kit.evaluation.statistics import Summary, summarize
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.runs.fusion import FusedRuns
from zsar_kit.experiments.studies.suite import Case
from zsar_kit.experiments.studies.sweep import FusedPair

#: what a row of :meth:`FusedRuns.rows` has, and how the table says it
MEASURED = {"folds": "ZSL on folds", "zsl": "ZSL", "h": "H"}


def fusion_table(pairs: Sequence[FusedPair]) -> str:
    """A Markdown table: for each case and pair the weight, and what the first, the second and both reach.

    Means over the runs with Student-t intervals; a value that all runs share, as without random draws,
    has none.
    """
    groups: dict[tuple[Case, str, str], list[FusedRuns]] = {}
    for case, row, fused in pairs:
        groups.setdefault((case, row.first, row.second), []).append(fused)
    lines = [
        {"case": f"{case.dataset} {case.split}", "first": first, "second": second, **_cells(fused)}
        for (case, first, second), fused in groups.items()
    ]
    columns = {"case": "data, split", "first": "first", "second": "second", "weight": "weight of the second"}
    for key, title in MEASURED.items():
        columns |= {f"{key}_{member}": f"{title}: {member}" for member in ("first", "second", "fused")}
    return format_table(lines, columns)


def _cells(fused: Sequence[FusedRuns]) -> dict[str, Summary | str]:
    cells: dict[str, Summary | str] = {"weight": _share([one.fusion.weight for one in fused])}
    rows = [dict(zip(("first", "second", "fused"), one.rows(), strict=True)) for one in fused]
    for key in MEASURED:
        for member in ("first", "second", "fused"):
            values = [row[member][key] for row in rows]
            cells[f"{key}_{member}"] = summarize(values if len(set(values)) > 1 else values[:1])
    return cells


def _share(weights: Sequence[float]) -> str:
    low, high = min(weights), max(weights)
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
