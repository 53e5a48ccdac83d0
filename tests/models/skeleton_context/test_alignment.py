"""Alignment against Eq. 8-9 written as loops, and what neither scale nor order may change."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zsar_kit.errors import ConfigError
from zsar_kit.models.skeleton_context.alignment import ProjectionHead, alignment_loss, alignment_scores

BATCH, CLASSES, SENTENCES, DIM = 4, 5, 3, 6


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


LABELS = torch.tensor([2, 0, 4, 2])


def slow_loss(features, semantics, labels, temperature: float) -> float:
    """Eq. 8, one number at a time; several sentences a class are averaged in the dot product."""
    total = 0.0
    for feature, label in zip(features.tolist(), labels.tolist(), strict=True):
        scores = []
        for sentences in semantics.tolist():
            dots = [sum(a * b for a, b in zip(feature, z, strict=True)) for z in sentences]
            scores.append(sum(dots) / len(dots) / temperature)
        total -= math.log(math.exp(scores[label]) / sum(math.exp(s) for s in scores))
    return total / len(labels)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 10.0])
@pytest.mark.parametrize("sentences", [None, 1, SENTENCES])
def test_loss_equals_the_equation(sentences, temperature):
    features, semantics = normal(BATCH, DIM), normal(CLASSES, sentences or 1, DIM, seed=2)
    given_semantics = semantics[:, 0] if sentences is None else semantics
    found = alignment_loss(features, given_semantics, LABELS, temperature=temperature)
    assert math.isclose(found.item(), slow_loss(features, semantics, LABELS, temperature))


def test_the_temperature_of_the_paper_is_one():
    features, semantics = normal(BATCH, DIM), normal(CLASSES, DIM, seed=2)
    torch.testing.assert_close(alignment_scores(features, semantics), features @ semantics.T)
    assert alignment_loss(features, semantics, LABELS) == alignment_loss(features, semantics, LABELS, temperature=1.0)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(CLASSES)), st.permutations(range(SENTENCES)), st.permutations(range(BATCH)))
def test_order_of_classes_sentences_and_samples_does_not_matter(classes, sentences, samples):
    features, semantics = normal(BATCH, DIM), normal(CLASSES, SENTENCES, DIM, seed=2)
    classes, sentences, samples = (torch.tensor(order) for order in (classes, sentences, samples))
    moved = alignment_loss(
        features[samples], semantics[classes][:, sentences], classes.argsort()[LABELS[samples]], temperature=0.7
    )
    torch.testing.assert_close(moved, alignment_loss(features, semantics, LABELS, temperature=0.7))


def test_classes_that_say_the_same_cost_the_logarithm_of_their_number():
    same = normal(1, DIM).expand(CLASSES, DIM)
    assert math.isclose(alignment_loss(normal(BATCH, DIM), same, LABELS).item(), math.log(CLASSES))


def test_a_common_addition_to_all_classes_changes_nothing():
    features, semantics = normal(BATCH, DIM), normal(CLASSES, DIM, seed=2)
    torch.testing.assert_close(
        alignment_loss(features, semantics + normal(DIM, seed=3), LABELS), alignment_loss(features, semantics, LABELS)
    )


def test_low_temperature_makes_it_certain():
    features, semantics = torch.eye(CLASSES)[LABELS], torch.eye(CLASSES)
    losses = [alignment_loss(features, semantics, LABELS, temperature=t).item() for t in (1e4, 1.0, 0.1, 0.01)]
    assert losses == sorted(losses, reverse=True)
    assert math.isclose(losses[0], math.log(CLASSES), rel_tol=1e-3)
    assert losses[-1] < 1e-6


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("relu", [True, False])
def test_projection_equals_its_definition(normalise, relu):
    head = ProjectionHead(DIM, 3, normalise=normalise, relu=relu, generator=seeded()).double()
    torch.nn.init.constant_(head.linear.bias, 0.2)
    for x, found in zip(normal(BATCH, DIM), head(normal(BATCH, DIM)), strict=True):
        y = [sum(w * v for w, v in zip(row, x.tolist(), strict=True)) + 0.2 for row in head.linear.weight.tolist()]
        y = [max(v, 0.0) for v in y] if relu else y
        length = math.sqrt(sum(v * v for v in y)) if normalise else 1.0
        assert found.tolist() == pytest.approx([v / length for v in y])


def test_normalised_projections_give_cosines_blind_to_scale():
    head = ProjectionHead(DIM, 3, normalise=True, generator=seeded()).double()
    other = ProjectionHead(8, 3, normalise=True, generator=seeded(1)).double()
    x, z = normal(BATCH, DIM), normal(CLASSES, SENTENCES, 8, seed=2)
    scores = alignment_scores(head(x), other(z))
    assert scores.shape == (BATCH, CLASSES)
    assert scores.abs().max() <= 1 + 1e-12
    torch.testing.assert_close(alignment_scores(head(9 * x), other(0.1 * z)), scores)
    plain = ProjectionHead(DIM, 3, normalise=False, generator=seeded()).double()
    torch.testing.assert_close(plain(9 * x), 9 * plain(x))


def test_a_feature_of_zero_stays_zero_and_finite():
    head = ProjectionHead(DIM, 3, normalise=True, generator=seeded())
    x = torch.zeros(1, DIM, requires_grad=True)
    y = head(x)
    assert torch.equal(y, torch.zeros(1, 3))
    y.sum().backward()
    assert bool(x.grad.isfinite().all())


def test_gradients_reach_every_parameter_of_both_sides():
    heads = [ProjectionHead(n, 3, normalise=True, generator=seeded(n)).double() for n in (DIM, 8)]
    alignment_loss(heads[0](normal(BATCH, DIM)), heads[1](normal(CLASSES, SENTENCES, 8)), LABELS).backward()
    assert all(p.grad is not None and p.grad.abs().max() > 1e-9 for head in heads for p in head.parameters())


def test_weights_come_from_the_generator_alone_and_evaluation_repeats():
    state = torch.get_rng_state()
    first, second, other = (ProjectionHead(DIM, 3, normalise=True, generator=seeded(s)) for s in (0, 0, 1))
    assert torch.equal(first.linear.weight, second.linear.weight)
    assert not torch.equal(first.linear.weight, other.linear.weight)
    x = normal(BATCH, DIM).float()
    assert torch.equal(first.train()(x), first.eval()(x))
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("inf"), float("nan")])
def test_a_temperature_out_of_range_is_refused(temperature):
    with pytest.raises(ConfigError, match="temperature must be positive and finite, got"):
        alignment_loss(normal(BATCH, DIM), normal(CLASSES, DIM), LABELS, temperature=temperature)


def test_wrong_labels_and_empty_inputs_are_refused():
    features, semantics = normal(BATCH, DIM), normal(CLASSES, DIM)
    for bad in (-100, -1, CLASSES):
        with pytest.raises(ConfigError, match=r"rows of the semantics, 0 to 4, got .*positions among the seen classes"):
            alignment_loss(features, semantics, torch.tensor([0, 1, 2, bad]))
    with pytest.raises(ConfigError, match="at least one sample"):
        alignment_loss(features[:0], semantics, LABELS[:0])
    with pytest.raises(ConfigError, match="at least one sentence"):
        alignment_scores(features, normal(CLASSES, 0, DIM))
    with pytest.raises(ConfigError, match="positive widths"):
        ProjectionHead(0, 3, normalise=True, generator=seeded())
