"""A figure of a paper together with the data behind it, and what is read from the runs that it shows."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from zsar_kit.artefacts import write_atomic
from zsar_kit.errors import DataError, nearest_name
from zsar_kit.experiments.reports.run_figures import case_title
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.result import RunResult
from zsar_kit.plotting.style import save_figure
from zsar_kit.reprs import csv_cell

Runs = Mapping[str, Sequence[RunFolder]]
"""Finished runs of each variant by its name, one run a seed."""
MAIN = "full"
"""The variant that is the whole method; where no variant has this name, the first is."""


@dataclass(frozen=True, eq=False)
class PaperFigure:
    """A drawn figure.

    Attributes:
        figure: the drawing.
        data: the data behind it, one mapping per drawn value; ready for a CSV file.
        caption: what is drawn, from which data, with which settings; plain text.
    """

    figure: Figure
    data: list[dict[str, object]]
    caption: str

    def __repr__(self) -> str:
        width, height = self.figure.get_size_inches()
        return f"PaperFigure({width:g} x {height:g} inches, {len(self.data)} rows of data: {self.caption[:60]!r})"

    def save(self, stem: str | Path, runs: Sequence[RunFolder], **record: object) -> list[Path]:
        """Write ``stem.png``, ``.pdf``, ``.json`` (caption and names of the runs) and ``.csv`` (the data), each whole.

        A list in the data is one cell, its parts separated by spaces. ``record`` has further JSON-ready fields.
        """
        columns = list(dict.fromkeys(key for row in self.data for key in row))
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow([csv_cell(column) for column in columns])
        writer.writerows([_cell(row.get(column)) for column in columns] for row in self.data)
        path = Path(stem).with_name(f"{Path(stem).name}.csv")
        paths = save_figure(self.figure, stem, runs=[run.path.name for run in runs], caption=self.caption, **record)
        write_atomic(path, table.getvalue().encode())
        return [*paths, path]


def _cell(value: object) -> object:
    """A value as a cell of a CSV file; numbers keep all their digits."""
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return csv_cell(value) if isinstance(value, str) else value


def results_of(runs: Runs) -> dict[str, list[RunResult]]:
    """The results of all runs, checked to be of one data set and split.

    Raises:
        DataError: there is no variant, one has no run, a seed of a variant occurs twice, or the runs are of different
            data or splits.
        ArtefactError: a run is not finished.
    """
    if not runs:
        raise DataError("a figure needs the runs of at least one variant, got none", where="runs")
    found: dict[str, list[RunResult]] = {}
    for name, folders in runs.items():
        if not folders:
            raise DataError("expected at least one run, got none", where=f"runs[{name!r}]")
        found[name] = [folder.result() for folder in folders]
        seeds = [result.seed for result in found[name]]
        if len(set(seeds)) < len(seeds):
            raise DataError(f"expected one run a seed, got the seeds {seeds}", where=f"runs[{name!r}]")
    cases = {(r.dataset, r.split) for results in found.values() for r in results}
    if len(cases) > 1:
        shown = ", ".join(f"{dataset} {split}" for dataset, split in sorted(cases))
        raise DataError(f"a figure shows one data set and split, these runs are of {shown}", where="runs")
    return found


def main_runs(runs: Runs) -> Sequence[RunFolder]:
    """The runs of the whole method: those of the variant ``full``, or of the first."""
    return runs[MAIN] if MAIN in runs else next(iter(runs.values()))


def setting(result: RunResult, field: str) -> object:
    """The value of a dotted field in the configuration that a run was made with.

    Raises:
        DataError: the configuration has no such field.
    """
    value: object = result.method_config
    for part in field.split("."):
        if not isinstance(value, Mapping) or part not in value:
            known = list(value) if isinstance(value, Mapping) else []
            raise DataError(
                f"the configuration of {result.method} has no field {field!r}",
                where=f"run of seed {result.seed}",
                remedy=nearest_name(part, known) if known else None,
            )
        value = value[part]
    return value


def data_said(result: RunResult) -> str:
    """The data of a figure in its caption and title, synthetic data named as such."""
    return case_title(result.dataset, result.split, result.synthetic)
