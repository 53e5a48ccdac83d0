from __future__ import annotations

import json
from unittest.mock import Mock

import numpy as np
import pytest

from zsar_kit.data.class_split import ClassSplit, write_split
from zsar_kit.errors import ConfigError, SplitError
from zsar_kit.evaluation.gates import CalibratedStacking
from zsar_kit.evaluation.protocol import evaluate
from zsar_kit.evaluation.scores import Scores
from zsar_kit.experiments.pipeline.workspace import slug
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.inputs import few_shots
from zsar_kit.experiments.runs.result import Candidate
from zsar_kit.experiments.runs.selection import Outcome
from zsar_kit.methods.base import Method
from zsar_kit.methods.flora.config import FloraConfig, TextConfig
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
        ({"overrides": {"align.stps": 3}}, ConfigError, "Did you mean 'align.steps'"),
        ({"overrides": {"align.learning_rate": "1e-4"}}, ConfigError, "must be float"),
        ({"split": "23/6"}, SplitError, "no split"),
        ({"protocol": "xset"}, ConfigError, "one of xsub"),
        ({"encoder": {"epochs": 0}}, ConfigError, "'epochs' must be at least 1"),
        ({"sede": 1}, ConfigError, "Did you mean 'seed'"),
        (
            {
                "method": "skeleton_context",
                "overrides": {"training.views": 3},
                "encoder": {"crop": 1.0, "rotation": 0.0},
            },
            ConfigError,
            "3 views of each clip",
        ),
    ],
)
def test_a_wrong_name_or_type_fails_before_anything_is_computed(values, error, message):
    with pytest.raises(error, match=message):
        RunConfig.from_dict(values)


def test_one_unseen_class_is_refused_before_anything_is_computed(tmp_path):
    write_split(path := tmp_path / "one.toml", ClassSplit("puppet", "27/1", 28, (9,)))
    with pytest.raises(SplitError, match="'27/1' of puppet has a single unseen class"):
        RunConfig(split=str(path))


def test_zsl_numbers_of_a_model_that_read_unseen_texts_are_not_marked_inductive():
    """Folds may choose no neighbour for GZSL and two for ZSL, whose model is another."""
    split, labels = ClassSplit("toy", "2/2", 4, (2, 3)), np.arange(8) % 4
    scores = Scores({"flow": np.eye(4)[labels]}, (0, 1, 2, 3), tuple("abcdefgh"))
    evaluation = evaluate(scores, labels, np.arange(8), split, calibration=CalibratedStacking())
    method = Mock(spec=Method)
    alone, with_neighbours = (FloraConfig(text=TextConfig(k=k)) for k in (0, 2))
    gzsl, zsl = (
        Outcome(Candidate(0), config, method, scores, [], evaluation, "by_hand", 0.0)
        for config in (alone, with_neighbours)
    )
    assert (gzsl.text_use, zsl.text_use) == ("inductive", "transductive text")
    assert gzsl.with_zsl(zsl).text_use == "transductive text"
    assert gzsl.with_zsl(gzsl).text_use == "inductive"


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shots": -1}, "'shots' must be at least 0"),
        ({"shots": 2, "low_shot": 0.5}, "'shots' must be 0 where low_shot is below 1"),
        ({"encoder_shots": True}, "'encoder_shots' must be False unless"),
        ({"encoder_shots": True, "shots": 1}, "'encoder_shots' must be False unless"),
        ({"encoder_shots": True, "shots": 2, "encoder_from": "x.pt"}, "'encoder_shots' must be False unless"),
        ({"precision": "half"}, "'precision' must be one of"),
    ],
)
def test_few_samples_and_precision_out_of_range_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        RunConfig(**changes)


def test_few_samples_and_precision_are_runs_of_their_own_and_defaults_keep_digests():
    plain = RunConfig()
    assert "shots" not in plain.identity()
    assert "precision" not in plain.identity() | plain.encoder.identity()
    others = [{"shots": 2}, {"shots": 2, "encoder_shots": True}, {"precision": "bfloat16"}]
    assert len({RunConfig(**changes).digest() for changes in ({}, *others)}) == 4


def test_few_shots_are_counts_and_fewer_are_among_more():
    labels = np.repeat([3, 5, 9], [20, 4, 1])
    few, more = (few_shots(labels, 1.0, 0, shots=n) for n in (2, 8))
    assert np.unique(labels[few], return_counts=True)[1].tolist() == [2, 2, 1]
    assert np.unique(labels[more], return_counts=True)[1].tolist() == [8, 4, 1]
    assert set(few.tolist()) < set(more.tolist())
