"""How long an encoder's training and extraction would take: one step of each, timed on clips of the set."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.device import precision_of, synchronise
from zsar_kit.encoders.base import SkeletonEncoder, StepNoise
from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.encoders.inputs import encoder_clips, ready_sequence
from zsar_kit.encoders.protocol import chain_of, check_chain
from zsar_kit.encoders.registry import ARCHITECTURES
from zsar_kit.seeding import numpy_generator, seeded_globally, torch_generator


@dataclass(frozen=True)
class EncoderTiming:
    """What one encoder of a single stream costs.

    Attributes:
        train: seconds of training a clip, forwards and backwards, preprocessing included.
        extract: seconds of extracting a clip's features.
        feature_shape: of one clip's un-pooled map, ``(T', joint, d)``.
        parameters: numbers in the model.
    """

    train: float
    extract: float
    feature_shape: tuple[int, ...]
    parameters: int

    def epochs(self, config: EncoderConfig, clips: int) -> float:
        """Seconds of a whole training on so many clips, if patience does not end it before."""
        return config.epochs * clips * (1 - config.holdout) * self.train


def time_encoder(
    skeletons: SkeletonSet, config: EncoderConfig, classes: int, device: torch.device | str = "cpu"
) -> EncoderTiming:
    """Time one training step and one extraction of a batch of the set's first clips, each after one untimed.

    Args:
        skeletons: the data set.
        config: of a single stream.
        classes: number of seen classes.
        device: where it would be trained.
    """
    device = torch.device(device)
    finished = check_chain(config.protocol, chain_of(skeletons), skeletons.path)
    rows = range(min(config.batch, len(skeletons.index.sample)))
    clips = [
        ready_sequence(skeletons.sequence(i).joints, skeletons.layout, config.protocol, finished=finished) for i in rows
    ]
    architecture = ARCHITECTURES[config.architecture]
    with seeded_globally(config.seed, "encoder"):
        model = architecture.build(architecture.sizes(config, classes)).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=config.learning_rate)
    seconds = []
    for step in range(2):
        synchronise(device)
        start = time.perf_counter()
        _train(model.train(), clips, config, optimizer, step, device)
        synchronise(device)
        seconds.append((time.perf_counter() - start) / len(clips))
    start = time.perf_counter()
    with torch.no_grad():
        found = model.eval()(torch.from_numpy(encoder_clips(clips, config)).to(device), maps=True)
    synchronise(device)
    extract = (time.perf_counter() - start) / len(clips)
    shape = tuple(int(n) for n in found.maps.shape[1:])
    return EncoderTiming(seconds[1], extract, shape, sum(p.numel() for p in model.parameters()))


def _train(
    model: SkeletonEncoder,
    clips: list[np.ndarray],
    config: EncoderConfig,
    optimizer: torch.optim.Optimizer,
    step: int,
    device: torch.device,
) -> None:
    batch = torch.from_numpy(encoder_clips(clips, config, numpy_generator(0, "timing", step))).to(device)
    model.begin_step(StepNoise(torch_generator(0, "timing", step, device=device), len(clips), range(len(clips))))
    with precision_of(device, config.precision):
        logits = model(batch).logits
        loss = nn.functional.cross_entropy(logits, torch.zeros(len(clips), dtype=torch.long, device=device))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
