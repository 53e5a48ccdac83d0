"""What test_distributed has one process do, and then two: ``torchrun`` runs this file as a script."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from zsar_kit.checkpoints import save_tensors
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.splits import ClassSplit
from zsar_kit.encoders import extract as extraction
from zsar_kit.encoders import pretrain as training
from zsar_kit.encoders.base import SkeletonEncoder, StepNoise
from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.encoders.distributed import is_main, session, share, sum_gradients, sum_over_processes
from zsar_kit.encoders.registry import ARCHITECTURES
from zsar_kit.seeding import seeded_globally, torch_generator

SPLIT = ClassSplit("toy", "3/1", 4, (1,))
CONFIG = EncoderConfig(width=0.0625, frames=8, persons=1, epochs=2, batch=9, holdout=0.25, rotation=0.1, crop=0.9)
ST_GCN = CONFIG.override({"architecture": "st_gcn", "stream": "bone", "dropout": 0.3, "optimiser": "adam"})
BATCH = 5


def one_step(config: EncoderConfig) -> dict[str, torch.Tensor]:
    """Gradients, statistics and loss of one step in double precision, on a batch that does not divide by two."""
    architecture = ARCHITECTURES[config.architecture]
    with seeded_globally(0, "test"):
        model: SkeletonEncoder = architecture.build(architecture.sizes(config, 3)).double().train()
    source = torch.Generator().manual_seed(1)
    clips = torch.randn(BATCH, config.persons, 8, 25, 3, dtype=torch.float64, generator=source)
    labels, kept = torch.arange(BATCH) % 3, share(BATCH)
    mine = slice(kept.start, kept.stop)
    model.begin_step(StepNoise(torch_generator(0, "noise"), BATCH, kept))
    loss = torch.nn.functional.cross_entropy(model(clips[mine]).logits, labels[mine], reduction="sum") / BATCH
    loss.backward()
    sum_gradients(model)
    found = {f"gradient.{k}": p.grad for k, p in model.named_parameters() if p.grad is not None}
    found |= {f"state.{k}": v for k, v in model.state_dict().items() if "running" in k}
    return {k: v.detach() for k, v in found.items()} | {"loss": sum_over_processes(loss.detach())}


@contextmanager
def double_precision() -> Iterator[None]:
    """Trainings in double precision: what they differ by then is no rounding."""
    clips, known = training._Trainer._clips, dict(ARCHITECTURES)
    training._Trainer._clips = lambda self, *args: clips(self, *args).double()
    for name, entry in known.items():
        ARCHITECTURES[name] = replace(entry, build=lambda sizes, build=entry.build: build(sizes).double())
    try:
        yield
    finally:
        training._Trainer._clips = clips
        ARCHITECTURES.update(known)


def work(skeletons: SkeletonSet, root: Path, encoder: Path | None = None) -> None:
    """Steps, trainings and an extraction (by the encoder of that folder); everything lands below ``root``."""
    samples = np.flatnonzero(np.isin(skeletons.index.label, SPLIT.seen))
    for name, config in (("shift_gcn", CONFIG), ("st_gcn", ST_GCN)):
        found = one_step(config)
        if is_main():
            save_tensors(root / f"{name}.safetensors", found)
    with double_precision():
        for name, config in (("shift", CONFIG), ("graph", ST_GCN)):
            training.pretrain(skeletons, samples, SPLIT, config, root / name, progress=False)
    training.pretrain(skeletons, samples, SPLIT, CONFIG, root / "single", progress=False)
    interrupted(skeletons, samples, root / "again")
    training.pretrain(skeletons, samples, SPLIT, CONFIG, root / "again", progress=False)
    chunk, extraction.CHUNK = extraction.CHUNK, 10
    train, trained = skeletons.index.subject < 3, training.load_encoder(encoder or root / "single")
    extraction.extract_features(skeletons, train, trained, root / "features", maps=True, batch=10, progress=False)
    extraction.CHUNK = chunk


def interrupted(skeletons: SkeletonSet, samples: np.ndarray, folder: Path) -> None:
    """Leave a training of which one epoch is saved and the steps of the next are done, but not saved."""
    true_holdout = training._Trainer._holdout

    def holdout(self):
        if self.history:
            raise KeyboardInterrupt
        return true_holdout(self)

    training._Trainer._holdout = holdout
    try:
        training.pretrain(skeletons, samples, SPLIT, CONFIG, folder, progress=False)
    except KeyboardInterrupt:
        pass
    finally:
        training._Trainer._holdout = true_holdout


if __name__ == "__main__":
    toy, target, own = (Path(argument) for argument in sys.argv[1:])
    with session(torch.device("cpu")):
        known = SkeletonSet.load(toy)
        work(known, target, own)
        # What a single process has left unfinished, two can finish.
        seen = np.flatnonzero(np.isin(known.index.label, SPLIT.seen))
        training.pretrain(known, seen, SPLIT, CONFIG, target / "continued", progress=False)
