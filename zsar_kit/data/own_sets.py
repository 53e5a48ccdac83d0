"""Data sets of one's own: what one says about itself, kept beside its skeletons, and how its parts are named.

A published data set is an entry of the catalogue. One's own is a folder: ``dataset.json`` beside the skeletons has what
the catalogue would say. :func:`make_folder_known` hands it to the catalogue.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np

from zsar_kit.artefacts import read_json, write_json
from zsar_kit.data.catalogue import make_known
from zsar_kit.data.class_split import FORMATS, read_split
from zsar_kit.errors import ArtefactError, DataError, SplitError, nearest_name
from zsar_kit.reprs import counted, listed, shortened

log = logging.getLogger("zsar_kit")
FACTS = "dataset.json"
#: columns that a rule for parts may name, and what the protocol is called if it is not given a name
PART_COLUMNS = {"subject": "xsub", "camera": "xview", "setup": "xset", "replication": "xrep"}
TRAIN_LIST = "train"
#: whole numbers that are written as text have at most so many digits, so that the index can hold them
MOST_DIGITS = 18
WIDEST_RANGE = 100_000


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in cast("list[Any]", value))


def _is_groups(value: Any) -> bool:
    groups = cast("dict[str, Any]", value).values() if isinstance(value, dict) else [None]
    return all(isinstance(ids, list) and all(type(i) is int for i in cast("list[Any]", ids)) for ids in groups)


#: what each key of the file may have
_VALID: dict[str, Callable[[Any], bool]] = {
    "dataset": lambda value: isinstance(value, str) and bool(value),
    "class_names": lambda value: _is_texts(value) and bool(value),
    "persons": lambda value: type(value) is int and value in (1, 2),
    "dimensions": lambda value: type(value) is int and value in (2, 3),
    "synthetic": lambda value: isinstance(value, bool),
    "twins": _is_groups,
    **dict.fromkeys(("subjects", "cameras", "protocols", "accepted"), _is_texts),
}


@dataclass(frozen=True)
class OwnSet:
    """What a data set of one's own says about itself.

    Attributes:
        dataset: its name.
        class_names: in label order.
        persons: most persons in a clip, 1 or 2.
        dimensions: 3, or 2 where the third coordinate is not known and stands at 0.
        synthetic: whether the data were computed rather than recorded.
        subjects, cameras: their names, where they are not numbers: subject ``i`` is the i-th.
        protocols: names of the ways in which it is divided into train and test, the default first.
        twins: groups of classes that differ only by side or speed.
        accepted: findings of the doctor that whoever made the set accepted.
    """

    dataset: str
    class_names: tuple[str, ...]
    persons: int = 2
    dimensions: int = 3
    synthetic: bool = False
    subjects: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    twins: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    accepted: tuple[str, ...] = ()

    def __repr__(self) -> str:
        flat = ", 2-D" if self.dimensions == 2 else ""
        known = f"protocols {listed(self.protocols)}" if self.protocols else "no protocol"
        return f"OwnSet({shortened(self.dataset, 40)!r}: {counted(len(self.class_names), 'class')}{flat}, {known})"

    def write(self, folder: Path) -> None:
        """Write it beside the skeletons."""
        write_json(folder / FACTS, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> OwnSet:
        """Read what a prepared set says about itself.

        Raises:
            ArtefactError: the file is not as :meth:`write` leaves it.
        """
        content = read_json(folder / FACTS)
        known = set(cls.__dataclass_fields__)
        if not isinstance(content, dict) or not {"dataset", "class_names"} <= set(content) <= known:
            raise ArtefactError("not the facts of a data set", where=folder / FACTS, remedy="Make the set again.")
        plain: dict[str, Any] = dict(content)
        for key, value in content.items():
            if not _VALID[key](value):
                problem = f"{key!r} is not what the facts of a data set have there, got {shortened(repr(value), 60)}"
                raise ArtefactError(problem, where=folder / FACTS, remedy="Make the set again.")
            if isinstance(value, list):
                plain[key] = tuple(cast("list[Any]", value))
        plain["twins"] = {name: tuple(ids) for name, ids in content.get("twins", {}).items()}
        facts = cls(**plain)
        if strangers := {i for ids in facts.twins.values() for i in ids} - set(range(len(facts.class_names))):
            problem = f"'twins' names the class {min(strangers)}, there are {len(facts.class_names)}"
            raise ArtefactError(problem, where=folder / FACTS, remedy="Make the set again.")
        return facts

    def make_known(self, splits: Sequence[Path] = ()) -> None:
        """Hand the facts, and class splits in files, to the catalogue; a damaged split is passed over with a warning.

        Raises:
            SplitError: the name is that of a published data set.
        """
        kept = ("persons", "dimensions", "synthetic", "accepted")
        classes = {"names": list(self.class_names)} | {name: getattr(self, name) for name in kept}
        divided: dict[str, Any] = {"parts": {name: {"lists": True} for name in self.protocols}, "splits": {}}
        if self.protocols:
            divided["default_part"] = self.protocols[0]
        if self.twins:
            divided["twin_groups"] = {name: list(ids) for name, ids in self.twins.items()}
        make_known(self.dataset, classes, divided)
        for path in splits:
            try:
                split = read_split(path)  # after the classes are known, as files name classes
            except SplitError as error:
                _warn(str(error))
                continue
            if split.dataset == self.dataset:
                divided["splits"][split.name] = {"unseen": list(split.unseen), "source": split.source}
        make_known(self.dataset, classes, divided)


def make_folder_known(skeletons: Path, splits: Path) -> None:
    """Hand a prepared set's facts to the catalogue, if it has any; sets of published data have none.

    Args:
        skeletons: folder of the prepared set.
        splits: folder of class splits in files; it need not exist.
    """
    if (skeletons / FACTS).is_file():
        OwnSet.read(skeletons).make_known(sorted(path for path in splits.glob("*") if path.suffix in FORMATS))


@cache
def _warn(text: str) -> None:
    """Once in a process: workspaces are opened often."""
    log.warning("%s", text)


@dataclass(frozen=True)
class PartRule:
    """How samples are divided into train and test; made from text by :func:`part_rule`.

    Attributes:
        name: of the protocol.
        column: what decides: a column of the index, or ``train`` for a list of sample names.
        values: numbers or names of the column, or sample names, that are for training; empty for odd numbers.
        text: what was written.
    """

    name: str
    column: str
    values: tuple[str, ...]
    text: str

    def __repr__(self) -> str:
        return f"PartRule({shortened(self.name, 40)!r}: {shortened(self.text, 80)})"

    def mask(self, samples: Sequence[str], column: np.ndarray, names: Sequence[str] = ()) -> np.ndarray:
        """True for train, ``[sample]``.

        Args:
            samples: sample names.
            column: the numbers of the rule's column ``[sample]``; not read for a list of samples.
            names: names of those numbers, where they have some.

        Raises:
            DataError: a value occurs nowhere, a sample has no number, the rule is odd numbers where there are names,
                or one of the parts is empty.
        """
        where = f"--parts {self.text}"
        if self.column == TRAIN_LIST:
            if unknown := sorted(set(self.values) - set(samples)):
                problem = f"there is no sample {unknown[0]!r} ({len(unknown)} of {len(self.values)} names are unknown)"
                raise DataError(problem, where=where, remedy=nearest_name(unknown[0], samples))
            train = np.isin(np.asarray(samples), self.values)
        else:
            if (column < 0).any():
                lacking = samples[int(np.flatnonzero(column < 0)[0])]
                remedy = (
                    f"Give every clip its {self.column} (a column of labels.csv, or {{{self.column}}} in --names), or "
                    "list the samples for training: --parts train:FILE."
                )
                raise DataError(f"no {self.column} is known of sample {lacking!r}", where=where, remedy=remedy)
            if self.values:
                train = np.isin(column, self._numbers(column, names, where))
            elif (own := numbers_in(names)) is not None:
                train = own[column] % 2 == 1
            elif names:
                problem = f"'odd' needs {self.column}s that are numbers or end in one, got {listed(names)}"
                remedy = f"Name those that are for training, as in {self.column}:{names[0]}."
                raise DataError(problem, where=where, remedy=remedy)
            else:
                train = column % 2 == 1
        if train.all() or not train.any():
            problem = f"all {len(train)} samples would be for {'training' if train.all() else 'testing'}"
            raise DataError(problem, where=where, remedy="Name values that some samples have and others have not.")
        return train

    def _numbers(self, column: np.ndarray, names: Sequence[str], where: str) -> list[int]:
        known = {name: number for number, name in enumerate(names)} if names else {}
        found = []
        for value in self.values:
            number = known.get(value, int(value) if value.isdecimal() and not names else -1)
            if not (column == number).any():
                have = names or [str(n) for n in np.unique(column)]
                problem = f"no sample has {self.column} {value!r}"
                raise DataError(problem, where=where, remedy=f"There are: {', '.join(have[:20])}.")
            found.append(number)
        return found


def part_rule(text: str) -> PartRule:
    """A rule as it is written: ``[NAME=]COLUMN:VALUES``.

    ``subject:odd`` (of numbers, or of names like ``P07``), ``subject:1,3,5-8``, ``xsub=subject:anna,ben``,
    ``camera:1,2``, ``train:FILE`` with one sample name a line. Values are for training.

    Raises:
        SplitError: it is written differently.
    """
    head, colon, values = text.partition(":")
    name, equals, column = head.rpartition("=")
    columns = (*PART_COLUMNS, TRAIN_LIST)
    if not colon or not values.strip() or column not in columns or (equals and not name.strip()):
        remedy = (
            f"Write COLUMN:VALUES, as in subject:odd, subject:1,3,5-8 or train:FILE. {nearest_name(column, columns)}"
        )
        raise SplitError(f"not a rule for parts: {text!r}", where="--parts", remedy=remedy)
    if column == TRAIN_LIST:
        listed = _listed(Path(values))
        return PartRule(name or "list", column, listed, text)
    chosen = () if values == "odd" else tuple(v for item in values.split(",") for v in _expanded(item.strip(), text))
    return PartRule(name or PART_COLUMNS[column], column, chosen, text)


def numbers_in(names: Sequence[str]) -> np.ndarray | None:
    """The numbers in names like ``P01``, ``P02``: one prefix for all, then digits; ``None`` if there are others."""
    found = [re.fullmatch(r"(\D*)(\d+)", name) for name in names]
    parts = [match.groups() for match in found if match is not None]
    if not names or len(parts) < len(names) or len({prefix for prefix, _ in parts}) > 1:
        return None
    return np.array([int(digits) for _, digits in parts])


def _expanded(item: str, text: str) -> list[str]:
    """``"5-8"`` as ``5, 6, 7, 8``; anything else as it is."""
    first, dash, last = item.partition("-")
    if dash and first.isdecimal() and last.isdecimal():
        backwards = int(last) < int(first)
        if backwards or int(last) - int(first) > WIDEST_RANGE:
            remedy = "Write the smaller number first." if backwards else f"A range has at most {WIDEST_RANGE} numbers."
            raise SplitError(f"not a range: {item!r}", where=f"--parts {text}", remedy=remedy)
        return [str(n) for n in range(int(first), int(last) + 1)]
    if not item:
        raise SplitError("a value is missing between two commas", where=f"--parts {text}")
    return [item]


def _listed(path: Path) -> tuple[str, ...]:
    if not path.is_file():
        raise SplitError("the list of training samples does not exist", where=path, remedy="Check the path.")
    names = tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    if not names:
        raise SplitError("the list of training samples is empty", where=path)
    return names


def numbered(values: Sequence[Any], what: str) -> tuple[list[int], tuple[str, ...]]:
    """Numbers for the subjects (or cameras) of samples, and their names where they are not numbers.

    Whole numbers stay as they are; names are numbered in the order of the alphabet.

    Args:
        values: one for each sample: whole numbers from 0 on, -1 where it is not known; or names.
        what: the column, for messages.

    Raises:
        DataError: a value is neither (None, a fraction, an empty name); its position is named. Or some are names and
            others numbers.
    """
    plain = [number_or_name(value, f"{what}[{i}]") for i, value in enumerate(values)]
    texts = [isinstance(value, str) for value in plain]
    if not any(texts):
        return [int(value) for value in plain], ()
    if not all(texts):
        problem = f"{what} {plain[texts.index(True)]!r} is a name and {plain[texts.index(False)]!r} a number"
        raise DataError(problem, where=f"{what}[{texts.index(False)}]", remedy="Write names or numbers for all.")
    names = tuple(sorted({str(value) for value in plain}))
    place = {name: number for number, name in enumerate(names)}
    return [place[str(value)] for value in plain], names


def number_or_name(value: Any, where: str) -> int | str:
    """A whole number from -1 on, also if it is written as text or as a float, as tables have them; or else a name.

    Raises:
        DataError: it is neither.
    """
    if isinstance(value, str | np.str_) and str(value).strip():
        text = str(value).strip()
        if text.isdecimal() and len(text) > MOST_DIGITS:
            problem = f"numbers have at most {MOST_DIGITS} digits, got {shortened(text, 40)}"
            raise DataError(problem, where=where, remedy="Put a letter in front of it to make it a name.")
        return int(text) if text.isdecimal() or text == "-1" else text
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not number or not float(value).is_integer() or not -1 <= float(value) < 2**31:
        remedy = "Numbers start at 0, and -1 stands for what is not known; names are text."
        raise DataError(f"a whole number or a name is needed, got {value!r}", where=where, remedy=remedy)
    return int(value)
