"""Whole runs on the embedded synthetic data, with the session's encoders."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zsar_kit.cli.answers.runs import evaluate_run
from zsar_kit.data.puppet.world import PuppetConfig
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.errors import ArtefactError, MissingModelError
from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.reports.contexts import texts_of_run
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.fits import Fits
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.inputs import build_fold_data, few_shots
from zsar_kit.experiments.runs.result import Candidate
from zsar_kit.experiments.runs.run import run
from zsar_kit.experiments.studies.suite import Suite
from zsar_kit.semantics.text_files import load_texts

pytestmark = [pytest.mark.slow, pytest.mark.offline_lm]

SHORT = {"align.steps": 60, "flow.steps": 20, "align.latent_dim": 32, "text.max_tokens": 8}


def config(**changes) -> RunConfig:
    return RunConfig(**({"encoder": Suite.load("demo").encoder("puppet"), "overrides": SHORT} | changes))


def elsewhere(workspace: Workspace, root: Path) -> Workspace:
    """A workspace with the same artefacts and no runs."""
    root.mkdir()
    for part in ("skeletons", "encoders", "features", "text-cache"):
        if (workspace.root / part).exists():
            (root / part).symlink_to(workspace.root / part)
    return replace(workspace, root=root)


def test_a_run_leaves_a_whole_folder_and_is_not_done_twice(puppet_workspace):
    folder = run(config(), puppet_workspace)
    names = {p.name for p in folder.path.iterdir()}
    needed = {
        "config.json",
        "env.json",
        "metrics.jsonl",
        "model.safetensors",
        "scores.safetensors",
        "result.json",
    }
    assert needed <= names
    assert not [n for n in names if n.startswith("checkpoint")]
    result = folder.result()
    assert result.synthetic is True
    assert result.text_use == "transductive text"
    assert result.encoder_mark == "seen-only"
    assert result.calibration == "pseudo_unseen"
    assert folder.config() == config()
    stamp = (folder.path / "result.json").stat().st_mtime_ns
    assert run(config(), puppet_workspace).path == folder.path
    assert (folder.path / "result.json").stat().st_mtime_ns == stamp


def test_the_same_config_gives_the_same_bytes_also_after_an_interruption(puppet_workspace, tmp_path, monkeypatch):
    whole = run(config(), elsewhere(puppet_workspace, tmp_path / "whole"))
    place = elsewhere(puppet_workspace, tmp_path / "interrupted")
    real_logger = Fits._logger

    def breaking(self, name):
        log = real_logger(self, name)

        def then_stop(phase, step, losses):
            log(phase, step, losses)
            if (name, phase) == ("main-0", "flow"):
                raise KeyboardInterrupt

        return then_stop

    monkeypatch.setattr(Fits, "_logger", breaking)
    with pytest.raises(KeyboardInterrupt):
        run(config(), place)
    assert not RunFolder(place.runs / config().folder_name()).finished
    monkeypatch.undo()
    resumed = run(config(), place)
    for name in ("scores.safetensors", "model.safetensors", "result.json"):
        assert (resumed.path / name).read_bytes() == (whole.path / name).read_bytes()


def test_a_data_set_replaced_after_a_kill_is_noticed_by_the_run_and_by_its_resumption(
    puppet_workspace, tmp_path, caplog
):
    place = Workspace(tmp_path / "workspace", progress=False)
    for part in ("encoders", "features", "text-cache"):
        if (puppet_workspace.root / part).exists():
            shutil.copytree(puppet_workspace.root / part, place.root / part)
    shutil.copytree(puppet_workspace.root / "skeletons", place.root / "skeletons")
    asked = config(method="ridge", preset="motion", overrides={})
    done = run(asked, place)
    (record,) = [one for one in done.inputs() if one.startswith("skeletons/")]
    assert {one.partition("/")[0] for one in done.inputs()} == {"encoders", "features", "semantics", "skeletons"}
    skeletons = prepare_skeletons(place, "puppet")
    SkeletonSet.write(
        skeletons.path,
        (replace(one, joints=one.joints * np.float32(1.01)) for one in skeletons),
        dataset="puppet",
        layout="ntu25",
        class_names=skeletons.class_names,
        inputs={"config": PuppetConfig().digest()},
    )
    with pytest.raises(
        ArtefactError, match=rf"this run is stale: .* was replaced since, {record} .*Move the folder away"
    ):
        run(asked, place)
    (done.path / "result.json").unlink()
    with pytest.raises(ArtefactError, match="made from another skeletons"):
        run(asked, place)  # the encoder is of the earlier skeletons, and that is said before anything is resumed


def test_nothing_of_an_unseen_class_or_of_the_test_part_is_learnt_from(puppet_workspace):
    main, folds = build_fold_data(config().resolve(), puppet_workspace)
    skeletons = prepare_skeletons(puppet_workspace, "puppet")
    labels, subjects = skeletons.index.label, skeletons.index.subject
    unseen = set(main.partition.split.unseen)
    assert not unseen & set(labels[main.partition.train])
    for data in folds:
        assert not unseen & set(labels[data.partition.train])
        assert not set(data.partition.split.unseen) & set(labels[data.partition.train])
        # neither does calibration: its samples are of the train part, and of no really unseen class
        assert not (data.partition.test & main.partition.test).any()
        assert not unseen & set(labels[data.partition.test])
        seen_rows = data.partition.test & np.isin(labels, data.partition.split.seen)
        assert not set(subjects[seen_rows]) & set(subjects[data.partition.train])
        assert data.features.encoder.classes == data.partition.split.seen
    assert len(folds) == len({data.partition.split.unseen for data in folds}) == 8
    assert len({data.encoder_folder for data in folds}) == 2
    assert not set(subjects[main.partition.train]) & set(subjects[main.partition.test])


def test_evaluating_again_renews_the_same_result(puppet_workspace):
    folder = run(config(), puppet_workspace)
    before = folder.result().to_dict()
    text = evaluate_run(folder.path, None, puppet_workspace)
    assert folder.result().to_dict() == before
    assert f"{before['evaluation']['micro']['zsl']:.1f}" in text
    always_unseen = evaluate_run(folder.path, 1e-9, puppet_workspace)
    assert "given by hand" in always_unseen
    assert folder.result().to_dict() == before


def test_a_run_of_other_texts_is_not_taken_for_one_of_todays(puppet_workspace, monkeypatch):
    asked = config(method="ridge", preset="motion", overrides={})
    done = run(asked, puppet_workspace)
    assert done.changed_texts() == ()
    texts = load_texts("puppet")
    reworded = tuple({**entry, "motion": (entry["motion"][0] + " again",)} for entry in texts.by_class)
    monkeypatch.setattr("zsar_kit.experiments.runs.folder.load_texts", lambda *_: replace(texts, by_class=reworded))
    with pytest.raises(ArtefactError, match=r"another wording of the class texts motion .*Move the folder away"):
        run(asked, puppet_workspace)


def test_a_run_is_made_with_the_edition_that_it_names(puppet_workspace):
    asked = config(method="ridge", preset="motion", overrides={})
    first = replace(asked, edition="first")
    folders = [run(c, puppet_workspace) for c in (asked, first)]
    assert folders[0].path != folders[1].path
    for folder, edition in zip(folders, ("second", "first"), strict=True):
        texts = load_texts("puppet", edition)
        semantics = folder.semantics()["motion"]
        assert semantics.texts == tuple(texts.sentences("motion", c) for c in texts.ids)
        assert folder.config().edition == edition
        assert folder.changed_texts() == ()
        assert texts_of_run(folder).edition == edition


def test_runs_from_before_there_were_editions_are_of_the_first(puppet_workspace):
    first = config(method="ridge", preset="motion", overrides={}, edition="first")
    folder = run(first, puppet_workspace)
    record = json.loads((folder.path / "config.json").read_text(encoding="utf-8"))
    del record["run"]["edition"]
    (folder.path / "provenance.json").unlink()  # the first runs have no record of their files either
    (folder.path / "config.json").write_text(json.dumps(record), encoding="utf-8")
    assert folder.config() == first
    assert folder.config().folder_name() == folder.path.name
    assert RunFolder.of(first, puppet_workspace).path == folder.path
    assert "edition" not in first.identity()


def test_ridge_chooses_its_penalty_on_the_folds(puppet_workspace):
    result = run(config(method="ridge", preset="motion", overrides={}), puppet_workspace).result()
    assert result.selection == "pseudo_unseen"
    tried = {c["config"]["penalty"] for c in result.choices}
    assert set(result.method_config["penalties"]) <= tried
    assert result.method_config["penalty"] in tried
    assert {c["config"]["centred"] for c in result.choices} == {False, True}
    assert {len(c["folds"]) for c in result.choices} == {len(result.folds)} == {8}


def test_what_is_missing_is_said_before_anything_is_computed(puppet_workspace, tmp_path):
    with pytest.raises(ArtefactError, match="zsar data prepare utd_mhad"):
        run(config(dataset="utd_mhad", split="22/5"), puppet_workspace)
    with pytest.raises(MissingModelError):
        run(config(language_model=str(tmp_path / "no-model")), puppet_workspace)
    with pytest.raises(ArtefactError, match="not a run folder"):
        RunFolder(tmp_path).config()


def test_a_traced_run_says_what_each_selection_would_have_given(puppet_workspace):
    folder = run(config(trace=4), puppet_workspace)
    result = folder.result()
    chosen = result.selections
    assert chosen.keys() == {"last", "pseudo_unseen", "test_oracle"}
    assert chosen["last"].candidate == Candidate(0)
    assert chosen["last"].evaluation.to_dict() == result.evaluation.to_dict()
    assert result.selection == "last"
    zsl = {k: v.evaluation.micro.zsl for k, v in chosen.items()}
    assert zsl["test_oracle"] >= max(zsl["last"], zsl["pseudo_unseen"])
    assert {v.candidate.point for v in chosen.values()} <= {None, 1, 2, 3}
    assert chosen["test_oracle"].calibration == "test_oracle"
    assert not list(folder.path.glob("probe-*"))
    # Looking on the way changes nothing: the plain run has the same bytes.
    plain = run(config(), puppet_workspace)
    assert (plain.path / "model.safetensors").read_bytes() == (folder.path / "model.safetensors").read_bytes()
    assert plain.result().selections == {}


def test_a_model_for_each_setting_gives_zsl_by_one_and_gzsl_by_the_other(puppet_workspace):
    base = run(config(), puppet_workspace).result().evaluation.micro
    strong = run(config(overrides=SHORT | {"text.tau": 1.0}), puppet_workspace).result().evaluation.micro
    both = run(config(overrides=SHORT | {"text.tau_zsl": 1.0}), puppet_workspace).result().evaluation.micro
    assert both == replace(base, zsl=strong.zsl)


def test_a_run_is_restored_from_its_folder_alone(puppet_workspace):
    """Without features or training data the restored method gives the stored scores."""
    for change in ({}, {"method": "ridge", "preset": "motion", "overrides": {}}):
        folder = run(config(**change), puppet_workspace)
        main, _ = build_fold_data(config(**change).resolve(), puppet_workspace)
        restored, stored = main.scores(folder.method()), folder.scores()
        assert restored.classes == stored.classes
        for name, values in stored.heads.items():
            np.testing.assert_allclose(restored.heads[name], values, rtol=1e-4, atol=1e-5)
    assert folder.encoder().record.dataset == "puppet"
    fold = folder.folds()[0]
    assert len(fold.scores) == len(fold.labels)
    assert set(fold.seen) < set(fold.scores.classes)


def test_gamma_by_hand_is_used_and_said(puppet_workspace):
    result = run(config(overrides=SHORT | {"gamma": 0.75}), puppet_workspace).result()
    assert result.calibration == "by_hand"
    assert result.evaluation.calibration["gamma"] == 0.75


def test_few_shots_keep_a_share_of_each_class_and_at_least_one():
    labels = np.repeat([3, 5, 9], [100, 20, 4])
    rows = few_shots(labels, 0.1, 0)
    assert np.bincount(labels[rows], minlength=10)[[3, 5, 9]].tolist() == [10, 2, 1]
    assert len(set(rows.tolist())) == len(rows)
    assert rows.tolist() == few_shots(labels, 0.1, 0).tolist()
    assert rows.tolist() != few_shots(labels, 0.1, 1).tolist()


def test_low_shot_reaches_the_method(puppet_workspace):
    whole, few = config(), config(low_shot=0.1)
    main, _ = build_fold_data(whole.resolve(), puppet_workspace)
    result = run(few, puppet_workspace).result()
    counts = np.bincount(main.features.labels[main.partition.train])
    assert result.training_samples == sum(max(1, int(0.1 * n)) for n in counts if n)
    assert any("the folds that choose score all of the training part" in note for note in result.notes)
    assert few.digest() != whole.digest()


@pytest.mark.parametrize(
    ("method", "overrides"),
    [
        ("flora", SHORT),
        ("skeleton_context", {"training.epochs": 2, "training.milestones": [1], "grounding.vocabulary": 200}),
        ("linear_cosine", {}),
    ],
)
def test_mixed_precision_is_a_run_of_its_own_and_close_to_the_other(puppet_workspace, method, overrides):
    preset = "motion" if method == "linear_cosine" else "cpu"
    plain = config(method=method, preset=preset, overrides=overrides)
    mixed = replace(plain, precision="bfloat16")
    one, other = (run(c, puppet_workspace) for c in (plain, mixed))
    assert one.path != other.path
    scores, others = (folder.scores().fused() for folder in (one, other))
    assert (scores != others).any()
    assert np.isfinite(others).all()
    assert np.corrcoef(scores.ravel(), others.ravel())[0, 1] > 0.9
