"""Pools of fresh processes that end with the process that started them, however that ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from threading import Thread
from typing import Any


@contextmanager
def worker_pool(
    count: int, *, prepare: Callable[[], Any] | None = None, terminate: bool = False
) -> Iterator[ProcessPoolExecutor]:
    """A pool of ``count`` processes. Only this process handles Ctrl-C.

    Args:
        count: number of processes.
        prepare: called once in each process.
        terminate: when the block ends with an exception, end jobs that are running; otherwise they are waited for.
            Jobs that wait are given up in any case.
    """
    # Not forked: a copy of a process that runs threads can hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_start, initargs=(prepare,))
    try:
        yield pool
    except BaseException:
        if terminate:
            for child in multiprocessing.active_children():
                child.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Ctrl-C waits until the block is over. Processes that start in it never hear of it, not even while they import."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(prepare: Callable[[], Any] | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    Thread(target=watch, daemon=True).start()
    if prepare is not None:
        prepare()
