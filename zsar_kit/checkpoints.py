"""Checkpoints: safetensors for tensors, JSON for the rest, no pickle; resumed and uninterrupted runs are equal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from zsar_kit.artefacts import write_atomic
from zsar_kit.errors import ArtefactError

if TYPE_CHECKING:
    import torch


def save_tensors(path: str | Path, tensors: dict[str, torch.Tensor], meta: dict[str, Any] | None = None) -> None:
    """Write tensors and a JSON-ready record to one safetensors file, atomically."""
    from safetensors.torch import save

    flat = {k: v.detach().to("cpu").contiguous().clone() for k, v in tensors.items()}
    write_atomic(path, save(flat, metadata={"meta": json.dumps(meta or {}, sort_keys=True)}))


def load_tensors(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read a file of :func:`save_tensors` to the CPU.

    Raises:
        ArtefactError: the file is absent, truncated, or not safetensors.
    """
    path = Path(path)
    if not path.is_file():
        raise ArtefactError("file not found", where=path)
    try:
        with safe_open(path, framework="pt", device="cpu") as stream:
            meta = json.loads((stream.metadata() or {}).get("meta", "{}"))
            return {k: stream.get_tensor(k) for k in stream.keys()}, meta  # noqa: SIM118 (not a dict)
    except (SafetensorError, json.JSONDecodeError) as error:
        raise ArtefactError(f"not a readable safetensors file: {error}", where=path) from None


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The state of an optimiser: named tensors, and everything else as a JSON-ready record."""
    import torch

    state = optimizer.state_dict()
    tensors: dict[str, torch.Tensor] = {}
    scalars: dict[str, dict[str, Any]] = {}
    for index, slots in state["state"].items():
        for name, value in slots.items():
            if isinstance(value, torch.Tensor):
                tensors[f"optimizer.{index}.{name}"] = value
            else:
                scalars.setdefault(str(index), {})[name] = value
    return tensors, {"scalars": scalars, "param_groups": state["param_groups"]}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor], rest: dict[str, Any]) -> None:
    """Restore the state that :func:`optimizer_tensors` returned."""
    state: dict[int, dict[str, Any]] = {int(i): dict(s) for i, s in rest["scalars"].items()}
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, index, name = key.split(".", 2)
            state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": rest["param_groups"]})


def load_module(module: torch.nn.Module, tensors: dict[str, torch.Tensor], *, where: str | Path) -> None:
    """Load a state dictionary strictly.

    Raises:
        ArtefactError: names or shapes differ from the module's.
    """
    try:
        module.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        detail = " ".join(str(error).split())  # torch writes several lines
        raise ArtefactError(f"the checkpoint does not fit the model: {detail}", where=where) from None
