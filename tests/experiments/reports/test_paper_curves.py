"""Curves of the papers from stored results: the value is the configuration's, and the data are what is drawn."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from zsar_kit.errors import ConfigError, DataError
from zsar_kit.evaluation.calibration import calibration_curve, make_gate
from zsar_kit.evaluation.scores import Scores
from zsar_kit.evaluation.statistics import summarize
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.reports.figure_data import PaperFigure
from zsar_kit.experiments.reports.paper_curves import at_thresholds
from zsar_kit.experiments.reports.paper_figures import FIGURES, draw
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.plotting import style

FIELDS = {
    "flora/fig3": ("flow", "t"),
    "flora/fig8": ("text", "max_tokens"),
    "flora/fig9": ("text", "tau"),
    "flora/fig11": ("align", "lambda_align"),
    "flora/fig12": ("flow", "lambda_flow"),
}


@pytest.fixture
def stored(tmp_path, make_result):
    """A finished run with the given value of a setting and ZSL."""

    def store(section: str, name: str, value: float, zsl: float, seed: int = 0, **changes) -> RunFolder:
        path = tmp_path / "runs" / f"{section}-{name}-{value}-{seed}-{len(list(tmp_path.rglob('result.json')))}"
        path.mkdir(parents=True)
        config = {section: {name: value}}
        settings = {"method": "flora", "preset": "cpu", "method_config": config, "seed": seed} | changes
        make_result(zsl, **settings).write(path / "result.json")
        return RunFolder(path)

    return store


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "workspace", "cpu")


def zsl_rows(drawn: PaperFigure) -> list[dict]:
    return [row for row in drawn.data if row["line"] == "ZSL"]


@pytest.mark.parametrize("figure", FIELDS)
def test_a_curve_reads_its_value_from_the_run_and_not_from_the_variant(figure, stored, workspace):
    section, name = FIELDS[figure]
    values = {"last": 4.0, "first": 1.0, "middle": 2.0}
    runs = {v: [stored(section, name, x, 40.0 + x + seed, seed) for seed in range(3)] for v, x in values.items()}
    drawn = draw(figure, runs, workspace)
    axes = drawn.figure.axes[0]
    line, _, (bars,) = next(c for c in axes.containers if c.get_label() == "ZSL")
    rows = zsl_rows(drawn)
    field = f"{section}.{name}"
    assert [row[field] for row in rows] == line.get_xdata().tolist() == [1.0, 2.0, 4.0]
    expected = [summarize([40.0 + x + s for s in range(3)]) for x in (1.0, 2.0, 4.0)]
    assert [row["mean"] for row in rows] == line.get_ydata().tolist() == [e.mean for e in expected]
    assert [row["half_width"] for row in rows] == [pytest.approx(e.half_width) for e in expected]
    for segment, summary in zip(bars.get_segments(), expected, strict=True):
        np.testing.assert_allclose(segment[:, 1], summary.interval)
    assert [row["variant"] for row in rows] == ["first", "middle", "last"]
    assert rows[0]["seeds"] == [0, 1, 2]
    assert "synthetic" in drawn.caption
    assert "synthetic" in axes.get_title(loc="left")
    assert drawn.figure.get_size_inches()[0] == style.COLUMN


def test_variants_with_one_value_or_one_with_two_are_refused(stored, workspace):
    twice = {name: [stored("flow", "t", 0.5, 50.0)] for name in ("a", "b")}
    with pytest.raises(DataError, match=r"'a' and 'b' both have flow.t = 0.5"):
        draw("flora/fig3", twice, workspace)
    mixed = {"a": [stored("flow", "t", 0.5, 50.0), stored("flow", "t", 0.7, 50.0, seed=1)]}
    with pytest.raises(DataError, match=r"must agree in flow.t"):
        draw("flora/fig3", mixed, workspace)


def test_runs_of_other_methods_data_or_repeated_seeds_are_refused(stored, workspace):
    with pytest.raises(DataError, match=r"no field 'text.tau'"):
        draw("flora/fig9", {"a": [stored("flow", "t", 0.5, 50.0)]}, workspace)
    with pytest.raises(DataError, match=r"one run a seed, got the seeds \[0, 0\]"):
        draw("flora/fig3", {"a": [stored("flow", "t", 0.5, 50.0) for _ in range(2)]}, workspace)
    others = {"a": [stored("flow", "t", 0.1, 50.0)], "b": [stored("flow", "t", 0.5, 50.0, dataset="utd_mhad")]}
    with pytest.raises(DataError, match="one data set and split, these runs are of puppet 23/5, utd_mhad 23/5"):
        draw("flora/fig3", others, workspace)
    for runs in ({}, {"a": []}):
        with pytest.raises(DataError, match="at least one"):
            draw("flora/fig3", runs, workspace)


def test_an_unknown_figure_is_refused_with_the_nearest_name(workspace):
    with pytest.raises(ConfigError, match=r"unknown figure 'flora/figure3'.*Did you mean 'flora/fig3'"):
        draw("flora/figure3", {}, workspace)
    assert len(FIGURES) == 13


@pytest.mark.parametrize("kind", ["ratio", "stacking"])
def test_accuracies_at_a_threshold_are_those_of_the_gate_with_it(kind):
    generator = np.random.default_rng(0)
    errors = generator.uniform(0.5, 2.0, size=(60, 6)).astype(np.float32)
    labels, seen = generator.integers(0, 6, size=60), [0, 1, 2, 3]
    scores = Scores({"flow": -errors}, tuple(range(6)), tuple(f"s{i}" for i in range(60)), {"flow": errors})
    mask, is_seen = np.isin(np.arange(6), seen), np.isin(labels, seen)
    gammas = np.linspace(0.3, 2.0, 23) if kind == "ratio" else np.linspace(-1.0, 1.0, 23)
    found = at_thresholds(calibration_curve(make_gate(kind, 0.0), scores, labels, seen), gammas)
    for gamma, s, u in zip(gammas, *found, strict=True):
        hits = make_gate(kind, float(gamma)).predict(scores, mask) == labels
        assert s == pytest.approx(hits[is_seen].mean())
        assert u == pytest.approx(hits[~is_seen].mean())


def test_a_figure_is_saved_with_its_data_caption_and_runs(stored, workspace, tmp_path):
    runs = {f"t = {t}": [stored("flow", "t", t, 40.0 + t, seed) for seed in range(2)] for t in (0.1, 0.9)}
    drawn = draw("flora/fig3", runs, workspace)
    drawn.data[0]["variant"] = "=1+1"  # the name of a variant is anyone's
    paths = drawn.save(tmp_path / "fig", [run for group in runs.values() for run in group])
    assert [path.suffix for path in paths] == [".png", ".pdf", ".json", ".csv"]
    record = json.loads(paths[2].read_text())
    assert record["caption"] == drawn.caption
    assert len(record["runs"]) == 4
    with paths[3].open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["mean"]) for row in rows] == [row["mean"] for row in drawn.data]
    assert rows[0]["variant"] == "'=1+1"
    assert rows[0]["seeds"] == "0 1"
