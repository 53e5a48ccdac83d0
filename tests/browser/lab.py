"""JupyterLab on loopback with a token, driven by the system's Chromium: for tests, the soak and benchmarks.

Nothing is fetched from outside: requests to other hosts are refused and remembered.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Browser, Locator, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = "chromium"
#: a busy machine with two cores starts a kernel that imports torch in half a minute
PATIENCE = 180_000
#: what JupyterLab itself says in a session without any widget of ours; everything else on the console is an error
QUIET = ("favicon", "net::ERR_FAILED", "net::ERR_BLOCKED_BY_CLIENT", "Failed to load resource")


@dataclass
class Lab:
    """A running JupyterLab.

    Attributes:
        folder: its root folder, where notebooks are.
        address: of the server, with its port.
        token: that it asks for.
    """

    folder: Path
    address: str
    token: str

    def end_kernels(self) -> None:
        """End all kernels, which otherwise outlive the pages that started them."""
        address = f"{self.address}/api/sessions"
        authorised = {"Authorization": f"token {self.token}"}
        with urllib.request.urlopen(urllib.request.Request(address, headers=authorised), timeout=60) as answer:
            sessions = json.loads(answer.read())
        for one in sessions:
            wanted = urllib.request.Request(f"{address}/{one['id']}", headers=authorised, method="DELETE")
            urllib.request.urlopen(wanted, timeout=60).close()


@contextlib.contextmanager
def jupyter_lab(folder: Path, root: Path = ROOT) -> Iterator[Lab]:
    """Start JupyterLab in a folder and end it afterwards, its kernels included.

    Args:
        folder: for notebooks and for the server's own files.
        root: the checkout whose package its kernels import.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    own = folder / ".jupyter"
    settings = own / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    environment = os.environ | {
        "PYTHONPATH": str(root),
        "PYTHONDONTWRITEBYTECODE": "1",
        "JUPYTER_CONFIG_DIR": str(own / "config"),
        "JUPYTER_DATA_DIR": str(own / "data"),
        "JUPYTER_RUNTIME_DIR": str(own / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(own / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(own / "workspaces"),
        "HF_HUB_OFFLINE": "1",
    }
    options = [
        "--no-browser",
        "--allow-root",
        "--expose-app-in-browser",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folder}",
        "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
    ]
    with open(own / "server.log", "wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            stdout=log,
            stderr=log,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/api/status?token={token}", server, own / "server.log")
        yield Lab(folder, address, token)
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    """Wait until the server answers."""
    for _ in range(600):
        if server.poll() is not None:
            break
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.2)
    raise RuntimeError(f"JupyterLab does not answer: {log.read_text(errors='replace')[-2000:]}")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium, headless; Playwright downloads none."""
    path = shutil.which(CHROMIUM)
    if path is None:
        raise FileNotFoundError("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Session:
    """A page in the browser, with what went wrong on it.

    Attributes:
        page: Playwright's page.
        problems: errors on the console and uncaught ones.
        outside: addresses of other hosts that were asked for.
        sent: sizes of the messages to the server, in bytes.
        received: sizes of the messages from it.
    """

    page: Page
    problems: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    received: list[int] = field(default_factory=list)

    def open(self, lab: Lab, notebook: str) -> None:
        """Open a notebook and wait for its kernel."""
        self.page.goto(f"{lab.address}/lab/tree/{notebook}?token={lab.token}&reset", timeout=PATIENCE)
        self.page.wait_for_function("window.jupyterapp !== undefined", timeout=PATIENCE)
        self.page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=PATIENCE)
        self.page.wait_for_function(
            "() => jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'", timeout=PATIENCE
        )
        self.command("application:toggle-left-area", only_if="jupyterapp.shell.leftCollapsed === false")

    def command(self, name: str, only_if: str = "true") -> None:
        """Carry out a command of JupyterLab."""
        self.page.evaluate(f"() => {{ if ({only_if}) jupyterapp.commands.execute({json.dumps(name)}); }}")

    def run_all(self) -> None:
        """Run all cells and wait until the last one is done; a cell that fails is an error."""
        self.command("notebook:run-all-cells")
        self.page.wait_for_function(
            """() => {
              const cells = jupyterapp.shell.currentWidget.content.widgets.filter(c => c.model.type === 'code');
              return cells.every(c => c.model.executionCount !== null && c.model.executionState !== 'running')
                || cells.some(c => c.node.querySelector('[data-mime-type="application/vnd.jupyter.error"]'));
            }""",
            timeout=PATIENCE,
        )
        failed = self.page.locator('[data-mime-type="application/vnd.jupyter.error"]')
        if failed.count():
            raise AssertionError(failed.first.inner_text())

    def wait(self, expression: str, argument: Any = None, timeout: int = PATIENCE) -> None:
        """Wait until an expression of the page is true."""
        self.page.wait_for_function(expression, arg=argument, timeout=timeout)


@contextlib.contextmanager
def session(browser: Browser, *, width: int = 1280, height: int = 900) -> Iterator[Session]:
    """A fresh session: no cookies, no cache, no other host."""
    context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(60_000)
    found = Session(page)

    def console(message: Any) -> None:
        if message.type == "error" and not any(quiet in message.text for quiet in QUIET):
            found.problems.append(message.text)

    def socket_opened(channel: Any) -> None:
        channel.on("framesent", lambda data: found.sent.append(len(data)))
        channel.on("framereceived", lambda data: found.received.append(len(data)))

    def routed(route: Any) -> None:
        address = route.request.url
        if address.startswith(("http://127.0.0.1", "data:", "blob:", "file:", "about:")):
            route.continue_()
        else:
            found.outside.append(address)
            route.abort()

    page.on("console", console)
    page.on("pageerror", lambda error: found.problems.append(str(error)))
    page.on("websocket", socket_opened)
    context.route("**/*", routed)
    try:
        yield found
    finally:
        context.close()


def drawn_colours(canvas: Locator) -> int:
    """How many strongly coloured pixels a canvas has: a floor and an empty field have none, a body hundreds."""
    return canvas.evaluate(
        """(canvas) => {
          if (!canvas.width || !canvas.height) return 0;
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          let found = 0;
          for (let i = 0; i < data.length; i += 4) {
            const low = Math.min(data[i], data[i + 1], data[i + 2]), high = Math.max(data[i], data[i + 1], data[i + 2]);
            if (high - low > 70) found += 1;
          }
          return found;
        }"""
    )


def write_notebook(path: Path, *cells: str) -> Path:
    """A notebook of code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
    return path
