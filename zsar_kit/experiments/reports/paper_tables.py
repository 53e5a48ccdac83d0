"""Tables of the papers: what was printed and what we measured, cell by cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from zsar_kit.data.catalogue import class_names, is_synthetic
from zsar_kit.data.splits import load_split
from zsar_kit.evaluation.statistics import Summary, paired_difference, summarize
from zsar_kit.experiments.runs.result import RunResult
from zsar_kit.experiments.studies.paper_plan import EntryPlan
from zsar_kit.experiments.studies.papers import PaperCase, Published, describe
from zsar_kit.experiments.studies.suite import SuiteRun

TITLES = {"zsl": "ZSL", "seen": "S", "unseen": "U", "harmonic": "H"}


@dataclass(frozen=True)
class Cell:
    """One number of a table, percent.

    Attributes:
        published: as printed; None where there is none.
        ours: mean and interval over seeds, or over splits; None where no run is finished.
        difference: from the base, paired by seed.
    """

    published: float | None = None
    ours: Summary | None = None
    difference: Summary | None = None


@dataclass(frozen=True)
class Line:
    """A row of a table.

    Attributes:
        title: its name.
        ours: whether it has runs of ours.
        cells: by column label and metric.
    """

    title: str
    ours: bool
    cells: dict[tuple[str, str], Cell]


@dataclass(frozen=True)
class PaperTable:
    """A table of a paper on one data set.

    Attributes:
        identifier: such as ``flora/table3``.
        dataset: the data set of our runs.
        synthetic: whether that is computed rather than recorded.
        columns: labels of the columns of ours.
        metrics: what each column has, by key; the value is its heading.
        lines: the rows; printed ones that are not ours stand first.
        printed: columns of what was printed on other data, which stands apart.
        apart: the rows printed there.
        base: title of the row that the others are compared with.
        notes: what has to be said below.
        results: the results behind it.
    """

    identifier: str
    dataset: str
    synthetic: bool
    columns: tuple[str, ...]
    metrics: Mapping[str, str]
    lines: tuple[Line, ...]
    printed: tuple[str, ...] = ()
    apart: tuple[Line, ...] = ()
    base: str = ""
    notes: tuple[str, ...] = ()
    results: tuple[RunResult, ...] = field(default=(), repr=False)

    @property
    def beside(self) -> bool:
        """Whether any printed number stands beside ours."""
        return any(cell.published is not None for line in self.lines for cell in line.cells.values())


def accuracy_table(plan: EntryPlan, runs: Sequence[SuiteRun]) -> PaperTable:
    """The table of an entry from its finished runs; a cell without one is empty.

    Args:
        plan: the table on a data set.
        runs: its finished runs, see :meth:`EntryPlan.finished`.
    """
    results = [(one, one.folder.result()) for one in runs]
    columns = _columns(plan)
    values: dict[tuple[str, str], dict[tuple[str, int], RunResult]] = {}
    for one, result in results:
        label = column_of(plan, one.case.split, one.case.protocol)
        values.setdefault((one.row.title, label), {})[one.case.split, result.seed] = result
    lines = []
    for row in plan.rows:
        cells = {}
        for label in columns:
            mine = values.get((row.title, label), {})
            base = values.get((plan.entry.base, label), {}) if plan.entry.base not in ("", row.title) else {}
            for metric in plan.entry.metrics:
                cells[label, metric] = _cell(plan, row.title, label, metric, mine, base)
        lines.append(Line(row.title, True, cells))
    metrics = {metric: TITLES[metric] for metric in plan.entry.metrics}
    chance = _chance(columns, values)
    return assembled(plan, columns, metrics, [*chance, *lines], [r for _, r in results])


def assembled(
    plan: EntryPlan,
    columns: Sequence[str],
    metrics: Mapping[str, str],
    lines: Sequence[Line],
    results: Sequence[RunResult],
) -> PaperTable:
    """A table of our rows, with printed ones before them on the paper's data, and apart from them on any other."""
    published = plan.entry.published
    mine = {line.title for line in lines}
    others: list[Line] = []
    apart: list[Line] = []
    if published is not None and plan.own_data:
        others = [
            Line(t, False, _printed(published, t, columns, metrics))
            for t in published.rows
            if t not in mine and any(c.published is not None for c in _printed(published, t, columns, metrics).values())
        ]
    elif published is not None:
        apart = [Line(t, False, _printed(published, t, published.cases, published.metrics)) for t in published.rows]
    return PaperTable(
        plan.identifier,
        plan.request.dataset,
        is_synthetic(plan.request.dataset),
        tuple(columns),
        metrics,
        (*others, *lines),
        () if published is None or plan.own_data else published.cases,
        tuple(apart),
        plan.entry.base,
        tuple(_notes(plan, results)),
        tuple(results),
    )


def column_of(plan: EntryPlan, split: str, protocol: str) -> str:
    """The label of a run's column."""
    if plan.entry.average:
        return plan.request.dataset
    named = next(case for case in plan.cases if case.split == split and case.protocol in ("", protocol))
    return named.label


def _columns(plan: EntryPlan) -> list[str]:
    return list(dict.fromkeys(plan.request.dataset if plan.entry.average else case.label for case in plan.cases))


