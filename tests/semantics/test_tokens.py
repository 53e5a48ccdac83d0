"""Joined texts, against a loop written from the definition, with tails of pooled features or of nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zsar_kit.errors import ConfigError, TextError
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.semantics.text_encoder import LanguageRecord
from zsar_kit.semantics.tokens import join_tokens


def build(name, lengths, width, *, seed=0, ids=None, holes=False):
    """Texts of the given lengths; values at padding are wild, so that reading them shows."""
    rng = np.random.default_rng(seed)
    tokens = rng.normal(size=(len(lengths), max(lengths) + 2, width)).astype(np.float32)
    mask = np.arange(tokens.shape[1]) < np.array(lengths)[:, None]
    if holes:
        mask = mask[:, ::-1].copy()
    tokens[~mask] = 1e6
    ids = tuple(range(len(lengths))) if ids is None else ids
    return Semantics(
        dataset="toy",
        text_set=name,
        class_ids=ids,
        class_names=tuple(map(str, ids)),
        texts=((),) * len(ids),
        tokens=tokens,
        mask=mask,
        pooled=rng.normal(size=(len(ids), width)).astype(np.float32),
        language=LanguageRecord("toy", "0", "", width, None, "mean"),
    )


def joined_by_hand(texts, row, max_tokens):
    """The token sequence of one class as a list of vectors."""
    own = [list(t.tokens[row][t.mask[row]][:max_tokens]) for t in texts]
    longest = max(map(len, own))
    rows = [
        np.concatenate([o[i] if i < len(o) else t.pooled[row] for o, t in zip(own, texts, strict=True)])
        for i in range(longest)
    ]
    return [*rows, np.concatenate([t.pooled[row] for t in texts])]


@pytest.mark.parametrize("max_tokens", [1, 3, 4, 99])
@pytest.mark.parametrize("holes", [False, True])
def test_join_equals_the_definition(max_tokens, holes):
    texts = [build("label", [1, 3, 2, 4], 3, seed=1, holes=holes), build("motion", [5, 2, 2, 1], 2, seed=2)]
    joined = join_tokens(texts, max_tokens)
    assert joined.class_ids == (0, 1, 2, 3)
    lengths = []
    for row in range(4):
        expected = joined_by_hand(texts, row, max_tokens)
        lengths.append(len(expected))
        np.testing.assert_array_equal(joined.tokens[row, : len(expected)], expected)
        assert (joined.tokens[row, len(expected) :] == 0).all()
        np.testing.assert_array_equal(joined.pooled[row], expected[-1])
    assert joined.mask.sum(1).tolist() == lengths
    assert joined.tokens.shape == (4, max(lengths), 5)
    assert (np.diff(joined.mask.astype(int), axis=1) <= 0).all()  # real tokens first
    assert joined.tokens.dtype == np.float32


@pytest.mark.parametrize("max_tokens", [1, 3, 99])
def test_an_empty_tail_has_words_once_and_pooled_features_once(max_tokens):
    texts = [build("label", [1, 3, 2, 4], 3, seed=1), build("motion", [5, 2, 2, 1], 2, seed=2)]
    filled, joined = join_tokens(texts, max_tokens), join_tokens(texts, max_tokens, tail="empty")
    np.testing.assert_array_equal(joined.mask, filled.mask)
    for row in range(4):
        last = joined.mask[row].sum() - 1
        for part, k in ((slice(0, 3), 0), (slice(3, 5), 1)):
            words = texts[k].tokens[row][texts[k].mask[row]][:max_tokens]
            own = len(words)
            np.testing.assert_array_equal(joined.tokens[row, :own, part], words)
            assert (joined.tokens[row, own:last, part] == 0).all()
            np.testing.assert_array_equal(joined.tokens[row, last, part], texts[k].pooled[row])
            assert np.flatnonzero(joined.is_pooled[row, :, k]).tolist() == [last]
            assert np.flatnonzero(joined.is_empty[row, :, k]).tolist() == list(range(own, last))
    assert not filled.is_empty.any()


def test_lengths_by_example():
    joined = join_tokens([build("label", [1, 3], 2), build("motion", [4, 2], 2)], 99)
    assert joined.mask.sum(1).tolist() == [5, 4]
    cut = join_tokens([build("label", [1, 3], 2), build("motion", [4, 2], 2)], 2)
    assert cut.mask.sum(1).tolist() == [3, 3]


@pytest.mark.parametrize("max_tokens", [1, 3, 7])
def test_kept_padding_counts_as_text(max_tokens):
    """Every class has the same length; what was padding is zero and real; the pooled token comes last."""
    texts = [build("label", [1, 3, 2, 4], 3, seed=1), build("motion", [5, 2, 2, 1], 2, seed=2)]
    joined = join_tokens(texts, max_tokens, keep_padding=True)
    assert joined.mask.shape == (4, max_tokens + 1)
    assert joined.mask.all()
    for row in range(4):
        *words, pooled = joined_by_hand(texts, row, max_tokens)
        np.testing.assert_array_equal(joined.tokens[row, : len(words)], words)
        assert (joined.tokens[row, len(words) : max_tokens] == 0).all()
        np.testing.assert_array_equal(joined.tokens[row, max_tokens], pooled)


def test_states_at_padding_fill_each_text_to_one_length():
    """As released: words, then the model's states at padding, whatever the other text has there, and pooled last."""
    texts = [build("label", [1, 3, 2, 4], 3, seed=1), build("motion", [5, 2, 2, 1], 2, seed=2)]
    rng = np.random.default_rng(5)
    texts = [replace(t, padding=rng.normal(size=(4, 9, t.pooled.shape[1])).astype(np.float32)) for t in texts]
    joined = join_tokens(texts, 4, keep_padding=True, padding_states=True)
    assert joined.mask.shape == (4, 5)
    assert joined.mask.all()
    for row in range(4):
        for part, text in ((slice(0, 3), texts[0]), (slice(3, 5), texts[1])):
            own = min(int(text.mask[row].sum()), 4)
            np.testing.assert_array_equal(joined.tokens[row, :own, part], text.tokens[row, :own])
            np.testing.assert_array_equal(joined.tokens[row, own:4, part], text.padding[row, own:4])
            np.testing.assert_array_equal(joined.tokens[row, 4, part], text.pooled[row])
    assert joined.is_pooled[:, 4].all()
    assert not joined.is_pooled[:, :4].any()
    with pytest.raises(TextError, match="'label' needs states at padding up to token 10, it has 9"):
        join_tokens(texts, 10, keep_padding=True, padding_states=True)


