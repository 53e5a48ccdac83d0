"""What the documentation names (files, commands, options, notebooks, code), and which of it does not exist.

``problems(page)`` is empty for a page that names only things that exist.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import functools
import importlib
import io
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import zsar_kit
from zsar_kit.cli import main

ROOT = Path(__file__).resolve().parents[1]
KIT = ROOT / "zsar_kit"
#: what commands make; it is not in a fresh checkout
MADE = ("figures/demo", "workspace/", "raw/")
RESOURCES = "experiments/resources"
FENCE = re.compile(r"^[ ]*```(\w*)\n(.*?)^[ ]*```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
OPTION = re.compile(r"--[a-z][\w-]*")
FILE_ENDINGS = {"cfg", "csv", "ipynb", "json", "jsonl", "md", "npy", "npz", "py", "safetensors", "toml", "txt", "zip"}
#: a document by a name in capitals and a section, such as this project had before it had docs/architecture.md
CITATION = re.compile(r"\bDESIGN\b|\b[A-Z]{4,}(?:\.md)?,?\s+(?:sections?|§)\s*\d")


@dataclass(frozen=True)
class Page:
    """A Markdown page.

    Attributes:
        path: where it is; relative links start there.
        text: its content.
    """

    path: Path
    text: str

    @classmethod
    def read(cls, path: Path) -> Page:
        """The page in a file."""
        return cls(path, path.read_text(encoding="utf-8"))

    def blocks(self, *languages: str) -> list[str]:
        """The fenced blocks of some languages; ``""`` is a block that names none."""
        return [body for language, body in FENCE.findall(self.text) if language in languages]

    @property
    def prose(self) -> str:
        """The page without its fenced blocks."""
        return FENCE.sub("", self.text)

    @property
    def inline(self) -> list[str]:
        """Inline code, each on one line."""
        return [" ".join(code.split()) for code in INLINE.findall(self.prose)]

    @property
    def links(self) -> list[str]:
        """Targets of links and pictures within the repository."""
        return [target for target in LINK.findall(self.prose) if not re.match(r"[a-z]+:", target)]

    @property
    def commands(self) -> list[str]:
        """What a reader would type: lines of plain blocks without their comments, and inline code."""
        lines = [re.sub(r"(^|\s+)#.*$", "", line).strip() for body in self.blocks("") for line in body.splitlines()]
        return [*filter(None, lines), *self.inline]


def problems(page: Page) -> list[str]:
    """What the page names and is not there."""
    checks = (_links, _files, _commands, _python, _code_names, _tree, _citations)
    return [problem for check in checks for problem in check(page)]


# -------------------- links and files
def linked_file(page: Page, target: str) -> Path:
    """The file that a link of a page points to."""
    name = target.partition("#")[0]
    return (page.path.parent / name).resolve() if name else page.path


def _links(page: Page) -> Iterator[str]:
    for target in page.links:
        path, fragment = linked_file(page, target), target.partition("#")[2]
        if path != page.path and not path.exists():
            yield f"the link {target} leads nowhere"
        elif fragment and fragment not in _anchors(page.text if path == page.path else path.read_text("utf-8")):
            yield f"the link {target} names no heading"


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def _files(page: Page) -> Iterator[str]:
    tops = {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".")} - {"workspace", "raw"}
    inside = {p.name for p in KIT.iterdir() if p.is_dir()}
    for word in {word for code in page.commands for word in code.split()}:
        if not re.fullmatch(r"[\w.*-]+(/[\w.*-]+)*/?", word) or word.startswith(MADE):
            continue
        first = word.partition("/")[0]
        if "/" in word and first in tops:
            base = ROOT
        elif "/" in word and first in inside:
            base = KIT
        elif re.fullmatch(r"[A-Z]+\.(md|cff)|pyproject\.toml|constraints\.txt|environment\.yml", word):
            base = ROOT
        else:
            continue
        pattern = re.sub(r"(?<=/)[A-Z]{3,}(?=\.)", "*", word).rstrip("/")  # NAME.py stands for any
        if not any(base.glob(pattern)):
            yield f"there is no file {word}"


def _tree(page: Page) -> Iterator[str]:
    for body in page.blocks("tree"):
        folders: list[tuple[int, str]] = []
        for line in filter(str.strip, body.splitlines()):
            depth, name = len(line) - len(line.lstrip()), line.split()[0]
            folders = [folder for folder in folders if folder[0] < depth] + [(depth, name)]
            path = "".join(part for _, part in folders)
            if not (ROOT / path).exists():
                yield f"the tree names {path}, which is not there"


def _citations(page: Page) -> Iterator[str]:
    yield from missing_citations(page.text)


def missing_citations(text: str) -> list[str]:
    """Documents that a text cites and the repository does not have."""
    found = [" ".join(match.split()) for match in CITATION.findall(text)]
    names = {name for name in re.findall(r"(?<![\w/.-])[\w/-]+\.md\b", text) if not name.startswith("out")}
    known = {path.name for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))}
    return [f"{name} is cited and not there" for name in [*found, *sorted(names)] if Path(name).name not in known]


# -------------------- commands
def _commands(page: Page) -> Iterator[str]:
    for line in page.commands:
        try:
            words = shlex.split(line)
        except ValueError:
            words = line.split()
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            words = words[1:]
        yield from (f"{problem} (in: {line})" for problem in _command(words))
    for code in page.inline:
        if OPTION.match(code) and (option := OPTION.match(code)[0]) not in _all_options():
            yield f"no command has the option {option}"


def _command(words: list[str]) -> Iterator[str]:
    match words:
        case [program, *rest] if Path(program).name == "zsar":
            yield from _zsar(rest)
        case [program, *_] if program == "torchrun" and "zsar_kit" in words:
            yield from _zsar(words[words.index("zsar_kit") + 1 :])
        case [program, "-m", "zsar_kit", *rest] if "python" in program:
            yield from _zsar(rest)
        case [program, "-m", module, *rest] if "python" in program and module.startswith("benchmarks"):
            yield from _benchmark(module, rest)
        case ["make", *rest]:
            targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
            wanted = {word for word in rest if "=" not in word and re.fullmatch(r"[a-z-]+", word)}
            yield from (f"make has no target {word}" for word in sorted(wanted - targets))
        case ["papermill", notebook, *rest] if notebook != "NOTEBOOK":
            yield from _papermill(notebook, rest)


def _zsar(words: list[str]) -> Iterator[str]:
    command: tuple[str, ...] = ()
    while (known := _subcommands(command)) and words and not words[0].startswith(("-", ".")):
        if words[0] not in known:
            yield f"there is no command zsar {' '.join((*command, words[0]))}"
            return
        command, words = (*command, words[0]), words[1:]
    for word in words:
        if (option := OPTION.match(word)) and option[0] not in _options(command):
            yield f"zsar {' '.join(command)} has no option {option[0]}"
    if command in (("sweep",), ("ablate",)):
        folder = KIT / RESOURCES / ("suites" if command == ("sweep",) else "ablations")
        named = words[: next((i for i, word in enumerate(words) if word.startswith("-")), len(words))]
        for name in named:
            if re.fullmatch(r"[a-z_]+", name) and not (folder / f"{name}.toml").is_file():
                yield f"there is no {folder.name.removesuffix('s')} {name}"


@functools.cache
def _help(command: tuple[str, ...]) -> str:
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        main([*command, "--help"])
    return shown.getvalue()


def _subcommands(command: tuple[str, ...]) -> set[str]:
    usage = re.sub(r"\s+", "", _help(command).partition("\n\n")[0])
    names = re.search(r"\{([^}]+)\}$", usage)
    return set(names[1].split(",")) if names else set()


@functools.cache
def _options(command: tuple[str, ...]) -> set[str]:
    lines = (line.strip(" │") for line in _help(command).splitlines())
    return {option for line in lines if line.startswith("-") for option in OPTION.findall(line.partition("  ")[0])}


@functools.cache
def _all_options(command: tuple[str, ...] = ()) -> set[str]:
    own = _options(command).union(*(_all_options((*command, name)) for name in _subcommands(command)))
    return own if command else own.union(*(benchmark_options(path) for path in (ROOT / "benchmarks").glob("*.py")))


def benchmark_options(path: Path) -> set[str]:
    """The options of a benchmark."""
    source = path.read_text(encoding="utf-8")
    options = set(re.findall(r'add_argument\(\s*"(--[\w-]+)"', source))
    switches = re.findall(r'add_argument\(\s*"--([\w-]+)"[^)]*BooleanOptionalAction', source)
    return options | {f"--no-{name}" for name in switches}


def _benchmark(module: str, words: list[str]) -> Iterator[str]:
    path = ROOT / f"{module.replace('.', '/')}.py"
    if not path.is_file():
        yield f"there is no benchmark {module}"
        return
    given = {option[0] for word in words if (option := OPTION.match(word))}
    yield from (f"{module} has no option {option}" for option in sorted(given - benchmark_options(path)))


@functools.cache
def notebook_parameters(path: Path) -> set[str]:
    """Names in the parameters cell of a notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(c["source"]) for c in cells if "parameters" in c["metadata"].get("tags", [])]
    assignments = [node for node in ast.walk(ast.parse("\n".join(sources))) if isinstance(node, ast.Assign)]
    return {target.id for node in assignments for target in node.targets if isinstance(target, ast.Name)}


