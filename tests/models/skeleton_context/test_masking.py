"""Progressive partial masking: how many slots at each ratio, each equally often, each pattern with its own number."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zsar_kit.errors import ConfigError
from zsar_kit.models.skeleton_context.masking import masked_slots, masking_ratio, slot_pattern


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_ratio_is_the_papers_ramp():
    assert [masking_ratio(t, 4) for t in range(7)] == [0.0, 0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(("step", "total"), [(-1, 3), (0, 0), (2, -1)])
def test_ratio_refuses_what_is_no_ramp(step, total):
    with pytest.raises(ConfigError, match=f"got step={step}, total={total}.*ratio of 1"):
        masking_ratio(step, total)


@pytest.mark.parametrize(
    ("ratio", "count"),
    [(0.0, 1), (0.01, 1), (1 / 3, 1), (0.34, 2), (0.5, 2), (2 / 3, 2), (0.67, 3), (0.99, 3), (1.0, 3)],
)
def test_number_of_masked_slots_at_each_ratio(ratio, count):
    assert masked_slots(50, 3, ratio, seeded()).sum(dim=1).tolist() == [count] * 50


def test_a_rounding_error_in_the_ratio_masks_no_slot_more():
    assert (0.1 + 0.2) * 10 > 3
    assert masked_slots(4, 10, 0.1 + 0.2, seeded()).sum(dim=1).tolist() == [3] * 4


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 16), st.integers(0, 40), st.integers(1, 40))
def test_at_least_one_and_never_fewer_than_the_ratio_asks_for(slots, step, total):
    mask = masked_slots(3, slots, masking_ratio(step, total), seeded())
    # ceil(min(1, step / total) * slots) in whole numbers, where no rounding error can hide
    expected = max(1, -(-min(step, total) * slots // total))
    assert mask.sum(dim=1).tolist() == [expected] * 3


def test_the_ramp_spends_equal_time_on_each_number():
    counts = Counter(int(masked_slots(1, 3, masking_ratio(t, 300), seeded()).sum()) for t in range(1, 301))
    assert counts == {1: 100, 2: 100, 3: 100}


@pytest.mark.parametrize("ratio", [1 / 3, 2 / 3])
def test_every_choice_of_slots_is_equally_likely(ratio):
    draws, count = 6000, round(3 * ratio)
    mask = masked_slots(draws, 3, ratio, seeded(5))
    seen = Counter(tuple(row.nonzero().flatten().tolist()) for row in mask)
    choices = list(combinations(range(3), count))
    assert set(seen) == set(choices)
    # Four standard deviations of a binomial count.
    p = 1 / len(choices)
    assert all(abs(seen[c] - draws * p) < 4 * (draws * p * (1 - p)) ** 0.5 for c in choices)


def test_samples_draw_for_themselves_and_the_generator_decides():
    first, again, other = (masked_slots(64, 3, 0.5, seeded(s)) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert len(first.unique(dim=0)) == 3


def test_the_generator_advances_alike_at_any_ratio_and_the_global_one_not_at_all():
    state, after = torch.get_rng_state(), []
    for ratio in (0.0, 0.5, 1.0):
        g = seeded()
        masked_slots(4, 3, ratio, g)
        after.append(torch.rand(1, generator=g).item())
    assert len(set(after)) == 1
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("ratio", [-0.01, 1.01, float("nan"), float("inf")])
def test_a_ratio_out_of_range_is_refused(ratio):
    with pytest.raises(ConfigError, match=r"must be in \[0, 1\], got .*masking_ratio\(step, total\)"):
        masked_slots(2, 3, ratio, seeded())


@pytest.mark.parametrize("slots", [0, 17])
def test_a_number_of_slots_out_of_range_is_refused(slots):
    for call in (
        lambda: masked_slots(2, slots, 0.5, seeded()),
        lambda: slot_pattern(torch.zeros(2, slots, dtype=torch.bool)),
    ):
        with pytest.raises(ConfigError, match=f"between 1 and 16 slots, got {slots}"):
            call()
    with pytest.raises(ConfigError, match="batch must be at least 0"):
        masked_slots(-1, 3, 0.5, seeded())


def slot_patterns(slots: int) -> torch.Tensor:
    """All patterns of masked slots, each in the row that its number names."""
    return torch.tensor([[bool(number >> slot & 1) for slot in range(slots)] for number in range(2**slots)])


@pytest.mark.parametrize("slots", [1, 3, 5])
def test_patterns_and_numbers_are_a_bijection(slots):
    patterns = slot_patterns(slots)
    assert slot_pattern(patterns).tolist() == list(range(2**slots))
    assert len(patterns.unique(dim=0)) == 2**slots
    assert not patterns[0].any()
    assert patterns[-1].all()


def test_the_number_has_the_first_slot_as_its_lowest_bit():
    mask = torch.tensor([[True, False, False], [False, True, False], [False, True, True]])
    assert slot_pattern(mask).tolist() == [1, 2, 6]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 8), st.floats(0, 1), st.integers(0, 9))
def test_a_drawn_mask_is_found_again_by_its_number(slots, ratio, seed):
    mask = masked_slots(7, slots, ratio, seeded(seed))
    assert torch.equal(slot_patterns(slots)[slot_pattern(mask)], mask)
