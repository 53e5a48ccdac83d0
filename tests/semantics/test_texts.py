"""Class texts: the kit's own load by name, a user's by path, and each fault is told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from zsar_kit.errors import TextError
from zsar_kit.semantics.text_files import builtin_texts, load_texts
from zsar_kit.semantics.texts import TEXT_SETS, ClassTexts

GOOD = """
dataset = "mine"

[[class]]
id = 7
name = "Wave"
label = "waving"
motion = '''
The right hand rises
and   swings.'''

[[class]]
id = 2
name = "Bow"
label = ["bowing", "taking a bow"]
"""


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "mine.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.fixture
def mine(tmp_path: Path) -> ClassTexts:
    return load_texts(written(tmp_path, GOOD))


def test_every_builtin_data_set_has_every_text_set():
    assert set(builtin_texts()) >= {"puppet", "utd_mhad", "nw_ucla", "kinder_gator"}
    for dataset in builtin_texts():
        texts = load_texts(dataset)
        assert texts.dataset == dataset
        assert texts.common_sets == TEXT_SETS
        assert all(texts.of("name", c) == name for c, name in zip(texts.ids, texts.names, strict=True))


def test_user_file_keeps_order_and_ids(mine: ClassTexts):
    assert (mine.dataset, mine.ids, mine.names) == ("mine", (7, 2), ("Wave", "Bow"))


def test_line_breaks_and_runs_of_blanks_become_one_blank(mine: ClassTexts):
    assert mine.of("motion", 7) == "The right hand rises and swings."


def test_several_sentences_stay_apart_or_are_joined(mine: ClassTexts):
    assert mine.sentences("label", 2) == ("bowing", "taking a bow")
    assert mine.of("label", 2) == "bowing taking a bow"
    assert mine.sentences("label", 7) == ("waving",)


def test_fields_are_those_that_every_class_has(mine: ClassTexts):
    assert mine.common_sets == ("name", "label")


def test_a_string_path_and_a_byte_order_mark_are_accepted(tmp_path: Path, mine: ClassTexts):
    again = load_texts(str(written(tmp_path, b"\xef\xbb\xbf" + GOOD.encode())))
    assert again.digest() == mine.digest()


def test_digest_follows_the_content(tmp_path: Path, mine: ClassTexts):
    other = load_texts(written(tmp_path, GOOD.replace("waving", "Waving")))
    assert other.digest() != mine.digest()


@pytest.mark.parametrize(
    ("text_set", "class_id", "message"),
    [
        ("motion", 2, r"class 2 \('Bow'\) has no 'motion' text; 1 of 2 classes have none .*mine.toml.*Add `motion = "),
        ("label", 3, r"class 3 of 'mine' has no text; classes with texts: 2, 7 .*mine.toml.*`id = 3`"),
        ("motions", 7, "unknown text set 'motions'.*Did you mean 'motion'"),
    ],
)
def test_absent_texts_are_told(mine: ClassTexts, text_set: str, class_id: int, message: str):
    with pytest.raises(TextError, match=message):
        mine.of(text_set, class_id)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("motion =", "motoin =", "unknown key 'motoin' .*table 1.*Did you mean 'motion'"),
        ("dataset =", "data_set =", "unknown key 'data_set'"),
        ("id = 2", "id = 7", "id 7 occurs twice, in .*tables 1 and 2"),
        ('name = "Bow"', 'name = "Wave"', "name 'Wave' occurs twice, in .*tables 1 and 2"),
        ("id = 2", "id = -1", "'id' must be a whole number.*-1"),
        ("id = 2", 'id = "2"', "'id' must be a whole number.*'2'"),
        ("id = 2", "id = true", "'id' must be a whole number.*True"),
        ("id = 2\n", "", "the key 'id' is missing .*table 2"),
        ('name = "Bow"\n', "", "the key 'name' is missing .*table 2"),
        ('label = "waving"', 'label = " "', "'label' is empty .*class 7"),
        ('label = "waving"', "label = []", r"'label' must be a string or a list of strings, got \[\]"),
        ('label = "waving"', "label = 3", "'label' must be a string or a list of strings, got 3"),
        ('dataset = "mine"', "dataset = 5", "the first line must be `dataset ="),
        ('label = "waving"', "label = waving", "not valid TOML.*line 7"),
    ],
)
def test_faults_of_a_file_are_told_with_their_place(tmp_path: Path, old: str, new: str, message: str):
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(TextError, match=message) as caught:
        load_texts(path)
    assert str(path) in str(caught.value)


def test_a_file_without_classes_is_refused(tmp_path: Path):
    with pytest.raises(TextError, match=r"at least one \[\[class\]\]"):
        load_texts(written(tmp_path, 'dataset = "mine"\n'))


def test_another_encoding_is_refused_by_line(tmp_path: Path):
    content = GOOD.replace("waving", "à plat").encode("latin-1")
    with pytest.raises(TextError, match=r"must be UTF-8; line 7 has byte 0xe0 .*Save the file as UTF-8"):
        load_texts(written(tmp_path, content))


def test_unknown_data_set_and_absent_file(tmp_path: Path):
    with pytest.raises(TextError, match=r"no texts for data set 'utd-mhad'.*Did you mean 'utd_mhad'"):
        load_texts("utd-mhad")
    with pytest.raises(TextError, match=r"does not exist .*absent\.toml"):
        load_texts(tmp_path / "absent.toml")
