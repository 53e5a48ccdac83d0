"""Editions of the class texts: all are kept, so that results can be repeated with the words they were made with.

``first``: rows are rendered word by word, "In beach, hand uses cup to drink from cup."; its wording is frozen.
``second``: sentences in plain English, "On the beach, the hand uses a cup to drink the water.", and stricter rules
(:mod:`zsar_kit.semantics.check`).
"""

from __future__ import annotations

from typing import Literal, get_args

from zsar_kit.errors import TextError, nearest_name

Edition = Literal["first", "second"]
EDITIONS: tuple[Edition, ...] = get_args(Edition)

CURRENT: Edition = "second"
"""The edition that is read unless another is named."""

BEFORE_EDITIONS: Edition = "first"
"""The edition of everything that was made before there was a second one, and so does not name its own."""


def edition_named(name: str) -> Edition:
    """The edition of that name.

    Raises:
        TextError: there is none.
    """
    for edition in EDITIONS:
        if edition == name:
            return edition
    raise TextError(f"unknown edition of the class texts {name!r}", remedy=nearest_name(name, EDITIONS))
