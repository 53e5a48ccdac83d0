"""Reader of PKU-MMD, parts I and II: long videos with label files that say which frames show which action.

The official archives hold one skeleton file and one label file of the same name for each video, in folders such as
``PKU_Skeleton_Renew`` and ``Train_Label_PKU_final``, and lists of videos for each protocol;
:mod:`zsar_kit.data.readers.pku_files` tells which is which.

A sequence's ``setup`` is the number of its recording, the same in the three views (part I: ``0002-L`` is 2), or of the
script that was performed (part II: 26 scripts by 13 persons, the ``subject``; ``A01N13-L``). Part I does not number
persons: ``subject`` is -1 there. ``replication`` is the row of the label file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from zsar_kit.config import digest_of
from zsar_kit.data.catalogue import class_count, class_names, resource
from zsar_kit.data.readers.pku_chains import PKU_CHAINS, real_bodies, star_chain
from zsar_kit.data.readers.pku_files import (
    LIST_NAMES,
    PROTOCOLS,
    SUFFIX,
    VIDEO,
    refuse_shifted,
    video_files,
    video_lists,
)
from zsar_kit.data.readers.pku_format import Label, VideoLists, check_range, convert_lines, parse_labels, skeleton_lines
from zsar_kit.data.readers.plan import Item, LeftOut, Reading, ReadPlan, Source, find_sources
from zsar_kit.data.skeletons import SkeletonSequence, check_sequence
from zsar_kit.errors import DataError, nearest_name
from zsar_kit.reprs import counted

LAYOUT = "ntu25"
CAMERAS = "LMR"  # cameras 1, 2, 3: left, middle, right
SAMPLE = re.compile(r"(?:F(?P<file>\d{3})|A0(?P<script>\d\d)N0(?P<person>\d\d))V00(?P<view>[123])C\d{3}L\d{3}")
SHOWN = {"pku_mmd": "0002-L.txt", "pku_mmd_2": "A01N01-L.txt"}


def sample_name(video: str, action: int, number: int) -> str:
    """The published name of an action: video, view, class, running number in its video.

    Args:
        video: ``0043-L`` or ``A01N01-L``.
        action: class, from 1 on.
        number: row of the label file, from 1 on.

    Returns:
        ``F043V001C001L021``, or ``A001N001V001C001L021`` of part II.
    """
    front, view = video.split("-")
    where = f"F{front[1:]}" if front[0] == "0" else f"A0{front[1:3]}N0{front[4:]}"
    return f"{where}V{CAMERAS.index(view) + 1:03d}C{action:03d}L{number:03d}"


def video_of(sample: str) -> str:
    """The video of a sample: :func:`sample_name` backwards.

    Raises:
        DataError: it is not a sample's name.
    """
    match = SAMPLE.fullmatch(sample)
    if match is None:
        raise DataError(f"a sample of PKU-MMD is named like F043V001C001L021, got {sample!r}")
    front = f"0{match['file']}" if match["file"] else f"A{match['script']}N{match['person']}"
    return f"{front}-{CAMERAS[int(match['view']) - 1]}"


@dataclass(frozen=True)
class TrainingVideos:
    """A callable that tells whether a sample's video is in a list of training videos."""

    videos: frozenset[str]

    def __repr__(self) -> str:
        return f"TrainingVideos({counted(len(self.videos), 'video')})"

    def __call__(self, sample: str) -> bool:
        """Whether the sample is for training."""
        return video_of(sample) in self.videos


