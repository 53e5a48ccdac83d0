"""Runs in several processes: what one process with one thread would make, each encoder once, failures survived."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from tests.extras import needs
from zsar_kit.data.catalogue import class_names
from zsar_kit.data.feature_set import EncoderRecord, FeatureSet
from zsar_kit.data.splits import load_split
from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.errors import ZsarError
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.studies import workers
from zsar_kit.experiments.studies.engines import Engine

needs_ray = needs("ray", "cluster")
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
def small_ray():
    """A cluster on this machine, for one test."""
    import ray

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture
def configs(features) -> list[RunConfig]:
    base = RunConfig(method="ridge", preset="motion", features_from=str(features), overrides={"penalty": 0.1})
    return [replace(base, overrides={"penalty": p, "centred": False}) for p in (0.1, 1.0, 10.0)]


@pytest.mark.offline_lm
@pytest.mark.parametrize("engine", [Engine("processes", 2), pytest.param(Engine("ray"), marks=needs_ray)], ids=repr)
def test_every_engine_makes_the_same_bytes(configs, tmp_path, engine, request):
    if engine.kind == "ray":
        request.getfixturevalue("small_ray")
    places = [Workspace(tmp_path / name, "cpu", progress=False) for name in ("one", "two")]
    for place, one in zip(places, (Engine(), engine), strict=True):
        found = one.map([*configs, configs[0]], place)
        assert [folder.path for folder in found if folder] == [
            RunFolder.of(c, place).path for c in [*configs, configs[0]]
        ]
    for config in configs:
        one, two = (RunFolder.of(config, place).path for place in places)
        for name in FILES:
            assert (one / name).read_bytes() == (two / name).read_bytes()
    stamps = [(folder.path / "result.json").stat().st_mtime_ns for folder in found if folder]
    again = engine.map([*configs, configs[0]], places[1])
    assert [(folder.path / "result.json").stat().st_mtime_ns for folder in again if folder] == stamps


@pytest.mark.offline_lm
def test_a_failed_run_is_told_and_the_others_are_made(configs, tmp_path):
    place = Workspace(tmp_path / "w", "cpu", progress=False)
    broken = replace(configs[1], features_from=str(configs[1].features_from), low_shot=0.5, language_model="nowhere")
    told: list[tuple[RunConfig, ZsarError]] = []
    found = Engine("processes", 2).map([configs[0], broken], place, lambda *what: told.append(what))
    assert [folder is not None for folder in found] == [True, False]
    ((config, error),) = told
    assert config == broken
    assert isinstance(error, ZsarError)
    with pytest.raises(type(error), match="nowhere"):
        Engine().map([broken], replace(place, root=tmp_path / "v"))


@pytest.mark.offline_lm
def test_a_damaged_run_is_named_set_aside_and_made_again(configs, tmp_path, caplog):
    place = Workspace(tmp_path / "w", "cpu", progress=False)
    (folder,) = Engine().map(configs[:1], place)
    whole = (folder.path / "scores.safetensors").read_bytes()
    (folder.path / "scores.safetensors").write_bytes(whole[:-1])
    with caplog.at_level("WARNING"):
        (again,) = Engine().map(configs[:1], place)
    assert again.path == folder.path
    assert (again.path / "scores.safetensors").read_bytes() == whole
    assert (place.root / "runs-set-aside" / folder.path.name / "scores.safetensors").read_bytes() == whole[:-1]
    assert "a damaged run is set aside" in caplog.text
    assert folder.path.name in caplog.text


@pytest.mark.offline_lm
@pytest.mark.slow
def test_a_driver_that_is_killed_leaves_a_batch_that_goes_on_where_it_was(configs, tmp_path):
    configs = [replace(configs[0], overrides={"penalty": 0.1 + k, "centred": False}) for k in range(12)]
    place = Workspace(tmp_path / "w", "cpu", progress=False)
    work = tmp_path / "batch.json"
    work.write_text(json.dumps([config.to_dict() for config in configs]))
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(work), str(place.root)], env=dict(os.environ))
    folders = [RunFolder.of(config, place) for config in configs]
    deadline = time.monotonic() + 120
    while sum(folder.finished for folder in folders) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    children = psutil.Process(driver.pid).children(recursive=True)
    driver.kill()
    driver.wait()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive
    done = {folder.path: (folder.path / "result.json").stat().st_mtime_ns for folder in folders if folder.finished}
    assert 2 <= len(done) < len(folders)
    assert all(Engine("processes", 2).map(configs, place))
    assert {path: (path / "result.json").stat().st_mtime_ns for path in done} == done


DRIVER = """
import json, sys
from pathlib import Path
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.studies.engines import Engine
if __name__ == "__main__":
    configs = [RunConfig.from_dict(c) for c in json.loads(Path(sys.argv[1]).read_text())]
    Engine("processes", 2).map(configs, Workspace(Path(sys.argv[2]), "cpu", progress=False))
"""


def test_runs_that_share_an_encoder_wait_for_one_training(tmp_path):
    place = Workspace(tmp_path / "w", "cpu", progress=False)
    base = RunConfig(method="ridge", preset="motion", encoder=EncoderConfig(width=0.25))
    others = [replace(base, method="flora", preset="cpu", seed=s) for s in range(3)]
    found = {one.identity for one in workers._encodings([base, *others], place)}
    assert len(found) == 3  # the split's encoder and two of its folds
    maps = replace(base, method="skeleton_context", preset="cpu")
    assert {one.identity for one in workers._encodings([base, maps], place)} == found  # a set with maps serves both
    assert [one.views > 0 for one in workers._encodings([base, maps], place)] == [False] * 3 + [True] * 3
    few = replace(base, shots=2, encoder_shots=True)
    assert len({one.identity for one in workers._encodings([base, replace(base, shots=2), few], place)}) == 6
    another = replace(base, encoder=EncoderConfig(width=0.25, seed=1))
    assert len({one.identity for one in workers._encodings([base, another], place)}) == 6
    assert len({one.identity for one in workers._encodings([replace(base, folds=1)], place)}) == 2


def test_the_number_of_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)))
    monkeypatch.setattr(workers, "available_memory", lambda: 2**40)
    place = Workspace(tmp_path, "cpu", progress=False)
    counts = {(asked, jobs): workers.worker_count(asked, place, jobs) for asked in (0, 1, 3) for jobs in (0, 2, 9)}
    assert counts == {
        (0, 0): 1, (0, 2): 2, (0, 9): 4, (1, 0): 1, (1, 2): 1, (1, 9): 1, (3, 0): 1, (3, 2): 2, (3, 9): 3,
    }  # fmt: skip
    monkeypatch.setattr(workers, "available_memory", lambda: 3 * workers.MEMORY_OF_A_PROCESS)
    assert workers.worker_count(0, place, 9) == 3
    assert workers.worker_count(4, place, 9) == 4
    monkeypatch.setattr(Workspace, "torch_device", SimpleNamespace(type="cuda"))
    assert workers.worker_count(0, place, 9) == 1
