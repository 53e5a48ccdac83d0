"""The inputs of a method: the task, which is known before any sample is seen, and the training samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from zsar_kit.errors import DataError, TextError
from zsar_kit.reprs import described
from zsar_kit.semantics.context_bank import ContextBank
from zsar_kit.semantics.embeddings import Semantics


@dataclass(frozen=True, eq=False)
class MapRows:
    """Un-pooled maps of some samples, read from disk on demand.

    Attributes:
        views: memory-mapped arrays ``[all samples, T', joint, d]``, float16; the first is the clip as at test time, the
            others are augmented views of the same samples.
        rows: rows of the samples in these arrays.
    """

    views: tuple[np.ndarray, ...]
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"MapRows({described(self.views[0])}, {len(self)} rows of it, {len(self.views)} views)"

    @property
    def shape(self) -> tuple[int, ...]:
        """``[sample, T', joint, d]``."""
        return (len(self.rows), *self.views[0].shape[1:])

    def take(self, positions: np.ndarray, view: int = 0) -> Float32[np.ndarray, "sample frame joint d"]:
        """The maps of the samples at some positions, float32."""
        return self.views[view][self.rows[positions]].astype(np.float32)


def sample_features(features: np.ndarray | MapRows, positions: np.ndarray, view: int = 0) -> np.ndarray:
    """Features of the samples at some positions: pooled ``[sample, d]``, or maps ``[sample, T', joint, d]``."""
    return features.take(positions, view) if isinstance(features, MapRows) else features[positions]


def find_text_set(semantics: Mapping[str, Semantics], name: str) -> Semantics:
    """The semantics of one text set.

    Raises:
        TextError: there is no text set of that name.
    """
    if name not in semantics:
        raise TextError(f"the text set {name!r} is needed; there are {', '.join(semantics) or 'none'}")
    return semantics[name]


@dataclass(frozen=True, eq=False)
class Task:
    """What is known before any sample is seen: the sizes of the inputs, and the candidate classes.

    Attributes:
        feature_shape: shape of one sample's features, ``[d]`` pooled or ``[T', joint, d]`` for un-pooled maps.
        seen: ids of the seen classes.
        semantics: text set name to semantics of all candidate classes, including the *texts* of unseen ones. A method
            that uses those in training is marked as such (transductive text).
        contexts: encoded context descriptions of the seen classes, for methods that read contexts.
    """

    feature_shape: tuple[int, ...]
    seen: tuple[int, ...]
    semantics: Mapping[str, Semantics]
    contexts: ContextBank | None = None

    def __repr__(self) -> str:
        texts = ", ".join(f"{name!r} of {len(s.class_ids)} classes" for name, s in self.semantics.items())
        contexts = "" if self.contexts is None else ", with contexts"
        features, seen = f"features {list(self.feature_shape)}", f"{len(self.seen)} seen classes"
        return f"Task({features}, {seen}, texts {texts or 'none'}{contexts})"

    @property
    def pooled_width(self) -> int:
        """The width d of pooled features.

        Raises:
            DataError: the features are un-pooled maps.
        """
        if len(self.feature_shape) != 1:
            shape = ["sample", *self.feature_shape]
            raise DataError(f"this method learns from pooled features [sample, d], got [{', '.join(map(str, shape))}]")
        return self.feature_shape[0]

    def text_set(self, name: str) -> Semantics:
        """The semantics of one text set.

        Raises:
            TextError: the run did not provide it.
        """
        return find_text_set(self.semantics, name)


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """All training data of a method: features and labels of seen classes, and the task.

    Attributes:
        features: pooled features of the training samples, ``[sample, d]`` float32, or their un-pooled maps.
        labels: their original class ids.
        task: what is known before any sample is seen.

    Raises:
        DataError: the features do not have the task's shape, or the numbers of samples and labels differ.
    """

    features: np.ndarray | MapRows
    labels: np.ndarray
    task: Task

    def __post_init__(self) -> None:
        shape = tuple(self.features.shape)
        if shape[1:] != self.task.feature_shape or len(self.labels) != shape[0]:
            raise DataError(
                f"features {list(shape)} and {len(self.labels)} labels do not fit a task with features of shape "
                f"{list(self.task.feature_shape)}",
                where="TrainingSet",
                remedy="Pass one label per sample, and a task with the shape of one sample's features.",
            )

    def __repr__(self) -> str:
        return f"TrainingSet({described(self.features)}, {len(self.labels)} labels, {self.task!r})"

    @property
    def pooled(self) -> np.ndarray:
        """Pooled features ``[sample, d]``.

        Raises:
            DataError: the features are un-pooled maps.
        """
        if isinstance(self.features, MapRows) or self.features.ndim != 2:
            raise DataError(f"this method learns from pooled features [sample, d], got {list(self.features.shape)}")
        return self.features
