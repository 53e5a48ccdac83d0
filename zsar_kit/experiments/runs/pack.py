"""A finished run packed for a colleague: one file with everything needed to classify clips, and no data.

It contains the model, the encoder, class texts with their features, config and results, but no skeletons and no
features of samples. Every file is listed with its SHA-256 and checked when it is unpacked.

Whoever packed it is not trusted: an archive writes the run's folder and the folders that its result names, nothing
else; names and sizes are looked at before anything is written, and everything appears at once or not at all.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from zsar_kit.artefacts import PROVENANCE, file_digest
from zsar_kit.data.archives import unpack
from zsar_kit.errors import ArtefactError, DataError
from zsar_kit.experiments.pipeline.own_workspace import make_own_sets_known
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.result import RunResult
from zsar_kit.faults import naming
from zsar_kit.reprs import shortened

MANIFEST, SCHEMA = "manifest.json", 1
#: unpacked bytes, files, bytes of one of the files that are read into memory, and bytes of a file name
SIZE_LIMIT, FILE_LIMIT, TEXT_LIMIT, NAME_LIMIT = 4 * 2**30, 10_000, 64 * 2**20, 200
#: rooms of a workspace in which a result may name folders
ROOMS = ("encoders", "semantics", "contexts")
_TEXT = (".json", ".jsonl", ".csv", ".toml", ".txt", ".md")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_DISTRUST, _FETCH = "Don't trust this file.", "Fetch it again."


def export_run(run: str | Path, workspace: Workspace, out: str | Path) -> list[str]:
    """Pack a finished run; the same run gives the same bytes.

    Returns:
        The names of the packed files, relative to a workspace.

    Raises:
        ArtefactError: the run is not finished, a part of it is missing, or ``out`` exists.
    """
    folder, out = RunFolder(Path(run), workspace), Path(out)
    if not folder.finished:
        raise ArtefactError("only a finished run can be exported", where=folder.path)
    if out.exists():
        raise ArtefactError("the file exists", where=out, remedy="Choose another name, or remove it.")
    members = {f"runs/{folder.path.name}/{rest}": path for rest, path in _files(folder.path)}
    for place in folder.needed_folders():
        members |= {f"{place}/{rest}": path for rest, path in _files(workspace.root / place)}
    manifest = {
        "kind": "zsar run",
        "schema": SCHEMA,
        "run": f"runs/{folder.path.name}",
        "files": {name: file_digest(path) for name, path in sorted(members.items())},
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
    try:
        with naming(out, scratch):
            with os.fdopen(handle, "wb") as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(zipfile.ZipInfo(MANIFEST, _EPOCH), json.dumps(manifest, indent=1))
                for name, path in sorted(members.items()):
                    entry = zipfile.ZipInfo(name, _EPOCH)  # no dates: equal content gives equal bytes
                    entry.compress_type, entry.file_size = zipfile.ZIP_DEFLATED, path.stat().st_size
                    with open(path, "rb") as source, archive.open(entry, "w") as target:
                        shutil.copyfileobj(source, target)
            os.replace(scratch, out)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
    return sorted(members)


@dataclass(frozen=True)
class _Manifest:
    """What an archive says that it holds.

    Attributes:
        run: the run's folder, relative to a workspace.
        files: place relative to a workspace, to SHA-256.
    """

    run: str
    files: dict[str, str]


def import_run(file: str | Path, workspace: Workspace, *, limit: int = SIZE_LIMIT) -> RunFolder:
    """Unpack an exported run into a workspace; existing files with the same content are kept.

    Args:
        file: what :func:`export_run` wrote.
        workspace: where it is unpacked: the run's folder, and the folders of encoder, texts and contexts that its
            result names.
        limit: bytes that the unpacked files may have together.

    Raises:
        ArtefactError: the file does not exist, is not an exported run, is damaged or altered, holds more than it should
            or more than ``limit``, would write elsewhere, or would overwrite a different file. The workspace is as
            before then.
        OSError: the disk is full, or the workspace may not be written; the workspace is as before.
    """
    file = Path(file)
    if not file.is_file():
        raise ArtefactError("the file does not exist", where=file)
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = _manifest(archive, file)
            folders = _folders(archive, manifest, file)
    except (zipfile.BadZipFile, zlib.error, KeyError, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ArtefactError(f"not a complete exported run: {error}", where=file, remedy=_FETCH) from None
    _refuse_different(manifest, workspace.root, file)
    new_root = not workspace.root.exists()
    workspace.root.mkdir(parents=True, exist_ok=True)
    with naming(workspace.root, workspace.root / ".import-"):
        staged = Path(tempfile.mkdtemp(dir=workspace.root, prefix=".import-"))
        try:
            _unpack(file, staged, manifest, limit)
            _move_in(staged, workspace.root, folders)
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            if new_root and not any(workspace.root.iterdir()):
                workspace.root.rmdir()
            raise
        shutil.rmtree(staged, ignore_errors=True)
    make_own_sets_known(workspace.root)
    return RunFolder(workspace.root / manifest.run, workspace)


def _manifest(archive: zipfile.ZipFile, file: Path) -> _Manifest:
    """The manifest, once names and numbers of the members agree with it."""
    if len(archive.infolist()) > FILE_LIMIT:
        raise ArtefactError(f"the archive has {len(archive.infolist())} files, at most {FILE_LIMIT}", where=file)
    names = archive.namelist()
    if twice := {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else ():
        raise ArtefactError(f"two members have the name {sorted(twice)[0]!r}", where=file, remedy=_DISTRUST)
    record = _json(archive, MANIFEST, file) if MANIFEST in names else None
    if not isinstance(record, dict) or record.get("kind") != "zsar run" or record.get("schema") != SCHEMA:
        raise ArtefactError(
            f"not a run exported by this version (schema {SCHEMA})", where=file, remedy="Use: zsar run export RUN FILE"
        )
    run, files = record.get("run"), record.get("files")
    unnamed = ArtefactError("the manifest must name a run and the SHA-256 of each file", where=file, remedy=_FETCH)
    if not isinstance(run, str) or not isinstance(files, dict) or not files:
        raise unnamed
    for name in (*files, run):
        _check_name(name, file)
    if not all(map(_is_digest, files.values())):
        raise unnamed
    place = PurePosixPath(run)
    if len(place.parts) != 2 or place.parts[0] != "runs":
        raise ArtefactError(f"a run's folder is runs/NAME, got {shortened(run)!r}", where=file, remedy=_DISTRUST)
    for part in ("config.json", "result.json"):
        if f"{run}/{part}" not in files:
            raise ArtefactError(f"the manifest has no run: {run}/{part} is missing", where=file, remedy=_FETCH)
    if extra := sorted(set(names) - {MANIFEST, *files}):
        raise ArtefactError(f"{shortened(extra[0])!r} is not in the manifest", where=file, remedy=_DISTRUST)
    if missing := sorted(set(files) - set(names)):
        raise ArtefactError(f"not a complete exported run: {missing[0]!r} is missing", where=file, remedy=_FETCH)
    return _Manifest(run, files)


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _check_name(name: str, file: Path) -> None:
    """Refuse a name that is not a plain relative path, or that a file system may not take."""
    pure, shown = PurePosixPath(name), repr(shortened(name))
    if pure.is_absolute() or ".." in pure.parts or "\\" in name or ":" in name:
        raise ArtefactError(f"{shown} lies outside the workspace", where=file, remedy=_DISTRUST)
    if str(pure) != name or not name.isprintable() or any(part.startswith(".") for part in pure.parts):
        raise ArtefactError(f"{shown} is not a plain file name", where=file, remedy=_DISTRUST)
    if any(len(part.encode()) > NAME_LIMIT for part in pure.parts) or len(pure.parts) > 20:
        raise ArtefactError(f"a name is too long: {shown}", where=file, remedy=_DISTRUST)


def _json(archive: zipfile.ZipFile, name: str, file: Path) -> Any:
    """The content of a small JSON member."""
    if (size := archive.getinfo(name).file_size) > TEXT_LIMIT:
        raise ArtefactError(f"{name!r} has {size} bytes, at most {TEXT_LIMIT} are read", where=file, remedy=_DISTRUST)
    try:
        return json.loads(archive.read(name).decode("utf-8"))
    except UnicodeDecodeError:
        raise ArtefactError(f"{name!r} is not UTF-8", where=file, remedy=_FETCH) from None
    except (json.JSONDecodeError, RecursionError):
        return None


def _folders(archive: zipfile.ZipFile, manifest: _Manifest, file: Path) -> list[str]:
    """The folders that may be written, the run's last: those that its result names, as far as they are in rooms."""
    where = f"{file}, {manifest.run}/result.json"
    result = RunResult.from_dict(_json(archive, f"{manifest.run}/result.json", file), where=where)
    named = [result.encoder_folder, *result.semantics_folders.values(), result.contexts_folder]
    folders = [*dict.fromkeys(folder for folder in named if folder), manifest.run]
    for folder in folders[:-1]:
        if not isinstance(folder, str):
            raise ArtefactError(f"a folder must be a text, got {folder!r}", where=where, remedy=_FETCH)
        _check_name(folder, file)
        if len(parts := PurePosixPath(folder).parts) < 2 or parts[0] not in ROOMS:
            problem = f"a run's parts are in {', '.join(ROOMS)}; its result names {shortened(folder)!r}"
            raise ArtefactError(problem, where=file, remedy=_DISTRUST)
        if f"{folder}/{PROVENANCE}" not in manifest.files:
            problem = f"not a complete exported run: {folder}/{PROVENANCE} is missing"
            raise ArtefactError(problem, where=file, remedy=_FETCH)
    for name in manifest.files:
        if not any(name.startswith(f"{folder}/") for folder in folders):
            problem = f"{shortened(name)!r} belongs neither to the run nor to what its result names"
            raise ArtefactError(problem, where=file, remedy=_DISTRUST)
    return folders


