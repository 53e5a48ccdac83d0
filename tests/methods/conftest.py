"""A toy world in which zero-shot transfer is possible: a skeleton feature is a linear map of its class's text."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from zsar_kit.methods.task import Task, TrainingSet
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.semantics.text_encoder import LanguageRecord

WIDTH, FEATURES, TOKENS = 8, 16, 6


@dataclass(frozen=True)
class Toy:
    """Twenty seen and ten unseen classes; ``training`` holds seen samples only."""

    training: TrainingSet
    features: np.ndarray
    labels: np.ndarray
    unseen: tuple[int, ...]

    @property
    def text(self) -> Semantics:
        return self.training.task.semantics["motion"]

    def with_text(self, **changes: object) -> TrainingSet:
        """The training set with other texts."""
        text = replace(self.text, **changes)
        return self.with_semantics({"motion": text, "label": text})

    def with_semantics(self, semantics: dict[str, Semantics]) -> TrainingSet:
        """The training set of a task with other text sets."""
        return replace(self.training, task=replace(self.training.task, semantics=semantics))

    def accuracy(self, scores: np.ndarray) -> float:
        """Fraction of unseen samples whose highest score is that of their class."""
        return float((np.array(self.unseen)[np.asarray(scores).argmax(1)] == self.labels).mean())


def build_toy(
    seed: int = 0,
    *,
    seen: int = 20,
    unseen: int = 10,
    per_class: int = 20,
    noise: float = 0.3,
    shuffle: bool = False,
) -> Toy:
    """Draw a world; with ``shuffle`` texts are dealt to classes at random, so that nothing can transfer."""
    rng = np.random.default_rng(seed)
    count = seen + unseen
    meaning = rng.normal(size=(count, WIDTH))
    meaning /= np.linalg.norm(meaning, axis=1, keepdims=True)
    mixing = rng.normal(size=(WIDTH, FEATURES))
    labels = np.repeat(np.arange(count), per_class)
    features = meaning[labels] @ mixing + noise * rng.normal(size=(len(labels), FEATURES))
    text = meaning[rng.permutation(count)] if shuffle else meaning
    mask = np.arange(TOKENS) < rng.integers(2, TOKENS + 1, size=count)[:, None]
    tokens = (text[:, None] + 0.3 * rng.normal(size=(count, TOKENS, WIDTH))) * mask[..., None]
    semantics = Semantics(
        dataset="toy",
        text_set="motion",
        class_ids=tuple(range(count)),
        class_names=tuple(f"class {i}" for i in range(count)),
        texts=((),) * count,
        tokens=tokens.astype(np.float32),
        mask=mask,
        pooled=text.astype(np.float32),
        language=LanguageRecord("toy", "0", "", WIDTH, None, "mean"),
    )
    chosen = labels < seen
    training = TrainingSet(
        features[chosen].astype(np.float32),
        labels[chosen],
        Task((FEATURES,), tuple(range(seen)), {"motion": semantics, "label": semantics}),
    )
    return Toy(training, features[~chosen].astype(np.float32), labels[~chosen], tuple(range(seen, count)))


@pytest.fixture(scope="session")
def make_toy():
    """The builder of worlds."""
    return build_toy


@pytest.fixture(scope="session")
def toy() -> Toy:
    """The world of seed 0."""
    return build_toy()
