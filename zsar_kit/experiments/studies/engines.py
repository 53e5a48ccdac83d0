"""Engines: where the jobs of a batch are done, in this process, in several or on a Ray cluster; the same bytes in each.

Suites, ablations, papers and notebooks all give their jobs to an engine. Each job has one thread unless asked
otherwise, as the number of threads changes the last bits of a result. Finished runs are not repeated, so a batch whose
driver died goes on where it was.
"""

from __future__ import annotations

import logging
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from zsar_kit.config import Config
from zsar_kit.errors import ArtefactError, ConfigError, DiskError, ZsarError
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.mending import set_aside_if_broken
from zsar_kit.experiments.studies.jobs import MEMORY_REMEDY, Job, Progress, carried_out
from zsar_kit.experiments.studies.workers import jobs_of, prepare_worker, worker_count
from zsar_kit.processes import interrupts_held_back, worker_pool

log = logging.getLogger("zsar_kit")

OnFailure = Callable[[RunConfig, ZsarError], None]
#: seconds within which a cluster has to answer
ANSWER = 5.0
#: how often Ray starts a job again whose node was lost
RETRIES = 3


@dataclass(frozen=True)
class Engine(Config):
    """Where and how the jobs of a batch are done.

    Attributes:
        kind: ``serial``, in this process; ``processes``, in several of this machine; or ``ray``, on a cluster.
        processes: how many processes; 0 is one a core, as far as memory allows. Of an accelerator only one.
        threads: threads of each job.
        address: of a running Ray cluster, ``HOST:PORT`` or ``ray://HOST:PORT``; empty starts one on this machine.
        gpus: share of a GPU that Ray reserves for each job.
    """

    kind: Literal["serial", "processes", "ray"] = "serial"
    processes: int = 0
    threads: int = 1
    address: str = ""
    gpus: float = 0.0

    def validate(self) -> None:
        """Check ranges."""
        self.require(self.processes >= 0, "processes", "at least 0")
        self.require(self.threads >= 1, "threads", "at least 1")
        self.require(0 <= self.gpus < float("inf"), "gpus", "at least 0")
        self.require(self.kind == "ray" or not self.address, "address", "empty unless the engine is 'ray'")
        self.require(self.kind == "ray" or not self.gpus, "gpus", "0 unless the engine is 'ray'")

    def map(
        self, configs: Iterable[RunConfig], workspace: Workspace, on_failure: OnFailure | None = None
    ) -> list[RunFolder | None]:
        """Carry out all missing runs; an encoder that several of them need is trained once.

        A finished run whose files are damaged is named, set aside and carried out again. Methods that were registered
        in this process only are unknown to other processes.

        Args:
            configs: configurations of the runs; one that is listed twice is carried out once.
            workspace: workspace of the runs; with Ray a folder that all nodes share.
            on_failure: called for each failed run, and the others continue; None stops after the batch.

        Returns:
            For each configuration its finished run, or None if it failed.

        Raises:
            ZsarError: a run failed, and ``on_failure`` is None.
            DiskError: the disk is full, or the workspace may not be written.
            ConfigError: the cluster does not answer, or Ray is not installed.
        """
        configs = list(configs)
        for config in configs:
            set_aside_if_broken(RunFolder.of(config, workspace))
        jobs, places = jobs_of(configs, workspace)
        outcomes = self.carry_out(jobs, workspace, stop=on_failure is None)
        found: list[RunFolder | None] = []
        for config in configs:
            one = outcomes[places[config.digest()]]
            if isinstance(one, ZsarError):
                if on_failure is None:
                    raise one
                on_failure(config, one)
            found.append(None if isinstance(one, ZsarError) else RunFolder.of(config, workspace))
        return found

    def carry_out(self, jobs: Sequence[Job], workspace: Workspace, *, stop: bool = False) -> list[Any]:
        """Do jobs, each after those that it needs; for each what it returned, or the error that it ended with.

        Args:
            jobs: the jobs; a position in ``needs`` is one in this sequence.
            workspace: says which device is used, where files are, and whether progress is shown.
            stop: whether the first run that fails ends the batch.

        Raises:
            DiskError: the disk is full, or the workspace may not be written.
            ZsarError: a run failed, and ``stop``.
            ConfigError: the cluster does not answer, or Ray is not installed.
        """
        jobs = list(jobs)
        with ExitStack() as stack:
            backend = self._backend(len(jobs), workspace, stack)
            return _carry_out(jobs, backend, Progress(jobs, backend.slots(), workspace.progress), stop)

    def width(self, jobs: int, workspace: Workspace) -> int:
        """How many of so many jobs would be under way at a time; a cluster is asked.

        Raises:
            ConfigError: the cluster does not answer, or Ray is not installed.
        """
        if self.kind == "ray":
            with _Ray(self, workspace.root) as cluster:
                return max(1, min(jobs, cluster.slots()))
        return max(1, worker_count(self.processes, workspace, jobs)) if self.kind == "processes" else 1

    def _backend(self, jobs: int, workspace: Workspace, stack: ExitStack) -> _Backend:
        if not jobs:
            return _Serial(self.threads)
        if self.kind == "ray":
            return stack.enter_context(_Ray(self, workspace.root))
        count = self.width(jobs, workspace)
        return _Serial(self.threads) if count == 1 else stack.enter_context(_Processes(count, self.threads))


