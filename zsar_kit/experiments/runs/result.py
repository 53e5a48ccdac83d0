"""The typed result of a run: ``result.json``, versioned and read strictly."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from zsar_kit.artefacts import read_json, write_json
from zsar_kit.config import typed
from zsar_kit.errors import ArtefactError, ConfigError, nearest_name
from zsar_kit.evaluation.result import Evaluation

SCHEMA = 2
#: names of schema 1 that are others now
RENAMED = {
    "encoder": "encoder_mark",
    "semantics": "semantics_folders",
    "contexts": "contexts_folder",
    "features": "features_digest",
}
#: what the first runs of schema 1 did not say yet
ADDED = {"calibration": "pseudo_unseen", "language_model": "offline", "encoder_folder": "", "semantics": {}}
#: what the first evaluations did not say yet
ADDED_TO_EVALUATION = {"oracle_union": None, "seen_twin_merged": None, "harmonic_twin_merged": None}


@dataclass(frozen=True)
class Candidate:
    """What selection chooses among.

    Attributes:
        config: position in the method's grid.
        point: of the trace through the last phase, from 1 on; ``None`` is its end. A point is a share of the phase and
            not a step: a fold with fewer samples may have fewer steps.
    """

    config: int
    point: int | None = None


@dataclass(frozen=True, eq=False)
class SelectionResult:
    """What one way of selecting gives.

    Attributes:
        candidate: what it chose.
        gamma: of the gate.
        calibration: how gamma came about.
        evaluation: of the chosen scores, calibrated.
    """

    candidate: Candidate
    gamma: float | None
    calibration: str
    evaluation: Evaluation

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready record."""
        return {
            "candidate": vars(self.candidate),
            "gamma": self.gamma,
            "calibration": self.calibration,
            "evaluation": self.evaluation.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Any, *, where: str | Path = "") -> SelectionResult:
        """Read a record strictly.

        Raises:
            ArtefactError: a key is unknown or missing, or a value is of another type.
        """
        return _read(cls, values, where)


