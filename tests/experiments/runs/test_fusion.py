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
from zsar_kit.experiments.runs.verification import verify

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
    made_from = read_provenance(fused.path, "Fusion", version=2)["inputs"]
    assert set(made_from) == {f"runs/{folder.path.name}" for folder in pair}
    assert record["marks"]["encoder"] == ["untrained"]
    assert "Encoder: untrained." in str(fused)
    assert fuse(*pair).path == fused.path


def test_a_fusion_of_runs_that_changed_is_stale(pair):
    """Verification says so, and a stale run is not fused at all."""
    fused, workspace = fuse(*pair), pair[0].workspace  # noqa: F811
    place = fused.path.relative_to(workspace.root).as_posix()

    def state():
        (found,) = [one for one in verify(workspace) if one.place == place]
        return found.state

    assert state() == "whole"
    result = pair[1].result()
    pair[1].store_result(replace(result, notes=(*result.notes, "another note")))
    assert state() == "stale"
    assert "another note" in str(fuse(*pair))
    assert state() == "whole"
    pair[1].store_result(result)


def test_stale_runs_and_runs_with_a_model_of_their_own_for_zsl_are_refused(pair, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(zk.RunFolder, "replaced_inputs", lambda self: ("skeletons/nw-ucla",))
        with pytest.raises(ArtefactError, match=r"this run is stale: .* skeletons/nw-ucla"):
            fuse(*pair)
    config = type(pair[1].config().resolve().method_config)
    monkeypatch.setattr(config, "zsl_config", lambda self: self)
    with pytest.raises(ConfigError, match="a separate model for ZSL"):
        fuse(*pair)


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
