"""Classes in words: what is written is what is read, and what can't be told apart is refused."""

from __future__ import annotations

import logging

import pytest

from zsar_kit.errors import TextError
from zsar_kit.semantics.words import named_words, parse_classes

LINE = "typing on a keyboard: hands tap keys in front of the chest; writing; put on a hat"


def test_labels_and_descriptions(caplog):
    with caplog.at_level(logging.WARNING, logger="zsar_kit"):
        texts = parse_classes(LINE, first_id=40)
    assert texts.ids == (40, 41, 42)
    assert texts.names == ("typing on a keyboard", "writing", "put on a hat")
    assert texts.of("label", 40) == "typing on a keyboard"
    assert texts.of("motion", 40) == texts.of("definition", 40) == "hands tap keys in front of the chest"
    assert texts.of("motion", 41) == texts.of("label", 41) == "writing"
    assert [r.message for r in caplog.records] == [
        "the class 'writing' has no description; its label is used instead",
        "the class 'put on a hat' has no description; its label is used instead",
    ]


def test_a_second_colon_belongs_to_the_description():
    texts = parse_classes("clap: both hands: together and apart ;  bow :  the head sinks;")
    assert texts.of("motion", 0) == "both hands: together and apart"
    assert texts.names == ("clap", "bow")


def test_a_file_has_one_class_a_line(tmp_path):
    path = tmp_path / "classes.txt"
    path.write_text("\ufeffwave: a hand swings\n\nbow: the head sinks; sit: hips on a chair\n", encoding="utf-8")
    assert parse_classes(f"@{path}").names == ("wave", "bow", "sit")
    with pytest.raises(TextError, match="the file of classes does not exist"):
        parse_classes(f"@{path}x")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "at least two classes are needed to choose among, got 0"),
        (" ; ;", "got 0"),
        ("wave: a hand swings", "got 1"),
        ("wave; Wave", "the label 'wave' occurs twice"),
        ("wave: x; bow: X", "the description 'x' occurs twice"),
        ("wave: ; bow", "a class needs a label, and a description after its colon, got 'wave:'"),
        (": a hand; bow", "a class needs a label"),
        ([], "got 0"),
        (["wave"], "got 1"),
        (["wave", " "], "a blank text at index 1"),
        (["wave: ", "bow"], "a description after its colon"),
        ({"wave": "x", "": "y"}, "a class needs a label, got a blank one"),
        ({"wave": "x", "Wave ": "y"}, "occurs twice"),
    ],
)
def test_bad_input(words, message):
    with pytest.raises(TextError, match=message):
        parse_classes(words)


def test_a_list_and_a_mapping_are_what_the_line_is():
    wanted = [("wave", "a hand: it swings"), ("bow", "")]
    assert named_words("wave: a hand: it swings; bow")[0] == wanted
    assert named_words(["wave: a hand: it swings", "bow"])[0] == wanted
    assert named_words(("wave: a hand:  it swings", " bow "))[0] == wanted
    assert named_words({"wave": "a hand: it  swings", "bow": ""})[0] == wanted
    assert parse_classes({"a: b": "x; y", "c": ""}).names == ("a: b", "c")  # labels and descriptions of any kind
