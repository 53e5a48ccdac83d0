"""The configuration of one run: data, split, encoder, texts, method and seed; the same everywhere in the kit."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zsar_kit.artefacts import file_digest
from zsar_kit.config import LATER, Config, digest_of, later
from zsar_kit.data.catalogue import customary_protocol, is_flat
from zsar_kit.data.class_split import ClassSplit
from zsar_kit.data.splits import (
    FEWEST_UNSEEN,
    FOLD_ENCODERS,
    FOLDS_PER_ENCODER,
    class_names,
    load_split,
    part_protocols,
)
from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.encoders.protocol import RELEASED
from zsar_kit.errors import ConfigError, MissingModelError, SplitError
from zsar_kit.experiments.pipeline.workspace import slug
from zsar_kit.primitives.attributes import VERSION, attributes_digest
from zsar_kit.semantics.editions import BEFORE_EDITIONS, CURRENT, Edition

if TYPE_CHECKING:
    from zsar_kit.methods.base import Method, MethodConfig

#: the protocol of a run on imported features, which have their own train and test parts
AS_GIVEN = "as given"
#: the most pseudo-unseen folds that a run can have
FOLDS = FOLD_ENCODERS * FOLDS_PER_ENCODER


@dataclass(frozen=True)
class RunConfig(Config):
    """One fit of one method on one class split with one seed.

    Attributes:
        dataset: name of a prepared data set.
        split: name of one of its class splits, or a split file.
        protocol: how samples are divided into train and test; default: the data set's customary protocol.
        method: name of a method.
        preset: name of one of its presets; the default is ``cpu`` if the method has one, else its first.
        overrides: dotted fields of the preset to replace, e.g. ``{"flow.weight": 0.0}``.
        language_model: ``"offline"``, a model name, or a folder.
        encoder: how the skeleton encoder is trained (on the split's seen classes only).
        encoder_from: a released checkpoint to use instead of training an encoder; results are marked cross-dataset.
        seed: seed of the method; the encoder has its own.
        folds_seed: seed that draws pseudo-unseen classes and held-out subjects.
        folds: number of pseudo-unseen folds that choose; fewer where the seen classes do not allow as many. The folds
            of one encoder share their fits, so that eight cost two fits of the method.
        low_shot: share of each seen class's training samples that the method gets, at least one; the encoder gets all,
            and the folds that choose settings and gamma score all.
        shots: number of each seen class's training samples that the method gets, at most all; 0 for what ``low_shot``
            says.
        precision: of the method's training steps; ``bfloat16`` computes what allows it with 8 bits of mantissa, which
            is quicker on accelerators that have it. Scores are always computed in float32.
        encoder_shots: whether the encoder gets only these samples too, instead of all.
        trace: number of evenly spaced steps of the last phase at which the method is also scored, so that the result
            can say what choosing a step would have given (``selections``); 0 scores the last step only.
        features_from: folder of a feature set written by ``zsar import``, to use instead of skeletons and an encoder;
            it has its own train and test parts. Results are marked.
        allow_encoder_leak: accept an encoder that has seen unseen classes, or whose training classes are unknown; every
            table then marks the results.
        features: features of the clips: of the ``encoder``, the measured ``primitives``, or ``both`` side by side;
            empty for what the method is made for.
        edition: edition of the class texts; runs stored without one were made with the first.
    """

    dataset: str = "puppet"
    split: str = "23/5"
    protocol: str = ""
    method: str = "flora"
    preset: str = ""
    overrides: dict = field(default_factory=dict)
    language_model: str = "offline"
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    encoder_from: str = ""
    seed: int = 0
    folds_seed: int = 0
    folds: int = FOLDS
    low_shot: float = 1.0
    trace: int = 0
    features_from: str = field(default="", metadata=LATER)
    allow_encoder_leak: bool = field(default=False, metadata=LATER)
    edition: Edition = field(default=CURRENT, metadata=later(BEFORE_EDITIONS))
    features: Literal["", "encoder", "primitives", "both"] = field(default="", metadata=LATER)
    shots: int = field(default=0, metadata=LATER)
    encoder_shots: bool = field(default=False, metadata=LATER)
    precision: Literal["float32", "bfloat16"] = field(default="float32", metadata=LATER)

    def __repr__(self) -> str:
        changed = [f"{k}={v!r}" for k, v in self.overrides.items()]
        changed += [] if self.encoder == EncoderConfig() else [repr(self.encoder)]
        shown = ", ".join([f"{self.method} ({self.preset})", f"seed {self.seed}", *changed])
        return f"RunConfig({self.dataset} {self.split}, {shown})"

    def validate(self) -> None:
        """Check ranges and resolve every name, so that a misspelt one fails before anything is computed."""
        if not self.preset:
            from zsar_kit.methods.registry import customary_preset

            object.__setattr__(self, "preset", customary_preset(self.method))
        self.require(0 < self.low_shot <= 1, "low_shot", "in (0, 1]")
        self.require(self.shots >= 0, "shots", "at least 0")
        self.require(not (self.shots and self.low_shot < 1), "shots", "0 where low_shot is below 1")
        trained = not (self.features_from or self.encoder_from) and self.features != "primitives"
        allowed = not self.encoder_shots or (self.shots >= 2 and trained)
        self.require(allowed, "encoder_shots", "False unless an encoder is trained and shots is 2 or more")
        self.require(1 <= self.folds <= FOLDS, "folds", f"1 to {FOLDS}")
        self.require(self.trace >= 0, "trace", "at least 0")
        self.require(not (self.features_from and self.encoder_from), "encoder_from", "empty with imported features")
        self.resolve()

    def resolve(self) -> RunPlan:
        """The run with every name resolved; looked up once per configuration.

        Raises:
            DataError: the data set is unknown.
            SplitError: the class split is unknown, or has a single unseen class.
            ConfigError: the method, preset, a field of the preset, or the protocol is unknown.
        """
        return self._plan

    @cached_property
    def _plan(self) -> RunPlan:
        from zsar_kit.methods.registry import method_entry, preset

        class_names(self.dataset)
        split = load_split(self.dataset, self.split)
        if len(split.unseen) < FEWEST_UNSEEN:
            raise SplitError(
                f"split {split.name!r} of {self.dataset} has a single unseen class, so there is nothing to tell apart",
                where="split",
                remedy=f"Use a split with at least {FEWEST_UNSEEN} unseen classes.",
            )
        method_config = preset(self.method, self.preset).override(self.overrides)
        features = self.features or ("encoder" if self.features_from else method_config.reads())
        flat = method_config.accepts_flat()
        if is_flat(self.dataset) and not (flat and features == "encoder" and not self.encoder_from):
            what = f"the method {self.method!r}" if not flat else "a released encoder, like primitives,"
            raise ConfigError(
                f"{self.dataset} has points of a picture, without depth, and {what} reads bodies in space",
                where="dataset",
                remedy="Take a method that learns from an encoder of these data, such as flora or ridge.",
            )
        return RunPlan(self, split, self._protocol(), method_entry(self.method).method, method_config, features)

    def _protocol(self) -> str:
        """Name of the protocol; default: the data set's customary protocol."""
        if self.features_from:
            self.require(not self.protocol, "protocol", "empty with imported features, which have their own parts")
            return AS_GIVEN
        known = part_protocols(self.dataset)
        if not self.protocol:
            return customary_protocol(self.dataset)
        self.require(self.protocol in known, "protocol", f"one of {', '.join(known)}")
        return self.protocol

    def digest(self) -> str:
        """Digest of everything that determines the result, with every name resolved."""
        return digest_of(self.resolve().content())

    def folder_name(self) -> str:
        """Readable name of the run's folder, ending in the digest."""
        parts = (self.dataset, self.split, self.method, self.preset, f"s{self.seed}", self.digest())
        return "_".join(slug(p) for p in parts)


@dataclass(frozen=True, eq=False, repr=False)
class RunPlan:
    """A run with every name of its configuration resolved; made by :meth:`RunConfig.resolve`.

    Attributes:
        config: the configuration as requested.
        split: the class split.
        protocol: how samples are divided into train and test; :data:`AS_GIVEN` on imported features.
        method: the method's class.
        method_config: the preset with its overrides.
        features: ``encoder``, ``primitives`` or ``both``.
    """

    config: RunConfig
    split: ClassSplit
    protocol: str
    method: type[Method]
    method_config: MethodConfig
    features: str = "encoder"

    def __post_init__(self) -> None:
        views = self.method_config.map_views()
        if views > 1 and not (self.config.encoder_from or self.config.encoder.augments):
            raise ConfigError(
                f"{views} views of each clip are asked for, but the encoder neither crops nor turns clips, so that all "
                "of them are the same",
                where="RunConfig",
                remedy="Take one view, or an encoder with a crop below 1 or a rotation above 0.",
            )
        if self.features == "encoder":
            return
        self.config.require(not self.config.features_from, "features", "'encoder' with imported features")
        if views:
            name = self.config.method
            raise ConfigError(
                f"'features' must be 'encoder' for {name}, which reads features joint by joint and frame by frame, got "
                f"{self.features!r}: an attribute is one number a clip",
                where="RunConfig",
                remedy="Give its classes levels instead (docs/primitives.md), or a method on pooled features, such as "
                "flora or ridge, these features.",
            )

    def __repr__(self) -> str:
        return f"RunPlan({self.config!r}, protocol={self.protocol!r}, method={self.method.__name__})"

    def resolved(self) -> dict[str, Any]:
        """What the names resolve to, JSON-ready; stored in the run folder."""
        return {
            "split": self.split.digest(),
            "protocol": self.protocol,
            "method_config": self.method_config.identity(),
        }

    def content(self) -> dict[str, Any]:
        """Everything that determines the result, files by their digests.

        Raises:
            ArtefactError: ``features_from`` holds no feature set.
            MissingModelError: ``encoder_from`` is no file.
        """
        from zsar_kit.experiments.pipeline.imported_features import features_digest

        config = self.config
        features = features_digest(config.features_from) if config.features_from else ""
        content = content_of(config, self.resolved(), features)
        content.pop("features", None)
        if self.features != "encoder":
            content["features"] = {"of": self.features, "attributes": attributes_digest(), "version": VERSION}
        if self.features == "primitives":
            # No encoder takes part.
            del content["encoder"], content["encoder_from"]
            return content
        content["encoder_from"] = _checkpoint_digest(config.encoder_from) if config.encoder_from else ""
        if config.encoder_from:
            content["input"] = RELEASED.digest()
        return content


def _checkpoint_digest(path: str) -> str:
    """The digest of a released checkpoint's file."""
    if not Path(path).is_file():
        raise MissingModelError("checkpoint not found", where=path, remedy="Name the released checkpoint's file.")
    return file_digest(path)


def content_of(config: RunConfig, resolved: dict[str, Any], features: str) -> dict[str, Any]:
    """The content of a configuration, with every name resolved.

    Args:
        config: the configuration.
        resolved: see :meth:`RunPlan.resolved`.
        features: content digest of the imported features; empty for a run on skeletons.
    """
    content = config.identity()
    for name in ("preset", "overrides"):
        del content[name]
    content |= resolved
    if config.features_from:
        del content["encoder"]
        content["features_from"] = features
    return content
