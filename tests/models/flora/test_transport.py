"""Velocities along the path, against fields whose velocities are known and against the scores (Flora, Eq. 5, 6, 14)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.models.flora.fields import dit, randn
from zsar_kit.errors import ConfigError, DataError
from zsar_kit.models.flora.path import SIGMA_MIN, StraightPath
from zsar_kit.models.flora.scoring import ScoringOptions, velocity_errors
from zsar_kit.models.flora.transport import shifted_velocities, transport
from zsar_kit.models.flora.velocity import VelocityField

TIMES = torch.tensor([0.0, 0.25, 0.5, 1.0], dtype=torch.float64)


class Linear(VelocityField):
    """``v(z, t) = (1 + t) A z``."""

    def __init__(self, a: Tensor):
        super().__init__()
        self.dim, self.a = len(a), a

    def forward(self, z_t, t, mask=None, condition=None):
        return (1 + t)[:, None, None] * z_t @ self.a.T

    def activation_floats(self, tokens: int) -> int:
        return tokens * self.dim


class Perfect(VelocityField):
    """The exact velocity of every path that starts at ``source``: ``(z_t - z_0) / t``, for t above 0."""

    def __init__(self, source: Tensor):
        super().__init__()
        self.dim, self.source = source.shape[1], source

    def forward(self, z_t, t, mask=None, condition=None):
        return (z_t - self.source) / t[:, None, None]

    def activation_floats(self, tokens: int) -> int:
        return tokens * self.dim


@pytest.fixture
def pair():
    return {"z_s": randn(4, 6, seed=1), "z_a": randn(5, 6, seed=2), "mask": torch.tensor([1, 1, 1, 0, 0]).bool()}


def test_a_linear_field_is_reported_where_the_path_is(pair):
    a = randn(6, 6, seed=3)
    found = transport(Linear(a), **pair, times=TIMES)
    assert found.z_t.shape == (4, 4, 3, 6)  # padding is left out
    for k, t in enumerate(TIMES):
        for i in range(4):
            for m in range(3):
                z = (1 - (1 - SIGMA_MIN) * t) * pair["z_a"][m] + t * pair["z_s"][i]
                torch.testing.assert_close(found.z_t[k, i, m], z)
                torch.testing.assert_close(found.predicted[k, i, m], (1 + t) * (a @ z))
                torch.testing.assert_close(found.target[i, m], pair["z_s"][i] - (1 - SIGMA_MIN) * pair["z_a"][m])


def test_a_field_that_knows_the_paths_makes_no_error(pair):
    found = transport(Perfect(pair["z_a"][:3]), **pair, times=TIMES[1:])
    torch.testing.assert_close(found.errors(), torch.zeros(3, 4, dtype=torch.float64), atol=1e-10, rtol=0)


def test_at_time_0_the_path_is_at_its_source_and_at_time_1_at_its_target(pair):
    found = transport(Linear(torch.eye(6, dtype=torch.float64)), **pair, times=TIMES)
    torch.testing.assert_close(found.z_t[0], found.z_0)
    torch.testing.assert_close(found.z_t[-1], found.z_1 + SIGMA_MIN * found.z_0)
    torch.testing.assert_close(found.z_1, pair["z_s"][:, None].expand(-1, 3, -1))


@pytest.mark.parametrize("direction", ["text_to_skeleton", "skeleton_to_text"])
@torch.no_grad()
def test_errors_are_those_that_classes_are_scored_by(pair, direction):
    model, path = dit(), StraightPath(direction)
    found = transport(model, **pair, times=TIMES, path=path)
    for k, t in enumerate(TIMES.tolist()):
        scored = velocity_errors(
            model, pair["z_s"], pair["z_a"][None], pair["mask"][None], ScoringOptions(t, "total"), path=path
        )
        torch.testing.assert_close(found.errors()[k], scored[:, 0])


def test_shifted_tokens_have_the_velocity_of_where_they_are(pair):
    a, tokens, shifts = randn(6, 6, seed=3), randn(3, 6, seed=4), randn(7, 6, seed=5)
    found = shifted_velocities(Linear(a), tokens, shifts, 0.5)
    torch.testing.assert_close(found, 1.5 * (tokens.mean(0) + shifts) @ a.T)


def test_what_cannot_be_a_path_is_refused(pair):
    model = Linear(torch.eye(6, dtype=torch.float64))
    for times in (torch.tensor([0.5, 1.5]), torch.tensor([])):
        with pytest.raises(ConfigError, match=r"in \[0, 1\]"):
            transport(model, **pair, times=times)
    with pytest.raises(DataError, match="a text token and a skeleton, got 0 and 4"):
        transport(model, **pair | {"mask": torch.zeros(5).bool()}, times=TIMES)