def _papermill(notebook: str, words: list[str]) -> Iterator[str]:
    path = ROOT / notebook
    if not path.is_file():
        yield f"there is no notebook {notebook}"
        return
    given = {words[i + 1] for i, word in enumerate(words[:-1]) if word in ("-p", "-r")}
    yield from (f"{notebook} has no parameter {name}" for name in sorted(given - notebook_parameters(path)))


# -------------------- code
def front_door() -> set[str]:
    """The public names of the kit."""
    return {name for name in getattr(zsar_kit, "__all__", ()) if not name.startswith("__")}


def _python(page: Page) -> Iterator[str]:
    for body in page.blocks("python"):
        try:
            tree = ast.parse(body)
        except SyntaxError as error:
            yield f"a Python block does not parse: {error}"
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("zsar_kit"):
                wanted = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                wanted = [alias.name for alias in node.names if alias.name.startswith("zsar_kit")]
            else:
                continue
            yield from (problem for name in wanted if (problem := resolution_problem(name)))
    used = {name for code in (*page.blocks("python"), *page.inline) for name in re.findall(r"\bzk\.(\w+)", code)}
    yield from (f"zsar_kit offers no {name}" for name in sorted(used - front_door()))


def _code_names(page: Page) -> Iterator[str]:
    children = {p.stem for p in KIT.iterdir() if p.is_dir() or p.suffix == ".py"}
    for code in page.inline:
        name = re.fullmatch(r"(?:zsar_kit\.)?([a-z_]+(?:\.\w+)+)(?:\((\w*)\))?", code)
        if name and name[1].split(".")[0] in children and name[1].rpartition(".")[2] not in FILE_ENDINGS:
            if problem := resolution_problem(f"zsar_kit.{name[1]}"):
                yield problem
        elif re.fullmatch(r"zsar_kit\.\w+", code) and (problem := resolution_problem(code)):
            yield problem


def resolution_problem(name: str) -> str | None:
    """What is wrong with a dotted name of the package; fields of dataclasses count as found."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        module_name = ".".join(parts[:cut])
        try:
            value: object = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if not module_name.startswith(error.name or "?"):
                raise
            continue
        for part in parts[cut:]:
            if dataclasses.is_dataclass(value) and part in {field.name for field in dataclasses.fields(value)}:
                return None
            if not hasattr(value, part):
                return f"{name} does not exist: {module_name} has no {part}"
            value = getattr(value, part)
        return None
    return f"{name} does not exist"


def project_texts() -> list[Path]:
    """Files whose words may cite documents: code, resources, notebooks, benchmarks, settings."""
    suffixes = {".py", ".toml", ".ipynb"}
    found = [
        p for top in (KIT, ROOT / "notebooks", ROOT / "benchmarks") for p in top.rglob("*") if p.suffix in suffixes
    ]
    return [
        *sorted(found),
        *(ROOT / name for name in ("pyproject.toml", "Makefile", "environment.yml", "CITATION.cff")),
    ]
