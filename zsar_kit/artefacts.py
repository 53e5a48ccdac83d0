"""Artefacts on disk: folders that are complete or absent, with a record of their origin that reading checks.

A folder is written under a temporary name next to its final path and renamed when complete. A reader therefore never
sees a half-written artefact, and a crash does not destroy an earlier one. Reading compares the files with the digests
of the record: small files each time, large ones at their first use in a process.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from zsar_kit import __version__
from zsar_kit.errors import ArtefactError, DiskError
from zsar_kit.faults import disk_fault, naming
from zsar_kit.locks import if_free, only_maker

PROVENANCE = "provenance.json"
#: largest file that is compared with its digest each time it is read, in bytes
SMALL = 2**20
#: age at which a temporary folder of another machine counts as left behind, seconds
_FORGOTTEN = 7 * 24 * 3600
_KEYS = {"kind", "schema", "zsar_kit", "inputs", "config", "files"}
#: large files that were compared with their digests in this process, as they were then
_compared: set[tuple[str, int, int, int, str]] = set()
#: temporary names in use by this process
_given: set[str] = set()


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``path`` when the block ends without an exception.

    An existing artefact at ``path`` is replaced. On failure it stays unchanged and the temporary folder is removed.
    What killed processes left behind is put right first (:func:`restore`).

    Raises:
        DiskError: a file has the name of a folder above ``path``.
    """
    path = Path(path)
    _make_folder(path.parent)
    restore(path)
    scratch = _temporary(path)
    try:
        with naming(path, scratch):
            scratch.mkdir()
            yield scratch
            with only_maker(path):
                if path.exists():
                    retired = _temporary(path, "old-")
                    path.rename(retired)
                    scratch.rename(path)
                    shutil.rmtree(retired)
                else:
                    scratch.rename(path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        _given.discard(scratch.name)


def write_atomic(path: str | Path, content: str | bytes) -> None:
    """Write a file atomically: a reader sees the old content or the new one, never a part.

    Raises:
        DiskError: a file has the name of a folder above ``path``.
    """
    path = Path(path)
    _make_folder(path.parent)
    scratch = _temporary(path)
    try:
        with naming(path, scratch):
            scratch.write_bytes(content.encode() if isinstance(content, str) else content)
            scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
        _given.discard(scratch.name)


def restore(path: str | Path) -> None:
    """Put right what killed processes left of the artefact at ``path``.

    A process killed between the two renames of a replacement leaves nothing at ``path``, but the old artefact beside
    it, which goes back. Temporary folders whose process has ended are removed. Nothing is touched while another
    process holds the artefact's lock, or in a folder that cannot be written.
    """
    path = Path(path)
    leftovers = left_behind(path)
    if not leftovers:
        return
    with if_free(path) as held, suppress(OSError):
        if not held:
            return
        retired = [p for p in leftovers if p.name.startswith(f"{path.name}.tmp-old-")]
        if retired and not path.exists():
            max(retired, key=lambda p: p.stat().st_mtime).rename(path)
        for leftover in left_behind(path):
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def left_behind(path: str | Path) -> list[Path]:
    """Temporary files and folders of the artefact at ``path`` whose process has ended."""
    path = Path(path)
    if not path.parent.is_dir():
        return []
    start = f"{path.name}.tmp-"
    found = [entry.name for entry in os.scandir(path.parent) if entry.name.startswith(start)]
    return [path.with_name(name) for name in sorted(found) if _is_left_behind(path.with_name(name))]


def exists(folder: str | Path) -> bool:
    """Whether there is an artefact at ``folder``, put right if a process was killed while it replaced it."""
    if (Path(folder) / PROVENANCE).is_file():
        return True
    restore(folder)
    return (Path(folder) / PROVENANCE).is_file()


@contextmanager
def made_once(folder: str | Path) -> Iterator[None]:
    """Hold the artefact's lock while it is looked up and, if it is missing, made; another process waits meanwhile.

    A finished artefact needs no lock where none can be made, as in a folder that is only read.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(only_maker(folder))
        except OSError:
            if not exists(folder):
                raise
        yield


def _temporary(path: Path, mark: str = "") -> Path:
    """A name next to ``path`` that no other process uses, on any machine that shares the folder."""
    name = f"{path.name}.tmp-{mark}{_machine()}-{os.getpid()}-{secrets.token_hex(4)}"
    _given.add(name)
    return path.with_name(name)


def _machine() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _is_left_behind(scratch: Path) -> bool:
    """Whether the process that made a temporary name has ended; on another machine, whether it is a week old."""
    if scratch.name in _given:
        return False
    machine, _, rest = scratch.name.rpartition(".tmp-")[2].removeprefix("old-").partition("-")
    process = rest.partition("-")[0]
    if machine != _machine() or not process.isdecimal():
        with suppress(OSError):
            return time.time() - scratch.stat().st_mtime > _FORGOTTEN
        return False
    return int(process) == os.getpid() or not _is_running(int(process))


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to somebody else
        return True
    return True


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
    write_atomic(path, json_text(content))


def json_text(content: Any) -> str:
    """JSON with sorted keys, as :func:`write_json` writes it."""
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


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
    last: Mapping[str, bytes] | None = None,
) -> None:
    """Record the origin of the artefact in ``folder``; call it last, when all other files are written.

    Args:
        folder: the artefact's (temporary) folder.
        kind: the artefact's name, e.g. ``"SkeletonSet"``.
        version: its schema number; readers refuse others.
        inputs: name to content digest of every input.
        config: the configuration of the step that made it.
        last: files that are written after the record, which says what they will hold.
    """
    content = {
        p.relative_to(folder).as_posix(): file_digest(p)
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p != folder / PROVENANCE
    }
    content |= {name: hashlib.sha256(data).hexdigest() for name, data in (last or {}).items()}
    record = {
        "kind": kind,
        "schema": version,
        "zsar_kit": __version__,
        "inputs": dict(inputs),
        "config": dict(config or {}),
        "files": content,
    }
    write_json(folder / PROVENANCE, record | {"record": _record_digest(record)})


def read_provenance(folder: str | Path, kind: str, *, version: int) -> dict[str, Any]:
    """Read the record of an artefact and check its files against it.

    Raises:
        ArtefactError: there is no artefact, it has another kind or schema, or one of its files is missing or is not
            what was written.
    """
    folder = Path(folder)
    if not exists(folder):
        raise ArtefactError(f"no {kind} here: {PROVENANCE} is missing", where=folder)
    record = read_json(folder / PROVENANCE)
    if not isinstance(record, dict) or record.get("kind") != kind or record.get("schema") != version:
        found = record if isinstance(record, dict) else {}
        raise ArtefactError(
            f"expected a {kind} of schema {version}, found {found.get('kind')!r} of schema {found.get('schema')!r}",
            where=folder / PROVENANCE,
            remedy="Make it again with this version of zsar_kit.",
        )
    check_files(folder, record)
    return record


def check_files(folder: Path, record: Mapping[str, Any], *, whole: bool = False) -> None:
    """Compare an artefact's files with its record.

    Args:
        folder: the artefact.
        record: the content of its ``provenance.json``.
        whole: compare large files too if that was done in this process before.

    Raises:
        ArtefactError: the record was altered, or a file is missing or is not what was written.
    """
    kind, remedy = record.get("kind"), "Move the folder away and make it again."
    body = {key: value for key, value in record.items() if key != "record"}
    files = record.get("files")
    own = record.get("record", _record_digest(body))  # the first records have no digest of themselves
    if set(body) != _KEYS or not isinstance(files, dict) or own != _record_digest(body):
        problem = f"the record of this {kind} was altered or damaged"
        raise ArtefactError(problem, where=folder / PROVENANCE, remedy=remedy)
    for name, digest in files.items():
        path = folder / name
        if not path.is_file():
            raise ArtefactError(f"the file {name!r} of this {kind} is missing", where=folder, remedy="Make it again.")
        stat = path.stat()
        seen = (str(path.absolute()), stat.st_size, stat.st_mtime_ns, stat.st_ino, digest)
        if stat.st_size > SMALL and seen in _compared and not whole:
            continue
        if file_digest(path) != digest:
            problem = f"the file {name!r} of this {kind} is not what was written: altered or damaged"
            raise ArtefactError(problem, where=path, remedy=remedy)
        _compared.add(seen)


def _record_digest(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def artefact_digest(folder: str | Path) -> str:
    """A digest of an artefact's content, independent of when and where it was made."""
    files = read_json(Path(folder) / PROVENANCE)["files"]
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
