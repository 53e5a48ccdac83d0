"""The format and the two chains of NTU RGB+D restated from their rules, in plain loops over Python numbers.

A recording is a list of frames, a frame a list of ``(tracking id, pose)`` in the order of the file, a pose 25 triples.
Nothing here is shared with the kit's reader.
"""

from __future__ import annotations

import math

import numpy as np

Pose = list[tuple[float, float, float]]
Frames = list[list[tuple[int, Pose]]]


def parse(content: bytes) -> Frames:
    lines = [line.split() for line in content.decode("ascii").replace("\r\n", "\n").split("\n")]
    place = 0

    def take() -> list[str]:
        nonlocal place
        place += 1
        return lines[place - 1]

    frames: Frames = []
    for _ in range(int(take()[0])):
        bodies = []
        for _ in range(int(take()[0])):
            tracking_id = int(take()[0])
            pose = []
            for _ in range(int(take()[0])):
                x, y, z, *_ = (float(np.float32(value)) for value in take())
                pose.append((x, y, z))
            bodies.append((tracking_id, pose))
        frames.append(bodies)
    return frames


def is_zero(pose: Pose | None) -> bool:
    return pose is None or all(value == 0 for joint in pose for value in joint)


# --- the chain of CTR-GCN


def motion(poses: list[Pose]) -> float:
    """Sum over x, y, z of the variance of that coordinate, over all joints of all frames together."""
    total = 0.0
    for axis in range(3):
        values = [joint[axis] for pose in poses for joint in pose]
        mean = math.fsum(values) / len(values)
        total += math.fsum((value - mean) ** 2 for value in values) / len(values)
    return total


def is_wide(pose: Pose) -> bool:
    def spread(axis: int) -> float:
        values = [joint[axis] for joint in pose]
        return float(np.float32(np.float32(max(values)) - np.float32(min(values))))

    return spread(0) > 0.8 * spread(1)


def ctrgcn(frames: Frames) -> np.ndarray | None:
    """``[person, frame, 25, 3]``, or None where the rules leave nobody."""
    frames = [bodies for bodies in frames if bodies]
    begin: dict[int, int] = {}
    poses: dict[int, list[Pose]] = {}
    for number, bodies in enumerate(frames):
        for tracking_id, pose in bodies:
            begin.setdefault(tracking_id, number)
            poses.setdefault(tracking_id, []).append(pose)
    if not poses:
        return None
    if len(poses) == 1:
        [only] = poses.values()
        rows = [[pose] for pose in only]
    else:
        order = cleaned(poses)
        if not order:
            return None
        rows = on_two_actors(order, begin, poses, len(frames))
        if len(order) == 1:
            rows = [row[:1] for row in rows]
        rows = [row for row in rows if not all(is_zero(pose) for pose in row)]
    return at_the_spine(rows)


def cleaned(poses: dict[int, list[Pose]]) -> list[int]:
    """Tracking ids that survive, the most moving first."""
    left = [number for number in poses if len(poses[number]) > 11]
    moves = {number: motion(poses[number]) for number in left}
    for number in list(left):
        if len(left) == 1:
            break
        calm = [pose for pose in poses[number] if not is_wide(pose)]
        share = (len(poses[number]) - len(calm)) / len(poses[number])
        if share >= 0.69754:
            left.remove(number)
        elif share > 0:
            moves[number] = min(moves[number], motion(calm))
    result: list[int] = []
    while left:  # the first of the largest, again and again
        best = left[0]
        for number in left:
            if moves[number] > moves[best]:
                best = number
        result.append(best)
        left.remove(best)
    return result


def on_two_actors(order: list[int], begin: dict[int, int], poses: dict[int, list[Pose]], frames: int) -> list:
    rows: list[list[Pose | None]] = [[None, None] for _ in range(frames)]
    time: list[tuple[int, int]] = [(begin[order[0]], begin[order[0]] + len(poses[order[0]]) - 1), (0, 0)]
    for rank, number in enumerate(order):
        start, stop = begin[number], begin[number] + len(poses[number]) - 1
        if rank == 0:
            actor = 0
        else:
            free = [a for a in (0, 1) if min(time[a][1], stop) - max(time[a][0], start) <= 0]
            if not free:
                continue
            actor = free[0]
            time[actor] = (min(time[actor][0], start), max(time[actor][1], stop))
        for offset, pose in enumerate(poses[number]):  # gaps are closed
            rows[start + offset][actor] = pose
    return rows


