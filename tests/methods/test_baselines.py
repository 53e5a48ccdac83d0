"""Baselines: ridge is scikit-learn's, both transfer on a toy world and neither does when texts are shuffled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from zsar_kit.errors import ConfigError, TextError
from zsar_kit.methods.base import Batch
from zsar_kit.methods.baselines import LinearCosine, LinearCosineConfig, RidgeConfig, RidgeToText
from zsar_kit.methods.task import Task
from zsar_kit.seeding import torch_generator
from zsar_kit.training.loop import fit

LINEAR = LinearCosineConfig(steps=80, learning_rate=2e-2)
BASELINES = {"ridge": (RidgeToText, RidgeConfig(penalty=0.1)), "linear_cosine": (LinearCosine, LINEAR)}
each_baseline = pytest.mark.parametrize(("method", "config"), BASELINES.values(), ids=BASELINES.keys())


def scores_of(method, toy, classes=None):
    return method.class_scores(torch.from_numpy(toy.features), classes or toy.unseen).heads["cosine"].numpy()


@pytest.mark.parametrize("penalty", [0.003, 0.3, 10.0])
def test_ridge_is_the_closed_form_of_scikit_learn(toy, penalty):
    training = toy.training
    ours = fit(RidgeToText, RidgeConfig(penalty=penalty), training, seed=0, progress=False)
    mean, scale = training.features.mean(0), training.features.std(0, ddof=1)
    targets = toy.text.pooled[training.labels].astype(np.float64)
    oracle = Ridge(alpha=penalty * len(training.labels)).fit((training.features - mean) / scale, targets)
    predicted = oracle.predict((toy.features - mean) / scale)
    np.testing.assert_allclose(ours.embed(torch.from_numpy(toy.features)).numpy(), predicted, atol=2e-5)
    text = toy.text.pooled[list(toy.unseen)]
    cosine = predicted @ text.T / np.linalg.norm(predicted, axis=1, keepdims=True) / np.linalg.norm(text, axis=1)
    np.testing.assert_allclose(scores_of(ours, toy), cosine, atol=2e-4)


@pytest.mark.parametrize("kind", [RidgeToText, LinearCosine])
def test_a_feature_that_is_constant_in_training_does_not_act(toy, kind):
    """Up to a half in every other test sample: divided by a tiny spread it would decide alone."""
    wide = np.concatenate([toy.training.features, np.zeros((400, 1), dtype=np.float32)], axis=1)
    training = replace(toy.training, features=wide, task=replace(toy.training.task, feature_shape=(17,)))
    method = fit(kind, kind.config_type(), training, seed=0, progress=False)
    silent = np.concatenate([toy.features, np.zeros((len(toy.features), 1), dtype=np.float32)], axis=1)
    loud = silent.copy()
    loud[::2, -1] = np.linspace(0, 0.5, len(loud[::2]), dtype=np.float32)
    scores = [method.class_scores(torch.from_numpy(x), toy.unseen).heads["cosine"] for x in (silent, loud)]
    assert torch.equal(*scores)
    assert toy.accuracy(scores[0]) > 0.7


def test_ridge_grid_is_every_penalty_centred_and_not():
    config = RidgeConfig(penalties=(0.1, 1.0))
    pairs = [(0.1, False), (1.0, False), (0.1, True), (1.0, True)]
    assert [(c.penalty, c.centred) for c in config.grid()] == pairs
    given = RidgeConfig(penalty=0.5, centred=True)
    assert given.grid() == [given]
    assert LinearCosineConfig(centred=False).grid() == [LinearCosineConfig(centred=False)]


def centred_cosine(predicted, text, seen):
    """The definition: unit texts and predictions without the mean text of the seen classes."""
    unit = text / np.linalg.norm(text, axis=1, keepdims=True)
    directions = unit - unit[list(seen)].mean(0)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return predicted / np.linalg.norm(predicted, axis=1, keepdims=True) @ directions.T


def test_centred_ridge_is_the_closed_form_without_the_seen_classes_mean_text(toy):
    training = toy.training
    ours = fit(RidgeToText, RidgeConfig(penalty=0.3, centred=True), training, seed=0, progress=False)
    mean, scale = training.features.mean(0), training.features.std(0, ddof=1)
    unit = toy.text.pooled.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    centre = unit[list(training.task.seen)].mean(0)
    oracle = Ridge(alpha=0.3 * len(training.labels)).fit(
        (training.features - mean) / scale, (unit - centre)[training.labels]
    )
    expected = centred_cosine(oracle.predict((toy.features - mean) / scale), toy.text.pooled, training.task.seen)
    np.testing.assert_allclose(scores_of(ours, toy), expected[:, list(toy.unseen)], atol=2e-4)


@pytest.mark.parametrize("config", [RidgeConfig(penalty=0.3, centred=True), replace(LINEAR, centred=True)])
def test_unseen_texts_have_no_part_in_the_centre(toy, config):
    """Other texts of unseen classes change their own scores and nothing else; each is centred with the seen mean."""
    method = RidgeToText if isinstance(config, RidgeConfig) else LinearCosine
    task, seen = toy.training.task, toy.training.task.seen
    pooled = toy.text.pooled.copy()
    pooled[list(toy.unseen)] = np.roll(pooled[list(toy.unseen)], 1, axis=0) + 0.5
    other = replace(toy.text, pooled=pooled)
    changed = replace(toy.training, task=replace(task, semantics=dict.fromkeys(task.semantics, other)))
    mine, theirs = (fit(method, config, t, seed=0, progress=False) for t in (toy.training, changed))
    np.testing.assert_array_equal(scores_of(mine, toy, seen), scores_of(theirs, toy, seen))
    embedded = theirs.embed(torch.from_numpy(toy.features)).detach().numpy()
    expected = centred_cosine(embedded, pooled, seen)[:, list(toy.unseen)]
    np.testing.assert_allclose(scores_of(theirs, toy), expected, atol=2e-4)


def test_a_model_of_a_config_that_leaves_it_open_is_not_centred(toy):
    """Models stored before texts could be centred give their scores."""
    one, other = (
        fit(RidgeToText, RidgeConfig(penalty=0.3, centred=c), toy.training, seed=0, progress=False)
        for c in (None, False)
    )
    np.testing.assert_array_equal(scores_of(one, toy), scores_of(other, toy))
    assert "centre" not in one.state_dict()


@each_baseline
def test_transfers_to_unseen_classes_unless_texts_are_shuffled(make_toy, method, config):
    right, wrong = [], []
    for seed in range(3):
        for shuffle, found in ((False, right), (True, wrong)):
            toy = make_toy(seed, shuffle=shuffle)
            found.append(toy.accuracy(scores_of(fit(method, config, toy.training, seed=seed, progress=False), toy)))
    # Ten unseen classes: chance is 0.1. One seed with shuffled texts has a standard deviation of about 0.1.
    assert min(right) > 0.8
    assert np.mean(wrong) < 0.25


@each_baseline
def test_scores_follow_the_order_of_classes_and_not_the_batch(toy, method, config):
    fitted = fit(method, config, toy.training, seed=0, progress=False)
    order = np.random.default_rng(0).permutation(len(toy.unseen))
    scores = scores_of(fitted, toy)
    np.testing.assert_allclose(
        scores_of(fitted, toy, tuple(np.array(toy.unseen)[order].tolist())), scores[:, order], atol=1e-6
    )
    alone = fitted.class_scores(torch.from_numpy(toy.features[5:6]), toy.unseen).heads["cosine"].numpy()
    np.testing.assert_allclose(alone, scores[5:6], atol=1e-6)
    assert np.abs(scores).max() <= 1 + 1e-6


@each_baseline
def test_relabelling_classes_changes_nothing(toy, method, config):
    """The same world with class c called 3 c + 5, texts in another order."""
    rows = np.random.default_rng(1).permutation(len(toy.text.class_ids))
    text = replace(
        toy.text,
        class_ids=tuple(3 * int(r) + 5 for r in rows),
        tokens=toy.text.tokens[rows],
        mask=toy.text.mask[rows],
        pooled=toy.text.pooled[rows],
    )
    training = replace(
        toy.training,
        labels=3 * toy.training.labels + 5,
        task=Task(toy.training.task.feature_shape, tuple(3 * c + 5 for c in toy.training.task.seen), {"motion": text}),
    )
    scores = scores_of(fit(method, config, toy.training, seed=0, progress=False), toy)
    renamed = tuple(3 * c + 5 for c in toy.unseen)
    relabelled = scores_of(fit(method, config, training, seed=0, progress=False), toy, renamed)
    np.testing.assert_allclose(relabelled, scores, atol=1e-3)


@each_baseline
def test_unseen_texts_do_not_enter_training(toy, method, config):
    pooled = toy.text.pooled.copy()
    pooled[list(toy.unseen)] = 7.0
    one = fit(method, config, toy.training, seed=0, progress=False)
    other = fit(method, config, toy.with_text(pooled=pooled), seed=0, progress=False)
    features = torch.from_numpy(toy.features)
    assert torch.equal(one.embed(features), other.embed(features))
    assert config.text_use() == "inductive"


@each_baseline
def test_class_without_text(toy, method, config):
    fitted = method(config, toy.training.task, torch_generator(0))
    with pytest.raises(TextError, match="class 99 has no text"):
        fitted.class_scores(torch.from_numpy(toy.features), (0, 99))


@each_baseline
def test_names_its_text_set(toy, method, config):
    assert replace(config, text_set="label").text_sets() == ("label",)
    with pytest.raises(TextError, match="the text set 'sign' is needed"):
        method(replace(config, text_set="sign"), toy.training.task, torch_generator(0))


def test_linear_cosine_separates_seen_classes(toy):
    losses = []
    fitted = fit(
        LinearCosine,
        LINEAR,
        toy.training,
        seed=0,
        progress=False,
        log_every=1,
        on_step=lambda phase, step, values: losses.append(values["cross_entropy"]),
    )
    assert len(losses) == LINEAR.steps
    assert np.mean(losses[-10:]) < 0.25 * losses[0]
    heads = fitted.class_scores(torch.from_numpy(toy.training.features), toy.training.task.seen).heads
    assert (heads["cosine"].argmax(1).numpy() == toy.training.labels).mean() > 0.9


def test_cross_entropy_of_the_step_is_the_equations(toy):
    method = LinearCosine(LINEAR, toy.training.task, torch_generator(0))
    method.observe(toy.training)
    x, y = toy.training.features[::37], toy.training.labels[::37]
    step = method.training_step(Batch(torch.from_numpy(x), torch.from_numpy(y)), "linear", torch_generator(0))
    mapped = method.embed(torch.from_numpy(x)).detach().numpy().astype(np.float64)
    expected = 0.0
    for vector, label in zip(mapped, y, strict=True):
        cosines = [vector @ t / np.linalg.norm(vector) / np.linalg.norm(t) for t in toy.text.pooled[:20]]
        logits = np.array(cosines) / LINEAR.temperature
        expected += np.log(np.exp(logits).sum()) - logits[label]
    assert step.loss.item() == pytest.approx(expected / len(y), rel=1e-5)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: RidgeConfig(penalty=0.0), "'penalty' must be positive, or None, got 0.0"),
        (lambda: RidgeConfig(penalties=()), r"'penalties' must be positive numbers in rising order, got \(\)"),
        (lambda: RidgeConfig(penalties=(1.0, -1.0)), "'penalties' must be positive numbers"),
        (lambda: RidgeConfig(penalties=(1.0, 0.1)), "'penalties' must be positive numbers in rising order"),
        (lambda: LinearCosineConfig(temperature=0.0), "'temperature' must be positive"),
        (lambda: LinearCosineConfig(steps=0), "'steps' must be at least 1"),
        (lambda: LinearCosineConfig(batch_size=0), "'batch_size' must be at least 1"),
        (lambda: LinearCosineConfig(learning_rate=0.0), "'learning_rate' must be positive"),
    ],
)
def test_ranges(build, message):
    with pytest.raises(ConfigError, match=message):
        build()


@each_baseline
def test_classes_added_by_words_score_as_if_they_had_been_there(toy, method, config):
    kept = [c for c in toy.text.class_ids if c not in (28, 29)]
    smaller = toy.with_semantics({"motion": toy.text.select(kept)})
    early = fit(method, config, toy.training, seed=0, progress=False)
    late = fit(method, config, smaller, seed=0, progress=False)
    late.add_classes({"motion": toy.text.select([28, 29])})
    np.testing.assert_allclose(scores_of(late, toy, (28, 3, 29)), scores_of(early, toy, (28, 3, 29)), rtol=1e-5)
    with pytest.raises(TextError, match="class id 28 is taken"):
        late.add_classes({"motion": toy.text.select([28, 29])})
