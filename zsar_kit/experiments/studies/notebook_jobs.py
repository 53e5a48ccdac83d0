"""Batches of notebooks: each executed with its parameters, its executed copy kept whether it fails or not.

A notebook counts as done only if its last cell was reached: a kernel that dies or is stopped leaves cells that
papermill calls completed although they never ran. So a cell is added behind the last one, which leaves a marker.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from zsar_kit.artefacts import write_atomic
from zsar_kit.config import Config
from zsar_kit.errors import ArtefactError, ConfigError, ZsarError, nearest_name
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.studies.engines import Engine
from zsar_kit.experiments.studies.jobs import Job
from zsar_kit.locks import only_maker

log = logging.getLogger("zsar_kit")


@dataclass(frozen=True)
class NotebookRun(Config):
    """One notebook with its parameters.

    Attributes:
        notebook: its file.
        parameters: values of its parameters cell, as TOML or JSON has them.
        name: name of the executed copy, without ``.ipynb``; default: the notebook's own.
    """

    notebook: str
    parameters: dict = field(default_factory=dict)
    name: str = ""

    def validate(self) -> None:
        """The notebook has these parameters, and their values are what a notebook can hold."""
        path = Path(self.notebook)
        if not path.is_file():
            raise ConfigError("notebook not found", where=self.notebook)
        known = _parameter_names(path)
        for name, value in self.parameters.items():
            if name not in known:
                raise ConfigError(f"no parameter {name!r}", where=self.notebook, remedy=nearest_name(name, known))
            _check(name, value, self.notebook)

    @property
    def title(self) -> str:
        """Name of the executed copy."""
        return self.name or Path(self.notebook).stem

    def digest(self) -> str:
        """Twelve hexadecimal digits of the notebook's content and its parameters."""
        content = json.dumps(self.parameters, sort_keys=True).encode() + Path(self.notebook).read_bytes()
        return hashlib.sha256(content).hexdigest()[:12]


@dataclass(frozen=True)
class NotebookBatch(Config):
    """The content of a batch file.

    Attributes:
        notebooks: what is executed.
    """

    notebooks: tuple[NotebookRun, ...]

    def validate(self) -> None:
        """Every executed copy has a name of its own: the last of two writers would win without a word."""
        titles = [one.title for one in self.notebooks]
        self.require(len(titles) >= 1, "notebooks", "one or more")
        if twice := [title for title in titles if titles.count(title) > 1]:
            raise ConfigError(
                f"two notebooks would write {twice[0]}.ipynb", where="NotebookBatch", remedy="Give names."
            )

    @classmethod
    def load(cls, path: str | Path) -> NotebookBatch:
        """A batch from a TOML file.

        Raises:
            ConfigError: the file is missing or malformed, or a notebook lacks a parameter.
        """
        if not Path(path).is_file():
            raise ConfigError("batch file not found", where=path)
        try:
            return cls.from_dict(tomllib.loads(Path(path).read_text(encoding="utf-8")))
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"not valid TOML: {error}", where=path) from None

    def run(self, out: Path, workspace: Workspace, engine: Engine) -> tuple[list[Path], dict[str, str]]:
        """Execute the notebooks that are not done.

        Args:
            out: folder of the executed copies.
            workspace: says on which device jobs run, and whether progress is shown.
            engine: where they are executed.

        Returns:
            The executed copies, and of those that failed the reasons by name.
        """
        jobs = [Job(one.title, partial(execute, one, out.absolute()), "notebook") for one in self.notebooks]
        outcomes = dict(zip([job.name for job in jobs], engine.carry_out(jobs, workspace), strict=True))
        failures = {name: str(one) for name, one in outcomes.items() if isinstance(one, ZsarError)}
        return [out / f"{name}.ipynb" for name in outcomes], failures


def execute(one: NotebookRun, out: Path) -> Path:
    """Execute a notebook unless its executed copy is done; the copy is kept if it fails, too.

    Another process that executes the same copy is waited for.

    Raises:
        ArtefactError: a cell failed, or the kernel died; the message says which cell and why.
    """
    path, marker = out / f"{one.title}.ipynb", out / f".{one.title}.done"
    out.mkdir(parents=True, exist_ok=True)
    with only_maker(path):
        if path.is_file() and marker.is_file() and marker.read_text(encoding="utf-8") == one.digest():
            return path
        marker.unlink(missing_ok=True)
        _execute(one, path, marker)
        if not marker.is_file():
            raise ArtefactError("the notebook ended before its last cell", where=path, remedy="Run it again.")
        write_atomic(marker, one.digest())
    return path


def _execute(one: NotebookRun, path: Path, marker: Path) -> None:
    import nbformat
    import papermill

    notebook = nbformat.read(one.notebook, as_version=4)
    last = nbformat.v4.new_code_cell(f"__import__('pathlib').Path({str(marker)!r}).touch()")
    last.metadata["tags"] = ["last"]
    notebook.cells.append(last)
    source = path.with_name(f".{path.stem}.source.ipynb")
    nbformat.write(notebook, source)
    try:
        options = {"progress_bar": False, "log_output": False, "cwd": str(Path(one.notebook).absolute().parent)}
        papermill.execute_notebook(str(source), str(path), parameters=one.parameters, **options)
    except papermill.PapermillExecutionError as error:
        problem = f"cell {error.exec_count} failed: {error.ename}: {error.evalue}"
        raise ArtefactError(problem, where=path, remedy="The executed copy shows it.") from None
    except RuntimeError as error:  # nbclient's name for a kernel that died
        raise ArtefactError(f"the kernel ended: {error}", where=path, remedy="Memory may have run out.") from None
    finally:
        source.unlink(missing_ok=True)


def _parameter_names(path: Path) -> list[str]:
    import papermill

    return list(papermill.inspect_notebook(str(path)))


def _check(name: str, value: Any, where: str) -> None:
    """Only what a notebook's JSON holds: no dates, and numbers that are finite."""
    if isinstance(value, Mapping):
        for item in value.values():
            _check(name, item, where)
    elif isinstance(value, list | tuple):
        for item in value:
            _check(name, item, where)
    elif not isinstance(value, str | bool | int | float | type(None)):
        raise ConfigError(f"{name!r} must be text, a number or a list, got {type(value).__name__}", where=where)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{name!r} must be finite, got {value}", where=where)
