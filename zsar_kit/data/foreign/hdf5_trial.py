"""A process that may end reads the HDF5 files of strangers first: the library is not hardened against damaged ones."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from zsar_kit.data.foreign import hdf5_child
from zsar_kit.data.foreign.points import MOST_VALUES
from zsar_kit.errors import DataError

#: seconds in which a file has to be read
PATIENCE = 60.0
SCRIPT = Path(hdf5_child.__file__)
_REMEDY = "It is damaged: write it again, or save it as CSV with the software that made it."


class _Reader:
    """The child process: started when it is first needed, kept for the next file, and not shared with a fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self._owner = 0
        #: path, size and time of change of files that were read
        self._survived: set[tuple[str, int, int]] = set()

    def read(self, path: Path) -> bool:
        """Whether the child read the file whole; a file that it has read is not read again."""
        stat = path.stat()
        known = (str(path.absolute()), stat.st_size, stat.st_mtime_ns)
        with self._lock:
            if known in self._survived:
                return True
            child = self._running()
            too_late = threading.Timer(PATIENCE, child.kill)
            too_late.start()
            try:
                answer = _ask(child, path)
            finally:
                too_late.cancel()
            if not answer:
                self.end()
                return False
            self._survived.add(known)
            return True

    def _running(self) -> subprocess.Popen[str]:
        """The child of this process; one that was inherited by a fork belongs to the parent."""
        if self._child is None or self._owner != os.getpid() or self._child.poll() is not None:
            # -P: the modules beside the script are not to be taken for libraries of the same name.
            command = [sys.executable, "-P", str(SCRIPT), str(MOST_VALUES)]
            pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
            self._child = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=nothing, text=True, encoding="utf-8"
            )
            self._owner = os.getpid()
        return self._child

    def end(self) -> None:
        """End the child, if this process has one."""
        if self._child is not None and self._owner == os.getpid():
            self._child.kill()
            with suppress(OSError):  # what was not read any more
                self._child.communicate()
        self._child = None


_reader = _Reader()
atexit.register(_reader.end)


def try_reading(path: Path) -> None:
    """Have a child process read a file whole, once; the child stays for the next one.

    Raises:
        DataError: the child ended over it, or read for longer than :data:`PATIENCE`.
    """
    if not _reader.read(path):
        problem = f"the HDF5 library broke down over this file, or was not done with it in {PATIENCE:g} s"
        raise DataError(problem, where=path, remedy=_REMEDY)


def _ask(child: subprocess.Popen[str], path: Path) -> str:
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(json.dumps(str(path.absolute())) + "\n")
        child.stdin.flush()
        return child.stdout.readline()
    except OSError:  # it ended before it was asked
        return ""
