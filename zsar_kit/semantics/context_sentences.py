"""Sentences of context descriptions (SkeletonContext, section 3.2), in the form of an edition."""

from __future__ import annotations

from zsar_kit.semantics.editions import CURRENT, Edition
from zsar_kit.semantics.english import place_phrase, with_article
from zsar_kit.semantics.texts import NOTHING, Context


def context_sentence(row: Context, edition: Edition = CURRENT) -> str:
    """*In environment, body part uses object to perform sub-action on target object.*

    The first edition sets the words into the paper's form as they are: "In beach, hand uses cup to drink water.". The
    second writes English: "On the beach, the hand uses a cup to drink the water.". Without a used object the body part
    "moves to" perform the sub-action.
    """
    uses = row.used_object != NOTHING
    if edition == "first":
        means = f"uses {row.used_object}" if uses else "moves"
        return f"In {row.environment}, {row.body_part} {means} to {row.action}."
    means = f"uses {with_article(row.used_object)}" if uses else "moves"
    place = place_phrase(row.environment)
    return f"{place[0].upper()}{place[1:]}, the {row.body_part} {means} to {row.action}."
