"""Tables of the papers: cells from runs by hand, printed numbers beside or apart, and files that can be read again."""

from __future__ import annotations

import csv
import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from matplotlib.figure import Figure

from zsar_kit.artefacts import read_json, write_json
from zsar_kit.data.splits import load_split
from zsar_kit.errors import ArtefactError, DataError
from zsar_kit.evaluation.gates import CalibratedStacking
from zsar_kit.evaluation.scores import Scores
from zsar_kit.evaluation.statistics import paired_difference, summarize
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.reports.figure_data import PaperFigure
from zsar_kit.experiments.reports.paper_markup import csv_table, latex, latex_text, markdown
from zsar_kit.experiments.reports.paper_page import write_page
from zsar_kit.experiments.reports.paper_tables import Cell, accuracy_table
from zsar_kit.experiments.reports.papers import column_figures, stem_of, write_entry
from zsar_kit.experiments.reports.similar_classes import LEVELS, ScoredRun, similar_clusters
from zsar_kit.experiments.runs.code import code_digest
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.studies.paper_plan import EntryPlan, Request
from zsar_kit.experiments.studies.papers import load_entry, paper_ids


@pytest.fixture
def leave(make_result, make_evaluation):
    """Leaves finished runs of a table with the given ZSL, by row, split and seed; H is half of it."""

    def left(plan: EntryPlan, work: Workspace, values: dict, code: str | None = None) -> None:
        for (title, split, seed), zsl in values.items():
            case = next(c for c in plan.cases if c.split == split)
            row = next(r for r in plan.rows if r.title == title)
            folder = RunFolder.of(plan.config(case, row, seed), work)
            folder.path.mkdir(parents=True)
            evaluation = make_evaluation(zsl, harmonic=zsl / 2, seen=60.0, unseen=40.0)
            about = {"dataset": case.dataset, "split": case.split, "synthetic": plan.request.dataset == "puppet"}
            write_json(folder.path / "env.json", {"code": code_digest() if code is None else code})
            make_result(seed=seed, evaluation=evaluation, **about).write(folder.path / "result.json")

    return left


def cells(table, title):
    return next(line for line in table.lines if line.title == title).cells


def test_cells_are_means_over_seeds_and_differences_are_paired(tmp_path, leave):
    work = Workspace(tmp_path, "cpu")
    plan = EntryPlan("flora/table3", Request("puppet", (0, 1, 2), splits=("23/5",)))
    values = {("Flora", "23/5", s): v for s, v in enumerate((50.0, 60.0, 40.0))}
    values |= {("attunement", "23/5", 0): 45.0, ("attunement", "23/5", 2): 37.0}
    leave(plan, work, values)
    table = accuracy_table(plan, plan.finished(work))
    base, other = cells(table, "Flora"), cells(table, "attunement")
    assert base["puppet 23/5", "zsl"] == Cell(ours=summarize([50.0, 60.0, 40.0]))
    assert other["puppet 23/5", "zsl"].ours == summarize([45.0, 37.0])
    assert other["puppet 23/5", "zsl"].difference == paired_difference([45.0, 37.0], [50.0, 40.0])
    assert other["puppet 23/5", "harmonic"].ours == summarize([22.5, 18.5])
    assert cells(table, "neither")["puppet 23/5", "zsl"] == Cell()
    assert any("10 of 15 runs are not finished" in note for note in table.notes)


def test_a_mean_over_splits_averages_the_seeds_of_each_first(tmp_path, leave):
    work = Workspace(tmp_path, "cpu")
    plan = EntryPlan("flora/table2", Request("puppet", (0, 1)))
    values = {("Flora", f"random{k} 23/5", s): 10.0 * k + s for k in (1, 2, 3) for s in (0, 1)}
    del values["Flora", "random3 23/5", 1]
    leave(plan, work, values)
    table = accuracy_table(plan, plan.finished(work))
    assert table.columns == ("puppet",)
    assert cells(table, "Flora")["puppet", "zsl"].ours == summarize([10.5, 20.5, 30.0])


