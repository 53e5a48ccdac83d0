"""Jobs of a batch: named calls that may wait for others, their threads, and the line that each ends with."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from zsar_kit.errors import ArtefactError, ZsarError

log = logging.getLogger("zsar_kit")
#: what torch says when memory runs out, on a CPU and on an accelerator
_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
MEMORY_REMEDY = "Give it more memory or use fewer processes, then run the same command again: it goes on where it was."


@dataclass(frozen=True)
class Job:
    """One piece of work of a batch.

    Attributes:
        name: what it is called in the log.
        call: the work; what it returns and what it raises can be sent between processes.
        kind: jobs of one kind take about as long as each other.
        needs: positions of the jobs that have to end before it starts, whether they fail or not.
        needed: False for a job whose failure another job will meet again and tell.
    """

    name: str
    call: Callable[[], Any]
    kind: str = "run"
    needs: tuple[int, ...] = ()
    needed: bool = True


def carried_out(job: Job, threads: int) -> Any:
    """Do a job with so many threads; what memory runs out of is named.

    Raises:
        ArtefactError: memory ran out.
        ZsarError: whatever the job raises.
    """
    try:
        with limited_threads(threads):
            return job.call()
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or any(words in str(error) for words in _MEMORY):
            raise ArtefactError(f"memory ran out: {job.name}", remedy=MEMORY_REMEDY) from error
        raise


@contextmanager
def limited_threads(count: int) -> Iterator[None]:
    """Within the block torch and the libraries behind numpy use so many threads; results depend on their number."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(limits=count):
            yield
    finally:
        torch.set_num_threads(before)


def duration(seconds: float) -> str:
    """Seconds for a reader: ``12 s``, ``3 min``, ``2.5 h``."""
    if seconds < 100:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@dataclass
class Progress:
    """One line for each job that ends, with an estimate of the time left.

    Attributes:
        jobs: all jobs of the batch.
        width: how many run at a time.
        shown: whether lines are written.
    """

    jobs: list[Job]
    width: int
    shown: bool = True
    _ended: int = 0
    _spent: dict[str, list[float]] = field(default_factory=dict)
    _started: dict[int, float] = field(default_factory=dict)

    def start(self, position: int) -> None:
        """A job starts."""
        self._started[position] = time.monotonic()

    def end(self, position: int, outcome: Any) -> None:
        """A job has ended, well or with an error."""
        job = self.jobs[position]
        seconds = time.monotonic() - self._started.pop(position)
        self._ended += 1
        self._spent.setdefault(job.kind, []).append(seconds)
        if self.shown:
            failed = f" failed: {outcome.problem}" if isinstance(outcome, ZsarError) else ""
            place, left = f"{self._ended}/{len(self.jobs)}", self._left()
            log.info("%s %s:%s %s%s", place, job.name, failed, duration(seconds), f"; {left}" if left else "")

    def _left(self) -> str:
        """The time left, from the mean of each kind of which one has ended; empty if nothing is known."""
        kinds = [job.kind for job in self.jobs]
        known = {kind: sum(spent) / len(spent) for kind, spent in self._spent.items()}
        rest = {kind: kinds.count(kind) - len(self._spent.get(kind, [])) for kind in dict.fromkeys(kinds)}
        seconds = sum(known.get(kind, 0.0) * count for kind, count in rest.items()) / self.width
        if not seconds:
            return ""
        word = "about" if all(kind in known for kind, count in rest.items() if count) else "at least"
        return f"{word} {duration(seconds)} left"
