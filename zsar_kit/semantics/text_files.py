"""Files of class texts, read strictly: every error names the file, the line and a remedy.

A text file is TOML: ``dataset = "..."`` and one ``[[class]]`` table per class with ``id`` (0-based label), ``name``
(the official class name) and any of the following:

- ``label``, ``definition``, ``motion``, ``noun``, ``verb``: one sentence or word each, or a list of them;
- ``parts``: a sentence for each of :data:`TEXT_REGIONS`; ``phases``: one for each of :data:`PHASES`;
- ``key_parts``: the :data:`BODY_PARTS` that perform the motion;
- ``contexts``: rows ``[environment, body_part, used_object, sub_action, target_object]``, see :class:`Context`;
- ``like``: the class whose texts are used for everything that this table does not have: an ``id`` of the same file,
  or ``"ntu120:7"``, class 7 of another file of the kit.

A file with ``first_of = "ntu120"`` and ``classes = 60`` in place of tables takes the first classes of another file.
The kit ships texts for its data sets, in every edition (:mod:`zsar_kit.semantics.editions`); your own files have the
same form and are read by path. References to other files of the kit stay within the edition.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from zsar_kit.errors import TextError, nearest_name
from zsar_kit.semantics.context_sentences import context_sentence
from zsar_kit.semantics.editions import CURRENT, EDITIONS, Edition, edition_named
from zsar_kit.semantics.texts import (
    BODY_PARTS,
    GROUPS,
    NOTHING,
    PLAIN_SETS,
    TEXT_SETS,
    ClassTexts,
    Context,
    Spot,
)

_CLASS_KEYS = ("id", "like", *PLAIN_SETS, *GROUPS, "key_parts", "contexts")


def _spots(place: str, text: str, tables: int) -> list[Spot]:
    """The spots of all tables; without lines if headers and tables do not match (a header inside a string)."""
    lines = text.splitlines()
    starts = [i for i, line in enumerate(lines) if line.strip().startswith("[[class]]")]
    if len(starts) != tables:
        return [Spot(place, n) for n in range(1, tables + 1)]
    ends = [*starts[1:], len(lines)]
    return [
        Spot(place, n, tuple(lines[i:j]), i + 1) for n, (i, j) in enumerate(zip(starts, ends, strict=True), start=1)
    ]


def builtin_texts() -> tuple[str, ...]:
    """Names of the data sets whose texts the kit ships, the same in every edition."""
    folder = _folder(CURRENT)
    return tuple(sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml")))


#: texts of data sets of one's own, by data set name
_OWN: dict[str, Path] = {}


def use_texts(dataset: str, path: Path) -> None:
    """Read the texts of a data set of one's own from a file, wherever its name is asked for.

    Raises:
        TextError: the kit has texts for that name.
    """
    if dataset in builtin_texts():
        raise TextError(f"the kit has texts for {dataset!r}", where=path, remedy="Give your data another name.")
    _OWN[dataset] = path


def load_texts(dataset_or_path: str | Path, edition: str = CURRENT) -> ClassTexts:
    """Read class texts: by the name of a data set of the kit or of an open workspace, or your own file by path.

    Args:
        dataset_or_path: a string that ends in ``.toml`` or contains a path separator is a path.
        edition: which of the kit's texts; for a file of your own, whose form its context descriptions get.

    Raises:
        TextError: there is no such data set, edition or file, it is not UTF-8 or not TOML, a key is unknown or missing,
            a class is duplicated, or a value is empty or of the wrong type; the message names the file and the place.
    """
    name, edition = str(dataset_or_path), edition_named(edition)
    if isinstance(dataset_or_path, Path) or name.endswith(".toml") or "/" in name or "\\" in name:
        source, place = Path(dataset_or_path), name
        if not source.is_file():
            raise TextError("the text file does not exist", where=place, remedy="Check the path.")
    elif name in _OWN:
        source, place = _OWN[name], str(_OWN[name])
        if not source.is_file():
            raise TextError(f"the texts of {name!r} are gone", where=place, remedy=f"Run: zsar texts use {name} FILE.")
    elif name in builtin_texts():
        source, place = _folder(edition) / f"{name}.toml", f"{edition}/{name}.toml of zsar_kit"
    else:
        raise TextError(
            f"the kit has no texts for data set {name!r}",
            remedy=f"{nearest_name(name, builtin_texts())} Texts of your own: give the path of a .toml file.",
        )
    text = _read_text(source, place)
    return _parse(_read_toml(text, place), place, text, edition)


def own_classes(dataset: str) -> tuple[int, ...]:
    """Classes of one of the kit's files whose texts are, in every edition, not those of another class."""
    tables = [_builtin_tables(dataset, edition) for edition in EDITIONS]
    return tuple(c for c in tables[0] if not any("like" in table[c] for table in tables))


