"""The choice of an encoder's input on folds: halving, and what it never touches."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from zsar_kit.data.parts import train_part
from zsar_kit.data.puppet.world import PuppetConfig, build_puppet
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.errors import ConfigError
from zsar_kit.experiments.pipeline.partitions import Partition
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.reports.input_study import trials_table
from zsar_kit.experiments.studies import encoder_input as module
from zsar_kit.experiments.studies.encoder_input import AS_IT_IS, InputStudy, input_study_names, survivors

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


@pytest.fixture(scope="module")
def puppet(tmp_path_factory) -> SkeletonSet:
    """A small puppet; nothing is trained on it."""
    return build_puppet(tmp_path_factory.mktemp("inputs") / "puppet", PuppetConfig.tiny())


@pytest.fixture
def workspace(tmp_path, puppet, monkeypatch) -> Workspace:
    monkeypatch.setattr(module, "prepare_skeletons", lambda workspace, dataset: puppet)
    return Workspace(tmp_path / "w", progress=False)


@pytest.fixture
def judged(monkeypatch):
    """Stand-ins for trainings: accuracy by setting and fold; returns what was asked for."""
    asked: list[tuple[str, int, int, int]] = []
    worth = {("first_frame", 32): 10.0, ("hip", 32): 30.0, ("each_frame", 32): 20.0, ("first_frame", 96): 5.0}

    def stand_in(study, workspace, case, encoder, folds):
        asked.append((encoder.centring, encoder.frames, encoder.epochs, len(folds)))
        base = worth[encoder.centring, encoder.frames]
        return tuple(base + k * (1 if encoder.centring == "hip" else 0) for k in range(len(folds))), (8,) * len(folds)

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


def test_a_study_sees_no_test_sample_and_no_unseen_class(workspace, puppet, monkeypatch):
    """What reaches encoder and features: samples of the train part, none of the split's real unseen classes."""
    study = InputStudy.from_dict(STUDY)
    assert repr(study) == "InputStudy('t': 1 cases, 4 settings, 2 rungs)"
    case = study.cases[0]
    plan = module._plan(study, case, study.settings_of(case, AS_IT_IS))
    main = train_part(puppet, plan.protocol)
    taken: list[np.ndarray] = []

    def caught(subset, train, *args, **options):
        taken.append(np.isin(puppet.index.sample, subset.index.sample))
        assert train.all()
        raise StopIteration

    encoder = SimpleNamespace(record=SimpleNamespace(digest="0" * 64))
    monkeypatch.setattr(module, "encoder_for", lambda *arguments: encoder)
    monkeypatch.setattr(module, "extract_features", caught)
    folds = module._folds(workspace, study, case, study.rungs[1])
    assert len(folds) == 3
    for fold in folds:
        assert isinstance(fold, Partition)
        with pytest.raises(StopIteration):
            module._fold_data(workspace, puppet, fold, plan.protocol, plan.config.encoder)
        assert (taken[-1] == (fold.train | fold.test)).all()
        assert main[taken[-1]].all()
        assert not np.isin(puppet.index.label[taken[-1]], plan.split.unseen).any()


def test_the_kits_study_reads_its_settings():
    for name in input_study_names():
        study = InputStudy.load(name)
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
