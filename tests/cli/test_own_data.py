"""Commands about data of one's own: ``data new``, ``list``, ``show``, ``doctor``, ``layouts``; splits and texts."""

from __future__ import annotations

import csv
import json
import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.bodies import in_layout
from zsar_kit.cli import main
from zsar_kit.cli.answers import prediction
from zsar_kit.cli.reading import ReadingOptions
from zsar_kit.cli.runs import PredictOptions
from zsar_kit.data import catalogue, joints
from zsar_kit.data.own_layouts import write_layout
from zsar_kit.data.own_sets import OwnSet
from zsar_kit.data.puppet.world import PuppetConfig, build_puppet
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.splits import load_split, split_names
from zsar_kit.errors import ArtefactError, DataError
from zsar_kit.experiments.pipeline.own_clip import is_one_clip
from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.recogniser import Prediction, Recogniser
from zsar_kit.semantics.text_files import load_texts

CLASSES = ("drink", "eat", "brush teeth", "brush hair")
PEOPLE = ("anna", "ben", "cleo", "dan")


@pytest.fixture
def layouts_as_before():
    """Layouts that a test registers are forgotten after it."""
    before = dict(joints.OWN)
    yield
    joints.OWN.clear()
    joints.OWN.update(before)


@pytest.fixture(scope="module")
def bodies(tmp_path_factory):
    """Four classes by four people, one clip each, in 15 joints: class, person, ``[person, frame, joint, xyz]``."""
    config = PuppetConfig(classes=(0, 1, 2, 3), subjects=4, cameras=1, replications=1)
    puppet = build_puppet(tmp_path_factory.mktemp("puppet") / "set", config)
    found = [(CLASSES[clip.label], PEOPLE[clip.subject - 1], in_layout(clip.joints, "openni_15")) for clip in puppet]
    assert len({(label, person) for label, person, _ in found}) == 16
    return found


def in_folders(root: Path, bodies, scale: float = 1.0, names=CLASSES) -> Path:
    """One folder for each class, one file for each person."""
    for label, person, clip in bodies:
        folder = root / (names[CLASSES.index(label)] if label in CLASSES else label)
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{person}.npy", clip * scale)
    return root


