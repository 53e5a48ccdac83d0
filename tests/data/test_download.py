"""Downloads from a server on this machine that cuts, refuses and changes; archives that are not to be trusted."""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from zsar_kit.cli import main
from zsar_kit.data import archives
from zsar_kit.data import download as module
from zsar_kit.data.archives import unpack
from zsar_kit.data.catalogue import resource
from zsar_kit.data.download import download
from zsar_kit.data.fetch import fetch
from zsar_kit.data.published import publication
from zsar_kit.data.published_checks import names_digest, set_digest
from zsar_kit.data.readers.plan import find_sources
from zsar_kit.errors import ArtefactError, ConfigError, DataError, DownloadError
from zsar_kit.seeding import numpy_generator

BLOCK = 2**14
"""What a cut may cost: bytes sent again."""
CONTENT = numpy_generator(5, "download").bytes(1_500_000)


class FileServer:
    """One file, given as RFC 9110 says, except where the script says otherwise for the next request."""

    def __init__(self) -> None:
        self.content, self.tag, self.changed = CONTENT, '"v1"', ""
        self.ranges, self.lengths = True, True
        self.script: list[int | Callable[[Any], None]] = []
        self.requests: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.sent = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append({key.lower(): value for key, value in self.headers.items()})
                outer.paths.append(self.path)
                step = outer.script.pop(0) if outer.script else None
                if callable(step):
                    step(self)
                else:
                    outer.give(self, cut=step)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/set.zip"

    def give(self, handler: Any, cut: int | None = None, *, trust_condition: bool = False, most: int = 10**9) -> None:
        """The file, or the part asked for, no more than ``most`` bytes; the connection ends after ``cut`` of them."""
        asked, condition = handler.headers.get("Range"), handler.headers.get("If-Range")
        first = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.ranges else 0
        if not trust_condition and condition not in (None, self.tag or self.changed):
            first = 0
        if first > len(self.content):
            return self.refuse(handler, 416)
        body = self.content[first : first + most]
        handler.send_response(206 if first else 200)
        if first:
            handler.send_header("Content-Range", f"bytes {first}-{first + len(body) - 1}/{len(self.content)}")
        for name, value in (("ETag", self.tag), ("Last-Modified", self.changed)):
            if value:
                handler.send_header(name, value)
        if self.lengths:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        body = body[:cut]
        self.sent += len(body)
        with suppress(ConnectionError):  # who asked may have gone
            handler.wfile.write(body)
        handler.close_connection = True

    @staticmethod
    def refuse(handler: Any, status: int, **headers: str) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def refuses(self, status: int, **headers: str) -> Callable[[Any], None]:
        return lambda handler: self.refuse(handler, status, **headers)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    found = FileServer()
    yield found
    found.server.shutdown()
    found.server.server_close()


def get(server: FileServer, folder: Path, **options: Any) -> bytes:
    options = {"progress": False, "pause": 0.0, "timeout": 5.0, **options}
    path = download([server.url], folder / "set.zip", **options)
    assert [p.name for p in folder.iterdir()] == ["set.zip"], "no part and no record is left"
    return path.read_bytes()


# --- one file


@pytest.mark.parametrize("lengths", [True, False])
def test_a_file_comes_whole_and_is_not_asked_for_twice(server, tmp_path, lengths):
    server.lengths = lengths
    assert get(server, tmp_path) == CONTENT
    assert get(server, tmp_path) == CONTENT
    assert len(server.requests) == 1
    assert server.requests[0]["accept-encoding"] == "identity"


@pytest.mark.parametrize("seed", range(5))
def test_wherever_the_connection_ends_it_goes_on_from_there(server, tmp_path, seed):
    server.script = [BLOCK, *numpy_generator(seed, "cuts").integers(1, 400_000, size=6).tolist()]
    assert get(server, tmp_path) == CONTENT
    cuts = len(server.requests) - 1
    assert cuts > 3
    assert len(CONTENT) <= server.sent < len(CONTENT) + cuts * BLOCK
    assert all(request["if-range"] == '"v1"' for request in server.requests[1:])


