"""Artefacts on disk: folders that are complete or absent, with a record of their origin.

A folder is written under a temporary name next to its final path and renamed when complete. A reader therefore never
sees a half-written artefact, and a crash does not destroy an earlier one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zsar_kit import __version__
from zsar_kit.errors import ArtefactError, DiskError
from zsar_kit.faults import disk_fault, naming

PROVENANCE = "provenance.json"


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``path`` when the block ends without an exception.

    An existing artefact at ``path`` is replaced. On failure it stays unchanged and the temporary folder is removed.

    Raises:
        DiskError: a file has the name of a folder above ``path``.
    """
    path = Path(path)
    _make_folder(path.parent)
    scratch = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        with naming(path, scratch):
            scratch.mkdir()
            yield scratch
            if path.exists():
                retired = path.with_name(f"{path.name}.tmp-old-{os.getpid()}")
                path.rename(retired)
                scratch.rename(path)
                shutil.rmtree(retired)
            else:
                scratch.rename(path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write_atomic(path: str | Path, content: str | bytes) -> None:
    """Write a file atomically: a reader sees the old content or the new one, never a part.

    Raises:
        DiskError: a file has the name of a folder above ``path``.
    """
    path = Path(path)
    _make_folder(path.parent)
    scratch = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    try:
        with naming(path, scratch):
            scratch.write_bytes(content.encode() if isinstance(content, str) else content)
            scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def _make_folder(path: Path) -> None:
    """Make a folder and those above it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise DiskError("expected a folder, found a file", where=path, remedy="Name another folder.") from None
    except FileNotFoundError as error:  # a place that takes no folders, such as /proc
        raise disk_fault(error, path) from None


def write_json(path: str | Path, content: Any) -> None:
    """Write JSON with sorted keys, atomically."""
    write_atomic(path, json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read JSON.

    Raises:
        ArtefactError: the file is absent or is not JSON.
    """
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtefactError("file not found", where=path, remedy="Run the step that writes it.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ArtefactError(f"not valid JSON: {error}", where=path) from None


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file, read in chunks."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_provenance(
    folder: Path,
    kind: str,
    *,
    version: int,
    inputs: Mapping[str, str],
    config: Mapping[str, Any] | None = None,
) -> None:
    """Record the origin of the artefact in ``folder``; call it last, when all other files are written.

    Args:
        folder: the artefact's (temporary) folder.
        kind: the artefact's name, e.g. ``"SkeletonSet"``.
        version: its schema number; readers refuse others.
        inputs: name to content digest of every input.
        config: the configuration of the step that made it.
    """
    content = {p.name: file_digest(p) for p in sorted(folder.iterdir()) if p.is_file() and p.name != PROVENANCE}
    record = {
        "kind": kind,
        "schema": version,
        "zsar_kit": __version__,
        "inputs": dict(inputs),
        "config": dict(config or {}),
        "files": content,
    }
    write_json(folder / PROVENANCE, record)


def read_provenance(folder: str | Path, kind: str, *, version: int) -> dict[str, Any]:
    """Read and check the record of an artefact.

    Raises:
        ArtefactError: there is no artefact, it has another kind or schema, or one of its files is missing.
    """
    folder = Path(folder)
    if not (folder / PROVENANCE).is_file():
        raise ArtefactError(f"no {kind} here: {PROVENANCE} is missing", where=folder)
    record = read_json(folder / PROVENANCE)
    if record.get("kind") != kind or record.get("schema") != version:
        raise ArtefactError(
            f"expected a {kind} of schema {version}, found {record.get('kind')!r} of schema {record.get('schema')!r}",
            where=folder / PROVENANCE,
            remedy="Make it again with this version of zsar_kit.",
        )
    if gone := [name for name in record["files"] if not (folder / name).is_file()]:
        raise ArtefactError(f"the file {gone[0]!r} of this {kind} is missing", where=folder, remedy="Make it again.")
    return record


def artefact_digest(folder: str | Path) -> str:
    """A digest of an artefact's content, independent of when and where it was made."""
    files = read_json(Path(folder) / PROVENANCE)["files"]
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
