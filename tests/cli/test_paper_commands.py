"""``zsar paper``: what it lists, refuses and writes."""

from __future__ import annotations

import pytest

from zsar_kit.cli import main
from zsar_kit.errors import ArtefactError
from zsar_kit.experiments.runs.code import code_digest, commit
from zsar_kit.experiments.studies.papers import paper_ids


def test_the_list_has_every_id_with_its_state_and_why_one_cannot_be(tmp_path, capsys):
    assert main(["paper", "list", "--dataset", "nw_ucla", "--workspace", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    lines = [line for line in shown.splitlines() if line.startswith("| ")]
    assert len(lines) == 2 + len(paper_ids())
    assert "| flora/table3            | never run, 0 of 30 |" in shown
    assert "| flora/table6            | no run needed" in shown
    assert "not on nw_ucla" in shown
    assert "- flora/table2: nw_ucla has no random splits" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["flora/tabel3"], "Did you mean 'flora/table3'?"),
        ([], "name tables or figures, or give --all"),
        (["flora/table3", "--all"], "name tables or figures, or give --all"),
        (["flora/table2", "--dataset", "nw_ucla"], "nw_ucla has no random splits"),
        (["flora/table3", "--set", "align.step=3"], "unknown key 'align.step'"),
        (["flora/table3", "--dataset", "ntu60"], "the data set 'ntu60' is not prepared"),
        (["flora/table3", "--rows", "nothing"], "no row 'nothing'"),
        (["flora/table3", "--table-only"], "no run of flora/table3 on puppet is finished"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_code_2(arguments, message, tmp_path, capsys):
    assert main(["paper", "run", *arguments, "--workspace", str(tmp_path / "w"), "--out", str(tmp_path / "f")]) == 2
    shown = capsys.readouterr().err.strip()
    assert message in shown.splitlines()[-1]
    assert not (tmp_path / "f").exists()


def test_splits_need_no_run(tmp_path, capsys):
    place = ["--workspace", str(tmp_path / "w"), "--out", str(tmp_path / "f")]
    assert main(["paper", "run", "flora/table6", "--dataset", "ntu60", *place]) == 0
    assert "ntu60 55/5" in capsys.readouterr().out
    page = tmp_path / "page.html"
    assert main(["paper", "report", "--out", str(tmp_path / "f"), "--page", str(page)]) == 0
    assert "flora/table6" in page.read_text()
    assert main(["paper", "report", "--out", str(tmp_path / "none"), "--page", str(page)]) == 2


def test_runs_that_fail_are_named_and_the_code_is_4(tmp_path, capsys, monkeypatch):
    from zsar_kit.experiments.reports import papers
    from zsar_kit.experiments.studies import estimate

    monkeypatch.setattr(estimate, "estimate", lambda *_: "quick")
    monkeypatch.setattr(papers, "carry_out", lambda *_: {"puppet 23/5: flora cpu, seed 0": "it broke"})
    refused = ArtefactError("no run is finished")
    monkeypatch.setattr(papers, "write_entry", lambda *_, **__: (_ for _ in ()).throw(refused))
    assert main(["paper", "run", "flora/table3", "--workspace", str(tmp_path)]) == 4
    shown = capsys.readouterr().out
    assert "failed: puppet 23/5: flora cpu, seed 0: it broke" in shown
    assert "failed: flora/table3: no run is finished" in shown


def test_code_is_known_by_what_it_holds():
    assert len(code_digest()) == 12
    assert code_digest() == code_digest()
    assert isinstance(commit(), str)
