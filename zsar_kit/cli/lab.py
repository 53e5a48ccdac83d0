"""``zsar lab`` and ``zsar inspect``: notebooks and widgets, from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from zsar_kit.cli.common import Common, CommonOptions, say


def lab(
    notebook: Annotated[Positional[str], arg(metavar="NOTEBOOK")] = "",
    ip: str = "127.0.0.1",
    port: int = 8888,
    browser: bool = True,
    allow_root: bool = False,
    common: Common = CommonOptions(),
) -> int:
    """Open JupyterLab on the notebooks, with a token of its own, on this machine only.

    It works on copies in WORKSPACE/lab, so that what you run and change does not touch the originals. Copies that are
    there already are kept.

    Args:
        notebook: name of the notebook to open, such as 50_inspect_contexts; default: the list of all.
        ip: address to listen at; another than the default lets other machines in who have the token.
        port: port; the next free one is taken if it is not free.
        browser: open a web browser.
        allow_root: run as root, which JupyterLab refuses otherwise.
    """
    from zsar_kit.cli.answers.lab import Server, open_notebooks

    return open_notebooks(common.open(), notebook, Server(ip, port, browser, allow_root))


def inspect(
    target: Annotated[Positional[Path], arg(metavar="RUN|CLIP")],
    clip: str = "",
    layout: str = "",
    html: Path | None = None,
    ip: str = "127.0.0.1",
    port: int = 8888,
    browser: bool = True,
    allow_root: bool = False,
    common: Common = CommonOptions(),
) -> int:
    """Look inside a run (in JupyterLab), or at a clip (as a page in the browser).

    A run of skeleton_context opens the context inspector, one of flora the flow explorer, any other the error explorer.

    Args:
        target: a run folder; or a file of a public data set, or a .npy or .npz file [frame, joint, xyz] in metres.
        clip: name of the test clip of the run to begin with.
        layout: joint layout of an array, or a .toml file of your own; default: as the file says, else ntu25.
        html: write a self-contained page to this file instead of opening anything.
        ip: address to listen at, for a run.
        port: port, for a run.
        browser: open a web browser.
        allow_root: run as root, which JupyterLab refuses otherwise.
    """
    from zsar_kit.cli.answers.lab import Server, inspect_clip, inspect_run

    workspace = common.open_for(target)
    if not target.is_dir():
        say(inspect_clip(workspace, target, layout, html, browser))
        return 0
    server = Server(ip, port, browser, allow_root)
    text, code = inspect_run(workspace, target, clip, html, server)
    if text:
        say(text)
    return code
