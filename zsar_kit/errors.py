"""Errors that a user of the kit can meet.

Every message says what was required, what came, where, and what to do. The command line prints such an error in one
line and exits with code 2; anything else that escapes is a defect of the kit and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Literal


class ZsarError(Exception):
    """Base of all errors that bad input causes and the user can fix.

    Args:
        problem: what was required and what came instead.
        where: the file, and the place in it, or the argument at fault.
        remedy: what to do, ideally a line to paste.
    """

    def __init__(self, problem: str, *, where: str | Path | None = None, remedy: str | None = None):
        self.problem, self.where, self.remedy = problem, where, remedy
        place = f" (in {where})" if where is not None else ""
        advice = f" {remedy}" if remedy else ""
        super().__init__(f"{problem}{place}.{advice}")

    def __reduce__(self):
        """Errors come back from other processes as they were raised there."""
        return partial(type(self), where=self.where, remedy=self.remedy), (self.problem,)


class ConfigError(ZsarError):
    """A configuration has an unknown key, a value of the wrong type, or one out of range."""


class DataError(ZsarError):
    """A raw file or a sequence is broken: truncated, not numeric, not finite, or of the wrong shape."""


class SplitError(ZsarError):
    """A class split is unknown or inconsistent with its data set."""


class ArtefactError(ZsarError):
    """A stored artefact is missing, incomplete, or of another schema."""


class LeakageError(ZsarError):
    """Something that must not be seen in training was seen, or would be.

    Args:
        problem: see :class:`ZsarError`, as are ``where`` and ``remedy``.
        kind: ``"leak"``: it is known to have been seen; ``"unknown"``: it may have been, and nothing tells.
    """

    def __init__(
        self,
        problem: str,
        *,
        where: str | Path | None = None,
        remedy: str | None = None,
        kind: Literal["leak", "unknown"] = "leak",
    ):
        self.kind: Literal["leak", "unknown"] = kind
        super().__init__(problem, where=where, remedy=remedy)

    def __reduce__(self):
        """As any other error of the kit, and of the same kind."""
        return partial(type(self), where=self.where, remedy=self.remedy, kind=self.kind), (self.problem,)


class TextError(ZsarError):
    """A class has no text, or a text resource is malformed."""


class DownloadError(ZsarError):
    """Something could not be fetched: no answer, a refusal, a broken archive, or files other than the expected ones."""


class MissingModelError(ZsarError):
    """A language model or checkpoint is missing, or its content is not the expected one."""


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Advice for a misspelt name: the closest known one, or the list of all.

    Returns:
        ``"Did you mean 'x'?"`` where something is close, otherwise ``"Known: a, b, c."``.
    """
    candidates = [str(k) for k in known]
    close = get_close_matches(str(name), candidates, n=1, cutoff=0.6)
    return f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(candidates)}."
