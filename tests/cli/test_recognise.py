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
from zsar_kit.data.joints import layout
from zsar_kit.data.puppet.world import PuppetConfig, generate
from zsar_kit.errors import DataError
from zsar_kit.primitives.attributes import attribute, attributes
from zsar_kit.primitives.reads import joints_asked

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
    assert [r["clip"] for r in records] == ["broken.npy", "one.npy", "two.npy"]
    assert records[0]["label"] is None
    assert "broken.npy" in records[0]["problem"]
    assert main(["recognise", str(folder), "--classes", WORDS]) == 3
    shown = capsys.readouterr().out
    assert "| broken.npy | no answer, see below |" in shown
    assert shown.rstrip().splitlines()[-1].startswith("- broken.npy: ")


def test_a_file_of_other_software_gives_what_the_array_gives(clip, tmp_path, capsys):
    """Points of TRC in millimetres, z up, against the same clip as an array of metres, y up."""
    joints = clip[0]
    names = layout("ntu25").joints
    frames, points = joints.shape[:2]
    lines = [
        "PathFileType\t4\t(X/Y/Z)\tclip.trc",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"30\t30\t{frames}\t{points}\tmm\t30\t1\t{frames}",
        "Frame#\tTime\t" + "\t".join(f"{name}\t\t" for name in names),
        "\t\t" + "\t".join(f"X{i}\tY{i}\tZ{i}" for i in range(1, points + 1)),
        "",
    ]
    for t, pose in enumerate(joints.tolist()):
        numbers = [value * 1000 for x, y, z in pose for value in (x, -z, y)]
        lines.append("\t".join([str(t + 1), f"{t / 30:.5f}", *(f"{v:.4f}" for v in numbers)]))
    (tmp_path / "clip.trc").write_text("\n".join(lines) + "\n", encoding="utf-8")
    np.save(tmp_path / "clip.npy", clip)
    answers = []
    for name, more in (("clip.npy", []), ("clip.trc", ["--up", "z"])):
        assert main(["recognise", str(tmp_path / name), "--dataset", "utd_mhad", "--json", *more]) == 0
        answers.append(json.loads(capsys.readouterr().out))
    array, trc = ({c["name"]: c["distance"] for c in answer["classes"]} for answer in answers)
    assert trc == pytest.approx(array, abs=2e-3)
    assert answers[1]["doctor"] == answers[0]["doctor"] == ""


def test_an_array_in_millimetres_is_refused_until_the_unit_is_said(clip, tmp_path, capsys):
    file = tmp_path / "clip.npy"
    np.save(file, clip * 1000)
    assert main(["recognise", str(file), "--classes", WORDS]) == 2
    assert "--unit mm" in capsys.readouterr().err
    assert main(["recognise", str(file), "--classes", WORDS, "--unit", "mm"]) == 0


@pytest.mark.parametrize("rate", ["-30", "nan", "inf"])
def test_a_rate_that_is_none_is_refused(folder, rate, capsys):
    assert main(["recognise", str(folder / "one.npy"), "--classes", WORDS, f"--rate={rate}"]) == 2
    assert "a rate is a positive number of frames a second" in capsys.readouterr().err


def test_points_of_a_picture_are_refused(clip, tmp_path, capsys):
    points = (clip[0, :, :, :2] * [100, -100] + [300, 300])[:, :17]
    frames = [{"keypoints": pose.tolist(), "keypoint_scores": [1.0] * 17} for pose in points]
    content = [{"frame_id": i, "instances": [frame]} for i, frame in enumerate(frames)]
    (tmp_path / "clip.json").write_text(json.dumps({"instance_info": content}), encoding="utf-8")
    assert main(["recognise", str(tmp_path / "clip.json"), "--layout", "coco_17", "--accept", "joint order"]) == 2
    assert "points of a picture" in capsys.readouterr().err


