"""Explorers of runs: their state is their traits, a what-if runs one sample, and bad input is answered in words."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

from zsar_kit.errors import ConfigError, TextError
from zsar_kit.evaluation.calibration import calibration_curve
from zsar_kit.experiments.reports.inspection import CANDIDATES, Change, Filters, Inspection
from zsar_kit.experiments.reports.inspection_errors import confusions, nearest_clips, nearest_texts
from zsar_kit.experiments.reports.inspection_flow import TIMES, clip_flow, gate_view
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.run import run
from zsar_kit.experiments.studies.suite import Suite
from zsar_kit.widgets import ContextInspector, ErrorExplorer, FlowExplorer

pytestmark = [pytest.mark.slow, pytest.mark.offline_lm]

SHORT = {"training.epochs": 2, "training.milestones": [1], "grounding.vocabulary": 200, "grounding.dim": 32}
QUICK = {"align.steps": 40, "flow.steps": 20, "align.latent_dim": 32, "text.max_tokens": 8}


def trained(workspace, method: str, overrides: dict) -> RunFolder:
    encoder = Suite.load("demo").encoder("puppet")
    return run(RunConfig(method=method, encoder=encoder, overrides=overrides, folds=1), workspace)


@pytest.fixture(scope="module")
def contexts(puppet_workspace) -> RunFolder:
    return trained(puppet_workspace, "skeleton_context", SHORT)


@pytest.fixture(scope="module")
def flows(puppet_workspace) -> RunFolder:
    return trained(puppet_workspace, "flora", QUICK)


@pytest.fixture(scope="module")
def inspection(contexts) -> Inspection:
    return Inspection(contexts)


@pytest.fixture
def inspector(contexts) -> ContextInspector:
    return ContextInspector(contexts)


def counted_passes(method) -> list[int]:
    """The number of samples in each pass through a method's scoring, from now on."""
    sizes: list[int] = []
    scores = method.class_scores
    object.__setattr__(
        method, "class_scores", lambda features, classes: (sizes.append(len(features)), scores(features, classes))[1]
    )
    return sizes


def test_a_reading_is_what_the_run_scored(inspection):
    predicted, _ = inspection.judged(CANDIDATES[0])
    classes = np.array(inspection.split.unseen)
    stored = inspection.scores.restrict(inspection.split.unseen)
    for clip in inspection.find(Filters())[::40]:
        reading = inspection.read(int(clip))
        assert reading.ranking["fused"][0][0] == predicted[clip]
        for head in ("context", "part"):
            exact = np.exp(stored.heads[head][clip].astype(float))
            shares = dict(zip(classes.tolist(), exact / exact.sum(), strict=True))
            assert dict(reading.ranking[head]) == pytest.approx(shares, abs=1e-4)


def test_an_unchanged_clip_through_the_encoder_is_the_stored_one(inspection):
    clip = int(inspection.find(Filters())[0])
    stored, encoded = inspection.stored_features(clip), inspection._encoded(inspection.joints(clip))
    assert torch.equal(stored, encoded)


def test_a_changed_clip_is_read_anew_and_a_word_is_given_to_the_model(inspection):
    clip = int(inspection.find(Filters())[0])
    before = inspection.read(clip)
    assert inspection.read(clip, change=Change(hold=0)).ranking != before.ranking
    assert inspection.read(clip, change=Change(dropped=("arm",))).ranking != before.ranking
    given = inspection.read(clip, change=Change(words=(("environment", "kitchen"),)))
    assert given.ranking["context"] != before.ranking["context"]
    assert given.ranking["part"] == before.ranking["part"], "the part head reads no prompt"
    assert inspection.read(clip).ranking == before.ranking, "the prompt is the masked one again"
    with pytest.raises(TextError, match="a single word piece"):
        inspection.read(clip, change=Change(words=(("environment", "no one word"),)))


def test_filters_find_what_they_say(inspection):
    unseen = np.isin(inspection.labels, inspection.split.unseen)
    predicted, margin = inspection.judged(CANDIDATES[1])
    found = inspection.find(Filters(CANDIDATES[1], "seen", "wrong", (0.0, 0.5)))
    expected = ~unseen & (predicted != inspection.labels) & (margin <= 0.5)
    np.testing.assert_array_equal(found, np.flatnonzero(expected))
    with pytest.raises(ConfigError, match="margin"):
        Filters(margin=(0.5, 0.1))


