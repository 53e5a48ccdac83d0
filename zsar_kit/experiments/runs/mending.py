"""Runs whose files are damaged: named and set aside, never deleted, so that they can be carried out again."""

from __future__ import annotations

import logging
from pathlib import Path

from zsar_kit.artefacts import read_json
from zsar_kit.errors import ArtefactError
from zsar_kit.experiments.runs.folder import RESULT, RunFolder
from zsar_kit.experiments.runs.result import SCHEMA
from zsar_kit.locks import only_maker

log = logging.getLogger("zsar_kit")
ASIDE = "runs-set-aside"


def set_aside_if_broken(folder: RunFolder) -> Path | None:
    """Move a finished run whose files are damaged out of the folder of runs.

    A run of a newer version of the kit is not damaged.

    Returns:
        Where it is now; None if it is sound, or not finished.
    """
    if not folder.finished:
        return None
    try:
        folder.result()
        folder.config()
        return None
    except ArtefactError as error:
        if _is_newer(folder):
            return None
        with only_maker(folder.path):
            place = _free(folder.workspace.root / ASIDE / folder.path.name)
            place.parent.mkdir(parents=True, exist_ok=True)
            folder.path.rename(place)
        log.warning("a damaged run is set aside and carried out again: %s, now in %s", error, place)
        return place


def _is_newer(folder: RunFolder) -> bool:
    try:
        schema = read_json(folder.path / RESULT).get("schema", 1)
    except (ArtefactError, AttributeError):
        return False
    return isinstance(schema, int) and schema > SCHEMA


def _free(path: Path) -> Path:
    """The path, or with a number behind it if something is there."""
    count = 1
    place = path
    while place.exists():
        count += 1
        place = path.with_name(f"{path.name}-{count}")
    return place
