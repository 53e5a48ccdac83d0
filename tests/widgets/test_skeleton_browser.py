"""The browser's state is its traits, and it works without a front end."""

from __future__ import annotations

import numpy as np
import pytest

from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.errors import DataError
from zsar_kit.plotting.skeleton_3d import pose_coordinates
from zsar_kit.widgets.skeleton_browser import SkeletonBrowser


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
    return {name: choice.value for name, choice in browser._choices.items()}


def state(browser):
    return {name: getattr(browser, name) for name in ("dataset", "action", "sample", "layer", "frame")}


def drawn(browser):
    return [np.stack([t.x, t.y, t.z]) for t in browser.figure.data]


def expected(skeletons, row: int, frame: int):
    lines = pose_coordinates(skeletons.sequence(row).joints, skeletons.layout, frame)
    return [np.stack([line[a] for a in "xyz"]) for line in lines]


def test_it_begins_with_the_first_sample_or_the_named_one(sets, browser):
    assert state(browser) == {"dataset": "one", "action": 0, "sample": "one0", "layer": "raw", "frame": 0}
    other = SkeletonBrowser(sets, dataset="two", sample="two3")
    assert (other.dataset, other.action, other.sample) == ("two", 2, "two3")
    assert choices(other) == state(other)
    assert other._choices["frame"].max == 7


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_choice_fills_those_below_it(browser, sets, by_hand):
    def choose(name, value):
        if by_hand:
            browser._choices[name].value = value
        else:
            setattr(browser, name, value)

    choose("frame", 3)
    np.testing.assert_equal(drawn(browser), expected(sets["one"], 0, 3))
    choose("action", 2)
    assert (browser.sample, browser.frame) == ("one2", 0)
    assert browser._choices["sample"].options == ("one2", "one3")
    choose("sample", "one3")
    assert len(browser.figure.data) == 12
    choose("dataset", "two")
    assert (browser.action, browser.sample) == (0, "two0")
    assert browser._choices["action"].options == (("0 wave", 0), ("2 kick", 2))
    assert choices(browser) == state(browser)
    np.testing.assert_equal(drawn(browser), expected(sets["two"], 0, 0))
    choose("layer", "preprocessed")
    assert browser.figure.layout.scene.zaxis.title.text == "z, m"
    assert choices(browser) == state(browser)


def test_moving_to_a_frame_keeps_the_figure_and_its_eye(browser):
    figure = browser.figure
    figure.layout.scene.camera.eye.x = 5
    browser.frame = 4
    assert browser.figure is figure
    assert figure.layout.scene.camera.eye.x == 5
    assert browser.children[-1] is figure


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
