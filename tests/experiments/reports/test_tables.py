from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from zsar_kit.errors import ArtefactError, ConfigError, DataError, ZsarError
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.reports.markdown import write_between, write_tables
from zsar_kit.experiments.reports.rows import result_rows, runs_titled
from zsar_kit.experiments.reports.tables import (
    encoder_table,
    markdown_table,
    mean_over_splits,
    selection_table,
    suite_tables,
)
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.studies import sweep as sweeping
from zsar_kit.experiments.studies.suite import Case, MethodRow, Suite, SuiteRun, resource_names


@pytest.fixture
def stored_run(make_result) -> Callable[..., RunFolder]:
    """Leaves a finished run folder with a given ZSL accuracy."""

    def store(folder: Path, **changes) -> RunFolder:
        folder.mkdir()
        make_result(**changes).write(folder / "result.json")
        return RunFolder(folder)

    return store


SUITES = resource_names(files("zsar_kit.experiments") / "resources" / "suites")


def test_every_suite_of_the_kit_is_valid_and_names_what_exists():
    assert {"demo", "real"} <= set(SUITES)
    for name in SUITES:
        suite = Suite.load(name)
        configs = [config for _, _, config in suite.configs()]
        assert len({c.digest() for c in configs}) == len(configs) > 0
        titles = [row.title for row in suite.methods]
        assert len(set(titles)) == len(titles)
        assert suite.reference in [row.title for row in suite.methods if row.baseline]


def test_a_suite_file_with_a_misspelt_key_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('title = "x"\ncases = []\nmethod = []\n[encoders]\n')
    with pytest.raises(ConfigError, match="Did you mean 'methods'"):
        Suite.load(str(path))
    with pytest.raises(ConfigError, match="Did you mean 'demo'"):
        Suite.load("dmo")


def test_rows_carry_mean_and_student_t_interval_over_seeds(tmp_path, stored_run):
    case, row = Case("puppet", "23/5"), MethodRow("m", "flora", "cpu")
    values = [40.0, 50.0, 60.0]
    runs = [SuiteRun(case, row, stored_run(tmp_path / f"r{i}", seed=i, zsl=v)) for i, v in enumerate(values)]
    (result,) = result_rows(runs)
    assert result.zsl.mean == pytest.approx(50.0)
    # t(0.975, 2 degrees of freedom) = 4.302653
    assert result.zsl.half_width == pytest.approx(4.302653 * 10 / np.sqrt(3), rel=1e-5)
    assert result.zsl_interval == pytest.approx((40.0, 60.0))
    table = markdown_table([result])
    assert "(synthetic)" in table
    assert "| chance" in table
    assert "50 / 200" in table
    for mark in ("last", "inductive", "Encoder: seen-only", "pseudo-unseen"):
        assert mark in table


def cells(table: str) -> list[list[str]]:
    return [[c.strip() for c in line.strip("|").split("|")] for line in table.strip().splitlines() if "|" in line]


def test_merged_twins_have_a_column_only_where_there_are_twins(tmp_path, stored_run):
    case, row = Case("kinder_gator", "48/10"), MethodRow("m", "flora", "cpu")
    for twins, shown in ((None, False), (71.5, True)):
        runs = [SuiteRun(case, row, stored_run(tmp_path / f"{twins}", seed=0, zsl=50.0, twins=twins))]
        table = markdown_table(result_rows(runs))
        assert ("S, twins merged" in table) == ("71.5" in table) == shown


def test_selections_stand_side_by_side_and_the_one_on_test_data_says_so(tmp_path, stored_run):
    case, row = Case("puppet", "23/5"), MethodRow("m", "flora", "cpu")
    chosen = [{"last": 40.0, "test_oracle": 60.0}, {"last": 50.0, "test_oracle": 64.0}]
    runs = [
        SuiteRun(case, row, stored_run(tmp_path / f"r{i}", seed=i, zsl=40.0, selections=c))
        for i, c in enumerate(chosen)
    ]
    head, _, line = cells(selection_table(result_rows(runs)))
    values = dict(zip(head, line, strict=True))
    assert values["ZSL last"].startswith("45.0 ±")
    assert values["ZSL pseudo_unseen"] == ""
    assert values["ZSL test_oracle (chosen on test data)"].startswith("62.0 ±")
    with pytest.raises(DataError, match="trace=20"):
        selection_table(result_rows([SuiteRun(case, row, stored_run(tmp_path / "plain", seed=0, zsl=40.0))]))


