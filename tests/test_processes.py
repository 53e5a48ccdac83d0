"""Pools whose processes end with the one that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from zsar_kit.processes import worker_pool

KILLED = """
import multiprocessing, signal, time
from zsar_kit.processes import worker_pool
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started the tests without it
    with worker_pool(2, terminate=True) as pool:
        pool.submit(time.sleep, 0).result()
        jobs = [pool.submit(time.sleep, 60) for _ in range(2)]
        print(*(child.pid for child in multiprocessing.active_children()), flush=True)
        jobs[0].result()
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_no_process_outlives_the_one_that_started_it(tmp_path, end):
    script = tmp_path / "script.py"
    script.write_text(KILLED)
    driver = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert driver.stdout is not None
    children = [int(pid) for pid in driver.stdout.readline().split()]
    assert len(children) == 2
    driver.send_signal(end)
    driver.wait(timeout=30)
    deadline = time.monotonic() + 30
    while any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in children):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_without_terminate_running_jobs_are_waited_for_and_waiting_ones_given_up(tmp_path):
    jobs = []

    def fail_while_one_runs():
        with worker_pool(1) as pool:
            jobs.append(pool.submit(time.sleep, 0.5))
            jobs.extend(pool.submit(os.mkdir, tmp_path / str(k)) for k in range(50))
            while not jobs[0].running():
                time.sleep(0.01)
            raise KeyError

    with pytest.raises(KeyError):
        fail_while_one_runs()
    assert jobs[0].done()
    assert not jobs[0].cancelled()
    assert jobs[-1].cancelled()
    assert not (tmp_path / "49").exists()


def test_each_process_is_prepared():
    with worker_pool(1, prepare=_mark) as pool:
        assert pool.submit(_marked).result() == "yes"
    assert "PREPARED" not in os.environ


def _marked() -> str:
    return os.environ["PREPARED"]


def _mark() -> None:
    os.environ["PREPARED"] = "yes"
