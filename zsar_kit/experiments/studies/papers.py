"""The papers as data: every table and figure with the runs it needs and the numbers that were printed.

A published number is typed in ``resources/papers/`` only. What a table or figure needs on a given data set is worked
out in :mod:`~zsar_kit.experiments.studies.paper_plan`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Literal

from zsar_kit.config import Config
from zsar_kit.errors import ConfigError, nearest_name
from zsar_kit.evaluation.metrics import harmonic_mean
from zsar_kit.experiments.studies.suite import read_toml, resource_names

METRICS = ("zsl", "seen", "unseen", "harmonic")
#: half a unit of the last printed digit: numbers are printed with one decimal
ROUNDING = 0.05
Kind = Literal["table", "figure", "splits", "clusters"]
DASH = "-"


@dataclass(frozen=True)
class PaperCase(Config):
    """A column of a table on the paper's own data.

    Attributes:
        dataset, split, protocol: as in :class:`~zsar_kit.experiments.studies.suite.Case`.
        setting: the method's preset with the values that its authors set for this split; for the profile ``paper``.
    """

    dataset: str
    split: str
    protocol: str = ""
    setting: str = ""

    @property
    def label(self) -> str:
        """Data set, split and, where it is named, protocol."""
        return " ".join(filter(None, (self.dataset, self.split, self.protocol)))


@dataclass(frozen=True)
class PaperRow(Config):
    """A row of ours.

    Attributes:
        title: its name; a published row of the same name stands beside it.
        method, preset: default: those of the paper and the profile.
        on: only on the ``paper``'s data sets, only on ``others``, or on all.
        overrides: dotted fields of the method's config.
        run: fields of :class:`~zsar_kit.experiments.runs.config.RunConfig`.
        encoder: changed settings of the encoder; ``preset`` among them replaces the profile's encoder preset.
        baseline: whether it is a baseline, which needs one seed.
    """

    title: str
    method: str = ""
    preset: str = ""
    on: Literal["", "paper", "others"] = ""
    overrides: dict = field(default_factory=dict)
    run: dict = field(default_factory=dict)
    encoder: dict = field(default_factory=dict)
    baseline: bool = False


@dataclass(frozen=True)
class Vary(Config):
    """Rows that differ in one number.

    Attributes:
        symbol: what a row's title and the axis call it.
        field: dotted field of the method's config.
        values: its values, one row each.
    """

    symbol: str
    field: str
    values: tuple[int | float, ...]

    def rows(self) -> tuple[PaperRow, ...]:
        """One row a value, ``t = 0.5``."""
        return tuple(PaperRow(f"{self.symbol} = {v:g}", overrides={self.field: v}) for v in self.values)


@dataclass(frozen=True)
class Elsewhere(Config):
    """Which splits are the columns on a data set that is not the paper's.

    Attributes:
        splits: ``sizes``, the splits that are not drawn at random; ``hard``, those of them with more than 30 % of the
            classes unseen; ``random``; or ``clusters``, those with at least 13 unseen classes.
        most: at most so many, the first ones; 0 for all.
        protocols: ``others`` takes every protocol but the customary one.
    """

    splits: Literal["sizes", "hard", "random", "clusters"] = "sizes"
    most: int = 0
    protocols: Literal["", "others"] = ""


@dataclass(frozen=True)
class Published(Config):
    """What a table printed.

    Attributes:
        cases: labels of its columns.
        metrics: what each column has.
        rows: by title, for each case its metrics, in percent; ``"-"`` where it prints a dash.
        difference: ``title`` of a printed row that is ``row`` minus ``minus``.
    """

    cases: tuple[str, ...]
    metrics: tuple[str, ...]
    rows: dict
    difference: dict = field(default_factory=dict)

    def validate(self) -> None:
        """Every row is complete, and every cell is a percentage or a dash."""
        for title, cells in self.rows.items():
            whole = len(cells) == len(self.cases) and all(len(cell) == len(self.metrics) for cell in cells)
            if not whole:
                problem = f"the row {title!r} needs {len(self.cases)} cells of {len(self.metrics)} numbers"
                raise ConfigError(problem, where="Published.rows")
            for value in (v for cell in cells for v in cell):
                if value != DASH and not (isinstance(value, int | float) and 0 <= value <= 100):
                    raise ConfigError(f"{title!r} has {value!r}, which is no percentage", where="Published.rows")

    def value(self, row: str, case: str, metric: str) -> float | None:
        """A printed number, percent; None for a dash, or where the table has no such cell."""
        if row not in self.rows or case not in self.cases or metric not in self.metrics:
            return None
        value = self.rows[row][self.cases.index(case)][self.metrics.index(metric)]
        return None if value == DASH else float(value)


@dataclass(frozen=True)
class Entry(Config):
    """One table or figure.

    Attributes:
        caption: in our words.
        notebook: the notebook that shows it.
        kind: a ``table`` of accuracies, a ``figure``, the ``splits`` themselves, or ``clusters`` of similar classes.
        cases, elsewhere: its columns on the paper's data, and on any other.
        rows, vary: its rows.
        metrics: what a cell has.
        average: whether a column is the mean over the splits of a data set.
        base: title of the row that the others are compared with, seed by seed.
        baselines: whether our baselines are rows too.
        encoder: changed settings of the encoder, for all rows.
        reference: title of the row whose confusions make the clusters.
        published: what was printed, as far as our text has it.
        classes: printed unseen classes of each split.
        differs: what is different here.
        misprints: misprints that no recomputation finds.
    """

    caption: str
    notebook: str
    cases: tuple[PaperCase, ...]
    elsewhere: Elsewhere
    kind: Kind = "table"
    rows: tuple[PaperRow, ...] = ()
    vary: Vary | None = None
    metrics: tuple[str, ...] = ("zsl", "harmonic")
    average: bool = False
    base: str = ""
    baselines: bool = False
    encoder: dict = field(default_factory=dict)
    reference: str = ""
    published: Published | None = None
    classes: dict = field(default_factory=dict)
    differs: str = ""
    misprints: tuple[str, ...] = ()

    def validate(self) -> None:
        """Names are those of rows and metrics; rows have different titles."""
        titles = [row.title for row in self.all_rows]
        self.require(len(set(titles)) == len(titles), "rows", "rows with different titles")
        self.require(bool(titles) == (self.kind != "splits"), "rows", "one or more, but none for splits")
        self.require(all(m in METRICS for m in self.metrics), "metrics", f"some of {METRICS}")
        if self.vary is None:
            self.require(self.base in ("", *titles), "base", "the title of a row")
        self.require(self.reference in ("", *titles), "reference", "the title of a row")

    @property
    def all_rows(self) -> tuple[PaperRow, ...]:
        """Rows, and those of ``vary``, and the baselines, if they are wanted."""
        varied = () if self.vary is None else self.vary.rows()
        return (*(BASELINES if self.baselines else ()), *self.rows, *varied)


#: rows of every comparison with other methods
BASELINES = (
    PaperRow("ridge to motion text", method="ridge", preset="motion", baseline=True),
    PaperRow("linear map + cosine", method="linear_cosine", preset="motion", baseline=True),
)


@dataclass(frozen=True)
class Profile(Config):
    """How our runs are made.

    Attributes:
        preset: the method's preset, unless a case has a setting of its own.
        encoder: an encoder preset; empty for the settings of the data set's customary suite.
        language_model: as in :class:`~zsar_kit.experiments.runs.config.RunConfig`.
    """

    preset: str
    encoder: str = ""
    language_model: str = "offline"


@dataclass(frozen=True)
class Paper(Config):
    """The content of a paper's file.

    Attributes:
        title: of the paper.
        name: of its method in tables.
        method: the method's name in the kit.
        profiles: by name, see :class:`Profile`.
        entries: by name, see :class:`Entry`.
    """

    title: str
    name: str
    method: str
    profiles: dict
    entries: dict

    def profile(self, name: str) -> Profile:
        """A profile by name.

        Raises:
            ConfigError: there is none of that name.
        """
        if name not in self.profiles:
            raise ConfigError(f"unknown preset {name!r}", remedy=nearest_name(name, self.profiles))
        return Profile.from_dict(self.profiles[name])


@cache
def load_paper(name: str) -> Paper:
    """A paper of the kit by name."""
    return Paper.from_dict(read_toml(name, _papers(), "paper"))


@cache
def load_entry(identifier: str) -> Entry:
    """A table or figure by its id, such as ``flora/table3``.

    Raises:
        ConfigError: there is none of that id; the nearest is named.
    """
    if identifier not in paper_ids():
        ends = [repr(known) for known in paper_ids() if known.partition("/")[2] == identifier]
        remedy = f"Did you mean {' or '.join(ends)}?" if ends else nearest_name(identifier, paper_ids())
        raise ConfigError(f"unknown table or figure {identifier!r}", remedy=remedy)
    paper, _, name = identifier.partition("/")
    return Entry.from_dict(load_paper(paper).entries[name])


@cache
def paper_ids() -> tuple[str, ...]:
    """Ids of all tables and figures, paper by paper, in the order of the files."""
    return tuple(f"{paper}/{name}" for paper in resource_names(_papers()) for name in load_paper(paper).entries)


def _papers() -> Traversable:
    return files("zsar_kit.experiments") / "resources" / "papers"


# -------------------- what was printed wrongly
@dataclass(frozen=True)
class Misprint:
    """A printed number that its neighbours contradict.

    Attributes:
        entry: id of the table.
        place: row, column and metric.
        printed: what stands there.
        computed: what follows from the numbers beside it: a value, or a bound.
        reason: how it follows.
    """

    entry: str
    place: str
    printed: float
    computed: float
    reason: str

    def __repr__(self) -> str:
        return f"{self.entry}, {self}"

    def __str__(self) -> str:
        return f"{self.place}: printed {self.printed:g}, {self.reason} {self.computed:.1f}"


def misprints(*identifiers: str) -> Iterator[Misprint]:
    """Printed numbers that cannot be, given the numbers beside them as they are rounded.

    Args:
        identifiers: the tables; all of them unless some are named.
    """
    for identifier in identifiers or paper_ids():
        entry = load_entry(identifier)
        if entry.published is not None:
            yield from _wrong_harmonics(identifier, entry, entry.published)
            yield from _wrong_differences(identifier, entry.published)


def _wrong_harmonics(identifier: str, entry: Entry, table: Published) -> Iterator[Misprint]:
    """H against 2 S U / (S + U). The mean of H over splits is at most H of the means, as H is concave."""
    for row in table.rows:
        for case in table.cases:
            seen, unseen, printed = (table.value(row, case, m) for m in ("seen", "unseen", "harmonic"))
            if seen is None or unseen is None or printed is None:
                continue
            low = harmonic_mean(max(0.0, seen - ROUNDING), max(0.0, unseen - ROUNDING)) - ROUNDING
            high = harmonic_mean(seen + ROUNDING, unseen + ROUNDING) + ROUNDING
            reason = "S and U give at most" if entry.average else "S and U give"
            if printed > high or (printed < low and not entry.average):
                yield Misprint(identifier, f"{row}, {case}, H", printed, harmonic_mean(seen, unseen), reason)


def _wrong_differences(identifier: str, table: Published) -> Iterator[Misprint]:
    if not (about := table.difference):
        return
    for case in table.cases:
        for metric in table.metrics:
            names = (about["title"], about["row"], about["minus"])
            printed, mine, other = (table.value(name, case, metric) for name in names)
            if printed is None or mine is None or other is None:
                continue
            best = max(v for name in table.rows if name not in names[:2] and (v := table.value(name, case, metric)))
            if abs(mine - other - printed) > 3 * ROUNDING:
                reason = f"{about['row']} minus {about['minus']} is"
                yield Misprint(identifier, f"{about['title']}, {case}, {metric}", printed, mine - other, reason)
            elif other < best:
                reason = f"not the best of the others is subtracted; {about['row']} minus it is"
                yield Misprint(identifier, f"{about['title']}, {case}, {metric}", printed, mine - best, reason)


def disagreements() -> Iterator[str]:
    """Cells of one method, split and metric that are printed differently in two tables."""
    found: dict[tuple[str, str, str], dict[float, list[str]]] = {}
    for identifier in paper_ids():
        entry, table = load_entry(identifier), load_entry(identifier).published
        if table is None or entry.average or entry.kind != "table":
            continue
        for row in table.rows:
            for case in table.cases:
                for metric in table.metrics:
                    if (value := table.value(row, case, metric)) is not None:
                        found.setdefault((_same(row), case, metric), {}).setdefault(value, []).append(identifier)
    for (row, case, metric), values in found.items():
        if len(values) > 1:
            said = "; ".join(f"{value:g} in {', '.join(ids)}" for value, ids in values.items())
            yield f"{row}, {case}, {metric}: {said}"


def _same(row: str) -> str:
    """SA-DVAE is printed as SA-DAVE in Flora's tables."""
    return {"SA-DAVE": "SA-DVAE"}.get(row, row)


def describe(identifier: str) -> dict[str, Any]:
    """What a record, a table or a page says of an entry besides its numbers."""
    entry = load_entry(identifier)
    return {
        "caption": entry.caption,
        "differs": " ".join(entry.differs.split()),
        "misprints": [*entry.misprints, *(f"{one}." for one in misprints(identifier))],
    }
