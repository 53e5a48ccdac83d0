"""A data set of one's own: from somebody's files to skeletons, parts, texts, and a record of what was found in them."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from zsar_kit.artefacts import exists, file_digest, made_once, write_json
from zsar_kit.config import digest_of
from zsar_kit.data.catalogue import is_published
from zsar_kit.data.clip_list import ListedClip, list_clips, numbered_columns
from zsar_kit.data.doctor import Clip, Report, examine_set, mend
from zsar_kit.data.foreign import read_recording
from zsar_kit.data.joints import JointLayout
from zsar_kit.data.lost_points import MISSING_FILE
from zsar_kit.data.own_sets import OwnSet
from zsar_kit.data.own_writing import part_masks, require_class_names, write_own_set
from zsar_kit.data.readers.arrays import class_id
from zsar_kit.data.recording import Recording
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.errors import ArtefactError, DataError
from zsar_kit.experiments.pipeline.own_clip import (
    asked_layout,
    at_rate,
    clips_of,
    in_trunks,
    own_layout,
    refuse,
)
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.primitives.measure import KINECT_RATE
from zsar_kit.semantics.generate import read_class_list

log = logging.getLogger("zsar_kit")
#: the doctor's report, beside the skeletons
REPORT_FILE = "doctor.json"


@dataclass(frozen=True)
class NewSet:
    """What was asked for.

    Attributes:
        dataset: name of the data set.
        source: a folder of clips, or one file.
        classes: file with the class names, one a line; default: the names that the clips have, in alphabetical order.
        layout: a joint layout of the kit, or a .toml file with one's own; default: as the files say.
        labels: table of samples and labels; see :func:`~zsar_kit.data.clip_list.list_clips`.
        names: how file names are made.
        parts: how samples are divided into train and test, the default first.
        format: of the files, where it cannot be told from them.
        unit: of the coordinates, where the files do not say.
        up: which axis points up, where the files do not say.
        rate: frames a second, where the files do not say.
        synthetic: the data were computed rather than recorded; tables and figures say so.
        accept: checks of the doctor whose findings are accepted.
        replace_set: replace a set that is already there.
    """

    dataset: str
    source: Path
    classes: Path | None = None
    layout: str = ""
    labels: Path | None = None
    names: str = ""
    parts: tuple[str, ...] = ()
    format: str = ""
    unit: str = ""
    up: str = ""
    rate: float = 0.0
    synthetic: bool = False
    accept: tuple[str, ...] = ()
    replace_set: bool = False

    @property
    def reading(self) -> dict[str, Any]:
        """How each file is read."""
        return {"format": self.format, "unit": self.unit, "up": self.up, "rate": self.rate}


@dataclass(frozen=True, eq=False)
class MadeSet:
    """A data set of one's own, as it was made.

    Attributes:
        skeletons: the set.
        report: what the doctor found.
        left_out: files that could not be read, and why.
        passed_over: suffix to the number of files that are no clips.
        unlisted: clips that the table of labels does not name.
        stated: what the first file says about itself.
        mended: what was mended, with the number of clips.
        flat: the joints are points of a picture.
    """

    skeletons: SkeletonSet
    report: Report
    left_out: tuple[tuple[str, str], ...]
    passed_over: dict[str, int]
    unlisted: int
    stated: tuple[tuple[str, str], ...]
    mended: dict[str, int]
    flat: bool

    def __repr__(self) -> str:
        return f"MadeSet({self.skeletons!r}, {len(self.left_out)} left out; {self.report!r})"


def new_set(workspace: Workspace, asked: NewSet) -> MadeSet:
    """Read somebody's files into the workspace.

    Each file is read by the reader of its format, its joints are brought into the layout, the doctor looks at all of
    it, what can be mended is mended, and clips of other rates are brought to 30 frames a second, which attributes are
    measured at.

    Raises:
        DataError: no clip can be read, clips have no class, a class is unknown, or the doctor's report is red.
        ArtefactError: there is already a set of that name, and it is not to be replaced.
        SplitError: the name is that of a published data set, or a rule for parts is not written as one.
    """
    folder = workspace.skeletons_folder(asked.dataset)
    require_own_name(asked.dataset)
    if exists(folder) and not asked.replace_set:
        remedy = "Replace it with --replace, or take another name."
        raise ArtefactError(f"there is already a data set {asked.dataset!r}", where=folder, remedy=remedy)
    clips, passed_over = clips_of(asked.source)
    listed = list_clips(asked.source, clips, table=asked.labels, names=asked.names)
    class_names = _class_names(asked, listed)
    with made_once(folder):
        intake = _Intake(asked, listed, class_names, folder.with_name(f"{folder.name}.reading"), workspace.progress)
        try:
            return intake.carry_out(folder, passed_over, len(clips) - len(listed))
        finally:
            shutil.rmtree(intake.spool, ignore_errors=True)


def require_own_name(dataset: str) -> None:
    """Refuse a name that a data set of one's own cannot have.

    Raises:
        DataError: it is that of a published data set, or no plain name.
    """
    if is_published(dataset):
        problem = f"{dataset!r} is a published data set"
        raise DataError(problem, where="the name", remedy=f"Read its files with zsar data prepare {dataset}.")
    if not dataset.replace("_", "").replace("-", "").isalnum() or not dataset.isascii():
        raise DataError(f"a name has letters, digits, - and _; got {dataset!r}", where="the name")


def _class_names(asked: NewSet, listed: Sequence[ListedClip]) -> tuple[str, ...]:
    if asked.classes is None:
        if all(clip.label.isdecimal() for clip in listed):
            problem = "the clips have numbers as labels, and nothing says what they are called"
            raise DataError(problem, where=asked.source, remedy="Give a file with the class names in order: --classes.")
        names, where = tuple(sorted({clip.label for clip in listed})), asked.source
    else:
        names, where = read_class_list(asked.classes), asked.classes
    require_class_names(names)
    if marked := [name for name in names if "<" in name or ">" in name or "&" in name]:
        raise DataError(f"class names are plain words, got {marked[0]!r}", where=where, remedy="Remove markup.")
    return names


class _Intake:
    """Reads all clips once into a spool, has them examined, and writes the set from the spool."""

    def __init__(
        self, asked: NewSet, listed: Sequence[ListedClip], class_names: Sequence[str], spool: Path, progress: bool
    ) -> None:
        self.asked, self.listed, self.class_names = asked, listed, class_names
        self.spool, self.progress = spool, progress
        self.numbers, self.named = numbered_columns(listed)
        self.labels = [_label(clip, class_names) for clip in listed]
        self.left_out: list[tuple[str, str]] = []
        self.unread: list[DataError] = []
        self.read: list[int] = []
        self.rates: list[float] = []
        self.times: list[np.ndarray | None] = []
        self.layout: JointLayout | None = asked_layout(asked.layout)
        self.first: Recording | None = None
        self.mended: dict[str, int] = {}

    def carry_out(self, folder: Path, passed_over: dict[str, int], unlisted: int) -> MadeSet:
        """Read, examine, judge, write."""
        shutil.rmtree(self.spool, ignore_errors=True)
        self.spool.mkdir(parents=True)
        self._read_all()
        if self.layout is None or self.first is None or not self.read:
            problem, first = f"none of {len(self.listed)} clips can be read", self.unread[0]
            remedy = first.remedy or "Mend the files, or name their format (--format, in Python format=)."
            raise DataError(f"{problem}; the first: {first.problem}", where=first.where, remedy=remedy)
        layout, flat = self.layout, self.first.dimensions == 2
        samples = [self.listed[i].sample for i in self.read]
        columns = {name: [column[i] for i in self.read] for name, column in self.numbers.items()}
        report = examine_set(
            self._spooled(),
            layout,
            class_names=self.class_names,
            parts=part_masks(self.asked.parts, samples, columns, self.named),
            accept=self.asked.accept,
            progress=self.progress,
            total=len(samples),
        )
        if flat:
            report = report.without("units")
        if report.red:
            refuse(report, str(self.asked.source))
        facts = OwnSet(
            self.asked.dataset,
            tuple(self.class_names),
            persons=2,
            dimensions=self.first.dimensions,
            synthetic=self.asked.synthetic,
            accepted=report.accepted,
            subjects=self.named.get("subject", ()),
            cameras=self.named.get("camera", ()),
        )
        marks: list[np.ndarray] = []

        def beside(made: Path) -> None:
            write_json(made / REPORT_FILE, report.to_json())
            np.save(made / MISSING_FILE, np.concatenate(marks), allow_pickle=False)

        skeletons = write_own_set(
            folder,
            self._sequences(layout, marks),
            facts,
            layout=layout.name,
            samples=samples,
            columns=columns,
            parts=self.asked.parts,
            named=self.named,
            inputs={"clips": self._digest()},
            config={"reader": "own files", "stated": dict(self.first.stated), **self.asked.reading},
            note=f"made from files of one's own{', points of a picture' if flat else ''}",
            beside=beside,
            replace_set=self.asked.replace_set,
        )
        left_out = tuple(self.left_out)
        return MadeSet(skeletons, report, left_out, passed_over, unlisted, self.first.stated, self.mended, flat)

    def _read_all(self) -> None:
        """Read every file into the spool, in the layout of the set; what cannot be read is left out."""
        for i, listed in enumerate(tqdm(self.listed, unit="clip", desc="reading", disable=not self.progress)):
            try:
                recording = self._recording(listed)
            except DataError as error:
                self.unread.append(error)
                self.left_out.append((str(listed.path), error.told_beside(listed.path)))
                continue
            np.save(self.spool / f"{i}.npy", recording.joints, allow_pickle=False)
            self.read.append(i)
            self.rates.append(recording.rate or self.asked.rate)
            self.times.append(recording.times)

    def _spooled(self) -> Iterator[Clip]:
        """All clips as they were read, for the doctor."""
        subjects = self.numbers.get("subject", [-1] * len(self.listed))
        for i, rate, times in zip(self.read, self.rates, self.times, strict=True):
            joints = np.load(self.spool / f"{i}.npy", allow_pickle=False)
            yield Clip(joints, self.listed[i].sample, self.labels[i], subjects[i], rate, times)

    def _recording(self, listed: ListedClip) -> Recording:
        """One file in the layout of the set."""
        where = str(listed.path)
        recording = read_recording(listed.path, layout=self.layout.name if self.layout else "", **self.asked.reading)
        if self.layout is None:
            self.layout = own_layout(recording, where)
        recording = recording.in_layout(self.layout, where)
        if self.first is None:
            self.first = recording
        if recording.dimensions != self.first.dimensions:
            problem = f"the clip has {recording.dimensions} coordinates a joint, the ones before it have "
            raise DataError(f"{problem}{self.first.dimensions}", where=where, remedy="Make two sets of them.")
        if recording.dimensions == 2:
            return replace(recording, joints=in_trunks(recording.joints, self.layout, where))
        return recording

    def _sequences(self, layout: JointLayout, marks: list[np.ndarray]) -> Iterator[SkeletonSequence]:
        """The mended clips, from the spool; ``marks`` gets which joints were not found, ``[row, joint]``."""
        for i, rate in zip(self.read, self.rates, strict=True):
            found = mend(np.load(self.spool / f"{i}.npy", allow_pickle=False), layout, rate=rate or KINECT_RATE)
            for sentence in found.done:
                self.mended[sentence] = self.mended.get(sentence, 0) + 1
            joints, missing = at_rate(found.joints, found.missing, rate)
            marks.append(missing.reshape(-1, missing.shape[-1]))
            numbers = {name: column[i] for name, column in self.numbers.items()}
            yield SkeletonSequence(self.listed[i].sample, joints, self.labels[i], **numbers)

    def _digest(self) -> str:
        """Digest of the names and contents of all files that were read."""
        found = []
        for i in self.read:
            path = self.listed[i].path
            files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
            found += [[file.name, file_digest(file)] for file in files]
        return digest_of(found)


def _label(clip: ListedClip, class_names: Sequence[str]) -> int:
    """The class id of a clip; a number that is no class name is an id, 0-based."""
    if clip.label not in class_names and clip.label.isdecimal():
        if (number := int(clip.label)) >= len(class_names):
            problem = f"there are {len(class_names)} classes, 0 to {len(class_names) - 1}; got label {number}"
            raise DataError(problem, where=clip.path, remedy="Class ids are 0-based: 1-based ones need 1 subtracted.")
        return number
    return class_id(clip.label, class_names, str(clip.path))
