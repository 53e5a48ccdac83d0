"""Arrays are shown by shape and type."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from zsar_kit.models.flora.cross_vae import Gaussian
from zsar_kit.reprs import ShownByShape, described


def test_arrays_mappings_and_the_rest():
    assert described(torch.zeros(2, 3)) == "float32[2, 3]"
    assert described(np.zeros((), dtype=np.int64)) == "int64[]"
    assert described({"a": np.zeros(4, dtype=bool), "b": None}) == "{a: bool[4], b: None}"
    assert described((1, "x")) == "(1, 'x')"


def test_a_dataclass_is_one_line_unless_it_says_otherwise():
    assert (
        repr(Gaussian(torch.zeros(5, 2), torch.zeros(5, 2))) == "Gaussian(mu=float32[5, 2], log_variance=float32[5, 2])"
    )

    @dataclass(frozen=True)
    class Own(ShownByShape):
        values: np.ndarray

        def __repr__(self) -> str:
            return f"Own({len(self.values)})"

    assert repr(Own(np.zeros(3))) == "Own(3)"
