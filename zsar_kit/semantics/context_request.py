"""Which masked prompts a method wants of the language model."""

from __future__ import annotations

from dataclasses import dataclass

USED_TITLES = ("Used object", "Manipulable object")
"""What a prompt may call the slot of the used object: the paper's title, and that of the released code."""


@dataclass(frozen=True)
class ContextRequest:
    """What a :class:`~zsar_kit.semantics.context_bank.ContextBank` is built for.

    Attributes:
        slots: the slots of the prompt (SkeletonContext, Table 7), of :data:`~zsar_kit.semantics.texts.SLOTS`; their
            order counts.
        vocabulary: how many of the model's most frequent whole words are candidates, besides the words of the
            classes; 0 takes all whole words.
        own_head: whether the model's pretrained head is wanted too.
        shuffled: whether each description comes once for every order of its words, so that "Environment" may hold the
            object, as in the released code.
        used_title: what the prompt calls the slot of the used object, of :data:`USED_TITLES`.
    """

    slots: tuple[str, ...]
    vocabulary: int = 0
    own_head: bool = False
    shuffled: bool = False
    used_title: str = USED_TITLES[0]
