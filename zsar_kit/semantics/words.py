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
        words: classes separated by ``;``, each ``label: description`` or a label alone, which then is its own
            description (with a warning). ``@FILE`` reads them from a UTF-8 file, one per line or separated by ``;``.
        first_id: id of the first class; the others follow.

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
    labels: list[str] = []
    descriptions: list[str] = []
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
        if not description:
            log.warning("the class %r has no description; its label is used instead", label)
        labels.append(label)
        descriptions.append(description or label)
    if len(labels) < 2:
        raise TextError(
            f"at least two classes are needed to choose among, got {len(labels)}",
            where=where,
            remedy='Separate classes by semicolons: "sit down; stand up".',
        )
    for what, values in (("label", labels), ("description", descriptions)):
        folded = [v.casefold() for v in values]
        if twice := [v for v in values if folded.count(v.casefold()) > 1]:
            raise TextError(
                f"the {what} {twice[0]!r} occurs twice, so these classes cannot be told apart",
                where=where,
                remedy="Describe how they differ, or leave one out.",
            )
    by_class = tuple(
        {name: (label if name in _LABELS else description,) for name in TEXT_SETS}
        for label, description in zip(labels, descriptions, strict=True)
    )
    ids = tuple(range(first_id, first_id + len(labels)))
    return ClassTexts(DATASET, ids, tuple(labels), TEXT_SETS, by_class, where)
