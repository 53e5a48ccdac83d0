from __future__ import annotations

import json

import numpy as np
import pytest

from zsar_kit.errors import ArtefactError, ConfigError
from zsar_kit.experiments.results import markdown_table, result_rows, write_between
from zsar_kit.experiments.run import RunFolder
from zsar_kit.experiments.sweep import Case, MethodRow, load_suite, suite_names


def stored_run(folder, *, seed: int, zsl: float) -> RunFolder:
    """A finished run folder with a given ZSL accuracy, as the results layer reads it."""
    micro = {"zsl": zsl, "seen": 60.0, "unseen": 40.0, "harmonic": 48.0, "ausuc": 30.0}
    evaluation = {
        "micro": micro,
        "macro": micro,
        "chance": 20.0,
        "n_unseen_test": 50,
        "n_seen_test": 200,
        "zsl_interval": [zsl - 10, zsl + 10],
        "harmonic_interval": None,
    }
    result = {"evaluation": evaluation, "selection": "last", "text_use": "inductive", "encoder": "seen-only"}
    folder.mkdir()
    (folder / "result.json").write_text(json.dumps({**result, "synthetic": True, "seed": seed}))
    return RunFolder(folder)


def test_every_suite_of_the_kit_is_valid_and_names_what_exists():
    assert {"demo", "real"} <= set(suite_names())
    for name in suite_names():
        configs = [config for _, _, config in load_suite(name).configs()]
        assert len({c.digest() for c in configs}) == len(configs) > 0


def test_a_suite_file_with_a_misspelt_key_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('title = "x"\ncases = []\nmethod = []\n[encoders]\n')
    with pytest.raises(ConfigError, match="Did you mean 'methods'"):
        load_suite(str(path))
    with pytest.raises(ConfigError, match="Did you mean 'demo'"):
        load_suite("dmo")


def test_rows_carry_mean_and_student_t_interval_over_seeds(tmp_path):
    case, row = Case("puppet", "23/5"), MethodRow("m", "flora", "cpu")
    values = [40.0, 50.0, 60.0]
    runs = [(case, row, stored_run(tmp_path / f"r{i}", seed=i, zsl=v)) for i, v in enumerate(values)]
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


def test_write_between_replaces_only_what_is_between_the_markers(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("before\n<!-- t -->\nold\n<!-- /t -->\nafter\n")
    write_between(path, "t", "new\n")
    assert path.read_text() == "before\n<!-- t -->\nnew\n<!-- /t -->\nafter\n"
    with pytest.raises(ArtefactError, match="markers <!-- u -->"):
        write_between(path, "u", "x")
