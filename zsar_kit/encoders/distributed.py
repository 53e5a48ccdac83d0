"""One training in several processes: those started by ``torchrun`` share each batch and sum over all processes.

The batch of a step is the same as in a single process, divided among the processes. Norms take their statistics from
the whole batch and gradients are summed, so that the result is that of one process up to rounding. Without
``torchrun`` the functions here do nothing, at no cost.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn

from zsar_kit.artefacts import made_once
from zsar_kit.device import launched_processes
from zsar_kit.errors import ConfigError

#: how long processes wait for each other: writing 16 GB of maps to a slow disk may take an hour
PATIENCE = timedelta(hours=12)


def world_size() -> int:
    """Number of processes that share the work."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Index of this process; process 0 writes files."""
    return dist.get_rank() if world_size() > 1 else 0


def is_main() -> bool:
    """Whether this process writes files."""
    return rank() == 0


@contextmanager
def session(device: torch.device) -> Iterator[torch.device]:
    """Join the processes that ``torchrun`` started for the duration of the block.

    Args:
        device: where the work is done; with accelerators, each process gets its own.

    Yields:
        This process's device.

    Raises:
        ConfigError: there are more processes on this machine than accelerators.
    """
    if launched_processes() == 1:
        yield device
        return
    if device.type != "cpu":
        local, count = int(os.environ["LOCAL_RANK"]), torch.accelerator.device_count()
        if local >= count:
            raise ConfigError(
                f"process {local + 1} of this machine has no device of its own: there are only {count}",
                where="torchrun",
                remedy=f"Start at most {count} (--nproc-per-node {count}), or use --device cpu.",
            )
        device = torch.device(device.type, local)
        torch.accelerator.set_device_index(local)
    dist.init_process_group(dist.get_default_backend_for_device(device), timeout=PATIENCE)
    try:
        yield device
    finally:
        dist.destroy_process_group()


def barrier() -> None:
    """Wait for the other processes."""
    if world_size() > 1:
        dist.barrier()


@contextmanager
def main_first() -> Iterator[None]:
    """Run the block in the main process first, then in the others, which find its results."""
    if not is_main():
        barrier()
    yield
    if is_main():
        barrier()


@contextmanager
def made_together(folder: str | Path) -> Iterator[None]:
    """The processes of one training make an artefact together, and those of another wait (:func:`made_once`)."""
    with made_once(folder) if is_main() else nullcontext():
        barrier()
        yield


def share(count: int) -> range:
    """The consecutive positions among ``count`` of this process; shares differ by at most one."""
    size, mine = world_size(), rank()
    return range(count * mine // size, count * (mine + 1) // size)


def sum_over_processes(value: Tensor) -> Tensor:
    """The sum of a tensor over all processes, without gradient; bitwise the same in each."""
    if world_size() == 1:
        return value
    total = value.detach().clone()
    dist.all_reduce(total)
    return total


class _DifferentiableSum(torch.autograd.Function):
    """A sum over processes whose gradient includes the losses of all processes."""

    @staticmethod
    def forward(ctx, value: Tensor) -> Tensor:
        return sum_over_processes(value)

    @staticmethod
    def backward(ctx, grad: Tensor):
        return sum_over_processes(grad)


def differentiable_sum(value: Tensor) -> Tensor:
    """Like :func:`sum_over_processes`, but gradients flow back to each process's own part."""
    return _DifferentiableSum.apply(value) if world_size() > 1 else value


def sum_gradients(model: nn.Module) -> None:
    """Replace every gradient by the sum over the processes, in one exchange."""
    if world_size() == 1:
        return
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    total = sum_over_processes(torch.cat([g.flatten() for g in gradients]))
    for gradient, part in zip(gradients, total.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))
