"""A joint layout of one's own, from a small TOML file, and back to one.

.. code-block:: toml

    name = "lab_suit"
    joints = ["Hips", "Chest", "Head", "LeftArm", ...]        # in the order of the arrays
    parents = ["Hips", "Hips", "Chest", "Chest", ...]         # of each joint; the root names itself

    [parts]                                                   # every joint in one of them
    head = ["Head"]
    ...

    [to_ntu25]                                                # how the joints of NTU RGB+D are made
    spine_base = "Hips"                                       # a joint,
    spine_mid = ["Hips", "Chest"]                             # the mean of several,
    neck = { Chest = 0.3, Head = 0.7 }                        # or weights that sum to 1

Instead of ``parents`` there may be ``bones``, pairs of joints in any order, with a ``root`` (the first joint, if not
given). ``about`` says in words whose joints these are. ``[roles]`` are places that are the mean of some joints (see
:class:`~zsar_kit.data.joints.JointLayout`).

What ``[to_ntu25]`` leaves out is taken from the joint of the same name, however it is spelt (``LeftKnee`` is
``knee_left``), or else derived from what is there, see :data:`DERIVED`. A role that is left out is the plain mean of
the joints that its NTU joint is made of.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, cast

from zsar_kit.artefacts import write_atomic
from zsar_kit.data.joints import (
    BODY_PARTS,
    OWN,
    ROLES,
    JointLayout,
    kit_layout_names,
    matched_joints,
    shares,
)
from zsar_kit.data.joints import layout as joint_layout
from zsar_kit.errors import DataError, nearest_name
from zsar_kit.reprs import shortened

#: name of the file beside a data set that has a layout of its own
LAYOUT_FILE = "layout.toml"
KEYS = ("name", "about", "joints", "parents", "bones", "root", "parts", "roles", "to_ntu25")
#: how far a sum of weights may be from 1
TOLERANCE = 1e-6
#: joints of NTU RGB+D that are made of others of them where a layout has no rule for them, tried in this order
DERIVED: tuple[tuple[str, Mapping[str, float]], ...] = (
    *((f"wrist_{side}", {f"hand_{side}": 0.75, f"elbow_{side}": 0.25}) for side in ("left", "right")),
    *((f"hand_{side}", {f"wrist_{side}": 1.0}) for side in ("left", "right")),
    *((f"{tip}_{side}", {f"hand_{side}": 1.0}) for side in ("left", "right") for tip in ("hand_tip", "thumb")),
    *((f"ankle_{side}", {f"foot_{side}": 1.0}) for side in ("left", "right")),
    *((f"foot_{side}", {f"ankle_{side}": 1.0}) for side in ("left", "right")),
    ("spine_base", {"hip_left": 0.5, "hip_right": 0.5}),
    ("spine_shoulder", {"shoulder_left": 0.5, "shoulder_right": 0.5}),
    ("spine_mid", {"spine_base": 0.5, "spine_shoulder": 0.5}),
    ("neck", {"spine_shoulder": 0.5, "head": 0.5}),
)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def read_layout(path: str | Path) -> JointLayout:
    """Read a layout of one's own; :func:`register_layout` makes it known by its name.

    Args:
        path: a TOML file as the module describes it.

    Raises:
        DataError: the file is missing, no TOML, or not a whole and consistent layout; or it has the name of one of the
            kit's layouts and is another.
    """
    path = Path(path)
    try:
        # Editors on Windows may write a byte-order mark, which TOML does not allow.
        table = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise DataError(f"the layout cannot be read: {error.strerror}", where=path, remedy="Check the path.") from None
    except UnicodeDecodeError:
        raise DataError("a layout must be UTF-8", where=path, remedy="Save the file as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"not valid TOML: {error}", where=path) from None
    return _Reader(table, str(path)).layout()


def register_layout(layout: JointLayout, *, replace: bool = False) -> JointLayout:
    """Make a layout known in this process, so that its name can be given wherever a layout is asked for.

    Args:
        layout: from :func:`read_layout`, or made in Python; it is checked either way.
        replace: take the place of another layout that was registered under the same name.

    Returns:
        The layout that the name now stands for, complete with derived rules and roles.

    Raises:
        DataError: the layout is not consistent, or its name stands for another one already: one of the kit's, or one
            that was registered, unless ``replace`` is true.
    """
    where = f"joint layout {layout.name}"
    made = _Reader(_table_of(layout), where).layout()
    if made.name in kit_layout_names():
        return joint_layout(made.name)
    known = OWN.get(made.name)
    if known is not None and known.same_as(made):
        return known
    if known is not None and not replace:
        problem = f"another layout is registered as {made.name!r}: {_difference(known, made)}"
        raise DataError(problem, where=where, remedy="Give one of them another name, or register with replace=True.")
    OWN[made.name] = made
    return made


def write_layout(path: str | Path, layout: JointLayout) -> Path:
    """Write a layout with all its rules and roles as TOML; :func:`read_layout` gives the same layout again.

    Raises:
        DataError: the layout is not consistent.
    """
    path = Path(path)
    table = _table_of(_Reader(_table_of(layout), f"joint layout {layout.name}").layout())
    lines = [f"{key} = {_toml(table[key])}" for key in ("name", "about", "joints", "parents")]
    for key in ("parts", "roles", "to_ntu25"):
        lines += ["", f"[{key}]", *(f"{_toml(name)} = {_toml(value)}" for name, value in table[key].items())]
    write_atomic(path, "\n".join(lines) + "\n")
    return path


def _toml(value: Any) -> str:
    """A string, number, list or table as TOML on one line."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value).items()
        return "{ " + ", ".join(f"{_toml(name)} = {_toml(inner)}" for name, inner in pairs) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, cast("list[Any]", value))) + "]"
    return repr(float(value))


