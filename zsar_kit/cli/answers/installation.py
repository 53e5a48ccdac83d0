"""The answer of ``zsar doctor``."""

from __future__ import annotations

from pathlib import Path

from zsar_kit.errors import MissingModelError
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.run import environment
from zsar_kit.methods.registry import method_names
from zsar_kit.semantics.offline import install_offline_model, offline_model_folder


def check_installation(device: str, install_lm: bool) -> tuple[str, bool]:
    """What is installed, and whether it is sufficient."""
    if install_lm:
        install_offline_model()
    lines = [f"{k}: {v}" for k, v in environment(Workspace(Path(), device, progress=False)).items()]
    lines.append(f"methods: {', '.join(method_names())}")
    try:
        offline_model_folder()
        lines.append("offline language model: installed and verified")
        healthy = True
    except MissingModelError as error:
        lines.append(f"offline language model: {error}")
        healthy = False
    return "\n".join(lines), healthy
