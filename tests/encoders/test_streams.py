"""Streams: what an encoder sees of a clip, training on it, and the fusion of four."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.resealed import reseal
from zsar_kit.data.joints import layout
from zsar_kit.data.skeletons import STREAMS, preprocess, sample_clips, stream_clips
from zsar_kit.encoders import pretrain as module
from zsar_kit.encoders.extract import extract_features
from zsar_kit.encoders.fuse import fuse_encoders, fuse_features, fused_record
from zsar_kit.encoders.inputs import encoder_clips, ready_sequence
from zsar_kit.encoders.pretrain import describe, load_encoder, pretrain
from zsar_kit.encoders.protocol import InputProtocol
from zsar_kit.encoders.released import import_released
from zsar_kit.encoders.st_gcn import STGCN
from zsar_kit.errors import ArtefactError, ConfigError, DataError

NTU = layout("ntu25")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def slow_stream(clip: np.ndarray, stream: str) -> np.ndarray:
    """``clip[person, frame, joint, xyz]``, one number after the other."""
    value = clip.copy()
    if stream.startswith("bone"):
        for j, parent in enumerate(NTU.parents):
            value[:, :, j] = clip[:, :, j] - clip[:, :, parent]
    if stream.endswith("motion"):
        still = value.copy()
        for m in range(len(clip)):
            for t in range(clip.shape[1]):
                last = t + 1 == clip.shape[1]
                if last or not clip[m, t].any() or not clip[m, t + 1].any():
                    value[m, t] = 0.0
                else:
                    value[m, t] = still[m, t + 1] - still[m, t]
    return value


@pytest.mark.parametrize("stream", STREAMS)
def test_streams_of_clips(rng, stream):
    clips = rng.normal(size=(3, 2, 8, 25, 3)).astype(np.float32)
    clips[1, 1] = 0.0  # nobody beside the first
    clips[2, 0, 3:5] = 0.0  # somebody goes and comes
    found = stream_clips(clips, stream)
    for clip, seen in zip(clips, found, strict=True):
        np.testing.assert_allclose(seen, slow_stream(clip, stream), atol=1e-6)
    assert not found[1, 1].any()


def test_unknown_stream(rng):
    with pytest.raises(DataError, match=r"unknown stream 'bones'.*Did you mean 'bone'"):
        stream_clips(np.zeros((1, 1, 4, 25, 3), np.float32), "bones")


def test_motion_is_of_the_resampled_clip(rng, config):
    """As feeders of the field make it: crop and resample first, then difference."""
    sequence = rng.normal(size=(1, 30, 25, 3)).astype(np.float32)
    clips = encoder_clips([sequence], replace(config, stream="motion"))
    joints = sample_clips([sequence], frames=config.frames, persons=1)
    np.testing.assert_allclose(clips[:, :, :-1], np.diff(joints, axis=2), atol=1e-6)
    assert not clips[:, :, -1].any()


def test_four_streams_lie_side_by_side_and_share_crop_and_rotation(rng, config):
    sequence = rng.normal(size=(1, 30, 25, 3)).astype(np.float32)
    whole = encoder_clips([sequence], replace(config, stream="4s"), np.random.default_rng(5))
    for k, stream in enumerate(STREAMS):
        alone = encoder_clips([sequence], replace(config, stream=stream), np.random.default_rng(5))
        np.testing.assert_array_equal(whole[..., 3 * k : 3 * k + 3], alone)


def test_a_part_of_a_batch_is_the_same_as_in_the_whole(rng):
    sequences = [rng.normal(size=(2, frames, 25, 3)).astype(np.float32) for frames in (9, 30, 17, 12, 40)]
    draw = {"frames": 8, "persons": 2, "crop": (0.5, 1.0), "rotation": 0.3}
    whole = sample_clips(sequences, rng=np.random.default_rng(1), **draw)
    for kept in (range(0, 2), range(2, 5), range(3, 4)):
        part = sample_clips(sequences, rng=np.random.default_rng(1), kept=kept, **draw)
        np.testing.assert_allclose(part, whole[kept.start : kept.stop], atol=1e-6)


def test_without_alignment_positions_stay(rng, config):
    joints = rng.normal(size=(3, 6, 25, 3)).astype(np.float32) + 2.0
    joints[:, 4] = 0.0  # nobody
    joints[0] *= 0.01  # hardly moves
    ready = ready_sequence(joints[:2], "ntu25", InputProtocol("none", "none"))
    np.testing.assert_array_equal(ready, joints[:2][:, [0, 1, 2, 3, 5]])  # in their order, empty frames left out
    np.testing.assert_array_equal(
        ready_sequence(joints, "ntu25", InputProtocol("none", "none", persons=1))[0],
        joints[np.argmax(joints.var(axis=1).sum((1, 2)))][[0, 1, 2, 3, 5]],
    )
    aligned = ready_sequence(joints[:2], "ntu25", InputProtocol())
    np.testing.assert_array_equal(aligned, preprocess(joints[:2], "ntu25", persons=2))
    assert not np.allclose(aligned.mean(), ready.mean(), atol=0.1)


# --- training


@pytest.fixture(scope="module")
def st_gcn(config):
    changes = {"architecture": "st_gcn", "frames": 10, "dropout": 0.3, "optimiser": "adam", "schedule": "cosine"}
    return config.override({**changes, "learning_rate": 5e-3, "epochs": 2, "stream": "bone", "align": False})


@pytest.fixture(scope="module")
def trained_st_gcn(tmp_path_factory, skeletons, samples, split, st_gcn):
    return pretrain(skeletons, samples, split, st_gcn, tmp_path_factory.mktemp("st_gcn") / "e", progress=False)


def test_an_st_gcn_of_the_bone_stream(tmp_path, trained_st_gcn, skeletons, split, st_gcn):
    record = trained_st_gcn.record
    assert (record.name, record.stream, record.width) == ("st_gcn", "bone", st_gcn.width)
    assert record.classes == split.seen
    assert isinstance(load_encoder(trained_st_gcn.folder).model, STGCN)
    train = skeletons.index.subject < 3
    features = extract_features(skeletons, train, trained_st_gcn, tmp_path / "f", maps=True, progress=False)
    assert features.pooled.shape == (len(skeletons), trained_st_gcn.model.dim)
    assert features.maps().shape[1] == 3  # 10 frames, 5, 3
    assert (features.pooled >= 0).all()
    ready = preprocess(skeletons.sequence(5).joints, "ntu25", persons=1, centring="none", turn="none")
    clip = stream_clips(sample_clips([ready], frames=10, persons=1), "bone")
    with torch.no_grad():
        np.testing.assert_allclose(
            features.pooled[5], trained_st_gcn.model(torch.from_numpy(clip)).pooled[0], rtol=1e-4, atol=1e-5
        )


def test_adam_and_dropout_resume_with_the_same_bytes(
    tmp_path, monkeypatch, trained_st_gcn, skeletons, samples, split, st_gcn
):
    true_holdout = module._Trainer._holdout

    def interrupted(self):
        if self.history:
            raise KeyboardInterrupt
        return true_holdout(self)

    monkeypatch.setattr(module._Trainer, "_holdout", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pretrain(skeletons, samples, split, st_gcn, tmp_path / "e", progress=False)
    monkeypatch.setattr(module._Trainer, "_holdout", true_holdout)
    again = pretrain(skeletons, samples, split, st_gcn, tmp_path / "e", progress=False)
    assert again.record == trained_st_gcn.record


def test_an_architecture_that_this_version_does_not_know(tmp_path, trained_st_gcn):
    for path in trained_st_gcn.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    text = (tmp_path / "encoder.json").read_text()
    (tmp_path / "encoder.json").write_text(text.replace('"st_gcn"', '"st_gnc"'))
    reseal(tmp_path)
    with pytest.raises(ArtefactError, match=r"'st_gnc', which this version does not know.*Did you mean 'st_gcn'"):
        load_encoder(tmp_path)


# --- fusion


@pytest.fixture(scope="module")
def four(tmp_path_factory, skeletons, samples, split, config):
    """An encoder of each stream and its features, with maps."""
    root, train = tmp_path_factory.mktemp("four"), skeletons.index.subject < 3
    encoders, features = [], []
    for stream in STREAMS:
        part = replace(config, stream=stream, epochs=1)
        encoders.append(pretrain(skeletons, samples, split, part, root / stream, progress=False))
        features.append(
            extract_features(skeletons, train, encoders[-1], root / f"{stream}-f", maps=True, progress=False)
        )
    return encoders, features


@pytest.mark.parametrize("how", ["mean", "concat"])
def test_fused_features_are_the_fused_encoders(tmp_path, skeletons, four, how, split):
    encoders, sets = four
    encoder = fuse_encoders(encoders, tmp_path / "e", how=how)
    fused = fuse_features(sets, tmp_path / "f", how=how, record=encoder.record)
    joined = {
        "mean": lambda values: np.mean(values, axis=0),
        "concat": lambda values: np.concatenate(values, axis=-1),
    }[how]
    np.testing.assert_allclose(fused.pooled, joined([s.pooled for s in sets]), rtol=1e-6)
    np.testing.assert_allclose(fused.maps(), joined([s.maps().astype(np.float32) for s in sets]), rtol=2e-3, atol=1e-6)
    np.testing.assert_allclose(fused.logits, np.sum([s.logits for s in sets], axis=0), rtol=1e-5, atol=1e-5)
    direct = extract_features(skeletons, sets[0].train, encoder, tmp_path / "direct", maps=True, progress=False)
    np.testing.assert_allclose(direct.pooled, fused.pooled, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(direct.logits, fused.logits, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(direct.maps(), fused.maps(), rtol=4e-3, atol=1e-4)
    assert fused.pooled.shape[1] == encoder.model.dim == sets[0].pooled.shape[1] * (4 if how == "concat" else 1)
    assert (fused.pooled >= 0).all()
    assert fused.encoder == encoder.record
    assert fused.encoder.stream == "joint+bone+motion+bone_motion"
    assert fused.guard(split).name == "seen-only"


def test_a_fused_encoder_needs_its_parts_no_more(tmp_path, four):
    encoder = fuse_encoders(four[0], tmp_path / "e")
    again = load_encoder(tmp_path / "e")
    assert again.record == encoder.record
    assert again.config.stream == "4s"
    clip = torch.randn(2, 1, 8, 25, 12)
    with torch.no_grad():
        parts = [e.model(x).pooled for e, x in zip(four[0], clip.chunk(4, -1), strict=True)]
        torch.testing.assert_close(again.model(clip).pooled, torch.stack(parts).mean(0))
    with pytest.raises(ArtefactError, match="made from another fusion"):
        fuse_encoders(four[0], tmp_path / "e", how="concat")


def test_fused_features_are_reused_and_gain_maps_later(tmp_path, four, skeletons, monkeypatch):
    encoders, sets = four
    plain = [
        extract_features(skeletons, s.train, e, tmp_path / s.encoder.stream, progress=False)
        for e, s in zip(encoders, sets, strict=True)
    ]
    first = fuse_features(plain, tmp_path / "f")
    assert not first.has_maps
    with monkeypatch.context() as patch:
        patch.setattr("zsar_kit.data.feature_set.FeatureSet.write", None)
        assert fuse_features(plain, tmp_path / "f").digest == first.digest
    with_maps = fuse_features(sets, tmp_path / "f")
    assert with_maps.has_maps
    assert fuse_features(plain, tmp_path / "f").has_maps  # more than asked for is fine


def test_what_cannot_be_fused(tmp_path, four, skeletons):
    encoders, sets = four
    with pytest.raises(DataError, match="the streams must be joint, bone, motion, bone_motion, got bone, joint"):
        fuse_encoders([encoders[1], encoders[0], *encoders[2:]], tmp_path / "e")
    other = replace(encoders[1].config, seed=9)
    mixed = [encoders[0], dataclasses.replace(encoders[1], config=other), *encoders[2:]]
    with pytest.raises(DataError, match="the bone encoder was not trained like the joint encoder"):
        fuse_encoders(mixed, tmp_path / "e")
    seen = dataclasses.replace(encoders[1].record, classes=(0, 1, 2), class_names=())
    with pytest.raises(DataError, match="the bone and joint encoders differ in more than the stream"):
        fused_record([encoders[0].record, seen])
    train = sets[0].train
    view = extract_features(skeletons, train, encoders[1], tmp_path / "view", view=1, progress=False)
    half = np.arange(len(skeletons)) % 2 == 0
    fewer = extract_features(skeletons.select(half), train[half], encoders[1], tmp_path / "half", progress=False)
    for odd in (view, fewer):
        with pytest.raises(DataError, match="the sets to fuse have different samples or views"):
            fuse_features([sets[0], odd], tmp_path / "f")
    fuse_features(sets, tmp_path / "f")
    with pytest.raises(ArtefactError, match="made from another encoder"):
        fuse_features(sets[:2], tmp_path / "f")


def test_four_streams_are_not_one_training(tmp_path, skeletons, samples, split, config):
    with pytest.raises(ConfigError, match=r"four streams need four encoders.*Train each, then fuse them"):
        pretrain(skeletons, samples, split, replace(config, stream="4s"), tmp_path / "e", progress=False)
    for change in ({"stream": "4s"}, {"architecture": "st_gcn"}):
        with pytest.raises(ConfigError, match="a released checkpoint is one stream of a Shift-GCN"):
            import_released(tmp_path / "none.pt", tmp_path / "e", config.override(change))


def test_the_record_tells_the_stream(four):
    for encoder, stream in zip(four[0], STREAMS, strict=True):
        assert (encoder.record.stream, describe(encoder.folder)["record"]["stream"]) == (stream, stream)
