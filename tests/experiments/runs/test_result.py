"""Results are typed: read strictly, in the layout of today and of before."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from zsar_kit.artefacts import read_json
from zsar_kit.errors import ArtefactError
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.result import ADDED, RENAMED, SCHEMA, RunResult

SCHEMA_1 = sorted((Path(__file__).parent / "schema_1").iterdir())


def test_a_result_is_read_back_as_it_was_written(make_result, tmp_path):
    result = make_result(selections={"last": 50.0, "test_oracle": 60.0}, twins=70.0)
    result.write(tmp_path / "result.json")
    again = RunResult.read(tmp_path / "result.json")
    assert again.to_dict() == result.to_dict()
    assert read_json(tmp_path / "result.json")["schema"] == SCHEMA
    assert again.selections["test_oracle"].evaluation.micro.zsl == 60.0
    assert again.evaluation.per_class == {9: 50.0, 10: None}


@pytest.mark.parametrize("folder", SCHEMA_1, ids=lambda p: p.name)
def test_run_folders_of_the_former_layout_load(folder):
    former, run = read_json(folder / "result.json"), RunFolder(folder)
    result = run.result()
    for old, new in RENAMED.items():
        if old in former:
            assert getattr(result, new) == former[old]
    assert list(result.seen) == former["classes"]["seen"]
    assert list(result.unseen) == former["classes"]["unseen"]
    assert result.evaluation.to_dict() == former["evaluation"]
    same = {"dataset", "split", "protocol", "synthetic", "method", "preset", "seed", "digest", "method_config"}
    same |= {"selection", "calibration", "text_use", "encoder_folder", "language_model", "training_samples"}
    assert {k: result.to_dict()[k] for k in same} == {k: former[k] for k in same}
    # Nothing of the former record is lost.
    assert former.keys() - set(RENAMED) - {"classes"} <= result.to_dict().keys()
    # Its readable name is today's; its digest is not, since runs of today choose on other folds.
    assert run.config().folder_name().rpartition("_")[0] == folder.name.rpartition("_")[0]
    assert run.config().folder_name() != folder.name
    assert run.content()["seed"] == 0


@pytest.mark.parametrize("folder", SCHEMA_1, ids=lambda p: p.name)
def test_a_former_result_written_again_is_of_today(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "run")
    RunFolder(tmp_path / "run").result().write(tmp_path / "run" / "result.json")
    assert read_json(tmp_path / "run" / "result.json")["schema"] == SCHEMA
    assert RunFolder(tmp_path / "run").result().to_dict() == RunFolder(folder).result().to_dict()


def test_the_first_results_said_less_and_load_too():
    former = read_json(SCHEMA_1[0] / "result.json")
    for name in (*ADDED, "classes", "contexts", "feature_shape", "training_samples"):
        del former[name]
    for name in ("oracle_union", "seen_twin_merged", "harmonic_twin_merged"):
        del former["evaluation"][name]
    result = RunResult.from_dict(former)
    assert (result.calibration, result.encoder_folder, result.seen, result.feature_shape) == (
        "pseudo_unseen",
        "",
        (),
        (),
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"methodd": "x"}, "unknown key 'methodd'.*Did you mean 'method'"),
        ({"seed": None}, "'seed' must be int"),
        ({"seed": "0"}, "'seed' must be int"),
        ({"folds": [[1, "2"]]}, "'folds' must be"),
        ({"schema": 3}, "schema 3, but this version reads 1 to 2"),
        ({"evaluation": {}}, "micro|dataset"),
        ({"evaluation": [1]}, "'evaluation' must be a JSON object, got list"),
        ({"selections": {"last": {"gamma": 0.1}}}, "the key 'candidate' is missing"),
    ],
)
def test_a_malformed_result_names_file_and_place(make_result, tmp_path, change, message):
    path = tmp_path / "result.json"
    path.write_text(json.dumps(make_result().to_dict() | change))
    with pytest.raises(ArtefactError, match=message) as raised:
        RunResult.read(path)
    assert str(path) in str(raised.value)


def test_what_is_missing_or_no_result_is_refused(make_result, tmp_path):
    values = make_result().to_dict()
    del values["selection"]
    path = tmp_path / "result.json"
    path.write_text(json.dumps(values))
    with pytest.raises(ArtefactError, match="the key 'selection' is missing"):
        RunResult.read(path)
    path.write_text("[]")
    with pytest.raises(ArtefactError, match="a result must be a JSON object, got list"):
        RunResult.read(path)
    with pytest.raises(ArtefactError, match="file not found"):
        RunResult.read(tmp_path / "no.json")


def test_reprs_say_what_matters_in_a_line(make_result, tmp_path):
    result = make_result(54.32)
    assert repr(result) == "RunResult(puppet (synthetic) 23/5, ridge (motion), seed 0: ZSL 54.3 %, H 48.0 %)"
    assert repr(RunFolder(tmp_path)).endswith("not finished)")
