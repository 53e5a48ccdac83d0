"""One maker at a time: a lock for each artefact, held while it is made.

Two processes that need the same artefact, say the encoder of one split, would otherwise both make it. The lock ends
with its process, however that ends, so a killed process leaves none behind.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from zsar_kit.faults import naming

log = logging.getLogger("zsar_kit")

#: what a file system says that has no locks
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
#: seconds that a look at a finished artefact may hold the lock, which is not worth a word
_BRIEF = 1.0
#: seconds between two looks at a lock that another process holds
_LOOK = 0.25


@contextmanager
def only_maker(path: str | Path) -> Iterator[None]:
    """Hold the lock of the artefact at ``path``; if another process holds it, say so and wait.

    After waiting, the artefact may be there: look again before making it. A process may take the lock of an artefact
    that it holds already. Where the file system has no locks, nothing is locked, and the log says so.
    """
    path = Path(path)
    lock = _lock(path)
    try:
        with naming(path, lock_file(path)):
            _acquire(lock, path)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        log.info("no locks on this file system: make %s in one process only", path)
        yield
        return
    try:
        yield
    finally:
        _give_back(lock)


@contextmanager
def if_free(path: str | Path) -> Iterator[bool]:
    """Hold the lock of the artefact at ``path`` if no other process does; yields whether it is held."""
    lock = _lock(Path(path))
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        yield False
        return
    try:
        yield True
    finally:
        _give_back(lock)


def _acquire(lock: FileLock, path: Path) -> None:
    try:
        lock.acquire(timeout=_BRIEF)
    except Timeout:
        log.info("another process is making %s; waiting for it", path)
        lock.acquire(poll_interval=_LOOK)


def lock_file(path: str | Path) -> Path:
    """The empty file that stands for an artefact's lock, beside the artefact while the lock is held."""
    path = Path(path)
    return path.with_name(f".{path.name}.lock")


def _give_back(lock: FileLock) -> None:
    # Removed while it is held: whoever opened it meanwhile finds it unlinked and opens a new one.
    if lock.lock_counter == 1:
        Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()


def _lock(path: Path) -> FileLock:
    # One object a file and process, so that a holder may take its lock again; thread_local would make each thread a
    # holder of its own, which the system's lock does not know.
    return FileLock(lock_file(path.absolute()), is_singleton=True, thread_local=False)
