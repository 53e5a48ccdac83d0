"""What an array of the wrong shape may be: its axes in another order, another layout, points of a picture."""

from __future__ import annotations

import numpy as np
import pytest

from zsar_kit.data.array_shape import require_shape, shape_advice
from zsar_kit.data.foreign import read_recording
from zsar_kit.errors import DataError

KINECT = "kinect_v1_20"


@pytest.mark.parametrize(
    ("shape", "layout", "right"),
    [
        ((3, 69, 20), KINECT, (69, 20, 3)),
        ((20, 69, 3), KINECT, (69, 20, 3)),
        ((69, 3, 20), KINECT, (69, 20, 3)),
        ((3, 69, 20), "ntu25", (69, 20, 3)),  # of no joints of the layout, but of another's
        ((3, 300, 25, 2), "ntu25", (2, 300, 25, 3)),  # channels, frames, joints, persons
        ((3, 300, 25, 1), "ntu25", (1, 300, 25, 3)),
        ((2, 3, 300, 25), "ntu25", (2, 300, 25, 3)),
        ((20, 69, 3), "ntu25", (69, 20, 3)),
        ((40, 60), KINECT, (40, 20, 3)),
    ],
)
def test_what_the_advice_says_makes_a_sequence(shape, layout, right):
    """The line to paste, evaluated, has the right shape."""
    advice = shape_advice(shape, layout)
    line = advice[advice.index("np.") :].split(" has ")[0].rstrip(".")
    made = eval(line, {"np": np, "array": np.zeros(shape)})
    assert made.shape == right
    assert require_shape(made, "ntu25" if right[-2] == 25 else KINECT, "x").shape[1:] == right[-3:]


@pytest.mark.parametrize(
    ("shape", "layout", "advice"),
    [
        ((69, 20, 2), KINECT, r"points of a picture, \[frame, joint, xy\].*not from arrays"),
        ((69, 20, 3), "ntu25", r"\(--layout, in Python layout=\): .*kinect_v1_20.* 20 joints\."),
        ((69, 7, 3), "ntu25", "No layout of the kit has 7 joints: describe yours"),
        ((69,), "ntu25", r"\[69\] \(in x\)\.$"),
    ],
)
def test_what_an_array_may_be(shape, layout, advice):
    with pytest.raises(DataError, match=advice):
        require_shape(np.zeros(shape), layout, "x")


def test_the_message_has_the_shape_of_the_file(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 69, 20), dtype=np.float32))
    with pytest.raises(DataError, match=r"got float32\[3, 69, 20\] .*np\.transpose\(array, \(1, 2, 0\)\)"):
        read_recording(tmp_path / "a.npy", layout=KINECT)


def test_the_only_array_of_a_file_may_have_any_name(tmp_path):
    joints = np.random.default_rng(1).normal(size=(6, 20, 3))
    np.savez(tmp_path / "a.npz", data=joints)
    for named in (KINECT, ""):
        read = read_recording(tmp_path / "a.npz", layout=named)
        np.testing.assert_array_equal(read.joints[0], joints.astype(np.float32))
    np.savez(tmp_path / "a.npz", data=joints, times=np.arange(6))
    with pytest.raises(DataError, match=r"the array 'joints' is missing; there are data, times .*joints=array"):
        read_recording(tmp_path / "a.npz", layout=KINECT)
