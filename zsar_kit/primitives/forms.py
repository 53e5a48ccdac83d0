"""Forms: the level at which each attribute is expected in a class, by people who read its words and saw no data.

A form file is TOML, one ``[[class]]`` table a class: ``id``, ``name``, and for each topic an inline table of the
attributes whose level is not the neutral one; ``"?"`` says that the words leave it open. ``like = "ntu120:7"`` takes
the form of another class. The kit has forms by two authors for all classes that it has texts of.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from zsar_kit.config import digest_of
from zsar_kit.data.catalogue import class_count, class_names, ntu_ids, resource, twin_groups
from zsar_kit.errors import TextError, nearest_name
from zsar_kit.primitives.attributes import LEVELS, TOPICS, attribute, attribute_names, attributes, attributes_digest
from zsar_kit.reprs import counted, markdown_table

#: authors of the kit's forms; ``mean`` is the mean of both where both know, else what one of them knows
AUTHORS = ("first", "second")
MEAN = "mean"
UNKNOWN = "?"
#: levels of two authors that differ by less are equal; and by a step of a form or less
EQUAL, NEAR = 0.01, 0.26
#: what to do where a data set has no form
OWN_FORMS = (
    "A data set of your own gets one with: zsar form use DATASET FILE.toml. Without a form its levels can be foretold "
    "from texts, if every class has motion, parts and phases: --preset foretold."
)
#: text set of expected levels to the author of its form
LEVEL_SETS = {"levels": MEAN, **{f"levels_{author}": author for author in AUTHORS}}
#: text set of the levels that are foretold from a class's texts
FORETOLD = "levels_foretold"


@dataclass(frozen=True, eq=False)
class Form:
    """Expected levels of classes.

    Attributes:
        dataset: name of the data set.
        author: ``first``, ``second``, ``mean``, or what a file of your own is called.
        class_ids, class_names: one entry a row.
        levels: ``[class, attribute]`` float32 in the order of the list; NaN where unknown.
    """

    dataset: str
    author: str
    class_ids: tuple[int, ...]
    class_names: tuple[str, ...]
    levels: Float32[np.ndarray, "class attribute"]

    def __repr__(self) -> str:
        known = float(np.isfinite(self.levels).mean())
        return (
            f"Form({self.dataset}, {self.author}: {counted(len(self.class_ids), 'class')}, {known:.0%} of levels known)"
        )

    def _repr_markdown_(self) -> str:
        rows = [(i, name, f"{np.isfinite(row).mean():.0%}") for i, name, row in self._rows()]
        return f"{self!r}\n\n" + markdown_table(("id", "class", "known"), rows)

    def _rows(self) -> list[tuple[int, str, np.ndarray]]:
        return list(zip(self.class_ids, self.class_names, self.levels, strict=True))

    def of(self, class_id: int) -> Float32[np.ndarray, " attribute"]:
        """The levels of one class.

        Raises:
            TextError: the form lacks the class.
        """
        if class_id not in self.class_ids:
            raise TextError(f"class {class_id} has no form", where=f"forms of {self.dataset}, author {self.author}")
        return self.levels[self.class_ids.index(class_id)]

    def select(self, class_ids: Sequence[int]) -> Form:
        """The given classes in the given order."""
        levels = np.stack([self.of(c) for c in class_ids])
        names = tuple(self.class_names[self.class_ids.index(c)] for c in class_ids)
        return Form(self.dataset, self.author, tuple(class_ids), names, levels)

    def digest(self) -> str:
        """Digest of the levels and of the list of attributes."""
        return digest_of([attributes_digest(), self.dataset, list(self.class_ids), self.levels.tobytes().hex()])


#: forms of data sets of one's own, by data set name
_OWN: dict[str, Path] = {}


def use_form(dataset: str, path: Path) -> None:
    """Read the form of a data set of one's own from a file, wherever its name is asked for.

    Raises:
        TextError: the kit has a form for that name.
    """
    if dataset in form_datasets():
        raise TextError(f"the kit has a form of {dataset!r}", where=path, remedy="Give your data another name.")
    _OWN[dataset] = path


def own_form(dataset: str) -> Form | None:
    """The form of a data set of one's own, if it has one."""
    return read_form(_OWN[dataset]) if dataset in _OWN else None


