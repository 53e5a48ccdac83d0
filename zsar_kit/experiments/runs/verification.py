"""Verification of a workspace: is every artefact what was written, and every run made from what is there now?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tqdm.auto import tqdm

from zsar_kit.artefacts import PROVENANCE, check_files, left_behind, read_json
from zsar_kit.errors import ArtefactError
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.folder import KIND as RUN
from zsar_kit.experiments.runs.folder import RunFolder, input_digest
from zsar_kit.experiments.runs.fusion import KIND as FUSION

State = Literal["whole", "damaged", "stale", "not finished", "no record", "left behind"]


@dataclass(frozen=True)
class Verified:
    """What was found at one place.

    Attributes:
        place: folder, relative to the workspace.
        kind: the artefact's kind, as its record names it.
        state: ``whole``; ``damaged`` if a file is missing or is not what was written; ``stale`` for a run whose inputs
            were replaced since, and for a fusion of such a run; ``not finished`` for a run without a result; ``no
            record`` for a run of the first versions, whose files can't be compared; ``left behind`` for a temporary
            folder of a killed process.
        detail: what is wrong, or empty.
    """

    place: str
    kind: str
    state: State
    detail: str = ""


def verify(workspace: Workspace) -> list[Verified]:
    """Compare every artefact and run of a workspace with its record, large files included.

    Raises:
        ArtefactError: there is no such folder.
    """
    root = workspace.root
    if not root.is_dir():
        raise ArtefactError("there is no such workspace", where=root, remedy="Name one with --workspace.")
    found: list[Verified] = []
    for folder, name in tqdm(list(_places(root)), unit="artefact", disable=not workspace.progress, leave=False):
        place = folder.relative_to(root).as_posix()
        if name == PROVENANCE and not (folder / "config.json").is_file():
            found.append(_verified_artefact(folder, place, workspace))
        elif name == "config.json":
            found.append(_verified_run(folder, place, workspace))
        else:
            found.append(Verified(f"{place}/{name}", "", "left behind", "remains of a killed process"))
    return found


def _places(root: Path) -> Iterator[tuple[Path, str]]:
    """Folders that hold an artefact or a run, and temporary names whose process has ended."""
    for top, folders, files in os.walk(root, followlinks=True):
        folder = Path(top)
        for name in sorted({n.partition(".tmp-")[0] for n in (*folders, *files) if ".tmp-" in n}):
            yield from ((folder, gone.name) for gone in left_behind(folder / name))
        folders[:] = sorted(n for n in folders if ".tmp-" not in n)
        for marker in ("config.json", PROVENANCE):
            if marker in files:
                yield folder, marker
                folders[:] = []
                break


def _verified_artefact(folder: Path, place: str, workspace: Workspace) -> Verified:
    found = _verified(folder, place)
    if found.state == "whole" and found.kind == FUSION:
        members = {workspace.root / run: digest for run, digest in read_json(folder / PROVENANCE)["inputs"].items()}
        changed = [run for run, digest in members.items() if _digest(run) not in ("", digest)]
        changed += [run for run in members if run not in changed and RunFolder(run, workspace).replaced_inputs()]
        if changed:
            names = ", ".join(run.name for run in changed)
            return Verified(place, found.kind, "stale", f"its runs were replaced since, or are stale: {names}")
    return found


def _digest(run: Path) -> str:
    """The content of a run folder; empty if there is none with a record."""
    return input_digest(run) if (run / PROVENANCE).is_file() else ""


def _verified(folder: Path, place: str) -> Verified:
    try:
        record = read_json(folder / PROVENANCE)
        check_files(folder, record, whole=True)
    except ArtefactError as error:
        return Verified(place, "", "damaged", error.problem)
    return Verified(place, str(record.get("kind")), "whole")


def _verified_run(folder: Path, place: str, workspace: Workspace) -> Verified:
    run = RunFolder(folder, workspace)
    if not run.finished:
        return Verified(place, RUN, "not finished", "run the same command again to resume")
    if not (folder / PROVENANCE).is_file():
        return Verified(place, RUN, "no record", "made by an earlier version")
    found = _verified(folder, place)
    if found.state == "whole" and (replaced := run.replaced_inputs()):
        return Verified(place, RUN, "stale", f"replaced since: {', '.join(replaced)}")
    return found
