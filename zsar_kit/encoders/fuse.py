"""Four streams as one: encoders fused into an encoder, feature sets fused into a feature set.

Both ways give the same features; the second reads the features of each stream from disk and runs no encoder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from zsar_kit.artefacts import atomic_folder, exists, read_json, read_provenance, write_json, write_provenance
from zsar_kit.checkpoints import save_tensors
from zsar_kit.data.feature_set import KIND, EncoderRecord, FeatureSet
from zsar_kit.data.feature_set import SCHEMA as FEATURES_SCHEMA
from zsar_kit.encoders.config import FOUR_STREAMS
from zsar_kit.encoders.distributed import barrier, is_main, main_first
from zsar_kit.encoders.pretrain import SCHEMA, WEIGHTS, TrainedEncoder, load_encoder
from zsar_kit.encoders.registry import StreamFusion
from zsar_kit.errors import DataError

How = Literal["mean", "concat"]
CHUNK = 128


@dataclass(frozen=True)
class _Index:
    """The samples of a feature set, as ``FeatureSet.write`` wants them."""

    sample: np.ndarray
    label: np.ndarray
    subject: np.ndarray
    camera: np.ndarray


def fuse_encoders(encoders: Sequence[TrainedEncoder], folder: str | Path, *, how: How = "mean") -> TrainedEncoder:
    """Fuse encoders into one for several streams, or return the finished one at ``folder``; it includes its parts.

    Args:
        encoders: one for each of the four streams, in the order of :data:`zsar_kit.data.skeletons.STREAMS`, otherwise
            trained alike.
        folder: the folder of the result.
        how: whether features are averaged or concatenated.

    Raises:
        DataError: the encoders differ in more than the stream, or there is not one for each stream.
        ArtefactError: ``folder`` has a fusion of other encoders.
    """
    folder, first = Path(folder), encoders[0]
    common = replace(first.config, stream=FOUR_STREAMS, fusion=how)
    streams = tuple(encoder.config.stream for encoder in encoders)
    if streams != common.streams:
        problem = f"the streams must be {', '.join(common.streams)}, got {', '.join(streams)}"
        raise DataError(problem, where=first.folder)
    for encoder in encoders:
        if replace(encoder.config, stream=FOUR_STREAMS, fusion=how) != common or _seen(encoder) != _seen(first):
            problem = f"the {encoder.config.stream} encoder was not trained like the {streams[0]} encoder"
            raise DataError(problem, where=encoder.folder, remedy="Train all with the same settings and split.")
    inputs = {encoder.config.stream: encoder.record.digest for encoder in encoders} | {"fusion": how}
    device = next(first.model.parameters()).device
    with main_first():
        if not exists(folder):
            model = StreamFusion({encoder.config.stream: encoder.model for encoder in encoders}, how)
            record = fused_record([encoder.record for encoder in encoders]).to_dict() | {"digest": ""}
            sizes = read_json(first.folder / "encoder.json")["model"]
            about = {"model": sizes, "streams": list(streams), "fusion": how, "record": record}
            with atomic_folder(folder) as scratch:
                save_tensors(scratch / WEIGHTS, model.state_dict())
                write_json(scratch / "encoder.json", about)
                write_provenance(scratch, "Encoder", version=SCHEMA, inputs=inputs, config=common.to_dict())
    return load_encoder(folder, device=device, expected=inputs)


def _seen(encoder: TrainedEncoder) -> tuple:
    record = encoder.record
    return record.name, record.dataset, record.classes


def fused_record(records: Sequence[EncoderRecord]) -> EncoderRecord:
    """The record of a fusion: what its parts have seen; its stream is that of the parts, joined by a plus.

    Raises:
        DataError: the parts differ in architecture, width, data set or seen classes.
    """
    first = records[0]
    for record in records[1:]:
        if replace(record, stream=first.stream, digest=first.digest) != first:
            raise DataError(
                f"the {record.stream} and {first.stream} encoders differ in more than the stream and cannot be fused",
                remedy="Train all with the same settings and split.",
            )
    return replace(first, stream="+".join(r.stream for r in records), digest="+".join(r.digest for r in records))


def fuse_features(
    sets: Sequence[FeatureSet],
    folder: str | Path,
    *,
    how: How = "mean",
    record: EncoderRecord | None = None,
) -> FeatureSet:
    """Fuse the features of several streams, or return the finished set at ``folder``.

    Pooled features and, if all sets have them, maps are averaged or concatenated; class scores are summed.

    Args:
        sets: feature sets of the same samples, one for each stream.
        folder: the folder of the result.
        how: ``"mean"`` keeps the length d, ``"concat"`` multiplies it by the number of sets.
        record: of the fused encoder; by default derived from those of the sets.

    Raises:
        DataError: the sets differ in samples, views or feature length, or their encoders in more than the stream.
        ArtefactError: ``folder`` has a fusion of other sets.
    """
    folder, first = Path(folder), sets[0]
    record = fused_record([s.encoder for s in sets]) if record is None else record
    origin = [_origin(s) for s in sets]
    for other, made in zip(sets, origin, strict=True):
        same = made == origin[0] and np.array_equal(other.samples, first.samples)
        if not (same and np.array_equal(other.train, first.train)):
            raise DataError("the sets to fuse have different samples or views", where=other.path)
        if how == "mean" and other.pooled.shape != first.pooled.shape:
            problem = f"features of length {other.pooled.shape[1]} and {first.pooled.shape[1]} cannot be averaged"
            raise DataError(problem, where=other.path, remedy="Use how='concat'.")
    inputs = origin[0] | {"encoder": record.digest, "fusion": how}
    maps = all(s.has_maps for s in sets)
    if exists(folder):
        finished = FeatureSet.load(folder, expected=inputs)
        if finished.has_maps or not maps:
            return finished
    barrier()  # all processes have looked before one of them writes
    if is_main():
        FeatureSet.write(
            folder,
            chunks=_fused_chunks(sets, how, maps),
            skeleton_index=_Index(first.samples, first.labels, first.subjects, first.cameras),
            train=first.train,
            dataset=first.dataset,
            class_names=first.class_names,
            encoder=record,
            inputs=inputs,
        )
    barrier()
    return FeatureSet.load(folder)


def _origin(features: FeatureSet) -> dict[str, str]:
    """What a set was made from, apart from the encoder: skeletons and view."""
    inputs = read_provenance(features.path, KIND, version=FEATURES_SCHEMA)["inputs"]
    return {name: digest for name, digest in inputs.items() if name != "encoder"}


def _fused_chunks(sets: Sequence[FeatureSet], how: How, maps: bool) -> Iterator[dict[str, np.ndarray]]:
    """The fused values, chunk by chunk; maps are never in memory as a whole."""
    opened = [s.maps() for s in sets] if maps else []
    logits = [s.logits for s in sets if s.logits is not None]
    for start in range(0, len(sets[0]), CHUNK):
        rows = slice(start, start + CHUNK)
        chunk = {"pooled": _fuse([s.pooled[rows] for s in sets], how)}
        if len(logits) == len(sets):
            chunk["logits"] = np.sum([values[rows] for values in logits], axis=0)
        if maps:
            chunk["maps"] = _fuse([np.asarray(values[rows], dtype=np.float32) for values in opened], how)
        yield chunk


def _fuse(values: list[np.ndarray], how: How) -> np.ndarray:
    return np.concatenate(values, axis=-1) if how == "concat" else np.stack(values).mean(axis=0, dtype=np.float32)
