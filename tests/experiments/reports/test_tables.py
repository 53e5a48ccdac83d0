from __future__ import annotations

from collections.abc import Callable
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


def test_encoders_are_columns_and_rows_without_all_of_them_are_left_out(tmp_path, stored_run):
    case, row = Case("puppet", "23/5"), MethodRow("m", "flora", "cpu")
    alone = MethodRow("alone", "flora", "cpu")
    mine = [
        SuiteRun(case, row, stored_run(tmp_path / "a", seed=0, zsl=40.0)),
        SuiteRun(case, alone, RunFolder(tmp_path / "a")),
    ]
    other = [SuiteRun(case, row, stored_run(tmp_path / "b", seed=0, zsl=60.0, encoder_mark="cross-dataset"))]
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
    assert [(c, r) for c, r, _ in one.configs()] == [
        (c, r) for c, r, _ in suite.configs() if (c.dataset, c.split) == ("nw_ucla", "5/5")
    ]
    assert {c.trace for _, _, c in one.configs()} == {0}
    assert suite.only("puppet", "23/5").cases == (Case("puppet", "23/5"),)


def test_a_failing_run_stops_a_sweep_unless_someone_is_told(tmp_path, monkeypatch):
    def broken(config, workspace):
        raise DataError(f"seed {config.seed}")

    monkeypatch.setattr("zsar_kit.experiments.runs.run.run", broken)
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
