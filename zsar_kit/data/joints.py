"""Joint layouts: names, bones, body parts and maps to the 25 joints of NTU RGB+D.

The kit's tables are in ``resources/joints.toml`` and nowhere else; a layout of one's own comes from a file, see
:mod:`zsar_kit.data.own_layouts`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

import numpy as np
from jaxtyping import Float32

from zsar_kit.errors import DataError, nearest_name
from zsar_kit.reprs import escaped, markdown_table

BODY_PARTS = ("head", "hand", "arm", "hip", "leg", "foot")
ROLES = ("spine", "hip_centre", "shoulder_centre", "shoulder_left", "shoulder_right")
#: left and right, as words or initials of a joint's name
SIDES = {"left": "left", "l": "left", "right": "right", "r": "right"}
# Words of a name: "LeftBigToe", "LEFT_BIG_TOE" and "LBigToe" begin with one for the side.
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_]|\d+")


@dataclass(frozen=True, eq=False)
class JointLayout:
    """What the joints of a skeleton are, in storage order.

    Attributes:
        name: the key by which :func:`layout` finds it.
        joints: names; "left" and "right" are the person's own.
        parents: for each joint the index of the joint its bone comes from; the root has its own index.
        parts: body part (see :data:`BODY_PARTS`) to joint indices; every joint is in exactly one part.
        roles: place (see :data:`ROLES`) to the joint indices whose mean is that place.
        ntu_rules: for each of the 25 joints of NTU RGB+D the joints it is made of, with weights that sum to 1.
        about: whose joints these are, for people.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    parts: Mapping[str, tuple[int, ...]]
    roles: Mapping[str, tuple[int, ...]]
    ntu_rules: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, dict[str, float]], repr=False)
    about: str = ""

    def __len__(self) -> int:
        return len(self.joints)

    def __repr__(self) -> str:
        return f"JointLayout({self.name!r}: {len(self)} joints, root {self.joints[self.root]})"

    def _repr_markdown_(self) -> str:
        part_of = {joint: part for part, joints in self.parts.items() for joint in joints}
        rows = [(i, name, self.joints[self.parents[i]], part_of[i]) for i, name in enumerate(self.joints)]
        return f"{escaped(repr(self))}\n\n" + markdown_table(("index", "joint", "parent", "body part"), rows)

    @property
    def root(self) -> int:
        """The joint that has no parent."""
        return next(i for i, parent in enumerate(self.parents) if i == parent)

    @property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """Pairs (joint, parent) of all joints but the root."""
        return tuple((i, parent) for i, parent in enumerate(self.parents) if i != parent)

    @cached_property
    def ntu_weights(self) -> Float32[np.ndarray, "25 joint"]:
        """The matrix of :func:`to_ntu25`; read-only.

        Raises:
            DataError: a rule names a joint that the layout does not have, or an NTU joint has no rule.
        """
        ntu_joints = _tables()["ntu25"]["joints"]
        weights = np.zeros((len(ntu_joints), len(self)), dtype=np.float32)
        for i, joint in enumerate(ntu_joints):
            if joint not in self.ntu_rules:
                raise DataError(f"no rule makes NTU's {joint!r}", where=f"joint layout {self.name}")
            for origin, weight in self.ntu_rules[joint].items():
                weights[i, self.index(origin)] = weight
        weights.flags.writeable = False
        return weights

    def same_as(self, other: JointLayout) -> bool:
        """Whether another layout has the same name, joints, bones, parts, roles and rules; ``about`` may differ."""
        return _content(self) == _content(other)

    def index(self, joint: str) -> int:
        """Position of the joint of that name.

        Raises:
            DataError: the layout has no such joint.
        """
        if joint not in self.joints:
            advice = nearest_name(joint, self.joints)
            raise DataError(f"no joint {joint!r}", where=f"joint layout {self.name}", remedy=advice)
        return self.joints.index(joint)


#: layouts that do not come with the kit and were registered in this process, by name
OWN: dict[str, JointLayout] = {}


def _content(layout: JointLayout) -> tuple[Any, ...]:
    rules = {joint: dict(rule) for joint, rule in layout.ntu_rules.items()}
    return layout.name, layout.joints, layout.parents, dict(layout.parts), dict(layout.roles), rules


@cache
def _tables() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files("zsar_kit.data.resources").joinpath("joints.toml").read_text(encoding="utf-8"))


def kit_layout_names() -> tuple[str, ...]:
    """Names of the joint layouts that come with the kit."""
    return tuple(_tables())


def layout_names() -> tuple[str, ...]:
    """Names of all joint layouts: the kit's, then those registered in this process."""
    return (*kit_layout_names(), *OWN)


