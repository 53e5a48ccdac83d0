"""Compare raw files with what is known about their data set, before spending hours on reading them.

Files are checked where they are, in folders and zip archives. For free data sets their number, names and contents were
measured. For those on request (NTU RGB+D, PKU-MMD) the kit has no digest; it checks the published counts, the form of
the names, and whether archives and files are intact.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from zsar_kit.data.published import Publication, publication
from zsar_kit.data.readers.ntu import SUFFIX, misfit, sample_numbers
from zsar_kit.data.readers.pku_files import LIST_NAMES, VIDEO, video_files, video_lists
from zsar_kit.data.readers.plan import LeftOut, Source, find_sources
from zsar_kit.data.readers.registry import RAW_FORMATS
from zsar_kit.errors import DataError
from zsar_kit.reprs import counted, escaped, listed, shortened

_NTU_BLOCK = 3 * 2 * 60
"""Files of one performer in one setup: cameras, replications, actions."""


def names_digest(sources: Iterable[Source]) -> str:
    """SHA-256 over the sorted file names, a line each."""
    return hashlib.sha256("".join(f"{name}\n" for name in sorted(s.name for s in sources)).encode()).hexdigest()


def set_digest(sources: Iterable[Source]) -> str:
    """SHA-256 over names and contents, sorted by name. Folders and archives do not count.

    Raises:
        DataError: a member of an archive cannot be unpacked.
    """
    total = hashlib.sha256()
    for source in sorted(sources, key=lambda source: source.name):
        total.update(f"{source.name} {hashlib.sha256(source.read()).hexdigest()}\n".encode())
    return total.hexdigest()


@dataclass(frozen=True)
class FilesReport:
    """What a check of raw files found.

    Attributes:
        dataset: the data set.
        found: number of its files.
        problems: what is missing, broken or different, one sentence each; empty if all is well.
        notes: what else is worth knowing.
    """

    dataset: str
    found: int
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether everything is there and intact."""
        return not self.problems

    def __repr__(self) -> str:
        found = f"{self.dataset}: {counted(self.found, 'file')} found"
        if self.whole:
            return f"FilesReport({found}, whole)"
        return f"FilesReport({found}, {counted(len(self.problems), 'problem')}: {shortened(self.problems[0], 160)})"

    def _repr_markdown_(self) -> str:
        lines = [*(f"- {escaped(problem)}" for problem in self.problems), *(f"- {escaped(n)}" for n in self.notes)]
        return "\n".join([escaped(repr(self)), "", *lines]) + "\n"


def check_files(dataset: str, root: str | Path, *, contents: bool = False, progress: bool = False) -> FilesReport:
    """Compare raw files with what is known of their data set.

    Args:
        dataset: a data set of :func:`publication_names`.
        root: a folder with files or zip archives at any depth, or one archive.
        contents: also read every file of the sets on request to its end (minutes); the others always are.
        progress: show a bar while reading.

    Raises:
        ConfigError: the data set is not known.
        DataError: there is nothing at ``root``.
    """
    facts = publication(dataset)
    if facts.access == "free":
        return _check_free(facts, root)
    report, sources = _check_pku(facts, root) if dataset in VIDEO else _check_ntu(facts, root)
    if not contents:
        return report
    unreadable = _read_all(sources, progress)
    problems = [f"{len(unreadable)} files cannot be read to their end: {listed(unreadable)}"] if unreadable else []
    return replace(report, problems=(*report.problems, *problems))


def _check_free(facts: Publication, root: str | Path) -> FilesReport:
    """Compare the files of a free data set with the measured number, names and contents; see :func:`check_files`."""
    raw = RAW_FORMATS[facts.dataset]
    sources, damaged = find_sources(root, raw.suffix)
    own = [source for source in sources if raw.name.fullmatch(source.name)]
    strangers = [source for source in sources if not (raw.name.fullmatch(source.name) or raw.is_other(source))]
    problems = [*_archive_problems(facts, damaged), *_file_problems(own)]
    if strangers:
        problems.append(f"{len(strangers)} {raw.suffix} files are not named {raw.shown}: {listed(strangers)}")
    if len(own) != facts.files:
        problems.append(f"{len(own)} of {facts.files} files {raw.shown} are there")
    elif not problems:
        problems += _content_problems(facts, own)
    return FilesReport(facts.dataset, len(own), tuple(problems))


def _content_problems(facts: Publication, sources: Sequence[Source]) -> list[str]:
    """How a complete number of files differs from the measured set, if at all."""
    if names_digest(sources) != facts.names_sha256:
        return [f"there are {facts.files} files, but their names are not those measured (SHA-256 of the names differs)"]
    try:
        digest = set_digest(sources)
    except DataError as error:
        return [str(error)]
    if digest == facts.sha256:
        return []
    size = sum(source.size for source in sources)
    sizes = f"{size} bytes, as measured" if size == facts.bytes else f"{size} bytes instead of {facts.bytes}"
    problem = f"all {facts.files} names are there, but the contents differ from those measured ({sizes})"
    return [f"{problem}: SHA-256 {facts.sha256[:12]}... is required, found {digest[:12]}..."]


def _archive_problems(facts: Publication, damaged: Sequence[LeftOut]) -> list[str]:
    """Archives that cannot be opened, with the size they should have where that is known."""
    problems = []
    for archive in damaged:
        size = facts.reported.get(archive.sample)
        hint = f"; others report {size} bytes; was it cut short?" if size else ""
        problems.append(f"{archive.detail}{hint}")
    return problems


