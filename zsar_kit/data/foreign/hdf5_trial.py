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

_lock = threading.Lock()
_child: subprocess.Popen[str] | None = None
_owner = 0
#: path, size and time of change of files that were read
_survived: set[tuple[str, int, int]] = set()


def try_reading(path: Path) -> None:
    """Have a child process read a file whole, once; the child stays for the next one.

    Raises:
        DataError: the child ended over it, or read for longer than :data:`PATIENCE`.
    """
    stat = path.stat()
    known = (str(path.absolute()), stat.st_size, stat.st_mtime_ns)
    with _lock:
        if known in _survived:
            return
        child = _running()
        too_late = threading.Timer(PATIENCE, child.kill)
        too_late.start()
        try:
            answer = _ask(child, path)
        finally:
            too_late.cancel()
        if not answer:
            _end()
            problem = f"the HDF5 library broke down over this file, or was not done with it in {PATIENCE:g} s"
            raise DataError(problem, where=path, remedy=_REMEDY)
        _survived.add(known)


def _running() -> subprocess.Popen[str]:
    """The child of this process; one that was inherited by a fork belongs to the parent."""
    global _child, _owner
    if _child is None or _owner != os.getpid() or _child.poll() is not None:
        # -P: the modules beside the script are not to be taken for libraries of the same name.
        command = [sys.executable, "-P", str(SCRIPT), str(MOST_VALUES)]
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        _child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nothing, text=True, encoding="utf-8")
        _owner = os.getpid()
    return _child


def _ask(child: subprocess.Popen[str], path: Path) -> str:
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(json.dumps(str(path.absolute())) + "\n")
        child.stdin.flush()
        return child.stdout.readline()
    except OSError:  # it ended before it was asked
        return ""


@atexit.register
def _end() -> None:
    global _child
    if _child is not None and _owner == os.getpid():
        _child.kill()
        with suppress(OSError):  # what was not read any more
            _child.communicate()
    _child = None
