"""Artefacts are whole or absent, whatever interrupts the writer, and say what made them."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from zsar_kit import artefacts
from zsar_kit.artefacts import (
    SMALL,
    artefact_digest,
    atomic_folder,
    check_files,
    exists,
    file_digest,
    left_behind,
    made_once,
    read_json,
    read_provenance,
    write_atomic,
    write_json,
    write_provenance,
)
from zsar_kit.errors import ArtefactError


def build(path, content="1", *, version=1, inputs=None, config=None):
    with atomic_folder(path) as folder:
        (folder / "data.txt").write_text(content)
        write_provenance(folder, "Thing", version=version, inputs=inputs or {"raw": "abc"}, config=config)
    return path


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_folder_appears_when_complete_and_not_before(tmp_path):
    with atomic_folder(tmp_path / "deep/thing") as folder:
        (folder / "a").write_text("1")
        assert folder.parent == tmp_path / "deep"
        assert not (tmp_path / "deep/thing").exists()
    assert names(tmp_path / "deep") == ["thing"]
    assert (tmp_path / "deep/thing/a").read_text() == "1"


def test_replacement_leaves_nothing_of_the_old(tmp_path):
    build(tmp_path / "thing")
    with atomic_folder(tmp_path / "thing") as folder:
        (folder / "b").write_text("2")
    assert names(tmp_path / "thing") == ["b"]
    assert names(tmp_path) == ["thing"]


@pytest.mark.parametrize("interruption", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("standing", [True, False])
def test_interruption_leaves_what_stood_there(tmp_path, interruption, standing):
    if standing:
        build(tmp_path / "thing", "old")

    def interrupted():
        with atomic_folder(tmp_path / "thing") as folder:
            (folder / "data.txt").write_text("ne")
            raise interruption

    with pytest.raises(interruption):
        interrupted()
    assert names(tmp_path) == (["thing"] if standing else [])
    if standing:
        assert (tmp_path / "thing/data.txt").read_text() == "old"
        read_provenance(tmp_path / "thing", "Thing", version=1)


KILLED = """
import os, sys
from zsar_kit.artefacts import atomic_folder, write_provenance
with atomic_folder(sys.argv[1]) as folder:
    (folder / "data.txt").write_text("ne")
    os._exit(9)