def test_a_time_of_change_is_as_good_as_a_tag(server, tmp_path):
    server.tag, server.changed, server.script = "", "Wed, 21 Oct 2015 07:28:00 GMT", [700_000]
    assert get(server, tmp_path) == CONTENT
    assert server.requests[1]["if-range"] == server.changed
    assert server.sent < len(CONTENT) + BLOCK


def test_a_server_may_give_less_than_was_asked_for(server, tmp_path):
    server.script = [400_000, lambda handler: server.give(handler, most=50_000)]
    assert get(server, tmp_path) == CONTENT
    assert len(server.requests) == 3


def test_the_next_call_goes_on_where_the_last_one_stopped(server, tmp_path):
    server.script = [25 * BLOCK]
    with pytest.raises(DownloadError, match="given up after 1 attempts: "):
        get(server, tmp_path, attempts=1)
    assert not (tmp_path / "set.zip").exists()
    assert (tmp_path / "set.zip.part").read_bytes() == CONTENT[: 25 * BLOCK]
    assert get(server, tmp_path) == CONTENT
    assert server.requests[1]["range"] == f"bytes={25 * BLOCK}-"
    assert server.sent == len(CONTENT)


def test_stopped_between_the_last_byte_and_the_name(server, tmp_path):
    (tmp_path / "set.zip.part").write_bytes(CONTENT)
    record = {"url": server.url, "validator": '"v1"', "size": len(CONTENT)}
    (tmp_path / "set.zip.part.json").write_text(json.dumps(record))
    assert get(server, tmp_path) == CONTENT
    assert server.requests == []


def test_a_server_without_ranges_begins_again(server, tmp_path):
    server.ranges, server.script = False, [400_000, 900_000]
    assert get(server, tmp_path) == CONTENT
    assert server.sent == len(CONTENT) + 1_300_000


@pytest.mark.parametrize("tag", ["", 'W/"v1"'])
def test_without_a_tag_that_tells_byte_from_byte_nothing_is_resumed(server, tmp_path, tag):
    server.tag, server.script = tag, [400_000]
    assert get(server, tmp_path) == CONTENT
    assert all("range" not in request for request in server.requests)


@pytest.mark.parametrize("honours", [True, False], ids=["whole file instead", "part of the new file"])
def test_a_file_that_changed_is_begun_again(server, tmp_path, honours):
    server.script = [400_000]
    with pytest.raises(DownloadError):
        get(server, tmp_path, attempts=1)
    server.content, server.tag = CONTENT[::-1], '"v2"'
    if not honours:  # a server that does not know If-Range
        server.script = [lambda handler: server.give(handler, trust_condition=True)]
    assert get(server, tmp_path) == CONTENT[::-1]


@pytest.mark.parametrize(
    "record",
    ["{", "[]", '{"url": "http://elsewhere/", "validator": "\\"v1\\"", "size": 9}', '{"size": 5}'],
    ids=["no JSON", "no record", "another address", "half a record"],
)
def test_a_part_of_unknown_origin_is_thrown_away(server, tmp_path, record):
    (tmp_path / "set.zip.part").write_bytes(b"something")
    (tmp_path / "set.zip.part.json").write_text(record)
    assert get(server, tmp_path) == CONTENT
    assert "range" not in server.requests[0]


def test_a_part_longer_than_the_file_is_thrown_away(server, tmp_path):
    (tmp_path / "set.zip.part").write_bytes(CONTENT + b"more")
    record = {"url": server.url, "validator": '"v1"', "size": None}
    (tmp_path / "set.zip.part.json").write_text(json.dumps(record))
    assert get(server, tmp_path) == CONTENT
    assert ["range" in request for request in server.requests] == [True, False]


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_refusal_is_told_at_once(server, tmp_path, status):
    server.script = [server.refuses(status)] * 9
    with pytest.raises(DownloadError, match=rf"the server said {status} .*\(in http://127"):
        get(server, tmp_path)
    assert len(server.requests) == 1


