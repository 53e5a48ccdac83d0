"""Progressive partial masking of the context slots (SkeletonContext, section 3.3.2).

A prompt has a few slots (environment, used object, target object). Few of them are masked early in training, all at the
end. This module only decides which. The language model's hidden states do not depend on the skeleton, so those of all
``2^S`` masked prompts of a text are computed once and looked up by :func:`slot_pattern`.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from zsar_kit.errors import ConfigError

MAX_SLOTS = 16
"""More slots would need a table of more than 2^16 hidden states per text."""


def masking_ratio(step: int, total: int) -> float:
    """``r_t = min(1, t / T)``, the share of slots to mask at step t (SkeletonContext, section 3.3.2).

    Args:
        step: the step t, from 0.
        total: the step T from which on all slots are masked.

    Returns:
        A ratio in [0, 1] that never decreases during training.

    Raises:
        ConfigError: step is negative or total is not positive.
    """
    if step < 0 or total < 1:
        raise ConfigError(
            f"masking needs a step of at least 0 and a total of at least 1, got step={step}, total={total}",
            where="masking_ratio",
            remedy="To mask all slots from the start, use a ratio of 1.",
        )
    return min(1.0, step / total)


def masked_slots(batch: int, slots: int, ratio: float, generator: torch.Generator) -> Bool[Tensor, "{batch} {slots}"]:
    """Draw the slots to mask in each sample: ``max(1, ceil(ratio * slots))`` of them, uniformly at random.

    Args:
        batch: number of samples, drawn independently.
        slots: number S of slots.
        ratio: share of slots to mask, in [0, 1].
        generator: source of the draw; the result is on its device. It advances by the same amount for any ratio.

    Returns:
        True where a slot is masked; the same number of slots in each sample.

    Raises:
        ConfigError: the ratio is outside [0, 1], or a size is out of range.

    Note:
        The paper does not specify the rounding. Rounding up spends an equal share of the ramp on one, two, ... S slots.
        So does the released code (``floor(ratio * slots) + 1``), which differs exactly at the thresholds and masks the
        same slots in all samples of a batch. At least one slot is masked, since otherwise there would be nothing to
        reconstruct.
    """
    _check_slots(slots)
    if batch < 0:
        raise ConfigError(f"batch must be at least 0, got {batch}", where="batch")
    if not 0 <= ratio <= 1:
        raise ConfigError(
            f"the masking ratio must be in [0, 1], got {ratio}",
            where="ratio",
            remedy="Compute it with masking_ratio(step, total).",
        )
    # The tolerance keeps rounding errors of a ratio such as 0.1 + 0.2 from masking one more slot.
    count = max(1, math.ceil(ratio * slots - 1e-9))
    order = torch.rand(batch, slots, generator=generator, device=generator.device).argsort(dim=-1)
    return order < count


def slot_pattern(mask: Bool[Tensor, "batch slot"]) -> Int[Tensor, " batch"]:
    """The number of each pattern of masked slots, ``sum_s mask[s] 2^s``, as an index into precomputed tables.

    Args:
        mask: True where a slot is masked.

    Returns:
        Numbers in ``0 .. 2^S - 1``: 0 if no slot is masked, ``2^S - 1`` if all are; the first slot is the lowest bit.

    Raises:
        ConfigError: there is no slot, or more than ``MAX_SLOTS``.
    """
    _check_slots(mask.shape[1])
    return (mask.long() << torch.arange(mask.shape[1], device=mask.device)).sum(dim=-1)


def _check_slots(slots: int) -> None:
    if not 1 <= slots <= MAX_SLOTS:
        raise ConfigError(
            f"a prompt needs between 1 and {MAX_SLOTS} slots, got {slots}",
            where="slots",
            remedy="The paper's prompt has 3: environment, used object and target object.",
        )
