"""``zsar lab`` and ``zsar inspect``: copies, one token a start, loopback, and pages of clips."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from zsar_kit.cli import main
from zsar_kit.cli.answers.lab import Server, copied_notebooks, widget_of
from zsar_kit.errors import ConfigError
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]


def test_copies_read_their_own_workspace_and_are_never_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    folder = copied_notebooks(Workspace(tmp_path / 'w "x"'))
    originals = {p.name for p in (ROOT / "notebooks").glob("*.ipynb")}
    assert {p.name for p in folder.glob("*.ipynb")} == originals
    copy = json.loads((folder / "50_inspect_contexts.ipynb").read_text(encoding="utf-8"))
    values: dict = {}
    exec("".join(copy["cells"][1]["source"]), {}, values)
    assert values["workspace"] == str(tmp_path / 'w "x"')
    assert values["out"] == "figures"
    (folder / "50_inspect_contexts.ipynb").write_text("mine", encoding="utf-8")
    copied_notebooks(Workspace(tmp_path / 'w "x"'))
    assert (folder / "50_inspect_contexts.ipynb").read_text(encoding="utf-8") == "mine"


def test_the_server_listens_at_loopback_with_a_token_of_its_own(tmp_path):
    command = Server("127.0.0.1", 8888, True, False).command(tmp_path)
    assert "--ServerApp.ip=127.0.0.1" in command
    assert not any("token" in part or "password" in part or part == "root" for part in command)
    assert "--allow-root" not in command
    assert "--no-browser" in Server("127.0.0.1", 8888, False, True).command(tmp_path)
    with pytest.raises(ConfigError, match="a port is 1 to 65535, got 0"):
        Server("127.0.0.1", 0, True, False).command(tmp_path)


@pytest.mark.slow
def test_jupyterlab_starts_asks_for_the_token_and_ends_with_the_command(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["lab", "--no-browser", "--allow-root", "--port", str(port), "--workspace", str(tmp_path / "w")]
    environment = os.environ | {f"JUPYTER_{kind}_DIR": str(tmp_path / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    log = tmp_path / "log"
    with open(log, "wb") as stream:
        started = subprocess.Popen(
            [sys.executable, "-m", "zsar_kit", *options], stdout=stream, stderr=stream, cwd=ROOT, env=environment
        )
    try:
        address = None
        for _ in range(600):
            if found := re.search(r"http://127\.0\.0\.1:\d+/lab\?token=\w{32,}", log.read_text(errors="replace")):
                address = found.group(0)
                break
            assert started.poll() is None, log.read_text(errors="replace")
            time.sleep(0.2)
        assert address is not None
        base, token = address.split("/lab?token=")
        with urllib.request.urlopen(f"{base}/api/contents?token={token}", timeout=30) as answer:
            names = {entry["name"] for entry in json.loads(answer.read())["content"]}
        assert "50_inspect_contexts.ipynb" in names
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{base}/api/contents", timeout=30)
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait(timeout=60)


def test_a_clip_becomes_a_page(tmp_path, capsys):
    clip = tmp_path / "clip.npy"
    np.save(clip, np.random.default_rng(0).normal(size=(9, 17, 3)))
    page = tmp_path / "out.html"
    assert main(["inspect", str(clip), "--layout", "coco_17", "--html", str(page), "--workspace", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(page)
    assert "mount(place" in page.read_text(encoding="utf-8")
    assert main(["inspect", str(clip), "--layout", "coco_17", "--no-browser", "--workspace", str(tmp_path)]) == 0
    assert Path(capsys.readouterr().out.strip()) == tmp_path / "lab" / "clip_clip.html"


@pytest.mark.parametrize(
    ("target", "message"),
    [("nothing.npy", "there is no such file"), (".", "no finished run here"), ("bad.npy", "not a plain array file")],
)
def test_what_is_neither_a_run_nor_a_clip_is_refused(tmp_path, capsys, target, message):
    (tmp_path / "bad.npy").write_bytes(b"no array")
    assert main(["inspect", str(tmp_path / target), "--workspace", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("method", "widget"),
    [("skeleton_context", "ContextInspector"), ("flora", "FlowExplorer"), ("ridge", "ErrorExplorer")],
)
def test_the_widget_fits_the_method(make_result, tmp_path, monkeypatch, method, widget):
    monkeypatch.setattr(RunFolder, "result", lambda self: make_result(method=method))
    assert widget_of(RunFolder(tmp_path)) == widget


def test_an_unknown_notebook_is_refused_with_the_nearest_name(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert main(["lab", "50_inspect_context", "--workspace", str(tmp_path)]) == 2
    assert "50_inspect_contexts" in capsys.readouterr().err
