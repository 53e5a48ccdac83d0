"""A compared method in one file: put it into ``zsar_kit/methods/peers``, and ``zsar train --method bilinear`` runs it.

The score of a class is ``x W t``: the features, a matrix that is learnt, and the class's text.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zsar_kit.methods.base import ClassScores, Method, MethodConfig, Phase, StepOutput, class_rows
from zsar_kit.methods.registry import register
from zsar_kit.models.blocks import seeded_linear


@dataclass(frozen=True)
class BilinearConfig(MethodConfig):
    """A bilinear map.

    Attributes:
        text_set: which texts describe the classes.
        steps, learning_rate: of Adam.
    """

    text_set: str = "motion"
    steps: int = 300
    learning_rate: float = 1e-2

    def validate(self):
        """Check ranges; a type is checked by itself."""
        self.require(self.steps >= 1, "steps", "at least 1")
        self.require(self.learning_rate > 0, "learning_rate", "positive")

    def text_sets(self):
        """What the run has to encode."""
        return (self.text_set,)


class Bilinear(Method):
    """Softmax regression from features to the texts of the seen classes."""

    config_type = BilinearConfig
    mean: Tensor
    text: Tensor

    def __init__(self, config, task, generator):
        """Build everything by its size; every random number comes from the generator."""
        super().__init__(config, task, generator)
        texts = task.text_set(config.text_set)
        self.config, self.seen, self.class_ids = config, list(task.seen), texts.class_ids
        self.register_buffer("mean", torch.zeros(task.pooled_width))
        self.register_buffer("text", nn.functional.normalize(torch.from_numpy(texts.pooled), dim=1))
        self.map = seeded_linear(task.pooled_width, self.text.shape[1], generator=generator)

    def observe(self, training):
        """What is computed from the training samples at once."""
        self.mean = torch.from_numpy(training.pooled.mean(0))

    def phases(self):
        """One phase of Adam on the map."""
        config = self.config
        return (
            Phase(
                "train",
                steps=config.steps,
                batch_size=64,
                parameters=self.map.parameters,
                optimizer=lambda parameters: torch.optim.Adam(parameters, lr=config.learning_rate),
            ),
        )

    def training_step(self, batch, phase, generator):
        """Cross-entropy among the seen classes; the loop does the rest."""
        logits = self.class_scores(batch.features, tuple(self.seen)).heads["bilinear"]
        target = torch.tensor([self.seen.index(c) for c in batch.labels.tolist()], device=logits.device)
        return StepOutput({"cross_entropy": nn.functional.cross_entropy(logits, target)})

    def class_scores(self, features, classes):
        """One column of scores for each class, larger is better."""
        rows = class_rows(self.class_ids, classes)
        return ClassScores({"bilinear": self.map(features - self.mean) @ self.text[rows].T})


register("bilinear", Bilinear, {"motion": BilinearConfig(), "label": BilinearConfig(text_set="label")})
