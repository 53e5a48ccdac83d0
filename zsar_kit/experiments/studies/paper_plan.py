"""What a table or figure of a paper needs on a data set: its columns, its rows, and the configuration of every run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from zsar_kit.config import require_once
from zsar_kit.data.catalogue import customary_protocol, dataset_names, is_published, most_persons, part_protocols
from zsar_kit.data.splits import load_split, split_names
from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.encoders.presets import encoder_preset
from zsar_kit.errors import ConfigError, DataError, nearest_name
from zsar_kit.experiments.pipeline.primitives import is_level_set
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.studies.papers import (
    Entry,
    Paper,
    PaperCase,
    PaperRow,
    Profile,
    load_entry,
    load_paper,
    paper_ids,
)
from zsar_kit.experiments.studies.suite import Case, Suite, SuiteRun, run_config
from zsar_kit.experiments.studies.suite import MethodRow as SuiteRow
from zsar_kit.experiments.studies.sweep import is_current
from zsar_kit.semantics.text_files import load_texts

#: share of unseen classes above which a split counts as hard
HARD = 0.3
#: unseen classes that clusters of similar ones need
CLUSTER_CLASSES = 13


@dataclass(frozen=True)
class Request:
    """What is asked of a table or figure.

    Attributes:
        dataset: the data set.
        seeds: one run per seed; a baseline has only the first.
        preset: a profile of the paper, ``cpu`` or ``paper``.
        splits: these splits instead of the entry's.
        rows: only rows with these titles.
        language_model: instead of the profile's; empty for that one.
        precision: of all training steps, ``float32`` or ``bfloat16``.
        overrides: dotted fields of the paper's method that all its rows have besides their own, such as fewer epochs;
            the files then say so.

    Raises:
        ConfigError: there is no seed, or something is listed twice.
    """

    dataset: str = "puppet"
    seeds: tuple[int, ...] = (0,)
    preset: str = "cpu"
    splits: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    language_model: str = ""
    overrides: dict[str, Any] = field(default_factory=dict)
    precision: str = "float32"

    def __post_init__(self) -> None:
        if not self.seeds:
            raise ConfigError("at least one seed is needed", where="seeds")
        for name in ("seeds", "splits", "rows"):
            require_once(getattr(self, name), name, where="the request")
        if self.dataset not in dataset_names():
            raise DataError(f"unknown data set {self.dataset!r}", remedy=nearest_name(self.dataset, dataset_names()))


@dataclass(frozen=True, repr=False)
class EntryPlan:
    """A table or figure on one data set.

    Attributes:
        identifier: such as ``flora/table3``.
        request: what was asked.

    Raises:
        ConfigError: the id, the profile, a row or a split is unknown.
        DataError: the data set lacks what the table needs; the message says which classes, parts or texts.
    """

    identifier: str
    request: Request

    def __post_init__(self) -> None:
        self.profile  # noqa: B018 - a misspelt name fails before anything is computed
        for case in self.cases:
            load_split(case.dataset, case.split)
        if self.request.rows and self.entry.kind != "splits" and not self.rows:
            _unknown_row(self.request.rows[0], [self])
        if not is_published(self.request.dataset):
            self._require_texts()

    def _require_texts(self) -> None:
        """Refuse a data set of one's own that lacks texts of a kind; published ones have all of them."""
        texts = load_texts(self.request.dataset)
        for _, row, config in self.configs():
            method = config.resolve().method_config
            needed = {name for name in method.text_sets() if not is_level_set(name)}
            needed |= {"contexts"} if method.contexts() is not None else set()
            if lacking := sorted(needed - set(texts.common_sets)):
                problem = f"{self.request.dataset} has no {lacking[0]!r} texts, which {row.title!r} of "
                remedy = "Write them (docs/texts.md), or have them written: zsar texts generate."
                raise DataError(f"{problem}{self.identifier} needs", where=texts.source, remedy=remedy)

    def __repr__(self) -> str:
        sizes = f"{len(self.cases)} columns, {len(self.rows)} rows, {len(self.request.seeds)} seeds"
        return f"EntryPlan({self.identifier!r} on {self.request.dataset}: {sizes})"

    @property
    def entry(self) -> Entry:
        """The table or figure."""
        return load_entry(self.identifier)

    @property
    def paper(self) -> Paper:
        """Its paper."""
        load_entry(self.identifier)  # an id that is misspelt names no paper either
        return load_paper(self.identifier.partition("/")[0])

    @property
    def profile(self) -> Profile:
        """How the runs are made."""
        return self.paper.profile(self.request.preset)

    @property
    def own_data(self) -> bool:
        """Whether the data set is the paper's in this table, so that printed numbers stand beside ours."""
        return any(case.dataset == self.request.dataset for case in self.entry.cases)

    @property
    def cases(self) -> tuple[PaperCase, ...]:
        """The columns; for a mean over splits one for each split."""
        entry, request = self.entry, self.request
        if self.own_data:
            found = [case for case in entry.cases if case.dataset == request.dataset]
        else:
            found = [PaperCase(request.dataset, *place) for place in self._places(not request.splits)]
        if request.splits:
            known = {case.split: case for case in reversed(found)}
            protocols = dict.fromkeys(case.protocol for case in found)
            given = [(s, p) for s in request.splits for p in protocols]
            found = [known.get(s, PaperCase(request.dataset, s)) for s, _ in given]
            found = [replace(case, protocol=p) for case, (_, p) in zip(found, given, strict=True)]
        return tuple(found)

    def _places(self, limited: bool) -> list[tuple[str, str]]:
        """Splits and protocols on a data set that is not the paper's."""
        where, dataset = self.entry.elsewhere, self.request.dataset
        splits = _splits(dataset, where.splits)
        if not splits:
            lacks = {
                "hard": f"no split with more than {HARD:.0%} of its classes unseen",
                "random": "no random splits",
                "clusters": f"no split with {CLUSTER_CLASSES} or more unseen classes",
                "sizes": "no class split",
            }[where.splits]
            remedy = "Name some: --splits, or `zsar split make`." if where.splits != "clusters" else "Take another set."
            raise DataError(f"{dataset} has {lacks}, which {self.identifier} needs", remedy=remedy)
        protocols = [""]
        if where.protocols == "others":
            protocols = [p for p in part_protocols(dataset) if p != customary_protocol(dataset)]
            if not protocols:
                problem = f"{dataset} has no parts but {customary_protocol(dataset)}; {self.identifier} needs others"
                raise DataError(problem, remedy="Take a data set with several protocols.")
        places = [(split, protocol) for protocol in protocols for split in splits]
        return places[: where.most] if where.most and limited else places

    @property
    def possible_rows(self) -> list[PaperRow]:
        """All rows that the data set has."""
        unwanted = "others" if self.own_data else "paper"
        return [row for row in self.entry.all_rows if row.on != unwanted]

    @property
    def rows(self) -> tuple[PaperRow, ...]:
        """The rows that are ours."""
        wanted = self.request.rows
        return tuple(row for row in self.possible_rows if not wanted or row.title in wanted)

    def seeds(self, row: PaperRow) -> tuple[int, ...]:
        """The seeds of a row; a baseline without random draws needs one."""
        single = row.baseline and row.method == "ridge"
        return self.request.seeds[:1] if single else self.request.seeds

    def config(self, case: PaperCase, row: PaperRow, seed: int) -> RunConfig:
        """One run."""
        own = row.method in ("", self.paper.method)
        setting = case.setting if own and self.request.preset == "paper" else ""
        fields = {
            "method": row.method or self.paper.method,
            "preset": row.preset or setting or self.profile.preset,
            "overrides": {**(self.request.overrides if own else {}), **row.overrides},
            "language_model": self.request.language_model or self.profile.language_model,
            "seed": seed,
            "precision": self.request.precision,
            **row.run,
        }
        return run_config(Case(case.dataset, case.split, case.protocol), self._encoder(case, row), **fields)

    def _encoder(self, case: PaperCase, row: PaperRow) -> EncoderConfig:
        changes = {**self.entry.encoder, **row.encoder}
        preset = changes.pop("preset", "")
        if self.profile.encoder:
            base = encoder_preset(preset or self.profile.encoder)
            base = replace(base, persons=min(base.persons, most_persons(case.dataset)))
        else:
            base = Suite.load("", case.dataset).encoder(case.dataset)
        return base.override(changes | {"precision": self.request.precision})

    def configs(self) -> Iterator[tuple[PaperCase, PaperRow, RunConfig]]:
        """All runs: column by column, row by row, seed by seed."""
        for case in self.cases:
            for row in self.rows:
                first, *others = self.seeds(row)
                config = self.config(case, row, first)
                yield case, row, config
                yield from ((case, row, replace(config, seed=seed)) for seed in others)

    def state(self, workspace: Workspace) -> tuple[int, int]:
        """How many of its runs are finished and current, and how many there are."""
        folders = [RunFolder.of(config, workspace) for config in distinct(c for _, _, c in self.configs())]
        return sum(is_current(folder) for folder in folders), len(folders)

    def finished(self, workspace: Workspace) -> list[SuiteRun]:
        """The finished runs, each with its column and row; stale ones are left out."""
        found = []
        for case, row, config in self.configs():
            folder = RunFolder.of(config, workspace)
            if is_current(folder):
                title = SuiteRow(row.title, config.method, config.preset, row.overrides, self.seeds(row), row.baseline)
                place = Case(case.dataset, case.split, config.resolve().protocol)
                found.append(SuiteRun(place, title, folder))
        return found