def test_a_busy_server_is_asked_again_after_the_time_it_names(server, tmp_path, monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr(module.time, "sleep", pauses.append)
    server.script = [server.refuses(503, Retry_After="7"), server.refuses(429), server.refuses(503, Retry_After="9999")]
    assert get(server, tmp_path, pause=1.0) == CONTENT
    assert pauses == [7.0, 2.0, 30.0]


def test_failures_in_a_row_are_counted_from_the_last_new_byte(server, tmp_path):
    busy = server.refuses(503)
    server.script = [busy, busy, 100_000, busy, busy, 100_000, busy, busy]
    assert get(server, tmp_path, attempts=4) == CONTENT
    server.script = [busy] * 4
    (tmp_path / "set.zip").unlink()
    with pytest.raises(DownloadError, match="given up after 4 attempts: the server said 503"):
        get(server, tmp_path, attempts=4)


def test_nobody_listens(server, tmp_path):
    server.server.shutdown()
    server.server.server_close()
    with pytest.raises(DownloadError, match="given up after 2 attempts: ConnectionError"):
        get(server, tmp_path, attempts=2)


def test_the_next_address_is_tried(server, tmp_path):
    options = {"progress": False, "pause": 0.0}
    server.script = [server.refuses(404)]
    path = download([server.url, f"{server.url}?2"], tmp_path / "set.zip", **options)
    assert path.read_bytes() == CONTENT
    path.unlink()
    server.script = [server.refuses(404), server.refuses(410)]
    with pytest.raises(DownloadError, match=r"none of 2 addresses provided set\.zip: .*404.*410"):
        download([server.url, f"{server.url}?2"], path, **options)


def test_a_disk_too_small_is_told_before_anything_is_written(server, tmp_path, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(DownloadError, match="the file has 1500000 bytes, the disk has 1000 free"):
        get(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- archives


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def take(archive: Path, to: Path, limit: int = 10**6) -> int:
    to.mkdir()
    return unpack(archive, to, lambda name: name.endswith(".csv"), limit=limit)


def written(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_wanted_members_keep_their_folders(tmp_path):
    members = {"top/a/1.csv": b"one", "top\\b\\2.csv": b"two", "top/film.avi": b"x" * 2000, "top/a/": b""}
    assert take(make_zip(tmp_path / "a.zip", members), tmp_path / "to", limit=6) == 2
    assert written(tmp_path / "to") == {"top/a/1.csv": b"one", "top/b/2.csv": b"two"}


@pytest.mark.parametrize("name", ["../1.csv", "/1.csv", "a/../../1.csv", "..\\1.csv", "C:/1.csv", "../not wanted.avi"])
def test_no_member_is_written_outside(tmp_path, name):
    archive = make_zip(tmp_path / "a.zip", {"good.csv": b"1", name: b"2"})
    with pytest.raises(DataError, match="outside of the folder"):
        take(archive, tmp_path / "to")
    assert written(tmp_path) == {"a.zip": archive.read_bytes()}


def test_links_and_encrypted_members_are_refused(tmp_path):
    link = zipfile.ZipInfo("link.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match=r"a link, or encrypted \(in .*member link\.csv"):
        take(tmp_path / "a.zip", tmp_path / "to")
    raw = bytearray(make_zip(tmp_path / "b.zip", {"secret.csv": b"1"}).read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "b.zip").write_bytes(raw)
    with pytest.raises(DataError, match=r"encrypted .*secret\.csv"):
        take(tmp_path / "b.zip", tmp_path / "to_b")


def test_two_members_of_one_name_are_refused(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"a/1.csv": b"1", "A/1.csv": b"2"})
    with pytest.raises(DataError, match="two members have the same name"):
        take(archive, tmp_path / "to")


@pytest.mark.parametrize("inner", ["a.csv/2.csv", "A.csv/b/2.csv"])
def test_a_member_inside_of_another_is_refused(tmp_path, inner):
    for i, names in enumerate(([inner, "a.csv"], ["a.csv", inner])):
        archive = make_zip(tmp_path / f"{i}.zip", dict.fromkeys(names, b"1"))
        with pytest.raises(DataError, match=r"a member is inside another one .*2\.csv"):
            take(archive, tmp_path / str(i))
        assert written(tmp_path / str(i)) == {}


def test_a_bomb_is_refused_by_its_declared_size(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {f"{i}.csv": bytes(10**6) for i in range(3)})
    assert archive.stat().st_size < 10_000
    with pytest.raises(DataError, match="3000000 bytes unpacked, at most 2999999"):
        take(archive, tmp_path / "to", limit=2_999_999)
    assert written(tmp_path / "to") == {}


def test_a_bomb_that_declares_too_little_gets_no_more_room(tmp_path):
    raw = bytearray(make_zip(tmp_path / "a.zip", {"1.csv": bytes(10**6)}).read_bytes())
    for header, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = raw.index(header) + offset
        raw[start : start + 4] = (1000).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(raw)
    with pytest.raises(DataError, match=r"cannot be unpacked.*member 1\.csv"):
        take(tmp_path / "a.zip", tmp_path / "to", limit=1000)
    assert all(len(content) <= 1000 for content in written(tmp_path / "to").values())


def test_damage_is_told_by_archive_or_member(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"1.csv": CONTENT[:5000], "2.csv": b"2"})
    raw = archive.read_bytes()
    archive.write_bytes(raw[:-30])
    with pytest.raises(DataError, match=r"not a complete zip archive.*a\.zip"):
        take(archive, tmp_path / "cut")
    archive.write_bytes(raw[:2000] + bytes([raw[2000] ^ 1]) + raw[2001:])
    with pytest.raises(DataError, match=r"cannot be unpacked.*member 1\.csv"):
        take(archive, tmp_path / "flipped")


class RefusingFile:
    """A file that takes some bytes, and then the system refuses."""

    def __init__(self, path: Path, mode: str, room: int, number: int) -> None:
        self.path, self.room, self.number, self.stream = path, room, number, path.open(mode)

    def __enter__(self) -> RefusingFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()

    def write(self, block: bytes) -> None:
        self.stream.write(block[: self.room])
        self.room -= len(block)
        if self.room < 0:
            raise OSError(self.number, os.strerror(self.number), str(self.path))


def refuse(monkeypatch: pytest.MonkeyPatch, where: Any, room: int, number: int) -> None:
    """Let the files that a module opens to write take ``room`` bytes each."""
    fake = lambda path, mode: RefusingFile(path, mode, room, number)  # noqa: E731
    monkeypatch.setattr(where, "open", fake, raising=False)


REFUSALS = [
    (errno.ENOSPC, "the disk is full .*Make room and run the same command again: it continues where it stopped"),
    (errno.EDQUOT, "the disk is full .*Make room and run"),
    (errno.EIO, "the disk refused to write: .*Input/output error.* run the same command again"),
]


@pytest.mark.parametrize(("number", "message"), REFUSALS)
def test_what_the_disk_refuses_is_not_the_archives_fault(tmp_path, monkeypatch, number, message):
    archive = make_zip(tmp_path / "a.zip", {"1.csv": b"one"})
    refuse(monkeypatch, archives, 2, number)
    with pytest.raises(ArtefactError, match=message):
        take(archive, tmp_path / "to")


def test_a_place_that_cannot_be_made_is_not_the_archives_fault(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"a/1.csv": b"one"})
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "a").write_bytes(b"a file")
    with pytest.raises(ArtefactError, match=r"the disk refused to write: .*File exists"):
        unpack(archive, tmp_path / "to", lambda name: True, limit=10)


# --- a data set: fetched, compared, put in its place

FILES = {f"Skeleton/a1_s1_t{i}_skeleton.mat": numpy_generator(i, "mat").bytes(300) for i in range(1, 6)}
ARCHIVE = {**FILES, "Skeleton/readme.txt": b"hello", "RGB/a1_s1_t1_color.avi": CONTENT[:90_000]}


@pytest.fixture
def small_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: FileServer) -> Iterator[Path]:
    """UTD-MHAD with five files, published at the server; gives a folder with them."""
    folder = tmp_path / "original"
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    sources, _ = find_sources(folder, ".mat")
    facts = {
        **resource("downloads.toml")["utd_mhad"],
        "urls": [server.url],
        "files": 5,
        "bytes": 1500,
        "names_sha256": names_digest(sources),
        "sha256": set_digest(sources),
    }
    monkeypatch.setitem(resource("downloads.toml"), "utd_mhad", facts)
    publication.cache_clear()
    server.content = make_zip(tmp_path / "made.zip", ARCHIVE).read_bytes()
    yield folder
    publication.cache_clear()


def obtain(tmp_path: Path, **options: Any):
    options = {"accept_licence": True, "progress": False, "pause": 0.0, **options}
    return fetch("utd_mhad", tmp_path / "raw" / "utd_mhad", **options)


def test_a_set_is_fetched_checked_and_put_in_place(small_set, server, tmp_path):
    got = obtain(tmp_path)
    assert got.fresh
    assert written(got.folder) == FILES
    assert [p.name for p in got.folder.parent.iterdir()] == ["utd_mhad"]
    again = obtain(tmp_path, accept_licence=False)
    assert not again.fresh
    assert len(server.requests) == 1


def test_an_interrupted_fetch_goes_on(small_set, server, tmp_path):
    server.script = [2 * BLOCK, *[server.refuses(503)] * 4]
    with pytest.raises(
        DownloadError, match=r"given up after 4 attempts: the server said 503 .* by hand .*--mirror FOLDER"
    ):
        obtain(tmp_path)
    got = obtain(tmp_path)
    assert written(got.folder) == FILES
    assert server.sent == len(server.content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Skeleton/a1_s1_t2_skeleton.mat": b"x" * 300}, "contents differ .*1500 bytes, as measured.*SHA-256"),
        ({"Skeleton/a1_s1_t2_skeleton.mat": b"x"}, "contents differ .*1201 bytes instead of 1500"),
        ({"Skeleton/a1_s1_t9_skeleton.mat": b"x"}, "6 of 5 files aA_sS_tT_skeleton.mat are there"),
        ({"more/a1_s1_t2_skeleton.mat": b"x"}, "exist more than once: a1_s1_t2_skeleton.mat"),
        ({"Skeleton/a1_s1_t2_skeleton.mat": b""}, "1 files are empty"),
    ],
)
def test_another_content_is_no_set(small_set, server, tmp_path, change, message):
    server.content = make_zip(tmp_path / "other.zip", ARCHIVE | change).read_bytes()
    with pytest.raises(DownloadError, match=f"is not the set that was measured: .*{message}.*without --strict"):
        obtain(tmp_path)
    assert not (tmp_path / "raw" / "utd_mhad").exists()
    assert written(tmp_path / "raw" / "utd_mhad.unverified") == FILES | change
    server.content = make_zip(tmp_path / "good.zip", ARCHIVE).read_bytes()
    assert written(obtain(tmp_path).folder) == FILES


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"<!DOCTYPE html>log in", "unusable: not a complete zip"), (b"", "unusable: not a complete zip")],
)
def test_what_is_no_archive_goes_away(small_set, server, tmp_path, content, message):
    server.content = content
    with pytest.raises(DownloadError, match=message):
        obtain(tmp_path)
    assert list((tmp_path / "raw").iterdir()) == []