def load_form(dataset_or_path: str | Path, author: str = MEAN) -> Form:
    """A form by data set, of the kit or of an open workspace, or your own file by path.

    Args:
        dataset_or_path: a string that ends in ``.toml`` or holds a path separator is a path.
        author: whose form of the kit's.

    Raises:
        TextError: there is no such form or author; or a file is broken: the message names the class and the attribute.
    """
    name = str(dataset_or_path)
    if isinstance(dataset_or_path, Path) or name.endswith(".toml") or "/" in name:
        return read_form(Path(dataset_or_path))
    if (own := own_form(name)) is not None:
        if author != MEAN:
            problem = f"{name!r} has one form of your own, not one of the author {author!r}"
            raise TextError(problem, where=_OWN[name], remedy="Ask for the set `levels`.")
        return own
    if author == MEAN:
        return mean_form([_builtin(name, one) for one in AUTHORS])
    if author not in AUTHORS:
        raise TextError(f"unknown author of forms {author!r}", remedy=nearest_name(author, (*AUTHORS, MEAN)))
    return _builtin(name, author)


def mean_form(forms: Sequence[Form]) -> Form:
    """The mean of several authors' levels where more than one knows; what the only one knows elsewhere.

    Raises:
        TextError: the forms are of different classes.
    """
    first = forms[0]
    if any(form.class_ids != first.class_ids for form in forms):
        raise TextError("forms of different classes have no mean", where=f"forms of {first.dataset}")
    levels = mean_where_known([form.levels for form in forms])
    return Form(first.dataset, MEAN, first.class_ids, first.class_names, levels)


def mean_where_known(levels: Sequence[Float32[np.ndarray, "*shape"]]) -> Float32[np.ndarray, "*shape"]:
    """The mean of several levels where more than one is known; what the only one knows elsewhere."""
    stacked = np.stack(levels)
    known = np.isfinite(stacked)
    total = np.where(known, stacked, 0.0).sum(0)
    return np.where(known.any(0), total / np.maximum(known.sum(0), 1), np.nan).astype(np.float32)


def read_form(path: Path) -> Form:
    """Read a form of your own.

    Raises:
        TextError: the file is missing, not TOML, or broken.
    """
    if not path.is_file():
        raise TextError("the form does not exist", where=path, remedy="Check the path.")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TextError(f"not a TOML file in UTF-8: {error}", where=path) from None
    return _parsed(data, str(path), path.stem, MEAN)


@cache
def form_datasets() -> tuple[str, ...]:
    """Data sets that the kit has forms of."""
    own = tuple(p.name.removesuffix(".toml") for p in _folder(AUTHORS[0]).iterdir() if p.name.endswith(".toml"))
    return tuple(sorted({*own, "ntu60", "puppet", *(d for d in resource("classes.toml") if _same_as(d) in own)}))


def _same_as(dataset: str) -> str:
    return resource("classes.toml").get(dataset, {}).get("same_as", "")


def _folder(author: str) -> Any:
    return files("zsar_kit.primitives") / "resources" / "forms" / author


@cache
def _builtin(dataset: str, author: str) -> Form:
    if dataset in ("ntu60", "puppet"):
        whole = _builtin("ntu120", author).select(ntu_ids(dataset))
        ids = tuple(range(len(whole.class_ids)))
        return Form(dataset, author, ids, whole.class_names, whole.levels)
    source = _folder(author) / f"{_same_as(dataset) or dataset}.toml"
    if not source.is_file():
        remedy = f"{nearest_name(dataset, form_datasets())} {OWN_FORMS}"
        raise TextError(f"the kit has no form of data set {dataset!r}", remedy=remedy)
    form = _parsed(
        tomllib.loads(source.read_text(encoding="utf-8")), f"{author}/{dataset}.toml of zsar_kit", dataset, author
    )
    names = class_names(dataset)
    for c, name in zip(form.class_ids, form.class_names, strict=True):
        if names[c] != name:
            raise TextError(f"class {c} is {names[c]!r}, not {name!r}", where=f"form {author}/{dataset}.toml")
    return form