def _cell(
    plan: EntryPlan,
    title: str,
    label: str,
    metric: str,
    mine: Mapping[tuple[str, int], RunResult],
    base: Mapping[tuple[str, int], RunResult],
) -> Cell:
    published = plan.entry.published
    printed = published.value(title, label, metric) if published is not None and plan.own_data else None
    if not mine:
        return Cell(printed)
    ours = {place: getattr(result.evaluation.micro, metric) for place, result in mine.items()}
    both = [place for place in ours if place in base]
    difference = None
    if both:
        theirs = [getattr(base[place].evaluation.micro, metric) for place in both]
        difference = paired_difference([ours[place] for place in both], theirs)
    return Cell(printed, summarize(_over_splits(ours) if plan.entry.average else ours.values()), difference)


def _over_splits(values: Mapping[tuple[str, int], float]) -> list[float]:
    """The mean over the seeds of each split."""
    by_split: dict[str, list[float]] = {}
    for (split, _), value in values.items():
        by_split.setdefault(split, []).append(value)
    return [sum(found) / len(found) for found in by_split.values()]


def _chance(columns: Sequence[str], values: Mapping[tuple[str, str], Mapping]) -> list[Line]:
    cells = {}
    for label in columns:
        found = {r.evaluation.chance for (_, place), rs in values.items() if place == label for r in rs.values()}
        if len(found) == 1:
            cells[label, "zsl"] = Cell(ours=Summary(found.pop(), None, 1))
    return [Line("chance", True, cells)] if cells else []


def _printed(table: Published, title: str, cases: Sequence[str], metrics: Sequence[str] | Mapping[str, str]) -> dict:
    return {(case, metric): Cell(table.value(title, case, metric)) for case in cases for metric in metrics}


def _notes(plan: EntryPlan, results: Sequence[RunResult]) -> list[str]:
    """What all rows share, what is different, and what is missing."""
    entry, request, notes = plan.entry, plan.request, []
    wanted = sum(len(plan.seeds(row)) for row in plan.rows) * len(plan.cases)
    if results:
        tests = {}
        for r in results:
            tests[r.split, r.protocol] = f"{r.split}: {r.evaluation.n_unseen_test} / {r.evaluation.n_seen_test}"
        over = "class splits, after the mean over seeds" if entry.average else "seeds"
        notes.append(f"± is Student's t (95 %) over {over}; seeds {', '.join(map(str, request.seeds))}.")
        notes.append(f"Unseen / seen test samples: {', '.join(tests.values())}.")
        for name, marks in (
            ("Encoder", {r.encoder_mark for r in results}),
            ("Selection", {r.selection for r in results}),
            ("Gamma", {r.calibration for r in results}),
            ("Language model", {r.language_model for r in results}),
            ("Folds", {str(len(r.folds)) for r in results}),
        ):
            notes.append(f"{name}: {', '.join(sorted(marks))}.")
        notes += [f"Transductive text: {', '.join(sorted(used))}." for used in [_transductive(plan, results)] if used]
        notes += list(dict.fromkeys(note for r in results for note in r.notes))
    if request.overrides:
        changed = ", ".join(f"{name} = {value}" for name, value in request.overrides.items())
        notes.append(f"Not the preset's: {changed} in all rows of {plan.paper.name}.")
    if len(results) < wanted:
        notes.append(
            f"{wanted - len(results)} of {wanted} runs are not finished; their cells are empty or have fewer seeds."
        )
    return notes + entry_notes(plan)


def entry_notes(plan: EntryPlan) -> list[str]:
    """What a reader of the printed table has to know, whatever our runs are."""
    about = describe(plan.identifier)
    return [*filter(None, [about["differs"]]), *(f"Misprint in the paper: {text}" for text in about["misprints"])]


def _transductive(plan: EntryPlan, results: Sequence[RunResult]) -> set[str]:
    """Methods that read the texts of unseen classes in training."""
    return {r.method for r in results if r.text_use == "transductive text"}


def splits_table(plan: EntryPlan) -> list[dict[str, object]]:
    """The unseen classes of each split, and whether they are those that were printed."""
    rows = []
    for case in plan.cases:
        split, names = load_split(case.dataset, case.split), class_names(case.dataset)
        printed = plan.entry.classes.get(case.label)
        rows.append(
            {
                "data, split": case.label,
                "source": split.source,
                "unseen": str(len(split.unseen)),
                "classes": ", ".join(f"{c} {names[c]}" for c in split.unseen),
                "as printed": "" if printed is None else ("yes" if sorted(printed) == list(split.unseen) else "no"),
            }
        )
    return rows


def case_run(plan: EntryPlan, case: PaperCase, runs: Sequence[SuiteRun]) -> dict[str, list]:
    """The finished runs of one column, by row."""
    found: dict[str, list] = {}
    protocol = plan.config(case, plan.rows[0], plan.request.seeds[0]).resolve().protocol
    for one in runs:
        if (one.case.split, one.case.protocol) == (case.split, protocol):
            found.setdefault(one.row.title, []).append(one.folder)
    return found
