"""A packed run writes its own folders and nothing else, whole or not at all; every archive here is small."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import zipfile
from pathlib import Path

import pytest

from zsar_kit.cli import main
from zsar_kit.errors import ArtefactError
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs import pack
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.pack import MANIFEST, export_run, import_run

RUN = "runs/puppet_23-5_ridge_motion_s0_0123456789ab"
ENCODER, TEXTS = "encoders/puppet/x", "semantics/puppet_motion_x"


@pytest.fixture
def home(tmp_path, make_result):
    """A workspace with a finished run, as small as it can be."""
    workspace = Workspace(tmp_path / "home", "cpu", progress=False)
    config = RunConfig(dataset="puppet", split="23/5", method="ridge", preset="motion")
    files = {
        f"{RUN}/config.json": json.dumps({"run": config.to_dict(), "digest": config.digest()}),
        f"{RUN}/env.json": "{}",
        f"{RUN}/inputs.json": '{"features": "0"}',
        f"{RUN}/folds/folds.json": "[]",
        f"{ENCODER}/provenance.json": "{}",
        f"{ENCODER}/weights.safetensors": "w" * 5000,
        f"{TEXTS}/provenance.json": "{}",
        f"{TEXTS}/meta.json": '{"names": ["Stuhl rücken"]}',
        "skeletons/puppet/frames.npy": "not for others",
    }
    for name, content in files.items():
        (workspace.root / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace.root / name).write_text(content, encoding="utf-8")
    RunFolder(workspace.root / RUN, workspace).store_result(make_result())
    (workspace.root / RUN / "checkpoint-main.safetensors").write_text("only for resuming")
    return workspace


@pytest.fixture
def packed(home, tmp_path):
    file = tmp_path / "run.zip"
    export_run(home.root / RUN, home, file)
    return file


@pytest.fixture
def there(tmp_path):
    """Another workspace, with something in it."""
    root = tmp_path / "there"
    (root / "runs" / "other").mkdir(parents=True)
    (root / "runs" / "other" / "result.json").write_text("mine")
    return Workspace(root, "cpu", progress=False)


def everything(root: Path) -> dict[str, bytes]:
    """Every file and, with a slash, every folder below a folder."""
    found = {
        str(p.relative_to(root)) + "/" * p.is_dir(): b"" if p.is_dir() else p.read_bytes() for p in root.rglob("*")
    }
    return found


def contents(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def written(file: Path, members: dict[str, bytes], *, signed: bool = True, **manifest) -> Path:
    """An archive of the members, with a manifest that agrees with them."""
    record = json.loads(members[MANIFEST])
    if signed:
        record["files"] = {n: hashlib.sha256(c).hexdigest() for n, c in members.items() if n != MANIFEST}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in (members | {MANIFEST: json.dumps(record | manifest).encode()}).items():
            archive.writestr(name, content)
    return file


def test_everything_that_is_needed_travels_and_nothing_else(home, packed, there):
    names = set(contents(packed)) - {MANIFEST}
    own = {"config.json", "env.json", "provenance.json", "inputs.json", "result.json", "folds/folds.json"}
    assert {n for n in names if n.startswith("runs/")} == {f"{RUN}/{n}" for n in own}
    assert len(names) == len(own) + 4
    before = everything(there.root)
    folder = import_run(packed, there)
    assert folder.path == there.root / RUN
    assert folder.result().seen == (0, 1)
    after = everything(there.root)
    assert before.items() <= after.items()
    assert {n for n in after.keys() - before.keys() if not n.endswith("/")} == names
    for name in names:
        assert after[name] == (home.root / name).read_bytes()
    assert import_run(packed, there).path == folder.path
    assert everything(there.root) == after


def test_what_is_there_is_kept_and_what_it_lacks_is_added(packed, there):
    import_run(packed, there)
    whole = everything(there.root)
    kept = (there.root / ENCODER / "provenance.json").stat().st_ino
    (there.root / ENCODER / "weights.safetensors").unlink()
    (there.root / RUN / "result.json").unlink()
    import_run(packed, there)
    assert everything(there.root) == whole
    assert (there.root / ENCODER / "provenance.json").stat().st_ino == kept
    (there.root / TEXTS / "meta.json").write_text("{}")
    changed = everything(there.root)
    with pytest.raises(ArtefactError, match="would overwrite a different file"):
        import_run(packed, there)
    assert everything(there.root) == changed


def result_naming(members: dict[str, bytes], **folders) -> dict[str, bytes]:
    record = json.loads(members[f"{RUN}/result.json"]) | folders
    return members | {f"{RUN}/result.json": json.dumps(record).encode()}


def moved(members: dict[str, bytes], old: str, new: str) -> dict[str, bytes]:
    return {name.replace(old, new): content for name, content in members.items()}


BAD = {
    "a file beside the run": (lambda m: m | {"runs/other/evil.json": b"{}"}, {}, "belongs neither to the run"),
    "a data set": (lambda m: m | {"skeletons/puppet/frames.npy": b""}, {}, "belongs neither to the run"),
    "a file in the root": (lambda m: m | {"evil": b""}, {}, "belongs neither to the run"),
    "another encoder": (lambda m: m | {"encoders/puppet/y/w": b""}, {}, "belongs neither to the run"),
    "a folder whose name starts alike": (lambda m: m | {f"{ENCODER}2/w": b""}, {}, "belongs neither to the run"),
    "a result that names a room": (lambda m: result_naming(m, encoder_folder="encoders"), {}, "a run's parts are in"),
    "a result that names data": (
        lambda m: result_naming(m, encoder_folder="skeletons/puppet") | {"skeletons/puppet/provenance.json": b"{}"},
        {},
        "a run's parts are in",
    ),
    "a result that names another run": (lambda m: result_naming(m, contexts_folder="runs/other"), {}, "parts are in"),
    "a result that leads out": (lambda m: result_naming(m, contexts_folder="contexts/../.."), {}, "outside"),
    "an absolute result": (lambda m: result_naming(m, encoder_folder="/encoders/x"), {}, "outside"),
    "a part that is not there": (
        lambda m: result_naming(m, contexts_folder="contexts/x"), {}, "contexts/x/provenance.json is missing"
    ),
    "no run": (lambda m: m, {"run": "runs/absent"}, "the manifest has no run"),
    "a run elsewhere": (lambda m: m, {"run": "encoders/puppet"}, "a run's folder is runs/NAME"),
    "a run deeper": (lambda m: m, {"run": f"{RUN}/folds"}, "a run's folder is runs/NAME"),
    "the root as run": (lambda m: m, {"run": "."}, "not a plain file name|runs/NAME"),
    "a run that is no text": (lambda m: m, {"run": 3}, "must name a run"),
    "no files": (lambda m: m, {"files": {}}, "must name a run"),
    "files as a list": (lambda m: m, {"files": ["a"]}, "must name a run"),
    "a digest that is none": (lambda m: m, {"files": {"a": "0"}}, "must name a run"),
    "a step up": (lambda m: m | {"../evil": b""}, {}, "lies outside"),
    "an absolute name": (lambda m: m | {"/evil": b""}, {}, "lies outside"),
    "another drive": (lambda m: m | {"C:evil": b""}, {}, "lies outside"),
    "a hidden file": (lambda m: m | {f"{RUN}/.evil": b""}, {}, "not a plain file name"),
    "an empty step": (lambda m: m | {f"{RUN}//evil": b""}, {}, "not a plain file name"),
    "a control character": (lambda m: m | {f"{RUN}/a\x1bb": b""}, {}, "not a plain file name"),
    "a long name": (lambda m: m | {f"{RUN}/{'x' * 201}": b""}, {}, "a name is too long"),
    "a deep name": (lambda m: m | {f"{RUN}/{'x/' * 30}x": b""}, {}, "a name is too long"),
    "a long run": (lambda m: moved(m, RUN, f"runs/{'x' * 201}"), {"run": f"runs/{'x' * 201}"}, "a name is too long"),
    "a config that is not UTF-8": (lambda m: m | {f"{RUN}/config.json": b'{"\xff": 1}'}, {}, "config.json' is not"),
    "a text that is not UTF-8": (lambda m: m | {f"{TEXTS}/meta.json": b"\xfc"}, {}, "meta.json' is not UTF-8"),
    "a result that is not UTF-8": (lambda m: m | {f"{RUN}/result.json": b"\xff"}, {}, "result.json' is not UTF-8"),
    "a result that is no result": (lambda m: m | {f"{RUN}/result.json": b"[]"}, {}, "must be a JSON object"),
    "a config that is no config": (lambda m: m | {f"{RUN}/config.json": b"{"}, {}, "is not what was written"),
    "two names that differ in case": (lambda m: m | {f"{RUN}/ENV.json": b"{}"}, {}, "the same name"),
    "a file as a folder": (lambda m: m | {f"{RUN}/env.json/x": b"{}"}, {}, "inside another one"),
    "another kind": (lambda m: m, {"kind": "zsar features"}, "not a run exported by this version"),
}  # fmt: skip


def test_archives_that_hold_more_or_less_than_a_run_are_refused(packed, there, tmp_path):
    """Each with its own message, and the workspace stays as it was."""
    before, refused = everything(there.root), 0
    for name, (change, manifest, message) in BAD.items():
        changed = written(tmp_path / "changed.zip", change(contents(packed)), **manifest)
        with pytest.raises(ArtefactError, match=message):
            import_run(changed, there)
        assert everything(there.root) == before, name
        refused += 1
    assert refused == len(BAD) == 36
    import_run(written(tmp_path / "same.zip", contents(packed)), there)  # the same way of writing, unchanged, is fine


def test_links_duplicates_and_manifests_are_refused(packed, there, tmp_path):
    before, members, file = everything(there.root), contents(packed), tmp_path / "changed.zip"
    link = zipfile.ZipInfo(f"{RUN}/env.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    record = json.loads(members[MANIFEST])
    record["files"][link.filename] = hashlib.sha256(b"/etc/hostname").hexdigest()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            if name not in (MANIFEST, link.filename):
                archive.writestr(name, content)
        archive.writestr(MANIFEST, json.dumps(record))
        archive.writestr(link, b"/etc/hostname")
    with pytest.raises(ArtefactError, match="a link, or encrypted"):
        import_run(file, there)
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr(f"{RUN}/env.json", b"{}")
    with pytest.raises(ArtefactError, match="two members have the name"):
        import_run(file, there)
    for manifest, message in ((b"\xff{}", "is not UTF-8"), (b"[" * 2000, "not a run exported"), (b"", "not a run")):
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(MANIFEST, manifest)
        with pytest.raises(ArtefactError, match=message):
            import_run(file, there)
    assert everything(there.root) == before


def test_the_size_is_looked_at_before_anything_is_written(packed, there, monkeypatch):
    size = sum(len(content) for content in contents(packed).values())
    before = everything(there.root)
    monkeypatch.setattr(pack, "_move_in", lambda *_: pytest.fail("nothing is moved"))
    monkeypatch.setattr(zipfile.ZipFile, "extractall", lambda *_: pytest.fail("nothing is extracted at once"))
    with pytest.raises(ArtefactError, match=f"have {size} bytes unpacked, at most {size - 1}.*--max-gib"):
        import_run(packed, there, limit=size - 1)
    assert everything(there.root) == before
    monkeypatch.undo()
    import_run(packed, there, limit=size)


def test_the_limits_of_the_command(packed, tmp_path, capsys):
    place = ["--workspace", str(tmp_path / "w")]
    assert main(["run", "import", str(packed), "--max-gib", "0.000001", *place]) == 2
    assert "If you trust it, allow more" in capsys.readouterr().err
    assert not (tmp_path / "w").exists()
    assert main(["run", "import", str(packed), "--max-gib", "0", *place]) == 2
    assert "must be above 0" in capsys.readouterr().err
    assert main(["run", "import", str(packed), *place]) == 0
    assert RunFolder(tmp_path / "w" / RUN).finished


@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("before_move", range(4))
def test_an_import_that_is_stopped_leaves_nothing(packed, there, monkeypatch, fault, before_move, capsys):
    """At the first move and at each later one: three folders appear, the run's last."""
    before, moves, replace = everything(there.root), [], os.replace

    def full(source, target):
        if len(moves) == before_move:
            raise fault
        moves.append(target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    code = main(["run", "import", str(packed), "--workspace", str(there.root)])
    shown = capsys.readouterr()
    if before_move == 3:
        assert code == 0
        assert moves[-1] == there.root / RUN
        return
    assert code == (130 if isinstance(fault, KeyboardInterrupt) else 2)
    assert len(shown.err.splitlines()) == 1
    assert shown.out == ""
    assert everything(there.root) == before


def test_an_export_that_is_stopped_leaves_nothing(home, tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    out = tmp_path / "out" / "run.zip"
    assert main(["run", "export", str(home.root / RUN), str(out), "--workspace", str(home.root)]) == 2
    assert capsys.readouterr().err.startswith(f"error: the disk is full (in {out})")
    assert not list(out.parent.iterdir())
