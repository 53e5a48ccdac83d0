"""The leak guard: nothing may learn from classes that count as unseen; an encoder that did is refused, or marked."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Int64

from zsar_kit.data.class_split import ClassSplit
from zsar_kit.data.splits import class_names as official_names
from zsar_kit.errors import ArtefactError, DataError, LeakageError, SplitError, nearest_name
from zsar_kit.reprs import counted, listed, shortened

# Data sets whose class ids mean the same actions: the first 60 classes of NTU-120 are those of NTU-60, and the parts of
# PKU-MMD share one list.
_ID_SPACE = {"ntu60": "ntu", "ntu120": "ntu", "pku_mmd": "pku", "pku_mmd_2": "pku"}
_LISTED = 8
_SEQUENCE = (list, tuple)
_RECORD: dict[str, Any] = {
    "name": str,
    "digest": str,
    "stream": str,
    "width": (float, int),
    "dataset": str,
    "classes": _SEQUENCE,
    "class_names": _SEQUENCE,
}


@dataclass(frozen=True)
class EncoderRecord:
    """What is known about the encoder behind a feature set.

    Attributes:
        name: architecture, e.g. ``"shift_gcn"``.
        digest: content digest of the encoder, or of the file it came from.
        stream: ``"joint"``, ``"bone"``, ``"motion"``, ``"bone_motion"`` or ``"unknown"``.
        width: factor of the channel widths; 1.0 is the paper's, 0.0 an unknown one.
        dataset: data set it was trained on; empty if unknown.
        classes: ids of the classes it was trained on, or ``None`` if unknown.
        class_names: the names of ``classes``, in the same order; may be empty.
    """

    name: str
    digest: str
    stream: str
    width: float
    dataset: str
    classes: tuple[int, ...] | None
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.classes is not None and self.class_names and len(self.class_names) != len(self.classes):
            problem = f"{len(self.class_names)} class names for {len(self.classes)} classes"
            raise ArtefactError(problem, where="the encoder's record")

    def __repr__(self) -> str:
        if self.classes is None or not self.dataset:
            trained = "training classes not known"
        else:
            trained = f"trained on {counted(len(self.classes), 'class')} of {self.dataset}"
        width = f", width {self.width:g}" if self.width else ""
        digest = f", digest {shortened(self.digest, 24)}" if self.digest else ""
        return f"EncoderRecord({self.name}, {self.stream} stream{width}, {trained}{digest})"

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary for :meth:`from_dict`."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EncoderRecord:
        """Read strictly.

        Raises:
            ArtefactError: a key is missing, unknown, or has a value of the wrong type.
        """
        where = "the encoder's record"
        if unknown := [k for k in values if k not in _RECORD]:
            raise ArtefactError(f"unknown key {unknown[0]!r}", where=where, remedy=nearest_name(unknown[0], _RECORD))
        read = {"class_names": (), **values}
        for key, kind in _RECORD.items():
            if key not in read:
                raise ArtefactError(f"missing key {key!r}", where=where)
            if not (isinstance(read[key], kind) or (key == "classes" and read[key] is None)):
                raise ArtefactError(f"{key!r} must not be {read[key]!r}", where=where)
        if not all(type(i) is int for i in read["classes"] or ()):
            raise ArtefactError("'classes' must be whole numbers", where=where)
        classes = None if read["classes"] is None else tuple(read["classes"])
        return cls(**{**read, "classes": classes, "class_names": tuple(read["class_names"])})


@dataclass(frozen=True)
class EncoderMark:
    """How an encoder relates to a split; its ``name`` is shown beside every number.

    Attributes:
        name: ``"seen-only"``: trained on this data set without its unseen classes. ``"cross-dataset"``:
            trained on another data set. ``"leak"``: it has seen an unseen class. ``"unknown"``: its training classes
            are not known.
        overlap: of a cross-dataset encoder, the class names of the split that it was trained on elsewhere.
        unseen_overlap: those of them that the split counts as unseen (or excludes).
    """

    name: Literal["seen-only", "cross-dataset", "leak", "unknown", "untrained"]
    overlap: tuple[str, ...] = ()
    unseen_overlap: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        if self.name != "cross-dataset":
            return f"EncoderMark({self.name})"
        shared = f"{counted(len(self.overlap), 'class')} of the split seen elsewhere, {len(self.unseen_overlap)} unseen"
        return f"EncoderMark({self.name}: {shared}{': ' * bool(self.overlap)}{shortened(listed(self.overlap), 120)})"


def _names(dataset: str) -> tuple[str, ...]:
    try:
        return official_names(dataset)
    except SplitError:
        return ()


def _describe(ids: Iterable[int], names: Sequence[str]) -> str:
    named = [f"{i} ({names[i]!r})" if i < len(names) else str(i) for i in sorted(ids)]
    return listed(named, _LISTED)


def check_training_labels(labels: Iterable[int] | np.ndarray, split: ClassSplit) -> None:
    """Refuse training labels that the split does not count as seen.

    Args:
        labels: 0-based class ids of training samples.
        split: the split, or a fold of pseudo-unseen classes.

    Raises:
        LeakageError: a label is unseen or excluded; the classes are named.
        DataError: a label is no class id of the data set.
    """
    array = np.asarray(labels if isinstance(labels, np.ndarray) else list(labels))
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise DataError(f"labels must be whole numbers, got {array.dtype}", where="training labels")
    present = {int(i) for i in np.unique(array)}
    if outside := sorted(i for i in present if not 0 <= i < split.classes):
        problem = f"label {outside[0]} occurs, but {split.dataset} has classes 0..{split.classes - 1}"
        raise DataError(problem, where="training labels", remedy="Labels are 0-based.")
    names = _names(split.dataset)
    for kind, ids in (("unseen", split.unseen), ("excluded", split.excluded)):
        if leaked := present & set(ids):
            problem = f"{kind} classes of {split.dataset} {split.name!r} among the training samples"
            raise LeakageError(
                f"{problem}: {_describe(leaked, names)}",
                where="training labels",
                remedy="Select training samples among split.seen.",
            )


def training_rows(labels: np.ndarray, chosen: np.ndarray, split: ClassSplit) -> Int64[np.ndarray, " row"]:
    """Rows of the samples to learn from; every selection for training, of sequences or of features, passes here.

    Args:
        labels: 0-based class ids of all samples ``[sample]``.
        chosen: the samples to learn from: a boolean mask ``[sample]``, or rows.
        split: the split, or a fold of pseudo-unseen classes.

    Returns:
        The chosen rows, in their order.

    Raises:
        LeakageError: a chosen sample is of an unseen or excluded class.
        DataError: no sample is chosen, or a label is no class id of the data set.
    """
    rows = _rows(chosen)
    if not len(rows):
        raise DataError(f"no sample to learn from for {split.dataset} {split.name!r}", where="training samples")
    check_training_labels(labels[rows], split)
    return rows


def scored_rows(train: np.ndarray, chosen: np.ndarray, split: ClassSplit) -> Int64[np.ndarray, " row"]:
    """Rows of the samples to score. A fold is for choosing and must leave the official test part alone.

    Args:
        train: true where a sample belongs to the train part ``[sample]``.
        chosen: the samples to score: a boolean mask ``[sample]``, or rows.
        split: the split, or a fold of pseudo-unseen classes.

    Returns:
        The chosen rows, in their order.

    Raises:
        LeakageError: the split is a fold, and a chosen sample belongs to the test part.
    """
    rows = _rows(chosen)
    if split.fold_of and not train[rows].all():
        raise LeakageError(
            f"the fold {split.name!r} is for choosing, and {int((~train[rows]).sum())} of its samples belong to the "
            "test part, which must not be used to choose",
            where="samples to score",
            remedy="Score a fold on held-out samples of the train part; see holdout_subjects.",
        )
    return rows


def _rows(chosen: np.ndarray) -> Int64[np.ndarray, " row"]:
    return np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.int64)


def check_encoder(record: EncoderRecord, split: ClassSplit, allow_encoder_leak: bool = False) -> EncoderMark:
    """Refuse an encoder that has seen an unseen class, or may have; otherwise mark it.

    Args:
        record: the encoder's record.
        split: the split, or a fold; of a fold, the pseudo-unseen and the excluded classes count.
        allow_encoder_leak: return the mark ``leak`` or ``unknown`` rather than raise.

    Raises:
        LeakageError: the encoder was trained on an unseen or excluded class of the same data set, or its
            training classes are unknown, and ``allow_encoder_leak`` is false.
    """
    if record.classes == ():
        return EncoderMark("untrained")
    hidden = {*split.unseen, *split.excluded}
    names = _names(split.dataset)
    same = _ID_SPACE.get(record.dataset, record.dataset) == _ID_SPACE.get(split.dataset, split.dataset)
    if record.dataset and not same:
        return _cross_dataset(record, hidden, names)
    if not record.dataset or record.classes is None:
        mark, problem = EncoderMark("unknown"), "it is not known which classes the encoder was trained on"
    elif leaked := hidden & set(record.classes):
        mark = EncoderMark("leak")
        problem = f"the encoder was trained on {_describe(leaked, names)} of {record.dataset}"
    else:
        return EncoderMark("seen-only")
    if allow_encoder_leak:
        return mark
    raise LeakageError(
        f"{problem}; {split.dataset} {split.name!r} counts {_describe(hidden, ())} as unseen",
        where=f"encoder {record.name} {record.digest}".rstrip(),
        remedy="Use an encoder pretrained on this split's seen classes; or pass allow_encoder_leak=True, and "
        f"every table will mark the number as {mark.name!r}.",
        kind="unknown" if mark.name == "unknown" else "leak",
    )


def _cross_dataset(record: EncoderRecord, hidden: set[int], names: tuple[str, ...]) -> EncoderMark:
    trained = record.class_names or _names(record.dataset)
    if not record.class_names and record.classes is not None:
        trained = tuple(trained[i] for i in record.classes if i < len(trained))
    known = {variant for name in trained for variant in _variants(name)}
    overlap = [i for i, name in enumerate(names) if _variants(name) & known]
    return EncoderMark(
        "cross-dataset",
        overlap=tuple(names[i] for i in overlap),
        unseen_overlap=tuple(names[i] for i in overlap if i in hidden),
    )


def _variants(name: str) -> set[str]:
    """Spellings that count as the same class name; better one overlap too many than one too few."""
    plain = re.sub(r"[\s_\-]+", " ", name.casefold()).strip()
    bare = re.sub(r"\s*\([^)]*\)\s*", " ", plain).strip()
    return {plain, bare, *(part.strip() for part in bare.split("/"))} - {""}
