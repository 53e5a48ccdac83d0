"""Options of every command that opens a clip: what its file may not say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from tyro.conf import OmitArgPrefixes


@dataclass(frozen=True)
class ReadingOptions:
    """What a file of a clip may not say, as for `zsar data new`."""

    layout: str = ""
    """joint layout of an array or a stream, or a .toml file of your own; default: as the file says, else ntu25"""
    rate: float = 0.0
    """frames a second, where a file does not say; default: 30"""
    format: str = ""
    """of a file, where it cannot be told from it"""
    unit: str = ""
    """of the coordinates, where a file does not say: m, cm, mm"""
    up: str = ""
    """axis that points up, where a file does not say: y, z, or -y (written --up=-y)"""
    accept: tuple[str, ...] = ()
    """checks of the doctor whose findings you accept"""

    def how(self) -> dict[str, Any]:
        """As arguments of :func:`~zsar_kit.experiments.pipeline.own_clip.open_clip`."""
        return dict(vars(self))


Reading = Annotated[ReadingOptions, OmitArgPrefixes]
#: a file says everything
AS_READ = ReadingOptions()
