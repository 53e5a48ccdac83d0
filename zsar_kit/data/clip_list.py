"""Which clips a folder of one's own has, and what is known of each: class, person, camera.

In this order: a table (``--labels FILE``, or ``labels.csv`` in the folder), a pattern of file names (``--names``), or
one folder for each class. A pattern without a label leaves the class to the folders.
"""

from __future__ import annotations

import csv
import io
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from zsar_kit.data.own_sets import numbered
from zsar_kit.errors import DataError, nearest_name
from zsar_kit.reprs import counted, short_path, shortened

TABLE = "labels.csv"
COLUMNS = ("subject", "camera", "setup", "replication")
#: likeness of two names from which on one is a misspelling of the other: ``subjct``, ``Subjects``; not ``position``
MISSPELT = 0.8
log = logging.getLogger("zsar_kit")
_FIELD = re.compile(r"\{(\w*)\}")


@dataclass(frozen=True)
class ListedClip:
    """One clip and what its list says about it.

    Attributes:
        path: file or folder of the clip.
        sample: its name, unique in the set.
        label: class name, or 0-based id as text.
        columns: what is known of subject, camera, setup and replication, as text.
    """

    path: Path
    sample: str
    label: str
    columns: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        known = counted(len(self.columns), "column")
        return f"ListedClip({short_path(self.sample, 60)}: {shortened(self.label, 60)!r}, {known})"


def list_clips(
    root: Path, clips: Sequence[Path], *, table: Path | None = None, names: str = ""
) -> tuple[ListedClip, ...]:
    """Find out what each clip of a folder shows.

    Args:
        root: the folder.
        clips: files or folders of clips in it.
        table: CSV file with the columns ``sample`` and ``label``, and perhaps ``subject``, ``camera``, ``setup`` and
            ``replication``; default: ``labels.csv`` of the folder, where there is one. A sample is a file's path in the
            folder or its name, with or without its suffix. Clips that it does not name are left out; other columns
            are not read, with a warning.
        names: how file names are made, e.g. ``{label}_{subject}_{}``; ``{}`` stands for anything. Without
            ``{label}`` the folders are the classes.

    Raises:
        DataError: the table or the pattern is wrong, names no clip, or does not fit a file; or there is neither and the
            clips are not in folders.
    """
    own = root / TABLE if root.is_dir() else None
    if table is None and not names and own is not None and own.is_file():
        table = own
    if table is not None:
        found = _by_table(root, clips, table)
    else:
        found = _by_names(root, clips, names) if names else _by_folders(root, clips)
    _refuse_same_names(root, found)
    return found


def _refuse_same_names(root: Path, listed: Sequence[ListedClip]) -> None:
    """Refuse files that differ only by their suffix, such as the markers and the joints of one recording."""
    first: dict[str, Path] = {}
    for clip in listed:
        if (other := first.setdefault(clip.sample, clip.path)) != clip.path:
            problem = f"two clips would be called {clip.sample!r}: {other.name} and {clip.path.name}"
            raise DataError(problem, where=root, remedy=f"Remove or rename one, or name the one to read in {TABLE}.")


def sample_name(root: Path, path: Path) -> str:
    """A clip's name: its path in the folder, without suffix."""
    inside = path.relative_to(root) if path.is_relative_to(root) and path != root else Path(path.name)
    return inside.with_suffix("").as_posix() if path.is_file() else inside.as_posix()


def _by_folders(root: Path, clips: Sequence[Path]) -> tuple[ListedClip, ...]:
    return tuple(ListedClip(path, sample_name(root, path), _class_folder(root, path)) for path in clips)


def _class_folder(root: Path, path: Path) -> str:
    """The folder in which a clip is, which is its class."""
    inside = path.relative_to(root).parts if path.is_relative_to(root) else ()
    if len(inside) < 2:
        problem = f"nothing says what {path.name} shows"
        remedy = (
            f"Put the clips of each class into a folder of its name, write {TABLE} (sample,label,subject), or "
            "describe the file names, with their label: --names '{label}_{subject}_{}'."
        )
        raise DataError(problem, where=root, remedy=remedy)
    return inside[0]


def _by_names(root: Path, clips: Sequence[Path], names: str) -> tuple[ListedClip, ...]:
    pattern = _pattern(names)
    found = []
    for path in clips:
        stem = path.stem if path.is_file() else path.name
        match = pattern.fullmatch(stem)
        if match is None:
            remedy = "Change the pattern, or remove the file."
            raise DataError(f"the file name is not of the form {names}", where=path, remedy=remedy)
        known = match.groupdict()
        label = known.pop("label") if "label" in known else _class_folder(root, path)
        found.append(ListedClip(path, sample_name(root, path), label, known))
    return tuple(found)


def _pattern(names: str) -> re.Pattern[str]:
    fields = _FIELD.findall(names)
    known = ("label", *COLUMNS)
    if wrong := [name for name in fields if name and name not in known]:
        raise DataError(f"unknown field {{{wrong[0]}}}", where="--names", remedy=nearest_name(wrong[0], known))
    if not any(fields) or any(fields.count(name) > 1 for name in known):
        remedy = "As in '{label}_{subject}_{}', or '{subject}_{}' where the folders are the classes."
        problem = f"a pattern names one field or more, each once; got {names!r}"
        raise DataError(problem, where="--names", remedy=remedy)
    pieces = _FIELD.split(names)
    text = "".join(
        re.escape(piece) if i % 2 == 0 else f"(?P<{piece}>.+?)" if piece else ".*?" for i, piece in enumerate(pieces)
    )
    return re.compile(text)