"""


@pytest.mark.parametrize("standing", [True, False])
def test_kill_leaves_no_half_artefact_and_does_not_hinder_the_next_writer(tmp_path, standing):
    thing = tmp_path / "thing"
    if standing:
        build(thing, "old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(thing)], check=False)
    assert done.returncode == 9
    assert thing.exists() == standing
    if standing:
        assert (thing / "data.txt").read_text() == "old"
    build(thing, "new")
    assert (thing / "data.txt").read_text() == "new"


def test_file_is_the_old_or_the_new_one(tmp_path):
    path = tmp_path / "a/b.json"
    write_atomic(path, "old")
    with pytest.raises(TypeError):
        write_json(path, {"x": object()})
    assert path.read_text() == "old"
    write_atomic(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert names(path.parent) == ["b.json"]


@pytest.mark.parametrize("place", ["taken/new", "taken/deeper/new"])
def test_a_file_in_the_place_of_a_folder_is_named_and_kept(tmp_path, place):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(ArtefactError, match="expected a folder, found a file"):
        write_atomic(tmp_path / place, "new")
    with pytest.raises(ArtefactError, match="expected a folder, found a file"), atomic_folder(tmp_path / place):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
    assert (tmp_path / "taken").read_text() == "mine"


def test_json_round_trip_and_stable_bytes(tmp_path):
    content = {"b": [1, 2.5, None], "a": "größer"}
    write_json(tmp_path / "1.json", content)
    write_json(tmp_path / "2.json", dict(reversed(content.items())))
    assert read_json(tmp_path / "1.json") == content
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()


def test_unreadable_json(tmp_path):
    with pytest.raises(ArtefactError, match=r"file not found \(in .*none.json\)"):
        read_json(tmp_path / "none.json")
    for content in (b'{"a": 1', b"\xff\xfe\x00"):
        (tmp_path / "bad.json").write_bytes(content)
        with pytest.raises(ArtefactError, match=r"not valid JSON.*bad.json"):
            read_json(tmp_path / "bad.json")


def test_file_digest_is_sha256(tmp_path):
    content = b"x" * 300_000
    (tmp_path / "f").write_bytes(content)
    assert file_digest(tmp_path / "f") == hashlib.sha256(content).hexdigest()


def test_provenance_records_inputs_config_and_files(tmp_path):
    thing = build(tmp_path / "thing", "1", inputs={"raw": "abc"}, config={"size": 3})
    record = read_provenance(thing, "Thing", version=1)
    assert record["inputs"] == {"raw": "abc"}
    assert record["config"] == {"size": 3}
    assert record["files"] == {"data.txt": hashlib.sha256(b"1").hexdigest()}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: (p / "provenance.json").unlink(), "no Thing here: provenance.json is missing"),
        (lambda p: (p / "provenance.json").write_text("{"), "not valid JSON"),
        (lambda p: (p / "data.txt").unlink(), "the file 'data.txt' of this Thing is missing"),
    ],
)
def test_broken_artefact(tmp_path, spoil, message):
    thing = build(tmp_path / "thing")
    spoil(thing)
    with pytest.raises(ArtefactError, match=message):
        read_provenance(thing, "Thing", version=1)


@pytest.mark.parametrize("size", [10, SMALL + 10])
def test_a_changed_byte_is_noticed_when_the_artefact_is_read(tmp_path, size):
    content = "x" * size
    thing = build(tmp_path / "thing", content)
    data = thing / "data.txt"
    read_provenance(thing, "Thing", version=1)
    data.write_text("y" + content[1:])
    with pytest.raises(ArtefactError, match=r"the file 'data.txt' of this Thing is not what was written") as caught:
        read_provenance(thing, "Thing", version=1)
    assert caught.value.where == data
    assert caught.value.remedy == "Move the folder away and make it again."


def test_large_files_are_compared_at_first_use_and_when_asked(tmp_path, monkeypatch):
    thing = build(tmp_path / "thing", "x" * (SMALL + 1))
    compared = []
    real = artefacts.file_digest
    monkeypatch.setattr(artefacts, "file_digest", lambda path: compared.append(path.name) or real(path))
    for _ in range(3):
        record = read_provenance(thing, "Thing", version=1)
    assert compared == ["data.txt"]
    check_files(thing, record, whole=True)
    assert compared == ["data.txt", "data.txt"]
    build(tmp_path / "small", "x")
    compared.clear()
    for _ in range(3):
        read_provenance(tmp_path / "small", "Thing", version=1)
    assert compared == ["data.txt"] * 3


@pytest.mark.parametrize("key", ["inputs", "config", "zsar_kit", "files"])
def test_a_changed_record_is_noticed(tmp_path, key):
    thing = build(tmp_path / "thing")
    record = json.loads((thing / "provenance.json").read_text())
    record[key] = {"raw": "other"} if key != "zsar_kit" else "9.9"
    write_json(thing / "provenance.json", record)
    with pytest.raises(ArtefactError, match="the record of this Thing was altered or damaged"):
        read_provenance(thing, "Thing", version=1)


def test_records_of_earlier_versions_are_read(tmp_path):
    thing = build(tmp_path / "thing")
    record = json.loads((thing / "provenance.json").read_text())
    del record["record"]
    write_json(thing / "provenance.json", record)
    assert read_provenance(thing, "Thing", version=1)["files"] == record["files"]


def test_files_in_folders_and_files_that_follow_the_record_belong_to_it(tmp_path):
    with atomic_folder(tmp_path / "thing") as folder:
        (folder / "deep").mkdir()
        (folder / "deep/a.txt").write_text("a")
        write_provenance(folder, "Thing", version=1, inputs={}, last={"b.txt": b"b"})
        (folder / "b.txt").write_bytes(b"b")
    assert set(read_provenance(tmp_path / "thing", "Thing", version=1)["files"]) == {"b.txt", "deep/a.txt"}
    for name in ("deep/a.txt", "b.txt"):
        path = tmp_path / "thing" / name
        kept = path.read_bytes()
        path.write_text("c")
        with pytest.raises(ArtefactError, match=f"the file '{name}' of this Thing is not what was written"):
            read_provenance(tmp_path / "thing", "Thing", version=1)
        path.write_bytes(kept)


REPLACED_HALF = """
import os, sys
from pathlib import Path
from zsar_kit.artefacts import atomic_folder, write_provenance
real = Path.rename
def rename(self, target):
    if Path(target) == Path(sys.argv[1]):
        os._exit(9)
    return real(self, target)
