"""Small random problems with a bias towards seen classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from zsar_kit.data.class_split import ClassSplit
from zsar_kit.evaluation.scores import Scores


def toy_split(seen: tuple[int, ...], unseen: tuple[int, ...], *, classes: int = 0, dataset: str = "toy") -> ClassSplit:
    """A split of the given classes; all other ids below ``classes`` (or the greatest) are excluded."""
    classes = classes or 1 + max(*seen, *unseen)
    excluded = tuple(c for c in range(classes) if c not in (*seen, *unseen))
    return ClassSplit(dataset, "toy_split", classes, unseen, excluded)


@pytest.fixture
def make_split():
    """Makes a split of some classes."""
    return toy_split


@dataclass(frozen=True)
class Problem:
    """Test samples of seen and unseen classes, with scores."""

    scores: Scores
    labels: np.ndarray
    subjects: np.ndarray
    split: ClassSplit


def _build_problem(*, seed=0, samples=60, classes=7, unseen=(2, 5, 11), bias=0.8, decimals=None, heads=1) -> Problem:
    """Scores = noise + signal on the label + bias on seen columns; ``decimals`` rounds to make ties."""
    generator = np.random.default_rng(seed)
    ids = (2, 3, 5, 7, 11, 13, 17)[:classes]
    seen = tuple(c for c in ids if c not in unseen)
    labels = np.array(ids)[np.arange(samples) % len(ids)]
    arrays = {}
    for head in range(heads):
        values = generator.normal(size=(samples, len(ids)))
        values += 1.2 * (labels[:, None] == np.array(ids)) + bias * np.isin(ids, seen)
        arrays[f"head_{head}"] = values if decimals is None else values.round(decimals)
    errors = {"velocity": np.exp(-arrays["head_0"])}
    names = tuple(f"s{i}" for i in range(samples))
    scores = Scores(arrays, ids, names, errors)
    return Problem(scores, labels, generator.integers(0, 6, samples), toy_split(seen, unseen))


@pytest.fixture
def problem() -> Problem:
    """The default problem: 60 samples, 4 seen and 3 unseen classes, 6 subjects."""
    return _build_problem()


@pytest.fixture
def build_problem():
    """The builder itself, for other sizes and seeds."""
    return _build_problem
