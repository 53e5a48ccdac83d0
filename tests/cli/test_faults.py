"""Faults of the machine: each command under each fault says one line, ends with code 2, leaves nothing half-written.

Faults are made without rights that a test may lack, and bind the superuser too: a file in the place of a folder, a
limit on the size of files, and renames that fail.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError

from zsar_kit.artefacts import atomic_folder, write_atomic
from zsar_kit.cli import main
from zsar_kit.cli.common import app
from zsar_kit.data.catalogue import class_names
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.faults import machine_fault

ROOT = Path(__file__).resolve().parents[2]


# --- commands, each with small inputs of its own


def raw_files(folder: Path, count: int = 3, frames: int = 8) -> Path:
    """Files of NW-UCLA; noise for motion."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(count):
        content = {"skeletons": rng.normal(size=(frames, 20, 3)).round(3).tolist(), "label": 1}
        (folder / f"a01_s{1 + i // 50:02d}_e{i % 50:02d}_v01.json").write_text(json.dumps(content))
    return folder


def skeletons(folder: Path) -> Path:
    """A prepared set of both parts."""
    rng, names = np.random.default_rng(0), class_names("nw_ucla")
    made = (
        SkeletonSequence(
            f"s{i}", rng.normal(size=(1, 6, 25, 3)).astype(np.float32), i % 10, subject=1, camera=1 + i % 3
        )
        for i in range(20)
    )
    SkeletonSet.write(folder, made, dataset="nw_ucla", layout="ntu25", class_names=names, inputs={"from": "a test"})
    return folder


def published(path: Path) -> Path:
    """Features in Flora's layout for NW-UCLA's split 5/5."""
    from zsar_kit.data.splits import load_split

    split, rng = load_split("nw_ucla", "5/5"), np.random.default_rng(0)
    both = np.array([*split.unseen, *split.seen])
    labels = {"train": np.repeat(split.seen, 3), "zsl": np.array(split.unseen), "gzsl": both}
    arrays = {}
    for name, ids in labels.items():
        values = (
            np.random.default_rng(1).normal(size=(len(ids), 64)) if name != "train" else rng.normal(size=(len(ids), 64))
        )
        arrays |= {f"{name}_data": values.astype(np.float32), f"{name}_label": ids}
    np.savez(path, **arrays)
    return path


def finished_run(folder: Path, make_result) -> Path:
    """A finished run in a workspace of its own, with the parts that its result names."""
    run = RunFolder(folder / "runs" / "puppet_23-5_ridge_motion_s0_0123456789ab")
    run.begin(RunConfig(method="ridge", preset="motion").resolve(), {}, {})
    make_result().write(run.path / "result.json")
    for part in ("encoders/puppet/x", "semantics/puppet_motion_x"):
        write_atomic(folder / part / "provenance.json", "{}")
        write_atomic(folder / part / "weights", "w" * 4000)
    return run.path


def packed_run(folder: Path, make_result) -> Path:
    run = finished_run(folder / "home", make_result)
    assert main(["run", "export", str(run), str(folder / "run.zip"), "--workspace", str(folder / "home")]) == 0
    return folder / "run.zip"


def page(path: Path, *marks: str) -> Path:
    path.write_text("".join(f"<!-- {m} -->\n<!-- /{m} -->\n" for m in marks))
    return path


#: name to a function of a folder for inputs, a place to write to, and the fixture of results; gives the command
COMMANDS: dict[str, Callable[[Path, Path, Callable], list[str]]] = {
    "data prepare": lambda of, to, _: [
        *("data", "prepare", "nw_ucla", "--root", str(raw_files(of / "raw")), "--processes", "1"),
        *("--quiet", "--workspace", str(to)),
    ],
    "split make": lambda of, to, _: ["split", "make", "utd_mhad", "--unseen", "5", "--out", str(to / "s.toml")],
    "import features": lambda of, to, _: [
        *("import", "flora", str(published(of / "f.npz")), "--dataset", "nw_ucla", "--split", "5/5"),
        *("--out", str(to / "features")),
    ],
    "import skeletons": lambda of, to, _: [
        *("import", "pku", str(exported(of, "pku")), "--dataset", "nw_ucla", "--protocol", "xview"),
        *("--workspace", str(to)),
    ],
    "export skeletons": lambda of, to, _: [
        *("export", "ctrgcn", str(skeletons(of / "set")), str(to / "set.npz"), "--protocol", "xview")
    ],
    "export features": lambda of, to, _: [
        *("export", "synse", str(imported(of)), str(to / "synse"), "--split", "5/5"),
    ],
    "run export": lambda of, to, results: [
        *("run", "export", str(finished_run(of / "home", results)), str(to / "r.zip"), "--workspace", str(of / "home")),
    ],
    "run import": lambda of, to, results: ["run", "import", str(packed_run(of, results)), "--workspace", str(to)],
    "show": lambda of, to, results: ["show", str(finished_run(of, results)), "--figures", str(to)],
}
#: commands that compute for long: they meet the fault at their first file
LONG: dict[str, Callable[[Path], list[str]]] = {
    "data prepare puppet": lambda to: ["data", "prepare", "puppet", "--workspace", str(to)],
    "data show": lambda to: ["data", "show", "puppet", "--workspace", str(to)],
    "data audit": lambda to: ["data", "audit", "puppet", "--workspace", str(to)],
    "features": lambda to: ["features", "puppet", "23/5", "--device", "cpu", "--workspace", str(to)],
    "train": lambda to: ["train", "--method", "ridge", "--preset", "motion", "--device", "cpu", "--workspace", str(to)],
    "demo": lambda to: ["demo", "--device", "cpu", "--workspace", str(to), "--figures", str(to / "figures")],
}


