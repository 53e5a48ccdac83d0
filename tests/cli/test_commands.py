from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from zsar_kit.cli import main
from zsar_kit.cli.common import app
from zsar_kit.data.splits import read_split

COMMANDS = (
    ["data"],
    ["data", "audit"],
    ["split"],
    ["features"],
    ["train"],
    ["evaluate"],
    ["show"],
    ["sweep"],
    ["demo"],
    ["doctor"],
    ["texts"],
    ["texts", "generate"],
    ["contexts"],
    ["predict"],
    ["recognise"],
    ["explain"],
    ["fuse"],
    ["import"],
    ["export"],
    ["lab"],
    ["inspect"],
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[-1])
def test_help_of_every_command(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    assert "usage: zsar" in capsys.readouterr().out


def test_help_shows_defaults(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    shown = re.sub(r"[\s│]+", " ", capsys.readouterr().out)
    assert "default: flora" in shown
    assert "default: workspace" in shown


def shown_help(capsys, *command: str) -> str:
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    return re.sub(r"[\s│]+", " ", capsys.readouterr().out)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[-1])
def test_no_panel_is_called_options_options(command, capsys):
    assert "options options" not in shown_help(capsys, *command)


def test_choices_of_imported_test_samples_are_those_of_the_importer(capsys):
    from zsar_kit.data.importers.published import TEST_ROWS

    assert f"--test {{{','.join(TEST_ROWS)}}}" in shown_help(capsys, "import")


def test_help_names_every_chain_of_every_data_set(capsys):
    from zsar_kit.data.readers.ntu_chains import CHAINS
    from zsar_kit.data.readers.pku_chains import PKU_CHAINS

    shown = shown_help(capsys, "data", "prepare").partition("--chain")[2].partition("--strict")[0]
    assert all(name in shown for name in (*CHAINS, *PKU_CHAINS))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["data", "prepare", "utd_mhad"], "zsar data prepare utd_mhad --root"),
        (["data", "prepare", "utd_mahd"], "Did you mean 'utd_mhad'?"),
        (["data", "prepare", "utd_mhad", "--root", "does-not-exist"], "does-not-exist"),
        (["data", "audit", "utd_mahd"], "Did you mean 'utd_mhad'?"),
        (["data", "audit", "utd_mhad"], "zsar data prepare utd_mhad --root"),
        (["split", "list", "pupet"], "Did you mean 'puppet'?"),
        (["split", "make", "puppet", "--unseen", "99"], "99 unseen classes"),
        (["sweep", "rael"], "Did you mean 'real'?"),
        (["train", "puppet", "23/5", "--method", "flroa"], "Did you mean 'flora'?"),
        (["train", "puppet", "23/5", "--set", "align.stps=3"], "Did you mean 'align.steps'?"),
        (["train", "puppet", "23/5", "--set", "align.learning_rate=fast"], "must be float, got 'fast'"),
        (["train", "puppet", "23/5", "--set", "align.steps"], "expected NAME=VALUE"),
        (["train", "puppet", "23/5", "--seeds"], "name at least one seed"),
        (["train", "puppet", "23/5", "--seeds", "0", "1", "1"], "'--seeds' lists 1 twice, which would count twice"),
        (["ablate", "flora_texts", "flora_texts"], "'ablations' lists 'flora_texts' twice"),
        (["train", "puppet", "23/5", "--encoder-from", "absent.pt"], "checkpoint not found (in absent.pt)"),
        (["sweep", "demo", "--table-only", "--encoder-from", "absent.pt"], "checkpoint not found (in absent.pt)"),
        (["evaluate", "no-such-run"], "not a run folder"),
        (["show"], "name at least one run folder"),
        (["show", "no-such-run"], "not a run folder"),
        (["doctor", "--device", "warp:0"], "device"),
        (["contexts", "no-such-run"], "not a run folder"),
        (["contexts"], "name at least one run folder"),
        (["texts", "check", "ntu_120"], "Did you mean 'ntu120'?"),
        (["texts", "check", "absent.toml"], "does not exist (in absent.toml)"),
        (["texts", "show", "puppet", "drink"], "no class is called 'drink'"),
        (["texts", "check", "puppet", "--classes", "absent.txt"], "the class list does not exist"),
        (["texts", "check", "--classes", "absent.txt"], "a class list belongs to one text file, got 0"),
        (["texts", "show", "puppet", "99"], "class 99 of 'puppet' has no text"),
        (["texts", "generate", "absent.txt", "--model", "m", "--out", "a.toml"], "the class list does not exist"),
    ],
    ids=lambda v: " ".join(v)[:40] if isinstance(v, list) else None,
)
def test_bad_input_gives_one_line_and_exit_code_2(command, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(command) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert message in shown.err
    assert len(shown.err.strip().splitlines()) == 1
    assert not list(tmp_path.rglob("*.tmp-*"))


def test_unknown_option_is_exit_code_2(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["train", "--sede", "3"])
    assert ended.value.code == 2


def test_split_make_is_reproducible_and_usable(tmp_path, capsys):
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    for out in (first, second):
        assert main(["split", "make", "utd_mhad", "--unseen", "5", "--seed", "7", "--out", str(out)]) == 0
    assert first.read_bytes() == second.read_bytes()
    assert len(read_split(first).unseen) == 5
    assert "unseen" in capsys.readouterr().out


def test_data_list_says_what_is_prepared(tmp_path, capsys):
    assert main(["data", "list", "--workspace", str(tmp_path)]) == 0
    assert "puppet" in capsys.readouterr().out


def test_an_incomplete_folder_is_prepared_with_exit_code_3(tmp_path, capsys):
    raw, place = tmp_path / "raw", ["--workspace", str(tmp_path / "workspace"), "--quiet", "--processes", "1"]
    raw.mkdir()
    skeletons = np.random.default_rng(0).normal(size=(4, 20, 3)).tolist()
    (raw / "a01_s01_e01_v01.json").write_text(json.dumps({"skeletons": skeletons, "label": 1}))
    (raw / "a02_s01_e01_v01.json").write_text("{")
    command = ["data", "prepare", "nw_ucla", "--root", str(raw), *place]
    assert main(command) == 3
    shown = capsys.readouterr().out
    assert "1 sequences of nw_ucla are in" in shown
    assert "1482 raw files of the complete data set are missing." in shown
    assert "left out, broken: a02_s01_e01_v01.json: not complete JSON" in shown
    assert main(command) == 3, "the prepared set is still incomplete"
    assert main([*command, "--strict"]) == 2
    assert "nw_ucla has 1484 raw files, found 2" in capsys.readouterr().err


def test_ctrl_c_is_one_line(monkeypatch, capsys):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "cli", stopped)
    assert main(["data", "list"]) == 130
    assert capsys.readouterr().err == "stopped; run the same command again to resume\n"


