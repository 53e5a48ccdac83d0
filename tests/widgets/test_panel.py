"""Sections are plain data: bounded, on one line, and in percent."""

from __future__ import annotations

import json

import numpy as np

from zsar_kit.widgets.panel import Panel, bars, item, matrix, message, numbers, plot, table, words


def test_shares_are_shown_in_percent_with_what_was_there_before():
    section = bars("slot", [("park", 0.5), ("office", 0.0001)], own={"park"}, before={"park": 0.25})
    park, office = section["rows"]
    assert (park["text"], park["own"], park["before"]) == ("50.0 %", True, 0.25)
    assert (office["text"], office["own"], office["before"]) == ("<0.1 %", False, None)
    assert numbers("errors", [("a", 12.345)])["rows"][0]["text"] == "12.3"


def test_every_section_is_plain_json_and_every_word_is_bounded():
    long = "<b>x</b>\n" * 200
    sections = [
        message(long),
        words(long, [long]),
        bars(long, [(long, 0.1)], note=long),
        table(long, [long], [[long]], marked=[0], picks=True),
        matrix(long, [long], np.array([[3]]), (0, 0)),
        plot(long, [item("line", np.zeros((2, 2)), colour="#000", name=long, names=[long])], x="t", y="e", rule=0.5),
    ]
    panel = Panel(sections)
    text = json.dumps(panel.sections, allow_nan=False)
    assert "\\n" not in text
    assert len(text) < 8000


def test_a_page_offers_no_click_that_nobody_hears():
    panel = Panel([table("t", ["a"], [["x"]], picks=True)])
    assert [s["picks"] for s in panel.part().state["sections"]] == [False]