def test_an_evil_archive_leaves_nothing(small_set, server, tmp_path):
    server.content = make_zip(tmp_path / "evil.zip", ARCHIVE | {"../a1_s1_t1_skeleton.mat": b"x"}).read_bytes()
    with pytest.raises(DownloadError, match="outside of the folder"):
        obtain(tmp_path)
    assert list((tmp_path / "raw").iterdir()) == []


@pytest.mark.parametrize(("number", "message"), REFUSALS)
def test_a_full_disk_while_unpacking_keeps_the_download(small_set, server, tmp_path, monkeypatch, number, message):
    with monkeypatch.context() as full:
        refuse(full, archives, 200, number)
        with pytest.raises(ArtefactError, match=message):
            obtain(tmp_path)
    assert written(tmp_path / "raw") == {"utd_mhad.download/Skeleton.zip": server.content}
    assert written(obtain(tmp_path).folder) == FILES
    assert len(server.requests) == 1, "what was there is not asked for again"
    assert [p.name for p in (tmp_path / "raw").iterdir()] == ["utd_mhad"]


def test_a_full_disk_while_downloading_keeps_what_came(small_set, server, tmp_path, monkeypatch):
    with monkeypatch.context() as full:
        refuse(full, module, 700, errno.ENOSPC)
        with pytest.raises(ArtefactError, match=r"the disk is full .*continues where it stopped"):
            obtain(tmp_path)
    assert obtain(tmp_path).fresh
    assert server.requests[-1]["range"] == "bytes=700-"


