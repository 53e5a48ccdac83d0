"""The documentation names only things that exist, every page is reached, and numbers agree with the tables."""

from __future__ import annotations

import re

import pytest

from tests.pages import (
    ROOT,
    Page,
    front_door,
    linked_file,
    missing_citations,
    problems,
    project_texts,
)

DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]
each_page = pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))


@each_page
def test_a_page_names_only_what_exists(path):
    found = problems(Page.read(path))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[here](docs/no_such_page.md)", "the link docs/no_such_page.md leads nowhere"),
        ("[here](docs/index.md#no-such-heading)", "names no heading"),
        ("![picture](figures/real/no_such.png)", "leads nowhere"),
        ("`zsar_kit/no_such_file.py`", "there is no file zsar_kit/no_such_file.py"),
        ("`experiments/no_such_room/`", "there is no file experiments/no_such_room/"),
        ("```\nzsar sweep real --write docs/no_such.md\n```", "there is no file docs/no_such.md"),
        ("```\nzsar trian puppet 23/5\n```", "there is no command zsar trian"),
        ("`zsar data prepair puppet`", "there is no command zsar data prepair"),
        ("`zsar train puppet 23/5 --no-such-option 3`", "zsar train has no option --no-such-option"),
        ("```\nzsar show RUN --gamma 2   # an option of evaluate\n```", "zsar show has no option --gamma"),
        ("`.venv/bin/zsar demo --fast`", "zsar demo has no option --fast"),
        ("`torchrun --nproc-per-node 4 -m zsar_kit features ntu60 all --nope`", "zsar features has no option --nope"),
        ("`zsar sweep no_such_suite`", "there is no suite no_such_suite"),
        ("`zsar ablate flora_departures no_such_ablation`", "there is no ablation no_such_ablation"),
        ("the option `--no-such-option`", "no command has the option --no-such-option"),
        ("`make no-such-target`", "make has no target no-such-target"),
        ("```\npapermill notebooks/99_none.ipynb out.ipynb\n```", "there is no notebook notebooks/99_none.ipynb"),
        ("`papermill notebooks/00_quickstart.ipynb out.ipynb -p no_such 1`", "has no parameter no_such"),
        ("`python -m benchmarks.no_such`", "there is no benchmark benchmarks.no_such"),
        ("`python -m benchmarks.ntu_parse --nope`", "benchmarks.ntu_parse has no option --nope"),
        ("```python\nfor\n```", "does not parse"),
        ("```python\nfrom zsar_kit.data.splits import no_such\n```", "zsar_kit.data.splits has no no_such"),
        ("```python\nimport zsar_kit.no_such\n```", "zsar_kit has no no_such"),
        ("```python\nimport zsar_kit as zk\nzk.no_such()\n```", "zsar_kit offers no no_such"),
        ("`zk.no_such`", "zsar_kit offers no no_such"),
        ("`data.splits.no_such`", "zsar_kit.data.splits has no no_such"),
        ("`zsar_kit.data.no_such_module.Thing`", "zsar_kit.data has no no_such_module"),
        ("```tree\nzsar_kit/\n  data/\n    no_such/   a room\n```", "the tree names zsar_kit/data/no_such/"),
        ("see DESIGN section 6", "DESIGN is cited and not there"),
        ("see HANDBOOK.md for more", "HANDBOOK.md is cited and not there"),
        ("as HANDBOOK, section 2 says", "HANDBOOK, section 2 is cited and not there"),
    ],
)
def test_a_page_that_names_what_does_not_exist_is_noticed(text, problem):
    found = problems(Page(ROOT / "made_up.md", text))
    assert any(problem in line for line in found), found