def exported(of: Path, form: str) -> Path:
    assert main(["export", form, str(skeletons(of / "set")), str(of / "set.npz"), "--protocol", "xview"]) == 0
    return of / "set.npz"


def imported(of: Path) -> Path:
    command = ["import", "flora", str(published(of / "f.npz")), "--dataset", "nw_ucla", "--split", "5/5"]
    assert main([*command, "--encoder-classes", "seen", "--out", str(of / "features")]) == 0
    return of / "features"


# --- faults


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond a size; the system says so in the middle of writing, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def failing_renames(number: int) -> Iterator[None]:
    """What is written cannot be given its name."""

    def fail(source, target, **_):
        raise OSError(number, os.strerror(number), os.fspath(source), None, os.fspath(target))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", fail)
        patch.setattr(os, "rename", fail)
        yield


RENAMES = ("ENOSPC", "EDQUOT", "EACCES", "EPERM", "EROFS", "EFBIG", "EIO", "ENAMETOOLONG")
FIRST = ("a file in its place", "a device in its place", "no byte")
FAULTS = (*FIRST, "half the largest file", *RENAMES)
TOLD = {
    "a file in its place": "expected a folder, found a file",
    "a device in its place": "expected a folder, found a file",
    "no byte": "a file would be larger than the system allows",
    "half the largest file": "a file would be larger than the system allows",
    "ENOSPC": "the disk is full",
    "EDQUOT": "the disk is full",
    "EACCES": "access was denied",
    "EPERM": "access was denied",
    "EROFS": "the disk is read-only",
    "EFBIG": "a file would be larger than the system allows",
    "EIO": "the disk refused to write",
    "ENAMETOOLONG": "the name is too long",
}