def test_printed_numbers_stand_beside_ours_on_the_papers_data_only(tmp_path, leave):
    work = Workspace(tmp_path, "cpu")
    own = EntryPlan("flora/table3", Request("ntu60"))
    leave(own, work, {("Flora", "48/12", 0): 60.0, ("neither", "48/12", 0): 50.0})
    table = accuracy_table(own, own.finished(work))
    assert cells(table, "neither")["ntu60 48/12", "zsl"].published == 49.6
    assert table.beside
    assert not table.apart
    text = markdown(table)
    assert "ntu60 48/12 ZSL, printed" in text
    assert "| Flora" in text
    other = EntryPlan("flora/table3", Request("puppet", splits=("23/5",)))
    leave(other, work, {("Flora", "23/5", 0): 60.0})
    table = accuracy_table(other, other.finished(work))
    assert not table.beside
    text = markdown(table)
    above, below = text.split("Printed in the paper, on other data (not comparable with the numbers above)")
    assert "49.6" in below
    assert "49.6" not in above
    assert "SYNTHETIC" in above
    assert "chance" in above


@pytest.mark.parametrize("dataset", ["ntu60", "puppet"])
def test_a_printed_number_that_cannot_be_is_said_below_its_table(tmp_path, leave, dataset):
    work = Workspace(tmp_path / "w", "cpu")
    plan = EntryPlan("flora/table1", Request(dataset))
    leave(plan, work, {("Flora", plan.cases[0].split, 0): 60.0})
    text = write_entry(plan, work, tmp_path / "figures").text
    assert "Misprint in the paper: SA-DAVE, ntu60 55/5, H: printed 66.3, S and U give 66.6." in text
    record = read_json(stem_of(plan, tmp_path / "figures").with_suffix(".json"))
    assert len(record["misprints"]) == 2
    assert "Misprint" not in write_entry(EntryPlan("flora/table6", Request("puppet")), work, tmp_path / "figures").text


def test_a_wrong_heading_is_said_below_its_table(tmp_path, leave):
    work = Workspace(tmp_path / "w", "cpu")
    (identifier,) = [name for name in paper_ids() if load_entry(name).misprints]
    plan = EntryPlan(identifier, Request("puppet"))
    leave(plan, work, {(plan.rows[0].title, plan.cases[0].split, 0): 60.0})
    assert "Misprint in the paper: The second column is headed 44/12" in write_entry(plan, work, tmp_path / "f").text


def test_rows_of_other_methods_are_shown_as_printed(tmp_path, leave):
    work = Workspace(tmp_path, "cpu")
    plan = EntryPlan("flora/table1", Request("ntu60"))
    leave(plan, work, {("Flora", "55/5", 0): 80.0})
    table = accuracy_table(plan, plan.finished(work))
    assert cells(table, "SMIE")["ntu60 55/5", "zsl"] == Cell(published=77.9)
    assert cells(table, "SMIE")["ntu60 55/5", "seen"] == Cell()
    assert [line.title for line in table.lines][:2] == ["ReViSE", "JPoSE"]


def test_the_csv_file_has_every_number_and_what_it_is(tmp_path, leave):
    work = Workspace(tmp_path, "cpu")
    plan = EntryPlan("flora/table3", Request("ntu60", (0, 1)))
    leave(plan, work, {("Flora", "48/12", 0): 60.0, ("Flora", "48/12", 1): 62.0})
    rows = list(csv.DictReader(io.StringIO(csv_table(accuracy_table(plan, plan.finished(work))))))
    (row,) = [r for r in rows if (r["method"], r["metric"]) == ("Flora", "zsl")]
    assert (row["printed"], float(row["ours"]), row["n"], row["data"]) == ("65.3", 61.0, "2", "ntu60")
    assert float(row["half_width"]) == pytest.approx(summarize([60.0, 62.0]).half_width, abs=1e-3)


def test_latex_shows_texts_as_they_are(tmp_path, leave):
    assert latex_text(r"50 % of_it & $x$ \ τ ±") == r"50 \% of\_it \& \$x\$ \textbackslash{} $\tau$ $\pm$"
    work = Workspace(tmp_path, "cpu")
    plan = EntryPlan("flora/table1", Request("ntu60"))
    leave(plan, work, {("Flora", "55/5", 0): 80.0})
    text = latex(accuracy_table(plan, plan.finished(work)))
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1
    assert r"Flora, 1 \% of the samples" in text
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len({line.count("&") - line.count(r"\&") for line in rows}) == 1


