"""Errors that a user of the kit may see.

Every message says what was required, what was given, where, and what to do. The command line prints such an error in
one line and exits with code 2. Any other exception is a bug of the kit and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Literal

#: up to so many names, and so long, an error lists them all; of more it names only a few
MOST_LISTED, MOST_CHARACTERS, FEW = 40, 1000, 5


class ZsarError(Exception):
    """Base class of all errors that are caused by bad input and that the user can fix.

    Args:
        problem: what was required and what was given instead.
        where: the file and the position in it, or the argument.
        remedy: what to do, ideally a line to paste.
    """

    def __init__(self, problem: str, *, where: str | Path | None = None, remedy: str | None = None):
        self.problem, self.where, self.remedy = problem, where, remedy
        place = f" (in {where})" if where is not None else ""
        advice = f" {remedy}" if remedy else ""
        super().__init__(f"{problem}{place}.{advice}")

    def told_beside(self, place: str | Path) -> str:
        """The message as it stands beside the name of a file, which it does not repeat."""
        rest = str(self.where).removeprefix(str(place)).lstrip(", ") if self.where is not None else ""
        return str(ZsarError(self.problem, where=rest or None, remedy=self.remedy))

    def __reduce__(self):
        """Keep all fields when the error is sent from another process."""
        return partial(type(self), where=self.where, remedy=self.remedy), (self.problem,)


class ConfigError(ZsarError):
    """A configuration has an unknown key, a value of the wrong type, or one out of range."""


class DataError(ZsarError):
    """A raw file or a sequence is broken: truncated, not numeric, not finite, or of the wrong shape."""


class SplitError(ZsarError):
    """A class split is unknown or inconsistent with its data set."""


class ArtefactError(ZsarError):
    """A stored artefact is missing, incomplete, or has another schema."""


class DiskError(ArtefactError):
    """Files cannot be written or read: the disk is full, or the place may not be written. Going on is of no use."""


class LeakageError(ZsarError):
    """Training used, or would use, data of classes that it must not see.

    Args:
        problem: see :class:`ZsarError`, also for ``where`` and ``remedy``.
        kind: ``"leak"`` if the leak is certain; ``"unknown"`` if it cannot be ruled out.
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
        """See :class:`ZsarError`; the kind is kept too."""
        return partial(type(self), where=self.where, remedy=self.remedy, kind=self.kind), (self.problem,)


class TextError(ZsarError):
    """A class has no text, or a text resource is malformed."""


class DownloadError(ZsarError):
    """A download failed: no answer, a refusal, a broken archive, or unexpected files."""


class MissingModelError(ZsarError):
    """A language model or checkpoint is missing, or its content is unexpected."""


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Advice for a misspelt or shortened name: the closest known one, or the list of all, or of the nearest of many.

    Returns:
        ``"Did you mean 'x'?"`` if a name is close, otherwise ``"Known: a, b, c."``, of many names ``"Of 120 names the
        nearest are 'a', 'b', 'c'."``, and of none ``"There is none."``.
    """
    names = list(dict.fromkeys(str(k) for k in known))
    candidates = {name.casefold(): name for name in names}
    folded = str(name).casefold()
    starts = [known_name for known_name in candidates if folded and known_name.startswith(folded)]
    close = starts if len(starts) == 1 else get_close_matches(folded, candidates, n=1, cutoff=0.6)
    if not names:
        return "There is none."
    if close:
        return f"Did you mean {candidates[close[0]]!r}?"
    if len(names) <= MOST_LISTED and sum(map(len, names)) <= MOST_CHARACTERS:
        return f"Known: {', '.join(names)}."
    nearest = get_close_matches(folded, candidates, n=FEW, cutoff=0.3) or list(candidates)[:FEW]
    return f"Of {len(names)} names the nearest are {', '.join(repr(candidates[key]) for key in nearest)}."


def ids_told(ids: Iterable[int]) -> str:
    """Advice for a class id that there is not: ``"There are the ids 0 to 119."``, and how many if some are left out."""
    known = sorted(set(ids))
    if not known:
        return "There is none."
    gaps = "" if known[-1] - known[0] + 1 == len(known) else f", {len(known)} of them"
    return f"There are the ids {known[0]} to {known[-1]}{gaps}."