@dataclass(frozen=True, eq=False)
class RunResult:
    """What a run found, and what it was made with.

    Folders are relative to the run's workspace.

    Attributes:
        dataset, split, protocol: the data.
        synthetic: whether the data are synthetic.
        method, preset, seed: what was fitted.
        digest: of the run's configuration.
        method_config: the configuration that selection chose.
        selection: how a candidate was chosen, with what must be said of it.
        calibration: how gamma came about, with what must be said of it.
        folds: pseudo-unseen classes of each calibration fold.
        text_use: whether training used the texts of unseen classes.
        encoder_mark: which classes the encoder had seen.
        encoder_folder: the encoder; empty on imported features.
        semantics_folders: text set to its folder.
        contexts_folder: context prompts; empty where the method reads none.
        language_model: ``"offline"``, a name, or a folder.
        seen, unseen: class ids of the split.
        feature_shape: of one sample's features, ``[d]`` or ``[T', joint, d]``.
        training_samples: how many the method learnt from.
        evaluation: of the test samples.
        features_digest: of imported features; empty for a run on skeletons.
        selections: of a traced run, what each way of selecting would have given.
    """

    dataset: str
    split: str
    protocol: str
    synthetic: bool
    method: str
    preset: str
    seed: int
    digest: str
    method_config: dict
    selection: str
    calibration: str
    folds: tuple[tuple[int, ...], ...]
    text_use: str
    encoder_mark: str
    encoder_folder: str
    semantics_folders: dict
    contexts_folder: str
    language_model: str
    seen: tuple[int, ...]
    unseen: tuple[int, ...]
    feature_shape: tuple[int, ...]
    training_samples: int
    evaluation: Evaluation
    features_digest: str = ""
    selections: dict[str, SelectionResult] = field(default_factory=dict)

    def __repr__(self) -> str:
        micro = self.evaluation.micro
        what = f"{self.dataset}{' (synthetic)' if self.synthetic else ''} {self.split}, {self.method} ({self.preset})"
        return f"RunResult({what}, seed {self.seed}: ZSL {micro.zsl:.1f} %, H {micro.harmonic:.1f} %)"

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready record; :meth:`from_dict` reads it back."""
        record: dict[str, Any] = {"schema": SCHEMA}
        record |= {f.name: getattr(self, f.name) for f in fields(self)}
        record["evaluation"] = self.evaluation.to_dict()
        record["selections"] = {name: selection.to_dict() for name, selection in self.selections.items()}
        return record

    @classmethod
    def from_dict(cls, values: Any, *, where: str | Path = "") -> RunResult:
        """Read a record strictly, one of schema 1 too.

        Args:
            values: what :meth:`to_dict` gave, or what an earlier version wrote.
            where: the file, for messages.

        Raises:
            ArtefactError: it is of a later schema, a key is unknown or missing, or a value is of another type.
        """
        if not isinstance(values, Mapping):
            raise ArtefactError(f"a result is a JSON object, got {type(values).__name__}", where=where)
        schema = values.get("schema", 1)
        if schema not in (1, SCHEMA):
            raise ArtefactError(
                f"the result is of schema {schema!r}, this version reads 1 to {SCHEMA}",
                where=where,
                remedy="Read it with the version of zsar_kit that wrote it (env.json says which).",
            )
        values = {k: v for k, v in (_upgraded(values) if schema == 1 else values).items() if k != "schema"}
        return _read(cls, values, where)

    @classmethod
    def read(cls, path: str | Path) -> RunResult:
        """Read ``result.json``.

        Raises:
            ArtefactError: it is not there, or malformed.
        """
        return cls.from_dict(read_json(path), where=path)

    def write(self, path: str | Path) -> None:
        """Write ``result.json``, atomically."""
        write_json(path, self.to_dict())


def _read(kind: type, values: Any, where: str | Path) -> Any:
    """A dataclass from a record whose keys are its fields."""
    if not isinstance(values, Mapping):
        raise ArtefactError(f"a {kind.__name__} is a JSON object, got {type(values).__name__}", where=where)
    known = {f.name: f for f in fields(kind)}
    if unknown := [name for name in values if name not in known]:
        raise ArtefactError(f"unknown key {unknown[0]!r}", where=where, remedy=nearest_name(unknown[0], known))
    required = [n for n, f in known.items() if f.default is MISSING and f.default_factory is MISSING]
    if missing := [name for name in required if name not in values]:
        raise ArtefactError(f"the key {missing[0]!r} is missing", where=where, remedy="Do the run again.")
    hints = inspect.get_annotations(kind, eval_str=True)
    return kind(**{name: _value(name, value, hints[name], where) for name, value in values.items()})


def _value(name: str, value: Any, kind: Any, where: str | Path) -> Any:
    if (kind is Evaluation or name == "selections") and not isinstance(value, Mapping):
        raise ArtefactError(f"{name!r} must be a JSON object, got {type(value).__name__}", where=where)
    if kind is Evaluation:
        return Evaluation.from_dict(value, where=where)
    if kind is Candidate:
        return _read(Candidate, value, where)
    if name == "selections":
        return {key: SelectionResult.from_dict(item, where=where) for key, item in value.items()}
    try:
        return typed(name, value, kind, where=str(where))
    except ConfigError as error:
        raise ArtefactError(error.problem, where=where, remedy="Do the run again.") from None


def _upgraded(values: Mapping[str, Any]) -> dict[str, Any]:
    """A record of schema 1 in the names of schema 2; what its first runs did not say is empty."""
    record = ADDED | dict(values)
    classes = record.pop("classes", {})
    record = {RENAMED.get(name, name): value for name, value in record.items()}
    empty = {"contexts_folder": "", "seen": [], "unseen": [], "feature_shape": [], "training_samples": 0}
    record = empty | record | dict(classes)
    record["evaluation"] = _upgraded_evaluation(record.get("evaluation", {}))
    record["selections"] = {
        name: item | {"evaluation": _upgraded_evaluation(item["evaluation"])}
        for name, item in record.get("selections", {}).items()
    }
    return record


def _upgraded_evaluation(values: Mapping[str, Any]) -> dict[str, Any]:
    return ADDED_TO_EVALUATION | dict(values)
