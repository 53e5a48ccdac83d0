"""SkeletonContext: read the context from the skeleton, find the key parts, recognise (section 3 of its paper).

The differential joint encoder (Eq. 1) turns a clip's un-pooled map into one token per joint. These tokens and the
masked prompt of a frozen language model attend to each other (Eq. 2-3), a decoder predicts the masked words (Eq. 4-5),
and the pooled skeleton tokens are aligned with the class's context descriptions (Eq. 8). A second branch weights key
joints (Eq. 6-7) and aligns their pooled feature with the class's motion text (Eq. 9). At test time every slot is
masked: the context comes from the motion alone. Each alignment is a head of scores; the fused score is the mean of
their softmax.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from zsar_kit.data.joints import BODY_PARTS, layout
from zsar_kit.data.standardisation import divisors
from zsar_kit.errors import ConfigError, DataError, TextError
from zsar_kit.methods.base import Batch, ClassScores, Phase, ReadsContexts, StepOutput, WeighsKeyParts
from zsar_kit.methods.registry import register
from zsar_kit.methods.skeleton_context.config import PartConfig, SkeletonContextConfig, TrainingConfig, presets
from zsar_kit.methods.skeleton_context.prompts import ContextReader
from zsar_kit.methods.skeleton_context.text_space import TextSpace, common_width
from zsar_kit.methods.task import MapRows, Task, TrainingSet, find_text_set, sample_features
from zsar_kit.models.skeleton_context.alignment import ProjectionHead, alignment_loss, alignment_scores
from zsar_kit.models.skeleton_context.grounding import Grounded
from zsar_kit.models.skeleton_context.joint_differences import DifferentialJointEncoder, pool_time
from zsar_kit.models.skeleton_context.key_parts import (
    RELEASED_PARTS,
    KeyPartDecoupling,
    key_part_loss,
    key_part_prior,
)
from zsar_kit.reprs import ShownByShape
from zsar_kit.seeding import seeded_draws
from zsar_kit.semantics.context_bank import ContextBank
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.semantics.texts import ClassTexts

WARMUP_RATE = 1e-3
STATISTICS_CHUNK = 256


@dataclass(frozen=True)
class Understanding(ShownByShape):
    """Intermediate results of the model for some clips.

    Attributes:
        features: head to the pooled feature that is aligned with the texts.
        grounded: skeleton and prompt after cross-attention; ``None`` without grounding.
        importance: K_out ``[batch, T', joint]``; ``None`` without key parts.
    """

    features: dict[str, Float[Tensor, "batch _"]]
    grounded: Grounded | None
    importance: Float[Tensor, "batch frame joint"] | None


class SkeletonContext(ReadsContexts, WeighsKeyParts):
    """The method; see the module's docstring."""

    config_type = SkeletonContextConfig
    map_offset: Tensor
    map_scale: Tensor
    step: Tensor
    column: Tensor
    prior: Tensor

    def __init__(self, config: SkeletonContextConfig, task: Task, generator: torch.Generator):
        super().__init__(config, task, generator)
        if len(task.feature_shape) != 3:
            raise DataError(
                "SkeletonContext needs un-pooled maps [T', joint, d] of each sample, got features of shape "
                f"{list(task.feature_shape)}",
                remedy="Runs provide them; for your own training set pass MapRows(feature_set.maps(), rows).",
            )
        self.settings, self.seen, width = config, task.seen, task.feature_shape[2]
        self.steps_an_epoch = 1  # until the number of training samples is known
        self.register_buffer("map_offset", torch.zeros(width))
        self.register_buffer("map_scale", torch.ones(width))
        self.register_buffer("step", torch.zeros((), dtype=torch.long))
        column = torch.full((max(task.seen) + 1,), -1)
        column[list(task.seen)] = torch.arange(len(task.seen))
        self.register_buffer("column", column)
        self.joints = self.reader = self.parts = None
        if config.joints.enabled:
            self.joints = DifferentialJointEncoder(width, activation=config.joints.activation, generator=generator)
        names = dict(zip(("context", "part"), config.text_sets(), strict=False))
        inputs: dict[str, int | None] = {"context": width, "part": width}
        if config.grounding.enabled:
            project = None
            if config.space.projection == "before":
                common = common_width(config.space, task.text_set(names["context"]))
                project = ProjectionHead(width, common, normalise=False, relu=config.space.relu, generator=generator)
            self.reader = ContextReader(config.grounding, config.masking, _bank_of(task), width, generator, project)
            inputs["context"] = self.reader.dim if project is None else None
        if config.parts.enabled:
            self.parts = KeyPartDecoupling(width, config.parts.hidden, generator=generator)
            # Needed in training only, and rebuilt from the bank, so checkpoints do not store it.
            self.register_buffer("prior", _prior(config.parts, _bank_of(task)), persistent=False)
        self.space = nn.ModuleDict(
            {
                head: TextSpace(config.space, task.text_set(name), task.seen, inputs[head], generator)
                for head, name in names.items()
            }
        )

    def observe(self, training: TrainingSet) -> None:
        """Compute offset and scale of the maps, and the number of steps per epoch."""
        self.map_offset, self.map_scale = _map_statistics(training.features, self.settings.space.scale)
        count = len(training.labels)
        self.steps_an_epoch = max(1, count // min(self.settings.training.batch_size, count))

    def phases(self) -> tuple[Phase, ...]:
        """The decoder's optional warm-up, then joint training (Eq. 10)."""
        settings, warmup, reader = self.settings.training, self.settings.grounding.warmup, self.reader
        train = Phase(
            "train",
            self._steps,
            settings.batch_size,
            self.parameters,
            lambda p: _optimiser(settings, p),
            lambda optimizer: torch.optim.lr_scheduler.MultiStepLR(
                optimizer, [m * self.steps_an_epoch for m in settings.milestones], gamma=0.1
            ),
        )
        if reader is None or not warmup:
            return (train,)
        learnt = [*reader.decoder.parameters(), *reader.grounding.from_text.parameters()]
        rate = partial(torch.optim.AdamW, lr=WARMUP_RATE)
        return (Phase("warmup", warmup, settings.batch_size, lambda: learnt, rate), train)

    @property
    def _steps(self) -> int:
        return self.settings.training.epochs * self.steps_an_epoch

    def training_step(self, batch: Batch, phase: str, generator: torch.Generator) -> StepOutput:
        """Eq. 10; in the warm-up Eq. 4 without skeletons."""
        rows, config, reader = self.column[batch.labels], self.settings, self.reader
        drawn = None
        if reader is not None:
            drawn = reader.draw(rows, int(self.step), self._steps, generator)
            if phase == "warmup":
                return StepOutput({"context": reader.reconstruction(reader.alone(drawn.rows), drawn)})
        self.step += 1
        with seeded_draws(generator) if config.grounding.dropout else nullcontext():
            found = self._understand(batch.features, None if drawn is None else drawn.rows)
        losses = {}
        for head, feature in found.features.items():
            space = self.spaces[head]
            losses[f"align_{head}"] = alignment_loss(
                space.skeleton(feature), space.texts(self.seen), rows, temperature=config.space.temperature
            )
        if reader is not None and drawn is not None and found.grounded is not None and config.training.context_weight:
            reconstruction = reader.reconstruction(found.grounded.text, drawn)
            losses["context"] = config.training.context_weight * reconstruction
        if found.importance is not None and config.training.part_weight:
            distance = key_part_loss(found.importance, self.prior[rows], reduction=config.parts.reduction)
            losses["key_parts"] = config.training.part_weight * distance
        return StepOutput(losses)

    @property
    def spaces(self) -> dict[str, TextSpace]:
        """The alignments by head."""
        return {head: cast(TextSpace, space) for head, space in self.space.items()}

    def _understand(self, maps: Float[Tensor, "batch frame joint d"], prompt: Tensor | None) -> Understanding:
        """Features of both heads; ``prompt`` is the row of each sample's masked prompt, ``None`` masks all slots."""
        f_x = (maps - self.map_offset) / self.map_scale
        f_diff = pool_time(f_x)
        if self.joints is not None:
            f_diff = self.joints(f_diff)
        features, grounded, importance = {"context": f_diff.mean(1)}, None, None
        if self.reader is not None:
            grounded = self.reader(f_diff, prompt)
            features["context"] = grounded.skeleton.mean(1)
        if self.parts is not None:
            found = self.parts(f_x)
            features["part"], importance = found.pooled, found.importance
        return Understanding(features, grounded, importance)

    def add_classes(self, semantics: Mapping[str, Semantics]) -> None:
        """See :meth:`Method.add_classes`."""
        for space in self.spaces.values():
            space.extend(find_text_set(semantics, space.text_set))

    def class_scores(self, features: Float[Tensor, "batch ..."], classes: tuple[int, ...]) -> ClassScores:
        """Scores of the context head (Eq. 11) and the part head (Eq. 12)."""
        found = self._understand(features, None)
        temperature = self.settings.space.temperature
        heads = {}
        for head, space in self.spaces.items():
            skeletons = space.skeleton(found.features[head])
            heads[head] = alignment_scores(skeletons, space.texts(classes), temperature=temperature)
        return ClassScores(heads)

    def context_log_probabilities(self, features: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch slot word"]:
        """Log-probability of each word of the :attr:`vocabulary` in each slot, all masked: from the motion alone.

        Raises:
            ConfigError: grounding is off.
        """
        grounded = self._understand(features, None).grounded
        if grounded is None or self.reader is None:
            raise ConfigError(
                "this model reads no contexts: its grounding is off", remedy="Train with grounding.enabled = true."
            )
        return self.reader.log_probabilities(grounded.text)

    @contextmanager
    def prompted(self, hidden: Float[Tensor, "1 token d"], mask: Bool[Tensor, "1 token"]) -> Iterator[None]:
        """See :meth:`ReadsContexts.prompted`.

        Raises:
            ConfigError: grounding is off.
        """
        reader = self.reader
        if reader is None:
            raise ConfigError("this model reads no prompt: its grounding is off")
        before = reader.hidden, reader.mask
        reader.hidden, reader.mask = hidden.to(before[0]), mask.to(before[1].device)
        try:
            yield
        finally:
            reader.hidden, reader.mask = before

    def key_parts(self, features: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch frame joint"]:
        """K_out: the importance of each joint at each (coarse) frame; it sums to one over the joints of a frame.

        Raises:
            ConfigError: key parts are off.
        """
        importance = self._understand(features, None).importance
        if importance is None:
            raise ConfigError("this model has no part head", remedy="Train with parts.enabled = true.")
        return importance

    def language_prior(self, texts: ClassTexts, class_id: int) -> Float[np.ndarray, " joint"]:
        """K_gt of any class, computed as for the seen classes."""
        settings = self.settings.parts
        if settings.prior == "descriptions":
            named = {row.body_part for row in texts.contexts_of(class_id)}
        else:
            named = set(texts.key_parts_of(class_id))
        chosen = torch.tensor([[part in named for part in BODY_PARTS]])
        return key_part_prior(_part_joints(settings), chosen, normalise=settings.normalise)[0].numpy()

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Candidate words of the slots; empty without grounding."""
        return () if self.reader is None else self.reader.vocabulary

    @property
    def slots(self) -> tuple[str, ...]:
        """The slots of the prompt; empty without grounding."""
        return () if self.reader is None else self.reader.slots


def _part_joints(settings: PartConfig) -> Bool[Tensor, "part joint"]:
    """Which joints of the NTU layout belong to each body part."""
    ntu = layout("ntu25")
    members = RELEASED_PARTS if settings.joints == "released" else ntu.parts
    joints = torch.zeros(len(BODY_PARTS), len(ntu), dtype=torch.bool)
    for row, part in enumerate(BODY_PARTS):
        joints[row, list(members[part])] = True
    return joints


def _prior(settings: PartConfig, bank: ContextBank) -> Float[Tensor, "class joint"]:
    """K_gt of each seen class."""
    named = bank.body_parts.any(1) if settings.prior == "descriptions" else bank.key_parts
    return key_part_prior(_part_joints(settings), torch.from_numpy(named), normalise=settings.normalise)


def _bank_of(task: Task) -> ContextBank:
    bank = task.contexts
    if bank is None:
        raise TextError(
            "SkeletonContext needs encoded context descriptions of the seen classes",
            remedy="Runs provide them; for your own task pass contexts=ContextBank.build(...).",
        )
    if bank.class_ids != task.seen:
        raise TextError(
            f"the context bank must hold the seen classes {list(task.seen)}, got {list(bank.class_ids)}",
            remedy="Build the bank of the seen classes.",
        )
    return bank


def _map_statistics(maps: np.ndarray | MapRows, scale: str) -> tuple[Float[Tensor, " d"], Float[Tensor, " d"]]:
    """Offset and divisor of each map feature over training samples, frames and joints, in one chunked pass."""
    width = maps.shape[3]
    if scale == "none":
        return torch.zeros(width), torch.ones(width)
    total, squares, count = np.zeros(width), np.zeros(width), 0
    for start in range(0, len(maps), STATISTICS_CHUNK):
        positions = np.arange(start, min(start + STATISTICS_CHUNK, len(maps)))
        piece = sample_features(maps, positions).reshape(-1, width).astype(np.float64)
        total, squares, count = total + piece.sum(0), squares + np.square(piece).sum(0), count + len(piece)
    mean = total / count
    spread = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
    return torch.from_numpy(mean).float(), torch.from_numpy(divisors(spread, mean)).float()


def _optimiser(settings: TrainingConfig, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    if settings.optimiser == "adamw":
        return torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    return torch.optim.SGD(
        parameters,
        lr=settings.learning_rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        nesterov=settings.momentum > 0,
    )


register("skeleton_context", SkeletonContext, presets())
