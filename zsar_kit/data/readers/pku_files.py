"""Which files of a download of PKU-MMD are skeletons, labels and lists; used by the reader and by the check of raw
files.

The skeleton file and the label file of a video have the same name. The names of folders and archives tell them apart
(in the official download they contain "label" or "skeleton"); where they do not, the first line of the file does.
"""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from zsar_kit.data.readers.pku_format import CLASSES, VideoLists, parse_lists
from zsar_kit.data.readers.plan import Source
from zsar_kit.errors import DataError
from zsar_kit.reprs import counted

SUFFIX = ".txt"
VIDEO = {
    "pku_mmd": re.compile(r"0(?P<file>\d{3})-(?P<view>[LMR])"),
    "pku_mmd_2": re.compile(r"A(?P<script>\d\d)N(?P<person>\d\d)-(?P<view>[LMR])"),
}
LISTS = re.compile(r"cross[-_ ]?(?P<by>subject|view)s?(?:[-_ ]?v?[12])?\.txt", re.IGNORECASE)
PROTOCOLS = {"subject": "xsub", "view": "xview"}
LIST_NAMES = {
    "pku_mmd": {"xsub": "cross-subject.txt", "xview": "cross-view.txt"},
    "pku_mmd_2": {"xsub": "cross_subject_v2.txt", "xview": "cross_view_v2.txt"},
}
_LABEL = re.compile(rb"\s*\d+\s*(?:,\s*\d+(?:\.0*)?\s*){2,3}")
_ACTION = re.compile(rb"^\s*(\d{1,3})(?:\.0*)?\s*,", re.MULTILINE)
_BEGINNING = 256
"""Bytes; a line of a label file is far shorter, one of a skeleton file longer."""
_LONGEST_LABELS = 2**16
"""Bytes; a label file is far shorter, and what is longer need not be opened."""
_BROKEN = (zipfile.BadZipFile, zlib.error, OSError, EOFError, KeyError, NotImplementedError, RuntimeError)


def video_files(dataset: str, root: str | Path, found: Iterable[Source]) -> tuple[list[Source], list[Source]]:
    """Skeleton files and label files of a data set's videos, in the order given; other files are passed over.

    Args:
        dataset: a key of :data:`VIDEO`.
        root: the folder that was searched; names above it do not count.
        found: files of :func:`zsar_kit.data.readers.plan.find_sources`.

    Returns:
        The skeleton files and the label files. A file that is neither counts as a skeleton file; reading it shows what
        is wrong.
    """
    skeletons: list[Source] = []
    labels: list[Source] = []
    archives: dict[Path, zipfile.ZipFile] = {}
    with ExitStack() as stack:
        for source in found:
            if not VIDEO[dataset].fullmatch(source.name.removesuffix(SUFFIX)):
                continue
            is_label = _labels_by_folders(source, Path(os.path.abspath(root)))
            if is_label is None and source.size <= _LONGEST_LABELS:
                is_label = _starts_as_labels(source, archives, stack)
            (labels if is_label else skeletons).append(source)
    return skeletons, labels


def _labels_by_folders(source: Source, root: Path) -> bool | None:
    """Whether the innermost telling name of a folder or archive between ``root`` and the file says labels; None without
    such a name."""
    outer = source.path.relative_to(root).parts[:-1] if source.path != root else ()
    archive = (source.path.stem, *source.member.split("/")[:-1]) if source.member else ()
    for name in (folder.lower() for folder in reversed((*outer, *archive))):
        if "label" in name or "skel" in name:
            return "skel" not in name
    return None


def _starts_as_labels(source: Source, archives: dict[Path, zipfile.ZipFile], stack: ExitStack) -> bool:
    """Whether the first line is ``action,start,end,confidence``, or the same without confidence.

    Args:
        source: the file.
        archives: those already open, so that an archive's directory is read once and not for each member.
        stack: closes them.
    """
    try:
        if source.member:
            if source.path not in archives:
                archives[source.path] = stack.enter_context(zipfile.ZipFile(source.path))
            with archives[source.path].open(source.member) as stream:
                beginning = stream.read(_BEGINNING)
        else:
            with open(source.path, "rb") as stream:
                beginning = stream.read(_BEGINNING)
    except _BROKEN:
        return False  # reading the whole file will show what is wrong
    lines = beginning.removeprefix(b"\xef\xbb\xbf").splitlines()
    return bool(lines) and _LABEL.fullmatch(lines[0]) is not None


def refuse_shifted(labels: Iterable[Source]) -> None:
    """Refuse label files that number the actions from 0 on, or from 2 on.

    Official files number them 1..51. Shifted files would be read without complaint wherever a video has no action at
    the end of the range, under the name of the next class. They are recognised by an action just outside of the range
    while no video has the action at its other end. Where one has it, reading tells what is wrong in a single video.

    Raises:
        DataError: the labels are shifted.
    """
    videos: dict[int, list[Source]] = {}
    for source in labels:
        try:
            content = source.read().removeprefix(b"\xef\xbb\xbf")
        except DataError:
            continue  # reading the video will show what is wrong
        for action in {int(found[1]) for found in _ACTION.finditer(content)}:
            videos.setdefault(action, []).append(source)
    for outside, other_end, shown in ((0, CLASSES, f"0..{CLASSES - 1}"), (CLASSES + 1, 1, f"2..{CLASSES + 1}")):
        if (wrong := videos.get(outside)) and other_end not in videos:
            problem = (
                f"actions must be numbered 1..{CLASSES}; {counted(len(wrong), 'video')} with {outside} and none with "
                f"{other_end}, so they seem to number them {shown}"
            )
            add = "Add 1 to" if outside == 0 else "Subtract 1 from"
            remedy = f"{add} the first number of each line, or take the authors' label files."
            raise DataError(problem, where=str(wrong[0]), remedy=remedy)


def video_lists(dataset: str, found: Iterable[Source]) -> dict[str, VideoLists]:
    """The lists of each protocol that has some; those of the other part, recognised by the names in them, are ignored.

    Raises:
        DataError: a list is broken, or names videos of both parts, or a protocol has two lists that differ.
    """
    lists: dict[str, VideoLists] = {}
    places: dict[str, Source] = {}
    for source in found:
        match = LISTS.fullmatch(source.name)
        if match is None:
            continue
        read = parse_lists(source.read(), str(source))
        ours = [bool(VIDEO[dataset].fullmatch(video)) for video in read.train | read.test]
        if not any(ours):
            continue
        if not all(ours):
            problem = f"the lists name videos of {dataset} and others"
            raise DataError(problem, where=str(source), remedy="Take the file as the authors publish it.")
        protocol = PROTOCOLS[match["by"].lower()]
        if lists.setdefault(protocol, read) != read:
            problem = f"two files list the {protocol} videos of {dataset} differently"
            remedy = "Keep the one that the authors publish."
            raise DataError(problem, where=f"{places[protocol]} and {source}", remedy=remedy)
        places.setdefault(protocol, source)
    return lists
