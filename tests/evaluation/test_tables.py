"""Markdown tables."""

from __future__ import annotations

import pytest

from zsar_kit.errors import DataError
from zsar_kit.evaluation.statistics import Summary
from zsar_kit.evaluation.tables import format_table


def test_cells_are_formatted_and_aligned_by_kind():
    rows = [
        {"method": "flora", "zsl": Summary(61.25, 2.04, 5), "interval": (50.0, 72.5), "n": 88},
        {"method": "a|b", "zsl": Summary(50.0, None, 1), "interval": None, "n": 88},
    ]
    table = format_table(rows, {"method": "Method", "zsl": "ZSL, %", "interval": "95 % of subjects", "n": "n"})
    assert table.splitlines() == [
        "| Method |     ZSL, % | 95 % of subjects |   n |",
        "| ------ | ---------: | ---------------: | --: |",
        "| flora  | 61.2 ± 2.0 |      50.0 – 72.5 |  88 |",
        "| a\\|b   |       50.0 |                  |  88 |",
    ]


def test_a_missing_value_is_blank_and_an_empty_table_keeps_its_head():
    assert format_table([{}], ["x"]).splitlines()[2] == "|     |"
    assert len(format_table([], ["x", "y"]).splitlines()) == 2


def test_no_column_is_refused():
    with pytest.raises(DataError, match="at least one column"):
        format_table([], [])
