"""Editions: the first stays as it was, the second writes English, and nothing mixes them."""

from __future__ import annotations

import pytest

from zsar_kit.errors import TextError
from zsar_kit.semantics.context_sentences import context_sentence
from zsar_kit.semantics.editions import CURRENT, EDITIONS
from zsar_kit.semantics.masked_language import prompt
from zsar_kit.semantics.text_files import builtin_texts, load_texts, own_classes
from zsar_kit.semantics.texts import SLOTS, Context

FIRST = {
    "kinder_gator": "42a2c7b93915",
    "ntu120": "c57225138e20",
    "ntu60": "0a609745a039",
    "nw_ucla": "09018fb41678",
    "pku_mmd": "5443f107055a",
    "pku_mmd_2": "6321459f58de",
    "puppet": "96492ae163c4",
    "utd_mhad": "8097a13a70a3",
}
"""Digests of the first edition's texts, rendered sentences among them, when the second came."""


@pytest.mark.parametrize("dataset", sorted(FIRST))
def test_the_first_edition_is_frozen(dataset: str) -> None:
    assert load_texts(dataset, "first").digest() == FIRST[dataset]


def test_every_data_set_has_every_edition_with_the_same_classes() -> None:
    assert set(builtin_texts()) == set(FIRST)
    for dataset in builtin_texts():
        first, second = (load_texts(dataset, edition) for edition in EDITIONS)
        assert (first.ids, first.names) == (second.ids, second.names)
        assert first.digest() != second.digest()
        assert (first.edition, second.edition) == EDITIONS


def test_the_second_edition_is_read_unless_another_is_named() -> None:
    assert CURRENT == "second"
    assert load_texts("utd_mhad").digest() == load_texts("utd_mhad", "second").digest()
    with pytest.raises(TextError, match=r"unknown edition of the class texts 'secnd'.*Did you mean 'second'"):
        load_texts("utd_mhad", "secnd")


@pytest.mark.parametrize("edition", EDITIONS)
def test_texts_taken_over_are_of_the_same_edition(edition: str) -> None:
    ntu, pku, half = (load_texts(d, edition) for d in ("ntu120", "pku_mmd", "ntu60"))
    assert pku.contexts_of(1) == ntu.contexts_of(3)  # brushing hair
    assert half.by_class == ntu.by_class[:60]


@pytest.mark.parametrize(
    ("row", "first", "second"),
    [
        (
            ("beach", "hand", "cup", "drink the ~", "water"),
            "In beach, hand uses cup to drink the water.",
            "On the beach, the hand uses a cup to drink the water.",
        ),
        (
            ("home", "arm", "none", "put on a ~ in the hall", "jacket"),
            "In home, arm moves to put on a jacket in the hall.",
            "At home, the arm moves to put on a jacket in the hall.",
        ),
        (
            ("office", "hand", "scissors", "cut along the edge", "none"),
            "In office, hand uses scissors to cut along the edge.",
            "In the office, the hand uses scissors to cut along the edge.",
        ),
        (
            ("station", "hand", "umbrella", "wave to", "friends"),
            "In station, hand uses umbrella to wave to friends.",
            "At the station, the hand uses an umbrella to wave to friends.",
        ),
    ],
)
def test_the_form_of_a_description(row: tuple[str, ...], first: str, second: str) -> None:
    assert context_sentence(Context(*row), "first") == first
    assert context_sentence(Context(*row), "second") == second


def test_a_masked_prompt_has_no_word_that_gives_the_masked_one_away() -> None:
    """Prepositions and articles of the sentences stay out of it: "on the [MASK]" is hardly a kitchen."""
    masked = {slot: "[MASK]" for slot in SLOTS}
    assert prompt(masked) == "Environment: [MASK] | Used object: [MASK] | Target object: [MASK]"


def test_classes_of_their_own_are_those_that_no_edition_takes_over() -> None:
    assert own_classes("utd_mhad") == tuple(range(27))
    assert own_classes("puppet") == ()
    assert {28, 37} <= set(own_classes("pku_mmd"))
    assert 1 not in own_classes("pku_mmd")
