"""``zsar recognise`` and ``zsar explain`` as a user calls them."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import numpy as np
import pytest

from zsar_kit.cli import main
from zsar_kit.cli.answers.recognition import frames_of_lines
from zsar_kit.data.puppet.world import PuppetConfig, generate
from zsar_kit.errors import DataError

WORDS = "squat; lunge; wave"


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    return next(s.joints for s in generate(PuppetConfig(subjects=1, replications=1, cameras=1)))


@pytest.fixture
def folder(clip, tmp_path):
    for name in ("one", "two"):
        np.save(tmp_path / f"{name}.npy", clip)
    return tmp_path


def lines(clip: np.ndarray) -> str:
    return "".join(json.dumps(clip[:, f].tolist()) + "\n" for f in range(clip.shape[1]))


def test_a_clip_gives_a_table_and_a_reason(folder, capsys):
    assert main(["recognise", str(folder / "one.npy"), "--classes", WORDS, "--why"]) == 0
    shown = capsys.readouterr().out
    assert "(none of these)" in shown
    assert "What decided" in shown


def test_json_is_one_record(folder, capsys):
    assert main(["recognise", str(folder / "one.npy"), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["clip"] == "one"
    assert record["label"] == record["classes"][0]["name"]


def test_a_folder_answers_for_every_clip_and_names_the_broken(folder, capsys):
    assert main(["recognise", str(folder), "--classes", WORDS]) == 0
    assert capsys.readouterr().out.count("\n| ") == 3
    (folder / "broken.npy").write_text("no array", encoding="utf-8")
    assert main(["recognise", str(folder), "--classes", WORDS, "--json"]) == 3
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [r["clip"] for r in records] == ["broken.npy", "one", "two"]
    assert records[0]["label"] is None
    assert "broken.npy" in records[0]["problem"]


def test_an_empty_folder_is_refused(tmp_path, capsys):
    assert main(["recognise", str(tmp_path)]) == 2
    assert "no clip in this folder" in capsys.readouterr().err


def test_a_stream_gives_the_record_of_the_file(clip, folder, capsys, monkeypatch):
    main(["recognise", str(folder / "one.npy"), "--classes", WORDS, "--json"])
    whole = json.loads(capsys.readouterr().out)
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines(clip)))
    assert main(["recognise", "-", "--classes", WORDS, "--json", "--window", "60"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    record = json.loads(line)
    assert (record.pop("start"), record.pop("end")) == (0.0, pytest.approx(clip.shape[1] / 30, abs=1e-3))
    assert {k: v for k, v in record.items() if k != "clip"} == {k: v for k, v in whole.items() if k != "clip"}


def test_a_window_without_anybody_is_a_line_and_no_end(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("[]\n" * 40))
    assert main(["recognise", "-", "--classes", WORDS, "--window", "1", "--hop", "1"]) == 0
    assert capsys.readouterr().out.count("nothing recognised") == 2


@pytest.mark.parametrize(("line", "problem"), [("[1, 2", "not a frame in JSON"), ('["a"]', "a list of numbers")])
def test_a_broken_line_is_named(line, problem):
    with pytest.raises(DataError, match=f"{problem}.*line 3"):
        list(frames_of_lines(["[]", "", line]))


def test_a_missing_clip_is_one_line(capsys):
    assert main(["recognise", "nothing.npy"]) == 2
    assert capsys.readouterr().err.startswith("error: there is no such clip")


def test_a_drawing_is_written(folder, capsys):
    out = folder / "figures"
    assert main(["recognise", str(folder / "one.npy"), "--classes", WORDS, "--figures", str(out)]) == 0
    assert (out / "why_one.png").is_file()
    assert "why_one.png" in capsys.readouterr().out


def test_known_classes_need_neither_torch_nor_a_language_model(folder):
    program = (
        "import sys\nfrom zsar_kit.cli import main\n"
        f"code = main(['recognise', {str(folder / 'one.npy')!r}, '--why'])\n"
        "heavy = [m for m in ('torch', 'transformers', 'sklearn', 'matplotlib', 'pandas') if m in sys.modules]\n"
        "sys.stderr.write(' '.join(heavy))\nraise SystemExit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stderr.strip() == ""
    assert "(none of these)" in done.stdout


def test_explain_refuses_what_is_no_run(tmp_path, capsys):
    assert main(["explain", str(tmp_path), "--workspace", str(tmp_path)]) == 2
    assert "no finished run here" in capsys.readouterr().err