def _parsed(data: Mapping[str, Any], where: str, dataset: str, author: str) -> Form:
    tables = data.get("class", [])
    if not isinstance(tables, list) or not tables or not all(isinstance(table, Mapping) for table in tables):
        raise TextError("a form has at least one [[class]] table", where=where)
    if extra := sorted(set(data) - {"dataset", "class"}):
        raise TextError(f"unknown entry {extra[0]!r}", where=where, remedy="A form has dataset and [[class]] alone.")
    rows = [_class_levels(table, where, author) for table in tables]
    ids = tuple(table["id"] for table in tables)
    if twice := [c for c in ids if ids.count(c) > 1]:
        raise TextError(f"class {twice[0]} occurs twice", where=where)
    return Form(str(data.get("dataset", dataset)), author, ids, tuple(t["name"] for t in tables), np.stack(rows))


def _class_levels(table: Mapping[str, Any], where: str, author: str) -> Float32[np.ndarray, " attribute"]:
    place = f"{where}, class {table.get('id', '?')}"
    if type(table.get("id")) is not int or not isinstance(table.get("name"), str):
        raise TextError("a class needs an id (a whole number) and a name", where=place)
    if "like" in table:
        return _levels_like(table, place, author)
    named: dict[str, float] = {}
    for topic, levels in table.items():
        if topic in ("id", "name"):
            continue
        if topic not in TOPICS or not isinstance(levels, Mapping):
            raise TextError(f"unknown topic {topic!r}", where=place, remedy=nearest_name(topic, TOPICS))
        for name, level in levels.items():
            named[name] = _level(name, level, topic, f"{place}, {topic}.{name}")
    return levels_from(named)


def _levels_like(table: Mapping[str, Any], place: str, author: str) -> Float32[np.ndarray, " attribute"]:
    """The form of the class that ``like`` names as "data set:id"."""
    if extra := sorted(set(table) - {"id", "name", "like"}):
        raise TextError(f"a class that is like another has no levels of its own, got {extra[0]!r}", where=place)
    dataset, _, number = str(table["like"]).partition(":")
    if dataset not in form_datasets() or not number.isdecimal():
        problem = f"like is 'data set:class id' of a form of the kit, got {table['like']!r}"
        raise TextError(problem, where=place, remedy=nearest_name(dataset, form_datasets()))
    try:
        return load_form(dataset, author).of(int(number))
    except TextError as error:
        raise TextError(f"like = {table['like']!r}: {error}", where=place) from None


def _level(name: str, level: Any, topic: str, where: str) -> float:
    if name not in attribute_names():
        raise TextError(f"unknown attribute {name!r}", where=where, remedy=nearest_name(name, attribute_names()))
    if attribute(name).topic != topic:
        raise TextError(f"{name!r} belongs to the topic {attribute(name).topic!r}, not {topic!r}", where=where)
    if level == UNKNOWN:
        return float("nan")
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0.0 <= level <= 1.0:
        raise TextError(f"a level is a number from 0 to 1, or '?', got {level!r}", where=where)
    return float(level)


def levels_from(named: Mapping[str, float]) -> Float32[np.ndarray, " attribute"]:
    """A whole form from the attributes that it names; the others have their neutral level."""
    neutral = [np.nan if a.neutral is None else a.neutral for a in attributes()]
    return np.array([named.get(a.name, n) for a, n in zip(attributes(), neutral, strict=True)], dtype=np.float32)