def test_the_confusions_are_those_of_the_result(inspection):
    found = confusions(inspection, CANDIDATES[0])
    np.testing.assert_array_equal(found.counts, inspection.result.evaluation.confusion)
    few = confusions(inspection, CANDIDATES[1], most=4)
    assert few.counts.shape == (4, 4)
    near = nearest_texts(inspection, inspection.split.unseen[0])
    assert [s for _, s in near] == sorted([s for _, s in near], reverse=True)
    clips = nearest_clips(inspection, 0)
    labels = inspection.skeletons.index.label[[row for row, _ in clips]]
    assert set(labels.tolist()) <= set(inspection.split.seen), "neighbours are training clips"


def test_a_flow_is_that_of_the_scores_and_the_gate_that_of_the_result(flows):
    inspection = Inspection(flows)
    clip = int(inspection.find(Filters(CANDIDATES[1]))[0])
    classes = inspection.split.unseen
    flow = clip_flow(inspection, clip, classes)
    settings = inspection.method.settings.flow
    own = int(np.abs(np.array(TIMES) - settings.t).argmin())
    errors = inspection.method._errors(
        inspection.method.vae.encode_skeleton(inspection.method._scaled(inspection.stored_features(clip))),
        inspection.method.table.rows(classes),
    )
    scale = {"total": 1.0}.get(settings.error)
    if scale is not None:
        assert [f.errors[own] for f in flow.classes] == pytest.approx(errors[0].tolist(), rel=1e-3)
    for one in flow.classes:
        np.testing.assert_allclose(np.sqrt(np.square(one.token_errors).sum(1)), one.errors, rtol=1e-4)
        assert one.token_errors.shape == (len(TIMES), len(one.tokens))
        np.testing.assert_allclose(one.at[0], one.source, atol=1e-4)
        np.testing.assert_allclose(one.at[-1], one.target, atol=1e-2)
    gate, micro = gate_view(inspection), inspection.result.evaluation.micro
    assert gate.at(gate.gate.gamma) == pytest.approx((micro.seen, micro.unseen, micro.harmonic), abs=1e-6)
    seen = np.isin(inspection.classes(CANDIDATES[1]), inspection.split.seen)
    scores = inspection.scores.restrict(inspection.classes(CANDIDATES[1]))
    middle = float(np.median(gate.curve.gammas))
    predicted = gate.gate.with_gamma(middle).predict(scores, seen)
    best = [gate.best_unseen[i] if gate.is_unseen(i, middle) else gate.best_seen[i] for i in range(len(scores))]
    np.testing.assert_array_equal(predicted, best)
    assert len(calibration_curve(gate.gate, scores, inspection.labels, inspection.split.seen).gammas) > 2


def test_a_choice_runs_one_sample_and_the_same_choice_runs_none(inspector):
    sizes = counted_passes(inspector.inspection.method)
    inspector.step(1)
    assert sizes == [1]
    inspector.dropped = ("arm",)
    assert sizes == [1, 1], "a what-if is one sample more"
    inspector.dropped = ()
    inspector.step(-1)
    inspector.step(1)
    inspector.dropped = ("arm",)
    assert sizes == [1, 1]


def test_a_what_if_stands_beside_the_clip_and_is_undone(inspector):
    inspector.hold, inspector.given = 3, {"environment": "kitchen"}
    before, after = inspector.stage.bodies
    assert "held from frame 3" in after.title
    np.testing.assert_array_equal(after.joints[:, 4], after.joints[:, 3])
    assert any("given: kitchen" in s["title"] for s in inspector.panel.sections)
    assert before.title.startswith("as it is")
    inspector.undo()
    assert len(inspector.stage.bodies) == 1
    assert inspector.state()["given"] == {}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("motion_of", "no such clip", "no sample 'no such clip'"),
        ("given", {"environment": "two words"}, "a single word piece"),
        ("typed", "only one", "classes"),
    ],
)
def test_a_wrong_what_if_is_answered_beside_the_readings(inspector, name, value, words):
    setattr(inspector, name, value)
    told = [s["text"] for s in inspector.panel.sections if s["kind"] == "message"]
    assert len(told) == 1
    assert words in told[0]
    assert inspector.problem == ""
    assert len(inspector.panel.sections) > 3, "the readings are still there"


def test_an_empty_filter_says_so_and_the_widget_lives(inspector):
    inspector.margin, inspector.outcome = (0.999, 1.0), "wrong"
    assert "no test clip passes all filters" in inspector.problem
    assert inspector.panel.sections[0]["kind"] == "message"
    inspector.margin, inspector.outcome = (0.0, 1.0), "all"
    assert inspector.problem == ""
    assert inspector.stage.message == ""


