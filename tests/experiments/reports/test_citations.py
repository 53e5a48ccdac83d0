"""BibTeX of exactly what a run used."""

from __future__ import annotations

import inspect
import json
import re
from typing import get_args

import pytest

from zsar_kit import __version__
from zsar_kit.data.catalogue import is_synthetic
from zsar_kit.data.published import publication, publication_names
from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.experiments.reports.citations import CITATION, cite
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder


def keys(text: str) -> list[str]:
    return re.findall(r"^@\w+\{(\w+),$", text, re.MULTILINE)


def test_a_run_of_flora_on_a_published_data_set():
    text = cite(RunConfig("utd_mhad", "22/5"))
    assert keys(text) == ["flora", "utd_mhad", "shift_gcn", "minilm", "sentence_bert", "zsar_kit"]
    assert "author = {C. Chen and R. Jafari and N. Kehtarnavaz}" in text
    assert "booktitle = {ICIP}" in text
    assert f"version = {{{__version__}}}" in text
    assert text.count("{") == text.count("}")


def test_what_has_no_paper_is_said_in_a_comment():
    text = cite(RunConfig(method="ridge", preset="motion", language_model="some/model"))
    assert keys(text) == ["shift_gcn", "zsar_kit"]
    for line in ("% method: ridge", "% data set: puppet, synthetic", "% language model: some/model"):
        assert line in text
    text = cite(RunConfig("nw_ucla", "8/2", features_from="somewhere"))
    assert "% encoder: that of the imported features somewhere" in text
    assert "shift_gcn" not in text


def test_what_a_run_did_not_use_is_not_cited():
    fixed = cite(RunConfig("utd_mhad", "22/5", method="primitives", preset="fixed"))
    assert keys(fixed) == ["utd_mhad", "zsar_kit"]
    assert "% features: kinematic primitives" in fixed
    assert "% semantics: expected levels" in fixed
    foretold = cite(RunConfig("utd_mhad", "22/5", method="primitives", preset="foretold"))
    assert keys(foretold) == ["utd_mhad", "minilm", "sentence_bert", "zsar_kit"]
    both = cite(RunConfig("utd_mhad", "22/5", method="ridge", preset="motion", features="both"))
    assert keys(both) == ["utd_mhad", "shift_gcn", "minilm", "sentence_bert", "zsar_kit"]
    assert "% features: kinematic primitives" in both
    contexts = cite(RunConfig("utd_mhad", "22/5", method="skeleton_context"))
    assert "minilm" in keys(contexts)


def test_an_encoder_trained_elsewhere_brings_its_data_set(make_result, tmp_path):
    folder = RunFolder(tmp_path / "runs" / "r")
    config = RunConfig("utd_mhad", "22/5", encoder_from="released.pt")
    folder.path.mkdir(parents=True)
    (folder.path / "config.json").write_text(f'{{"run": {json.dumps(config.to_dict())}}}')
    make_result(encoder_folder="encoders/released/x").write(folder.path / "result.json")
    (tmp_path / "encoders" / "released" / "x").mkdir(parents=True)
    (tmp_path / "encoders" / "released" / "x" / "encoder.json").write_text('{"record": {"dataset": "ntu60"}}')
    assert keys(cite(folder))[:4] == ["flora", "utd_mhad", "ntu60", "shift_gcn"]


@pytest.mark.parametrize("name", publication_names())
def test_every_published_data_set_can_be_cited(name):
    assert not is_synthetic(name)
    match = CITATION.fullmatch(publication(name).cite)
    assert match is not None
    assert 2000 < int(match["year"]) < 2100


def test_every_encoder_can_be_cited():
    for name in get_args(inspect.get_annotations(EncoderConfig, eval_str=True)["architecture"]):
        encoder = RunConfig().encoder.override({"architecture": name})
        assert name in keys(cite(RunConfig(encoder=encoder)))
