"""The result of the evaluation protocol; it writes its record and reads it back strictly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from zsar_kit.errors import ArtefactError, ConfigError, nearest_name
from zsar_kit.evaluation.gates import restore_gate
from zsar_kit.reprs import markdown_table, shortened


@dataclass(frozen=True)
class Accuracies:
    """Accuracies of one kind of average, all in percent.

    Attributes:
        zsl: unseen test samples among unseen classes.
        seen: S, seen test samples among all classes, calibrated.
        unseen: U, unseen test samples among all classes, calibrated.
        harmonic: H, the harmonic mean of S and U.
        ausuc: area under U over S for all gamma of the same gate, percent of the unit square.
    """

    zsl: float
    seen: float
    unseen: float
    harmonic: float
    ausuc: float

    def __repr__(self) -> str:
        return f"Accuracies({', '.join(f'{name} {value} %' for name, value in self._shown())})"

    def _shown(self) -> list[tuple[str, str]]:
        """Name, as papers print it, and value of each accuracy."""
        names = ("ZSL", "S", "U", "H", "AUSUC")
        return [(n, f"{getattr(self, f.name):.1f}") for n, f in zip(names, fields(self), strict=True)]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, where: str | Path = "") -> Accuracies:
        """Read what ``dataclasses.asdict`` of this object gave, also after a round trip through JSON.

        Args:
            values: the record.
            where: its file or place, for messages.

        Raises:
            ArtefactError: an unknown or missing key, or a value that is not a number.
        """
        record = _checked_keys(values, cls, where)
        return cls(**{key: _number(value, key, where) for key, value in record.items()})


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What :func:`~zsar_kit.evaluation.protocol.evaluate` measured; accuracies in percent.

    Attributes:
        dataset: name of the data set.
        split: name of the split.
        micro: accuracies over samples (the convention of the papers).
        macro: accuracies averaged over classes.
        chance: ZSL accuracy of a guess, 100 / number of unseen classes.
        n_unseen_test: unseen test samples.
        n_seen_test: seen test samples.
        n_subjects: number of subjects, the clusters of the bootstrap.
        zsl_interval: 95 % bootstrap interval of micro ZSL over subjects; None with fewer than two subjects.
        harmonic_interval: the same for micro H.
        per_class: ZSL accuracy by unseen class id; None for a class without test samples.
        per_class_gzsl: calibrated GZSL accuracy by class id, seen and unseen classes.
        confusion: ZSL counts ``[true, predicted]`` over ``unseen_classes``.
        unseen_classes: the order of the confusion matrix.
        calibration: kind and parameters of the gate.
        oracle_union: percent of unseen test samples that at least one of two heads gets right (ZSL); an upper
            bound, not an accuracy; None unless there are exactly two heads.
        seen_twin_merged: S if predicting the twin of a class (the same action under another name) counts as
            correct; None if the data set has no twins. The strict S is the headline number.
        harmonic_twin_merged: H of this S and the U computed in the same way.
    """

    dataset: str
    split: str
    micro: Accuracies
    macro: Accuracies
    chance: float
    n_unseen_test: int
    n_seen_test: int
    n_subjects: int
    zsl_interval: tuple[float, float] | None
    harmonic_interval: tuple[float, float] | None
    per_class: dict[int, float | None]
    per_class_gzsl: dict[int, float | None]
    confusion: np.ndarray
    unseen_classes: tuple[int, ...]
    calibration: dict[str, Any]
    oracle_union: float | None
    seen_twin_merged: float | None = None
    harmonic_twin_merged: float | None = None

    def __repr__(self) -> str:
        sizes = f"{self.n_unseen_test} unseen and {self.n_seen_test} seen test samples"
        return (
            f"Evaluation({shortened(self.dataset, 40)!r}, {shortened(self.split, 40)!r}, {sizes}, micro {self.micro!r})"
        )

    def _repr_markdown_(self) -> str:
        """Accuracies in percent, over samples and over classes."""
        rows = {"micro": self.micro._shown(), "macro": self.macro._shown()}
        table = markdown_table(
            [f"{self.dataset} {self.split}, %", *(name for name, _ in rows["micro"])],
            [(kind, *(value for _, value in shown)) for kind, shown in rows.items()],
        )
        return f"{table}\nChance is {self.chance:.1f} % (ZSL).\n"

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready record with the attributes as keys.

        Class ids become strings (JSON keys), intervals lists, and ``confusion`` a record of ``classes`` (the
        order) and ``counts`` (``[true, predicted]``).
        """
        record = asdict(self)
        for key in ("per_class", "per_class_gzsl"):
            record[key] = {str(c): a for c, a in record[key].items()}
        for key in ("zsl_interval", "harmonic_interval"):
            record[key] = None if record[key] is None else list(record[key])
        record["confusion"] = {
            "classes": list(record.pop("unseen_classes")),
            "counts": self.confusion.tolist(),
        }
        return record

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, where: str | Path = "") -> Evaluation:
        """Read what :meth:`to_dict` gave, also after a round trip through JSON.

        The keys of the twins may be missing: older records do not have them.

        Args:
            values: the record.
            where: its file or place, for messages.

        Raises:
            ArtefactError: an unknown or missing key, or a value of the wrong type; the message names the key.
        """
        record = _checked_keys(values, cls, where, besides=("unseen_classes",))
        confusion, classes = _confusion(record.pop("confusion"), where)
        read = {key: _READERS[key](value, key, where) for key, value in record.items()}
        return cls(**read, confusion=confusion, unseen_classes=classes)

    def __eq__(self, other: object) -> bool:
        return self.to_dict() == other.to_dict() if isinstance(other, Evaluation) else NotImplemented

    __hash__ = None  # type: ignore[assignment]


def _checked_keys(
    values: Any, kind: type[Accuracies] | type[Evaluation], where: str | Path, *, besides: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The record as a dictionary, when it has every required field of ``kind`` and no other key."""
    record = _mapping(values, kind.__name__, where)
    known = {f.name: f.default is MISSING for f in fields(kind) if f.name not in besides}
    if unknown := [key for key in record if key not in known]:
        problem = f"unknown key {unknown[0]!r} in a record of {kind.__name__}"
        raise ArtefactError(problem, where=where or None, remedy=nearest_name(unknown[0], known))
    if missing := [key for key, required in known.items() if required and key not in record]:
        raise ArtefactError(f"the key {missing[0]!r} is missing in a record of {kind.__name__}", where=where or None)
    return record


