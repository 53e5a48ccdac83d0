"""Faults of the machine: a full disk, a folder that may not be written, a name that is too long.

They are neither bad input nor bugs. Whoever writes files names the target with :func:`naming`; the command line turns
the error into one line with :func:`machine_fault`. Library code lets it pass, so that a sweep stops at the first one.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zsar_kit.errors import DiskError

_AGAIN = "run the same command again: it continues where it stopped."
_FULL = ("the disk is full", f"Make room and {_AGAIN}")
_DENIED = ("access was denied", f"Change its permissions or name another place, and {_AGAIN}")
_FILES = ("too many files are open", f"Raise the limit (ulimit -n) and {_AGAIN}")
#: errno to what is wrong and what to do
_TOLD: dict[int, tuple[str, str]] = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.EROFS: ("the disk is read-only", "Name another place."),
    errno.EFBIG: ("a file would be larger than the system allows", f"Raise the limit (ulimit -f) and {_AGAIN}"),
    errno.ENAMETOOLONG: ("the name is too long for the disk", "Choose a shorter one."),
    errno.ENOTDIR: ("expected a folder, found a file", "Name another folder."),
    errno.EISDIR: ("expected a file, found a folder", "Name another file."),
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
}
_UNTOLD = (errno.EIO, errno.EEXIST, errno.ENXIO, errno.ENODEV, errno.EBUSY, errno.ETXTBSY, errno.ELOOP, errno.ESTALE)
_REFUSED = {*_UNTOLD, *_TOLD}
#: safetensors gives the number in words, and ``numpy.ndarray.tofile`` none at all
_IN_WORDS = re.compile(r"\(os error (\d+)\)")
_CUT_SHORT = re.compile(r"\d+ requested and \d+ written")


def error_number(error: BaseException) -> int | None:
    """The errno behind an error of writing or reading files; None where the machine is not to blame.

    A missing file counts as a bug or as bad input, not as a fault of the machine.
    """
    if isinstance(error, OSError):
        if error.errno is None and _CUT_SHORT.search(str(error)):
            return errno.ENOSPC
        return error.errno if error.errno in _REFUSED else None
    if type(error).__name__ == "SafetensorError" and (match := _IN_WORDS.search(str(error))):
        return int(match[1]) if int(match[1]) in _REFUSED else None
    return None


def disk_fault(error: BaseException, where: str | Path | None) -> DiskError:
    """The error for files that cannot be written or read: what the machine reports, and what to do."""
    untold = (f"the disk refused to write: {error}", f"Fix that and {_AGAIN}")
    problem, remedy = _TOLD.get(error_number(error) or 0, untold)
    return DiskError(problem, where=where, remedy=remedy)


def machine_fault(error: BaseException) -> DiskError | None:
    """The one-line error for a fault of the machine; None for anything else, which keeps its traceback."""
    if error_number(error) is None:
        return None
    place = getattr(error, "filename2", None) or getattr(error, "filename", None)
    return disk_fault(error, None if place is None else str(place))


@contextmanager
def naming(path: str | Path, scratch: str | Path | None = None) -> Iterator[None]:
    """Errors of writing inside the block name ``path``, which the system itself does not tell.

    Args:
        path: what is being written.
        scratch: the temporary name under which it is written; errors that name it, or a file in it, name ``path``.
    """
    try:
        yield
    except OSError as error:
        named = error.filename
        temporary = scratch is not None and named is not None and str(named).startswith(str(scratch))
        if error_number(error) is not None and (named is None or temporary):
            if error.errno is None:  # such an error cannot hold a name
                raise OSError(errno.ENOSPC, "No space left on device", str(path)) from error
            error.filename, error.filename2 = str(path), None
        raise
