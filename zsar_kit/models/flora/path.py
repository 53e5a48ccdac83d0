"""The straight path of Flora's flow between text and skeleton latents (section 4.3, Eq. 5-6)."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from zsar_kit.errors import ConfigError
from zsar_kit.reprs import ShownByShape

DIRECTIONS = ("text_to_skeleton", "skeleton_to_text")
SIGMA_MIN = 1e-5


@dataclass(frozen=True, eq=False)
class PairSums(ShownByShape):
    """Position and velocity of all pairs of a text and a skeleton, each as a sum of a text term and a skeleton term.

    When every class is paired with every sample, the network can then work on the terms instead of the pairs.

    Attributes:
        z_of_text, z_of_skeleton: the two terms of z_t.
        v_of_text, v_of_skeleton: the two terms of the velocity v*.
    """

    z_of_text: Float[Tensor, "class token latent"]
    z_of_skeleton: Float[Tensor, "sample place latent"]
    v_of_text: Float[Tensor, "class token latent"]
    v_of_skeleton: Float[Tensor, "sample place latent"]


@dataclass(frozen=True)
class StraightPath:
    """``z_t = [1 - (1 - sigma_min) t] z_0 + t z_1`` from a source z_0 to a target z_1, with a constant velocity.

    Attributes:
        direction: which side is the source (Flora, Table 15; the paper flows from text to skeleton).
        sigma_min: share of the source that remains at t = 1, in [0, 1).

    Raises:
        ConfigError: the direction is unknown, or sigma_min is out of range.
    """

    direction: str = "text_to_skeleton"
    sigma_min: float = SIGMA_MIN

    def __post_init__(self) -> None:
        if self.direction not in DIRECTIONS:
            raise ConfigError(f"direction must be one of {DIRECTIONS}, got {self.direction!r}", where="direction")
        if not 0 <= self.sigma_min < 1:
            raise ConfigError(f"sigma_min must be in [0, 1), got {self.sigma_min}", where="sigma_min")

    def endpoints(self, z_s: Tensor, z_a: Tensor) -> tuple[Tensor, Tensor]:
        """Source z_0 and target z_1, given skeleton latents z_s and text latents z_a."""
        return (z_a, z_s) if self.direction == "text_to_skeleton" else (z_s, z_a)

    def interpolate(
        self,
        z_0: Float[Tensor, "#batch #token dim"],
        z_1: Float[Tensor, "#batch #token dim"],
        t: Float[Tensor, "#batch"],
    ) -> Float[Tensor, "batch token dim"]:
        """The point z_t of the path (Flora, Eq. 5); batch and token axes broadcast.

        Args:
            z_0: source tokens.
            z_1: target tokens.
            t: time of each sample in [0, 1].
        """
        t = t[:, None, None]
        return (1 - (1 - self.sigma_min) * t) * z_0 + t * z_1

    def velocity(
        self, z_0: Float[Tensor, "#batch #token dim"], z_1: Float[Tensor, "#batch #token dim"]
    ) -> Float[Tensor, "batch token dim"]:
        """``v* = z_1 - (1 - sigma_min) z_0``, the same at each time (Flora, Eq. 6)."""
        return z_1 - (1 - self.sigma_min) * z_0

    def pair_sums(
        self,
        z_s: Float[Tensor, "sample place latent"],
        z_a: Float[Tensor, "class token latent"],
        t: Float[Tensor, " one"],
        source_noise: Float[Tensor, "token latent"] | None = None,
    ) -> PairSums:
        """:meth:`interpolate` and :meth:`velocity` of all pairs at one time, as sums.

        Args:
            z_s: latents of the samples, one for all tokens or one per token.
            z_a: latent tokens of the class texts.
            t: the time.
            source_noise: added to the source of every pair.
        """
        z_0, z_1 = self.endpoints(z_s, z_a)
        if source_noise is not None:
            z_0 = z_0 + source_noise
        source = ((1 - (1 - self.sigma_min) * t) * z_0, -(1 - self.sigma_min) * z_0)
        target = (t * z_1, z_1)
        text, skeleton = (source, target) if self.direction == "text_to_skeleton" else (target, source)
        return PairSums(text[0], skeleton[0], text[1], skeleton[1])
