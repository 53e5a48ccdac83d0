"""Checks of single clips that know what a body is: its size, that it holds together, the way up, left and right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from zsar_kit.data.doctor.anatomy import anatomy
from zsar_kit.data.doctor.clip_checks import spans
from zsar_kit.data.doctor.findings import Finding, Severity
from zsar_kit.data.doctor.measures import Measures, length
from zsar_kit.data.doctor.presence import Presence
from zsar_kit.data.joints import JointLayout, layout, layout_names, other_orders
from zsar_kit.reprs import counted, listed

#: From head over shoulders and hips to the ankle: no child and no adult is outside, in metres.
HEIGHTS = (0.4, 2.6)
#: Nobody measures more inches from head to ankle.
LARGEST_INCHES = 80.0
#: A joint that leaves for one frame and comes back goes farther than this, in heights of the body from head to ankle;
TELEPORT = 0.6
#: a bone that differs from its median by more than this, in the same measure, has an end that is off the body. Of the
#: 2874 clean paths that it was chosen on 99.7 % stay below 0.375 in both.
STRETCHED = 0.6
#: Bones at most so many times the shortest tree: at most 1.73 in the clean paths that it was chosen on, at least 2.26
#: with their joints in random order.
TREE = 1.85
#: Most bodies have at most this; between the two the order is in doubt.
TREE_OF_A_BODY = 1.6
#: Another order of joints fits better if its bones are that much shorter in total.
TREE_BETTER = 0.8
#: The trunk points up with at least this cosine in people who stand, sit or bend (in the clean paths that it was chosen
#: on 0.57 and more, on average over a clip); lower, they lie or y is not up.
UPRIGHT = 0.3
#: Along another axis, or down, it points with at least this cosine where the axes are wrong.
ALONG = 0.6
#: Toes, or the face, point backwards by more than this mean cosine in a mirrored body. In the clean paths that it was
#: chosen on the least is -0.141, and 99.5 % are above 0.024.
BACKWARDS = -0.15
#: the order of columns in a table that was sorted by their names
ALPHABETIC = "names sorted by alphabet"


def check_units(seen: Presence, measures: Sequence[Measures], sample: str) -> list[Finding]:
    """Whether these are metres in three dimensions; otherwise what they look like."""
    heights = [m.height for m in measures if m.height > 0]
    if not heights:
        return []
    height = float(np.median(heights))
    axes = (0, 1, 2)
    low, high = np.nanmin(seen.joints, axis=axes).astype(float), np.nanmax(seen.joints, axis=axes).astype(float)
    numbers = {"height": round(height, 4), "low": [round(float(v), 4) for v in low]}
    numbers["high"] = [round(float(v), 4) for v in high]
    looks, remedy = _looks_like(height, low, high)
    if not looks:
        return []
    problem = f"from head to ankle the body measures {height:.4g}, and metres would be {HEIGHTS[0]}..{HEIGHTS[1]}"
    if HEIGHTS[0] <= height <= HEIGHTS[1]:
        problem = f"coordinates are {_ranges(low, high)}"
    return [Finding("units", "refuse", problem, f"These look like {looks}.", remedy, sample, numbers=numbers)]


def _ranges(low: np.ndarray, high: np.ndarray) -> str:
    return ", ".join(f"{axis} {a:.3g}..{b:.3g}" for axis, a, b in zip("xyz", low, high, strict=True))


def _looks_like(height: float, low: np.ndarray, high: np.ndarray) -> tuple[str, str]:
    """What coordinates look like that are not metres, and what to do; empty for metres."""
    flat, inside = high[2] - low[2] < 1e-6 * max(height, 1e-12), (low >= 0.0) & (high <= 1.0)
    lift = "Lift the points to three dimensions first (a pose model with depth), or triangulate them."
    if flat:
        return "points of a picture without depth: the third axis is constant", lift
    if inside[2] and (height > HEIGHTS[1] or inside.all()):
        picture = "shares of a picture" if inside.all() else "pixels"
        return f"{picture} with a confidence of 0..1 in place of depth", lift
    if inside[:2].all() and height < HEIGHTS[1] and abs(low[2]) <= 1.0 and abs(high[2]) <= 1.0:
        return "shares of a picture", "Use the model's world coordinates, in metres."
    if HEIGHTS[0] <= height <= HEIGHTS[1]:
        return "", ""
    if height < HEIGHTS[0]:
        return "normalised coordinates", "Scale bodies to metres: multiply by the person's height over this one."
    # Of pixels only whole pictures are known; a body in millimetres is as tall as 400..2600.
    if height > 1000 * HEIGHTS[0]:
        return "millimetres", "Divide by 1000."
    if low[0] >= 0 and (low[1] >= 0 or high[1] <= 0) and height > 100 * HEIGHTS[1]:
        return "pixels", lift
    # Few who are recorded measure fewer centimetres than that.
    if height > LARGEST_INCHES:
        return "centimetres", "Divide by 100."
    if height > HEIGHTS[0] / 0.0254:
        return "inches", "Multiply by 0.0254."
    return "another unit", "Scale them to metres."


def check_teleports(seen: Presence, body: JointLayout, height: float, sample: str) -> list[Finding]:
    """Joints that leave their body: for one frame and back, or as long as a bone is stretched."""
    off = np.zeros((*seen.there.shape, len(body)), dtype=bool)
    if not height > 0:
        return []
    bones = anatomy(body).bones
    for person in np.flatnonzero(seen.there.any(axis=1)):
        path = seen.joints[person]
        off[person] = spikes(path, TELEPORT * height) | stretched(path, bones, STRETCHED * height)
    if not off.any():
        return []
    frames, joints = np.flatnonzero(off.any(axis=(0, 2))), np.flatnonzero(off.any(axis=(0, 1)))
    by_joint = off.sum(axis=(0, 1))
    order = [int(j) for j in np.argsort(-by_joint, kind="stable") if by_joint[j]]
    names = listed([f"{body.joints[j]} ({by_joint[j]})" for j in order], 3)
    problem = f"{counted(int(off.sum()), 'point')} off the body: {names}"
    numbers = {"points": int(off.sum()), "share": round(float(off.mean()), 5)}
    cause = "The tracker took something else for the joint, or zeros were moved along with the body."
    remedy = "Mark these points as missing (NaN) and mend the clip."
    at, which = tuple(frames.tolist()), tuple(joints.tolist())
    place = f"frames {spans(frames)}"
    return [Finding("teleport", "warn", problem, cause, remedy, sample, place, numbers, at, which)]


def spikes(path: np.ndarray, far: float) -> np.ndarray:
    """Points that go farther than ``far`` and are back in the next frame ``[frame, joint]``."""
    found = np.zeros(path.shape[:2], dtype=bool)
    if len(path) > 2:
        step = length(path[1:] - path[:-1])
        back = np.minimum(step[1:], step[:-1]) - length(path[2:] - path[:-2])
        found[1:-1] = back > far
    return found


def stretched(path: np.ndarray, bones: np.ndarray, far: float) -> np.ndarray:
    """Points with a bone that differs from its median over the clip by more than ``far``, and no bone that does not.

    ``[frame, joint]``. Of the two ends of a stretched bone the one that other bones hold in place is not off.
    """
    bad_bones, known = np.zeros((len(path), len(bones)), dtype=bool), np.zeros((len(path), len(bones)), dtype=bool)
    apart = length(path[:, bones[:, 0]] - path[:, bones[:, 1]])
    known = ~np.isnan(apart)
    if known.all():
        usual = np.median(apart, axis=0)
    else:
        usual = np.array([np.median(column[k]) if k.any() else 0.0 for column, k in zip(apart.T, known.T, strict=True)])
    bad_bones = known & (np.abs(apart - usual) > far)
    found = np.zeros(path.shape[:2], dtype=bool)
    if bad_bones.any():
        bad, good = np.zeros(found.shape, dtype=int), np.zeros(found.shape, dtype=int)
        for column, ends in enumerate(bones):
            for end in ends:
                bad[:, end] += bad_bones[:, column]
                good[:, end] += known[:, column] & ~bad_bones[:, column]
        found = (bad > 0) & (good == 0)
        # Two joints of a long limb may go astray together: then the farther end of the bone is off.
        for frame, column in np.argwhere(bad_bones):
            joint, parent = bones[column]
            if not found[frame, joint] and not found[frame, parent]:
                found[frame, joint] = True
    return found


@cache
def orders(body: JointLayout) -> Mapping[str, tuple[int, ...] | JointLayout]:
    """Other orders in which the same number of joints comes: layouts of that count, or permutations of this one.

    A permutation says, for each place of this layout, in which place the data would have that joint.
    """
    found: dict[str, tuple[int, ...] | JointLayout] = {}
    for name in layout_names():
        if name != body.name and len(layout(name)) == len(body):
            found[name] = layout(name)
    places = {name: i for i, name in enumerate(sorted(body.joints))}
    by_name = tuple(places[name] for name in body.joints)
    if by_name != tuple(range(len(body))):
        found[ALPHABETIC] = by_name
    for whose, joints in other_orders(body.name).items():
        found[f"that of {whose}"] = tuple(joints.index(name) for name in body.joints)
    return found


@cache
def bones_of(body: JointLayout) -> Mapping[str, np.ndarray]:
    """Bones between places of the data, for every order."""
    own = anatomy(body).bones
    return {
        name: anatomy(order).bones if isinstance(order, JointLayout) else np.array(order)[own]
        for name, order in orders(body).items()
    }


def judge_order(tree: float, others: Mapping[str, float], body: JointLayout, sample: str) -> list[Finding]:
    """Whether bones run criss-cross, and in which other order they would not.

    Args:
        tree: bones over the shortest tree, in the order of the layout; of a clip, or the median of a set.
        others: the same of other orders.
        body: the layout.
        sample: the clip; empty for a set.
    """
    best = min(others, key=lambda name: others[name], default="")
    fits = bool(best) and others[best] <= TREE and others[best] < TREE_BETTER * tree
    if not (tree > TREE or fits):
        return []
    numbers = {"tree": round(tree, 3), **{name: round(value, 3) for name, value in others.items()}}
    body_has = f"a body: 1.0..{TREE_OF_A_BODY}"
    problem = f"as {body.name} the bones are {tree:.2f} times as long as need be to join the joints ({body_has})"
    if fits:
        cause = f"The joints have another order: {best} ({others[best]:.2f})."
        remedy = f"Name the layout {best!r}."
        if best == ALPHABETIC:
            remedy = "Columns were sorted by name: put them in the order of the layout."
        elif not isinstance(orders(body)[best], JointLayout):
            remedy = f"Put them in the order of {body.name}, or write a layout file with the joints in theirs."
        return [Finding("joint order", "warn", problem, cause, remedy, sample, numbers=numbers)]
    cause = "The joints have an order that the kit does not know, or belong to different persons."
    remedy = "Write a layout with the joints of the data in their order."
    return [Finding("joint order", "refuse", problem, cause, remedy, sample, numbers=numbers)]


def judge_up(up: np.ndarray, sample: str, *, single: bool) -> list[Finding]:
    """Whether y is up.

    Args:
        up: mean direction of the trunk ``[3]``, of a clip or a set.
        sample: the clip; empty for a set.
        single: it is one clip, in which somebody may lie.
    """
    if up[1] >= UPRIGHT:
        return []
    axis = int(np.argmax(np.abs(up)))
    numbers = {"x": round(float(up[0]), 3), "y": round(float(up[1]), 3), "z": round(float(up[2]), 3)}
    sign, name = "-" if up[axis] < 0 else "", "xyz"[axis]
    if abs(up[axis]) < ALONG:
        if single:
            return []
        problem, cause = f"trunks point nowhere in particular ({_cosines(up)})", "People lie, or axes differ by clip."
        return [Finding("upright", "note", problem, cause, "Look at some clips.", sample, numbers=numbers)]
    problem = f"from hips to shoulders the way is along {sign}{name} ({_cosines(up)}), where y should be up"
    if axis == 1:
        cause, remedy = "Bodies stand on their heads: y points down, as in pictures.", "Negate y, and x or z with it."
    else:
        cause = f"{sign}{name} is the way up."
        remedy = f"Turn the data so that {sign}{name} becomes y; exchanging two axes alone would mirror bodies."
    remedy += f" Or name the way up as the files are read: --up={sign}{name}, in Python up='{sign}{name}'."
    severity: Severity = "note" if single and axis != 1 else "warn"
    if severity == "note":
        cause = f"Somebody lies, or {sign}{name} is the way up."
    return [Finding("upright", severity, problem, cause, remedy, sample, numbers=numbers)]


def doubt_order(found: Sequence[Finding], tree: float) -> list[Finding]:
    """Findings about axes, with a word on the order of the joints where the bones are longer than those of a body."""
    if not tree > TREE_OF_A_BODY:
        return list(found)
    also = (
        f" First look at the order of the joints: their bones are {tree:.2f} times as long as need be (a body: "
        f"1.0..{TREE_OF_A_BODY})."
    )
    return [replace(one, remedy=one.remedy + also) for one in found]


def _cosines(up: np.ndarray) -> str:
    return ", ".join(f"{axis} {value:.2f}" for axis, value in zip("xyz", up, strict=True))


def judge_side(ahead: float, bends: float, sample: str, *, single: bool, share: float = 1.0) -> list[Finding]:
    """Whether bodies are mirrored.

    Args:
        ahead: how much toes or faces point ahead; NaN where a layout has neither.
        bends: the same by knees and elbows.
        sample: the clip; empty for a set.
        single: it is one clip.
        share: of the clips of a set that point backwards.
    """
    by_feet = not np.isnan(ahead)
    value = ahead if by_feet else bends
    # A single clip's knees and elbows do not tell: trackers bend them either way.
    if not (value < BACKWARDS if by_feet else (not single and value < 0)):
        return []
    by = "toes, or faces," if by_feet else "bent knees and elbows"
    extent = f" in {share:.0%} of the clips" if not single else ""
    problem = f"{by} point backwards{extent} (mean {value:.2f}; ahead is positive)"
    cause = "One axis is negated, or left and right are exchanged: bodies are their own mirror images."
    remedy = "Negate one axis (x, as in a mirrored picture), or exchange the names of left and right."
    numbers = {"ahead": round(value, 3), "share": round(share, 3)}
    return [Finding("mirrored", "warn", problem, cause, remedy, sample, numbers=numbers)]
