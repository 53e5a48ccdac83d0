"""A form for a data set of one's own: kept by the workspace, found by the set's name, refused where it does not fit."""

from __future__ import annotations

import numpy as np
import pytest

import zsar_kit as zk
from zsar_kit.data.puppet.world import PuppetConfig, generate
from zsar_kit.errors import ArtefactError, TextError
from zsar_kit.experiments.pipeline.own_texts import use_own_form, write_names_as_texts
from zsar_kit.experiments.pipeline.semantics import require_texts
from zsar_kit.primitives import forms
from zsar_kit.primitives.forms import AUTHORS, load_form
from zsar_kit.semantics.words import parse_classes

NAMES = ("lift", "squat", "turn", "bow", "step", "wave")
LEVELS = (
    "arms = { lead_hand_highest = 0.75 }",
    "legs = { hips_down = 1.0 }",
    "legs = { hips_down = 0.25 }",
    "arms = { lead_hand_highest = 0.25 }",
    "legs = { hips_down = 0.75 }",
    "arms = { lead_hand_highest = 1.0 }",
)
FORM = 'dataset = "mine"\n' + "\n".join(
    f'[[class]]\nid = {i}\nname = "{name}"\n{levels}'
    for i, (name, levels) in enumerate(zip(NAMES, LEVELS, strict=True))
)


@pytest.fixture
def workspace(tmp_path):
    made = zk.Workspace(tmp_path / "w", "cpu", progress=False)
    clips = {}
    for sequence in generate(PuppetConfig(subjects=2, replications=2, cameras=1)):
        if sequence.label < len(NAMES) and len(sequence.joints) == 1:
            clips.setdefault((sequence.label, sequence.subject, len(clips)), sequence.joints)
    zk.from_arrays(
        made.skeletons_folder("mine"),
        list(clips.values()),
        [label for label, *_ in clips],
        NAMES,
        subjects=[subject for _, subject, _ in clips],
        parts=["subject:odd"],
    )
    made = zk.Workspace(tmp_path / "w", "cpu", progress=False)  # which makes the set known
    write_names_as_texts(made, "mine")
    return made


@pytest.fixture
def split(workspace, tmp_path):
    path = tmp_path / "split.toml"
    path.write_text('dataset = "mine"\nname = "4/2"\nunseen = [2, 5]\n', encoding="utf-8")
    return str(path)


def test_a_form_of_ones_own_is_kept_found_and_used(workspace, split, tmp_path):
    file = tmp_path / "form.toml"
    file.write_text(FORM, encoding="utf-8")
    config = zk.RunConfig("mine", split, method="primitives", preset="fixed")
    with pytest.raises(TextError, match=r"no form of data set 'mine'.*zsar form use DATASET FILE.*foretold"):
        zk.run(config, workspace)
    assert use_own_form(workspace, "mine", file).class_names == NAMES
    found = zk.run(config, workspace)
    assert found.result().unseen == (2, 5)
    assert found.result().semantics_folders.keys() == {"levels"}
    recogniser = zk.Recogniser.load(found)
    words = recogniser._levels(parse_classes("Squat; turn"), "levels")  # the set's own classes, not others of that name
    np.testing.assert_array_equal(words.pooled, recogniser.semantics["levels"].select((1, 2)).pooled)
    file.write_text(FORM.replace("hips_down = 0.25", "hips_down = 0.5", 1), encoding="utf-8")
    use_own_form(workspace, "mine", file)
    with pytest.raises(ArtefactError, match="another wording of the class texts levels"):
        zk.run(config, workspace)
    forms._OWN.clear()
    zk.Workspace(workspace.root, "cpu", progress=False)
    np.testing.assert_array_equal(load_form("mine").levels, load_form(file).levels)
    with pytest.raises(TextError, match="one form of your own"):
        load_form("mine", AUTHORS[0])


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('name = "turn"', 'name = "turns"', "class 2 of mine is 'turn'; in the file class 2 is 'turns'"),
        ("id = 2", "id = 9", "class 2 of mine is 'turn'; in the file there is no class 2"),
        ("hips_down = 0.25", "hips_down = 1.0", "equal"),
    ],
)
def test_a_form_that_does_not_fit_is_refused(workspace, tmp_path, old, new, problem):
    file = tmp_path / "form.toml"
    file.write_text(FORM.replace(old, new), encoding="utf-8")
    with pytest.raises(TextError, match=problem):
        use_own_form(workspace, "mine", file)
    assert not workspace.form_file("mine").exists()


@pytest.mark.parametrize("preset", ["foretold", "fixed"])
def test_what_is_missing_is_said_before_the_long_work(workspace, split, preset, monkeypatch):
    """A set with nothing but class names: neither a form nor texts to foretell levels from."""
    monkeypatch.setattr("zsar_kit.experiments.runs.run.build_fold_data", lambda *_: pytest.fail("long work"))
    config = zk.RunConfig("mine", split, method="primitives", preset=preset)
    with pytest.raises(TextError, match="no 'motion' text" if preset == "foretold" else "no form"):
        zk.run(config, workspace)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("levels", r"zsar form use DATASET FILE\.toml.*if every class has motion, parts and phases"),
        ("levels_foretold", "read the texts motion, parts, phases of every class.*zsar form use"),
        ("contexts", "SkeletonContext cannot do without"),
        ("definition", "or choose one of"),
    ],
)
def test_what_a_set_lacks_is_told_with_a_way_that_exists(workspace, name, remedy):
    """Of class names alone nothing can be foretold, and no other texts can be chosen where a method reads these."""
    write_names_as_texts(workspace, "mine")
    with pytest.raises(TextError, match=remedy) as raised:
        require_texts("mine", [name])
    assert ("choose one of" in str(raised.value)) == (name == "definition")