Path.rename = rename
with atomic_folder(sys.argv[1]) as folder:
    (folder / "data.txt").write_text("new")
    write_provenance(folder, "Thing", version=1, inputs={})
"""


@pytest.mark.parametrize("use", ["read", "look", "write"])
def test_a_kill_between_the_two_renames_of_a_replacement_is_put_right(tmp_path, use):
    thing = build(tmp_path / "thing", "old")
    killed = subprocess.run([sys.executable, "-c", REPLACED_HALF, str(thing)], check=False)
    assert killed.returncode == 9
    assert not thing.exists()
    if use == "read":
        read_provenance(thing, "Thing", version=1)
    elif use == "look":
        assert exists(thing)
    else:
        with pytest.raises(KeyboardInterrupt), atomic_folder(thing):
            raise KeyboardInterrupt
    assert (thing / "data.txt").read_text() == "old"
    assert names(tmp_path) == ["thing"]


def test_temporary_names_are_collected_when_their_process_has_ended_and_not_before(tmp_path):
    thing = tmp_path / "thing"
    subprocess.run([sys.executable, "-c", KILLED, str(thing)], check=False)
    (abandoned,) = left_behind(thing)
    machine = abandoned.name.split(".tmp-")[1].split("-")[0]
    alive = tmp_path / f"thing.tmp-{machine}-{os.getppid()}-0badcafe"
    elsewhere, long_ago = tmp_path / "thing.tmp-0a0a0a0a-12-0badcafe", tmp_path / "thing.tmp-0a0a0a0a-13-0badcafe"
    for folder in (alive, elsewhere, long_ago):
        folder.mkdir()
    os.utime(long_ago, (0, 0))
    with atomic_folder(thing) as mine:
        assert left_behind(thing) == []
        assert {p.name for p in tmp_path.iterdir()} == {mine.name, alive.name, elsewhere.name}
    assert {p.name for p in tmp_path.iterdir()} == {"thing", alive.name, elsewhere.name}


def test_a_failed_write_leaves_no_temporary_file(tmp_path, monkeypatch):
    def full(self, data):
        real(self, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    real = Path.write_bytes
    write_atomic(tmp_path / "a", "old")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(tmp_path / "a", "new")
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def test_a_finished_artefact_needs_no_lock_in_a_folder_that_is_only_read(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied")

    build(tmp_path / "thing")
    monkeypatch.setattr(artefacts, "only_maker", refuse)
    with made_once(tmp_path / "thing"):
        read_provenance(tmp_path / "thing", "Thing", version=1)
    with pytest.raises(PermissionError), made_once(tmp_path / "missing"):
        pass


def test_other_kind_or_schema(tmp_path):
    thing = build(tmp_path / "thing", version=2)
    with pytest.raises(ArtefactError, match=r"expected a Thing of schema 1, found 'Thing' of schema 2"):
        read_provenance(thing, "Thing", version=1)
    with pytest.raises(ArtefactError, match=r"expected a Cup of schema 2, found 'Thing'"):
        read_provenance(thing, "Cup", version=2)
    with pytest.raises(ArtefactError, match="no Thing here"):
        read_provenance(tmp_path / "nowhere", "Thing", version=1)


def test_digest_is_of_content_alone(tmp_path):
    first = build(tmp_path / "1", "same", inputs={"raw": "abc"})
    second = build(tmp_path / "2", "same", inputs={"raw": "def"}, config={"a": 1})
    other = build(tmp_path / "3", "different")
    assert artefact_digest(first) == artefact_digest(second) != artefact_digest(other)
    json.dumps(artefact_digest(first))
