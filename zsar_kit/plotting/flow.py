"""Velocities of a flow in a plane of the latent space, and their errors in the whole space (Flora, Fig. 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from zsar_kit.errors import DataError
from zsar_kit.plotting import style
from zsar_kit.reprs import ShownByShape

PREDICTED, TARGET = style.BLUE, style.RED
ARROW = {"angles": "xy", "scale_units": "xy", "headwidth": 4.0, "headlength": 4.5, "headaxislength": 4.0}


@dataclass(frozen=True, eq=False)
class Plane(ShownByShape):
    """A plane of a latent space, by an origin and two orthonormal axes.

    Attributes:
        origin: a point of the plane, ``[d]``.
        axes: ``[2, d]``.
        share: the share of the variance of the points that it was fitted to, in [0, 1].
        points: how many points these were.
    """

    origin: Float[np.ndarray, " d"]
    axes: Float[np.ndarray, "2 d"]
    share: float
    points: int

    @classmethod
    def fit(cls, points: np.ndarray) -> Plane:
        """The plane of the two directions in which the points vary most, through their mean.

        Args:
            points: ``[point, d]``.

        Raises:
            DataError: there are fewer than three points, fewer than two dimensions, a value that is not finite, or the
                points are all the same.
        """
        rows = np.asarray(points, dtype=np.float64)
        if rows.ndim != 2 or len(rows) < 3 or rows.shape[1] < 2 or not np.isfinite(rows).all():
            raise DataError(f"a plane needs three finite points [point, d], got shape {rows.shape}", where="points")
        origin = rows.mean(0)
        _, size, right = np.linalg.svd(rows - origin, full_matrices=False)
        if not size[0]:
            raise DataError("all points are the same, so they span no plane", where="points")
        axes = right[:2]
        axes = axes * np.where(axes[np.arange(2), np.abs(axes).argmax(1)] < 0, -1.0, 1.0)[:, None]
        return cls(origin, axes, float(np.square(size[:2]).sum() / np.square(size).sum()), len(rows))

    def place(self, points: np.ndarray) -> Float[np.ndarray, "*rows 2"]:
        """Coordinates of points ``[*rows, d]`` in the plane."""
        return (np.asarray(points, dtype=np.float64) - self.origin) @ self.axes.T

    def turn(self, vectors: np.ndarray) -> Float[np.ndarray, "*rows 2"]:
        """The part of vectors ``[*rows, d]`` that lies in the plane."""
        return np.asarray(vectors, dtype=np.float64) @ self.axes.T

    def lift(self, coordinates: np.ndarray) -> Float[np.ndarray, "*rows d"]:
        """Vectors of the latent space that move by ``coordinates`` within the plane."""
        return np.asarray(coordinates, dtype=np.float64) @ self.axes

    def held(self, vectors: np.ndarray) -> float:
        """The share of the vectors' squared length that lies in the plane, in [0, 1]."""
        whole = float(np.square(np.asarray(vectors, dtype=np.float64)).sum())
        return float(np.square(self.turn(vectors)).sum()) / whole if whole else 0.0


@dataclass(frozen=True, eq=False)
class FlowArrows(ShownByShape):
    """What one panel of a velocity field shows, in coordinates of a plane.

    Attributes:
        at: where the arrows start, on the path.
        predicted, target: velocities there, latent units per unit of time.
        sources, targets: the ends of the paths.
        around: places off the data.
        extrapolated: predicted velocities there.
    """

    at: Float[np.ndarray, "arrow 2"]
    predicted: Float[np.ndarray, "arrow 2"]
    target: Float[np.ndarray, "arrow 2"]
    sources: Float[np.ndarray, "source 2"]
    targets: Float[np.ndarray, "target 2"]
    around: Float[np.ndarray, "place 2"]
    extrapolated: Float[np.ndarray, "place 2"]