def _by_table(root: Path, clips: Sequence[Path], table: Path) -> tuple[ListedClip, ...]:
    rows = _rows(table)
    base = root if root.is_dir() else root.parent
    places: dict[str, list[Path]] = {}
    for path in clips:
        for key in set(_spellings(base, path)):
            places.setdefault(key, []).append(path)
    found: dict[Path, ListedClip] = {}
    for number, row in rows:
        where = f"{table}, line {number}"
        meant = places.get(row["sample"], [])
        if len(meant) != 1:
            if not meant:
                raise _no_such_clip(base, clips, row["sample"], where, [one["sample"] in places for _, one in rows])
            problem = f"{len(meant)} clips are called {row['sample']!r}"
            raise DataError(problem, where=where, remedy="Write the path in the folder.")
        if meant[0] in found:
            raise DataError(f"{row['sample']!r} occurs twice", where=where, remedy="Keep one line.")
        columns = {name: row[name] for name in COLUMNS if row.get(name, "")}
        found[meant[0]] = ListedClip(meant[0], sample_name(base, meant[0]), row["label"], columns)
    return tuple(found[path] for path in clips if path in found)


def _spellings(base: Path, path: Path) -> tuple[str, str, str, str]:
    """How a table may call a clip: by its path in the folder or its name, with or without suffix."""
    inside = path.relative_to(base) if path.is_relative_to(base) else Path(path.name)
    return inside.as_posix(), inside.with_suffix("").as_posix(), path.name, Path(path.name).stem


def _no_such_clip(base: Path, clips: Sequence[Path], sample: str, where: str, found: Sequence[bool]) -> DataError:
    """A table names a clip that is not there: how many rows do, and the nearest clip, spelt as the row spells it."""
    spelt = (0 if "/" in sample else 2) + (0 if Path(sample).suffix else 1)
    lost = f"rows without a clip: {found.count(False)} of {len(found)}"
    problem = f"no clip is called {sample!r}; {lost}; clips here: {len(clips)}"
    return DataError(problem, where=where, remedy=nearest_name(sample, [_spellings(base, p)[spelt] for p in clips]))


#: what else divides the columns of tables, by name
_OTHER_MARKS = {";": "semicolons", "\t": "tabs"}


def _rows(table: Path) -> list[tuple[int, dict[str, str]]]:
    if not table.is_file():
        raise DataError("the table of labels does not exist", where=table, remedy="Check the path.")
    try:
        text = table.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError("the table must be UTF-8", where=table, remedy="Save the file as UTF-8.") from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        return _checked_rows(reader, table)
    except csv.Error as error:
        raise DataError(f"not a table: {error}", where=f"{table}, line {reader.line_num + 1}") from None


def _checked_rows(reader: csv.DictReader[str], table: Path) -> list[tuple[int, dict[str, str]]]:
    header = [name.strip() for name in reader.fieldnames or ()]
    known = ("sample", "label", *COLUMNS)
    for needed in ("sample", "label"):
        if needed not in header:
            problem = f"a column {needed!r} is needed, the table has {', '.join(header) or 'none'}"
            other = next((name for mark, name in _OTHER_MARKS.items() if mark in "".join(header)), "")
            remedy = f"Divide the columns by commas, not by {other}." if other else f"Columns: {', '.join(known)}."
            raise DataError(problem, where=f"{table}, line 1", remedy=remedy)
    if twice := [name for name in known if header.count(name) > 1]:
        raise DataError(f"two columns are called {twice[0]!r}", where=f"{table}, line 1", remedy="Keep one.")
    _check_unknown([name for name in header if name and name not in known], known, header, table)
    rows: list[tuple[int, dict[str, str]]] = []
    for row in reader:
        cells = {str(name).strip(): (value or "").strip() for name, value in row.items() if name is not None}
        if None in row or not cells["sample"] or not cells["label"]:
            problem = "a row is a sample, its label, and the other columns"
            raise DataError(problem, where=f"{table}, line {reader.line_num}", remedy="Fill in or remove the row.")
        rows.append((reader.line_num, cells))
    if not rows:
        raise DataError("the table has no row", where=table)
    return rows


def _check_unknown(names: Sequence[str], known: Sequence[str], header: Sequence[str], table: Path) -> None:
    """Refuse columns that are misspelt, and say which others nothing reads.

    Raises:
        DataError: a name is nearly that of a known column, which the table lacks.
    """
    lacking = [column for column in known if column not in header]
    for name in names:
        if meant := get_close_matches(name.casefold(), lacking, n=1, cutoff=MISSPELT):
            remedy = f"{nearest_name(name, meant)} Rename it, or call it something else if it is another thing."
            raise DataError(f"unknown column {name!r}", where=f"{table}, line 1", remedy=remedy)
    if names:
        log.warning("%s: nothing reads the columns %s; known: %s", table, ", ".join(names), ", ".join(known))


def numbered_columns(clips: Sequence[ListedClip]) -> tuple[dict[str, list[int]], dict[str, tuple[str, ...]]]:
    """Numbers of subjects, cameras, setups and replications ``[clip]``, and the names behind them where they have some.

    Columns of which nothing is known are left out; a single unknown value is -1.
    """
    numbers: dict[str, list[int]] = {}
    named: dict[str, tuple[str, ...]] = {}
    for column in COLUMNS:
        values = [clip.columns.get(column, "-1") for clip in clips]
        if all(value == "-1" for value in values):
            continue
        plain = [value for value in values if value != "-1"]
        if any(not value.isdecimal() for value in plain):  # names: those that are not known stay apart
            place = {name: number for number, name in enumerate(sorted(set(plain)))}
            numbers[column], named[column] = [place.get(value, -1) for value in values], tuple(place)
        else:
            numbers[column], named[column] = numbered(values, column)
    return numbers, named