def layout_name(layout: JointLayout | str) -> str:
    """The name of a layout that is given by name or as an object."""
    return layout if isinstance(layout, str) else layout.name


def as_layout(layout: JointLayout | str) -> JointLayout:
    """The layout that is given by name or as an object; an object need not be registered.

    Raises:
        DataError: there is no layout of that name.
    """
    return _found(layout) if isinstance(layout, str) else layout


def shares(rule: str | list[str] | Mapping[str, float]) -> dict[str, float]:
    """A rule of a layout file as weights: one joint, the mean of several, or weights as they are."""
    if isinstance(rule, str):
        return {rule: 1.0}
    return {joint: 1.0 / len(rule) for joint in rule} if isinstance(rule, list) else dict(rule)


@cache
def _kit_layout(name: str) -> JointLayout:
    table = _tables()[name]
    joints = tuple(table["joints"])
    place = {joint: i for i, joint in enumerate(joints)}
    rules = table.get("to_ntu25", {})
    return JointLayout(
        name=name,
        joints=joints,
        parents=tuple(place[parent] for parent in table["parents"]),
        parts={part: tuple(sorted(place[j] for j in table["parts"][part])) for part in BODY_PARTS},
        roles={role: tuple(place[j] for j in table["roles"][role]) for role in ROLES},
        ntu_rules={joint: shares(rules.get(joint, joint)) for joint in _tables()["ntu25"]["joints"]},
        about=table["about"],
    )


def other_orders(name: str) -> Mapping[str, tuple[str, ...]]:
    """Orders other than its own in which known files have the joints of one of the kit's layouts, by whose they are."""
    return {whose: tuple(joints) for whose, joints in _tables().get(name, {}).get("orders", {}).items()}


def layout(name: str) -> JointLayout:
    """The joint layout ``name``: one of the kit's, or one that was registered in this process.

    The kit's are ``ntu25``, ``kinect_v1_20``, ``azure_kinect_32``, ``openni_15``, ``coco_17``, ``halpe_26``,
    ``openpose_25``, ``mediapipe_33``, ``h36m_17`` and ``smpl_24``; their attribute ``about`` says whose order it is.

    Raises:
        DataError: there is no such layout; the nearest name is offered.
    """
    return _found(name)


def _found(name: str) -> JointLayout:
    if name in OWN:
        return OWN[name]
    if name not in kit_layout_names():
        raise DataError(f"unknown joint layout {name!r}", remedy=nearest_name(name, layout_names()))
    return _kit_layout(name)


def to_ntu25(layout: JointLayout | str) -> Float32[np.ndarray, "ntu_joint joint"]:
    """Weights ``W`` of shape ``[25, joints]`` that make NTU joints of another layout's: ``x_ntu = W @ x``.

    Rows sum to 1 and have no negative entry, so a translated skeleton gives the translated result, and no
    joint leaves the hull of the given ones. For ``ntu25`` itself this is the identity. The array is
    read-only.

    Raises:
        DataError: there is no such layout.
    """
    return as_layout(layout).ntu_weights


def plain_joint_name(name: str) -> str:
    """A joint's name without what spellings differ in: case, spaces and other marks, and where the side stands.

    ``"LBigToe"``, ``"left_big_toe"`` and ``"Big Toe Left"`` all give ``"bigtoe|left"``; letters of other alphabets and
    digits are kept.
    """
    words = [word.casefold() for word in WORD.findall(name)]
    sides = [SIDES[word] for word in words if word in SIDES]
    stem = "".join(word for word in words if word not in SIDES)
    return "|".join((stem, *sides))


def matched_joints(names: Iterable[str], joints: Iterable[str]) -> list[int | None]:
    """For each of ``joints`` its position among ``names``; None where there is none.

    The same spelling counts first; then :func:`plain_joint_name`, if just one name has it.
    """
    names = list(names)
    plain = [plain_joint_name(name) for name in names]
    found: list[int | None] = []
    for joint in joints:
        wanted = plain_joint_name(joint)
        alike = [i for i, name in enumerate(plain) if name == wanted]
        found.append(names.index(joint) if joint in names else alike[0] if len(alike) == 1 else None)
    return found


def fitting_layouts(joint_count: int) -> tuple[str, ...]:
    """Names of the layouts that have so many joints: what an array without names could be."""
    return tuple(name for name in layout_names() if len(_found(name)) == joint_count)


def layout_of_names(joint_names: Iterable[str]) -> str:
    """The layout whose joints have just these names, in any order; empty if there is none.

    Spellings are compared as :func:`plain_joint_name` does.
    """
    wanted = sorted(plain_joint_name(name) for name in joint_names)
    for name in layout_names():
        if sorted(map(plain_joint_name, _found(name).joints)) == wanted:
            return name
    return ""
