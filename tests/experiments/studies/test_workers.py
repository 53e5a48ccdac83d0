"""Runs in several processes: what one process with one thread would make, each encoder once, failures survived."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from zsar_kit.data.catalogue import class_names
from zsar_kit.data.feature_set import EncoderRecord, FeatureSet
from zsar_kit.data.splits import load_split
from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.errors import ArtefactError, ZsarError
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.studies import workers
from zsar_kit.experiments.studies.sweep import run_all
from zsar_kit.processes import worker_pool

SPLIT = load_split("puppet", "23/5")
FILES = ("result.json", "scores.safetensors", "model.safetensors")


@pytest.fixture(scope="module")
def features(tmp_path_factory) -> Path:
    """Features that need no encoder."""
    labels, subjects = np.tile(np.arange(28), 12), np.repeat(np.arange(12), 28)
    rng = np.random.default_rng(0)
    pooled = (rng.normal(size=(28, 16))[labels] + rng.normal(size=(len(labels), 16))).astype(np.float32)
    index = SimpleNamespace(
        sample=np.array([f"s{i}" for i in range(len(labels))]),
        label=labels,
        subject=subjects,
        camera=np.full(len(labels), -1),
    )
    return FeatureSet.write(
        tmp_path_factory.mktemp("features") / "f",
        chunks=[{"pooled": pooled}],
        skeleton_index=index,
        train=subjects < 8,
        dataset="puppet",
        class_names=class_names("puppet"),
        encoder=EncoderRecord("shift_gcn", "abc", "joint", 0.25, "puppet", SPLIT.seen),
        inputs={"skeletons": "a", "encoder": "b"},
    ).path


@pytest.fixture
def configs(features) -> list[RunConfig]:
    base = RunConfig(method="ridge", preset="motion", features_from=str(features), overrides={"penalty": 0.1})
    return [replace(base, overrides={"penalty": p, "centred": False}) for p in (0.1, 1.0, 10.0)]


@pytest.mark.offline_lm
def test_two_processes_make_what_one_makes(configs, tmp_path):
    places = [Workspace(tmp_path / name, "cpu", progress=False) for name in ("one", "two")]
    for place, processes in zip(places, (1, 2), strict=True):
        found = run_all(configs, place, processes=processes)
        assert [folder.path for folder in found if folder] == [RunFolder.of(c, place).path for c in configs]
    for config in configs:
        one, two = (RunFolder.of(config, place).path for place in places)
        for name in FILES:
            assert (one / name).read_bytes() == (two / name).read_bytes()
    stamps = [(folder.path / "result.json").stat().st_mtime_ns for folder in found if folder]
    again = run_all(configs, places[1], processes=2)
    assert [(folder.path / "result.json").stat().st_mtime_ns for folder in again if folder] == stamps


@pytest.mark.offline_lm
def test_a_failed_run_is_told_and_the_others_are_made(configs, tmp_path):
    place = Workspace(tmp_path / "w", "cpu", progress=False)
    broken = replace(configs[1], features_from=str(configs[1].features_from), low_shot=0.5, language_model="nowhere")
    told: list[tuple[RunConfig, ZsarError]] = []
    found = run_all([configs[0], broken], place, lambda *what: told.append(what), processes=2)
    assert [folder is not None for folder in found] == [True, False]
    ((config, error),) = told
    assert config == broken
    assert isinstance(error, ZsarError)
    with pytest.raises(type(error), match="nowhere"):
        run_all([broken], replace(place, root=tmp_path / "v"), processes=1)


def test_runs_that_share_an_encoder_wait_for_one_training(tmp_path):
    place = Workspace(tmp_path / "w", "cpu", progress=False)
    base = RunConfig(method="ridge", preset="motion", encoder=EncoderConfig(width=0.25))
    others = [replace(base, method="flora", preset="cpu", seed=s) for s in range(3)]
    found = {one.identity for one in workers._encodings([base, *others], place)}
    assert len(found) == 3  # the split's encoder and two of its folds
    maps = replace(base, method="skeleton_context", preset="cpu")
    assert {one.identity for one in workers._encodings([base, maps], place)} == found  # a set with maps serves both
    assert [one.views > 0 for one in workers._encodings([base, maps], place)] == [False] * 3 + [True] * 3
    another = replace(base, encoder=EncoderConfig(width=0.25, seed=1))
    assert len({one.identity for one in workers._encodings([base, another], place)}) == 6
    assert len({one.identity for one in workers._encodings([replace(base, folds=1)], place)}) == 2


def test_the_number_of_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)))
    place = Workspace(tmp_path, "cpu", progress=False)
    counts = {(asked, jobs): workers.worker_count(asked, place, jobs) for asked in (0, 1, 3) for jobs in (0, 2, 9)}
    assert counts == {
        (0, 0): 1, (0, 2): 2, (0, 9): 4, (1, 0): 1, (1, 2): 1, (1, 9): 1, (3, 0): 1, (3, 2): 2, (3, 9): 3,
    }  # fmt: skip
    monkeypatch.setattr(Workspace, "torch_device", SimpleNamespace(type="cuda"))
    assert workers.worker_count(0, place, 9) == 1


def test_a_killed_worker_is_one_error_that_says_what_to_do(tmp_path):
    place = Workspace(tmp_path, "cpu", progress=False)
    with pytest.raises(ArtefactError, match=r"a process was killed .*fewer --processes"), worker_pool(1) as pool:
        list(workers._done([pool.submit(os._exit, 9)], place, "run"))
