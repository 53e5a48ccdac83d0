from __future__ import annotations

import json

import pytest

from zsar_kit.errors import ConfigError, SplitError
from zsar_kit.experiments.pipeline.workspace import slug
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.methods.registry import preset


def test_round_trip_and_same_digest():
    config = RunConfig(overrides={"align.steps": 7}, seed=3)
    again = RunConfig.from_dict(config.to_dict())
    assert again == config
    assert again.digest() == config.digest()


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"split": "18/10"},
        {"method": "ridge", "preset": "motion"},
        {"overrides": {"align.steps": 7}},
    ],
)
def test_digest_depends_on_what_determines_the_result(change):
    assert RunConfig(**change).digest() != RunConfig().digest()


def test_digest_ignores_how_the_same_thing_is_said():
    explicit = RunConfig(protocol="xsub", overrides={"flow.t": 0.5})
    assert explicit.digest() == RunConfig().digest()


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"method": "flroa"}, ConfigError, "Did you mean 'flora'"),
        ({"preset": "papr"}, ConfigError, "Did you mean 'paper'"),
        ({"overrides": {"align.stps": 3}}, ConfigError, "Did you mean 'steps'"),
        ({"overrides": {"align.learning_rate": "1e-4"}}, ConfigError, "must be float"),
        ({"split": "23/6"}, SplitError, "no split"),
        ({"protocol": "xset"}, ConfigError, "one of xsub"),
        ({"encoder": {"epochs": 0}}, ConfigError, "'epochs' must be at least 1"),
        ({"sede": 1}, ConfigError, "Did you mean 'seed'"),
    ],
)
def test_a_wrong_name_or_type_fails_before_anything_is_computed(values, error, message):
    with pytest.raises(error, match=message):
        RunConfig.from_dict(values)


def test_folder_name_is_readable_and_safe():
    name = RunConfig().folder_name()
    assert name.startswith("puppet_23-5_flora_cpu_s0_")
    assert "/" not in name
    assert slug("48/10 random 1") == "48-10-random-1"


def test_a_run_of_before_a_default_moved_is_what_it_was(tmp_path, make_result):
    """The oldest folders do not store what their preset meant; their result does, without the fields of later."""
    used = preset("flora", "cpu").override(
        {"text.statistics": "joint", "text.neighbours_by": "pooled", "flow.error": "per_token"}
    )
    stored = used.to_dict()
    del stored["text"]["statistics"], stored["text"]["neighbours_by"]
    (tmp_path / "config.json").write_text(json.dumps({"run": RunConfig().to_dict()}))
    make_result(method="flora", preset="cpu", method_config=stored).write(tmp_path / "result.json")
    content = RunFolder(tmp_path).content()
    assert content["method_config"] == used.identity()
    assert content["method_config"] != RunConfig().resolve().resolved()["method_config"]