def test_runs_change_without_another_widget(inspector, contexts, flows, tmp_path):
    inspector.run = str(flows.path)
    assert "reads no contexts" in inspector.problem
    inspector.run = str(tmp_path / "nowhere")
    assert "there is no run folder" in inspector.problem
    inspector.run = str(contexts.path)
    assert inspector.problem == ""
    offered = [path for _, path in inspector._runs.options]
    assert str(contexts.path) in offered
    assert str(flows.path) not in offered


def test_a_run_without_its_model_is_answered_in_words(contexts, tmp_path):
    broken = tmp_path / "workspace" / "runs" / contexts.path.name
    shutil.copytree(contexts.path, broken)
    (broken / "model.safetensors").unlink()
    told = ContextInspector(broken)
    assert told.problem
    assert "Traceback" not in told.problem
    assert told.panel.sections[0]["kind"] == "message"


def test_a_view_is_saved_and_opened_again(inspector, contexts, tmp_path):
    inspector.step(2)
    inspector.dropped, inspector.candidates = ("head",), CANDIDATES[1]
    inspector.stage.frame, inspector.stage.view = 5, {"yaw": 0.5}
    image, record, page = inspector.save(tmp_path / "kept")
    assert image.read_bytes().startswith(b"\x89PNG")
    assert "mount(place" in page.read_text(encoding="utf-8")
    assert json.loads(record.read_text(encoding="utf-8"))["chosen"]["dropped"] == ["head"]
    again = ContextInspector(contexts, view=record)
    assert again.state() == inspector.state()
    assert (again.stage.frame, again.stage.view["yaw"]) == (5, 0.5)
    moved = json.loads(record.read_text(encoding="utf-8"))
    moved["chosen"]["run"] = "/where/somebody/else/has/it"
    record.write_text(json.dumps(moved), encoding="utf-8")
    sent = ContextInspector(contexts, view=record)  # the run that is named, not the one that was kept
    assert (sent.problem, sent.run, sent.clip) == ("", str(contexts.path), inspector.clip)
    with pytest.raises(ConfigError, match="'candidates' of ContextInspector can't be 'nobody'"):
        ContextInspector(contexts, candidates="nobody")
    with pytest.raises(ConfigError, match=r"no choice 'candidate'.*'candidates'"):
        ContextInspector(contexts, candidate="all")


def test_time_and_gamma_show_at_once_and_choose_nothing(flows):
    explorer = FlowExplorer(flows)
    own = explorer.inspection.run.gate().gamma
    assert explorer.gamma == pytest.approx(own)
    sizes = counted_passes(explorer.inspection.method)
    explorer.t, explorer.gamma = 0.9, own + 0.1
    assert sizes == []
    text = json.dumps(explorer.panel.sections)
    assert "velocity error at t = 0.90" in text
    assert f"gamma = {own:.3f} on its folds" in text
    assert explorer.inspection.run.gate().gamma == own
    explorer.token_class = int(explorer.flow(explorer.inspection, explorer._clips[explorer.clip]).classes[-1].class_id)
    assert explorer.problem == ""


def test_a_cell_leads_to_its_clips_and_a_neighbour_stands_beside(contexts):
    explorer = ErrorExplorer(contexts, outcome="all")
    found = confusions(explorer.inspection, explorer.candidates)
    row, column = (int(n) for n in np.argwhere(found.counts > 0)[0])
    explorer.matrix.picked = {"section": 0, "row": row, "column": column, "clicks": 1}
    assert explorer.problem == ""
    assert len(explorer._clips) == found.counts[row, column]
    predicted, _ = explorer.inspection.judged(explorer.candidates)
    for clip in explorer._clips.values():
        assert (explorer.inspection.labels[clip], predicted[clip]) == (found.classes[row], found.classes[column])
    explorer.panel.picked = {"section": 0, "row": 0, "column": -1, "clicks": 1}
    assert len(explorer.stage.bodies) == 2
    explorer.step(1)
    assert len(explorer.stage.bodies) == (1 if found.counts[row, column] > 1 else 2)


def test_every_explorer_leaves_an_image_and_a_page(contexts, flows):
    for widget in (ContextInspector(contexts), FlowExplorer(flows), ErrorExplorer(flows)):
        assert widget.problem == ""
        bundle = widget._repr_mimebundle_()
        assert set(bundle) == {"text/plain", "text/html", "image/png"}
        assert "<script src=" not in bundle["text/html"]