def plot_velocities(
    arrows: FlowArrows,
    *,
    step: float,
    limits: tuple[float, float, float, float] | None = None,
    legend: bool = True,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Predicted (blue) and target velocities (red) along the paths from source to target, in a plane.

    Pale arrows are the field's predictions off the data, where it was never trained: extrapolation.

    Args:
        arrows: what is drawn.
        step: an arrow is as long as what its velocity covers in this time.
        limits: left, right, lowest and highest coordinate, so that panels can be compared; None fits this panel.
        legend: explain the marks below the axes.
        ax: where to draw; None makes a figure of a column's width.
        title: above it.

    Raises:
        DataError: the step is not positive.
    """
    if not step > 0:
        raise DataError(f"expected a positive time, got {step}", where="step")
    axes = style.ensure_axes(ax, width=style.COLUMN, height=3.4)
    scale = {"scale": 1 / step, **ARROW}
    if len(arrows.around):
        pale = {"color": style.LIGHT, "width": 0.007, "zorder": 1}
        axes.quiver(*arrows.around.T, *arrows.extrapolated.T, **pale, **scale)
    ends = {"linewidths": 0.5, "edgecolors": "white", "zorder": 3}
    axes.scatter(*arrows.sources.T, s=26, marker="D", color=style.INK, label="source", **ends)
    axes.scatter(*arrows.targets.T, s=14, marker="o", color=style.GREY, label="target", **ends)
    axes.quiver(*arrows.at.T, *arrows.target.T, color=TARGET, width=0.009, zorder=4, **scale)
    axes.quiver(*arrows.at.T, *arrows.predicted.T, color=PREDICTED, width=0.006, zorder=5, **scale)
    if limits is not None:
        axes.set(xlim=limits[:2], ylim=limits[2:])
    axes.set_aspect("equal", adjustable="box")
    if legend:
        explain_arrows(style.figure_of(axes))
    style.label_axes(axes, x="first axis of the plane (latent units)", y="second axis", title=title)
    return axes


def explain_arrows(fig: Figure | SubFigure) -> None:
    """A legend of the marks of :func:`plot_velocities` below a figure."""
    line = {"linestyle": "-", "linewidth": 2.0}
    dot = {"linestyle": "", "markeredgewidth": 0, "color": style.GREY}
    marks = [
        Line2D([], [], marker="D", label="source", **{**dot, "color": style.INK}),
        Line2D([], [], marker="o", label="target", **dot),
        Line2D([], [], color=TARGET, label="target velocity v*", **line),
        Line2D([], [], color=PREDICTED, label="predicted v", **line),
        Line2D([], [], color=style.LIGHT, label="v off the data: extrapolation", **line),
    ]
    look = {"fontsize": style.SMALL_SIZE, "frameon": False, "columnspacing": 1.0, "handlelength": 1.2}
    fig.legend(handles=marks, loc="outside lower center", ncols=len(marks), **look)


def plot_velocity_errors(
    times: np.ndarray,
    errors: Mapping[str, np.ndarray],
    *,
    own: str | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Error of the predicted velocity along the path, in the whole latent space; mean and middle half of the samples.

    Args:
        times: ``[time]``.
        errors: name of a semantics to its errors ``|v - v*|``, latent units per unit of time, ``[time, sample]``.
        own: the semantics that belongs to the skeletons; its line is thick.
        ax: where to draw; None makes a figure of a column's width.
        title: above it.

    Raises:
        DataError: there is nothing to draw, or shapes disagree.
    """
    if not errors:
        raise DataError("expected the errors of at least one text, got none", where="errors")
    axes = style.ensure_axes(ax, width=style.COLUMN, height=2.4)
    dashes = ("-", (0, (4, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.5, 1, 1.5)), "-", "-")
    for number, (name, values) in enumerate(errors.items()):
        if values.ndim != 2 or len(values) != len(times):
            raise DataError(
                f"expected [time, sample] with {len(times)} times, got shape {values.shape}",
                where=f"errors[{name!r}]",
            )
        color, line = style.PALETTE[number % len(style.PALETTE)], dashes[number % len(dashes)]
        width = 2.4 if name == own else 1.2
        axes.plot(
            times,
            values.mean(1),
            color=color,
            linestyle=line,
            linewidth=width,
            label=style.literal(style.shorten(name, 24)),
        )
        axes.fill_between(times, *np.quantile(values, (0.25, 0.75), axis=1), color=color, alpha=0.12, linewidth=0)
    axes.set_xlim(float(times.min()), float(times.max()))
    axes.set_ylim(bottom=0)
    style.legend_below(axes, columns=4)
    style.label_axes(axes, x="time t (0: source, 1: target)", y="|v − v*|, latent units", title=title)
    return axes
