"""Velocities in a plane: what the plane holds, and that the arrows are those of the field."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.quiver import Quiver

from zsar_kit.errors import DataError
from zsar_kit.plotting.flow import FlowArrows, Plane, plot_velocities, plot_velocity_errors

RNG = np.random.default_rng(0)


def flat_points(n=20, d=7):
    """Points of a plane in space, off the origin."""
    axes = np.linalg.qr(RNG.normal(size=(d, 2)))[0].T
    return RNG.normal(size=(n, 2)) @ axes + RNG.normal(size=d)


def test_a_plane_keeps_distances_and_angles_of_points_that_lie_in_it():
    points = flat_points()
    plane = Plane.fit(points)
    assert plane.share == pytest.approx(1.0)
    shown = plane.place(points)
    for i in range(len(points)):
        for j in range(i):
            assert np.linalg.norm(shown[i] - shown[j]) == pytest.approx(np.linalg.norm(points[i] - points[j]))
    np.testing.assert_allclose(plane.lift(shown) + plane.origin, points)


def test_the_share_of_a_plane_is_that_of_the_first_two_principal_axes():
    points = RNG.normal(size=(40, 5)) * [5.0, 3.0, 2.0, 1.0, 0.5]
    values = np.sort(np.linalg.eigvalsh(np.cov(points.T)))[::-1]
    assert Plane.fit(points).share == pytest.approx(values[:2].sum() / values.sum())


def test_a_vector_is_held_by_as_much_as_its_part_in_the_plane():
    plane = Plane(np.zeros(3), np.eye(3)[:2], 1.0, 3)
    assert plane.held(np.array([[3.0, 0.0, 4.0]])) == pytest.approx(9 / 25)
    assert plane.held(np.array([[1.0, 1.0, 0.0]])) == pytest.approx(1.0)
    assert plane.held(np.zeros((2, 3))) == 0.0


def test_a_linear_flow_is_drawn_as_it_is():
    a = np.array([[0.0, -1.0], [1.0, 0.0]])  # a rotation: every arrow is perpendicular to its place
    places, grid = RNG.normal(size=(6, 2)), RNG.normal(size=(9, 2))
    arrows = FlowArrows(places, places @ a.T, -places, places[:1], -places, grid, grid @ a.T)
    axes = plot_velocities(arrows, step=0.2, limits=(-4.0, 4.0, -4.0, 4.0))
    pale, target, predicted = (c for c in axes.collections if isinstance(c, Quiver))
    for drawn, at, v in ((pale, grid, grid @ a.T), (target, places, -places), (predicted, places, places @ a.T)):
        np.testing.assert_allclose(drawn.XY, at)
        np.testing.assert_allclose(np.column_stack([drawn.U, drawn.V]), v)
        assert drawn.scale == pytest.approx(5.0)  # arrows cover what the velocity covers in 0.2
    assert np.allclose((predicted.XY * np.column_stack([predicted.U, predicted.V])).sum(1), 0)
    assert axes.get_xlim() == (-4, 4)
    legend = [text.get_text() for text in axes.figure.legends[0].get_texts()]
    assert "v off the data: extrapolation" in legend


def test_error_lines_are_means_over_samples_and_the_own_text_is_thick():
    times, errors = np.linspace(0, 1, 4), {"own": RNG.random((4, 5)), "other": RNG.random((4, 5))}
    axes = plot_velocity_errors(times, errors, own="own")
    for line, (name, values) in zip(axes.lines, errors.items(), strict=True):
        np.testing.assert_allclose(line.get_ydata(), [row.sum() / 5 for row in values])
        assert (line.get_linewidth() > 2) == (name == "own")
    with pytest.raises(DataError, match="with 4 times, got shape"):
        plot_velocity_errors(times, {"own": np.ones((3, 5))})
    with pytest.raises(DataError, match="at least one text"):
        plot_velocity_errors(times, {})


@pytest.mark.parametrize("points", [np.zeros((5, 4)), np.ones((2, 4)), np.ones((5, 1)), np.full((4, 3), np.nan)])
def test_points_that_span_no_plane_are_refused(points):
    with pytest.raises(DataError, match="plane"):
        Plane.fit(points)


def test_a_step_must_be_positive():
    nothing = np.empty((0, 2))
    with pytest.raises(DataError, match="a positive time"):
        plot_velocities(FlowArrows(*[nothing] * 7), step=0.0)
