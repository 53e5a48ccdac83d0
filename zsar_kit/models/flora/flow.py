"""Noise-free contrastive flow from latent texts to skeletons, and its errors (Flora, Eq. 5-6, 12-14).

The flow runs from the text's latent tokens z_0 to the skeleton's z_1 on straight lines. A class is recognised
by how well the network foretells the velocity that would lead from its text to the sample.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from zsar_kit.errors import ConfigError, DataError
from zsar_kit.models.flora.dit import SumWeights
from zsar_kit.models.flora.velocity import VelocityField

DIRECTIONS = ("text_to_skeleton", "skeleton_to_text")
ERROR_KINDS = ("per_token", "mean_square", "total")
TIME_KINDS = ("logit_normal", "uniform")
SIGMA_MIN = 1e-5


def endpoints(z_s: Tensor, z_a: Tensor, direction: str) -> tuple[Tensor, Tensor]:
    """Source z_0 and target z_1 of the flow (Flora, Table 15; the paper flows from text to skeleton).

    Raises:
        ConfigError: the direction is unknown.
    """
    if direction not in DIRECTIONS:
        raise ConfigError(
            f"direction must be one of {DIRECTIONS}, got {direction!r}",
            where="direction",
        )
    return (z_a, z_s) if direction == "text_to_skeleton" else (z_s, z_a)


def interpolate(
    z_0: Float[Tensor, "#batch #token dim"],
    z_1: Float[Tensor, "#batch #token dim"],
    t: Float[Tensor, "#batch"],
    sigma_min: float = SIGMA_MIN,
) -> Float[Tensor, "batch token dim"]:
    """``z_t = [1 - (1 - sigma_min) t] z_0 + t z_1`` (Flora, Eq. 5); batch and token axes broadcast.

    Args:
        z_0: source tokens.
        z_1: target tokens.
        t: time of each sample in [0, 1].
        sigma_min: what is left of the source at t = 1.
    """
    t = t[:, None, None]
    return (1 - (1 - sigma_min) * t) * z_0 + t * z_1


def velocity(
    z_0: Float[Tensor, "#batch #token dim"],
    z_1: Float[Tensor, "#batch #token dim"],
    sigma_min: float = SIGMA_MIN,
) -> Float[Tensor, "batch token dim"]:
    """``v* = z_1 - (1 - sigma_min) z_0``, the same at each time (Flora, Eq. 6)."""
    return z_1 - (1 - sigma_min) * z_0


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
        batch: how many.
        generator: source of the draws.
        kind: ``logit_normal`` (the sigmoid of a standard normal; the paper's choice) or ``uniform``.
        device: where the times are needed; the generator's device by default.
        dtype: type of the times.

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
    """For each sample samples of other classes, uniformly among them (v-hat of Flora, Eq. 13).

    Sorted by label, each class is one run of positions. A jump of ``own run + u * rest`` from the start of
    the own run, around the end, lands on each other sample with equal chance: index arithmetic, no search.

    Args:
        labels: class of each sample.
        generator: source of the draws.
        pairs: how many for each sample, drawn one independently of the other.

    Returns:
        Positions in the batch, or None where the batch has a single class and there is nothing to contrast
        with.
    """
    n = len(labels)
    classes, inverse, counts = labels.unique(return_inverse=True, return_counts=True)
    if len(classes) < 2:
        return None
    order = inverse.argsort(stable=True)
    own = counts[inverse]
    start = (counts.cumsum(0) - counts)[inverse]
    u = torch.rand(pairs, n, generator=generator, device=generator.device, dtype=torch.float64).to(labels.device)
    # u is below 1, but the product may round up to the whole rest.
    jump = torch.minimum((u * (n - own)).long(), n - own - 1)
    return order[(start + own + jump) % n]


def flow_loss(
    model: VelocityField,
    z_0: Float[Tensor, "batch token dim"],
    z_1: Float[Tensor, "batch token dim"],
    mask: Bool[Tensor, "batch token"],
    t: Float[Tensor, " batch"],
    *,
    contrast: Int[Tensor, "pairs batch"] | None = None,
    lambda_flow: float = 0.1,
    condition: Float[Tensor, "batch condition"] | None = None,
    sigma_min: float = SIGMA_MIN,
) -> dict[str, Tensor]:
    """The terms of L_ConFlow (Flora, Eq. 12-13); their sum is the objective.

    Args:
        model: the velocity field.
        z_0: source tokens.
        z_1: target tokens.
        mask: True at real tokens.
        t: time of each sample.
        contrast: for each sample the positions of some of other classes, from :func:`contrast_indices`, whose
            mean is the contrast; None for none (Eq. 12, and batches of one class).
        lambda_flow: weight of the contrast, in [0, 1); at 1 and above the objective has no lower bound.
        condition: what a conditioned network is conditioned on.
        sigma_min: see :func:`interpolate`.

    Returns:
        ``flow``, the mean square error over real tokens and features, and ``contrast``, which carries
        ``-lambda_flow``, is at most zero, and is zero where ``contrast`` is None.

    Raises:
        ConfigError: lambda_flow is outside [0, 1).

    Note:
        Texts differ in length, and the other pair's velocity exists only where its text has a token. The
        contrast runs over tokens real in both pairs, but is divided by the number of the sample's own real
        tokens, so that each token keeps a net weight of at least 1 - lambda_flow and the objective stays
        bounded.
    """
    check_lambda_flow(lambda_flow)
    v_star = velocity(z_0, z_1, sigma_min)
    v = model(interpolate(z_0, z_1, t, sigma_min), t, mask, condition)
    count = mask.sum() * z_0.shape[-1]
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


@torch.no_grad()
def velocity_errors(
    model: VelocityField,
    z_s: Float[Tensor, "batch latent"] | Float[Tensor, "batch token latent"],
    z_a: Float[Tensor, "class token latent"],
    mask: Bool[Tensor, "class token"],
    t: float = 0.5,
    *,
    budget_bytes: int = 128 * 2**20,
    direction: str = "text_to_skeleton",
    error: str = "per_token",
    condition: Float[Tensor, "class condition"] | None = None,
    source_noise: Float[Tensor, "token latent"] | None = None,
    sigma_min: float = SIGMA_MIN,
) -> Float[Tensor, "batch class"]:
    """Velocity error of each sample under each class text (epsilon_y of Flora, Eq. 14); the least wins.

    Classes of similar length are scored together, cut to the longest of them; samples and classes are crossed
    in as few calls as the budget allows. The result does not depend on the budget, but for rounding.

    Args:
        model: the velocity field; put it in ``eval()`` if it has modes.
        z_s: latent of each sample, the same at each token (its mean), or one a token.
        z_a: latent tokens of each class text.
        mask: True at real tokens of the texts.
        t: time at which the field is asked, in [0, 1].
        budget_bytes: memory that one call may take, estimated; a single pair is scored even if it takes more.
        direction: direction in which the flow was trained.
        error: ``per_token``: root of the mean over real tokens of the squared norm, so that a short text does
            not win by having fewer terms; ``mean_square``: mean square over real tokens and features;
            ``total``: the plain norm over all real tokens, as Eq. 14 reads. A ratio gate's gamma depends on
            the kind.
        condition: what a conditioned network is conditioned on, for each class.
        source_noise: added to the source of every pair (Table 4's noise-injected source): one draw for all,
            so that classes are compared alike.
        sigma_min: see :func:`interpolate`.

    Returns:
        Errors, at least 0, smaller is better.

    Raises:
        ConfigError: t is outside [0, 1], or budget, direction or error kind are not valid.
        DataError: a class has no text token.
    """
    if not 0 <= t <= 1:
        raise ConfigError(f"t must be in [0, 1], got {t}", where="t")
    if error not in ERROR_KINDS:
        raise ConfigError(f"error must be one of {ERROR_KINDS}, got {error!r}", where="error")
    if budget_bytes < 1:
        raise ConfigError(f"budget_bytes must be positive, got {budget_bytes}", where="budget_bytes")
    z_s = z_s[:, None] if z_s.ndim == 2 else z_s
    lengths = _lengths(mask)
    squared = z_a.new_empty(len(z_s), len(z_a))
    time = torch.full((1,), t, device=z_a.device, dtype=z_a.dtype)
    prepared = model.prepare(time)
    for classes in _length_groups(lengths, len(z_s)):
        bytes_a_pair = model.activation_floats(lengths[classes[-1]]) * z_a.element_size()
        pairs = max(1, budget_bytes // bytes_a_pair)
        # Samples first: what a network does once for a text then serves as many of them as possible.
        rows = min(len(z_s), pairs)
        for start in range(0, len(classes), max(1, pairs // rows)):
            chunk = classes[start : start + max(1, pairs // rows)]
            longest = lengths[chunk[-1]]
            given = None if condition is None else condition[chunk]
            noise = None if source_noise is None else source_noise[:longest]
            text, keep = z_a[chunk, :longest], mask[chunk, :longest]
            block = [
                _pair_errors(model, part, text, keep, time, prepared, direction, given, noise, sigma_min)
                for part in z_s[:, :longest].split(rows)
            ]
            squared[:, chunk] = torch.cat(block).to(squared.dtype)
    if error == "total":
        return squared.sqrt()
    real_tokens = mask.sum(dim=-1).to(squared.dtype)
    return (squared / real_tokens).sqrt() if error == "per_token" else squared / (real_tokens * z_a.shape[-1])


def _pair_errors(
    model: VelocityField,
    z_s: Float[Tensor, "rows place latent"],
    z_a: Float[Tensor, "columns token latent"],
    mask: Bool[Tensor, "columns token"],
    t: Float[Tensor, " one"],
    prepared: SumWeights | None,
    direction: str,
    condition: Float[Tensor, "columns condition"] | None,
    source_noise: Float[Tensor, "token latent"] | None,
    sigma_min: float,
) -> Float[Tensor, "rows columns"]:
    """Squared velocity errors of all pairs in one call, summed over real tokens and features."""
    z_0, z_1 = endpoints(z_s, z_a, direction)
    if source_noise is not None:
        z_0 = z_0 + source_noise
    # z_t and v* are sums of a text's share and a sample's share, so pairs meet inside the network only.
    at_0, at_1 = 1 - (1 - sigma_min) * t, t
    of_a, of_s = (z_0, z_1) if direction == "text_to_skeleton" else (z_1, z_0)
    w_a, w_s = (at_0, at_1) if direction == "text_to_skeleton" else (at_1, at_0)
    v = model.at_sums(w_a * of_a, w_s * of_s, t, mask, condition, prepared)
    v_a, v_s = (-(1 - sigma_min) * of_a, of_s) if direction == "text_to_skeleton" else (of_a, -(1 - sigma_min) * of_s)
    squared = (v - v_a[None] - v_s[:, None]).square().sum(dim=-1)
    return squared.masked_fill(~mask, 0.0).sum(dim=-1)


def _squared(
    difference: Float[Tensor, "batch token dim"], mask: Bool[Tensor, "batch token"]
) -> Float[Tensor, "batch token"]:
    """Squared norm of each real token; zero at padding, whatever stands there."""
    return difference.square().sum(dim=-1).masked_fill(~mask, 0.0)


def _lengths(mask: Bool[Tensor, "class token"]) -> list[int]:
    """Tokens of each class up to its last real one."""
    places = torch.arange(1, mask.shape[1] + 1, device=mask.device)
    lengths = [int(n) for n in (mask * places).amax(dim=-1).tolist()]
    if 0 in lengths:
        raise DataError(
            "each class needs at least one text token, but those at "
            f"{[i for i, n in enumerate(lengths) if n == 0]} have none",
            where="mask",
            remedy="Give these classes a text.",
        )
    return lengths


def _length_groups(lengths: list[int], batch: int) -> Iterator[list[int]]:
    """Classes by length, shortest first, grouped so that padding stays small."""
    group: list[int] = []
    held = 0
    for index in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        padded = lengths[index] * (len(group) + 1)
        waste = padded - held - lengths[index]
        # A tenth of padding is accepted; so are two thousand padded tokens, about what one more call costs.
        if group and waste * batch > max(2048, 0.1 * padded * batch):
            yield group
            group, held = [], 0
        group.append(index)
        held += lengths[index]
    if group:
        yield group
