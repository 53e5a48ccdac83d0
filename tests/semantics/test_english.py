"""Prepositions, articles and stems: right for the words that people would try first, and for all that the kit uses."""

from __future__ import annotations

import pytest

from zsar_kit.semantics.check import bert_vocabulary
from zsar_kit.semantics.english import known_places, place_phrase, stem, stems, with_article
from zsar_kit.semantics.text_files import builtin_texts, load_texts


@pytest.mark.parametrize(
    ("place", "phrase"),
    [
        ("home", "at home"),
        ("school", "at school"),
        ("stage", "on the stage"),
        ("beach", "on the beach"),
        ("station", "at the station"),
        ("street", "in the street"),
        ("kitchen", "in the kitchen"),
        ("train", "on the train"),
        ("car", "in the car"),
        ("court", "on the court"),
        ("courtroom", "in the courtroom"),
        ("party", "at the party"),
        ("winter", "in winter"),
        ("spaceport", "in the spaceport"),  # unknown
    ],
)
def test_places_have_their_preposition_and_article(place: str, phrase: str) -> None:
    assert place_phrase(place) == phrase


@pytest.mark.parametrize("dataset", sorted(builtin_texts()))
def test_every_place_of_the_texts_is_known(dataset: str) -> None:
    texts = load_texts(dataset)
    assert {row.environment for rows in texts.contexts for row in rows} <= set(known_places())


@pytest.mark.offline_lm
def test_places_are_words_of_the_language_model() -> None:
    assert set(known_places()) <= bert_vocabulary()


def test_no_place_is_listed_twice() -> None:
    from zsar_kit.semantics.english import _table

    listed = [place for places in _table()["places"].values() for place in places]
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize(
    ("noun", "phrase"),
    [
        ("cup", "a cup"),
        ("axe", "an axe"),
        ("umbrella", "an umbrella"),
        ("uniform", "a uniform"),
        ("hour", "an hour"),
        ("x", "an x"),
        ("u", "a u"),
        ("water", "water"),
        ("chalk", "chalk"),
        ("scissors", "scissors"),
        ("glasses", "glasses"),
        ("glass", "a glass"),
        ("bus", "a bus"),
        ("lens", "a lens"),
        ("feet", "feet"),
        ("ice", "ice"),
    ],
)
def test_articles(noun: str, phrase: str) -> None:
    assert with_article(noun) == phrase


@pytest.mark.parametrize(
    "forms",
    [
        "write writes writing wrote written",
        "clap claps clapping clapped",
        "pull pulls pulling pulled",
        "kiss kisses kissing kissed",
        "carry carries carrying carried",
        "brush brushes brushing brushed",
        "take takes taking took taken",
        "salute salutes saluting saluted",
        "wipe wipes wiping wiped",
        "throw throws throwing threw thrown",
        "shoe shoes",
        "foot feet",
        "glass glasses",
        "headphone headphones",
        "tie ties tying tied",
    ],
)
def test_forms_of_a_word_share_their_stem(forms: str) -> None:
    assert len(stems(forms)) == 1


@pytest.mark.parametrize("words", ["put push", "bow bowl", "sit seat", "drink drip", "key keyboard"])
def test_different_words_do_not(words: str) -> None:
    one, two = words.split()
    assert stem(one) != stem(two)
