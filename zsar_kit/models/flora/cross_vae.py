"""The cross-modal VAE with geometric consistency: Flora's learning phase (section 4.2, Eq. 9-11), and its baseline.

The baseline pulls both modalities towards a standard normal instead of towards each other (section 3, Eq. 1-3).

A skeleton has one feature, which the paper repeats at each token of the text. Its mean and variance are therefore the
same at each token and are computed once per sample; those of a text are computed once per class. Only the noise differs
between tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from zsar_kit.errors import ConfigError, DataError
from zsar_kit.models.blocks import seeded_linear
from zsar_kit.reprs import ShownByShape

REGULARIZERS = ("geometric", "kl", "none")
REDUCTIONS = ("mean", "sum")
ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU}
LOG_VARIANCE_RANGE = (-10.0, 10.0)
"""Bounds of log sigma^2: sigma^2 in [4.5e-5, 2.2e4], whose square in Eq. 10 stays far from overflow."""


@dataclass(frozen=True)
class Gaussian(ShownByShape):
    """A diagonal normal distribution N(mu, sigma^2).

    Attributes:
        mu: mean.
        log_variance: log sigma^2, within ``LOG_VARIANCE_RANGE``.
    """

    mu: Float[Tensor, "*batch latent"]
    log_variance: Float[Tensor, "*batch latent"]

    def __getitem__(self, index: Tensor | tuple[Tensor, ...]) -> Gaussian:
        """The distributions at ``index`` of the leading axes."""
        return Gaussian(self.mu[index], self.log_variance[index])

    def sample(self, noise: Float[Tensor, "*shape #latent"]) -> Float[Tensor, "*shape latent"]:
        """Reparametrised draw ``mu + sigma * noise``; leading axes broadcast, and so does noise of width 1."""
        return self.mu + (0.5 * self.log_variance).exp() * noise


@dataclass(frozen=True)
class LatentPairs(ShownByShape):
    """Paired latent tokens of a batch, ready for the flow.

    Attributes:
        z_s: skeleton latents, with independent noise at each token.
        z_a: latents of each sample's class text.
        mask: True at real tokens.
    """

    z_s: Float[Tensor, "batch token latent"]
    z_a: Float[Tensor, "batch token latent"]
    mask: Bool[Tensor, "batch token"]


@dataclass(frozen=True)
class AlignObjective:
    """The regulariser of the learning phase, and the weights of all terms (Flora, Eq. 9-11).

    Attributes:
        regularizer: ``geometric`` (Eq. 10), ``kl`` (the divergence of Eq. 1 instead), or ``none``.
        lambda_align: weight of the geometric consistency, at least 0.
        beta: weight of the KL divergence, at least 0.
        log_variance: align log sigma^2 (released code) instead of sigma^2 (Eq. 10).
        reduction: ``mean`` averages over samples, tokens and features, and over the four reconstructions, so that
            lambda_align weighs one mean square against another (the published 0.1 assumes this). ``sum`` adds over
            tokens, features and reconstructions, as Eq. 9-10 are written, and averages over samples; the geometric
            term then weighs less, by the ratio of latent to feature width, and lambda_align must be re-tuned.

    Raises:
        ConfigError: a weight is negative or not finite, or reduction or regularizer are unknown.
    """

    regularizer: str = "geometric"
    lambda_align: float = 0.1
    beta: float = 0.1
    log_variance: bool = False
    reduction: str = "mean"

    def __post_init__(self) -> None:
        for name, weight in (("lambda_align", self.lambda_align), ("beta", self.beta)):
            if not 0 <= weight < float("inf"):
                raise ConfigError(f"{name} must be finite and at least 0, got {weight}", where=name)
        for name, known in (("regularizer", REGULARIZERS), ("reduction", REDUCTIONS)):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name} must be one of {known}, got {getattr(self, name)!r}", where=name)


class GaussianEncoder(nn.Module):
    """Linear heads to mu and log sigma^2, after one optional hidden layer.

    Args:
        inputs: width of the feature.
        latent_dim: width d of the latent space.
        hidden_dim: width of the hidden layer; None means none.
        activation: its activation, ``gelu`` or ``relu``.
        generator: source of the initial weights.
    """

    def __init__(
        self,
        inputs: int,
        latent_dim: int,
        hidden_dim: int | None,
        activation: str = "gelu",
        *,
        generator: torch.Generator,
    ):
        super().__init__()
        self.trunk, width = _trunk(inputs, hidden_dim, activation, generator)
        self.mu = seeded_linear(width, latent_dim, generator=generator, gain=0.5)
        self.log_variance = seeded_linear(width, latent_dim, generator=generator, gain=0.5)

    def forward(self, x: Float[Tensor, "*batch d"]) -> Gaussian:
        """The distribution q(z | x)."""
        hidden = self.trunk(x)
        return Gaussian(self.mu(hidden), self.log_variance(hidden).clamp(*LOG_VARIANCE_RANGE))


class CrossVAE(nn.Module):
    """Two VAEs, for skeletons and texts, that also reconstruct each other (Flora, Eq. 9-11).

    Args:
        skeleton_dim: width d_s of a skeleton feature (256 for Shift-GCN).
        text_dim: width d_a of a text token.
        latent_dim: width d of the shared latent space.
        hidden_dim: width of one hidden layer in encoders and decoders. None, the default, gives linear maps, the common
            choice in this family of methods (CADA-VAE, SynSE); the paper does not specify it.
        decoder_relu: end the decoders in a ReLU, as that family does; it can't produce negative text features.
        activation: activation of the hidden layers, ``gelu`` or ``relu`` (released).
        generator: source of the initial weights (Xavier with gain 0.5, also common in the family).

    Raises:
        ConfigError: a width is not positive, or the activation is unknown.
    """

    def __init__(
        self,
        skeleton_dim: int,
        text_dim: int,
        latent_dim: int,
        *,
        hidden_dim: int | None = None,
        decoder_relu: bool = False,
        activation: str = "gelu",
        generator: torch.Generator,
    ):
        super().__init__()
        self.skeleton_dim, self.text_dim, self.latent_dim = skeleton_dim, text_dim, latent_dim
        if activation not in ACTIVATIONS:
            raise ConfigError(f"activation must be one of {tuple(ACTIVATIONS)}, got {activation!r}", where="activation")
        self.encode_skeleton = GaussianEncoder(skeleton_dim, latent_dim, hidden_dim, activation, generator=generator)
        self.encode_text = GaussianEncoder(text_dim, latent_dim, hidden_dim, activation, generator=generator)
        self.decode_skeleton, self.decode_text = (
            _decoder(_trunk(latent_dim, hidden_dim, activation, generator), outputs, decoder_relu, generator)
            for outputs in (skeleton_dim, text_dim)
        )

    def losses(
        self,
        x_s: Float[Tensor, "batch d_s"],
        class_index: Int[Tensor, " batch"],
        x_a: Float[Tensor, "class token d_a"],
        mask: Bool[Tensor, "class token"],
        generator: torch.Generator,
        objective: AlignObjective | None = None,
        *,
        shared_noise: bool = False,
    ) -> dict[str, Tensor]:
        """The terms of L_Align (Flora, Eq. 9-11), or of L_CrossVAE (Eq. 1-3); their sum is the objective.

        Args:
            x_s: skeleton features of the batch.
            class_index: row of ``x_a`` that holds each sample's class text.
            x_a: attuned text tokens of the classes; only those present in the batch are encoded.
            mask: True at real tokens; padding adds neither cost nor loss.
            generator: source of the noise, drawn per sample and token: first all of z_s, then all of z_a,
                tokens of a sample one after the other.
            objective: terms and weights; the defaults of :class:`AlignObjective` if None.
            shared_noise: draw one value per sample and token for all latent dimensions, as the SynSE family does
                per sample, instead of one per dimension.

        Returns:
            ``reconstruct_ss``, ``reconstruct_aa`` (within a modality), ``reconstruct_sa``, ``reconstruct_as``
            (target first: ``sa`` reconstructs the skeleton from the text), and ``geometric``, multiplied by
            lambda_align, or ``kl``, multiplied by beta.

        Raises:
            DataError: a sample's class has no text token.

        Note:
            Log-likelihoods are those of a Gaussian of fixed variance without constants, that is, squared errors.
        """
        objective = objective or AlignObjective()
        reduction = objective.reduction
        present, row_class = class_index.unique(return_inverse=True)
        token_mask = mask[present]
        _check_texts(token_mask, present)
        # Only real (sample, token) pairs are kept, in one flat axis, so padding adds neither cost nor loss.
        sample, token = token_mask[row_class].nonzero(as_tuple=True)
        text_row = (token_mask.flatten().cumsum(0) - 1).view_as(token_mask)[row_class[sample], token]
        texts = x_a[present][token_mask]

        skeleton_class, text_class = self.encode_skeleton(x_s), self.encode_text(texts)
        skeleton, text = skeleton_class[sample], text_class[text_row]
        z_s = skeleton.sample(_noise(skeleton.mu, generator, shared_noise))
        z_a = text.sample(_noise(text.mu, generator, shared_noise))

        target_s, target_a = x_s[sample], texts[text_row]
        batch = len(x_s)
        terms = {
            "reconstruct_ss": squared_error(self.decode_skeleton(z_s), target_s, batch, reduction),
            "reconstruct_aa": squared_error(self.decode_text(z_a), target_a, batch, reduction),
            "reconstruct_sa": squared_error(self.decode_skeleton(z_a), target_s, batch, reduction),
            "reconstruct_as": squared_error(self.decode_text(z_s), target_a, batch, reduction),
        }
        if reduction == "mean":
            terms = {name: value / 4 for name, value in terms.items()}
        if objective.regularizer == "kl":
            pull = divergence(skeleton, batch, reduction) + divergence(text, batch, reduction)
            return {**terms, "kl": objective.beta * pull}
        if objective.regularizer == "none":
            return terms
        geometric = geometric_consistency(
            skeleton, text, batch, log_variance=objective.log_variance, reduction=reduction
        )
        return {**terms, "geometric": objective.lambda_align * geometric}


def geometric_consistency(
    skeleton: Gaussian,
    text: Gaussian,
    batch: int,
    *,
    log_variance: bool = False,
    reduction: str = "mean",
) -> Float[Tensor, ""]:
    """``|mu_s - mu_a|^2 + |sigma_s^2 - sigma_a^2|^2`` (Flora, Eq. 10), zero only for equal distributions.

    Args:
        skeleton: distributions of the skeletons, one row per (sample, token).
        text: distributions of the texts in the same rows.
        batch: number of samples, by which ``sum`` divides.
        log_variance: compare log sigma^2 instead, as the released code does.
        reduction: ``mean`` over rows and features, or ``sum`` over them divided by ``batch``.
    """
    spread_s, spread_a = skeleton.log_variance, text.log_variance
    if not log_variance:
        spread_s, spread_a = spread_s.exp(), spread_a.exp()
    means = squared_error(skeleton.mu, text.mu, batch, reduction)
    return means + squared_error(spread_s, spread_a, batch, reduction)


def divergence(q: Gaussian, batch: int, reduction: str = "mean") -> Float[Tensor, ""]:
    """``D_KL(q || N(0, I)) = 1/2 sum(mu^2 + sigma^2 - 1 - log sigma^2)`` (Flora, Eq. 1), zero only for N(0, I).

    Args:
        q: distributions, one row per (sample, token).
        batch: number of samples, by which ``sum`` divides.
        reduction: ``mean`` over rows and latent dimensions, or ``sum`` over them divided by ``batch``.
    """
    terms = 0.5 * (q.mu.square() + q.log_variance.exp() - 1 - q.log_variance)
    return terms.mean() if reduction == "mean" else terms.sum() / batch


def squared_error(
    x: Float[Tensor, "*rows d"], y: Float[Tensor, "*rows d"], batch: int, reduction: str
) -> Float[Tensor, ""]:
    """Mean squared difference, or with ``sum`` the squared distance per sample of the batch."""
    if reduction == "mean":
        return nn.functional.mse_loss(x, y)
    if reduction == "sum":
        return nn.functional.mse_loss(x, y, reduction="sum") / batch
    raise ConfigError(f"reduction must be 'mean' or 'sum', got {reduction!r}", where="reduction")


def pair_latents(
    skeleton: Gaussian,
    text: Gaussian,
    class_index: Int[Tensor, " batch"],
    mask: Bool[Tensor, "class token"],
    generator: torch.Generator | None,
    *,
    shared_noise: bool = False,
) -> LatentPairs:
    """Latent tokens of samples paired with those of their class texts, truncated to the longest text of the batch.

    The VAE is frozen when the flow is trained, so both encodings can be computed once and reused.

    Args:
        skeleton: distributions of the samples, ``[batch, latent]``.
        text: distributions of the classes' tokens, ``[class, token, latent]``.
        class_index: each sample's row in ``text``.
        mask: True at real tokens of ``text``.
        generator: source of the noise, drawn per token for z_s, then for z_a; None gives the means.
        shared_noise: as in :meth:`CrossVAE.losses`.

    Raises:
        DataError: a sample's class has no text token.
    """
    token_mask = mask[class_index]
    _check_texts(token_mask, class_index)
    longest = int(token_mask.any(dim=0).nonzero().max()) + 1
    token_mask = token_mask[:, :longest]
    paired = Gaussian(text.mu[:, :longest][class_index], text.log_variance[:, :longest][class_index])
    if generator is None:
        return LatentPairs(skeleton.mu[:, None].expand_as(paired.mu), paired.mu, token_mask)
    expanded = Gaussian(skeleton.mu[:, None], skeleton.log_variance[:, None])
    z_s = expanded.sample(_noise(paired.mu, generator, shared_noise))
    return LatentPairs(z_s, paired.sample(_noise(paired.mu, generator, shared_noise)), token_mask)


def _noise(like: Tensor, generator: torch.Generator, shared: bool = False) -> Tensor:
    # Drawn on the generator's device: a CPU generator gives the same numbers for every device.
    shape = (*like.shape[:-1], 1) if shared else like.shape
    noise = torch.randn(shape, generator=generator, device=generator.device, dtype=like.dtype)
    return noise.to(like.device)


def _trunk(inputs: int, hidden_dim: int | None, activation: str, generator: torch.Generator) -> tuple[nn.Module, int]:
    if hidden_dim is None:
        return nn.Identity(), inputs
    layer = seeded_linear(inputs, hidden_dim, generator=generator)
    return nn.Sequential(layer, ACTIVATIONS[activation]()), hidden_dim


def _decoder(trunk: tuple[nn.Module, int], outputs: int, relu: bool, generator: torch.Generator) -> nn.Module:
    hidden, width = trunk
    head = seeded_linear(width, outputs, generator=generator, gain=0.5)
    layers = [*([] if isinstance(hidden, nn.Identity) else [hidden]), head, *([nn.ReLU()] if relu else [])]
    return head if len(layers) == 1 else nn.Sequential(*layers)


def _check_texts(token_mask: Bool[Tensor, "row token"], classes: Int[Tensor, " row"]) -> None:
    empty = ~token_mask.any(dim=-1)
    if bool(empty.any()):
        raise DataError(
            "each class of the batch needs at least one text token, but those at "
            f"{classes[empty].unique().tolist()} have none",
            where="mask",
            remedy="Give these classes a text.",
        )