def test_a_full_disk_while_copying_from_this_machine(small_set, tmp_path, monkeypatch):
    def full(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("zsar_kit.data.fetch.shutil.copyfile", full)
    with pytest.raises(ArtefactError, match=r"the disk is full"):
        obtain(tmp_path, mirror=str(small_set))
    assert written(small_set) == FILES


def test_mirrors(small_set, server, tmp_path):
    base = server.url.removesuffix("/set.zip")
    for i, mirror in enumerate([f"{base}/deep", f"{base}/deep/", f"{base}/x.zip?dl=1"]):
        assert obtain(tmp_path / str(i), mirror=mirror).fresh
    assert server.paths == ["/deep/Skeleton.zip", "/deep/Skeleton.zip", "/x.zip?dl=1"]
    (tmp_path / "shelf").mkdir()
    make_zip(tmp_path / "shelf" / "Skeleton.zip", ARCHIVE)
    for i, place in enumerate([small_set, tmp_path / "shelf", tmp_path / "made.zip"]):
        got = obtain(tmp_path / f"local{i}", mirror=str(place))
        assert {Path(name).name for name in written(got.folder)} == {Path(name).name for name in FILES}
    assert (tmp_path / "shelf" / "Skeleton.zip").is_file(), "what is not ours stays"
    assert len(server.paths) == 3
    with pytest.raises(DownloadError, match="no such folder, archive or address"):
        obtain(tmp_path, mirror="ftp://somewhere/")


def test_a_folder_with_something_else_is_left_alone(small_set, tmp_path):
    (tmp_path / "raw" / "utd_mhad").mkdir(parents=True)
    assert obtain(tmp_path).fresh, "an empty folder is filled"
    (tmp_path / "raw" / "utd_mhad" / "Skeleton" / "a1_s1_t1_skeleton.mat").write_bytes(b"mine")
    with pytest.raises(ConfigError, match=r"not the whole data set: .*contents differ"):
        obtain(tmp_path)
    (tmp_path / "raw" / "file").write_text("")
    with pytest.raises(ConfigError, match="this is a file"):
        fetch("utd_mhad", tmp_path / "raw" / "file", accept_licence=True)


def test_the_command(small_set, server, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "fetch", "utd_mhad"]) == 2
    assert server.requests == []
    refused = capsys.readouterr().err
    assert "terms of use that are yours to accept" in refused
    assert "UTD-MHAD.html" in refused
    assert main(["data", "fetch", "utd_mhad", "--accept-licence", "--quiet"]) == 0
    said = capsys.readouterr()
    assert "zsar data prepare utd_mhad --root raw/utd_mhad" in said.out
    assert "ICIP 2015" in said.out
    assert main(["data", "check", "utd_mhad", "--root", "raw/utd_mhad"]) == 0
    assert "complete, 5 files; names and contents as measured" in capsys.readouterr().out
    (tmp_path / "raw" / "utd_mhad" / "Skeleton" / "a1_s1_t1_skeleton.mat").unlink()
    assert main(["data", "check", "utd_mhad", "--root", "raw/utd_mhad"]) == 2
    assert "4 of 5 files" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ("ntu60", ["nturgbd_skeletons_s001_to_s017.zip", "rose1.ntu.edu.sg", "zsar data check ntu60 --root"]),
        ("ntu120", ["nturgbd_skeletons_s001_to_s017.zip", "nturgbd_skeletons_s018_to_s032.zip"]),
        ("pku_mmd", ["Skeleton.7z", "Label_PKUMMD.7z", "cross-subject.txt", "PKUMMD.html"]),
        ("utd_mhda", ["Did you mean 'utd_mhad'?"]),
    ],
)
def test_what_cannot_be_fetched_is_told_in_one_line(dataset, words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "fetch", dataset, "--accept-licence"]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert all(word in line for word in words)
    assert list(tmp_path.iterdir()) == []
