"""Flora: learning by neighbour-aware semantics, deciding by open-form flows (section 4 of its paper).

There are two phases. *align*: a cross-modal VAE with geometric consistency (Eq. 9-11) maps class texts, attuned by
their neighbours (Eq. 7-8), and skeleton features to one latent space. *flow*: with the VAE frozen, a velocity field
learns the noise-free, contrastive transport from text latents to skeleton latents (Eq. 12-13). A class is scored by the
error of the velocity that the field predicts for it (Eq. 14). In GZSL the ratio gate decides first (Eq. 15,
:class:`RatioGate`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from zsar_kit.data.standardisation import divisors
from zsar_kit.errors import ConfigError
from zsar_kit.methods.base import Batch, ClassScores, Phase, StepOutput
from zsar_kit.methods.flora.config import AlignConfig, FloraConfig, FlowConfig, presets
from zsar_kit.methods.flora.texts import ClassTable
from zsar_kit.methods.latents import AttunesTexts, FlowsBetweenLatents
from zsar_kit.methods.registry import register
from zsar_kit.methods.task import Task, TrainingSet, find_text_set
from zsar_kit.models.flora.classifiers import similarity, synthesise, train_linear
from zsar_kit.models.flora.cross_vae import AlignObjective, CrossVAE, Gaussian, pair_latents
from zsar_kit.models.flora.objective import FlowBatch, contrast_indices, flow_loss, sample_times
from zsar_kit.models.flora.path import StraightPath
from zsar_kit.models.flora.scoring import ScoringOptions, velocity_errors
from zsar_kit.models.flora.transport import Transport, shifted_velocities, transport
from zsar_kit.models.flora.velocity import TimeCode, VelocityDiT, VelocityField, VelocityMLP
from zsar_kit.seeding import numpy_generator
from zsar_kit.semantics.embeddings import Semantics

DRAW_SEEDS = 2**62


class Flora(FlowsBetweenLatents, AttunesTexts):
    """The method; see the module's docstring."""

    config_type = FloraConfig
    feature_offset: Tensor
    feature_scale: Tensor
    reference: Tensor
    draw_seed: Tensor

    def __init__(self, config: FloraConfig, task: Task, generator: torch.Generator):
        super().__init__(config, task, generator)
        self.settings, self.seen, width = config, task.seen, task.pooled_width
        self.table = ClassTable(config.text, [task.text_set(name) for name in config.text.sets], task.seen)
        self.register_buffer("feature_offset", torch.zeros(width))
        self.register_buffer("feature_scale", torch.ones(width))
        self.register_buffer("reference", torch.zeros(len(task.seen), width))
        self.register_buffer("draw_seed", torch.randint(DRAW_SEEDS, (), generator=generator, device=generator.device))
        align, text_dim = config.align, self.table.tokens.shape[2]
        self.vae = CrossVAE(
            width,
            text_dim,
            align.latent_dim,
            hidden_dim=align.hidden_dim,
            decoder_relu=align.decoder_relu,
            activation=align.activation,
            generator=generator,
        )
        self.objective = AlignObjective(
            regularizer=align.regularizer,
            lambda_align=align.lambda_align,
            beta=align.beta,
            log_variance=align.spread == "log_variance",
            reduction=align.reduction,
        )
        self.field = _network(config, text_dim, generator)
        self.path = StraightPath(config.flow.direction)
        self._encoded_texts: Gaussian | None = None
        self._level: Tensor | None = None
        self._linear: tuple[Tensor, Tensor] | None = None

    def observe(self, training: TrainingSet) -> None:
        """Compute offset and scale of the features, and class means; the model stores no single sample."""
        self.feature_offset, self.feature_scale = _feature_scale(training.pooled, self.settings.text.scale)
        self.reference = torch.from_numpy(_class_means(training))

    def phases(self) -> tuple[Phase, ...]:
        """Alignment first, then the flow with the alignment frozen (section 4.4)."""
        align, flow = self.settings.align, self.settings.flow
        phases = (
            Phase("align", align.steps, align.batch_size, self.vae.parameters, _adamw(align)),
            Phase("flow", flow.steps, flow.batch_size, self.field.parameters, _adamw(flow)),
        )
        return phases if self.settings.classifier == "flow" else phases[:1]

    def training_step(self, batch: Batch, phase: str, generator: torch.Generator) -> StepOutput:
        """Eq. 11 in phase ``align``, Eq. 13 in phase ``flow``."""
        rows, x_s, align = self.table.row_of[batch.labels], self._scaled(batch.features), self.settings.align
        if phase == "align":
            losses = self.vae.losses(
                x_s,
                rows,
                self.table.tokens,
                self.table.mask,
                generator,
                self.objective,
                shared_noise=align.shared_noise,
            )
            return StepOutput(losses)
        flow, skeleton = self.settings.flow, self.vae.encode_skeleton
        with torch.no_grad():
            pairs = pair_latents(
                skeleton(x_s), self._texts(), rows, self.table.mask, generator, shared_noise=align.shared_noise
            )
        z_0, z_1 = self.path.endpoints(pairs.z_s, pairs.z_a)
        if flow.source_noise:
            z_0 = z_0 + flow.source_noise * _normal(z_0.shape, generator, z_0)
        times = sample_times(len(x_s), generator, flow.times, device=x_s.device)
        contrast = contrast_indices(batch.labels, generator, flow.pairs)
        condition = self.table.condition[rows] if flow.condition else None
        flow_batch = FlowBatch(z_0, z_1, pairs.mask, times, condition)
        losses = flow_loss(self.field, flow_batch, contrast=contrast, lambda_flow=flow.lambda_flow, path=self.path)
        return StepOutput(losses)

    def _scaled(self, features: Float[Tensor, "batch d"]) -> Float[Tensor, "batch d"]:
        return (features - self.feature_offset) / self.feature_scale

    def _texts(self) -> Gaussian:
        """Latent distributions of all class tokens, computed once since the alignment is frozen by now."""
        texts = self._encoded_texts
        if texts is None:
            texts = self._encoded_texts = self.vae.encode_text(self.table.tokens)
        return texts

    def _forget(self) -> None:
        self._encoded_texts = self._level = self._linear = None

    def train(self, mode: bool = True) -> Flora:
        """Switch the mode, and drop cached results that further training would invalidate."""
        self._forget()
        return super().train(mode)

    def add_classes(self, semantics: Mapping[str, Semantics]) -> None:
        """See :meth:`Method.add_classes`; neighbours of a new class are seen classes and other new ones."""
        self.table.extend([find_text_set(semantics, name) for name in self.settings.text.sets])
        self._forget()

    def skeleton_latents(self, features: Float[Tensor, "batch d"]) -> Float[Tensor, "batch latent"]:
        """See :meth:`SharesLatents.skeleton_latents`."""
        return self.vae.encode_skeleton(self._scaled(features)).mu

    def text_latents(self, classes: Sequence[int]) -> Float[Tensor, "class latent"]:
        """See :meth:`SharesLatents.text_latents`."""
        rows = self.table.rows(classes)
        mask = self.table.mask[rows][..., None]
        return (self._texts().mu[rows] * mask).sum(1) / mask.sum(1)

    def neighbour_similarity(self, k: int) -> Float[Tensor, "class k"]:
        """See :meth:`AttunesTexts.neighbour_similarity`."""
        return self.table.neighbours(k).similarity

    def transport(self, features: Float[Tensor, "batch d"], class_id: int, times: Sequence[float]) -> Transport:
        """See :meth:`FlowsBetweenLatents.transport`."""
        (row,), z_s = self.table.rows([class_id]), self.skeleton_latents(features)
        return transport(
            self._trained_field(),
            z_s,
            self._texts().mu[row],
            self.table.mask[row],
            torch.tensor(list(times), dtype=z_s.dtype, device=z_s.device),
            path=self.path,
            condition=self._condition(row),
        )

    def velocities_around(
        self, z_t: Float[Tensor, "token latent"], shifts: Float[Tensor, "place latent"], class_id: int, t: float
    ) -> Float[Tensor, "place latent"]:
        """See :meth:`FlowsBetweenLatents.velocities_around`."""
        (row,) = self.table.rows([class_id])
        return shifted_velocities(self._trained_field(), z_t, shifts, t, condition=self._condition(row))

    def _condition(self, row: int) -> Tensor | None:
        return self.table.condition[row] if self.settings.flow.condition else None

    def _trained_field(self) -> VelocityField:
        if self.settings.classifier != "flow":
            raise ConfigError(
                f"with the classifier {self.settings.classifier!r} no velocity field was trained",
                where="classifier",
                remedy="Use a run with the classifier 'flow'.",
            )
        return self.field

    def class_scores(self, features: Float[Tensor, "batch d"], classes: tuple[int, ...]) -> ClassScores:
        """Negative velocity errors (Eq. 14) of the latent means; draws that the config asks for are always the same.

        With ``flow.centre`` the head is ``level - log error`` and the errors are ``exp(log error - level)``. The level
        of a class is its mean log error over the mean skeletons of other classes.
        """
        rows = self.table.rows(classes)
        skeletons = self.vae.encode_skeleton(self._scaled(features))
        if self.settings.classifier == "similarity":
            return ClassScores({"cosine": similarity(skeletons.mu, self._texts().mu[rows], self.table.mask[rows])})
        if self.settings.classifier == "linear":
            weight, bias = self._linear_classifier()
            return ClassScores({"linear": self._log_probabilities(skeletons.mu @ weight.T + bias)[:, rows]})
        errors = self._errors(skeletons, rows)
        if not self.settings.flow.centre:
            return ClassScores({"flow": -errors}, {"flow": errors})
        centred = errors.log() - self._levels()[rows]
        return ClassScores({"flow": -centred}, {"flow": centred.exp()})

    def _errors(self, skeletons: Gaussian, rows: list[int]) -> Float[Tensor, "batch classes"]:
        flow, texts, mask = self.settings.flow, self._texts()[torch.tensor(rows)], self.table.mask[rows]
        z_s, z_a, noise = skeletons.mu, texts.mu, None
        if flow.sample_at_test:
            # Each class has a draw of its own and skeletons share one, whatever else is asked for at the same time.
            drawn = (z_a.shape[1], 1 if self.settings.align.shared_noise else z_a.shape[2])
            ids = [self.table.class_ids[row] for row in rows]
            z_a = texts.sample(torch.stack([self._fixed_normal(drawn, z_a, "class", c) for c in ids]))
            expanded = Gaussian(z_s[:, None], skeletons.log_variance[:, None])
            z_s = expanded.sample(self._fixed_normal(drawn, z_a, "skeleton").expand(len(z_s), *drawn))
        if flow.source_noise:
            generator = torch.Generator().manual_seed(int(self.draw_seed))
            noise = flow.source_noise * _normal(z_a.shape[1:], generator, z_a)
        return velocity_errors(
            self.field,
            z_s,
            z_a,
            mask,
            ScoringOptions(flow.t, flow.error),
            path=self.path,
            condition=self.table.condition[rows] if flow.condition else None,
            source_noise=noise,
        )

    def _fixed_normal(self, shape: tuple[int, ...], like: Tensor, *names: object) -> Tensor:
        """The run's normal numbers of that name, always the same; further rows leave the first as they are."""
        drawn = numpy_generator(int(self.draw_seed), "at test", *names).standard_normal(shape)
        return torch.from_numpy(drawn).to(like)

    def _levels(self) -> Float[Tensor, " class"]:
        """The level of each class: its mean log error over the mean skeletons of other classes."""
        if self._level is None:
            every = list(range(len(self.table.class_ids)))
            logs = self._errors(self.vae.encode_skeleton(self._scaled(self.reference)), every).log()
            own = torch.tensor(self.seen)[:, None] == torch.tensor(self.table.class_ids)
            own = own.to(logs.device)
            self._level = logs.masked_fill(own, 0.0).sum(0) / (~own).sum(0)
        return self._level

    def _linear_classifier(self) -> tuple[Tensor, Tensor]:
        """Weights of all classes; seen and other classes are trained separately, and again after classes are added."""
        if self._linear is None:
            linear, texts, mask = self.settings.linear, self._texts(), self.table.mask
            generator = torch.Generator().manual_seed(int(self.draw_seed))
            weight, bias = torch.zeros(len(mask), texts.mu.shape[2]), torch.zeros(len(mask))
            for domain in self._domains():
                latents, labels = synthesise(texts[domain], mask[domain], linear.draws, generator)
                weight[domain], bias[domain] = (
                    x.cpu()
                    for x in train_linear(
                        latents,
                        labels,
                        steps=linear.steps,
                        learning_rate=linear.learning_rate,
                        generator=generator,
                    )
                )
            self._linear = weight.to(mask.device), bias.to(mask.device)
        return self._linear

    def _domains(self) -> list[Tensor]:
        """Rows of the seen classes, and of all others."""
        is_seen = torch.tensor(np.isin(self.table.class_ids, self.seen))
        return [rows for rows in (is_seen.nonzero().flatten(), (~is_seen).nonzero().flatten()) if len(rows)]

    def _log_probabilities(self, logits: Float[Tensor, "batch class"]) -> Float[Tensor, "batch class"]:
        """Log-softmax within each domain, since the scales of the two classifiers are not comparable."""
        result = logits.clone()
        for domain in self._domains():
            result[:, domain] = logits[:, domain].log_softmax(1)
        return result


