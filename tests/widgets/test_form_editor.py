"""The form editor without a browser: its traits, its controls, what it says and what it saves."""

from __future__ import annotations

import math

import ipywidgets
import numpy as np
import pytest

from zsar_kit.errors import TextError
from zsar_kit.primitives.attributes import attribute_names, attributes
from zsar_kit.primitives.form_writer import class_of
from zsar_kit.primitives.forms import load_form
from zsar_kit.widgets.form_editor import FormEditor, nearest_by_name


@pytest.fixture
def editor(tmp_path) -> FormEditor:
    return FormEditor(tmp_path / "mine.toml", "wave with one hand", nearest=lambda name: ["ntu120:22", "utd_mhad:2"])


def row_of(editor: FormEditor) -> np.ndarray:
    return np.array([math.nan if editor.levels[n] is None else editor.levels[n] for n in attribute_names()])


def test_a_new_action_starts_from_the_nearest_class(editor):
    np.testing.assert_array_equal(row_of(editor), class_of("ntu120:22")[1])
    assert editor.like == "ntu120:22"
    assert [value for _, value in editor._choices["like"].options] == ["", "ntu120:22", "utd_mhad:2"]
    assert "Started from 'hand waving' (ntu120:22)." in editor._note.value


def test_setting_the_class_to_start_from_takes_its_levels(editor):
    editor.like = "utd_mhad:2"
    np.testing.assert_array_equal(row_of(editor), class_of("utd_mhad:2")[1])
    editor.like = ""
    assert editor.levels["lead_hand_highest"] == 0.0


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_level_is_set_drawn_and_said(editor, by_hand):
    before = bytes(editor._picture.value)
    if by_hand:
        editor._sliders["lead_hand_outward"].value = 1.0
    else:
        editor.set_level("lead_hand_outward", 1.0)
    assert editor.levels["lead_hand_outward"] == 1.0 == editor._sliders["lead_hand_outward"].value
    assert editor.attribute == "lead_hand_outward"
    assert bytes(editor._picture.value).startswith(b"\x89PNG")
    assert bytes(editor._picture.value) != before
    assert editor._meaning.value.splitlines()[0] == "lead_hand_outward: 1, 1.9 T, arm straight out to the side"


def test_a_slider_has_the_steps_of_a_form_and_keeps_a_mean_between_them(editor):
    editor.set_level("twist", 0.375)
    editor.topic = "trunk"
    steps = ["0", "0.25", "0.5", "0.75", "1", "?"]
    assert [text for text, _ in editor._sliders["lean_back"].options] == steps
    assert [text for text, _ in editor._sliders["twist"].options] == [*sorted([*steps[:-1], "0.375"]), "?"]
    assert editor._sliders["twist"].value == 0.375
    editor._sliders["twist"].value = "?"
    assert editor.levels["twist"] is None
    assert editor._sliders["twist"].value == "?"


def test_a_topic_shows_its_attributes_and_follows_the_attribute_in_hand(editor):
    editor.attribute = "hips_down"
    assert editor.topic == "legs" == editor._choices["topic"].value
    assert list(editor._sliders) == [a.name for a in attributes() if a.topic == "legs"]


def test_saving_writes_a_form_that_reads_back_and_changes_one_class(editor, tmp_path):
    editor.set_level("lead_hand_highest", 0.25)
    path = editor.save()
    other = FormEditor(path, "bow deeply", nearest=lambda name: ["ntu120:22"])
    other.set_level("lean_forward", 1.0)
    other.save()
    form = load_form(path)
    assert form.class_names == ("wave with one hand", "bow deeply")
    assert form.of(0)[attribute_names().index("lead_hand_highest")] == 0.25
    again = FormEditor(path, "WAVE with one hand")
    np.testing.assert_array_equal(row_of(again), form.of(0))
    again.set_level("lead_hand_highest", 1.0)
    again.save()
    assert len(load_form(path).class_names) == 2


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda e: e.set_level("twsit", 1.0), "unknown attribute 'twsit'.*Did you mean 'twist'"),
        (lambda e: e.set_level("twist", 1.5), "a level is a number from 0 to 1"),
        (lambda e: setattr(e, "levels", {"twist": True}), "a level is a number from 0 to 1"),
        (lambda e: setattr(e, "topic", "leg"), "no topic 'leg'.*Did you mean 'legs'"),
        (lambda e: setattr(e, "attribute", "hipsdown"), "unknown attribute"),
        (lambda e: setattr(e, "like", "ntu120:999"), "no class has the id 999.*There are the ids 0 to 119"),
        (lambda e: setattr(e, "name", "a\x07"), "must be printable words"),
    ],
)
def test_a_trait_refuses_what_cannot_be(editor, action, message):
    before = (editor.name, dict(editor.levels), editor.topic, editor.attribute, editor.like)
    with pytest.raises(TextError, match=message):
        action(editor)
    assert before == (editor.name, dict(editor.levels), editor.topic, editor.attribute, editor.like)


def test_what_is_wrong_by_hand_is_said_in_the_widget(editor, tmp_path):
    editor._choices["name"].value = "a\x07"
    assert "must be printable words" in editor._note.value
    assert (editor.name, editor._choices["name"].value) == ("wave with one hand",) * 2
    (tmp_path / "mine.toml").write_text("class = 3 =")
    editor._save.click()
    assert "not a TOML file" in editor._note.value
    assert (tmp_path / "mine.toml").read_text() == "class = 3 ="


def test_a_save_without_a_name_is_refused_in_the_widget(tmp_path):
    editor = FormEditor(tmp_path / "mine.toml")
    editor._save.click()
    assert "must be printable words" in editor._note.value
    assert not (tmp_path / "mine.toml").exists()


def test_names_are_text_and_never_markup(tmp_path):
    name = "<img src=x onerror=alert(1)> & <b>bold</b>"
    editor = FormEditor(tmp_path / "mine.toml", name, nearest=lambda _: ["ntu120:22"])
    editor.save()
    assert load_form(tmp_path / "mine.toml").class_names == (name,)

    def inside(widget):
        return [widget, *(w for child in getattr(widget, "children", ()) for w in inside(child))]

    assert not [w for w in inside(editor) if isinstance(w, ipywidgets.HTML | ipywidgets.HTMLMath)]


def test_nearest_by_name_weighs_the_telling_words():
    names = [class_of(source)[0].casefold() for source in nearest_by_name("wave with one hand")]
    assert names[0] in ("hand waving", "wave")
    assert class_of(nearest_by_name("squat")[0])[0].casefold() == "squat"
