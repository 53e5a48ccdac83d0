"""Methods by name: files are found, every preset is whole, and what can't be registered is answered."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from zsar_kit.config import Config
from zsar_kit.errors import ConfigError
from zsar_kit.methods import peers, registry
from zsar_kit.methods.base import ClassScores, Method, MethodConfig
from zsar_kit.methods.baselines import LinearCosine, RidgeToText
from zsar_kit.methods.flora import Flora, FloraConfig
from zsar_kit.methods.registry import customary_preset, method_entry, method_names, preset, register
from zsar_kit.methods.skeleton_context import SkeletonContext
from zsar_kit.training.loop import fit

EXAMPLE = Path(__file__).with_name("example_method.py")


@pytest.fixture
def own_entries(monkeypatch):
    """A registry that forgets what the test adds."""
    method_names()
    monkeypatch.setattr(registry, "_ENTRIES", dict(registry._ENTRIES))


@pytest.fixture
def peers_folder(own_entries, monkeypatch, tmp_path):
    """A folder that counts as ``zsar_kit/methods/peers``; its modules are forgotten afterwards."""
    monkeypatch.setattr(peers, "__path__", [*peers.__path__, str(tmp_path)])
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if name.startswith("zsar_kit.methods.peers."):
            del sys.modules[name]


@dataclass(frozen=True)
class OtherConfig(MethodConfig):
    """A config that says what it must."""

    def text_sets(self):
        return ("motion",)


class Other(Method):
    """A method that does nothing."""

    config_type = OtherConfig

    def phases(self):
        return ()

    def class_scores(self, features, classes):
        return ClassScores({"none": torch.zeros(len(features), len(classes))})


def test_the_kits_methods_are_there():
    known = {"flora": Flora, "skeleton_context": SkeletonContext, "ridge": RidgeToText, "linear_cosine": LinearCosine}
    assert set(known) <= set(method_names())
    assert list(method_names()) == sorted(method_names())
    assert repr(method_entry("ridge")) == "MethodEntry('ridge', RidgeToText, 3 presets)"
    for name, method in known.items():
        assert method_entry(name).method is method
        assert method_entry(name).name == name


def test_every_preset_fits_its_method_and_round_trips():
    for name in method_names():
        found = method_entry(name)
        assert issubclass(found.method, Method)
        assert found.presets, name
        for config in found.presets.values():
            assert type(config) is found.method.config_type
            assert type(config).from_dict(config.to_dict()) == config
            assert config.text_sets()
            assert config.text_use() in ("inductive", "transductive text")
            assert config.gate().kind in ("stacking", "ratio", "logistic")
            for candidate in config.grid():
                assert candidate.grid() == [candidate]  # a chosen config leaves nothing open


def test_paper_preset_is_the_papers():
    config = preset("flora", "paper")
    assert config == FloraConfig()
    assert isinstance(config, FloraConfig)
    assert (config.align.latent_dim, config.flow.depth, config.flow.heads) == (768, 1, 12)
    assert (config.align.lambda_align, config.flow.lambda_flow, config.flow.t) == (0.1, 0.1, 0.5)
    assert config.flow.times == "logit_normal"


def test_misspelt_names():
    with pytest.raises(ConfigError, match=r"unknown method 'flroa'\. Did you mean 'flora'\?"):
        method_entry("flroa")
    with pytest.raises(ConfigError, match=r"method 'flora' has no preset 'papper'\. Did you mean 'paper'\?"):
        preset("flora", "papper")
    with pytest.raises(ConfigError, match="unknown method"):
        preset("flroa", "paper")


def test_a_file_that_the_environment_names_is_known_to_commands(tmp_path):
    """In a process of its own, as a command is one."""
    mine = tmp_path / "mine.py"
    mine.write_text(EXAMPLE.read_text(encoding="utf-8").replace('"bilinear"', '"mine"'), encoding="utf-8")
    ask = [sys.executable, "-m", "zsar_kit", "train", "puppet", "23/5", "--method", "mine", "--preset", "none"]
    known, unknown, no_file = (
        subprocess.run(ask, env=os.environ | extra, capture_output=True, text=True, check=False, cwd=tmp_path)
        for extra in ({"ZSAR_METHODS": str(mine)}, {}, {"ZSAR_METHODS": str(tmp_path / "other.py")})
    )
    assert "method 'mine' has no preset 'none'" in known.stderr
    assert "unknown method 'mine'" in unknown.stderr
    assert "ZSAR_METHODS names its file" in unknown.stderr
    assert "ZSAR_METHODS must name Python files, and this is none" in no_file.stderr
    assert {one.returncode for one in (known, unknown, no_file)} == {2}


def test_a_method_file_is_found_and_trains_through_the_one_loop(peers_folder, toy):
    (peers_folder / "bilinear.py").write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    assert "bilinear" in method_names()
    entry = method_entry("bilinear")
    assert entry.method.__module__ == "zsar_kit.methods.peers.bilinear"
    config = preset("bilinear", "motion")
    assert (config.text_sets(), config.gate().kind, config.grid()) == (("motion",), "stacking", [config])
    method = fit(entry.method, config, toy.training, seed=0, progress=False)
    scores = method.class_scores(torch.from_numpy(toy.features), toy.unseen).heads["bilinear"]
    # Ten unseen classes: chance is 0.1.
    assert toy.accuracy(scores) > 0.6


def test_a_file_with_a_name_that_is_taken_is_refused_and_both_files_are_named(peers_folder):
    text = EXAMPLE.read_text(encoding="utf-8").replace('register("bilinear"', 'register("ridge"')
    (peers_folder / "again.py").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        method_names()
    message = str(refused.value)
    assert "the method name 'ridge' is already taken by RidgeToText (" in message
    assert "baselines.py" in message
    assert f"so Bilinear ({peers_folder / 'again.py'}) can't have it" in message


def test_a_file_whose_config_does_not_name_its_text_sets_is_refused(peers_folder):
    text = EXAMPLE.read_text(encoding="utf-8").replace("def text_sets", "def texts")
    (peers_folder / "silent.py").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"BilinearConfig does not define text_sets\(\).*silent\.py"):
        method_entry("flora")


def test_a_name_is_taken_once(own_entries):
    register("other", Other, {"plain": OtherConfig()})
    assert method_entry("other").method is Other
    register("other", Other, {"again": OtherConfig()})
    assert list(method_entry("other").presets) == ["again"]
    with pytest.raises(ConfigError, match="the method name 'flora' is already taken by Flora"):
        register("flora", Other, {})


def test_configs_that_runs_could_not_ask_are_refused(own_entries):
    @dataclass(frozen=True)
    class Hiding(OtherConfig):
        gate: str = "ratio"

    class Odd(Other):
        config_type = Config  # type: ignore[assignment]

    class Hidden(Other):
        config_type = Hiding

    with pytest.raises(ConfigError, match=r"config_type must be a subclass of MethodConfig, got .*Config.*\(in Odd"):
        register("odd", Odd, {})
    with pytest.raises(ConfigError, match="the field 'gate' of Hiding hides the method of MethodConfig"):
        register("hidden", Hidden, {})
    with pytest.raises(ConfigError, match="the preset 'paper' of 'other' must be of type OtherConfig, got FloraConfig"):
        register("other", Other, {"paper": FloraConfig()})
    assert not {"odd", "hidden", "other"} & set(method_names())


def test_every_method_has_a_preset_where_none_is_named():
    named = {name: customary_preset(name) for name in method_names()}
    assert (named["flora"], named["ridge"], named["primitives"]) == ("cpu", "motion", "fixed")
    for name, preset_name in named.items():
        assert preset(name, preset_name)
    with pytest.raises(ConfigError, match=r"unknown method 'rigde'.*ridge"):
        customary_preset("rigde")
