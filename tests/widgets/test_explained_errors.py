"""The error explorer on a run of primitives: the sentences of the explanation, and the body where it was read."""

from __future__ import annotations

import numpy as np
import pytest

import zsar_kit as zk
from tests.experiments.runs.test_explanation import workspace  # noqa: F401
from zsar_kit.data.joints import layout
from zsar_kit.experiments.reports.inspection import CANDIDATES, OUTCOMES, Inspection
from zsar_kit.widgets import ErrorExplorer

pytestmark = pytest.mark.slow
NTU = layout("ntu25")


@pytest.fixture
def run(workspace):  # noqa: F811
    return zk.run(zk.RunConfig(dataset="nw_ucla", split="8/2", method="primitives", preset="fixed"), workspace)


def spoken(explorer: ErrorExplorer) -> dict[str, list[str]]:
    return {s["title"]: s["lines"] for s in explorer.panel.sections if s["kind"] == "words"}


@pytest.mark.parametrize("outcome", OUTCOMES[1:])
def test_a_clip_is_explained_in_words_and_by_the_body(run, outcome):
    explorer = ErrorExplorer(run, candidates=CANDIDATES[1], outcome=outcome)
    assert explorer.problem == ""
    why = zk.explain(run, explorer.clip, among="all")
    said = spoken(explorer)
    lines = said[f"why {why.winner} before {why.runner_up}, without a gate"]
    assert len(lines) == len(why.reasons) + len(why.against)
    assert lines[0] == why.reasons[0].text.replace("*", "").replace("\\", "")
    other = why.misled is not None and why.misled.runner_up != why.runner_up
    assert any("what misled" in title for title in said) is other
    clip, pose = explorer.stage.bodies
    assert pose.frames == 1
    assert ("misled most" if why.misled else "decided most") in pose.title
    reason = (why.misled or why).reasons[0]
    assert {NTU.joints[i] for i in np.flatnonzero(pose.weights[0])} == set(reason.joints)
    trunk = [np.linalg.norm(b.joints[0, 0, NTU.index("spine_shoulder")] - b.joints[0, 0, NTU.index("spine_base")])
             for b in (clip, pose)]  # fmt: skip
    assert trunk[0] == pytest.approx(trunk[1], rel=0.2), "one scale"
    assert explorer.picture().startswith(b"\x89PNG")


def test_the_performers_right_is_where_it_is_in_the_clip(run):
    explorer = ErrorExplorer(run)
    for body in explorer.stage.bodies:
        points = body.scene_points()[0, 0]
        assert points[NTU.index("shoulder_right"), 0] < points[NTU.index("shoulder_left"), 0]


def test_another_method_has_no_explanation(run, monkeypatch):
    monkeypatch.setattr("zsar_kit.experiments.reports.inspection.ComparesLevels", int)
    assert Inspection(run).explained(0) is None
    explorer = ErrorExplorer(run)
    assert explorer.problem == ""
    assert len(explorer.stage.bodies) == 1