def plan_pku_mmd(dataset: str, root: str | Path, *, chain: str = "star") -> ReadPlan:
    """Plan to read PKU-MMD from a folder.

    Args:
        dataset: ``"pku_mmd"`` (part I) or ``"pku_mmd_2"`` (part II); both may be in one folder.
        root: the folder with skeletons, labels and lists at any depth, in zip archives or not.
        chain: ``"star"`` gives what the field's arrays hold: 64 frames per clip, without the samples that they leave
            out; ``"raw"`` gives the frames as they are. See :mod:`zsar_kit.data.readers.pku_chains`.

    Raises:
        DataError: there is no such data set, chain or folder; the folder lacks skeletons, labels or lists; a list is
            broken, or a protocol has two lists that differ; the labels number the actions from 0 on.
    """
    if dataset not in VIDEO:
        raise DataError(f"this reader knows no data set {dataset!r}", remedy=nearest_name(dataset, VIDEO))
    if chain not in PKU_CHAINS:
        raise DataError(f"PKU-MMD has no chain {chain!r}", remedy=nearest_name(chain, PKU_CHAINS))
    root = Path(root)
    found, damaged = find_sources(root, SUFFIX)
    skeletons, labels, twice = _sort(dataset, root, found)
    _require(dataset, root, skeletons, labels, damaged)
    refuse_shifted(labels.values())
    lists = video_lists(dataset, found)
    _require_lists(dataset, root, lists, damaged)
    unlabelled = [_lonely(video, skeletons, labels) for video in sorted(skeletons.keys() ^ labels.keys())]
    both_there = skeletons.keys() & labels.keys()
    both = sorted(both_there)
    unlisted = [left for video in both if (left := _unlisted(video, lists))]
    gone = {left.sample for left in unlisted}
    items = tuple(Item(video, (skeletons[video], labels[video])) for video in both if video not in gone)
    return ReadPlan(
        dataset=dataset,
        layout=LAYOUT,
        class_names=class_names(dataset),
        items=items,
        read=partial(read_video, dataset=dataset, chain=chain),
        config={"reader": "pku_mmd", "chain": chain, "lists": {name: _digest(both) for name, both in lists.items()}},
        left_out=(*damaged, *twice, *unlabelled, *unlisted),
        complete=len(listed := _listed(lists)),
        found=len(listed & both_there),
        notes=_notes(dataset, lists, {*skeletons, *labels}),
        parts={protocol: TrainingVideos(lists[protocol].train) for protocol in sorted(lists)},
    )


def _sort(dataset: str, root: Path, found: list[Source]) -> tuple[dict[str, Source], dict[str, Source], list[LeftOut]]:
    """Skeleton files and label files by video, and surplus copies."""
    twice: list[LeftOut] = []
    skeletons, labels = (_first(files, twice) for files in video_files(dataset, root, found))
    return skeletons, labels, twice


def _first(files: list[Source], twice: list[LeftOut]) -> dict[str, Source]:
    """The first file of each video; the others are added to ``twice``."""
    kept: dict[str, Source] = {}
    for source in files:
        video = source.name.removesuffix(SUFFIX)
        if video not in kept:
            kept[video] = source
            continue
        same = source.size == kept[video].size
        detail = f"{source} exists besides {kept[video]}, which is read; {'same' if same else 'another'} size"
        twice.append(LeftOut(video, "duplicate", detail, expected=same))
    return kept


def _require(
    dataset: str, root: Path, skeletons: dict[str, Source], labels: dict[str, Source], damaged: list[LeftOut]
) -> None:
    if skeletons and labels:
        return
    kind = "label files" if skeletons else "skeleton files"
    packed = sorted(path.name for path in root.rglob("*.7z")) if root.is_dir() else []
    remedy = "Name the folder that holds all: the skeleton files, the label files, and the lists."
    if packed:
        remedy = f"Unpack {packed[0]} first: 7z x {packed[0]}."
    raise _none_found(f"{dataset} needs {kind} {SHOWN[dataset]}", root, damaged, remedy)


def _require_lists(dataset: str, root: Path, lists: dict[str, VideoLists], damaged: list[LeftOut]) -> None:
    if lists:
        return
    wanted = " and ".join(LIST_NAMES[dataset].values())
    remedy = "Put the folder Split of the official download beside the skeletons; the kit does not ship it."
    problem = f"{dataset} needs the official lists of training and test videos ({wanted})"
    raise _none_found(problem, root, damaged, remedy)


def _none_found(problem: str, root: Path, damaged: list[LeftOut], remedy: str) -> DataError:
    """The error for absent files, which may be in an archive that cannot be opened."""
    came = "".join(f"; {archive.detail}" for archive in damaged)
    again = "Fetch what is damaged again. " if damaged else ""
    return DataError(f"{problem}, found none{came}", where=root, remedy=again + remedy)


