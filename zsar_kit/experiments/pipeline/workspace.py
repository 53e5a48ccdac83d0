"""A workspace: the folder where everything that is computed lies, and the device it is computed on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zsar_kit.device import resolve_device

if TYPE_CHECKING:
    import torch

DEFAULT_WORKSPACE = Path("workspace")
#: devices that need no look at the machine, so that commands which compute nothing start without torch
PLAIN_DEVICES = ("auto", "cpu")


@dataclass(frozen=True)
class Workspace:
    """A folder of artefacts, and the device on which they are made.

    Everything in it is found again by what determines it, so a second run of the same thing computes nothing.

    Attributes:
        root: the folder; made when something is written.
        device: ``"auto"``, ``"cpu"``, or a device as torch names it.
        progress: show progress bars.

    Raises:
        ConfigError: there is no such device.
    """

    root: Path = DEFAULT_WORKSPACE
    device: str = "auto"
    progress: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root))
        if self.device not in PLAIN_DEVICES:
            resolve_device(self.device)

    @property
    def torch_device(self) -> torch.device:
        """The device, with ``"auto"`` resolved."""
        return resolve_device(self.device)

    @property
    def runs(self) -> Path:
        """The folder of run folders."""
        return self.root / "runs"

    @property
    def text_cache(self) -> Path:
        """The folder of encoded texts."""
        return self.root / "text-cache"

    def skeletons_folder(self, dataset: str) -> Path:
        """The folder of the skeletons of a data set."""
        return self.root / "skeletons" / slug(dataset)


def slug(text: str) -> str:
    """A piece of a file name: ``"23/5"`` becomes ``"23-5"``."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")
