"""Two runs as one: the weight is of the folds, the record says it, and runs that do not fit together are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import zsar_kit as zk
from tests.experiments.runs.test_explanation import workspace  # noqa: F401
from zsar_kit.artefacts import read_json, read_provenance
from zsar_kit.errors import ArtefactError, ConfigError
from zsar_kit.evaluation.scores import Scores
from zsar_kit.experiments.runs.fusion import fuse

FIXED = zk.RunConfig(dataset="nw_ucla", split="8/2", method="primitives", preset="fixed")


@pytest.fixture
def pair(workspace):  # noqa: F811
    calibrated = replace(FIXED, method="primitives_calibrated", preset="folds")
    return zk.run(FIXED, workspace), zk.run(calibrated, workspace)


def test_the_record_says_members_and_weight(pair):
    fused = fuse(*pair)
    record = read_json(fused.path / "fusion.json")
    assert [m["run"] for m in record["members"]] == [folder.path.name for folder in pair]
    assert record["weight_of_second"] == fused.fusion.weight
    assert 0 <= fused.fusion.weight <= 1
    assert record["evaluation"]["calibration"]["kind"] == "stacking"
    stored = Scores.load(fused.path / "scores.safetensors")
    np.testing.assert_array_equal(stored.fused(), fused.fusion.apply(pair[0].scores(), pair[1].scores()).fused())
    assert "fused" in str(fused)
    assert set(read_provenance(fused.path, "Fusion", version=1)["inputs"]) == {"first", "second"}
    assert fuse(*pair).path == fused.path


def test_test_scores_choose_nothing(pair, monkeypatch):
    before = fuse(*pair)
    monkeypatch.setattr(zk.RunFolder, "scores", lambda self: replace(_scores(self), heads=_reversed(_scores(self))))
    after = fuse(*pair)
    assert after.fusion.weight == before.fusion.weight
    assert after.evaluation.calibration == before.evaluation.calibration
    assert after.evaluation.micro != before.evaluation.micro


def _scores(folder) -> Scores:
    return Scores.load(folder.path / "scores.safetensors")


def _reversed(scores: Scores) -> dict:
    return {name: -head for name, head in scores.heads.items()}


def test_a_run_with_itself_is_that_run(pair):
    fused = fuse(pair[0], pair[0])
    assert fused.fusion.weight == 0.5
    assert fused.evaluation.micro.zsl == pair[0].result().evaluation.micro.zsl
    assert fused.evaluation.micro.harmonic == pytest.approx(pair[0].result().evaluation.micro.harmonic)


def test_runs_that_do_not_fit_together_are_refused(pair, workspace, tmp_path):  # noqa: F811
    other = zk.run(replace(FIXED, split="5/5"), workspace)
    with pytest.raises(ConfigError, match="the same unseen classes"):
        fuse(pair[0], other)
    with pytest.raises(ConfigError, match="pseudo-unseen folds"):
        fuse(pair[0], zk.run(replace(FIXED, folds_seed=3), workspace))
    with pytest.raises(ArtefactError, match="no finished run here"):
        fuse(pair[0], tmp_path)
