"""Pretraining of a skeleton encoder on seen classes only, by classification; several processes may share each step.

The best epoch is the one with the best accuracy on held-out samples of *seen* classes, taken from the training part:
neither an unseen class nor the test part has a say (published code often chooses it on test data).
Training resumes exactly: every random draw is named after the epoch and the step.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from zsar_kit.artefacts import (
    artefact_digest,
    atomic_folder,
    exists,
    read_json,
    read_provenance,
    write_json,
    write_provenance,
)
from zsar_kit.checkpoints import load_module, load_tensors, optimizer_tensors, restore_optimizer, save_tensors
from zsar_kit.data.leakage import EncoderRecord, training_rows
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.splits import ClassSplit
from zsar_kit.device import precision_of
from zsar_kit.encoders.base import SkeletonEncoder, StepNoise
from zsar_kit.encoders.config import FOUR_STREAMS, EncoderConfig
from zsar_kit.encoders.distributed import (
    barrier,
    is_main,
    rank,
    share,
    sum_gradients,
    sum_over_processes,
    world_size,
)
from zsar_kit.encoders.inputs import encoder_clips, ready_sequence
from zsar_kit.encoders.protocol import InputProtocol, chain_of, check_chain
from zsar_kit.encoders.registry import ARCHITECTURES, restore_model
from zsar_kit.errors import ArtefactError, ConfigError, DataError
from zsar_kit.reprs import counted, shortened
from zsar_kit.seeding import numpy_generator, seeded_globally, torch_generator

SCHEMA = 1
WEIGHTS, CHECKPOINT, HISTORY = "weights.safetensors", "checkpoint.safetensors", "history.json"


@dataclass(frozen=True)
class TrainedEncoder:
    """A pretrained encoder and the record of the classes it was trained on."""

    model: SkeletonEncoder
    config: EncoderConfig
    record: EncoderRecord
    folder: Path

    @property
    def protocol(self) -> InputProtocol:
        """What its input must be."""
        return self.config.protocol

    def __repr__(self) -> str:
        known = self.record.classes
        classes = "unknown classes" if known is None else counted(len(known), "seen class", "seen classes")
        return (
            f"TrainedEncoder({self.config.architecture}, stream {self.config.stream}, {self.model.dim} features, "
            f"{classes}, folder {shortened(self.folder.name, 80)!r})"
        )


def holdout_mask(labels: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Mark ``fraction`` of each class's samples, at least one and never all, to choose the epoch by.

    Raises:
        DataError: a class has a single sample.
    """
    held = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < 2:
            raise DataError(f"class {label} has {len(members)} training sample; at least two are needed")
        count = min(max(1, round(fraction * len(members))), len(members) - 1)
        held[rng.choice(members, size=count, replace=False)] = True
    return held


def pretrain(
    skeletons: SkeletonSet,
    samples: np.ndarray,
    split: ClassSplit,
    config: EncoderConfig,
    folder: str | Path,
    *,
    device: torch.device | str = "cpu",
    progress: bool = True,
) -> TrainedEncoder:
    """Train an encoder on the given samples, or return the finished one at ``folder``.

    Args:
        skeletons: the data set.
        samples: indices of training samples, or a boolean mask; each must be of a seen class of ``split``.
        split: the class split, which may be a fold with pseudo-unseen classes.
        config: sizes and schedule.
        folder: the encoder's folder; ``<folder>.partial`` has the state of an unfinished training.
        device: where to train.
        progress: show a bar.

    Raises:
        LeakageError: a sample is of an unseen class.
        ArtefactError: the partial folder has an unfinished training with another configuration.
        ConfigError: the configuration is for four streams, which are four encoders
            (:func:`zsar_kit.encoders.fuse.fuse_encoders`), or a step has fewer samples than there are processes.
        DataError: the chain that prepared the set does not allow the configuration's input protocol.
    """
    folder = Path(folder)
    if config.stream == FOUR_STREAMS:
        raise ConfigError(
            "four streams need four encoders", where="EncoderConfig.stream", remedy="Train each, then fuse them."
        )
    samples = np.flatnonzero(samples) if samples.dtype == bool else samples
    identity = training_identity(skeletons, samples, split, config)
    if exists(folder):
        return load_encoder(folder, device=device, expected=identity)
    samples = training_rows(skeletons.index.label, samples, split)
    trainer = _Trainer(skeletons, samples, split, config, folder.with_name(folder.name + ".partial"), identity, device)
    trainer.run(progress)
    if is_main():
        with atomic_folder(folder) as scratch:
            save_tensors(scratch / WEIGHTS, trainer.best)
            write_json(scratch / HISTORY, trainer.history)
            write_json(scratch / "encoder.json", trainer.description())
            write_provenance(scratch, "Encoder", version=SCHEMA, inputs=identity, config=config.to_dict())
        shutil.rmtree(trainer.partial)
    barrier()
    return load_encoder(folder, device=device)


