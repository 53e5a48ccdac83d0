"""Flora: learning by neighbour-aware semantics, deciding by open-form flows (papers/flora, section 4).

Two phases. *align*: class texts attuned by their neighbours (Eq. 7-8) and skeleton features meet in the latent space of
a cross-modal VAE with geometric consistency (Eq. 9-11). *flow*: with that frozen, a velocity field learns the
noise-free, contrastive transport from text latents to skeleton latents (Eq. 12-13). A class is scored by the error of
the velocity that the field predicts for it (Eq. 14); GZSL asks the ratio gate first (Eq. 15, :class:`RatioGate`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from zsar_kit.config import Config
from zsar_kit.errors import ConfigError
from zsar_kit.methods.base import Batch, ClassScores, Method, Phase, StepOutput, TrainingSet, class_rows
from zsar_kit.methods.registry import register
from zsar_kit.models.flora.attunement import attune
from zsar_kit.models.flora.cross_vae import CrossVAE, Gaussian, pair_latents
from zsar_kit.models.flora.flow import contrast_indices, endpoints, flow_loss, sample_times, velocity_errors
from zsar_kit.models.flora.velocity import VelocityDiT
from zsar_kit.semantics.tokens import TokenTexts, join_tokens


@dataclass(frozen=True)
class TextConfig(Config):
    """Which texts describe a class, and how their neighbours attune them (Eq. 7-8).

    Attributes:
        sets: text sets joined along the feature axis; the paper joins label and description.
        max_tokens: longer texts are cut; published presets use 5 to 75.
        k: neighbours; 0 switches attunement off. Published presets use 1 to 3.
        tau: strength of the neighbours' contribution; published presets use 0.1 to 1.
        pool: classes that may be neighbours: ``all`` (the paper; unseen texts take part) or ``seen``.
        unit_scale: divide token features and skeleton features by their root mean square over seen classes, one number
            each, so that losses and lambda_align mean the same for every language model and encoder.
    """

    sets: tuple[str, ...] = ("label", "motion")
    max_tokens: int = 60
    k: int = 2
    tau: float = 0.4
    pool: Literal["all", "seen"] = "all"
    unit_scale: bool = True

    def validate(self) -> None:
        """Check ranges."""
        self.require(len(self.sets) >= 1, "sets", "at least one text set")
        self.require(self.max_tokens >= 1, "max_tokens", "at least 1")
        self.require(self.k >= 0, "k", "at least 0")
        self.require(self.tau >= 0, "tau", "at least 0")


@dataclass(frozen=True)
class AlignConfig(Config):
    """The learning phase (Eq. 9-11).

    Attributes:
        latent_dim: width d of the latent space.
        lambda_align: weight of geometric consistency.
        steps, batch_size, learning_rate, weight_decay: of AdamW.
    """

    latent_dim: int = 768
    lambda_align: float = 0.1
    steps: int = 1000
    batch_size: int = 64
    learning_rate: float = 1e-4
    weight_decay: float = 0.01

    def validate(self) -> None:
        """Check ranges."""
        self.require(self.latent_dim >= 1, "latent_dim", "at least 1")
        self.require(self.lambda_align >= 0, "lambda_align", "at least 0")
        self.require(self.steps >= 1, "steps", "at least 1")
        self.require(self.batch_size >= 2, "batch_size", "at least 2")
        self.require(self.learning_rate > 0, "learning_rate", "positive")
        self.require(self.weight_decay >= 0, "weight_decay", "at least 0")


@dataclass(frozen=True)
class FlowConfig(Config):
    """The deciding phase (Eq. 5-6, 12-14).

    Attributes:
        depth, heads, mlp_ratio: of the DiT; the paper uses one block.
        lambda_flow: weight of the contrastive term, in [0, 1).
        times: distribution of training times (Table 13).
        direction: of the flow (Table 15).
        t: time at which the field is asked in prediction (Fig. 3).
        error: see :func:`velocity_errors`.
        steps, batch_size, learning_rate, weight_decay: of AdamW.
    """

    depth: int = 1
    heads: int = 12
    mlp_ratio: float = 4.0
    lambda_flow: float = 0.1
    times: Literal["logit_normal", "uniform"] = "logit_normal"
    direction: Literal["text_to_skeleton", "skeleton_to_text"] = "text_to_skeleton"
    t: float = 0.5
    error: Literal["per_token", "mean_square", "total"] = "per_token"
    steps: int = 200
    batch_size: int = 64
    learning_rate: float = 1e-4
    weight_decay: float = 0.01

    def validate(self) -> None:
        """Check ranges."""
        self.require(self.depth >= 1, "depth", "at least 1")
        self.require(self.heads >= 1, "heads", "at least 1")
        self.require(self.mlp_ratio > 0, "mlp_ratio", "positive")
        self.require(0 <= self.lambda_flow < 1, "lambda_flow", "in [0, 1): from 1 on Eq. 13 has no lower bound")
        self.require(0 <= self.t <= 1, "t", "in [0, 1]")
        self.require(self.steps >= 1, "steps", "at least 1")
        self.require(self.batch_size >= 2, "batch_size", "at least 2")
        self.require(self.learning_rate > 0, "learning_rate", "positive")
        self.require(self.weight_decay >= 0, "weight_decay", "at least 0")


@dataclass(frozen=True)
class FloraConfig(Config):
    """Flora; the defaults are the paper's preset."""

    text: TextConfig = field(default_factory=TextConfig)
    align: AlignConfig = field(default_factory=AlignConfig)
    flow: FlowConfig = field(default_factory=FlowConfig)

    def validate(self) -> None:
        """Check that the parts fit each other."""
        if self.align.latent_dim % self.flow.heads:
            raise ConfigError(
                f"flow.heads must divide align.latent_dim, got {self.flow.heads} and {self.align.latent_dim}",
                where="FloraConfig",
            )


