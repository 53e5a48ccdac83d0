"""Classes given as words: ``typing: hands tap keys in front of the chest; writing; put on a hat``."""

from __future__ import annotations

import logging
from pathlib import Path

from zsar_kit.errors import TextError
from zsar_kit.semantics.texts import TEXT_SETS, ClassTexts

DATASET = "words"
_LABELS = ("name", "label", "noun", "verb")
"""Text sets that take the label; all others, contexts included, take the description."""

log = logging.getLogger("zsar_kit")


def parse_classes(words: str, *, first_id: int = 0) -> ClassTexts:
    """Class texts from one line, or from a file.

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


def named_words(words: str) -> tuple[list[tuple[str, str]], str]:
    """Labels and descriptions from one line, or from a file.

    Args:
        words: classes separated by ``;``, each ``label: description`` or a label alone. ``@FILE`` reads them from a
            UTF-8 file, one per line or separated by ``;``.

    Returns:
        Label and description of each class, the latter empty where there is none; and the place, for messages.

    Raises:
        TextError: the file is missing, there are fewer than two classes, a label or a description is blank, or two
            classes have the same label or the same description.
    """
    where = "classes"
    if words.startswith("@"):
        path = Path(words[1:])
        if not path.is_file():
            raise TextError("the file of classes does not exist", where=path, remedy="Check the path after @.")
        words, where = ";".join(path.read_text(encoding="utf-8-sig").splitlines()), str(path)
    pairs: list[tuple[str, str]] = []
    for part in (" ".join(p.split()) for p in words.split(";")):
        if not part:
            continue
        label, colon, description = (p.strip() for p in part.partition(":"))
        if not label or (colon and not description):
            raise TextError(
                f"a class needs a label, and a description after its colon, got {part!r}",
                where=where,
                remedy="Write: label: description; label: description",
            )
        pairs.append((label, description))
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
