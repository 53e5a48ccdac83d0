"""Joints of NTU RGB+D from the joints of an animation rig, by their names.

The names are in ``resources/rigs.toml`` and nowhere else.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from zsar_kit.data.foreign.shared import joints_of_markers
from zsar_kit.data.joints import layout
from zsar_kit.data.recording import Recording
from zsar_kit.errors import DataError
from zsar_kit.reprs import listed

TARGET = "ntu25"
_SIDES = (("left", "Left", "l"), ("right", "Right", "r"))
#: what exporters put before every name: "mixamorig:", "Armature|mixamorig1:", "mixamorig_"
_PREFIX = re.compile(r"^.*[:|]|^mixamorig\d*_?", re.IGNORECASE)

Choices = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Rig:
    """A family of rigs.

    Attributes:
        name: as in the table.
        joints: NTU joint -> choices of source joints, whose mean it is.
        stand_ins: the same, for rigs that lack the joint.
    """

    name: str
    joints: Mapping[str, Choices]
    stand_ins: Mapping[str, Choices]


@cache
def known_rigs() -> tuple[Rig, ...]:
    """The families of rigs whose names are known."""
    tables = tomllib.loads(files("zsar_kit.data.resources").joinpath("rigs.toml").read_text(encoding="utf-8"))
    return tuple(
        Rig(name, _both_sides(table["joints"]), _both_sides(table["stand_ins"])) for name, table in tables.items()
    )


def _both_sides(table: Mapping[str, list[list[str]]]) -> dict[str, Choices]:
    rows: dict[str, Choices] = {}
    for joint, choices in table.items():
        for side, word, letter in _SIDES:
            named = [tuple(name.replace("<Side>", word).replace("<s>", letter) for name in row) for row in choices]
            rows[joint.replace("<side>", side)] = tuple(named)
    return rows


def _plain(name: str) -> str:
    """A name without case, punctuation, and the prefix of its exporter."""
    return re.sub(r"[\W_]", "", _PREFIX.sub("", name)).casefold()


def rig_joints(recording: Recording) -> Recording:
    """The 25 joints of NTU RGB+D from a rig whose names are known, as most BVH files have them.

    A joint that the rig lacks, such as the tip of a hand without fingers, is put at the nearest one that it has;
    ``stated`` names them.

    Args:
        recording: with the joints of a rig, under the names of Mixamo, MotionBuilder, CMU, LAFAN1, Biovision, Xsens or
            Unreal; see ``resources/rigs.toml``.

    Raises:
        DataError: the names are not those of a known rig; the first joint that cannot be found is named.
    """
    by_name: dict[str, str] = {}
    for name in recording.joint_names:
        by_name.setdefault(_plain(name), name)
    best: tuple[Rig, dict[str, tuple[str, ...]], list[str]] | None = None
    for rig in known_rigs():
        chosen, stood_in = _choose(rig, by_name)
        if best is None or len(chosen) > len(best[1]):
            best = rig, chosen, stood_in
    assert best is not None  # the table is not empty
    rig, chosen, stood_in = best
    wanted = layout(TARGET).joints
    if lacking := [joint for joint in wanted if joint not in chosen]:
        looked = " or ".join(" and ".join(row) for row in rig.joints[lacking[0]])
        came = f"it has {len(recording.joint_names)} points, among them {listed(recording.joint_names)}"
        problem = f"no joint of the rig can be {lacking[0]!r} of {TARGET}: {looked} is needed, and {came}"
        remedy = "Name the joints yourself: joints_of_markers(recording, {'head': ['HEAD'], ...})."
        raise DataError(problem, where=f"recording {recording.sample!r}", remedy=remedy)
    made = joints_of_markers(recording, {joint: chosen[joint] for joint in wanted}, whole=True)
    stated = (
        *recording.stated,
        ("joints", f"{TARGET}, from the names of a rig ({rig.name})"),
        ("joints that the rig lacks", f"{', '.join(stood_in)}: put at the nearest" if stood_in else "none"),
    )
    return replace(made, layout=TARGET, stated=stated)


def _choose(rig: Rig, by_name: Mapping[str, str]) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Source joints of each NTU joint that a rig has, and those for which only a stand-in was found."""
    chosen: dict[str, tuple[str, ...]] = {}
    stood_in: list[str] = []
    for joint, choices in rig.joints.items():
        own = len(choices)
        for place, row in enumerate((*choices, *rig.stand_ins.get(joint, ()))):
            if all(_plain(name) in by_name for name in row):
                chosen[joint] = tuple(by_name[_plain(name)] for name in row)
                stood_in += [joint] if place >= own else []
                break
    return chosen, stood_in