def require_distinct(form: Form) -> None:
    """Refuse a form in which two classes cannot be told apart, unless the data set itself calls them twins.

    Raises:
        TextError: two classes have the same known levels; both are named.
    """
    twins = twin_groups(form.dataset).values()
    for group in equal_rows(form.levels):
        (first, name), *others = ((form.class_ids[row], form.class_names[row]) for row in group)
        for second, other in others:
            if not any(first in twin and second in twin for twin in twins):
                problem = f"the classes {name!r} and {other!r} have equal forms, so nothing tells them apart"
                raise TextError(problem, where=f"forms of {form.dataset}, author {form.author}")


def equal_rows(levels: Iterable[Float32[np.ndarray, " attribute"]]) -> list[list[int]]:
    """Groups of rows that are equal in all attributes, where unknown equals unknown; each group in ascending order."""
    groups: dict[bytes, list[int]] = {}
    for number, row in enumerate(levels):
        groups.setdefault(np.nan_to_num(row, nan=-1.0).tobytes(), []).append(number)
    return [group for group in groups.values() if len(group) > 1]


def agreement(first: Form, second: Form) -> dict[str, Float32[np.ndarray, ...]]:
    """How two authors agree, over the cells that both know.

    Returns:
        ``equal`` and ``near`` (within one step of 0.25): shares by attribute; ``by_class``: mean difference by class;
        ``correlation``, ``both_known``: of all cells.
    """
    both = np.isfinite(first.levels) & np.isfinite(second.levels)
    difference = np.abs(first.levels - second.levels)
    count = np.maximum(both.sum(0), 1)
    a, b = first.levels[both], second.levels[both]
    return {
        "equal": (both & (difference < EQUAL)).sum(0) / count,
        "near": (both & (difference < NEAR)).sum(0) / count,
        "by_class": np.where(both, difference, 0.0).sum(1) / np.maximum(both.sum(1), 1),
        "correlation": np.array(np.corrcoef(a, b)[0, 1]),
        "both_known": np.array(both.mean()),
    }


@cache
def groups_of_meaning() -> tuple[frozenset[tuple[str, int]], ...]:
    """Groups of (data set, class id) that mean the same act."""
    text = files("zsar_kit.primitives").joinpath("resources/same_meaning.toml").read_text(encoding="utf-8")
    groups = []
    for group in tomllib.loads(text)["groups"]:
        groups.append(frozenset((d, int(i)) for d, _, i in (name.partition(":") for name in group)))
    return tuple(groups)


def same_meaning(classes: Iterable[tuple[str, int]]) -> frozenset[tuple[str, int]]:
    """The given (data set, class id) and all that mean the same as one of them, in any data set."""
    found = {_origin(*one) for one in classes}
    found |= {other for group in groups_of_meaning() if found & group for other in group}
    origins = frozenset(found)
    return origins | {(d, c) for d in resource("classes.toml") for c in _ids_of(d) if _origin(d, c) in origins}


@cache
def _origin(dataset: str, class_id: int) -> tuple[str, int]:
    """The class of NTU RGB+D 120 that a class is, if it is one by the catalogue or by name; else itself."""
    names = class_names(dataset)
    if dataset in ("ntu60", "puppet"):
        return ("ntu120", ntu_ids(dataset)[class_id])
    ntu = class_names("ntu120")
    if (_same_as(dataset) or dataset) == "pku_mmd":
        if names[class_id] in ntu:
            return ("ntu120", ntu.index(names[class_id]))
        return _ALSO_NTU.get(names[class_id], ("pku_mmd", class_id))
    return (dataset, class_id)


#: classes of PKU-MMD that are classes of NTU RGB+D under a slightly other name
_ALSO_NTU = {"standing up": ("ntu120", 8)}


def _ids_of(dataset: str) -> range:
    return range(class_count(dataset)) if dataset in form_datasets() else range(0)


__all__ = [
    "AUTHORS",
    "LEVELS",
    "MEAN",
    "Form",
    "agreement",
    "equal_rows",
    "form_datasets",
    "groups_of_meaning",
    "levels_from",
    "load_form",
    "mean_form",
    "read_form",
    "require_distinct",
    "same_meaning",
]
