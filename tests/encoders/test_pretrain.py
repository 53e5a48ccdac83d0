"""Pretraining: unseen classes stay out, the held-out part chooses, and an interruption leaves no trace."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.resealed import reseal
from zsar_kit.artefacts import read_json
from zsar_kit.data.skeletons import preprocess, sample_clips
from zsar_kit.data.splits import ClassSplit
from zsar_kit.encoders import pretrain as module
from zsar_kit.encoders.pretrain import EncoderConfig, describe, holdout_mask, load_encoder, pretrain
from zsar_kit.errors import ArtefactError, ConfigError, DataError, LeakageError

FILES = ("weights.safetensors", "history.json", "encoder.json", "provenance.json")


def accuracy(encoder, skeletons, samples, split):
    config = encoder.config
    ready = [preprocess(skeletons.sequence(int(i)).joints, skeletons.layout, persons=1) for i in samples]
    clips = torch.from_numpy(sample_clips(ready, frames=config.frames, persons=config.persons))
    with torch.no_grad():
        found = encoder.model(clips).logits.argmax(1).numpy()
    return (np.array(split.seen)[found] == skeletons.index.label[samples]).mean()


@pytest.mark.slow
def test_learns_a_trivial_task(tmp_path, skeletons, samples, split, config):
    """Three seen classes: chance is a third."""
    longer = replace(config, width=0.125, epochs=8, batch=4, learning_rate=0.05, milestones=(), rotation=0.0, crop=1.0)
    encoder = pretrain(skeletons, samples, split, longer, tmp_path / "e", progress=False)
    assert accuracy(encoder, skeletons, samples, split) > 0.8
    assert describe(encoder.folder)["holdout_accuracy"] > 80.0


def test_finished_encoder_is_whole_and_ready(trained, split, skeletons, config):
    assert sorted(p.name for p in trained.folder.iterdir()) == sorted(FILES)
    assert not trained.folder.with_name("e.partial").exists()
    assert not trained.model.training
    assert trained.config == config
    record = trained.record
    assert (record.name, record.stream, record.dataset, record.width) == ("shift_gcn", "joint", "toy", config.width)
    assert record.classes == split.seen
    assert record.class_names == tuple(skeletons.class_names[c] for c in split.seen)
    assert trained.model.config.classes == len(split.seen)


def test_history_and_choice_of_the_epoch(trained, config):
    history, about = read_json(trained.folder / "history.json"), describe(trained.folder)
    assert [h["epoch"] for h in history] == list(range(config.epochs))
    assert all(np.isfinite(list(h.values())).all() for h in history)
    assert [h["learning_rate"] for h in history] == [config.rate(e) for e in range(config.epochs)]
    best = max(history, key=lambda h: (h["holdout_accuracy"], -h["holdout_loss"]))
    assert about["best_epoch"] == best["epoch"]
    assert about["holdout_accuracy"] == best["holdout_accuracy"]
    assert (about["training_samples"], about["holdout_samples"]) == (27, 9)


def test_weights_are_those_of_the_best_epoch(tmp_path, monkeypatch, skeletons, samples, split, config):
    scripted, states = [(1.0, 90.0), (0.9, 90.0), (0.1, 70.0)], []

    def holdout(self):
        states.append({k: v.clone() for k, v in self.model.state_dict().items()})
        return scripted[len(states) - 1]

    monkeypatch.setattr(module._Trainer, "_holdout", holdout)
    encoder = pretrain(skeletons, samples, split, config, tmp_path / "e", progress=False)
    assert describe(encoder.folder)["best_epoch"] == 1  # among equal accuracies the lower loss
    found = encoder.model.state_dict()
    assert all(torch.equal(v, found[k]) for k, v in states[1].items())
    assert not torch.equal(states[2]["fc.weight"], found["fc.weight"])


def test_patience(tmp_path, monkeypatch, skeletons, samples, split, config):
    monkeypatch.setattr(module._Trainer, "_holdout", lambda self: (1.0, 50.0))
    config = replace(config, patience=1)
    encoder = pretrain(skeletons, samples, split, config, tmp_path / "e", progress=False)
    assert describe(encoder.folder)["epochs"] == 2


@pytest.mark.parametrize("at", [0, 2])
def test_resumed_training_ends_with_the_same_bytes(
    tmp_path, monkeypatch, trained, skeletons, samples, split, config, at
):
    """Interrupted after the steps of an epoch and before its state is saved."""
    true_holdout, epochs = module._Trainer._holdout, []

    def interrupted(self):
        if len(self.history) == at:
            raise KeyboardInterrupt
        epochs.append(len(self.history))
        return true_holdout(self)

    monkeypatch.setattr(module._Trainer, "_holdout", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pretrain(skeletons, samples, split, config, tmp_path / "e", progress=False)
    assert not (tmp_path / "e").exists()
    monkeypatch.setattr(
        module._Trainer, "_holdout", lambda self: epochs.append(len(self.history)) or true_holdout(self)
    )
    encoder = pretrain(skeletons, samples, split, config, tmp_path / "e", progress=False)
    assert epochs == list(range(config.epochs))  # no epoch was done twice
    for name in FILES:
        assert (encoder.folder / name).read_bytes() == (trained.folder / name).read_bytes()
    assert encoder.record == trained.record


def test_another_seed_is_another_encoder(tmp_path, trained, skeletons, samples, split, config):
    other = pretrain(skeletons, samples, split, replace(config, seed=1, epochs=1), tmp_path / "e", progress=False)
    assert other.record.digest != trained.record.digest


def test_finished_encoder_is_reused(monkeypatch, trained, skeletons, samples, split, config):
    def refuse(*args):
        raise AssertionError("trained again")

    monkeypatch.setattr(module, "_Trainer", refuse)
    mask = np.isin(np.arange(len(skeletons)), samples)
    for chosen in (samples, mask):
        again = pretrain(skeletons, chosen, split, config, trained.folder, progress=False)
        assert again.record == trained.record


def test_finished_encoder_of_other_inputs_is_refused(trained, skeletons, samples, split, config):
    cases = {
        "config": (samples, split, replace(config, seed=1)),
        "samples": (samples[:-1], split, config),
        "split": (samples, ClassSplit("toy", "2/1", 4, (1,), excluded=(3,)), config),
    }
    for what, (chosen, other_split, other_config) in cases.items():
        with pytest.raises(ArtefactError, match=f"the encoder was made from another {what} .*Move it away"):
            pretrain(skeletons, chosen, other_split, other_config, trained.folder, progress=False)


def test_unfinished_training_of_another_config_is_refused(tmp_path, monkeypatch, skeletons, samples, split, config):
    monkeypatch.setattr(module._Trainer, "_holdout", lambda self: (1.0, 50.0))
    one_epoch = replace(config, epochs=1)

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "atomic_folder", stop)
        with pytest.raises(KeyboardInterrupt):
            pretrain(skeletons, samples, split, one_epoch, tmp_path / "e", progress=False)
    with pytest.raises(ArtefactError, match=r"another configuration or other data.*Remove the folder .*e\.partial"):
        pretrain(skeletons, samples, split, replace(one_epoch, seed=1), tmp_path / "e", progress=False)
    assert pretrain(skeletons, samples, split, one_epoch, tmp_path / "e", progress=False).config == one_epoch


def test_unseen_class_is_refused(tmp_path, skeletons, samples, split, config):
    leaking = np.append(samples, np.flatnonzero(skeletons.index.label == 1)[:1])
    with pytest.raises(LeakageError, match=r"unseen classes of toy '3/1' among the training samples: 1"):
        pretrain(skeletons, leaking, split, config, tmp_path / "e", progress=False)
    fold = ClassSplit("toy", "fold", 4, (0,), excluded=(1,), fold_of="3/1")
    with pytest.raises(LeakageError, match="among the training samples: 0"):
        pretrain(skeletons, samples, fold, config, tmp_path / "e", progress=False)
    assert list(tmp_path.iterdir()) == []


def test_broken_encoder(tmp_path, trained):
    with pytest.raises(ArtefactError, match="no Encoder here"):
        load_encoder(tmp_path / "none")
    with pytest.raises(ArtefactError, match="file not found"):
        describe(tmp_path / "none")
    for name in FILES:
        (tmp_path / name).write_bytes((trained.folder / name).read_bytes())
    assert load_encoder(tmp_path).record == trained.record
    (tmp_path / FILES[0]).write_bytes((trained.folder / FILES[0]).read_bytes()[:-9])
    with pytest.raises(ArtefactError, match=f"the file '{FILES[0]}' of this Encoder is not what was written"):
        load_encoder(tmp_path)
    reseal(tmp_path)
    with pytest.raises(ArtefactError, match="not a readable safetensors file"):
        load_encoder(tmp_path)


@settings(max_examples=60, deadline=None)
@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=60).map(lambda found: np.array(found * 2)),
    fraction=st.floats(0.01, 0.49),
    seed=st.integers(0, 99),
)
def test_holdout_takes_its_share_of_every_class(labels, fraction, seed):
    held = holdout_mask(labels, fraction, np.random.default_rng(seed))
    assert (held == holdout_mask(labels, fraction, np.random.default_rng(seed))).all()
    for label in np.unique(labels):
        members = labels == label
        assert 1 <= held[members].sum() < members.sum()
        assert abs(held[members].sum() - fraction * members.sum()) <= 1


def test_holdout_differs_by_seed_and_needs_two_samples():
    labels = np.repeat(np.arange(3), 20)
    masks = [holdout_mask(labels, 0.25, np.random.default_rng(seed)) for seed in (0, 1)]
    assert (masks[0] != masks[1]).any()
    with pytest.raises(DataError, match="class 3 has 1 training sample; at least two are needed"):
        holdout_mask(np.array([0, 0, 3]), 0.25, np.random.default_rng(0))


def test_learning_rate_is_piecewise():
    config = EncoderConfig(epochs=10, learning_rate=0.2, milestones=(0.5, 0.8), warmup=2)
    assert config.rate(0) == pytest.approx(0.2 * 0.05)
    assert config.rate(1) == pytest.approx(0.2 * 0.55)
    assert [config.rate(e) for e in (2, 4.99, 5, 7.99, 8, 9.9)] == pytest.approx([0.2, 0.2, 0.02, 0.02, 0.002, 0.002])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 0.0}, "'width' must be positive"),
        ({"frames": 10}, "'frames' must be a positive multiple of 4, got 10"),
        ({"persons": 3}, "'persons' must be 1 or 2"),
        ({"batch": 1}, "'batch' must be at least 2"),
        ({"momentum": 1.0}, r"'momentum' must be in \[0, 1\)"),
        ({"milestones": [0.5, 1.0]}, r"'milestones' must be fractions in \(0, 1\)"),
        ({"holdout": 0.5}, r"'holdout' must be in \(0, 0.5\)"),
        ({"crop": 0.0}, r"'crop' must be in \(0, 1\]"),
        ({"epochs": 1.5}, "'epochs' must be int, got 1.5"),
        ({"learningrate": 0.1}, "unknown key 'learningrate'.*Did you mean 'learning_rate'"),
    ],
)
def test_ranges(changes, message):
    with pytest.raises(ConfigError, match=message):
        EncoderConfig().override(changes)


def test_mixed_precision_is_another_encoder_with_float32_weights(tmp_path, trained, skeletons, samples, split, config):
    mixed = replace(config, precision="bfloat16", epochs=2)
    other = pretrain(skeletons, samples, split, mixed, tmp_path / "e", progress=False)
    assert other.record.digest != trained.record.digest
    assert all(p.dtype == torch.float32 for p in other.model.parameters())
    assert all(torch.isfinite(p).all() for p in other.model.parameters())
