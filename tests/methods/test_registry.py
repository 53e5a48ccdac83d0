"""Methods by name: every preset is whole, names are not taken twice, and a misspelt one is answered."""

from __future__ import annotations

import pytest

from zsar_kit.errors import ConfigError
from zsar_kit.methods import registry
from zsar_kit.methods.base import Method, MethodConfig
from zsar_kit.methods.baselines import LinearCosine, RidgeToText
from zsar_kit.methods.flora import Flora
from zsar_kit.methods.flora.config import FloraConfig
from zsar_kit.methods.registry import entry, methods, preset, register


@pytest.fixture
def own_entries(monkeypatch):
    """A registry that forgets what the test adds."""
    methods()
    monkeypatch.setattr(registry, "_ENTRIES", dict(registry._ENTRIES))


def test_the_kits_methods_are_there():
    found = {name: e.method for name, e in methods().items()}
    assert found.items() >= {"flora": Flora, "ridge": RidgeToText, "linear_cosine": LinearCosine}.items()


def test_every_preset_fits_its_method_and_round_trips():
    for name, found in methods().items():
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
        entry("flroa")
    with pytest.raises(ConfigError, match=r"method 'flora' has no preset 'papper'\. Did you mean 'paper'\?"):
        preset("flora", "papper")
    with pytest.raises(ConfigError, match="unknown method"):
        preset("flroa", "paper")


def test_a_name_is_taken_once(own_entries):
    class Other(Method):
        config_type = MethodConfig

        def phases(self):
            return ()

        def class_scores(self, features, classes):
            raise NotImplementedError

    register("other", Other, {"plain": MethodConfig()})
    assert entry("other").method is Other
    register("other", Other, {"again": MethodConfig()})
    assert list(entry("other").presets) == ["again"]
    with pytest.raises(ConfigError, match="the method name 'flora' is already taken by Flora"):
        register("flora", Other, {})
