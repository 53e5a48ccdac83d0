"""Each table and figure of the papers on puppet, with one seed and two rows, as a user would have it."""

from __future__ import annotations

import pytest

from zsar_kit.artefacts import read_json
from zsar_kit.experiments.reports.paper_page import write_page
from zsar_kit.experiments.reports.papers import carry_out, write_entry
from zsar_kit.experiments.studies.engines import Engine
from zsar_kit.experiments.studies.paper_plan import EntryPlan, Request
from zsar_kit.experiments.studies.papers import load_entry, paper_ids

pytestmark = [pytest.mark.slow, pytest.mark.offline_lm]

#: fewer steps than the presets have: what is tested is that everything fits together
QUICK = {
    "flora": {"align.steps": 20, "flow.steps": 10, "align.latent_dim": 32},
    "skeleton_context": {"training.epochs": 2, "training.milestones": [1], "grounding.vocabulary": 200},
}


def plan_of(identifier: str) -> EntryPlan:
    """The entry with two of its rows, the base among them."""
    entry = load_entry(identifier)
    split = "15/13" if entry.kind == "clusters" else "23/5"
    asked = {"splits": (split,), "overrides": QUICK[identifier.partition("/")[0]]}
    rows = [row.title for row in EntryPlan(identifier, Request(**asked)).rows if not row.encoder]
    kept = [entry.reference, rows[-1]] if entry.reference else [rows[0], rows[-1]] if rows else []
    return EntryPlan(identifier, Request(**asked, rows=tuple(dict.fromkeys(kept))))


@pytest.fixture(scope="module")
def written(puppet_workspace, tmp_path_factory):
    """All entries, in one batch of two processes."""
    out, plans = tmp_path_factory.mktemp("figures"), [plan_of(identifier) for identifier in paper_ids()]
    assert carry_out(plans, puppet_workspace, Engine("processes", 2)) == {}
    return out, {plan.identifier: write_entry(plan, puppet_workspace, out) for plan in plans}


@pytest.mark.parametrize("identifier", paper_ids())
def test_an_entry_is_written_with_its_runs(written, identifier):
    one = written[1][identifier]
    kinds = {path.suffix for path in one.paths}
    kind = load_entry(identifier).kind
    files = {"figure": {".png", ".pdf"}, "splits": {".md"}}.get(kind, {".md", ".tex"})
    assert kinds == files | {".csv", ".json"}
    assert all(path.stat().st_size > 50 for path in one.paths)
    (record,) = [read_json(path) for path in one.paths if path.suffix == ".json"]
    assert record["id"] == identifier
    assert record["synthetic"]
    assert kind == "splits" or record["runs"]


def test_the_page_has_all_of_them(written):
    out, found = written
    assert write_page(out, out / "index.html") == len(found) == 32
