"""What all commands share: the application, where they work, and how they answer."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from tyro.conf import OmitArgPrefixes, Positional, arg

if TYPE_CHECKING:
    from zsar_kit.experiments.pipeline.workspace import Workspace

app = tyro.extras.SubcommandApp()


def say(text: str) -> None:
    """Print a command's answer to standard output."""
    sys.stdout.write(text.rstrip("\n") + "\n")


@dataclass(frozen=True)
class Place:
    """Where and how to work."""

    workspace: Path = Path("workspace")
    """folder of everything that is computed"""
    device: str = "auto"
    """'auto', 'cpu', or a device as torch names it"""
    quiet: bool = False
    """no progress bars"""

    def open(self) -> Workspace:
        """The workspace."""
        from zsar_kit.cli.answers.installation import open_workspace

        return open_workspace(self.workspace, self.device, progress=not self.quiet)


Where = Annotated[Place, OmitArgPrefixes]
Dataset = Annotated[Positional[str], arg(metavar="DATASET")]
Split = Annotated[Positional[str], arg(metavar="SPLIT")]
