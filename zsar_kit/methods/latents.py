"""Methods whose insides can be looked at: a latent space that skeletons and texts share, and a flow through it.

Figures ask for these interfaces instead of a method's class, so that another method with a latent space gets the same
figures.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from zsar_kit.methods.base import Method
from zsar_kit.models.flora.transport import Transport


class SharesLatents(Method):
    """A method that maps skeletons and class texts to one latent space."""

    @abstractmethod
    def skeleton_latents(self, features: Float[Tensor, "batch d"]) -> Float[Tensor, "batch latent"]:
        """The latent mean mu_s of each skeleton; nothing is sampled."""

    @abstractmethod
    def text_latents(self, classes: Sequence[int]) -> Float[Tensor, "class latent"]:
        """The latent mean of each class text, averaged over its tokens.

        Raises:
            TextError: a class has no text.
        """


class AttunesTexts(Method):
    """A method that moves class texts towards their neighbours."""

    @abstractmethod
    def neighbour_similarity(self, k: int) -> Float[Tensor, "class k"]:
        """Cosine similarity w_i of each class text to its k nearest others (Flora, Eq. 7), nearest first.

        Raises:
            ConfigError: k is out of range.
        """


class FlowsBetweenLatents(SharesLatents):
    """A method with a velocity field between the latents of texts and skeletons."""

    @abstractmethod
    def transport(self, features: Float[Tensor, "batch d"], class_id: int, times: Sequence[float]) -> Transport:
        """The paths of skeletons under the text of one class, from latent means; see :class:`Transport`.

        Raises:
            ConfigError: there is no trained velocity field, or a time is outside [0, 1].
            TextError: the class has no text.
        """

    @abstractmethod
    def velocities_around(
        self,
        z_t: Float[Tensor, "token latent"],
        shifts: Float[Tensor, "place latent"],
        class_id: int,
        t: float,
    ) -> Float[Tensor, "place latent"]:
        """Mean predicted velocity over tokens where all tokens of z_t are shifted alike; off the data, extrapolation.

        Raises:
            ConfigError: there is no trained velocity field.
            TextError: the class has no text.
        """
