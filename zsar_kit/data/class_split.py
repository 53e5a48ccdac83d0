"""`ClassSplit`, the classes that a method may learn from, and the files in which users write their own."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zsar_kit.artefacts import write_atomic
from zsar_kit.config import Config, digest_of
from zsar_kit.data.catalogue import class_count, class_names, dataset_names
from zsar_kit.errors import SplitError, nearest_name
from zsar_kit.reprs import escaped, markdown_table, shortened

FORMATS = (".toml", ".json")
_KEYS = {"dataset": str, "name": str, "classes": int, "unseen": list, "excluded": list, "source": str}


def _check_ids(name: str, dataset: str, classes: int, key: str, ids: Sequence[int]) -> None:
    where = f"key {key!r}"
    for i in ids:
        if not 0 <= i < classes:
            raise SplitError(
                f"split {name!r} lists class {i}, but {dataset} has classes 0..{classes - 1}",
                where=where,
                remedy="Did you mean 0-based ids?",
            )
    if len(set(ids)) < len(ids):
        twice = next(i for i in ids if ids.count(i) > 1)
        raise SplitError(f"split {name!r} lists class {twice} more than once", where=where)


@dataclass(frozen=True)
class ClassSplit(Config):
    """Which classes of a data set a method may learn from.

    Attributes:
        dataset: name of the data set.
        name: name of the split, e.g. ``"55/5"``.
        classes: number of classes of the data set.
        unseen: ids never trained on; stored sorted.
        excluded: ids that are neither trained on nor tested (a fold's real unseen classes).
        source: where the list comes from.
        fold_of: name of the split inside which this one is a pseudo-unseen fold; empty for a split proper.

    Raises:
        SplitError: an id is out of range or listed twice, ``unseen`` is empty, or fewer than two are seen.
    """

    dataset: str
    name: str
    classes: int
    unseen: tuple[int, ...]
    excluded: tuple[int, ...] = ()
    source: str = ""
    fold_of: str = ""

    def validate(self) -> None:
        """Check the ids and sort them."""
        _check_ids(self.name, self.dataset, self.classes, "unseen", self.unseen)
        _check_ids(self.name, self.dataset, self.classes, "excluded", self.excluded)
        object.__setattr__(self, "unseen", tuple(sorted(self.unseen)))
        object.__setattr__(self, "excluded", tuple(sorted(self.excluded)))
        if not self.unseen:
            raise SplitError(f"split {self.name!r} has no unseen class", where="key 'unseen'")
        if both := sorted(set(self.unseen) & set(self.excluded)):
            problem = f"split {self.name!r} lists class {both[0]} as unseen and as excluded"
            raise SplitError(problem, where="key 'excluded'")
        if len(self.seen) < 2:
            problem = f"split {self.name!r} leaves {len(self.seen)} seen classes; at least 2 are needed"
            raise SplitError(problem, where="key 'unseen'")

    @property
    def seen(self) -> tuple[int, ...]:
        """All classes that are neither unseen nor excluded, sorted."""
        gone = {*self.unseen, *self.excluded}
        return tuple(i for i in range(self.classes) if i not in gone)

    def __repr__(self) -> str:
        counts = f"{len(self.seen)} seen, {len(self.unseen)} unseen" + (
            f", {len(self.excluded)} excluded" if self.excluded else ""
        )
        unseen = ", ".join(f"{i} {name}" for i, name in self._named(self.unseen[:5])) + ", ..." * (len(self.unseen) > 5)
        source = f"; {shortened(self.source, 60)}" if self.source else ""
        return f"ClassSplit({self.dataset} {self.name!r}: {counts} ({shortened(unseen, 120)}){source})"

    def _repr_markdown_(self) -> str:
        rows = [
            (kind, len(ids), ", ".join(f"{i} {name}".strip() for i, name in self._named(ids)))
            for kind, ids in (("unseen", self.unseen), ("excluded", self.excluded), ("seen", self.seen))
            if ids
        ]
        title = f"**{escaped(self.dataset)} {escaped(self.name)}**"
        source = f" ({escaped(self.source)})" if self.source else ""
        return f"{title}{source}\n\n" + markdown_table(("classes", "number", "id and name"), rows)

    def _named(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        """Class ids with the names that the catalogue has for them; empty where it has none."""
        try:
            names = class_names(self.dataset)
        except SplitError:
            names = ()
        return [(i, names[i] if i < len(names) else "") for i in ids]

    @property
    def candidates(self) -> tuple[int, ...]:
        """The classes that generalised zero-shot prediction chooses from: seen and unseen, sorted."""
        return tuple(sorted(self.seen + self.unseen))

    @property
    def ratio(self) -> float:
        """Unseen classes per seen class."""
        return len(self.unseen) / len(self.seen)

    def digest(self) -> str:
        """Twelve hexadecimal digits over what the split means; its name and source do not count."""
        return digest_of([self.dataset, self.classes, list(self.unseen), list(self.excluded)])


def _toml_value(value: Any) -> str:
    # JSON strings are TOML strings except for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def write_split(path: str | Path, split: ClassSplit) -> None:
    """Write a split as TOML or JSON, by the file's suffix, for :func:`read_split`."""
    path = Path(path)
    values = {k: v for k, v in split.to_dict().items() if k in _KEYS}
    if path.suffix == ".toml":
        write_atomic(path, "".join(f"{k} = {_toml_value(v)}\n" for k, v in values.items()))
    elif path.suffix == ".json":
        write_atomic(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")
    else:
        raise SplitError("a split file is .toml or .json", where=path)


def read_split(path: str | Path) -> ClassSplit:
    """Read a user's split.

    The file has ``dataset``, ``unseen`` (ids or class names), and perhaps ``name``, ``excluded`` and
    ``source``; ``classes`` (their number) is needed only for a data set that the kit does not know.

    Raises:
        SplitError: the file is absent or malformed, a key is missing or misspelt, or a class is unknown.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except FileNotFoundError:
        raise SplitError("split file not found", where=path) from None
    except (ValueError, OSError) as error:
        kind = "TOML" if path.suffix == ".toml" else "JSON"
        raise SplitError(f"the split file is not readable as {kind}: {error}", where=path) from None
    try:
        return _parse(raw, path.stem)
    except SplitError as error:
        place = f"{path}, {error.where}" if error.where else path
        raise SplitError(error.problem, where=place, remedy=error.remedy) from None


def _parse(raw: Any, stem: str) -> ClassSplit:
    if not isinstance(raw, dict):
        raise SplitError("a split file holds keys and values", remedy="It needs 'dataset' and 'unseen'.")
    for key in raw:
        if key not in _KEYS:
            raise SplitError(f"unknown key {key!r}", remedy=nearest_name(key, _KEYS))
    for key, kind in _KEYS.items():
        if key in raw and (not isinstance(raw[key], kind) or isinstance(raw[key], bool)):
            raise SplitError(f"must be a {kind.__name__}, got {raw[key]!r}", where=f"key {key!r}")
        if key in ("dataset", "unseen") and key not in raw:
            raise SplitError(f"missing key {key!r}")
    dataset = raw["dataset"]
    known = dataset in dataset_names()
    if not known and "classes" not in raw:
        raise SplitError(
            f"unknown data set {dataset!r}",
            where="key 'dataset'",
            remedy=f"{nearest_name(dataset, dataset_names())} For your own data add 'classes', their number.",
        )
    total = class_count(dataset) if known else raw["classes"]
    if raw.get("classes", total) != total:
        raise SplitError(f"{dataset} has {total} classes, not {raw['classes']}", where="key 'classes'")
    unseen = tuple(_class_id(dataset, "unseen", v) for v in raw["unseen"])
    excluded = tuple(_class_id(dataset, "excluded", v) for v in raw.get("excluded", []))
    return ClassSplit(dataset, raw.get("name", stem), total, unseen, excluded, raw.get("source", ""))


def _class_id(dataset: str, key: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise SplitError(f"a class is an id or a name, got {value!r}", where=f"key {key!r}")
    names = class_names(dataset)
    if names.count(value) != 1:
        problem = f"{dataset} has {'no' if value not in names else 'more than one'} class named {value!r}"
        raise SplitError(problem, where=f"key {key!r}", remedy=nearest_name(value, names))
    return names.index(value)
