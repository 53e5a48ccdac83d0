"""What all commands share: the application, the workspace options, and the output."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from tyro.conf import OmitArgPrefixes, Positional, arg

from zsar_kit.device import launched_processes
from zsar_kit.errors import ConfigError
from zsar_kit.faults import disk_fault
from zsar_kit.reprs import visible

if TYPE_CHECKING:
    from zsar_kit.experiments.pipeline.workspace import Workspace
    from zsar_kit.experiments.studies.engines import Engine

app = tyro.extras.SubcommandApp()
DEFAULT_WORKSPACE = Path("workspace")
#: exit code of a batch some of whose runs failed
SOME_FAILED = 4


def say(text: str) -> None:
    """Print a command's answer to standard output; a reader that has seen enough (``zsar ... | head``) is no error.

    Raises:
        ArtefactError: standard output goes to a file that cannot be written.
    """
    try:
        sys.stdout.write(visible(text).rstrip("\n") + "\n")
        sys.stdout.flush()
    except OSError as error:
        _write_no_more()
        if not isinstance(error, BrokenPipeError):
            raise disk_fault(error, "standard output") from None


def reader_has_left() -> bool:
    """Whether nobody reads standard output any more; what is written to it from then on goes nowhere."""
    try:
        sys.stdout.write("\n")  # what broke the pipe need not be in the buffer still
        sys.stdout.flush()
    except BrokenPipeError:
        _write_no_more()
        return True
    return False


def _write_no_more() -> None:
    with suppress(OSError, ValueError):  # otherwise Python complains again when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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

    workspace: Path = DEFAULT_WORKSPACE
    """folder of all computed results; by default, a command on runs takes the one that they lie in"""
    device: str = "auto"
    """'auto', 'cpu', or a torch device such as cuda:0"""
    quiet: bool = False
    """show no progress bars"""

    def open(self) -> Workspace:
        """The workspace."""
        from zsar_kit.experiments.pipeline.workspace import Workspace

        refuse_several_processes()
        return Workspace(self.workspace, self.device, not self.quiet)

    def open_for(self, *runs: Path) -> Workspace:
        """The workspace that is named; where none is, the one that the runs lie in."""
        holders = {run.absolute().parent.parent for run in runs if run.absolute().parent.name == "runs"}
        if self.workspace == DEFAULT_WORKSPACE and len(holders) == 1:
            return replace(self, workspace=holders.pop()).open()
        return self.open()


@dataclass(frozen=True)
class EngineOptions:
    """Where the runs of a batch are carried out; finished ones are not repeated."""

    engine: Literal["serial", "processes", "ray"] = "processes"
    """in this process, in several of this machine, or on a Ray cluster"""
    processes: int = 0
    """how many processes; 0 is one a core, as far as memory allows"""
    threads: int = 1
    """threads of each run; their number changes the last bits of a result"""
    address: str = ""
    """of a running Ray cluster, HOST:PORT; without it a cluster is started on this machine"""
    gpus: float = 0.0
    """share of a GPU that Ray reserves for each run"""

    def open(self) -> Engine:
        """The engine."""
        from zsar_kit.experiments.studies.engines import Engine

        return Engine(self.engine, self.processes, self.threads, self.address, self.gpus)


Common = Annotated[CommonOptions, OmitArgPrefixes]
Batch = Annotated[EngineOptions, OmitArgPrefixes]
Dataset = Annotated[Positional[str], arg(metavar="DATASET")]
Split = Annotated[Positional[str], arg(metavar="SPLIT")]
