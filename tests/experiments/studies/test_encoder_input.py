"""The choice of an encoder's input on folds: halving, and what it never touches."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from zsar_kit.errors import ConfigError
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.reports.input_study import trials_table
from zsar_kit.experiments.studies import encoder_input as module
from zsar_kit.experiments.studies.encoder_input import AS_IT_IS, InputStudy, Rung, survivors

STUDY = {
    "title": "t",
    "cases": [{"dataset": "puppet", "split": "23/5"}],
    "settings": {"hip": {"centring": "hip"}, "each": {"centring": "each_frame"}, "long": {"frames": 96}},
    "rungs": [{"epochs": 1, "folds": [0, 1]}, {"epochs": 0, "folds": [0, 1, 2]}],
}


@pytest.mark.parametrize(
    ("keep", "last", "expected"),
    [
        (0.5, False, ["b", "c"]),
        (0.3, False, ["b", "c"]),
        (0.25, False, ["b"]),
        (0.01, False, ["b"]),
        (0.9, True, ["b"]),
    ],
)
def test_the_better_share_goes_on_and_ties_go_to_the_earlier(keep, last, expected):
    assert survivors({"a": 1.0, "b": 9.0, "c": 5.0, "d": 5.0}, keep, last=last) == expected


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace(tmp_path / "w", progress=False)


@pytest.fixture
def judged(monkeypatch):
    """Stand-ins for trainings: accuracy by setting and fold; returns what was asked for."""
    asked: list[tuple[str, int, int, int]] = []
    worth = {("first_frame", 32): 10.0, ("hip", 32): 30.0, ("each_frame", 32): 20.0, ("first_frame", 96): 5.0}

    def stand_in(study, workspace, case, encoder, rung):
        count = len(rung.folds)
        asked.append((encoder.centring, encoder.frames, encoder.epochs, count))
        base = worth[encoder.centring, encoder.frames]
        return tuple(base + k * (1 if encoder.centring == "hip" else 0) for k in range(count)), (8,) * count

    monkeypatch.setattr(module, "_judged", stand_in)
    return asked


def test_halving_keeps_the_better_half_and_the_base_for_comparison(workspace, judged):
    study = InputStudy.from_dict(STUDY)
    trials = list(study.run(workspace))
    assert judged == [
        ("first_frame", 32, 1, 2), ("hip", 32, 1, 2), ("each_frame", 32, 1, 2), ("first_frame", 96, 1, 2),
        ("first_frame", 32, 12, 3), ("hip", 32, 12, 3), ("each_frame", 32, 12, 3),
    ]  # fmt: skip
    assert [(t.rung, t.setting, t.kept) for t in trials] == [
        (0, AS_IT_IS, False), (0, "hip", True), (0, "each", True), (0, "long", False),
        (1, AS_IT_IS, False), (1, "hip", True), (1, "each", False),
    ]  # fmt: skip
    last = {t.setting: t for t in trials if t.rung == 1}
    assert last[AS_IT_IS].difference is None
    assert (last["hip"].mean, last["hip"].difference.mean) == (31.0, 21.0)
    assert last["hip"].difference.half_width == pytest.approx(4.302653 * 1.0 / np.sqrt(3), rel=1e-5)
    assert last["each"].difference.mean == 10.0
    table = trials_table(study, trials)
    assert table.count("\n") == 2 + len(trials)
    assert "30.0, 31.0, 32.0" in table


def test_a_setting_is_judged_with_the_best_config_over_all_its_encoders(tmp_path, monkeypatch):
    """Two encoders with two folds each; not the best config of each, which would choose on what it reports."""
    worth = {0: [10.0, 40.0], 1: [80.0, 65.0]}
    asked = []

    def fold(group, number):
        split = SimpleNamespace(unseen=(1, 2), name=f"fold {number}")
        labels = np.array([0, 1, 1, 2])
        return SimpleNamespace(group=group, partition=SimpleNamespace(split=split), test_labels=labels)

    def folds_of(plan, workspace):
        asked.append(plan.config.folds_seed)
        return [fold(g, n) for n in (0, 1) for g in (0, 1)]

    def accuracy(plan, folds, texts, workspace):
        assert len(folds) == 2
        assert len({one.group for one in folds}) == 1
        return worth[folds[0].group]

    monkeypatch.setattr(module, "build_folds", folds_of)
    monkeypatch.setattr(module, "semantics_for", lambda *names: None)
    monkeypatch.setattr(module, "_grid_accuracy", accuracy)
    study = InputStudy.from_dict(STUDY)
    case = study.cases[0]
    found = module._judged(study, Workspace(tmp_path), case, study.settings_of(case, AS_IT_IS), Rung(1, (7, 8)))
    assert found == ((40.0, 65.0) * 2, (6, 6) * 2)
    assert asked == [7, 8]


def test_the_kits_study_reads_its_settings():
    study = InputStudy.load("encoder_input")
    for case in study.cases:
        for setting, changes in study.settings.items():
            encoder = study.settings_of(case, setting, 3)
            assert (encoder.epochs, encoder.patience) == (3, 3)
            assert all(getattr(encoder, key) == value for key, value in (study.encoder | changes).items())
    assert [c.dataset for c in InputStudy.load("encoder_input").only("puppet").cases] == ["puppet"]
    with pytest.raises(ConfigError, match="no case of 'ntu60'"):
        InputStudy.load("encoder_input").only("ntu60")
    with pytest.raises(ConfigError, match="which joins them by itself"):
        InputStudy.from_dict(STUDY | {"settings": {AS_IT_IS: {}}})
    with pytest.raises(ConfigError, match="Did you mean 'encoder_input'"):
        InputStudy.load("encoder_inputs")
    study = InputStudy.from_dict(STUDY | {"settings": {"x": {"centering": "hip"}}})
    with pytest.raises(ConfigError, match=r"unknown key 'centering'.*Did you mean 'centring'"):
        study.settings_of(study.cases[0], "x")
