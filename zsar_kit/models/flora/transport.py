"""The flow between one class text and some skeletons, seen along the path (Flora, section 5.4, Fig. 5).

Scoring needs the velocity at one time only. Here it is computed at several, together with where on the path it was
computed, so that predicted and target velocities can be compared and drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zsar_kit.errors import ConfigError, DataError
from zsar_kit.models.flora.path import StraightPath
from zsar_kit.models.flora.velocity import VelocityField
from zsar_kit.reprs import ShownByShape


@dataclass(frozen=True, eq=False)
class Transport(ShownByShape):
    """The paths of some skeletons under one class text.

    Attributes:
        times: the times t in [0, 1].
        z_0: source tokens (Eq. 5).
        z_1: target tokens.
        z_t: positions at the times.
        predicted: the velocity ``v_theta(z_t, t)``.
        target: the velocity ``v*`` (Eq. 6), the same at each time.
    """

    times: Float[Tensor, " time"]
    z_0: Float[Tensor, "sample token latent"]
    z_1: Float[Tensor, "sample token latent"]
    z_t: Float[Tensor, "time sample token latent"]
    predicted: Float[Tensor, "time sample token latent"]
    target: Float[Tensor, "sample token latent"]

    def errors(self) -> Float[Tensor, "time sample"]:
        """``|v_theta(z_t, t) - v*|``, the norm over tokens and features (Eq. 14), at each time."""
        return (self.predicted - self.target).flatten(2).norm(dim=2)


@torch.no_grad()
def transport(
    model: VelocityField,
    z_s: Float[Tensor, "sample latent"],
    z_a: Float[Tensor, "token latent"],
    mask: Bool[Tensor, " token"],
    times: Float[Tensor, " time"],
    *,
    path: StraightPath | None = None,
    condition: Float[Tensor, " condition"] | None = None,
) -> Transport:
    """Positions and velocities of some skeletons under one class text, at several times; nothing is drawn at random.

    Args:
        model: the velocity field; put it in ``eval()`` if it has modes.
        z_s: latent mean of each skeleton, the same at each token.
        z_a: latent means of the text's tokens.
        mask: True at real tokens; the result holds these alone.
        times: times in [0, 1].
        path: the path on which the flow was trained; the paper's by default.
        condition: the class's condition, for a conditioned network.

    Raises:
        ConfigError: there is no time, or one is outside [0, 1].
        DataError: the text has no token, or there is no skeleton.
    """
    path = path or StraightPath()
    if not len(times) or not bool(((times >= 0) & (times <= 1)).all()):
        raise ConfigError(f"times must be in [0, 1], got {times.tolist()}", where="times")
    text = z_a[mask]
    if not len(text) or not len(z_s):
        raise DataError(f"a path needs a text token and a skeleton, got {len(text)} and {len(z_s)}", where="transport")
    samples, tokens = len(z_s), len(text)
    pairs = path.endpoints(z_s[:, None].expand(-1, tokens, -1), text.expand(samples, -1, -1))
    z_0, z_1 = (z.contiguous() for z in pairs)
    given = None if condition is None else condition.expand(samples, -1)
    z_t, predicted = [], []
    for t in times:
        at = t.expand(samples).to(z_0.dtype)
        z_t.append(path.interpolate(z_0, z_1, at))
        predicted.append(model(z_t[-1], at, None, given))
    return Transport(times, z_0, z_1, torch.stack(z_t), torch.stack(predicted), path.velocity(z_0, z_1))


@torch.no_grad()
def shifted_velocities(
    model: VelocityField,
    z_t: Float[Tensor, "token latent"],
    shifts: Float[Tensor, "place latent"],
    t: float,
    *,
    condition: Float[Tensor, " condition"] | None = None,
) -> Float[Tensor, "place latent"]:
    """The velocity at other places than the path's: all tokens of one z_t shifted alike, their mean velocity returned.

    Such places are off the data on which the field was trained: what it says there is extrapolation.

    Args:
        model: the velocity field.
        z_t: real tokens at time t.
        shifts: what is added to each token, one row per place.
        t: the time in [0, 1].
        condition: the class's condition, for a conditioned network.
    """
    z = z_t[None] + shifts[:, None]
    at = torch.full((len(shifts),), t, dtype=z.dtype, device=z.device)
    given = None if condition is None else condition.expand(len(shifts), -1)
    return model(z, at, None, given).mean(1)
