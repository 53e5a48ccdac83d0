"""Engines, on quick jobs: order, failures, kills, threads, the line of each job, and lost nodes of a cluster."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.extras import needs
from zsar_kit.errors import ArtefactError, ConfigError, DiskError
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.studies import engines
from zsar_kit.experiments.studies.engines import Engine, _on_a_node
from zsar_kit.experiments.studies.jobs import Job, Progress, carried_out, duration

needs_ray = needs("ray", "cluster")
BOTH = [Engine(), Engine("processes", 2)]


@pytest.fixture
def place(tmp_path) -> Workspace:
    return Workspace(tmp_path, "cpu", progress=False)


def note(path: Path, word: str) -> str:
    with path.open("a") as stream:
        stream.write(f"{word}\n")
    return word


def refuse(word: str) -> None:
    raise ArtefactError(word)


def fill_disk() -> None:
    raise DiskError("the disk is full")


def kill_myself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def use_all_memory() -> None:
    raise MemoryError


def threads() -> tuple[int, int]:
    import numpy  # noqa: F401 - its libraries have threads of their own
    import torch
    from threadpoolctl import threadpool_info

    return torch.get_num_threads(), max((one["num_threads"] for one in threadpool_info()), default=1)


@pytest.mark.parametrize("engine", BOTH, ids=repr)
def test_a_job_waits_for_those_that_it_needs_also_if_they_fail(engine, place, tmp_path):
    log = tmp_path / "log"
    jobs = [
        Job("last", partial(note, log, "last"), needs=(1, 2)),
        Job("first", partial(note, log, "first")),
        Job("fails", partial(refuse, "no"), needs=(1,)),
    ]
    last, first, error = engine.carry_out(jobs, place)
    assert (last, first) == ("last", "first")
    assert isinstance(error, ArtefactError)
    assert log.read_text().split() == ["first", "last"]


@pytest.mark.parametrize("engine", BOTH, ids=repr)
def test_a_full_disk_ends_the_batch(engine, place, tmp_path):
    jobs = [Job("disk", fill_disk), Job("late", partial(note, tmp_path / "log", "late"), needs=(0,))]
    with pytest.raises(DiskError):
        engine.carry_out(jobs, place)
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize("engine", BOTH, ids=repr)
def test_memory_that_runs_out_is_named_and_the_batch_goes_on(engine, place, tmp_path):
    jobs = [Job("the big one", use_all_memory), Job("small", partial(note, tmp_path / "log", "small"))]
    error, small = engine.carry_out(jobs, place)
    assert "memory ran out: the big one" in str(error)
    assert small == "small"


def test_a_killed_process_fails_its_own_job_only(place, tmp_path):
    jobs = [Job(f"job {k}", partial(note, tmp_path / "log", str(k))) for k in range(6)]
    jobs.insert(2, Job("the big one", kill_myself))
    outcomes = Engine("processes", 2).carry_out(jobs, place)
    assert isinstance(outcomes[2], ArtefactError)
    assert "was killed, perhaps as memory ran out: the big one" in str(outcomes[2])
    assert [o for k, o in enumerate(outcomes) if k != 2] == list("012345")


@pytest.mark.parametrize("engine", BOTH, ids=repr)
def test_a_job_has_one_thread_unless_asked(engine, place):
    jobs = [Job("a", threads), Job("b", threads)]
    assert engine.carry_out(jobs, place) == [(1, 1)] * 2
    assert [found[0] for found in replace(engine, threads=2).carry_out(jobs, place)] == [2, 2]


def test_threads_are_given_back_after_a_job():
    import torch

    before = torch.get_num_threads()
    carried_out(Job("a", threads), before + 1)
    assert torch.get_num_threads() == before


def test_each_job_has_one_line_with_the_time_left(caplog, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    jobs = [Job("enc", print, "encoder"), Job("one", print), Job("two", print), Job("three", print)]
    progress = Progress(jobs, 2)
    with caplog.at_level("INFO"):
        for k, seconds in enumerate((10.0, 200.0, 200.0, 20.0)):
            progress.start(k)
            now[0] += seconds
            progress.end(k, ArtefactError("broken") if k == 3 else None)
    assert [r.getMessage() for r in caplog.records] == [
        "1/4 enc: 10 s",
        "2/4 one: 3 min; about 3 min left",
        f"3/4 two: 3 min; about {duration(100.0)} left",
        "4/4 three: failed: broken 20 s",
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"threads": 0}, "'threads' must be at least 1"),
        ({"address": "here:1"}, "'address' must be empty unless"),
        ({"gpus": 0.5}, "'gpus' must be 0 unless"),
        ({"kind": "cloud"}, "'kind' must be one of"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        Engine(**changes)


@needs_ray
@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nonsense"])
def test_a_cluster_that_does_not_answer_is_refused_within_seconds(place, address):
    start = time.monotonic()
    with pytest.raises(ConfigError, match="the cluster does not answer"):
        Engine("ray", address=address).carry_out([Job("a", threads)], place)
    assert time.monotonic() - start < 15


def test_without_ray_its_engine_says_what_to_install(place, monkeypatch):
    import builtins

    real = builtins.__import__

    def without(name, *rest):
        if name.partition(".")[0] == "ray":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"zsar-kit\[cluster\]"):
        Engine("ray").carry_out([Job("a", threads)], place)


def slow_note(folder: Path, word: str, seconds: float) -> str:
    """Whatever is done twice leaves two lines."""
    done = folder / word
    if done.exists():
        return word
    time.sleep(seconds)
    with (folder / "log").open("a") as stream:
        stream.write(f"{word}\n")
    done.touch()
    return word


@needs_ray
@pytest.mark.slow
def test_a_lost_node_of_a_cluster_loses_nothing_and_nothing_is_done_twice(place, tmp_path):
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = cluster.add_node(num_cpus=1)
    try:
        ray.init(address=cluster.address, log_to_driver=False)
        cluster.wait_for_nodes()
        assert Engine("ray").carry_out([Job("a", threads), Job("b", partial(refuse, "no"))], place)[0] == (1, 1)
        jobs = [Job(str(k), partial(slow_note, tmp_path, str(k), 0.5)) for k in range(10)]
        raylet = next(i.process.pid for k, v in second.all_processes.items() if k == "raylet" for i in v)
        processes = psutil.Process(raylet).children(recursive=True)
        assert processes
        loss = threading.Timer(2.2, cluster.remove_node, [second], {"allow_graceful": False})
        loss.start()
        outcomes = Engine("ray").carry_out(jobs, place)
        loss.join()
        assert outcomes == [str(k) for k in range(10)]
        assert sorted((tmp_path / "log").read_text().split(), key=int) == [str(k) for k in range(10)]
        deadline = time.monotonic() + 30
        while len([n for n in ray.nodes() if n["Alive"]]) > 1 and time.monotonic() < deadline:
            time.sleep(0.2)
        assert len([n for n in ray.nodes() if n["Alive"]]) == 1, "the node was lost, or the test shows nothing"
        assert not [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    finally:
        ray.shutdown()
        cluster.shutdown()


def test_a_node_that_does_not_see_the_workspace_says_so(tmp_path):
    error = _on_a_node(Job("a", threads), 1, str(tmp_path / "absent"), 20)
    assert "does not see the workspace" in str(error)
    assert str(tmp_path / "absent") in str(error)


@needs_ray
def test_an_address_that_hangs_is_not_waited_for(place, monkeypatch):
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: (_ for _ in ()).throw(TimeoutError))
    with pytest.raises(ConfigError, match="does not answer"):
        Engine("ray", address="10.255.255.1:6379").carry_out([Job("a", threads)], place)


class _Shrinking(engines._Backend):
    """A cluster that loses half of its slots after the first round; what is under way ends one by one."""

    def __init__(self):
        self.under_way: list[int] = []
        self.most: list[int] = []
        self.size = 8

    def slots(self) -> int:
        return self.size

    def submit(self, position: int, job: Job) -> None:
        self.under_way.append(position)

    def ended(self) -> list:
        self.most.append(len(self.under_way))
        self.size = 4
        return [(self.under_way.pop(0), None)]


def test_a_cluster_that_shrinks_gets_no_more_jobs_than_it_has_slots():
    jobs, backend = [Job(f"job {i}", int) for i in range(30)], _Shrinking()
    assert engines._carry_out(jobs, backend, Progress(jobs, 8, shown=False), stop=False) == [None] * 30
    assert backend.most[0] == 8
    assert max(backend.most[5:]) == 4


@pytest.mark.parametrize(("share", "whole", "times"), [(0.2, 1.0, 5), (0.1, 1.0, 10), (0.3, 1.0, 3), (2.0, 7.0, 3)])
def test_as_many_jobs_share_a_gpu_as_fit(share, whole, times):
    assert engines._times(share, whole) == times


def test_a_cluster_says_how_many_jobs_it_takes(place, monkeypatch):
    class Cluster(_Shrinking):
        def __init__(self, engine, root):
            super().__init__()

        def __enter__(self):
            return self

        def __exit__(self, *raised):
            pass

    monkeypatch.setattr(engines, "_Ray", Cluster)
    assert [Engine("ray").width(jobs, place) for jobs in (1, 5, 50)] == [1, 5, 8]
    assert [Engine("processes", 2).width(jobs, place) for jobs in (1, 5)] == [1, 2]
    assert Engine().width(50, place) == 1
