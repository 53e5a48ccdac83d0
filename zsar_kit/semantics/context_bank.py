"""``ContextBank``: masked prompts of the *seen* classes, encoded once (SkeletonContext, section 3.3).

The language model is frozen and its prompt does not depend on the skeleton, so the hidden states of every masked
prompt are computed in advance and looked up in training. A bank has the descriptions of seen classes only, so that
nothing about unseen classes can reach training through it.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import permutations, product
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64
from tqdm.auto import tqdm

from zsar_kit.artefacts import atomic_folder, read_json, read_provenance, write_json, write_provenance
from zsar_kit.checkpoints import load_tensors, save_tensors
from zsar_kit.config import digest_of
from zsar_kit.errors import ArtefactError, TextError
from zsar_kit.reprs import counted, shape_of, shortened
from zsar_kit.semantics.context_request import ContextRequest
from zsar_kit.semantics.masked_language import MaskedLanguage, prompt
from zsar_kit.semantics.text_encoder import LanguageRecord
from zsar_kit.semantics.texts import BODY_PARTS, SLOTS, ClassTexts, Context

SCHEMA = 1
_ARRAYS = ("words", "embedding", "hidden", "mask", "prompts", "places", "body_parts", "key_parts")
_ENCODED_AT_ONCE = 512


@dataclass(frozen=True, eq=False)
class ContextBank:
    """Encoded prompts of some classes.

    Attributes:
        dataset: name of the data set.
        class_ids: original ids of the classes, the seen ones.
        slots: the slots of the prompt, in its order.
        vocabulary: candidate words for a masked slot.
        words: for each description the word in each slot, as a row of the vocabulary.
        embedding: input embeddings of the vocabulary.
        hidden: hidden states H_t of the distinct masked prompts; in row 0 all slots are masked.
        mask: true at tokens of a prompt.
        prompts: row of ``hidden`` for each class, description and pattern of masked slots (bit s of the pattern says
            that slot s is masked); -1 at pattern 0, where nothing would be masked.
        places: token position of each slot.
        body_parts: the body part that each description names, one-hot over :data:`BODY_PARTS`.
        key_parts: the body parts that the class's ``key_parts`` field names, one-hot likewise.
        head: the language model's own head for masked words (see :meth:`MaskedLanguage.own_head`); empty unless
            requested.
        language: the language model.
    """

    dataset: str
    class_ids: tuple[int, ...]
    slots: tuple[str, ...]
    vocabulary: tuple[str, ...]
    words: Int64[np.ndarray, "class description slot"]
    embedding: Float32[np.ndarray, "word d"]
    hidden: Float32[np.ndarray, "prompt token d"]
    mask: Bool[np.ndarray, "prompt token"]
    prompts: Int64[np.ndarray, "class description pattern"]
    places: Int64[np.ndarray, " slot"]
    body_parts: Bool[np.ndarray, "class description part"]
    key_parts: Bool[np.ndarray, "class part"]
    language: LanguageRecord
    head: Mapping[str, torch.Tensor] = dataclasses.field(default_factory=dict)

    def __repr__(self) -> str:
        return (
            f"ContextBank({shortened(self.dataset, 40)!r}, {counted(len(self.class_ids), 'seen class')}, "
            f"slots {', '.join(self.slots)}, {counted(len(self.vocabulary), 'word')}, "
            f"prompts {shape_of(self.hidden)}, by {shortened(self.language.name, 40)!r})"
        )

    @classmethod
    def build(
        cls,
        texts: ClassTexts,
        class_ids: Sequence[int],
        language: MaskedLanguage,
        request: ContextRequest,
        *,
        cache: str | Path | None = None,
        progress: bool = False,
    ) -> ContextBank:
        """Encode every masked prompt of the given classes.

        Args:
            texts: class texts with context descriptions of these classes.
            class_ids: the seen classes, and no others.
            language: the masked language model.
            request: the prompt's slots, the candidate words, and the rest.
            cache: folder of encoded prompts, found by content.
            progress: show a bar.

        Raises:
            TextError: a class lacks contexts or key parts, classes have different numbers of descriptions, or a
                slot's word is not one piece.
            MissingModelError: the request wants the model's own head and the model has none.
        """
        slots = request.slots
        if set(slots) <= set(SLOTS):
            slots = tuple(s for s in SLOTS if s in slots)
        places = language.slot_places(slots, request.used_title)
        banks = [texts.contexts_of(c) for c in class_ids]
        if len({len(bank) for bank in banks}) > 1:
            counts = sorted({len(bank) for bank in banks})
            raise TextError(
                f"all classes need the same number of context descriptions, got {counts}",
                where=texts.source,
                remedy="Check them: zsar texts check.",
            )
        if request.shuffled:
            banks = [_in_all_orders(bank, slots) for bank in banks]
        own = [[[language.word_id(row.slot(s), texts.source) for s in slots] for row in bank] for bank in banks]
        used = {i for bank in own for row in bank for i in row}
        frequent = list(language.words.values())[: request.vocabulary or None]
        ids = sorted(used.union(frequent))
        row_of = {token: row for row, token in enumerate(ids)}
        name_of = {token: word for word, token in language.words.items()}
        texts_of, prompts = _masked_prompts(banks, slots, partial(prompt, used_title=request.used_title), language)
        hidden, mask = _encode(texts_of, language, cache, progress)
        head = language.own_head() if request.own_head else {}
        if head:
            head = {**head, "bias": head["bias"][torch.tensor(ids)]}
        return cls(
            dataset=texts.dataset,
            class_ids=tuple(class_ids),
            slots=tuple(slots),
            vocabulary=tuple(name_of[token] for token in ids),
            words=np.array([[[row_of[i] for i in row] for row in bank] for bank in own], dtype=np.int64),
            embedding=language.embedding(ids).numpy(),
            hidden=hidden,
            mask=mask,
            prompts=prompts,
            places=np.array(places, dtype=np.int64),
            body_parts=np.array([[[row.body_part == p for p in BODY_PARTS] for row in bank] for bank in banks]),
            key_parts=np.array([[p in texts.key_parts_of(c) for p in BODY_PARTS] for c in class_ids]),
            language=language.encoder.record,
            head=head,
        )

    def for_inference(self) -> ContextBank:
        """The bank without what only training needs: recognition reads just the prompt with all slots masked."""
        return dataclasses.replace(
            self, hidden=self.hidden[:1], mask=self.mask[:1], prompts=np.minimum(self.prompts, 0), head={}
        )

    def digest(self) -> str:
        """Twelve hexadecimal digits that identify the content."""
        arrays = {name: hashlib.sha256(getattr(self, name).tobytes()).hexdigest() for name in _ARRAYS}
        return digest_of([self._meta(), arrays])

    def write(self, folder: str | Path) -> None:
        """Write the artefact, whole or not at all.

        Raises:
            ArtefactError: the bank has the language model's own head, which only training reads; it is never stored.
        """
        if self.head:
            raise ArtefactError("a bank with the model's own head is not kept", remedy="Write bank.for_inference().")
        with atomic_folder(folder) as scratch:
            tensors = {name: torch.from_numpy(np.ascontiguousarray(getattr(self, name))) for name in _ARRAYS}
            save_tensors(scratch / "bank.safetensors", tensors)
            write_json(scratch / "meta.json", self._meta())
            write_provenance(scratch, "ContextBank", version=SCHEMA, inputs={"language_model": self.language.weights})

    @classmethod
    def read(cls, folder: str | Path) -> ContextBank:
        """Read what :meth:`write` wrote.

        Raises:
            ArtefactError: there is no artefact, it is of another kind or schema, or it is damaged.
        """
        folder = Path(folder)
        read_provenance(folder, "ContextBank", version=SCHEMA)
        meta, (tensors, _) = read_json(folder / "meta.json"), load_tensors(folder / "bank.safetensors")
        missing = [name for name in _ARRAYS if name not in tensors]
        missing += [key for key in ("dataset", "class_ids", "slots", "vocabulary", "language") if key not in meta]
        if missing:
            raise ArtefactError(f"{missing[0]!r} of the ContextBank is missing", where=folder, remedy="Make it again.")
        return cls(
            dataset=meta["dataset"],
            class_ids=tuple(meta["class_ids"]),
            slots=tuple(meta["slots"]),
            vocabulary=tuple(meta["vocabulary"]),
            language=LanguageRecord.from_dict(meta["language"]),
            words=tensors["words"].numpy(),
            embedding=tensors["embedding"].numpy(),
            hidden=tensors["hidden"].numpy(),
            mask=tensors["mask"].numpy(),
            prompts=tensors["prompts"].numpy(),
            places=tensors["places"].numpy(),
            body_parts=tensors["body_parts"].numpy(),
            key_parts=tensors["key_parts"].numpy(),
        )

    def _meta(self) -> dict:
        return {
            "dataset": self.dataset,
            "class_ids": list(self.class_ids),
            "slots": list(self.slots),
            "vocabulary": list(self.vocabulary),
            "language": self.language.to_dict(),
        }


def _in_all_orders(bank: Sequence[Context], slots: Sequence[str]) -> tuple[Context, ...]:
    """Each description, once for every order of the words in its slots."""
    return tuple(
        dataclasses.replace(row, **dict(zip(slots, order, strict=True)))
        for row in bank
        for order in permutations([row.slot(s) for s in slots])
    )


def _masked_prompts(
    banks: Sequence, slots: Sequence[str], template: Callable[[Mapping[str, str]], str], language: MaskedLanguage
) -> tuple[list[str], np.ndarray]:
    """The distinct prompts, the fully masked one first, and the row of each description and pattern among them."""
    mask_token = language.mask_token
    patterns = [tuple(bits[::-1]) for bits in product((False, True), repeat=len(slots))]
    rows: dict[str, int] = {template({s: mask_token for s in slots}): 0}
    table = np.full((len(banks), len(banks[0]), len(patterns)), -1, dtype=np.int64)
    for c, bank in enumerate(banks):
        for d, row in enumerate(bank):
            for number, pattern in enumerate(patterns[1:], start=1):
                filled = template({s: mask_token if m else row.slot(s) for s, m in zip(slots, pattern, strict=True)})
                table[c, d, number] = rows.setdefault(filled, len(rows))
    return list(rows), table


def _encode(
    texts: Sequence[str], language: MaskedLanguage, cache: str | Path | None, progress: bool
) -> tuple[np.ndarray, np.ndarray]:
    parts = []
    starts = range(0, len(texts), _ENCODED_AT_ONCE)
    for start in tqdm(starts, disable=not progress, leave=False, unit="chunk", desc="masked prompts"):
        encoded = language.encoder.encode(texts[start : start + _ENCODED_AT_ONCE], cache=cache)
        parts.append((encoded.tokens.numpy(), encoded.mask.numpy()))
    length = max(tokens.shape[1] for tokens, _ in parts)
    hidden = np.concatenate([np.pad(t, ((0, 0), (0, length - t.shape[1]), (0, 0))) for t, _ in parts])
    mask = np.concatenate([np.pad(m, ((0, 0), (0, length - m.shape[1]))) for _, m in parts])
    return hidden, mask
