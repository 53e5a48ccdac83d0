"""Figures of trained models: the latents, velocities and words that are drawn are those of the run."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.quiver import Quiver

from zsar_kit.errors import ConfigError
from zsar_kit.experiments.reports.flow_figures import ARROW_TIMES, FieldChoice, FlowField, named_choice, paper_choice
from zsar_kit.experiments.reports.latents import LatentReader
from zsar_kit.experiments.reports.paper_figures import draw
from zsar_kit.experiments.reports.paper_latents import projection_figure
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.run import run
from zsar_kit.experiments.studies.suite import Suite
from zsar_kit.plotting.latent import Projection

pytestmark = [pytest.mark.slow, pytest.mark.offline_lm]

SHORT = {"align.steps": 40, "flow.steps": 10, "align.latent_dim": 32}
TINY = {"training.epochs": 2, "training.milestones": [1], "grounding.vocabulary": 500, "grounding.dim": 32}


def config(overrides, **changes) -> RunConfig:
    encoder = Suite.load("demo").encoder("puppet")
    return RunConfig(**({"encoder": encoder, "folds": 2, "overrides": overrides} | changes))


@pytest.fixture(scope="module")
def finished(puppet_workspace):
    return run(config(SHORT), puppet_workspace)


@pytest.fixture(scope="module")
def runs(finished, puppet_workspace):
    plain = run(config(SHORT | {"text.k": 0}), puppet_workspace)
    kl = run(config(SHORT | {"text.k": 0, "align.regularizer": "kl"}), puppet_workspace)
    return {"KL": [kl], "geometric": [plain], "full": [finished]}


@pytest.fixture(scope="module")
def reader(finished):
    return LatentReader(finished)


def test_latents_are_what_the_method_scores_by(reader):
    c = reader.split.unseen[0]
    rows, found = reader.rows([c]), reader.latents([c])
    features = torch.from_numpy(np.array(reader.data.inputs(rows)))
    vae, table = reader.method.vae, reader.method.table
    with torch.inference_mode():
        expected = vae.encode_skeleton((features - reader.method.feature_offset) / reader.method.feature_scale).mu
        (row,) = table.rows([c])
        tokens = [vae.encode_text(table.tokens[row, m]).mu for m in range(table.tokens.shape[1]) if table.mask[row, m]]
    np.testing.assert_allclose(found.skeletons, expected.numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.texts[0], torch.stack(tokens).mean(0).numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.class_means()[0], found.skeletons.mean(0))
    assert set(found.labels.tolist()) == {c}


def test_before_training_are_the_initial_weights_with_what_was_observed(finished, reader):
    before = LatentReader(finished, trained=False)
    again = LatentReader(finished, trained=False)
    for (name, one), two in zip(before.method.named_parameters(), again.method.parameters(), strict=True):
        assert torch.equal(one, two), name
    head = before.method.field.head.weight
    assert not head.any()  # a velocity field starts as zero
    assert reader.method.field.head.weight.any()
    assert torch.equal(before.method.feature_offset, reader.method.feature_offset)


def test_the_projection_draws_each_sample_and_text_in_both_stages(runs, reader, puppet_workspace):
    drawn = draw("flora/fig6", runs, puppet_workspace)
    count = len(reader.rows(reader.split.unseen))
    for axes, stage in zip(drawn.figure.axes, ("before training", "after training"), strict=True):
        rows = [row for row in drawn.data if row["stage"] == stage]
        assert [row["kind"] for row in rows].count("skeleton") == count
        assert [row["kind"] for row in rows].count("text") == len(reader.split.unseen)
        places = np.concatenate([np.asarray(c.get_offsets()) for c in axes.collections])
        np.testing.assert_allclose(places, [[row["x"], row["y"]] for row in rows])
        assert f"n = {count + len(reader.split.unseen)}" in axes.get_xlabel()
    assert "not the latent space" in drawn.caption
    every = projection_figure(runs, puppet_workspace, "pca", every=True)
    assert {row["class"] for row in every.data} == {reader.names[c] for c in reader.split.candidates}


def test_similarity_of_classes_is_that_of_a_slow_loop(runs, puppet_workspace):
    drawn = draw("flora/fig7", runs, puppet_workspace)
    for axes, (name, (one,)) in zip(drawn.figure.axes, runs.items(), strict=True):
        found = (own := LatentReader(one)).latents(own.split.candidates)
        rows, place = [row for row in drawn.data if row["variant"] == name], 0
        for i in range(len(found.classes)):
            for j in range(i + 1, len(found.classes)):
                row = rows[place]
                assert (row["class"], row["other"]) == (own.names[found.classes[i]], own.names[found.classes[j]])
                means = [found.skeletons[found.labels == found.classes[k]].mean(0) for k in (i, j)]
                a, b = ([float(x) for x in v] for v in means)
                cosine = sum(x * y for x, y in zip(a, b, strict=True)) / (np.linalg.norm(a) * np.linalg.norm(b))
                assert row["skeleton cosine"] == pytest.approx(cosine, abs=1e-5)
                text = found.texts[i] @ found.texts[j] / np.linalg.norm(found.texts[i]) / np.linalg.norm(found.texts[j])
                assert row["text cosine"] == pytest.approx(float(text), abs=1e-5)
                place += 1
        assert place == len(rows)
        points = [[row["skeleton cosine"], row["text cosine"]] for row in rows]
        np.testing.assert_allclose(axes.collections[0].get_offsets(), points)
        assert axes.get_title(loc="left").startswith(name)


def test_arrows_are_the_velocities_of_the_field_in_the_plane_that_is_named(runs, puppet_workspace):
    drawn = draw("flora/fig5", runs, puppet_workspace)
    field = FlowField(runs["full"][0])
    method, c = field.method, field.choice.texts[1]
    axes = drawn.figure.axes[1]
    pale, _, predicted = (a for a in axes.collections if isinstance(a, Quiver))
    rows = [row for row in drawn.data if row["text"] == field.reader.names[c]]
    on = [row for row in rows if row["kind"] == "on the path"]
    np.testing.assert_allclose(predicted.XY, [[r["x"], r["y"]] for r in on])
    np.testing.assert_allclose(predicted.U, [r["predicted x"] for r in on])
    off = [row for row in rows if row["kind"] == "off the data"]
    np.testing.assert_allclose(pale.XY, [[r["x"], r["y"]] for r in off])
    path = field.paths[c]
    samples = len(path.target)
    for row in on[:: samples + 1]:
        k, i = ARROW_TIMES.index(row["time"]), row["sample"]
        with torch.inference_mode():
            v = method.field(path.z_t[k, i][None], torch.tensor([row["time"]]))[0].mean(0).double().numpy()
        np.testing.assert_allclose(field.plane.axes @ v, [row["predicted x"], row["predicted y"]], atol=1e-5)
    errors = [row for row in rows if row["kind"] == "error" and row["time"] == 0.5]
    assert np.mean([row["error"] for row in errors]) == pytest.approx(field.measures(c)["error"])
    for said in ("one plane", f"{field.plane.share:.0%}", "extrapolation", "not the latent space"):
        assert said in drawn.caption


def test_off_the_data_the_field_is_asked_at_the_place_that_is_drawn(finished):
    field = FlowField(finished)
    c = field.choice.texts[0]
    shown, tokens = field.arrows(c), field.middle[c]
    place, shift = shown.around[7], shown.around[7] - field.plane.place(tokens.mean(0).numpy())
    moved = tokens + torch.from_numpy(field.plane.lift(shift)).to(tokens)
    np.testing.assert_allclose(field.plane.place(moved.mean(0).numpy()), place, atol=1e-5)
    with torch.inference_mode():
        v = field.method.field(moved[None], torch.tensor([0.5]))[0].mean(0).double().numpy()
    np.testing.assert_allclose(field.plane.turn(v), shown.extrapolated[7], atol=1e-5)


def test_classes_of_a_field_are_the_papers_or_named(reader):
    names, choice = reader.names, paper_choice(reader)
    assert names[choice.skeleton] == "put on a hat/cap"
    assert choice.texts[0] == choice.skeleton
    assert {"writing", "jump up"} < {names[c] for c in choice.texts}
    other = named_choice(reader, "jump up", ["writing", "jump up"], samples=2)
    assert [names[c] for c in other.texts] == ["writing", "jump up"]
    assert other.samples == 2
    with pytest.raises(ConfigError, match=r"'jump upp' is no class of the split.*Did you mean 'jump up'"):
        named_choice(reader, "jump upp", [])
    with pytest.raises(ConfigError, match="needs a text"):
        FieldChoice(1, ())


def test_failures_count_predictions_and_list_the_nearest_classes(runs, reader, puppet_workspace):
    drawn = draw("flora/failures", runs, puppet_workspace)
    evaluation = runs["full"][0].result().evaluation
    counts = [row["count"] for row in drawn.data if row["kind"] == "prediction"]
    assert counts == evaluation.confusion.ravel().tolist()
    found = reader.latents(reader.split.candidates)
    first = found.classes.index(reader.split.unseen[0])
    means = found.class_means()
    others = [
        (means[first] @ m / np.linalg.norm(means[first]) / np.linalg.norm(m), reader.names[c])
        for c, m in zip(found.classes, means, strict=True)
        if c != found.classes[first]
    ]
    nearest = [row for row in drawn.data if row["kind"] == "nearest"][:3]
    assert [row["other"] for row in nearest] == [name for _, name in sorted(others, reverse=True)[:3]]


def test_similarity_of_neighbours_and_the_threshold_are_those_of_the_run(runs, puppet_workspace):
    drawn = draw("flora/fig4", {"k = 0": runs["geometric"], "k = 2": runs["full"]}, puppet_workspace)
    mean = [row for row in drawn.data if row["line"] == "similarity, mean of the classes"]
    method = runs["full"][0].method()
    text = method.table._kept.mean / np.linalg.norm(method.table._kept.mean, axis=1, keepdims=True)
    ranked = -np.sort(-(text @ text.T - 2 * np.eye(len(text))), axis=1)[:, :2]
    np.testing.assert_allclose([row["mean"] for row in mean], ranked.mean(0), rtol=1e-5)
    threshold = draw("flora/fig10", {"full": runs["full"]}, puppet_workspace)
    result = runs["full"][0].result().evaluation
    lines = {line.get_label(): line for line in threshold.figure.axes[0].lines}
    gamma = result.calibration["gamma"]
    at = np.abs(lines["S"].get_xdata() - gamma).argmin()
    assert lines["S"].get_ydata()[at] == pytest.approx(result.micro.seen, abs=3)  # the grid is near it, not on it
    assert lines["U"].get_ydata()[at] == pytest.approx(result.micro.unseen, abs=3)


def test_a_method_without_a_latent_space_is_refused(puppet_workspace):
    ridge = run(config({}, method="ridge", preset="motion"), puppet_workspace)
    with pytest.raises(ConfigError, match=r"\(ridge\) has no latent space"):
        draw("flora/fig6", {"full": [ridge]}, puppet_workspace)
    with pytest.raises(ConfigError, match="'kind' must be one of"):
        Projection("plane")


def test_clips_show_the_words_and_the_importance_that_the_run_gives(puppet_workspace):
    from zsar_kit.experiments.reports.context_figures import ClipReader

    one = run(config(TINY, method="skeleton_context"), puppet_workspace)
    reader = ClipReader(one)
    words = draw("skeleton_context/fig3", {"full": [one]}, puppet_workspace)
    sample = reader.first_clips()[0]
    expected = [(slot, w, p) for slot, found in reader.contexts(sample, 5).items() for w, p in found]
    shown = [(row["slot"], row["word"], row["probability"]) for row in words.data[: len(expected)]]
    assert [s[:2] for s in shown] == [e[:2] for e in expected]
    assert [s[2] for s in shown] == pytest.approx([e[2] for e in expected])
    bars = [patch.get_width() for axes in words.figure.axes for patch in axes.patches]
    assert bars[: len(expected)] == pytest.approx([100 * e[2] for e in expected], rel=1e-5)
    parts = draw("skeleton_context/fig4", {"full": [one]}, puppet_workspace)
    predicted = [r for r in parts.data if r["kind"] == "predicted" and r["clip"] == parts.data[0]["clip"]]
    images = [axes.images[0].get_array() for axes in parts.figure.axes if axes.images]
    rows = np.array([r["importance"] for r in predicted]).reshape(images[0].shape)
    np.testing.assert_allclose(images[0], rows, rtol=1e-5)
