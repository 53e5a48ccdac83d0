"""Glossary and departures name only things that exist; the glossary leaves no equation of the papers out."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
GLOSSARY = ("symbol", "name in the code", "where", "equation, section", "meaning, shape, unit")
DEPARTURES = ("topic", "paper", "released code", "ours (default)", "option name", "effect")
REFERENCE = re.compile(r"`([a-z_]+(?:\.\w+)+)(?:\((\w+)\))?`")


def table_rows(name: str, header: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows of all tables of a document with this header; a row of another width is an error."""
    rows: list[dict[str, str]] = []
    for number, line in enumerate((DOCS / name).read_text(encoding="utf-8").splitlines(), start=1):
        if not line.startswith("|") or set(line) <= set("|-: "):
            continue
        cells = tuple(cell.strip() for cell in line.strip("|").split("|"))
        if cells == header:
            continue
        assert len(cells) == len(header), f"{name}:{number} has {len(cells)} cells, not {len(header)}"
        rows.append({"line": f"{name}:{number}", **dict(zip(header, cells, strict=True))})
    return rows


# Finding a class's source parses its whole module, so it is done once for each.
source_of = functools.cache(inspect.getsource)


def resolve(path: str, argument: str) -> str:
    """Find ``module.object(argument)`` inside the package and return the source that defines it."""
    parts = path.split(".")
    for cut in range(len(parts), 0, -1):
        module_name = ".".join(("zsar_kit", *parts[:cut]))
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if not module_name.startswith(error.name or "?"):
                raise
            continue
        return _source(module, parts[cut:], argument)
    raise LookupError(f"no module in {path!r}")


def _source(module: ModuleType, names: list[str], argument: str) -> str:
    value, source = module, source_of(module)
    for name in names:
        if dataclasses.is_dataclass(value) and name in {f.name for f in dataclasses.fields(value)}:
            break
        value = getattr(value, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            source = source_of(value)
    if argument:
        assert argument in inspect.signature(value).parameters, f"no argument {argument!r} of {'.'.join(names)}"
    return source


def references(cell: str) -> list[tuple[str, str]]:
    """The code references of a cell."""
    return REFERENCE.findall(cell)


ROWS = table_rows("glossary.md", GLOSSARY)
ROWS_OF_DEPARTURES = table_rows("departures.md", DEPARTURES)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["line"])
def test_each_symbol_of_the_glossary_is_where_it_says(row):
    assert all(row.values())
    found = references(row["where"])
    if row["name in the code"] == "none":
        assert not found
        return
    # Whatever stands in backquotes is a reference: nothing slips through by a typing error.
    assert found
    assert len(found) == row["where"].count("`") // 2
    source = "\n".join(resolve(*reference) for reference in found)
    names = re.findall(r"`([^`]+)`", row["name in the code"])
    assert names
    for name in names:
        assert re.search(rf"(?<!\w){re.escape(name)}(?!\w)", source), f"{name!r} does not occur in {row['where']}"


@pytest.mark.parametrize(("paper", "last_equation"), [("Flora", 15), ("SkeletonContext", 12)])
def test_the_glossary_has_each_equation_of_the_papers(paper, last_equation):
    cited = {
        int(number)
        for row in ROWS
        for clause in re.findall(rf"{paper} Eq\. ([\d, -]+)", row["equation, section"])
        for first, last in re.findall(r"(\d+)(?:-(\d+))?", clause)
        for number in range(int(first), int(last or first) + 1)
    }
    assert cited == set(range(1, last_equation + 1))


def test_no_symbol_stands_twice_in_the_glossary():
    symbols = [row["symbol"] for row in ROWS]
    assert sorted(set(symbols)) == sorted(symbols)


@pytest.mark.parametrize("row", ROWS_OF_DEPARTURES, ids=lambda row: row["line"])
def test_each_option_of_the_departures_exists(row):
    assert all(row.values())
    found = references(row["option name"])
    assert (row["option name"] == "none") == (not found)
    for reference in [*found, *references(row["ours (default)"])]:
        resolve(*reference)


def test_departures_are_one_row_each():
    topics = [row["topic"] for row in ROWS_OF_DEPARTURES]
    assert len(set(topics)) == len(topics) > 15


@pytest.mark.parametrize(
    ("path", "argument"),
    [("models.flora.path.no_such", ""), ("no_such_module.x", ""), ("models.flora.scoring.velocity_errors", "no_such")],
)
def test_a_wrong_reference_is_noticed(path, argument):
    with pytest.raises((AttributeError, LookupError, AssertionError)):
        resolve(path, argument)
