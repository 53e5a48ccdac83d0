"""Which function computes which attribute: a function is registered under its own name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from zsar_kit.primitives.bodies import Bodies

PerClip = Float[np.ndarray, " clip"]
Measure = Callable[["Bodies"], PerClip]

_FUNCTIONS: dict[str, Measure] = {}


def measures(function: Measure) -> Measure:
    """Register a function as the attribute of its name."""
    _FUNCTIONS[function.__name__] = function
    return function


def measures_of(*limbs: str) -> Callable[[Callable[[Bodies, int], PerClip]], Callable[[Bodies, int], PerClip]]:
    """Register a function of a limb as one attribute a limb: ``lead_NAME`` with limb 0, ``other_NAME`` with limb 1."""

    def register(function: Callable[[Bodies, int], PerClip]) -> Callable[[Bodies, int], PerClip]:
        for limb in limbs:
            _FUNCTIONS[f"{limb}_{function.__name__}"] = _of_limb(function, ("lead", "other").index(limb))
        return function

    return register


def _of_limb(function: Callable[[Bodies, int], PerClip], limb: int) -> Measure:
    return lambda bodies: function(bodies, limb)


def registered() -> dict[str, Measure]:
    """Attribute name to function, of the topics that have been imported."""
    return _FUNCTIONS