class _Backend(ABC):
    """What does jobs."""

    @abstractmethod
    def slots(self) -> int:
        """How many jobs can be under way, now."""

    @abstractmethod
    def submit(self, position: int, job: Job) -> None:
        """Start a job."""

    @abstractmethod
    def ended(self) -> list[tuple[int, Any]]:
        """Wait until a job ends: positions and outcomes, a ZsarError for a failure."""


def _carry_out(jobs: list[Job], backend: _Backend, progress: Progress, stop: bool) -> list[Any]:
    outcomes: dict[int, Any] = {}
    waiting, running = dict(enumerate(jobs)), set[int]()
    while waiting or running:
        ready = [k for k, job in waiting.items() if all(need in outcomes for need in job.needs)]
        for position in ready[: max(0, backend.slots() - len(running))]:  # a cluster that lost a node has fewer slots
            progress.start(position)
            running.add(position)
            backend.submit(position, waiting.pop(position))
        for position, outcome in backend.ended():
            running.remove(position)
            outcomes[position] = outcome
            progress.end(position, outcome)
            # A full disk is full for the next job too. An encoder that fails is left to the runs that need it.
            if isinstance(outcome, DiskError) or (stop and isinstance(outcome, ZsarError) and jobs[position].needed):
                raise outcome
    return [outcomes[k] for k in range(len(jobs))]


class _Serial(_Backend):
    """One job after the other in this process."""

    def __init__(self, threads: int):
        self.threads = threads
        self._outcomes: list[tuple[int, Any]] = []

    def slots(self) -> int:
        return 1

    def submit(self, position: int, job: Job) -> None:
        try:
            self._outcomes.append((position, carried_out(job, self.threads)))
        except ZsarError as error:
            self._outcomes.append((position, error))

    def ended(self) -> list[tuple[int, Any]]:
        ended, self._outcomes = self._outcomes, []
        return ended


