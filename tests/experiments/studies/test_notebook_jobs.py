"""Batches of notebooks: done only when the last cell ran, failures kept and told, parameters checked beforehand."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from zsar_kit.cli import main
from zsar_kit.errors import ArtefactError, ConfigError
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.studies.engines import Engine
from zsar_kit.experiments.studies.notebook_jobs import NotebookBatch, NotebookRun, execute


def make(path: Path, *cells: str) -> Path:
    parameters = nbformat.v4.new_code_cell("word = 'x'\nrate = 1.0")
    parameters.metadata["tags"] = ["parameters"]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(
        cells=[parameters, *map(nbformat.v4.new_code_cell, cells)],
        metadata=kernel | {"language_info": {"name": "python"}},
    )
    nbformat.write(notebook, path)
    return path


@pytest.fixture
def counting(tmp_path) -> Path:
    """A notebook that leaves a line each time it is executed."""
    return make(tmp_path / "count.ipynb", f"open({str(tmp_path / 'log')!r}, 'a').write(word + '\\n')")


def test_a_notebook_is_executed_once_for_its_parameters(counting, tmp_path):
    one = NotebookRun(str(counting), {"word": "a"})
    path = execute(one, tmp_path / "out")
    assert nbformat.read(path, as_version=4).metadata.papermill.exception is None
    execute(one, tmp_path / "out")
    assert (tmp_path / "log").read_text().split() == ["a"]
    execute(NotebookRun(str(counting), {"word": "b"}), tmp_path / "out")
    assert (tmp_path / "log").read_text().split() == ["a", "b"]
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"count.ipynb", ".count.done"}


def test_a_notebook_that_fails_is_told_and_its_copy_kept(tmp_path):
    notebook = make(tmp_path / "fails.ipynb", "raise ValueError('no ' + word)")
    with pytest.raises(ArtefactError, match=r"cell \d failed: ValueError: no y"):
        execute(NotebookRun(str(notebook), {"word": "y"}), tmp_path / "out")
    assert "ValueError" in json.dumps(nbformat.read(tmp_path / "out" / "fails.ipynb", as_version=4))
    assert not (tmp_path / "out" / ".fails.done").exists()


def test_a_kernel_that_dies_is_not_taken_for_done(tmp_path):
    notebook = make(tmp_path / "dies.ipynb", "import os; os._exit(0)", "1 + 1")
    with pytest.raises(ArtefactError, match="the kernel ended"):
        execute(NotebookRun(str(notebook)), tmp_path / "out")
    assert not (tmp_path / "out" / ".dies.done").exists()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"wrod": "a"}, "no parameter 'wrod'.*Did you mean 'word'"),
        ({"rate": float("nan")}, "'rate' must be finite"),
        ({"word": ["a", {"b": float("inf")}]}, "'word' must be finite"),
    ],
)
def test_parameters_that_the_notebook_lacks_or_cannot_hold_are_refused(counting, parameters, message):
    with pytest.raises(ConfigError, match=message):
        NotebookRun(str(counting), parameters)


def test_a_batch_file_keeps_types_and_refuses_what_has_none(counting, tmp_path):
    file = tmp_path / "batch.toml"
    lines = ["[[notebooks]]", f'notebook = "{counting}"']
    file.write_text("\n".join([*lines, "parameters = { rate = 1e-4 }"]))
    assert NotebookBatch.load(file).notebooks[0].parameters == {"rate": 1e-4}
    file.write_text("\n".join([*lines, "parameters = { rate = 22:05:00 }"]))
    with pytest.raises(ConfigError, match="must be text, a number or a list, got time"):
        NotebookBatch.load(file)
    file.write_text("\n".join([*lines, *lines]))
    with pytest.raises(ConfigError, match=r"two notebooks would write count\.ipynb"):
        NotebookBatch.load(file)


def test_a_batch_goes_on_after_a_failure_and_its_command_says_so(counting, tmp_path, capsys):
    bad = make(tmp_path / "fails.ipynb", "raise ValueError(word)")
    batch = NotebookBatch((NotebookRun(str(bad)), NotebookRun(str(counting), {"word": "a"})))
    found, failures = batch.run(tmp_path / "out", Workspace(tmp_path, "cpu", progress=False), Engine())
    assert [path.name for path in found] == ["fails.ipynb", "count.ipynb"]
    assert list(failures) == ["fails"]
    assert (tmp_path / "log").read_text().split() == ["a"]
    file = tmp_path / "batch.toml"
    file.write_text("\n".join(f'[[notebooks]]\nnotebook = "{path}"' for path in (bad, counting)))
    place = ["--out", str(tmp_path / "again"), "--engine", "serial", "--workspace", str(tmp_path)]
    assert main(["notebooks", str(file), *place]) == 4
    shown = capsys.readouterr().out
    assert "failed: fails: cell" in shown
    assert "count.ipynb" in shown
