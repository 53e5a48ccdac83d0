"""The validator: the kit's texts pass, and each planted fault is found with its line and a remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from zsar_kit.data.splits import class_names
from zsar_kit.semantics.check import bert_vocabulary, check_texts, counts_by_kind, reading_ease, syllables
from zsar_kit.semantics.editions import EDITIONS, Edition
from zsar_kit.semantics.findings import KINDS
from zsar_kit.semantics.text_files import builtin_texts, load_texts

VOCABULARY = {"kitchen", "park", "gym", "cup", "none", "water", "tea", "floor", "waving", "desk"}
ROW = '  ["{}", "hand", "{}", "{}", "{}"],'
ROWS = [
    ("kitchen", "cup", "drink", "tea"),
    ("park", "cup", "sip", "water"),
    ("gym", "none", "point at", "floor"),
    ("kitchen", "none", "wipe", "floor"),
    ("desk", "none", "spill", "tea"),
    ("gym", "cup", "lift", "water"),
    ("park", "none", "splash", "water"),
    ("desk", "cup", "hold", "tea"),
    ("kitchen", "cup", "fill with", "water"),
    ("gym", "none", "mop", "floor"),
]
TABLE = """
[[class]]
id = {id}
name = "{name}"
label = "{name}ing"
definition = "To do {name} once."
motion = "One hand rises, does {name} and sinks."
noun = "hand"
verb = "{name}"
key_parts = ["hand"]
parts.head = "The head rests."
parts.hands = "One hand moves."
parts.torso = "The trunk rests."
parts.legs = "The legs rest."
phases.start = "One hand rises."
phases.middle = "The hand swings."
phases.end = "The hand sinks."
contexts = [
{rows}
]
"""


def table(number: int, name: str, rows: list[tuple[str, ...]] = ROWS) -> str:
    return TABLE.format(id=number, name=name, rows="\n".join(ROW.format(*row) for row in rows))


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text('dataset = "mine"\n' + text, encoding="utf-8")
    return path


def findings(folder: Path, text: str, rules: Edition = "first", **options) -> list[str]:
    texts = load_texts(written(folder, text), rules)
    return [str(f) for f in check_texts(texts, vocabulary=VOCABULARY, **options)]


@pytest.mark.offline_lm
@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("dataset", sorted(builtin_texts()))
def test_the_kits_texts_are_fit_for_use_by_the_rules_of_their_edition(dataset: str, edition: Edition) -> None:
    assert check_texts(load_texts(dataset, edition), names=class_names(dataset)) == []


@pytest.mark.offline_lm
def test_the_first_edition_shows_what_the_rules_of_the_second_are_for() -> None:
    counts = counts_by_kind(check_texts(load_texts("ntu120", "first"), rules="second"))
    assert list(counts) == list(KINDS)
    assert counts["preposition"] == 1194  # of 1200 rows; six say "in winter"
    assert all(counts[kind] > 0 for kind in ("hands and sides", "hedge", "duration", "referent", "coverage"))
    assert not any(counts[kind] for kind in ("completeness", "form", "vocabulary", "variety"))


@pytest.mark.offline_lm
def test_the_vocabulary_is_that_of_bert() -> None:
    words = bert_vocabulary()
    assert {"keyboard", "cup", "paper", "head", "none"} <= words
    assert not words & {"[MASK]", "##ing", "toothbrush", "."}


def test_sound_texts_have_no_finding(tmp_path: Path) -> None:
    assert findings(tmp_path, table(0, "wave") + table(1, "bow"), names=["wave", "bow"]) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '"kitchen", "hand", "cup", "drink"',
            '"kitchen", "hand", "teacup", "drink"',
            "row 1.*'used_object' must be one",
        ),
        ('"sip", "water"', '"sip", "cold water"', "row 2.*'target_object' must be one word.*'cold water'.*head noun"),
        ('"point at", "floor"', '"point at", "waving"', "row 3.*repeats the class, 'waving'"),
        (
            '["kitchen", "hand", "none", "wipe"',
            '["none", "hand", "none", "wipe"',
            "row 4.*Everything is done somewhere",
        ),
        ('"spill", "tea"', '"wave", "tea"', "row 5.*'sub_action' repeats the class"),
        ('"lift", "water"', f'"{"very " * 20}high", "water"', "row 6.*words, 20 are the limit"),
        (ROW.format(*ROWS[9]), ROW.format(*ROWS[0]), "row 10.*the row occurs twice"),
        (ROW.format(*ROWS[9]), "", "10 context descriptions, got 9"),
        ('key_parts = ["hand"]\n', "", "'key_parts' is missing"),
        ('verb = "wave"\n', "", "'verb' is missing.*Add `verb = "),
        ('noun = "hand"', 'noun = "right hand"', "line 9.*'noun' must be one word"),
        ("One hand rises, does wave and sinks.", "one hand rises", "line 8.*from a capital to a full stop"),
        ("One hand moves.", f"One {'slow ' * 20}hand moves.", "line 13.*'parts.hands' has 23 words, 20 are the limit"),
    ],
)
def test_each_fault_is_found_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = table(0, "wave").replace('"waveing"', '"waving"')
    assert old in text
    found = findings(tmp_path, text.replace(old, new, 1))
    assert len(found) == 1
    assert re.search(message, found[0]), found[0]
    assert "mine.toml, line " in found[0]


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    text = table(0, "wave") + table(1, "bow").replace('"sip", "water"', '"sip", "iced water"')
    (found,) = check_texts(load_texts(written(tmp_path, text)), vocabulary=VOCABULARY, rules="first")
    line = int(found.where.partition("line ")[2].partition(",")[0])
    assert "iced water" in (tmp_path / "mine.toml").read_text(encoding="utf-8").splitlines()[line - 1]


@pytest.mark.parametrize(
    ("old", "new", "kind", "line"),
    [
        ("One hand rises, does", "One hand may rise, does", "hedge", 8),
        ("One hand swings.", "The hands swing.", "hands and sides", 17),
        ('"wave the ~", "tea"', '"wave ~", "cup"', "determiner", 20),
        ('["kitchen"', '["mars"', "preposition", 20),
        ('"wave the ~", "water"', '"wave", "water"', "target", 21),
    ],
)
def test_the_second_editions_rules_are_checked_with_their_place(
    tmp_path: Path, old: str, new: str, kind: str, line: int
) -> None:
    rows = [(e, "none" if o == "none" else o, "wave the ~", t) for e, o, _, t in ROWS]
    rows = [(e, o, f"{a} {'now ' * (i // 5)}".strip(), t) for i, (e, o, a, t) in enumerate(rows)]
    text = table(0, "wave", rows).replace("The hand swings.", "One hand swings.")
    assert findings(tmp_path, text.replace('"desk", "hand"', '"park", "hand"'), "second") == []
    text = text.replace('"desk", "hand"', '"park", "hand"')
    assert old in text
    texts = load_texts(written(tmp_path, text.replace(old, new, 1)))
    found = check_texts(texts, vocabulary={*VOCABULARY, "mars"})
    assert {f.kind for f in found} >= {kind}
    (one,) = [f for f in found if f.kind == kind]
    assert f"mine.toml, line {line}, " in one.where
    assert one.remedy


def test_too_few_distinct_situations(tmp_path: Path) -> None:
    rows = [ROWS[i % 5] for i in range(10)]
    found = findings(tmp_path, table(0, "wave", rows))
    assert any("at least 6 distinct triples" in f and "got 5" in f for f in found)
    assert sum("occurs twice" in f for f in found) == 5


def test_missing_extra_and_misnamed_classes(tmp_path: Path) -> None:
    found = findings(tmp_path, table(0, "wave") + table(3, "bow"), names=["waves", "jump"])
    assert len(found) == 3
    assert "called 'wave', the class list says 'waves'" in found[0]
    assert "class 1 ('jump') is missing" in found[1]
    assert "`id = 1`" in found[1]
    assert "class 3 ('bow') is not in the class list" in found[2]


def test_sentences_that_two_classes_share_are_found(tmp_path: Path) -> None:
    second = table(1, "bow", [*ROWS[1:], ("park", "cup", "shake", "tea")]).replace("does bow", "does wave")
    found = findings(tmp_path, table(0, "wave") + second)
    assert len(found) == 2
    assert all("'motion' is the same for another class" in f for f in found)


def test_only_the_text_sets_that_are_asked_for_are_missed(tmp_path: Path) -> None:
    text = '[[class]]\nid = 0\nname = "wave"\nlabel = "waving"\n'
    assert findings(tmp_path, text, text_sets=["label"]) == []
    assert [f.rpartition(": ")[2] for f in findings(tmp_path, text, text_sets=["label", "parts", "parts.head"])] == [
        "'parts' is missing. Add `parts = ...`."
    ]


@pytest.mark.parametrize(("word", "count"), [("hand", 1), ("elbow", 2), ("circle", 2), ("rotate", 2), ("the", 1)])
def test_syllables(word: str, count: int) -> None:
    assert syllables(word) == count


def test_reading_ease_is_flesch() -> None:
    # 6 words in one sentence, 6 syllables.
    assert reading_ease(["The hand goes up and down."]) == pytest.approx(206.835 - 1.015 * 6 - 84.6)
    plain, heavy = ["The arm swings."], ["Extremities oscillate periodically."]
    assert reading_ease(plain) > reading_ease(heavy)
