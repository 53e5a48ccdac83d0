"""Training Flora's flow: times, pairs of other classes, and the contrastive loss (section 4.3, Eq. 12-13)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from zsar_kit.errors import ConfigError
from zsar_kit.models.flora.path import StraightPath
from zsar_kit.models.flora.velocity import VelocityField
from zsar_kit.reprs import ShownByShape

TIME_KINDS = ("logit_normal", "uniform")


@dataclass(frozen=True, eq=False)
class FlowBatch(ShownByShape):
    """A training batch of the velocity field: pairs of a source and a target, each at a time.

    Attributes:
        z_0: source tokens.
        z_1: target tokens.
        mask: True at real tokens.
        t: time of each pair in [0, 1].
        condition: input of a conditioned network; None for a condition-free one.
    """

    z_0: Float[Tensor, "batch token dim"]
    z_1: Float[Tensor, "batch token dim"]
    mask: Bool[Tensor, "batch token"]
    t: Float[Tensor, " batch"]
    condition: Float[Tensor, "batch condition"] | None = None


def sample_times(
    batch: int,
    generator: torch.Generator,
    kind: str = "logit_normal",
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, " batch"]:
    """Training times in [0, 1], mean one half (Flora, Table 13).

    Args:
        batch: number of times.
        generator: source of the random draws.
        kind: ``logit_normal`` (the sigmoid of a standard normal; the paper's choice) or ``uniform``.
        device: device of the result; the generator's device by default.
        dtype: type of the result.

    Raises:
        ConfigError: the kind is unknown.
    """
    if kind == "logit_normal":
        t = torch.randn(batch, generator=generator, device=generator.device, dtype=dtype).sigmoid()
    elif kind == "uniform":
        t = torch.rand(batch, generator=generator, device=generator.device, dtype=dtype)
    else:
        raise ConfigError(f"kind must be one of {TIME_KINDS}, got {kind!r}", where="kind")
    return t if device is None else t.to(device)


def contrast_indices(
    labels: Int[Tensor, " batch"], generator: torch.Generator, pairs: int = 1
) -> Int[Tensor, "pairs batch"] | None:
    """Draw samples of other classes for each sample, uniformly (v-hat of Flora, Eq. 13).

    Sorted by label, each class is one run of positions. A jump of ``own run + u * rest`` from the start of the own run,
    modulo the batch size, reaches every other sample with equal probability, without any search.

    Args:
        labels: class of each sample.
        generator: source of the random draws.
        pairs: number of draws per sample, independent of each other.

    Returns:
        Positions in the batch, or None if the batch has a single class.
    """
    n = len(labels)
    classes, inverse, counts = labels.unique(return_inverse=True, return_counts=True)
    if len(classes) < 2:
        return None
    order = inverse.argsort(stable=True)
    own = counts[inverse]
    start = (counts.cumsum(0) - counts)[inverse]
    u = torch.rand(pairs, n, generator=generator, device=generator.device, dtype=torch.float64).to(labels.device)
    # u is below 1, but the product may round up to n - own.
    jump = torch.minimum((u * (n - own)).long(), n - own - 1)
    return order[(start + own + jump) % n]


def flow_loss(
    model: VelocityField,
    batch: FlowBatch,
    *,
    contrast: Int[Tensor, "pairs batch"] | None = None,
    lambda_flow: float = 0.1,
    path: StraightPath | None = None,
) -> dict[str, Tensor]:
    """The terms of L_ConFlow (Flora, Eq. 12-13); their sum is the objective.

    Args:
        model: the velocity field.
        batch: pairs at their times.
        contrast: positions of samples of other classes for each sample, from :func:`contrast_indices`; the contrast
            is averaged over them. None for no contrast (Eq. 12, and batches of one class).
        lambda_flow: weight of the contrast, in [0, 1); at 1 and above the objective has no lower bound.
        path: path between source and target; the paper's by default.

    Returns:
        ``flow``, the mean square error over real tokens and features, and ``contrast``, multiplied by
        ``-lambda_flow`` and therefore at most zero; it is zero if the argument ``contrast`` is None.

    Raises:
        ConfigError: lambda_flow is outside [0, 1).

    Note:
        Texts differ in length, and the other pair's velocity exists only where its text has a token. The contrast
        is summed over tokens that are real in both pairs, but divided, like the first term, by the number of all real
        tokens of the batch, so that each token keeps a net weight of at least 1 - lambda_flow and the objective stays
        bounded.
    """
    check_lambda_flow(lambda_flow)
    path, mask = path or StraightPath(), batch.mask
    v_star = path.velocity(batch.z_0, batch.z_1)
    v = model(path.interpolate(batch.z_0, batch.z_1, batch.t), batch.t, mask, batch.condition)
    count = mask.sum() * batch.z_0.shape[-1]
    flow = _squared(v - v_star, mask).sum() / count
    if contrast is None or lambda_flow == 0:
        return {"flow": flow, "contrast": torch.zeros_like(flow)}
    others = [_squared(v - v_star[other], mask & mask[other]).sum() for other in contrast]
    return {"flow": flow, "contrast": -lambda_flow * torch.stack(others).mean() / count}


def check_lambda_flow(lambda_flow: float) -> None:
    """Refuse a contrastive weight outside [0, 1).

    Raises:
        ConfigError: lambda_flow is outside [0, 1).
    """
    if not 0 <= lambda_flow < 1:
        raise ConfigError(
            f"lambda_flow must be in [0, 1), got {lambda_flow}: from 1 on Eq. 13 has no lower bound",
            where="lambda_flow",
            remedy="The paper uses 0.1.",
        )


def _squared(
    difference: Float[Tensor, "batch token dim"], mask: Bool[Tensor, "batch token"]
) -> Float[Tensor, "batch token"]:
    """Squared norm of each real token; zero at padding, whatever its values."""
    return difference.square().sum(dim=-1).masked_fill(~mask, 0.0)
