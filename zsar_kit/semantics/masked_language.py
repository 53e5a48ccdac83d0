"""What SkeletonContext asks of a BERT-like masked language model (section 3.3): masked prompts and single words.

Any frozen encoder with a mask token will do. :mod:`zsar_kit.semantics.text_encoder` loads the model; this module has
its words and their embeddings, the prompt template, and the model's own head where there is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from zsar_kit.errors import ConfigError, MissingModelError, TextError
from zsar_kit.semantics.context_request import USED_TITLES
from zsar_kit.semantics.text_encoder import TextEncoder, quiet_transformers
from zsar_kit.semantics.texts import SLOTS

TITLES = {"environment": "Environment", "used_object": USED_TITLES[0], "target_object": "Target object"}
_BYTE_LEVEL_BLANKS = ("Ġ", "▁")
"""How byte-level and sentence-piece vocabularies mark the blank before a word."""


def prompt(words: Mapping[str, str], used_title: str = USED_TITLES[0]) -> str:
    """The template of section 3.3.2 with a word or a mask in each slot: ``Environment: office | Used object: pen``.

    It holds titles, words and nothing else. The sentences of context descriptions have articles and prepositions, which
    depend on the word ("at home", "on a beach") and would give a masked one away.

    Args:
        words: slot, of :data:`~zsar_kit.semantics.texts.SLOTS`, to its content; absent slots are left out
            (Table 7).
        used_title: title of the used object, of :data:`~zsar_kit.semantics.context_request.USED_TITLES`.
    """
    titles = {**TITLES, "used_object": used_title}
    return " | ".join(f"{titles[slot]}: {words[slot]}" for slot in SLOTS if slot in words)


@dataclass(frozen=True, eq=False)
class MaskedLanguage:
    """A frozen masked language model.

    Args:
        encoder: the text encoder around it.

    Raises:
        MissingModelError: its tokenizer has no mask token.
    """

    encoder: TextEncoder

    def __post_init__(self) -> None:
        if getattr(self.encoder.tokenizer, "mask_token", None) is None:
            raise MissingModelError(
                f"the language model {self.encoder.record.name!r} has no mask token, so it cannot fill masked slots",
                remedy="Use a BERT-like model, such as bert-base-uncased or the offline default.",
            )

    @property
    def mask_token(self) -> str:
        """The token in a masked slot."""
        return self.encoder.tokenizer.mask_token

    @cached_property
    def words(self) -> dict[str, int]:
        """Whole words that are a single piece of the vocabulary, in its order (frequent ones first), with their ids."""
        pieces = self.encoder.tokenizer.get_vocab()
        marked = any(p.startswith(_BYTE_LEVEL_BLANKS) for p in pieces)
        found: dict[str, int] = {}
        for piece, number in sorted(pieces.items(), key=lambda item: item[1]):
            if marked and not piece.startswith(_BYTE_LEVEL_BLANKS):
                continue
            word = piece[1:] if marked else piece
            if len(word) > 1 and word.isalpha() and word not in found:
                found[word] = number
        return found

    def word_id(self, word: str, where: str = "") -> int:
        """The id of a word that is a single piece.

        Raises:
            TextError: the model splits it, so a single mask cannot replace it.
        """
        if word not in self.words:
            pieces = self.encoder.tokenizer.tokenize(f" {word}")
            raise TextError(
                f"a slot must have a single word piece of {self.encoder.record.name!r}, and {word!r} is {pieces}",
                where=where or None,
                remedy="Use a noun that the model knows as one piece (`zsar texts check` knows BERT's words).",
            )
        return self.words[word]

    def embedding(self, ids: Sequence[int]) -> Float[Tensor, "word d"]:
        """Rows of the model's input embeddings, float32 on the CPU."""
        weight = self.encoder.model.get_input_embeddings().weight.detach()
        return weight[torch.tensor(list(ids), device=weight.device)].float().cpu()

    def slot_places(self, slots: Sequence[str], used_title: str = USED_TITLES[0]) -> tuple[int, ...]:
        """Token positions of the slots in a fully masked prompt; they are the same in every filled prompt.

        Args:
            slots: the slots of the prompt.
            used_title: see :func:`prompt`.

        Raises:
            ConfigError: a slot is unknown, or there is none.
        """
        if not slots or any(s not in SLOTS for s in slots):
            raise ConfigError(f"a prompt needs some of the slots {SLOTS}, got {tuple(slots)}", where="slots")
        ids = self.encoder.tokenizer(prompt({s: self.mask_token for s in slots}, used_title))["input_ids"]
        return tuple(i for i, token in enumerate(ids) if token == self.encoder.tokenizer.mask_token_id)

    def own_head(self) -> dict[str, Tensor]:
        """The model's pretrained head, as tensors: a dense layer, a norm, and a bias per word piece.

        Returns:
            ``dense.weight``, ``dense.bias``, ``norm.weight``, ``norm.bias`` and ``bias`` over the whole vocabulary.

        Raises:
            MissingModelError: the checkpoint has no such head (sentence encoders such as the offline default lack it).
        """
        from transformers import AutoModelForMaskedLM

        folder = self.encoder.model.config._name_or_path
        with quiet_transformers():
            model: Any
            model, report = AutoModelForMaskedLM.from_pretrained(
                folder, output_loading_info=True, dtype=torch.float32, local_files_only=True
            )
        head = getattr(getattr(model, "cls", None), "predictions", None)
        missing = [k for k in report["missing_keys"] if k.startswith("cls.") and not k.endswith("decoder.weight")]
        if head is None or missing:
            raise MissingModelError(
                f"the language model {self.encoder.record.name!r} has no pretrained head for masked words",
                where=folder,
                remedy="Train the head here (grounding.decoder = 'trained'), or use a model such as bert-base-uncased.",
            )
        return {
            "dense.weight": head.transform.dense.weight.detach(),
            "dense.bias": head.transform.dense.bias.detach(),
            "norm.weight": head.transform.LayerNorm.weight.detach(),
            "norm.bias": head.transform.LayerNorm.bias.detach(),
            "bias": head.bias.detach(),
        }
