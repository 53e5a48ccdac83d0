"""Explanations of finished runs, on synthetic clips under the names of NW-UCLA."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

import zsar_kit as zk
from zsar_kit.cli import main
from zsar_kit.data.catalogue import class_names
from zsar_kit.data.puppet.world import PuppetConfig, generate
from zsar_kit.data.readers.arrays import from_arrays
from zsar_kit.errors import ConfigError, DataError
from zsar_kit.experiments.reports.explanations import explanation_figure
from zsar_kit.experiments.runs.explanation import _changes, confusion_by_attribute, explain
from zsar_kit.experiments.runs.recognition import recognise
from zsar_kit.primitives.attributes import attribute_names
from zsar_kit.primitives.measure import packed

NAMES = class_names("nw_ucla")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    made = zk.Workspace(tmp_path_factory.mktemp("explained"), "cpu", progress=False)
    chosen = {}
    for sequence in generate(PuppetConfig(subjects=2, replications=1, cameras=3)):
        if sequence.label < len(NAMES) and len(sequence.joints) == 1:
            chosen.setdefault((sequence.label, sequence.subject, sequence.camera), sequence.joints)
    keys = sorted(chosen)
    from_arrays(
        made.skeletons_folder("nw_ucla"),
        [chosen[key] for key in keys],
        [key[0] for key in keys],
        NAMES,
        subjects=[key[1] for key in keys],
        cameras=[key[2] for key in keys],
        samples=[f"c{label}_s{subject}_v{camera}" for label, subject, camera in keys],
        dataset="nw_ucla",
    )
    return made


@pytest.fixture(scope="module", params=["primitives", "primitives_calibrated"])
def run(workspace, request):
    preset = {"primitives": "fixed", "primitives_calibrated": "folds"}[request.param]
    return zk.run(zk.RunConfig(dataset="nw_ucla", split="8/2", method=request.param, preset=preset), workspace)


def test_a_sample_is_explained_with_its_class(run):
    samples = [str(s) for s in run.scores().samples]
    explanation = explain(run, samples[0])
    assert explanation.truth
    assert explanation.right is (explanation.winner == explanation.truth)
    assert explanation.reasons


def test_the_winner_is_that_of_the_stored_scores(run):
    scores, unseen = run.scores(), run.result().unseen
    labels, _ = run.test_samples()
    for i in np.flatnonzero(np.isin(labels, unseen))[:4]:
        best = unseen[int(scores.restrict(unseen).fused()[i].argmax())]
        explanation = explain(run, str(scores.samples[i]))
        assert explanation.winner == NAMES[best]
        near, far = explanation.distances
        parts = sum(r.lead for r in explain(run, str(scores.samples[i]), count=200).reasons)
        assert parts >= far - near >= 0


def test_a_wrong_answer_says_what_misled_it(run):
    labels, _ = run.test_samples()
    distance = -run.scores().fused()
    column = {c: i for i, c in enumerate(run.scores().classes)}
    wrong = other = 0
    for sample, label, row in zip(run.scores().samples, labels, distance, strict=True):
        explanation = explain(run, sample, among="all", count=3)
        if explanation.right:
            assert explanation.misled is None
            assert "misled" not in str(explanation)
            continue
        wrong += 1
        misled = explanation.misled
        assert (misled.winner, misled.runner_up) == (explanation.winner, NAMES[label])
        lead = misled.distances[1] - misled.distances[0]
        assert lead == pytest.approx(row[column[label]] - row.min(), abs=1e-4)
        leads = [reason.lead for reason in misled.reasons]
        assert leads == sorted(leads, reverse=True)
        assert explanation.to_dict()["misled"]["reasons"][0]["attribute"] == misled.reasons[0].attribute
        panels = len(explanation_figure(explanation).axes) // 2
        if misled.runner_up == explanation.runner_up:
            assert "The runner-up is right; misled most by" in str(explanation)
            assert panels == len(explanation.reasons)
        else:
            other += 1
            assert f"against the right class, *{NAMES[label]}*" in str(explanation)
            assert panels == len(explanation.reasons) + 1
        if wrong >= 6 and other:
            break
    assert wrong
    plt.close("all")


def test_without_a_choice_a_seen_class_competes_with_all(run):
    scores, seen = run.scores(), run.result().seen
    labels, _ = run.test_samples()
    sample = str(scores.samples[np.flatnonzero(np.isin(labels, seen))[0]])
    assert explain(run, sample).truth
    assert explain(run, sample, among="unseen").truth == ""


def test_a_file_has_no_known_class(run, workspace, tmp_path):
    skeletons = zk.SkeletonSet.load(workspace.skeletons_folder("nw_ucla"))
    np.save(tmp_path / "clip.npy", np.asarray(skeletons.sequence(0).joints))
    plain = explain(run, str(tmp_path / "clip.npy"))
    assert plain.right is None
    np.save(tmp_path / "millimetres.npy", 1000 * np.asarray(skeletons.sequence(0).joints))
    assert [r.attribute for r in explain(run, str(tmp_path / "millimetres.npy"), unit="mm").reasons] == [
        r.attribute for r in plain.reasons
    ]


def test_what_is_neither_file_nor_sample_is_refused(run):
    with pytest.raises(DataError, match="neither a file nor a sample 'nothing'"):
        explain(run, "nothing")


def test_a_run_of_another_method_is_refused(run, monkeypatch):
    monkeypatch.setattr("zsar_kit.experiments.runs.explanation.ComparesLevels", int)
    with pytest.raises(ConfigError, match="compares no levels"):
        explain(run, "c0_s0_v0")


def test_confusion_counts_the_errors_of_the_run(run):
    confusion = confusion_by_attribute(run)
    zsl = run.result().evaluation.micro.zsl
    assert 100 * (1 - confusion.errors / confusion.clips) == pytest.approx(zsl)
    assert (confusion.mended <= confusion.errors).all()
    assert len(confusion.mended) == len(confusion.relieved) == len(attribute_names())
    assert "test labels" in str(confusion)


def test_an_attribute_as_expected_mends_what_hangs_on_it_alone():
    """The clip is of class 0 and nearer to 1; with its first attribute as expected it is nearer to 0."""
    total = np.array([[0.55, 0.25]])
    changed = np.array([[[0.10, 0.45], [0.70, 0.10]]])  # by class, then by attribute
    errors, mended, broken, lead, left = _changes(total, changed, np.array([0]))
    assert (errors, mended.tolist(), broken.tolist()) == (1, [1, 0], [0, 0])
    assert lead == pytest.approx(0.30)
    assert left == pytest.approx([-0.60, 0.35])


def test_the_distances_of_a_class_to_itself_vanish_once_every_attribute_is_as_expected(run):
    """Replacing attributes one by one is the same as comparing with changed features."""
    method = run.method()
    classes = run.result().unseen
    expected = method.expected_levels(classes).numpy()
    scores = method.class_scores(torch.from_numpy(packed(expected)), classes).errors["levels"].numpy()
    assert scores.argmin(1).tolist() == list(range(len(classes)))
    assert np.diagonal(scores) == pytest.approx(1e-3, abs=1e-5)


def test_figure_and_record_are_written(run, tmp_path):
    from zsar_kit.experiments.reports.explanations import save_explanation

    paths = save_explanation(explain(run, str(run.scores().samples[0])), tmp_path, (run.path.name,))
    assert [Path(p).suffix for p in paths] == [".png", ".pdf", ".json"]


def test_the_doctor_stands_beside_the_explanation_of_a_file(run, tmp_path):
    clip = next(s.joints for s in generate(PuppetConfig(subjects=1, replications=1, cameras=1))).copy()
    np.save(tmp_path / "whole.npy", clip)
    assert explain(run, tmp_path / "whole.npy").doctor == ""
    clip[:, :, 7] = np.nan
    np.save(tmp_path / "lost.npy", clip)
    found = explain(run, tmp_path / "lost.npy")
    said = recognise(tmp_path / "lost.npy", "squat; lunge").doctor
    assert found.doctor == said
    assert found.to_dict()["doctor"] == said
    assert str(found).rstrip().endswith("--layout ntu25")


def test_one_frame_shows_no_motion_on_any_road(run, tmp_path):
    clip = next(s.joints for s in generate(PuppetConfig(subjects=1, replications=1, cameras=1)))[:, :1]
    for answer in (zk.Recogniser.load(run).classify, recognise, lambda joints: explain(run, joints)):
        with pytest.raises(DataError, match="motion needs at least 2 frames with a body, got 1"):
            answer(clip)


def test_predictions_say_which_classes_competed(run, workspace, tmp_path, capsys):
    clip = next(s.joints for s in generate(PuppetConfig(subjects=1, replications=1, cameras=1)))
    np.save(tmp_path / "clip.npy", clip)
    unseen = ", ".join(NAMES[c] for c in run.result().unseen)
    for source in (tmp_path / "clip.npy", tmp_path):
        assert main(["predict", str(run.path), str(source), "--workspace", str(workspace.root)]) == 0
        shown = capsys.readouterr().out
        assert f"Chosen among the 2 unseen classes of the run: {unseen} (others: --classes)." in shown
    assert "| clip.npy | " in shown
