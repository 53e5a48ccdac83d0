"""Suites: many runs from one file of cases (data set and split) and methods (with seeds)."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from zsar_kit.config import Config, formerly, require_once
from zsar_kit.data.catalogue import is_synthetic, most_persons
from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.encoders.presets import encoder_preset
from zsar_kit.errors import ConfigError, nearest_name
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.reprs import escaped
from zsar_kit.semantics.editions import CURRENT, Edition

log = logging.getLogger("zsar_kit")
#: encoder preset of a data set that a suite has no settings for
FALLBACK_PRESET = "cpu"


@dataclass(frozen=True)
class Case(Config):
    """A data set and one of its class splits.

    Attributes:
        dataset, split: names.
        protocol: how samples are divided into train and test; default: the data set's customary protocol.
        encoder_seed: seed of the skeleton encoder's training; ``None`` for the seed of its settings.
    """

    dataset: str
    split: str
    protocol: str = ""
    encoder_seed: int | None = None


@dataclass(frozen=True)
class MethodRow(Config):
    """A method as a row of a suite's table.

    Attributes:
        title: name in tables.
        method, preset, overrides: as in :class:`RunConfig`.
        seeds: one run per seed; a method without random draws needs only one.
        baseline: whether it is a simple baseline that every other method should beat.
        features: as in :class:`RunConfig`.
    """

    title: str
    method: str
    preset: str
    overrides: dict = field(default_factory=dict)
    seeds: tuple[int, ...] = (0,)
    baseline: bool = field(default=False, metadata=formerly("floor"))
    features: Literal["", "encoder", "primitives", "both"] = ""

    def validate(self) -> None:
        """A seed counts once."""
        self.require(len(self.seeds) >= 1, "seeds", "one or more")
        self.require_once("seeds")


@dataclass(frozen=True)
class FusionRow(Config):
    """Two rows of a suite whose runs are fused, case by case and seed by seed.

    Attributes:
        first, second: titles of the rows; the weight is that of the second.
    """

    first: str
    second: str


class SuiteRun(NamedTuple):
    """One run and its place in a table: the case, and the method's row within it."""

    case: Case
    row: MethodRow
    folder: RunFolder


