"""A package says what lives there and offers its nouns, which are imported when they are asked for."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import zsar_kit

ROOMS = (
    "encoders",
    "evaluation",
    "experiments.pipeline",
    "experiments.reports",
    "experiments.runs",
    "experiments.studies",
    "methods",
    "models",
    "models.flora",
    "models.skeleton_context",
    "plotting",
    "semantics",
    "training",
    "widgets",
)
ROOT = Path(zsar_kit.__file__).parent

each_room = pytest.mark.parametrize("room", ROOMS)


def stub(room: str) -> list[ast.ImportFrom]:
    tree = ast.parse((ROOT / room.replace(".", "/") / "__init__.pyi").read_text(encoding="utf-8"))
    return [node for node in tree.body if isinstance(node, ast.ImportFrom)]


@each_room
def test_everything_that_a_package_offers_is_there(room):
    package = importlib.import_module(f"zsar_kit.{room}")
    offered = {alias.name: node.module for node in stub(room) for alias in node.names}
    assert sorted(package.__all__) == sorted(offered)
    assert set(offered) <= set(dir(package))
    for name, module in offered.items():
        assert getattr(package, name) is getattr(importlib.import_module(f"zsar_kit.{room}.{module}"), name)
    assert package.__doc__.count("\n") <= 5
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = package.no_such_name


@each_room
def test_the_stub_lists_what_it_imports(room):
    tree = ast.parse((ROOT / room.replace(".", "/") / "__init__.pyi").read_text(encoding="utf-8"))
    listed = next(ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign))
    names = [alias.name for node in stub(room) for alias in node.names]
    assert listed == sorted(names)


@each_room
def test_no_name_hides_a_module_of_the_package(room):
    modules = {path.stem for path in (ROOT / room.replace(".", "/")).iterdir()}
    assert not modules & {alias.name for node in stub(room) for alias in node.names}


def test_packages_import_nothing_until_asked():
    program = "import sys\n" + "".join(f"import zsar_kit.{room}\n" for room in ROOMS)
    program += "print(*[n for n in ('torch', 'numpy', 'scipy', 'matplotlib', 'ipywidgets') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == []
