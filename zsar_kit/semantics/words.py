"""Classes given as words: ``typing: hands tap keys in front of the chest; writing; put on a hat``."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from zsar_kit.errors import TextError
from zsar_kit.reprs import shortened
from zsar_kit.semantics.texts import TEXT_SETS, ClassTexts

DATASET = "words"
_LABELS = ("name", "label", "noun", "verb")
"""Text sets that take the label; all others, contexts included, take the description."""

#: classes in words: one text, a list of classes, or label to description
Words = str | Sequence[str] | Mapping[str, str]
FORMAT = 'Write: "label: description; label", or in Python ["label: description", "label"] or {"label": "description"}.'
log = logging.getLogger("zsar_kit")


def parse_classes(words: Words, *, first_id: int = 0) -> ClassTexts:
    """Class texts from one line, a list, a mapping, or a file.

    Args:
        words: see :func:`named_words`; a label without a description is its own (with a warning).
        first_id: id of the first class; the others follow.

    Raises:
        TextError: see :func:`named_words`.
    """
    pairs, where = named_words(words)
    for label, description in pairs:
        if not description:
            warn_undescribed(label)
    by_class = tuple(
        {name: (label if name in _LABELS else description or label,) for name in TEXT_SETS}
        for label, description in pairs
    )
    ids = tuple(range(first_id, first_id + len(pairs)))
    return ClassTexts(DATASET, ids, tuple(label for label, _ in pairs), TEXT_SETS, by_class, where)


def warn_undescribed(label: str) -> None:
    """Say that a label serves as its own description."""
    log.warning("the class %r has no description; its label is used instead", label)


def named_words(words: Words) -> tuple[list[tuple[str, str]], str]:
    """Labels and descriptions from one line, a list, a mapping, or a file.

    Args:
        words: classes separated by ``;``, each ``label: description`` or a label alone. ``@FILE`` reads them from a
            UTF-8 file, one per line or separated by ``;``. Or a list with such a text for each class; or a mapping from
            label to description, which is empty where there is none.

    Returns:
        Label and description of each class, the latter empty where there is none; and the place, for messages.

    Raises:
        TextError: these are no words, the file is missing, there are fewer than two classes, a label or a description
            is blank, or two classes have the same label or the same description.
    """
    pairs, where = _pairs(words)
    if len(pairs) < 2:
        raise TextError(
            f"at least two classes are needed to choose among, got {len(pairs)}",
            where=where,
            remedy='Separate classes by semicolons: "sit down; stand up".',
        )
    for what, values in (("label", [p[0] for p in pairs]), ("description", [p[1] or p[0] for p in pairs])):
        folded = [v.casefold() for v in values]
        if twice := [v for v in values if folded.count(v.casefold()) > 1]:
            raise TextError(
                f"the {what} {twice[0]!r} occurs twice, so these classes cannot be told apart",
                where=where,
                remedy="Describe how they differ, or leave one out.",
            )
    return pairs, where


def _pairs(words: Words) -> tuple[list[tuple[str, str]], str]:
    """Labels and descriptions as they were given, and the place."""
    if isinstance(words, str) and words.startswith("@"):
        path = Path(words[1:])
        if not path.is_file():
            raise TextError("the file of classes does not exist", where=path, remedy="Check the path after @.")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        return _partitioned(";".join(lines).split(";"), str(path)), str(path)
    where = "classes"
    if isinstance(words, str):
        return _partitioned(words.split(";"), where), where
    if isinstance(words, Mapping):
        given = [text for pair in words.items() for text in pair]
    else:
        given = list(words) if isinstance(words, Sequence) else [words]
    if wrong := [text for text in given if not isinstance(text, str)]:
        came = f"{wrong[0]!r} of type {type(wrong[0]).__name__}"
        raise TextError(f"classes are given in words, got {shortened(came)}", where=where, remedy=FORMAT)
    if isinstance(words, Mapping):
        pairs = [(" ".join(label.split()), " ".join(description.split())) for label, description in words.items()]
        if not all(label for label, _ in pairs):
            raise TextError("a class needs a label, got a blank one", where=where, remedy=FORMAT)
        return pairs, where
    if blank := [i for i, text in enumerate(given) if not text.strip()]:
        raise TextError(f"a class needs a label, got a blank text at index {blank[0]}", where=where, remedy=FORMAT)
    return _partitioned(given, where), where


def _partitioned(parts: Sequence[str], where: str) -> list[tuple[str, str]]:
    """Label and description of each part that is not blank."""
    pairs = []
    for part in filter(None, (" ".join(part.split()) for part in parts)):
        label, colon, description = (text.strip() for text in part.partition(":"))
        if not label or (colon and not description):
            problem = f"a class needs a label, and a description after its colon, got {part!r}"
            raise TextError(problem, where=where, remedy=FORMAT)
        pairs.append((label, description))
    return pairs