def test_the_console_script_answers():
    done = subprocess.run(
        [sys.executable, "-m", "zsar_kit", "split", "list", "utd_mhad"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "14/13" in done.stdout


@pytest.mark.offline_lm
def test_texts_are_checked_and_shown(tmp_path, capsys):
    assert main(["texts", "check", "utd_mhad", "puppet"]) == 0
    assert "utd_mhad.toml of zsar_kit: 27 classes, no findings" in capsys.readouterr().out
    broken = tmp_path / "mine.toml"
    broken.write_text('dataset = "mine"\n[[class]]\nid = 0\nname = "wave"\nnoun = "right hand"\n', encoding="utf-8")
    assert main(["texts", "check", str(broken)]) == 2
    shown = capsys.readouterr().out
    assert "mine.toml, line 5, [[class]] table 1 (class 0): 'noun' must be one word" in shown
    names = tmp_path / "names.txt"
    names.write_text("waves\n", encoding="utf-8")
    assert main(["texts", "check", str(broken), "--classes", str(names)]) == 2
    assert "the class list says 'waves'" in capsys.readouterr().out
    page = tmp_path / "page.md"
    page.write_text("<!-- classes -->\n<!-- /classes -->\n", encoding="utf-8")
    assert main(["texts", "show", "utd_mhad", "3", "wave", "--write", str(page)]) == 0
    shown = capsys.readouterr().out
    assert "### utd_mhad 3: Clap" in shown
    assert "### utd_mhad 2: Wave" in page.read_text(encoding="utf-8")


@pytest.mark.offline_lm
@pytest.mark.slow
def test_faults_of_the_editions_are_counted(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("<!-- faults -->\n<!-- /faults -->\n", encoding="utf-8")
    assert main(["texts", "check", "utd_mhad", "--write", str(page)]) == 0
    table = page.read_text(encoding="utf-8")
    row = next(line for line in table.splitlines() if line.startswith("| preposition "))
    assert row.split("|")[3].split() == ["269", "→", "0"]  # of 270 rows; one says "in winter"
    assert main(["texts", "check", "utd_mhad", "--edition", "first"]) == 0
    assert main(["texts", "check", "utd_mhad", "--edition", "first", "--rules", "second"]) == 2


def test_classes_are_drawn_for_a_second_reader(capsys):
    def drawn(*options: str) -> list[str]:
        assert main(["texts", "show", "all", "--draw", "30", *options]) == 0
        return [line for line in capsys.readouterr().out.splitlines() if line.startswith("### ")]

    classes = drawn()
    assert len(set(classes)) == 30
    assert drawn("--edition", "first") == drawn("--seed", "0") == classes
    assert drawn("--seed", "1") != classes
    assert not any("puppet" in line for line in classes)
    assert main(["texts", "show", "nw_ucla", "--draw", "11"]) == 2
    assert "between 1 and 10 classes can be drawn, got 11" in capsys.readouterr().err


def test_texts_are_reported(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("<!-- texts -->\n<!-- /texts -->\n<!-- nearest -->\n<!-- /nearest -->\n", encoding="utf-8")
    workspace = ["--workspace", str(tmp_path / "w"), "--quiet"]
    command = ["texts", "report", "nw_ucla", "--write", str(page), "--figures", str(tmp_path / "f"), *workspace]
    assert main(command) == 0
    assert "donning ~ doffing" in capsys.readouterr().out
    assert "environment" in page.read_text(encoding="utf-8")
    assert (tmp_path / "f" / "texts_slots.png").is_file()


def test_the_generators_defaults_are_those_of_its_configuration():
    """The command line repeats them, so that ``--help`` need not import the generator."""
    from dataclasses import fields

    from zsar_kit.cli.texts import GenerateOptions
    from zsar_kit.semantics.estimate import GenerateConfig

    ours = {f.name: f.default for f in fields(GenerateConfig)}
    assert {"temperature", "max_tokens", "attempts"} <= ours.keys()
    for option in fields(GenerateOptions):
        if option.name == "temperature":
            assert option.default is None  # texts and forms have one each; that of texts is the configuration's
            continue
        assert option.default == ours.get(option.name, option.default), option.name
