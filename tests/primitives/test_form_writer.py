"""Forms written, changed and read back: the same levels, whole files, names as text, clear refusals."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zsar_kit.cli import main
from zsar_kit.errors import TextError
from zsar_kit.primitives.attributes import attribute_names
from zsar_kit.primitives.form_writer import (
    class_of,
    equal_classes,
    find_class,
    form_text,
    read_settings,
    with_class,
    with_levels,
    write_form,
)
from zsar_kit.primitives.forms import Form, levels_from, load_form, read_form


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.all((a == b) | (np.isnan(a) & np.isnan(b))))


@pytest.mark.parametrize("author", ["first", "second", "mean"])
@pytest.mark.parametrize("dataset", ["utd_mhad", "nw_ucla"])
def test_a_form_of_the_kit_comes_back_as_it_was_written(tmp_path: Path, dataset, author):
    form = load_form(dataset, author)
    back = read_form(write_form(form, tmp_path / "form.toml", "a\ncomment"))
    assert (back.dataset, back.class_ids, back.class_names) == (form.dataset, form.class_ids, form.class_names)
    assert same(back.levels, form.levels)


@given(
    level=st.one_of(st.floats(0, 1, width=32), st.just(math.nan)),
    name=st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=30),
)
def test_any_level_and_any_printable_name_come_back(tmp_path_factory, level, name):
    levels = np.full(len(attribute_names()), level, dtype=np.float32)
    form = with_class(None, name, levels, "mine")
    back = read_form(write_form(form, tmp_path_factory.mktemp("form") / "a.toml"))
    assert back.class_names == (name,)
    assert same(back.levels[0], levels)


def test_only_what_is_not_neutral_is_named():
    text = form_text(with_class(None, "stand", levels_from({"twist": 0.5}), "mine"))
    assert text == 'dataset = "mine"\n\n[[class]]\nid = 0\nname = "stand"\ntrunk = { twist = 0.5 }\n'


def test_a_class_is_added_with_the_next_id_and_changed_alone():
    name, row = class_of("ntu120:hand waving")
    form = with_class(with_class(None, "one", row, "mine"), "two", levels_from({}))
    changed = with_levels(form, 1, {"twist": 1.0, "duration": math.nan})
    assert (name, changed.class_ids, changed.class_names) == ("hand waving", (0, 1), ("one", "two"))
    assert same(changed.of(0), row)
    assert changed.of(1)[attribute_names().index("twist")] == 1.0
    assert form.of(1)[attribute_names().index("twist")] == 0.0, "the form that was given is not changed"


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda form: with_levels(form, 0, {"twsit": 1.0}), "unknown attribute 'twsit'.*Did you mean 'twist'"),
        (lambda form: with_levels(form, 0, {"twist": 1.5}), "a level is a number from 0 to 1"),
        (lambda form: with_levels(form, 5, {"twist": 1.0}), "class 5 has no form"),
        (lambda form: with_class(form, "ONE", form.levels[0]), "has a class 'ONE' already"),
        (lambda form: with_class(form, " \t ", form.levels[0]), "must be printable words"),
        (lambda form: with_class(form, "a\x1b[2J", form.levels[0]), "must be printable words"),
        (lambda form: find_class(form, "on"), "no class is called 'on'.*Did you mean 'one'"),
        (lambda _: class_of("ntu120:500"), r"no class has the id 500 .*There are the ids 0 to 119\.$"),
        (lambda _: class_of("ntu120:qqqq"), r"no class is called 'qqqq' .*Of 120 names the nearest are '"),
        (lambda _: class_of("ntu12:3"), "no form of data set 'ntu12'.*Did you mean"),
        (lambda _: read_settings(("twist",)), "expected attribute=level"),
        (lambda _: read_settings(("twist=high",)), "'high' is no level of 'twist'"),
        (lambda _: read_settings(("twist=nan",)), "'nan' is no level"),
        (lambda form: write_form(form, Path("form.txt")), "a form is a .toml file"),
    ],
)
def test_what_cannot_be_is_refused(action, message):
    with pytest.raises(TextError, match=message):
        action(with_class(None, "one", levels_from({}), "mine"))


def test_settings_are_levels_unknown_and_neutral():
    found = read_settings(("twist=0.25", "duration=?", "right_arm=neutral"))
    assert found["twist"] == 0.25
    assert math.isnan(found["duration"])
    assert found["right_arm"] == 0.5


def test_equal_classes_are_named():
    row = levels_from({"twist": 1.0, "duration": math.nan})
    form = Form("mine", "me", (0, 1, 2), ("a", "b", "c"), np.stack([row, levels_from({}), row]))
    assert equal_classes(form) == ["nothing tells these classes apart: 'a', 'c'"]


# --- commands ---------------------------------------------------------------------------------------------------------


def test_a_form_is_made_changed_shown_and_checked_by_commands(tmp_path: Path, capsys):
    path = str(tmp_path / "mine.toml")
    assert main(["form", "new", path, "--class", "wave high", "--like", "ntu120:22"]) == 0
    assert main(["form", "new", path, "--class", "stand"]) == 0
    assert main(["form", "set", path, "wave high", "lead_hand_highest=1", "duration=?"]) == 0
    assert main(["form", "check", path]) == 0
    capsys.readouterr()
    assert main(["form", "show", path, "0"]) == 0
    assert "| lead_hand_highest" in (shown := capsys.readouterr().out)
    assert "arm straight up" in shown
    assert main(["form", "new", path, "--class", "rest"]) == 0
    assert main(["form", "check", path]) == 2
    assert "nothing tells these classes apart: 'stand', 'rest'" in capsys.readouterr().out


def test_a_command_that_is_refused_leaves_the_form_as_it_was(tmp_path: Path, capsys):
    path = tmp_path / "mine.toml"
    main(["form", "new", str(path), "--class", "stand"])
    before = path.read_bytes()
    for command in (["set", str(path), "0", "twsit=1"], ["set", str(path), "9", "twist=1"], ["set", str(path), "0"]):
        assert main(["form", *command]) == 2
    assert "Did you mean 'twist'" in capsys.readouterr().err
    assert path.read_bytes() == before
    path.write_text("dataset = 3 =", encoding="utf-8")
    assert main(["form", "new", str(path), "--class", "other"]) == 2
    assert path.read_text() == "dataset = 3 ="


def test_an_editor_changes_one_class_and_a_broken_draft_is_kept(tmp_path: Path, capsys):
    path = tmp_path / "mine.toml"
    for name in ("stand", "bow"):
        main(["form", "new", str(path), "--class", name])
    assert main(["form", "edit", str(path), "bow", "--editor", "sed -i 's/^twist = .*/twist = 0.75/'"]) == 0
    assert "1 level changed" in capsys.readouterr().out
    form = read_form(path)
    assert form.of(1)[attribute_names().index("twist")] == 0.75
    assert same(form.of(0), levels_from({}))
    before = path.read_bytes()
    assert main(["form", "edit", str(path), "bow", "--editor", "sed -i 's/^twist = .*/twist = 7/'"]) == 2
    assert path.read_bytes() == before
    assert "twist = 7" in (tmp_path / "mine.class1.draft.toml").read_text()
    assert main(["form", "edit", str(path), "bow", "--editor", "sed -i 's/^twist = .*/twist = 1/'"]) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.toml"]