def _digest(lists: VideoLists) -> str:
    return digest_of([sorted(lists.train), sorted(lists.test)])


def _lonely(video: str, skeletons: dict[str, Source], labels: dict[str, Source]) -> LeftOut:
    if video in skeletons:
        return LeftOut(video, "unknown", f"{skeletons[video]} has no label file, so its actions are not known")
    return LeftOut(video, "unknown", f"{labels[video]} has no skeleton file")


def _unlisted(video: str, lists: dict[str, VideoLists]) -> LeftOut | None:
    missing = [name for name, both in sorted(lists.items()) if video not in both.train | both.test]
    if not missing:
        return None
    return LeftOut(video, "not in the split lists", f"neither a training nor a test video of {', '.join(missing)}")


def _listed(lists: dict[str, VideoLists]) -> set[str]:
    """Every video that a list names."""
    return {video for both in lists.values() for video in both.train | both.test}


def _notes(dataset: str, lists: dict[str, VideoLists], there: set[str]) -> tuple[str, ...]:
    notes = [
        f"no {name} list was found: this protocol will be missing; "
        f"put {LIST_NAMES[dataset][name]} beside the other list and prepare again"
        for name in PROTOCOLS.values()
        if name not in lists
    ]
    listed = _listed(lists)
    if absent := sorted(listed - there):
        shown = ", ".join(absent[:5]) + (", ..." if len(absent) > 5 else "")
        notes.append(f"{len(absent)} of the {len(listed)} videos that the lists of {dataset} name are absent: {shown}")
    return tuple(notes)


def read_video(item: Item, *, dataset: str, chain: str) -> Reading:
    """The actions of one video, in the order of its label file. Faulty ones are left out, the others are kept.

    Args:
        item: of :func:`plan_pku_mmd`: the skeleton file and the label file.
        dataset: which part.
        chain: see :func:`plan_pku_mmd`.

    Raises:
        DataError: one of the files is broken as a whole.
    """
    skeletons, labels = item.sources
    actions = parse_labels(labels.read(), str(labels))
    lines = skeleton_lines(skeletons.read(), str(skeletons))
    sequences, left_out = [], []
    for action in actions:
        name = sample_name(item.name, action.action, action.line)
        listed = name in resource("pku_missing.toml")[dataset]["samples"]
        if listed and chain == "star":
            left_out.append(LeftOut(name, "listed as missing", "the published arrays lack it", expected=True))
            continue
        try:
            check_range(action, len(lines), str(labels))
            frames = convert_lines(lines[action.start - 1 : action.end], str(skeletons), action.start)
            joints = star_chain(frames) if chain == "star" else real_bodies(frames)
            if joints is None or not len(joints):
                who = "the first body" if chain == "star" else "every body"
                detail = f"{who} is absent in all frames {action.start} to {action.end} of {skeletons}"
                left_out.append(LeftOut(name, "no body", detail, expected=True))
                continue
            sequence = _sequence(dataset, item.name, name, action, joints)
            check_sequence(sequence, LAYOUT, class_count(dataset), where=str(skeletons))
        except DataError as error:
            left_out.append(LeftOut(name, "broken", str(error), expected=listed))
            continue
        sequences.append(sequence)
    return Reading(tuple(sequences), tuple(left_out))


def _sequence(dataset: str, video: str, name: str, action: Label, joints: np.ndarray) -> SkeletonSequence:
    groups = VIDEO[dataset].fullmatch(video)
    assert groups is not None, video
    return SkeletonSequence(
        sample=name,
        joints=joints,
        label=action.action - 1,
        # Part I does not say who performs; its lists only keep the people of training and test videos apart.
        subject=int(groups["person"]) if dataset == "pku_mmd_2" else -1,
        setup=int(groups["script"] if dataset == "pku_mmd_2" else groups["file"]),
        camera=CAMERAS.index(groups["view"]) + 1,
        replication=action.line,
    )
