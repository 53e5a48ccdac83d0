"""A table's row is of runs that differ in the seed alone, says what they have of their own, and hides no mark."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from zsar_kit.cli.answers.tables import show_runs
from zsar_kit.encoders.presets import encoder_preset
from zsar_kit.errors import ArtefactError
from zsar_kit.experiments.reports.rows import result_rows
from zsar_kit.experiments.reports.tables import markdown_table
from zsar_kit.experiments.reports.titles import encoder_title, run_title
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.studies.suite import Case, MethodRow, Suite, SuiteRun

DEMO = Suite.load("demo").encoder("puppet")


@pytest.fixture
def stored(make_result) -> Callable[..., Path]:
    """Leaves a finished run: its configuration, and a result with the given accuracy and marks."""

    def store(folder: Path, zsl: float = 50.0, *, result: dict | None = None, **config) -> Path:
        values = {"dataset": "puppet", "split": "23/5", "method": "ridge", "preset": "motion", "encoder": DEMO} | config
        run = RunConfig(**values)
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"run": run.to_dict(), "resolved": run.resolve().resolved()}))
        marks = {"seed": run.seed, "digest": folder.name} | (result or {})
        make_result(zsl, **marks).write(folder / "result.json")
        return folder

    return store


def methods(table: str) -> dict[str, str]:
    """Title to ZSL of a table, without the row of chance."""
    head, _, *lines = [[c.strip() for c in line.strip("|").split("|")] for line in table.splitlines() if "|" in line]
    found = [dict(zip(head, line, strict=True)) for line in lines]
    assert len({row["method"] for row in found}) == len(found)
    return {row["method"]: row["ZSL"] for row in found if row["method"] != "chance"}


def test_seeds_share_a_row(tmp_path, stored):
    folders = [stored(tmp_path / f"r{seed}", 40.0 + 10 * seed, seed=seed) for seed in range(3)]
    shown = methods(show_runs(folders, None))
    assert shown.keys() == {"ridge (motion)"}
    assert shown["ridge (motion)"].startswith("50.0 ±")


@pytest.mark.parametrize(
    ("change", "title"),
    [
        ({"encoder": DEMO.override({"stream": "bone"})}, "ridge (motion) encoder bone"),
        ({"encoder": DEMO.override({"seed": 4, "epochs": 9})}, "ridge (motion) encoder epochs=9 seed=4"),
        ({"encoder": encoder_preset("flora")}, "ridge (motion) encoder flora"),
        ({"encoder": encoder_preset("shift_gcn").override({"stream": "4s"})}, "ridge (motion) encoder shift_gcn 4s"),
        ({"encoder_from": "there/released.pt"}, "ridge (motion) encoder from there/released.pt"),
        ({"low_shot": 0.1}, "ridge (motion) low_shot=0.1"),
        ({"language_model": "other"}, "ridge (motion) texts by other"),
        ({"edition": "first"}, "ridge (motion) first edition of the texts"),
        ({"overrides": {"penalty": 3.0}, "low_shot": 0.5}, "ridge (motion) penalty=3.0 low_shot=0.5"),
        ({"folds_seed": 1}, "ridge (motion) folds_seed=1"),
        ({"allow_encoder_leak": True}, "ridge (motion) allow_encoder_leak=True"),
    ],
)
def test_runs_that_differ_otherwise_have_rows_and_titles_of_their_own(tmp_path, change, title, stored):
    folders = [stored(tmp_path / "a", 40.0), stored(tmp_path / "b", 60.0, seed=1, **change)]
    shown = methods(show_runs(folders, None))
    assert list(shown.values()) == ["40.0", "60.0"]
    assert list(shown)[1] == title


def test_features_are_told_apart_by_their_content_and_need_not_be_there(tmp_path, stored):
    """Two folders of one name; one folder that held something else before; one set under two paths."""
    sets = [("one/feats", "abc"), ("other/feats", "def"), ("one/feats", "xyz"), ("moved/feats", "abc")]
    folders = [
        stored(tmp_path / f"r{i}", 10.0 * i, seed=i, features_from=path, result={"features_digest": digest})
        for i, (path, digest) in enumerate(sets)
    ]
    shown = methods(show_runs(folders, None))
    assert list(shown) == [
        "ridge (motion) on one/feats features_from=abc",
        "ridge (motion) on other/feats",
        "ridge (motion) on one/feats features_from=xyz",
    ]
    assert shown["ridge (motion) on one/feats features_from=abc"].startswith("15.0 ±")
    assert methods(show_runs(folders[:2], None)).keys() == {
        "ridge (motion) on one/feats",
        "ridge (motion) on other/feats",
    }


def test_an_encoder_is_told_by_the_nearest_settings_that_have_a_name():
    real = Suite.load("real").encoder("utd_mhad")
    assert encoder_title(real, "utd_mhad") == encoder_title(DEMO, "puppet") == ""
    cpu = encoder_preset("cpu")
    assert encoder_title(cpu, "ntu60") == ""  # what the suite's fallback is
    assert encoder_title(cpu.override({"persons": 1}), "ntu60") == "encoder persons=1"
    assert encoder_title(encoder_preset("neuron").override({"persons": 1}), "nw_ucla") == "encoder neuron"


def test_no_mark_hides_behind_that_of_another_run(tmp_path, stored):
    """Runs of one row may differ in what came of them; the first must not speak for all."""
    other = {
        "encoder_mark": "unknown, imported",
        "selection": "pseudo_unseen, encoder may have seen them",
        "calibration": "pseudo_unseen, encoder may have seen them",
        "text_use": "transductive",
    }
    folders = [stored(tmp_path / "a"), stored(tmp_path / "b", seed=1, result=other), stored(tmp_path / "c", seed=2)]
    table = show_runs(folders, None)
    assert "Encoder: seen-only / unknown, imported." in table
    assert "(encoder may have seen them)" in table
    assert "last / pseudo_unseen, encoder may have seen them" in table
    assert "inductive / transductive" in table
    row = MethodRow("m", "ridge", "motion")
    cells = [SuiteRun(Case("puppet", "23/5"), row, RunFolder(folder)) for folder in (folders[0], folders[2])]
    assert "Encoder: seen-only. Gamma: pseudo-unseen classes of the train part." in markdown_table(result_rows(cells))


def test_a_run_counts_once_however_often_it_is_named(tmp_path, stored):
    """Overlapping globs, and a copy in another folder; spread over real seeds alone."""
    one, two = stored(tmp_path / "a", 40.0), stored(tmp_path / "b", 60.0, seed=1)
    copy = tmp_path / "copy"
    shutil.copytree(two, copy)
    once = show_runs([one, two], None)
    many = show_runs([one, two, two, copy, two], None)
    assert many.startswith(once)
    assert f"counted once: {two} (again), {copy} (as {two}), {two} (again)." in many
    assert "counted once" not in once


def test_runs_from_before_there_were_several_folds_have_rows_of_their_own(tmp_path, stored):
    folders = [stored(tmp_path / "a", 40.0), stored(tmp_path / "b", 60.0, seed=1)]
    record = json.loads((folders[0] / "config.json").read_text())
    del record["run"]["folds"]
    (folders[0] / "config.json").write_text(json.dumps(record))
    assert list(methods(show_runs(folders, None)).values()) == ["40.0", "60.0"]


def test_what_is_no_run_is_refused(tmp_path, stored):
    with pytest.raises(ArtefactError, match="not a run folder"):
        show_runs([stored(tmp_path / "a"), tmp_path], None)


def test_runs_that_are_not_finished_are_passed_over(tmp_path, stored):
    done, begun = stored(tmp_path / "done"), stored(tmp_path / "begun", seed=1)
    (begun / "result.json").unlink()
    assert list(methods(show_runs([begun, done], None)).values()) == ["50.0"]
    with pytest.raises(ArtefactError, match="none of these runs is finished"):
        show_runs([begun], None)


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        ({"method": "ridge", "preset": "motion", "features": "primitives"}, "ridge (motion) on primitives"),
        (
            {"method": "ridge", "preset": "motion", "features": "both", "encoder": {"seed": 3}},
            "ridge (motion) on encoder and primitives, encoder ",
        ),
        ({"method": "primitives", "preset": "fixed"}, "primitives (fixed)"),
    ],
)
def test_a_title_says_what_was_read_and_names_no_encoder_where_none_was(fields, title):
    """Other settings of an encoder than the suite's, which a run on primitives does not use."""
    config = RunConfig.from_dict({"dataset": "utd_mhad", "split": "22/5", **fields})
    found = run_title(config, trained=config.resolve().features != "primitives")
    assert found.startswith(title)
    assert ("encoder" in found) == ("encoder" in title)