class _Processes(_Backend):
    """Jobs in processes of this machine. One that is killed, for its memory say, fails alone; the others go on."""

    def __init__(self, width: int, threads: int):
        self.width, self.threads = width, threads
        self._under_way: dict[int, tuple[Job, Future]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> _Processes:
        self._pool = self._stack.enter_context(_pool(self.width))
        return self

    def __exit__(self, *raised: Any) -> None:
        self._stack.__exit__(*raised)

    def slots(self) -> int:
        return self.width

    def submit(self, position: int, job: Job) -> None:
        with interrupts_held_back():
            try:
                future = self._pool.submit(carried_out, job, self.threads)
            except BrokenProcessPool as error:
                future = Future()
                future.set_exception(error)
        self._under_way[position] = (job, future)

    def ended(self) -> list[tuple[int, Any]]:
        wait([future for _, future in self._under_way.values()], return_when=FIRST_COMPLETED)
        done = {k: one for k, one in self._under_way.items() if one[1].done()}
        if any(isinstance(future.exception(), BrokenProcessPool) for _, future in done.values()):
            return self._after_a_kill()
        for position in done:
            del self._under_way[position]
        return [(position, _outcome(future)) for position, (_, future) in done.items()]

    def _after_a_kill(self) -> list[tuple[int, Any]]:
        """A killed process takes the pool with it and does not say which job it had: each is tried by itself."""
        under_way, self._under_way = self._under_way, {}
        wait([future for _, future in under_way.values()])
        self._stack.close()
        outcomes = []
        for position, (job, future) in under_way.items():
            killed = isinstance(future.exception(), BrokenProcessPool)
            outcomes.append((position, self._alone(job) if killed else _outcome(future)))
        self._pool = self._stack.enter_context(_pool(self.width))
        return outcomes

    def _alone(self, job: Job) -> Any:
        with _pool(1) as pool:
            with interrupts_held_back():
                future = pool.submit(carried_out, job, self.threads)
            if isinstance(future.exception(), BrokenProcessPool):
                problem = f"the process that did this was killed, perhaps as memory ran out: {job.name}"
                return ArtefactError(problem, remedy=MEMORY_REMEDY)
            return _outcome(future)


def _pool(width: int) -> AbstractContextManager[ProcessPoolExecutor]:
    # A training that is ended has its checkpoint on disk.
    return worker_pool(width, prepare=partial(prepare_worker, log.getEffectiveLevel()), terminate=True)


def _outcome(future: Future) -> Any:
    error = future.exception()
    if error is not None and not isinstance(error, ZsarError):
        raise error
    return future.result() if error is None else error


class _Ray(_Backend):
    """Jobs on a Ray cluster. Those of a node that is lost are started again on another."""

    def __init__(self, engine: Engine, root: Path):
        self.engine, self.root = engine, root
        self._refs: dict[Any, tuple[int, Job]] = {}

    def __enter__(self) -> _Ray:
        self.root.mkdir(parents=True, exist_ok=True)  # nodes look for it
        self.ray = _imported_ray()
        self._own = not self.ray.is_initialized()
        if self._own:
            _connect(self.ray, self.engine.address)
        resources = {"num_cpus": self.engine.threads, "num_gpus": self.engine.gpus, "max_retries": RETRIES}
        self._remote = self.ray.remote(**resources)(_on_a_node)
        return self

    def __exit__(self, *raised: Any) -> None:
        for ref in self._refs:  # plainly first: a job that is forced to end may leave children behind
            self.ray.cancel(ref, force=False)
        if self._own:
            self.ray.shutdown()

    def slots(self) -> int:
        there, engine = self.ray.cluster_resources(), self.engine
        count = int(there.get("CPU", 1.0) / engine.threads)
        count = min(count, _times(engine.gpus, there.get("GPU", 0.0))) if engine.gpus else count
        return max(1, count)

    def submit(self, position: int, job: Job) -> None:
        level = log.getEffectiveLevel()
        ref = self._remote.options(name=job.name).remote(job, self.engine.threads, str(self.root.absolute()), level)
        self._refs[ref] = (position, job)

    def ended(self) -> list[tuple[int, Any]]:
        done, _ = self.ray.wait(list(self._refs), num_returns=1)
        return [self._outcome(ref, *self._refs.pop(ref)) for ref in done]

    def _outcome(self, ref: Any, position: int, job: Job) -> tuple[int, Any]:
        lost = (
            self.ray.exceptions.WorkerCrashedError,
            self.ray.exceptions.OutOfMemoryError,
            self.ray.exceptions.NodeDiedError,
        )
        try:
            return position, self.ray.get(ref)
        except lost as error:
            problem = f"its process was killed {RETRIES + 1} times, perhaps as memory ran out: {job.name}"
            return position, ArtefactError(problem, where=type(error).__name__, remedy=MEMORY_REMEDY)


def _times(share: float, whole: float) -> int:
    """How often a share fits into a whole; five fifths do, though 1.0 // 0.2 is 4."""
    return int(whole / share + 1e-9)


def _on_a_node(job: Job, threads: int, root: str, level: int) -> Any:
    """A job on a node of the cluster; an error of the kit is returned, as Ray would wrap it."""
    prepare_worker(level)
    if not Path(root).is_dir():
        problem = "this node of the cluster does not see the workspace"
        return ArtefactError(problem, where=root, remedy="Use a folder that all nodes share, by the same name.")
    try:
        return carried_out(job, threads)
    except ZsarError as error:
        return error


def _imported_ray() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError:
        remedy = 'Install it: pip install "zsar-kit[cluster]", or take --engine processes.'
        raise ConfigError("the engine 'ray' needs Ray, which is not installed", remedy=remedy) from None
    return ray


def _connect(ray: Any, address: str) -> None:
    """Connect to a cluster, or start one on this machine.

    Raises:
        ConfigError: it does not answer within seconds.
    """
    where = address.removeprefix("ray://")
    remedy = "Is it running (ray start --head), and is the address right? Without one a cluster is started here."
    if address and address != "auto":
        try:
            place = urlsplit(f"//{where}")
            socket.create_connection((place.hostname or "", place.port or 0), timeout=ANSWER).close()
        except (OSError, ValueError):
            raise ConfigError("the cluster does not answer", where=address, remedy=remedy) from None
    quiet = {"log_to_driver": False, "logging_level": logging.WARNING}
    try:
        ray.init(address=address or "local", **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ConfigError(f"the cluster cannot be used: {error}", where=address or "local", remedy=remedy) from None
