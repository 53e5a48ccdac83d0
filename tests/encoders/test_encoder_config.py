"""Encoder settings: old ones keep their digests, presets are the papers' schedules."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch

from zsar_kit.cli.data import FeatureOptions
from zsar_kit.cli.runs import TrainOptions
from zsar_kit.data.catalogue import most_persons
from zsar_kit.data.skeletons import STREAMS
from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.encoders.presets import encoder_preset, encoder_presets
from zsar_kit.encoders.protocol import RELEASED, InputProtocol
from zsar_kit.errors import ConfigError
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.studies.notebooks import (
    ClipParameters,
    EvaluateParameters,
    QuickstartParameters,
    TrainParameters,
)
from zsar_kit.experiments.studies.suite import Suite, customary_suite, suite_encoder


def test_settings_of_before_keep_their_digests():
    """Encoders and runs on disk lie under them."""
    assert EncoderConfig().digest() == "3760574cb0f4"
    assert EncoderConfig(width=0.25, persons=1, epochs=40).digest() == "eb589f12b26c"
    assert RunConfig(method="ridge", preset="motion").digest() == "124be67ec646"


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": "st_gcn"},
        {"stream": "bone"},
        {"stream": "4s"},
        {"stream": "4s", "fusion": "concat"},
        {"align": False},
        {"optimiser": "adam"},
        {"schedule": "cosine"},
        {"architecture": "st_gcn", "dropout": 0.5},
        {"architecture": "st_gcn", "graph": "released"},
    ],
)
def test_each_new_setting_changes_the_digest(change):
    config = EncoderConfig().override(change)
    without = EncoderConfig().override({k: v for k, v in change.items() if k != list(change)[-1]})
    assert config.digest() != without.digest()
    assert RunConfig(encoder=config).digest() != RunConfig(encoder=without).digest()
    assert EncoderConfig.from_dict(config.to_dict()) == config


def test_four_streams_are_trained_as_single_ones():
    config = EncoderConfig(stream="4s", fusion="concat", epochs=7)
    assert config.streams == STREAMS
    assert config.single_streams()[0] == EncoderConfig(epochs=7)  # an encoder of the joint stream is used again
    assert [c.stream for c in config.single_streams()] == list(STREAMS)
    assert EncoderConfig(stream="bone").single_streams() == (EncoderConfig(stream="bone"),)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "st_gcn", "frames": 3}, "'frames' must be at least 4, got 3"),
        ({"frames": 50}, "'frames' must be a positive multiple of 4, got 50"),
        ({"dropout": 0.5}, "'dropout' must be 0 for a Shift-GCN"),
        ({"graph": "released"}, "'graph' must be 'paper' for a Shift-GCN"),
        ({"architecture": "st_gcn", "dropout": 1.0}, r"'dropout' must be in \[0, 1\)"),
        ({"stream": "bones"}, "'stream' must be one of 'joint', 'bone'"),
        ({"optimiser": "adamw"}, "'optimiser' must be one of 'sgd', 'adam'"),
    ],
)
def test_ranges(changes, message):
    with pytest.raises(ConfigError, match=message):
        EncoderConfig().override(changes)


#: preset: start value, and the epochs at which the rate is a tenth of that of the epoch before
STEPS = {
    "shift_gcn": (140, 64, [60, 80, 100]),
    "neuron": (110, 64, [60, 80, 100]),
    "flora": (100, 32, [60, 80]),
    "shift_gcn_300": (140, 64, [60, 80, 100]),
    "flora_300": (100, 32, [60, 80]),
    "cpu": (40, 32, [24, 34]),
}


@pytest.mark.parametrize("name", STEPS)
def test_rates_of_the_papers_fall_at_whole_epochs(name):
    epochs, batch, falls = STEPS[name]
    config = encoder_preset(name)
    assert (config.epochs, config.batch, config.learning_rate, config.weight_decay) == (epochs, batch, 0.1, 1e-4)
    assert (config.optimiser, config.momentum, config.architecture) == ("sgd", 0.9, "shift_gcn")
    fallen = [e for e in range(2, epochs) if config.rate(e) == pytest.approx(0.1 * config.rate(e - 1))]
    assert fallen == falls
    for fall in falls:  # not a step too early
        assert config.rate(fall - 1e-3) == pytest.approx(10 * config.rate(fall))


def test_smies_encoder_anneals_as_torch_does():
    config = encoder_preset("st_gcn_smie")
    assert (config.architecture, config.frames, config.batch, config.optimiser) == ("st_gcn", 50, 128, "adam")
    optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=5e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 150)
    for epoch in range(150):
        assert config.rate(epoch) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-6, abs=1e-9)
        assert config.rate(epoch + 0.99) == config.rate(epoch)
        optimizer.step()
        scheduler.step()


def test_presets_by_name():
    assert set(encoder_presets()) == {*STEPS, "st_gcn_smie"}
    for name in ("shift_gcn", "flora"):  # the same schedule on the clips of the released code
        as_released = encoder_preset(f"{name}_300")
        own = {key: getattr(encoder_preset(name), key) for key in ("centring", "turn", "frames", "fit")}
        assert as_released.override(own) == encoder_preset(name)
    assert encoder_preset("shift_gcn_300").protocol == RELEASED
    assert encoder_preset("flora_300").protocol == InputProtocol("none", "none", 300, "padded")
    with pytest.raises(ConfigError, match=r"unknown encoder preset 'st_gcn_smei'.*Did you mean 'st_gcn_smie'"):
        encoder_preset("st_gcn_smei")


@pytest.mark.parametrize(("dataset", "persons"), [("ntu60", 2), ("pku_mmd_2", 2), ("utd_mhad", 1)])
def test_a_data_set_without_settings_gets_the_cpu_preset_and_is_told(dataset, persons, caplog):
    suite = Suite(f"nothing of {dataset}", (), (), {"puppet": {"width": 0.5}})
    with caplog.at_level("INFO", logger="zsar_kit"):
        found = {suite.encoder(dataset), suite.encoder(dataset)}
    assert found == {encoder_preset("cpu").override({"persons": persons})}
    assert suite.encoder(dataset, 7) == encoder_preset("cpu").override({"persons": persons, "seed": 7})
    assert [r.getMessage() for r in caplog.records] == [
        f"No encoder settings for {dataset} in the suite 'nothing of {dataset}': the encoder preset cpu is used."
    ]
    assert suite.encoder("puppet") == EncoderConfig(width=0.5)


@pytest.mark.parametrize("dataset", ["utd_mhad", "nw_ucla", "kinder_gator"])
def test_the_persons_of_a_data_set_are_those_of_its_suite(dataset):
    assert Suite.load("real").encoder(dataset).persons == most_persons(dataset) == 1


#: of the encoders that suites had for their own data sets when results were made; what stands under them must be found
DIGESTS = {
    "demo": {"puppet": "53f0e56e303f"},
    "real": {"utd_mhad": "f491911b508a", "nw_ucla": "1439e72c5371", "kinder_gator": "f491911b508a"},
}
DIGESTS |= {suite: DIGESTS["real"] for suite in ("random", "primitives_grid", "primitives_fused")}  # which borrow them


@pytest.mark.parametrize("suite", DIGESTS)
def test_the_settings_of_suites_stay(suite):
    assert {name: Suite.load(suite).encoder(name).digest() for name in Suite.load(suite).encoders} == DIGESTS[suite]


def test_one_default_suite_for_all_commands():
    assert (customary_suite("puppet"), customary_suite("ntu60"), customary_suite("utd_mhad")) == (
        "demo",
        "real",
        "real",
    )
    assert suite_encoder("", "puppet") == suite_encoder("demo", "puppet")
    assert suite_encoder("", "utd_mhad") == suite_encoder("real", "utd_mhad")
    assert Suite.load("", "puppet") == Suite.load("demo")
    with pytest.raises(ConfigError, match="unknown suite ''"):
        Suite.load("")
    choices = [field.default for field in fields(TrainOptions) if field.name == "suite"]
    choices += [field.default for field in fields(FeatureOptions) if field.name == "suite"]
    choices += [kind().suite for kind in (QuickstartParameters, TrainParameters, EvaluateParameters, ClipParameters)]
    assert set(choices) == {""}


def test_a_suite_may_change_a_preset():
    suite = Suite("t", (), (), {"puppet": {"preset": "flora", "persons": 1}, "nw_ucla": {"width": 0.5}})
    assert suite.encoder("puppet", 3) == encoder_preset("flora").override({"persons": 1, "seed": 3})
    assert suite.encoder("nw_ucla") == EncoderConfig(width=0.5)
