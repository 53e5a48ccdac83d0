"""Artefacts whose files were changed, with a record that agrees: left by a faulty writer, not by a faulty disk."""

from __future__ import annotations

from pathlib import Path

from zsar_kit.artefacts import PROVENANCE, read_json, write_provenance


def reseal(folder: Path) -> None:
    """Give an artefact a record of its files as they are now."""
    record = read_json(folder / PROVENANCE)
    inputs, config = record["inputs"], record["config"]
    write_provenance(folder, record["kind"], version=record["schema"], inputs=inputs, config=config)
