"""Semantics: built from texts, independent of company, whole on disk, selected by class id."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from zsar_kit.errors import ArtefactError, TextError
from zsar_kit.semantics.embeddings import Semantics, pool_sentences
from zsar_kit.semantics.text_encoder import TextEncoder
from zsar_kit.semantics.text_files import load_texts
from zsar_kit.semantics.texts import ClassTexts

FILE = """
dataset = "mine"
[[class]]
id = 4
name = "raise"
label = "the right arm rises once"
motion = ["the right arm rises", "the left hand lowers and the head turns"]
[[class]]
id = 1
name = "bend"
label = "the leg bends"
motion = ["the leg bends", "the head turns once"]
[[class]]
id = 9
name = "turn"
label = "the left hand turns and the head lowers"
motion = ["the hand turns", "the head lowers"]
definition = "the hand turns"
"""


@pytest.fixture
def texts(tmp_path: Path) -> ClassTexts:
    path = tmp_path / "mine.toml"
    path.write_text(FILE)
    return load_texts(path)


@pytest.fixture
def label(texts: ClassTexts, bert: TextEncoder) -> Semantics:
    return Semantics.build(texts, "label", bert)


@pytest.fixture
def motion(texts: ClassTexts, bert: TextEncoder) -> Semantics:
    return Semantics.build(texts, "motion", bert)


def same(a: Semantics, b: Semantics) -> bool:
    arrays = ("tokens", "mask", "pooled", "sentences")
    rest = ("dataset", "text_set", "class_ids", "class_names", "texts", "language")
    return all(getattr(a, n) == getattr(b, n) for n in rest) and all(
        np.array_equal(x, y) if x is not None and y is not None else x is y
        for x, y in ((getattr(a, n), getattr(b, n)) for n in arrays)
    )


def test_rows_are_classes_and_hold_their_own_text(label: Semantics, bert: TextEncoder):
    assert (label.dataset, label.text_set, label.class_ids) == ("mine", "label", (4, 1, 9))
    assert label.texts[1] == ("the leg bends",)
    assert (label.tokens.dtype, label.mask.dtype, label.pooled.dtype) == (np.float32, np.bool_, np.float32)
    assert label.sentences is None
    for row, (text,) in enumerate(label.texts):
        alone = bert.encode([text])
        assert np.array_equal(label.tokens[row][label.mask[row]], alone.tokens[0].numpy())
        assert np.array_equal(label.pooled[row], alone.pooled[0].numpy())


def test_a_class_does_not_depend_on_the_other_classes(texts: ClassTexts, label: Semantics, bert: TextEncoder):
    """Padding invariance: the shortest text built alone equals its row beside longer ones, bit by bit."""
    fewer = dataclasses.replace(texts, ids=(1,), names=("bend",), by_class=texts.by_class[1:2])
    alone, row = Semantics.build(fewer, "label", bert), label.select([1])
    assert row.tokens.shape[1] > alone.tokens.shape[1]
    used = row.mask.any(axis=0)
    assert same(dataclasses.replace(row, tokens=row.tokens[:, used], mask=row.mask[:, used]), alone)


def test_several_sentences_join_tokens_and_average_unit_vectors(motion: Semantics, bert: TextEncoder):
    assert motion.sentences is not None
    assert motion.sentences.shape == (3, 2, 16)
    for row, sentences in enumerate(motion.texts):
        parts = [bert.encode([s]) for s in sentences]
        joined = np.concatenate([p.tokens[0].numpy() for p in parts])
        assert np.array_equal(motion.tokens[row][motion.mask[row]], joined)
        vectors = np.stack([p.pooled[0].numpy() for p in parts]).astype(np.float64)
        assert np.array_equal(motion.sentences[row], vectors.astype(np.float32))
        mean = sum(v / np.linalg.norm(v) for v in vectors) / 2
        np.testing.assert_allclose(motion.pooled[row], mean / np.linalg.norm(mean), atol=1e-6)


def test_pooled_sentences_do_not_depend_on_length_of_vectors():
    vectors = np.array([[3.0, 0.0], [0.0, 0.5]], dtype=np.float32)
    np.testing.assert_allclose(pool_sentences(vectors), [np.sqrt(0.5), np.sqrt(0.5)], rtol=1e-6)
    np.testing.assert_array_equal(pool_sentences(vectors[:1]), [3.0, 0.0])
    np.testing.assert_array_equal(pool_sentences(np.array([[1, 0], [-1, 0]], dtype=np.float32)), [0.0, 0.0])


def test_a_class_without_the_text_is_refused(texts: ClassTexts, bert: TextEncoder):
    with pytest.raises(TextError, match=r"class 4 \('raise'\) has no 'definition' text"):
        Semantics.build(texts, "definition", bert)


def test_select_gives_the_asked_order(label: Semantics):
    chosen = label.select([9, 4])
    assert (chosen.class_ids, chosen.class_names) == ((9, 4), ("turn", "raise"))
    assert chosen.texts == (label.texts[2], label.texts[0])
    assert np.array_equal(chosen.pooled, label.pooled[[2, 0]])
    assert np.array_equal(chosen.tokens, label.tokens[[2, 0]])


def test_select_refuses_a_class_without_text(label: Semantics):
    with pytest.raises(TextError, match=r"class 3 of 'mine' has no text in the set 'label'.*\[4, 1, 9\]"):
        label.select([4, 3])


def test_select_takes_the_sentences_along(motion: Semantics):
    assert motion.sentences is not None
    assert np.array_equal(motion.select([9]).sentences, motion.sentences[2:])


@pytest.mark.parametrize("name", ["label", "motion"])
def test_round_trip(name: str, request: pytest.FixtureRequest, tmp_path: Path):
    semantics: Semantics = request.getfixturevalue(name)
    semantics.write(tmp_path / "s")
    again = Semantics.read(tmp_path / "s")
    assert same(again, semantics)
    assert again.digest() == semantics.digest()
    record = json.loads((tmp_path / "s" / "provenance.json").read_text())
    assert record["inputs"]["language_model"] == semantics.language.weights


def test_writing_twice_gives_the_same_bytes(label: Semantics, tmp_path: Path):
    label.write(tmp_path / "a")
    label.write(tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_digest_follows_texts_and_features(label: Semantics):
    other = dataclasses.replace(label, pooled=label.pooled + 1)
    renamed = dataclasses.replace(label, texts=(("x",), *label.texts[1:]))
    assert len({label.digest(), other.digest(), renamed.digest()}) == 3


def test_build_uses_the_cache(texts: ClassTexts, bert: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    first = Semantics.build(texts, "motion", bert, cache=tmp_path / "cache")
    monkeypatch.setattr(bert, "model", None)
    assert same(Semantics.build(texts, "motion", bert, cache=tmp_path / "cache"), first)


@pytest.mark.parametrize("damage", ["gone", "truncated", "key", "kind"])
def test_a_damaged_artefact_is_refused(label: Semantics, tmp_path: Path, damage: str):
    folder = tmp_path / "s"
    label.write(folder)
    meta, features = folder / "meta.json", folder / "features.safetensors"
    if damage == "gone":
        features.unlink()
        message = "'features.safetensors' of this Semantics is missing"
    elif damage == "truncated":
        features.write_bytes(features.read_bytes()[:-10])
        message = "the file 'features.safetensors' of this Semantics is not what was written"
    elif damage == "key":
        content = json.loads(meta.read_text())
        del content["texts"]
        meta.write_text(json.dumps(content))
        message = "the file 'meta.json' of this Semantics is not what was written"
    else:
        record = json.loads((folder / "provenance.json").read_text())
        (folder / "provenance.json").write_text(json.dumps(record | {"kind": "FeatureSet"}))
        message = "expected a Semantics of schema 1, found 'FeatureSet'"
    with pytest.raises(ArtefactError, match=message):
        Semantics.read(folder)


def test_inconsistent_content_is_refused(label: Semantics):
    nan = label.pooled.copy()
    nan[1, 3] = np.nan
    none = label.mask.copy()
    none[2] = False
    for changes, message in (
        ({"pooled": nan}, "'pooled' of class 1 is not finite"),
        ({"mask": none}, "class 9 has no token"),
        ({"pooled": label.pooled.astype(np.float64)}, "'pooled' must be float32, got float64"),
        ({"mask": label.mask.astype(np.uint8)}, "'mask' must be bool_?, got uint8"),
        ({"class_names": ("raise", "bend")}, r"'class_names' must be of shape \(3,\), got \(2,\)"),
        ({"class_ids": (4, 1, 4)}, r"each class id must occur once, got \(4, 1, 4\)"),
        ({"pooled": label.pooled[:2]}, r"'pooled' must be of shape \(3, 16\), got \(2, 16\)"),
        ({"tokens": label.tokens[..., :8]}, r"'tokens' must be of shape \(3, 10, 16\)"),
    ):
        with pytest.raises(ArtefactError, match=message):
            dataclasses.replace(label, **changes)


@pytest.mark.offline_lm
def test_every_builtin_motion_text_fits_the_offline_model(offline_encoder: TextEncoder):
    """Window and content: nothing is cut, and no two classes have the same features."""
    semantics = Semantics.build(load_texts("nw_ucla"), "motion", offline_encoder)
    assert semantics.class_ids == tuple(range(10))
    similar = semantics.pooled @ semantics.pooled.T - np.eye(10)
    assert similar.max() < 0.999
    for dataset in ("puppet", "utd_mhad", "kinder_gator"):
        texts = load_texts(dataset)
        longest = max((texts.of("motion", c) for c in texts.ids), key=len)
        assert offline_encoder.encode([longest]).mask.sum() <= 128
