"""What most commands need of the data layer loads none of the heavy libraries; packages offer their names lazily."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from zsar_kit.data.readers.arrays import from_arrays

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "transformers", "scipy", "sklearn", "matplotlib", "plotly", "pandas", "requests"}
MODULES = ("catalogue", "splits", "class_split", "parts", "feature_set", "skeleton_set", "leakage", "display")
PACKAGES = ("zsar_kit.data", "zsar_kit.data.readers", "zsar_kit.data.importers", "zsar_kit.data.puppet")


def loaded(program: str, *arguments: str) -> set[str]:
    """Top-level modules, and those of the kit, that a program has loaded at its end."""
    code = f"import sys; {program}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("module", MODULES)
def test_a_module_loads_nothing_heavy(module):
    assert not HEAVY & loaded(f"import zsar_kit.data.{module}")


def test_readers_are_planned_without_anything_heavy():
    assert not (HEAVY - {"requests"}) & loaded("import zsar_kit.data.readers.registry")


def test_the_provenance_of_a_prepared_set_is_opened_without_anything_heavy(tmp_path):
    from_arrays(tmp_path / "own", [np.ones((3, 17, 3))], [0], ["wave"], layout="coco_17")
    program = (
        "from zsar_kit.data import SkeletonSet, made_with; from zsar_kit.data.readers import open_prepared; "
        "made_with(sys.argv[1]); SkeletonSet.load(sys.argv[1])._repr_markdown_(); open_prepared(sys.argv[1])"
    )
    assert not HEAVY & loaded(program, str(tmp_path / "own"))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_loads_none_of_its_modules_until_it_is_asked(package):
    found = {name for name in loaded(f"import {package}") if name.startswith(f"{package}.")}
    assert found == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_offers_what_its_stub_names(package):
    module = importlib.import_module(package)
    folder = Path(str(module.__file__)).parent
    tree = ast.parse((folder / "__init__.pyi").read_text(encoding="utf-8"))
    (named,) = [n.value for n in tree.body if isinstance(n, ast.Assign)]
    names = ast.literal_eval(named)
    assert sorted(module.__all__) == sorted(names) == sorted(set(names))
    modules = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    for name in names:
        thing = getattr(module, name)
        # An object of the same name as a module would be hidden by it once the module is imported.
        assert name not in modules or thing is importlib.import_module(f"{package}.{name}")
    with pytest.raises(AttributeError):
        module.no_such_name  # noqa: B018 (the access is the test)
