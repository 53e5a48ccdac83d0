"""Measured attributes as a feature set, and expected levels as semantics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zsar_kit.data.catalogue import class_names
from zsar_kit.data.puppet.world import PuppetConfig, build_puppet
from zsar_kit.data.splits import load_split
from zsar_kit.errors import TextError
from zsar_kit.experiments.pipeline import primitives
from zsar_kit.experiments.pipeline.primitives import (
    FORETOLD,
    foretold_semantics,
    is_level_set,
    level_semantics,
    levels_digest,
    primitive_features,
    semantics_of,
)
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.primitives.attributes import TOPICS, attribute_names, attributes
from zsar_kit.primitives.forms import Form, load_form
from zsar_kit.primitives.measure import measure, packed
from zsar_kit.semantics.embeddings import Semantics

COUNT = len(attribute_names())
OPEN = ("utd_mhad", "nw_ucla", "kinder_gator")


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace(tmp_path / "workspace", "cpu", progress=False)


def test_features_are_the_packed_levels_of_every_clip_measured_once(workspace, tmp_path, monkeypatch):
    skeletons = build_puppet(tmp_path / "set", replace(PuppetConfig.tiny(), subjects=2))
    made = primitive_features(workspace, skeletons, "xsub")
    expected = packed(measure([s.joints for s in skeletons], skeletons.layout).levels)
    np.testing.assert_allclose(made.pooled, expected, atol=1e-5)
    assert np.isfinite(made.pooled).all()
    assert made.guard(load_split("puppet", "23/5")).name == "untrained"
    monkeypatch.setattr(primitives, "measure", None)
    again = primitive_features(workspace, skeletons, "xsub")
    np.testing.assert_array_equal(again.pooled, made.pooled)
    monkeypatch.setattr(primitives, "VERSION", 10**6)
    with pytest.raises(TypeError):
        primitive_features(workspace, skeletons, "xsub")


def test_expected_levels_are_semantics_with_a_token_a_topic():
    made, form = level_semantics("nw_ucla", "levels"), load_form("nw_ucla")
    np.testing.assert_array_equal(made.pooled, packed(form.levels))
    assert made.tokens.shape == (10, len(TOPICS), 2 * COUNT)
    np.testing.assert_allclose(made.tokens.sum(1), made.pooled)
    legs = made.tokens[:, TOPICS.index("legs")]
    elsewhere = [i for i, a in enumerate(attributes()) if a.topic != "legs"]
    assert (legs[:, elsewhere] == 0).all()
    assert np.isfinite(made.tokens).all()
    assert made.class_names == class_names("nw_ucla")


def test_sets_of_levels_are_known_by_name():
    assert all(is_level_set(name) for name in ("levels", "levels_first", "levels_second", FORETOLD))
    assert not is_level_set("motion")
    with pytest.raises(TextError, match="levels_first"):
        level_semantics("nw_ucla", "levels_frist")
    first, second = (level_semantics("nw_ucla", f"levels_{a}").pooled for a in ("first", "second"))
    assert not np.array_equal(first, second)


def text_of(form: Form, seed: int) -> np.ndarray:
    """Embeddings that say the form: a fixed linear map of its levels."""
    mixing = np.random.default_rng(0).normal(size=(COUNT, 2 * COUNT))
    return np.nan_to_num(form.levels, nan=0.5) @ mixing + 0.01 * np.random.default_rng(seed).normal(size=(1, 2 * COUNT))


@pytest.fixture
def texts(monkeypatch):
    """The open data sets alone, with embeddings that say their forms, so that no language model is needed."""
    monkeypatch.setattr(primitives, "ORIGINS", OPEN)


def encoded(dataset: str, text_set: str) -> Semantics:
    form = load_form(dataset)
    return replace(semantics_of(form, text_set), pooled=text_of(form, 1).astype(np.float32))


def told(unseen=(0, 3)) -> np.ndarray:
    return foretold_semantics("nw_ucla", unseen, "second", encoded).pooled


@pytest.mark.usefixtures("texts")
def test_foretold_levels_follow_what_texts_say():
    made = foretold_semantics("nw_ucla", (0, 3), "second", encoded)
    form = load_form("nw_ucla")
    assert made.text_set == FORETOLD
    both = np.isfinite(form.levels) & (made.pooled[:, COUNT:] > 0.5)
    assert both.mean() > 0.5
    assert np.corrcoef(made.pooled[:, :COUNT][both], form.levels[both])[0, 1] > 0.8
    assert made.pooled[:, :COUNT].min() >= 0
    assert made.pooled[:, :COUNT].max() <= 1


@pytest.mark.usefixtures("texts")
def test_no_form_of_an_unseen_class_or_of_its_meaning_takes_part(monkeypatch):
    """NW-UCLA's walking around (3) means what UTD-MHAD's walk (22) means: neither form may teach the other."""
    before = told()
    changed = {d: load_form(d) for d in OPEN}
    for dataset, class_id in (("nw_ucla", 3), ("nw_ucla", 0), ("utd_mhad", 22)):
        form = changed[dataset]
        levels = form.levels.copy()
        levels[class_id] = 1 - levels[class_id]
        changed[dataset] = replace(form, levels=levels)
    monkeypatch.setattr(primitives, "load_form", lambda d, *_: changed[d])
    np.testing.assert_array_equal(told(), before)
    assert not np.array_equal(told(unseen=(5,)), before), "a seen class teaches"


@pytest.mark.usefixtures("texts")
def test_the_digest_of_foretold_levels_follows_the_unseen_classes_and_the_forms(monkeypatch):
    def digest(unseen):
        return levels_digest("nw_ucla", FORETOLD, unseen, "second")

    first = digest((0,))
    assert first == digest((0,)) != digest((1,))
    form = load_form("utd_mhad")
    other = replace(form, levels=np.nan_to_num(form.levels, nan=0.25))
    monkeypatch.setattr(primitives, "load_form", lambda d, *_: other if d == "utd_mhad" else load_form(d))
    assert digest((0,)) != first
    assert levels_digest("nw_ucla", "levels", (0,), "second") == load_form("nw_ucla").digest()
