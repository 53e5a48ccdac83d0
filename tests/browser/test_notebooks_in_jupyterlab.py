"""Notebooks in a real browser: opened, run, every control used, results read from the page."""

from __future__ import annotations

from pathlib import Path

import nbformat
import numpy as np
import papermill
import pytest
from nbconvert import HTMLExporter

from tests.browser.lab import ROOT, drawn_colours, session
from tests.browser.use import (
    MARKUP,
    choose,
    clean,
    copy_notebook,
    fits,
    sees_a_body,
    titles,
    use_errors,
    use_flows,
    use_inspector,
    use_stage,
)
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.run import run
from zsar_kit.experiments.studies.suite import Suite

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def own_set(tmp_path_factory) -> Path:
    """A workspace with a user's own set, whose class has markup in its name; one sample has no body."""
    rng = np.random.default_rng(0)
    motion = rng.normal(size=(4, 1, 12, 25, 3)).astype(np.float32)
    sequences = [SkeletonSequence(f"clip{i}", motion[i], i // 2, subject=1) for i in range(4)]
    root = tmp_path_factory.mktemp("own") / "workspace"
    SkeletonSet.write(
        root / "skeletons" / "mine", sequences, dataset="mine", layout="ntu25", class_names=(MARKUP, "bow"), inputs={}
    )
    return root


BROWSE = """from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.widgets import SkeletonBrowser

browser = SkeletonBrowser({{"mine": SkeletonSet.load({path!r})}}, marks=lambda skeletons, row: [(3, {markup!r})])
browser"""


def test_the_skeleton_browser_is_used_in_jupyterlab(lab, browser, own_set, tmp_path):
    code = BROWSE.format(path=str(own_set / "skeletons" / "mine"), markup=MARKUP)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, lab.folder / "browse.ipynb")
    with session(browser) as seen:
        seen.open(lab, "browse.ipynb")
        seen.run_all()
        sees_a_body(seen)
        assert "<img src=x" in titles(seen), "markup of others is shown as text"
        use_stage(seen, tmp_path)
        choose(seen, "class", "1 bow")
        seen.wait("() => [...document.querySelectorAll('.zs-titles')].at(-1).innerText.includes('clip2')")
        choose(seen, "sample", "clip3")
        seen.wait("() => [...document.querySelectorAll('.zs-titles')].at(-1).innerText.includes('clip3')")
        seen.page.get_by_role("button", name="preprocessed").click()
        seen.wait("() => [...document.querySelectorAll('.zs-titles')].at(-1).innerText.includes('preprocessed')")
        fits(seen)
        clean(seen)


SHORT = {"training.epochs": 2, "training.milestones": [1], "grounding.vocabulary": 200, "grounding.dim": 32}
QUICK = {"align.steps": 40, "flow.steps": 20, "align.latent_dim": 32, "text.max_tokens": 8}
EXPLORERS = [
    ("50_inspect_contexts", "skeleton_context", SHORT, use_inspector),
    ("51_explore_flows", "flora", QUICK, use_flows),
    ("52_explore_errors", "skeleton_context", SHORT, use_errors),
]


@pytest.mark.offline_lm
@pytest.mark.parametrize(("name", "method", "overrides", "use"), EXPLORERS, ids=[name for name, *_ in EXPLORERS])
def test_an_explorer_is_used_in_jupyterlab(lab, browser, puppet_workspace, tmp_path, name, method, overrides, use):
    encoder = Suite.load("demo").encoder("puppet")
    trained = run(RunConfig(method=method, encoder=encoder, overrides=overrides, folds=1), puppet_workspace)
    parameters = {"run": str(trained.path), "out": str(tmp_path)}
    file = copy_notebook(name, lab.folder, **parameters)
    with session(browser) as seen:
        seen.open(lab, file)
        seen.run_all()
        sees_a_body(seen)
        assert {path.suffix for path in tmp_path.iterdir()} == {".png", ".json", ".html"}
        use(seen)
        if name != "50_inspect_contexts":  # it ends with a run that is not there
            fits(seen)
        clean(seen)


def test_exported_html_plays_without_a_kernel_and_a_network(browser, own_set, tmp_path):
    out = tmp_path / "done.ipynb"
    papermill.execute_notebook(
        str(ROOT / "notebooks" / "02_skeleton_browser.ipynb"),
        str(out),
        parameters={"dataset": "puppet", "workspace": str(tmp_path / "workspace"), "out": str(tmp_path / "figures")},
        progress_bar=False,
        cwd=str(tmp_path),
    )
    page, _ = HTMLExporter().from_filename(str(out))
    (tmp_path / "done.html").write_text(page, encoding="utf-8")
    with session(browser) as seen:
        seen.page.goto((tmp_path / "done.html").as_uri(), wait_until="domcontentloaded")
        frames = [f for f in seen.page.frames if f != seen.page.main_frame]
        seen.page.wait_for_timeout(500)
        frames = [f for f in seen.page.frames if f != seen.page.main_frame]
        assert len(frames) == 3
        for frame in frames:
            frame.wait_for_selector(".zs-canvas", state="attached")
            frame.frame_element().scroll_into_view_if_needed()
            frame.wait_for_function("() => document.querySelector('.zs-canvas').clientWidth > 100")
            assert drawn_colours(frame.locator(".zs-canvas")) > 300
            frame.locator(".zs-play").click()
            frame.wait_for_function("() => document.querySelector('.zs-stage').dataset.frame >= 2")
        assert seen.page.locator(".zs-still").count() == 0, "the images give way to the stages"