@dataclass(frozen=True)
class Suite(Config):
    """The content of a suite file.

    Attributes:
        title: heading of its table.
        cases: data sets and splits.
        methods: the methods that are compared in each case.
        encoders: encoder settings of each data set: fields of :class:`EncoderConfig`, and optionally ``preset``, the
            encoder preset that they change. A data set without settings gets the preset ``cpu``. In a file also the
            name of a suite of the kit, for that suite's settings.
        language_model: see :class:`RunConfig`.
        edition: see :class:`RunConfig`.
        encoder_from: see :class:`RunConfig`; for all cases.
        trace: see :class:`RunConfig`; for all runs.
        reference: title of the baseline that means over class splits are compared with.
        encoder_seeds: seeds of the skeleton encoder's training, for all cases: every method runs on each training with
            all of its seeds, and tables give means over the trainings. Empty: one training. With a released encoder,
            which is not trained, they do not apply.
        fusions: pairs of rows whose scores are fused (:func:`~zsar_kit.experiments.runs.fusion.fuse`).
    """

    title: str
    cases: tuple[Case, ...]
    methods: tuple[MethodRow, ...]
    encoders: dict
    language_model: str = "offline"
    encoder_from: str = ""
    trace: int = 0
    reference: str = ""
    edition: Edition = CURRENT
    encoder_seeds: tuple[int, ...] = ()
    fusions: tuple[FusionRow, ...] = ()

    def __repr__(self) -> str:
        runs = sum(1 for _ in self.configs())
        return f"Suite({self.title!r}: {len(self.cases)} cases, {len(self.methods)} methods, {runs} runs)"

    def validate(self) -> None:
        """Every case, method and seed counts once."""
        self.require_once("cases")
        self.require_once("encoder_seeds")
        require_once([row.title for row in self.methods], "methods", where=type(self).__name__)
        own = any(case.encoder_seed is not None for case in self.cases)
        self.require(not (own and self.encoder_seeds), "encoder_seeds", "empty where cases have an encoder_seed")
        titles = [row.title for row in self.methods]
        for title in (title for pair in self.fusions for title in (pair.first, pair.second)):
            if title not in titles:
                raise ConfigError(f"no method is titled {title!r}", where="fusions", remedy=nearest_name(title, titles))

    def _repr_markdown_(self) -> str:
        cases = ", ".join(f"{case.dataset} {case.split}" for case in self.cases)
        rows = [{"method": m.title, "seeds": ", ".join(map(str, m.seeds))} for m in self.methods]
        trainings = f"; encoder seeds {', '.join(map(str, self.encoder_seeds))}" if self.encoder_seeds else ""
        return f"**{escaped(self.title)}**: {escaped(cases)}{trainings}\n\n{format_table(rows, ['method', 'seeds'])}"

    @classmethod
    def load(cls, name: str, dataset: str = "") -> Suite:
        """A suite of the kit by name, or one from a file.

        Args:
            name: name of a suite, or a path that ends in ``.toml``; default: the data set's customary suite.
            dataset: name of the data set; used only if ``name`` is empty.

        Raises:
            ConfigError: the name is unknown, or the file is missing or malformed.
        """
        name = name or (customary_suite(dataset) if dataset else "")
        content = dict(read_toml(name, _suites(), "suite"))
        if isinstance(lender := content.get("encoders"), str):
            content["encoders"] = read_toml(lender, _suites(), "suite")["encoders"]
        return cls.from_dict(content)

    def configs(self) -> Iterator[tuple[Case, MethodRow, RunConfig]]:
        """All runs of the suite, case by case, and within a case training by training of the encoder.

        A method that reads no encoder's features runs once for all trainings, as a case without one.
        """
        once: set[tuple[Case, str]] = set()
        for case in self._trained_cases():
            for row in self.methods:
                of = case if self._reads_encoder(case, row) else replace(case, encoder_seed=None)
                if (of, row.title) in once:
                    continue
                once.add((of, row.title))
                for seed in row.seeds:
                    yield of, row, self.config(of, row, seed)

    def _reads_encoder(self, case: Case, row: MethodRow) -> bool:
        return self.config(case, row, row.seeds[0]).resolve().features != "primitives"

    def _trained_cases(self) -> Iterator[Case]:
        for case in self.cases:
            if self.encoder_seeds and not self.encoder_from:
                yield from (replace(case, encoder_seed=seed) for seed in self.encoder_seeds)
            else:
                yield case

    def config(self, case: Case, row: MethodRow, seed: int) -> RunConfig:
        """One run of the suite."""
        return run_config(
            case,
            self.encoder(case.dataset, case.encoder_seed),
            method=row.method,
            preset=row.preset,
            overrides=row.overrides,
            language_model=self.language_model,
            edition=self.edition,
            encoder_from=self.encoder_from,
            seed=seed,
            trace=self.trace,
            features=row.features,
        )

    def run_config(self, dataset: str, split: str, *, protocol: str = "", **fields: Any) -> RunConfig:
        """A run on any data set and split, with the suite's encoder settings and language model.

        Args:
            dataset: name of a prepared data set.
            split: name of a class split, or a split file.
            protocol: how samples are divided into train and test; default: the data set's customary protocol.
            fields: further fields of :class:`RunConfig`, e.g. ``method="ridge", preset="motion", seed=1``.

        Raises:
            ConfigError: a field is unknown, or its value has the wrong type.
        """
        shared = {"language_model": self.language_model, "edition": self.edition, **fields}
        return run_config(Case(dataset, split, protocol), self.encoder(dataset), **shared)

    def only(self, dataset: str, split: str, **fields: Any) -> Suite:
        """The suite on a single case and training of the encoder; ``fields`` replace those of the suite.

        The case need not be one of the suite's own.
        """
        case = next((c for c in self.cases if (c.dataset, c.split) == (dataset, split)), Case(dataset, split))
        return replace(self, **{"cases": (case,), "encoder_seeds": (), **fields})

    def with_seeds(self, seeds: tuple[int, ...]) -> Suite:
        """The suite with other seeds for its methods; baselines keep only their first seed."""
        methods = (replace(m, seeds=m.seeds[:1] if m.baseline else seeds) for m in self.methods)
        return replace(self, methods=tuple(methods))

    def encoder(self, dataset: str, seed: int | None = None) -> EncoderConfig:
        """The encoder settings of a data set, with another seed if one is given.

        A data set that the suite does not name gets those of :func:`fallback_encoder`, and the log says so.
        """
        if dataset not in self.encoders:
            settings = fallback_encoder(dataset)  # refuses a data set that is not known
            _log_fallback(self.title, dataset)
            return replace(settings, **({} if seed is None else {"seed": seed}))
        settings = dict(self.encoders[dataset])
        preset = settings.pop("preset", "")
        settings |= {} if seed is None else {"seed": seed}
        return encoder_preset(preset).override(settings) if preset else EncoderConfig.from_dict(settings)


