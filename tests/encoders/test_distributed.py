"""Two processes give what one gives: gradients and statistics to double precision, trainings up to rounding."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from zsar_kit.artefacts import read_json
from zsar_kit.checkpoints import load_tensors
from zsar_kit.data.feature_set import FeatureSet
from zsar_kit.device import launched_processes
from zsar_kit.encoders.distributed import main_first, session, share
from zsar_kit.encoders.pretrain import pretrain
from zsar_kit.errors import ConfigError

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).with_name("shared_training.py")


def torchrun(*arguments: str) -> subprocess.CompletedProcess:
    """Start two processes as a user would, on one machine."""
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, cwd=root, env=environment, timeout=300
    )


def script():
    spec = importlib.util.spec_from_file_location("shared_training", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folders(tmp_path_factory, skeletons):
    """What one process makes, and what two make."""
    one, two = (tmp_path_factory.mktemp(name) for name in ("one", "two"))
    module = script()
    module.work(skeletons, one)
    samples = np.flatnonzero(np.isin(skeletons.index.label, module.SPLIT.seen))
    module.interrupted(skeletons, samples, two / "continued")
    done = torchrun(str(SCRIPT), str(skeletons.path), str(two), str(one / "single"))
    assert done.returncode == 0, done.stderr[-3000:]
    return one, two


@pytest.mark.parametrize("name", ["shift_gcn", "st_gcn"])
def test_a_shared_step_is_the_whole_step(folders, name):
    one, two = (load_tensors(folder / f"{name}.safetensors")[0] for folder in folders)
    assert one.keys() == two.keys()
    for key, value in one.items():
        torch.testing.assert_close(two[key], value, rtol=1e-7, atol=1e-10, msg=key)


@pytest.mark.parametrize("name", ["shift", "graph"])
def test_a_shared_training_is_that_of_one_process(folders, name):
    """In double precision, as rounding grows from step to step."""
    one, two = (read_json(folder / name / "history.json") for folder in folders)
    assert len(one) == len(two) == 2
    for alone, shared in zip(one, two, strict=True):
        assert shared == pytest.approx(alone, rel=1e-6)
    weights = [load_tensors(folder / name / "weights.safetensors")[0] for folder in folders]
    for key, value in weights[0].items():
        torch.testing.assert_close(weights[1][key], value, rtol=1e-5, atol=1e-7, msg=key)


def test_resumed_with_two_processes_ends_with_the_same_bytes(folders):
    _, two = folders
    for name in ("weights.safetensors", "history.json", "encoder.json", "provenance.json"):
        assert (two / "again" / name).read_bytes() == (two / "single" / name).read_bytes()


def test_two_processes_finish_what_one_began(folders):
    one, two = folders
    alone, shared = (read_json(f / "history.json") for f in (one / "single", two / "continued"))
    assert shared[0] == alone[0]  # the epoch before the interruption was the single process's
    assert shared[1]["loss"] == pytest.approx(alone[1]["loss"], rel=0.02)


def test_shared_extraction_gives_the_same_bytes(folders):
    one, two = (FeatureSet.load(folder / "features") for folder in folders)
    assert two.has_maps
    assert two.digest == one.digest
    assert not (folders[1] / "features.partial").exists()


def test_too_few_samples_to_share_are_refused(tmp_path, monkeypatch, skeletons, samples, split, config):
    monkeypatch.setattr("zsar_kit.encoders.pretrain.world_size", lambda: 10)
    with pytest.raises(ConfigError, match="a step has 9 samples, too few to share among 10 processes"):
        pretrain(skeletons, samples, split, config, tmp_path / "e", progress=False)


def test_without_torchrun_there_is_one_process():
    assert launched_processes() == 1
    assert share(7) == range(7)
    with session(torch.device("cpu")) as device, main_first():
        assert device == torch.device("cpu")
