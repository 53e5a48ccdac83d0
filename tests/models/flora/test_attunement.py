"""Attunement against Eq. 7-8 written as loops, and what must not change it."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zsar_kit.errors import ConfigError, DataError
from zsar_kit.models.flora.attunement import attune, neighbours


def texts(classes: int = 7, tokens: int = 5, d: int = 4, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(classes, tokens, d, generator=generator, dtype=torch.float64)
    lengths = torch.randint(1, tokens + 1, (classes,), generator=generator)
    mask = torch.arange(tokens) < lengths[:, None]
    pooled = torch.randn(classes, d, generator=generator, dtype=torch.float64)
    return features, mask, pooled


def cosine(x: list[float], y: list[float]) -> float:
    dot = sum(a * b for a, b in zip(x, y, strict=True))
    return dot / (math.sqrt(sum(a * a for a in x)) * math.sqrt(sum(b * b for b in y)))


def slow_attunement(tokens, mask, pooled, k, tau, candidates):
    """Eq. 7-8, one number at a time; padding of either side adds nothing."""
    f = pooled.tolist()
    attuned, attuned_pooled, chosen = torch.zeros_like(tokens), pooled.clone(), []
    for y in range(len(f)):
        others = [(cosine(f[y], f[o]), o) for o in range(len(f)) if o != y and candidates[o]]
        best = sorted(others, key=lambda pair: -pair[0])[:k]
        chosen.append([o for _, o in best])
        for place in range(tokens.shape[1]):
            if mask[y, place]:
                attuned[y, place] = tokens[y, place]
                for w, o in best:
                    if mask[o, place]:
                        attuned[y, place] += tau / k * w * tokens[o, place]
        for w, o in best:
            attuned_pooled[y] += tau / k * w * pooled[o]
    return attuned, attuned_pooled, chosen


@pytest.mark.parametrize(("k", "tau"), [(1, 0.3), (2, 1.0), (3, 0.1)])
@pytest.mark.parametrize("restricted", [False, True])
def test_equals_the_equations(k, tau, restricted):
    tokens, mask, pooled = texts()
    candidates = torch.tensor([True, False, True, True, False, True, True]) if restricted else None
    everyone = torch.ones(7, dtype=torch.bool)
    expected, expected_pooled, chosen = slow_attunement(
        tokens, mask, pooled, k, tau, everyone if candidates is None else candidates
    )
    result = attune(tokens, mask, pooled, k=k, tau=tau, candidates=candidates)
    torch.testing.assert_close(result.tokens, expected)
    torch.testing.assert_close(result.pooled, expected_pooled)
    assert result.neighbours.indices.tolist() == chosen


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(7)), st.integers(1, 6), st.integers(0, 5))
def test_class_order_does_not_matter(order, k, seed):
    tokens, mask, pooled = texts(seed=seed)
    straight = attune(tokens, mask, pooled, k=k, tau=0.5)
    order = torch.tensor(order)
    permuted = attune(tokens[order], mask[order], pooled[order], k=k, tau=0.5)
    torch.testing.assert_close(permuted.tokens, straight.tokens[order])
    torch.testing.assert_close(permuted.pooled, straight.pooled[order])
    assert torch.equal(order[permuted.neighbours.indices], straight.neighbours.indices[order])


def test_tau_zero_leaves_texts_as_they_are():
    tokens, mask, pooled = texts()
    result = attune(tokens, mask, pooled, k=2, tau=0.0)
    assert torch.equal(result.tokens[mask], tokens[mask])
    assert torch.equal(result.pooled, pooled)


def test_what_stands_at_padding_never_shows():
    tokens, mask, pooled = texts()
    spoiled = tokens.masked_fill(~mask[..., None], float("nan"))
    clean, result = (attune(x, mask, pooled, k=3, tau=0.7).tokens for x in (tokens, spoiled))
    assert torch.equal(clean, result)
    assert bool((result[~mask] == 0).all())


def test_scaling_pooled_features_keeps_neighbours_and_weights():
    _, _, pooled = texts()
    scaled = pooled * torch.linspace(0.1, 9, 7, dtype=pooled.dtype)[:, None]
    plain, other = neighbours(pooled, 3), neighbours(scaled, 3)
    assert torch.equal(plain.indices, other.indices)
    torch.testing.assert_close(plain.similarity, other.similarity)


def test_parallel_texts_have_similarity_one_and_ties_follow_class_order():
    found = neighbours(torch.tensor([[3.0, 4.0], [0.3, 0.4], [6.0, 8.0]]), 2)
    torch.testing.assert_close(found.similarity, torch.ones(3, 2))
    assert bool((found.similarity <= 1).all())
    assert all(i not in row for i, row in enumerate(found.indices.tolist()))


def test_only_candidates_are_neighbours():
    _, _, pooled = texts()
    candidates = torch.tensor([True, True, False, True, False, False, False])
    assert set(neighbours(pooled, 2, candidates).indices.flatten().tolist()) <= {0, 1, 3}


@pytest.mark.parametrize("k", [0, -1, 7])
def test_k_out_of_range_is_refused(k):
    tokens, mask, pooled = texts()
    with pytest.raises(ConfigError, match="k between 1 and"):
        attune(tokens, mask, pooled, k=k, tau=0.1)


def test_k_counts_candidates_besides_the_class_itself():
    _, _, pooled = texts()
    candidates = torch.arange(7) < 3
    with pytest.raises(ConfigError, match="2 of 7 classes available"):
        neighbours(pooled, 3, candidates)


@pytest.mark.parametrize("tau", [-0.1, float("nan"), float("inf")])
def test_tau_out_of_range_is_refused(tau):
    tokens, mask, pooled = texts()
    with pytest.raises(ConfigError, match="tau must be"):
        attune(tokens, mask, pooled, k=1, tau=tau)


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_a_pooled_feature_without_direction_is_refused(value):
    _, _, pooled = texts()
    pooled[4] = value
    with pytest.raises(DataError, match=r"classes at \[4\]"):
        neighbours(pooled, 1)