def _wrong(key: str, required: str, value: Any, where: str | Path) -> ArtefactError:
    return ArtefactError(f"{key!r} must be {required}, got {value!r} ({type(value).__name__})", where=where or None)


def _mapping(value: Any, key: str, where: str | Path) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(k, str) for k in value):
        raise _wrong(key, "a record with names as keys", value, where)
    return dict(value)


def _text(value: Any, key: str, where: str | Path) -> str:
    if not isinstance(value, str):
        raise _wrong(key, "a string", value, where)
    return value


def _integer(value: Any, key: str, where: str | Path) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(key, "an integer", value, where)
    return value


def _number(value: Any, key: str, where: str | Path) -> float:
    if not isinstance(value, float | int) or isinstance(value, bool):
        raise _wrong(key, "a number", value, where)
    return float(value)


def _optional_number(value: Any, key: str, where: str | Path) -> float | None:
    return None if value is None else _number(value, key, where)


def _interval(value: Any, key: str, where: str | Path) -> tuple[float, float] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise _wrong(key, "null or a lower and an upper end", value, where)
    return _number(value[0], key, where), _number(value[1], key, where)


def _by_class(value: Any, key: str, where: str | Path) -> dict[int, float | None]:
    record = _mapping(value, key, where)
    if bad := [c for c in record if not c.isdecimal()]:
        raise _wrong(key, "keyed by class ids", bad[0], where)
    return {int(c): _optional_number(a, f"{key}.{c}", where) for c, a in record.items()}


def _gate(value: Any, key: str, where: str | Path) -> dict[str, Any]:
    record = _mapping(value, key, where)
    try:
        restore_gate(record)
    except ConfigError as error:
        raise ArtefactError(f"{key!r} describes no gate: {error.problem}", where=where or None) from None
    return record


def _confusion(value: Any, where: str | Path) -> tuple[np.ndarray, tuple[int, ...]]:
    """Counts and the order of their classes."""
    record = _mapping(value, "confusion", where)
    if set(record) != {"classes", "counts"}:
        raise _wrong("confusion", "a record of 'classes' and 'counts'", sorted(record), where)
    for key, rows in record.items():
        if not isinstance(rows, list) or not rows:
            raise _wrong(f"confusion.{key}", "a list", rows, where)
    classes = tuple(_integer(c, "confusion.classes", where) for c in record["classes"])
    counts = record["counts"]
    if not all(isinstance(row, list) for row in counts) or {len(counts), *map(len, counts)} != {len(classes)}:
        raise _wrong("confusion.counts", f"{len(classes)} rows of {len(classes)} counts", counts, where)
    return np.array([[_integer(n, "confusion.counts", where) for n in row] for row in counts], dtype=np.int64), classes


def _accuracies(value: Any, key: str, where: str | Path) -> Accuracies:
    return Accuracies.from_dict(_mapping(value, key, where), where=f"{where}, {key}" if where else key)


_READERS: dict[str, Callable[[Any, str, str | Path], Any]] = {
    "dataset": _text,
    "split": _text,
    "micro": _accuracies,
    "macro": _accuracies,
    "chance": _number,
    "n_unseen_test": _integer,
    "n_seen_test": _integer,
    "n_subjects": _integer,
    "zsl_interval": _interval,
    "harmonic_interval": _interval,
    "per_class": _by_class,
    "per_class_gzsl": _by_class,
    "calibration": _gate,
    "oracle_union": _optional_number,
    "seen_twin_merged": _optional_number,
    "harmonic_twin_merged": _optional_number,
}
"""How to read each key of a record of :class:`Evaluation`, ``confusion`` aside."""