@contextmanager
def fault(name: str, largest: int) -> Iterator[None]:
    if name in RENAMES:
        with failing_renames(getattr(errno, name)):
            yield
    elif name in ("no byte", "half the largest file"):
        with largest_file(0 if name == "no byte" else largest // 2):
            yield
    else:
        yield


def files(*folders: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for folder in folders for p in folder.rglob("*") if p.is_file()}


def target_of(name: str, tmp_path: Path) -> Path:
    """Where a command is told to write."""
    if name == "a device in its place":
        return Path("/dev/null/x")
    if name == "a file in its place":
        (tmp_path / "file").write_text("in the way")
        return tmp_path / "file" / "x"
    return tmp_path / "to"


def check_refused(command: list[str], name: str, tmp_path: Path, capsys, largest: int = 0) -> None:
    before = files(tmp_path)
    capsys.readouterr()
    with fault(name, largest):
        code = main(command)
    shown = capsys.readouterr()
    assert (code, shown.out) == (2, ""), (command, name, shown)
    assert shown.err.count("\n") == 1, (command, name, shown.err)
    assert shown.err.startswith(f"error: {TOLD[name]}"), (command, name, shown.err)
    kept = {path for path in files(tmp_path).keys() - before.keys() if ".partial/" not in path}
    assert not kept, (command, name)
    assert not [path for path in tmp_path.rglob("*") if ".tmp-" in path.name or path.name.startswith(".")]
    assert before.items() <= files(tmp_path).items()


@pytest.mark.parametrize("which", COMMANDS)
def test_each_command_under_each_fault(which, tmp_path, capsys, make_result):
    """Twelve faults each; after the fault is mended the same command does its work."""
    trials = 0
    for name in FAULTS:
        place = tmp_path / name.replace(" ", "_")
        (place / "of").mkdir(parents=True)
        command = COMMANDS[which](place / "of", target_of(name, place), make_result)
        largest = 0
        if name == "half the largest file":
            (place / "free" / "of").mkdir(parents=True)
            free = COMMANDS[which](place / "free" / "of", place / "free" / "to", make_result)
            assert main(free) in (0, 3)
            largest = max(len(content) for content in files(place / "free" / "to").values())
        check_refused(command, name, place, capsys, largest)
        trials += 1
        if name in RENAMES[:1] or name == "half the largest file":
            assert main(command) in (0, 3), "the remedy says to run it again"
    assert trials == len(FAULTS) == 12


@pytest.mark.parametrize("which", COMMANDS)
def test_ctrl_c_leaves_nothing_half_written(which, tmp_path, capsys, monkeypatch, make_result):
    """It comes when everything is written and nothing has its name yet."""
    (tmp_path / "of").mkdir()
    command = COMMANDS[which](tmp_path / "of", tmp_path / "to", make_result)
    before = files(tmp_path)
    capsys.readouterr()

    def stopped(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", stopped)
        patch.setattr(os, "rename", stopped)
        assert main(command) == 130
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "stopped; run the same command again to resume\n")
    assert files(tmp_path) == before
    assert main(command) in (0, 3)


@pytest.mark.slow
@pytest.mark.parametrize("which", LONG)
def test_long_commands_stop_at_their_first_file(which, tmp_path, capsys):
    for name in FIRST:
        place = tmp_path / name.replace(" ", "_")
        place.mkdir()
        check_refused([*LONG[which](target_of(name, place)), "--quiet"], name, place, capsys)


# --- what is a fault of the machine, and what is not


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        KeyError("x"),
        TypeError("x"),
        RuntimeError("x"),
        FileNotFoundError(errno.ENOENT, "x", "y"),
        OSError("x"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_a_bug_keeps_its_traceback(error, monkeypatch):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr(app, "cli", broken)
    assert machine_fault(error) is None
    with pytest.raises(type(error)):
        main(["data", "list"])


def test_errors_of_other_libraries_are_recognised(tmp_path, monkeypatch, capsys):
    """safetensors tells the number in words, NumPy none at all."""
    told = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
    cut = OSError("4000 requested and 1024 written")
    for error in (told, cut):
        fault = machine_fault(error)
        assert fault is not None
        assert fault.problem == "the disk is full"
    assert machine_fault(SafetensorError("invalid header")) is None
    with pytest.raises(OSError, match="No space left on device") as raised, atomic_folder(tmp_path / "a"):
        np.zeros(100_000).tofile("/dev/full")
    assert raised.value.errno == errno.ENOSPC
    assert raised.value.filename == str(tmp_path / "a")


def test_scratch_files_go_away_and_the_old_content_stays(tmp_path):
    write_atomic(tmp_path / "a.json", "old")
    with largest_file(3), pytest.raises(OSError, match="too large") as raised:
        write_atomic(tmp_path / "a.json", "x" * 100)
    assert raised.value.filename == str(tmp_path / "a.json")
    assert files(tmp_path) == {str(tmp_path / "a.json"): b"old"}


# --- standard output, and Ctrl-C


def started(*command: str, **options) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "zsar_kit", *command], stderr=subprocess.PIPE, text=True, env=environment, **options
    )


def test_an_answer_that_cannot_be_written_is_one_line():
    with open("/dev/full", "w") as full:
        process = started("data", "list", stdout=full)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said.count("\n")) == (2, 1)
    assert said.startswith("error: the disk is full (in standard output)")


@pytest.mark.parametrize("command", [["data", "list"], ["--help"], ["ablate", "--help"]], ids=" ".join)
def test_a_reader_that_has_seen_enough_is_no_error(command):
    """Neither for an answer nor for what the parser of arguments prints."""
    reading, writing = os.pipe()
    os.close(reading)
    process = started(*command, stdout=writing)
    os.close(writing)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "")


@pytest.mark.slow
def test_ctrl_c_while_files_are_read_in_two_processes(tmp_path):
    """As a terminal sends it, to all processes at once; the next attempt reads only what is missing."""
    raw = raw_files(tmp_path / "raw", count=400, frames=60)
    command = ["data", "prepare", "nw_ucla", "--root", str(raw), "--quiet", "--processes", "2"]
    command += ["--workspace", str(tmp_path / "w")]
    # A shell may have started the tests with Ctrl-C ignored, which children inherit.
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    process = started(*command, stdout=subprocess.PIPE, start_new_session=True, **heard)
    partial = tmp_path / "w" / "skeletons" / "nw-ucla.partial"
    while not partial.is_dir() or not list(partial.glob("chunk-*.safetensors")):
        assert process.poll() is None, "it ended before it could be stopped"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, out, said) == (130, "", "stopped; run the same command again to resume\n")
    assert not (tmp_path / "w" / "skeletons" / "nw-ucla").exists()
    assert not list((tmp_path / "w").rglob("*.tmp-*"))
    assert main(command) == 3  # of 1484 files, 400 are there
    assert len(SkeletonSet.load(tmp_path / "w" / "skeletons" / "nw-ucla")) == 400
