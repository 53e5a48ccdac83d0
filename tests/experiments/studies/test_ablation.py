"""Ablations: no variant without a change, differences pair the seeds, and effects go to the row they belong to."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from zsar_kit.errors import ArtefactError, ConfigError
from zsar_kit.evaluation.statistics import paired_difference
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.reports.effects import ablation_table, effect_text, write_effects
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.studies.ablation import Ablation, ablation_names

SUITE = {"puppet": "demo"}


def ablation(variants: dict, **changes) -> Ablation:
    return Ablation.from_dict(
        {
            "title": "toy",
            "cases": [{"dataset": "puppet", "split": "23/5"}],
            "method": "flora",
            "preset": "cpu",
            "suite": SUITE,
            "seeds": [0, 1, 2],
            "variants": variants,
            **changes,
        }
    )


@pytest.fixture
def leave_results(make_result, make_evaluation):
    """Leaves finished runs with the given accuracies, by seed."""

    def leave(work: Workspace, plan: Ablation, name: str | None, zsl: dict[int, float]) -> None:
        for seed, value in zsl.items():
            evaluation = make_evaluation(value, harmonic=value / 2, seen=1.0, unseen=2.0, ausuc=3.0)
            evaluation = replace(evaluation, n_unseen_test=80, n_seen_test=350)
            folder = RunFolder.of(plan.config(plan.cases[0], name, seed), work)
            folder.path.mkdir(parents=True)
            make_result(seed=seed, evaluation=evaluation).write(folder.path / "result.json")

    return leave


@pytest.mark.parametrize("name", ablation_names())
def test_the_kits_ablations_are_whole(name):
    plan = Ablation.load(name)
    assert len(list(plan.configs())) == len(plan.cases) * (1 + len(plan.variants)) * len(plan.seeds)
    # Those that measure departures say of which row each variant is the effect.
    assert all(bool(plan.variant(v).departure) == ("departures" in name) for v in plan.variants)


def test_a_case_may_name_the_encoders_training():
    plan = ablation(
        {"k 1": {"overrides": {"text.k": 1}}}, cases=[{"dataset": "puppet", "split": "23/5", "encoder_seed": 7}]
    )
    assert plan.config(plan.cases[0], "k 1", 0).encoder.seed == 7


@pytest.mark.parametrize("change", [{"text.k": 2}, {}, {"align.steps": 150, "flow.t": 0.5}])
def test_a_variant_that_changes_nothing_is_refused(change):
    with pytest.raises(ConfigError, match="the variant 'same' changes nothing in puppet 23/5"):
        ablation({"same": {"overrides": change}})


def test_misspelt_fields_and_too_few_seeds_are_refused():
    with pytest.raises(ConfigError, match=r"unknown key 'text\.kk'"):
        ablation({"other": {"overrides": {"text.kk": 2}}})
    with pytest.raises(ConfigError, match="'seeds' must be two or more"):
        ablation({"other": {"overrides": {"text.k": 1}}}, seeds=[0])
    with pytest.raises(ConfigError, match="'seeds' lists 1 twice"):
        ablation({"other": {"overrides": {"text.k": 1}}}, seeds=[0, 1, 1])
    with pytest.raises(ConfigError, match="unknown ablation 'flora_departure'"):
        Ablation.load("flora_departure")


def test_differences_pair_the_seeds_and_drop_what_one_side_lacks(tmp_path, leave_results):
    work = Workspace(tmp_path)
    plan = ablation(
        {"no neighbours": {"overrides": {"text.k": 0}, "departure": "Neighbours"}, "few": {"run": {"low_shot": 0.1}}}
    )
    leave_results(work, plan, None, {0: 50.0, 1: 60.0, 2: 40.0})
    leave_results(work, plan, "no neighbours", {0: 45.0, 2: 37.0})
    (row,) = plan.effects(work)
    expected = paired_difference([45.0, 37.0], [50.0, 40.0])
    assert row.difference["zsl"] == expected
    assert row.difference["zsl"].mean == pytest.approx(-4.0)
    assert row.value["zsl"].mean == pytest.approx(np.mean([45.0, 37.0]))
    table = ablation_table([row])
    assert "puppet (synthetic) 23/5" in table
    assert "80 / 350" in table
    assert f"-4.0 ± {expected.half_width:.1f}" in table
    assert effect_text(row).startswith("puppet (synthetic) 23/5: ZSL -4.0 ± ")


def test_effects_replace_the_last_cell_of_their_row(tmp_path, leave_results):
    work = Workspace(tmp_path)
    plan = ablation({"off": {"overrides": {"text.k": 0}, "departure": "Neighbours"}})
    leave_results(work, plan, None, {0: 50.0, 1: 60.0})
    leave_results(work, plan, "off", {0: 40.0, 1: 50.0})
    path = tmp_path / "departures.md"
    path.write_text("| topic | effect |\n|---|---|\n| Other | not measured yet |\n| Neighbours | old; text |\n")
    rows = plan.effects(work)
    write_effects(path, rows)
    lines = path.read_text().splitlines()
    assert lines[2] == "| Other | not measured yet |"
    assert lines[3] == "| Neighbours | off: puppet (synthetic) 23/5: ZSL -10.0 ± 0.0, H -5.0 ± 0.0 |"
    write_effects(path, rows)
    assert path.read_text().splitlines() == lines
    path.write_text("| Nobody | x |\n")
    with pytest.raises(ArtefactError, match="0 rows begin with 'Neighbours', one is needed"):
        write_effects(path, rows)


def test_effects_of_other_variants_and_splits_stay_in_their_cell(tmp_path, leave_results):
    work = Workspace(tmp_path)
    plan = ablation({"0.1, as released": {"overrides": {"text.k": 0}, "departure": "Neighbours"}})
    leave_results(work, plan, None, {0: 50.0, 1: 60.0})
    leave_results(work, plan, "0.1, as released", {0: 40.0, 1: 50.0})
    path = tmp_path / "departures.md"
    before = (
        "0.1, as released: utd_mhad 22/5: ZSL +1.0 ± 2.0, H -3.0, "
        "puppet (synthetic) 23/5: ZSL +9.0 ± 2.0, H +9.0 ± 9.0; k 1: utd_mhad 22/5: ZSL +0.0 ± 0.1, H +0.2 ± 1.0"
    )
    path.write_text(f"| topic | effect |\n|---|---|\n| Neighbours | {before} |\n")
    write_effects(path, plan.effects(work))
    now = before.replace("ZSL +9.0 ± 2.0, H +9.0 ± 9.0", "ZSL -10.0 ± 0.0, H -5.0 ± 0.0")
    assert path.read_text().splitlines()[2] == f"| Neighbours | {now} |"


def test_digests_tell_variants_apart():
    plan = Ablation.load("flora_departures")
    digests = [c.digest() for case, name, c in plan.configs() if c.seed == 0]
    assert len(set(digests)) == len(digests)
    assert json.dumps(plan.to_dict())
