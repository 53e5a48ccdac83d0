"""Which encoder settings a run gets: those of a suite, or those of a named preset."""

from __future__ import annotations

from dataclasses import replace

from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.encoders.distributed import main_first
from zsar_kit.encoders.presets import encoder_preset
from zsar_kit.errors import ConfigError
from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.studies.suite import suite_encoder


def chosen_encoder(workspace: Workspace, dataset: str, suite: str, preset: str = "", stream: str = "") -> EncoderConfig:
    """The encoder settings that a command line asks for.

    Args:
        workspace: where the data set is prepared; a preset takes the number of persons from it.
        dataset: name of the data set.
        suite: the suite whose settings are used if no preset is named; default: the data set's customary suite.
        preset: name of a preset, or empty.
        stream: replaces the settings' own stream unless empty.

    Raises:
        ConfigError: a name is unknown.
        ArtefactError: the data set is not prepared.
    """
    if not preset:
        config = suite_encoder(suite, dataset)
    else:
        config = encoder_preset(preset)
        with main_first():
            skeletons = prepare_skeletons(workspace, dataset)
        config = replace(config, persons=min(config.persons, int(skeletons.index.persons.max())))
    return config.override({"stream": stream}) if stream else config


def encoder_of_run(
    workspace: Workspace, dataset: str, suite: str, preset: str, stream: str, *, features_from: str
) -> EncoderConfig:
    """The same for a run, which trains no encoder if it uses imported features.

    Raises:
        ConfigError: a name is unknown, or encoder settings come together with imported features.
        ArtefactError: the data set is not prepared.
    """
    if not features_from:
        return chosen_encoder(workspace, dataset, suite, preset, stream)
    for option, value in (("--suite", suite), ("--encoder", preset), ("--stream", stream)):
        if value:
            raise ConfigError(
                f"{option} {value} says how to train an encoder, but a run on imported features trains none",
                where="the command line",
                remedy=f"Leave out {option}, or --features-from.",
            )
    return EncoderConfig()
