"""Recognition with Flora's flow: the velocity error of every sample under every class text (section 4.4, Eq. 14).

The score of a class is how well the network predicts the velocity that leads from its text to the sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zsar_kit.errors import ConfigError, DataError
from zsar_kit.models.flora.dit import SumWeights
from zsar_kit.models.flora.path import PairSums, StraightPath
from zsar_kit.models.flora.velocity import VelocityField

ERROR_KINDS = ("per_token", "mean_square", "total")


@dataclass(frozen=True)
class ScoringOptions:
    """How velocity errors are computed.

    Attributes:
        t: time at which the velocity field is evaluated, in [0, 1].
        error: ``total``: the norm over all real tokens, as in Eq. 14; ``per_token``: root of the mean squared norm over
            real tokens, so that a short text has no advantage from fewer terms; ``mean_square``: mean square over
            real tokens and features. The gamma of a ratio gate depends on this choice: a ratio of mean squares is the
            square of a ratio of norms over texts of one length.
        budget_bytes: estimated memory that one call may use; a single pair is scored even if it needs more.

    Raises:
        ConfigError: t is outside [0, 1], the error kind is unknown, or the budget is not positive.
    """

    t: float = 0.5
    error: str = "total"
    budget_bytes: int = 128 * 2**20

    def __post_init__(self) -> None:
        if not 0 <= self.t <= 1:
            raise ConfigError(f"t must be in [0, 1], got {self.t}", where="t")
        if self.error not in ERROR_KINDS:
            raise ConfigError(f"error must be one of {ERROR_KINDS}, got {self.error!r}", where="error")
        if self.budget_bytes < 1:
            raise ConfigError(f"budget_bytes must be positive, got {self.budget_bytes}", where="budget_bytes")


@torch.no_grad()
def velocity_errors(
    model: VelocityField,
    z_s: Float[Tensor, "batch latent"] | Float[Tensor, "batch token latent"],
    z_a: Float[Tensor, "class token latent"],
    mask: Bool[Tensor, "class token"],
    options: ScoringOptions | None = None,
    *,
    path: StraightPath | None = None,
    condition: Float[Tensor, "class condition"] | None = None,
    source_noise: Float[Tensor, "token latent"] | None = None,
) -> Float[Tensor, "batch class"]:
    """Velocity error of each sample under each class text (epsilon_y of Flora, Eq. 14); the smallest wins.

    Classes of similar length are scored together, truncated to the longest of them, in as few calls as the budget
    allows. The result does not depend on the budget, up to rounding.

    Args:
        model: the velocity field; put it in ``eval()`` if it has modes.
        z_s: latent of each sample, the same at each token (its mean), or one per token.
        z_a: latent tokens of each class text.
        mask: True at real tokens of the texts.
        options: time, kind of error and memory; the defaults of :class:`ScoringOptions` if None.
        path: the path on which the flow was trained; the paper's by default.
        condition: input of a conditioned network, for each class.
        source_noise: added to the source of every pair (Table 4's noise-injected source); the same for all pairs,
            so that classes are comparable.

    Returns:
        Errors, at least 0, smaller is better.

    Raises:
        DataError: a class has no text token.
    """
    options, path = options or ScoringOptions(), path or StraightPath()
    z_s = z_s[:, None] if z_s.ndim == 2 else z_s
    lengths = _lengths(mask)
    squared = z_a.new_empty(len(z_s), len(z_a))
    time = torch.full((1,), options.t, device=z_a.device, dtype=z_a.dtype)
    prepared = model.prepare(time)
    for classes in _length_groups(lengths, len(z_s)):
        bytes_a_pair = model.activation_floats(lengths[classes[-1]]) * z_a.element_size()
        pairs = max(1, options.budget_bytes // bytes_a_pair)
        # Fill calls with samples first: work done once per text then serves as many samples as possible.
        rows = min(len(z_s), pairs)
        for start in range(0, len(classes), max(1, pairs // rows)):
            chunk = classes[start : start + max(1, pairs // rows)]
            longest = lengths[chunk[-1]]
            given = None if condition is None else condition[chunk]
            noise = None if source_noise is None else source_noise[:longest]
            text, keep = z_a[chunk, :longest], mask[chunk, :longest]
            block = [
                _pair_errors(model, path.pair_sums(part, text, time, noise), keep, time, prepared, given)
                for part in z_s[:, :longest].split(rows)
            ]
            squared[:, chunk] = torch.cat(block).to(squared.dtype)
    if options.error == "total":
        return squared.sqrt()
    real_tokens = mask.sum(dim=-1).to(squared.dtype)
    return (squared / real_tokens).sqrt() if options.error == "per_token" else squared / (real_tokens * z_a.shape[-1])


def _pair_errors(
    model: VelocityField,
    pairs: PairSums,
    mask: Bool[Tensor, "columns token"],
    t: Float[Tensor, " one"],
    prepared: SumWeights | None,
    condition: Float[Tensor, "columns condition"] | None,
) -> Float[Tensor, "rows columns"]:
    """Squared velocity errors of all pairs in one call, summed over real tokens and features."""
    v = model.at_sums(pairs.z_of_text, pairs.z_of_skeleton, t, mask, condition, prepared)
    squared = (v - pairs.v_of_text[None] - pairs.v_of_skeleton[:, None]).square().sum(dim=-1)
    return squared.masked_fill(~mask, 0.0).sum(dim=-1)


def _lengths(mask: Bool[Tensor, "class token"]) -> list[int]:
    """Number of tokens of each class up to its last real one."""
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
        # Up to a tenth of padding is accepted, and up to 2048 padded tokens, about the cost of one more call.
        if group and waste * batch > max(2048, 0.1 * padded * batch):
            yield group
            group, held = [], 0
        group.append(index)
        held += lengths[index]
    if group:
        yield group
