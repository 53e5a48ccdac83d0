"""Runs on measured attributes: no encoder, no language model, no leak; the same twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from zsar_kit.data.leakage import EncoderMark
from zsar_kit.data.puppet.world import PuppetConfig, build_puppet
from zsar_kit.data.splits import class_names
from zsar_kit.errors import ConfigError
from zsar_kit.experiments.pipeline import primitives
from zsar_kit.experiments.pipeline import skeletons as pipeline_skeletons
from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs import inputs
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.run import run
from zsar_kit.primitives.attributes import TOPICS, attribute_names
from zsar_kit.primitives.forms import Form

pytestmark = pytest.mark.slow

FIXED = RunConfig(dataset="puppet", split="23/5", method="primitives", preset="fixed")
COUNT = len(attribute_names())


SMALL = PuppetConfig(cameras=1, replications=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Workspace:
    """A workspace to share."""
    return Workspace(tmp_path_factory.mktemp("primitives") / "workspace", "cpu", progress=False)


@pytest.fixture
def workspace(made, monkeypatch) -> Workspace:
    """With a sixth of puppet, and a form that is written off puppet itself: the way of the numbers is tested here."""
    monkeypatch.setattr(pipeline_skeletons, "build_puppet", lambda folder: build_puppet(folder, SMALL))
    skeletons = prepare_skeletons(made, "puppet")
    features = primitives.primitive_features(made, skeletons, "xsub")
    levels, known = features.pooled[:, :COUNT], features.pooled[:, COUNT:] > 0.5
    names, labels = class_names("puppet"), np.asarray(skeletons.index.label)
    rows = []
    for c in range(len(names)):
        mine = known & (labels == c)[:, None]
        mean = np.where(mine, levels, 0).sum(0) / np.maximum(mine.sum(0), 1)
        enough = mine.sum(0) > 0.5 * (labels == c).sum()
        rows.append(np.where(enough, np.round(4 * mean.clip(0, 1)) / 4, np.nan))
    form = Form("puppet", "test", tuple(range(len(names))), names, np.stack(rows).astype(np.float32))
    monkeypatch.setattr(primitives, "load_form", lambda dataset, author="mean": replace(form, author=author))
    primitives._distinct.cache_clear()
    yield made
    primitives._distinct.cache_clear()


def scores(folder) -> tuple[np.ndarray, ...]:
    return tuple(folder.scores().heads.values())


def test_a_run_needs_no_encoder_and_is_the_same_twice(workspace, tmp_path):
    folder = run(FIXED, workspace)
    result = folder.result()
    assert result.encoder_mark == "untrained"
    assert result.encoder_folder == ""
    assert not (workspace.root / "encoders").exists()
    assert result.evaluation.micro.zsl > 60
    assert result.evaluation.micro.harmonic > 30
    elsewhere = tmp_path / "workspace"
    elsewhere.mkdir()
    for part in ("skeletons", "features"):
        (elsewhere / part).symlink_to(workspace.root / part)
    again = run(FIXED, replace(workspace, root=elsewhere))
    assert again.result().evaluation == result.evaluation
    assert run(FIXED, workspace).path == folder.path
    assert folder.changed_texts() == ()


def test_a_changed_form_is_noticed(workspace, monkeypatch):
    folder = run(FIXED, workspace)
    form = primitives.load_form("puppet")
    monkeypatch.setattr(primitives, "load_form", lambda *_: replace(form, levels=np.nan_to_num(form.levels, nan=0.0)))
    assert folder.changed_texts() == ("levels",)


def test_a_changed_measurement_is_another_run(monkeypatch):
    before = FIXED.digest()
    monkeypatch.setattr("zsar_kit.experiments.runs.config.VERSION", 10**6)
    assert RunConfig(**{**vars_of(FIXED)}).digest() != before


def vars_of(config: RunConfig) -> dict:
    return {"dataset": config.dataset, "split": config.split, "method": config.method, "preset": config.preset}


def test_the_calibrated_method_chooses_on_folds(workspace):
    config = RunConfig(dataset="puppet", split="23/5", method="primitives_calibrated", preset="folds", folds=2)
    result = run(config, workspace).result()
    assert result.method_config["shrinkage"] in (2.0, 8.0, 32.0, 128.0)
    assert result.method_config["fit"] in ("all", "weights")
    assert result.evaluation.micro.zsl > 60
    assert result.encoder_mark == "untrained"


def test_flora_between_attributes_and_levels(workspace):
    """A class's text is a token a topic and one of all its levels; nothing of Flora is changed for that."""
    config = replace(FIXED, method="flora", preset="levels", features="primitives", folds=2)
    folder = run(config, workspace)
    result, (levels,) = folder.result(), folder.semantics().values()
    assert result.feature_shape == (2 * COUNT,)
    assert result.encoder_mark == "untrained"
    assert levels.tokens.shape[1:] == (len(TOPICS), 2 * COUNT)
    table = folder.method().table
    np.testing.assert_array_equal(table.raw[:, -1], levels.pooled)
    assert table.mask.all()
    assert table.raw.shape[1] == len(TOPICS) + 1
    assert result.evaluation.micro.zsl > 50  # chance: 20


def test_a_method_that_reads_joints_takes_levels_but_no_attributes():
    joints = {"method": "skeleton_context", "preset": "cpu"}
    levels = {"space.context_set": "levels", "space.part_set": "levels"}
    config = replace(FIXED, **joints, overrides=levels)
    assert config.resolve().method_config.text_sets() == ("levels", "levels")
    for features in ("primitives", "both"):
        with pytest.raises(ConfigError, match=f"got '{features}': an attribute is one number a clip") as refused:
            replace(config, features=features)
        assert "levels instead" in refused.value.remedy


def test_attributes_beside_encoder_features(workspace, monkeypatch):
    """What a run would learn from; the encoder here is a table of random numbers."""
    measured = primitives.primitive_features(workspace, prepare_skeletons(workspace, "puppet"), "xsub")
    noise = np.random.default_rng(0).normal(size=(len(measured.pooled), 7)).astype(np.float32)
    fake = SimpleNamespace(
        feature_sets=(replace(measured, pooled=noise),),
        encoder_folder=Path(workspace.root / "encoders" / "none"),
        mark=EncoderMark("seen-only"),
    )
    monkeypatch.setattr(inputs, "features_for", lambda *_, **__: fake)
    config = RunConfig(
        dataset="puppet",
        split="23/5",
        method="ridge",
        preset="motion",
        overrides={"text_set": "levels", "penalty": 0.1, "centred": False},
        features="both",
    )
    data, folds = inputs.build_fold_data(config.resolve(), workspace)
    assert data.features.pooled.shape[1] == 7 + 2 * COUNT
    np.testing.assert_array_equal(data.features.pooled[:, :7], noise)
    np.testing.assert_array_equal(data.features.pooled[:, 7:], measured.pooled)
    assert data.encoder_mark == "seen-only"
    assert len(folds) > 0