def test_means_over_splits_pair_each_split_with_the_floor(tmp_path, stored_run):
    floor, method = MethodRow("floor", "ridge", "motion", baseline=True), MethodRow("m", "flora", "cpu")
    runs = []
    for i, (low, high) in enumerate([(30.0, 34.0), (50.0, 56.0), (40.0, 48.0)]):
        for row, zsl in ((floor, low), (method, high)):
            folder = stored_run(tmp_path / f"{row.title}{i}", seed=0, zsl=zsl)
            runs.append(SuiteRun(Case("puppet", f"split{i}"), row, folder))
    head, _, _, line = cells(mean_over_splits(result_rows(runs), "floor"))
    values = dict(zip(head, line, strict=True))
    assert (values["split"], values["splits"]) == ("5 unseen classes", "3")
    # t(0.975, 2) = 4.302653; the values 34, 56, 48 and the differences 4, 6, 8
    assert values["ZSL"] == f"46.0 ± {4.302653 * np.std([34, 56, 48], ddof=1) / np.sqrt(3):.1f}"
    assert values["ZSL minus floor, paired"] == f"6.0 ± {4.302653 * 2 / np.sqrt(3):.1f}"
    with pytest.raises(DataError, match="no run of 'other'"):
        mean_over_splits(result_rows(runs), "other")
    assert mean_over_splits(result_rows(runs[:2]), "floor") == ""
    assert mean_over_splits(result_rows(runs), "floor", "encoders") == ""


def test_a_method_without_encoder_is_paired_with_the_floor_that_has_one(tmp_path, stored_run):
    floor, method = MethodRow("floor", "ridge", "motion", baseline=True), MethodRow("m", "primitives", "fixed")
    runs = []
    for i, (low, high) in enumerate([(30.0, 34.0), (50.0, 56.0), (40.0, 48.0)]):
        for row, zsl, mark in ((floor, low, "seen-only"), (method, high, "untrained")):
            folder = stored_run(tmp_path / f"{row.title}{i}", seed=0, zsl=zsl, encoder_mark=mark)
            runs.append(SuiteRun(Case("puppet", f"split{i}"), row, folder))
    head, _, _, line = cells(mean_over_splits(result_rows(runs), "floor"))
    values = dict(zip(head, line, strict=True))
    assert (values["encoder"], values["method"]) == ("untrained", "m")
    assert values["ZSL minus floor, paired"] == f"6.0 ± {4.302653 * 2 / np.sqrt(3):.1f}"


def test_means_over_trainings_of_the_encoder(tmp_path, stored_run):
    floor, method = MethodRow("floor", "ridge", "motion", baseline=True), MethodRow("m", "flora", "cpu")
    runs = []
    for i, (low, high) in enumerate([(30.0, 34.0), (50.0, 56.0), (40.0, 48.0)]):
        for row, zsl in ((floor, low), (method, high)):
            folder = stored_run(tmp_path / f"{row.title}{i}", seed=0, zsl=zsl)
            runs.append(SuiteRun(Case("puppet", "23/5", encoder_seed=i), row, folder))
    tables = suite_tables(result_rows(runs), "floor")
    assert list(tables) == ["scores", "trainings"]
    assert "23/5, encoder 2" in tables["scores"]
    head, _, _, line = cells(tables["trainings"])
    values = dict(zip(head, line, strict=True))
    assert (values["split"], values["encoders"]) == ("23/5", "3")
    assert values["ZSL minus floor, paired"] == f"6.0 ± {4.302653 * 2 / np.sqrt(3):.1f}"


