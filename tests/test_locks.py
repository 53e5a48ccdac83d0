"""One maker of an artefact at a time, also when a maker is killed."""

from __future__ import annotations

import errno
import logging
import subprocess
import sys
import time

import pytest

from zsar_kit.locks import if_free, lock_file, only_maker

MAKER = """
import sys, time
from pathlib import Path
from zsar_kit.artefacts import atomic_folder, exists, made_once, write_provenance
thing, diary = Path(sys.argv[1]), Path(sys.argv[2])
with made_once(thing):
    if not exists(thing):
        with diary.open("a") as stream:
            stream.write("made\\n")
        with atomic_folder(thing) as folder:
            (folder / "data.txt").write_text("1")
            time.sleep(0.5)
            write_provenance(folder, "Thing", version=1, inputs={})
"""

HOLDER = """
import sys, time
from zsar_kit.locks import only_maker
with only_maker(sys.argv[1]):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def start_holder(path, seconds):
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path), str(seconds)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def test_four_processes_that_need_an_artefact_make_it_once(tmp_path):
    command = [sys.executable, "-c", MAKER, str(tmp_path / "thing"), str(tmp_path / "diary")]
    makers = [subprocess.Popen(command) for _ in range(4)]
    assert [maker.wait() for maker in makers] == [0, 0, 0, 0]
    assert (tmp_path / "diary").read_text() == "made\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["diary", "thing"]


def test_waiting_says_so_and_ends_with_the_holder(tmp_path, caplog):
    holder = start_holder(tmp_path / "thing", 60)
    with if_free(tmp_path / "thing") as held:
        assert not held
    killer = subprocess.Popen([sys.executable, "-c", f"import os, time; time.sleep(2); os.kill({holder.pid}, 9)"])
    started = time.monotonic()
    with caplog.at_level(logging.INFO, logger="zsar_kit"), only_maker(tmp_path / "thing"):
        assert time.monotonic() - started > 1
    assert f"another process is making {tmp_path / 'thing'}" in caplog.text
    assert (holder.wait(), killer.wait()) == (-9, 0)


def test_a_brief_look_is_not_worth_a_word(tmp_path, caplog):
    holder = start_holder(tmp_path / "thing", 0.1)
    with caplog.at_level(logging.INFO, logger="zsar_kit"), only_maker(tmp_path / "thing"):
        pass
    assert holder.wait() == 0
    assert not caplog.records


def test_a_holder_may_take_its_lock_again_and_gives_it_back_at_the_end(tmp_path):
    with only_maker(tmp_path / "thing"):
        with only_maker(tmp_path / "thing"), if_free(tmp_path / "thing") as held:
            assert held
        assert lock_file(tmp_path / "thing").exists()
    assert list(tmp_path.iterdir()) == []
    start_holder(tmp_path / "thing", 0).wait()


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_a_failure_gives_the_lock_back(tmp_path, failure):
    with pytest.raises(failure), only_maker(tmp_path / "thing"):
        raise failure
    assert start_holder(tmp_path / "thing", 0).wait() == 0


def test_different_artefacts_do_not_wait_for_each_other(tmp_path):
    with only_maker(tmp_path / "one"):
        assert start_holder(tmp_path / "two", 0).wait() == 0


def test_without_locks_on_the_file_system_nothing_is_locked_and_the_log_says_so(tmp_path, caplog, monkeypatch):
    from filelock import FileLock

    def refuse(self, *args, **options):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with caplog.at_level(logging.INFO, logger="zsar_kit"), only_maker(tmp_path / "thing"):
        pass
    assert "no locks on this file system" in caplog.text
