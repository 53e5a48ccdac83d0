"""A suite's fusions: which runs belong together, and the table over them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.experiments.runs.test_explanation import workspace  # noqa: F401
from zsar_kit.errors import ConfigError
from zsar_kit.evaluation.statistics import summarize
from zsar_kit.evaluation.tables import format_value
from zsar_kit.experiments.reports.fusions import fusion_table
from zsar_kit.experiments.runs.fusion import fuse
from zsar_kit.experiments.studies.suite import Case, FusionRow, MethodRow, Suite
from zsar_kit.experiments.studies.sweep import FusedPair, fused_pairs, sweep

FIXED = MethodRow("fixed", "primitives", "fixed")
LINEAR = MethodRow("linear", "linear_cosine", "motion", {"text_set": "levels"}, (0, 1), features="primitives")


@pytest.fixture
def suite():
    case = Case("nw_ucla", "8/2")
    return Suite("fused", (case,), (FIXED, LINEAR), {}, fusions=(FusionRow("fixed", "linear"),))


@pytest.fixture
def runs(suite, workspace):  # noqa: F811
    return sweep(suite, workspace)


def test_a_row_with_one_seed_stands_for_every_seed(suite, runs):
    pairs = fused_pairs(suite, runs)
    fixed, *linear = (one.folder for one in runs)
    assert [pair.fused.path for pair in pairs] == [fuse(fixed, one).path for one in linear]
    assert [pair.fused.members[1].seed for pair in pairs] == [0, 1]


def test_trainings_and_seeds_are_not_mixed(suite, runs):
    """Two rows of two seeds on two trainings: four pairs, each of one training and one seed."""
    case = suite.cases[0]
    twice = replace(suite, methods=(replace(LINEAR, title="other"), LINEAR), fusions=(FusionRow("other", "linear"),))
    trained = [
        one._replace(case=replace(case, encoder_seed=training), row=row)
        for training in (0, 1)
        for row in twice.methods
        for one in runs[1:]
    ]
    pairs = fused_pairs(twice, trained)
    seeds = [tuple(member.seed for member in pair.fused.members) for pair in pairs]
    assert seeds == [(0, 0), (1, 1)]  # both trainings have the same folders here, which count once
    assert len(fused_pairs(twice, trained[:4])) == 2
    unread = [one for one in trained if one.case.encoder_seed == 0][:2]
    crossed = [one for one in trained if one.case.encoder_seed == 1][2:]
    assert fused_pairs(twice, [*unread, *crossed]) == []


def test_two_cases_with_trainings_of_their_own_have_their_own_runs(suite, runs):
    cases = tuple(replace(suite.cases[0], encoder_seed=seed) for seed in (0, 1))
    own = replace(suite, cases=cases)
    trained = [one._replace(case=cases[k]) for k, one in enumerate(runs[1:])]
    pairs = fused_pairs(own, [runs[0], *trained])
    assert [(pair.case.encoder_seed, pair.fused.members[1].seed) for pair in pairs] == [(0, 0), (1, 1)]


def with_zsl(fused, zsl: float):
    evaluation = fused.evaluation
    return replace(fused, evaluation=replace(evaluation, micro=replace(evaluation.micro, zsl=zsl)))


def test_intervals_are_over_trainings_after_the_mean_over_seeds(suite, runs):
    (pair, _), case = fused_pairs(suite, runs), suite.cases[0]
    of_seed = {0: [40.0, 42.0], 1: [50.0, 50.0], 2: [60.0, 64.0]}
    pairs = [
        FusedPair(replace(case, encoder_seed=training), pair.row, with_zsl(pair.fused, value))
        for training, values in of_seed.items()
        for value in values
    ]
    (line,) = fusion_table(pairs, replace(suite, encoder_seeds=(0, 1, 2))).splitlines()[2:3]
    assert format_value(summarize([41.0, 50.0, 62.0])) in line
    apart = fusion_table(pairs, suite).splitlines()[2:5]
    assert [f"nw_ucla 8/2, encoder {k}" in row for k, row in enumerate(apart)] == [True] * 3
    assert "Encoder: untrained" in fusion_table(pairs, suite)


def test_a_pair_of_which_one_is_missing_is_left_out(suite, runs):
    assert fused_pairs(suite, runs[:1]) == []
    assert len(fused_pairs(suite, runs[:2])) == 1


def test_the_table_has_means_over_seeds_and_single_values_without_an_interval(suite, runs):
    pairs = fused_pairs(suite, runs)
    heading, _, line = fusion_table(pairs, suite).splitlines()[:3]
    cells = dict(zip((c.strip() for c in heading.split("|")), (c.strip() for c in line.split("|")), strict=True))
    assert cells["data, split"] == "nw_ucla 8/2"
    assert cells["ZSL: first"] == f"{pairs[0].fused.members[0].evaluation.micro.zsl:.1f}"
    values = [pair.fused.members[1].evaluation.micro.zsl for pair in pairs]
    assert cells["ZSL: second"] == format_value(summarize(values if len(set(values)) > 1 else values[:1]))


def test_an_unknown_title_is_named():
    with pytest.raises(ConfigError, match="no method is titled 'fixt'") as caught:
        Suite("fused", (Case("nw_ucla", "8/2"),), (FIXED,), {}, fusions=(FusionRow("fixed", "fixt"),))
    assert "fixed" in str(caught.value)


def test_encoder_settings_can_be_those_of_another_suite(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('title = "mine"\nencoders = "real"\ncases = []\nmethods = []\n', encoding="utf-8")
    assert Suite.load(str(path)).encoders == Suite.load("real").encoders
    path.write_text('title = "mine"\nencoders = "reel"\ncases = []\nmethods = []\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="unknown suite 'reel'"):
        Suite.load(str(path))
