"""What is known about each data set: class names, twin classes, official train and test parts.

The facts of published data sets are in ``resources/classes.toml`` and ``resources/splits.toml``; class ids are 0-based,
in label order. Data sets of one's own bring their facts with them: opening a workspace makes those in it known here
(:func:`make_known`), so that everything that is asked by a data set's name works for them as well.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from zsar_kit.errors import DataError, SplitError, nearest_name

#: The two parts into which a protocol divides the samples of a data set.
PROTOCOL_PARTS = ("train", "test")


#: What data sets of one's own say about themselves: file to data set to facts, as the resources hold them.
_OWN: dict[str, dict[str, dict[str, Any]]] = {"classes.toml": {}, "splits.toml": {}}


@cache
def resource(name: str) -> dict[str, Any]:
    """The content of a TOML file in ``resources``; do not change it."""
    return tomllib.loads((files("zsar_kit.data") / "resources" / name).read_text(encoding="utf-8"))


def is_published(dataset: str) -> bool:
    """Whether a data set is one of those that the kit knows without being told."""
    return dataset in resource("classes.toml")


def make_known(dataset: str, classes: Mapping[str, Any], splits: Mapping[str, Any]) -> None:
    """Make a data set of one's own known to this process, or replace what it said before.

    Two workspaces may each have a data set of the same name; what the one opened last says is in force.

    Args:
        dataset: its name.
        classes: what ``classes.toml`` would say: ``names``, ``persons``, ``synthetic``.
        splits: what ``splits.toml`` would say: ``parts``, ``default_part``, ``twin_groups``, ``splits``.

    Raises:
        SplitError: the name is that of a published data set.
    """
    if is_published(dataset):
        remedy = "Give your data another name."
        raise SplitError(f"{dataset!r} is the name of a published data set", remedy=remedy)
    _OWN["classes.toml"][dataset], _OWN["splits.toml"][dataset] = dict(classes), dict(splits)
    class_names.cache_clear()
    class_count.cache_clear()


def _facts(file: str) -> Mapping[str, dict[str, Any]]:
    return resource(file) | _OWN.get(file, {})


def dataset_facts(file: str, dataset: str) -> dict[str, Any]:
    """What ``file`` says about a data set; SplitError with the nearest name if it is unknown."""
    known = _facts(file)
    if dataset not in known:
        remedy = f"{nearest_name(dataset, known)} Data of your own: zsar data new {dataset} --from FOLDER."
        raise SplitError(f"unknown data set {dataset!r}", remedy=remedy)
    return _known_facts(file, dataset)


def _known_facts(file: str, dataset: str) -> dict[str, Any]:
    """The same, empty for an unknown data set. One that is ``same_as`` another has that one's facts besides its own."""
    own = _facts(file).get(dataset, {})
    return _known_facts(file, own["same_as"]) | own if "same_as" in own else own


def dataset_names() -> tuple[str, ...]:
    """The data sets whose classes are known: published ones, and those of the workspaces opened so far."""
    return tuple(sorted(_facts("classes.toml")))


@cache
def class_count(dataset: str) -> int:
    """The number of classes of a data set.

    Raises:
        SplitError: the data set is not known.
    """
    facts = dataset_facts("classes.toml", dataset)
    return int(facts["classes"]) if "classes" in facts else len(class_names(dataset))


@cache
def class_names(dataset: str) -> tuple[str, ...]:
    """The official class names of a data set in label order.

    Raises:
        SplitError: the data set is not known, or its names are not shipped with the kit (Kinetics).
    """
    facts = dataset_facts("classes.toml", dataset)
    if "names" in facts:
        return tuple(facts["names"])
    if "first_of" in facts:
        return class_names(facts["first_of"])[: facts["classes"]]
    if "ntu_ids" in facts:
        return tuple(class_names("ntu120")[i] for i in facts["ntu_ids"])
    raise SplitError(
        f"the kit has the splits of {dataset!r} but not its class names",
        remedy="Give the names with your data.",
    )


def most_persons(dataset: str) -> int:
    """The largest number of persons in a clip of a data set: 1 or 2.

    Raises:
        SplitError: the data set is not known.
    """
    return int(dataset_facts("classes.toml", dataset).get("persons", 2))


def is_flat(dataset: str) -> bool:
    """Whether the joints of a data set are points of a picture, so that their third coordinate is not known."""
    return int(_known_facts("classes.toml", dataset).get("dimensions", 3)) == 2


def accepted_findings(dataset: str) -> tuple[str, ...]:
    """Findings of the data doctor that whoever made a data set accepted; results made from it say so."""
    return tuple(_known_facts("classes.toml", dataset).get("accepted", ()))


