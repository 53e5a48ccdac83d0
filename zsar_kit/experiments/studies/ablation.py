"""Ablations: a base, named variants of it, the same seeds, and paired differences.

A variant that changes nothing is an error: a table row that compares a run with itself looks like robustness.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable

from zsar_kit.config import Config
from zsar_kit.errors import ConfigError
from zsar_kit.evaluation.statistics import Summary, paired_difference, summarize
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.result import RunResult
from zsar_kit.experiments.studies.engines import Engine, OnFailure
from zsar_kit.experiments.studies.suite import Case, read_toml, resource_names, run_config, suite_encoder
from zsar_kit.experiments.studies.sweep import SERIAL, is_current
from zsar_kit.reprs import escaped
from zsar_kit.semantics.editions import CURRENT, Edition

METRICS = {"zsl": "ZSL", "harmonic": "H", "seen": "S", "unseen": "U", "ausuc": "AUSUC"}


@dataclass(frozen=True)
class Variant(Config):
    """What one variant changes.

    Attributes:
        overrides: dotted fields of the method's config.
        run: fields of :class:`RunConfig`, such as ``low_shot``.
        departure: topic of the row in ``docs/departures.md`` whose effect it measures; empty for none.
    """

    overrides: dict = field(default_factory=dict)
    run: dict = field(default_factory=dict)
    departure: str = ""


@dataclass(frozen=True)
class Ablation(Config):
    """The content of an ablation file.

    Attributes:
        title: heading of its table.
        cases: data sets and splits.
        method, preset: the base.
        variants: what is compared with the base, by name.
        suite: for each data set, the suite whose encoder settings are used; default: the data set's customary suite.
        overrides: overrides of the base.
        seeds: seeds of the base and of each variant.
        language_model: see :class:`RunConfig`.
        edition: see :class:`RunConfig`.
        heads: whether a second table has each head of the method, on folds and on test samples.
    """

    title: str
    cases: tuple[Case, ...]
    method: str
    preset: str
    variants: dict
    suite: dict = field(default_factory=dict)
    overrides: dict = field(default_factory=dict)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    language_model: str = "offline"
    edition: Edition = CURRENT
    heads: bool = False

    def __repr__(self) -> str:
        sizes = f"{len(self.cases)} cases, {len(self.variants)} variants, {len(self.seeds)} seeds"
        return f"Ablation({self.title!r}: {self.method} ({self.preset}), {sizes})"

    def _repr_markdown_(self) -> str:
        rows = []
        for name in self.variants:
            change = self.variant(name)
            fields = {**change.overrides, **change.run}
            rows.append({"variant": name, "changes": ", ".join(f"{k} = {v}" for k, v in fields.items())})
        title = f"**{escaped(self.title)}**: {escaped(f'{self.method} ({self.preset})')}"
        return f"{title}\n\n{format_table(rows, ['variant', 'changes'])}"

    def validate(self) -> None:
        """Every variant must change the run in every case."""
        self.require(len(self.seeds) >= 2, "seeds", "two or more, for paired differences")
        self.require_once("seeds")
        self.require_once("cases")
        self.require(len(self.variants) >= 1, "variants", "one or more")
        for case in self.cases:
            base = self.config(case, None, 0).digest()
            for name in self.variants:
                if self.config(case, name, 0).digest() == base:
                    raise ConfigError(
                        f"the variant {name!r} changes nothing in {case.dataset} {case.split}",
                        where=self.title,
                        remedy="Give it another value, or remove the variant.",
                    )

    @classmethod
    def load(cls, name: str) -> Ablation:
        """An ablation of the kit by name, or one from a file.

        Raises:
            ConfigError: the name is unknown, the file is missing or malformed, or a variant changes nothing.
        """
        return cls.from_dict(read_toml(name, _ablations(), "ablation"))

    def variant(self, name: str) -> Variant:
        """One variant by name."""
        return Variant.from_dict(self.variants[name])

    def config(self, case: Case, name: str | None, seed: int) -> RunConfig:
        """A run of a variant, or of the base where ``name`` is ``None``."""
        change = Variant() if name is None else self.variant(name)
        encoder = suite_encoder(self.suite.get(case.dataset, ""), case.dataset, case.encoder_seed)
        fields = {
            "method": self.method,
            "preset": self.preset,
            "overrides": {**self.overrides, **change.overrides},
            "language_model": self.language_model,
            "edition": self.edition,
            "seed": seed,
            **change.run,
        }
        return run_config(case, fields.pop("encoder", encoder), **fields)

    def configs(self) -> Iterator[tuple[Case, str | None, RunConfig]]:
        """All runs: for each case the base and then the variants, seed by seed."""
        for case in self.cases:
            for name in (None, *self.variants):
                for seed in self.seeds:
                    yield case, name, self.config(case, name, seed)

    def run(self, workspace: Workspace, on_failure: OnFailure | None = None, engine: Engine = SERIAL) -> None:
        """Carry out all missing runs.

        Args:
            workspace: of the runs.
            on_failure: see :meth:`~zsar_kit.experiments.studies.engines.Engine.map`.
            engine: where they are carried out; default: in this process.

        Raises:
            ZsarError: a run failed, and there is no ``on_failure``.
        """
        engine.map([config for _, _, config in self.configs()], workspace, on_failure)

    def effects(self, workspace: Workspace) -> list[Effect]:
        """Paired differences from the finished runs of the workspace; a seed that one side lacks is dropped."""
        found = []
        for case in self.cases:
            base = _results(self, workspace, case, None)
            for name in self.variants:
                variant = _results(self, workspace, case, name)
                if seeds := [s for s in self.seeds if s in base and s in variant]:
                    found.append(_effect(self, case, name, [base[s] for s in seeds], [variant[s] for s in seeds]))
        return found


def ablation_names() -> list[str]:
    """Names of the ablations that come with the kit."""
    return resource_names(_ablations())


def _ablations() -> Traversable:
    return files("zsar_kit.experiments") / "resources" / "ablations"


@dataclass(frozen=True)
class Effect:
    """A variant against the base in one case.

    Attributes:
        case: data set and split.
        variant: its name.
        departure: the topic whose effect it measures, or empty.
        base, value: mean of each metric over the seeds that both have, percent.
        difference: paired difference of each metric, variant minus base.
        n_unseen, n_seen: numbers of test samples.
        synthetic: whether the data are synthetic.
    """

    case: Case
    variant: str
    departure: str
    base: dict[str, Summary]
    value: dict[str, Summary]
    difference: dict[str, Summary]
    n_unseen: int
    n_seen: int
    synthetic: bool

    def __repr__(self) -> str:
        case = f"{self.case.dataset} {self.case.split}"
        return f"Effect({case}, {self.variant!r}: ZSL {self.difference['zsl']}, H {self.difference['harmonic']})"


def _results(ablation: Ablation, workspace: Workspace, case: Case, name: str | None) -> dict[int, RunResult]:
    folders = {seed: RunFolder.of(ablation.config(case, name, seed), workspace) for seed in ablation.seeds}
    return {seed: folder.result() for seed, folder in folders.items() if is_current(folder)}


def _effect(ablation: Ablation, case: Case, name: str, base: list[RunResult], variant: list[RunResult]) -> Effect:
    def values(results: list[RunResult], metric: str) -> list[float]:
        return [getattr(r.evaluation.micro, metric) for r in results]

    first = base[0]
    return Effect(
        case=case,
        variant=name,
        departure=ablation.variant(name).departure,
        base={m: summarize(values(base, m)) for m in METRICS},
        value={m: summarize(values(variant, m)) for m in METRICS},
        difference={m: paired_difference(values(variant, m), values(base, m)) for m in METRICS},
        n_unseen=first.evaluation.n_unseen_test,
        n_seen=first.evaluation.n_seen_test,
        synthetic=first.synthetic,
    )