def training_identity(
    skeletons: SkeletonSet, samples: np.ndarray, split: ClassSplit, config: EncoderConfig
) -> dict[str, str]:
    """What determines a training: digests of data, samples, split and configuration."""
    names = "\n".join(skeletons.index.sample[samples].tolist())
    return {
        "skeletons": skeletons.digest,
        "samples": hashlib.sha256(names.encode()).hexdigest(),
        "split": split.digest(),
        "config": config.digest(),
    }


def load_encoder(
    folder: str | Path, *, device: torch.device | str = "cpu", expected: dict[str, str] | None = None
) -> TrainedEncoder:
    """Read a pretrained encoder.

    Raises:
        ArtefactError: it is absent or damaged, or was made from inputs other than ``expected``.
    """
    folder = Path(folder)
    provenance = read_provenance(folder, "Encoder", version=SCHEMA)
    if expected is not None and provenance["inputs"] != expected:
        changed = [k for k in expected if provenance["inputs"].get(k) != expected[k]]
        raise ArtefactError(
            f"the encoder was made from another {' and '.join(changed)}", where=folder, remedy="Move it away."
        )
    about = read_json(folder / "encoder.json")
    model = restore_model(about, folder)
    tensors, _ = load_tensors(folder / WEIGHTS)
    load_module(model, tensors, where=folder / WEIGHTS)
    record = EncoderRecord.from_dict(about["record"] | {"digest": artefact_digest(folder)})
    config = EncoderConfig.from_dict(provenance["config"])
    # Encoders of before have no protocol of their own: their settings say it.
    if (stored := InputProtocol.from_record(about.get("input", config.protocol.to_dict()))) != config.protocol:
        problem = f"its input protocol {stored!r} is not that of its settings, {config.protocol!r}"
        raise ArtefactError(problem, where=folder / "encoder.json", remedy="Move it away.")
    return TrainedEncoder(model.to(device).eval(), config, record, folder)


