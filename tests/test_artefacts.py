"""Artefacts are whole or absent, whatever interrupts the writer, and say what made them."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import pytest

from zsar_kit.artefacts import (
    artefact_digest,
    atomic_folder,
    file_digest,
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
