"""Which joints each attribute reads, found by running it on a body that notes what is asked of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from jaxtyping import Bool, Float, Float32

from zsar_kit.primitives.bodies import Bodies
from zsar_kit.primitives.clips import NTU
from zsar_kit.primitives.signals import Mask, PerClip
from zsar_kit.primitives.topics import functions

#: what a body's axes and its size are read from; legs, too, say which way is up, where they were seen
TRUNK = ("spine_base", "spine_shoulder", "shoulder_left", "shoulder_right", "hip_left", "hip_right")
TRUNK_JOINTS = [NTU[name] for name in TRUNK]


@dataclass(frozen=True, eq=False, repr=False)
class _Noting(Bodies):
    """A body that notes the joints that are read of it; its axes and its size count as the trunk."""

    mine: set[str] = field(default_factory=set)
    theirs: set[str] = field(default_factory=set)

    def joint(self, name: str) -> Float[np.ndarray, "clip frame 3"]:
        self.mine.add(name)
        return super().joint(name)

    def other(self, name: str) -> Float[np.ndarray, "clip frame 3"]:
        self.theirs.add(name)
        return super().other(name)

    def body(self) -> Float32[np.ndarray, "clip frame 25 3"]:
        self.mine.update(NTU)
        return super().body()

    def other_body(self) -> Float32[np.ndarray, "clip frame 25 3"]:
        self.theirs.update(NTU)
        return super().other_body()

    @property
    def _whole(self) -> Bodies:
        self.mine.update(TRUNK)
        return _probe()

    @property
    def torso(self) -> PerClip:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._whole.torso

    @property
    def tall(self) -> Mask:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._whole.tall

    @property
    def up(self) -> Float[np.ndarray, "clip 3"]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._whole.up

    @property
    def right(self) -> Float[np.ndarray, "clip frame 3"]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._whole.right


def _fields() -> tuple[np.ndarray, np.ndarray, np.ndarray, float, frozenset[str], np.ndarray, np.ndarray]:
    """Two persons somewhere: which joints an attribute asks for does not hang on where they are."""
    rng = np.random.default_rng(0)
    joints, partner = rng.normal(size=(2, 1, 30, len(NTU), 3)).astype(np.float32)
    nothing = np.zeros((1, len(NTU)), dtype=bool)
    return joints, partner, np.array([30]), 30.0, frozenset(("head", "hands")), nothing, nothing


@cache
def _probe() -> Bodies:
    return Bodies(*_fields())


@cache
def joints_asked(name: str) -> tuple[Bool[np.ndarray, " 25"], Bool[np.ndarray, " 25"]]:
    """Which joints of the acting and of the second person an attribute reads."""
    noting = _Noting(*_fields())
    with np.errstate(all="ignore"):
        functions()[name](noting)
    mine, theirs = (np.array([joint in asked for joint in NTU]) for asked in (noting.mine, noting.theirs))
    return mine, theirs