class _Trainer:
    """The state of one training; written to ``partial`` after each epoch."""

    def __init__(
        self,
        skeletons: SkeletonSet,
        samples: np.ndarray,
        split: ClassSplit,
        config: EncoderConfig,
        partial: Path,
        identity: dict[str, str],
        device: torch.device | str,
    ):
        self.config, self.split, self.partial, self.identity = config, split, partial, identity
        self.skeletons, self.device = skeletons, torch.device(device)
        self.labels = np.searchsorted(np.array(split.seen), skeletons.index.label[samples])
        finished = check_chain(config.protocol, chain_of(skeletons), skeletons.path)
        self.clips = [
            ready_sequence(skeletons.sequence(int(i)).joints, skeletons.layout, config.protocol, finished=finished)
            for i in samples
        ]
        self.held = holdout_mask(self.labels, config.holdout, numpy_generator(config.seed, "holdout"))
        architecture = ARCHITECTURES[config.architecture]
        self.sizes = architecture.sizes(config, len(split.seen))
        with seeded_globally(config.seed, "encoder"):
            self.model = architecture.build(self.sizes).to(self.device)
        self.optimizer = _optimizer(self.model, config)
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        self.best_epoch = -1

    def description(self) -> dict:
        """The content of ``encoder.json``."""
        names = self.skeletons.class_names
        learnt = [self.split.seen[i] for i in np.unique(self.labels)]
        return {
            "model": self.sizes,
            "input": self.config.protocol.to_dict(),
            "record": {
                "name": self.config.architecture,
                "digest": "",
                "stream": self.config.stream,
                "width": self.config.width,
                "dataset": self.split.dataset,
                "classes": learnt,
                "class_names": [names[c] for c in learnt],
            },
            "best_epoch": self.best_epoch,
            "epochs": len(self.history),
            "training_samples": int((~self.held).sum()),
            "holdout_samples": int(self.held.sum()),
            "holdout_accuracy": self.history[self.best_epoch]["holdout_accuracy"],
        }

    def run(self, progress: bool) -> None:
        """Train until the last epoch, or until patience runs out."""
        self._resume()
        with tqdm(
            total=self.config.epochs,
            initial=len(self.history),
            disable=not progress,
            unit="epoch",
            leave=False,
        ) as bar:
            while len(self.history) < self.config.epochs:
                if len(self.history) - 1 - self.best_epoch >= self.config.patience:
                    break
                self._epoch(len(self.history))
                self._save()
                last = self.history[-1]
                bar.set_postfix(loss=f"{last['loss']:.3f}", holdout=f"{last['holdout_accuracy']:.1f}%")
                bar.update()

    def _epoch(self, epoch: int) -> None:
        config, members = self.config, np.flatnonzero(~self.held)
        order = members[numpy_generator(config.seed, "order", epoch).permutation(len(members))]
        batches = max(1, len(order) // config.batch)
        if len(order) // batches < world_size():
            raise ConfigError(
                f"a step has {len(order) // batches} samples, too few to share among {world_size()} processes",
                remedy="Start fewer processes.",
            )
        self.model.train()
        total = 0.0
        for step, chosen in enumerate(np.array_split(order, batches)):
            for group in self.optimizer.param_groups:
                group["lr"] = config.rate(epoch + step / batches)
            total += self._step(chosen, epoch, step) * len(chosen)
        loss, accuracy = self._holdout()
        self.history.append(
            {
                "epoch": epoch,
                "loss": total / len(order),
                "holdout_loss": loss,
                "holdout_accuracy": accuracy,
                "learning_rate": config.rate(epoch),
            }
        )
        if self.best_epoch < 0 or _better(self.history[-1], self.history[self.best_epoch]):
            self.best_epoch = epoch
            self.best = {k: v.detach().cpu().clone() for k, v in self.model.state_dict().items()}

    def _step(self, chosen: np.ndarray, epoch: int, step: int) -> float:
        """One step on the chosen samples, of which this process computes its share; returns the mean loss of all."""
        seed, kept = self.config.seed, share(len(chosen))
        clips = self._clips(chosen, numpy_generator(seed, "augmentation", epoch, step), kept)
        noise = torch_generator(seed, "dropout", epoch, step, device=self.device)
        self.model.begin_step(StepNoise(noise, len(chosen), kept))
        target = torch.from_numpy(self.labels[chosen[kept]]).to(self.device)
        with precision_of(self.device, self.config.precision):
            loss = nn.functional.cross_entropy(self.model(clips).logits, target)
        if world_size() > 1:
            loss = loss * (len(kept) / len(chosen))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        sum_gradients(self.model)
        self.optimizer.step()
        return float(sum_over_processes(loss.detach()))

    def _clips(self, chosen: np.ndarray, rng: np.random.Generator | None, kept: range | None = None) -> Tensor:
        clips = encoder_clips([self.clips[i] for i in chosen], self.config, rng, kept)
        return torch.from_numpy(clips).to(self.device)

    @torch.no_grad()
    def _holdout(self) -> tuple[float, float]:
        """Loss and accuracy (percent) on the held-out samples, without augmentation."""
        self.model.eval()
        members = np.flatnonzero(self.held)
        loss, right = 0.0, 0
        for chosen in np.array_split(members, max(1, len(members) // 64))[rank() :: world_size()]:
            logits = self.model(self._clips(chosen, None)).logits
            target = torch.from_numpy(self.labels[chosen]).to(self.device)
            loss += float(nn.functional.cross_entropy(logits, target, reduction="sum"))
            right += int((logits.argmax(1) == target).sum())
        if world_size() > 1:  # the sum is bitwise the same in each process, and so is the choice of the epoch
            sums = torch.tensor([loss, right], dtype=torch.float64, device=self.device)
            loss, right = sum_over_processes(sums).tolist()
        return loss / len(members), 100.0 * right / len(members)

    def _save(self) -> None:
        if not is_main():
            return
        slots, rest = optimizer_tensors(self.optimizer)
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in self.best.items()} | slots
        meta = {
            "history": self.history,
            "best_epoch": self.best_epoch,
            "optimizer": rest,
            "identity": self.identity,
        }
        save_tensors(self.partial / CHECKPOINT, tensors, meta)

    def _resume(self) -> None:
        path = self.partial / CHECKPOINT
        if not path.is_file():
            return
        tensors, meta = load_tensors(path)
        if meta["identity"] != self.identity:
            raise ArtefactError(
                "there is an unfinished training with another configuration or other data",
                where=path,
                remedy=f"Remove the folder {self.partial} to start again.",
            )
        load_module(self.model, {k[6:]: v for k, v in tensors.items() if k.startswith("model.")}, where=path)
        self.best = {k[5:]: v for k, v in tensors.items() if k.startswith("best.")}
        restore_optimizer(self.optimizer, tensors, meta["optimizer"])
        self.history, self.best_epoch = meta["history"], meta["best_epoch"]


def _optimizer(model: nn.Module, config: EncoderConfig) -> torch.optim.Optimizer:
    if config.optimiser == "adam":
        return torch.optim.Adam(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    return torch.optim.SGD(
        model.parameters(),
        lr=config.learning_rate,
        momentum=config.momentum,
        nesterov=config.momentum > 0,
        weight_decay=config.weight_decay,
    )


def _better(new: Mapping[str, int | float], best: Mapping[str, int | float]) -> bool:
    """Higher holdout accuracy; ties, frequent with small holdouts, go to the lower holdout loss."""
    return (new["holdout_accuracy"], -new["holdout_loss"]) > (best["holdout_accuracy"], -best["holdout_loss"])


def describe(folder: str | Path) -> dict:
    """The facts about a pretrained encoder, without loading it: sizes, epochs, holdout accuracy."""
    return read_json(Path(folder) / "encoder.json")
