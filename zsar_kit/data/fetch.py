"""Fetching a free data set: downloaded, unpacked, compared with what was measured, and only then put in its place."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from zsar_kit.artefacts import atomic_folder
from zsar_kit.data.archives import disk_fault, unpack
from zsar_kit.data.download import download, is_url
from zsar_kit.data.published import Publication, publication
from zsar_kit.data.published_checks import check_files
from zsar_kit.data.readers.registry import RAW_FORMATS
from zsar_kit.errors import ConfigError, DataError, DownloadError
from zsar_kit.reprs import short_path

_ROOM = 2
"""Unpacked, the files of an archive may have at most this many times the measured size."""


@dataclass(frozen=True)
class Fetched:
    """A data set that is ready to be read.

    Attributes:
        facts: what is known about it.
        folder: where its files are.
        fresh: False if they were there before.
    """

    facts: Publication
    folder: Path
    fresh: bool

    def __repr__(self) -> str:
        return f"Fetched({self.facts.dataset}, {'just now' if self.fresh else 'found'}, {short_path(self.folder)})"


def fetch(
    dataset: str, to: Path, *, mirror: str = "", accept_licence: bool = False, progress: bool = True, pause: float = 1.0
) -> Fetched:
    """Fetch the raw files of a data set into a folder.

    A complete set that is already there is left alone, so the call may be repeated. An interrupted download is resumed.

    Args:
        dataset: a free data set of :func:`zsar_kit.data.published.publication_names`.
        to: the folder for its files; absent or empty.
        mirror: where to take the archive from instead of the published addresses: its address or that of its folder; or
            a folder or archive on this machine.
        accept_licence: the caller has read the terms of use and accepts them.
        progress: show a bar.
        pause: seconds to wait after a failed attempt.

    Raises:
        ConfigError: the data set is not known, its terms are not accepted, or ``to`` holds something else.
        DownloadError: it is given on request only, cannot be downloaded, or is not the set that was measured; in the
            last case its files stay beside the folder.
        DataError: the archive is damaged or not to be trusted.
        ArtefactError: the disk is full, or refuses the files; what is already downloaded is kept.
    """
    facts = publication(dataset)
    _refuse_on_request(facts)
    to = to.resolve() if to.name in ("", "..") else to
    if _has_files(to):
        report = check_files(dataset, to)
        if report.whole:
            return Fetched(facts, to, fresh=False)
        problem = f"the folder holds something, but not the whole data set: {'; '.join(report.problems)}"
        raise ConfigError(problem, where=to, remedy="Name another folder with --to, or remove this one.")
    if not accept_licence:
        raise ConfigError(
            f"{facts.title} comes with terms of use that are yours to accept. {facts.licence} "
            f"Official page: {facts.page} (to cite: {facts.cite})",
            remedy=f"If you accept them: `zsar data fetch {dataset} --accept-licence`.",
        )
    unverified = to.with_name(f"{to.name}.unverified")
    here = _local(facts, mirror)
    try:
        if here is not None:
            _lay_out(facts, here, unverified)
        else:
            _download_and_lay_out(facts, mirror, to, unverified, progress=progress, pause=pause)
    except OSError as error:
        raise disk_fault(error, unverified.parent) from None
    report = check_files(dataset, unverified)
    if not report.whole:
        raise DownloadError(
            f"{facts.title} was fetched, but is not the set that was measured: {'; '.join(report.problems)}",
            where=unverified,
            remedy="Its files stay there. If you trust them, prepare from that folder, without --strict where "
            "files are missing; numbers will not be comparable.",
        )
    if to.is_dir():
        to.rmdir()  # empty, as was seen above
    unverified.rename(to)
    return Fetched(facts, to, fresh=True)


def _refuse_on_request(facts: Publication) -> None:
    """Explain how to get a data set that is given on request only."""
    if facts.access == "request":
        name = facts.dataset
        raise DownloadError(
            f"{facts.title} cannot be fetched: its authors give it on request. {facts.how} {facts.licence} "
            f"(To cite: {facts.cite})",
            where=facts.page,
            remedy=f"Then: `zsar data check {name} --root FOLDER`, `zsar data prepare {name} --root FOLDER`.",
        )


def _has_files(folder: Path) -> bool:
    """Whether anything is at a place.

    Raises:
        ConfigError: it is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError("this is a file, a folder is needed", where=folder, remedy="Name another one with --to.")
    return folder.is_dir() and any(folder.iterdir())


def _local(facts: Publication, mirror: str) -> Path | None:
    """The archive, or the folder with the files themselves, where the mirror is on this machine."""
    if not mirror or is_url(mirror):
        return None
    place = Path(mirror)
    if not place.exists():
        raise DownloadError("there is no such folder, archive or address (http, https)", where=mirror)
    return place / facts.archive if (place / facts.archive).is_file() else place


def _download_and_lay_out(
    facts: Publication, mirror: str, to: Path, folder: Path, *, progress: bool, pause: float
) -> None:
    """Download the archive beside ``to`` and unpack it into ``folder``.

    The archive is removed once it is unpacked or found unusable; where the disk is at fault it is kept for the next
    attempt.
    """
    urls = facts.urls
    if mirror:
        own = mirror.partition("?")[0].endswith(".zip")
        urls = (mirror if own else f"{mirror.rstrip('/')}/{facts.archive}",)
    scratch = to.with_name(f"{to.name}.download")
    by_hand = f"Download {facts.archive} by hand (see {facts.page}) and pass --mirror FOLDER."
    try:
        archive = download(urls, scratch / facts.archive, progress=progress, pause=pause)
    except DownloadError as error:
        raise DownloadError(error.problem, where=error.where, remedy=error.remedy or by_hand) from None
    try:
        _lay_out(facts, archive, folder)
    except DataError as error:
        shutil.rmtree(scratch)
        raise DownloadError(
            f"what was downloaded is unusable: {error.problem}", where=error.where, remedy=by_hand
        ) from None
    shutil.rmtree(scratch)


def _lay_out(facts: Publication, source: Path, folder: Path) -> None:
    """Put the data set's files, and no others, from an archive or a folder into ``folder``."""
    raw = RAW_FORMATS[facts.dataset]

    def wanted(name: str) -> bool:
        return raw.name.fullmatch(name) is not None

    with atomic_folder(folder) as inside:
        if source.is_file():
            unpack(source, inside, wanted, limit=_ROOM * facts.bytes)
            return
        for path in sorted(source.rglob(f"*{raw.suffix}")):
            if wanted(path.name):
                place = inside / path.relative_to(source)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)
