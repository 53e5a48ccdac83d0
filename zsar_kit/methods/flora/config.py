"""Flora's configuration: every ablation of the paper and every difference to the released code is a field."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Literal

from zsar_kit.config import LATER, Config, formerly, later
from zsar_kit.errors import ConfigError
from zsar_kit.methods.base import GateChoice, MethodConfig
from zsar_kit.primitives.attributes import TOPICS
from zsar_kit.semantics.text_encoding import TextEncoding


@dataclass(frozen=True)
class TextConfig(Config):
    """Class texts and their attunement by neighbours (Eq. 7-8).

    Attributes:
        sets: text sets concatenated along the feature axis; the paper uses label and description.
        max_tokens: longer texts are truncated; published presets use 5 to 75.
        k: number of neighbours; 0 switches attunement off. Published presets use 1 to 3.
        tau: weight of the neighbours; published presets use 0.1 to 1.
        tau_zsl: a different weight for ZSL, which then trains a second model, as released; ``None`` uses one model for
            ZSL and GZSL.
        pool: classes that can be neighbours: ``all`` (the paper, unseen texts included) or ``seen``.
        scale: how text tokens and skeleton features are scaled; the paper does not say. ``none``; ``rms``: each divided
            by its root mean square over seen classes, so that losses and lambda_align are comparable between language
            models and encoders; ``standard``: the mean over seen classes is also subtracted, and each skeleton feature
            gets unit variance (otherwise what all actions have in common dominates a feature).
        keep_padding: pad every text to ``max_tokens`` and treat the padding as text, as released (Fig. 8).
        padding_states: with ``keep_padding``, the padding holds the language model's states there, as released,
            instead of zeros.
        tail: what the shorter of two texts has where the longer one goes on: its ``pooled`` feature again and again, or
            nothing (``empty``), with a scale too. The latter needs ``own`` statistics and no ``keep_padding``.
        statistics: with a scale, whose mean and root mean square a token is scaled by: those of its ``own`` kind (words
            and pooled features of each text set; they differ in size by a factor of five and more), or of all words of
            the ``joint`` texts.
        neighbours_by: what f_a of Eq. 7 is: the ``mean`` over the tokens of the text (paper and released code), or the
            language model's ``pooled`` feature.
        projected: put CLIP's states through its text projection, or not, as released; other models have none.
    """

    sets: tuple[str, ...] = ("label", "motion")
    max_tokens: int = 60
    k: int = 2
    tau: float = 0.4
    tau_zsl: float | None = None
    pool: Literal["all", "seen"] = "all"
    scale: Literal["none", "rms", "standard"] = "standard"
    keep_padding: bool = False
    padding_states: bool = field(default=False, metadata=LATER)
    statistics: Literal["own", "joint"] = field(default="own", metadata=later("joint"))
    neighbours_by: Literal["mean", "pooled"] = field(default="mean", metadata=later("pooled"))
    projected: bool = field(default=True, metadata=LATER)
    tail: Literal["pooled", "empty"] = field(default="pooled", metadata=LATER)

    def validate(self) -> None:
        """Check ranges."""
        self.require(len(self.sets) >= 1, "sets", "at least one text set")
        self.require(self.max_tokens >= 1, "max_tokens", "at least 1")
        self.require(self.k >= 0, "k", "at least 0")
        self.require(0 <= self.tau < float("inf"), "tau", "at least 0 and finite")
        self.require(self.keep_padding or not self.padding_states, "padding_states", "False without keep_padding")
        needs = "'pooled' with joint statistics or keep_padding, which count what stands there as text"
        self.require(self.tail == "pooled" or (self.statistics == "own" and not self.keep_padding), "tail", needs)
        self.require(self.tau_zsl is None or 0 <= self.tau_zsl < float("inf"), "tau_zsl", "at least 0, or None")


@dataclass(frozen=True)
class AlignConfig(Config):
    """The learning phase (Eq. 1-3, 9-11).

    Attributes:
        latent_dim: width d of the latent space.
        hidden_dim: width of one hidden layer in encoders and decoders; ``None`` for linear maps.
        activation: activation of that layer, ``gelu`` or ``relu`` (released).
        decoder_relu: end the decoders in a ReLU, as the SynSE family does.
        shared_noise: draw one noise value per sample and token for all latent dimensions, as released.
        regularizer: ``geometric`` (Eq. 10), ``kl`` (the baseline, Eq. 1-3), or ``none``.
        lambda_align: weight of the geometric consistency.
        beta: weight of the KL divergence from a standard normal.
        spread: compare ``variance`` (paper) or ``log_variance`` (released) in the geometric consistency.
        reduction: ``mean`` (released) or ``sum`` of errors; lambda_align and beta depend on it.
        steps, batch_size, learning_rate, weight_decay: settings of AdamW.
    """

    latent_dim: int = 768
    hidden_dim: int | None = None
    decoder_relu: bool = False
    shared_noise: bool = False
    regularizer: Literal["geometric", "kl", "none"] = "geometric"
    lambda_align: float = 0.1
    beta: float = 0.1
    spread: Literal["variance", "log_variance"] = "variance"
    reduction: Literal["mean", "sum"] = "mean"
    steps: int = 1000
    batch_size: int = 64
    learning_rate: float = 1e-4
    weight_decay: float = 0.01
    activation: Literal["gelu", "relu"] = field(default="gelu", metadata=LATER)

    def validate(self) -> None:
        """Check ranges."""
        self.require(self.latent_dim >= 1, "latent_dim", "at least 1")
        self.require(self.hidden_dim is None or self.hidden_dim >= 1, "hidden_dim", "at least 1, or None")
        self.require(0 <= self.lambda_align < float("inf"), "lambda_align", "at least 0 and finite")
        self.require(0 <= self.beta < float("inf"), "beta", "at least 0 and finite")
        _validate_training(self)


@dataclass(frozen=True)
class FlowConfig(Config):
    """The deciding phase (Eq. 5-6, 12-14).

    Attributes:
        network: ``dit`` (the paper) or ``mlp``, two layers on each token (Table 14).
        depth, heads, mlp_ratio: size of the network; the paper uses one block. An MLP uses only the ratio.
        positions: add a positional encoding in the DiT; the paper does not say.
        lambda_flow: weight of the contrastive term, in [0, 1).
        pairs: number of pairs of other classes contrasted with each sample.
        times: distribution of training times (Table 13).
        direction: direction of the flow (Table 15).
        source_noise: standard deviation of the noise added to the flow's source; 0 is noise-free (Table 4).
        condition: condition the network on the class's pooled text through adaLN (Table 4); False is condition-free.
        t: time at which the velocity field is evaluated in prediction (Fig. 3).
        error: ``total`` (Eq. 14); see :class:`~zsar_kit.models.flora.scoring.ScoringOptions`.
        time_scale: times in [0, 1] are multiplied by this before their sinusoidal code; 1 in the released code.
        frequencies: width of that code; 256 in the released code.
        sample_at_test: sample the latents in prediction, as released, instead of using their means. Here a class has
            one draw, and all skeletons share one, so that scores depend on nothing else that is scored.
        centre: subtract from the log error of a class its mean log error over skeletons of other classes, so that
            classes close to every skeleton (hubs) do not win. Not in the paper. The reference skeletons are the mean
            features of seen classes.
        steps, batch_size, learning_rate, weight_decay: settings of AdamW.
    """

    network: Literal["dit", "mlp"] = "dit"
    depth: int = 1
    heads: int = 12
    mlp_ratio: float = 4.0
    positions: bool = True
    lambda_flow: float = 0.1
    pairs: int = 1
    times: Literal["logit_normal", "uniform"] = "logit_normal"
    direction: Literal["text_to_skeleton", "skeleton_to_text"] = "text_to_skeleton"
    source_noise: float = 0.0
    condition: bool = False
    t: float = 0.5
    error: Literal["per_token", "mean_square", "total"] = "total"
    sample_at_test: bool = False
    centre: bool = False
    steps: int = 200
    batch_size: int = 64
    learning_rate: float = 1e-4
    weight_decay: float = 0.01
    time_scale: float = field(default=1000.0, metadata=LATER)
    frequencies: int = field(default=128, metadata=LATER)

    def validate(self) -> None:
        """Check ranges."""
        self.require(0 < self.time_scale < float("inf"), "time_scale", "positive and finite")
        self.require(self.frequencies >= 2, "frequencies", "at least 2")
        self.require(self.depth >= 1, "depth", "at least 1")
        self.require(self.heads >= 1, "heads", "at least 1")
        self.require(self.mlp_ratio > 0, "mlp_ratio", "positive")
        self.require(0 <= self.lambda_flow < 1, "lambda_flow", "in [0, 1): from 1 on Eq. 13 has no lower bound")
        self.require(self.pairs >= 1, "pairs", "at least 1")
        self.require(0 <= self.source_noise < float("inf"), "source_noise", "at least 0 and finite")
        self.require(0 <= self.t <= 1, "t", "in [0, 1]")
        _validate_training(self)


@dataclass(frozen=True)
class LinearConfig(Config):
    """The linear classifier on synthesised latents (Table 5, with the SynSE family's settings).

    Attributes:
        draws: number of latents synthesised per class.
        steps, learning_rate: settings of full-batch Adam.
    """

    draws: int = 500
    steps: int = 300
    learning_rate: float = 1e-3

    def validate(self) -> None:
        """Check ranges."""
        self.require(self.draws >= 1, "draws", "at least 1")
        self.require(self.steps >= 1, "steps", "at least 1")
        self.require(self.learning_rate > 0, "learning_rate", "positive")


@dataclass(frozen=True)
class FloraConfig(MethodConfig):
    """Flora; the defaults are the paper's preset.

    Attributes:
        text, align, flow, linear: settings of the parts.
        classifier: ``flow`` (Eq. 14), ``linear`` on synthesised latents, or cosine ``similarity`` (Table 5).
        gate_kind: gate between seen and unseen classes: ``ratio`` (Eq. 15), ``stacking`` or ``logistic``. The ratio
            needs positive errors, which only the flow has; the other classifiers then use ``stacking``.
        gamma: fixed threshold of the gate; ``None`` fits it on pseudo-unseen folds. The ratio is one of errors as
            ``flow.error`` gives them: the published values, 0.45 to 0.8, belong to ``mean_square``; the same decision
            by norms (``total``) has their square roots.
        choose_k: numbers of neighbours that pseudo-unseen folds choose among, 0 for no attunement; empty: ``text.k``.
            The released settings have a k for each split, set by hand.
    """

    text: TextConfig = field(default_factory=TextConfig)
    align: AlignConfig = field(default_factory=AlignConfig)
    flow: FlowConfig = field(default_factory=FlowConfig)
    linear: LinearConfig = field(default_factory=LinearConfig)
    classifier: Literal["flow", "linear", "similarity"] = "flow"
    gate_kind: Literal["ratio", "stacking", "logistic"] = field(default="ratio", metadata=formerly("gate"))
    gamma: float | None = None
    choose_k: tuple[int, ...] = field(default=(), metadata=LATER)

    def accepts_flat(self) -> bool:
        """True: features are whatever the encoder made of the set's own clips."""
        return True

    def validate(self) -> None:
        """Check that the parts are compatible."""
        if self.flow.network == "dit" and self.align.latent_dim % self.flow.heads:
            raise ConfigError(
                f"flow.heads must divide align.latent_dim, got {self.flow.heads} and {self.align.latent_dim}",
                where="FloraConfig",
            )
        if self.gamma is not None:
            in_range = abs(self.gamma) < float("inf") and (self.gamma > 0 or self.gate_kind != "ratio")
            self.require(in_range, "gamma", "positive for a ratio, finite")
            self.require(self.gate_kind != "logistic", "gamma", "None for a logistic gate, which must be fitted")
        self.require(all(k >= 0 for k in self.choose_k), "choose_k", "numbers from 0 up")
        self.require_once("choose_k")

    def text_sets(self) -> tuple[str, ...]:
        """The text sets that are concatenated."""
        return self.text.sets

    def text_encoding(self) -> TextEncoding:
        """Unprojected states and states at padding, as far as the texts need them."""
        text = self.text
        return TextEncoding(projected=text.projected, pad_to=text.max_tokens if text.padding_states else 0)

    def text_use(self) -> str:
        """Transductive text if unseen classes can be neighbours, otherwise inductive."""
        any_neighbour = any(self.choose_k or (self.text.k,))
        return "transductive text" if any_neighbour and self.text.pool == "all" else "inductive"

    def gate(self) -> GateChoice:
        """The gate that ``gate_kind`` names; stacking instead of the ratio for classifiers without errors."""
        kind = "stacking" if self.gate_kind == "ratio" and self.classifier != "flow" else self.gate_kind
        return GateChoice(kind, self.gamma)

    def grid(self) -> Sequence[FloraConfig]:
        """One configuration for each number of neighbours in ``choose_k``, if there are any."""
        return [replace(self, text=replace(self.text, k=k), choose_k=()) for k in self.choose_k] or [self]

    def zsl_config(self) -> FloraConfig | None:
        """A model with ``text.tau_zsl`` if that is given, as in the released settings."""
        text = self.text
        if text.tau_zsl is None or text.tau_zsl == text.tau:
            return None
        return replace(self, text=replace(text, tau=text.tau_zsl, tau_zsl=None))


def _validate_training(config: AlignConfig | FlowConfig) -> None:
    config.require(config.steps >= 1, "steps", "at least 1")
    config.require(config.batch_size >= 2, "batch_size", "at least 2")
    config.require(config.learning_rate > 0, "learning_rate", "positive")
    config.require(config.weight_decay >= 0, "weight_decay", "at least 0")


AS_RELEASED = {
    "text.keep_padding": True,
    "text.padding_states": True,
    "text.projected": False,
    "text.scale": "none",
    "align.hidden_dim": 768,
    "align.activation": "relu",
    "align.shared_noise": True,
    "align.spread": "log_variance",
    "flow.positions": False,
    "flow.time_scale": 1.0,
    "flow.frequencies": 256,
    "flow.error": "mean_square",
    "flow.sample_at_test": True,
}
"""Differences of the released code, except for the numbers that it sets by hand for each split.

The width of its hidden layers is not recorded; the width of the latent space stands in for it.
"""


LEVELS = {"text.sets": ["levels"], "text.max_tokens": len(TOPICS)}
"""A class's expected levels as its text: one token a topic, and at the end that of all levels."""


def presets() -> Mapping[str, FloraConfig]:
    """All presets by name.

    ``paper`` and ``cpu``; ``levels``, as ``cpu`` with expected levels for texts; ``folds``, as ``cpu`` with the number
    of neighbours, or none, chosen on folds; for each published setting
    ``<family>_<data set>_<split>``, with its length, k and tau (the GZSL value) and gamma fitted on folds; and the same
    with ``_as_released``: the published gamma, one model each for ZSL and GZSL, and :data:`AS_RELEASED`.
    """
    resource = files("zsar_kit.methods.flora") / "resources" / "presets.toml"
    named = {
        "paper": FloraConfig(),
        "cpu": cpu_preset(),
        "levels": cpu_preset().override(LEVELS),
        "folds": replace(cpu_preset(), choose_k=(0, 1, 2, 3)),
    }
    for name, row in tomllib.loads(resource.read_text(encoding="utf-8")).items():
        values = {"text.max_tokens": row["max_tokens"], "text.k": row["k"], "text.tau": row["tau"]}
        named[name] = FloraConfig().override(values)
        by_hand = {"text.tau_zsl": row["tau_zsl"], "gamma": row["gamma"]}
        named[f"{name}_as_released"] = named[name].override({**by_hand, **AS_RELEASED})
    return named


def cpu_preset() -> FloraConfig:
    """A narrow model on the start token and the pooled token, with few, large steps: 1 to 2 s a fit on one core.

    Chosen on pseudo-unseen folds of UTD-MHAD, NW-UCLA and Kinder-Gator, with seen-only and with cross-dataset
    encoders. Longer training and more word tokens overfitted and transferred worse.
    """
    return FloraConfig(
        text=TextConfig(max_tokens=1),
        align=AlignConfig(latent_dim=128, steps=150, learning_rate=1e-3),
        flow=FlowConfig(heads=4, mlp_ratio=2.0, steps=40, learning_rate=1e-3),
    )
