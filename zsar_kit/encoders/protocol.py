"""What an encoder expects as input: centring, orientation, frames, persons. It belongs to the encoder.

An encoder sees well only what is prepared as its training clips were. Its protocol is therefore stored with it, comes
with a released checkpoint, and is all that extraction goes by. Sets whose preparation has already done such steps are
compared with it (:func:`check_chain`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from zsar_kit.config import Config
from zsar_kit.data.skeleton_set import SkeletonSet, made_with
from zsar_kit.data.timing import Fit
from zsar_kit.errors import DataError

Centring = Literal["first_frame", "each_frame", "hip", "none"]
Turn = Literal["upright", "released", "none"]


@dataclass(frozen=True)
class InputProtocol(Config):
    """How a sequence becomes an encoder's input, apart from augmentation in training.

    Attributes:
        centring: what becomes the origin: the first person's spine in the first frame, which keeps where people go; the
            spine (``"each_frame"``) or the hip centre (``"hip"``) in every frame; ``"none"`` keeps positions as the
            preparation of the data set left them.
        turn: ``"upright"``: spine along +z and shoulders along +x in the first frame; ``"released"``: the two turns of
            the pre-normalisation that Shift-GCN was released with, and its order of persons; or ``"none"``.
        frames: length of a clip.
        fit: how a sequence gets that length; see :func:`zsar_kit.data.timing.fit_frames`.
        persons: bodies of a clip; those that a sequence lacks are zeros, and a person who repeats another is none.
    """

    centring: Centring = "first_frame"
    turn: Turn = "upright"
    frames: int = 64
    fit: Fit = "resampled"
    persons: int = 2

    def validate(self) -> None:
        """Check ranges."""
        self.require(self.frames >= 4, "frames", "at least 4")
        self.require(self.persons in (1, 2), "persons", "1 or 2")


#: of the clips behind the released Shift-GCN weights: 2s-AGCN's pre-normalisation and feeder
RELEASED = InputProtocol("each_frame", "released", 300, "looped", 2)


@dataclass(frozen=True)
class _Prepared:
    """A chain that leaves sequences which no longer allow every protocol.

    Attributes:
        did: what it did, for messages.
        allows: protocols that may still follow; values of each field, an empty tuple for any.
        otherwise: what to do for another protocol.
        finished: its sequences are the input of these protocols already; nothing may be done twice.
    """

    did: str
    allows: dict[str, tuple]
    otherwise: str
    finished: bool = False


_STAR = _Prepared(
    "centred at the shoulders and turned frame by frame, and resampled to 64 frames",
    {"centring": ("first_frame", "none"), "turn": ("upright", "none")},
    "Prepare the raw files with --chain raw",
)
#: chain or importer of a set to what it left; a set of any other allows every protocol
_CHAINS = MappingProxyType(
    {
        "shift_gcn": _Prepared(
            "centred at the spine in each frame, turned, and looped to 300 frames",
            {name: (getattr(RELEASED, name),) for name in ("centring", "turn", "frames", "fit")},
            "Prepare the raw files with --chain ctrgcn",
            finished=True,
        ),
        "star": _STAR,
        "pku": _STAR,
    }
)


def chain_of(skeletons: SkeletonSet) -> str:
    """The chain or the importer that prepared a set; empty if there was none."""
    how = made_with(skeletons.path)
    return str(how.get("chain", how.get("importer", "")))


def check_chain(protocol: InputProtocol, chain: str, where: str | Path = "") -> bool:
    """Compare a protocol with the chain that prepared a set.

    Args:
        protocol: of the encoder.
        chain: see :func:`chain_of`.
        where: the set, for the message.

    Returns:
        Whether the sequences of the set are the encoder's input already, so that nothing is left to do.

    Raises:
        DataError: the chain has done what the protocol would do otherwise, or again.
    """
    prepared = _CHAINS.get(chain)
    if prepared is None:
        return False
    for name, values in prepared.allows.items():
        if getattr(protocol, name) not in values:
            wanted = " or ".join(str(value) for value in values)
            fields = ", ".join(f"{key}={'|'.join(map(str, allowed))}" for key, allowed in prepared.allows.items())
            raise DataError(
                f"the set was prepared by the chain {chain!r}: {prepared.did}; the encoder's input has {name} "
                f"{getattr(protocol, name)!r}, but {wanted} is what this set allows",
                where=where,
                remedy=f"{prepared.otherwise}, or use an encoder with {fields}.",
            )
    return prepared.finished
