"""Preparing a data set: the same bytes for any number of processes, attempts and kills; what is left out is said."""

from __future__ import annotations

import dataclasses
import errno
import os
import signal
import subprocess
import sys
import time
import zipfile
from importlib import import_module
from pathlib import Path

import numpy as np
import psutil
import pytest
import scipy.io

from zsar_kit.data.readers import prepare
from zsar_kit.data.readers.files import plan_files
from zsar_kit.data.readers.plan import LeftOut, find_sources
from zsar_kit.data.readers.prepare import carry_out, is_up_to_date, open_prepared, read_left_out, write_left_out
from zsar_kit.data.readers.utd_mhad import UTD_MHAD
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.errors import ArtefactError, DataError

FILES = 24


def mat(path: Path, scale: float = 1.0) -> Path:
    seed = sum(path.name.encode())
    joints = scale * np.random.default_rng(seed).normal(size=(20, 3, 5 + seed % 7))
    scipy.io.savemat(path, {"d_skel": joints}, do_compression=True)
    return path


@pytest.fixture
def raw(tmp_path) -> Path:
    root = tmp_path / "raw"
    root.mkdir()
    for i in range(FILES):
        mat(root / f"a{1 + i % 27}_s{1 + i % 8}_t{1 + i // 8}_skeleton.mat")
    return root


def make(root: Path, out: Path, **options) -> prepare.Prepared:
    return carry_out(plan_files(UTD_MHAD, root), out, root=root, **options)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def whole(raw, tmp_path) -> dict[str, bytes]:
    """The bytes of an undisturbed preparation by one process."""
    return content(make(raw, tmp_path / "whole").skeletons.path)


def test_any_number_of_processes_and_any_chunks_give_the_same_bytes(raw, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "CHUNK_ITEMS", 5)
    assert content(make(raw, tmp_path / "two", processes=2).skeletons.path) == whole
    monkeypatch.setattr(prepare, "CHUNK_BYTES", 1)  # a chunk for each file
    assert content(make(raw, tmp_path / "one").skeletons.path) == whole
    assert not list(tmp_path.glob("*.partial"))


def test_killed_at_any_moment_it_goes_on_and_ends_with_the_same_bytes(raw, whole, tmp_path):
    out = tmp_path / "killed"
    program = (
        "import sys; from zsar_kit.data.readers import prepare; from zsar_kit.data.readers.files import plan_files;"
        "from zsar_kit.data.readers.utd_mhad import UTD_MHAD; prepare.CHUNK_ITEMS = 1;"
        "prepare.carry_out(plan_files(UTD_MHAD, sys.argv[1]), sys.argv[2], root=sys.argv[1])"
    )
    partial = out.with_name("killed.partial")

    def chunks() -> int:
        return len(list(partial.glob("chunk-*.safetensors"))) if partial.is_dir() else 0

    kills = 0
    for wanted in (1, 7, 15):
        process = subprocess.Popen([sys.executable, "-c", program, str(raw), str(out)])
        while chunks() < wanted and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    assert kills, "no attempt was killed while it worked"
    subprocess.run([sys.executable, "-c", program, str(raw), str(out)], check=True)
    assert content(out) == whole
    assert not partial.exists()


def test_only_what_is_missing_is_read_again(raw, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "CHUNK_ITEMS", 4)
    full = write_until(3, monkeypatch)
    with pytest.raises(ArtefactError, match=r"the disk is full .*continues where it stopped"):
        make(raw, tmp_path / "set")
    assert full == ["full"]
    assert len(list((tmp_path / "set.partial").iterdir())) == 3
    monkeypatch.undo()
    monkeypatch.setattr(prepare, "CHUNK_ITEMS", 4)
    read: list[str] = []
    monkeypatch.setattr(prepare, "_read_item", spy(prepare._read_item, read))
    assert content(make(raw, tmp_path / "set").skeletons.path) == whole
    assert len(read) == FILES - 12


def write_until(count: int, monkeypatch) -> list[str]:
    """From the chunk after ``count`` on, the disk is full."""
    original, written, full = prepare.write_atomic, [], []

    def write(path, data):
        if len(written) == count:
            full.append("full")
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path)
        original(path, data)

    monkeypatch.setattr(prepare, "write_atomic", write)
    return full


def spy(function, read: list[str]):
    def wrapped(plan, item, strict):
        read.append(item.name)
        return function(plan, item, strict)

    return wrapped


