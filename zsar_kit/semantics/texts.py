"""Class texts: what a language model reads about each action (Flora section 4.1, the semantics a_y; SkeletonContext
section 3.2, its context descriptions). Their files are read by :mod:`zsar_kit.semantics.text_files`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from zsar_kit.config import digest_of
from zsar_kit.data.joints import BODY_PARTS
from zsar_kit.errors import TextError, nearest_name
from zsar_kit.reprs import counted, markdown_table, shortened
from zsar_kit.semantics.editions import CURRENT, Edition

TEXT_REGIONS = ("head", "hands", "torso", "legs")
"""Regions of the body that the text set ``parts`` describes, a sentence each."""

PHASES = ("start", "middle", "end")
"""Phases of a motion that the text set ``phases`` describes, a sentence each."""

SLOTS = ("environment", "used_object", "target_object")
"""What SkeletonContext masks and reads from the skeleton (section 3.3.2)."""

_SHOWN = 5
"""Classes that a notebook shows of a set of texts."""

NOTHING = "none"
"""The word of a slot that has no object."""

BASIC_SETS = ("name", "label", "definition", "motion")
PLAIN_SETS = (*BASIC_SETS, "noun", "verb")
GROUPS = {"parts": TEXT_REGIONS, "phases": PHASES}
TEXT_SETS = (
    *PLAIN_SETS,
    *(name for group, members in GROUPS.items() for name in (group, *(f"{group}.{m}" for m in members))),
    "contexts",
)
"""Names of text sets; ``parts``, ``phases`` and ``contexts`` have several sentences per class, others usually one."""


@dataclass(frozen=True)
class Context:
    """One context description: *In environment, body part uses object to perform sub-action on target object.*

    Its sentence depends on the edition: :func:`zsar_kit.semantics.context_sentences.context_sentence`.

    Args:
        environment: where the action takes place.
        body_part: the body part that acts, of :data:`BODY_PARTS`.
        used_object: the object that is used, or ``none``.
        sub_action: what exactly is done; ``~`` marks the place of the target, which otherwise comes last.
        target_object: the object that is acted on, or ``none``.
    """

    environment: str
    body_part: str
    used_object: str
    sub_action: str
    target_object: str

    @property
    def action(self) -> str:
        """The sub-action with its target in place."""
        if self.target_object == NOTHING:
            return self.sub_action
        marked = self.sub_action if "~" in self.sub_action else f"{self.sub_action} ~"
        return marked.replace("~", self.target_object)

    def slot(self, name: str) -> str:
        """The word in one slot, of :data:`SLOTS`."""
        return getattr(self, name)


@dataclass(frozen=True)
class Spot:
    """The place of a ``[[class]]`` table in a file, for messages: the TOML parser does not report it.

    Args:
        place: the file.
        table: number of the table, from 1.
        lines: the table's lines, its header first; empty without a file.
        first: line number of the header.
        class_id: id of the class, once it is known.
    """

    place: str
    table: int
    lines: tuple[str, ...] = ()
    first: int = 0
    class_id: int | None = None

    def __repr__(self) -> str:
        return f"Spot({shortened(self.at(), 120)!r})"

    def at(self, key: str = "", row: int | None = None) -> str:
        """File, line, table, class and, in a list, row."""
        line = self.line(key, row)
        return "".join(
            [
                self.place,
                f", line {line}" if line else "",
                f", [[class]] table {self.table}",
                "" if self.class_id is None else f" (class {self.class_id})",
                "" if row is None else f", {key} row {row}",
            ]
        )

    def line(self, key: str = "", row: int | None = None) -> int | None:
        """Line number of a key, or of a row of its list; that of the header if it is not found."""
        if not self.lines:
            return None
        names = (key, key.partition(".")[0])
        starts = [i for i, text in enumerate(self.lines) if re.match(r"\s*([\w.]+)\s*=", text)]
        named = {re.match(r"\s*([\w.]+)", self.lines[i])[1]: i for i in reversed(starts)}  # type: ignore[index]
        found = next((named[n] for n in names if n in named), 0)
        if row is not None:
            rows = [i for i in range(found + 1, len(self.lines)) if self.lines[i].lstrip().startswith("[")]
            found = rows[row - 1] if len(rows) >= row else found
        return self.first + found


@dataclass(frozen=True)
class ClassTexts:
    """The texts of every class of one data set.

    Args:
        dataset: name of the data set.
        ids: class ids (0-based original labels), in the file's order.
        names: official class names, one per id.
        common_sets: text sets that every class has, of :data:`TEXT_SETS`.
        by_class: for each class, text set to sentences.
        source: the file that the texts were read from, for messages.
        contexts: for each class its context descriptions, if any.
        key_parts: for each class the body parts that perform the motion, if given.
        spots: for each class its place in the file, for messages.
        edition: the edition whose form the context descriptions have.
    """

    dataset: str
    ids: tuple[int, ...]
    names: tuple[str, ...]
    common_sets: tuple[str, ...]
    by_class: tuple[dict[str, tuple[str, ...]], ...]
    source: str
    contexts: tuple[tuple[Context, ...], ...] = ()
    key_parts: tuple[tuple[str, ...], ...] = ()
    spots: tuple[Spot, ...] = ()
    edition: Edition = CURRENT

    def __repr__(self) -> str:
        sizes = f"{counted(len(self.ids), 'class', 'classes')}, {counted(len(self.common_sets), 'text set')}"
        contexts = counted(sum(map(len, self.contexts)), "context description")
        return f"ClassTexts({shortened(self.dataset, 40)!r}, {sizes}, {contexts}, read from {shortened(self.source)!r})"

    def _repr_markdown_(self) -> str:
        """The first classes with their label and motion text."""
        columns = [name for name in ("label", "motion") if name in self.common_sets]
        table = markdown_table(
            ["id", "class", *columns],
            [(i, self.names[row], *(self.of(c, i) for c in columns)) for row, i in enumerate(self.ids[:_SHOWN])],
        )
        rest = len(self.ids) - _SHOWN
        return f"{table}\n{counted(rest, 'more class', 'more classes')}.\n" if rest > 0 else table

    def sentences(self, text_set: str, class_id: int) -> tuple[str, ...]:
        """The sentences of one class in one text set.

        Raises:
            TextError: the text set is unknown, or the class is absent or has no such text.
        """
        if text_set not in TEXT_SETS:
            raise TextError(f"unknown text set {text_set!r}", remedy=nearest_name(text_set, TEXT_SETS))
        index = self.position(class_id)
        if text_set not in self.by_class[index]:
            lacking = sum(text_set not in own for own in self.by_class)
            raise TextError(
                f"class {class_id} ({self.names[index]!r}) has no {text_set!r} text; {lacking} of {len(self.ids)} "
                "classes have none",
                where=self.source,
                remedy=f"Add `{text_set} = ...` to its [[class]] table (`zsar texts generate` writes whole ones), or "
                f"choose one of {list(self.common_sets)}.",
            )
        return self.by_class[index][text_set]

    def of(self, text_set: str, class_id: int) -> str:
        """The text of one class in one text set; several sentences are joined by a blank.

        Raises:
            TextError: as in :meth:`sentences`.
        """
        return " ".join(self.sentences(text_set, class_id))

    def contexts_of(self, class_id: int) -> tuple[Context, ...]:
        """The context descriptions of one class.

        Raises:
            TextError: the class is absent or has none.
        """
        self.sentences("contexts", class_id)
        return self.contexts[self.position(class_id)]

    def key_parts_of(self, class_id: int) -> tuple[str, ...]:
        """The body parts that perform the motion of one class, of :data:`BODY_PARTS`.

        Raises:
            TextError: the class is absent or has none.
        """
        index = self.position(class_id)
        if not self.key_parts or not self.key_parts[index]:
            raise TextError(
                f"class {class_id} ({self.names[index]!r}) has no key parts",
                where=self.source,
                remedy=f"Add `key_parts = [...]` with some of {list(BODY_PARTS)} to its [[class]] table.",
            )
        return self.key_parts[index]

    def position(self, class_id: int) -> int:
        """Position of a class in all lists.

        Raises:
            TextError: the class is absent.
        """
        if class_id not in self.ids:
            raise TextError(
                f"class {class_id} of {self.dataset!r} has no text; classes with texts: {_ranges(self.ids)}",
                where=self.source,
                remedy=f"Add a [[class]] table with `id = {class_id}`.",
            )
        return self.ids.index(class_id)

    def digest(self) -> str:
        """Twelve hexadecimal digits that identify the content."""
        return digest_of([self.dataset, list(self.ids), list(self.by_class), list(self.key_parts)])


def _ranges(ids: Iterable[int]) -> str:
    """Class ids in short form, e.g. ``0-4, 7``."""
    runs: list[list[int]] = []
    for i in sorted(ids):
        if runs and i == runs[-1][1] + 1:
            runs[-1][1] = i
        else:
            runs.append([i, i])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)
