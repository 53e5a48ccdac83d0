"""Tables written into Markdown files, between markers that name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from zsar_kit.artefacts import write_atomic
from zsar_kit.errors import ArtefactError


def write_between(path: str | Path, name: str, content: str) -> None:
    """Replace what is between ``<!-- name -->`` and ``<!-- /name -->`` in a text file.

    Raises:
        ArtefactError: the file or its markers are missing.
    """
    path = Path(path)
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    opening, closing = _markers(name)
    if text.count(opening) != 1 or text.count(closing) != 1:
        raise ArtefactError(f"the markers {opening} and {closing} are needed, once each", where=path)
    before, rest = text.split(opening)
    after = rest.split(closing)[1]
    write_atomic(path, f"{before}{opening}\n{content.strip()}\n{closing}{after}")


def write_where_marked(paths: Sequence[Path], name: str, content: str) -> None:
    """Write into the file that has the markers, see :func:`write_between`.

    Raises:
        ArtefactError: none of the files has the markers.
    """
    opening = _markers(name)[0]
    having = [path for path in paths if path.is_file() and opening in path.read_text(encoding="utf-8")]
    write_between((having or paths)[0], name, content)


def write_tables(path: str | Path, label: str, tables: Mapping[str, str]) -> list[str]:
    """Write a suite's tables into a text file, each between its markers ``<!-- label_name -->``.

    Args:
        path: path of the text file.
        label: label of the suite; the markers of the table ``scores`` are the label alone.
        tables: Markdown of each table by name; tables without markers in the file are skipped.

    Returns:
        The names of the tables written.

    Raises:
        ArtefactError: the file is missing, or has no markers for any of the tables.
    """
    path = Path(path)
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    marks = {name: label if name == "scores" else f"{label}_{name}" for name in tables}
    written = [name for name, mark in marks.items() if _markers(mark)[0] in text]
    if not written:
        opening, closing = _markers(label)
        raise ArtefactError(f"the markers {opening} and {closing} are needed, once each", where=path)
    for name in written:
        write_between(path, marks[name], tables[name])
    return written


def _markers(name: str) -> tuple[str, str]:
    return f"<!-- {name} -->", f"<!-- /{name} -->"