def test_files_are_written_with_the_runs_behind_them(tmp_path, leave):
    work = Workspace(tmp_path / "w", "cpu")
    plan = EntryPlan("flora/table3", Request("puppet", splits=("23/5",)))
    leave(plan, work, {("Flora", "23/5", 0): 60.0})
    written = write_entry(plan, work, tmp_path / "figures")
    assert [p.suffix for p in written.paths] == [".md", ".csv", ".tex", ".json"]
    record = json.loads(written.paths[-1].read_text())
    assert record["runs"] == [RunFolder.of(plan.config(plan.cases[0], plan.rows[3], 0), work).path.name]
    assert (record["wanted"], record["synthetic"], record["code"]) == (5, True, code_digest())
    assert written.paths[0].read_text() == written.text
    assert len(column_figures(plan, work)) == 1


def test_runs_of_other_code_are_refused_unless_asked(tmp_path, leave):
    work = Workspace(tmp_path / "w", "cpu")
    plan = EntryPlan("flora/table3", Request("puppet", splits=("23/5",)))
    leave(plan, work, {("Flora", "23/5", 0): 60.0})
    leave(plan, work, {("neither", "23/5", 0): 50.0}, code="0123456789ab")
    with pytest.raises(ArtefactError, match=r"1 of 2 runs were made with other code.*--other-code"):
        write_entry(plan, work, tmp_path / "figures")
    written = write_entry(plan, work, tmp_path / "figures", other_code=True)
    assert "1 of 2 runs were made with other code" in written.text
    assert not list((tmp_path / "figures").glob("**/*.tmp*"))


def test_without_a_finished_run_nothing_is_written(tmp_path):
    plan = EntryPlan("flora/table3", Request("puppet", splits=("23/5",)))
    with pytest.raises(ArtefactError, match="no run of flora/table3 on puppet is finished"):
        write_entry(plan, Workspace(tmp_path, "cpu"), tmp_path / "figures")
    assert not (tmp_path / "figures").exists()


def test_splits_need_no_run_and_say_whether_they_are_as_printed(tmp_path):
    plan = EntryPlan("flora/table6", Request("ntu60"))
    text = write_entry(plan, Workspace(tmp_path, "cpu"), tmp_path).text
    assert text.count(" yes ") == 4
    assert " no " not in text


def test_a_figure_is_drawn_for_each_column_with_its_runs_by_row(tmp_path, leave, monkeypatch):
    work = Workspace(tmp_path / "w", "cpu")
    plan = EntryPlan("flora/fig3", Request("puppet", (0, 1), splits=("23/5", "18/10"), rows=("t = 0.1", "t = 0.5")))
    leave(plan, work, {(t, s, k): 50.0 for t in ("t = 0.1", "t = 0.5") for s in ("23/5", "18/10") for k in (0, 1)})
    given = []

    def draw(identifier, runs, workspace):
        given.append((identifier, {name: len(folders) for name, folders in runs.items()}))
        figure = Figure()
        figure.add_subplot().plot([0, 1])
        return PaperFigure(figure, [{"t": 0.1, "class": "=1+1"}], "a | caption")

    fake = ModuleType("paper_figures")
    fake.draw = draw
    monkeypatch.setitem(sys.modules, "zsar_kit.experiments.reports.paper_figures", fake)
    written = write_entry(plan, work, tmp_path / "f")
    assert given == [("flora/fig3", {"t = 0.1": 2, "t = 0.5": 2})] * 2
    assert {p.name for p in written.paths} == {
        f"flora_fig3_{split}.{kind}" for split in ("23-5", "18-10") for kind in ("png", "pdf", "json", "csv")
    }
    table = stem_of(plan, tmp_path / "f").with_name("flora_fig3_23-5.csv").read_text()
    assert table == "t,class\n0.1,'=1+1\n"


