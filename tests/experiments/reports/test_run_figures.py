"""Figures of finished runs: whose steps a figure of losses shows."""

from __future__ import annotations

import json

import numpy as np
import pytest

from zsar_kit.experiments.reports.run_figures import loss_figure
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.result import Candidate, SelectionResult


@pytest.fixture
def run(tmp_path, make_result, make_evaluation):
    """A finished run with logged losses; the argument names the fits, each with a loss level of its own."""

    def store(levels: dict[str, float], chosen: int | None = None) -> RunFolder:
        path = tmp_path / "run"
        path.mkdir()
        steps = [
            {"fit": fit, "phase": "align", "step": step, "loss": level + step}
            for fit, level in levels.items()
            for step in (1, 2, 3)
        ]
        (path / "metrics.jsonl").write_text("".join(json.dumps(step) + "\n" for step in steps))
        result = make_result(selection="pseudo_unseen, encoder has seen them")
        if chosen is not None:
            selected = SelectionResult(Candidate(chosen), 0.5, "pseudo_unseen", make_evaluation(50.0))
            result.selections["pseudo_unseen"] = selected
        result.write(path / "result.json")
        return RunFolder(path)

    return store


def drawn(axes) -> list[float]:
    return np.concatenate([line.get_ydata() for line in axes.get_lines()]).tolist()


def test_losses_are_those_of_the_fit_on_the_real_split(run):
    assert drawn(loss_figure(run({"fold0-0": 10.0, "zsl-main-0": 30.0, "main-0": 20.0}))) == [21.0, 22.0, 23.0]


def test_losses_of_a_traced_grid_are_those_of_the_chosen_config(run):
    folder = run({"main-0": 10.0, "main-1": 20.0, "main-2": 30.0}, chosen=1)
    assert drawn(loss_figure(folder)) == [21.0, 22.0, 23.0]


def test_a_method_without_steps_says_so(run):
    axes = loss_figure(run({"fold0-0": 10.0}))
    assert not axes.get_lines()
    assert [text.get_text() for text in axes.texts] == ["no training steps"]