def _class_means(training: TrainingSet) -> Float[np.ndarray, "class d"]:
    """The mean feature of each seen class; for a class without samples the mean of all samples."""
    seen = training.task.seen
    means = np.tile(training.pooled.mean(0), (len(seen), 1))
    for row, c in enumerate(seen):
        if (chosen := training.labels == c).any():
            means[row] = training.pooled[chosen].mean(0)
    return means.astype(np.float32)


def _feature_scale(features: np.ndarray, scale: str) -> tuple[Tensor, Tensor]:
    """Offset and divisor of skeleton features; see ``TextConfig.scale``."""
    exact = features.astype(np.float64)
    if scale == "standard":
        mean = exact.mean(0)
        return torch.from_numpy(mean).float(), torch.from_numpy(divisors(exact.std(0), mean)).float()
    divisor = (float(np.sqrt(np.mean(np.square(exact)))) or 1.0) if scale == "rms" else 1.0
    width = features.shape[1]
    return torch.zeros(width), torch.full((width,), divisor)


def _network(config: FloraConfig, text_dim: int, generator: torch.Generator) -> VelocityField:
    flow, dim = config.flow, config.align.latent_dim
    condition_dim = text_dim if flow.condition else None
    time = TimeCode(flow.time_scale, flow.frequencies)
    if flow.network == "mlp":
        hidden = max(1, round(flow.mlp_ratio * dim))
        return VelocityMLP(dim, hidden, condition_dim=condition_dim, time=time, generator=generator)
    return VelocityDiT(
        dim,
        flow.depth,
        flow.heads,
        flow.mlp_ratio,
        positions=flow.positions,
        condition_dim=condition_dim,
        time=time,
        generator=generator,
    )


def _normal(shape: tuple[int, ...] | torch.Size, generator: torch.Generator, like: Tensor) -> Tensor:
    return torch.randn(shape, generator=generator, device=generator.device, dtype=like.dtype).to(like.device)


def _adamw(settings: AlignConfig | FlowConfig):
    return lambda parameters: torch.optim.AdamW(
        parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay
    )


register("flora", Flora, presets())
