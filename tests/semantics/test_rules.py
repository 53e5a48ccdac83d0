"""Rules of the second edition: each planted fault is found, by its kind, and sound sentences are left alone."""

from __future__ import annotations

import pytest

from zsar_kit.semantics.body_rules import body_faults
from zsar_kit.semantics.context_rules import class_faults, row_faults
from zsar_kit.semantics.texts import Context

SOUND = {
    "motion": "The right hand rises to the mouth and sinks, while the left arm hangs and the legs stand still.",
    "parts.hands": "The right hand rises to the mouth and sinks; the left hand hangs.",
    "phases.start": "The right hand rises.",
}


def kinds(name: str = "drink", **changed: str) -> list[tuple[str, str]]:
    """Kind and text set of each fault of a sound class with some texts changed."""
    sets = {key: (text,) for key, text in {**SOUND, **{k.replace("_", "."): v for k, v in changed.items()}}.items()}
    return [(kind, text_set) for kind, text_set, *_ in body_faults(name, sets)]


def test_sound_texts_have_no_fault() -> None:
    assert kinds() == []


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("The right hand may rise.", "hedge"),
        ("The right hand rises or sinks.", "hedge"),
        ("The right hand rises a little.", "hedge"),
        ("The right hand rises several times.", "hedge"),
        ("The right hand swings again and again.", "duration"),
        ("The right hand stays up for a long time.", "duration"),
        ("The other leg lifts.", "referent"),
        ("The other hand hangs while one hand rises.", "referent"),
        ("The right hand rises again.", "referent"),
        ("The first step is long.", "referent"),
        ("The right hand goes to the same place.", None),  # "right" anchors it
        ("The hand goes to the same place.", "referent"),
        ("One hand rises, the other hand hangs.", None),
        ("The right hand first rises and then sinks.", None),
        ("The hands face each other.", None),
        ("The right hand rises forward.", None),  # "or" inside a word
        ("The right hand turns about the wrist.", "hedge"),
    ],
)
def test_words_of_a_sentence(sentence: str, kind: str | None) -> None:
    found = {k for k, where in kinds(phases_end=sentence) if where == "phases.end"} - {"hands and sides"}
    assert found == ({"referent", kind} if kind == "duration" and "again" in sentence else {kind} - {None})


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"parts_hands": "The left hand rises and sinks."}, "parts.hands"),
        ({"phases_start": "The left arm rises."}, "phases.start"),
        ({"motion": "The right hand rises and sinks.", "parts_hands": "The hands rise and sink."}, "parts.hands"),
        ({"motion": "One hand rises and sinks.", "phases_start": "Both hands rise."}, "phases.start"),
        ({"motion": "One hand rises, the other arm hangs.", "parts_hands": "The hands rise."}, "parts.hands"),
        ({"motion": "The right leg lifts.", "parts_legs": "Both legs lift."}, "parts.legs"),
        ({"motion": "The left foot steps.", "parts_legs": "The right foot steps."}, "parts.legs"),
    ],
)
def test_parts_and_phases_must_move_what_the_motion_moves(changed: dict[str, str], where: str) -> None:
    assert ("hands and sides", where) in kinds(**changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"motion": "Both hands rise.", "parts_hands": "The hands rise.", "phases_start": "The right hand rises."},
        {"motion": "One hand rises, the other arm hangs.", "phases_start": "One hand rises as both arms hang."},
        {"motion": "The right hand touches the left shoulder.", "parts_hands": "The right hand rises."},
        {"motion": "The right leg lifts.", "phases_start": "The weight goes to the left leg."},
        {"motion": "One person raises the right hand.", "parts_hands": "The partner's left hand hangs."},
    ],
)
def test_two_hands_and_two_people_are_left_alone(changed: dict[str, str]) -> None:
    assert kinds(**changed) == []