def test_the_doctor_stands_beside_the_answer(clip, tmp_path, capsys):
    clip = clip.copy()
    clip[:, 5:12, 4] = 0
    np.save(tmp_path / "lost.npy", clip)
    assert main(["recognise", str(tmp_path / "lost.npy"), "--classes", WORDS]) == 0
    assert "The data doctor: 1 clip; " in capsys.readouterr().out
    assert main(["recognise", str(tmp_path), "--classes", WORDS, "--json"]) == 0
    assert "missing" in json.loads(capsys.readouterr().out)["doctor"]


def test_of_a_single_clip_the_doctor_says_which_joints_and_how_many_attributes(clip, tmp_path, capsys):
    clip, file = clip.copy(), tmp_path / "a clip.npy"
    clip[:, :, layout("ntu25").index("hand_left")] = np.nan
    np.save(file, clip)
    assert main(["recognise", str(file), "--classes", WORDS]) == 0
    said = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("The data doctor"))
    assert "never found: hand_left." in said
    assert f"More: zsar data doctor '{file}' --layout ntu25" in said.replace("\\_", "_")
    assert main(["recognise", str(file), "--classes", WORDS, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    reads_hand = [a.name for a in attributes() if joints_asked(a.name)[0][layout("ntu25").index("hand_left")]]
    alone = [name for name in reads_hand if "two" not in attribute(name).needs]
    assert record["attributes_lost"] == len(alone)
    assert f"{len(alone)} attributes left out" in record["doctor"]
    assert main(["recognise", str(tmp_path), "--classes", WORDS]) == 0  # a row of many is short
    assert f"missing; {len(alone)} attributes left out" in capsys.readouterr().out


def test_what_is_no_clip_is_passed_over_and_counted(folder, caplog):
    (folder / "notes.txt").write_text("x", encoding="utf-8")
    assert main(["recognise", str(folder), "--classes", WORDS]) == 0
    assert "passed over: 1 file .txt" in caplog.text


def test_an_empty_folder_is_refused(tmp_path, capsys):
    assert main(["recognise", str(tmp_path)]) == 2
    assert "no clip of a known format here" in capsys.readouterr().err


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
    assert capsys.readouterr().err.startswith("error: there is no such file")


def test_a_drawing_is_written(folder, capsys):
    out = folder / "figures"
    assert main(["recognise", str(folder / "one.npy"), "--classes", WORDS, "--figures", str(out)]) == 0
    assert (out / "why_one.png").is_file()
    assert "why_one.png" in capsys.readouterr().out


def test_names_and_drawings_of_a_folder_are_its_files(clip, tmp_path, capsys):
    """Files that differ by suffix, folder or what no file name may have keep apart, and a suffix of drawings does no
    harm."""
    (tmp_path / "clips" / "s1").mkdir(parents=True)
    files = ["s1-a.npy", "s1/a.npy", "s1/a.npz", "ä.npy", "ö.npy", "x.json.npy"]
    for name in files:
        path = tmp_path / "clips" / name
        np.savez(path, joints=clip) if path.suffix == ".npz" else np.save(path, clip)
    out = tmp_path / "figures"
    assert main(["recognise", str(tmp_path / "clips"), "--classes", WORDS, "--figures", str(out)]) == 0
    shown = capsys.readouterr().out
    rows = [line.split(" | ")[0].removeprefix("| ") for line in shown.splitlines() if line.startswith("| ")][2:]
    assert sorted(rows) == sorted(files)
    assert len(list(out.glob("*.png"))) == len(files)
    assert all(str(path) in shown for path in out.glob("*.png"))
    assert main(["recognise", str(tmp_path / "clips" / "x.json.npy"), "--classes", WORDS, "--figures", str(out)]) == 0


def test_windows_with_the_same_times_have_drawings_of_their_own(clip, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines(clip[:, :33])))
    options = ["--window", "1", "--hop", "0.03", "--figures", str(tmp_path)]
    assert main(["recognise", "-", "--classes", WORDS, *options]) == 0
    explained = capsys.readouterr().out.count("What decided")
    assert len(list(tmp_path.glob("*.png"))) == explained == 4


def test_an_empty_stream_is_said_to_be(monkeypatch, caplog):
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n\n"))
    assert main(["recognise", "-", "--classes", WORDS]) == 0
    assert "no frame came on standard input" in caplog.text


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
