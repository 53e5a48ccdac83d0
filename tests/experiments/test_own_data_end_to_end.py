"""The page "your own data, end to end": its commands, in order, on a set that the kit does not know."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pytest

from tests.foreign_clips import write_class_list, write_clips, write_texts
from zsar_kit.cli import main
from zsar_kit.data.puppet.world import build_puppet
from zsar_kit.data.skeleton_set import SkeletonSet

pytestmark = pytest.mark.slow
PAGE = Path(__file__).resolve().parents[2] / "docs" / "own_data.md"
CLASSES = range(6)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder as somebody would have it."""
    folder = tmp_path_factory.mktemp("somebody")
    puppet = build_puppet(folder / "puppet")
    write_clips(folder / "clips", puppet, "arrays", CLASSES, each=1)
    (folder / "clips" / "notes.txt").write_text("recorded in spring", encoding="utf-8")
    write_class_list(folder / "classes.txt", puppet, CLASSES)
    write_texts(folder / "mine.toml", "mine", puppet, CLASSES)
    return folder


def commands() -> list[str]:
    """The lines of the page's first block of commands."""
    block = re.search(r"```bash\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    return block[1].strip().splitlines()


@pytest.fixture(scope="module")
def answers(place):
    """Every command with its exit code and what it printed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        found = []
        for line in commands():
            runs = sorted((place / "workspace" / "runs").glob("mine_*"))
            words = [str(runs[0]) if word == "RUN" else word for word in shlex.split(line)[1:]]
            out = io.StringIO()
            with pytest.MonkeyPatch.context() as inner:
                inner.setattr("sys.stdout", out)
                code = main([*words, *([] if words[:2] == ["data", "layouts"] else ["--quiet"])])
            found.append((line, code, out.getvalue()))
        return found


def test_every_command_of_the_page_does_its_work(answers):
    assert [code for _, code, _ in answers] == [0] * len(answers), answers
    assert len(answers) == 6


def test_what_was_made(place, answers):
    skeletons = SkeletonSet.load(place / "workspace" / "skeletons" / "mine")
    assert (len(skeletons), skeletons.layout, len(skeletons.class_names)) == (72, "openni_15", 6)
    assert set(skeletons.index.subject[skeletons.parts["xsub"]] % 2) == {1}
    made = dict((line.split()[1:3][-1], text) for line, _, text in answers)
    assert "nothing wrong found" in made["new"]
    assert "1 file .txt, no clips" in made["new"]
    missing = np.load(skeletons.path / "missing.npy")
    assert missing.shape == (int((skeletons.index.frames * skeletons.index.persons).sum()), 15)
    assert not missing.any()


def test_the_run_beats_chance_and_predicts(place, answers):
    (run,) = (place / "workspace" / "runs").glob("mine_4-2_ridge_motion_*")
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    assert result["dataset"] == "mine"
    assert result["split"] == "4/2"
    assert result["evaluation"]["micro"]["zsl"] > 50
    rows = list(csv.DictReader(io.StringIO(answers[-1][2])))
    assert len(rows) == 72
    # A clip alone says less than a set: which way a body faces is a guess while it bends down.
    assert sum(row["doctor"] != "" for row in rows) <= 0.05 * len(rows)
    unseen = [row for row in rows if row["clip"].startswith(tuple(_unseen(place)))]
    right = [row["clip"].startswith(row["class"]) for row in unseen]
    assert len(unseen) == 24
    assert np.mean(right) > 0.5


def _unseen(place: Path) -> list[str]:
    split = (place / "workspace" / "splits" / "mine" / "4-2.toml").read_text(encoding="utf-8")
    ids = tomllib.loads(split)["unseen"]
    names = (place / "classes.txt").read_text(encoding="utf-8").splitlines()
    return [names[i] for i in ids]


def test_a_colleague_needs_no_data(place, answers, monkeypatch, capsys):
    monkeypatch.chdir(place)
    (run,) = (place / "workspace" / "runs").glob("mine_4-2_ridge_motion_*")
    assert main(["run", "export", str(run), "run.zip"]) == 0
    assert main(["run", "import", "run.zip", "--workspace", "elsewhere"]) == 0
    assert not (place / "elsewhere" / "skeletons").exists()
    clip = sorted((place / "clips").glob("*.npz"))[0]
    capsys.readouterr()
    for workspace in ("workspace", "elsewhere"):
        there = str(place / workspace / "runs" / run.name)
        asked = ["predict", there, str(clip), "--layout", "openni_15", "--form", "json", "--workspace", workspace]
        assert main(asked) == 0
    here, away = map(json.loads, capsys.readouterr().out.strip().splitlines())
    assert here == away


def test_a_stream_is_answered_window_by_window(place, answers, monkeypatch, capsys):
    monkeypatch.chdir(place)
    (run,) = (place / "workspace" / "runs").glob("mine_4-2_ridge_motion_*")
    joints = np.load(sorted((place / "clips").glob("*.npz"))[0])["joints"]
    lines = "".join(json.dumps(joints[:, t].tolist()) + "\n" for t in range(joints.shape[1]))
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    capsys.readouterr()
    assert (
        main(["predict", str(run), "-", "--layout", "openni_15", "--form", "json", "--window", "1", "--hop", "1"]) == 0
    )
    found = [json.loads(line) for line in capsys.readouterr().out.strip().splitlines()]
    assert len(found) == -(-joints.shape[1] // 30)
    assert all({one["class"] for one in answer["ranked"]} == set(_unseen(place)) for answer in found)


def test_processes_know_the_set_as_well(place, answers, monkeypatch, capsys):
    """Ablations and papers send their runs to other processes, which have to open the workspace themselves."""
    monkeypatch.chdir(place)
    text = 'title = "texts"\nmethod = "linear_cosine"\npreset = "motion"\nseeds = [0, 1]\n'
    text += 'cases = [{ dataset = "mine", split = "4/2" }]\n[variants."label"]\noverrides = { text_set = "label" }\n'
    (place / "texts.toml").write_text(text, encoding="utf-8")
    assert main(["ablate", "texts.toml", "--processes", "2", "--quiet"]) == 0
    assert "| mine 4/2 " in capsys.readouterr().out
    assert main(["paper", "run", "skeleton_context/table5", "--dataset", "mine", "--estimate"]) == 2
    assert "mine has no 'contexts' texts" in capsys.readouterr().err