# -------------------- similar classes
@pytest.fixture
def tested():
    """Scores over the classes of puppet 15/13, drawn once."""
    split, rng = load_split("puppet", "15/13"), np.random.default_rng(0)
    labels = np.repeat(np.arange(28), 7)
    scores = rng.normal(size=(len(labels), 28))
    scores[np.arange(len(labels)), labels] += 1.0
    classes = tuple(range(28))
    made = Scores({"main": scores.astype(np.float32)}, classes, tuple(map(str, range(len(labels)))))
    return ScoredRun(made, labels, split.seen, split.unseen, CalibratedStacking(0.3), Path("run"))


def test_clusters_are_an_anchor_and_the_three_classes_it_is_taken_for_most_often(tested):
    clusters = similar_clusters(tested)
    assert sorted(one.classes[0] for one in clusters) == list(tested.unseen)
    scores = tested.scores.fused()
    for one in clusters:
        anchor, *others = one.classes
        counts = dict.fromkeys((c for c in tested.unseen if c != anchor), 0)
        for k in np.flatnonzero(tested.labels == anchor):
            winner = max(tested.unseen, key=lambda c: scores[k, c])
            if winner != anchor:
                counts[winner] += 1
        most = sorted(counts.values(), reverse=True)[:3]
        assert sorted((counts[c] for c in others), reverse=True) == most
    assert [one.accuracy for one in clusters] == sorted((one.accuracy for one in clusters), reverse=True)
    sizes = [sum(one.level == level for one in clusters) for level in LEVELS]
    assert (sum(sizes), max(sizes) - min(sizes)) == (13, 1)


def test_accuracies_on_a_cluster_are_those_of_slow_loops(tested):
    of, seen = similar_clusters(tested)[0].classes, tested.seen
    scores, labels = tested.scores.fused(), tested.labels

    def best(k, among, penalty=0.0):
        return max(among, key=lambda c: scores[k, c] - (penalty if c in seen else 0.0))

    rows = [k for k in range(len(labels)) if labels[k] in of]
    for among in (of, tested.unseen):
        expected = np.mean([best(k, among) == labels[k] for k in rows])
        assert tested.zsl(of, among) == pytest.approx(100 * expected)
        candidates = (*seen, *among)
        unseen = np.mean([best(k, candidates, 0.3) == labels[k] for k in rows])
        mine = [k for k in range(len(labels)) if labels[k] in seen]
        right = np.mean([best(k, candidates, 0.3) == labels[k] for k in mine])
        assert tested.harmonic(of, among) == pytest.approx(100 * 2 * right * unseen / (right + unseen))


def test_clusters_need_thirteen_unseen_classes(tested):
    with pytest.raises(DataError, match="need 13 unseen classes, got 12"):
        similar_clusters(replace(tested, unseen=tested.unseen[:12]))


# -------------------- the page
def test_the_page_holds_everything_and_needs_no_network(tmp_path, leave):
    work, out = Workspace(tmp_path / "w", "cpu"), tmp_path / "figures"
    for identifier, dataset in (("flora/table3", "puppet"), ("flora/table3", "ntu60")):
        plan = EntryPlan(identifier, Request(dataset, splits=("23/5",) if dataset == "puppet" else ()))
        leave(plan, work, {("Flora", plan.cases[0].split, 0): 61.3})
        write_entry(plan, work, out)
    write_entry(EntryPlan("flora/table6", Request("puppet")), work, out)
    assert write_page(out, out / "papers" / "index.html") == 3
    page = (out / "papers" / "index.html").read_text()
    assert "http" not in page
    assert "synthetic data" in page
    assert "printed 65.3" in page
    assert "As printed in the paper, on other data" in page
    assert RunFolder.of(plan.config(plan.cases[0], plan.rows[3], 0), work).path.name in page
    assert "Misprints" in page
    assert write_page(tmp_path / "empty", tmp_path / "none.html") == 0
    assert not (tmp_path / "none.html").exists()


def test_the_page_shows_names_as_text(tmp_path):
    place = tmp_path / "papers" / "x"
    record = {"id": "flora/table3", "kind": "table", "dataset": "<b>x</b>", "synthetic": False, "runs": ["<i>r</i>"]}
    write_json(place / "flora_table3.json", record)
    write_page(tmp_path, tmp_path / "index.html")
    page = (tmp_path / "index.html").read_text()
    assert "<b>x</b>" not in page
    assert "<i>r</i>" not in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page