def _table_of(layout: JointLayout) -> dict[str, Any]:
    """A layout as the content of its file."""

    def names(positions: Iterable[int]) -> list[str]:
        inside = range(len(layout.joints))
        return [layout.joints[i] if i in inside else f"number {i}" for i in positions]

    return {
        "name": layout.name,
        "about": layout.about,
        "joints": list(layout.joints),
        "parents": names(layout.parents),
        "parts": {part: names(joints) for part, joints in layout.parts.items()},
        "roles": {role: names(joints) for role, joints in layout.roles.items()},
        "to_ntu25": {joint: dict(rule) for joint, rule in layout.ntu_rules.items()},
    }


def _difference(one: JointLayout, other: JointLayout) -> str:
    """What differs between two layouts, in one word or two."""
    first, second = _table_of(one), _table_of(other)
    return "other " + ", ".join(key for key in KEYS if key != "about" and first.get(key) != second.get(key))


class _Reader:
    """The content of a layout file, checked step by step."""

    def __init__(self, table: Mapping[str, Any], where: str):
        self.table, self.where = table, where
        self.joints: tuple[str, ...] = ()

    def layout(self) -> JointLayout:
        for key in self.table:
            if key not in KEYS:
                self._refuse(f"unknown key {key!r}", nearest_name(key, KEYS))
        name, about = self._text("name"), self.table.get("about", "")
        if not NAME.fullmatch(name):
            self._refuse(f"'name' must be letters, digits, '_', '.' and '-', {_came(name)}")
        if not isinstance(about, str):
            self._refuse(f"'about' must be text, {_came(about)}")
        self.joints = self._joint_names()
        parents, parts, rules = self._parents(), self._parts(), self._rules()
        made = JointLayout(name, self.joints, parents, parts, self._roles(rules), rules, about)
        if name in kit_layout_names() and not made.same_as(kit := joint_layout(name)):
            remedy = "Choose another name."
            self._refuse(f"the kit has a layout {name!r} of its own, with {_difference(kit, made)}", remedy)
        return made

    def _refuse(self, problem: str, remedy: str | None = None) -> NoReturn:
        raise DataError(problem, where=self.where, remedy=remedy)

    def _text(self, key: str) -> str:
        value = self.table.get(key)
        if not isinstance(value, str) or not value:
            self._refuse(f"{key!r} must be text, {_came(value)}")
        return value

    def _section(self, key: str) -> dict[str, Any]:
        value = self.table.get(key, {})
        if not isinstance(value, dict):
            self._refuse(f"{key!r} must be a table, {_came(value)}", f"Begin it by the line [{key}].")
        return cast("dict[str, Any]", value)

    def _joint_names(self) -> tuple[str, ...]:
        names = self.table.get("joints")
        if not _are_texts(names) or not names:
            self._refuse(f"'joints' must be a list of names, {_came(names)}")
        for name in names:
            if name != name.strip() or not name.isprintable():
                self._refuse(f"a joint is called {name!r}; names are printable and do not begin or end in a space")
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            self._refuse(f"the joint {twice[0]!r} is listed twice in 'joints'")
        return tuple(names)

    def _places(self, names: Any, key: str) -> tuple[int, ...]:
        """Positions of joints that are given as one name or a list of them."""
        listed = [names] if isinstance(names, str) else names
        if not _are_texts(listed):
            self._refuse(f"{key!r} must be names of joints, {_came(names)}")
        for name in listed:
            if name not in self.joints:
                self._refuse(f"{key!r} names {name!r}, which is not in 'joints'", nearest_name(name, self.joints))
        return tuple(self.joints.index(name) for name in listed)

    # -------------------------------------------------------------- bones
    def _parents(self) -> tuple[int, ...]:
        if ("parents" in self.table) == ("bones" in self.table):
            came = "both" if "parents" in self.table else "neither"
            self._refuse(f"a layout has either 'parents' or 'bones', got {came}", "Name the parent of each joint.")
        parents = self._listed_parents() if "parents" in self.table else self._parents_of_bones()
        self._check_tree(parents)
        return parents

    def _listed_parents(self) -> tuple[int, ...]:
        if "root" in self.table:
            self._refuse("'root' belongs to 'bones'", "With 'parents', the root is the joint that names itself.")
        given = self.table["parents"]
        if isinstance(given, dict):
            by_joint = cast("dict[str, Any]", given)
            self._places(list(by_joint), "parents")
            given = [by_joint.get(joint, joint) for joint in self.joints]
        parents = self._places(given, "parents")
        if len(parents) != len(self.joints):
            problem = f"'parents' has {len(parents)} names for {len(self.joints)} joints"
            self._refuse(problem, "Name the parent of each joint in the order of 'joints'; the root names itself.")
        return parents

    def _parents_of_bones(self) -> tuple[int, ...]:
        """Parents by walking along the bones from the root."""
        given = self.table["bones"]
        pairs = cast("list[Any]", given) if isinstance(given, list) else [given]
        if bad := [pair for pair in pairs if not _are_texts(pair) or len(pair) != 2]:
            self._refuse(f"'bones' must be pairs of joints, {_came(bad[0])}")
        bones = [self._places(pair, "bones") for pair in pairs]
        root = self._places(self.table.get("root", self.joints[0]), "root")[0]
        parents, reached = {root: root}, [root]
        for joint in reached:  # the list grows while it is read
            for first, second in bones:
                other = second if first == joint else first if second == joint else joint
                if other not in parents:
                    parents[other] = joint
                    reached.append(other)
        if apart := [name for i, name in enumerate(self.joints) if i not in parents]:
            self._refuse(f"no chain of 'bones' joins {apart[0]!r} to the root {self.joints[root]!r}")
        if len(bones) != len(self.joints) - 1:
            self._refuse(f"'bones' has {len(bones)} pairs for {len(self.joints)} joints, so some close a circle")
        return tuple(parents[i] for i in range(len(self.joints)))

    def _check_tree(self, parents: Sequence[int]) -> None:
        roots = [self.joints[i] for i, parent in enumerate(parents) if i == parent]
        if len(roots) > 1:
            problem = f"'parents' has {len(roots)} roots: {', '.join(map(repr, roots[:4]))} name themselves"
            self._refuse(problem, "Keep one of them, and give the others a parent.")
        for start in range(len(parents)):
            joint, way = start, [start]
            while parents[joint] != joint:
                joint = parents[joint]
                if joint in way:
                    circle = [self.joints[i] for i in (*way[way.index(joint) :], joint)]
                    remedy = None if roots else "Let the root, usually the hips, name itself."
                    self._refuse(f"'parents' go in a circle: {' -> '.join(circle)}", remedy)
                way.append(joint)

    # -------------------------------------------------------------- parts, rules, roles
    def _parts(self) -> dict[str, tuple[int, ...]]:
        section, found = self._section("parts"), dict[str, str]()
        for part in section:
            self._require_known(part, "parts", BODY_PARTS)
        parts = {part: tuple(sorted(self._places(section.get(part, []), f"parts.{part}"))) for part in BODY_PARTS}
        for part, places in parts.items():
            for name in (self.joints[i] for i in places):
                if name in found:
                    self._refuse(f"the joint {name!r} is in two body parts, {found[name]!r} and {part!r}")
                found[name] = part
        if lacking := [joint for joint in self.joints if joint not in found]:
            remedy = f"Add it to one of {', '.join(BODY_PARTS)} under [parts]."
            self._refuse(f"the joint {lacking[0]!r} is in no body part", remedy)
        return parts

    def _require_known(self, name: str, section: str, known: Sequence[str]) -> None:
        if name in KEYS:
            self._refuse(f"{name!r} stands in [{section}]", "Move it above the first line in square brackets.")
        if name not in known:
            self._refuse(f"unknown key {name!r} in [{section}]", nearest_name(name, known))

    def _rules(self) -> dict[str, dict[str, float]]:
        ntu, section = joint_layout("ntu25").joints, self._section("to_ntu25")
        for joint in section:
            self._require_known(joint, "to_ntu25", ntu)
        rules = {joint: self._rule(joint, rule) for joint, rule in section.items()}
        for joint, place in zip(ntu, matched_joints(self.joints, ntu), strict=True):
            if place is not None:
                rules.setdefault(joint, {self.joints[place]: 1.0})
        for joint, sources in DERIVED:
            if joint not in rules and all(source in rules for source in sources):
                rules[joint] = _mixed((share, rules[source]) for source, share in sources.items())
        if lacking := [joint for joint in ntu if joint not in rules]:
            derivable = dict(DERIVED)  # what others are derived from is asked for first
            first = min(lacking, key=lambda joint: joint in derivable)
            remedy = f'Say it under [to_ntu25], like {first} = "{self.joints[0]}".'
            self._refuse(f"nothing says what NTU's {first!r} is made of", remedy)
        return {joint: rules[joint] for joint in ntu}

    def _rule(self, joint: str, rule: Any) -> dict[str, float]:
        key = f"to_ntu25.{joint}"
        names = list(cast("dict[str, Any]", rule)) if isinstance(rule, dict) else rule
        places = self._places(names, key)
        if not places or len(set(places)) < len(places):
            self._refuse(f"{key!r} must name one joint or several different ones, {_came(rule)}")
        for name, weight in cast("dict[str, Any]", rule).items() if isinstance(rule, dict) else ():
            number = isinstance(weight, int | float) and not isinstance(weight, bool)
            if not number or not 0 <= weight <= 1 + TOLERANCE:
                self._refuse(f"{key!r} has the weight {weight!r} for {name!r}; weights are from 0 to 1")
        weights = shares(rule)
        total = sum(weights.values())
        if abs(total - 1.0) > TOLERANCE:
            listed = ", ".join(f'"{name}"' for name in weights)
            self._refuse(f"the weights of {key!r} sum to {total:g}, not to 1", f"Equal shares are a list: [{listed}].")
        return {name: float(weight) for name, weight in weights.items()}

    def _roles(self, rules: Mapping[str, Mapping[str, float]]) -> dict[str, tuple[int, ...]]:
        section, ntu = self._section("roles"), joint_layout("ntu25")
        for role in section:
            self._require_known(role, "roles", ROLES)
        roles = {role: self._places(places, f"roles.{role}") for role, places in section.items()}
        for role, places in roles.items():
            if not places:
                self._refuse(f"'roles.{role}' names no joint", "Leave it out: it is derived from [to_ntu25].")
        for role in ROLES:
            rule = rules[ntu.joints[ntu.roles[role][0]]]
            roles.setdefault(role, tuple(self.joints.index(name) for name, weight in rule.items() if weight > 0))
        return {role: roles[role] for role in ROLES}


def _came(value: Any) -> str:
    return "but it is missing" if value is None else f"got {shortened(repr(value))}"


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in cast("list[Any]", value))


def _mixed(parts: Iterable[tuple[float, Mapping[str, float]]]) -> dict[str, float]:
    """A weighted mean of rules as one rule."""
    total: dict[str, float] = {}
    for share, rule in parts:
        for joint, weight in rule.items():
            total[joint] = total.get(joint, 0.0) + share * weight
    return total