def at_the_spine(rows: list[list[Pose | None]]) -> np.ndarray | None:
    origin = next((row[0][1] for row in rows if not is_zero(row[0])), None)
    if origin is None:
        return None
    result = np.zeros((len(rows[0]), len(rows), 25, 3))
    for frame, row in enumerate(rows):
        for person, pose in enumerate(row):
            if not is_zero(pose):
                for joint in range(25):
                    for axis in range(3):
                        result[person, frame, joint, axis] = pose[joint][axis] - origin[axis]
    return result


# --- the chain of Shift-GCN


def energy(slot: list[Pose | None]) -> float:
    """Sum over x, y, z of the standard deviation of that coordinate, over all joints of the real frames."""
    real = [pose for pose in slot if not is_zero(pose)]
    total = 0.0
    for axis in range(3) if real else ():
        values = [joint[axis] for pose in real for joint in pose]
        mean = math.fsum(values) / len(values)
        total += math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))
    return total


def filled(slot: list[Pose | None]) -> list[Pose | None]:
    """300 frames. A start without the person closes all gaps; the end is the beginning again and again."""
    slot = [None if is_zero(pose) else pose for pose in slot] + [None] * (300 - len(slot))
    if all(pose is None for pose in slot):
        return slot
    if slot[0] is None:
        slot = [pose for pose in slot if pose is not None]
    while slot[-1] is None:
        slot.pop()
    length = len(slot)
    return [slot[frame % length] for frame in range(300)]


def turned(points: list[list[float]], start: list[float], goal: list[float]) -> list[list[float]]:
    """Turn all points as the plane of both vectors is turned from ``start`` to ``goal`` (Rodrigues' formula)."""

    def dot(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    def cross(a: list[float], b: list[float]) -> list[float]:
        return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]

    axis = cross(start, goal)
    length = math.sqrt(dot(axis, axis))
    if length < 1e-9:
        return points
    axis = [value / length for value in axis]
    angle = math.atan2(length, dot(start, goal))
    result = []
    for point in points:
        side, along = cross(axis, point), dot(axis, point)
        result.append(
            [
                point[i] * math.cos(angle) + side[i] * math.sin(angle) + axis[i] * along * (1 - math.cos(angle))
                for i in range(3)
            ]
        )
    return result


def shift_gcn(frames: Frames) -> np.ndarray | None:
    """``[person, 300, 25, 3]``, or None where nobody is there."""
    slots: list[list[Pose | None]] = [[None] * len(frames) for _ in range(4)]
    for number, bodies in enumerate(frames):
        for slot, (_, pose) in enumerate(bodies[:4]):
            slots[slot][number] = pose
    return prenormalised(slots)


def prenormalised(slots: list[list[Pose | None]]) -> np.ndarray | None:
    """The two of most energy, filled to 300 frames, centred in each frame, and turned twice."""
    order = sorted(range(len(slots)), key=lambda slot: (-energy(slots[slot]), -slot))
    first = filled(slots[order[0]])
    second = filled(slots[order[1]]) if len(slots) > 1 else [None]
    if first[0] is None:
        return None
    persons = [first] if second[0] is None else [first, second]
    points, places = [], []
    for person, poses in enumerate(persons):
        for frame, pose in enumerate(poses):
            centre = first[frame][1] if first[frame] is not None else (0.0, 0.0, 0.0)
            for joint in range(25) if pose is not None else ():
                if any(value != 0 for value in pose[joint]):
                    points.append([value - middle for value, middle in zip(pose[joint], centre, strict=True)])
                    places.append((person, frame, joint))
    at = {place: i for i, place in enumerate(places)}

    def line(a: int, b: int) -> list[float]:
        # A joint at the origin is taken for absent and stays there.
        ends = [points[at[0, 0, joint]] if (0, 0, joint) in at else [0.0] * 3 for joint in (a, b)]
        return [y - x for x, y in zip(*ends, strict=True)]

    points = turned(points, line(0, 1), [0.0, 0.0, 1.0])
    points = turned(points, line(4, 8), [1.0, 0.0, 0.0])
    result = np.zeros((len(persons), 300, 25, 3))
    for place, point in zip(places, points, strict=True):
        result[place] = point
    return result