def run_config(case: Case, encoder: EncoderConfig | Mapping[str, Any], **fields: Any) -> RunConfig:
    """The configuration of a run; suites, ablations, notebooks and the command line all build theirs here.

    Args:
        case: data set, split and protocol.
        encoder: settings of the skeleton encoder.
        fields: further fields of :class:`RunConfig`.

    Raises:
        ConfigError: a field is unknown, or its value has the wrong type.
    """
    place = {"dataset": case.dataset, "split": case.split, "protocol": case.protocol}
    return RunConfig.from_dict({**place, "encoder": encoder, **fields})


def fallback_encoder(dataset: str) -> EncoderConfig:
    """The encoder settings of a data set that a suite does not name: the preset ``cpu`` with the data set's persons."""
    preset = encoder_preset(FALLBACK_PRESET)
    return replace(preset, persons=min(preset.persons, most_persons(dataset)))


@cache
def _log_fallback(title: str, dataset: str) -> None:
    """Log the fallback once per process: all runs of a suite ask for the same settings."""
    log.info(
        "No encoder settings for %s in the suite %r: the encoder preset %s is used.", dataset, title, FALLBACK_PRESET
    )


def suite_encoder(suite: str, dataset: str, seed: int | None = None) -> EncoderConfig:
    """The encoder settings that a suite has for a data set, with another seed if one is given.

    An empty name stands for the data set's customary suite.
    """
    return Suite.load(suite, dataset).encoder(dataset, seed)


def customary_suite(dataset: str) -> str:
    """A data set's customary suite: ``demo`` for synthetic data, ``real`` for all others."""
    return "demo" if is_synthetic(dataset) else "real"


def _suites() -> Traversable:
    return files("zsar_kit.experiments") / "resources" / "suites"


def resource_names(folder: Traversable) -> list[str]:
    """Sorted names of the ``.toml`` files in a folder of the kit."""
    return sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml"))


def read_toml(name: str, folder: Traversable, kind: str) -> Mapping[str, Any]:
    """A TOML file of the kit by name, or any other by path.

    Args:
        name: name of a file in ``folder`` without its suffix, or a path that ends in ``.toml``.
        folder: folder of the kit's files.
        kind: what the file is, for messages.

    Raises:
        ConfigError: the name is unknown, or the file is missing or not TOML.
    """
    if name.endswith(".toml"):
        where = name
        if not Path(name).is_file():
            raise ConfigError(f"{kind} file not found", where=name)
        text = Path(name).read_text(encoding="utf-8")
    else:
        known = resource_names(folder)
        if name not in known:
            raise ConfigError(f"unknown {kind} {name!r}", remedy=nearest_name(name, known))
        where = f"{kind} {name}"
        text = (folder / f"{name}.toml").read_text(encoding="utf-8")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}", where=where) from None