def test_kinds_and_mean_by_definition():
    texts = [build("label", [1, 3, 2, 4], 3, seed=1), build("motion", [5, 2, 2, 1], 2, seed=2)]
    joined = join_tokens(texts, 2)
    assert joined.widths == (3, 2)
    # The first class: two places of words (its label has one word, then its pooled feature), and the pooled token.
    assert joined.is_pooled[0].tolist() == [[False, False], [True, False], [True, True]]
    assert joined.is_pooled[3].tolist() == [[False, False], [False, True], [True, True]]
    for row in range(4):  # over the whole text, though it is cut
        mean = np.concatenate([t.tokens[row][t.mask[row]].mean(0) for t in texts])
        np.testing.assert_allclose(joined.mean[row], mean, rtol=1e-6)


def test_one_text_gets_its_pooled_token():
    text = build("motion", [2, 3], 4)
    joined = join_tokens([text], 99)
    np.testing.assert_array_equal(joined.tokens[0, :2], text.tokens[0, :2])
    np.testing.assert_array_equal(joined.tokens[0, 2], text.pooled[0])
    np.testing.assert_array_equal(joined.pooled, text.pooled)


def test_rows_follow_the_selection():
    text = build("motion", [2, 3, 1], 4)
    joined, chosen = join_tokens([text], 99), join_tokens([text.select([2, 0])], 99)
    assert chosen.class_ids == (2, 0)
    np.testing.assert_array_equal(chosen.tokens, joined.tokens[[2, 0], :3])


def test_bad_input():
    one, other = build("label", [1, 2], 2), build("motion", [1, 2], 2, ids=(1, 0))
    with pytest.raises(TextError, match=r"'label' and 'motion' have different classes.*Select the same"):
        join_tokens([one, other], 5)
    with pytest.raises(ConfigError, match="max_tokens must be at least 1 and a text set is needed, got 0 and 1"):
        join_tokens([one], 0)
    with pytest.raises(ConfigError, match="got 5 and 0"):
        join_tokens([], 5)
