"""Puppet as raw files of PKU-MMD: long videos with pauses, label files, and lists of a cross-subject and a cross-view
protocol, in the folders of the official download.

They are for trying the reader, and everything after it, without the recordings. The files are as untidy as real ones:
some have leading spaces, CRLF, or blank lines at the end; bodies are absent in some pauses, and one action shows no
body at all.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32

from zsar_kit.data.catalogue import class_names
from zsar_kit.data.puppet.world import PuppetConfig, generate
from zsar_kit.data.readers.pku_mmd import CAMERAS, sample_name
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.errors import DataError
from zsar_kit.seeding import numpy_generator

Frames = Float32[np.ndarray, "2 frame 25 3"]
# The classes of puppet whose names PKU-MMD spells differently.
SPELLING = {"standing up (from sitting position)": "standing up", "nod head/bow": "bow"}
FOLDERS = {
    "pku_mmd": ("Data/PKU_Skeleton_Renew", "Label/Train_Label_PKU_final", "Split/cross-{}.txt"),
    "pku_mmd_2": ("Data/Skeleton_v2", "Label/Label_PKUMMD_v2", "Split/cross_{}_v2.txt"),
}
PAUSE = (3, 12)  # frames
NOBODY = 9  # frames of the action without a body
ROW = " ".join(["%.6f"] * 150)


@dataclass(frozen=True)
class WrittenPku:
    """What the written files hold.

    Attributes:
        sequences: what a reader must find, in the order of the sorted videos and their label rows; each body in metres.
        nobody: names of the actions that have no body in any frame.
    """

    sequences: tuple[SkeletonSequence, ...]
    nobody: tuple[str, ...]

    def __repr__(self) -> str:
        return f"WrittenPku({len(self.sequences)} sequences, {len(self.nobody)} actions without a body)"


@dataclass
class _Video:
    """One video as it grows."""

    name: str
    subject: int
    camera: int
    frames: list[Frames] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    sequences: list[SkeletonSequence] = field(default_factory=list)
    nobody: list[str] = field(default_factory=list)

    @property
    def length(self) -> int:
        return sum(part.shape[1] for part in self.frames)


def small_config() -> PuppetConfig:
    """A small set of five classes that PKU-MMD has too, one of them of two persons."""
    return PuppetConfig(subjects=4, replications=1, classes=(0, 9, 16, 20, 25))


def pku_label(puppet_label: int) -> int:
    """The class of PKU-MMD that has the name of a class of puppet.

    Raises:
        DataError: it has none.
    """
    name = class_names("puppet")[puppet_label]
    names = class_names("pku_mmd")
    if (spelt := SPELLING.get(name, name)) not in names:
        raise DataError(f"PKU-MMD has no class {name!r}", remedy="Leave it out of the puppet's classes.")
    return names.index(spelt)


def write_pku_mmd(
    root: str | Path,
    config: PuppetConfig | None = None,
    *,
    dataset: Literal["pku_mmd", "pku_mmd_2"] = "pku_mmd",
    zipped: bool = False,
) -> WrittenPku:
    """Write puppet as the raw files of PKU-MMD.

    Each subject and camera make one video. Subjects with odd numbers, and cameras 2 and 3, are for training.

    Args:
        root: the folder to write to; files of the same names are replaced.
        config: which puppet; :func:`small_config` if None.
        dataset: part I or II, which name their files differently.
        zipped: skeletons and labels in a zip archive each.

    Raises:
        DataError: PKU-MMD lacks a class of the set.
    """
    root, config = Path(root), small_config() if config is None else config
    videos = _perform(dataset, generate(config), config.seed)
    folders = FOLDERS[dataset]
    skeletons = {f"{video.name}.txt": _skeleton_text(i, video) for i, video in enumerate(videos)}
    labels = {f"{video.name}.txt": _label_text(i, video) for i, video in enumerate(videos)}
    for folder, files in zip(folders[:2], (skeletons, labels), strict=True):
        _store(root / folder, files, zipped)
    for by in ("subject", "view"):
        path = root / folders[2].format(by)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_list_text(by, videos), encoding="ascii", newline="")
    return WrittenPku(
        tuple(sequence for video in videos for sequence in video.sequences),
        tuple(name for video in videos for name in video.nobody),
    )


def _perform(dataset: str, sequences: Iterable[SkeletonSequence], seed: int) -> list[_Video]:
    """The videos, sorted by name: the actions of each subject one after the other, with pauses."""
    videos: dict[str, _Video] = {}
    for sequence in sequences:
        front = f"{sequence.subject + 1:04d}" if dataset == "pku_mmd" else f"A01N{sequence.subject:02d}"
        name = f"{front}-{CAMERAS[sequence.camera - 1]}"
        video = videos.setdefault(name, _Video(name, sequence.subject, sequence.camera))
        rng = numpy_generator(seed, "pause", name, len(video.rows))
        _add_pause(video, rng)
        _add_action(video, dataset, sequence, confidence=int(rng.integers(1, 3)))
    ordered = [videos[name] for name in sorted(videos)]
    first = ordered[0]
    _add_row(first, label=0, frames=NOBODY, confidence=1)
    first.frames.append(np.zeros((2, NOBODY, 25, 3), np.float32))
    first.nobody.append(sample_name(first.name, 1, len(first.rows)))
    for video in ordered:
        _add_pause(video, numpy_generator(seed, "pause", video.name, "last"))
    return ordered


def _add_pause(video: _Video, rng: np.random.Generator) -> None:
    """Nobody is there, or the last pose is held."""
    length = int(rng.integers(PAUSE[0], PAUSE[1] + 1))
    held = bool(video.frames) and rng.random() < 0.5
    pose = video.frames[-1][:, -1:] if held else np.zeros((2, 1, 25, 3), np.float32)
    video.frames.append(np.repeat(pose, length, axis=1))


def _add_row(video: _Video, *, label: int, frames: int, confidence: int) -> None:
    start = video.length + 1
    video.rows.append(f"{label + 1},{start},{start + frames - 1},{confidence}")


def _add_action(video: _Video, dataset: str, sequence: SkeletonSequence, confidence: int) -> None:
    persons, length = sequence.joints.shape[:2]
    label = pku_label(sequence.label)
    _add_row(video, label=label, frames=length, confidence=confidence)
    both = np.zeros((2, length, 25, 3), np.float32)
    both[:persons] = sequence.joints
    video.frames.append(both)
    number, first_part = len(video.rows), dataset == "pku_mmd"
    written = replace(
        sequence,
        sample=sample_name(video.name, label + 1, number),
        label=label,
        subject=-1 if first_part else sequence.subject,
        setup=sequence.subject + 1 if first_part else 1,
        replication=number,
    )
    video.sequences.append(written)


def _skeleton_text(i: int, video: _Video) -> bytes:
    """Every other video with leading spaces, every third with CRLF, every fourth with blank lines at its end."""
    frames = np.concatenate(video.frames, axis=1).swapaxes(0, 1)
    front, end = " " * (i % 2), ("\r\n" if i % 3 == 1 else "\n")
    text = end.join(front + ROW % tuple(frame.ravel()) for frame in frames)
    return (text + end * (3 if i % 4 == 2 else 1)).encode("ascii")


def _label_text(i: int, video: _Video) -> bytes:
    """Every other video with CRLF, every third without an end to its last line."""
    end = "\r\n" if i % 2 == 1 else "\n"
    return (end.join(video.rows) + ("" if i % 3 == 2 else end)).encode("ascii")


def _list_text(by: str, videos: list[_Video]) -> str:
    """The official form: a heading, a list with a comma at its end, and the same for the test videos."""
    trains = {video.name: video.subject % 2 == 1 if by == "subject" else video.camera != 1 for video in videos}
    train = "".join(f"{name}, " for name, trained in trains.items() if trained)
    test = "".join(f"{name}, " for name, trained in trains.items() if not trained)
    return f"Training videos:\n{train}\nValidation videos:\n{test}\n"


def _store(folder: Path, files: dict[str, bytes], zipped: bool) -> None:
    if not zipped:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder.with_name(f"{folder.name}.zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            # A name of its own kind has a fixed date, so that the same puppet is the same archive.
            archive.writestr(zipfile.ZipInfo(f"{folder.name}/{name}"), content, zipfile.ZIP_DEFLATED)