@pytest.mark.parametrize(
    ("name", "motion", "faulty"),
    [
        ("circle (clockwise)", "From the top to the right, the bottom and the left, the right hand circles.", False),
        ("circle (clockwise)", "From the top to the left, the bottom and the right, the right hand circles.", True),
        ("circle (counter clockwise)", "From the top to the left, the bottom, the right, the hand circles.", False),
        ("circle (counter clockwise)", "The right hand goes round in a circle.", True),
        ("Swipe left", "The right hand sweeps to the left.", False),
        ("Swipe left", "The right hand sweeps to the side.", True),
        ("swipe from left to right", "The hand sweeps from left to right.", False),
        ("swipe from left to right", "The hand sweeps from right to left.", True),
    ],
)
def test_paths_and_sides_of_the_class_name(name: str, motion: str, faulty: bool) -> None:
    found = [where for kind, where in kinds(name, motion=motion) if kind == "path"]
    assert found == (["motion"] if faulty else [])


def row_kinds(*row: str, edition: str = "second") -> set[str]:
    return {kind for kind, *_ in row_faults(Context(*row), edition)}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (("kitchen", "hand", "cup", "drink the ~", "water"), set()),
        (("lake", "hand", "none", "throw ~ into the water", "stones"), set()),
        (("office", "hand", "none", "hold the ring with the ~", "key"), set()),
        (("street", "hand", "none", "bring an ~ to the friend", "apple"), set()),
        (("office", "hand", "pen", "write the friend's ~", "name"), set()),
        (("garden", "hand", "none", "touch the inside of the ~", "pot"), set()),
        (("kitchen", "hand", "cup", "drink", "water"), {"target"}),
        (("spaceport", "hand", "cup", "drink the ~", "water"), {"preposition"}),
        (("kitchen", "hand", "cup", "drink from ~", "bottle"), {"determiner"}),
        (("kitchen", "hand", "none", "eat a ~", "apple"), {"determiner"}),
        (("kitchen", "hand", "none", "eat an old ~ and a egg", "cake"), {"determiner"}),
        (("kitchen", "hand", "none", "drinking the ~", "water"), {"word order"}),
        (("kitchen", "hand", "none", "the ~ drink", "cup"), {"word order"}),
        (("kitchen", "hand", "none", "at the ~ drink", "sink"), {"word order"}),
        (("kitchen", "hand", "none", "wipe the from the ~", "table"), {"word order"}),
        (("bathroom", "hand", "none", "make neat before dinner a", "thumb"), {"target", "word order"}),
    ],
)
def test_faults_of_a_description(row: tuple[str, ...], expected: set[str]) -> None:
    assert row_kinds(*row) == expected


def test_the_first_edition_names_places_without_preposition_and_article() -> None:
    assert row_kinds("beach", "hand", "cup", "drink the ~", "water", edition="first") == {"preposition"}


def bank(verb_rows: int, noun_rows: int) -> list[Context]:
    actions = ["drinks the ~"] * verb_rows + ["lift the cups"] * noun_rows
    actions += ["sip the ~"] * (10 - len(actions))
    return [Context("kitchen", "hand", "none", action, "water") for action in actions]


@pytest.mark.parametrize(
    ("verb_rows", "noun_rows", "found"),
    [(3, 3, 0), (6, 0, 0), (2, 4, 1), (3, 2, 1), (2, 2, 2)],
)
def test_coverage_by_verb_and_noun(verb_rows: int, noun_rows: int, found: int) -> None:
    faults = list(class_faults("sip", "drink", "cup", bank(verb_rows, noun_rows), (), ()))
    assert [kind for kind, *_ in faults] == ["coverage"] * found


def test_a_class_with_an_object_uses_it() -> None:
    def found(name: str, noun: str, things: set[str]) -> list[str]:
        return [
            kind for kind, *_ in class_faults(name, "drink", noun, bank(10, 0), things, {"jacket", "hand", "water"})
        ]

    assert found("wear jacket", "jacket", set()) == ["object"]
    assert found("dress", "jacket", {"jacket"}) == ["object"]  # another class uses it
    assert found("dress", "jacket", set()) == []  # nothing says that it is a thing
    assert found("drink", "water", {"water"}) == []
    assert found("show hand", "hand", {"hand"}) == []  # a part of the body
