"""What all commands share: the application, the workspace options, and the output."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from tyro.conf import OmitArgPrefixes, Positional, arg

from zsar_kit.device import launched_processes
from zsar_kit.errors import ConfigError

if TYPE_CHECKING:
    from zsar_kit.experiments.pipeline.workspace import Workspace

app = tyro.extras.SubcommandApp()


def say(text: str) -> None:
    """Print a command's answer to standard output."""
    sys.stdout.write(text.rstrip("\n") + "\n")


def refuse_several_processes() -> None:
    """Refuse several processes: only ``features`` shares its work among them.

    Raises:
        ConfigError: ``torchrun`` started several processes.
    """
    if launched_processes() > 1:
        raise ConfigError(
            "only `features` shares its work among processes",
            where="torchrun",
            remedy="Compute the features with torchrun, then run this command without it.",
        )


@dataclass(frozen=True)
class CommonOptions:
    """Workspace, device and output."""

    workspace: Path = Path("workspace")
    """folder of all computed results"""
    device: str = "auto"
    """'auto', 'cpu', or a torch device such as cuda:0"""
    quiet: bool = False
    """show no progress bars"""

    def open(self) -> Workspace:
        """The workspace."""
        from zsar_kit.experiments.pipeline.workspace import Workspace

        refuse_several_processes()
        return Workspace(self.workspace, self.device, not self.quiet)


Common = Annotated[CommonOptions, OmitArgPrefixes]
Dataset = Annotated[Positional[str], arg(metavar="DATASET")]
Split = Annotated[Positional[str], arg(metavar="SPLIT")]
