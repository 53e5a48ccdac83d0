"""The estimate of a batch: counts from the workspace, times from one step, nothing where everything is finished."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.studies import estimate as module
from zsar_kit.experiments.studies.engines import Engine
from zsar_kit.experiments.studies.estimate import Estimate, estimate
from zsar_kit.experiments.studies.paper_plan import EntryPlan, Request


@pytest.fixture
def plan() -> EntryPlan:
    return EntryPlan("flora/table3", Request("puppet", (0, 1), splits=("23/5",)))


def test_it_says_hours_memory_and_disk():
    text = str(Estimate(10, 4, 3, 7200.0, 3600.0, 2, 2**30, 2**29, "cpu"))
    assert text == (
        "10 runs, 4 of them finished; 3 encoders to train. About 1.5 h on cpu, 2 at a time "
        "(encoders 60 min, runs 30 min); about 1.0 GiB of memory a process, 0.50 GiB of disk"
    )


def test_runs_are_counted_once_and_finished_ones_cost_nothing(plan, tmp_path, make_result, monkeypatch):
    work = Workspace(tmp_path, "cpu", progress=False)
    monkeypatch.setattr(module, "_encoders", lambda *_: ([5.0, 5.0, 5.0], 100))
    monkeypatch.setattr(module, "_fit_seconds", lambda *_: 2.0)
    monkeypatch.setattr(module, "_largest_set", lambda *_: 0)
    found = estimate([plan, plan], work, Engine())
    assert (found.runs, found.finished, found.encoders, found.encoder_seconds) == (10, 0, 3, 15.0)
    assert found.run_seconds == 10 * 3 * 2.0  # the fit of the split, and one for each of the two fold encoders
    for _, _, config in plan.configs():
        folder = RunFolder.of(config, work)
        folder.path.mkdir(parents=True)
        make_result(seed=config.seed).write(folder.path / "result.json")
    assert str(estimate([plan], work, Engine())) == "10 runs, all finished"


@pytest.mark.slow
@pytest.mark.offline_lm
@pytest.mark.parametrize("preset", ["cpu", "paper"])
def test_presets_of_the_kit_and_of_the_paper_go_the_same_way(puppet_workspace, preset, monkeypatch):
    """The paper's sizes on a CPU: one step of each is timed, on tensors of the right shape."""
    monkeypatch.setattr(module, "STEPS", 1)
    request = Request("puppet", (0,), preset, ("23/5",), language_model="offline")
    plans = [EntryPlan(name, request) for name in ("flora/table3", "skeleton_context/table7")]
    found = estimate(plans, puppet_workspace, Engine())
    assert found.runs == 10
    assert found.run_seconds > 0
    assert (found.encoders > 0) == (preset == "paper")


def test_features_of_four_streams_side_by_side_are_four_times_as_long(monkeypatch, tmp_path):
    import zsar_kit.encoders.timing as timing
    from zsar_kit.encoders.config import EncoderConfig
    from zsar_kit.experiments.runs.config import RunConfig

    monkeypatch.setattr(timing, "time_encoder", lambda *_: SimpleNamespace(feature_shape=(8, 25, 64)))
    monkeypatch.setattr(module, "prepare_skeletons", lambda *_: None)
    work = Workspace(tmp_path, "cpu")
    shapes = {
        fusion: module._feature_shape(RunConfig(encoder=EncoderConfig(stream="4s", fusion=fusion)), work)
        for fusion in ("mean", "concat")
    }
    assert shapes == {"mean": (8, 25, 64), "concat": (8, 25, 256)}


def test_small_sizes_on_disk_are_told_in_mebibytes():
    from zsar_kit.experiments.studies.estimate import _size

    assert (_size(2**29), _size(3 * 2**19)) == ("0.50 GiB", "1.5 MiB")