def _file_problems(sources: Sequence[Source]) -> list[str]:
    """Empty files, and names that occur twice."""
    problems = []
    if empty := [source for source in sources if source.size == 0]:
        problems.append(f"{len(empty)} files are empty: {listed(empty)}")
    counts = Counter(source.name for source in sources)
    if twice := [name for name, count in counts.items() if count > 1]:
        places = [str(source) for source in sources if source.name == twice[0]]
        problems.append(f"{len(twice)} files exist more than once: {listed(twice)} (the first: {', '.join(places)})")
    return problems


def _number_ranges(numbers: Iterable[int]) -> str:
    """``[1, 2, 3, 7]`` as ``1-3, 7``."""
    text = ""
    ordered = sorted(set(numbers))
    for number in ordered:
        follows, goes_on = number - 1 in ordered, number + 1 in ordered
        if not follows:
            text += f", {number}"
        elif not goes_on:
            text += f"-{number}"
    return re.sub(r"^, ", "", text)


def _read_all(sources: Sequence[Source], progress: bool) -> list[str]:
    """Read every file; members of archives are compared with the archive's checksums.

    Returns:
        What went wrong, one entry per file.
    """
    wrong = []
    for source in tqdm(sources, desc="reading", unit=" files", disable=not progress):
        try:
            source.read()
        except DataError as error:
            wrong.append(f"{source} ({error.problem})")
        except OSError as error:
            wrong.append(f"{source} ({error})")
    return wrong


# --- NTU RGB+D


def _check_ntu(facts: Publication, root: str | Path) -> tuple[FilesReport, list[Source]]:
    """The files of the data set's setups: their number, and which performers of which setups lack some."""
    sources, damaged = find_sources(root, SUFFIX)
    own, strangers, others = [], [], 0
    for source in sources:
        sample = source.name.removesuffix(SUFFIX)
        numbers = sample_numbers(sample)
        if numbers is None or misfit("ntu120", sample):
            strangers.append(source)
        elif numbers[0] > facts.setups:
            others += 1
        else:
            own.append((source, numbers))
    files = [source for source, _ in own]
    problems = [*_archive_problems(facts, damaged), *_file_problems(files)]
    if strangers:
        problems.append(f"{len(strangers)} .skeleton files have no name of the data set: {listed(strangers)}")
    unique = {source.name for source in files}
    if len(unique) != facts.files:
        problems.append(f"{len(unique)} of {facts.files} files SsssCcccPpppRrrrAaaa.skeleton are there")
        problems += _ntu_gaps(facts, {numbers for _, numbers in own})
    notes = [f"{others} files of setups above {facts.setups} belong to NTU RGB+D 120 and were not counted"] * bool(
        others
    )
    return FilesReport(facts.dataset, len(unique), tuple(problems), tuple(notes)), files


def _ntu_gaps(facts: Publication, numbers: Iterable[tuple[int, ...]]) -> list[str]:
    """Setups without any file, and performers of a setup that have fewer than all their files."""
    counts = Counter((setup, performer) for setup, _, performer, _, _ in numbers)
    problems = []
    if absent := set(range(1, facts.setups + 1)) - {setup for setup, _ in counts}:
        problems.append(f"no file of setup {_number_ranges(absent)}")
    short = sorted((*key, count) for key, count in counts.items() if count < _NTU_BLOCK)
    if short:
        shown = [f"S{setup:03}P{performer:03} has {count}" for setup, performer, count in short]
        problems.append(f"a performer has {_NTU_BLOCK} files in a setup, but {listed(shown)}")
    return problems


# --- PKU-MMD


def _check_pku(facts: Publication, root: str | Path) -> tuple[FilesReport, list[Source]]:
    """Videos with and without labels, and the official lists."""
    sources, damaged = find_sources(root, ".txt")
    problems = _archive_problems(facts, damaged)
    if packed := sorted(path.name for path in Path(root).rglob("*.7z")):
        problems.append(f"the kit does not read .7z archives; unpack {listed(packed)}")
    skeleton_files, label_files = video_files(facts.dataset, root, sources)
    videos, labels = ({source.name for source in files} for files in (skeleton_files, label_files))
    problems += [*_file_problems(skeleton_files), *_file_problems(label_files)]
    if facts.files and len(videos) != facts.files:
        problems.append(f"{len(videos)} of {facts.files} videos are there")
    elif not videos:
        problems.append("no skeleton file of a video is there")
    if bare := sorted(videos - labels):
        problems.append(f"{len(bare)} videos have no label file: {listed(bare)}")
    if lonely := sorted(labels - videos):
        problems.append(f"{len(lonely)} label files have no video: {listed(lonely)}")
    problems += _list_problems(facts.dataset, sources)
    return FilesReport(facts.dataset, len(videos), tuple(problems)), [*skeleton_files, *label_files]


def _list_problems(dataset: str, sources: Sequence[Source]) -> list[str]:
    """Official lists that are broken or absent."""
    try:
        lists = video_lists(dataset, sources)
    except DataError as error:
        return [str(error)]
    return [f"the official list {name} is not there" for key, name in LIST_NAMES[dataset].items() if key not in lists]