def _cpu() -> FloraConfig:
    """Narrower, only the start token and the pooled one, fewer and larger steps: some seconds a fit on two cores.

    Chosen on pseudo-unseen folds of UTD-MHAD and NW-UCLA: with few seen classes, more word tokens were fitted by heart
    and transferred less.
    """
    return FloraConfig(
        text=TextConfig(max_tokens=1),
        align=AlignConfig(latent_dim=128, steps=600, learning_rate=1e-3),
        flow=FlowConfig(heads=4, mlp_ratio=2.0, steps=150, learning_rate=1e-3),
    )


class Flora(Method):
    """The method; see the module's docstring."""

    config_type = FloraConfig
    calibration = "ratio"
    tokens: Tensor
    mask: Tensor
    feature_scale: Tensor
    row_of: Tensor

    def __init__(self, config: FloraConfig, training: TrainingSet, generator: torch.Generator):
        super().__init__(config, training, generator)
        self.settings = config
        texts = join_tokens([training.text_set(name) for name in config.text.sets], config.text.max_tokens)
        tokens, scale = self._attuned(texts, training.seen), 1.0
        if config.text.unit_scale:
            scale = float(np.sqrt(np.mean(np.square(training.features, dtype=np.float64)))) or 1.0
            seen = class_rows(texts.class_ids, training.seen)  # unseen texts must not act through the scale
            tokens = tokens / tokens[seen][torch.from_numpy(texts.mask[seen])].square().mean().sqrt()
        self.class_ids = texts.class_ids
        self.register_buffer("tokens", tokens)
        self.register_buffer("mask", torch.from_numpy(texts.mask))
        self.register_buffer("feature_scale", torch.tensor(scale, dtype=torch.float32))
        row_of = torch.full((max(self.class_ids) + 1,), -1)
        row_of[list(self.class_ids)] = torch.arange(len(self.class_ids))
        self.register_buffer("row_of", row_of)
        align, flow = config.align, config.flow
        self.vae = CrossVAE(training.features.shape[1], tokens.shape[2], align.latent_dim, generator=generator)
        self.field = VelocityDiT(align.latent_dim, flow.depth, flow.heads, flow.mlp_ratio, generator=generator)
        self._encoded_texts: Gaussian | None = None

    def _attuned(self, texts: TokenTexts, seen: tuple[int, ...]) -> Float[Tensor, "class token d"]:
        """Token features after attunement (Eq. 7-8)."""
        tokens, text = torch.from_numpy(texts.tokens), self.settings.text
        if text.k == 0:
            return tokens
        candidates = None
        if text.pool == "seen":
            candidates = torch.from_numpy(np.isin(texts.class_ids, seen))
        mask, pooled = torch.from_numpy(texts.mask), torch.from_numpy(texts.pooled)
        # The last token of each class holds its pooled feature: it listens to pooled features, not to words that
        # happen to stand at the same position in longer texts.
        rows, last = torch.arange(len(mask)), mask.sum(1) - 1
        words = mask.clone()
        words[rows, last] = False
        attuned = attune(tokens, words, pooled, k=text.k, tau=text.tau, candidates=candidates)
        result = attuned.tokens.clone()
        result[rows, last] = attuned.pooled
        return result

    @staticmethod
    def text_sets(config: Config) -> tuple[str, ...]:
        """The text sets that are joined."""
        assert isinstance(config, FloraConfig)
        return config.text.sets

    @staticmethod
    def text_use(config: Config) -> str:
        """Neighbours among all classes are transductive in the texts; seen ones only, or none, are not."""
        assert isinstance(config, FloraConfig)
        return "transductive text" if config.text.k and config.text.pool == "all" else "inductive"

    def phases(self) -> tuple[Phase, ...]:
        """Alignment first, then the flow with the alignment frozen (section 4.4)."""
        align, flow = self.settings.align, self.settings.flow
        return (
            Phase("align", align.steps, align.batch_size, self.vae.parameters, _adamw(align)),
            Phase("flow", flow.steps, flow.batch_size, self.field.parameters, _adamw(flow)),
        )

    def training_step(self, batch: Batch, phase: str, generator: torch.Generator) -> StepOutput:
        """Eq. 11 in phase ``align``, Eq. 13 in phase ``flow``."""
        rows, x_s = self.row_of[batch.labels], batch.features / self.feature_scale
        if phase == "align":
            losses = self.vae.losses(
                x_s, rows, self.tokens, self.mask, generator, lambda_align=self.settings.align.lambda_align
            )
            return StepOutput(losses)
        flow = self.settings.flow
        with torch.no_grad():
            pairs = pair_latents(self.vae.encode_skeleton(x_s), self._texts(), rows, self.mask, generator)
        z_0, z_1 = endpoints(pairs.z_s, pairs.z_a, flow.direction)
        times = sample_times(len(x_s), generator, flow.times, device=x_s.device)
        contrast = contrast_indices(batch.labels, generator)
        return StepOutput(
            flow_loss(self.field, z_0, z_1, pairs.mask, times, contrast=contrast, lambda_flow=flow.lambda_flow)
        )

    def _texts(self) -> Gaussian:
        """Latent distributions of all class tokens; the alignment is frozen by now, so once is enough."""
        texts = self._encoded_texts
        if texts is None:
            texts = self._encoded_texts = self.vae.encode_text(self.tokens)
        return texts

    def train(self, mode: bool = True) -> Flora:
        """Switch modes, and forget text latents that further training would make stale."""
        self._encoded_texts = None
        return super().train(mode)

    def class_scores(self, features: Float[Tensor, "batch d"], classes: tuple[int, ...]) -> ClassScores:
        """Negative velocity errors (Eq. 14) of the latent means; nothing is drawn."""
        rows = class_rows(self.class_ids, classes)
        flow = self.settings.flow
        errors = velocity_errors(
            self.field,
            self.vae.encode_skeleton(features / self.feature_scale).mu,
            self._texts().mu[rows],
            self.mask[rows],
            flow.t,
            direction=flow.direction,
            error=flow.error,
        )
        return ClassScores({"flow": -errors}, {"flow": errors})


def _adamw(settings: AlignConfig | FlowConfig):
    return lambda parameters: torch.optim.AdamW(
        parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay
    )


register("flora", Flora, {"paper": FloraConfig(), "cpu": _cpu()})
