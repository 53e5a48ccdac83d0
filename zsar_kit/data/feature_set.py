"""``FeatureSet``: the features of every sample by one frozen encoder, and the classes that encoder was trained on.

The folder holds ``features.safetensors`` (``pooled``, perhaps ``logits``), ``index.csv``, perhaps
``maps.npy`` (float16, memory-mapped), and ``meta.json``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from zsar_kit.artefacts import (
    artefact_digest,
    atomic_folder,
    read_json,
    read_provenance,
    write_atomic,
    write_json,
    write_provenance,
)
from zsar_kit.data.catalogue import PROTOCOL_PARTS, is_synthetic
from zsar_kit.data.class_split import ClassSplit
from zsar_kit.data.feature_files import (
    SampleIndex,
    check_finite,
    load_array,
    read_index,
    read_tensors,
    write_chunks,
    write_index,
)
from zsar_kit.data.leakage import EncoderMark, EncoderRecord, check_encoder
from zsar_kit.errors import ArtefactError, DataError, SplitError
from zsar_kit.reprs import counted, escaped, markdown_table, short_path

KIND, SCHEMA = "FeatureSet", 1


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """Features of all samples of a data set by one encoder.

    Attributes:
        path: the folder of the artefact.
        dataset: name of the data set, as splits name it.
        class_names: in label order.
        encoder: what the features were made with.
        samples, labels, subjects, cameras: the index, ``[sample]`` each; labels are original 0-based ids; recordings
            take the place of subjects where these are not known.
        train: true where a sample belongs to the train part.
        pooled: float32 ``[sample, d]``.
        logits: the encoder's own class scores ``[sample, class of encoder.classes]``, or ``None``.
    """

    path: Path
    dataset: str
    class_names: tuple[str, ...]
    encoder: EncoderRecord
    samples: np.ndarray
    labels: np.ndarray
    subjects: np.ndarray
    cameras: np.ndarray
    train: np.ndarray
    pooled: np.ndarray = dataclasses.field(repr=False)
    logits: np.ndarray | None = dataclasses.field(repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        kept = "".join(f", with {what}" for what, there in (("logits", self.logits is not None),) if there)
        made = "synthetic, " if self.synthetic else ""
        size = f"{counted(len(self), 'sample')} x {self.pooled.shape[1]}, {counted(len(self.class_names), 'class')}"
        by = f"{self.encoder.name} {self.encoder.stream}"
        return f"FeatureSet({self.dataset}: {made}{size}{kept}, by {by}, {short_path(self.path)})"

    def _repr_markdown_(self) -> str:
        rows = []
        for part, mask in zip(PROTOCOL_PARTS, (self.train, ~self.train), strict=True):
            subjects = self.subjects[mask]
            known = len(np.unique(subjects[subjects >= 0])) or "not known"
            rows.append((part, int(mask.sum()), len(np.unique(self.labels[mask])), known))
        table = markdown_table(("part", "samples", "classes", "subjects"), rows)
        return f"{escaped(repr(self))}\n\n{escaped(repr(self.encoder))}\n\n{table}"

    @property
    def digest(self) -> str:
        """Content digest of the artefact on disk."""
        return artefact_digest(self.path)

    @property
    def synthetic(self) -> bool:
        """Whether the data were computed rather than recorded; see :func:`~zsar_kit.data.catalogue.is_synthetic`."""
        return is_synthetic(self.dataset)

    @property
    def has_maps(self) -> bool:
        """Whether un-pooled maps were kept."""
        return (self.path / "maps.npy").is_file()

    def maps(self) -> np.ndarray:
        """Un-pooled maps ``[sample, T', joint, d]``, float16, memory-mapped.

        Raises:
            ArtefactError: none were kept, or the file is truncated or does not fit the index.
        """
        if not self.has_maps:
            raise ArtefactError("no maps were kept", where=self.path, remedy="Extract again with maps=True.")
        maps = load_array(self.path / "maps.npy", memory_map=True)
        if maps.dtype != np.float16 or maps.ndim != 4 or (len(maps), maps.shape[3]) != self.pooled.shape:
            n, d = self.pooled.shape
            problem = f"maps must be float16 [{n}, T', joint, {d}], got {maps.dtype} {list(maps.shape)}"
            raise ArtefactError(problem, where=self.path / "maps.npy", remedy="Extract the features again.")
        return maps

    def guard(self, split: ClassSplit, allow_encoder_leak: bool = False) -> EncoderMark:
        """Check this set against a split (see :func:`check_encoder`) and return the encoder's mark.

        Raises:
            SplitError: the split is for another data set.
            LeakageError: the encoder has seen an unseen class and ``allow_encoder_leak`` is false.
        """
        ours = (self.dataset, len(self.class_names))
        if (split.dataset, split.classes) != ours:
            theirs = f"{split.dataset} ({split.classes} classes)"
            problem = f"the split is for {theirs}, the features are of {ours[0]} ({ours[1]} classes)"
            raise SplitError(problem, where=self.path)
        return check_encoder(self.encoder, split, allow_encoder_leak)

    @classmethod
    def write(
        cls,
        path: str | Path,
        *,
        chunks: Iterable[Mapping[str, np.ndarray]],
        skeleton_index: SampleIndex,
        train: np.ndarray,
        dataset: str,
        class_names: Sequence[str],
        encoder: EncoderRecord,
        inputs: Mapping[str, str],
        config: Mapping[str, Any] | None = None,
        beside: Callable[[Path], None] | None = None,
    ) -> FeatureSet:
        """Write features as they come and open the result; maps are never in memory as a whole.

        Args:
            path: the folder to make; an existing one is replaced once the new one is complete.
            chunks: consecutive samples, each with ``pooled`` ``[chunk, d]`` and perhaps ``logits`` and
                ``maps``.
            skeleton_index: the samples in the order of the chunks.
            train: boolean ``[sample]``, true for the train part.
            dataset: name of the data set.
            class_names: in label order.
            encoder: what the features were made with.
            inputs: name to content digest of what they were made from.
            config: how they were made.
            beside: called with the folder when everything else is written, to add more files.

        Raises:
            DataError: a value is not finite, shapes disagree, or a label is out of range. Nothing is written
            then.
        """
        train = np.asarray(train)
        if train.dtype != bool or train.shape != (len(skeleton_index.sample),):
            problem = f"'train' must be a boolean for each of {len(skeleton_index.sample)} samples"
            raise DataError(f"{problem}, got {train.dtype} {list(train.shape)}", where=path)
        with atomic_folder(path) as folder:
            tensors = write_chunks(folder, chunks, skeleton_index.sample, Path(path))
            write_atomic(folder / "features.safetensors", save(tensors))
            write_index(folder / "index.csv", skeleton_index, train)
            meta = {"dataset": dataset, "class_names": list(class_names), "encoder": encoder.to_dict()}
            write_json(folder / "meta.json", meta)
            if beside is not None:
                beside(folder)
            write_provenance(folder, KIND, version=SCHEMA, inputs=inputs, config=config)
            _open(folder, Path(path))
        return cls.load(path)

    @classmethod
    def load(cls, path: str | Path, *, expected: Mapping[str, str] | None = None) -> FeatureSet:
        """Open a feature set.

        Args:
            path: its folder.
            expected: the input digests it must have been made from.

        Raises:
            ArtefactError: it is missing, truncated, of another schema, made from other inputs, or holds
            pickles. DataError: its files contradict each other, or a value is not finite or out of range.
        """
        path = Path(path)
        record = read_provenance(path, KIND, version=SCHEMA)
        if expected is not None and record["inputs"] != dict(expected):
            made = record["inputs"]
            changed = [k for k in {**made, **expected} if made.get(k) != expected.get(k)]
            problem = f"the features were made from another {' and '.join(changed)}"
            raise ArtefactError(problem, where=path, remedy="Move the folder away to extract again.")
        return _open(path, path)


def _open(folder: Path, where: Path) -> FeatureSet:
    """Read and check the files in ``folder``; messages name ``where`` instead."""
    meta = read_json(folder / "meta.json")
    if missing := [k for k in ("dataset", "class_names", "encoder") if k not in meta]:
        raise ArtefactError(f"missing key {missing[0]!r}", where=where / "meta.json", remedy="Extract again.")
    tensors = read_tensors(folder / "features.safetensors", where / "features.safetensors")
    columns = read_index(folder / "index.csv", where / "index.csv", len(meta["class_names"]))
    loaded = FeatureSet(
        path=folder,
        dataset=meta["dataset"],
        class_names=tuple(meta["class_names"]),
        encoder=EncoderRecord.from_dict(meta["encoder"]),
        pooled=tensors["pooled"],
        logits=tensors.get("logits"),
        **columns,
    )
    for key, values in tensors.items():
        if values.dtype != np.float32 or values.ndim != 2 or len(values) != len(loaded):
            problem = f"{key!r} must be float32 [{len(loaded)}, ...], got {values.dtype} {list(values.shape)}"
            raise DataError(problem, where=where / "features.safetensors")
        check_finite(key, values, loaded.samples, where / "features.safetensors")
    classes = loaded.encoder.classes
    if loaded.logits is not None and classes is not None and loaded.logits.shape[1] != len(classes):
        problem = f"{loaded.logits.shape[1]} logits a sample, but the encoder learnt {len(classes)} classes"
        raise DataError(problem, where=where / "features.safetensors")
    if loaded.has_maps:
        loaded.maps()
    return loaded
