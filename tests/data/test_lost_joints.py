"""Centring and turning clips in which zeros stand for joints that were not found."""

import numpy as np
import pytest

from zsar_kit.data.joints import layout
from zsar_kit.data.orientation import align, centre, not_found
from zsar_kit.data.puppet.world import PuppetConfig, generate
from zsar_kit.data.skeletons import preprocess

SPINE = layout("ntu25").roles["spine"][0]
HIP = layout("ntu25").roles["hip_centre"][0]


@pytest.fixture(scope="module")
def clean():
    config = PuppetConfig(subjects=1, cameras=1, replications=1, classes=(0,))
    return next(iter(generate(config))).joints[:1]


def without(clip, frames, joint):
    lost = clip.copy()
    lost[0, frames, joint] = 0.0
    return lost


def others(clip, joint):
    return np.delete(clip, joint, axis=2)


def test_a_spine_missing_in_the_first_frame_does_not_move_the_clip(clean):
    """The bodies are two metres and more from the camera; the clip must not stay there."""
    lost = without(clean, 0, SPINE)
    moved = others(centre(lost), SPINE) - others(clean, SPINE)
    np.testing.assert_allclose(moved, np.broadcast_to(-clean[0, 1, SPINE], moved.shape), atol=1e-6)
    assert np.abs(others(preprocess(lost, "ntu25"), SPINE)).max() < 2.0


@pytest.mark.parametrize(("by", "joint"), [("each_frame", SPINE), ("hip", HIP)])
def test_frames_without_the_place_move_with_their_neighbours(clean, by, joint):
    lost = without(clean, slice(5, 8), joint)
    whole, mended = centre(clean, by=by), centre(lost, by=by)
    kept = [t for t in range(clean.shape[1]) if t not in range(5, 8)]
    np.testing.assert_array_equal(mended[:, kept], whole[:, kept])
    for frame, neighbour in ((5, 4), (6, 4), (7, 8)):
        expected = others(clean, joint)[0, frame] - clean[0, neighbour, joint]
        np.testing.assert_allclose(others(mended, joint)[0, frame], expected, atol=1e-6)


def test_the_first_frame_with_hips_and_shoulders_stands_the_clip_upright(clean):
    lost = without(clean, 0, HIP)
    np.testing.assert_allclose(others(align(lost)[:, 1:], HIP), others(align(clean[:, 1:]), HIP), atol=1e-6)


def test_released_centring_takes_zeros_for_positions(clean):
    lost = without(clean, 0, SPINE)
    np.testing.assert_array_equal(centre(lost, as_released=True), lost)


def test_a_clip_that_is_centred_already_stays(clean):
    once = centre(clean)
    assert not once[0, 0, SPINE].any()
    np.testing.assert_array_equal(centre(once), once)
    assert not not_found(once[0], (SPINE,)).any()


def test_without_any_sighting_of_the_place_the_clip_stays_as_it_is(clean):
    lost = without(clean, slice(None), SPINE)
    for by in ("first_frame", "each_frame"):
        np.testing.assert_array_equal(centre(lost, by=by), lost)
