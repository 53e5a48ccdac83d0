"""Several processes, one training: what ``torchrun`` starts shares each batch, and sums are over all processes.

The samples of a step are those of a single process, divided among the processes; norms take their statistics from the
whole batch and gradients are summed, so that the result is that of one process up to rounding. Without ``torchrun``
every function here is what it is for one process, at no cost.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

from zsar_kit.device import launched_processes
from zsar_kit.errors import ConfigError

#: while one process writes features the others wait; writing 16 GB of maps to a slow disk may take an hour
PATIENCE = timedelta(hours=12)


def world_size() -> int:
    """Processes that share the work."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this process, 0 for the one that writes."""
    return dist.get_rank() if world_size() > 1 else 0


def is_main() -> bool:
    """Whether this process is the one that writes."""
    return rank() == 0


@contextmanager
def session(device: torch.device) -> Iterator[torch.device]:
    """Join the processes that ``torchrun`` started, for the duration of the block.

    Args:
        device: where the work is done; of an accelerator each process gets its own.

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
                f"process {local + 1} of this machine has no device of its own: there are {count}",
                where="torchrun",
                remedy=f"Start at most {count} (--nproc-per-node {count}), or say --device cpu.",
            )
        device = torch.device(device.type, local)
        torch.accelerator.set_device_index(local)
    dist.init_process_group(dist.get_default_backend_for_device(device), timeout=PATIENCE)
    try:
        yield device
    finally:
        dist.destroy_process_group()


def barrier() -> None:
    """Wait for the others."""
    if world_size() > 1:
        dist.barrier()


@contextmanager
def main_first() -> Iterator[None]:
    """The main process runs the block alone, then the others do: they find what it has made."""
    if not is_main():
        barrier()
    yield
    if is_main():
        barrier()


def share(count: int) -> range:
    """The consecutive positions, among ``count``, that are this process's; shares differ by one at most."""
    size, mine = world_size(), rank()
    return range(count * mine // size, count * (mine + 1) // size)


def sum_over_processes(value: Tensor) -> Tensor:
    """The sum of a tensor over all processes, without gradient; the same bits in each."""
    if world_size() == 1:
        return value
    total = value.detach().clone()
    dist.all_reduce(total)
    return total


class _DifferentiableSum(torch.autograd.Function):
    """What every process adds to the sum reaches the loss of every process."""

    @staticmethod
    def forward(ctx, value: Tensor) -> Tensor:
        return sum_over_processes(value)

    @staticmethod
    def backward(ctx, grad: Tensor):
        return sum_over_processes(grad)


def differentiable_sum(value: Tensor) -> Tensor:
    """As :func:`sum_over_processes`, and gradients flow back to each process's own part."""
    return _DifferentiableSum.apply(value) if world_size() > 1 else value


def sum_gradients(model: nn.Module) -> None:
    """Replace every gradient by the sum over the processes, in one exchange."""
    if world_size() == 1:
        return
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    total = sum_over_processes(torch.cat([g.flatten() for g in gradients]))
    for gradient, part in zip(gradients, total.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))
