"""What all commands share: the application, where they work, and how they answer."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated

import tyro
from tyro.conf import OmitArgPrefixes, Positional, arg

app = tyro.extras.SubcommandApp()


def commands() -> ModuleType:
    """The module that does the work; imported only when a command runs, so that ``--help`` answers at once."""
    return import_module("zsar_kit.experiments.commands")


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

    def open(self):
        """The workspace."""
        return commands().open_workspace(self.workspace, self.device, progress=not self.quiet)


Where = Annotated[Place, OmitArgPrefixes]
Dataset = Annotated[Positional[str], arg(metavar="DATASET")]
Split = Annotated[Positional[str], arg(metavar="SPLIT")]
