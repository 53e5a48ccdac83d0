"""How sure an answer is, from distances alone: a softmax over classes, and "none of these".

``P(one of these) = sigmoid(b + w_d d_1 + w_m (d_2 - d_1) + w_n ln n)`` with the two smallest distances ``d_1 <= d_2``
among n classes, and ``P(c | one of these) = softmax(-d / T)``. The constants are in ``resources/none_of_these.toml``
with what they were fitted on.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class NoneOfThese:
    """Constants of the probabilities.

    Attributes:
        bias, distance, margin, candidates: b, w_d, w_m and w_n of the equation above.
        temperature: T.
    """

    bias: float
    distance: float
    margin: float
    candidates: float
    temperature: float

    def statistics(self, distances: Float[np.ndarray, "*clip class"]) -> Float[np.ndarray, "*clip 3"]:
        """``d_1``, ``d_2 - d_1`` and ``ln n``."""
        return statistics(distances)

    def one_of_these(self, distances: Float[np.ndarray, "*clip class"]) -> Float[np.ndarray, "*clip"]:
        """The probability that the clip shows one of the classes, two or more."""
        weights = np.array([self.distance, self.margin, self.candidates])
        return np.asarray(1.0 / (1.0 + np.exp(-(self.bias + statistics(distances) @ weights))))

    def classes(self, distances: Float[np.ndarray, "*clip class"]) -> Float[np.ndarray, "*clip class"]:
        """The probability of each class, given that it is one of them."""
        logits = -(distances - distances.min(-1, keepdims=True)) / self.temperature
        weights = np.exp(logits)
        return weights / weights.sum(-1, keepdims=True)


def statistics(distances: Float[np.ndarray, "*clip class"]) -> Float[np.ndarray, "*clip 3"]:
    """The smallest distance, its margin to the second smallest, and the logarithm of the number of classes."""
    two = np.sort(distances, axis=-1)[..., :2]
    count = np.full(two.shape[:-1], np.log(distances.shape[-1]))
    return np.stack([two[..., 0], two[..., 1] - two[..., 0], count], axis=-1)


@cache
def none_of_these() -> NoneOfThese:
    """The constants of the kit."""
    text = files("zsar_kit.primitives").joinpath("resources/none_of_these.toml").read_text(encoding="utf-8")
    return NoneOfThese(**{name: float(value) for name, value in tomllib.loads(text)["constants"].items()})
