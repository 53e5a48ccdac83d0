"""The only place that turns ``device="auto"`` into a device."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from zsar_kit.errors import ConfigError

if TYPE_CHECKING:
    import torch


def launched_processes() -> int:
    """Number of processes that ``torchrun`` started, this one included; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1


def resolve_device(name: str = "auto") -> torch.device:
    """The device of that name; for ``"auto"`` the accelerator that torch finds, or the CPU.

    Raises:
        ConfigError: torch does not know the name, or the device is not available.
    """
    import torch

    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if name == "auto":
        return accelerator or torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"unknown device {name!r}", remedy="Use 'auto', 'cpu', or e.g. 'cuda:0'.") from None
    if device.type != "cpu" and (accelerator is None or accelerator.type != device.type):
        raise ConfigError(f"the device {name!r} is not available on this machine", remedy="Use 'auto' or 'cpu'.")
    return device


def precision_of(device: torch.device, precision: str) -> torch.autocast:
    """Within the block, what allows it is computed in ``precision``: ``float32``, or ``bfloat16`` where torch can."""
    import torch

    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")


def has_room(device: torch.device, size: int) -> bool:
    """Whether ``size`` bytes may stay on an accelerator, which is half of what is free there; a CPU has them anyway."""
    import torch

    if device.type == "cpu" or not hasattr(torch.accelerator, "get_memory_info"):  # older releases of torch lack it
        return False
    free, _ = torch.accelerator.get_memory_info(device)
    return size <= free // 2


def synchronise(device: torch.device) -> None:
    """Wait until an accelerator has done what it was given, so that time can be measured; nothing on a CPU."""
    import torch

    if device.type != "cpu":
        torch.accelerator.synchronize(device)
