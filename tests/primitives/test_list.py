"""The list of attributes: complete, consistent, and levels that go back to values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.primitives.stick import stick
from zsar_kit.errors import ConfigError
from zsar_kit.primitives.attributes import (
    HIGHEST,
    LEVELS,
    LOWEST,
    TOPICS,
    attribute,
    attribute_names,
    attributes,
    attributes_digest,
)
from zsar_kit.primitives.measure import Measured, measure, packed
from zsar_kit.primitives.topics import functions

each = pytest.mark.parametrize("one", attributes(), ids=attribute_names())


def test_the_list_and_the_functions_are_the_same_names():
    assert set(functions()) == set(attribute_names())
    assert len(attribute_names()) == len(set(attribute_names())) == 138
    assert [t for i, t in enumerate(a.topic for a in attributes()) if t not in TOPICS[: i + 1]] == []


@each
def test_a_row_of_the_list_is_whole(one):
    assert one.topic in TOPICS
    assert one.unit in ("T", "T/s", "s", "deg", "count", "turns", "share")
    assert one.lo < one.hi
    assert one.scale in ("linear", "log")
    assert one.scale == "linear" or one.lo > -1
    assert one.neutral is None or one.neutral in LEVELS
    assert all((one.about, one.zero, one.half, one.one))
    assert set(one.needs) <= {"head", "hands", "feet", "two"}
    assert not one.reversed_in_mirror or (one.lo == -one.hi and one.neutral == 0.5), "mirrored about level 0.5"


@each
def test_what_names_a_side_is_reversed_in_the_mirror(one):
    assert one.reversed_in_mirror == (
        one.name in ("winding", "sweep", "sweep_net", "right_arm", "right_leg", "net_side")
    )


@each
@given(level=st.floats(LOWEST, HIGHEST))
@settings(max_examples=10, deadline=None)
def test_a_level_and_its_value_go_back_and_forth(one, level):
    if one.scale == "log" and one.value(level) < 0:
        return  # no length and no count is below zero
    assert one.level(np.array([one.value(level)]))[0] == pytest.approx(level, abs=1e-9)


@each
def test_levels_rise_and_end_a_quarter_beyond_the_anchors_and_keep_what_is_missing(one):
    values = np.array([one.lo, one.hi, one.hi + 100 * (one.hi - one.lo), np.nan])
    np.testing.assert_allclose(one.level(values), [0, 1, HIGHEST, np.nan], atol=1e-12)
    assert one.level(np.array([-1e6]))[0] == LOWEST or one.scale == "log"
    assert (np.diff(one.level(np.linspace(one.lo, one.hi, 20))) > 0).all()


def test_an_unknown_name_is_answered_with_the_nearest():
    assert attribute("sweep").name == "sweep"
    with pytest.raises(ConfigError, match="lead_hand_highest"):
        attribute("lead_hand_hihest")


def test_who_stands_still_with_hanging_arms_is_neutral():
    """The level that a form means where it says nothing is what standing measures.

    But for two: their anchors are those of sensors whose hip centre lies high, so that T is short and feet are far.
    """
    measured = measure([stick(90)]).levels[0]
    off = {
        a.name: float(level)
        for a, level in zip(attributes(), measured, strict=True)
        if a.neutral is not None and a.name not in ("hand_knee", "hand_foot") and not abs(level - a.neutral) <= 0.26
    }
    assert off == {}


def test_the_digest_follows_what_a_form_author_read():
    assert len(attributes_digest()) >= 12
    assert attributes_digest() == attributes_digest()


def test_measured_levels_are_packed_with_what_is_known():
    levels = np.array([[0.25, np.nan, 1.25]], dtype=np.float32)
    np.testing.assert_array_equal(packed(levels), [[0.25, 0.5, 1.25, 1, 0, 1]])


def test_measured_shows_itself():
    measured = measure([stick(40)])
    assert "1 clips, 138 attributes" in repr(measured)
    assert "lead\\_hand\\_highest" in measured._repr_markdown_()
    assert "attribute" in Measured(measured.values[:0])._repr_markdown_()