@pytest.fixture
def zsar(tmp_path, capsys):
    """Runs a command in a workspace; returns its exit code, output, and errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        words = [str(word) for word in arguments]
        code = main(words if words == ["data", "layouts"] else [*words, "--workspace", str(tmp_path / "w"), "--quiet"])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def new(zsar, tmp_path, bodies):
    """``zsar data new`` of the clips in folders."""
    source = in_folders(tmp_path / "clips", bodies)

    def run(*more: object, dataset: str = "meals", source: Path = source, layout: str = "openni_15"):
        return zsar("data", "new", dataset, "--from", source, "--layout", layout, *more)

    return run


# ---------------------------------------------------------------- data new
def test_folders_are_classes_and_other_files_are_counted(new, zsar, tmp_path):
    for name in ("notes.txt", "eat/notes.txt", "eat/film.mp4", "README"):
        (tmp_path / "clips" / name).write_text("x", encoding="utf-8")
    code, out, err = new()
    assert (code, err) == (0, "")
    assert "16 clips of 4 classes, layout openni_15, are in " in out
    assert "passed over: 2 files .txt, no clips" in out
    assert "passed over: 1 file .mp4, no clips" in out
    assert "passed over: 1 file without suffix, no clips" in out
    assert "doctor: 16 clips, nothing wrong found" in out
    assert "No train and test parts yet" in out
    assert "--parts train:FILE --replace" in out  # of these, nothing is known that could divide them
    assert "A class split needs 6 classes, 4 seen and 2 unseen" in out
    made = SkeletonSet.load(tmp_path / "w" / "skeletons" / "meals")
    assert made.class_names == tuple(sorted(CLASSES))
    assert all(clip.sample.split("/")[0] == made.class_names[clip.label] for clip in made)
    assert load_texts("meals").names == made.class_names

    code, out, _ = zsar("data", "list")
    (row,) = [line.split("|") for line in out.splitlines() if "meals" in line]
    assert [cell.strip() for cell in row[1:-1]] == ["meals", "4", "", "yes", "own"]
    code, out, _ = zsar("data", "show", "meals")
    assert code == 0
    assert [cell.strip() for cell in out.splitlines()[-1].split("|")][1:5] == ["all", "16", "4", "not known"]
    assert "synthetic" not in out


def test_a_table_names_people_and_parts_go_by_them(new, zsar, tmp_path, bodies):
    (tmp_path / "clips" / "classes.txt").write_text("\n".join(CLASSES), encoding="utf-8")
    rows = [f"{label}/{person},{CLASSES.index(label)},{person}" for label, person, _ in bodies if person != "dan"]
    (tmp_path / "clips" / "labels.csv").write_text("\n".join(["sample,label,subject", *rows]), encoding="utf-8")
    classes = ("--classes", tmp_path / "clips" / "classes.txt")
    code, out, _ = new(*classes, "--parts", "subject:anna,cleo", "one=subject:ben", "--synthetic")
    assert code == 0
    assert "passed over: 4 clips that the table of labels does not name" in out
    assert "No train and test parts yet" not in out
    made = SkeletonSet.load(tmp_path / "w" / "skeletons" / "meals")
    assert made.class_names == CLASSES
    assert OwnSet.read(made.path).subjects == ("anna", "ben", "cleo")
    anna_or_cleo = ["ben" not in sample for sample in made.index.sample]
    assert made.parts["xsub"].tolist() == anna_or_cleo
    assert made.parts["one"].tolist() == [not train for train in anna_or_cleo]
    assert catalogue.part_protocols("meals") == ("xsub", "one")
    _, out, _ = zsar("data", "show", "meals")
    assert "These data are synthetic." in out
    rows_of = {line.split("|")[1].strip(): line.split("|")[2:5] for line in out.splitlines() if line.startswith("| t")}
    assert {part: [cell.strip() for cell in cells] for part, cells in rows_of.items()} == {
        "train": ["8", "4", "2"],
        "test": ["4", "4", "1"],
    }
    code, _, err = new(*classes, "--parts", "subject:dan", "--replace")
    assert code == 2
    assert "no sample has subject 'dan'" in err
    assert "There are: anna, ben, cleo" in err
    code, _, err = new(*classes, "--parts", "subject:odd", "--replace")
    assert code == 2
    assert "'odd' needs subjects that are numbers or end in one, got anna, ben, cleo" in err
    assert SkeletonSet.load(made.path).digest == made.digest
    assert "--parts subject:anna --replace" in new(*classes, "--replace")[1]  # a rule that can hold


def test_parts_go_by_setups_that_have_names(new, tmp_path, bodies):
    rows = [f"{label}/{person},{label},{'kitchen' if person == 'ben' else 'bath'}" for label, person, _ in bodies]
    (tmp_path / "clips" / "labels.csv").write_text("\n".join(["sample,label,setup", *rows]), encoding="utf-8")
    assert new("--parts", "setup:kitchen")[0] == 0
    made = SkeletonSet.load(tmp_path / "w" / "skeletons" / "meals")
    assert made.parts["xset"].tolist() == ["ben" in sample for sample in made.index.sample]
    code, _, err = new("--parts", "setup:odd", "--replace")
    assert code == 2
    assert "'odd' needs setups that are numbers or end in one, got bath, kitchen" in err


def test_labels_that_leave_the_first_class_empty_are_said(new, tmp_path, bodies):
    (tmp_path / "classes.txt").write_text("nothing\n" + "\n".join(CLASSES), encoding="utf-8")
    rows = [f"{label}/{person},{1 + CLASSES.index(label)}" for label, person, _ in bodies]
    (tmp_path / "clips" / "labels.csv").write_text("\n".join(["sample,label", *rows]), encoding="utf-8")
    code, out, _ = new("--classes", tmp_path / "classes.txt")
    assert code == 0
    report = json.loads((tmp_path / "w" / "skeletons" / "meals" / "doctor.json").read_text(encoding="utf-8"))
    (found,) = [one for one in report["findings"] if one["check"] == "labels"]
    assert found["severity"] == "warn"
    assert "count from 1" in found["cause"]
    assert "labels" in next(line for line in out.splitlines() if line.startswith("doctor: "))


def test_units_are_named_or_accepted(new, zsar, tmp_path, bodies):
    centimetres = in_folders(tmp_path / "cm", bodies, scale=100.0)
    code, _, err = new(source=centimetres)
    assert code == 2
    assert "centimetres" in err
    assert "--unit cm" in err
    assert not (tmp_path / "w" / "skeletons" / "meals").exists()
    assert new("--unit", "cm", source=centimetres)[0] == 0
    for clip in SkeletonSet.load(tmp_path / "w" / "skeletons" / "meals"):
        label, person = clip.sample.split("/")
        (truth,) = [joints for a, b, joints in bodies if (a, b) == (label, person)]
        np.testing.assert_allclose(clip.joints, truth, atol=1e-5)

    code, _, _ = new("--accept", "units", source=in_folders(tmp_path / "large", bodies, scale=3.0), dataset="giants")
    assert code == 0
    assert catalogue.accepted_findings("giants") == ("units",)
    assert OwnSet.read(tmp_path / "w" / "skeletons" / "giants").accepted == ("units",)
    code, _, err = new("--accept", "unit", source=centimetres, dataset="others")
    assert code == 2
    assert "no check 'unit'" in err


def test_clips_of_another_kind_among_the_first(new, tmp_path, bodies):
    """The first clip that can be read decides; a broken file before it does not."""
    (tmp_path / "clips" / "brush hair" / "aaa.npy").write_bytes(b"\x93NUMPY")
    np.save(tmp_path / "clips" / "drink" / "zoe.npy", np.zeros((5, 7, 3)))
    code, out, _ = new()
    assert code == 3
    assert "16 clips of 4 classes" in out
    left_out = [line for line in out.splitlines() if line.startswith("left out: ")]
    assert ["aaa.npy" in left_out[0], "zoe.npy" in left_out[1]] == [True, True]
    assert "layout 'openni_15' has 15 joints, the sequence has 7" in left_out[1]


def test_many_files_that_cannot_be_read_are_listed_in_part(new, tmp_path):
    for number in range(23):
        (tmp_path / "clips" / "eat" / f"broken{number}.npy").write_bytes(b"x")
    code, out, _ = new()
    assert code == 3
    assert len([line for line in out.splitlines() if line.startswith("left out: ")]) == 20
    assert "... and 3 more" in out


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("eat", "Eat", "a", "b"), "occurs twice"),
        (("<b>eat</b>", "c", "a", "b"), "class names are plain words"),
        (("0", "1", "2", "3"), "nothing says what they are called"),
    ],
)
def test_folders_that_are_no_names_of_classes(new, tmp_path, bodies, names, message):
    names = tuple(name.replace("/", "") for name in names)
    code, _, err = new(source=in_folders(tmp_path / "other", bodies, names=names))
    assert code == 2
    assert message in err


def test_a_set_with_other_classes_gets_other_texts(new, tmp_path, bodies):
    new()
    texts = tmp_path / "w" / "texts" / "meals.toml"
    mine = texts.read_text(encoding="utf-8").replace('label = "eat"', 'label = "eating by hand"')
    texts.write_text(mine, encoding="utf-8")
    assert new("--replace")[0] == 0
    assert texts.read_text(encoding="utf-8") == mine  # texts that fit stay
    code, _, _ = new("--replace", source=in_folders(tmp_path / "other", bodies, names=("a", "b", "c", "d")))
    assert code == 0
    assert load_texts("meals").names == ("a", "b", "c", "d")
    assert (texts.parent / "meals.before.toml").read_text(encoding="utf-8") == mine  # and written ones are not lost


def test_two_classes_cannot_be_split(new, zsar, tmp_path, bodies):
    few = [one for one in bodies if one[0] in CLASSES[:2]]
    code, out, _ = new(source=in_folders(tmp_path / "few", few), dataset="few")
    assert code == 0
    assert "A class split needs 6 classes, 4 seen and 2 unseen" in out
    assert "split make" not in out
    code, _, err = zsar("split", "make", "few", "--unseen", 2)
    assert code == 2
    assert "2 unseen classes asked for" in err


def test_nothing_to_read(new, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "no clip of a known format here; there are no file" in new(source=tmp_path / "empty")[2]
    (tmp_path / "empty" / "film.mp4").write_text("x", encoding="utf-8")
    code, _, err = new(source=tmp_path / "empty")
    assert code == 2
    assert "there are 1 .mp4" in err
    assert "c3d (.c3d)" in err
    assert "there is no such file or folder" in new(source=tmp_path / "nowhere")[2]


# ---------------------------------------------------------------- layouts
def test_a_layout_of_ones_own_is_found_again_in_a_new_process(new, tmp_path, bodies, layouts_as_before):
    mine = replace(joints.layout("openni_15"), name="my_15", about="Mine.")
    write_layout(tmp_path / "mine.toml", mine)
    assert new(layout=str(tmp_path / "mine.toml"))[0] == 0
    made = tmp_path / "w" / "skeletons" / "meals"
    assert SkeletonSet.load(made).layout == "my_15"
    (tmp_path / "mine.toml").unlink()
    command = [
        sys.executable,
        "-m",
        "zsar_kit",
        "data",
        "doctor",
        "meals",
        "--workspace",
        str(tmp_path / "w"),
        "--json",
    ]
    done = subprocess.run([*command, "--quiet"], capture_output=True, text=True, env=dict(os.environ), check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["clips"] == 16


def test_layouts_are_listed(zsar):
    code, out, _ = zsar("data", "layouts")
    assert code == 0
    for name in joints.layout_names():
        (row,) = [line for line in out.splitlines() if line.split("|")[1].strip() == name]
        assert int(row.split("|")[2]) == len(joints.layout(name))


# ---------------------------------------------------------------- data doctor
def test_the_doctor_looks_at_a_set_a_folder_and_a_clip(new, zsar, tmp_path):
    new()
    clip = tmp_path / "clips" / "eat" / "ben.npy"
    for source, clips in (("meals", "16 clips"), (tmp_path / "clips", "16 clips"), (clip, "1 clip")):
        layout = () if source == "meals" else ("--layout", "openni_15")
        code, out, _ = zsar("data", "doctor", source, *layout)
        assert (code, out.strip()) == (0, f"{clips}, nothing wrong found")
        code, out, _ = zsar("data", "doctor", source, *layout, "--json")
        report = json.loads(out)
        assert (code, report["red"], report["findings"]) == (0, False, [])
        assert report["clips"] == int(clips.split()[0])


def test_the_doctor_goes_on_past_a_file_that_cannot_be_read(zsar, tmp_path, bodies):
    folder = in_folders(tmp_path / "clips", bodies)
    (folder / "broken.npy").write_bytes(b"no array")
    code, out, _ = zsar("data", "doctor", folder, "--layout", "openni_15")
    assert code == 1
    assert out.splitlines()[0] == "17 clips; unusable: readable (1 clip)"
    code, out, _ = zsar("data", "doctor", folder, "--layout", "openni_15", "--json")
    report = json.loads(out)
    assert (code, report["clips"], report["refused"]) == (1, 17, ["readable"])
    (found,) = report["findings"]
    assert (found["sample"], found["severity"], found["check"]) == ("broken.npy", "refuse", "readable")
    assert "not a plain array file" in found["problem"]
    assert report["measured"]["height"] > 1  # the others were looked at
    assert zsar("data", "doctor", folder, "--layout", "openni_15", "--accept", "readable")[0] == 0
    for path in folder.rglob("*.np[yz]"):
        path.write_bytes(b"no array")
    code, out, _ = zsar("data", "doctor", folder, "--layout", "openni_15")
    assert (code, out.splitlines()[0]) == (1, "17 clips; unusable: readable (17 clips)")
    code, _, err = zsar("data", "doctor", folder / "broken.npy", "--layout", "openni_15")
    assert (code, err.startswith("error: not a plain array file")) == (2, True)


def test_red_is_exit_code_one(zsar, tmp_path, bodies):
    folder = in_folders(tmp_path / "mm", bodies, scale=1000.0)
    asked = ("--layout", "openni_15")
    code, out, _ = zsar("data", "doctor", folder, *asked)
    assert code == 1
    assert "unusable: units" in out.splitlines()[0]
    (row,) = [line for line in out.splitlines() if "| refuse" in line]
    assert "millimetres" in row
    assert "16 of 16" in row
    code, out, _ = zsar("data", "doctor", folder, *asked, "--json")
    assert code == 1
    assert json.loads(out)["refused"] == ["units"]
    assert zsar("data", "doctor", folder, *asked, "--accept", "units")[0] == 0
    assert zsar("data", "doctor", folder, *asked, "--unit", "mm")[0] == 0
    code, _, err = zsar("data", "doctor", "no such thing")
    assert code == 2
    assert "neither a prepared data set nor a file or folder" in err


def test_findings_are_drawn(zsar, tmp_path, bodies):
    clip = bodies[0][2].copy()
    clip[:, 20, 6] += 3.0  # one joint far away for one frame
    np.save(tmp_path / "clip.npy", clip)
    code, out, _ = zsar(
        "data", "doctor", tmp_path / "clip.npy", "--layout", "openni_15", "--figures", tmp_path / "figures"
    )
    assert code == 0
    drawn = sorted((tmp_path / "figures").glob("*.png"))
    assert drawn
    assert all(str(path) in out for path in drawn)


def test_the_lines_that_convert_a_pickle_make_a_set(zsar, tmp_path, bodies, monkeypatch):
    """Shown for the file and for a folder of such files alike; what they write is read with its labels."""
    folder = tmp_path / "pyskl"
    folder.mkdir()
    clips = [
        {"frame_dir": f"{label}-{person}", "label": CLASSES.index(label), "keypoint": np.asarray(clip)}
        for label, person, clip in bodies
    ]
    (folder / "mine.pkl").write_bytes(pickle.dumps({"annotations": clips}))
    (folder / "classes.txt").write_text("\n".join(CLASSES), encoding="utf-8")
    for source in (folder, folder / "mine.pkl"):
        code, _, err = zsar("data", "new", "meals", "--from", source, "--layout", "openni_15")
        assert code == 2
        assert "a pickle can run any code when it is loaded" in err
    lines = " ".join(err.split()).partition("place of its own: ")[2].partition(" - that is PYSKL")[0]
    monkeypatch.chdir(folder)
    exec(compile(lines, "lines", "exec"), {})
    (folder / "mine.pkl").unlink()
    code, out, err = zsar(
        "data", "new", "meals", "--from", folder, "--layout", "openni_15", "--classes", folder / "classes.txt"
    )
    assert (code, err) == (0, "")
    assert "16 clips of 4 classes" in out
    made = prepare_skeletons(Workspace(tmp_path / "w"), "meals")
    assert {
        (str(name).partition("-")[0], made.class_names[label])
        for name, label in zip(made.index.sample, made.index.label, strict=True)
    } == {(name, name) for name in CLASSES}


def test_a_shifted_label_is_explained_where_the_set_is_made(new, tmp_path, bodies):
    (tmp_path / "classes.txt").write_text("\n".join([*CLASSES, "none"]), encoding="utf-8")
    rows = [f"{label}/{person},{1 + CLASSES.index(label)}" for label, person, _ in bodies]
    table = tmp_path / "labels.csv"
    table.write_text("sample,label\n" + "\n".join(rows), encoding="utf-8")
    code, out, _ = new("--labels", table, "--classes", tmp_path / "classes.txt")
    assert code == 0
    assert "labels: 1 class without a sample: 0 (drink). Labels may count from 1. Look at a clip and its class." in out


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolons"), ("\t", "tabs")])
def test_a_table_with_other_marks_than_commas(new, tmp_path, mark, name):
    table = tmp_path / "labels.csv"
    table.write_text(mark.join(("sample", "label")) + "\n", encoding="utf-8")
    code, _, err = new("--labels", table)
    assert code == 2
    assert f"Divide the columns by commas, not by {name}." in err


# ---------------------------------------------------------------- splits and texts
def test_splits_are_kept_in_the_workspace(new, zsar, tmp_path, bodies):
    again = [(f"{label} again", *rest) for label, *rest in bodies if label in CLASSES[:2]]
    assert "zsar split make meals --unseen 2" in new(source=in_folders(tmp_path / "six", [*bodies, *again]))[1]
    code, out, _ = zsar("split", "list", "meals")
    assert code == 0
    assert "meals has no class split yet" in out
    kept = tmp_path / "w" / "splits" / "meals"
    code, out, _ = zsar("split", "make", "meals", "--unseen", 2)
    assert code == 0
    assert out.startswith(f"{kept / '4-2.toml'}: split '4/2', unseen ")
    assert zsar("split", "make", "meals", "--unseen", 2)[0] == 0  # the same split again
    assert zsar("split", "make", "meals", "--unseen", 2, "--seed", 5)[0] == 0
    assert sorted(path.name for path in kept.iterdir()) == ["4-2-seed5.toml", "4-2.toml"]
    code, out, _ = zsar("split", "list", "meals")
    assert set(split_names("meals")) == {"4/2", "4/2 seed5"}
    for name in split_names("meals"):
        (row,) = [line for line in out.splitlines() if name in map(str.strip, line.split("|"))]
        unseen = load_split("meals", name).unseen
        assert ", ".join(f"{c} {catalogue.class_names('meals')[c]}" for c in unseen) in row
    before = (kept / "4-2.toml").read_bytes()
    for wish in (("--seed", 3, "--name", "4/2"), ("--name", "4-2")):  # another split, another name for the same file
        code, _, err = zsar("split", "make", "meals", "--unseen", 2, *wish)
        assert code == 2
        assert "there is another split '4/2'" in err
        assert (kept / "4-2.toml").read_bytes() == before
    code, _, err = zsar("split", "make", "meals", "--unseen", 3)
    assert code == 2
    assert "3 unseen classes asked for; at least 2 must be unseen and 4 seen, and meals has 6 classes" in err
    assert zsar("split", "make", "meals", "--unseen", 2, "--out", tmp_path / "mine.json")[0] == 0
    assert json.loads((tmp_path / "mine.json").read_text(encoding="utf-8"))["dataset"] == "meals"


def test_texts_are_taken(new, zsar, tmp_path):
    new()
    lines = [
        f'[[class]]\nid = {i}\nname = "{name}"\nmotion = "Motion {i}."\n' for i, name in enumerate(sorted(CLASSES))
    ]
    file = tmp_path / "texts.toml"
    file.write_text('dataset = "meals"\n' + "".join(lines), encoding="utf-8")
    code, out, _ = zsar("texts", "use", "meals", file)
    assert code == 0
    assert out.startswith("meals: texts of 4 classes (")
    assert "motion" in out
    assert load_texts("meals").sentences("motion", 2) == ("Motion 2.",)
    file.unlink()
    Workspace(tmp_path / "w")
    assert load_texts("meals").sentences("motion", 3) == ("Motion 3.",)  # the workspace has a copy
    for dataset, message in (("meals", "does not exist"), ("dances", "unknown data set"), ("ntu60", "published")):
        code, _, err = zsar("texts", "use", dataset, tmp_path / "none.toml")
        assert code == 2
        assert message in err


def test_texts_are_checked_before_the_long_work(new, tmp_path):
    (tmp_path / "classes.txt").write_text("\n".join(CLASSES), encoding="utf-8")
    swapped = [CLASSES[1], CLASSES[0], *CLASSES[2:]]
    lines = [f'[[class]]\nid = {i}\nname = "{name}"\n' for i, name in enumerate(swapped)]
    (tmp_path / "texts.toml").write_text('dataset = "meals"\n' + "".join(lines), encoding="utf-8")
    code, _, err = new("--classes", tmp_path / "classes.txt", "--texts", tmp_path / "texts.toml")
    assert code == 2
    assert "class 0 of meals is 'drink'; in the file class 0 is 'eat'" in err
    assert not (tmp_path / "w" / "skeletons" / "meals").exists()


def test_a_set_whose_skeletons_are_elsewhere(new, tmp_path):
    new()
    workspace = Workspace(tmp_path / "w")
    shutil.rmtree(workspace.skeletons_folder("meals"))
    with pytest.raises(ArtefactError, match=r"'meals' is not prepared.*zsar data new meals --from FOLDER"):
        prepare_skeletons(workspace, "meals")


# ---------------------------------------------------------------- what a run is asked about
def _pictures(folder: Path, clip: np.ndarray) -> Path:
    """Frames of OpenPose, 25 joints in pixels, from a clip of 15 joints."""
    folder.mkdir(parents=True)
    names = joints.layout("openpose_25").joints
    own = {"mid_hip": "torso", "neck": "neck", "nose": "head"}
    for t, frame in enumerate(clip[0, :12]):
        points = np.zeros((25, 3))
        for i, name in enumerate(names):
            known = own.get(name, name)
            if known in joints.layout("openni_15").joints:
                x, y, _ = frame[joints.layout("openni_15").index(known)]
                points[i] = 400 + 200 * x, 400 - 200 * y, 0.9
        text = json.dumps({"people": [{"pose_keypoints_2d": points.reshape(-1).tolist()}]})
        (folder / f"clip_{t:012d}_keypoints.json").write_text(text, encoding="utf-8")
    return folder


def test_a_folder_with_a_file_a_frame_is_one_clip(tmp_path, bodies):
    assert is_one_clip(_pictures(tmp_path / "frames", bodies[0][2]))
    assert not is_one_clip(in_folders(tmp_path / "clips", bodies[:2]))


def test_points_of_a_picture_are_not_for_runs_of_bodies(tmp_path, bodies):
    np.save(tmp_path / "clip.npy", bodies[0][2])
    for dimensions, dataset in ((2, "pictures"), (3, "spaces")):
        OwnSet(dataset, ("a", "b", "c"), dimensions=dimensions).make_known()
    asked = PredictOptions(Path("r"), str(tmp_path / "clip.npy"), reading=ReadingOptions(layout="openni_15"))
    run = {name: object.__new__(Recogniser) for name in ("pictures", "spaces")}  # of a run, only its data set is asked
    for name, recogniser in run.items():
        object.__setattr__(recogniser, "dataset", name)
    clip = prediction._open(tmp_path / "clip.npy", run["spaces"], asked)
    assert (clip.layout, clip.flat, clip.joints.shape) == ("openni_15", False, bodies[0][2].shape)
    with pytest.raises(DataError, match="the clip has bodies in space, the run was trained on points"):
        prediction._open(tmp_path / "clip.npy", run["pictures"], asked)
    with pytest.raises(DataError, match="the clip has bodies in space, the run was trained on points"):
        run["pictures"].classify(clip.joints)
    with pytest.raises(DataError, match="the clip has points of a picture, the run was trained on bodies in space"):
        run["spaces"].classify(clip.joints, flat=True)


def test_a_stream_is_of_bodies_in_space(monkeypatch, tmp_path):
    OwnSet("pictures", ("a", "b", "c"), dimensions=2).make_known()
    recogniser = object.__new__(Recogniser)
    object.__setattr__(recogniser, "dataset", "pictures")
    monkeypatch.setattr(Recogniser, "load", lambda run, workspace: recogniser)
    with pytest.raises(DataError, match=r"the run was trained on points \(in standard input\)"):
        prediction.predict_stream(Workspace(tmp_path, "cpu"), PredictOptions(Path("r"), "-"))


def test_answers_in_csv_are_safe_for_spreadsheets():
    answer = Prediction((("=cmd", 0.75), ("a,b", 0.25)), 0.5, {})
    text = prediction._csv([prediction._row("x/y", answer, "")], header=True)
    header, row = csv.reader(text.splitlines())
    assert tuple(header) == prediction.COLUMNS
    assert (row[0], row[2], row[3], row[4]) == ("x/y", "0.7500", "a,b", "0.5000")
    assert not row[1].startswith("=")
    assert prediction._as_json("x", answer, "told")["ranked"][1] == {"class": "a,b", "probability": 0.25}
