"""Motions that show the shape of the lead hand's path: extents, turns, sweeps, strokes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from zsar_kit.primitives.motions import Motion, along, draw_path, draws, mix, strokes, to
from zsar_kit.primitives.pose import STANDING, Vector, between, hold, swing

#: seconds of one turn of a drawn circle, and of one stroke
TURN, STROKE = 1.2, 0.4


@draws("extent_lateral")
def _wide(much: float) -> Motion:
    points = strokes(1.0, (0.6, 0.75, -0.5), (0.6 - 0.4 * much, 0.75, -0.5), (0.0, 0.0, 0.0))
    wide = strokes(1.0, (0.6 - 0.4 * much, 0.75, -0.5), (0.6 + 0.9 * much, 0.4, -0.5), (0.0, 0.0, 0.0))
    back = strokes(1.0, (0.6 + 0.9 * much, 0.4, -0.5), (0.6 - 1.3 * much, 0.75, -0.5), (0.0, 0.0, 0.0), 0.8)
    return draw_path(np.concatenate([points, wide, back]))


@draws("extent_vertical")
def _tall(much: float) -> Motion:
    return to(replace(STANDING, right=swing(20.0 + 160.0 * much)))


@draws("extent_depth")
def _deep(much: float) -> Motion:
    back = replace(STANDING, right=mix(swing(20.0, across=0.0), swing(-38.0), min(1.0, 1.2 * much)))
    front = replace(STANDING, right=mix(swing(25.0, across=0.0), swing(92.0), much))
    poses = hold(STANDING, 0.3) + between(STANDING, back, 0.6) + between(back, front, 0.9) + hold(front, 0.3)
    return Motion(poses, traced=("hand_right",))


def _circle(turns: float, plane: int, centre: Vector, radius: float = 0.65) -> Motion:
    """Turns from up to axis ``plane`` (0 right, 1 forward) and on, begun at the bottom; negative ones against it."""
    angle = np.pi + np.linspace(0.0, 2 * np.pi * turns, max(3, round(abs(turns) * TURN * 30)))
    points = np.tile(np.array(centre), (len(angle), 1))
    points[:, plane] += radius * np.sin(angle)
    points[:, 2] += radius * np.cos(angle)
    return draw_path(points)


@draws("winding")
def _clockwise(much: float) -> Motion:
    return _circle(3.4 * (much - 0.5), 0, (0.3, 0.7, -0.4))


@draws("winding_size")
def _round(much: float) -> Motion:
    return _circle(1.6 * much, 0, (0.3, 0.7, -0.4))


@draws("winding_side")
def _wheel(much: float) -> Motion:
    return _circle(3.4 * (much - 0.5), 1, (0.6, 0.3, -0.4), 0.65)


@draws("sweep")
def _swept(much: float) -> Motion:
    far = 2.0 * much - 1.0
    return draw_path(
        strokes(1.0, (0.25 - 0.75 * far, 0.7, -0.1), (0.25 + 0.75 * far, 0.7, -0.1), (0.0, 0.0, 0.0), 0.36)
    )


@draws("sweep_net")
def _swept_net(much: float) -> Motion:
    far = 2.2 * (much - 0.5)
    start, end = (0.2 - 0.85 * far, 0.65, 0.0), (0.2 + 0.85 * far, 0.65, 0.0)
    return draw_path(strokes(1.0, start, end, (0.0, 0.0, 0.0), 0.9))


@draws("reversals_lateral")
def _waving(much: float) -> Motion:
    return draw_path(strokes(1.0 + 7.2 * much, (0.2, 0.7, 0.2), (0.9, 0.6, 0.2), (0.0, 0.0, -0.6), STROKE))


@draws("reversals_vertical")
def _bouncing(much: float) -> Motion:
    return draw_path(strokes(1.0 + 8.2 * much, (0.2, 0.75, -0.1), (0.2, 0.75, -0.65), (0.6, 0.0, 0.0), STROKE))


@draws("reversals_depth")
def _poking(much: float) -> Motion:
    return draw_path(strokes(1.0 + 8.2 * much, (0.2, 0.45, -0.2), (0.2, 1.0, -0.2), (0.6, 0.0, 0.0), STROKE))


@draws("repetitions")
def _again(much: float) -> Motion:
    count = 2.0 * np.expm1(np.log(2.0) + much * np.log(4.5)) + 0.3
    path = strokes(count, (0.3, 0.75, -0.7), (0.3, 0.75, 0.1), (0.5, 0.0, 0.0), STROKE)
    return draw_path(path)


def _stroke(direction: np.ndarray, middle: Vector) -> Motion:
    start, end = np.array(middle) - 0.3 * direction, np.array(middle) + 0.3 * direction
    return draw_path(strokes(1.0, tuple(start.tolist()), tuple(end.tolist()), (0.0, 0.0, 0.0), 0.2), seconds=1.2)


@draws("velocity_forward")
def _thrust(much: float) -> Motion:
    angle = np.pi * (much - 0.5)
    return _stroke(np.array([np.cos(angle), np.sin(angle), 0.0]), (0.5, 0.7, -0.2))


@draws("velocity_up")
def _lift(much: float) -> Motion:
    angle = np.pi * (much - 0.5)
    return _stroke(np.array([np.cos(angle), 0.0, np.sin(angle)]), (0.5, 0.75, -0.2))


@draws("closed")
def _back_again(much: float) -> Motion:
    start, end = (0.7, 0.7, -0.1), (-0.5, 0.75, 0.0)
    out = strokes(1.0, start, end, (0.0, 0.0, 0.0), 0.7)
    back = strokes(1.0, end, mix((-0.5, 0.75, -0.25), (0.7, 0.7, -0.2), much), (0.0, 0.0, 0.0), 0.7)
    return draw_path(out if much < 0.02 else np.concatenate([out, back]))


@draws("straight")
def _one_stroke(much: float) -> Motion:
    count = 1.0 + 11.0 * (1.0 - much) ** 2
    lines = strokes(count, STANDING.right, (-0.3, 0.75, 0.1), (0.6, 0.0, 0.0), 0.6)
    return Motion([*hold(STANDING, 0.5), *along(lines)], traced=("hand_right",))


@draws("corners")
def _zigzag(much: float) -> Motion:
    """Straight lines between the points of a zigzag, each as slow at its ends as in its middle."""
    count = 1 + round(6.0 * much)
    if count == 1:
        return to(replace(STANDING, right=swing(90.0)))
    points = [(-0.3 + 0.22 * i, 0.75, 0.1 if i % 2 == 0 else -0.5) for i in range(count + 1)]
    share = np.linspace(0.0, 1.0, 10)[1:, None]
    lines = [(1 - share) * np.array(a) + share * np.array(b) for a, b in pairwise(points)]
    return draw_path(np.concatenate(lines))


@draws("windup")
def _wound_up(much: float) -> Motion:
    ready = replace(STANDING, right=mix((0.5, 0.2, -1.3), (0.75, -0.62, 0.45), much), right_elbow=(1.0, -0.2, -0.3))
    strike = replace(STANDING, right=(0.2, 1.2, -0.1))
    first = hold(STANDING, 0.3) + between(STANDING, ready, 0.9)
    poses = [*first, *hold(ready, 0.2), *between(ready, strike, 0.4), *hold(strike, 0.3)]
    return Motion(poses, shown=len(first), ghost=-1, traced=("hand_right",))
