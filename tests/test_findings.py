"""Findings stand on their own: they can be run, name exact versions, and fail when what they found has changed.

They are not run here: each installs packages from an index.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

FINDINGS = sorted((Path(__file__).parent.parent / "findings").glob("*.sh"))


@pytest.mark.parametrize("path", FINDINGS, ids=lambda path: path.stem)
def test_a_finding_can_be_run_and_can_fail(path):
    text = path.read_text(encoding="utf-8")
    assert os.access(path, os.X_OK), "git update-index --chmod=+x"
    assert text.startswith("#!/usr/bin/env bash\n# ")
    assert re.search(r"\"[\w-]+==\d[\w.]*\"", text), "no pinned package"
    assert "\nset -euo pipefail\n" in text
    assert "exit 1" in text
    assert "zsar_kit" not in text.split("\nset -euo pipefail\n")[1], "it runs without this project"
    assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0


def test_there_are_findings():
    assert len(FINDINGS) > 10
