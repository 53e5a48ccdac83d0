"""The answer of ``zsar verify``."""

from __future__ import annotations

from collections import Counter

from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.verification import verify

#: states of which a list is worth reading, the worst first
_LISTED = ("damaged", "stale", "left behind", "not finished", "no record")


def verify_report(workspace: Workspace) -> tuple[str, int]:
    """What is wrong in a workspace, and the exit code: 1 if something is damaged or stale."""
    found = verify(workspace)
    rows = [vars(one) for state in _LISTED for one in found if one.state == state]
    counts = Counter(one.state for one in found)
    line = ", ".join(f"{counts[state]} {state}" for state in ("whole", *_LISTED) if counts[state])
    line = f"{len(found)} artefacts and runs: {line}" if found else "no artefact here"
    table = f"{format_table(rows, ['state', 'kind', 'place', 'detail'])}\n" if rows else ""
    return f"{table}{line}", int(counts["damaged"] + counts["stale"] > 0)
