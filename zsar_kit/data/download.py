"""Download one file: resumed where it stopped, restarted if the server's file has changed, complete or absent.

``requests`` handles HTTP; this module adds resuming. The unfinished file (``NAME.part``) is kept beside its final
place, with a record (``NAME.part.json``) of the version of the server's file that it belongs to, and ``If-Range`` asks
for the rest of that version only.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests
from tqdm import tqdm

from zsar_kit import __version__
from zsar_kit.artefacts import read_json, write_json
from zsar_kit.errors import ArtefactError, DownloadError

_BLOCK = 2**14
"""Bytes written at a time. A block that the end of a connection cuts off is lost, so blocks are short."""
_LONGEST_PAUSE = 30.0
_PASSING = {408, 425, 429, 500, 502, 503, 504}
"""HTTP statuses that are worth a retry."""
_HOPELESS = (
    requests.exceptions.SSLError,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    requests.exceptions.TooManyRedirects,
)


def is_url(text: str) -> bool:
    """Whether a text is an address that :func:`download` takes."""
    return urlsplit(text).scheme in ("http", "https")


@dataclass(frozen=True)
class Version:
    """Which file a server has at an address.

    Attributes:
        url: the address.
        validator: a strong ETag, else the time of its last change; empty where the server tells neither, in which case
            nothing can be resumed.
        size: bytes of the whole file; None where the server does not tell.
    """

    url: str
    validator: str
    size: int | None


class _TryAgain(Exception):
    """A temporary fault; the message is used if it persists."""

    def __init__(self, problem: str, pause: float = 0.0):
        self.pause = pause
        super().__init__(problem)


class _Part:
    """The unfinished file and its record."""

    def __init__(self, target: Path):
        self.path = target.with_name(f"{target.name}.part")
        self.record = target.with_name(f"{target.name}.part.json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def version(self, url: str) -> Version | None:
        """The version that the bytes belong to; None if they are useless for this address."""
        try:
            found = Version(**read_json(self.record))
        except (ArtefactError, TypeError):
            return None
        usable = found.url == url and found.validator and (found.size is None or self.size <= found.size)
        return found if usable else None

    def begin(self, version: Version) -> None:
        """Discard what is there and start a version from its first byte."""
        self.discard()
        write_json(self.record, asdict(version))

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.record.unlink(missing_ok=True)


def download(
    urls: Sequence[str],
    target: Path,
    *,
    progress: bool = True,
    attempts: int = 4,
    pause: float = 1.0,
    timeout: float = 30.0,
) -> Path:
    """Fetch one file from the first address that provides it.

    A file that exists at ``target`` is complete and is not requested again. An interrupted download leaves
    ``NAME.part``; the next call continues from there.

    Args:
        urls: addresses of the same file, tried in this order.
        target: where to put it; its folder is made.
        progress: show a bar.
        attempts: failures in a row, without a new byte between them, after which an address is given up.
        pause: seconds to wait after the first failure; doubled after each, at most half a minute.
        timeout: seconds without any data after which an attempt counts as failed.

    Raises:
        DownloadError: no address provided the file.
    """
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part, failures = _Part(target), []
    with requests.Session() as session:
        session.headers.update({"User-Agent": f"zsar_kit/{__version__}", "Accept-Encoding": "identity"})
        for url in urls:
            try:
                _fetch(session, url, part, progress=progress, attempts=attempts, pause=pause, timeout=timeout)
            except DownloadError as error:
                failures.append(error)
                continue
            part.path.replace(target)
            part.discard()
            return target
    if len(failures) == 1:
        raise failures[0]
    raise DownloadError(f"none of {len(urls)} addresses provided {target.name}: {' '.join(str(f) for f in failures)}")


def _fetch(
    session: requests.Session, url: str, part: _Part, *, progress: bool, attempts: int, pause: float, timeout: float
) -> None:
    """Fill ``part`` from one address, for as long as attempts bring new bytes."""
    failed, held = 0, part.size
    while True:
        try:
            return _attempt(session, url, part, progress=progress, timeout=timeout)
        except _TryAgain as fault:
            failed = 1 if part.size > held else failed + 1
            held = max(held, part.size)
            if failed >= attempts:
                raise DownloadError(f"given up after {attempts} attempts: {fault}", where=url) from None
            time.sleep(min(max(pause * 2 ** (failed - 1), fault.pause), _LONGEST_PAUSE))


def _attempt(session: requests.Session, url: str, part: _Part, *, progress: bool, timeout: float) -> None:
    """One request; returns once the part is whole."""
    known = part.version(url)
    held = part.size if known is not None else 0
    if known is not None and held and known.size == held:
        return  # stopped between the last byte and the new name
    ask = {"Range": f"bytes={held}-", "If-Range": known.validator} if known is not None and held else {}
    try:
        with session.get(url, headers=ask, stream=True, timeout=timeout) as reply:
            version = _accepted(reply, url, part, known, held)
            with tqdm(
                total=version.size,
                initial=part.size,
                desc=part.path.stem,
                unit="B",
                unit_scale=True,
                disable=not progress,
            ) as bar:
                _store(reply, part.path, bar)
    except _HOPELESS as error:
        certificate = isinstance(error, requests.exceptions.SSLError)
        problem = "the server's certificate cannot be verified" if certificate else "there is no such address"
        raise DownloadError(f"{problem}: {_first_line(error)}", where=url) from None
    except requests.RequestException as error:
        raise _TryAgain(_first_line(error)) from None
    if version.size is not None and part.size != version.size:
        raise _TryAgain(f"the connection ended after {part.size} of {version.size} bytes")


def _accepted(reply: requests.Response, url: str, part: _Part, known: Version | None, held: int) -> Version:
    """Check the header of a reply and prepare the part for its body.

    Returns:
        The version that the part then belongs to.
    """
    status = reply.status_code
    if status in _PASSING:
        raise _TryAgain(f"the server said {status} {reply.reason}", _asked_pause(reply))
    if status == 416:
        part.discard()
        raise _TryAgain("the server has no such part of its file")
    if status == 206:
        first, size = _content_range(reply)
        offered = Version(url, _validator(reply), size)
        if known is None or first != held or offered.validator not in ("", known.validator) or size != known.size:
            part.discard()
            raise _TryAgain("the server's file has changed")
        return known
    if status != 200:
        raise DownloadError(f"the server said {status} {reply.reason}", where=url)
    length = reply.headers.get("Content-Length", "")
    plain = reply.headers.get("Content-Encoding", "identity") == "identity"
    # Bytes that are decoded on the way differ in number and cannot be resumed.
    version = Version(url, _validator(reply) if plain else "", int(length) if plain and length.isdigit() else None)
    free = shutil.disk_usage(part.path.parent).free + part.size
    if version.size is not None and version.size > free:
        problem = f"the file has {version.size} bytes, the disk has {free} free"
        raise DownloadError(problem, where=part.path.parent, remedy="Make room, or name another folder.")
    part.begin(version)
    return version


def _store(reply: requests.Response, path: Path, bar: tqdm) -> None:
    """Append the body of a reply; what arrived before a fault is kept."""
    with open(path, "ab") as stream:
        for block in reply.iter_content(_BLOCK):
            stream.write(block)
            bar.update(len(block))


def _validator(reply: requests.Response) -> str:
    """What distinguishes versions of a file; weak ETags do not promise equal bytes."""
    tag = reply.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else reply.headers.get("Last-Modified", "")


def _content_range(reply: requests.Response) -> tuple[int, int | None]:
    """First byte and size of the whole file, from ``bytes 5-99/100``; -1 where the header is not of this form."""
    unit, _, rest = reply.headers.get("Content-Range", "").partition(" ")
    span, _, size = rest.partition("/")
    first = span.partition("-")[0]
    if unit.lower() != "bytes" or not first.isdigit():
        return -1, None
    return int(first), int(size) if size.isdigit() else None


def _asked_pause(reply: requests.Response) -> float:
    """Seconds that the server asks to wait; 0 where it does not say a number."""
    text = reply.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else 0.0


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]
