"""What all commands share: the application, the workspace options, and the output."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from tyro.conf import OmitArgPrefixes, Positional, arg

from zsar_kit.device import launched_processes
from zsar_kit.errors import ConfigError
from zsar_kit.faults import disk_fault
from zsar_kit.reprs import visible

if TYPE_CHECKING:
    from zsar_kit.experiments.pipeline.workspace import Workspace

app = tyro.extras.SubcommandApp()


def say(text: str) -> None:
    """Print a command's answer to standard output; a reader that has seen enough (``zsar ... | head``) is no error.

    Raises:
        ArtefactError: standard output goes to a file that cannot be written.
    """
    try:
        sys.stdout.write(visible(text).rstrip("\n") + "\n")
        sys.stdout.flush()
    except OSError as error:
        with suppress(OSError, ValueError):  # otherwise Python complains again when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise disk_fault(error, "standard output") from None


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