def test_a_file_that_changed_meanwhile_is_read_anew(raw, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "CHUNK_ITEMS", 1)
    write_until(20, monkeypatch)
    with pytest.raises(ArtefactError, match="the disk is full"):
        make(raw, tmp_path / "set")
    monkeypatch.undo()
    changed = mat(raw / "a1_s1_t1_skeleton.mat", scale=2.0)
    os.utime(changed, ns=(1, 1))
    continued = content(make(raw, tmp_path / "set").skeletons.path)
    assert continued["frames.npy"] == content(make(raw, tmp_path / "fresh").skeletons.path)["frames.npy"]


def test_a_damaged_chunk_is_made_again(raw, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "CHUNK_ITEMS", 8)
    write_until(2, monkeypatch)
    with pytest.raises(ArtefactError):
        make(raw, tmp_path / "set")
    monkeypatch.undo()
    monkeypatch.setattr(prepare, "CHUNK_ITEMS", 8)
    chunk = tmp_path / "set.partial" / "chunk-000001.safetensors"
    chunk.write_bytes(chunk.read_bytes()[:40])
    assert content(make(raw, tmp_path / "set").skeletons.path) == whole


def test_a_killed_worker_is_one_clear_error_and_what_it_had_is_kept(raw, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "CHUNK_ITEMS", 4)
    (tmp_path / "deadly.py").write_text(
        "import os\n"
        "from zsar_kit.data.readers.files import read_item\nfrom zsar_kit.data.readers.utd_mhad import UTD_MHAD\n"
        "def read(item):\n"
        "    return os._exit(9) if item.name.startswith('a9_') else read_item(UTD_MHAD, item)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    plan = dataclasses.replace(plan_files(UTD_MHAD, raw), read=import_module("deadly").read)
    with pytest.raises(ArtefactError, match=r"a reading process was killed.*fewer processes"):
        carry_out(plan, tmp_path / "set", root=raw, processes=2)
    assert content(make(raw, tmp_path / "set").skeletons.path) == whole


def test_a_zip_archive_is_as_good_as_a_folder(raw, whole, tmp_path):
    archive = tmp_path / "zipped" / "Skeleton.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for path in sorted(raw.iterdir(), reverse=True):
            target.write(path, f"Skeleton/{path.name}")
    for number, root in enumerate((archive, archive.parent)):
        made = make(root, tmp_path / f"from-zip-{number}")
        assert content(made.skeletons.path)["frames.npy"] == whole["frames.npy"]
        assert content(made.skeletons.path)["index.csv"] == whole["index.csv"]


def test_an_archive_cut_short_is_reported_and_the_rest_goes_on(raw, tmp_path):
    with zipfile.ZipFile(raw / "more.zip", "w") as target:
        target.write(raw / "a1_s1_t1_skeleton.mat", "a9_s8_t4_skeleton.mat")
    cut = raw / "more.zip"
    cut.write_bytes(cut.read_bytes()[:-30])
    made = make(raw, tmp_path / "set")
    assert len(made.skeletons) == FILES
    assert [(entry.sample, entry.reason, entry.expected) for entry in made.left_out] == [("more.zip", "broken", False)]
    assert "cannot be opened" in made.left_out[0].detail
    assert not made.whole


def test_a_damaged_member_is_reported_by_name(raw, tmp_path):
    with zipfile.ZipFile(raw / "more.zip", "w") as target:
        target.write(raw / "a1_s1_t1_skeleton.mat", "a9_s8_t4_skeleton.mat")
    damaged = bytearray((raw / "more.zip").read_bytes())
    damaged[200] ^= 0xFF
    (raw / "more.zip").write_bytes(bytes(damaged))
    (entry,) = make(raw, tmp_path / "set").left_out
    assert entry.sample == "a9_s8_t4_skeleton.mat"
    assert entry.detail.startswith("this file cannot be read: Bad CRC-32")
    assert str(raw) not in entry.detail


def test_broken_and_double_files_are_left_out_with_a_reason(raw, tmp_path):
    (raw / "a3_s3_t1_skeleton.mat").write_bytes(b"")
    (raw / "again").mkdir()
    mat(raw / "again" / "a2_s2_t1_skeleton.mat", scale=2.0)
    made = make(raw, tmp_path / "set")
    assert {entry.sample: entry.reason for entry in made.left_out} == {
        "a2_s2_t1_skeleton.mat": "duplicate",
        "a3_s3_t1_skeleton.mat": "broken",
    }
    assert len(made.skeletons) == FILES - 2
    assert not made.whole
    assert made.missing == 861 - FILES
    assert open_prepared(tmp_path / "set").left_out == made.left_out


def test_strict_stops_at_the_first(raw, tmp_path):
    complete = plan_files(UTD_MHAD, raw)
    with pytest.raises(DataError, match=r"utd_mhad has 861 raw files, found 24.*strict=False"):
        carry_out(complete, tmp_path / "set", root=raw, strict=True)
    (raw / "a3_s3_t1_skeleton.mat").write_bytes(b"")
    small = dataclasses.replace(plan_files(UTD_MHAD, raw), complete=FILES)
    for processes in (1, 2):
        with pytest.raises(DataError, match=r"the file is empty \(in .*a3_s3_t1_skeleton\.mat\)\. Fetch the file"):
            carry_out(small, tmp_path / "set", root=raw, strict=True, processes=processes)
    assert not (tmp_path / "set").exists()


def test_nothing_at_all_is_an_error(tmp_path):
    (tmp_path / "a1_s1_t1_skeleton.mat").write_bytes(b"no")
    with pytest.raises(DataError, match="no sequence to write"):
        make(tmp_path, tmp_path / "out" / "set")


def test_a_set_is_known_by_the_files_it_was_made_of(raw, tmp_path):
    made = make(raw, tmp_path / "set")
    assert is_up_to_date(plan_files(UTD_MHAD, raw), made.skeletons.path)
    mat(raw / "a27_s8_t4_skeleton.mat")
    assert not is_up_to_date(plan_files(UTD_MHAD, raw), made.skeletons.path)
    assert not is_up_to_date(plan_files(UTD_MHAD, raw), tmp_path / "nowhere")


def test_the_digest_follows_raw_content_and_not_its_place(raw, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    raw.rename(elsewhere)
    made = make(elsewhere, tmp_path / "a").skeletons
    elsewhere.rename(raw)
    assert make(raw, tmp_path / "b").skeletons.digest == made.digest
    mat(raw / "a1_s1_t1_skeleton.mat", scale=3.0)
    assert make(raw, tmp_path / "c").skeletons.digest != made.digest


def test_the_report_is_what_was_written(tmp_path):
    entries = [
        LeftOut("S001C001P001R001A001", "listed as missing", 'the list says, "no body"', True),
        LeftOut("x, y", "broken", "line 3\nand more"),
    ]
    write_left_out(tmp_path / prepare.LEFT_OUT, entries)
    assert read_left_out(tmp_path) == tuple(entries)
    (tmp_path / prepare.LEFT_OUT).write_text("sample,why\n")
    with pytest.raises(ArtefactError, match="the columns must be sample, reason, detail, expected"):
        read_left_out(tmp_path)


def test_sources_are_found_at_any_depth_and_sorted_by_name(raw, tmp_path):
    (raw / "deep" / "er").mkdir(parents=True)
    (raw / "a1_s1_t1_skeleton.mat").rename(raw / "deep" / "er" / "a1_s1_t1_skeleton.mat")
    sources, damaged = find_sources(raw, ".mat")
    assert [source.name for source in sources] == sorted(source.name for source in sources)
    assert len(sources) == FILES
    assert damaged == []
    with pytest.raises(DataError, match="no such folder or archive"):
        find_sources(tmp_path / "nowhere", ".mat")


def test_a_set_of_before_opens_as_whole(tmp_path):
    """Sets made by another route have no report and no count, and nothing is wrong with them."""
    from zsar_kit.data.skeletons import SkeletonSequence

    joints = np.ones((1, 2, 20, 3), dtype=np.float32)
    SkeletonSet.write(
        tmp_path / "set",
        [SkeletonSequence("a", joints, 0)],
        dataset="demo",
        layout="kinect_v1_20",
        class_names=["wave"],
        inputs={},
    )
    assert open_prepared(tmp_path / "set").whole


def test_strict_does_not_take_over_what_a_lenient_attempt_left_out(raw, tmp_path, monkeypatch):
    (raw / "a3_s3_t1_skeleton.mat").write_bytes(b"")
    monkeypatch.setattr(prepare, "CHUNK_ITEMS", 4)
    write_until(5, monkeypatch)
    with pytest.raises(ArtefactError, match="the disk is full"):
        make(raw, tmp_path / "set")
    monkeypatch.undo()
    monkeypatch.setattr(prepare, "CHUNK_ITEMS", 4)
    small = dataclasses.replace(plan_files(UTD_MHAD, raw), complete=FILES)
    with pytest.raises(DataError, match=r"left out as broken: the file is empty.*without --strict"):
        carry_out(small, tmp_path / "set", root=raw, strict=True)
    assert not (tmp_path / "set").exists()


def test_the_set_does_not_depend_on_how_its_place_is_spelt(raw, tmp_path, monkeypatch):
    deep = raw / "old_raw" / "raw"
    deep.mkdir(parents=True)
    (deep / "a3_s3_t3_skeleton.mat").write_bytes(b"")
    archive = tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w") as target:
        target.write(deep / "a3_s3_t3_skeleton.mat", "a3_s3_t3_skeleton.mat")
        target.write(raw / "a1_s1_t1_skeleton.mat", "a1_s1_t1_skeleton.mat")
    monkeypatch.chdir(tmp_path)
    for number, roots in enumerate(((raw, Path("raw"), Path("raw/../raw")), (archive, Path("all.zip")))):
        made = [make(root, tmp_path / f"set-{number}-{i}") for i, root in enumerate(roots)]
        assert len({one.skeletons.digest for one in made}) == 1
        place = "all.zip, member a3_s3_t3" if number else "(in old_raw/raw/a3_s3_t3"
        assert all(place in one.left_out[0].detail for one in made)


def test_linked_folders_are_entered_and_what_macos_leaves_is_not_read(raw, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "linked").symlink_to(raw, target_is_directory=True)
    (raw / "up").symlink_to(root, target_is_directory=True)
    (raw / "._a1_s1_t1_skeleton.mat").write_bytes(b"Mac OS X")
    with zipfile.ZipFile(root / "more.zip", "w") as target:
        target.write(raw / "a1_s1_t1_skeleton.mat", "a9_s8_t4_skeleton.mat")
        target.writestr("__MACOSX/._a9_s8_t4_skeleton.mat", b"Mac OS X")
    made = make(root, tmp_path / "set")
    assert len(made.skeletons) == FILES + 1
    assert made.left_out == ()


def test_an_archive_that_was_fetched_again_is_read_anew(raw, tmp_path):
    archive = tmp_path / "more.zip"

    def fetch(*names: str) -> None:
        with zipfile.ZipFile(archive, "w") as target:
            for name in names:
                target.write(raw / "a1_s1_t1_skeleton.mat", name)

    fetch("a1_s1_t1_skeleton.mat", "a2_s1_t1_skeleton.mat")
    assert len(make(archive, tmp_path / "one").skeletons) == 2
    fetch("a3_s1_t1_skeleton.mat")
    assert make(archive, tmp_path / "two").skeletons.index.sample.tolist() == ["a3_s1_t1"]


def test_a_damaged_archive_is_named_where_nothing_else_is_found(tmp_path):
    (tmp_path / "Skeleton.zip").write_bytes(b"PK cut short")
    with pytest.raises(DataError, match=r"found 0 \.mat files; the archive .*Skeleton\.zip cannot be opened"):
        plan_files(UTD_MHAD, tmp_path)


def test_what_an_older_reader_made_is_not_reused(raw, tmp_path):
    made = make(raw, tmp_path / "set")
    newer = dataclasses.replace(plan_files(UTD_MHAD, raw), version=2)
    assert not is_up_to_date(newer, made.skeletons.path)


def test_an_archive_beside_what_was_unpacked_of_it_counts_once(raw, whole, tmp_path):
    with zipfile.ZipFile(raw / "Skeleton.zip", "w", zipfile.ZIP_DEFLATED) as target:
        for path in sorted(raw.glob("*.mat")):
            target.write(path, path.name)
    made = make(raw, tmp_path / "set")
    assert content(made.skeletons.path)["frames.npy"] == whole["frames.npy"]
    assert made.left_out == ()
    assert made.notes == (f"{FILES} files exist more than once with the same content; one of each was read.",)


def test_readers_end_with_the_process_that_asked(raw, tmp_path):
    (tmp_path / "slow.py").write_text(
        "import time\n"
        "from zsar_kit.data.readers.files import read_item\nfrom zsar_kit.data.readers.utd_mhad import UTD_MHAD\n"
        "def read(item):\n"
        "    time.sleep(60)\n"
        "    return read_item(UTD_MHAD, item)\n"
    )
    program = (
        "import dataclasses, sys, slow; from zsar_kit.data.readers import prepare;"
        "from zsar_kit.data.readers.files import plan_files; from zsar_kit.data.readers.utd_mhad import UTD_MHAD;"
        "prepare.CHUNK_ITEMS = 4; plan = dataclasses.replace(plan_files(UTD_MHAD, sys.argv[1]), read=slow.read);"
        "prepare.carry_out(plan, sys.argv[2], root=sys.argv[1], processes=2)"
    )
    place = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    process = subprocess.Popen([sys.executable, "-c", program, str(raw), str(tmp_path / "set")], env=place)

    deadline = time.monotonic() + 60
    asked, readers = psutil.Process(process.pid), []
    while len(readers) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
        readers = [child for child in asked.children(recursive=True) if "spawn_main" in " ".join(child.cmdline())]
    assert len(readers) == 2
    time.sleep(3)  # until they have begun
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(readers, timeout=30)
    assert alive == []
