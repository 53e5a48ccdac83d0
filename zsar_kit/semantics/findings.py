"""What a check of class texts finds: a fault with its kind, place and remedy."""

from __future__ import annotations

from dataclasses import dataclass

from zsar_kit.semantics.texts import ClassTexts

KINDS = {
    "completeness": "a class or a text is missing, extra, misnamed or doubled",
    "form": "a sentence is too long or no sentence",
    "vocabulary": "a slot's word is no single word piece, or the class itself",
    "variety": "rows are too few or too alike",
    "hands and sides": "parts or phases name other limbs or sides than the motion",
    "hedge": "or, may, usually, about, a little",
    "duration": "again and again, for a long time",
    "referent": "other, again, first without anything to refer to",
    "path": "a clockwise path, or a direction of the class name, is told wrongly or not at all",
    "target": "a target without its place in the sub-action",
    "word order": "a sub-action does not begin with its verb, or a determiner has no noun",
    "determiner": "a countable noun without one, or a for an",
    "preposition": "a place without its preposition and article: in beach, in home",
    "coverage": "too few rows show the class's verb or noun",
    "object": "the class's object is in no row",
}
"""Kinds of findings, in the order of reports, with what they are about; from "hands and sides" on they are rules of
the second edition."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Args:
        where: file, line and class.
        problem: what was required and what was found.
        remedy: what to do.
        kind: of :data:`KINDS`.
    """

    where: str
    problem: str
    remedy: str
    kind: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}. {self.remedy}"


def place_of(texts: ClassTexts, class_id: int, key: str = "", row: int | None = None) -> str:
    """File, line and class of a key, or of a row of its list."""
    if texts.spots:
        return texts.spots[texts.position(class_id)].at(key, row)
    return f"{texts.source}, class {class_id}"