def distinct(configs: Iterator[RunConfig]) -> list[RunConfig]:
    """Each run once, in order: rows of several tables are often the same run."""
    return list({config.digest(): config for config in configs}.values())


def plans(identifiers: tuple[str, ...], request: Request) -> list[EntryPlan]:
    """The plans of some tables and figures.

    Raises:
        ConfigError: an id is unknown or given twice, or a row is in none of them.
        DataError: the data set lacks what a table needs.
    """
    require_once(identifiers, "ids", where="the command line")
    found = [EntryPlan(identifier, request) for identifier in identifiers]
    for title in request.rows:
        if not any(row.title == title for plan in found for row in plan.rows):
            _unknown_row(title, found)
    return found


def _unknown_row(title: str, among: list[EntryPlan]) -> NoReturn:
    known = dict.fromkeys(row.title for plan in among for row in plan.possible_rows)
    names = ", ".join(plan.identifier for plan in among)
    raise ConfigError(f"no row {title!r}", where=names, remedy=nearest_name(title, known))


def possible_plans(request: Request) -> tuple[list[EntryPlan], dict[str, str]]:
    """The plans of all tables and figures that the data set allows, and why it does not allow the others."""
    found, refused = [], {}
    for identifier in paper_ids():
        try:
            found.append(EntryPlan(identifier, request))
        except DataError as error:
            refused[identifier] = error.problem
    return found, refused


def _splits(dataset: str, kind: str) -> list[str]:
    """The splits of a kind that a data set has."""
    drawn = [name for name in split_names(dataset) if name.startswith("random")]
    if kind == "random":
        return drawn
    plain = [name for name in split_names(dataset) if name not in drawn and " " not in name]
    splits = {name: load_split(dataset, name) for name in plain}
    if kind == "hard":
        return [name for name, split in splits.items() if len(split.unseen) > HARD * split.classes]
    if kind == "clusters":
        return [name for name, split in splits.items() if len(split.unseen) >= CLUSTER_CLASSES]
    return plain
