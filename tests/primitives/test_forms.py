"""Forms: what is written is what is read, and whatever is wrong is named with its class and attribute."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from zsar_kit.data.catalogue import class_names, twin_groups
from zsar_kit.errors import TextError
from zsar_kit.primitives.attributes import LEVELS, attribute_names, attributes
from zsar_kit.primitives.foretell import foretell, foretell_each
from zsar_kit.primitives.forms import (
    AUTHORS,
    Form,
    agreement,
    form_datasets,
    groups_of_meaning,
    levels_from,
    load_form,
    mean_form,
    read_form,
    require_distinct,
    same_meaning,
)

SQUAT = """
[[class]]
id = 3
name = "squat"
legs = { hips_down = 1, lead_knee_bend = 0.75 }
path = { closed = "?" }
"""


def own(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def stored(author: str) -> list[str]:
    """Data sets with a form file of an author, without those that are forms of others."""
    folder = files("zsar_kit.primitives") / "resources" / "forms" / author
    return sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml"))


def level(form: Form, class_id: int, name: str) -> float:
    return float(form.of(class_id)[attribute_names().index(name)])


def test_a_form_says_what_it_names_and_means_neutral_elsewhere(tmp_path):
    form = load_form(own(tmp_path, SQUAT))
    assert (form.dataset, form.class_ids, form.class_names) == ("mine", (3,), ("squat",))
    assert level(form, 3, "hips_down") == 1.0
    assert level(form, 3, "lead_knee_bend") == 0.75
    assert np.isnan(level(form, 3, "closed"))
    for one in attributes():
        if one.name not in ("hips_down", "lead_knee_bend", "closed"):
            expected = np.nan if one.neutral is None else one.neutral
            np.testing.assert_equal(level(form, 3, one.name), expected)
    assert "mine" in repr(form)
    assert "squat" in form._repr_markdown_()


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("hips_down = 1", "hips_dwn = 1", ["class 3", "legs.hips_dwn", "hips_down"]),
        ("hips_down = 1", "hips_down = 1.5", ["class 3", "legs.hips_down", "1.5"]),
        ("hips_down = 1", "hips_down = -0.1", ["class 3", "legs.hips_down"]),
        ("hips_down = 1", "hips_down = nan", ["class 3", "legs.hips_down"]),
        ("hips_down = 1", "hips_down = true", ["class 3", "legs.hips_down", "True"]),
        ("hips_down = 1", 'hips_down = "high"', ["class 3", "legs.hips_down", "high"]),
        ("hips_down = 1", "twist = 1", ["class 3", "legs.twist", "trunk"]),
        ("legs = {", "leg = {", ["class 3", "topic 'leg'", "legs"]),
        ("id = 3", 'id = "3"', ["id (a whole number)"]),
        ("id = 3", "id = true", ["id (a whole number)"]),
        ('name = "squat"', "", ["class 3", "name"]),
        ("[[class]]", "[class]", ["[[class]]"]),
        ("[[class]]", "title = 1\n[[class]]", ["title"]),
        ("id = 3", "id = 3 3", ["TOML"]),
    ],
)
def test_whatever_is_wrong_is_named_with_class_and_attribute(tmp_path, old, new, parts):
    assert old in SQUAT
    with pytest.raises(TextError) as error:
        read_form(own(tmp_path, SQUAT.replace(old, new, 1)))
    assert all(part in str(error.value) for part in (*parts, "mine.toml"))


def test_files_that_are_no_forms_are_refused(tmp_path):
    with pytest.raises(TextError, match="does not exist"):
        load_form(tmp_path / "nowhere.toml")
    with pytest.raises(TextError, match="at least one"):
        read_form(own(tmp_path, "class = [1]"))
    with pytest.raises(TextError, match="at least one"):
        read_form(own(tmp_path, ""))
    with pytest.raises(TextError, match="class 3 occurs twice"):
        read_form(own(tmp_path, SQUAT + SQUAT))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(TextError, match="UTF-8"):
        read_form(tmp_path / "bytes.toml")


def test_a_class_can_be_like_another_of_the_kit(tmp_path):
    form = read_form(own(tmp_path, '[[class]]\nid = 0\nname = "drop"\nlike = "nw_ucla:2"\n'))
    np.testing.assert_array_equal(form.of(0), load_form("nw_ucla").of(2))


@pytest.mark.parametrize(
    ("like", "message"),
    [
        ('"nw_ucla"', "nw_ucla"),
        ('"nw_ucla:x"', "nw_ucla:x"),
        ('"nw_ucla:99"', "class 99 has no form"),
        ('"nowhere:1"', "nowhere:1"),
        ("3", "3"),
        ('"nw_ucla:2"\nlegs = { hips_down = 1 }', "no levels of its own"),
    ],
)
def test_a_broken_like_is_named_with_its_class(tmp_path, like, message):
    with pytest.raises(TextError, match=message) as error:
        read_form(own(tmp_path, f'[[class]]\nid = 7\nname = "a"\nlike = {like}\n'))
    assert "class 7" in str(error.value)


def test_unknown_authors_data_sets_and_classes_are_refused():
    with pytest.raises(TextError, match="first"):
        load_form("nw_ucla", "frist")
    with pytest.raises(TextError, match="nw_ucla"):
        load_form("nw_uclaa")
    with pytest.raises(TextError, match="class 77 has no form"):
        load_form("nw_ucla").of(77)


def made(levels: list[list[float]], author: str = "first", dataset: str = "nw_ucla") -> Form:
    table = np.zeros((len(levels), len(attribute_names())), dtype=np.float32)
    table[:, : len(levels[0])] = levels
    ids = tuple(range(len(levels)))
    return Form(dataset, author, ids, tuple(f"class {i}" for i in ids), table)


def test_the_mean_of_authors_is_the_mean_where_both_know():
    nan = float("nan")
    mean = mean_form([made([[0.0, 0.5, nan, nan]]), made([[1.0, nan, 0.25, nan]], "second")])
    np.testing.assert_array_equal(mean.levels[0, :5], np.float32([0.5, 0.5, 0.25, nan, 0.0]))
    assert mean.author == "mean"
    one = made([[0.3, nan]])
    np.testing.assert_array_equal(mean_form([one]).levels, one.levels)
    with pytest.raises(TextError, match="different classes"):
        mean_form([one, made([[0.3], [0.2]])])


def test_agreement_of_authors_over_what_both_know():
    nan = float("nan")
    found = agreement(made([[0.0, 0.5, 1.0, nan]]), made([[0.0, 0.75, 0.0, 0.5]], "second"))
    assert found["equal"][:4].tolist() == [1, 0, 0, 0]
    assert found["near"][:4].tolist() == [1, 1, 0, 0]
    assert found["by_class"][0] == pytest.approx(1.25 / (len(attribute_names()) - 1))


def test_equal_forms_are_refused_unless_the_data_set_calls_them_twins():
    with pytest.raises(TextError, match=r"'class 0' and 'class 2' have equal forms"):
        require_distinct(made([[0.1], [0.2], [0.1]]))
    require_distinct(made([[0.1], [0.2], [0.3]]))
    twins = next(iter(twin_groups("kinder_gator").values()))
    form = made([[i / 58] for i in range(58)], dataset="kinder_gator")
    form.levels[list(twins)] = form.levels[twins[0]]
    require_distinct(form)
    form.levels[(twins[0] + 1) if twins[0] + 1 not in twins else twins[-1] + 1] = form.levels[twins[0]]
    with pytest.raises(TextError, match="equal forms"):
        require_distinct(form)
    require_distinct(replace(made([[0.1], [0.2]]), dataset="a form of my own"))


def test_a_selection_keeps_order_and_levels():
    form = made([[0.1], [0.2], [0.3]])
    picked = form.select([2, 0])
    assert picked.class_ids == (2, 0)
    np.testing.assert_array_equal(picked.levels[:, 0], form.levels[[2, 0], 0])
    assert picked.digest() != form.digest() == made([[0.1], [0.2], [0.3]]).digest()


@pytest.mark.parametrize("author", AUTHORS)
def test_the_kits_forms_are_whole(author):
    """Every class once, by its name; levels of the scale; both authors have the same data sets."""
    assert stored(author) == stored(AUTHORS[0])
    for dataset in stored(author):
        form = load_form(dataset, author)
        assert form.class_ids == tuple(range(len(class_names(dataset))))
        assert form.class_names == class_names(dataset)
        known = form.levels[np.isfinite(form.levels)]
        assert set(np.unique(known).tolist()) <= set(LEVELS)
        assert np.isfinite(form.levels).mean() > 0.6


@pytest.mark.parametrize("dataset", sorted(set(stored("first")) & {"utd_mhad", "nw_ucla", "kinder_gator"}))
def test_the_mean_form_tells_classes_apart(dataset):
    require_distinct(load_form(dataset))
    first, second = (load_form(dataset, author) for author in AUTHORS)
    a, b = first.levels, second.levels
    expected = np.where(np.isnan(a), b, np.where(np.isnan(b), a, 0.5 * (a + b)))
    np.testing.assert_allclose(load_form(dataset).levels, expected, atol=1e-6)
    assert dataset in form_datasets()


def test_classes_of_one_meaning_are_found_from_either_side():
    walk = same_meaning([("utd_mhad", 22)])
    assert {("utd_mhad", 22), ("nw_ucla", 3), ("ntu120", 115)} <= walk
    assert ("utd_mhad", 22) in same_meaning([("nw_ucla", 3)])
    assert same_meaning([]) == frozenset()
    for dataset, class_id in (one for group in groups_of_meaning() for one in group):
        assert class_id < len(class_names(dataset))


def test_levels_from_names():
    levels = levels_from({"hips_down": 0.75})
    assert levels[attribute_names().index("hips_down")] == 0.75
    text = files("zsar_kit.primitives").joinpath("resources/attributes.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)
    unknown = [name for name, row in rows.items() if row["neutral"] == "unknown"]
    assert {n for n, v in zip(attribute_names(), levels, strict=True) if np.isnan(v)} == set(unknown)


def test_levels_are_foretold_where_texts_say_them():
    """Levels that are a linear map of the texts come back; a text in nobody's neighbourhood gets the mean."""
    rng = np.random.default_rng(0)
    meaning = rng.normal(size=(80, 6))
    texts = meaning @ rng.normal(size=(6, 32))
    spread = meaning / np.linalg.norm(texts, axis=1, keepdims=True) @ rng.normal(size=(6, 5))
    levels = 0.5 + 0.2 * spread / spread.std(0)
    levels = levels.clip(0, 1)
    told = foretell(texts[:60], levels[:60], texts[60:], penalty=1e-3)
    assert np.corrcoef(told.ravel(), levels[60:].ravel())[0, 1] > 0.9
    lazy = foretell(texts[:60], levels[:60], texts[60:], penalty=1e9)
    np.testing.assert_allclose(lazy, np.tile(levels[:60].mean(0), (20, 1)), atol=1e-4)
    assert told.min() >= 0
    assert told.max() <= 1


