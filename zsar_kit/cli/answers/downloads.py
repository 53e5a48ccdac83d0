"""The answers of ``zsar data fetch`` and ``zsar data check``."""

from __future__ import annotations

import logging
from pathlib import Path

from zsar_kit.data.fetch import fetch
from zsar_kit.data.published import publication
from zsar_kit.data.published_checks import check_files

log = logging.getLogger("zsar_kit")


def fetch_data(dataset: str, to: Path | None, mirror: str, accept_licence: bool, progress: bool) -> str:
    """Download a data set; returns where it is, what to cite, and the next command."""
    to = Path("raw") / dataset if to is None else to
    if accept_licence:
        log.info("Terms of use, as far as they are known: %s", publication(dataset).licence)
    got = fetch(dataset, to, mirror=mirror, accept_licence=accept_licence, progress=progress)
    facts = got.facts
    came = "is downloaded and complete" if got.fresh else "was already there and is complete"
    lines = [
        f"{facts.title} {came}: {facts.files} files in {got.folder}, names and contents as measured "
        f"(SHA-256 of the set {facts.sha256[:12]}...).",
        f"To cite: {facts.cite}",
        f"Next: zsar data prepare {dataset} --root {got.folder}",
    ]
    return "\n".join(lines)


def check_data(dataset: str, root: Path, contents: bool, progress: bool) -> tuple[str, bool]:
    """Check raw files against what is known about their data set; returns a report, and whether they are complete."""
    facts = publication(dataset)
    report = check_files(dataset, root, contents=contents, progress=progress)
    if facts.sha256:
        judged = "names and contents as measured"
    else:
        judged = "every file is readable to the end" if contents else "contents not read (--contents reads them)"
    lines = [f"note: {note}" for note in report.notes]
    if report.whole:
        return "\n".join([f"{facts.title}: complete, {report.found} files; {judged}.", *lines]), True
    head = f"{facts.title}: incomplete, or not as published; `zsar data prepare` names broken files one by one."
    return "\n".join([head, *(f"- {problem}" for problem in report.problems), *lines]), False
