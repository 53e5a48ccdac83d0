"""The shape of the project: layers, a light import, no forbidden pattern, and files that agree with each other."""

from __future__ import annotations

import ast
import logging
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from importlinter.cli import lint_imports
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SOURCES = sorted((ROOT / "zsar_kit").rglob("*.py"))
each_source = pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
#: the one place that may turn to torch's global generator, and says why
GLOBAL_RNG = {"zsar_kit/seeding.py"}
MACHINE_PATH = re.compile(r"/(home|Users|root|mnt|opt|tmp|var)/")


def test_layers(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(logging.getLogger("zsar_kit"), "disabled", False)  # the linter silences loggers; put it back
    failed = lint_imports(config_filename="pyproject.toml", no_cache=True)
    assert not failed, capsys.readouterr().out


@pytest.mark.parametrize("name", ["zsar_kit", "zsar_kit.config", "zsar_kit.artefacts", "zsar_kit.seeding"])
def test_import_is_light(name):
    code = f"import sys, {name}; print(*sorted(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {"torch", "transformers", "matplotlib", "sklearn", "scipy"} & set(done.stdout.split())


def dotted(node: ast.AST) -> str:
    """``a.b.c`` of an attribute chain, or an empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (front := dotted(node.value)):
        return f"{front}.{node.attr}"
    return ""


def constant(call: ast.Call, keyword: str) -> object:
    """The literal value of a keyword argument, or None."""
    found = [k.value.value for k in call.keywords if k.arg == keyword and isinstance(k.value, ast.Constant)]
    return found[0] if found else None


def forbidden_call(call: ast.Call) -> str | None:
    """What is wrong with a call, if anything."""
    name = dotted(call.func)
    if name == "torch.load" and constant(call, "weights_only") is not True:
        return "torch.load without weights_only=True"
    if name in ("np.load", "numpy.load") and constant(call, "allow_pickle") is not False:
        return "np.load without allow_pickle=False"
    if name in ("torch.manual_seed", "torch.seed", "np.random.seed", "random.seed"):
        return "the global random state"
    if name.startswith("np.random.") and name.split(".")[2] not in ("default_rng", "Generator"):
        return "NumPy's global generator"
    if name.startswith("pickle.") or name in ("eval", "exec", "print"):
        return name
    if isinstance(call.func, ast.Attribute) and call.func.attr == "cuda":
        return "a device by name; take it from the tensors"
    return None


def offences(source: str) -> list[tuple[int, str]]:
    """Lines of a module that break a rule of the house."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and (problem := forbidden_call(node)):
            found.append((node.lineno, problem))
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            found.append((node.lineno, "a bare except"))
        if isinstance(node, ast.Global):
            found.append((node.lineno, "a global variable"))
        if isinstance(node, ast.Attribute) and dotted(node) == "sys.path":
            found.append((node.lineno, "sys.path"))
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found += [(node.lineno, "a path of one machine")] * bool(MACHINE_PATH.match(node.value))
    for number, line in enumerate(source.splitlines(), start=1):
        if re.search(r"#\s*(type|pyright): ?ignore(?!\[)", line):
            found.append((number, "an ignore that does not say what it ignores"))
        if re.search(r"#\s*noqa(?!: [A-Z]+\d+)", line):
            found.append((number, "a noqa that does not say what it ignores"))
    return found


@each_source
def test_no_forbidden_pattern(path):
    found = offences(path.read_text(encoding="utf-8"))
    if str(path.relative_to(ROOT)) in GLOBAL_RNG:
        found = [f for f in found if f[1] != "the global random state"]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "torch.load(p)",
        "torch.load(p, weights_only=False)",
        "np.load(p)",
        "np.load(p, allow_pickle=True)",
        "torch.manual_seed(0)",
        "np.random.normal()",
        "pickle.loads(b)",
        "print(1)",
        "x.cuda()",
        "model.to(d).cuda()",
        "try:\n    pass\nexcept:\n    pass",
        "sys.path.append(p)",
        "p = '/home/me/data'",
        "x = 1  # type: ignore",
        "x = 1  # noqa",
    ],
)
def test_the_check_finds_what_it_forbids(source):
    assert len(offences(source)) == 1


def test_the_check_lets_the_right_form_pass():
    right = ["torch.load(p, weights_only=True)", "np.load(p, allow_pickle=False)", "np.random.default_rng(0)"]
    right += ["x = 1  # type: ignore[misc]", "x = 1  # noqa: B027 (a reason)"]
    assert offences("\n".join(right)) == []


@each_source
def test_modules_and_functions_stay_readable(path):
    source = path.read_text(encoding="utf-8")
    assert path.name != "utils.py"
    assert source.count("\n") <= 400
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            assert not body or node.end_lineno - body[0].lineno < 60, f"{node.name} is long"


def under_type_checking(tree: ast.AST) -> set[ast.AST]:
    """Nodes that only a type checker reads."""
    guards = [n for n in ast.walk(tree) if isinstance(n, ast.If) and dotted(n.test).endswith("TYPE_CHECKING")]
    return {node for guard in guards for statement in guard.body for node in ast.walk(statement)}


def absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    """The module that a ``from ... import`` names, its leading dots resolved."""
    if not node.level:
        return node.module or ""
    parts = module.split(".") if is_package else module.split(".")[:-1]
    return ".".join([*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])])


def stub_exports(package: str, stubs: dict[str, str]) -> dict[str, str]:
    """Names that a package offers lazily, to the modules that they come from."""
    nodes = ast.walk(ast.parse(stubs.get(package, "")))
    imports = [(absolute(n, package, True), n) for n in nodes if isinstance(n, ast.ImportFrom)]
    return {alias.asname or alias.name: source for source, node in imports for alias in node.names}


def import_graph(sources: dict[str, str], packages: set[str], stubs: dict[str, str]) -> dict[str, set[str]]:
    """Which modules of a package each of them imports, at its head or inside a function.

    Args:
        sources: name of each module to its text.
        packages: those of the names that are packages.
        stubs: package to the text of its ``__init__.pyi``, where it offers names lazily.
    """
    graph: dict[str, set[str]] = {}
    for module, source in sources.items():
        tree, graph[module] = ast.parse(source), set()
        unread = under_type_checking(tree)
        for node in ast.walk(tree):
            if node in unread:
                continue
            if isinstance(node, ast.Import):
                graph[module] |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                origin = absolute(node, module, module in packages)
                offered = stub_exports(origin, stubs)
                for alias in node.names:
                    inner = f"{origin}.{alias.name}"
                    graph[module].add(inner if inner in sources else offered.get(alias.name, origin))
        graph[module] = (graph[module] & set(sources)) - {module}
    return graph


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that reach each other; each is sorted."""

    def reached(start: str) -> set[str]:
        found, waiting = set(), [start]
        while waiting:
            for module in graph[waiting.pop()] - found:
                found.add(module)
                waiting.append(module)
        return found

    reach = {module: reached(module) for module in graph}
    groups = {tuple(sorted(m for m in reach[module] if module in reach[m])) for module in graph}
    return sorted(list(group) for group in groups if group)


def test_no_module_imports_itself_by_way_of_others():
    names = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in SOURCES}
    packages = {name.removesuffix(".__init__") for name in names.values() if name.endswith(".__init__")}
    sources = {name.removesuffix(".__init__"): path.read_text(encoding="utf-8") for path, name in names.items()}
    stubs = {
        ".".join(path.relative_to(ROOT).parent.parts): path.read_text(encoding="utf-8")
        for path in (ROOT / "zsar_kit").rglob("__init__.pyi")
    }
    assert circles(import_graph(sources, packages, stubs)) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("import kit.second", "import kit.first"),
        ("from kit.second import x", "def f():\n    from kit import first"),
        ("from .second import x", "class A:\n    def f(self):\n        import kit.first as f"),
        ("from kit import noun", "from kit.first import x"),
    ],
)
def test_a_circle_of_imports_is_found(first, second):
    sources = {"kit": "", "kit.first": first, "kit.second": second, "kit.third": "import kit.first"}
    stubs = {"kit": "from .second import noun as noun"}
    assert circles(import_graph(sources, {"kit"}, stubs)) == [["kit.first", "kit.second"]]


def test_imports_for_types_alone_make_no_circle():
    first = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from kit.second import x"
    sources = {"kit": "", "kit.first": first, "kit.second": "import kit.first, kit"}
    assert circles(import_graph(sources, {"kit"}, {})) == []


LEFT_OUT = {"umap"}
"""Extras that the set-up does not install, being large and of little use to most."""


def extras(line: str) -> set[str]:
    return set(re.search(r"-e \"?\.\[([\w,]+)\]", line).group(1).split(","))


def test_conda_environment_agrees_with_the_project():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert re.search(r"^  - python(\S+)$", text, re.MULTILINE).group(1) == PROJECT["requires-python"]
    everything = set(PROJECT["optional-dependencies"]) - LEFT_OUT
    assert extras(text) == everything
    assert "-c constraints.txt" in text
    assert extras((ROOT / "Makefile").read_text(encoding="utf-8")) == everything


def test_constraints_pin_what_the_project_asks_for():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {}
    for line in lines:
        if line.strip() and not line.startswith("#"):
            name, version = line.split("==")
            pins[name.strip().lower()] = version.split("#")[0].split(";")[0].strip()
    asked = PROJECT["dependencies"] + sum(PROJECT["optional-dependencies"].values(), [])  # noqa: RUF017
    for requirement in map(Requirement, asked):
        pin = pins.get(requirement.name.lower())
        assert pin is not None, f"{requirement.name} is not pinned"
        assert requirement.specifier.contains(pin), f"{requirement} is pinned to {pin}"


def test_python_bound_is_the_linters_too():
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert PROJECT["requires-python"] == f">={tools['pyright']['pythonVersion']}"
    assert f"Programming Language :: Python :: {tools['pyright']['pythonVersion']}" in PROJECT["classifiers"]