def test_what_texts_nearby_leave_unknown_is_unknown():
    rng = np.random.default_rng(1)
    texts = np.concatenate([rng.normal([5, 0, 0], 0.3, (20, 3)), rng.normal([0, 5, 0], 0.3, (20, 3))])
    levels = np.full((40, 1), 0.7)
    levels[:20] = np.nan
    told = foretell(texts, levels, np.array([[5.0, 0, 0], [0, 5.0, 0]]))
    assert np.isnan(told[0, 0])
    assert told[1, 0] == pytest.approx(0.7, abs=1e-6)


def test_each_class_learns_from_what_it_may():
    rng = np.random.default_rng(2)
    texts, levels, wanted = rng.normal(size=(12, 4)), rng.random((12, 3)), rng.normal(size=(2, 4))
    allowed = np.ones((2, 12), dtype=bool)
    allowed[0, :6] = False
    told = foretell_each(texts, levels, wanted, allowed)
    np.testing.assert_allclose(told[0], foretell(texts[6:], levels[6:], wanted[:1])[0])
    np.testing.assert_allclose(told[1], foretell(texts, levels, wanted[1:])[0])
    changed = levels.copy()
    changed[:6] = 9.0
    np.testing.assert_array_equal(foretell_each(texts, changed, wanted, allowed)[0], told[0])
