"""What is known about each published data set: its origin, its terms of use, and how to recognise its files.

The facts are in ``resources/downloads.toml``; :mod:`zsar_kit.data.published_checks` compares files with them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from zsar_kit.data.catalogue import resource
from zsar_kit.errors import ConfigError, nearest_name
from zsar_kit.reprs import counted, shortened


@dataclass(frozen=True)
class Publication:
    """A published data set.

    Attributes:
        dataset: its name in the kit.
        title: its full name.
        access: ``"free"``: anyone may fetch it; ``"request"``: the authors give it on request.
        page: the official page.
        licence: what is known about the terms of use.
        cite: what to cite.
        files: how many files (PKU-MMD: videos) the whole set has; 0 where that is not published.
        how: for sets on request, what to ask for.
        archive: for free sets, the file name of the archive.
        urls: for free sets, addresses of the archive, tried in this order.
        bytes: size of all its files together, measured.
        names_sha256: digest of the file names, measured; see
            :func:`~zsar_kit.data.published_checks.names_digest`.
        sha256: digest of names and contents, measured; see
            :func:`~zsar_kit.data.published_checks.set_digest`.
        setups: NTU RGB+D: its setups are 1 to this number.
        reported: archive name to the size that others report, in bytes.
    """

    dataset: str
    title: str
    access: Literal["free", "request"]
    page: str
    licence: str
    cite: str
    files: int = 0
    how: str = ""
    archive: str = ""
    urls: tuple[str, ...] = ()
    bytes: int = 0
    names_sha256: str = ""
    sha256: str = ""
    setups: int = 0
    reported: dict[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        files = f", {counted(self.files, 'file')}" if self.files else ""
        how = "free to fetch" if self.access == "free" else "on request"
        return f"Publication({self.dataset}: {shortened(self.title)}, {how}{files}, {shortened(self.page, 100)})"


def publication_names() -> tuple[str, ...]:
    """The data sets whose origin the kit knows."""
    return tuple(resource("downloads.toml"))


@cache
def publication(dataset: str) -> Publication:
    """What is known about a data set.

    Raises:
        ConfigError: the data set has no published files, or is not known.
    """
    if dataset not in publication_names():
        problem = f"the kit knows of no published files of {dataset!r}"
        raise ConfigError(problem, remedy=nearest_name(dataset, publication_names()))
    facts = resource("downloads.toml")[dataset]
    return Publication(dataset, **{**facts, "urls": tuple(facts.get("urls", ()))})
