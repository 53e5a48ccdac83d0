"""Skeletons in one ``.npz``, as CTR-GCN's preparation writes them: import and export.

===========  ===========================================================================================================
``ctrgcn``   ``NTU60_CS.npz`` and the like: ``x_train, x_test`` ``[sample, frame, 150]`` float32, 300 frames, of each
             frame person 1 and then person 2, 25 joints x 3; ``y_train, y_test`` one-hot ``[sample, class]`` float64
``pku``      ``pkuv1_xsub.npz`` and the like: ``x_*`` ``[sample, 3, frame, 25, person]`` float32, 64 frames, two
             persons; ``y_*`` ``[sample, 1]`` int64
===========  ===========================================================================================================

The subjects behind these rows are not known; each sample's part is kept in a list of the set's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zsar_kit.artefacts import file_digest
from zsar_kit.data.catalogue import PROTOCOL_PARTS, class_names, require_protocol
from zsar_kit.data.importers.streams import ArrayRows, ArrayStream, open_npz, refuse_existing, write_npz
from zsar_kit.data.orientation import distinct_persons, present
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import SkeletonSequence, convert, most_moving
from zsar_kit.data.timing import resample
from zsar_kit.errors import DataError, nearest_name

JOINTS, PERSONS, CHUNK = 25, 2, 64


@dataclass(frozen=True)
class SkeletonForm:
    """One of the layouts.

    Attributes:
        name: of the layout.
        frames: that its users expect.
        padded: frames of zeros at the end of a row only fill it up. Otherwise every frame belongs to the sequence.
        row: shape of a sample without the frame axis, and where that axis is, for messages.
        unpack: rows ``[sample, ...]`` to ``[sample, person, frame, joint, xyz]``; ``None`` if the shape is wrong.
        pack: ``[person, frame, joint, xyz]`` of two persons to a row.
        fit: brings a sequence to the frames of the layout.
        labels: class ids ``[sample]`` and the number of classes to what is stored.
    """

    name: str
    frames: int
    padded: bool
    row: str
    unpack: Callable[[np.ndarray], np.ndarray | None]
    pack: Callable[[np.ndarray], np.ndarray]
    fit: Callable[[np.ndarray, int, str], np.ndarray]
    labels: Callable[[np.ndarray, int], np.ndarray]

    def __repr__(self) -> str:
        return f"SkeletonForm({self.name!r}: samples {self.row}, {self.frames} frames)"


def _unpack_ctrgcn(rows: np.ndarray) -> np.ndarray | None:
    if rows.ndim != 3 or rows.shape[2] != PERSONS * JOINTS * 3:
        return None
    return rows.reshape(*rows.shape[:2], PERSONS, JOINTS, 3).transpose(0, 2, 1, 3, 4)


def _unpack_pku(rows: np.ndarray) -> np.ndarray | None:
    if rows.ndim != 5 or (rows.shape[1], *rows.shape[3:]) != (3, JOINTS, PERSONS):
        return None
    return rows.transpose(0, 4, 2, 3, 1)


def _padded(joints: np.ndarray, frames: int, sample: str) -> np.ndarray:
    if joints.shape[1] > frames:
        problem = f"a sequence of at most {frames} frames is required, got {joints.shape[1]}"
        raise DataError(problem, where=f"sample {sample!r}", remedy="Leave it out: skeletons.select(...).")
    return np.pad(joints, ((0, 0), (0, frames - joints.shape[1]), (0, 0), (0, 0)))


def _resampled(joints: np.ndarray, frames: int, sample: str) -> np.ndarray:
    return resample(joints, frames)


CTRGCN = SkeletonForm(
    name="ctrgcn",
    frames=300,
    padded=True,
    row="[frame, 150]",
    unpack=_unpack_ctrgcn,
    pack=lambda joints: joints.transpose(1, 0, 2, 3).reshape(joints.shape[1], -1),
    fit=_padded,
    labels=lambda ids, classes: np.eye(classes, dtype=np.float64)[ids],
)
PKU = SkeletonForm(
    name="pku",
    frames=64,
    padded=False,
    row="[3, frame, 25, 2]",
    unpack=_unpack_pku,
    pack=lambda joints: joints.transpose(3, 1, 2, 0),
    fit=_resampled,
    labels=lambda ids, classes: ids.astype(np.int64)[:, None],
)
FORMS = {form.name: form for form in (CTRGCN, PKU)}


def skeleton_form(name: str) -> SkeletonForm:
    """A layout by name.

    Raises:
        DataError: there is none of that name.
    """
    if name not in FORMS:
        raise DataError(f"unknown skeleton format {name!r}", remedy=nearest_name(name, FORMS))
    return FORMS[name]


def import_skeletons(path: str | Path, form: str, out: str | Path, *, dataset: str, protocol: str) -> SkeletonSet:
    """Make a skeleton set of one ``.npz``, with a few rows in memory at a time.

    A person who is absent throughout is removed, and so are a second person who repeats the first (CTR-GCN's NTU-120
    arrays have such copies) and, with ``ctrgcn``, frames of zeros at the end, which fill a
    sequence up. Sequences of ``pku`` were brought to their length by resampling: all their frames stay.
    Coordinates stay as they are; CTR-GCN's preparation has moved the origin to the first person's body.

    Args:
        path: the file.
        form: ``ctrgcn`` or ``pku``.
        out: the folder to make.
        dataset: name of the data set, e.g. ``ntu60``.
        protocol: how the file divides samples into train and test, e.g. ``xsub`` for ``NTU60_CS.npz``.

    Raises:
        SplitError: the data set is unknown, or has no such protocol.
        DataError: an array is absent, truncated, pickled, of another type or shape or length; a label is no class of
            the data set; a sequence is broken or empty; or something exists at ``out``.
    """
    path, layout = Path(path), skeleton_form(form)
    names = class_names(dataset)
    require_protocol(dataset, protocol)
    refuse_existing(out)
    return SkeletonSet.write(
        out,
        _sequences(path, layout, len(names)),
        dataset=dataset,
        layout="ntu25",
        class_names=names,
        inputs={path.name: file_digest(path) if path.is_file() else ""},
        config={"importer": form, "protocol": protocol},
        note=f"imported from {path.name}; subjects are not known",
        parts={protocol: lambda sample: sample.startswith("train_")},
    )


def _sequences(path: Path, layout: SkeletonForm, classes: int) -> Iterator[SkeletonSequence]:
    with open_npz(path, [f"{axis}_{part}" for part in PROTOCOL_PARTS for axis in "xy"]) as member:
        for part in PROTOCOL_PARTS:
            labels = _read_labels(member(f"y_{part}"), classes, one_hot=layout is CTRGCN)
            stream = member(f"x_{part}")
            _check_rows(stream, layout, len(labels))
            done = 0
            for chunk in stream.rows(CHUNK):
                unpacked = layout.unpack(np.asarray(chunk, dtype=np.float32))
                if unpacked is None:
                    raise _wrong_shape(stream, layout)
                for joints in unpacked:
                    name = f"{part}_{done + 1:06d}"
                    yield SkeletonSequence(name, _trimmed(joints, layout.padded), int(labels[done]))
                    done += 1


def _check_rows(stream: ArrayStream, layout: SkeletonForm, labels: int) -> None:
    if not np.issubdtype(stream.dtype, np.floating) or len(stream.shape) < 3:
        raise _wrong_shape(stream, layout)
    if stream.shape[0] != labels:
        raise DataError(f"{stream.shape[0]} sequences need as many labels, got {labels}", where=stream.where)


def _wrong_shape(stream: ArrayStream, layout: SkeletonForm) -> DataError:
    problem = f"floating-point numbers of sample shape {layout.row} are required"
    return DataError(f"{problem}, got {stream.dtype} {list(stream.shape)}", where=stream.where)


def _trimmed(joints: np.ndarray, padded: bool) -> np.ndarray:
    """``[person, frame, joint, xyz]`` of distinct persons who appear; if ``padded``, without zeros at the end.

    A sequence without anybody is left as it is; the check of sequences reports it.
    """
    there = present(joints)
    if not there.any():
        return np.ascontiguousarray(joints)
    frames = int(np.flatnonzero(there.any(axis=0))[-1]) + 1 if padded else joints.shape[1]
    return np.ascontiguousarray(distinct_persons(joints[there.any(axis=1), :frames]))


def _read_labels(stream: ArrayStream, classes: int, *, one_hot: bool) -> np.ndarray:
    wanted = f"one-hot numbers [sample, {classes}]" if one_hot else "whole numbers [sample] or [sample, 1]"
    width = classes if one_hot else 1
    fits = (len(stream.shape) == 2 and stream.shape[1] == width) or (not one_hot and len(stream.shape) == 1)
    if not fits or stream.dtype.kind not in ("fiu" if one_hot else "iu"):
        problem = f"{wanted} are required, got {stream.dtype} {list(stream.shape)}"
        raise DataError(problem, where=stream.where, remedy="Name the data set that the file was made for.")
    values = stream.whole()
    if not one_hot:
        ids = values.reshape(-1).astype(np.int64)
        if len(ids) and not (ids.min() >= 0 and ids.max() < classes):
            problem = f"labels must be 0..{classes - 1}, got {ids.min()}..{ids.max()}"
            shifted = (ids.min(), ids.max()) == (1, classes)
            remedy = "They look 1-based: subtract 1." if shifted else "Class ids are 0-based."
            raise DataError(problem, where=stream.where, remedy=remedy)
        return ids
    good = ((values == 0) | (values == 1)).all(axis=1) & (values.sum(axis=1) == 1)
    if not good.all():
        raise DataError(f"row {int(np.argmin(good))} is not one-hot", where=stream.where)
    return values.argmax(axis=1)


def export_skeletons(skeletons: SkeletonSet, train: np.ndarray, form: str, out: str | Path) -> None:
    """Write a skeleton set as one ``.npz`` in CTR-GCN's layout, with a few rows in memory at a time.

    Joints are brought to NTU's 25. Of more than two persons the two most moving are kept. ``ctrgcn`` fills up with
    zeros to 300 frames; ``pku`` resamples to 64.

    Args:
        skeletons: the set.
        train: boolean ``[sample]``, true for the train part.
        form: ``ctrgcn`` or ``pku``.
        out: the file to make.

    Raises:
        DataError: a sequence is longer than the format allows, the mask does not fit or leaves a part empty, or
            something exists at ``out``.
    """
    layout, train = skeleton_form(form), np.asarray(train)
    if train.dtype != bool or train.shape != (len(skeletons),) or train.all() or not train.any():
        problem = f"'train' must be a boolean for each of {len(skeletons)} samples, with both parts"
        raise DataError(f"{problem}; got {train.dtype} {list(train.shape)}, {train.sum()} true", where=skeletons.path)
    empty = layout.pack(np.zeros((PERSONS, layout.frames, JOINTS, 3), np.float32))
    arrays: dict[str, np.ndarray | ArrayRows] = {}
    for part, chosen in zip(PROTOCOL_PARTS, (train, ~train), strict=True):
        some = skeletons.select(chosen)
        arrays[f"x_{part}"] = ArrayRows((len(some), *empty.shape), "<f4", _rows(some, layout))
        arrays[f"y_{part}"] = layout.labels(some.index.label, len(skeletons.class_names))
    write_npz(Path(out), arrays)


def _rows(skeletons: SkeletonSet, layout: SkeletonForm) -> Iterator[np.ndarray]:
    for sequence in skeletons:
        joints = convert(sequence.joints, skeletons.layout)
        if len(joints) > PERSONS:
            joints = most_moving(joints, PERSONS)
        joints = layout.fit(joints, layout.frames, sequence.sample)
        yield layout.pack(np.pad(joints, ((0, PERSONS - len(joints)), (0, 0), (0, 0), (0, 0))))
