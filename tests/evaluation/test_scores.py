"""Scores: validation, fusion, restriction and storage."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save_file

from zsar_kit.errors import ArtefactError, DataError
from zsar_kit.evaluation.scores import Scores

CLASSES, SAMPLES = (4, 9, 1), ("a", "b")
VALUES = np.array([[0.1, 2.0, -1.0], [3.0, 0.5, 0.25]])


def test_one_head_is_its_own_fusion():
    assert np.array_equal(Scores({"only": VALUES}, CLASSES, SAMPLES).fused(), VALUES)


def test_fusion_is_the_mean_of_probabilities_and_ignores_a_shift_per_head():
    other = VALUES[:, ::-1] * 2
    fused = Scores({"a": VALUES, "b": other}, CLASSES, SAMPLES).fused()
    expected = np.zeros_like(VALUES)
    for head in (VALUES, other):
        for i, row in enumerate(head):
            expected[i] += np.exp(row) / sum(np.exp(v) for v in row) / 2
    assert np.allclose(fused, expected)
    assert np.allclose(fused.sum(axis=1), 1)
    shifted = Scores({"a": VALUES + 100, "b": other - 7}, CLASSES, SAMPLES).fused()
    assert np.allclose(shifted, fused)


def test_restrict_takes_columns_in_the_order_asked_and_select_takes_rows():
    scores = Scores({"h": VALUES}, CLASSES, SAMPLES, {"e": np.exp(VALUES)})
    part = scores.restrict((1, 4)).select(np.array([False, True]))
    assert part.classes == (1, 4)
    assert part.samples == ("b",)
    assert np.array_equal(part.heads["h"], [[0.25, 3.0]])
    assert np.array_equal(part.errors["e"], np.exp([[0.25, 3.0]]))


def test_round_trip_keeps_values_types_and_order(tmp_path):
    scores = Scores({"z": VALUES.astype(np.float32), "a": VALUES}, CLASSES, SAMPLES, {"e": np.exp(VALUES)})
    scores.save(tmp_path / "scores.safetensors")
    loaded = Scores.load(tmp_path / "scores.safetensors")
    assert list(loaded.heads) == ["z", "a"]
    assert loaded.classes == CLASSES
    assert loaded.samples == SAMPLES
    for name, values in scores.heads.items():
        assert loaded.heads[name].dtype == values.dtype
        assert np.array_equal(loaded.heads[name], values)
    assert np.array_equal(loaded.errors["e"], scores.errors["e"])


def test_the_same_scores_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        Scores({"h": VALUES}, CLASSES, SAMPLES).save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({}, CLASSES, SAMPLES), "at least one head"),
        (({"h": VALUES[:, :1]}, (4,), SAMPLES), "at least two classes, got 1"),
        (({"h": VALUES[:, :2]}, CLASSES, SAMPLES), r"\(2, 3\), got \(2, 2\)"),
        (({"h": VALUES}, (4, 9, 4), SAMPLES), "4 occurs twice"),
        (({"h": VALUES}, CLASSES, ("a", "a")), "'a' occurs twice"),
        (({"h": VALUES.astype(int)}, CLASSES, SAMPLES), "floating-point"),
        (({"h": np.where(VALUES == 0.5, np.nan, VALUES)}, CLASSES, SAMPLES), "nan for sample 'b', class 9"),
        (({"h": VALUES}, CLASSES, SAMPLES, {"e": VALUES}), "errors must be positive, the smallest is -1"),
    ],
)
def test_bad_scores_are_refused(arguments, message):
    with pytest.raises(DataError, match=message):
        Scores(*arguments)


def test_a_missing_column_is_named():
    with pytest.raises(DataError, match="no scores for class 8"):
        Scores({"h": VALUES}, CLASSES, SAMPLES).restrict((4, 8))


def test_unreadable_files_are_refused(tmp_path):
    with pytest.raises(ArtefactError, match="no score file"):
        Scores.load(tmp_path / "absent")
    whole = tmp_path / "whole"
    Scores({"h": VALUES}, CLASSES, SAMPLES).save(whole)
    (tmp_path / "cut").write_bytes(whole.read_bytes()[:-8])
    with pytest.raises(ArtefactError, match="not a readable score file"):
        Scores.load(tmp_path / "cut")
    save_file({"x": VALUES}, tmp_path / "foreign")
    with pytest.raises(ArtefactError, match="expected Scores of schema 1"):
        Scores.load(tmp_path / "foreign")
