"""The straight path: its ends, its velocity, and the sums that pairs are made of (Eq. 5-6)."""

from __future__ import annotations

import pytest
import torch

from tests.models.flora.fields import randn
from zsar_kit.errors import ConfigError
from zsar_kit.models.flora.path import SIGMA_MIN, StraightPath

PATH = StraightPath()


def test_velocity_carries_any_point_of_the_path_to_its_end():
    z_0, z_1, t = randn(4, 3, 2), randn(4, 3, 2, seed=1), torch.tensor([0.0, 0.3, 0.9, 1.0]).double()
    z_t, v = PATH.interpolate(z_0, z_1, t), PATH.velocity(z_0, z_1)
    torch.testing.assert_close(z_t + (1 - t[:, None, None]) * v, z_1 + SIGMA_MIN * z_0)
    torch.testing.assert_close(z_t - t[:, None, None] * v, z_0)


def test_ends_of_the_path():
    z_0, z_1 = randn(2, 3, 2), randn(2, 3, 2, seed=1)
    assert torch.equal(PATH.interpolate(z_0, z_1, torch.zeros(2).double()), z_0)
    torch.testing.assert_close(PATH.interpolate(z_0, z_1, torch.ones(2).double()), z_1 + SIGMA_MIN * z_0)
    assert torch.equal(StraightPath(sigma_min=0.0).interpolate(z_0, z_1, torch.ones(2).double()), z_1)


def test_velocity_is_the_derivative_of_the_path():
    z_0, z_1, t = randn(2, 3, 2), randn(2, 3, 2, seed=1), torch.tensor([0.2, 0.7]).double()
    slope = (PATH.interpolate(z_0, z_1, t + 1e-4) - PATH.interpolate(z_0, z_1, t - 1e-4)) / 2e-4
    torch.testing.assert_close(slope, PATH.velocity(z_0, z_1), rtol=1e-7, atol=1e-9)


def test_direction_swaps_the_ends():
    z_s, z_a = randn(1, 2, 2), randn(1, 2, 2, seed=1)
    assert StraightPath("text_to_skeleton").endpoints(z_s, z_a) == (z_a, z_s)
    assert StraightPath("skeleton_to_text").endpoints(z_s, z_a) == (z_s, z_a)


def test_a_path_that_can_not_be_is_refused():
    with pytest.raises(ConfigError, match=r"direction must be one of .*got 'sideways'"):
        StraightPath("sideways")
    for sigma_min in (-0.1, 1.0, float("nan")):
        with pytest.raises(ConfigError, match=r"sigma_min must be in \[0, 1\)"):
            StraightPath(sigma_min=sigma_min)


@pytest.mark.parametrize("direction", ["text_to_skeleton", "skeleton_to_text"])
@pytest.mark.parametrize("noisy", [False, True])
def test_sums_of_pairs_are_the_pairs_one_by_one(direction, noisy):
    """Five samples meet six classes of three tokens; a sample has one latent for all of them."""
    path, t = StraightPath(direction, sigma_min=0.1), torch.tensor([0.3]).double()
    z_s, z_a, noise = randn(5, 1, 4), randn(6, 3, 4, seed=1), randn(3, 4, seed=2) if noisy else None
    sums = path.pair_sums(z_s, z_a, t, noise)
    z_t, v = (
        of_text[None] + of_skeleton[:, None]
        for of_text, of_skeleton in ((sums.z_of_text, sums.z_of_skeleton), (sums.v_of_text, sums.v_of_skeleton))
    )
    for i in range(5):
        for c in range(6):
            z_0, z_1 = path.endpoints(z_s[i : i + 1], z_a[c : c + 1])
            z_0 = z_0 if noise is None else z_0 + noise
            torch.testing.assert_close(z_t[i, c], path.interpolate(z_0, z_1, t)[0])
            torch.testing.assert_close(v[i, c], path.velocity(z_0, z_1)[0])