def is_synthetic(dataset: str) -> bool:
    """Whether a data set was computed rather than recorded; every table and figure of it says so.

    False for a data set that the kit does not know.
    """
    return bool(_known_facts("classes.toml", dataset).get("synthetic", False))


def is_generated(dataset: str) -> bool:
    """Whether the kit generates a data set itself, so that there are no raw files to read."""
    return bool(_known_facts("classes.toml", dataset).get("generated", False))


def ntu_ids(dataset: str) -> tuple[int, ...]:
    """The NTU class id behind each class of a data set that has classes of NTU."""
    facts = dataset_facts("classes.toml", dataset)
    if "ntu_ids" in facts:
        return tuple(facts["ntu_ids"])
    if dataset in ("ntu60", "ntu120"):
        return tuple(range(class_count(dataset)))
    raise SplitError(f"the classes of {dataset!r} have no NTU ids")


def twin_groups(dataset: str) -> dict[str, tuple[int, ...]]:
    """Groups of classes that differ only by side or speed; empty where a data set has none."""
    groups = _known_facts("splits.toml", dataset).get("twin_groups", {})
    return {name: tuple(ids) for name, ids in groups.items()}


def part_protocols(dataset: str) -> tuple[str, ...]:
    """Protocols that divide a data set into train and test, the default first; empty if users bring them."""
    facts = _known_facts("splits.toml", dataset)
    default = facts.get("default_part")
    return tuple(sorted(facts.get("parts", {}), key=lambda name: (name != default, name)))


def require_protocol(dataset: str, protocol: str) -> None:
    """Refuse a protocol that a data set does not have; one that brings its own parts may call them anything.

    Raises:
        SplitError: the data set has protocols, and this is none of them.
    """
    known = part_protocols(dataset)
    if known and protocol not in known:
        raise SplitError(f"{dataset} has no protocol {protocol!r}", remedy=nearest_name(protocol, known))


def customary_protocol(dataset: str) -> str:
    """The protocol by which a data set is divided where none is named.

    Raises:
        SplitError: the kit knows none.
    """
    known = part_protocols(dataset)
    if not known:
        raise _without_parts(dataset)
    return known[0]


def _without_parts(dataset: str) -> SplitError:
    """A data set that is not divided: where it is somebody's own, it is made again with a rule."""
    remedy = (
        f"Make it again with a rule that divides it: zsar data new {dataset} ... --parts RULE --replace, in Python "
        "from_arrays(..., parts=[RULE], replace=True); RULE is such as subject:1,3 or train:FILE."
    )
    if is_published(dataset):
        remedy = "Give each sample its part."
    return SplitError(f"the kit knows no train and test parts of {dataset!r}", remedy=remedy)


def part_column(dataset: str, protocol: str) -> str:
    """The index column that a protocol divides by; empty where lists that come with the raw files decide."""
    return dataset_facts("splits.toml", dataset)["parts"][protocol].get("column", "")


def part_mask(dataset: str, protocol: str | None, index_columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Which samples belong to the official train part.

    Args:
        dataset: name of the data set.
        protocol: e.g. ``"xsub"``; ``None`` is the data set's default.
        index_columns: the columns ``subject``, ``camera``, ``setup`` of the index, each ``[sample]``; only
            the one that the protocol divides by is read.

    Returns:
        Boolean array ``[sample]``, true for train; the others are test.

    Raises:
        SplitError: the data set has no such protocol, or the protocol is given by lists that come with the raw files
            (PKU-MMD).
        DataError: the column is missing, or holds a value that is in neither part.
    """
    known = part_protocols(dataset)
    if not known:
        raise _without_parts(dataset)
    protocol = known[0] if protocol is None else protocol
    require_protocol(dataset, protocol)
    rule = dataset_facts("splits.toml", dataset)["parts"][protocol]
    if "lists" in rule:
        problem = f"the {protocol} parts of {dataset} are lists of videos that come with its files, not a rule"
        remedy = f"Prepare {dataset} from its raw files; the prepared set has them (SkeletonSet.parts)."
        raise SplitError(problem, remedy=remedy)
    if rule["column"] not in index_columns:
        raise DataError(f"{dataset} {protocol} divides by {rule['column']!r}, but the index lacks it")
    values = np.asarray(index_columns[rule["column"]])
    train = np.isin(values, rule["train"])
    placed = train | np.isin(values, rule["test"]) if "test" in rule else values >= 0
    if not placed.all():
        row = int(np.flatnonzero(~placed)[0])
        problem = f"{rule['column']} {values[row]} is in neither part of {dataset} {protocol}"
        raise DataError(problem, where=f"sample {row}")
    return train