def test_rows_over_trainings_average_seeds_first_and_say_so(tmp_path, stored_run):
    """Trainings 40, 50 and 66 after the mean over seeds; within them the seeds deviate by 1, 1; 2, 2; 0."""
    row, values = MethodRow("m", "flora", "cpu", seeds=(0, 1)), {0: (39.0, 41.0), 1: (48.0, 52.0), 2: (66.0, 66.0)}
    runs = [
        SuiteRun(Case("puppet", "23/5", encoder_seed=t), row, stored_run(tmp_path / f"{t}{s}", seed=s, zsl=zsl))
        for t, pair in values.items()
        for s, zsl in enumerate(pair)
    ]
    (result,) = result_rows(runs, over_trainings=True)
    assert (result.case, result.trainings, result.seeds) == (Case("puppet", "23/5"), (0, 1, 2), (0, 1))
    assert result.zsl.mean == pytest.approx(52.0)
    # t(0.975, 2 degrees of freedom) = 4.302653, over the three trainings
    assert result.zsl.half_width == pytest.approx(4.302653 * np.std([40, 50, 66], ddof=1) / np.sqrt(3), rel=1e-5)
    assert result.zsl_spread == pytest.approx(np.sqrt((1 + 1 + 4 + 4 + 0 + 0) / 3))
    tables = suite_tables([result], "m", by_training=result_rows(runs))
    head, _, _, line = cells(tables["scores"])
    shown = dict(zip(head, line, strict=True))
    assert (shown["trainings"], shown["ZSL, s over seeds"]) == ("3", f"{result.zsl_spread:.1f}")
    assert "Trainings of the encoder: 3, ± is Student's t (95 %) over them" in tables["scores"]
    assert dict(zip(*[cells(tables["trainings"])[i] for i in (0, 2)], strict=True))["encoders"] == "3"
    # One training is none to average over: the interval is over its seeds, and the table says how many there were.
    (one,) = result_rows(runs[:2], over_trainings=True)
    assert one.zsl.half_width == pytest.approx(12.7062 * np.sqrt(2) / np.sqrt(2), rel=1e-4)
    assert "Trainings of the encoder: 1; s is" in markdown_table([one])


def test_a_run_counts_once_in_a_row(tmp_path, stored_run):
    case, row = Case("puppet", "23/5"), MethodRow("m", "flora", "cpu")
    runs = [SuiteRun(case, row, stored_run(tmp_path / str(i), seed=s, zsl=40.0)) for i, s in enumerate((0, 1, 1))]
    with pytest.raises(DataError, match="two runs of 'm' have seed 1, which would count twice"):
        result_rows(runs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"methods": [{"title": "m", "method": "ridge", "preset": "motion", "seeds": [0, 1, 1]}]},
            "'seeds' lists 1 tw",
        ),
        ({"methods": [{"title": "m", "method": "ridge", "preset": "motion"}] * 2}, "'methods' lists 'm' twice"),
        ({"methods": [{"title": "m", "method": "ridge", "preset": "motion", "seeds": []}]}, "'seeds' must be one"),
        ({"cases": [{"dataset": "puppet", "split": "23/5"}] * 2}, "'cases' lists .* twice"),
        ({"encoder_seeds": [0, 0]}, "'encoder_seeds' lists 0 twice"),
        (
            {"cases": [{"dataset": "puppet", "split": "23/5", "encoder_seed": 1}], "encoder_seeds": [0]},
            "'encoder_seeds' must be empty where cases have an encoder_seed",
        ),
    ],
)
def test_a_suite_that_lists_something_twice_is_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        Suite.from_dict({"title": "t", "cases": [], "methods": [], "encoders": {}, **change})


def test_trainings_of_the_encoder_multiply_the_runs_of_a_suite_unless_it_is_released():
    suite = Suite.load("real")
    assert len(suite.encoder_seeds) >= 3
    trained = [config for _, _, config in suite.configs()]
    released = [config for _, _, config in replace(suite, encoder_from="released.pt").configs()]
    measured = [config for config in released if config.resolve().features == "primitives"]
    assert 0 < len(measured) < len(released)  # they read no encoder, so one run stands for all trainings
    assert len(trained) == len(suite.encoder_seeds) * (len(released) - len(measured)) + len(measured)
    assert {config.encoder.seed for config in trained} == set(suite.encoder_seeds)
    assert {config.encoder.seed for config in released} == {0}


def test_what_has_to_be_said_stands_below_the_table(tmp_path, stored_run):
    case, few = Case("nw_ucla", "5/5"), "6 pseudo-unseen folds: 5 seen classes allow no more"
    end, folds = "the best penalty on the folds, 0.003, is an end of the grid", ((0, 1),) * 6
    rows = [MethodRow(title, "ridge", "motion") for title in ("a", "b")]
    runs = [
        SuiteRun(case, row, stored_run(tmp_path / f"{row.title}{s}", seed=s, zsl=40.0, folds=folds, notes=notes))
        for row, notes in ((rows[0], (few,)), (rows[1], (few, end)))
        for s in (0, 1)
    ]
    runs.append(SuiteRun(case, rows[1], stored_run(tmp_path / "b2", seed=2, zsl=40.0, folds=folds, notes=(few,))))
    table = markdown_table(result_rows(runs))
    assert "Folds: 6." in table
    assert f"- nw_ucla (synthetic) 5/5: {few}.\n" in table
    assert f"- nw_ucla (synthetic) 5/5, b (2 of 3 runs): {end}.\n" in table


