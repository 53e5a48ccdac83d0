"""What ``zsar lab`` and ``zsar inspect`` do: copy or write a notebook, and start JupyterLab on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import webbrowser
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from zsar_kit.artefacts import write_atomic
from zsar_kit.data.doctor import CHECKS
from zsar_kit.data.joints import layout as joint_layout
from zsar_kit.errors import ArtefactError, ConfigError, MissingModelError, nearest_name
from zsar_kit.experiments.pipeline.own_clip import open_clip
from zsar_kit.experiments.pipeline.workspace import Workspace, slug
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.methods.base import ReadsContexts
from zsar_kit.methods.latents import FlowsBetweenLatents
from zsar_kit.methods.registry import method_entry

#: in the workspace; not named like the originals' folder, by which notebooks find the project
COPIES = "lab"


@dataclass(frozen=True)
class Server:
    """How JupyterLab is started."""

    ip: str
    port: int
    browser: bool
    allow_root: bool

    def command(self, folder: Path, notebook: str = "") -> list[str]:
        """The command line.

        JupyterLab makes a random token at each start and shows the address with it.

        Args:
            folder: its root folder.
            notebook: file in it that is opened; empty for the list of files.

        Raises:
            ConfigError: the port is out of range.
            MissingModelError: JupyterLab or the widgets' library is not installed.
        """
        if not 1 <= self.port <= 65535:
            raise ConfigError(f"a port is 1 to 65535, got {self.port}", where="--port")
        require_notebooks()
        options = [
            f"--ServerApp.ip={self.ip}",
            f"--ServerApp.port={self.port}",
            f"--ServerApp.root_dir={folder}",
            f"--LabApp.default_url=/lab{f'/tree/{notebook}' if notebook else ''}",
        ]
        options += [] if self.browser else ["--no-browser"]
        options += ["--allow-root"] if self.allow_root else []
        return [sys.executable, "-m", "jupyterlab", *options]

    def start(self, folder: Path, notebook: str = "") -> int:
        """Start JupyterLab; the exit code when it has ended."""
        command, environment = self.command(folder, notebook), os.environ | _import_path()
        if os.name == "posix":  # in the place of this process, so that whoever ends it ends JupyterLab
            os.execve(command[0], command, environment)
        return subprocess.call(command, env=environment)


def require_notebooks() -> None:
    """Refuse to go on without what notebooks need.

    Raises:
        MissingModelError: JupyterLab, ipywidgets or anywidget is not installed.
    """
    for name in ("jupyterlab", "ipywidgets", "anywidget"):
        if find_spec(name) is None:
            raise MissingModelError(
                f"{name} is not installed", remedy='Install the notebooks\' packages: pip install "zsar-kit[notebooks]"'
            )


def open_notebooks(workspace: Workspace, notebook: str, server: Server) -> int:
    """Copy the notebooks into the workspace and open them."""
    folder = copied_notebooks(workspace)
    if not notebook:
        return server.start(folder)
    names = sorted(p.stem for p in folder.glob("*.ipynb"))
    wanted = Path(notebook).name.removesuffix(".ipynb")
    if wanted not in names:
        remedy = nearest_name(wanted, names)
        raise ConfigError(f"there is no notebook {wanted!r}", where=folder, remedy=remedy)
    return server.start(folder, f"{wanted}.ipynb")


def copied_notebooks(workspace: Workspace) -> Path:
    """The folder of working copies; a notebook that has no copy yet is copied.

    Raises:
        ConfigError: this is no checkout of the project, so there are no notebooks.
    """
    source = _originals()
    folder = workspace.root.resolve() / COPIES
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.glob("*.ipynb")):
        if not (folder / path.name).exists():
            text = path.read_text(encoding="utf-8")
            write_atomic(folder / path.name, _in_workspace(text, workspace))
    return folder


def _in_workspace(text: str, workspace: Workspace) -> str:
    """A notebook whose parameter ``workspace`` is this one, wherever it is."""
    notebook, default = json.loads(text), 'workspace = "workspace"'
    for cell in notebook["cells"]:
        if "parameters" in cell["metadata"].get("tags", ()):
            own = f"workspace = {json.dumps(str(workspace.root.resolve()))}"
            cell["source"] = [line.replace(default, own) for line in cell["source"]]
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _originals() -> Path:
    here = Path.cwd()
    for base in (here, *here.parents, *Path(__file__).resolve().parents):
        if (base / "notebooks" / "00_quickstart.ipynb").is_file():
            return base / "notebooks"
    raise ConfigError(
        "there are no notebooks here",
        where=here,
        remedy="Run the command in a checkout of the project; `zsar inspect RUN` works anywhere.",
    )


def _import_path() -> dict[str, str]:
    """So that kernels find this package too where it is used without being installed."""
    root = str(Path(__file__).resolve().parents[3])
    return {"PYTHONPATH": os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])}


def widget_of(run: RunFolder) -> str:
    """The name of the widget that fits a run.

    Raises:
        ArtefactError: the run is not finished, or this is no run folder.
    """
    kind = method_entry(run.result().method).method
    if issubclass(kind, ReadsContexts):
        return "ContextInspector"
    return "FlowExplorer" if issubclass(kind, FlowsBetweenLatents) else "ErrorExplorer"


def inspect_run(workspace: Workspace, path: Path, clip: str, html: Path | None, server: Server) -> tuple[str, int]:
    """Write a notebook that inspects a run and open it, or write a page; words for the terminal and the exit code."""
    require_notebooks()
    run = RunFolder(path, None)
    if not run.finished:
        raise ArtefactError(
            "no finished run here", where=path, remedy="Name a run folder (in workspace/runs), or a file with a clip."
        )
    name = widget_of(run)
    if html is not None:
        import zsar_kit.widgets

        write_atomic(html, getattr(zsar_kit.widgets, name)(run, clip=clip).html())
        return str(html), 0
    cell = f"from zsar_kit.widgets import {name}\n\n{name}({str(path.resolve())!r}, clip={clip!r})"
    folder = workspace.root.resolve() / COPIES
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"inspect_{slug(run.path.name)}.ipynb"
    write_atomic(file, json.dumps(_notebook(f"# Inside {run.path.name}", cell), indent=1))
    return "", server.start(folder, file.name)


def inspect_clip(workspace: Workspace, path: Path, layout: str, html: Path | None, browser: bool) -> str:
    """Write a page that shows a clip, and open it; the page's path."""
    require_notebooks()
    from zsar_kit.widgets.stage import Stage

    clip = open_clip(path, layout=layout, accept=tuple(CHECKS))  # what is wrong with it can be looked at, too
    stage = Stage(clip.joints, joint_layout(clip.layout), title=clip.name, height=520)
    file = html or workspace.root.resolve() / COPIES / f"clip_{slug(path.stem)}.html"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, stage.html())
    if html is None and browser:
        webbrowser.open(file.resolve().as_uri())
    return str(file)


def _notebook(title: str, code: str) -> dict:
    """A notebook of a title and a code cell."""
    cells = [
        {"cell_type": "markdown", "id": "title", "metadata": {}, "source": title},
        {
            "cell_type": "code",
            "id": "inspect",
            "metadata": {},
            "source": code,
            "execution_count": None,
            "outputs": [],
        },
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
