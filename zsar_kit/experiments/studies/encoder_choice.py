"""Which encoder settings a run gets: those of a suite, or those of a named preset."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.encoders.distributed import main_first
from zsar_kit.encoders.presets import encoder_preset
from zsar_kit.errors import ConfigError
from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.studies.suite import Suite, fallback_encoder, suite_encoder


@dataclass(frozen=True)
class Changes:
    """What a command line changes in the settings of an encoder; empty values change nothing.

    Attributes:
        stream: the stream.
        centring: what becomes the origin (see :class:`~zsar_kit.encoders.protocol.InputProtocol`).
        frames: length of a clip.
    """

    stream: str = ""
    centring: str = ""
    frames: int = 0

    def fields(self) -> dict[str, Any]:
        """The fields that change."""
        return {name: value for name, value in asdict(self).items() if value}


def chosen_encoder(
    workspace: Workspace, dataset: str, suite: str, preset: str = "", changes: Changes = Changes()
) -> EncoderConfig:
    """The encoder settings that a command line asks for.

    Args:
        workspace: where the data set is prepared; a preset takes the number of persons from it.
        dataset: name of the data set.
        suite: the suite whose settings are used if no preset is named; default: the data set's customary suite.
        preset: name of a preset, or empty.
        changes: replace fields of the settings.

    Raises:
        ConfigError: a name is unknown, or a value is out of range.
        ArtefactError: the data set is not prepared.
    """
    if not preset:
        config = suite_encoder(suite, dataset)
    else:
        config = encoder_preset(preset)
        with main_first():
            skeletons = prepare_skeletons(workspace, dataset)
        config = replace(config, persons=min(config.persons, int(skeletons.index.persons.max())))
    return config.override(changes.fields())


def encoder_of_run(
    workspace: Workspace,
    dataset: str,
    suite: str,
    preset: str,
    changes: Changes,
    *,
    features_from: str = "",
    encoder_from: str = "",
    primitives_alone: bool = False,
) -> EncoderConfig:
    """The same for a run, which trains no encoder if it uses imported features, primitives or a released encoder.

    Raises:
        ConfigError: a name is unknown, or settings come together with imported features or primitives alone, or an
            input protocol with a released encoder, which brings its own.
        ArtefactError: the data set is not prepared.
    """
    own = {"--centring": changes.centring, "--frames": changes.frames}
    if features_from or primitives_alone:
        options = {"--suite": suite, "--encoder": preset, "--stream": changes.stream, **own}
        which = "imported features" if features_from else "kinematic primitives alone"
        problem = f"says how to train an encoder, but a run on {which} trains none"
        other = "--features-from" if features_from else "take --features both"
    else:
        options, other = own if encoder_from else {}, "--encoder-from"
        problem = "says what an encoder gets as input, but a released one brings the input it was trained on"
    for option, value in options.items():
        if value:
            remedy = f"Leave out {option}, or {other}."
            raise ConfigError(f"{option} {value} {problem}", where="the command line", remedy=remedy)
    if features_from:
        return EncoderConfig()
    if primitives_alone:  # the customary settings, of which nothing has to be said as nothing is trained
        customary = Suite.load("", dataset)
        return customary.encoder(dataset) if dataset in customary.encoders else fallback_encoder(dataset)
    return chosen_encoder(workspace, dataset, suite, preset, changes)