def test_encoders_are_columns_and_rows_without_all_of_them_are_left_out(tmp_path, stored_run):
    case, row = Case("puppet", "23/5"), MethodRow("m", "flora", "cpu")
    alone = MethodRow("alone", "flora", "cpu")
    mine = [
        SuiteRun(case, row, stored_run(tmp_path / "a", seed=0, zsl=40.0)),
        SuiteRun(case, alone, RunFolder(tmp_path / "a")),
    ]
    other = [SuiteRun(case, row, stored_run(tmp_path / "b", seed=0, zsl=60.0, encoder_mark="cross-dataset"))]
    needs_none = stored_run(tmp_path / "c", seed=0, zsl=80.0, encoder_mark="untrained")
    for runs in (mine, other):
        runs.append(SuiteRun(case, MethodRow("none", "primitives", "fixed"), needs_none))
    tables = suite_tables(result_rows(other), "", others=result_rows(mine))
    assert list(tables) == ["scores", "encoders"]
    head, _, *lines = cells(encoder_table([*result_rows(mine), *result_rows(other)]))
    assert head[2:4] == ["ZSL, seen-only encoder", "ZSL, cross-dataset encoder"]
    assert [line[1:4] for line in lines] == [["m", "40.0", "60.0"]]


def test_tables_go_where_they_are_marked(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("<!-- s_selection -->\n<!-- /s_selection -->\n")
    assert write_tables(path, "s", {"scores": "a", "selection": "b"}) == ["selection"]
    assert path.read_text() == "<!-- s_selection -->\nb\n<!-- /s_selection -->\n"
    with pytest.raises(ArtefactError, match="markers <!-- t -->"):
        write_tables(path, "t", {"scores": "a"})


def test_runs_are_found_by_title_and_a_misspelt_one_is_refused(tmp_path):
    runs = [
        SuiteRun(Case("puppet", "23/5"), MethodRow("Flora", "flora", "cpu"), RunFolder(tmp_path / str(i)))
        for i in (0, 1)
    ]
    assert runs_titled(runs, "Flora") == [one.folder for one in runs]
    with pytest.raises(ConfigError, match="Did you mean 'Flora'"):
        runs_titled(runs, "Flroa")


def test_a_suite_on_one_case_keeps_its_methods_and_that_case_s_protocol():
    suite = Suite.load("real")
    one = suite.only("nw_ucla", "5/5", trace=0)
    first = [
        (replace(c, encoder_seed=None), r, config.encoder)
        for c, r, config in suite.configs()
        if (c.dataset, c.split) == ("nw_ucla", "5/5") and c.encoder_seed in (0, None)
    ]
    assert [(c, r, config.encoder) for c, r, config in one.configs()] == first  # the same encoder, trained once
    assert {c.trace for _, _, c in one.configs()} == {0}
    assert suite.only("puppet", "23/5").cases == (Case("puppet", "23/5"),)


def test_a_failing_run_stops_a_sweep_unless_someone_is_told(tmp_path, monkeypatch):
    def broken(config, workspace):
        raise DataError(f"seed {config.seed}")

    monkeypatch.setattr("zsar_kit.experiments.runs.run.run", broken)
    monkeypatch.setattr("zsar_kit.experiments.runs.inputs.make_features", lambda *_: None)  # no encoder is needed
    suite = Suite.load("demo")
    workspace = Workspace(tmp_path, "cpu")
    told: list[tuple[RunConfig, ZsarError]] = []
    assert sweeping.sweep(suite, workspace, lambda config, error: told.append((config, error))) == []
    assert len(told) == len(list(suite.configs()))
    with pytest.raises(DataError, match="seed 0"):
        sweeping.sweep(suite, workspace)


def test_write_between_replaces_only_what_is_between_the_markers(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("before\n<!-- t -->\nold\n<!-- /t -->\nafter\n")
    write_between(path, "t", "new\n")
    assert path.read_text() == "before\n<!-- t -->\nnew\n<!-- /t -->\nafter\n"
    with pytest.raises(ArtefactError, match="markers <!-- u -->"):
        write_between(path, "u", "x")
