"""Start-up time of small commands, measured as whole processes.

    python -m benchmarks.startup                    # this checkout
    python -m benchmarks.startup --against FOLDER   # alternating with another checkout, with ratios

``show`` reads a stored run: in the current layout here, in the former layout in the other checkout.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from zsar_kit.experiments.runs.folder import RunFolder

ROOT = Path(__file__).resolve().parents[1]
FORMER = ROOT / "tests" / "experiments" / "runs" / "schema_1"
COMMANDS = {"zsar --help": ["--help"], "zsar data list": ["data", "list"], "zsar show RUN": ["show"]}


def stored_runs(folder: Path) -> dict[str, Path]:
    """A run in the former layout, and the same run in the current one."""
    source = min(FORMER.iterdir())
    former, present = folder / "former" / source.name, folder / "present" / source.name
    for path in (former, present):
        shutil.copytree(source, path)
    run = RunFolder(present)
    run.result().write(present / "result.json")
    record = json.loads((present / "config.json").read_text(encoding="utf-8"))
    record["resolved"] = run.config().resolve().resolved()
    (present / "config.json").write_text(json.dumps(record), encoding="utf-8")
    return {"former": former, "present": present}


def seconds(checkout: Path, command: list[str]) -> float:
    """Wall-clock time of one process."""
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "zsar_kit", *command], cwd=checkout, env=environment, check=True, capture_output=True
    )
    return time.perf_counter() - started


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", type=Path, help="another checkout")
    parser.add_argument("--repeats", type=int, default=7, help="runs of each, after one that warms up")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        runs = stored_runs(Path(scratch))
        for name, command in COMMANDS.items():
            here = [*command, str(runs["present"])] if command == ["show"] else command
            there = [*command, str(runs["former"])] if command == ["show"] else command
            mine, theirs = [], []
            for _ in range(options.repeats + 1):
                mine.append(seconds(ROOT, here))
                if options.against:
                    theirs.append(seconds(options.against.resolve(), there))
            now = statistics.median(mine[1:])
            if options.against:
                ratios = [b / a for a, b in zip(mine[1:], theirs[1:], strict=True)]
                spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
                rows.append(
                    f"| `{name}` | {statistics.median(theirs[1:]):.2f} s | {now:.2f} s | "
                    f"{statistics.median(ratios):.1f}x ({spread}) |"
                )
            else:
                rows.append(f"| `{name}` | {now:.2f} s |")
    head = "| command | before | now | times faster, median (range) |" if options.against else "| command | now |"
    sys.stdout.write("\n".join([head, "|---" * (head.count("|") - 1) + "|", *rows]) + "\n")


if __name__ == "__main__":
    main()
