"""Class texts: what a language model reads about each action (Flora section 4.1, the semantics a_y).

A text file is TOML: ``dataset = "..."`` and one ``[[class]]`` table a class with ``id`` (0-based label),
``name`` (the data set's official one) and the text sets ``label``, ``definition`` and ``motion``, each one
sentence or a list of them. The kit ships its own texts for its data sets; a file of the same form, given by
path, replaces them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from zsar_kit.config import digest_of
from zsar_kit.errors import TextError, nearest_name

TEXT_SETS = ("name", "label", "definition", "motion")
_CLASS_KEYS = ("id", "ntu_id", *TEXT_SETS)


@dataclass(frozen=True)
class ClassTexts:
    """The texts of every class of one data set.

    Args:
        dataset: name of the data set.
        ids: class ids (0-based original labels), in the file's order.
        names: official class names, one per id.
        fields: text sets that every class has, of :data:`TEXT_SETS`.
        entries: for each class, its text sets: name of the set to its sentences.
        source: where the texts were read, for messages.
    """

    dataset: str
    ids: tuple[int, ...]
    names: tuple[str, ...]
    fields: tuple[str, ...]
    entries: tuple[dict[str, tuple[str, ...]], ...]
    source: str

    def sentences(self, text_set: str, class_id: int) -> tuple[str, ...]:
        """The sentences of one class in one text set.

        Raises:
            TextError: the text set is unknown, or the class is absent or has no such text.
        """
        if text_set not in TEXT_SETS:
            raise TextError(f"unknown text set {text_set!r}", remedy=nearest_name(text_set, TEXT_SETS))
        if class_id not in self.ids:
            raise TextError(
                f"class {class_id} of {self.dataset!r} has no text; texts are there for {_ranges(self.ids)}",
                where=self.source,
                remedy=f"Add a [[class]] table with `id = {class_id}`.",
            )
        index = self.ids.index(class_id)
        if text_set not in self.entries[index]:
            raise TextError(
                f"class {class_id} ({self.names[index]!r}) has no {text_set!r} text",
                where=self.source,
                remedy=f'Add `{text_set} = "..."` to its [[class]] table, or choose of {list(self.fields)}.',
            )
        return self.entries[index][text_set]

    def of(self, text_set: str, class_id: int) -> str:
        """The text of one class in one text set; several sentences are joined by blanks.

        Raises:
            TextError: as :meth:`sentences`.
        """
        return " ".join(self.sentences(text_set, class_id))

    def digest(self) -> str:
        """Twelve hexadecimal digits that identify the content."""
        return digest_of([self.dataset, list(self.ids), list(self.entries)])


def builtin_texts() -> tuple[str, ...]:
    """Names of the data sets whose texts the kit ships."""
    return tuple(sorted(p.name.removesuffix(".toml") for p in _folder().iterdir() if p.name.endswith(".toml")))


def load_texts(dataset_or_path: str | Path) -> ClassTexts:
    """Read class texts, the kit's own by data set name or a user's file by path.

    A string that ends in ``.toml`` or holds a path separator is a path.

    Raises:
        TextError: no such data set or file, not UTF-8, not TOML, an unknown or missing key, a duplicated
            class, an empty or wrongly typed value; the message names the file and the place in it.
    """
    name = str(dataset_or_path)
    if isinstance(dataset_or_path, Path) or name.endswith(".toml") or "/" in name or "\\" in name:
        source, place = Path(dataset_or_path), name
        if not source.is_file():
            raise TextError("the text file does not exist", where=place, remedy="Check the path.")
    elif name in builtin_texts():
        source, place = _folder() / f"{name}.toml", f"{name}.toml of zsar_kit"
    else:
        raise TextError(
            f"the kit has no texts for data set {name!r}",
            remedy=f"{nearest_name(name, builtin_texts())} Texts of your own: give the path of a .toml file.",
        )
    return _parse(_read_toml(source, place), place)


def _folder() -> Traversable:
    return files("zsar_kit.semantics") / "resources" / "texts"


def _read_toml(source: Traversable | Path, place: str) -> dict[str, Any]:
    content = source.read_bytes()
    try:
        # Editors on Windows may put a byte-order mark first, which TOML itself does not allow.
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise TextError(
            f"texts must be UTF-8; line {line} holds byte 0x{content[error.start]:02x}",
            where=place,
            remedy="Save the file as UTF-8.",
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise TextError(f"not valid TOML: {error}", where=place) from None


def _parse(content: Mapping[str, Any], place: str) -> ClassTexts:
    _only_keys(content, ("dataset", "class"), place)
    dataset, tables = content.get("dataset"), content.get("class")
    if not isinstance(dataset, str) or not dataset.strip():
        raise TextError('the first line must be `dataset = "..."`', where=place)
    if not isinstance(tables, list) or not tables or not all(isinstance(t, dict) for t in tables):
        raise TextError("at least one [[class]] table is required", where=place)
    ids: list[int] = []
    names: list[str] = []
    entries: list[dict[str, tuple[str, ...]]] = []
    for number, table in enumerate(tables, start=1):
        class_id, entry = _parse_class(table, f"{place}, [[class]] table {number}")
        name = entry["name"][0]
        if class_id in ids or name in names:
            first = ids.index(class_id) if class_id in ids else names.index(name)
            what = f"id {class_id}" if class_id in ids else f"name {name!r}"
            raise TextError(
                f"{what} is there twice, in [[class]] tables {first + 1} and {number}",
                where=place,
                remedy="Give each class one table.",
            )
        ids.append(class_id)
        names.append(name)
        entries.append(entry)
    fields = tuple(f for f in TEXT_SETS if all(f in e for e in entries))
    return ClassTexts(dataset, tuple(ids), tuple(names), fields, tuple(entries), place)


def _parse_class(table: Mapping[str, Any], place: str) -> tuple[int, dict[str, tuple[str, ...]]]:
    _only_keys(table, _CLASS_KEYS, place)
    for key in ("id", "name"):
        if key not in table:
            raise TextError(f"the key {key!r} is missing", where=place)
    for key in ("id", "ntu_id"):
        value = table.get(key, 0)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise TextError(f"{key!r} must be a whole number from 0 on, got {value!r}", where=place)
    place = f"{place} (class {table['id']})"
    if not isinstance(table["name"], str):
        raise TextError(f"'name' must be one string, got {table['name']!r}", where=place)
    return table["id"], {key: _sentences(table[key], key, place) for key in TEXT_SETS if key in table}


def _sentences(value: Any, key: str, place: str) -> tuple[str, ...]:
    """One string or a list of them, as a tuple; runs of blanks and line breaks become one blank."""
    items = value if isinstance(value, list) else [value]
    if not items or not all(isinstance(item, str) for item in items):
        raise TextError(f"{key!r} must be a string or a list of strings, got {value!r}", where=place)
    cleaned = tuple(" ".join(item.split()) for item in items)
    if not all(cleaned):
        raise TextError(f"{key!r} is empty", where=place, remedy="Write the text, or leave the key out.")
    return cleaned


def _only_keys(table: Mapping[str, Any], known: tuple[str, ...], place: str) -> None:
    for key in table:
        if key not in known:
            raise TextError(f"unknown key {key!r}", where=place, remedy=nearest_name(key, known))


def _ranges(ids: Iterable[int]) -> str:
    """Class ids in short, e.g. ``0-4, 7``."""
    runs: list[list[int]] = []
    for i in sorted(ids):
        if runs and i == runs[-1][1] + 1:
            runs[-1][1] = i
        else:
            runs.append([i, i])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)
