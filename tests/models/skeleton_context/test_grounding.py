"""Context grounding against attention written as loops; padding, shared directions, and the decoder of words."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zsar_kit.errors import ConfigError
from zsar_kit.models.skeleton_context.grounding import (
    ContextDecoder,
    ContextGrounding,
    GroundingShape,
    reconstruction_loss,
)
from zsar_kit.models.skeleton_context.layers import AttentionBlock, FeedForwardBlock, MultiHeadAttention, seeded_matrix
from zsar_kit.seeding import seeded_draws

BATCH, JOINTS, LENGTH = 3, 4, 5
SKELETON, TEXT, DIM = 6, 10, 8
WORDS, WIDTH = 11, 7


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def stirred(model: torch.nn.Module) -> torch.nn.Module:
    """In float64, with biases and norms that are no longer zeros and ones."""
    g = seeded(7)
    model = model.double()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=g, dtype=parameter.dtype))
    return model


def grounding(**options) -> ContextGrounding:
    return stirred(ContextGrounding(SKELETON, TEXT, GroundingShape(DIM, 2, **options), generator=seeded()))


def inputs():
    mask = torch.arange(LENGTH) < torch.tensor([[5], [2], [3]])
    return normal(BATCH, JOINTS, SKELETON), normal(BATCH, LENGTH, TEXT, seed=2), mask


# The paper's blocks, one number at a time


def linear(layer: torch.nn.Module, x: list[float]) -> list[float]:
    if isinstance(layer, torch.nn.Identity):
        return x
    bias = [0.0] * len(layer.weight) if layer.bias is None else layer.bias.tolist()
    return [
        sum(w * v for w, v in zip(row, x, strict=True)) + b for row, b in zip(layer.weight.tolist(), bias, strict=True)
    ]


def layer_norm(norm: torch.nn.LayerNorm, x: list[float]) -> list[float]:
    mean = sum(x) / len(x)
    spread = math.sqrt(sum((v - mean) ** 2 for v in x) / len(x) + norm.eps)
    return [(v - mean) / spread * g + b for v, g, b in zip(x, norm.weight.tolist(), norm.bias.tolist(), strict=True)]


def gelu(x: float) -> float:
    return x * 0.5 * (1 + math.erf(x / math.sqrt(2)))


def slow_attention(model: MultiHeadAttention, x: list[list[float]], y: list[list[float]]) -> list[list[float]]:
    """Multi-head attention of one sample; y has no padding."""
    q, k, v = [[linear(f, u) for u in side] for f, side in ((model.query, x), (model.key, y), (model.value, y))]
    width = len(q[0]) // model.heads
    found = []
    for query in q:
        gathered = []
        for head in range(model.heads):
            own = range(head * width, (head + 1) * width)
            powers = [math.exp(sum(query[c] * key[c] for c in own) / math.sqrt(width)) for key in k]
            for c in own:
                gathered.append(sum(p / sum(powers) * value[c] for p, value in zip(powers, v, strict=True)))
        found.append(linear(model.project, gathered))
    return found


def slow_block(block, x: list[list[float]], y: list[list[float]]) -> list[list[float]]:
    heard = slow_attention(block.attention, x, y)
    return [layer_norm(block.norm, [a + b for a, b in zip(u, h, strict=True)]) for u, h in zip(x, heard, strict=True)]


def slow_feed(block, x: list[list[float]]) -> list[list[float]]:
    fed = [linear(block.outer, [gelu(v) for v in linear(block.inner, u)]) for u in x]
    return [layer_norm(block.norm, [a + b for a, b in zip(u, f, strict=True)]) for u, f in zip(x, fed, strict=True)]


def slow_grounding(model: ContextGrounding, skeleton: list[list[float]], text: list[list[float]]):
    """Eq. 2-3 for one sample without padding: cross-attention, self-attention, feed-forward; each adds, then norms."""
    x = [linear(model.from_skeleton, u) for u in skeleton]
    t = [linear(model.from_text, u) for u in text]
    for layer in model.layers:
        to_x, to_t = layer.cross[0], layer.cross[len(layer.cross) - 1]
        x, t = slow_block(to_x, x, t), slow_block(to_t, t, x)
        x, t = slow_block(layer.skeleton_self, x, x), slow_block(layer.text_self, t, t)
        x, t = slow_feed(layer.skeleton_feed, x), slow_feed(layer.text_feed, t)
    return x, t


def test_attention_without_a_key_is_told():
    model = MultiHeadAttention(DIM, 2, generator=seeded()).double()
    x, y = normal(BATCH, JOINTS, DIM), normal(BATCH, LENGTH, DIM, seed=2)
    mask = torch.ones(BATCH, LENGTH, dtype=torch.bool)
    mask[1] = False
    with pytest.raises(ConfigError, match=r"at least one token to attend to, but the samples at \[1\] have none"):
        model(x, y, mask)
    with pytest.raises(ConfigError, match=r"the samples at \[0, 1, 2\] have none"):
        model(x, y[:, :0])
    mask[1, 3] = True  # a single key gets all the attention
    assert torch.allclose(model(x, y, mask)[1], model.project(model.value(y[1, 3])), atol=1e-12)


def test_dropout_keeps_the_expectation_and_only_in_training():
    block = AttentionBlock(DIM, 2, dropout=0.4, generator=seeded()).double()
    x, y = normal(BATCH, JOINTS, DIM), normal(BATCH, LENGTH, DIM, seed=2)
    whole = block.eval().attention(x, y)
    assert torch.equal(block(x, y), block.norm(x + whole))
    block.train()
    with seeded_draws(seeded(3)), torch.no_grad():
        drawn = torch.stack([block.drop(block.attention(x, y)) for _ in range(1000)])
    assert drawn.mean(0) == pytest.approx(whole.detach().numpy(), abs=0.2)
    assert float((drawn == 0).double().mean()) == pytest.approx(0.4, abs=0.02)
    feed = FeedForwardBlock(DIM, 3, dropout=0.4, generator=seeded()).double()
    fed = feed.outer(torch.nn.functional.gelu(feed.inner(x)))
    assert torch.equal(feed.eval()(x), feed.norm(x + fed))
    with pytest.raises(ConfigError, match=r"dropout must be in \[0, 1\)"):
        AttentionBlock(DIM, 2, dropout=1.0, generator=seeded())


@pytest.mark.parametrize("options", [{}, {"shared_directions": True}, {"layers": 2, "hidden": 5}])
def test_equals_the_paper_blocks_on_the_real_tokens(options):
    model = grounding(**options)
    skeleton, text, mask = inputs()
    result = model(skeleton, text, mask)
    for i in range(BATCH):
        x, t = slow_grounding(model, skeleton[i].tolist(), text[i][mask[i]].tolist())
        torch.testing.assert_close(result.skeleton[i], torch.tensor(x, dtype=torch.float64))
        torch.testing.assert_close(result.text[i][mask[i]], torch.tensor(t, dtype=torch.float64))


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_attention_equals_its_definition(heads):
    model = stirred(MultiHeadAttention(DIM, heads, generator=seeded()))
    x, y = normal(2, 3, DIM), normal(2, 4, DIM, seed=2)
    expected = [slow_attention(model, x[i].tolist(), y[i].tolist()) for i in range(2)]
    torch.testing.assert_close(model(x, y), torch.tensor(expected, dtype=torch.float64))


def test_attention_to_equal_tokens_is_their_value():
    """A weighted mean of equal values, whatever the scores."""
    model = stirred(MultiHeadAttention(DIM, 2, generator=seeded()))
    y = normal(2, 1, DIM, seed=2)
    expected = model.project(model.value(y)).expand(-1, 3, -1)
    torch.testing.assert_close(model(normal(2, 3, DIM), y.expand(-1, 5, -1)), expected)


@pytest.mark.parametrize("value", [0.0, 1e4, float("nan"), float("inf")])
def test_what_stands_at_padding_never_matters(value):
    model, (skeleton, text, mask) = grounding(layers=2), inputs()
    clean = model(skeleton, text, mask)
    spoiled = model(skeleton, text.masked_fill(~mask[..., None], value), mask)
    assert torch.equal(spoiled.skeleton, clean.skeleton)
    assert torch.equal(spoiled.text, clean.text)
    assert bool((clean.text[~mask] == 0).all())
    assert bool((clean.text[mask].abs().amax(-1) > 0).all())


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(LENGTH)), st.permutations(range(JOINTS)))
def test_places_of_tokens_padding_and_joints_do_not_matter(places, joints):
    """Each token is known by its features, so that padding may stand anywhere."""
    model, (skeleton, text, mask) = grounding(), inputs()
    places, joints = torch.tensor(places), torch.tensor(joints)
    straight = model(skeleton, text, mask)
    moved = model(skeleton[:, joints], text[:, places], mask[:, places])
    torch.testing.assert_close(moved.skeleton, straight.skeleton[:, joints])
    torch.testing.assert_close(moved.text, straight.text[:, places])


def test_each_modality_hears_the_other_and_samples_do_not_meet():
    model, (skeleton, text, mask) = grounding(), inputs()
    base = model(skeleton, text, mask)
    other_text = text.clone()
    other_text[0, 1] += 1
    other_skeleton = skeleton.clone()
    other_skeleton[0, 1] += normal(SKELETON, seed=5)
    heard = model(skeleton, other_text, mask)
    assert (heard.skeleton[0] - base.skeleton[0]).abs().amax(-1).min() > 1e-4
    assert torch.equal(heard.skeleton[1:], base.skeleton[1:])
    heard = model(other_skeleton, text, mask)
    assert (heard.text[0] - base.text[0]).abs().amax(-1).min() > 1e-4
    assert torch.equal(heard.text[1:], base.text[1:])


def test_a_single_pooled_token_works_as_in_the_released_code():
    model, (skeleton, text, mask) = grounding(), inputs()
    assert model(skeleton.mean(dim=1, keepdim=True), text, mask).skeleton.shape == (BATCH, 1, DIM)


def test_shared_directions_share_every_weight_and_save_them():
    own, shared = grounding(), grounding(shared_directions=True)
    size = sum(p.numel() for p in own.layers[0].cross[0].parameters())
    count = {m: sum(p.numel() for p in m.parameters()) for m in (own, shared)}
    assert count[own] - count[shared] == size
    assert not torch.equal(own.layers[0].cross[0].attention.query.weight, own.layers[0].cross[1].attention.query.weight)
    # No tensor under two names, which a checkpoint in safetensors would refuse.
    pointers = [t.data_ptr() for t in shared.state_dict().values()]
    assert len(set(pointers)) == len(pointers)
    # With equal inputs of one token, both directions then ask the same question and hear the same.
    one = normal(2, 1, DIM)
    mask = torch.ones(2, 1, dtype=torch.bool)
    for model, alike in ((own, False), (shared, True)):
        layer = model.layers[0]
        assert torch.equal(layer.cross[0](one, one, mask), layer.cross[-1](one, one)) is alike


def test_widths_are_adapted_only_where_they_differ():
    same = ContextGrounding(DIM, DIM, GroundingShape(DIM, 2), generator=seeded())
    assert isinstance(same.from_skeleton, torch.nn.Identity)
    assert isinstance(same.from_text, torch.nn.Identity)
    model = grounding()
    result = model(*inputs())
    assert result.skeleton.shape == (BATCH, JOINTS, DIM)
    assert result.text.shape == (BATCH, LENGTH, DIM)


@pytest.mark.parametrize("options", [{}, {"shared_directions": True, "layers": 2}])
def test_gradients_reach_every_parameter(options):
    model = grounding(**options)
    result = model(*inputs())
    loss = (result.skeleton * normal(*result.skeleton.shape, seed=3)).sum()
    (loss + (result.text * normal(*result.text.shape, seed=4)).sum()).backward()
    assert all(p.grad is not None and p.grad.abs().max() > 1e-9 for p in model.parameters())


def test_weights_come_from_the_generator_alone_and_evaluation_repeats():
    state = torch.get_rng_state()
    first, second = (ContextGrounding(SKELETON, TEXT, GroundingShape(DIM, 2), generator=seeded()) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    other = ContextGrounding(SKELETON, TEXT, GroundingShape(DIM, 2), generator=seeded(9))
    assert not torch.equal(first.from_text.weight, other.from_text.weight)
    skeleton, text, mask = inputs()
    runs = [m(skeleton.float(), text.float(), mask) for m in (first.train(), first.eval(), first.eval())]
    assert all(torch.equal(r.skeleton, runs[0].skeleton) and torch.equal(r.text, runs[0].text) for r in runs)
    decoders = [ContextDecoder(DIM, normal(WORDS, WIDTH).float(), generator=seeded()) for _ in range(2)]
    assert torch.equal(decoders[0].dense.weight, decoders[1].dense.weight)
    assert torch.equal(state, torch.get_rng_state())


def test_wrong_sizes_and_empty_prompts_are_refused():
    for heads in (0, 3):
        with pytest.raises(ConfigError, match=f"divides its width, got heads={heads}, dim=8"):
            ContextGrounding(SKELETON, TEXT, GroundingShape(DIM, heads), generator=seeded())
    with pytest.raises(ConfigError, match="at least one layer, got layers=0"):
        GroundingShape(DIM, 2, layers=0)
    with pytest.raises(ConfigError, match="positive widths"):
        ContextGrounding(SKELETON, TEXT, GroundingShape(DIM, 2, hidden=0), generator=seeded())
    with pytest.raises(ConfigError, match="positive widths"):
        seeded_matrix(3, 0, generator=seeded())
    skeleton, text, mask = inputs()
    mask[1] = False
    with pytest.raises(ConfigError, match=r"samples at \[1\] are all padding .* True at tokens"):
        grounding()(skeleton, text, mask)


# The decoder and its loss


def decoder(seed: int = 0) -> ContextDecoder:
    return stirred(ContextDecoder(DIM, normal(WORDS, WIDTH, seed=6), generator=seeded(seed)))


def slow_logits(model: ContextDecoder, hidden: list[float]) -> list[float]:
    h = layer_norm(model.norm, [gelu(v) for v in linear(model.dense, hidden)])
    return [
        sum(a * b for a, b in zip(h, word, strict=True)) + bias
        for word, bias in zip(model.embedding.tolist(), model.bias.tolist(), strict=True)
    ]


def test_loss_at_masked_places_equals_the_loop_over_the_whole_vocabulary():
    """Eq. 4-5 as the cross entropy they mean, over each masked place of each sample and each word."""
    model, h_ctx = decoder(), normal(BATCH, LENGTH, DIM)
    masked = torch.tensor([[0, 1, 0, 0, 1], [0, 0, 1, 0, 0], [1, 1, 1, 0, 0]], dtype=torch.bool)
    truth = torch.randint(0, WORDS, (BATCH, LENGTH), generator=seeded(8))
    weights = torch.rand(BATCH, LENGTH, generator=seeded(9), dtype=torch.float64)
    plain, weighted, mass, places = 0.0, 0.0, 0.0, 0
    for i in range(BATCH):
        for j in range(LENGTH):
            if masked[i, j]:
                logits = slow_logits(model, h_ctx[i, j].tolist())
                chance = math.exp(logits[int(truth[i, j])]) / sum(math.exp(v) for v in logits)
                plain, places = plain - math.log(chance), places + 1
                weighted, mass = weighted - float(weights[i, j]) * math.log(chance), mass + float(weights[i, j])
    logits = model(h_ctx[masked])
    assert logits.shape == (6, WORDS)
    assert math.isclose(reconstruction_loss(logits, truth[masked]).item(), plain / places)
    assert math.isclose(reconstruction_loss(logits, truth[masked], weights[masked]).item(), weighted / mass)


def test_equal_weights_are_no_weights_and_weights_of_zero_leave_places_out():
    logits, targets = normal(6, WORDS), torch.tensor([0, 3, 10, 2, 2, 5])
    same = torch.full((6,), 0.25, dtype=torch.float64)
    torch.testing.assert_close(reconstruction_loss(logits, targets, same), reconstruction_loss(logits, targets))
    some = torch.tensor([1, 1, 0, 0, 1, 0], dtype=torch.float64)
    kept = some.bool()
    torch.testing.assert_close(
        reconstruction_loss(logits, targets, some), reconstruction_loss(logits[kept], targets[kept])
    )


def test_knowing_nothing_costs_the_logarithm_of_the_vocabulary_and_certainty_nothing():
    targets = torch.tensor([1, 4])
    loss = reconstruction_loss(torch.zeros(2, WORDS, dtype=torch.float64), targets)
    assert math.isclose(loss.item(), math.log(WORDS))
    sure = torch.full((2, WORDS), -1e3, dtype=torch.float64).scatter(1, targets[:, None], 1e3)
    assert reconstruction_loss(sure, targets).item() == 0.0


def test_candidates_are_columns_of_the_full_vocabulary_in_their_own_order():
    model, hidden, candidates = decoder(), normal(4, DIM), torch.tensor([7, 0, 10])
    restricted = model(hidden, candidates)
    torch.testing.assert_close(restricted, model(hidden)[:, candidates])
    # A softmax over candidates is the conditional probability.
    full = model(hidden).softmax(-1)[:, candidates]
    torch.testing.assert_close(restricted.softmax(-1), full / full.sum(-1, keepdim=True))


def test_the_embedding_is_frozen_and_in_no_checkpoint_and_all_else_learns():
    model = decoder()
    before = model.embedding.clone()
    assert set(model.state_dict()) == {"bias", "dense.weight", "dense.bias", "norm.weight", "norm.bias"}
    reconstruction_loss(model(normal(4, DIM)), torch.tensor([0, 1, 2, 3])).backward()
    assert not model.embedding.requires_grad
    assert model.embedding.grad is None
    assert all(p.grad is not None and p.grad.abs().max() > 1e-9 for p in model.parameters())
    torch.optim.SGD(model.parameters(), lr=1.0).step()
    assert torch.equal(model.embedding, before)
    trainable = normal(WORDS, WIDTH).requires_grad_()
    assert not ContextDecoder(DIM, trainable, generator=seeded()).embedding.requires_grad


def test_a_bad_embedding_target_or_weight_is_refused():
    with pytest.raises(ConfigError, match=r"at least one row and one column, got shape \(0, 7\)"):
        ContextDecoder(DIM, torch.zeros(0, 7), generator=seeded())
    logits, targets = normal(2, WORDS), torch.tensor([1, 2])
    with pytest.raises(ConfigError, match="at least one masked place, got none"):
        reconstruction_loss(logits[:0], targets[:0])
    for bad in (-100, -1, WORDS):
        with pytest.raises(ConfigError, match=f"columns of the logits, 0 to {WORDS - 1}, got .*among the candidates"):
            reconstruction_loss(logits, torch.tensor([1, bad]))
    for weights in ([0.0, 0.0], [-1.0, 2.0], [float("nan"), 1.0], [float("inf"), 1.0]):
        with pytest.raises(ConfigError, match="finite, at least 0 and not all 0"):
            reconstruction_loss(logits, targets, torch.tensor(weights))


@pytest.mark.parametrize("layers", [1, 2])
def test_text_at_some_places_is_that_of_the_whole_prompt(layers):
    generator = torch.Generator().manual_seed(0)
    model = ContextGrounding(6, 10, GroundingShape(8, 2, layers), generator=generator)
    f_diff, h_t = torch.randn(3, 5, 6, generator=generator), torch.randn(3, 7, 10, generator=generator)
    mask = torch.arange(7) < torch.tensor([[7], [6], [5]])
    whole, some = model(f_diff, h_t, mask), model(f_diff, h_t, mask, [1, 4])
    assert torch.allclose(some.text, whole.text[:, [1, 4]], atol=1e-6)
    assert torch.allclose(some.skeleton, whole.skeleton, atol=1e-6)
