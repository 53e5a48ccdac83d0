"""A workspace: the folder where everything that is computed lies, and the device it is computed on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from zsar_kit.experiments.runs.config import slug

DEFAULT_WORKSPACE = Path("workspace")


@dataclass(frozen=True)
class Workspace:
    """A folder of artefacts, and the device on which they are made.

    Attributes:
        root: the folder.
        device: where encoders and methods run.
        progress: show bars.
    """

    root: Path = DEFAULT_WORKSPACE
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    progress: bool = True

    def skeletons_folder(self, dataset: str) -> Path:
        """Where the skeletons of a data set lie."""
        return self.root / "skeletons" / slug(dataset)

    @property
    def runs(self) -> Path:
        """Where run folders lie."""
        return self.root / "runs"
