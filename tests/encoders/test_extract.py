"""Extraction: what the encoder says, once per sample, whatever the batch and however often it was interrupted."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from zsar_kit.data.skeletons import preprocess, sample_clips
from zsar_kit.data.splits import ClassSplit
from zsar_kit.encoders import extract as module
from zsar_kit.encoders.extract import extract_features
from zsar_kit.encoders.pretrain import TrainedEncoder
from zsar_kit.errors import ArtefactError, LeakageError


@pytest.fixture
def train(skeletons):
    return skeletons.index.subject < 3


@pytest.fixture
def extract(tmp_path, monkeypatch, skeletons, train, trained):
    """Extraction with defaults for what a test does not vary; 48 samples make four chunks."""
    monkeypatch.setattr(module, "CHUNK", 12)

    def run(name="f", **changes):
        arguments = {"skeletons": skeletons, "train": train, "encoder": trained, "batch": 12, **changes}
        return extract_features(folder=tmp_path / name, progress=False, **arguments)

    return run


@pytest.fixture
def counted(monkeypatch):
    """Counts the chunks that are encoded, and interrupts where told."""

    class Counter:
        chunks, stop_at = 0, None

    true = module._encode_chunk

    def encode(*args):
        if Counter.chunks == Counter.stop_at:
            raise KeyboardInterrupt
        Counter.chunks += 1
        return true(*args)

    monkeypatch.setattr(module, "_encode_chunk", encode)
    return Counter


def test_equals_a_direct_forward_pass(extract, skeletons, train, trained):
    features = extract(maps=True)
    config = trained.config
    for i in (0, 11, 12, 47):
        ready = preprocess(skeletons.sequence(i).joints, "ntu25", persons=config.persons)
        clip = torch.from_numpy(sample_clips([ready], frames=config.frames, persons=config.persons))
        with torch.no_grad():
            output = trained.model(clip, maps=True)
        np.testing.assert_allclose(features.pooled[i], output.pooled[0].numpy(), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(features.logits[i], output.logits[0].numpy(), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(features.maps()[i], output.maps[0].numpy(), rtol=2e-3, atol=1e-4)
    assert (features.samples == skeletons.index.sample).all()
    assert (features.labels == skeletons.index.label).all()
    assert (features.train == train).all()


def test_mean_of_maps_is_the_pooled_feature(extract, skeletons, trained):
    features = extract(maps=True)
    assert features.maps().dtype == np.float16
    assert features.maps().shape == (len(skeletons), trained.config.frames // 4, 25, trained.model.config.dim)
    # Half precision has eleven bits.
    mean = features.maps().astype(np.float64).mean((1, 2))
    np.testing.assert_allclose(mean, features.pooled, rtol=1e-3, atol=1e-4)


def test_record_of_seen_classes_guards_the_features(extract, split, trained):
    features = extract()
    assert features.encoder == trained.record
    assert features.guard(split).name == "seen-only"
    assert set(features.labels[features.train]) >= set(split.seen)
    with pytest.raises(LeakageError, match="2"):
        features.guard(ClassSplit("toy", "other", 4, (2,)))


def test_deterministic_whatever_the_batch(extract):
    first, again = extract("1"), extract("2")
    assert first.digest == again.digest
    other = extract("other", batch=5)
    np.testing.assert_allclose(other.pooled, first.pooled, rtol=1e-4, atol=1e-5)


def test_interrupted_extraction_goes_on_from_its_chunks(tmp_path, extract, counted):
    expected = extract("whole")
    counted.chunks, counted.stop_at = 0, 3
    with pytest.raises(KeyboardInterrupt):
        extract("f")
    assert not (tmp_path / "f").exists()
    assert len(list((tmp_path / "f.partial").iterdir())) == 3
    counted.stop_at = None
    features = extract("f")
    assert counted.chunks == 4
    assert features.digest == expected.digest
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f", "whole"]


def test_finished_features_are_reused(extract, counted):
    first = extract()
    assert counted.chunks == 4
    assert extract().digest == first.digest
    assert counted.chunks == 4


def test_maps_are_made_when_they_are_asked_for_later(extract, counted):
    counted.stop_at = 2
    with pytest.raises(KeyboardInterrupt):
        extract()
    counted.stop_at = None
    assert extract(maps=True).has_maps  # the two chunks without maps were not taken
    assert counted.chunks == 2 + 4
    assert not extract("other").has_maps
    assert extract("other", maps=True).has_maps
    assert extract("other").has_maps  # more than asked for is fine


def test_chunks_of_other_samples_are_not_taken(extract, counted, skeletons, train):
    """``select`` does not change the digest of a set, so the names must decide."""
    expected = extract("whole").pooled
    counted.chunks, counted.stop_at = 0, 1
    with pytest.raises(KeyboardInterrupt):
        extract()
    counted.stop_at = None
    odd = np.arange(len(skeletons)) % 2 == 1
    features = extract(skeletons=skeletons.select(odd), train=train[odd])
    np.testing.assert_allclose(features.pooled, expected[odd], rtol=1e-4, atol=1e-5)
    with pytest.raises(ArtefactError, match=r"made for another choice of samples.*Use another folder"):
        extract()


def test_features_of_other_inputs_are_refused(extract, train, trained):
    extract()
    with pytest.raises(ArtefactError, match="made for another choice of training part"):
        extract(train=~train)
    record = dataclasses.replace(trained.record, digest="another")
    other = TrainedEncoder(trained.model, trained.config, record, trained.folder)
    with pytest.raises(ArtefactError, match="the features were made from another encoder"):
        extract(encoder=other)
