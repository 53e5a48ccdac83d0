"""Which code a run was made with: a digest of the files that determine results, and the commit where there is one."""

from __future__ import annotations

import hashlib
import subprocess
from functools import cache
from importlib.resources import files
from pathlib import Path

#: what has a part in results; how they are shown (reports, plotting, widgets, cli) and carried out (studies) has none
ROOMS = (
    "data",
    "semantics",
    "primitives",
    "encoders",
    "models",
    "methods",
    "training",
    "evaluation",
    "experiments/pipeline",
    "experiments/runs",
)
SUFFIXES = {".py", ".toml", ".txt"}


@cache
def code_digest() -> str:
    """Twelve hexadecimal digits of the kit's files that determine results, as they are now."""
    root, found = Path(str(files("zsar_kit"))), hashlib.sha256()
    alone = [path for path in root.glob("*.py") if path.name != "__init__.py"]
    inside = [path for room in ROOMS for path in (root / room).rglob("*")]
    for path in sorted({*alone, *inside}):
        if path.suffix in SUFFIXES and path.is_file():
            found.update(f"{path.relative_to(root).as_posix()}\n".encode())
            found.update(path.read_bytes())
    return found.hexdigest()[:12]


@cache
def commit() -> str:
    """The commit of the checkout that the kit is used from, ``-dirty`` behind it if files differ; empty without one."""
    root = Path(str(files("zsar_kit"))).parent
    try:
        if not (root / "pyproject.toml").is_file():
            return ""
        described = ["git", "-C", str(root), "describe", "--always", "--abbrev=7", "--dirty", "--exclude", "*"]
        done = subprocess.run(described, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
