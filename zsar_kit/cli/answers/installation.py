"""The workspace that a command works in, and what `zsar doctor` says."""

from __future__ import annotations

from pathlib import Path

from zsar_kit.device import resolve_device
from zsar_kit.encoders.distributed import launched_processes
from zsar_kit.errors import ConfigError, MissingModelError
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.run import environment
from zsar_kit.semantics.offline import install_offline_model, offline_model_folder


def open_workspace(root: Path, device: str, *, progress: bool) -> Workspace:
    """The workspace at ``root`` on a device by name.

    Raises:
        ConfigError: ``torchrun`` started several processes, and this command is not ``features``.
    """
    if launched_processes() > 1:
        raise ConfigError(
            "of all commands only `features` shares its work among processes",
            where="torchrun",
            remedy="Make the features with torchrun, then run this command alone.",
        )
    return Workspace(root, resolve_device(device), progress)


def check_installation(device: str, install_lm: bool) -> tuple[str, bool]:
    """What is installed, and whether it is enough."""
    if install_lm:
        install_offline_model()
    lines = [f"{k}: {v}" for k, v in environment(open_workspace(Path(), device, progress=False)).items()]
    try:
        offline_model_folder()
        lines.append("offline language model: installed and verified")
        healthy = True
    except MissingModelError as error:
        lines.append(f"offline language model: {error}")
        healthy = False
    return "\n".join(lines), healthy
