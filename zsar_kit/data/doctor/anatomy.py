"""Where the parts of a body are in a layout: what the checks need to know of joints that carry their usual names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float

from zsar_kit.data.joints import JointLayout

Points = Float[np.ndarray, "frame joint 3"]
#: how names say the side, and the same for the other side
_SIDES = (("left", "right"), ("Left", "Right"), ("LEFT", "RIGHT"))
_SHORT = re.compile(r"(?:^|[_\-. ])([lLrR])(?=$|[_\-. ])|^([lr])(?=[A-Z])")
_OTHER = {"l": "r", "r": "l", "L": "R", "R": "L"}
#: points of a head that lie on it rather than in the neck, the ones in front first
_FACE, _SKULL = ("nose", "mouth"), ("head", "nose", "ear", "eye", "skull", "face")


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Joint indices of a layout by what they are; empty where the layout has none or its names do not say.

    Attributes:
        hip, top: joints whose mean is the middle of the hips, and of the shoulders.
        across: the left and the right shoulder.
        head: joints whose mean is the head.
        face, ears: points in front of the head and behind them, on both sides alike.
        pairs: (left, right) joints.
        legs: (hip, knee, ankle, toe) of the left and of the right leg; the toe is -1 where there is none.
        arms: (shoulder, elbow, wrist) of the left and of the right arm.
        trunk: joints that may be the origin of a clip: the root, and those of spine and hip centre.
        bones: (joint, parent) ``[bone, 2]``.
    """

    hip: tuple[int, ...]
    top: tuple[int, ...]
    across: tuple[int, int]
    head: tuple[int, ...]
    face: tuple[int, ...]
    ears: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]
    legs: tuple[tuple[int, int, int, int], ...]
    arms: tuple[tuple[int, int, int], ...]
    trunk: tuple[int, ...]
    bones: np.ndarray


def other_side(name: str) -> str:
    """The name of the joint on the other side; the same name for one in the middle."""
    for left, right in _SIDES:
        if left in name:
            return name.replace(left, right)
        if right in name:
            return name.replace(right, left)
    found = _SHORT.search(name)
    if not found:
        return name
    group = 1 if found[1] else 2
    start = found.start(group)
    return name[:start] + _OTHER[name[start]] + name[start + 1 :]


def _is_left(name: str) -> bool:
    if re.search("left", name, re.IGNORECASE):
        return True
    found = _SHORT.search(name)
    return bool(found) and (found[1] or found[2]) in "lL" and "ight" not in name


def pairs_of(names: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """(left, right) positions of joints that have a counterpart, by their names."""
    place = {name: i for i, name in enumerate(names)}
    found = ((i, place.get(other_side(name), i)) for i, name in enumerate(names) if _is_left(name))
    return tuple((i, j) for i, j in found if i != j)


def _first(names: tuple[str, ...], among: tuple[int, ...], words: tuple[str, ...], part: tuple[int, ...] = ()) -> int:
    """The first joint whose name has one of the words, or else the first of a body part; -1 if there is none."""
    named = [i for word in words for i in among if word in names[i].lower()]
    return next(iter([*named, *(i for i in part if i in among)]), -1)


@cache
def anatomy(layout: JointLayout) -> Anatomy:
    """What the joints of a layout are, by their names, the layout's parts and its roles."""
    names, parts, roles = layout.joints, layout.parts, layout.roles
    pairs = pairs_of(names)
    mirror = dict(pairs)
    left = tuple(mirror)
    limbs: dict[str, list[tuple[int, ...]]] = {"legs": [], "arms": []}
    hip = _first(names, left, ("hip", "upleg", "thigh"), parts["hip"])
    knee = _first(names, left, ("knee",), parts["leg"])
    ankle = _first(names, left, ("ankle",), parts["foot"])
    toe = _first(names, left, ("big_toe", "bigtoe", "foot_index", "toe", "foot"))
    leg = (hip, knee, ankle)
    if -1 not in leg:
        toe = -1 if toe in leg else toe
        limbs["legs"] = [(*leg, toe), (*(mirror[i] for i in leg), mirror[toe] if toe >= 0 else -1)]
    shoulder = roles["shoulder_left"][0]
    elbow = _first(names, left, ("elbow", "forearm"), tuple(i for i in parts["arm"] if i != shoulder))
    arm = (shoulder, elbow, _first(names, left, ("wrist",), parts["hand"]))
    if -1 not in arm and arm[0] in mirror:
        limbs["arms"] = [arm, tuple(mirror[i] for i in arm)]
    head = tuple(i for i in parts["head"] if any(word in names[i].lower() for word in _SKULL))
    sided = {i for pair in pairs for i in pair}
    middle = {*roles["hip_centre"], *roles["spine"], *roles["shoulder_centre"]}
    ears = tuple(i for i in head if "ear" in names[i].lower())
    return Anatomy(
        hip=roles["hip_centre"],
        top=roles["shoulder_centre"],
        across=(roles["shoulder_left"][0], roles["shoulder_right"][0]),
        head=head or tuple(i for i in parts["head"] if i not in middle) or roles["shoulder_centre"],
        face=tuple(i for i in head if any(word in names[i].lower() for word in _FACE)) if len(ears) == 2 else (),
        ears=ears if len(ears) == 2 else (),
        pairs=pairs,
        legs=tuple((a, b, c, d) for a, b, c, d in limbs["legs"]),
        arms=tuple((a, b, c) for a, b, c in limbs["arms"]),
        trunk=tuple(sorted({layout.root, *roles["spine"], *roles["hip_centre"]} - (sided - {layout.root}))),
        bones=np.array(layout.bones, dtype=np.int64),
    )
