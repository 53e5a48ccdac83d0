"""Joint layouts: names, bones, body parts and maps to the 25 joints of NTU RGB+D.

The tables are in ``resources/joints.toml`` and nowhere else.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from jaxtyping import Float32

from zsar_kit.errors import DataError, nearest_name
from zsar_kit.reprs import escaped, markdown_table

BODY_PARTS = ("head", "hand", "arm", "hip", "leg", "foot")
ROLES = ("spine", "hip_centre", "shoulder_centre", "shoulder_left", "shoulder_right")


@dataclass(frozen=True, eq=False)
class JointLayout:
    """What the joints of a skeleton are, in storage order.

    Attributes:
        name: the key by which :func:`layout` finds it.
        joints: names; "left" and "right" are the person's own.
        parents: for each joint the index of the joint its bone comes from; the root has its own index.
        parts: body part (see :data:`BODY_PARTS`) to joint indices; every joint is in exactly one part.
        roles: place (see :data:`ROLES`) to the joint indices whose mean is that place.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    parts: Mapping[str, tuple[int, ...]]
    roles: Mapping[str, tuple[int, ...]]

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

    def index(self, joint: str) -> int:
        """Position of the joint of that name.

        Raises:
            DataError: the layout has no such joint.
        """
        if joint not in self.joints:
            advice = nearest_name(joint, self.joints)
            raise DataError(f"no joint {joint!r}", where=f"joint layout {self.name}", remedy=advice)
        return self.joints.index(joint)


@cache
def _tables() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files("zsar_kit.data.resources").joinpath("joints.toml").read_text(encoding="utf-8"))


def layout_names() -> tuple[str, ...]:
    """Names of all joint layouts."""
    return tuple(_tables())


def layout_name(layout: JointLayout | str) -> str:
    """The name of a layout that is given by name or as an object."""
    return layout if isinstance(layout, str) else layout.name


def _table(name: str) -> dict[str, Any]:
    if name not in layout_names():
        raise DataError(f"unknown joint layout {name!r}", remedy=nearest_name(name, layout_names()))
    return _tables()[name]


@cache
def layout(name: str) -> JointLayout:
    """The joint layout ``name``: ``ntu25``, ``kinect_v1_20``, ``coco_17`` or ``mediapipe_33``.

    Raises:
        DataError: there is no such layout; the nearest name is offered.
    """
    table = _table(name)
    joints = tuple(table["joints"])
    place = {joint: i for i, joint in enumerate(joints)}
    return JointLayout(
        name=name,
        joints=joints,
        parents=tuple(place[parent] for parent in table["parents"]),
        parts={part: tuple(sorted(place[j] for j in table["parts"][part])) for part in BODY_PARTS},
        roles={role: tuple(place[j] for j in table["roles"][role]) for role in ROLES},
    )


@cache
def to_ntu25(name: str) -> Float32[np.ndarray, "ntu_joint joint"]:
    """Weights ``W`` of shape ``[25, joints]`` that make NTU joints of another layout's: ``x_ntu = W @ x``.

    Rows sum to 1 and have no negative entry, so a translated skeleton gives the translated result, and no
    joint leaves the hull of the given ones. For ``ntu25`` itself this is the identity. The array is
    read-only.

    Raises:
        DataError: there is no such layout.
    """
    source, target = layout(name), layout("ntu25")
    rows = _table(name).get("to_ntu25", {})
    weights = np.zeros((len(target), len(source)), dtype=np.float32)
    for i, joint in enumerate(target.joints):
        for origin, weight in rows.get(joint, {joint: 1.0}).items():
            weights[i, source.index(origin)] = weight
    weights.flags.writeable = False
    return weights
