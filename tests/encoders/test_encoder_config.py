"""Encoder settings: old ones keep their digests, presets are the papers' schedules."""

from __future__ import annotations

import pytest
import torch

from zsar_kit.data.skeletons import STREAMS
from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.encoders.presets import encoder_preset, encoder_presets
from zsar_kit.errors import ConfigError
from zsar_kit.experiments.config import RunConfig
from zsar_kit.experiments.sweep import Suite


def test_settings_of_before_keep_their_digests():
    """Encoders and runs on disk lie under them."""
    assert EncoderConfig().digest() == "3760574cb0f4"
    assert EncoderConfig(width=0.25, persons=1, epochs=40).digest() == "eb589f12b26c"
    assert RunConfig(method="ridge", preset="motion").digest() == "473a4f816adf"


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
    with pytest.raises(ConfigError, match=r"unknown encoder preset 'st_gcn_smei'.*Did you mean 'st_gcn_smie'"):
        encoder_preset("st_gcn_smei")


def test_a_suite_may_change_a_preset():
    suite = Suite("t", (), (), {"puppet": {"preset": "flora", "persons": 1}, "nw_ucla": {"width": 0.5}})
    assert suite.encoder("puppet", 3) == encoder_preset("flora").override({"persons": 1, "seed": 3})
    assert suite.encoder("nw_ucla") == EncoderConfig(width=0.5)