def _refuse_different(manifest: _Manifest, root: Path, file: Path) -> None:
    """Refuse to overwrite anything but files of the same content."""
    for name, digest in manifest.files.items():
        target = root / name
        if target.is_dir() or (target.is_file() and file_digest(target) != digest):
            raise ArtefactError("the run would overwrite a different file", where=target, remedy="Move it away.")


def _unpack(file: Path, staged: Path, manifest: _Manifest, limit: int) -> None:
    """Unpack everything beside the workspace's folders, and check it there."""
    try:
        unpack(file, staged, lambda _: True, limit=limit)
    except DataError as error:
        remedy = error.remedy
        if "bytes unpacked" in error.problem:
            remedy = "If you trust it, allow more: zsar run import FILE --max-gib NUMBER."
        raise ArtefactError(error.problem, where=error.where, remedy=remedy or _DISTRUST) from None
    for name, digest in manifest.files.items():
        if file_digest(staged / name) != digest:
            raise ArtefactError(f"{name!r} was altered or damaged", where=file, remedy=_FETCH)
        if name.endswith(_TEXT):
            _check_text(staged / name, name, file)
    RunFolder(staged / manifest.run).config()


def _check_text(path: Path, name: str, file: Path) -> None:
    try:
        with open(path, encoding="utf-8") as stream:
            while stream.read(2**20):
                pass
    except UnicodeDecodeError:
        raise ArtefactError(f"{name!r} is not UTF-8", where=file, remedy=_FETCH) from None


def _move_in(staged: Path, root: Path, folders: list[str]) -> None:
    """Move the folders to their places, the run's last; what was moved goes away again if one of them cannot be."""
    moved: list[Path] = []
    try:
        for folder in folders:
            pieces = [folder]
            if (root / folder).exists():  # the files that it has are the same; those that it lacks are added
                pieces = [f"{folder}/{rest}" for rest in _lacking(staged / folder, root / folder)]
            for piece in pieces:
                target = root / piece
                moved += [above for above in reversed(target.parents) if root in above.parents and not above.exists()]
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(staged / piece, target)
                moved.append(target)
    except BaseException:
        for path in reversed(moved):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        raise


def _lacking(staged: Path, place: Path) -> list[str]:
    """Files that a folder lacks; the result is last: without it the folder counts as an unfinished run."""
    lacking = [rest for rest, _ in _files(staged) if not (place / rest).exists()]
    return sorted(lacking, key=lambda rest: (rest == "result.json", rest == PROVENANCE, rest))


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith(("checkpoint-", "probe-", ".")):
            yield path.relative_to(folder).as_posix(), path
