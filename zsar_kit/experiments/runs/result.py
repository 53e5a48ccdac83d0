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
#: keys of schema 1 that were renamed since
RENAMED = {
    "encoder": "encoder_mark",
    "semantics": "semantics_folders",
    "contexts": "contexts_folder",
    "features": "features_digest",
}
#: keys that the first runs of schema 1 lack
ADDED = {"calibration": "pseudo_unseen", "language_model": "offline", "encoder_folder": "", "semantics": {}}
#: keys that the first evaluations lack
ADDED_TO_EVALUATION = {"oracle_union": None, "seen_twin_merged": None, "harmonic_twin_merged": None}


@dataclass(frozen=True)
class Candidate:
    """One of the models that selection chooses among.

    Attributes:
        config: position in the method's grid.
        point: traced point of the last phase, counted from 1; ``None`` is the end of the phase. A point is a share of
            the phase, not a step number, because a fold with fewer samples may have fewer steps.
    """

    config: int
    point: int | None = None


@dataclass(frozen=True, eq=False)
class SelectionResult:
    """The result of one way of selecting.

    Attributes:
        candidate: the chosen candidate.
        gamma: gamma of the gate.
        calibration: how gamma was chosen.
        evaluation: calibrated evaluation of the candidate's scores.
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
            ArtefactError: a key is unknown or missing, or a value has the wrong type.
        """
        return _read(cls, values, where)


@dataclass(frozen=True, eq=False)
class RunResult:
    """The result of a run, and what it was computed with.

    Folders are relative to the run's workspace.

    Attributes:
        dataset, split, protocol: the data.
        synthetic: whether the data are synthetic.
        method, preset, seed: what was fitted.
        digest: digest of the run's configuration.
        method_config: the configuration that selection chose.
        selection: how the candidate was chosen, with caveats.
        calibration: how gamma was chosen, with caveats.
        folds: pseudo-unseen classes of each calibration fold.
        text_use: whether training used the texts of unseen classes.
        encoder_mark: which classes the encoder had seen.
        encoder_folder: folder of the encoder; empty for imported features.
        semantics_folders: folder of each text set.
        contexts_folder: folder of the context prompts; empty if the method reads none.
        language_model: ``"offline"``, a name, or a folder.
        seen, unseen: class ids of the split.
        feature_shape: shape of one sample's features, ``[d]`` or ``[T', joint, d]``.
        training_samples: number of samples that the method was trained on.
        evaluation: evaluation on the test samples.
        features_digest: content digest of the imported features; empty for a run on skeletons.
        selections: for a traced run, what each way of selecting would have given.
        fold_encoders: number of encoders of the folds; 0 where it was not recorded.
        choices: what the folds chose among: settings, traced point, and ZSL on each fold in percent.
        notes: what has to be said beside the numbers, such as a choice at the end of a grid.
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
    fold_encoders: int = 0
    choices: tuple[dict, ...] = ()
    notes: tuple[str, ...] = ()

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
        """Read a record strictly; records of schema 1 are upgraded.

        Args:
            values: what :meth:`to_dict` gave, or what an earlier version wrote.
            where: the file, for messages.

        Raises:
            ArtefactError: the schema is newer, a key is unknown or missing, or a value has the wrong type.
        """
        if not isinstance(values, Mapping):
            raise ArtefactError(f"a result must be a JSON object, got {type(values).__name__}", where=where)
        schema = values.get("schema", 1)
        if schema not in (1, SCHEMA):
            raise ArtefactError(
                f"the result has schema {schema!r}, but this version reads 1 to {SCHEMA}",
                where=where,
                remedy="Read it with the version of zsar_kit that wrote it (env.json says which).",
            )
        values = {k: v for k, v in (_upgraded(values) if schema == 1 else values).items() if k != "schema"}
        return _read(cls, values, where)

    @classmethod
    def read(cls, path: str | Path) -> RunResult:
        """Read ``result.json``.

        Raises:
            ArtefactError: the file is missing or malformed.
        """
        return cls.from_dict(read_json(path), where=path)

    def write(self, path: str | Path) -> None:
        """Write ``result.json`` atomically."""
        write_json(path, self.to_dict())


def _read(kind: type, values: Any, where: str | Path) -> Any:
    """A dataclass from a record whose keys are its fields."""
    if not isinstance(values, Mapping):
        raise ArtefactError(f"a {kind.__name__} must be a JSON object, got {type(values).__name__}", where=where)
    known = {f.name: f for f in fields(kind)}
    if unknown := [name for name in values if name not in known]:
        raise ArtefactError(f"unknown key {unknown[0]!r}", where=where, remedy=nearest_name(unknown[0], known))
    required = [n for n, f in known.items() if f.default is MISSING and f.default_factory is MISSING]
    if missing := [name for name in required if name not in values]:
        raise ArtefactError(f"the key {missing[0]!r} is missing", where=where, remedy="Run it again.")
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
        raise ArtefactError(error.problem, where=where, remedy="Run it again.") from None


def _upgraded(values: Mapping[str, Any]) -> dict[str, Any]:
    """A record of schema 1 with the keys of schema 2; keys that its first runs lack are empty."""
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
