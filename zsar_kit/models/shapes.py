"""How objects that hold arrays are shown: by shape and type, never by their numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor


def described(value: Any) -> str:
    """An array as its type and shape, such as ``float32[64, 256]``; a mapping by its keys; anything else as it is."""
    if isinstance(value, Tensor | np.ndarray):
        return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {described(v)}" for key, v in value.items()) + "}"
    return repr(value)


class ShownByShape:
    """Base class of dataclasses that hold arrays: their ``repr`` is one line."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__repr__" not in vars(cls):
            cls.__repr__ = ShownByShape.__repr__  # what a class has itself, the dataclass decorator leaves alone

    def __repr__(self) -> str:
        assert dataclasses.is_dataclass(self)
        values = ", ".join(f"{f.name}={described(getattr(self, f.name))}" for f in dataclasses.fields(self) if f.repr)
        return f"{type(self).__name__}({values})"
