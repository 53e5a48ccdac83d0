"""The browser's state is its traits, and it works without a front end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zsar_kit.data.puppet.world import build_puppet
from zsar_kit.data.readers.arrays import from_arrays
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.errors import DataError
from zsar_kit.widgets.skeleton_browser import SkeletonBrowser, doctor_marks


def made(path, dataset: str, joints: int, layout: str) -> SkeletonSet:
    """Classes 0 and 2 with two samples each, of 5 and more frames; every second one has two persons."""
    rng = np.random.default_rng(joints)
    sequences = [
        SkeletonSequence(
            f"{dataset}{i}", rng.normal(size=(1 + i % 2, 5 + i, joints, 3)).astype(np.float32), 2 * (i // 2)
        )
        for i in range(4)
    ]
    return SkeletonSet.write(
        path / dataset, sequences, dataset=dataset, layout=layout, class_names=("wave", "bow", "kick"), inputs={}
    )


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    path = tmp_path_factory.mktemp("browser")
    return {"one": made(path, "one", 25, "ntu25"), "two": made(path, "two", 20, "kinect_v1_20")}


@pytest.fixture
def browser(sets) -> SkeletonBrowser:
    return SkeletonBrowser(sets)


def choices(browser):
    """What the controls show, by name."""
    return {name: choice.value for name, choice in browser._choices.items()} | {"frame": browser.stage.frame}


def state(browser):
    return {name: getattr(browser, name) for name in ("dataset", "action", "sample", "layer", "frame")}


def drawn(browser) -> np.ndarray:
    """Coordinates on the stage, as the data have them."""
    (body,) = browser.stage.bodies
    return body.joints


def test_it_begins_with_the_first_sample_or_the_named_one(sets, browser):
    assert state(browser) == {"dataset": "one", "action": 0, "sample": "one0", "layer": "raw", "frame": 0}
    other = SkeletonBrowser(sets, dataset="two", sample="two3")
    assert (other.dataset, other.action, other.sample) == ("two", 2, "two3")
    assert choices(other) == state(other)
    assert other.stage.bodies[0].frames == 8


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_choice_fills_those_below_it(browser, sets, by_hand):
    def choose(name, value):
        if by_hand and name == "frame":
            browser.stage.frame = value
        elif by_hand:
            browser._choices[name].value = value
        else:
            setattr(browser, name, value)

    choose("frame", 3)
    assert browser.frame == browser.stage.frame == 3
    np.testing.assert_equal(drawn(browser), sets["one"].sequence(0).joints)
    choose("action", 2)
    assert (browser.sample, browser.frame) == ("one2", 0)
    assert browser._choices["sample"].options == ("one2", "one3")
    choose("sample", "one3")
    assert len(drawn(browser)) == 2
    choose("dataset", "two")
    assert (browser.action, browser.sample) == (0, "two0")
    assert browser._choices["action"].options == (("0 wave", 0), ("2 kick", 2))
    assert choices(browser) == state(browser)
    np.testing.assert_equal(drawn(browser), sets["two"].sequence(0).joints)
    choose("layer", "preprocessed")
    assert browser.stage.bodies[0].up == "z"
    assert choices(browser) == state(browser)


def test_moving_to_a_frame_sends_no_clip_and_a_choice_keeps_the_camera(browser):
    version, view = browser.stage.scene["version"], {"yaw": 2.0}
    browser.stage.view = view
    browser.frame = 4
    assert browser.stage.scene["version"] == version
    browser.sample = "one1"
    assert (browser.stage.scene["version"], browser.stage.view) == (version + 1, view)
    assert browser.frame == 0


def test_a_sample_without_a_body_is_answered_on_the_stage(tmp_path):
    joints = np.random.default_rng(0).normal(size=(1, 5, 25, 3)).astype(np.float32)
    sequences = [SkeletonSequence("there", joints, 0), SkeletonSequence("empty", joints, 0)]
    skeletons = SkeletonSet.write(
        tmp_path / "set", sequences, dataset="mine", layout="ntu25", class_names=("wave",), inputs={}
    )
    emptied = np.array(skeletons.frames)
    emptied[5:] = 0
    browser = SkeletonBrowser({"mine": replace(skeletons, frames=emptied)})
    browser.sample = "empty"
    assert "no frame of the clip has a body" in browser.stage.message
    browser.sample = "there"
    assert browser.stage.message == ""


def test_what_the_doctor_finds_is_marked(tmp_path):
    clean = build_puppet(tmp_path / "puppet").sequence(0).joints
    joints = np.array(clean)
    joints[0, 3:5, 7] = 0
    own = from_arrays(tmp_path / "own", [joints, clean], [0, 0], ["x"], "ntu25")
    assert [frame for frame, _ in doctor_marks(own, 0)] == [3]
    assert "exactly (0, 0, 0)" in doctor_marks(own, 0)[0][1]
    assert doctor_marks(own, 1) == ()
    assert SkeletonBrowser({"own": own}).stage.scene["bodies"][0]["marks"][0]["frame"] == 3
    assert SkeletonBrowser({"own": own}, marks=None).stage.scene["bodies"][0]["marks"] == []


def test_marks_are_on_the_time_line_of_the_raw_layer(sets):
    browser = SkeletonBrowser(sets, marks=lambda skeletons, row: [(row, "a jump")])
    browser.show("one2")
    assert browser.stage.scene["bodies"][0]["marks"] == [{"frame": 2, "text": "a jump"}]
    browser.layer = "preprocessed"
    assert browser.stage.scene["bodies"][0]["marks"] == []


def test_a_saved_view_opens_again(sets, browser):
    browser.show("one3")
    about = browser.stage.scene["about"]
    kept = {"kind": "zsar view", "version": 1, "stage": {"frame": 4, "yaw": 1.5}, "chosen": about}
    again = SkeletonBrowser(sets, view=kept)
    assert state(again) == {"dataset": "one", "action": 2, "sample": "one3", "layer": "raw", "frame": 4}
    assert again.stage.frame == 4
    assert again.stage.view["yaw"] == 1.5


def test_show_goes_to_a_sample_of_any_class(browser):
    browser.show("one3")
    assert (browser.action, browser.sample) == (2, "one3")
    assert choices(browser) == state(browser)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("dataset", "oen", "no data set 'oen'.*Did you mean 'one'"),
        ("action", 7, "classes are 0 to 2, got 7"),
        ("action", 1, "class 1 has no sample number 0, it has none"),
        ("sample", "one9", "no sample 'one9'"),
        ("sample", "one2", r"sample 'one2' is of class 2, but class 0 is chosen.*show\('one2'\)"),
        ("layer", "rew", "no layer 'rew'.*Did you mean 'raw'"),
        ("frame", 5, "frames are 0 to 4, got 5"),
    ],
)
def test_what_is_not_there_cannot_be_chosen(browser, name, value, message):
    before = state(browser)
    with pytest.raises(DataError, match=message):
        setattr(browser, name, value)
    assert state(browser) == before == choices(browser)


def test_a_browser_needs_samples(sets):
    with pytest.raises(DataError, match="needs data sets with samples"):
        SkeletonBrowser({})
    with pytest.raises(DataError, match="needs data sets with samples"):
        SkeletonBrowser({"none": sets["one"].select([])})
