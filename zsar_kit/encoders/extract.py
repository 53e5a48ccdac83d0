"""Feature extraction: every sample of a skeleton set through a frozen encoder, once.

Chunks are written as soon as they are ready, so that an interrupted extraction resumes where it stopped and memory use
is constant. Test-time preprocessing is deterministic and goes by the encoder's input protocol alone.
Augmented views, for methods that learn from un-pooled maps, are separate feature sets. Several processes share the
chunks.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from zsar_kit.artefacts import exists
from zsar_kit.checkpoints import load_tensors, save_tensors
from zsar_kit.config import digest_of
from zsar_kit.data.feature_set import FeatureSet
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.encoders.distributed import barrier, is_main, rank, world_size
from zsar_kit.encoders.inputs import encoder_clips, ready_sequence
from zsar_kit.encoders.pretrain import TrainedEncoder
from zsar_kit.encoders.protocol import chain_of, check_chain
from zsar_kit.errors import ArtefactError
from zsar_kit.seeding import numpy_generator

CHUNK = 256
#: samples in a forward pass on a CPU: the features of few samples stay in its cache, and their memory is used again
CPU_BATCH = 8


@torch.inference_mode()
def extract_features(
    skeletons: SkeletonSet,
    train: np.ndarray,
    encoder: TrainedEncoder,
    folder: str | Path,
    *,
    maps: bool = False,
    view: int = 0,
    batch: int = 64,
    progress: bool = True,
) -> FeatureSet:
    """Encode all samples, or return the finished feature set at ``folder``.

    Args:
        skeletons: the data set.
        train: boolean mask, true where a sample belongs to the training part.
        encoder: the frozen encoder; its record of seen classes goes into the feature set.
        folder: the feature set's folder; ``<folder>.partial`` has the finished chunks meanwhile.
        maps: also store un-pooled maps ``[sample, T', joint, d]`` as float16.
        view: 0 is the whole clip without rotation; any other number is an augmented view (a random crop and rotation,
            as in the encoder's training), always the same for a number.
        batch: samples per forward pass, at most 8 of them at a time on a CPU; a view's draws are made for each batch.
        progress: show a bar.

    Raises:
        ArtefactError: ``folder`` has a feature set of another encoder, other samples or another training part.
        DataError: the chain that prepared the set does not allow the encoder's input protocol.
    """
    folder = Path(folder)
    check_chain(encoder.protocol, chain_of(skeletons), skeletons.path)
    inputs = {"skeletons": skeletons.digest, "encoder": encoder.record.digest}
    if view:
        inputs["view"] = str(view)
    if exists(folder):
        finished = _finished(folder, inputs, skeletons, train)
        if finished.has_maps or not maps:
            return finished
    names = "\n".join(skeletons.index.sample.tolist())  # select() does not change the digest of a set
    chunk_inputs = inputs | {"samples": digest_of(names), "maps": str(maps)}
    partial = folder.with_name(f"{folder.name}.partial")
    starts = range(0, len(skeletons), CHUNK)
    paths = [partial / f"chunk-{start:07d}.safetensors" for start in starts]
    mine = list(zip(starts, paths, strict=True))[rank() :: world_size()]
    for start, path in tqdm(mine, disable=not progress, unit="chunk", leave=False):
        if path.is_file() and load_tensors(path)[1] == chunk_inputs:
            continue
        samples = range(start, min(start + CHUNK, len(skeletons)))
        _encode_chunk(skeletons, samples, encoder, path, chunk_inputs, maps, view, batch)
    barrier()
    if is_main():
        chunks = (load_tensors(path)[0] for path in paths)
        FeatureSet.write(
            folder,
            chunks=({k: v.numpy() for k, v in chunk.items()} for chunk in chunks),
            skeleton_index=replace(skeletons.index, subject=skeletons.index.groups),
            train=train,
            dataset=skeletons.dataset,
            class_names=skeletons.class_names,
            encoder=encoder.record,
            inputs=inputs,
        )
        shutil.rmtree(partial)
    barrier()
    return FeatureSet.load(folder)


def _finished(folder: Path, inputs: dict[str, str], skeletons: SkeletonSet, train: np.ndarray) -> FeatureSet:
    """The feature set at ``folder``, if it has these samples in this order and this training part."""
    known = FeatureSet.load(folder, expected=inputs)
    for what, found, wanted in (
        ("samples", known.samples, skeletons.index.sample),
        ("training part", known.train, train),
    ):
        if not np.array_equal(found, wanted):
            raise ArtefactError(
                f"the features were made for another choice of {what}",
                where=folder,
                remedy="Use another folder.",
            )
    return known


def _encode_chunk(
    skeletons: SkeletonSet,
    samples: range,
    encoder: TrainedEncoder,
    path: Path,
    inputs: dict[str, str],
    maps: bool,
    view: int,
    batch: int,
) -> None:
    device = next(encoder.model.parameters()).device
    config, finished = encoder.config, check_chain(encoder.protocol, chain_of(skeletons), skeletons.path)
    outputs: dict[str, list[torch.Tensor]] = {"pooled": [], "logits": [], "maps": []}
    for start in range(samples.start, samples.stop, batch):
        chosen = range(start, min(start + batch, samples.stop))
        sequences = [skeletons.sequence(i).joints for i in chosen]
        ready = [ready_sequence(s, skeletons.layout, encoder.protocol, finished=finished) for s in sequences]
        clips = encoder_clips(ready, config, numpy_generator(config.seed, "view", view, start) if view else None)
        for part in torch.from_numpy(clips).split(CPU_BATCH if device.type == "cpu" else batch):
            output = encoder.model(part.to(device), maps=maps)
            outputs["pooled"].append(output.pooled.float().cpu())
            outputs["logits"].append(output.logits.float().cpu())
            if maps:
                outputs["maps"].append(output.maps.half().cpu())
    save_tensors(path, {k: torch.cat(v) for k, v in outputs.items() if v}, inputs)