@pytest.mark.parametrize(
    "text",
    [
        "[here](docs/index.md#notebooks), `notebooks/0*_*.ipynb`, `data.splits.load_split`, `data/readers/`",
        "```\nzsar train puppet 23/5 --set text.pool=seen --seeds 0 1   # --not-an-option\n```",
        "```\nOMP_NUM_THREADS=1 zsar ablate flora_departures --effects docs/departures.md\n```",
        "`zsar sweep ...`, `zsar data`, `zsar sweep mine.toml`, `zsar run import FILE`",
        "`make`, `make PYTHON=python3.12 setup`, `python -m benchmarks.flora_speed --no-required`, `--strict`",
        "`papermill NOTEBOOK out.ipynb -p name value`, `result.json`, `config.json`, `text.pool`, `figures/demo`",
        "```python\nfrom zsar_kit.data.splits import load_split\n```",
        "Flora, section 4; CVPR 2020; UTD-MHAD 22/5",
    ],
)
def test_a_page_that_names_what_exists_passes(text):
    assert problems(Page(ROOT / "made_up.md", text)) == []


@pytest.mark.parametrize("path", project_texts(), ids=lambda p: str(p.relative_to(ROOT)))
def test_code_notebooks_and_settings_cite_only_documents_that_exist(path):
    assert missing_citations(path.read_text(encoding="utf-8")) == []


def test_every_page_and_notebook_is_reached():
    reached, queue = set(), [ROOT / "README.md", ROOT / "docs/index.md"]
    while queue:
        path = queue.pop()
        if path in reached:
            continue
        reached.add(path)
        if path.suffix == ".md":
            page = Page.read(path)
            queue += [file for target in page.links if (file := linked_file(page, target)).is_file()]
    assert sorted({*PAGES, *(ROOT / "notebooks").glob("*.ipynb")} - reached) == []


@pytest.mark.parametrize(("name", "most"), [("README.md", 150), ("CONTRIBUTING.md", 200)])
def test_first_pages_stay_short(name, most):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= most
    assert max(map(len, lines)) <= 160


@each_page
def test_a_page_begins_with_what_it_is_for(path):
    head, *body = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert head.startswith("# ")
    assert re.match(r"[A-Z*]\S* ", body[0]), "a sentence follows the title"


def test_the_api_page_lists_the_front_door():
    listed = re.findall(r"^\| `zk\.(\w+)` \|", (ROOT / "docs/api.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) == front_door()


def table_cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_numbers_of_the_readme_are_those_of_the_generated_table():
    lines = (ROOT / "docs/results/real.md").read_text(encoding="utf-8").splitlines()
    rows = [table_cells(line) for line in lines if line.startswith("|")]
    header = rows[0]
    results = {(row[0], row[header.index("method")].removesuffix(" (cpu preset)")): row for row in rows[2:]}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## Results in brief")[2].partition("\n## ")[0]
    shown = [table_cells(line) for line in section.splitlines() if line.startswith("|")]
    cases = [title.removesuffix(": ZSL").lower().replace("-", "_", 1) for title in shown[0][1::2]]
    assert len(shown) == 2 + len({method for case, method in results if case == cases[0]})
    for method, *cells in shown[2:]:
        for case, zsl, harmonic in zip(cases, cells[::2], cells[1::2], strict=True):
            row = results[case, method]
            assert (row[header.index("ZSL")], row[header.index("H")]) == (zsl, harmonic)


def test_each_mark_of_a_generated_table_stands_in_one_page():
    marks = [
        mark for path in DOCS for mark in re.findall(r"^<!-- ([\w-]+) -->$", path.read_text("utf-8"), re.MULTILINE)
    ]
    ends = [
        mark for path in DOCS for mark in re.findall(r"^<!-- /([\w-]+) -->$", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert len(marks) == len(set(marks)) >= 20
    assert sorted(ends) == sorted(marks)


def test_the_tree_of_architecture_has_every_room():
    """Folders of the package with modules in them, two levels down."""
    (body,) = Page.read(ROOT / "docs" / "architecture.md").blocks("tree")
    named = set(re.findall(r"^ *([\w]+)/", body, flags=re.MULTILINE))
    package = ROOT / "zsar_kit"
    rooms = {path.parent.relative_to(package).parts for path in package.rglob("*.py")} - {()}
    assert sorted("/".join(room) for room in rooms if not set(room) <= named) == []
