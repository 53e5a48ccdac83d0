"""Which heavy modules each command loads: those that need none start without them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from zsar_kit.experiments.runs.config import RunConfig

HEAVY = ("torch", "transformers", "scipy", "sklearn", "matplotlib", "plotly", "papermill", "openai", "ipywidgets")
PROBE = """
import contextlib, io, sys
from zsar_kit.cli import main
with contextlib.redirect_stdout(io.StringIO()):
    try:
        code = main(sys.argv[1:])
    except SystemExit as ended:
        code = ended.code
print(code or 0, *sorted(set(sys.modules) & set({heavy!r})))
"""


def loaded(*command: str, cwd: Path) -> set[str]:
    """Heavy modules that are loaded when a command has ended."""
    probe = [sys.executable, "-c", PROBE.format(heavy=HEAVY), *command]
    done = subprocess.run(probe, capture_output=True, text=True, check=True, cwd=cwd)
    code, *modules = done.stdout.split()
    assert code == "0", done.stderr
    return set(modules)


@pytest.fixture
def finished(make_result, tmp_path) -> str:
    config = RunConfig(method="ridge", preset="motion")
    from zsar_kit.experiments.runs.folder import RunFolder

    folder = RunFolder(tmp_path / "runs" / "r")
    folder.begin(config.resolve(), {}, {})
    make_result().write(folder.path / "result.json")
    return str(folder.path)


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["--version"],
        ["train", "--help"],
        ["features", "--help"],
        ["data", "list"],
        ["split", "list", "utd_mhad"],
        ["split", "make", "utd_mhad", "--unseen", "5"],
        ["texts", "check", "puppet"],
        ["texts", "show", "puppet", "0"],
    ],
    ids=" ".join,
)
def test_commands_that_compute_nothing_load_nothing_heavy(command, tmp_path):
    assert loaded(*command, cwd=tmp_path) == set()


def test_showing_a_run_needs_no_model(finished, tmp_path):
    assert loaded("show", finished, cwd=tmp_path) == set()


def test_figures_need_matplotlib_and_no_model(finished, tmp_path):
    modules = loaded("show", finished, "--figures", "figures", cwd=tmp_path)
    assert "matplotlib" in modules
    assert "transformers" not in modules


def test_the_probe_notices(tmp_path):
    assert "torch" in loaded("doctor", "--device", "cpu", cwd=tmp_path)
