"""The artefact ``Semantics``: what a language model makes of a text set's class texts (docs/architecture.md)."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float32

from zsar_kit.artefacts import atomic_folder, read_json, read_provenance, write_json, write_provenance
from zsar_kit.checkpoints import load_tensors, save_tensors
from zsar_kit.config import digest_of
from zsar_kit.errors import ArtefactError, TextError
from zsar_kit.reprs import counted, markdown_table, shape_of, shortened
from zsar_kit.semantics.text_encoder import LanguageRecord, TextEncoder
from zsar_kit.semantics.texts import ClassTexts

SCHEMA = 1
_META_KEYS = ("dataset", "text_set", "class_ids", "class_names", "texts", "language")
_ARRAYS = ("tokens", "mask", "pooled", "sentences", "padding")


@dataclass(frozen=True, eq=False)
class Semantics:
    """Text features of classes: F_a as ``tokens``, f_a = rho(F_a) as ``pooled`` (Flora section 4.2, Eq. 7).

    Args:
        dataset: name of the data set whose classes these are.
        text_set: which texts were read: ``"name"``, ``"label"``, ``"definition"``, ``"motion"``, or the
            name that an importer gave.
        class_ids: original class ids (0-based), one per row.
        class_names: their official names.
        texts: the sentences of each class; empty if the importer knows none.
        tokens: F_a, zeros where ``mask`` is false.
        mask: true at tokens of the text; in each row the true ones come first.
        pooled: f_a, at the scale of the language model.
        language: the language model that made the features.
        sentences: one feature per sentence, if every class has the same number of sentences, two or more.
        padding: the language model's states where the text was padded to a fixed length; zeros at tokens of the text.

    Raises:
        ArtefactError: shapes or types disagree; a class occurs twice or has no token; a value is not finite.
    """

    #: shapes and types are checked below, always and with better messages
    __no_type_check__ = True

    dataset: str
    text_set: str
    class_ids: tuple[int, ...]
    class_names: tuple[str, ...]
    texts: tuple[tuple[str, ...], ...]
    tokens: Float32[np.ndarray, "class token d"]
    mask: Bool[np.ndarray, "class token"]
    pooled: Float32[np.ndarray, "class d"]
    language: LanguageRecord
    sentences: Float32[np.ndarray, "class sentence d"] | None = None
    padding: Float32[np.ndarray, "class place d"] | None = None

    def __post_init__(self) -> None:
        count, width = len(self.class_ids), self.language.width
        where = f"Semantics of {self.dataset!r}, text set {self.text_set!r}"
        length = self.tokens.shape[1] if self.tokens.ndim == 3 else -1
        shapes = {
            "tokens": (self.tokens.shape, (count, length, width)),
            "mask": (self.mask.shape, (count, length)),
            "pooled": (self.pooled.shape, (count, width)),
            "class_names": ((len(self.class_names),), (count,)),
            "texts": ((len(self.texts),), (count,)),
        }
        if self.sentences is not None:
            inner = self.sentences.shape[1] if self.sentences.ndim == 3 else -1
            shapes["sentences"] = (self.sentences.shape, (count, inner, width))
        if self.padding is not None:
            places = self.padding.shape[1] if self.padding.ndim == 3 else -1
            shapes["padding"] = (self.padding.shape, (count, places, width))
        for name, (found, needed) in shapes.items():
            if found != needed:
                raise ArtefactError(f"{name!r} must be of shape {needed}, got {found}", where=where)
        if len(set(self.class_ids)) != count or count == 0:
            raise ArtefactError(f"each class id must occur once, got {self.class_ids}", where=where)
        for name in _ARRAYS:
            array = getattr(self, name)
            needed = np.bool_ if name == "mask" else np.float32
            if array is not None and array.dtype != needed:
                raise ArtefactError(f"{name!r} must be {needed.__name__}, got {array.dtype}", where=where)
            if array is not None and not np.isfinite(array).all():
                row = int(np.argwhere(~np.isfinite(array))[0][0])
                raise ArtefactError(f"{name!r} of class {self.class_ids[row]} is not finite", where=where)
        if not self.mask.any(axis=1).all():
            row = int(np.argmin(self.mask.any(axis=1)))
            raise ArtefactError(f"class {self.class_ids[row]} has no token", where=where)

    def __repr__(self) -> str:
        return (
            f"Semantics({shortened(self.dataset, 40)!r}, {shortened(self.text_set, 40)!r}, "
            f"{counted(len(self.class_ids), 'class', 'classes')}, tokens {shape_of(self.tokens)}, "
            f"pooled {shape_of(self.pooled)}, by {shortened(self.language.name, 40)!r})"
        )

    def _repr_markdown_(self) -> str:
        """Shapes of the features, and where they come from."""
        axes = {"tokens": "class, token, d", "mask": "class, token", "pooled": "class, d"}
        axes["padding"] = "class, place, d"
        rows = [(name, shape_of(array), axes.get(name, "class, sentence, d")) for name, array in self._arrays().items()]
        about = [("data set", self.dataset, ""), ("text set", self.text_set, ""), ("by", self.language.name, "")]
        return markdown_table(["Semantics", "value", "axes"], [*about, *rows])

    @classmethod
    def build(
        cls,
        texts: ClassTexts,
        text_set: str,
        encoder: TextEncoder,
        *,
        cache: str | Path | None = None,
        special_tokens: bool = True,
        truncate: bool = False,
        pad_to: int = 0,
    ) -> Semantics:
        """Encode one text set of every class.

        If a class has several sentences, its tokens are theirs, concatenated, and its pooled feature is the mean
        of their unit vectors, scaled to unit length.

        Args:
            texts: the class texts.
            text_set: one of :data:`zsar_kit.semantics.texts.TEXT_SETS`.
            encoder: the language model.
            cache: folder of encoded texts, keyed by content.
            special_tokens: keep start and end tokens among the token features.
            truncate: cut texts longer than the model's window instead of refusing them.
            pad_to: pad every text to this many tokens and keep the model's states there (``padding``); 0 for none.

        Raises:
            TextError: a class lacks this text, or a text is blank or too long; or a text of several sentences is to be
                padded.
        """
        per_class = tuple(texts.sentences(text_set, c) for c in texts.ids)
        flat = [sentence for sentences in per_class for sentence in sentences]
        if pad_to and len(flat) > len(per_class):
            raise TextError(
                f"a class of the text set {text_set!r} has several sentences, whose padding has no place in one text",
                where="pad_to",
            )
        encoded = encoder.encode(flat, special_tokens=special_tokens, truncate=truncate, pad_to=pad_to, cache=cache)
        mask, vectors = encoded.mask.numpy(), encoded.pooled.numpy()
        rows = [token[keep] for token, keep in zip(encoded.tokens.numpy(), mask, strict=True)]
        ends = np.cumsum([len(sentences) for sentences in per_class])
        spans = [slice(end - len(s), end) for end, s in zip(ends, per_class, strict=True)]
        tokens, mask = _padded([np.concatenate(rows[span]) for span in spans])
        pooled = np.stack([pool_sentences(vectors[span]) for span in spans])
        counts = {len(sentences) for sentences in per_class}
        stackable = len(counts) == 1 and counts != {1}
        return cls(
            dataset=texts.dataset,
            text_set=text_set,
            class_ids=texts.ids,
            class_names=texts.names,
            texts=per_class,
            tokens=tokens,
            mask=mask,
            pooled=pooled,
            language=encoder.record,
            sentences=np.stack([vectors[span] for span in spans]) if stackable else None,
            padding=None if encoded.padding is None else encoded.padding.numpy(),
        )

    def select(self, class_ids: Sequence[int]) -> Semantics:
        """The given classes in the given order.

        Raises:
            TextError: a class has no text here.
        """
        place = {c: row for row, c in enumerate(self.class_ids)}
        if absent := [c for c in class_ids if c not in place]:
            raise TextError(
                f"class {absent[0]} of {self.dataset!r} has no text in the set {self.text_set!r}",
                remedy=f"Classes with texts: {list(self.class_ids)}.",
            )
        rows = [place[c] for c in class_ids]
        return dataclasses.replace(
            self,
            class_ids=tuple(self.class_ids[r] for r in rows),
            class_names=tuple(self.class_names[r] for r in rows),
            texts=tuple(self.texts[r] for r in rows),
            tokens=self.tokens[rows],
            mask=self.mask[rows],
            pooled=self.pooled[rows],
            sentences=None if self.sentences is None else self.sentences[rows],
            padding=None if self.padding is None else self.padding[rows],
        )

    @property
    def padded_to(self) -> int:
        """Number of tokens that the texts were padded to; 0 without padding."""
        return 0 if self.padding is None else self.padding.shape[1]

    def digest(self) -> str:
        """Twelve hexadecimal digits that identify texts, language model and features."""
        hashes = {k: hashlib.sha256(v.tobytes()).hexdigest() for k, v in self._arrays().items()}
        return digest_of([self._meta(), hashes])

    def write(self, folder: str | Path) -> None:
        """Write the artefact atomically: features as safetensors, the rest as JSON, and its provenance."""
        with atomic_folder(folder) as scratch:
            tensors = {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in self._arrays().items()}
            save_tensors(scratch / "features.safetensors", tensors)
            write_json(scratch / "meta.json", self._meta())
            inputs = {"language_model": self.language.weights, "texts": digest_of(self._meta()["texts"])}
            write_provenance(scratch, "Semantics", version=SCHEMA, inputs=inputs)

    @classmethod
    def read(cls, folder: str | Path) -> Semantics:
        """Read what :meth:`write` wrote.

        Raises:
            ArtefactError: there is no artefact, it is of another kind or schema, or it is damaged.
        """
        folder = Path(folder)
        read_provenance(folder, "Semantics", version=SCHEMA)
        meta = read_json(folder / "meta.json")
        tensors, _ = load_tensors(folder / "features.safetensors")
        missing = [k for k in _META_KEYS if not isinstance(meta, Mapping) or k not in meta]
        missing += [k for k in _ARRAYS[:3] if k not in tensors]
        if missing:
            raise ArtefactError(f"{missing[0]!r} of the Semantics is missing", where=folder, remedy="Make it again.")
        sentences, padding = tensors.get("sentences"), tensors.get("padding")
        return cls(
            dataset=meta["dataset"],
            text_set=meta["text_set"],
            class_ids=tuple(meta["class_ids"]),
            class_names=tuple(meta["class_names"]),
            texts=tuple(tuple(sentences) for sentences in meta["texts"]),
            tokens=tensors["tokens"].numpy(),
            mask=tensors["mask"].numpy(),
            pooled=tensors["pooled"].numpy(),
            language=LanguageRecord.from_dict(meta["language"]),
            sentences=None if sentences is None else sentences.numpy(),
            padding=None if padding is None else padding.numpy(),
        )

    def _meta(self) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "text_set": self.text_set,
            "class_ids": list(self.class_ids),
            "class_names": list(self.class_names),
            "texts": [list(sentences) for sentences in self.texts],
            "language": self.language.to_dict(),
        }

    def _arrays(self) -> dict[str, np.ndarray]:
        return {name: getattr(self, name) for name in _ARRAYS if getattr(self, name) is not None}


def pool_sentences(vectors: Float32[np.ndarray, "sentence d"]) -> Float32[np.ndarray, " d"]:
    """One feature for several sentences: the mean of their unit vectors, scaled to unit length.

    A single sentence is returned unchanged. Unit vectors are averaged so that a long vector does not count for more.
    """
    if len(vectors) == 1:
        return vectors[0]
    tiny = np.finfo(np.float32).tiny  # opposite or zero sentences give a zero vector, not NaN
    mean = (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), tiny)).mean(axis=0)
    return (mean / max(float(np.linalg.norm(mean)), float(tiny))).astype(np.float32)


def _padded(
    rows: Sequence[Float32[np.ndarray, "_ d"]],
) -> tuple[Float32[np.ndarray, "class token d"], Bool[np.ndarray, "class token"]]:
    """Ragged token rows as one array padded with zeros, and the mask of real tokens."""
    tokens = np.zeros((len(rows), max(map(len, rows)), rows[0].shape[1]), dtype=np.float32)
    mask = np.zeros(tokens.shape[:2], dtype=bool)
    for i, row in enumerate(rows):
        tokens[i, : len(row)], mask[i, : len(row)] = row, True
    return tokens, mask
