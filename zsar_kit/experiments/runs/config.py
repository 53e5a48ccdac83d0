"""What one run is: data, split, encoder, texts, method, seed. The same object in notebook, test and command line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from zsar_kit.artefacts import artefact_digest, file_digest, read_provenance
from zsar_kit.config import LATER, Config, digest_of
from zsar_kit.data.feature_set import KIND as FEATURES
from zsar_kit.data.feature_set import SCHEMA as FEATURES_SCHEMA
from zsar_kit.data.splits import class_names, load_split, part_protocols
from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.methods.base import MethodConfig
from zsar_kit.methods.registry import preset

#: the protocol of a run on given features
AS_GIVEN = "as given"


@dataclass(frozen=True)
class RunConfig(Config):
    """One fit of one method on one class split with one seed.

    Attributes:
        dataset: name of a prepared data set.
        split: name of a class split of it, or a split file.
        protocol: how samples are divided into train and test; empty for the data set's customary one.
        method: name of a method.
        preset: name of one of its presets.
        overrides: dotted fields of the preset to replace, e.g. ``{"flow.weight": 0.0}``.
        language_model: ``"offline"``, a model name, or a folder.
        encoder: how the skeleton encoder is trained (on the split's seen classes only).
        encoder_from: a released checkpoint to use in place of a trained encoder; results are marked cross-dataset.
        seed: of the method; the encoder has its own.
        folds_seed: of the choice of pseudo-unseen classes and held-out subjects.
        low_shot: share of each seen class's training samples that the method gets, at least one; the encoder gets all.
        trace: steps of the last phase, evenly spread, at which the method is scored too, so that the result can say
            what choosing a step would have given (``selections``); 0 scores the last step only.
        features_from: folder of a feature set, as ``zsar import`` makes it, to use in place of skeletons and encoder;
            it brings its own train and test part. Results are marked.
        allow_encoder_leak: accept an encoder that has seen unseen classes, or of which nobody knows; every table then
            marks the number.
    """

    dataset: str = "puppet"
    split: str = "23/5"
    protocol: str = ""
    method: str = "flora"
    preset: str = "cpu"
    overrides: dict = field(default_factory=dict)
    language_model: str = "offline"
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    encoder_from: str = ""
    seed: int = 0
    folds_seed: int = 0
    low_shot: float = 1.0
    trace: int = 0
    features_from: str = field(default="", metadata=LATER)
    allow_encoder_leak: bool = field(default=False, metadata=LATER)

    def validate(self) -> None:
        """Resolve every name, so that a misspelt one fails before anything is computed."""
        class_names(self.dataset)
        load_split(self.dataset, self.split)
        self.method_config()
        self.part_protocol()
        self.require(0 < self.low_shot <= 1, "low_shot", "in (0, 1]")
        self.require(self.trace >= 0, "trace", "at least 0")
        self.require(not (self.features_from and self.encoder_from), "encoder_from", "empty where features are given")

    def method_config(self) -> MethodConfig:
        """The preset with its overrides."""
        return preset(self.method, self.preset).override(self.overrides)

    def part_protocol(self) -> str:
        """The part protocol's name, the customary one where none is given; given features have parts of their own."""
        if self.features_from:
            self.require(not self.protocol, "protocol", "empty where features are given, which have their own parts")
            return AS_GIVEN
        known = part_protocols(self.dataset)
        if not self.protocol:
            return known[0]
        self.require(self.protocol in known, "protocol", f"one of {', '.join(known)}")
        return self.protocol

    def digest(self) -> str:
        """Digest of everything that determines the result: names are replaced by what they stand for."""
        content = self.identity()
        for name in ("preset", "overrides", "split"):
            content.pop(name)
        content["split"] = load_split(self.dataset, self.split).digest()
        content["protocol"] = self.part_protocol()
        content["method_config"] = self.method_config().identity()
        content["encoder_from"] = file_digest(self.encoder_from) if self.encoder_from else ""
        if self.features_from:
            content.pop("encoder")
            content["features_from"] = features_digest(self.features_from)
        return digest_of(content)

    def folder_name(self) -> str:
        """Readable name of the run's folder, ending in the digest."""
        parts = (self.dataset, self.split, self.method, self.preset, f"s{self.seed}", self.digest())
        return "_".join(slug(p) for p in parts)


def features_digest(folder: str | Path) -> str:
    """Content digest of a feature set.

    Raises:
        ArtefactError: there is none.
    """
    read_provenance(folder, FEATURES, version=FEATURES_SCHEMA)
    return artefact_digest(folder)


def slug(text: str) -> str:
    """A piece of a file name: ``"23/5"`` becomes ``"23-5"``."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")
