"""A finished run packed for a colleague: one file with everything needed to classify clips, and no data.

It contains the model, the encoder, class texts with their features, config and results, but no skeletons and no
features of samples. Every file is listed with its SHA-256 and checked when it is unpacked.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from zsar_kit.artefacts import file_digest
from zsar_kit.errors import ArtefactError
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.folder import RunFolder

MANIFEST, SCHEMA = "manifest.json", 1
_EPOCH = (1980, 1, 1, 0, 0, 0)


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
        with os.fdopen(handle, "wb") as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo(MANIFEST, _EPOCH), json.dumps(manifest, indent=1))
            for name, path in sorted(members.items()):
                entry = zipfile.ZipInfo(name, _EPOCH)  # no dates: equal content gives equal bytes
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes())
        os.replace(scratch, out)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
    return sorted(members)


def import_run(file: str | Path, workspace: Workspace) -> RunFolder:
    """Unpack an exported run into a workspace; existing files with the same content are kept.

    Raises:
        ArtefactError: the file does not exist, is not an exported run, is damaged or altered, would write outside the
            workspace, or would overwrite a different file.
    """
    file = Path(file)
    if not file.is_file():
        raise ArtefactError("the file does not exist", where=file)
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = _manifest(archive, file)
            contents = {name: archive.read(name) for name in manifest["files"]}
            if extra := set(archive.namelist()) - {MANIFEST, *manifest["files"]}:
                raise ArtefactError(f"{sorted(extra)[0]!r} is not in the manifest", where=file)
    except (zipfile.BadZipFile, KeyError, OSError, EOFError) as error:
        raise ArtefactError(f"not a complete exported run: {error}", where=file, remedy="Fetch it again.") from None
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != manifest["files"][name]:
            raise ArtefactError(f"{name!r} was altered or damaged", where=file, remedy="Fetch it again.")
        target = workspace.root / name
        if target.is_file() and file_digest(target) != manifest["files"][name]:
            raise ArtefactError("the run would overwrite a different file", where=target, remedy="Move it away.")
    # The result is written last: without it the folder counts as an unfinished run.
    for name in sorted(contents, key=lambda n: (n.endswith("result.json"), n.endswith("provenance.json"), n)):
        target = workspace.root / name
        if not target.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            scratch = target.with_name(f".{target.name}.part")
            scratch.write_bytes(contents[name])
            os.replace(scratch, target)
    return RunFolder(workspace.root / manifest["run"], workspace)


def _manifest(archive: zipfile.ZipFile, file: Path) -> dict:
    try:
        manifest = json.loads(archive.read(MANIFEST))
    except (KeyError, json.JSONDecodeError):
        manifest = None
    if not isinstance(manifest, dict) or manifest.get("kind") != "zsar run" or manifest.get("schema") != SCHEMA:
        raise ArtefactError(
            f"not a run exported by this version (schema {SCHEMA})", where=file, remedy="Use: zsar run export RUN FILE"
        )
    for name in (*manifest["files"], manifest["run"]):
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts or "\\" in name or ":" in name:
            raise ArtefactError(f"{name!r} lies outside the workspace", where=file, remedy="Don't trust this file.")
    return manifest


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith(("checkpoint-", "probe-", ".")):
            yield path.relative_to(folder).as_posix(), path