def class_table(table: Mapping[str, Any], place: str, edition: Edition = CURRENT) -> ClassTexts:
    """The texts of a single ``[[class]]`` table, checked as those of a file.

    Raises:
        TextError: as in :func:`load_texts`.
    """
    return _parse({"dataset": "one class", "class": [table]}, place, "", edition)


def _folder(edition: Edition) -> Traversable:
    return files("zsar_kit.semantics") / "resources" / "texts" / edition


def _read_text(source: Traversable | Path, place: str) -> str:
    content = source.read_bytes()
    try:
        # Editors on Windows may write a byte-order mark, which TOML does not allow.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise TextError(
            f"texts must be UTF-8; line {line} has byte 0x{content[error.start]:02x}",
            where=place,
            remedy="Save the file as UTF-8.",
        ) from None


def _read_toml(text: str, place: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TextError(f"not valid TOML: {error}", where=place) from None


@cache
def _builtin_tables(dataset: str, edition: Edition) -> dict[int, Mapping[str, Any]]:
    """The ``[[class]]`` tables of one of the kit's files by id."""
    text = _read_text(_folder(edition) / f"{dataset}.toml", dataset)
    return {table["id"]: table for table in _read_toml(text, dataset).get("class", ())}


def _parse(content: Mapping[str, Any], place: str, text: str, edition: Edition) -> ClassTexts:
    _only_keys(content, ("dataset", "class", "first_of", "classes"), place)
    dataset = content.get("dataset")
    if not isinstance(dataset, str) or not dataset.strip():
        raise TextError('the first line must be `dataset = "..."`', where=place)
    if "first_of" in content:
        return _first_of(dataset, content, place, edition)
    tables = content.get("class")
    if not isinstance(tables, list) or not tables or not all(isinstance(t, dict) for t in tables):
        raise TextError("at least one [[class]] table is required", where=place)
    classes: list[_Class] = []
    own: dict[int, Mapping[str, Any]] = {}
    for spot, table in zip(_spots(place, text, len(tables)), tables, strict=True):
        _check_identity(table, spot)
        own.setdefault(table["id"], table)
        spot = replace(spot, class_id=table["id"])
        found = _parse_class(_completed(table, own, spot, edition), spot, edition)
        for number, other in enumerate(classes, start=1):
            if found.id == other.id or found.name == other.name:
                key, what = ("id", f"id {found.id}") if found.id == other.id else ("name", f"name {found.name!r}")
                raise TextError(
                    f"{what} occurs twice, in [[class]] tables {number} and {spot.table}",
                    where=spot.at(key),
                    remedy="Give each class one table.",
                )
        classes.append(found)
    return ClassTexts(
        dataset,
        tuple(c.id for c in classes),
        tuple(c.name for c in classes),
        tuple(f for f in TEXT_SETS if all(f in c.sets for c in classes)),
        tuple(c.sets for c in classes),
        place,
        tuple(c.contexts for c in classes),
        tuple(c.key_parts for c in classes),
        tuple(c.spot for c in classes),
        edition,
    )


def _first_of(dataset: str, content: Mapping[str, Any], place: str, edition: Edition) -> ClassTexts:
    """The first classes of another file of the kit."""
    base, count = content["first_of"], content.get("classes")
    if "class" in content or base not in builtin_texts() or not isinstance(count, int) or count < 1:
        raise TextError(
            f"`first_of` must name texts of the kit and `classes` their number, got {base!r} and {count!r}",
            where=place,
            remedy=f"Texts of the kit: {list(builtin_texts())}; without [[class]] tables.",
        )
    whole = load_texts(base, edition)
    parts = {f: getattr(whole, f)[:count] for f in ("ids", "names", "by_class", "contexts", "key_parts", "spots")}
    return replace(whole, dataset=dataset, source=place, **parts)


@dataclass(frozen=True)
class _Class:
    """The content of one table."""

    id: int
    name: str
    sets: dict[str, tuple[str, ...]]
    contexts: tuple[Context, ...]
    key_parts: tuple[str, ...]
    spot: Spot


def _check_identity(table: Mapping[str, Any], spot: Spot) -> None:
    for key in table:
        _only_keys([key], _CLASS_KEYS, spot.at(key))
    for key in ("id", "name"):
        if key not in table:
            raise TextError(f"the key {key!r} is missing", where=spot.at())
    if not isinstance(table["id"], int) or isinstance(table["id"], bool) or table["id"] < 0:
        raise TextError(f"'id' must be a whole number of at least 0, got {table['id']!r}", where=spot.at("id"))
    if not isinstance(table["name"], str):
        raise TextError(f"'name' must be one string, got {table['name']!r}", where=spot.at("name"))


def _completed(
    table: Mapping[str, Any], own: Mapping[int, Mapping[str, Any]], spot: Spot, edition: Edition
) -> Mapping[str, Any]:
    """The table, completed from the class that it is ``like``."""
    if "like" not in table:
        return table
    like = table["like"]
    if isinstance(like, int) and like in own and like != table["id"]:
        base = own[like]
    elif isinstance(like, str) and like.partition(":")[0] in builtin_texts() and like.partition(":")[2].isdecimal():
        dataset, _, number = like.partition(":")
        base = _builtin_tables(dataset, edition).get(int(number), {"like": like})
    else:
        base = {"like": like}
    if "like" in base:
        raise TextError(
            f"`like = {like!r}` names no class with texts of its own",
            where=spot.at("like"),
            remedy='Give the id of an earlier class in the same file, or "DATASET:ID" with texts of the kit.',
        )
    return {**{k: v for k, v in base.items() if k not in ("id", "name")}, **table}


def _parse_class(table: Mapping[str, Any], spot: Spot, edition: Edition) -> _Class:
    sets = {key: _sentences(table[key], key, spot.at(key)) for key in PLAIN_SETS if key in table}
    for group, members in GROUPS.items():
        if group in table:
            value = table[group]
            if not isinstance(value, dict) or set(value) != set(members):
                problem = f"{group!r} must have a sentence for each of {list(members)}, got {_shown(value)}"
                raise TextError(problem, where=spot.at(group))
            found = {f"{group}.{m}": _sentences(value[m], f"{group}.{m}", spot.at(f"{group}.{m}")) for m in members}
            sets |= {group: tuple(s for m in members for s in found[f"{group}.{m}"]), **found}
    key_parts = table.get("key_parts", [])
    if not isinstance(key_parts, list) or (wrong := [k for k in key_parts if k not in BODY_PARTS]):
        bad = key_parts if not isinstance(key_parts, list) else wrong[0]
        raise TextError(f"'key_parts' must be a list of {list(BODY_PARTS)}, got {bad!r}", where=spot.at("key_parts"))
    rows = table.get("contexts", [])
    if not isinstance(rows, list):
        raise TextError(f"'contexts' must be a list of rows, got {_shown(rows)}", where=spot.at("contexts"))
    contexts = tuple(_context(row, spot.at("contexts", i)) for i, row in enumerate(rows, start=1))
    if contexts:
        sets["contexts"] = tuple(context_sentence(c, edition) for c in contexts)
    return _Class(table["id"], sets["name"][0], sets, contexts, tuple(key_parts), spot)


def _context(row: Any, place: str) -> Context:
    columns = list(Context.__dataclass_fields__)
    if not isinstance(row, list) or len(row) != len(columns) or not all(isinstance(w, str) for w in row):
        raise TextError(f"a context is a row of five strings, {columns}, got {_shown(row)}", where=place)
    words = [" ".join(word.split()) for word in row]
    if blank := [c for c, w in zip(columns, words, strict=True) if not w]:
        raise TextError(f"{blank[0]!r} is empty", where=place, remedy=f'Write "{NOTHING}" if there is no object.')
    if "~" in words[3] and (words[3].count("~") > 1 or words[4] == NOTHING):
        raise TextError(f"'~' may replace the target once, and there must be a target, got {words[3:]}", where=place)
    if words[1] not in BODY_PARTS:
        raise TextError(f"unknown body part {words[1]!r}", where=place, remedy=nearest_name(words[1], BODY_PARTS))
    return Context(*words)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _sentences(value: Any, key: str, place: str) -> tuple[str, ...]:
    """One string or a list of them, as a tuple; runs of white space become one blank."""
    items = value if isinstance(value, list) else [value]
    if not items or not all(isinstance(item, str) for item in items):
        raise TextError(f"{key!r} must be a string or a list of strings, got {value!r}", where=place)
    cleaned = tuple(" ".join(item.split()) for item in items)
    if not all(cleaned):
        raise TextError(f"{key!r} is empty", where=place, remedy="Write the text, or leave the key out.")
    return cleaned


def _only_keys(table: Iterable[str], known: tuple[str, ...], place: str) -> None:
    for key in table:
        if key not in known:
            raise TextError(f"unknown key {key!r}", where=place, remedy=nearest_name(key, known))
