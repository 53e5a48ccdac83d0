"""One clip as somebody has it: what the doctor refuses offers no way out that does not exist."""

from __future__ import annotations

import re
import shlex

import numpy as np
import pytest

from zsar_kit.data.puppet import PuppetConfig, build_puppet
from zsar_kit.errors import DataError
from zsar_kit.experiments.pipeline.own_clip import open_clip


@pytest.fixture(scope="module")
def joints(tmp_path_factory):
    config = PuppetConfig(classes=(0,), subjects=1, cameras=1, replications=1)
    return build_puppet(tmp_path_factory.mktemp("puppet") / "set", config).sequence(0).joints


def infinite(joints: np.ndarray) -> np.ndarray:
    return np.where(np.arange(joints.size).reshape(joints.shape) == 30, np.float32(np.inf), joints)


def crowd(joints: np.ndarray) -> np.ndarray:
    return (joints + np.arange(7)[:, None, None, None] * 0.5).astype(np.float32)


def backwards(joints: np.ndarray) -> np.ndarray:
    order = sorted(range(1, joints.shape[1] + 1), key=str)
    return joints[:, [n - 1 for n in order]]


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda joints: joints * np.nan, "empty"),
        (lambda joints: joints * 0, "empty"),
        (lambda joints: joints[:, :0], "empty"),
        (infinite, "finite"),
        (lambda joints: joints.swapaxes(0, 1), "axes"),
        (crowd, "axes"),
        (lambda joints: joints * 3, "units"),
        (lambda joints: joints * 1000, "units"),
        (backwards, "frame order"),
    ],
)
def test_what_is_offered_to_be_accepted_can_be(tmp_path, joints, change, check):
    """A refusal offers ``--accept`` just where the clip can be opened with it, in words that a shell takes."""
    np.save(tmp_path / "a.npy", change(joints))
    with pytest.raises(DataError, match=rf"refuses \({check}\)") as refused:
        open_clip(tmp_path / "a.npy")
    _, offered, command = str(refused.value).partition("--accept ")
    names = shlex.split(command.split(", in Python")[0]) if offered else [check]
    try:
        open_clip(tmp_path / "a.npy", accept=names)
    except DataError:
        assert not offered
    else:
        assert offered or "Or name the unit: --unit mm, in Python unit='mm'." in str(refused.value)


def opened(path, joints: np.ndarray, **how):
    np.save(path, joints.astype(np.float32))
    return open_clip(path, **how)


@pytest.mark.parametrize("axes", ["x-zy", "x-y-z", "y-xz", "-yxz"])
def test_the_way_up_that_the_doctor_names_can_be_named(tmp_path, joints, axes):
    """Its words, as an option, stand the body on its feet again."""
    signed = [(-1 if sign else 1, "xyz".index(name)) for sign, name in re.findall("(-?)([xyz])", axes)]
    turned = np.stack([sign * joints[..., axis] for sign, axis in signed], axis=-1)
    found = [one for one in opened(tmp_path / "a.npy", turned).report.findings if one.check == "upright"]
    (up,) = {one.remedy.split("--up=")[1].split(",")[0] for one in found}
    again = opened(tmp_path / "a.npy", turned, up=up)
    assert not again.told
    np.testing.assert_allclose(again.joints[..., 1], opened(tmp_path / "b.npy", joints).joints[..., 1], atol=1e-6)
